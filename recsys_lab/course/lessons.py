"""Lesson sources: one text file a lesson, read, checked, and never guessed at.

A lesson is a jupytext percent script in `curriculum/`. It starts with a front matter (YAML in comments) and holds
Markdown cells, code cells, exercises with their solutions, and the cells that check them:

    # %% exercise="2.2.1"
    def similarity(a, b):
        ### BEGIN SOLUTION
        return a @ b
        ### END SOLUTION
    # %% check="2.2.1"
    similarity_checked = ex("2.2.1").check(similarity)

`read` parses one source and collects *all* of its problems, each with file, line and remedy, before it refuses.
`all_lessons` reads them all and checks what only shows in the whole: double ids, unknown prerequisites, cycles.
"""

from __future__ import annotations

import ast
import difflib
import functools
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recsys_lab.course.solutions import BEGIN, END, stub
from recsys_lab.errors import DataError, UnknownIdError

IGNORE_OUTPUT = "nbval-ignore-output"

_FIELDS = {"id": str, "title": str, "phase": int, "minutes": int, "prerequisites": list, "objectives": list}
_CELL_KEYS = ("exercise", "check", "instructor", "tags", "reason")
_TAGS = (IGNORE_OUTPUT, "raises-exception", "hide-input")


class LessonError(DataError):
    """A lesson source was refused. Each line of the message says file, line, what is wrong and what to do."""


def home() -> Path:
    """The repository's folder: the environment's RECSYS_LAB_HOME, or the folder that holds the package."""
    named = os.environ.get("RECSYS_LAB_HOME")
    return Path(named).resolve() if named else Path(__file__).resolve().parents[2]


# ------------------------------------------------------------------ the map of the course
@dataclass(frozen=True)
class Entry:
    """One lesson of the map: it may not be written yet. `file` is relative to `curriculum/`."""

    id: str
    title: str
    file: str
    phase: int
    weeks: float


@dataclass(frozen=True)
class Phase:
    number: int
    title: str
    folder: str
    weeks: float
    lessons: tuple[Entry, ...]


