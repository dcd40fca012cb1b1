"""What a capstone is about: the data that it learns from, how they are cut, and what counts as found."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from recsys_lab import datasets, funnel, registry
from recsys_lab.course.projects import lists
from recsys_lab.errors import DataError
from recsys_lab.split import Split, temporal_split


class Subject(NamedTuple):
    """One kind of project.

    cut : from a seed to (train, hidden): train is what the project's `train` command gets as a CSV; hidden has columns
        user, item, rating, timestamp, of users whom a model of the training part knows.
    rated : from training rows to columns user, item, rating, for the baselines and for the judgement.
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

WEIGHTS = {"basket": 3.0, "purchase": 5.0}  # what counts as wanted; a view may be curiosity
KEPT = {"purchase": WEIGHTS["purchase"]}
TEST = 0.2  # of the log's rows


def _later(seed: int) -> Split:
    """The log before one moment, and what is wanted from then on; the moment is the same for each seed.

    Hidden are customers who have bought before, and kept it: whatever the project reads from the log, it knows them.
    """
    events = datasets.events("shop")
    before, hidden = temporal_split(events, TEST)[0], funnel.cut(events, TEST, WEIGHTS)[1]
    return before, hidden[hidden["user"].isin(funnel.interactions(before, KEPT)["user"])].reset_index(drop=True)


SHOP = Subject(
    cut=_later,
    rated=lambda rows: funnel.interactions(rows, WEIGHTS),
    relevant=KEPT["purchase"],
    scale=(1.0, 5.0),
    items=lambda: set(datasets.load("shop").items["item"].tolist()),
    overlay="template_shop",
)

SUBJECTS: dict[str, Subject] = {"movies": MOVIES, "shop": SHOP}


def subject(name: str) -> Subject:
    """By its name. Raises DataError for an unknown one, with those that there are."""
    if name not in SUBJECTS:
        raise DataError(registry.unknown("data for a capstone", name, SUBJECTS))
    return SUBJECTS[name]
