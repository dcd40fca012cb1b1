"""Exercises and quiz of lesson 3.2, SQL features and training-serving skew."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.production.features import as_of, user_features
from recsys_lab.split import temporal_split

DAY, WEEK = 86_400, 7 * 86_400  # seconds


def _ratings(*rows: tuple[Any, Any, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "rating", "timestamp"])


# ------------------------------------------------------------------ 3.2.1 a window of seven days
def _sql(query: str, **tables: pd.DataFrame) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        for name, table in tables.items():
            connection.register(name, table)
        return connection.execute(query).df()


def _counted(
    ratings: pd.DataFrame, window: str, *, n: str = "count(*)", shift: int = 1, part: str = 'partition by "user"'
) -> pd.DataFrame:
    query = f"""
        with seconds as (select "user", timestamp as t, {n} as n from ratings group by all)
        select "user", t + {shift} as known_at, cast(sum(n) over ({part} order by t {window}) as bigint) as ratings_7d
        from seconds
    """
    return _sql(query, ratings=ratings)


def _week_counts(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK - 1} preceding and current row")


def _week_of_rows(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, "rows between 6 preceding and current row")


def _week_of_seven(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, "range between 7 preceding and current row")


def _week_and_a_second(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK} preceding and current row")


def _week_of_seconds(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK - 1} preceding and current row", n="1")


def _week_known_at_once(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK - 1} preceding and current row", shift=0)


def _week_of_everybody(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK - 1} preceding and current row", part="")


def _week_around(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK // 2} preceding and {WEEK // 2} following")


def _week_without_now(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, f"range between {WEEK - 1} preceding and 1 preceding")


def _week_of_all(ratings: pd.DataFrame) -> pd.DataFrame:
    return _counted(ratings, "")


def _week_by_rating(ratings: pd.DataFrame) -> pd.DataFrame:
    return ratings[["user", "timestamp"]].merge(_week_counts(ratings).assign(timestamp=lambda f: f["known_at"] - 1))[
        ["user", "known_at", "ratings_7d"]
    ]


@functools.cache
def _week_cases() -> list[tuple[str, pd.DataFrame]]:
    movielens = datasets.load("ml-100k").ratings
    edge = _ratings(
        (1, 1, 4, 100),
        (1, 2, 4, 100 + WEEK - 1),
        (1, 3, 4, 100 + WEEK),
        (2, 1, 3, 100 + WEEK),
        (1, 4, 2, 100 + 3 * WEEK),
    )
    old = [(1, 100 + film, 3, 100 - film * 10 * DAY) for film in range(1, 11)]  # more than seven, each outside the week
    edge = pd.concat([_ratings(*old), edge], ignore_index=True)
    crowd = _ratings(*((1, film, 4, 1000 + film // 3) for film in range(20)), (1, 30, 4, 1100))
    return [
        ("20 ratings within seven seconds and one later", crowd),
        ("ratings exactly a week apart", edge),
        ("the toy data", datasets.toy().ratings),
        ("users 1 to 40 of MovieLens", movielens[movielens["user"] <= 40]),
    ]


def _check_week(week_counts: Callable[[pd.DataFrame], Any]) -> None:
    for what, ratings in _week_cases():
        got, want = week_counts(ratings.copy()), _week_counts(ratings)
        if isinstance(got, duckdb.DuckDBPyRelation):
            got = got.df()
        if not isinstance(got, pd.DataFrame):
            raise Incorrect(f"return a DataFrame (`duckdb.sql(...).df()` makes one), not {type(got).__name__}.")
        if missing := [name for name in want.columns if name not in got.columns]:
            raise Incorrect(f"the result has no column {missing[0]!r}; it needs user, known_at and ratings_7d.")
        got = _sorted(got)
        want = _sorted(want)
        if len(got) == len(ratings) > len(want):
            raise Incorrect(
                f"{what}: one row a rating. Several ratings share a second: group by user and second first, or the "
                "later join finds several rows for one moment and doubles the training rows."
            )
        _week_mistakes(what, got, ratings)
        same(got, want, what=what)


def _week_mistakes(what: str, got: pd.DataFrame, ratings: pd.DataFrame) -> None:
    for mistake, message in (
        (
            _week_known_at_once,
            "the counts are right, but known_at is the second of the ratings themselves. A count that contains the "
            "ratings of a second is known one second later: t + 1",
        ),
        (_week_of_rows, "`rows between 6 preceding` goes back six *rows*, not seven days. `range` goes back in time"),
        (_week_of_seven, "you go back 7 seconds: timestamps are seconds, so a week is 7 * 86400 of them"),
        (_week_of_seconds, "you count moments, not ratings: a second with three ratings counts 3"),
        (_week_of_everybody, "ratings of *all* users are counted; `partition by` is missing"),
        (_week_of_all, "all of the past is counted. Without a frame, a window runs from the beginning to the current row"),
        (_week_around, "the window looks into the *future*: what follows is not known yet"),
        (_week_without_now, "the ratings of the row's own second are missing. The row is known one second later, and then they belong to it"),
        (
            _week_and_a_second,
            "the window is one second too long. A rating from exactly a week ago is out, so go back 7 * 86400 - 1",
        ),
    ):  # fmt: skip
        if is_same(got, _sorted(mistake(ratings))) and not is_same(got, _sorted(_week_counts(ratings))):
            raise Incorrect(f"{what}: {message}.")


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame[["user", "known_at", "ratings_7d"]].sort_values(["user", "known_at"], ignore_index=True)
    return frame.astype({"known_at": float, "ratings_7d": float})


# ------------------------------------------------------------------ 3.2.2 an as-of join by hand
def _latest_known(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    place = rows[["user", "timestamp"]].reset_index(drop=True).rename_axis("place").reset_index()
    pairs = place.merge(features, on="user")
    pairs = pairs[pairs["known_at"] <= pairs["timestamp"]].sort_values("known_at")
    return pairs.groupby("place")["mean_rating"].last().reindex(place["place"]).to_numpy()


def _latest(
    rows: pd.DataFrame, features: pd.DataFrame, *, keep: Callable[[pd.DataFrame], Any], last: bool = True
) -> np.ndarray:
    place = rows[["user", "timestamp"]].reset_index(drop=True).rename_axis("place").reset_index()
    pairs = place.merge(features, on="user")
    found = pairs[keep(pairs)].sort_values("known_at").groupby("place")["mean_rating"]
    return (found.last() if last else found.first()).reindex(place["place"]).to_numpy()


def _latest_strictly(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return _latest(rows, features, keep=lambda p: p["known_at"] < p["timestamp"])


def _latest_of_all(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return _latest(rows, features, keep=lambda p: p["known_at"] > 0)


def _latest_next(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return _latest(rows, features, keep=lambda p: p["known_at"] >= p["timestamp"], last=False)


def _latest_first(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return _latest(rows, features, keep=lambda p: p["known_at"] <= p["timestamp"], last=False)


def _latest_largest(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    so_far = features.sort_values("known_at")
    return _latest_known(rows, so_far.assign(mean_rating=so_far.groupby("user")["mean_rating"].cummax()))


def _latest_inner(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    found = _latest_known(rows, features)
    return found[~np.isnan(found)]


def _latest_zero(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return np.nan_to_num(_latest_known(rows, features))


def _latest_sorted(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return _latest_known(rows.sort_values("timestamp", kind="stable"), features)


def _latest_nearest(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    return np.array([_nearest(row, features[features["user"] == row.user]) for row in rows.itertuples()])


def _nearest(row: Any, mine: pd.DataFrame) -> float:
    return float("nan") if mine.empty else mine.loc[(mine["known_at"] - row.timestamp).abs().idxmin(), "mean_rating"]


def _latest_anybody(rows: pd.DataFrame, features: pd.DataFrame) -> np.ndarray:
    order = features.sort_values("known_at")
    place = np.searchsorted(order["known_at"], rows["timestamp"], side="right") - 1
    return np.where(place >= 0, order["mean_rating"].to_numpy()[place], np.nan)


@functools.cache
def _join_cases() -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    toy = datasets.toy().ratings
    real = datasets.load("ml-100k").ratings
    few = real[real["user"] <= 25].sample(frac=1, random_state=1)
    features = pd.DataFrame(
        [(1, 10, 4.0), (1, 14, 5.0), (1, 20, 4.5), (1, 30, 3.0), (2, 15, 1.0)],
        columns=["user", "known_at", "mean_rating"],
    )
    rows = _ratings(
        (1, 1, 3, 29), (3, 1, 3, 99), (2, 2, 3, 14), (1, 3, 3, 20), (1, 1, 4, 20), (2, 2, 3, 90), (1, 9, 3, 5)
    )
    return [
        ("seven rows of three users", rows.set_axis([9, 8, 7, 6, 5, 4, 3]), features.sample(frac=1, random_state=0)),
        ("the toy data", toy.sample(frac=1, random_state=0), user_features(toy)),
        ("users 1 to 25 of MovieLens, shuffled", few, user_features(few)),
    ]


def _check_join(latest_known: Callable[[pd.DataFrame, pd.DataFrame], Any]) -> None:
    for what, rows, features in _join_cases():
        got, want = latest_known(rows.copy(), features.copy()), _latest_known(rows, features)
        if isinstance(got, pd.DataFrame):
            raise Incorrect(
                "return the values of mean_rating alone, one for each row (an array or a Series), no frame."
            )
        if isinstance(got, pd.Series):
            got = got.to_numpy(dtype=float, na_value=np.nan)
        elif isinstance(got, (list, tuple)):
            got = np.array([np.nan if value is None or value is pd.NA else value for value in got])
        if np.size(got) == len(_latest_inner(rows, features)) < len(want):
            raise Incorrect(
                f"{what}: {len(want) - np.size(got)} rows are gone, those of which nothing was known yet. They are new "
                "users: a training table without them never learns what to do with one. Use a left join."
            )
        for mistake, message in (
            (_latest_strictly, "a feature with known_at *equal* to the timestamp is known by then: <=, not <"),
            (_latest_of_all, "you take the latest value of all, whatever the row's time. That is the future"),
            (_latest_next, "you take the *next* value, from the row's future: this is direction='forward'"),
            (_latest_nearest, "you take the *nearest* value, and half of the time that is one from the future"),
            (_latest_zero, "where nothing was known yet, the answer is NaN. A mean of 0 stars is a statement about the user"),
            (_latest_first, "you take the *first* value that was known, not the latest"),
            (_latest_largest, "you take the *largest* mean that was known; the largest known_at is the latest"),
            (_latest_anybody, "you take the latest value of *anybody*: the join must be on the user, too"),
            (_latest_sorted, "the right values in the wrong order: sorted by time, while the rows came in another order"),
        ):  # fmt: skip
            if is_same(got, mistake(rows, features)) and not is_same(got, want):
                raise Incorrect(f"{what}: {message}.")
        same(got, want, what=what)


# ------------------------------------------------------------------ 3.2.3 a tripwire for the future
Build = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def _leaking_columns(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    asked = ratings[ratings["timestamp"] <= moment]
    then = build(ratings[ratings["timestamp"] < moment], asked)
    now = build(ratings, asked)
    return sorted(name for name in now if not now[name].equals(then[name]))


def _leaking_by_stars(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    asked = ratings[ratings["timestamp"] <= moment]
    later = ratings["timestamp"] >= moment
    other = build(ratings.assign(rating=ratings["rating"].where(~later, 6 - ratings["rating"])), asked)
    now = build(ratings, asked)
    return sorted(name for name in now if not now[name].equals(other[name]))


def _leaking_after(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    asked = ratings[ratings["timestamp"] <= moment]
    then, now = build(asked, asked), build(ratings, asked)
    return sorted(name for name in now if not now[name].equals(then[name]))


def _leaking_everywhere(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    then, now = build(ratings[ratings["timestamp"] < moment], ratings), build(ratings, ratings)
    return sorted(name for name in now if not now[name].equals(then[name]))


def _leaking_before(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    past = ratings[ratings["timestamp"] < moment]
    then, now = build(past, past), build(ratings, past)
    return sorted(name for name in now if not now[name].equals(then[name]))


def _leaking_at_the_moment(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    asked = ratings[ratings["timestamp"] == moment]
    then, now = build(ratings[ratings["timestamp"] < moment], asked), build(ratings, asked)
    return sorted(name for name in now if not now[name].equals(then[name]))


def _leaking_by_mean(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    asked = ratings[ratings["timestamp"] <= moment]
    then, now = build(ratings[ratings["timestamp"] < moment], asked), build(ratings, asked)
    return sorted(name for name in now if round(now[name].mean(), 6) != round(then[name].mean(), 6))


def _leaking_nan(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    asked = ratings[ratings["timestamp"] <= moment]
    then, now = build(ratings[ratings["timestamp"] < moment], asked), build(ratings, asked)
    return sorted(name for name in now if (now[name].to_numpy() != then[name].to_numpy()).any())


def _leaking_inverted(build: Build, ratings: pd.DataFrame, moment: int) -> list[str]:
    leaks = _leaking_columns(build, ratings, moment)
    return sorted(set(build(ratings, ratings.head(1))) - set(leaks))


def _leaking_any(build: Build, ratings: pd.DataFrame, moment: int) -> bool:
    return bool(_leaking_columns(build, ratings, moment))


MOMENT = 110_000
# Columns to try it on: name -> (the rows of the history that it may use, what it makes of them).
_COLUMNS: dict[str, tuple[Callable[[pd.DataFrame, Any], Any], Callable[[pd.DataFrame], float]]] = {
    "past_mean": (lambda h, r: h["timestamp"] < r.timestamp, lambda p: p["rating"].mean()),
    "past_count": (lambda h, r: h["timestamp"] < r.timestamp, lambda p: float(len(p))),
    "mean_of_all": (lambda h, r: h["timestamp"] > 0, lambda p: p["rating"].mean()),
    "count_of_all": (lambda h, r: h["timestamp"] > 0, lambda p: float(len(p))),
    "own_second": (lambda h, r: h["timestamp"] <= r.timestamp, lambda p: p["rating"].mean()),
    "own_count": (lambda h, r: h["timestamp"] <= r.timestamp, lambda p: float(len(p))),
    "next_hour": (lambda h, r: abs(h["timestamp"] - r.timestamp) <= 3600, lambda p: float(len(p))),
}


def _builder(*names: str) -> Build:
    def build(history: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        out: dict[str, list[float]] = {name: [] for name in names}
        for row in rows.itertuples():
            mine = history[history["user"] == row.user]
            for name in names:
                may, make = _COLUMNS[name]
                out[name].append(make(mine[may(mine, row)]))
        return pd.DataFrame(out, index=rows.index)

    return build


def _swapping(history: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Knows the last moment of the history, and uses it so that the mean over all rows stays the same."""
    end = history["timestamp"].max()
    signs = np.where(np.arange(len(rows)) % 2, 1.0, -1.0)
    if len(rows) % 2:
        signs[-1] = 0
    return pd.DataFrame({"swapped": signs * (end % 1000)}, index=rows.index)


