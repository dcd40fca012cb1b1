"""Exercises and quiz of lesson 1.3, Linear regression from scratch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, same
from recsys_lab.course.quiz import Question

Array = np.ndarray


@functools.cache
def _real() -> tuple[Array, Array, list[str]]:
    """The first 4,000 training rows of the lesson as (features, stars, names): film age, user age, genre flags."""
    from recsys_lab import datasets
    from recsys_lab.split import random_split

    movielens = datasets.load("ml-100k")
    train, _ = random_split(movielens.ratings, test=0.2, seed=0)
    flags = movielens.items["genres"].str.get_dummies("|")
    films = pd.concat([movielens.items[["item", "year"]], flags], axis=1)
    users = movielens.users
    assert users is not None
    rows = train.head(4000).merge(films, on="item").merge(users[["user", "age"]], on="user")
    age = pd.to_datetime(rows["timestamp"], unit="s").dt.year - rows["year"]
    rows = rows.assign(film_age=age.astype("Float64").fillna(0).astype(float))
    names = ["film_age", "age", *flags.columns]
    return rows[names].to_numpy(float), rows["rating"].to_numpy(), names


def _random(n: int, d: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 2, rng.normal(size=n) + 3


# ------------------------------------------------------------------ 1.3.1 the normal equation
def _normal_equation(X: Array, y: Array) -> Array:
    A = np.column_stack([np.ones(len(X)), X])
    return np.linalg.solve(A.T @ A, A.T @ y)


def _through_origin(X: Array, y: Array) -> Array:
    return np.linalg.solve(X.T @ X, X.T @ y)


def _intercept_last(X: Array, y: Array) -> Array:
    return np.roll(_normal_equation(X, y), -1)


def _elementwise(X: Array, y: Array) -> Array:
    A = np.column_stack([np.ones(len(X)), X])
    with np.errstate(divide="ignore"):  # genres that never meet have a 0 there
        return (1 / (A.T @ A)) @ (A.T @ y)


def _check_normal_equation(solve: Callable[[Array, Array], Any]) -> None:
    real_X, real_y, _ = _real()
    cases = [
        (np.array([[1.0], [2.0], [3.0]]), np.array([3.0, 5.0, 7.0]), "the points (1, 3), (2, 5), (3, 7)"),
        (*_random(30, 3), "30 random rows with 3 features"),
        (real_X, real_y, "4,000 real ratings with 20 features"),
    ]
    for X, y, what in cases:
        before = X.copy()
        got, want = solve(X, y), _normal_equation(X, y)
        if not np.array_equal(X, before):
            raise Incorrect("your function changed the X that it was given: build a new array instead.")
        if isinstance(got, tuple):
            raise Incorrect("you return a pair; return one array with all weights: `np.concatenate(([b], w))`.")
        if isinstance(got, pd.Series):
            raise Incorrect("you return a Series, whose labels would get in the way later: return `.to_numpy()` of it.")
        if np.shape(got) == (X.shape[1],):
            raise Incorrect(
                f"{what}: you return one number a feature, so the intercept is missing. Without a column of "
                "ones the line must pass through 0: a film of age 0 would get 0 stars."
            )
        if np.shape(got) == (len(want), 1):
            raise Incorrect(
                f"{what}: the shape should be {want.shape}, but is {np.shape(got)}: leave y flat, as it came."
            )
        if is_same(got, np.roll(want, -1)):
            raise Incorrect(f"{what}: the intercept comes last in your answer; put it first, as the column of ones.")
        if is_same(got, _elementwise(X, y)):
            raise Incorrect(
                f"{what}: 1 / (A' A) inverts each number by itself; the inverse of a matrix is another thing."
            )
        same(got, want, rtol=1e-5, what=what)


NORMAL_EQUATION = Exercise(
    id="1.3.1",
    title="Solve the normal equation",
    kind="build",
    prompt="""
    Write `normal_equation(X, y)`. It puts a column of ones in front of the features and returns the weights with the
    smallest sum of squared errors: one array with $d + 1$ numbers, **the intercept first**. Two lines are enough. Ask `np.linalg.solve` for the solution of a linear system; do not compute an inverse.
    """,
    reference=lambda: _normal_equation,
    check=_check_normal_equation,
    hints=(
        "Build $A$ with `np.column_stack`: the first column is `np.ones(len(X))`. Then the two sides of the normal "
        "equation are two matrix products.",
        "The left side is `A.T @ A`, the right side `A.T @ y`; `np.linalg.solve(left, right)` does the rest.",
    ),
    wrong=(
        WrongAnswer("no column of ones", lambda: _through_origin, "intercept is missing"),
        WrongAnswer("the intercept last", lambda: _intercept_last, "intercept comes last"),
        WrongAnswer(
            "inverts every number instead of the matrix", lambda: _elementwise, "inverts each number by itself"
        ),
    ),
    points=2,
    explanation="$A^\\top A$ is a small square matrix, $(d+1) \\times (d+1)$, however many rows there are: all that the "
    "model needs from the 80,000 ratings are these sums of products. A database could compute them in one "
    "`SELECT SUM(x1 * x2), ...`. `solve` is faster than an inverse and loses fewer digits.",
    expected=example(
        "normal_equation([[1], [2], [3]], [3, 5, 7])",
        lambda: _normal_equation(np.array([[1.0], [2.0], [3.0]]), np.array([3.0, 5.0, 7.0])),
    ),
)


# ------------------------------------------------------------------ 1.3.2 the leak detector
Builder = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def _leaking_columns(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    honest = build(train, test)
    noise = np.random.default_rng(0).uniform(0, 100, len(test))  # moves every mean, difference, spread and order
    other = build(train, test.assign(rating=noise))
    return sorted(c for c in honest.columns if not honest[c].equals(other[c]))


def _changes_train(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    before, after = build(train, test), build(train.assign(rating=train["rating"] + 1), test)
    return sorted(c for c in before.columns if not before[c].equals(after[c]))


def _judges_names(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    return sorted(c for c in build(train, test).columns if "rating" in c or "film" in c)


def _mirrors(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    before, after = build(train, test), build(train, test.assign(rating=6 - test["rating"]))
    return sorted(c for c in before.columns if not before[c].equals(after[c]))


def _adds_a_star(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    before, after = build(train, test), build(train, test.assign(rating=test["rating"] + 1))
    return sorted(c for c in before.columns if not before[c].equals(after[c]))


def _compares_means(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    noise = np.random.default_rng(0).uniform(0, 100, len(test))
    before, after = build(train, test), build(train, test.assign(rating=noise))
    return sorted(c for c in before.columns if not np.isclose(before[c].mean(), after[c].mean(), equal_nan=True))


def _trips_over_gaps(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    noise = np.random.default_rng(0).uniform(0, 100, len(test))
    before, after = build(train, test), build(train, test.assign(rating=noise))
    return sorted(c for c in before.columns if (before[c] != after[c]).any())


def _in_place(build: Builder, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    before = build(train, test)
    test["rating"] += 1
    after = build(train, test)
    return sorted(c for c in before.columns if not before[c].equals(after[c]))


def _small_split() -> tuple[pd.DataFrame, pd.DataFrame]:
    train = pd.DataFrame({"user": [1, 1, 2, 2, 3], "item": [7, 8, 7, 9, 8], "rating": [5.0, 4.0, 4.0, 2.0, 1.0]})
    test = pd.DataFrame(
        {"user": [1, 2, 3, 3], "item": [9, 8, 7, 9], "rating": [1.0, 2.0, 5.0, 4.0]}, index=[5, 6, 7, 8]
    )
    return train, test


def _mapped(rows: pd.DataFrame, by: str, source: pd.DataFrame) -> pd.Series:
    return rows[by].map(source.groupby(by)["rating"].mean())


def _builder(**columns: Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], Any]) -> Builder:
    """A feature builder from one function a column, each given (train, rows, both together)."""

    def build(train: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        everything = pd.concat([train, rows])
        return pd.DataFrame({name: make(train, rows, everything) for name, make in columns.items()}, index=rows.index)

    return build


def _check_leaking(find: Callable[..., Any]) -> None:
    train, test = _small_split()
    honest = _builder(
        user_mean=lambda t, r, e: _mapped(r, "user", t),
        film_mean=lambda t, r, e: _mapped(r, "item", t),
        film_rating_count=lambda t, r, e: r["item"].map(t["item"].value_counts()),
    )
    leaky = _builder(
        user_mean=lambda t, r, e: _mapped(r, "user", t),
        mood=lambda t, r, e: _mapped(r, "user", e),
        buzz=lambda t, r, e: _mapped(r, "item", r),
    )
    # The mean of all test ratings is 3: an average that stays where it is when ratings are shuffled or mirrored.
    average = _builder(user=lambda t, r, e: r["user"], level=lambda t, r, e: e["rating"].mean())
    # Leaks of differences and of order stay where they are when every rating gets one star more; the mean of the
    # centred column is always 0.
    seen: list[pd.DataFrame] = []
    uneven = _builder(
        user=lambda t, r, e: seen.append(r) or r["user"],  # type: ignore[func-returns-value]
        above=lambda t, r, e: (r["rating"] - r["rating"].mean()).round(9),
        place=lambda t, r, e: r["rating"].rank(),
    )
    gaps = _builder(from_one_film=lambda t, r, e: r["item"].map({7: 1.0}))
    cases = [(honest, []), (gaps, []), (leaky, ["buzz", "mood"]), (average, ["level"]), (uneven, ["above", "place"])]
    for build, want in cases:
        kept_train, kept_test = train.copy(), test.copy()
        got = find(build, kept_train, kept_test)
        if not (kept_test.equals(test) and kept_train.equals(train)):
            raise Incorrect(
                "after the call, the caller's own frames hold other ratings: you changed `test` (or `train`) in place. "
                "`test.assign(rating=...)` makes a changed copy."
            )
        if isinstance(got, (set, tuple, np.ndarray, pd.Index, pd.Series)):
            got = sorted(got)
        if not isinstance(got, list):
            same(got, want)
        if build is gaps and got:
            raise Incorrect(
                "you accuse a column that never looks at a rating, but has gaps. NaN is not equal to NaN; "
                "`before[name].equals(after[name])` takes gaps for equal."
            )
        if build is uneven and set(got) < set(want):
            missed = sorted(set(want) - set(got))
            steps = [(rows["rating"] - test["rating"]).round(9) for rows in seen if len(rows) == len(test)]
            if all(step.nunique() == 1 for step in steps):
                raise Incorrect(
                    f"{missed} passed. Add the same to every rating, and differences and order stay as they were: "
                    "change the ratings unevenly (random numbers will do)."
                )
            raise Incorrect(
                f"{missed} passed, though each moves within itself: their averages stay. Compare the columns row by row."
            )
        if "film_rating_count" in got:
            raise Incorrect(
                "you accuse 'film_rating_count', which never looks at a test rating. Judge a column by what it does when "
                "test ratings change, not by its name."
            )
        if set(got) & {"user_mean", "film_mean"}:
            raise Incorrect(
                f"you accuse {sorted(got)}. An average of *training* ratings is honest: those are known when we predict. "
                "Change the ratings of `test` only, and see what moves."
            )
        if build is leaky and set(got) < set(want):
            missed = sorted(set(want) - set(got))
            raise Incorrect(
                f"not found: {missed}. Judge a column by what it does when test ratings change, not by its name."
            )
        if build is average and not got:
            raise Incorrect(
                "a feature that is the average of *all* ratings passed. Mirrored or shuffled, your test ratings keep "
                "their average; change them so that averages, differences and order all move: random numbers will do."
            )
        if list(got) != sorted(got) and set(got) == set(want):
            raise Incorrect("the right columns, in the order of the table. Return their names sorted.")
        same(got, want, what="the names")


LEAK = Exercise(
    id="1.3.2",
    title="A tripwire for leaks",
    kind="figure it out",
    prompt="""
    A colleague hands you `build(train, rows)`, which returns one feature row for each row of `rows`. When it is used
    for real, the ratings of the test rows do not exist yet. So no feature of a test row may depend on them.

    Write `leaking_columns(build, train, test)`: the **sorted list of names** of the columns of `build(train, test)`
    that would come out differently if the test ratings were other ones. You need not read the code of `build`: call it.
    Leave `train` and `test` as they were.
    """,
    reference=lambda: _leaking_columns,
    check=_check_leaking,
    hints=(
        "Call `build` twice: once as things are, once with a copy of `test` in which the ratings are different. "
        "What may not change between the two results?",
        "`test.assign(rating=...)` is such a copy. Which new ratings move averages, differences *and* order? Random ones do. "
        "Then compare the two results column by column with `before[name].equals(after[name])`.",
    ),
    wrong=(
        WrongAnswer("changes the training ratings", lambda: _changes_train, "average of *training* ratings is honest"),
        WrongAnswer("goes by the column's name", lambda: _judges_names, "not by its name"),
        WrongAnswer("mirrors the stars, so the average stays", lambda: _mirrors, "keep their average"),
        WrongAnswer("adds a star to every rating", lambda: _adds_a_star, "unevenly"),
        WrongAnswer("compares the columns' means", lambda: _compares_means, "row by row"),
        WrongAnswer("takes a gap for a change", lambda: _trips_over_gaps, "NaN is not equal to NaN"),
        WrongAnswer("adds a star in place", lambda: _in_place, "in place"),
    ),
    points=3,
    explanation="This is a *property test*: it states what must never matter and tries it. It needs no knowledge of the "
    "features, so it can stand in your CI and run on every pull request. It finds leaks through the ratings; "
    "leaks through time (a feature that knows next week's views) need a second tripwire, which lesson 1.5 "
    "adds.",
    expected=example(
        "leaking_columns(build, train, test), where build makes film_age, mean_of_train and mean_of_all,",
        lambda: ["mean_of_all"],
    ),
)


# ------------------------------------------------------------------ 1.3.3 the gradient
def _gradient(X: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    error = X @ w + b - y
    return X.T @ error / len(y), error.mean()


def _gradient_sign(X: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    dw, db = _gradient(X, y, w, b)
    return -dw, -db


def _gradient_sum(X: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    dw, db = _gradient(X, y, w, b)
    return dw * len(y), db * len(y)


def _gradient_twice(X: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    dw, db = _gradient(X, y, w, b)
    return 2 * dw, 2 * db


def _gradient_no_intercept(X: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    return _gradient(X, y, w, 0.0)


def _gradient_swapped(X: Array, y: Array, w: Array, b: float) -> tuple[float, Array]:
    return _gradient(X, y, w, b)[::-1]


def _gradient_no_feature(X: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    error = X @ w + b - y
    return np.full(len(w), error.mean()), error.mean()


def _check_gradient(gradient: Callable[..., Any]) -> None:
    X, y = _random(50, 4, seed=3)
    cases = [
        (
            np.array([[1.0], [3.0], [5.0]]),
            np.array([2.0, 4.0, 3.0]),
            np.array([0.0]),
            0.0,
            "rows x = 1, 3, 5 and y = 2, 4, 3 at w = 0, b = 0",
        ),
        (
            np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),
            np.array([1.0, 1.0, 4.0]),
            np.array([1.0, 1.0]),
            1.0,
            "3 rows of 2 features at w = (1, 1), b = 1",
        ),
        (X, y, np.array([0.3, -1.0, 0.0, 2.0]), -0.7, "50 random rows"),
    ]
    for X, y, w, b, what in cases:
        got, (dw, db) = gradient(X, y, w, b), _gradient(X, y, w, b)
        if not (isinstance(got, (tuple, list)) and len(got) == 2):
            raise Incorrect("return two things: the slopes for w (an array) and the slope for b (a number).")
        got_w, got_b = got
        if np.ndim(got_w) == 0 and np.ndim(got_b) == 1:
            raise Incorrect("the slopes for the weights come first, the slope for the intercept second.")
        if isinstance(got_w, list):
            raise Incorrect("the slopes for w are a list; return an array, which can be multiplied by a rate.")
        if b and is_same(got_w, _gradient(X, y, w, 0.0)[0]):
            raise Incorrect(f"{what}: the intercept is missing from the error, which is prediction minus truth.")
        if is_same(got_w, dw) and is_same(got_b, db):
            continue
        for factor, message in (
            (-1, "the sign is turned: the error is prediction minus truth, and the *step* subtracts the slope later"),
            (
                len(y),
                "you add up over the rows; the loss is a mean, so divide by their number. Otherwise twice the data would mean twice the step",
            ),
            (2, "this is twice the slope: the loss has a half in front, which cancels the 2 of the square"),
        ):
            if factor != 1 and is_same(got_w, dw * factor):
                raise Incorrect(f"{what}: {message}.")
        if np.ndim(got_w) == 1 and np.shape(got_w) == np.shape(dw) and np.allclose(got_w, np.mean(X @ w + b - y)):
            raise Incorrect(
                f"{what}: the features are missing. Each weight's slope is the mean of error *times its feature*: a weight "
                "is not to blame for an error where its feature was 0."
            )
        same(got_w, dw, what=f"{what}: the slopes for w")
        same(got_b, db, what=f"{what}: the slope for b")


GRADIENT = Exercise(
    id="1.3.3",
    title="Which way is down?",
    kind="build",
    prompt="""
    Write `gradient(X, y, w, b)`: the slope of the loss $L$ at the point $(w, b)$. Return two things: an array with one
    number a weight, $\\partial L / \\partial w$, and a number, $\\partial L / \\partial b$. No loop is needed.
    """,
    reference=lambda: _gradient,
    check=_check_gradient,
    hints=(
        "First the errors, one a row: prediction minus truth. Both slopes are means over the rows of something with "
        "the error in it.",
        "`error = X @ w + b - y`; the first slope is `X.T @ error / len(y)`. The intercept is the weight of a feature "
        "that is always 1.",
    ),
    wrong=(
        WrongAnswer("truth minus prediction", lambda: _gradient_sign, "sign is turned"),
        WrongAnswer("a sum, not a mean", lambda: _gradient_sum, "loss is a mean"),
        WrongAnswer("forgets the half", lambda: _gradient_twice, "twice the slope"),
        WrongAnswer("forgets the feature", lambda: _gradient_no_feature, "features are missing"),
        WrongAnswer("forgets b", lambda: _gradient_no_intercept, "missing from the error"),
        WrongAnswer("b first", lambda: _gradient_swapped, "come first"),
    ),
    points=2,
    explanation="Read it as blame: each row hands its error to the weights, in proportion to the feature that carried "
    "them. The mean over the rows is what all rows together want changed.",
    expected=example(
        "gradient([[1], [3], [5]], [2, 4, 3], w=[0], b=0)",
        lambda: _gradient(np.array([[1.0], [3.0], [5.0]]), np.array([2.0, 4.0, 3.0]), np.zeros(1), 0.0),
    ),
)


# ------------------------------------------------------------------ 1.3.4 which learning rates diverge?
RATES = (0.001, 0.003, 0.005, 0.008, 0.012)


@functools.cache
def _film_ages() -> Array:
    """The feature film_age of the lesson's training rows. A map instead of `_real`'s joins: a check must be instant."""
    from recsys_lab import datasets
    from recsys_lab.split import random_split

    movielens = datasets.load("ml-100k")
    train, _ = random_split(movielens.ratings, test=0.2, seed=0)
    year = train["item"].map(movielens.items.set_index("item")["year"].astype("Float64"))
    rated_in = pd.to_datetime(train["timestamp"], unit="s").dt.year
    return (rated_in - year).fillna(0).to_numpy(float)


def _diverging(limit: Callable[[Array], float]) -> list[float]:
    return [rate for rate in RATES if rate > limit(_film_ages())]


def _check_rates(answer: Any) -> None:
    try:
        got = sorted(np.atleast_1d(np.asarray(list(answer) if np.iterable(answer) else answer, dtype=float)).tolist())
    except (TypeError, ValueError):
        raise Incorrect(f"give a list of numbers, chosen from {list(RATES)}.") from None
    if not set(got) <= set(RATES):
        raise Incorrect(f"choose from the candidates {list(RATES)}, for example [0.001].")
    if got == _diverging(lambda x: 1 / np.mean(x**2)):
        raise Incorrect(
            "you list every rate above 1 / curvature. Between 1 and 2 / curvature a step does land on the other side of "
            "the valley, but lower than before: (1 - rate x curvature) is negative, yet smaller than 1 in size."
        )
    if got == _diverging(lambda x: 2 / np.var(x)):
        raise Incorrect(
            "you took the variance for the curvature. The curvature is the mean of x squared, *without* subtracting the "
            f"mean first: {_film_ages().std():.2f} squared plus {_film_ages().mean():.2f} squared."
        )
    if not got or got == [r for r in RATES if r > 1]:
        raise Incorrect(
            "small numbers are not safe by themselves: what counts is rate times curvature. Work out the curvature."
        )
    want = _diverging(lambda x: 2 / np.mean(x**2))
    if got == sorted(set(RATES) - set(want)):
        raise Incorrect("these are the rates that converge; the question is which ones do not.")
    if len(got) == len(RATES):
        raise Incorrect("not all of them: with rate x curvature below 2 each step ends lower than it began.")
    if set(got) < set(want):
        raise Incorrect(
            "what you list does diverge, but it is not alone. Divide 2 by the curvature, and compare every rate."
        )
    if got != want:
        raise Incorrect("not these. Divide 2 by the curvature: which rates are larger?")


DIVERGING = Exercise(
    id="1.3.4",
    title="Predict the storm",
    kind="figure it out",
    prompt="""
    One weight, no intercept, one feature: the film's age in years, as it is. Its mean and standard deviation are
    printed above. **Before you run anything**: with which of these learning rates does gradient descent diverge?
    Give a list of the rates that do.
    """,
    reference=lambda: _diverging(lambda x: 2 / np.mean(x**2)),
    check=_check_rates,
    hints=(
        "You need the curvature, mean($x^2$). From the two printed numbers: mean of squares = standard deviation squared "
        "+ mean squared.",
        "The curvature is close to 295. A step multiplies the distance by 1 - rate x 295; when is that further from 0 than 1?",
    ),
    wrong=(
        WrongAnswer(
            "the limit 1 / curvature", lambda: _diverging(lambda x: 1 / np.mean(x**2)), "other side of the valley"
        ),
        WrongAnswer(
            "the variance as the curvature", lambda: _diverging(lambda x: 2 / np.var(x)), "variance for the curvature"
        ),
        WrongAnswer("every rate below 1 is safe", list, "not safe by themselves"),
        WrongAnswer(
            "the rates that converge",
            lambda: [r for r in RATES if r < 2 / np.mean(_film_ages() ** 2)],
            "the rates that converge",
        ),
    ),
    points=2,
    explanation="Mean($x^2$) = 14.15² + 9.74² ≈ 295, so the limit is 2 / 295 ≈ 0.0068. A safe rate is a property of the "
    "*features*, not a constant to copy from a tutorial: with the age in months instead of years, it would be "
    "144 times smaller.",
    expected=lambda: "a list with some of the five candidates, such as [0.001, 0.003]",
)


# ------------------------------------------------------------------ 1.3.5 stochastic steps
def _sgd(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    for row in order:
        error = X[row] @ w + b - y[row]
        w = w - rate * error * X[row]
        b = b - rate * error
    return w, b


def _sgd_stale(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    error = X @ w + b - y
    for row in order:
        w = w - rate * error[row] * X[row]
        b = b - rate * error[row]
    return w, b


def _sgd_unordered(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    return _sgd(X, y, w, b, rate, range(len(order)))


def _sgd_small(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    return _sgd(X, y, w, b, rate / len(order), order)


def _sgd_no_intercept(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    for row in order:
        w = w - rate * (X[row] @ w + b - y[row]) * X[row]
    return w, b


def _sgd_in_place(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    for row in order:
        error = X[row] @ w + b - y[row]
        w -= rate * error * X[row]
        b -= rate * error
    return w, b


def _sgd_new_weights_for_b(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    for row in order:
        w = w - rate * (X[row] @ w + b - y[row]) * X[row]
        b = b - rate * (X[row] @ w + b - y[row])
    return w, b


def _sgd_uphill(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    return _sgd(X, y, w, b, -rate, order)


def _sgd_one_row(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    return _sgd(X, y, w, b, rate, order[:1])


def _sgd_whole_table(X: Array, y: Array, w: Array, b: float, rate: float, order: Any) -> tuple[Array, float]:
    for row in order:
        error = X @ w + b - y
        w = w - rate * error[row] * X[row]
        b = b - rate * error[row]
    return w, b


def _check_sgd(sgd: Callable[..., Any]) -> None:
    X, y = _random(40, 3, seed=5)
    cases = [
        (np.array([[1.0], [2.0]]), np.array([1.0, 3.0]), np.array([0.0]), 0.0, 0.1, [0, 1], "two rows by hand"),
        (X, y, np.array([0.5, -0.5, 0.1]), 0.2, 0.02, np.random.default_rng(1).permutation(40), "40 random rows"),
        (X, y, np.array([0.5, -0.5, 0.1]), 0.2, 0.02, np.array([7, 3, 7]), "the rows 7, 3, 7"),
    ]
    for X, y, w, b, rate, order, what in cases:
        start = w.copy()
        got, want = sgd(X, y, w, b, rate, order), _sgd(X, y, start, b, rate, order)
        if not (isinstance(got, (tuple, list)) and len(got) == 2):
            raise Incorrect("return two things: the new weights (an array) and the new intercept (a number).")
        if not np.array_equal(w, start):
            raise Incorrect(
                "your function changed the caller's w: `w -= ...` writes into the array that was passed in. "
                "`w = w - ...` makes a new one."
            )
        if is_same(got[0], want[0]) and is_same(got[1], want[1]):
            continue
        for mistake, message in (
            (_sgd_uphill, "you stepped uphill: a step goes *against* the slope, so subtract"),
            (_sgd_one_row, "only the first row was read: the `return` is indented too far, it stands inside the loop"),
            (
                _sgd_stale,
                "you computed the errors once, before the first step. Each row must see the weights that the row before it left behind",
            ),
            (_sgd_unordered, "you went through the rows from the top; take them in the given order"),
            (_sgd_small, "you divided by the number of rows. Here each row makes a whole step of its own"),
            (_sgd_no_intercept, "the intercept never moves: it takes a step with each row, too"),
            (
                _sgd_new_weights_for_b,
                "the step of b uses an error computed after w had moved: compute the error once a row, then move both",
            ),
        ):
            if is_same(got[0], (alike := mistake(X, y, start, b, rate, order))[0]) and is_same(got[1], alike[1]):
                raise Incorrect(f"{what}: {message}.")
        same(got[0], want[0], what=f"{what}: w")
        same(got[1], want[1], what=f"{what}: b")
    # One row, seen 10^15 times: it takes no memory, but the errors of all rows would take more than any machine has.
    endless = np.broadcast_to(X[0], (10**15, 3)), np.broadcast_to(y[0], 10**15)
    try:
        sgd(*endless, np.zeros(3), 0.0, 0.02, [0, 1])
    except MemoryError:
        raise Incorrect(
            "right, but each step reads the whole table: 80,000 rows for a single one. Compute the error of this row only, "
            "from `X[row]` and `y[row]`."
        ) from None


SGD = Exercise(
    id="1.3.5",
    title="One step per message",
    kind="build",
    prompt="""
    Write `sgd(X, y, w, b, rate, order)`. `order` lists row numbers. For each of them, in that order, compute the error
    of this row with the weights *as they are now*, and take one step. Return the new `(w, b)`; do not change the
    caller's `w`. A plain `for` loop is right here.
    """,
    reference=lambda: _sgd,
    check=_check_sgd,
    hints=(
        "Inside the loop there is one row: `X[row]` is its features, `y[row]` its stars. Its error is a single number, "
        "and it must be computed inside the loop.",
        "`error = X[row] @ w + b - y[row]`, then `w = w - rate * error * X[row]` and the same for `b`, whose feature is 1.",
    ),
    wrong=(
        WrongAnswer("computes all errors first", lambda: _sgd_stale, "computed the errors once"),
        WrongAnswer("steps uphill", lambda: _sgd_uphill, "stepped uphill"),
        WrongAnswer("returns inside the loop", lambda: _sgd_one_row, "indented too far"),
        WrongAnswer("ignores the order", lambda: _sgd_unordered, "in the given order"),
        WrongAnswer("divides by n", lambda: _sgd_small, "a whole step of its own"),
        WrongAnswer("forgets the intercept", lambda: _sgd_no_intercept, "intercept never moves"),
        WrongAnswer("reads all rows in each step", lambda: _sgd_whole_table, "reads the whole table"),
        WrongAnswer("changes the caller's array", lambda: _sgd_in_place, "caller's w"),
    ),
    points=3,
    explanation="It is `gradient` for a batch of one row, in a loop. The state between two messages is `(w, b)`, a few "
    "numbers: that is why such a model can learn from a stream of any length, and why two consumers of one "
    "partition would disagree.",
    expected=example(
        "sgd([[1], [2]], [1, 0], w=[0], b=0, rate=0.1, order=[0, 1])",
        lambda: _sgd(np.array([[1.0], [2.0]]), np.array([1.0, 0.0]), np.zeros(1), 0.0, 0.1, [0, 1]),
    ),
)


# ------------------------------------------------------------------ 1.3.6 ridge
def _ridge(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    means = X.mean(axis=0)
    Z = X - means
    w = np.linalg.solve(Z.T @ Z + alpha * np.eye(X.shape[1]), Z.T @ (y - y.mean()))
    return w, y.mean() - means @ w


def _ridge_everywhere(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    means = X.mean(axis=0)
    Z = X - means
    w = np.linalg.solve(Z.T @ Z + alpha, Z.T @ (y - y.mean()))
    return w, y.mean() - means @ w


def _ridge_intercept(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    A = np.column_stack([np.ones(len(X)), X])
    both = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ y)
    return both[1:], both[0]


def _ridge_scaled(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    return _ridge(X, y, alpha * len(y))


def _ridge_raw_mean(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    return _ridge(X, y, alpha)[0], float(y.mean())


def _ridge_raw(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    w = np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y)
    return w, y.mean() - X.mean(axis=0) @ w


def _ridge_swapped(X: Array, y: Array, alpha: float) -> tuple[float, Array]:
    return _ridge(X, y, alpha)[::-1]


def _ridge_one_mean(X: Array, y: Array, alpha: float) -> tuple[Array, float]:
    Z = X - X.mean()
    w = np.linalg.solve(Z.T @ Z + alpha * np.eye(X.shape[1]), Z.T @ (y - y.mean()))
    return w, y.mean() - X.mean(axis=0) @ w


def _check_ridge(ridge: Callable[..., Any]) -> None:
    real_X, real_y = (part[:60] for part in _real()[:2])
    cases = [
        (
            np.array([[1.0], [2.0], [3.0]]),
            np.array([3.0, 5.0, 7.0]),
            2.0,
            "the points (1, 3), (2, 5), (3, 7) with alpha 2",
        ),
        (*_random(30, 3, seed=7), 10.0, "30 random rows with alpha 10"),
        (real_X, real_y, 5.0, "60 real ratings with alpha 5"),
        (
            np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]),
            np.array([1.0, 2.0, 5.0]),
            0.5,
            "a feature that is there twice",
        ),
    ]
    for X, y, alpha, what in cases:
        got, want = ridge(X, y, alpha), _ridge(X, y, alpha)
        if not (isinstance(got, (tuple, list)) and len(got) == 2):
            raise Incorrect("return two things: the weights (an array) and the intercept (a number).")
        if is_same(got[0], want[0]) and is_same(got[1], want[1]):
            continue
        if np.ndim(got[0]) == 0 and np.ndim(got[1]) == 1:
            raise Incorrect("the weights come first here, the intercept second (in 1.3.1 it was the other way round).")
        if any(is_same(got[0], _ridge_raw(X, t, alpha)[0]) for t in (y, y - y.mean())):
            raise Incorrect(f"{what}: X was not centred. Take each column's mean off X, and the mean off y, first.")
        if X.shape[1] > 1 and is_same(got[0], _ridge_one_mean(X, y, alpha)[0]):
            raise Incorrect(f"{what}: you took one mean for the whole table; `X.mean(axis=0)` is one for each column.")
        for mistake, message in (
            (
                _ridge_everywhere,
                "alpha was added to every entry of X'X. Add it on the diagonal only: alpha times the identity matrix",
            ),
            (
                _ridge_intercept,
                "the intercept pays the penalty too, so the model is pulled to 0 stars. Centre X and y first, and the intercept is free",
            ),
            (_ridge_scaled, "alpha is multiplied by the number of rows; the formula adds plain alpha"),
            (
                _ridge_raw_mean,
                "the intercept is the mean of y only where the features are centred. For raw features, subtract mean(X) w",
            ),
        ):
            # With one feature, the diagonal is the whole matrix: that mistake cannot be seen there.
            if X.shape[1] == 1 and mistake is _ridge_everywhere:
                continue
            if is_same(got[0], (alike := mistake(X, y, alpha))[0]) and is_same(got[1], alike[1]):
                raise Incorrect(f"{what}: {message}.")
        same(got[0], want[0], rtol=1e-5, what=f"{what}: the weights")
        same(got[1], want[1], rtol=1e-5, what=f"{what}: the intercept")


RIDGE = Exercise(
    id="1.3.6",
    title="Ridge, with a free intercept",
    kind="build",
    prompt="""
    Write `ridge(X, y, alpha)`. Return two things: the weights that solve the ridge equation for centred data (an array
    with one number a feature), and the intercept **for the raw features**, so that `X @ w + b` predicts.
    """,
    reference=lambda: _ridge,
    check=_check_ridge,
    hints=(
        "Subtract each column's mean from X, and the mean from y. Then it is the normal equation of exercise 1.3.1 with "
        "one more term, and no column of ones.",
        "The left side is `Z.T @ Z + alpha * np.eye(X.shape[1])` with `Z = X - X.mean(axis=0)`. The intercept is what "
        "makes the average prediction equal the average rating: `y.mean() - X.mean(axis=0) @ w`.",
    ),
    wrong=(
        WrongAnswer("alpha added to every entry", lambda: _ridge_everywhere, "diagonal only"),
        WrongAnswer("the intercept is penalised", lambda: _ridge_intercept, "intercept pays the penalty"),
        WrongAnswer("nothing is centred", lambda: _ridge_raw, "not centred"),
        WrongAnswer("one mean for the whole table", lambda: _ridge_one_mean, "one mean for the whole table"),
        WrongAnswer("the intercept first", lambda: _ridge_swapped, "weights come first"),
        WrongAnswer("alpha times n", lambda: _ridge_scaled, "multiplied by the number of rows"),
        WrongAnswer("the mean of y as the intercept", lambda: _ridge_raw_mean, "only where the features are centred"),
    ),
    points=3,
    explanation="Adding $\\alpha$ on the diagonal also makes the matrix invertible, whatever the features are: the same "
    "column twice is no trouble any more, and each copy gets half of the weight.",
    expected=example(
        "ridge([[1], [2], [3]], [3, 5, 7], alpha=2)",
        lambda: _ridge(np.array([[1.0], [2.0], [3.0]]), np.array([3.0, 5.0, 7.0]), 2.0),
    ),
)

EXERCISES = [NORMAL_EQUATION, LEAK, GRADIENT, DIVERGING, SGD, RIDGE]


# ------------------------------------------------------------------ quiz
def _key_units() -> str:
    """Refit with the film's age in months; who changes, the weights or the predictions?"""
    X, y, _ = _real()
    months = X * np.where(np.arange(X.shape[1]) == 0, 12, 1)
    before, after = _normal_equation(X, y), _normal_equation(months, y)
    A, B = (np.column_stack([np.ones(len(t)), t]) for t in (X, months))
    same_predictions = np.allclose(A @ before, B @ after, atol=1e-6)
    return "b" if same_predictions and np.isclose(after[1] * 12, before[1]) else "a"


