"""Neighbourhood models: what did those most like you say (UserKNN), what did you say of those most like it (ItemKNN)?

Both are one computation seen from two sides. Let x be the one whose neighbours are sought (the user, or the item) and
y the other of the pair. N is the k nearest neighbours of x *among those that have a rating with y*, and

    r_xy = offset_xy + scale_x * sum over x' in N of s(x, x') d_x'y  /  (damping + sum over x' in N of s(x, x'))

| variant  | deviation d_x'y                  | offset_xy       | scale_x |                                        |
|----------|----------------------------------|-----------------|---------|----------------------------------------|
| basic    | r_x'y                            | 0               | 1       | a plain weighted mean                  |
| means    | r_x'y - mean_x'                  | mean_x          | 1       | a stern rater's 3 is a kind rater's 4  |
| zscore   | (r_x'y - mean_x') / sd_x'        | mean_x          | sd_x    | and a wide rater's steps are larger    |
| baseline | r_x'y - (mu + b_x' + b_y)        | mu + b_x + b_y  | 1       | what the biases leave unexplained      |

The damping stands for neighbours who say "as expected" (d = 0). Without it, one weak neighbour who gave five stars
counts as much as forty close ones, and films that hardly anybody saw fill the lists. "basic" has no offset to be
damped towards, so it takes no damping.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import DAMPING_USER, Biases
from recsys_lab.errors import DataError
from recsys_lab.nearest import weighted_means
from recsys_lab.ratings import Ratings
from recsys_lab.similarity import check_similarity, loop_arrays, similarity_matrix, similarity_rows

VARIANTS = ("basic", "means", "zscore", "baseline")

# A similarity table up to this size (1 GB) is kept; beyond it, rows are computed when a prediction asks for them.
_KEEP_BYTES = 2**30
_BLOCK_BYTES = 2**26


class _Neighbourhood(Recommender):
    """What UserKNN and ItemKNN share. `_x` says on which side the neighbours are."""

    _x: ClassVar[str]
    similarities_: np.ndarray | None
    means_: np.ndarray
    sds_: np.ndarray
    deviations_: sparse.csr_array

    def __init__(
        self,
        k: int = 40,
        *,
        measure: str = "pearson-baseline",
        variant: str = "baseline",
        min_k: int = 1,
        min_support: int = 1,
        shrinkage: float = 100.0,
        damping: float = 0.3,
    ):
        self.k = k
        self.measure = measure
        self.variant = variant
        self.min_k = min_k
        self.min_support = min_support
        self.shrinkage = shrinkage
        self.damping = damping

    def _fit(self, train: Ratings) -> None:
        n = train.matrix.shape[0 if self._x == "user" else 1]
        if not 1 <= self.k <= n:
            raise DataError(
                f"k={self.k}: there are {n:,} {self._x}s to choose neighbours from; choose k from 1 to {n:,}."
            )
        if not 1 <= self.min_k <= self.k:
            raise DataError(f"min_k={self.min_k}: choose it from 1 to k={self.k}.")
        if self.variant not in VARIANTS:
            raise DataError(f"variant={self.variant!r}: choose one of {', '.join(VARIANTS)}.")
        if not 0 <= self.damping < np.inf:
            raise DataError(f"damping={self.damping}: it is a sum of similarities, so from 0 to a finite number.")
        check_similarity(self.measure, self.min_support, self.shrinkage)

        fits = n * n * 8 <= _KEEP_BYTES
        self.similarities_ = similarity_matrix(self._comparable(train), **self._options()) if fits else None
        by_y = self._oriented(train.matrix).T.tocsr()  # row y lists those x' that have a rating with y
        self.means_, self.sds_ = _means_and_sds(by_y.indices, by_y.data, n)
        self.deviations_ = _with_data(by_y, self._deviation(by_y.indices, _rows(by_y), by_y.data, self.fallback_))

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        x, y = (rows, columns) if self._x == "user" else (columns, rows)
        mean = self._kernel_blocks(x, y)
        return self._finish(mean, self._offset(x, rows, columns, self.fallback_), self.sds_[x])

    def _score(self, rows: np.ndarray) -> np.ndarray:
        items = np.arange(self.train_.n_items)
        if self._x == "user":
            return self._predict(np.repeat(rows, len(items)), np.tile(items, len(rows))).reshape(len(rows), -1)
        # Pairs with one x lie together, so that its row of the table is read from memory once.
        return self._predict(np.tile(rows, len(items)), np.repeat(items, len(rows))).reshape(len(items), -1).T

    # ------------------------------------------------------------------ the formula's parts
    def _options(self) -> dict[str, Any]:
        return {"measure": self.measure, "min_support": self.min_support, "shrinkage": self.shrinkage}

    def _damping(self) -> float:
        return 0.0 if self.variant == "basic" else float(self.damping)

    def _oriented(self, matrix: sparse.csr_array) -> sparse.sparray:
        """The matrix with x in its rows; turned over, not copied, so as CSR for users and as CSC for items."""
        return matrix if self._x == "user" else matrix.T

    def _comparable(self, train: Ratings) -> sparse.sparray:
        """What similarity is computed on: the ratings, or what the biases leave of them."""
        if self.measure != "pearson-baseline":
            return self._oriented(train.matrix)
        residuals = train.matrix.data - self.fallback_.at(_rows(train.matrix), train.matrix.indices)
        return self._oriented(_with_data(train.matrix, residuals))

    def _deviation(self, x: np.ndarray, y: np.ndarray, ratings: np.ndarray, biases: Biases) -> np.ndarray:
        if self.variant == "basic":
            return ratings
        if self.variant == "baseline":
            rows, columns = (x, y) if self._x == "user" else (y, x)
            return ratings - biases.at(rows, columns)
        return (ratings - self.means_[x]) / (self.sds_[x] if self.variant == "zscore" else 1.0)

    def _offset(self, x: np.ndarray, rows: np.ndarray, columns: np.ndarray, biases: Biases) -> np.ndarray | float:
        if self.variant == "basic":
            return 0.0
        return biases.at(rows, columns) if self.variant == "baseline" else self.means_[x]

    def _finish(self, mean: np.ndarray, offset: np.ndarray | float, sd: np.ndarray | float) -> np.ndarray:
        """From the neighbours' weighted mean deviation to a rating. NaN (too few neighbours) counts as no deviation,
        but for "basic", which has nothing else to say and leaves NaN to the fallback."""
        if self.variant == "basic":
            return mean
        return offset + (sd if self.variant == "zscore" else 1.0) * np.nan_to_num(mean)

    def _kernel_blocks(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The weighted mean deviation for each pair; similarities come from the table, or are computed block by block."""
        d, out = self.deviations_, np.empty(len(x))
        if self.similarities_ is not None:
            order = np.argsort(x, kind="stable")  # pairs with one x together: its row is read from memory once
            out[order] = self._means_of_nearest(self.similarities_, x[order], y[order], d)
            return out
        comparable, transposed = self._both_ways()
        distinct, inverse = np.unique(x, return_inverse=True)
        size = max(1, _BLOCK_BYTES // (8 * comparable.shape[0]))
        order = np.argsort(inverse, kind="stable")
        bounds = np.searchsorted(inverse[order], np.arange(0, len(distinct) + size, size))
        for block, (begin, end) in enumerate(pairwise(bounds)):
            xs, chosen = distinct[block * size : (block + 1) * size], order[begin:end]
            table = similarity_rows(comparable[xs], transposed, **self._options())
            table[np.arange(len(xs)), xs] = 0.0
            local = inverse[chosen] - block * size
            out[chosen] = self._means_of_nearest(table, local, y[chosen], d)
        return out

    def _means_of_nearest(self, table: np.ndarray, x: np.ndarray, y: np.ndarray, d: sparse.csr_array) -> np.ndarray:
        return weighted_means(table, x, y, *loop_arrays(d), self.k, self.min_k, self._damping())

    def _both_ways(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """What similarity is computed on, with x in its rows and with x in its columns."""
        comparable = self._comparable(self.train_)
        return comparable.tocsr(), comparable.T.tocsr()

    def _biases_of(self, columns: np.ndarray, values: np.ndarray) -> Biases:
        """The model's biases, with a new user as the only one (row 0)."""
        user = self.fallback_.new_user(columns, values, DAMPING_USER)
        return Biases(self.fallback_.mean, np.array([user]), self.fallback_.item)

    def _similarities_of(self, x: int) -> np.ndarray:
        """Row x of the table, computed where the table is not kept."""
        if self.similarities_ is not None:
            return self.similarities_[x]
        comparable, transposed = self._both_ways()
        similar = similarity_rows(comparable[[x]], transposed, **self._options())[0]
        similar[x] = 0.0
        return similar

    def _neighbours(self, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest of x among those with a rating with y, and their similarities: the rule, in the open."""
        similar, d = self._similarities_of(x), self.deviations_
        have = d.indices[d.indptr[y] : d.indptr[y + 1]]
        nearest = have[np.lexsort((have, -similar[have]))][: self.k]
        nearest = nearest[similar[nearest] > 0]
        return nearest, similar[nearest]

    def _explain(self, row: int, column: int) -> list[Reason]:
        x, y = (row, column) if self._x == "user" else (column, row)
        nearest, similar = self._neighbours(x, y)
        if len(nearest) < self.min_k:
            return []
        by_y = self.deviations_[[y]].toarray()[0]
        ratings = self._oriented(self.train_.matrix)[:, [y]].toarray()[:, 0]
        scale = self.sds_[x] if self.variant == "zscore" else 1.0
        weights = scale * similar * by_y[nearest] / (self._damping() + similar.sum())
        ids = (self.train_.users if self._x == "user" else self.train_.items).ids[nearest]
        return [Reason(self._x, i, float(ratings[n]), float(w)) for i, n, w in zip(ids, nearest, weights)]


class UserKNN(_Neighbourhood):
    """Predict a user's rating from those of the k most similar users who rated the item.

    The model stands at the top of this file, with x the user and y the item.

    Parameters
    ----------
    k : neighbours, 1 to n_users; 20 to 60 is usual.
    measure : "cosine", "msd", "pearson" or "pearson-baseline" (see similarity.py).
    variant : "basic", "means", "zscore" or "baseline", as in the table above.
    min_k : with fewer neighbours of positive similarity than this, the neighbours are not asked.
    min_support : pairs with fewer co-rated items are not similar at all.
    shrinkage : lambda >= 0, pulls similarities that rest on few co-rated items towards 0.
    damping : >= 0, in units of similarity; see the top of this file. 0.3 and the shrinkage of 100 were chosen on
        ml-small-2016, and lower the RMSE on ml-100k too.

    Attributes
    ----------
    similarities_ : ndarray (n_users, n_users), zero diagonal; None where it would pass 1 GB: then it is computed in
        blocks of rows as predictions need it.
    fallback_ : Biases; means_, sds_ : ndarray (n_users,), each user's mean and standard deviation.
    deviations_ : CSR (n_items, n_users), d in the formula.

    Time: fit O(sum over items of count^2), a prediction O(count of the item). Memory O(n_users^2), or O(n_users) a
    block. Cold start: an unknown user or item falls back to the biases; a new user with ratings is served by
    `recommend_for`. Raises DataError for a parameter out of range.

    With damping=0 equal to Surprise's KNNBasic, KNNWithMeans, KNNWithZScore and KNNBaseline (user_based=True); Surprise
    has shrinkage for Pearson-baseline only. Sources: Resnick et al. 1994 (GroupLens); Herlocker et al. 1999; Koren 2010.

    >>> from recsys_lab import datasets
    >>> model = UserKNN(k=2, measure="cosine", variant="means", shrinkage=0).fit(datasets.toy().ratings)
    >>> model.similarities_.shape
    (6, 6)
    """

    _x = "user"

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        n_items = self.train_.n_items
        biases = self._biases_of(columns, values)
        me, all_items = np.zeros(n_items, dtype=int), np.arange(n_items)
        known = values - biases.at(me[columns], columns) if self.measure == "pearson-baseline" else values
        profile = sparse.csr_array((known, columns, np.array([0, len(columns)])), shape=(1, n_items))
        table = similarity_rows(profile, self._both_ways()[1], **self._options())
        mean = self._means_of_nearest(table, me, all_items, self.deviations_)
        offset = biases.at(me, all_items) if self.variant == "baseline" else float(values.mean())
        return self._finish(mean, offset, _sd(values, self.train_))


class ItemKNN(_Neighbourhood):
    """Predict a user's rating of an item from the user's own ratings of the k items most similar to it.

    The model stands at the top of this file, with x the item and y the user. Parameters, attributes (with items in
    the place of users), cold start, errors and parity as in `UserKNN`; `similarities_` is (n_items, n_items), and
    fitting takes O(sum over users of count^2).

    Item similarities change slowly and can be computed ahead; a new rating of the user counts at once. That is why
    this is the form that went into production first. Sources: Sarwar et al. 2001; Linden, Smith and York 2003
    (Amazon); Koren 2010.

    >>> from recsys_lab import datasets
    >>> model = ItemKNN(k=2, measure="cosine", variant="means", shrinkage=0).fit(datasets.toy().ratings)
    >>> model.similarities_.shape
    (8, 8)
    """

    _x = "item"

    def _similar(self, column: int) -> np.ndarray:
        return self._similarities_of(column)

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        n_items, n_rated = self.train_.n_items, len(columns)
        biases = self._biases_of(columns, values)
        me, all_items = np.zeros(n_items, dtype=int), np.arange(n_items)
        if self.similarities_ is not None:
            table = self.similarities_[:, columns]
        else:
            comparable, transposed = self._both_ways()
            table = similarity_rows(comparable[columns], transposed, **self._options()).T
        deviations = self._deviation(columns, me[columns], values, biases)
        d = sparse.csr_array((deviations, np.arange(n_rated), np.array([0, n_rated])), shape=(1, n_rated))
        mean = self._means_of_nearest(np.ascontiguousarray(table), all_items, me, d)
        return self._finish(mean, self._offset(all_items, me, all_items, biases), self.sds_)


def _rows(matrix: sparse.csr_array) -> np.ndarray:
    """The row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))


def _means_and_sds(x: np.ndarray, ratings: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the ratings of each x; where they are all the same, the deviation of all ratings."""
    counts = np.maximum(np.bincount(x, minlength=n), 1)
    means = np.bincount(x, ratings, n) / counts
    sds = np.sqrt(np.bincount(x, (ratings - means[x]) ** 2, n) / counts)
    return means, np.where(sds > 0, sds, ratings.std() or 1.0)


def _sd(values: np.ndarray, train: Ratings) -> float:
    return float(values.std()) or float(train.matrix.data.std()) or 1.0


def _with_data(matrix: sparse.csr_array, data: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
