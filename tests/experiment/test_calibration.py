"""2,000 A/A tests: each test finds an effect as often as alpha says, its interval holds the truth as often as it says.

And the two mistakes that the methods are there to prevent are shown to be mistakes.
"""

from __future__ import annotations

import numpy as np
import pytest

import recsys_lab.experiment
from recsys_lab.experiment import (
    PairStats,
    Stats,
    benjamini_hochberg,
    bootstrap,
    cuped,
    holm,
    non_inferior,
    ratio,
    srm,
    stratified,
    two_proportions,
    welch,
)

TESTS = 2000


@pytest.fixture(scope="module")
def arms(visitors):
    """For both arms of all tests: impressions, clicks, clicks before; 300 and 200 users."""
    rng = np.random.default_rng(11)
    return [visitors(rng, (TESTS, n)) for n in (300, 200)]


RESULTS = {
    "two_proportions": lambda arms: two_proportions(
        *(Stats.of_counts((c > 1).sum(axis=1), c.shape[1]) for _, c, _ in arms)
    ),
    "welch": lambda arms: welch(*(Stats.of(clicks) for _, clicks, _ in arms)),
    "ratio": lambda arms: ratio(*(PairStats.of(clicks, impressions) for impressions, clicks, _ in arms)),
    "cuped": lambda arms: cuped(*(PairStats.of(clicks, before) for _, clicks, before in arms)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_false_positives_are_as_promised(name, arms, as_promised):
    result = RESULTS[name](arms)
    for alpha in (0.05, 0.2):
        as_promised(result.p_value < alpha, alpha)
    as_promised((result.low <= 0) & (result.high >= 0), 0.95)
    as_promised((result.relative_low <= 0) & (result.relative_high >= 0), 0.95)


def test_impressions_are_not_independent(arms):
    """The z-test of clicks per impression on A/A data: what users have in common is taken for an effect."""
    clicks = [c.sum(axis=1) for _, c, _ in arms]
    impressions = [i.sum(axis=1) for i, _, _ in arms]
    wrong = two_proportions(*(Stats.of_counts(c, i) for c, i in zip(clicks, impressions)))
    assert np.mean(wrong.p_value < 0.05) > 0.15


def test_stratified_is_as_promised(arms, as_promised):
    """Segments by what was known before. Heterogeneity is tested at the same time: there is none."""
    results = []
    for test in range(TESTS):
        parts = [{s: Stats.of(c[test][np.minimum(b[test], 2) == s]) for s in range(3)} for _, c, b in arms]
        results.append(stratified(*parts))
    as_promised(np.array([r.p_value < 0.05 for r in results]), 0.05)
    as_promised(np.array([r.low <= 0 <= r.high for r in results]), 0.95)
    as_promised(np.array([r.heterogeneity_p < 0.05 for r in results]), 0.05)
    # Like CUPED, it takes out what was known before.
    assert np.mean([r.standard_error for r in results]) < 0.97 * RESULTS["welch"](arms).standard_error.mean()


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_intervals_hold_the_truth(arms, method, as_promised):
    """300 tests of a mean, 60 and 40 users, 300 resamples: not more, because each resample is a call."""
    rows = [
        bootstrap(arms[0][1][i, :60], arms[1][1][i, :40], method=method, n_resamples=300, seed=i) for i in range(300)
    ]
    as_promised(np.array([r.low <= 0 <= r.high for r in rows]), 0.95)


def test_srm_is_as_promised(as_promised):
    rng, shares = np.random.default_rng(12), {"a": 0.5, "b": 0.3, "c": 0.2}
    counts = rng.multinomial(10_000, list(shares.values()), TESTS)
    as_promised(np.array([srm(dict(zip("abc", map(int, row))), shares).p_value < 0.05 for row in counts]), 0.05)
    lost = counts - rng.binomial(counts, [0, 0, 0.15])  # three in twenty of variant c's users do not arrive
    found = [srm(dict(zip("abc", map(int, row))), shares).p_value < 0.001 for row in lost]
    assert np.mean(found) > 0.9


def test_a_loss_of_exactly_the_margin_passes_as_often_as_alpha(visitors, as_promised):
    # Arms of one size: the skewness of clicks, which a one-sided test feels, cancels. Five times 2,000 tests.
    _, clicks, _ = visitors(np.random.default_rng(7), (2, 5 * TESTS, 200))
    control, treatment = Stats.of(clicks[0]), Stats.of(clicks[1])
    as_promised(non_inferior(control, treatment._replace(mean=treatment.mean - 0.3), 0.3).passed, 0.05)
    worse = treatment._replace(mean=treatment.mean + 0.3)
    as_promised(non_inferior(control, worse, 0.3, higher_is_better=False).passed, 0.05)


def test_of_many_metrics_few_are_called_effects_by_luck():
    """Twenty metrics, five of them with an effect."""
    rng = np.random.default_rng(13)
    n, shift = 200, np.r_[np.full(5, 0.35), np.zeros(15)]
    means = rng.normal(shift, np.sqrt(1 / n), (TESTS, 20))
    variances = rng.chisquare(n - 1, (2, TESTS, 20)) / (n - 1)
    control = Stats(n, rng.normal(0, np.sqrt(1 / n), (TESTS, 20)), variances[0])
    p = welch(control, Stats(n, means, variances[1])).p_value
    uncorrected = (p[:, 5:] < 0.05).any(axis=1).mean()
    found = np.array([benjamini_hochberg(row) < 0.1 for row in p])
    false_share = found[:, 5:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    family = np.mean([(holm(row) < 0.05)[5:].any() for row in p])
    assert uncorrected > 0.5
    assert false_share.mean() < 0.1 * 15 / 20 + 4 * false_share.std() / np.sqrt(TESTS)
    assert family < 0.06
    # What holm pays for allowing not one.
    assert found[:, :5].mean() > 0.8 > np.mean([(holm(row) < 0.05)[:5].mean() for row in p])


def test_every_public_name_is_there():
    for name in recsys_lab.experiment.__all__:
        assert getattr(recsys_lab.experiment, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'anova'"):
        recsys_lab.experiment.anova
