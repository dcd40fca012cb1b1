"""The projects: sound submissions get all points, each broken one loses what it should, and nobody's code breaks grading."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from recsys_lab import cli
from recsys_lab.course import progress, project
from recsys_lab.course.projects import lists, ratings, report, service
from recsys_lab.errors import DataError, MissingDataError

SOUND = Path(__file__).parent / "submissions"
OF = {"one number": 2, "beats the mean": 2, "beats the damped": 4, "your own estimate": 4, "no leak": 3, "the same": 2}
OF |= {"a run takes": 1, "the report": 2}
OF_LISTS = {
    "up to 10": 2,
    "beats the most": 3,
    "beats item": 4,
    "leaves out": 2,
    "serves a user": 1,
    "serves a newcomer": 2,
}
OF_LISTS |= {"no leak": 2, "the same": 1, "a run takes": 1, "the report": 2}
OF_SERVICE = {"it starts": 2, "an unknown user": 1, "a newcomer": 1, "bad requests": 2, "what is refused": 1}
OF_SERVICE |= {"without a sound": 2, "a new artefact": 2, "acknowledged": 2, "a slow": 2, "no stack trace": 1}
OF_SERVICE |= {"the slowest": 1, "SIGTERM": 1, "the report": 2}


def folder(tmp_path: Path, file: str, changes: dict[str, str]) -> Path:
    """A folder with the sound submission, changed, and a report that a machine takes for filled in."""
    text = (SOUND / file).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    (tmp_path / file).write_text(text, encoding="utf-8")
    number = {ratings.FILE: 1, lists.FILE: 2, service.FILE: 3}[file]
    notebook = nbformat.reads(report.build(project._templates(number) / "report.py"), as_version=4)
    (tmp_path / report.NAME).write_text(nbformat.writes(filled(notebook)), encoding="utf-8")
    return tmp_path


def filled(notebook):
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "answer" in tags:
            cell.source = "word " * report.WORDS
        if "figure" in tags and not cell.outputs:
            cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})]
    return notebook


def lost(graded, of) -> dict[str, int]:
    """Start of a row's name -> points lost there."""
    rows = {next(name for name in of if row.what.startswith(name)): row for row in graded.rows}
    assert {name: row.of for name, row in rows.items()} == of
    assert all(row.why for row in graded.rows)
    return {name: row.of - row.points for name, row in rows.items() if row.points < row.of}


# ---------------------------------------------------------------------- project 1
def test_all_rubrics_have_twenty_points():
    assert sum(OF.values()) == sum(OF_LISTS.values()) == sum(OF_SERVICE.values()) == 20


LOAD = "from recsys_lab import datasets; train = datasets.load('ml-100k').ratings; "
RATINGS = {
    "sound": ({}, {}),
    "guesses the mean": (
        {'model["mean"] + film + user': 'model["mean"] + 0 * film'},
        {"beats the mean": 2, "beats the damped": 4},
    ),
    "guesses the film's mean": ({" + user, 1, 5": ", 1, 5"}, {"beats the damped": 4}),
    "claims its training error": (
        {"fit(part, users, items), kept": "fit(train, users, items), kept"},
        {"your own estimate": 4},
    ),
    "reads the hidden ratings": (
        {'mean = train["rating"].mean()': LOAD + 'mean = train["rating"].mean()'},
        {"no leak": 3},
    ),
    "draws without a seed": (
        {"film + user, 1, 5)": "film + user + np.random.default_rng().normal(0, 0.01, len(pairs)), 1.1, 4.9)"},
        {"the same": 2},
    ),
    "depends on the order of a set": (
        {
            "    return {": "    mean += 1e-3 * [len(w) for w in {'a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff', 'ggggggg'}][0]\n    return {"
        },
        {"the same": 2},
    ),
    "learns from the pairs": ({"film + user,": "film + user + 1e-3 * len(pairs) ** 0.5 / 100,"}, {"the same": 2}),
    "leaves the scale": ({"film + user, 1, 5)": "film + user, 0, 6)"}, {"one number": 1}),
    "estimate crashes": ({"part, kept = ": "part, kept, rest = "}, {"your own estimate": 4}),
}


@pytest.mark.parametrize("name", RATINGS)
def test_ratings_each_submission_loses_what_it_should(name, tmp_path):
    changes, expected = RATINGS[name]
    graded = ratings.grade(folder(tmp_path, ratings.FILE, changes), project.SEED)
    assert lost(graded, OF) == expected, graded.rows
    assert graded.passed == (20 - sum(expected.values()) >= 14)