@functools.cache
def _history() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [(int(user), film, float(rng.integers(1, 6)), 100_000 + 600 * int(rng.integers(1, 30))) for user in (1, 2, 3) for film in range(8)]  # fmt: skip
    return _ratings(*rows, (1, 90, 5.0, 110_000), (1, 91, 2.0, 110_000), (2, 92, 2.0, 110_000), (3, 93, 5.0, 112_000))


def _check_leaking(leaking_columns: Callable[..., Any]) -> None:
    history, moment = _history(), MOMENT
    for names, what in (
        (("count_of_all", "past_count"), "a *number* of all of the user's ratings, whenever given"),
        (("past_mean", "mean_of_all"), "a mean of all of the user's ratings, whenever given"),
        (("past_mean", "past_count"), "two honest columns, the mean and the number of the user's earlier ratings"),
        (("own_second", "past_mean"), "a mean that counts the row's own second"),
        (("own_count",), "a number that counts the row's own second"),
        (("next_hour", "past_mean", "mean_of_all"), "ratings within an hour before *and after*, and a mean of all"),
    ):
        before = history.copy()
        asked: list[int] = []

        def build(
            history: pd.DataFrame, rows: pd.DataFrame, names: tuple[str, ...] = names, asked: list[int] = asked
        ) -> pd.DataFrame:
            asked.append(int(rows["timestamp"].max()))
            return _builder(*names)(history, rows)

        got, want = leaking_columns(build, history, moment), _leaking_columns(_builder(*names), history, moment)
        if not before.equals(history):
            raise Incorrect("your test changed the ratings it was given. `assign` and filters make new frames.")
        _judge_leaks(got, want, names, what, asked_then=max(asked, default=0) >= moment)
    if "mean_of_all" not in leaking_columns(_builder("past_mean", "mean_of_all"), history, moment - 1):
        raise Incorrect(
            "at a moment in which nobody rated, you miss a mean of all ratings. Ask for *all* rows up to the moment, not "
            "only for those of the moment itself."
        )
    got, want = leaking_columns(_swapping, history, moment), ["swapped"]
    if list(got) != want:
        raise Incorrect("a column changed row by row while its mean stayed the same, and your test missed it. Compare row by row.")  # fmt: skip


