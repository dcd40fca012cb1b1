"""Effects, intervals and p-values: equal to statsmodels, SciPy and tea-tasting, and alike for both arms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import meta_analysis
from statsmodels.stats import proportion as sm
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from recsys_lab.errors import DataError
from recsys_lab.experiment import (
    PairStats,
    Stats,
    adjust,
    bootstrap,
    by_variant,
    cuped,
    ratio,
    stratified,
    two_proportions,
    welch,
)

SAME = {"rel": 1e-10, "abs": 1e-12}


@pytest.fixture(scope="module")
def users(visitors):
    """300 users without and 500 with a real effect, one row each."""
    rng = np.random.default_rng(3)
    parts = []
    for variant, n, lift in (("control", 300, 0.0), ("treatment", 500, 0.03)):
        impressions, clicks, before = visitors(rng, (n,), lift)
        parts.append(pd.DataFrame({"variant": variant, "impressions": impressions, "clicks": clicks, "before": before}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(clicked=(frame["clicks"] > 2).astype(int))


def arms(users, *columns):
    return tuple(by_variant(users, *columns)[name] for name in ("control", "treatment"))


def tasted(users, metric):
    return tt.Experiment({"m": metric}).analyze(users, control="control")["m"]._asdict()


def assert_tasted(ours, theirs):
    names = {
        "control": "control",
        "treatment": "treatment",
        "effect": "effect_size",
        "low": "effect_size_ci_lower",
        "high": "effect_size_ci_upper",
        "relative": "rel_effect_size",
        "relative_low": "rel_effect_size_ci_lower",
        "relative_high": "rel_effect_size_ci_upper",
        "p_value": "pvalue",
    }
    for mine, name in names.items():
        assert getattr(ours, mine) == pytest.approx(theirs[name], **SAME), mine


# ---------------------------------------------------------------------- parity
@pytest.mark.parametrize("confidence", [0.95, 0.8])
@pytest.mark.parametrize("counts", [(48, 1000, 75, 1100), (500, 900, 20, 40), (3, 5000, 0, 5000)])
def test_two_proportions_against_statsmodels(counts, confidence):
    k_c, n_c, k_t, n_t = counts
    ours = two_proportions(Stats.of_counts(k_c, n_c), Stats.of_counts(k_t, n_t), confidence)
    _, p = sm.proportions_ztest([k_t, k_c], [n_t, n_c])
    assert ours.p_value == pytest.approx(p, **SAME)
    interval = {"alpha": 1 - confidence, "correction": False}
    expected = sm.confint_proportions_2indep(k_t, n_t, k_c, n_c, method="wald", compare="diff", **interval)
    assert (ours.low, ours.high) == pytest.approx(expected, **SAME)
    if k_t:
        low, high = sm.confint_proportions_2indep(k_t, n_t, k_c, n_c, method="log", compare="ratio", **interval)
        assert (ours.relative_low, ours.relative_high) == pytest.approx((low - 1, high - 1), **SAME)
    else:
        assert np.isnan(ours.relative_low)
        assert np.isnan(ours.relative_high)


def test_two_proportions_against_tea_tasting(users):
    ours = two_proportions(*arms(users, "clicked"))
    pooled = tasted(users, tt.Proportion("clicked", method="norm", correction=False, equal_var=True))
    apart = tasted(users, tt.Proportion("clicked", method="norm", correction=False, equal_var=False))
    assert_tasted(ours, apart | {"pvalue": pooled["pvalue"]})


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_welch_against_scipy_statsmodels_and_tea_tasting(users, confidence):
    control, treatment = arms(users, "clicks")
    ours = welch(control, treatment, confidence)
    x, y = (users.loc[users["variant"] == name, "clicks"] for name in ("treatment", "control"))
    theirs = scipy.stats.ttest_ind(x, y, equal_var=False)
    assert ours.p_value == pytest.approx(theirs.pvalue, **SAME)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval(confidence)), **SAME)
    means = CompareMeans(DescrStatsW(x), DescrStatsW(y))
    assert (ours.low, ours.high) == pytest.approx(means.tconfint_diff(1 - confidence, usevar="unequal"), **SAME)
    assert ours.standard_error == pytest.approx(means.std_meandiff_separatevar, **SAME)
    assert_tasted(ours, tasted(users, tt.Mean("clicks", confidence_level=confidence)))


def test_ratio_against_tea_tasting(users):
    assert_tasted(ratio(*arms(users, "clicks", "impressions")), tasted(users, tt.RatioOfMeans("clicks", "impressions")))


def test_cuped_against_tea_tasting(users):
    assert_tasted(cuped(*arms(users, "clicks", "before")), tasted(users, tt.Mean("clicks", "before")))


def test_cuped_is_welch_on_the_adjusted_users(users):
    control, treatment = arms(users, "clicks", "before")
    theta = np.cov(users["clicks"], users["before"])[0, 1] / users["before"].var()
    adjusted = users.assign(y=users["clicks"] - theta * (users["before"] - users["before"].mean()))
    assert cuped(control, treatment) == pytest.approx(welch(*arms(adjusted, "y")), **SAME)
    got = adjust(control, treatment)
    assert got.theta == pytest.approx(theta)
    assert got.rho == pytest.approx(np.corrcoef(users["clicks"], users["before"])[0, 1])


def test_cuped_leaves_1_minus_rho_squared(visitors):
    _, clicks, before = visitors(np.random.default_rng(4), (2, 20_000))
    control, treatment = (PairStats.of(clicks[i], before[i]) for i in range(2))
    plain, reduced = welch(control.y, treatment.y), cuped(control, treatment)
    rho = adjust(control, treatment).rho
    assert 0.3 < rho < 0.7
    assert (reduced.standard_error / plain.standard_error) ** 2 == pytest.approx(1 - rho**2, rel=0.02)


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("statistic", [np.mean, lambda rows: np.quantile(rows, 0.9)], ids=["mean", "p90"])
def test_bootstrap_against_scipy(users, method, statistic):
    y, x = (users.loc[users["variant"] == name, "clicks"].to_numpy(float) for name in ("control", "treatment"))
    y, x = y[:60], x[:40]
    ours = bootstrap(y, x, statistic, method=method, confidence=0.9, n_resamples=300, seed=5)
    theirs = scipy.stats.bootstrap(
        (y, x),
        lambda control, treatment: statistic(treatment) - statistic(control),
        method="BCa" if method == "bca" else "percentile",
        confidence_level=0.9,
        n_resamples=300,
        batch=1,
        vectorized=False,
        rng=np.random.default_rng(5),
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), **SAME)
    assert ours.standard_error == pytest.approx(theirs.standard_error, **SAME)


def test_bootstrap_where_no_user_alone_moves_the_statistic():
    """Many users at the median: leaving out any one changes nothing, so there is no slope to correct for (SciPy: NaN)."""
    control, treatment = [0] * 10 + [1] * 30 + [9] * 10, [0] * 9 + [2] * 30 + [9] * 11
    got = bootstrap(control, treatment, np.median)
    assert (got.effect, got.low, got.high) == (1, 1, 1)
    first = iter([5.0])  # of the treatment; every later call gives 0, so no resample reaches the effect
    with pytest.raises(DataError, match="every resample lies on one side"):
        bootstrap([1, 2, 3], [4, 5, 6], lambda rows: next(first, 0.0))


def test_bootstrap_and_delta_method_agree_on_a_ratio(users):
    c, t = (
        users.loc[users["variant"] == v, ["clicks", "impressions"]].to_numpy(float) for v in ("control", "treatment")
    )
    drawn = bootstrap(c, t, lambda rows: rows[:, 0].sum() / rows[:, 1].sum())
    exact = ratio(*arms(users, "clicks", "impressions"))
    assert drawn.effect == pytest.approx(exact.effect)
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.25 * exact.standard_error)


def test_stratified_against_statsmodels():
    rng = np.random.default_rng(6)
    control = {s: Stats.of(rng.normal(s, 1, 40 + 10 * s)) for s in range(4)}
    treatment = {s: Stats.of(rng.normal(s + 0.3 * s, 1, 30 + 10 * s)) for s in range(4)}
    ours = stratified(control, treatment)
    effects, errors = np.array([(s.effect, s.standard_error) for s in ours.segments.values()]).T
    theirs = meta_analysis.combine_effects(effects, errors**2)
    assert ours.heterogeneity_p == pytest.approx(scipy.stats.chi2.sf(theirs.q, 3), **SAME)
    share = np.array([control[s].n + treatment[s].n for s in range(4)]) / sum(
        control[s].n + treatment[s].n for s in range(4)
    )
    assert ours.effect == pytest.approx(share @ effects)
    assert ours.standard_error == pytest.approx(np.sqrt(share**2 @ errors**2))
    # Segments of one size and one variance: both weightings are the same.
    even = {s: Stats(50, float(s), 2.0) for s in range(3)}
    other = {s: Stats(50, 1.4 * s, 2.0) for s in range(3)}
    alike = stratified(even, other)
    pooled = meta_analysis.combine_effects(
        *np.array([(s.effect, s.standard_error**2) for s in alike.segments.values()]).T
    )
    assert alike.effect == pytest.approx(pooled.mean_effect_fe)
    assert alike.standard_error == pytest.approx(pooled.sd_eff_w_fe)


def test_simpsons_paradox():
    """On the weekend everybody clicks more, and on the weekend the treatment got most of the traffic."""
    control = {"weekday": Stats.of_counts(2000, 10_000), "weekend": Stats.of_counts(450, 1000)}
    treatment = {"weekday": Stats.of_counts(150, 1000), "weekend": Stats.of_counts(4000, 10_000)}
    naive = two_proportions(Stats.of_counts(2450, 11_000), Stats.of_counts(4150, 11_000))
    assert naive.low > 0.1
    within = stratified(control, treatment)
    assert within.high < 0
    assert within.effect == pytest.approx(-0.05)
    assert within.heterogeneity_p == pytest.approx(1)


# ---------------------------------------------------------------------- properties
arm = st.builds(Stats, n=st.integers(20, 10_000), mean=st.floats(1, 100), variance=st.floats(0.01, 1e3))
counted = st.integers(2, 5000).flatmap(lambda n: st.builds(Stats.of_counts, st.integers(1, n - 1), st.just(n)))


@given(st.one_of(st.tuples(st.just(welch), arm, arm), st.tuples(st.just(two_proportions), counted, counted)))
def test_both_arms_are_treated_alike(case):
    test, a, b = case
    there, back = test(a, b), test(b, a)
    assert (there.effect, there.low, there.high) == pytest.approx((-back.effect, -back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)
    assert (1 + there.relative_low) * (1 + back.relative_high) == pytest.approx(1, abs=1e-3)
    assert there.low <= there.effect <= there.high
    assert 0 <= there.p_value <= 1


@given(arm, arm, st.floats(0.01, 100))
def test_the_unit_does_not_matter(a, b, unit):
    """Seconds or milliseconds: the same p-value and the same relative effect."""
    scaled = [s._replace(mean=s.mean * unit, variance=s.variance * unit**2) for s in (a, b)]
    one, other = welch(a, b), welch(*scaled)
    assert one.p_value == pytest.approx(other.p_value)
    assert (one.relative, one.relative_high) == pytest.approx((other.relative, other.relative_high))
    assert one.low * unit == pytest.approx(other.low, rel=1e-6, abs=1e-9)


@given(arm, arm, st.floats(0.5, 0.99))
def test_the_interval_excludes_0_where_the_test_rejects(a, b, confidence):
    got = welch(a, b, confidence)
    if abs(got.p_value - (1 - confidence)) > 1e-9:
        assert (got.low > 0 or got.high < 0) == (got.p_value < 1 - confidence)


def test_many_experiments_at_once(visitors):
    impressions, clicks, before = visitors(np.random.default_rng(8), (2, 5, 50))
    for test, x in ((ratio, impressions), (cuped, before)):
        many = test(*(PairStats.of(clicks[i], x[i]) for i in range(2)))
        for e in range(5):
            one = test(*(PairStats.of(clicks[i, e], x[i, e]) for i in range(2)))
            assert [field[e] for field in many] == pytest.approx(one, **SAME)
    p = two_proportions(Stats.of_counts(np.array([3, 4]), 9), Stats.of_counts(np.array([5, 5]), 9)).p_value
    assert p.shape == (2,)


def test_a_constant_covariate_or_denominator_changes_nothing(users):
    control, treatment = arms(users.assign(one=1), "clicks", "one")
    assert ratio(control, treatment) == pytest.approx(welch(control.y, treatment.y))
    with pytest.raises(DataError, match="variance_x=0"):
        cuped(control, treatment)


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: welch(Stats(1, 0, 0), Stats(9, 0, 1)), "control: n=1: a variance needs two users"),
        (lambda: welch(Stats(9, 0, 1), Stats(9, 0, -1)), "treatment: mean=0, variance=-1"),
        (lambda: welch(Stats(9, 0, 1), Stats(9, np.nan, 1)), "treatment: mean=nan"),
        (lambda: welch(Stats(9, 1, 0), Stats(9, 2, 0)), "variance=0 in both arms"),
        (lambda: welch(Stats(9, 1, 1), Stats(9, 2, 1), 95), "confidence=95"),
        (lambda: welch(Stats(9, 1, 1), Stats(9, 2, 1), 1), "confidence=1: only an infinite interval"),
        (lambda: two_proportions(Stats(9, 1.5, 1), Stats(9, 0.5, 1)), "control: mean=.*1.5.* is no proportion"),
        (lambda: two_proportions(Stats.of_counts(0, 9), Stats.of_counts(0, 9)), "all users of both arms have the same"),
        (lambda: stratified({"a": Stats(9, 1, 1)}, {"b": Stats(9, 1, 1)}), "only one arm has 'a', 'b'"),
        (lambda: stratified({}, {}), "at least one"),
        (lambda: bootstrap([1], [1, 2]), "1 and 2 users"),
        (lambda: bootstrap([1, 2], [1, 2], method="basic"), "method='basic': choose one of bca, percentile"),
        (lambda: bootstrap([1, 2], [1, 2], n_resamples=1), "n_resamples=1"),
        (lambda: bootstrap([1, 2], [1, 2], lambda rows: np.nan), "statistic: nan, nan"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(DataError, match=message):
        ask()
