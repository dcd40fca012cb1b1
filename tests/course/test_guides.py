"""The phase guides: every lesson is named as the map names it, the weeks add up, the rubric is the grader's."""

from __future__ import annotations

import math
import re
import shutil
from collections import Counter

import pytest

from recsys_lab.course import lessons, project
from recsys_lab.course.capstone import score

PHASES = [phase for phase in lessons.course_map() if phase.number]
GRADED = PHASES[:4]  # the wrap-up of phase 5 is judged by people


def guide(phase) -> str:
    return (lessons.home() / "curriculum" / phase.folder / "README.md").read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n") if line.startswith("|")]


def weeks(phase) -> list[list[tuple[str, float, str]]]:
    """(day, hours, lesson) of each sitting, week by week."""
    parts = re.split(r"^### Week \d+$", guide(phase).split("\n## The roadmap")[0], flags=re.MULTILINE)[1:]
    return [[(row[0], float(row[1]), row[2]) for row in rows(part)[2:]] for part in parts]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"phase {phase.number}")
def test_every_lesson_is_named_with_its_minutes(phase):
    named = {row[0]: row[1] for row in rows(guide(phase))}
    for entry in phase.lessons:
        minutes = int(named[f"{entry.id} {entry.title}"])
        written = (lessons.home() / "curriculum" / entry.file).exists()
        assert minutes == lessons.find(entry.id).minutes if written else 180 <= minutes <= 300


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"phase {phase.number}")
def test_the_weeks_add_up(phase):
    plan = weeks(phase)
    assert len(plan) == phase.weeks
    for number, week in enumerate(plan, 1):
        assert [day for day, _, _ in week] == ["Monday", "Tuesday", "Wednesday", "Thursday", "Saturday"]
        assert 8 <= sum(hours for _, hours, _ in week) <= 10, f"week {number}"
    headings = [int(n) for n in re.findall(r"^### Week (\d+)$", guide(phase), re.MULTILINE)]
    assert headings == list(range(1, len(plan) + 1))


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"phase {phase.number}")
def test_each_lesson_gets_its_hours_in_the_order_of_the_course(phase):
    given: Counter[str] = Counter()
    order = []
    for week in weeks(phase):
        for _, hours, lesson in week:
            given[lesson] += hours
            order += [lesson] if re.fullmatch(r"\d\.\d", lesson) else []
    assert list(dict.fromkeys(order)) == [entry.id for entry in phase.lessons]
    assert order == sorted(order)
    named = {row[0].split()[0]: row[1] for row in rows(guide(phase)) if re.match(r"\d\.\d ", row[0])}
    for entry in phase.lessons:
        assert 0 <= given[entry.id] * 60 - int(named[entry.id]) <= 75, entry.id
    assert {"project", "quiz", "outside"} <= set(given)


@pytest.mark.parametrize("phase", GRADED, ids=lambda phase: f"phase {phase.number}")
def test_the_rubric_is_the_graders(phase, tmp_path):
    if phase.number == 4:  # the capstone
        lines = list(score.RUBRIC.values())
    else:
        file = project._project(phase.number).FILE
        shutil.copy(project._templates(phase.number) / file, tmp_path / file)
        lines = project._project(phase.number).grade(tmp_path, project.SEED).rows
    section = guide(phase).split("## Wrap-up assignment")[1].split("## For instructors")[0]
    stated = [(row[0], int(row[1])) for row in rows(section)[2:]]
    assert [points for _, points in stated] == [line.of for line in lines]
    for (text, _), line in zip(stated, lines):
        assert text.startswith(line.what), line.what
    passing = math.ceil((score.TENTHS if phase.number == 4 else 7) / 10 * sum(points for _, points in stated))
    assert f"{passing} points pass" in " ".join(section.split())


def test_the_rubric_of_people_has_twenty_points():
    section = guide(PHASES[4]).split("## Wrap-up assignment")[1].split("## For instructors")[0]
    assert sum(int(row[1]) for row in rows(section)[2:]) == 20
    assert "14 points pass" in " ".join(section.split())


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"phase {phase.number}")
def test_instructors_find_every_lesson(phase):
    table = rows(guide(phase).split("## For instructors")[1])
    assert [row[0] for row in table[2:]] == [entry.id for entry in phase.lessons]
    assert all(len(row) == 4 and all(row) for row in table)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"phase {phase.number}")
def test_every_command_named_exists(phase):
    from recsys_lab.cli import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands} | {g.name for g in app.registered_groups}
    named = set(re.findall(r"recsys-lab ([a-z]+)", guide(phase)))
    assert named <= known
