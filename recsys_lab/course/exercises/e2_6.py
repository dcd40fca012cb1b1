"""Exercises and quiz of lesson 2.6, Implicit feedback."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab import Ratings, datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question

NAN = np.nan


# ------------------------------------------------------------------ data to check with
@functools.cache
def _choices() -> np.ndarray:
    """Choices of 120 real users among 60 films: (120, 60) of ones and zeros, some films without any."""
    stars = Ratings.from_frame(datasets.load("ml-100k").ratings).matrix[:120, :60].toarray()
    x = (stars >= 4).astype(float)
    x[:, [7, 30]] = 0
    return x


def _array(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The answer as an array of this shape; anything else is refused in words."""
    if value is None:
        raise Incorrect(f"{what}: got None. Is a `return` missing?")
    if sparse.issparse(value):
        value = value.toarray()
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Incorrect(f"{what} should be an array of numbers, but is a {type(value).__name__}.") from None
    if array.shape != shape:
        raise Incorrect(f"{what} should have the shape {shape}, but has {array.shape}.")
    return array


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-9))


# ------------------------------------------------------------------ 2.6.1 from a log to choices
ToChoices = Callable[[pd.DataFrame, float], pd.DataFrame]
LOG_COLUMNS = ["user", "item", "event", "stay"]


