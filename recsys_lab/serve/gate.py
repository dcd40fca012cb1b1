"""What every request passes: pure ASGI, as each layer costs every request.

In: a request id, the API key, the largest body. Out: the request id, headers for a page that asks nobody else, one log
line, one count, and a problem instead of any error that got through. And answers that are ready: a list that the model
in use has given before is sent from here, without routing and validation, about as fast as an empty endpoint could be.
They are kept by their exact address, (path, query), and belong to their model: they are gone when it is. Nothing else
makes them stale, since a model does not learn from requests.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys_lab.serve import problems
from recsys_lab.serve.holder import Holder
from recsys_lab.serve.metrics import Metrics
from recsys_lab.serve.schemas import MAX_BODY
from recsys_lab.serve.settings import Settings

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY = [
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_FRESH = (b"cache-control", b"no-store")  # an answer carries the id of its request, and a user's taste
_USERS, _ITEMS = "/v1/users/{user}/recommendations", "/v1/items/{item}/similar"  # the routes whose answers are kept


class Gate:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, settings: Settings, holders: Mapping[str, Holder], metrics: Metrics, log: Any):
        self._app, self._metrics, self._log = app, metrics, log
        self._champion, self._challenger = holders["champion"], holders.get("challenger")
        self._key = settings.api_key.encode()
        self._debug = settings.log_level == "debug"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = key = length = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _SANE.fullmatch(value):
                request_id = value
            elif name == b"x-api-key":
                key = value
            elif name == b"content-length":
                length = value
        request_id = request_id or secrets.token_hex(8).encode()
        told: dict[str, Any] = {}  # what the route adds to the log line
        scope["request_id"], scope["told"] = request_id.decode(), told
        route, status = "other", 0

        async def out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_SECURITY, (b"x-request-id", request_id)]
            await send(message)

        path = scope["path"]
        try:
            if refusal := self._refusal(path, key, length):
                await _send(out, refusal[0], problems.body(*refusal, scope["request_id"]), _PROBLEM)
            elif body := self._kept(scope):
                route = _USERS if path.startswith("/v1/users/") else _ITEMS
                told["source"] = "kept"
                self._metrics.kept.inc()
                await _send(out, 200, with_id(body, request_id), _JSON)
            else:
                await self._app(scope, _limited(receive), out)
                route = getattr(scope.get("route"), "path", route)
        except Exception:
            self._log.error("a bug", request_id=scope["request_id"], exc_info=True)
            if status:
                raise  # the answer has begun: the server can only end the connection
            await _send(out, 500, problems.body(500, problems.BUG, scope["request_id"]), _PROBLEM)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.count(route, status, seconds)
            if self._debug:
                told["path"] = path
            self._log.info(
                "request",
                request_id=scope["request_id"],
                method=scope["method"],
                route=route,
                status=status,
                ms=round(seconds * 1000, 2),
                **told,
            )

    def _kept(self, scope: Scope) -> bytes | None:
        holder = self._challenger if b"which=challenger" in scope["query_string"] else self._champion
        snapshot = None if holder is None else holder.current
        if snapshot is None or scope["method"] != "GET":
            return None
        return snapshot.answers.get((scope["path"], scope["query_string"]))

    def _refusal(self, path: str, key: bytes, length: bytes) -> tuple[int, str] | None:
        if path.startswith("/v1/"):
            if self._key and not hmac.compare_digest(key, self._key):
                return 401, "Give the service's key in the header X-API-Key."
            if not self._key and path.startswith("/v1/admin/"):
                return 403, "This needs an API key, and the service was started without one."
        if length.isdigit() and int(length[:20]) > MAX_BODY:
            return 413, _TOO_LARGE
        return None


_TOO_LARGE = f"A body has at most {MAX_BODY:,} bytes: send less at once."
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", problems.CONTENT_TYPE.encode())


def with_id(body: bytes, request_id: bytes) -> bytes:
    """A rendered answer with the id of the request that gets it; the id is checked, so it needs no escapes.

    >>> with_id(b'{"items":[]}', b"a1")
    b'{"request_id":"a1","items":[]}'
    """
    return b'{"request_id":"' + request_id + b'",' + body[1:]


async def _send(send: Send, status: int, body: bytes, kind: tuple[bytes, bytes]) -> None:
    headers = [kind, (b"content-length", str(len(body)).encode()), _FRESH]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _limited(receive: Receive) -> Receive:
    """A body that comes in pieces, without its length, is cut where it gets too large."""
    size = 0

    async def read() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return read
