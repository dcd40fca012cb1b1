"""Reading a shop's log: the rule for each kind of event, and nothing that was not known yet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab.errors import DataError
from recsys_lab.funnel import EVENTS, WEIGHTS, automated, cut, interactions
from recsys_lab.shop import Shop


def log_of(*rows):
    return pd.DataFrame(rows, columns=["session", "user", "item", "event", "timestamp"])


@pytest.fixture(scope="module")
def log(ml100k):
    few = ml100k.ratings[ml100k.ratings["user"] <= 60]
    return Shop(factors=8, visits=0.5).fit(few, ml100k.items).log(60)


def literal(events):
    """The rules of `interactions`, one row at a time, for a log without programs."""
    returned = {(e.session, e.item) for e in events.itertuples() if e.event == "return"}
    best = {}
    for e in events.sort_values("timestamp", kind="stable").itertuples():
        undone = e.event == "return" or (e.event != "view" and (e.session, e.item) in returned)
        if pd.isna(e.user) or undone:
            continue
        if WEIGHTS[e.event] > best.get((e.user, e.item), (0, 0))[0]:
            best[e.user, e.item] = WEIGHTS[e.event], e.timestamp
    return [(*pair, *best[pair]) for pair in sorted(best)]


def test_interactions_are_the_rules_one_row_at_a_time(log):
    people = log[~automated(log)]
    found = interactions(people)
    assert list(found.itertuples(index=False, name=None)) == literal(people)
    assert found["user"].dtype == "int64"
    pd.testing.assert_frame_equal(interactions(people.sample(frac=1, random_state=0)), found)


def test_a_return_takes_back_its_own_purchase_only():
    events = log_of(
        (1, "ann", 7, "view", 10),
        (1, "ann", 7, "basket", 11),
        (1, "ann", 7, "purchase", 12),
        (1, "ann", 8, "view", 10),
        (1, "ann", 8, "basket", 11),
        (1, "ann", 8, "purchase", 12),
        (1, "ann", 7, "return", 90),
    )
    assert interactions(events)[["item", "rating", "timestamp"]].to_numpy().tolist() == [[7, 1, 10], [8, 5, 12]]
    again = log_of((2, "ann", 7, "basket", 200), (2, "ann", 7, "purchase", 210))
    both = interactions(pd.concat([events, again]))
    assert both[["item", "rating", "timestamp"]].to_numpy().tolist() == [[7, 5, 210], [8, 5, 12]]


def test_weights_choose_the_steps():
    events = log_of((1, "ann", 7, "view", 10), (1, "ann", 7, "basket", 11), (1, "ann", 8, "view", 15))
    assert interactions(events, {"basket": 2})[["item", "rating"]].to_numpy().tolist() == [[7, 2]]
    assert interactions(events, {"view": 4, "basket": 2})["rating"].tolist() == [4, 4]
    assert interactions(events, {"purchase": 1}).empty


def test_a_program_is_known_by_its_pace_and_taints_its_account():
    pages = [(1, "eve", item, "view", 2 * item) for item in range(20)]
    later = [(2, "eve", 99, "view", 5_000), (3, "ann", 99, "view", 5_000)]
    assert automated(log_of(*pages, *later)).tolist() == [True] * 21 + [False]
    assert not automated(log_of(*pages[:19], *later)).any()  # too few to judge
    slow = [(1, "eve", item, "view", 5 * item) for item in range(20)]
    assert not automated(log_of(*slow, *later)).any()
    nobody = log_of(*pages, *later).assign(user=lambda e: e["user"].where(e["session"] > 1))
    assert automated(nobody).tolist() == [True] * 20 + [False] * 2


def test_the_past_does_not_know_what_comes(log):
    """Whatever the second part holds, the first is read the same; and it is read as if the log ended there."""
    train, test = cut(log, 0.3)
    moment = test["timestamp"].min()
    assert train["timestamp"].max() < moment
    before = log["timestamp"] < moment
    pd.testing.assert_frame_equal(train, interactions(log[before]))
    rng = np.random.default_rng(0)
    forged = log.copy()
    forged.loc[~before, "event"] = rng.choice(EVENTS, (~before).sum())
    forged.loc[~before, "item"] = rng.permutation(forged.loc[~before, "item"])
    pd.testing.assert_frame_equal(cut(forged, 0.3)[0], train)
    # Finished interactions do know: some of what was bought before the moment has come back after it.
    kept = interactions(log, {"purchase": 1}).query("timestamp < @moment")
    assert len(kept) < len(interactions(log[before], {"purchase": 1}))


def test_the_test_part_is_new_to_the_customer(log):
    for weights in (WEIGHTS, {"purchase": 1.0}):
        train, test = cut(log, 0.3, weights)
        assert not pd.concat([train, test]).duplicated(["user", "item"]).any()
        assert list(test.columns) == ["user", "item", "rating", "timestamp"]
        assert len(test) > 50
        assert test.index.equals(pd.RangeIndex(len(test)))


def test_what_is_no_log_is_refused(log):
    with pytest.raises(DataError, match="no column 'session'"):
        interactions(log.drop(columns="session"))
    with pytest.raises(DataError, match="event 'click' is none of view, basket"):
        interactions(log.assign(event="click"))
    for weights in ({}, {"return": 1}, {"like": 1}):
        with pytest.raises(DataError, match="give one or more of view, basket, purchase"):
            interactions(log, weights)
    with pytest.raises(DataError, match=r"weights\['view'\]=0"):
        interactions(log, {"view": 0})
