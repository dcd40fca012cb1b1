"""Coding drills: twenty problems, judged by tests and by counted operations.

    recsys-lab code                     # the twenty, and which of them you have done
    recsys-lab code start top-k         # my_work/drills/top_k.py, to be filled in with any editor
    recsys-lab code check my_work/drills/top_k.py

and in a notebook:

    from recsys_lab.course import drills
    drills.show("top-k")
    drills.check("top-k", top_k)
"""

from __future__ import annotations

import difflib
import functools
import importlib
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recsys_lab.errors import UnknownIdError

if TYPE_CHECKING:
    from recsys_lab.course.drills.drill import Drill
    from recsys_lab.course.drills.judging import Verdict

__all__ = ["check", "every", "get", "hint", "report", "show"]

_FILES = (
    *("heaps", "merging", "sampling", "ranking", "caches", "deadlines", "lists"),
    *("buckets", "sketches", "streams", "pairs", "windows"),
)


@functools.cache
def every() -> dict[str, Drill]:
    """All drills by name, in the order of the problems' files."""
    modules = [importlib.import_module(f"recsys_lab.course.drills.problems.{file}") for file in _FILES]
    return {drill.name: drill for module in modules for drill in module.DRILLS}


def get(name: str) -> Drill:
    """One drill. Raises UnknownIdError, which names near ones."""
    known = every()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownIdError(f"there is no drill {name!r}; `recsys-lab code` lists all {len(known)}.{advice}")
    return known[name]


def statement(drill: Drill) -> str:
    """The problem with its examples, in Markdown that reads as plain text."""
    examples = [f"    {drill.shown(case.given)}\n        -> {_told(case.want)}" for case in drill.visible]
    about = textwrap.dedent(drill.statement).strip()
    return f"{drill.title}\n\n{about}\n\nWanted: {drill.complexity}.\n\nExamples:\n\n" + "\n".join(examples)


def _told(want: Any) -> str:
    return (want.__doc__ or "").strip() if callable(want) else repr(want)


def show(name: str) -> None:
    """Print a problem and the signature to begin with."""
    drill = get(name)
    print(f"{statement(drill)}\n\n{drill.stub()}")


def hint(name: str, number: int = 1) -> None:
    """Print hint 1, 2 or 3."""
    print(get(name).hints[min(max(number, 1), 3) - 1])


def check(name: str, answer: Callable[..., Any]) -> Verdict:
    """Judge an answer, and print what was found."""
    from recsys_lab.course.drills.judging import (
        judge,  # not above: the command line would import pandas to show its help
    )

    drill = get(name)
    verdict = judge(drill, answer)
    print(report(drill, verdict))
    return verdict


def report(drill: Drill, verdict: Verdict) -> str:
    """A verdict in a few lines."""
    lines = [f"{name} tests: {passed} of {of} passed" for name, passed, of in verdict.tests]
    for one in verdict.measured:
        held = f", at most {one.held:,} values of the input alive at once" if drill.cost.held else ""
        lines.append(f"n = {one.n:,}: {one.operations:,} operations{held}")
    sign = "✓" if verdict.passed else "✗"
    said = f"right, and within {drill.complexity}." if verdict.passed else verdict.message
    return "\n".join([f"{sign} {drill.name}: {said}", *(f"  {line}" for line in lines)])
