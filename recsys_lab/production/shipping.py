"""A service ready to be shipped: a folder that holds all it takes, the tools that look for mistakes in it, its cost.

`new` copies the files of deploy/ (what each is for: deploy/README.md), the library and, if given, a model. From then on
the folder is its owner's: a repository of its own, changed by hand. `check` lets each tool read the files that it knows.
None of them is asked whether a file looks fine; each is asked whether there is a rule that it breaks.

The tools are in an environment of their own, .venv-deploy (`python3 .ci/install.py deploy`); this file needs no extra.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from recsys_lab import checks, storage
from recsys_lab.errors import DataError, MissingDataError, MissingExtraError
from recsys_lab.production import starting
from recsys_lab.production.shelf import sha256_of
from recsys_lab.records import write

ROOT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).with_name("deploy")
TOOLS = ROOT / ".venv-deploy" / ("Scripts" if os.name == "nt" else "bin")
HOURS_A_MONTH = 730  # 365 x 24 / 12
# What the library needs to be installed and to find its data sets, as it lies in the checkout.
_LIBRARY = ("pyproject.toml", "README.md", "LICENSE", "recsys_lab", "datasets/registry.toml")


# ---------------------------------------------------------------------- the folder
def new(folder: Path, model: Path | None = None) -> Path:
    """Write a deployable folder, with the model as models/champion.npz and its checksum beside it.

    Raises DataError where the folder exists and is not empty, or where the model cannot be loaded; MissingDataError
    where the library was not installed from a checkout, since constraints.txt and the registry are only there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there, and not empty: choose another name, as nothing is overwritten.")
    absent = [name for name in ("constraints.txt", *_LIBRARY) if not (ROOT / name).exists()]
    if absent:
        raise MissingDataError(
            f"{ROOT} is not a checkout of the course ({', '.join(absent)} not found): run it in one."
        )
    if model is not None:
        storage.load(model)
    shutil.copytree(FILES, folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "constraints.txt", folder)
    for name in _LIBRARY:
        source, target = ROOT / name, folder / "library" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / "models").mkdir()
    if model is None:
        (folder / "models" / ".gitkeep").touch()
    else:
        artefact = folder / "models" / "champion.npz"
        shutil.copyfile(model, artefact)
        write(artefact.with_suffix(".sha256"), f"{sha256_of(artefact)}  {artefact.name}\n")
    return folder


# ---------------------------------------------------------------------- the tools
class Tool(NamedTuple):
    """A program that reads some files of the folder.

    looks_for : what it finds, in words. command : the program and its options. files : patterns of the files that it is
    given, below the folder; none where it finds its file itself. content : all that it says when it finds nothing.
    """

    looks_for: str
    command: tuple[str, ...]
    files: tuple[str, ...] = ()
    content: str = ""


CHECKS = (
    Tool("unsound steps and loose versions of the image", ("hadolint", "--no-color"), ("Dockerfile",)),
    Tool("unknown fields, undeclared volumes, broken variables", ("docker-compose", "config", "--quiet")),
    Tool(
        "breaches of today's Compose specification",
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec"),
        ("compose.yaml",),
        "ok -- validation done",
    ),
    Tool("unknown, missing and mistyped fields", ("kubernetes-validate", "--strict", "--quiet"), ("k8s/*.yaml",)),
    Tool("references to nothing, wrong properties", ("cfn-lint",), ("cloud/*.yaml",)),
    Tool(
        "breaches of the schema of workflows",
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        (".github/workflows/*.yaml",),
        "ok -- validation done",
    ),
    Tool(
        "injected commands, too many rights, actions that may change",
        ("zizmor", "--offline", "--quiet", "--no-progress", "--format", "github"),
        (".github/workflows/*.yaml",),
    ),
)


class Verdict(NamedTuple):
    """What a tool said of the folder; `version` is its own, `said` its output."""

    tool: str
    version: str
    looks_for: str
    passed: bool
    said: str


def check(folder: Path, tools: Iterable[Tool] = CHECKS, *, programs: Path = TOOLS) -> list[Verdict]:
    """Let the tools read the folder; a finding of any kind, a warning too, is a failure.

    Raises MissingExtraError where they are not installed, MissingDataError where the folder lacks a tool's files.
    """
    return [_ask(tool, folder, programs) for tool in tools]


def started(folder: Path, *, programs: Path = TOOLS) -> list[Verdict]:
    """Start the Procfile's process `web` on this machine only, and ask it whether it serves the folder's model.

    None where the folder has no model. honcho's own check accepts any text, so it is the start that tells.
    """
    artefact = folder / "models" / "champion.npz"
    if not artefact.is_file():
        return []
    honcho = program("honcho", programs)
    try:
        with starting.by_procfile(folder, honcho) as address:
            said, passed = f"model {starting.ask(address, artefact)}", True
    except DataError as error:
        said, passed = str(error), False
    version = _number(_run([honcho, "--version"], folder).stdout)
    return [Verdict("honcho", version, "a process that does not start, or does not answer", passed, said)]


