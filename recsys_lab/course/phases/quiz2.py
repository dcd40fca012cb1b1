"""The quiz at the end of phase 2."""

from __future__ import annotations

import numpy as np

from recsys_lab import datasets, metrics
from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question


# ------------------------------------------------------------------ what the keys compute
def _leader() -> str:
    damped = {"A": (3 * 5 + 10 * 3.5) / (3 + 10), "B": (200 * 4.4 + 10 * 3.5) / (200 + 10)}
    return max(damped, key=damped.__getitem__)


def _one_large_error() -> str:
    p, q = np.array([0.0, 0, 0, 4]), np.array([1.0, 1, 1, 1])
    by_mae = np.abs(p).mean() == np.abs(q).mean()
    by_rmse = np.sqrt((p**2).mean()) > np.sqrt((q**2).mean())
    return "Q by RMSE" if by_mae and by_rmse else "other"


def _pearson() -> float:
    return float(np.corrcoef([1, 2, 3], [3, 4, 5])[0, 1])


def _pairs_grow_by() -> float:
    def pairs(n: int) -> int:
        return n * (n - 1) // 2

    return round(pairs(2_000_000) / pairs(1_000_000), 3)


def _text_cosine() -> float:
    a, b = np.array([3.0, 4]), np.array([4.0, 3])
    return float(a / np.linalg.norm(a) @ (b / np.linalg.norm(b)))


def _shifted() -> str:
    rng = np.random.default_rng(0)
    stars, predicted = rng.integers(1, 6, 50).astype(float), rng.uniform(1, 5, 50)

    def judged(scores: np.ndarray) -> tuple[float, float]:
        hits = (stars >= 4)[np.argsort(-scores)][None, :10]
        return metrics.rmse(stars, scores), float(metrics.ndcg(hits, np.array([(stars >= 4).sum()]))[0])

    (rmse, ndcg), (rmse_shifted, ndcg_shifted) = judged(predicted), judged(predicted + 0.5)
    return f"rmse {'same' if rmse == rmse_shifted else 'moves'}, ndcg {'same' if ndcg == ndcg_shifted else 'moves'}"


def _recall_at_ten_by_luck() -> tuple[float, float]:
    return round(10 / 1682, 3), round(10 / 101, 3)


def _coverage() -> float:
    films = len(datasets.load("ml-100k").items)
    return 100 * 10 / films


def _without_the_zero_diagonal() -> str:
    rng = np.random.default_rng(0)
    seen = (rng.random((400, 30)) < 0.4).astype(float)
    gram = seen.T @ seen
    weights = np.linalg.solve(gram + 1.0 * np.eye(30), gram)
    others = np.abs(weights - np.diag(np.diag(weights))).max()
    return "itself" if np.diag(weights).min() > 0.9 and others < 0.1 else "others"


def _average_precision() -> float:
    return float(metrics.average_precision(np.array([[True, False, True]]), np.array([2]))[0])


def _folded_in() -> tuple[float, ...]:
    items, stars = np.eye(2), np.array([4.0, 2.0])
    return tuple(np.linalg.solve(items.T @ items + 1.0 * np.eye(2), items.T @ stars))


def _best_reason() -> str:
    similarity, stars, mean = np.array([0.9, 0.5, 0.3]), np.array([4.0, 5, 1]), 4.0
    return "ABC"[int(np.argmax(similarity * (stars - mean)))]


