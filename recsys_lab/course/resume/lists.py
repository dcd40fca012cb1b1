"""What lists.toml holds: two checklists, the rhythm of five conferences, and a year of papers."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any

import pandas as pd


@functools.cache
def _lists() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "lists.toml").read_text(encoding="utf-8"))


def checklists() -> dict[str, list[str]]:
    """The lines of each checklist by its title."""
    return {one["title"]: list(one["lines"]) for one in _lists()["checklist"]}


def conferences() -> pd.DataFrame:
    """name, about, month (of the event), submission, notification ("" where there is none to be confirmed), as_of, source, site."""
    return pd.DataFrame(_lists()["conference"]).fillna("")


def reading() -> pd.DataFrame:
    """Two papers a month: month (1 to 12), paper, year, where, lesson (that it deepens), look_for."""
    return pd.DataFrame(_lists()["paper"])
