"""The methods held against the audience of simulate.py, fitted to MovieLens, whose chances are known.

2,000 A/A tests of 250 users an arm and fourteen days; experiments with an effect that was planned; 2,000 logs that judge
a policy that did not run. The same promises are tested on plainer draws in test_calibration.py and its neighbours.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest

from recsys_lab import registry
from recsys_lab.experiment import (
    Experiment,
    Log,
    PairStats,
    Stats,
    best_tau,
    bootstrap,
    cuped,
    doubly_robust,
    ips,
    msprt,
    non_inferior,
    plan_means,
    plan_proportions,
    ratio,
    snips,
    spending_bounds,
    srm,
    stratified,
    two_proportions,
    welch,
)
from recsys_lab.simulate import Audience

TESTS, USERS, DAYS = 2000, 250, 14


@pytest.fixture(scope="module")
def audience(ml100k):
    return Audience(click_rate=0.15, visits=0.5, seed=3).fit(ml100k.ratings)


@pytest.fixture(scope="module")
def lists(ml100k, audience):
    """What everybody is shown: the ten most rated films that they have not rated."""
    return registry.make("popularity").fit(ml100k.ratings).recommend(audience.users, 10)


class Arm(NamedTuple):
    """(tests, users, days): clicks and impressions; (tests, users): clicks of the two weeks before."""

    clicks: np.ndarray
    impressions: np.ndarray
    before: np.ndarray
    total: np.ndarray  # clicks of all days


@pytest.fixture(scope="module")
def arms(audience, lists):
    def arm() -> Arm:
        users = audience.crowd(TESTS * USERS)

        def days(n: int) -> list[np.ndarray]:
            seen = [audience.totals(lists, users, audience.arrivals(users)) for _ in range(n)]
            return [
                np.stack([day[name] for day in seen], axis=1).reshape(TESTS, USERS, n)
                for name in ("clicks", "impressions")
            ]

        before = audience.totals(lists, users, audience.arrivals(users, days=DAYS))["clicks"]
        clicks, impressions = days(DAYS)
        return Arm(clicks, impressions, before.to_numpy().reshape(TESTS, USERS), clicks.sum(axis=2))

    return arm(), arm()


RESULTS = {
    "two_proportions": lambda arms: two_proportions(
        *(Stats.of_counts((arm.total > 0).sum(axis=1), USERS) for arm in arms)
    ),
    "welch": lambda arms: welch(*(Stats.of(arm.total) for arm in arms)),
    "ratio": lambda arms: ratio(*(PairStats.of(arm.total, arm.impressions.sum(axis=2)) for arm in arms)),
    "cuped": lambda arms: cuped(*(PairStats.of(arm.total, arm.before) for arm in arms)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_a_tests_find_an_effect_as_often_as_alpha(name, arms, as_promised):
    result = RESULTS[name](arms)
    as_promised(result.p_value < 0.05, 0.05)
    as_promised((result.low <= 0) & (result.high >= 0), 0.95)


def test_segments_known_before_keep_alpha(arms, as_promised):
    def parts(arm: Arm, test: int) -> dict[str, Stats]:
        came = arm.before[test] > 0
        return {"clicked before": Stats.of(arm.total[test][came]), "did not": Stats.of(arm.total[test][~came])}

    results = [stratified(*(parts(arm, test) for arm in arms)) for test in range(TESTS)]
    as_promised(np.array([result.p_value < 0.05 for result in results]), 0.05)


def test_bootstrap_keeps_alpha(arms, as_promised):
    """Of 2,000 tests, with 200 resamples each: the fewest that an interval of 95 % can be read from."""
    a, b = (arm.total for arm in arms)
    rows = [bootstrap(a[i], b[i], method="percentile", n_resamples=200, seed=i) for i in range(TESTS)]
    # Percentiles of 200 resamples lie a little inside: the interval of 95 % is one of about 94.
    covered = np.mean([row.low <= 0 <= row.high for row in rows])
    assert 0.93 < covered < 0.96


def test_the_share_of_users_keeps_alpha(audience, as_promised):
    """All users of the audience, assigned anew by each experiment's own salt."""
    shares = {"control": 0.5, "treatment": 0.5}
    arrived = [Counter(Experiment(f"a-a-{test}").assign(audience.users)) for test in range(TESTS)]
    as_promised(np.array([srm(counts, shares).p_value < 0.05 for counts in arrived]), 0.05)


def test_a_guardrail_lets_a_loss_of_its_margin_pass_as_often_as_alpha(arms, as_promised):
    control, treatment = (Stats.of(arm.total) for arm in arms)
    margin = 0.1 * control.mean.mean()
    as_promised(non_inferior(control, treatment._replace(mean=treatment.mean - margin), margin).passed, 0.05)


def test_peeking_every_day_is_caught_and_a_sequential_test_is_not(arms, as_promised):
    """All users come on the first day, and each look holds their clicks so far: looks share users, as in life."""
    totals = [np.cumsum(arm.clicks, axis=2).transpose(0, 2, 1) for arm in arms]
    daily = welch(*(Stats.of(total) for total in totals))
    as_promised(daily.p_value[:, -1] < 0.05, 0.05)
    assert (daily.p_value < 0.05).any(axis=1).mean() > 0.1


