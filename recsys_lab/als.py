"""Alternating least squares (ALS): with one side's vectors fixed, the best ones of the other side are known exactly.

Both models describe a user by p_u and an item by q_i, k numbers each, and minimise

    sum of c_ui (y_ui - p_u . q_i)^2  +  sum_u lambda_u |p_u|^2  +  sum_i lambda_i |q_i|^2

| model       | the sum runs over | y_ui                       | c_ui                           |
|-------------|-------------------|----------------------------|--------------------------------|
| BiasedALS   | the ratings       | r_ui - (mu + b_u + b_i)    | 1                              |
| ImplicitALS | all pairs         | 1 if u chose i, otherwise 0 | 1 + alpha if chosen, otherwise 1 |

Neither p nor q alone is hard: for fixed q_i each p_u is a small ridge regression (halfstep.py), and the other way
round. So the two take turns; each turn lowers the error, and no step size has to be chosen.

How hard to pull towards zero depends on how much is known: lambda_u = reg n_u^power, with n_u the user's ratings or
choices, and the same for items. The power is 0 in the paper of Hu, Koren and Volinsky, 1 in that of Zhou et al. With
0.5, the pull grows as fast as noise does: n_u random signs add up to about sqrt(n_u). Then one value of reg serves
ml-100k and ml-small-2016, whose films have 60 and 11 ratings on average, and the error is lower (measured).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse

from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import Biases, damped_biases
from recsys_lab.checks import choice, converged, fits_memory, number, whole
from recsys_lab.errors import DataError
from recsys_lab.factors import cosines, ridge, shares
from recsys_lab.halfstep import SOLVERS, half_step
from recsys_lab.ratings import Ratings, is_chosen

START = 0.1  # standard deviation of the first q; from 0.01 to 1, the result is the same


class _ALS(Recommender):
    """What both models share: the parameters' checks and the turns."""

    factors: int
    epochs: int
    reg: float
    power: float
    solver: str
    seed: int
    user_factors_: np.ndarray
    item_factors_: np.ndarray

    def _check(self, train: Ratings) -> None:
        whole("factors", self.factors, 1, "a user is described by that many numbers")
        whole("epochs", self.epochs, 1, "that many times the users and the items take turns")
        number("reg", self.reg, 0, "it pulls the vectors towards zero", 1e12, above=True)
        number("power", self.power, 0, "reg is multiplied by the number of ratings to this power", 1)
        choice("solver", self.solver, SOLVERS)
        whole("seed", self.seed, 0, "it starts the random numbers")
        rows = sum(train.matrix.shape) + np.bincount(train.matrix.indices).max()
        fits_memory(
            f"{type(self).__name__}: its vectors", 12.0 * self.factors * (rows + self.factors), "Lower factors."
        )

    def _lambda(self, counts: Any) -> Any:
        return self.reg * np.maximum(counts, 1.0) ** self.power

    def _learn(self, matrix: sparse.csr_array, w: float, all_pairs: bool) -> None:
        """Learn the vectors from t_ui, the values of the matrix, and w (see halfstep.py)."""
        self._answer(matrix, self._turns(matrix, w, all_pairs), w, all_pairs)

    def _answer(self, matrix: sparse.csr_array, q: np.ndarray, w: float, all_pairs: bool) -> None:
        """A last half-step for the users in float64: each p_u is the exact answer to the q_i.

        So a new user with the same history gets the same vector.
        """
        p = np.zeros((matrix.shape[0], self.factors))
        with self._solvable():
            half_step(matrix, w, all_pairs, self._lambda(np.diff(matrix.indptr)), q, p, "exact")
        self.user_factors_, self.item_factors_ = p, q

    def _turns(self, matrix: sparse.csr_array, w: float, all_pairs: bool) -> np.ndarray:
        """The q_i (n_items, k) in float64, after all turns; those run in float32."""
        by_item = matrix.astype(np.float32).T.tocsr()
        by_user = by_item.T.tocsr()
        lambda_u, lambda_i = self._lambda(np.diff(by_user.indptr)), self._lambda(np.diff(by_item.indptr))
        q = np.random.default_rng(self.seed).normal(0, START, (matrix.shape[1], self.factors)).astype(np.float32)
        p = np.zeros((matrix.shape[0], self.factors), np.float32)
        with self._solvable():
            for epoch in range(1, self.epochs + 1):
                half_step(by_user, w, all_pairs, lambda_u, q, p, self.solver)
                half_step(by_item, w, all_pairs, lambda_i, p, q, self.solver)
                converged(type(self).__name__, epoch, self._remedy(), p, q)
        return q.astype(float)

    @contextmanager
    def _solvable(self) -> Iterator[None]:
        try:
            yield
        except np.linalg.LinAlgError:
            raise DataError(
                f"{type(self).__name__}: a ridge regression has no clear solution. {self._remedy()}"
            ) from None

    def _remedy(self) -> str:
        return f"Raise reg={self.reg:g}, or bring the ratings to a smaller scale."

    def _similar(self, column: int) -> np.ndarray:
        return cosines(self.item_factors_, column)


