"""What a learner meets: three states, messages, hints, solutions, the quiz, and progress kept at home."""

from __future__ import annotations

import json
import threading

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recsys_lab.course import Desk, exercises_of, progress, questions_of
from recsys_lab.course.exercise import (
    CourseBug,
    Exercise,
    Incorrect,
    NotAttempted,
    WrongAnswer,
    attempted,
    judge,
    same,
)
from recsys_lab.course.quiz import Quiz
from recsys_lab.errors import DataError, UnknownIdError


def an_exercise(check, reference=lambda: 42):
    wrong = (WrongAnswer("a", lambda: 1, "1"), WrongAnswer("b", lambda: 2, "2"))
    return Exercise("9.1.1", "Try", "build", "Do.", reference, check, ("one", "two"), wrong, 1, "So.")


@pytest.fixture
def ex(small):
    return Desk("9.1", exercises_of("9.1"))


# ------------------------------------------------------------------ states
def test_a_correct_answer_comes_back_itself(ex, capsys):
    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    assert ex("9.1.1").check(cosine) is cosine
    assert capsys.readouterr().out == "✓ 9.1.1 correct: Cosine\n"


def test_an_incorrect_answer_gets_its_message_and_the_reference(ex, capsys):
    checked = ex("9.1.1").check(lambda a, b: a @ b)
    assert capsys.readouterr().out == "✗ 9.1.1 incorrect: this is the dot product: divide by both norms.\n"
    assert checked(np.array([1.0, 0.0]), np.array([2.0, 0.0])) == 1.0


def test_a_stub_gets_the_reference(ex, capsys):
    def cosine(a, b):
        """What to do."""
        ...  # your code here

    assert ex("9.1.2").check(...) == 42
    assert callable(ex("9.1.1").check(cosine))
    out = capsys.readouterr().out.split("\n")
    assert out[0] == '○ 9.1.2 not attempted: replace the `...`; stuck? ex("9.1.2").hint()'
    assert out[1].startswith("○ 9.1.1 not attempted")


@pytest.mark.parametrize(("id", "answer", "raises"), [("9.1.2", 41, Incorrect), ("9.1.2", ..., NotAttempted)])
def test_grade_mode_raises(ex, monkeypatch, id, answer, raises):
    monkeypatch.setenv("RECSYS_LAB_MODE", "grade")
    assert ex("9.1.2").check(42) == 42
    with pytest.raises(raises, match=r"9\.1\.2"):
        ex(id).check(answer)


def test_an_exception_in_the_learners_code_is_theirs_and_names_the_line(ex):
    def cosine(a, b):
        return a @ b // "x"

    state, message = judge(ex("9.1.1")._exercise, cosine)
    assert state == "incorrect"
    assert message.startswith("your code raised UFuncNoLoopError") or message.startswith("your code raised TypeError")
    assert '`return a @ b // "x"`' in message


def test_wrong_arguments_are_the_learners_too(ex):
    state, message = judge(ex("9.1.1")._exercise, lambda a: a)
    assert state == "incorrect"
    assert "TypeError" in message
    assert "takes 1 positional argument but 2 were given" in message


def test_a_missing_return_is_named(ex):
    def cosine(a, b):
        a @ b

    assert "is a `return` missing?" in judge(ex("9.1.1")._exercise, cosine)[1]


def test_an_exception_inside_a_class_or_a_tuple_of_functions_is_theirs():
    class Model:
        def predict(self):
            raise KeyError("user")

    state, message = judge(an_exercise(lambda model: model().predict()), Model)
    assert (state, "KeyError: 'user'" in message) == ("incorrect", True)
    state, message = judge(an_exercise(lambda pair: pair[1](0)), (len, lambda x: 1 / x))
    assert (state, "ZeroDivisionError" in message) == ("incorrect", True)


def test_a_check_may_expect_an_exception():
    def check(answer):
        try:
            answer(-1)
        except ValueError:
            return
        raise Incorrect("refuse negative numbers.")

    def refuses(x):
        raise ValueError("negative")

    assert judge(an_exercise(check), refuses) == ("correct", "")
    assert judge(an_exercise(check), lambda x: x) == ("incorrect", "refuse negative numbers.")


def test_a_checker_that_breaks_says_so():
    with pytest.raises(CourseBug, match=r"check of exercise 9\.1\.1 failed by itself \(ZeroDivisionError") as bug:
        judge(an_exercise(lambda answer: 1 / 0), 42)
    assert "bug of the course" in str(bug.value)


def test_the_reference_is_made_once():
    made = []
    exercise = an_exercise(lambda a: same(a, 42), reference=lambda: made.append(1) or 42)
    from recsys_lab.course.exercise import Task

    assert [Task(exercise).reference() for _ in range(3)] == [42] * 3
    assert made == [1]


# ------------------------------------------------------------------ stubs
def with_code_above(x):
    y = x + 1
    ...
    return y


def only_a_docstring():
    """Text."""


def only_pass():
    pass


class HalfAClass:
    def done(self):
        return 1

    def open(self): ...


