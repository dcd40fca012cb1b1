"""A portfolio shows what was done and nothing else, keeps what is the learner's, and its checklist names each flaw."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_lab import ItemKNN, cli, datasets
from recsys_lab.course import exercises_of, leaderboard, progress
from recsys_lab.course.capstone.new import new
from recsys_lab.course.portfolio import texts
from recsys_lab.course.portfolio.build import HASHES, MEASURED, build
from recsys_lab.course.portfolio.check import check
from recsys_lab.course.portfolio.diagram import diagram
from recsys_lab.course.projects.report import WAITING
from recsys_lab.course.projects.rubric import Grade, Row
from recsys_lab.course.projects.running import environment
from recsys_lab.errors import DataError, MissingDataError
from recsys_lab.ratings import Ratings

ANSWER = "For people who look for a film on an evening, in a list that they may ignore; not for deciding what is made."
ABOUT = "A recommender of films for evenings.\n\nIt is better than the most rated films."
ONLY = {"declares", "readme", "card"}  # the whole rubric is tests/course/test_capstone.py's


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, [str(a) for a in arguments])


def say(folder: Path, old: str, new: str, name: str = "README.md") -> None:
    """Exchange a text where it first occurs in a file."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text, f"{name} has no {old!r}"
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def write_own_words(folder: Path) -> None:
    for name in ("README.md", "DEMO.md"):
        text = (folder / name).read_text(encoding="utf-8")
        own = re.sub(re.escape(texts.WAITING) + r".*", ABOUT, text)
        (folder / name).write_text(own, encoding="utf-8")


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The progress file of somebody who has done some lessons, a quiz, a project and a model."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSYS_LAB_PROGRESS", str(folder / "progress.json"))
        for exercise in exercises_of("2.2")[:3]:
            progress.record(exercise.id, "correct")
        progress.record_quiz("phase 1", 7, 9, command=True)
        progress.record_project(2, 11, 14)
        leaderboard.keep("few neighbours", ItemKNN(5).fit(leaderboard.split()[0]))
        yield folder / "progress.json"


