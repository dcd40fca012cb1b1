r"""The formulas of lesson 3.7, as printed, against the lesson's cells, the library, and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checks import close, formula, functions_of
from scipy.stats import chi2

from recsys_lab.production import alarms, drift

BINS = range(1, 5)
BEFORE, NOW = np.array([50.0, 30, 20, 0]), np.array([20.0, 12, 12, 6])


@formula(
    "3.7",
    r"p_b = \frac{c_b + s}{n_p + s B}",
    r"\text{PSI} = \sum_b (q_b - p_b) \ln \frac{q_b}{p_b}",
)
def test_psi(sides):
    _, share, _, psi = sides
    p, q = (np.array([share(c=counts, b=b, s=0.5, n_p=counts.sum(), B=4) for b in BINS]) for counts in (BEFORE, NOW))
    close(p.sum(), 1)
    by_formula = psi(p=p, q=q, all_b=BINS)
    close(functions_of("3.7", "psi")(BEFORE, NOW), by_formula)
    close(drift.psi(BEFORE, NOW), by_formula)


@formula(
    "3.7",
    r"m = (p + q) / 2",
    r"H(p) = -\sum_b p_b \log_2 p_b \qquad\qquad J = \sqrt{H(m) - \frac{H(p) + H(q)}{2}}",
)
def test_jensen_shannon(sides):
    _, mixture, _, entropy, _, distance = sides
    before = BEFORE + 1
    p, q = before / before.sum(), NOW / NOW.sum()
    m = mixture(p=p, q=q)

    def H(p):
        return entropy(p=p, all_b=BINS)

    by_formula = distance(H=H, p=p, q=q, m=m)
    of_lesson, by_lesson = functions_of("3.7", "entropy", "js")
    close(of_lesson(p), H(p))
    close(by_lesson(before, NOW), by_formula)
    close(drift.jensen_shannon(before, NOW), by_formula)


@formula("3.7", r"D = \max_x |F(x) - G(x)|")
def test_kolmogorov_smirnov(sides):
    _, distance = sides
    rng = np.random.default_rng(0)
    a, b = rng.integers(1930, 1999, 80), rng.integers(1940, 1999, 50)
    D = distance(F=lambda x: np.mean(a <= x), G=lambda x: np.mean(b <= x), all_x=range(1920, 2000))
    close(functions_of("3.7", "ks")(a, b), D)
    close(drift.ks(a, b).statistic, D)


@formula("3.7", r"\text{expected PSI} = (B - 1) \left( \frac{1}{n_p} + \frac{1}{n_q} \right)")
def test_what_psi_is_without_change(sides):
    """Against 20,000 pairs of samples, and the chi-square law whose quantile exercise 3.7.2 gives."""
    _, expected = sides
    rng = np.random.default_rng(0)
    for n_p, n_q in ((2000, 2000), (20_000, 3000)):
        drawn = drift.psi(*(rng.multinomial(n, np.full(10, 0.1), 20_000) for n in (n_p, n_q)))
        assert drawn.mean() == pytest.approx(expected(B=10, n_p=n_p, n_q=n_q), rel=0.02)
    assert chi2.mean(9) == 9
    assert chi2.ppf(0.95, 9) == pytest.approx(16.92, abs=0.005)


@formula("3.7", r"\text{chance of a false alarm} = 1 - (1 - \alpha)^K")
def test_many_checks(sides):
    _, chance = sides
    rng = np.random.default_rng(0)
    rings = (rng.random((200_000, 15)) < 0.05).any(axis=1).mean()
    assert rings == pytest.approx(chance(alpha=0.05, K=15), abs=0.005)


@formula(
    "3.7",
    r"\text{up}_t = \max(0,\; \text{up}_{t-1} + z_t - k) \qquad\qquad"
    r"\text{down}_t = \max(0,\; \text{down}_{t-1} - z_t - k)",
)
def test_cusum(sides):
    _, up, _, down = sides
    z = np.random.default_rng(0).normal(0.3, 1, 40)
    sums = {"up": {0: 0.0}, "down": {0: 0.0}}
    for t in range(1, 41):
        for name, side in (("up", up), ("down", down)):
            sums[name][t] = side(**{name: sums[name]}, z=z, t=t, k=0.5)
    larger = [max(sums["up"][t], sums["down"][t]) for t in range(1, 41)]
    close(alarms.cusum(z, slack=0.5), larger)
    assert sums["up"][40] > 0
    assert any(sums["down"][t] > sums["up"][t] for t in range(1, 41))


@formula("3.7", r"C(d) = \frac{1}{d} \Big( c + v \sum_{a=1}^{d} l_a \Big)")
def test_cost_of_a_policy(sides):
    _, cost = sides
    loss = np.array([0.0, 0.01, 0.05, 0.1])
    for d in BINS:
        close(functions_of("3.7", "cost_per_day")(loss, d, 300.0, 40.0), cost(d=d, c=40, v=300, l=loss))
