"""What waits at the start: importing, first calls, and how memory and time grow -> results/start.json, growth.json"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks import growth, store
from benchmarks.peers import ROOT

FIRST = """
import json, time
from recsys_lab import UserKNN, datasets
toy = datasets.toy().ratings
def once():
    start = time.process_time(); UserKNN(k=2).fit(toy).predict(toy); return time.process_time() - start
import recsys_lab.knn
first = once(); print(json.dumps(first - once()))
"""
IMPORT = """
import json, time
import numpy, pandas, scipy.sparse
start = time.perf_counter(); import recsys_lab; print(json.dumps(time.perf_counter() - start))
"""
# The peak is that of the fit: a process whose reading of the data had a higher one would hide it.
MEMORY = """
import json, resource, psutil
from recsys_lab import ItemKNN, Ratings, datasets
grown = datasets.fractal(datasets.load("ml-100k").ratings, factor=10, seed=0)
toy = datasets.toy().ratings
ItemKNN(k=2).fit(toy).predict(toy)
train = Ratings.from_frame(grown); n = len(grown); del grown
before = psutil.Process().memory_info().rss
model = ItemKNN().fit(train)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"ratings": n, "items": train.n_items, "table": model.similarities_.nbytes, "peak": peak - before}))
"""


def start() -> None:
    found: dict[str, Any] = store.kept("start")
    if "compiled" not in found:
        with tempfile.TemporaryDirectory() as empty:
            found["compiled"], found["cached"] = (_alone(FIRST, NUMBA_CACHE_DIR=empty) for _ in range(2))
        found["import_s"] = statistics.median(_alone(IMPORT) for _ in range(9))
        found["item_knn_1m"] = _alone(MEMORY)
        store.keep("start", found)
    if "first_calls" not in found:
        found["first_calls"] = growth.first_calls()
        store.keep("start", found)


def grow() -> None:
    found = {"rows": []} | store.kept("growth")
    done = {(row["model"], row["factor"]) for row in found["rows"]}
    for model in growth.MODELS:
        for factor in growth.FACTORS:
            if (model, factor) not in done:
                found["rows"].append(growth.growth([model], [factor])[0] | {"factor": factor})
                store.keep("growth", found)


def _alone(code: str, **environment: str) -> Any:
    """What a new process prints last."""
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    start()
    grow()
