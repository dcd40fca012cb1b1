"""Three editions, built byte for byte the same, whole or not at all."""

from __future__ import annotations

import base64
import io
import json
import shutil

import nbformat
import pytest
from PIL import Image

from recsys_lab.course import lessons, notebooks, running
from recsys_lab.course.lessons import LessonError
from recsys_lab.errors import DataError


@pytest.fixture
def copy(built, small):
    """A small course whose notebook is built already."""
    small.notebook.parent.mkdir(parents=True)
    shutil.copy(built.notebook, small.notebook)
    return small


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def output_of(notebook, words):
    cell = next(cell for cell in code(notebook) if words in "".join(cell["source"]))
    return cell["outputs"]


def minimal(small, *cells):
    """Reduce the lesson to its start and these cells, so that a run takes a second."""
    small.module.write_text("EXERCISES = []\nQUIZ = []\n")
    text = small.lesson.read_text()
    body = "".join(f"# %%{cell}\n" for cell in cells)
    small.lesson.write_text(text[: text.index("# %% [markdown]")] + body)


# ------------------------------------------------------------------ the learner edition
def test_learner_edition(built):
    notebook = built.read()
    nbformat.validate(nbformat.read(built.notebook, as_version=4))
    text = built.notebook.read_text()
    assert "SOLUTION" not in text
    assert "return a @ b" not in text
    assert "Ten minutes for this" not in text, "instructor cells are left out"
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert 'def cosine(a, b):\n    """The cosine of two vectors, in -1..1."""\n    ...  # your code here' in sources
    assert "guess = ...  # your answer" in sources
    assert sources[0].startswith("# 9.1 Angles\n\n**Phase 9: Small things** · about 30 minutes · builds on nothing")
    assert '`ex("9.1.1").hint()`' in sources[0]
    assert any(
        s.startswith("### Exercise 9.1.1: Cosine\n\n*Build · 2 points*\n\nWrite the **cosine**.") for s in sources
    )
    assert sources[-1] == "---\n9.2 Lengths →", "an unwritten lesson is named, not linked"

    assert [cell["execution_count"] for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert notebook["cells"][0]["metadata"] == {
        "recsys_lab": {"generated_from": "curriculum/phase9_small/9_1_angles.py"}
    }
    assert notebook["metadata"]["recsys_lab"]["generated"].startswith("do not edit: made from curriculum/phase9_small")
    assert notebook["metadata"]["kernelspec"]["display_name"] == "Python 3 (ipykernel)"
    assert set(notebook["metadata"]) == {"kernelspec", "language_info", "recsys_lab"}
    assert "version" not in notebook["metadata"]["language_info"]
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])

    assert output_of(notebook, 'ex("9.1.1")')[0]["text"][0].startswith("○ 9.1.1 not attempted")
    assert (
        output_of(notebook, "show(angle")[0]["text"] == ["0.8\n"]
        or "0.8" in output_of(notebook, "show(angle")[0]["text"][0]
    )
    (figure,) = output_of(notebook, "ax.bar")
    assert figure["metadata"]["image/png"] == {"alt": "Three bars that grow: 1, 4, 9."}
    assert "bars 'squares': n 3; length 1 / 4.667 / 9" in "".join(figure["data"]["text/plain"])
    assert "x ticks one, two, three" in "".join(figure["data"]["text/plain"])
    picture = base64.b64decode(figure["data"]["image/png"])
    assert len(picture) < 60_000
    assert Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_second_build_changes_no_byte(copy):
    before = copy.notebook.read_bytes()
    copy.notebook.unlink()
    assert notebooks.build() == [copy.notebook]
    assert copy.notebook.read_bytes() == before


