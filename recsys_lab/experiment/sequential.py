"""Looking every day and stopping when it is clear, without being fooled.

A p-value holds for one look, planned in advance. Whoever looks each day and stops at the first p < 0.05 finds effects
in A/A tests five times too often with twenty looks, and sooner or later always. Two remedies:

* msprt: p-values and intervals that hold at all looks at once, however many, whenever one stops. One pays with
  intervals about one and a half times as wide at the planned end, and may stop early where the effect is large.
* spending_bounds: looks fixed in advance that share out alpha. One pays next to nothing at the end.

Both take the effect and its standard error at each look, on all users so far: `effect` and `standard_error` of welch,
ratio or cuped, which they take for normal and known; so begin with some hundreds of users in each arm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from recsys_lab import checks
from recsys_lab.errors import DataError


class Sequence(NamedTuple):
    """One entry a look: the p-value never rises, and the interval [low, high] never widens."""

    p_value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def msprt(effect: Any, standard_error: Any, tau: float, *, alpha: float = 0.05) -> Sequence:
    """The mixture sequential probability ratio test with a normal mixture.

    With V = standard_error^2, how much better does an effect drawn from N(0, tau^2) explain the data than the effect 0?

        ratio   = sqrt(V / (V + tau^2)) exp(effect^2 tau^2 / (2 V (V + tau^2)))
        p_value = min over the looks so far of 1 / ratio, at most 1
        reach   = sqrt(V (V + tau^2) / tau^2 (2 ln(1 / alpha) + ln((V + tau^2) / V)))
        [low, high] = the intersection over the looks so far of effect -+ reach

    Under "no effect" the ratio is a martingale with mean 1, so it ever exceeds 1 / alpha with a chance of alpha at most
    (Ville); hence P(p_value is ever <= alpha) <= alpha. The interval is the set of effects that the same test does not
    reject, and holds the truth at all looks with a chance of 1 - alpha or more. If it becomes empty (low > high), the
    effect changed while the experiment ran.

    Parameters
    ----------
    effect, standard_error : (looks,) in the order of the looks, or (experiments, looks).
    tau : above 0, the size of effects that one expects. Any value is valid; `best_tau` gives the sharpest. It must be
        chosen before the data are seen.
    alpha : of the intervals.

    O(looks). Source: Robbins 1970, Annals of Mathematical Statistics 41; Johari, Koomen, Pekelis and Walsh 2017, KDD,
    and 2022, Operations Research 70.

    >>> looks = msprt([0.5, 0.4, 0.45], [0.2, 0.14, 0.1], tau=0.3)
    >>> looks.p_value.round(4).tolist(), looks.low.round(2).tolist()
    ([0.2072, 0.0828, 0.0003], [-0.14, -0.03, 0.15])
    """
    checks.number("tau", tau, 0, "the size of effects that are expected", above=True)
    checks.number("alpha", alpha, 0, "how often luck may ever be called an effect", 0.5, above=True)
    d, error = np.atleast_1d(np.asarray(effect, dtype=float)), np.atleast_1d(np.asarray(standard_error, dtype=float))
    if d.shape != error.shape or not np.isfinite(d).all() or not (np.isfinite(error) & (error > 0)).all():
        raise DataError(
            f"effect {d.shape}, standard_error {error.shape}: give finite numbers for each look, errors above 0."
        )
    v, mixed = error**2, error**2 + tau**2
    log_ratio = np.log(v / mixed) / 2 + d**2 * tau**2 / (2 * v * mixed)
    reach = np.sqrt(v * mixed / tau**2 * (2 * np.log(1 / alpha) + np.log(mixed / v)))
    return Sequence(
        np.exp(-np.maximum.accumulate(np.maximum(log_ratio, 0), axis=-1)),
        np.maximum.accumulate(d - reach, axis=-1),
        np.minimum.accumulate(d + reach, axis=-1),
    )


def best_tau(standard_error: float, alpha: float = 0.05) -> float:
    """The tau whose interval is narrowest when the standard error has this value: that at the planned end, from power.

        tau = standard_error sqrt(r),    r = 2 ln(1 / alpha) + ln(1 + r)      (the zero of d reach / d tau)

    It is not delicate: at half or twice that tau the interval is 7 or 3 % wider. Source: Howard, Ramdas, McAuliffe and
    Sekhon 2021, Annals of Statistics 49, section 3.5.

    >>> round(best_tau(0.01), 4)
    0.0287
    """
    checks.number("standard_error", standard_error, 0, "of the effect at the planned end", above=True)
    checks.number("alpha", alpha, 0, "how often luck may ever be called an effect", 0.5, above=True)
    # r e^-(1 + r) has Lambert's W for its inverse; of the two branches, the one below -1 belongs to r > 0.
    r = -1 - special.lambertw(-(alpha**2) / np.e, k=-1).real
    return float(standard_error * np.sqrt(r))


class Bounds(NamedTuple):
    """One entry a look: stop where |effect / standard_error| >= z. `spent`: alpha used up so far."""

    z: np.ndarray
    spent: np.ndarray


def spending_bounds(shares: Any, *, alpha: float = 0.05) -> Bounds:
    """Group-sequential bounds of O'Brien and Fleming's type, by spending alpha over the looks.

        spent(t) = 4 - 4 Phi(z_(1 - alpha/4) / sqrt(t)),    t the share of the planned users; alpha / 2 for each side

    Early on next to nothing is spent, so that almost all is left for the end: z = 2.03 instead of 1.96 with five looks.
    The bounds z_1, z_2, ... make P(|Z_k| >= z_k for the first time at look k) = spent(t_k) - spent(t_(k-1)), where
    Z_k sqrt(t_k) is a Brownian motion: its density inside the bounds is carried from look to look by numerical
    integration. A look that was missed is left out of `shares`; that is why alpha is spent over t and not over k.

    Parameters
    ----------
    shares : of the planned users at each look, increasing by 0.01 or more, up to 1; alpha : two-sided.

    O(looks). Source: Lan and DeMets 1983, Biometrika 70; Armitage, McPherson and Rowe 1969, JRSS A (the integration).

    >>> spending_bounds([0.2, 0.4, 0.6, 0.8, 1.0]).z.round(3).tolist()
    [4.877, 3.357, 2.68, 2.29, 2.031]
    """
    checks.number("alpha", alpha, 0, "how often luck may ever be called an effect", 0.5, above=True)
    t = np.asarray(shares, dtype=float)
    if t.ndim != 1 or len(t) == 0 or not (np.diff(t, prepend=0) > 0.0099).all() or t[-1] > 1 + 1e-9:
        raise DataError(
            f"shares={shares!r}: give the share of the planned users at each look, 0.01 or more apart, up to 1."
        )
    spent = 4 * special.ndtr(-special.ndtri(1 - alpha / 4) / np.sqrt(t))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    z, place, mass, before = np.empty(len(t)), np.zeros(1), np.ones(1), 0.0  # at t = 0 the motion is at 0
    for k, (now, to_spend) in enumerate(zip(t, np.diff(spent, prepend=0.0))):
        edge, step = np.sqrt(now), np.sqrt(now - before)
        z[k] = optimize.brentq(_beyond, 0.5, 37, args=(edge, step, place, mass, to_spend), xtol=1e-12)
        inside = nodes * z[k] * edge
        density = np.exp(-(((inside[:, None] - place) / step) ** 2) / 2) @ mass / (step * np.sqrt(2 * np.pi))
        place, mass, before = inside, density * weights * z[k] * edge, now
    return Bounds(z, spent)


def _beyond(z: float, edge: float, step: float, place: np.ndarray, mass: np.ndarray, to_spend: float) -> float:
    """The chance to step from these places, with these masses, beyond z, less the chance that is wanted."""
    return float(mass @ (special.ndtr((place - z * edge) / step) + special.ndtr((-z * edge - place) / step)) - to_spend)