def _ask(tool: Tool, folder: Path, programs: Path) -> Verdict:
    name, *options = tool.command
    path = program(name, programs)
    files = [str(path.relative_to(folder)) for pattern in tool.files for path in sorted(folder.glob(pattern))]
    if tool.files and not files:
        raise MissingDataError(f"{folder} has no {' or '.join(tool.files)}: `recsys-lab ship new` writes them.")
    done = _run([path, *options, *files], folder)
    version = _run([path, "--version"], folder).stdout
    said = (done.stdout + done.stderr).strip()
    # An exit code is not enough: kubernetes-validate ends with 0, and only warns, where it knows no schema of an object.
    passed = done.returncode == 0 and said == tool.content
    return Verdict(name, _number(version), tool.looks_for, passed, said)


def program(name: str, programs: Path = TOOLS) -> str:
    """Where a tool is. Raises MissingExtraError, with the command that brings it, where it is not installed."""
    found = shutil.which(name, path=str(programs))
    if found is None:
        raise MissingExtraError(
            f"{name} is not in {programs}: python3 .ci/install.py deploy brings the tools that check what is shipped."
        )
    return found


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def _number(text: str) -> str:
    """The version in what a program says of itself.

    >>> _number("docker-compose version 1.29.2, build unknown"), _number("zizmor 1.32.0")
    ('1.29.2', '1.32.0')
    """
    words = text.replace(",", " ").split()
    return next((word for word in words if word[:1].isdigit() and "." in word), "unknown")


# ---------------------------------------------------------------------- the cost
class Cost(NamedTuple):
    """instances : how many run in each part of the day. usd_a_month, usd_a_million : in all, and for a million requests."""

    instances: list[int]
    usd_a_month: float
    usd_a_million: float


def cost(
    load: Sequence[float],
    *,
    one_bears: float,
    usd_an_hour: float,
    fixed_usd_a_month: float = 0.0,
    busy: float = 0.7,
    least: int = 2,
    most: int = 10,
) -> Cost:
    """What a load costs with an autoscaler: arithmetic, and prices of your own.

    In part p of the day, requests arrive at load[p] a second, and n_p = ceil(load[p] / (busy one_bears)) instances run,
    though not fewer than `least`. A month of 730 hours costs 730 usd_an_hour mean(n) + fixed_usd_a_month.

    Parameters
    ----------
    load : requests a second in equally long parts of the day; at least one part.
    one_bears : requests a second that one instance answers in time: measured, not guessed.
    usd_an_hour : of one instance, in your provider's list for your region. fixed_usd_a_month : of what runs at any load,
        such as a load balancer and a database.
    busy : the share of its capacity that an instance is kept at, above 0 up to 1; the rest is for bursts, and for the
        minute that a new one takes to start.
    least, most : the autoscaler's bounds. 1 <= least <= most.

    Raises DataError where a value is out of range, and where `most` instances do not bear the load: the requests beyond
    are not served, and a cost that hides this would be a lie.

    >>> cost([40, 400], one_bears=200, usd_an_hour=0.05, fixed_usd_a_month=20)
    Cost(instances=[2, 3], usd_a_month=111.25, usd_a_million=0.192...)
    """
    if not len(load):
        raise DataError("load=[]: give the requests a second of at least one part of the day.")
    for part in load:
        checks.number("load", part, 0, "requests a second")
    checks.number("one_bears", one_bears, 0, "the requests a second that one instance answers", above=True)
    checks.number("usd_an_hour", usd_an_hour, 0, "the price of an instance")
    checks.number("fixed_usd_a_month", fixed_usd_a_month, 0, "the price of what runs at any load")
    checks.number("busy", busy, 0, "the share of its capacity that an instance is kept at", 1, above=True)
    checks.whole("least", least, 1, "one instance runs at any time")
    checks.whole("most", most, least, "the autoscaler's upper bound is not below the lower one")
    instances = [max(least, math.ceil(part / (busy * one_bears))) for part in load]
    if max(instances) > most:
        raise DataError(f"most={most}: {max(load):g} requests a second need {max(instances)} instances.")
    mean = sum(instances) / len(instances)
    usd = HOURS_A_MONTH * usd_an_hour * mean + fixed_usd_a_month
    millions = sum(load) / len(load) * 3600 * HOURS_A_MONTH / 1e6
    return Cost(instances, usd, usd / millions if millions else math.inf)
