"""Plans: equal to statsmodels and tea-tasting, consistent with each other, and kept by simulated experiments."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from recsys_lab.errors import DataError
from recsys_lab.experiment import (
    PairStats,
    Stats,
    cuped,
    days_needed,
    detectable_means,
    detectable_proportions,
    plan_means,
    plan_proportions,
    power_means,
    power_proportions,
    ratio,
    two_proportions,
    welch,
)

SAME = {"rel": 1e-10, "abs": 1e-12}


# ---------------------------------------------------------------------- parity
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(("n_c", "n_t"), [(500, 500), (900, 100), (37, 2000)])
@pytest.mark.parametrize("effect", [0.1, -0.02, 0.5])
def test_power_of_means_against_statsmodels(effect, n_c, n_t, alpha):
    expected = NormalIndPower().power(effect / 1.5, n_c, alpha, ratio=n_t / n_c)
    assert power_means(effect, 2.25, n_c, n_t, alpha=alpha) == pytest.approx(expected, **SAME)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(("n_c", "n_t"), [(500, 500), (9000, 1000)])
@pytest.mark.parametrize(("base", "effect"), [(0.05, 0.01), (0.4, -0.1), (0.9, 0.02)])
def test_power_of_proportions_against_statsmodels(base, effect, n_c, n_t, alpha):
    # statsmodels calls the treated group 1 and counts with its size.
    expected = power_proportions_2indep(effect, base, n_t, ratio=n_c / n_t, alpha=alpha, return_results=False)
    assert power_proportions(base, effect, n_c, n_t, alpha=alpha) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_sample_size_against_statsmodels(power, share):
    plan = plan_means(0.1, 4.0, power=power, treatment_share=share)
    n_c = NormalIndPower().solve_power(0.1 / 2, alpha=0.05, power=power, ratio=share / (1 - share))
    assert plan.n_control == math.ceil(n_c)
    assert plan.n_treatment == math.ceil(n_c * share / (1 - share))


def test_sample_size_against_tea_tasting(visitors):
    """Their columns, their theta, their delta method; the variance comes from last month's users."""
    impressions, clicks, before = visitors(np.random.default_rng(0), (3000,))
    users = pd.DataFrame({"clicks": clicks, "impressions": impressions, "before": before})
    plain, month = Stats.of(clicks), PairStats.of(clicks, before)
    known = {"effect_size": 0.2, "power": 0.8, "use_t": False}
    for metric, plan in (
        (tt.Mean("clicks", **known), plan_means(0.2, plain.variance)),
        (tt.Mean("clicks", "before", **known), plan_means(0.2, plain.variance, rho=month.rho)),
        (tt.Mean("clicks", ratio=3, **known), plan_means(0.2, plain.variance, treatment_share=0.75)),
        (
            tt.RatioOfMeans("clicks", "impressions", **(known | {"effect_size": 0.01})),
            plan_means(0.01, PairStats.of(clicks, impressions).ratio().variance),
        ),
    ):
        expected = metric.solve_power(users, "n_obs")[0].n_obs
        assert expected <= plan.n <= expected + 1  # both arms are rounded up


# ---------------------------------------------------------------------- consistency
plans = st.tuples(
    st.floats(0.01, 2), st.floats(0.1, 10), st.sampled_from([0.01, 0.05]), st.floats(0.5, 0.99), st.floats(0.1, 0.9)
)


@given(plans)
def test_a_plan_has_the_power_and_one_user_less_has_not(case):
    effect, variance, alpha, power, share = case
    plan = plan_means(effect, variance, alpha=alpha, power=power, treatment_share=share)
    assert plan.power >= power - 1e-9
    assert plan.power == power_means(effect, variance, plan.n_control, plan.n_treatment, alpha=alpha)
    if min(plan.n_control, plan.n_treatment) > 3 and power > 0.6:
        less = power_means(effect, variance, plan.n_control - 1, plan.n_treatment - 1, alpha=alpha)
        assert less < power + 1e-4  # an effect found with the wrong sign, which the plan leaves out
    smallest = detectable_means(variance, plan.n_control, plan.n_treatment, alpha=alpha, power=power)
    assert smallest <= effect * (1 + 1e-9)


@given(st.floats(0.02, 0.9), st.floats(0.01, 0.09), st.sampled_from([0.5, 0.8]), st.floats(0.6, 0.95))
def test_proportions_go_round(base, effect, share, power):
    plan = plan_proportions(base, effect, power=power, treatment_share=share)
    assert plan.power >= power - 1e-9
    smallest = detectable_proportions(base, plan.n_control, plan.n_treatment, power=power)
    assert power_proportions(base, smallest, plan.n_control, plan.n_treatment) == pytest.approx(power)
    assert smallest == pytest.approx(effect, rel=0.05)
    assert smallest <= effect * (1 + 1e-9)


