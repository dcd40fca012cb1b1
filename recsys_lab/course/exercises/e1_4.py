"""Exercises and quiz of lesson 1.4, k-nearest neighbours from scratch."""

from __future__ import annotations

import functools
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, same
from recsys_lab.course.quiz import Question

Array = np.ndarray


@functools.cache
def _films() -> tuple[Array, Array]:
    """The rated films of the lesson, as (features in years, a genre being worth ten; mean rating)."""
    from recsys_lab import datasets

    movielens = datasets.load("ml-100k")
    items = movielens.items.dropna(subset="year")
    flags = items["genres"].str.get_dummies("|")
    stars = movielens.ratings.groupby("item")["rating"].agg(["size", "mean"]).reindex(items["item"])
    known = (stars["size"] >= 20).to_numpy()
    features = np.column_stack([items["year"].to_numpy(float), 10.0 * flags])
    return features[known], stars["mean"].to_numpy()[known]


@functools.cache
def _requests() -> tuple[Array, Array, Array, Array]:
    """Real ratings described by the film's year and the user's age: (X, liked, other X, other liked)."""
    from recsys_lab import datasets

    movielens = datasets.load("ml-100k")
    users = movielens.users
    assert users is not None
    rows = movielens.ratings.sample(3_000, random_state=1)
    rows = rows.merge(movielens.items.dropna(subset="year")[["item", "year"]], on="item")
    rows = rows.merge(users[["user", "age"]], on="user")
    features, liked = rows[["year", "age"]].to_numpy(float), rows["rating"].to_numpy() >= 4
    return features[:2_000], liked[:2_000], features[2_000:], liked[2_000:]


def _apart(Q: Array, X: Array) -> Array:
    """Exact squared distances, for tables so small that all differences fit into memory."""
    return ((Q[:, None] - X) ** 2).sum(axis=2)


# ------------------------------------------------------------------ 1.4.1 what moves the neighbours?
_CHANGES = {
    "a": "every feature is multiplied by 10",
    "b": "the year is given in months, the flags stay as they are",
    "c": "years are counted from 1900, so that 1977 becomes 77",
    "d": "each flag is turned round: 1 for no, 0 for yes",
    "e": "each feature is standardized (minus its mean, divided by its standard deviation)",
    "f": "the flag of Drama is in the table twice",
    "g": "the distance is left squared: no root",
}
_WHY = {
    "a": "if *every* feature grows tenfold, every distance does, and the order stays",
    "b": "one feature grows and the others do not: it now counts more in every distance",
    "c": "a distance is made of differences, and a shift cancels in every one of them",
    "d": "turned round, two flags that were different still are, and equal ones stay equal",
    "e": "each column is divided by *its own* spread, so a rare genre now counts more, and a year less, than before",
    "f": "a difference in Drama is counted twice, in no other genre: that is a weight",
    "g": "of two positive numbers, the larger one has the larger square: the order stays",
}


@functools.cache
def _moving() -> list[str]:
    """Try them all on real films: which changes alter the order of anybody's neighbours?"""
    X, _ = _films()
    X = X / np.where(np.arange(X.shape[1]) == 0, 1, 10)  # flags as 0 and 1
    asked = np.arange(0, len(X), 20)
    one_column = np.arange(X.shape[1]) == 0
    drama = X[:, 1 + 7]
    changed = {
        "a": X * 10,
        "b": X * np.where(one_column, 12, 1),
        "c": X - np.where(one_column, 1900, 0),
        "d": np.where(one_column, X, 1 - X),
        "e": (X - X.mean(axis=0)) / X.std(axis=0),
        "f": np.column_stack([X, drama]),
    }
    before = np.argsort(_apart(X[asked], X), axis=1, kind="stable")
    order = {letter: np.argsort(_apart(Y[asked], Y), axis=1, kind="stable") for letter, Y in changed.items()}
    order["g"] = np.argsort(np.sqrt(_apart(X[asked], X)), axis=1, kind="stable")
    return sorted(letter for letter, after in order.items() if not np.array_equal(before, after))


def _check_moving(answer: Any) -> None:
    if isinstance(answer, dict):
        answer = [letter for letter, moves in answer.items() if moves]
    if not isinstance(answer, (str, list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)):
        raise Incorrect('give a list of letters, such as ["a", "b"].')
    got = {str(letter).strip().lower() for letter in answer if str(letter).strip() not in (",", "")}
    if not got <= set(_CHANGES):
        raise Incorrect(f"choose from the letters {', '.join(_CHANGES)}.")
    want = set(_moving())
    if not got:
        raise Incorrect("some of them do. Compare what happens to *one* feature's share in the sum.")
    if got == set(_CHANGES) - want:
        raise Incorrect("these are the changes that leave the order alone; the question is which ones alter it.")
    too_many, missing = sorted(got - want), sorted(want - got)
    if too_many:
        letter = too_many[0]
        raise Incorrect(f"{letter} ({_CHANGES[letter]}) does not alter the order: {_WHY[letter]}.")
    if missing:
        letter = missing[0]
        raise Incorrect(f"you left out {letter} ({_CHANGES[letter]}), which can alter the order: {_WHY[letter]}.")


_LIST = "\n".join(f"    - **{letter}** {text}" for letter, text in _CHANGES.items())
MOVING = Exercise(
    id="1.4.1",
    title="Who moves the neighbours?",
    kind="figure it out",
    prompt=f"""
    A table holds the year and the genre flags of each film, and `ORDER BY distance` gives the neighbours. Which of these changes,
    made for all films and for the query alike, **can alter the order** of the films? Think before you try.

{_LIST}

    Give the letters of those that can, as a list.
    """,
    reference=_moving,
    check=_check_moving,
    hints=(
        "Only the *order* of the distances counts. What happens to the difference of two films in each feature, and does it happen "
        "to all features in the same way?",
        "Four of the seven leave the order alone: what multiplies all distances by the same number, what cancels in every difference, and "
        "what grows when the distance grows. What is left gives some features another weight.",
    ),
    wrong=(
        WrongAnswer("multiplying everything counts", lambda: ["a", "b", "e", "f"], "the order stays"),
        WrongAnswer("a shift counts", lambda: ["b", "c", "e", "f"], "a shift cancels"),
        WrongAnswer("turned flags count", lambda: ["b", "d", "e", "f"], "still are"),
        WrongAnswer("the root counts", lambda: ["b", "e", "f", "g"], "larger square"),
        WrongAnswer("standardizing is neutral", lambda: ["b", "f"], "its own"),
        WrongAnswer("a copy of a column is harmless", lambda: ["b", "e"], "counted twice"),
        WrongAnswer("one unit is harmless", lambda: ["e", "f"], "counts more in every distance"),
        WrongAnswer("the harmless ones", lambda: ["a", "c", "d", "g"], "leave the order alone"),
    ),
    points=2,
    explanation="A shift cancels, a common factor keeps the order, and so does any rising function such as the root. What changes the "
    "neighbours is *relative* weight: another unit for one column, standardizing, a column that is there twice. Two of these "
    "come in handy in a moment: you may leave the root away, and you may centre.",
    expected=lambda: "a list with some of the seven letters, such as ['a', 'b']",
)


