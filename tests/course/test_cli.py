"""The command line as a learner and as a script meet it: tables, clean JSON, friendly refusals, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from recsys_lab import cli, datasets, evaluate, registry, storage
from recsys_lab.course import lessons
from recsys_lab.ratings import Ratings

TOY = ("--data", "toy")


def run(*arguments: object) -> Result:
    """In this process: quick, with the output of both streams."""
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, [str(a) for a in arguments])


def run_json(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def shell(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """As a process of its own, with its output piped, as in `recsys-lab ... | less`."""
    command = [sys.executable, "-c", "from recsys_lab.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env={**os.environ, **env}, timeout=120
    )


# ---------------------------------------------------------------------- as a real process
def test_help_lists_the_commands_and_the_exit_codes() -> None:
    result = shell("--help")
    assert result.returncode == 0
    for word in (
        "demo",
        "evaluate",
        "recommend",
        "lesson",
        "progress",
        "diagnostic",
        "quiz",
        "project",
        "Exit codes",
        "bad usage",
    ):
        assert word in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from typer.testing import CliRunner
from recsys_lab import cli
assert CliRunner().invoke(cli.app, ["--help"]).exit_code == 0
print(sorted({"numpy", "pandas", "scipy", "numba", "IPython", "nbformat"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_the_installed_command_works() -> None:
    command = shutil.which("recsys-lab", path=str(Path(sys.executable).parent))
    assert command, "install the package first: pip install -e ."
    result = subprocess.run([command, "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout.split()[0]) == (0, "recsys-lab")


def test_piped_output_is_plain_and_fits_80_columns() -> None:
    result = shell("recommend", "--user", "42", "-n", "5", NO_COLOR="1")
    assert result.returncode == 0
    assert result.stderr == "", "no progress bars where nobody watches"
    assert "\x1b" not in result.stdout
    assert "because you rated" in result.stdout
    table = result.stdout.split("\n\n", 1)[1]
    assert max(map(len, table.splitlines())) <= 80


def test_json_on_real_data_is_all_there_is_on_stdout() -> None:
    result = shell("recommend", "--user", "42", "-n", "3", "--json")
    assert result.returncode == 0
    answer = json.loads(result.stdout)
    ml = datasets.load("ml-100k")
    model = registry.make("item-knn").fit(Ratings.from_frame(ml.ratings, scale=ml.scale))
    wanted = model.recommend(42, n=3)
    assert [r["item"] for r in answer["recommendations"]] == wanted["item"].tolist()
    np.testing.assert_allclose([r["score"] for r in answer["recommendations"]], wanted["score"])
    mine = ml.ratings[ml.ratings["user"] == 42].set_index("item")["rating"]
    reasons = [reason for r in answer["recommendations"] for reason in r["reasons"]]
    assert reasons
    for reason in reasons:
        assert reason["rating"] >= 3
        assert reason["rating"] == mine[reason["id"]], "a reason must be true"


def test_ctrl_c_ends_quietly_with_130() -> None:
    if os.name == "nt":
        pytest.skip("signals work differently on Windows")
    # Started in the background of a shell, we inherit that SIGINT is ignored, and so would the command.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from recsys_lab.cli import main; main()"
    command = [sys.executable, "-c", code, "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_closed_pipe_is_no_error_of_ours() -> None:
    command = [sys.executable, "-c", "from recsys_lab.cli import main; main()", "models"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_an_error_of_ours_shows_its_traceback_and_code_70() -> None:
    code = "from recsys_lab import cli, registry; registry.MODELS = None; cli.main()"
    result = subprocess.run([sys.executable, "-c", code, "models"], capture_output=True, text=True)
    assert result.returncode == cli.BUG
    assert "Traceback" in result.stderr
    assert "a bug of ours" in result.stderr


# ---------------------------------------------------------------------- models
def test_models_shows_every_model_and_its_parameters() -> None:
    result = run("models")
    for name in registry.entries():
        assert name in result.stdout
    assert run_json("models")["item-knn"]["params"] == registry.make("item-knn").params()


def test_evaluate_prints_what_the_library_measures() -> None:
    found = run_json("evaluate", "--model", "item-knn", "--param", "k=2", "--folds", 3, "--top", 2, "--seed", 4, *TOY)
    toy = datasets.toy()
    wanted = evaluate.cross_validate(
        registry.make("item-knn", k=2), Ratings.from_frame(toy.ratings, scale=toy.scale), folds=3, seed=4, k=2
    )
    metrics = found["models"]["item-knn"]["metrics"]
    assert set(metrics) == set(wanted.metrics)
    for name, estimate in wanted.metrics.items():
        assert metrics[name] == pytest.approx(estimate._asdict(), nan_ok=True)
    assert found["models"]["item-knn"]["params"]["k"] == 2
    assert set(found["models"]["item-knn"]["seconds"]) == set(wanted.seconds)


def test_evaluate_shows_a_table_and_compares() -> None:
    result = run("evaluate", "-m", "bias", "-m", "random", *TOY)
    assert result.exit_code == 0, result.stderr
    for word in ("RMSE", "MAE", "P@10", "R@10", "nDCG@10", "95 % interval"):
        assert word in result.stdout
    board, _, differences = result.stdout.partition("Is the difference")
    assert "bias - random" in differences
    lines = [line for line in board.splitlines() if line.startswith(("bias ", "random "))]
    rmse = [float(line.split()[1].rstrip("*")) for line in lines]
    assert rmse == sorted(rmse), "the best first"
    assert max(map(len, result.stdout.splitlines())) <= 80
    pair = run_json("evaluate", "-m", "bias", "-m", "random", *TOY)["compare"][0]
    assert {pair["model"], pair["other"]} == {"bias", "random"}


def test_demo_leaves_out_a_model_that_does_not_suit_the_data_and_says_why() -> None:
    result = run("demo", "--json", *TOY)
    assert result.exit_code == 0, result.stderr
    judged = json.loads(result.stdout)["models"]
    assert "bias" in judged
    assert "user-knn" not in judged, "there are no 40 neighbours among six users"
    assert "user-knn is left out: k=40: there are 6 users" in result.stderr


def test_demo_with_no_model_left_is_refused() -> None:
    result = run("demo", "--relevant", "9", *TOY)
    assert result.exit_code == cli.BAD_INPUT
    assert "no model can be judged on toy" in result.stderr


def test_demo_ranks_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the toy set, where 40 neighbours are too many: so each model is made with fewer."""
    make = registry.make
    monkeypatch.setattr(
        registry, "make", lambda name, **p: make(name, **({"k": 2} if name.endswith("knn") else {}) | p)
    )
    found = run_json("demo", *TOY)
    assert set(found["models"]) == set(registry.MODELS)
    rates = [m["counts"]["by fallback"] < m["counts"]["test ratings"] for m in found["models"].values()]
    assert rates == sorted(rates, reverse=True), "those that only rank come last"
    rmse = [m["metrics"]["rmse"]["mean"] for m in found["models"].values()][: sum(rates)]
    assert rmse == sorted(rmse)
    table = run("demo", *TOY).stdout
    shown = [
        [m["metrics"][name]["mean"] for m in found["models"].values()][
            : sum(rates) if name in ("rmse", "mae") else None
        ]
        for name in ("rmse", "mae", "precision@10", "recall@10", "ndcg@10")
    ]
    best = sum(column.count((min if i < 2 else max)(column)) for i, column in enumerate(shown))
    assert table.count("*") == best + 1, "the best of each column (on eight films some tie), and the legend"
    for name in registry.MODELS:
        assert f"\n{name} " in table


