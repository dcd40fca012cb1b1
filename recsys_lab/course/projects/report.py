"""The report notebook of a project: built from a template, and looked at by a machine that does not read it.

The template is a percent script as the lessons are. A Markdown cell tagged "answer" waits for words, a code cell tagged
"figure" for a picture. The check counts words and pictures; whether they are good, only a person can say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recsys_lab.course.projects.rubric import Row

NAME = "report.ipynb"
WAITING = "*Your answer here.*"
WORDS = 15  # an answer that says something is longer


def build(template: Path) -> str:
    """The notebook's text, not yet run."""
    import jupytext
    import nbformat
    from jupytext.config import JupytextConfiguration

    notebook = jupytext.reads(template.read_text(encoding="utf-8"), fmt="py:percent", config=JupytextConfiguration())
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for n, cell in enumerate(notebook.cells):
        cell["id"] = f"report-{n}"
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
    return nbformat.writes(notebook) + "\n"


def row(folder: Path) -> Row:
    """One point for the answers, one for the figures."""
    what = "the report is filled in (a machine counted, nobody read it)"
    try:
        cells = _cells(folder / NAME)
    except FileNotFoundError:
        return Row(what, 0, 2, f"{NAME} is missing: `recsys-lab project start` writes one.")
    except Exception as error:  # not JSON, not a notebook: whatever nbformat says of it
        return Row(what, 0, 2, f"{NAME} cannot be read: {str(error).splitlines()[0] if str(error) else error!r}")
    answers = [c for c in cells if "answer" in c.metadata.get("tags", [])]
    figures = [c for c in cells if "figure" in c.metadata.get("tags", [])]
    answered = sum(len(c.source.replace(WAITING, "").split()) >= WORDS for c in answers)
    drawn = sum(any("image/png" in o.get("data", {}) for o in c.get("outputs", [])) for c in figures)
    points = int(bool(answers) and answered == len(answers)) + int(bool(figures) and drawn == len(figures))
    why = f"{answered} of {len(answers)} questions answered in {WORDS} words or more, {drawn} of {len(figures)} figures drawn"
    return Row(what, points, 2, why)


def _cells(file: Path) -> list[Any]:
    import nbformat

    return list(nbformat.reads(file.read_text(encoding="utf-8"), as_version=4).cells)