def test_new_users_every_day(arms, as_promised):
    """As in test_sequential.py: independent increments, which both sequential methods need."""
    first = [arm.clicks[:, :, 0] for arm in arms]
    n = np.arange(25, USERS + 1, 25)
    looks = []
    for clicks in first:
        total, squares = clicks.cumsum(axis=1)[:, n - 1], (clicks**2).cumsum(axis=1)[:, n - 1]
        looks.append(Stats(n, total / n, (squares - total**2 / n) / (n - 1)))
    daily = welch(*looks)
    assert (daily.p_value < 0.05).any(axis=1).mean() > 0.15
    always = msprt(daily.effect, daily.standard_error, best_tau(float(daily.standard_error[:, -1].mean())))
    assert (always.p_value[:, -1] <= 0.05).mean() <= 0.05
    z = np.abs(daily.effect / daily.standard_error)
    as_promised((z >= spending_bounds(n / USERS).z).any(axis=1), 0.05)


# ---------------------------------------------------------------------- power
def moments(audience, lists, shift):
    """Of one user of the crowd in DAYS days: the chance of a click at all, and mean and variance of clicks. Exact.

    Visits are Poisson with mean m; a visit has q chance of no click, c clicks on average, with variance v:
    P(a click) = 1 - exp(-m (1 - q)), and clicks have mean m c and variance m (v + c^2) given the user.
    """
    p = audience.probabilities(lists, shift=shift).reshape(len(audience.users), -1)
    m = DAYS * audience.activity_
    c, v, q = p.sum(axis=1), (p * (1 - p)).sum(axis=1), (1 - p).prod(axis=1)
    clicks = m * c
    return (1 - np.exp(-m * (1 - q))).mean(), clicks.mean(), (m * (v + c**2)).mean() + clicks.var()


@pytest.mark.parametrize("method", ["two_proportions", "welch"])
def test_experiments_have_the_planned_power(method, audience, lists):
    shift = 0.6
    (base, mean, variance), (lifted, new_mean, new_variance) = (moments(audience, lists, s) for s in (0, shift))
    if method == "welch":
        plan = plan_means(new_mean - mean, (variance + new_variance) / 2)
    else:
        plan = plan_proportions(base, lifted - base)
    clicks = []
    for n, s in ((plan.n_control, 0.0), (plan.n_treatment, shift)):
        users = audience.crowd(TESTS * n)
        clicks.append(audience.totals(lists, users, audience.arrivals(users, days=DAYS), shift=s)["clicks"].to_numpy())
    counts = [c.reshape(TESTS, -1) for c in clicks]
    assert counts[1].mean() - counts[0].mean() == pytest.approx(new_mean - mean, rel=0.02), (
        "the effect is the planned one"
    )
    if method == "welch":
        result = welch(*(Stats.of(c) for c in counts))
    else:
        result = two_proportions(*(Stats.of_counts((c > 0).sum(axis=1), c.shape[1]) for c in counts))
    assert np.mean(result.p_value < 0.05) == pytest.approx(plan.power, abs=0.02)


# ---------------------------------------------------------------------- off-policy
@pytest.fixture(scope="module")
def judged(audience, lists):
    """2,000 logs of 1,000 visits: one film of five is shown at rank 1, by a policy that likes popular films.

    The policy to be judged likes the films that the audience's tastes like; its true value is a sum over users.
    """
    five = lists[lists["rank"] <= 5]
    appeal = audience.appeal(five).reshape(-1, 5)
    logging = np.array([0.4, 0.25, 0.15, 0.1, 0.1])
    target = 0.1 / 5 + 0.9 * np.exp(8 * appeal) / np.exp(8 * appeal).sum(axis=1, keepdims=True)
    chance = audience.activity_ / audience.activity_.sum()
    truth = float(chance @ (target * appeal).sum(axis=1))
    rng, out = np.random.default_rng(0), {}
    for _ in range(TESTS):
        who = rng.choice(len(chance), 1000, p=chance)
        action = rng.choice(5, 1000, p=logging)
        reward = (rng.random(1000) < appeal[who, action]).astype(float)
        log = Log.of(action, reward, logging[action], target[who])
        for name, value in (
            ("ips", ips(log)),
            ("snips", snips(log)),
            ("doubly robust", doubly_robust(log, appeal.mean(axis=0))),
        ):
            out.setdefault(name, []).append((value.value, value.low, value.high))
    return truth, {name: np.array(rows).T for name, rows in out.items()}


@pytest.mark.parametrize("name", ["ips", "snips", "doubly robust"])
def test_intervals_hold_the_audiences_truth(judged, name, as_promised):
    truth, results = judged
    value, low, high = results[name]
    assert value.mean() == pytest.approx(truth, abs=4 * value.std() / np.sqrt(TESTS))
    as_promised((low <= truth) & (high >= truth), 0.95)
