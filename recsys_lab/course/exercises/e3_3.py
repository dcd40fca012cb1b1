"""Exercises and quiz of lesson 3.3, a feature store with Feast."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.production.features import as_of, item_features, user_features

DAY, WEEK = 86_400, 7 * 86_400  # seconds


@functools.cache
def _ratings() -> pd.DataFrame:
    return datasets.load("ml-100k").ratings


@functools.cache
def _features() -> pd.DataFrame:
    return user_features(_ratings())


# ------------------------------------------------------------------ 3.3.1 what the online store holds
def _latest(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    known = features[features["known_at"] <= until].sort_values("known_at")
    return known.drop_duplicates(key, keep="last")


def _latest_strictly(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return _latest(features, key, until - 1e-6)


def _latest_of_all(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return _latest(features, key, np.inf)


def _first(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    known = features[features["known_at"] <= until].sort_values("known_at")
    return known.drop_duplicates(key, keep="first")


def _largest(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return features[features["known_at"] <= until].groupby(key, as_index=False).max()


def _skips_missing(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return features[features["known_at"] <= until].sort_values("known_at").groupby(key, as_index=False).last()


def _by_place(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return features[features["known_at"] <= until].drop_duplicates(key, keep="last")


def _all_known(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return features[features["known_at"] <= until]


def _at_until(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    return features[features["known_at"] == until]


def _filtered_late(features: pd.DataFrame, key: str, until: float) -> pd.DataFrame:
    newest = _latest(features, key, np.inf)
    return newest[newest["known_at"] <= until]


@functools.cache
def _latest_cases() -> list[tuple[str, pd.DataFrame, str, float]]:
    rows = [(7, 10, 1, 5.0, 1), (7, 20, 2, 4.0, 2), (7, 30, 9, 3.5, 1), (8, 20, 1, 2.0, 1), (9, 25, 1, 1.0, 1)]
    columns = ["user", "known_at", "ratings", "mean_rating", "ratings_7d"]
    small = pd.DataFrame(rows, columns=columns)
    holes = pd.DataFrame([(7, 10, 1, 5.0, 1), (7, 20, 2, np.nan, 1), (8, 5, 1, np.nan, 0)], columns=columns)
    films = item_features(_ratings()[_ratings()["user"] <= 40]).sample(frac=1, random_state=0)
    return [
        ("three users, until second 20", small, "user", 20),
        ("the same rows in another order", small.iloc[::-1], "user", 29),
        ("until a second in which nothing became known", small, "user", 26),
        ("before anything was known", small, "user", 9),
        ("a latest row whose mean is missing", holes, "user", 50),
        ("films of MovieLens, shuffled", films, "item", float(films["known_at"].median())),
    ]


def _check_latest(latest: Callable[[pd.DataFrame, str, float], Any]) -> None:
    for what, features, key, until in _latest_cases():
        got, want = latest(features.copy(), key, until), _latest(features, key, until)
        if isinstance(got, duckdb.DuckDBPyRelation):
            got = got.df()
        if not isinstance(got, pd.DataFrame):
            raise Incorrect(f"return a DataFrame with the columns of `features`, not {type(got).__name__}.")
        if key not in got.columns and got.index.name == key:
            got = got.reset_index()
        if missing := [name for name in features.columns if name not in got.columns]:
            raise Incorrect(f"{what}: the column {missing[0]!r} is gone; all columns of `features` are to be kept.")
        if list(got.columns) != list(features.columns):
            got = got[list(features.columns)]
        if len(got) > len(want) and not got[key].is_unique:
            raise Incorrect(f"{what}: one {key} has several rows. An online store keeps one row for each {key}.")
        ordered, wanted = _in_order(got, key), _in_order(want, key)
        for mistake, message in (
            (_latest_of_all, "a row that becomes known *after* `until` is taken. The store would know the future"),
            (_latest_strictly, "a row that is known *at* `until` is missing: known_at <= until"),
            (
                _at_until,
                "only what changed in the very second `until` is there; users without news keep their last row",
            ),
            (
                _filtered_late,
                f"a {key} whose newest row is too young has vanished. Leave out the young rows first, then take the latest",
            ),
            (
                _skips_missing,
                "the values of one line come from different rows: groupby(...).last() skips missing values, column by "
                "column. Keep whole rows, such as by drop_duplicates(keep='last')",
            ),
            (_by_place, "you take the row that stands last in the table. Sort by known_at first"),
            (_first, "you take the *first* row that was known, not the latest"),
            (_largest, "you take the largest value of each column. The latest mean need not be the largest one"),
        ):
            if not is_same(ordered, wanted) and is_same(ordered, _in_order(mistake(features, key, until), key)):
                raise Incorrect(f"{what}: {message}.")
        same(ordered, wanted, what=what)


def _in_order(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    return frame.sort_values([key, "known_at"], ignore_index=True).astype(float)


# ------------------------------------------------------------------ 3.3.2 the rows that the file store loses
def _survivors(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    known = as_of(asked[["user", "timestamp"]], features[["user", "known_at"]], "user").dropna()
    return len(known.drop_duplicates(["user", "timestamp"]))


def _distinct_moments(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    return len(asked.drop_duplicates(["user", "timestamp"]))


def _known_only(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    return len(as_of(asked[["user", "timestamp"]], features[["user", "known_at"]], "user").dropna())


def _unshared(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    return len(asked.drop_duplicates(["user", "timestamp"], keep=False))


def _minus_users(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    return _distinct_moments(asked, features) - asked["user"].nunique()


def _strictly_known(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    return _survivors(asked, features.assign(known_at=features["known_at"] + 1))


def _distinct_seconds(asked: pd.DataFrame, features: pd.DataFrame) -> int:
    return asked["timestamp"].nunique()


@functools.cache
def _survivor_cases() -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    real = _ratings()
    sixty = real.loc[real["user"] <= 60, ["user", "item", "rating", "timestamp"]]
    few = pd.DataFrame(
        [(1, film, 4, t) for film, t in enumerate((10, 10, 11, 11, 30, 30, 31, 50, 51))]
        + [(2, film, 3, t) for film, t in enumerate((30, 31, 31, 31, 31, 50, 50))],
        columns=["user", "item", "rating", "timestamp"],
    )
    late = real[real["timestamp"] >= real["timestamp"].quantile(0.95)].sample(frac=1, random_state=0)
    return [
        ("sixteen rows of two users", few, user_features(few)),
        ("the 6,584 rows above", sixty, _features()),
        ("a twentieth of the ratings, the latest", late[["user", "item", "rating", "timestamp"]], _features()),
        ("the same row twice", pd.concat([few, few], ignore_index=True), user_features(few)),
    ]


def _check_survivors(survivors: Callable[[pd.DataFrame, pd.DataFrame], Any]) -> None:
    for what, asked, features in _survivor_cases():
        got = survivors(asked.copy(), features.copy())
        if isinstance(got, (pd.DataFrame, pd.Series)):
            raise Incorrect("return the *number* of rows that come back, `len(...)`, not the rows.")
        got = number(got, "the number of rows that come back")
        want = _survivors(asked, features)
        if got == want:
            continue
        for mistake, message in (
            (_distinct_moments, "one cause found, one to go. By this rule 2,993 of the rows above would come back, but 60 fewer do, and there are 60 users. What was known at each user's first rows? Look at them"),
            (_known_only, "you leave out the rows of which nothing was known, and the rest is counted in full. Rows that share something with another row are lost, too"),
            (_unshared, "you drop *all* rows of a shared second. One of them comes back: look for such a second in `answer`"),
            (_minus_users, "you subtract one row for each user. That fits the rows above by luck. Find out which row it is, and whether every user has it among the rows asked"),
            (_strictly_known, "a feature row with known_at *equal* to the row's second counts as known"),
            (_distinct_seconds, "two users may share a second without harm: the store looks at the user and the second together"),
            (lambda asked, _: len(asked), "that is what went in. Fewer rows come back"),
            (lambda asked, _: asked["user"].nunique(), "that is one row for each user; far more come back"),
        ):  # fmt: skip
            if got == mistake(asked, features):
                raise Incorrect(f"{what}: {message}.")
        raise Incorrect(f"{what}: {want:,} rows come back, not {got:,.0f}.")


# ------------------------------------------------------------------ 3.3.3 what a schedule serves
def _served(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, rows["timestamp"] // every * every)


def _at(rows: pd.DataFrame, features: pd.DataFrame, moments: pd.Series) -> np.ndarray:
    asked = rows[["user"]].assign(timestamp=moments)
    return as_of(asked, features, "user")["ratings"].to_numpy(dtype=float, na_value=np.nan)


def _served_fresh(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, rows["timestamp"])


def _served_late(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, rows["timestamp"] - every)


def _served_next(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, -(-rows["timestamp"] // every) * every)


def _served_nearest(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, (rows["timestamp"] + every // 2) // every * every)


def _served_strictly(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, rows["timestamp"] // every * every - 1)


def _served_before(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, (rows["timestamp"] - 1) // every * every)


def _served_zero(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return np.nan_to_num(_served(rows, features, every))


def _served_early(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    early = features.assign(known_at=features["known_at"] // every * every)
    return _served_fresh(rows, early.drop_duplicates(["user", "known_at"], keep="last"), every)


def _served_hourly(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _served(rows, features, 3600)


def _served_uncounted(rows: pd.DataFrame, features: pd.DataFrame, every: int) -> np.ndarray:
    return _at(rows, features, rows["timestamp"] // every)


@functools.cache
def _served_cases() -> list[tuple[str, pd.DataFrame, pd.DataFrame, int]]:
    features = pd.DataFrame(
        [(1, 95, 1), (1, 100, 2), (1, 130, 3), (1, 199, 4), (1, 201, 5), (1, 330, 6), (2, 150, 1)],
        columns=["user", "known_at", "ratings"],
    )
    rows = pd.DataFrame(
        [(1, 250), (1, 199), (2, 199), (1, 100), (2, 200), (1, 299), (3, 500), (1, 99), (1, 301), (1, 340)],
        columns=["user", "timestamp"],
        index=[5, 3, 9, 1, 0, 2, 4, 8, 7, 6],
    )
    hours = features.assign(known_at=features["known_at"] + 7000)  # a full hour falls between them
    real = _ratings().sample(3000, random_state=3)
    return [
        ("ten requests, every 100 seconds", rows.assign(timestamp=rows["timestamp"] + 7000), hours, 100),
        ("3,000 requests of MovieLens, every hour", real, _features(), 3600),
        ("3,000 requests of MovieLens, every night", real, _features(), DAY),
    ]


def _check_served(served_count: Callable[[pd.DataFrame, pd.DataFrame, int], Any]) -> None:
    for what, rows, features, every in _served_cases():
        got, want = served_count(rows.copy(), features.copy(), every), _served(rows, features, every)
        if isinstance(got, pd.DataFrame):
            raise Incorrect("return the values of `ratings` alone, one for each row (an array or a Series), no frame.")
        if isinstance(got, pd.Series):
            got = got.to_numpy(dtype=float, na_value=np.nan)
        elif isinstance(got, (list, tuple, np.ndarray)):
            got = np.array([np.nan if value is None or value is pd.NA else value for value in got])
        if is_same(got, want):
            continue
        for mistake, message in (
            (_served_fresh, "these are the values of the request's own moment. The online store holds those of its last run"),
            (_served_late, "you go back a whole period from each request. The last run was *at most* a period ago: the latest multiple of `every`"),
            (_served_next, "you take the *next* run, which lies in the future"),
            (_served_nearest, "you take the *nearest* run. For half of the requests it has not happened yet"),
            (_served_strictly, "a run at moment m copies what is known *at* m, too: known_at <= m"),
            (_served_before, "a request in the very second of a run finds that run done"),
            (_served_zero, "where the store knows nothing the answer is NaN, not 0"),
            (_served_early, "you moved known_at back to a run *before* it became known. A value is copied by the first run after it"),
            (_served_uncounted, "`timestamp // every` is the *number* of the run. Its second is that times `every`"),
            (_served_hourly, "`every` is the period; yours is an hour, whatever was given"),
        ):  # fmt: skip
            if is_same(got, mistake(rows, features, every)):
                raise Incorrect(f"{what}: {message}.")
        same(got, want, what=what)


# ------------------------------------------------------------------ 3.3.4 what a time to live does
@functools.cache
def _ttl_key() -> dict[str, int | None]:
    """By the rules of the offline store (DuckDB) and of the online one (SQLite), as the lesson's next cell proves."""
    last = _features()[_features()["user"] == 1].iloc[-1]
    value, known_at = int(last["ratings"]), int(last["known_at"])
    new_year = int(pd.Timestamp("2026-01-01", tz="UTC").timestamp())

    def offline(t: int, ttl: int) -> int | None:
        return value if known_at <= t <= known_at + ttl else None

    return {
        "a": offline(known_at + DAY, WEEK),
        "b": offline(known_at + 8 * DAY, WEEK),
        "c": value,
        "d": offline(new_year, 3650 * DAY),
    }


