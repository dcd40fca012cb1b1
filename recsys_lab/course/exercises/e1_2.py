"""Exercises and quiz of lesson 1.2, The linear algebra you need."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, same
from recsys_lab.course.quiz import Question

Array = np.ndarray


@functools.cache
def _frame() -> Any:
    from recsys_lab import datasets

    return datasets.load("ml-100k").ratings


@functools.cache
def _table() -> Array:
    """All ratings as the lesson's table: (943 users, 1682 films), 0 where there is none."""
    return _frame().pivot(index="user", columns="item", values="rating").fillna(0).to_numpy()


@functools.cache
def _block(n_users: int, n_films: int) -> Array:
    """The most active users by the most rated films, 0 where there is no rating."""
    A = _table()
    busy = np.argsort(-(A > 0).sum(axis=1), kind="stable")[:n_users]
    famous = np.argsort(-(A > 0).sum(axis=0), kind="stable")[:n_films]
    return A[np.ix_(busy, famous)]


def _flat(value: Any) -> Any:
    """A one-dimensional answer as an array, whether it came as a list, a Series or an array."""
    if value is None or isinstance(value, (str, bytes)) or np.ndim(value) != 1:
        return value
    return np.asarray(value)


# ------------------------------------------------------------------ 1.2.1 the cosine of one film with all
def _cosines(A: Array, j: int) -> Array:
    dots = A.T @ A[:, j]
    lengths = np.sqrt((A**2).sum(axis=0))
    below = lengths * lengths[j]
    return np.divide(dots, below, out=np.zeros(A.shape[1]), where=below > 0)


def _dots(A: Array, j: int) -> Array:
    return A.T @ A[:, j]


def _cosines_wrongly(how: str) -> Callable[[Array, int], Array]:
    """The misconceptions, each one step away from the right formula."""

    def cosines(A: Array, j: int) -> Array:
        A = np.asarray(A, dtype=float)
        if how == "rows":
            return _cosines(A.T, j)
        if how == "centred":
            return _cosines(A - A.mean(axis=0), j)
        if how == "who watched":
            return _cosines((A > 0).astype(float), j)
        squares = (A**2).sum(axis=0)
        below = {
            "own length": np.full(len(squares), np.sqrt(squares[j])),
            "other's length": np.sqrt(squares),
            "squares": squares * squares[j],
            "sums": A.sum(axis=0) * A[:, j].sum(),
            "counts": np.sqrt((A > 0).sum(axis=0) * (A[:, j] > 0).sum()),
            "unguarded": np.sqrt(squares * squares[j]),
        }[how]
        with np.errstate(invalid="ignore", divide="ignore"):
            out = _dots(A, j) / below
        return out if how == "unguarded" else np.nan_to_num(out)

    return cosines


def _check_cosines(cosines: Callable[[Array, int], Any]) -> None:
    # Four users by four films: rows can be mistaken for columns without a crash. Nobody rated the last film.
    small = np.array([[5.0, 4.0, 0.0, 0.0], [3.0, 0.0, 1.0, 0.0], [0.0, 4.0, 2.0, 0.0], [4.0, 5.0, 0.0, 0.0]])
    whole = np.array([[5, 0, 3], [0, 2, 1]])
    cases = [
        (small, 0, "four users, four films, j = 0"),
        (small, 2, "four users, four films, j = 2"),
        (small, 3, "four users, four films, j = 3, which nobody rated"),
        (whole, 1, "two users, three films, j = 1"),
        (np.array([[1.0, 0.5], [0.0, 0.0]]), 0, "one user, who gave 1 star and half a star"),
        (_block(60, 200), 17, "60 users and 200 films of MovieLens, j = 17"),
    ]
    messages = {
        "rows": "you compared the rows, which are users. A film is a *column*: `A[:, j]`.",
        "own length": "you divided by the length of film j only. The other film's length must go too: it is what makes popular films win.",
        "other's length": "you divided by the other films' lengths only. The order is right already, but a cosine also divides by the length of film j.",
        "squares": "you divided by the squared lengths: the root is missing. A film's length is the root of the sum of its squares.",
        "sums": "you divided by the sums of the stars. The length is the root of the sum of *squares*.",
        "counts": "you divided by the root of the number of raters. That is the length only if every rating is 1.",
        "centred": "you took a mean off first. That is another measure (lesson 2.2); here the stars stay as they are.",
        "who watched": "the stars are gone: you compared who rated, not what they gave.",
    }
    for A, j, what in cases:
        given = A.copy()
        with np.errstate(invalid="ignore", divide="ignore"):
            got, want = _flat(cosines(given, j)), _cosines(A, j)
        if not np.array_equal(given, A):
            raise Incorrect("your function changed the table A that it was given: build a new array instead.")
        if np.ndim(got) == 0 and got is not None:
            raise Incorrect(f"{what}: you return one number; return one for each film, shape {want.shape}.")
        if np.shape(got) == want.shape:
            if is_same(got, _dots(A, j)) and not is_same(want, _dots(A, j)):
                raise Incorrect(f"{what}: these are the dot products. Divide each by the two films' lengths.")
            for how, message in messages.items():
                if is_same(got, _cosines_wrongly(how)(A, j)) and not is_same(got, want):
                    raise Incorrect(f"{what}: {message}")
            if np.isnan(np.asarray(got, dtype=float)).any():
                raise Incorrect(
                    f"{what}: there is a NaN, from 0 / 0. A film that nobody rated has length 0: give it 0.0."
                )
        same(got, want, what=what)


