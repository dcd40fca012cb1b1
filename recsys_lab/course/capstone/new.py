"""Write a project: the template's files, with the project's own name in them."""

from __future__ import annotations

import importlib.util
import keyword
import re
from datetime import date
from pathlib import Path

from recsys_lab.course.capstone.subjects import subject
from recsys_lab.errors import DataError

TEMPLATE = Path(__file__).with_name("template")
DATA, PROJECT, PACKAGE, YEAR = (
    'data = "movies"',
    "my-rec",
    "myrec",
    "2026",
)  # as the template has them; its files are valid Python and run


def new(folder: Path, data: str = "movies") -> list[Path]:
    """Write a project into a folder that is not there, or empty; gives the files.

    The folder's name becomes the project's, and with underscores the package's: `film-night` and `film_night`.
    Raises DataError where the folder holds anything, or where its name cannot be a package's.
    """
    overlay = subject(data).overlay
    project, package = names(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there, and not empty: choose another name, as nothing is overwritten.")
    texts = _texts(TEMPLATE) | (_texts(TEMPLATE.with_name(overlay)) if overlay else {})
    written = []
    for name, text in sorted(texts.items()):
        target = folder / name.replace(PACKAGE, package)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = text.replace(PACKAGE, package).replace(PROJECT, project)
        if name == "LICENSE":
            text = text.replace(YEAR, str(date.today().year))
        if name == "pyproject.toml":
            text = text.replace(DATA, f'data = "{data}"')
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written


def names(folder: Path) -> tuple[str, str]:
    """(project, package) of a folder.

    >>> names(Path("Film Night"))
    ('film-night', 'film_night')
    """
    project = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    package = project.replace("-", "_")
    if not package.isidentifier() or not package.isascii():
        raise DataError(f"{folder.name!r} cannot be a package's name: begin it with a letter, such as film-night.")
    if keyword.iskeyword(package) or importlib.util.find_spec(package) is not None:
        raise DataError(f"{folder.name!r}: Python has a module {package} already; choose another name.")
    return project, package


def _texts(folder: Path) -> dict[str, str]:
    """Path below the folder, as text with slashes -> content."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {name: path.read_text(encoding="utf-8") for path, name in names.items() if "cache" not in name}
