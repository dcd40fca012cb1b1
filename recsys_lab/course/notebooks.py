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
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from recsys_lab.course import exercises_file, exercises_of, lessons, questions_of
from recsys_lab.course.exercise import statement
from recsys_lab.course.lessons import IGNORE_OUTPUT, Cell, Lesson, LessonError, home
from recsys_lab.errors import DataError

Edition = Literal["learner", "instructor", "graded"]

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
TIMEOUT = 900  # seconds a cell
MAX_PICTURE = 100_000  # bytes of one PNG; the house style makes them far smaller


# ------------------------------------------------------------------ what the command line calls
def build(ids: Iterable[str] | None = None, check: bool = False, jobs: int = 2) -> list[Path]:
    """Build the learner notebooks of these lessons, by default of all. Returns the paths that changed.

    With check=True nothing is written: what is returned would have changed. A full build also removes notebooks
    whose source is gone. Raises LessonError where a source, an exercise or a run is at fault; that lesson's old
    notebook stays as it was.
    """
    everything = lessons.all_lessons()
    chosen = list(everything.values()) if ids is None else [lessons.find(id) for id in ids]

    def refresh(lesson: Lesson) -> Path | None:
        file = home() / lesson.notebook
        old = file.read_bytes() if file.exists() else None
        new = _text(render(lesson, "learner", everything, old=old))
        if new == old:
            return None
        if not check:
            _write(file, new)
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
        _write(file, _text(render(lesson, "instructor", everything)))
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
    _write(file, text)
    if not (out / "nbgrader_config.py").exists():
        _write(out / "nbgrader_config.py", _NBGRADER_CONFIG.encode())
    return file


_NBGRADER_CONFIG = f'''"""nbgrader's settings for assignments made by `recsys-lab assign`."""
import os

os.environ["RECSYS_LAB_MODE"] = "grade"  # the kernels that grade inherit it
os.environ["RECSYS_LAB_PROGRESS"] = "off"
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "recsys-lab"
c.ClearSolutions.code_stub = {{"python": "{lessons.STUB_CODE}"}}
c.ExecutePreprocessor.timeout = {TIMEOUT}
'''


# ------------------------------------------------------------------ one notebook
def render(lesson: Lesson, edition: Edition, everything: dict[str, Lesson], old: bytes | None = None) -> Any:
    """The notebook of a lesson: cells laid out, executed unless graded, outputs normalised and checked."""
    import nbformat

    exercises = {e.id: e for e in exercises_of(lesson.id)} if exercises_file(lesson.id).exists() else {}
    _match(lesson, set(exercises))
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": dict(KERNEL),
            "language_info": dict(LANGUAGE),
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

    if edition != "graded":
        _execute(notebook, lesson, origins)
        _normalise(notebook)
        if old is not None:
            _keep_old_outputs(notebook, old)
        _inspect(notebook, lesson, origins, edition)
    return notebook


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
        make = {"learner": lessons.stub, "instructor": lessons.solved, "graded": lessons.graded}[edition]
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
        parts.append(f"{_link(lesson, ids[at + 1], everything)} →")
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
    return f"{worth} {exercise.explanation}\n\nMistakes to expect:\n\n{wrong}\n\nHints:\n\n{hints}"


def _quiz_key(lesson: Lesson) -> str:
    lines = [f"{n}. **{q.key()}**: {q.why[q.key()]}" for n, q in enumerate(questions_of(lesson.id), 1)]
    return "**Instructor: quiz key.**\n\n" + "\n".join(lines)


