"""How alike are two rows of a rating matrix? Cosine, MSD, Pearson and Pearson-baseline over co-rated entries.

Two users are compared on the items that both rated (two items: on the users who rated both). Every measure here is
a formula of six sums over those co-rated entries:

    n = sum 1    sx = sum x    sy = sum y    sxx = sum x^2    syy = sum y^2    sxy = sum x y

So there is one loop, which gathers the sums, and one line for each measure. With whole or half stars the sums are
exact in floating point, whatever their order: equal neighbours tie exactly, and ties are broken by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy import sparse

from recsys_lab.errors import DataError

# Rows are compared in blocks whose six sums stay in the processor's cache.
_BLOCK = 32


class Sums(NamedTuple):
    """The six sums of pairs of rows, each an array of one shape; sx and sy are gathered for Pearson only."""

    n: np.ndarray
    sxx: np.ndarray
    syy: np.ndarray
    sxy: np.ndarray
    sx: Any = None
    sy: Any = None


def cosine(s: Sums) -> np.ndarray:
    """cos(x, y) = sxy / sqrt(sxx syy): the angle between the two, from the origin. Blind to n: one co-rated item gives 1."""
    return _ratio(s.sxy, np.sqrt(s.sxx * s.syy))


def msd(s: Sums) -> np.ndarray:
    """1 / (1 + d / n), d = sxx - 2 sxy + syy being the sum of squared differences (Shardanand and Maes 1995)."""
    return _ratio(s.n, s.n + (s.sxx - 2 * s.sxy + s.syy))


def pearson(s: Sums) -> np.ndarray:
    """The correlation: cosine after each row's mean over the co-rated entries is taken off (Resnick et al. 1994)."""
    n, sxx, syy, sxy, sx, sy = s
    return _ratio(n * sxy - sx * sy, np.sqrt(np.maximum((n * sxx - sx * sx) * (n * syy - sy * sy), 0.0)))


# "pearson-baseline" is the cosine of residuals r - (mu + b_u + b_i): the caller passes the residuals as the matrix.
MEASURES: dict[str, Callable[[Sums], np.ndarray]] = {
    "cosine": cosine,
    "msd": msd,
    "pearson": pearson,
    "pearson-baseline": cosine,
}


def similarity_matrix(
    matrix: sparse.csr_array, measure: str = "cosine", *, min_support: int = 1, shrinkage: float = 0.0
) -> np.ndarray:
    """Similarities (n, n) of all pairs of rows, symmetric, float64; the diagonal is 0 (nobody is their own neighbour).

    Parameters
    ----------
    matrix : CSR (n, m); for items, pass the transposed ratings.
    measure : a key of MEASURES.
    min_support : pairs with fewer co-rated entries get 0; at least 1.
    shrinkage : lambda >= 0; similarities are multiplied by (n - 1) / (n - 1 + lambda), which pulls those that rest
        on few co-rated entries towards 0 (Koren 2010, section 2.2).

    Time O(sum over columns of count^2), memory the result and a block of 32 rows.

    >>> x = sparse.csr_array(np.array([[5.0, 3.0, 0.0], [4.0, 0.0, 1.0], [5.0, 3.0, 1.0]]))
    >>> similarity_matrix(x, "msd").round(2).tolist()
    [[0.0, 0.5, 1.0], [0.5, 0.0, 0.67], [1.0, 0.67, 0.0]]
    """
    check_similarity(measure, min_support, shrinkage)
    n = matrix.shape[0]
    transposed = matrix.T.tocsr()
    start = transposed.indptr[:-1].copy()  # in each column, where the entries of rows >= `first` begin
    out = np.empty((n, n))
    scratch = np.empty(6 * _BLOCK * n)  # one for all blocks: fresh pages from the system cost more than the sums
    for first in range(0, n, _BLOCK):  # only the upper triangle is computed; the lower is its mirror image
        block = slice(first, min(first + _BLOCK, n))
        part = _compare(matrix, block, transposed, start, first, measure, min_support, shrinkage, scratch)
        out[block, first:] = part
        out[first:, block] = part.T
    np.fill_diagonal(out, 0.0)
    return out


