"""Bayesian matrix factorization: not one best set of factors, but many plausible ones, and their average.

    r_ui = mu + sd (b_u + b_i + p_u . q_i)
    p_u ~ N(m_u, 1 / lam)      m_u = prior mean + |N(u)|^-1/2 sum over j in N(u) of y_j
    q_i ~ N(m_i, 1 / lam')     m_i = prior mean' + |N(i)|^-1/2 sum over v in N(i) of z_v

N(u) are the items that u rated and N(i) the users who rated i, in training. What somebody chose to rate tells of their
taste before any star is read (the idea of SVD++), and who chose an item tells of the item ("flipped").

A point estimate of so many numbers overfits unless it is regularised, and how strongly must be tuned. Here the strengths
are unknowns like the rest: `gibbs.py` draws sets of all of them, each as probable as the ratings make it. Where the
ratings say little the sets disagree, and their average is cautious by itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.factors import cosines
from recsys_lab.gibbs import NU_USER, chain
from recsys_lab.ratings import Ratings, require_columns


class BayesianMF(Recommender):
    """Bayesian matrix factorization by Gibbs sampling; the model is at the top of its file.

    A score is the average over some states of the sampler (samples) of mu + sd q_i . E[p_u | that sample's items, the
    user's ratings]. With the items given, that is a ridge regression whose prior mean and strength were learned:

        p_u = V (lam m_u + w_u sum_j w_j q_j d_j)      V^-1 = diag(lam) + w_u sum_j w_j q_j q_j^T      j rated by u

    with d_j = (r_uj - mu) / sd - b_j. Noise differs: w_u and w_j say how predictable the user and the item are. Here b_u
    is the first number of p_u, and q_j starts with a 1. So known and new users are served by one formula.

    Parameters
    ----------
    factors : length of p_u and q_i beside the biases, at least 1; 8 to 32 are usual.
    sweeps : how often everything is drawn, at least 1; a few hundred.
    burn_in : the first sweeps, on the way from the random start to what is plausible; forgotten. 0 to sweeps - 1.
    samples : how many of the other sweeps are kept, evenly spread, at least 1. Memory grows with them.
    implicit : with the y and z; False leaves them out (plain Bayesian MF, less accurate, faster).
    seed : of the draws.

    Attributes
    ----------
    mean_, sd_ : mu and the standard deviation of all ratings.
    users_ : (n_users, samples, F), float32: 1, b_u, p_u, as expected in each sample; F = factors + 2.
    items_ : (n_items, samples, F), float32: b_i, 1, q_i, as drawn.
    item_noise_ : (n_items, samples), float32: w_i.
    noise_ : (samples,), 1 / w_u of a typical user.
    prior_mean_, prior_precision_ : (samples, F - 1), of b_u, p_u before any rating: prior mean and lam.
    implicit_ : (n_items, samples, F - 1), float32: y_j; None with implicit=False.

    Time O(sweeps F n_ratings) to sample and O(samples (F^2 n_ratings + F^3 n_users)) for the users; memory
    4 samples F (n_users + 2 n_items) bytes. Scores of one user O(samples F n_items).
    Cold start: `recommend_for` is exact, unknown ids are predicted by the damped biases; a known item that nobody rated
    has what its prior gives. Raises DataError for a parameter out of range, and for samples that memory could not hold.

    Sources: Salakhutdinov and Mnih 2008 (Bayesian MF); Rendle 2012, libFM (one factor at a time); Rendle, Zhang and
    Koren 2019, arXiv 1905.01395 ("SVD++ flipped"). Noise per user and item is an addition, worth about .007
    of RMSE on an inner split of ml-100k.

    >>> from recsys_lab import datasets
    >>> model = BayesianMF(factors=2, sweeps=30, burn_in=10, samples=5).fit(datasets.toy().ratings)
    >>> model.users_.shape
    (6, 5, 4)
    """

    mean_: float
    sd_: float
    users_: np.ndarray
    items_: np.ndarray
    item_noise_: np.ndarray
    noise_: np.ndarray
    prior_mean_: np.ndarray
    prior_precision_: np.ndarray
    implicit_: np.ndarray | None

    def __init__(
        self,
        *,
        factors: int = 16,
        sweeps: int = 200,
        burn_in: int = 40,
        samples: int = 40,
        implicit: bool = True,
        seed: int = 0,
    ):
        self.factors = factors
        self.sweeps = sweeps
        self.burn_in = burn_in
        self.samples = samples
        self.implicit = implicit
        self.seed = seed

    def _fit(self, train: Ratings) -> None:
        self._check(train)
        known, size = train.matrix, self.factors + 2
        self.mean_, self.sd_ = train.mean, float(known.data.std()) or 1.0
        scaled = sparse.csr_array(
            ((known.data - self.mean_) / self.sd_, known.indices, known.indptr), shape=known.shape
        )
        self.items_ = np.empty((train.n_items, self.samples, size), np.float32)
        self.item_noise_ = np.empty((train.n_items, self.samples), np.float32)
        self.implicit_ = np.empty((train.n_items, self.samples, size - 1), np.float32) if self.implicit else None
        self.noise_ = np.empty(self.samples)
        self.prior_mean_, self.prior_precision_ = np.empty((2, self.samples, size - 1))

        keep = self.burn_in - 1 + np.arange(1, self.samples + 1) * (self.sweeps - self.burn_in) // self.samples
        states = chain(scaled, scaled, self.factors, self.implicit, np.random.default_rng(self.seed))
        for number, (user, item, s2) in zip(range(self.sweeps), states):
            for s in np.flatnonzero(keep == number):
                self.items_[:, s], self.item_noise_[:, s], self.noise_[s] = item.v.T, item.w, s2
                self.prior_mean_[s], self.prior_precision_[s] = user.mu[1:], user.lam[1:]
                if self.implicit_ is not None:
                    self.implicit_[:, s] = user.y[1:].T
        self.users_ = np.empty((train.n_users, self.samples, size), np.float32)
        for u in range(train.n_users):
            self.users_[u] = self._posterior(*train.of(u))[0]

    def _check(self, train: Ratings) -> None:
        checks.whole("factors", self.factors, 1, "users and items are described by that many numbers")
        checks.whole("sweeps", self.sweeps, 1, "each draws everything once")
        checks.whole("burn_in", self.burn_in, 0, "these sweeps are forgotten, and some must be left", self.sweeps - 1)
        left = self.sweeps - self.burn_in
        checks.whole("samples", self.samples, 1, "they are chosen from the sweeps after the burn-in", left)
        n_users, n_items, size = train.n_users, train.n_items, self.factors + 2
        kept, state = 4.0 * self.samples * size * (n_users + 2 * n_items), 24.0 * size * (n_users + n_items)
        checks.fits_memory(
            f"BayesianMF: {self.samples:,} samples of {n_users:,} users and {n_items:,} items",
            kept + state + 24.0 * self.samples * size**2,  # the last: V and what it is made of, for one user
            f"Lower samples={self.samples} or factors={self.factors}.",
        )

    # ------------------------------------------------------------------ one user, in all samples at once
    def _posterior(self, columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the samples say of somebody with these ratings: 1, b_u, p_u (samples, F), V, and w_u (samples,).

        The chain knows no w_u of a new user, so its w_u are used for nobody: p_u is found with the typical noise, then
        w_u from the errors that remain (and V, since p_u was fitted to them), then p_u again.
        """
        q, d, w_items, m = self._history(columns, values)
        lam, weighted = self.prior_precision_, q * w_items[:, :, None]
        gram, products = weighted.transpose(0, 2, 1) @ q, (weighted * d[:, :, None]).sum(axis=1)

        def solve(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            v = np.linalg.inv(w[:, None, None] * gram + lam[:, :, None] * np.eye(lam.shape[1]))
            return v, (v @ (w[:, None] * products + lam * m)[:, :, None])[:, :, 0]

        v, p = solve(1 / self.noise_)
        errors = d - (q @ p[:, :, None])[:, :, 0]
        squares = (w_items * errors**2).sum(axis=1) + (v * gram).sum(axis=(1, 2))
        w = (NU_USER + len(values)) / (NU_USER * self.noise_ + squares)
        v, p = solve(w)
        return np.column_stack([np.ones(self.samples), p]), v, w

    def _history(self, columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """q_j (samples, n_rated, F - 1), d_j and w_j (samples, n_rated), m_u (samples, F - 1)."""
        items = self.items_[columns].astype(float).transpose(1, 0, 2)
        d = (values - self.mean_) / self.sd_ - items[:, :, 0]
        m = self.prior_mean_
        if self.implicit_ is not None:
            m = m + self.implicit_[columns].sum(axis=0, dtype=float) / np.sqrt(max(1, len(columns)))
        return items[:, :, 1:], d, self.item_noise_[columns].T.astype(float), m

    # ------------------------------------------------------------------ scores, their spread, their reasons
    def _score(self, rows: np.ndarray) -> np.ndarray:
        # The sum over factors and the average over samples are one matrix product.
        p, q = self.users_[rows].reshape(len(rows), -1), self.items_.reshape(len(self.items_), -1)
        return self.mean_ + self.sd_ / self.samples * (p.astype(float) @ q.T.astype(float))

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        p = self._posterior(columns, values)[0].astype(np.float32)  # rounded as users_ is
        return self.mean_ + self.sd_ / self.samples * (
            self.items_.reshape(len(self.items_), -1).astype(float) @ p.ravel()
        )

    def predict_sd(self, pairs: pd.DataFrame, *, noise: bool = True) -> np.ndarray:
        """How far a rating may lie from its prediction, as a standard deviation, for the rows of `pairs`; NaN where the
        user or the item is unknown.

        The variance has three parts: p_u is uncertain within a sample (q_i . V q_i), the samples disagree, and people are
        not of one mind (1 / (w_u w_i)). With noise=False the last is left out: how sure the model is of the mean.
        About 95 % of ratings lie within two standard deviations, though these know nothing of the ends of the scale.
        """
        train = self._fitted()
        require_columns(pairs, user="user", item="item")
        rows, columns = train.users.rows(pairs["user"]), train.items.rows(pairs["item"])
        out = np.full(len(pairs), np.nan)
        rows[columns < 0] = -1
        order = np.argsort(rows, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
            if len(mine) and rows[mine[0]] >= 0:
                p, v, w = self._posterior(*train.of(rows[mine[0]]))
                items = self.items_[columns[mine]].astype(float)
                q = items[:, :, 1:]
                variance = np.einsum("isf,sfg,isg->is", q, v, q, optimize=True).mean(axis=1)
                variance += (items * p).sum(axis=2).var(axis=1)
                if noise:
                    variance += (1 / (w * self.item_noise_[columns[mine]])).mean(axis=1)
                out[mine] = self.sd_ * np.sqrt(variance)
        return out

    def _similar(self, column: int) -> np.ndarray:
        """The cosine of the q of all samples, end to end: the factors of two samples have no common directions."""
        return cosines(self.items_[:, :, 1:].reshape(len(self.items_), -1).astype(float), column)

    def _explain(self, row: int, column: int) -> list[Reason]:
        """p_u is a sum over the user's ratings, and so is the score but for mu + sd b_i and the prior mean's part:
        each item j adds q_i . V (w_u w_j q_j d_j + lam y_j |N(u)|^-1/2), what it was rated and that it was rated at all.
        """
        columns, values = self.train_.of(row)
        _, v, w = self._posterior(columns, values)
        q, d, w_items, _ = self._history(columns, values)
        reach = v @ self.items_[column, :, 1:, None].astype(float)  # (samples, F - 1, 1): V q_i
        weights = w[:, None] * w_items * d * (q @ reach)[:, :, 0]
        if self.implicit_ is not None:
            y = self.implicit_[columns].transpose(1, 0, 2) * self.prior_precision_[:, None] / np.sqrt(len(columns))
            weights += (y @ reach)[:, :, 0]
        return self._item_reasons(columns, values, self.sd_ * weights.mean(axis=0))
