"""Learning while serving: which of a few arms (rows of films, models, headlines) earns most, without an A/B test first.

Every policy has the same two methods, and a page calls them so:

    arm = policy.choose(context)            # a visit: which arm is shown
    policy.update(arm, reward, context)     # later: 1 for a click, 0 for none

Rewards may come late and out of order; until they come, the policy chooses as if those visits had not been. What a
policy has learned can be stored as JSON: `state()`, and `from_state` in the next process, which goes on with the same
random numbers. A bandit earns more than an A/B test while it runs, but its means are biased (an arm that was unlucky at
first is not tried again) and its p-values worthless.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from recsys_lab import checks
from recsys_lab.errors import DataError


class Bandit:
    """What the policies share: how often each arm was tried, what it earned, and a generator of their own.

    Attributes
    ----------
    counts_ : (n_arms,) rewards seen; sums_ : (n_arms,) their sum.
    """

    unit_rewards = False  # must rewards lie in [0, 1]?

    def __init__(self, n_arms: int, *, seed: int = 0):
        checks.whole("n_arms", n_arms, 2, "there is something to choose between")
        checks.whole("seed", seed, 0, "of the policy's random numbers")
        self.n_arms, self.seed = n_arms, seed
        self.counts_, self.sums_ = np.zeros(n_arms, dtype=np.int64), np.zeros(n_arms)
        # Not the stream of default_rng(seed): visitors drawn from that would be in step with the policy's choices.
        self._rng = np.random.default_rng([seed, 1])

    def choose(self, context: Any = None) -> int:
        """The arm for this visit, from 0; policies without contexts ignore `context`."""
        raise NotImplementedError

    def update(self, arm: int, reward: float, context: Any = None) -> None:
        """Learn that `arm` earned `reward`, when it was shown in this context."""
        checks.whole("arm", arm, 0, "one of the arms", self.n_arms - 1)
        low, high = (0, 1) if self.unit_rewards else (-np.inf, np.inf)
        checks.number("reward", reward, low, f"what {type(self).__name__} learns from", high)
        self.counts_[arm] += 1
        self.sums_[arm] += reward

    @property
    def means(self) -> np.ndarray:
        """(n_arms,) mean reward of each arm so far; 0 where it was never tried."""
        return self.sums_ / np.maximum(self.counts_, 1)

    def state(self) -> dict[str, Any]:
        """All that the policy is, as lists and numbers that JSON can hold."""
        learned = {name: value for name, value in vars(self).items() if name.endswith("_")}
        params = {name: value for name, value in vars(self).items() if not name.endswith("_") and name != "_rng"}
        return {
            "policy": type(self).__name__,
            "params": params,
            "learned": {name: value.tolist() for name, value in learned.items()},
            "rng": self._rng.bit_generator.state,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The policy as it was when `state()` was called."""
        if state.get("policy") != cls.__name__:
            raise DataError(f"policy={state.get('policy')!r}: this is no state of {cls.__name__}.")
        policy = cls(**state["params"])
        for name, value in state["learned"].items():
            fresh = getattr(policy, name)
            setattr(policy, name, np.array(value, dtype=fresh.dtype).reshape(fresh.shape))
        policy._rng.bit_generator.state = state["rng"]
        return policy


class EpsilonGreedy(Bandit):
    """With probability epsilon any arm, else the one with the best mean so far; arms that are equally good share it.

    The regret grows for ever, by epsilon times what a random arm costs. But its probabilities are known, so its logs
    can judge other policies: store probabilities()[arm] with each visit, as `propensity` of offpolicy.Log.
    Source: Sutton and Barto 2018, chapter 2.

    Parameters
    ----------
    epsilon : 0 to 1; 0.05 to 0.2 is usual.

    >>> policy = EpsilonGreedy(2, epsilon=0.2)
    >>> policy.update(1, reward=1)
    >>> policy.probabilities(), policy.choose()
    (array([0.1, 0.9]), 1)
    """

    def __init__(self, n_arms: int, *, epsilon: float = 0.1, seed: int = 0):
        super().__init__(n_arms, seed=seed)
        checks.number("epsilon", epsilon, 0, "the share of visits used to explore", 1)
        self.epsilon = epsilon

    def probabilities(self) -> np.ndarray:
        """(n_arms,) the chance of each arm at the next visit."""
        best = self.means == self.means.max()
        return self.epsilon / self.n_arms + (1 - self.epsilon) * best / best.sum()

    def choose(self, context: Any = None) -> int:
        return int(self._rng.choice(self.n_arms, p=self.probabilities()))


class UCB1(Bandit):
    """The arm whose mean could be best: mean + sqrt(2 ln t / n), t all tries and n those of the arm.

    First each arm once. The bonus is how far the true mean may lie above the one seen, so an arm is dropped when even
    that is not enough. Regret O(ln t); cautious: on clicks, which vary less than rewards in [0, 1] might, Thompson is
    ahead. No randomness: as long as no reward arrives, every visit gets the same arm. Rewards from 0 to 1.
    Source: Auer, Cesa-Bianchi and Fischer 2002, Machine Learning 47.

    >>> policy = UCB1(2)
    >>> for reward in (0, 1, 1):
    ...     policy.update(policy.choose(), reward)
    >>> policy.counts_.tolist(), policy.choose()
    ([1, 2], 1)
    """

    unit_rewards = True

    def choose(self, context: Any = None) -> int:
        if (self.counts_ == 0).any():
            return int(np.argmin(self.counts_))
        return int(np.argmax(self.means + np.sqrt(2 * np.log(self.counts_.sum()) / self.counts_)))


