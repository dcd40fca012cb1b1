"""How many users, for how long, to see what effect? To be answered before an experiment, for then it is a choice.

Four numbers hang together, and three of them give the fourth:

    effect    the smallest effect that would matter (absolute: treatment - control)
    n         users in each arm
    alpha     how often an A/A test calls luck an effect, usually 0.05, two-sided
    power     how often a real effect of that size is called one, usually 0.8

With z_q the point of the normal distribution below which a share q lies, se0 the standard error of the estimated effect
where there is none, and se1 where it is as supposed,

    power = Phi(|effect| / se1 - z_(1 - alpha/2) se0 / se1) + Phi(-|effect| / se1 - z_(1 - alpha/2) se0 / se1)

of which the second term, an effect found with the wrong sign, is next to nothing from a power of 0.3 on.
Means:        se0 = se1 = sqrt(variance (1 - rho^2) (1/n_control + 1/n_treatment)).
Proportions:  se0 = sqrt(p (1 - p) (1/n_control + 1/n_treatment)), p over both arms together, as the z-test has it,
              se1 = sqrt(p_c (1 - p_c) / n_control + p_t (1 - p_t) / n_treatment), p_c = base, p_t = base + effect.

The variance is that of last month's users: Stats.variance, or PairStats.ratio().variance of a ratio metric. rho is the
correlation with the covariate if CUPED will be used (PairStats.rho), else 0. Source: Fleiss, Levin and Paik 2003,
chapter 4; Deng et al. 2013 for rho.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from recsys_lab import checks
from recsys_lab.errors import DataError


class Plan(NamedTuple):
    """Users in each arm for a given effect; `power` is what the whole numbers of users give."""

    n_control: int
    n_treatment: int
    effect: float
    alpha: float
    power: float

    @property
    def n(self) -> int:
        """Users in both arms."""
        return self.n_control + self.n_treatment


def power_means(
    effect: float, variance: float, n_control: int, n_treatment: int, *, alpha: float = 0.05, rho: float = 0.0
) -> float:
    """The chance to find this effect on a mean per user; the formula stands at the top of this file.

    >>> round(power_means(0.1, variance=1, n_control=1570, n_treatment=1570), 3)
    0.8
    """
    _arms(n_control, n_treatment)
    error = math.sqrt(_variance(variance, rho) * (1 / n_control + 1 / n_treatment))
    return _power(_effect(effect), error, error, _alpha(alpha))


def power_proportions(base: float, effect: float, n_control: int, n_treatment: int, *, alpha: float = 0.05) -> float:
    """The chance to find that the proportion `base` became base + effect.

    >>> round(power_proportions(0.05, 0.01, n_control=8158, n_treatment=8158), 3)
    0.8
    """
    _arms(n_control, n_treatment)
    p_t = _proportions(base, _effect(effect))
    return _power(effect, *_errors(base, p_t, n_control, n_treatment), _alpha(alpha))


def plan_means(
    effect: float,
    variance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    treatment_share: float = 0.5,
    rho: float = 0.0,
) -> Plan:
    """Users for an effect on a mean per user, or on a ratio.

        n = (z_(1 - alpha/2) + z_power)^2 variance (1 - rho^2) / (effect^2 f (1 - f)),   f = treatment_share

    Half the effect takes four times the users; a share of 0.1 instead of 0.5 takes 2.8 times as many.

    >>> plan_means(0.1, variance=1)
    Plan(n_control=1570, n_treatment=1570, effect=0.1, alpha=0.05, power=0.80005...)
    >>> plan_means(0.1, variance=1, rho=0.7).n / plan_means(0.1, variance=1).n
    0.5101...
    """
    f, z = _share(treatment_share), special.ndtri(1 - _alpha(alpha) / 2) + special.ndtri(_wanted(power))
    n = z**2 * _variance(variance, rho) / (_effect(effect) ** 2 * f * (1 - f))
    n_control, n_treatment = _whole(n, f)
    reached = power_means(effect, variance, n_control, n_treatment, alpha=alpha, rho=rho)
    return Plan(n_control, n_treatment, effect, alpha, reached)


def plan_proportions(
    base: float, effect: float, *, alpha: float = 0.05, power: float = 0.8, treatment_share: float = 0.5
) -> Plan:
    """Users for the proportion `base` (of users who click at least once, say) to become base + effect.

        n = ((z_(1 - alpha/2) se0 + z_power se1) / effect)^2,  se0 and se1 for one user in all: f treated, 1 - f not

    >>> plan_proportions(0.05, 0.01).n_control
    8158
    """
    p_t, f = _proportions(base, _effect(effect)), _share(treatment_share)
    se0, se1 = _errors(base, p_t, 1 - f, f)
    n = ((special.ndtri(1 - _alpha(alpha) / 2) * se0 + special.ndtri(_wanted(power)) * se1) / effect) ** 2
    n_control, n_treatment = _whole(n, f)
    reached = power_proportions(base, effect, n_control, n_treatment, alpha=alpha)
    return Plan(n_control, n_treatment, effect, alpha, reached)


def detectable_means(
    variance: float, n_control: int, n_treatment: int, *, alpha: float = 0.05, power: float = 0.8, rho: float = 0.0
) -> float:
    """The smallest effect on a mean that so many users show with this power: (z_(1 - alpha/2) + z_power) se1.

    >>> round(detectable_means(1, n_control=1570, n_treatment=1570), 4)
    0.1
    """
    _arms(n_control, n_treatment)
    error = math.sqrt(_variance(variance, rho) * (1 / n_control + 1 / n_treatment))
    return float((special.ndtri(1 - _alpha(alpha) / 2) + special.ndtri(_wanted(power))) * error)


def detectable_proportions(
    base: float, n_control: int, n_treatment: int, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest rise of the proportion `base` that so many users show with this power, found by root search.

    >>> round(detectable_proportions(0.05, n_control=8158, n_treatment=8158), 4)
    0.01
    """
    _proportions(base, 0.0)
    _arms(n_control, n_treatment)
    _wanted(power)

    def missing(effect: float) -> float:
        return power_proportions(base, effect, n_control, n_treatment, alpha=alpha) - power

    most = 1 - base
    if missing(most * (1 - 1e-9)) < 0:
        raise DataError(f"n_control={n_control:,}, n_treatment={n_treatment:,}: too few to see even {base:g} become 1.")
    return float(optimize.brentq(missing, most * 1e-9, most * (1 - 1e-9), xtol=1e-15))


