"""The answers of exercise 4.6.2 are written down in its module; here the defects are put into a project, and it is scored."""

from __future__ import annotations

import os
import subprocess
import sys

from recsys_lab.course.capstone.new import new
from recsys_lab.course.capstone.score import RUBRIC, grade
from recsys_lab.course.exercises.e4_6 import ANSWER, DEFECTS, NOTICED, changed
from recsys_lab.course.projects.report import WAITING
from recsys_lab.course.projects.running import environment


def test_which_line_notices_which_defect(tmp_path):
    """All eight at once: each line that is lost is one defect's, and the four that no line notices lose none."""
    folder = tmp_path / "eight-defects"
    new(folder)
    card = folder / "MODEL_CARD.md"
    card.write_text(card.read_text(encoding="utf-8").replace(f"\n{WAITING}\n", f"\n{ANSWER}\n"), encoding="utf-8")
    variables = environment(0)
    variables["PYTHONPATH"] = os.pathsep.join([str(folder / "src"), variables["PYTHONPATH"]])
    subprocess.run([sys.executable, "-m", "eight_defects", "report"], cwd=folder, env=variables, check=True)
    for changes in DEFECTS.values():
        changed(folder, changes)
    rows = dict(zip(RUBRIC, grade(folder).rows, strict=True))
    lost = {name: row.why for name, row in rows.items() if row.points < row.of}
    assert set(lost) == set(NOTICED.values()) - {"none"}, lost
    assert rows["tests"].points == 2
    assert "loads another model" in lost["tests"]
    assert "tqdm" in lost["declares"]
    assert "it says 1." in lost["readme"]
