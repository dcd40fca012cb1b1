"""Servers for as long as a block lasts."""

from __future__ import annotations

import contextlib
import io
import threading
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from recsys_lab.errors import DataError
from recsys_lab.serve import Settings, create_app
from recsys_lab.serve.running import hosted, process, running


def test_an_app_is_there_while_the_block_lasts_and_then_gone(capfd: pytest.CaptureFixture[str]) -> None:
    app, threads = FastAPI(), threading.active_count()

    @app.get("/")
    def here() -> dict[str, str]:
        return {"thread": threading.main_thread().name}

    @app.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError

    with hosted(app) as url:
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/").json() == {"thread": "MainThread"}
        assert httpx.get(f"{url}/bug").status_code == 500
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/")
    assert threading.active_count() <= threads
    assert capfd.readouterr() == ("", "")


def test_an_app_that_does_not_start_is_an_error() -> None:
    async def broken(scope: object, receive: object, send: object) -> None:
        raise ZeroDivisionError

    app = FastAPI(lifespan=lambda _: broken)  # type: ignore[arg-type, return-value]
    with pytest.raises(DataError, match="lifespan"), hosted(app):
        pass


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"timeout_mss.*timeout_ms"), running(tmp_path, timeout_mss=80):
        pass


def test_a_server_is_stopped_also_where_the_block_fails(tmp_path: Path) -> None:
    with contextlib.suppress(ZeroDivisionError), running(tmp_path) as server:
        assert server.url.endswith(f":{server.port}")
        assert httpx.get(f"{server.url}/ready").json()["status"] == "degraded"
        raise ZeroDivisionError
    assert server.process.poll() is not None
    assert server.log == tmp_path / "log"


def test_any_command_that_says_where_it_listens_will_do(tmp_path: Path) -> None:
    with process(
        ["sh", "-c", "echo starting; echo http://127.0.0.1:$PORT; sleep 60"], tmp_path / "log", {"PORT": "7"}
    ) as server:
        assert server.port == 7
    assert server.process.poll() not in (None, 0)


def test_a_service_starts_where_the_error_stream_takes_text_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As that of a notebook does."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    app = create_app(Settings(model=tmp_path / "no.npz", events=f"sqlite:///{tmp_path / 'e.db'}"))
    with hosted(app) as url:
        assert httpx.get(f"{url}/ready").json()["status"] == "degraded"
