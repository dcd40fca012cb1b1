r"""The formulas of lesson 4.6, as printed, against the lesson's cells, SciPy, and what intervals are for."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from formula_checks import close, formula, functions_of
from scipy import stats


@formula(
    "4.6",
    r"d_u = a_u - b_u",
    r"\bar d = \frac{1}{n} \sum_{u=1}^{n} d_u \qquad\qquad s = \sqrt{\frac{1}{n-1} \sum_{u=1}^{n} (d_u - \bar d)^2}",
    r"h = 1.96\,\frac{s}{\sqrt{n}}",
)
def test_the_interval_of_a_paired_difference(sides):
    _, difference, _, mean, _, spread, _, half = sides
    rng = np.random.default_rng(4)
    a, b = rng.beta(1, 2, (2, 40))
    d = [difference(a=list(a), b=list(b), u=u) for u in range(1, 41)]
    d_bar = mean(d=d, n=40)
    s = spread(d=d, n=40, d_bar=d_bar)
    h = half(s=s, n=40)
    close((d_bar, s), (np.mean(a - b), stats.tstd(a - b)))
    verdict = functions_of("4.6", "verdict", math=math)
    close(verdict(pd.Series(a), pd.Series(b))[1:], (d_bar, d_bar - h, d_bar + h))
    low, high = stats.norm.interval(0.95, d_bar, stats.sem(a - b))
    close((d_bar - h, d_bar + h), (low, high), atol=1e-4)
