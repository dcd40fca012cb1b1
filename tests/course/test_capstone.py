"""The capstone: the template runs, the reference gets all points, each broken variant loses exactly what it should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_lab import cli, datasets
from recsys_lab.course import progress, project
from recsys_lab.course.capstone.checks import papers
from recsys_lab.course.capstone.new import TEMPLATE, names, new
from recsys_lab.course.capstone.score import RUBRIC, grade
from recsys_lab.course.capstone.subjects import SUBJECTS
from recsys_lab.course.projects.report import WAITING
from recsys_lab.course.projects.running import environment
from recsys_lab.errors import DataError, MissingDataError

ANSWER = "For people who look for a film on an evening, in a list that they may ignore; not for deciding what is made."
RECIPE = {"PARAMS: dict[str, object] = {}": 'PARAMS: dict[str, object] = {"threshold": 4.0}'}
SERVICE = "    return library_app(Settings.from_environment(model=model_path, events=events_url, data=data.NAME))\n"


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, [str(a) for a in arguments])


def change(folder: Path, changes: dict[str, dict[str, str]]) -> Path:
    """Replace texts that occur once, in files of a project."""
    for name, replaced in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        for old, fresh in replaced.items():
            assert text.count(old) == 1, f"{name}: {old!r} occurs {text.count(old)} times"
            text = text.replace(old, fresh)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def answered(folder: Path) -> Path:
    """A person's answers are in the card, and the report has run."""
    card = folder / "MODEL_CARD.md"
    questions = card.read_text(encoding="utf-8").replace(f"\n{WAITING}\n", f"\n{ANSWER}\n")
    card.write_text(questions, encoding="utf-8")
    variables = environment(0)
    variables["PYTHONPATH"] = os.pathsep.join([str(folder / "src"), variables["PYTHONPATH"]])
    subprocess.run([sys.executable, "-m", names(folder)[1], "report"], cwd=folder, env=variables, check=True)
    return folder


def changed(reference: Path, place: Path, *several: dict[str, dict[str, str]]) -> Path:
    """A copy of a reference, with changes."""
    folder = shutil.copytree(reference, place / reference.name, ignore=shutil.ignore_patterns("__pycache__"))
    for changes in several:
        change(folder, changes)
    return folder


@pytest.fixture(scope="session")
def reference(tmp_path_factory) -> Path:
    """The template with a better recipe, answered."""
    folder = tmp_path_factory.mktemp("capstone") / "film-night"
    assert run("capstone", "new", folder).exit_code == 0
    return answered(change(folder, {"src/film_night/recipe.py": RECIPE}))


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    """The shop's template as it is, answered."""
    folder = tmp_path_factory.mktemp("capstone") / "disc-shop"
    assert run("capstone", "new", folder, "--data", "shop").exit_code == 0
    return answered(folder)


@pytest.fixture
def variant(reference, tmp_path):
    """A function from changes to a changed copy of the reference."""
    return lambda *several: changed(reference, tmp_path, *several)


def lost(rows: list[dict], only=None) -> dict[str, int]:
    """Name in the rubric -> points lost there."""
    named = dict(zip([name for name in RUBRIC if only is None or name in only], rows, strict=True))
    assert all(row["why"] for row in rows)
    return {name: row["of"] - row["points"] for name, row in named.items() if row["points"] < row["of"]}


