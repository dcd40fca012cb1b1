r"""Each formula of lesson 3.6, as printed, against the code that claims to compute it."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checks import close, formula, functions_of

from recsys_lab import datasets
from recsys_lab.experiment import UCB1, LinUCB, Log, doubly_robust, ips, preference, regret, snips
from recsys_lab.simulate import Audience


@formula(
    "3.6",
    r"\Delta = \frac{\text{wins}_a + \text{ties} / 2}{n} - \frac{1}{2} = \frac{\text{wins}_a - \text{wins}_b}{2 n}",
)
def test_a_preference(sides):
    _, shares, difference = sides
    for wins_a, wins_b, ties in ((60, 40, 100), (3, 9, 1)):
        delta = preference([1] * wins_a + [-1] * wins_b + [0] * ties).delta
        close(shares(wins_a=wins_a, ties=ties, n=wins_a + wins_b + ties), delta)
        close(difference(wins_a=wins_a, wins_b=wins_b, n=wins_a + wins_b + ties), delta)


@formula("3.6", r"R = \sum_{t=1}^{T} (\max_a \mu_a - \mu_{a_t})")
def test_regret(sides):
    _, lost = sides
    means, arms = np.array([0.1, 0.3, 0.25]), np.array([0, 1, 2, 0])
    close(lost(T=4, mu=means, all_a=[1, 2, 3], a=arms + 1), regret(means, arms)[-1])


@formula("3.6", r"m_a = s_a / n_a", r"u_a = m_a + \sqrt{\frac{2 \ln t}{n_a}}")
def test_an_upper_bound(sides):
    _, mean, _, upper = sides
    n, s = np.array([12.0, 30.0, 7.0]), np.array([5.0, 14.0, 2.0])
    for _ in range(60):
        bounds = [upper(m_a=mean(s_a=s[a], n_a=n[a]), t=n.sum(), n_a=n[a]) for a in range(3)]
        policy = UCB1(3)
        policy.counts_, policy.sums_ = n.astype(int), s
        assert functions_of("3.6", "ucb1")(n, s, None) == policy.choose() == np.argmax(bounds)
        close(bounds, s / n + np.sqrt(2 * np.log(n.sum()) / n))
        n[np.argmax(bounds)] += 1


@formula(
    "3.6",
    r"A = X^\top X + I \qquad\qquad \theta = A^{-1} X^\top r",
    r"u = x^\top \theta + \alpha \sqrt{x^\top A^{-1} x}",
)
def test_a_bandit_with_context(sides):
    _, gram, _, solved, _, score = sides
    rng = np.random.default_rng(0)
    X, r, alpha = rng.normal(size=(40, 3)), rng.integers(2, size=40).astype(float), 0.7
    policy = LinUCB(2, n_features=3, alpha=alpha)
    for x, reward in zip(X, r):
        policy.update(1, reward, x)
    A = gram(X=X, I=np.eye(3))
    theta = solved(A=A, X=X, r=r)
    close(A, np.linalg.inv(policy.inverse_[1]), atol=1e-8)
    close(theta, policy.inverse_[1] @ policy.b_[1])
    for x in rng.normal(size=(20, 3)):
        scores = [alpha * np.sqrt(x @ x), score(x=x, theta=theta, alpha=alpha, A=A)]  # arm 0 has seen nothing yet
        close(scores[1], x @ policy.inverse_[1] @ policy.b_[1] + alpha * np.sqrt(x @ policy.inverse_[1] @ x))
        assert policy.choose(x) == np.argmax(scores)


@pytest.fixture
def log():
    rng = np.random.default_rng(1)
    n, arms = 60, 3
    action, reward, propensity = rng.integers(arms, size=n), rng.integers(2, size=n), rng.uniform(0.1, 0.9, n)
    return Log.of(action, reward, propensity, rng.dirichlet(np.ones(arms), n)), rng.random((n, arms))


@formula(
    "3.6",
    r"w_i = \frac{\pi(a_i, x_i)}{p_i}",
    r"V_{\text{ips}} = \frac{1}{n} \sum_{i=1}^{n} w_i r_i \qquad\qquad "
    r"V_{\text{snips}} = \frac{\sum_{i=1}^{n} w_i r_i}{\sum_{i=1}^{n} w_i}",
    r"V_{\text{dr}} = \frac{1}{n} \sum_{i=1}^{n} \Big( \sum_{a} \pi(a, x_i)\, q(a, x_i) + w_i \big(r_i - q(a_i, x_i)\big) \Big)",
)
def test_what_another_policy_would_have_earned(sides, log):
    _, weight, _, plain, _, normalised, _, robust = sides
    log, predicted = log
    n, arms = log.target.shape
    visit = np.arange(1, n + 1)  # a visitor's context is the number of the visit

    def look(table):
        return lambda arm, x: table[int(x) - 1, int(arm) - 1]

    known = {"pi": look(log.target), "a": log.action + 1, "x": visit, "p": log.propensity}
    w = np.array([weight(i=i, **known) for i in visit])
    close(plain(n=n, w=w, r=log.reward), ips(log).value)
    close(normalised(n=n, w=w, r=log.reward), snips(log).value)
    # `a` is here the arm that the inner sum runs over, and a_i what visit i was shown.
    shown = dict(zip(visit, known.pop("a")))
    value = robust(n=n, w=w, r=log.reward, a_i=shown, q=look(predicted), all_a=range(1, arms + 1), **known)
    close(value, doubly_robust(log, predicted).value)


@formula("3.6", r"P(\text{click}) = e_k\, a_{ui}")
def test_a_click_is_a_look_times_a_liking(sides):
    _, click = sides
    ratings = datasets.toy().ratings
    audience = Audience(click_rate=0.2, factors=2).fit(ratings)
    lists = ratings[["user", "item"]].assign(rank=np.arange(len(ratings)) % 4 + 1)
    a = {(u, i): p for u, i, p in zip(lists["user"], lists["item"], audience.appeal(lists))}
    e = audience.looks(np.arange(1, 5))
    said = [click(e=e, k=k, a=a, u=u, i=i) for u, i, k in lists.itertuples(index=False)]
    close(said, audience.probabilities(lists))


@formula("3.6", r"\hat a_i = \frac{1}{n} \sum_{j=1}^{n} \frac{c_j}{\hat e_{k_j}}")
def test_clicks_without_the_place(sides):
    _, corrected = sides
    c, k, e = np.array([1, 0, 1, 1]), np.array([1, 3, 2, 3]), np.array([1, 0.5, 0.25])
    close(corrected(n=4, c=c, k=k, e_hat=e), (1 / 1 + 1 / 0.5 + 1 / 0.25) / 4)
