"""What the monitor counts: for each user's day what was shown and clicked, so that windows are sums of such days.

A Measure is a table with a row for each cell (one day of one user) and a column for each bin, and a distance. The sum of
the rows of a window is the window's counts; dealing the rows anew (alarms.deal) gives the same sums without change.

What is shown is the model's doing (group "prediction"), what is clicked is the users' (group "data").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.beyond import inequality, tags
from recsys_lab.checks import choice
from recsys_lab.errors import DataError
from recsys_lab.production import drift
from recsys_lab.ratings import Ratings, require_columns
from recsys_lab.simulate import DAY

Span = tuple[float, float]  # from, to (excluded), in seconds since 1970
BINS = 10  # of popularity


class Log(NamedTuple):
    """The events of both windows, and their cells.

    events : the log's columns, and `cell`, `day` (0 to days - 1, the reference first), `now` (in the current window).
    user, now : (cells,) row of the user, and whether the day lies in the current window.
    days, current : the length of both windows together, and of the current one.
    """

    events: pd.DataFrame
    user: np.ndarray
    now: np.ndarray
    days: int
    current: int

    def of(self, kind: str) -> pd.DataFrame:
        return self.events[self.events["kind"] == kind]


class Measure(NamedTuple):
    """What is counted, how two windows are compared, and what to do about a difference.

    table : (cells, bins). distance : of the counts (..., bins) of reference and current window, larger is stranger.
    sign : -1 where what is shown is the negative of the distance, such as a coverage that falls.
    """

    name: str
    group: str
    table: sparse.csr_array
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray]
    about: str
    remedy: str
    labels: list[str] = []
    sign: int = 1


def read(events: pd.DataFrame, reference: Span, current: Span) -> Log:
    """Cut the two windows out of a log with the columns kind, user, item, rank, model, variant, at."""
    require_columns(events, **{c: c for c in ("kind", "user", "item", "rank", "model", "variant", "at")})
    lengths = [_days(name, span) for name, span in (("reference", reference), ("current", current))]
    if reference[0] < current[1] and current[0] < reference[1]:
        raise DataError(f"current={current}: it overlaps the reference {reference}; choose days after it.")
    for kind in pd.unique(events["kind"]):
        choice("kind", kind, ("impression", "click"))
    at = events["at"].to_numpy(float)
    before, now = ((span[0] <= at) & (at < span[1]) for span in (reference, current))
    if not before.any():
        raise DataError(f"reference={reference}: the log has no event there, so nothing to compare with.")
    day = np.where(now, lengths[0] + (at - current[0]) // DAY, (at - reference[0]) // DAY)
    kept = events.assign(day=day, now=now)[before | now].astype({"day": int}).reset_index(drop=True)
    users = pd.factorize(kept["user"])[0]
    cell, known = pd.factorize(users * np.int64(sum(lengths)) + kept["day"].to_numpy())
    kept["cell"] = cell
    return Log(kept, known // sum(lengths), known % sum(lengths) >= lengths[0], sum(lengths), lengths[1])


def _days(name: str, span: Span) -> int:
    days = (span[1] - span[0]) / DAY
    if not days >= 1 or days != int(days):
        raise DataError(f"{name}={span}: expected (from, to) in seconds since 1970, a whole number of days apart.")
    return int(days)


def measures(log: Log, train: Ratings, items: pd.DataFrame | None) -> list[Measure]:
    """Everything that is compared by dealing; genres only where `items` names them."""
    shown, clicked = log.of("impression"), log.of("click")
    model = "Was a model published, or has a feature broken? Compare its lists with those of the version before."
    people = "Do tastes turn, or has the audience changed? Retrain on newer ratings, and compare offline first."
    shares = None if items is None else tags(items)
    out = []
    for events, what, group, remedy in ((shown, "shown", "prediction", model), (clicked, "clicked", "data", people)):
        bins, labels = popularity_bins(train, events["item"])
        table = _one_hot(log, events, bins, BINS + 1)
        about = f"PSI of the films {what}, by popularity in training"
        out.append(Measure(f"popularity {what}", group, table, drift.psi, about, remedy, labels))
        if shares is not None:
            table = _weighted(log, events, shares)
            about = f"Jensen-Shannon distance of the genres {what}"
            genres = [*shares.columns, "unknown"]
            out.append(Measure(f"genres {what}", group, table, drift.jensen_shannon, about, remedy, genres))
    ranks = int(log.events["rank"].max()) if log.events["rank"].notna().any() else 1
    some = [str(k) for k in range(1, ranks + 1)]
    for events, what, group in ((shown, "shown", "prediction"), (clicked, "clicked", "data")):
        placed = events[events["rank"].notna()]
        table = _one_hot(log, placed, placed["rank"].to_numpy(int) - 1, ranks)
        remedy = "Has the page changed, or the length of the lists? Is the rank logged as before?"
        about = f"KS distance of the ranks {what}"
        out.append(Measure(f"rank {what}", group, table, drift.ks_distance, about, remedy, some))
    busy = shown.groupby("cell").size()
    levels, level = np.unique(busy.to_numpy(), return_inverse=True)
    table = _one_hot(log, pd.DataFrame({"cell": busy.index}), level, max(len(levels), 1))
    remedy = "Is every event logged, and once? Robots, or a campaign that brings other people?"
    about = "KS distance of the films shown a user and day"
    out.append(Measure("activity", "data", table, drift.ks_distance, about, remedy, [str(n) for n in levels]))
    table = _one_hot(log, shown, shown["model"].isna().to_numpy(int), 2)
    remedy = "The service answers without a model: look at /ready, the artefact and the time limit."
    about = "share of impressions that no model chose, minus that of the reference"
    out.append(Measure("fallback share", "prediction", table, _rise, about, remedy, ["model", "fallback"]))
    table = _one_hot(log, log.events, (log.events["kind"] == "click").to_numpy(int), 2)
    remedy = "Look at the click rate by rank and variant: everywhere (a season, the logging), or in one place?"
    about = "clicks an impression, how far from the reference's"
    out.append(Measure("click rate", "outcome", table, _change, about, remedy, ["impressions", "clicks"]))
    known = train.items.rows(shown["item"])
    table = _one_hot(log, shown[known >= 0], known[known >= 0], train.n_items)
    remedy = "Fewer films reach people: a fallback to popularity, a filter too strict, or a model that collapsed."
    about = "share of the training catalogue that was shown"
    out.append(Measure("coverage", "coverage", table, lambda _, now: -_covered(now), about, remedy, sign=-1))
    about = "Gini index of how often each film was shown"
    out.append(Measure("gini", "coverage", table, lambda _, now: inequality(now), about, remedy))
    return out


def popularity_bins(train: Ratings, items: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The popularity bin of each item, and the bins' names: each has a tenth of the training ratings; the last is for
    items without any. They do not depend on the log, so that dealing is exact."""
    counts = np.bincount(train.matrix.indices, minlength=train.n_items)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    bins = np.full(train.n_items + 1, BINS)  # the last row: what training does not know
    bins[order] = np.where(counts[order] > 0, before * BINS // max(counts.sum(), 1), BINS)
    labels = [f"{100 * b // BINS}-{100 * (b + 1) // BINS} %" for b in range(BINS)]
    return bins[train.items.rows(items)], [*labels, "new"]


def _one_hot(log: Log, events: pd.DataFrame, column: np.ndarray, width: int) -> sparse.csr_array:
    ones = np.ones(len(events))
    return sparse.csr_array((ones, (events["cell"].to_numpy(int), column)), shape=(len(log.user), width))


def _weighted(log: Log, events: pd.DataFrame, shares: pd.DataFrame) -> sparse.csr_array:
    """Each event is split among its film's genres; a film without any counts as "unknown", the last column."""
    place = shares.index.get_indexer(events["item"])  # -1, the last row below, for films that `items` lacks
    table = np.vstack([shares.to_numpy(), np.zeros(shares.shape[1])])
    table = np.column_stack([table, 1 - table.sum(axis=1)])
    return sparse.csr_array(_one_hot(log, events, place % len(table), len(table)) @ table)


def _rate(counts: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts[..., 1] / counts.sum(axis=-1)


def _rise(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    return _rate(now) - _rate(before)


def _change(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Of clicks an impression: the table counts the impressions, not what was left unclicked."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(now[..., 1] / now[..., 0] - before[..., 1] / before[..., 0])


def _covered(exposures: np.ndarray) -> np.ndarray:
    return np.count_nonzero(exposures, axis=-1) / exposures.shape[-1]
