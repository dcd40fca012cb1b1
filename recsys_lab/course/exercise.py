"""Exercises that answer back: three states, messages that name the misconception, and proofs that they work.

An `Exercise` is the definition, written once per lesson in `recsys_lab/course/exercises/`. A `Task` is what the
learner holds in a notebook, `ex("2.2.1")`: check, hint, expected, solution.

A check compares what the answer *does* with what the reference does; `same` does the comparing. It raises
`Incorrect` with a message a learner can act on:

>>> same([1.0, 2.5], [1.0, 2.0])
Traceback (most recent call last):
recsys_lab.course.exercise.Incorrect: entry 1 should be 2, but is 2.5.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.errors import RecsysLabError

State = Literal["correct", "incorrect", "not attempted"]
SYMBOLS: dict[State, str] = {"correct": "✓", "incorrect": "✗", "not attempted": "○"}


class Incorrect(RecsysLabError, AssertionError):
    """An answer is wrong. The message says what differs and names the likely misconception."""


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
        from recsys_lab.course import lessons

        id = self._exercise.id
        source = lessons.find(id.rpartition(".")[0]).cell_of(id).source
        _show_markdown(
            f"**Solution of {id}.**\n\n```python\n{lessons.solution(source)}\n```\n\n{self._exercise.explanation}"
        )

    def __repr__(self) -> str:
        return f"Exercise {self._exercise.id}: {self._exercise.title} ({self._exercise.kind}, {points(self._exercise)})"

    def _repr_markdown_(self) -> str:
        return statement(self._exercise)


def statement(exercise: Exercise) -> str:
    """The exercise as the learner reads it, in Markdown."""
    icon = "🔨" if exercise.kind == "build" else "🔍"
    heading = f"### {icon} Exercise {exercise.id}: {exercise.title}"
    prompt = textwrap.dedent(exercise.prompt).strip()
    return f"{heading}\n\n*{exercise.kind.capitalize()} · {points(exercise)}*\n\n{prompt}"


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
    if not attempted(answer):
        return "not attempted", f'replace the `...`; stuck? ex("{exercise.id}").hint()'
    watched = _Watched(answer) if isinstance(answer, FunctionType) else None
    try:
        exercise.check(watched.call if watched else answer)
    except Incorrect as wrong:
        return "incorrect", str(wrong)
    except Exception as error:
        if (watched is not None and watched.raised is error) or _came_from(error, answer):
            return "incorrect", _raised(error, answer)
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise CourseBug(
            f"the check of exercise {exercise.id} failed by itself ({type(error).__name__}: {error}; "
            f"{os.path.basename(where.filename)}, line {where.lineno}). "  # noqa: PTH119  a name for people
            "This is a bug of the course, not of your answer: please report it with your answer."
        ) from error
    return "correct", ""


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


def _is_stub(function: FunctionType) -> bool:
    """Does the body hold a bare `...`, or nothing but a docstring and `pass`?"""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        # No source at hand (a pasted or pickled function): an empty body compiles to the same bytes everywhere.
        return function.__code__.co_code == _empty.__code__.co_code
    body = next(
        (n.body for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function.__name__), None
    )
    if body is None:  # a lambda
        return False
    bare = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    if any(n.value.value is ... for n in bare):  # type: ignore[attr-defined]
        return True
    return all(isinstance(s, ast.Pass) or s in bare for s in body)


def _empty() -> None: ...


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


def _files_of(answer: Any) -> set[str]:
    functions = [answer] if isinstance(answer, FunctionType) else []
    if isinstance(answer, (tuple, list)):
        functions += [a for a in answer if isinstance(a, FunctionType)]
    elif isinstance(answer, Mapping):
        functions += [a for a in answer.values() if isinstance(a, FunctionType)]
    else:
        kind = answer if isinstance(answer, type) else type(answer)
        functions += [f for f in vars(kind).values() if isinstance(f, FunctionType)]
    return {f.__code__.co_filename for f in functions}


def _came_from(error: BaseException, answer: Any) -> bool:
    """Did a line of the learner's code run when this was raised?"""
    return _learner_frame(error, answer) is not None


def _learner_frame(error: BaseException, answer: Any) -> traceback.FrameSummary | None:
    files = _files_of(answer)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    return frames[-1] if frames else None


def _raised(error: BaseException, answer: Any) -> str:
    name = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frame = _learner_frame(error, answer)
    where = f" (line {frame.lineno} of its cell: `{frame.line}`)" if frame and frame.line else ""
    return f"your code raised {name}{where}."


