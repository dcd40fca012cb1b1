"""Open the course: copies of the lessons in my_work/, a rendered index, and JupyterLab on top.

`start` is what `recsys-lab lab` and `make lab` run. The learner works on copies: notebooks/ belongs to the course,
my_work/ to the learner, and what the learner wrote is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from recsys_lab.course import lessons, progress
from recsys_lab.errors import DataError

DEFAULT_PORT = 8888

# JupyterLab's own defaults, changed: pages open rendered, and nothing pops up or asks another server for news.
# They are defaults, so what the learner sets in the settings editor still wins.
OVERRIDES = {
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/extensionmanager-extension:plugin": {"enabled": False},
}


# ---------------------------------------------------------------------------------------------- the learner's copies
def fingerprint(notebook: Path) -> str | None:
    """A hash of what the cells say, or None if this is not a notebook.

    Outputs and metadata are left out: running a lesson, or opening it in another editor, changes those without a
    word from the learner.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        content = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def copy_lessons(source: Path, work: Path) -> dict[str, str]:
    """Bring every notebook under `source` to `work`; return what happened to each, by its relative path.

    "new": copied for the first time (or again, after the learner deleted the copy).
    "refreshed": the lesson was updated, and nothing had been typed into the copy.
    "kept": the learner's copy was left alone and the lesson has not changed since.
    "outdated": left alone as well, but the lesson was updated after it was copied.
    """
    record_path = work / ".copies.json"
    record = _read_record(record_path)
    report = {}
    for notebook in sorted(source.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in notebook.parts:
            continue
        name = notebook.relative_to(source).as_posix()
        copy, latest = work / name, fingerprint(notebook)
        if latest is None:
            raise DataError(f"notebooks/{name} is not a notebook: bring it back with: git checkout -- notebooks/{name}")
        if not copy.exists():
            report[name] = "new"
        elif record.get(name) == latest:
            report[name] = "kept"
        elif record.get(name) is not None and fingerprint(copy) == record[name]:
            report[name] = "refreshed"
        elif fingerprint(copy) == latest:  # the record was lost: the copy is as new
            report[name] = "kept"
            record[name] = latest
        else:
            report[name] = "outdated"
        if report[name] in ("new", "refreshed"):
            _write(copy, _without_outputs(notebook))
            record[name] = latest
    _write(record_path, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
    return report


def _without_outputs(notebook: Path) -> bytes:
    """The notebook as nobody has run it yet: whoever is asked to predict a result must not find it below the cell."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _read_record(path: Path) -> dict[str, str]:
    # A lost or damaged record costs nothing but refreshes: without it every copy counts as the learner's.
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


# --------------------------------------------------------------------------------------------------------- the index
WELCOME = """\
# RecSys Lab

Learn how recommender systems work by building them, on ratings that real people gave to real films.

- **Open a lesson** by its link. Run a cell with Shift + Enter; change anything you like.
- **Exercises check themselves.** Stuck? Each one has two hints, the expected result, and a solution.
- **These files are yours.** They are copies; an update of the course never overwrites one that you changed. To start a
  lesson over, delete its file in the list on the left and run `make lab` again.
"""


def index(report: dict[str, str], work: Path) -> str:
    """The course's front page as Markdown: a welcome, where to go on, and the map with links and progress.

    `report` is what `copy_lessons` returned. Progress is as of now; `recsys-lab progress` prints it at any time.
    """
    done = _correct_exercises(work)
    rows, total, right = [], 0, 0
    go_on = None
    for phase in lessons.course_map():
        weeks = f" ({phase.weeks:g} weeks)" if phase.weeks else ""
        rows += ["", f"## Phase {phase.number}: {phase.title}{weeks}" if phase.number else "## Before phase 1", ""]
        for lesson in phase.lessons:
            name = Path(lesson.file).with_suffix(".ipynb").as_posix()
            title = f"{lesson.id} {lesson.title}" if phase.number else lesson.title
            if name not in report:
                rows.append(f"- {title} *(in preparation)*")
                continue
            exercises = _exercises(work / name)
            solved = len(exercises & done)
            total, right = total + len(exercises), right + solved
            if go_on is None and solved < len(exercises):
                go_on = f"[{title}]({name})"
            score = (
                f"{'✓ ' if solved == len(exercises) else ''}{solved} of {len(exercises)} exercises" if exercises else ""
            )
            note = "updated since you began; your copy is kept" if report[name] == "outdated" else ""
            rows.append(f"- **[{title}]({name})** " + "; ".join(filter(None, [score, note])))
    begun = f"You have solved {right} of {total} exercises. Go on with" if right else "Begin with"
    where = f"**{begun} {go_on}.**" if go_on else f"**You have solved all {total} exercises.**" if total else ""
    return "\n".join([WELCOME, where, *rows]) + "\n"


def _exercises(notebook: Path) -> set[str]:
    """The ids of the exercises that a notebook checks. Importing the lesson's own list would take seconds."""
    try:
        return set(re.findall(r'ex\(\\"([\d.]+)\\"\)\.check', notebook.read_text(encoding="utf-8")))
    except OSError:
        return set()


def _correct_exercises(work: Path) -> set[str]:
    record = Path(os.environ.get("RECSYS_LAB_PROGRESS") or work / "progress.json")
    try:
        return {id for id, entry in progress.read(record)["exercises"].items() if entry["state"] == "correct"}
    except DataError as error:
        print(f"Progress is not shown: {error}", file=sys.stderr)
        return set()


def prepare(home: Path, work: Path) -> None:
    """Bring the learner's folder `work` up to date with the repository in `home`, and say what changed."""
    report = copy_lessons(home / "notebooks", work)
    _write(work / "index.md", index(report, work).encode())
    for kind, message in {
        "new": "copied into my_work",
        "refreshed": "brought up to date in my_work",
        "outdated": "updated since you began; your copy is kept. For the new one, rename yours and run this again",
    }.items():
        names = [name for name, what in report.items() if what == kind]
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            print(f"{', '.join(names[:5])}{more}: {message}", flush=True)


# -------------------------------------------------------------------------------------------------------- the server
def is_free(port: int) -> bool:
    """Whether a server can listen on this port of this machine."""
    with socket.socket() as probe:
        if os.name != "nt":  # else a port whose last server ended a minute ago looks taken
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(asked: int | None, free: Callable[[int], bool] = is_free) -> int:
    """The port asked for, which must be free; without one, the first free port from 8888 on."""
    if asked is not None and not 1024 <= asked <= 65535:
        raise DataError(f"port {asked}: choose one from 1024 to 65535.")
    first = DEFAULT_PORT if asked is None else asked
    found = next((port for port in range(first, min(first + 100, 65536)) if free(port)), None)
    if asked is None and found is not None:
        return found
    if asked is not None and found == asked:
        return asked
    hint = f"port {found} is free: make lab PORT={found}" if found else "and so are the ports after it."
    raise DataError(f"port {first} is in use, perhaps by another JupyterLab; {hint}")


def can_open_browser() -> bool:
    """Whether a window can appear here. On a server, a text browser in the terminal would be no help."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def arguments(work: Path, port: int, token: str, browser: bool) -> list[str]:
    """The command line for JupyterLab. Its settings and layout go to a hidden folder of `work`, not into the home."""
    state = work / ".lab"
    _write(state / "settings" / "overrides.json", json.dumps(OVERRIDES, indent=1).encode())
    options = {
        "ServerApp.root_dir": work,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": browser,
        "IdentityProvider.token": token,  # ours, so that the address is printed once, by us
        "ServerApp.log_level": "ERROR",
        "LabApp.log_level": "ERROR",
        "MappingKernelManager.transport_encryption": "auto",  # else each kernel warns that it has none
        "LabApp.default_url": "/lab/tree/index.md",
        "LabApp.app_settings_dir": state / "settings",
        "LabApp.user_settings_dir": state / "user-settings",
        "LabApp.workspaces_dir": state / "workspaces",
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options["ServerApp.allow_root"] = True  # containers; it listens on this machine only, and asks for a token
    return [f"--{name}={value}" for name, value in options.items()]


def start(port: int | None = None, browser: bool = True, work: Path | None = None, options: Iterable[str] = ()) -> None:
    """Prepare my_work/ and run JupyterLab in this process until Ctrl-C.

    Parameters
    ----------
    port : 1024 to 65535; by default the first free one from 8888.
    browser : open the browser, where one can be opened. The address is printed in any case.
    work : the learner's folder; by default my_work/ of the repository.
    options : more of JupyterLab's own, such as "--LabApp.expose_app_in_browser=True".

    Raises DataError if the port asked for is taken (the message names a free one). Ctrl-C ends it, as does SIGTERM; it
    then returns, so the command's exit code is 0.
    """
    port = choose_port(port)
    home = lessons.home()
    work = work or home / "my_work"
    prepare(home, work)
    # Kernels inherit these: results that do not depend on the order of a set, or on a race of threads.
    for name, value in {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}.items():
        os.environ.setdefault(name, value)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not one of the same name elsewhere

    from jupyterlab.labapp import LabApp

    show = browser and can_open_browser()
    token = secrets.token_urlsafe(16)
    server = LabApp.initialize_server(argv=[*arguments(work, port, token, show), *options])
    # Jupyter's own handler asks whether you are sure. Notebooks save themselves: end at once.
    signal.signal(signal.SIGINT, lambda *_: server.stop(from_signal=True))
    address = f"http://127.0.0.1:{port}/lab/tree/index.md?token={token}"
    server.io_loop.add_callback(_greet, address, show)  # it runs after the callback that opens the port
    server.start()
    print(f"RecSys Lab has ended. Your work is in {work.name}.")


def _greet(address: str, in_browser: bool) -> None:
    print(f"\nRecSys Lab is open{' in your browser' if in_browser else ''}. Its address:\n\n  {address}\n")
    print("Leave this window open while you work; Ctrl-C here ends it.", flush=True)
