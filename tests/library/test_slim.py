"""SLIM against scikit-learn's elastic net, against its own formula in plain Python, and against the optimum's conditions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from recsys_lab.errors import DataError
from recsys_lab.slim import SLIM


@pytest.fixture(scope="module")
def frame(ml100k):
    ratings = ml100k.ratings
    return ratings[(ratings["user"] <= 250) & (ratings["item"] <= 120) & (ratings["rating"] >= 4)]


def x_of(model) -> np.ndarray:
    return (model.train_.matrix.toarray() > 0).astype(float)


@pytest.mark.parametrize(("l1", "l2"), [(1.0, 100.0), (5.0, 10.0), (0.2, 3.0)])
def test_equals_scikit_learn(frame, l1, l2):
    model = SLIM(l1=l1, l2=l2, tolerance=1e-10, rounds=10_000).fit(frame)
    x = x_of(model)
    alpha, ratio = (l1 + l2) / len(x), l1 / (l1 + l2)
    net = ElasticNet(alpha=alpha, l1_ratio=ratio, positive=True, fit_intercept=False, tol=1e-12, max_iter=100_000)
    got = model.weights_.toarray()
    for i in range(0, x.shape[1], 5):
        others = np.arange(x.shape[1]) != i
        want = net.fit(x[:, others], x[:, i]).coef_
        np.testing.assert_allclose(got[others, i], want, atol=1e-6)
        assert got[i, i] == 0


def literal(x: np.ndarray, i: int, l1: float, l2: float, tolerance: float, rounds: int) -> np.ndarray:
    """Coordinate descent, one weight at a time; e is computed anew for each."""
    w, full = np.zeros(x.shape[1]), True
    for _ in range(rounds):
        before = w.copy()
        for j in range(x.shape[1]):
            if j != i and (full or w[j] > 0):
                e, n_j = x[:, i] - x @ w, x[:, j].sum()
                w[j] = max(0.0, (x[:, j] @ e + n_j * w[j] - l1) / (n_j + l2))
        settled = np.abs(w - before).max() <= tolerance
        if full and settled:
            break
        full = settled
    return w


@pytest.mark.parametrize("rounds", [1, 2, 3, 100])
def test_equals_the_formula_round_by_round(frame, rounds):
    model = SLIM(l1=2, l2=20, rounds=rounds).fit(frame)
    x, got = x_of(model), model.weights_.toarray()
    for i in range(0, x.shape[1], 20):
        np.testing.assert_allclose(got[:, i], literal(x, i, 2, 20, 1e-3, rounds), atol=1e-12)


def test_no_weight_could_be_better(frame):
    """The conditions of the optimum: no slope where a weight is above 0, no downward slope where it is 0."""
    model = SLIM(tolerance=1e-12, rounds=10_000).fit(frame)
    x, w = x_of(model), model.weights_.toarray()
    slope = x.T @ (x @ w - x) + model.l2 * w + model.l1
    np.fill_diagonal(slope, 0)
    assert np.abs(slope[w > 0]).max() < 1e-6
    assert slope[w == 0].min() > -1e-6
    assert (w >= 0).all()


def test_a_higher_price_buys_fewer_weights(frame):
    sizes = [SLIM(l1=l1).fit(frame).weights_.nnz for l1 in (0.5, 2, 8, 1_000)]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3] == 0


def test_blocks_change_nothing(frame, monkeypatch):
    """Columns found one at a time are those found together."""
    whole = SLIM().fit(frame).weights_.toarray()
    monkeypatch.setattr("recsys_lab.slim._BLOCK", 1)
    np.testing.assert_array_equal(SLIM().fit(frame).weights_.toarray(), whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1": -1}, "l1=-1: .* choose a number from 0"),
        ({"l2": float("inf")}, "l2=inf"),
        ({"tolerance": 0}, "tolerance=0: .* choose a number above 0"),
        ({"rounds": 0}, "rounds=0: .* from 1"),
        ({"threshold": 9}, "threshold=9: no rating is that high"),
    ],
)
def test_refuses(toy, options, message):
    with pytest.raises(DataError, match=message):
        SLIM(**options).fit(toy.ratings)