def test_a_check_that_runs_nothing_sees_changed_cells_and_takes_outputs_as_they_are(copy):
    assert notebooks.build(check=True, run=False) == []
    notebook = copy.read()
    output_of(notebook, "show(angle")[0]["text"] = ["angle   0.9\n"]
    copy.notebook.write_text(json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert notebooks.build(check=True, run=False) == [], "what a cell shows is nbval's part"
    notebook["cells"][0]["source"] = ["another header"]
    copy.notebook.write_text(json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert notebooks.build(check=True, run=False) == [copy.notebook]
    copy.notebook.unlink()
    assert notebooks.build(check=True, run=False) == [copy.notebook]
    with pytest.raises(DataError, match="add check=True"):
        notebooks.build(run=False)


def test_a_picture_stays_while_its_text_form_is_the_same_and_other_outputs_do_not(copy):
    notebook = copy.read()
    (figure,) = output_of(notebook, "ax.bar")
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), "white").save(buffer, format="png")
    other = base64.b64encode(buffer.getvalue()).decode()  # as another matplotlib might have drawn it
    figure["data"]["image/png"] = other
    output_of(notebook, "show(angle")[0]["text"] = ["angle   0.9\n"]
    copy.notebook.write_text(json.dumps(notebook))
    assert notebooks.build() == [copy.notebook]
    fresh = copy.read()
    assert output_of(fresh, "ax.bar")[0]["data"]["image/png"] == other
    assert output_of(fresh, "show(angle")[0]["text"] == ["angle   0.8\n"]


def test_a_picture_goes_when_its_text_form_changes(built):
    old, new = built.read(), nbformat.read(built.notebook, as_version=4)
    (figure,) = output_of(new, "ax.bar")
    figure.data["text/plain"] = figure.data["text/plain"].replace("4.667", "4.333")
    figure.data["image/png"] = "AAAA"
    running.keep_old_outputs(new, json.dumps(old).encode())
    assert output_of(new, "ax.bar")[0].data["image/png"] == "AAAA"


def test_ids_move_with_their_cells(built, small):
    small.replace("# %%\nangle", "# %%\nprint(1)\n# %%\nprint(1)\n# %%\nangle")
    lesson = lessons.find("9.1")
    fresh, _ = notebooks.layout(lesson, "learner", lessons.all_lessons())
    old = [cell["id"] for cell in built.read()["cells"]]
    new = [cell["id"] for cell in fresh.cells]
    assert [id for id in new if id in old] == old, "an inserted cell leaves the other ids alone"
    assert len(set(new)) == len(new) == len(old) + 2


def test_links_point_to_written_lessons(small):
    text = small.lesson.read_text().replace("9.1", "9.2").replace("Angles", "Lengths")
    small.lesson.with_name("9_2_lengths.py").write_text(text.replace("prerequisites: []", 'prerequisites: ["9.1"]'))
    module = small.module.with_name("e9_2.py")
    module.write_text(small.module.read_text().replace("9.1.", "9.2."))
    everything = lessons.all_lessons()
    fresh, _ = notebooks.layout(everything["9.2"], "learner", everything)
    assert "builds on [9.1 Angles](9_1_angles.ipynb)" in fresh.cells[0].source
    assert fresh.cells[-1].source == "---\n← [9.1 Angles](9_1_angles.ipynb) · 9.3 Never written →"


def test_the_footer_leads_on_to_the_next_lesson_that_is_open(small):
    text = small.lesson.read_text().replace("9.1", "9.3").replace("Angles", "Never written")
    small.lesson.with_name("9_3_never.py").write_text(text)
    everything = lessons.all_lessons()
    fresh, _ = notebooks.layout(everything["9.1"], "learner", everything)
    assert fresh.cells[-1].source == "---\n9.2 Lengths (in preparation) · [9.3 Never written](9_3_never.ipynb) →"


def test_a_lesson_may_word_the_heading_of_an_exercise_itself(small):
    small.replace('# %% exercise="9.1.2"', '# %% [markdown]\n# ### Exercise 9.1.2: mine\n# %% exercise="9.1.2"')
    fresh, _ = notebooks.layout(lessons.find("9.1"), "learner", lessons.all_lessons())
    assert sum("Exercise 9.1.2" in cell.source for cell in fresh.cells) == 1


def test_notebooks_without_source_go(small):
    minimal(small, "\nprint(1)")
    orphan = small.notebook.with_name("9_9_gone.ipynb")
    foreign = small.notebook.with_name("mine.ipynb")
    orphan.parent.mkdir(parents=True)
    orphan.write_text(json.dumps({"metadata": {"recsys_lab": {}}, "cells": []}))
    foreign.write_text(json.dumps({"metadata": {}, "cells": []}))
    assert orphan in notebooks.build(check=True)
    assert orphan.exists()
    assert orphan in notebooks.build()
    assert not orphan.exists()
    assert foreign.exists(), "what was not generated is not touched"


