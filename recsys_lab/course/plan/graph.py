"""What there is to do, and what it builds on: lessons from their front matter, the rest from the phase guides.

A guide's weeks are tables of day, hours, lesson, what. A lesson's minutes are those of its front matter; each outside row is
a task of its own; the rows of a project or a quiz add up to one. A lesson that is not written yet is not in the plan.
"""

from __future__ import annotations

import difflib
import heapq
import re
from collections.abc import Collection, Iterable, Mapping
from math import ceil
from typing import NamedTuple

from recsys_lab.course import lessons
from recsys_lab.course.lessons import Phase
from recsys_lab.course.plan.request import BACKGROUNDS, Request
from recsys_lab.errors import UnknownIdError

SKIP_MINUTES = 15  # a lesson that the diagnostic lets you skip: its quiz is the proof
PACE = {"skim": 0.5, "do": 1.0}
# What leads to a repository that you can show; with phase 5, what leads to an application.
PORTFOLIO = ("project-4", "4.7")
BEFORE = "before-1.1"  # what a background brings along: a course of 300 minutes
BEFORE_MINUTES = 300


class Task(NamedTuple):
    """One thing to do. kind : "lesson", "outside", or the guide's own word ("project"). needs : ids of tasks before it."""

    id: str
    kind: str
    phase: int
    title: str
    minutes: int
    needs: tuple[str, ...] = ()
    optional: bool = False
    note: str = ""


class Standing(NamedTuple):
    """Where the learner is. left : for a lesson that is begun, the share still to do. verdicts : the diagnostic's."""

    done: frozenset[str] = frozenset()
    left: Mapping[str, float] = {}
    verdicts: Mapping[str, str] = {}


class Row(NamedTuple):
    minutes: int
    what: str
    text: str


def course() -> dict[str, Task]:
    """Every task by id, in the order in which the course takes them."""
    written = lessons.all_lessons()
    tasks: dict[str, Task] = {}
    for phase in lessons.course_map():
        rows = _rows(phase)
        last = {row.what: number for number, row in enumerate(rows)}
        ids = [entry.id for entry in phase.lessons if entry.id in written]
        for number, (minutes, what, text) in enumerate(rows):
            before = tuple(id for id in ids if last.get(id, number) < number)
            if what in ids:
                tasks.setdefault(what, _lesson(written[what]))
            elif what == "outside":
                id = f"reading-{phase.number}.{sum(row.what == what for row in rows[: number + 1])}"
                star, title = text.startswith(r"\*"), text.removeprefix(r"\*").strip()
                tasks[id] = Task(id, what, phase.number, title, minutes, before[-1:], star)
            elif what not in lessons.entries():
                id = what if what == "diagnostic" else f"{what}-{phase.number}"
                title = "The diagnostic" if what == "diagnostic" else f"{what.capitalize()} of phase {phase.number}"
                known = tasks.get(id, Task(id, what, phase.number, title, 0, before or ("00",), note=text))
                tasks[id] = known._replace(minutes=known.minutes + minutes)
        for id in ids:  # a phase whose guide is not written yet
            tasks.setdefault(id, _lesson(written[id]))
    return tasks


def _rows(phase: Phase) -> list[Row]:
    guide = lessons.home() / "curriculum" / phase.folder / "README.md"
    if not phase.folder or not guide.exists():
        return []
    line = r"^\| *(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day *\| *([\d.]+) *\| *([\w.]+) *\| *(.*?) *\|$"
    found = re.findall(line, guide.read_text(encoding="utf-8"), re.MULTILINE)
    return [Row(round(float(hours) * 60), what, text) for hours, what, text in found]


def _lesson(lesson: lessons.Lesson) -> Task:
    return Task(
        lesson.id, "lesson", lesson.phase, lesson.title, lesson.minutes, lesson.prerequisites, note=lesson.notebook
    )


def known(ids: Iterable[str], tasks: Mapping[str, Task]) -> None:
    """Raises UnknownIdError for an id that is no task."""
    for id in ids:
        if id not in tasks:
            near = difflib.get_close_matches(id, tasks, 3, 0.5)
            advice = (
                f"did you mean {', '.join(near)}?"
                if near
                else "use a lesson's id, or one of your plan, such as quiz-1."
            )
            raise UnknownIdError(f"done: {id!r} is no task of the course: {advice}")


# ------------------------------------------------------------------ one learner's share of it
def todo(tasks: Mapping[str, Task], request: Request, standing: Standing) -> list[Task]:
    """What is left for this learner: in an order that respects what builds on what, with this learner's minutes."""
    known(request.done, tasks)
    done = standing.done | set(request.done)
    chosen = {
        task.id
        for task in tasks.values()
        if task.phase in request.phases
        and task.id not in done
        and not (
            task.kind == "outside" and (request.outside == "none" or (request.outside == "core" and task.optional))
        )
    }
    chosen = closure(chosen, tasks, done)
    pace, left = BACKGROUNDS[request.background].pace, {}
    for id, task in tasks.items():
        if id in chosen:
            minutes, needs = _minutes(task, pace, standing), tuple([n for n in task.needs if n in chosen])
            same = minutes == task.minutes and needs == task.needs
            left[id] = task if same else task._replace(minutes=minutes, needs=needs)
    first = BACKGROUNDS[request.background].first
    if first and "1.1" in left and "1.1" not in standing.left and BEFORE not in done:
        left = {BEFORE: Task(BEFORE, "preparation", 1, first, BEFORE_MINUTES), **left}
        left["1.1"] = left["1.1"]._replace(needs=(*left["1.1"].needs, BEFORE))
    return _in_order(left, closure(_goals(request, left), left, done))


def closure(ids: Iterable[str], tasks: Mapping[str, Task], done: Collection[str]) -> set[str]:
    """The tasks, and all that they build on which is not done."""
    found: set[str] = set()
    waiting = [id for id in ids if id in tasks]
    while waiting:
        id = waiting.pop()
        if id not in found:
            found.add(id)
            waiting += [n for n in tasks[id].needs if n in tasks and n not in done]
    return found


def _goals(request: Request, tasks: Mapping[str, Task]) -> set[str]:
    if request.goal == "course":
        return set()
    career = {id for id, task in tasks.items() if task.phase == 5 and task.kind == "lesson"}
    return {*PORTFOLIO, *(career if request.goal == "job" else ())}


def _minutes(task: Task, pace: Mapping[str, float], standing: Standing) -> int:
    verdict = standing.verdicts.get(task.id)
    if verdict == "skip":
        return SKIP_MINUTES
    share = (PACE[verdict] if verdict else pace.get(task.id, 1.0)) * standing.left.get(task.id, 1.0)
    return max(5, ceil(task.minutes * share / 5) * 5)


def _in_order(tasks: Mapping[str, Task], first: Collection[str]) -> list[Task]:
    """Kahn's algorithm: of the tasks that are ready, the first goal's come first, then the order of the course."""
    place = {id: (id not in first, number, id) for number, id in enumerate(tasks)}
    missing = {id: len(task.needs) for id, task in tasks.items()}
    leads: dict[str, list[str]] = {id: [] for id in tasks}
    for id, task in tasks.items():
        for needed in task.needs:
            leads[needed].append(id)
    ready = [place[id] for id, count in missing.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        *_, id = heapq.heappop(ready)
        order.append(tasks[id])
        for follower in leads[id]:
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready, place[follower])
    return order
