"""The diagnostic's questions on the lessons of phase 1, two each, as (lesson, question)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question
from recsys_lab.regression import Ridge


# ------------------------------------------------------------------ what the keys compute
def _joined_rows() -> int:
    ratings, tags = pd.DataFrame({"item": [7, 7, 8, 9, 9, 10]}), pd.DataFrame({"item": [7, 7, 8]})
    return len(ratings.merge(tags, on="item", how="left"))


def _two_means() -> tuple[float, float]:
    stars = pd.Series([4, np.nan, 2])
    return stars.mean(), stars.fillna(0).mean()


def _cosine_and_dot() -> tuple[float, float]:
    a, b = np.array([1.0, 2, 2]), np.array([2.0, 4, 4])
    return a @ b / np.sqrt((a @ a) * (b @ b)), a @ b


def _error_of_rank_one() -> float:
    table = np.diag([6.0, 3.0, 2.0])
    u, s, vt = np.linalg.svd(table)
    return float(np.linalg.norm(table - s[0] * np.outer(u[:, 0], vt[0])))


def _one_step(w: float = 0.0, rate: float = 0.25) -> float:
    return w - rate * 2 * (w - 3)


def _huge_ridge() -> float:
    model = Ridge(alpha=1e12).fit(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 2.0, 6.0]))
    return float(model.predict(np.array([[3.0]]))[0])


def _two_neighbours() -> float:
    x, y = np.array([1.0, 2, 4, 8]), np.array([10.0, 20, 60, 100])
    return float(y[np.argsort(np.abs(x - 3.2))[:2]].mean())


def _nearest_before_and_after_scaling() -> str:
    people = np.array([[30.0, 50_000], [31, 52_000], [65, 50_100], [50, 90_000]])
    names = "ABCD"

    def nearest(table: np.ndarray) -> str:
        return names[1 + int(np.argmin(np.linalg.norm(table[1:] - table[0], axis=1)))]

    return f"{nearest(people)}, {nearest((people - people.mean(axis=0)) / people.std(axis=0))}"


def _best_of_twenty() -> str:
    shown = np.random.default_rng(0).normal(1.0, 0.02, size=(1000, 20)).min(axis=1).mean()  # each is truly 1.0
    return "low" if shown < 0.99 else "high" if shown > 1.01 else "right"


def _same_without_the_test_rows() -> str:
    toy = datasets.toy()
    rows, train = toy.ratings, toy.ratings.iloc[::2]
    year = toy.items.set_index("item")["year"]
    statistics = {
        "film mean": lambda part: part.groupby("item")["rating"].mean().to_dict(),
        "user count": lambda part: part.groupby("user").size().to_dict(),
        "year": lambda part: year.to_dict(),
        "scaling": lambda part: {"mean": part["rating"].mean()},
    }
    return next(name for name, of in statistics.items() if of(rows) == of(train))


# ------------------------------------------------------------------ the questions
QUESTIONS: list[tuple[str, Question]] = [
    (
        "1.1",
        Question(
            text="`ratings` has six rows, of the films 7, 7, 8, 9, 9, 10. `tags` has three, of the films 7, 7, 8. How many "
            'rows has `ratings.merge(tags, on="item", how="left")`?',
            choices={"a": "6", "b": "8", "c": "9", "d": "18"},
            key=by_value({"a": 6, "b": 8, "c": 9, "d": 18}, _joined_rows),
            why={
                "a": "A left join keeps every row, but it multiplies those that match twice: both ratings of film 7 do.",
                "b": "Two ratings of film 7 times two tags are four; the other four rows stay one each.",
                "c": "That adds the tables' rows (a union); a join multiplies the rows that match.",
                "d": "That is the cross join, every row with every row; only equal films match.",
            },
        ),
    ),
    (
        "1.1",
        Question(
            text="`s = pd.Series([4, np.nan, 2])`. What are `s.mean()` and `s.fillna(0).mean()`?",
            choices={"a": "NaN and 2", "b": "2 and 2", "c": "3 and 3", "d": "3 and 2"},
            key=by_value({"a": (np.nan, 2), "b": (2, 2), "c": (3, 3), "d": (3, 2)}, _two_means),
            why={
                "a": "NumPy's mean would give NaN; pandas leaves missing values out, as AVG in SQL does.",
                "b": "The first mean divides by the two known values, not by three.",
                "c": "Filling with 0 adds a rating of zero, so the second mean divides by three.",
                "d": "6 / 2 without the gap, 6 / 3 with a zero in it: an unknown rating is not a rating of 0.",
            },
        ),
    ),
    (
        "1.2",
        Question(
            text="What are the cosine and the dot product of (1, 2, 2) and (2, 4, 4)?",
            choices={"a": "1 and 18", "b": "0.5 and 18", "c": "1 and 9", "d": "18 and 1"},
            key=by_value({"a": (1, 18), "b": (0.5, 18), "c": (1, 9), "d": (18, 1)}, _cosine_and_dot),
            why={
                "a": "The second is twice the first: the same direction. The dot product grows with the length.",
                "b": "The cosine does not care that one arrow is half as long as the other.",
                "c": "9 is the first vector with itself; with the second, 2 + 8 + 8 are 18.",
                "d": "The other way round: a cosine is never above 1.",
            },
        ),
    ),
    (
        "1.2",
        Question(
            text="A table has the singular values 6, 3 and 2. You keep the first layer only. How long is the error, that is "
            "the root of the sum of its squared entries?",
            choices={"a": "5", "b": "13", "c": "3.61", "d": "3"},
            key=by_value({"a": 5, "b": 13, "c": np.sqrt(13), "d": 3}, _error_of_rank_one),
            why={
                "a": "Layers are at right angles to each other: their lengths add as in Pythagoras, not 3 + 2.",
                "b": "That is the squared length, 9 + 4.",
                "c": "The root of 3^2 + 2^2: what is thrown away, before you look at a single entry.",
                "d": "The largest layer that is missing is 3, but the last one is missing as well.",
            },
        ),
    ),
    (
        "1.3",
        Question(
            text="You minimise (w - 3)^2 by gradient descent, starting at w = 0 with the learning rate 0.25. Where is w after "
            "one step?",
            choices={"a": "3", "b": "0.75", "c": "-1.5", "d": "1.5"},
            key=by_value({"a": 3, "b": 0.75, "c": -1.5, "d": 1.5}, _one_step),
            why={
                "a": "That is the goal; with the rate 0.5 one step would reach it here, 0.25 goes half the way.",
                "b": "The derivative is 2 (w - 3) = -6, not -3.",
                "c": "The wrong direction: one goes against the slope.",
                "d": "0 - 0.25 x 2 x (0 - 3).",
            },
        ),
    ),
    (
        "1.3",
        Question(
            text="Ridge regression with an intercept on x = 1, 2, 3 and y = 1, 2, 6, and a gigantic penalty. What does it "
            "predict for x = 3?",
            choices={"a": "0", "b": "3", "c": "6", "d": "5.5"},
            key=by_value({"a": 0, "b": 3, "c": 6, "d": 5.5}, _huge_ridge),
            why={
                "a": "The weight goes to 0, but the intercept is not punished and stays.",
                "b": "With the weight held at 0 the intercept is left: the mean of y.",
                "c": "That is the training point itself; ridge moves away from it.",
                "d": "That is the line without a penalty, 3 + 2.5 x (3 - 2).",
            },
        ),
    ),
    (
        "1.4",
        Question(
            text="Points x = 1, 2, 4, 8 with y = 10, 20, 60, 100. What does k-NN regression with k = 2 predict at x = 3.2?",
            choices={"a": "40", "b": "60", "c": "44", "d": "15"},
            key=by_value({"a": 40, "b": 60, "c": 44, "d": 15}, _two_neighbours),
            why={
                "a": "The two nearest are 4 and 2: the mean of 60 and 20.",
                "b": "That is the nearest one alone, k = 1.",
                "c": "That is on the straight line between the points; k-NN averages without looking at the position.",
                "d": "That is the mean of the first two rows, not of the two nearest.",
            },
        ),
    ),
    (
        "1.4",
        Question(
            text="Age and salary of four people: A (30, 50,000), B (31, 52,000), C (65, 50,100), D (50, 90,000). Who is nearest "
            "to A by Euclidean distance: as the numbers stand, and after each column was divided by its standard deviation?",
            choices={"a": "B both times", "b": "B, then C", "c": "C, then B", "d": "C both times"},
            key=by_value({"a": "B, B", "b": "B, C", "c": "C, B", "d": "C, C"}, _nearest_before_and_after_scaling),
            why={
                "a": "Unscaled, 2,000 dollars count as 2,000 years.",
                "b": "The other way round: it is the raw numbers in which the salary drowns the age.",
                "c": "Raw, only the salary counts, and C's differs by 100. Scaled, 35 years are much and 2,000 dollars little.",
                "d": "After scaling, C's 35 years weigh far more than B's 2,000 dollars.",
            },
        ),
    ),
    (
        "1.5",
        Question(
            text="You try twenty settings, choose the one with the lowest error on the test part, and report that error. "
            "What is the reported number, on average?",
            choices={
                "a": "Too low",
                "b": "Right: the test part was not trained on",
                "c": "Too high",
                "d": "Right if random",
            },
            key=by_value({"a": "low", "b": "right", "c": "high", "d": "random"}, _best_of_twenty),
            why={
                "a": "The best of twenty noisy numbers was also lucky. Choose on a validation part, report on another one.",
                "b": "Choosing is learning as well: the choice has adapted to the noise of this very part.",
                "c": "The minimum of noisy numbers lies below their mean, not above.",
                "d": "A random split does not help: the same part chooses and judges.",
            },
        ),
    ),
    (
        "1.5",
        Question(
            text="Which of these may you compute once, on all rows, before the split into training and test?",
            choices={
                "a": "Each film's mean rating, as a feature",
                "b": "How many films each user has rated, as a feature",
                "c": "The mean of the target, to centre it",
                "d": "Each film's year of release, from the catalogue",
            },
            key=by_value(
                {"a": "film mean", "b": "user count", "c": "scaling", "d": "year"}, _same_without_the_test_rows
            ),
            why={
                "a": "It contains the test ratings themselves: a leak, and a strong one.",
                "b": "Without the test rows the counts are others: the feature knows what is to come.",
                "c": "Small, but a leak: the mean contains the test ratings. Compute it on the training part.",
                "d": "It does not depend on any rating, so it is the same with and without the test rows.",
            },
        ),
    ),
]
