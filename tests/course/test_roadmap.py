"""curriculum/README.md: what it says of the course is so, its links lead somewhere, its commands work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_lab import cli
from recsys_lab.course import lessons
from recsys_lab.course.plan import roadmap

FILE = lessons.home() / "curriculum" / "README.md"
PAGE = FILE.read_text(encoding="utf-8")
PROSE = re.sub(r"<!-- roadmap: [\w ]+ -->.*?<!-- end -->", "", PAGE, flags=re.DOTALL)
ENTRIES = lessons.entries()
WRITTEN = lessons.all_lessons()


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def ids(text: str) -> set[str]:
    """Lessons that a text refers to; "[2.1] to [2.7]" are all of these."""
    named = set(re.findall(r"\[(\d\.\d|00)\]", text))
    order = list(ENTRIES)
    for first, last in re.findall(r"\[(\d\.\d)\] to \[(\d\.\d)\]", text):
        named |= set(order[order.index(first) : order.index(last) + 1])
    return named


def test_its_blocks_are_what_the_course_says():
    assert roadmap.renewed(PAGE) == PAGE, "write them anew: python -m recsys_lab.course.plan.roadmap"
    assert re.findall(r"<!-- roadmap: ([\w ]+) -->", PAGE) == ["first steps", "phases", "lessons", "links"]
    assert set(roadmap.blocks()) == {"first steps", "phases", "lessons", "links"}
    assert roadmap.renewed(PAGE.replace("| 230 |", "| 9 |", 1)) == PAGE


def test_every_lesson_with_its_title_and_minutes():
    table = rows(section("Every lesson"))
    assert [row[0] for row in table] == [f"[{entry.id}] {entry.title}" for entry in ENTRIES.values()]
    for id, row in zip(ENTRIES, table):
        assert row[1] == (str(WRITTEN[id].minutes) if id in WRITTEN else "to come")
        assert ids(row[2]) == set(WRITTEN[id].prerequisites if id in WRITTEN else ())


def test_phases_and_their_weeks():
    *table, total = rows(section("Five phases"))
    phases = [phase for phase in lessons.course_map() if phase.weeks]
    assert [row[:2] for row in table] == [[f"{p.number} {p.title}", f"{p.weeks:g}"] for p in phases]
    assert total[1:3] == [f"{sum(p.weeks for p in phases):g}", str(len(ENTRIES) - 1)]
    assert f"the phases add up to {total[1]} weeks" in " ".join(PAGE.split())


def test_links_resolve():
    defined = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", PAGE, re.MULTILINE))
    assert set(defined) == set(ENTRIES)
    for id, target in defined.items():
        assert (FILE.parent / target).resolve() == lessons.home() / roadmap.notebook(ENTRIES[id])
        assert id not in WRITTEN or (FILE.parent / target).exists(), id
    assert ids(PROSE) <= set(defined)
    assert not re.findall(r"\[(\d[^\]]*)\](?!\()", re.sub(r"\[(\d\.\d|00)\]", "", PROSE))
    anchors = {
        re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (FILE.parent / target).exists(), target


def test_every_section_is_in_the_list_of_contents():
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    contents = re.search(r"On this page:(.*?)\n\n", PAGE, re.DOTALL)[1]
    assert re.findall(r"\[([^\]]+)\]\(#", contents) == [title[0].lower() + title[1:] for title in titles]


def test_outside_addresses_are_the_ones_we_looked_at():
    hosts = {re.match(r"https://([^/]+)", target)[1] for target in re.findall(r"\]\((https?://[^)]+)\)", PAGE)}
    assert hosts == {
        "www.coursera.org",
        "www.kaggle.com",
        "www.udacity.com",
        "surprise.readthedocs.io",
        "fastapi.tiangolo.com",
        "docs.feast.dev",
        "airflow.apache.org",
        "netflixtechblog.com",
        "recsys.acm.org",
        "mlconf.com",
    }


@pytest.mark.parametrize(
    "name",
    ["Andrew Ng", "University of Minnesota", "Kaggle Learn", "DataCamp", "Kohavi", "Udacity", "PySpark", "Deep Learning",
     "neural collaborative filtering", "Surprise", "SVD tutorial", "e-commerce data set", "FastAPI", "Feast", "Airflow",
     "AWS or Heroku", "interview book", "Netflix Prize", "Netflix TechBlog", "RecSys", "MLconf"],
)  # fmt: skip
def test_each_resource_of_the_roadmap_has_its_free_counterpart(name):
    found = [row for row in rows(section("Outside resources")) if name in row[0]]
    assert len(found) == 1
    _, take, free = found[0]
    assert len(take.split()) > 4
    assert ids(free) <= set(ENTRIES)
    assert ids(free)


def test_each_skill_leads_to_lessons():
    bring, learn = rows(section("What you bring")), rows(section("What you learn"))
    assert len(bring) == 5
    assert all(ids(row[2]) for row in bring)
    assert [(row[1], int(row[2])) for row in learn] == [
        ("critical", 8), ("critical", 10), ("important", 4), ("important", 3), ("nice to have", 4), ("nice to have", 8),
    ]  # fmt: skip
    assert all(ids(row[3]) for row in learn)
    assert all(ids(row[2]) for row in rows(section("Reality check")))
    assert ids(PROSE) == set(ENTRIES) - {"00"}  # each lesson is good for something


def test_pay_stands_beside_its_source():
    paragraph = next(p for p in PAGE.split("\n\n") if p.startswith("**Pay**"))
    assert "Source: the roadmap" in paragraph
    assert "2026" in paragraph
    assert re.findall(r"\d+ to \d+", paragraph) == ["85 to 140", "130 to 250", "30 to 50"]
    assert not re.search(r"USD|\$|dollars?", PROSE.replace(paragraph, ""))


def test_every_command_exists():
    known = {c.name or c.callback.__name__ for c in cli.app.registered_commands}
    known |= {group.name for group in cli.app.registered_groups}
    assert set(re.findall(r"recsys-lab ([a-z]+)", PAGE)) <= known


PLANS = sorted(set(re.findall(r"recsys-lab plan((?: --?[a-z]+ [^ `\n]+)+)", PAGE)) | {" --hours 5 --outside none"})


@pytest.mark.parametrize("options", PLANS)
def test_every_plan_that_it_quotes_can_be_made(options, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", "off")
    words = options.replace("DATE", "2027-12-31").split() + ([] if "hours" in options else ["--hours", "10"])
    result = CliRunner().invoke(cli.app, ["plan", *words, "--today", "2027-01-04", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert Path(tmp_path / "plan.ics").exists()
