"""The same folds, the same parameters, the same predictions as Surprise 1.1.5, on real ml-100k.

Surprise numbers users and items by first appearance and breaks ties among neighbours in that order; this library
breaks them in the order of the ids. So the frame is sorted by user and item before Surprise sees it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab.baselines import BiasBaseline
from recsys_lab.knn import ItemKNN, UserKNN
from recsys_lab.ratings import Ratings
from recsys_lab.similarity import MEASURES
from recsys_lab.split import k_fold

surprise = pytest.importorskip("surprise", reason="the oracle: pip install scikit-surprise")

THEIRS = {"basic": "KNNBasic", "means": "KNNWithMeans", "zscore": "KNNWithZScore", "baseline": "KNNBaseline"}
PAIRS = 2_500  # Surprise predicts one pair at a time; the benchmark compares all 100,000


@pytest.fixture(scope="module")
def fold(ml100k):
    train, test = next(iter(k_fold(ml100k.ratings, folds=5, seed=0)))
    train = train.sort_values(["user", "item"])
    reader = surprise.Reader(rating_scale=(1, 5))
    trainset = surprise.Dataset.load_from_df(train[["user", "item", "rating"]], reader).build_full_trainset()
    return Ratings.from_frame(train, scale=(1, 5)), trainset, test


def estimates(algorithm, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    answers = algorithm.test(list(zip(test["user"], test["item"], test["rating"], strict=True)))
    return np.array([a.est for a in answers]), np.array([a.details["was_impossible"] for a in answers])


def test_bias_baseline(fold):
    train, trainset, test = fold
    theirs, _ = estimates(surprise.BaselineOnly(verbose=False).fit(trainset), test)
    np.testing.assert_allclose(BiasBaseline().fit(train).predict(test), theirs, atol=1e-6)


@pytest.mark.parametrize("variant", THEIRS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_knn(fold, model, measure, variant):
    train, trainset, test = fold
    unknown = test[(train.items.rows(test["item"]) < 0) | (train.users.rows(test["user"]) < 0)]
    test = pd.concat([test.iloc[:PAIRS], unknown]).drop_duplicates(["user", "item"])
    algorithm = getattr(surprise, THEIRS[variant])(
        k=40, sim_options={"name": measure.replace("-", "_"), "user_based": model is UserKNN}, verbose=False
    )
    theirs, impossible = estimates(algorithm.fit(trainset), test)
    # Surprise shrinks Pearson-baseline (by 100) and nothing else; here shrinkage is an option of every measure.
    shrinkage = 100.0 if measure == "pearson-baseline" else 0.0
    mine = model(40, measure=measure, variant=variant, shrinkage=shrinkage, damping=0).fit(train)

    # Where this library has no answer it falls back to the biases. Surprise does so in KNNBaseline; elsewhere it calls
    # the pair impossible and answers with the global mean, which here is fallback="mean".
    fallback = True if variant == "baseline" else "mean"
    np.testing.assert_allclose(mine.predict(test, fallback=fallback), theirs, atol=1e-6)
    if variant != "baseline":
        np.testing.assert_array_equal(np.isnan(mine.predict(test, fallback=False)), impossible)


def test_min_k_and_min_support(fold):
    train, trainset, test = fold
    test = test.iloc[:PAIRS]
    for variant in ("basic", "means"):
        options = {"name": "pearson", "user_based": True, "min_support": 8}
        algorithm = getattr(surprise, THEIRS[variant])(k=20, min_k=5, sim_options=options, verbose=False).fit(trainset)
        theirs, impossible = estimates(algorithm, test)
        mine = UserKNN(20, measure="pearson", variant=variant, min_k=5, min_support=8, shrinkage=0, damping=0).fit(
            train
        )
        mine = mine.predict(test, fallback=False)
        np.testing.assert_array_equal(np.isnan(mine), impossible)
        np.testing.assert_allclose(mine[~impossible], theirs[~impossible], atol=1e-6)