class BiasedALS(_ALS):
    """Predict a rating by the biases and the match of two vectors: r_ui = mu + b_u + b_i + p_u . q_i.

    The biases are estimated first, damped (biases.py); p and q explain what they leave. See the top of this file.

    Parameters
    ----------
    factors : k, length of the vectors, at least 1; 20 to 200 is usual.
    epochs : turns of both sides, at least 1; ten are enough, more neither help nor harm.
    reg : above 0, and power : 0 to 1, lambda_u = reg n_u^power. For stars from 1 to 5, reg 1 to 2 suits power 0.5,
        and 0.1 power 1; ratings on a scale ten times as wide need ten times the reg.
    damping : >= 0, of the biases: how many ratings at the mean each user and each item starts with.
    solver : "cg", three conjugate gradient steps a half-step, or "exact", Cholesky; the error is the same.
    seed : of the start; the same seed gives the same model.

    reg, power and damping were chosen on a part of ml-100k's first training fold and on ml-small-2016, which agreed.

    Attributes
    ----------
    biases_ : Biases, also the fallback. user_factors_, item_factors_ : ndarray (n_users, k), (n_items, k), p and q.

    Time: fit O(epochs n_ratings k) and once O(n_ratings k^2 + n_users k^3) with "cg", that in each epoch with "exact".
    Memory O(n_ratings + (n_users + n_items) k). Cold start: an unknown user or item falls back to the biases; a new
    user with ratings gets a vector by ridge regression, the last half-step for one row. An explanation says how much
    each of the user's ratings adds to p_u . q_i. Raises DataError for a parameter out of range.

    Sources: Zhou, Wilkinson, Schreiber and Pan 2008 (the Netflix Prize; regularisation by counts); Pilaszy, Zibriczky
    and Tikk 2010; Takacs, Pilaszy and Tikk 2011 (conjugate gradients).

    >>> from recsys_lab import datasets
    >>> model = BiasedALS(factors=2).fit(datasets.toy().ratings)
    >>> model.user_factors_.shape, model.item_factors_.shape
    ((6, 2), (8, 2))
    """

    biases_: Biases

    def __init__(
        self,
        *,
        factors: int = 50,
        epochs: int = 10,
        reg: float = 1.3,
        power: float = 0.5,
        damping: float = 5.0,
        solver: str = "cg",
        seed: int = 0,
    ):
        self.factors = factors
        self.epochs = epochs
        self.reg = reg
        self.power = power
        self.damping = damping
        self.solver = solver
        self.seed = seed

    def _fit(self, train: Ratings) -> None:
        self._check(train)
        number("damping", self.damping, 0, "it counts ratings at the mean")
        biases = damped_biases(train.matrix, damping_user=self.damping, damping_item=self.damping)
        self._learn(rest_of(train, biases), w=1.0, all_pairs=False)
        self.biases_ = self.fallback_ = biases

    def _score(self, rows: np.ndarray) -> np.ndarray:
        mean, user, item = self.biases_
        return mean + user[rows, None] + item + self.user_factors_[rows] @ self.item_factors_.T

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        match = np.einsum("nk,nk->n", self.user_factors_[rows], self.item_factors_[columns])
        return self.biases_.at(rows, columns) + match

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        known = self.biases_.mean + self.biases_.new_user(columns, values, self.damping) + self.biases_.item
        p = ridge(self.item_factors_[columns], values - known[columns], self._lambda(len(columns)))
        return known + self.item_factors_ @ p

    def _explain(self, row: int, column: int) -> list[Reason]:
        (columns, values), q = self.train_.of(row), self.item_factors_
        rest = values - self.biases_.at(np.full(len(columns), row), columns)
        weights = shares(q[column], q[columns], rest, self._lambda(len(columns)))
        return self._item_reasons(columns, values, weights)