COSINES = Exercise(
    id="1.2.1",
    title="One film against all",
    kind="build",
    prompt="""
        Write `cosines(A, j)`: the cosine of film `j` with each film of the table, itself included. A film that nobody
        rated has no direction; its cosine with everything is 0.0. Three or four lines, and no loop over the films.
    """,
    reference=lambda: _cosines,
    check=_check_cosines,
    hints=(
        "The dot products of film j with all films are one product, `A.T @ A[:, j]`. The lengths of all films are one "
        "line, too: squares, summed down each column (`axis=0`), root.",
        "`below = lengths * lengths[j]` is what to divide by. Where `below` is 0 the answer is 0: "
        "`np.divide(dots, below, out=np.zeros(len(dots)), where=below > 0)` divides only where it may.",
    ),
    wrong=(
        WrongAnswer("only the dot product", lambda: _dots, "these are the dot products"),
        WrongAnswer("divides by one length only", lambda: _cosines_wrongly("own length"), "length of film j only"),
        WrongAnswer(
            "divides by the other length only", lambda: _cosines_wrongly("other's length"), "other films' lengths only"
        ),
        WrongAnswer("no root", lambda: _cosines_wrongly("squares"), "root is missing"),
        WrongAnswer("sums instead of lengths", lambda: _cosines_wrongly("sums"), "sums of the stars"),
        WrongAnswer("counts instead of lengths", lambda: _cosines_wrongly("counts"), "number of raters"),
        WrongAnswer("users instead of films", lambda: _cosines_wrongly("rows"), "A film is a *column*"),
        WrongAnswer("no guard for an unrated film", lambda: _cosines_wrongly("unguarded"), "0 / 0"),
    ),
    points=2,
    explanation="Dividing a vector by its length gives a *unit vector*: same direction, length 1. The cosine is the dot "
    "product of two unit vectors, so a service that stores unit vectors gets cosines at the price of dot products.",
    expected=example(
        "cosines([[5, 4, 0], [0, 3, 0]], 0)", lambda: _cosines(np.array([[5.0, 4.0, 0.0], [0.0, 3.0, 0.0]]), 0)
    ),
)


# ------------------------------------------------------------------ 1.2.2 a list of ratings as CSR
Csr = tuple[Array, Array, Array]


def _to_csr(rows: Array, columns: Array, values: Array, n_rows: int) -> Csr:
    order = np.lexsort((columns, rows))
    counts = np.bincount(rows, minlength=n_rows)
    return values[order], columns[order], np.concatenate([[0], np.cumsum(counts)])


def _to_csr_wrongly(how: str) -> Callable[..., Csr]:
    def to_csr(rows: Array, columns: Array, values: Array, n_rows: int) -> Csr:
        if how == "no zeros":
            kept = values != 0
            return _to_csr(rows[kept], columns[kept], values[kept], n_rows)
        data, indices, indptr = _to_csr(rows, columns, values, n_rows)
        counts = np.diff(indptr)
        if how == "file order":
            return values, columns, indptr
        if how == "columns unsorted":
            order = np.argsort(rows, kind="stable")
            return values[order], columns[order], indptr
        if how == "keys swapped":
            order = np.lexsort((rows, columns))
            return values[order], columns[order], indptr
        if how == "rows end early":
            return data, indices, np.concatenate([[0], np.cumsum(np.bincount(rows))])
        if how == "by column":
            order = np.lexsort((rows, columns))
            n_columns = int(columns.max()) + 1 if len(columns) else 0
            column_counts = np.bincount(columns, minlength=n_columns)
            return values[order], rows[order], np.concatenate([[0], np.cumsum(column_counts)])
        if how == "row numbers":
            return data, indices, np.sort(rows)
        if how == "only rows seen":
            return data, indices, np.concatenate([[0], np.cumsum(counts[counts > 0])])
        return data, indices, {"counts": counts, "no start": indptr[1:], "no end": indptr[:-1]}[how]

    return to_csr


def _check_to_csr(to_csr: Callable[..., Any]) -> None:
    toy = (np.array([2, 0, 2, 0, 3]), np.array([1, 2, 0, 0, 1]), np.array([4.0, 3.0, 0.0, 5.0, 2.0]), 6)
    first = (np.array([3, 1, 1]), np.array([0, 4, 2]), np.array([1.0, 5.0, 2.0]), 4)
    rng = np.random.default_rng(0)
    frame = _frame().iloc[rng.permutation(3000)]
    real = (frame["user"].to_numpy() - 1, frame["item"].to_numpy() - 1, frame["rating"].to_numpy(float), 943)
    none = (np.array([], dtype=int), np.array([], dtype=int), np.array([]), 2)
    cases = [
        (toy, "five ratings, six rows (rows 1, 4 and 5 are empty, one rating is 0)"),
        (first, "three ratings, four rows (row 0 is empty)"),
        (real, "3,000 ratings of MovieLens, shuffled"),
        (none, "no ratings at all, two rows"),
    ]
    messages = {
        "file order": "`data` and `indices` stand in the order of the list. Sort by row: row 0's ratings first, then row 1's.",
        "columns unsorted": "the rows are in order, but within a row the columns are not: sort by row, and within a row by column (`np.lexsort`).",
        "keys swapped": "these are sorted by column first. `np.lexsort` takes the most important key *last*: `(columns, rows)`.",
        "rows end early": "the empty rows at the end are missing: `indptr` has n_rows + 1 entries (`minlength=n_rows`).",
        "by column": "this is sorted by column: the other layout, CSC, made for reading films. Sort by row.",
        "row numbers": "`indptr` holds a row number for each rating. That is the list again; CSR keeps where each *row begins*.",
        "only rows seen": "`indptr` has no entry for the empty rows. They count too: they begin and end at the same place.",
        "counts": "`indptr` holds the length of each row. It must hold where each begins: the running total of the lengths.",
        "no start": "`indptr` lacks the 0 in front, where row 0 begins.",
        "no end": "`indptr` lacks the last number, the end of the last row: it has n_rows + 1 entries.",
    }
    for (rows, columns, values, n_rows), what in cases:
        given = (rows.copy(), columns.copy(), values.copy())
        got, want = to_csr(*given, n_rows), _to_csr(rows, columns, values, n_rows)
        if not all(np.array_equal(a, b) for a, b in zip(given, (rows, columns, values))):
            raise Incorrect("your function changed the arrays that it was given (sorted in place?): make new ones.")
        if sparse.issparse(got):
            raise Incorrect("that is the library's matrix. Return the three arrays: data, indices, indptr.")
        if not (isinstance(got, (tuple, list)) and len(got) == 3):
            raise Incorrect("return three arrays: data, indices, indptr, in this order.")
        got = tuple(_flat(part) for part in got)
        if all(is_same(a, b) for a, b in zip(got, want)):
            continue
        if sorted(map(np.shape, got)) == sorted(map(np.shape, want)) and any(
            all(is_same(got[p], w) for p, w in zip(order, want))
            for order in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        ):
            raise Incorrect("the right three arrays in another order: data, indices, indptr.")
        if np.ndim(got[0]) == 1 and len(got[0]) < len(values) and len(got[0]) == np.count_nonzero(values):
            raise Incorrect(f"{what}: the rating of 0 is gone. It was *given*: a stored zero is not an unknown.")
        for how, message in messages.items():
            if all(
                is_same(a, b) for a, b in zip(got, _to_csr_wrongly(how)(rows, columns, values, n_rows), strict=True)
            ):
                raise Incorrect(f"{what}: {message}")
        for name, a, b in zip(("data", "indices", "indptr"), got, want):
            same(a, b, what=f"{what}: {name}")


