"""Each test would fail if the sentence in its name were not true."""

from __future__ import annotations

import numpy as np
from recsys_lab.baselines import Popularity
from recsys_lab.evaluate import evaluate_ranking, hit_table
from recsys_lab.metrics import ndcg

from myrec import data, model


def test_nothing_is_recommended_that_the_user_has_already(fitted, known):
    lists = model.recommend(fitted, known["user"].unique())
    assert len(lists) == 10 * known["user"].nunique()
    assert lists.merge(known, on=["user", "item"]).empty


def test_lists_are_better_than_what_is_popular(fitted, parts):
    train, test = parts
    users = test["user"].unique()
    lists = model.recommend(fitted, users)
    found = ndcg(*hit_table(lists, test[test["rating"] >= data.RELEVANT], users, k=10))
    popular = evaluate_ranking(Popularity().fit(data.ratings(train)), test, relevant=data.RELEVANT)
    assert np.nanmean(found) > 1.2 * popular["ndcg@10"].mean


def test_what_is_loaded_is_what_was_saved(fitted, tmp_path):
    again = model.load(model.save(fitted, tmp_path / "model.npz"))
    assert model.recommend(again, [1, 2, 3]).equals(model.recommend(fitted, [1, 2, 3]))


def test_the_same_rows_in_any_order_give_the_same_file(parts, tmp_path):
    train = parts[0]
    files = [model.save(model.train(rows), tmp_path / name) for rows, name in ((train, "a"), (train.iloc[::-1], "b"))]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_newcomer_with_a_known_users_history_gets_that_users_list(fitted, known):
    mine = known[known["user"] == 1]
    history = dict(zip(mine["item"], mine["rating"], strict=True))
    assert model.recommend_new(fitted, history)["item"].tolist() == model.recommend(fitted, [1])["item"].tolist()


def test_a_stranger_gets_what_is_popular(fitted, known):
    popular = known["item"].value_counts().index[:50]
    lists = model.recommend(fitted, [10_000_000])
    assert len(lists) == 10
    assert lists["item"].isin(popular).all()
