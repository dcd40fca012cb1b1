"""What is refused, and in which words; and that nothing of the inside leaves."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recsys_lab.errors import DataError
from recsys_lab.serve import Settings, create_app, schemas
from tests.serve.conftest import KEY

EVENT = {"id": "6c0c8a5e-5b0e-4b6e-9d0b-0d3c8f5c8b11", "kind": "click", "user": 1, "item": 2}
FILM = {"item": 50, "rating": 5}
HISTORY, BATCH = "/v1/recommendations", "/v1/events"


def refused(answer: Any, status: int) -> schemas.Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = schemas.Problem.model_validate_json(answer.content)
    assert (problem.type, problem.status) == ("about:blank", status)
    assert problem.request_id == answer.headers["X-Request-ID"]
    assert "Traceback" not in answer.text
    assert "site-packages" not in answer.text
    return problem


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("/nothing", 404, "Not Found"),
        ("/page/nothing.js", 404, "Not Found"),
        ("/v1/items/99999/similar", 404, "There is no such item"),
        ("/v1/users/1/recommendations?n=0", 422, "query.n: Input should be greater than or equal to 1"),
        ("/v1/users/1/recommendations?n=101", 422, "query.n: Input should be less than or equal to 100"),
        ("/v1/users/1/recommendations?n=ten", 422, "query.n: Input should be a valid integer"),
        ("/v1/users/1/recommendations?reasons=perhaps", 422, "query.reasons: Input should be a valid boolean"),
        (f"/v1/users/{'1' * 101}/recommendations", 422, "path.user: String should have at most 100 characters"),
        (f"/v1/items?query={'x' * 101}", 422, "query.query: String should have at most 100 characters"),
        ("/v1/events", 405, "Method Not Allowed"),
    ],
)
def test_a_bad_address_is_refused(serving: Any, url: str, status: int, words: str) -> None:
    async def ask() -> None:
        async with serving() as (client, _):
            answer = await client.get(url)
            assert words in refused(answer, status).detail
            if status == 405:
                assert answer.headers["Allow"] == "POST"

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("url", "body", "where"),
    [
        (HISTORY, {}, "body.history"),
        (HISTORY, {"history": [FILM], "m": 3}, "body.m"),
        (HISTORY, {"history": [{"item": 50}]}, "body.history.0.rating"),
        (HISTORY, {"history": [{"item": True, "rating": 5}]}, "body.history.0.item"),
        (HISTORY, {"history": [{"item": 2**53, "rating": 5}]}, "body.history.0.item"),
        (HISTORY, {"history": [{"item": "\ud800", "rating": 5}]}, "body.history.0.item"),
        (HISTORY, {"history": [{"item": "a\0", "rating": 5}]}, "body.history.0.item"),
        (HISTORY, {"history": [{"item": 50, "rating": "5"}]}, "body.history.0.rating"),
        (HISTORY, {"history": [{"item": 50, "rating": float("nan")}]}, "body.history.0.rating"),
        (HISTORY, {"history": [FILM] * 1_001}, "body.history"),
        (HISTORY, {"history": [FILM], "exclude": [1] * 1_001}, "body.exclude"),
        (HISTORY, {"history": [FILM], "n": 101}, "body.n"),
        (BATCH, {"events": []}, "body.events"),
        (BATCH, {"events": [EVENT] * 501}, "body.events"),
        (BATCH, {"events": [EVENT | {"id": "1"}]}, "body.events.0.id"),
        (BATCH, {"events": [EVENT | {"kind": "purchase"}]}, "body.events.0.kind"),
        (BATCH, {"events": [EVENT | {"rank": 0}]}, "body.events.0.rank"),
        (BATCH, {"events": [EVENT | {"at": -1}]}, "body.events.0.at"),
        (BATCH, {"events": [EVENT | {"at": float("inf")}]}, "body.events.0.at"),
        (BATCH, {"events": [EVENT, EVENT | {"user": None}]}, "body.events.1.user"),
        (BATCH, [], "body"),
    ],
)
def test_a_bad_body_is_refused_with_the_place(serving: Any, url: str, body: Any, where: str) -> None:
    async def ask() -> None:
        async with serving() as (client, app):
            answer = await client.post(url, content=json.dumps(body), headers={"Content-Type": "application/json"})
            problem = refused(answer, 422)
            assert problem.errors[0].where == where
            assert problem.detail.startswith(where)
            assert len(app.state.events.frame()) == 0, "a batch is stored as a whole or not at all"

    asyncio.run(ask())


def test_a_rating_off_the_scale_is_refused(serving: Any) -> None:
    async def ask() -> None:
        async with serving() as (client, _):
            answer = await client.post(HISTORY, json={"history": [FILM, {"item": 1, "rating": 6}]})
            assert refused(answer, 422).detail == "Ratings go from 1 to 5; got 6.0."

    asyncio.run(ask())


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"history": ' + b"9" * 10_000 + b"}", b"\xff\xfe", b""])
def test_what_is_no_json_is_refused(serving: Any, body: bytes) -> None:
    async def ask() -> None:
        async with serving() as (client, _):
            answer = await client.post(HISTORY, content=body, headers={"Content-Type": "application/json"})
            refused(answer, answer.status_code)
            assert answer.status_code in (400, 422)

    asyncio.run(ask())


def test_a_large_body_is_refused_whether_it_tells_its_size_or_not(serving: Any) -> None:
    async def pieces(n: int) -> Any:
        for _ in range(n):
            yield b" " * 1_000

    async def ask() -> None:
        async with serving() as (client, _):
            kind = {"Content-Type": "application/json"}
            answer = await client.post(BATCH, content=b" " * (schemas.MAX_BODY + 1), headers=kind)
            assert refused(answer, 413).detail == "A body has at most 262,144 bytes: send less at once."
            refused(await client.post(BATCH, content=pieces(300), headers=kind), 413)
            refused(await client.post(BATCH, content=pieces(200), headers=kind), 422)
            refused(await client.post(BATCH, content=b"{}", headers={**kind, "Content-Length": "9" * 30}), 413)

    asyncio.run(ask())


def test_with_a_key_nothing_under_v1_is_answered_without_it(serving: Any, saved: dict[str, Path]) -> None:
    async def ask() -> None:
        async with serving(api_key=KEY, model=saved["als"]) as (client, _):
            url = "/v1/users/1/recommendations"
            assert (await client.get(url, headers={"X-API-Key": KEY})).status_code == 200
            for wrong in ({}, {"X-API-Key": ""}, {"X-API-Key": KEY + "x"}, {"X-API-Key": "é".encode()}):
                answer = await client.get(url, headers=wrong)  # also where the answer is kept
                assert refused(answer, 401).detail == "Give the service's key in the header X-API-Key."
            for public in ("/", "/health", "/ready", "/metrics", "/openapi.json"):
                assert (await client.get(public)).status_code == 200

    asyncio.run(ask())


def test_without_a_key_nobody_can_administrate(serving: Any) -> None:
    async def ask() -> None:
        async with serving() as (client, _):
            refused(await client.post("/v1/admin/reload", headers={"X-API-Key": KEY}), 403)

    asyncio.run(ask())


def test_a_bug_is_logged_and_does_not_leave(serving: Any, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def ask() -> None:
        async with serving() as (client, app):

            @app.get("/bug")
            async def bug() -> None:
                raise KeyError("a secret of the inside")

            answer = await client.get("/bug")
            assert "It is logged under the request_id." in refused(answer, 500).detail
            assert "secret" not in answer.text
            lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
            line = next(line for line in lines if line["event"] == "a bug")
            assert line["request_id"] == answer.json()["request_id"]
            assert "a secret of the inside" in line["exception"]

    asyncio.run(ask())


def test_events_that_cannot_be_stored_are_not_acknowledged(serving: Any, tmp_path: Path) -> None:
    async def ask() -> None:
        async with serving() as (client, app):
            with app.state.events._engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE events")
            answer = await client.post(BATCH, json={"events": [EVENT]})
            assert refused(answer, 503).detail == "The events could not be stored. Post them again."
            assert answer.headers["Retry-After"] == "5"

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"TIMEOUT_MS": "soon"}, "RECSYS_LAB_SERVE_TIMEOUT_MS='soon': give a number"),
        ({"THREADS": "1.5"}, "give a whole number"),
        ({"THREADS": "0"}, "threads=0: each computes one answer at a time"),
        ({"TIMEOUT": "1"}, "RECSYS_LAB_SERVE_TIMEOUT: no setting 'timeout'; did you mean 'timeout_ms'?"),
        ({"LOG_LEVEL": "loud"}, "choose one of debug, info, warning"),
        ({"RELOAD_SECONDS": "0"}, "choose a number above 0"),
        ({"API_KEY": "short"}, "choose 8 to 200 letters"),
    ],
)
def test_a_bad_setting_is_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(DataError) as caught:
        Settings.from_environment({f"RECSYS_LAB_SERVE_{name}": value for name, value in given.items()})
    assert words in str(caught.value)
    assert "short" not in str(caught.value), "a key is not shown"


def test_settings_come_from_the_environment_unless_given() -> None:
    environment = {"RECSYS_LAB_SERVE_THREADS": "3", "RECSYS_LAB_SERVE_DATA": "toy", "RECSYS_LAB_SERVE_PORT": "tcp://x"}
    settings = Settings.from_environment(environment, data="ml-1m", model=None)
    assert (settings.threads, settings.data, settings.model) == (3, "ml-1m", Path("model.npz"))
    assert "correct-horse" not in repr(Settings(api_key="correct-horse"))


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:////no/such/folder/events.db", "nonsense", "nobase://u:secret@h/d"]
)
def test_a_database_that_cannot_be_opened_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(DataError, match="events=") as caught:
        create_app(Settings(data="toy", events=url))
    assert "secret" not in str(caught.value)


def test_a_missing_package_is_named_with_the_command_that_brings_it() -> None:
    code = """
import sys
sys.modules["fastapi"] = None  # as if it were not installed
from recsys_lab.errors import MissingExtraError
from recsys_lab.serve import EventLog, Settings
from recsys_lab.cli import app
try:
    from recsys_lab.serve import create_app
except MissingExtraError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "the service needs fastapi: pip install 'recsys-lab[serve]'.\n", run.stderr