def course_map() -> tuple[Phase, ...]:
    """The phases and all their lessons, as `curriculum/course.toml` lists them."""
    path = home() / "curriculum" / "course.toml"
    return _course_map(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _course_map(path: Path, _changed: int) -> tuple[Phase, ...]:
    phases = []
    for phase in tomllib.loads(path.read_text(encoding="utf-8"))["phase"]:
        folder = phase["folder"]
        entries = tuple(
            Entry(
                e["id"],
                e["title"],
                f"{folder}/{e['file']}.py" if folder else f"{e['file']}.py",
                phase["number"],
                e["weeks"],
            )
            for e in phase["lessons"]
        )
        phases.append(Phase(phase["number"], phase["title"], folder, phase["weeks"], entries))
    return tuple(phases)


def entries() -> dict[str, Entry]:
    """Every lesson of the map by id, in the order of the course."""
    return {entry.id: entry for phase in course_map() for entry in phase.lessons}


def entry(id: str) -> Entry:
    """The map's entry for a lesson id. Raises UnknownIdError that suggests the nearest id or title."""
    known = entries()
    if id in known:
        return known[id]
    near = difflib.get_close_matches(id, known, 3, 0.5) or [
        e.id for e in known.values() if id.lower() in e.title.lower()
    ]
    advice = f" Did you mean {', '.join(near)}?" if near else " `curriculum/course.toml` lists them."
    raise UnknownIdError(f"no lesson {id!r} in the map of the course.{advice}")


# ------------------------------------------------------------------ cells and lessons
@dataclass(frozen=True)
class Cell:
    """One cell of a source. `line` is the line of its first marker, counted from 1."""

    kind: Literal["markdown", "code"]
    source: str
    line: int
    exercise: str | None = None
    check: str | None = None
    instructor: bool = False
    tags: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Lesson:
    """A checked lesson. `file` is relative to `curriculum/`; `minutes` is a person's time."""

    id: str
    title: str
    phase: int
    minutes: int
    prerequisites: tuple[str, ...]
    objectives: tuple[str, ...]
    file: str
    cells: tuple[Cell, ...]

    @property
    def source(self) -> str:
        """The source's path from the repository's folder."""
        return f"curriculum/{self.file}"

    @property
    def notebook(self) -> str:
        """The learner notebook's path from the repository's folder."""
        return f"notebooks/{Path(self.file).with_suffix('.ipynb').as_posix()}"

    @property
    def exercises(self) -> tuple[str, ...]:
        return tuple(cell.exercise for cell in self.cells if cell.exercise)

    def cell_of(self, exercise: str) -> Cell:
        """The cell of an exercise. Raises UnknownIdError."""
        for cell in self.cells:
            if cell.exercise == exercise:
                return cell
        raise UnknownIdError(
            f"no exercise {exercise!r} in {self.source}; it has {', '.join(self.exercises) or 'none'}."
        )


# ------------------------------------------------------------------ reading
def read(path: Path) -> Lesson:
    """Parse and check one source. Raises LessonError with every problem found."""
    path = path.resolve()
    return _read(path, path.stat().st_mtime_ns, home())


@functools.lru_cache(maxsize=128)
def _read(path: Path, _changed: int, root: Path) -> Lesson:
    import jupytext  # slow, and a learner's kernel needs it only for a solution
    from jupytext.config import JupytextConfiguration

    text = path.read_text(encoding="utf-8")
    file = path.relative_to(root / "curriculum").as_posix()
    problems = _Problems(f"curriculum/{file}")
    front, body = _front_matter(text, problems)
    fields = _fields(front, file, problems)

    # Without a configuration jupytext would look for one in the folders above.
    notebook = jupytext.reads(body, fmt="py:percent", config=JupytextConfiguration())
    first = text.count("\n") - body.count("\n")
    lines = _marker_lines(body, first)
    if len(lines) != len(notebook.cells):
        problems.add(
            1, "code before the first cell marker, or a marker inside a string", "start every cell with `# %%`"
        )
        problems.raise_any()
    cells = tuple(_cell(raw, line, problems) for raw, line in zip(notebook.cells, lines))
    _check_cells(cells, fields.get("id", ""), problems)
    problems.raise_any()
    return Lesson(file=file, cells=cells, **fields)


class _Problems:
    """Collects what is wrong with one source, so that one run names it all."""

    def __init__(self, source: str):
        self.source = source
        self.found: list[tuple[int, str]] = []

    def add(self, line: int, what: str, remedy: str) -> None:
        self.found.append((line, f"{self.source}:{line}: {what}: {remedy}."))

    def raise_any(self) -> None:
        if self.found:
            raise LessonError("\n".join(message for _, message in sorted(self.found)))


def _front_matter(text: str, problems: _Problems) -> tuple[Any, str]:
    """(the `lesson` mapping of the front matter, the text after it)."""
    import yaml

    found = re.match(r"# ---[ \t]*\n((?:#.*\n)*?)# ---[ \t]*\n", text)
    if not found:
        problems.add(1, "no front matter", "start the file with `# ---`, `# lesson:`, its fields and `# ---`")
        problems.raise_any()
    assert found is not None
    try:
        # BaseLoader keeps every scalar as text: an unquoted 2.10 would otherwise turn into the number 2.1.
        front = yaml.load(re.sub(r"(?m)^# ?", "", found[1]), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        problems.add(line, f"the front matter is not YAML ({getattr(error, 'problem', error)})", "mend it; quote texts")
        problems.raise_any()
    return front, text[found.end() :]


def _fields(front: Any, file: str, problems: _Problems) -> dict[str, Any]:
    """The front matter's fields, typed and compared with the map of the course."""
    lesson = front.get("lesson") if isinstance(front, dict) else None
    if not isinstance(lesson, dict):
        problems.add(1, "the front matter has no `lesson:`", f"give it the fields {', '.join(_FIELDS)}")
        problems.raise_any()
        raise AssertionError("unreachable")
    for name in lesson:
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, 1)
            problems.add(
                1, f"unknown front-matter field {name!r}", f"did you mean {near[0]!r}?" if near else "remove it"
            )
    fields: dict[str, Any] = {}
    for name, kind in _FIELDS.items():
        value = lesson.get(name)
        if value is None or value == "":
            problems.add(1, f"the front matter lacks {name!r}", f"add `#   {name}: ...` under `# lesson:`")
        elif kind is int:
            if not re.fullmatch(r"\d+", str(value)):
                problems.add(1, f"{name}: {value!r} is not a whole number", "write a number such as 90")
            else:
                fields[name] = int(value)
        elif kind is list:
            if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
                problems.add(1, f"{name}: {value!r} is not a list of texts", f'write it as `{name}: ["..."]`')
            else:
                fields[name] = tuple(value)
        else:
            fields[name] = str(value)
    problems.raise_any()
    if not 1 <= fields["minutes"] <= 1000:
        problems.add(1, f"minutes: {fields['minutes']}", "give a person's time, 1 to 1000")
    if not 3 <= len(fields["objectives"]) <= 5:
        problems.add(
            1, f"{len(fields['objectives'])} objectives", "name three to five things the learner can do afterwards"
        )
    _check_against_map(fields, file, problems)
    return fields


def _check_against_map(fields: dict[str, Any], file: str, problems: _Problems) -> None:
    known = entries()
    if fields["id"] not in known:
        problems.add(1, f"lesson {fields['id']!r} is not in the map", "add it to curriculum/course.toml or mend the id")
        return
    planned = known[fields["id"]]
    for name, here, there in (
        ("file", file, planned.file),
        ("title", fields["title"], planned.title),
        ("phase", fields["phase"], planned.phase),
    ):
        if here != there:
            problems.add(1, f"{name} {here!r} differs from the map's {there!r}", "change it, or curriculum/course.toml")
    for needed in fields["prerequisites"]:
        if needed == fields["id"]:
            problems.add(1, "the lesson is its own prerequisite", "remove it")
        elif needed not in known:
            near = difflib.get_close_matches(needed, known, 1, 0.5)
            advice = f"did you mean {near[0]!r}?" if near else "use an id of curriculum/course.toml"
            problems.add(1, f"unknown prerequisite {needed!r}", advice.rstrip("?") if near else advice)


def _marker_lines(body: str, first: int) -> list[int]:
    return [first + n for n, line in enumerate(body.split("\n"), 1) if re.match(r"# %%(\s|$)", line)]


def _cell(raw: Any, line: int, problems: _Problems) -> Cell:
    """One jupytext cell as a Cell. Its metadata may hold only the keys that mean something here."""
    meta = dict(raw.metadata)
    title = meta.pop("title", None)
    if title is not None:
        problems.add(line, f"text {title!r} after `# %%`", 'write options as key="value"')
    for layout in ("cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"):
        meta.pop(layout, None)  # jupytext's own notes about blank lines
    for key in [k for k in meta if k not in _CELL_KEYS]:
        near = difflib.get_close_matches(key, _CELL_KEYS, 1)
        remedy = f"did you mean {near[0]!r}" if near else f"the options are {', '.join(_CELL_KEYS)}"
        problems.add(line, f"unknown cell option {key!r}", remedy)
    kind = raw.cell_type
    if kind not in ("markdown", "code"):
        problems.add(line, f"a {kind} cell", "use a code cell or `# %% [markdown]`")
    tags = tuple(meta.get("tags", ()))
    for tag in tags:
        if tag not in _TAGS:
            problems.add(line, f"unknown tag {tag!r}", f"the tags are {', '.join(_TAGS)}")
    instructor = meta.get("instructor", False)
    if instructor is not False and (instructor is not True or kind != "markdown"):
        problems.add(line, f"instructor={instructor!r} on a {kind} cell", "write `# %% [markdown] instructor=true`")
    for key in ("exercise", "check"):
        if key in meta and (kind != "code" or not isinstance(meta[key], str)):
            problems.add(line, f"{key}={meta[key]!r} on a {kind} cell", f'write `# %% {key}="2.2.1"`')
    return Cell(
        kind,
        raw.source.rstrip(),
        line,
        meta.get("exercise"),
        meta.get("check"),
        instructor is True,
        tags,
        meta.get("reason"),
    )


# ------------------------------------------------------------------ checks that need several cells
def _check_cells(cells: Iterable[Cell], lesson: str, problems: _Problems) -> None:
    cells = list(cells)
    exercises: dict[str, Cell] = {}
    checked: dict[str, Cell] = {}
    ignoring = [cell for cell in cells if IGNORE_OUTPUT in cell.tags]
    for cell in cells:
        if not cell.source.strip():
            problems.add(cell.line, f"an empty {cell.kind} cell", "fill or remove it; it would stay unexecuted")
            continue
        if cell.kind == "markdown":
            continue
        found = re.search(r"NBVAL_\w+", cell.source)
        if found:
            problems.add(
                cell.line, f"the comment {found[0]}", f'use tags=["{IGNORE_OUTPUT}"] reason="..." (one a lesson)'
            )
        _markers(cell, problems)
        if cell.exercise is not None:
            if cell.exercise in exercises:
                first = exercises[cell.exercise].line
                problems.add(cell.line, f"exercise {cell.exercise} was already given in line {first}", "number it anew")
            exercises.setdefault(cell.exercise, cell)
            if not re.fullmatch(re.escape(lesson) + r"\.[1-9]\d*", cell.exercise):
                remedy = f'call it "{lesson}.1", "{lesson}.2", ...'
                problems.add(cell.line, f"exercise {cell.exercise!r} does not belong to lesson {lesson}", remedy)
        if cell.check is not None:
            if cell.check not in exercises:
                problems.add(
                    cell.line, f"a check of the unknown exercise {cell.check!r}", "put it below its exercise cell"
                )
            elif cell.check in checked:
                problems.add(cell.line, f"a second check cell for exercise {cell.check}", "keep one")
            checked.setdefault(cell.check, cell)
            _check_call(cell, problems)
    for id, cell in exercises.items():
        if id not in checked:
            problems.add(cell.line, f"exercise {id} has no check cell", f'add `# %% check="{id}"` below it')
    code = [cell for cell in cells if cell.kind == "code"]
    if lesson and (not code or f'start("{lesson}")' not in code[0].source):
        line = code[0].line if code else 1
        problems.add(line, "the first code cell does not start the lesson", f'put `ex, quiz = start("{lesson}")` there')
    for cell in ignoring[1:]:
        problems.add(
            cell.line, f"a second cell with {IGNORE_OUTPUT}", "one a lesson is the budget; print something stable"
        )
    for cell in ignoring:
        if not cell.reason:
            problems.add(cell.line, f"{IGNORE_OUTPUT} without a reason", 'add reason="..."')


def _markers(cell: Cell, problems: _Problems) -> None:
    """Solution markers must stand in exercise cells only, in pairs, not nested, around code of one depth."""
    opened, pairs, sound = 0, 0, True
    for number, text in enumerate(cell.source.split("\n"), 1):
        line = cell.line + number
        mark = text.strip()
        if mark in (BEGIN, END) and cell.exercise is None:
            problems.add(line, f"{mark} outside an exercise", 'mark the cell: `# %% exercise="2.2.1"`')
            sound = False
        elif mark == BEGIN and opened:
            problems.add(line, f"{BEGIN} inside a solution", f"close the one of line {cell.line + opened} first")
            sound = False
        elif mark == BEGIN:
            opened = number
        elif mark == END and not opened:
            problems.add(line, f"{END} without {BEGIN}", "add the beginning or remove it")
            sound = False
        elif mark == END:
            opened, pairs = 0, pairs + 1
        elif re.search(r"#\s*(BEGIN|END)\s+SOLUTION", text, re.IGNORECASE):
            problems.add(line, f"{mark!r} is not a marker", f"write exactly `{BEGIN}` and `{END}`")
            sound = False
    if opened:
        problems.add(cell.line + opened, f"{BEGIN} without {END}", f"add `{END}` below the solution")
        sound = False
    if cell.exercise is not None and sound:
        if not pairs:
            problems.add(cell.line, f"exercise {cell.exercise} has no solution", f"add `{BEGIN}` and `{END}`")
            return
        try:
            ast.parse(cell.source)
            ast.parse(stub(cell.source))
        except SyntaxError as error:
            problems.add(
                cell.line + (error.lineno or 1), f"exercise {cell.exercise} does not parse ({error.msg})", "mend it"
            )
        except DataError as error:
            problems.add(cell.line, str(error), "assign the answer to a name between the markers")


def _check_call(cell: Cell, problems: _Problems) -> None:
    """A check cell must be `other_name = ex("ID").check(answer)`.

    Another name, because otherwise a second run of the cell would check the reference, not the answer.
    """
    want = f'write `answer_checked = ex("{cell.check}").check(answer)`'
    call = check_call(cell)
    if call is None:
        problems.add(cell.line, f"the check cell of {cell.check} does not check it", want)
        return
    target, names = call
    if target in names:
        problems.add(cell.line, f"the check cell of {cell.check} overwrites {target!r}", want)


def check_call(cell: Cell) -> tuple[str | None, set[str]] | None:
    """(the name the checked answer is bound to, the names it was made of), or None if the cell checks nothing."""
    try:
        statements = ast.parse(cell.source).body
    except SyntaxError:
        return None
    for statement in statements:
        value = getattr(statement, "value", None)
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "check"):
            continue
        made = value.func.value
        if not (isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == "ex"):
            continue
        if [getattr(a, "value", None) for a in made.args] != [cell.check]:
            continue
        names = {n.id for a in value.args for n in ast.walk(a) if isinstance(n, ast.Name)}
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            return statement.targets[0].id, names
        return None, names
    return None