# ------------------------------------------------------------------ 1.4.2 all distances at once
def _squared_distances(Q: Array, X: Array) -> Array:
    squared = (Q**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) - 2 * Q @ X.T
    return np.maximum(squared, 0)


def _negative(Q: Array, X: Array) -> Array:
    return (Q**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) - 2 * Q @ X.T


def _all_differences(Q: Array, X: Array) -> Array:
    return ((Q[:, None] - X) ** 2).sum(axis=2)


def _row_by_row(Q: Array, X: Array) -> Array:
    return np.array([((X - Q[i]) ** 2).sum(axis=1) for i in range(len(Q))])


def _rooted(Q: Array, X: Array) -> Array:
    return np.sqrt(_squared_distances(Q, X))


def _forgot_the_two(Q: Array, X: Array) -> Array:
    return np.maximum((Q**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) - Q @ X.T, 0)


def _plus(Q: Array, X: Array) -> Array:
    return (Q**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) + 2 * Q @ X.T


def _transposed(Q: Array, X: Array) -> Array:
    return _squared_distances(X, Q)


def _absolute(Q: Array, X: Array) -> Array:
    return np.abs(_negative(Q, X))


def _city_blocks(Q: Array, X: Array) -> Array:
    return np.abs(Q[:, None] - X).sum(axis=2)


def _check_squared(distances: Callable[[Array, Array], Any]) -> None:
    rng = np.random.default_rng(4)
    films, _ = _films()
    cases = [
        (np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[3.0, 4.0], [1.0, 2.0], [0.0, 2.0]]), "two points and three"),
        (rng.normal(size=(5, 3)), rng.normal(size=(7, 3)), "5 random queries, 7 rows"),
        (rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), "6 random queries, 6 rows"),
        (rng.normal(size=(1, 4)), rng.normal(size=(1, 4)), "one query, one row"),
        (films[:30], films[30:100], "real films"),
    ]
    for Q, X, what in cases:
        kept = Q.copy(), X.copy()
        got, want = distances(Q, X), _squared_distances(Q, X)
        if not (np.array_equal(Q, kept[0]) and np.array_equal(X, kept[1])):
            raise Incorrect("your function changed the Q or the X that it was given: build new arrays instead.")
        if isinstance(got, list):
            raise Incorrect("you return a list; return an array (m, n), which can be sorted row by row.")
        if np.shape(got) == want.T.shape and is_same(got, want.T) and not is_same(want, want.T):
            raise Incorrect(f"{what}: rows and columns are swapped: one row a *query*, one column a row of X.")
        if is_same(got, np.sqrt(want)) and not is_same(want, np.sqrt(want)):
            raise Incorrect(f"{what}: you took the root. The task asks for squared distances; sorting needs no root.")
        if is_same(got, _forgot_the_two(Q, X)) and not is_same(got, want):
            raise Incorrect(f"{what}: the product of q and x comes twice in the expanded square: `2 * Q @ X.T`.")
        if is_same(got, _plus(Q, X)):
            raise Incorrect(f"{what}: the sign of the last term is wrong: (q - x)² holds *minus* 2 q x.")
        if is_same(got, _city_blocks(Q, X)):
            raise Incorrect(f"{what}: you added up the absolute differences; square them before you add them up.")
        same(got, want, rtol=1e-6, atol=1e-7, what=what)
    far = 1e6 + rng.normal(size=(40, 3)) / 100  # equal rows: the expanded formula gives a little more or less than 0
    got = np.asarray(distances(far, far))
    if np.isnan(got).any():
        raise Incorrect("rows far from 0 give NaN: a rounded difference came out below 0. Raise those to 0.")
    if (got < 0).any():
        raise Incorrect(
            f"the distance of a row to itself came out as {got.min():.2g}: rounding can push the difference of large numbers "
            "below 0. Raise those to 0: `np.maximum(squared, 0)`."
        )
    off = np.diag(_negative(far, far))
    if np.any(off < 0) and is_same(np.diag(got), np.abs(off)):
        raise Incorrect("abs() turns a rounding error below 0 into a positive distance. Raise it to 0: `np.maximum`.")
    _check_memory(distances)
    _check_loops(distances)


def _check_memory(distances: Callable[[Array, Array], Any]) -> None:
    """A table of all differences, (m, n, d), is the natural first try, and takes d times the memory of the result."""
    m, n, d = 150, 160, 120
    rng = np.random.default_rng(0)
    Q, X = rng.normal(size=(m, d)), rng.normal(size=(n, d))
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    distances(Q, X)
    _, peak = tracemalloc.get_traced_memory()
    if not was_tracing:
        tracemalloc.stop()
    if peak - before > 0.5 * 8 * m * n * d:
        raise Incorrect(
            "the numbers are right, but you build all differences at once, an array of m x n x d. For 3,000 queries, 20,000 rows and 20 "
            "features that is 9.6 GB. Use the expanded square: two sums and one matrix product."
        )


class _Watched(np.ndarray):
    """A table that notices when its rows are taken one by one. Computing with it gives watched tables again."""

    rows_taken = 0

    def __getitem__(self, place: Any) -> Any:  # `for row in table` comes here too
        first = place[0] if isinstance(place, tuple) and place else place
        _Watched.rows_taken += isinstance(first, (int, np.integer))
        return super().__getitem__(place)


def _check_loops(distances: Callable[[Array, Array], Any]) -> None:
    """The numbers of a loop over queries are right, and it fits into memory; only it is slow."""
    rng = np.random.default_rng(1)
    Q, X = rng.normal(size=(50, 3)), rng.normal(size=(60, 3))
    _Watched.rows_taken = 0
    distances(Q.view(_Watched), X.view(_Watched))
    if _Watched.rows_taken >= len(Q):  # a loop over the three features is welcome
        raise Incorrect(
            "the numbers are right, but you take the rows one by one: a Python loop. One matrix product, `Q @ X.T`, gives the last "
            "term for all pairs at once."
        )


