"""Runs a learner's service: `python -m recsys_lab.course.projects.host FILE MODEL EVENTS MOOD`.

It prints the address when the service is ready. Beside the service, in the same process, it answers `/empty`: an endpoint
that does nothing, against which the service's own time is held. And it can put the models into a MOOD, a file that holds
"slow" (each list takes `SLOW` seconds more) or "fails"; where the file is not, they are as they were saved.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from recsys_lab.base import Recommender
from recsys_lab.course.projects.worker import load, short

SLOW = 4.0  # seconds
PATIENCE = 30.0  # seconds that a service has to get ready; then its process ends, and its log says where it was
SECRET = "the grader broke this model"


def main(file: Path, model: str, events: str, mood: Path) -> None:
    import uvicorn

    told = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what the learner prints goes to the log, where nobody waits
    os.dup2(2, 1)
    faulthandler.dump_traceback_later(float(os.environ.get("RECSYS_LAB_PROJECT_PATIENCE", PATIENCE)), exit=True)
    _moody(mood)
    try:
        app = load(file).create_app(model, events)
    except BaseException as error:
        sys.exit(short(error, file))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            faulthandler.cancel_dump_traceback_later()
            told.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
            told.flush()

    config = uvicorn.Config(_beside(app), access_log=False, timeout_graceful_shutdown=8)
    Server(config).run(sockets=[listening])


def _beside(app: Any) -> Any:
    """The app, and an empty endpoint of FastAPI at /empty."""
    from fastapi import FastAPI

    empty = FastAPI()

    @empty.get("/empty")
    async def nothing() -> dict[str, bool]:
        return {"empty": True}

    async def both(scope: Any, receive: Any, send: Any) -> None:
        await (empty if scope.get("path") == "/empty" else app)(scope, receive, send)

    return both


def _moody(mood: Path) -> None:
    """From now on every model first looks at its mood when it is asked for a list."""

    def slowed(method: Any) -> Any:
        def asked(self: Recommender, *arguments: Any, **options: Any) -> Any:
            _wait(mood)
            return method(self, *arguments, **options)

        return asked

    for name in ("recommend", "recommend_for"):
        setattr(Recommender, name, slowed(getattr(Recommender, name)))


def _wait(mood: Path) -> None:
    until = time.monotonic() + SLOW
    while (now := _read(mood)) and time.monotonic() < until:
        if now == "fails":
            raise RuntimeError(f"{SECRET}: {mood}")
        time.sleep(0.02)


def _read(mood: Path) -> str:
    try:
        return mood.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
