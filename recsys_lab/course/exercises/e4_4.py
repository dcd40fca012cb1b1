"""Exercises and quiz of lesson 4.4, Neural recommenders."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.base import Recommender
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question


def _array(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The answer as an array of this shape; anything else is refused in words."""
    if value is None:
        raise Incorrect(f"{what}: got None. Is a `return` missing?")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Incorrect(f"{what} should be an array of numbers, but is a {type(value).__name__}.") from None
    if array.shape != shape:
        raise Incorrect(f"{what} should have the shape {shape}, but has {array.shape}.")
    return array


def _close(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True))


# ------------------------------------------------------------------ 4.4.1 what a score costs
def _costs() -> dict[str, float]:
    k, wide = 64, 32
    dot = k
    whole = k + 2 * k * wide + wide * wide // 2 + k + wide // 2
    split = k + wide * wide // 2 + k + wide // 2
    return {"dot": dot, "neumf": whole, "halves": split, "seconds": whole * 1_000_000 / 20e9}


def _check_costs(answer: Any) -> None:
    if not isinstance(answer, Mapping):
        raise Incorrect('give a dict: {"dot": ..., "neumf": ..., "halves": ..., "seconds": ...}.')
    missing = [name for name in _costs() if name not in answer]
    if missing:
        raise Incorrect(f"the entry {missing[0]!r} is missing.")
    want = _costs()
    got = {name: number(answer[name], f"the entry {name!r}") for name in want}
    if got["dot"] != want["dot"]:
        raise Incorrect("a dot product of two vectors of 64 numbers takes 64 multiplications.")
    wrong = {
        want["neumf"]
        - 128: "two parts are missing: the products of p and q (64), and the last weights, h and h' (80).",
        want["neumf"] - 80: "the last row of weights is missing: h and h' have 64 + 16 numbers.",
        want["neumf"]
        - 64: "the factor-by-factor product of p and q is missing (64), or the 64 weights h of these products.",
        want["neumf"] - 16: "the 16 weights h' behind the network are missing.",
        64 + 64 * 32 + 32 * 16 + 80: "the first layer sees [p', q'], which are 128 numbers, not 64.",
        64 + 128 * 32 + 32 * 32 + 80: "the second layer makes 16 numbers out of 32: 32 x 16.",
        128 * 32
        + 32 * 16: "what stands outside the layers is missing: the products of p and q, and the weights h and h'.",
        64
        + 128
        + 32
        + 16
        + 80: "a layer is a matrix: each of its outputs needs a product with *each* input. 128 x 32, not 128.",
    }
    if got["neumf"] != want["neumf"]:
        raise Incorrect(
            wrong.get(
                got["neumf"],
                f"one item through NeuMF takes other than {got['neumf']:g} multiplications: p times q, 128 x 32, 32 x 16, "
                "and the weights h and h'. Add them up.",
            )
        )
    if got["halves"] == want["neumf"] - 64 * 32:
        raise Incorrect(
            "you saved the user's half of the first layer. The item's half depends on the item alone: store it."
        )
    if got["halves"] != want["halves"]:
        raise Incorrect(
            f"with both halves of the first layer at hand, its 128 x 32 are gone, and nothing else is; yours is "
            f"{got['halves']:g}. The addition and the relu cost no multiplication."
        )
    if math.isclose(got["seconds"], want["seconds"] * 1000, rel_tol=0.02):
        raise Incorrect("these are milliseconds; the question asks for seconds.")
    if math.isclose(got["seconds"], want["halves"] * 1e6 / 20e9, rel_tol=0.02):
        raise Incorrect("this is the time with the halves at hand. The question asks for the plain network.")
    if not math.isclose(got["seconds"], want["seconds"], rel_tol=0.02):
        raise Incorrect(
            f"seconds: a million items, your {got['neumf']:g} multiplications each, 20 billion of them a second; "
            f"yours is {got['seconds']:g}."
        )


# ------------------------------------------------------------------ 4.4.2 the loss of a batch
BatchLoss = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def _batch_loss(s: np.ndarray, q: np.ndarray, chosen_too: np.ndarray) -> float:
    odds = np.where(chosen_too, 0, np.exp(s) / q)  # exp(s - ln q) = exp(s) / q
    return -np.mean(np.log(np.diag(odds) / odds.sum(axis=1)))