def scored(folder: Path, code: int = 0) -> dict:
    """What the whole command says."""
    result = run("capstone", "score", folder, "--json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


# ---------------------------------------------------------------------- the whole command
def test_the_reference_gets_all_points(reference, monkeypatch, tmp_path):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*")}
    graded = scored(reference)
    assert (graded["points"], graded["of"], graded["passed"]) == (20, 20, True), graded["rows"]
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*")} == before  # it was scored in a copy
    assert progress.read()["projects"] == {"4": {"points": 20, "of": 20}}


FAULTS: dict[str, tuple[dict[str, dict[str, str]], dict[str, int]]] = {
    "imports what it does not declare": (
        {"src/film_night/data.py": {"import pandas as pd\n": "import pandas as pd\nimport tqdm  # noqa: F401\n"}},
        {"declares": 1},
    ),
    "depends on the order of a set": (
        {
            "src/film_night/model.py": {
                "data.ratings(rows)": "data.ratings(rows.assign(rating=rows['rating'].clip(lower=1 + 1e-9 * "
                "[len(word) for word in {'a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff', 'ggggggg'}][0])))"
            }
        },
        {"repeats": 1},
    ),
    "reads something for each request": (
        {
            "src/film_night/service.py": {
                SERVICE: SERVICE.replace("return", "app =")
                + """
    @app.middleware("http")
    async def slow(request, following):
        if request.url.path.endswith("recommendations") and request.method == "GET":
            __import__("time").sleep(0.2)
        return await following(request)

    return app
"""
            }
        },
        {"fast": 1},
    ),
    "has a number that somebody typed": ({"README.md": {"| this project | 0.": "| this project | 1."}}, {"readme": 1}),
    "does not test what it loads": (
        {
            "tests/test_model.py": {"def test_what_is_loaded": "def what_is_loaded"},
            "tests/test_pipeline.py": {"def test_the_gate": "def the_gate"},
        },
        {"tests": 1},
    ),
    "reads the hidden ratings": (
        {
            "src/film_night/model.py": {
                "data.ratings(rows)": "data.ratings(rows.assign(rating=rows['rating'].clip(lower=1 + 1e-9 * "
                "data.load()['rating'].mean())))"
            }
        },
        {"popularity": 2, "neighbours": 2},
    ),
    "writes a pickle beside the artefact": (
        {
            "src/film_night/model.py": {
                "    return storage.save(model, path)\n": "    import pickle\n\n"
                '    path.with_suffix(".params").write_bytes(pickle.dumps(model.params()))\n'
                "    return storage.save(model, path)\n"
            }
        },
        {"pickle": 1},
    ),
    "breaks down at bad requests": (
        {
            "src/film_night/service.py": {
                SERVICE: SERVICE.replace("return", "app =")
                + """
    @app.middleware("http")
    async def worse(request, following):
        from fastapi.responses import JSONResponse

        answer = await following(request)
        return answer if answer.status_code != 422 else JSONResponse({}, 500)

    return app
"""
            }
        },
        {"refuses": 1},
    ),
    "publishes without a gate": (
        {
            "src/film_night/pipeline.py": {"passed = all(check.passed for check in checks)": "passed = True"},
            "tests/test_pipeline.py": {"def test_the_gate": "def the_gate"},
        },
        {"publishes": 1},
    ),
    "leaves a question of the card open": (
        {"MODEL_CARD.md": {f"what is stored? Who could notice, and how?\n\n{ANSWER}": f"stored?\n\n{WAITING}"}},
        {"card": 1},
    ),
}
# Faults of different lines share a scoring, which takes half a CPU minute.
TOGETHER = [list(FAULTS)[:5], list(FAULTS)[5:]]


@pytest.mark.parametrize("several", TOGETHER, ids="; ".join)
def test_each_fault_loses_what_it_should(several, variant):
    folder = variant(*(FAULTS[fault][0] for fault in several))
    expected = {name: points for fault in several for name, points in FAULTS[fault][1].items()}
    code = cli.OK if sum(expected.values()) <= 2 else cli.CHECK_FAILED
    graded = scored(folder, code)
    assert lost(graded["rows"]) == expected, graded["rows"]
    if "has a number that somebody typed" in several:
        assert "tqdm" in graded["rows"][1]["why"]
        assert "loads another model" in next(r["why"] for r in graded["rows"] if "planted" in r["what"])


def test_a_project_that_does_not_train_is_told_so_and_no_more(variant):
    folder = variant({"src/film_night/model.py": {"    return recipe.make()": "    1 / 0\n    return recipe.make()"}})
    graded = scored(folder, cli.CHECK_FAILED)
    assert set(lost(graded["rows"])) == set(RUBRIC) - {"declares"}
    assert "ended with code 1: ZeroDivisionError" in graded["rows"][0]["why"]


# ---------------------------------------------------------------------- only the lines concerned
ONLY = {
    "answers only whom it knows": (
        {
            "src/film_night/service.py": {
                SERVICE: SERVICE.replace("return", "app =")
                + """
    @app.middleware("http")
    async def guarded(request, following):
        from fastapi.responses import JSONResponse

        known = request.method == "GET" and "10000000" not in request.url.path
        return await following(request) if known else JSONResponse({"title": "Who are you?"}, 404)

    return app
"""
            }
        },
        ("stranger", "newcomer", "refuses"),
        {"stranger": 1, "newcomer": 1},
    ),
    "recommends the most rated to everybody": (
        {"src/film_night/recipe.py": {'"ease"': '"popularity"', '{"threshold": 4.0}': "{}"}},
        ("trains", "popularity", "neighbours", "stranger", "newcomer"),
        {"popularity": 2, "neighbours": 2, "newcomer": 1},
    ),
    "reads the hidden ratings behind chance": (
        {
            "src/film_night/model.py": {
                "data.ratings(rows)": "data.ratings(rows.assign(rating=rows['rating'].clip(lower=1 + 1e-9 * "
                "data.load()['rating'].mean() + 1e-9 * __import__('numpy').random.default_rng().random())))"
            }
        },
        ("repeats", "popularity", "neighbours"),
        {"repeats": 1, "popularity": 2, "neighbours": 2},
    ),
    "has tests that cannot fail": (
        {
            "tests/test_model.py": {"assert len(lists) == 10 * ": "return\n    assert len(lists) == 10 * "}
            | {"assert np.nanmean(found)": "assert True or np.nanmean(found)"}
            | {"assert model.recommend(again": "assert True or model.recommend(again"}
            | {"assert model.recommend_new": "assert True or model.recommend_new"},
            "tests/test_pipeline.py": {"def test_the_gate": "def the_gate"},
            "tests/test_service.py": {"    assert [row": "    return\n    assert [row"},
        },
        ("tests",),
        {"tests": 3},
    ),
}


@pytest.mark.parametrize("name", ONLY)
def test_each_variant_loses_what_it_should(name, variant):
    changes, only, expected = ONLY[name]
    rows = [row._asdict() for row in grade(variant(changes), only=only).rows]
    assert lost(rows, only) == expected, rows


def test_what_cannot_be_installed_or_has_no_tests(variant):
    folder = variant({"pyproject.toml": {"setuptools.build_meta": "setuptools.no_such_backend"}})
    shutil.rmtree(folder / "tests")
    rows = grade(folder, only=("trains", "pickle", "tests")).rows
    assert [row.points for row in rows] == [0, 0, 0]
    assert all("`pip install` ended with code" in row.why for row in rows)


# ---------------------------------------------------------------------- the shop
def test_the_shops_template_gets_all_points_once_it_is_answered(shop):
    graded = scored(shop)
    assert (graded["points"], graded["of"]) == (20, 20), graded["rows"]


def test_a_shop_that_trains_on_the_whole_log_is_found(shop, tmp_path):
    folder = changed(shop, tmp_path, {"src/disc_shop/model.py": {"data.ratings(rows)": "data.ratings(data.load())"}})
    rows = grade(folder, only=("popularity", "neighbours")).rows
    assert [row.points for row in rows] == [0, 0]
    assert all("changed with the hidden part" in row.why for row in rows)


def test_a_shop_that_takes_what_came_back_for_bought_fails_its_own_tests(shop, tmp_path):
    wrong = {"interactions(rows.": "interactions(rows[rows['event'] != 'return']."}
    folder = changed(shop, tmp_path, {"src/disc_shop/data.py": wrong})
    variables = environment(0) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_data.py"]
    ran = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert re.findall(r"^FAILED .*::(\w+)", ran.stdout, re.MULTILINE) == [
        "test_a_purchase_that_came_back_is_none_once_it_has"
    ]


def test_the_shops_hidden_part_is_later_new_and_kept():
    events, about = datasets.events("shop"), SUBJECTS["shop"]
    train, hidden = about.cut(0)
    known = about.rated(train)
    assert train["timestamp"].max() < hidden["timestamp"].min()
    assert hidden["user"].isin(known["user"]).all()
    assert hidden.merge(known, on=["user", "item"]).empty
    back = events[(events["event"] == "return") & (events["timestamp"] > train["timestamp"].max())]
    bought = train[train["event"] == "purchase"].merge(back[["session", "item"]], on=["session", "item"])
    standing = bought.merge(known, on=["user", "item"])
    assert len(standing) > 20  # who stands at the moment of the cut does not know that they come back
    assert (standing["rating"] == about.relevant).all()
    later = events[(events["event"] == "purchase") & (events["timestamp"] > train["timestamp"].max())]
    undone = later.merge(back[["session", "item"]], on=["session", "item"])
    assert len(undone) > 20
    again = (
        later.merge(undone[["user", "item"]].drop_duplicates(), on=["user", "item"]).groupby(["user", "item"]).size()
    )
    once = again[again == 1].reset_index()[["user", "item"]]
    assert hidden[hidden["rating"] == about.relevant].merge(once, on=["user", "item"]).empty


# ---------------------------------------------------------------------- writing one
def test_new_names_the_project_after_its_folder_and_overwrites_nothing(tmp_path):
    result = run("capstone", "new", tmp_path / "Film Night")
    assert result.exit_code == 0, result.stderr
    texts = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "Film Night").rglob("*") if path.is_file()}
    assert len(texts) == len([p for p in TEMPLATE.rglob("*") if p.is_file() and "cache" not in str(p)])
    assert not re.search("myrec|my-rec", "".join([*texts.values(), *map(str, texts)]))
    assert 'name = "film-night"' in texts[tmp_path / "Film Night" / "pyproject.toml"]
    assert (tmp_path / "Film Night" / "src" / "film_night" / "recipe.py") in texts
    assert 'data = "movies"' in texts[tmp_path / "Film Night" / "pyproject.toml"]

    again = run("capstone", "new", tmp_path / "Film Night")
    assert again.exit_code == cli.BAD_INPUT
    assert "nothing is overwritten" in again.stderr
    assert {path: path.read_text(encoding="utf-8") for path in texts} == texts


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("42", "begin it with a letter"),
        ("numpy", "module numpy already"),
        ("class", "module class already"),
        ("---", "begin it with a letter"),
    ],
)
def test_names_that_no_package_can_have(name, says, tmp_path):
    with pytest.raises(DataError, match=says):
        names(tmp_path / name)


