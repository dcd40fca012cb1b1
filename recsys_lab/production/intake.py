"""What was known at a moment: the ratings of a data set, and the clicks of the service's log.

A click counts as four stars, and only where no rating is known: people say more with a rating. Clicks depend on what was
shown, so judging by them favours the model that showed it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from recsys_lab import datasets
from recsys_lab.errors import DataError, MissingDataError
from recsys_lab.production.runs import DAY
from recsys_lab.production.validation import COLUMNS

LIKED = 4.0  # stars: what a click counts as, and from where on an item of a holdout is one to be found


def known(data: str, events: Path | None, until: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """All rows before `until`, seconds since 1970, in the order of time (columns COLUMNS); and how many of which kind.

    data : a data set with timestamps. events : the SQLite file that recsys_lab.serve.EventLog writes.
    """
    ratings = datasets.load(data).ratings
    if "timestamp" not in ratings:
        raise DataError(f"data={data!r} has no timestamps: nobody can say what was known at a moment.")
    ratings = ratings[ratings["timestamp"] < until].assign(source="rating")
    clicks, by_guests = _clicks(events, until)
    rows = pd.concat([ratings, clicks], ignore_index=True)[COLUMNS]
    counts = {"ratings": len(ratings), "clicks": len(clicks), "clicks of guests": by_guests}
    return rows.sort_values(["timestamp", "user", "item", "source"], ignore_index=True), counts


def latest(data: str, events: Path | None) -> datetime:
    """The midnight after the newest row: the moment of a run over data that no longer grow."""
    rows, _ = known(data, events, 2**53)
    return datetime.fromtimestamp((int(rows["timestamp"].max()) // DAY + 1) * DAY, UTC)


def _clicks(events: Path | None, until: int) -> tuple[pd.DataFrame, int]:
    """The first click on each (user, item), as rows; and how many others were by guests.

    Ids in the log are JSON. MovieLens counts its users, so a user whose id is text is a guest, unknown to the data.
    """
    found: list[tuple[str, str, float]] = []
    if events is not None:
        if not events.is_file():
            raise MissingDataError(f"events={str(events)!r}: there is no such file.")
        asked = "SELECT user, item, min(at) FROM events WHERE kind = 'click' AND at < ? GROUP BY user, item"
        with closing(sqlite3.connect(f"{events.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as log:
            found = log.execute(asked, [until]).fetchall()
    rows = [(json.loads(user), json.loads(item), int(at)) for user, item, at in found]
    of_users = [row for row in rows if isinstance(row[0], int)]
    clicks = pd.DataFrame(of_users, columns=["user", "item", "timestamp"]).assign(rating=LIKED, source="click")
    return clicks.astype({"user": "int64", "timestamp": "int64"}), len(rows) - len(of_users)
