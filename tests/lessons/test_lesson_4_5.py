"""The times of a million vectors that lesson 4.5 types are those that benchmarks/results/ holds."""

from __future__ import annotations

import ast
import re

import pytest

from benchmarks import store
from recsys_lab.course import lessons


@pytest.fixture(scope="module")
def source():
    return "\n".join(cell.source for cell in lessons.find("4.5").cells)


@pytest.fixture(scope="module")
def points():
    found: dict[str, list[tuple[float, float, float]]] = {}
    for point in store.kept("ann")["curves"]["points"]:
        row = (point["recall"], 100 / point["times_faster"], 100 * point["work"])
        found.setdefault(point["index"], []).append(row)
    return found


def test_the_lesson_draws_what_was_measured(source, points):
    typed = ast.literal_eval(re.search(r"^MILLION = (\{.*?^\})", source, re.DOTALL | re.MULTILINE)[1])
    assert typed == {
        name: [(round(recall, 2), float(f"{time:.2g}"), float(f"{work:.2g}")) for recall, time, work in rows]
        for name, rows in points.items()
        if name != "exact"
    }


def test_what_the_lesson_concludes(points):
    graph, cells = points["HNSW, 16 links"], points["IVF, 1,024 cells"]
    assert graph[-1][2] < cells[2][2] / 10  # the graph looks at far fewer, and finds more than
    assert graph[-1][0] > cells[2][0] > graph[-2][0]  # the cells, which find more than its setting before
    assert cells[2][1] < graph[-2][1]  # and take less time
    assert graph[-1][1] / graph[-1][2] > 30  # a step of the graph against a comparison of the exact search
    codes = points["IVF + PQ, 32 bytes"][-1]
    assert codes[1] / codes[2] == pytest.approx(2, abs=0.2)
    built = {row["index"]: row for row in store.kept("ann")["curves"]["indexes"]}
    assert (round(built["HNSW, 16 links"]["build_s"]), round(built["IVF, 1,024 cells"]["build_s"])) == (158, 4)
    sizes = [built[f"IVF{kind}"]["bytes"] for kind in (" + PQ, 32 bytes", ", 1,024 cells")]
    assert [round(size) for size in sizes] == [40, 264]
