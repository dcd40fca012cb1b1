"""A plan as Markdown: what was asked for, where it ends, the first steps, and every week."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from recsys_lab.course.plan.graph import PORTFOLIO, Standing, Task
from recsys_lab.course.plan.ics import name
from recsys_lab.course.plan.milestones import MILESTONES
from recsys_lab.course.plan.options import command
from recsys_lab.course.plan.request import BACKGROUNDS, DAYS, GOALS, OUTSIDE
from recsys_lab.course.plan.schedule import Part, Plan, weeks


def markdown(plan: Plan, standing: Standing, first: date) -> str:
    """The plan as a page. first : the day from which it plans."""
    lines = ["# Your plan", "", *summary(plan), "", "## What was asked for", "", *_asked(plan, standing), ""]
    lines += ["## The first steps", "", *_milestones(plan, standing, first), "", "## By phase", "", *_phases(plan), ""]
    return "\n".join([*lines, "## Week by week", "", *_weeks(plan, first)]).rstrip() + "\n"


def summary(plan: Plan) -> Iterator[str]:
    if plan.until is None:
        yield "Nothing is left to do: all that this plan asks for is done."
        return
    minutes = sum(part.minutes for part in plan.parts)
    count = len({part.day for part in plan.parts})
    yield (
        f"**{hours(minutes)} hours in {count} sittings, from {plan.parts[0].day} to {plan.until}.** Of each week's hours "
        f"{plan.request.buffer} % stay free, at its end: for what takes longer, and for life."
    )
    ends = plan.ends()
    if plan.request.goal != "course" and (shown := [ends[id] for id in PORTFOLIO if id in ends]):
        yield f"\nYour portfolio can be shown from {max(shown)} on."
    career = [ends[task.id] for task in plan.tasks if task.phase == 5 and task.kind == "lesson"]
    if plan.request.goal == "job" and career:
        yield f"\nYou can apply from {max([*career, *(ends[id] for id in PORTFOLIO if id in ends)])} on."
    if plan.request.until:
        yield f"\nThe last day that you gave is {plan.request.until}: {(plan.request.until - plan.until).days} days are left."
    yield "\n`recsys-lab plan --again` makes it anew from what you have done: what is done stays, the rest moves."


def _asked(plan: Plan, standing: Standing) -> Iterator[str]:
    request = plan.request
    days = ", ".join(f"{day.capitalize()} {hours(m)}" for day, m in zip(DAYS, request.days) if m)
    pauses = "; ".join(f"{a} to {b}" if a != b else f"{a}" for a, b in request.pauses) or "none"
    verdicts = Counter(standing.verdicts.values())
    told = ", ".join(f"{verdicts[v]} {v}" for v in ("skip", "skim", "do")) if verdicts else ""
    table = [
        ("hours a week", f"{request.hours:g} ({days})"),
        ("background", f"{request.background}: {BACKGROUNDS[request.background].about}"),
        ("goal", f"{request.goal}: {GOALS[request.goal]}"),
        ("phases", ", ".join(map(str, request.phases))),
        ("outside hours", f"{request.outside}: {OUTSIDE[request.outside]}"),
        ("pauses", pauses),
        (
            "the diagnostic",
            f"{told} (a lesson to skip gets the minutes of its quiz, one to skim half of its own)"
            if told
            else "not answered to its end: `recsys-lab diagnostic` may save you hours; then `recsys-lab plan --again`",
        ),
    ]
    yield from ["| choice | yours |", "|---|---|", *(f"| {what} | {value} |" for what, value in table)]
    pulled = sorted({t.id for t in plan.tasks if t.phase not in request.phases and t.id != "00"})
    if pulled:
        yield f"\nAlso in the plan, since your phases build on them: {', '.join(pulled)}."
    if standing.done:
        yield f"\nDone already: {', '.join(sorted(standing.done | set(request.done)))}."
    made = " ".join(f"--{key} {value}" for key, value in command(request).items())
    yield f"\nThe same plan again: `recsys-lab plan {made}`"


def _milestones(plan: Plan, standing: Standing, first: date) -> Iterator[str]:
    ends, done = plan.ends(), standing.done | set(plan.request.done)
    yield from ["| when | the roadmap says | the same here, for free | in your plan |", "|---|---|---|---|"]
    for stone in MILESTONES:
        open_ = [id for id in stone.tasks if id in ends]
        if not stone.tasks:
            when = "any evening"
        elif not open_:
            when = "done" if done.issuperset(stone.tasks) else "not in it"
        else:
            end, limit = max(ends[id] for id in open_), first + timedelta(days=stone.days - 1)
            when = f"by {end}" + ("" if end <= limit else f", {-(-(end - limit).days // 7)} weeks later than that")
        yield f"| {stone.span} | {stone.asked} | {stone.here} | {when} |"


def _phases(plan: Plan) -> Iterator[str]:
    minutes: Counter[int] = Counter()
    days: dict[int, list[date]] = defaultdict(list)
    tasks = {task.id: task for task in plan.tasks}
    for part in plan.parts:
        minutes[tasks[part.task].phase] += part.minutes
        days[tasks[part.task].phase].append(part.day)
    yield from ["| phase | hours | first sitting | last sitting |", "|---|---|---|---|"]
    yield from (f"| {n} | {hours(minutes[n])} | {min(days[n])} | {max(days[n])} |" for n in sorted(days))


def _weeks(plan: Plan, first: date) -> Iterator[str]:
    if plan.until is None:
        return
    tasks = {task.id: task for task in plan.tasks}
    ends, by_day = plan.ends(), defaultdict(list)
    for part in plan.parts:
        by_day[part.day].append(part)
    for number, week in enumerate(weeks(plan.request, first, plan.until + timedelta(days=6 - plan.until.weekday())), 1):
        planned = sum(part.minutes for day in week.sittings for part in by_day[day])
        yield f"### Week {number}, from {max(week.monday, first)}"
        there = sum(week.sittings.values())
        yield f"\n{hours(planned)} of {hours(there)} hours.\n" if there else "\nA pause.\n"
        if planned:
            yield from ["| day | minutes | what |", "|---|---|---|"]
        for day in week.sittings:
            for part in by_day[day]:
                yield f"| {DAYS[day.weekday()].capitalize()} {day} | {part.minutes} | {_what(part, tasks, ends)} |"
        yield ""


def _what(part: Part, tasks: Mapping[str, Task], ends: Mapping[str, date]) -> str:
    task = tasks[part.task]
    label = name(task) if task.kind == "lesson" else f"{task.title} ({task.id})"
    note = f": {task.note}" if part.number == 1 and task.kind not in ("lesson", "outside") and task.note else ""
    return label + note + (", the end" if part.day == ends[part.task] and part.number > 1 else "")


def hours(minutes: int) -> str:
    """Minutes as hours, for people.

    >>> hours(285)
    '4.8'
    """
    return f"{round(minutes / 60, 1):g}"