SQUARED = Exercise(
    id="1.4.2",
    title="All pairs, no loop",
    kind="build",
    prompt="""
    Write `squared_distances(Q, X)` with the expanded square: entry (i, j) is the squared distance from row i of `Q` to row j of
    `X`. No loop over rows, and no array larger than the result (m x n) or the inputs. Rounding may leave an entry slightly below 0;
    raise such entries to 0.
    """,
    reference=lambda: _squared_distances,
    check=_check_squared,
    hints=(
        "Three pieces: one number for each query, one for each row of X, and a matrix product. The first must become a *column*, so "
        "that NumPy adds it to every entry of its row: `[:, None]`.",
        "`(Q**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) - 2 * Q @ X.T`, and then `np.maximum(..., 0)`.",
    ),
    wrong=(
        WrongAnswer("forgets the 2", lambda: _forgot_the_two, "comes twice"),
        WrongAnswer("adds the product", lambda: _plus, "*minus* 2 q x"),
        WrongAnswer("takes the root", lambda: _rooted, "took the root"),
        WrongAnswer("swaps rows and columns", lambda: _transposed, "rows and columns are swapped"),
        WrongAnswer("leaves it below 0", lambda: _negative, "below 0"),
        WrongAnswer("takes the absolute value", lambda: _absolute, "abs()"),
        WrongAnswer("adds absolute differences", lambda: _city_blocks, "absolute differences"),
        WrongAnswer("all differences at once", lambda: _all_differences, "all differences at once"),
        WrongAnswer("a loop over the queries", lambda: _row_by_row, "one by one"),
    ),
    points=2,
    explanation="The two sums are vectors, the product is one call of a routine that has been tuned for decades: that is why every "
    "library does it this way. The price is that a small number is computed as the difference of large ones, which the next "
    "paragraphs are about.",
    expected=example(
        "squared_distances([[0, 0], [1, 2]], [[3, 4], [1, 2], [0, 2]])",
        lambda: _squared_distances(np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[3.0, 4.0], [1.0, 2.0], [0.0, 2.0]])),
    ),
)


# ------------------------------------------------------------------ 1.4.3 predict
def _knn_predict(D: Array, y: Array, k: int) -> Array:
    nearest = np.argsort(D, axis=1, kind="stable")[:, :k]
    return y[nearest].mean(axis=1)


def _farthest(D: Array, y: Array, k: int) -> Array:
    return _knn_predict(-D, y, k)


def _summed(D: Array, y: Array, k: int) -> Array:
    return _knn_predict(D, y, k) * k


def _skips_the_first(D: Array, y: Array, k: int) -> Array:
    return y[np.argsort(D, axis=1, kind="stable")[:, 1 : k + 1]].mean(axis=1)


def _one_too_many(D: Array, y: Array, k: int) -> Array:
    return _knn_predict(D, y, k + 1)


def _middle(D: Array, y: Array, k: int) -> Array:
    return np.median(y[np.argsort(D, axis=1, kind="stable")[:, :k]], axis=1)


def _means_the_distances(D: Array, y: Array, k: int) -> Array:
    return np.sort(D, axis=1)[:, :k].mean(axis=1)


def _means_the_places(D: Array, y: Array, k: int) -> Array:
    return np.argsort(D, axis=1, kind="stable")[:, :k].mean(axis=1)


def _one_for_all(D: Array, y: Array, k: int) -> Array:
    return y[np.argsort(D, axis=1, kind="stable")[:, :k]].mean(axis=0)


def _cuts_rows(D: Array, y: Array, k: int) -> Array:
    return y[np.argsort(D, axis=1, kind="stable")[:k]].mean(axis=1)


def _first_of_the_table(D: Array, y: Array, k: int) -> Array:
    return np.full(len(D), y[:k].mean())


def _ties_by_chance(D: Array, y: Array, k: int) -> Array:
    return y[np.argpartition(D, k - 1, axis=1)[:, :k]].mean(axis=1)


def _ties_last(D: Array, y: Array, k: int) -> Array:
    order = np.argsort(D[:, ::-1], axis=1, kind="stable")[:, :k]
    return y[::-1][order].mean(axis=1)


def _ties_all_vote(D: Array, y: Array, k: int) -> Array:
    border = np.sort(D, axis=1)[:, k - 1]
    return np.array([y[row <= far].mean() for row, far in zip(D, border)])


def _sorts_in_place(D: Array, y: Array, k: int) -> Array:
    predicted = _knn_predict(D, y, k)
    D.sort(axis=1)
    return predicted


@functools.cache
def _distance_cases() -> list[tuple[Array, Array, int, str]]:
    rng = np.random.default_rng(11)
    films, stars = _films()
    by_hand = np.array([[4.0, 1.0, 9.0, 2.0], [0.0, 5.0, 1.0, 7.0]])
    tied = np.array([[2.0, 1.0, 2.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0, 3.0], [5.0, 4.0, 4.0, 9.0, 4.0]])
    real = _squared_distances(films[::9], films)
    return [
        (by_hand, np.array([1.0, 2.0, 3.0, 5.0]), 2, "distances 4, 1, 9, 2 and 0, 5, 1, 7 with k = 2"),
        (by_hand, np.array([1.0, 2.0, 3.0, 5.0]), 1, "the same with k = 1"),
        (by_hand, np.array([1.0, 2.0, 3.0, 5.0]), 4, "the same with k = 4, everybody"),
        (rng.random((6, 30)), rng.normal(size=30) + 3, 7, "random distances with k = 7"),
        (tied, np.array([1.0, 2.0, 4.0, 8.0, 16.0]), 2, "films equally far away, with k = 2"),
        (tied, np.array([1.0, 2.0, 4.0, 8.0, 16.0]), 3, "films equally far away, with k = 3"),
        (real, stars, 10, "real films with k = 10, many of them equally far away"),
    ]


