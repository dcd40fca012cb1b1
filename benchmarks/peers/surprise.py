"""Surprise, with its defaults but where a name says otherwise."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import surprise

from benchmarks.peers.serve import serve

BASIC, MEANS, BASELINE = surprise.KNNBasic, surprise.KNNWithMeans, surprise.KNNBaseline
# The cases of neighbours.py and surprise_table.py: names there, classes and measures here.
KNN = {
    "basic, msd": (BASIC, "msd"),
    "basic, cosine": (BASIC, "cosine"),
    "means, pearson": (MEANS, "pearson"),
    "means, msd": (MEANS, "msd"),
    "baseline, msd": (BASELINE, "msd"),
    "baseline, pearson-baseline": (BASELINE, "pearson_baseline"),
}


def prepare(job: Any) -> Any:
    frame = pd.DataFrame({"user": job.user, "item": job.item, "rating": job.rating})
    reader = surprise.Reader(rating_scale=(float(job.low), float(job.high)))
    job.trainset = surprise.Dataset.load_from_df(frame, reader).build_full_trainset()
    job.pairs = [(u, i, 0.0) for u, i in zip(job.test_user.tolist(), job.test_item.tolist())]
    return job


def fitted(cls: type, job: Any, **options: Any) -> Any:
    np.random.seed(0)  # noqa: NPY002  the global state is what Surprise draws from
    return cls(**options).fit(job.trainset)


def neighbours(cls: type, measure: str, by_user: bool, job: Any) -> Any:
    return fitted(cls, job, k=40, sim_options={"name": measure, "user_based": by_user}, verbose=False)


def ratings(model: Any, job: Any) -> np.ndarray:
    return np.array([answer.est for answer in model.test(job.pairs)])


MODELS = {
    "NormalPredictor": partial(fitted, surprise.NormalPredictor),
    "BaselineOnly": partial(fitted, surprise.BaselineOnly, verbose=False),
    "SVD": partial(fitted, surprise.SVD, random_state=0),
    **{f"SVD, seed {seed}": partial(fitted, surprise.SVD, random_state=seed) for seed in range(8)},
    "SVD++": partial(fitted, surprise.SVDpp, random_state=0),
    "NMF": partial(fitted, surprise.NMF, random_state=0),
    "SlopeOne": partial(fitted, surprise.SlopeOne),
    "CoClustering": partial(fitted, surprise.CoClustering, random_state=0),
    **{f"user {name}": partial(neighbours, *case, True) for name, case in KNN.items()},
    **{f"item {name}": partial(neighbours, *case, False) for name, case in KNN.items()},
}

if __name__ == "__main__":
    serve("scikit-surprise", prepare, MODELS, {"ratings": ratings})
