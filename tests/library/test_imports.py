"""Imports run one way, algorithms stand alone, the core needs no extra, and `import recsys_lab` loads little."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import recsys_lab
from recsys_lab import registry

ROOT = Path(__file__).resolve().parents[2]
ALGORITHMS = {entry.load().__module__.split(".")[1] for entry in registry.MODELS.values()} - {"blend"}
# A file may import from the rows above its own, and from no other.
ROWS = [
    {"errors"},
    {
        "biases",
        "checks",
        "factors",
        "formats",
        "gibbs",
        "grams",
        "halfstep",
        "metrics",
        "nearest",
        "ranking",
        "ratings",
        "regression",
        "similarity",
        "tfidf",
    },
    {"split", "fractal", "fetch", "beyond"},
    {"rerank", "funnel", "browse"},
    {"base", "datasets"},
    {"itemweights", "reasons", "sgd"},
    ALGORITHMS,
    {"registry"},
    {"blend"},  # a model made of registered models, by name
    {"evaluate", "storage"},
    {"records"},
    {"contest", "tune", "simulate"},
    {"shop"},
    {"experiment"},
    {"plots"},
    {"serve"},
    {"production"},
    {"course"},
    {"cli"},
]
# These two need an extra for a part of what they do; they import it when asked for that part, and say what is missing.
EXTRAS = {"plots": {"matplotlib"}, "tune": {"optuna"}}
CORE = [path for path in sorted((ROOT / "recsys_lab").glob("*.py")) if path.stem not in ("__init__", "cli")]
ALL = [
    path
    for path in sorted((ROOT / "recsys_lab").rglob("*.py"))
    if path.parent.name != "recsys_lab" or path.stem != "__init__"
]


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports, anywhere in it: `from a import b` counts as a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: write imports in full: from recsys_lab.x import y"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(path: Path) -> str:
    """The file's name in ROWS: a package counts as one."""
    return path.relative_to(ROOT / "recsys_lab").with_suffix("").parts[0]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.relative_to(ROOT / "recsys_lab").as_posix())
def test_imports_run_one_way(path):
    row_of = {name: number for number, row in enumerate(ROWS) for name in row}
    mine = part(path)
    assert mine in row_of, f"{path.name} is new: say in ROWS which files it may import"
    names = {name.split(".")[1] for name in imported(path) if name.startswith("recsys_lab.")}
    ours = {recsys_lab._HOME.get(name, name) for name in names} - {mine, "__version__"}  # UserKNN is at home in knn
    wrong = {name for name in ours if row_of.get(name, len(ROWS)) >= row_of[mine]}
    assert not wrong, f"{path.name} must not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_needs_no_extra(path):
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    allowed = {re.split(r"[<>=~!\[; ]", line)[0] for line in declared} | {"recsys_lab"} | sys.stdlib_module_names
    foreign = {name.split(".")[0] for name in imported(path)} - allowed - EXTRAS.get(path.stem, set())
    assert not foreign, (
        f"{path.name} imports {', '.join(sorted(foreign))}: not among the dependencies in pyproject.toml"
    )


@pytest.mark.parametrize("module", ["recsys_lab", "recsys_lab.cli", "recsys_lab.datasets", "recsys_lab.base"])
def test_nothing_heavy_is_imported_before_it_is_used(module):
    code = f"import {module}, sys; print(*sorted({{'numba', 'sklearn', 'matplotlib', 'IPython', 'surprise'}} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


def test_the_package_itself_imports_nothing_but_the_standard_library():
    code = "import sys; before = set(sys.modules); import recsys_lab; print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded - sys.stdlib_module_names == {"recsys_lab"}
