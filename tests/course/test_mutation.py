"""The tool that tests the checks: its mutants are mistakes, it forks safely, and it finds a check that is too weak."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib

import pytest

from benchmarks import course, store
from recsys_lab.course import lessons
from recsys_lab.course.exercise import Exercise, WrongAnswer, same
from recsys_lab.course.lessons import Cell

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mutants run in forked processes")

CELL = '''def middle(x, y):
    """Half-way between x and y."""
    ### BEGIN SOLUTION
    total = x + y
    return total / 2
    ### END SOLUTION
'''
CHECK = 'middle_checked = ex("9.1.1").check(middle)'


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(lessons.home()))
    for name in (
        "RECSYS_LAB_PROGRESS",
        "RECSYS_LAB_RATINGS",
        "MPLBACKEND",
        *(f"{x}_NUM_THREADS" for x in ("OMP", "MKL", "OPENBLAS")),
    ):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # the module sets them at its import; put back afterwards
    return importlib.import_module("benchmarks.mutation")


def exercise(check):
    wrong = (WrongAnswer("a", lambda: 1, "x"), WrongAnswer("b", lambda: 2, "y"))
    return Exercise("9.1.1", "t", "build", "p", lambda: lambda x, y: (x + y) / 2, check, ("h", "i"), wrong, 1, "e")


def score(tool, check):
    return tool._exercise(
        Cell("code", CELL, 1, exercise="9.1.1"), Cell("code", CHECK, 9, check="9.1.1"), {}, [exercise(check)]
    )


def test_mutants_change_the_solution_and_nothing_else(tool):
    made = dict(reversed(pair) for pair in tool.mutants(CELL))
    bodies = [text.split('"""')[-1].strip() for text in made]
    assert "total = x - y\n    return total / 2" in bodies
    assert "total = x\n    return total / 2" in bodies
    assert "total = x + y\n    return total / 3" in bodies
    assert "pass\n    return total / 2" in bodies
    assert all("Half-way between x and y." in text and "def middle(x, y)" in text for text in made)
    assert len(made) == len(set(made)) == 9


def test_a_check_that_tries_two_numbers_kills_them_all(tool):
    def check(answer):
        same(answer(1, 5), 3.0)
        same(answer(-2, 4), 1.0)

    assert score(tool, check) == tool.Score("9.1.1", 9, 0, [])


def test_a_weak_check_lets_mutants_live(tool):
    weak = score(tool, lambda answer: same(answer(0, 4), 2.0))
    assert weak.killed + len(weak.survivors) == 9
    assert any("+    total = y" in survivor.diff for survivor in weak.survivors)
    assert len({survivor.hash for survivor in weak.survivors}) == len(weak.survivors)


def test_a_mutant_that_dies_or_never_ends_is_killed(tool, monkeypatch):
    monkeypatch.setattr(tool, "SECONDS", 0.5)
    names = {"ex": tool._Desk([exercise(lambda answer: answer(1, 2))], stop=True)}
    assert tool._forked("import os\ndef middle(x, y): os._exit(3)", CHECK, names) == "crashed"
    assert tool._forked("def middle(x, y):\n    while True: pass", CHECK, names) == "too slow"


def test_a_query_gets_its_mistakes_too(tool):
    cell = 'x = 3\n### BEGIN SOLUTION\nq = f"SELECT sum(a) FROM t WHERE b <= {x} ORDER BY a DESC"\n### END SOLUTION\n'
    made = {text.split("'")[1] for what, text in tool.mutants(cell) if what == "query"}
    assert made == {
        "SELECT avg(a) FROM t WHERE b <= {x} ORDER BY a DESC",
        "SELECT sum(a) FROM t WHERE b < {x} ORDER BY a DESC",
        "SELECT sum(a) FROM t WHERE b > {x} ORDER BY a DESC",
        "SELECT sum(a) FROM t {x} ORDER BY a DESC",
        "SELECT sum(a) FROM t WHERE b <= {x} ORDER BY a ASC",
        "SELECT sum(a) FROM t WHERE b <= {x} ",
    }


# ---------------------------------------------------------------------- what was measured, as committed
MEASURED = store.kept("mutation")["lessons"]


def test_every_lesson_was_measured_as_it_is(tool):
    written = [lesson for lesson in lessons.all_lessons().values() if lesson.phase]
    assert [id for id in MEASURED if id in {lesson.id for lesson in written}] == [lesson.id for lesson in written]
    for lesson in written:
        now = {id: sum(1 for _ in tool.mutants(lesson.cell_of(id).source)) for id in lesson.exercises}
        then = {score["exercise"]: course.rate([score]).mutants for score in MEASURED[lesson.id]}
        assert now == then, f"a solution was changed: run `python -m benchmarks.mutation {lesson.id}`"


@pytest.mark.parametrize("id", MEASURED)
def test_the_checks_reject_nearly_all_mistakes(id):
    assert course.rate(MEASURED[id]).score >= course.TARGET


def test_every_survivor_is_argued_and_nothing_else_is():
    argued = tomllib.loads(course.EQUIVALENTS.read_text(encoding="utf-8"))["equivalent"]
    assert all(len(entry["reason"].split()) >= 5 for entry in argued)
    alive = [(s["exercise"], s["hash"]) for scores in MEASURED.values() for s in course.survivors(scores)]
    assert sorted((entry["exercise"], entry["hash"]) for entry in argued) == sorted(alive)
