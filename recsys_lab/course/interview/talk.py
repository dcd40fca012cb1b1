"""The interview itself: stage by stage, every line kept as soon as it is typed, then the rubric, criterion by criterion.

Works on a terminal and on lines from a pipe alike. `ask` and `say` are `input` and `print`; a test hands in its own, and its
own clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from recsys_lab.course.interview.case import LEVELS, Case, Criterion
from recsys_lab.course.interview.render import plain
from recsys_lab.course.interview.session import DIVE, STAGES, Session
from recsys_lab.course.interview.watch import Clock, InTitle, Watch, minutes
from recsys_lab.course.questionnaire import wrapped

NEXT, STOP = ".", ":q"
COMMANDS = f"{NEXT!r} alone ends a stage, an empty line shows the time, {STOP!r} stops"
Ask = Callable[[str], str]
Say = Callable[[str], None]


def run(
    session: Session,
    case: Case,
    *,
    levels: Mapping[str, int] | None = None,
    clock: Clock = time.monotonic,
    ask: Ask = input,
    say: Say = print,
) -> bool:
    """Go on with an interview from where it stands. False if it was stopped before its end; what was typed is kept.

    levels : the rubric, filled in already; by default it is asked criterion by criterion.
    """
    say(wrapped(case.prompt, "Interviewer: "))
    say(f"\nType notes, a line each. {COMMANDS}; every line is saved.")
    while session.stage < len(STAGES):
        if not _stage(session, case, clock, ask, say):
            return False
    if levels is not None:
        session.levels = dict(levels)
        session.save()
    return _rubric(session, case, ask, say)


def _stage(session: Session, case: Case, clock: Clock, ask: Ask, say: Say) -> bool:
    number = session.stage
    stage, plan, notes = STAGES[number], session.plan(number), session.notes[number]
    watch = Watch(plan, session.seconds[number], clock)
    say(f"\n{number + 1} of {len(STAGES)}. {stage.name}: {minutes(watch.left())} left of {minutes(plan)}")
    say(wrapped(stage.asks + (f" {session.dive(case).ask}" if number == DIVE else ""), "Interviewer: "))
    for note in notes:
        say(f"  (noted) {note}")
    try:
        with InTitle(watch, stage.name):
            while True:
                line = _line(ask, f"[{minutes(watch.left())}] > ")
                session.seconds[number] = watch.spent()
                if line is None or line.lower() == STOP:
                    return False
                if line == NEXT:
                    session.stage += 1
                    break
                if line.startswith(STOP[0]):
                    say(f"{line!r} is no command, and was not noted. {COMMANDS}.")
                elif line:
                    notes.append(line)
                session.save()
    finally:  # Ctrl-C as well: the time that this stage has used is kept
        session.seconds[number] = watch.spent()
        session.save()
    if number == 0:
        say("\nWhat the interviewer would have answered:")
        for one in case.clarifying:
            say(wrapped(f"{one.ask} {one.answer}", "- "))
    return True


def _line(ask: Ask, prompt: str) -> str | None:
    """What was typed, without signs that cannot be printed; None at the end of the input."""
    try:
        return "".join(sign for sign in ask(prompt) if sign.isprintable()).strip()
    except EOFError:
        return None


def _rubric(session: Session, case: Case, ask: Ask, say: Say) -> bool:
    todo = [criterion for criterion in case.criterion if criterion.id not in session.levels]
    if todo:
        say("\nThe interview is over. One good answer, to hold yours against:\n")
        say(wrapped(case.design.idea, ""))
        say(plain(case.design))
        dive = session.dive(case)
        say("\n" + wrapped(f"{dive.ask} {dive.answer}", ""))
        say("\nYour own notes, which are what counts:")
        for stage, notes in zip(STAGES, session.notes):
            say(wrapped("; ".join(notes) or "nothing", f"  {stage.name}: "))
        say("\nNow the rubric. Take the highest level of which *all* was said.")
    for criterion in todo:
        level = _level(criterion, ask, say)
        if level is None:
            return False
        session.levels[criterion.id] = level
        session.save()
    return True


def _level(criterion: Criterion, ask: Ask, say: Say) -> int | None:
    say(f"\n{criterion.title} (weight {criterion.weight:g})")
    for level, text in enumerate(criterion.levels):
        say(wrapped(text, f"  {level}  "))
    while True:
        line = _line(ask, f"0 to {LEVELS - 1}, {STOP} stops: ")
        if line is None or line.lower() == STOP:
            return None
        if line in {str(level) for level in range(LEVELS)}:
            return int(line)
        say(f"{line!r} is no level.")
