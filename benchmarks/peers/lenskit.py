"""LensKit, with its defaults but where a name says otherwise; one process, one thread."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from lenskit import batch
from lenskit.als import BiasedMFScorer, ImplicitMFScorer
from lenskit.basic import BiasScorer
from lenskit.data import from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer, UserKNNScorer
from lenskit.pipeline import predict_pipeline, topn_pipeline

from benchmarks.peers.serve import serve


def prepare(job: Any) -> Any:
    frame = pd.DataFrame({"user_id": job.user, "item_id": job.item, "rating": job.rating})
    job.dataset = from_interactions_df(frame)
    job.known = (job.test_user >= 0) & (job.test_item >= 0)
    job.pairs = pd.DataFrame({"user_id": job.test_user, "item_id": job.test_item})[job.known]
    return job


def fitted(make: Any, scorer: type, job: Any, **options: Any) -> Any:
    pipeline = make(scorer(**options))
    pipeline.train(job.dataset)
    return pipeline


def ratings(model: Any, job: Any) -> np.ndarray:
    found = batch.predict(model, job.pairs, n_jobs=1).to_df()
    out = np.full(len(job.known), np.nan)
    out[job.known] = job.pairs.merge(found, on=["user_id", "item_id"], how="left")["score"]
    return out


def lists(model: Any, job: Any) -> np.ndarray:
    found = batch.recommend(model, np.arange(job.user.max() + 1).tolist(), 10, n_jobs=1).to_df()
    out = np.full((job.user.max() + 1, 10), -1)
    out[found["user_id"], found["rank"] - 1] = found["item_id"]
    return out


MODELS = {
    "Bias": partial(fitted, predict_pipeline, BiasScorer),
    "UserKNN-40": partial(fitted, predict_pipeline, UserKNNScorer, max_nbrs=40),
    "ItemKNN-20": partial(fitted, predict_pipeline, ItemKNNScorer, max_nbrs=20),
    "BiasedMF ALS-50": partial(fitted, predict_pipeline, BiasedMFScorer, embedding_size=50),
    "EASE": partial(fitted, topn_pipeline, EASEScorer, regularization=150),
    "implicit ALS, its default": partial(fitted, topn_pipeline, ImplicitMFScorer),
    "UserKNN-30": partial(fitted, topn_pipeline, UserKNNScorer, max_nbrs=30, feedback="implicit"),
}

if __name__ == "__main__":
    serve("lenskit", prepare, MODELS, {"ratings": ratings, "lists": lists})
