"""Which model is in use, which were before it, and how to go back: files that are whole at every moment.

    FOLDER/champion.npz      the artefact in use: what `recsys-lab serve --model` reads and watches
    FOLDER/history.jsonl     what should be in use: one line for each publication and each return to an earlier one
    FOLDER/shelf/SHA.npz     the artefact in use and the last few before it, by the first 12 digits of their SHA-256

A publication touches all three, in the order shelf, history, champion. Each file is written under another name and then
renamed, so a reader sees the old one or the new one. A process that is killed between two of them leaves a history that
is ahead of the champion, never behind; `settle`, which every step of the pipeline begins with, puts in use what the
history says. (Databases call this a write-ahead log.)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from recsys_lab.errors import DataError
from recsys_lab.records import write
from recsys_lab.storage import atomic

VERSION = 12  # hex digits of the SHA-256 that tell artefacts apart, in file names and in the service's answers


class Publication(NamedTuple):
    """A model that was put in use.

    run : the logical date of the run that made it. model : its name. cut : it learned from what happened before, seconds
    since 1970. sha256 : of its file.
    """

    run: str
    model: str
    cut: int
    sha256: str

    @property
    def version(self) -> str:
        return self.sha256[:VERSION]


class Shelf:
    """The published models of one folder.

    Parameters
    ----------
    folder : made where it is missing. keep : how many artefacts before the one in use are kept, from 1.
    """

    def __init__(self, folder: Path, keep: int = 3):
        self.folder, self.keep = folder, keep
        self.artefact = folder / "champion.npz"
        self._history = folder / "history.jsonl"

    # ------------------------------------------------------------------ what is
    def history(self) -> list[dict[str, Any]]:
        """Its lines, oldest first: a Publication's fields with "what" ("publish" or "rollback") and "at"."""
        if not self._history.is_file():
            return []
        return [json.loads(line) for line in self._history.read_text(encoding="utf-8").splitlines()]

    def in_effect(self) -> list[Publication]:
        """The publications that were not taken back, oldest first: the last one is in use."""
        stack: list[Publication] = []
        for line in self.history():
            if line["what"] == "publish":
                stack.append(_publication(line))
            else:
                stack.pop()
        return stack

    def champion(self) -> Publication | None:
        return next(reversed(self.in_effect()), None)

    def published(self, run: str, sha256: str) -> bool:
        """Was this very file ever put in use by this run? Then it is not again, also where it was taken back since."""
        return any((r["what"], r["run"], r["sha256"]) == ("publish", run, sha256) for r in self.history())

    def path(self, publication: Publication) -> Path:
        return self.folder / "shelf" / f"{publication.version}.npz"

    # ------------------------------------------------------------------ what changes
    def publish(self, candidate: Path, publication: Publication) -> bool:
        """Put the file in use. False where that was done before, and nothing is left to do."""
        new = not self.published(publication.run, publication.sha256)
        if new:
            _copy(candidate, self.path(publication), publication.sha256)
            self._add("publish", publication)
        self.settle()
        return new

    def rollback(self) -> Publication:
        """Go back to the artefact before the one in use. Raises DataError where there is none."""
        stack = self.in_effect()
        if len(stack) < 2 or not self.path(stack[-2]).is_file():
            raise DataError(f"{self.folder}: there is no earlier artefact to go back to.")
        self._add("rollback", stack[-1])
        self.settle()
        return stack[-2]

    def settle(self) -> None:
        """Finish what a killed process began: use what the history says, remove half-written and outdated files."""
        for left in self.folder.rglob(".*.tmp"):
            left.unlink(missing_ok=True)
        stack = self.in_effect()
        if stack and not (self.artefact.is_file() and sha256_of(self.artefact) == stack[-1].sha256):
            _copy(self.path(stack[-1]), self.artefact, stack[-1].sha256)
        kept = {self.path(publication) for publication in stack[-self.keep - 1 :]}
        for old in set((self.folder / "shelf").glob("*")) - kept:
            old.unlink()

    def _add(self, what: str, publication: Publication) -> None:
        # Whole and renamed, as all files here: of a line that is appended, a killed process may leave one half.
        line = {"what": what, **publication._asdict(), "at": round(time.time(), 3)}
        write(self._history, "".join(json.dumps(one) + "\n" for one in [*self.history(), line]))


def _publication(line: dict[str, Any]) -> Publication:
    return Publication(*(line[field] for field in Publication._fields))


def _copy(source: Path, target: Path, sha256: str) -> None:
    """Copy a file that has this checksum; refuse it, and leave the target alone, where it has another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with atomic(target) as file, source.open("rb") as original:
        while chunk := original.read(2**20):
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != sha256:
            raise DataError(f"{source} is not the file it was: its SHA-256 should be {sha256[:VERSION]}...")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process works in this folder. The lock goes with the process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        with contextlib.suppress(ImportError):  # Windows has no flock: there, do not run two at once
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
