"""Exercises and quiz of lesson 1.1, Meet MovieLens with pandas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, same
from recsys_lab.course.quiz import Question


# ------------------------------------------------------------------ tables to check with
@functools.cache
def _movielens() -> tuple[pd.DataFrame, pd.DataFrame]:
    data = datasets.load("ml-100k")
    return data.ratings, data.items


def _tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Five films, of which two share a title, two share title and year, and one is rated by nobody. Rows in disorder."""
    items = pd.DataFrame(
        {
            "item": [40, 10, 50, 20, 30],
            "title": ["Heat", "Sabrina", "Rain", "Sabrina", "Heat"],
            "year": pd.array([1995, 1954, 1990, 1995, 1995], dtype="Int64"),
            "genres": ["Crime", "Romance", "", "Romance", "Crime"],
        }
    )
    ratings = pd.DataFrame(
        {
            "user": [3, 1, 2, 1, 2, 3, 1],
            "item": [20, 10, 10, 30, 40, 40, 20],
            "rating": [2.0, 5.0, 4.0, 1.0, 4.0, 3.0, 3.0],
            "timestamp": [50, 10, 70, 30, 20, 60, 40],
        },
        index=[30, 40, 10, 20, 70, 60, 50],
    )
    return ratings, items


def _untouched(before: tuple[pd.DataFrame, ...], after: tuple[pd.DataFrame, ...]) -> None:
    if not all(a.equals(b) and list(a.columns) == list(b.columns) for a, b in zip(before, after)):
        raise Incorrect(
            "the frames that were passed in came back changed. Work on copies: `.assign(...)`, `.merge(...)`."
        )


def _diagnose(
    cases: list[str], got: list[Any], want: list[Any], mistakes: dict[str, list[Any]], says: dict[str, str]
) -> None:
    """Raise for the first case that is wrong: with the mistake that explains *all* cases, or else with the difference."""
    wrong = [n for n, (g, w) in enumerate(zip(got, want)) if not is_same(g, w)]
    if not wrong:
        return
    what = cases[wrong[0]]
    for how, results in mistakes.items():
        if all(is_same(g, r) for g, r in zip(got, results)):
            raise Incorrect(f"{what}: {says[how]}.")
    same(got[wrong[0]], want[wrong[0]], what=what)


# ------------------------------------------------------------------ 1.1.1 a report on every film
Report = Callable[[pd.DataFrame, pd.DataFrame], Any]


