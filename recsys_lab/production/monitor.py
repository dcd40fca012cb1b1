"""Is the recommender well? Checks of logged events against a reference window, with alarms that do not cry wolf.

    report = monitor(events, model.train_, reference=(from, to), current=(from, to), items=items)
    report.alerts                                         # the checks that failed, each with what to do
    report.save("out")                                    # report.json for machines, report.html for people

Up to fifteen checks ask whether chance can explain what is seen, and share one budget: `false_alarms` is the chance of at
least one false alarm in a week in which nothing has changed. Bonferroni: a check alarms at p <= false_alarms /
(runs_a_week * number of checks). All checks look at one system, so one false alarm is already a night's sleep; the false
discovery rate, which bounds the share of false ones among many alarms, would promise less. The thresholds fit the
log's size and its users: the two windows are dealt anew from its own days (alarms.py).

How soon: tests/production/histories.py injects changes after 28 days of 525 events, at false_alarms=0.05. Of 50 histories
each, two days with the change (1,050 events on average) raised an alarm in 50 where one list in five was silently the
popularity list, in 50 where one film in ten was drawn at random, in 49 where each list was made for another user, in 44
where one list in twenty was a fallback; seven days (3,600 events) in 50 where tastes turned by 0.2 radian a day.

Three more checks are plain limits, without chance: the silence since the last event, the ages of model and features.

What it assumes: without change, a user's days are exchangeable and users are independent. Take whole weeks, and a
reference without incidents: an outage that is in the reference counts as normal. `model` is null in an event that no
model chose: that is how a fallback is seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.checks import number, whole
from recsys_lab.production import alarms
from recsys_lab.production.measures import Log, Measure, Span, measures, read
from recsys_lab.production.report import ALERT, OK, UNKNOWN, Check, Report
from recsys_lab.ratings import Ratings
from recsys_lab.simulate import DAY


def monitor(
    events: pd.DataFrame,
    train: Ratings,
    *,
    reference: Span,
    current: Span,
    items: pd.DataFrame | None = None,
    model_at: float | None = None,
    features_at: float | None = None,
    model_days: float = 14.0,
    features_days: float = 2.0,
    false_alarms: float = 0.05,
    runs_a_week: int = 1,
    seed: int = 0,
) -> Report:
    """Compare the current window of a log with a reference window.

    Parameters
    ----------
    events : columns kind, user, item, rank, model, variant, at, as serve.events and simulate.Audience give them.
    train : the Ratings that the model was fitted on (`model.train_`); they say what the catalogue is, and what popular.
    reference, current : (from, to) in seconds since 1970, `to` excluded, whole days; four weeks and one are usual.
    items : frame with the columns item and genres; without it genres are not checked.
    model_at, features_at : when the artefact was written, and the latest feature known; limits in days follow.
    false_alarms : above 0, below 1; the chance of any false alarm a week. runs_a_week : how often this is run, from 1.
    seed : of the dealing; the same log and seed, the same report.

    Time O(draws (cells + impressions)), draws = 4 / level: some 2 s for 200,000 events in five weeks, run once a week.
    Raises DataError for missing columns, windows that overlap or hold no whole days, and an empty reference.
    """
    number("false_alarms", false_alarms, 0, "the chance of a false alarm a week", 0.5, above=True)
    whole("runs_a_week", runs_a_week, 1, "each run spends a part of the week's false alarms")
    log = read(events, reference, current)
    asked = measures(log, train, items)
    by_day = _by_day(log, reference[0], current[0])
    level = false_alarms / runs_a_week / (len(asked) + 4)
    checks = [*_dealt(log, asked, level, seed), *_daily(log, by_day, level, seed), *_missing(log, by_day, level)]
    checks += _limits(log, current[1], {"model": (model_at, model_days), "features": (features_at, features_days)})
    counts = {name: _summary(log.events[log.events["now"] == now]) for now, name in _WINDOW.items()}
    tables = {"by_day": by_day.to_dict("records"), "by_rank": _rates(log, "rank"), "by_variant": _rates(log, "variant")}
    tables["mixes"] = [row for measure in asked if measure.labels for row in _mix(log, measure)]
    return Report(reference, current, false_alarms, runs_a_week, level, counts, checks, tables)


# ---------------------------------------------------------------------- checks by dealing
def _dealt(log: Log, asked: list[Measure], level: float, seed: int) -> Iterable[Check]:
    draws = int(np.ceil(4 / level))
    tables = {id(measure.table): measure.table.T.tocsr() for measure in asked}  # two measures may share one
    totals = {key: table.sum(axis=1) for key, table in tables.items()}

    def distances(windows: np.ndarray) -> list[np.ndarray]:
        """Of each measure, in each of these (draws, cells) ways to choose the current window."""
        chosen = np.ascontiguousarray(windows.T, dtype=float)
        now = {key: (table @ chosen).T for key, table in tables.items()}
        return [np.asarray(m.distance(totals[k] - now[k], now[k])) for m in asked for k in [id(m.table)]]

    found = [float(d[0]) for d in distances(log.now[None])]
    rng = np.random.default_rng(seed)
    blocks = [distances(b) for b in alarms.deal(log.user, log.days, log.current, draws=draws, rng=rng)]
    for measure, value, null in zip(asked, found, map(np.concatenate, zip(*blocks))):
        limit = measure.sign * alarms.threshold(null, level)
        yield _judged(measure, measure.sign * value, limit, alarms.p_value(null, value), level)


def _judged(measure: Measure, value: float, limit: float, p: float, level: float) -> Check:
    name, group, about, remedy = measure.name, measure.group, measure.about, measure.remedy
    if not np.isfinite(value):
        why = f"{about}: one of the windows has nothing to count."
        return Check(name, group, None, None, None, UNKNOWN, why, "See the checks of missing data.")
    side = "falls below" if measure.sign < 0 else "exceeds"
    why = f"{about}: {value:.4g}. Without change it {side} {limit:.4g} in {level:.2%} of such windows."
    return Check(name, group, value, limit, p, ALERT if p <= level else OK, why, remedy)


# ---------------------------------------------------------------------- checks of days
def _by_day(log: Log, start: float, current: float) -> pd.DataFrame:
    """Columns date, window, impressions, clicks, click_rate; a row for each day, also for those without events."""
    days = [range(log.days - log.current), range(log.current)]
    at = [pd.to_datetime(s + DAY * d, unit="s") for s, many in zip((start, current), days) for d in many]
    table = pd.DataFrame({"date": [f"{time:%Y-%m-%d}" for time in at]})
    table["window"] = np.repeat(["reference", "current"], list(map(len, days)))
    for kind in ("impression", "click"):
        table[f"{kind}s"] = np.bincount(log.of(kind)["day"], minlength=log.days)
    table["click_rate"] = table["clicks"] / table["impressions"].where(table["impressions"] > 0)
    return table


def _daily(log: Log, by_day: pd.DataFrame, level: float, seed: int) -> Iterable[Check]:
    """Volume and click rate, day after day: cumulative sums, which add up small changes that last."""
    for column, name, group, remedy in (
        (
            "impressions",
            "volume by day",
            "volume",
            "Fewer: is a part of the traffic gone, or its logging? More: robots?",
        ),
        (
            "click_rate",
            "click rate by day",
            "outcome",
            "See the figure for the day on which it began, and what happened then.",
        ),
    ):
        before, now = by_day[: log.days - log.current][column].dropna(), by_day[log.days - log.current :][column]
        z = alarms.standardized(before.to_numpy(), now.to_numpy())
        if len(before) < 3 or np.isnan(z).all():
            why = f"{column.replace('_', ' ')} by day: {len(before)} reference days do not tell what is usual."
            yield Check(name, group, None, None, None, UNKNOWN, why, "Take a reference of two weeks or more.")
            continue
        null = alarms.cusum_null(len(before), log.current, draws=int(np.ceil(40 / level)), seed=seed)
        value, limit = float(alarms.cusum(np.nan_to_num(z)).max()), alarms.threshold(null, level)
        p = alarms.p_value(null, value)
        why = f"largest cumulative sum: {value:.3g}. Without change it exceeds {limit:.3g} in {level:.2%} of such windows."
        yield Check(name, group, value, limit, p, ALERT if p <= level else OK, why, remedy)


def _missing(log: Log, by_day: pd.DataFrame, level: float) -> Iterable[Check]:
    """Days without impressions, or without clicks. Chance leaves a day empty if each user stays away, which they do
    independently, each as often as in the reference: p = days * prod_u (1 - share of the reference days that u was here).
    """
    before = log.days - log.current
    for kind in ("impression", "click"):
        name, now = f"days without {kind}s", by_day[before:]
        empty = now.loc[now[f"{kind}s"] == 0, "date"]
        cells = log.of(kind).loc[lambda e: ~e["now"], "cell"].unique()
        here = np.bincount(log.user[cells])
        if not len(here):
            why = f"the reference has no {kind}s either."
            yield Check(
                name, "missing", None, None, None, UNKNOWN, why, "Choose a reference in which the log was whole."
            )
            continue
        chance = float(min(1.0, log.current * np.exp(np.log1p(-here / (before + 1)).sum())))
        p = chance if len(empty) else 1.0
        days = "none" if empty.empty else ", ".join(empty)
        why = f"of the {log.current} current days: {days}. The chance of one or more without change is {chance:.2g}."
        remedy = "Is the log written, and was all of it read? Post what clients still hold."
        limit = float(log.current if chance > level else 0)
        yield Check(name, "missing", float(len(empty)), limit, p, ALERT if p <= level else OK, why, remedy)


# ---------------------------------------------------------------------- plain limits
def _limits(log: Log, until: float, ages: dict[str, tuple[float | None, float]]) -> Iterable[Check]:
    before, now = (log.events.loc[log.events["now"] == flag, "at"].to_numpy() for flag in (False, True))
    hours = (until - now.max()) / 3600 if len(now) else log.current * DAY / 3600
    longest = np.diff(np.sort(before)).max(initial=0) / 3600
    why = f"hours from the last event to the window's end: {hours:.3g}. The longest silence of the reference: {longest:.3g}."
    remedy = "Is the service up, and does it write its log? Is the window over?"
    limit = 2 * float(longest)
    yield Check("silence", "freshness", float(hours), limit, None, ALERT if hours > limit else OK, why, remedy)
    for name, (at, most) in ages.items():
        if at is None:
            continue
        number(f"{name}_days", most, 0, "the age in days from which it is stale", above=True)
        days = (until - at) / DAY
        why = f"days from the {name}'s time to the window's end: {days:.3g}."
        remedy = f"Did the last run of the pipeline make the {name} anew? `recsys-lab pipeline run` shows."
        yield Check(f"age of {name}", "freshness", float(days), most, None, ALERT if days > most else OK, why, remedy)


# ---------------------------------------------------------------------- the counts behind them
_WINDOW = {False: "reference", True: "current"}


def _summary(part: pd.DataFrame) -> dict[str, Any]:
    kinds = part["kind"].value_counts()
    models = part["model"].dropna().unique()
    return {
        "events": len(part),
        "impressions": int(kinds.get("impression", 0)),
        "clicks": int(kinds.get("click", 0)),
        "users": int(part["user"].nunique()),
        "items": int(part["item"].nunique()),
        "models": sorted(map(str, models)),
    }


def _rates(log: Log, column: str) -> list[dict[str, Any]]:
    """Click rates by rank or variant, in both windows; events without one are left out."""
    sums = log.events.groupby([column, "now", "kind"]).size().unstack(fill_value=0)
    sums = sums.reindex(columns=["impression", "click"], fill_value=0).reset_index()
    sums["click_rate"] = sums["click"] / sums["impression"].where(sums["impression"] > 0)
    sums = sums.assign(window=sums.pop("now").map(_WINDOW)).rename(
        columns={"impression": "impressions", "click": "clicks"}
    )
    return sums[[column, "window", "impressions", "clicks", "click_rate"]].to_dict("records")


def _mix(log: Log, measure: Measure) -> Iterable[dict[str, Any]]:
    before, now = (log.now == flag for flag in (False, True))
    for label, a, b in zip(measure.labels, measure.table.T @ before.astype(float), measure.table.T @ now.astype(float)):
        yield {"check": measure.name, "bin": label, "reference": float(a), "current": float(b)}
