"""k-NN against Surprise, at Surprise's own rules: the same predictions, in how much less time? -> results/neighbours.json"""

from __future__ import annotations

import statistics
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import store
from benchmarks.accuracy import peer_job
from benchmarks.contestants import surprise_knn
from benchmarks.peers import Peer
from benchmarks.protocol import cpu, rating_folds
from recsys_lab import ItemKNN, Ratings, UserKNN, datasets, metrics

SIDES = {"user": UserKNN, "item": ItemKNN}
CASES = [("basic", "msd"), ("basic", "cosine"), ("means", "pearson"), ("baseline", "pearson-baseline")]
REPEATS = 3


def main() -> None:
    movielens = datasets.load("ml-100k")
    folds = list(rating_folds(movielens.ratings, movielens.scale))
    found = {"rows": {}} | store.kept("neighbours")
    with Peer("surprise") as peer:
        found["version"] = peer.version
        for side, (variant, measure) in product(SIDES, CASES):
            name = f"{side} {variant}, {measure}"
            if name not in found["rows"]:
                found["rows"][name] = [_fold(peer, name, side, variant, measure, *fold) for fold in folds]
                store.keep("neighbours", found)
                print(name, [round(fold["theirs"] / fold["ours"]) for fold in found["rows"][name]], flush=True)


def _fold(
    peer: Peer, name: str, side: str, variant: str, measure: str, train: Ratings, test: pd.DataFrame
) -> dict[str, Any]:
    """CPU seconds of fit and predict, fit alone, and the largest difference of two predictions."""
    model = surprise_knn(SIDES[side], variant, measure)
    model.fit(train).predict(test)  # warm
    estimates, fit_s, answer_s = peer.ask(name, "ratings", peer_job("ratings", train, test))
    runs = [(cpu(lambda: model.fit(train))[1], cpu(lambda: model.predict(test))[1]) for _ in range(REPEATS)]
    fit, answer = (statistics.median(part) for part in zip(*runs))
    known = (train.users.rows(test["user"]) >= 0) & (train.items.rows(test["item"]) >= 0)
    difference = np.abs(model.predict(test, fallback="mean") - estimates)[known].max()
    return {
        "theirs": fit_s + answer_s,
        "ours": fit + answer,
        "fit": fit,
        "difference": float(difference),
        "rmse": metrics.rmse(test["rating"].to_numpy(), model.predict(test)),
    }


if __name__ == "__main__":
    main()