def _judge_leaks(got: Any, want: list[str], names: tuple[str, ...], what: str, asked_then: bool) -> None:
    if isinstance(got, (bool, np.bool_)) or not isinstance(got, (list, tuple, set, pd.Index, np.ndarray)):
        raise Incorrect(f"return the *names* of the columns, a list of str, not {got!r}.")
    got = sorted(map(str, got))
    if got == want:
        return
    if want and got == sorted(set(names) - set(want)):
        raise Incorrect(f"{what}: you name the columns that do *not* leak.")
    if extra := sorted(set(got) - set(want)):
        reason = (
            "NaN is not equal to NaN, so a row of which nothing is known looks changed. `Series.equals` knows that"
            if got == _leaking_nan(_builder(*names), _history(), MOMENT)
            else "a row *after* the moment may use what happened since; ask only for rows up to the moment"
        )
        raise Incorrect(f"{what}: {extra[0]} is honest, and yet you name it. Perhaps: {reason}.")
    missed = sorted(set(want) - set(got))[0]
    if missed in ("own_second", "own_count"):
        raise Incorrect(
            f"{what}: you miss {missed}. It uses the ratings of the row's own second. "
            + (
                "Your history still has those of the moment's second: take them away, too (< moment)."
                if asked_then
                else "But you never ask for a row of the moment's second: ask for rows up to it (<= moment)."
            )
        )
    if missed in ("count_of_all", "next_hour"):
        raise Incorrect(
            f"{what}: you miss {missed}. Other stars do not change a count: take the later rows away altogether."
        )
    raise Incorrect(f"{what}: you miss {missed}; it changes when the ratings from the moment on are taken away.")