def _key_shrunk_weight() -> str:
    """Does the weight of the film's age vanish because the film's mean already tells it?"""
    from recsys_lab import datasets

    ratings, items = datasets.load("ml-100k").ratings, datasets.load("ml-100k").items
    train = ratings.merge(items.loc[items["year"].notna(), ["item", "year"]], on="item")
    age = (pd.to_datetime(train["timestamp"], unit="s").dt.year - train["year"]).to_numpy(float)
    mean = train.groupby("item")["rating"].transform("mean").to_numpy()
    y = train["rating"].to_numpy()
    alone = _normal_equation(age[:, None], y)[1]
    joined = _normal_equation(np.column_stack([age, mean]), y)[1]
    return "c" if abs(joined) < 0.2 * abs(alone) and np.corrcoef(age, mean)[0, 1] > 0.2 else "a"


def _key_own_rating() -> str:
    """Averages without the row's own rating: is the training error then close to the test error?"""
    from recsys_lab import datasets
    from recsys_lab.split import random_split

    train, test = random_split(datasets.load("ml-100k").ratings, test=0.2, seed=0)
    y, mu = train["rating"].to_numpy(), train["rating"].mean()
    own, without, later = [], [], []
    for side in ("user", "item"):
        grouped = train.groupby(side)["rating"]
        total, count = grouped.transform("sum").to_numpy(), grouped.transform("count").to_numpy()
        own.append(total / count)
        without.append(np.where(count > 1, (total - y) / np.maximum(count - 1, 1), mu))
        later.append(test[side].map(grouped.mean()).fillna(mu).to_numpy())

    def gap(features: list[Array]) -> float:
        weights = _normal_equation(np.column_stack(features), y)
        errors = [
            np.column_stack([np.ones(len(t)), *f]) @ weights - t
            for f, t in ((features, y), (later, test["rating"].to_numpy()))
        ]
        return float(np.sqrt(np.mean(errors[1] ** 2)) - np.sqrt(np.mean(errors[0] ** 2)))

    return "a" if abs(gap(without)) < 0.5 * gap(own) else "b"


