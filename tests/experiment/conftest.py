"""What the tests of experiments share: is a rate seen in simulations the one that was promised?"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats


@pytest.fixture(scope="session")
def as_promised():
    """Fail unless the share of True lies in the central 99 % of the binomial distribution of that many draws.

    The seeds are fixed, so a test that passes goes on to pass; 99 and not 95 % because there are some twenty of them.
    """

    def check(happened: np.ndarray, rate: float) -> None:
        n = len(happened)
        low, high = scipy.stats.binom.interval(0.99, n, rate)
        count = int(np.sum(happened))
        assert low <= count <= high, f"{count} of {n:,}, promised {rate:.1%}: {low / n:.1%} to {high / n:.1%}"

    return check


@pytest.fixture(scope="session")
def visitors():
    """Draw users as they are: some come often, some like to click, and who clicked last month clicks this month.

    visitors(rng, shape) gives impressions, clicks and before, each of that shape; users in the last axis.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, ...], lift: float = 0.0):
        impressions = 1 + rng.poisson(rng.gamma(2, 5, shape))
        taste = rng.beta(2, 10, shape)
        clicks = rng.binomial(impressions, np.minimum(taste + lift, 1))
        before = rng.binomial(1 + rng.poisson(10, shape), taste)
        return impressions, clicks, before

    return draw
