"""What a test needs to know of one arm: how many users, their mean, their variance. Not the users themselves.

These are sufficient statistics: a day's users can be summed up on the day, on any machine, and the sums added later,

    n = n1 + n2,    mean = mean1 + d n2 / n
    (n - 1) variance = (n1 - 1) variance1 + (n2 - 1) variance2 + d^2 n1 n2 / n

with d = mean2 - mean1. The users of two parts must be different users: whoever came on both days is one user, whose
values are added first. Source: Chan, Golub and LeVeque 1983, The American Statistician 37(3).

The unit is the user, because the user is what was assigned. Clicks per impression have users with many impressions and
users with few, and the impressions of one user are alike; PairStats.ratio turns them into one value per user again.
Each field may also be an array, one entry an experiment: then all that follows is computed entry by entry.
"""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd

from recsys_lab.errors import DataError, few
from recsys_lab.ratings import require_columns


class Stats(NamedTuple):
    """One metric in one arm: n users, their mean, and their variance (divided by n - 1; 0 where n < 2).

    >>> monday, tuesday = Stats.of([1, 2, 3]), Stats.of([4, 6])
    >>> monday + tuesday
    Stats(n=5, mean=3.2, variance=3.7)
    >>> sum([monday, tuesday], Stats(0, 0, 0)) == Stats.of([1, 2, 3, 4, 6])
    True
    """

    n: float
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Any) -> Stats:
        """Of one value per user (n,); of several experiments at once (..., n): the last axis holds the users."""
        values = _numbers("values", values)
        return cls(values.shape[-1], plain(values.mean(axis=-1)), plain(_covariance(values, values)))

    @classmethod
    def of_counts(cls, successes: Any, n: Any) -> Stats:
        """Of n users of whom `successes` did it (clicked at least once, say), each with the value 1 or 0.

        >>> Stats.of_counts(1, 4)
        Stats(n=4, mean=0.25, variance=0.25)
        """
        k, size = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
        if not ((k >= 0) & (k <= size) & (size >= 1)).all():
            raise DataError(f"successes={successes!r} of n={n!r}: of n users, 1 or more, between 0 and n succeed.")
        p = k / size
        return cls(n, plain(p), plain(p * (1 - p) * size / np.maximum(size - 1, 1)))

    def __add__(self, other: Stats) -> Stats:  # type: ignore[override]
        """Of both arms' users together; the formula stands at the top of this file."""
        n, mean, variance = _merged(self.n, other.n, self.mean, other.mean, self.variance, other.variance)
        return Stats(n, mean, variance)


class PairStats(NamedTuple):
    """Two numbers of each user in one arm, y and x: clicks and impressions, or clicks now and clicks before.

    >>> arm = PairStats.of([1, 0, 2], [10, 5, 15])
    >>> arm.covariance, round(arm.rho, 3), round(arm.ratio().mean, 3)
    (5.0, 1.0, 0.1)
    """

    n: float
    mean_y: float
    mean_x: float
    variance_y: float
    variance_x: float
    covariance: float

    @classmethod
    def of(cls, y: Any, x: Any) -> PairStats:
        """Of two aligned arrays (n,) or (..., n) with one value per user."""
        y, x = _numbers("y", y), _numbers("x", x)
        if y.shape != x.shape:
            raise DataError(f"y {y.shape} and x {x.shape}: each user has one value of both.")
        moments = (y.mean(axis=-1), x.mean(axis=-1), _covariance(y, y), _covariance(x, x), _covariance(y, x))
        return cls(y.shape[-1], *map(plain, moments))

    def __add__(self, other: PairStats) -> PairStats:  # type: ignore[override]
        """Of both arms' users together."""
        n, mean_y, variance_y = self.y + other.y
        _, mean_x, variance_x = self.x + other.x
        # (a + b)^2 - (a - b)^2 = 4 a b: a covariance merges like a variance, with d_y d_x in place of d^2.
        d = (other.mean_y - self.mean_y) * (other.mean_x - self.mean_x) * self.n * other.n / np.maximum(n, 1)
        parts = (self.n - 1) * self.covariance + (other.n - 1) * other.covariance
        return PairStats(n, mean_y, mean_x, variance_y, variance_x, plain((parts + d) / np.maximum(n - 1, 1)))

    @property
    def y(self) -> Stats:
        """Of y alone."""
        return Stats(self.n, self.mean_y, self.variance_y)

    @property
    def x(self) -> Stats:
        """Of x alone."""
        return Stats(self.n, self.mean_x, self.variance_x)

    @property
    def rho(self) -> float:
        """The correlation of y and x over users."""
        return plain(self.covariance / np.sqrt(self.variance_y * self.variance_x))

    def ratio(self) -> Stats:
        """sum of y / sum of x as if it were a mean over users: the delta method.

            R = mean_y / mean_x,    variance = (variance_y - 2 R covariance + R^2 variance_x) / mean_x^2

        To first order, R moves with the users as the mean of (y - R x) / mean_x does, and this is its variance. Every
        test of means may then be used on it. Good when mean_x is known well: n in the hundreds.
        Source: Deng, Knoblich and Lu 2018, KDD.

        >>> PairStats.of([1, 0, 3], [10, 5, 15]).ratio()
        Stats(n=3, mean=0.1333..., variance=0.0077...)
        """
        if not (np.asarray(self.mean_x) > 0).all():
            raise DataError(f"mean_x={self.mean_x!r}: a ratio needs a denominator above 0, such as impressions.")
        r = self.mean_y / self.mean_x
        variance = (self.variance_y - 2 * r * self.covariance + r**2 * self.variance_x) / self.mean_x**2
        return Stats(self.n, plain(r), plain(np.maximum(variance, 0)))  # rounding may go below 0