def _batch_loss_wrongly(how: str) -> BatchLoss:
    def batch_loss(s: np.ndarray, q: np.ndarray, chosen_too: np.ndarray) -> float:
        own = np.eye(len(s), dtype=bool)
        odds = np.exp({"no correction": s, "added": s + np.log(q), "q itself": s - q}.get(how, s - np.log(q)))
        if how == "log2":
            odds = np.exp(s - np.log2(q))
        if how == "own not corrected":
            odds = np.where(own, np.exp(s), odds)
        if how == "negatives not corrected":
            odds = np.where(own, odds, np.exp(s))
        if how == "nothing left out":
            chosen_too = np.zeros_like(own)
        if how in ("zero score", "zero score, corrected"):
            odds = np.where(chosen_too, 1.0 if how == "zero score" else 1 / q, odds)
            chosen_too = np.zeros_like(own)
        odds = np.where(chosen_too, 0, odds)
        if how == "without itself":
            return -np.mean(np.log(np.diag(odds) / np.where(own, 0, odds).sum(axis=1)))
        shares = np.diag(odds) / odds.sum(axis=0 if how == "columns" else 1)
        if how == "sum":
            return -np.sum(np.log(shares))
        if how == "sign":
            return np.mean(np.log(shares))
        if how == "log of the mean":
            return -np.log(np.mean(shares))
        return -np.mean(np.log(shares))

    return batch_loss


_LOSS_SAYS = {
    "no correction": "ln Q_j is missing: this is the plain softmax, which pushes down whatever is drawn often. (Or you took it off by row, where it "
    "cancels: each *column* j takes its own.)",
    "added": "you added ln Q_j. It is taken *off*: a popular item must not pay for being drawn often.",
    "q itself": "you took off Q_j itself. It is its logarithm: l_uj = s_uj - ln Q_j.",
    "log2": "the logarithm to base 2 does not fit to the exponential with base e: use the natural one, np.log.",
    "own not corrected": "you corrected the negatives and left the row's own item as it is. All columns are corrected alike.",
    "negatives not corrected": "you corrected the row's own item alone. The negatives are drawn with Q_j as well.",
    "nothing left out": "an item of the batch that the user chose as well still counts as a negative: leave out `chosen_too`.",
    "zero score": "where `chosen_too` is true, you gave a score of 0; e^0 is 1, and it still counts. It must add nothing.",
    "zero score, corrected": "where `chosen_too` is true, you put the score 0 before the correction; it still counts, as e^0 / Q_j. "
    "It must add nothing.",
    "columns": "you summed over the rows: how the users compete for an item. The items compete for a user: axis 1.",
    "sum": "this is the sum over the batch, and it should be the mean: the step must not grow with the batch.",
    "sign": "the sign: the logarithm of a probability is negative, and a loss is to become small.",
    "log of the mean": "take the logarithm of each row's share first, then the mean, not the other way round.",
    "without itself": "the row's own item is missing below the line. The sum runs over all items of the batch, its own too.",
}


def _check_batch_loss(batch_loss: BatchLoss) -> None:
    s = np.array([[2.0, 1.0, 0.7], [0.5, 1.5, 1.0], [-0.4, 0.2, 3.0]])
    q, too = np.array([0.5, 0.3, 0.2]), np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)
    given = s.copy(), q.copy(), too.copy()
    with np.errstate(all="ignore"):
        got = number(batch_loss(*given), "the loss of three choices")
    if not all(np.array_equal(a, b) for a, b in zip(given, (s, q, too))):
        raise Incorrect("your function changed what it was given. Work on a copy.")
    if math.isnan(got) or math.isinf(got):
        raise Incorrect(
            f"the loss of three choices is {got}. A score of minus infinity has the exponential 0: use it inside exp."
        )
    for how, says in _LOSS_SAYS.items():
        if _close(got, _batch_loss_wrongly(how)(s, q, too)):
            raise Incorrect(says)
    same(got, _batch_loss(s, q, too), what="three choices: the loss")
    rng = np.random.default_rng(1)
    for b, crowded in ((1, 0.0), (2, 0.0), (12, 0.3), (50, 0.8)):
        s, q = rng.normal(size=(b, b)) * 3, rng.uniform(0.001, 0.2, b)
        too = (rng.random((b, b)) < crowded) & ~np.eye(b, dtype=bool)
        got = number(batch_loss(s.copy(), q.copy(), too.copy()), f"the loss of {b} choices")
        same(got, _batch_loss(s, q, too), what=f"{b} choices, {too.sum()} left out: the loss")


# ------------------------------------------------------------------ 4.4.3 the leak in the history
Histories = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _histories(x: np.ndarray, e: np.ndarray, items: np.ndarray) -> np.ndarray:
    n = x.sum(axis=1, keepdims=True)
    return (x @ e - e[items]) / np.maximum(n - 1, 1)


