"""Exercises that answer back: three states, messages that name the misconception, and proofs that they work.

An `Exercise` is the definition, written once per lesson in `recsys_lab/course/exercises/`. A `Task` is what the
learner holds in a notebook, `ex("2.2.1")`: check, hint, expected, solution.

A check compares what the answer *does* with what the reference does; `same` does the comparing. It raises
`Incorrect` with a message a learner can act on:

>>> same([1.0, 2.5], [1.0, 2.0])
Traceback (most recent call last):
recsys_lab.course.comparing.Incorrect: entry 1 should be 2, but is 2.5.
"""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import os
import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Literal

import numpy as np
import pandas as pd

from recsys_lab.course.comparing import Incorrect, is_same, number, same
from recsys_lab.errors import RecsysLabError

__all__ = [
    "CourseBug",
    "Exercise",
    "Incorrect",
    "NotAttempted",
    "Task",
    "WrongAnswer",
    "example",
    "is_same",
    "judge",
    "number",
    "same",
]

State = Literal["correct", "incorrect", "not attempted"]
SYMBOLS: dict[State, str] = {"correct": "✓", "incorrect": "✗", "not attempted": "○"}


class NotAttempted(Incorrect):
    """Raised only in grade mode: the answer is still the stub."""


class CourseBug(RecsysLabError, RuntimeError):
    """The checker itself failed. Not the learner's fault."""


@dataclass(frozen=True)
class WrongAnswer:
    """A named mistake that the check must reject, with a message that contains `says`."""

    name: str
    answer: Callable[[], Any]
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    id : the lesson's id and a number, "2.2.1".
    title : a few words.
    kind : "build" (write code), or "figure it out" (predict, find the bug, find the leak).
    prompt : the task in Markdown; the build puts it above the exercise's cell.
    reference : makes the right answer, a value or a function. Called once, then remembered.
    check : is given the learner's answer; raises Incorrect(message), or returns None when it is right.
    hints : two, the second closer to the solution.
    wrong : at least two wrong answers that the check must reject.
    points : what it is worth when graded.
    explanation : why the solution is right, in Markdown; shown with it.
    expected : makes what `.expected()` shows, a value, table or figure; by default the reference, if it is a value.
    """

    id: str
    title: str
    kind: Literal["build", "figure it out"]
    prompt: str
    reference: Callable[[], Any]
    check: Callable[[Any], None]
    hints: tuple[str, str]
    wrong: tuple[WrongAnswer, ...]
    points: int
    explanation: str
    expected: Callable[[], Any] | None = None


def example(call: str, answer: Callable[[], Any]) -> Callable[[], str]:
    """What `.expected()` shows for a function: one call, and below it each thing that it gives.

    >>> print(example("mean([1, 2])", lambda: 1.5)())
    mean([1, 2]) gives
      1.5
    """

    def made() -> str:
        given = answer()
        parts = given if isinstance(given, tuple) else (given,)
        shown = [np.array2string(np.asarray(part), precision=4, floatmode="maxprec") for part in parts]
        return "\n  ".join([f"{call} gives", *shown])

    return made


# ------------------------------------------------------------------ what the learner holds
class Task:
    """An exercise in a learner's hands. Get it by `ex("2.2.1")`."""

    def __init__(self, exercise: Exercise):
        self._exercise = exercise

    def check(self, answer: Any) -> Any:
        """Print the answer's state. Returns the answer if it is right, else the reference, so the lesson goes on.

        Bind the result to another name than the answer's: a second run must check your answer, not this result.
        With the environment's RECSYS_LAB_MODE=grade a wrong or missing answer raises instead.
        """
        from recsys_lab.course import progress

        state, message = judge(self._exercise, answer)
        print(report(self._exercise, state, message))
        progress.record(self._exercise.id, state)
        if state == "correct":
            return answer
        if os.environ.get("RECSYS_LAB_MODE") == "grade":
            raise (NotAttempted if state == "not attempted" else Incorrect)(f"{self._exercise.id}: {message}")
        return self.reference()

    def reference(self) -> Any:
        """The right answer: a value, or a function to call."""
        return _reference(self._exercise)

    def hint(self, number: int = 1) -> None:
        """Show hint 1, or the closer hint 2."""
        hints = self._exercise.hints
        if number not in (1, 2):
            print(f"{self._exercise.id} has 2 hints: ask for .hint() or .hint(2).")
            return
        more = f'  \n*Still stuck? `ex("{self._exercise.id}").hint(2)`*' if number == 1 else ""
        _show_markdown(f"**Hint {number} of 2.** {hints[number - 1]}{more}")

    def expected(self) -> None:
        """Show what a right answer gives: a value, a table or a figure, not the code."""
        make = self._exercise.expected
        value = make() if make else self.reference()
        if make is None and callable(value):
            print(f'{self._exercise.id} asks for a function: `ex("{self._exercise.id}").check(...)` tries yours out.')
            return
        _show(value)

    def solution(self) -> None:
        """Show the code of the solution and why it is right. Try the hints first."""
        from recsys_lab.course import lessons, solutions

        id = self._exercise.id
        source = lessons.find(id.rpartition(".")[0]).cell_of(id).source
        _show_markdown(
            f"**Solution of {id}.**\n\n```python\n{solutions.solution(source)}\n```\n\n{explanation(self._exercise)}"
        )

    def __repr__(self) -> str:
        return f"Exercise {self._exercise.id}: {self._exercise.title} ({self._exercise.kind}, {points(self._exercise)})"

    def _repr_markdown_(self) -> str:
        return statement(self._exercise)