# ------------------------------------------------------------------ 3.2.4 two implementations
FEATURES = ("user_ratings", "user_mean", "idle", "today", "film_ratings", "film_mean")


def service_log(requests: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """What the service team's own code gave for these requests, from the ratings before each. See exercise 3.2.4."""
    users, films = (_timelines(ratings, key) for key in ("user", "item"))
    rows = [_served(users[r.user], films[r.item], int(r.timestamp)) for r in requests.itertuples()]
    return pd.DataFrame(rows, columns=FEATURES, index=requests.index, dtype=float)


def _timelines(ratings: pd.DataFrame, key: str) -> dict[Any, tuple[list[int], list[float]]]:
    """For each key: its seconds in order, and the running sums of stars."""
    out = {}
    for one, theirs in ratings.sort_values("timestamp", kind="stable").groupby(key):
        out[one] = theirs["timestamp"].tolist(), [0.0, *theirs["rating"].cumsum().tolist()]
    return out


def _served(user: tuple[list[int], list[float]], film: tuple[list[int], list[float]], now: int) -> tuple[float, ...]:
    seen, known = bisect.bisect_left(user[0], now), bisect.bisect_left(film[0], now)
    local_midnight = now - (now - 6 * 3600) % DAY  # the server's clock is six hours behind UTC
    last_night = now - now % DAY  # the cache of films is filled once a day
    return (
        seen,
        user[1][seen] / seen if seen else 0.0,
        now - user[0][seen - 1] if seen else float("nan"),  # seconds
        seen - bisect.bisect_left(user[0], local_midnight),
        bisect.bisect_left(film[0], last_night),
        round(film[1][known] / known, 1) if known else float("nan"),
    )


DIAGNOSIS = {
    "user_ratings": "the same",
    "user_mean": "null as zero",
    "idle": "unit",
    "today": "time zone",
    "film_ratings": "stale",
    "film_mean": "rounding",
}
CAUSES = (*DIAGNOSIS.values(), "leak")
_CLUES = {
    "user_ratings": "print how many rows differ at all.",
    "user_mean": "only few rows differ. What do those have in common on the training side?",
    "idle": "divide one side by the other: what number comes out in every row?",
    "today": "it differs at some hours of the day and never at others. When does a day begin?",
    "film_ratings": "the served number is never larger, and often smaller. Since when has nobody looked?",
    "film_mean": "most rows differ, and none by more than 0.05. Print five values of each side.",
}


def _check_skew(answer: Any) -> None:
    if not isinstance(answer, Mapping):
        raise Incorrect('the answer is a dict from feature to cause, such as {"user_ratings": "the same", ...}.')
    for name, right in DIAGNOSIS.items():
        if name not in answer:
            raise Incorrect(f"{name} is missing.")
        given = " ".join(str(answer[name]).lower().replace("-", " ").replace("_", " ").split())
        given = {"timezone": "time zone", "none": "the same", "same": "the same", "null as 0": "null as zero"}.get(given, given)  # fmt: skip
        if given not in CAUSES:
            raise Incorrect(f"{name}: {answer[name]!r} is not one of {', '.join(CAUSES)}.")
        if given != right:
            raise Incorrect(f"{name}: {given!r} does not explain what is to be seen. A clue: {_CLUES[name]}")
    if extra := sorted(set(map(str, answer)) - set(DIAGNOSIS)):
        raise Incorrect(f"{extra[0]} is not a feature of the log.")


# ------------------------------------------------------------------ 3.2.5 the lag that nobody wrote down
LAG = 17  # minutes


@functools.cache
def lag_log() -> pd.DataFrame:
    """2,000 requests of the last fifth of MovieLens, with the number of the user's ratings that the service knew."""
    ratings = datasets.load("ml-100k").ratings
    requests = temporal_split(ratings, test=0.2)[1].sample(2000, random_state=0)[["user", "timestamp"]]
    late = user_features(ratings).assign(known_at=lambda f: f["known_at"] + 60 * LAG)
    known = as_of(requests, late[["user", "known_at", "ratings"]], "user")["ratings"]
    return requests.assign(served=known.fillna(0).astype(int))


def _agreement(minutes: float) -> float:
    log = lag_log()
    late = user_features(datasets.load("ml-100k").ratings).assign(known_at=lambda f: f["known_at"] + 60 * minutes)
    known = as_of(log, late[["user", "known_at", "ratings"]], "user")["ratings"].fillna(0)
    return float((known == log["served"]).mean())


def _check_lag(answer: Any) -> None:
    minutes = number(answer, "the lag")
    if minutes == LAG:
        return
    if minutes == 60 * LAG:
        raise Incorrect(f"{minutes:g} would be the seconds; the answer is asked in minutes.")
    if minutes < 0:
        raise Incorrect("a negative lag: the service would know ratings before they are given. Add it to known_at.")
    if 0 < minutes < 1:
        raise Incorrect("less than a minute? The answer is asked in minutes, as a whole number.")
    share = _agreement(minutes)
    more = {0.0: " This is what the documentation says.", 60.0: " This is a guess, and a usual schedule."}.get(
        minutes, ""
    )
    raise Incorrect(
        f"with a lag of {minutes:g} minutes, {100 * share:.0f} % of the log is reproduced; with the right one all of it "
        f"is.{more} Try every whole number of minutes up to an hour."
    )


# ------------------------------------------------------------------ the exercises
EXERCISES = [
    Exercise(
        id="3.2.1",
        title="Seven days, in SQL",
        kind="build",
        prompt="""
            Write `week_counts(ratings)`: one row for each user and each second in which they rated, with the number of
            their ratings in **the seven days that end with that second** (a rating exactly seven days older is out),
            and the moment from which this number is known. DuckDB finds the frame by its name:
            `duckdb.sql('select ... from ratings').df()`. The order of the rows is free.
        """,
        reference=lambda: _week_counts,
        check=_check_week,
        hints=(
            "Start from the query above: group into seconds first, then a window over the seconds. Only the frame is new: "
            "which word makes a frame reach back in *time* instead of in rows?",
            '`sum(n) over (partition by "user" order by t range between 7 * 86400 - 1 preceding and current row)`, and '
            "`t + 1 as known_at`.",
        ),
        wrong=(
            WrongAnswer("rows instead of range", lambda: _week_of_rows, "six *rows*"),
            WrongAnswer("seven seconds", lambda: _week_of_seven, "7 seconds"),
            WrongAnswer("a second too long", lambda: _week_and_a_second, "one second too long"),
            WrongAnswer("moments counted", lambda: _week_of_seconds, "moments, not ratings"),
            WrongAnswer("known in its own second", lambda: _week_known_at_once, "t + 1"),
            WrongAnswer("no partition", lambda: _week_of_everybody, "*all* users"),
            WrongAnswer("centred window", lambda: _week_around, "*future*"),
            WrongAnswer("own second left out", lambda: _week_without_now, "own second are missing"),
            WrongAnswer("no frame", lambda: _week_of_all, "all of the past"),
            WrongAnswer("one row a rating", lambda: _week_by_rating, "one row a rating"),
        ),
        points=2,
        explanation="`range` compares the values of the `order by` column, so `7 * 86400 - 1 preceding` means *at most that "
        "many seconds earlier*, and it takes all rows of a second or none. `rows` counts rows. With a frame that "
        "ends in the current row the count contains this very second, and hence is known one second later.",
        expected=lambda: _week_counts(_week_cases()[1][1]),
    ),
    Exercise(
        id="3.2.2",
        title="An as-of join without ASOF",
        kind="build",
        prompt="""
            Not every database has `ASOF JOIN`. Write the join with ordinary tools (SQL or pandas, but neither
            `ASOF` nor `merge_asof`): for each row the `mean_rating` of the row's user that was **the latest known** at the
            row's time, NaN where nothing was known. A feature known *in* the row's second counts as known. Rows and
            features come in any order; the values go out in the order of the rows.
        """,
        reference=lambda: _latest_known,
        check=_check_join,
        hints=(
            "Three steps: join on the user alone (this gives many pairs), keep the pairs that were known in time, keep the "
            "latest pair of each row. Give each row a number first, so that you find it again.",
            '`pairs = numbered.merge(features, on="user")`, then `pairs[pairs.known_at <= pairs.timestamp]`, sort by '
            'known_at, `groupby("place")["mean_rating"].last()`, and `.reindex(...)` brings back the rows without a pair.',
        ),
        wrong=(
            WrongAnswer("strictly before", lambda: _latest_strictly, "<=, not <"),
            WrongAnswer("no condition on time", lambda: _latest_of_all, "latest value of all"),
            WrongAnswer("forward", lambda: _latest_next, "*next* value"),
            WrongAnswer("nearest", lambda: _latest_nearest, "*nearest* value"),
            WrongAnswer("inner join", lambda: _latest_inner, "left join"),
            WrongAnswer("0 for unknown", lambda: _latest_zero, "A mean of 0 stars"),
            WrongAnswer("first known", lambda: _latest_first, "*first* value"),
            WrongAnswer("largest mean", lambda: _latest_largest, "*largest* mean"),
            WrongAnswer("user forgotten", lambda: _latest_anybody, "*anybody*"),
            WrongAnswer("order lost", lambda: _latest_sorted, "wrong order"),
        ),
        points=3,
        explanation="The join on the user alone makes rows times features of that user pairs, about a hundred times the "
        "table here. A database with `ASOF JOIN` sorts both sides once and walks through them together instead.",
        expected=example(
            "latest_known(rows, features), for a user's rows at the seconds 5, 20 and 29,\n"
            "with means known from the seconds 10 (5.0), 20 (4.0) and 30 (3.0),",
            lambda: np.array([np.nan, 4.0, 4.0]),
        ),
    ),
    Exercise(
        id="3.2.3",
        title="A tripwire for the future",
        kind="figure it out",
        prompt="""
            The pull request above leaks. Do not look for the leak: write a test that finds it, and finds the next one, too.

            `build(history, rows)` returns one line of features for each row of `rows`, in their order, and may compute them
            from `history`. Think of a service on the day `moment`: what would `history` have been then? And for which
            rows must that make no difference?
        """,
        reference=lambda: _leaking_columns,
        check=_check_leaking,
        hints=(
            "An honest feature of a row at time t needs nothing from t on. So you may take everything from `moment` on out "
            "of the history, and for rows *up to* `moment` nothing may change.",
            "`asked = ratings[ratings.timestamp <= moment]`; call `build` on `ratings[ratings.timestamp < moment]` and on "
            "`ratings`, both times for `asked`; compare column by column with `Series.equals`.",
        ),
        wrong=(
            WrongAnswer("changes the stars only", lambda: _leaking_by_stars, "take the later rows away"),
            WrongAnswer("keeps the moment's own second", lambda: _leaking_after, "Your history still has"),
            WrongAnswer("asks only for earlier rows", lambda: _leaking_before, "<= moment"),
            WrongAnswer("asks for the moment's rows", lambda: _leaking_at_the_moment, "*all* rows up to the moment"),
            WrongAnswer("asks for all rows", lambda: _leaking_everywhere, "only for rows up to the moment"),
            WrongAnswer("compares means", lambda: _leaking_by_mean, "row by row"),
            WrongAnswer("NaN unequal to NaN", lambda: _leaking_nan, "NaN is not equal to NaN"),
            WrongAnswer("names the honest ones", lambda: _leaking_inverted, "do *not* leak"),
            WrongAnswer("True or False", lambda: _leaking_any, "*names*"),
        ),
        points=3,
        explanation="The test replays the past: it gives the code the table as it was, and asks whether the answers are the "
        "same. Note how it differs from the tripwire of 2.2.5, which changed the test ratings. Here an honest feature *may* "
        "depend on test ratings, on those before the row: the service will know them by then.",
        expected=lambda: (
            '["film_average"] for features that hold the average of all ratings of the film, whenever given;\n'
            "[] for features that count only what came before the row"
        ),
    ),
    Exercise(
        id="3.2.4",
        title="Six features, five differences",
        kind="figure it out",
        prompt="""
            You have both sides of 2,000 requests, and not the service's code. Name the cause of each feature's difference:
            `"the same"`, `"unit"`, `"rounding"`, `"null as zero"`, `"time zone"`, `"stale"` (an old value) or `"leak"`
            (counts the rating that is to be predicted). Compare as you would debug: how many rows, in which direction, by
            how much, and what do those rows have in common? `trained` and `served` are frames; the hour of a request
            is `requests["timestamp"] // 3600 % 24`.
        """,
        reference=lambda: dict(DIAGNOSIS),
        check=_check_skew,
        hints=(
            "Take the ratio for `idle`, five values side by side for `film_mean`, the training side of the rows that differ "
            "for `user_mean`. For the two counts: is the difference ever positive? At which hours?",
            '`(trained["today"] != served["today"]).groupby(requests["timestamp"] // 3600 % 24).mean()` shows the hours: '
            "a day that begins at another moment. `film_ratings` is never too large: an old number.",
        ),
        wrong=(
            WrongAnswer("time zone taken for stale", lambda: DIAGNOSIS | {"today": "stale"}, "When does a day begin"),
            WrongAnswer("stale taken for a leak", lambda: DIAGNOSIS | {"film_ratings": "leak"}, "never larger"),
            WrongAnswer("zero taken for rounding", lambda: DIAGNOSIS | {"user_mean": "rounding"}, "only few rows"),
            WrongAnswer("unit taken for a time zone", lambda: DIAGNOSIS | {"idle": "time zone"}, "divide one side"),
            WrongAnswer("a cause that is not on the list", lambda: DIAGNOSIS | {"idle": "bug"}, "is not one of"),
        ),
        points=2,
        explanation="Two people wrote the same six sentences of a specification as code, and differ in five. The mean of "
        "a user without ratings is 0, `idle` is in seconds (86,400 times too large), `today` begins at the server's "
        "midnight, six hours after that of UTC, `film_ratings` comes from a cache that is filled at midnight, and "
        "`film_mean` is rounded to one decimal. No test of either side alone would find any of it.",
        expected=lambda: pd.Series(DIAGNOSIS, name="cause").rename_axis("feature").iloc[[0, 2]],
    ),
    Exercise(
        id="3.2.5",
        title="The lag that nobody wrote down",
        kind="figure it out",
        prompt="""
            The documentation of a feature pipeline says "real time". Here is what the service logged: for 2,000 requests,
            the number of the user's earlier ratings that it *knew* (`served`). Read the lag out of the log: after how many
            **minutes** (a whole number) does a rating reach the service?
        """,
        reference=lambda: LAG,
        check=_check_lag,
        hints=(
            "If a rating needs d minutes, a feature row that could be known at `known_at` is known at `known_at + 60 * d`. "
            "Recompute the log with a guess for d, and count the rows that agree.",
            'For d from 0 to 60: `late = features.assign(known_at=features["known_at"] + 60 * d)`, then `as_of(log, late, '
            '"user")["ratings"].fillna(0)`, and compare with `log["served"]`. One d agrees in all 2,000 rows.',
        ),
        wrong=(
            WrongAnswer("believes the documentation", lambda: 0, "what the documentation says"),
            WrongAnswer("seconds", lambda: 60 * LAG, "in minutes"),
            WrongAnswer("guesses an hour", lambda: 60, "usual schedule"),
            WrongAnswer("off by one", lambda: LAG + 1, "all of it is"),
            WrongAnswer("negative", lambda: -LAG, "negative lag"),
        ),
        points=2,
        explanation="At 17 minutes all rows agree, at 16 and at 18 only about two thirds. A log of what was *served* lets "
        "you measure what no document tells. Now the backfill can be honest: shift `known_at` by 17 minutes, and the "
        "training rows hold what the service will have.",
        expected=lambda: "a whole number of minutes, below 60: with it, every one of the 2,000 rows is reproduced",
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_default_frame() -> str:
    ratings = _ratings((1, 1, 1, 10), (1, 2, 5, 20), (1, 3, 3, 20), (1, 4, 1, 30))
    query = "select item, avg(rating) over (order by timestamp) as m from ratings order by item"
    found = _sql(query, ratings=ratings)["m"]
    return {1.0: "a", 3.0: "b", 2.5: "c"}[float(found[1])]


def _key_lost_rows() -> str:
    ratings = datasets.load("ml-100k").ratings
    features = user_features(ratings)
    kept = _sql(
        'select count(*) as n from ratings asof join features on ratings."user" = features."user" '
        "and ratings.timestamp >= features.known_at",
        ratings=ratings,
        features=features,
    )
    unknown = int(as_of(ratings, features, "user")["known_at"].isna().sum())
    return "b" if kept.iloc[0, 0] == len(ratings) - unknown < len(ratings) else "a"


def _key_week_that_stays() -> str:
    june, july = 896_659_200, 899_251_200  # 1 June and 1 July 1998
    ratings = _ratings(*((1, film, 4.0, june) for film in range(30)))
    asked = pd.DataFrame({"user": [1], "timestamp": [july]})
    return {30: "a", 0: "b"}[int(as_of(asked, user_features(ratings), "user")["ratings_7d"].iloc[0])]


def _key_backfill() -> str:
    """A nightly job at 02:00; a rating on Monday at 23:00. Which known_at tells a request of 01:00 nothing, and one of 03:00 all?"""
    hour, monday = 3600, 894_844_800
    rated, nightly, written = monday + 23 * hour, monday + 26 * hour, monday + 100 * DAY
    asked = pd.DataFrame({"user": [1, 1], "timestamp": [monday + 25 * hour, monday + 27 * hour]})
    right = []
    for letter, known_at in (("a", rated + 1), ("b", nightly), ("c", written)):
        row = pd.DataFrame({"user": [1], "known_at": [known_at], "ratings": [1]})
        if as_of(asked, row, "user")["ratings"].notna().tolist() == [False, True]:
            right.append(letter)
    (letter,) = right
    return letter


QUIZ = [
    Question(
        text="`avg(rating) over (partition by user order by timestamp)`, without a frame. Which ratings are in the average of "
        "a row?",
        choices={
            "a": "the user's earlier ones only",
            "b": "the user's earlier ones, and all of the same second, its own included",
            "c": "the user's earlier ones, its own, and of the same second only those that stand before it",
        },
        key=_key_default_frame,
        why={
            "a": "That needs a frame: `range between unbounded preceding and 1 preceding`. The default ends in the present.",
            "b": "The default frame is `range between unbounded preceding and current row`, and for `range` all rows of the "
            "same second are the current row. The commonest leak there is comes from what was *not* written.",
            "c": "That is `rows between unbounded preceding and current row`, and what comes first within a second is chance.",
        },
    ),
    Question(
        text="You join 100,000 ratings with the user features by `ASOF JOIN`, without `LEFT`. What happens to ratings of users "
        "of whom nothing was known yet?",
        choices={
            "a": "they get NULL",
            "b": "they vanish from the result",
            "c": "they get the first row known later",
        },
        key=_key_lost_rows,
        why={
            "a": "Only a left join keeps rows without a partner, here as everywhere in SQL.",
            "b": "An inner join keeps pairs. The first moments of every user are gone, without an error: the model never "
            "learns what to do with a stranger.",
            "c": "That would be a leak; `ASOF` with `>=` looks back only.",
        },
    ),
    Question(
        text="A user rates 30 films on 1 June and none after. On 1 July, `as_of` gives `ratings_7d` from `user_features` as",
        choices={"a": "30", "b": "0", "c": "missing"},
        key=_key_week_that_stays,
        why={
            "a": "The latest row known is that of 1 June, and its window ended then. Nothing happened since that would have "
            "made a new row. `known_at` tells how old it is.",
            "b": "That is what a count at the time of the request gives. The stored row does not decay by itself.",
            "c": "A row was known, and nothing says that it has expired. A time to live (lesson 3.3) would.",
        },
    ),
    Question(
        text="A job computes features every night at 02:00. You backfill a new feature for the past. A rating came on Monday "
        "at 23:00; from which moment is it known in the backfilled table?",
        choices={
            "a": "from Monday, 23:00:01",
            "b": "from Tuesday, 02:00",
            "c": "from the day on which you run the backfill",
        },
        key=_key_backfill,
        why={
            "a": "The service would not have had it before 02:00. Training would see requests of 01:00 with fresh features "
            "that serving never has.",
            "b": "The moment at which the pipeline would have delivered it: what training sees is what serving would have seen.",
            "c": "Then no training row of the past finds any value. The table records when it *could* have been known, not "
            "when you typed the query.",
        },
    ),
]
