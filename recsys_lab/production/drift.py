"""Has something changed, or is it chance? Distances between two windows of data, and where their alarms belong.

A distance is never zero, even if nothing has changed, so every alarm needs a threshold. The ones in use (PSI above 0.1:
"moderate", above 0.25: "major") are no answer. For independent rows and B bins PSI is about (B - 1) (1 / n + 1 / m) when
nothing has changed: two days of 150 clicks exceed 0.1 most of the time, two of 100,000 clicks hide a change that matters.
And rows are not independent: ten films shown to one person say little more than one.

So here the data themselves say how far chance goes. `deal` gives each user's days anew to the two windows. If nothing
has changed, the dealt windows are as likely as the real ones; the distances between them are the null distribution, from
which `p_value` and `threshold` follow. `cusum` watches a daily number, and `cusum_null` says how far it strays by chance.

    counts (windows, bins) -> psi, jensen_shannon, ks_distance, chi_square       values -> ks, or bins -> counts

Distances take counts along the last axis, so that a thousand dealt windows cost one call.
Needs nothing but NumPy and SciPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincc, kolmogorov

from recsys_lab.checks import number, whole
from recsys_lab.errors import DataError

_BLOCK = 2**22  # numbers drawn at once (32 MB)
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

    Rows must be independent, which the events of one user are not: then p is too small; see `deal`. Bins that are empty
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

    reference, current : (n,) and (m,) numbers. Rows must be independent (see `deal`). With ties p is too large, never
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


# ---------------------------------------------------------------------- how far chance goes
def deal(user: np.ndarray, days: int, current: int, *, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Deal every user's active days anew to the two windows, `draws` times: yields blocks (some draws, cells) of bool.

    Parameters
    ----------
    user : (cells,) row of the user of each cell; a cell is one day of one user on which there was an event.
    days, current : the length of both windows together, and of the current one. True means: in the current window.

    Each user's cells go to distinct days of the `days`, all choices equally likely and each user's on their own. So a
    user who came once is moved as a whole; one who came daily is compared with their own other days. It assumes that
    without change a user's days are exchangeable: no weekly rhythm (take whole weeks), no interest that lasts for
    days and then goes. O(draws cells).

    Source: Fisher 1935 (the permutation test); strata as in Good 2005, "Permutation, Parametric and Bootstrap Tests".

    >>> blocks = deal(np.array([0, 0, 1]), days=2, current=1, draws=4, rng=np.random.default_rng(0))
    >>> np.concatenate(list(blocks)).astype(int)[:, :2].sum(axis=1)
    array([1, 1, 1, 1])
    """
    whole("days", days, 2, "a reference and a current window need a day each")
    whole("current", current, 1, "the days of the current window", days - 1)
    whole("draws", draws, 1, "how often the days are dealt")
    user = np.asarray(user)
    order = np.argsort(user, kind="stable")
    rows, start, counts = np.unique(user[order], return_index=True, return_counts=True)
    if len(user) and counts.max() > days:
        raise DataError(f"user: one has {counts.max()} cells in {days} days; make one cell of each user's day.")
    size = max(1, _BLOCK // max(len(user), 1))
    for done in range(0, draws, size):
        n = min(size, draws - done)
        dealt = np.zeros((n, len(user)), bool)
        taken = np.zeros((n, len(rows)))  # how many of the current window's days this user has been given
        for i in range(counts.max(initial=0)):
            who = np.flatnonzero(counts > i)
            # Days are dealt one after the other: current - taken of the days - i that are left lie in the current window.
            drawn = rng.random((n, len(who))) * (days - i) < current - taken[:, who]
            taken[:, who] += drawn
            dealt[:, order[start[who] + i]] = drawn
        yield dealt


def p_value(null: np.ndarray, value: float) -> float:
    """(1 + how many of the null's values are at least `value`) / (1 + their number): never 0, never too small.

    A NaN of the null counts as large. Source: Phipson and Smyth 2010.

    >>> p_value(np.array([1.0, 2.0, 3.0]), 2.5)
    0.5
    """
    null = np.asarray(null, float)
    least = value - 1e-9 * max(abs(value), 1e-3)  # sums in another order differ in their last digits
    return float((1 + np.count_nonzero(~(null < least))) / (1 + null.size))


def threshold(null: np.ndarray, rate: float) -> float:
    """The value above which p_value(null, value) <= rate: alarms there are false at most that often. inf if too few.

    >>> threshold(np.arange(1, 100), rate=0.05)
    95.0
    """
    number("rate", rate, 0, "the share of false alarms", 1, above=True)
    null = np.sort(np.where(np.isnan(null), np.inf, null))[::-1]
    most = int(rate * (1 + null.size) * (1 + 1e-12)) - 1  # how many of the null may lie at or above the value
    return float(null[most]) if 0 <= most < null.size else np.inf


# ---------------------------------------------------------------------- day after day
def cusum(z: np.ndarray, slack: float = 0.5) -> np.ndarray:
    """Page's cumulative sums of daily values, both directions: (..., days), the larger of

        up_t = max(0, up_(t-1) + z_t - slack)        down_t = max(0, down_(t-1) - z_t - slack)

    z : (..., days) values as (x - mean) / sd of the reference days. slack : the shifts below 2 slack (in sd) that nobody
    minds; 0.5 is usual. A small change that lasts adds up and is found, one that a single day could not show. O(days).

    Source: Page 1954; Montgomery, "Introduction to Statistical Quality Control", on the choice of slack.

    >>> cusum(np.array([0.5, -0.5, 1.5, 1.5, 1.5]))
    array([0., 0., 1., 2., 3.])
    """
    number("slack", slack, 0, "the shift a day that is taken for chance")
    z = np.asarray(z, float)
    up, down, path = np.zeros(z.shape[:-1]), np.zeros(z.shape[:-1]), np.zeros(z.shape)
    for t in range(z.shape[-1]):
        up, down = np.maximum(0, up + z[..., t] - slack), np.maximum(0, down - z[..., t] - slack)
        path[..., t] = np.maximum(up, down)
    return path


def standardized(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """(current - mean) / sd, both of the reference days; NaN where these number fewer than two or are all the same.

    >>> standardized(np.array([8.0, 10.0, 12.0]), np.array([10.0, 14.0]))
    array([0., 2.])
    """
    reference = np.asarray(reference, float)
    sd = reference.std(ddof=1) if len(reference) > 1 else 0.0
    if not sd > 0:
        return np.full(len(current), np.nan)
    return (np.asarray(current, float) - reference.mean()) / sd


def cusum_null(reference: int, days: int, *, slack: float = 0.5, draws: int = 20_000, seed: int = 0) -> np.ndarray:
    """(draws,) largest cusum within so many days without change: the null for `p_value` and `threshold`.

    reference : the number of days that mean and sd were taken from, at least 3. Both are uncertain, and that is in the
    null: with 14 days the threshold of a week at 1 % is 7.1, with endless ones 4.4. Daily values must be near normal,
    such as a rate over many users; then the null needs no data, since mean and sd cancel. O(draws days).

    >>> bool(threshold(cusum_null(14, 7), 0.01) > threshold(cusum_null(1000, 7), 0.01))
    True
    """
    whole("reference", reference, 3, "the days that mean and sd are taken from")
    whole("days", days, 1, "for how long the sum is watched")
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(draws, 1)) / np.sqrt(reference)
    sd = np.sqrt(rng.chisquare(reference - 1, (draws, 1)) / (reference - 1))
    return cusum((rng.normal(size=(draws, days)) - mean) / sd, slack).max(axis=-1)


def run_length(limit: float, slack: float = 0.5) -> float:
    """Average run length: the mean number of days from start to false alarm of a cusum that alarms above `limit`.

    (exp(2 slack b) - 2 slack b - 1) / (2 slack^2) / 2, b = limit + 1.166: half of one direction's. For known mean and sd
    and normal days. Source: Siegmund 1985, "Sequential Analysis".

    >>> round(run_length(5.0))
    469
    """
    number("limit", limit, 0, "where the alarm sounds", above=True)
    number("slack", slack, 0, "the shift a day that is taken for chance", above=True)
    b = limit + 1.166
    return float((np.expm1(2 * slack * b) - 2 * slack * b) / (2 * slack**2) / 2)
