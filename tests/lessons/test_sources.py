"""Bad sources are refused whole, with file, line and remedy; good ones are read as written."""

from __future__ import annotations

import pytest

from recsys_lab.course import lessons, notebooks, proofs
from recsys_lab.course.lessons import LessonError
from recsys_lab.errors import DataError, UnknownIdError

FILE = "curriculum/phase9_small/9_1_angles.py"


def test_a_sound_lesson_is_read_as_written(small):
    lesson = lessons.find("9.1")
    assert (lesson.id, lesson.title, lesson.phase, lesson.minutes) == ("9.1", "Angles", 9, 30)
    assert lesson.exercises == ("9.1.1", "9.1.2", "9.1.3")
    assert lesson.notebook == "notebooks/phase9_small/9_1_angles.ipynb"
    text = small.lesson.read_text().split("\n")
    for cell in lesson.cells:
        assert text[cell.line - 1].startswith("# %%"), "a cell's line is that of its marker"
        assert cell.source.split("\n")[0] in text[cell.line]
    assert proofs.problems(lesson) == []


SPOILED = [
    # (what is replaced, by what, line relative to the replaced text, words of the message, words of the remedy)
    ("    ### END SOLUTION\n# %% check=\"9.1.1\"", "# %% check=\"9.1.1\"", -2, "BEGIN SOLUTION without", "add `### END SOLUTION`"),
    ("    return a @ b /", "    ### BEGIN SOLUTION\n    return a @ b /", 0, "inside a solution", "close the one"),
    ("    ### BEGIN SOLUTION\n    return a @ b /", "    return a @ b /", 1, "without ### BEGIN SOLUTION", "add the beginning"),
    ("angle = cosine", "### BEGIN SOLUTION\nangle = cosine", 0, "outside an exercise", "mark the cell"),
    ("### BEGIN SOLUTION\n_half", "# begin solution\n_half", 0, "is not a marker", "write exactly"),
    ('exercise="9.1.2"', 'exercise="9.1.1"', 0, "already given in line", "number it anew"),
    ('exercise="9.1.2"', 'exercise="8.1.2"', 0, "does not belong to lesson 9.1", 'call it "9.1.1"'),
    ('exercise="9.1.2"', 'exercsie="9.1.2"', 0, "unknown cell option 'exercsie'", "did you mean 'exercise'"),
    ('# %% check="9.1.2"\n', "# %%\n", -5, "exercise 9.1.2 has no check cell", 'add `# %% check="9.1.2"`'),
    ('check="9.1.2"', 'check="9.1.7"', 0, "unknown exercise '9.1.7'", "below its exercise"),
    ('ex("9.1.2").check(guess)', 'ex("9.1.1").check(guess)', -1, "does not check it", "write `answer_checked"),
    ("guess_checked = ex", "guess = ex", -1, "overwrites 'guess'", "write `answer_checked"),
    ("guess_checked = ex", "# guess_checked = ex", -1, "does not check it", "write `answer_checked"),
    ("guess = 2 * _half", "_guess = 2 * _half", -3, "answers nothing", "assign the answer"),
    ("    return a @ b / np.sqrt(", "    return a @ b / np.sqrt((", 0, "does not parse", "mend it"),
    ("show(angle=angle)\n", "show(angle=angle)\n# %%\n", 1, "an empty code cell", "fill or remove it"),
    ("show(angle=angle)", "# NBVAL_IGNORE_OUTPUT\nshow(angle=angle)", -2, "NBVAL_IGNORE_OUTPUT", "use tags="),
    ("# %%\nangle", '# %% tags=["nbval-ignore-output"]\nangle', 0, "without a reason", 'add reason="..."'),
    ("# %%\nangle", '# %% tags=["nbval-skip"]\nangle', 0, "unknown tag 'nbval-skip'", "the tags are"),
    ("# %% [markdown] instructor=true", '# %% [markdown] instructor="yes"', 0, "instructor='yes'", "write `# %% [markdown]"),
    ('ex, quiz = start("9.1")', 'ex, quiz = start("9.2")', -7, "does not start the lesson", "put `ex, quiz"),
    ('#   minutes: 30\n', "", None, "lacks 'minutes'", "add `#   minutes"),
    ("minutes: 30", "minutes: soon", None, "'soon' is not a whole number", "write a number"),
    ("minutes: 30", "minutes: 0", None, "minutes: 0", "1 to 1000"),
    ('#   title: "Angles"', '#   titel: "Angles"', None, "unknown front-matter field 'titel'", "did you mean 'title'"),
    ('title: "Angles"', 'title: "Corners"', None, "differs from the map's 'Angles'", "course.toml"),
    ("phase: 9", "phase: 8", None, "phase 8 differs", "course.toml"),
    ('id: "9.1"', 'id: "9.9"', None, "'9.9' is not in the map", "add it to curriculum/course.toml"),
    ("prerequisites: []", 'prerequisites: ["9.1"]', None, "its own prerequisite", "remove it"),
    ("prerequisites: []", 'prerequisites: ["7.2"]', None, "unknown prerequisite '7.2'", ":"),
    ("prerequisites: []", "prerequisites: none", None, "is not a list", "write it as"),
    (', "draw one", "say what it means"]', "]", None, "1 objectives", "three to five"),
    ("# lesson:\n", "# lession:\n", None, "has no `lesson:`", "give it the fields"),
    ("# ---\n# lesson:", "# lesson:", None, "no front matter", "start the file with"),
    ('title: "Angles"', 'title: "Angles', None, "not YAML", "quote texts"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "offset", "what", "remedy"), SPOILED, ids=[s[3][:40] for s in SPOILED])
