"""Ids to rows and back; and every bad frame that a learner may bring, refused with a sentence that helps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab.errors import DataError, RecsysLabError, UnknownIdError, few
from recsys_lab.ratings import IdIndex, Ratings, require_columns

pytestmark = pytest.mark.usefixtures("infer_string")


def frame(**columns) -> pd.DataFrame:
    """A good frame of three ratings, with some columns replaced."""
    good = {"user": ["ann", "ben", "ann"], "item": [7, 7, 9], "rating": [5.0, 3.0, 1.0]}
    return pd.DataFrame(good | columns)


ID_KINDS = {
    "text": ["b", "a", "c"],
    "numbers": [30, -1, 7],
    "tuples": [("b", 2), ("a", 9), ("a", 1)],
    "dates": list(pd.to_datetime(["2020-02-01", "2019-01-01", "2021-01-01"])),
    "mixed": ["x", 3, ("y", 1)],
}


# ---------------------------------------------------------------------- IdIndex
@pytest.mark.parametrize("ids", ID_KINDS.values(), ids=ID_KINDS)
def test_every_id_finds_its_row_in_any_order(ids):
    index, other_way_round = IdIndex(ids), IdIndex(ids[::-1] + ids)
    assert sorted(index.rows(ids)) == [0, 1, 2]
    assert index == other_way_round
    assert index.rows(index.ids).tolist() == [0, 1, 2]
    assert index.rows([ids[1]]).tolist() == [index.rows(ids)[1]]


@given(st.lists(st.one_of(st.integers(-(2**62), 2**62), st.text(max_size=3)), min_size=1))
def test_rows_and_ids_are_inverse(ids):
    index = IdIndex(ids)
    assert len(index) == len(set(ids))
    assert [index.ids[row] for row in index.rows(ids)] == ids


def test_rows_follow_the_sorted_ids_also_of_categories():
    letters = pd.Series(pd.Categorical(["b", "a"], categories=["z", "b", "a"]))
    index = IdIndex(letters)
    assert index.ids.tolist() == ["a", "b"]
    assert index.rows(letters).tolist() == [1, 0]


def test_unknown_ids_are_minus_one_or_an_error():
    index = IdIndex(range(10), noun="user")
    assert index.rows([3, 99]).tolist() == [3, -1]
    assert index.rows([]).tolist() == []
    with pytest.raises(UnknownIdError, match=r"unknown user 10, 11, 12, 13, 14 and 5 more: not among the 10 users"):
        index.known(range(5, 20))


@pytest.mark.parametrize(("known", "asked", "says"), [([1, 2], ["1"], "numbers"), (["1"], [1], "text")])
def test_ids_of_another_type_are_a_mistake_not_a_stranger(known, asked, says):
    with pytest.raises(DataError, match=f"user ids here are {says}.*Convert the ids"):
        IdIndex(known, noun="user").rows(asked)


@pytest.mark.parametrize("make", [np.array, pd.Series, pd.Index, list], ids=lambda m: m.__name__)
@pytest.mark.parametrize("ids", [[1, 2, 3], ["a", "b", "c"]], ids=["numbers", "text"])
def test_the_index_is_its_own(make, ids):
    """Neither does a later change reach the index, nor does the index make the caller's array read-only."""
    mine = make(ids)
    index = IdIndex(mine)
    if not isinstance(mine, pd.Index):
        mine[0] = ids[1]
    assert index.ids.tolist() == ids
    assert index.rows(ids).tolist() == [0, 1, 2]
    assert index == IdIndex(ids)
    with pytest.raises(ValueError, match="read-only"):
        index.ids[0] = ids[1]


def test_lists_cannot_be_ids():
    with pytest.raises(DataError, match="user ids must be hashable"):
        IdIndex([[1], [2]], noun="user")


# ---------------------------------------------------------------------- Ratings: what is built
@pytest.mark.parametrize("ids", ID_KINDS.values(), ids=ID_KINDS)
def test_there_and_back(ids):
    table = pd.DataFrame({"rating": [1.0, 2.0, 4.0]})
    table["user"] = pd.Series(ids, dtype=object)
    table["item"] = pd.Series(ids[::-1], dtype=object)
    ratings = Ratings.from_frame(table)
    back = ratings.to_frame()
    triples = {(u, i): r for u, i, r in zip(ids, ids[::-1], table["rating"])}
    assert {(u, i): r for u, i, r in zip(back["user"], back["item"], back["rating"])} == triples
    assert (ratings.n_users, ratings.n_items, ratings.n_ratings) == (3, 3, 3)