class Thompson(Bandit):
    """Draw each arm's mean from what is believed of it, and take the best draw.

        belief of an arm = Beta(1 + sum of its rewards, 1 + n - sum)

    So an arm is chosen as often as it is likely to be the best one. Regret O(ln t), and it stands late rewards well.
    Rewards 0 or 1 (fractions count as so much of a click).
    Source: Thompson 1933, Biometrika 25; Chapelle and Li 2011, NIPS.

    >>> policy = Thompson(2)
    >>> for _ in range(20):
    ...     policy.update(0, reward=0)
    ...     policy.update(1, reward=1)
    >>> policy.choose()
    1
    """

    unit_rewards = True

    def choose(self, context: Any = None) -> int:
        return int(np.argmax(self._rng.beta(1 + self.sums_, 1 + self.counts_ - self.sums_)))


class LinUCB(Bandit):
    """UCB for arms whose mean reward depends on the context x: one ridge regression an arm.

        A = I + sum x x',    theta = A^-1 sum reward x,    choose the largest  x . theta + alpha sqrt(x' A^-1 x)

    The root is the standard error of x . theta for rewards of variance 1: large where contexts like x were rare.
    (Disjoint LinUCB; A^-1 is kept up to date by Sherman and Morrison's formula.) O(n_arms n_features^2) a visit.
    Source: Li, Chu, Langford and Schapire 2010, WWW.

    Parameters
    ----------
    n_features : length of x; let one feature be 1, for the arm's mean. Scale the others to about -1 to 1.
    alpha : from 0, how much doubt counts; 0.2 to 2 is usual, for clicks rather less.

    Attributes
    ----------
    inverse_ : (n_arms, n_features, n_features), A^-1; b_ : (n_arms, n_features), sum reward x.

    >>> policy = LinUCB(2, n_features=2, alpha=0.5)
    >>> for likes_crime in [0, 1] * 50:  # arm 0 earns from those who like crime, arm 1 from the others
    ...     policy.update(0, likes_crime, context=[1, likes_crime])
    ...     policy.update(1, 1 - likes_crime, context=[1, likes_crime])
    >>> policy.choose([1, 1]), policy.choose([1, 0])
    (0, 1)
    """

    def __init__(self, n_arms: int, *, n_features: int, alpha: float = 1.0, seed: int = 0):
        super().__init__(n_arms, seed=seed)
        checks.whole("n_features", n_features, 1, "the length of a context")
        checks.number("alpha", alpha, 0, "how much doubt counts")
        self.n_features, self.alpha = n_features, alpha
        self.inverse_ = np.tile(np.eye(n_features), (n_arms, 1, 1))
        self.b_ = np.zeros((n_arms, n_features))

    def choose(self, context: Any = None) -> int:
        x = self._features(context)
        spread = self.inverse_ @ x
        return int(np.argmax((spread * self.b_).sum(axis=1) + self.alpha * np.sqrt(spread @ x)))

    def update(self, arm: int, reward: float, context: Any = None) -> None:
        x = self._features(context)
        super().update(arm, reward)
        spread = self.inverse_[arm] @ x
        self.inverse_[arm] -= np.outer(spread, spread) / (1 + x @ spread)
        self.b_[arm] += reward * x

    def _features(self, context: Any) -> np.ndarray:
        x = np.asarray(context, dtype=float)
        if x.shape != (self.n_features,) or not np.isfinite(x).all():
            raise DataError(f"context={context!r}: give n_features={self.n_features} finite numbers.")
        return x


def regret(means: Any, arms: Any) -> np.ndarray:
    """(rounds,) what was lost so far by not always choosing the best arm: the sum of max(means) - means[arm].

    Parameters
    ----------
    means : (n_arms,) or (rounds, n_arms), the true mean reward of each arm: known in a simulator, never elsewhere.
    arms : (rounds,) the arms chosen.

    >>> regret([0.1, 0.3], [0, 1, 0]).round(2).tolist()
    [0.2, 0.2, 0.4]
    """
    means, arms = np.asarray(means, dtype=float), np.asarray(arms)
    if arms.ndim != 1 or means.ndim not in (1, 2) or (means.ndim == 2 and len(means) != len(arms)):
        raise DataError(f"means {means.shape}, arms {arms.shape}: give (n_arms,) or (rounds, n_arms), and (rounds,).")
    if not np.issubdtype(arms.dtype, np.integer) or ((arms < 0) | (arms >= means.shape[-1])).any():
        raise DataError(f"arms: give whole numbers from 0 to {means.shape[-1] - 1}.")
    means = np.broadcast_to(means, (len(arms), means.shape[-1]))
    return np.cumsum(means.max(axis=1) - means[np.arange(len(arms)), arms])
