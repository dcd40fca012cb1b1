"""Two models called SVD, which differ in what an unknown rating is: a zero (TruncatedSVD), or unknown (FunkSVD)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.sparse.linalg import svds

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.factors import cosines
from recsys_lab.ratings import Ratings
from recsys_lab.sgd import SGDFactors, svd_epoch


class TruncatedSVD(Recommender):
    """The k largest singular triplets of the rating matrix R with 0 for what is unknown: PureSVD.

        R ~ U diag(s) V^T        score_u = r_u V V^T = sum_j r_uj (V_j . V_i) for item i

    Unknown as 0 is false as a statement about taste, so a score is no rating: it ranks, and does not predict stars;
    `predict` answers with the damped biases. As a statement about *choice* it is true, and for lists that counts.
    Cremonesi, Koren and Turrin named it PureSVD and found it ahead of models with a far lower RMSE.

    Parameters
    ----------
    factors : k, 1 to min(n_users, n_items) (more are cut to that). Few are best: 10 to 50. 14 was chosen on ml-100k's
        ratings of 4 and more (split 0); each further factor explains more of R and less of what comes next.

    Attributes
    ----------
    s_ : ndarray (k,), singular values, the largest first.
    v_ : ndarray (n_items, k), orthonormal columns, each signed so that its largest entry in size is positive.

    Time O(k n_ratings) times some ten rounds (Lanczos, ARPACK, from a fixed start vector), a user's scores
    O(n_items k). Memory O((n_users + n_items) k). Cold start: a new user is their ratings times V V^T, so a copied
    history gets the same list; an item without ratings scores 0. The reasons are the r_uj (V_j . V_i), and add up to
    the score. Raises DataError for factors that are no whole number.

    Equal to scikit-learn's TruncatedSVD(algorithm="arpack") up to signs. Source: Cremonesi, Koren and Turrin 2010,
    "Performance of recommender algorithms on top-n recommendation tasks", RecSys, section 3.2.

    >>> from recsys_lab import datasets
    >>> TruncatedSVD(factors=2).fit(datasets.toy().ratings).v_.shape
    (8, 2)
    """

    scores_are_ratings = False
    s_: np.ndarray
    v_: np.ndarray

    def __init__(self, *, factors: int = 14):
        self.factors = factors

    def _fit(self, train: Ratings) -> None:
        checks.whole("factors", self.factors, 1, "a user and an item are described by that many numbers")
        most = min(train.matrix.shape)
        k = min(self.factors, most)
        if not train.matrix.data.any():  # all ratings are 0: no direction says anything
            s, vt = np.zeros(k), np.zeros((k, train.n_items))
        elif k == most:  # Lanczos cannot find them all
            checks.fits_memory("the dense matrix", 8.0 * train.n_users * train.n_items, f"Choose factors below {most}.")
            _, s, vt = np.linalg.svd(train.matrix.toarray(), full_matrices=False)
        else:
            start = np.random.default_rng(0).normal(size=most)
            _, s, vt = svds(train.matrix, k=k, v0=start, return_singular_vectors="vh")
        order = np.argsort(-s, kind="stable")
        v = vt[order].T
        largest = v[np.abs(v).argmax(axis=0), np.arange(k)]
        self.s_, self.v_ = s[order], np.ascontiguousarray(v * np.where(largest < 0, -1.0, 1.0))

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return (self.train_.matrix[rows] @ self.v_) @ self.v_.T

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        return self.v_ @ (values @ self.v_[columns])

    def _similar(self, column: int) -> np.ndarray:
        return cosines(self.v_ * self.s_, column)

    def _explain(self, row: int, column: int) -> list[Reason]:
        columns, values = self.train_.of(row)
        return self._item_reasons(columns, values, values * (self.v_[columns] @ self.v_[column]))


class FunkSVD(SGDFactors):
    """Biased matrix factorization by stochastic gradient descent on the known ratings.

        r_ui = mu + b_u + b_i + p_u . q_i

    minimises, over the known ratings,  sum (r_ui - mu - b_u - b_i - p_u . q_i)^2 + reg (b_u^2 + b_i^2 + |p_u|^2 +
    |q_i|^2): those with many ratings are pulled to 0 as often. The steps stand at the top of sgd.py.

    Parameters
    ----------
    factors : k, numbers a user and an item, at least 1; 20 to 200 is usual. Multiples of 64 are fastest.
    epochs : passes over the ratings, at least 1; 20 to 100. With a small rate, stopping early regularises too.
    rate : length of a step, above 0, up to 1; .002 to .02.
    reg : above 0, up to 1; .02 to .1.
    sd : standard deviation of the factors at the start, above 0; .01 to .1. Small: what is not needed stays near 0.
    closing : solve for b_u and p_u at the end (see sgd.py), without which a new user's list can differ a little from
        that of a known user with the same ratings, and the reasons are those of the new user.
    precision : of the descent, "float32" (1.6 times as fast) or "float64"; the RMSE is the same to .0001.
    seed : of the start values. The defaults were chosen on a part of one fold's training ratings.

    Attributes
    ----------
    biases_ : Biases(mu, b_user (n_users,), b_item (n_items,)).
    x_ : ndarray (n_users, k), p_u.
    q_ : ndarray (n_items, k).

    Time O(epochs n_ratings k), the closing step O(n_ratings k^2 + n_users k^3); memory O((n_users + n_items) k).
    Cold start: unknown users and items get the damped biases; a new user's b_u and p_u are solved for; an item without
    ratings scores mu + b_u. Reasons: the biases, and what each of the user's ratings adds to p_u . q_i.
    Raises DataError for a parameter out of range, and when the descent diverges.

    Sources: Funk 2006, "Netflix update: try this at home"; Koren, Bell and Volinsky 2009, "Matrix factorization
    techniques for recommender systems", IEEE Computer 42(8).

    >>> from recsys_lab import datasets
    >>> FunkSVD(factors=2).fit(datasets.toy().ratings).q_.shape
    (8, 2)
    """

    def __init__(
        self,
        *,
        factors: int = 128,
        epochs: int = 100,
        rate: float = 0.005,
        reg: float = 0.09,
        sd: float = 0.01,
        closing: bool = True,
        precision: str = "float32",
        seed: int = 0,
    ):
        self.factors = factors
        self.epochs = epochs
        self.rate = rate
        self.reg = reg
        self.sd = sd
        self.closing = closing
        self.precision = precision
        self.seed = seed

    @classmethod
    def surprise(cls, **changes: Any) -> Self:
        """As Surprise 1.1.5's SVD does it by default: from the same start values, the same numbers to 1e-10."""
        theirs = {"factors": 100, "epochs": 20, "rate": 0.005, "reg": 0.02, "sd": 0.1}
        return cls(**{**theirs, "closing": False, "precision": "float64", **changes})

    def _epoch(self, train: tuple, biases: tuple, tables: list[np.ndarray], pace: tuple) -> None:
        svd_epoch(*train, *biases, *tables, *pace, type(pace[0])(1))  # type: ignore[call-arg]
