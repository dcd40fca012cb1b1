"""Metrics against three judges: numbers computed by hand, a loop written from the definition, and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    average_precision_score,
    mean_absolute_error,
    ndcg_score,
    roc_auc_score,
    root_mean_squared_error,
)

from recsys_lab import metrics
from recsys_lab.errors import DataError

RANKING = list(metrics.RANKING.items())


# ---------------------------------------------------------------------- by hand
def test_one_list_by_hand():
    """Five recommended, hits at ranks 2 and 4, three to be found."""
    hits, n_relevant = np.array([[False, True, False, True, False]]), np.array([3])
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    by_hand = {
        "ndcg": (1 / math.log2(3) + 1 / math.log2(5)) / ideal,
        "precision": 2 / 5,
        "recall": 2 / 3,
        "map": (1 / 2 + 2 / 4) / 3,
        "mrr": 1 / 2,
        "hit_rate": 1.0,
    }
    assert {name: metric(hits, n_relevant)[0] for name, metric in RANKING} == pytest.approx(by_hand)


@pytest.mark.parametrize(("name", "metric"), RANKING)
def test_conventions(name, metric):
    k = 4
    nothing, everything = np.zeros((1, k), bool), np.ones((1, k), bool)
    assert math.isnan(metric(nothing, np.array([0]))[0])  # nothing to find: excluded
    assert metric(nothing, np.array([3]))[0] == 0.0  # nothing recommended: 0, and kept
    assert metric(everything, np.array([k]))[0] == 1.0
    # More to find than places: only recall says that the list was too short.
    assert metric(everything, np.array([2 * k]))[0] == (0.5 if name == "recall" else 1.0)
    # A list that is too short for k: only precision is lowered by the empty places.
    short = np.array([[True, True, False, False]])
    assert metric(short, np.array([2]))[0] == (0.5 if name == "precision" else 1.0)


# ---------------------------------------------------------------------- a loop written from the definition
def oracle(name: str, hits: list[bool], n_relevant: int) -> float:
    k = len(hits)
    if n_relevant == 0:
        return math.nan
    if name == "precision":
        return sum(hits) / k
    if name == "recall":
        return sum(hits) / n_relevant
    if name == "hit_rate":
        return 1.0 if sum(hits) else 0.0
    if name == "mrr":
        return next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)
    if name == "map":
        return sum(sum(hits[:rank]) / rank for rank in range(1, k + 1) if hits[rank - 1]) / min(k, n_relevant)
    dcg = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)
    return dcg / sum(1 / math.log2(rank + 1) for rank in range(1, min(k, n_relevant) + 1))


@st.composite
def lists(draw):
    hits = draw(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
    missed = draw(hnp.arrays(np.int64, len(hits), elements=st.integers(0, 15)))
    return hits, hits.sum(axis=1) + missed


@pytest.mark.parametrize(("name", "metric"), RANKING)
@given(lists())
def test_equals_the_definition(name, metric, table):
    hits, n_relevant = table
    expected = [oracle(name, row.tolist(), int(n)) for row, n in zip(hits, n_relevant)]
    got = metric(hits, n_relevant)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert ((got >= 0) & (got <= 1 + 1e-12) | np.isnan(got)).all()


@pytest.mark.parametrize("name", ["ndcg", "map", "mrr"])
@given(lists(), st.data())
def test_an_earlier_hit_is_never_worse(name, table, data):
    hits, n_relevant = table
    rank = data.draw(st.integers(0, hits.shape[1] - 1))
    assume(rank > 0)
    better = hits.copy()
    swap = hits[:, rank] & ~hits[:, rank - 1]
    better[swap, rank - 1], better[swap, rank] = True, False
    metric = metrics.RANKING[name]
    before, after = metric(hits, n_relevant), metric(better, n_relevant)
    assert (after[swap] >= before[swap]).all()


# ---------------------------------------------------------------------- scikit-learn
@st.composite
def scored(draw):
    """Scores without ties (scikit-learn averages over ties; our lists have a fixed order), and what is relevant."""
    n = draw(st.integers(2, 30))
    scores = np.array(draw(st.permutations(range(n))), dtype=float)
    relevant = draw(hnp.arrays(bool, n))
    return scores, relevant


def in_order(scores, relevant, k):
    best = np.argsort(-scores)[:k]
    return relevant[best][None, :], np.array([relevant.sum()])


@given(scored(), st.data())
def test_ndcg_equals_scikit_learn(case, data):
    scores, relevant = case
    k = data.draw(st.integers(1, len(scores)))
    theirs = ndcg_score([relevant.astype(int)], [scores], k=k)
    # Nothing relevant: theirs is 0, ours NaN, so that the mean can leave the user out.
    ours = metrics.ndcg(*in_order(scores, relevant, k))[0]
    assert ours == pytest.approx(theirs) if relevant.any() else math.isnan(ours)


@given(scored())
def test_average_precision_of_a_whole_ranking_equals_scikit_learn(case):
    """Cut off at k < n the two differ: scikit-learn has no cut-off."""
    scores, relevant = case
    assume(relevant.any())
    ours = metrics.average_precision(*in_order(scores, relevant, len(scores)))[0]
    assert ours == pytest.approx(average_precision_score(relevant, scores))


@given(
    st.lists(st.tuples(st.sampled_from([-np.inf, 0.0, 0.5, 1.0, 3.0, np.nan]), st.booleans()), min_size=1, max_size=20)
)
def test_auc_equals_scikit_learn_and_the_count_of_pairs(case):
    scores, relevant = (np.array(column) for column in zip(*case))
    ours = metrics.auc(scores[None], relevant[None])[0]
    seen = ~np.isnan(scores)
    good, other = scores[seen & relevant], scores[seen & ~relevant]
    if len(good) == 0 or len(other) == 0:
        assert math.isnan(ours)  # scikit-learn warns and gives NaN too
        return
    wins = (good[:, None] > other).mean() + (good[:, None] == other).mean() / 2
    assert ours == pytest.approx(wins)
    # scikit-learn refuses infinite scores: any number below the others stands for -inf.
    finite = np.where(np.isneginf(scores), -1.0, scores)
    assert ours == pytest.approx(roc_auc_score(relevant[seen], finite[seen]))


numbers = st.lists(st.tuples(st.floats(1, 5), st.floats(1, 5)), min_size=1)


@given(numbers)
def test_errors_equal_scikit_learn(pairs):
    true, predicted = np.array(pairs).T
    assert metrics.rmse(true, predicted) == pytest.approx(root_mean_squared_error(true, predicted))
    assert metrics.mae(true, predicted) == pytest.approx(mean_absolute_error(true, predicted))
    assert metrics.mae(true, predicted) <= metrics.rmse(true, predicted) + 1e-12


# ---------------------------------------------------------------------- means and intervals
def test_bootstrap_agrees_with_scipy():
    values = np.random.default_rng(3).beta(1, 3, size=400)
    ours = metrics.bootstrap_mean(values, n=4000)
    theirs = scipy.stats.bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=1)
    # Both are random; the ends of two such intervals differ by a few hundredths of their width.
    width = ours.high - ours.low
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.06 * width)
    assert width == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


def test_the_interval_covers_the_truth_19_times_in_20():
    rng = np.random.default_rng(11)
    estimates = [metrics.bootstrap_mean(rng.exponential(size=200), seed=rng, n=500) for _ in range(400)]
    covered = np.mean([e.low <= 1.0 <= e.high for e in estimates])
    # 0.95 less a little, for the skew; four standard errors of 400 trials are 0.044.
    assert 0.90 <= covered <= 0.98


def test_resamples_are_those_of_a_loop():
    values = np.random.default_rng(0).normal(size=(7, 2))
    ours = metrics.resampled_means(values, seed=5, n=50)
    draws = np.random.default_rng(5).integers(7, size=(50, 7))
    np.testing.assert_allclose(ours, [values[drawn].mean(axis=0) for drawn in draws])


def test_resamples_do_not_depend_on_the_block(monkeypatch):
    values = np.random.default_rng(0).normal(size=40)
    whole = metrics.resampled_means(values, n=300)
    monkeypatch.setattr(metrics, "_BLOCK", 40 * 7)
    np.testing.assert_allclose(metrics.resampled_means(values, n=300), whole)


def test_who_is_left_out_is_counted():
    e = metrics.bootstrap_mean(np.array([0.0, np.nan, 1.0, np.nan]))
    assert (e.mean, e.users, e.excluded) == (0.5, 2, 2)
    one, none = metrics.bootstrap_mean(np.array([0.7])), metrics.bootstrap_mean(np.array([np.nan]))
    assert one.mean == 0.7
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(none.mean)
    assert (none.users, none.excluded) == (0, 1)


# ---------------------------------------------------------------------- refusals
HITS, FOUND = np.array([[True, False], [False, False]]), np.array([1, 1])


@pytest.mark.parametrize(("name", "metric"), RANKING)
@pytest.mark.parametrize(
    ("hits", "n_relevant", "says"),
    [
        (HITS.astype(int), FOUND, "hits is int64 .*must be a bool array"),
        (HITS[0], FOUND, r"hits is bool \(2,\)"),
        (HITS[:, :0], FOUND, "k >= 1"),
        (HITS, FOUND[:1], "one whole number for each of the 2 users"),
        (HITS, FOUND / 2, "n_relevant is float64"),
        (HITS, np.array([0, 1]), "row 0 has 1 hits but n_relevant 0"),
    ],
)
def test_bad_lists_are_refused(name, metric, hits, n_relevant, says):
    with pytest.raises(DataError, match=says):
        metric(hits, n_relevant)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: metrics.rmse([1, 2], [1]), r"true \(2,\) and predicted \(1,\)"),
        (lambda: metrics.mae([], []), "not be empty"),
        (lambda: metrics.rmse([1, 2], [1, np.nan]), "NaN among the ratings"),
        (lambda: metrics.auc(np.zeros((2, 3)), np.zeros((2, 2), bool)), r"\(2, 3\) and relevant \(2, 2\)"),
        (lambda: metrics.auc([[np.inf, 1.0]], [[True, False]]), r"\+inf"),
        (lambda: metrics.resampled_means(np.empty(0)), "0 users"),
        (lambda: metrics.resampled_means(np.ones(3), n=0), "0 resamples"),
    ],
)
def test_bad_numbers_are_refused(call, says):
    with pytest.raises(DataError, match=says):
        call()
