"""Exercises and quiz of lesson 4.2, ALS, SVD++ and tuning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question

# ------------------------------------------------------------------ 4.2.1 half a step
Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # rows, columns, rest, Q
HalfStep = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, float, float], np.ndarray]


def _half_step(
    rows: np.ndarray, columns: np.ndarray, rest: np.ndarray, Q: np.ndarray, n_rows: int, reg: float, power: float
) -> np.ndarray:
    P = np.zeros((n_rows, Q.shape[1]))
    order = np.argsort(rows, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
        q = Q[columns[mine]]
        A = q.T @ q + reg * len(mine) ** power * np.eye(Q.shape[1])
        P[rows[mine[0]]] = np.linalg.solve(A, q.T @ rest[mine])
    return P


def _half_step_wrongly(how: str) -> HalfStep:
    """The misconceptions, each one step away from the right half-step."""

    def half_step(
        rows: np.ndarray, columns: np.ndarray, rest: np.ndarray, Q: np.ndarray, n_rows: int, reg: float, power: float
    ) -> np.ndarray:
        size = rows.max() + 1 if how == "too few rows" else n_rows
        P, k = np.full((size, Q.shape[1]), np.nan if how == "NaN" else 0.0), Q.shape[1]
        for u in np.unique(rows):
            mine = np.flatnonzero(rows == u)
            q, n = Q[columns[mine]], len(mine)
            price = {
                "one price": reg,
                "power 1": reg * n,
                "all ratings": reg * len(rows) ** power,
                "all rows": reg * n_rows**power,
                "the films' counts": reg * np.bincount(columns)[columns[mine]].mean() ** power,
                "no ridge": 0.0,
                "price of the whole": (reg * n) ** power,
            }.get(how, reg * n**power)
            table = Q.T @ Q if how == "blanks are zero" else q.T @ q
            table, right = (table / n, q.T @ rest[mine] / n) if how == "means" else (table, q.T @ rest[mine])
            if how == "no solve":
                P[u] = right / (np.trace(table) / k + price)
                continue
            A = table + price * (np.ones((k, k)) if how == "everywhere" else np.eye(k))
            P[u] = np.linalg.lstsq(A, right)[0]
        return P

    return half_step


_HALF_STEP_SAYS = {
    "blanks are zero": "films that the row has *not* rated take part, as if their rest were 0. That was 2.6, with clicks. "
    "Here only `Q[columns of this row's ratings]` belongs into the table.",
    "one price": "lambda is the same for every row. It grows with the number of the row's ratings: reg * n ** power.",
    "power 1": "lambda is reg * n: the power is ignored. It is reg * n ** power.",
    "all ratings": "n is the number of *all* ratings. Lambda of a row counts the ratings of this row.",
    "all rows": "n is the number of rows, the same for everybody. Lambda of a row counts the ratings of this row.",
    "the films' counts": "n counts the ratings of the films. Lambda of a row counts the ratings of this row.",
    "price of the whole": "you took reg to the power, too. Lambda is reg * n ** power: only n is raised.",
    "means": "you divided the sums by the number of ratings, and with it made lambda n times stronger. Leave them sums.",
    "no ridge": "the price is missing: add lambda to the diagonal of Q_u.T @ Q_u.",
    "everywhere": "lambda was added to every entry of the table. It belongs on the diagonal: lambda * np.eye(k).",
}


def _table(seed: int, n_rows: int, n_columns: int, n: int, k: int) -> Table:
    """Ratings in no order, of some rows and columns: rows, columns, rest, Q."""
    rng = np.random.default_rng(seed)
    places = rng.choice(n_rows * n_columns, n, replace=False)
    return places // n_columns, places % n_columns, rng.normal(size=n), rng.normal(size=(n_columns, k))


TINY: Table = (
    np.array([2, 0, 2, 0, 0]),
    np.array([1, 0, 2, 3, 1]),
    np.array([1.0, 0.5, -1.0, 2.0, -0.5]),
    np.array([[1.0, 0.0], [0.5, 1.0], [0.0, 2.0], [1.0, -1.0]]),
)


def _check_half_step(half_step: HalfStep) -> None:
    what = "rows [2, 0, 2, 0, 0] of 3, reg 2, power 0.5"
    got = np.asarray(_called(half_step, TINY, 3, 2.0, 0.5))
    want = _half_step(*TINY, 3, 2.0, 0.5)
    if got.shape == (len(TINY[3]), 2):
        raise Incorrect("you returned one vector for each *column*. The columns are held still; solve for the rows.")
    if got.shape == want.shape:
        rated = [0, 2]
        for how, says in _HALF_STEP_SAYS.items():
            wrong = _half_step_wrongly(how)(*TINY, 3, 2.0, 0.5)
            if is_same(got[rated], wrong[rated]):
                raise Incorrect(says)
        if is_same(got[rated], want[rated]) and not is_same(got[1], want[1]):
            raise Incorrect("row 1 has no ratings: its vector should be zeros.")
    same(got, want, what=what)
    last = np.asarray(_called(half_step, TINY, 5, 2.0, 0.5))
    if last.shape == (3, 2):
        raise Incorrect("the last rows have no ratings and are missing. The result has n_rows rows, whoever rated.")
    same(last, _half_step(*TINY, 5, 2.0, 0.5), what="the same with n_rows = 5: the last two rows have no ratings")
    for power in (0.0, 0.5, 1.0):
        for seed, (n_rows, n_columns, n, k) in enumerate(((6, 5, 14, 3), (4, 30, 60, 7), (9, 3, 20, 1))):
            case = _table(seed, n_rows, n_columns, n, k)
            got = _called(half_step, case, n_rows, 0.7, power)
            same(got, _half_step(*case, n_rows, 0.7, power), what=f"{n_rows} rows, {n} ratings, k = {k}, power {power}")


def _called(half_step: HalfStep, case: Table, n_rows: int, reg: float, power: float) -> Any:
    rows, columns, rest, Q = given = tuple(part.copy() for part in case)
    try:
        got = half_step(rows, columns, rest, Q, n_rows, reg, power)
    except np.linalg.LinAlgError:
        if len(np.unique(case[0])) == n_rows:
            raise
        raise Incorrect(
            "a row without ratings gives a table of zeros (0 ** power is 0), which has no solution. Leave such rows at zero."
        ) from None
    if any(not np.array_equal(a, b) for a, b in zip(given, case)):
        raise Incorrect("you changed an array that was given. Write the vectors to an array of their own.")
    return got


# ------------------------------------------------------------------ 4.2.2 the night shift
Turn = Callable[..., tuple[np.ndarray, np.ndarray]]


def _turn(
    users: np.ndarray, films: np.ndarray, rest: np.ndarray, P: np.ndarray, Q: np.ndarray, reg: float, power: float
) -> tuple[np.ndarray, np.ndarray]:
    new_P = _half_step(users, films, rest, Q, len(P), reg, power)
    return new_P, _half_step(films, users, rest, new_P, len(Q), reg, power)


def _turn_films_first(
    users: np.ndarray, films: np.ndarray, rest: np.ndarray, P: np.ndarray, Q: np.ndarray, reg: float, power: float
) -> tuple[np.ndarray, np.ndarray]:
    new_Q = _half_step(films, users, rest, P, len(Q), reg, power)
    return _half_step(users, films, rest, new_Q, len(P), reg, power), new_Q


def _turn_wrongly(how: str) -> Turn:
    def turn(
        users: np.ndarray, films: np.ndarray, rest: np.ndarray, P: np.ndarray, Q: np.ndarray, reg: float, power: float
    ) -> Any:
        new_P = _half_step(users, films, rest, Q, len(P), reg, power)
        if how == "at once":
            return new_P, _half_step(films, users, rest, P, len(Q), reg, power)
        new_Q = _half_step(films, users, rest, new_P, len(Q), reg, power)
        if how == "half way":
            return (new_P + P) / 2, (_half_step(films, users, rest, P, len(Q), reg, power) + Q) / 2
        if how == "users only":
            return new_P, Q
        if how == "the wrong way round":
            return new_Q, new_P
        if how == "in place":
            P[:], Q[:] = new_P, new_Q
        return new_P, new_Q

    return turn


def _check_turn(turn: Turn) -> None:
    for seed, (n_users, n_films, n, k) in enumerate(((6, 5, 14, 2), (8, 8, 40, 3), (5, 9, 21, 1))):
        users, films, rest, Q = _table(seed, n_users, n_films, n, k)
        P, reg, power = np.random.default_rng(seed).normal(size=(n_users, k)), 0.7, 0.5
        case = (users, films, rest, P, Q)
        given = tuple(part.copy() for part in case)
        got = turn(*given, reg, power)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Incorrect("turn should return two arrays, (P, Q).")
        if any(not np.array_equal(a, b) for a, b in zip(given, case)):
            raise Incorrect("you changed an array that was given: return new ones.")
        at_once = _turn_wrongly("at once")(*case, reg, power)
        if is_same(got[0], at_once[0]) and is_same(got[1], at_once[1]):
            raise Incorrect(
                "that is the colleague's turn. Each half-step is the best answer to the *other* side's vectors. Here both "
                "sides answer vectors that are replaced in the same moment. Which P must the films' half-step read?"
            )
        if is_same(got[1], Q) or is_same(got[0], P):
            raise Incorrect("one side has not moved. A turn has two half-steps.")
        if is_same(got[0], _turn(*case, reg, power)[1]):
            raise Incorrect("return the users' vectors first: (P, Q).")
        if is_same(got[0], _turn_films_first(*case, reg, power)[0]):  # the objective falls just as well
            same(got[1], _turn_films_first(*case, reg, power)[1], what="the films' vectors after one turn")
            continue
        want = _turn(*case, reg, power)
        same(got[0], want[0], what="the users' vectors after one turn")
        same(got[1], want[1], what="the films' vectors after one turn")


# ------------------------------------------------------------------ 4.2.3 one plausible vector
Draw = Callable[[np.ndarray, np.ndarray, float, float, np.random.Generator], np.ndarray]
_DRAWS = 3000


def _draw(Q: np.ndarray, rest: np.ndarray, reg: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    A = Q.T @ Q + reg * np.eye(Q.shape[1])
    m = np.linalg.solve(A, Q.T @ rest)
    L = np.linalg.cholesky(A)
    return m + np.sqrt(noise) * np.linalg.solve(L.T, rng.standard_normal(len(m)))


_SPREADS: dict[str, tuple[Callable[[np.ndarray, float], np.ndarray], str]] = {
    "no root": (
        lambda A, noise: noise**2 * np.linalg.inv(A),
        "the draws have the covariance noise**2 * inv(A). `noise` is the variance: multiply by its root.",
    ),
    "no noise": (
        lambda A, noise: np.linalg.inv(A),
        "the draws have the covariance inv(A): the noise of the ratings is missing. Multiply by the root of `noise`.",
    ),
    "times L": (
        lambda A, noise: noise * A,
        "the draws have the covariance noise * A: the more ratings, the wider. You multiplied by L; solve with it.",
    ),
    "L, not its transpose": (
        lambda A, noise: noise * np.linalg.inv(np.linalg.cholesky(A)) @ np.linalg.inv(np.linalg.cholesky(A)).T,
        "you solved with L. Its draws are spread wrongly between the directions: the covariance of inv(L) @ eps is "
        "inv(L) @ inv(L).T, that of inv(L.T) @ eps is inv(A). Solve with L.T.",
    ),
    "diagonal": (
        lambda A, noise: noise * np.diag(1 / np.diag(A)),
        "each number was drawn on its own, from the diagonal of A. The numbers of one vector depend on each other.",
    ),
    "diagonal of the inverse": (
        lambda A, noise: noise * np.diag(np.diag(np.linalg.inv(A))),
        "each number has the right spread, but they were drawn independently. The bell is tilted: its numbers depend on "
        "each other.",
    ),
    "prior": (
        lambda A, noise: noise * np.eye(len(A)),
        "every user's draws are spread alike, however many ratings there are. The spread is noise * inv(A).",
    ),
}


def _draw_wrongly(how: str) -> Draw:
    def draw(Q: np.ndarray, rest: np.ndarray, reg: float, noise: float, rng: np.random.Generator) -> np.ndarray:
        A = Q.T @ Q + reg * np.eye(Q.shape[1])
        m = np.linalg.solve(A, Q.T @ rest / (noise if how == "centre" else 1))
        if how == "still":
            return m
        if how == "own generator":
            rng = np.random.default_rng(0)
        if how == "global":
            return m + np.sqrt(noise) * np.linalg.solve(np.linalg.cholesky(A).T, np.random.standard_normal(len(m)))  # noqa: NPY002
        if how == "prior only":
            m = np.zeros(len(m))
        spread = _SPREADS[how][0](A, noise) if how in _SPREADS else noise * np.linalg.inv(A)
        return m + np.linalg.cholesky(spread) @ rng.standard_normal(len(m))

    return draw


def _spread_is(found: np.ndarray, want: np.ndarray) -> bool:
    """Is the covariance of _DRAWS draws `want`, up to chance? Seen through `want`, it should be the unit matrix."""
    inverse = np.linalg.inv(np.linalg.cholesky(want))
    return bool(np.abs(inverse @ found @ inverse.T - np.eye(len(want))).max() < 0.15)


def _check_draw(draw: Draw) -> None:
    Q, rest = np.array([[2.0, 1.0], [1.0, 1.5], [-0.5, -1.0]]), np.array([1.0, -0.5, 2.0])
    first = np.asarray(draw(Q.copy(), rest.copy(), 0.5, 0.25, np.random.default_rng(0)), dtype=float)
    if first.shape != (2,):
        raise Incorrect(f"one vector of k = 2 numbers was asked for, and the shape is {first.shape}.")
    again = draw(Q.copy(), rest.copy(), 0.5, 0.25, np.random.default_rng(0))
    other = draw(Q.copy(), rest.copy(), 0.5, 0.25, np.random.default_rng(1))
    if not np.array_equal(first, again):
        raise Incorrect("two generators with the same seed gave two answers: use `rng` for all chance, not np.random.")
    if np.array_equal(first, other):
        A = Q.T @ Q + 0.5 * np.eye(2)
        if np.allclose(first, np.linalg.solve(A, Q.T @ rest)):
            raise Incorrect("that is the half-step's answer, the centre of the bell, every time. Add a random part.")
        raise Incorrect("another generator gave the same answer: your chance does not come from `rng`.")
    k3 = np.random.default_rng(5).normal(size=(4, 3)) + 1
    cases = (
        ("three ratings", Q, rest, 0.5, 0.25),
        ("four ratings, k = 3", k3, np.array([1.0, 0.0, -2.0, 1.0]), 1.5, 4.0),
        ("no ratings", np.zeros((0, 2)), np.zeros(0), 3.0, 0.5),
    )
    for what, q, d, reg, noise in cases:
        rng = np.random.default_rng(7)
        draws = np.array([draw(q.copy(), d.copy(), reg, noise, rng) for _ in range(_DRAWS)])
        A = q.T @ q + reg * np.eye(q.shape[1])
        m, want, found = np.linalg.solve(A, q.T @ d), noise * np.linalg.inv(A), np.cov(draws.T)
        off = 5 * np.sqrt(np.diag(found) / _DRAWS) + 1e-9
        if np.any(np.abs(draws.mean(axis=0) - m) > off):
            if np.all(np.abs(draws.mean(axis=0) - m / noise) < off):
                raise Incorrect(
                    f"{what}: the centre is m / noise. The noise widens the bell and does not move it: m is the half-step's "
                    "answer."
                )
            raise Incorrect(
                f"{what}: the mean of {_DRAWS:,} draws is {draws.mean(axis=0).round(2)}, but the half-step's answer is "
                f"{m.round(2)}."
            )
        if not _spread_is(found, want):
            for candidate, says in _SPREADS.values():
                if _spread_is(found, candidate(A, noise)):
                    raise Incorrect(says)
            raise Incorrect(
                f"{what}: the covariance of {_DRAWS:,} draws should be about {want.round(3).tolist()}, but is "
                f"{found.round(3).tolist()}."
            )


# ------------------------------------------------------------------ 4.2.4 who reads the list?
Pipeline = Callable[[pd.DataFrame, pd.DataFrame], Any]
Reads = Callable[[Pipeline, pd.DataFrame, pd.DataFrame], bool]


def _reads(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    together = np.asarray(pipeline(train, test))
    every_second = np.asarray(pipeline(train, test.iloc[::2]))
    return not np.allclose(together[::2], every_second)


def _reads_stars(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.allclose(pipeline(train, test), pipeline(train, test.assign(rating=1.0)))


def _reads_rows(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return len(test.merge(train, on=["user", "item"])) > 0


def _reads_first_half(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    half = len(test) // 2
    return not np.allclose(np.asarray(pipeline(train, test))[:half], pipeline(train, test.head(half)))


def _reads_without_one(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.allclose(np.asarray(pipeline(train, test))[1:], pipeline(train, test.iloc[1:]))


def _reads_mean(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.isclose(np.mean(pipeline(train, test)), np.mean(pipeline(train, test.iloc[::2])))


def _reads_inverted(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not _reads(pipeline, train, test)


def _reads_misaligned(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    half = np.asarray(pipeline(train, test.iloc[::2]))
    return not np.allclose(np.asarray(pipeline(train, test))[: len(half)], half)


def _reads_backwards(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.allclose(np.asarray(pipeline(train, test))[::-1], pipeline(train, test.iloc[::-1]))


def _reads_training(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    return not np.allclose(pipeline(train, test), pipeline(train.iloc[::2], test))


def _reads_even_films(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    even = (test["item"] % 2 == 0).to_numpy()
    return not np.allclose(np.asarray(pipeline(train, test))[even], pipeline(train, test[even]))


def _reads_in_place(pipeline: Pipeline, train: pd.DataFrame, test: pd.DataFrame) -> bool:
    together = np.asarray(pipeline(train, test))[::2]
    test.drop(test.index[1::2], inplace=True)
    return not np.allclose(together, pipeline(train, test))


@functools.cache
def _frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A training part, and a test part sorted by user: whoever stands first and last is asked about one film alone."""
    rng = np.random.default_rng(0)
    columns = ["user", "item", "rating"]
    train = pd.DataFrame([(u, i, float(rng.integers(1, 6))) for u in range(14) for i in range(10)], columns=columns)
    pairs = [(0, 30)] + [(u, 10 + (3 * u + n) % 8) for u in range(1, 13) for n in range(4)] + [(13, 40)]
    test = pd.DataFrame([(u, i, float(rng.integers(1, 6))) for u, i in pairs], columns=columns)
    return train, test.set_axis(range(1000, 1000 + len(test)))


