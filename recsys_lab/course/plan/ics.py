"""A plan as an iCalendar file (RFC 5545), by the library icalendar, which folds its lines and ends them as it must.

Times are floating, without a zone: 19:00 is 19:00 wherever you are, before and after the clocks change. DTSTAMP is midnight
(UTC) of the day on which the plan was made, so that the same plan is the same bytes.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

from recsys_lab.course.plan.graph import Task
from recsys_lab.course.plan.kept import Kept
from recsys_lab.course.plan.schedule import Plan
from recsys_lab.errors import MissingExtraError

MIDNIGHT = 24 * 60


def calendar(plan: Plan, kept: Kept, before: Kept, today: date) -> bytes:
    """The plan's events, and as cancelled those that the plan `before` gave out for days to come and this one has not.

    kept : the memory that holds this plan. today : the day on which it is made.
    """
    try:
        from icalendar import Alarm, Calendar, Event
    except ImportError as error:
        raise MissingExtraError("a calendar needs icalendar: pip install 'recsys-lab[course]'.") from error
    stamp = datetime.combine(today, time(), UTC)
    whole = Calendar.new(prodid="-//RecSys Lab//Personal plan//EN", uid=kept.id)
    tasks = {task.id: task for task in plan.tasks}
    longest = {part.task: part.number for part in plan.parts}
    sitting: Counter[date] = Counter()
    for part in plan.parts:
        sitting[part.day] += part.minutes

    def event(id: str, number: int, start: datetime, **more: object) -> Event:
        made = Event()
        made.add("uid", f"{id}.part-{number}.{kept.id}@recsys-lab")
        made.add("dtstamp", stamp)
        made.add("sequence", kept.revision)
        made.add("dtstart", start)
        for name, value in more.items():
            made.add(name, value)
        whole.add_component(made)
        return made

    for part in plan.parts:
        # A long sitting that would run past midnight begins earlier.
        begin = min(plan.request.at, MIDNIGHT - sitting[part.day]) + part.begin
        start = datetime.combine(part.day, time()) + timedelta(minutes=begin)
        task = tasks[part.task]
        many = f" ({part.number} of {longest[part.task]})" if longest[part.task] > 1 else ""
        made = event(
            part.task,
            part.number,
            start,
            dtend=start + timedelta(minutes=part.minutes),
            summary=f"RecSys Lab: {name(task)}{many}",
            description=_description(task),
            categories=["RecSys Lab"],
            status="CONFIRMED",
        )
        if plan.request.alarm is not None and part.begin == 0:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("trigger", timedelta(minutes=-plan.request.alarm))
            alarm.add("description", name(task))
            made.add_component(alarm)
    for id, number, day in before.gone(plan, today):
        start = datetime.combine(day, time()) + timedelta(minutes=plan.request.at)
        event(id, number, start, summary=f"RecSys Lab: {id} (no longer planned)", status="CANCELLED")
    return whole.to_ical()


def name(task: Task) -> str:
    return f"{task.id} {task.title}" if task.kind == "lesson" else task.title


def _description(task: Task) -> str:
    if task.kind == "lesson":
        return f"{task.minutes} minutes in all. `make lab` opens {task.note}."
    return task.note or "Outside the course: the phase's guide says what to take from it."