@given(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(1, 5), min_size=1), st.randoms())
def test_the_order_of_rows_does_not_matter(pairs, random):
    rows = [(u, i, float(r)) for (u, i), r in pairs.items()]
    a = Ratings.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]))
    random.shuffle(rows)
    b = Ratings.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]))
    assert a.users == b.users
    assert a.items == b.items
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(a.matrix, part), getattr(b.matrix, part))
    dense = np.full((7, 7), np.nan)
    dense[tuple(np.array(list(pairs)).T)] = list(pairs.values())
    assert a.mean == pytest.approx(np.nanmean(dense))
    assert a.density == len(pairs) / (a.n_users * a.n_items)


def test_a_stored_zero_is_a_rating():
    ratings = Ratings.from_frame(frame(rating=[0.0, 0.0, 5.0]))
    assert ratings.n_ratings == 3
    assert ratings.to_frame()["rating"].tolist() == [0.0, 5.0, 0.0]
    assert ratings.scale == (0.0, 5.0)


def test_other_column_names_and_further_columns():
    other = frame(when=[1, 2, 3]).rename(columns={"user": "userId", "item": "movieId", "rating": "stars"})
    ratings = Ratings.from_frame(other, user="userId", item="movieId", rating="stars", scale=(0.5, 5))
    assert (ratings.n_ratings, ratings.scale) == (3, (0.5, 5.0))


@pytest.mark.parametrize(("duplicates", "rating"), [("last", 2.0), ("mean", 3.0)])
def test_duplicates_when_asked(duplicates, rating):
    table = frame(user=["ann", "ben", "ann"], item=[7, 7, 7], rating=[4.0, 1.0, 2.0])
    back = Ratings.from_frame(table, duplicates=duplicates).to_frame()
    assert back.to_dict("list") == {"user": ["ann", "ben"], "item": [7, 7], "rating": [rating, 1.0]}


def test_nothing_can_be_changed_afterwards_from_either_side():
    table = frame()
    ratings = Ratings.from_frame(table)
    for part in (ratings.matrix.data, ratings.matrix.indices, ratings.matrix.indptr):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0
    with pytest.raises(AttributeError):
        ratings.scale = (0, 9)
    table.loc[0, ["user", "item", "rating"]] = ["zoe", 99, 2.0]  # the caller's frame stays the caller's
    assert ratings.to_frame()["user"].tolist() == ["ann", "ann", "ben"]
    assert ratings.to_frame()["item"].tolist() == [7, 9, 7]
    assert ratings.matrix.data.tolist() == [5.0, 1.0, 3.0]
    out = ratings.to_frame()
    out.loc[0, "rating"] = 9.0
    assert ratings.matrix.data.max() == 5.0


def test_it_says_what_it_holds(ml100k):
    assert repr(Ratings.from_frame(ml100k.ratings)) == "Ratings(100,000 ratings, 943 users, 1,682 items, 6.30% known)"