def test_what_users_cost():
    plan = plan_means(0.1, 1)
    assert plan_means(0.05, 1).n == pytest.approx(4 * plan.n, rel=1e-3)
    assert plan_means(0.1, 1, treatment_share=0.1).n == pytest.approx(0.25 / 0.09 * plan.n, rel=1e-3)
    assert plan_means(0.1, 1, rho=-0.6).n == pytest.approx(0.64 * plan.n, rel=2e-3)
    assert plan_means(-0.1, 1).n == plan.n
    assert (plan.n, plan.alpha, plan.effect) == (plan.n_control + plan.n_treatment, 0.05, 0.1)


def test_days_are_whole_weeks():
    plan = plan_means(0.1, 1)  # 3,140 users
    assert [days_needed(plan, per_day) for per_day in (1e6, 3140 / 7, 3139 / 7, 100)] == [7, 7, 14, 35]
    assert days_needed(plan, 1000, share=0.1) == 35


# ---------------------------------------------------------------------- simulated experiments keep the plan
def test_proportions_reach_the_planned_power():
    rng, base, effect = np.random.default_rng(1), 0.08, 0.02
    for share in (0.5, 0.2):
        plan = plan_proportions(base, effect, treatment_share=share)
        control = Stats.of_counts(rng.binomial(plan.n_control, base, 20_000), plan.n_control)
        treatment = Stats.of_counts(rng.binomial(plan.n_treatment, base + effect, 20_000), plan.n_treatment)
        found = np.mean(two_proportions(control, treatment).p_value < 0.05)
        assert found == pytest.approx(plan.power, abs=0.02)


@pytest.fixture(scope="module")
def population(visitors):
    """The sufficient statistics of 200,000 users who are not in any experiment."""
    impressions, clicks, before = visitors(np.random.default_rng(2), (200_000,))
    return PairStats.of(clicks, impressions), PairStats.of(clicks, before)


@pytest.mark.parametrize("method", ["welch", "cuped", "ratio"])
def test_means_reach_the_planned_power(method, population, visitors):
    by_impressions, by_before = population
    if method == "ratio":
        effect = 0.2 * by_impressions.ratio().mean
        plan = plan_means(effect, by_impressions.ratio().variance)
    else:
        effect = 0.25 * by_before.mean_y
        plan = plan_means(effect, by_before.variance_y, rho=by_before.rho if method == "cuped" else 0)
    rng, arms = np.random.default_rng(3), []
    for n, lift in ((plan.n_control, 0.0), (plan.n_treatment, effect)):
        impressions, clicks, before = visitors(rng, (3000, n))
        # Added to everybody: the effect is exactly the planned one, and the variance stays.
        arms.append(
            PairStats.of(
                clicks + lift * (impressions if method == "ratio" else 1), impressions if method == "ratio" else before
            )
        )
    if method == "welch":
        result = welch(arms[0].y, arms[1].y)
    else:
        result = {"cuped": cuped, "ratio": ratio}[method](*arms)
    assert np.mean(result.p_value < 0.05) == pytest.approx(plan.power, abs=0.02)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: plan_means(0, 1), "effect=0: no number of users"),
        (lambda: plan_means(np.nan, 1), "effect=nan"),
        (lambda: plan_means(1, 0), "variance=0"),
        (lambda: plan_means(1, 1, rho=1.5), "rho=1.5"),
        (lambda: plan_means(1, 1, power=0.3), "power=0.3: how often the effect shall be found"),
        (lambda: plan_means(1, 1, alpha=0), "alpha=0"),
        (lambda: plan_means(1, 1, treatment_share=1), "treatment_share=1"),
        (lambda: power_means(1, 1, 1, 5), "n_control=1"),
        (lambda: plan_proportions(0, 0.1), "base=0"),
        (lambda: plan_proportions(0.9, 0.2), "base=0.9, effect=0.2: base and base \\+ effect must lie"),
        (lambda: power_proportions(0.9, -0.95, 10, 10), "effect=-0.95"),
        (lambda: detectable_proportions(0.9, 5, 5), "n_control=5, n_treatment=5: too few"),
        (lambda: days_needed(plan_means(1, 1), 0), "users_per_day=0"),
        (lambda: days_needed(plan_means(1, 1), 1, share=2), "share=2"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(DataError, match=message):
        ask()
