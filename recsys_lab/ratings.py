"""Ids to rows and back, and the one matrix that every algorithm works on.

People and files speak in ids (user 196, film "tt0114709"); algorithms speak in rows and columns of a matrix.
`IdIndex` translates between the two, and `Ratings` is a frozen sparse matrix with an `IdIndex` on each side.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.errors import DataError, UnknownIdError, few

Scale = tuple[float, float]

# What other data sets call our columns: only used to make an error message helpful.
_SYNONYMS = {
    "user": ("user", "uid", "customer", "member", "reviewer", "account"),
    "item": ("item", "iid", "movie", "film", "product", "book", "artist", "song", "track", "article", "asin"),
    "rating": ("rating", "score", "stars", "value"),
    "timestamp": ("timestamp", "time", "date"),
}


class IdIndex:
    """A two-way table between ids (any hashable type) and rows 0..n-1.

    Rows follow the sorted order of the ids, so the order in which ratings arrive never changes a result.

    Parameters
    ----------
    ids : the ids, repeated or not.
    noun : what an id stands for, used in messages ("user", "item").

    Attributes
    ----------
    ids : ndarray (n,), the distinct ids, row by row.

    >>> index = IdIndex(["b", "a", "b"], noun="user")
    >>> index.ids.tolist(), index.rows(["a", "b", "z"]).tolist()
    (['a', 'b'], [0, 1, -1])
    """

    def __init__(self, ids: Sequence[object] | np.ndarray | pd.Series | pd.Index, noun: str = "id"):
        try:
            distinct = pd.Index(_as_values(ids)).unique()
            if distinct.dtype == object:
                set(distinct)  # pandas 3 hashes no ids that are sorted already, so lists would pass
        except TypeError as error:
            raise DataError(f"{noun} ids must be hashable, such as numbers, text or tuples: {error}.") from None
        try:
            # A copy: when the caller later changes the frame that the ids came from, the index must not follow.
            self._index = distinct.sort_values().copy(deep=True)
        except TypeError:  # ids of several types have no common order: by type, then by text
            self._index = distinct[np.argsort([f"{type(i).__name__} {i!r}" for i in distinct])]
        self.noun = noun
        self.ids: np.ndarray = self._index.to_numpy()
        self.ids.flags.writeable = False
        self._kind = _kind(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdIndex) and self._index.equals(other._index)

    __hash__ = None  # type: ignore[assignment]

    def rows(self, ids: Sequence[object] | np.ndarray | pd.Series | pd.Index) -> np.ndarray:
        """Rows of the ids; -1 where an id is unknown. O(n) after the first call.

        Raises DataError where the ids are of another type altogether ("42" among integers): that is a
        mistake in the caller's code, not a new user.
        """
        values = pd.Index(_as_values(ids))
        kind = _kind(values)
        if len(values) and len(self) and self._kind and kind and kind != self._kind:
            raise DataError(
                f"{self.noun} ids here are {self._kind}, such as {few(self.ids[:1])}; "
                f"got {kind}: {few(values[:1])}. Convert the ids before the call."
            )
        return self._index.get_indexer(values)

    def known(self, ids: Sequence[object] | np.ndarray | pd.Series | pd.Index) -> np.ndarray:
        """Rows of the ids. Raises UnknownIdError, naming at most five, if any is unknown."""
        rows = self.rows(ids)
        if (rows < 0).any():
            missing = pd.Index(_as_values(ids))[rows < 0].unique()
            raise UnknownIdError(
                f"unknown {self.noun} {few(missing)}: not among the {len(self):,} {self.noun}s of the ratings."
            )
        return rows


@dataclass(frozen=True, eq=False)
class Ratings:
    """Who rated what, and how: frozen, checked, ready for arithmetic.

    Attributes
    ----------
    matrix : CSR (n_users, n_items) float64, read-only, sorted indices. A stored 0.0 is a rating; what is not
        stored is unknown. So masks come from `indptr` and `indices`, never from the values.
    users, items : the IdIndex of its rows and of its columns.
    scale : (lowest, highest) rating possible.

    >>> frame = pd.DataFrame({"user": ["ann", "ben"], "item": [7, 8], "rating": [5.0, 3.0]})
    >>> ratings = Ratings.from_frame(frame, scale=(1, 5))
    >>> ratings.n_users, ratings.n_items, ratings.mean
    (2, 2, 4.0)
    """

    matrix: sparse.csr_array
    users: IdIndex
    items: IdIndex
    scale: Scale

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        user: str = "user",
        item: str = "item",
        rating: str = "rating",
        scale: Scale | None = None,
        duplicates: Literal["raise", "last", "mean"] = "raise",
    ) -> Ratings:
        """Check a long frame (one row a rating) and turn it into Ratings. O(n log n).

        Parameters
        ----------
        frame : columns user, item, rating; further columns are ignored.
        user, item, rating : the columns' names where they differ.
        scale : (lowest, highest) possible rating; by default the range seen in the frame.
        duplicates : what to do with a pair that occurs twice: refuse it, keep the last row, or average.

        Raises
        ------
        DataError : a column is missing, the frame is empty, an id is missing, a rating is text, NaN, infinite
            or off the scale, or a pair occurs twice. The first offending row is shown; nothing is built.
        """
        require_columns(frame, user=user, item=item, rating=rating)
        if frame.empty:
            raise DataError("the ratings frame has no rows: there is nothing to learn from.")
        if duplicates not in ("raise", "last", "mean"):
            raise DataError(f"duplicates={duplicates!r}: choose 'raise', 'last' or 'mean'.")
        for column in (user, item):
            _refuse(
                frame, frame[column].isna().to_numpy(), f"a missing id in column {column!r}", "drop or fill these rows"
            )
        values = _as_floats(frame, rating)
        _refuse(frame, ~np.isfinite(values), f"NaN or infinity in column {rating!r}", "drop these rows")
        low, high = (float(values.min()), float(values.max())) if scale is None else (float(scale[0]), float(scale[1]))
        if not low <= high:
            raise DataError(f"scale=({low:g}, {high:g}): the lowest rating must not exceed the highest.")
        off = (values < low) | (values > high)
        _refuse(frame, off, f"a rating off the scale {low:g} to {high:g}", "pass the true scale or mend the rows")

        users, items = IdIndex(frame[user], noun="user"), IdIndex(frame[item], noun="item")
        rows, columns = users.rows(frame[user]).astype(np.int32), items.rows(frame[item]).astype(np.int32)
        pair = _pairs(rows, columns, len(items))
        ordered = np.sort(pair)
        if (ordered[1:] == ordered[:-1]).any():
            if duplicates == "raise":
                repeated = pd.Series(pair).duplicated(keep=False).to_numpy()
                _refuse(
                    frame,
                    repeated,
                    "a (user, item) pair that occurs more than once",
                    "pass duplicates='last' or 'mean'",
                )
            means = pd.Series(values).groupby(pair).transform(duplicates).to_numpy()
            keep = ~pd.Series(pair).duplicated(keep="last").to_numpy()
            rows, columns, values = rows[keep], columns[keep], means[keep]
        del pair, ordered  # as large as the ratings themselves, each
        return cls.from_rows(rows, columns, values, users, items, (low, high))

    @classmethod
    def from_rows(
        cls, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, users: IdIndex, items: IdIndex, scale: Scale
    ) -> Ratings:
        """Ratings from row numbers that are already checked and distinct."""
        # One type for both index arrays: of two, SciPy would convert the long one anew in each product.
        index = np.int32 if len(rows) < 2**31 else np.int64
        indptr = np.zeros(len(users) + 1, dtype=index)
        np.cumsum(np.bincount(rows, minlength=len(users)), out=indptr[1:])
        pair = _pairs(rows, columns, len(items))
        order = np.argsort(pair) if (pair[1:] < pair[:-1]).any() else slice(None)
        del pair
        matrix = sparse.csr_array(
            (values[order].astype(np.float64), columns[order].astype(index), indptr), shape=(len(users), len(items))
        )
        return cls(matrix, users, items, scale)

    def __post_init__(self) -> None:
        for array in (self.matrix.data, self.matrix.indices, self.matrix.indptr):
            array.flags.writeable = False

    @property
    def n_users(self) -> int:
        return self.matrix.shape[0]

    @property
    def n_items(self) -> int:
        return self.matrix.shape[1]

    @property
    def n_ratings(self) -> int:
        return self.matrix.nnz

    def of(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """The columns that a user rated, sorted, and the ratings: views into the matrix."""
        mine = slice(*self.matrix.indptr[row : row + 2])
        return self.matrix.indices[mine], self.matrix.data[mine]

    def positives(self, threshold: float | None = None) -> sparse.csr_array:
        """Who chose what: CSR (n_users, n_items) of ones where the rating is at least `threshold` (None: every rating).

        What a model of implicit feedback sees: clicks and purchases come without stars.
        """
        keep = is_chosen(self.matrix.data, threshold)
        if not keep.any():
            raise DataError(
                f"threshold={threshold}: no rating is that high (the highest is {self.matrix.data.max():g})."
            )
        ends = np.concatenate(([0], np.cumsum(keep)))[self.matrix.indptr]
        return sparse.csr_array((np.ones(keep.sum()), self.matrix.indices[keep], ends), shape=self.matrix.shape)

    @property
    def mean(self) -> float:
        """The global mean rating, mu in the formulas."""
        return float(self.matrix.data.mean())

    @property
    def density(self) -> float:
        """The share of all user-item pairs that are rated; 1 - density is the sparsity."""
        return self.n_ratings / (self.n_users * self.n_items)

    def widen(self, items: Sequence[object] | np.ndarray | pd.Series) -> Ratings:
        """The same ratings over a larger catalogue: `items` may name some that nobody has rated. O(n_ratings)."""
        ids = [*self.items.ids, *_as_values(items)]  # type: ignore[misc]
        wider = IdIndex(ids, noun="item")
        place = wider.rows(self.items.ids)
        users = np.repeat(np.arange(self.n_users), np.diff(self.matrix.indptr))
        return Ratings.from_rows(users, place[self.matrix.indices], self.matrix.data, self.users, wider, self.scale)

    def to_frame(self) -> pd.DataFrame:
        """Back to a long frame with columns user, item, rating, sorted by user and item."""
        counts = np.diff(self.matrix.indptr)
        return pd.DataFrame(
            {
                "user": np.repeat(self.users.ids, counts),
                "item": self.items.ids[self.matrix.indices],
                "rating": self.matrix.data.copy(),
            }
        )

    def __repr__(self) -> str:
        return f"Ratings({self.n_ratings:,} ratings, {self.n_users:,} users, {self.n_items:,} items, {self.density:.2%} known)"


def is_chosen(ratings: np.ndarray, threshold: float | None) -> np.ndarray:
    """Which ratings count as a choice: those from the threshold on; None: all.

    >>> is_chosen(np.array([5.0, 2.0]), 4.0).tolist(), is_chosen(np.array([5.0, 2.0]), None).tolist()
    ([True, False], [True, True])
    """
    return np.ones(len(ratings), dtype=bool) if threshold is None else ratings >= threshold


def _pairs(rows: np.ndarray, columns: np.ndarray, n_columns: int) -> np.ndarray:
    """One number for each pair, in the order of the rows and, within them, of the columns."""
    pair = rows * np.int64(n_columns)
    pair += columns
    return pair


def require_columns(frame: pd.DataFrame, **columns: str) -> None:
    """Refuse a frame that lacks a column, and say which keyword renames it."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"expected a pandas DataFrame with columns {', '.join(columns.values())}; got {type(frame).__name__}."
        )
    found = [str(c) for c in frame.columns]
    twice = [name for name in columns.values() if found.count(name) > 1]
    if twice:
        raise DataError(f"column {twice[0]!r} occurs {found.count(twice[0])} times: keep one.")
    missing = [(keyword, name) for keyword, name in columns.items() if name not in frame.columns]
    if missing:
        guesses = {
            keyword: guess
            for keyword, _ in missing
            for guess in [g for g in found if any(word in g.lower() for word in _SYNONYMS.get(keyword, (keyword,)))][:1]
            or difflib.get_close_matches(keyword, found, 1)
        }
        advice = ", ".join(f"{k}={g!r}" for k, g in guesses.items())
        raise DataError(
            f"no column {', '.join(repr(n) for _, n in missing)}; found {', '.join(found) or 'none'}"
            + (f": pass {advice}." if advice else ": rename the columns.")
        )