def days_needed(plan: Plan, users_per_day: float, *, share: float = 1.0) -> int:
    """How many days until the plan's users have come, in whole weeks: Sundays and Mondays are different people.

    Parameters
    ----------
    users_per_day : *new* users a day, those who have not been in the experiment yet; half of Tuesday's were there on
        Monday. From past logs: the users of so many days, divided by the days.
    share : which part of them takes part, above 0 to 1; `traffic` of the Experiment.

    >>> days_needed(plan_proportions(0.05, 0.01), users_per_day=1_500)
    14
    """
    checks.number("users_per_day", users_per_day, 0, "new users a day", above=True)
    checks.number("share", share, 0, "which part of the users takes part", 1, above=True)
    return 7 * math.ceil(plan.n / (users_per_day * share) / 7)


# ---------------------------------------------------------------------- shared machinery
def _power(effect: float, se0: float, se1: float, alpha: float) -> float:
    z = special.ndtri(1 - alpha / 2)
    return float(special.ndtr((abs(effect) - z * se0) / se1) + special.ndtr((-abs(effect) - z * se0) / se1))


def _errors(p_c: float, p_t: float, n_control: float, n_treatment: float) -> tuple[float, float]:
    """(se0, se1) of the proportions; the formulas stand at the top of this file."""
    p = (n_control * p_c + n_treatment * p_t) / (n_control + n_treatment)
    se0 = math.sqrt(p * (1 - p) * (1 / n_control + 1 / n_treatment))
    return se0, math.sqrt(p_c * (1 - p_c) / n_control + p_t * (1 - p_t) / n_treatment)


def _whole(n: float, f: float) -> tuple[int, int]:
    # Rounding errors must not add a user: 500.0000000000001 users are 500.
    return tuple(max(2, math.ceil(round(n * share, 9))) for share in (1 - f, f))  # type: ignore[return-value]


def _effect(effect: float) -> float:
    checks.number("effect", effect, -np.inf, "the smallest difference that would matter")
    if effect == 0:
        raise DataError("effect=0: no number of users shows an effect that is not there.")
    return effect


def _variance(variance: float, rho: float) -> float:
    checks.number("variance", variance, 0, "the variance of the metric between users", above=True)
    checks.number("rho", rho, -1, "the correlation with the covariate", 1)
    return variance * max(1 - rho**2, 1e-12)  # a perfect covariate would need nobody


def _proportions(base: float, effect: float) -> float:
    checks.number("base", base, 0, "the proportion in the control", 1, above=True)
    if not 0 < base < 1 or not 0 < base + effect < 1:
        raise DataError(f"base={base!r}, effect={effect!r}: base and base + effect must lie between 0 and 1.")
    return base + effect


def _arms(n_control: int, n_treatment: int) -> None:
    for name, n in (("n_control", n_control), ("n_treatment", n_treatment)):
        checks.number(name, n, 2, "a variance needs two users")


def _alpha(alpha: float) -> float:
    checks.number("alpha", alpha, 0, "how often luck may be called an effect", 0.5, above=True)
    return alpha


def _wanted(power: float) -> float:
    checks.number("power", power, 0.5, "how often the effect shall be found", 0.999999)
    return power


def _share(treatment_share: float) -> float:
    checks.number("treatment_share", treatment_share, 0.001, "the treatment's share of the users", 0.999)
    return treatment_share