@pytest.fixture(scope="module")
def capstone(tmp_path_factory) -> Path:
    """The template with its report run, and a person's answers; it has an artefact and rows of ratings lying around."""
    folder = tmp_path_factory.mktemp("capstone") / "film-night"
    new(folder)
    card = folder / "MODEL_CARD.md"
    card.write_text(card.read_text(encoding="utf-8").replace(f"\n{WAITING}\n", f"\n{ANSWER}\n"), encoding="utf-8")
    variables = environment(0)
    variables["PYTHONPATH"] = os.pathsep.join([str(folder / "src"), variables["PYTHONPATH"]])
    subprocess.run([sys.executable, "-m", "film_night", "report"], cwd=folder, env=variables, check=True)
    (folder / "model.npz").write_bytes(b"an artefact")
    datasets.load("ml-100k").ratings.head(100).to_csv(folder / "sample.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def whole(record, capstone, tmp_path_factory) -> Path:
    """A portfolio with everything, finished by its author."""
    out = tmp_path_factory.mktemp("out") / "portfolio"
    build(out, capstone, "Ada", only=ONLY)
    write_own_words(out)
    build(out, capstone, only=ONLY)
    return out


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    return shutil.copytree(whole, tmp_path / "portfolio")


# ---------------------------------------------------------------------- what is in it
def test_a_whole_portfolio_passes_its_checklist(whole):
    assert check(whole) == []
    readme = (whole / "README.md").read_text(encoding="utf-8")
    measured = json.loads((whole / MEASURED).read_text(encoding="utf-8"))
    assert readme.startswith("# Ada: recommender systems")
    row = next(row for row in measured["leaderboard"]["rows"] if row["mine"])
    stated = next(exercise for exercise in exercises_of("4.7") if exercise.id == "4.7.1").reference()
    assert stated(*row["ndcg@10"]) in readme
    assert "| most rated films | the course | 1.028 (0.998 to 1.064) | 0.171 (0.160 to 0.184) |" in readme, (
        "rounded once"
    )
    assert measured["capstone"]["results"]["text"] in readme
    assert "3 of " in readme
    assert "7 of 9 right" in readme
    assert "11 of 14 points" in readme
    assert "Ada" in (whole / "LICENSE").read_text(encoding="utf-8")
    assert {path.name for path in (whole / "figures").iterdir()} == {
        "results.png",
        "score.png",
        "board.png",
        "path.png",
    }
    page = (whole / "index.html").read_text(encoding="utf-8")
    assert ABOUT.split("\n\n")[1] in page
    assert page.count("<img ") == 4
    assert "://" not in re.sub(r"data:[^\"]*", "", page)


def test_the_demo_takes_two_minutes_and_shows_what_there_is(whole):
    demo = (whole / "DEMO.md").read_text(encoding="utf-8")
    times = [tuple(map(int, found)) for found in re.findall(r"^\| (\d):(\d\d) to (\d):(\d\d) ", demo, re.MULTILINE)]
    at = [(60 * a + b, 60 * c + d) for a, b, c, d in times]
    assert at[0][0] == 0
    assert at[-1][1] == 120
    assert all(x[1] == y[0] and x[0] < x[1] for x, y in itertools.pairwise(at))
    assert "film_night serve" in demo


def test_no_ratings_and_no_artefact_leave_the_house(whole):
    names = {path.name for path in whole.rglob("*")}
    assert not {"model.npz", "sample.csv"} & names
    assert "recipe.py" in names
    readme = (whole / "README.md").read_text(encoding="utf-8")
    assert "project/model.npz: it may hold ratings" in readme
    assert "project/sample.csv: it has rows of user" in readme
    assert "actions/workflows" not in (whole / "project/README.md").read_text(encoding="utf-8")


def test_what_is_not_done_is_left_out_and_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    out = tmp_path / "empty"
    missing = build(out).missing
    readme = (out / "README.md").read_text(encoding="utf-8")
    said = readme.partition("## Not in here, because not done")[2]
    for what in ("Exercises", "Quiz of phase 1", "Quiz of phase 4", "Project 3", "Leader-board", "Capstone"):
        assert f"- {what}" in said
        assert any(line.startswith(what) for line in missing)
    assert "![" not in readme
    assert "0.1" not in readme
    assert "## My models" not in readme
    assert not (out / "DEMO.md").exists()
    assert not (out / "figures").exists()
    assert [p for p in check(out) if "your words" not in p.lower()] == []


@pytest.mark.parametrize("why", ["it says 0.912, and 0.353 was measured", None])
def test_results_that_were_not_measured_again_are_left_out(why, record, capstone, tmp_path, monkeypatch):
    row = Row("the README's numbers are measured", 0, 1, why) if why else Row("declared", 1, 1, "all")
    monkeypatch.setattr("recsys_lab.course.capstone.score.grade", lambda *_, **__: Grade(4, 0, (row,), {}))
    built = build(tmp_path / "out", capstone, only={"readme" if why else "declares"})
    assert f"Results of the capstone: {why or 'they were not measured again'}" in built.missing
    measured = json.loads((tmp_path / "out" / MEASURED).read_text(encoding="utf-8"))
    assert measured["capstone"]["results"] is None
    assert not (tmp_path / "out/figures/results.png").exists()
    assert "What it reaches" not in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_the_diagram_is_read_off_the_code(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Odd."""\n')
    (folder / "rows.py").write_text('"""What is "read". More."""\nNAME = "ml-1m"\n')
    (folder / "end.py").write_text("from odd import rows\nimport fastapi\n")
    found = diagram(tmp_path, "odd")
    assert found["data"] == ["ml-1m"]
    assert found["modules"] == {"end": "", "rows": 'What is "read"'}
    assert found["mermaid"].splitlines() == [
        "flowchart LR",
        '    n_end["end.py"]',
        '    n_rows["rows.py: What is #quot;read#quot;"]',
        '    data_n_ml_1m[("ml-1m")] --> n_rows',
        "    n_rows --> n_end",
        "    n_end --> web([web API and page])",
    ]


def test_a_model_that_knows_the_test_part_is_not_kept(record):
    ratings = datasets.load("ml-100k").ratings
    with pytest.raises(DataError, match="outside the train part"):
        leaderboard.keep("leak", ItemKNN(5).fit(Ratings.from_frame(ratings, scale=(1, 5))))
    assert list(leaderboard.kept()) == ["few neighbours"]


# ---------------------------------------------------------------------- built again
def test_a_second_build_changes_nothing_of_its_own_accord(copy, record, capstone, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file() and path.name != HASHES}
    monkeypatch.setattr("recsys_lab.course.capstone.score.grade", lambda *a, **k: pytest.fail("nothing has changed"))
    built = build(copy, capstone, only=ONLY)
    assert (built.written, built.kept, built.removed) == ([], [], [])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_second_build_keeps_what_is_the_learners(copy, record):
    say(copy, "## Licence", "## Licence, as I see it")  # inside a block: goes
    say(copy, "<!-- portfolio:diagram -->", "My own line.\n\n<!-- portfolio:diagram -->")  # outside: stays
    (copy / "LICENSE").write_text("Mine.", encoding="utf-8")
    (copy / "index.html").write_text("<p>mine</p>", encoding="utf-8")
    (copy / "notes.md").write_text("mine", encoding="utf-8")
    say(copy, '"ease"', '"als"', "project/src/film_night/recipe.py")
    built = build(copy)  # without the capstone
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert "My own line." in readme
    assert ABOUT in readme
    assert "as I see it" not in readme
    assert "film-night" not in readme
    assert "Capstone, its model card" in readme
    for name, text in (("LICENSE", "Mine."), ("index.html", "<p>mine</p>"), ("notes.md", "mine")):
        assert (copy / name).read_text(encoding="utf-8") == text
    assert built.kept == ["index.html"]
    assert (copy / "project/src/film_night/recipe.py").exists()
    assert "project/MODEL_CARD.md" in built.removed
    assert "figures/score.png" in built.removed


def test_folders_that_would_be_overwritten_are_refused(tmp_path, capstone):
    (tmp_path / "thesis.md").write_text("mine")
    with pytest.raises(DataError, match="choose another folder"):
        build(tmp_path)
    with pytest.raises(DataError, match="lies in the capstone"):
        build(capstone / "portfolio", capstone)
    with pytest.raises(MissingDataError, match="capstone new"):
        build(tmp_path / "new", tmp_path / "none")
    with pytest.raises(MissingDataError, match="portfolio build"):
        check(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.md"]


# ---------------------------------------------------------------------- the checklist
def _measured_value(folder: Path) -> str:
    return re.search(r"\| few neighbours \| mine \| (\d\.\d+)", (folder / "README.md").read_text(encoding="utf-8"))[1]


BROKEN = {
    "a number in a block": (lambda f: say(f, _measured_value(f), "0.1234"), "it says 0.1234, which was not measured"),
    "an invented sentence": (lambda f: say(f, "for evenings.", "with nDCG 0.777."), "README.md: 0.777 stands in no"),
    "an invented share": (lambda f: say(f, "for evenings.", "that pleases 98.7 % of all."), "98.7 % stands in no"),
    "measured.json": (lambda f: say(f, '"points": 11', '"points": 14', MEASURED), "measured.json is not what the last"),
    "a figure": (lambda f: shutil.copy(f / "figures/path.png", f / "figures/board.png"), "figures/board.png is not what"),
    "a figure is gone": (lambda f: (f / "figures/board.png").unlink(), "leads nowhere"),
    "the code": (lambda f: say(f, '"ease"', '"als"', "project/src/film_night/recipe.py"), "recipe.py is not what"),
    "a link": (lambda f: say(f, ABOUT, ABOUT + " [more](more.md)"), "the link to more.md leads nowhere"),
    "no text": (lambda f: say(f, ABOUT, ABOUT + " ![](figures/path.png)"), "figures/path.png has no alternative text"),
    "waiting": (lambda f: say(f, ABOUT, texts.WAITING), "README.md: 'Your words here.' still waits"),
    "no licence": (lambda f: (f / "LICENSE").unlink(), "there is no LICENSE"),
    "card": (lambda f: say(f, ANSWER, WAITING, "project/MODEL_CARD.md"), "'Intended use' waits for a person's answer"),
    "large": (lambda f: (f / "film.mov").write_bytes(bytes(10_000_001)), "film.mov: it has 10 MB"),
    "an artefact": (lambda f: (f / "model.npz").write_bytes(b"x"), "model.npz: it may hold ratings"),
    "ratings": (lambda f: (f / "u.txt").write_text("196\t242\t3\t881250949\n" * 30), "u.txt: it has rows of user"),
    "a secret": (lambda f: (f / "a.py").write_text('api_key = "0123456789ab"\n'), "a.py: it holds what looks like a secret"),
    "a token": (lambda f: (f / "a.md").write_text("AKIA" + "ABCDEFGH" * 2), "a.md: it holds what looks like a secret"),
    "a path": (lambda f: (f / "a.py").write_text('X = "/home/ada/data"\n'), "a.py: /home/ada/data is a path of one"),
    "a windows path": (lambda f: (f / "a.py").write_text(r'X = "C:\\ada"' + "\n"), "is a path of one machine"),
    "a request": (lambda f: say(f, "<h1>", '<img alt="x" src="https://example.org/x.png"><h1>', "index.html"), "asks another server"),
    "an old page": (lambda f: say(f, "It is better", "It is clearly better"), "index.html: your words"),
    "no page": (lambda f: (f / "index.html").unlink(), "there is no index.html"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_flaw_is_named(name, copy):
    spoil, says = BROKEN[name]
    spoil(copy)
    problems = check(copy)
    assert any(says in problem for problem in problems), problems
    assert len(problems) <= 3, "a flaw is told once, or from two sides"


def test_measured_numbers_may_be_quoted_in_own_words(copy, capstone, record):
    value = _measured_value(copy)
    say(
        copy, "for evenings.", f"with an RMSE of {value}, that is {float(value):.2f}. Version 1.2.3, `0.777`, 12 films."
    )
    build(copy, capstone, only=ONLY)
    assert check(copy) == []


def test_the_commands(copy, record, tmp_path):
    assert run("portfolio", "check", copy).exit_code == 0
    (copy / "LICENSE").unlink()
    result = run("portfolio", "check", copy)
    assert result.exit_code == 1
    assert "there is no LICENSE" in result.stdout
    result = run("portfolio", "build", "--out", tmp_path / "new", "--name", "Ada")
    assert result.exit_code == 0, result.output
    assert "not in it: Capstone" in result.stdout
    assert run("portfolio", "build", "--out", tmp_path / "new").exit_code == 0
    assert run("portfolio", "check", tmp_path).exit_code == 3
