"""SVD++: matrix factorization that also learns from which items a user rated, whatever the ratings."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from recsys_lab import checks
from recsys_lab.biases import Biases
from recsys_lab.ratings import Ratings
from recsys_lab.sgd import SGDFactors, padded, svdpp_epoch


class SVDpp(SGDFactors):
    """Factors for what a user said of items, and for which items a user chose to rate.

        r_ui = mu + b_u + b_i + q_i . (p_u + z_u)        z_u = |N(u)|^-1/2 sum over j in N(u) of y_j

    N(u) are the items that u rated, n_u = |N(u)|. Whoever chose ten westerns likes westerns, even if they gave three
    stars; and y_j is shared by all, so it helps those with few ratings most.

    The published steps move all n_u vectors y_j at each of the user's n_u ratings. Here they move once a user, by
    exactly the same sum (`svdpp_epoch` in sgd.py has the algebra), which makes SVD++ about as cheap as twice FunkSVD.

    Parameters
    ----------
    factors, epochs, rate, reg, sd, closing, precision, seed : as in `FunkSVD`; `sd` is also that of the y_j.
    reg_y : the pull of y_j towards 0, from 0 to 1, once for each rating of each user who rated j. That is a hundred
        times more often than p_u is pulled, so it wants to be much weaker than reg. With reg_y = reg the steps are the
        published ones; otherwise z_u is pulled by reg during a visit to u, and the y_j by reg_y after it.

    Attributes
    ----------
    biases_ : Biases(mu, b_user (n_users,), b_item (n_items,)).
    x_ : ndarray (n_users, k), p_u + z_u.
    q_, y_ : ndarray (n_items, k).

    Time O(epochs n_ratings k), the closing step O(n_ratings k^2 + n_users k^3); memory O((n_users + n_items) k).
    Cold start, errors: as in `FunkSVD`. Reasons: the biases, and for each of the user's items what its rating adds to
    p_u . q_i and what its choice adds to z_u . q_i.

    Source: Koren 2008, "Factorization meets the neighborhood", KDD, section 4.

    >>> from recsys_lab import datasets
    >>> SVDpp(factors=2).fit(datasets.toy().ratings).y_.shape
    (8, 2)
    """

    y_: np.ndarray

    def __init__(
        self,
        *,
        factors: int = 64,
        epochs: int = 40,
        rate: float = 0.007,
        reg: float = 0.08,
        reg_y: float = 0.005,
        sd: float = 0.01,
        closing: bool = True,
        precision: str = "float32",
        seed: int = 0,
    ):
        self.factors = factors
        self.epochs = epochs
        self.rate = rate
        self.reg = reg
        self.reg_y = reg_y
        self.sd = sd
        self.closing = closing
        self.precision = precision
        self.seed = seed

    @classmethod
    def surprise(cls, **changes: Any) -> Self:
        """As Surprise 1.1.5's SVDpp does it by default: from the same start values, the same numbers to 1e-10."""
        theirs = {"factors": 20, "epochs": 20, "rate": 0.007, "reg": 0.02, "reg_y": 0.02, "sd": 0.1}
        return cls(**{**theirs, "closing": False, "precision": "float64", **changes})

    def _fit(self, train: Ratings) -> None:
        checks.number("reg_y", self.reg_y, 0, "the pull of y towards 0", 1)
        super()._fit(train)

    def _start(self, train: Ratings) -> list[np.ndarray]:
        """p, q and y (n_items, k)."""
        rng = np.random.default_rng(self.seed)
        return [self._draw(rng, n) for n in (train.n_users, train.n_items, train.n_items)]

    def _epoch(self, train: tuple, biases: tuple, tables: list[np.ndarray], pace: tuple) -> None:
        number = type(pace[0])
        n = np.maximum(np.diff(train[0]), 1).astype(float)
        norm, keep, keep_y = n**-0.5, (1 - self.rate * self.reg) ** n, (1 - self.rate * self.reg_y) ** n
        room = padded(np.zeros((2, self.factors)), number)
        weights = (w.astype(number) for w in (norm, keep, keep_y))
        p, q, y = tables
        svdpp_epoch(*train, *biases, p, q, *pace, number(2), y, *weights, room)  # type: ignore[call-arg]

    def _learned(self, train: Ratings, biases: Biases, tables: list[np.ndarray]) -> None:
        super()._learned(train, biases, tables)
        self.y_ = tables[2][:, : self.factors].astype(float)
        self.y_[np.bincount(train.matrix.indices, minlength=train.n_items) == 0] = 0.0
        for u in range(train.n_users):
            self.x_[u] += self._implied(train.matrix.indices[slice(*train.matrix.indptr[u : u + 2])])

    def _implied(self, columns: np.ndarray) -> np.ndarray:
        return len(columns) ** -0.5 * self.y_[columns].sum(axis=0)

    def _implied_shares(self, columns: np.ndarray, column: int) -> np.ndarray:
        return len(columns) ** -0.5 * (self.y_[columns] @ self.q_[column])
