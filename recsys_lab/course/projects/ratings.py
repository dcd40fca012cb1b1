"""Project 1: predict ratings from features, better than the mean, honestly validated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.baselines import GlobalMean
from recsys_lab.course.projects import rubric
from recsys_lab.course.projects.rubric import Grade, Row
from recsys_lab.course.projects.running import LIMIT, Run, run
from recsys_lab.evaluate import Evaluation, evaluate_ratings
from recsys_lab.ratings import Ratings
from recsys_lab.split import Split, random_split

FILE = "my_model.py"
DAMPING = 3.0  # the damped film mean starts every film with that many ratings at the mean; the best value here
# Stars by which the learner's own estimate of the RMSE may miss. One from fewer rows is a little gloomy by nature, and
# hope is what costs money: a training error taken for an estimate is about 0.025 too low.
HOPEFUL, GLOOMY = 0.015, 0.03


def cut(seed: int) -> Split:
    """(train, hidden): a random fifth of ml-100k is hidden."""
    return random_split(datasets.load("ml-100k").ratings, test=0.2, seed=seed)


def grade(folder: Path, seed: int, limit: float = LIMIT, soft: float = rubric.SOFT_LIMIT) -> Grade:
    """Run the learner's file on a cut, and again with the hidden ratings changed in what `datasets.load` gives."""
    from recsys_lab.course.projects import report

    train, hidden = cut(seed)
    data = datasets.load("ml-100k")
    pairs = hidden[["user", "item"]].reset_index(drop=True)
    frames = {"train": train.reset_index(drop=True), "users": data.users, "items": data.items, "pairs": pairs}
    file = folder / FILE
    plain = run(file, 1, frames, limit=limit, everything=True)
    again, tampered = rubric.repeat(
        plain,
        "predict",
        lambda hidden: run(file, 1, frames, hidden=hidden, hash_seed=1, limit=limit, everything=False),
        pairs,
    )

    sound = _sound(plain, len(pairs))
    rows = [sound]
    if sound.points:
        results = judge(np.asarray(plain.answer("predict")), train, hidden)
        rows += [
            rubric.beats("beats the mean of all ratings", 2, results, "mean", "rmse"),
            rubric.beats("beats the damped mean of the film", 4, results, "film mean", "rmse"),
            _claim(plain, results["yours"]["rmse"].mean),
        ]
    else:
        rows += [
            Row("beats the mean of all ratings", 0, 2, sound.why),
            Row("beats the damped mean of the film", 0, 4, sound.why),
            Row("your own estimate of the RMSE holds", 0, 4, sound.why),
        ]
    rows += [
        rubric.no_leak(3, plain, again, tampered, "predict", rubric.mean_difference),
        rubric.deterministic(2, plain, again, "predict", rubric.mean_difference, _alone(plain)),
        rubric.within_limits(1, plain, soft),
        report.row(folder),
    ]
    return Grade(1, seed, tuple(rows), plain.errors)


def judge(predicted: np.ndarray, train: pd.DataFrame, hidden: pd.DataFrame) -> dict[str, Evaluation]:
    """RMSE of the learner's predictions and of the two baselines, on the same hidden rows."""
    ratings = Ratings.from_frame(train, scale=(1, 5))
    mean = ratings.mean
    films = train.groupby("item")["rating"].agg(["sum", "count"])
    damped = (films["sum"] + DAMPING * mean) / (films["count"] + DAMPING)
    by_film = hidden["item"].map(damped).fillna(mean).to_numpy(dtype=float)
    return {
        "yours": evaluate_ratings(_Given(predicted), hidden),  # type: ignore[arg-type]
        "mean": evaluate_ratings(GlobalMean().fit(ratings), hidden),
        "film mean": evaluate_ratings(_Given(by_film), hidden),  # type: ignore[arg-type]
    }


class _Given:
    """Stands for a model where its predictions of the hidden rows are there already."""

    def __init__(self, predicted: np.ndarray):
        self.predicted = predicted

    def predict(self, pairs: pd.DataFrame, **options: Any) -> np.ndarray:
        return self.predicted.copy()


def _sound(plain: Run, n: int) -> Row:
    what = "one number from 1 to 5 a pair"
    if trouble := plain.trouble("predict"):
        return Row(what, 0, 2, trouble)
    predicted = np.asarray(plain.answer("predict"))
    if len(predicted) != n:
        return Row(what, 0, 2, f"`predict` gave {len(predicted):,} numbers for {n:,} pairs.")
    bad = ~np.isfinite(predicted)
    if bad.any():
        return Row(what, 0, 2, f"{int(bad.sum()):,} predictions are NaN: what does a film without ratings get?")
    outside = (predicted < 1) | (predicted > 5)
    if outside.any():
        return Row(what, 1, 2, f"{int(outside.sum()):,} predictions lie outside the scale: clip them to 1 to 5.")
    return Row(what, 2, 2, f"{n:,} predictions")


def _claim(plain: Run, truth: float) -> Row:
    what = "your own estimate of the RMSE holds"
    if trouble := plain.trouble("validate"):
        return Row(what, 0, 4, trouble)
    claimed = plain.answer("validate")
    shown = f"`validate` said {claimed:.4f}, the hidden part says {truth:.4f}"
    if truth - HOPEFUL <= claimed <= truth + GLOOMY:
        return Row(what, 4, 4, shown)
    hopeful = f"too hopeful by more than {HOPEFUL}: were rows judged that the model had learned from?"
    return Row(what, 0, 4, f"{shown}, {hopeful if claimed < truth else f'too gloomy by more than {GLOOMY}.'}")


def _alone(plain: Run) -> str:
    """A pair's prediction may not depend on which other pairs are asked with it."""
    if trouble := plain.trouble("alone"):
        return trouble
    if rubric.mean_difference(plain.answer("predict")[::-7], plain.answer("alone")) > 1e-9:
        return "asked with other pairs, the same pair gets another prediction: compute statistics in `fit`."
    return ""
