"""Every formula that a lesson prints has a check against the code, and words for its symbols.

The checks themselves are in `test_formulas_phase*.py`. A formula that is changed loses its check: read it anew, and
copy it to its test.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import formula_checks
import numpy as np
import pytest
from formula_reader import formula_sides
from formula_symbols import bound_in, defined_by, symbols_of

from recsys_lab.course import lessons

for file in sorted(Path(__file__).parent.glob("test_formulas_*.py")):
    importlib.import_module(file.stem)  # each registers its checks

EVERY = lessons.all_lessons()
CONSTANTS = {"e"}  # of \sigma(z) = 1 / (1 + e^{-z})


@pytest.fixture(params=EVERY)
def lesson(request):
    return EVERY[request.param]


def test_every_formula_has_a_check_and_every_check_a_formula(lesson):
    found = formula_checks.printed(lesson)
    missing = [
        f"{one.place}: no check of {one.latex}"
        for one in found
        if (lesson.id, formula_checks.key(one.latex)) not in formula_checks.CHECKED
    ]
    there = {formula_checks.key(one.latex) for one in found}
    stale = [
        f"{test} checks what lesson {id} does not print (any more): {latex}"
        for (id, latex), test in formula_checks.CHECKED.items()
        if id == lesson.id and latex not in there
    ]
    assert not missing + stale, "\n".join(missing + stale)


def test_every_symbol_of_a_formula_is_named_in_words(lesson):
    """In inline math or backticks of its cell or one above. What a formula defines, and what its sums bind, is named by it."""
    unnamed = []
    for one in formula_checks.printed(lesson):
        if not one.display:
            continue
        known = set().union(*(symbols_of(text) for text in formula_checks.inline_math(one.before)), set())
        own = bound_in(one.latex) | defined_by(one.latex)
        for symbol in sorted(symbols_of(one.latex) - own - known - CONSTANTS):
            unnamed.append(f"{one.place}: {symbol} in {one.latex}")
    assert not unnamed, "\n".join(unnamed)


# ------------------------------------------------------------------ and the machinery bites
def test_formulas_are_found_where_learners_read_them(small):
    small.replace("# A cosine is", "# $$c = a - b$$\n# With $e = a / b$, $n = 3$, `$f = a b$` and $a$: a cosine is")
    small.replace("Write the **cosine**.", "Write $g = a + b$.", small.module)
    found = formula_checks.printed(lessons.find("9.1"))
    assert [(one.latex, one.display) for one in found] == [
        ("c = a - b", True),
        ("e = a / b", False),
        ("g = a + b", False),
    ]
    line = small.lesson.read_text().split("\n").index("# $$c = a - b$$") + 1
    assert found[0].place == f"curriculum/phase9_small/9_1_angles.py:{line}"


def test_a_check_that_does_not_look_is_refused(monkeypatch):
    monkeypatch.setattr(formula_checks, "CHECKED", {})

    @formula_checks.formula("9.1", r"c = a - b")
    def test_looks(sides):
        assert sides[1](a=5, b=3) == 2

    @formula_checks.formula("9.1", r"c = (a + b) / 2")
    def test_looks_away(sides):
        sides[1](a=5, b=3)

    test_looks(formula_sides("c = a - b"))
    with pytest.raises(AssertionError, match="passes whatever"):
        test_looks_away(formula_sides("c = (a + b) / 2"))


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="cannot read"):
        formula_sides(r"a ) b")[0](a=1, b=2)
    with pytest.raises(KeyError, match="symbol 'b'"):
        formula_sides(r"a b")[0](a=1)
    with pytest.raises(IndexError, match="count from 1"):
        formula_sides(r"a_j")[0](a=[1, 2], j=0)


READ = [
    (r"\text{mean}\,(x)^2", {"mean": np.mean, "x": np.array([1.0, 3.0])}, 5.0),
    (r"f(x)^2", {"f": np.mean, "x": np.array([1.0, 3.0])}, 4.0),
    (r"-x^2 + 2x", {"x": 3}, -3.0),
    (r"\frac{1}{2n} \sum_{j=1}^{n} j^2 - 1", {"n": 2}, 0.25),
    (r"x^\top x + |x| + \|x\|^2", {"x": np.array([3.0, 4.0])}, 55.0),
    (r"|G| - 1", {"G": {7, 9}}, 1.0),
    (r"a / b \cdot c", {"a": 6, "b": 2, "c": 3}, 9.0),
    (r"\max_{j \le 2} x_j", {"x": [1, 5, 9]}, 5.0),
]


@pytest.mark.parametrize(("latex", "symbols", "value"), READ, ids=[latex for latex, _, _ in READ])
def test_it_is_read_as_people_read_it(latex, symbols, value):
    assert formula_sides(latex)[0](**symbols) == pytest.approx(value)