def _check_ttl(answers: Any) -> None:
    if not isinstance(answers, Mapping):
        raise Incorrect('answer with a dict: {"a": ..., "b": ..., "c": ..., "d": ...}, each 272 or None.')
    key = _ttl_key()
    if missing := [letter for letter in key if letter not in answers]:
        raise Incorrect(f"the answer to {missing[0]!r} is missing.")
    given = {letter: _number_or_none(answers[letter], letter) for letter in key}
    if given["a"] is None and given["b"] is None:
        raise Incorrect(
            "(a): the time to live is counted back from the time of each *row*, not from today. A row of 14 March 1998 may "
            "look back to 7 March 1998."
        )
    for letter, message in (
        ("a", "the row is one day younger than the value. A week's patience is enough"),
        ("b", "the value is eight days older than the row, and the row may look back seven"),
        ("c", "you expect the online store to enforce it, or you asked it while it was empty. Ask it after `weekly.materialize(end)`, and see what an expired value looks like"),
        ("d", "3650 days are ten years, counted back from the row. From 2026 they do not reach 1998"),
    ):  # fmt: skip
        if given[letter] != key[letter]:
            raise Incorrect(f"({letter}): {message}.")


def _number_or_none(value: Any, letter: str) -> int | None:
    if value is ...:
        raise Incorrect(f"the answer to {letter!r} is still `...`.")
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return None
    if isinstance(value, str):
        raise Incorrect(f"({letter}): write 272 or None without quotation marks.")
    found = number(value, f"({letter})")
    if found != _ttl_key()["c"]:
        raise Incorrect(f"({letter}): the only number known of user 1 after the last rating is 272; else it is None.")
    return int(found)


