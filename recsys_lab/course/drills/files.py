"""Drills as files: write one to fill in, and judge what stands in it, in a process of its own."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from recsys_lab import records
from recsys_lab.course import drills
from recsys_lab.course.drills.drill import Drill
from recsys_lab.course.drills.judging import judge
from recsys_lab.course.exercise import attempted
from recsys_lab.course.lessons import home
from recsys_lab.errors import DataError, MissingDataError, UnknownIdError

LIMIT = 60.0  # seconds for all tests of one file


def start(name: str, folder: Path | None = None) -> Path:
    """Write the file of a drill: problem, examples, stub. Raises DataError where there is one already."""
    drill = drills.get(name)
    folder = folder or home() / "my_work" / "drills"
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: --dir wants a folder.")
    file = folder / f"{name.replace('-', '_')}.py"
    if file.exists():
        raise DataError(f"{file} is there already: go on in it, or remove it to begin anew.")
    folder.mkdir(parents=True, exist_ok=True)
    records.write(file, text(drill))
    return file


def text(drill: Drill) -> str:
    """What the file holds at first."""
    problem = drills.statement(drill).replace('"""', "'''")
    parts = [part if part.startswith("    ") else textwrap.fill(part, 100) for part in problem.split("\n\n")]
    about = "\n\n".join(parts)
    return f'r"""{about}\n"""\n\n{_imports(drill.stub())}\n\n\n{drill.stub()}'


def _imports(stub: str) -> str:
    """Those that the types in the signatures need."""
    modules = {"collections.abc": ["Callable", "Hashable", "Iterable", "Iterator"], "typing": ["Any"]}
    lines = ["import random"] if "random.Random" in stub else []
    for module, names in modules.items():
        used = [name for name in names if re.search(rf"[:>\[] ?{name}\b", stub)]
        lines += [f"from {module} import {', '.join(used)}"] if used else []
    return "\n".join(["from __future__ import annotations", *[""] * bool(lines), *lines])


def drill_of(file: Path, name: str | None = None) -> Drill:
    """Which drill a file answers: by `name`, or by how the file is called."""
    try:
        return drills.get(name or file.stem.replace("_", "-"))
    except UnknownIdError as error:
        if name:
            raise
        raise UnknownIdError(f"{error} For a file that is called otherwise, say which: --name top-k.") from None


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
    verdict = judge(drill, answer)
    return {"passed": verdict.passed, "report": drills.report(drill, verdict)}