# ------------------------------------------------------------------ comparing
def same(got: Any, want: Any, *, rtol: float = 1e-6, atol: float = 1e-8, what: str = "") -> None:
    """Return None if `got` equals `want`, else raise Incorrect that says where and by how much.

    Numbers agree when |got - want| <= atol + rtol * |want|; NaN agrees with NaN only. Knows scalars, text, arrays,
    sparse matrices, Series and frames (labels and order count), lists, tuples, sets and mappings.

    Parameters
    ----------
    what : names the compared thing in the message, such as "the similarity of ann and ben".

    >>> same({"ann": 1.0}, {"ann": 1.0 + 1e-9})
    >>> same(np.zeros((2, 3)), np.zeros((3, 2)), what="the weights")
    Traceback (most recent call last):
    recsys_lab.course.exercise.Incorrect: the weights: the shape should be (3, 2), but is (2, 3).
    """
    difference = _difference(got, want, rtol, atol)
    if difference:
        raise Incorrect(f"{what}: {difference}" if what else difference)


def _difference(got: Any, want: Any, rtol: float, atol: float) -> str | None:
    """The first difference in words, or None."""
    if got is ...:
        return "a part is still `...`."
    if got is None and want is not None:
        return f"got None where {_kind(want)} is expected: is a `return` missing?"
    if sparse.issparse(want):
        if sparse.issparse(got):
            return _difference_sparse(got, want, rtol, atol)
        return _wrong_kind(got, want)
    if isinstance(want, pd.DataFrame):
        return _difference_frames(got, want, rtol, atol) if isinstance(got, pd.DataFrame) else _wrong_kind(got, want)
    if isinstance(want, pd.Series):
        return _difference_series(got, want, rtol, atol) if isinstance(got, pd.Series) else _wrong_kind(got, want)
    if isinstance(want, pd.Index):
        want = want.to_numpy()
    if isinstance(want, Mapping):
        return _difference_mappings(got, want, rtol, atol) if isinstance(got, Mapping) else _wrong_kind(got, want)
    if isinstance(want, (set, frozenset)):
        if not isinstance(got, (set, frozenset)):
            return _wrong_kind(got, want)
        return _difference_keys(set(got), set(want), "element")
    if isinstance(want, (str, bytes, bool, np.bool_)) or want is None:
        kinds = (bool, np.bool_) if isinstance(want, (bool, np.bool_)) else type(want)
        if not isinstance(got, kinds):
            return _wrong_kind(got, want)
        return None if got == want else f"should be {_plain(want)}, but is {_plain(got)}."
    if _is_number(want):
        if isinstance(got, (bool, np.bool_)) or not _is_number(got):
            return _wrong_kind(got, want)
        return _difference_arrays(np.asarray(got), np.asarray(want), rtol, atol)
    if isinstance(want, (list, tuple, np.ndarray)):
        if isinstance(got, (str, bytes)) or not isinstance(got, (list, tuple, np.ndarray, pd.Series, pd.Index)):
            return _wrong_kind(got, want)
        return _difference_sequences(got, want, rtol, atol)
    if type(got) is not type(want):
        return _wrong_kind(got, want)
    return None if got == want else f"should be {_plain(want)}, but is {_plain(got)}."


def _difference_sequences(got: Any, want: Any, rtol: float, atol: float) -> str | None:
    try:
        a, b = np.asarray(got), np.asarray(want)
        regular = a.dtype != object and b.dtype != object
    except ValueError:  # ragged
        regular = False
    if regular:
        return _difference_arrays(a, b, rtol, atol)
    if len(got) != len(want):
        return f"the length should be {len(want)}, but is {len(got)}."
    for n, (g, w) in enumerate(zip(got, want)):
        inner = _difference(g, w, rtol, atol)
        if inner:
            return f"entry {n}: {inner}"
    return None


