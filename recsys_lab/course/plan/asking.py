"""The questions of `recsys-lab plan`, one after the other; Enter takes what stands in brackets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date

from recsys_lab.course.plan.options import PARSERS, number, parse_days
from recsys_lab.course.plan.request import BACKGROUNDS, GOALS, OUTSIDE, spread
from recsys_lab.course.questionnaire import wrapped
from recsys_lab.errors import DataError

STOP = "q"
USUAL_DAYS = "as the guides have them"


def ask(given: Mapping[str, str], today: date) -> dict[str, str] | None:
    """What the options did not say, as texts; None where the learner stops, by q or the end of the input."""
    if not sys.stdin.isatty():
        raise DataError("nobody is there to ask: run this in a terminal, or give at least --hours, such as --hours 10.")
    print(wrapped("A few questions. Enter takes what stands in brackets, q stops.", ""))
    answers = dict(given)
    questions = [
        ("background", "Where do you come from?", "backend", {name: b.about for name, b in BACKGROUNDS.items()}),
        ("hours", "How many hours a week can you give?", "10", {}),
        ("days", "On which days? Such as mon,wed,sat, or with hours: mon:2,sat:4.", USUAL_DAYS, {}),
        ("start", "On which day do you start?", str(today), {}),
        ("goal", "What is it for?", "course", GOALS),
        ("phases", "Which phases? Such as 1-2.", "1-5", {}),
        ("until", "By which day must it be done?", "none", {}),
        ("outside", "How much of the hours outside the course?", "all", OUTSIDE),
        ("pauses", "Which days are you away? Such as 2027-07-01:2027-07-14; several with commas.", "none", {}),
    ]
    for name, question, usual, choices in questions:
        if name in given or (name == "hours" and "days" in given):
            continue
        print("\n" + wrapped(question, ""))
        for choice, about in choices.items():
            print(wrapped(about, f"   {choice:<15} "))
        answer = _answer(name, usual, answers)
        if answer is None:
            return None
        if answer == USUAL_DAYS:
            continue
        if name == "days" and ":" in answer:
            answers.pop("hours", None)  # the days say how many
        answers[name] = answer
    return answers


def _answer(name: str, usual: str, answers: Mapping[str, str]) -> str | None:
    """One answer that can be read, and that fits those before it."""
    while True:
        try:
            text = input(f"   [{usual}]: ").strip() or usual
        except EOFError:
            return None
        if text.lower() == STOP:
            return None
        try:
            if name == "hours":
                spread(number(name, text))
            elif name == "days":
                if text != usual:
                    parse_days(text, None if ":" in text else answers["hours"])
            elif name == "until" and answers.get("goal") == "job" and PARSERS[name](text) is None:
                raise DataError("until: for a job, give the day by which you want to be ready.")
            else:
                PARSERS[name](text)
            return text
        except DataError as error:
            print(wrapped(str(error), "   "))