def _check_predict(predict: Callable[[Array, Array, int], Any]) -> None:
    for D, y, k, what in _distance_cases():
        D_given, y_given = D.copy(), y.copy()
        got, want = predict(D_given, y_given, k), _knn_predict(D, y, k)
        if not (np.array_equal(D_given, D) and np.array_equal(y_given, y)):
            raise Incorrect(
                "your function changed the D or the y that it was given: `.sort()` works in place. "
                "`np.argsort` gives the order and leaves D alone."
            )
        if is_same(got, want):
            continue
        if np.ndim(got) == 0 and got is not None:
            raise Incorrect("you return one number for all queries: take the mean along each row, `axis=1`.")
        if np.shape(got) == (len(D), 1):
            raise Incorrect(f"{what}: the shape should be ({len(D)},), but is {np.shape(got)}: return a flat array.")
        for mistake, message in (
            (_farthest, "you took the *farthest* films: sort by rising distance"),
            (_summed, "you added up the ratings of the k films; take their mean"),
            (
                _skips_the_first,
                "you skipped the nearest film. A query is a new film and not in the table: nobody to skip",
            ),
            (_one_too_many, "you asked k + 1 films; `[:, :k]` takes k of them"),
            (_means_the_distances, "you averaged the distances; they only choose who is asked. Average y"),
            (_means_the_places, "you averaged row numbers; look up what those films were rated: `y[nearest]`"),
            (_one_for_all, "you averaged down the columns; a query is a row, so take the mean with `axis=1`"),
            (_cuts_rows, "`[:k]` cuts k *rows* off the sorted table; `[:, :k]` takes the first k of every row"),
            (_first_of_the_table, "you asked the first k films of the table, near or not: sort by distance"),
            (_middle, "this is the median of the k; the formula takes their mean"),
            (
                _ties_last,
                "of films equally far away you took the last; the one that comes first in the table is nearer",
            ),
            (_ties_all_vote, "you let all films vote that are as near as the k-th; exactly k have a vote"),
        ):
            try:
                alike = is_same(got, mistake(D, y, k))
            except (IndexError, ValueError):  # k + 1 films where there are only k
                continue
            if alike:
                raise Incorrect(f"{what}: {message}.")
        if "equally far" in what:
            raise Incorrect(
                f"{what}: which of them are asked is left to chance. The first in the table comes first: "
                'np.argsort(D, axis=1, kind="stable") keeps that order, the default kind and argpartition do not.'
            )
        same(got, want, what=what)


PREDICT = Exercise(
    id="1.4.3",
    title="Ask the k nearest",
    kind="build",
    prompt="""
    Write `knn_predict(D, y, k)`: each row of `D` holds the distances of one query to all films, and the answer is the mean of `y` over
    its `k` nearest. Exactly `k` films have a vote; of films **equally far away, the one that comes first in the table is
    nearer**. Two lines are enough.
    """,
    reference=lambda: _knn_predict,
    check=_check_predict,
    hints=(
        "`np.argsort` along each row gives the films in order of distance. To keep the table's order among equals, it has to be a "
        "*stable* sort; it takes a `kind`.",
        '`nearest = np.argsort(D, axis=1, kind="stable")[:, :k]` holds row numbers, (m, k). `y[nearest]` looks them all up, and the '
        "mean runs along each row.",
    ),
    wrong=(
        WrongAnswer("the farthest", lambda: _farthest, "*farthest*"),
        WrongAnswer("a sum", lambda: _summed, "take their mean"),
        WrongAnswer("skips the nearest", lambda: _skips_the_first, "skipped the nearest"),
        WrongAnswer("one too many", lambda: _one_too_many, "k + 1 films"),
        WrongAnswer("the median", lambda: _middle, "median"),
        WrongAnswer("averages the distances", lambda: _means_the_distances, "averaged the distances"),
        WrongAnswer("averages row numbers", lambda: _means_the_places, "averaged row numbers"),
        WrongAnswer("mean down the columns", lambda: _one_for_all, "down the columns"),
        WrongAnswer("cuts rows instead of columns", lambda: _cuts_rows, "*rows*"),
        WrongAnswer("asks the first k of the table", lambda: _first_of_the_table, "near or not"),
        WrongAnswer("ties left to chance", lambda: _ties_by_chance, "left to chance"),
        WrongAnswer("the last of equals", lambda: _ties_last, "took the last"),
        WrongAnswer("all equals vote", lambda: _ties_all_vote, "exactly k have a vote"),
        WrongAnswer("sorts D in place", lambda: _sorts_in_place, "in place"),
    ),
    points=2,
    explanation="There is nothing else to the model. For k far below n, a full sort is more than is needed: `np.partition` finds the k-th "
    "distance in one pass, and that is what the library does, with care for the ties at the border.",
    expected=example(
        "knn_predict(D=[[4, 1, 9, 2]], y=[1, 2, 3, 5], k=2)",
        lambda: _knn_predict(np.array([[4.0, 1.0, 9.0, 2.0]]), np.array([1.0, 2.0, 3.0, 5.0]), 2),
    ),
)


# ------------------------------------------------------------------ 1.4.4 leave one out
def _leave_one_out(D: Array, y: Array, k: int) -> Array:
    D = D.copy()
    np.fill_diagonal(D, np.inf)
    return _knn_predict(D, y, k)


def _no_twins(D: Array, y: Array, k: int) -> Array:
    return _knn_predict(np.where(D == 0, np.inf, D), y, k)


def _votes_for_itself(D: Array, y: Array, k: int) -> Array:
    return _knn_predict(D, y, k)


def _takes_itself_off(D: Array, y: Array, k: int) -> Array:
    """k + 1 neighbours, minus oneself: wrong where k + 1 twins stand before the film itself."""
    return (_knn_predict(D, y, k + 1) * (k + 1) - y) / k


def _diagonal_in_place(D: Array, y: Array, k: int) -> Array:
    np.fill_diagonal(D, np.inf)
    return _knn_predict(D, y, k)


def _one_fewer(D: Array, y: Array, k: int) -> Array:
    """Drops oneself only if found among the k: then k - 1 films answer."""
    nearest = np.argsort(D, axis=1, kind="stable")[:, :k]
    return np.array([y[row[row != n]].mean() if (row != n).any() else y.mean() for n, row in enumerate(nearest)])


