"""What the signs of a formula do to numbers, vectors (one axis), matrices (two), sets and dicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def product(a: Any, b: Any, sign: str = "") -> Any:
    r"""a b, a \cdot b or a / b. Side by side, a vector is a column; two vectors joined by \cdot are a dot product."""
    if sign == "/":
        return a / b
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    a, b = np.asarray(a), np.asarray(b)
    if sign == r"\cdot" and a.ndim == b.ndim == 1:
        return a @ b
    table = (a if a.ndim == 2 else a[:, None]) @ (b if b.ndim == 2 else b[:, None])
    if table.shape == (1, 1):
        return table[0, 0]
    return table[:, 0] if table.shape[1] == 1 else table


def transposed(value: Any) -> np.ndarray:
    return np.atleast_2d(value) if np.ndim(value) == 1 else np.asarray(value).T


def power(base: Any, exponent: Any) -> Any:
    """Of a matrix, the repeated product, -1 being the inverse; of a vector, entry by entry."""
    return np.linalg.matrix_power(base, int(exponent)) if np.ndim(base) == 2 else base**exponent


def entry(value: Any, index: list[Any]) -> Any:
    """The entry at this index: counted from 1, or by the keys of a dict. What has no entries stays as it is."""
    if not index or callable(value):
        return value
    if isinstance(value, Mapping):
        return value[index[0] if len(index) == 1 else tuple(index)]
    if any(int(i) < 1 for i in index):
        raise IndexError(f"entries count from 1, not from {index}")
    return np.asarray(value)[tuple(int(i) - 1 for i in index)]


def size(value: Any) -> Any:
    """How many a set has; how long a vector or a matrix is, all entries taken as one; the absolute value of a number."""
    if isinstance(value, (set, frozenset, range)):
        return len(value)
    return abs(value) if np.ndim(value) == 0 else np.sqrt((np.asarray(value) ** 2).sum())


def choose(n: int, k: int) -> int:
    return math.comb(n, k) if k >= 0 else 0
