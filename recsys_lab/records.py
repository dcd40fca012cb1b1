"""Small files for people and programs: values as JSON can hold them, and content that is written whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recsys_lab.storage import atomic


def plain(value: Any) -> Any:
    """What JSON can hold: NumPy's numbers as Python's, NaN and NA as null, paths and other objects as text.

    >>> plain({"a": float("nan"), 3: [True, None]})
    {'a': None, '3': [True, None]}
    """
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def write(path: Path, content: str | bytes) -> None:
    """Write a small file, text in UTF-8 or bytes, whole or not at all."""
    with atomic(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