def test_unknown_data_and_folders_without_a_project_are_refused(tmp_path):
    with pytest.raises(DataError, match="no data for a capstone 'movie'; did you mean 'movies'"):
        new(tmp_path / "film-night", "movie")
    result = run("capstone", "score", tmp_path)
    assert result.exit_code == cli.MISSING
    assert "capstone new" in result.stderr
    with pytest.raises(MissingDataError, match="capstone new"):
        project.grade(4, tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "film-night"\n')
    with pytest.raises(DataError, match="no package film_night"):
        grade(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(DataError, match="cannot be read"):
        grade(tmp_path)


def test_a_block_without_its_end_swallows_nothing(reference):
    code = (
        "from film_night import report\n"
        "whole = '<!-- report:a -->\\nold\\n<!-- /report:a -->'\n"
        "print(report.filled(whole, {'a': 'new', 'b': 'more'}))\n"
        "for text in (whole[:-1], '<!-- report:a -->\\nMy words.\\n' + whole, whole + '<!-- /report:b -->', "
        "whole.replace('report:a', 'report:c')):\n"
        "    try:\n        report.filled(text, {'a': 'new', 'b': 'more'})\n"
        "    except ValueError as error:\n        print('no partner' in str(error))\n"
    )
    variables = environment(0)
    variables["PYTHONPATH"] = os.pathsep.join([str(reference / "src"), variables["PYTHONPATH"]])
    ran = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["<!-- report:a -->", "new", "<!-- /report:a -->", *["True"] * 4]


def test_project_4_is_the_capstone(tmp_path):
    written, kept = project.start(4, tmp_path / "film-night")
    assert not kept
    assert tmp_path / "film-night" / "pyproject.toml" in written


# ---------------------------------------------------------------------- the rubric, and the template's parts of it
def test_the_rubric_has_twenty_points():
    assert sum(line.of for line in RUBRIC.values()) == 20


@pytest.mark.parametrize("folder", [TEMPLATE.name, *(about.overlay for about in SUBJECTS.values() if about.overlay)])
def test_the_card_asks_for_what_is_checked(folder):
    text = (TEMPLATE.with_name(folder) / "MODEL_CARD.md").read_text(encoding="utf-8")
    sections = dict(zip(*[iter(re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:])] * 2, strict=True))
    assert tuple(sections) == papers.SECTIONS
    assert tuple(name for name, section in sections.items() if WAITING in section) == papers.ANSWERED
