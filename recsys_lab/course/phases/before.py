"""The diagnostic's 24 questions: two for each lesson of phases 1 and 2, as (lesson, question)."""

from __future__ import annotations

from recsys_lab.course.phases import before1, before2
from recsys_lab.course.quiz import Question

DIAGNOSTIC: list[tuple[str, Question]] = [*before1.QUESTIONS, *before2.QUESTIONS]
