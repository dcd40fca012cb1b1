"""Which data, how they are read, and how they are divided: the only file that knows them.

A log of events, in which nobody rates anything: `rated` says what is read from it, and that is the first choice to think
about. The log is simulated (recsys_lab/shop.py says how, and what is assumed), since no shop may pass its own on.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from recsys_lab import datasets, funnel
from recsys_lab.ratings import Ratings
from recsys_lab.split import temporal_split

NAME = "shop"
ABOUT = "Half a year of a simulated shop for films"
ITEMS, ACTS = "products", "baskets and purchases"
HELD_OUT = "the last fifth of the log held out, of which purchases that were kept are to be found"
WEIGHTS = {
    "basket": 3.0,
    "purchase": 5.0,
}  # what counts as wanted; whoever adds "view" no longer lists what was looked at
RELEVANT = 5.0  # a purchase that was kept
SCALE = (1.0, 5.0)
TEST = 0.2  # of the log's rows


def load() -> pd.DataFrame:
    """All there is: columns session, user, item, event, price, timestamp, sorted by time. No user: nobody was logged in."""
    return datasets.events(NAME)


@cache  # the data set's loader reads the whole log for it
def items() -> pd.DataFrame:
    """One row a product: item, title, year, genres, price, available_from."""
    return datasets.load(NAME).items


def rated(rows: pd.DataFrame) -> pd.DataFrame:
    """What a log says of who wants what: columns user, item, rating, timestamp, one row for each pair.

    rating is the weight of the furthest step that still stands when the log ends: a purchase that came back is none.
    Visits without a user are nobody's, and accounts that read page after page are taken for programs; both are left out.
    """
    return funnel.interactions(rows.astype({"user": "Int64"}), WEIGHTS)  # a CSV has no whole numbers beside gaps


def ratings(rows: pd.DataFrame) -> Ratings:
    """The rows as models take them."""
    return Ratings.from_frame(rated(rows), scale=SCALE)


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test): the log before one moment, and what is wanted from then on and was not before.

    Each part is read by itself: what comes back after the moment is a purchase to those who stand before it.
    """
    return temporal_split(rows, TEST)[0], funnel.cut(rows, TEST, WEIGHTS)[1]


def described(train: pd.DataFrame, test: pd.DataFrame) -> str:
    """What was learned from, in some sentences for the model card; counts in hundreds, as machines differ by a few."""
    known, programs, happened = rated(train), funnel.automated(train), train["event"].value_counts()
    nobody = train.loc[train["user"].isna(), "session"].nunique() / train["session"].nunique()
    return (
        f"{ABOUT}; no customer and no purchase is real. The training part has {round(len(train), -2):,} events, each a view, "
        f"a basket, a purchase or a return. {nobody:.2f} of its sessions have no user, {programs.mean():.2f} of its events are "
        f"of accounts taken for programs, and {happened['return'] / happened['purchase']:.2f} of the purchases have come back. "
        f"What is learned from is the rest: {round(len(known), -2):,} pairs of {known['user'].nunique():,} customers and "
        f"{known['item'].nunique():,} products, of which {(known['rating'] >= RELEVANT).mean():.2f} are purchases that were "
        f"kept. Held out: {round(len(test), -2):,} such pairs."
    )
