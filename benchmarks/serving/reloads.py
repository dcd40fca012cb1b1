"""200,000 requests or more, and 50 replacements of the artefact, one every two seconds: failures, mixed answers, memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import tempfile
import threading
from collections import Counter
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.serving import servers
from benchmarks.serving.client import Answer, drive
from benchmarks.serving.throughput import by_chance
from recsys_lab import datasets, registry, storage
from recsys_lab.ratings import Ratings
from recsys_lab.serve.running import Server

REQUESTS, REPLACED, EVERY = 200_000, 50, 2.0
WARM = 9  # replacements before it counts: each model has come and gone three times
MODELS = {"item-knn": {"k": 40}, "als": {"factors": 20}, "ease": {}}  # they take turns


def main(requests: int = REQUESTS) -> dict[str, Any]:
    data = datasets.load("ml-100k")
    train = Ratings.from_frame(data.ratings, scale=data.scale)
    users = train.users.ids.tolist()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made, expected = [], {}
        for recipe, params in MODELS.items():
            model = registry.make(recipe, **params).fit(train)
            path = storage.save(model, folder / f"{recipe}.npz")
            lists = model.recommend(users, 10).groupby("user")["item"].agg(list).to_dict()
            expected[hashlib.sha256(path.read_bytes()).hexdigest()[:12]] = {str(u): v for u, v in lists.items()}
            made.append(path)
        used = folder / "model.npz"
        _put(made[0], used)
        with servers.service(used, folder) as server:
            return _measure(server, made, used, users, expected, requests)


def _measure(
    server: Server, made: list[Path], used: Path, users: list[Any], expected: Any, requests: int
) -> dict[str, Any]:
    found: Counter[str] = Counter()
    versions: Counter[str] = Counter()

    def check(answer: Answer) -> None:
        if answer.status != 200:
            found["failed"] += 1
            return
        told = json.loads(answer.body)
        versions[told["model"]] += 1
        if told["fallback"]:
            found["fallback"] += 1
        elif [row["item"] for row in told["items"]] != expected[told["model"]][answer.path.split("/")[3]]:
            found["mixed"] += 1

    process, rng = psutil.Process(server.process.pid), random.Random(0)
    memory: list[float] = []
    with _replacing(made, used) as replaced:
        # At the start, memory grows as the libraries load, the allocator finds its size and the first models are exchanged.
        asyncio.run(drive(server.port, takewhile(lambda _: replaced[0] < WARM, by_chance(users)), check=check))
        before, asked = replaced[0], count()

        def goes_on(_: str) -> bool:
            return next(asked) < requests or replaced[0] - before < REPLACED

        def checked(answer: Answer) -> None:
            check(answer)
            if rng.random() < 0.001:
                memory.append(process.memory_info().rss / 1e6)

        load = asyncio.run(drive(server.port, takewhile(goes_on, by_chance(users)), check=checked))
        reloads = replaced[0] - before
    quarter = max(1, len(memory) // 4)  # each model has been in use: they differ in size
    start, end = (float(np.median(part)) for part in (memory[:quarter], memory[-quarter:]))
    p50, p99 = np.percentile(load.latencies, [50, 99]) * 1000
    return {
        "requests": len(load.latencies),
        "replaced": reloads,
        "versions_seen": len(versions),
        "failed": found["failed"],
        "mixed": found["mixed"],
        "fallback": found["fallback"],
        "per_second": len(load.latencies) / load.seconds,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "memory_start_mb": start,
        "memory_end_mb": end,
        "memory_mb": memory[:: max(1, len(memory) // 20)],
    }


@contextlib.contextmanager
def _replacing(made: list[Path], used: Path) -> Any:
    """Replace the artefact every so often while the block runs; gives a list with the number of times."""
    ended, times = threading.Event(), [0]

    def run() -> None:
        while not ended.wait(EVERY):
            times[0] += 1
            _put(made[times[0] % len(made)], used)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield times
    finally:
        ended.set()
        thread.join()


def _put(source: Path, used: Path) -> None:
    draft = used.with_suffix(".draft")
    draft.write_bytes(source.read_bytes())
    draft.replace(used)