def test_recommend_for_text_ids_and_every_kind_of_reason() -> None:
    said = {
        "item-knn": "because you rated",
        "user-knn": "who rates like you, gave it",
        "popularity": "people rated it",
        "content": "because you rate genres: Sci-Fi 3.0",
        "random": "",
    }
    for model, words in said.items():
        options = ("--param", "k=2", "--param", "measure=cosine", "--param", "variant=basic") if "knn" in model else ()
        result = run("recommend", "--user", "ben", "--model", model, *options, *TOY)
        assert result.exit_code == 0, result.stderr
        assert words in " ".join(result.stdout.split()), "however it is wrapped"
        found = run_json("recommend", "--user", "ben", "--model", model, *options, *TOY)["recommendations"]
        unseen = {"Robot Winter (1997)", "Letters to Lisbon (1993)", "The Lamp Keeper (1990)"}
        assert {r["title"] for r in found} == unseen


def test_a_saved_model_recommends_the_same(tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    result = run("save", "--model", "item-knn", "--param", "k=2", "--out", file, *TOY)
    assert result.exit_code == 0, result.stderr
    assert type(storage.load(file)).__name__ == "ItemKNN"
    fresh = run_json("recommend", "--user", "ann", "--model", "item-knn", "--param", "k=2", *TOY)
    assert run_json("recommend", "--user", "ann", "--file", file, *TOY) == fresh


# ---------------------------------------------------------------------- data
def test_data_list_path_and_verify() -> None:
    datasets.load("ml-100k")
    listed = {row["name"]: row for row in run_json("data", "list")}
    assert set(listed) == set(datasets.names())
    assert listed["ml-100k"]["fetched"] is True
    assert "100,000" in run("data", "list").stdout
    assert run("data", "path", "ml-100k").stdout.strip() == str(datasets.path("ml-100k"))
    assert run_json("data", "verify", "ml-100k")["sha256"] == datasets.verify("ml-100k")
    assert Path(run_json("data", "fetch", "ml-100k")["path"]) == datasets.path("ml-100k")


def test_a_damaged_set_is_a_failed_check_and_a_missing_one_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = datasets.path("ml-100k").read_bytes()
    monkeypatch.setenv("RECSYS_LAB_DATA", str(tmp_path))
    missing = run("data", "verify", "ml-100k")
    assert missing.exit_code == cli.MISSING
    assert "recsys-lab data fetch ml-100k" in missing.stderr
    datasets.path("ml-100k").parent.mkdir()
    datasets.path("ml-100k").write_bytes(whole[:-100] + bytes(100))
    damaged = run("data", "verify", "ml-100k", "--json")
    assert damaged.exit_code == cli.CHECK_FAILED
    assert damaged.stdout == ""
    assert "brings it anew" in damaged.stderr


# ---------------------------------------------------------------------- the course's commands
def test_progress_lists_the_lessons_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    listed = [row["lesson"] for row in run_json("progress")]
    assert listed[:2] == ["00", "1.1"]
    table = run("progress").stdout
    assert "Start here" in table
    assert table.index("1.1") < table.index("2.2") < table.index("5.5")


@pytest.fixture
def one_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course that holds the real lesson 2.2 and no other, so that one run of it is enough."""
    for name in (
        "curriculum/course.toml",
        "curriculum/phase2_core/2_2_user_based.py",
        "recsys_lab/course/exercises/e2_2.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lessons.home() / name, tmp_path / name)
    monkeypatch.setenv("RECSYS_LAB_HOME", str(tmp_path))
    return tmp_path


def test_instructor_and_assign_write_real_editions(one_lesson: Path, tmp_path: Path) -> None:
    """Solutions in the one, nbgrader's marks and no solutions in the other."""
    result = run("instructor", "--out", tmp_path / "teach")
    assert result.exit_code == 0, result.stderr
    (file,) = (tmp_path / "teach").rglob("*.ipynb")
    assert str(file) in result.stdout
    text = file.read_text(encoding="utf-8")
    assert "misconception" in text.lower()
    assert "your code here" not in text, "solved, not to be solved"

    result = run("assign", "2.2", "--out", tmp_path / "course")
    assert result.exit_code == 0, result.stderr
    (file,) = (tmp_path / "course").rglob("*.ipynb")
    assert str(file) in result.stdout
    notebook = json.loads(file.read_text(encoding="utf-8"))
    assert sum(bool(c["metadata"].get("nbgrader", {}).get("grade")) for c in notebook["cells"]) >= 2
    assert run("assign", "9.9", "--out", tmp_path / "course").exit_code == cli.BAD_INPUT


def test_lesson_new_starts_a_lesson_that_check_refuses_until_it_is_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "curriculum").mkdir()
    shutil.copy(lessons.home() / "curriculum" / "course.toml", tmp_path / "curriculum")
    monkeypatch.setenv("RECSYS_LAB_HOME", str(tmp_path))
    result = run("lesson", "new", "2.3")
    assert result.exit_code == 0, result.stderr
    created = [Path(line.removeprefix("created ")) for line in result.stdout.splitlines()]
    assert [file.suffix for file in created] == [".py", ".py"]
    assert all((Path.cwd() / file).is_file() for file in created)
    assert lessons.entry("2.3").title in created[0].read_text(encoding="utf-8")
    assert run("lesson", "new", "2.4", "Another title").exit_code == cli.BAD_INPUT, "the map has the titles"
    assert run("lesson", "new", "2.3").exit_code == cli.BAD_INPUT, "what exists is never overwritten"
    unfinished = run("lesson", "check", "2.3")
    assert unfinished.exit_code == cli.CHECK_FAILED
    assert unfinished.stdout.strip()
    assert run("lesson", "new", "9.9").exit_code == cli.BAD_INPUT


