"""Which data, and how they are divided: the only file that knows them."""

from __future__ import annotations

import pandas as pd
from recsys_lab import datasets
from recsys_lab.ratings import Ratings
from recsys_lab.split import per_user_split

NAME = "ml-100k"
ABOUT = "MovieLens 100K"
ITEMS, ACTS = "films", "ratings"
HELD_OUT = "a random fifth of each user's ratings held out (seed 0)"
RELEVANT = 4.0  # stars from which a hidden film counts as one to be found
SCALE = (1.0, 5.0)


def load() -> pd.DataFrame:
    """All there is: columns user, item, rating, timestamp."""
    return datasets.load(NAME).ratings


def items() -> pd.DataFrame:
    """One row an item: item, title, year, genres."""
    return datasets.load(NAME).items


def rated(rows: pd.DataFrame) -> pd.DataFrame:
    """What such rows say of who wants what: columns user, item, rating, timestamp. Ratings say it themselves."""
    return rows


def ratings(rows: pd.DataFrame) -> Ratings:
    """The rows as models take them."""
    return Ratings.from_frame(rated(rows), scale=SCALE)


def split(rows: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): a random fifth of each user's rows is held out. train is of the kind of `rows`, test of `rated`."""
    return per_user_split(rows, test=0.2, seed=seed)


def described(train: pd.DataFrame, test: pd.DataFrame) -> str:
    """What was learned from, in a sentence for the model card."""
    known = ratings(train)
    return (
        f"{ABOUT}: {known.n_ratings:,} ratings by {known.n_users:,} users of {known.n_items:,} films in the training part, "
        f"{len(test):,} held out."
    )
