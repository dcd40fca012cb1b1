"""Running a notebook, and seeing to it that what it prints would be printed anywhere."""

from __future__ import annotations

import base64
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from recsys_lab.course.lessons import IGNORE_OUTPUT, Cell, Lesson, LessonError, home

LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
TIMEOUT = 900  # seconds a cell
MAX_PICTURE = 100_000  # bytes of one PNG; the house style makes them far smaller


def execute(notebook: Any, lesson: Lesson, origins: Sequence[Cell | None]) -> None:
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


def normalise(notebook: Any) -> None:
    """Counts 1..n, and nothing in the outputs that depends on the terminal or on the moment."""
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        if cell.execution_count is None:
            continue  # inspect refuses it
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


def _outputs(old: bytes) -> dict[str, Any]:
    """The stored outputs of each code cell, by its id."""
    import nbformat

    try:
        stored = nbformat.reads(old.decode("utf-8"), as_version=4)
    except Exception:  # a damaged notebook has nothing worth keeping; the build replaces it
        return {}
    return {cell.get("id"): cell.get("outputs", []) for cell in stored.cells if cell.cell_type == "code"}


def take_old_outputs(notebook: Any, old: bytes) -> None:
    """Give each cell what is stored for it, as if it had just been run; nothing where its source is another by now."""
    outputs = _outputs(old)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"], cell["execution_count"] = outputs.get(cell.get("id"), []), 1  # normalise counts


def keep_old_outputs(notebook: Any, old: bytes) -> None:
    """Put back the stored outputs of a cell where the new ones say the same."""
    outputs = _outputs(old)
    for cell in notebook.cells:
        kept = outputs.get(cell.get("id"))
        if cell.cell_type != "code" or kept is None:
            continue
        if IGNORE_OUTPUT in cell.metadata.get("tags", []) or essence(kept) == essence(cell.outputs):
            for output in kept:
                if output.output_type == "execute_result":
                    output["execution_count"] = cell.execution_count
            cell["outputs"] = kept


def essence(outputs: Iterable[Any]) -> list[Any]:
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


def inspect(notebook: Any, lesson: Lesson, origins: Sequence[Cell | None], edition: str) -> None:
    """Refuse outputs that would not hold on another machine, or that not everybody can read."""
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
        if origin is not None and origin.check:
            printed = "".join(o.get("text", "") for o in cell.outputs)
            if edition == "instructor" and f"✓ {origin.check} " not in printed:
                problems.append(f"{place}: the solution of {origin.check} fails its own check: {printed.strip()}")
            if edition == "learner" and f"○ {origin.check} " not in printed:
                problems.append(f"{place}: the stub of {origin.check} is not seen as a stub: {printed.strip()}")
    if problems:
        raise LessonError("\n".join(problems))
