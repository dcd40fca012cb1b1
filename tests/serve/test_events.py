"""Events: none lost that was acknowledged, none stored twice, whatever happens to the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_lab.errors import DataError
from recsys_lab.serve import Appended, Event, EventLog
from recsys_lab.serve import events as module

COLUMNS = ["id", "kind", "user", "item", "rank", "request_id", "model", "experiment", "variant", "at"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'events.db'}"


def event(n: int, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid.UUID(int=n)), "kind": "click", "user": n, "item": 5, "at": float(n)} | more


def test_the_frame_has_what_was_appended_in_the_order_of_time(url: str) -> None:
    with EventLog(url) as log:
        late = Event("click", "ann", 5, id="b", rank=1, request_id="r", model="m", experiment="e", variant="v", at=20.5)
        assert log.append(
            [late, Event("impression", 7, "5", id="a", at=20.5), Event("impression", 7, 9, id="z", at=1)]
        ) == (3, 0)
        frame = log.frame()
        assert list(frame.columns) == COLUMNS
        assert frame["id"].tolist() == ["z", "a", "b"]
        assert frame["user"].tolist() == [7, 7, "ann"], "numbers stay numbers"
        assert frame["item"].tolist() == [9, "5", 5], "and text that looks like one stays text"
        assert frame["rank"].astype(object).where(frame["rank"].notna(), None).tolist() == [None, None, 1]
        assert frame.loc[2, ["request_id", "model", "experiment", "variant"]].tolist() == ["r", "m", "e", "v"]
        assert frame["at"].dtype == float
        assert log.frame(since=1, until=20.5)["id"].tolist() == ["z"], "from since, before until"
        assert log.frame(since=20.5)["id"].tolist() == ["a", "b"]


def test_an_empty_frame_has_the_columns_and_types(url: str) -> None:
    with EventLog(url) as log:
        frame = log.frame()
        assert (list(frame.columns), len(frame)) == (COLUMNS, 0)
        assert (frame["at"].dtype, str(frame["rank"].dtype)) == (float, "Int64")


def test_a_frame_can_be_appended_as_it_was_read(url: str, tmp_path: Path) -> None:
    with EventLog(url) as log, EventLog(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        log.append([event(n, rank=n or None) for n in range(3)])
        assert copy.append(log.frame()) == (3, 0)
        pd.testing.assert_frame_equal(copy.frame(), log.frame())
        assert copy.append(log.frame()) == (0, 3)
        numpy = pd.DataFrame({"kind": ["click"], "user": np.array([1]), "item": np.array([2]), "rank": [np.nan]})
        assert copy.append(numpy) == (1, 0)
        assert copy.frame()["user"].tolist()[-1] == 1


def test_the_same_id_is_stored_once_and_the_first_counts(url: str) -> None:
    with EventLog(url) as log:
        assert log.append([event(1), event(2), event(1, kind="impression")]) == (2, 1)
        assert log.append([event(2, item=9), event(3)]) == (1, 1)
        assert log.frame()["item"].tolist() == [5, 5, 5]
        assert log.frame()["kind"].tolist() == ["click"] * 3


def test_without_id_and_time_it_gets_them(url: str) -> None:
    with EventLog(url) as log:
        before = time.time()
        log.append([Event("click", 1, 2), Event("click", 1, 2)])
        frame = log.frame()
        assert frame["id"].nunique() == 2
        assert frame["at"].between(before, time.time()).all()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"kind": "purchase"}, "kind='purchase'"),
        ({"user": None}, "user=None"),
        ({"item": 1.5}, "item=1.5"),
        ({"item": True}, "item=True"),
    ],
)
def test_a_bad_event_is_refused_with_all_that_came_along(url: str, bad: dict[str, Any], words: str) -> None:
    with EventLog(url) as log:
        with pytest.raises(DataError, match=words):
            log.append([event(1), event(2, **bad)])
        assert len(log.frame()) == 0


def test_many_threads_and_two_logs_on_one_database(url: str) -> None:
    """Each event is posted four times, through two logs as two processes would: each is stored once."""
    with EventLog(url) as one, EventLog(url) as other, ThreadPoolExecutor(8) as threads:
        posts = [[event(10 * n + k) for k in range(10)] for n in range(50)] * 4
        answers = list(threads.map(lambda pair: (one, other)[pair[0] % 2].append(pair[1]), enumerate(posts)))
        assert sum(answer.stored for answer in answers) == 500
        assert sum(answer.duplicates for answer in answers) == 1500
        assert sorted(one.frame()["user"]) == list(range(500))


def test_posts_that_wait_share_a_transaction_and_each_learns_its_own_part(url: str, monkeypatch: Any) -> None:
    with EventLog(url) as log:
        gate, sizes, store = threading.Event(), [], log._store

        def slowly(posts: list[Any]) -> list[Appended]:
            sizes.append(len(posts))
            gate.wait(20)
            return store(posts)

        monkeypatch.setattr(log, "_store", slowly)
        futures: list[Future[Appended]] = [log.submit([event(0)])]
        while not sizes:
            time.sleep(0.001)
        futures += [log.submit([event(n), event(n - 1)]) for n in range(1, 30)]
        gate.set()
        assert [f.result() for f in futures] == [(1, 0), *[(1, 1)] * 29]
        assert sizes == [1, 29]


def test_more_than_may_wait_is_refused_and_nothing_of_it_stored(url: str, monkeypatch: Any) -> None:
    with EventLog(url) as log:
        gate, store = threading.Event(), log._store
        monkeypatch.setattr(log, "_store", lambda posts: (gate.wait(20), store(posts))[1])
        monkeypatch.setattr(module, "_WAITING", 10)
        first = log.submit([event(n) for n in range(8)])
        with pytest.raises(module.Overloaded, match="8 events wait"):
            log.submit([event(n) for n in range(8, 12)])
        gate.set()
        assert first.result() == (8, 0)
        while log._waiting:
            time.sleep(0.001)
        assert log.append([event(n) for n in range(8, 12)]) == (4, 0), "later, there is room again"


def test_who_gives_up_waiting_does_not_stop_the_writer(url: str) -> None:
    with EventLog(url) as log:

        async def give_up() -> None:
            waiting = asyncio.wrap_future(log.submit([event(1)]))
            waiting.cancel()

        asyncio.run(give_up())
        assert log.append([event(2)]) == (1, 0)
        assert len(log.frame()) == 2


def test_a_closed_log_has_stored_what_waited_and_takes_no_more(url: str) -> None:
    log = EventLog(url)
    futures = [log.submit([event(n)]) for n in range(100)]
    log.close()
    assert all(f.result() == (1, 0) for f in futures)
    log.close()
    with pytest.raises(DataError, match="closed"):
        log.append([event(1)])
    with EventLog(url) as again:
        assert len(again.frame()) == 100


def test_the_service_stores_and_says_so(serving: Any) -> None:
    async def ask() -> None:
        async with serving() as (client, app):
            batch = {"events": [event(1, rank=1.0), {k: v for k, v in event(2).items() if k != "at"}]}
            answer = await client.post("/v1/events", json=batch)
            assert {k: v for k, v in answer.json().items() if k != "request_id"} == {"stored": 2, "duplicates": 0}
            answer = await client.post("/v1/events", json=batch)
            assert (answer.json()["stored"], answer.json()["duplicates"]) == (0, 2)
            assert app.state.events.frame()["user"].tolist() == [1, 2]
            assert 'recsys_events_total{result="duplicate"} 2.0' in (await client.get("/metrics")).text

    asyncio.run(ask())


FLOOD = """
import os, sys, threading, uuid
from recsys_lab.serve import EventLog
log = EventLog(sys.argv[1])
def flood():
    while True:
        ids = [str(uuid.uuid4()) for _ in range(5)]
        log.append([{"id": i, "kind": "click", "user": 1, "item": 2} for i in ids])
        os.write(1, "".join(i + "\\n" for i in ids).encode())  # one piece: threads do not mix their lines
for _ in range(3):
    threading.Thread(target=flood).start()
"""


def test_a_killed_process_loses_nothing_that_was_acknowledged(url: str, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for round in range(3):
        process = subprocess.Popen([sys.executable, "-c", FLOOD, url], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged.append(line.strip())
            if len(acknowledged) > 200 * (round + 1):
                os.kill(process.pid, signal.SIGKILL)
                break
        acknowledged += process.stdout.read().split()
        process.stdout.close()
        process.wait()
    with EventLog(url) as log:
        stored = log.frame()["id"]
        assert stored.is_unique
        assert set(acknowledged) <= set(stored)
        before = len(stored)
        assert log.append([{"id": i, "kind": "click", "user": 1, "item": 2} for i in acknowledged]) == (
            0,
            len(acknowledged),
        )
        assert len(log.frame()) == before
    with sqlite3.connect(tmp_path / "events.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