def test_stubs_are_seen():
    for stub in (..., (1, ...), [..., 2], {"a": ...}, with_code_above, only_a_docstring, only_pass, HalfAClass):
        assert not attempted(stub), stub
    pasted = {}
    exec("def f(x):\n    '''Doc.'''\n    ...", pasted)  # no source to look at
    assert not attempted(pasted["f"])
    for answer in (0, None, "", [], np.zeros(0), lambda: ..., lambda x: x, len, np.array([1.0]), attempted):
        assert attempted(answer), answer


def test_a_forgotten_line_with_dots_does_not_spoil_a_right_answer():
    def right(x):
        return x + 1
        ...  # your code here

    def wrong(x):
        return x
        ...  # your code here

    exercise = an_exercise(lambda f: same(f(1), 2))
    assert judge(exercise, right) == ("correct", "")
    assert judge(exercise, wrong)[0] == "not attempted"
    assert "left in your function" in judge(exercise, wrong)[1]
    assert judge(exercise, with_code_above)[0] == "correct"
    assert judge(an_exercise(lambda f: None), only_a_docstring)[0] == "not attempted", "an empty body never passes"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (("same", ..., "zero"), "answer 2 of 3 is still `...`"),
        (["same", ..., ...], "answers 2 and 3 of 3 are still `...`"),
        ({"left": 1, "right": ...}, "answer 'right' of 2 is still `...`"),
        ((..., ...), "replace the `...`"),
    ],
)
def test_half_an_answer_is_told_which_half_is_missing(answer, says):
    state, message = judge(an_exercise(lambda given: None), answer)
    assert (state, message.split(";")[0]) == ("not attempted", says)


# ------------------------------------------------------------------ comparing
NAN = float("nan")
FRAME = pd.DataFrame({"user": ["ann", "ben"], "mean": [3.5, NAN]}, index=[10, 20])
MATRIX = sparse.csr_array(np.array([[0.0, 2.0], [3.0, 0.0]]))
STORED_ZERO = sparse.csr_array(([0.0, 2.0, 3.0], ([0, 0, 1], [0, 1, 0])), shape=(2, 2))


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (1, 1.0),
        (np.float32(0.5), 0.5),
        (1 + 1e-9, 1),
        (NAN, NAN),
        (True, np.True_),
        ("a", "a"),
        (None, None),
        ([1, 2], np.array([1.0, 2.0])),
        ((1, 2), [1, 2]),
        (pd.Series([1.0, 2.0], index=["x", "y"]), [1, 2]),
        ([["a", 1], ["b", 2]], [["a", 1], ["b", 2]]),
        ({"a": [1, NAN]}, {"a": [1, NAN]}),
        ({1, 2}, {2, 1}),
        (FRAME.copy(), FRAME),
        (MATRIX.tocoo(), MATRIX),
        (np.array(["x", "y"]), ["x", "y"]),
        (np.array([], dtype=float), []),
        (np.array(3.0), 3),
    ],
)
def test_same(got, want):
    same(got, want)


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        (2, 1, "should be 1, but is 2"),
        (1.00001, 1, "should be 1, but is 1.00001"),
        (0.0, NAN, "should be nan, but is 0"),
        (NAN, 0.0, "should be 0, but is nan"),
        (1, True, "should be True or False, but is a number (1)"),
        (True, 1, "should be a number (1), but is True or False"),
        ("1", 1, "should be a number (1), but is text"),
        (1, "1", "should be text, but is a number"),
        (None, 1, "is a `return` missing?"),
        (len, 1, "should be a number"),
        ([1, ...], [1, 2], "still `...`"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "the shape should be (3, 2), but is (2, 3)"),
        ([1, 2, 4], [1, 2, 3], "entry 2 should be 3, but is 4."),
        (np.zeros(4), np.ones(4), "entry 0 should be 1, but is 0 (4 of 4 entries differ)"),
        (np.zeros((2, 2)), np.eye(2), "entry (0, 0) should be 1, but is 0 (2 of 4"),
        ([True, False], [1, 0], "the values should be numbers, but are True or False"),
        ([[1, "a"], [2]], [[1, "a"], [2, 3]], "the length should be 2, but is 1"),
        ({"a": 1}, {"a": 1, "b": 2}, "key 'b' is missing"),
        ({"a": 1, "c": 2}, {"a": 1}, "key 'c' should not be there"),
        ({"a": 1}, {"a": 2}, "at 'a': should be 2"),
        ({1}, {1, 2}, "element 2 is missing"),
        (1, {1}, "should be a set"),
        (FRAME["mean"], FRAME, "should be a DataFrame, but is a Series"),
        (FRAME[["mean", "user"]], FRAME, "columns are in another order"),
        (FRAME.rename(columns={"mean": "average"}), FRAME, "column 'mean' is missing"),
        (FRAME.head(1), FRAME, "there should be 2 rows, but there are 1"),
        (FRAME.fillna(0.0), FRAME, "column 'mean': at 20: should be missing, but is 0"),
        (FRAME.assign(mean=[4.0, NAN]), FRAME, "column 'mean': at 10: should be 3.5, but is 4"),
        (FRAME.reset_index(drop=True), FRAME, "the index: label 10, 20 is missing"),
        (FRAME.iloc[::-1], FRAME, "another order"),
        (MATRIX.toarray(), MATRIX, "should be a csr_array"),
        (STORED_ZERO, MATRIX, "stored entry (0, 0) should not be there"),
        (MATRIX, STORED_ZERO, "stored entry (0, 0) is missing"),
        (MATRIX * 2, MATRIX, "entry (0, 1) should be 2, but is 4"),
    ],
)
def test_not_the_same(got, want, says):
    with pytest.raises(Incorrect) as wrong:
        same(got, want)
    assert says in str(wrong.value)
    with pytest.raises(Incorrect, match=r"^the weights: "):
        same(got, want, what="the weights")


