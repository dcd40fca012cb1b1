"""The map with your marks on it, and the plan."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from recsys_lab.course import lessons, plan
from recsys_lab.errors import DataError


@pytest.mark.parametrize("hours", [1, 7.5, 10, 15, 60])
def test_the_phases_follow_each_other_without_a_gap(hours):
    table = plan.calendar(hours, "2027-01-04")
    assert table["from"][0] == "2027-01-04"
    for end, start in zip(table["until"], table["from"][1:]):
        assert date.fromisoformat(end) + timedelta(days=1) == date.fromisoformat(start)
    days = date.fromisoformat(table["until"].iloc[-1]) - date(2027, 1, 4)
    assert days.days + 1 == 7 * table["weeks"].sum()
    assert (table["weeks"] * hours >= table["hours"]).all()
    assert ((table["weeks"] - 1) * hours < table["hours"]).all()  # and no week more than that takes


def test_ten_hours_a_week_is_what_the_course_map_means():
    weeks = [phase.weeks for phase in lessons.course_map() if phase.weeks]
    assert plan.calendar(10, date(2027, 1, 4))["weeks"].tolist() == weeks


@pytest.mark.parametrize("hours", [0, -3, 61, float("nan")])
def test_impossible_hours_are_refused(hours):
    with pytest.raises(DataError, match="choose more than 0"):
        plan.calendar(hours, "2027-01-04")


def test_a_bad_date_is_refused():
    with pytest.raises(DataError, match="'4th of May' is not a date"):
        plan.calendar(10, "4th of May")


def test_open_means_written(monkeypatch):
    table = plan.phases().set_index("phase")
    assert table["lessons"].sum() == len(lessons.entries())
    assert "00" in table.loc[0, "open now"]
    for ids in table["open now"]:
        for id in [] if ids == "-" else ids.split(", "):
            assert lessons.find(id).id == id


def test_solved_exercises_are_counted_by_phase(tmp_path, monkeypatch):
    file = tmp_path / "progress.json"
    done = {"2.2.1": {"state": "correct", "tries": 1}, "2.2.2": {"state": "incorrect", "tries": 3}}
    done |= {"00.1": {"state": "correct", "tries": 1}}
    file.write_text(json.dumps({"version": 1, "exercises": done, "quizzes": {}}))
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(file))
    assert plan.phases().set_index("phase")["solved"].tolist() == [1, 0, 1, 0, 0, 0]
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", "off")
    assert plan.phases()["solved"].sum() == 0