TO_CSR = Exercise(
    id="1.2.2",
    title="Build the index",
    kind="build",
    prompt="""
        Write `to_csr(rows, columns, values, n_rows)`. The ratings come in any order, one a position: user row, film
        column, value. No pair comes twice. Return `data`, `indices`, `indptr` as in the picture: sorted by row, and
        within a row by column. Some rows may have no rating at all, and a value may be 0.
    """,
    reference=lambda: _to_csr,
    check=_check_to_csr,
    hints=(
        "Two jobs. First bring values and columns into order: `np.lexsort((columns, rows))` gives positions sorted by row, "
        "then by column. Then count the ratings of each row.",
        "`counts = np.bincount(rows, minlength=n_rows)` counts the empty rows as well. Row r begins where the rows before "
        "it end: `indptr` is a 0 followed by `np.cumsum(counts)`.",
    ),
    wrong=(
        WrongAnswer("not sorted", lambda: _to_csr_wrongly("file order"), "in the order of the list"),
        WrongAnswer(
            "columns in a row not sorted", lambda: _to_csr_wrongly("columns unsorted"), "within a row the columns"
        ),
        WrongAnswer("lengths instead of offsets", lambda: _to_csr_wrongly("counts"), "running total"),
        WrongAnswer("no 0 in front", lambda: _to_csr_wrongly("no start"), "lacks the 0"),
        WrongAnswer("no end", lambda: _to_csr_wrongly("no end"), "end of the last row"),
        WrongAnswer("empty rows forgotten", lambda: _to_csr_wrongly("only rows seen"), "empty rows"),
        WrongAnswer("empty rows at the end forgotten", lambda: _to_csr_wrongly("rows end early"), "rows at the end"),
        WrongAnswer("sorted by column first", lambda: _to_csr_wrongly("keys swapped"), "most important key *last*"),
        WrongAnswer("a row number for each rating", lambda: _to_csr_wrongly("row numbers"), "row number for each"),
        WrongAnswer("the column layout", lambda: _to_csr_wrongly("by column"), "CSC"),
        WrongAnswer("zeros dropped", lambda: _to_csr_wrongly("no zeros"), "stored zero"),
    ),
    points=3,
    explanation="This is a clustered index built by hand: sort, then remember where each key begins. `np.diff(indptr)` gives "
    "the length of each row back, and nothing is lost: from the three arrays you can rebuild the list.",
    expected=example(
        "to_csr([2, 0], [0, 1], [4, 5], 3)",
        lambda: _to_csr(np.array([2, 0]), np.array([0, 1]), np.array([4.0, 5.0]), 3),
    ),
)


# ------------------------------------------------------------------ 1.2.3 the vanished ratings
def _film_means(matrix: sparse.csr_array) -> Array:
    known = np.bincount(matrix.indices, minlength=matrix.shape[1])
    total = np.asarray(matrix.sum(axis=0), dtype=float)
    return np.divide(total, known, out=np.full(matrix.shape[1], np.nan), where=known > 0)


