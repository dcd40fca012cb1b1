"""The few exceptions of the library. Each is also a built-in one, so that ordinary `except` clauses catch it."""

from __future__ import annotations

from collections.abc import Iterable


class RecsysLabError(Exception):
    """Base of every error that the library raises on purpose."""


class DataError(RecsysLabError, ValueError):
    """A value was refused: a ratings frame, a parameter, a file. The message names the value and the remedy."""


class MissingDataError(DataError):
    """A data set or a file that is not here, and could not be brought."""


class UnknownIdError(RecsysLabError, LookupError):
    """An id that the model or the data set has never seen."""


class NotFittedError(RecsysLabError, RuntimeError):
    """A model was asked for something before `fit` was called."""


class UnsupportedError(RecsysLabError, TypeError):
    """The request makes sense, but not for this model or type."""


class MissingExtraError(RecsysLabError, ImportError):
    """An optional part is not installed. The message gives the command that installs it."""


def few(values: Iterable[object], most: int = 5) -> str:
    """Show at most `most` values for an error message.

    >>> few([1, 2, 3, 4, 5, 6, 7])
    '1, 2, 3, 4, 5 and 2 more'
    """
    # NumPy scalars print as np.int64(3); people want 3.
    shown = [repr(v.item() if hasattr(v, "item") else v) for v in values]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")
