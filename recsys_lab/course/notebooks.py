"""From lesson sources to notebooks: the learner's, the instructor's and the graded edition.

- learner: solutions are stubs; executed; outputs stored; committed under `notebooks/`.
- instructor: solutions, teaching notes and rubrics; executed on demand; never committed.
- graded: nbgrader's source form, with its metadata; not executed.

A built notebook is a pure function of its source, the library and the data: cell ids come from content, counts run
1..n, nothing records a time. Where a new output equals the stored one after sanitising, the stored one stays, so a
new version of matplotlib changes no committed picture. Each file is replaced whole or not at all.

Lessons run in an empty folder, in a fresh kernel, without IPython's start-up files: no path and no setting of the
machine can matter.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from recsys_lab.course import exercises_file, exercises_of, lessons, questions_of, running, solutions
from recsys_lab.course.exercise import explanation, statement
from recsys_lab.course.lessons import Cell, Lesson, LessonError, home
from recsys_lab.errors import DataError

Edition = Literal["learner", "instructor", "graded"]

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


# ------------------------------------------------------------------ what the command line calls
def build(ids: Iterable[str] | None = None, check: bool = False, jobs: int = 2, run: bool = True) -> list[Path]:
    """Build the learner notebooks of these lessons, by default of all. Returns the paths that changed.

    With check=True nothing is written: what is returned would have changed. With run=False as well, no cell is run:
    the stored outputs are taken for what the cells show, and it is nbval's part to prove that. A full build also removes
    notebooks whose source is gone. Raises LessonError where a source, an exercise or a run is at fault; that lesson's old
    notebook stays as it was.
    """
    if not (run or check):
        raise DataError("run=False: only a check can do without running the cells; add check=True.")
    everything = lessons.all_lessons()
    chosen = list(everything.values()) if ids is None else [lessons.find(id) for id in ids]

    def refresh(lesson: Lesson) -> Path | None:
        file = home() / lesson.notebook
        old = file.read_bytes() if file.exists() else None
        new = _text(render(lesson, "learner", everything, old=old, run=run))
        if new == old:
            return None
        if not check:
            write(file, new)
        return file

    changed: list[Path] = []
    problems: list[str] = []
    with ThreadPoolExecutor(max_workers=max(1, min(jobs, os.cpu_count() or 1))) as pool:
        for job in [pool.submit(refresh, lesson) for lesson in chosen]:
            try:
                path = job.result()
            except LessonError as error:
                problems.append(str(error))
            else:
                changed += [path] if path else []
    if ids is None:
        for orphan in _orphans(everything):
            changed.append(orphan)
            if not check:
                orphan.unlink()
    if problems:
        raise LessonError("\n".join(problems))
    return changed


def check(id: str) -> list[str]:
    """Every problem of one lesson, each a line with file, line and remedy; empty when all is well.

    Reads the source, proves every exercise and the quiz, and runs both the learner's and the instructor's edition.
    """
    from recsys_lab.course import proofs

    try:
        lesson = lessons.find(id)
    except LessonError as error:
        return str(error).splitlines()
    found = proofs.problems(lesson)
    if found:
        return found
    for edition in ("learner", "instructor"):
        try:
            render(lesson, edition, lessons.all_lessons())
        except LessonError as error:
            found += str(error).splitlines()
    return found


def instructor(out: Path | str = "instructor", ids: Iterable[str] | None = None) -> list[Path]:
    """Write the instructor edition, executed, below the folder `out`. Returns the paths.

    Every check in it must say "correct", or LessonError is raised. Solutions do not belong into `notebooks/`.
    """
    out = Path(out).resolve()
    if out == home() / "notebooks" or home() / "notebooks" in out.parents:
        raise DataError("the instructor edition holds solutions: write it outside notebooks/, such as `instructor`.")
    everything = lessons.all_lessons()
    written = []
    for lesson in everything.values() if ids is None else [lessons.find(id) for id in ids]:
        file = out / Path(lesson.notebook).relative_to("notebooks")
        write(file, _text(render(lesson, "instructor", everything)))
        written.append(file)
    return written


def assign(id: str, out: Path | str) -> Path:
    """Write the graded edition of a lesson as an nbgrader source notebook. Returns its path.

    It lies in `out/source/<lesson>/`, and `out/nbgrader_config.py` is written where there is none: with both,
    `nbgrader generate_assignment <lesson>` in `out` makes the students' release. Grade with the environment's
    RECSYS_LAB_MODE=grade, in which a wrong or missing answer raises.
    """
    lesson, out = lessons.find(id), Path(out).resolve()
    name = Path(lesson.file).stem
    file = out / "source" / name / f"{name}.ipynb"
    text = _text(render(lesson, "graded", lessons.all_lessons()))
    write(file, text)
    if not (out / "nbgrader_config.py").exists():
        write(out / "nbgrader_config.py", _NBGRADER_CONFIG.encode())
    return file


_NBGRADER_CONFIG = f'''"""nbgrader's settings for assignments made by `recsys-lab assign`."""
import os