def _film_means_wrongly(how: str) -> Callable[[sparse.csr_array], Array]:
    def film_means(matrix: sparse.csr_array) -> Array:
        total, known = np.asarray(matrix.sum(axis=0)), np.bincount(matrix.indices, minlength=matrix.shape[1])
        if how == "rows":
            total, known = np.asarray(matrix.sum(axis=1)), np.diff(matrix.indptr)
        elif how == "everybody":
            known = np.full(matrix.shape[1], matrix.shape[0])
        elif how in ("by value", "colleague's"):
            known = (matrix.toarray() != 0).sum(axis=0)
            known = np.maximum(known, 1) if how == "colleague's" else known
        elif how == "in place":
            matrix.eliminate_zeros()
            known = np.bincount(matrix.indices, minlength=matrix.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = total / known
        return np.nan_to_num(means) if how == "0 for unrated" else means

    return film_means


def _check_film_means(film_means: Callable[[sparse.csr_array], Any]) -> None:
    # Opinions from -2 to 2, 0 for "so-so". Film 1 got nothing but so-so, film 3 nothing at all.
    toy = sparse.csr_array(
        (np.array([2.0, 0.0, 0.0, -1.0, 0.0, 1.0]), np.array([0, 1, 0, 2, 1, 2]), np.array([0, 2, 2, 4, 6])),
        shape=(4, 4),
    )
    frame = _frame().head(4000)
    real = sparse.csr_array(
        sparse.coo_array((frame["rating"].to_numpy() - 3.0, (frame["user"] - 1, frame["item"] - 1)), shape=(943, 1682))
    )
    last = sparse.csr_array((np.array([3.0]), np.array([1]), np.array([0, 1])), shape=(1, 2))
    cases = [
        (toy, "four films: so-so twice on film 1, no rating on film 3"),
        (last, "two films, of which the second has one rating"),
        (real, "4,000 opinions of MovieLens"),
    ]
    for matrix, what in cases:
        given, want = matrix.copy(), _film_means(matrix)
        with np.errstate(invalid="ignore", divide="ignore"):
            got = film_means(given)
        if given.nnz != matrix.nnz or not np.array_equal(given.data, matrix.data):
            raise Incorrect(
                "after the call, the caller's matrix holds other entries than before: you changed it in place."
            )
        if sparse.issparse(got):
            raise Incorrect("return an array with one number for each film, not a sparse matrix.")
        got = np.ravel(got) if isinstance(got, np.matrix) else _flat(got)
        messages = {
            "rows": "you averaged over each row. A row is a user; one number for each *film* is asked.",
            "by value": "an opinion of 0 is not counted. It was given, and it is stored; `!= 0` looks at its value. Count stored entries.",
            "colleague's": "these are still the colleague's means: an opinion of 0 adds nothing to the sum, but it must add 1 to the count.",
            "everybody": "you divided by the number of all users: whoever has not rated the film counts as an opinion of 0.",
            "0 for unrated": "a film without any opinion got 0.0, which reads 'so-so'. Nobody said so: NaN.",
        }
        if matrix is not last and np.ndim(got) == 1 and not is_same(got, want):
            for how, message in messages.items():
                if is_same(got, _film_means_wrongly(how)(matrix)):
                    raise Incorrect(f"{what}: {message}")
        if np.ndim(got) == 1 and len(got) < len(want) and is_same(got, want[: len(got)]):
            raise Incorrect(
                f"{what}: films at the end are missing, since nobody rated them. There is one number for each column of the "
                "matrix (`minlength=`)."
            )
        same(got, want, what=what)


FILM_MEANS = Exercise(
    id="1.2.3",
    title="The vanished ratings",
    kind="figure it out",
    prompt="""
        The function `colleagues_means` above is run on the opinions: stars minus 3. Find out which opinions it leaves
        out, and what that does to *Toy Story*. Then write `film_means(matrix)` so that every opinion that was given
        counts. The matrix is CSR; for a film without any, the answer is NaN.
    """,
    reference=lambda: _film_means,
    check=_check_film_means,
    hints=(
        "`matrix != 0` asks for the *value* of each entry. Which opinion has the value 0, and is it an unknown? Which of "
        "the three arrays says that a rating is there, whatever its value?",
        "`matrix.indices` holds one column number for each stored entry, so "
        "`np.bincount(matrix.indices, minlength=matrix.shape[1])` counts them film by film. Divide `matrix.sum(axis=0)` by "
        "it where it is above 0.",
    ),
    wrong=(
        WrongAnswer("counts what is not 0", lambda: _film_means_wrongly("by value"), "looks at its value"),
        WrongAnswer("the colleague's", lambda: _film_means_wrongly("colleague's"), "still the colleague's"),
        WrongAnswer("everybody counts", lambda: _film_means_wrongly("everybody"), "number of all users"),
        WrongAnswer("users instead of films", lambda: _film_means_wrongly("rows"), "A row is a user"),
        WrongAnswer("0 for an unrated film", lambda: _film_means_wrongly("0 for unrated"), "Nobody said so"),
        WrongAnswer("removes the zeros first", lambda: _film_means_wrongly("in place"), "in place"),
    ),
    points=2,
    explanation="A sparse matrix knows two things: *where* something is stored, and *what*. Unknown is a matter of where. "
    "Whoever derives it from the value is right until the first centring, the first half-star scale that begins at 0, the "
    "first thumbs-down coded as 0. In SQL you would not write `WHERE rating <> 0` for `WHERE rating IS NOT NULL` either.",
    expected=lambda: "two opinions on a film, 2 and a stored 0, have the mean 1; a film without any has NaN",
)


# ------------------------------------------------------------------ 1.2.4 power iteration
Pair = tuple[float, Array]


def _power_iteration(S: Array, start: Array, steps: int) -> Pair:
    v = np.asarray(start, dtype=float)
    for _ in range(steps):
        v = S @ v
        v = v / np.sqrt(v @ v)
    return float(v @ (S @ v)), v


def _power_wrongly(how: str) -> Callable[[Array, Array, int], Any]:
    def power_iteration(S: Array, start: Array, steps: int) -> Any:
        v = start if how == "in place" else start.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(50 if how == "always 50" else steps):
                if how == "entry by entry":
                    v = np.diag(S) * v
                elif how == "in place":
                    v[:] = S @ v
                else:
                    v = S @ v
                length = np.sqrt(v @ v)
                if how == "sum to 1":
                    length = np.abs(v).sum()
                elif how == "largest is 1":
                    length = np.abs(v).max()
                elif how in ("never scaled", "scaled at the end"):
                    length = 1.0
                v /= length
                growth = length
                if how == "one step":
                    return float(v @ S @ v), v
            if how == "scaled at the end":
                v = v / np.sqrt(v @ v)
            value = float(v @ (S @ v))
        if how == "ratio of entries":
            value = float((S @ v)[0] / v[0]) if v[0] else 0.0
        elif how == "square":
            value = float((S @ v) @ (S @ v))
        elif how == "growth of a long start":
            value = float(growth)
        return (v, value) if how == "swapped" else (value, v)

    return power_iteration


def _spread(n: int, seed: int) -> Array:
    """A symmetric matrix without negative eigenvalues, as a table of dot products is."""
    X = np.random.default_rng(seed).normal(size=(n + 3, n))
    return X.T @ X


def _check_power_iteration(power_iteration: Callable[[Array, Array, int], Any]) -> None:
    two, lame = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 3.0]])
    huge = 1000 * two
    real = _block(40, 30)
    cases = [
        (two, np.array([3.0, 4.0]), 1, "S = [[2, 1], [1, 3]], one step from (3, 4)"),
        (two, np.array([1.0, 0.0]), 3, "S = [[2, 1], [1, 3]], three steps from (1, 0)"),
        (huge, np.array([1.0, 0.0]), 400, "S = [[2000, 1000], [1000, 3000]], 400 steps from (1, 0)"),
        (lame, np.array([1.0, 1.0]), 60, "S = [[1, 0], [0, 3]], 60 steps from (1, 1)"),
        (_spread(5, 0), np.ones(5), 500, "a table of dot products of 5 columns, 500 steps"),
        (real.T @ real, np.ones(30), 40, "dot products of 30 films of MovieLens, 40 steps"),
    ]
    for S, start, steps, what in cases:
        given, table = start.copy(), S.copy()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            got, (value, v) = power_iteration(table, given, steps), _power_iteration(S, start, steps)
        if not np.array_equal(given, start) or not np.array_equal(table, S):
            raise Incorrect(
                "your function changed the start (or S) that it was given: `v /= ...` and `v[:] = ...` write into the "
                "caller's array. `v = v / ...` makes a new one."
            )
        if not (isinstance(got, (tuple, list)) and len(got) == 2):
            raise Incorrect("return two things: the eigenvalue (a number) and the eigenvector (an array).")
        if np.ndim(got[0]) == 1 and np.ndim(got[1]) == 0:
            raise Incorrect("the eigenvalue comes first, the eigenvector second.")
        got_value, got_v = got[0], _flat(got[1])
        if np.shape(got_v) != v.shape:
            raise Incorrect(
                f"{what}: the vector should have the shape {v.shape}, but has {np.shape(got_v)}. `S @ v` multiplies by the "
                "matrix; `S * v` multiplies entry by entry."
            )
        if not np.isfinite(np.asarray(got_v, dtype=float)).all():
            raise Incorrect(
                f"{what}: the numbers ran over (inf or NaN). Each step makes v longer: scale it to length 1 in every step."
            )
        length = float(np.sqrt(np.sum(np.square(got_v))))
        if np.array_equal(got_v, start) and steps and not np.isclose(length, 1):
            raise Incorrect(f"{what}: v is still the start, although steps is {steps}: take exactly `steps` steps.")
        if not np.isclose(length, 1):
            if np.isclose(np.sum(np.abs(got_v)), 1):
                raise Incorrect(f"{what}: the entries add up to 1. Length 1 is meant: the root of the sum of squares.")
            if np.isclose(np.max(np.abs(got_v)), 1):
                raise Incorrect(f"{what}: the largest entry is 1. Length 1 is meant: the root of the sum of squares.")
            raise Incorrect(f"{what}: v has length {length:.4g}. Divide it by its length in every step.")
        ups = [np.asarray(got_v), -np.asarray(got_v)]
        if not any(is_same(u, v) for u in ups):
            if any(is_same(u, _power_iteration(S, start, 1)[1]) for u in ups):
                raise Incorrect(f"{what}: only one step was taken: is the `return` indented too far, inside the loop?")
            if any(is_same(u, start / np.sqrt(start @ start)) for u in ups):
                raise Incorrect(f"{what}: v still points where the start did: multiply by S in the loop.")
            if any(is_same(u, _power_iteration(S, start, more)[1]) for u in ups for more in (steps + 1, 50)):
                raise Incorrect(f"{what}: you went on past `steps`: take exactly that many.")
            if any(is_same(u, _power_wrongly("entry by entry")(S, start, steps)[1]) for u in ups):
                raise Incorrect(
                    f"{what}: only the diagonal of S was used. `S @ v` sums along each row: that is the point."
                )
            same(got_v, v, what=f"{what}: the eigenvector")
        # Before it has settled, the growth of the last step and v @ S @ v differ a little: both are fair answers.
        if steps >= 40:
            if is_same(got_value, value**2) and not np.isclose(value, 1):
                raise Incorrect(
                    f"{what}: that is the square of the eigenvalue. S v is the eigenvalue times v: compare once, not twice."
                )
            same(got_value, value, what=f"{what}: the eigenvalue")
        elif not (isinstance(got_value, (int, float, np.number)) or np.ndim(got_value) == 0):
            raise Incorrect(f"{what}: the eigenvalue should be a number.")
        elif steps == 1 and not np.isclose(start @ start, 1) and is_same(got_value, np.linalg.norm(S @ start)):
            raise Incorrect(
                f"{what}: you took the growth of v for the eigenvalue, but v began with length {np.linalg.norm(start):g}. "
                "Scale the start to length 1 first, or use `v @ S @ v` at the end."
            )


