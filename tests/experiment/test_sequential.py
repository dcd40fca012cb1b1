"""Looking often: the naive test is fooled, mSPRT and spent alpha are not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from recsys_lab.errors import DataError
from recsys_lab.experiment import Stats, best_tau, msprt, spending_bounds, welch


# ---------------------------------------------------------------------- the formulas
@given(st.floats(-2, 2), st.floats(0.05, 1), st.floats(0.05, 2))
def test_the_ratio_is_the_mixture_of_the_docstring(effect, error, tau):
    """Likelihood under an effect drawn from N(0, tau^2), over that under the effect 0, by numerical integration."""
    seen = scipy.stats.norm(0, error).pdf(effect)
    ends = (effect * tau**2 / (tau**2 + error**2), error * tau / np.hypot(error, tau))  # where the integrand lives
    mixed, _ = integrate.quad(
        lambda delta: scipy.stats.norm.pdf(effect, delta, error) * scipy.stats.norm.pdf(delta, 0, tau),
        ends[0] - 12 * ends[1],
        ends[0] + 12 * ends[1],
    )
    assert msprt([effect], [error], tau).p_value[0] == pytest.approx(min(1, seen / mixed), rel=1e-6)


@given(st.floats(0.01, 1), st.floats(0.01, 2), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_interval_is_what_the_test_does_not_reject(error, tau, alpha):
    looks = msprt([0.3], [error], tau, alpha=alpha)
    at_the_ends = msprt([0.3 - looks.low[0]], [error], tau), msprt([0.3 - looks.high[0]], [error], tau)
    assert [p.p_value[0] for p in at_the_ends] == pytest.approx([alpha, alpha])


def test_looks_accumulate():
    effects, errors = np.array([0.1, 0.5, 0.05, 0.4]), np.array([0.4, 0.3, 0.2, 0.1])
    looks = msprt(effects, errors, 0.3)
    single = [msprt([d], [e], 0.3) for d, e in zip(effects, errors)]
    for k in range(4):
        assert looks.p_value[k] == min(s.p_value[0] for s in single[: k + 1])
        assert looks.low[k] == max(s.low[0] for s in single[: k + 1])
        assert looks.high[k] == min(s.high[0] for s in single[: k + 1])
    mirrored = msprt(-effects, errors, 0.3)
    assert mirrored.p_value == pytest.approx(looks.p_value)
    assert mirrored.low == pytest.approx(-looks.high)
    many = msprt(np.array([effects, -effects]), np.array([errors, errors]), 0.3)
    assert many.high[0] == pytest.approx(looks.high)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_best_tau_gives_the_narrowest_interval(alpha):
    def width(tau):
        looks = msprt([0.0], [0.02], tau, alpha=alpha)
        return looks.high[0] - looks.low[0]

    tau = best_tau(0.02, alpha)
    assert width(tau) < min(width(1.01 * tau), width(tau / 1.01))
    assert width(2 * tau) < 1.05 * width(tau)
    assert width(tau / 2) < 1.1 * width(tau)


def test_spending_bounds_against_the_published_table():
    """O'Brien and Fleming's type, alpha 0.05 two-sided, equally spaced: the table of Lan and DeMets' spending function."""
    assert spending_bounds(np.arange(1, 6) / 5).z == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)
    assert spending_bounds([0.5, 1]).z == pytest.approx([2.9626, 1.9686], abs=2e-4)
    assert spending_bounds([1.0]).z == pytest.approx([1.959964], abs=1e-6)
    bounds = spending_bounds(np.arange(1, 29) / 28, alpha=0.01)
    assert bounds.spent[-1] == pytest.approx(0.01)
    assert (np.diff(bounds.z) < 0).all()


# ---------------------------------------------------------------------- simulated experiments
LOOKS = 30


@pytest.fixture(scope="module")
def daily(visitors):
    """2,000 A/A tests with 40 new users an arm and day for 30 days: all users so far, at each day's end."""
    rng, arms = np.random.default_rng(0), []
    for _ in range(2):
        clicks = visitors(rng, (2000, LOOKS, 40))[1]
        n = 40 * np.arange(1, LOOKS + 1)
        total, squares = clicks.sum(axis=2).cumsum(axis=1), (clicks**2).sum(axis=2).cumsum(axis=1)
        arms.append(Stats(n, total / n, (squares - total**2 / n) / (n - 1)))
    return welch(*arms)


def test_peeking_inflates_the_naive_test_and_not_msprt(daily, as_promised):
    as_promised(daily.p_value[:, -1] < 0.05, 0.05)  # one look, planned
    peeking = (daily.p_value < 0.05).any(axis=1).mean()
    assert 0.25 < peeking < 0.4
    looks = msprt(daily.effect, daily.standard_error, best_tau(float(daily.standard_error[:, -1].mean())))
    ever = (looks.p_value[:, -1] <= 0.05).mean()
    assert 0.005 < ever <= 0.05  # at most alpha if one looked for ever; less within 30 days
    covered = ((looks.low <= 0) & (looks.high >= 0)).all(axis=1)
    assert covered.mean() >= 0.95
    assert (covered == (looks.p_value[:, -1] > 0.05)).all()


def test_spent_alpha_is_alpha(daily, as_promised):
    at = np.array([5, 11, 17, 23, 29])
    z = np.abs(daily.effect / daily.standard_error)[:, at]
    crossed = z >= spending_bounds((at + 1) / LOOKS).z
    as_promised(crossed.any(axis=1), 0.05)


@pytest.mark.parametrize("effect", [0.0, 0.02, 0.06])
def test_the_truth_stays_inside_at_all_looks(effect):
    rng = np.random.default_rng(1)
    n = np.arange(1, 501) * 20  # 500 looks at 20 more users, each with a standard deviation of 1
    means = np.cumsum(rng.normal(effect, 1 / np.sqrt(20), (4000, 500)), axis=1) / np.arange(1, 501)
    errors = np.broadcast_to(1 / np.sqrt(n), means.shape)
    looks = msprt(means, errors, tau=0.05)
    covered = ((looks.low <= effect) & (effect <= looks.high)).all(axis=1).mean()
    assert 0.95 <= covered <= 0.99
    if effect == 0.06:  # and a real effect is found, the earlier the larger it is
        assert (looks.p_value[:, -1] < 0.05).mean() > 0.99
        first = (looks.p_value < 0.05).argmax(axis=1)
        assert np.median(first) < 250


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: msprt([0.1], [0.1], 0), "tau=0: the size of effects"),
        (lambda: msprt([0.1], [0.0], 1), "errors above 0"),
        (lambda: msprt([0.1, 0.2], [0.1], 1), r"effect \(2,\), standard_error \(1,\)"),
        (lambda: msprt([np.nan], [0.1], 1), "give finite numbers"),
        (lambda: msprt([0.1], [0.1], 1, alpha=0.9), "alpha=0.9"),
        (lambda: best_tau(0), "standard_error=0"),
        (lambda: spending_bounds([0.5, 0.4]), "shares=\\[0.5, 0.4\\]: .* 0.01 or more apart"),
        (lambda: spending_bounds([0.5, 1.2]), "up to 1"),
        (lambda: spending_bounds([]), "shares=\\[\\]"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(DataError, match=message):
        ask()