def _histories_wrongly(how: str) -> Histories:
    def histories(x: np.ndarray, e: np.ndarray, items: np.ndarray) -> np.ndarray:
        n = x.sum(axis=1, keepdims=True)
        if how == "leak":
            return (x @ e) / n
        if how == "divides by n":
            return (x @ e - e[items]) / n
        if how == "sum":
            return x @ e - e[items]
        if how == "items of the batch":
            others = x.copy()
            others[:, items] = 0
            return others @ e / np.maximum(others.sum(axis=1, keepdims=True), 1)
        if how == "nan":
            with np.errstate(all="ignore"):
                return (x @ e - e[items]) / (n - 1)
        if how == "only divides":
            return (x @ e) / np.maximum(n - 1, 1)
        if how == "in place":
            x[np.arange(len(x)), items] = 0
            return x @ e / np.maximum(x.sum(axis=1, keepdims=True), 1)
        return (x @ e + e[items]) / (n + 1)

    return histories


def _check_histories(histories: Histories) -> None:
    x = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 1], [1, 1, 0, 1]], dtype=float)
    e = np.array([[1.0, 0.0], [2.0, 4.0], [0.0, -3.0], [5.0, 1.0]])
    items = np.array([0, 2, 3, 3])
    given = x.copy(), e.copy(), items.copy()
    with np.errstate(all="ignore"):
        h = _array(histories(*given), (4, 2), "h for four choices")
    if not (np.array_equal(given[0], x) and np.array_equal(given[1], e) and np.array_equal(given[2], items)):
        raise Incorrect("your function changed what it was given: the next batch would start from it. Work on a copy.")
    if np.isnan(h[2]).any() or np.isinf(h[2]).any():
        raise Incorrect(
            "row 2 is a user with one choice, the item itself. Nothing is left: the row should be zeros, and yours is "
            "0 / 0. Divide by at least 1."
        )
    if _close(h, _histories_wrongly("leak")(x, e, items)):
        raise Incorrect("this is the colleague's h: the item that is asked for is still in the history.")
    known = {
        "divides by n": "the item is gone from the sum, but you still divide by n. It is a mean over the n - 1 others.",
        "sum": "this is the sum over the others. A mean: divide by how many they are.",
        "items of the batch": "you left out the items of *all* rows of the batch. Each row hides its own item only.",
        "only divides": "you divide by n - 1, but the item is still in the sum. Take e[items] off first.",
        "added": "you added the item once more, and it should go: minus.",
    }
    for how, says in known.items():
        if _close(h, _histories_wrongly(how)(x, e, items)):
            raise Incorrect(says)
    same(h, _histories(x, e, items), what="four choices: h")
    rng = np.random.default_rng(4)
    for n_items, k, b in ((7, 3, 5), (40, 8, 60), (3, 1, 1)):
        x = (rng.random((b, n_items)) < 0.4).astype(float)
        items = rng.integers(0, n_items, b)
        x[np.arange(b), items] = 1
        e = rng.normal(size=(n_items, k))
        h = _array(histories(x.copy(), e.copy(), items.copy()), (b, k), "h")
        same(h, _histories(x, e, items), what=f"{b} choices among {n_items} items: h")