POWER = Exercise(
    id="1.2.4",
    title="Multiply until it settles",
    kind="build",
    prompt="""
        Write `power_iteration(S, start, steps)` for a symmetric matrix `S` such as the tables of dot products above. Begin
        with `start`, which may have any length. In each of the `steps`, multiply by `S` and scale to length 1. Return
        two things: the eigenvalue $\\lambda$ and the eigenvector `v`, of length 1. Leave `start` as it was.
    """,
    reference=lambda: _power_iteration,
    check=_check_power_iteration,
    hints=(
        "The loop has two lines: `v = S @ v`, then divide v by its length. After it, $Sv$ is (nearly) $\\lambda v$; which "
        "product of v with that gives $\\lambda$, if v has length 1?",
        "`v @ v` is 1, so `v @ (S @ v)` is $\\lambda (v \\cdot v) = \\lambda$. Return `v @ S @ v, v`.",
    ),
    wrong=(
        WrongAnswer("never scaled", lambda: _power_wrongly("never scaled"), "in every step"),
        WrongAnswer("scaled at the end only", lambda: _power_wrongly("scaled at the end"), "ran over"),
        WrongAnswer("the entries sum to 1", lambda: _power_wrongly("sum to 1"), "add up to 1"),
        WrongAnswer("the largest entry is 1", lambda: _power_wrongly("largest is 1"), "largest entry is 1"),
        WrongAnswer("returns inside the loop", lambda: _power_wrongly("one step"), "indented too far"),
        WrongAnswer("steps ignored", lambda: _power_wrongly("always 50"), "exactly that many"),
        WrongAnswer("the diagonal only", lambda: _power_wrongly("entry by entry"), "only the diagonal"),
        WrongAnswer("a ratio of first entries", lambda: _power_wrongly("ratio of entries"), "the eigenvalue"),
        WrongAnswer("the square", lambda: _power_wrongly("square"), "square of the eigenvalue"),
        WrongAnswer("growth of a long start", lambda: _power_wrongly("growth of a long start"), "began with length 5"),
        WrongAnswer("vector first", lambda: _power_wrongly("swapped"), "eigenvalue comes first"),
        WrongAnswer("changes the start", lambda: _power_wrongly("in place"), "changed the start"),
    ),
    points=3,
    explanation="Nothing but products of a matrix with a vector: that is why it works where the matrix is too large to take "
    "apart, spread over many machines, or known only through a function that multiplies by it. The scaling changes no "
    "direction; it only keeps the numbers within range.",
    expected=example(
        "power_iteration([[2, 1], [1, 2]], [1, 0], 50)",
        lambda: _power_iteration(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([1.0, 0.0]), 50),
    ),
)


