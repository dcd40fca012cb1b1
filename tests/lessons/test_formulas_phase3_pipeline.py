r"""The formulas of lesson 3.4, as printed, against the gate of its solutions and against NumPy."""

from __future__ import annotations

import numpy as np
from formula_checks import close, formula, functions_of


@formula(
    "3.4",
    r"\bar d = \frac{1}{n} \sum_u d_u \qquad s^2 = \frac{1}{n - 1} \sum_u (d_u - \bar d)^2 \qquad "
    r"h = 1.96 \, \frac{s}{\sqrt{n}}",
    r"\bar d - h \ge -m",
)
def test_the_gate(sides):
    _, mean, s_squared, variance, _, half, low, bound = sides
    gate = functions_of("3.4", "gate")
    differences = np.array([0.1, -0.1, 0.0, 0.25, 0.05])
    n, d = len(differences), dict(enumerate(differences, 1))
    d_bar = mean(n=n, d=d, all_u=list(d))
    close(d_bar, differences.mean())
    close(variance(n=n, d=d, d_bar=d_bar, all_u=list(d)), differences.var(ddof=1))
    s = differences.std(ddof=1)
    close(s_squared(s=s), differences.var(ddof=1))
    h = half(s=s, n=n)
    found_low, found_high, _ = gate(differences + 0.3, np.full(n, 0.3), 0.02)
    close(low(d_bar=d_bar, h=h), found_low)
    close(h, (found_high - found_low) / 2)
    for m in (0.0, 0.02, 0.05, 0.055, 0.06, 0.2):
        close(bound(m=m), -m)
        assert gate(differences + 0.3, np.full(n, 0.3), m)[2] == (low(d_bar=d_bar, h=h) >= bound(m=m))
