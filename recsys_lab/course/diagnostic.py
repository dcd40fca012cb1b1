"""Which lessons may you skip? 24 questions before phase 1, two for each lesson of phases 1 and 2.

| answers right | the lesson                                                              |
|---------------|-------------------------------------------------------------------------|
| both          | skip; skim it where a lesson that it builds on is still to do           |
| one           | skim: read it, and do the exercises whose answer you do not see at once |
| none          | do                                                                      |

Whoever guesses gets both right in one lesson of sixteen; "-" (I do not know) is the better answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from recsys_lab.course import lessons
from recsys_lab.course.phases.before import DIAGNOSTIC
from recsys_lab.course.questionnaire import right
from recsys_lab.course.quiz import Question
from recsys_lab.errors import UnknownIdError

QUESTIONS: list[Question] = [question for _, question in DIAGNOSTIC]


class Verdict(NamedTuple):
    """What to do with a lesson: "skip", "skim" or "do", and why. `right` of `of` questions were answered rightly."""

    lesson: str
    title: str
    right: int
    of: int
    verdict: str
    why: str


def verdicts(answers: Mapping[int, str]) -> list[Verdict]:
    """One verdict a lesson, in the order of the course; a question without an answer counts as not known."""
    correct = right(answers, QUESTIONS)
    asked: dict[str, list[bool]] = {}
    for number, (lesson, _) in enumerate(DIAGNOSTIC, 1):
        asked.setdefault(lesson, []).append(correct.get(number, False))
    told: dict[str, Verdict] = {}
    for lesson, entry in lessons.entries().items():
        if lesson not in asked:
            continue
        to_do = [p for p in _prerequisites(lesson) if p in told and told[p].verdict == "do"]
        n, of = sum(asked[lesson]), len(asked[lesson])
        if n == of and not to_do:
            verdict, why = "skip", "you know what it teaches; its quiz is the proof"
        elif n == of:
            verdict, why = "skim", f"you know its own part, but it builds on {' and '.join(to_do)}, which is to do"
        elif n:
            verdict, why = "skim", f"{n} of {of}: read it, and do the exercises whose answer you do not see at once"
        else:
            verdict, why = "do", f"{n} of {of}: this is new to you"
        told[lesson] = Verdict(lesson, entry.title, n, of, verdict, why)
    return list(told.values())


def _prerequisites(lesson: str) -> tuple[str, ...]:
    try:
        return lessons.find(lesson).prerequisites
    except UnknownIdError:  # planned, not written yet
        return ()
