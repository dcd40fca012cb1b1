"""The cases: one TOML file each, read, checked as a whole, and refused with all its problems at once.

Four criteria are the same for all cases and come from `cases/rubric.toml`; the rest are the case's own. Texts may name a
number in braces, "{peak_lists_per_second}", and are filled in when read: no figure is typed twice.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from recsys_lab.course import lessons
from recsys_lab.course.interview.arithmetic import stated, work_out
from recsys_lab.course.interview.case import LEVELS, Case, Criterion, Design, Flawed
from recsys_lab.errors import DataError, UnknownIdError

CASES = Path(__file__).parent / "cases"
_COMMON = "rubric"
_CLOSE = 0.005  # a stated value may differ from its expression by this share: three digits are stated
_BRACES = re.compile(r"\{(\w+)\}")
_RESERVED = {"end", "graph", "subgraph", "flowchart", "class", "click", "style", "default"}  # Mermaid's own words


class CaseError(DataError):
    """A case file was refused. Each line of the message says file, place, what is wrong and what to do."""


# ------------------------------------------------------------------ the door
def names() -> tuple[str, ...]:
    """The cases that there are."""
    return tuple(sorted(path.stem for path in CASES.glob("*.toml") if path.stem != _COMMON))


@functools.cache
def load(name: str) -> Case:
    """A case of the course, checked. Raises UnknownIdError for a name that there is not."""
    if name not in names():
        raise UnknownIdError(f"no case {name!r}; there are {', '.join(names())}.")
    return read(CASES / f"{name}.toml")


def read(path: Path) -> Case:
    """A case from a file of your own, or of the course. Raises CaseError with all problems that it has."""
    raw, common = _toml(path), _toml(CASES / f"{_COMMON}.toml")
    criteria = raw.get("criterion", [])
    raw["criterion"] = [*common["criterion"], *(criteria if isinstance(criteria, list) else [criteria])]
    problems: list[str] = []
    case = _made(Case, raw, "", problems)
    if not problems:
        problems = list(_problems(case, path.stem))
    if problems:
        raise CaseError("\n".join(f"{path.name}: {problem}" for problem in problems))
    filled = {name: stated(name, value) for name, value in case.numbers().items()}
    return _map(case, lambda text: _BRACES.sub(lambda match: filled[match[1]], text))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CaseError(
            f"{path.name}: not TOML ({error}): quote texts, and put long ones between triple quotes."
        ) from None


# ------------------------------------------------------------------ shape: from tables to the classes above
T = TypeVar("T")


def _made(kind: type[T], raw: object, where: str, problems: list[str]) -> T:
    """An instance of a dataclass from a table; problems are added to the list, and then the result is of no use."""
    if not isinstance(raw, Mapping):
        problems.append(f"{where or 'the file'}: a table is wanted, not {raw!r}.")
        return None  # type: ignore[return-value]
    hints = typing.get_type_hints(kind)
    for field in raw:
        if field not in hints:
            near = difflib.get_close_matches(field, hints, 1)
            advice = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(hints)}."
            problems.append(f"{where}unknown field {field!r}: {advice}")
    values = {}
    for field, hint in hints.items():
        if field in raw:
            values[field] = _value(hint, raw[field], f"{where}{field}", problems)
        else:
            problems.append(f"{where}{field} is missing: add it.")
    return kind(**values) if len(values) == len(hints) else None  # type: ignore[return-value]


def _value(hint: Any, raw: Any, where: str, problems: list[str]) -> Any:
    if isinstance(hint, types.GenericAlias):  # tuple[X, ...]
        if not isinstance(raw, list):
            problems.append(f"{where}: a list is wanted, not {raw!r}.")
            return ()
        (inner, _) = typing.get_args(hint)
        return tuple(_value(inner, one, f"{where} {n}: ", problems) for n, one in enumerate(raw, 1))
    if dataclasses.is_dataclass(hint):
        return _made(hint, raw, where if where.endswith(": ") else f"{where}: ", problems)  # type: ignore[arg-type]
    if hint is float and type(raw) in (int, float):
        return float(raw)
    if hint is str and isinstance(raw, str) and raw.strip():
        return " ".join(raw.split())
    wanted = "a number" if hint is float else "a text that is not empty"
    problems.append(f"{where.rstrip(': ')}: {wanted} is wanted, not {raw!r}.")
    return None


def _map(value: Any, change: Any) -> Any:
    """The same case with every text changed, the expressions of numbers left alone."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_map(one, change) for one in value)
    if dataclasses.is_dataclass(value):
        changed = {f.name: _map(getattr(value, f.name), change) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)  # type: ignore[type-var]
    return value


