"""The description of the API: FastAPI's, with every error as problem+json and the API key where one is set."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from recsys_lab.serve import problems
from recsys_lab.serve import schemas as shapes
from recsys_lab.serve.schemas import MAX_BODY, Problem

_ABOUT = """A recommender behind a REST API. Every answer says which model gave it, and whether it is the model's at all:
without a model, or where it takes too long, the most rated items are answered and flagged (`fallback`)."""

_WHAT = {
    400: "The body cannot be read.",
    401: "The API key is missing or wrong.",
    403: "The service was started without an API key.",
    404: "There is no such thing.",
    413: f"The body has more than {MAX_BODY:,} bytes.",
    422: "Something in the request is not as described; `errors` names the places.",
    500: problems.BUG,
    503: "The events could not be stored: post them again.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems (any route with 500)."""
    return {status: _response(status) for status in (*statuses, 500)}


def _response(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _WHAT[status],
        "request_id": "3f1c0a9be0d24c55",
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": _WHAT[status], "content": {problems.CONTENT_TYPE: content}}


def describe(app: FastAPI, scale: tuple[float, float], *, key: bool) -> None:
    """Have the app describe itself so; `scale`: of the ratings; `key`: an API key is set."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        found = made()
        found["info"]["description"] = _ABOUT
        schemas = found["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs") | {"Problem": problem}
        for name, model in vars(shapes).items():  # FastAPI drops what is null in an example
            if name in schemas and isinstance(model, type) and issubclass(model, BaseModel):
                schemas[name]["examples"] = model.model_json_schema()["examples"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Rated"]["properties"]["rating"] |= {"minimum": scale[0], "maximum": scale[1]}
        if key:
            found["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
            for path, methods in found["paths"].items():
                for operation in methods.values() if path.startswith("/v1/") else ():
                    operation["security"] = [{"key": []}]
                    operation["responses"]["401"] = _response(401)
        return found

    app.openapi = openapi  # type: ignore[method-assign]
