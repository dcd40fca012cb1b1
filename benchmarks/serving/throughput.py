"""Requests per second and latency at 50 connections, against an empty endpoint: the two take turns in one run."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import servers
from benchmarks.serving.client import Answer, drive
from recsys_lab import datasets, registry, storage
from recsys_lab.ratings import Ratings

ROUNDS, SECONDS = 20, 2.0
MODEL = "item-knn"


def main(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    data = datasets.load("ml-100k")
    train = Ratings.from_frame(data.ratings, scale=data.scale)
    users = train.users.ids.tolist()
    turns = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = storage.save(registry.make(MODEL).fit(train), folder / "model.npz")
        with servers.service(path, folder) as ours, servers.empty(folder) as empty:
            cold = _turn(ours.port, iter([_path(user) for user in users]), 60.0)
            computed = _turn(ours.port, iter([_path(user, 30) for user in users]), 60.0)
            _turn(empty.port, cycle(["/"]), seconds)
            for turn in range(rounds):
                runs = {
                    "empty": lambda: _turn(empty.port, cycle(["/"]), seconds),
                    "top10": lambda: _turn(ours.port, by_chance(users), seconds),
                }
                # Who is first changes: neighbours on the machine come and go.
                turns.append({name: runs[name]() for name in sorted(runs, reverse=turn % 2 == 1)})
    ratio = {
        what: statistics.median(turn["top10"][what] / turn["empty"][what] for turn in turns)
        for what in ("per_second", "p50_ms", "p99_ms")
    }
    return {
        "model": MODEL,
        "connections": 50,
        "rounds": turns,
        "ratio": ratio,
        "first_answers": cold,
        "computed": computed,
    }


def _path(user: Any, n: int = 10) -> str:
    return f"/v1/users/{user}/recommendations?n={n}"


def by_chance(users: list[Any]) -> Iterator[str]:
    """Users at random, as they come."""
    rng = np.random.default_rng(0)
    while True:
        for place in rng.integers(0, len(users), 10_000).tolist():
            yield _path(users[place])


def _turn(port: int, paths: Iterator[str], seconds: float) -> dict[str, float]:
    failed = 0

    def check(answer: Answer) -> None:
        nonlocal failed
        failed += answer.status != 200 or b'"fallback":true' in answer.body[:200]

    load = asyncio.run(drive(port, paths, seconds=seconds, check=check))
    p50, p99 = np.percentile(load.latencies, [50, 99]) * 1000
    return {
        "per_second": len(load.latencies) / load.seconds,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "requests": len(load.latencies),
        "failed": failed,
    }
