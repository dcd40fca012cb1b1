"""How alike are two rows of a rating matrix? Cosine, MSD, Pearson and Pearson-baseline over co-rated entries.

Two users are compared on the items that both rated (two items: on the users who rated both). Every measure here is
a formula of a few sums over those co-rated entries:

    n = sum 1    sx = sum x    sy = sum y    sxx = sum x^2    syy = sum y^2    sxy = sum x y    d = sum (x - y)^2

So there is one loop, which gathers the sums, and one line for each measure. With whole or half stars the sums are
exact in floating point, whatever their order: equal neighbours tie exactly, and ties are broken by row.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numba import njit
from scipy import sparse

from recsys_lab.errors import DataError

unsigned: Any = np.uint64  # for positions: spares the loop a check for negative ones, a third of the time

# The loop's name for each measure. "pearson-baseline" is the cosine of residuals r - (mu + b_u + b_i): the caller
# passes the residuals as the matrix.
_MSD, _COSINE, _PEARSON = 2, 4, 6  # how many sums each one needs
MEASURES = {"cosine": _COSINE, "msd": _MSD, "pearson": _PEARSON, "pearson-baseline": _COSINE}


@njit(error_model="numpy")
def cosine(sxx, syy, sxy):  # type: ignore[no-untyped-def]
    """cos(x, y) = sxy / sqrt(sxx syy): the angle between the two, from the origin. Blind to n: one co-rated item gives 1."""
    return _ratio(sxy, sqrt(sxx * syy))


@njit(error_model="numpy")
def msd(n, d):  # type: ignore[no-untyped-def]
    """1 / (1 + d / n), d / n being the mean squared difference (Shardanand and Maes 1995)."""
    return _ratio(n, n + d)


@njit(error_model="numpy")
def pearson(n, sxx, syy, sxy, sx, sy):  # type: ignore[no-untyped-def]
    """The correlation: cosine after each row's mean over the co-rated entries is taken off (Resnick et al. 1994)."""
    variances = (n * sxx - sx * sx) * (n * syy - sy * sy)
    return _ratio(n * sxy - sx * sy, sqrt(variances if variances > 0.0 else 0.0))


@njit(error_model="numpy")
def _ratio(above, below):  # type: ignore[no-untyped-def]
    """above / below. Where below is 0 (no co-rated entry, or no variance to correlate) so is above, and so is the result;
    the bound is far under any sum of star ratings, and far above the rounding that other numbers leave."""
    return above / (below if below > 1e-9 else 1e-9)


def similarity_matrix(
    matrix: sparse.sparray, measure: str = "cosine", *, min_support: int = 1, shrinkage: float = 0.0
) -> np.ndarray:
    """Similarities (n, n) of all pairs of rows, symmetric, float64; the diagonal is 0 (nobody is their own neighbour).

    Parameters
    ----------
    matrix : CSR or CSC (n, m); for items, pass the transposed ratings.
    measure : a key of MEASURES.
    min_support : pairs with fewer co-rated entries get 0; at least 1.
    shrinkage : lambda >= 0; similarities are multiplied by (n - 1) / (n - 1 + lambda), which pulls those that rest
        on few co-rated entries towards 0 (Koren 2010, section 2.2).

    Time O(sum over columns of count^2), memory the result and a few numbers a row.

    >>> x = sparse.csr_array(np.array([[5.0, 3.0, 0.0], [4.0, 0.0, 1.0], [5.0, 3.0, 1.0]]))
    >>> similarity_matrix(x, "msd").round(2).tolist()
    [[0.0, 0.5, 1.0], [0.5, 0.0, 0.67], [1.0, 0.67, 0.0]]
    """
    check_similarity(measure, min_support, shrinkage)
    out = np.empty((matrix.shape[0], matrix.shape[0]))
    _compare(
        *loop_arrays(matrix.tocsr()),
        *loop_arrays(matrix.tocsc()),
        True,
        *_options(measure, min_support, shrinkage),
        out,
    )
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
    out = np.empty((rows.shape[0], transposed.shape[1]))
    _compare(*loop_arrays(rows), *loop_arrays(transposed), False, *_options(measure, min_support, shrinkage), out)
    return out


