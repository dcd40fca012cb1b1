"""Exercises and quiz of lesson 4.1, Matrix factorization and "SVD"."""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from recsys_lab import Ratings, datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.sgd import padded, svd_epoch

# ------------------------------------------------------------------ 4.1.1 one rating, one step
Step = Callable[..., tuple[Any, Any, Any, Any]]
CASE = (5.0, 3.5, 0.2, -0.1, np.array([0.3, -0.4, 1.0]), np.array([0.5, 0.1, -0.2]), 0.1, 0.5)


def _step(
    r: float, mu: float, b_u: float, b_i: float, p: np.ndarray, q: np.ndarray, rate: float, reg: float
) -> tuple[Any, Any, Any, Any]:
    e = r - (mu + b_u + b_i + p @ q)
    return (
        b_u + rate * (e - reg * b_u),
        b_i + rate * (e - reg * b_i),
        p + rate * (e * q - reg * p),
        q + rate * (e * p - reg * q),
    )


def _step_wrongly(how: str) -> Step:
    """The misconceptions, each one change away from the right step."""

    def step(
        r: float, mu: float, b_u: float, b_i: float, p: np.ndarray, q: np.ndarray, rate: float, reg: float
    ) -> tuple[Any, Any, Any, Any]:
        e = r - (p @ q if how == "bare" else mu + b_u + b_i + p @ q)
        if how == "uphill":
            e = -e
        price = {"free": 0.0, "whole": reg / rate, "raise": -reg}.get(how, reg)
        on_biases = 0.0 if how == "free biases" else price
        own = (p, q) if how == "own" else (q, p)
        new_p = p + rate * (e * own[0] - price * p)
        new_q = q + rate * (e * (new_p if how == "in turn" else own[1]) - price * q)
        if how == "squared":
            new_p, new_q = p + rate * (e**2 * q - reg * p), q + rate * (e**2 * p - reg * q)
        if how == "twice":
            rate *= 2
            new_p, new_q = p + rate * (e * q - reg * p), q + rate * (e * p - reg * q)
        if how == "frozen":
            return b_u, b_i, new_p, new_q
        if how == "swapped":
            new_p, new_q = new_q, new_p
        new_u = b_u + rate * (e - on_biases * b_u)
        e_i = r - (mu + new_u + b_i + p @ q) if how == "biases in turn" else e
        return new_u, b_i + rate * (e_i - on_biases * b_i), new_p, new_q

    return step


def _step_in_place(
    r: float, mu: float, b_u: float, b_i: float, p: np.ndarray, q: np.ndarray, rate: float, reg: float
) -> tuple[Any, Any, Any, Any]:
    new = _step(r, mu, b_u, b_i, p, q, rate, reg)
    p[:], q[:] = new[2], new[3]
    return new[0], new[1], p, q


_STEP_MESSAGES = {
    "in turn": "the item moved by the user's *new* vector. Both lines want p_u and q_i from before the step: "
    "compute both, then assign.",
    "biases in turn": "b_i moved by an error that already contains the new b_u. There is one error a step, from before it.",
    "bare": "the error forgets the averages: the prediction is mu + b_u + b_i + p @ q.",
    "uphill": "every step makes the error larger: e is the rating minus the prediction, not the other way round.",
    "free": "nothing is pulled towards 0: the terms with reg are missing.",
    "free biases": "the factors are pulled towards 0, the biases are not. All four lines have a term with reg.",
    "whole": "the pull towards 0 is as long as reg itself; it belongs inside the bracket that rate multiplies.",
    "raise": "the terms with reg push away from 0: there is a minus sign in front of each.",
    "own": "p moved along p, and q along q. How the error changes with p is q, and the other way round.",
    "squared": "the steps are as long as e squared. The slope of a square is twice the thing itself (the 2 is left to rate).",
    "twice": "the steps are twice as long as in the four lines: the 2 of the slope is left to rate.",
    "swapped": "the new p and the new q are right, but they came back in the wrong order: (b_u, b_i, p, q).",
    "frozen": "the biases stand still: they learn like everything else.",
}


def _four(step: Step, case: tuple) -> list[Any]:
    got = step(*(part.copy() if isinstance(part, np.ndarray) else part for part in case))
    if not isinstance(got, (tuple, list)) or len(got) != 4:
        many = f"{len(got)} values" if isinstance(got, (tuple, list)) else type(got).__name__
        raise Incorrect(f"return the four new values (b_u, b_i, p, q); got {many}.")
    return [number(got[0], "b_u"), number(got[1], "b_i"), np.asarray(got[2], float), np.asarray(got[3], float)]


def _check_step(step: Step) -> None:
    got, want = _four(step, CASE), list(_step(*CASE))
    for how, message in _STEP_MESSAGES.items():
        if all(is_same(g, w) for g, w in zip(got, _step_wrongly(how)(*CASE))):
            raise Incorrect(message)
    for name, g, w in zip(("b_u", "b_i", "p", "q"), got, want):
        same(
            g,
            w,
            what=f"r = 5, mu = 3.5, b_u = 0.2, b_i = -0.1, p = [0.3, -0.4, 1], q = [0.5, 0.1, -0.2]: the new {name}",
        )
    p, q = CASE[4].copy(), CASE[5].copy()
    step(*CASE[:4], p, q, *CASE[6:])
    if not (np.array_equal(p, CASE[4]) and np.array_equal(q, CASE[5])):
        raise Incorrect("your step changed the arrays that it was given. Return new ones; the caller stores them.")
    rng = np.random.default_rng(0)
    for k in (1, 2, 40):
        case = (*rng.normal(3, 1, 2), *rng.normal(0, 1, 2), rng.normal(size=k), rng.normal(size=k), 0.03, 0.7)
        for name, g, w in zip(("b_u", "b_i", "p", "q"), _four(step, case), _step(*case)):
            same(g, w, what=f"random numbers, {k} factor{'s' * (k > 1)}: the new {name}")


