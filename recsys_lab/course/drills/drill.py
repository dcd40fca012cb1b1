"""What a drill consists of, and how its tests are written."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from recsys_lab.course.drills.counting import Tally

GROWTH = 4  # the cost is counted for n and for 4 n
SLACK = 1.4  # and may grow this much faster than the bound


class Case(NamedTuple):
    """One test. want: what is right; or a function that is given the output and returns a complaint, "" if it has none."""

    given: tuple[Any, ...]
    want: Any


class Mistake(NamedTuple):
    """A named wrong answer. `says` is told to whoever makes it.

    kind : "wrong" gives a wrong output; "slow" is right and takes too many operations; "hoards" keeps too many values.
    """

    name: str
    answer: Callable[..., Any]
    says: str
    kind: Literal["wrong", "slow", "hoards"] = "wrong"


class Cost(NamedTuple):
    """How the counted operations may grow.

    bound : in words, "n log n".   grows : the bound as a function of n.   case : the input of size n.
    n : the smaller size.   held : the most values of a stream that may be alive at once, as a function of n.
    """

    bound: str
    grows: Callable[[int], float]
    case: Callable[[int], tuple[Any, ...]]
    n: int = 256
    held: Callable[[int], float] | None = None


def call(answer: Callable[..., Any], tally: Tally, *given: Any) -> Any:
    """Run a function on counting values."""
    return answer(*(tally.wrap(part) if _counts(part) else part for part in given))


def _counts(part: Any) -> bool:
    return not isinstance(part, (int, float, str))  # k, a gap, a name: what is read once need not count


class Clock:
    """Time as a test sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def play(answer: Callable[..., Any], tally: Tally, setup: tuple[Any, ...], steps: Iterable[tuple[Any, ...]]) -> Any:
    """Make an object, call its methods one by one, and collect what they give; ("at", 5.0) sets the clock."""
    clock = Clock()
    made = answer(*(clock if part is Clock else tally.wrap(part) if _counts(part) else part for part in setup))
    given: list[Any] = []
    for name, *values in steps:
        if name == "at":
            clock.now = values[0]
            given.append(None)
        else:
            given.append(getattr(made, name)(*tally.wrap(tuple(values))))
    return given


def against(
    oracle: Callable[..., Any], inputs: Iterable[tuple[Any, ...]], run: Callable[..., Any] = call
) -> list[Case]:
    """Tests whose right output comes from a slow and simple answer."""
    return [Case(given, run(oracle, Tally(), *given)) for given in inputs]


@dataclass(frozen=True, eq=False)
class Drill:
    """One coding problem, in all that it needs.

    Parameters
    ----------
    name : "top-k".
    topic : the technique, in a few words.
    lesson : where the course had the idea.
    complexity : what a good answer takes, in time and memory.
    statement : input, output, constraints; Markdown.
    reference : a good answer. Its signature and docstring are what the learner begins with.
    visible, hidden : tests; the hidden ones are made when they are first needed.
    run : how a test's input is given to an answer: `call` for functions, `play` for classes.
    """

    name: str
    title: str
    topic: str
    lesson: str
    complexity: str
    statement: str
    reference: Callable[..., Any]
    visible: tuple[Case, ...]
    hidden: Callable[[], list[Case]]
    cost: Cost
    hints: tuple[str, str, str]
    mistakes: tuple[Mistake, ...]
    explanation: str
    run: Callable[..., Any] = call

    @property
    def function(self) -> str:
        """The name that an answer goes by."""
        return self.reference.__name__

    def stub(self) -> str:
        """Signature and docstring of the reference; in place of each body `...  # your code here`."""
        source = inspect.getsource(self.reference)
        lines, tree = source.split("\n"), ast.parse(source)
        for function in sorted(_functions(tree.body), key=lambda f: -f.lineno):
            if function.name.startswith("_") and function.name != "__init__":
                first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
                lines[first - 1 : function.end_lineno] = []  # a helper of the solution
                continue
            head, indent = function.body[0], " " * function.body[0].col_offset
            keep = head.end_lineno if ast.get_docstring(function) else head.lineno - 1
            lines[keep : function.end_lineno] = [f"{indent}...  # your code here"]
        return "\n".join(lines).strip() + "\n"

    def solution(self) -> str:
        """The reference's code."""
        return textwrap.dedent(inspect.getsource(self.reference)).strip() + "\n"

    def shown(self, given: tuple[Any, ...], until: int | None = None) -> str:
        """A test's input as a reader would write it."""
        if self.run is not play:
            return _short(f"{self.function}({', '.join(map(_plain, given))})")
        setup, steps = given
        calls = [f"{name}({', '.join(map(_plain, values))})" for name, *values in list(steps)[:until]]
        return _short(f"{self.function}({', '.join(map(_plain, setup))}): {', '.join(calls)}")


def _functions(body: list[ast.stmt]) -> list[ast.FunctionDef]:
    inner = [f for node in body if isinstance(node, ast.ClassDef) for f in _functions(node.body)]
    return [node for node in body if isinstance(node, ast.FunctionDef)] + inner


def _plain(value: Any) -> str:
    if value is Clock:
        return "clock"
    if inspect.isfunction(value):
        return value.__name__
    if isinstance(value, (list, tuple)) and any(map(inspect.isfunction, value)):
        return f"[{', '.join(map(_plain, value))}]"
    if type(value).__name__ == "Random":
        return "rng"
    return repr(value)


def _short(text: str, most: int = 400) -> str:
    """The end is what failed, so the middle is left out."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"
