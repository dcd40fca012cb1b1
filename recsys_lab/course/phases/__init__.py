"""Questions that belong to a phase and not to a lesson: the diagnostic before phase 1, and a quiz at the end of each.

Every key is computed by the few lines beside it; `tests/course/` proves each question as the lessons' quizzes are proven.
"""

from __future__ import annotations

import importlib

from recsys_lab.course.quiz import Question
from recsys_lab.errors import DataError

WITH_QUIZ = (1, 2, 3, 4, 5)


def quiz_of(phase: int) -> list[Question]:
    """The questions of a phase's quiz, in order."""
    if phase not in WITH_QUIZ:
        raise DataError(f"phase {phase}: there is a quiz for the phases {', '.join(map(str, WITH_QUIZ))}.")
    return list(importlib.import_module(f"recsys_lab.course.phases.quiz{phase}").QUIZ)