@functools.cache
def _loo_cases() -> list[tuple[Array, Array, int, str]]:
    films, stars = _films()
    places = np.array([[1.0], [2.0], [4.0], [8.0]])
    twins = np.array([[3.0], [3.0], [3.0], [3.0], [7.0], [7.0], [9.0]])
    real = films[::3]
    return [
        (_apart(places, places), np.array([1.0, 2.0, 3.0, 5.0]), 1, "films at 1, 2, 4, 8 with k = 1"),
        (_apart(places, places), np.array([1.0, 2.0, 3.0, 5.0]), 3, "films at 1, 2, 4, 8 with k = 3, all others"),
        (_apart(twins, twins), np.array([1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 1.0]), 1, "films with twins, k = 1"),
        (_apart(twins, twins), np.array([1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 1.0]), 2, "films with twins, k = 2"),
        (_apart(real, real), stars[::3], 5, "real films with k = 5"),
    ]


def _check_leave_one_out(leave: Callable[[Array, Array, int], Any]) -> None:
    for D, y, k, what in _loo_cases():
        D_given, y_given = D.copy(), y.copy()
        got, want = leave(D_given, y_given, k), _leave_one_out(D, y, k)
        if not (np.array_equal(D_given, D) and np.array_equal(y_given, y)):
            raise Incorrect(
                "your function changed the caller's D: the next one to use it would find no film at distance 0 from itself. "
                "Start with `D = D.copy()`."
            )
        if is_same(got, want):
            continue
        if np.ndim(got) == 0:
            raise Incorrect("return the predictions, one a film; the error is computed from them outside.")
        for mistake, message in (
            (_votes_for_itself, "each film votes for itself: its distance to itself is 0"),
            (
                _skips_the_first,
                "you skip the first of the sorted films, as the colleague does. Where a twin comes first, the twin is skipped "
                "and the film itself votes",
            ),
            (
                _no_twins,
                "you threw out every film at distance 0. A twin is another film, and the best neighbour there is: leave out the "
                "film itself, not its twins",
            ),
            (
                _takes_itself_off,
                "you took the film's own vote off the k + 1 nearest. Where twins come first, the film is not among them, and its "
                "vote was never in",
            ),
            (
                _one_fewer,
                "where the film itself is among the k, only k - 1 others answer. Leave it out *before* you pick k",
            ),
            (lambda D, y, k: _leave_one_out(D, y, k + 1), "you asked one film too many: k others, not k + 1"),
        ):
            try:
                alike = is_same(got, mistake(D, y, k))
            except (IndexError, ValueError):
                continue
            if alike:
                raise Incorrect(f"{what}: {message}.")
        same(got, want, what=what)


LEAVE_ONE_OUT = Exercise(
    id="1.4.4",
    title="Who voted for themselves?",
    kind="figure it out",
    prompt="""
    The colleague's number is too good. Find out which films got to vote for themselves, and why; then write
    `leave_one_out(D, y, k)`, where none does: each film is predicted from its `k` nearest *others*. You may use
    `knn_predict_checked`. Do not change the caller's `D`.
    """,
    reference=lambda: _leave_one_out,
    check=_check_leave_one_out,
    hints=(
        "Two films of the same year with the same genres are at distance 0 from each other. Which of the two does a stable sort put "
        "first, and whom does the colleague skip?",
        "A film must never be near itself: in a *copy* of D, put infinity on the diagonal (`np.fill_diagonal`), and predict as usual.",
    ),
    wrong=(
        WrongAnswer("skips the first", lambda: _skips_the_first, "as the colleague does"),
        WrongAnswer("nobody is left out", lambda: _votes_for_itself, "votes for itself"),
        WrongAnswer("leaves out the twins too", lambda: _no_twins, "not its twins"),
        WrongAnswer("takes its own vote off", lambda: _takes_itself_off, "never in"),
        WrongAnswer("k - 1 neighbours", lambda: _one_fewer, "*before* you pick k"),
        WrongAnswer("changes the caller's D", lambda: _diagonal_in_place, "D.copy()"),
    ),
    points=3,
    explanation="Identity is not distance. *The nearest* is a statement about features, *the film itself* one about row numbers, and "
    "with twins the two part. The same bug sits in code that drops the first hit of a similarity search because it must be "
    "the query: compare ids instead.",
    expected=example(
        "leave_one_out(D, y=[1, 2, 3, 5], k=1) for films at the places 1, 2, 4, 8",
        lambda: _leave_one_out(*_loo_cases()[0][:3]),
    ),
)


# ------------------------------------------------------------------ 1.4.5 does a prediction need company?
Pipeline = Callable[[Array, Array, Array], Array]
NeedsCompany = Callable[[Pipeline, Array, Array, Array], Any]