# ------------------------------------------------------------------ running
def _execute(notebook: Any, lesson: Lesson, origins: Sequence[Cell | None]) -> None:
    """Run every code cell in a fresh kernel of this Python, in an empty folder."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    with tempfile.TemporaryDirectory() as folder:
        manager = AsyncKernelManager()
        manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        )
        environment = {
            **os.environ,
            "RECSYS_LAB_HOME": str(home()),
            "RECSYS_LAB_PROGRESS": "off",
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "IPYTHONDIR": str(Path(folder) / "ipython"),
        }
        environment.pop("RECSYS_LAB_MODE", None)
        work = Path(folder) / "work"
        work.mkdir()
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=TIMEOUT,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(work)}},
        )
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            at = next(
                n for n, c in enumerate(notebook.cells) if any(o.output_type == "error" for o in c.get("outputs", []))
            )
            shown = _failed_line(notebook.cells[at])
            raise LessonError(
                f"{_place(lesson, origins[at])}: the cell raised {error.ename}: {error.evalue}{shown}"
            ) from None
        except CellTimeoutError as error:
            raise LessonError(
                f"{lesson.source}:1: a cell ran for more than {TIMEOUT} s: make it cheaper. {error}"
            ) from None
        except DeadKernelError:
            raise LessonError(
                f"{lesson.source}:1: the kernel died: out of memory, or a crash in native code."
            ) from None


def _failed_line(cell: Any) -> str:
    """The last line of this cell that the traceback points at."""
    text = "\n".join(line for o in cell.outputs if o.output_type == "error" for line in o.traceback)
    found = re.findall(r"^-+> *(\d+) (.*)$", re.sub(r"\x1b\[[0-9;]*m", "", text), re.MULTILINE)
    head = next((line for line in cell.source.split("\n") if line.strip()), "")
    return f" (in the cell that starts `{head.strip()}`" + (f", at `{found[0][1].strip()}`)." if found else ").")


def _place(lesson: Lesson, cell: Cell | None) -> str:
    return f"{lesson.source}:{cell.line if cell else 1}"


def _normalise(notebook: Any) -> None:
    """Counts 1..n, and nothing in the outputs that depends on the terminal or on the moment."""
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        if cell.execution_count is None:
            continue  # _inspect refuses it
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]  # the real one names files of this machine
            if output.output_type == "stream":
                output.text = _plain(output.text)
            data = output.get("data", {})
            data.pop("application/vnd.jupyter.widget-view+json", None)
            for mime, content in data.items():
                if mime.startswith("text/") and isinstance(content, str):
                    data[mime] = _plain(content)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = dict(LANGUAGE)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def sanitise(text: str) -> str:
    """Text without what differs between two honest runs, by the patterns of `tests/sanitize.cfg` (nbval's form)."""
    file = Path(__file__).resolve().parents[2] / "tests" / "sanitize.cfg"
    for regex, replace in re.findall(r"^regex: (.*)$\n^replace: (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE):
        text = re.sub(regex, replace, text)
    return text


def _keep_old_outputs(notebook: Any, old: bytes) -> None:
    """Put back the stored outputs of a cell where the new ones say the same."""
    import nbformat

    try:
        stored = nbformat.reads(old.decode("utf-8"), as_version=4)
    except Exception:  # a damaged notebook has nothing worth keeping; the build replaces it
        return
    outputs = {cell.get("id"): cell.get("outputs", []) for cell in stored.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        kept = outputs.get(cell.get("id"))
        if cell.cell_type != "code" or kept is None:
            continue
        if IGNORE_OUTPUT in cell.metadata.get("tags", []) or _essence(kept) == _essence(cell.outputs):
            for output in kept:
                if output.output_type == "execute_result":
                    output["execution_count"] = cell.execution_count
            cell["outputs"] = kept


def _essence(outputs: Iterable[Any]) -> list[Any]:
    """What is compared: everything but pictures, whose text form stands for them."""
    essence: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            essence.append((output.name, sanitise(output.text)))
        elif output.output_type == "error":
            essence.append((output.ename, sanitise(output.evalue)))
        else:
            data = {m: sanitise(v) if isinstance(v, str) else v for m, v in output.data.items() if m != "image/png"}
            essence.append((output.output_type, data, "image/png" in output.data, output.get("metadata", {})))
    return essence


def _inspect(notebook: Any, lesson: Lesson, origins: Sequence[Cell | None], edition: Edition) -> None:
    """Refuse outputs that would not hold on another machine, or that not everybody can read."""
    import base64

    problems = []
    machine = {str(home()), *([str(Path.home()) + os.sep] if len(Path.home().parts) > 1 else [])}
    for cell, origin in zip(notebook.cells, origins):
        if cell.cell_type != "code":
            continue
        place = _place(lesson, origin)
        if cell.execution_count is None:
            problems.append(f"{place}: the cell was not executed, and tests would skip it: give it code.")
        for output in cell.outputs:
            data = output.get("data", {})
            text = output.get("text", "") + "".join(
                v for m, v in data.items() if isinstance(v, str) and m[:5] == "text/"
            )
            if output.get("name") == "stderr":
                line = text.strip().split("\n")[-1]
                problems.append(f"{place}: the cell wrote to stderr ({line!r}): a warning is to be mended, not shown.")
            for path in machine:
                if path in text:
                    problems.append(f"{place}: the output holds a path of this machine ({path}): print a name instead.")
            if "image/png" in data:
                if not data.get("text/plain", "").startswith("Figure: "):
                    problems.append(
                        f"{place}: a picture without text form: draw it with matplotlib, after `start(...)`."
                    )
                elif data["text/plain"].startswith("Figure: no description"):
                    problems.append(f'{place}: a figure without description: add `figure_alt(fig, "...")`.')
                size = len(base64.b64decode(data["image/png"]))
                if size > MAX_PICTURE:
                    problems.append(
                        f"{place}: a picture of {size:,} bytes: at most {MAX_PICTURE:,}; draw fewer points."
                    )
            if (
                edition == "instructor"
                and origin is not None
                and origin.check
                and "✓" not in text
                and output.get("name")
            ):
                problems.append(f"{place}: the solution of {origin.check} fails its own check: {text.strip()}")
    if problems:
        raise LessonError("\n".join(problems))


# ------------------------------------------------------------------ files
def _text(notebook: Any) -> bytes:
    import nbformat

    nbformat.validate(notebook)
    return (nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n").encode("utf-8")


def _write(file: Path, content: bytes) -> None:
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
