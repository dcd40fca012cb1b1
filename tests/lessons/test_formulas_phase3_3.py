r"""The formula of lesson 3.3, as printed, against the lesson's own function, on the clock of MovieLens 100K."""

from __future__ import annotations

import pytest
from formula_checks import close, formula, functions_of


@formula("3.3", r"a = \frac{1}{n} \sum_{j=1}^{n} (t_j - m_j)")
@pytest.mark.parametrize("every", [60, 3600, 86_400])
def test_mean_age(sides, ml100k, every):
    _, age = sides
    requests = ml100k.ratings.sample(50, random_state=every)
    t = [int(second) for second in requests["timestamp"]]
    m = [max(run for run in range(second - every, second + 1) if run % every == 0) for second in t]
    by_lesson = functions_of("3.3", "mean_age")(requests, every)
    close(by_lesson, age(n=len(t), t=dict(enumerate(t, 1)), m=dict(enumerate(m, 1))))
