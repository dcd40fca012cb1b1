"""The published table that lesson 4.1 prints is what Surprise's README says, and what benchmarks/results/ holds."""

from __future__ import annotations

import ast
import statistics
from importlib import metadata

import pytest

from benchmarks import store, surprise_table
from recsys_lab.course import lessons


@pytest.fixture(scope="module")
def table():
    """{row: (published, again, our folds)}, as the lesson types it."""
    for cell in lessons.find("4.1").cells:
        if cell.kind == "code" and cell.source.startswith("TABLE = "):
            rows = next(node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.List))
            return {row[0]: row[1:] for row in ast.literal_eval(rows)}
    raise AssertionError("lesson 4.1 has no cell that begins with TABLE = ")


def test_the_lesson_prints_what_was_measured(table):
    found = store.kept(surprise_table.PART)
    assert set(table) == set(found["rows"])
    for row in surprise_table.ROWS:
        published, again, ours = table[row.name]
        assert published == row.rmse
        assert again == pytest.approx(found["readme"][row.name]["rmse"], abs=5.1e-5)
        folds = [fold["rmse"] for fold in found["rows"][row.name]["theirs"]]
        assert len(folds) == 5
        assert ours == pytest.approx(statistics.mean(folds), abs=5.1e-5)


def test_the_two_benchmarks_agree_on_the_rows_that_both_have(table):
    """results/ratings-ml-100k.json was measured apart, with the clock on."""
    known = store.kept("ratings-ml-100k")["rows"]
    both = [row for row in surprise_table.ROWS if f"surprise: {row.theirs}" in known]
    assert len(both) == 7
    for row in both:
        folds = [fold["rmse"] for fold in known[f"surprise: {row.theirs}"].values()]
        assert table[row.name][2] == pytest.approx(statistics.mean(folds), abs=1.1e-4), row.name


def test_every_row_is_reproduced_to_the_digits_that_are_published():
    again = store.kept(surprise_table.PART)["readme"]
    for row in surprise_table.ROWS:
        assert again[row.name]["rmse"] == pytest.approx(row.rmse, abs=5.1e-4), row.name
        assert again[row.name]["mae"] == pytest.approx(row.mae, abs=5.1e-4), row.name


def test_the_published_figures_are_those_of_the_installed_readme():
    pytest.importorskip("surprise", reason="the oracle: pip install scikit-surprise")
    if metadata.version("scikit-surprise") != "1.1.5":
        pytest.skip("the table is that of Surprise 1.1.5")
    # Not the payload: a newer importlib_metadata, once some package has imported it, answers here too, and has none.
    readme = metadata.metadata("scikit-surprise")["Description"]
    start = readme.index("| [Movielens 100k]")
    lines = readme[start : readme.index("\n\n", start)].splitlines()[2:]
    said = {line.split("]")[0].strip("| ["): [float(x) for x in line.split("|")[2:4]] for line in lines}
    said = {name.removesuffix(" (cache_ratings=False)"): values for name, values in said.items()}
    for row in surprise_table.ROWS:
        assert said[row.name] == [row.rmse, row.mae]
