"""irspack: C++ and NumPy models for implicit feedback. Settings: tuned on the split with seed 0, but where a name says otherwise."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from irspack.recommenders import DenseSLIMRecommender, IALSRecommender, RP3betaRecommender, SLIMRecommender
from irspack.utils.id_mapping import retrieve_recommend_from_score

from benchmarks.peers.serve import matrix, serve


def prepare(job: Any) -> Any:
    job.matrix = matrix(job)
    return job


def fitted(cls: type, job: Any, **options: Any) -> Any:
    return cls(job.matrix, **options).learn()


def lists(model: Any, job: Any) -> np.ndarray:
    n = job.matrix.shape[0]
    ranked = retrieve_recommend_from_score(model.get_score_remove_seen_block(0, n), [], 10, 1)
    return np.array([[item for item, _ in row] + [-1] * (10 - len(row)) for row in ranked])


MODELS = {
    "EASE": partial(fitted, DenseSLIMRecommender, reg=300.0),
    "EASE, its default": partial(fitted, DenseSLIMRecommender),
    "SLIM": partial(fitted, SLIMRecommender, alpha=0.1, l1_ratio=0.01, n_threads=1),
    "iALS": partial(fitted, IALSRecommender, n_components=64, alpha0=0.2, reg=0.02, n_threads=1),
    "iALS, its default": partial(fitted, IALSRecommender, n_threads=1),
    "RP3beta": partial(fitted, RP3betaRecommender, beta=0.4, n_threads=1),
}

if __name__ == "__main__":
    serve("irspack", prepare, MODELS, {"lists": lists})
