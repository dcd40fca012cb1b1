"""Errors as problem+json (RFC 9457): what went wrong, what to do, and never a line of a stack trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

CONTENT_TYPE = "application/problem+json"
BUG = "This is a mistake of the service's, not of yours. It is logged under the request_id."


def body(status: int, detail: str, request_id: str, errors: Sequence[Mapping[str, str]] = ()) -> bytes:
    """The problem as JSON. `type` is about:blank, as the status says it all; `errors` names each place of a bad request."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    return to_json(problem | ({"errors": list(errors)} if errors else {}))


def install(app: FastAPI) -> None:
    """Have the app answer its own errors so."""

    @app.exception_handler(HTTPException)
    async def _refused(request: Request, error: HTTPException) -> Response:
        return _response(request, error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        # The values themselves stay out: they may be huge, secret, or no JSON.
        errors = [{"where": ".".join(map(str, e["loc"])), "problem": str(e["msg"])} for e in error.errors()][:20]
        detail = f"{errors[0]['where']}: {errors[0]['problem']}" if errors else "The request is not valid."
        return _response(request, 422, detail, errors)


def _response(
    request: Request,
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    content = body(status, detail, request.scope["request_id"], errors)
    return Response(content, status, headers, media_type=CONTENT_TYPE)