def check_similarity(measure: str, min_support: int, shrinkage: float) -> None:
    """Refuse parameters out of range."""
    if measure not in MEASURES:
        raise DataError(f"measure={measure!r}: choose one of {', '.join(MEASURES)}.")
    if min_support < 1:
        raise DataError(f"min_support={min_support}: it counts co-rated entries, so at least 1.")
    if not 0 <= shrinkage < np.inf:
        raise DataError(f"shrinkage={shrinkage}: it counts co-rated entries, so from 0 to a finite number.")


def _options(measure: str, min_support: int, shrinkage: float) -> tuple[int, int, float]:
    # A single residual always "correlates" perfectly: pearson-baseline needs two, as in Surprise.
    return MEASURES[measure], max(2, min_support) if measure == "pearson-baseline" else min_support, float(shrinkage)


def loop_arrays(matrix: sparse.sparray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indptr, indices and data of a CSR or CSC matrix, always of the same types and never writable: so Numba compiles a
    loop once, and a new process loads it once."""
    parts = (
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32, copy=False)[:],
        matrix.data.astype(np.float64, copy=False)[:],
    )
    for part in parts:
        part.flags.writeable = False
    return parts


@njit(cache=True, error_model="numpy")
def _compare(indptr, indices, data, t_indptr, t_indices, t_data, all_pairs, measure, support, shrinkage, out):  # type: ignore[no-untyped-def]
    """out[a, b] = the similarity of row a to row b of the matrix that is given transposed.

    With all_pairs the two matrices are one: only b > a is computed, and the rest of `out` is its mirror image.

    Row by row (Gustavson 1978): only entries that both have are ever touched, and the sums of row a with each b lie
    side by side in the processor's cache.
    """
    n_rows, n_columns = out.shape
    sums = np.empty((n_columns, measure))
    begin = t_indptr[:-1].copy()  # in each column, where the entries of the rows b start
    for a in range(n_rows):
        sums[:] = 0.0
        for p in range(indptr[a], indptr[a + 1]):
            column, x = indices[p], data[p]
            begin[column] += all_pairs  # past row a itself: the rows of a column are in order
            shared = range(unsigned(begin[column]), unsigned(t_indptr[column + 1]))
            if measure == _MSD:
                for q in shared:
                    b, d = unsigned(t_indices[q]), x - t_data[q]
                    sums[b, 0] += 1.0
                    sums[b, 1] += d * d
            elif measure == _COSINE:
                for q in shared:
                    b, y = unsigned(t_indices[q]), t_data[q]
                    sums[b, 0] += 1.0
                    sums[b, 1] += x * x
                    sums[b, 2] += y * y
                    sums[b, 3] += x * y
            else:
                for q in shared:
                    b, y = unsigned(t_indices[q]), t_data[q]
                    sums[b, 0] += 1.0
                    sums[b, 1] += x * x
                    sums[b, 2] += y * y
                    sums[b, 3] += x * y
                    sums[b, 4] += x
                    sums[b, 5] += y

        row, others = out[a], range(unsigned(a + 1 if all_pairs else 0), unsigned(n_columns))
        if measure == _MSD:
            for b in others:
                row[b] = msd(sums[b, 0], sums[b, 1])
        elif measure == _COSINE:
            for b in others:
                row[b] = cosine(sums[b, 1], sums[b, 2], sums[b, 3])
        else:
            for b in others:
                row[b] = pearson(sums[b, 0], sums[b, 1], sums[b, 2], sums[b, 3], sums[b, 4], sums[b, 5])
        if shrinkage > 0.0 or support > 1:
            for b in others:
                n = sums[b, 0]
                trust = (n - 1) / (n - 1 + shrinkage) if n > 1 else 0.0
                row[b] = row[b] * trust if n >= support else 0.0

        if all_pairs:
            row[a] = 0.0
            if a % 32 == 31 or a == n_rows - 1:  # the mirror image, 32 rows at a time: whole cache lines are written
                for i in range(a - a % 32, n_rows):
                    for j in range(a - a % 32, min(a + 1, i)):
                        out[i, j] = out[j, i]
