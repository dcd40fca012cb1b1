"""`recsys-lab serve` as it runs: started, loaded, given new models, fuzzed, stopped, killed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from recsys_lab.base import Recommender
from recsys_lab.serve import EventLog
from tests.serve.conftest import KEY, ROOT


def put(source: Path, target: Path) -> str:
    """Replace the artefact in one step, as `save` does; gives its version."""
    draft = target.with_suffix(".draft")
    draft.write_bytes(source.read_bytes())
    draft.replace(target)
    return hashlib.sha256(source.read_bytes()).hexdigest()[:12]


def test_it_trains_serves_and_ends_when_told(running: Any, tmp_path: Path) -> None:
    model = tmp_path / "new.npz"
    with running("--model", model, "--train", "bias") as server:
        assert model.is_file()
        with httpx.Client(base_url=server.url) as client:
            assert client.get("/health").json() == {"status": "alive"}
            assert client.get("/ready").json()["status"] == "ready"
            assert "RecSys Lab" in client.get("/").text
            answer = client.get("/v1/users/42/recommendations", headers={"X-Request-ID": "r-1"})
            assert (answer.status_code, answer.json()["request_id"]) == (200, "r-1")
            assert "server" not in answer.headers
        host, port = server.url.removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        taken = [sys.executable, "-m", "recsys_lab.cli", "serve", "--model", str(model), "--port", port]
        again = subprocess.run(taken, capture_output=True, text=True, cwd=ROOT)
        assert again.returncode == 2
        assert f"cannot listen at 127.0.0.1:{port} (Address already in use): choose another --port." in again.stderr
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        lines = [json.loads(line) for line in server.log.read_text(encoding="utf-8").splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    line = next(line for line in lines if line.get("request_id") == "r-1")
    assert (line["route"], line["status"], line["source"]) == ("/v1/users/{user}/recommendations", 200, "model")
    assert "42" not in json.dumps({k: v for k, v in line.items() if k not in ("ms", "at", "model")}), (
        "no user is logged"
    )


def test_new_models_under_load_cost_no_request_and_mix_no_answer(
    running: Any, saved: dict[str, Path], als: Recommender, ease: Recommender, tmp_path: Path
) -> None:
    """Twelve clients ask while the artefact changes, and is spoiled in between."""
    path, users, found = tmp_path / "model.npz", range(1, 101), Counter[str]()
    lists = {}
    for name, model in (("als", als), ("ease", ease)):
        frame = model.recommend(list(users), 10)
        lists[put(saved[name], path)] = frame.groupby("user")["item"].agg(list).to_dict()

    async def ask(url: str, ended: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=url) as client:
            while not ended.is_set():
                for user in users:
                    answer = await client.get(f"/v1/users/{user}/recommendations")
                    told = answer.json()
                    assert (answer.status_code, told["fallback"]) == (200, False), answer.text
                    assert [row["item"] for row in told["items"]] == lists[told["model"]][user]
                    found[told["model"]] += 1

    async def change(url: str, ended: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=url) as client:
            for name in ("als", "spoiled", "ease", "als", "ease"):
                if name == "spoiled":
                    path.write_bytes(saved["als"].read_bytes()[:-100])
                    while (await client.get("/ready")).json()["refused"] is None:
                        await asyncio.sleep(0.02)
                    continue
                version = put(saved[name], path)
                while (await client.get("/ready")).json()["model"] != version:
                    await asyncio.sleep(0.02)
        ended.set()

    async def all_of_it(url: str) -> None:
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(ask(url, ended))
            group.create_task(change(url, ended))

    with running("--model", path, reload_seconds=0.05) as server:
        asyncio.run(asyncio.wait_for(all_of_it(server.url), 60))
    assert set(found) == set(lists), "both models have answered"


def test_a_request_under_way_is_answered_when_it_is_told_to_stop(running: Any, saved: dict[str, Path]) -> None:
    """Its body comes slowly: the head before the signal, the rest after it."""
    with running("--model", saved["als"]) as server:
        host, port = server.url.removeprefix("http://").split(":")
        body = json.dumps({"history": [{"item": 50, "rating": 5}], "n": 1}).encode()
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = f"POST /v1/recommendations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:5])
            while "request" not in server.log.read_text(encoding="utf-8"):  # the server is in its loop, the head read
                httpx.get(f"{server.url}/health")
            server.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(httpx.TransportError):  # refused, or closed while it was being asked
                while True:
                    httpx.get(f"{server.url}/health")
            connection.sendall(body[5:])
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"fallback":false' in answer
        server.process.wait(30)


def test_events_survive_kill_9(running: Any, saved: dict[str, Path], tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def flood(url: str) -> None:
        with httpx.Client(base_url=url) as client:
            while True:
                ids = [str(uuid.uuid4()) for _ in range(5)]
                batch = {"events": [{"id": i, "kind": "impression", "user": 1, "item": 50} for i in ids]}
                try:
                    answer = client.post("/v1/events", json=batch)
                except httpx.HTTPError:
                    return
                assert answer.json()["stored"] == 5
                acknowledged.extend(ids)

    with running("--model", saved["popularity"]) as server:
        threads = [threading.Thread(target=flood, args=(server.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 300 and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        server.process.kill()
        for thread in threads:
            thread.join()
    with EventLog(f"sqlite:///{tmp_path / 'events.db'}") as log:
        stored = log.frame()["id"]
    assert stored.is_unique
    assert len(acknowledged) >= 300
    assert set(acknowledged) <= set(stored)


def test_what_the_description_says_is_so(running: Any, saved: dict[str, Path]) -> None:
    """Schemathesis: no 5xx, no answer beyond the description, nothing accepted or refused against it."""
    with running("--model", saved["als"], api_key=KEY) as server:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "-n", "20"]
        options = ["-H", f"X-API-Key: {KEY}", "--generation-deterministic", "--no-color", "--warnings", "off"]
        run = subprocess.run([*command, *options], capture_output=True, text=True, cwd=server.log.parent)
        assert run.returncode == 0, run.stdout[-5_000:]
        assert "No issues found" in run.stdout
        statuses = Counter(json.loads(line).get("status") for line in server.log.read_text("utf-8").splitlines())
    assert statuses[200] > 50
    assert not [status for status in statuses if status and status >= 500]
