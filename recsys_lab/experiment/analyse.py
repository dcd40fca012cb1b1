"""What did the treatment change, and is it more than luck? From sufficient statistics to an effect with its interval.

    two_proportions   of users who did it at least once      two-proportion z
    welch             of a mean per user                     Welch's t
    ratio             of clicks per impression               the delta method, then Welch's t
    cuped             of a mean, less what was known before  a covariate, then Welch's t
    stratified        of a mean, within segments             the effects of the segments, weighted by their users

For anything else there is resample.bootstrap.

    arms = by_variant(users, "clicks", "impressions")
    ratio(arms["control"], arms["treatment"])

All tests are two-sided. `confidence` is that of the intervals: 0.95 goes with calling p < 0.05 an effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.experiment.stats import PairStats, Stats, comparable, plain, two_or_more


class Comparison(NamedTuple):
    """treatment - control. The relative interval is NaN where one of the two is not above 0."""

    effect: float
    relative: float  # effect / control
    low: float  # of the effect
    high: float
    p_value: float
    standard_error: float  # of the effect
    relative_low: float
    relative_high: float
    control: float
    treatment: float

    def __str__(self) -> str:
        lift = f"{self.relative:+.1%} [{self.relative_low:+.1%}, {self.relative_high:+.1%}]".replace("%", " %")
        return f"{self.effect:+.4f} [{self.low:+.4f}, {self.high:+.4f}], {lift}, p = {self.p_value:.2g}"


def two_proportions(control: Stats, treatment: Stats, confidence: float = 0.95) -> Comparison:
    """Did more users do it? The z-test of two proportions p = mean.

        test      z = (p_t - p_c) / sqrt(p (1 - p) (1/n_c + 1/n_t)),  p over both arms: under "no effect" they are one
        interval  (p_t - p_c) -+ z_(confidence) sqrt(p_c (1 - p_c) / n_c + p_t (1 - p_t) / n_t)
        relative  (p_t / p_c) exp(-+ z_(confidence) sqrt((1 - p_c) / (n_c p_c) + (1 - p_t) / (n_t p_t))) - 1

    The test pools and the intervals do not, as is usual; near the border the two may disagree. Good from about ten
    successes and ten failures in each arm. Source: Fleiss, Levin and Paik 2003, chapter 3; Katz et al. 1978 (relative).

    >>> print(two_proportions(Stats.of_counts(90, 1000), Stats.of_counts(120, 1000)))
    +0.0300 [+0.0032, +0.0568], +33.3 % [+2.9 %, +72.7 %], p = 0.029
    """
    z, (n_c, p_c, _), (n_t, p_t, _) = _two_sided(confidence), control, treatment
    two_or_more(control=control, treatment=treatment)
    for name, p in (("control", np.asarray(p_c)), ("treatment", np.asarray(p_t))):
        if not ((p >= 0) & (p <= 1)).all():
            raise DataError(f"{name}: mean={p!r} is no proportion: give each user 1 or 0, or use welch.")
    pooled = (n_c * p_c + n_t * p_t) / (n_c + n_t)
    null_error = np.sqrt(pooled * (1 - pooled) * (1 / n_c + 1 / n_t))
    if not np.all(null_error > 0):
        raise DataError("all users of both arms have the same value: there is nothing to test.")
    v_c, v_t = p_c * (1 - p_c) / n_c, p_t * (1 - p_t) / n_t
    p_value = 2 * special.ndtr(-np.abs(p_t - p_c) / null_error)
    return _comparison(p_c, p_t, np.sqrt(v_c + v_t), p_value, z, z * _log_error(p_c, p_t, v_c, v_t))


def welch(control: Stats, treatment: Stats, confidence: float = 0.95) -> Comparison:
    """Did the mean per user change? Welch's t-test, which lets the arms differ in size and variance.

        v = variance / n of each arm,    standard_error = sqrt(v_c + v_t),    t = (mean_t - mean_c) / standard_error
        degrees of freedom df = (v_c + v_t)^2 / (v_c^2 / (n_c - 1) + v_t^2 / (n_t - 1))
        relative interval  (mean_t / mean_c) exp(-+ t_(confidence) sqrt(v_c / mean_c^2 + v_t / mean_t^2)) - 1

    The means must be roughly normal, not the users: some hundreds of users do for clicks, more for money.
    Source: Welch 1947, Biometrika 34. The relative interval is the delta method's, on the logarithm of the ratio.

    >>> print(welch(Stats(1000, 2.0, 9.0), Stats(1000, 2.3, 9.5)))
    +0.3000 [+0.0333, +0.5667], +15.0 % [+1.5 %, +30.3 %], p = 0.028
    """
    upto = interval_end(confidence)
    comparable(control, treatment)
    v_c, v_t = control.variance / control.n, treatment.variance / treatment.n
    error, df = np.sqrt(v_c + v_t), welch_df(control, treatment)
    p_value = 2 * special.stdtr(df, -np.abs(treatment.mean - control.mean) / error)  # Student's distribution function
    with np.errstate(divide="ignore", invalid="ignore"):  # a mean of 0 has no relative interval
        scaled = [arm._replace(variance=arm.variance / np.square(arm.mean)) for arm in (control, treatment)]
        log_reach = special.stdtrit(welch_df(*scaled), upto)
    log_reach = log_reach * _log_error(control.mean, treatment.mean, v_c, v_t)
    return _comparison(control.mean, treatment.mean, error, p_value, special.stdtrit(df, upto), log_reach)


def ratio(control: PairStats, treatment: PairStats, confidence: float = 0.95) -> Comparison:
    """Did sum of y / sum of x change, such as clicks per impression? Welch's t-test on PairStats.ratio().

    A z-test on impressions would take the impressions of one user for independent and find effects in A/A data.

    >>> arm = PairStats(n=1000, mean_y=2, mean_x=20, variance_y=9, variance_x=100, covariance=15)
    >>> print(ratio(arm, arm._replace(mean_y=2.2)))
    +0.0100 [-0.0016, +0.0216], +10.0 % [-1.5 %, +22.9 %], p = 0.09
    """
    return welch(control.ratio(), treatment.ratio(), confidence)


class Adjusted(NamedTuple):
    """Both arms as if every user had been the same before."""

    control: Stats
    treatment: Stats
    theta: float
    rho: float  # the correlation of y and x over all users; the variance falls by about rho^2


def adjust(control: PairStats, treatment: PairStats) -> Adjusted:
    """CUPED: take out of y what the user's value x of *before* the experiment foretold.

        y' = y - theta (x - mean_x),    theta = covariance / variance_x,    both over the users of both arms together
        mean' = mean_y - theta (mean_x of the arm - mean_x)
        variance' = variance_y - 2 theta covariance + theta^2 variance_x

    x must not be touched by the treatment, so it is measured before; then the effect stays what it is and the variance
    falls to (1 - rho^2) of it. The Stats go into welch, msprt, non_inferior or plan_means.
    Source: Deng, Xu, Kohavi and Walker 2013, WSDM.
    """
    everyone = control + treatment
    if not (np.asarray(everyone.variance_x) > 0).all():
        raise DataError("variance_x=0: a covariate that is the same for all users foretells nothing; use welch.")
    theta = everyone.covariance / everyone.variance_x

    def adjusted(arm: PairStats) -> Stats:
        variance = arm.variance_y - 2 * theta * arm.covariance + theta**2 * arm.variance_x
        mean = arm.mean_y - theta * (arm.mean_x - everyone.mean_x)
        return Stats(arm.n, plain(mean), plain(np.maximum(variance, 0)))  # rounding may go below 0

    return Adjusted(adjusted(control), adjusted(treatment), plain(theta), everyone.rho)


def cuped(control: PairStats, treatment: PairStats, confidence: float = 0.95) -> Comparison:
    """Did the mean of y change, given x of before? Welch's t-test on what `adjust` returns.

    >>> before = PairStats(n=1000, mean_y=2.0, mean_x=2.1, variance_y=9, variance_x=9, covariance=6)
    >>> print(cuped(before, before._replace(mean_y=2.3)))
    +0.3000 [+0.1039, +0.4961], +15.0 % [+4.9 %, +26.1 %], p = 0.0027
    """
    adjusted = adjust(control, treatment)
    return welch(adjusted.control, adjusted.treatment, confidence)


class Stratified(NamedTuple):
    """The effect within segments. heterogeneity_p is small where the segments' effects differ by more than luck."""

    effect: float
    low: float
    high: float
    p_value: float
    standard_error: float
    heterogeneity_p: float
    segments: dict[Any, Comparison]


