"""What an interview leaves behind, as Markdown: the score, the time by stage, the notes, what to read again."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_lab.course.interview.case import Case
from recsys_lab.course.interview.render import titled
from recsys_lab.course.interview.rubric import TOP, Score, score
from recsys_lab.course.interview.session import DIVE, STAGES, Session
from recsys_lab.course.interview.watch import minutes


def summary(result: Score) -> str:
    """The score in one line.

    >>> summary(Score(30.0, 40.0, 0.75, "sound", ()))
    '30 of 40 points (75 %): sound'
    """
    return f"{result.points:g} of {result.of:g} points ({100 * result.share:.0f} %): {result.verdict}"


def report(session: Session, case: Case) -> str:
    """The report of a finished interview."""
    return "\n".join(_lines(session, case, score(case, session.levels))) + "\n"


def _lines(session: Session, case: Case, result: Score) -> Iterator[str]:
    yield f"# Mock interview: {case.title}\n"
    yield f"**{summary(result)}.** Case `{case.name}`, {session.minutes:g} minutes planned, seed {session.seed}.\n"
    yield "## What to read again\n"
    yield f"{titled(result.again)}.\n" if result.again else "Nothing: no criterion is below level 3.\n"
    yield f"The case with its reference design and its flaws: `recsys-lab interview --show {case.name}`.\n"
    yield "## Rubric\n"
    yield "| criterion | weight | level | what you said | what the next level says |\n|---|---:|---:|---|---|"
    for criterion in case.criterion:
        level = session.levels[criterion.id]
        above = criterion.levels[level + 1] if level < TOP else ""
        yield f"| {criterion.title} | {criterion.weight:g} | {level} | {criterion.levels[level]} | {above} |"
    yield "\n## Time\n"
    yield "| stage | plan | took | over (+) |\n|---|---:|---:|---:|"
    for number, stage in enumerate(STAGES):
        yield _time(stage.name, session.plan(number), session.seconds[number])
    yield _time("all", 60 * session.minutes, sum(session.seconds))
    yield "\n## Notes\n"
    for number, (stage, notes) in enumerate(zip(STAGES, session.notes)):
        yield f"### {stage.name}\n"
        if number == DIVE:
            yield f"*{session.dive(case).ask}*\n"
        yield "\n".join(f"- {note}" for note in notes) + "\n" if notes else "*(nothing noted)*\n"


def _time(name: str, plan: float, took: float) -> str:
    over = took - plan
    return f"| {name} | {minutes(plan)} | {minutes(took)} | {'+' if round(over) > 0 else ''}{minutes(over)} |"