# ---------------------------------------------------------------------- Ratings: what is refused
BAD = {
    "empty": (frame().iloc[:0], "no rows: there is nothing to learn"),
    "NaN": (frame(rating=[5.0, np.nan, 1.0]), r"NaN or infinity in column 'rating': 1 row.*row 1.*user='ben', item=7"),
    "infinity": (frame(rating=[5.0, 3.0, np.inf]), r"NaN or infinity.*row 2.*drop these rows"),
    "missing number": (frame(rating=pd.array([5, None, 1], dtype="Int64")), "NaN or infinity.*row 1"),
    "text": (frame(rating=["5", "3", "1"]), r"not a number in column 'rating': 3 row.*pandas.to_numeric"),
    "some text": (frame(rating=[5.0, "three", 1.0]), "not a number.*1 row.*row 1.*rating='three'"),
    "booleans": (frame(rating=[True, False, True]), "not a number"),
    "complex": (frame(rating=[5 + 1j, 3, 1]), "not a number"),
    "dates": (frame(rating=pd.to_datetime(["2020", "2021", "2022"])), "not a number"),
    "missing user": (frame(user=["ann", None, "ann"]), "a missing id in column 'user': 1 row.*row 1"),
    "missing item": (frame(item=[7.0, 7.0, np.nan]), "a missing id in column 'item'.*row 2"),
    "a pair twice": (
        frame(item=[7, 7, 7], rating=[5, 3, 1]),
        r"occurs more than once: 2 row.*row 0: user='ann', item=7, rating=5\. Remedy: pass duplicates='last' or 'mean'",
    ),
    "other names": (
        frame().rename(columns={"user": "userId", "item": "movieId"}),
        "no column 'user', 'item'; found userId, movieId, rating: pass user='userId', item='movieId'",
    ),
    "no names": (pd.DataFrame([[1, 2, 3.0]]), "no column 'user', 'item', 'rating'; found 0, 1, 2: rename"),
    "a column twice": (
        pd.DataFrame([[1, 2, 3, 4]], columns=["user", "user", "item", "rating"]),
        "'user' occurs 2 times",
    ),
    "lists as ids": (frame(user=[[1], [2], [3]]), "user ids must be hashable"),
    "not a frame": ([("ann", 7, 5.0)], "expected a pandas DataFrame with columns user, item, rating; got list"),
}


@pytest.mark.parametrize(("bad", "says"), BAD.values(), ids=BAD)
def test_bad_frames_are_refused(bad, says):
    with pytest.raises(DataError, match=says):
        Ratings.from_frame(bad)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scale": (1, 4)}, r"a rating off the scale 1 to 4: 1 row.*row 0.*rating=5"),
        ({"scale": (2, 5)}, "off the scale 2 to 5.*row 2"),
        ({"scale": (5, 1)}, r"scale=\(5, 1\): the lowest rating must not exceed"),
        ({"scale": (np.nan, 5)}, "the lowest rating must not exceed"),
        ({"duplicates": "first"}, "duplicates='first': choose 'raise', 'last' or 'mean'"),
    ],
)
def test_bad_options_are_refused(options, says):
    with pytest.raises(DataError, match=says):
        Ratings.from_frame(frame(), **options)


def test_a_misspelt_column_is_guessed():
    with pytest.raises(DataError, match="pass rating='raitng'"):
        require_columns(pd.DataFrame(columns=["raitng"]), rating="rating")


def test_errors_are_ordinary_ones_too():
    assert issubclass(DataError, ValueError)
    assert issubclass(UnknownIdError, LookupError)
    assert issubclass(DataError, RecsysLabError)
    assert few([np.int64(3), "x"]) == "3, 'x'"


# ---------------------------------------------------------------------- what others build on
def test_a_wider_catalogue_keeps_every_rating():
    ratings = Ratings.from_frame(frame())
    wider = ratings.widen([8, 9, 1])
    assert wider.items.ids.tolist() == [1, 7, 8, 9]
    assert wider.matrix.shape == (2, 4)
    pd.testing.assert_frame_equal(wider.to_frame(), ratings.to_frame())
    assert ratings.n_items == 2, "the first one stays as it was"


def test_positives_are_ones_from_the_threshold_on():
    ratings = Ratings.from_frame(frame(rating=[0.0, 3.0, 1.0]))
    assert ratings.positives().toarray().tolist() == [[1, 1], [1, 0]], "a stored zero was chosen too"
    assert ratings.positives(1.0).toarray().tolist() == [[0, 1], [1, 0]]
    with pytest.raises(DataError, match=r"threshold=4.*the highest is 3"):
        ratings.positives(4.0)


def test_sorted_and_shuffled_frames_give_the_same_arrays(ml100k):
    """Sorted frames take a shorter way; both end in index arrays of one type, which SciPy need not convert."""
    tidy = ml100k.ratings.sort_values(["user", "item"])
    a, b = (Ratings.from_frame(frame).matrix for frame in (tidy, tidy.sample(frac=1, random_state=0)))
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.indptr.dtype == a.indices.dtype == np.int32
    assert a.T.tocsr().indices.dtype == np.int32


def test_what_one_user_rated():
    columns, values = Ratings.from_frame(frame()).of(0)
    assert (columns.tolist(), values.tolist()) == ([0, 1], [5.0, 1.0])
