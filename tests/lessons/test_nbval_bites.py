"""nbval, called as `make test` calls it, must notice a changed number, table, figure and plotting cell."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def stored_number(cell):
    cell["outputs"][0]["text"] = [line.replace("0.8", "0.9") for line in cell["outputs"][0]["text"]]


def stored_table(cell):
    for mime in ("text/plain", "text/html"):
        cell["outputs"][0]["data"][mime] = [x.replace("0.5", "0.6") for x in cell["outputs"][0]["data"][mime]]


def stored_state(cell):
    cell["outputs"][0]["text"] = ["✓ 9.1.2 correct: Guess\n"]


def source(old, new):
    def change(cell):
        cell["source"] = [line.replace(old, new) for line in cell["source"]]

    return change


def no_figure(cell):
    cell["outputs"] = []


CHANGES = {
    "a stored number": ("show(angle", stored_number),
    "a stored table": ("pd.DataFrame", stored_table),
    "a stored state": ('ex("9.1.2")', stored_state),
    "the plotted data": ("ax.bar", source("[1, 4, 9]", "[1, 4, 8]")),
    "two bars swapped": ("ax.bar", source("[1, 4, 9]", "[4, 1, 9]")),
    "a label in the plotting cell": ("ax.bar", source('ylabel="n squared"', 'ylabel="n"')),
    "a stored figure gone": ("ax.bar", no_figure),
}


@pytest.fixture(scope="module")
def failures(built, tmp_path_factory):
    """(changes nbval failed, cells it failed in all), from one real run over a sound copy and an altered one.

    The altered copy holds the sound cells first, then each change in a cell of its own.
    """
    folder = tmp_path_factory.mktemp("copies")
    sound = built.read()
    (folder / "sound.ipynb").write_text(json.dumps(sound), encoding="utf-8")
    altered = built.read()
    for number, (words, change) in enumerate(CHANGES.values()):
        cell = copy.deepcopy(
            next(c for c in sound["cells"] if c["cell_type"] == "code" and words in "".join(c["source"]))
        )
        before = json.dumps(cell)
        change(cell)
        assert json.dumps(cell) != before
        cell["id"] = f"change-{number}"
        altered["cells"].append(cell)
    (folder / "altered.ipynb").write_text(json.dumps(altered), encoding="utf-8")

    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    command += ["--nbval-sanitize-with", str(ROOT / "tests" / "sanitize.cfg"), "--rootdir", str(folder)]
    command += ["--junit-xml", str(folder / "report.xml"), str(folder)]
    environment = os.environ | {"RECSYS_LAB_HOME": str(built.root), "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 1, run.stdout + run.stderr
    cases = list(ET.parse(folder / "report.xml").iter("testcase"))
    n_code = sum(c["cell_type"] == "code" for c in sound["cells"])
    assert len(cases) == 2 * n_code + len(CHANGES), "every cell was run"
    failed = [
        (
            "altered" if "altered" in case.get("classname", "") else "sound",
            int(case.get("name", "").rpartition("Cell ")[2]),
        )
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    names = list(CHANGES)
    return {names[n - n_code] if file == "altered" and n >= n_code else f"{file} cell {n}" for file, n in failed}


def test_unaltered_cells_pass(failures):
    assert failures <= set(CHANGES)


@pytest.mark.parametrize("change", CHANGES)
def test_the_change_is_noticed(failures, change):
    assert change in failures
