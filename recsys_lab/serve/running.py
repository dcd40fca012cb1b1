"""A server for as long as a block lasts: started, ready when the block begins, stopped when it ends.

For lessons, projects, tests and benchmarks. `running` is the service as everybody starts it, `recsys-lab serve` in a
process of its own; `process` any command that prints its address; `hosted` an app that has just been written, in a
thread. All listen on this machine only, at a port that the system chooses.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recsys_lab.errors import DataError

_PATIENCE = 30  # seconds that a server has to end; then it is killed


class Server(NamedTuple):
    """A server that runs: its address, its process, and the file with what it says (its standard error stream)."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextlib.contextmanager
def running(folder: str | os.PathLike[str], *options: object, **settings: object) -> Iterator[Server]:
    """`recsys-lab serve` in a process of its own.

    Parameters
    ----------
    folder : where model.npz (it need not be there), events.db and the log are, if nothing else is said.
    options : of the command line, such as "--train", "bias".
    settings : of the service (see Settings), such as timeout_ms=80.

    Raises DataError, with the end of the log, where it does not start.
    """
    home = Path(folder)
    given = {"model": home / "model.npz", "events": f"sqlite:///{home / 'events.db'}"} | settings
    variables = {f"RECSYS_LAB_SERVE_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "recsys_lab.cli", "serve", "--port", "0", *map(str, options)]
    with process(command, home / "log", variables) as server:
        yield server


@contextlib.contextmanager
def process(
    command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None, *, inherit: bool = True
) -> Iterator[Server]:
    """A command that prints its address, a line that begins with http, when it is ready. The log is added to.

    variables : of its environment, beside those of this process; instead of them with inherit=False.
    """
    environment = (dict(os.environ) if inherit else {}) | dict(variables or {})
    with log.open("a", encoding="utf-8") as errors:
        started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert started.stdout is not None
        lines = iter(started.stdout.readline, "")
        url = next((line.strip() for line in lines if line.startswith("http")), None)
        if url is None:
            raise DataError(f"the server did not start: {log.read_text(encoding='utf-8')[-2_000:].strip()}")
        yield Server(url, started, log)
    finally:
        _end(started)


def _end(started: subprocess.Popen[str]) -> None:
    try:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    finally:
        if started.stdout is not None:
            started.stdout.close()


@contextlib.contextmanager
def hosted(app: Any) -> Iterator[str]:
    """An ASGI app in a thread of this process; gives its address. It says nothing, not even where it fails: 500 is all.

    Raises DataError where the app does not start.
    """
    import uvicorn

    with contextlib.closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        ready = threading.Event()

        class Quiet(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready.set()

        server = Quiet(
            uvicorn.Config(app, log_config=None, log_level=60, access_log=False, timeout_graceful_shutdown=5)
        )

        def run() -> None:
            try:
                server.run(sockets=[listening])
            except SystemExit:  # how uvicorn says that the app did not start
                pass
            finally:
                ready.set()

        thread = threading.Thread(target=run, name="hosted", daemon=True)
        thread.start()
        ready.wait()
        try:
            if not server.started:
                raise DataError("the app did not start: its lifespan failed.")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_PATIENCE)
