"""Every splitter is a partition that obeys its seed; each keeps the promise in its name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab.errors import DataError
from recsys_lab.split import k_fold, leave_last, per_user_split, random_split, temporal_split

SPLITTERS = {
    "random": random_split,
    "per_user": per_user_split,
    "leave_last": leave_last,
    "temporal": temporal_split,
    "k_fold": lambda ratings: next(k_fold(ratings, folds=2)),
}


@st.composite
def ratings(draw, min_size=2):
    """Few users and few moments, so that lone users and ties in time are common; labels that are not 0..n-1."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=min_size, unique=True, max_size=30))
    times = draw(st.lists(st.integers(0, 5), min_size=len(pairs), max_size=len(pairs)))
    frame = pd.DataFrame(pairs, columns=["user", "item"]).assign(rating=3.0, timestamp=times)
    return frame.set_index(pd.Index(draw(st.permutations(range(100, 100 + len(pairs))))))


def split_or_refuse(splitter, frame):
    """Some frames cannot be divided as asked; then the refusal must be a DataError."""
    try:
        return splitter(frame)
    except DataError as error:
        if "nothing is left" not in str(error):
            raise
        return None


@pytest.mark.parametrize("splitter", SPLITTERS.values(), ids=SPLITTERS)
@given(frame=ratings())
def test_train_and_test_are_a_partition_in_the_input_order(splitter, frame):
    before = frame.copy()
    parts = split_or_refuse(splitter, frame)
    pd.testing.assert_frame_equal(frame, before)
    if parts:
        for part in parts:
            assert len(part) > 0
            pd.testing.assert_frame_equal(part, frame.loc[[label for label in frame.index if label in part.index]])
        assert sorted([*parts[0].index, *parts[1].index]) == sorted(frame.index)


@given(ratings(min_size=5), st.integers(2, 5))
def test_folds_test_each_row_once_and_are_equal_in_size(frame, folds):
    parts = list(k_fold(frame, folds))
    assert sorted(label for _, test in parts for label in test.index) == sorted(frame.index)
    assert all(len(train) + len(test) == len(frame) for train, test in parts)
    sizes = [len(test) for _, test in parts]
    assert max(sizes) - min(sizes) <= 1


@given(ratings(), st.sampled_from([0.1, 0.2, 0.5, 0.9]))
def test_per_user_keeps_each_user_in_training(frame, share):
    parts = split_or_refuse(lambda f: per_user_split(f, test=share), frame)
    if parts:
        train, test = (part.groupby("user").size() for part in parts)
        for user, n in frame.groupby("user").size().items():
            assert test.get(user, 0) == min(round(share * n), n - 1)
            assert train[user] >= 1


@given(ratings(), st.integers(1, 3))
def test_leave_last_by_its_definition(frame, n):
    parts = split_or_refuse(lambda f: leave_last(f, n), frame)
    if parts:
        expected = []
        for _, mine in frame.groupby("user"):
            expected += list(mine.sort_values(["timestamp", "item"]).index[1:][-n:])
        assert sorted(parts[1].index) == sorted(expected)


@given(ratings(), st.sampled_from([0.1, 0.2, 0.5, 0.9]))
def test_temporal_never_trains_on_the_future(frame, share):
    parts = split_or_refuse(lambda f: temporal_split(f, test=share), frame)
    if parts:
        train, test = parts
        assert train["timestamp"].max() < test["timestamp"].min()
        asked = min(max(round(share * len(frame)), 1), len(frame) - 1)
        assert len(test) >= asked
        # Not larger than asked, but for ties at the first moment of the test part.
        assert (test["timestamp"] > test["timestamp"].min()).sum() < asked


@pytest.mark.parametrize("splitter", [leave_last, temporal_split])
@given(frame=ratings(), random=st.randoms())
def test_splits_by_time_do_not_depend_on_the_order_of_rows(splitter, frame, random):
    parts = split_or_refuse(splitter, frame)
    order = list(frame.index)
    random.shuffle(order)
    shuffled = split_or_refuse(splitter, frame.loc[order])
    assert (parts is None) == (shuffled is None)
    if parts:
        assert set(parts[1].index) == set(shuffled[1].index)