# ------------------------------------------------------------------ the questions
QUIZ = [
    Question(
        text="Film A has 3 ratings with the mean 5, film B 200 with the mean 4.4; the mean of all is 3.5. Which one leads by "
        "means damped with 10, and why?",
        choices={
            "a": "A: 5 is more than 4.4",
            "b": "B: with its 200 ratings its mean hardly moves, A's falls below 4",
            "c": "A: damping moves both by the same amount",
            "d": "Neither: damping makes them equal",
        },
        key=by_value({"a": "A, raw", "b": "B", "c": "A", "d": "equal"}, _leader),
        why={
            "a": "Undamped, yes; three ratings are little evidence.",
            "b": "A becomes (15 + 35) / 13 = 3.85, B (880 + 35) / 210 = 4.36.",
            "c": "It moves those with few ratings most: that is its purpose.",
            "d": "Only an infinite damping would.",
        },
    ),
    Question(
        text="Model P errs by 0, 0, 0, 4 stars, model Q by 1, 1, 1, 1. Which one is better?",
        choices={
            "a": "P by both MAE and RMSE",
            "b": "Q by both",
            "c": "The same by MAE, Q by RMSE",
            "d": "The same by RMSE, Q by MAE",
        },
        key=by_value({"a": "P", "b": "Q", "c": "Q by RMSE", "d": "Q by MAE"}, _one_large_error),
        why={
            "a": "P is exact three times, but RMSE punishes the one large error: 2 against 1.",
            "b": "By MAE both err by one star on average.",
            "c": "MAE 1 and 1; RMSE 2 and 1. Choose the one whose idea of a bad error is your user's.",
            "d": "Swapped: it is RMSE that tells them apart.",
        },
    ),
    Question(
        text="Two users rated the same three films 1, 2, 3 and 3, 4, 5. What is their Pearson correlation?",
        choices={"a": "0.98", "b": "0.33", "c": "0", "d": "1"},
        key=by_value({"a": 0.9827, "b": 0.33, "c": 0.0, "d": 1.0}, _pearson),
        why={
            "a": "That is the cosine of the raw stars.",
            "b": "Two stars apart each time, but always in the same direction from their own means.",
            "c": "0 would be no relation; one's list is the other's plus 2.",
            "d": "A stern and a kind person with the same taste: centring removes the two stars between them.",
        },
    ),
    Question(
        text="Two users agree at 0.9, but over 3 common films. Shrunk by n / (n + 27), what is left?",
        choices={"a": "0.09", "b": "0.1", "c": "0.81", "d": "0.9"},
        key=by_value({"a": 0.09, "b": 0.1, "c": 0.81, "d": 0.9}, lambda: 0.9 * 3 / (3 + 27)),
        why={
            "a": "0.9 x 3 / 30: three films are little evidence.",
            "b": "That is the factor, 3 / 30; it multiplies the 0.9.",
            "c": "That is the square; with 243 common films the factor would be 0.9.",
            "d": "Nothing shrinks only where the overlap is huge.",
        },
    ),
    Question(
        text="User k-NN compares all pairs of users. The number of users doubles from one to two million. The pairs ...",
        choices={
            "a": "double",
            "b": "grow by a million",
            "c": "become eight times as many",
            "d": "become four times as many",
        },
        key=by_value({"a": 2.0, "b": 1.0, "c": 8.0, "d": 4.0}, _pairs_grow_by),
        why={
            "a": "Each of twice as many users is compared with twice as many.",
            "b": "Each new user is compared with every old one.",
            "c": "Eight would be triples of users.",
            "d": "n (n - 1) / 2. The films grow more slowly, which speaks for the item side.",
        },
    ),
    Question(
        text="A table of 10,000 films keeps the 40 nearest of each, 12 bytes an entry. How many megabytes?",
        choices={"a": "800", "b": "4.8", "c": "48", "d": "0.48"},
        key=by_value({"a": 800.0, "b": 4.8, "c": 48.0, "d": 0.48}, lambda: 10_000 * 40 * 12 / 1e6),
        why={
            "a": "That is the full table at 8 bytes.",
            "b": "10,000 x 40 x 12 bytes: it fits into any cache.",
            "c": "A factor of ten too much: 400,000 entries.",
            "d": "A factor of ten is missing: 400,000 entries of 12 bytes.",
        },
    ),
    Question(
        text="Two films' TF-IDF vectors are (3, 4) and (4, 3). What is their cosine?",
        choices={"a": "24", "b": "0.5", "c": "0.96", "d": "1"},
        key=by_value({"a": 24.0, "b": 0.5, "c": 0.96, "d": 1.0}, _text_cosine),
        why={
            "a": "That is the dot product; both lengths are 5.",
            "b": "That would be 60 degrees; these two nearly coincide.",
            "c": "24 / (5 x 5).",
            "d": "Both have the same length and words, but not the same weights.",
        },
    ),
    Question(
        text="Somebody adds 0.5 to every prediction of a model. What happens to RMSE, and what to nDCG@10?",
        choices={
            "a": "Both change",
            "b": "RMSE stays, nDCG changes",
            "c": "Both stay",
            "d": "RMSE changes, nDCG stays",
        },
        key=by_value(
            {
                "a": "rmse moves, ndcg moves",
                "b": "rmse same, ndcg moves",
                "c": "rmse same, ndcg same",
                "d": "rmse moves, ndcg same",
            },
            _shifted,
        ),
        why={
            "a": "The order of the films does not change, so no list does.",
            "b": "Swapped: the order stays, the stars do not.",
            "c": "Each error changes by 0.5.",
            "d": "They measure different things, so the best by one need not be the best by the other.",
        },
    ),
    Question(
        text="One relevant film. A model that guesses ranks it among all 1,682 films, or among it and 100 sampled ones. What is "
        "its recall@10 by luck alone?",
        choices={"a": "0.006 and 0.099", "b": "0.006 both times", "c": "0.099 and 0.006", "d": "0.099 both times"},
        key=by_value(
            {"a": (0.006, 0.099), "b": (0.006, 0.006), "c": (0.099, 0.006), "d": (0.099, 0.099)}, _recall_at_ten_by_luck
        ),
        why={
            "a": "10 / 1,682 and 10 / 101: numbers over sampled candidates cannot be compared with full ones.",
            "b": "Fewer rivals, more luck.",
            "c": "Swapped: the sample is the easy one.",
            "d": "Ten places of 1,682 are far fewer than ten of 101.",
        },
    ),
    Question(
        text="The list of the ten most rated films is shown to everybody (nobody has seen any). How many per cent of the 1,682 "
        "films does anybody ever see?",
        choices={"a": "10", "b": "0.06", "c": "0.6", "d": "6"},
        key=by_value({"a": 10.0, "b": 0.06, "c": 0.5945, "d": 6.0}, _coverage),
        why={
            "a": "Ten films, not ten per cent.",
            "b": "10 / 1,682 is 0.006; as per cent 0.6.",
            "c": "The coverage of a list that is the same for all: accurate on average, and blind to 99.4 % of the catalogue.",
            "d": "That would be a hundred films.",
        },
    ),
    Question(
        text="EASE predicts each film from the others, by one ridge regression with a diagonal of zeros. What would it "
        "learn without the zeros?",
        choices={
            "a": "The most rated films",
            "b": "Nothing: it would not converge",
            "c": "Negative weights only",
            "d": "That each film is best predicted by itself",
        },
        key=by_value({"a": "popular", "b": "nothing", "c": "others", "d": "itself"}, _without_the_zero_diagonal),
        why={
            "a": "The trivial solution is far better in training: copy the input.",
            "b": "It is solved in closed form; nothing has to converge.",
            "c": "Negative weights come in with the constraint; without it there is hardly any weight but on the diagonal.",
            "d": "The table would be almost the identity: perfect in training, and useless for films not seen.",
        },
    ),
    Question(
        text="Hits at ranks 1 and 3 of a list of three, two relevant films in all. What is the average precision?",
        choices={"a": "0.67", "b": "0.83", "c": "1", "d": "0.56"},
        key=by_value({"a": 0.667, "b": 0.8333, "c": 1.0, "d": 0.556}, _average_precision),
        why={
            "a": "That is precision@3.",
            "b": "(1/1 + 2/3) / 2.",
            "c": "Both were found, but the second one place too late.",
            "d": "(1/1 + 2/3) / 3: it divides by the relevant ones, not by the places.",
        },
    ),
    Question(
        text="A newcomer gave 4 stars to the film with the factors (1, 0) and 2 to that with (0, 1). What are their own "
        "factors, by ridge with lambda = 1 and the films held fixed?",
        choices={"a": "(4, 2)", "b": "(2, 1)", "c": "(1, 2)", "d": "(3, 1)"},
        key=by_value({"a": (4, 2), "b": (2, 1), "c": (1, 2), "d": (3, 1)}, _folded_in),
        why={
            "a": "That is least squares without lambda: it trusts single ratings fully.",
            "b": "(Q'Q + I)^-1 Q'r = r / 2. One small system, and nothing else is fitted anew.",
            "c": "The first film is the liked one.",
            "d": "Ridge divides here, it does not subtract: (1 + 1) p = r.",
        },
    ),
    Question(
        text="Your mean is 4. A prediction adds up similarity x (your stars - 4): film A 0.9 and 4 stars, B 0.5 and 5 stars, C 0.3 and "
        "1 star. Which film may 'because you watched ...' name?",
        choices={
            "a": "A: the most similar",
            "b": "C: the largest difference",
            "c": "B: it raised the score most",
            "d": "All three",
        },
        key=by_value({"a": "A", "b": "C", "c": "B", "d": "all"}, _best_reason),
        why={
            "a": "0.9 x (4 - 4) = 0: it moved nothing. Similar is not the same as responsible.",
            "b": "0.3 x (1 - 4) = -0.9: it spoke against the film.",
            "c": "0.5 x (5 - 4) = +0.5. An honest explanation names what was added to the score.",
            "d": "One moved nothing, and one spoke against it.",
        },
    ),
]