# ------------------------------------------------------------------ 4.1.2 three starts
def _learned(fill: Callable[[int], np.ndarray]) -> np.ndarray:
    """Q after 20 epochs on the toy set from this start."""
    train = Ratings.from_frame(datasets.toy().ratings)
    m, biases = train.matrix, (np.zeros(train.n_users), np.zeros(train.n_items))
    tables = [padded(fill(n), np.float64) for n in (train.n_users, train.n_items)]
    for _ in range(20):
        svd_epoch(m.indptr, m.indices, m.data.astype(float), train.mean, *biases, *tables, 0.005, 0.02, 1.0)  # type: ignore[call-arg]
    return tables[1][:, :5]


@functools.cache
def _starts() -> tuple[int, int, int]:
    fills: tuple[Callable[[int], np.ndarray], ...] = (
        lambda n: np.zeros((n, 5)),
        lambda n: np.full((n, 5), 0.1),
        lambda n: np.random.default_rng(n).normal(0, 0.1, (n, 5)),
    )
    zeros, equal, drawn = (int(np.linalg.matrix_rank(_learned(fill), tol=1e-9)) for fill in fills)
    return zeros, equal, drawn


def _check_starts(starts: Sequence[Any]) -> None:
    if isinstance(starts, dict):
        starts = list(starts.values())
    if not isinstance(starts, (tuple, list, np.ndarray)) or len(starts) != 3:
        raise Incorrect("write three whole numbers, such as (5, 5, 5): for zeros, for 0.1 everywhere, for random.")
    zeros, equal, drawn = (number(value, "each answer") for value in starts)
    if zeros != _starts()[0]:
        raise Incorrect(
            "look at the two lines for the factors when p and q are 0: every term on the right holds a p or a q. "
            "What is added to them, whatever the error is?"
        )
    if equal == 5:
        raise Incorrect(
            "from equal numbers, all five columns get the same step, at every rating. When would they begin to differ?"
        )
    if equal != _starts()[1]:
        raise Incorrect(
            "the factors do move from 0.1, so they are not nothing. But compare the steps of column 1 and column 2: "
            "how many *different* columns are there?"
        )
    if drawn != _starts()[2]:
        raise Incorrect("random columns differ at the start, and what differs goes on differing: count again.")


# ------------------------------------------------------------------ 4.1.3 when to stop
BestEpoch = Callable[[Sequence[float], int], Any]


def _best_epoch(errors: Sequence[float], patience: int) -> int:
    best = 1
    for epoch, error in enumerate(errors, 1):
        if error < errors[best - 1]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best


def _epoch_wrongly(how: str) -> BestEpoch:
    def best_epoch(errors: Sequence[float], patience: int) -> int:
        if how == "hindsight":
            return int(np.argmin(errors)) + 1
        patience += {"late": 1, "early": -1}.get(how, 0)
        best, waited = 1, 0
        for epoch, error in enumerate(errors[1:], 2):
            if how == "worse":
                best = epoch if error < errors[best - 1] else best
                waited = waited + 1 if error > errors[epoch - 2] else 0
                if waited >= patience:
                    return best
                continue
            bar = errors[epoch - 2] if how == "yesterday" else errors[best - 1]
            if error < bar or (how == "ties" and error == bar):
                waited = 0
                best = epoch
            else:
                waited += 1
            if waited >= patience:
                return epoch if how == "last" else best - 1 if how == "from zero" else best
        return len(errors) if how == "last" else best - 1 if how == "from zero" else best

    return best_epoch


def _best_error(errors: Sequence[float], patience: int) -> float:
    return errors[_best_epoch(errors, patience) - 1]


ERRORS = [1.00, 0.96, 0.94, 0.95, 0.945, 0.94, 0.95, 0.93]
_EPOCH_MESSAGES = {
    "hindsight": "you looked at all epochs and took the best. But the run was over by then: after epoch 5 nothing had "
    "been better than epoch 3 for two epochs, and epoch 8 was never computed.",
    "last": "that is where you stopped looking. The model to keep is the one from before it got worse: the best epoch.",
    "from zero": "epochs count from 1: errors[0] was measured after epoch 1.",
    "late": "you waited one epoch too many: with patience 2, two epochs without a new best are enough to stop.",
    "early": "you gave up one epoch too soon: with patience 2, two epochs in a row must bring no new best.",
    "yesterday": "you compared each epoch with the one before. It must beat the *best so far*: a small recovery from a "
    "bad epoch is no progress.",
    "worse": "you counted epochs that are worse than the one before. An epoch that is better than yesterday and still not the "
    "best so far is no progress either: the patience runs on.",
    "ties": "an epoch that is only as good as the best so far was taken for progress. Better means lower.",
    "value": "that is the error of the best epoch; the question is its number.",
}


