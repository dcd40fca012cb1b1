"""Saved models of MovieLens 100K, an app in this process, and a server in one of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from recsys_lab import registry, storage
from recsys_lab.base import Recommender
from recsys_lab.datasets import Dataset
from recsys_lab.ratings import Ratings
from recsys_lab.serve import Settings, create_app, running

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
    async def start(**settings: Any) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
        generous = {"timeout_ms": 20_000, "reload_seconds": 60, "events": f"sqlite:///{tmp_path / 'events.db'}"}
        app = create_app(Settings(**{"model": tmp_path / "model.npz", **generous, **settings}))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            yield client, app

    return start


Running = Callable[..., AbstractContextManager[running.Server]]


@pytest.fixture(name="running")
def _running(tmp_path: Path) -> Running:
    """`with running("--model", path, ...) as server`: `recsys-lab serve` in a process, with all the time that it needs."""
    return lambda *options, **settings: running.running(tmp_path, *options, **{"timeout_ms": 20_000, **settings})
