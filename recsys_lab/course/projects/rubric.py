"""What both projects' rubrics share: a row with its points, a paired comparison, the checks of no leak and of order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from recsys_lab.course.projects.running import Run
from recsys_lab.evaluate import Evaluation, compare

TENTHS = 7  # of the points pass, where a project does not ask for more
SOFT_LIMIT = 60.0  # seconds that a whole run may take to earn the point for it


class Row(NamedTuple):
    """One line of the rubric. `why` says what was found, and what to do where points were lost."""

    what: str
    points: int
    of: int
    why: str


@dataclass(frozen=True)
class Grade:
    """The rubric's lines, the errors of the learner's code by step, each a short traceback, and what it takes to pass."""

    project: int
    seed: int
    rows: tuple[Row, ...]
    errors: dict[str, str]
    tenths: int = TENTHS

    @property
    def points(self) -> int:
        return sum(row.points for row in self.rows)

    @property
    def of(self) -> int:
        return sum(row.of for row in self.rows)

    @property
    def passed(self) -> bool:
        return enough(self.points, self.of, self.tenths)


def enough(points: int, of: int, tenths: int = TENTHS) -> bool:
    """Are these at least so many tenths of the points, rounded up?

    >>> enough(14, 20), enough(17, 20, tenths=9)
    (True, False)
    """
    return 10 * points >= tenths * of


def beats(what: str, of: int, results: Mapping[str, Evaluation], other: str, metric: str) -> Row:
    """Better than a baseline, with an interval that excludes zero and p < 0.05 after Holm's correction.

    `results` holds "yours" and all baselines, so that the correction counts every question that is asked.
    """
    row = compare(results, metric, against="yours").set_index("model").loc[other]
    # The row is baseline minus yours.
    difference, low, high = -row["difference"], -row["high"], -row["low"]
    better = row["better"] == "yours" and not low <= 0 <= high
    shown = f"{difference:+.4f} {metric} ({low:+.4f} to {high:+.4f}, p = {row['p_holm']:.4f})"
    mine, theirs = results["yours"][metric].mean, results[other][metric].mean
    verdict = "" if better else ": not clearly better"
    return Row(what, of if better else 0, of, f"{mine:.4f} against {theirs:.4f}: {shown}{verdict}")


def repeat(plain: Run, step: str, run: Callable[[pd.DataFrame | None], Run], hidden: pd.DataFrame) -> tuple[Run, Run]:
    """(a second run, one with the hidden ratings changed), both with another order of sets.

    Where the changed run gives what the first gave, there is neither a leak nor chance, and it serves as both.
    """
    if plain.trouble(step):
        return plain, plain
    tampered = run(hidden)
    return (tampered if tampered.answer(step) == plain.answer(step) else run(None)), tampered


def no_leak(of: int, plain: Run, again: Run, tampered: Run, step: str, distance: Any) -> Row:
    """The answers must not move when `datasets.load` gives other stars for the hidden pairs.

    A model that draws new numbers in each run moves anyway; then only what goes beyond that counts.
    """
    what = "no leak: hidden ratings move nothing"
    if trouble := plain.trouble(step) or again.trouble(step) or tampered.trouble(step):
        return Row(what, 0, of, trouble)
    moved = distance(again.answer(step), tampered.answer(step))  # both order their sets alike
    noise = distance(plain.answer(step), again.answer(step))
    if moved > 2 * noise + 1e-9:
        return Row(
            what, 0, of, "your answers changed with the hidden ratings: use what `fit` is given, not `datasets.load`."
        )
    return Row(what, of, of, "the same answers, whatever the hidden ratings are")


def deterministic(of: int, plain: Run, again: Run, step: str, distance: Any, more: str = "") -> Row:
    """Twice the same answers, in two processes that order their sets differently; `more` is a further complaint."""
    what = "the same input gives the same answer"
    if trouble := plain.trouble(step) or again.trouble(step):
        return Row(what, 0, of, trouble)
    if distance(plain.answer(step), again.answer(step)) > 1e-9:
        return Row(
            what, 0, of, "a second run gave other answers: pass a seed to everything random, and sort your sets."
        )
    return Row(what, 0 if more else of, of, more or "two runs agree")


def within_limits(of: int, plain: Run, soft: float = SOFT_LIMIT) -> Row:
    what = f"a run takes at most {soft:g} s"
    if plain.ended:
        return Row(what, 0, of, plain.ended)
    return Row(what, of if plain.seconds <= soft else 0, of, f"{plain.seconds:.0f} s")


def mean_difference(a: list[float], b: list[float]) -> float:
    """Mean of |a - b|; infinite where the lengths differ.

    >>> mean_difference([1.0, 2.0], [1.0, 2.5])
    0.25
    """
    if len(a) != len(b):
        return np.inf
    return float(np.mean(np.abs(np.asarray(a) - np.asarray(b)))) if a else 0.0


def share_changed(a: dict[str, list[Any]], b: dict[str, list[Any]]) -> float:
    """The share of rows of the longer table that the other one does not have.

    >>> share_changed({"item": [1, 2]}, {"item": [1, 3]})
    0.5
    """
    rows_a, rows_b = set(zip(*a.values())), set(zip(*b.values()))
    return 1 - len(rows_a & rows_b) / max(len(rows_a), len(rows_b), 1)
