"""The course: lessons, exercises, quizzes, and the notebooks built from them.

Every lesson's first code cell is

    from recsys_lab.course import start
    ex, quiz = start("2.2")

Lesson writers: `recsys_lab/course/README.md` says how a lesson is written, built and proven.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from recsys_lab.errors import DataError, UnknownIdError

if TYPE_CHECKING:
    from recsys_lab.course.exercise import Exercise, Task
    from recsys_lab.course.quiz import Question, Quiz

__all__ = ["PALETTE", "Desk", "exercises_of", "figure_alt", "questions_of", "show", "start"]


class Desk:
    """The exercises of one lesson: `ex("2.2.1")` gives one. Showing the desk itself lists them."""

    def __init__(self, lesson: str, exercises: list[Exercise]):
        self._lesson = lesson
        self._exercises = {exercise.id: exercise for exercise in exercises}

    def __call__(self, id: str) -> Task:
        from recsys_lab.course.exercise import Task

        if id not in self._exercises:
            near = difflib.get_close_matches(str(id), self._exercises, 1)
            advice = f" Did you mean {near[0]!r}?" if near else ""
            raise UnknownIdError(
                f"lesson {self._lesson} has no exercise {id!r}; it has {', '.join(self._exercises) or 'none'}.{advice}"
            )
        return Task(self._exercises[id])

    def __repr__(self) -> str:
        lines = [f"  {e.id}  {e.title} ({e.kind})" for e in self._exercises.values()]
        return "\n".join([f"Exercises of lesson {self._lesson}:", *lines])


def start(lesson: str) -> tuple[Desk, Quiz]:
    """Set up the notebook of a lesson and return its exercises and its quiz. Prints nothing.

    Sets the house style for figures and tables, registers the text form of figures, keeps linear algebra on one
    thread and progress bars quiet. Raises UnknownIdError for a lesson that does not exist.
    """
    from recsys_lab.course.quiz import Quiz
    from recsys_lab.course.style import set_up

    exercises, questions = exercises_of(lesson), questions_of(lesson)
    set_up()
    return Desk(lesson, exercises), Quiz(lesson, questions)


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of a lesson, in order."""
    return list(_module(lesson).EXERCISES)


def questions_of(lesson: str) -> list[Question]:
    """The quiz questions of a lesson, in order."""
    return list(_module(lesson).QUIZ)


def exercises_file(lesson: str) -> Path:
    """Where the exercises of a lesson are defined."""
    from recsys_lab.course.lessons import home

    return home() / "recsys_lab" / "course" / "exercises" / f"e{lesson.replace('.', '_')}.py"


def _module(lesson: str) -> ModuleType:
    """The lesson's module of exercises. In another home than the package's own it is loaded by its path."""
    from recsys_lab.course.lessons import entry

    entry(lesson)  # says which lessons exist
    file = exercises_file(lesson)
    if not file.exists():
        raise UnknownIdError(
            f"lesson {lesson} has no exercises yet: recsys_lab/course/exercises/{file.name} is missing. "
            f"`recsys-lab lesson new {lesson}` starts a lesson."
        )
    if file.parent == Path(__file__).resolve().parent / "exercises":
        module = importlib.import_module(f"recsys_lab.course.exercises.{file.stem}")
    else:
        module = _load(file)
    for name in ("EXERCISES", "QUIZ"):
        if not isinstance(getattr(module, name, None), (list, tuple)):
            raise DataError(f"recsys_lab/course/exercises/{file.name} defines no list {name}: add `{name} = [...]`.")
    return module


def _load(file: Path) -> ModuleType:
    name = f"_lesson_{abs(hash((file.as_posix(), file.stat().st_mtime_ns)))}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def __getattr__(name: str) -> object:
    if name in ("show", "PALETTE"):
        return getattr(importlib.import_module("recsys_lab.course.style"), name)
    if name == "figure_alt":
        return importlib.import_module("recsys_lab.course.figures").figure_alt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
