"""Similarities against a twin that is the definition, word for word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsys_lab.errors import DataError
from recsys_lab.similarity import MEASURES, similarity_matrix, similarity_rows


def literal(x: np.ndarray, y: np.ndarray, measure: str) -> float:
    """One pair of dense rows, NaN where unrated."""
    both = ~np.isnan(x) & ~np.isnan(y)
    x, y = x[both], y[both]
    if len(x) == 0:
        return 0.0
    if measure == "msd":
        return 1 / (1 + np.mean((x - y) ** 2))
    if measure == "pearson":
        x, y = x - x.mean(), y - y.mean()
    if measure == "pearson-baseline" and len(x) < 2:
        return 0.0
    norms = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / norms) if norms > 1e-9 else 0.0


def dense_to_csr(dense: np.ndarray) -> sparse.csr_array:
    rows, columns = np.nonzero(~np.isnan(dense))
    indptr = np.searchsorted(rows, np.arange(len(dense) + 1))
    return sparse.csr_array((dense[rows, columns], columns, indptr), shape=dense.shape)


def random_ratings(seed: int, n: int = 70, m: int = 25) -> np.ndarray:
    """Half stars from 0 to 5 (0 is a rating here), a third of them known; 70 rows span several blocks."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, 11, size=(n, m)) / 2
    return np.where(rng.random((n, m)) < 0.35, dense, np.nan)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_definition(measure, seed):
    dense = random_ratings(seed)
    got = similarity_matrix(dense_to_csr(dense), measure)
    want = np.array(
        [[0.0 if i == j else literal(x, y, measure) for j, y in enumerate(dense)] for i, x in enumerate(dense)]
    )
    np.testing.assert_allclose(got, want, atol=1e-12)
    assert (got == got.T).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_rows_equal_the_matrix(measure):
    x = dense_to_csr(random_ratings(2))
    table = similarity_matrix(x, measure, min_support=3, shrinkage=10)
    rows = similarity_rows(x[[5, 64, 5]], x.T.tocsr(), measure, min_support=3, shrinkage=10)
    for got, i in zip(rows, (5, 64, 5), strict=True):
        got[i] = 0.0
        np.testing.assert_array_equal(got, table[i])


def test_support_and_shrinkage_by_hand():
    x = sparse.csr_array(np.array([[5.0, 3.0, 4.0, 0.0], [5.0, 3.0, 4.0, 1.0], [5.0, 0.0, 0.0, 2.0]]))
    assert similarity_matrix(x, "msd")[0].tolist() == [0.0, 1.0, 1.0]
    assert similarity_matrix(x, "msd", min_support=2)[0].tolist() == [0.0, 1.0, 0.0]
    # three co-rated: 2 / (2 + 2); one co-rated: 0 / (0 + 2)
    assert similarity_matrix(x, "msd", shrinkage=2)[0].tolist() == [0.0, 0.5, 0.0]


def test_whole_stars_tie_exactly():
    """Ties decide who the k nearest are, so equal evidence must give equal bits whatever its order."""
    x = sparse.csr_array(np.array([[1.0, 2, 3, 4, 5], [2.0, 4, 1, 3, 5], [4.0, 2, 3, 1, 5]]))
    shuffled = sparse.csr_array(x.toarray()[:, [3, 0, 4, 1, 2]])
    for measure in MEASURES:
        assert (similarity_matrix(x, measure) == similarity_matrix(shuffled, measure)).all()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_bounds(seed):
    x = dense_to_csr(random_ratings(seed, n=12, m=8))
    for measure in MEASURES:
        s = similarity_matrix(x, measure)
        low = 0.0 if measure in ("msd", "cosine") else -1.0
        assert s.min() >= low - 1e-9
        assert s.max() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "cosin"}, "measure='cosin': choose one of cosine, msd"),
        ({"min_support": 0}, "min_support=0"),
        ({"shrinkage": -1.0}, "shrinkage=-1.0"),
        ({"shrinkage": float("nan")}, "shrinkage=nan"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(DataError, match=message):
        similarity_matrix(dense_to_csr(random_ratings(0)), **options)
