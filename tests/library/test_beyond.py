"""Beyond-accuracy measures against literal loops, on random lists and on real ones; re-ranking against its promises."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys_lab import Popularity, Ratings, beyond, rerank
from recsys_lab.errors import DataError, UnknownIdError
from recsys_lab.knn import ItemKNN


@st.composite
def some_lists(draw):
    """(lists, vectors): distinct items a row, some rows shorter, vectors of shares with some rows of zeros."""
    n_items, k = draw(st.integers(3, 8)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    lists = np.array([rng.permutation(n_items)[:k] for _ in range(4)])
    for row in range(4):
        lists[row, draw(st.integers(0, k)) :] = -1
    vectors = rng.integers(0, 3, size=(n_items, 4)).astype(float)
    return lists, vectors


@given(some_lists())
def test_diversity_is_the_mean_over_pairs(case):
    lists, vectors = case
    for row, got in zip(lists, beyond.diversity(lists, vectors), strict=True):
        x = beyond.unit_rows(vectors)[row[row >= 0]]
        pairs = [1 - a @ b for a, b in itertools.combinations(x, 2)]
        assert got == pytest.approx(np.mean(pairs)) if pairs else np.isnan(got)


@given(some_lists())
def test_gini_is_half_the_mean_absolute_difference(case):
    lists, vectors = case
    n = len(vectors)
    e = np.bincount(lists[lists >= 0], minlength=n)
    want = np.abs(e[:, None] - e[None, :]).sum() / (2 * n * n * e.mean()) if e.sum() else 0.0
    assert beyond.gini(lists, n) == pytest.approx(want)
    assert beyond.coverage(lists, n) == np.mean(e > 0)


@given(some_lists())
def test_miscalibration_and_lift_are_their_formulas(case):
    lists, shares = case
    history = sparse.csr_array(np.random.default_rng(len(shares)).integers(0, 3, (4, len(shares))).astype(float))
    counts = np.arange(1, len(shares) + 1)
    miss = beyond.miscalibration(lists, history, shares)
    lift = beyond.popularity_lift(lists, counts, history)
    surprise = beyond.novelty(lists, counts, 10)
    for u, row in enumerate(lists):
        row = row[row >= 0]
        p = (history.toarray()[u][:, None] * shares).sum(axis=0)
        q = shares[row].sum(axis=0)
        p, q = (v / v.sum() if v.sum() else v for v in (p, q))
        want = sum(a * np.log(a / (0.99 * b + 0.01 * a)) for a, b in zip(p, q) if a > 0)
        assert miss[u] == pytest.approx(want) if p.sum() else np.isnan(miss[u])
        rated = np.flatnonzero(history.toarray()[u])
        known = len(row) > 0 and len(rated) > 0
        assert lift[u] == pytest.approx(counts[row].mean() / counts[rated].mean() - 1) if known else np.isnan(lift[u])
        assert surprise[u] == pytest.approx(np.mean(-np.log2(counts[row] / 10))) if len(row) else np.isnan(surprise[u])


@pytest.fixture(scope="module")
def real(ml100k):
    model = ItemKNN().fit(ml100k.ratings)
    users = list(range(1, 200))
    return model, users, model.recommend(users, n=60), beyond.tags(ml100k.items)


def test_real_lists_behave_as_the_field_reports(ml100k, real):
    model, users, lists, shares = real
    mine = beyond.describe(lists[lists["rank"] <= 10], model.train_, shares)
    popular = beyond.describe(Popularity().fit(ml100k.ratings).recommend(users), model.train_, shares)
    assert popular.loc["coverage", "mean"] < mine.loc["coverage", "mean"]
    assert popular.loc["gini", "mean"] > mine.loc["gini", "mean"]
    assert popular.loc["novelty", "high"] < mine.loc["novelty", "low"]
    assert popular.loc["popularity lift", "low"] > mine.loc["popularity lift", "high"]
    assert (popular["users"] == 199).all()


def test_mmr_without_trade_off_is_the_models_order_and_with_it_more_varied(real):
    model, _, lists, shares = real
    pd.testing.assert_frame_equal(
        rerank.mmr(lists, shares, trade_off=0), lists[lists["rank"] <= 10].reset_index(drop=True)
    )
    spread = [
        beyond.describe(rerank.mmr(lists, shares, trade_off=t), model.train_, shares).loc["diversity", "mean"]
        for t in (0, 0.3, 0.7)
    ]
    assert spread[0] < spread[1] < spread[2]


def test_mmr_follows_its_formula(real):
    _, _, lists, shares = real
    mine = lists[lists["user"] == 7]
    score = mine["score"].to_numpy()
    score = (score - score.min()) / (score.max() - score.min())
    x = beyond.unit_rows(shares.loc[mine["item"]].to_numpy())
    chosen: list[int] = []
    while len(chosen) < 10:
        gains = [
            -np.inf if i in chosen else 0.6 * score[i] - 0.4 * max((x[i] @ x[j] for j in chosen), default=0.0)
            for i in range(len(score))
        ]
        chosen.append(int(np.argmax(gains)))
    assert rerank.mmr(mine, shares, trade_off=0.4)["item"].tolist() == mine["item"].iloc[chosen].tolist()


def test_calibrated_lists_are_closer_to_the_users_own_mix(real):
    model, _, lists, shares = real
    miss = [
        beyond.describe(rerank.calibrated(lists, model.train_, shares, trade_off=t), model.train_, shares).loc[
            "miscalibration", "mean"
        ]
        for t in (0, 0.3, 0.9)
    ]
    assert miss[0] > miss[1] > miss[2]
    got = rerank.calibrated(lists, model.train_, shares, n=5, trade_off=0.5)
    assert got.groupby("user")["rank"].apply(list).map(lambda r: r == [1, 2, 3, 4, 5]).all()
    assert got.merge(lists, on=["user", "item", "score"]).shape[0] == len(got), "the model's own scores"


def test_fresh_follows_its_formula_and_brings_newer_items(real):
    _, _, lists, _ = real
    age = pd.Series(np.arange(2000) % 7.0, index=np.arange(1, 2001))
    age[lists["item"].iloc[0]] = np.nan
    mine = lists[lists["user"] == 7]
    score = mine["score"].to_numpy()
    score = (score - score.min()) / (score.max() - score.min())
    total = 0.7 * score + 0.3 * np.nan_to_num(0.5 ** (age.loc[mine["item"]].to_numpy() / 2))
    want = mine["item"].to_numpy()[np.argsort(-total, kind="stable")[:10]]
    assert rerank.fresh(mine, age, half_life=2, trade_off=0.3)["item"].tolist() == want.tolist()
    means = [age.loc[rerank.fresh(lists, age.fillna(6), half_life=2, trade_off=t)["item"]].mean() for t in (0, 0.3, 1)]
    assert means[0] > means[1] > means[2]
    plain = lists[lists["rank"] <= 10].reset_index(drop=True)
    pd.testing.assert_frame_equal(rerank.fresh(lists, age, half_life=2, trade_off=0), plain)
    with pytest.raises(DataError, match="younger than new"):
        rerank.fresh(mine, age - 10, half_life=2)
    with pytest.raises(DataError, match="half_life=0"):
        rerank.fresh(mine, age, half_life=0)


def test_refusals(toy, real):
    _, _, lists, shares = real
    with pytest.raises(DataError, match=r"trade_off=2.*from 0 to 1"):
        rerank.mmr(lists, shares, trade_off=2)
    with pytest.raises(DataError, match="n=0"):
        rerank.mmr(lists, shares, n=0)
    with pytest.raises(DataError, match=r"the table lacks .* item"):
        rerank.mmr(lists, shares.iloc[:5])
    with pytest.raises(DataError, match="no candidates"):
        rerank.mmr(lists.iloc[:0], shares)
    with pytest.raises(DataError, match="the lists are empty"):
        beyond.describe(lists.iloc[:0], Ratings.from_frame(toy.ratings))
    with pytest.raises(UnknownIdError):
        beyond.describe(pd.DataFrame({"user": ["ann"], "item": [99], "rank": [1]}), Ratings.from_frame(toy.ratings))
    with pytest.raises(DataError, match="names no tag"):
        beyond.tags(toy.items.assign(genres=""))


def test_an_item_without_tags_has_a_row_of_zeros_whatever_pandas_keeps_text_in(infer_string):
    items = pd.DataFrame({"item": [1, 2, 3], "genres": ["Comedy|Romance", "", None]})
    shares = beyond.tags(items)
    assert shares.columns.tolist() == ["Comedy", "Romance"]
    assert shares.loc[[2, 3]].to_numpy().sum() == 0
