"""What a capstone is about: the data that it learns from, how they are cut, and what counts as found."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from recsys_lab import datasets, registry
from recsys_lab.course.projects import lists
from recsys_lab.errors import DataError
from recsys_lab.split import Split


class Subject(NamedTuple):
    """One kind of project.

    cut : from a seed to (train, hidden): `train` is what the project's `train` command gets as a CSV.
    rated : from such rows to columns user, item, rating, for the baselines and for the judgement.
    relevant : a hidden row counts as one to be found from this rating on. scale : of these ratings.
    items : all ids that may be recommended.
    overlay : a folder beside template/ whose files take the place of the template's; None: the template as it is.
    """

    cut: Callable[[int], Split]
    rated: Callable[[pd.DataFrame], pd.DataFrame]
    relevant: float
    scale: tuple[float, float]
    items: Callable[[], set]
    overlay: str | None = None


MOVIES = Subject(
    cut=lists.cut,
    rated=lambda rows: rows[["user", "item", "rating"]],
    relevant=lists.RELEVANT,
    scale=(1.0, 5.0),
    items=lambda: set(datasets.load("ml-100k").items["item"].tolist()),
)

SUBJECTS: dict[str, Subject] = {"movies": MOVIES}


def subject(name: str) -> Subject:
    """By its name. Raises DataError for an unknown one, with those that there are."""
    if name not in SUBJECTS:
        raise DataError(registry.unknown("data for a capstone", name, SUBJECTS))
    return SUBJECTS[name]