# ------------------------------------------------------------------ 1.2.5 the transposed factor
def _low_rank(A: Array, k: int) -> Array:
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    return (U[:, :k] * s[:k]) @ Vt[:k]


def _low_rank_wrongly(how: str) -> Callable[[Array, int], Any]:
    def low_rank(A: Array, k: int) -> Any:
        U, s, Vt = np.linalg.svd(A, full_matrices=False)
        n = len(s)
        if how == "transposed":
            return U[:, :k] * s[:k] @ Vt[:, :k].T
        if how == "smallest":
            return (U[:, n - k :] * s[n - k :]) @ Vt[n - k :]
        if how == "one more":
            return _low_rank(A, k + 1)
        if how == "only the k-th":
            return s[k - 1] * np.outer(U[:, k - 1], Vt[k - 1])
        if how == "factors":
            return U[:, :k], s[:k], Vt[:k]
        weight = {"no weights": np.ones(k), "roots": np.sqrt(s[:k]), "squares": s[:k] ** 2}[how]
        return (U[:, :k] * weight) @ Vt[:k]

    return low_rank


def _check_low_rank(low_rank: Callable[[Array, int], Any]) -> None:
    rng = np.random.default_rng(3)
    cases = [
        (np.array([[3.0, 0.0, 1.0], [2.0, 1.0, 0.0], [0.0, 4.0, 1.0]]), 1, "a 3 x 3 matrix, k = 1"),
        (_block(30, 30), 4, "30 users by 30 films, k = 4"),
        (rng.normal(size=(7, 4)), 2, "a tall matrix, 7 x 4, k = 2"),
        (rng.normal(size=(4, 7)), 4, "a wide matrix, 4 x 7, k = 4: all there is"),
        (rng.normal(size=(5, 9)), 3, "a wide matrix, 5 x 9, k = 3"),
        (np.diag([1.0, 3.0, 2.0]), 1, "a diagonal matrix (1, 3, 2), k = 1"),
    ]
    messages = {
        "transposed": "NumPy's third result is $V^\\top$, transposed already. Its *rows* belong to the layers: `Vt[:k]`. In a square matrix the mistake goes unnoticed, and the sum of layers is no longer A.",
        "no weights": "the singular values are missing: each layer counts with its weight s.",
        "squares": "the weights are squared. Each layer counts with s, not with the eigenvalue s squared.",
        "roots": "you took the root of s: one root on each side makes s, but here one side has none.",
        "smallest": "you kept the k smallest layers. They come in falling order: the first k are the large ones.",
        "one more": "that is one layer more than k.",
        "only the k-th": "that is the k-th layer alone. Sum the layers 1 to k.",
    }
    for A, k, what in cases:
        given, want = A.copy(), _low_rank(A, k)
        got = low_rank(given, k)
        if not np.array_equal(given, A):
            raise Incorrect("your function changed the matrix that it was given: build a new one.")
        if isinstance(got, tuple):
            raise Incorrect("you return the factors; multiply them: the answer has the shape of A.")
        if np.shape(got) == A.shape and not is_same(got, want, rtol=1e-5):
            for how, message in messages.items():
                if how == "transposed" and A.shape[0] != A.shape[1]:
                    continue
                if is_same(got, _low_rank_wrongly(how)(A, k), rtol=1e-5):
                    raise Incorrect(f"{what}: {message}")
        same(got, want, rtol=1e-5, atol=1e-6, what=what)


