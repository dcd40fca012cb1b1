"""`make lab`: the learner's copies are safe, the index is right, a busy port is said, Ctrl-C ends everything."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from recsys_lab.course import lab
from recsys_lab.errors import DataError


def notebook(*sources: str) -> str:
    cells = [{"cell_type": "code", "source": [s], "outputs": [], "execution_count": 1, "metadata": {}} for s in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def folders(tmp_path):
    """A course of two lessons, and the learner's folder with their copies."""
    source, work = tmp_path / "notebooks", tmp_path / "my_work"
    (source / "phase2_core").mkdir(parents=True)
    (source / "00_start_here.ipynb").write_text(notebook("1 + 1"))
    (source / "phase2_core" / "2_2_user_based.ipynb").write_text(
        notebook("1", 'ex("2.2.1").check(a)', 'ex("2.2.2").check(b)')
    )
    assert set(lab.copy_lessons(source, work).values()) == {"new"}
    return source, work


START, LESSON = "00_start_here.ipynb", "phase2_core/2_2_user_based.ipynb"


def test_copies_are_kept_byte_for_byte_when_nothing_changed(folders):
    source, work = folders
    before = (work / LESSON).stat().st_mtime_ns
    assert lab.copy_lessons(source, work) == {START: "kept", LESSON: "kept"}
    assert (work / LESSON).stat().st_mtime_ns == before


def test_a_copy_says_the_same_and_looks_as_if_nobody_had_run_it(folders):
    source, work = folders
    printed = {"output_type": "stream", "name": "stdout", "text": "the result that the learner is to predict"}
    lesson = json.loads(notebook("première", "2"))
    lesson["cells"][0]["outputs"] = [printed]
    lesson["cells"].insert(1, {"cell_type": "markdown", "source": ["text"], "metadata": {}})
    (source / LESSON).write_text(json.dumps(lesson))
    assert lab.copy_lessons(source, work)[LESSON] == "refreshed"
    copy = json.loads((work / LESSON).read_text(encoding="utf-8"))
    assert lab.fingerprint(work / LESSON) == lab.fingerprint(source / LESSON)
    assert [(c["outputs"], c["execution_count"]) for c in copy["cells"] if c["cell_type"] == "code"] == [([], None)] * 2
    assert (copy["nbformat"], copy["cells"][1]) == (4, lesson["cells"][1])


def test_an_updated_lesson_never_overwrites_what_the_learner_typed(folders):
    source, work = folders
    mine = notebook("my own answer")
    (work / LESSON).write_text(mine)
    (source / LESSON).write_text(notebook("a better lesson"))
    for _ in range(2):  # and not at the next start either
        assert lab.copy_lessons(source, work)[LESSON] == "outdated"
        assert (work / LESSON).read_text() == mine


def test_an_updated_lesson_refreshes_a_copy_that_was_only_run(folders):
    source, work = folders
    ran = json.loads((work / LESSON).read_text())
    ran["cells"][0] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}], "execution_count": 7}
    ran["metadata"]["language_info"] = {"name": "python"}
    (work / LESSON).write_text(json.dumps(ran))
    (source / LESSON).write_text(notebook("a better lesson"))
    assert lab.copy_lessons(source, work)[LESSON] == "refreshed"
    assert lab.fingerprint(work / LESSON) == lab.fingerprint(source / LESSON)
    assert lab.copy_lessons(source, work)[LESSON] == "kept"


@pytest.mark.parametrize("damage", ["", "not JSON", "[]", '{"cells": 3}'])
def test_a_copy_that_is_no_notebook_any_more_is_left_alone(folders, damage):
    source, work = folders
    (work / LESSON).write_text(damage)
    (source / LESSON).write_text(notebook("a better lesson"))
    assert lab.copy_lessons(source, work)[LESSON] == "outdated"
    assert (work / LESSON).read_text() == damage


@pytest.mark.parametrize("damage", [None, "", "[1]", "{"])
def test_without_its_record_no_copy_is_overwritten(folders, damage):
    source, work = folders
    mine = notebook("my own answer")
    (work / LESSON).write_text(mine)
    (work / ".copies.json").unlink()
    if damage is not None:
        (work / ".copies.json").write_text(damage)
    assert lab.copy_lessons(source, work) == {START: "kept", LESSON: "outdated"}
    assert (work / LESSON).read_text() == mine


def test_a_deleted_copy_comes_back_as_new(folders):
    source, work = folders
    (work / LESSON).unlink()
    assert lab.copy_lessons(source, work) == {START: "kept", LESSON: "new"}


