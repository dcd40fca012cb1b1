"""Grow a rating set to test scale: a randomized Kronecker expansion (Belletti et al. 2019, arXiv:1901.08910).

A Kronecker product replaces each cell of a small matrix P by a copy of the whole matrix R, weighted by that cell:

    P (x) R  =  | p_11 R  p_12 R  ... |
                | p_21 R  p_22 R  ... |

The result looks like R from afar (blocks) and from near (copies): a fractal. It has a times the users and b times the
items. Randomized: p_gh is not a factor on the ratings but the chance that a rating of R enters copy (g, h). So every
rating keeps its value, copies of a user share a part of their history, and no two copies are equal.

P is R itself, seen from far away: users are sorted by activity and cut into a groups, items by popularity into b
groups, and p_gh is proportional to (density of that block of R) ** TEMPER. With the exponent 1 the tail of P and the
tail of R would multiply, and the result be far more skewed than R; with 0 density would never fall, as it does in
real sets when they grow. A quarter keeps the Gini coefficients of activity and popularity within 0.04 of R's
(measured in tests) while density falls. The paper also shuffles each copy; here that is left out, since an item whose
copies meet other items in every block ends with average popularity, and the tail is gone.

For speed and memory tests only: near-copies of a user sit in training and test set alike, so accuracy on a grown set
means nothing.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from recsys_lab.errors import DataError
from recsys_lab.ratings import Ratings

TEMPER = 0.25
MOST = 2_000_000_000  # rows: above this, 32-bit positions would not do


def fractal(ratings: pd.DataFrame, factor: float, seed: int | np.random.Generator = 0) -> pd.DataFrame:
    """Ratings grown about `factor` times: columns user, item (int32), rating (float64), sorted by user and item.

    Parameters
    ----------
    ratings : frame with columns user, item, rating; no pair twice.
    factor : growth of the number of ratings, at least 1; met within sampling error, about 1 / sqrt(rows).
        Items grow by its cube root, users by what is left: MovieLens, too, gained users faster than films.
    seed : int or Generator; the same seed gives the same frame.

    Ids are new: user = g * (users of `ratings`) + row, item likewise, with g the number of the copy.

    Raises
    ------
    DataError : `factor` is below 1 or not finite, the result would pass two billion rows, or `ratings` is refused.

    Time O(copies * ratings), 10 million ratings in about 5 s; memory: the result, twice.

    >>> from recsys_lab.datasets import toy
    >>> grown = fractal(toy().ratings, factor=20, seed=1)
    >>> 500 < len(grown) < 700, sorted(grown.rating.unique()) == [1.0, 2.0, 3.0, 4.0, 5.0]
    (True, True)
    """
    if not (math.isfinite(factor) and factor >= 1):
        raise DataError(f"factor={factor!r}: how many times more ratings? A number of at least 1, such as 10.")
    small = Ratings.from_frame(ratings)
    if factor * small.n_ratings > MOST:
        raise DataError(f"factor={factor:g} would give {factor * small.n_ratings:,.0f} ratings; at most {MOST:,}.")
    rng = np.random.default_rng(seed)
    chance = _chances(small, factor)

    rows = np.repeat(np.arange(small.n_users, dtype=np.int32), np.diff(small.matrix.indptr))
    columns, values = small.matrix.indices.astype(np.int32), small.matrix.data
    users, items, kept_values = [], [], []
    for g, chances in enumerate(chance):  # one band of users at a time: sorted, and small
        kept = [np.flatnonzero(rng.random(len(values)) < p) for p in chances]
        band_rows = np.concatenate([rows[k] for k in kept])
        band_columns = np.concatenate([columns[k] + np.int32(h * small.n_items) for h, k in enumerate(kept)])
        order = np.lexsort((band_columns, band_rows))
        users.append(band_rows[order] + np.int32(g * small.n_users))
        items.append(band_columns[order])
        kept_values.append(values[np.concatenate(kept)][order])
    return pd.DataFrame(
        {"user": np.concatenate(users), "item": np.concatenate(items), "rating": np.concatenate(kept_values)}
    )


def _chances(small: Ratings, factor: float) -> np.ndarray:
    """P (a, b): as few copies of the users as let every chance stay at or below 1; its sum is `factor`."""
    item_copies = math.ceil(factor ** (1 / 3) - 1e-9)
    user_copies = max(1, math.ceil(factor / item_copies - 1e-9))
    while True:
        shape = _coarse(small, user_copies, item_copies) ** TEMPER
        shape *= factor / shape.sum()
        if shape.max() <= 1 + 1e-12:
            return np.minimum(shape, 1.0)
        # The largest chance says how many copies are missing; a step too far costs density, so go half of the way.
        user_copies += max(1, int(user_copies * (shape.max() - 1) / 2))


def _coarse(small: Ratings, a: int, b: int) -> np.ndarray:
    """Density of R in a x b blocks: the most active users and the most popular items come first."""
    if a == b == 1:
        return np.ones((1, 1))
    counts = np.diff(small.matrix.indptr)
    popularity = np.bincount(small.matrix.indices, minlength=small.n_items)
    user_group = _groups(counts, a)
    item_group = _groups(popularity, b)
    block = np.repeat(user_group, counts) * b + item_group[small.matrix.indices]
    ratings = np.bincount(block, minlength=a * b).reshape(a, b).astype(float)
    area = np.outer(np.bincount(user_group, minlength=a), np.bincount(item_group, minlength=b))
    # More groups than users: an empty group looks like the average one.
    return np.divide(ratings, area, out=np.full((a, b), small.density), where=area > 0)


def _groups(size: np.ndarray, n: int) -> np.ndarray:
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    return rank * n // len(size)