# ------------------------------------------------------------------ sense
_AT_LEAST = {"functional": 2, "quality": 2, "clarifying": 5, "number": 4, "dive": 3, "card": 3, "postmortem": 2}


def _problems(case: Case, stem: str) -> Iterator[str]:
    if case.name != stem:
        yield f"name is {case.name!r}: call it as the file, {stem!r}."
    for field, least in _AT_LEAST.items():
        if (there := len(getattr(case, field))) < least:
            yield f"{field}: {there} are too few, write at least {least}."
    yield from _numbers_problems(case)
    for which, design in (("design", case.design), ("flawed", case.flawed)):
        yield from (f"{which}: {problem}" for problem in _design_problems(design))
    yield from _flaw_problems(case.flawed)
    yield from _rubric_problems(case.criterion)
    named = {id for dive in case.dive for id in dive.lessons} | {id for one in case.criterion for id in one.lessons}
    for id in sorted(named - set(lessons.entries())):
        yield f"lesson {id!r} is not in the map of the course: curriculum/course.toml lists them."


def _numbers_problems(case: Case) -> Iterator[str]:
    known: dict[str, float] = {given.name: given.value for given in case.given}
    if len(known) < len(case.given):
        yield "given: two assumptions have one name."
    for number in case.number:
        if number.name in known:
            yield f"number {number.name}: the name is taken, choose another."
        try:
            known[number.name] = work_out(number.expression, known)
        except DataError as error:
            yield f"number {number.name}: {error}"
            known[number.name] = number.value
        if abs(known[number.name] - number.value) > _CLOSE * abs(number.value):
            yield f"number {number.name}: {number.expression} gives {known[number.name]:.3g}, not {number.value:g}."
    named: set[str] = set()
    _map(case, lambda text: named.update(_BRACES.findall(text)))
    for name in sorted(named - set(known)):
        yield f"a text names {{{name}}}, which is no number of the case."


def _design_problems(design: Design) -> Iterator[str]:
    ids = [part.id for part in design.part]
    for id in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"part {id!r} is there twice."
    for part in design.part:
        if not part.id.isidentifier() or part.id in _RESERVED:
            yield f"part {part.id!r}: an id is one word, letters and _, and none of Mermaid's own."
        if re.search(r'["<>#`\[\]]', part.label):
            yield f"part {part.id!r}: its label holds a sign that a diagram cannot show."
    joined = {id for flow in design.flow for id in (flow.source, flow.target)}
    for id in sorted(joined - set(ids)):
        yield f"a flow names {id!r}, which is no part."
    for id in sorted(set(ids) - joined):
        yield f"part {id!r} has no flow: connect it, or leave it out."


def _flaw_problems(flawed: Flawed) -> Iterator[str]:
    places, ids = [flaw.place for flaw in flawed.flaw], {part.id for part in flawed.part}
    if len(places) < 3:
        yield f"flawed: {len(places)} flaws are too few, plant at least 3."
    if len(ids) - len(set(places)) < 2:
        yield "flawed: leave at least 2 parts sound, or there is nothing to find."
    for place in sorted(set(places) - ids):
        yield f"flawed: a flaw names {place!r}, which is no part."
    if len(set(places)) < len(places):
        yield "flawed: two flaws in one part; one would do, or name another part."


def _rubric_problems(criteria: tuple[Criterion, ...]) -> Iterator[str]:
    ids = [criterion.id for criterion in criteria]
    if len(set(ids)) < len(ids):
        yield "criterion: two have one id."
    for criterion in criteria:
        if len(criterion.levels) != LEVELS or len(set(criterion.levels)) != LEVELS:
            yield f"criterion {criterion.id}: {LEVELS} different levels are wanted, for 0 to {LEVELS - 1}."
        if not criterion.weight > 0:
            yield f"criterion {criterion.id}: weight {criterion.weight:g} should be above 0."
        if not criterion.lessons:
            yield f"criterion {criterion.id}: name at least one lesson that teaches it."