def stratified(control: Mapping[Any, Stats], treatment: Mapping[Any, Stats], confidence: float = 0.95) -> Stratified:
    """Compare like with like: the effect of each segment s, averaged with the segment's share of all users.

        effect = sum_s w_s effect_s,    w_s = n_s / n,    standard_error^2 = sum_s w_s^2 standard_error_s^2
        Q = sum_s (effect_s - mean)^2 / standard_error_s^2,  chi-square with S - 1 degrees of freedom if all are one;
        the mean in it weighs with 1 / standard_error_s^2

    Where one arm has more than its share of a segment (the split was changed midway, on a day when everybody clicks
    more), the comparison of the plain means is of different people and may even have the other sign: Simpson's paradox.
    Within segments it cannot. Source: Simpson 1951, JRSS B 13; Cochran 1954, Biometrics 10 (Q); Miratrix, Sekhon and
    Yu 2013, JRSS B 75 (post-stratification).

    Parameters
    ----------
    control, treatment : {segment: Stats}, the same segments, from before the experiment. Normal approximation.

    >>> control = {"weekday": Stats.of_counts(200, 1000), "weekend": Stats.of_counts(45, 100)}
    >>> treatment = {"weekday": Stats.of_counts(15, 100), "weekend": Stats.of_counts(400, 1000)}
    >>> round(stratified(control, treatment).effect, 3)
    -0.05
    >>> round(415 / 1100 - 245 / 1100, 3)  # the plain means say the opposite
    0.155
    """
    if not control or set(control) != set(treatment):
        odd = sorted(map(repr, set(control) ^ set(treatment)))
        raise DataError(f"both arms need the same segments, at least one; only one arm has {', '.join(odd) or 'none'}.")
    z = _two_sided(confidence)
    segments = {name: welch(control[name], treatment[name], confidence) for name in control}
    effects, errors = np.array([(s.effect, s.standard_error) for s in segments.values()]).T
    n = np.array([control[name].n + treatment[name].n for name in segments])
    effect, error = (n * effects).sum() / n.sum(), np.sqrt((n**2 * errors**2).sum()) / n.sum()
    precision = errors**-2.0
    q = (precision * (effects - (precision * effects).sum() / precision.sum()) ** 2).sum()
    heterogeneity_p = special.chdtrc(len(n) - 1, q) if len(n) > 1 else np.nan
    p_value = 2 * special.ndtr(-abs(effect) / error)
    low, high, heterogeneity_p = effect - z * error, effect + z * error, float(heterogeneity_p)
    return Stratified(float(effect), float(low), float(high), float(p_value), float(error), heterogeneity_p, segments)


