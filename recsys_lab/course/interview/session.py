"""One interview as it is kept: which case, how far, what was noted, how long it took. Saved whole after every line."""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from recsys_lab import records
from recsys_lab.checks import number
from recsys_lab.course.interview.case import Case, Dive
from recsys_lab.course.interview.reading import load, names
from recsys_lab.errors import DataError

FILE, REPORT = "interview.json", "report.md"
VERSION = 1
MINUTES = 45.0


class Stage(NamedTuple):
    """A part of the interview. `share`: its minutes of 45; `asks`: what the interviewer says at its start."""

    name: str
    share: float
    asks: str


STAGES = (
    Stage("Clarify", 5, "What do you want to know before you design anything? Write your questions, and why each matters."),
    Stage("Numbers", 6, "State what you assume, with units, and compute what decides: traffic, storage, a budget in milliseconds."),
    Stage("Design", 12, "From the data to what is shown. Name each component, what it gets and what it gives."),
    Stage("Deep dive", 12, "Go into this:"),
    Stage("Evaluation", 6, "How do you find out that it works: offline, then in an experiment? Which metric could fool you?"),
    Stage("Failure", 4, "What breaks first, what would no status code show, and what changes at ten times the size?"),
)  # fmt: skip
DIVE = 3  # the stage in which a question of the case is asked


@dataclass
class Session:
    """An interview in a folder. Everything that `save` writes, `open` reads back."""

    folder: Path
    case: str
    minutes: float
    seed: int
    seconds: list[float] = field(default_factory=lambda: [0.0] * len(STAGES))
    notes: list[list[str]] = field(default_factory=lambda: [[] for _ in STAGES])
    stage: int = 0  # the stage that runs; len(STAGES): all are over
    levels: dict[str, int] = field(default_factory=dict)
    saves: int = 0

    def plan(self, stage: int) -> float:
        """Seconds that a stage should take."""
        return 60 * self.minutes * STAGES[stage].share / sum(one.share for one in STAGES)

    def dive(self, case: Case) -> Dive:
        """The question of the deep dive, drawn by the seed."""
        return case.dive[random.Random(f"dive {self.seed}").randrange(len(case.dive))]

    def finished(self, case: Case) -> bool:
        judged = all(criterion.id in self.levels for criterion in case.criterion)
        return self.stage == len(STAGES) and judged and (self.folder / REPORT).exists()

    def save(self) -> None:
        """Write the file, whole or not at all. Refused where another terminal has gone on with this interview."""
        file = self.folder / FILE
        if (_raw(file)["saves"] if file.exists() else 0) != self.saves:
            raise DataError(f"{file} was changed from elsewhere: go on with this interview in one terminal only.")
        self.saves += 1
        kept = dataclasses.asdict(self) | {"version": VERSION}
        del kept["folder"]
        self.folder.mkdir(parents=True, exist_ok=True)
        records.write(file, json.dumps(kept, indent=1) + "\n")


def drawn(seed: int) -> str:
    """The case that a seed draws."""
    return names()[random.Random(f"case {seed}").randrange(len(names()))]


def start(folder: Path, case: str | None, minutes: float | None, seed: int | None) -> Session:
    """A new interview. The folder must not hold one."""
    if (folder / FILE).exists():
        raise DataError(f"{folder} holds an interview already: choose another folder by --out.")
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise DataError(f"{there} is a file: choose another folder by --out.")
    minutes = MINUTES if minutes is None else minutes
    number("minutes", minutes, 1, "the length of the interview", 600)
    seed = random.SystemRandom().randrange(10_000) if seed is None else seed
    name = drawn(seed) if case is None else load(case).name
    return Session(folder, name, float(minutes), seed)


def open_(folder: Path) -> Session:
    """The interview that a folder holds. Raises DataError if its file is damaged."""
    file = folder / FILE
    kept = _raw(file)
    try:
        if set(kept) != {one.name for one in dataclasses.fields(Session)} - {"folder"} | {"version"}:
            raise KeyError("a field")
        session = Session(folder, **{key: value for key, value in kept.items() if key != "version"})
        lengths = {len(session.seconds), len(session.notes)}
        if lengths != {len(STAGES)} or not 0 <= session.stage <= len(STAGES) or session.case not in names():
            raise KeyError("stage")
    except (TypeError, KeyError) as error:
        raise _damaged(file) from error
    return session


def _raw(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["version"] != VERSION or type(kept["saves"]) is not int:
            raise KeyError("version")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(file) from error
    return kept


def _damaged(file: Path) -> DataError:
    return DataError(f"{file} is damaged: move it away, or choose another folder by --out.")


def find(parent: Path, case: str | None) -> Session | None:
    """The unfinished interview among the numbered folders, the newest first; of that case if one is named."""
    for folder in sorted(_numbered(parent), key=lambda one: -int(one.name)):
        if (folder / FILE).exists():
            session = open_(folder)
            if case in (None, session.case) and not session.finished(load(session.case)):
                return session
    return None


def free(parent: Path) -> Path:
    """The next numbered folder."""
    return parent / str(1 + max((int(folder.name) for folder in _numbered(parent)), default=0))


def _numbered(parent: Path) -> list[Path]:
    return [folder for folder in parent.iterdir() if folder.name.isdecimal()] if parent.is_dir() else []
