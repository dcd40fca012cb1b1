"""What the learner's own record says: which tasks are done, which lessons are begun, what the diagnostic found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys_lab.course import diagnostic, lessons, progress
from recsys_lab.course.plan.graph import Standing, Task


def read(tasks: Mapping[str, Task]) -> Standing:
    """From progress.json, or of somebody who has done nothing where no progress is kept."""
    file = progress.path(command=True)
    return of(progress.read(file) if file else {}, tasks)


def of(kept: Mapping[str, Any], tasks: Mapping[str, Task]) -> Standing:
    """A lesson is done when all its exercises are right, or when it was to be skipped or skimmed and its quiz is right.

    A project is done when it is passed, a phase's quiz when it was taken to its end, the diagnostic when it is answered. Outside
    hours leave no trace: they count as done when the lesson that the guide has after them is done, or the phase's quiz.
    """
    answers = {int(number): letter for number, letter in kept.get("diagnostic", {}).items()}
    complete = len(answers) == len(diagnostic.QUESTIONS)
    verdicts = {v.lesson: v.verdict for v in diagnostic.verdicts(answers)} if complete else {}
    quizzes, projects = kept.get("quizzes", {}), kept.get("projects", {})
    right = {id for id, entry in kept.get("exercises", {}).items() if entry["state"] == "correct"}
    done, left = set(), {}
    written = lessons.all_lessons()
    for id, task in tasks.items():
        if task.kind == "lesson":
            exercises = written[id].exercises
            share = sum(exercise not in right for exercise in exercises) / len(exercises) if exercises else 1.0
            if share == 0 or (verdicts.get(id) in ("skip", "skim") and _perfect(quizzes.get(id))):
                done.add(id)
            elif share < 1:
                left[id] = share
        elif task.kind == "quiz" and f"phase {task.phase}" in quizzes:
            done.add(id)
        elif task.kind == "project" and str(task.phase) in projects:
            if _passed(task.phase, **projects[str(task.phase)]):
                done.add(id)
        elif task.kind == "diagnostic" and complete:
            done.add(id)
    return Standing(frozenset(done | _read_before(tasks, done)), left, verdicts)


def _passed(phase: int, points: int, of: int) -> bool:
    from recsys_lab.course.capstone import score  # heavy, and few have a project behind them
    from recsys_lab.course.projects.rubric import TENTHS, enough

    return enough(points, of, score.TENTHS if phase == score.NUMBER else TENTHS)


def _perfect(quiz: Mapping[str, int] | None) -> bool:
    return quiz is not None and quiz["right"] == quiz["of"]


def _read_before(tasks: Mapping[str, Task], done: set[str]) -> set[str]:
    """The outside tasks that stand before a later lesson, or the phase's quiz, that is done."""
    read: set[str] = set()
    for phase in {task.phase for task in tasks.values()}:
        ours = [task for task in tasks.values() if task.phase == phase]
        for number, task in enumerate(ours):
            after = [t.id for t in ours[number:] if t.kind == "lesson"][:1] or [f"quiz-{phase}"]
            if task.kind == "outside" and done.intersection(after):
                read.add(task.id)
    return read
