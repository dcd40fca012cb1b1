"""Lesson 5.1: its table of assumptions is that of its exercises, and what its prose computes is computed."""

from __future__ import annotations

import ast
import re

import pytest
from formula_checks import functions_of

from recsys_lab.course import lessons
from recsys_lab.course.exercises import e5_1
from recsys_lab.production import capacity, latency
from recsys_lab.production.latency import Stage
from recsys_lab.production.units import quantity, text


def _cells(kind):
    return [cell.source for cell in lessons.find("5.1").cells if cell.kind == kind and not cell.instructor]


def _value(name):
    """What the lesson assigns to this name, a literal."""
    for statement in ast.parse("\n".join(_cells("code"))).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == name:
            return statement.value
    raise AssertionError(f"lesson 5.1 assigns no {name}")


@pytest.fixture(scope="module")
def base():
    return ast.literal_eval(_value("BASE"))


def _plain(values):
    return {
        name: (quantity(v) if not v.replace(".", "").isdigit() else quantity(float(v))).to_root_units()
        for name, v in values.items()
    }


def test_the_lesson_and_its_exercises_assume_the_same(base):
    ours, theirs = _plain(base), _plain(e5_1.BASE)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].m_as(theirs[name].units) == pytest.approx(theirs[name].magnitude) for name in ours)


def test_the_bill_is_the_same(base):
    mine, total = functions_of("5.1", "bill", "total", BASE=base, capacity=capacity, quantity=quantity)
    for given in ({}, *({name: end} for name, ends in e5_1.RANGES.items() for end in ends)):
        assert {k: text(v, "usd/month", 9) for k, v in mine(**given).items()} == {
            k: text(v, "usd/month", 9) for k, v in e5_1.bill(**given).items()
        }
        assert total(**given).m_as("usd/month") == pytest.approx(sum(e5_1.bill(**given).values()).m_as("usd/month"))


def test_what_the_prose_computes():
    prose = re.sub(r"\s+", " ", " ".join(_cells("markdown")))
    rows = re.findall(r"\| \d \| [^|]+ \| (\d+) \|", prose)
    assert len(rows) == 9
    assert sum(map(int, rows)) == 45
    lines = {name: cost.m_as("usd/month") for name, cost in e5_1.bill().items()}
    total, users = sum(lines.values()), e5_1.MEMBERS
    mean = users * e5_1.SHARE * e5_1.PAGES / 86_400
    said = {
        "seven thousand pages a second, twice that at the peak": round(mean, -3) == 7000 and e5_1.PEAK == 2,
        "some 160 machines": 155 < lines["serving"] / 730 / 0.7 < 165,
        "less than two cents for a thousand pages": 0.01 < 1000 * total / mean / 2_628_000 < 0.02,
        "a tenth of a cent a month for each member": total / users == pytest.approx(0.001, rel=0.15),
        "The largest line is not the model, it is **the log": max(lines, key=lines.get) == "log",
        "pays ten thousand times as much": 0.9e4 < 10 / (total / users) < 1.2e4,
        "the log is one of the smallest lines": e5_1.bill(size="30 byte/event")["log"].m_as("usd/month") < 0.07 * total,
        "The top bar is longer than the whole bill": e5_1._dominant()[2] > total,
        "the 63 % on the right": round(latency.slow_share(0.01, 100), 2) == 0.63,
        "thirty times our assumption": 29 < 700e9 / 75e6 / e5_1.EVENTS < 32,
        "its 99.95th decides": latency.quantile_of_one(0.99, 20) == pytest.approx(0.9995, abs=1e-5),
        "a member asks for two pages a day on average": e5_1.SHARE * e5_1.PAGES == 2,
        "a month has 2,628,000 seconds": quantity("1 month").m_as("s") == 2_628_000,
    }
    for sentence, holds in said.items():
        assert sentence.lower() in prose.lower(), sentence
        assert holds, sentence


def test_what_the_exercises_explain():
    repairs = {stage.name: e5_1._after_repair(stage.name) for stage in e5_1.SLOW_PAGE}
    assert round(repairs.pop("features")) == 195
    assert min(repairs.values()) > 230
    assert f"{latency.slow_share(0.01, 20):.0%}".replace("%", " %") in e5_1.FLAWS.explanation
    assert capacity.vectors(count="18000 item", d=128).m_as("MB") == pytest.approx(9, abs=0.5)
    assert e5_1.plan_proportions(0.97, 0.0005).n_control == pytest.approx(1.8e6, rel=0.02)
    assert 2.95e6 < e5_1.MEMBERS / 100 < 3.05e6
    together = latency.budget([Stage("answer", "60 ms", "400 ms")], "200 ms")
    assert together.late > 0.01, "statement h: the mean is below 200 ms, and more than 1 % of the answers are not"
    swings = e5_1._swings()
    assert list(swings)[:2] == ["events", "work"]
    assert swings["server"] < swings["work"] / 2
