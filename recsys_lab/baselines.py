"""Models that know nobody's taste: the bar that every other model must clear.

A learner who skips them cannot say whether a model is good; a famous finding is how often new models fail to beat
them (Ferrari Dacrema, Cremonesi, Jannach 2019).
"""

from __future__ import annotations

import numpy as np

from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import DAMPING_ITEM, DAMPING_USER, Biases, damped_biases
from recsys_lab.errors import DataError
from recsys_lab.ratings import Ratings


class GlobalMean(Recommender):
    """r_ui = mu: the same number for everyone.

    Its RMSE on the training data is the standard deviation of the ratings. All items tie, so a recommendation is
    the first items in the order of their ids. Fit O(n_ratings), predict O(1).

    Attributes
    ----------
    mean_ : float, mu.

    >>> from recsys_lab import datasets
    >>> model = GlobalMean().fit(datasets.toy().ratings)
    >>> bool(round(model.mean_, 2) == round(datasets.toy().ratings["rating"].mean(), 2))
    True
    """

    mean_: float

    def _fit(self, train: Ratings) -> None:
        self.mean_ = train.mean

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return np.full((len(rows), self.train_.n_items), self.mean_)

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.full(self.train_.n_items, self.mean_)


class BiasBaseline(Recommender):
    """r_ui = mu + b_u + b_i: how kind the user is and how good the item is, but not whether they match.

    Parameters
    ----------
    epochs : rounds of alternating least squares, at least 1; ten are plenty.
    damping_user, damping_item : lambda of the paper, >= 0: how many ratings at the mean each user and item starts with.

    Attributes
    ----------
    biases_ : Biases(mean, user (n_users,), item (n_items,)).

    Every user gets the same ranking. An unknown user or item has bias 0. Fit O(epochs x n_ratings).
    Equal to Surprise's BaselineOnly (ALS).
    Source: Koren 2010, "Factor in the Neighbors", ACM TKDD 4(1), section 2.1.

    >>> from recsys_lab import datasets
    >>> BiasBaseline().fit(datasets.toy().ratings).biases_.user.shape
    (6,)
    """

    biases_: Biases

    def __init__(self, *, epochs: int = 10, damping_user: float = DAMPING_USER, damping_item: float = DAMPING_ITEM):
        self.epochs = epochs
        self.damping_user = damping_user
        self.damping_item = damping_item

    def _fit(self, train: Ratings) -> None:
        if self.epochs < 1:
            raise DataError(f"epochs={self.epochs}: at least one round is needed.")
        if min(self.damping_user, self.damping_item) < 0:
            raise DataError(
                f"damping_user={self.damping_user}, damping_item={self.damping_item}: damping counts ratings, so it must be >= 0."
            )
        self.biases_ = damped_biases(train.matrix, self.epochs, self.damping_user, self.damping_item)
        self.fallback_ = self.biases_  # an unknown item still leaves mu + b_u

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self.biases_.mean + self.biases_.user[rows, None] + self.biases_.item[None, :]

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        mean, _, item = self.biases_
        return mean + self.biases_.new_user(columns, values, self.damping_user) + item

    def _explain(self, row: int, column: int) -> list[Reason]:
        user, item = self.train_.users.ids[row], self.train_.items.ids[column]
        return [
            Reason("user bias", user, np.nan, float(self.biases_.user[row])),
            Reason("item bias", item, np.nan, float(self.biases_.item[column])),
        ]


class Popularity(Recommender):
    """Rank items by how many users rated them; predict an item's damped mean, mu + b_i.

    Two numbers, because the most rated film is not the best rated. The ranking is hard to beat: popular items are
    popular in the test data too. Fit O(n_ratings).

    Attributes
    ----------
    counts_ : ndarray (n_items,), ratings per item.

    >>> from recsys_lab import datasets
    >>> model = Popularity().fit(datasets.toy().ratings)
    >>> int(model.counts_.sum()) == len(datasets.toy().ratings)
    True
    """

    counts_: np.ndarray
    scores_are_ratings = False

    def _fit(self, train: Ratings) -> None:
        self.counts_ = np.bincount(train.matrix.indices, minlength=train.n_items).astype(float)

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return np.tile(self.counts_, (len(rows), 1))

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return self.fallback_.mean + self.fallback_.item[columns]

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        return self.counts_.copy()

    def _explain(self, row: int, column: int) -> list[Reason]:
        return [Reason("popularity", self.train_.items.ids[column], np.nan, float(self.counts_[column]))]


class Random(Recommender):
    """r_ui ~ N(mu, sigma^2), mu and sigma the mean and standard deviation of the ratings: the floor.

    Parameters
    ----------
    seed : the same seed gives each user the same draws, whoever is asked about with them.

    Attributes
    ----------
    mean_, sd_ : float.

    >>> from recsys_lab import datasets
    >>> model = Random(seed=1).fit(datasets.toy().ratings)
    >>> model.recommend("ann", n=3).equals(model.recommend("ann", n=3))
    True
    """

    mean_: float
    sd_: float

    def __init__(self, *, seed: int = 0):
        self.seed = seed

    def _fit(self, train: Ratings) -> None:
        self.mean_, self.sd_ = train.mean, float(train.matrix.data.std())

    def _score(self, rows: np.ndarray) -> np.ndarray:
        # One generator a user: a user's draws do not depend on who else is in the block.
        draws = [np.random.default_rng((self.seed, row)).normal(size=self.train_.n_items) for row in rows]
        return self.mean_ + self.sd_ * np.array(draws).reshape(len(rows), self.train_.n_items)
