"""From a shop's log to who wants what: the steps of a customer towards a purchase, read as implicit feedback.

A log has a row for each event, with columns

    session    one visit; a return carries the session of the purchase that it undoes
    user       missing where nobody was logged in
    item, price
    event      view -> basket -> purchase, and perhaps, days later, return
    timestamp  seconds since 1970, UTC

Nobody rates. What a customer did says what they want, with a grain of salt: a view may be curiosity, a return says that
the purchase was a mistake, a program that reads every page wants nothing at all, and a visit without a user belongs to
nobody. `interactions` takes care of these in that order of trust, and reads only the rows that it is given: what is to be
known at a moment is the log before that moment, `events[events.timestamp < moment]`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from recsys_lab.checks import number
from recsys_lab.errors import DataError
from recsys_lab.ratings import require_columns
from recsys_lab.split import Split, temporal_split

EVENTS = ("view", "basket", "purchase", "return")
WEIGHTS = {"view": 1.0, "basket": 3.0, "purchase": 5.0}
MANY = 20  # views in one session from which its pace is judged
SECONDS = 5.0  # a person looks at a page for longer, in the median
_COLUMNS = {name: name for name in ("session", "user", "item", "event", "timestamp")}


def interactions(events: pd.DataFrame, weights: Mapping[str, float] = WEIGHTS) -> pd.DataFrame:
    """One row for each customer and product: columns user, item, rating, timestamp, sorted by user and item.

    rating is the weight of the furthest step that still stands, timestamp the moment at which it was first taken. So
    `Ratings.positives(threshold=5)` are the purchases that were kept, `threshold=3` the baskets too, and None takes every
    view for a choice. The implicit models look no further than that: on their side of the threshold all steps are one.

    Left out: sessions without a user, and users with a session that is `automated`. A return takes back the purchase and
    the basket of its session and product; the view stays.

    Parameters
    ----------
    events : a log; see the top of this file. Rows may have any order.
    weights : of the steps, above 0; a step that is not named is not counted: {"purchase": 1} takes purchases alone.

    Raises DataError for a missing column, an unknown event, or a weight that is not positive. O(n log n).

    >>> log = pd.DataFrame({"session": [1, 1, 1, 2], "user": ["ann"] * 4, "item": [7, 7, 8, 8],
    ...     "event": ["view", "basket", "view", "view"], "timestamp": [10, 15, 20, 900]})
    >>> interactions(log)[["user", "item", "rating", "timestamp"]].to_numpy().tolist()
    [['ann', 7, 3.0, 15], ['ann', 8, 1.0, 20]]
    """
    _check(events)
    steps = [event for event in EVENTS if event != "return"]
    if not weights or not set(weights) <= set(steps):
        raise DataError(f"weights={dict(weights)!r}: give one or more of {', '.join(steps)}; a return has none.")
    for step, weight in weights.items():
        number(f"weights[{step!r}]", weight, 0, "what the step says of the customer's wish", above=True)
    order = pd.MultiIndex.from_frame(events[["session", "item"]])
    returned = order.isin(order[events["event"] == "return"]) & (events["event"] != "view")
    left = events[~returned & events["user"].notna() & ~automated(events)]
    left = left.assign(rating=left["event"].map(weights)).dropna(subset="rating")
    left = left.sort_values(["rating", "timestamp"], ascending=[False, True], kind="stable")
    best = left.drop_duplicates(["user", "item"])[["user", "item", "rating", "timestamp"]]
    if pd.api.types.is_integer_dtype(best["user"]):
        best = best.astype({"user": "int64"})  # without the missing ones, plain numbers again
    return best.sort_values(["user", "item"], ignore_index=True)


def automated(events: pd.DataFrame) -> np.ndarray:
    """Which rows are a program's: a bool for each.

    The rule: a session of MANY views or more, with less than SECONDS between one and the next in the median; and whatever
    else was done under the same account. It is judged by the rows that are given, so a crawl that has only begun may pass.
    """
    _check(events)
    views = events.loc[events["event"] == "view", ["session", "timestamp"]].sort_values(["session", "timestamp"])
    views = views[views.groupby("session")["timestamp"].transform("size") >= MANY]
    gaps = views.groupby("session")["timestamp"].diff().groupby(views["session"]).median()
    fast = events["session"].isin(gaps.index[gaps < SECONDS])
    accounts = events.loc[fast, "user"].dropna().unique()
    return (fast | events["user"].isin(accounts)).to_numpy(bool)


def cut(events: pd.DataFrame, test: float = 0.2, weights: Mapping[str, float] = WEIGHTS) -> Split:
    """(train, test): the interactions before one moment, and those from then on with products that are new to the customer.

    The log is cut first, and each part read by itself: cutting finished interactions by their time would tell the past
    which purchases are returned later, and which views end in a purchase. `test` is the share of the log's rows that is
    held out, as in `split.temporal_split`. Pairs of the training part are left out of the test part, since a list does
    not repeat them: with weights={"purchase": 1} these are products bought before, else all that were looked at.
    """
    before, after = temporal_split(events, test)
    train, later = interactions(before, weights), interactions(after, weights)
    known = pd.MultiIndex.from_frame(train[["user", "item"]])
    new = ~pd.MultiIndex.from_frame(later[["user", "item"]]).isin(known)
    return train, later[new].reset_index(drop=True)


def _check(events: pd.DataFrame) -> None:
    require_columns(events, **_COLUMNS)
    unknown = set(events["event"].unique()) - set(EVENTS)
    if unknown:
        raise DataError(f"event {min(map(repr, unknown))} is none of {', '.join(EVENTS)}: rename or drop these rows.")
