"""Comparing an answer with the right one, and saying in words where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.errors import RecsysLabError


class Incorrect(RecsysLabError, AssertionError):
    """An answer is wrong. The message says what differs and names the likely misconception."""


def number(value: Any, what: str) -> float:
    """The answer as a float, also out of an array or a list of one; anything else is refused in words.

    >>> number(None, "the mean")
    Traceback (most recent call last):
    recsys_lab.course.comparing.Incorrect: the mean should be a number, but is None. Is a `return` missing?
    """
    if isinstance(value, (np.ndarray, pd.Series, list, tuple)) and np.size(value) == 1:
        value = np.asarray(value).ravel()[0]
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        raise Incorrect(
            f"{what} should be a number, but is {value!r}." + (" Is a `return` missing?" if value is None else "")
        )
    return float(value)


def is_same(got: Any, want: Any, rtol: float = 1e-6) -> bool:
    """Whether `same` would be content: to recognise a known mistake by its result.

    >>> is_same([1.0, 2.0], [1.0, 2.0]), is_same([1.0, 2.0], [1.0, 2.5])
    (True, False)
    """
    try:
        same(got, want, rtol=rtol)
    except Incorrect:
        return False
    return True


def same(got: Any, want: Any, *, rtol: float = 1e-6, atol: float = 1e-8, what: str = "") -> None:
    """Return None if `got` equals `want`, else raise Incorrect that says where and by how much.

    Numbers agree when |got - want| <= atol + rtol * |want|; NaN agrees with NaN only. Knows scalars, text, arrays,
    sparse matrices, Series and frames (labels and order count), lists, tuples, sets and mappings.

    Parameters
    ----------
    what : names the compared thing in the message, such as "the similarity of ann and ben".

    >>> same({"ann": 1.0}, {"ann": 1.0 + 1e-9})
    >>> same(np.zeros((2, 3)), np.zeros((3, 2)), what="the weights")
    Traceback (most recent call last):
    recsys_lab.course.comparing.Incorrect: the weights: the shape should be (3, 2), but is (2, 3).
    """
    difference = _difference(got, want, rtol, atol)
    if difference:
        raise Incorrect(f"{what}: {difference}" if what else difference)


def _difference(got: Any, want: Any, rtol: float, atol: float) -> str | None:
    """The first difference in words, or None."""
    if got is ...:
        return "a part is still `...`."
    if got is None and want is not None:
        return f"got None where {_kind(want)} is expected: is a `return` missing?"
    if sparse.issparse(want):
        if sparse.issparse(got):
            return _difference_sparse(got, want, rtol, atol)
        return _wrong_kind(got, want)
    if isinstance(want, pd.DataFrame):
        return _difference_frames(got, want, rtol, atol) if isinstance(got, pd.DataFrame) else _wrong_kind(got, want)
    if isinstance(want, pd.Series):
        return _difference_series(got, want, rtol, atol) if isinstance(got, pd.Series) else _wrong_kind(got, want)
    if isinstance(want, pd.Index):
        want = want.to_numpy()
    if isinstance(want, Mapping):
        return _difference_mappings(got, want, rtol, atol) if isinstance(got, Mapping) else _wrong_kind(got, want)
    if isinstance(want, (set, frozenset)):
        if not isinstance(got, (set, frozenset)):
            return _wrong_kind(got, want)
        return _difference_keys(set(got), set(want), "element")
    if isinstance(want, (str, bytes, bool, np.bool_)) or want is None:
        kinds = (bool, np.bool_) if isinstance(want, (bool, np.bool_)) else type(want)
        if not isinstance(got, kinds):
            return _wrong_kind(got, want)
        return None if got == want else f"should be {_plain(want)}, but is {_plain(got)}."
    if _is_number(want):
        if isinstance(got, (bool, np.bool_)) or not _is_number(got):
            return _wrong_kind(got, want)
        return _difference_arrays(np.asarray(got), np.asarray(want), rtol, atol)
    if isinstance(want, (list, tuple, np.ndarray)):
        if isinstance(got, (str, bytes)) or not isinstance(got, (list, tuple, np.ndarray, pd.Series, pd.Index)):
            return _wrong_kind(got, want)
        return _difference_sequences(got, want, rtol, atol)
    if type(got) is not type(want):
        return _wrong_kind(got, want)
    return None if got == want else f"should be {_plain(want)}, but is {_plain(got)}."


def _difference_sequences(got: Any, want: Any, rtol: float, atol: float) -> str | None:
    try:
        a, b = np.asarray(got), np.asarray(want)
        regular = a.dtype != object and b.dtype != object
    except ValueError:  # ragged
        regular = False
    if regular:
        return _difference_arrays(a, b, rtol, atol)
    if len(got) != len(want):
        return f"the length should be {len(want)}, but is {len(got)}."
    for n, (g, w) in enumerate(zip(got, want)):
        inner = _difference(g, w, rtol, atol)
        if inner:
            return f"entry {n}: {inner}"
    return None


def _difference_arrays(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> str | None:
    if got.ndim == want.ndim == 1 and len(got) != len(want):
        return f"the length should be {len(want)}, but is {len(got)}."
    if got.shape != want.shape:
        return f"the shape should be {want.shape}, but is {got.shape}."
    numeric = got.dtype.kind in "biufc" and want.dtype.kind in "biufc"
    if not numeric or "b" in (got.dtype.kind + want.dtype.kind):
        if got.dtype.kind != want.dtype.kind and not {got.dtype.kind, want.dtype.kind} <= set("UOT"):
            return f"the values should be {_dtype(want)}, but are {_dtype(got)}."
        wrong = np.asarray(got != want) & ~(pd.isna(got) & pd.isna(want))
    else:
        wrong = ~np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return None
    if got.ndim == 0:
        return f"should be {_plain(want[()])}, but is {_plain(got[()])}."
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = first[0] if len(first) == 1 else first
    many = "" if wrong.size == 1 or wrong.sum() == 1 else f" ({int(wrong.sum()):,} of {wrong.size:,} entries differ)"
    return f"entry {place} should be {_plain(want[first])}, but is {_plain(got[first])}{many}."


def _difference_sparse(got: Any, want: Any, rtol: float, atol: float) -> str | None:
    if got.shape != want.shape:
        return f"the shape should be {want.shape}, but is {got.shape}."
    # By what is stored, not by value: a stored zero is a rating, a missing entry is not.
    a, b = (sparse.coo_array(sparse.csr_array(m, copy=True)) for m in (got, want))
    stored = [dict(zip(zip(m.coords[0].tolist(), m.coords[1].tolist()), m.data.tolist())) for m in (a, b)]
    keys = _difference_keys(set(stored[0]), set(stored[1]), "stored entry")
    if keys:
        return keys
    order = sorted(stored[1])
    values = [np.array([m[k] for k in order], dtype=float) for m in stored]
    wrong = ~np.isclose(values[0], values[1], rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return None
    n = int(np.argmax(wrong))
    return f"entry {order[n]} should be {_plain(values[1][n])}, but is {_plain(values[0][n])}."


def _difference_series(got: pd.Series, want: pd.Series, rtol: float, atol: float) -> str | None:
    if len(got) != len(want):
        return f"the length should be {len(want)}, but is {len(got)}."
    if not got.index.equals(want.index):
        if set(got.index) == set(want.index):
            return f"the index is in another order: it should start with {_plain(list(want.index[:3]))}."
        return f"the index: {_difference_keys(set(got.index), set(want.index), 'label') or 'labels repeat otherwise.'}"
    for label, g, w in zip(want.index, got, want):
        if pd.isna(w) if np.isscalar(w) else False:
            inner = None if np.isscalar(g) and pd.isna(g) else f"should be missing, but is {_plain(g)}."
        elif np.isscalar(g) and pd.isna(g):
            inner = f"should be {_plain(w)}, but is missing."
        else:
            inner = _difference(g, w, rtol, atol)
        if inner:
            return f"at {label!r}: {inner}"
    return None


def _difference_frames(got: pd.DataFrame, want: pd.DataFrame, rtol: float, atol: float) -> str | None:
    if list(got.columns) != list(want.columns):
        if set(got.columns) == set(want.columns):
            return f"the columns are in another order: it should be {', '.join(map(str, want.columns))}."
        return f"the columns: {_difference_keys(set(got.columns), set(want.columns), 'column')}"
    if len(got) != len(want):
        return f"there should be {len(want):,} rows, but there are {len(got):,}."
    for n, column in enumerate(want.columns):
        inner = _difference_series(got.iloc[:, n], want.iloc[:, n], rtol, atol)
        if inner:
            return f"column {column!r}: {inner}"
    return None


def _difference_mappings(got: Mapping, want: Mapping, rtol: float, atol: float) -> str | None:
    keys = _difference_keys(set(got), set(want), "key")
    if keys:
        return keys
    for key in want:
        inner = _difference(got[key], want[key], rtol, atol)
        if inner:
            return f"at {key!r}: {inner}"
    return None


def _difference_keys(got: set, want: set, noun: str) -> str | None:
    def few(keys: set) -> str:
        shown = sorted(map(_plain, keys))
        return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")

    if want - got:
        return f"{noun} {few(want - got)} is missing."
    if got - want:
        return f"{noun} {few(got - want)} should not be there."
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.number)) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iufc"
    )


def _wrong_kind(got: Any, want: Any) -> str:
    return f"should be {_kind(want)}, but is {_kind(got)}."


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, (bool, np.bool_)):
        return "True or False"
    if isinstance(value, FunctionType):
        return "a function"
    if _is_number(value):
        return f"a number ({_plain(value)})" if np.ndim(value) == 0 else "a number"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    name = {str: "text", pd.DataFrame: "a DataFrame", pd.Series: "a Series", dict: "a dict"}.get(type(value))
    return name or f"a {type(value).__name__}"


def _dtype(values: np.ndarray) -> str:
    return {"b": "True or False", "i": "numbers", "u": "numbers", "f": "numbers", "c": "numbers"}.get(
        values.dtype.kind, "texts"
    )


def _plain(value: Any) -> str:
    """A value for people: np.float64(0.30000000000000004) reads 0.3."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = repr(value)
        return text if len(text) <= 80 else text[:77] + "..."
    return f"{value:.6g}" if isinstance(value, float) else str(value)
