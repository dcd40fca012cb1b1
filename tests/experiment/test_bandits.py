"""Bandits: equal to their formulas, able to find the best arm, and the same after a stop."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.stats

from recsys_lab.errors import DataError
from recsys_lab.experiment import UCB1, EpsilonGreedy, LinUCB, Thompson, regret

MAKE = {
    "epsilon": lambda seed=0: EpsilonGreedy(4, epsilon=0.1, seed=seed),
    "ucb": lambda seed=0: UCB1(4, seed=seed),
    "thompson": lambda seed=0: Thompson(4, seed=seed),
    "linucb": lambda seed=0: LinUCB(4, n_features=2, alpha=0.3, seed=seed),
}
MEANS = np.array([0.1, 0.2, 0.5, 0.3])


def run(policy, rounds, seed=0, means=MEANS):
    """The arms chosen against rewards that were drawn beforehand, the same for every policy."""
    rewards = np.random.default_rng(seed).random((rounds, len(means))) < means
    arms = []
    for t in range(rounds):
        arms.append(policy.choose([1.0, t % 2]))
        policy.update(arms[-1], int(rewards[t, arms[-1]]), [1.0, t % 2])
    return np.array(arms)


@pytest.mark.parametrize("name", MAKE)
def test_the_best_arm_is_found(name):
    losses = np.array([regret(MEANS, run(MAKE[name](seed), 2000, seed))[-1] for seed in range(5)])
    at_random = 2000 * (MEANS.max() - MEANS.mean())
    assert losses.mean() < 0.25 * at_random
    arms = run(MAKE[name](), 2000)
    assert (arms[-500:] == 2).mean() > 0.75


def test_thompson_is_ahead_on_clicks_and_epsilon_greedy_never_stops_paying():
    total = {
        name: np.mean([regret(MEANS, run(MAKE[name](s), 3000, s)) for s in range(4)], axis=0) for name in list(MAKE)[:3]
    }
    assert total["thompson"][-1] < min(total["epsilon"][-1], total["ucb"][-1])
    late = total["epsilon"][-1] - total["epsilon"][2000]
    assert late == pytest.approx(1000 * 0.1 * (0.5 - MEANS.mean()), rel=0.35)


@pytest.mark.parametrize("name", MAKE)
def test_a_stored_policy_goes_on_as_if_nothing_had_been(name):
    whole, stopped = MAKE[name](), MAKE[name]()
    first, second = run(whole, 200, seed=1), run(whole, 200, seed=2)
    assert (run(stopped, 200, seed=1) == first).all()
    again = type(stopped).from_state(json.loads(json.dumps(stopped.state())))
    assert (run(again, 200, seed=2) == second).all()
    assert json.dumps(again.state()) == json.dumps(whole.state())
    with pytest.raises(DataError, match="this is no state of"):
        (UCB1 if name != "ucb" else Thompson).from_state(stopped.state())


@pytest.mark.parametrize("name", MAKE)
def test_the_global_generator_is_left_alone(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert (run(MAKE[name](), 50) == run(MAKE[name](), 50)).all()
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_a_simulator_with_the_same_seed_is_not_in_step():
    """Visitors from default_rng(seed), a policy from seed: if both drew the same numbers, the log would be useless."""
    policy, rng = EpsilonGreedy(2, epsilon=1, seed=7), np.random.default_rng(7)
    together = np.corrcoef([(policy.choose(), rng.random()) for _ in range(2000)], rowvar=False)[0, 1]
    assert abs(together) < 0.08


def test_ucb1_by_the_formula():
    policy, seen = UCB1(3), {0: [], 1: [], 2: []}
    rng = np.random.default_rng(0)
    for t in range(200):
        bound = {arm: np.mean(r) + np.sqrt(2 * np.log(t) / len(r)) if r else np.inf for arm, r in seen.items()}
        arm = max(bound, key=bound.get)
        assert policy.choose() == arm
        seen[arm].append(rng.random())
        policy.update(arm, seen[arm][-1])
    assert policy.means == pytest.approx([np.mean(r) for r in seen.values()])
    assert policy.counts_.sum() == 200


def test_epsilon_greedy_chooses_by_its_probabilities():
    policy = EpsilonGreedy(4, epsilon=0.2, seed=3)
    assert policy.probabilities() == pytest.approx([0.25] * 4)  # all are equally good as long as nothing is known
    for arm, reward in enumerate([0, 1, 1, 0]):
        policy.update(arm, reward)
    assert policy.probabilities() == pytest.approx([0.05, 0.45, 0.45, 0.05])
    counts = np.bincount([policy.choose() for _ in range(5000)], minlength=4)
    assert scipy.stats.chisquare(counts, 5000 * policy.probabilities()).pvalue > 0.01
    assert EpsilonGreedy(2, epsilon=0).probabilities().tolist() == [0.5, 0.5]


def test_thompson_chooses_an_arm_as_often_as_it_is_the_best():
    policy = Thompson(2, seed=1)
    for reward in [1] * 6 + [0] * 4:
        policy.update(0, reward)
    for reward in [1] * 4 + [0] * 6:
        policy.update(1, reward)
    draws = np.random.default_rng(0).beta([7, 5], [5, 7], (100_000, 2))
    expected = (draws[:, 0] > draws[:, 1]).mean()
    assert np.mean([policy.choose() == 0 for _ in range(5000)]) == pytest.approx(expected, abs=0.02)


def test_linucb_by_the_formula():
    rng, policy = np.random.default_rng(0), LinUCB(3, n_features=4, alpha=0.7)
    seen = {a: ([], []) for a in range(3)}
    for _ in range(150):
        x = rng.normal(size=4)
        bound = []
        for contexts, rewards in seen.values():
            big_a = np.eye(4) + sum((np.outer(c, c) for c in contexts), np.zeros((4, 4)))
            theta = np.linalg.solve(big_a, sum((r * c for r, c in zip(rewards, contexts)), np.zeros(4)))
            bound.append(x @ theta + 0.7 * np.sqrt(x @ np.linalg.solve(big_a, x)))
        arm = policy.choose(x)
        assert bound[arm] == pytest.approx(max(bound), rel=1e-9)
        reward = float(rng.normal(x[arm], 0.1))
        policy.update(arm, reward, x)
        seen[arm][0].append(x)
        seen[arm][1].append(reward)


def test_only_linucb_learns_who_likes_what():
    """Half of the visitors like arm 0, half arm 1; on average both arms are equal."""
    rng = np.random.default_rng(5)
    crime = rng.integers(2, size=1500)
    means = np.where(crime[:, None] == 1, [0.6, 0.1], [0.1, 0.6])
    lost = {}
    for name, policy in (("linucb", LinUCB(2, n_features=2, alpha=0.3)), ("thompson", Thompson(2))):
        arms = []
        for t in range(1500):
            arms.append(policy.choose([1, crime[t]]))
            policy.update(arms[-1], int(rng.random() < means[t, arms[-1]]), [1, crime[t]])
        lost[name] = regret(means, arms)[-1]
    assert lost["linucb"] < 0.15 * lost["thompson"]


def test_rewards_may_come_late():
    """A hundred visits before the first answer: nothing breaks, and the answers count when they come."""
    for make in MAKE.values():
        policy = make()
        waiting = [(policy.choose([1.0, 0.0]), [1.0, 0.0]) for _ in range(100)]
        for arm, context in reversed(waiting):
            policy.update(arm, 1, context)
        assert policy.counts_.sum() == 100


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: UCB1(1), "n_arms=1: there is something to choose between"),
        (lambda: EpsilonGreedy(2, epsilon=1.5), "epsilon=1.5"),
        (lambda: LinUCB(2, n_features=0), "n_features=0"),
        (lambda: LinUCB(2, n_features=2, alpha=-1), "alpha=-1"),
        (lambda: UCB1(2).update(2, 1), "arm=2: one of the arms; choose a whole number from 0 to 1"),
        (lambda: Thompson(2).update(0, 3), "reward=3: what Thompson learns from; choose a number from 0 to 1"),
        (lambda: EpsilonGreedy(2).update(0, np.nan), "reward=nan"),
        (lambda: LinUCB(2, n_features=2).choose(), "context=None: give n_features=2 finite numbers"),
        (lambda: LinUCB(2, n_features=2).update(0, 1, [1, np.inf]), "context="),
        (lambda: regret([0.1, 0.2], [0, 2]), "arms: give whole numbers from 0 to 1"),
        (lambda: regret([[0.1, 0.2]], [0, 1]), r"means \(1, 2\), arms \(2,\)"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(DataError, match=message):
        ask()


def test_a_refused_reward_changes_nothing():
    policy = LinUCB(2, n_features=2)
    before = json.dumps(policy.state())
    for arm, reward, context in [(5, 1, [1, 1]), (0, np.nan, [1, 1]), (0, 1, [1])]:
        with pytest.raises(DataError):
            policy.update(arm, reward, context)
    assert json.dumps(policy.state()) == before
