"""What stands between `### BEGIN SOLUTION` and `### END SOLUTION`, and what each reader sees in its place."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable

from recsys_lab.errors import DataError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB_CODE, STUB_ANSWER = "...  # your code here", "...  # your answer"

Region = Callable[[str, list[str]], list[str]]  # (indentation of the markers, lines between them) -> lines instead


def stub(source: str) -> str:
    """The learner's form: each solution becomes a stub. All else stays as it is.

    >>> print(stub("answer = 0\\n### BEGIN SOLUTION\\nanswer = 42\\n### END SOLUTION"))
    answer = 0
    answer = ...  # your answer
    """
    return _replace(source, lambda indent, lines: _stub_lines(indent, lines))


def solved(source: str) -> str:
    """The instructor's form: the solution stands, its markers do not."""
    return _replace(source, lambda indent, lines: lines)


def graded(source: str) -> str:
    """nbgrader's form: markers stay, and names answered at top level are bound above them.

    nbgrader replaces a region by one fixed line, so without that binding an unanswered name would not exist.
    """

    def region(indent: str, lines: list[str]) -> list[str]:
        head = [] if indent else _stub_lines(indent, lines)
        return [*head, indent + BEGIN, *lines, indent + END]

    return _replace(source, region)


def solution(source: str) -> str:
    """Only what stands between the markers, without common indentation."""
    parts: list[str] = []

    def keep(indent: str, lines: list[str]) -> list[str]:
        parts.append(textwrap.dedent("\n".join(lines)).strip("\n"))
        return []

    _replace(source, keep)
    return "\n\n".join(parts)


def _replace(source: str, region: Region) -> str:
    out: list[str] = []
    inside: list[str] | None = None
    indent = ""
    for line in source.split("\n"):
        mark = line.strip()
        if mark == BEGIN:
            inside, indent = [], line[: len(line) - len(line.lstrip())]
        elif mark == END and inside is not None:
            out += region(indent, inside)
            inside = None
        elif inside is not None:
            inside.append(line)
        else:
            out.append(line)
    return "\n".join(out)


def _stub_lines(indent: str, lines: list[str]) -> list[str]:
    if indent:
        return [indent + STUB_CODE]
    names: list[str] = []
    for statement in ast.parse("\n".join(lines)).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found = [statement.name]
        elif isinstance(statement, ast.Assign):
            found = [n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and isinstance(statement.target, ast.Name):
            found = [statement.target.id]
        else:
            found = []
        names += [name for name in found if name not in names and not name.startswith("_")]
    if not names:
        raise DataError("a solution at top level that answers nothing")
    return [f"{name} = {STUB_ANSWER}" for name in names]
