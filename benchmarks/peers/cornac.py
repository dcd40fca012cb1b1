"""cornac: factors by SGD, EASE, BPR. It has no call for many users or pairs at once: `score` is asked for each."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from cornac.data import Dataset
from cornac.models import BPR, EASE, MF

from benchmarks.peers.serve import best_ten, serve


def prepare(job: Any) -> Any:
    job.dataset = Dataset.from_uir(list(zip(job.user.tolist(), job.item.tolist(), job.rating.astype(float).tolist())))
    job.their_user = np.array([job.dataset.uid_map[u] for u in range(job.user.max() + 1)])
    job.their_item = np.array([job.dataset.iid_map[i] for i in range(job.item.max() + 1)])
    return job


def fitted(cls: type, job: Any, **options: Any) -> Any:
    return cls(seed=0, verbose=False, **options).fit(job.dataset)


def ratings(model: Any, job: Any) -> np.ndarray:
    known = (job.test_user >= 0) & (job.test_item >= 0)
    pairs = zip(job.their_user[job.test_user[known]].tolist(), job.their_item[job.test_item[known]].tolist())
    out = np.full(len(known), np.nan)
    out[known] = [model.score(u, i) for u, i in pairs]
    return out


def lists(model: Any, job: Any) -> np.ndarray:
    bounds = np.searchsorted(job.user, np.arange(job.user.max() + 2))
    return np.array(
        [
            best_ten(np.ravel(model.score(their))[job.their_item], job.item[bounds[u] : bounds[u + 1]])
            for u, their in enumerate(job.their_user.tolist())
        ]
    )


AS_SURPRISE = {"k": 100, "max_iter": 20, "learning_rate": 0.005, "lambda_reg": 0.02}
MODELS = {
    "MF-10": partial(fitted, MF, k=10, max_iter=25, learning_rate=0.01, lambda_reg=0.02),
    "MF-100": partial(fitted, MF, **AS_SURPRISE),
    "EASE": partial(fitted, EASE, lamb=150, posB=False),
    "BPR": partial(fitted, BPR, k=50, max_iter=200, learning_rate=0.02, lambda_reg=0.01),
}

if __name__ == "__main__":
    serve("cornac", prepare, MODELS, {"ratings": ratings, "lists": lists})
