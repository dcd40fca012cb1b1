"""A sound submission of project 3: one thread watches the artefact, two compute lists, a list that is late is replaced."""

import asyncio
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints
from starlette.exceptions import HTTPException

from recsys_lab import datasets, storage
from recsys_lab.errors import DataError
from recsys_lab.serve import EventLog

IN_TIME = 0.5  # seconds
Number = Annotated[int, Field(strict=True, gt=-(10**15), lt=10**15)]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Id = Number | Text
Many = Annotated[int, Field(ge=1, le=100)]


class Rated(BaseModel):
    item: Id
    rating: Annotated[float, Field(strict=True, ge=1, le=5, allow_inf_nan=False)]


class History(BaseModel):
    history: Annotated[list[Rated], Field(min_length=1, max_length=500)]
    n: Annotated[Many, Field(strict=True)] = 10


class Event(BaseModel):
    id: Text
    kind: Literal["impression", "click"]
    user: Id
    item: Id


class Events(BaseModel):
    events: Annotated[list[Event], Field(min_length=1, max_length=500)]


class InUse(NamedTuple):
    """A model and its version, exchanged together."""

    model: object
    version: str


class Holder:
    """The model in use; None before a sound artefact was seen."""

    def __init__(self, path):
        self.path, self.current, self.seen, self.ended = Path(path), None, None, threading.Event()
        self.look()

    def look(self):
        try:
            stamp = self.stamp()
            if stamp == self.seen:
                return
            self.seen = stamp
            version = hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]
            model = storage.load(self.path)
            if self.stamp() != stamp:  # replaced between the two readings: the version would be another file's
                self.seen = None
                return
            self.current = InUse(model, version)
        except (OSError, DataError) as error:
            print("the artefact is not used:", error)

    def stamp(self):
        stat = self.path.stat()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def watch(self):
        while not self.ended.wait(0.5):
            self.look()


def create_app(model_path: str, events_url: str) -> FastAPI:
    holder, log, workers = Holder(model_path), EventLog(events_url), ThreadPoolExecutor(2)
    popular = datasets.load("ml-100k").ratings["item"].value_counts().index[:100].tolist()

    @asynccontextmanager
    async def lifespan(_):
        threading.Thread(target=holder.watch, daemon=True).start()
        yield
        holder.ended.set()
        workers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(log.close)

    app = FastAPI(lifespan=lifespan)

    def problem(status, detail, headers=None):
        body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        return JSONResponse(body, status, headers, media_type="application/problem+json")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException):
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError):
        return problem(422, "; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors()[:5]))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception):
        return problem(500, "a mistake of the service's")

    async def answer(n, listed):
        """What `listed(model)` gives in time, else what is popular; None from it: the model need not be asked."""
        used, items = holder.current, None
        if used is not None:
            try:
                work = asyncio.get_running_loop().run_in_executor(workers, listed, used.model)
                items = await asyncio.wait_for(work, IN_TIME)
            except Exception as error:
                print("the model failed:", repr(error))
        shown = popular[:n] if items is None else items
        version = used.version if used else None
        return {"model": version, "fallback": items is None, "items": [{"item": item} for item in shown]}

    @app.get("/health")
    async def health():
        return {"status": "alive"}

    @app.get("/v1/users/{user}/recommendations")
    async def recommend(user: str, n: Annotated[Many, Query()] = 10):
        def listed(model):
            known = (
                user.isascii() and user.isdigit() and len(user) < 16 and model.train_.users.rows([int(user)])[0] >= 0
            )
            return model.recommend([int(user)], n)["item"].tolist() if known else None

        return await answer(n, listed)

    @app.post("/v1/recommendations")
    async def recommend_for(asked: History):
        def listed(model):
            rated = {r.item: r.rating for r in asked.history if isinstance(r.item, int)}
            known = {item: stars for item, stars in rated.items() if model.train_.items.rows([item])[0] >= 0}
            return model.recommend_for(known, asked.n)["item"].tolist() if known else None

        return await answer(asked.n, listed)

    @app.post("/v1/events")
    async def events(batch: Events):
        stored = await asyncio.wrap_future(log.submit([event.model_dump() for event in batch.events]))
        return stored._asdict()

    return app