def _film_report(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    stars = ratings.groupby("item")["rating"].agg(n="size", mean="mean").reset_index()
    return items[["item"]].merge(stars, on="item", how="left").fillna({"n": 0}).astype({"n": int})


def _report_of_rated(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return ratings.groupby("item")["rating"].agg(n="size", mean="mean").reset_index()


def _report_count_star(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return (
        items.merge(ratings, on="item", how="left").groupby("item")["rating"].agg(n="size", mean="mean").reset_index()
    )


def _report_gaps(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return items[["item"]].merge(_report_of_rated(ratings, items), on="item", how="left")


def _report_zero_stars(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return _report_gaps(ratings, items).fillna(0)


def _report_misaligned(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    stars = ratings.groupby("item")["rating"]
    return items[["item"]].assign(n=stars.size(), mean=stars.mean()).fillna({"n": 0})


def _report_outer(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    stars = _report_of_rated(ratings, items)
    return items[["item"]].merge(stars, on="item", how="outer").fillna({"n": 0})


def _report_in_place(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    report = _film_report(ratings, items)
    items["n"], items["mean"] = report["n"].to_numpy(), report["mean"].to_numpy()
    return items[["item", "n", "mean"]]


def _as_report(got: Any) -> pd.DataFrame:
    if isinstance(got, pd.Series) or not isinstance(got, pd.DataFrame):
        raise Incorrect(
            f"return a DataFrame with the columns item, n and mean; this is a {type(got).__name__}."
            + (" Is a `return` missing?" if got is None else "")
        )
    if "item" not in got.columns and got.index.name == "item":
        got = got.reset_index()  # the ids as the index are as good
    missing = [name for name in ("item", "n", "mean") if name not in got.columns]
    if missing:
        raise Incorrect(f"no column {', '.join(missing)}; found {', '.join(map(str, got.columns))}.")
    return got


def _check_report(report: Report) -> None:
    ratings, items = _tables()
    orphan = pd.DataFrame({"user": [9], "item": [99], "rating": [5.0], "timestamp": [80]})
    real_ratings, real_items = _movielens()
    early = real_ratings[real_ratings["timestamp"] < 876_000_000]
    cases = [
        (ratings, items, "five films, of which film 50 has no rating"),
        (pd.concat([ratings, orphan]), items, "a rating of film 99, which is not in items"),
        (ratings.iloc[:0], items, "no ratings at all"),
        (early, real_items, "MovieLens up to October 1997"),
    ]
    for rated, films, what in cases:
        passed = rated.copy(), films.copy()
        got = _as_report(report(*passed))
        _untouched((rated, films), passed)
        want = _film_report(rated, films).sort_values("item").set_index("item")
        if got["item"].duplicated().any():
            raise Incorrect(f"{what}: {len(got)} rows for {len(want)} films. Group by film, so that each has one row.")
        got = got.sort_values("item").set_index("item")
        extra = got.index.difference(want.index)
        if len(extra):
            raise Incorrect(
                f"{what}: film {extra[0]} is not in items. The report is about the films of the catalogue: keep *its* rows "
                "(a left join that starts at items), whatever else was rated."
            )
        gone = want.index.difference(got.index)
        if len(gone):
            raise Incorrect(
                f"{what}: {len(gone)} of {len(want)} films are missing, among them film {gone[0]}. A group-by on ratings "
                "knows only films that were rated. Start at items and join the ratings to them (left join)."
            )
        n = pd.to_numeric(got["n"], errors="coerce").astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        mean = pd.to_numeric(got["mean"], errors="coerce").astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        nobody = (want["n"] == 0).to_numpy()
        if (
            nobody.any()
            and not nobody.all()
            and np.isnan(n[nobody]).all()
            and is_same(n[~nobody], want["n"].to_numpy()[~nobody])
        ):
            raise Incorrect(f"{what}: n is missing (NaN) where nobody rated. A count of nothing is known: it is 0.")
        if (n[nobody] == 1).any() and is_same(n[~nobody], want["n"].to_numpy()[~nobody]):
            raise Incorrect(
                f"{what}: a film that nobody rated has n = 1. The left join keeps one row for it, and you counted rows "
                "(`COUNT(*)`, `size`). Count ratings: `COUNT(rating)`, `count`."
            )
        if is_same(n, want["n"].to_numpy()) and (mean[nobody] == 0).any():
            raise Incorrect(
                f"{what}: the mean of a film that nobody rated is 0, which is worse than the worst rating. It is unknown: NaN."
            )
        shifted = _report_misaligned(rated, films).sort_values("item")["n"].to_numpy(float)
        if not is_same(n, want["n"].to_numpy()) and is_same(n, shifted):
            raise Incorrect(
                f"{what}: the numbers stand beside the wrong films. Assigning a column matches *row labels*, and those of "
                "items are not film ids. Merge on item, or `map` the ids."
            )
        same(n, want["n"].to_numpy(float), what=f"{what}: n, by rising film id")
        same(mean, want["mean"].to_numpy(float), what=f"{what}: mean, by rising film id")


REPORT = Exercise(
    id="1.1.1",
    title="A report on every film",
    kind="build",
    prompt="""
    The shop wants a report on its catalogue. Write `film_report(ratings, items)`: a DataFrame with **one row for every
    film of `items`**, in any order, and the columns `item`, `n` (how many ratings) and `mean` (their mean). A film that
    nobody rated has `n = 0` and a missing mean. Do not change the two frames that you are given. In SQL it would be

    ```sql
    SELECT items.item, COUNT(ratings.rating) AS n, AVG(ratings.rating) AS mean
    FROM items LEFT JOIN ratings USING (item) GROUP BY items.item
    ```
    """,
    reference=lambda: _film_report,
    check=_check_report,
    hints=(
        "Two steps in one of two orders: group and then left-join, or left-join and then group. In the first the gaps of "
        "`n` have to be filled; in the second, ask which of `size` and `count` sees a row whose rating is missing.",
        '`items.merge(ratings, on="item", how="left")` keeps every film. Then `.groupby("item")["rating"]`, and '
        '`.agg(n="count", mean="mean").reset_index()`.',
    ),
    wrong=(
        WrongAnswer("groups the ratings only", lambda: _report_of_rated, "group-by on ratings knows only"),
        WrongAnswer("COUNT(*) after the left join", lambda: _report_count_star, "n = 1"),
        WrongAnswer("a count that is missing", lambda: _report_gaps, "A count of nothing is known"),
        WrongAnswer("a mean of 0 stars", lambda: _report_zero_stars, "worse than the worst rating"),
        WrongAnswer("assigns by row label", lambda: _report_misaligned, "row labels"),
        WrongAnswer("an outer join", lambda: _report_outer, "not in items"),
        WrongAnswer("writes into items", lambda: _report_in_place, "came back changed"),
    ),
    points=2,
    explanation="`COUNT(x)` and `count` skip what is missing; `COUNT(*)` and `size` count rows, and the left join has made "
    "one for the lonely film. Note which gap is filled and which is not: *how many* is known to be zero, *how good* is "
    "not known at all. A recommender that sorts by `fillna(0)` buries every new film.",
    expected=lambda: _film_report(*_tables()),
)


# ------------------------------------------------------------------ 1.1.2 the join that multiplies rows
Widen = Callable[[pd.DataFrame, pd.DataFrame], Any]


def _with_film_mean(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return ratings.assign(film_mean=ratings.groupby("item")["rating"].transform("mean"))


def _mean_by_title(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The colleague's code, as the lesson shows it."""
    named = ratings.merge(items[["item", "title"]], on="item")
    means = named.groupby(["item", "title"], as_index=False)["rating"].mean()
    means = means.rename(columns={"rating": "film_mean"})
    return named.merge(means[["title", "film_mean"]], on="title")


def _mean_dropped(ratings: pd.DataFrame, items: pd.DataFrame, keep: Literal["first", "last"] = "first") -> pd.DataFrame:
    return _mean_by_title(ratings, items).drop_duplicates(["user", "item"], keep=keep)


def _mean_pooled(keys: list[str]) -> Widen:
    def widen(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
        named = ratings.merge(items, on="item", how="left")
        return named.assign(film_mean=named.groupby(keys)["rating"].transform("mean"))

    return widen


def _mean_by_title_and_year(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    named = ratings.merge(items[["item", "title", "year"]], on="item")
    means = named.groupby(["item", "title", "year"], as_index=False)["rating"].mean()
    means = means.rename(columns={"rating": "film_mean"}).drop(columns="item")
    return named.merge(means, on=["title", "year"])


def _mean_sorted(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return _with_film_mean(ratings, items).sort_values(["item", "user"])


def _mean_misaligned(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return ratings.assign(film_mean=ratings.groupby("item")["rating"].mean())


def _mean_one_a_film(ratings: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    return ratings.groupby("item", as_index=False)["rating"].mean().rename(columns={"rating": "film_mean"})


def _check_film_mean(widen: Widen) -> None:
    small, small_items = _tables()
    real, real_items = _movielens()
    repeated = real_items.loc[real_items["title"].duplicated(keep=False), "item"]
    some = real[real["item"].isin(repeated) & (real["user"] < 300)].sample(frac=1, random_state=0)
    alone = small[small["item"] != 40], small_items
    cases = [
        (*alone, "two films called Sabrina"),
        (small, small_items, "the same, and a twin: Heat (1995) is listed twice"),
        (some, real_items, "MovieLens films whose title is not unique"),
    ]
    for ratings, items, what in cases:
        passed = ratings.copy(), items.copy()
        got = widen(*passed)
        _untouched((ratings, items), passed)
        want = _with_film_mean(ratings, items)
        if not isinstance(got, pd.DataFrame):
            raise Incorrect(f"return the widened DataFrame; this is a {type(got).__name__}.")
        if "film_mean" not in got.columns:
            raise Incorrect(f"no column film_mean; found {', '.join(map(str, got.columns))}.")
        if not {"user", "item", "rating"} <= set(got.columns):
            raise Incorrect("keep the columns of ratings, one row for each of its rows, and add film_mean to them.")
        if len(got) > len(want):
            raise Incorrect(
                f"{what}: {len(want)} rows went in, {len(got)} came out. The key of the second join is not unique on its "
                "right side, so each rating meets several films' means. What does identify a film?"
            )
        if len(got) < len(want):
            raise Incorrect(f"{what}: {len(want)} rows went in, only {len(got)} came out. No rating may get lost.")
        if not np.array_equal(got[["user", "item"]].to_numpy(), want[["user", "item"]].to_numpy()):
            raise Incorrect(f"{what}: the rows came out in another order. Give them back as they came in.")
        film_mean = pd.to_numeric(got["film_mean"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        right = want["film_mean"].to_numpy()
        if is_same(film_mean, right):
            same(got["rating"].to_numpy(float), ratings["rating"].to_numpy(), what=f"{what}: the column rating")
            continue
        if any(
            is_same(film_mean, _mean_dropped(ratings, items, keep)["film_mean"].to_numpy())
            for keep in ("first", "last")
        ):
            raise Incorrect(
                f"{what}: the number of rows is right now, and the means are wrong: of several matches, drop_duplicates kept "
                "one, which is often another film's. Mend the key of the join, not its result."
            )
        if is_same(film_mean, ratings.groupby("user")["rating"].transform("mean").to_numpy()):
            raise Incorrect(f"{what}: this is the mean of each *user*. Asked for is the mean of the film.")
        if is_same(film_mean, _mean_pooled(["title"])(ratings, items)["film_mean"].to_numpy()):
            raise Incorrect(
                f"{what}: you average over all films of the same title. The Sabrina of 1954 gets stars that were given to the "
                "one of 1995. One mean for each film *id*."
            )
        if is_same(film_mean, _mean_pooled(["title", "year"])(ratings, items)["film_mean"].to_numpy()):
            raise Incorrect(
                f"{what}: title and year are better, and still not unique: the twins are averaged together. The task asks for "
                "one mean for each film *id*."
            )
        if np.isnan(film_mean).any():
            raise Incorrect(
                f"{what}: some means are missing. A group-by is labelled by film id, and assigning it matches these with row "
                "labels. `transform` gives one value for each row; or merge on item."
            )
        same(film_mean, right, what=f"{what}: film_mean")


BUG = Exercise(
    id="1.1.2",
    title="The join that multiplies rows",
    kind="figure it out",
    prompt="""
    A colleague wants to put each film's mean beside each of its ratings, and wrote `with_film_mean_by_title` (above).
    It runs, no line of it looks wrong, and it returns more rows than it was given.

    Find out why. Then write `with_film_mean(ratings, items)`, which returns **every row of `ratings` once, in the order
    in which it came**, with one more column `film_mean`: the mean of all ratings of that film id. (More columns do no harm.) Leave
    the two frames that you are given as they are.
    """,
    reference=lambda: _with_film_mean,
    check=_check_film_mean,
    hints=(
        'Which titles belong to more than one film? `items["title"].value_counts()` tells. What happens to a rating '
        "of such a film in the last line?",
        "The key must be unique on the side that you join *to*: join the means on `item`. Or no join at all: a window, "
        '`ratings.groupby("item")["rating"].transform("mean")`, has one value for each row.',
    ),
    wrong=(
        WrongAnswer("the colleague's join on the title", lambda: _mean_by_title, "not unique on its right side"),
        WrongAnswer("drop_duplicates afterwards", lambda: _mean_dropped, "not its result"),
        WrongAnswer("one mean a title", lambda: _mean_pooled(["title"]), "all films of the same title"),
        WrongAnswer("one mean a title and year", lambda: _mean_pooled(["title", "year"]), "twins are averaged"),
        WrongAnswer("joins on title and year", lambda: _mean_by_title_and_year, "the same, and a twin"),
        WrongAnswer("other order of rows", lambda: _mean_sorted, "another order"),
        WrongAnswer("assigns a group-by", lambda: _mean_misaligned, "means are missing"),
        WrongAnswer("one row a film", lambda: _mean_one_a_film, "keep the columns of ratings"),
    ),
    points=3,
    explanation="A join returns, for each left row, as many rows as the right side has matches. `title` is not a key: 22 titles "
    "belong to 45 films. So a rating of one Sabrina met both means. Two guards for every join you write: compare the "
    "number of rows before and after, and say what you expect, "
    '`merge(..., validate="many_to_one")`, which raises an error where the right side is not unique.',
    expected=lambda: _with_film_mean(*_tables())[["user", "item", "rating", "film_mean"]],
)


# ------------------------------------------------------------------ 1.1.3 how few films hold half?
Few = Callable[[pd.Series, float], Any]


def _films_for(counts: pd.Series, share: float) -> int:
    total = np.sort(counts.to_numpy())[::-1].cumsum()
    return int((total < share * total[-1]).sum()) + 1


def _films_for_wrongly(how: str) -> Few:
    def films_for(counts: pd.Series, share: float) -> Any:
        values = counts.to_numpy() if how == "unsorted" else np.sort(counts.to_numpy())
        total = (values if how in ("unsorted", "least") else values[::-1]).cumsum()
        wanted = share * total[-1]
        if how == "label":
            falling = counts.sort_values(ascending=False).cumsum()
            return (falling >= share * counts.sum()).idxmax()
        if how == "films":
            return int(np.ceil(share * len(counts)))
        if how == "fraction":
            return _films_for(counts, share) / len(counts)
        if how.startswith("more than"):
            films = int((total <= wanted).sum()) + 1
            return films if how == "more than, to the end" else min(films, len(counts))
        if how == "up to":
            return int((total <= wanted).sum())
        return int((total < wanted).sum()) + (how != "one short")

    return films_for


def _check_films_for(films_for: Few) -> None:
    real = _movielens()[0].groupby("item").size()
    cases = [
        (pd.Series({7: 1, 3: 6, 9: 2, 4: 1}), 0.8, "counts 1, 6, 2, 1, and 80 percent of them (8 of 10)"),
        (pd.Series({7: 1, 3: 4, 9: 2, 4: 1}), 0.5, "counts 1, 4, 2, 1, and half of them (4 of 8)"),
        (pd.Series({5: 3, 8: 5, 2: 0, 6: 8}), 1.0, "counts 3, 5, 0, 8, and all of them"),
        (pd.Series({5: 4}), 0.25, "one film, and a quarter of its ratings"),
        (real, 0.5, "MovieLens, half of the ratings"),
        (real, 0.9, "MovieLens, 90 percent of the ratings"),
    ]
    got = []
    for counts, share, _ in cases:
        passed = counts.copy()
        value = films_for(passed, share)
        if not passed.equals(counts) or not passed.index.equals(counts.index):
            raise Incorrect("the counts that were passed in came back changed (sorted in place?). Work on a copy.")
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)) or np.isnan(value):
            raise Incorrect(f"return one number, how many films; this is a {type(value).__name__}.")
        got.append(value)
    says = {
        "one short": "one short: you counted the films *before* the share is reached. The one that reaches it belongs to them",
        "more than": "one too many: at least this share is enough; your films hold more than it",
        "more than, to the end": "one too many: at least this share is enough, and `<=` counts the film that reaches it as one before it",
        "up to": "you counted the films up to the share (`<=`). Unless a film ends exactly there, the one that passes it "
        "is missing, and films that add nothing are counted. Count those *before* (`<`), and add the one that reaches it",
        "label": "this is a film's id (the label where the share is reached), not how many films it took",
        "least": "you began with the films that have the fewest ratings. How *few* films? Begin with the most rated",
        "unsorted": "you added up in the order of the table. Sort from the most rated down first",
        "films": "this is a share of the films. Asked for is how many films hold that share of the *ratings*",
        "fraction": "this is a fraction of the films. Return how many they are",
    }
    mistakes = {how: [_films_for_wrongly(how)(counts, share) for counts, share, _ in cases] for how in says}
    if all(abs(value - share * len(counts)) < 1 for value, (counts, share, _) in zip(got, cases)):
        got = mistakes["films"]  # rounded up, down or to the nearest: the same mistake
    want = [_films_for(counts, share) for counts, share, _ in cases]
    _diagnose([what for *_, what in cases], got, want, mistakes, says)


FEW = Exercise(
    id="1.1.3",
    title="How few films hold half of the ratings?",
    kind="build",
    prompt="""
    Write `films_for(counts, share)`. `counts` is a Series: for each film, how many ratings it has. Return the
    **smallest number of films that together hold at least `share` of all ratings**, a whole number. With counts of 6, 2, 1
    and 1 and a share of 0.8 it is 2, because the two largest hold 8 of 10. Guess before you run it: of 1,682 films, how many
    hold half of the ratings?
    """,
    reference=lambda: _films_for,
    check=_check_films_for,
    hints=(
        "Begin with the most rated film and add up (`cumsum`). Where does the running total first reach `share` of the sum?",
        "`total = counts.sort_values(ascending=False).cumsum()`. The films *before* that point are those with "
        "`total < share * counts.sum()`; count them with `.sum()` and add the one that gets there.",
    ),
    wrong=(
        WrongAnswer("one film short", lambda: _films_for_wrongly("one short"), "one short"),
        WrongAnswer("more than the share", lambda: _films_for_wrongly("more than"), "one too many"),
        WrongAnswer("one more than up to it", lambda: _films_for_wrongly("more than, to the end"), "as one before it"),
        WrongAnswer("up to the share", lambda: _films_for_wrongly("up to"), "passes it"),
        WrongAnswer("the least rated first", lambda: _films_for_wrongly("least"), "fewest ratings"),
        WrongAnswer("not sorted", lambda: _films_for_wrongly("unsorted"), "order of the table"),
        WrongAnswer("the label instead of the position", lambda: _films_for_wrongly("label"), "film's id"),
        WrongAnswer("a share of the films", lambda: _films_for_wrongly("films"), "share of the films"),
        WrongAnswer("a fraction", lambda: _films_for_wrongly("fraction"), "fraction of the films"),
    ),
    points=2,
    explanation="In SQL this is a running total, `SUM(n) OVER (ORDER BY n DESC)`, and a filter on it. Comparing whole numbers "
    "(`total < share * sum`) is safer than adding up fractions: a sum of fractions may end at 0.9999999 and never reach 1.",
    expected=example("films_for(pd.Series([1, 6, 2, 1]), 0.8)", lambda: _films_for(pd.Series([1, 6, 2, 1]), 0.8)),
)


# ------------------------------------------------------------------ 1.1.4 how empty will it get?
GROWTH = ("a hundredth", "a tenth", "same", "10 times", "100 times")
ASKED = ("filled", "per_film", "dense_bytes", "csr_bytes", "filled_users_only")
_FACTORS = dict(zip(GROWTH, (0.01, 0.1, 1.0, 10.0, 100.0)))


def _facts(users: int, films: int, per_user: int) -> dict[str, float]:
    """What the exercise asks about, for a service of this size."""
    ratings = users * per_user
    return {
        "filled": ratings / (users * films),
        "per_film": ratings / films,
        "dense_bytes": 8 * users * films,
        "csr_bytes": 16 * ratings + 8 * (users + 1),
    }


def _growth() -> tuple[str, ...]:
    """The right words, computed: a service of 1,000 users and 1,700 films, and the two that grow out of it."""
    today, both, users = _facts(1_000, 1_700, 100), _facts(10_000, 17_000, 100), _facts(10_000, 1_700, 100)
    factors = [both[name] / today[name] for name in ASKED[:4]] + [users["filled"] / today["filled"]]
    return tuple(min(GROWTH, key=lambda word: abs(np.log(_FACTORS[word] / factor))) for factor in factors)


def _sizes() -> pd.DataFrame:
    """What `.expected()` shows: the numbers to think with, not the words."""
    rows = {"today": (1_000, 1_700), "more users and films": (10_000, 17_000), "more users only": (10_000, 1_700)}
    table = pd.DataFrame(rows, index=["users", "films"]).T
    return table.assign(ratings=100 * table["users"])


def _check_growth(answer: Any) -> None:
    said = (
        tuple(answer.values())
        if isinstance(answer, Mapping)
        else (answer,)
        if isinstance(answer, str)
        else tuple(answer)
    )
    words = tuple(" ".join(str(word).lower().replace("ten times", "10 times").split()) for word in said)
    strange = [word for word in words if word not in GROWTH]
    if len(words) != len(ASKED) or strange:
        raise Incorrect(
            f"give five answers, each one of {', '.join(map(repr, GROWTH))}; got {', '.join(map(repr, said))}."
        )
    filled, per_film, dense, csr, users_only = words
    right = _growth()
    if filled == "a hundredth":
        raise Incorrect(
            "filled: the table has 100 times the cells, right. But it is not the old 100,000 ratings that fill them: ten "
            "times the users give ten times the ratings."
        )
    if filled != right[0]:
        raise Incorrect(
            "filled: write it as ratings / (users x films), and let each of the three grow by its own factor."
        )
    if per_film != right[1]:
        raise Incorrect("per_film: it is ratings / films. By how much do the ratings grow, and by how much the films?")
    if dense == "10 times":
        raise Incorrect("dense_bytes: a dense table pays for every cell, and it grows in *both* directions.")
    if dense != right[2]:
        raise Incorrect("dense_bytes: it pays 8 bytes for each cell, filled or not. How many cells are there now?")
    if csr == "100 times":
        raise Incorrect(
            "csr_bytes: CSR does not pay for empty cells. Which of its three arrays grow with the cells? None."
        )
    if csr != right[3]:
        raise Incorrect(
            "csr_bytes: it pays 16 bytes for each rating, and 8 for each user. How do these two numbers grow?"
        )
    if users_only != right[4]:
        raise Incorrect(
            "filled_users_only: each new user brings a new row, and fills as many cells of it as the old users did of theirs."
        )


EMPTY = Exercise(
    id="1.1.4",
    title="How empty will it get?",
    kind="figure it out",
    prompt="""
    Your service grows: **ten times the users and ten times the films**. People do not get more hours in the day, so everybody
    still rates as many films as today. Predict how each of these changes, *before* you compute anything:

    - `filled`: the share of the table's cells that hold a rating,
    - `per_film`: the mean number of ratings a film has,
    - `dense_bytes`: the memory of the dense table,
    - `csr_bytes`: the memory of the CSR matrix.

    And one more, for another future: **ten times the users, but the same films**. How does `filled_users_only`, the share of filled
    cells, change then?
    """,
    reference=_growth,
    check=_check_growth,
    hints=(
        "Write down the three numbers that matter: users, films, ratings. By which factor does each of them grow? Everything "
        "else is made of these three.",
        "The ratings grow as the users do: 10 times. The cells are users x films: 100 times. Now divide where there is "
        "something to divide.",
    ),
    wrong=(
        WrongAnswer(
            "the ratings stay as they are",
            lambda: ("a hundredth", "a tenth", "100 times", "same", "a tenth"),
            "not the old 100,000 ratings",
        ),
        WrongAnswer(
            "everything grows alike", lambda: ("same", "same", "10 times", "10 times", "same"), "its own factor"
        ),
        WrongAnswer(
            "more users, more ratings a film",
            lambda: ("a tenth", "10 times", "100 times", "10 times", "same"),
            "per_film",
        ),
        WrongAnswer(
            "dense grows in one direction",
            lambda: ("a tenth", "same", "10 times", "10 times", "same"),
            "both* directions",
        ),
        WrongAnswer(
            "CSR grows with the cells", lambda: ("a tenth", "same", "100 times", "100 times", "same"), "empty cells"
        ),
        WrongAnswer(
            "more users thin it out",
            lambda: ("a tenth", "same", "100 times", "10 times", "a tenth"),
            "filled_users_only",
        ),
    ),
    points=2,
    explanation="Ratings grow with people, cells with people *times* films. So it is the catalogue that empties the table; users alone do "
    "not. A shop that doubles its offer halves the share it knows, and pays double for a dense table, while the CSR matrix "
    "follows the ratings. (Nearly: its 8 bytes for each user make no difference here.)",
    expected=_sizes,
)


# ------------------------------------------------------------------ 1.1.5 sessions
Sessions = Callable[[pd.DataFrame, int], Any]


def _sessions(ratings: pd.DataFrame, gap: int) -> pd.Series:
    ordered = ratings.sort_values(["user", "timestamp"])
    pause = ordered.groupby("user")["timestamp"].diff()
    return 1 + (pause > gap).groupby(ordered["user"]).sum()


def _sessions_wrongly(how: str) -> Sessions:
    def sessions(ratings: pd.DataFrame, gap: int) -> pd.Series:
        ordered = ratings if how == "as they come" else ratings.sort_values(["user", "timestamp"])
        pause = ordered.groupby("user")["timestamp"].diff()
        if how == "everybody's log":
            ordered = ratings.sort_values("timestamp")
        if how in ("across users", "everybody's log", "opened once"):
            pause = ordered["timestamp"].diff()
        if how == "opened once":  # only the very first row of the table has no row before it
            return (pause.fillna(gap + 1) > gap).groupby(ordered["user"]).sum()
        if how == "span":
            span = ratings.groupby("user")["timestamp"].agg(lambda t: t.max() - t.min())
            return 1 + span // gap
        if how == "slots":
            return ratings.groupby("user")["timestamp"].agg(lambda t: (t // gap).nunique())
        new = pause >= gap if how == "at least" else pause > gap
        if how == "rows":
            return new
        return new.groupby(ordered["user"]).sum() + (how != "first forgotten")

    return sessions


def _check_sessions(sessions: Sessions) -> None:
    small = pd.DataFrame(
        {
            "user": [2, 1, 1, 2, 1, 3, 2, 1],
            "item": [1, 1, 2, 3, 3, 1, 2, 4],
            "rating": [3.0, 4.0, 5.0, 2.0, 1.0, 4.0, 4.0, 3.0],
            "timestamp": [9_000, 100, 5_000, 9_030, 160, 9_500, 9_000, 8_600],
        },
        index=[5, 3, 8, 1, 0, 2, 7, 4],
    )
    real = _movielens()[0]
    some = real[real["user"] % 9 == 0].sample(frac=1, random_state=0)
    cases = [
        (small, 3_600, "three users with pauses of 60, 4,840 and 3,600 seconds, and a gap of 3,600"),
        (small, 30, "the same three users, and a gap of 30"),
        (some, 3_600, "a ninth of the MovieLens users, in random order, with a gap of 3,600"),
    ]
    got = []
    for ratings, gap, what in cases:
        passed = ratings.copy()
        answer, users = sessions(passed, gap), sorted(set(ratings["user"]))
        _untouched((ratings,), (passed,))
        if isinstance(answer, Mapping):
            raise Incorrect("return a Series, index user: put your dictionary into `pd.Series(...)`.")
        if isinstance(answer, pd.DataFrame):
            raise Incorrect(
                "return a Series, index user; this is a whole DataFrame. Pick its one column: `table[name]`, with the user as index."
            )
        if isinstance(answer, (int, np.integer)):
            raise Incorrect("return one number *for each user*: a Series whose index is the user.")
        if not isinstance(answer, pd.Series):
            raise Incorrect(
                f"return a Series: index user, values how many sessions. This is a {type(answer).__name__}."
                + (" Is a `return` missing?" if answer is None else "")
            )
        if answer.index.is_unique and set(answer.index) < set(users):
            raise Incorrect(
                f"{what}: users {sorted(set(users) - set(answer.index))[:3]} are missing. Who never paused for long has one "
                "session, not none: do not filter the rows before you group them."
            )
        if sorted(answer.index, key=str) != sorted(users, key=str):
            raise Incorrect(
                f"{what}: the index should be the {len(users)} users, one row each; yours has {len(answer)} rows, "
                f"starting with {list(answer.index[:3])}. Group by user at the end."
            )
        got.append(answer.sort_index().astype(float))
    says = {
        "first forgotten": "every user is one session short. The first rating has nothing before it, so its pause is NaN, "
        "and NaN > gap is False; but it does open a session",
        "at least": "a pause of exactly `gap` seconds does not open a new session: it has to be *more*",
        "as they come": "you took the rows as they came. A pause is time since the rating *before*: sort by time first",
        "across users": "the first rating of a user was compared with the last one of the user above. Take the "
        "difference within each user (LAG ... PARTITION BY user)",
        "opened once": "the first rating of a user was compared with the last one of the user above, so only the first user's "
        "first session is counted for certain. Take the difference within each user (LAG ... PARTITION BY user)",
        "everybody's log": "you measured the pause since *anybody's* rating. It has to be the same user's rating before (LAG ... "
        "PARTITION BY user)",
        "span": "you divided the time between first and last rating by the gap. Somebody who comes back after a year has two "
        "sessions, not thousands",
        "slots": "you cut time into fixed slots. A session is ended by a pause, not by the clock: two ratings a minute "
        "apart may lie in two slots",
    }

    def plain(make: Sessions) -> list[pd.Series]:
        return [make(ratings, gap).sort_index().astype(float) for ratings, gap, _ in cases]

    mistakes = {how: plain(_sessions_wrongly(how)) for how in says}
    _diagnose([what for *_, what in cases], got, plain(_sessions), mistakes, says)


SESSIONS = Exercise(
    id="1.1.5",
    title="Cut a log into sessions",
    kind="build",
    prompt="""
    Write `sessions(ratings, gap)`: a Series with one number for each user (the index), **how many sessions** they had. A user's
    first rating opens a session, and so does every rating that comes **more than `gap` seconds** after that user's rating
    before. The rows of `ratings` come in no particular order. Leave the frame as it is. In SQL you would write
    `timestamp - LAG(timestamp) OVER (PARTITION BY user ORDER BY timestamp) > gap`.
    """,
    reference=lambda: _sessions,
    check=_check_sessions,
    hints=(
        "Three steps: put the rows in order; the pause before each rating, within its user (`groupby(...).diff()` is "
        "`x - LAG(x)`); count, for each user, the pauses that are longer than `gap`. And the first session?",
        '`ordered = ratings.sort_values(["user", "timestamp"])`, `pause = ordered.groupby("user")["timestamp"].diff()`; then '
        '`(pause > gap).groupby(ordered["user"]).sum()`, plus the session that the first rating opened.',
    ),
    wrong=(
        WrongAnswer(
            "the first session is forgotten", lambda: _sessions_wrongly("first forgotten"), "one session short"
        ),
        WrongAnswer("at least the gap", lambda: _sessions_wrongly("at least"), "has to be *more*"),
        WrongAnswer("rows as they come", lambda: _sessions_wrongly("as they come"), "sort by time first"),
        WrongAnswer("pauses across users", lambda: _sessions_wrongly("across users"), "within each user"),
        WrongAnswer("total time divided by the gap", lambda: _sessions_wrongly("span"), "comes back after a year"),
        WrongAnswer("fixed slots of time", lambda: _sessions_wrongly("slots"), "not by the clock"),
        WrongAnswer(
            "pauses since anybody's rating", lambda: _sessions_wrongly("everybody's log"), "*anybody's* rating"
        ),
        WrongAnswer("one value for each rating", lambda: _sessions_wrongly("rows"), "Group by user at the end"),
    ),
    points=3,
    explanation="Sessions are not in the data: you define them, by a pause. `groupby(...).diff()` is the window function, and its first "
    "value in each group is NaN, as LAG gives NULL. NaN > gap is False, so the first session must be added by hand. The gap itself is a "
    "choice; an hour is ours, and the result should not hang on it (try 30 minutes and two hours).",
    expected=lambda: (
        "User 1 rated at 100, 160 and 5,000 s, user 2 at 9,000 s. sessions(ratings, 3600) gives\n  user 1: {}\n  user 2: {}"
    ).format(*_sessions(pd.DataFrame({"user": [1, 1, 1, 2], "timestamp": [100, 160, 5_000, 9_000]}), 3_600)),
)


# ------------------------------------------------------------------ 1.1.6 the mean behind the ratings
Behind = Callable[[np.ndarray, float], Any]


def _mean_behind(stars: Any, pull: float) -> float:
    weight = pull ** -np.asarray(stars, dtype=float)
    return float((weight * np.asarray(stars, dtype=float)).sum() / weight.sum())


def _mean_behind_wrongly(how: str) -> Behind:
    def mean_behind(stars: np.ndarray, pull: float) -> float:
        if how == "other way":
            return _mean_behind(stars, 1 / pull)
        if how == "plain":
            return float(np.mean(stars))
        if how == "divided":
            return float(np.mean(stars) / pull)
        if how == "not divided":
            weight = pull**-stars
            return float((weight * stars).mean())
        weight = 1 / (pull * stars)  # a straight line instead of a power
        return float((weight * stars).sum() / weight.sum())

    return mean_behind


def _check_behind(mean_behind: Behind) -> None:
    real = _movielens()[0]["rating"].to_numpy()
    rng = np.random.default_rng(0)
    cases = [
        (np.array([4.0, 5.0, 5.0]), 2.0, "ratings 4, 5, 5, and pull 2"),
        (np.array([1.0, 5.0]), 1.0, "ratings 1 and 5, and pull 1 (nothing is missing by choice)"),
        (np.array([1.0, 3.0, 5.0, 5.0]), 0.5, "ratings 1, 3, 5, 5, and pull 0.5 (people rate what annoys them)"),
        (rng.integers(1, 6, 50).astype(float), 3.0, "50 random ratings, and pull 3"),
        (real, 1.5, "all of MovieLens, and pull 1.5"),
    ]
    got = []
    for stars, pull, _ in cases:
        passed = stars.copy()
        value = mean_behind(passed, pull)
        if not np.array_equal(passed, stars):
            raise Incorrect("the ratings that were passed in came back changed. Build a new array.")
        if isinstance(value, (bool, np.bool_)) or np.ndim(value) != 0 or not _is_number(value):
            raise Incorrect(
                "return one number, the mean"
                + (" (is a `return` missing?)." if value is None else f"; this is {value!r:.60}.")
            )
        got.append(float(value))
    says = {
        "other way": "you made the over-represented ratings count even *more*. A five-star cell is seen more often than it "
        "exists; each sighting must count less",
        "not divided": "divide by the sum of the weights, not by the number of ratings: the weights stand for how many cells "
        "each rating speaks for",
        "divided": "you divided the mean by the pull. Each *rating* needs a weight of its own, by its stars",
        "straight": "each star more makes a rating `pull` times as likely, so two stars more make it pull squared times as "
        "likely: a power, not a product",
        "plain": "this is the mean of the ratings that you see. Those with many stars are over-represented among them",
    }
    mistakes = {how: [_mean_behind_wrongly(how)(stars, pull) for stars, pull, _ in cases] for how in says}
    want = [_mean_behind(stars, pull) for stars, pull, _ in cases]
    _diagnose([what for *_, what in cases], got, want, mistakes, says)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.dtype.kind in "iuf")


BEHIND = Exercise(
    id="1.1.6",
    title="The mean behind the ratings",
    kind="figure it out",
    prompt="""
    Suppose that people tend to rate what they like: **each star more makes a cell `pull` times as likely to be filled in**. With a
    pull of 2, a film that somebody would give five stars is rated twice as often as one that they would give four, and four
    times as often as one that they would give three.

    You see only what was filled in. Write `mean_behind(stars, pull)`: the mean of *all* cells, as far as it can be told from the
    ratings `stars` that you see (an array) if the story is true. Think: how many cells does one visible 5 stand for,
    compared with one visible 4?
    """,
    reference=lambda: _mean_behind,
    check=_check_behind,
    hints=(
        "Take pull 2. For every 5 that you see there is one cell; for every 4 that you see there are *two*, because 4s are "
        "rated half as often. So give each rating a weight. What is it for a 3?",
        "The weight of a rating of `s` stars is `pull ** -s`. Then a weighted mean: `(weight * stars).sum() / weight.sum()`.",
    ),
    wrong=(
        WrongAnswer("weights the wrong way round", lambda: _mean_behind_wrongly("other way"), "must count less"),
        WrongAnswer("the mean of what is seen", lambda: _mean_behind_wrongly("plain"), "over-represented among them"),
        WrongAnswer("divides the mean by the pull", lambda: _mean_behind_wrongly("divided"), "divided the mean"),
        WrongAnswer(
            "forgets to divide by the weights", lambda: _mean_behind_wrongly("not divided"), "sum of the weights"
        ),
        WrongAnswer("a product instead of a power", lambda: _mean_behind_wrongly("straight"), "a power, not a product"),
    ),
    points=3,
    explanation="Each visible rating speaks for as many cells as it is unlikely: the weight is one over the chance of being seen. This is "
    "*inverse propensity weighting*, and it comes back in lesson 3.6, where a logged click is weighted by how likely the old system was to "
    "show the item. Only ratios of the weights matter, so the unknown constant in the chance cancels. The pull does not come "
    "out of the data: it has to be assumed, or measured in an experiment.",
    expected=example(
        "mean_behind([4, 5, 5], pull), for a pull of 1 and of 2,",
        lambda: (_mean_behind([4, 5, 5], 1), _mean_behind([4, 5, 5], 2)),
    ),
)

EXERCISES = [REPORT, BUG, FEW, EMPTY, SESSIONS, BEHIND]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_count_star() -> str:
    import duckdb

    ratings, items = _tables()
    tables = duckdb.connect()
    tables.register("ratings", ratings)
    tables.register("items", items)
    query = "SELECT COUNT(*) AS n FROM items LEFT JOIN ratings USING (item) WHERE items.item = 50 GROUP BY items.item"
    return {0: "a", 1: "b"}.get(int(tables.sql(query).df()["n"].iloc[0]), "c")


def _key_groups() -> str:
    """The sum of the group sizes of ratings by the film's year: does a rating get lost?"""
    ratings, items = _movielens()
    counted = int(ratings.merge(items, on="item").groupby("year").size().sum())
    return "a" if counted == len(ratings) else "c" if counted < len(ratings) else "b"


def _key_film_means() -> str:
    """Is the mean of film means lower because rarely rated films are rated lower?"""
    films = _movielens()[0].groupby("item")["rating"].agg(["size", "mean"])
    rare, often = (films.loc[mask, "mean"].mean() for mask in (films["size"] <= 20, films["size"] > 100))
    return "b" if rare < films["mean"].mean() < often else "a"


def _key_filter() -> str:
    """Keep films with at least 50 ratings: what happens to density and to the mean rating?"""
    ratings, items = _movielens()
    kept = ratings[ratings.groupby("item")["rating"].transform("size") >= 50]
    denser = len(kept) / (kept["user"].nunique() * kept["item"].nunique()) > len(ratings) / (943 * len(items))
    return "a" if denser and kept["rating"].mean() > ratings["rating"].mean() else "b"


def _key_last() -> str:
    """For which share of users does the last second of activity hold more than one rating?"""
    ratings = _movielens()[0]
    last = ratings["timestamp"] == ratings.groupby("user")["timestamp"].transform("max")
    share = float((last.groupby(ratings["user"]).sum() > 1).mean())
    return "c" if share > 0.25 else "a"


QUIZ = [
    Question(
        "`SELECT item, COUNT(*) FROM items LEFT JOIN ratings USING (item) GROUP BY item`. What does it say for a film that nobody "
        "rated?",
        {"a": "0", "b": "1", "c": "The film does not appear."},
        _key_count_star,
        {
            "a": "That would be `COUNT(rating)`. `COUNT(*)` counts rows, and the left join has made a row.",
            "b": "Yes: the left join keeps the film in one row full of NULLs, and `COUNT(*)` counts rows. In pandas, `size` does the "
            "same; `count` gives 0.",
            "c": "With an inner join it would be gone. The left join is there to keep it.",
        },
    ),
    Question(
        'You add up `ratings.merge(items, on="item").groupby("year").size()` and get less than 100,000. Why?',
        {
            "a": "You cannot: a group-by never loses rows.",
            "b": "The merge multiplied rows.",
            "c": "Ratings of a film without a year are in no group.",
        },
        _key_groups,
        {
            "a": "In SQL that is so. pandas leaves out rows whose key is missing, unless you say `dropna=False`.",
            "b": "Then there would be more. And item is a key of items: each rating meets exactly one film.",
            "c": "Yes: one film has no year, and pandas drops missing keys without a word. SQL makes a group of its own for NULL. "
            "`dropna=False` does as SQL does.",
        },
    ),
    Question(
        "The mean of all ratings is 3.53. The mean of the films' means is 3.08. What explains the difference?",
        {
            "a": "One of the two joins must have multiplied rows.",
            "b": "The second counts every film once, and films with few ratings tend to have low ones.",
            "c": "Rounding: means of means are less exact.",
        },
        _key_film_means,
        {
            "a": "No join is needed for either. They are two answers to two questions.",
            "b": "Yes. The first mean asks what a *rating* is like, the second what a *film* is like. Hundreds of films have one or two "
            "ratings, and those are low on average.",
            "c": "Rounding is a matter of the fifteenth digit. This is half a star.",
        },
    ),
    Question(
        "A tutorial keeps only films with at least 50 ratings, “to make the data less sparse”. What does it change as well?",
        {
            "a": "The mean rating goes up: the films that are left are liked better.",
            "b": "Nothing but the number of empty cells: the ratings that are left are a fair sample.",
            "c": "The users, because most of them lose all of their ratings.",
        },
        _key_filter,
        {
            "a": "Yes. Popularity and stars go together, so a filter on one moves the other. A model tested on the rest is tested on the "
            "easy, beloved films. Filters belong into the report of every result.",
            "b": "They are a sample of popular films, and those are rated higher.",
            "c": "Every user has rated some popular films; hardly anybody disappears.",
        },
    ),
    Question(
        "You want to test a recommender by hiding each user's last rating. What goes wrong on this data?",
        {
            "a": "Nothing: timestamps are exact to the second, so the last rating is well defined.",
            "b": "The hidden ratings are all from April 1998.",
            "c": "For many users several ratings share the last second, so “the last” depends on how the file is sorted.",
        },
        _key_last,
        {
            "a": "Exact to the second, and one click submitted a whole page of ratings. Look at the share of pauses of 0 seconds.",
            "b": "Users came and went all the time: their last ratings are spread over all seven months.",
            "c": "Yes, for more than four in ten. Say how ties are broken, or hide by a point in time (lesson 1.5).",
        },
    ),
]
