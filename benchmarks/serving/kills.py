"""kill -9 in the middle of a flood of events, 50 times: what was acknowledged, what is stored."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import sqlite3
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from benchmarks.serving import servers
from recsys_lab import datasets, registry, storage
from recsys_lab.ratings import Ratings

KILLS, CLIENTS, BATCH = 50, 8, 5


def main(kills: int = KILLS) -> dict[str, Any]:
    data = datasets.load("ml-100k")
    model = registry.make("popularity").fit(Ratings.from_frame(data.ratings, scale=data.scale))
    rng, clients = random.Random(0), [_Client() for _ in range(CLIENTS)]
    seconds = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = storage.save(model, folder / "model.npz")
        for _ in range(kills):
            with servers.service(path, folder) as server:
                threads = [threading.Thread(target=client.flood, args=(server.port,)) for client in clients]
                started = time.perf_counter()
                for thread in threads:
                    thread.start()
                time.sleep(rng.uniform(0.1, 1.0))
                server.process.kill()
                for thread in threads:
                    thread.join()
                seconds += time.perf_counter() - started
        with contextlib.closing(sqlite3.connect(folder / "events.db")) as connection:
            stored = [row[0] for row in connection.execute("SELECT id FROM events")]
            sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    acknowledged = [id for client in clients for id in client.acknowledged]
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "posted_again": sum(client.again for client in clients),
        "found_stored_then": sum(client.duplicates for client in clients),
        "lost": len(set(acknowledged) - set(stored)),
        "twice": len(stored) - len(set(stored)),
        "integrity": sound,
        "events_per_second": len(acknowledged) / seconds,
    }


class _Client:
    """Posts batches as fast as they are acknowledged; what was not, it posts again after the restart."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.pending: list[str] = []
        self.again = self.duplicates = 0

    def flood(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.again += len(self.pending)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            while True:
                self.pending = self.pending or [str(uuid.uuid4()) for _ in range(BATCH)]
                events = [{"id": id, "kind": "impression", "user": 1, "item": 50} for id in self.pending]
                headers = {"Content-Type": "application/json"}
                connection.request("POST", "/v1/events", json.dumps({"events": events}), headers)
                answer = connection.getresponse()
                told = json.loads(answer.read())
                if answer.status == 200 and told["stored"] + told["duplicates"] == len(self.pending):
                    self.duplicates += told["duplicates"]
                    self.acknowledged += self.pending
                    self.pending = []
