"""What lesson 4.2 says of the benchmark is what the benchmark measured."""

from __future__ import annotations

import json
import re

import pytest

from recsys_lab.course import leaderboard, lessons
from recsys_lab.course.lessons import home

SUMMIT = 0.882  # the bar for the RMSE over five folds


@pytest.fixture(scope="module")
def folds():
    """{model: its RMSE on each of the five folds}."""
    stored = json.loads((home() / "benchmarks" / "results" / "ratings-ml-100k.json").read_text(encoding="utf-8"))
    return {model: [fold["rmse"] for fold in of.values()] for model, of in stored["rows"].items()}


def _prose() -> str:
    cells = [cell.source for cell in lessons.find("4.2").cells if cell.kind == "markdown" and not cell.instructor]
    return re.sub(r"\s+", " ", " ".join(cells))


def test_the_five_folds_are_those_of_the_benchmark(folds):
    mean = {model: sum(of) / len(of) for model, of in folds.items()}
    ours = folds["here: BayesianMF"]
    assert mean["here: BayesianMF"] <= SUMMIT
    said = [
        f"the mean RMSE of the same model is {mean['here: BayesianMF']:.4f}, from {min(ours):.4f} on the easiest fold to "
        f"{max(ours):.4f} on the hardest",
        f"Without the sets it is {mean['here: BayesianMF(implicit=False)']:.4f}.",
        f"has {mean['myfm: Bayesian MF, flipped']:.4f} on the same folds",
        f"RMSE 0.876 here, {mean['here: BayesianMF']:.4f} over five folds",
    ]
    prose = _prose()
    for sentence in said:
        assert sentence in prose, f"lesson 4.2 should say: {sentence}"


def test_the_prose_quotes_the_leader_board():
    board = leaderboard.show("4.2").set_index("model")
    rmse, ndcg, prose = board["rmse"], board["ndcg@10"], _prose()
    assert board.loc["Bayesian factorization", "rmse"] <= SUMMIT
    bayes, funk, plus = (rmse[name] for name in ("Bayesian factorization", "FunkSVD", "SVD++"))
    for sentence in (
        f"the damped averages have {rmse['damped averages']:.3f} and FunkSVD has {funk:.3f}",
        f"FunkSVD and SVD++ are {funk - plus:.3f} apart on the leader-board",
        f"The Bayesian model lies {funk - bayes:.3f} below FunkSVD",
        f"by lists it has {ndcg['Bayesian factorization']:.3f}",
        f"have {ndcg['most rated films']:.3f}.",
    ):
        assert sentence in prose, f"lesson 4.2 should say: {sentence}"
