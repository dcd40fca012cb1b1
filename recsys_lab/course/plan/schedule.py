"""Tasks into sittings. A plan is a list of parts: so many minutes of a task on a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from recsys_lab.course.plan.graph import Standing, Task, todo
from recsys_lab.course.plan.request import Request
from recsys_lab.errors import DataError

LEAST_PART = 25  # minutes; a shorter part of a task is planned only where it is the task's rest
LONGEST = timedelta(weeks=520)  # a plan that takes longer is none


class Part(NamedTuple):
    """Minutes of a task on a day; begin : minutes since the sitting's start; number : which part of the task, from 1."""

    day: date
    begin: int
    minutes: int
    task: str
    number: int


class Week(NamedTuple):
    """A week's sittings, day -> minutes, and the minutes of them that are planned; the rest is the buffer."""

    monday: date
    sittings: Mapping[date, int]
    usable: int


class Plan(NamedTuple):
    """tasks : what is left to do, in order. parts : when. until : the last sitting's day, None where nothing is left."""

    request: Request
    tasks: tuple[Task, ...]
    parts: tuple[Part, ...]

    @property
    def until(self) -> date | None:
        return self.parts[-1].day if self.parts else None

    def ends(self) -> dict[str, date]:
        """For each task the day on which it is done."""
        return {part.task: part.day for part in self.parts}


class Impossible(DataError):
    """The request cannot be planned. missing : minutes. offers : requests that can be, by what they change."""

    def __init__(self, message: str, missing: int, offers: Mapping[str, Request]):
        super().__init__(message)
        self.missing, self.offers = missing, offers


def make(
    request: Request,
    tasks: Mapping[str, Task],
    standing: Standing = Standing(),  # noqa: B008, which is immutable
    today: date | None = None,
    numbers: Mapping[str, int] | None = None,
) -> Plan:
    """The plan from the start, or from today where that is later. numbers : parts of a begun task that have been.

    Raises Impossible, with the nearest plans that work.
    """
    work = todo(tasks, request, standing)
    first = max(request.start, today or request.start)
    last = min(request.until or date.max, first + LONGEST)
    parts, missing = fill(work, request, first, last, numbers or {})
    if missing:
        from recsys_lab.course.plan import nearest  # it makes plans itself

        raise nearest.refusal(request, tasks, standing, first, missing)
    return Plan(request, tuple(work), tuple(parts))


def weeks(request: Request, first: date, last: date) -> Iterator[Week]:
    """The weeks from the first day to the last, Monday to Sunday, without the pauses and what lies outside."""
    usual = [(timedelta(days=offset), minutes) for offset, minutes in enumerate(request.days) if minutes]
    monday, week = first - timedelta(days=first.weekday()), timedelta(days=7)
    while monday <= last:
        away = [(a, b) for a, b in request.pauses if a < monday + week and b >= monday]
        sittings = {monday + offset: minutes for offset, minutes in usual if first <= monday + offset <= last}
        if away:
            sittings = {day: m for day, m in sittings.items() if not any(a <= day <= b for a, b in away)}
        yield Week(monday, sittings, sum(sittings.values()) * (100 - request.buffer) // 500 * 5)
        monday += week


def fill(
    work: Sequence[Task], request: Request, first: date, last: date, numbers: Mapping[str, int]
) -> tuple[list[Part], int]:
    """The parts, and the minutes that found no place. What is free of a week is free at its end."""
    parts: list[Part] = []
    queue = iter(work)
    task, left, number = _next(queue, numbers)
    for week in weeks(request, first, last):
        usable = week.usable
        for day, minutes in week.sittings.items():
            room = min(minutes, usable)
            begin = 0
            while task is not None and (left <= room or room >= LEAST_PART):
                given = min(left, room)
                parts.append(Part(day, begin, given, task.id, number))
                begin, room, usable = begin + given, room - given, usable - given
                left, number = left - given, number + 1
                if not left:
                    task, left, number = _next(queue, numbers)
        if task is None:
            return parts, 0
    return parts, left + sum(task.minutes for task in queue)


def _next(queue: Iterator[Task], numbers: Mapping[str, int]) -> tuple[Task | None, int, int]:
    task = next(queue, None)
    return (None, 0, 1) if task is None else (task, task.minutes, numbers.get(task.id, 0) + 1)