def _check_best_epoch(best_epoch: BestEpoch) -> None:
    cases = [
        (ERRORS, 2),
        (ERRORS, 3),
        ([1.00, 0.96, 0.94, 0.95, 0.945, 0.96, 0.93], 2),
        ([0.9, 0.95, 0.94, 0.93, 0.92, 0.8], 3),
        ([3.0, 2.0, 1.0], 2),
        ([1.0], 4),
        ([1.0, 2.0, 3.0], 1),
        ([1.0, 1.0, 0.5], 1),
        ([1.0, 1.0, 0.5], 2),
        ([1.1, 1.0, 1.0, 1.0, 0.9], 2),
        ([0.5, 0.6, 0.4, 0.7, 0.7, 0.3], 2),
        ([1.0, 0.9, 0.95, 0.96, 0.8], 2),
    ]
    known = {how: _epoch_wrongly(how) for how in _EPOCH_MESSAGES if how != "value"} | {"value": _best_error}
    kinds: tuple[Callable[[Any], Any], ...] = (list, np.array)
    for kind in kinds:
        got = [number(best_epoch(kind(errors), patience), "the epoch") for errors, patience in cases]
        for how, wrong in known.items():
            if got == [float(wrong(errors, patience)) for errors, patience in cases]:
                raise Incorrect(_EPOCH_MESSAGES[how])
        for value, (errors, patience) in zip(got, cases):
            same(value, float(_best_epoch(errors, patience)), what=f"best_epoch({errors}, {patience})")
    before = list(ERRORS)
    best_epoch(before, 2)
    if before != ERRORS:
        raise Incorrect("your function changed the list of errors. Only read it.")


# ------------------------------------------------------------------ 4.1.4 who is pulled how hard
LAMBDA = 0.25


def _settled(n: int, price: float) -> float:
    """The p that minimises n (1 - p)^2 + price p^2."""
    return n / (n + price)


def _pulled() -> tuple[float, float, float, float]:
    return _settled(1, LAMBDA), _settled(100, 100 * LAMBDA), _settled(1, LAMBDA), _settled(100, LAMBDA)


def _check_pulled(pulled: Sequence[Any]) -> None:
    if isinstance(pulled, dict):
        pulled = list(pulled.values())
    if (
        isinstance(pulled, (tuple, list))
        and len(pulled) == 2
        and all(isinstance(part, (tuple, list)) for part in pulled)
    ):
        pulled = [*pulled[0], *pulled[1]]
    if not isinstance(pulled, (tuple, list, np.ndarray)) or len(pulled) != 4:
        raise Incorrect("write four numbers: the newcomer and the veteran at each step, then the two with one price.")
    got = [number(value, "each answer") for value in pulled]
    step_1, step_100, once_1, once_100 = _pulled()
    if np.allclose(got, [once_1, once_100, step_1, step_100], atol=0.005):
        raise Incorrect(
            "the two objectives are the wrong way round: paying *once* is where a hundred ratings outweigh the price."
        )
    if np.allclose(got, 1, atol=1e-9):
        raise Incorrect("p = 1 would fit the ratings without any error, but then the price is not paid. Both pull.")
    if np.allclose(got, [1 - value for value in _pulled()], atol=0.005):
        raise Incorrect("that is how far p stays below 1. The question is p itself.")
    if abs(got[1] - 1 / (1 + 100 * LAMBDA)) < 0.005:
        raise Incorrect(
            "the veteran, paid at each step: you let the price be paid a hundred times, and the ratings speak only once. "
            "The squared errors are added up over the hundred ratings as well."
        )
    messages = (
        (step_1, "the newcomer, paid at each step: minimise (1 - p)^2 + 0.25 p^2. Set the slope to 0."),
        (
            step_100,
            "the veteran, paid at each step: a hundred ratings pay the price a hundred times, so both parts of the sum "
            "grow a hundredfold. Where is the minimum then?",
        ),
        (once_1, "the newcomer, paid once: with one rating, once is at each step."),
        (once_100, "the veteran, paid once: minimise 100 (1 - p)^2 + 0.25 p^2."),
    )
    for value, (want, message) in zip(got, messages):
        if not abs(value - want) <= (0.0013 if want > 0.9 else 0.005):
            raise Incorrect(message)


def _pulled_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    p = np.linspace(0, 1.2, 200)
    fig, ax = plt.subplots()
    for n, price, name in (
        (1, 1, "1 rating"),
        (100, 100, "100 ratings, paid at each"),
        (100, 1, "100 ratings, paid once"),
    ):
        ax.plot(p, (n * (1 - p) ** 2 + price * LAMBDA * p**2) / n, label=name)
    ax.set(title="Where is each lowest?", xlabel="p", ylabel="what is minimised, per rating", ylim=(0, 1.1))
    ax.legend()
    figure_alt(fig, "Three parabolas over p: two of them coincide, with their minimum left of that of the third.")
    return fig


# ------------------------------------------------------------------ 4.1.5 what survives a turn
STATEMENTS = "abcdef"