EVERYTHING = {name: of for name, of in OF.items() if name not in ("a run takes", "the report")}
BROKEN = {
    "does not parse": ({"def fit(train": "def fit(train:"}, "SyntaxError"),
    "wants the ratings": (
        {'film = pairs["item"].map': 'pairs["rating"]; film = pairs["item"].map'},
        "KeyError: 'rating'",
    ),
    "leaves Python": ({'mean = train["rating"].mean()': "raise SystemExit(0)"}, "SystemExit: 0"),
    "dies": ({'mean = train["rating"].mean()': "import os; os._exit(7)"}, ""),
    "gives nothing": ({"    return np.clip": "    np.clip"}, "returned None"),
    "gives NaN": ({'model["film"]).fillna(0)': 'model["film"])'}, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_ratings_broken_code_is_reported_as_the_learners(name, tmp_path):
    changes, says = BROKEN[name]
    graded = ratings.grade(folder(tmp_path, ratings.FILE, changes), project.SEED)
    missing = lost(graded, OF)
    assert missing.keys() >= {"one number", "beats the mean", "beats the damped", "your own estimate"}
    assert missing.get("the report", 0) == 0
    said = "\n".join(graded.errors.values())
    assert says in said
    assert "site-packages" not in said
    assert "worker.py" not in said
    if name == "wants the ratings":
        assert said.startswith("my_model.py, line ")
    if name == "dies":
        assert "code 7" in graded.rows[0].why


def test_ratings_a_loop_without_end_is_ended(tmp_path):
    where = folder(tmp_path, ratings.FILE, {'mean = train["rating"].mean()': "while True: pass"})
    graded = ratings.grade(where, project.SEED, limit=4)
    assert lost(graded, OF) == EVERYTHING | {"a run takes": 1}
    assert "after 4 s" in graded.rows[0].why


def test_ratings_slow_but_finished_loses_one_point(tmp_path):
    graded = ratings.grade(folder(tmp_path, ratings.FILE, {}), project.SEED, soft=0.01)
    assert lost(graded, OF) == {"a run takes": 1}


def test_another_seed_is_another_cut(tmp_path):
    graded = ratings.grade(folder(tmp_path, ratings.FILE, {}), seed=7)
    assert lost(graded, OF) == {}
    first, second = (set(map(tuple, ratings.cut(s)[1][["user", "item"]].to_numpy())) for s in (7, project.SEED))
    assert len(first & second) < 0.25 * len(first)


# ---------------------------------------------------------------------- project 2
LEAK = """from recsys_lab import datasets
    kind = datasets.load("ml-100k").ratings.groupby("user")["rating"].mean() > 3.5
    return lists[(lists["rank"] < n) | (len(users) == 1) | lists["user"].isin(kind.index[kind])]
"""
SHUFFLE = """    if len(users) > 1:
        lists["rank"] = lists.groupby("user")["rank"].transform(lambda ranks: ranks.sample(frac=1).to_numpy())
    return lists
"""
LISTS = {
    "sound": ({}, {}),
    "the most rated films": (
        {'model["ease"].recommend(users': 'model["popular"].recommend(users'},
        {"beats the most": 3},
    ),
    "item k-NN": (
        {"EASE, Popularity": "EASE, ItemKNN, Popularity", "EASE(threshold=4.0).fit": "ItemKNN().fit"},
        {"beats the most": 3, "beats item": 4},
    ),
    "one film that was seen": (
        {
            'return {"ease"': 'seen = train.groupby("user")["item"].first()\n    return {"seen": seen, "ease"',
            "    return lists\n": '    at = lists["rank"] == n\n'
            '    lists.loc[at, "item"] = lists.loc[at, "user"].map(model["seen"]).fillna(lists["item"]).astype(int)\n'
            "    return lists\n",
        },
        {"leaves out": 2},
    ),
    "refuses strangers": ({'unknown="popular"': 'unknown="raise"'}, {"serves a user": 1}),
    "gives newcomers what they know": (
        {
            'return model["ease"].recommend_for(history, n)': 'return model["popular"].recommend([0], n, unknown="popular")'
        },
        {"serves a newcomer": 2},
    ),
    "gives newcomers too little": (
        {"recommend_for(history, n)": "recommend_for(history, 3)"},
        {"serves a newcomer": 2},
    ),
    "forgets a user": ({"    return lists\n": '    return lists[lists["user"] != 1]\n'}, {"up to 10": 1}),
    "reads the hidden ratings": ({"    return lists\n": "    " + LEAK}, {"no leak": 2}),
    "shuffles": ({"    return lists\n": SHUFFLE}, {"the same": 1}),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_each_submission_loses_what_it_should(name, tmp_path):
    changes, expected = LISTS[name]
    graded = lists.grade(folder(tmp_path, lists.FILE, changes), project.SEED)
    assert lost(graded, OF_LISTS) == expected, graded.rows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('lists.assign(rank=lists["rank"] - 1)', "ranks are 1 to 10"),
        ("lists.assign(item=50)", "gets a film twice"),
        ('lists.assign(item=lists["item"] + 5000)', "is no film"),
        ('lists.drop(columns="rank")', "no column 'rank'"),
        ('lists.drop(columns="user")', "no column 'user'"),
    ],
)
def test_lists_that_are_none_get_no_points(change, says, tmp_path):
    graded = lists.grade(folder(tmp_path, lists.FILE, {"    return lists\n": f"    return {change}\n"}), project.SEED)
    assert lost(graded, OF_LISTS).keys() >= {"up to 10", "beats the most", "beats item", "leaves out"}
    assert says in graded.rows[0].why


# ---------------------------------------------------------------------- project 3
KNOWN = 'model.recommend([int(user)], n)["item"].tolist() if known else '
FAULTS: dict[str, tuple[dict[str, str], dict[str, int]]] = {
    "reads the artefact for each list": (
        {"used, items = holder.current, None": "holder.seen = None; holder.look(); used, items = holder.current, None"},
        {"the slowest": 1},
    ),
    "takes every event for a new one": (
        {"[event.model_dump() for event": '[event.model_dump() | {"id": None} for event'},
        {"acknowledged": 2},
    ),
    "gives newcomers what is popular": (
        {'model.recommend_for(known, asked.n)["item"].tolist() if known else None': "None"},
        {"a newcomer": 1},
    ),
    "waits for the model": ({"await asyncio.wait_for(work, IN_TIME)": "await work"}, {"a slow": 2}),
    "answers errors as FastAPI does": (
        {"    @app.exception_handler(RequestValidationError)\n": ""},
        {"bad requests": 2, "what is refused": 1},  # its answer quotes NaN, which is no JSON: 500
    ),
    "begins a new log with each start": (
        {"EventLog(events_url)": "EventLog(f\"{events_url}.{__import__('os').getpid()}\")"},
        {"acknowledged": 2},
    ),
    "does not end": ({"        holder.ended.set()\n": "        await asyncio.sleep(60)\n"}, {"SIGTERM": 1}),
    "names the next model before it has it": (
        {
            "            model = storage": "            if self.current:\n"
            "                self.current = self.current._replace(version=version)\n"
            "            model = storage"
        },
        {"a new artefact": 2},
    ),
    "does not start without a model": (
        {"    holder, log, workers": "    storage.load(model_path)\n    holder, log, workers"},
        {"without a sound": 2},
    ),
    "says why the model failed": (
        {
            'print("the model failed:", repr(error))': 'return {"fallback": True, "items": [{"item": i} for i in popular[:n]], '
            '"why": repr(error)}'
        },
        {"no stack trace": 1},
    ),
    "gives strangers another one's list": (
        {KNOWN + "None": KNOWN + 'model.recommend([1], n)["item"].tolist()'},
        {"an unknown user": 1},
    ),
}
# Faults of different rows share a grading, which takes about fifteen seconds.
TOGETHER = [list(FAULTS)[:3], list(FAULTS)[3:7], list(FAULTS)[7:]]


@pytest.mark.parametrize("names", [[], *TOGETHER], ids=["sound", *map("; ".join, TOGETHER)])
def test_services_each_submission_loses_what_it_should(names, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "ENDED", 3.0)
    changes = {old: new for name in names for old, new in FAULTS[name][0].items()}
    expected = {row: points for name in names for row, points in FAULTS[name][1].items()}
    graded = service.grade(folder(tmp_path, service.FILE, changes), project.SEED)
    assert lost(graded, OF_SERVICE) == expected, graded.rows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"def create_app(": "def create_app(("}, "SyntaxError"),
        ({"    holder, log, workers": "    raise SystemExit(0)\n    holder, log, workers"}, "SystemExit: 0"),
        ({"    holder, log, workers": "    while True: pass\n    holder, log, workers"}, "my_service.py"),
        (
            {"        threading.Thread(target=holder": "        1 / 0\n        threading.Thread(target=holder"},
            "ZeroDivisionError",
        ),
    ],
    ids=["does not parse", "leaves Python", "never gets ready", "fails as it starts"],
)
def test_a_service_that_does_not_start_is_reported_as_the_learners(change, says, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROJECT_PATIENCE", "6")
    graded = service.grade(folder(tmp_path, service.FILE, change), project.SEED)
    assert lost(graded, OF_SERVICE) == {row: of for row, of in OF_SERVICE.items() if row != "the report"}
    assert says in graded.errors["create_app"]


def test_an_empty_service_gets_no_points_and_no_error(tmp_path):
    assert run("project", "start", 3, "--out", tmp_path).exit_code == 0
    result = run("project", "grade", 3, "--dir", tmp_path, "--json")
    assert result.exit_code == cli.CHECK_FAILED, result.stderr
    graded = json.loads(result.stdout)
    assert (graded["points"], graded["of"], graded["passed"], graded["errors"]) == (0, 20, False, {})
    assert "not written yet" in graded["rows"][0]["why"]
    with pytest.raises(DataError, match="hides no ratings"):
        project.practice(3)


# ---------------------------------------------------------------------- from the command line
def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, [str(a) for a in arguments])


