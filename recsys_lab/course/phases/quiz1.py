"""The quiz at the end of phase 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab import datasets
from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question
from recsys_lab.evaluate import sign_flip_p
from recsys_lab.metrics import bootstrap_mean
from recsys_lab.split import k_fold


# ------------------------------------------------------------------ what the keys compute
def _groups() -> tuple[int, int]:
    films = pd.DataFrame({"genre": ["Drama", None, "Drama", "Comedy"]})
    return len(films.groupby("genre").size()), len(films.groupby("genre", dropna=False).size())


def _filled_share() -> float:
    data = datasets.load("ml-100k")
    return 100 * len(data.ratings) / (data.ratings["user"].nunique() * data.ratings["item"].nunique())


def _two_averages() -> tuple[float, float]:
    stars = pd.DataFrame({"film": ["A"] * 9 + ["B"], "stars": [4.0] * 9 + [2.0]})
    return stars.groupby("film")["stars"].mean().mean(), stars["stars"].mean()


def _cosine() -> float:
    a, b = np.array([1.0, 1, 1, 1]), np.array([1.0, 0, 0, 0])
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _megabytes() -> float:
    full = sparse.csr_array(np.eye(1000, 2000))
    entry = full.data.itemsize + full.indices.itemsize
    return (50_000 * entry + (1000 + 1) * full.indptr.itemsize) / 1e6


def _shrinks_by() -> float:
    table, x = np.diag([4.0, 2.0]), np.array([1.0, 1.0])
    y = table @ x
    return float((y[1] / y[0]) / (x[1] / x[0]))


def _slope() -> float:
    x, y = np.array([1.0, 2, 3]), np.array([2.0, 4, 7])
    return float(x @ y / (x @ x))


def _diverges_above() -> float:
    def ends_at(rate: float) -> float:
        w = 1.0
        for _ in range(100):
            w -= rate * 10 * w
        return abs(w)

    rates = np.array([0.1, 0.2, 0.4, 1.0])
    return float(max(rate for rate in rates if ends_at(rate - 1e-3) < 1 < ends_at(rate + 1e-3)))


def _nearest_to_farthest() -> str:
    rng = np.random.default_rng(0)
    ratio = []
    for d in (2, 1000):
        distance = np.linalg.norm(rng.random((500, d)) - rng.random(d), axis=1)
        ratio.append(distance.min() / distance.max())
    return "1" if ratio[0] < 0.2 and ratio[1] > 0.8 else "0"


def _too_narrow() -> str:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(100, 1)) + rng.normal(size=(100, 20)) * 0.5  # twenty alike errors a person
    by_row, by_user = bootstrap_mean(people.ravel()), bootstrap_mean(people.mean(axis=1))
    return "narrow" if (by_row.high - by_row.low) < 0.5 * (by_user.high - by_user.low) else "same"


def _is_a_better() -> str:
    rng = np.random.default_rng(0)
    b = rng.normal(0.96, 0.4, size=500)  # users differ much
    a = b - rng.normal(0.01, 0.03, size=500)  # and A is a little better for nearly each
    one, other = bootstrap_mean(a), bootstrap_mean(b)
    assert one.high > other.low, "the intervals are meant to overlap"
    return "yes" if sign_flip_p(a - b) < 0.05 else "no"


def _times_trained_on() -> int:
    rows = pd.DataFrame({"user": range(10)})
    return int(sum(train["user"].eq(0).sum() for train, _ in k_fold(rows, folds=5)))


def _bias_or_variance() -> str:
    rng = np.random.default_rng(0)
    x, new = rng.uniform(-1, 1, 20), rng.uniform(-1, 1, 2000)

    def wave(at: np.ndarray) -> np.ndarray:
        return np.sin(3 * at) + rng.normal(0, 0.3, len(at))

    y, y_new = wave(x), wave(new)
    line = np.polynomial.Polynomial.fit(x, y, 12)
    train, test = np.sqrt(np.mean((line(x) - y) ** 2)), np.sqrt(np.mean((line(new) - y_new) ** 2))
    return "variance" if test > 2 * train else "bias"


# ------------------------------------------------------------------ the questions
QUIZ = [
    Question(
        text="Four films, with the genres Drama, unknown (None), Drama, Comedy. How many groups do pandas' "
        '`groupby("genre")` and SQL\'s `GROUP BY genre` make?',
        choices={"a": "2 and 3", "b": "3 and 3", "c": "2 and 2", "d": "3 and 2"},
        key=by_value({"a": (2, 3), "b": (3, 3), "c": (2, 2), "d": (3, 2)}, _groups),
        why={
            "a": "pandas drops rows without a key unless you say dropna=False; SQL gives NULL a group of its own.",
            "b": "Only with dropna=False. Until then the film without genre silently leaves your report.",
            "c": "SQL keeps the rows whose key is NULL, as one group.",
            "d": "Swapped: pandas is the one that drops them.",
        },
    ),
    Question(
        text="MovieLens 100K has 943 users, 1,682 films and 100,000 ratings. How many per cent of its table are filled?",
        choices={"a": "0.63", "b": "63", "c": "6.3", "d": "17"},
        key=by_value({"a": 0.63, "b": 63.0, "c": 6.305, "d": 17.0}, _filled_share),
        why={
            "a": "A factor of ten is missing: the table has 1.6 million places.",
            "b": "Of ten films a user has rated six? Nobody has seen that many.",
            "c": "100,000 of 1,586,126. And this is a dense one: its users have at least 20 ratings each.",
            "d": "1,682 / 100,000 is the films' share of the ratings, which means nothing here.",
        },
    ),
    Question(
        text="Film A has nine ratings of 4, film B one rating of 2. What are the mean of the films' means, and the mean of "
        "all ratings?",
        choices={"a": "3 and 3.8", "b": "3.8 and 3", "c": "3 and 3", "d": "3.8 and 3.8"},
        key=by_value({"a": (3, 3.8), "b": (3.8, 3), "c": (3, 3), "d": (3.8, 3.8)}, _two_averages),
        why={
            "a": "A mean of means counts each film once, however few have rated it; say which of the two you report.",
            "b": "Swapped: (4 + 2) / 2 is the films' one.",
            "c": "38 stars over ten ratings are 3.8.",
            "d": "Counted by films, B's single rating weighs as much as A's nine.",
        },
    ),
    Question(
        text="Anna has seen films 1, 2, 3 and 4, Bob only film 1 (1 for seen, 0 for not). What is their cosine?",
        choices={"a": "1", "b": "0.25", "c": "0.71", "d": "0.5"},
        key=by_value({"a": 1, "b": 0.25, "c": 0.71, "d": 0.5}, _cosine),
        why={
            "a": "All that Bob saw Anna saw too, but not the other way round; the cosine counts both.",
            "b": "That is the share of common films among all films, the Jaccard similarity.",
            "c": "That would be two films against one.",
            "d": "1 / (sqrt(4) x sqrt(1)).",
        },
    ),
    Question(
        text="50,000 ratings of 1,000 users and 2,000 films as CSR, values of 8 bytes, indices of 4. How many megabytes?",
        choices={"a": "16", "b": "0.4", "c": "0.6", "d": "1"},
        key=by_value({"a": 16.0, "b": 0.4, "c": 0.604, "d": 1.0}, _megabytes),
        why={
            "a": "That is the full table of 1,000 x 2,000 numbers.",
            "b": "Those are the values alone; each entry stores its column as well.",
            "c": "50,000 x (8 + 4) for entries, and 1,001 x 4 for where each user's row begins.",
            "d": "50,000 x 20: that stores the row of each entry too; CSR needs only 1,001 row starts.",
        },
    ),
    Question(
        text="A symmetric table has the eigenvalues 4 and 2. By which factor does the wrong part of the direction shrink "
        "in each round of power iteration?",
        choices={"a": "1/2", "b": "1/4", "c": "2", "d": "1/16"},
        key=by_value({"a": 0.5, "b": 0.25, "c": 2.0, "d": 1 / 16}, _shrinks_by),
        why={
            "a": "The right part grows by 4, the wrong by 2: their ratio halves.",
            "b": "That is what 1/4 would be: the eigenvalues 4 and 1.",
            "c": "Then it would never settle: the ratio is second over first.",
            "d": "Four rounds of halving, not one.",
        },
    ),
    Question(
        text="A line through the origin, y = w x, for the points (1, 2), (2, 4), (3, 7). Which w has the smallest squared "
        "error?",
        choices={"a": "2.11", "b": "2.17", "c": "2.5", "d": "2.21"},
        key=by_value({"a": 2.111, "b": 2.167, "c": 2.5, "d": 31 / 14}, _slope),
        why={
            "a": "The mean of the three ratios y / x: it takes all points for equally informative.",
            "b": "The ratio of the sums, 13 / 6: it makes the errors sum to 0, not their squares small.",
            "c": "That is the slope of the line with an intercept.",
            "d": "x.y / x.x = (2 + 8 + 21) / (1 + 4 + 9).",
        },
    ),
    Question(
        text="Gradient descent on 5 w^2. From which learning rate on does it run away?",
        choices={"a": "0.1", "b": "0.2", "c": "0.4", "d": "1"},
        key=by_value({"a": 0.1, "b": 0.2, "c": 0.4, "d": 1.0}, _diverges_above),
        why={
            "a": "With 0.1 it is there in one step: w - 0.1 x 10 w = 0.",
            "b": "A step multiplies w by 1 - 10 x rate; above 0.2 that is below -1, and w grows.",
            "c": "With 0.4 each step multiplies w by -3: it has long run away.",
            "d": "With 1 each step multiplies w by -9; the limit is 2 / curvature, and the curvature is 10.",
        },
    ),
    Question(
        text="500 random points in a cube of d dimensions. Nearest distance divided by farthest distance: where does it go "
        "as d grows?",
        choices={"a": "towards 0", "b": "it stays", "c": "towards 1", "d": "above 1"},
        key=by_value({"a": "0", "b": "same", "c": "1", "d": "more"}, _nearest_to_farthest),
        why={
            "a": "That is one or two dimensions, where some neighbour is really near.",
            "b": "Distances add up over more and more columns, and sums of many terms are alike.",
            "c": "All points are about equally far away: 'nearest' says less and less.",
            "d": "The nearest is never farther than the farthest.",
        },
    ),
    Question(
        text="100 users, 20 test ratings each, and the errors of one user are alike. You bootstrap the 2,000 ratings as if "
        "they were independent. The interval is ...",
        choices={"a": "too narrow", "b": "right", "c": "too wide", "d": "right if you resample more often"},
        key=by_value({"a": "narrow", "b": "same", "c": "wide", "d": "more"}, _too_narrow),
        why={
            "a": "The twenty errors of a user say nearly the same thing: there are 100 facts. Resample users.",
            "b": "It would be if ratings of one user were no more alike than those of two.",
            "c": "More rows than facts make it narrower, not wider.",
            "d": "More resamples only steady the ends; they do not make facts out of copies.",
        },
    ),
    Question(
        text="Model A has the error 0.95 (0.91 to 0.99), B 0.96 (0.92 to 1.00), on the same users. Paired by user, A - B is -0.01 "
        "(-0.013 to -0.007). Is A better?",
        choices={
            "a": "No: the intervals overlap",
            "b": "It cannot be told without more users",
            "c": "Only if the p of each is below 0.05",
            "d": "Yes: the paired interval excludes zero",
        },
        key=by_value({"a": "no", "b": "open", "c": "each", "d": "yes"}, _is_a_better),
        why={
            "a": "Each interval is wide because users differ; that is the same for both models and cancels in the pairs.",
            "b": "The pairs answer already: for nearly everybody A's error is a little smaller.",
            "c": "One model alone has no p: a test needs something to compare with.",
            "d": "Surely better, by 0.01. Whether that is worth anything is another question.",
        },
    ),
    Question(
        text="In 5-fold cross-validation, how many of the five models have a given row among their training data?",
        choices={"a": "1", "b": "4", "c": "5", "d": "it depends on the shuffle"},
        key=by_value({"a": 1, "b": 4, "c": 5, "d": 0}, _times_trained_on),
        why={
            "a": "Once it is tested; in all other folds it trains.",
            "b": "Each row is tested once and trained on in the four other folds.",
            "c": "Then it would be tested by a model that knows it.",
            "d": "The shuffle decides in which fold it is tested, not how often.",
        },
    ),
    Question(
        text="A polynomial of degree 12 is fitted to 20 noisy points: error 0.1 on them, much more on new points. What is it, "
        "and what helps?",
        choices={
            "a": "Bias; a higher degree",
            "b": "Bias; more rows",
            "c": "Variance; more rows or a simpler model",
            "d": "Variance; more features",
        },
        key=by_value({"a": "bias", "b": "bias, rows", "c": "variance", "d": "variance, features"}, _bias_or_variance),
        why={
            "a": "Bias shows as a high error on the training points too; here they are nearly met.",
            "b": "More rows help, but what they cure is variance.",
            "c": "A wide gap between training and new points: the model has learned the noise.",
            "d": "More features give it still more ways to learn the noise.",
        },
    ),
]
