"""`recsys-lab interview`: a mock design interview in the terminal, that can be stopped and resumed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(root: typer.Typer) -> None:
    """Add the command."""

    @root.command(rich_help_panel="Learn")
    def interview(
        minutes: Annotated[
            float | None, typer.Option(help="Its length; the stages share it out. By default 45.")
        ] = None,
        case: Annotated[str | None, typer.Option(help="A case by name, instead of drawing one.")] = None,
        seed: Annotated[
            int | None, typer.Option(help="Draws the case and the deep dive: the same seed, the same ones.")
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option("--out", "-o", help="Where it is kept; by default my_work/interviews/1 and so on."),
        ] = None,
        scores: Annotated[
            str | None, typer.Option(metavar="3,2,...", help="The rubric's levels all at once, not asked one by one.")
        ] = None,
        show: Annotated[
            str | None, typer.Option(metavar="CASE", help="Print a case with all its answers, and do nothing else.")
        ] = None,
        cases: Annotated[bool, typer.Option("--cases", help="List the cases, and do nothing else.")] = False,
    ) -> None:
        """A mock interview: a case, six stages against the clock, your notes, then a rubric and a report.

        Every line is saved as it is typed. Stop with :q or Ctrl-C, and the same command goes on where you were; time away
        does not count. Lines may come from a pipe as well.
        """
        from recsys_lab.course.interview.reading import load, names
        from recsys_lab.course.interview.render import markdown

        if cases:
            for name in names():
                print(f"{name:<15}{load(name).title}")
        elif show is not None:
            print(markdown(load(show)), end="")
        else:
            _hold(minutes, case, seed, out, scores)


def _hold(minutes: float | None, case: str | None, seed: int | None, out: Path | None, scores: str | None) -> None:
    from recsys_lab import records
    from recsys_lab.course import lessons
    from recsys_lab.course.interview import session as kept
    from recsys_lab.course.interview.reading import load
    from recsys_lab.course.interview.report import report, summary
    from recsys_lab.course.interview.rubric import parse, score
    from recsys_lab.course.interview.talk import run
    from recsys_lab.errors import DataError

    if case is not None:
        load(case)
    if out is None:
        parent = lessons.home() / "my_work" / "interviews"
        session = kept.find(parent, case) or kept.start(kept.free(parent), case, minutes, seed)
    else:
        session = kept.open_(out) if (out / kept.FILE).exists() else kept.start(out, case, minutes, seed)
    subject = load(session.case)
    if session.finished(subject):
        raise DataError(f"the interview in {session.folder} is finished: choose another folder by --out.")
    for name, wanted, has in (
        ("case", case, session.case),
        ("minutes", minutes, session.minutes),
        ("seed", seed, session.seed),
    ):
        if wanted not in (None, has):
            raise DataError(
                f"--{name} {wanted}, but the interview in {session.folder} is not finished and has {has}: leave --{name} away "
                "to go on with it, or choose another folder by --out."
            )
    levels = None if scores is None else parse(scores, subject.criterion)
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    print(f"{subject.title}: {session.minutes:g} minutes, seed {session.seed}, kept in {session.folder}\n")
    stopped = "\nStopped. Everything is saved; the same command goes on from here."
    try:
        if not run(session, subject, levels=levels):
            print(stopped)
            return
    except KeyboardInterrupt:
        print(stopped)
        raise
    records.write(session.folder / kept.REPORT, report(session, subject))
    result = score(subject, session.levels)
    print(f"\n{summary(result)}")
    print(f"The report: {session.folder / kept.REPORT}")