@pytest.mark.parametrize("number", [1, 2])
def test_the_template_runs_into_the_rubric_and_not_into_an_error(number, tmp_path):
    assert run("project", "start", number, "--out", tmp_path).exit_code == 0
    result = run("project", "grade", number, "--dir", tmp_path, "--json")
    assert result.exit_code == cli.CHECK_FAILED, result.stderr
    graded = json.loads(result.stdout)
    assert (graded["points"], graded["of"], graded["passed"]) == (1, 20, False)  # it ran in time
    assert "is it still the stub" in graded["rows"][0]["why"]


def test_start_never_overwrites(tmp_path):
    (tmp_path / ratings.FILE).write_text("mine")
    result = run("project", "start", 1, "--out", tmp_path)
    assert "kept as it is" in result.stdout
    assert (tmp_path / ratings.FILE).read_text() == "mine"
    assert (tmp_path / report.NAME).exists()


def test_grade_says_what_is_missing(tmp_path):
    result = run("project", "grade", 1, "--dir", tmp_path)
    assert result.exit_code == cli.MISSING
    assert "project start 1" in result.stderr
    with pytest.raises(MissingDataError):
        project.grade(2, tmp_path)
    with pytest.raises(DataError, match="project 5: choose one of 1, 2, 3, 4"):
        project.start(5, tmp_path)


