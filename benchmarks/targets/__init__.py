"""The figures that were to be reached, row by row: what was asked, what is, and how far the machine could still go.

Nothing is measured here: every number comes from benchmarks/results/.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks.targets import growth, lists, ratings
from benchmarks.targets.numbers import LEVELS, Target


def targets() -> list[Target]:
    """All rows, in the order of the issue that set them."""
    rows = (
        ratings.funk_as_surprise,
        ratings.svdpp,
        ratings.neighbours,
        ratings.als,
        ratings.funk,
        ratings.default_neighbours,
        ratings.bayes,
        ratings.bayes_implicit,
        ratings.blend,
        lists.ease,
        lists.lists_aim,
        lists.implicit_als,
        lists.untuned,
        lists.everybody,
        growth.first_calls,
        growth.grown_svd,
        growth.grown_items,
        growth.grown_users,
    )
    return [_or_gap(row) for row in rows]


def _or_gap(row: Callable[[], Target]) -> Target:
    try:
        return row()
    except (KeyError, statistics.StatisticsError) as error:
        return Target(row.__name__.replace("_", " "), "", "", "", f"not measured: {error}", "", LEVELS[0], "")