os.environ["RECSYS_LAB_MODE"] = "grade"  # the kernels that grade inherit it
os.environ["RECSYS_LAB_PROGRESS"] = "off"
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "recsys-lab"
c.ClearSolutions.code_stub = {{"python": "{solutions.STUB_CODE}"}}
c.ExecutePreprocessor.timeout = {running.TIMEOUT}
'''


# ------------------------------------------------------------------ one notebook
def render(
    lesson: Lesson, edition: Edition, everything: dict[str, Lesson], old: bytes | None = None, run: bool = True
) -> Any:
    """The notebook of a lesson: cells laid out, executed unless graded, outputs normalised and checked.

    old : the notebook as it is stored; its outputs stay where the new ones say the same. Without `run`, they stay.
    """
    notebook, origins = layout(lesson, edition, everything)
    if edition != "graded":
        if run:
            running.execute(notebook, lesson, origins)
        else:
            running.take_old_outputs(notebook, old or b"")
        running.normalise(notebook)
        if run and old is not None:
            running.keep_old_outputs(notebook, old)
        if run or _text(notebook) == old:  # where they differ, outputs are missing, and that is what will be said
            running.inspect(notebook, lesson, origins, edition)
    return notebook


def layout(lesson: Lesson, edition: Edition, everything: dict[str, Lesson]) -> tuple[Any, list[Cell | None]]:
    """(the notebook not yet executed, the source's cell behind each of its cells or None). Fast."""
    import nbformat

    exercises = {e.id: e for e in exercises_of(lesson.id)} if exercises_file(lesson.id).exists() else {}
    _match(lesson, set(exercises))
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": dict(KERNEL),
            "language_info": dict(running.LANGUAGE),
            "recsys_lab": {
                "generated": f"do not edit: made from {lesson.source} by `recsys-lab lesson build {lesson.id}`",
                "lesson": lesson.id,
                "edition": edition,
                "source": lesson.source,
            },
        }
    )
    origins: list[Cell | None] = []
    seen: Counter[str] = Counter()

    def put(kind: str, source: str, origin: Cell | None = None, **metadata: Any) -> None:
        make = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        key = f"{lesson.id}\n{kind}\n{source}"
        seen[key] += 1
        cell = make(source, metadata=metadata)
        cell["id"] = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:16]
        notebook.cells.append(cell)
        origins.append(origin)

    put("markdown", _header(lesson, everything), recsys_lab={"generated_from": lesson.source})
    before = ""
    for cell in lesson.cells:
        if cell.instructor and edition != "instructor":
            continue
        if cell.exercise and cell.exercise not in before:  # a lesson may word the heading itself
            put("markdown", statement(exercises[cell.exercise]))
        source, metadata = _as_edition(cell, edition, exercises)
        put(cell.kind, source, cell, **metadata)
        if cell.exercise and edition == "instructor":
            put("markdown", _rubric(exercises[cell.exercise]))
        before = cell.source if cell.kind == "markdown" else ""
    if edition == "instructor":
        put("markdown", _quiz_key(lesson))
    put("markdown", _footer(lesson, everything))
    return notebook, origins


def _match(lesson: Lesson, defined: set[str]) -> None:
    """The source's exercises and the module's must be the same."""
    module = f"recsys_lab/course/exercises/{exercises_file(lesson.id).name}"
    here = set(lesson.exercises)
    problems = [
        f"{lesson.source}:{lesson.cell_of(id).line}: exercise {id} is not defined: add Exercise({id!r}, ...) to {module}."
        for id in sorted(here - defined)
    ]
    problems += [
        f"{module}:1: exercise {id} has no cell in {lesson.source}: add `# %% exercise={id!r}` or remove it."
        for id in sorted(defined - here)
    ]
    if problems:
        raise LessonError("\n".join(problems))


def _as_edition(cell: Cell, edition: Edition, exercises: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(source, metadata) of a cell in an edition."""
    metadata: dict[str, Any] = {}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    if cell.reason:
        metadata["reason"] = cell.reason
    source = cell.source
    if cell.exercise:
        make = {"learner": solutions.stub, "instructor": solutions.solved, "graded": solutions.graded}[edition]
        source = make(source)
    if edition == "graded" and (cell.exercise or cell.check):
        id = str(cell.exercise or cell.check)
        grading = cell.check is not None
        metadata["nbgrader"] = {
            "schema_version": 3,
            "grade_id": f"{'check' if grading else 'answer'}-{id.replace('.', '-')}",  # nbgrader forbids dots
            "cell_type": "code",
            "grade": grading,
            "locked": grading,
            "solution": not grading,
            "task": False,
        }
        if grading:
            metadata["nbgrader"]["points"] = exercises[id].points
            call = lessons.check_call(cell)
            if call and call[0]:
                # A wrong answer raises here; what follows must run all the same, or one mistake would cost them all.
                source = f'{call[0]} = ex("{id}").reference()  # so that the rest runs whatever comes\n{source}'
    return source, metadata


def _header(lesson: Lesson, everything: dict[str, Lesson]) -> str:
    phase = next(p for p in lessons.course_map() if p.number == lesson.phase)
    needs = ", ".join(_link(lesson, id, everything) for id in lesson.prerequisites) or "nothing"
    objectives = "\n".join(f"- {text}" for text in lesson.objectives)
    parts = [
        f"# {lesson.id} {lesson.title}",
        f"**Phase {phase.number}: {phase.title}** · about {_duration(lesson.minutes)} · builds on {needs}",
        f"**After this lesson you can**\n\n{objectives}",
    ]
    if lesson.exercises:
        first = lesson.exercises[0]
        parts.append(
            f'> **Stuck?** `ex("{first}").hint()` gives a hint and `.hint(2)` a closer one; `.expected()` shows what '
            "comes out; `.solution()` shows the code and why. A cell that is not solved does not stop the lesson."
        )
    return "\n\n".join(parts)


def _footer(lesson: Lesson, everything: dict[str, Lesson]) -> str:
    ids = list(lessons.entries())
    at = ids.index(lesson.id)
    parts = []
    if at > 0:
        parts.append(f"← {_link(lesson, ids[at - 1], everything)}")
    if at + 1 < len(ids):
        later = next((id for id in ids[at + 1 :] if id in everything), None)
        if later not in (None, ids[at + 1]):
            parts.append(f"{_link(lesson, ids[at + 1], everything)} (in preparation)")
        parts.append(f"{_link(lesson, later or ids[at + 1], everything)} →")
    return "---\n" + " · ".join(parts)


def _link(lesson: Lesson, id: str, everything: dict[str, Lesson]) -> str:
    """A relative link where the other lesson is written, else its name only."""
    name = f"{id} {lessons.entries()[id].title}"
    if id not in everything:
        return name
    target = os.path.relpath(everything[id].notebook, Path(lesson.notebook).parent).replace(os.sep, "/")
    return f"[{name}]({target})"


def _duration(minutes: int) -> str:
    """
    >>> _duration(45), _duration(90), _duration(150)
    ('45 minutes', '1½ hours', '2½ hours')
    """
    if minutes < 60 or minutes % 30:
        return f"{minutes} minutes"
    hours = f"{minutes // 60}{'½' if minutes % 60 else ''}"
    return f"{hours} hour{'' if minutes == 60 else 's'}"


def _rubric(exercise: Any) -> str:
    wrong = "\n".join(f"- *{w.name}*: the check says “… {w.says} …”" for w in exercise.wrong)
    hints = "\n".join(f"{n}. {hint}" for n, hint in enumerate(exercise.hints, 1))
    worth = f"**Instructor: {exercise.id}, {exercise.points} point{'' if exercise.points == 1 else 's'}.**"
    return f"{worth} {explanation(exercise)}\n\nMistakes to expect:\n\n{wrong}\n\nHints:\n\n{hints}"


def _quiz_key(lesson: Lesson) -> str:
    lines = [f"{n}. **{q.key()}**: {q.why[q.key()]}" for n, q in enumerate(questions_of(lesson.id), 1)]
    return "**Instructor: quiz key.**\n\n" + "\n".join(lines)


# ------------------------------------------------------------------ files
def _text(notebook: Any) -> bytes:
    import nbformat

    nbformat.validate(notebook)
    return (nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n").encode("utf-8")


def write(file: Path, content: bytes) -> None:
    """Replace the file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".tmp")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        fresh.chmod(0o644)
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _orphans(everything: dict[str, Lesson]) -> list[Path]:
    """Built notebooks whose source is gone."""
    import json

    wanted = {home() / lesson.notebook for lesson in everything.values()}
    found = []
    for file in sorted((home() / "notebooks").rglob("*.ipynb")):
        if file in wanted or ".ipynb_checkpoints" in file.parts:
            continue
        metadata = json.loads(file.read_text(encoding="utf-8")).get("metadata", {})
        if "recsys_lab" in metadata:
            found.append(file)
    return found
