"""Does it install and train where nothing but its declared packages is, to the same bytes each time, and publish rightly?"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from recsys_lab.course.capstone.bench import Bench, Lost, once
from recsys_lab.course.capstone.checks.declared import declared, plain
from recsys_lab.course.capstone.checks.testing import planted
from recsys_lab.production.shelf import sha256_of

WORSE = """
def train(rows, _sound=train):  # a planted mistake
    from recsys_lab.baselines import Random

    return Random().fit(_sound(rows).train_)
"""


def trains(bench: Bench) -> str:
    size = bench.artefact.stat().st_size / 1e6
    return f"installed and trained; the artefact has {size:.1f} MB"


def publishes(bench: Bench) -> str:
    """A first champion in an empty folder; a random model, which takes its place in `train`, does not replace it."""
    folder = bench.place / "shelf"
    champion = folder / "champion.npz"
    said = bench.project_command("pipeline", "--folder", folder).said.strip()
    if not champion.is_file():
        raise Lost(f"`pipeline` published nothing into an empty folder: {said[-200:] or 'it did not say why'}")
    before = sha256_of(champion)
    with planted(bench, "train", WORSE) as source:
        bench.run("-m", bench.package, "pipeline", "--folder", folder, path=[source])  # it may refuse by an exit code
    if not champion.is_file() or sha256_of(champion) != before:
        raise Lost(
            "`pipeline` put a model in use that recommends at random: judge the candidate before it is published."
        )
    return "a first model is published, and one that recommends at random is not"


def repeats(bench: Bench) -> str:
    """The same bytes in two processes that order their sets differently."""
    first, second = bench.artefact.read_bytes(), again(bench, tampered=False).read_bytes()
    if first != second:
        raise Lost(
            "two trainings on the same rows gave different files: pass a seed to everything random, and sort your sets."
        )
    return "two trainings gave the same bytes"


def leaks(bench: Bench) -> bool:
    """Does training read the hidden rows, from where they lie? Asked of what is the same twice.

    Where two trainings differ, chance without a seed and the order of sets are held still, and asked again; what differs
    even then (the clock, threads) hides a leak.
    """
    if bench.artefact.read_bytes() == again(bench, tampered=True).read_bytes():
        return False
    if bench.artefact.read_bytes() == again(bench, tampered=False).read_bytes():
        return True
    still = again(bench, tampered=False, still=True).read_bytes()
    if still == again(bench, tampered=True, still=True).read_bytes():
        return False
    return still == again(bench, tampered=False, still=True, turn=2).read_bytes()


@once
def again(bench: Bench, tampered: bool, still: bool = False, turn: int = 1) -> Path:
    """Train once more: with another order of sets, or (still) with chance held; (tampered) with another hidden part.

    Where the tampered one gives what the first gave, neither chance nor the hidden rows play a part: it serves as both.
    """
    if (
        not tampered
        and not still
        and (other := again(bench, tampered=True)).read_bytes() == bench.artefact.read_bytes()
    ):
        return other
    out = bench.place / f"again-{tampered}-{still}-{turn}.npz"
    how = [*(["--still"] if still else []), *(["--hidden", _hidden_file(bench)] if tampered else [])]
    wrapper = ("recsys_lab.course.capstone.tampered", *how) if how else ()
    command = ("-m", *wrapper, bench.package, "train", "--data", bench.rows, "--out", out)
    bench.run(*command, hash_seed=0 if still else 1).demand(f"`python -m {bench.package} train`, a second time,")
    if not out.is_file():
        raise Lost("a second training wrote no file.")
    return out


@once
def _hidden_file(bench: Bench) -> Path:
    """The hidden pairs and their moments, for `tampered`."""
    path = bench.place / "hidden.pkl"
    bench.hidden[["user", "item", "timestamp"]].to_pickle(path)
    return path


# ------------------------------------------------------------------ what is imported, and what is declared
def declares(bench: Bench) -> str:
    """Every package that is imported must be a dependency; in the tests, one of an extra or a group will do."""
    missing = [*_undeclared(bench, bench.source / bench.package, declared(bench, optional=False))]
    tests = bench.work / "tests"
    if tests.is_dir():
        missing += _undeclared(bench, tests, declared(bench, optional=True))
    if missing:
        where, module, distribution = missing[0]
        raise Lost(
            f"{where} imports {module}, and pyproject.toml does not declare {distribution}"
            + (f" ({len(missing)} such imports)." if len(missing) > 1 else ".")
        )
    return "each import is of a declared package"


def _undeclared(bench: Bench, folder: Path, needed: set[str]) -> Iterator[tuple[str, str, str]]:
    """(file, module, distribution) of imports that nothing declares."""
    own = {bench.package, *(path.stem for path in folder.glob("*.py"))}
    for path, tree in parsed(folder):
        for module in _imports(tree):
            distributions = list(map(plain, _homes().get(module, [module])))
            if module in own or module in sys.stdlib_module_names or needed.intersection(distributions):
                continue
            yield path.relative_to(bench.work).as_posix(), module, distributions[0]


@cache
def _homes() -> dict[str, list[str]]:
    """Top-level module -> the distributions that bring it; reads what every one of them has installed."""
    return {**packages_distributions(), "recsys_lab": ["recsys-lab"]}


def parsed(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python file with its syntax tree. Raises Lost where one does not parse."""
    for path in sorted(folder.rglob("*.py")):
        try:
            yield path, ast.parse(path.read_bytes(), path.name)
        except SyntaxError as error:
            raise Lost(f"{path.name}, line {error.lineno}: {error.msg}") from error


def _imports(tree: ast.Module) -> set[str]:
    """Top-level names of the modules that are imported absolutely."""
    found: set[Any] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found