# ------------------------------------------------------------------ runs that are refused
SHOWN = [
    ("import warnings\nwarnings.warn('old')", "wrote to stderr", "is to be mended"),
    ("import os\nprint(os.environ['RECSYS_LAB_HOME'])", "a path of this machine", "print a name instead"),
    ("fig, ax = plt.subplots()\nax.plot([1])", "a figure without description", "figure_alt"),
    ("import base64\nfrom IPython.display import Image\nImage(base64.b64decode('iVBORw0KGgo='))", "without text form", "after `start"),
]  # fmt: skip


def test_outputs_that_would_not_hold_elsewhere_are_refused(small):
    minimal(small, *(f"\n{cell}" for cell, _, _ in SHOWN))
    with pytest.raises(LessonError) as refused:
        notebooks.build()
    text = small.lesson.read_text()
    for (cell, what, remedy), line in zip(SHOWN, str(refused.value).split("\n"), strict=True):
        at = text[: text.index(cell)].count("\n")
        assert line.startswith(f"curriculum/phase9_small/9_1_angles.py:{at}: "), line
        assert what in line
        assert remedy in line
    assert not small.notebook.exists(), "nothing is written"


@pytest.mark.parametrize(
    ("cell", "error"),
    [("value = 1\nvalue / 0", "ZeroDivisionError: division by zero"), ("open('9_1_angles.py')", "FileNotFoundError")],
)
def test_a_cell_that_raises_stops_the_build_and_the_old_notebook_stays(copy, cell, error):
    before = copy.notebook.read_bytes()
    minimal(copy, f"\n{cell}")
    text = copy.lesson.read_text()
    with pytest.raises(LessonError) as refused:
        notebooks.build()
    assert str(refused.value).startswith(
        f"curriculum/phase9_small/9_1_angles.py:{text[: text.index(cell)].count(chr(10))}: "
    )
    assert f"the cell raised {error}" in str(refused.value)
    assert f"`{cell.splitlines()[-1]}`" in str(refused.value)
    assert copy.notebook.read_bytes() == before
    assert not list(copy.root.rglob("*.tmp"))


def test_an_interrupted_write_leaves_the_old_file(copy, monkeypatch):
    before = copy.notebook.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        notebooks.write(copy.notebook, b"half")
    assert copy.notebook.read_bytes() == before
    assert [p.name for p in copy.notebook.parent.iterdir()] == [copy.notebook.name]


def test_a_cell_meant_to_fail_and_an_output_not_compared(small):
    minimal(
        small,
        ' tags=["raises-exception"]\n{}["user"]',
        ' tags=["nbval-ignore-output"] reason="a clock"\nimport time; print(time.time_ns())',
        '\nprint("\\x1b[31mred\\x1b[0m")',
        "\n# only a comment",
    )
    notebooks.build()
    _, error, clock, red, comment = code(small.read())
    assert error["outputs"][0]["traceback"] == ["KeyError: 'user'"]
    assert clock["metadata"] == {"tags": ["nbval-ignore-output"], "reason": "a clock"}
    assert red["outputs"][0]["text"] == ["red\n"], "no colour codes"
    assert comment["execution_count"] == 5
    assert notebooks.build() == [], "the clock's old output stays"


def test_an_unexecuted_cell_is_refused():
    from types import SimpleNamespace

    from recsys_lab.course.lessons import Cell

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    with pytest.raises(LessonError, match="here:7: the cell was not executed"):
        running.inspect(notebook, SimpleNamespace(source="here"), [Cell("code", "1", 7)], "learner")