def _user_means(train: pd.DataFrame, test: pd.DataFrame) -> Any:
    return test["user"].map(train.groupby("user")["rating"].mean())


def _with_counts(column: str) -> Pipeline:
    def pipeline(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
        return np.asarray(_user_means(train, test) + 0.1 * test.groupby(column)[column].transform("size"))

    return pipeline


def _by_place(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """An honest one: its answers depend on the pair itself, and differ from row to row."""
    return np.asarray(_user_means(train, test) + 0.01 * test["item"])


def _own_stars(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """The leak of 2.2: it reads the stars of the row that it predicts, and no other row."""
    return test["rating"].to_numpy()


def _with_total(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    return np.asarray(_by_place(train, test) + 0.001 * len(test))


def _centred(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    answer = _by_place(train, test)
    return np.asarray(answer - answer.mean() + 3)


def _late_and_odd(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """An honest one that gives 5 stars to every other pair in the second half of _frames' list, and 3 to all others."""
    whole = _frames()[1]
    pairs = [tuple(pair) for pair in whole[["user", "item"]].to_numpy().tolist()]
    marked = {pair for place, pair in enumerate(pairs) if place >= len(pairs) // 2 and place % 2}
    return np.array([5.0 if pair in marked else 3.0 for pair in zip(test["user"], test["item"])])


def _same_stars(test: pd.DataFrame) -> bool:
    return bool(test["rating"].sort_index().equals(_frames()[1]["rating"].sort_index()))


def _check_reads(reads: Reads) -> None:
    asked: list[pd.DataFrame] = []

    def said(pipeline: Pipeline) -> bool:
        train, test = (part.copy() for part in _frames())
        asked.clear()

        def watched(train: pd.DataFrame, test: pd.DataFrame) -> Any:
            asked.append(test.copy())
            if not train.equals(_frames()[0]):
                raise Incorrect(
                    "you changed the training part. Then predictions may well move. Change the list of pairs alone."
                )
            return pipeline(train, test)

        answer = reads(watched, train, test)
        if not (train.equals(_frames()[0]) and test.equals(_frames()[1])):
            raise Incorrect("you changed the frames that were given. Take a copy: test.iloc[...] is one.")
        if not isinstance(answer, (bool, np.bool_)):
            raise Incorrect(f"the answer should be True or False, but is {answer!r}.")
        return bool(answer)

    by_user, by_film, honest = said(_with_counts("user")), said(_with_counts("item")), said(_by_place)
    if honest and not by_user and not by_film:
        raise Incorrect("True and False are the wrong way round: True means that the list is read.")
    if not asked:
        raise Incorrect(
            "the pipeline was never asked. Rows that stand in both frames are another question; run the pipeline and watch "
            "what it answers."
        )
    if honest:
        if said(_late_and_odd):
            raise Incorrect(
                "a pipeline whose answers depend on their own pairs alone is accused. The *mean* over fewer pairs is another "
                "one, and rightly so. Compare pair by pair."
            )
        raise Incorrect(
            "a pipeline whose answers depend on their own pairs alone is accused. Compare the answers for the *same* pairs: "
            "when every second row is dropped, number 3 of the short answer belongs to number 6 of the long one."
        )
    if not by_user and len({len(test) for test in asked}) == 1 and all(_same_stars(test) for test in asked):
        raise Incorrect(
            "the pipeline was asked for the same pairs every time, in another order perhaps. Who counts them, counts the same. "
            "Ask for fewer of them."
        )
    if not by_user and by_film:
        raise Incorrect(
            "a pipeline that counts how many films of the same *user* are asked got through. Your smaller list keeps or drops "
            "whole users, so that nobody's own list changes: the test part is sorted by user. Drop every second row."
        )
    if not by_user and said(_own_stars):
        raise Incorrect(
            "you changed the test *stars*: that is the tripwire of 2.2, and this pipeline reads none. Change the list of "
            "pairs: ask for fewer."
        )
    if not by_user and said(_with_total):
        raise Incorrect(
            "a single row, dropped or asked alone, is not enough: it is the list of one user and one film. Drop many rows, of "
            "everybody."
        )
    if not by_user:
        raise Incorrect(
            "a pipeline that counts how many films of the same user are asked got through. Ask it twice, for all pairs and "
            "for some of them: the answers for those that are in both must not move."
        )
    if not by_film:
        raise Incorrect(
            "a pipeline that counts how often a *film* is asked got through. Your smaller list keeps or drops whole films. Drop "
            "every second row."
        )
    if said(_own_stars):
        raise Incorrect(
            "a pipeline that reads only the row that it predicts is accused. That is a leak, but the other one: here only the "
            "*other* pairs count. Leave the stars as they are."
        )
    if said(_user_means):
        raise Incorrect("a pipeline that predicts each user's training mean is accused.")
    if not said(_with_total):
        raise Incorrect("a pipeline whose answers depend on how many pairs are asked got through.")
    if not said(_centred):
        raise Incorrect(
            "a pipeline that shifts all answers to a mean of 3 got through: its answers depend on each other. Ask for "
            "fewer pairs, and compare row by row, not their mean."
        )


# ------------------------------------------------------------------ 4.2.5 the best of fifty
Flattery = Callable[[np.ndarray, np.ndarray], float]


def _flattery(valid_errors: np.ndarray, fresh_errors: np.ndarray) -> float:
    winner = valid_errors.argmin(axis=0)
    repeats = np.arange(valid_errors.shape[1])
    return float((fresh_errors[winner, repeats] - valid_errors[winner, repeats]).mean())


_FLATTERY: dict[str, tuple[Flattery, str]] = {
    "sign": (
        lambda v, f: -_flattery(v, f),
        "the sign is turned round: flattery is the error on new rows minus the reported one, and usually above 0.",
    ),
    "best of both": (
        lambda v, f: float((f.min(axis=0) - v.min(axis=0)).mean()),
        "you compared the lowest fresh error with the lowest validation error. Those may be two settings. Nobody knows "
        "which one is best on new rows: follow the setting that was chosen.",
    ),
    "chosen on fresh": (
        lambda v, f: float((f.min(axis=0) - np.take_along_axis(v, f.argmin(axis=0)[None], 0)[0]).mean()),
        "the winner was chosen by the fresh errors. They are what nobody has when choosing.",
    ),
    "one winner": (
        lambda v, f: float((f[v.mean(axis=1).argmin()] - v[v.mean(axis=1).argmin()]).mean()),
        "you chose one winner by its mean over all repeats. Each repeat is somebody with one validation part: choose "
        "anew in each column.",
    ),
    "one cell": (
        lambda v, f: float(f.flat[v.argmin()] - v.flat[v.argmin()]),
        "you took the luckiest repeat of all. Choose a winner in every repeat (axis=0), then take the mean.",
    ),
    "across repeats": (
        lambda v, f: float(
            (np.take_along_axis(f, v.argmin(1)[:, None], 1) - np.take_along_axis(v, v.argmin(1)[:, None], 1)).mean()
        ),
        "for each setting you chose its best *repeat*. A row is a setting, a column a repeat: choose the best row of each "
        "column (axis=0).",
    ),
    "whole rows": (
        lambda v, f: float((f[v.argmin(axis=0)] - v[v.argmin(axis=0)]).mean()),
        "indexing with the winners alone gives their whole rows, all repeats of each. You want one entry a column: "
        "`[winner, np.arange(n_repeats)]`.",
    ),
    "everybody": (
        lambda v, f: float((f - v).mean()),
        "that is the mean over all settings, without choosing. Without a choice there is no flattery.",
    ),
    "fresh alone": (
        lambda v, f: float(np.take_along_axis(f, v.argmin(axis=0)[None], 0).mean()),
        "that is the winner's error on new rows. Take off what was reported.",
    ),
}


def _flattery_wrongly(how: str) -> Flattery:
    return _FLATTERY[how][0]


def _check_flattery(flattery: Flattery) -> None:
    for seed, (n_settings, n_repeats) in enumerate(((4, 5), (1, 6), (30, 40), (3, 1))):
        rng = np.random.default_rng(seed)
        skill = rng.normal(0.9, 0.02, (n_settings, 1))
        v, f = (skill + rng.normal(0, 0.02, (n_settings, n_repeats)) for _ in range(2))
        got = flattery(v.copy(), f.copy())
        if np.ndim(got) and np.size(got) > 1:
            raise Incorrect(f"one number was asked for, but there are {np.size(got)}: take the mean over the repeats.")
        value, want = number(got, "the flattery"), _flattery(v, f)
        if not np.isclose(value, want, rtol=1e-6, atol=1e-12):
            for wrong, says in _FLATTERY.values():
                if np.isclose(value, wrong(v, f), rtol=1e-6, atol=1e-12):
                    raise Incorrect(says)
        same(value, want, what=f"{n_settings} settings, {n_repeats} repeats: the flattery")


# ------------------------------------------------------------------ 4.2.6 stacking
Stack = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


def _stack(centred: np.ndarray, features: np.ndarray, target: np.ndarray, reg: float) -> np.ndarray:
    X = (centred[:, :, None] * features[:, None, :]).reshape(len(centred), -1)
    w = np.linalg.solve(X.T @ X + reg * np.eye(X.shape[1]), X.T @ target)
    return w.reshape(centred.shape[1], features.shape[1])


def _stack_wrongly(how: str) -> Stack:
    def stack(centred: np.ndarray, features: np.ndarray, target: np.ndarray, reg: float) -> np.ndarray:
        n, shape = len(centred), (centred.shape[1], features.shape[1])
        X = (centred[:, :, None] * features[:, None, :]).reshape(n, -1)
        if how == "side by side":
            X = np.column_stack([centred, features])
        if how == "features first":
            X = (features[:, :, None] * centred[:, None, :]).reshape(n, -1)
        if how == "intercept":
            X, target = X - X.mean(axis=0), target - target.mean()
        price = {"no ridge": 0.0, "price of the mean": reg * n, "root": reg**2}.get(how, reg) * np.eye(X.shape[1])
        if how == "first free":
            price[0, 0] = 0.0
        w = np.linalg.lstsq(X.T @ X + price, X.T @ target)[0]
        if how == "sum to one":
            w = w / w.sum()
        if how in ("flat", "side by side"):
            return w
        return w.reshape(shape)

    return stack


_STACK_SAYS = {
    "no ridge": "the price is missing: add reg to the diagonal of X.T @ X.",
    "price of the mean": "reg was multiplied by the number of rows (or the sums divided by it). Add reg to the sums as they are.",
    "root": "reg was squared. Add reg itself to the diagonal.",
    "intercept": "there is an intercept. Predictions and stars have lost the mean rating already: fit without one.",
    "first free": "one weight has no price. There is no intercept here, since everything is centred: all weights pay.",
    "sum to one": "the weights were scaled to the sum 1. They need not sum to anything: below 1 they shrink to the mean.",
    "features first": "the columns run over the features first and over the models second, but were cut the other way "
    "round: w[m, f] belongs to model m and feature f.",
}


def _check_stack(stack: Stack) -> None:
    for seed, (n, n_models, n_features, reg) in enumerate(
        ((30, 3, 2, 2.0), (12, 2, 2, 0.5), (50, 4, 1, 10.0), (9, 1, 3, 1.0))
    ):
        rng = np.random.default_rng(seed)
        taste = rng.normal(size=n)
        centred = taste[:, None] + rng.normal(0, 0.4, (n, n_models))
        features = np.column_stack([np.ones(n), rng.normal(size=(n, n_features - 1))])
        target = taste + rng.normal(size=n)
        case = (centred, features, target)
        given = tuple(part.copy() for part in case)
        got = np.asarray(stack(given[0], given[1], given[2], reg), dtype=float)
        want = _stack(*case, reg)
        if any(not np.array_equal(a, b) for a, b in zip(given, case)):
            raise Incorrect("you changed an array that was given. Work on copies.")
        if got.size == n_models + n_features != want.size:
            raise Incorrect(
                "there is one weight for each model and one for each feature: the features stand beside the models. They "
                "must multiply them: one column for each *pair* of a model and a feature."
            )
        if got.shape == want.shape[::-1] != want.shape and is_same(got.T, want):
            raise Incorrect("the table is turned: w[m, f], one row a model, one column a feature.")
        if got.shape != want.shape:
            raise Incorrect(f"the shape should be (n_models, n_features) = {want.shape}, but is {got.shape}.")
        if not is_same(got, want):
            for how, says in _STACK_SAYS.items():
                if is_same(got, _stack_wrongly(how)(*case, reg)):
                    raise Incorrect(says)
        same(got, want, what=f"{n_models} models, {n_features} features, reg {reg}: the weights")


EXERCISES = [
    Exercise(
        id="4.2.1",
        title="Half a step for everybody",
        kind="build",
        prompt="""
            Write the formula above for all rows at once: for each row collect its ratings, build the small table, solve.
            A plain loop over the rows is fine.
        """,
        reference=lambda: _half_step,
        check=_check_half_step,
        hints=(
            "For one row u: `mine = rows == u`, then `q = Q[columns[mine]]` holds the vectors of its columns, "
            "and `rest[mine]` what they have to explain. How many ratings are that?",
            "`A = q.T @ q + reg * n ** power * np.eye(Q.shape[1])`, `P[u] = np.linalg.solve(A, q.T @ rest[mine])`. Start from "
            "`P = np.zeros((n_rows, Q.shape[1]))` and loop over `np.unique(rows)`, so that rows without ratings stay at zero.",
        ),
        wrong=(
            WrongAnswer("blanks are zero", lambda: _half_step_wrongly("blanks are zero"), "That was 2.6"),
            WrongAnswer("one price for all", lambda: _half_step_wrongly("one price"), "same for every row"),
            WrongAnswer("the power ignored", lambda: _half_step_wrongly("power 1"), "power is ignored"),
            WrongAnswer("counts all ratings", lambda: _half_step_wrongly("all ratings"), "*all* ratings"),
            WrongAnswer("counts the rows", lambda: _half_step_wrongly("all rows"), "same for everybody"),
            WrongAnswer("counts the films'", lambda: _half_step_wrongly("the films' counts"), "of the films"),
            WrongAnswer("reg to the power", lambda: _half_step_wrongly("price of the whole"), "only n is raised"),
            WrongAnswer("means for sums", lambda: _half_step_wrongly("means"), "Leave them sums"),
            WrongAnswer("no ridge", lambda: _half_step_wrongly("no ridge"), "price is missing"),
            WrongAnswer("lambda everywhere", lambda: _half_step_wrongly("everywhere"), "on the diagonal"),
            WrongAnswer("too few rows", lambda: _half_step_wrongly("too few rows"), "n_rows rows"),
            WrongAnswer("NaN for nobody", lambda: _half_step_wrongly("NaN"), "should be zeros"),
        ),
        points=3,
        explanation="The table of a row has k x k numbers, however many ratings went into it, so the solve costs the same for "
        "everybody. The reference sorts once and cuts the ratings at the borders between rows, which saves searching all "
        "ratings for each row: the GROUP BY of a database does the same.",
        expected=example(
            "half_step(rows=[0, 0], columns=[0, 1], rest=[1, 0.5], Q=[[1, 0], [1, 1]], n_rows=2, reg=1, power=1)",
            lambda: _half_step(
                np.array([0, 0]),
                np.array([0, 1]),
                np.array([1.0, 0.5]),
                np.array([[1.0, 0.0], [1.0, 1.0]]),
                2,
                1.0,
                1.0,
            ),
        ),
    ),
    Exercise(
        id="4.2.2",
        title="What went wrong at night?",
        kind="figure it out",
        prompt="""
            The objective rises, so there is a bug, and it is in none of the half-steps. Find it, and write `turn` so that the
            objective can never rise. Say in one sentence to yourself *why* it cannot.
        """,
        reference=lambda: _turn,
        check=_check_turn,
        hints=(
            "The users' half-step is the best answer to the films' vectors *that it was given*. Are those still there when the "
            "objective is computed?",
            "Let the films' half-step read `new_P` in place of `P`.",
        ),
        wrong=(
            WrongAnswer("both at once", lambda: _turn_wrongly("at once"), "the colleague's turn"),
            WrongAnswer("one side only", lambda: _turn_wrongly("users only"), "has not moved"),
            WrongAnswer(
                "returned in the other order", lambda: _turn_wrongly("the wrong way round"), "users' vectors first"
            ),
            WrongAnswer(
                "half way, to calm it down", lambda: _turn_wrongly("half way"), "users' vectors after one turn"
            ),
            WrongAnswer("writes into its input", lambda: _turn_wrongly("in place"), "return new ones"),
        ),
        points=1,
        explanation="Each half-step minimises the objective over one side *for the other side as it stands*. Computed at once, "
        "each side answers vectors that are replaced in the same moment: two people in a corridor who both step aside. In "
        "turn, each half-step starts from the pair that the last one left, and the lowest point over one side cannot be "
        "higher than where that side was. What can run at the same time are the rows *within* a half-step.",
        expected=lambda: (
            "the objective after 1, 2, 3, ... turns falls every time, from about 66,900 to 61,600 after ten"
        ),
    ),
    Exercise(
        id="4.2.3",
        title="One plausible vector",
        kind="build",
        prompt="""
            Write the draw. The check draws three thousand times and looks at the mean and the covariance. A user without
            ratings gets a draw from the bell before any evidence, with covariance (noise / reg) I; the same lines give it.
        """,
        reference=lambda: _draw,
        check=_check_draw,
        hints=(
            "Start with `A` and `m` as in the half-step. The random part must have the covariance `noise * inv(A)`; "
            "`rng.standard_normal(k)` has the covariance I.",
            "`L = np.linalg.cholesky(A)`, and the random part is `np.sqrt(noise) * np.linalg.solve(L.T, "
            "rng.standard_normal(k))`. (`rng.multivariate_normal(m, noise * np.linalg.inv(A))` does as well, more slowly.)",
        ),
        wrong=(
            WrongAnswer("no chance in it", lambda: _draw_wrongly("still"), "centre of the bell, every time"),
            WrongAnswer("noise not under the root", lambda: _draw_wrongly("no root"), "multiply by its root"),
            WrongAnswer("noise forgotten", lambda: _draw_wrongly("no noise"), "noise of the ratings is missing"),
            WrongAnswer("multiplied by L", lambda: _draw_wrongly("times L"), "the wider"),
            WrongAnswer("solved with L", lambda: _draw_wrongly("L, not its transpose"), "Solve with L.T"),
            WrongAnswer("the diagonal alone", lambda: _draw_wrongly("diagonal"), "diagonal of A"),
            WrongAnswer("independent numbers", lambda: _draw_wrongly("diagonal of the inverse"), "tilted"),
            WrongAnswer("the same bell for all", lambda: _draw_wrongly("prior"), "spread alike"),
            WrongAnswer("noise in the centre", lambda: _draw_wrongly("centre"), "m / noise"),
            WrongAnswer("centred at zero", lambda: _draw_wrongly("prior only"), "half-step's answer is"),
            WrongAnswer("a generator of its own", lambda: _draw_wrongly("own generator"), "does not come from `rng`"),
            WrongAnswer("the global generator", lambda: _draw_wrongly("global"), "not np.random"),
        ),
        points=3,
        explanation="The half-step's table A does two jobs: its inverse times the right-hand side is the centre, and its inverse "
        "times the noise is the spread. So the ridge regression of section 1 had the uncertainty in its hands, and threw it "
        "away. Solving with L.T is right because inv(L.T) @ inv(L.T).T = inv(L @ L.T) = inv(A).",
        expected=lambda: (
            "with Q = [[1, 0], [1, 1]], rest = [1, 0.5], reg = 1, noise = 0.5, over many draws\n"
            f"mean        {np.linalg.solve(np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.5, 0.5])).tolist()}\n"
            f"covariance  {(0.5 * np.linalg.inv(np.array([[3.0, 1.0], [1.0, 2.0]]))).round(4).tolist()}"
        ),
    ),
    Exercise(
        id="4.2.4",
        title="Who reads the guest list?",
        kind="figure it out",
        prompt="""
            Write a tripwire for this leak, without reading the pipeline's code. An honest pipeline answers each pair as if it
            were the only one asked. What must then *not* change, when you change what?
        """,
        reference=lambda: _reads,
        check=_check_reads,
        hints=(
            "2.2.5 changed the stars and watched the predictions. Which part of the test frame does this pipeline read "
            "instead? Change that.",
            "Run it on `test` and on `test.iloc[::2]`, every second row. Predictions number 0, 2, 4, ... of the first must be all "
            "those of the second: `np.allclose(together[::2], every_second)`.",
        ),
        wrong=(
            WrongAnswer("the tripwire of 2.2", lambda: _reads_stars, "tripwire of 2.2"),
            WrongAnswer("changes the training part", lambda: _reads_training, "training part"),
            WrongAnswer("keeps whole films", lambda: _reads_even_films, "whole films"),
            WrongAnswer("looks for shared rows", lambda: _reads_rows, "never asked"),
            WrongAnswer("the first half", lambda: _reads_first_half, "whole users"),
            WrongAnswer("one row less", lambda: _reads_without_one, "a single row"),
            WrongAnswer("compares means", lambda: _reads_mean, "over fewer pairs"),
            WrongAnswer("True and False swapped", lambda: _reads_inverted, "wrong way round"),
            WrongAnswer("compares other rows", lambda: _reads_misaligned, "*same* pairs"),
            WrongAnswer("turns the list round", lambda: _reads_backwards, "Ask for fewer"),
            WrongAnswer("changes its input", lambda: _reads_in_place, "changed the frames"),
        ),
        points=3,
        explanation="A prediction must not depend on what else is asked in the same request. It is a metamorphic test like that "
        "of 2.2.5, with another change: not the labels but the company. Every second row is a good choice, since it takes some "
        "of the films of nearly every user and some of the users of nearly every film. The same test finds batch statistics "
        "that were computed over the request, features such as 'rank within this page', and caches that mix users.",
        expected=lambda: (
            "True for a pipeline that counts, for each user, how many films are asked\n"
            "False for one that predicts each user's training mean"
        ),
    ),
    Exercise(
        id="4.2.5",
        title="How much does the winner flatter itself?",
        kind="figure it out",
        prompt="""
            The two tables have one row a setting and one column a repeat: somebody with a validation part of their own. Guess
            first: fifty settings, 1,000 validation rows. Does the winner look better than it is by about 0.0001, by 0.005 or
            by 0.05 stars? Then write what computes it.
        """,
        reference=lambda: _flattery,
        check=_check_flattery,
        hints=(
            "In each column: which row has the lowest validation error? That row is the winner of this repeat. Look up *the same "
            "row* in the other table.",
            "`winner = valid_errors.argmin(axis=0)`; then `fresh_errors[winner, np.arange(n_repeats)]` picks one entry a column.",
        ),
        wrong=tuple(
            WrongAnswer(name, functools.partial(_flattery_wrongly, how), says)
            for name, how, says in (
                ("sign turned", "sign", "sign is turned"),
                ("best of both tables", "best of both", "two settings"),
                ("chosen on new rows", "chosen on fresh", "nobody has when choosing"),
                ("one winner for all", "one winner", "choose anew"),
                ("the luckiest cell", "one cell", "luckiest repeat"),
                ("the wrong axis", "across repeats", "best *repeat*"),
                ("whole rows of the winners", "whole rows", "whole rows"),
                ("nobody chosen", "everybody", "without choosing"),
                ("nothing taken off", "fresh alone", "what was reported"),
            )
        ),
        points=2,
        explanation="A validation error is the setting's true error plus luck. The lowest of fifty such sums is low for both "
        "reasons: the setting is good, and it was lucky. On new rows the skill comes back and the luck does not. No cheating is "
        "needed, choosing is enough.",
        expected=example(
            "flattery([[0.90, 0.93], [0.92, 0.91]], [[0.94, 0.92], [0.91, 0.93]])",
            lambda: _flattery(np.array([[0.90, 0.93], [0.92, 0.91]]), np.array([[0.94, 0.92], [0.91, 0.93]])),
        ),
    ),
    Exercise(
        id="4.2.6",
        title="One regression over five models",
        kind="build",
        prompt="""
            Build the table whose columns are all products of one model's centred predictions with one feature, solve the ridge
            regression, and return the weights as a table. With the single feature 1 it is plain stacking.
        """,
        reference=lambda: _stack,
        check=_check_stack,
        hints=(
            "For one model m and one feature f the column is `centred[:, m] * features[:, f]`. Two nested loops can collect all "
            "of them; the model is the outer loop.",
            "`X = (centred[:, :, None] * features[:, None, :]).reshape(len(centred), -1)`, then the normal equation with `reg` on "
            "the diagonal, then `.reshape(n_models, n_features)`.",
        ),
        wrong=(
            WrongAnswer("no ridge", lambda: _stack_wrongly("no ridge"), "price is missing"),
            WrongAnswer("price times n", lambda: _stack_wrongly("price of the mean"), "number of rows"),
            WrongAnswer("price squared", lambda: _stack_wrongly("root"), "squared"),
            WrongAnswer("with an intercept", lambda: _stack_wrongly("intercept"), "fit without one"),
            WrongAnswer("one weight free", lambda: _stack_wrongly("first free"), "no price"),
            WrongAnswer("weights that sum to 1", lambda: _stack_wrongly("sum to one"), "sum 1"),
            WrongAnswer("features beside the models", lambda: _stack_wrongly("side by side"), "multiply them"),
            WrongAnswer("features first", lambda: _stack_wrongly("features first"), "w[m, f]"),
            WrongAnswer("a flat answer", lambda: _stack_wrongly("flat"), "(n_models, n_features)"),
        ),
        points=2,
        explanation="A weight that depends on the case is still a linear regression, because it is linear in what is learned. "
        "The trick, products as columns, is that of the interaction terms of every statistics course.",
        expected=example(
            "stack(centred=[[1, 2], [0, 1], [-1, -1]], features=[[1, 0], [1, 1], [1, 2]], target=[1, 1, -2], reg=1)",
            lambda: _stack(
                np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, -1.0]]),
                np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]),
                np.array([1.0, 1.0, -2.0]),
                1.0,
            ),
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_rises() -> str:
    """Twenty random problems, ten turns each: how often does a half-step raise the objective?"""
    rises = 0
    for seed in range(20):
        users, films, rest, Q = _table(seed, 8, 7, 30, 3)

        def objective(P: np.ndarray, Q: np.ndarray, users=users, films=films, rest=rest) -> float:  # type: ignore[no-untyped-def]
            errors = rest - (P[users] * Q[films]).sum(axis=1)
            return float(errors @ errors + 0.7 * ((P**2).sum() + (Q**2).sum()))

        before = np.inf
        for _ in range(10):
            P = _half_step(users, films, rest, Q, 8, 0.7, 0.0)
            rises += (middle := objective(P, Q)) > before + 1e-9
            Q = _half_step(films, users, rest, P, 7, 0.7, 0.0)
            rises += objective(P, Q) > middle + 1e-9
            before = objective(P, Q)
    return "c" if rises == 0 else "a"


def _key_port() -> str:
    price = 1.3 * 100**0.5 / 100  # of reg * n ** 1 at n = 100
    return {0.13: "a", 1.3: "b", 13.0: "c"}[round(price, 6)]


def _key_average() -> str:
    """Two models that say the same with all signs turned: the mean of the vectors, and the mean of the predictions."""
    p, q = np.array([1.0, 2.0]), np.array([0.5, 1.0])
    by_predictions = (p @ q + -p @ -q) / 2
    by_vectors = (p + -p) / 2 @ ((q + -q) / 2)
    return "b" if by_predictions == p @ q and by_vectors == 0 else "a"


@functools.cache
def _key_tries() -> str:
    """Settings that differ by luck alone: the best of 100 against the best of 50."""
    luck = np.random.default_rng(0).normal(size=(20_000, 100))
    growth = luck.min(axis=1).mean() / luck[:, :50].min(axis=1).mean()
    return "a" if growth > 1.8 else "b" if growth > 1.02 else "c"


@functools.cache
def _key_overlap() -> str:
    """Users differ a lot, models a little, and the same way for everybody: what do the two kinds of interval say?"""
    rng = np.random.default_rng(0)
    one = rng.normal(0.9, 0.3, 900)
    other = one - rng.normal(0.01, 0.03, 900)
    half = [1.96 * side.std() / 30 for side in (one, other, one - other)]
    overlap = one.mean() - half[0] < other.mean() + half[1]
    return "c" if overlap and (one - other).mean() > half[2] else "a"


QUIZ = [
    Question(
        text="Your nightly ALS prints the objective after each half-step. Last night it rose once, by a little. What do you do?",
        choices={
            "a": "nothing: it goes up and down, like a learning curve",
            "b": "lower the learning rate",
            "c": "look for the bug: in exact turns it cannot rise",
        },
        key=_key_rises,
        why={
            "a": "That is SGD. A half-step finds the lowest point over one side, and cannot end above where it began.",
            "b": "There is none. Each half-step is solved, not walked.",
            "c": "Either the two sides do not share one objective (another lambda, other weights), or a side read stale vectors.",
        },
    ),
    Question(
        text="You tuned `reg=1.3` here, with power 0.5. A library whose lambda is `reg * n` should pull a user with 100 ratings "
        "exactly as hard. Which `reg` does it need?",
        choices={"a": "0.13", "b": "1.3", "c": "13"},
        key=_key_port,
        why={
            "a": "1.3 * 100 ** 0.5 = 13 is this user's lambda, and 0.13 * 100 gives the same. For other counts the two part.",
            "b": "Then lambda would be 130: ten times too strong for this user.",
            "c": "13 is the lambda of this user. Divide by the 100 that the other library multiplies with.",
        },
    ),
    Question(
        text="You have forty sampled models. Why are their *predictions* averaged, and not their vectors?",
        choices={
            "a": "it saves memory",
            "b": "two models may say the same with their axes turned; the mean of such vectors says something else",
            "c": "there is no difference, since the dot product is linear",
        },
        key=_key_average,
        why={
            "a": "It costs more: all forty must be kept.",
            "b": "Turn the signs of all vectors, and no prediction changes. The mean of both models' vectors is zero.",
            "c": "It is linear in one side, but both sides change from sample to sample.",
        },
    ),
    Question(
        text="Instead of 50 settings you try 100, on the same validation part. If they all were equally good, the winner's flattery "
        "would",
        choices={"a": "double", "b": "grow a little", "c": "stay the same"},
        key=_key_tries,
        why={
            "a": "Luck grows with the root of the logarithm of the tries (lesson 1.5), not with their number.",
            "b": "From about 2.25 standard deviations of luck to about 2.5. More rows help more than fewer tries.",
            "c": "One more try is one more chance to be lucky. It never shrinks, and on average it grows.",
        },
    ),
    Question(
        text="Two models' RMSE have 95 % intervals that overlap widely. May one still be better beyond doubt?",
        choices={
            "a": "no: overlap means no difference",
            "b": "only with a larger test part",
            "c": "yes: compare them on the same users, difference by difference",
        },
        key=_key_overlap,
        why={
            "a": "The intervals are wide because users differ. Both models meet the same users, and in the difference that cancels.",
            "b": "The same test part will do; it has to be used in pairs.",
            "c": "The interval of the difference leaves out how hard the users are. Section 9 shows both pictures side by side.",
        },
    ),
]
