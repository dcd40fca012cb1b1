"""The service and the empty endpoint it is compared with, each in a process of its own on a free port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# The least that FastAPI can do, under the same server with the same settings.
EMPTY = """
import socket, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def empty():
    return {}
listening = socket.socket(); listening.bind(("127.0.0.1", 0))
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("http://127.0.0.1:%d" % listening.getsockname()[1], flush=True)
Server(uvicorn.Config(app, access_log=False, log_config=None, server_header=False)).run(sockets=[listening])
"""


class Server(NamedTuple):
    """A running server."""

    port: int
    process: subprocess.Popen[str]


@contextlib.contextmanager
def service(model: Path, folder: Path, **settings: object) -> Iterator[Server]:
    """The service with this model; its events and its log are in the folder."""
    variables = {f"RECSYS_LAB_SERVE_{name.upper()}": str(value) for name, value in settings.items()}
    options = ["--model", str(model), "--port", "0", "--events", f"sqlite:///{folder / 'events.db'}"]
    with _running([sys.executable, "-m", "recsys_lab.cli", "serve", *options], folder / "log", variables) as server:
        yield server


@contextlib.contextmanager
def empty(folder: Path) -> Iterator[Server]:
    """FastAPI with one endpoint that answers {}."""
    with _running([sys.executable, "-c", EMPTY], folder / "log-empty", {}) as server:
        yield server


@contextlib.contextmanager
def _running(command: list[str], log: Path, variables: dict[str, str]) -> Iterator[Server]:
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    environment = os.environ | threads | variables
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8')[-2000:]}")
            yield Server(int(url.rsplit(":", 1)[1]), process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