@overload
def by_variant(users: pd.DataFrame, y: str, x: None = None, *, variant: str = "variant") -> dict[str, Stats]: ...
@overload
def by_variant(users: pd.DataFrame, y: str, x: str, *, variant: str = "variant") -> dict[str, PairStats]: ...
def by_variant(users: pd.DataFrame, y: str, x: str | None = None, *, variant: str = "variant") -> Any:
    """{variant: Stats of column y}, or with x PairStats of both, from a frame with one row per user.

    Users without a variant (None) take no part.

    >>> users = pd.DataFrame({"variant": ["a", "b", "a", None], "clicks": [1, 2, 3, 9]})
    >>> by_variant(users, "clicks")["a"]
    Stats(n=2, mean=2.0, variance=2.0)
    """
    require_columns(users, variant=variant, y=y, **({} if x is None else {"x": x}))
    groups = users.groupby(variant, observed=True)
    if x is None:
        return {name: Stats.of(part[y]) for name, part in groups}
    return {name: PairStats.of(part[y], part[x]) for name, part in groups}


# ---------------------------------------------------------------------- shared machinery
def plain(value: Any) -> Any:
    """A Python number where there is one, the array where there are many."""
    value = np.asarray(value)
    return value.item() if value.ndim == 0 else value


def two_or_more(**arms: Stats) -> None:
    """Refuse arms that no test can be made of, and name the one and its number."""
    for name, (n, mean, variance) in arms.items():
        if not (np.asarray(n) >= 2).all():
            raise DataError(f"{name}: n={n!r}: a variance needs two users or more.")
        if not np.isfinite(mean).all() or not np.isfinite(variance).all() or not (np.asarray(variance) >= 0).all():
            raise DataError(f"{name}: mean={mean!r}, variance={variance!r}: both must be finite, the variance from 0.")


def comparable(control: Stats, treatment: Stats) -> None:
    """Refuse arms that no test of means can be made of."""
    two_or_more(control=control, treatment=treatment)
    if not np.all(np.asarray(control.variance) + treatment.variance > 0):
        raise DataError(
            "variance=0 in both arms: no user differs from the others, so there is nothing to test against."
        )


def _merged(n1: Any, n2: Any, mean1: Any, mean2: Any, variance1: Any, variance2: Any) -> tuple[Any, Any, Any]:
    n, d = n1 + n2, mean2 - mean1
    squares = (n1 - 1) * variance1 + (n2 - 1) * variance2 + d**2 * n1 * n2 / np.maximum(n, 1)
    return n, plain(mean1 + d * n2 / np.maximum(n, 1)), plain(squares / np.maximum(n - 1, 1))


def _covariance(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    n = y.shape[-1]
    deviations = (y - y.mean(axis=-1, keepdims=True)) * (x - x.mean(axis=-1, keepdims=True))
    return deviations.sum(axis=-1) / max(n - 1, 1)


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: give one number per user ({error}).") from error
    if values.ndim == 0 or values.shape[-1] == 0:
        raise DataError(f"{name} has shape {values.shape}: give one number per user, at least one.")
    if not (fine := np.isfinite(values)).all():
        raise DataError(f"{name}: {few(values[~fine])}: a user without a value counts as 0, or takes no part.")
    return values
