"""What the rows of targets are made of: numbers from benchmarks/results/, and how they are told."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks import store

ML, SMALL = "ratings-ml-100k", "ratings-ml-small-2016"
LEVELS = ("below must", "must", "aim")


class Target(NamedTuple):
    """A row of the table; `level` is one of LEVELS."""

    work: str
    peer: str
    must: str
    aim: str
    reached: str
    ratio: str
    level: str
    limit: str


def cells(part: str, key: str) -> dict[str, dict[str, float]]:
    return store.kept(part)["rows"][key]


def mean(part: str, key: str, metric: str) -> float:
    return statistics.mean(cell[metric] for cell in cells(part, key).values())


def seconds(part: str, key: str, what: Iterable[str] = ("fit", "answer")) -> float:
    """Median over the folds."""
    return statistics.median(sum(cell[w] for w in what) for cell in cells(part, key).values())


def ratios(part: str, theirs: str, ours: str, what: Iterable[str] = ("fit", "answer")) -> list[float]:
    """Fold by fold, how many times as fast; sorted."""
    a, b = cells(part, theirs), cells(part, ours)
    return sorted(sum(a[f][w] for w in what) / sum(b[f][w] for w in what) for f in b if f in a)


def times(found: list[float]) -> str:
    return f"{statistics.median(found):.3g}x ({found[0]:.3g} to {found[-1]:.3g})"


def level(*asked: tuple[float, float | None, float | None]) -> str:
    """From (reached, must, aim) of each condition; larger is better, so what is to be small is negated.

    "below must" where one must is missed, "aim" where there are aims and all are reached, otherwise "must".
    """
    if any(must is not None and reached < must for reached, must, _ in asked):
        return LEVELS[0]
    aims = [reached >= aim for reached, _, aim in asked if aim is not None]
    return LEVELS[2] if aims and all(aims) else LEVELS[1]


def least(gflop32: float = 0.0, gflop64: float = 0.0, gb: float = 0.0) -> float:
    """Seconds that this work takes at the machine's best speed."""
    m = store.kept("machine")
    return gflop32 / m["gflops_float32"] + gflop64 / m["gflops_float64"] + gb / m["copy_gb_s"]


def far(took: float, best: float, why: str) -> str:
    smallest = f"{best:.2g} s" if best >= 1 else f"{best * 1000:.{0 if best > 0.01 else 1}f} ms"
    return f"{took / best:.2g} times {smallest}: {why}"


def size_of(what: str = "fold") -> tuple[float, float, float]:
    size = store.kept("machine")[what]
    return size["ratings"], size["users"], size["items"]
