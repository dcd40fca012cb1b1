"""May the numbers be believed, and was anything harmed? What to ask before and beside "is there an effect".

srm                 did each variant get the share of the users that it was to get?
non_inferior        is a guardrail (errors, time to answer, subscriptions) no worse than a margin allows?
benjamini_hochberg  of many metrics: which may be called effects, if a share of false ones among them is allowed?
holm                the same if not one false one is allowed; it stands in recsys_lab.evaluate, which needs it too
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.experiment.analyse import welch_df
from recsys_lab.experiment.stats import Stats, comparable, plain


class SampleRatio(NamedTuple):
    """statistic: chi-square; expected: {variant: users}."""

    statistic: float
    p_value: float
    expected: dict[str, float]


def srm(counts: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Sample-ratio mismatch: is the split the planned one?

        expected = share x all users,    statistic = sum over variants of (count - expected)^2 / expected
        p_value from chi-square with (variants - 1) degrees of freedom

    A split that is off by one per cent means that users of one kind went missing in one variant: redirects, crashes,
    bots, a filter after the assignment. No later test repairs that, so p_value < 0.001 ends the analysis and starts
    the search for the cause. Count users, the unit of assignment. Source: Fabijan et al. 2019, KDD.

    Parameters
    ----------
    counts : {variant: users seen}, or a Series, such as value_counts() gives.
    shares : {variant: planned share}, as Experiment.shares.

    >>> srm({"control": 5_000, "treatment": 5_300}, {"control": 0.5, "treatment": 0.5}).p_value < 0.005
    True
    """
    counts = dict(counts)  # value_counts() gives a Series: iterating it gives values, not names
    if len(shares) < 2 or set(counts) != set(shares):
        raise DataError(f"counts of {sorted(counts)}, shares of {sorted(shares)}: name the same two variants or more.")
    for name, count in counts.items():
        checks.whole(f"counts[{name!r}]", count, 0, "users are counted")
        checks.number(f"shares[{name!r}]", shares[name], 0, "a variant's share of the users", 1, above=True)
    total = int(sum(counts.values()))
    if total == 0 or abs(sum(shares.values()) - 1) > 1e-9:
        raise DataError(
            f"{total} users, shares with sum {sum(shares.values()):g}: there must be users, and the sum be 1."
        )
    expected = {name: shares[name] * total for name in counts}
    statistic = sum((counts[name] - expected[name]) ** 2 / expected[name] for name in counts)
    return SampleRatio(float(statistic), float(special.chdtrc(len(counts) - 1, statistic)), expected)


class Guardrail(NamedTuple):
    """passed: the harm is below the margin. worst: the largest harm that the data do not rule out, as an effect."""

    passed: bool
    p_value: float
    worst: float
    effect: float  # treatment - control
    margin: float


def non_inferior(
    control: Stats, treatment: Stats, margin: float, *, higher_is_better: bool = True, alpha: float = 0.05
) -> Guardrail:
    """Is it shown that the treatment is not worse by `margin` or more? One-sided Welch t-test against the margin.

        t = (effect + margin) / standard_error  if higher is better, else (margin - effect) / standard_error
        p_value = P(T >= t),    worst = effect -+ t_(1 - alpha) standard_error,    passed: p_value < alpha

    "No significant loss" is no guardrail: a small experiment passes it with any loss. Here too few users fail.
    A one-sided test feels the skewness that a two-sided one averages out: of 20,000 simulated tests of clicks, a loss
    of the whole margin passed in 4.8 or 5.6 % with arms of 300 and 200 users, and in 5.1 % with equal arms of 200.
    Source: Blackwelder 1982, Controlled Clinical Trials 3.

    Parameters
    ----------
    margin : above 0, in the units of the metric: the loss that would be accepted for the gain elsewhere.

    >>> guard = non_inferior(Stats(5000, 120, 900), Stats(5000, 121, 900), margin=3, higher_is_better=False)
    >>> guard.passed, round(guard.worst, 2)
    (True, 1.99)
    """
    checks.number("margin", margin, 0, "the loss that would be accepted", above=True)
    checks.number("alpha", alpha, 0, "how often a real loss may pass", 0.5, above=True)
    comparable(control, treatment)
    df, sign = welch_df(control, treatment), 1 if higher_is_better else -1
    error = np.sqrt(control.variance / control.n + treatment.variance / treatment.n)
    effect = treatment.mean - control.mean
    p_value = special.stdtr(df, -(sign * effect + margin) / error)
    worst = effect - sign * special.stdtrit(df, 1 - alpha) * error
    return Guardrail(plain(p_value < alpha), plain(p_value), plain(worst), plain(effect), margin)


def benjamini_hochberg(p: Any) -> np.ndarray:
    """p-values corrected so that of those below q at most a share q are false discoveries, on average.

        the j-th smallest of m becomes  min over k >= j of  p_(k) m / k

    For independent or positively dependent metrics. Source: Benjamini and Hochberg 1995, JRSS B 57.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    array([0.03, 0.04, 0.04])
    """
    p = np.asarray(p, dtype=float)
    if p.ndim != 1 or len(p) == 0 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"p={p!r}: give a list of p-values from 0 to 1.")
    order = np.argsort(p)[::-1]  # the largest first
    corrected = np.empty_like(p)
    corrected[order] = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    return corrected
