"""What the checks of formulas share: which formulas a lesson prints, which of them have a check, and the lesson's code.

    @formula("1.2", r"x \\cdot y = \\sum_{i=1}^{m} x_i\\, y_i")
    def test_dot_product(sides):
        _, dot = sides

`sides` are the formula's sides as functions (`formula_reader`); of several formulas, those of all, in order. When the
test has passed, it is run again with a mistake planted in one formula after the other, and must fail: so no check can be
one that compares a thing with itself.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from formula_reader import formula_sides
from formula_symbols import symbols_of

from recsys_lab.course import exercises_of, lessons

CHECKED: dict[tuple[str, str], str] = {}  # (lesson, formula without blanks) -> the test's name

_DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.S)
_INLINE = re.compile(r"(?<![\\$])\$([^$]+?)\$(?!\$)", re.S)
_OPERATION = re.compile(r"[-+/^]|\\(?:sum|frac|sqrt|cdot|top|min|max|log|ln|cos|text)(?![a-zA-Z])")


def formula(lesson: str, *latex: str) -> Callable:
    """Mark a test as the check of these formulas, quoted as the lesson prints them (blanks do not matter)."""

    def mark(test: Callable) -> Callable:
        @functools.wraps(test)
        def checked(sides: tuple, **fixtures: Any) -> None:
            test(sides, **fixtures)
            for place, one in enumerate(latex):
                before, behind = latex[:place], latex[place + 1 :]
                wrong = (_sides(*before) + mistaken + _sides(*behind) for mistaken in _mistakes(one))
                assert any(_fails(test, sides, fixtures) for sides in wrong), f"the test passes whatever {one} says"

        for one in latex:
            assert (lesson, key(one)) not in CHECKED, f"{lesson}: two checks of {one}"
            CHECKED[lesson, key(one)] = test.__name__
        return pytest.mark.parametrize("sides", [_sides(*latex)], ids=[lesson])(checked)

    return mark


def _sides(*latex: str) -> tuple:
    return tuple(side for one in latex for side in formula_sides(one))


def _mistakes(latex: str) -> Iterator[tuple]:
    """The formula with a sign turned, a square forgotten, a sum begun too late; or with one side doubled."""
    for wrong, right in (("-", r"\+"), ("+", "-"), ("", r"\^2"), ("=2}", "=1}")):
        for match in re.finditer(right, latex):
            yield formula_sides(latex[: match.start()] + wrong + latex[match.end() :])
    sides = formula_sides(latex)
    for place, side in enumerate(sides):
        yield (*sides[:place], lambda side=side, **symbols: 2 * side(**symbols), *sides[place + 1 :])


def _fails(test: Callable, sides: tuple, fixtures: dict[str, Any]) -> bool:
    try:
        with np.errstate(all="ignore"):
            test(sides, **fixtures)
    except (AssertionError, ArithmeticError, np.linalg.LinAlgError):
        return True
    return False


def key(latex: str) -> str:
    return re.sub(r"\s+", "", latex)


@dataclass(frozen=True)
class Printed:
    """A formula of a lesson: a display, or an inline one that defines something. `before` is the text up to its cell's end."""

    latex: str
    place: str  # file:line
    display: bool
    before: str


def printed(lesson: lessons.Lesson) -> list[Printed]:
    """The formulas that must have a check: in the lesson's Markdown, and in what its exercises ask, hint and explain."""
    exercises = {exercise.id: exercise for exercise in exercises_of(lesson.id)}
    texts: list[tuple[str, int, str]] = []  # file, line of its first line, text
    for cell in lesson.cells:
        if cell.kind == "markdown" and not cell.instructor:
            texts.append((lesson.source, cell.line + 1, cell.source))
        elif cell.exercise:
            one = exercises[cell.exercise]
            texts += [(lesson.source, cell.line, text) for text in (one.prompt, *one.hints, one.explanation)]
    found, before = [], ""
    for file, line, text in texts:
        before += "\n" + text
        inline = _DISPLAY.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), _without_code(text))
        matches = [(match, True) for match in _DISPLAY.finditer(text)]
        matches += [(match, False) for match in _INLINE.finditer(inline) if _defines(match[1])]
        for match, display in matches:
            place = f"{file}:{line + text[: match.start()].count(chr(10))}"
            found.append(Printed(match[1], place, display, before))
    return found


def _without_code(text: str) -> str:
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S)


def _defines(latex: str) -> bool:
    """An equation between symbols in which something is computed; not x = 0, nor k = n, nor a list of names."""
    sides = latex.split("=")
    if (
        len(sides) < 2
        or re.fullmatch(r"\s*\([^()]*,[^()]*\)\s*", sides[-1])
        or not all(symbols_of(side) or r"\text" in side for side in sides)
        or latex.count("{") != latex.count("}")
    ):
        return False
    return any(_OPERATION.search(side) or len(symbols_of(re.sub(r"_\{[^}]*\}|_.", "", side))) > 1 for side in sides)


def inline_math(text: str) -> list[str]:
    """All inline formulas and all names in backticks of a text."""
    names = re.findall(r"`([^`]+)`", text)
    named = [f"\\mathrm{{{name}}}" for name in names if name.isidentifier()]
    return _INLINE.findall(_DISPLAY.sub(" ", _without_code(text))) + named


# ------------------------------------------------------------------ the lesson's own code
@functools.cache
def _code(lesson: str) -> str:
    return "\n".join(cell.source for cell in lessons.find(lesson).cells if cell.kind == "code")


def functions_of(lesson: str, *names: str, **given: Any) -> Any:
    """Functions that the lesson defines (solutions included), in a world that holds NumPy, pandas and what is given."""
    world: dict[str, Any] = {"np": np, "pd": pd, **given}
    for statement in ast.parse(_code(lesson)).body:
        if isinstance(statement, ast.FunctionDef) and statement.name in names and statement.name not in world:
            exec(compile(ast.Module([statement], []), f"lesson {lesson}", "exec"), world)
    found = [world[name] for name in names]
    return found[0] if len(found) == 1 else found


def run(lesson: str, *lines: str, **given: Any) -> dict[str, Any]:
    """Run these lines, which must stand in the lesson's cells, on what is given. Returns all names; `shown` is what it shows."""
    shown: dict[str, Any] = {}

    def show(values: dict | None = None, digits: int = 4, **named: Any) -> None:
        shown.update(values or {}, **named)

    world: dict[str, Any] = {"np": np, "pd": pd, "show": show, "shown": shown, **given}
    for line in lines:
        assert line in _code(lesson), f"lesson {lesson} no longer has the line {line!r}: read its formula again"
        exec(line, world)
    return world


def close(got: Any, want: Any, atol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=1e-9, atol=atol)