# ------------------------------------------------------------------ 4.4.4 attention
Attend = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _attend(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.where(np.tri(len(q), dtype=bool), np.exp(scores), 0)
    return weights / weights.sum(axis=1, keepdims=True) @ v


def _attend_wrongly(how: str) -> Attend:
    def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        n, d = q.shape
        scale = {"no scale": 1, "scale d": d, "scale T": np.sqrt(n)}.get(how, np.sqrt(d))
        scores = q @ k.T / scale
        if how == "k q":
            scores = scores.T
        sees = np.tri(n, dtype=bool)
        if how == "sees all":
            sees = np.ones((n, n), dtype=bool)
        if how == "not itself":
            sees = np.tri(n, k=-1, dtype=bool)
        if how == "the future":
            sees = sees.T
        if how == "mask afterwards":
            weights = np.exp(scores)
            return np.where(sees, weights / weights.sum(axis=1, keepdims=True), 0) @ v
        if how == "zero score":
            weights = np.exp(np.where(sees, scores, 0))
            return weights / weights.sum(axis=1, keepdims=True) @ v
        weights = np.where(sees, np.exp(scores), 0)
        with np.errstate(all="ignore"):
            if how == "columns":
                return weights / weights.sum(axis=0) @ v
            if how == "no softmax":
                return weights @ v
            if how == "no exp":
                return np.where(sees, scores, 0) @ v
            return weights / weights.sum(axis=1, keepdims=True) @ v

    return attend


_ATTEND_SAYS = {
    "sees all": "every place sees the whole history, and so the answer that it is asked for. Place t may see r <= t only.",
    "not itself": "a place must see itself: r <= t, not r < t. The first place would see nothing at all.",
    "the future": "the mask is the wrong way round: your places see what comes later, and not what came before.",
    "mask afterwards": "the mask came after the softmax: the weights that are left no longer add up to 1. Mask first, then divide.",
    "zero score": "a place that must not be seen got the score 0, and e^0 = 1 is a weight like any other. Its weight must be 0.",
    "no scale": "the division by sqrt(d) is missing: with long vectors, one place would take everything.",
    "scale d": "divide by the square root of d, not by d.",
    "scale T": "divide by sqrt(d), the length of the vectors; you took the number of places.",
    "columns": "you normalised over t. Each place t spreads a weight of 1 over the places r that it sees: along the row.",
    "k q": "queries and keys have changed places: row t of the scores is q_t with all k_r.",
    "no softmax": "the weights of a place do not add up to 1: divide by their sum.",
    "no exp": "these are the scores themselves. A softmax takes their exponential and divides by the sum.",
}


def _check_attend(attend: Attend) -> None:
    rng = np.random.default_rng(2)
    q, k, v = (rng.normal(size=(5, 3)) for _ in range(3))
    given = q.copy(), k.copy(), v.copy()
    with np.errstate(all="ignore"):
        out = _array(attend(*given), (5, 3), "the result for five places")
    if not all(np.array_equal(a, b) for a, b in zip(given, (q, k, v))):
        raise Incorrect("your function changed what it was given. Work on a copy.")
    for how, says in _ATTEND_SAYS.items():
        if how != "not itself" and _close(out, _attend_wrongly(how)(q, k, v)):
            raise Incorrect(says)
    if not np.isfinite(out[0]).all() or _close(out[1], v[0]):
        raise Incorrect(_ATTEND_SAYS["not itself"])
    same(out[0], v[0], what="the first place sees itself alone, so its result is v_1")
    same(out, _attend(q, k, v), what="five places: the result")
    for n, d in ((1, 4), (2, 1), (12, 9)):
        q, k, v = (rng.normal(size=(n, d)) for _ in range(3))
        out = _array(attend(q.copy(), k.copy(), v.copy()), (n, d), "the result")
        same(out, _attend(q, k, v), what=f"{n} places, vectors of {d} numbers: the result")
    q, k, v = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=(4, 6))
    out = _array(attend(q, k, v), (4, 6), "the result where v is wider than q and k")
    same(out, _attend(q, k, v), what="v wider than q and k: the result")


# ------------------------------------------------------------------ 4.4.5 fading
Fade = Callable[[np.ndarray, float], np.ndarray]


def _fade(users: np.ndarray, half_life: float) -> np.ndarray:
    age = pd.Series(users).groupby(users).cumcount(ascending=False).to_numpy()
    return 0.5 ** (age / half_life)