def similarity_rows(
    rows: sparse.csr_array,
    transposed: sparse.csr_array,
    measure: str = "cosine",
    *,
    min_support: int = 1,
    shrinkage: float = 0.0,
) -> np.ndarray:
    """Similarities (len(rows), n) of these rows to all n rows of a matrix that is given transposed, (m, n) CSR.

    Where the whole table would not fit in memory, or for a new user. Parameters as in `similarity_matrix`.
    """
    check_similarity(measure, min_support, shrinkage)
    start, scratch = transposed.indptr[:-1].copy(), np.empty(6 * _BLOCK * transposed.shape[1])
    blocks = [slice(a, min(a + _BLOCK, rows.shape[0])) for a in range(0, rows.shape[0], _BLOCK)]
    parts = [_compare(rows, b, transposed, start, 0, measure, min_support, shrinkage, scratch) for b in blocks]
    return np.vstack(parts)


def check_similarity(measure: str, min_support: int, shrinkage: float) -> None:
    """Refuse parameters out of range."""
    if measure not in MEASURES:
        raise DataError(f"measure={measure!r}: choose one of {', '.join(MEASURES)}.")
    if min_support < 1:
        raise DataError(f"min_support={min_support}: it counts co-rated entries, so at least 1.")
    if not 0 <= shrinkage < np.inf:
        raise DataError(f"shrinkage={shrinkage}: it counts co-rated entries, so from 0 to a finite number.")


def _compare(
    matrix: sparse.csr_array,
    block: slice,
    transposed: sparse.csr_array,
    start: np.ndarray,
    first: int,
    measure: str,
    min_support: int,
    shrinkage: float,
    scratch: np.ndarray,
) -> np.ndarray:
    shape = (6 if measure == "pearson" else 4, block.stop - block.start, transposed.shape[1] - first)
    sums = scratch[: shape[0] * shape[1] * shape[2]].reshape(shape)
    _gather(
        matrix.indptr[block.start : block.stop + 1],
        matrix.indices,
        matrix.data,
        transposed.indptr,
        transposed.indices,
        transposed.data,
        start,
        first,
        sums,
    )
    s = Sums(*sums)
    similar = MEASURES[measure](s)
    if shrinkage:
        similar *= np.maximum(s.n - 1, 0) / np.maximum(s.n - 1 + shrinkage, 1e-12)
    # A single residual always "correlates" perfectly: pearson-baseline needs two, as in Surprise.
    support = max(2, min_support) if measure == "pearson-baseline" else min_support
    return similar if support == 1 else similar * (s.n >= support)


@njit(cache=True)
def _gather(indptr, indices, data, t_indptr, t_indices, t_data, start, first, sums):  # type: ignore[no-untyped-def]
    """Add the entries that row a (a row of the block) and row b >= first share into sums[:, a, b - first].

    Row by row (Gustavson 1978): only entries that both have are ever touched.
    """
    sums[:] = 0.0
    centred = len(sums) == 6
    for column in range(len(start)):
        while start[column] < t_indptr[column + 1] and t_indices[start[column]] < first:
            start[column] += 1
    for a in range(len(indptr) - 1):
        n, sxx, syy, sxy = sums[0, a], sums[1, a], sums[2, a], sums[3, a]
        sx, sy = sums[-2, a], sums[-1, a]
        for p in range(indptr[a], indptr[a + 1]):
            column, x = indices[p], data[p]
            for q in range(start[column], t_indptr[column + 1]):
                y = t_data[q]
                b = np.uint64(t_indices[q] - first)  # unsigned: no check for a negative index, a third less time
                n[b] += 1.0
                sxx[b] += x * x
                syy[b] += y * y
                sxy[b] += x * y
            if centred:
                for q in range(start[column], t_indptr[column + 1]):
                    b = np.uint64(t_indices[q] - first)
                    sx[b] += x
                    sy[b] += t_data[q]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below. Where below is 0 (no co-rated entry, or no variance to correlate) so is above, and so is the result;
    the bound is far under any sum of star ratings, and far above the rounding that other numbers leave."""
    return above / np.maximum(below, 1e-9)
