"""What is asked of a plan, as text and as values: a flag, an answer in the terminal and plan.json are read by one parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, NamedTuple

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
            raise DataError(f"goal: {self.goal} needs phase 4, which --phases leaves out: add it, or choose --goal course.")
        if any(last < first for first, last in self.pauses):
            raise DataError("pause: one ends before it begins: write it as FIRST:LAST, such as 2027-07-01:2027-07-14.")

    @property
    def hours(self) -> float:
        return sum(self.days) / 60

    def with_hours(self, hours: float) -> Request:
        """The same days of the week, and longer or shorter ones. A usual week stays a usual week."""
        usual = self.days == spread(self.hours)
        return replace(self, days=spread(hours) if usual else share(hours, self.days))


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


# ------------------------------------------------------------------ text to values, and back
def parse_days(text: str, hours: str | None = None) -> tuple[int, ...]:
    """ "mon:2,sat:4" with hours for each day, or "mon,wed,sat" over which the hours a week are spread.

    >>> parse_days("tue, thu", "3") == parse_days("tue:1.5,thu:1.5")
    True
    """
    minutes: dict[str, float] = {}
    for part in text.lower().split(","):
        day, _, amount = part.strip().partition(":")
        if day[:3] not in DAYS or day[:3] in minutes:
            raise DataError(f"days: {part.strip()!r}: write each day once, as in mon:2,wed:2,sat:4.")
        minutes[day[:3]] = number("days", amount) * 60 if amount else 0
    if all(minutes.values()):
        days = tuple(round(minutes.get(day, 0)) for day in DAYS)
        if any(m != int(m) for m in minutes.values()) or (hours and number("hours", hours) * 60 != sum(days)):
            raise DataError(f"days: {text!r} do not add up to whole minutes, or not to --hours: give one of the two.")
        return days
    if any(minutes.values()) or not hours:
        raise DataError(f"days: {text!r}: give hours for each day (mon:2,sat:4), or days alone with --hours.")
    return share(number("hours", hours), [int(day in minutes) for day in DAYS])


def number(name: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,2})?", text.strip()):
        raise DataError(f"{name}: {text.strip()!r} is not a number such as 10 or 7.5.")
    return float(text)


def day(text: str, name: str = "date") -> date:
    """A day from 2000 to 2200, as 2027-01-04."""
    if re.fullmatch(r"2[01]\d\d-\d\d-\d\d", text.strip()):
        try:
            return date.fromisoformat(text.strip())
        except ValueError:
            pass
    raise DataError(f'{name}: {text.strip()!r} is not a date: write it as "2027-01-04".')


def _whole(name: str, low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = number(name, text)
        if value != int(value) or not low <= value <= high:
            raise DataError(f"{name}: {text.strip()!r}: give a whole number from {low} to {high}.")
        return int(value)

    return parse


def _choice(name: str, known: Mapping[str, Any]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip().lower() not in known:
            raise DataError(f"{name}: {text.strip()!r} is none of {', '.join(known)}.")
        return text.strip().lower()

    return parse


def _phases(text: str) -> tuple[int, ...]:
    chosen: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*([1-5])(?:-([1-5]))?\s*", part)
        if not found or (found[2] and found[2] < found[1]):
            raise DataError(f"phases: {part.strip()!r}: write 1-2, or 3, or 1,2,4; there are five.")
        chosen |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
    return tuple(sorted(chosen))


def _pauses(text: str) -> tuple[tuple[date, date], ...]:
    parts = [part.split(":") for part in text.split(",") if part.strip()]
    if any(len(part) > 2 for part in parts):
        raise DataError(f"pause: {text!r}: write FIRST:LAST, such as 2027-07-01:2027-07-14.")
    return tuple(sorted((day(part[0], "pause"), day(part[-1], "pause")) for part in parts))


def _clock(text: str) -> int:
    found = re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise DataError(f"at: {text.strip()!r} is not a time of day such as 19:00.")
    return int(found[1]) * 60 + int(found[2])


def _none(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text.strip().lower() in ("", "none") else parse(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    "start": lambda text: day(text, "start"),
    "days": parse_days,
    "background": _choice("background", BACKGROUNDS),
    "goal": _choice("goal", GOALS),
    "phases": _phases,
    "outside": _choice("outside", OUTSIDE),
    "buffer": _whole("buffer", 0, 50),
    "until": _none(lambda text: day(text, "until")),
    "pauses": lambda text: _pauses("" if text.strip().lower() == "none" else text),
    "at": _clock,
    "alarm": _none(_whole("alarm", 0, 1440)),
    "done": lambda text: tuple(sorted({part.strip() for part in text.split(",") if part.strip()})),
}


def from_texts(texts: Mapping[str, str]) -> Request:
    """A request from its texts, by name of its fields; raises DataError that names what is wrong."""
    return Request(**{name: PARSERS[name](text) for name, text in texts.items()})


def to_texts(request: Request) -> dict[str, str]:
    """The other way: what `from_texts` turns into the same request."""
    hours = {name: f"{minutes / 60:g}" for name, minutes in zip(DAYS, request.days) if minutes}
    special = {
        "days": ",".join(f"{name}:{amount}" for name, amount in hours.items()),
        "phases": ",".join(map(str, request.phases)),
        "pauses": ",".join(f"{first}:{last}" for first, last in request.pauses),
        "at": f"{request.at // 60:02}:{request.at % 60:02}",
        "done": ",".join(request.done),
    }
    plain = {f.name: str(getattr(request, f.name)).replace("None", "none") for f in fields(request)}
    return plain | special


def options(request: Request) -> dict[str, str]:
    """The options of the command that make this plan, without those that are what they are anyway.

    >>> options(Request(date(2027, 1, 4), spread(10), outside="core"))
    {'start': '2027-01-04', 'hours': '10', 'outside': 'core'}
    """
    texts = to_texts(request)
    usual = to_texts(Request(request.start, request.days))
    changed = {name: text for name, text in texts.items() if name in ("start", "days") or text != usual[name]}
    if request.days == spread(request.hours):
        changed = {("hours" if k == "days" else k): (f"{request.hours:g}" if k == "days" else v) for k, v in changed.items()}
    return {("pause" if name == "pauses" else name): text for name, text in changed.items()}
