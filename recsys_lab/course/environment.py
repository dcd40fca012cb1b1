"""Is everything here? One verdict for each thing a lesson needs, and what to do where one is missing.

`check` is for the first lesson, `needs` for those with packages of their own.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from recsys_lab.errors import MissingExtraError, RecsysLabError

OLDEST = (3, 11)
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
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


def needs(extra: str) -> None:
    """What a lesson of phase 3 or later calls first: `needs("phase3")`. Prints nothing while all is well.

    Raises MissingExtraError where a package of that extra is missing or too old: one sentence, with the command that
    brings it.
    """
    if problems := _problems(extra):
        raise MissingExtraError(
            f"this lesson needs packages of its own ({'; '.join(problems[:5])}). End JupyterLab with Ctrl-C, then run "
            f"`make lab PHASE={extra.removeprefix('phase')}` "
            f"(without make: `python3 .ci/install.py course {extra}`, and open the course as before)."
        )


def _python() -> str:
    have = ".".join(map(str, sys.version_info[:3]))
    return "" if sys.version_info[:2] >= OLDEST else f"this is {have}. Install a newer one, then run `make lab`."


def _packages() -> str:
    problems = _problems("course")
    return f"{'; '.join(problems[:5])}. Run `make lab` again: it installs what is missing." if problems else ""


def _problems(extra: str) -> list[str]:
    """What is missing or too old of what pyproject.toml declares: the dependencies, and those of an extra.

    The file and not the installed metadata: after an update of the course, that may still be the old one.
    """
    from packaging.requirements import Requirement

    declared = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    needed = [Requirement(line) for line in declared["dependencies"] + declared["optional-dependencies"][extra]]
    problems = []
    for need in needed:
        if need.name == declared["name"]:  # an extra that is made of others
            problems += [problem for part in sorted(need.extras) for problem in _problems(part)]
            continue
        try:
            have = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(have, prereleases=True):
            problems.append(f"{need.name} is {have}, needed {need.specifier}")
    return list(dict.fromkeys(problems))


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
