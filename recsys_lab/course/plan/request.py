"""What is asked of a plan. options.py reads it from text, and writes it as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from recsys_lab.errors import DataError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The guides' five sittings, the most welcome day first: a week of few hours has few days, not many short ones.
USUAL_DAYS = (5, 1, 3, 0, 2, 6)
GOALS = {
    "course": "everything, in the order of the course",
    "portfolio": "first what the portfolio (lesson 4.7, the capstone) builds on, then the rest",
    "job": "first what the portfolio and phase 5 build on, so that you can apply, then the rest; needs --until",
}
OUTSIDE = {
    "all": "the guides' outside hours (courses, documentation, papers) are in",
    "core": "those that the guides mark with a star are left out",
    "none": "all of them are left out",
}
MOST_A_DAY, LEAST_A_DAY = 12 * 60, 30


class Background(NamedTuple):
    """pace : lesson -> the share of its minutes that you are given; 0.5 is: skim. first : a task before lesson 1.1."""

    about: str
    pace: Mapping[str, float] = {}
    first: str = ""


# The lessons' minutes are a backend developer's. The other shares are this course's own judgement, not measured.
BACKGROUNDS = {
    "backend": Background("you ship services in Python; the lessons' minutes are meant for you, and nothing changes"),
    "other-language": Background(
        "you ship services, but not in Python: Kaggle's Python course (300 minutes) comes before lesson 1.1",
        first="Kaggle's Python course",
    ),
    "data": Background(
        "you work with tables and models: 1.1, 1.2, 1.3 and 3.2 are skimmed (half the minutes); services are new to you, "
        "so 3.1, 3.4 and 3.8 get half as much again",
        {"1.1": 0.5, "1.2": 0.5, "1.3": 0.5, "3.2": 0.5, "3.1": 1.5, "3.4": 1.5, "3.8": 1.5},
    ),
    "student": Background(
        "you know some Python and mathematics, and have run no service: 1.2 is skimmed (half the minutes); 3.1, 3.2, 3.4 "
        "and 3.8 get half as much again",
        {"1.2": 0.5, "3.1": 1.5, "3.2": 1.5, "3.4": 1.5, "3.8": 1.5},
    ),
}


@dataclass(frozen=True)
class Request:
    """A plan's choices. Raises DataError where they contradict each other.

    days : minutes for each day of the week, Monday first, in quarter hours. buffer : percent of each week that stay free.
    until : the last day, or None. pauses : (first, last) days without a sitting. at : minute of the day at which a sitting
    begins. alarm : minutes before it, or None. done : tasks that you have done elsewhere.
    """

    start: date
    days: tuple[int, ...]
    background: str = "backend"
    goal: str = "course"
    phases: tuple[int, ...] = (1, 2, 3, 4, 5)
    outside: str = "all"
    buffer: int = 15
    until: date | None = None
    pauses: tuple[tuple[date, date], ...] = ()
    at: int = 19 * 60
    alarm: int | None = None
    done: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for minutes in self.days:
            if minutes % 15 or not (minutes == 0 or LEAST_A_DAY <= minutes <= MOST_A_DAY):
                raise DataError(f"days: {minutes / 60:g} hours on one day: give 0.5 to 12, in quarter hours.")
        if not 60 <= sum(self.days) <= 60 * 60:
            raise DataError(f"days: they add up to {self.hours:g} hours a week: give 1 to 60.")
        if self.until is not None and self.until < self.start:
            raise DataError(f"until: {self.until} is before the start, {self.start}: choose a later day.")
        if self.goal == "job" and self.until is None:
            raise DataError("goal: a job needs a day to be ready by: add --until DATE.")
        if self.goal != "course" and 4 not in self.phases:
            raise DataError(
                f"goal: {self.goal} needs phase 4, which --phases leaves out: add it, or choose --goal course."
            )
        if any(last < first for first, last in self.pauses):
            raise DataError("pause: one ends before it begins: write it as FIRST:LAST, such as 2027-07-01:2027-07-14.")

    @property
    def hours(self) -> float:
        return sum(self.days) / 60

    @property
    def usual(self) -> bool:
        """Are the days those that `spread` would choose?"""
        return self.days == spread(self.hours)

    def with_hours(self, hours: float) -> Request:
        """The same days of the week, and longer or shorter ones. A usual week stays a usual week."""
        return replace(self, days=spread(hours) if self.usual else share(hours, self.days))


def spread(hours: float) -> tuple[int, ...]:
    """Hours over a usual week: the guides' five days from 7.5 hours on, fewer days for less, six from 40 on.

    >>> spread(3)
    (0, 90, 0, 0, 0, 90, 0)
    >>> spread(10)
    (120, 120, 120, 120, 0, 120, 0)
    """
    count = 6 if hours > 40 else min(5, max(1, int(hours / 1.5)))
    return share(hours, [int(day in USUAL_DAYS[:count]) for day in range(7)])


def share(hours: float, weights: Sequence[int]) -> tuple[int, ...]:
    """Hours over days by weight, in quarter hours that add up: what rounding leaves over goes to the largest rests."""
    if not 1 <= hours <= 60 or hours * 4 != int(hours * 4):
        raise DataError(f"hours: {hours:g}: give 1 to 60 hours a week, in quarter hours.")
    quarters, whole = int(hours * 4), sum(weights)
    parts = [quarters * weight // whole for weight in weights]
    rests = sorted(range(len(weights)), key=lambda day: (-(quarters * weights[day] % whole), day))
    for day in rests[: quarters - sum(parts)]:
        parts[day] += 1
    return tuple(15 * part for part in parts)
