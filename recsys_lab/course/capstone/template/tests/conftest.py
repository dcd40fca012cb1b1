"""What the tests share: some users of the real data, divided, and the model that the recipe makes of them."""

from __future__ import annotations

import pytest

from myrec import data, model


@pytest.fixture(scope="session")
def parts():
    """(train, test) of 300 users."""
    rows = data.load()
    return data.split(rows[rows["user"] <= 300], seed=1)


@pytest.fixture(scope="session")
def fitted(parts):
    return model.train(parts[0])