def _difference_arrays(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> str | None:
    if got.shape != want.shape:
        return f"the shape should be {want.shape}, but is {got.shape}."
    numeric = got.dtype.kind in "biufc" and want.dtype.kind in "biufc"
    if not numeric or "b" in (got.dtype.kind + want.dtype.kind):
        if got.dtype.kind != want.dtype.kind and not {got.dtype.kind, want.dtype.kind} <= set("UOT"):
            return f"the values should be {_dtype(want)}, but are {_dtype(got)}."
        wrong = np.asarray(got != want) & ~(pd.isna(got) & pd.isna(want))
    else:
        wrong = ~np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return None
    if got.ndim == 0:
        return f"should be {_plain(want[()])}, but is {_plain(got[()])}."
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = first[0] if len(first) == 1 else first
    many = "" if wrong.size == 1 or wrong.sum() == 1 else f" ({int(wrong.sum()):,} of {wrong.size:,} entries differ)"
    return f"entry {place} should be {_plain(want[first])}, but is {_plain(got[first])}{many}."


def _difference_sparse(got: Any, want: Any, rtol: float, atol: float) -> str | None:
    if got.shape != want.shape:
        return f"the shape should be {want.shape}, but is {got.shape}."
    # By what is stored, not by value: a stored zero is a rating, a missing entry is not.
    a, b = (sparse.coo_array(sparse.csr_array(m, copy=True)) for m in (got, want))
    stored = [dict(zip(zip(m.coords[0].tolist(), m.coords[1].tolist()), m.data.tolist())) for m in (a, b)]
    keys = _difference_keys(set(stored[0]), set(stored[1]), "stored entry")
    if keys:
        return keys
    order = sorted(stored[1])
    values = [np.array([m[k] for k in order], dtype=float) for m in stored]
    wrong = ~np.isclose(values[0], values[1], rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return None
    n = int(np.argmax(wrong))
    return f"entry {order[n]} should be {_plain(values[1][n])}, but is {_plain(values[0][n])}."


def _difference_series(got: pd.Series, want: pd.Series, rtol: float, atol: float) -> str | None:
    if len(got) != len(want):
        return f"the length should be {len(want)}, but is {len(got)}."
    if not got.index.equals(want.index):
        if set(got.index) == set(want.index):
            return f"the index is in another order: it should start with {_plain(list(want.index[:3]))}."
        return f"the index: {_difference_keys(set(got.index), set(want.index), 'label') or 'labels repeat otherwise.'}"
    for label, g, w in zip(want.index, got, want):
        if pd.isna(w) if np.isscalar(w) else False:
            inner = None if np.isscalar(g) and pd.isna(g) else f"should be missing, but is {_plain(g)}."
        elif np.isscalar(g) and pd.isna(g):
            inner = f"should be {_plain(w)}, but is missing."
        else:
            inner = _difference(g, w, rtol, atol)
        if inner:
            return f"at {label!r}: {inner}"
    return None


def _difference_frames(got: pd.DataFrame, want: pd.DataFrame, rtol: float, atol: float) -> str | None:
    if list(got.columns) != list(want.columns):
        if set(got.columns) == set(want.columns):
            return f"the columns are in another order: it should be {', '.join(map(str, want.columns))}."
        return f"the columns: {_difference_keys(set(got.columns), set(want.columns), 'column')}"
    if len(got) != len(want):
        return f"there should be {len(want):,} rows, but there are {len(got):,}."
    for n, column in enumerate(want.columns):
        inner = _difference_series(got.iloc[:, n], want.iloc[:, n], rtol, atol)
        if inner:
            return f"column {column!r}: {inner}"
    return None


def _difference_mappings(got: Mapping, want: Mapping, rtol: float, atol: float) -> str | None:
    keys = _difference_keys(set(got), set(want), "key")
    if keys:
        return keys
    for key in want:
        inner = _difference(got[key], want[key], rtol, atol)
        if inner:
            return f"at {key!r}: {inner}"
    return None


def _difference_keys(got: set, want: set, noun: str) -> str | None:
    def few(keys: set) -> str:
        shown = sorted(map(_plain, keys))
        return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")

    if want - got:
        return f"{noun} {few(want - got)} is missing."
    if got - want:
        return f"{noun} {few(got - want)} should not be there."
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.number)) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iufc"
    )


def _wrong_kind(got: Any, want: Any) -> str:
    return f"should be {_kind(want)}, but is {_kind(got)}."


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, (bool, np.bool_)):
        return "True or False"
    if isinstance(value, FunctionType):
        return "a function"
    if _is_number(value):
        return f"a number ({_plain(value)})" if np.ndim(value) == 0 else "a number"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    name = {str: "text", pd.DataFrame: "a DataFrame", pd.Series: "a Series", dict: "a dict"}.get(type(value))
    return name or f"a {type(value).__name__}"


def _dtype(values: np.ndarray) -> str:
    return {"b": "True or False", "i": "numbers", "u": "numbers", "f": "numbers", "c": "numbers"}.get(
        values.dtype.kind, "texts"
    )


def _plain(value: Any) -> str:
    """A value for people: np.float64(0.30000000000000004) reads 0.3."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = repr(value)
        return text if len(text) <= 80 else text[:77] + "..."
    return f"{value:.6g}" if isinstance(value, float) else str(value)


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