def statement(exercise: Exercise) -> str:
    """The exercise as the learner reads it, in Markdown."""
    heading = f"### Exercise {exercise.id}: {exercise.title}"
    prompt = textwrap.dedent(exercise.prompt).strip()
    return f"{heading}\n\n*{exercise.kind.capitalize()} · {points(exercise)}*\n\n{prompt}"


def explanation(exercise: Exercise) -> str:
    """Why the solution is right, in Markdown."""
    return textwrap.dedent(exercise.explanation).strip()


def points(exercise: Exercise) -> str:
    return f"{exercise.points} point{'' if exercise.points == 1 else 's'}"


@functools.cache
def _reference_by_identity(make: Callable[[], Any]) -> Any:
    return make()


def _reference(exercise: Exercise) -> Any:
    return _reference_by_identity(exercise.reference)


# ------------------------------------------------------------------ judging
def judge(exercise: Exercise, answer: Any) -> tuple[State, str]:
    """(state, message) of an answer. Pure: prints and records nothing. Raises CourseBug where the checker fails."""
    if not attempted(answer) and not _passes_anyway(exercise, answer):
        return "not attempted", f'{_what_is_missing(answer)}; stuck? ex("{exercise.id}").hint()'
    if isinstance(_reference(exercise), FunctionType) and not callable(answer):
        return "incorrect", f"this is a {type(answer).__name__}; pass the function itself, without calling it."
    watched = _Watched(answer) if isinstance(answer, FunctionType) else None
    try:
        exercise.check(watched.call if watched else answer)
    except Incorrect as wrong:
        return "incorrect", str(wrong)
    except Exception as error:
        if (watched is not None and watched.raised is error) or _learner_frame(error, answer):
            return "incorrect", _raised(error, answer)
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise CourseBug(
            f"the check of exercise {exercise.id} failed by itself ({type(error).__name__}: {error}; "
            f"{os.path.basename(where.filename)}, line {where.lineno}). "  # noqa: PTH119  a name for people
            "This is a bug of the course, not of your answer: please report it with your answer."
        ) from error
    return "correct", ""


def _passes_anyway(exercise: Exercise, answer: Any) -> bool:
    """Is this a right function in which only the line with the `...` was left behind?"""
    if not isinstance(answer, FunctionType) or _is_empty(answer):
        return False
    try:
        exercise.check(answer)
    except Exception:  # whatever it is: the `...` is still there, and says more than the error
        return False
    return True


def report(exercise: Exercise, state: State, message: str) -> str:
    """The line that a check prints.

    >>> from types import SimpleNamespace
    >>> report(SimpleNamespace(id="2.2.1", title="Cosine"), "incorrect", "the norm is missing.")
    '✗ 2.2.1 incorrect: the norm is missing.'
    """
    head = f"{SYMBOLS[state]} {exercise.id} {state}"
    return f"{head}: {message}" if message else f"{head}: {exercise.title}"


def attempted(answer: Any) -> bool:
    """False for a stub: `...`, a container with a `...` in it, a function or class whose body still holds one.

    >>> attempted(...), attempted((1, ...)), attempted(0)
    (False, False, True)
    """
    if answer is ...:
        return False
    if isinstance(answer, (tuple, list)):
        return all(attempted(a) for a in answer)
    if isinstance(answer, Mapping):
        return all(attempted(a) for a in answer.values())
    if isinstance(answer, FunctionType):
        return not _is_stub(answer)
    if isinstance(answer, type):
        return not any(_is_stub(f) for f in vars(answer).values() if isinstance(f, FunctionType))
    return True


