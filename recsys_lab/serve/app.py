"""The app: parts put together, started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import FileResponse

import recsys_lab
from recsys_lab import datasets
from recsys_lab.serve import openapi, problems, schemas
from recsys_lab.serve.answering import Answering
from recsys_lab.serve.catalogue import Catalogue
from recsys_lab.serve.events import EventLog
from recsys_lab.serve.gate import Gate
from recsys_lab.serve.holder import Holder
from recsys_lab.serve.logs import logger
from recsys_lab.serve.metrics import Metrics
from recsys_lab.serve.profiles import Lookup, Profiles
from recsys_lab.serve.routes import routes
from recsys_lab.serve.settings import Settings

PAGE = Path(__file__).parent / "page"


def create_app(settings: Settings | None = None, lookup: Lookup | None = None) -> FastAPI:
    """A service with these settings; by default, those of the environment.

    lookup : from a user's id to features, such as `FeatureRepository(folder).of_user`; None: users have no profile.

    Reads the data set and opens the event log; the model is loaded when the app starts (its lifespan), and the service
    starts without one, too. Raises DataError where the data set or the event log is not to be had.
    """
    settings = settings or Settings.from_environment()
    log, metrics = logger(settings.log_level), Metrics()
    catalogue = Catalogue(datasets.load(settings.data))
    paths = {"champion": settings.model, "challenger": settings.challenger}
    holders = {which: Holder(which, path, settings, catalogue, metrics, log) for which, path in paths.items() if path}
    profiles = None if lookup is None else Profiles(lookup, settings.timeout_ms / 1000, log)
    answering = Answering(settings, catalogue, metrics, log)
    events = EventLog(settings.events)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for holder in holders.values():
            await asyncio.to_thread(holder.start)
        yield
        for holder in holders.values():
            await asyncio.to_thread(holder.stop)
        answering.pool.close()
        await asyncio.to_thread(events.close)

    # The pages that FastAPI makes of the description load scripts from elsewhere: they are left out.
    app = FastAPI(title="RecSys Lab", version=recsys_lab.__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.holders, app.state.events = holders, events
    app.include_router(routes(settings, holders, profiles, answering, catalogue, events, metrics, log))
    app.add_middleware(Gate, settings=settings, holders=holders, metrics=metrics, log=log)
    problems.install(app)
    openapi.describe(app, catalogue.scale, key=bool(settings.api_key))

    @app.get("/health", response_model=schemas.Health)
    async def health() -> Response:
        """Is the process alive?"""
        return Response(b'{"status":"alive"}', media_type="application/json")

    @app.get("/ready", response_model=schemas.Ready)
    async def ready() -> schemas.Ready:
        """May it get requests? It may, also without a model ("degraded"), since what is popular is answered then."""
        version = {which: holder.version for which, holder in holders.items()}
        model, other = version["champion"], version.get("challenger")
        refused = next((holder.refused for holder in holders.values() if holder.refused), None)
        return schemas.Ready(status="ready" if model else "degraded", model=model, challenger=other, refused=refused)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def read_metrics() -> Response:
        """What Prometheus reads."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html")

    # Not at "/": there, it would answer for the routes above where the method is wrong.
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    return app
