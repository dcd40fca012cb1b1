"""EASE against its definition: one weighted ridge regression for each item, in float64, one after the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recsys_lab import checks
from recsys_lab.ease import EASE, _few, _inverse, _regressions
from recsys_lab.errors import DataError
from recsys_lab.grams import grams_of
from recsys_lab.ratings import Ratings


def literal(x: np.ndarray, reg: float, damping: float, k: int | None = None) -> np.ndarray:
    """B_ji t_i, column by column: each item regressed on the others, or on the k others of the highest cosine."""
    n_u, n_i = np.maximum(x.sum(axis=1), 1), np.maximum(x.sum(axis=0), 1)
    w = (x.sum(axis=1)[x.any(axis=1)].mean() / n_u) ** (2 * damping)
    t = (x.sum(axis=0)[x.any(axis=0)].mean() / n_i) ** damping
    g, b = x.T @ (w[:, None] * x), np.zeros((x.shape[1], x.shape[1]))
    length = np.sqrt(np.maximum(g.diagonal(), 1e-12))
    for i in range(len(b)):
        others = [j for j in range(len(b)) if j != i]
        if k is not None:
            others = sorted(others, key=lambda j: (-np.float32(g[i, j] / length[j]), j))[:k]
        a = g[np.ix_(others, others)] + reg * np.eye(len(others))
        b[others, i] = np.linalg.solve(a, g[others, i]) * t[i]
    return b


def choices(ml100k, users: int, items: int) -> pd.DataFrame:
    frame = ml100k.ratings
    return frame[(frame["user"] <= users) & (frame["item"] <= items) & (frame["rating"] >= 4)]


@pytest.mark.parametrize("damping", [0.0, 0.2])
@pytest.mark.parametrize("reg", [5.0, 300.0])
@pytest.mark.parametrize("users", [20, 300], ids=["few users: their products", "many users"])
def test_equals_one_regression_for_each_item(ml100k, users, reg, damping):
    model = EASE(reg=reg, damping=damping).fit(choices(ml100k, users, 150))
    x = (model.train_.matrix.toarray() > 0).astype(float)
    assert _few(x.shape) == (users == 20)
    want = literal(x, reg, damping)
    np.testing.assert_allclose(model.weights_, want, atol=2e-6 * np.abs(want).max(), rtol=1e-4)


def test_neighbours_equal_one_regression_on_the_nearest(ml100k):
    model = EASE(reg=50, neighbours=12).fit(choices(ml100k, 200, 120))
    want = literal((model.train_.matrix.toarray() > 0).astype(float), 50, 0.2, k=12)
    got = model.weights_.toarray()
    # Where two cosines tie, rounding decides who is the twelfth: hardly any column may differ for it.
    same = np.abs(got - want).max(axis=0) < 1e-5
    assert same.mean() > 0.95
    assert (np.diff(model.weights_.tocsc().indptr) == 12).all()


def test_with_all_neighbours_nothing_is_lost(ml100k):
    frame = choices(ml100k, 200, 120)
    full = EASE().fit(frame)
    n, x = full.train_.n_items, full.train_.positives().astype(np.float32)
    for k in (n - 1, n, 10 * n):
        np.testing.assert_array_equal(EASE(neighbours=k).fit(frame).weights_, full.weights_)
    p = _inverse(x, 300.0).astype(float)
    b = -p / p.diagonal()
    np.fill_diagonal(b, 0)
    np.testing.assert_allclose(_regressions(x, 300.0, n - 1).toarray(), b, atol=1e-6)


def test_float32_gives_the_lists_of_float64(ml100k):
    model = EASE(threshold=4).fit(ml100k.ratings)
    x = model.chosen_.toarray().astype(float)
    n_u, n_i = np.maximum(x.sum(axis=1), 1), np.maximum(x.sum(axis=0), 1)
    p = np.linalg.inv(x.T @ ((n_u[n_u > 0] ** -0.4)[:, None] * x) * 1.0 + 300 * np.mean(x.sum(axis=1)[x.any(axis=1)]) ** -0.4 * np.eye(len(n_i)))  # fmt: skip
    b = -p / p.diagonal() * (x.sum(axis=0)[x.any(axis=0)].mean() / n_i) ** 0.2
    np.fill_diagonal(b, 0)
    np.testing.assert_allclose(model._score(np.arange(50)), x[:50] @ b, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_products_of_a_set_of_items(seed, k):
    rng = np.random.default_rng(seed)
    x = (rng.random((9, 6)) < 0.4) * rng.random((9, 6)).astype(np.float32)
    sets = np.array([rng.permutation(6)[:k] for _ in range(3)], dtype=np.int32)
    by_item = sparse.csr_array(x.T)
    got = grams_of(sets, 9, by_item.indptr, by_item.indices, by_item.data)
    for s, g in zip(sets, got):
        np.testing.assert_allclose(g, x[:, s].T @ x[:, s], atol=1e-6)


def test_who_is_loud_by_number_counts_less(toy):
    """A new user who chose everything pulls all weights towards each other: less so with damping."""
    glutton = pd.DataFrame({"user": "zed", "item": toy.ratings["item"].unique(), "rating": 5.0})

    def moved(damping: float) -> float:
        before, after = (
            EASE(reg=2, damping=damping).fit(f).weights_ for f in (toy.ratings, pd.concat([toy.ratings, glutton]))
        )
        return float(np.abs(after - before).sum() / np.abs(before).sum())

    assert moved(1.0) < moved(0.5) < moved(0.0)


def test_twenty_thousand_items_fit_by_their_neighbours():
    rng = np.random.default_rng(0)
    n_users, n_items, n = 9_500, 21_000, 60_000
    item = np.concatenate([np.arange(n_items), (n_items * rng.random(n) ** 3).astype(int)])
    frame = pd.DataFrame({"user": rng.integers(n_users, size=len(item)), "item": item, "rating": 1.0}).drop_duplicates()
    train = Ratings.from_frame(frame)
    assert train.n_items == n_items
    with pytest.raises(DataError, match=r"21,000 x 21,000 weights would take 3\.4 GB.*Pass neighbours=200"):
        EASE().fit(train)
    model = EASE(neighbours=5, reg=5).fit(train)
    assert model.weights_.nnz <= 5 * n_items
    assert len(model.recommend(0, n=10)) == 10


def test_refuses_a_table_beyond_the_limit_before_it_exists(ml100k, monkeypatch):
    train = Ratings.from_frame(ml100k.ratings)
    monkeypatch.setattr(checks, "MEMORY_LIMIT", 2**20)
    monkeypatch.setattr(Ratings, "positives", None)  # the first thing that a fit makes
    with pytest.raises(DataError, match=r"1,682 x 1,682 weights would take 0\.0 GB, more than .*Pass neighbours=200"):
        EASE().fit(train)
    with pytest.raises(DataError, match=r"neighbours=200 for each of 1,682 items would .* Pass fewer neighbours"):
        EASE(neighbours=200).fit(train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reg": 0}, "reg=0: .* choose a number from 3e-05"),
        ({"reg": -1.0}, "reg=-1.0"),
        ({"reg": float("nan")}, "reg=nan"),
        ({"damping": -0.1}, "damping=-0.1: .* choose a number from 0, up to 1|damping=-0.1: .* from 0 to 1"),
        ({"damping": 2}, "damping=2"),
        ({"neighbours": 0}, "neighbours=0: .* choose a whole number from 1"),
        ({"neighbours": 2.5}, "neighbours=2.5"),
        ({"threshold": 6}, "threshold=6: no rating is that high"),
    ],
)
def test_refuses(toy, options, message):
    with pytest.raises(DataError, match=message):
        EASE(**options).fit(toy.ratings)
