"""Every formula that a lesson prints has a check against the code, and words for its symbols.

The checks themselves are in `test_formulas_phase*.py`. A formula that is changed loses its check: read it anew, and
copy it to its test.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import formula_checks
import pytest
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