def _to_choices(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    long_enough = (log["event"] == "click") & (log["stay"] >= seconds)
    return long_enough.groupby([log["user"], log["item"]]).any().rename("chosen").reset_index()


def _to_choices_by_click(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return _to_choices(log, -1)


def _to_choices_by_sum(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return (log.groupby(["user", "item"])["stay"].sum() >= seconds).rename("chosen").reset_index()


def _to_choices_by_last(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return (log.groupby(["user", "item"])["stay"].last() >= seconds).rename("chosen").reset_index()


def _to_choices_by_first(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return (log.groupby(["user", "item"])["stay"].first() >= seconds).rename("chosen").reset_index()


def _to_choices_by_mean(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return (log.groupby(["user", "item"])["stay"].mean() >= seconds).rename("chosen").reset_index()


def _to_choices_above(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return (log.groupby(["user", "item"])["stay"].max() > seconds).rename("chosen").reset_index()


def _to_choices_only_positives(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    made = _to_choices(log, seconds)
    return made[made["chosen"]].reset_index(drop=True)


def _to_choices_only_clicked(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return _to_choices(log[log["event"] == "click"], seconds)


def _to_choices_per_event(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    made = log.assign(chosen=(log["event"] == "click") & (log["stay"] >= seconds))
    return made[["user", "item", "chosen"]].sort_values(["user", "item"], ignore_index=True)


def _to_choices_all_pairs(log: pd.DataFrame, seconds: float) -> pd.DataFrame:
    every = pd.MultiIndex.from_product(
        [sorted(log["user"].unique()), sorted(log["item"].unique())], names=["user", "item"]
    )
    chosen = _to_choices(log, seconds).set_index(["user", "item"])["chosen"]
    return chosen.reindex(every, fill_value=False).reset_index()


def _small_log() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("bea", "x", "shown", NAN),
            ("bea", "x", "click", 20.0),
            ("bea", "x", "click", 25.0),
            ("ann", "x", "shown", NAN),
            ("ann", "x", "click", 40.0),
            ("ann", "x", "shown", NAN),
            ("ann", "x", "click", 2.0),
            ("ann", "y", "shown", NAN),
            ("ann", "z", "shown", NAN),
            ("ann", "z", "click", 30.0),
            ("cem", "z", "shown", NAN),
            ("cem", "z", "click", 3.0),
            ("cem", "y", "shown", NAN),
            ("cem", "y", "click", 5.0),
            ("cem", "y", "click", 40.0),
        ],
        columns=LOG_COLUMNS,
    )


def _tidy(got: Any) -> pd.DataFrame:
    """The answer in one form: a frame with the three columns, sorted, chosen as True or False."""
    if got is None:
        raise Incorrect("got None where a frame is expected: is a `return` missing?")
    if not isinstance(got, pd.DataFrame):
        raise Incorrect(f"return a frame with columns user, item, chosen; got a {type(got).__name__}.")
    missing = [name for name in ("user", "item", "chosen") if name not in got.columns]
    if missing:
        there = ", ".join(map(str, got.columns)) or "none"
        index = " user and item are in its index: `reset_index()`." if "user" in (got.index.names or []) else ""
        raise Incorrect(f"the column {missing[0]!r} is missing; there are: {there}.{index}")
    out = got[["user", "item", "chosen"]].reset_index(drop=True)
    if out["chosen"].isna().any() or not out["chosen"].isin([0, 1]).all():
        raise Incorrect("the column chosen must hold True or False for every pair; some entries are something else.")
    return out.assign(chosen=out["chosen"].astype(bool))


def _check_to_choices(to_choices: ToChoices) -> None:
    log = _small_log()
    before = log.copy()
    got = _tidy(to_choices(log, 30))
    if not log.equals(before):
        raise Incorrect("your function changed the log that it was given. Work on a copy.")
    want = _to_choices(before, 30)
    pairs = list(zip(got["user"], got["item"]))
    if len(set(pairs)) < len(pairs):
        raise Incorrect(
            "a pair stands in several rows: ann met x twice. One row for each user and item: group by both."
        )
    right = set(zip(want["user"], want["item"]))
    if ("bea", "y") in pairs:
        raise Incorrect(
            "bea and y are in the result, but y was never shown to bea. Not shown is not a refusal: leave such pairs out."
        )
    if set(pairs) < right and ("ann", "y") not in pairs:
        if got["chosen"].all():
            raise Incorrect(
                "only the chosen pairs are left. What was shown and not chosen is information too: keep it, with False."
            )
        raise Incorrect(
            "ann was shown y and did not click: that row is missing. Shown and left is one of the three states."
        )
    if set(pairs) != right:
        raise Incorrect(f"the pairs should be {sorted(right)}, but are {sorted(set(pairs))}.")
    said = dict(zip(pairs, got["chosen"]))
    if said["cem", "z"]:
        raise Incorrect("cem clicked on z and left after 3 seconds, and it counts as chosen: a click is not enough.")
    if said["bea", "x"]:
        raise Incorrect(
            "bea's two visits to x, 20 and 25 seconds, were added up. One visit must be long enough by itself."
        )
    if not said["ann", "x"] and said["cem", "y"]:
        raise Incorrect(
            "ann stayed 40 seconds with x, and only 2 the next time. One long visit is enough: the last does not decide."
        )
    if said["ann", "x"] and not said["cem", "y"]:
        raise Incorrect(
            "cem left y after 5 seconds, came back, and stayed 40. One long visit is enough: the first does not decide."
        )
    if not said["ann", "x"]:
        raise Incorrect(
            "ann stayed 40 seconds with x on one visit and 2 on another. One long visit is enough: a short one does not lower it."
        )
    if not said["ann", "z"]:
        raise Incorrect("ann stayed exactly 30 seconds with z, and the bar is 30: `>=`, not `>`.")
    if pairs != sorted(pairs):
        raise Incorrect("the rows should be sorted by user, then item.")
    same(got, want, what="the log with three readers")
    rng = np.random.default_rng(5)
    for n, seconds in ((40, 10), (300, 45), (1, 5)):
        shown = pd.DataFrame({"user": rng.integers(0, 12, n), "item": rng.integers(0, 9, n)})
        clicks = shown.sample(frac=0.6, random_state=n).assign(event="click")
        clicks["stay"] = np.round(rng.exponential(30, len(clicks)))
        more = pd.concat([shown.assign(event="shown", stay=NAN), clicks])[LOG_COLUMNS].sample(frac=1, random_state=1)
        same(_tidy(to_choices(more.copy(), seconds)), _to_choices(more, seconds), what=f"a log of {len(more)} events")
    same(_tidy(to_choices(before.copy(), 0)), _to_choices(before, 0), what="a bar of 0 seconds (every click counts)")


# ------------------------------------------------------------------ 2.6.2 EASE
Ease = Callable[[np.ndarray, float], np.ndarray]


def _inverse(x: np.ndarray, reg: float) -> np.ndarray:
    return np.linalg.inv(x.T @ x + reg * np.eye(x.shape[1]))


def _ease(x: np.ndarray, reg: float) -> np.ndarray:
    p = _inverse(x, reg)
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b


def _ridge(x: np.ndarray, reg: float) -> np.ndarray:
    return np.eye(x.shape[1]) - reg * _inverse(x, reg)


def _ridge_zeroed(x: np.ndarray, reg: float) -> np.ndarray:
    b = _ridge(x, reg)
    np.fill_diagonal(b, 0)
    return b


def _ease_diagonal(x: np.ndarray, reg: float) -> np.ndarray:
    p = _inverse(x, reg)
    return -p / np.diag(p)


def _ease_wrong_sign(x: np.ndarray, reg: float) -> np.ndarray:
    return -_ease(x, reg)


def _ease_by_rows(x: np.ndarray, reg: float) -> np.ndarray:
    return _ease(x, reg).T


def _ease_no_division(x: np.ndarray, reg: float) -> np.ndarray:
    b = -_inverse(x, reg)
    np.fill_diagonal(b, 0)
    return b


def _ease_by_users(x: np.ndarray, reg: float) -> np.ndarray:
    return _ease(x, reg * len(x))


def _ease_spread(x: np.ndarray, reg: float) -> np.ndarray:
    p = np.linalg.inv(x.T @ x + reg)
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b


def _ease_clipped(x: np.ndarray, reg: float) -> np.ndarray:
    return np.maximum(_ease(x, reg), 0)


def _ease_tied(x: np.ndarray, reg: float) -> np.ndarray:
    return _ease(x, 1.0)


TINY = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1.0]])


def _check_ease(ease: Ease) -> None:
    x, reg = TINY, 2.0
    given = x.copy()
    b = _array(ease(given, reg), (3, 3), "B for five users and three films")
    if not np.array_equal(given, x):
        raise Incorrect("your function changed X. Work on a copy.")
    if not np.isfinite(b).all():
        raise Incorrect("B holds NaN or infinity: reg must stand on the diagonal before you invert.")
    want = _ease(x, reg)
    if _close(b, _ridge(x, reg)):
        raise Incorrect(
            "this is the colleague's model: a film has a weight for itself, and that weight takes away from all others. "
            "B_ii must be 0."
        )
    if _close(b, _ridge_zeroed(x, reg)):
        raise Incorrect(
            "you fitted the plain ridge and set the diagonal to 0 afterwards. Then the others still got only what the film left "
            "them. The condition belongs into the fit: divide by P_ii instead."
        )
    if _close(b, _ease_diagonal(x, reg)):
        raise Incorrect("the diagonal is -1: the formula -P_ji / P_ii is for j other than i. Set the diagonal to 0.")
    if _close(b, -want):
        raise Incorrect("the sign is the wrong way round: films that are liked together should speak *for* each other.")
    if _close(b, want.T):
        raise Incorrect(
            "you divided row j by P_jj, or transposed. Column i belongs to film i: B[:, i] is P[:, i] divided by P_ii."
        )
    if _close(b, _ease_spread(x, reg)):
        raise Incorrect(
            "`+ reg` adds reg to *every* entry of G. It belongs on the diagonal: `+ reg * np.eye(n_items)`."
        )
    if _close(b, _ease_no_division(x, reg)):
        raise Incorrect("the division by P_ii is missing: -P alone is the plain ridge divided by reg.")
    if _close(b, _ease(x, 1.0)):
        raise Incorrect("reg is 2 here, and you calculated with 1 in its place: it is the function's second argument.")
    for factor, words in (
        (len(x), "multiplied by the number of users"),
        (1 / len(x), "divided by the number of users"),
    ):
        if _close(b, _ease(x, reg * factor)):
            raise Incorrect(f"reg was {words}: G is a sum, not a mean, and reg is added to it as it is.")
    same(b, want, what="five users, three films, reg 2: B")
    for reg in (0.5, 20.0, 300.0):
        got = _array(ease(_choices().copy(), reg), (60, 60), "B for 60 real films")
        if np.allclose(got, _ease_clipped(_choices(), reg), atol=1e-7):
            raise Incorrect(
                "the negative weights are gone. They belong to the model: who likes this may well want that *less*."
            )
        same(got, _ease(_choices(), reg), atol=1e-7, rtol=1e-5, what=f"60 real films, reg {reg:g}: B")
    small = np.random.default_rng(2).integers(0, 2, (4, 9)).astype(float)
    same(_array(ease(small, 1.0), (9, 9), "B"), _ease(small, 1.0), what="more films than users: B")
    whole = _array(ease(TINY.astype(int), 2), (3, 3), "B of whole numbers")
    same(whole, want, what="X and reg given as whole numbers: B")


# ------------------------------------------------------------------ 2.6.3 a half-step of implicit ALS
UserVector = Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]


def _user_vector(q: np.ndarray, chosen: np.ndarray, alpha: float, reg: float) -> np.ndarray:
    mine = q[chosen]
    a = q.T @ q + alpha * mine.T @ mine + reg * np.eye(q.shape[1])
    return np.linalg.solve(a, (1 + alpha) * mine.sum(axis=0))


def _user_vector_wrongly(how: str) -> UserVector:
    """The misconceptions, each one step away from the right equation."""

    def user_vector(q: np.ndarray, chosen: np.ndarray, alpha: float, reg: float) -> np.ndarray:
        mine, k = q[chosen], q.shape[1]
        gram = np.zeros((k, k)) if how == "no blanks" else q.T @ q
        own = 1 + alpha if how in ("counted twice", "no blanks") else alpha
        right = {"right side without 1": alpha, "right side without alpha": 1.0}.get(how, 1 + alpha)
        price = {"no price": 0.0, "price times n": reg * len(chosen)}.get(how, reg)
        if how == "no alpha":
            own, right = 0.0, 1.0
        if how == "mean":
            right = right / max(1, len(chosen))
        if how == "alpha squared":
            own = (1 + alpha) ** 2 - 1
        a = gram + own * mine.T @ mine + price * (np.ones((k, k)) if how == "reg everywhere" else np.eye(k))
        return np.linalg.solve(a, right * mine.sum(axis=0))

    return user_vector


def _user_vector_summed(q: np.ndarray, chosen: np.ndarray, alpha: float, reg: float) -> np.ndarray:
    return q[chosen].sum(axis=0) / (len(chosen) + reg)


def _user_vector_by_python_sum(q: np.ndarray, chosen: np.ndarray, alpha: float, reg: float) -> np.ndarray:
    own: Any = sum((1 + alpha) * q[i] for i in chosen)  # the number 0 for a user without choices
    return np.linalg.solve(q.T @ q + alpha * q[chosen].T @ q[chosen] + reg * np.eye(q.shape[1]), own)


def _check_user_vector(user_vector: UserVector) -> None:
    rng = np.random.default_rng(1)
    q, chosen, alpha, reg = rng.normal(0, 1, (12, 3)), np.array([2, 5, 9, 10]), 4.0, 0.7
    given = q.copy()
    p = _array(user_vector(given, chosen.copy(), alpha, reg), (3,), "p_u for 12 items and k = 3")
    if not np.array_equal(given, q):
        raise Incorrect("your function changed Q. Work on a copy.")
    messages = {
        "no blanks": "the blanks are missing: only the chosen items are in the sum on the left. Add Q.T @ Q, the sum over all items.",
        "counted twice": "the chosen items count 1 + (1 + alpha) = 2 + alpha: Q.T @ Q holds them once already, so the delta is alpha only.",
        "right side without 1": "on the right, a choice has the confidence 1 + alpha, not alpha.",
        "right side without alpha": "on the right, each chosen item is multiplied by its confidence 1 + alpha.",
        "no price": "the price is missing: add reg on the diagonal.",
        "price times n": "reg was multiplied by the number of choices: it is lambda_u already.",
        "no alpha": "alpha plays no part: choices and blanks count alike in your answer.",
        "reg everywhere": "`+ reg` adds reg to every entry. It belongs on the diagonal: reg * np.eye(k).",
        "mean": "on the right the chosen vectors are added up, not averaged.",
        "alpha squared": "the confidence is squared. In the normal equation each item counts c_ui times: not c_ui squared.",
    }
    for how, message in messages.items():
        if _close(p, _user_vector_wrongly(how)(q, chosen, alpha, reg)):
            raise Incorrect(message)
    if _close(p, _user_vector_summed(q, chosen, alpha, reg)) or _close(p, q[chosen].mean(axis=0)):
        raise Incorrect("this is an average of the chosen items' vectors. Solve the equation: `np.linalg.solve(A, b)`.")
    if _close(p, _user_vector(q, chosen, alpha + 1, reg)):
        raise Incorrect("a choice has the confidence 1 + alpha; yours has 2 + alpha.")
    if alpha > 1 and _close(p, _user_vector(q, chosen, alpha - 1, reg)):
        raise Incorrect("a choice has the confidence 1 + alpha; yours has alpha.")
    same(p, _user_vector(q, chosen, alpha, reg), what="12 items, four of them chosen, alpha 4, reg 0.7: p_u")
    try:
        found = user_vector(q.copy(), np.array([], dtype=int), alpha, reg)
    except Exception as error:  # whatever NumPy raises
        raise Incorrect(
            f"for a user without choices your code raised {type(error).__name__}: {error}. Their sum on the right is a vector "
            "of k zeros, and so is p_u."
        ) from None
    none = _array(found, (3,), "p_u of a user without choices")
    if not np.isfinite(none).all():
        raise Incorrect(
            "a user without choices gets NaN: the sum on the right is 0, and so is p_u. Do not divide by the number of choices."
        )
    same(none, np.zeros(3), what="a user without choices: p_u")
    for n, k, m, alpha, reg in (
        (40, 5, 1, 0.0, 1.0),
        (300, 16, 60, 3.0, 12.0),
        (6, 4, 6, 40.0, 0.1),
        (5, 8, 2, 1.0, 2),
    ):
        q = rng.normal(0, 0.3, (n, k))
        chosen = np.sort(rng.choice(n, m, replace=False))
        got = _array(user_vector(q.copy(), chosen.copy(), alpha, reg), (k,), f"p_u for {n} items and k = {k}")
        same(got, _user_vector(q, chosen, alpha, reg), what=f"{n} items, {m} chosen, alpha {alpha:g}, reg {reg:g}: p_u")


# ------------------------------------------------------------------ 2.6.4 one BPR step
Step = Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]


def _bpr_step(p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, rate: float, reg: float) -> Any:
    e = 1 / (1 + np.exp(p @ q_i - p @ q_j))
    return (
        p + rate * (e * (q_i - q_j) - reg * p),
        q_i + rate * (e * p - reg * q_i),
        q_j + rate * (-e * p - reg * q_j),
    )


def _bpr_wrongly(how: str) -> Step:
    """The misconceptions, each one step away from the right one."""

    def step(p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, rate: float, reg: float) -> Any:
        lead = p @ q_i - p @ q_j
        e = 1 / (1 + np.exp(-lead if how == "confident" else lead))
        if how == "no e":
            e = 1.0
        sign = -1 if how == "downhill" else 1
        price = {"reg grows": -reg, "no price": 0.0, "price twice": 2 * reg}.get(how, reg)
        new_p = p + rate * (sign * e * (q_i - q_j) - price * p)
        used = new_p if how == "new p" else p
        new_i = q_i + rate * (sign * e * used - price * q_i)
        new_j = q_j + rate * (-sign * e * used - price * q_j)
        if how == "new p for j":
            new_j = q_j + rate * (-e * new_p - reg * q_j)
        if how == "swapped":
            return new_p, new_j, new_i
        if how == "j stays":
            new_j = q_j.copy()
        if how == "j rises":
            new_j = q_j + rate * (e * p - reg * q_j)
        if how == "price without rate":
            return tuple(v - (1 - rate) * reg * old for v, old in zip((new_p, new_i, new_j), (p, q_i, q_j)))
        return new_p, new_i, new_j

    return step


def _bpr_in_place(p: np.ndarray, q_i: np.ndarray, q_j: np.ndarray, rate: float, reg: float) -> Any:
    e = 1 / (1 + np.exp(p @ q_i - p @ q_j))
    p += rate * (e * (q_i - q_j) - reg * p)
    q_i += rate * (e * p - reg * q_i)
    q_j += rate * (-e * p - reg * q_j)
    return p, q_i, q_j


def _three(got: Any, k: int) -> list[np.ndarray]:
    if got is None:
        raise Incorrect("got None: return the three new vectors, `return new_p, new_i, new_j`.")
    if not isinstance(got, (tuple, list, np.ndarray)) or len(got) != 3:
        raise Incorrect("return three vectors: the new p, q_i and q_j, in this order.")
    return [_array(v, (k,), name) for v, name in zip(got, ("the new p", "the new q_i", "the new q_j"))]


def _check_bpr_step(bpr_step: Step) -> None:
    old = (np.array([0.5, -1.0, 0.3]), np.array([0.4, 0.2, -0.6]), np.array([-0.1, 0.7, 0.5]))
    rate, reg = 0.2, 0.1
    given = tuple(v.copy() for v in old)
    got = _three(bpr_step(*given, rate, reg), 3)
    if any(not np.array_equal(a, b) for a, b in zip(given, old)):
        raise Incorrect(
            "your function changed the vectors it was given (`p += ...` writes into the caller's array, and into what the "
            "next line reads). Make new ones: `new_p = p + ...`."
        )
    messages = {
        "new p": "q_i and q_j were moved with the new p. All three right-hand sides use the old vectors.",
        "confident": "e is the wrong way round: it should be large when i does *not* lead yet, sigma(s_uj - s_ui). Yours pushes "
        "hardest where the order is right already.",
        "no e": "e is missing: every pair is pushed with full force, even one whose order is right. Multiply by e.",
        "downhill": "the step goes the wrong way: i should gain on j. BPR maximises, so the gradient is added.",
        "reg grows": "the price has the wrong sign: it pulls the vectors towards 0, so it is subtracted.",
        "no price": "the price is missing: each vector is also pulled towards 0, by reg times itself.",
        "j stays": "q_j did not move. The film that was not chosen goes the other way: -e p - reg q_j.",
        "j rises": "q_j moved towards p, like q_i. The film that was not chosen goes the other way: -e p.",
        "new p for j": "q_j was moved with the new p: it should be the old one, as for q_i.",
        "swapped": "the new q_i and q_j are returned in the wrong order: p, q_i, q_j.",
        "price twice": "the price is twice as large as in the formula: reg times the vector, without a 2.",
        "price without rate": "the price is not multiplied by the rate: the whole bracket is.",
    }
    for how, message in messages.items():
        if all(_close(a, b) for a, b in zip(got, _bpr_wrongly(how)(*old, rate, reg))):
            raise Incorrect(message)
    names = ("the new p", "the new q_i", "the new q_j")
    for a, b, name in zip(got, _bpr_step(*old, rate, reg), names):
        same(a, b, what=f"{name}, with rate 0.2 and reg 0.1")
    rng = np.random.default_rng(3)
    for k, rate, reg in ((1, 0.1, 0.0), (8, 0.05, 0.02), (20, 1.0, 0.5)):
        old = tuple(rng.normal(0, 1, (3, k)))
        got = _three(bpr_step(*(v.copy() for v in old), rate, reg), k)
        for a, b, name in zip(got, _bpr_step(*old, rate, reg), names):
            same(a, b, what=f"{name}, with k = {k}, rate {rate:g}, reg {reg:g}")


# ------------------------------------------------------------------ 2.6.5 a sampler that does not know the test part
Draw = Callable[[pd.DataFrame, Any, np.ndarray, int, np.random.Generator], np.ndarray]


def _draw(ratings: pd.DataFrame, user: Any, catalogue: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    mine = ratings[(ratings["user"] == user) & (ratings["rating"] >= 4) & (ratings["part"] == "train")]
    return rng.choice(np.setdiff1d(catalogue, mine["item"]), n)


def _draw_wrongly(how: str) -> Draw:
    def draw(ratings: pd.DataFrame, user: Any, catalogue: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        train = ratings[ratings["part"] == "train"]
        mine = (ratings if how in ("leak", "all seen") else train).query("user == @user")
        if how == "everybody":
            mine = train
        if how not in ("seen", "all seen"):
            mine = mine[mine["rating"] >= (5 if how == "above" else 4)]
        if how == "only liked less":
            return rng.choice(train.query("user == @user and rating < 4")["item"].to_numpy(), n)
        if how == "anything":
            return rng.choice(catalogue, n)
        if how == "popular":
            pool = train.loc[train["rating"] >= 4, "item"]
            return rng.choice(pool[~pool.isin(mine["item"])].to_numpy(), n)
        free = np.setdiff1d(catalogue, mine["item"])
        if how == "no repeats":
            return rng.choice(free, min(n, len(free)), replace=False)
        if how == "first":
            return np.resize(free, n)
        return rng.choice(free, n)

    return draw


def _sampler_case() -> tuple[pd.DataFrame, np.ndarray]:
    """User 1 liked 1, 2, 3 in training, gave 4 and 5 few stars, and likes 6 and 7 in the test part. 12 was rated by nobody."""
    rows = [(1, i, 5.0, "train") for i in (1, 2)] + [(1, 3, 4.0, "train"), (1, 4, 2.0, "train"), (1, 5, 3.0, "train")]
    rows += [(1, 6, 5.0, "test"), (1, 7, 4.0, "test"), (1, 8, 1.0, "test")]
    for other in range(2, 12):
        rows += [(other, 9, 5.0, "train"), (other, 1, 4.0, "train"), (other, 6, 4.0, "train")]
        rows += [(other, 10 if other % 2 else 11, 5.0, "train"), (other, 8, 4.0, "test")]
    return pd.DataFrame(rows, columns=["user", "item", "rating", "part"]), np.arange(1, 13)


def _check_draw(draw: Draw) -> None:
    ratings, catalogue = _sampler_case()
    n = 9000
    frame, array = ratings.copy(), catalogue.copy()
    got = _drawn(draw(frame, 1, array, n, np.random.default_rng(0)), n, catalogue)
    if not frame.equals(ratings) or not np.array_equal(array, catalogue):
        raise Incorrect("your function changed the ratings or the catalogue. Work on copies.")
    count = {int(item): int((got == item).sum()) for item in catalogue}
    if any(count[i] for i in (1, 2, 3)):
        which = (
            "a film of 4 stars counts as chosen too: `>= 4`" if not count[1] else "they are no negatives for this user"
        )
        raise Incorrect(f"films that the user chose in training were drawn: {which}.")
    if not count[6] and not count[7]:
        if not any(count[i] for i in (4, 5, 8, 9, 10, 11, 12)):
            raise Incorrect("nothing is left to draw from: check your conditions.")
        if count[4] and count[9] + count[10] + count[12] == 0:
            raise Incorrect(
                "only films that the user rated low were drawn. What the user never met is a negative as well."
            )
        if not count[4] and not count[5]:
            raise Incorrect(
                "everything that the user has rated is left out, whatever the stars and in the test part, too. That is the leak and one "
                "more thing: which of these films are *not* choices in training?"
            )
        raise Incorrect(
            "there is the leak: films that the user likes in the *test* part are never drawn. What is never pushed down ends up on "
            "top, so the model learns from you which films are hidden. The sampler may know the training part only."
        )
    if not count[4] and not count[12]:
        raise Incorrect(
            "neither film 12, which nobody has rated, nor those that only this user rated low are ever drawn: your pool is made of other "
            "people's choices. Such a pool draws by popularity. Draw from the catalogue."
        )
    if not count[4] and not count[5]:
        raise Incorrect(
            "films that the user rated below 4 in training are never drawn. They are not chosen, and the surest negatives there are."
        )
    if not count[9] or not count[10]:
        raise Incorrect("films that *other* people chose are never drawn. Leave out this user's choices only.")
    if not count[12]:
        raise Incorrect(
            "film 12, which nobody has rated, is never drawn. Draw from the catalogue: a pool of rows or rated films draws by popularity."
        )
    free = np.array([count[i] for i in range(4, 13)])
    if free.max() > 1.3 * free.min():
        raise Incorrect(
            f"the films are not equally likely: {int(free.max())} draws of one, {int(free.min())} of another. Draw from the distinct films, "
            "not from rows, where a film stands as often as it is liked."
        )
    if free.max() - free.min() <= 1:
        raise Incorrect(
            "every film was drawn equally often, to the last one: that is a rotation, not a random draw. Use rng.choice."
        )
    again = _drawn(draw(ratings.copy(), 1, catalogue.copy(), n, np.random.default_rng(0)), n, catalogue)
    if not np.array_equal(got, again):
        raise Incorrect("the same rng seed gave other draws: draw from `rng` only, so that a run can be repeated.")
    other = _drawn(draw(ratings.copy(), 1, catalogue.copy(), n, np.random.default_rng(1)), n, catalogue)
    if np.array_equal(got, other):
        raise Incorrect("another rng gave the same draws: draw from the `rng` that you are given.")
    # The tripwire of 2.2: whatever stands in the test part, the draws must not move.
    tampered = ratings.assign(rating=np.where(ratings["part"] == "test", 6 - ratings["rating"], ratings["rating"]))
    moved = _drawn(draw(tampered, 1, catalogue.copy(), n, np.random.default_rng(0)), n, catalogue)
    if not np.array_equal(got, moved):
        raise Incorrect("the draws move when the ratings of the *test* part change: there is still a leak.")
    newcomer = _drawn(draw(ratings.copy(), 99, catalogue.copy(), n, np.random.default_rng(0)), n, catalogue)
    if set(newcomer.tolist()) != set(catalogue.tolist()):
        raise Incorrect("for a user without a choice every film of the catalogue may be drawn; some never were.")
    names = np.array([f"film {i:02}" for i in catalogue], dtype=object)
    named = ratings.assign(item=[f"film {i:02}" for i in ratings["item"]])
    drawn = np.asarray(draw(named, 1, names, 50, np.random.default_rng(0)))
    if not set(drawn.tolist()) <= set(names[3:].tolist()):
        raise Incorrect("with ids that are texts, something else was drawn than ids of free films.")


def _drawn(got: Any, n: int, catalogue: np.ndarray) -> np.ndarray:
    if got is None:
        raise Incorrect("got None: is a `return` missing?")
    array = np.asarray(got)
    if array.shape != (n,):
        raise Incorrect(
            f"asked for {n} draws, more than there are films, and got {array.shape}. Repeats are allowed: each draw is independent."
        )
    if not np.isin(array, catalogue).all():
        raise Incorrect("something was drawn that is not an item id of the catalogue: return ids, not positions.")
    return array


# ------------------------------------------------------------------ 2.6.6 clicks, places and wants
LOOKED = {1: 1.0, 2: 0.5, 4: 0.2}  # v_r, the share of visitors who look at place r
PLACED = {"A": ({1: 1000}, 300), "B": ({4: 1000}, 90), "C": ({2: 600, 4: 400}, 200)}  # shown at places, clicks


def _wanted() -> dict[str, Any]:
    by = {name: clicks / sum(n * LOOKED[r] for r, n in shown.items()) for name, (shown, clicks) in PLACED.items()}
    return by | {"best": max(by, key=by.__getitem__)}


def _wanted_wrongly(how: str) -> dict[str, Any]:
    by = {}
    for name, (shown, clicks) in PLACED.items():
        total = sum(shown.values())
        rate = clicks / total
        if how == "rate":
            by[name] = rate
        elif how == "mean place":
            by[name] = rate / float(np.mean([LOOKED[r] for r in shown]))
        elif how == "times":
            by[name] = rate * sum(n * LOOKED[r] for r, n in shown.items()) / total
        elif how == "place number":
            by[name] = rate * sum(n * r for r, n in shown.items()) / total
        elif how == "mean weight":
            by[name] = rate * sum(n / LOOKED[r] for r, n in shown.items()) / total
    return by | {"best": max(by, key=by.__getitem__)}


def _check_wanted(answer: Any) -> None:
    want = _wanted()
    if not isinstance(answer, Mapping):
        raise Incorrect('answer with a dict: {"A": ..., "B": ..., "C": ..., "best": "A"}.')
    missing = [key for key in want if key not in answer]
    if missing:
        raise Incorrect(f"the entry {missing[0]!r} is missing.")
    got = {}
    for name in PLACED:
        value = answer[name]
        got[name] = number(value, f"the entry {name!r}")
        if not math.isfinite(got[name]):
            raise Incorrect(f"the entry {name!r} should be a number from 0 to 1, but is {value!r}.")
    if all(np.isclose(v, 100 * want[n], rtol=0.01) for n, v in got.items()):
        raise Incorrect("these are per cent. Give shares from 0 to 1.")
    if got["A"] > 1 or got["B"] > 1 or got["C"] > 1:
        raise Incorrect(
            "a share above 1 cannot be: divide the clicks by the number of *looks*, not by something smaller."
        )

    def is_like(how: str) -> bool:
        wrong = _wanted_wrongly(how)
        return all(np.isclose(got[n], wrong[n], rtol=0.005) for n in PLACED)

    if is_like("rate"):
        raise Incorrect(
            "this is the raw click rate, clicks divided by page views. Most visitors never looked at places 2 and 4."
        )
    if is_like("times"):
        raise Incorrect("you multiplied by the share of looks. Few looks make each click worth *more*: divide.")
    if is_like("place number"):
        raise Incorrect(
            "you multiplied by the number of the place. What counts is how often it is looked at, which the table gives."
        )
    if is_like("mean weight"):
        raise Incorrect(
            "C's page views were weighted by 1 / v: that weight belongs to *clicks*, and we do not know at which place they were made. "
            "Add up the looks of C at both places, and divide its clicks by them."
        )
    if is_like("mean place"):
        raise Incorrect(
            "for C you took the plain mean of the two places, but it stood at place 2 more often. Add up its looks."
        )
    for name in PLACED:
        rounded = [round(want[name], digits) for digits in (2, 3)]  # on paper, two decimals are enough
        if not np.isclose(got[name], [want[name], *rounded], rtol=0, atol=2e-5).any():
            looks = sum(n * LOOKED[r] for r, n in PLACED[name][0].items())
            raise Incorrect(
                f"{name}: {got[name]:g} times its looks is {got[name] * looks:g} clicks, but it had {PLACED[name][1]}. "
                "How many looks did it get?"
            )
    if str(answer["best"]).strip().upper() != want["best"]:
        raise Incorrect(f"the three numbers are right, but {answer['best']!r} is not the largest of them.")


def _wanted_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    fig, ax = plt.subplots()
    names = list(PLACED)
    ax.bar(names, [sum(PLACED[n][0].values()) for n in names], color="#56B4E9", label="page views")
    ax.bar(names, [PLACED[n][1] for n in names], width=0.4, color="#D55E00", label="clicks")
    ax.set(title="What the log shows. How many of the views were looks?", xlabel="item", ylabel="number")
    ax.set_ylim(0, 1250)
    ax.legend(loc="upper right", ncols=2)
    figure_alt(fig, "Three items with 1000 page views each, and 300, 90 and 200 clicks.")
    return fig


EXERCISES = [
    Exercise(
        id="2.6.1",
        title="From a log to choices",
        kind="build",
        prompt="""
            Turn the log into the table that a model can learn from: for each pair of user and item *that was shown*, was it
            chosen? A click counts only if the reader stayed `seconds` or longer. Somebody may have met the same item several
            times; one visit that is long enough makes it a choice.
        """,
        reference=lambda: _to_choices,
        check=_check_to_choices,
        hints=(
            "In SQL it would be `GROUP BY user, item` with a `bool_or(...)`. A comparison with NaN is False in pandas, which is just "
            "what the rows `shown` need.",
            '`long = (log["event"] == "click") & (log["stay"] >= seconds)`, then '
            '`long.groupby([log["user"], log["item"]]).any()`, a name for the column, and `reset_index()`.',
        ),
        wrong=(
            WrongAnswer("every click counts", lambda: _to_choices_by_click, "a click is not enough"),
            WrongAnswer("adds up the visits", lambda: _to_choices_by_sum, "were added up"),
            WrongAnswer("the last visit decides", lambda: _to_choices_by_last, "the last does not decide"),
            WrongAnswer("the mean visit decides", lambda: _to_choices_by_mean, "does not lower it"),
            WrongAnswer("the first visit decides", lambda: _to_choices_by_first, "the first does not decide"),
            WrongAnswer("above instead of from", lambda: _to_choices_above, "`>=`, not `>`"),
            WrongAnswer("keeps the choices only", lambda: _to_choices_only_positives, "information too"),
            WrongAnswer("keeps the clicked only", lambda: _to_choices_only_clicked, "did not click"),
            WrongAnswer("one row an event", lambda: _to_choices_per_event, "several rows"),
            WrongAnswer("all pairs", lambda: _to_choices_all_pairs, "never shown to bea"),
        ),
        points=2,
        explanation="One row a pair, and three states: chosen (True), shown and left (False), never shown (no row). Most public "
        "data sets hold only the first. If your log can tell the second from the third, keep it: an item that was shown ten times "
        "and left ten times is a far better negative than one that nobody ever saw.",
        expected=example(
            "to_choices(log, 30), for ann: x 40 s, y not clicked, z 30 s; the column chosen",
            lambda: _to_choices(_small_log(), 30).query("user == 'ann'")["chosen"].to_numpy(),
        ),
    ),
    Exercise(
        id="2.6.2",
        title="The model that explains itself",
        kind="figure it out",
        prompt=r"""
            The colleague's ridge has a training error near zero and useless lists. Find out why: print a few entries of
            `plain`, on the diagonal and beside it (`fit_part.items.rows([100])` is where *Fargo* stands). What is the
            easiest way to predict whether somebody likes *Fargo*, if the list of films they like is given, *Fargo*
            included?

            Then write the model in which this is impossible. It minimises the same sum under one condition more. That
            takes a Lagrange multiplier for each film, and the result is as short as before. With
            $P = (G + \lambda I)^{-1}$:

            $$B_{ji} = -\frac{P_{ji}}{P_{ii}} \quad (j \ne i) \qquad\qquad B_{ii} = 0$$

            One inverse of a table of films against films, and all regressions are answered. The model is called **EASE**
            (Steck 2019).
        """,
        reference=lambda: _ease,
        check=_check_ease,
        hints=(
            "With the film itself among the features, the best prediction is a copy: B = I. The condition in the formula forbids it; note which "
            "P it divides by, P_ii for the whole *column* i.",
            "`P = np.linalg.inv(X.T @ X + reg * np.eye(X.shape[1]))`, then `B = -P / np.diag(P)` (NumPy divides column by column here), "
            "and `np.fill_diagonal(B, 0)`.",
        ),
        wrong=(
            WrongAnswer("the colleague's ridge", lambda: _ridge, "the colleague's model"),
            WrongAnswer("diagonal zeroed afterwards", lambda: _ridge_zeroed, "afterwards"),
            WrongAnswer("diagonal left at -1", lambda: _ease_diagonal, "the diagonal is -1"),
            WrongAnswer("wrong sign", lambda: _ease_wrong_sign, "speak *for* each other"),
            WrongAnswer("divided by rows", lambda: _ease_by_rows, "Column i belongs to film i"),
            WrongAnswer("no division", lambda: _ease_no_division, "division by P_ii is missing"),
            WrongAnswer("reg times the users", lambda: _ease_by_users, "number of users"),
            WrongAnswer("reg added everywhere", lambda: _ease_spread, "*every* entry"),
            WrongAnswer("negative weights removed", lambda: _ease_clipped, "negative weights are gone"),
            WrongAnswer("reg ignored", lambda: _ease_tied, "1 in its place"),
        ),
        points=3,
        explanation="A film that may vote for itself needs nobody else, and for a film that the user has not chosen that vote is worth "
        "nothing. Setting the diagonal to 0 *after* the fit does not help: the others' weights were made small because the film had "
        "itself. The condition must hold *during* the fit; the multiplier that it needs turns out to be 1 / P_ii.",
        expected=example(
            "ease([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1]], reg=2)", lambda: _ease(TINY, 2.0)
        ),
    ),
    Exercise(
        id="2.6.3",
        title="Half a step of implicit ALS",
        kind="build",
        prompt="""
            Solve the normal equation above for one user: all items count, the chosen ones with confidence 1 + alpha. You
            may visit every blank, or use the gram; the result is the same.
        """,
        reference=lambda: _user_vector,
        check=_check_user_vector,
        hints=(
            "Left side: a total over all items, which is `Q.T @ Q`, plus alpha times the same for the chosen rows, plus reg on the "
            "diagonal. Right side: the chosen rows only.",
            "`mine = Q[chosen]`; `A = Q.T @ Q + alpha * mine.T @ mine + reg * np.eye(Q.shape[1])`; "
            "`np.linalg.solve(A, (1 + alpha) * mine.sum(axis=0))`.",
        ),
        wrong=(
            WrongAnswer("blanks left out", lambda: _user_vector_wrongly("no blanks"), "blanks are missing"),
            WrongAnswer(
                "choices counted twice", lambda: _user_vector_wrongly("counted twice"), "holds them once already"
            ),
            WrongAnswer("alpha on the right", lambda: _user_vector_wrongly("right side without 1"), "not alpha"),
            WrongAnswer(
                "no confidence on the right",
                lambda: _user_vector_wrongly("right side without alpha"),
                "multiplied by its confidence",
            ),
            WrongAnswer("no price", lambda: _user_vector_wrongly("no price"), "price is missing"),
            WrongAnswer("price times n", lambda: _user_vector_wrongly("price times n"), "lambda_u already"),
            WrongAnswer("alpha ignored", lambda: _user_vector_wrongly("no alpha"), "plays no part"),
            WrongAnswer("confidence squared", lambda: _user_vector_wrongly("alpha squared"), "squared"),
            WrongAnswer("reg everywhere", lambda: _user_vector_wrongly("reg everywhere"), "every entry"),
            WrongAnswer("mean on the right", lambda: _user_vector_wrongly("mean"), "not averaged"),
            WrongAnswer("mean of the items", lambda: _user_vector_summed, "an average"),
            WrongAnswer(
                "fails on no choices", lambda: _user_vector_by_python_sum, "a user without choices your code raised"
            ),
        ),
        points=3,
        explanation="`Q.T @ Q` already holds every item once, with confidence 1. So the user's own delta is alpha, while on the right, "
        "where the blanks' targets are 0, a choice stands with its whole confidence 1 + alpha. With a cached gram the cost depends on "
        "the user's choices, and not on the size of the catalogue.",
        expected=example(
            "user_vector([[1, 0], [0, 1], [1, 1]], chosen=[0], alpha=1, reg=1)",
            lambda: _user_vector(np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([0]), 1.0, 1.0),
        ),
    ),
    Exercise(
        id="2.6.4",
        title="One step of BPR",
        kind="build",
        prompt="""
            Write the three updates as a function. Before you do, guess: if i leads j by a wide margin already, how far
            should the step go?
        """,
        reference=lambda: _bpr_step,
        check=_check_bpr_step,
        hints=(
            "First the two scores, `p @ q_i` and `p @ q_j`; then e, which is large when j is ahead; then three new vectors from the three "
            "old ones.",
            "`e = 1 / (1 + np.exp(p @ q_i - p @ q_j))`, and `new_p = p + rate * (e * (q_i - q_j) - reg * p)`; the other two likewise, with "
            "the old `p`.",
        ),
        wrong=(
            WrongAnswer("uses the new p", lambda: _bpr_wrongly("new p"), "the old vectors"),
            WrongAnswer("in place", lambda: _bpr_in_place, "changed the vectors"),
            WrongAnswer("e the wrong way round", lambda: _bpr_wrongly("confident"), "wrong way round"),
            WrongAnswer("no e", lambda: _bpr_wrongly("no e"), "e is missing"),
            WrongAnswer("minimises", lambda: _bpr_wrongly("downhill"), "wrong way: i should gain"),
            WrongAnswer("price added", lambda: _bpr_wrongly("reg grows"), "wrong sign"),
            WrongAnswer("no price", lambda: _bpr_wrongly("no price"), "price is missing"),
            WrongAnswer("uses the new p for j", lambda: _bpr_wrongly("new p for j"), "as for q_i"),
            WrongAnswer("i and j swapped", lambda: _bpr_wrongly("swapped"), "wrong order"),
            WrongAnswer("price twice", lambda: _bpr_wrongly("price twice"), "without a 2"),
            WrongAnswer("j stays", lambda: _bpr_wrongly("j stays"), "did not move"),
            WrongAnswer("j rises", lambda: _bpr_wrongly("j rises"), "goes the other way"),
            WrongAnswer("price without rate", lambda: _bpr_wrongly("price without rate"), "not multiplied by the rate"),
        ),
        points=2,
        explanation="The force of the step is e, the probability that the model gives to the *wrong* order. A pair with a wide lead hardly "
        "moves anything, apart from the price; so training spends itself on the pairs that are still in doubt. `p += ...` is the classic "
        "bug here: it changes the caller's array, and the next two lines then read the new p.",
        expected=example(
            "bpr_step(p=[1, 0], q_i=[0, 1], q_j=[1, 0], rate=0.1, reg=0)",
            lambda: _bpr_step(np.array([1.0, 0]), np.array([0.0, 1]), np.array([1.0, 0]), 0.1, 0.0),
        ),
    ),
    Exercise(
        id="2.6.5",
        title="The sampler that knew too much",
        kind="figure it out",
        prompt="""
            Here is the colleague's sampler, in short. The learning itself uses the training part only.

            ```python
            def draw_negatives(ratings, user, catalogue, n, rng):
                liked = ratings.loc[(ratings["user"] == user) & (ratings["rating"] >= 4), "item"]
                free = np.setdiff1d(catalogue, liked)
                return rng.choice(free, n)
            ```

            Where do the extra points come from? Then write the sampler without that help. Think also about films that the
            user rated *low*: may they be drawn?
        """,
        reference=lambda: _draw,
        check=_check_draw,
        hints=(
            "The frame has a column `part`. Which rows does the sampler look at? What does a model conclude about the few films that are "
            "never pushed down, for this one user?",
            'Add one condition, `ratings["part"] == "train"`, to those of `liked`, and keep the rest.',
        ),
        wrong=(
            WrongAnswer("the colleague's", lambda: _draw_wrongly("leak"), "there is the leak"),
            WrongAnswer("all that was rated, in both parts", lambda: _draw_wrongly("all seen"), "one more thing"),
            WrongAnswer("no rated films", lambda: _draw_wrongly("seen"), "surest negatives"),
            WrongAnswer("nobody's choices", lambda: _draw_wrongly("everybody"), "*other* people"),
            WrongAnswer("anything at all", lambda: _draw_wrongly("anything"), "chose in training were drawn"),
            WrongAnswer("fives only are choices", lambda: _draw_wrongly("above"), "4 stars counts as chosen"),
            WrongAnswer("by popularity", lambda: _draw_wrongly("popular"), "by popularity"),
            WrongAnswer("without repeats", lambda: _draw_wrongly("no repeats"), "Repeats are allowed"),
            WrongAnswer("a rotation", lambda: _draw_wrongly("first"), "not a random draw"),
            WrongAnswer("low ratings only", lambda: _draw_wrongly("only liked less"), "negative as well"),
        ),
        points=3,
        explanation="Every film of the catalogue is pushed down now and then, except the ones that the user chose, and the hidden ones. So "
        "the hidden ones float up: not by taste, but because the sampler marked them. In production there is no test part to leave out, "
        "and the gain is gone. Whatever shapes training, samplers, vocabularies, filters, must be made from the training part alone; "
        "the tripwire of lesson 2.2 (change the test part, nothing may move) finds this leak, too.",
        expected=lambda: (
            "For a user who chose films 1 and 2 in training, rated 3 with two stars, and likes 4 in the test part:\n"
            "out of a catalogue of 1 to 6 these may be drawn, equally often: 3, 4, 5, 6"
        ),
    ),
    Exercise(
        id="2.6.6",
        title="The item in the dark corner",
        kind="figure it out",
        prompt="""
            Three items, 1,000 page views each. Place 1 is looked at by all visitors, place 2 by half of them, place 4 by a fifth.

            | item | where it stood | clicks |
            |---|---|---|
            | A | place 1, all the time | 300 |
            | B | place 4, all the time | 90 |
            | C | place 2 for 600 views, place 4 for 400 views | 200 |

            A dashboard that sorts by clicks puts A first. Guess which item is wanted most; then work out each item's $w_i$.
        """,
        reference=_wanted,
        check=_check_wanted,
        hints=(
            "Clicks = looks times w. A had 1,000 looks. How many had B?",
            "C had 600 x 0.5 looks at place 2 and 400 x 0.2 at place 4. Divide its clicks by the sum.",
        ),
        wrong=(
            WrongAnswer("raw click rates", lambda: _wanted_wrongly("rate"), "raw click rate"),
            WrongAnswer("multiplied by the looks", lambda: _wanted_wrongly("times"), "divide"),
            WrongAnswer("mean of the two places", lambda: _wanted_wrongly("mean place"), "plain mean"),
            WrongAnswer("times the place's number", lambda: _wanted_wrongly("place number"), "number of the place"),
            WrongAnswer("views weighted by 1 / v", lambda: _wanted_wrongly("mean weight"), "belongs to *clicks*"),
            WrongAnswer("per cent", lambda: {"A": 30, "B": 45, "C": 52.6, "best": "C"}, "per cent"),
            WrongAnswer("C's looks added up wrongly", lambda: _wanted() | {"C": 200 / 370}, "How many looks"),
            WrongAnswer("the wrong winner", lambda: _wanted() | {"best": "A"}, "not the largest"),
        ),
        points=2,
        explanation="A: 300 / 1000 = 0.30. B: 90 / 200 = 0.45. C: 200 / (300 + 80) = 0.53. The item with the most clicks is wanted least. "
        "Each click of a place that is looked at with probability v stands for 1 / v clicks on a fair page.",
        expected=_wanted_figure,
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_large_reg() -> str:
    """With a very large reg, whose lists are EASE's: those of the likes, or those of the pair counts?"""
    x = _choices()
    g = x.T @ x
    scores = x @ _ease(x, 1e9)
    pairs = x @ (g - np.diag(np.diag(g)))
    likes = np.tile(np.diag(g), (len(x), 1))
    active = x.any(axis=1)

    def agree(other: np.ndarray) -> float:
        mine, theirs = (
            np.argsort(-np.round(s[active] / s[active].max(), 6), axis=1, kind="stable") for s in (scores, other)
        )
        return float(np.mean(mine[:, :10] == theirs[:, :10]))

    return "b" if agree(pairs) > 0.99 > agree(likes) else "a" if agree(likes) > 0.99 else "c"


def _key_copy() -> str:
    x = np.vstack([np.eye(5), np.random.default_rng(0).integers(0, 2, (30, 5))]).astype(float)
    score = np.abs((x @ _ridge(x, 1e-6))[x == 0]).max()
    return "a" if score < 1e-3 else "b"


def _key_alpha() -> str:
    choices, blanks = 20, 980
    return {19.0: "a", 48.0: "b", 49.0: "c"}[blanks / choices - 1]


def _key_doubt() -> str:
    first, later = (1 / (1 + math.exp(lead)) for lead in (0.0, 5.0))
    return {1: "a", 5: "b", 75: "c"}[round(first / later)]


def _key_gram() -> str:
    """Multiplications for one user's half-step, the gram given, in a catalogue of n items and in one of 2 n."""

    def work(n_items: int, n_chosen: int, k: int) -> int:
        assert n_items >= n_chosen
        return n_chosen * k**2 + k**3

    ratio = work(2_000_000, 50, 64) / work(1_000_000, 50, 64)
    return {2.0: "a", 1.0: "b", 4.0: "c"}[ratio]


QUIZ = [
    Question(
        text="You give EASE an enormous `reg`. Its lists become those of",
        choices={"a": "popularity", "b": "pair counts", "c": "a random order"},
        key=_key_large_reg,
        why={
            "a": "Near it, but not quite: the weights still depend on what the user likes.",
            "b": "P is then nearly (I - G / reg) / reg, so the weights are G divided by reg, and a constant changes no order.",
            "c": "The weights become tiny, all by the same factor. Their order remains.",
        },
    ),
    Question(
        text="A ridge without the condition on the diagonal, and with hardly any `reg`, is fitted to data that allows a perfect fit. "
        "A film that the user has not chosen gets a score of",
        choices={"a": "nearly 0", "b": "nearly 1, if it is popular", "c": "its share of likes"},
        key=_key_copy,
        why={
            "a": "The fit is a copy, B = I. It reproduces the training data, and in those the film is a 0.",
            "b": "Popular films are the ones most sure of themselves. They copy, and the copy of a blank is 0.",
            "c": "That would be a model with an intercept only. This one copies its input.",
        },
    ),
    Question(
        text="A user has 20 choices and 980 blanks. At which `alpha` do the choices weigh as much as the blanks, all together?",
        choices={"a": "19", "b": "48", "c": "49"},
        key=_key_alpha,
        why={
            "a": "Then the choices weigh 20 x 20 = 400, and the blanks 980.",
            "b": "(1 + 48) x 20 = 980. And *whether* that is a good balance, only validation can say.",
            "c": "980 / 20 is 49, but the confidence is 1 + alpha.",
        },
    ),
    Question(
        text="In BPR, a pair starts with a lead of 0, and later has a lead of 5. Apart from the price, the force e of the step is then",
        choices={"a": "the same: the pair is the same", "b": "5 times larger", "c": "about 75 times smaller"},
        key=_key_doubt,
        why={
            "a": "e depends on the lead: it is the probability that the model gives to the wrong order.",
            "b": "That is a sign error: e is sigma(s_uj - s_ui), and it falls as the lead grows.",
            "c": "sigma(0) = 0.5, and sigma(-5) is 0.0067. Pairs that are in order are left alone.",
        },
    ),
    Question(
        text="The catalogue doubles to two million items. With the gram given, what does one user's half-step of implicit ALS cost now?",
        choices={"a": "twice as much", "b": "the same", "c": "four times as much"},
        key=_key_gram,
        why={
            "a": "That is the price of visiting every blank. They are all in the gram already.",
            "b": "n_u k^2 + k^3: the user's own choices and the number of factors. The gram itself is computed once for all users.",
            "c": "Nothing in a half-step grows with the square of the catalogue. (EASE's table of films does.)",
        },
    ),
]
