"""What the learner has done: one small JSON file on their own machine. Nothing leaves it.

The file is `my_work/progress.json`, or what the environment's RECSYS_LAB_PROGRESS names ("off": nowhere). Builds,
tests and CI record nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_lab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_EMPTY: dict[str, Any] = {"version": 1, "exercises": {}, "quizzes": {}}


def path(command: bool = False) -> Path | None:
    """The progress file, or None where nothing is to be recorded.

    Notebooks record, and commands that ask or grade (command=True); a script that imports the course does not.
    """
    from recsys_lab.course.exercise import _in_ipython
    from recsys_lab.course.lessons import home

    named = os.environ.get("RECSYS_LAB_PROGRESS")
    if named:
        return None if named.lower() == "off" else Path(named)
    proving = os.environ.get("CI") or os.environ.get("PYTEST_VERSION")  # nbval's kernels inherit the latter
    return None if proving or not (command or _in_ipython()) else default_path(home())


def default_path(root: Path) -> Path:
    return root / "my_work" / "progress.json"


def record(exercise: str, state: str) -> None:
    """Note the outcome of a check. Once correct stays correct; every wrong try counts."""

    def change(progress: dict[str, Any]) -> None:
        entry = progress["exercises"].setdefault(exercise, {"state": state, "tries": 0})
        entry["tries"] += state != "not attempted"
        if entry["state"] != "correct":
            entry["state"] = state
            if state == "correct":
                entry["date"] = date.today().isoformat()

    if state != "not attempted":
        _change(change)


def record_quiz(lesson: str, right: int, questions: int, command: bool = False) -> None:
    """Note a quiz's score; the best one stays. A phase's quiz is called "phase 1"."""

    def change(progress: dict[str, Any]) -> None:
        best = progress["quizzes"].get(lesson, {"right": -1})["right"]
        progress["quizzes"][lesson] = {"right": max(best, right), "of": questions}

    if right:
        _change(change, command)


def record_diagnostic(answers: Mapping[int, str]) -> None:
    """Keep the diagnostic's answers so far, {question: letter}, so that it can go on later."""

    def change(progress: dict[str, Any]) -> None:
        progress["diagnostic"] = {str(number): letter for number, letter in answers.items()}

    _change(change, command=True)


def diagnostic() -> dict[int, str]:
    """The diagnostic's answers so far; {} where there are none, or where nothing is recorded."""
    file = path(command=True)
    kept = {} if file is None else read(file).get("diagnostic", {})
    return {int(number): letter for number, letter in kept.items()}


def record_project(number: int, points: int, of: int) -> None:
    """Note a project's points; the best ones stay."""

    def change(progress: dict[str, Any]) -> None:
        projects = progress.setdefault("projects", {})
        best = projects.get(str(number), {"points": -1})["points"]
        projects[str(number)] = {"points": max(best, points), "of": of}

    _change(change, command=True)


def record_drill(name: str) -> None:
    """Note that a coding drill is passed."""

    def change(progress: dict[str, Any]) -> None:
        progress.setdefault("drills", {}).setdefault(name, date.today().isoformat())

    _change(change, command=True)


def drills() -> dict[str, str]:
    """The coding drills that are passed, and since when."""
    file = path(command=True)
    return {} if file is None else dict(read(file).get("drills", {}))


def read(file: Path | None = None) -> dict[str, Any]:
    """What is recorded. Raises DataError if the file is damaged."""
    from recsys_lab.course.lessons import home

    file = file or path() or default_path(home())
    if not file.exists():
        return json.loads(json.dumps(_EMPTY))
    try:
        progress = json.loads(file.read_text(encoding="utf-8"))
        if (
            progress["version"] != 1
            or not isinstance(progress["exercises"], dict)
            or not isinstance(progress["quizzes"], dict)
        ):
            raise KeyError("version")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file.name} is damaged: move {file} away, and progress starts anew.") from error
    return progress


def table() -> pd.DataFrame:
    """Progress by lesson, in the order of the course.

    Columns: lesson, title, written (is there a notebook yet), correct and exercises (counts), points and of
    (points earned and possible), quiz ("3/4", or "").
    """
    import pandas as pd  # here, because `make lab` reads the record at every start

    from recsys_lab.course import exercises_of, lessons, questions_of

    done = read()
    written = lessons.all_lessons()
    rows = []
    for id, entry in lessons.entries().items():
        exercises = exercises_of(id) if id in written else []
        right = [e for e in exercises if done["exercises"].get(e.id, {}).get("state") == "correct"]
        quiz = done["quizzes"].get(id, {}).get("right", 0)
        questions = len(questions_of(id)) if id in written else 0
        rows.append(
            {
                "lesson": id,
                "title": entry.title,
                "written": id in written,
                "correct": len(right),
                "exercises": len(exercises),
                "points": sum(e.points for e in right),
                "of": sum(e.points for e in exercises),
                "quiz": f"{quiz}/{questions}" if questions else "",
            }
        )
    return pd.DataFrame(rows)


def _change(change: Any, command: bool = False) -> None:
    """Read, change, write, under a lock: two notebooks may check at the same moment."""
    file = path(command)
    if file is None:
        return
    try:
        with locked(file):
            progress = read(file)
            change(progress)
            fresh = file.with_suffix(f".{os.getpid()}.tmp")
            fresh.write_text(json.dumps(progress, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            fresh.replace(file)
    except (OSError, DataError) as error:
        print(f"(progress not recorded: {error})")


@contextlib.contextmanager
def locked(file: Path, wait: float = 2.0) -> Iterator[None]:
    """A lock that works on every system: whoever creates FILE.lock holds it. One older than `wait` is left over."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file = file.with_suffix(".lock")
    until = time.monotonic() + wait
    while True:
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() > until:
                file.unlink(missing_ok=True)
            time.sleep(0.01)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