LOW_RANK = Exercise(
    id="1.2.5",
    title="It runs, and it is wrong",
    kind="figure it out",
    prompt="""
        A colleague wrote this, tried it on a square block of 100 users by 100 films, got a matrix of the right shape, and
        merged it:

        ```python
        def low_rank(A, k):
            U, s, V = np.linalg.svd(A, full_matrices=False)
            return U[:, :k] * s[:k] @ V[:, :k].T
        ```

        With `k` = 100 it should give the block back. It does not: try it on `B[:100]`. Find out why, and write `low_rank` so that it is right for
        a matrix of any shape: the sum of the first `k` layers, a matrix as large as `A`.
    """,
    reference=lambda: _low_rank,
    check=_check_low_rank,
    hints=(
        "What does the documentation of `np.linalg.svd` call its third result, and what is in a *row* of it? Try the function "
        "on a matrix that is not square: what happens?",
        "The third result is $V^\\top$: name it `Vt`. Layer i is `s[i] * np.outer(U[:, i], Vt[i])`, and the sum of the first "
        "k is `(U[:, :k] * s[:k]) @ Vt[:k]`.",
    ),
    wrong=(
        WrongAnswer("the colleague's", lambda: _low_rank_wrongly("transposed"), "transposed already"),
        WrongAnswer("the weights forgotten", lambda: _low_rank_wrongly("no weights"), "singular values are missing"),
        WrongAnswer("the weights squared", lambda: _low_rank_wrongly("squares"), "squared"),
        WrongAnswer("roots on one side", lambda: _low_rank_wrongly("roots"), "one side has none"),
        WrongAnswer("the last k", lambda: _low_rank_wrongly("smallest"), "k smallest"),
        WrongAnswer("one too many", lambda: _low_rank_wrongly("one more"), "one layer more"),
        WrongAnswer("the k-th alone", lambda: _low_rank_wrongly("only the k-th"), "alone"),
        WrongAnswer("the factors", lambda: _low_rank_wrongly("factors"), "multiply them"),
    ),
    points=2,
    explanation="A square test matrix hides every mix-up of rows and columns, as a test with the same value for width and "
    "height does. Test with shapes that differ, and with a property: all layers together must give A back.",
    expected=lambda: "low_rank(A, k) has the shape of A, for every k; with all layers it is A itself",
)


# ------------------------------------------------------------------ 1.2.6 how many layers?
def _layers_for(s: Array, share: float) -> int:
    left = np.append(np.cumsum(np.square(s)[::-1])[::-1], 0.0)  # left[k]: squares of the layers after the first k
    return int(np.argmax(np.sqrt(left / left[0]) <= share))


def _layers_wrongly(how: str) -> Callable[[Array, float], int]:
    def layers_for(s: Array, share: float) -> int:
        s = np.asarray(s, dtype=float)
        squares = s**2
        if how == "one short":
            return max(_layers_for(s, share) - 1, 0)
        if how == "one more":
            return _layers_for(s, share) + 1
        if how == "what is kept":
            return int(np.argmax(np.sqrt(np.cumsum(squares) / squares.sum()) >= share)) + 1
        if how == "small ones":
            return int((s > share * s[0]).sum())
        part = s if how == "not squared" else squares
        left = np.append(np.cumsum(part[::-1])[::-1], 0.0)
        return int(np.argmax(left / left[0] <= share))

    return layers_for


def _check_layers(layers_for: Callable[[Array, float], Any]) -> None:
    plain = np.array([6.0, 3.0, 2.0, 1.0])
    even = np.ones(10)
    picture = 50_000 / np.arange(1, 513) ** 0.8
    cases = [
        (plain, 0.45, "s = (6, 3, 2, 1), share 0.45"),
        (plain, 0.2, "s = (6, 3, 2, 1), share 0.2"),
        (plain, 0.01, "s = (6, 3, 2, 1), share 0.01"),
        (even, 0.5, "ten equal singular values, share 0.5"),
        (np.ones(4), 0.5, "four equal singular values, share 0.5 (the error of k = 3 is exactly that)"),
        (even, 0.75, "ten equal singular values, share 0.75"),
        (picture, 0.1, "512 singular values that fall slowly, share 0.1"),
        (np.linalg.svd(_block(30, 40), compute_uv=False), 0.3, "30 users by 40 films, share 0.3"),
        (np.array([5.0]), 0.5, "one singular value, share 0.5"),
    ]
    messages = {
        "not squared": "you added up the singular values. Errors add up in *squares*: s1 + s2 is no length, the root of s1² + s2² is.",
        "no root": "you compared the squared error with share: take the root first (or square the share).",
        "one short": "that is one layer too few: with it the error is still above the share.",
        "one more": "that is one layer more than needed.",
        "what is kept": "share is what may be *lost*; you stopped when that much was kept.",
        "small ones": "you counted the singular values that are large beside the first. Many small ones together are not small: add up what is left out.",
    }
    found = [layers_for(s.copy(), share) for s, share, _ in cases]
    for got, (_, _, what) in zip(found, cases):
        if isinstance(got, (bool, np.bool_)) or not (isinstance(got, (int, float, np.number)) or np.ndim(got) == 0):
            raise Incorrect(f"{what}: return one whole number, not {type(got).__name__}.")
    wrong = [(got, case) for got, case in zip(found, cases) if not is_same(got, _layers_for(*case[:2]))]
    if wrong:
        got, (s, share, what) = wrong[0]
        for how, message in messages.items():  # one case alone may fit several mistakes
            if all(is_same(n, _layers_wrongly(how)(*case[:2])) for n, case in zip(found, cases)):
                raise Incorrect(f"{what}: {message}")
        same(got, _layers_for(s, share), what=what)


LAYERS = Exercise(
    id="1.2.6",
    title="Before you see the picture",
    kind="figure it out",
    prompt="""
        The picture below has 512 layers. How many of them are needed so that its error is at most 10 % of its length? Guess
        first: 5, 50, 150 or 450? Then write `layers_for(s, share)`: from the singular values `s` *alone* (falling; no picture is made), the
        smallest `k` whose rank-k approximation has a relative error of at most `share`, a number between 0 and 1.
    """,
    reference=lambda: _layers_for,
    check=_check_layers,
    hints=(
        "Eckart-Young gives the error of rank k: the root of the sum of the squares of `s[k:]`. Divide by the length of the "
        "whole, the same formula with k = 0.",
        "A plain loop does it: for k from 0 to len(s), compute `np.sqrt((s[k:] ** 2).sum() / (s**2).sum())`, and return the "
        "first k for which it is at most `share`.",
    ),
    wrong=(
        WrongAnswer("singular values, not squares", lambda: _layers_wrongly("not squared"), "in *squares*"),
        WrongAnswer("no root", lambda: _layers_wrongly("no root"), "take the root"),
        WrongAnswer("one too few", lambda: _layers_wrongly("one short"), "too few"),
        WrongAnswer("one too many", lambda: _layers_wrongly("one more"), "more than needed"),
        WrongAnswer("share kept instead of lost", lambda: _layers_wrongly("what is kept"), "may be *lost*"),
        WrongAnswer("compares with the first", lambda: _layers_wrongly("small ones"), "Many small ones"),
    ),
    points=2,
    explanation="You predicted the quality of a compressed picture without compressing it. It works because the layers stand at "
    "right angles to each other, so their squares add up as in Pythagoras.",
    expected=example("layers_for([4, 3], 0.7)", lambda: _layers_for(np.array([4.0, 3.0]), 0.7)),
)

