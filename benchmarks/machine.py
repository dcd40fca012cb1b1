"""What this machine can do at most with one thread, and what the work of a fold weighs -> results/machine.json

The distance from the limit is a model's seconds against the seconds that its additions and multiplications alone would
take at the speed of the best matrix product, or its memory traffic alone at the speed of a copy.
"""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import scipy

from benchmarks import store
from benchmarks.protocol import list_split, rating_folds
from recsys_lab import Ratings, datasets

SIZE, NUMBERS, REPEATS = 2048, 2**25, 5


def main() -> None:
    found = {
        "gflops_float32": _gflops(np.float32),
        "gflops_float64": _gflops(np.float64),
        "copy_gb_s": _copy(),
        "fold": _weight(next(rating_folds(datasets.load("ml-100k").ratings, (1, 5)))[0]),
        "split": _weight(Ratings.from_frame(list_split(datasets.load("ml-100k").ratings, 1)[0])),
        "where": {
            "machine": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            "system": platform.system(),
            "Python": platform.python_version(),
            "NumPy": np.__version__,
            "SciPy": scipy.__version__,
            "pandas": pd.__version__,
            "Numba": numba.__version__,
        },
    }
    print(found, flush=True)
    store.keep("machine", found)


def _best(work: Any) -> float:
    """CPU seconds of the fastest of some runs: what was possible, not what was usual."""
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _gflops(kind: type) -> float:
    a = np.random.default_rng(0).random((SIZE, SIZE)).astype(kind)
    return 2 * SIZE**3 / _best(lambda: a @ a) / 1e9


def _copy() -> float:
    source, target = np.ones(NUMBERS), np.zeros(NUMBERS)
    return 2 * source.nbytes / _best(lambda: np.copyto(target, source)) / 1e9


def _weight(train: Ratings) -> dict[str, Any]:
    """Sizes, and how many pairs of items share a user (`pairs_of_items`), or of users an item."""
    by_user, by_item = np.diff(train.matrix.indptr), np.bincount(train.matrix.indices)
    pairs = {"pairs_of_items": int((by_user**2).sum() // 2), "pairs_of_users": int((by_item**2).sum() // 2)}
    return {"ratings": train.n_ratings, "users": train.n_users, "items": train.n_items, **pairs}


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
