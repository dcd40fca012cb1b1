"""Sample-ratio mismatch, guardrails, many metrics: equal to SciPy and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from recsys_lab.errors import DataError
from recsys_lab.experiment import Stats, benjamini_hochberg, holm, non_inferior, srm, welch

SAME = {"rel": 1e-10, "abs": 1e-12}


def test_srm_against_scipy_and_tea_tasting():
    counts, shares = {"a": 700, "b": 210, "c": 120}, {"a": 0.7, "b": 0.2, "c": 0.1}
    ours = srm(counts, shares)
    theirs = scipy.stats.chisquare(list(counts.values()), [1030 * s for s in shares.values()])
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), **SAME)
    assert ours.expected == pytest.approx({"a": 721, "b": 206, "c": 103})
    assert ours == srm(dict(reversed(counts.items())), shares)
    users = pd.Series(["a"] * 700 + ["b"] * 210 + ["c"] * 120)
    assert ours == srm(users.value_counts(), shares)
    # With two variants, chi-square is the square of tea-tasting's z.
    part = tt.SampleRatio(0.25, method="norm", correction=False)
    z = part.analyze({0: tt.aggr.Aggregates(count_=8000), 1: tt.aggr.Aggregates(count_=2100)}, 0, 1)
    assert srm({"c": 8000, "t": 2100}, {"c": 0.8, "t": 0.2}).p_value == pytest.approx(z.pvalue, **SAME)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_non_inferior_against_statsmodels(higher_is_better):
    rng = np.random.default_rng(0)
    x, y = rng.normal(10, 2, 300), rng.normal(10.1, 3, 200)
    ours = non_inferior(Stats.of(y), Stats.of(x), margin=0.4, higher_is_better=higher_is_better, alpha=0.1)
    means = CompareMeans(DescrStatsW(x), DescrStatsW(y))
    sign, alternative = (-1, "larger") if higher_is_better else (1, "smaller")
    _, p, _ = means.ttest_ind(alternative, usevar="unequal", value=sign * 0.4)
    assert ours.p_value == pytest.approx(p, **SAME)
    # A one-sided bound at 0.1 is one end of a two-sided interval at 0.8.
    low, high = means.tconfint_diff(0.2, usevar="unequal")
    assert ours.worst == pytest.approx(low if higher_is_better else high, **SAME)
    assert ours.passed == (p < 0.1) == (sign * ours.worst < 0.4)


def test_no_evidence_of_harm_is_not_evidence_of_no_harm():
    """A fifth of a standard deviation lost, in a small experiment: no significant loss, and no pass."""
    control, treatment = Stats(50, 10.0, 4.0), Stats(50, 9.6, 4.0)
    assert welch(control, treatment).p_value > 0.05
    assert not non_inferior(control, treatment, margin=0.5).passed
    assert non_inferior(control._replace(n=50_000), treatment._replace(n=50_000), margin=0.5).passed


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_false_discoveries_against_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p), **SAME)
    assert (benjamini_hochberg(p) <= holm(p) + 1e-15).all()


@pytest.mark.parametrize("p", [[0.01, 0.04, 0.03, 0.005, 0.9], [0.02, 0.02, 1.0, 0.0], [0.7]])
def test_many_p_values_against_statsmodels(p):
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], **SAME)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], **SAME)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: srm({"a": 1}, {"a": 1.0}), r"counts of \['a'\]"),
        (lambda: srm({"a": 1, "b": 2}, {"a": 0.5, "c": 0.5}), "name the same two variants"),
        (lambda: srm({"a": 1.5, "b": 2}, {"a": 0.5, "b": 0.5}), r"counts\['a'\]=1.5: users are counted"),
        (lambda: srm({"a": 1, "b": 2}, {"a": 0.5, "b": 0.6}), "sum 1.1"),
        (lambda: srm({"a": 0, "b": 0}, {"a": 0.5, "b": 0.5}), "0 users"),
        (lambda: non_inferior(Stats(9, 1, 1), Stats(9, 1, 1), 0), "margin=0: the loss"),
        (lambda: non_inferior(Stats(9, 1, 1), Stats(9, 1, 1), 1, alpha=5), "alpha=5"),
        (lambda: benjamini_hochberg([0.1, 1.2]), "p=array"),
        (lambda: benjamini_hochberg([]), "give a list of p-values"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(DataError, match=message):
        ask()
