"""The kernel against plain Python and Surprise, the closing step against its objective, PureSVD against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD as TheirSVD

from recsys_lab.errors import DataError
from recsys_lab.metrics import rmse
from recsys_lab.ratings import Ratings
from recsys_lab.sgd import padded, svd_epoch
from recsys_lab.split import random_split
from recsys_lab.svd import FunkSVD, TruncatedSVD


@pytest.fixture(scope="module")
def split(ml100k):
    train, test = random_split(ml100k.ratings, test=0.2, seed=5)
    return Ratings.from_frame(train, scale=(1, 5)), test


@pytest.fixture(scope="module")
def fitted(split):
    return FunkSVD(factors=20, epochs=20).fit(split[0])


# ---------------------------------------------------------------------- FunkSVD
def literal_epoch(train, mu, b_user, b_item, p, q, rate, reg):
    """The steps at the top of sgd.py, in ordinary NumPy."""
    coo = train.matrix.tocoo()
    for u, i, r in zip(*coo.coords, coo.data):
        e = r - (mu + b_user[u] + b_item[i] + q[i] @ p[u])
        b_user[u] += rate * (e - reg * b_user[u])
        b_item[i] += rate * (e - reg * b_item[i])
        p[u], q[i] = p[u] + rate * (e * q[i] - reg * p[u]), q[i] + rate * (e * p[u] - reg * q[i])


@pytest.mark.parametrize(("precision", "close"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize("k", [1, 7, 64, 100])
def test_the_kernel_is_the_formula(toy, k, precision, close):
    train, rng, number = Ratings.from_frame(toy.ratings), np.random.default_rng(0), np.dtype(precision).type
    p, q = rng.normal(0, 0.3, (train.n_users, k)), rng.normal(0, 0.3, (train.n_items, k))
    b_user, b_item = rng.normal(0, 0.3, train.n_users), rng.normal(0, 0.3, train.n_items)
    fast = [b_user.astype(number), b_item.astype(number), padded(p, number), padded(q, number)]
    m, pace = train.matrix, (number(0.05), number(0.3), number(1))
    for _ in range(3):
        literal_epoch(train, train.mean, b_user, b_item, p, q, 0.05, 0.3)
        svd_epoch(m.indptr, m.indices, m.data.astype(number), number(train.mean), *fast, *pace)
    for mine, want in zip(fast, (b_user, b_item, p, q)):
        np.testing.assert_allclose(mine[..., : want.shape[-1]], want, atol=close)
        assert not mine[..., want.shape[-1] :].any(), "padding stays 0"


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_padded_rows_are_whole_and_aligned(number):
    table = np.random.default_rng(1).normal(size=(5, 70))
    rows = padded(table, number)
    assert rows.ctypes.data % 64 == 0
    assert rows.strides[0] % 256 == 0
    np.testing.assert_array_equal(rows[:, :70], table.astype(number))
    assert not rows[:, 70:].any()


@pytest.mark.parametrize("epochs", [1, 3])
def test_surprise_from_the_same_start(ml100k, epochs):
    surprise = pytest.importorskip("surprise", reason="the oracle: pip install scikit-surprise")
    frame = ml100k.ratings.sort_values(["user", "item"])[["user", "item", "rating"]]
    trainset = surprise.Dataset.load_from_df(frame, surprise.Reader(rating_scale=(1, 5))).build_full_trainset()
    theirs = surprise.SVD(random_state=4, n_epochs=epochs).fit(trainset)

    class SameStart(FunkSVD):
        def _start(self, train):
            draw = np.random.RandomState(4).normal
            p, q = (draw(0, 0.1, size=(n, self.factors)) for n in (train.n_users, train.n_items))
            return [p, q[inner]]

    train = Ratings.from_frame(frame)
    inner = [trainset.to_inner_iid(i) for i in train.items.ids]  # they number items as they come
    mine = SameStart.surprise(epochs=epochs).fit(train)
    for got, want in zip(
        (*mine.biases_[1:], mine.x_, mine.q_), (theirs.bu, theirs.bi[inner], theirs.pu, theirs.qi[inner])
    ):
        np.testing.assert_allclose(got, want, atol=1e-10)


def test_float32_predicts_as_well(split):
    train, test = split
    errors = [
        rmse(test["rating"].to_numpy(), FunkSVD.surprise(precision=p).fit(train).predict(test))
        for p in ("float32", "float64")
    ]
    assert errors[0] == pytest.approx(errors[1], abs=2e-4)


def test_closing_reaches_the_bottom(fitted):
    """At a minimum the slope is 0: of the squared errors and the penalty, in each b_u and p_u."""
    train, (mu, b_user, b_item) = fitted.train_, fitted.biases_
    for u in range(0, train.n_users, 50):
        columns, ratings = train.matrix[[u]].indices, train.matrix[[u]].data
        e = ratings - (mu + b_user[u] + b_item[columns] + fitted.q_[columns] @ fitted.x_[u])
        np.testing.assert_allclose(e.sum(), fitted.reg * len(e) * b_user[u], atol=1e-9)
        np.testing.assert_allclose(e @ fitted.q_[columns], fitted.reg * len(e) * fitted.x_[u], atol=1e-9)


def test_reasons_add_up_to_the_prediction(fitted, split):
    for user, item in split[1][["user", "item"]].head(20).itertuples(index=False):
        row, column = (
            index.known([i])[0] for index, i in zip((fitted.train_.users, fitted.train_.items), (user, item))
        )
        reasons = fitted.explain(user, item, n=10_000)
        assert fitted.train_.mean + reasons["weight"].sum() == pytest.approx(fitted._score(np.array([row]))[0, column])
        assert set(reasons["kind"]) == {"user bias", "item bias", "item"}


def test_an_unrated_item_scores_the_users_mean(split):
    train = split[0].widen([-1])
    model = FunkSVD(factors=8, epochs=2).fit(train)
    np.testing.assert_allclose(model._score(np.arange(9))[:, 0], model.biases_.mean + model.biases_.user[:9])


def test_a_diverging_descent_is_refused(split):
    with pytest.raises(DataError, match=r"FunkSVD diverged in epoch \d+.*Lower rate=0\.9"):
        FunkSVD(rate=0.9, sd=1.0).fit(split[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 0}, "factors=0: a user and an item"),
        ({"factors": 10**9}, "would take .*Lower factors=1000000000"),
        ({"epochs": 0}, "epochs=0: passes"),
        ({"rate": 0}, "rate=0: the length of a step; choose a number above 0, up to 1"),
        ({"rate": 1.5}, "rate=1.5"),
        ({"reg": 0}, "reg=0: the pull"),
        ({"sd": 0.0}, "sd=0.0: the spread"),
        ({"precision": "float16"}, "precision='float16': choose one of float32, float64"),
    ],
)
def test_refuses(toy, options, message):
    with pytest.raises(DataError, match=message):
        FunkSVD(**options).fit(toy.ratings)


# ---------------------------------------------------------------------- TruncatedSVD
def test_scikit_learns_triplets(split):
    train = split[0]
    mine = TruncatedSVD(factors=10).fit(train)
    theirs = TheirSVD(10, algorithm="arpack", random_state=0).fit(train.matrix)
    np.testing.assert_allclose(mine.s_, theirs.singular_values_, rtol=1e-10)
    np.testing.assert_allclose(np.abs(np.sum(mine.v_ * theirs.components_.T, axis=0)), 1, atol=1e-10)
    want = theirs.inverse_transform(theirs.transform(train.matrix[:20]))
    np.testing.assert_allclose(mine._score(np.arange(20)), want, atol=1e-8)
    largest = np.abs(mine.v_).argmax(axis=0)
    assert (mine.v_[largest, np.arange(10)] > 0).all()


def test_with_all_factors_it_gives_the_matrix_back(toy):
    model = TruncatedSVD(factors=99).fit(toy.ratings)
    np.testing.assert_allclose(model._score(np.arange(6)), model.train_.matrix.toarray(), atol=1e-12)


def test_its_reasons_add_up_to_the_score_and_it_predicts_no_stars(split):
    train, test = split
    model = TruncatedSVD().fit(train)
    user, item = test[["user", "item"]].iloc[0]
    row, column = train.users.known([user]), train.items.known([item])[0]
    assert model.explain(user, item, n=10_000)["weight"].sum() == pytest.approx(model._score(row)[0, column])
    assert np.isnan(model.predict(test.head(), fallback=False)).all()
    rows, columns = train.users.rows(test["user"]), train.items.rows(test["item"])
    np.testing.assert_array_equal(model.predict(test), np.clip(model.fallback_.at(rows, columns), 1, 5))


@pytest.mark.parametrize("rating", [0.0, 3.0])
def test_flat_ratings(rating):
    """Rank 0 and rank 1, which an iterative method may trip over."""
    frame = pd.DataFrame(
        [(u, i, rating) for u in range(9) for i in range(12) if (u + i) % 9], columns=["user", "item", "rating"]
    )
    model = TruncatedSVD(factors=4).fit(Ratings.from_frame(frame, scale=(0, 5)))
    assert np.isfinite(model._score(np.arange(9))).all()


def test_truncated_svd_refuses(toy):
    with pytest.raises(DataError, match="factors=0"):
        TruncatedSVD(factors=0).fit(toy.ratings)
