"""The personal plan: the course on a calendar, sitting by sitting, or an honest no with the nearest plans that work.

    request.py     what is asked of a plan: hours, days, dates, pauses, background, goal
    options.py     the same as text: options, answers, plan.json
    graph.py       what there is to do, from the lessons' front matter and the phase guides, and what it builds on
    standing.py    what progress.json says is done, begun, or to be skipped
    schedule.py    tasks into sittings; the plan, or why there is none
    nearest.py     the nearest plans that work where the one that was asked for does not
    milestones.py  the roadmap's first steps: this week, this month, the next 90 days
    text.py        a plan as Markdown
    ics.py         a plan as an iCalendar file
    kept.py        the plan's own memory, plan.json: what was asked for, and which events were given out
    asking.py      the questions in the terminal
    command.py     `recsys-lab plan`
    overview.py    the map with your marks on it, and the phases on a calendar (lesson 00)

One person does one thing at a time, so a plan is an order of tasks that respects what they build on, cut into the sittings
there are. Its end depends on the minutes alone, which is why a "no" can say exactly how many are missing.
"""

from recsys_lab.course.plan.overview import calendar, phases

__all__ = ["calendar", "phases"]