def _needs_company(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    together = pipeline(X, y, Q)
    alone = [pipeline(X, y, Q[[row]])[0] for row in range(len(Q))]
    return not np.allclose(together, alone, equal_nan=True)


def _only_the_first(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    return not np.allclose(pipeline(X, y, Q)[:1], pipeline(X, y, Q[:1]), equal_nan=True)


def _in_halves(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    middle = len(Q) // 2
    parts = [pipeline(X, y, Q[:middle]), pipeline(X, y, Q[middle:])]
    return not np.allclose(pipeline(X, y, Q), np.concatenate(parts), equal_nan=True)


def _one_missing(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    together = pipeline(X, y, Q)
    return any(
        not np.allclose(np.delete(together, row), pipeline(X, y, np.delete(Q, row, axis=0)), equal_nan=True)
        for row in range(len(Q))
    )


def _compares_means(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    alone = [pipeline(X, y, Q[[row]])[0] for row in range(len(Q))]
    return not np.isclose(np.nanmean(pipeline(X, y, Q)), np.nanmean(alone))


def _backwards(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    return not np.allclose(pipeline(X, y, Q), pipeline(X, y, Q[::-1])[::-1], equal_nan=True)


def _changes_the_table(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    return not np.allclose(pipeline(X, y, Q), pipeline(X[:-1], y[:-1], Q), equal_nan=True)


def _to_the_last_digit(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    alone = [pipeline(X, y, Q[[row]])[0] for row in range(len(Q))]
    return not np.array_equal(pipeline(X, y, Q), alone)


def _company_inverted(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    return not _needs_company(pipeline, X, y, Q)


def _adds_a_stranger(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    more = np.vstack([Q, Q.max(axis=0, initial=0) * 10 + 1])
    return not np.allclose(pipeline(X, y, Q), pipeline(X, y, more)[: len(Q)], equal_nan=True)


def _flat_row(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    return not np.allclose(pipeline(X, y, Q), [pipeline(X, y, q) for q in Q], equal_nan=True)


def _writes_into_q(pipeline: Pipeline, X: Array, y: Array, Q: Array) -> bool:
    before = pipeline(X, y, Q)
    Q[1:] = 0.0
    return not np.isclose(before[0], pipeline(X, y, Q)[0])


def _votes(X: Array, y: Array, Q: Array) -> Array:
    """Everybody votes, the near ones louder: unlike a mean of k, this moves when a distance moves a little."""
    weights = 1 / (1 + _apart(Q, X))
    return (weights * y).sum(axis=1) / weights.sum(axis=1)


def _scaled(X: Array, y: Array, Q: Array, by: Array) -> Array:
    mean, spread = np.nanmean(by, axis=0), np.nanstd(by, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return _votes((X - mean) / spread, y, (Q - mean) / spread)


def _scaled_apart(X: Array, y: Array, Q: Array) -> Array:
    spread = np.where(Q.std(axis=0) > 0, Q.std(axis=0), 1.0)
    return _votes((X - X.mean(axis=0)) / X.std(axis=0), y, (Q - Q.mean(axis=0)) / spread)


def _filled_from_above(X: Array, y: Array, Q: Array) -> Array:
    return _votes(X, y, pd.DataFrame(Q).ffill().fillna(0.0).to_numpy())


def _filled_with_zero(X: Array, y: Array, Q: Array) -> Array:
    return _votes(X, y, np.nan_to_num(Q))


def _noisy(X: Array, y: Array, Q: Array) -> Array:
    """Honest, but the last digit depends on the size of the batch, as it does with matrix products."""
    return _votes(X, y, Q) + 1e-12 * len(Q)


def _keeps_a_gap(X: Array, y: Array, Q: Array) -> Array:
    """Honest: what it cannot answer stays unanswered, alone and in company."""
    return np.where(np.isnan(Q).any(axis=1), np.nan, _votes(X, y, np.nan_to_num(Q)))


# name -> (pipeline, with gaps in Q?, does it need company?)
_PIPELINES: dict[str, tuple[Pipeline, bool, bool]] = {
    "neighbours in raw units": (_votes, False, False),
    "neighbours scaled by the table": (lambda X, y, Q: _scaled(X, y, Q, X), False, False),
    "neighbours whose last digit depends on the batch size": (_noisy, False, False),
    "neighbours with gaps filled with 0": (_filled_with_zero, True, False),
    "neighbours that answer NaN where a feature is missing": (_keeps_a_gap, True, False),
    "queries scaled by themselves": (_scaled_apart, False, True),
    "scaled by table and queries together": (lambda X, y, Q: _scaled(X, y, Q, np.vstack([X, Q])), False, True),
    "a gap filled from the row above": (_filled_from_above, True, True),
    "the answers, sorted": (lambda X, y, Q: np.sort(_votes(X, y, Q)), False, True),
    "another branch of code for single requests": (
        lambda X, y, Q: _votes(X, y, Q) if len(Q) > 1 else np.full(1, y.mean()),
        False,
        True,
    ),
}


@functools.cache
def _company_tables() -> tuple[Array, Array, Array, Array]:
    """X, y, queries, and the queries with one gap in row 5: neither first nor last, not even of a half."""
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(30, 12, 80), rng.normal(3.5, 0.5, 80)])
    y = X[:, 0] / 10 + X[:, 1] + rng.normal(size=80)
    Q = np.column_stack([rng.normal(40, 20, 8), rng.normal(3.0, 0.7, 8)])
    gaps = Q.copy()
    gaps[5, 0], gaps[4, 0] = np.nan, 55.0
    return X, y, Q, gaps


def _check_company(needs: NeedsCompany) -> None:
    X, y, Q, gaps = _company_tables()
    for name, (pipeline, with_gaps, needy) in _PIPELINES.items():
        queries = gaps if with_gaps else Q
        seen: list[tuple[Array, Array, Array]] = []

        def watched(a: Array, b: Array, c: Array, run: Pipeline = pipeline, seen: list = seen) -> Array:
            c = np.asarray(c, dtype=float)
            if c.ndim != 2:
                raise Incorrect(
                    "a pipeline takes a *table* of queries, and you gave it a flat row. Keep it two-dimensional: `Q[[row]]` or "
                    "`Q[row : row + 1]`."
                )
            seen.append((np.array(a, dtype=float), np.array(b, dtype=float), c.copy()))
            return run(a, b, c)

        given = X.copy(), y.copy(), queries.copy()
        verdict = needs(watched, *given)
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(given, (X, y, queries))):
            raise Incorrect("your test changed the X, y or Q that it was given. Select rows; do not write into them.")
        if not isinstance(verdict, (bool, np.bool_)):
            raise Incorrect(f"return True or False; got {type(verdict).__name__} for {name}.")
        if any(a.shape != X.shape or not np.array_equal(a, X) or not np.array_equal(b, y) for a, b, _ in seen):
            raise Incorrect(
                "you changed the table. Every honest pipeline reacts to that. Leave X and y alone and change who is in Q *with* a row."
            )
        if verdict and not needy:
            _blame_honest(needs, name, seen)
        if needy and not verdict:
            _missed(name, seen, queries)


def _blame_honest(needs: NeedsCompany, name: str, seen: list[tuple[Array, Array, Array]]) -> None:
    if not seen:
        raise Incorrect(f"an honest pipeline ({name}) was accused, and never called.")
    X, y, Q, _ = _company_tables()
    if not needs(_scaled_apart, X.copy(), y.copy(), Q.copy()):
        raise Incorrect(
            "True and False are the wrong way round: True is for a prediction that *does* depend on its company."
        )
    if "last digit" in name:
        raise Incorrect(
            "you accuse a pipeline whose answers differ by 0.00000000001: rounding, which depends on the size of a matrix product. "
            "Compare with `np.allclose`."
        )
    if "NaN" in name:
        raise Incorrect(
            "you accuse a pipeline that answers NaN, alone and in company. NaN is not equal to NaN: "
            "`np.allclose(..., equal_nan=True)`."
        )
    raise Incorrect(f"an honest pipeline ({name}) was accused: alone, each of its rows gets the same answer.")


def _missed(name: str, seen: list[tuple[Array, Array, Array]], queries: Array) -> None:
    if not seen:
        raise Incorrect(f"not found: {name}; you never called it.")
    sizes = {len(asked) for _, _, asked in seen}
    if sizes <= {len(queries)}:
        raise Incorrect(
            f"not found: {name}. In another order, every row is still in the same company. Ask for each row *alone*."
        )
    if all(len(asked) >= len(queries) for _, _, asked in seen):
        raise Incorrect(
            f"not found: {name}. One more row at the end does not bother those before it. Ask for each row *alone*."
        )
    alone = {asked.tobytes() for _, _, asked in seen if len(asked) == 1}
    if len(alone) == 0:
        raise Incorrect(f"not found: {name}. In smaller batches a row still has company. Ask for each row *alone*.")
    if len(alone) < len(queries):
        raise Incorrect(f"not found: {name}. You asked for {len(alone)} of the rows alone: ask for *every* one.")
    raise Incorrect(
        f"not found: {name}. You did ask for each row alone. Compare the answers row by row; their mean can stay where it is."
    )


COMPANY = Exercise(
    id="1.4.5",
    title="The same request, the same answer",
    kind="figure it out",
    prompt="""
    Write `needs_company(pipeline, X, y, Q)`: True if the prediction for *any* row of `Q` comes out differently when that row is
    asked for alone, False if none does. You need not look into `pipeline`: call it. It takes a table of queries, also one with
    a single row, and returns one number a row. Differences in the last digits are rounding and do not count; NaN both times is the
    same answer.
    """,
    reference=lambda: _needs_company,
    check=_check_company,
    hints=(
        "Call it once with all of `Q`, and once for every single row. Which two answers must agree?",
        "`Q[[row]]` is a table with one row, and `pipeline(X, y, Q[[row]])[0]` its answer. Compare all of them with the answers in company: "
        "`np.allclose(together, alone, equal_nan=True)`.",
    ),
    wrong=(
        WrongAnswer("tries only the first row", lambda: _only_the_first, "ask for *every* one"),
        WrongAnswer("tries two halves", lambda: _in_halves, "still has company"),
        WrongAnswer("takes one row away", lambda: _one_missing, "still has company"),
        WrongAnswer("compares the means", lambda: _compares_means, "row by row"),
        WrongAnswer("turns the order round", lambda: _backwards, "another order"),
        WrongAnswer("changes the table", lambda: _changes_the_table, "changed the table"),
        WrongAnswer("compares to the last digit", lambda: _to_the_last_digit, "np.allclose"),
        WrongAnswer("True and False swapped", lambda: _company_inverted, "wrong way round"),
        WrongAnswer("adds a row at the end", lambda: _adds_a_stranger, "at the end"),
        WrongAnswer("passes a flat row", lambda: _flat_row, "two-dimensional"),
        WrongAnswer("writes into Q", lambda: _writes_into_q, "do not write into them"),
    ),
    points=3,
    explanation="It is a property test again, as in lesson 1.3, with another property: *an answer depends on the request and on the model, "
    "and on nothing else*. It finds scalers and encoders that were fitted on the batch, gaps filled from the row above, "
    "ranks within a batch. Put it into CI; it needs no labels and a handful of rows.",
    expected=lambda: (
        "True for a pipeline that scales the queries by their own mean and standard deviation,\n"
        "False for one that scales them by the table's"
    ),
)


# ------------------------------------------------------------------ 1.4.6 break even
def _break_even(wrong: float, missed: float) -> float:
    return wrong / (wrong + missed)


def _check_break_even(break_even: Callable[[float, float], Any]) -> None:
    for wrong, missed in ((3, 1), (1, 1), (1, 3), (2.0, 3.0), (0, 1), (5, 0), (0.3, 0.1), (1, 2)):
        got, want = break_even(wrong, missed), _break_even(wrong, missed)
        what = f"wrong = {wrong}, missed = {missed}"
        if isinstance(got, bool) or not isinstance(got, (int, float, np.number)):
            same(got, want, what=what)
        if is_same(got, want):
            continue
        value = float(got)
        if wrong != missed and is_same(value, 1 - want):
            raise Incorrect(
                f"{what}: turned round. The dearer a *wrong* recommendation, the surer you must be, so the higher the threshold."
            )
        if missed and is_same(value, wrong / missed):
            raise Incorrect(
                f"{what}: {value:g} is the ratio of the prices, not a probability. With probability p it is a like, and not "
                "recommending costs p times `missed`; what does recommending cost, on average?"
            )
        if wrong and is_same(value, missed / wrong):
            raise Incorrect(
                f"{what}: the ratio of the prices is not yet a probability. Set the two expected costs equal and solve for p."
            )
        if is_same(value, 100 * want):
            raise Incorrect(f"{what}: that is in percent; a probability runs from 0 to 1.")
        if is_same(value, 0.5):
            raise Incorrect(f"{what}: 0.5 is right only where both mistakes cost the same.")
        if math.isnan(value) or math.isinf(value):
            raise Incorrect(f"{what}: {value}. Only one of the two prices may be 0, so their *sum* never is.")
        same(got, want, what=what)


def _needs_both(wrong: float, missed: float) -> float:
    return float(np.divide(1.0, 1.0 + np.divide(missed, wrong))) if wrong else math.nan


BREAK_EVEN = Exercise(
    id="1.4.6",
    title="What would being wrong cost?",
    kind="figure it out",
    prompt="""
    With probability $p$ the user likes the film. If you recommend it, you pay `wrong` in case they do not; if you leave it out, you pay
    `missed` in case they would have. For which $p$ do both cost the same, on average? Guess first for the prices 3 and 1: 0.25, 0.33,
    0.67 or 0.75? Then write `break_even(wrong, missed)`.
    """,
    reference=lambda: _break_even,
    check=_check_break_even,
    hints=(
        "Write down the average cost of recommending: it is `wrong`, times the probability that they do *not* like it. And of not "
        "recommending?",
        "$(1 - p) \\cdot \\text{wrong} = p \\cdot \\text{missed}$. Bring everything with $p$ to one side.",
    ),
    wrong=(
        WrongAnswer("always one half", lambda: lambda wrong, missed: 0.5, "cost the same"),
        WrongAnswer("turned round", lambda: lambda wrong, missed: missed / (wrong + missed), "turned round"),
        WrongAnswer(
            "the ratio", lambda: lambda wrong, missed: wrong / missed if missed else math.inf, "ratio of the prices"
        ),
        WrongAnswer(
            "the other ratio",
            lambda: lambda wrong, missed: missed / wrong if wrong else math.inf,
            "not yet a probability",
        ),
        WrongAnswer("in percent", lambda: lambda wrong, missed: 100 * wrong / (wrong + missed), "in percent"),
        WrongAnswer("fails for a price of 0", lambda: _needs_both, "may be 0"),
    ),
    points=1,
    explanation="$(1 - p) \\cdot \\text{wrong} = p \\cdot \\text{missed}$ gives $p = \\text{wrong} / (\\text{wrong} + \\text{missed})$: for 3 and 1 "
    "it is 0.75. Only the ratio of the prices counts, so you need not know them in euros. And the threshold is not learned: "
    "it follows from the prices, as long as the probabilities mean what they say.",
    expected=example("break_even(wrong=1, missed=4)", lambda: _break_even(1, 4)),
)

EXERCISES = [MOVING, SQUARED, PREDICT, LEAVE_ONE_OUT, COMPANY, BREAK_EVEN]


# ------------------------------------------------------------------ quiz
def _key_training_error() -> str:
    """k = 1 with one's own vote: where is the error, and does it vanish where no film has a twin?"""
    X, y = _films()
    D = _apart(X[::2], X[::2])
    wrong_at = np.abs(_knn_predict(D, y[::2], 1) - y[::2]) > 1e-9
    has_twin = (D == 0).sum(axis=1) > 1
    return "b" if wrong_at.any() and not wrong_at[~has_twin].any() else "a"


def _key_constant_columns() -> str:
    X, liked, Q, _ = _requests()
    more = [np.column_stack([t, np.full((len(t), 50), 7.0)]) for t in (X, Q[:100])]
    unchanged = np.array_equal(
        _knn_predict(_apart(Q[:100], X), liked, 10),
        _knn_predict(_squared_distances(more[1], more[0]).round(6), liked, 10),
    )
    return "a" if unchanged else "c"


def _key_doubled_rows() -> str:
    """A faulty import stored each row twice; k stays 10. Which k on the clean table gives the same answers?"""
    rng = np.random.default_rng(0)
    X, y, Q = rng.normal(size=(300, 3)), rng.normal(size=300), rng.normal(size=(40, 3))
    doubled = _knn_predict(_apart(Q, np.repeat(X, 2, axis=0)), np.repeat(y, 2), 10)
    return next(
        letter for letter, k in {"a": 10, "b": 20, "c": 5}.items() if is_same(doubled, _knn_predict(_apart(Q, X), y, k))
    )


def _key_sure() -> str:
    """Of the requests for which all 5 neighbours were likes: how many were liked?"""
    X, liked, Q, truth = _requests()
    scale = X.std(axis=0)
    share = _knn_predict(_apart(Q / scale, X / scale), liked.astype(float), 5)
    happened = truth[share == 1].mean()
    return "c" if happened < 0.9 else "a"


def _key_months() -> str:
    """Serving sends the user's age in months, the table holds years: what happens to the answers?"""
    X, _, Q, _ = _requests()
    right = np.argsort(_apart(Q, X), axis=1, kind="stable")[:, :10]
    sent = np.argsort(_apart(Q * [1, 12], X), axis=1, kind="stable")[:, :10]
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(right, sent)])
    oldest = X[sent, 1].mean() > np.quantile(X[:, 1], 0.9)
    return "b" if kept < 0.1 and oldest else "a"


QUIZ = [
    Question(
        "With $k = 1$ and its own vote, every film copies itself. Yet the training error in the lesson was 0.33 and not 0. Why?",
        {
            "a": "Rounding: the expanded square is never exactly 0.",
            "b": "Films with a twin that stands earlier in the table copy the twin, which has another mean rating.",
            "c": "$k = 1$ is so noisy that it misses even itself.",
        },
        _key_training_error,
        {
            "a": "Years and flags are whole numbers, so these distances are exact. Even with rounding, the error would be tiny.",
            "b": "Yes. At distance 0 there are two films, and a stable sort takes the first. Every wrong film has a twin.",
            "c": "There is no chance in it: the film at distance 0 is copied. The question is which film that is.",
        },
    ),
    Question(
        "You add 50 columns that hold the number 7 in every row, in the table and in the queries. What happens to the neighbours?",
        {
            "a": "Nothing.",
            "b": "They are 7 further away, so the nearest ones change.",
            "c": "The curse of dimensionality: with 50 more features they become meaningless.",
        },
        _key_constant_columns,
        {
            "a": "Right. All differences in these columns are 0. What curses is not the number of columns, but columns that vary "
            "on their own and say nothing.",
            "b": "A distance is made of differences, and 7 - 7 is 0.",
            "c": "The curse comes from features that *vary*. These never do.",
        },
    ),
    Question(
        "A faulty import stores every row of the table twice. You notice nothing and keep $k = 10$. The answers are those of a clean table "
        "with",
        {"a": "k = 10, since both copies say the same", "b": "k = 20", "c": "k = 5"},
        _key_doubled_rows,
        {
            "a": "Both copies have a vote: the ten places are taken by five different rows.",
            "b": "The other way round: ten places hold fewer different rows, not more.",
            "c": "Ten places, two for each row: five different rows answer. Duplicates lower k without telling you, and the variance rises.",
        },
    ),
    Question(
        "Five neighbours, and all five were likes: the share is 1.0. What do you tell the product manager?",
        {
            "a": "This user will like it, for certain.",
            "b": "The share of likes among such requests will be above 95 %.",
            "c": "Clearly fewer than 95 % of such requests turn out as likes; from five votes the share is too extreme.",
        },
        _key_sure,
        {
            "a": "Five votes can come out alike by chance. If 7 in 10 are likes, that happens in 17 % of the cases.",
            "b": "It would, if the share were calibrated. With k = 5 there are six possible answers, and the outer ones exaggerate.",
            "c": "Yes. Among many requests, those with five out of five were partly lucky. With k = 100 the shares of the lesson were calibrated.",
        },
    ),
    Question(
        "After a refactoring the API sends the user's age in months; the table still holds years. What happens?",
        {
            "a": "Little: an age is an age, and the other features still work.",
            "b": "No error is raised, and nearly every request gets other neighbours: those of the oldest users in the table.",
            "c": "The distances become too large, and the search fails.",
        },
        _key_months,
        {
            "a": "384 months against ages up to 73: the difference in this one column outweighs all others.",
            "b": "Yes. For an age of 384 the oldest users are the nearest. Nothing crashes. Check ranges of features at the boundary of a service.",
            "c": "There is always a nearest row, however far away it is. That is what makes it hard to notice.",
        },
    ),
]
