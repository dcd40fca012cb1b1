"""implicit: C++ models for implicit feedback. Settings of ALS, BPR and BM25: tuned on the split with seed 0."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

from benchmarks.peers.serve import matrix, serve


def prepare(job: Any) -> Any:
    job.matrix = matrix(job)
    return job


def fitted(cls: type, job: Any, **options: Any) -> Any:
    model = cls(num_threads=1, **options)
    model.fit(job.matrix, show_progress=False)
    return model


def lists(model: Any, job: Any) -> np.ndarray:
    users = np.arange(job.matrix.shape[0])
    items, _ = model.recommend(users, job.matrix, N=10, filter_already_liked_items=True)
    return items


MODELS = {
    "ALS": partial(
        fitted, AlternatingLeastSquares, factors=64, regularization=30.0, alpha=4.0, iterations=15, random_state=0
    ),
    "ALS, its default": partial(fitted, AlternatingLeastSquares, random_state=0),
    "BPR": partial(
        fitted,
        BayesianPersonalizedRanking,
        factors=32,
        learning_rate=0.02,
        regularization=0.03,
        iterations=100,
        random_state=0,
    ),
    "BM25": partial(fitted, BM25Recommender, K=200, K1=1.2, B=0.5),
    "TF-IDF": partial(fitted, TFIDFRecommender, K=200),
    "cosine": partial(fitted, CosineRecommender, K=200),
}

if __name__ == "__main__":
    serve("implicit", prepare, MODELS, {"lists": lists})