def _what_is_missing(answer: Any) -> str:
    """What an answer that is not attempted, or not to its end, still lacks.

    >>> _what_is_missing(...), _what_is_missing(("same", ..., "zero"))
    ('replace the `...`', 'answer 2 of 3 is still `...`')
    """
    if isinstance(answer, FunctionType) and not _is_empty(answer):
        return "a `...` is left in your function: put code in its place, or delete it"
    if isinstance(answer, Mapping):
        missing = [repr(name) for name, part in answer.items() if not attempted(part)]
    elif isinstance(answer, (tuple, list)):
        missing = [str(n) for n, part in enumerate(answer, 1) if not attempted(part)]
    else:
        missing = []
    if not missing or len(missing) == len(answer):
        return "replace the `...`"
    plural, be = ("", "is") if len(missing) == 1 else ("s", "are")
    return f"answer{plural} {' and '.join(missing)} of {len(answer)} {be} still `...`"


def _is_stub(function: FunctionType) -> bool:
    """Is a bare `...` left in the body, or does the body do nothing at all?"""
    body = _body(function)
    if body is None:
        return _is_empty(function)
    return any(_is_ellipsis(node) for statement in body for node in ast.walk(statement)) or _is_empty(function)


def _is_empty(function: FunctionType) -> bool:
    """Nothing but a docstring, `...` and `pass`?"""
    body = _body(function)
    if body is not None:
        return all(
            isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in body
        )
    # No source at hand (a lambda, a pasted or pickled function): does it do anything but return None?
    steps = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP")]
    return len(steps) <= 2 and steps[0].opname in ("LOAD_CONST", "RETURN_CONST") and steps[0].argval is None


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


def _body(function: FunctionType) -> list[ast.stmt] | None:
    """The statements of a function, from its source if that can be had."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    return next(
        (n.body for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function.__name__), None
    )


class _Watched:
    """The learner's function, watched: remembers the exception it raised last, and lets it pass.

    The exception passes unchanged, so that a check may well expect a ValueError for bad input. It is remembered
    because a call with the wrong number of arguments fails before any line of the function runs.
    """

    def __init__(self, function: Callable[..., Any]):
        self.raised: BaseException | None = None

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                self.raised = error
                raise

        self.call = call


def _codes_of(answer: Any) -> set[CodeType]:
    """The compiled code of the learner's functions and methods."""
    if isinstance(answer, FunctionType):
        return {answer.__code__}
    if isinstance(answer, (tuple, list, Mapping)):
        parts = answer.values() if isinstance(answer, Mapping) else answer
        return {code for part in parts if isinstance(part, (FunctionType, type)) for code in _codes_of(part)}
    kind = answer if isinstance(answer, type) else type(answer)
    return {f.__code__ for f in vars(kind).values() if isinstance(f, FunctionType)}


def _learner_frame(error: BaseException, answer: Any) -> traceback.FrameSummary | None:
    """The deepest line of the learner's file that ran when this was raised, or None if none of their code ran."""
    codes = _codes_of(answer)
    files = {code.co_filename for code in codes}
    started, deepest = False, None
    steps = list(traceback.walk_tb(error.__traceback__))
    for (frame, _), summary in zip(steps, traceback.extract_tb(error.__traceback__)):
        started = started or frame.f_code in codes
        if started and summary.filename in files:
            deepest = summary
    return deepest


def _raised(error: BaseException, answer: Any) -> str:
    name = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frame = _learner_frame(error, answer)
    where = f" (line {frame.lineno} of its cell: `{frame.line}`)" if frame and frame.line else ""
    return f"your code raised {name}{where}."


# ------------------------------------------------------------------ showing
def _show(value: Any) -> None:
    """Show a value, table or figure, in a notebook or at a prompt."""
    if type(value).__module__.startswith("matplotlib"):
        import matplotlib.pyplot as plt

        figure = getattr(value, "figure", None) or value
        _display(figure)
        plt.close(figure)
    elif isinstance(value, (pd.DataFrame, pd.Series)):
        _display(value)
    else:
        from recsys_lab.course.style import show

        show(value)


def _show_markdown(text: str) -> None:
    try:
        from IPython.display import Markdown

        in_notebook = _in_ipython()
    except ImportError:
        in_notebook = False
    if in_notebook:
        _display(Markdown(text))
    else:
        print(text)


def _display(value: Any) -> None:
    if _in_ipython():
        from IPython.display import display

        display(value)
    else:
        print(value)


def _in_ipython() -> bool:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None
