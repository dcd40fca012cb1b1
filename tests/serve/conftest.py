"""Saved models of MovieLens 100K, an app in this process, and a server in one of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from recsys_lab import registry, storage
from recsys_lab.base import Recommender
from recsys_lab.datasets import Dataset
from recsys_lab.ratings import Ratings
from recsys_lab.serve import Settings, create_app
from recsys_lab.serve.profiles import Lookup

KEY = "correct-horse"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def train(ml100k: Dataset) -> Ratings:
    return Ratings.from_frame(ml100k.ratings, scale=ml100k.scale)


@pytest.fixture(scope="session")
def als(train: Ratings) -> Recommender:
    return registry.make("als", factors=8, epochs=3).fit(train)


@pytest.fixture(scope="session")
def ease(train: Ratings) -> Recommender:
    return registry.make("ease").fit(train)


@pytest.fixture(scope="session")
def saved(als: Recommender, ease: Recommender, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> a file with that model: als, ease, and popularity, which neither compares items nor is much to load."""
    folder = tmp_path_factory.mktemp("models")
    models = {"als": als, "ease": ease, "popularity": registry.make("popularity").fit(als.train_)}
    return {name: storage.save(model, folder / f"{name}.npz") for name, model in models.items()}


Serving = Callable[..., AbstractAsyncContextManager[tuple[httpx.AsyncClient, FastAPI]]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """`async with serving(model=path, ...) as (client, app)`: started, asked without a socket, stopped."""

    @asynccontextmanager
    async def start(
        *, lookup: Lookup | None = None, **settings: Any
    ) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
        generous = {"timeout_ms": 20_000, "reload_seconds": 60, "events": f"sqlite:///{tmp_path / 'events.db'}"}
        app = create_app(Settings(**{"model": tmp_path / "model.npz", **generous, **settings}), lookup)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            yield client, app

    return start


class Server(NamedTuple):
    """A server's address, its process, and the file with its log."""

    url: str
    process: subprocess.Popen[str]
    log: Path


Running = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """`with running("--model", path, ...) as server`: `recsys-lab serve` on a free port of this machine."""

    @contextlib.contextmanager
    def start(*options: object, **settings: object) -> Iterator[Server]:
        variables = {f"RECSYS_LAB_SERVE_{name.upper()}": str(value) for name, value in settings.items()}
        generous = {
            "RECSYS_LAB_SERVE_TIMEOUT_MS": "20000",
            "RECSYS_LAB_SERVE_EVENTS": f"sqlite:///{tmp_path}/events.db",
        }
        command = [sys.executable, "-m", "recsys_lab.cli", "serve", "--port", "0", *map(str, options)]
        log = tmp_path / "log"
        with log.open("a", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command,
                env=os.environ | generous | variables,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            url = next((line.strip() for line in lines if line.startswith("http")), None)
            assert url is not None, log.read_text(encoding="utf-8")
            yield Server(url, process, log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
            process.stdout.close()

    return start
