"""Hide some ratings from a model, so that it can be judged on what it has not seen.

Every splitter takes a long frame (one row a rating) and returns `(train, test)`: new frames that together hold each
row once, in the order and with the index labels of the input. The same seed gives the same split.

| splitter       | answers the question                                        | needs     |
|----------------|-------------------------------------------------------------|-----------|
| random_split   | how well are gaps in the table filled?                      |           |
| k_fold         | the same, with each rating tested once                      |           |
| per_user_split | the same, with every user in training                       | user      |
| leave_last     | what comes next for each user?                              | timestamp |
| temporal_split | how would the model have done, had it been launched then?   | timestamp |

Only `temporal_split` never lets a model learn from the future; the others are easier than production.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from recsys_lab.errors import DataError
from recsys_lab.ratings import IdIndex, require_columns

Seed = int | np.random.Generator
Split = tuple[pd.DataFrame, pd.DataFrame]


def random_split(ratings: pd.DataFrame, test: float = 0.2, seed: Seed = 0) -> Split:
    """Hold out a random share of the rows, whoever they belong to. O(n).

    Parameters
    ----------
    ratings : any frame of at least two rows.
    test : the share to hold out, between 0 and 1; rounded to whole rows, at least one on each side.
    seed : an int, or a Generator, which is advanced.

    A user whose every rating is held out is a cold user of this split.

    >>> train, test = random_split(pd.DataFrame({"user": list("aabbbccc")}), test=0.25)
    >>> len(train), len(test), sorted([*train.index, *test.index])
    (6, 2, [0, 1, 2, 3, 4, 5, 6, 7])
    """
    held_out = np.zeros(_rows(ratings), dtype=bool)
    held_out[np.random.default_rng(seed).permutation(len(ratings))[: _size(len(ratings), test)]] = True
    return _divide(ratings, held_out)


def per_user_split(ratings: pd.DataFrame, test: float = 0.2, seed: Seed = 0) -> Split:
    """Hold out a random share of each user's ratings. O(n log n).

    Of a user's n ratings, test x n are held out, rounded to the nearest whole number (a half goes to the even one),
    and never all n: every user is in training, so there are no cold users. A user with few ratings may have none
    in the test part (with test=0.2, one or two ratings).

    >>> frame = pd.DataFrame({"user": list("aaaabbbbc"), "item": range(9)})
    >>> train, test = per_user_split(frame, test=0.5)
    >>> test["user"].tolist()
    ['a', 'a', 'b', 'b']
    """
    require_columns(ratings, user="user")
    _size(_rows(ratings), test)
    users = _codes(ratings, "user")
    place = _place_within(users, np.random.default_rng(seed).random(len(ratings)))
    count = np.bincount(users)
    take = np.minimum(np.rint(test * count), count - 1)
    return _divide(ratings, place < take[users])


def leave_last(ratings: pd.DataFrame, n: int = 1) -> Split:
    """Hold out each user's n latest ratings. O(n_ratings log n_ratings).

    A user with n ratings or fewer keeps the first one in training. Ratings of one user at the same time count in the
    order of their items' ids, so the order of the rows does not matter.

    Note: the model still sees other users' later ratings. Use `temporal_split` where that matters.

    >>> frame = pd.DataFrame({"user": [1, 1, 1, 2], "item": [7, 8, 9, 7], "timestamp": [30, 10, 20, 5]})
    >>> train, test = leave_last(frame)
    >>> test["item"].tolist()
    [7]
    """
    require_columns(ratings, user="user", item="item", timestamp="timestamp")
    if n < 1:
        raise DataError(f"n={n}: leave at least one rating of each user.")
    _rows(ratings)
    users, when = _codes(ratings, "user"), times(ratings)
    from_the_end = np.bincount(users)[users] - 1 - _place_within(users, when, _codes(ratings, "item"))
    first = from_the_end == np.bincount(users)[users] - 1
    return _divide(ratings, (from_the_end < n) & ~first)


def temporal_split(ratings: pd.DataFrame, test: float = 0.2) -> Split:
    """Train on what happened before one moment, test on what happened from then on: the honest rehearsal. O(n log n).

    The moment is that of the n-th latest rating, n being test x rows. Ratings at that very moment go to the test part
    together, so it can be a little larger than asked. Users and items that appear later are cold: that is the point.

    >>> frame = pd.DataFrame({"user": [1, 2, 3, 4], "item": [7, 8, 9, 7], "timestamp": [30, 10, 20, 20]})
    >>> train, test = temporal_split(frame, test=0.5)
    >>> train["timestamp"].tolist(), test["timestamp"].tolist()
    ([10], [30, 20, 20])
    """
    require_columns(ratings, timestamp="timestamp")
    size, when = _size(_rows(ratings), test), times(ratings)
    return _divide(ratings, when >= np.partition(when, len(when) - size)[len(when) - size])


def k_fold(ratings: pd.DataFrame, folds: int = 5, seed: Seed = 0) -> Iterator[Split]:
    """Deal the rows at random into equal folds; yield each fold once as the test part. O(folds x n).

    Parameters
    ----------
    folds : from 2 to the number of rows. Sizes differ by one row at most.

    >>> frame = pd.DataFrame({"user": [1, 1, 2, 2, 3]})
    >>> sorted(label for _, test in k_fold(frame, folds=2) for label in test.index)
    [0, 1, 2, 3, 4]
    """
    if not 2 <= folds <= _rows(ratings):
        raise DataError(f"folds={folds}: choose from 2 to {len(ratings):,}, the number of ratings.")
    fold = np.arange(len(ratings)) % folds
    np.random.default_rng(seed).shuffle(fold)
    # Checked and dealt at the call; a generator function would wait for the first `next`.
    return (_divide(ratings, fold == f) for f in range(folds))


def _rows(ratings: pd.DataFrame) -> int:
    require_columns(ratings)
    if len(ratings) < 2:
        raise DataError(f"{len(ratings)} row(s): a split needs at least one for each side.")
    return len(ratings)


def _size(n: int, test: float) -> int:
    """The number of rows to hold out."""
    if not 0 < test < 1:
        raise DataError(f"test={test}: the share to hold out lies between 0 and 1, such as 0.2.")
    return min(max(round(test * n), 1), n - 1)


def _codes(ratings: pd.DataFrame, column: str) -> np.ndarray:
    """Row numbers of the ids in their sorted order."""
    if ratings[column].isna().any():
        raise DataError(f"a missing id in column {column!r}: drop or fill these rows.")
    return IdIndex(ratings[column], noun=column).rows(ratings[column])


def times(ratings: pd.DataFrame) -> np.ndarray:
    """The column timestamp as numbers or moments that compare; refuses text and gaps."""
    column = ratings["timestamp"]
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)):
        raise DataError(
            f"timestamps are {column.dtype}, such as {column.iloc[0]!r}: convert them with pandas.to_datetime."
        )
    if column.isna().any():
        raise DataError(f"{int(column.isna().sum()):,} missing timestamp(s): drop these rows, or split at random.")
    # Times with a zone are compared as moments: the same ones in UTC.
    return column.dt.tz_convert(None).to_numpy() if isinstance(column.dtype, pd.DatetimeTZDtype) else column.to_numpy()


def _place_within(groups: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Each row's place, from 0, among the rows of its group, by the first key, then by the next."""
    order = np.lexsort((*reversed(keys), groups))
    start = np.concatenate(([0], np.cumsum(np.bincount(groups))[:-1]))
    place = np.empty(len(groups), dtype=np.int64)
    place[order] = np.arange(len(groups)) - start[groups[order]]
    return place


def _divide(ratings: pd.DataFrame, held_out: np.ndarray) -> Split:
    if held_out.all() or not held_out.any():
        side = "training" if held_out.all() else "test"
        raise DataError(
            f"nothing is left for the {side} part: the frame's {len(ratings):,} ratings cannot be divided so."
        )
    # Copies: assigning a column to a part warns of nothing and changes nothing else.
    return ratings[~held_out].copy(), ratings[held_out].copy()
