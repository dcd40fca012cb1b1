"""The shapes of requests and answers, with their limits and an example each."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_BODY = 2**18  # bytes
MAX_N, MAX_HISTORY, MAX_QUERY, MAX_EVENTS, MAX_ID = 100, 1_000, 100, 500, 100

# Beyond, programs that read JSON's numbers as floats would take one id for another.
_EXACT = 2**53 - 1
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


def _whole(value: Any) -> Any:
    """5.0 is a whole number in JSON; true is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _id(value: Any) -> int | str:
    value = _whole(value)
    if type(value) is int and abs(value) <= _EXACT:
        return value
    if type(value) is str and len(value) <= MAX_ID and re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff]+", value):
        return value
    raise PydanticCustomError(
        "id", "an id is a whole number, or text of 1 to {most} printable letters", {"most": MAX_ID}
    )


_ID_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": -_EXACT, "maximum": _EXACT},
        {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": _PRINTABLE},
    ]
}
Id = Annotated[int | str, PlainValidator(_id), WithJsonSchema(_ID_SCHEMA)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_ID, pattern=_PRINTABLE)]
Many = Annotated[int, Field(ge=1, le=MAX_N, description="Length of the list.")]
Which = Annotated[Literal["champion", "challenger"], Field(description="Whose answer: of two models, to compare.")]
WhyNot = Literal[
    "no-model",
    "unknown-user",
    "unknown-item",
    "unknown-history",
    "few-ratings",
    "unsupported",
    "model-slow",
    "model-error",
]


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


_REASON = {"kind": "item", "id": 100, "rating": 5.0, "weight": 0.4, "text": "you rated Fargo (1996) 5"}
_ITEM = {"item": 318, "title": "Schindler's List (1993)", "score": 4.7, "rank": 1}
_ANSWER: dict[str, Any] = {
    "request_id": "3f1c0a9be0d24c55",
    "model": "9c1185a5c5e9",
    "fallback": False,
    "fallback_reason": None,
}
_FOUND = {"item": 50, "title": "Star Wars (1977)", "genres": ["Action", "Adventure", "Sci-Fi"], "ratings": 583}
_MODEL = {
    "which": "champion",
    "version": "9c1185a5c5e9",
    "kind": "ItemKNN",
    "about": "what you said of the items most like this one",
    "refused": None,
}
_EVENT: dict[str, Any] = {
    "id": "6c0c8a5e-5b0e-4b6e-9d0b-0d3c8f5c8b11",
    "kind": "click",
    "user": 42,
    "item": 318,
    "rank": 1,
    "request_id": "3f1c0a9be0d24c55",
    "model": "9c1185a5c5e9",
}


class Reason(BaseModel):
    """What raised the score: by how much (`weight`), and in words, as they follow "because"."""

    model_config = _example(**_REASON)
    kind: str
    id: Id
    rating: float | None
    weight: float
    text: str


class Recommended(BaseModel):
    """One item of a list. `reasons` is null where they were not asked for, or not found in time."""

    model_config = _example(**_ITEM, reasons=[_REASON])
    item: Id
    title: str
    score: float
    rank: int
    reasons: list[Reason] | None


class _Answer(BaseModel):
    request_id: str
    model: Annotated[str | None, Field(description="Version of the model in use; null where there is none.")]
    fallback: Annotated[bool, Field(description="True: the list is not the model's; fallback_reason says why.")]
    fallback_reason: WhyNot | None


class Recommendations(_Answer):
    """A ranked list, the best first. In a fallback, the most rated items; the score is their number of ratings."""

    model_config = _example(**_ANSWER, ignored=[], items=[{**_ITEM, "reasons": [_REASON]}])
    ignored: Annotated[list[Id], Field(description="Items of the history that the model does not know.")]
    items: list[Recommended]


class Similar(_Answer):
    """Similar items, the most similar first. In a fallback, those that share most genres; the score is the share."""

    model_config = _example(**_ANSWER, items=[{**_ITEM, "reasons": None}])
    items: list[Recommended]


class Rated(BaseModel):
    """An item and the rating that somebody gave it."""

    model_config = _example(item=100, rating=5)
    item: Id
    rating: Annotated[float, Field(strict=True, allow_inf_nan=False, description="On the scale of the data set.")]


