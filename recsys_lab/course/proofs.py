"""Proofs that the exercises of a lesson work: the course tests itself before it tests anybody.

For every exercise: the reference passes; each named wrong answer is rejected with its own message; a stub counts as
not attempted; the stub differs from the solution only between the markers; two different hints. For every question:
the key is computed and is one of the choices, and every choice is explained. That the solutions of the source pass is
proven by running the instructor's edition.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from recsys_lab.course import exercises_file, exercises_of, questions_of, solutions
from recsys_lab.course.exercise import CourseBug, Exercise, judge
from recsys_lab.course.lessons import Lesson
from recsys_lab.course.quiz import Question
from recsys_lab.errors import RecsysLabError

PLACEHOLDER = "TODO"  # what a new lesson is full of


def problems(lesson: Lesson) -> list[str]:
    """Everything wrong with a lesson's prose, exercises and quiz: "file:line: what: remedy", or []."""
    file = exercises_file(lesson.id)
    try:
        exercises, questions = exercises_of(lesson.id), questions_of(lesson.id)
    except RecsysLabError as error:
        return [f"{lesson.source}:1: {error}"]
    lines = file.read_text(encoding="utf-8").split("\n")
    module = f"recsys_lab/course/exercises/{file.name}"

    def at(words: str) -> str:
        return f"{module}:{next((n for n, line in enumerate(lines, 1) if words in line), 1)}"

    found = [
        f"{lesson.source}:{cell.line}: a {PLACEHOLDER} is left: fill it in."
        for cell in lesson.cells
        if PLACEHOLDER in cell.source
    ]
    found += [
        f"{lesson.source}:1: a {PLACEHOLDER} is left in the front matter ({name}): fill it in."
        for name in _unfilled(lesson)
    ]
    if [e.id for e in exercises] != list(lesson.exercises):
        here, there = ", ".join(lesson.exercises) or "none", ", ".join(e.id for e in exercises) or "none"
        found.append(f"{module}:1: it defines {there}, but {lesson.source} has {here}: make them agree, in this order.")
    if not 3 <= len(lesson.exercises) <= 6 and lesson.id != "00":
        found.append(f"{lesson.source}:1: {len(lesson.exercises)} exercises: a lesson has three to six.")
    if lesson.id != "00" and not any(e.kind == "figure it out" for e in exercises):
        found.append(f"{module}:1: no exercise is of the kind 'figure it out': every lesson has one.")
    for exercise in exercises:
        place = at(f'"{exercise.id}"')
        found += [f"{place}: exercise {exercise.id} {text}" for text in _exercise(exercise)]
        if exercise.id in lesson.exercises:
            cell = lesson.cell_of(exercise.id)
            found += [f"{lesson.source}:{cell.line + n}: the stub changes this line." for n in outside(cell.source)]
    if not 3 <= len(questions) <= 5:
        found.append(f"{module}:1: {len(questions)} quiz questions: a lesson has three to five.")
    for number, question in enumerate(questions, 1):
        place = at(question.text.split("\n")[0][:40])
        found += [f"{place}: question {number} {text}" for text in _question(question)]
    return found


def outside(source: str) -> list[int]:
    """Lines of an exercise cell, from 1, that its stub changes although they stand outside the markers."""
    lines, stub = source.split("\n"), solutions.stub(source).split("\n")
    inside: set[int] = set()
    begin = 0
    for n, line in enumerate(lines):
        if line.strip() == solutions.BEGIN:
            begin = n
        elif line.strip() == solutions.END:
            inside |= set(range(begin, n + 1))
    changed: set[int] = set()
    for tag, low, high, _, _ in difflib.SequenceMatcher(None, lines, stub, autojunk=False).get_opcodes():
        if tag != "equal":
            changed |= set(range(low, high))
    return [n + 1 for n in sorted(changed - inside)]


def _unfilled(lesson: Lesson) -> list[str]:
    texts = {"title": lesson.title, "objectives": " ".join(lesson.objectives)}
    return [name for name, text in texts.items() if PLACEHOLDER in text]


def _exercise(exercise: Exercise) -> Iterator[str]:
    for name in ("title", "prompt", "explanation"):
        text = getattr(exercise, name)
        if not text.strip() or PLACEHOLDER in text:
            yield f"has no {name}: write it."
    if exercise.kind not in ("build", "figure it out"):
        yield f"is of the kind {exercise.kind!r}: choose 'build' or 'figure it out'."
    if not isinstance(exercise.points, int) or exercise.points < 1:
        yield f"is worth {exercise.points!r} points: give a whole number from 1."
    if len(exercise.hints) != 2 or not all(h.strip() for h in exercise.hints) or len(set(exercise.hints)) != 2:
        yield "needs two different hints."
    if any(PLACEHOLDER in hint for hint in exercise.hints):
        yield "has an unwritten hint: write it."
    if len({w.name for w in exercise.wrong}) < 2:
        yield "needs at least two named wrong answers."

    try:
        state, message = judge(exercise, exercise.reference())
    except Exception as error:
        yield f"cannot judge its own reference ({type(error).__name__}: {error})."
        return
    if state != "correct":
        yield f"does not accept its own reference ({state}: {message})."
    for stub in (..., _stub_like()):
        if judge(exercise, stub)[0] != "not attempted":
            yield "takes a stub for an answer."
    messages: Counter[str] = Counter()
    for wrong in exercise.wrong:
        if not wrong.says.strip():
            yield f"does not say what its wrong answer {wrong.name!r} is told: fill `says`."
            continue
        try:
            state, message = judge(exercise, wrong.answer())
        except CourseBug as error:
            yield f"fails on its wrong answer {wrong.name!r}: {error}"
            continue
        except Exception as error:
            yield f"cannot make its wrong answer {wrong.name!r} ({type(error).__name__}: {error})."
            continue
        if state != "incorrect":
            yield f"takes its wrong answer {wrong.name!r} for {state}."
        elif wrong.says not in message:
            yield f"tells its wrong answer {wrong.name!r} {message!r}, which does not contain {wrong.says!r}."
        messages[message] += 1
    for message, times in messages.items():
        if times > 1:
            yield f"tells {times} different wrong answers the same: {message!r}."


def _stub_like() -> object:
    """A function as the learner finds it."""

    def stub(*args: object) -> None:
        """What to do."""
        ...

    return stub


def _question(question: Question) -> Iterator[str]:
    if not question.text.strip() or PLACEHOLDER in question.text:
        yield "has no text: write it."
    if len(question.choices) < 2 or not all(re.fullmatch("[a-z]", letter) for letter in question.choices):
        yield f"has the choices {_names(question.choices)}: give two or more, by small letters."
    if len(set(question.choices.values())) != len(question.choices):
        yield "gives the same choice twice."
    if set(question.why) != set(question.choices):
        yield f"explains {_names(question.why)}, but offers {_names(question.choices)}: explain every choice."
    if any(not text.strip() or PLACEHOLDER in text for text in question.why.values()):
        yield "leaves an explanation empty: write it."
    if len(set(question.why.values())) != len(question.why):
        yield "explains two choices with the same words: say what is wrong with each."
    try:
        key = question.key()
    except Exception as error:
        yield f"cannot compute its key ({type(error).__name__}: {error})."
        return
    if key not in question.choices:
        yield f"computes the key {key!r}, which is none of {_names(question.choices)}."


def _names(letters: dict[str, str] | Sequence[str]) -> str:
    return ", ".join(letters) or "none"