def _as_values(ids: object) -> object:
    """A list keeps Python's own types (tuples stay one id each); arrays and Series pass as they are."""
    if isinstance(ids, (np.ndarray, pd.Series, pd.Index)):
        if isinstance(ids.dtype, pd.CategoricalDtype):  # categories have an order of their own; ids go by value
            return ids.astype(ids.dtype.categories.dtype)
        return ids.infer_objects() if isinstance(ids, (pd.Series, pd.Index)) else ids
    values = list(ids)  # type: ignore[call-overload]
    if values and isinstance(values[0], tuple):
        out = np.empty(len(values), dtype=object)
        out[:] = values
        return pd.Index(out, tupleize_cols=False)
    return values if values else np.empty(0, dtype=object)


def _kind(index: pd.Index) -> str:
    """The ids' type in plain words; "" where they are of several types or none."""
    words = {"integer": "numbers", "floating": "numbers", "string": "text"}
    return words.get(pd.api.types.infer_dtype(index, skipna=True), "")


def _as_floats(frame: pd.DataFrame, column: str) -> np.ndarray:
    """The ratings as float64; text is refused, even text that looks like a number."""
    kind = frame[column].dtype
    if pd.api.types.is_integer_dtype(kind) or pd.api.types.is_float_dtype(kind):
        return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.array([not isinstance(v, (int, float, np.number)) or isinstance(v, bool) for v in frame[column]])
    _refuse(
        frame, bad, f"a rating that is not a number in column {column!r}", "convert it, e.g. with pandas.to_numeric"
    )
    return frame[column].to_numpy(dtype=np.float64)


def _refuse(frame: pd.DataFrame, bad: np.ndarray, what: str, remedy: str) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        # Column by column: a row taken whole would show whole numbers as 5.0 next to a fraction.
        row = ", ".join(f"{c}={few([frame[c].iloc[first]])}" for c in frame.columns)
        raise DataError(f"{what}: {int(bad.sum()):,} row(s), the first is row {first}: {row}. Remedy: {remedy}.")
