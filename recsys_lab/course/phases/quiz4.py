"""The quiz at the end of phase 4."""

from __future__ import annotations

import math

import numpy as np

from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question


# ------------------------------------------------------------------ what the keys compute
def _what_survives_a_rotation() -> str:
    """Factors of five users and six films, and the same turned by an orthogonal matrix."""
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(5, 3)), rng.normal(size=(6, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    predictions = np.allclose(p @ q.T, (p @ turn) @ (q @ turn).T)
    coordinates = np.allclose(q[:, 0], (q @ turn)[:, 0])
    return f"predictions {predictions}, coordinates {coordinates}"


def _half_step() -> float:
    q, r, reg = np.array([1.0, 2.0]), np.array([1.0, 1.0]), 1.0
    return float(q @ r / (q @ q + reg))


def _best_of_fifty() -> float:
    """By how much the best of 50 equal settings looks better than it is: the mean minimum, in thousandths."""
    return float(-np.random.default_rng(0).normal(0, 2.0, (20_000, 50)).min(axis=1).mean().round(1))


def _average_of_two() -> float:
    """Errors with variance 1 and correlation 0.9: per cent of RMSE that their average loses."""
    variance = (1 + 1 + 2 * 0.9) / 4
    return 100 * (1 - math.sqrt(variance))


def _known_to_all() -> float:
    return 1_000_000 * 64 * 4 * 100 / 1e9


def _ten_machines() -> float:
    return 1 / (0.1 + 0.9 / 10)


def _among_a_hundred() -> tuple[float, float]:
    return 10 / (1 + 99), round(10 / 1682, 3)


def _correction() -> float:
    return math.log(0.01) - math.log(0.0001)


def _code_bytes() -> float:
    return 128 * 4 / 16


def _compared() -> int:
    return 1024 + 16 * 1_024_000 // 1024


def _four_stages() -> float:
    return 100 * 0.99**4


def _beats() -> str:
    low, high = 0.012 - 1.96 * 0.007, 0.012 + 1.96 * 0.007
    return "cannot be told" if low < 0 < high else "better"


# ------------------------------------------------------------------ the questions
QUIZ = [
    Question(
        text="A table of 943 users and 1,682 films has 100,000 ratings, on average 3.53 stars. Somebody fills the empty cells with 0 "
        "and takes the SVD. What is the mean of the table that the SVD sees?",
        choices={"a": "3.53", "b": "0.22", "c": "1.77", "d": "0"},
        key=by_value({"a": 3.53, "b": 0.22255, "c": 1.765, "d": 0.0}, lambda: 3.53 * 100_000 / (943 * 1682)),
        why={
            "a": "That is the mean of what was rated: 6 % of the cells.",
            "b": "94 % of the cells are zeros, and the SVD explains those: fit for an order of films, useless as stars.",
            "c": "Half of 3.53 would be right for a table that is half full.",
            "d": "Nearly, and yet not: the ratings are there.",
        },
    ),
    Question(
        text="All factors of users and films are turned by the same orthogonal matrix. What stays as it was?",
        choices={
            "a": "The predictions, and each film's first coordinate",
            "b": "Neither the predictions nor the coordinates",
            "c": "The predictions, and not the coordinates",
            "d": "The coordinates, and not the predictions",
        },
        key=by_value(
            {
                "a": "predictions True, coordinates True",
                "b": "predictions False, coordinates False",
                "c": "predictions True, coordinates False",
                "d": "predictions False, coordinates True",
            },
            _what_survives_a_rotation,
        ),
        why={
            "a": "A turned axis gives other coordinates: 'factor 1 is comedy' is a statement on one of infinitely many solutions.",
            "b": "p Q^T T q is p . q, as T^T T is the identity.",
            "c": "Dot products, lengths and angles stay. So films that are near each other mean something, an axis alone does not.",
            "d": "It is the other way round.",
        },
    ),
    Question(
        text="One factor. A user rated two films, both 1 above expectation; the films' factors are 1 and 2; lambda is 1. Which factor does "
        "the half step of ALS give the user?",
        choices={"a": "0.6", "b": "0.5", "c": "1", "d": "0.75"},
        key=by_value({"a": 0.6, "b": 0.5, "c": 1.0, "d": 0.75}, _half_step),
        why={
            "a": "3 / 5: without lambda.",
            "b": "(1 x 1 + 2 x 1) / (1 + 4 + 1): ridge regression of the user's ratings on the films' factors.",
            "c": "That would be right for the first film alone, without lambda.",
            "d": "3 / 4: the squares of the factors are 1 and 4.",
        },
    ),
    Question(
        text="Fifty settings are equally good. Each one's RMSE on a validation part is off by chance, with a standard deviation of 0.002. By "
        "about how many thousandths does the best one look better than it is?",
        choices={"a": "2.0", "b": "0", "c": "4.5", "d": "0.3"},
        key=by_value({"a": 2.0, "b": 0.0, "c": 4.5, "d": 0.3}, _best_of_fifty),
        why={
            "a": "So much is one of them off, typically; the best of fifty was the luckiest.",
            "b": "On average over all of them. But the best was chosen because it looked good.",
            "c": "The smallest of fifty draws lies 2.25 standard deviations below their mean. So a search ends with a part it never saw.",
            "d": "0.002 / sqrt(50) is how far off their mean is.",
        },
    ),
    Question(
        text="A setting counts as good if it is among the best 5 % of all. How many settings, drawn at random, find a good one with a "
        "chance of 95 %?",
        choices={"a": "20", "b": "59", "c": "95", "d": "400"},
        key=by_value({"a": 20, "b": 59, "c": 95, "d": 400}, lambda: math.ceil(math.log(0.05) / math.log(0.95))),
        why={
            "a": "1 / 0.05 draws find one with a chance of 64 %.",
            "b": "1 - 0.95^59 is just above 0.95, however many parameters there are. That is why random search is a bar for cleverer ones.",
            "c": "That is a chance of 99.2 %.",
            "d": "A grid of 20 by 20 spends that, and does not do better.",
        },
    ),
    Question(
        text="Two models have the same RMSE; their errors correlate at 0.9. By how many per cent is the RMSE of their average lower?",
        choices={"a": "2.5", "b": "5", "c": "10", "d": "29"},
        key=by_value({"a": 2.532, "b": 5.0, "c": 10.0, "d": 29.289}, _average_of_two),
        why={
            "a": "The variance falls to (1 + 0.9) / 2, and the RMSE is its root. Models that differ blend better.",
            "b": "That is the variance.",
            "c": "1 - 0.9 would be the share that they do not have in common.",
            "d": "So much, 1 - 1 / sqrt(2), if their errors had nothing in common.",
        },
    ),
    Question(
        text="A million films, 64 factors of 4 bytes. If each of 100 parts of the users needs the factors of all films in each sweep, how "
        "many gigabytes cross the network for that?",
        choices={"a": "0.256", "b": "2.56", "c": "256", "d": "25.6"},
        key=by_value({"a": 0.256, "b": 2.56, "c": 256.0, "d": 25.6}, _known_to_all),
        why={
            "a": "That is one copy.",
            "b": "A factor of ten is missing.",
            "c": "64 factors of 4 bytes are 256 bytes a film, not 2,560.",
            "d": "A hundred copies of 256 MB, twenty times a fit. Spark's blocks send a film only where somebody rated it.",
        },
    ),
    Question(
        text="Nine tenths of a job can be spread over machines, one tenth cannot. How many times as fast are ten machines, at best?",
        choices={"a": "10", "b": "9", "c": "5.3", "d": "1.8"},
        key=by_value({"a": 10.0, "b": 9.0, "c": 5.263, "d": 1.818}, _ten_machines),
        why={
            "a": "Only if all of it could be spread.",
            "b": "The nine tenths are ten times as fast, the rest waits.",
            "c": "1 / (0.1 + 0.9 / 10), before any network. With infinitely many machines it would be 10.",
            "d": "That is what two machines reach: 1 / (0.1 + 0.45).",
        },
    ),
    Question(
        text="A paper ranks each held-out film among 99 others drawn at random, and reports HR@10. What does a model reach that knows "
        "nothing, in the paper and among all 1,682 films?",
        choices={"a": "0.1 and 0.1", "b": "0.1 and 0.006", "c": "0.01 and 0.006", "d": "0 and 0"},
        key=by_value({"a": (0.1, 0.1), "b": (0.1, 0.006), "c": (0.01, 0.006), "d": (0.0, 0.0)}, _among_a_hundred),
        why={
            "a": "Among all films, ten places of 1,682 are few.",
            "b": "10 / 100 against 10 / 1,682. Sampled numbers look good, and may order models in another way.",
            "c": "Ten of a hundred places are a tenth.",
            "d": "By chance it hits now and then.",
        },
    ),
    Question(
        text="In a batch, the other users' films serve as negatives. A blockbuster is 1 % of all interactions, a rare film 0.01 %. By how "
        "much more does the correction log q lower the blockbuster's logit than the rare film's?",
        choices={"a": "0.0099", "b": "100", "c": "4.6", "d": "2"},
        key=by_value({"a": 0.0099, "b": 100.0, "c": 4.605, "d": 2.0}, _correction),
        why={
            "a": "That is the difference of the frequencies; it is that of their logarithms.",
            "b": "That is their ratio; the logit gets its logarithm.",
            "c": "ln(100). Without it, the model learns to push down what is often seen as a negative: popular films.",
            "d": "That is log10.",
        },
    ),
    Question(
        text="Vectors of 128 numbers of 4 bytes are kept as product-quantised codes of 16 bytes. How many times less memory is that?",
        choices={"a": "8", "b": "32", "c": "128", "d": "4"},
        key=by_value({"a": 8.0, "b": 32.0, "c": 128.0, "d": 4.0}, _code_bytes),
        why={
            "a": "128 numbers / 16 codes: each number has 4 bytes, too.",
            "b": "512 bytes against 16. What is lost is exactness: distances come from a table of sums.",
            "c": "That would be 4 bytes a vector.",
            "d": "That would be what one byte for each number saves.",
        },
    ),
    Question(
        text="1,024,000 vectors lie in 1,024 cells of equal size. A query looks at the 16 cells whose centres are nearest. With how many "
        "vectors, centres included, is it compared?",
        choices={"a": "16,000", "b": "1,040", "c": "1,024,000", "d": "17,024"},
        key=by_value({"a": 16_000, "b": 1_040, "c": 1_024_000, "d": 17_024}, _compared),
        why={
            "a": "To know the nearest cells it has to look at their centres.",
            "b": "A cell has a thousand vectors, not one.",
            "c": "That is the exact search, sixty times the work.",
            "d": "1,024 centres and 16 x 1,000 vectors: 1.7 % of all. What lies in a 17th cell is not found.",
        },
    ),
    Question(
        text="A request goes through four stages, one after the other. Each is within its 10 ms in 99 % of the requests, independently. In how many "
        "per cent are all four within theirs?",
        choices={"a": "96.1", "b": "99", "c": "95", "d": "99.99"},
        key=by_value({"a": 96.06, "b": 99.0, "c": 95.0, "d": 99.99}, _four_stages),
        why={
            "a": "0.99^4. A p99 of 40 ms for the whole needs better stages, or slack that they share.",
            "b": "So it is for each of them.",
            "c": "The four times 1 % do not add up exactly, and would give 96.",
            "d": "That would be the chance that not all four are late at once.",
        },
    ),
    Question(
        text="Your model's nDCG@10 is 0.012 above the baseline's, with a standard error of the paired difference of 0.007. What may the README say?",
        choices={
            "a": "It beats the baseline by 0.012",
            "b": "It is as good as the baseline",
            "c": "0.012 better, 95 % interval -0.002 to 0.026: not told apart",
            "d": "Nothing: the number has to be left out",
        },
        key=by_value({"a": "better", "b": "equal", "c": "cannot be told", "d": "nothing"}, _beats),
        why={
            "a": "The interval contains 0, and a reader may check.",
            "b": "That was not shown, either: 0.026 better is as possible.",
            "c": "What was measured, with its doubt. An engineer who writes that will be believed elsewhere.",
            "d": "A result that is not sure is a result, and the way to it is worth showing.",
        },
    ),
]
