"""What the tests share: some users of the real data, divided, and the model that the recipe makes of them."""

from __future__ import annotations

import pytest

from myrec import data, model


@pytest.fixture(scope="session")
def parts():
    """(train, test) of 300 users, as `data.split` gives them."""
    rows = data.load()
    return data.split(rows[rows["user"] <= 300])


@pytest.fixture(scope="session")
def known(parts):
    """What the training part says of who wants what."""
    return data.rated(parts[0])


@pytest.fixture(scope="session")
def fitted(parts):
    return model.train(parts[0])