def test_a_damaged_lesson_is_refused_with_its_remedy(folders):
    source, work = folders
    (source / LESSON).write_text("<<<<<<< HEAD")
    with pytest.raises(DataError, match=re.escape(f"git checkout -- notebooks/{LESSON}")):
        lab.copy_lessons(source, work)


def test_the_index_links_lessons_and_says_where_to_go_on(folders, monkeypatch):
    source, work = folders
    report = lab.copy_lessons(source, work)
    record = work / "progress.json"
    monkeypatch.delenv("RECSYS_LAB_PROGRESS", raising=False)

    fresh = lab.index(report, work)
    assert f"**Begin with [2.2 User-based collaborative filtering]({LESSON}).**" in fresh  # "00" has no exercise here
    assert f"[Start here]({START})" in fresh
    assert "- 1.1 Meet MovieLens with pandas *(in preparation)*" in fresh

    record.write_text(
        json.dumps({"version": 1, "quizzes": {}, "exercises": {"2.2.1": {"state": "correct", "tries": 1}}})
    )
    begun = lab.index(report | {LESSON: "outdated"}, work)
    assert "You have solved 1 of 2 exercises. Go on with [2.2" in begun
    assert f"]({LESSON})** 1 of 2 exercises; updated since you began; your copy is kept" in begun

    record.write_text(
        json.dumps({"version": 1, "quizzes": {}, "exercises": {f"2.2.{i}": {"state": "correct"} for i in (1, 2)}})
    )
    assert "You have solved all 2 exercises." in lab.index(report, work)
    assert "✓ 2 of 2 exercises" in lab.index(report, work)


def test_a_damaged_record_of_progress_does_not_keep_the_lab_shut(folders, monkeypatch, capsys):
    source, work = folders
    (work / "progress.json").write_text("{")
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(work / "progress.json"))
    assert "Begin with" in lab.index(lab.copy_lessons(source, work), work)
    assert "damaged" in capsys.readouterr().err


def test_what_the_learner_sets_stays_with_the_course(tmp_path):
    said = dict(option.split("=", 1) for option in lab.arguments(tmp_path, 9000, "token", browser=False))
    for name in ("app_settings_dir", "user_settings_dir", "workspaces_dir"):
        assert said[f"--LabApp.{name}"].startswith(str(tmp_path / ".lab")), name


def test_ports():
    taken = {8888, 8889, 9000}
    assert lab.choose_port(None, lambda port: port not in taken) == 8890
    assert lab.choose_port(9001, lambda port: port not in taken) == 9001
    with pytest.raises(DataError, match=r"port 9000 is in use.*make lab PORT=9001"):
        lab.choose_port(9000, lambda port: port not in taken)
    with pytest.raises(DataError, match="port 80: choose one from 1024 to 65535"):
        lab.choose_port(80)


def test_a_port_with_a_server_is_not_free():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not lab.is_free(server.getsockname()[1])


def test_no_browser_on_a_machine_without_a_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not lab.can_open_browser()
    monkeypatch.setenv("DISPLAY", ":0")
    assert lab.can_open_browser()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_server_and_its_kernels_at_once(tmp_path, how):
    """A real server with a running kernel: gone within seconds, exit code 0, nothing left behind."""
    from urllib.request import Request, urlopen

    import psutil

    command = "import sys; from pathlib import Path; from recsys_lab.course import lab; lab.start(int(sys.argv[2]), browser=False, work=Path(sys.argv[1]))"
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", command, str(tmp_path / "my_work"), free_port()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = wait_for(
                lambda: re.search(r"(http://\S+)/lab/tree/index\.md\?token=(\S+)", (tmp_path / "log").read_text())
            )
            ask = Request(f"{address[1]}/api/kernels", b"{}", {"Authorization": f"token {address[2]}"}, method="POST")
            with urlopen(ask, timeout=30) as answer:
                assert answer.status == 201
            time.sleep(2)  # a kernel that has something to warn of does so as it starts
            kernels = wait_for(lambda: psutil.Process(server.pid).children(recursive=True))
            began = time.monotonic()
            server.send_signal(how)
            assert server.wait(timeout=20) == 0, (tmp_path / "log").read_text()
            assert time.monotonic() - began < 10
            assert psutil.wait_procs(kernels, timeout=5)[1] == []
        finally:
            server.kill()
    said = (tmp_path / "log").read_text()
    assert "Your work is in my_work." in said
    assert "WARN" not in said, said


def free_port() -> str:
    with socket.socket() as probe:  # not 8888 for everyone: tests run side by side
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def wait_for(look, seconds: float = 60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"nothing within {seconds} s")
