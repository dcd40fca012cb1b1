"""Refusals that several models share: a parameter out of range, a fit that diverged, a table that would not fit.

Each message names the parameter, its value, and what to do.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from recsys_lab.errors import DataError

# No model allocates more than this at once without being asked: laptops have 8 GB, and a browser is open too.
MEMORY_LIMIT = 3 * 2**30


def whole(name: str, value: object, low: int, why: str, high: int | None = None) -> None:
    """Refuse what is not a whole number from low (to high).

    >>> whole("factors", 0, 1, "a user is described by that many numbers")
    Traceback (most recent call last):
    recsys_lab.errors.DataError: factors=0: a user is described by that many numbers; choose a whole number from 1.
    """
    good = isinstance(value, Integral) and not isinstance(value, bool) and value >= low  # type: ignore[operator]
    if not good or (high is not None and value > high):  # type: ignore[operator]
        to = "" if high is None else f" to {high:,}"
        raise DataError(f"{name}={value!r}: {why}; choose a whole number from {low:,}{to}.")


def number(name: str, value: object, low: float, why: str, high: float = np.inf, *, above: bool = False) -> None:
    """Refuse what is not a finite number from low to high; with above=True, low itself is refused too.

    >>> number("rate", -1, 0, "the length of a step", 1, above=True)
    Traceback (most recent call last):
    recsys_lab.errors.DataError: rate=-1: the length of a step; choose a number above 0, up to 1.
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(float(value))
    if not good or not low <= value <= high or (above and value == low):  # type: ignore[operator]
        start = f"above {low:g}" if above else f"from {low:g}"
        end = "" if high == np.inf else f", up to {high:g}" if above else f" to {high:g}"
        raise DataError(f"{name}={value!r}: {why}; choose a number {start}{end}.")


def choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse what is not one of the known words."""
    if value not in known:
        raise DataError(f"{name}={value!r}: choose one of {', '.join(known)}.")


def converged(model: str, epoch: int, remedy: str, *arrays: np.ndarray) -> None:
    """Refuse to go on after a fit has left the finite numbers. `remedy` names the parameter to lower, and its value."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise DataError(f"{model} diverged in epoch {epoch}: its numbers grew beyond all bounds. {remedy}")


def fits_memory(what: str, n_bytes: float, instead: str) -> None:
    """Refuse a table before it is allocated. `instead` names what fits.

    >>> fits_memory("EASE: the 200,000 x 200,000 weights", 8 * 200_000**2, "Pass neighbours=200.")
    Traceback (most recent call last):
    recsys_lab.errors.DataError: EASE: the 200,000 x 200,000 weights would take 320.0 GB, more than the 3.2 GB that a model may take. Pass neighbours=200.
    """
    if n_bytes > MEMORY_LIMIT:
        raise DataError(
            f"{what} would take {n_bytes / 1e9:,.1f} GB, more than the {MEMORY_LIMIT / 1e9:.1f} GB that a model may "
            f"take. {instead}"
        )