def test_the_points_are_kept_and_the_table_fits(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    where = folder(tmp_path, ratings.FILE, {"part, kept = ": "part, kept, rest = "})
    result = run("project", "grade", 1, "--dir", where)
    assert result.exit_code == 0, result.stderr
    assert "16 of 20 points, passed" in result.stdout
    assert "Your code failed in `validate`:\nmy_model.py, line" in result.stdout
    assert progress.read()["projects"] == {"1": {"points": 16, "of": 20}}
    assert "project 16/20" in run("progress").stdout


# ---------------------------------------------------------------------- the report
@pytest.mark.parametrize(("number", "file"), [(1, ratings.FILE), (2, lists.FILE), (3, service.FILE)])
def test_the_report_runs_with_a_sound_submission(number, file, tmp_path, monkeypatch):
    """Each figure is drawn, and after it the words are all that is missing."""
    from nbclient import NotebookClient

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    project.start(number, tmp_path)
    (tmp_path / file).write_text((SOUND / file).read_text(encoding="utf-8"), encoding="utf-8")
    notebook = nbformat.read(tmp_path / report.NAME, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    nbformat.write(notebook, tmp_path / report.NAME)
    row = report.row(tmp_path)
    assert (row.points, row.of) == (1, 2), row.why
    nbformat.write(filled(notebook), tmp_path / report.NAME)
    assert report.row(tmp_path).points == 2


def test_a_report_that_is_none(tmp_path):
    assert "is missing" in report.row(tmp_path).why
    (tmp_path / report.NAME).write_text("no JSON")
    assert "cannot be read" in report.row(tmp_path).why


@pytest.mark.parametrize("number", [1, 2])
def test_practice_holds_nothing_of_the_hidden_part(number):
    train, users, items = project.practice(number)
    hidden = project._project(number).cut(project.SEED)[1]
    assert len(train) + len(hidden) == 100_000
    assert not train.merge(hidden, on=["user", "item"]).size
    assert set(train["user"]) <= set(users["user"])
    assert set(train["item"]) <= set(items["item"])
