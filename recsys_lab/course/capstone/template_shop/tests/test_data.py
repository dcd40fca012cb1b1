"""The log is read rightly: by hand, on a few events."""

from __future__ import annotations

import pandas as pd
from myrec import data


def log(*events):
    return pd.DataFrame(events, columns=["session", "user", "item", "event", "timestamp"]).assign(price=9.99)


BOUGHT = [(1, 7, 50, "view", 100), (1, 7, 50, "basket", 110), (1, 7, 50, "purchase", 120)]


def test_the_furthest_step_counts():
    assert data.rated(log(*BOUGHT, (2, 7, 60, "basket", 200)))["rating"].tolist() == [5.0, 3.0]
    assert data.rated(log((1, 7, 50, "view", 100))).empty


def test_a_purchase_that_came_back_is_none_once_it_has():
    assert data.rated(log(*BOUGHT, (1, 7, 50, "return", 900))).empty
    assert len(data.rated(log(*BOUGHT))) == 1


def test_a_visit_without_a_user_is_nobodys():
    assert data.rated(log(*[(session, None, *rest) for session, _, *rest in BOUGHT])).empty


def test_a_program_wants_nothing():
    crawl = [(2, 7, item, "view", 500 + item) for item in range(100)]
    assert data.rated(log(*BOUGHT, *crawl)).empty


def test_the_past_knows_nothing_of_later_returns_and_lists_nothing_twice():
    later = [(3, 7, 50, "basket", 2000), (1, 7, 50, "return", 2100), (3, 7, 60, "basket", 2200)]
    train, test = data.split(log(*BOUGHT, *[(2, 8, item, "view", 300 + 60 * item) for item in range(9)], *later))
    assert train["timestamp"].max() < 2000
    assert data.rated(train)[["user", "item", "rating"]].to_numpy().tolist() == [[7, 50, 5.0]]
    assert test[["user", "item"]].to_numpy().tolist() == [[7, 60]]
