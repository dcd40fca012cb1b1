"""The leader-board of the course: what every lesson's model reaches on one split of MovieLens 100K.

    train, test = leaderboard.split()                      # the same ratings for everybody
    mine = leaderboard.judge(MyModel().fit(train))         # RMSE and nDCG@10, each with its 95 % interval
    leaderboard.show("2.3", {"my item k-NN": mine})        # all models up to lesson 2.3, and yours
    leaderboard.keep("my item k-NN", MyModel().fit(train)) # judged, and kept for the portfolio

The rows are measured, not typed: `python -m recsys_lab.course.leaderboard` fits every model of ROWS and writes
`curriculum/leaderboard.csv`; a test measures them again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from recsys_lab import datasets, records, registry
from recsys_lab.base import Recommender
from recsys_lab.course import progress
from recsys_lab.course.lessons import entries, home
from recsys_lab.errors import DataError
from recsys_lab.evaluate import Evaluation, compare, evaluate_both, evaluate_ranking
from recsys_lab.ratings import Ratings
from recsys_lab.split import random_split

METRICS = ("rmse", "ndcg@10")
BASELINES = {"rmse": "damped averages", "ndcg@10": "most rated films"}  # labels of ROWS
STORED, SHOWN = 6, 4  # decimal places: what is rounded twice can end a digit away from what was measured
KEPT = "leaderboard.json"


class Row(NamedTuple):
    """A model of the board: the lesson that brings it, how it is called there, and its recipe in the registry."""

    lesson: str
    label: str
    name: str
    params: dict[str, Any] = {}


ROWS = (
    Row("2.1", "global mean", "global-mean"),
    Row("2.1", "most rated films", "popularity"),
    Row("2.1", "damped averages", "bias"),
    Row("2.2", "user k-NN", "user-knn"),
    Row("2.3", "item k-NN", "item-knn"),
    Row("2.4", "content, title and genres", "content"),
    Row("2.6", "EASE", "ease", {"threshold": 4.0}),
    Row("2.6", "implicit ALS", "implicit-als", {"threshold": 4.0}),
    Row("2.6", "BPR", "bpr", {"threshold": 4.0}),
    Row("4.1", "PureSVD", "pure-svd"),
    Row("4.1", "FunkSVD", "svd"),
    Row("4.2", "ALS", "als"),
    Row("4.2", "SVD++", "svdpp"),
    Row("4.2", "Bayesian factorization", "bayes"),
    Row("4.2", "blend of ratings", "blend"),
    Row("4.2", "blend of lists", "list-blend", {"threshold": 4.0}),
)


@functools.cache
def _parts() -> tuple[pd.DataFrame, pd.DataFrame]:
    ratings = datasets.load("ml-100k").ratings
    return random_split(ratings, test=0.2, seed=0)


def split() -> tuple[Ratings, pd.DataFrame]:
    """(train, test): a random fifth of ml-100k is the test part. Frames are the caller's own."""
    train, test = _parts()
    return Ratings.from_frame(train, scale=(1, 5)), test.copy()


def judge(model: Recommender) -> Evaluation:
    """RMSE, MAE and the ranking metrics at 10 of a model fitted on the train part; relevant from four stars on.

    A model that ranks without predicting stars gets no RMSE: it would be that of the averages it falls back to.
    """
    return evaluate_both(model, _parts()[1])


def show(lesson: str, mine: Mapping[str, Evaluation] | None = None) -> pd.DataFrame:
    """The board up to a lesson, the lowest RMSE first: lesson, model, and each metric with the ends of its interval.

    A model without an RMSE stands below all others.
    """
    order = list(entries())
    if lesson not in order:
        raise DataError(f"no lesson {lesson!r} in the map of the course.")
    stored = stored_rows()
    stored = stored[stored["lesson"].map(order.index) <= order.index(lesson)]
    rows = [_row(lesson, label, result) for label, result in (mine or {}).items()]
    table = pd.concat([stored, pd.DataFrame(rows, columns=stored.columns)], ignore_index=True) if rows else stored
    return table.round(SHOWN).sort_values(["rmse", "ndcg@10"], ascending=[True, False], ignore_index=True)


def stored_rows() -> pd.DataFrame:
    """The course's rows as they were measured, with more decimal places than a table shows."""
    return pd.read_csv(_file(), dtype={"lesson": str})


def keep(label: str, model: Recommender) -> Evaluation:
    """Judge a model of your own, and keep its row for `recsys-lab portfolio build`; a label's last row stays.

    It is kept beside the record of your progress, in leaderboard.json. Raises DataError for a model that has learned
    from pairs outside the train part: its row could not be compared with any other.
    """
    train, _ = split()
    known = model.train_.to_frame().merge(train.to_frame(), on=["user", "item"])
    if len(known) < model.train_.n_ratings:
        raise DataError(f"{label!r} has learned from ratings outside the train part: fit it on leaderboard.split()[0].")
    result = judge(model)
    file = _kept_file()
    if file is None:
        print("(not kept: nothing is recorded here)")
        return result
    row = {metric: list(result.metrics[metric][:3]) for metric in METRICS if metric in result.metrics}
    gains = {metric: {"over": BASELINES[metric], "value": gain(result, metric)} for metric in row}
    with progress.locked(file):
        rows = kept() | {label: {"what": result.model, "users": len(result.users), **row, "gains": gains}}
        records.write(file, json.dumps(records.plain(rows), indent=1) + "\n")
    return result


def gain(result: Evaluation, metric: str) -> list[float]:
    """What a model adds to the board's baseline: [difference, low, high], paired by user; a good RMSE's is negative."""
    train, test = split()
    named = next(row for row in ROWS if row.label == BASELINES[metric])
    baseline = registry.make(named.name).fit(train)
    judged = judge(baseline) if "rmse" in result.metrics else evaluate_ranking(baseline, test)
    row = compare({"model": result, named.label: judged}, metric).iloc[0]
    return [float(row[name]) for name in ("difference", "low", "high")]


def kept() -> dict[str, dict[str, Any]]:
    """The rows of your own: label -> what (the model in words), users, by metric [mean, low, high], and gains (see `gain`)."""
    file = _kept_file() or progress.default_path(home()).with_name(KEPT)
    if not file.exists():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{file.name} is damaged: move {file} away, and keep your models again.") from error


def measure() -> pd.DataFrame:
    """All rows, measured now."""
    train, _ = split()
    items = datasets.load("ml-100k").items
    rows = []
    for row in ROWS:
        model = registry.make(row.name, **row.params).fit(train, items)
        rows.append(_row(row.lesson, row.label, judge(model)))
    return pd.DataFrame(rows)


def _row(lesson: str, label: str, result: Evaluation) -> dict[str, Any]:
    row: dict[str, Any] = {"lesson": lesson, "model": label}
    for metric in METRICS:
        mean, low, high = result.metrics[metric][:3] if metric in result.metrics else (float("nan"),) * 3
        row |= {metric: round(mean, STORED), f"{metric} low": round(low, STORED), f"{metric} high": round(high, STORED)}
    return row


def _kept_file() -> Path | None:
    record = progress.path(command=True)
    return None if record is None else record.with_name(KEPT)


def _file() -> Path:
    return home() / "curriculum" / "leaderboard.csv"


if __name__ == "__main__":
    measure().to_csv(_file(), index=False)
