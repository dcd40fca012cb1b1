"""Drills as files: write one to fill in, and judge what stands in it, in a process of its own."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from recsys_lab.course import drills
from recsys_lab.course.drills.drill import Drill
from recsys_lab.course.exercise import attempted
from recsys_lab.course.lessons import home
from recsys_lab.errors import DataError, MissingDataError

LIMIT = 60.0  # seconds for all tests of one file


def start(name: str, folder: Path | None = None) -> Path:
    """Write the file of a drill: problem, examples, stub. Raises DataError where there is one already."""
    drill = drills.get(name)
    folder = folder or home() / "my_work" / "drills"
    file = folder / f"{name.replace('-', '_')}.py"
    if file.exists():
        raise DataError(f"{file} is there already: go on in it, or remove it to begin anew.")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text(drill), encoding="utf-8")
    return file


def text(drill: Drill) -> str:
    """What the file holds at first."""
    about = "\n".join(textwrap.fill(line, 100, subsequent_indent=_indent(line)) for line in _problem(drill).split("\n"))
    return f'r"""{about}\n"""\n\n{_imports(drill.stub())}\n\n\n{drill.stub()}'


def _problem(drill: Drill) -> str:
    return drills.statement(drill).replace('"""', "'''")


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()) + 4) if line.startswith(" ") else ""


def _imports(stub: str) -> str:
    """Those that the signature's types need; with the first one they are never looked up."""
    lines = ["from __future__ import annotations"]
    abc = [name for name in ("Callable", "Hashable", "Iterable", "Iterator") if f"{name}[" in stub or f": {name}" in stub]
    plain = (["import random"] if "random.Random" in stub else []) + (
        [f"from collections.abc import {', '.join(abc)}"] if abc else []
    )
    plain += ["from typing import Any"] if "Any" in stub.replace("Any ", "") and ": Any" in stub + "-> Any" else []
    return "\n".join(lines + ([""] + plain if plain else []))


def drill_of(file: Path, name: str | None = None) -> Drill:
    """Which drill a file answers: by `name`, or by how the file is called."""
    return drills.get(name or file.stem.replace("_", "-"))


def check(file: Path, name: str | None = None) -> tuple[bool, str]:
    """Judge a file. (passed, report); a drill that is passed is noted in the learner's progress."""
    from recsys_lab.course import progress
    from recsys_lab.course.projects.running import run

    if not file.is_file():
        raise MissingDataError(f"there is no {file}: `recsys-lab code start NAME` writes one.")
    drill = drill_of(file, name)
    done = run(file, "drill", {}, limit=LIMIT, name=drill.name)
    found = done.answer("check")
    if found is None:
        failed = done.errors.get("import") or done.errors.get("check") or done.trouble("check")
        return False, f"✗ {drill.name}: {failed}"
    if found["passed"]:
        progress.record_drill(drill.name)
    return found["passed"], found["report"]


def judged(module: Any, name: str) -> dict[str, Any]:
    """What the learner's process hands back."""
    drill = drills.get(name)
    answer = getattr(module, drill.function, None)
    if not callable(answer):
        raise DataError(f"the file defines no `{drill.function}`, which is what the drill {name} asks for.")
    if not attempted(answer):
        return {"passed": False, "report": f"○ {name} not attempted: put your code in the place of each `...`"}
    verdict = drills.judge(drill, answer)
    return {"passed": verdict.passed, "report": drills.report(drill, verdict)}
