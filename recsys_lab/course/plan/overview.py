"""The map of the course with your marks on it, and its phases on a calendar: what lesson 00 shows."""

from __future__ import annotations

from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING

from recsys_lab.course import progress
from recsys_lab.course.lessons import course_map, home
from recsys_lab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# A week of the course map is meant as this many hours of work: 36 weeks, 360 hours.
HOURS_A_WEEK = 10


def phases() -> pd.DataFrame:
    """The map of the course: columns phase, title, weeks, lessons (how many), open now (ids), solved (your exercises).

    A lesson is open as soon as its source is written. Nothing is solved where no progress is kept.

    >>> int(phases()["weeks"].sum())
    36
    """
    import pandas as pd  # here, because the command line imports this package at every start

    kept = {} if progress.path() is None else progress.read()["exercises"]
    solved = [id.rpartition(".")[0] for id, entry in kept.items() if entry["state"] == "correct"]
    rows = []
    for phase in course_map():
        ids = [e.id for e in phase.lessons]
        written = [e.id for e in phase.lessons if (home() / "curriculum" / e.file).exists()]
        done = sum(lesson in ids for lesson in solved)
        rows.append((phase.number, phase.title, phase.weeks, len(ids), ", ".join(written) or "-", done))
    return pd.DataFrame(rows, columns=["phase", "title", "weeks", "lessons", "open now", "solved"])


def calendar(hours_a_week: float, start: str | date) -> pd.DataFrame:
    """When each phase starts and ends: columns phase, title, hours, weeks, from, until.

    hours = 10 x the phase's weeks in the course map; weeks = hours / hours_a_week, rounded up to whole weeks.

    Parameters
    ----------
    hours_a_week : hours you can give, more than 0 and at most 60.
    start : the first day, a date or "2027-01-04".

    >>> calendar(10, "2027-01-04")["weeks"].tolist()
    [8, 10, 6, 8, 4]
    """
    import pandas as pd

    if not 0 < hours_a_week <= 60:
        raise DataError(f"hours_a_week={hours_a_week!r}: choose more than 0 and at most 60 hours.")
    try:
        day = date.fromisoformat(start) if isinstance(start, str) else start
    except ValueError:
        raise DataError(f'start={start!r} is not a date: write it as "2027-01-04".') from None
    rows = []
    for phase in course_map():
        if not phase.weeks:
            continue
        hours = phase.weeks * HOURS_A_WEEK
        weeks = ceil(hours / hours_a_week)
        end = day + timedelta(weeks=weeks, days=-1)
        rows.append((phase.number, phase.title, round(hours), weeks, day.isoformat(), end.isoformat()))
        day = end + timedelta(days=1)
    return pd.DataFrame(rows, columns=["phase", "title", "hours", "weeks", "from", "until"])
