"""The set-up: when it installs, what an old Python hears, and what it leaves out."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def module(name: str):
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


environment, entry = module("environment"), module("install")


@pytest.fixture
def root(tmp_path):
    (tmp_path / ".ci").mkdir()
    for name in ("pyproject.toml", "constraints.txt", ".ci/environment.py", ".ci/airflow.txt", ".ci/deploy.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


@pytest.fixture
def steps(monkeypatch):
    """Run no step for real; return the list of their titles. A title in `fail` raises what it maps to."""

    class Steps(list):
        fail: dict[str, BaseException] = {}

    done = Steps()

    def run(title, command, log, remedy):
        done.append(title)
        for start, error in done.fail.items():
            if title.startswith(start):
                raise error
        if title.startswith("making"):
            python = environment.executable(Path(command[-1]), "python")
            python.parent.mkdir(parents=True)
            python.touch()

    monkeypatch.setattr(environment, "run", run)
    return done


def test_the_second_run_does_nothing(root, steps):
    environment.install(root, {"course"})
    assert [title.split()[0] for title in steps] == ["making", "installing", "removing", "fetching", "compiling"]
    steps.clear()
    environment.install(root, {"course"})
    assert steps == []


def test_a_new_extra_installs_and_keeps_the_old_ones(root, steps):
    environment.install(root, {"course"})
    steps.clear()
    environment.install(root, {"course", "test"})
    assert "making .venv" not in steps
    assert "fetching MovieLens 100K" in steps
    steps.clear()
    environment.install(root, {"course"})  # `make lab` after `make test`
    assert steps == []
    assert json.loads((root / ".venv" / "recsys_lab.json").read_text())["extras"] == ["course", "test"]


def test_an_unknown_part_is_refused_before_anything_is_made(root, steps):
    with pytest.raises(environment.SetupError, match=r"phase9: no such part\. The parts are course, "):
        environment.install(root, {"course", "phase9"})
    assert steps == []
    assert not (root / ".venv").exists()


@pytest.mark.parametrize(
    ("phase", "extras"), [("", "course"), ("2", "course"), ("3", "course phase3")], ids=["none", "2", "3"]
)
def test_make_lab_installs_the_parts_of_a_phase(phase, extras):
    shown = subprocess.run(
        ["make", "-n", "lab", f"PHASE={phase}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f".ci/install.py {extras}\n" in shown.stdout


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_needed_installs_again(root, steps, name):
    environment.install(root, {"course"})
    steps.clear()
    (root / name).write_text((root / name).read_text() + "\n# changed\n")
    environment.install(root, {"course"})
    assert steps[0].startswith("installing")


def test_a_moved_checkout_installs_again(root, steps):
    environment.install(root, {"course"})
    steps.clear()
    moved = root.rename(root.with_name("moved"))
    environment.install(moved, {"course"})
    assert any(title.startswith("installing") for title in steps)


@pytest.mark.parametrize("name", ["airflow", "deploy"])
def test_a_part_of_its_own_is_installed_apart_and_again_when_its_list_changes(name, root, steps):
    environment.install_beside(root, name)
    assert [title.split()[0] for title in steps] == ["making", "installing"]
    assert not (root / ".venv").exists()
    environment.install_beside(root, name)
    assert len(steps) == 2
    (root / ".ci" / f"{name}.txt").write_text("a-package==3.3.3\n")
    steps.fail = {"installing": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        environment.install_beside(root, name)
    steps.fail = {}
    (root / f".venv-{name}" / "half a package").touch()
    environment.install_beside(root, name)
    assert not (root / f".venv-{name}" / "half a package").exists()
    assert len(steps) == 6


def test_an_interrupted_installation_starts_from_an_empty_environment(root, steps):
    steps.fail = {"installing": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        environment.install(root, {"course"})
    assert not (root / ".venv" / "recsys_lab.json").exists()
    (root / ".venv" / "half a package").touch()
    steps.clear()
    steps.fail = {}
    environment.install(root, {"course"})
    assert steps[0] == "making .venv"
    assert not (root / ".venv" / "half a package").exists()


def test_a_failed_fetch_is_resumed_without_installing_again(root, steps):
    steps.fail = {"fetching": environment.SetupError("no network")}
    with pytest.raises(environment.SetupError):
        environment.install(root, {"course"})
    steps.clear()
    steps.fail = {}
    environment.install(root, {"course"})
    assert [title.split()[0] for title in steps] == ["fetching", "compiling"]


def test_an_environment_made_by_hand_is_used_not_removed(root, steps):
    python = environment.executable(root / ".venv", "python")
    python.parent.mkdir(parents=True)
    python.touch()
    environment.install(root, {"course"})
    assert "making .venv" not in steps


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_damaged_stamp_installs_again(root, steps, damage):
    environment.install(root, {"course"})
    (root / ".venv" / "recsys_lab.json").write_text(damage)
    steps.clear()
    environment.install(root, {"course"})
    assert steps[0].startswith("installing")


def test_a_failed_step_shows_its_last_lines_and_the_remedy(tmp_path, capsys):
    command = [sys.executable, "-c", "print('the cause'); raise SystemExit(3)"]
    with pytest.raises(environment.SetupError, match=r"(?s)the cause.*This step failed after .* s: trying.*Do this\."):
        environment.run("trying", command, tmp_path / "log", "Do this.")


def test_a_step_prints_its_seconds_and_hides_its_output(tmp_path, capsys):
    environment.run("trying", [sys.executable, "-c", "print('noise')"], tmp_path / "log", "")
    assert re.fullmatch(r"  trying \.\.\.\n  trying: \d+\.\d s\n", capsys.readouterr().out)
    assert (tmp_path / "log").read_text() == "noise\n"


def test_an_old_python_hears_one_line():
    assert entry.too_old((3, 11, 0)) is None
    assert entry.too_old((4, 0)) is None
    assert re.match(r"RecSys Lab needs Python 3\.11 or newer; .* is 3\.9\. Install", entry.too_old((3, 9, 18)))
    assert "\n" not in entry.too_old((2, 7))


def test_pyproject_and_the_set_up_agree_on_the_oldest_python():
    oldest = ".".join(map(str, entry.OLDEST))
    assert f'requires-python = ">={oldest}"' in (ROOT / "pyproject.toml").read_text()


def test_what_slows_every_jupyter_tool_is_gone():
    """Importing nbformat takes 0.3 s without rfc3987-syntax and four with it; a time would be a shaky thing to assert."""
    assert importlib.util.find_spec("nbformat")
    assert not importlib.util.find_spec("rfc3987_syntax"), (
        "a later install brought it back: pip uninstall rfc3987-syntax"
    )
    code = "import nbformat, sys; print('lark' in sys.modules)"  # the parser whose grammar took the four seconds
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", ["constraints.txt", ".ci/airflow.txt", ".ci/deploy.txt"])
def test_pinned_versions_are_exact_sorted_and_name_no_place(name):
    lines = (ROOT / name).read_text().splitlines()
    comments, pins = [x for x in lines if x.startswith("#")], [x for x in lines if not x.startswith("#")]
    assert len(comments) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    assert pins == sorted(pins, key=str.lower)
    assert not [pin for pin in pins if pin.lower().startswith(("pip==", "recsys"))]
