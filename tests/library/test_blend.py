"""Blends: the weights are those of a reference solver, and come from ratings that the models did not see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from recsys_lab import registry
from recsys_lab.blend import ListBlend, RatingBlend
from recsys_lab.errors import DataError
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.metrics import rmse
from recsys_lab.ratings import Ratings
from recsys_lab.split import random_split

MODELS = {"bias": {}, "user-knn": {}, "item-knn": {}}


@pytest.fixture(scope="module")
def parts(ml100k):
    return random_split(ml100k.ratings[["user", "item", "rating"]], test=0.2, seed=2)


@pytest.fixture(scope="module")
def blend(parts):
    return RatingBlend(models=MODELS).fit(Ratings.from_frame(parts[0], scale=(1, 5)))


def held_out_predictions(blend) -> tuple[np.ndarray, np.ndarray, float]:
    """Predictions of the models on the held-out tenth, the ratings there, and the mean of the rest."""
    inner, held_out = random_split(blend.train_.to_frame(), blend.validation, blend.seed)
    part = Ratings.from_frame(inner, scale=(1, 5))
    held_out = held_out[(part.items.rows(held_out["item"]) >= 0) & (part.users.rows(held_out["user"]) >= 0)]
    columns = [registry.make(name, **params).fit(part).predict(held_out) for name, params in blend.models.items()]
    return np.column_stack(columns), held_out["rating"].to_numpy(), part.mean


def test_the_weights_are_scikit_learns_on_ratings_the_models_did_not_see(blend):
    predictions, ratings, mean = held_out_predictions(blend)
    want = LinearRegression(positive=True, fit_intercept=False).fit(predictions - mean, ratings - mean).coef_
    np.testing.assert_allclose(blend.weights_, want, atol=1e-8)
    assert (blend.weights_ >= 0).all()


def test_a_prediction_is_the_weighted_sum_of_models_fitted_on_everything(blend, parts):
    _, test = parts
    rows, columns = blend.train_.users.rows(test["user"]), blend.train_.items.rows(test["item"])
    test = test[(rows >= 0) & (columns >= 0)].iloc[:500]
    mean, want = blend.train_.mean, blend.train_.mean
    for weight, (name, params) in zip(blend.weights_, MODELS.items()):
        model = registry.make(name, **params).fit(blend.train_)
        raw = model._predict(blend.train_.users.rows(test["user"]), blend.train_.items.rows(test["item"]))
        want = want + weight * (raw - mean)
    np.testing.assert_allclose(blend.predict(test), np.clip(want, 1, 5), atol=1e-9)


def test_it_beats_each_of_its_models(blend, parts):
    _, test = parts
    error = rmse(test["rating"], blend.predict(test))
    assert all(error < rmse(test["rating"], m.predict(test)) - 0.002 for m in blend.models_)


def test_weights_from_the_models_own_training_data_would_be_worse(blend, parts):
    """What holding out prevents: a model that remembers its training data would get all the weight."""
    _, test = parts
    frame = blend.train_.to_frame()
    greedy = np.column_stack([m.predict(frame) for m in blend.models_]) - blend.train_.mean
    weights = (
        LinearRegression(positive=True, fit_intercept=False).fit(greedy, frame["rating"] - blend.train_.mean).coef_
    )
    mixed = (
        blend.train_.mean + (np.column_stack([m.predict(test) for m in blend.models_]) - blend.train_.mean) @ weights
    )
    assert rmse(test["rating"], np.clip(mixed, 1, 5)) > rmse(test["rating"], blend.predict(test)) + 0.002


def test_lists_of_a_blend(parts):
    train, test = parts
    blend = ListBlend(threshold=4.0).fit(Ratings.from_frame(train, scale=(1, 5)))
    assert blend.weights_.sum() == pytest.approx(1)
    quality = evaluate_ranking(blend, test)["ndcg@10"].mean
    alone = [evaluate_ranking(m, test)["ndcg@10"].mean for m in blend.models_]
    assert quality > max(alone), "better than the best of them"
    row = np.array([5])
    z = [(s - s.mean()) / s.std() for s in (m._score(row)[0] for m in blend.models_)]
    np.testing.assert_allclose(blend._score(row)[0], np.tensordot(blend.weights_, z, 1), atol=1e-9)
    assert blend.predict(test.iloc[:5], fallback=False).tolist() == pytest.approx([np.nan] * 5, nan_ok=True)


def test_the_same_reason_of_two_models_is_one_reason(blend):
    item = blend.recommend(7, n=1)["item"][0]
    reasons = blend.explain(7, item, n=200)
    assert not reasons.duplicated(["kind", "id"]).any()
    knn = blend.models_[2].explain(7, item, n=200)
    one = knn.iloc[0]
    got = reasons[(reasons["kind"] == one["kind"]) & (reasons["id"] == one["id"])]["weight"].iloc[0]
    assert got == pytest.approx(blend.weights_[2] * one["weight"])


def test_refusals(toy):
    for models, message in (
        ({"bias": {}}, "at least two"),
        ({"bias": {}, "popularity": {}}, "popularity ranks items and does not predict ratings: use ListBlend"),
        ({"bias": {}, "biass": {}}, "no model 'biass'"),
        ({"bias": {}, "item-knn": {"q": 1}}, "no parameter of item-knn 'q'"),
    ):
        with pytest.raises(DataError, match=message):
            RatingBlend(models=models).fit(toy.ratings)
    with pytest.raises(DataError, match=r"validation=0\.9.*up to 0\.5"):
        RatingBlend(models=MODELS, validation=0.9).fit(toy.ratings)


def test_where_nothing_can_be_held_out_all_models_count_the_same():
    for frame in (
        pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [1.0, 2.0]}),
        pd.DataFrame({"user": [1, 1, 1], "item": [1, 2, 3], "rating": [1.0, 2.0, 5.0]}),
    ):
        assert RatingBlend(models={"bias": {}, "global-mean": {}}).fit(frame).weights_.tolist() == [0.5, 0.5]