class History(BaseModel):
    """What a person rated; of several ratings of an item, the last counts. The model serves them without being refitted."""

    model_config = _example(history=[{"item": 100, "rating": 5}, {"item": 50, "rating": 4}], n=10, reasons=True)
    history: Annotated[list[Rated], Field(max_length=MAX_HISTORY)]
    n: Annotated[int, Field(strict=True, ge=1, le=MAX_N), BeforeValidator(_whole)] = 10
    exclude: Annotated[list[Id], Field(max_length=MAX_HISTORY, description="Not to be recommended either.")] = []
    reasons: Annotated[bool, Field(strict=True)] = False
    which: Which = "champion"


class Found(BaseModel):
    """An item of the catalogue and its number of ratings."""

    model_config = _example(**_FOUND)
    item: Id
    title: str
    genres: list[str]
    ratings: int


class Items(BaseModel):
    """What a search found, the most rated first."""

    model_config = _example(request_id=_ANSWER["request_id"], items=[_FOUND])
    request_id: str
    items: list[Found]


class Model(BaseModel):
    """A model of the service, by the name under which it is asked for."""

    model_config = _example(**_MODEL)
    which: Which
    version: Annotated[str | None, Field(description="Null: there is none; what is popular is answered.")]
    kind: Annotated[str | None, Field(description="Its class.")]
    about: Annotated[str | None, Field(description="What it does, in one line.")]
    refused: Annotated[str | None, Field(description="Why the artefact that lies there now is not in use.")]


class Models(BaseModel):
    """The models, the data set whose items they rank, and the scale of its ratings."""

    model_config = _example(request_id=_ANSWER["request_id"], data="ml-100k", scale=[1.0, 5.0], models=[_MODEL])
    request_id: str
    data: str
    scale: tuple[float, float]
    models: list[Model]


class Profile(BaseModel):
    """What the feature store knows of a user."""

    model_config = _example(request_id=_ANSWER["request_id"], user="42", features={"ratings": 183, "mean_rating": 3.8})
    request_id: str
    user: str
    features: dict[str, float | None]


class Event(BaseModel):
    """A user was shown an item, or chose it. `id` is of the client's making: posted again, it is the same event."""

    model_config = _example(**_EVENT)
    id: UUID
    kind: Literal["impression", "click"]
    user: Id
    item: Id
    rank: Annotated[int, Field(strict=True, ge=1, le=10_000), BeforeValidator(_whole)] | None = None
    request_id: Text | None = None
    model: Text | None = None
    experiment: Text | None = None
    variant: Text | None = None
    at: Annotated[
        float | None,
        Field(strict=True, ge=0, le=1e11, allow_inf_nan=False, description="Seconds since 1970, UTC; null: now."),
    ] = None


class Events(BaseModel):
    """A batch; it is stored as a whole or not at all."""

    model_config = _example(events=[_EVENT])
    events: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]


class Stored(BaseModel):
    """The events are durable: so many are new, so many had been stored before."""

    model_config = _example(request_id=_ANSWER["request_id"], stored=1, duplicates=0)
    request_id: str
    stored: int
    duplicates: int


class Health(BaseModel):
    """The process is alive."""

    model_config = _example(status="alive")
    status: Literal["alive"]


class Ready(BaseModel):
    """ "ready": the model answers. "degraded": what is popular is answered, as there is no sound model."""

    model_config = _example(status="ready", model="9c1185a5c5e9", challenger=None, refused=None)
    status: Literal["ready", "degraded"]
    model: str | None
    challenger: Annotated[str | None, Field(description="Version of the model that it is compared with.")]
    refused: Annotated[str | None, Field(description="Why the artefact that lies there now is not in use.")]


class Reloaded(BaseModel):
    """What became of the artefact; `model` is the version in use now."""

    model_config = _example(
        request_id=_ANSWER["request_id"],
        result="loaded",
        message="version 9c1185a5c5e9 is in use",
        model="9c1185a5c5e9",
    )
    request_id: str
    result: Literal["loaded", "unchanged", "refused"]
    message: str
    model: str | None


class Place(BaseModel):
    """A place in a request, and what is wrong there."""

    model_config = _example(where="body.history.0.rating", problem="Field required")
    where: str
    problem: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = _example(
        type="about:blank",
        title="Unprocessable Entity",
        status=422,
        detail="body.history.0.rating: Field required",
        request_id=_ANSWER["request_id"],
        errors=[{"where": "body.history.0.rating", "problem": "Field required"}],
    )
    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[Place] = []
