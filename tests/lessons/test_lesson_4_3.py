"""What lesson 4.3 quotes is what was measured."""

from __future__ import annotations

import pytest

from benchmarks import store
from recsys_lab.course.exercises.e4_3 import MEASURED


def test_the_growth_it_draws_is_that_of_the_benchmark():
    rows = {(row["ratings"], row["way"]): row for row in store.kept("spark")["rows"] if row["way"] != "cg"}
    assert rows.keys() == {(row["ratings"], row["way"]) for row in MEASURED}
    for row in MEASURED:
        for what in ("wall_s", "cpu_s", "peak_mb"):
            assert row[what] == pytest.approx(rows[row["ratings"], row["way"]][what], rel=0.01)
