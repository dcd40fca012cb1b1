"""Distances equal their formulas and the reference libraries; alarms sound as often as stated, and no oftener."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from recsys_lab.errors import DataError
from recsys_lab.production import alarms, drift


# ---------------------------------------------------------------------- distances
def literal_psi(reference, current, smoothing):
    n, m, bins = sum(reference), sum(current), len(reference)
    total = 0.0
    for c, d in zip(reference, current):
        p, q = (c + smoothing) / (n + smoothing * bins), (d + smoothing) / (m + smoothing * bins)
        total += (q - p) * math.log(q / p)
    return total


def test_psi_is_its_formula():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 50, (2, 20, 7))
    literal = [literal_psi(x, y, 0.5) for x, y in zip(a.tolist(), b.tolist())]
    np.testing.assert_allclose(drift.psi(a, b), literal, rtol=1e-12)
    np.testing.assert_allclose(drift.psi(a, b), drift.psi(b, a), rtol=1e-12)
    np.testing.assert_array_equal(drift.psi(a, a), 0)


def test_psi_of_an_empty_bin_is_finite_and_without_smoothing_infinite():
    assert np.isfinite(drift.psi([10, 0], [5, 5]))
    assert drift.psi([10, 0], [5, 5], smoothing=0) == np.inf
    assert drift.psi([10, 0, 5], [10, 0, 5], smoothing=0) == 0


def test_jensen_shannon_equals_scipy():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 6, (2, 50, 9))
    theirs = [jensenshannon(x, y, base=2) for x, y in zip(a, b)]
    np.testing.assert_allclose(drift.jensen_shannon(a, b), theirs, rtol=1e-9, atol=1e-9)
    assert np.isnan(drift.jensen_shannon([0, 0], [1, 2]))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 8), (40, 40), (60, 45), (200, 333)])
def test_ks_equals_scipy(n, m):
    rng = np.random.default_rng(n)
    for shift in (0, 0.2, 0.7):
        x, y = rng.normal(size=n), rng.normal(shift, size=m)
        theirs = stats.ks_2samp(x, y, method="exact")
        ours = drift.ks(x, y)
        assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-12)
        assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_ks_of_large_samples_and_of_ties():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=3000), rng.normal(0.05, size=2500)
    theirs = stats.ks_2samp(x, y, method="exact")
    assert drift.ks(x, y).statistic == pytest.approx(theirs.statistic, abs=1e-12)
    assert drift.ks(x, y).p_value == pytest.approx(theirs.pvalue, rel=0.03)  # the limit against the exact law
    x, y = rng.integers(1, 6, 80), rng.integers(1, 6, 70)
    ours, theirs = drift.ks(x, y), stats.ks_2samp(x, y, method="exact")
    assert ours == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-12)
    counts = [np.bincount(v, minlength=6) for v in (x, y)]
    assert drift.ks_distance(*counts) == pytest.approx(ours.statistic, abs=1e-12)


def test_ks_counts_paths_as_they_are():
    """All orders of three and two values, one by one."""
    from itertools import combinations

    n, m = 3, 2
    distances = []
    for places in combinations(range(n + m), n):
        x = list(places)
        y = [k for k in range(n + m) if k not in places]
        distances.append(drift.ks(x, y).statistic)
    for d in set(distances):
        share = np.mean([other >= d - 1e-12 for other in distances])
        assert drift._paths_outside(n, m, round(d * n * m)) == pytest.approx(share)


def test_chi_square_equals_scipy():
    rng = np.random.default_rng(4)
    for _ in range(20):
        table = rng.integers(0, 30, (2, 6)) + np.array([0, 0, 1, 1, 1, 1])
        kept = table[:, table.sum(axis=0) > 0]
        theirs = stats.chi2_contingency(kept, correction=False)
        assert drift.chi_square(*table) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-10)
    assert drift.chi_square([3, 0], [5, 0]) == (0, 1)


def test_bins_hold_equal_parts_and_take_every_value():
    rng = np.random.default_rng(5)
    reference = rng.lognormal(size=1000)
    inner = drift.edges(reference, 10)
    np.testing.assert_array_equal(drift.bin_counts(reference, inner), 100)
    assert drift.bin_counts([-1e9, 1e9], inner).tolist() == [1, *[0] * 8, 1]
    assert len(drift.edges([1, 1, 1, 1, 2], 4)) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: drift.psi([1, 2], [1, -2]), "numbers from 0"),
        (lambda: drift.psi([1, 2], [1, np.nan]), "numbers from 0"),
        (lambda: drift.psi([1, 2], [1, 2], smoothing=-1), "smoothing=-1"),
        (lambda: drift.jensen_shannon([], []), "numbers from 0"),
        (lambda: drift.chi_square([1, 2], [0, 0]), "a window is empty"),
        (lambda: drift.ks([1.0], []), "at least one"),
        (lambda: drift.ks([1.0], [np.nan]), "finite numbers"),
        (lambda: drift.edges([]), "at least one"),
        (lambda: drift.edges([1, 2], bins=1), "bins=1"),
        (
            lambda: next(alarms.deal([0, 0, 0], 2, 1, draws=1, rng=np.random.default_rng(0))),
            "one has 3 cells in 2 days",
        ),
        (lambda: next(alarms.deal([0], 2, 2, draws=1, rng=np.random.default_rng(0))), "current=2"),
        (lambda: alarms.threshold(np.arange(9), 0), "rate=0"),
        (lambda: alarms.cusum([1.0], slack=-1), "slack=-1"),
        (lambda: alarms.cusum_null(2, 7), "reference=2"),
        (lambda: alarms.run_length(0), "limit=0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(DataError, match=message):
        call()


# ---------------------------------------------------------------------- alarms
def test_folklore_is_not_calibrated():
    """Nothing changes, ten bins: PSI exceeds 0.1 mostly, in a third of cases, or never, by the number of rows alone."""
    rng = np.random.default_rng(6)
    share = {}
    for n in (100, 200, 1000):
        a, b = rng.multinomial(n, [0.1] * 10, (2, 4000))
        found = drift.psi(a, b)
        share[n] = (found > 0.1).mean()
        assert found.mean() == pytest.approx(9 * (2 / n), rel=0.07)  # (B - 1) (1 / n + 1 / m)
    assert share[100] > 0.75
    assert 0.25 < share[200] < 0.45
    assert share[1000] == 0


def test_dealing_gives_every_choice_of_days_the_same_chance():
    """Two cells of one user and one of another, five days, two current: against the count of all choices."""
    rng = np.random.default_rng(7)
    blocks = list(alarms.deal(np.array([4, 9, 4]), 5, 2, draws=40_000, rng=rng))
    dealt = np.concatenate(blocks)
    assert dealt.shape == (40_000, 3)
    first, other, second = dealt.T
    se = 0.5 / 200
    assert first.mean() == pytest.approx(2 / 5, abs=5 * se)
    assert second.mean() == pytest.approx(2 / 5, abs=5 * se)
    assert (first & second).mean() == pytest.approx(2 / 5 * 1 / 4, abs=5 * se)  # without replacement
    assert (first & other).mean() == pytest.approx(2 / 5 * 2 / 5, abs=5 * se)  # users on their own
    full = np.concatenate(list(alarms.deal(np.zeros(5, int), 5, 2, draws=50, rng=rng)))
    np.testing.assert_array_equal(full.sum(axis=1), 2)  # who came daily has the current window full in each deal


def test_dealing_is_calibrated_where_rows_are_not_independent():
    """Users with tastes of their own, a burst of ten alike clicks a day; nothing changes in 300 histories.

    Chi-square over rows cries wolf; the dealt PSI alarms at its rate."""
    rng = np.random.default_rng(8)
    users, days, current, bins = 30, 8, 2, 4
    naive, dealt = [], []
    for _ in range(300):
        taste = rng.dirichlet(np.full(bins, 0.3), users)
        came = rng.random((users, days)) < 0.3
        user, day = np.nonzero(came)
        table = np.stack([rng.multinomial(10, rng.dirichlet(5 * taste[u] + 0.01)) for u in user])
        now = day >= days - current
        if not 0 < now.sum() < len(now):
            continue
        windows = np.concatenate([now[None], *alarms.deal(user, days, current, draws=199, rng=rng)])
        counts = windows @ table
        found = drift.psi(table.sum(axis=0) - counts, counts)
        dealt.append(alarms.p_value(found[1:], found[0]))
        naive.append(drift.chi_square(table.sum(axis=0) - counts[0], counts[0]).p_value)
    n = len(dealt)
    for rate in (0.05, 0.2):
        low, high = stats.binom.interval(0.999, n, rate)
        assert low <= (np.array(dealt) <= rate).sum() <= high
    assert np.mean(np.array(naive) <= 0.05) > 0.5


def test_threshold_and_p_value_agree():
    rng = np.random.default_rng(9)
    null = np.round(rng.normal(size=399), 1)  # with ties
    for rate in (0.001, 0.01, 0.05, 0.5):
        limit = alarms.threshold(null, rate)
        for value in np.round(np.linspace(-4, 4, 81), 1):
            assert (value > limit + 1e-9) == (alarms.p_value(null, value) <= rate), (rate, value, limit)
    assert alarms.threshold(null, 0.001) == np.inf
    assert alarms.p_value([np.nan, 0.0], 5) == 2 / 3


# ---------------------------------------------------------------------- day after day
def test_cusum_is_its_recursion():
    z = np.random.default_rng(10).normal(size=(3, 25))
    for row, path in zip(z, alarms.cusum(z, slack=0.3)):
        up = down = 0.0
        for t, value in enumerate(row):
            up, down = max(0.0, up + value - 0.3), max(0.0, down - value - 0.3)
            assert path[t] == pytest.approx(max(up, down))


def test_cusum_alarms_at_the_stated_rate_whatever_mean_and_sd():
    """2,000 reference fortnights and the weeks after them, of a click rate over some hundred visits; nothing changes."""
    rng = np.random.default_rng(11)
    days = rng.binomial(600, 0.1, (2000, 21)) / 600
    null = alarms.cusum_null(14, 7)
    largest = np.array([alarms.cusum(alarms.standardized(row[:14], row[14:])).max() for row in days])
    for rate in (0.01, 0.05):
        low, high = stats.binom.interval(0.999, len(days), rate)
        assert low <= (largest > alarms.threshold(null, rate)).sum() <= high
    naive = alarms.threshold(alarms.cusum_null(100_000, 7), 0.05)  # as if mean and sd were known
    assert (largest > naive).mean() > 0.08


def test_run_length_is_that_of_simulated_days():
    rng = np.random.default_rng(12)
    path = alarms.cusum(rng.normal(size=(1500, 1500)))
    for limit in (3.0, 4.0):
        over = path > limit
        assert over.any(axis=1).mean() > 0.99
        assert over.argmax(axis=1).mean() + 1 == pytest.approx(alarms.run_length(limit), rel=0.1)


def test_a_small_shift_that_lasts_is_found():
    """One sd, day after day: within 20 days in nine of ten histories, at one false alarm in 20 such spans."""
    limit = alarms.threshold(alarms.cusum_null(60, 20), 0.05)
    z = np.random.default_rng(13).normal(1.0, size=(500, 20))
    assert (alarms.cusum(z).max(axis=1) > limit).mean() > 0.9
    assert (z.max(axis=1) > stats.norm.isf(0.05 / 40)).mean() < 0.9  # looking at single days only


def test_standardized_without_spread_is_unknown():
    assert np.isnan(alarms.standardized([3, 3, 3], [4])).all()
    assert np.isnan(alarms.standardized([3], [4])).all()
