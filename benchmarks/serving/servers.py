"""The service and the empty endpoint it is compared with, each in a process of its own on a free port."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from recsys_lab.serve import running

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


THREADS = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}


@contextlib.contextmanager
def service(model: Path, folder: Path, **settings: object) -> Iterator[running.Server]:
    """The service with this model; its events and its log are in the folder."""
    os.environ |= THREADS  # a process takes them from the one that starts it
    with running.running(folder, model=model, **settings) as server:
        yield server


@contextlib.contextmanager
def empty(folder: Path) -> Iterator[running.Server]:
    """FastAPI with one endpoint that answers {}."""
    with running.process([sys.executable, "-c", EMPTY], folder / "log-empty", THREADS) as server:
        yield server