EXERCISES = [COSINES, TO_CSR, FILM_MEANS, POWER, LOW_RANK, LAYERS]


# ------------------------------------------------------------------ quiz
def _key_twice() -> str:
    """Each user a second time: what becomes of dot product, length and cosine of two films?"""
    A = _block(60, 20)
    twice = np.vstack([A, A])
    dots = (twice.T @ twice) / (A.T @ A)
    lengths = np.linalg.norm(twice, axis=0) / np.linalg.norm(A, axis=0)
    unmoved = np.allclose(_cosines(twice, 0), _cosines(A, 0))
    if np.allclose(dots, 2) and np.allclose(lengths, np.sqrt(2)) and unmoved:
        return "b"
    return "a" if np.allclose(lengths, 2) else "c"


def _key_break_even() -> str:
    """From which share of known entries does CSR (8 + 4 bytes an entry) take more room than dense (8 bytes a cell)?"""
    cells = 1_000_000
    for letter, share in {"a": 0.07, "b": 0.51, "c": 0.67}.items():
        if share * cells * (8 + 4) > cells * 8:
            return letter
    return "none"


def _key_centred() -> str:
    """The dot product of a user's ratings minus their mean with the vector of ones."""
    stars = _table()[0]
    stars = stars[stars > 0]
    dot = float((stars - stars.mean()) @ np.ones(len(stars)))
    if np.isclose(dot, 0, atol=1e-9):
        return "a"
    return "b" if np.isclose(dot, stars.mean()) else "c"


def _key_gap() -> str:
    """Steps that power iteration needs with the eigenvalues 100 and 99, against 100 and 10."""

    def needed(second: float) -> int:
        S, v, steps = np.diag([100.0, second]), np.ones(2), 0
        while abs(v[1]) > 0.001 * abs(v[0]):
            v, steps = S @ v / 100, steps + 1
        return steps

    return "c" if needed(99.0) > 100 * needed(10.0) else "a"


def _key_first_factor() -> str:
    """Zeros for unknowns: is the first factor of the block how often a film was rated?"""
    B = _block(200, 100)
    _, s, Vt = np.linalg.svd(B, full_matrices=False)
    share = s[0] ** 2 / (s**2).sum()
    like_counts = np.corrcoef(np.abs(Vt[0]), (B > 0).sum(axis=0))[0, 1]
    return "b" if share > 0.6 and like_counts > 0.9 else "a"


QUIZ = [
    Question(
        "Overnight, a bug copies every user: each rating is there twice, under two ids. For two films, what happens?",
        {
            "a": "Dot product, lengths and cosine all double.",
            "b": "The dot product doubles, the lengths grow by √2, the cosine stays.",
            "c": "Everything stays: the same people like the same films.",
        },
        _key_twice,
        {
            "a": "A length is the *root* of a sum of squares; twice the sum is √2 times the root. And √2 · √2 cancels the 2.",
            "b": "Yes: twice the audience, the same direction. That is what the cosine was made for.",
            "c": "True for the cosine. The dot product counts heads, so it doubles.",
        },
    ),
    Question(
        "Values take 8 bytes and column numbers 4; `indptr` is small. From which share of known entries on is CSR *larger* "
        "than the dense table?",
        {"a": "about 7 %", "b": "about 50 %", "c": "about 67 %"},
        _key_break_even,
        {
            "a": "At 7 % CSR takes 0.07 · 12 = 0.84 bytes a cell, a tenth of the dense table's 8.",
            "b": "Half would be right if a column number took as much room as a value: 16 bytes an entry against 8 a cell.",
            "c": "12 bytes an entry against 8 a cell: 8 / 12. Above that, the addresses cost more than the holes.",
        },
    ),
    Question(
        "You take a user's mean off their ratings (known films only). What is the dot product of the result with a vector of ones?",
        {"a": "0", "b": "the mean", "c": "the number of ratings"},
        _key_centred,
        {
            "a": "Yes: the deviations add up to 0, so the rest stands at a right angle to the ones. The mean was the shadow.",
            "b": "The mean is gone; it was the shadow on the ones. What is left has none.",
            "c": "That is the dot product of the ones with themselves.",
        },
    ),
    Question(
        "A matrix has the two largest eigenvalues 100 and 99. Power iteration on it",
        {
            "a": "is fast, because both are large.",
            "b": "finds the second eigenvector instead.",
            "c": "needs hundreds of steps before the first direction has won.",
        },
        _key_gap,
        {
            "a": "Size does not matter, since v is scaled in every step. The *ratio* does.",
            "b": "The first still wins in the end. Meanwhile v is a mixture of both.",
            "c": "Yes: what is left of the second shrinks by 0.99 a step. With 100 and 10 it shrinks by 0.1.",
        },
    ),
    Question(
        "You fill unknown ratings with 0 and take the SVD of the block. The first of 100 layers holds two thirds of all "
        "squares. What have you found?",
        {
            "a": "One axis of taste, which explains two thirds of what people like.",
            "b": "How often each film was rated, and by whom: popularity.",
            "c": "A bug: layers must be about equally large.",
        },
        _key_first_factor,
        {
            "a": "The largest difference in that table is known against unknown, stars against 0. Taste is in the rest.",
            "b": "Yes: its film side follows the number of ratings almost exactly. Take means off first, and only where "
            "something is known.",
            "c": "Nothing forces them to be equal. A matrix of almost one pattern has one large layer.",
        },
    ),
]
