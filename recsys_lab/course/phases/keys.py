"""Keys that are computed: the letter whose value the code beside the question gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def by_value(values: Mapping[str, Any], compute: Callable[[], Any]) -> Callable[[], str]:
    """A key: the letter whose value equals the computed one, numbers to three digits. Must be exactly one.

    >>> by_value({"a": 1.0, "b": 2.0}, lambda: 4 / 2)()
    'b'
    """

    def key() -> str:
        computed = compute()
        letters = [letter for letter, value in values.items() if _equal(value, computed)]
        assert len(letters) == 1, f"computed {computed!r}, which is {len(letters)} of {dict(values)}"
        return letters[0]

    return key


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, (str, bool)) or isinstance(b, (str, bool)):
        return bool(a == b)
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=2e-3, atol=1e-9))
