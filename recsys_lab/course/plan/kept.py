"""The plan's own memory, plan.json: the choices, how often it was made, and the day of every event that was given out.

The last two are for calendars: an event keeps its UID from plan to plan, so a second import moves it instead of adding one.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from pathlib import Path

from recsys_lab.course.plan.graph import Standing
from recsys_lab.course.plan.options import PARSERS, day, from_texts, to_texts
from recsys_lab.course.plan.request import Request
from recsys_lab.course.plan.schedule import Plan
from recsys_lab.errors import DataError

VERSION = 1


@dataclass(frozen=True)
class Kept:
    """given : task -> the days of its parts, the first part first, as the last plan that had them gave them out."""

    id: str
    revision: int
    request: Request
    given: Mapping[str, tuple[date, ...]] = field(default_factory=dict)

    def numbers(self, standing: Standing, today: date) -> dict[str, int]:
        """For each begun task, how many of its parts have been. One that was missed begins again with its first."""
        return {id: len(list(takewhile(lambda d: d < today, self.given.get(id, ())))) for id in standing.left}

    def next(self, plan: Plan) -> Kept:
        """The memory after a new plan. Events that it does not have keep the day on which they were."""
        days = {id: dict(enumerate(given, 1)) for id, given in self.given.items()}
        for part in plan.parts:
            days.setdefault(part.task, {})[part.number] = part.day
        given = {id: tuple(numbered[n] for n in sorted(numbered)) for id, numbered in days.items()}
        return Kept(self.id, self.revision + 1, plan.request, given)

    def gone(self, plan: Plan, today: date) -> list[tuple[str, int, date]]:
        """(task, part, day) of events from today on that were given out and are not in the plan any more."""
        there = {(part.task, part.number) for part in plan.parts}
        events = [(id, n, day) for id, days in self.given.items() for n, day in enumerate(days, 1)]
        return [event for event in events if event[2] >= today and event[:2] not in there]


def first(request: Request) -> Kept:
    """Before the first plan. The id is drawn, so that two people's plans in one calendar stay two."""
    return Kept(str(uuid.uuid4()), 0, request)


def dumps(kept: Kept) -> str:
    given = {id: [str(d) for d in days] for id, days in kept.given.items()}
    content = {"version": VERSION, "id": kept.id, "revision": kept.revision, "request": to_texts(kept.request)}
    return json.dumps(content | {"given": given}, indent=1) + "\n"


def read(file: Path) -> Kept:
    """Raises DataError for a file that is damaged, of another version, or changed by hand into something that cannot be."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if set(content) != {"version", "id", "revision", "request", "given"} or content["version"] != VERSION:
            raise ValueError(f"it is not of version {VERSION}")
        id, revision, given = str(uuid.UUID(content["id"])), content["revision"], content["given"]
        if type(revision) is not int or revision < 1 or set(content["request"]) != set(PARSERS):
            raise ValueError("a field is missing, unknown, or no number")
        if not all(re.fullmatch(r"[a-z]*-?\d[\d.]*|00|diagnostic", task) and days for task, days in given.items()):
            raise ValueError("an event belongs to no task")
        days = {task: tuple(day(text) for text in texts) for task, texts in given.items()}
        return Kept(id, revision, from_texts(content["request"]), days)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # DataError is a ValueError
        raise DataError(f"{file} is damaged ({error}): move it away, and make the plan anew.") from error
