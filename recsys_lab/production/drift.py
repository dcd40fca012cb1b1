"""How far apart are two windows of data? PSI, Jensen-Shannon, Kolmogorov-Smirnov and chi-square, by hand.

A distance is never zero, even if nothing has changed, so every alarm needs a threshold. The ones in use (PSI above 0.1:
"moderate", above 0.25: "major") are no answer. For independent rows and B bins PSI is about (B - 1) (1 / n + 1 / m) when
nothing has changed: two days of 150 clicks exceed 0.1 most of the time, two of 100,000 clicks hide a change that matters.
And rows are not independent: ten films shown to one person say little more than one.

So a distance is half of an alarm. alarms.py has the other half: how far chance goes, from the data themselves.

    counts (windows, bins) -> psi, jensen_shannon, ks_distance, chi_square       values -> ks, or bins -> counts

Distances take counts along the last axis, so that a thousand windows cost one call. Needs nothing but NumPy and SciPy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaincc, kolmogorov

from recsys_lab.checks import number, whole
from recsys_lab.errors import DataError

_EXACT = 4_000_000  # up to n m, the law of KS is counted out


class Result(NamedTuple):
    """A statistic, and the chance to see one at least as large if nothing has changed and rows are independent."""

    statistic: float
    p_value: float


# ---------------------------------------------------------------------- bins
def edges(reference: np.ndarray, bins: int = 10) -> np.ndarray:
    """Inner edges of `bins` bins that hold equal parts of the reference; fewer where values are tied.

    The bins are [-inf, e_1), [e_1, e_2), ..., [e_B-1, inf): every value has one, however far out.

    >>> edges(np.arange(8), bins=4)
    array([1.75, 3.5 , 5.25])
    """
    whole("bins", bins, 2, "one bin cannot change")
    reference = np.asarray(reference, float)
    if reference.size == 0 or not np.isfinite(reference).all():
        raise DataError("reference: expected finite numbers, at least one; leave out missing values and count them.")
    return np.unique(np.quantile(reference, np.arange(1, bins) / bins))


def bin_counts(values: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """How many values fall in each bin of `edges`: (len(inner) + 1,).

    >>> bin_counts([0, 2, 2, 99], edges(np.arange(8), bins=4))
    array([1, 2, 0, 1])
    """
    return np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1)


# ---------------------------------------------------------------------- distances of counts
def psi(reference: np.ndarray, current: np.ndarray, smoothing: float = 0.5) -> np.ndarray:
    """Population stability index: sum_b (q_b - p_b) ln(q_b / p_b), p and q the smoothed shares of the two windows.

    reference, current : (..., B) counts, from 0. Returns (...); 0 for equal shares, no upper limit, symmetric: it is
    KL(p || q) + KL(q || p) in nats. O(B).

    p_b = (c_b + smoothing) / (sum c + smoothing B). Without smoothing an empty bin makes it infinite; a tiny constant,
    as often seen, makes it depend on that constant. A half is the Jeffreys prior, and fades as counts grow.

    Source: Jeffreys 1946 (the divergence); Siddiqi 2006, "Credit Risk Scorecards" (the name and the folklore).

    >>> psi(np.array([50, 50]), np.array([70, 30]), smoothing=0).round(4)
    np.float64(0.1695)
    """
    number("smoothing", smoothing, 0, "it is added to every count")
    p, q = _shares(reference, smoothing), _shares(current, smoothing)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == q, 0.0, (q - p) * np.log(q / p))
    return terms.sum(axis=-1)


def jensen_shannon(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Jensen-Shannon distance: sqrt(H(m) - (H(p) + H(q)) / 2), m = (p + q) / 2, H(p) = -sum_b p_b log2 p_b.

    reference, current : (..., B) counts. Returns (...), from 0 (equal shares) to 1 (nothing in common); a metric, its
    square is the divergence in bits. Finite with empty bins; NaN where a window is empty. O(B).

    Source: Lin 1991; Endres and Schindelin 2003 (that the root is a metric).

    >>> jensen_shannon(np.array([1, 0]), np.array([[0, 5], [5, 0]]))
    array([1., 0.])
    """
    p, q = _shares(reference), _shares(current)
    gain = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return np.sqrt(np.maximum(gain, 0.0))  # rounding can put it below 0; a NaN stays