def test_a_learners_kernel_records_progress_and_a_builds_does_not(built, small, monkeypatch):
    from nbclient import NotebookClient

    assert not (built.root / "my_work").exists(), "the build recorded nothing"
    for name in ("RECSYS_LAB_PROGRESS", "PYTEST_VERSION", "CI"):
        monkeypatch.delenv(name, raising=False)
    cells = ['from recsys_lab.course import start\nex, quiz = start("9.1")\nex("9.1.2").check(42)']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(small.root / "curriculum")}}
    ).execute()
    stored = json.loads((small.root / "my_work" / "progress.json").read_text())
    assert stored["exercises"]["9.1.2"]["state"] == "correct"


# ------------------------------------------------------------------ the instructor edition
def test_instructor_edition(built, small, tmp_path):
    (file,) = notebooks.instructor(tmp_path / "instructor")
    assert file == tmp_path / "instructor" / "phase9_small" / "9_1_angles.ipynb"
    text = file.read_text()
    notebook = json.loads(text)
    assert "SOLUTION" not in text
    assert "return a @ b / np.sqrt" in text
    assert "Ten minutes for this." in text
    assert "Mistakes to expect:" in text
    assert "quiz key" in text
    for id in ("9.1.1", "9.1.2", "9.1.3"):
        assert output_of(notebook, f'ex("{id}")')[0]["text"][0].startswith(f"✓ {id} correct")
    for words in ("show(angle", "pd.DataFrame", "ax.bar"):
        assert output_of(notebook, words)[0].get("text") == output_of(built.read(), words)[0].get("text")
        assert output_of(notebook, words)[0].get("data") == output_of(built.read(), words)[0].get("data")


def test_the_instructor_edition_never_goes_among_the_notebooks(small):
    for out in ("notebooks", "notebooks/instructor"):
        with pytest.raises(DataError, match="outside notebooks/"):
            notebooks.instructor(small.root / out)


# ------------------------------------------------------------------ the graded edition
def test_graded_edition(small, tmp_path):
    file = notebooks.assign("9.1", tmp_path / "course")
    assert file == tmp_path / "course" / "source" / "9_1_angles" / "9_1_angles.ipynb"
    notebook = json.loads(file.read_text())
    marked = {c["metadata"]["nbgrader"]["grade_id"]: c for c in code(notebook) if "nbgrader" in c["metadata"]}
    assert set(marked) == {f"{kind}-9-1-{n}" for kind in ("answer", "check") for n in (1, 2, 3)}
    answer, check = marked["answer-9-1-2"], marked["check-9-1-2"]
    assert answer["metadata"]["nbgrader"] == {
        "schema_version": 3, "grade_id": "answer-9-1-2", "cell_type": "code", "grade": False, "locked": False,
        "solution": True, "task": False,
    }  # fmt: skip
    assert check["metadata"]["nbgrader"] == {
        "schema_version": 3, "grade_id": "check-9-1-2", "cell_type": "code", "grade": True, "locked": True,
        "solution": False, "task": False, "points": 1,
    }  # fmt: skip
    assert "".join(answer["source"]).split("\n") == [
        "guess = ...  # your answer", "### BEGIN SOLUTION", "_half = 21", "guess = 2 * _half", "### END SOLUTION",
    ]  # fmt: skip
    assert "".join(check["source"]).startswith('guess_checked = ex("9.1.2").reference()')
    assert all(cell["outputs"] == [] for cell in code(notebook)), "nbgrader runs it itself"
    config = tmp_path / "course" / "nbgrader_config.py"
    assert "...  # your code here" in config.read_text()
    config.write_text("mine = 1\n")
    notebooks.assign("9.1", tmp_path / "course")
    assert config.read_text() == "mine = 1\n", "settings of the instructor's own stay"


def test_the_command_checks_a_lesson(small):
    small.replace("guess = 2 * _half", "guess = 3 * _half")
    (found,) = notebooks.check("9.1")  # both editions ran; the learner's has no fault
    assert "the solution of 9.1.2 fails its own check: ✗ 9.1.2 incorrect: should be 42, but is 63." in found
    small.replace('WrongAnswer("41", lambda: 41,', 'WrongAnswer("41", lambda: 42,', small.module)
    assert any("takes its wrong answer '41' for correct" in line for line in notebooks.check("9.1"))
    small.replace("### BEGIN SOLUTION\n_half", "_half")
    assert any("without ### BEGIN SOLUTION" in line for line in notebooks.check("9.1"))
