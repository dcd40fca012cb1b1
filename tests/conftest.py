"""What all tests share: the real data, the tiny data, and one Hypothesis profile."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# No deadline: the machines that run this are shared. 50 examples each keep the suite inside its minutes. In CI they are
# the same on each run; at home they vary.
settings.register_profile("lab", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("lab")


@pytest.fixture(scope="session")
def ml100k():
    """The Dataset MovieLens 100K: real ratings, 943 users x 1,682 films."""
    from recsys_lab import datasets

    return datasets.load("ml-100k")


@pytest.fixture
def toy():
    """The hand-made Dataset, small enough to compute answers by hand."""
    from recsys_lab import datasets

    return datasets.toy()


@pytest.fixture(params=[False, True], ids=["object strings", "pandas 3 strings"])
def infer_string(request):
    """Run a test with both of pandas' string types."""
    import pandas as pd

    with pd.option_context("future.infer_string", request.param):
        yield request.param
