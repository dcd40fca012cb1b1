"""How a peer answers: one job a line on stdin, one answer a line on stdout, in one process that stays warm.

A peer's file says in three places what is its own, and is run as `python -m benchmarks.peers.NAME`:

    prepare(job) -> data            the training ratings in the library's own form; not timed, for anybody
    MODELS[name](data) -> model     fitted; timed
    ANSWERS[kind](model, data)      timed; kind "ratings": one prediction a test pair, NaN where there is none;
                                    kind "lists": ten items a user, best first, -1 where there are fewer

A job is an npz of user, item, rating (training, row numbers from 0), test_user, test_item (-1: not in training), low, high.
Nothing here needs recsys_lab: peers live in an environment of their own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import numpy as np


def serve(package: str, prepare: Callable, models: dict[str, Callable], answers: dict[str, Callable]) -> None:
    """Answer until stdin ends. Whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps({"version": version(package)}), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            told = _work(asked, prepare, models[asked["model"]], answers[asked["kind"]])
        except Exception as error:  # one model's failure is a gap in the table, not the end of the run
            told = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), file=out, flush=True)


def _work(asked: dict[str, str], prepare: Callable, fit: Callable, answer: Callable) -> dict[str, float]:
    with np.load(asked["job"]) as job:
        data = prepare(SimpleNamespace(**job))
    start = time.process_time()
    model = fit(data)
    fitted = time.process_time()
    result = answer(model, data)
    end = time.process_time()
    np.save(asked["out"], np.asarray(result))
    return {"fit": fitted - start, "answer": end - fitted}


def matrix(job: Any) -> Any:
    """The training pairs as a CSR matrix of ones, which the libraries for implicit feedback take."""
    from scipy import sparse

    ones = np.ones(len(job.user), np.float32)
    return sparse.csr_matrix((ones, (job.user, job.item)), shape=(job.user.max() + 1, job.item.max() + 1))


def best_ten(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """One user's list, for libraries that leave ranking to their caller."""
    scores = np.array(scores, float)
    scores[seen] = -np.inf
    best = np.argpartition(-scores, 10)[:10]
    return best[np.argsort(-scores[best], kind="stable")]