@functools.cache
def _survives() -> tuple[str, str]:
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(9, 3)), rng.normal(size=(7, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    out = []
    for A in (turn, np.diag([2.0, 1.0, 0.5])):
        before, after = _facts(P, Q), _facts(P @ A, Q @ np.linalg.inv(A).T)
        out.append("".join(letter for letter in STATEMENTS if np.allclose(before[letter], after[letter])))
    return out[0], out[1]


def _facts(P: np.ndarray, Q: np.ndarray) -> dict[str, np.ndarray]:
    norms = np.linalg.norm(Q, axis=1)
    return {
        "a": P @ Q.T,
        "b": norms,
        "c": Q @ Q.T / np.outer(norms, norms),
        "d": Q[:, 0],
        "e": np.array((P**2).sum() + (Q**2).sum()),
        "f": np.linalg.svd(P @ Q.T, compute_uv=False),
    }


_TURN_MESSAGES = {
    "a": "a prediction is p @ q, and A and its inverse cancel in the product. It survives both.",
    "b": "a turn keeps every length. A stretch does not: it makes the first number half as large, the last twice.",
    "c": "angles between films survive a turn, since all vectors turn together; a stretch bends them.",
    "d": "the first number of a vector is what it is only along the first axis. Turn the axes, and it is another number.",
    "e": "the penalty adds up squared lengths: a turn keeps them, a stretch does not. That is why the penalty says how "
    "long the vectors are, and never which way they point.",
    "f": "the singular values belong to the table of predictions P Q^T, which neither changes.",
}


def _check_survives(survives: Any) -> None:
    if isinstance(survives, dict):
        survives = list(survives.values())
    if not isinstance(survives, (tuple, list)) or len(survives) != 2:
        raise Incorrect('write two texts, such as ("abc", "de"): what survives the turn, and what the stretch.')
    letters = [_letters(part) for part in survives]
    turn, stretch = (set(part) for part in _survives())
    if letters[0] == stretch and letters[1] == turn:
        raise Incorrect("the two are the wrong way round: a turn is the gentler of the two, and leaves more as it is.")
    for letter in STATEMENTS:
        if (letter in letters[0]) != (letter in turn) or (letter in letters[1]) != (letter in stretch):
            raise Incorrect(f"{letter}: {_TURN_MESSAGES[letter]}")


def _letters(part: Any) -> set[str]:
    text = part if isinstance(part, str) else "".join(map(str, part)) if isinstance(part, (list, tuple, set)) else ""
    found = {letter for letter in text.lower() if letter.isalpha()}
    if not found <= set(STATEMENTS) or not isinstance(part, (str, list, tuple, set)):
        raise Incorrect("use the letters a to f only.")
    return found


def _survives_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    Q = np.array([[1.0, 0.2], [0.6, 0.9], [-0.7, 0.6], [-0.2, -0.8]])
    c, s = np.cos(0.7), np.sin(0.7)
    tables = {"four films": Q, "after a turn": Q @ [[c, s], [-s, c]], "after a stretch": Q @ np.diag([0.5, 1.6])}
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.2))
    for ax, (name, table) in zip(axes, tables.items()):
        for q in table:
            ax.plot([0, q[0]], [0, q[1]], "-o", markevery=[1])
        ax.set(title=name, xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), aspect="equal", xlabel="first number")
    axes[0].set_ylabel("second number")
    figure_alt(
        fig, "Four arrows; the same arrows turned together; and pressed together sideways and drawn apart upwards."
    )
    return fig


# ------------------------------------------------------------------ 4.1.6 axes that do not depend on the start
Principal = Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]


