"""Sufficient statistics: parts merge into the whole, and ratios have the variance of the delta method."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab.errors import DataError
from recsys_lab.experiment import PairStats, Stats, by_variant

numbers = st.floats(-1e4, 1e4)
samples = st.lists(numbers, min_size=1, max_size=30)
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30)
# Rounding errors are relative to the squares that cancel.
close = {"rel": 1e-10, "abs": 1e-6}


@given(samples, samples, samples)
def test_parts_merge_into_the_whole(a, b, c):
    whole = Stats.of([*a, *b, *c])
    assert Stats.of(a) + Stats.of(b) + Stats.of(c) == pytest.approx(whole, **close)
    assert sum([Stats.of([x]) for x in [*a, *b, *c]], Stats(0, 0, 0)) == pytest.approx(whole, **close)
    assert Stats.of(a) + Stats.of(b) == pytest.approx(Stats.of(b) + Stats.of(a), **close)


@given(pairs, pairs)
def test_pairs_merge_into_the_whole(a, b):
    whole = PairStats.of(*np.array([*a, *b]).T)
    merged = PairStats.of(*np.array(a).T) + PairStats.of(*np.array(b).T)
    assert merged == pytest.approx(whole, **close)
    assert PairStats(0, 0, 0, 0, 0, 0) + merged == pytest.approx(whole, **close)
    assert merged.y == pytest.approx(Stats.of([y for y, _ in [*a, *b]]), **close)


def test_equal_to_numpy():
    y, x = np.random.default_rng(0).normal(size=(2, 50)) + 3
    arm = PairStats.of(y, x)
    assert arm.y == pytest.approx((50, y.mean(), y.var(ddof=1)))
    assert np.cov(y, x) == pytest.approx(np.array([[arm.variance_y, arm.covariance], [arm.covariance, arm.variance_x]]))
    assert arm.rho == pytest.approx(np.corrcoef(y, x)[0, 1])
    assert Stats.of_counts(3, 5) == pytest.approx(Stats.of([1, 1, 1, 0, 0]))
    assert Stats.of_counts(1, 1) == Stats.of([1]) == (1, 1.0, 0.0)


def test_the_ratio_has_tea_tastings_variance(visitors):
    impressions, clicks, _ = visitors(np.random.default_rng(1), (500,))
    aggregates = tt.aggr.read_aggregates(
        pd.DataFrame({"clicks": clicks, "impressions": impressions}),
        group_col=None,
        has_count=True,
        mean_cols=["clicks", "impressions"],
        var_cols=["clicks", "impressions"],
        cov_cols=[("clicks", "impressions")],
    )
    ours = PairStats.of(clicks, impressions).ratio()
    assert ours.mean == pytest.approx(clicks.sum() / impressions.sum(), rel=1e-12)
    assert ours.variance == pytest.approx(aggregates.ratio_var("clicks", "impressions"), rel=1e-10)
    # The variance is that of the linearised values, user by user.
    linear = (clicks - ours.mean * impressions) / impressions.mean()
    assert ours.variance == pytest.approx(linear.var(ddof=1), rel=1e-10)


def test_many_experiments_at_once(visitors):
    impressions, clicks, _ = visitors(np.random.default_rng(2), (7, 40))
    many = PairStats.of(clicks, impressions)
    for i in range(7):
        one = PairStats.of(clicks[i], impressions[i])
        assert [np.asarray(field).reshape(-1)[min(i, np.size(field) - 1)] for field in many] == pytest.approx(one)
        assert many.ratio().variance[i] == pytest.approx(one.ratio().variance)
    merged = many + many
    assert merged.covariance.shape == (7,)
    assert Stats.of_counts(np.array([1, 2]), 4).mean.tolist() == [0.25, 0.5]


def test_by_variant():
    users = pd.DataFrame(
        {"arm": ["b", "a", None, "b", "a"], "clicks": [1, 2, 50, 3, 5], "impressions": [10, 10, 10, 20, 30]}
    )
    assert by_variant(users, "clicks", variant="arm") == {"a": Stats.of([2, 5]), "b": Stats.of([1, 3])}
    both = by_variant(users, "clicks", "impressions", variant="arm")
    assert both == {"a": PairStats.of([2, 5], [10, 30]), "b": PairStats.of([1, 3], [10, 20])}
    with pytest.raises(DataError, match="no column 'variant'; found arm, clicks, impressions"):
        by_variant(users, "clicks")
    with pytest.raises(DataError, match="no column 'views'"):
        by_variant(users, "clicks", "views", variant="arm")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stats.of([]), r"values has shape \(0,\): give one number per user"),
        (lambda: Stats.of(3.0), r"values has shape \(\)"),
        (lambda: Stats.of(["x"]), "values: give one number per user"),
        (lambda: Stats.of([1, np.nan, np.inf]), "values: nan, inf: a user without a value counts as 0"),
        (lambda: PairStats.of([1, 2], [1]), r"y \(2,\) and x \(1,\)"),
        (lambda: Stats.of_counts(5, 4), "successes=5 of n=4"),
        (lambda: Stats.of_counts(0, 0), "n=0"),
        (lambda: PairStats.of([1, 2], [0, 0]).ratio(), "mean_x=0.0: a ratio needs a denominator above 0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(DataError, match=message):
        make()
