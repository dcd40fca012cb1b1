"""Off-policy values: by hand, unbiased, and with intervals that hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab.errors import DataError
from recsys_lab.experiment import EpsilonGreedy, Log, doubly_robust, ips, snips

# Two kinds of visitors, three actions: the chance of a click, and how often each policy shows what.
CLICK = np.array([[0.10, 0.30, 0.60], [0.50, 0.20, 0.10]])
LOGGING = np.array([[0.50, 0.30, 0.20], [0.20, 0.30, 0.50]])
TARGET = np.array([[0.10, 0.20, 0.70], [0.70, 0.20, 0.10]])
TRUTH = (TARGET * CLICK).sum(axis=1).mean()


def logged(rng, n, logging=LOGGING):
    kind = rng.integers(2, size=n)
    action = (rng.random(n)[:, None] > np.cumsum(logging, axis=1)[kind]).sum(axis=1)
    reward = (rng.random(n) < CLICK[kind, action]).astype(float)
    return kind, Log.of(action, reward, logging[kind, action], TARGET[kind])


def test_by_hand():
    log = Log.of([0, 1, 1], [1, 0, 1], [0.5, 0.25, 0.5], target=[0.25, 0.75])  # w = 0.5, 3, 1.5
    got = ips(log)
    assert got.value == pytest.approx((0.5 + 0 + 1.5) / 3)
    assert got.standard_error == pytest.approx(np.std([0.5, 0, 1.5], ddof=1) / np.sqrt(3))
    assert got.effective_n == pytest.approx(5**2 / (0.25 + 9 + 2.25))
    assert snips(log).value == pytest.approx(2 / 5)
    q = [0.5, 0.2]
    base = 0.25 * 0.5 + 0.75 * 0.2
    assert doubly_robust(log, q).value == pytest.approx(base + (0.5 * 0.5 + 3 * -0.2 + 1.5 * 0.8) / 3)
    clipped = ips(log, clip=2)
    assert clipped.value == pytest.approx(2 / 3)
    assert clipped.clipped == pytest.approx(1 / 5)
    narrow = ips(log, confidence=0.8)
    assert (narrow.high - narrow.low) / (got.high - got.low) == pytest.approx(1.2815515655 / 1.9599639845)


@given(st.integers(0, 100))
def test_on_its_own_log_a_policy_earns_what_it_earned(seed):
    kind, log = logged(np.random.default_rng(seed), 50)
    own = log._replace(target=LOGGING[kind])
    for got in (ips(own), snips(own), doubly_robust(own, np.zeros(3))):
        assert got.value == pytest.approx(log.reward.mean())
        assert got.standard_error == pytest.approx(log.reward.std(ddof=1) / np.sqrt(50))
        assert got.effective_n == pytest.approx(50)


@given(st.integers(0, 100), st.floats(-5, 5))
def test_snips_and_doubly_robust_follow_a_shift_of_the_rewards(seed, shift):
    """Stars from 1 to 5 instead of 0 to 4: the value moves by 1. That of ips moves by the mean weight."""
    _, log = logged(np.random.default_rng(seed), 80)
    moved = log._replace(reward=log.reward + shift)
    assert snips(moved).value == pytest.approx(snips(log).value + shift)
    assert snips(moved).standard_error == pytest.approx(snips(log).standard_error)
    q = np.full(3, 0.3)
    assert doubly_robust(moved, q + shift).value == pytest.approx(doubly_robust(log, q).value + shift)
    mean_weight = (log.at(log.target) / log.propensity).mean()
    assert ips(moved).value == pytest.approx(ips(log).value + shift * mean_weight)


@pytest.fixture(scope="module")
def repeated():
    """2,000 logs of 500 visits, each judged by all estimators; predictions that are right, and ones that are not."""
    rng, out = np.random.default_rng(0), {}
    wrong = np.array([0.4, 0.1, 0.3])
    for _ in range(2000):
        kind, log = logged(rng, 500)
        results = {
            "ips": ips(log),
            "snips": snips(log),
            "right model": doubly_robust(log, CLICK[kind]),
            "wrong model": doubly_robust(log, wrong),
            "clipped": ips(log, clip=1.5),
        }
        for name, got in results.items():
            out.setdefault(name, []).append(got)
    return {name: np.array(rows).T for name, rows in out.items()}


@pytest.mark.parametrize("name", ["ips", "snips", "right model", "wrong model"])
def test_intervals_hold_the_truth_at_their_nominal_rate(repeated, name, as_promised):
    value, error, low, high, *_ = repeated[name]
    assert value.mean() == pytest.approx(TRUTH, abs=4 * value.std() / np.sqrt(2000))
    assert error.mean() == pytest.approx(value.std(), rel=0.05)
    as_promised((low <= TRUTH) & (high >= TRUTH), 0.95)


def test_a_good_model_halves_the_error_and_clipping_costs_a_bias(repeated):
    spread = {name: rows[0].std() for name, rows in repeated.items()}
    assert spread["right model"] < spread["snips"] < spread["ips"]
    value, _, low, high, _, clipped = repeated["clipped"]
    bias = TRUTH - value.mean()
    assert 0.02 < bias < clipped.mean()  # rewards of at most 1: no more is lost than the weight that was cut
    assert spread["clipped"] < spread["ips"]
    assert ((low <= TRUTH) & (high >= TRUTH)).mean() < 0.9


def test_doubly_robust_survives_wrong_propensities_with_a_right_model():
    rng = np.random.default_rng(1)
    kind, log = logged(rng, 20_000)
    wrong = log._replace(propensity=0.7 * log.propensity)
    good = doubly_robust(wrong, CLICK[kind])
    assert good.low < TRUTH < good.high
    assert abs(ips(wrong).value - TRUTH) > 0.05


def test_a_bandits_log_judges_another_policy():
    """Epsilon-greedy learned and its log, with the probabilities of the moment, values a policy that it never ran."""
    rng, policy, rows = np.random.default_rng(2), EpsilonGreedy(3, epsilon=0.3, seed=2), []
    means = np.array([0.2, 0.5, 0.3])
    for _ in range(6000):
        chance, arm = policy.probabilities(), policy.choose()
        reward = int(rng.random() < means[arm])
        policy.update(arm, reward)
        rows.append({"action": "abc"[arm], "reward": reward, "propensity": chance[arm]})
    log = Log.from_frame(pd.DataFrame(rows), list("abc"), target=[0.0, 0.2, 0.8])
    truth = 0.2 * 0.5 + 0.8 * 0.3
    for got in (ips(log), snips(log), doubly_robust(log, [0.2, 0.4, 0.4])):
        assert got.low < truth < got.high


def test_from_frame_maps_ids():
    visits = pd.DataFrame({"action": ["x", "y", "x"], "reward": [1, 0, 1], "propensity": [0.5, 0.5, 0.5]})
    log = Log.from_frame(visits, ["y", "x"], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    assert log.action.tolist() == [1, 0, 1]
    assert log.at(log.target).tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(DataError, match="action 'y' is not among the actions"):
        Log.from_frame(visits, ["x", "z"], [0.5, 0.5])
    with pytest.raises(DataError, match="no column 'propensity'"):
        Log.from_frame(visits.drop(columns="propensity"), ["x", "y"], [0.5, 0.5])


GOOD = {"action": [0, 1], "reward": [1, 0], "propensity": [0.5, 0.5], "target": [0.5, 0.5]}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"action": [0, 2]}, "action: give whole numbers from 0 to 1"),
        ({"action": [0.0, 1.0]}, "action: give whole numbers"),
        ({"reward": [1, np.nan]}, "reward: nan: a visit without a click has reward 0"),
        ({"propensity": [0.5, 0]}, "propensity: 0.0: what was shown had a chance above 0"),
        ({"propensity": [0.5, 50]}, "propensity: 50.0"),
        ({"propensity": [0.5]}, r"propensity \(1,\)"),
        ({"target": [0.5, 0.6]}, "target: each row holds probabilities with sum 1"),
        ({"target": [[0.5, 0.5]]}, r"target \(1, 2\)"),
        ({"target": [-0.5, 1.5]}, "target: each row holds probabilities"),
        ({"action": [0], "reward": [1], "propensity": [0.5]}, "two visits or more"),
    ],
)
def test_refusals(bad, message):
    with pytest.raises(DataError, match=message):
        Log.of(**(GOOD | bad))


def test_refused_estimates():
    log = Log.of(**GOOD)
    with pytest.raises(DataError, match="clip=0: the largest weight"):
        ips(log, clip=0)
    with pytest.raises(DataError, match=r"predicted \(3,\)"):
        doubly_robust(log, [0.1, 0.2, 0.3])
    with pytest.raises(DataError, match="confidence=2"):
        ips(log, confidence=2)
    never = Log.of([0, 0], [1, 0], [0.5, 0.5], [0.0, 1.0])
    with pytest.raises(DataError, match="it never shows what was logged"):
        snips(never)
    assert ips(never)[:2] == (0, 0)
    assert ips(never).effective_n == 0