class ImplicitALS(_ALS):
    """Rank items by p_u . q_i, learned from what users chose and, with less trust, from what they left alone.

    The score of a chosen item is pulled to 1 with confidence 1 + alpha, that of every other item to 0 with confidence
    1. See the top of this file. It ranks; it does not predict stars: `predict` answers by the damped biases.

    Parameters
    ----------
    factors : k, length of the vectors, at least 1; 64 to 256 is usual, and more seldom harm.
    epochs : turns of both sides, at least 1.
    alpha : >= 0, how much more a choice counts than a blank; 1 to 40 is usual. Raise reg with it.
    reg : above 0, and power : 0 to 1, lambda_u = reg n_u^power, n_u the number of the user's choices.
    threshold : a rating from here on is a choice; None: every stored rating is.
    solver, seed : as in `BiasedALS`.

    alpha, reg and power were chosen on one split of ml-100k and one of ml-small-2016, which agreed; with power 0 or 1
    the two needed different reg. Where there are stars, threshold=4 ranks better than None, and no worse than
    confidences that grow with the stars (measured), so there is no parameter for those.

    Attributes
    ----------
    user_factors_, item_factors_ : ndarray (n_users, k), (n_items, k), p and q. gram_ : ndarray (k, k), the sum of
        q_i q_i^T over all items.

    The trick that makes it possible: the sum over all items is Q^T Q, computed once for all users; a user adds
    alpha q_i q_i^T for what they chose. Time as in `BiasedALS`, with n_choices in the place of n_ratings and
    O((n_users + n_items) k^2) more in an epoch; memory O(n_choices + (n_users + n_items) k). Cold start: who chose
    nothing has p_u = 0 and scores of 0; a new user with choices gets the last half-step for one row. An explanation
    says how much each choice adds to the score. Raises DataError for a parameter out of range, or where no rating
    reaches the threshold.

    Sources: Hu, Koren and Volinsky 2008; Takacs, Pilaszy and Tikk 2011; Rendle, Krichene, Zhang and Koren 2022
    (regularisation by counts, and how much it matters).

    >>> from recsys_lab import datasets
    >>> model = ImplicitALS(factors=2, threshold=4).fit(datasets.toy().ratings)
    >>> len(model.recommend("ann", n=3))
    3
    """

    scores_are_ratings = False
    gram_: np.ndarray

    def __init__(
        self,
        *,
        factors: int = 64,
        epochs: int = 10,
        alpha: float = 3.0,
        reg: float = 3.5,
        power: float = 0.5,
        threshold: float | None = None,
        solver: str = "cg",
        seed: int = 0,
    ):
        self.factors = factors
        self.epochs = epochs
        self.alpha = alpha
        self.reg = reg
        self.power = power
        self.threshold = threshold
        self.solver = solver
        self.seed = seed

    def _fit(self, train: Ratings) -> None:
        self._check(train)
        number("alpha", self.alpha, 0, "confidence is 1 + alpha, and never negative", 1e6)
        self._learn((1 + self.alpha) * train.positives(self.threshold), w=self.alpha, all_pairs=True)
        self.gram_ = self.item_factors_.T @ self.item_factors_

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self.user_factors_[rows] @ self.item_factors_.T

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        chosen = columns[is_chosen(values, self.threshold)]
        return self.item_factors_ @ ridge(*self._regression(chosen))

    def _explain(self, row: int, column: int) -> list[Reason]:
        columns, values = self.train_.of(row)
        good = is_chosen(values, self.threshold)
        weights = shares(self.item_factors_[column], *self._regression(columns[good]))
        return self._item_reasons(columns[good], values[good], weights)

    def _regression(self, chosen: np.ndarray) -> tuple[Any, ...]:
        """q, y, lambda, c and the gram of a user who chose these items, as factors.py takes them."""
        ones = np.ones(len(chosen))
        return self.item_factors_[chosen], ones, self._lambda(len(chosen)), (1 + self.alpha) * ones, self.gram_


def rest_of(train: Ratings, biases: Biases) -> sparse.csr_array:
    """What the biases leave of each rating: the t_ui of `BiasedALS`."""
    rest = train.matrix.copy()
    rows = np.repeat(np.arange(train.n_users), np.diff(rest.indptr))
    rest.data -= biases.at(rows, rest.indices)
    return rest
