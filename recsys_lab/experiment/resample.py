"""The interval of any statistic, by drawing users again and again: for medians, percentiles, shares of shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from recsys_lab import checks
from recsys_lab.errors import DataError, few
from recsys_lab.experiment.analyse import interval_end


class Bootstrap(NamedTuple):
    """treatment - control of a statistic, with its interval and the standard deviation of the resamples."""

    effect: float
    low: float
    high: float
    standard_error: float


def bootstrap(
    control: np.ndarray,
    treatment: np.ndarray,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    method: str = "bca",
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int | np.random.Generator = 0,
) -> Bootstrap:
    """The interval of any statistic's difference: draw as many users as each arm has, with replacement, many times.

        percentile  the (1 - confidence) / 2 and (1 + confidence) / 2 points of the resampled effects
        bca         the points Phi(z0 + (z0 + z) / (1 - a (z0 + z))) instead, z being the normal's: z0 corrects for the
                    share of resamples below the effect (bias), a for the skewness seen by leaving out one user (slope)

    Parameters
    ----------
    control, treatment : one row per user, (n,) or (n, columns).
    statistic : of such rows, one number: np.median, or lambda rows: rows[:, 0].sum() / rows[:, 1].sum().
    method : "bca" or "percentile". bca asks the statistic once more for each user.
    confidence, n_resamples, seed : 2,000 resamples are usual for 0.95, more for more.

    O((n_resamples + n for bca) x the statistic's own time). Source: Efron 1987, JASA 82; Efron and Tibshirani 1993.

    >>> bootstrap([1, 2, 3, 4, 5], [2, 4, 4, 6, 30], np.median, method="percentile").effect
    1.0
    """
    checks.choice("method", method, ("bca", "percentile"))
    checks.whole("n_resamples", n_resamples, 2, "the interval is read off that many effects")
    interval_end(confidence)
    c, t = np.asarray(control), np.asarray(treatment)
    if min(len(c), len(t)) < 2:
        raise DataError(f"{len(c)} and {len(t)} users: resampling needs two or more in each arm.")
    rng = np.random.default_rng(seed)
    effect, drawn = statistic(t) - statistic(c), np.empty(n_resamples)
    for b in range(n_resamples):
        drawn[b] = -statistic(c[rng.integers(0, len(c), len(c))]) + statistic(t[rng.integers(0, len(t), len(t))])
    if not np.isfinite(drawn).all():
        raise DataError(f"statistic: {few(drawn[~np.isfinite(drawn)])}: it must be a number for every resample.")
    shares = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "bca":
        # Each arm's influences have their own size: leaving out one of n users moves the statistic by about 1/n.
        left_out = [-_influences(c, statistic), _influences(t, statistic)]
        cubes, squares = (sum((u**k).sum() for u in left_out) for k in (3, 2))
        a = cubes / (6 * squares**1.5) if squares > 0 else 0.0
        below = ((drawn < effect).mean() + (drawn <= effect).mean()) / 2  # a tie counts one half
        if below in (0, 1):
            raise DataError('method="bca": every resample lies on one side of the effect; choose "percentile".')
        z0, z = special.ndtri(below), special.ndtri(shares)
        shares = special.ndtr(z0 + (z0 + z) / (1 - a * (z0 + z)))
    low, high = np.quantile(drawn, shares)
    return Bootstrap(float(effect), float(low), float(high), float(drawn.std(ddof=1)))


def _influences(rows: np.ndarray, statistic: Callable[[np.ndarray], float]) -> np.ndarray:
    """How much less (or more) than on average the statistic is without each user, divided by the number of users."""
    without = np.array([statistic(np.delete(rows, i, axis=0)) for i in range(len(rows))])
    return (len(rows) - 1) * (without.mean() - without) / len(rows)