# ------------------------------------------------------------------ 3.3.5 when the store was filled
Span = tuple[float, float] | None


def _filled(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    earliest, latest = _bounds(served, features)
    return (earliest, latest) if earliest < latest else None


def _bounds(served: pd.DataFrame, features: pd.DataFrame) -> tuple[float, float]:
    rows = features.merge(served[["user", "ratings"]], on="user", suffixes=("", "_served"))
    copied = rows["ratings"] <= rows["ratings_served"]
    return max(rows.loc[copied, "known_at"], default=-np.inf), min(rows.loc[~copied, "known_at"], default=np.inf)


def _filled_anyway(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    return _bounds(served, features)


def _filled_present(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    return _filled(served.dropna(), features)


def _filled_everybody(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    asked = features[["user"]].drop_duplicates().merge(served[["user", "ratings"]], on="user", how="left")
    return _filled(asked, features)


def _each(served: pd.DataFrame, features: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The two bounds that each user sets alone."""
    rows = features.merge(served[["user", "ratings"]], on="user", suffixes=("", "_served"))
    copied = rows["ratings"] <= rows["ratings_served"]
    low = rows["known_at"].astype(float).where(copied, -np.inf).groupby(rows["user"]).max()
    return low, rows["known_at"].astype(float).where(~copied, np.inf).groupby(rows["user"]).min()


def _filled_by_somebody(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    low, high = _each(served, features)
    return low.min(), high.max()


def _filled_rows(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    low, _ = _each(served, features)
    known = low[low > -np.inf]
    return (known.min(), known.max()) if len(known) else None


def _filled_since(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    return _bounds(served, features)[0], np.inf


def _filled_inclusive(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    earliest, latest = _bounds(served, features)
    return (earliest, latest - 1) if earliest <= latest - 1 else None


def _filled_touching(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    earliest, latest = _bounds(served, features)
    return (earliest, latest) if earliest <= latest else None


def _filled_after(served: pd.DataFrame, features: pd.DataFrame) -> Span:
    earliest, latest = _bounds(served, features)
    return (earliest + 1, latest) if earliest + 1 < latest else None


@functools.cache
def _filled_cases() -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    rows = [(1, 10, 1), (1, 20, 4), (1, 60, 5), (2, 15, 2), (2, 40, 3), (3, 45, 1), (4, 5, 2), (4, 33, 6)]
    history = pd.DataFrame(rows, columns=["user", "known_at", "ratings"])
    mixed = history.iloc[[4, 7, 0, 2, 6, 1, 5, 3]]

    def store(*answers: tuple[int, float]) -> pd.DataFrame:
        return pd.DataFrame(answers, columns=["user", "ratings"]).astype({"ratings": float})

    none = float("nan")
    real, noon = _features()[["user", "known_at", "ratings"]], 891_345_600  # of 31 March 1998
    full, week = _store_of(real, noon), _store_of(real, noon + WEEK)
    half = pd.concat([full[full["user"] % 2 == 0], week[week["user"] % 2 == 1]]).sample(frac=1, random_state=1)
    return [
        ("one user, whose count is 4", store((1, 4)), history),
        ("four users, all with a value", store((2, 2), (1, 4), (4, 6)), mixed),
        ("a user without a value", store((1, 4), (3, none), (2, 3)), mixed),
        ("everybody has the newest value", store((1, 5), (2, 3), (3, 1), (4, 6)), mixed),
        ("an empty store", store((1, none), (2, none), (3, none), (4, none)), mixed),
        ("a user who is in no history", store((9, none), (1, 4)), mixed),
        ("two values that no moment explains", store((1, 1), (3, 1)), mixed),
        ("a value of second 20, and one that ended in second 20", store((1, 4), (5, 1)), _with(mixed, (5, 1, 1), (5, 20, 2))),
        ("a single second is possible", store((1, 4), (5, 1)), _with(mixed, (5, 1, 1), (5, 21, 2))),
        ("a third of MovieLens, filled at noon of 31 March", full[full["user"] % 3 == 0], real.sample(frac=1, random_state=0)),
        ("MovieLens, filled at noon", full, real),
        ("MovieLens, some users filled a week later", half, real),
    ]  # fmt: skip


def _with(history: pd.DataFrame, *rows: tuple[int, int, int]) -> pd.DataFrame:
    return pd.concat([history, pd.DataFrame(rows, columns=history.columns)], ignore_index=True)


def _store_of(features: pd.DataFrame, until: int) -> pd.DataFrame:
    users = pd.DataFrame({"user": features["user"].unique()})
    return users.merge(_latest(features, "user", until)[["user", "ratings"]], on="user", how="left")


def _check_filled(filled_between: Callable[[pd.DataFrame, pd.DataFrame], Any]) -> None:
    for what, served, features in _filled_cases():
        got = _span(filled_between(served.copy(), features.copy()))
        want = _filled(served, features)
        if got == want:
            continue
        for mistake, message in (
            (_filled_by_somebody, "these are the moments that explain *some* answer. One run has to explain them all: the largest lower end, the smallest upper one"),
            (_filled_everybody, "you count users who were not asked as missing from the store. `served` says nothing of them"),
            (_filled_present, "you leave out the users without a value. They say that the run lies before their first row"),
            (_filled_rows, "these are the moments of the rows that were served, the oldest and the newest. The oldest only says that a user has been away"),
            (_filled_since, "`earliest` is right; but a run after some user's *next* row would have copied that one"),
            (_filled_inclusive, "a row that becomes known in second `latest` is not in the store, so m < latest: that second itself bounds the run, not the one before it"),
            (_filled_after, "a row that becomes known in the second of the run is copied, so earliest <= m: do not add a second"),
            (_filled_touching, "a row known in that second is in the store, another of the same second is not. Then no run explains both: None"),
            (_filled_anyway, "no moment explains all the answers, since one value is newer than another allows. Return None"),
        ):  # fmt: skip
            if got == mistake(served, features):
                raise Incorrect(f"{what}: {message}.")
        raise Incorrect(f"{what}: {_words(want)} is right, not {_words(got)}.")


def _span(value: Any) -> Span:
    if value is None:
        return None
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise Incorrect("return a pair (earliest, latest), or None if no moment explains the answers.")
    earliest, latest = (number(end, name) for end, name in zip(value, ("earliest", "latest")))
    if np.isnan(earliest) or np.isnan(latest):
        raise Incorrect(
            "where nothing bounds the run stands -np.inf (earliest) or np.inf (latest), not a missing value."
        )
    return earliest, latest


def _words(span: Span) -> str:
    return "None" if span is None else f"({span[0]:,.0f}, {span[1]:,.0f})"


EXERCISES = [
    Exercise(
        id="3.3.1",
        title="What the online store holds",
        kind="build",
        prompt="""
            Copying history into an online store is called **materialising**. Write its heart: of a feature table, one
            row for each `key`, the latest that was known at the moment `until` (a row known *in* that second counts).
            Whole rows, all columns: a value that is missing in the latest row stays missing. The features come in any
            order, and yours may leave in any order.
        """,
        reference=lambda: _latest,
        check=_check_latest,
        hints=(
            "Leave out what was not known yet, then sort, then keep the last row of each key.",
            "`features[features['known_at'] <= until].sort_values('known_at')`, and then "
            "`.drop_duplicates(key, keep='last')`. In SQL: `QUALIFY row_number() OVER (PARTITION BY ... ORDER BY known_at "
            "DESC) = 1`.",
        ),
        wrong=(
            WrongAnswer("ignores until", lambda: _latest_of_all, "know the future"),
            WrongAnswer("strictly before", lambda: _latest_strictly, "known_at <= until"),
            WrongAnswer("first row", lambda: _first, "*first* row"),
            WrongAnswer("largest values", lambda: _largest, "largest value of each column"),
            WrongAnswer("skips missing values", lambda: _skips_missing, "skips missing values"),
            WrongAnswer("does not sort", lambda: _by_place, "Sort by known_at"),
            WrongAnswer("keeps the history", lambda: _all_known, "several rows"),
            WrongAnswer("latest first, then until", lambda: _filtered_late, "has vanished"),
            WrongAnswer("what changed in that second", lambda: _at_until, "keep their last row"),
        ),
        points=2,
        explanation="The order of the three steps matters: whoever takes the newest row first and then asks whether it was "
        "known in time loses every user with later rows. `groupby(key).last()` looks like the third step and is not: it takes "
        "the last value *that is not missing* of each column, and so makes up a row that never was.",
        expected=lambda: _latest(_features(), "user", 875_000_000).head(3),
    ),
    Exercise(
        id="3.3.2",
        title="Where did the rows go?",
        kind="figure it out",
        prompt="""
            `asked` went in, `answer` came out, and most rows are gone. Find the rule. Compare the two frames: which rows
            are still there, which are not, and what do the lost ones have in common? There are **two** causes.

            Prove it by a function: from the rows asked and the feature table, the *number* of rows that come back. Every
            user in the rows occurs in the feature table.
        """,
        reference=lambda: _survivors,
        check=_check_survivors,
        hints=(
            "Take the user with the most lost rows and put both frames side by side, sorted by time. First cause: how often "
            "does a (user, second) occur in each? Then count: how many rows does that explain, and how many are still "
            "unexplained?",
            "One row is left of each user and second, whatever else is in it. And of the seconds before which nothing was "
            "known of the user, none: `as_of(asked, features, 'user')` has no `known_at` there.",
        ),
        wrong=(
            WrongAnswer("distinct moments only", lambda: _distinct_moments, "60 fewer do"),
            WrongAnswer("known rows only", lambda: _known_only, "share something"),
            WrongAnswer("drops shared seconds altogether", lambda: _unshared, "One of them comes back"),
            WrongAnswer("subtracts the users", lambda: _minus_users, "fits the rows above by luck"),
            WrongAnswer("strictly known", lambda: _strictly_known, "*equal*"),
            WrongAnswer("distinct seconds", lambda: _distinct_seconds, "two users may share a second"),
            WrongAnswer("nothing is lost", lambda: lambda asked, features: len(asked), "what went in"),
            WrongAnswer("one a user", lambda: lambda asked, features: asked["user"].nunique(), "one row for each user"),
        ),
        points=3,
        explanation="The store joins all feature rows of the user to each row, leaves out those that are too late, and then "
        "keeps one row for each (user, second). Rows that differ in film and stars count as duplicates: the first cause. And "
        "where *all* of the user's feature rows are too late, nothing is left to keep: the second. A user without any feature "
        "row stays, with missing values, which makes the second cause all the harder to believe.",
        expected=lambda: "an int; for the 6,584 rows above, the number of rows in `answer`",
    ),
    Exercise(
        id="3.3.3",
        title="What a schedule serves",
        kind="build",
        prompt="""
            The online store is filled at every multiple of `every` seconds (an hour: at each full hour, UTC), at once and
            completely: a run at m copies what is known at m. What number of `ratings` does a request find? Return one value
            for each row of `rows`, in their order, NaN where the store knows nothing of the user. A request in the second
            of a run finds it done.
        """,
        reference=lambda: _served,
        check=_check_served,
        hints=(
            "A request does not see its own moment. It sees the moment of the last run: so ask the history as of *that*.",
            "The last run before second t is `t // every * every`. Put it in the place of the timestamp, and `as_of(..., "
            'features, "user")["ratings"]` does the rest.',
        ),
        wrong=(
            WrongAnswer("fresh", lambda: _served_fresh, "its last run"),
            WrongAnswer("a period late", lambda: _served_late, "*at most* a period ago"),
            WrongAnswer("next run", lambda: _served_next, "*next* run"),
            WrongAnswer("nearest run", lambda: _served_nearest, "*nearest* run"),
            WrongAnswer("known strictly before the run", lambda: _served_strictly, "known_at <= m"),
            WrongAnswer("run strictly before the request", lambda: _served_before, "finds that run done"),
            WrongAnswer("0 for unknown", lambda: _served_zero, "not 0"),
            WrongAnswer("rounds known_at down", lambda: _served_early, "*before* it became known"),
            WrongAnswer("the run's number", lambda: _served_uncounted, "*number* of the run"),
            WrongAnswer("always hourly", lambda: _served_hourly, "whatever was given"),
        ),
        points=2,
        explanation="Staleness needs no simulation: it is an as-of join with another clock. The same line tells training what "
        "serving will see, which is the honest way to train for a store that is filled once a night.",
        expected=lambda: pd.DataFrame(
            {
                "request of user 659 at": ["01:30", "02:30", "12:00"],
                "filled every hour": _expected_served(3600),
                "every night": _expected_served(DAY),
            }
        ).iloc[:1],
    ),
    Exercise(
        id="3.3.4",
        title="A week of patience",
        kind="figure it out",
        prompt="""
            The last rating of user 1 became known on 13 March 1998 at 01:15:37; since then `ratings` is 272. Predict what
            the store gives for `ratings` of user 1, **272 or None**; then ask it (`weekly` and `repository` are there, and
            `now_known` asks; it prints a missing value as nan).

            - `"a"`: `weekly`, a training row one day after that moment
            - `"b"`: `weekly`, a training row eight days after it
            - `"c"`: `weekly`, online, after materialising on 23 April 1998
            - `"d"`: `repository` (3,650 days), a training row of 1 January 2026
        """,
        reference=lambda: dict(_ttl_key()),
        check=_check_ttl,
        hints=(
            "Whose clock is it? For a training row there is only one sensible: the row's own. And who would delete an old "
            "value online?",
            "Ask: `now_known(weekly, known_at + 86_400)` and so on; for (c) first `weekly.materialize(end)`, then "
            '`weekly.online("user", [1])`.',
        ),
        wrong=(
            WrongAnswer("counted from today", lambda: dict.fromkeys("abcd"), "not from today"),
            WrongAnswer("no effect at all", lambda: dict.fromkeys("abcd", 272), "eight days older"),
            WrongAnswer(
                "online expires", lambda: {"a": 272, "b": None, "c": None, "d": None}, "expect the online store"
            ),
            WrongAnswer(
                "in quotation marks", lambda: {"a": 272, "b": "None", "c": 272, "d": "None"}, "quotation marks"
            ),
            WrongAnswer(
                "ten years are for ever", lambda: {"a": 272, "b": None, "c": 272, "d": 272}, "do not reach 1998"
            ),
            WrongAnswer("upside down", lambda: {"a": None, "b": 272, "c": 272, "d": None}, "one day younger"),
            WrongAnswer("another number", lambda: {"a": 271, "b": None, "c": 272, "d": None}, "only number known"),
        ),
        points=2,
        explanation="A `ttl` in Feast is no expiry of a cache. It says how far a *training row* may look back from its own "
        "time. Online nothing expires: the value of March is served in April, in 2026, and marked as present.",
        expected=lambda: '{"a": 272 or None, "b": 272 or None, "c": 272 or None, "d": 272 or None}',
    ),
    Exercise(
        id="3.3.5",
        title="Which moment does it hold?",
        kind="figure it out",
        prompt="""
            Nobody knows when the store was filled. You have `served`, what it answers for some users, and `features`, the
            history. Suppose that **one full run** at second m had copied what was known at m. Which m are possible? Return
            `(earliest, latest)`: every m with earliest <= m < latest explains *all* the answers, no other m does, and
            `-np.inf` or `np.inf` stands where nothing bounds it. Return None if no moment explains them.

            What does a count tell of the run, and what does a missing one? A user's count grows with each row, and each
            count served occurs in the user's history. Frames come in any order; some users of the history are not asked,
            and some that are asked have no history.
        """,
        reference=lambda: _filled,
        check=_check_filled,
        hints=(
            "Take one user and put the count served beside the history. Which rows did the run copy, which not? Each copied "
            "row lies before the run or in its second, each other row after it. Then all users together.",
            'Merge history and answers: `features.merge(served[["user", "ratings"]], on="user", suffixes=("", "_served"))`. A '
            "row was copied if its count is not above the one served. `earliest` is the latest copied second, `latest` the "
            "first that was not; if they are the wrong way round (or equal), no run explains the store.",
        ),
        wrong=(
            WrongAnswer("never None", lambda: _filled_anyway, "Return None"),
            WrongAnswer("only users with a value", lambda: _filled_present, "before their first row"),
            WrongAnswer("all users of the history", lambda: _filled_everybody, "not asked"),
            WrongAnswer("some answer", lambda: _filled_by_somebody, "explain *some* answer"),
            WrongAnswer("the rows' own moments", lambda: _filled_rows, "has been away"),
            WrongAnswer("no upper end", lambda: _filled_since, "*next* row"),
            WrongAnswer("latest is inclusive", lambda: _filled_inclusive, "m < latest"),
            WrongAnswer("a second too late", lambda: _filled_after, "do not add a second"),
            WrongAnswer("an empty span", lambda: _filled_touching, "of the same second"),
            WrongAnswer("one number", lambda: lambda served, features: 891_345_600, "a pair"),
        ),
        points=3,
        explanation="Each row of the history is a witness: copied, and the run was not before it; not copied, and the run was "
        "before it. A missing value is a user whose rows were all not copied. With many users the two ends come close, and if "
        "they cross, the store holds values of more than one moment: a run of the past over the present, a run that failed "
        "midway, or two jobs that write the same keys.",
        expected=lambda: (
            "(earliest, latest), two seconds since 1970, or None; for user 1 alone, who is served 268: "
            f"{_words(_filled(pd.DataFrame({'user': [1], 'ratings': [268.0]}), _features()))}"
        ),
    ),
]


def _expected_served(every: int) -> np.ndarray:
    start = 891_302_400  # 31 March 1998
    moments = [start + 5400, start + 9000, start + 12 * 3600]
    return _served(pd.DataFrame({"user": [659] * 3, "timestamp": moments}), _features(), every)


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_order() -> str:
    features = _features()
    rows = _ratings().sample(500, random_state=0)
    right = as_of(rows, features, "user")["ratings"].to_numpy(dtype=float, na_value=-1)
    other = as_of(rows.sort_values("timestamp"), features, "user")["ratings"].to_numpy(dtype=float, na_value=-1)
    return "c" if len(right) == len(other) and (right != other).any() else "a"


def _key_backfill() -> str:
    """A store that keeps what was written last: user 1 has 178 ratings in December, 272 in April."""
    db = sqlite3.connect(":memory:")
    db.execute("create table latest (user primary key, ratings)")
    mine = _features()[_features()["user"] == 1]
    april, december = int(mine["known_at"].iloc[-1]), int(mine["known_at"].iloc[100])
    for until in (april, december):
        row = _latest(mine, "user", until)[["user", "ratings"]]
        db.executemany("insert or replace into latest values (?, ?)", list(row.itertuples(index=False, name=None)))
    (found,) = db.execute("select ratings from latest where user = 1").fetchone()
    db.close()
    return {int(mine["ratings"].iloc[-1]): "a", int(mine["ratings"].iloc[100]): "b"}[found]


def _key_remaining() -> str:
    rows = _ratings().sample(2000, random_state=0)
    fresh, nightly = _served_fresh(rows, _features(), DAY), _served(rows, _features(), DAY)
    return "b" if not is_same(fresh, nightly) else "c"


def _key_size() -> str:
    size = 1_000_000 * 20 * 8 / 1e6  # MB
    return min({"a": 1.6, "b": 160.0, "c": 16_000.0}.items(), key=lambda pair: abs(pair[1] - size))[0]


QUIZ = [
    Question(
        text="You ask the offline store for the features of 100,000 rows, and 100,000 come back. You put the column beside "
        "your labels. What may still be wrong?",
        choices={
            "a": "nothing: no row was lost",
            "b": "the rows of strangers were dropped",
            "c": "the rows came back in another order",
        },
        key=_key_order,
        why={
            "a": "Each row may be there and stand beside another row's label.",
            "b": "Then fewer would have come back, unless others were doubled in exchange.",
            "c": "A database promises no order without ORDER BY. Send a row number through the store, and sort by it; "
            "`training_rows` does.",
        },
    ),
    Question(
        text="The store was materialised up to April (user 1: 272 ratings). To repair a lost day somebody materialises again, "
        "up to a day in the past on which the user had 178. What is served now?",
        choices={"a": "272, the newer value", "b": "178, what was written last", "c": "nothing: the two runs collide"},
        key=_key_backfill,
        why={
            "a": "The store would have to compare the two moments before it writes. The one of this lesson does not.",
            "b": "A materialisation is an upsert. After a backfill of the past, run the present again.",
            "c": "A key-value store has no opinion on time; the later write wins.",
        },
    ),
    Question(
        text="One definition, one table, and offline equals online for every user at the moment of materialisation. Which "
        "difference between training and serving can remain in production?",
        choices={
            "a": "seconds on one side, days on the other",
            "b": "serving sees values that are older than those of training",
            "c": "none",
        },
        key=_key_remaining,
        why={
            "a": "Both sides read the same column, made by one query.",
            "b": "Training rows are joined as of their second; requests get what the last run has copied. Only a shorter "
            "period, a stream, or training that is as late as serving helps.",
            "c": "Equality was shown at one moment. The requests come at others.",
        },
    ),
    Question(
        text="A million users, 20 features each, 8 bytes a value: how large are the values of an online store?",
        choices={"a": "1.6 MB", "b": "160 MB", "c": "16 GB"},
        key=_key_size,
        why={
            "a": "That is 10,000 users.",
            "b": "10⁶ · 20 · 8 bytes. Even with keys and overhead it fits into the memory of one process, or into a table of the "
            "database that you have. A cluster needs another reason.",
            "c": "That would be 100 million users, or features by the thousand.",
        },
    ),
]