def _principal(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, R_P = np.linalg.qr(P)
    W, R_Q = np.linalg.qr(Q)
    _, s, Vt = np.linalg.svd(R_P @ R_Q.T)
    return s, W @ Vt.T


def _principal_full(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, s, Vt = np.linalg.svd(P @ Q.T, full_matrices=False)
    return s[: P.shape[1]], Vt[: P.shape[1]].T


def _principal_of_items(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    U, s, _ = np.linalg.svd(Q, full_matrices=False)
    return s, U


def _principal_centred(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    U, s, _ = np.linalg.svd(Q - Q.mean(axis=0), full_matrices=False)
    return s, U


def _principal_of_users(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, V = _principal(Q, P)
    return _principal(P, Q)[0], V


def _principal_lying(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    s, V = _principal(P, Q)
    return s, V.T


def _principal_scaled(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    s, V = _principal(P, Q)
    return s, V * s


def _principal_untransposed(P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, R_P = np.linalg.qr(P)
    W, R_Q = np.linalg.qr(Q)
    _, s, Vt = np.linalg.svd(R_P @ R_Q.T)
    return s, W @ Vt


def _check_principal(principal: Principal) -> None:
    rng = np.random.default_rng(1)
    for n, m, k in ((30, 20, 3), (12, 40, 5), (8, 6, 1)):
        P, Q = rng.normal(size=(n, k)) * np.arange(1, k + 1), rng.normal(size=(m, k))
        given = P.copy(), Q.copy()
        s, V = _pair(principal(*given), m, k)
        if not (np.array_equal(given[0], P) and np.array_equal(given[1], Q)):
            raise Incorrect("your function changed P or Q. Work on copies.")
        want_s, want_V = _principal(P, Q)
        for wrong, message in (
            (_principal_of_items, "these are the axes of Q alone. They say where the films spread, not where predictions "
             "differ, and a stretch of the factors changes them. Take the axes of the product P Q^T."),
            (_principal_centred, "these are the axes of Q around its mean. Take the axes of the product P Q^T; nothing is "
             "centred."),
        ):  # fmt: skip
            if k > 1 and is_same(s, wrong(P, Q)[0]):
                raise Incorrect(message)
        if V.shape == (k, m):
            raise Incorrect(f"V lies on its side: one *row* a film, so (n_items, k), here {(m, k)}.")
        if V.shape == (n, k) and n != m:
            raise Incorrect(
                "V has one row a *user*: P Q^T has the users down and the films across, so the films are on the right."
            )
        same(s, want_s, what=f"{n} users, {m} films, {k} factor{'s' * (k > 1)}: the singular values")
        if V.shape != (m, k):
            raise Incorrect(
                f"V should have one row a film and one column a factor, {(m, k)}, but has the shape {V.shape}."
            )
        if k > 1 and is_same(np.abs(V), np.abs(want_V * want_s), rtol=1e-5):
            raise Incorrect("the columns of V are s times too long. They should have length 1.")
        same(
            np.abs((V * want_V).sum(axis=0)),
            np.ones(k),
            what="each column against the right axis (the sign is free)",
            rtol=1e-5,
        )
        same(V.T @ V, np.eye(k), what="the columns of V, multiplied with each other", rtol=1e-5, atol=1e-6)
    _watch_memory(principal, rng)


def _pair(got: Any, m: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Incorrect(f"return two things, (s, V); got {type(got).__name__}.")
    s, V = (np.asarray(part, dtype=float) for part in got)
    if s.ndim == 2 and s.shape == (k, k):
        raise Incorrect("s is a matrix; return the singular values alone, (k,).")
    if s.ndim == 1 and len(s) > k:
        raise Incorrect(
            f"{len(s)} singular values came back, of which all but {k} are 0 or rounding: P Q^T has rank k."
        )
    return s, V


def _watch_memory(principal: Principal, rng: np.random.Generator) -> None:
    P, Q = rng.normal(size=(1200, 2)), rng.normal(size=(900, 2))
    tracemalloc.start()
    try:
        principal(P, Q)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > 0.7 * 8 * 1200 * 900:
        raise Incorrect(
            "right, but on the way you built the table of all pairs, users times films. For a service with ten million "
            "users that is not possible. Two QR factorizations leave a product of two small triangles."
        )


EXERCISES = [
    Exercise(
        id="4.1.1",
        title="One rating, one step",
        kind="build",
        prompt="""
            Write the four lines above as a function of one rating. It returns the four new values, and leaves the arrays
            that it was given as they are.
        """,
        reference=lambda: _step,
        check=_check_step,
        hints=(
            "First the error: `e = r - (mu + b_u + b_i + p @ q)`. Then each of the four lines is "
            "`old + rate * (... - reg * old)`; what stands for the dots differs.",
            "`p + rate * (e * q - reg * p)` and `q + rate * (e * p - reg * q)`: two new arrays, both from the old p and q. "
            "For the biases the dots are just `e`.",
        ),
        wrong=(
            WrongAnswer("q learns from the new p", lambda: _step_wrongly("in turn"), "*new* vector"),
            WrongAnswer("b_i learns from a second error", lambda: _step_wrongly("biases in turn"), "one error a step"),
            WrongAnswer("averages forgotten", lambda: _step_wrongly("bare"), "forgets the averages"),
            WrongAnswer("sign of the error", lambda: _step_wrongly("uphill"), "the error larger"),
            WrongAnswer("no regularisation", lambda: _step_wrongly("free"), "nothing is pulled"),
            WrongAnswer("biases not regularised", lambda: _step_wrongly("free biases"), "the biases are not"),
            WrongAnswer("reg outside the rate", lambda: _step_wrongly("whole"), "inside the bracket"),
            WrongAnswer("reg with a plus", lambda: _step_wrongly("raise"), "push away"),
            WrongAnswer("each along itself", lambda: _step_wrongly("own"), "p moved along p"),
            WrongAnswer("the error squared", lambda: _step_wrongly("squared"), "e squared"),
            WrongAnswer("steps twice as long", lambda: _step_wrongly("twice"), "left to rate"),
            WrongAnswer("p and q swapped", lambda: _step_wrongly("swapped"), "wrong order"),
            WrongAnswer("biases stand still", lambda: _step_wrongly("frozen"), "stand still"),
            WrongAnswer("arrays changed in place", lambda: _step_in_place, "changed the arrays"),
        ),
        points=3,
        explanation="The slope of the squared error along $p_u$ is $-2 e\\, q_i$, and of the penalty $2 \\lambda p_u$; the "
        "2 is left to the rate. The classical bug is `p += ...` followed by `q += rate * (e * p - ...)`: the second line "
        "then sees the new p. It still learns, and nearly as well, which is why it survives in so many repositories; but "
        "it is not the slope, and no two libraries that differ in it will ever agree to ten digits.",
        expected=example(
            "step(4, 3, 0, 0, p=[1, 0], q=[1, 1], rate=0.1, reg=1)",
            lambda: _step(4.0, 3.0, 0.0, 0.0, np.array([1.0, 0.0]), np.array([1.0, 1.0]), 0.1, 1.0),
        ),
    ),
    Exercise(
        id="4.1.2",
        title="Three starts",
        kind="figure it out",
        prompt="""
            With five factors, we start three times: with all numbers of P and Q at 0; with all at 0.1; and with numbers
            drawn at random. Twenty epochs each, all ratings in the same order.

            How many of the five columns of Q are then worth having? Count columns that are not 0, and count those that are
            equal to each other as one. Answer with three whole numbers, `(zeros, equal, random)`. Read the four lines, not
            the machine.
        """,
        reference=_starts,
        check=_check_starts,
        hints=(
            "Put p = 0 and q = 0 into the lines for the factors. What is added?",
            "If all entries of p are the same, and all of q, then the lines do the same to entry 1 and entry 2. So after one "
            "step they are still the same, and after all steps.",
        ),
        wrong=(
            WrongAnswer("zeros learn, too", lambda: (5, 5, 5), "What is added"),
            WrongAnswer("equal starts drift apart", lambda: (0, 5, 5), "begin to differ"),
            WrongAnswer("equal starts do not move", lambda: (0, 0, 5), "*different* columns"),
            WrongAnswer("random is one pattern", lambda: (0, 1, 1), "goes on differing"),
        ),
        points=1,
        explanation="At 0, both slopes are 0: the model sits on a ridge where no direction goes down at first sight, and it "
        "stays a model of averages for ever. From equal numbers all columns get the same steps, and five factors are "
        "one, written five times. The random start is not there to be near a solution; it is there to make the "
        "columns *different*. The same holds for every layer of a neural network (lesson 4.4).",
        expected=lambda: "three whole numbers from 0 to 5, none of them equal to another, such as (5, 3, 2)",
    ),
    Exercise(
        id="4.1.3",
        title="When to stop",
        kind="build",
        prompt="""
            A run is watched: after each epoch its error on ratings kept aside is written down, `errors[0]` after epoch 1.
            As soon as `patience` epochs in a row have brought no new best, the run is ended. Write which epoch's model is
            to be kept: the best among those that were *run*. Equally good is not better.
        """,
        reference=lambda: _best_epoch,
        check=_check_best_epoch,
        hints=(
            "Go through the errors as the run does, one after the other. Remember the best epoch so far. When is the "
            "distance from it to the present epoch too long?",
            "`if error < errors[best - 1]: best = epoch`, `elif epoch - best >= patience: break`; return `best`.",
        ),
        wrong=(
            WrongAnswer("the best of all", lambda: _epoch_wrongly("hindsight"), "never computed"),
            WrongAnswer("the last that ran", lambda: _epoch_wrongly("last"), "where you stopped"),
            WrongAnswer("counted from 0", lambda: _epoch_wrongly("from zero"), "count from 1"),
            WrongAnswer("one epoch too late", lambda: _epoch_wrongly("late"), "one epoch too many"),
            WrongAnswer("one epoch too soon", lambda: _epoch_wrongly("early"), "one epoch too soon"),
            WrongAnswer("compared with yesterday", lambda: _epoch_wrongly("yesterday"), "best so far"),
            WrongAnswer("only worse epochs count", lambda: _epoch_wrongly("worse"), "the patience runs on"),
            WrongAnswer("ties are progress", lambda: _epoch_wrongly("ties"), "taken for progress"),
            WrongAnswer("the error instead of the epoch", lambda: _best_error, "the question is its number"),
        ),
        points=2,
        explanation="It is a timeout on progress. The patience bridges small bumps; too little of it stops at the first one, too "
        "much of it computes for nothing. `errors.argmin()` over a complete curve is not early stopping: it chooses with "
        "knowledge that the run did not have. And the watched ratings have now been *used*: the error reported for the "
        "model must come from others.",
        expected=example(
            "best_epoch([0.99, 0.95, 0.96, 0.94], patience=2)", lambda: _best_epoch([0.99, 0.95, 0.96, 0.94], 2)
        ),
    ),
    Exercise(
        id="4.1.4",
        title="The newcomer and the veteran",
        kind="figure it out",
        prompt="""
            Strip the model to the bone: no biases, one factor, every film has $q = 1$, and a user liked each film by one
            star more than expected. So each rating wants $p = 1$, and $\\lambda = 0.25$ pulls it towards 0. Where does $p$
            settle,

            - if the price $\\lambda p^2$ is paid **at each rating**, as in our steps: for a newcomer with 1 rating, for a
              veteran with 100;
            - if it is paid **once** a user, as in a textbook ridge: for the newcomer, for the veteran?

            Guess first who is pulled harder. Then answer with four numbers in this order, to three decimals or better.
        """,
        reference=_pulled,
        check=_check_pulled,
        hints=(
            "With n ratings, the squared errors are $n (1 - p)^2$. The price is $n \\lambda p^2$ in the first case, "
            "$\\lambda p^2$ in the second.",
            "Slope 0: $n (1 - p)$ equals the price's factor times $p$. So p is n / (n + factor), with the factor "
            "0.25 n or 0.25.",
        ),
        wrong=(
            WrongAnswer("veterans always outweigh it", lambda: (0.8, 100 / 100.25, 0.8, 100 / 100.25), "hundredfold"),
            WrongAnswer("wrong way round", lambda: (0.8, 100 / 100.25, 0.8, 0.8), "wrong way round"),
            WrongAnswer("no pull at all", lambda: (1, 1, 1, 1), "Both pull"),
            WrongAnswer("one minus lambda", lambda: (0.75, 0.75, 0.75, 0.9975), "(1 - p)^2 + 0.25 p^2"),
            WrongAnswer("pulled a hundredfold", lambda: (0.8, 1 / 26, 0.8, 100 / 100.25), "speak only once"),
            WrongAnswer("once is shared out", lambda: (0.8, 0.8, 0.8, 0.8), "100 (1 - p)^2"),
            WrongAnswer("how far below 1", lambda: (0.2, 0.2, 0.2, 0.25 / 100.25), "p itself"),
            WrongAnswer("once is stronger for one", lambda: (0.8, 0.8, 0.2, 100 / 100.25), "once is at each step"),
        ),
        points=2,
        explanation="Paid at each rating, n cancels: everybody keeps 80 % of what their ratings ask for, the newcomer with "
        "one rating as much as the veteran with a hundred. Paid once, the veteran is believed almost entirely. Statistics "
        "is on the side of the second (lesson 2.1's damping was of that kind), speed and habit on the side of the first: "
        "the steps touch only what the rating touches. `BiasedALS` of the next lesson goes halfway, with the root of n.",
        expected=_pulled_figure,
    ),
    Exercise(
        id="4.1.5",
        title="What survives a turn",
        kind="figure it out",
        prompt="""
            Take a fitted P and Q, and replace them by $P A$ and $Q (A^{-1})^\\top$, once with a **turn** (an A whose columns
            are orthogonal and of length 1), once with a **stretch** (A diagonal, with 2, 1 and 0.5). Which of these stay
            the same?

            - **a.** the predictions $p_u \\cdot q_i$
            - **b.** the lengths $|q_i|$
            - **c.** the cosine of the vectors of two films
            - **d.** the first number of a film's vector
            - **e.** the penalty, the sum of all $|p_u|^2$ and $|q_i|^2$
            - **f.** the singular values of the table of all predictions, $P Q^\\top$

            Answer with two texts of letters, `("what survives the turn", "what survives the stretch")`.
        """,
        reference=_survives,
        check=_check_survives,
        hints=(
            "A turn changes no length and no angle, only where the axes are. A stretch changes lengths and angles. "
            "Neither changes the product.",
            "Try it: random P (9, 3) and Q (7, 3), `A = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]`, "
            "then `A = np.diag([2, 1, 0.5])`. `Q @ np.linalg.inv(A).T` is the new Q.",
        ),
        wrong=(
            WrongAnswer("only predictions", lambda: ("a", "a"), "a turn keeps every length"),
            WrongAnswer("angles survive a stretch", lambda: ("abcef", "acf"), "a stretch bends"),
            WrongAnswer("the axes are real", lambda: ("abcdef", "af"), "only along the first axis"),
            WrongAnswer("wrong way round", lambda: ("af", "abcef"), "wrong way round"),
            WrongAnswer("the penalty survives all", lambda: ("abcef", "aef"), "the penalty adds up"),
            WrongAnswer("singular values turn", lambda: ("abce", "a"), "belong to the table"),
        ),
        points=2,
        explanation="The data speaks about $P Q^\\top$ only. The penalty settles how long the vectors are, since a stretch "
        "changes it. *Nothing* settles which way they point: any turn of a solution is as good a solution. So the number in "
        "column 3 of a film means nothing by itself, while lengths, angles and neighbours mean the same in every run.",
        expected=_survives_figure,
    ),
    Exercise(
        id="4.1.6",
        title="Axes that do not depend on the start",
        kind="build",
        prompt="""
            Predictions survive every turn, so take the axes from *them*: the singular value decomposition of $P Q^\\top$.
            Write `principal(P, Q)`, which returns `(s, V)`: the `k` singular values, largest first, and for each film its
            place along the `k` axes, `V` of shape (n_items, k), with columns of length 1 (their signs are free).

            The table of all pairs must not be built. Every matrix splits into `W @ R`, `W` with orthogonal columns of
            length 1, `R` small and triangular: that is `np.linalg.qr`. With both sides split, where do the users' and the
            films' many rows go?
        """,
        reference=lambda: _principal,
        check=_check_principal,
        hints=(
            "With P = W_P R_P and Q = W_Q R_Q, the table is W_P (R_P R_Q^T) W_Q^T. What stands in brackets is only k by k. "
            "Take the SVD of that.",
            "`_, s, Vt = np.linalg.svd(R_P @ R_Q.T)`. The right vectors of the small matrix become those of the table by "
            "`W_Q @ Vt.T`.",
        ),
        wrong=(
            WrongAnswer("the axes of Q alone", lambda: _principal_of_items, "axes of Q alone"),
            WrongAnswer("principal components of Q", lambda: _principal_centred, "around its mean"),
            WrongAnswer("the users' side", lambda: _principal_of_users, "a *user*"),
            WrongAnswer("V on its side", lambda: _principal_lying, "on its side"),
            WrongAnswer("scaled by s", lambda: _principal_scaled, "s times too long"),
            WrongAnswer("Vt not turned back", lambda: _principal_untransposed, "against the right axis"),
            WrongAnswer("the whole table", lambda: _principal_full, "table of all pairs"),
        ),
        points=3,
        explanation="Matrices with orthogonal columns turn vectors and change no length, so the singular values of the small "
        "product are those of the whole table, and the right vectors only need turning back. The work is "
        "$(n_{users} + n_{items})\\, k^2$ instead of users times films. Here the word SVD is used by right: of a table "
        "without gaps, namely the model's own predictions.",
        expected=example(
            "principal(P=[[2, 0], [0, 1], [0, 0]], Q=[[1, 0], [0, 1]]) with its signs made positive",
            lambda: tuple(
                np.abs(part) for part in _principal(np.array([[2.0, 0], [0, 1], [0, 0]]), np.array([[1.0, 0], [0, 1]]))
            ),
        ),
    ),
]


# ------------------------------------------------------------------ quiz
def _ml100k() -> Ratings:
    return Ratings.from_frame(datasets.load("ml-100k").ratings)


def _key_zeros() -> str:
    ratings = _ml100k()
    unknown = 1 - ratings.matrix.nnz / (ratings.n_users * ratings.n_items)
    return "b" if unknown > 0.9 else "a"


def _key_parameters() -> str:
    ratings = _ml100k()
    each = (ratings.n_users + ratings.n_items) * 101 / ratings.matrix.nnz
    return "c" if 2 < each < 4 else "b" if 0.5 < each < 2 else "a"


def _key_double() -> str:
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(5, 2)), rng.normal(size=(4, 2))
    predictions = np.allclose((2 * P) @ (Q / 2).T, P @ Q.T)
    penalty = np.isclose((4 * P**2).sum() + (Q**2 / 4).sum(), (P**2).sum() + (Q**2).sum())
    return {(True, False): "b", (True, True): "c"}.get((predictions, bool(penalty)), "a")


def _key_seeds() -> str:
    """Two starts on the toy set: the first columns of Q, and the cosines, which stay together."""
    first, second = (_longer(seed) for seed in (0, 1))
    columns = abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1])
    angles = [q @ q.T / np.outer(*[np.linalg.norm(q, axis=1)] * 2) for q in (first, second)]
    return "b" if np.corrcoef(angles[0].ravel(), angles[1].ravel())[0, 1] > columns else "a"


def _longer(seed: int) -> np.ndarray:
    train = Ratings.from_frame(datasets.load("ml-100k").ratings)
    m, biases = train.matrix, (np.zeros(train.n_users), np.zeros(train.n_items))
    rng = np.random.default_rng(seed)
    tables = [padded(rng.normal(0, 0.1, (n, 5)), np.float64) for n in (train.n_users, train.n_items)]
    for _ in range(40):
        svd_epoch(m.indptr, m.indices, m.data.astype(float), train.mean, *biases, *tables, 0.01, 0.05, 1.0)  # type: ignore[call-arg]
    return tables[1][:, :5]


QUIZ = [
    Question(
        text="The truncated SVD with 0 for every unknown misses the stars by more than two on average. Where does its "
        "attention go?",
        choices={
            "a": "to the known ratings, of which it needs more",
            "b": "to the unknown cells, which are nearly all cells",
            "c": "to the users with the most ratings",
        },
        key=_key_zeros,
        why={
            "a": "More ratings would help, but it weighs all cells alike, and only one in sixteen holds a rating.",
            "b": "Each unknown cell counts as a rating of 0 stars, and fifteen cells in sixteen are unknown. So it learns who "
            "rates what, which is worth a good list, and predicts near 0.",
            "c": "They have more cells that are not 0; but their zeros are still the majority.",
        },
    ),
    Question(
        text="Surprise's SVD with its 100 factors learns, on MovieLens 100K, how many numbers for each rating that it sees?",
        choices={"a": "a tenth of a number", "b": "about one", "c": "more than two"},
        key=_key_parameters,
        why={
            "a": "Count: 943 users and 1,682 films, 100 factors and a bias each.",
            "b": "That would be some 40 factors. It has 100 for each user and each film.",
            "c": "265,000 numbers for 100,000 ratings. Without a price, or an early end, it could learn them by heart.",
        },
    ),
    Question(
        text="You double all p_u of a fitted model and halve all q_i. What changes?",
        choices={"a": "the predictions", "b": "the penalty, not the predictions", "c": "nothing"},
        key=_key_double,
        why={
            "a": "2 p times q / 2 is p times q: they stay.",
            "b": "The products stay, the squared lengths do not. So the penalty decides how the length is shared between users "
            "and films, and data has no say in it.",
            "c": "The predictions stay, but somebody pays for the lengths.",
        },
    ),
    Question(
        text="Two runs with different random starts. What do their item factors have in common?",
        choices={
            "a": "column 1 of the one is column 1 of the other, up to its sign",
            "b": "films that are neighbours in the one are neighbours in the other, mostly",
            "c": "nothing, so the model is worthless",
        },
        key=_key_seeds,
        why={
            "a": "Nothing ties an axis to a place: any turn of the solution is as good.",
            "b": "Angles and lengths survive a turn. Hence: compare films with each other, do not read columns.",
            "c": "Predictions and neighbours agree. Only the axes are arbitrary.",
        },
    ),
]
