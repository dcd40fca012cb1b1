"""Is everything here? One verdict for each thing a lesson needs, and what to do where one is missing."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from recsys_lab.errors import RecsysLabError

OLDEST = (3, 11)
DATASET = "ml-100k"
ROOM = 200 * 2**20  # bytes: copies of the notebooks, caches, a learner's results


class Verdict(NamedTuple):
    """`remedy` is "" where all is well, else what is wrong and what to do."""

    what: str
    remedy: str

    @property
    def ok(self) -> bool:
        return not self.remedy

    def __str__(self) -> str:
        return f"OK    {self.what}" if self.ok else f"FAIL  {self.what}: {self.remedy}"


def check() -> None:
    """Print one line per check, OK or FAIL, and a verdict. Prints no versions and no paths while all is well.

    Never raises: a check that breaks is a FAIL line with its error.
    """
    found = verdicts()
    print("\n".join(map(str, found)))
    failed = sum(not v.ok for v in found)
    print(
        "\nEverything is ready."
        if not failed
        else f"\n{failed} of {len(found)} checks failed: do what the line says, then run this cell again."
    )


def verdicts() -> list[Verdict]:
    """All checks, in the order in which one depends on the other."""
    checks: list[tuple[str, Callable[[], str]]] = [
        (f"Python {OLDEST[0]}.{OLDEST[1]} or newer", _python),
        ("the packages that phases 1 and 2 need", _packages),
        ("MovieLens 100K, complete and verified", _data),
        ("the compiled loops of the library run", _kernels),
        ("your folder my_work can be written to, and the disk has room", _disk),
    ]
    out = []
    for what, look in checks:
        try:
            remedy = look()
        except Exception as error:  # a broken check is itself a finding, and the other lines are still worth having
            kind = "" if isinstance(error, RecsysLabError) else f"{type(error).__name__}: "
            remedy = f"{kind}{error}"
        out.append(Verdict(what, remedy))
    return out


def _python() -> str:
    have = ".".join(map(str, sys.version_info[:3]))
    return "" if sys.version_info[:2] >= OLDEST else f"this is {have}. Install a newer one, then run `make lab`."


def _packages() -> str:
    """What the project itself declares: its dependencies and those of its extra `course`."""
    from packaging.requirements import Requirement

    problems = []
    for line in importlib.metadata.requires("recsys-lab") or []:
        need = Requirement(line)
        if need.marker and not need.marker.evaluate({"extra": "course"}):
            continue
        try:
            have = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(have, prereleases=True):
            problems.append(f"{need.name} is {have}, needed {need.specifier}")
    return f"{'; '.join(problems[:5])}. Run `make lab` again: it installs what is missing." if problems else ""


def _data() -> str:
    from recsys_lab import datasets

    datasets.verify(DATASET)
    return ""


def _kernels() -> str:
    """Compiles them where no cache is there yet, so that no later cell has to wait."""
    from recsys_lab import datasets
    from recsys_lab.knn import ItemKNN

    toy = datasets.toy().ratings
    predicted = ItemKNN(k=2).fit(toy).predict(toy)
    low, high = toy["rating"].min(), toy["rating"].max()
    right = len(predicted) == len(toy) and bool(((predicted >= low) & (predicted <= high)).all())
    return "" if right else "they give wrong results. Run `make clean`, then `make lab`."


def _disk() -> str:
    from recsys_lab.course.lessons import home

    folder = home() / "my_work"
    folder.mkdir(exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".check-", dir=folder)
    os.close(descriptor)
    Path(name).unlink()
    free = shutil.disk_usage(folder).free
    return "" if free >= ROOM else f"only {free / 2**20:.0f} MB are free. Make room for at least {ROOM / 2**20:.0f} MB."
