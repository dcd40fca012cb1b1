"""Where does an alarm belong? How far a distance or a daily number strays by chance, if nothing has changed.

`deal` gives each user's days anew to the two windows. If nothing has changed, the dealt windows are as likely as the real
ones; the distances between them are the null distribution, from which `p_value` and `threshold` follow. `cusum` watches a
daily number, and `cusum_null` says how far it strays. Needs nothing but NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recsys_lab.checks import number, whole
from recsys_lab.errors import DataError

_BLOCK = 2**22  # numbers drawn at once (32 MB)


# ---------------------------------------------------------------------- two windows
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
