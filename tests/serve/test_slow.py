"""Models that are too slow or fail: answered without them, and what is left behind is bounded."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_lab.base import Reason, Recommender
from recsys_lab.ratings import Ratings
from recsys_lab.serve.pool import Pool, TooSlow
from recsys_lab.serve.snapshot import Snapshot


class Slow(Recommender):
    """Scores as it is told: late, never, or not at all."""

    def _fit(self, train: Ratings) -> None:
        self.scoring, self.explaining = threading.Event(), threading.Event()
        self.begun = 0

    def _score(self, rows: np.ndarray) -> np.ndarray:
        self.begun += 1
        self.scoring.wait(20)
        return np.tile(np.arange(self.train_.n_items, dtype=float), (len(rows), 1))

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("a secret of the inside")

    def _explain(self, row: int, column: int) -> list[Reason]:
        self.explaining.wait(20)
        return []


@pytest.fixture
def slow(train: Ratings) -> Any:
    model = Slow().fit(train)
    yield model
    model.scoring.set()
    model.explaining.set()


def test_a_slow_model_is_not_waited_for_and_its_late_list_is_kept(serving: Any, slow: Slow, train: Ratings) -> None:
    async def ask() -> None:
        async with serving(timeout_ms=50, threads=2, waiting=3) as (client, app):
            app.state.holders["champion"].current = Snapshot(slow, "slow", 2**20)
            urls = [f"/v1/users/{user}/recommendations" for user in range(1, 21)]
            answers = await asyncio.gather(*(client.get(url) for url in urls))
            for user, answer in enumerate(answers, 1):
                told = answer.json()
                assert (answer.status_code, told["model"]) == (200, "slow")
                assert (told["fallback"], told["fallback_reason"]) == (True, "model-slow")
                seen = set(train.items.ids[train.of(user - 1)[0]].tolist())
                assert not seen & {row["item"] for row in told["items"]}, "what they have seen is not popular for them"
            assert slow.begun == 2, "the others were taken back before they began, or never let in"
            slow.scoring.set()
            for _ in range(200):
                await asyncio.sleep(0.01)
                if app.state.holders["champion"].current.answers.size:
                    break
            assert (await client.get(urls[0])).json()["fallback"] is False, "what was found late is kept"
            assert (await client.get(urls[19])).json()["fallback"] is False, "and the threads are free again"
            assert 'recsys_answers_total{source="model-slow"} 20.0' in (await client.get("/metrics")).text

    asyncio.run(ask())


def test_a_list_is_not_given_up_for_its_reasons(serving: Any, slow: Slow) -> None:
    slow.scoring.set()

    async def ask() -> None:
        async with serving(timeout_ms=300) as (client, app):
            app.state.holders["champion"].current = Snapshot(slow, "slow", 2**20)
            told = (await client.get("/v1/users/1/recommendations?n=3&reasons=true")).json()
            assert told["fallback"] is False
            assert [row["reasons"] for row in told["items"]] == [None] * 3
            assert app.state.holders["champion"].current.answers.size == 0, "half an answer is not kept"

    asyncio.run(ask())


def test_a_model_that_fails_is_answered_without(
    serving: Any, slow: Slow, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def ask() -> None:
        async with serving() as (client, app):
            app.state.holders["champion"].current = Snapshot(slow, "slow", 2**20)
            answer = await client.post("/v1/recommendations", json={"history": [{"item": 50, "rating": 5}]})
            assert (answer.status_code, answer.json()["fallback_reason"]) == (200, "model-error")
            assert "secret" not in answer.text

    asyncio.run(ask())
    assert b"ZeroDivisionError: a secret of the inside" in capfdbinary.readouterr().err


def test_the_pool_bounds_what_runs_and_what_waits() -> None:
    gate, begun = threading.Event(), []

    def work() -> int:
        begun.append(1)
        gate.wait(20)
        return 7

    async def run() -> None:
        pool, loop, late = Pool(1, 1), asyncio.get_running_loop(), []
        try:
            first = asyncio.create_task(pool.run(work, loop.time() + 0.1, late.append))
            second = asyncio.create_task(pool.run(work, loop.time() + 0.1, late.append))
            await asyncio.sleep(0)
            with pytest.raises(TooSlow):  # one runs and one waits: there is no room, and it does not wait to be told
                await pool.run(work, loop.time() + 1e6)
            for task in (first, second):
                with pytest.raises(TooSlow):
                    await task
            gate.set()
            assert await pool.run(lambda: 8, loop.time() + 20) == 8
            await asyncio.sleep(0.01)
            assert (len(begun), late) == (1, [7]), "the one that waited was taken back"
            with pytest.raises(TooSlow):
                await pool.run(work, loop.time() - 1)
        finally:
            gate.set()
            pool.close()

    asyncio.run(run())


def test_answers_are_bounded_in_bytes_however_they_come(saved: dict[str, Path], als: Recommender) -> None:
    answers = Snapshot(als, "v", cache_bytes=10_000).answers
    for key in range(1_000):
        answers.put(("/", key % 37), b"x" * (key % 500))
        assert answers.size <= 10_000
        assert answers.size == sum(len(body) + 200 for body in answers._bodies.values())
    answers.put("large", b"x" * 10_001)
    assert answers.get("large") is None


def test_lists_are_made_ahead_while_there_is_time(als: Recommender) -> None:
    none, all_of_them = Snapshot(als, "v", 0), Snapshot(als, "v", 0)
    none.prepare(seconds=-1)
    assert none.ready(0, 10) is None
    all_of_them.prepare(seconds=600)
    for row in (0, 15, 16, 942):
        ready, alone = all_of_them.ready(row, 7), all_of_them.for_user(row, 7)
        assert ready is not None
        assert ready.items == alone.items
        np.testing.assert_allclose(ready.scores, alone.scores, rtol=1e-12)
    assert all_of_them.ready(0, 11) is None, "it is longer than what was made"
    assert all_of_them.ready(-1, 10) is None