# ------------------------------------------------------------------ the whole course
def sources() -> list[Path]:
    """Every lesson source: the .py files of `curriculum/` whose names start with a number, in the map's order."""
    folder = home() / "curriculum"
    order = {e.file: n for n, e in enumerate(entries().values())}
    found = [p for p in folder.rglob("*.py") if re.match(r"\d", p.name) and "__pycache__" not in p.parts]
    return sorted(found, key=lambda p: (order.get(p.relative_to(folder).as_posix(), len(order)), p.as_posix()))


def all_lessons() -> dict[str, Lesson]:
    """Every written lesson by id, in the order of the course. Raises LessonError that lists every problem of all."""
    lessons: dict[str, Lesson] = {}
    problems: list[str] = []
    for path in sources():
        try:
            lesson = read(path)
        except LessonError as error:
            problems.append(str(error))
            continue
        if lesson.id in lessons:
            problems.append(
                f"{lesson.source}:1: lesson {lesson.id} is already {lessons[lesson.id].source}: renumber one."
            )
        lessons[lesson.id] = lesson
    problems += _cycles(lessons)
    if problems:
        raise LessonError("\n".join(problems))
    return lessons


def find(id: str) -> Lesson:
    """One written lesson. Raises UnknownIdError when it is not in the map or not written yet."""
    planned = entry(id)
    path = home() / "curriculum" / planned.file
    if not path.exists():
        raise UnknownIdError(
            f"lesson {id} is not written yet: `recsys-lab lesson new {id}` starts curriculum/{planned.file}."
        )
    return read(path)


def _cycles(lessons: dict[str, Lesson]) -> list[str]:
    """Depth-first search: a lesson met again on its own path closes a cycle."""
    done: set[str] = set()
    found: list[str] = []

    def visit(id: str, path: tuple[str, ...]) -> None:
        if id in path:
            cycle = [*path[path.index(id) :], id]
            found.append(
                f"{lessons[id].source}:1: prerequisites form a cycle, {' -> '.join(cycle)}: remove one of them."
            )
        elif id not in done and id in lessons:
            for needed in lessons[id].prerequisites:
                visit(needed, (*path, id))
            done.add(id)

    for id in lessons:
        visit(id, ())
    return found


def new(id: str, title: str | None = None) -> list[Path]:
    """Start a lesson: a source with all its sections, and its exercises' module. Returns the two paths.

    The skeleton is refused by `check` until it is filled in. An existing file is never overwritten.
    """
    from recsys_lab.course import skeleton  # it needs this module

    return skeleton.write(entry(id), title)
