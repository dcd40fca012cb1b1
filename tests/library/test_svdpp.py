"""SVD++ in linear time gives the numbers of the published, quadratic steps: against plain Python, and Surprise."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_lab.errors import DataError
from recsys_lab.ratings import Ratings
from recsys_lab.split import random_split
from recsys_lab.svdpp import SVDpp


@pytest.fixture(scope="module")
def split(ml100k):
    train, test = random_split(ml100k.ratings, test=0.2, seed=5)
    return Ratings.from_frame(train, scale=(1, 5)), test


def literal_epoch(train, b_user, b_item, p, q, y, rate, reg):
    """Koren 2008: each rating moves every y_j of its user."""
    coo = train.matrix.tocoo()
    for u, i, r in zip(*coo.coords, coo.data):
        mine = train.matrix[[u]].indices
        norm = len(mine) ** -0.5
        x = p[u] + norm * y[mine].sum(axis=0)
        e = r - (train.mean + b_user[u] + b_item[i] + q[i] @ x)
        b_user[u] += rate * (e - reg * b_user[u])
        b_item[i] += rate * (e - reg * b_item[i])
        p[u] += rate * (e * q[i] - reg * p[u])
        y[mine] += rate * (e * norm * q[i] - reg * y[mine])
        q[i] += rate * (e * x - reg * q[i])


@pytest.mark.parametrize(("precision", "close"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize("k", [1, 7, 70])
def test_linear_time_gives_the_published_steps(toy, k, precision, close):
    train, model = Ratings.from_frame(toy.ratings), SVDpp.surprise(factors=k, epochs=3, rate=0.05, reg=0.3, reg_y=0.3)
    model.precision, model.sd = precision, 0.3
    p, q, y = (table.astype(float) for table in model._start(train))
    b_user, b_item = np.zeros(train.n_users), np.zeros(train.n_items)
    for _ in range(3):
        literal_epoch(train, b_user, b_item, p, q, y, 0.05, 0.3)
    model.fit(train)
    for got, want in zip((*model.biases_[1:], model.q_, model.y_), (b_user, b_item, q, y)):
        np.testing.assert_allclose(got, want, atol=close)
    z = [(y[c] * len(c) ** -0.5).sum(axis=0) for c in np.split(train.matrix.indices, train.matrix.indptr[1:-1])]
    np.testing.assert_allclose(model.x_, p + np.array(z), atol=close)


def literal_visits(train, b_user, b_item, p, q, y, rate, reg, reg_y):
    """reg_y apart from reg: z moves as p does while u is visited, and the y_j make up for it afterwards."""
    for u, mine in enumerate(np.split(train.matrix.indices, train.matrix.indptr[1:-1])):
        norm, w = len(mine) ** -0.5, 0
        z = norm * y[mine].sum(axis=0)
        for i, r in zip(mine, train.matrix[[u]].data):
            e = r - (train.mean + b_user[u] + b_item[i] + q[i] @ (p[u] + z))
            b_user[u] += rate * (e - reg * b_user[u])
            b_item[i] += rate * (e - reg * b_item[i])
            w = (1 - rate * reg) * w + rate * e * q[i]
            step, q[i] = rate * e * q[i], q[i] + rate * (e * (p[u] + z) - reg * q[i])
            p[u], z = p[u] + step - rate * reg * p[u], z + step - rate * reg * z
        y[mine] = (1 - rate * reg_y) ** len(mine) * y[mine] + norm * w


def test_y_may_be_pulled_more_weakly(toy):
    train, model = Ratings.from_frame(toy.ratings), SVDpp.surprise(factors=5, epochs=2, rate=0.05, reg=0.3, reg_y=0.02)
    p, q, y = (table.astype(float) for table in model._start(train))
    b_user, b_item = np.zeros(train.n_users), np.zeros(train.n_items)
    for _ in range(2):
        literal_visits(train, b_user, b_item, p, q, y, 0.05, 0.3, 0.02)
    model.fit(train)
    for got, want in zip((*model.biases_[1:], model.q_, model.y_), (b_user, b_item, q, y)):
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_surprise_from_the_same_start(ml100k):
    surprise = pytest.importorskip("surprise", reason="the oracle: pip install scikit-surprise")
    frame = ml100k.ratings[ml100k.ratings["user"] <= 400].sort_values(["user", "item"])[["user", "item", "rating"]]
    trainset = surprise.Dataset.load_from_df(frame, surprise.Reader(rating_scale=(1, 5))).build_full_trainset()
    theirs = surprise.SVDpp(random_state=4, n_epochs=2, cache_ratings=True).fit(trainset)

    class SameStart(SVDpp):
        def _start(self, train):
            draw = np.random.RandomState(4).normal
            p, q, y = (draw(0, 0.1, size=(n, self.factors)) for n in (train.n_users, train.n_items, train.n_items))
            return [p, q[inner], y[inner]]

    train = Ratings.from_frame(frame)
    inner = [trainset.to_inner_iid(i) for i in train.items.ids]  # they number items as they come
    mine = SameStart.surprise(epochs=2).fit(train)
    for got, want in zip(
        (*mine.biases_[1:], mine.q_, mine.y_), (theirs.bu, theirs.bi[inner], theirs.qi[inner], theirs.yj[inner])
    ):
        np.testing.assert_allclose(got, want, atol=1e-10)
    p = mine.x_ - [mine._implied(c) for c in np.split(train.matrix.indices, train.matrix.indptr[1:-1])]
    np.testing.assert_allclose(p, theirs.pu, atol=1e-10)


def test_closing_reaches_the_bottom_and_reasons_add_up(split):
    model = SVDpp(factors=16, epochs=10).fit(split[0])
    train, (mu, b_user, b_item) = model.train_, model.biases_
    for u in range(0, train.n_users, 50):
        columns, ratings = train.matrix[[u]].indices, train.matrix[[u]].data
        e = ratings - (mu + b_user[u] + b_item[columns] + model.q_[columns] @ model.x_[u])
        p = model.x_[u] - model._implied(columns)
        np.testing.assert_allclose(e.sum(), model.reg * len(e) * b_user[u], atol=1e-9)
        np.testing.assert_allclose(e @ model.q_[columns], model.reg * len(e) * p, atol=1e-9)
    for user, item in split[1][["user", "item"]].head(20).itertuples(index=False):
        row, column = train.users.known([user]), train.items.known([item])[0]
        reasons = model.explain(user, item, n=10_000)
        assert mu + reasons["weight"].sum() == pytest.approx(model._score(row)[0, column])


def test_choices_count_even_where_ratings_do_not(split):
    """With all ratings equal to their biases' prediction, two users differ by what they chose only."""
    model = SVDpp(factors=16, epochs=10).fit(split[0])
    mu, _, b_item = model.biases_
    one, other = np.arange(50), np.arange(400, 450)
    scores = [model._fold_in(c, mu + b_item[c]) for c in (one, other)]
    assert np.abs(scores[0] - scores[1]).max() > 0.04


def test_an_unrated_item_scores_the_users_mean(split):
    model = SVDpp(factors=8, epochs=2).fit(split[0].widen([-1]))
    np.testing.assert_allclose(model._score(np.arange(9))[:, 0], model.biases_.mean + model.biases_.user[:9])
    assert not model.y_[0].any()


def test_refuses(split):
    with pytest.raises(DataError, match="reg_y=-1: the pull of y towards 0"):
        SVDpp(reg_y=-1).fit(split[0])
    with pytest.raises(DataError, match=r"SVDpp diverged in epoch \d+.*Lower rate=0\.9"):
        SVDpp(rate=0.9, sd=1.0).fit(split[0])
