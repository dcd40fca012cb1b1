"""The ridge regression behind every new user, against scikit-learn; and refusals that models share."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.factors import ridge, shares


@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_is_scikit_learns_and_shares_sum_to_the_score(weighted):
    rng = np.random.default_rng(0)
    q, d, item = rng.normal(size=(12, 4)), rng.normal(size=12), rng.normal(size=4)
    confidence = rng.uniform(0.5, 9, size=12) if weighted else None
    p = ridge(q, d, 0.7, confidence)
    want = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(q, d, sample_weight=confidence).coef_
    np.testing.assert_allclose(p, want, atol=1e-10)
    assert shares(item, q, d, 0.7, confidence).sum() == pytest.approx(item @ p)


def test_with_a_gram_all_items_count():
    """The same as a regression on every item, those left alone with d = 0 and confidence 1."""
    rng = np.random.default_rng(1)
    q, d, item = rng.normal(size=(12, 4)), rng.normal(size=12), rng.normal(size=4)
    confidence = rng.uniform(1, 9, size=12)
    d[5:], confidence[5:] = 0, 1
    p = ridge(q[:5], d[:5], 0.7, confidence[:5], gram=q.T @ q)
    np.testing.assert_allclose(p, ridge(q, d, 0.7, confidence), atol=1e-12)
    assert shares(item, q[:5], d[:5], 0.7, confidence[:5], gram=q.T @ q).sum() == pytest.approx(item @ p)


@pytest.mark.parametrize("value", [0, 2.5, "3", True, None, 11])
def test_whole_numbers(value):
    checks.whole("k", 3, 1, "it counts", high=10)
    with pytest.raises(DataError, match=r"k=.*: it counts; choose a whole number from 1 to 10\."):
        checks.whole("k", value, 1, "it counts", high=10)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True, 2.5])
def test_numbers(value):
    checks.number("rate", np.float32(0.5), 0, "a step", high=2, above=True)
    with pytest.raises(DataError, match=r"rate=.*: a step; choose a number above 0, up to 2\."):
        checks.number("rate", value, 0, "a step", high=2, above=True)


def test_the_rest():
    checks.choice("side", "left", ("left", "right"))
    with pytest.raises(DataError, match="side='up': choose one of left, right"):
        checks.choice("side", "up", ("left", "right"))
    checks.converged("SVD", 1, "Lower rate.", np.ones(2))
    with pytest.raises(DataError, match=r"SVD diverged in epoch 3.*Lower rate=2\."):
        checks.converged("SVD", 3, "Lower rate=2.", np.ones(2), np.array([1.0, np.inf]))
    checks.fits_memory("a table", 1e6, "")
    with pytest.raises(DataError, match=r"a table would take 80\.0 GB.*Pass less\."):
        checks.fits_memory("a table", 80e9, "Pass less.")