# ---------------------------------------------------------------------- shared machinery
def welch_df(control: Stats, treatment: Stats) -> Any:
    """Welch's degrees of freedom; the formula stands at `welch`."""
    v_c, v_t = control.variance / control.n, treatment.variance / treatment.n
    return (v_c + v_t) ** 2 / (v_c**2 / (control.n - 1) + v_t**2 / (treatment.n - 1))


def _comparison(control: Any, treatment: Any, error: Any, p_value: Any, reach: Any, log_reach: Any) -> Comparison:
    """reach: standard errors that the interval goes to each side; log_reach: how far log(treatment / control) goes."""
    control, effect = np.asarray(control, dtype=float), np.asarray(treatment, dtype=float) - control
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        times = treatment / control
        shrunk, grown = times * np.exp(-log_reach), times * np.exp(log_reach)
    numbers = (effect, times - 1, effect - reach * error, effect + reach * error, p_value, error)
    return Comparison(*map(plain, (*numbers, shrunk - 1, grown - 1, control, treatment)))


def _log_error(control: Any, treatment: Any, v_c: Any, v_t: Any) -> Any:
    """The standard error of log(treatment / control) by the delta method; NaN where there is no logarithm."""
    c, t = np.asarray(control, dtype=float), np.asarray(treatment, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((c > 0) & (t > 0), np.sqrt(v_c / c**2 + v_t / t**2), np.nan)


def interval_end(confidence: float) -> float:
    """The point of a distribution up to which a two-sided interval goes: 0.975 for 0.95."""
    checks.number("confidence", confidence, 0, "how often the interval shall hold the truth", 1, above=True)
    if confidence == 1:
        raise DataError("confidence=1: only an infinite interval always holds the truth; choose a number below 1.")
    return (1 + confidence) / 2


def _two_sided(confidence: float) -> float:
    return float(special.ndtri(interval_end(confidence)))
