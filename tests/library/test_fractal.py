"""Fractal expansion keeps what makes a rating set a rating set: the tails, the inequality, the histogram."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab import datasets
from recsys_lab.errors import DataError


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    return datasets.load().ratings


@pytest.fixture(scope="module")
def grown(small: pd.DataFrame) -> pd.DataFrame:
    return datasets.fractal(small, factor=10, seed=0)


def gini(counts: pd.Series) -> float:
    """0: all alike; 1: one has all. Half the mean absolute difference, divided by the mean."""
    x = np.sort(counts.to_numpy())
    rank = np.arange(1, len(x) + 1)
    return float(2 * (rank * x).sum() / (len(x) * x.sum()) - (len(x) + 1) / len(x))


def tail_exponent(counts: pd.Series, share: float = 0.1) -> float:
    """Hill's estimator of alpha in P(count > x) ~ x^-alpha, from the largest tenth."""
    x = np.sort(counts.to_numpy())[::-1]
    k = int(len(x) * share)
    return float(1 / np.log(x[:k] / x[k]).mean())


@pytest.mark.parametrize("side", ["user", "item"])
def test_long_tail_is_kept(small: pd.DataFrame, grown: pd.DataFrame, side: str) -> None:
    before, after = small.groupby(side).size(), grown.groupby(side).size()
    assert gini(after) == pytest.approx(gini(before), abs=0.04)
    assert tail_exponent(after) == pytest.approx(tail_exponent(before), rel=0.25)
    # The check can fail: a set with as many ratings but no tail is far off.
    flat = pd.Series(np.random.default_rng(0).poisson(after.mean(), len(after)))
    assert gini(flat) < gini(before) - 0.3


def test_size_histogram_and_density(small: pd.DataFrame, grown: pd.DataFrame) -> None:
    assert len(grown) == pytest.approx(10 * len(small), rel=0.005)
    shares = [f.rating.value_counts(normalize=True).sort_index() for f in (small, grown)]
    pd.testing.assert_series_equal(shares[0], shares[1], atol=0.003)
    users, items = grown.user.nunique(), grown["item"].nunique()
    assert users / 943 > items / 1_682 > 2  # users grow faster than items
    assert len(grown) / (users * items) < 0.063  # and density falls


def test_pairs_are_distinct_sorted_and_come_from_the_small_set(small: pd.DataFrame, grown: pd.DataFrame) -> None:
    assert not grown.duplicated(["user", "item"]).any()
    pd.testing.assert_frame_equal(grown, grown.sort_values(["user", "item"], ignore_index=True))
    sample = grown.sample(2_000, random_state=0)
    known = small.set_index(["user", "item"]).rating  # ml-100k's ids are 1..n, so row = id - 1
    origin = pd.MultiIndex.from_arrays([sample.user % 943 + 1, sample["item"] % 1_682 + 1])
    np.testing.assert_array_equal(known.reindex(origin).to_numpy(), sample.rating)


def test_seed_decides(small: pd.DataFrame) -> None:
    part = small[small.user <= 50]
    one, same, other = (datasets.fractal(part, 5, seed) for seed in (1, np.random.default_rng(1), 2))
    pd.testing.assert_frame_equal(one, same)
    assert len(one) != len(other) or not one.equals(other)


@pytest.mark.parametrize("factor", [1, 1.5, 2, 7, 50])
def test_factors_are_met(factor: float) -> None:
    toy = datasets.toy().ratings
    sizes = [len(datasets.fractal(toy, factor, seed)) for seed in range(40)]
    assert np.mean(sizes) == pytest.approx(30 * factor, rel=0.05)
    if factor == 1:
        assert set(sizes) == {30}


@pytest.mark.parametrize("factor", [0, 0.5, -3, float("nan"), float("inf"), 1e9])
def test_impossible_factors_are_refused(factor: float) -> None:
    with pytest.raises(DataError, match="factor="):
        datasets.fractal(datasets.toy().ratings, factor)
