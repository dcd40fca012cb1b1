"""Is what came in fit to learn from? Each check is named, and says what it found; one that fails refuses the whole.

A model learns from broken data without complaint, and its lists get worse for reasons that nobody sees. So the question
is asked before training, of the whole log and not of a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from recsys_lab.errors import few
from recsys_lab.production.runs import DAY

COLUMNS = ["user", "item", "rating", "timestamp", "source"]
STALE = 14  # days: without anything new for longer, the source is broken, or the run's date is wrong
LOST = 0.01  # share of the rows that may vanish between two runs (people who ask to be forgotten)
BURST = 10  # times the usual number of new rows a day
JUDGES = 10  # users who must be known before the holdout and like something in it


class Check(NamedTuple):
    """What was asked, whether the answer is good, and what was found."""

    name: str
    passed: bool
    found: str


def check(
    rows: pd.DataFrame,
    *,
    until: int,
    cut: int,
    scale: tuple[float, float],
    items: pd.Series,
    liked: float,
    before: Mapping[str, int] | None = None,
) -> list[Check]:
    """All checks of a log; only the first two where the rows are not even of the right shape.

    Parameters
    ----------
    rows : columns COLUMNS, one row a rating or click; source is "rating" or "click".
    until, cut : the run's moment and the beginning of its holdout, seconds since 1970.
    scale : of the ratings. items : the catalogue. liked : a rating from here on is liked.
    before : {"rows": n, "until": moment} of the last run that was accepted; None: this is the first.

    O(n log n) for n rows.
    """
    shape = [_schema(rows), _nothing_missing(rows)]
    if not all(one.passed for one in shape):
        return shape
    newest = int(rows["timestamp"].max())
    rest = [
        _all_rows("catalogue", rows, rows["item"].isin(items), "items that the catalogue does not have", "item"),
        _all_rows("scale", rows, rows["rating"].between(*scale), f"ratings off {scale[0]:g} to {scale[1]:g}", "rating"),
        _all_rows("time", rows, rows["timestamp"].between(0, until - 1), "rows of the future", "timestamp"),
        _all_rows("duplicates", rows, ~rows.duplicated(["user", "item", "source"]), "rows that come again", "user"),
        Check("freshness", until - newest <= STALE * DAY, f"the newest row is {(until - newest) / DAY:.1f} days old"),
        _volume(rows, until, before),
        _judges(rows, cut, liked),
    ]
    return shape + rest


def _schema(rows: pd.DataFrame) -> Check:
    if list(rows.columns) != COLUMNS:
        return Check(
            "schema", False, f"columns {', '.join(map(str, rows.columns)) or 'none'}; wanted {', '.join(COLUMNS)}"
        )
    if rows.empty:
        return Check("schema", False, "no rows")
    kinds: dict[str, Callable[[Any], bool]] = dict.fromkeys(
        ("user", "item", "timestamp"), pd.api.types.is_integer_dtype
    )
    kinds["rating"] = pd.api.types.is_numeric_dtype
    wrong = [f"{column} is {rows[column].dtype}" for column, is_good in kinds.items() if not is_good(rows[column])]
    wrong += [f"source {few(odd)}" for odd in [sorted(set(rows["source"].astype(str)) - {"rating", "click"})] if odd]
    return Check("schema", not wrong, "; ".join(wrong) or f"{len(rows):,} rows of the right types")


def _nothing_missing(rows: pd.DataFrame) -> Check:
    holes = rows.isna().sum()
    numbers = rows.select_dtypes("number")
    holes = holes.add(np.isinf(numbers).sum(), fill_value=0).astype(int)
    found = ", ".join(f"{n:,} in {column}" for column, n in holes[holes > 0].items())
    return Check("nothing missing", not found, found or "no holes")


def _all_rows(name: str, rows: pd.DataFrame, good: pd.Series, what: str, column: str) -> Check:
    bad = rows.loc[~good, column]
    found = f"{len(bad):,} {what}" + (f", such as {column} {few(bad.unique(), 3)}" if len(bad) else "")
    return Check(name, bad.empty, found)


def _volume(rows: pd.DataFrame, until: int, before: Mapping[str, int] | None) -> Check:
    """The log only grows, and not by leaps: neither half of it lost, nor a file loaded twice, nor a robot."""
    if before is None:
        return Check("volume", True, f"{len(rows):,} rows; there is no earlier run to compare with")
    new, days = len(rows) - before["rows"], (until - before["until"]) / DAY
    usual = before["rows"] / max(1.0, (before["until"] - int(rows["timestamp"].min())) / DAY)
    good = -LOST * before["rows"] <= new <= max(1_000.0, BURST * usual * days)
    return Check("volume", bool(good), f"{new:+,} rows in {days:g} days; until then {usual:,.0f} a day")


def _judges(rows: pd.DataFrame, cut: int, liked: float) -> Check:
    new = rows["timestamp"] >= cut
    known = rows.loc[new & (rows["rating"] >= liked) & rows["user"].isin(rows.loc[~new, "user"]), "user"].nunique()
    return Check("holdout", known >= JUDGES, f"{known:,} users to judge by; at least {JUDGES} are needed")
