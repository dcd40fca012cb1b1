"""`recsys-lab plan`: asks or takes options, writes plan.md and plan.ics, and remembers both in plan.json."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from recsys_lab.course.plan.kept import Kept
    from recsys_lab.course.plan.request import Request


def register(root: typer.Typer) -> None:
    root.command("plan", rich_help_panel="Learn")(plan)


def plan(
    hours: Annotated[str | None, typer.Option(help="Hours a week, such as 10 or 7.5.")] = None,
    days: Annotated[
        str | None, typer.Option(help="mon,wed,sat shares the hours; mon:2,sat:4 says them.", metavar="DAYS")
    ] = None,
    start: Annotated[str | None, typer.Option(help="The first day; by default today.", metavar="DATE")] = None,
    until: Annotated[str | None, typer.Option(help="The day by which all must be done.", metavar="DATE")] = None,
    background: Annotated[str | None, typer.Option(help="backend, other-language, data, or student.")] = None,
    goal: Annotated[str | None, typer.Option(help="course, portfolio (first), or job (by --until).")] = None,
    phases: Annotated[str | None, typer.Option(help="Such as 1-2; by default 1-5.")] = None,
    outside: Annotated[str | None, typer.Option(help="The guides' outside hours: all, core, or none.")] = None,
    pause: Annotated[
        list[str] | None, typer.Option(help="Days without a sitting; may be repeated.", metavar="FIRST:LAST")
    ] = None,
    buffer: Annotated[str | None, typer.Option(help="Percent of each week that stay free; by default 15.")] = None,
    done: Annotated[
        list[str] | None, typer.Option(help="A task that you have done elsewhere, such as 1.1.", metavar="ID")
    ] = None,
    at: Annotated[str | None, typer.Option(help="When a sitting begins; by default 19:00.", metavar="TIME")] = None,
    alarm: Annotated[str | None, typer.Option(help="Minutes before a sitting; by default none.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="From today, as asked before: what is done stays, the rest moves.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The folder; by default my_work.")] = None,
    today: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Your own plan of the course: plan.md to read, plan.ics for your calendar.

    Without --hours or --days it asks. It schedules lessons, projects, quizzes
    and outside hours by what builds on what, from your diagnostic and your
    progress, and keeps a part of each week free. If your wish cannot be, it
    says how many hours are missing, and which plans near it work.
    """
    from recsys_lab.course.lessons import home
    from recsys_lab.course.plan import asking, kept
    from recsys_lab.course.plan.options import choose, day
    from recsys_lab.errors import DataError

    now = date.today() if today is None else day(today, "today")
    folder = out or home() / "my_work"
    memory = folder / "plan.json"
    before = kept.read(memory) if memory.exists() else None
    texts = {
        "hours": hours,
        "days": days,
        "start": start,
        "until": until,
        "background": background,
        "goal": goal,
        "phases": phases,
        "outside": outside,
        "pauses": ",".join(pause) if pause else None,
        "buffer": buffer,
        "done": ",".join(done) if done else None,
        "at": at,
        "alarm": alarm,
    }
    given = {name: text for name, text in texts.items() if text is not None}
    if again:
        if before is None:
            raise DataError(f"there is no plan in {folder} yet: `recsys-lab plan` makes one.")
        asked = choose(given, before.request)
    else:
        answers = given if {"hours", "days"} & given.keys() else asking.ask(given, now)
        if answers is None:
            print("\nStopped; nothing is written.")
            return
        asked = choose({"start": str(now), **answers})
    _write(folder, asked, before or kept.first(asked), now)


def _write(folder: Path, asked: Request, before: Kept, today: date) -> None:
    """Make the plan, and write its three files; the memory first, so that no calendar has an event that is not in it."""
    from recsys_lab.course.plan import graph, ics, kept, schedule, standing, text
    from recsys_lab.records import write

    tasks = graph.course()
    now = standing.read(tasks)
    made = schedule.make(asked, tasks, now, today, before.numbers(now, today))
    after = before.next(made)
    files: dict[str, str | bytes] = {
        "plan.json": kept.dumps(after),
        "plan.md": text.markdown(made, now, max(asked.start, today)),
        "plan.ics": ics.calendar(made, after, before, today),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write(folder / name, content)
    print("\n".join(text.summary(made)))
    print(f"\nWritten to {folder}: plan.md to read, plan.ics for your calendar ({len(made.parts)} events).")
