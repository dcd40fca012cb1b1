"""A plan's choices as text: an option of the command, an answer in the terminal, and plan.json are read by one parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from recsys_lab.course.plan.request import BACKGROUNDS, DAYS, GOALS, OUTSIDE, Request, share, spread
from recsys_lab.errors import DataError


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


def _phases_text(phases: Sequence[int]) -> str:
    row = len(phases) > 1 and phases[-1] - phases[0] == len(phases) - 1
    return f"{phases[0]}-{phases[-1]}" if row else ",".join(map(str, phases))


def _pauses(text: str) -> tuple[tuple[date, date], ...]:
    parts = [part.split(":") for part in text.split(",") if part.strip()]
    if any(len(part) > 2 for part in parts):
        raise DataError(f"pause: {text!r}: write FIRST:LAST, such as 2027-07-01:2027-07-14.")
    return tuple(sorted((day(part[0], "pause"), day(part[-1], "pause")) for part in parts))


def _ids(text: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in text.split(",") if part.strip()}))


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
    "pauses": lambda text: _none(_pauses)(text) or (),
    "at": _clock,
    "alarm": _none(_whole("alarm", 0, 1440)),
    "done": lambda text: _none(_ids)(text) or (),
}


def from_texts(texts: Mapping[str, str]) -> Request:
    """A request from its texts, by name of its fields; raises DataError that names what is wrong."""
    return Request(**{name: PARSERS[name](text) for name, text in texts.items()})


def choose(given: Mapping[str, str], before: Request | None = None) -> Request:
    """A request from options, on top of an earlier one if there is one: pauses and tasks done add to the earlier ones.

    `hours` is no field: alone it is shared over the days there were, or over the usual ones.

    >>> choose({"start": "2027-01-04", "hours": "3", "days": "mon,sun"}).days
    (90, 0, 0, 0, 0, 0, 90)
    """
    texts = {name: text for name, text in given.items() if name != "hours"}
    hours = given.get("hours")
    if "days" in given:
        whole = hours or (f"{before.hours:g}" if before and ":" not in given["days"] else None)
        texts["days"] = _days_text(parse_days(given["days"], whole))
    elif hours:
        wanted = number("hours", hours)
        texts["days"] = _days_text(before.with_hours(wanted).days if before else spread(wanted))
    if before is None:
        return from_texts(texts)
    old = to_texts(before)
    for name in {"pauses", "done"} & texts.keys():
        texts[name] = texts[name] if _none(str)(texts[name]) is None else f"{old[name]},{texts[name]}".strip(",")
    return from_texts(old | texts)


def _days_text(days: Sequence[int]) -> str:
    return ",".join(f"{name}:{minutes / 60:g}" for name, minutes in zip(DAYS, days) if minutes)


def to_texts(request: Request) -> dict[str, str]:
    """The other way: what `from_texts` turns into the same request."""
    special = {
        "days": _days_text(request.days),
        "phases": _phases_text(request.phases),
        "pauses": ",".join(f"{first}:{last}" for first, last in request.pauses),
        "at": f"{request.at // 60:02}:{request.at % 60:02}",
        "done": ",".join(request.done),
    }
    plain = {f.name: str(getattr(request, f.name)).replace("None", "none") for f in fields(request)}
    return plain | special


def command(request: Request) -> dict[str, str]:
    """The options of the command that make this plan, without those that are what they are anyway.

    >>> command(Request(date(2027, 1, 4), spread(10), outside="core"))
    {'start': '2027-01-04', 'hours': '10', 'outside': 'core'}
    """
    texts = to_texts(request)
    usual = to_texts(Request(request.start, request.days))
    changed = {name: text for name, text in texts.items() if name in ("start", "days") or text != usual[name]}
    if request.usual:
        changed = {
            ("hours" if k == "days" else k): (f"{request.hours:g}" if k == "days" else v) for k, v in changed.items()
        }
    return {("pause" if name == "pauses" else name): text for name, text in changed.items()}