def _key_rattle() -> str:
    """At the same number of steps, is the larger rate further from the minimum, and does a decaying one come nearer?"""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 1))
    y = X[:, 0] + rng.normal(size=20_000)

    def distance(rate: Callable[[int], float]) -> float:
        w, seen = 0.0, []
        for n, (x, t) in enumerate(zip(X[:, 0], y)):
            w -= rate(n) * (x * w - t) * x
            seen.append(abs(w - 1))
        return float(np.mean(seen[-5000:]))

    large, small, decaying = (distance(rate) for rate in (lambda n: 0.1, lambda n: 0.01, lambda n: 1 / (10 + n)))
    return "b" if decaying < small < large else "a"


def _key_heavy_ridge() -> str:
    X, y = (part[:500] for part in _real()[:2])
    w, b = _ridge(X, y, 1e12)
    predicted = X @ w + b
    if np.allclose(predicted, 0, atol=1e-3):
        return "a"
    return "c" if np.allclose(predicted, y.mean(), atol=1e-3) else "b"


QUIZ = [
    Question(
        "You give the film's age in months instead of years and solve the normal equation again. What changes?",
        {
            "a": "The predictions get better, because the numbers are finer.",
            "b": "The weight of the age becomes 12 times smaller; every prediction stays the same.",
            "c": "The weight of the age becomes 12 times larger, because months count more.",
        },
        _key_units,
        {
            "a": "The same information in another unit: least squares finds the same predictions. (Gradient descent would "
            "need a learning rate 144 times smaller, and ridge would treat the weight differently.)",
            "b": "Yes: 12 months at a twelfth of the weight are one year. Exact least squares does not care about units; "
            "gradient descent and ridge do.",
            "c": "A weight is stars *per unit*: smaller units, smaller weight.",
        },
    ),
    Question(
        "Alone, the film's age has a weight of about +0.014 stars a year. Next to the film's mean rating it has "
        "almost none. Why?",
        {
            "a": "The age is too small a number beside the mean; it should be standardized.",
            "b": "It proves that age and ratings have nothing to do with each other.",
            "c": "What the age told about a film, its mean rating tells already; a weight says what a feature adds to the others.",
        },
        _key_shrunk_weight,
        {
            "a": "Scale changes the size of a weight, not whether exact least squares uses the feature.",
            "b": "Alone it did help. A weight near 0 only says: nothing to add *to the other features*.",
            "c": "Yes. Weights are read as “with everything else held fixed”. Take the film's mean away, and the age matters "
            "again.",
        },
    ),
    Question(
        "With 80,000 rows and 22 weights overfitting is unlikely. Yet training RMSE is 0.928 and test RMSE 0.952. "
        "What explains most of the gap?",
        {
            "a": "Each training row's own rating is inside the averages that serve as its features.",
            "b": "The test part happens to hold harder ratings.",
            "c": "22 weights are far too many for 80,000 rows.",
        },
        _key_own_rating,
        {
            "a": "Yes. A film rated once has a mean equal to that rating: in training, the feature *is* the answer. "
            "Averages that leave the row's own rating out close most of the gap.",
            "b": "A random fifth of 100,000 ratings is very much like the rest; chance cannot move RMSE so far.",
            "c": "22 numbers cannot memorize 80,000. But look at what goes into the features.",
        },
    ),
    Question(
        "Stochastic gradient descent with a constant rate of 0.01 has read the data many times. Its error hovers above that "
        "of the exact solution. What helps?",
        {
            "a": "A larger rate, to get there at last.",
            "b": "A rate that shrinks as more rows are read.",
            "c": "Reading the rows in the same order each time, so that the noise repeats.",
        },
        _key_rattle,
        {
            "a": "It is there already. A larger rate makes each row's push stronger, and the hovering wider.",
            "b": "Yes: every row pushes with its own noise, and the rate sets how far. Shrinking steps let the noise average out "
            "(Robbins and Monro, 1951).",
            "c": "A repeated order repeats the push of the last rows too. Shuffle anew, and shrink the rate.",
        },
    ),
    Question(
        "You set ridge's alpha to a million million. What does the model predict?",
        {
            "a": "0 stars for everybody.",
            "b": "The same as least squares; the penalty cancels out.",
            "c": "The mean rating of the training rows for everybody.",
        },
        _key_heavy_ridge,
        {
            "a": "The weights go to 0, but the intercept pays no penalty: it takes the mean.",
            "b": "The penalty grows with alpha; at a million million only the intercept is left.",
            "c": "Yes: all weights are 0 and the free intercept is the mean. So alpha leads from least squares to the "
            "baseline of the beginning.",
        },
    ),
]