def test_the_module_runs_as_a_command_too() -> None:
    result = subprocess.run([sys.executable, "-m", "recsys_lab.cli", "--version"], capture_output=True, text=True)
    assert result.stdout.startswith("recsys-lab ")


def test_lesson_check_reports_each_problem_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys_lab.course import notebooks

    monkeypatch.setattr(notebooks, "check", lambda id: [f"{id}.py:3: no exercise: add one."])
    failed = run("lesson", "check", "2.2")
    assert failed.exit_code == cli.CHECK_FAILED
    assert "2.2.py:3: no exercise" in failed.stdout
    monkeypatch.setattr(notebooks, "check", lambda id: [])
    assert run("lesson", "check", "2.2").exit_code == 0


def test_lesson_build_check_fails_where_a_notebook_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys_lab.course import notebooks

    asked: list[Any] = []

    def build(ids: Any = None, check: bool = False, run: bool = True) -> list[Path]:
        asked.append((ids, check, run))
        return [Path.cwd() / "notebooks" / "a.ipynb"]

    monkeypatch.setattr(notebooks, "build", build)
    stale = run("lesson", "build", "--check", "2.2")
    assert stale.exit_code == cli.CHECK_FAILED
    assert f"out of date: {Path('notebooks/a.ipynb')}" in stale.stdout
    assert run("lesson", "build").exit_code == 0
    assert run("lesson", "build", "--check", "--stored").exit_code == cli.CHECK_FAILED
    assert asked == [(["2.2"], True, True), (None, False, True), (None, True, False)]


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["evaluate", "-m", "item-knm"], 2, "no model 'item-knm'; did you mean 'item-knn'?"),
        (["evaluate", "-m", "item-knn", "-p", "kk=3", *TOY], 2, "did you mean 'k'?"),
        (["evaluate", "-m", "item-knn", "-p", "k=2.5", *TOY], 2, "takes a whole number"),
        (["evaluate", "-m", "item-knn", "-p", "k", *TOY], 2, "write it as NAME=VALUE"),
        (["evaluate", "-m", "item-knn", "-p", "k=0", *TOY], 2, "k=0"),
        (["evaluate", "-m", "item-knn", "-m", "bias", "-p", "k=2", *TOY], 2, "--param belongs to one model"),
        (["evaluate", "-m", "bias", "--folds", "1", *TOY], 2, "--folds"),
        (["evaluate"], 2, "--model"),
        (["evalute"], 2, "Did you mean 'evaluate'?"),
        (["evaluate", "-m", "bias", "--data", "ml-100"], 2, "did you mean 'ml-100k'?"),
        (["recommend", "--user", "zoe", *TOY, "-m", "bias"], 2, "unknown user 'zoe'"),
        (["recommend", "--user", "bob", "-m", "bias"], 2, "users here are numbers, from 1 to 943"),
        (["recommend", "--user", "1", "-n", "0"], 2, "-n"),
        (["recommend", "--user", "ann", "--file", "none.npz", *TOY], 3, "no model at none.npz"),
        (["save", "-m", "bias", "--out", "no/such/folder/m.npz", *TOY], 2, "no folder"),
        (["data", "path", "ml-100"], 2, "did you mean 'ml-100k'?"),
        (["data", "verify", "ml-100"], 2, "did you mean 'ml-100k'?"),
        (["lesson", "check", "9.9"], 2, "9.9"),
    ],
)
def test_a_refusal_is_one_friendly_message(arguments: list[str], code: int, says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_debug_adds_the_traceback() -> None:
    result = run("--debug", "evaluate", "-m", "item-knm")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "did you mean 'item-knn'?" in result.stderr.splitlines()[-1]


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys_lab.course import lab

    def start(**options: Any) -> None:
        import jupyterlab_that_is_not_installed  # noqa: F401

    monkeypatch.setattr(lab, "start", start)
    result = run("lab", "--no-browser")
    assert result.exit_code == cli.MISSING
    assert "jupyterlab_that_is_not_installed" in result.stderr
    assert "pip install 'recsys-lab[course]'" in result.stderr


def test_a_broken_import_of_our_own_is_a_bug_not_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys_lab.course import lab

    def start(**options: Any) -> None:
        import recsys_lab.a_module_that_was_renamed  # noqa: F401

    monkeypatch.setattr(lab, "start", start)
    assert isinstance(run("lab").exception, ModuleNotFoundError)
