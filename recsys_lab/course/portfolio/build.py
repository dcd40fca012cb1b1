"""Write a portfolio; a second build changes what the first one made, and nothing else.

A file made as a whole (measured.json, figures, page, the copy of the project) is replaced only while it is what the last
build wrote: .portfolio.json has the hashes. README.md and DEMO.md are made once; later only their marked blocks change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from recsys_lab import records
from recsys_lab.course.capstone.new import TEMPLATE, YEAR
from recsys_lab.course.portfolio import texts
from recsys_lab.course.portfolio.draw import drawings, png
from recsys_lab.course.portfolio.gather import check_folders, files, gather
from recsys_lab.course.portfolio.page import page
from recsys_lab.errors import DataError, MissingDataError

MEASURED, HASHES = "measured.json", ".portfolio.json"
WHOSE = "the authors of my-rec"  # as the capstone's licence has it


class Built(NamedTuple):
    """What a build has done: paths that were written, kept (changed by hand since the last build), removed; what is missing."""

    written: list[str]
    kept: list[str]
    removed: list[str]
    missing: list[str]


def build(out: Path, capstone: Path | None = None, name: str = "", only: Collection[str] | None = None) -> Built:
    """Make the portfolio, or bring it up to date.

    Parameters
    ----------
    out : a folder of a portfolio, an empty one, or none yet. capstone : the project's folder; it is read and scored.
    name : of the author; asked for by the first build only. only : lines of the rubric, where not all are to be scored.

    Raises DataError where `out` holds something else, or lies in the capstone.
    """
    check_folders(capstone, out)
    if capstone is not None and not capstone.is_dir():
        raise MissingDataError(f"there is no folder {capstone}: `recsys-lab capstone new DIR` starts a project.")
    old = hashes(out)
    measured = records.plain(gather(capstone, read(out) if (out / MEASURED).exists() else None, only))
    out.mkdir(parents=True, exist_ok=True)

    made: dict[str, bytes] = {MEASURED: (json.dumps(measured, indent=1, ensure_ascii=False) + "\n").encode()}
    made |= {f"figures/{drawing.name}.png": png(drawing) for drawing in drawings(measured)}
    if capstone is not None:
        made |= {f"project/{path}": content for path, content in files(capstone).items()}
    title = f"{name}: recommender systems" if name else "Recommender systems: a portfolio"
    written = _frames(out, measured, title)
    if not (out / "LICENSE").exists():
        licence = (TEMPLATE / "LICENSE").read_text(encoding="utf-8")
        licence = licence.replace(YEAR, str(date.today().year)).replace(WHOSE, name or "the author of this repository")
        records.write(out / "LICENSE", licence)
        written.append("LICENSE")
    readme = (out / "README.md").read_text(encoding="utf-8")
    heading = next((line[2:].strip() for line in readme.splitlines() if line.startswith("# ")), title)
    made["index.html"] = page(measured, heading, texts.about(readme)).encode()

    fresh = {path: hash_of(content) for path, content in made.items()}
    kept = []
    for path, content in made.items():
        target = out / path
        there = target.read_bytes() if target.exists() else None
        if there is not None and path != MEASURED and hash_of(there) != old.get(path, ""):
            if hash_of(there) != fresh[path]:
                kept.append(path)
            continue
        if there != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            records.write(target, content)
            written.append(path)
    removed = _remove(out, {path: digest for path, digest in old.items() if path not in made})
    records.write(out / HASHES, json.dumps(fresh, indent=1, sort_keys=True) + "\n")
    return Built(sorted(written), kept, removed, measured["missing"])


def read(out: Path) -> dict[str, Any]:
    """measured.json of a portfolio. Raises DataError where it is damaged, MissingDataError where there is none."""
    path = out / MEASURED
    if not path.is_file():
        raise MissingDataError(f"there is no {MEASURED} in {out}: `recsys-lab portfolio build` makes a portfolio.")
    try:
        measured = dict(json.loads(path.read_text(encoding="utf-8")))
        if (
            not {"capstone", "leaderboard", "missing", "left_out"} <= set(measured)
            or "phases" not in measured["learning"]
        ):
            raise KeyError("learning")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: remove it, and build the portfolio again.") from error
    return measured


def hashes(out: Path) -> dict[str, str]:
    """Path -> hash of what the last build wrote; {} for a new portfolio. Raises DataError for a folder of another kind."""
    path = out / HASHES
    if path.is_file():
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is damaged: take it back from your repository's history.") from error
    if out.exists() and (not out.is_dir() or any(found.name not in (".git", "LICENSE") for found in out.iterdir())):
        raise DataError(f"{out} holds something, and no portfolio: choose another folder, as nothing is overwritten.")
    return {}


def hash_of(content: bytes) -> str:
    """The same for a text whose line ends git has changed."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _frames(out: Path, measured: dict[str, Any], title: str) -> list[str]:
    """README.md and DEMO.md; gives those that have changed."""
    changed = []
    for name, frame, blocks in (
        ("README.md", texts.README, texts.readme(measured)),
        ("DEMO.md", texts.DEMO, texts.demo(measured)),
    ):
        path = out / name
        if not path.exists() and not any(blocks.values()):
            continue
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = texts.filled(old or texts.fresh(frame, blocks, title), blocks)
        if new != old:
            records.write(path, new)
            changed.append(name)
    return changed


def _remove(out: Path, gone: dict[str, str]) -> list[str]:
    """Files that an earlier build made and this one does not, unless they were changed since."""
    removed = []
    for path, digest in gone.items():
        target = out / path
        if target.is_file() and hash_of(target.read_bytes()) == digest:
            target.unlink()
            removed.append(path)
    return removed