def test_a_spoiled_source_is_refused(small, old, new, offset, what, remedy):
    line = small.replace(old, new)
    with pytest.raises(LessonError) as refused:
        notebooks.build()
    first = next(text for text in str(refused.value).split("\n") if what in text)
    assert first.startswith(f"{FILE}:{line + offset if offset is not None else ''}"), first
    assert remedy in first
    assert not small.notebook.exists(), "nothing is written"


def test_all_problems_are_named_at_once(small):
    small.replace("minutes: 30", "minutes: 0")
    small.replace('exercise="9.1.2"', 'exercise="9.1.1"')
    with pytest.raises(LessonError) as refused:
        lessons.all_lessons()
    assert "minutes: 0" in str(refused.value)
    assert "already given" in str(refused.value)


def second_lesson(small, prerequisites="[]"):
    text = small.lesson.read_text().replace("9.1", "9.2").replace("Angles", "Lengths")
    file = small.lesson.with_name("9_2_lengths.py")
    file.write_text(text.replace("prerequisites: []", f"prerequisites: {prerequisites}"))
    return file


def test_a_cycle_of_prerequisites_is_refused(small):
    second_lesson(small, '["9.1"]')
    small.replace("prerequisites: []", 'prerequisites: ["9.2"]')
    with pytest.raises(
        LessonError, match=r"9_1_angles.py:1: prerequisites form a cycle, 9.1 -> 9.2 -> 9.1: remove one"
    ):
        lessons.all_lessons()


def test_lessons_come_in_the_order_of_the_map(small):
    second_lesson(small, '["9.1"]')
    assert list(lessons.all_lessons()) == ["9.1", "9.2"]


def test_unknown_and_unwritten_lessons(small):
    with pytest.raises(UnknownIdError, match=r"no lesson '9.11' .* Did you mean 9.1"):
        lessons.find("9.11")
    with pytest.raises(UnknownIdError, match=r"lesson 9.3 is not written yet: `recsys-lab lesson new 9.3`"):
        lessons.find("9.3")


def test_an_exercise_that_is_not_defined_and_one_without_cell(small):
    small.replace('id="9.1.3"', 'id="9.1.4"', small.module)
    with pytest.raises(LessonError) as refused:
        notebooks.build()
    assert "exercise 9.1.3 is not defined" in str(refused.value)
    assert "exercise 9.1.4 has no cell" in str(refused.value)
    assert not small.notebook.exists()


def test_a_marker_inside_a_string_is_no_cell(small):
    small.replace("show(angle=angle)", 'text = """\n# %% not a cell\n"""\nshow(angle=angle)')
    with pytest.raises(LessonError, match="a marker inside a string"):
        lessons.find("9.1")


# ------------------------------------------------------------------ a new lesson
def test_a_new_lesson_has_every_section_and_is_refused_until_filled_in(small):
    source, module = lessons.new("9.3")
    text = source.read_text()
    for section in ("What you already know", "From scratch, then the library", "Quiz", "In production", "In the interview", "Take-aways", "Further reading"):  # fmt: skip
        assert f"## {section}" in text
    assert lessons.find("9.3").exercises == ("9.3.1", "9.3.2", "9.3.3")
    found = notebooks.check("9.3")
    assert any("a TODO is left" in line for line in found)
    assert any(line.startswith("recsys_lab/course/exercises/e9_3.py:") and "wrong answers" in line for line in found)
    assert module.exists()


def test_a_new_lesson_overwrites_nothing(small):
    with pytest.raises(DataError, match=r"9_1_angles.py is there already"):
        lessons.new("9.1")
    with pytest.raises(DataError, match="is called 'Never written'"):
        lessons.new("9.3", "Something else")
    assert not small.lesson.with_name("9_3_never.py").exists()


# ------------------------------------------------------------------ proofs see what is wrong
BROKEN = [
    ('WrongAnswer("dot product", lambda: dot, "dot product"),', "", "at least two named wrong answers"),
    ('lambda: dot, "dot product"', 'lambda: dot, "a sine"', "does not contain 'a sine'"),
    ('lambda: 41, "is 41"', 'lambda: 42, "is 41"', "takes its wrong answer '41' for correct"),
    ('lambda: 41, "is 41"', 'lambda: ..., "is 41"', "takes its wrong answer '41' for not attempted"),
    ('lambda: 41, "is 41"', 'lambda: 1 / 0, "is 41"', "cannot make its wrong answer"),
    ('lambda: "42", "is text"', 'lambda: 41, "is 41"', "tells 2 different wrong answers the same"),
    ("reference=lambda: 42", "reference=lambda: 43", "does not accept its own reference"),
    ("check=check_length", "check=lambda answer: 1 / 0", "cannot judge its own reference (CourseBug"),
    ('"Count.", "40 and two."', '"Count.", "Count."', "two different hints"),
    ('explanation="Six sevens."', 'explanation=""', "has no explanation"),
    ("points=2", "points=0", "is worth 0 points"),
    ('kind="figure it out"', 'kind="guess"', "is of the kind 'guess'"),
    ('else "b"', 'else "c"', None),
    ('"a" if n + n == 2 * n', '"c" if n + n == 2 * n', "computes the key 'c'"),
    (', "b": "that is the square and one"', "", "explain every choice"),
    ('"b": "that is the square and one"', '"b": "twice the same"', "with the same words"),
    ("(3, 4, 5)", "(3, 4)", "2 quiz questions"),
]


@pytest.mark.parametrize(("old", "new", "says"), BROKEN, ids=[str(b[2]) for b in BROKEN])
def test_a_broken_exercise_is_found(small, old, new, says):
    small.replace(old, new, small.module)
    found = proofs.problems(lessons.find("9.1"))
    if says is None:
        assert found == []
    else:
        assert any(says in line for line in found), found
        assert all(line.startswith("recsys_lab/course/exercises/e9_1.py:") for line in found)