@pytest.mark.parametrize(
    "kind", [lambda t: pd.to_datetime(t, unit="s"), lambda t: pd.to_datetime(t, unit="s", utc=True)]
)
@pytest.mark.parametrize("splitter", [leave_last, temporal_split])
def test_times_may_be_seconds_or_dates(ml100k, splitter, kind):
    frame = ml100k.ratings.head(5_000)
    as_dates = frame.assign(timestamp=kind(frame["timestamp"]))
    assert splitter(as_dates)[1].index.equals(splitter(frame)[1].index)


@pytest.mark.parametrize(
    "splitter",
    [random_split, per_user_split, lambda f, seed: next(k_fold(f, seed=seed))],
    ids=["random", "user", "fold"],
)
def test_the_seed_decides(ml100k, splitter):
    frame = ml100k.ratings
    _, first = splitter(frame, seed=1)
    _, again = splitter(frame, seed=1)
    _, other = splitter(frame, seed=2)
    _, generator = splitter(frame, seed=np.random.default_rng(1))
    assert first.index.equals(again.index)
    assert first.index.equals(generator.index)
    assert not first.index.equals(other.index)
    # Two independent fifths share a fifth of their rows.
    assert first.index.isin(other.index).mean() == pytest.approx(0.2, abs=0.02)


def test_sizes_on_movielens(ml100k):
    frame = ml100k.ratings
    assert len(random_split(frame)[1]) == 20_000
    assert [len(test) for _, test in k_fold(frame)] == [20_000] * 5
    assert len(leave_last(frame, n=2)[1]) == 2 * 943
    assert len(per_user_split(frame)[1]) == pytest.approx(20_000, abs=50)
    train, test = temporal_split(frame)
    assert len(test) == pytest.approx(20_000, abs=100)
    cold = ~test["user"].isin(train["user"])
    assert cold.mean() > 0.5  # most who rate in the last weeks are new: random splits hide this


def test_a_part_can_be_changed_without_a_warning(ml100k, recwarn):
    train, _ = random_split(ml100k.ratings)
    train["rating"] = 0.0
    assert not recwarn
    assert ml100k.ratings["rating"].min() == 1


FRAME = pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 1], "rating": [3.0, 4.0, 5.0], "timestamp": [1, 2, 3]})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: random_split(FRAME, test=0), "test=0: the share to hold out lies between 0 and 1"),
        (lambda: random_split(FRAME, test=1.0), "between 0 and 1"),
        (lambda: temporal_split(FRAME, test=float("nan")), "test=nan"),
        (lambda: per_user_split(FRAME, test=-0.2), "test=-0.2"),
        (lambda: random_split(FRAME.head(1)), r"1 row\(s\): a split needs at least one for each side"),
        (lambda: leave_last(FRAME.head(0)), r"0 row\(s\)"),
        (lambda: random_split([1, 2, 3]), "expected a pandas DataFrame.*got list"),
        (lambda: per_user_split(FRAME.drop(columns="user")), "no column 'user'"),
        (lambda: leave_last(FRAME.drop(columns="timestamp")), "no column 'timestamp'"),
        (lambda: leave_last(FRAME, n=0), "n=0: leave at least one"),
        (lambda: leave_last(FRAME.drop_duplicates("user")), "nothing is left for the test part"),
        (lambda: per_user_split(FRAME.drop_duplicates("user")), "nothing is left for the test part"),
        (lambda: per_user_split(FRAME.assign(user=[1, None, 2])), "a missing id in column 'user'"),
        (lambda: temporal_split(FRAME.assign(timestamp=7)), "nothing is left for the training part"),
        (lambda: temporal_split(FRAME.assign(timestamp=[1, None, 3])), r"1 missing timestamp\(s\)"),
        (lambda: temporal_split(FRAME.assign(timestamp=["May", "June", "July"])), "such as 'May'.*to_datetime"),
        (lambda: k_fold(FRAME, folds=1), "folds=1: choose from 2 to 3"),
        (lambda: k_fold(FRAME, folds=4), "folds=4: choose from 2 to 3"),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(DataError, match=says):
        call()
