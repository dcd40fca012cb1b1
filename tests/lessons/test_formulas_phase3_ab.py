r"""Each formula of lesson 3.5, as printed, against the lesson's own code and recsys_lab.experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from formula_checks import close, formula, functions_of, run
from scipy.special import ndtri

from recsys_lab.experiment import (
    PairStats,
    Stats,
    adjust,
    cuped,
    msprt,
    plan_means,
    ratio,
    srm,
    stratified,
    two_proportions,
    welch,
)


class NormalPoints(Mapping):
    """z_q as the entry q of a table."""

    def __getitem__(self, q):
        return float(ndtri(q))

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


@pytest.fixture
def arms():
    """(clicks, impressions) of the users of a control and of a treatment."""
    rng = np.random.default_rng(0)
    found = []
    for n in (40, 60):
        shown = 10 * (1 + rng.poisson(5, n))
        found.append((rng.binomial(shown, 0.1).astype(float), shown.astype(float)))
    return found


@formula("3.5", r"z = \frac{p_t - p_c}{\sqrt{p (1 - p) \left( \frac{1}{n_c} + \frac{1}{n_t} \right)}}")
def test_two_proportions(sides):
    _, z = sides
    k_c, n_c, k_t, n_t = 30, 200, 60, 300
    line = "z = (p_t - p_c) / np.sqrt(p * (1 - p) * (1 / n_c + 1 / n_t))"
    known = {"p_c": k_c / n_c, "p_t": k_t / n_t, "n_c": n_c, "n_t": n_t, "p": (k_c + k_t) / (n_c + n_t)}
    close(z(**known), run("3.5", line, **known)["z"])
    p_value = two_proportions(Stats.of_counts(k_c, n_c), Stats.of_counts(k_t, n_t)).p_value
    close(abs(z(**known)), -ndtri(p_value / 2))


@formula("3.5", r"t = \frac{m_t - m_c}{\sqrt{\frac{s_c^2}{n_c} + \frac{s_t^2}{n_t}}}")
def test_welch(sides, arms):
    _, t = sides
    (y_c, _), (y_t, _) = arms
    found = welch(Stats.of(y_c), Stats.of(y_t))
    known = {"m_c": y_c.mean(), "m_t": y_t.mean(), "s_c": y_c.std(ddof=1), "s_t": y_t.std(ddof=1)}
    close(t(**known, n_c=len(y_c), n_t=len(y_t)), found.effect / found.standard_error)


@formula("3.5", r"n = \frac{2 (z_{1 - \alpha/2} + z_{1 - \beta})^2 \sigma^2}{\delta^2}")
def test_users_in_each_arm(sides):
    _, n = sides
    by_lesson = functions_of("3.5", "users_per_arm", math=math, ndtri=ndtri)
    for delta, variance, alpha, power in ((0.1, 1.0, 0.05, 0.8), (0.3, 4.0, 0.01, 0.9)):
        users = n(z=NormalPoints(), alpha=alpha, beta=1 - power, sigma=math.sqrt(variance), delta=delta)
        assert math.ceil(users) == by_lesson(delta, variance, alpha, power)
        assert math.ceil(users) == plan_means(delta, variance, alpha=alpha, power=power).n_control


@formula("3.5", r"R = \frac{\bar y}{\bar x}", r"v = \frac{s_y^2 - 2 R s_{xy} + R^2 s_x^2}{\bar x^2}")
def test_delta_method(sides, arms):
    _, rate, _, variance = sides
    squares, rates = 0.0, []
    for y, x in arms:
        (v_y, s_xy), (_, v_x) = np.cov(y, x)
        r = rate(y_bar=y.mean(), x_bar=x.mean())
        v = variance(s_y=math.sqrt(v_y), R=r, s_xy=s_xy, s_x=math.sqrt(v_x), x_bar=x.mean())
        close((len(y), r, v), PairStats.of(y, x).ratio())
        squares += v / len(y)
        rates.append(r)
    (y_c, x_c), (y_t, x_t) = arms
    close((rates[1] - rates[0], math.sqrt(squares)), functions_of("3.5", "ratio_effect")(y_c, x_c, y_t, x_t))
    close(math.sqrt(squares), ratio(PairStats.of(y_c, x_c), PairStats.of(y_t, x_t)).standard_error)


@formula(
    "3.5",
    r"y' = y - \theta (x - \bar x) \qquad\qquad \theta = \frac{s_{xy}}{s_x^2}",
    r"s_{y'}^2 = (1 - \rho^2) s_y^2",
)
def test_cuped(sides, arms):
    _, adjusted, _, slope, _, left = sides
    (y_c, x_c), (y_t, x_t) = arms
    y, x = np.concatenate([y_c, y_t]), np.concatenate([x_c, x_t])
    theta = slope(s_xy=np.cov(y, x)[0, 1], s_x=x.std(ddof=1))
    close(theta, adjust(PairStats.of(y_c, x_c), PairStats.of(y_t, x_t)).theta)
    of_arm = [adjusted(y=a, theta=theta, x=b, x_bar=x.mean()) for a, b in arms]
    effect, error = functions_of("3.5", "cuped_effect")(y_c, x_c, y_t, x_t)
    close(of_arm[1].mean() - of_arm[0].mean(), effect)
    close(math.sqrt(sum(a.var(ddof=1) / len(a) for a in of_arm)), error)
    close(effect, cuped(PairStats.of(y_c, x_c), PairStats.of(y_t, x_t)).effect)
    everybody = np.concatenate(of_arm)
    close(left(rho=np.corrcoef(y, x)[0, 1], s_y=y.std(ddof=1)), everybody.var(ddof=1))


@formula("3.5", r"\chi^2 = \sum_{v} \frac{(O_v - E_v)^2}{E_v}")
def test_chi_square(sides):
    _, statistic = sides
    counts, shares = {"control": 480, "treatment": 550}, {"control": 0.5, "treatment": 0.5}
    expected = dict.fromkeys(counts, 515.0)
    found = statistic(O=counts, E=expected, all_v=list(counts))
    close(found, srm(counts, shares).statistic)
    line = "by_hand = sum((count - expected) ** 2 / expected for count in counts.values())"
    close(found, run("3.5", line, counts=counts, expected=515.0)["by_hand"])


@formula(
    "3.5",
    r"\Lambda_k = \sqrt{\frac{V_k}{V_k + \tau^2}} \, e^{\frac{d_k^2 \tau^2}{2 V_k (V_k + \tau^2)}}",
    r"p_k = \min\left(1, \min_{j \le k} \frac{1}{\Lambda_j}\right)",
)
def test_always_valid(sides):
    _, ratio_at, _, p_at = sides
    d, error, tau = np.array([0.02, 0.6, 0.4, 0.1]), np.array([0.4, 0.25, 0.2, 0.15]), 0.3
    ratios = [ratio_at(V=error**2, d=d, tau=tau, k=k, e=math.e) for k in range(1, 5)]
    p = [p_at(Lambda=ratios, k=k) for k in range(1, 5)]
    close(p, functions_of("3.5", "always_valid")(d, error, tau))
    close(p, msprt(d, error, tau).p_value)


@formula("3.5", r"d = \sum_{s} w_s d_s")
def test_fair_effect(sides):
    _, effect = sides
    control = {"workday": Stats(900, 1.0, 2.0), "weekend": Stats(90, 3.0, 2.0)}
    treatment = {"workday": Stats(100, 1.1, 2.0), "weekend": Stats(910, 3.3, 2.0)}
    n = {s: control[s].n + treatment[s].n for s in control}
    w = {s: n[s] / sum(n.values()) for s in n}
    d = {s: treatment[s].mean - control[s].mean for s in n}
    close(effect(w=w, d=d, all_s=list(n)), stratified(control, treatment).effect)