def _fade_wrongly(how: str) -> Fade:
    def fade(users: np.ndarray, half_life: float) -> np.ndarray:
        n = len(users)
        after = np.array([np.sum(users[place + 1 :] == user) for place, user in enumerate(users)])
        before = np.array([np.sum(users[:place] == user) for place, user in enumerate(users)])
        if how == "from the start":
            return 0.5 ** (before / half_life)
        if how == "all users":
            return 0.5 ** ((n - 1 - np.arange(n)) / half_life)
        if how == "from one":
            return 0.5 ** ((after + 1) / half_life)
        if how == "e":
            return np.exp(-after / half_life)
        if how == "times":
            return 0.5 ** (after * half_life)
        if how == "linear":
            return np.maximum(0, 1 - after / (2 * half_life))
        if how == "growing":
            return 2.0 ** (after / half_life)
        if how == "hyperbola":
            return 1 / (1 + after / half_life)
        if how == "whole steps":
            return 0.5 ** (after // half_life)
        weights = 0.5 ** (after / half_life)
        return weights / np.array([weights[users == user].sum() for user in users])

    return fade


_FADE_SAYS = {
    "from the start": "the *first* choice has weight 1 in yours, and the latest the least. Age counts from the end.",
    "all users": "you counted the age through all users. It starts anew for each: everybody's last choice has age 0.",
    "from one": "the last choice should have age 0, and so the weight 1; yours begins at age 1.",
    "e": "this falls to 1 / e in `half_life` choices. A half-life is the age at which the weight is one *half*.",
    "times": "you multiplied the age by the half-life: a long half-life should fade *slowly*. Divide.",
    "linear": "this falls in a straight line, and ends at 0. A half-life halves what is left, again and again.",
    "growing": "your weights grow with the age: 1/2 to the power, not 2.",
    "hyperbola": "1 / (1 + age / h) is one half at age h, but a third at 2 h. A half-life halves again: a quarter.",
    "whole steps": "between the multiples of the half-life nothing happens in yours: divide with `/`, not `//`.",
    "normalised": "you divided by the sum of the weights. Leave them: the last choice weighs 1.",
}


def _check_fade(fade: Fade) -> None:
    users, half_life = np.array([3, 3, 3, 3, 5, 8, 8, 8]), 2.0
    given = users.copy()
    got = _array(fade(given, half_life), (8,), "the weights of eight choices")
    if not np.array_equal(given, users):
        raise Incorrect("your function changed the array of users. Work on a copy.")
    for how, says in _FADE_SAYS.items():
        if _close(got, _fade_wrongly(how)(users, half_life)):
            raise Incorrect(says)
    same(got, _fade(users, half_life), what="users 3 3 3 3 5 8 8 8, half-life 2: the weights")
    rng = np.random.default_rng(3)
    for n, half_life in ((1, 5.0), (30, 1.0), (60, 7.5)):
        users = np.sort(rng.integers(0, 9, n))
        got = _array(fade(users.copy(), half_life), (n,), "the weights")
        same(got, _fade(users, half_life), what=f"{n} choices, half-life {half_life:g}: the weights")
    same(
        _array(fade(np.array([1, 1]), 3), (2,), "the weights"),
        [0.5 ** (1 / 3), 1.0],
        what="a whole half-life: the weights",
    )
    same(
        _array(fade(np.array(["b", "b", "c"]), 1.0), (3,), "the weights"),
        [0.5, 1, 1],
        what="users by name: the weights",
    )


# ------------------------------------------------------------------ 4.4.6 a review
UNFAIR = {
    "b": "the epoch was picked by the test part: with enough epochs, one of them is lucky there.",
    "c": "a rival with untuned defaults is no rival. Lesson 2.6 showed what a default can cost.",
    "d": "a hundred random items are easy to beat, and not equally easy for each model: rank all of them.",
    "g": "negatives that avoid the test part tell the model which items are special: a leak.",
    "h": "the best of five runs against one run: luck is counted for one side only.",
}
FAIR = {
    "a": "choosing settings on a validation part cut from the training data is how it should be done.",
    "e": "leaving out what was rated in training is the same for all, and what a service would do.",
    "f": "a paired interval is what a claim of 'better' needs.",
}


def _check_review(answer: Any) -> None:
    if isinstance(answer, str):
        answer = list(answer.replace(",", "").replace(" ", ""))
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        raise Incorrect('give the letters as a set, such as {"a", "b"}.')
    letters = {str(letter).strip().lower() for letter in answer}
    if strange := letters - UNFAIR.keys() - FAIR.keys():
        raise Incorrect(f"{sorted(strange)[0]!r} is not one of the letters a to h.")
    if accused := sorted(letters & FAIR.keys()):
        raise Incorrect(f"{accused[0]} is sound: {FAIR[accused[0]]}")
    if missing := sorted(UNFAIR.keys() - letters):
        hints = {
            "b": "when was it decided which epoch to report, and by looking at what?",
            "c": "how much work went into each side?",
            "d": "among how many films does a real service rank?",
            "g": "what does the sampler know that a sampler in production could not?",
            "h": "how many tickets did each side buy in this lottery?",
        }
        raise Incorrect(f"so far right, and {len(missing)} more to be found. Ask: {hints[missing[0]]}")


# ------------------------------------------------------------------ all of them
EXERCISES = [
    Exercise(
        id="4.4.1",
        title="What a score costs",
        kind="figure it out",
        prompt="""
        A NeuMF with 64 factors and a first layer of 32 (so a second of 16) is to rank a catalogue of one million items. Count
        multiplications; additions and relu are free. Answer with a dict:

        - `dot`: for one item, if the score were a dot product of two vectors of 64
        - `neumf`: for one item through the whole formula of this section
        - `halves`: the same, when $p'_u W_1$ of the upper and $q'_i W_1$ of the lower half of $W_1$ have been computed
          beforehand and are only added
        - `seconds`: for one user and all items by `neumf`, at 20 billion multiplications a second
        """,
        reference=_costs,
        check=_check_costs,
        hints=(
            "A layer from n numbers to m is a matrix with n x m entries, and each is used once.",
            "64 products of p and q; 128 x 32 and 32 x 16 in the layers; 64 + 16 for the weights h and h'.",
        ),
        wrong=(
            WrongAnswer(
                "no last row", lambda: _costs() | {"neumf": 64 + 128 * 32 + 32 * 16}, "last row of weights is missing"
            ),
            WrongAnswer("no g", lambda: _costs() | {"neumf": 128 * 32 + 32 * 16 + 80}, "product of p and q is missing"),
            WrongAnswer(
                "one vector goes in", lambda: _costs() | {"neumf": 64 + 64 * 32 + 32 * 16 + 80}, "128 numbers, not 64"
            ),
            WrongAnswer(
                "layers as vectors", lambda: _costs() | {"neumf": 64 + 128 + 32 + 16 + 80}, "a layer is a matrix"
            ),
            WrongAnswer("only the user's half", lambda: _costs() | {"halves": 4752 - 2048}, "store it"),
            WrongAnswer("milliseconds", lambda: _costs() | {"seconds": 237.6}, "milliseconds"),
            WrongAnswer("seconds of the halves", lambda: _costs() | {"seconds": 0.0328}, "halves at hand"),
            WrongAnswer("a dot product of both", lambda: _costs() | {"dot": 128}, "64 multiplications"),
        ),
        points=2,
        explanation="64 against 64 + 4,096 + 512 + 80 = 4,752: 74 times as much, and a quarter of a second for one user. With the "
        "halves stored it is 656, ten times as much. And the factor is not the worst of it: an index finds the largest dot "
        "products without computing most of them (lesson 4.5), and for a network no such index exists.",
    ),
    Exercise(
        id="4.4.2",
        title="The loss of a batch",
        kind="build",
        prompt="""
        Write the corrected loss. `s` is (B, B): row b holds the scores of the user of choice b for all items of the batch, and
        column b is the item of choice b, so that the right answers stand on the diagonal. `q` (B,) is how often each item is
        drawn, `chosen_too` (B, B) is True where the row's user chose the column's item as well: that is no negative, and adds
        nothing. It is never True on the diagonal.
        """,
        reference=lambda: _batch_loss,
        check=_check_batch_loss,
        hints=(
            "Three steps: correct the scores by column, make shares of each row, and look at the diagonal.",
            "With l = s - np.log(q): np.exp(l), set to 0 where chosen_too; the diagonal over the sum of the row; minus the mean "
            "of its logarithm.",
        ),
        wrong=tuple(
            WrongAnswer(how, functools.partial(_batch_loss_wrongly, how), says[:40]) for how, says in _LOSS_SAYS.items()
        ),
        points=3,
        explanation="l_uj = s_uj - ln Q_j by column; the share of the diagonal in each row; minus the mean logarithm. Since "
        "exp(s - ln Q) = exp(s) / Q, the correction divides by how often an item is drawn: the inverse propensity of lesson 2.6.",
        expected=example(
            "batch_loss([[1, 0], [0, 1]], [0.9, 0.1], no others)",
            lambda: _batch_loss(np.eye(2), np.array([0.9, 0.1]), np.zeros((2, 2), dtype=bool)),
        ),
    ),
    Exercise(
        id="4.4.3",
        title="The answer in the question",
        kind="figure it out",
        prompt="""
        The colleague's code runs, the loss is splendid, and the lists are bad. Find out why, and write `histories` so that
        it does not happen: for each choice (u, i) of a batch, the mean of the $e_j$ over what u chose.

        `x` has one row of zeros and ones for each choice (what that user chose, all of it), `items` the column of the item
        that is asked for. If a user chose nothing else, the mean is all zeros.
        """,
        reference=lambda: _histories,
        check=_check_histories,
        hints=(
            "In training, what does the user's tower see that it will not see when it is asked to recommend something new?",
            "Subtract `e[items]` from the sum, and divide by one less than the number of choices (but never by 0).",
        ),
        wrong=(
            WrongAnswer("the leak", lambda: _histories_wrongly("leak"), "still in the history"),
            WrongAnswer("divides by n", lambda: _histories_wrongly("divides by n"), "n - 1 others"),
            WrongAnswer("a sum", lambda: _histories_wrongly("sum"), "A mean"),
            WrongAnswer("hides the whole batch", lambda: _histories_wrongly("items of the batch"), "its own item only"),
            WrongAnswer("0 / 0", lambda: _histories_wrongly("nan"), "at least 1"),
            WrongAnswer("only divides", lambda: _histories_wrongly("only divides"), "still in the sum"),
            WrongAnswer("adds the item", lambda: _histories_wrongly("added"), "minus"),
            WrongAnswer("changes x", lambda: _histories_wrongly("in place"), "Work on a copy"),
        ),
        points=3,
        explanation="The history held the item that was asked for. 'Which item of this batch is in the mean?' is an easy "
        "question, and whoever learns to answer it recommends what was chosen already, which is the one thing that must not "
        "be in the list. It is lesson 1.5's leak in a new dress: at prediction time the target is not there.",
        expected=example(
            "histories([[1, 1, 0]], [[1, 0], [0, 3], [9, 9]], [0])",
            lambda: _histories(np.array([[1.0, 1, 0]]), np.array([[1.0, 0], [0, 3], [9, 9]]), np.array([0])),
        ),
    ),
    Exercise(
        id="4.4.4",
        title="Attention that does not look ahead",
        kind="build",
        prompt="""
        Write self-attention for one history. `q`, `k` and `v` are (T, d), one row a place: what a place asks, what it answers
        to, and what it passes on. Row t of the result is the mean of the rows $v_r$ over $r \\le t$, weighted by the $a_{tr}$
        above.
        """,
        reference=lambda: _attend,
        check=_check_attend,
        hints=(
            "All scores at once are a matrix, q @ k.T. Which entries of it may place t use?",
            "np.tri(T) is 1 on and below the diagonal. Exponentials of q @ k.T / sqrt(d), 0 where np.tri is 0, each row divided "
            "by its sum; then @ v.",
        ),
        wrong=tuple(
            WrongAnswer(how, functools.partial(_attend_wrongly, how), says[:40]) for how, says in _ATTEND_SAYS.items()
        ),
        points=3,
        explanation="Scores, mask, softmax along each row, weighted mean. The mask is what makes the training honest: place t is "
        "asked for the item at t + 1, and could copy it if it saw it. It is the leak of exercise 4.4.3 once more.",
        expected=example(
            "attend(q, k, v) with q = k = [[0], [0], [0]] and v = [[3], [5], [10]]",
            lambda: _attend(np.zeros((3, 1)), np.zeros((3, 1)), np.array([[3.0], [5.0], [10.0]])),
        ),
    ),
    Exercise(
        id="4.4.5",
        title="Let the past fade",
        kind="build",
        prompt="""
        Write `fade`: the weight of each choice, $2^{-a / h}$, with $a$ the number of choices that the same user made after it and
        $h$ the half-life, in choices. `users` (n,) names the user of each choice; the rows are sorted by user, and within a
        user by time, the earliest first. Everybody's last choice has age 0.
        """,
        reference=lambda: _fade,
        check=_check_fade,
        hints=(
            "How many rows of the same user come after this one? pandas has `groupby(...).cumcount(ascending=False)`.",
            "age = pd.Series(users).groupby(users).cumcount(ascending=False).to_numpy(), and then 0.5 ** (age / half_life).",
        ),
        wrong=tuple(
            WrongAnswer(how, functools.partial(_fade_wrongly, how), says[:40]) for how, says in _FADE_SAYS.items()
        ),
        points=2,
        explanation="A cumulated count from the end within each user, and a power of one half. An exponential fade needs no "
        "history to be kept in a service: multiply the old profile by $2^{-1/h}$ and add the new choice.",
        expected=example("fade(['a', 'a', 'b'], 1)", lambda: _fade(np.array(["a", "a", "b"]), 1.0)),
    ),
    Exercise(
        id="4.4.6",
        title="Review a result",
        kind="figure it out",
        prompt="""
        "DeepNet beats matrix factorization (MF) by 9 %." Here is how it was found. Which points make the comparison unfair? Answer
        with a set of letters.

        - a. DeepNet's width, rate and decay were chosen by nDCG@10 on a validation part of the training ratings.
        - b. Reported is the epoch of DeepNet with the best nDCG@10 on the test part.
        - c. MF ran with the default settings of a well-known library.
        - d. Each test item was ranked among 100 random items, not among all.
        - e. Items that a user rated in training were left out of the lists of both models.
        - f. The difference is given with an interval, paired by user.
        - g. DeepNet's negatives were drawn from the items that the user chose neither in training nor in the test part.
        - h. DeepNet's number is the best of five seeds, MF's is one run.
        """,
        reference=lambda: set(UNFAIR),
        check=_check_review,
        hints=(
            "For each point: does it treat both sides alike, and does it use what would not be known in production?",
            "Five points are unfair: two of them use the test part, one weakens the rival, one counts luck, one changes the question.",
        ),
        wrong=(
            WrongAnswer("blames the validation part", lambda: {"a", *UNFAIR}, "a is sound"),
            WrongAnswer("blames the exclusion", lambda: {"e", *UNFAIR}, "e is sound"),
            WrongAnswer("blames the interval", lambda: {"f", *UNFAIR}, "f is sound"),
            WrongAnswer("forgets the negatives", lambda: set(UNFAIR) - {"g"}, "sampler"),
            WrongAnswer("forgets the defaults", lambda: set(UNFAIR) - {"c"}, "how much work"),
            WrongAnswer("forgets the seeds", lambda: set(UNFAIR) - {"h"}, "lottery"),
            WrongAnswer("forgets the candidates", lambda: set(UNFAIR) - {"d"}, "among how many"),
            WrongAnswer("forgets the epoch", lambda: set(UNFAIR) - {"b"}, "which epoch"),
        ),
        points=3,
        explanation="b and g use the test part, c weakens the rival, h gives one side five tries, and d asks an easier question, whose "
        "answer need not order the models as the real one does. a, e and f are as they should be. Ferrari Dacrema and others (2019) "
        "found such points in published work by the dozen; none of them needs bad intent.",
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_popular() -> str:
    """The optimum of the plain in-batch softmax is ln p(i | u) - ln Q_i: what does an item lose that is drawn 50 times as often?"""
    loss = math.log(50)
    return {0: "a", 4: "b", 50: "c"}[round(loss)]


def _key_new_user() -> str:
    from recsys_lab.production.neural import NeuMF, SASRec, TwoTower

    able = [cls is not Recommender and cls._fold_in is not Recommender._fold_in for cls in (NeuMF, TwoTower, SASRec)]
    return {(True, True, True): "a", (False, True, True): "b", (False, False, True): "c"}[tuple(able)]  # type: ignore[index]


def _key_batch() -> str:
    """Scores computed in an epoch, by the size of the batch."""

    def scores(n_choices: int, batch: int) -> int:
        return n_choices // batch * batch**2

    return {1.0: "a", 2.0: "b", 4.0: "c"}[scores(2**16, 1024) / scores(2**16, 512)]


def _key_mask() -> str:
    """Change the last row of v: which rows of the result change?"""
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(6, 4)) for _ in range(3))
    other = v.copy()
    other[-1] += 1
    changed = (np.abs(_attend(q, k, v) - _attend(q, k, other)) > 1e-12).any(axis=1)
    return "a" if changed.all() else "b" if changed.tolist() == [False] * 5 + [True] else "c"


def _key_tie() -> str:
    low, high = -0.004, 0.012
    return "c" if low < 0 < high else "a" if low > 0 else "b"


QUIZ = [
    Question(
        text="Two films would be chosen equally often by this user, but one is drawn into batches 50 times as often. A two-tower model is "
        "trained to the end *without* the correction. The frequent film's score is then",
        choices={"a": "the same", "b": "lower by about 4", "c": "lower by 50"},
        key=_key_popular,
        why={
            "a": "That is what the correction achieves.",
            "b": "ln 50 = 3.9: without the correction the scores settle at ln P(i | u) - ln Q_i.",
            "c": "The shares differ by a factor of 50. Scores are logarithms of shares.",
        },
    ),
    Question(
        text="A new user has rated five films a minute ago. Which of the library's three models can serve them without a new fit?",
        choices={"a": "all three", "b": "TwoTower and SASRec", "c": "SASRec only"},
        key=_key_new_user,
        why={
            "a": "NeuMF knows users by a row of a table, and the new user has none.",
            "b": "Both make the user's vector from the history, at the moment it is needed.",
            "c": "The two-tower model's user tower reads a history too; it only ignores the order.",
        },
    ),
    Question(
        text="You double the batch of an in-batch softmax, from 512 to 1,024. The number of scores computed in an *epoch*",
        choices={"a": "stays the same", "b": "doubles", "c": "becomes four times as large"},
        key=_key_batch,
        why={
            "a": "The number of choices stays; each has twice as many negatives.",
            "b": "Four times as many a batch, and half as many batches: each choice meets twice as many negatives.",
            "c": "That is the cost of one batch. There are half as many of them.",
        },
    ),
    Question(
        text="In causal self-attention, the last item of the history is replaced by another. Which places' results change?",
        choices={"a": "all of them", "b": "the last one only", "c": "all but the last"},
        key=_key_mask,
        why={
            "a": "Earlier places do not see it: r <= t.",
            "b": "Only the last place sees it. So results of earlier places can be kept when a choice is added.",
            "c": "The other way round: the mask hides the future, not the past.",
        },
    ),
    Question(
        text="Your network's nDCG@10 is 0.004 above EASE's, with a paired 95 % interval from -0.004 to 0.012. What do you report?",
        choices={"a": "the network wins", "b": "EASE wins", "c": "they cannot be told apart here"},
        key=_key_tie,
        why={
            "a": "0 lies well inside the interval: other users could have turned the sign.",
            "b": "Nothing in the numbers speaks for that.",
            "c": "And then the cheaper one is the better choice, until more data says otherwise.",
        },
    ),
]
