"""What can be asked under /v1/, and how it becomes a question to the model or the catalogue."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from recsys_lab import registry
from recsys_lab.errors import few
from recsys_lab.serve import schemas
from recsys_lab.serve.answering import Answering, Question
from recsys_lab.serve.catalogue import Catalogue
from recsys_lab.serve.events import EventLog, Overloaded
from recsys_lab.serve.gate import with_id
from recsys_lab.serve.holder import Holder
from recsys_lab.serve.metrics import Metrics
from recsys_lab.serve.openapi import errors
from recsys_lab.serve.profiles import Profiles
from recsys_lab.serve.settings import Settings
from recsys_lab.serve.snapshot import Listed, Snapshot

# Only such queries are kept: another spelling of the same question would push answers out that are asked for.
_KEPT = re.compile(rb"(n=[1-9][0-9]?[0-9]?)?(&?reasons=(true|false))?(&?which=(champion|challenger))?")

_User = Annotated[str, Path(min_length=1, max_length=schemas.MAX_ID, examples=["42"])]
_Item = Annotated[str, Path(min_length=1, max_length=schemas.MAX_ID, examples=["50"])]
_N = Annotated[schemas.Many, Query()]
_Reasons = Annotated[bool, Query(description="Say why each item is recommended; it takes longer.")]


def routes(
    settings: Settings,
    holders: Mapping[str, Holder],
    profiles: Profiles | None,
    answering: Answering,
    catalogue: Catalogue,
    events: EventLog,
    metrics: Metrics,
    log: Any,
) -> APIRouter:
    """The routes of one service."""
    router = APIRouter(prefix="/v1")

    def chosen(which: str) -> Holder:
        if which not in holders:
            raise HTTPException(404, "There is no challenger: the service was started without --challenger.")
        return holders[which]

    async def new(user: str) -> str | None:
        """Why this user gets what is popular for want of ratings; None: there are enough, or nobody counts them."""
        if profiles is None or not settings.min_ratings:
            return None
        profile = await profiles.of(user)
        few_ratings = profile is not None and (profile.get("ratings") or 0) < settings.min_ratings
        return "few-ratings" if few_ratings else None

    @router.get("/users/{user}/features", response_model=schemas.Profile, responses=errors(404, 422, 503))
    async def features(request: Request, user: _User) -> Response:
        """What the feature store knows of a user now; a value is null where it knows nothing."""
        if profiles is None:
            raise HTTPException(404, "There is no feature store: the service was started without --features.")
        profile = await profiles.of(user)
        if profile is None:
            raise HTTPException(503, "The feature store did not answer. Ask again.", {"Retry-After": "1"})
        return _json(request, to_json({"user": user, "features": profile}))

    @router.get("/models", response_model=schemas.Models)
    async def models(request: Request) -> Response:
        """Which models are asked here, what they rank, and on which scale ratings are."""
        found = [_model(which, holder) for which, holder in holders.items()]
        return _json(request, to_json({"data": settings.data, "scale": catalogue.scale, "models": found}))

    @router.get("/users/{user}/recommendations", response_model=schemas.Recommendations, responses=errors(404, 422))
    async def recommend(
        request: Request, user: _User, n: _N = 10, reasons: _Reasons = False, which: schemas.Which = "champion"
    ) -> Response:
        """The best items for a user of the training data, without those they rated; for others, what is popular."""
        snapshot = chosen(which).current
        row = -1 if snapshot is None else snapshot.user(user)
        why_not = await new(user) if row >= 0 else "unknown-user"
        question = Question(
            score=lambda s: s.for_user(row, n),
            instead=lambda: catalogue.popular(n, set() if snapshot is None or row < 0 else snapshot.seen(row)),
            why=(lambda s, listed: s.why_user(row, listed)) if reasons else None,
            ready=None if snapshot is None or why_not else snapshot.ready(row, n),
            more={"ignored": []},
            key=_key(request),
        )
        return _json(request, await answering.answer(snapshot, question, why_not, request.scope["told"]))

    @router.post("/recommendations", response_model=schemas.Recommendations, responses=errors(400, 404, 413, 422))
    async def recommend_for(request: Request, asked: schemas.History) -> Response:
        """The best items for somebody who rated these; the model is not refitted. Items it does not know are `ignored`."""
        rated = _ratings(asked.history, catalogue.scale)
        snapshot = chosen(asked.which).current
        items, ratings = list(rated), np.array(list(rated.values()), dtype=float)
        places = np.full(len(items), -1) if snapshot is None else snapshot.columns(items)
        order = np.argsort(places)[(places < 0).sum() :]
        columns, values = places[order], ratings[order]
        taken = set(items) | set(asked.exclude)

        def score(snapshot: Snapshot) -> Listed:
            without = snapshot.columns(asked.exclude)
            return snapshot.for_history(columns, values, without[without >= 0], asked.n)

        question = Question(
            score=score,
            instead=lambda: catalogue.popular(asked.n, taken),
            why=(lambda s, listed: s.why_history(columns, values, listed)) if asked.reasons else None,
            more={"ignored": [item for item, place in zip(items, places) if place < 0]},
        )
        why_not = None if len(columns) else "unknown-history"
        return _json(request, await answering.answer(snapshot, question, why_not, request.scope["told"]))

    @router.get("/items/{item}/similar", response_model=schemas.Similar, responses=errors(404, 422))
    async def similar(request: Request, item: _Item, n: _N = 10, which: schemas.Which = "champion") -> Response:
        """The items most similar to this one, by the model; where it cannot tell, by genres."""
        place = catalogue.place(item)
        if place < 0:
            raise HTTPException(404, "There is no such item: GET /v1/items?query= finds them by their titles.")
        snapshot = chosen(which).current
        column = -1 if snapshot is None else int(snapshot.columns([catalogue.ids[place]])[0])
        question = Question(
            score=lambda s: s.similar(column, n),
            instead=lambda: catalogue.alike(place, n),
            key=_key(request),
        )
        why_not = None if column >= 0 else "unknown-item"
        return _json(request, await answering.answer(snapshot, question, why_not, request.scope["told"]))

    @router.get("/items", response_model=schemas.Items, responses=errors(422))
    async def search(
        request: Request,
        query: Annotated[
            str, Query(max_length=schemas.MAX_QUERY, description="Words of a title; none: all items.")
        ] = "",
        n: _N = 10,
    ) -> Response:
        """Items whose titles hold these words, without regard to case and accents, the most rated first."""
        return _json(request, to_json({"items": catalogue.search(query, n)}))

    @router.post("/events", response_model=schemas.Stored, responses=errors(400, 413, 422, 503))
    async def store(request: Request, batch: schemas.Events) -> Response:
        """Impressions and clicks. The answer comes when they are durable; an event with a known id is not stored again."""
        rows = [{**event.model_dump(), "id": str(event.id)} for event in batch.events]
        try:
            appended = await asyncio.wrap_future(events.submit(rows))
        except Overloaded as error:
            raise HTTPException(503, f"{error} Post them again in a moment.", {"Retry-After": "1"}) from error
        except Exception as error:
            log.error("events were not stored", request_id=request.scope["request_id"], exc_info=True)
            raise HTTPException(
                503, "The events could not be stored. Post them again.", {"Retry-After": "5"}
            ) from error
        metrics.events.labels("stored").inc(appended.stored)
        metrics.events.labels("duplicate").inc(appended.duplicates)
        return _json(request, to_json(appended._asdict()))

    @router.post("/admin/reload", response_model=schemas.Reloaded, responses=errors(403, 404, 422))
    async def reload(request: Request, which: schemas.Which = "champion") -> Response:
        """Read the artefact again, now. Needs the API key."""
        holder = chosen(which)
        result, message = await asyncio.to_thread(holder.look, again=True)
        return _json(request, to_json({"result": result, "message": message, "model": holder.version}))

    return router


def _model(which: str, holder: Holder) -> dict[str, Any]:
    snapshot, refused = holder.current, holder.refused
    if snapshot is None:
        return {"which": which, "version": None, "kind": None, "about": None, "refused": refused}
    kind = type(snapshot.model).__name__
    about = next((entry.about for entry in registry.entries().values() if entry.name == kind), None)
    return {"which": which, "version": snapshot.version, "kind": kind, "about": about, "refused": refused}


def _json(request: Request, body: bytes) -> Response:
    content = with_id(body, request.scope["request_id"].encode())
    return Response(content, headers={"cache-control": "no-store"}, media_type="application/json")


def _key(request: Request) -> tuple[str, bytes] | None:
    query = request.scope["query_string"]
    return (request.scope["path"], query) if _KEPT.fullmatch(query) else None


def _ratings(history: list[schemas.Rated], scale: tuple[float, float]) -> dict[Any, float]:
    """Item -> rating, the last of each item; all must be on the scale, which the shape of a request cannot say."""
    low, high = scale
    if off := [r.rating for r in history if not low <= r.rating <= high]:
        raise HTTPException(422, f"Ratings go from {low:g} to {high:g}; got {few(off)}.")
    return {r.item: r.rating for r in history}
