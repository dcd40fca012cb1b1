"""A learner's first minutes in a real browser: the index opens rendered, a link opens a lesson, every cell runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from chromium import FLAGS, chromium, look

from recsys_lab.course import lab, lessons

LESSON = "2.2"

pytestmark = pytest.mark.browser


def free_port() -> str:
    with socket.socket() as probe:  # not 8888 for everyone: tests run side by side
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """JupyterLab as `make lab` starts it, in a learner's folder of its own; yields (address, folder)."""
    work = tmp_path_factory.mktemp("learner") / "my_work"
    command = "import sys; from pathlib import Path; from recsys_lab.course import lab; "
    command += "lab.start(int(sys.argv[2]), browser=False, work=Path(sys.argv[1]), options=['--LabApp.expose_app_in_browser=True'])"
    # PYTEST_VERSION would reach the kernels as well and tell them that nobody is there; this learner is real.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_VERSION"}
    environment |= {"RECSYS_LAB_PROGRESS": str(work / "progress.json")}
    server = subprocess.Popen(
        [sys.executable, "-c", command, str(work), free_port()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
    )
    try:
        lines = []
        for line in server.stdout:  # ends if the server dies
            lines.append(line)
            if found := re.search(r"http://\S+", line):
                break
        else:
            pytest.fail("JupyterLab did not start:\n" + "".join(lines))
        yield found[0], work
    finally:
        server.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=20)
        server.kill()


@pytest.fixture(scope="module")
def page(address):
    from playwright.sync_api import sync_playwright

    executable = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 800})
        page.set_default_timeout(60_000)
        page.goto(address[0])
        yield page
        browser.close()


def strip(notebook: Path) -> None:
    """Remove stored outputs and counts: else a lesson that never ran would look like one that did."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook.write_text(json.dumps(content), encoding="utf-8")


def figures(notebook: Path) -> list[str]:
    """The text form of every picture in a notebook, in order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return ["".join(d["text/plain"]) for d in data if "image/png" in d]


def test_the_index_opens_rendered_and_nothing_pops_up(page):
    page.wait_for_selector(".jp-MarkdownViewer h1:has-text('RecSys Lab')")
    page.wait_for_timeout(3000)  # a pop-up would come after the page
    look(page, "index")
    assert page.locator(".jp-MarkdownViewer h2").count() >= 6, "a heading for each phase"
    assert page.locator(".jp-FileEditor").count() == 0, "the index is shown as source text"
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0, page.locator(
        ".jp-Dialog, .Toastify__toast"
    ).all_inner_texts()


def test_every_cell_of_a_lesson_runs_for_a_learner_who_clicked_it(page, address):
    name = Path(lessons.entry(LESSON).file).with_suffix(".ipynb").as_posix()
    copy, original = address[1] / name, lessons.home() / "notebooks" / name
    strip(copy)

    page.locator(f".jp-MarkdownViewer a:has-text('{LESSON} ')").first.click()
    page.wait_for_function("name => window.jupyterapp.shell.currentWidget?.context?.path === name", arg=name)
    page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.context.ready;
            await panel.sessionContext.ready;
            await panel.sessionContext.session.kernel.info;
        }"""
    )
    assert page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.every(c => !c.model.outputs?.length)"
    )
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_function(
        """() => {
            const panel = window.jupyterapp.shell.currentWidget;
            const cells = panel.content.widgets.filter(cell => cell.model.type === 'code' && cell.model.sharedModel.source.trim());
            const failed = cells.some(cell => cell.model.outputs.toJSON().some(output => output.output_type === 'error'));
            return failed || (panel.sessionContext.session.kernel.status === 'idle'
                && cells.every(cell => cell.model.executionCount !== null && cell.model.executionState !== 'running'));
        }""",
        timeout=180_000,
        polling=250,
    )
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    look(page, "lesson")

    cells = [cell for cell in json.loads(copy.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    errors = [output["evalue"] for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert len(figures(original)) >= 1
    assert figures(copy) == figures(original)
    assert lab.fingerprint(copy) == lab.fingerprint(original), "running a lesson must not count as changing it"