# ------------------------------------------------------------------ help
def test_hints_solution_expected(ex, capsys):
    task = ex("9.1.1")
    task.hint()
    task.hint(2)
    task.hint(3)
    task.expected()
    task.solution()
    ex("9.1.2").expected()
    out = capsys.readouterr().out
    assert "Hint 1 of 2.** Think of norms." in out
    assert "Hint 2 of 2.** Divide by both." in out
    assert "has 2 hints" in out
    assert "asks for a function" in out
    assert "return a @ b / np.sqrt((a @ a) * (b @ b))" in out
    assert "Norms divide out the length." in out
    assert "SOLUTION" not in out
    assert out.endswith("42\n")


def test_unknown_exercises_suggest_the_nearest(ex):
    with pytest.raises(UnknownIdError, match=r"lesson 9\.1 has no exercise '9\.11'; it has .* Did you mean"):
        ex("9.11")
    assert "9.1.2  Guess (figure it out)" in repr(ex)


# ------------------------------------------------------------------ quiz
def test_quiz(small, capsys):
    quiz = Quiz("9.1", questions_of("9.1"))
    quiz()
    shown = capsys.readouterr().out
    assert "**1.** What is 3 plus 3?" in shown
    assert "- **b.** 10" in shown
    assert "twice the same" not in shown, "the questions do not show the key"
    quiz.check({1: "A", 2: "b", 3: ...})
    assert capsys.readouterr().out == (
        "✓ Question 1 correct: twice the same\n"
        "✗ Question 2 incorrect: that is the square and one\n"
        "○ Question 3 not attempted\n"
    )
    quiz.check({1: "z"})
    assert "'z' is not one of a, b" in capsys.readouterr().out
    quiz.check({7: "a"})
    assert "There is no question 7: this quiz has questions 1 to 3." in capsys.readouterr().out
    quiz.check(["a"])
    assert "Answer with a dict" in capsys.readouterr().out


# ------------------------------------------------------------------ progress
def test_progress_is_recorded_where_it_is_told_and_once_correct_stays_correct(ex, tmp_path, monkeypatch, capsys):
    file = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(file))
    ex("9.1.2").check(...)
    assert not file.exists(), "not attempted is no progress"
    for answer in (41, 42, 41):
        ex("9.1.2").check(answer)
    Quiz("9.1", questions_of("9.1")).check({1: "a", 2: "a"})
    Quiz("9.1", questions_of("9.1")).check({1: "a"})
    stored = json.loads(file.read_text())
    assert stored["exercises"]["9.1.2"]["state"] == "correct"
    assert stored["exercises"]["9.1.2"]["tries"] == 3
    assert stored["quizzes"]["9.1"] == {"right": 2, "of": 3}
    table = progress.table().set_index("lesson")
    assert table.loc["9.1", ["correct", "exercises", "points", "of", "quiz"]].tolist() == [1, 3, 1, 4, "2/3"]
    assert not table.loc["9.3", "written"]
    assert [p.name for p in file.parent.iterdir()] == ["progress.json"], "no lock, no temporary file is left"


def test_tests_and_builds_record_nothing(ex, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("RECSYS_LAB_PROGRESS")
    ex("9.1.2").check(42)
    assert progress.path() is None
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", "off")
    assert progress.path() is None
    assert not (tmp_path / "home" / "my_work").exists()


def test_a_damaged_progress_file_is_refused_and_kept(ex, tmp_path, monkeypatch, capsys):
    file = tmp_path / "progress.json"
    file.write_text('{"version": 1, "exer')
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(file))
    assert ex("9.1.2").check(42) == 42, "the lesson goes on"
    assert "(progress not recorded: progress.json is damaged: move" in capsys.readouterr().out
    assert file.read_text() == '{"version": 1, "exer'
    with pytest.raises(DataError, match="is damaged"):
        progress.table()


def test_two_notebooks_at_once_lose_nothing(tmp_path, monkeypatch, small):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    notebooks = [threading.Thread(target=progress.record, args=(f"9.1.{n}", "correct")) for n in range(20)]
    for notebook in notebooks:
        notebook.start()
    for notebook in notebooks:
        notebook.join()
    assert len(progress.read()["exercises"]) == 20
