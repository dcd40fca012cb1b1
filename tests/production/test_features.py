"""Features as they were known at a moment: DuckDB against a plain loop, and a planted leak that is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_lab.errors import DataError
from recsys_lab.production.features import WEEK, as_of, audit, event_features, item_features, user_features
from recsys_lab.simulate import Audience

OF = {"user": user_features, "item": item_features}


@pytest.fixture(scope="module")
def ratings(ml100k):
    return ml100k.ratings


@pytest.mark.parametrize("key", OF)
def test_features_are_counts_of_the_past(ratings, key):
    """A literal twin, for some keys: after each second, what has been seen so far."""
    features = OF[key](ratings)
    for one in ratings[key].drop_duplicates().head(12):
        theirs = ratings[ratings[key] == one]
        rows = []
        for t in sorted(theirs.timestamp.unique()):
            past = theirs[theirs.timestamp <= t]
            recent = past[past.timestamp > t - WEEK]
            rows.append((t + 1, len(past), past.rating.mean(), len(recent)))
        expected = pd.DataFrame(rows, columns=["known_at", "ratings", "mean_rating", "ratings_7d"])
        found = features[features[key] == one].drop(columns=key).reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@pytest.mark.parametrize("key", OF)
def test_joined_features_pass_the_audit(ratings, key):
    rows = as_of(ratings, OF[key](ratings), key)
    assert len(rows) == len(ratings)
    pd.testing.assert_frame_equal(rows[ratings.columns], ratings)
    assert audit(rows, ratings, key, sample=1500).empty
    first = rows.groupby(key).timestamp.transform("min") == rows.timestamp
    assert rows.ratings.isna().equals(first)


@pytest.mark.parametrize("key", OF)
def test_the_join_equals_pandas_merge_asof(ratings, key):
    features = OF[key](ratings)
    left = ratings.sort_values("timestamp", kind="stable")
    right = features.sort_values("known_at", kind="stable").assign(timestamp=lambda f: f.known_at)
    theirs = pd.merge_asof(left, right, on="timestamp", by=key)
    ours = as_of(left, features, key)
    for column in "ratings", "mean_rating", "ratings_7d":
        np.testing.assert_array_equal(ours[column].astype(float), theirs[column].astype(float))


def leaks(ratings, key):
    """Three ways in which the future gets in, each seen in real systems."""
    features = OF[key](ratings)
    yield "known within its own second", as_of(ratings, features.assign(known_at=features.known_at - 1), key)
    whole = ratings.groupby(key).rating.agg(ratings="count", mean_rating="mean").reset_index()
    now = features[[key, "known_at", "ratings_7d"]]
    yield "the whole table's mean", as_of(ratings, now, key).merge(whole, on=key)
    tomorrow = features.assign(known_at=features.known_at - 86_400)
    yield "dated a day too early", as_of(ratings, tomorrow, key)


@pytest.mark.parametrize("key", OF)
def test_a_planted_leak_is_found(ratings, key):
    found = {name: set(audit(rows, ratings, key).feature) for name, rows in leaks(ratings, key)}
    assert len(found) == 3
    assert all("mean_rating" in features and "ratings" in features for features in found.values()), found


def test_the_audit_says_what_it_found(ratings):
    features = user_features(ratings)
    rows = as_of(ratings, features.assign(known_at=features.known_at - 1), "user")
    leak = audit(rows, ratings, "user", sample=300).query("feature == 'ratings'")
    one = leak.iloc[0]
    theirs = ratings[(ratings.user == one.user) & (ratings.timestamp < one.timestamp)]
    assert one.true == len(theirs) < one.found


def test_rows_keep_their_order_and_index(toy):
    rows = toy.ratings.sample(frac=1, random_state=1)
    joined = as_of(rows, user_features(toy.ratings), "user")
    pd.testing.assert_frame_equal(joined[rows.columns], rows)


def test_features_of_events(ratings):
    audience = Audience(seed=1).fit(ratings)
    lists = ratings.groupby("user").head(5).assign(rank=lambda f: f.groupby("user").cumcount() + 1)
    events = pd.concat([audience.visit(lists, day=day) for day in (0, 3, 9)], ignore_index=True)
    features = event_features(events)
    last = features.groupby("user").tail(1).set_index("user")
    for user in audience.users[:20]:
        theirs = events[events.user == user]
        end = np.floor(theirs["at"].max())
        recent = theirs[np.floor(theirs["at"]) > end - WEEK]
        assert last.loc[user, "known_at"] == end + 1
        assert last.loc[user, "clicks_7d"] == (recent.kind == "click").sum()
        assert last.loc[user, "impressions_7d"] == (recent.kind == "impression").sum()


def test_bad_frames_are_refused(toy):
    ratings, features = toy.ratings, user_features(toy.ratings)
    with pytest.raises(DataError, match="no column 'timestamp'"):
        user_features(ratings.drop(columns="timestamp"))
    with pytest.raises(DataError, match="no column 'kind'"):
        event_features(ratings)
    with pytest.raises(DataError, match="already have the columns known_at, ratings, mean_rating, ratings_7d"):
        as_of(as_of(ratings, features, "user"), features, "user")
    with pytest.raises(DataError, match="no column 'ratings_7d'"):
        audit(as_of(ratings, features.drop(columns="ratings_7d"), "user"), ratings, "user")
