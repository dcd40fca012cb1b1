"""The page of results says what the committed measurements say, no more and no less; nothing is measured here."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import page, store
from benchmarks.accuracy import list_quality_of, peer_job, rating_quality
from benchmarks.contestants import LISTS, RATINGS
from benchmarks.peers import Peer, PeerError
from benchmarks.targets import numbers, targets
from recsys_lab import Popularity, Ratings, datasets, evaluate_ranking, split


def test_the_page_is_what_the_results_make() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `python -m benchmarks page`"


def test_the_readme_section_is_what_the_results_make_and_short() -> None:
    readme = page.README.read_text(encoding="utf-8")
    assert readme == page.with_section(readme), "run `python -m benchmarks page`"
    assert len(page.section().splitlines()) <= 35


def test_every_figure_that_was_asked_for_has_a_row_with_a_measurement() -> None:
    rows = targets()
    assert len(rows) == 18
    assert all(row.level in numbers.LEVELS and "not measured" not in row.reached for row in rows)


def test_every_contestant_is_in_the_results_or_named_as_missing() -> None:
    for part, run in (("ratings-ml-100k", RATINGS), ("lists", LISTS)):
        found = store.kept(part)
        expected = {f"{c.by}: {c.name}" for c in run}
        assert expected <= set(found["rows"]) | set(found["missing"])


def test_the_pictures_of_the_page_are_there() -> None:
    folder = page.PAGE.parent / "figures"
    assert {p.name for p in folder.glob("*.png")} == {"ratings.png", "lists.png", "spark.png", "ann.png"}


def test_results_hold_no_more_than_six_digits(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    store.keep("x", {"rows": {"a": [1 / 3, 7]}, "n": 123_456_789})
    assert json.loads((tmp_path / "x.json").read_text()) == {"rows": {"a": [0.333333, 7]}, "n": 123_456_789}
    store.forget("x")
    assert store.kept("x") == {}


def test_levels_say_whether_all_that_was_asked_is_reached() -> None:
    assert numbers.level((12, 10, 15)) == "must"
    assert numbers.level((16, 10, 15), (-0.91, -0.918, None)) == "aim"
    assert numbers.level((16, 10, None)) == "must"  # no aim was set
    assert numbers.level((16, 10, 15), (-0.92, -0.918, None)) == "below must"


def test_peers_are_judged_as_this_library_judges_itself() -> None:
    """Lists handed over as columns, as a peer's are, get the figures of evaluate_ranking."""
    train, test = split.per_user_split(datasets.toy().ratings, test=0.4)
    ratings = Ratings.from_frame(train)
    model = Popularity().fit(ratings)
    table = model.recommend(ratings.users.ids, 10)
    best = np.full((ratings.n_users, 10), -1)
    best[ratings.users.rows(table["user"]), table["rank"] - 1] = ratings.items.rows(table["item"])
    found = list_quality_of(best, ratings, test[test["rating"] >= 4])
    assert found["ndcg"] == pytest.approx(evaluate_ranking(model, test)["ndcg@10"].mean)


def test_a_peer_answers_from_a_process_of_its_own_and_its_failures_are_told() -> None:
    toy = datasets.toy().ratings
    job = peer_job("ratings", Ratings.from_frame(toy), toy)
    with Peer("surprise") as peer:
        predicted, fit_s, answer_s = peer.ask("BaselineOnly", "ratings", job)
        with pytest.raises(PeerError, match="surprise no such model"):
            peer.ask("no such model", "ratings", job)
        assert peer.alive
    assert len(predicted) == len(toy)
    assert min(fit_s, answer_s) >= 0


def test_a_pair_without_an_answer_gets_the_biases_and_all_are_clipped() -> None:
    train, test = split.random_split(datasets.toy().ratings, test=0.3)
    ratings = Ratings.from_frame(train)
    nothing = rating_quality(np.full(len(test), np.nan), ratings, test)
    assert nothing["rmse"] < rating_quality(np.full(len(test), 99.0), ratings, test)["rmse"]


def test_a_job_has_row_numbers_and_marks_who_is_unknown() -> None:
    train = Ratings.from_frame(pd.DataFrame({"user": ["b", "a"], "item": [7, 9], "rating": [4.0, 5.0]}))
    job = peer_job("ratings", train, pd.DataFrame({"user": ["a", "c"], "item": [7, 9], "rating": [1, 1]}))
    assert job["user"].tolist() == [0, 1]
    assert job["rating"].tolist() == [5, 4]
    assert job["test_user"].tolist() == [0, -1]
    assert peer_job("lists", train, pd.DataFrame({"user": [], "item": []}))["rating"].tolist() == [1, 1]