def ks_distance(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Kolmogorov-Smirnov: max_b |P_b - Q_b|, P and Q the cumulative shares of ordered bins, such as ranks.

    reference, current : (..., B) counts. Returns (...), 0 to 1; NaN where a window is empty. O(B). See `ks`.

    >>> ks_distance(np.array([5, 5, 0]), np.array([2, 4, 4])).round(3)
    np.float64(0.4)
    """
    return np.abs(np.cumsum(_shares(reference), -1) - np.cumsum(_shares(current), -1)).max(axis=-1)


def _shares(counts: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    c = np.asarray(counts, float)
    if c.shape[-1:] in ((), (0,)) or not (c >= 0).all():
        raise DataError("counts: expected an array (..., bins) of numbers from 0.")
    total = (c + smoothing).sum(axis=-1, keepdims=True)
    return np.where(total > 0, (c + smoothing) / np.where(total > 0, total, 1), np.nan)


def _entropy(p: np.ndarray) -> np.ndarray:
    return -np.where(p == 0, 0.0, p * np.log2(np.where(p == 0, 1.0, p))).sum(axis=-1)


# ---------------------------------------------------------------------- tests for independent rows
def chi_square(reference: np.ndarray, current: np.ndarray) -> Result:
    """Pearson's test that two rows of counts (B,) have the same shares: X2 = sum (c - e)^2 / e, e expected if they do.

    Rows must be independent, which the events of one user are not: then p is too small; see alarms.deal. Bins that are empty
    in both windows are left out; below some five expected counts a bin, p is rough. O(B). Source: Pearson 1900.

    >>> chi_square(np.array([30, 70]), np.array([45, 55])).p_value.__round__(4)
    0.0285
    """
    c = np.stack([np.asarray(reference, float), np.asarray(current, float)])
    c = c[:, c.sum(axis=0) > 0]
    if not (c.sum(axis=1) > 0).all():
        raise DataError("counts: a window is empty; there is nothing to compare.")
    e = np.outer(c.sum(axis=1), c.sum(axis=0)) / c.sum()
    x2 = ((c - e) ** 2 / e).sum()
    freedom = c.shape[1] - 1
    return Result(float(x2), float(gammaincc(freedom / 2, x2 / 2)) if freedom else 1.0)


def ks(reference: np.ndarray, current: np.ndarray) -> Result:
    """Two-sample Kolmogorov-Smirnov: d = max_x |F(x) - G(x)|, F and G the empirical distribution functions.

    reference, current : (n,) and (m,) numbers. Rows must be independent (see alarms.deal). With ties p is too large, never
    too small. O((n + m) log(n + m)) for d; p is counted out, O(n m), up to n m = 4 million, and beyond that is
    Kolmogorov's limit Q(lambda) = 2 sum_j (-1)^(j-1) exp(-2 j^2 lambda^2) at lambda = d sqrt(n m / (n + m)).

    Source: Smirnov 1939; Hodges 1958 (the count of paths).

    >>> ks([1, 2, 3, 4], [3, 4, 5, 6])
    Result(statistic=0.5, p_value=0.771428...)
    """
    x, y = np.sort(np.asarray(reference, float)), np.sort(np.asarray(current, float))
    n, m = len(x), len(y)
    if not n or not m or not np.isfinite(x).all() or not np.isfinite(y).all():
        raise DataError("ks: expected two arrays of finite numbers, each with at least one.")
    both = np.concatenate([x, y])
    # In whole numbers: F - G is a multiple of 1 / (n m), and the count of paths has to meet it exactly.
    apart = int(np.abs(np.searchsorted(x, both, "right") * m - np.searchsorted(y, both, "right") * n).max())
    d = apart / (n * m)
    if n * m <= _EXACT:
        return Result(d, _paths_outside(n, m, apart))
    return Result(d, float(kolmogorov(d * np.sqrt(n * m / (n + m)))))


def _paths_outside(n: int, m: int, apart: int) -> float:
    """The share of the lattice paths from (0, 0) to (n, m) that somewhere reach |i m - j n| >= apart.

    A path is an order of the n + m values: a step right is one of the first sample. N(i, j) = N(i - 1, j) + N(i, j - 1)
    counts paths that stay inside; dividing row i by all its paths, C(i + m, m), keeps the numbers below 1.
    """
    j = np.arange(m + 1)
    inside = j * n < apart
    share = inside.astype(float)
    for i in range(1, n + 1):
        inside = np.abs(i * m - j * n) < apart
        share = np.where(inside, np.cumsum(np.where(inside, share * i / (i + m), 0.0)), 0.0)
    return float(min(max(1 - share[m], 0.0), 1.0))
