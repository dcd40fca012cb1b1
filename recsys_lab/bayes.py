"""Bayesian matrix factorization: not one best set of factors, but many plausible ones, and their average.

    r_ui = mu + sd (b_u + b_i + p_u . q_i + noise)            noise ~ N(0, 1 / (w_u w_i))
    p_uf ~ N(m_uf, 1 / lam_f)     m_uf = mu_f + x_u sum over j in N(u) of y_jf       x_u = |N(u)|^-1/2
    q_if ~ N(m_if, 1 / lam'_f)    m_if = mu'_f + x_i sum over v in N(i) of z_vf      x_i = |N(i)|^-1/2

N(u) are the items that u rated and N(i) the users who rated i, in training: what somebody chose to rate tells of their
taste before any star is read (SVD++), and who chose an item tells of the item ("flipped"). The biases are two more
factors, whose other half is the constant 1: p_u = (1, b_u, p_u1, ...) and q_i = (b_i, 1, q_i1, ...). Some people are
easier to predict than others, and so are some items: w_u and w_i.

Everything unknown has a prior, that prior's parameters (mu_f, lam_f, ...) too, and nothing is tuned: Gibbs sampling draws
each unknown in turn from its distribution given all others and the ratings. After a while these draws are draws from the
posterior. A point estimate must be regularised lest it overfit; the average over draws needs no such help.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from scipy import sparse

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.ratings import Ratings, require_columns

# Before its ratings are seen, a user's noise w_u counts as known from so many ratings, an item's w_i from so many.
NU_USER, NU_ITEM = 10.0, 30.0
_START = 30.0  # precision of the first draws: small factors, so that the chain comes from the side of too little detail
_LEAST_NOISE = 1e-4  # of the ratings' variance: identical ratings must not make the noise vanish
_ROUNDS = 2  # of the new user's noise and vector, each from the other


class Side(NamedTuple):
    """The unknowns of the users (or, the same with the names swapped, of the items). F = factors + 2."""

    v: np.ndarray  # (F, n) p
    m: np.ndarray  # (F, n) the prior mean of v
    y: np.ndarray  # (F, n of the other side) what having rated j adds to it
    x: np.ndarray  # (n,) |N|^-1/2
    w: np.ndarray  # (n,) precision of the noise
    mu: np.ndarray  # (F,)
    lam: np.ndarray  # (F,) precision of v around m
    lam_y: np.ndarray  # (F,) precision of y around 0


@njit(cache=True)
def draw(rng, f, side, h, g, starts, members, implicit):  # type: ignore[no-untyped-def]
    """Draw y_.f, then v_.f, given the rest; returns by how much v_.f changed. `members` of j: who rated j.

    The ratings of u say v_uf = g_u / h_u, with precision h_u = w_u sum_i w_i q_if^2, where
    g_u = w_u sum_i w_i q_if (e_ui + v_uf q_if). Before v_uf is drawn it can be left open: seen through it, m_uf is
    g_u / h_u with precision s = h lam / (h + lam). Drawing y against m, not against the present v, lets y move far.
    """
    v, m, y, x, lam = side.v[f], side.m[f], side.y[f], side.x, side.lam[f]
    if implicit:
        seen = np.empty((len(v), 2))  # side by side in memory: x (what is left of m, times s), x^2 s
        for u in range(len(v)):
            seen[u, 0] = x[u] * lam / (h[u] + lam) * (g[u] - h[u] * m[u])
            seen[u, 1] = x[u] ** 2 * lam / (h[u] + lam) * h[u]
        for j in range(len(y)):
            total, precision = 0.0, 0.0
            for t in range(starts[j], starts[j + 1]):
                total += seen[members[t], 0]
                precision += seen[members[t], 1]
            total += precision * y[j]
            precision += side.lam_y[f]
            change = total / precision + rng.standard_normal() / np.sqrt(precision) - y[j]
            y[j] += change
            for t in range(starts[j], starts[j + 1]):
                u = members[t]
                seen[u, 0] -= change * seen[u, 1]
                m[u] += change * x[u]
    moved = np.empty(len(v))
    for u in range(len(v)):
        precision = h[u] + lam
        moved[u] = (g[u] + lam * m[u]) / precision + rng.standard_normal() / np.sqrt(precision) - v[u]
        v[u] += moved[u]
    return moved


@njit(cache=True)
def sweep(rng, e, user_starts, items, seen_starts, seen_items, seen_by_starts, seen_by, user, item, implicit):  # type: ignore[no-untyped-def]
    """Draw every factor of users and items once, in O(F x n_ratings). e (n_ratings,) is kept at r - p . q.

    Each draw needs two sums over ratings, h and g of `draw`; the rest is arithmetic on users and items.
    """
    n_users, n_items = len(user.x), len(item.x)
    for f in range(len(user.lam)):
        p, q = user.v[f], item.v[f]
        moved = np.zeros(n_users)
        if f != 0:  # p_u0 is the constant 1
            h, g = np.empty(n_users), np.empty(n_users)
            for u in range(n_users):
                hu, gu = 0.0, 0.0
                for t in range(user_starts[u], user_starts[u + 1]):
                    wq = item.w[items[t]] * q[items[t]]
                    hu += wq * q[items[t]]
                    gu += wq * e[t]
                h[u], g[u] = user.w[u] * hu, user.w[u] * (gu + hu * p[u])
            moved = draw(rng, f, user, h, g, seen_by_starts, seen_by, implicit)
        h, g = np.zeros(n_items), np.zeros(n_items)
        for u in range(n_users):
            wp = user.w[u] * p[u]
            for t in range(user_starts[u], user_starts[u + 1]):
                i = items[t]
                e[t] -= moved[u] * q[i]
                h[i] += wp * p[u]
                g[i] += wp * e[t]
        if f != 1:  # q_i1 is the constant 1
            h, g = item.w * h, item.w * (g + h * q)
            moved = draw(rng, f, item, h, g, seen_starts, seen_items, implicit)
            for u in range(n_users):
                for t in range(user_starts[u], user_starts[u + 1]):
                    e[t] -= moved[items[t]] * p[u]


def chain(
    ratings: sparse.csr_array, seen: sparse.csr_array, factors: int, implicit: bool, rng: np.random.Generator
) -> Iterator[tuple[Side, Side, float]]:
    """One state of (users, items, s2) after another: the arrays are overwritten by the next. s2 is the typical noise.

    `ratings`: what is explained, (r - mu) / sd. `seen`: the pattern that gives N(u) and N(i).
    """
    indptr, items, e = _unsigned(ratings), ratings.indices.astype(np.uint32), ratings.data.copy()
    users, by = np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr)), seen.T.tocsr()
    lists = (_unsigned(seen), seen.indices.astype(np.uint32), _unsigned(by), by.indices.astype(np.uint32))
    user, item = _start(rng, factors + 2, seen, 0), _start(rng, factors + 2, by, 1)
    for f in range(factors + 2):
        e -= user.v[f, users] * item.v[f, ratings.indices]
    s2 = 1.0
    while True:
        sweep(rng, e, indptr, items, *lists, user, item, implicit)
        for side in (user, item):
            _draw_priors(rng, side, implicit)
        # w_i ~ Gamma(NU_ITEM / 2, NU_ITEM / 2), w_u ~ Gamma(NU_USER / 2, NU_USER s2 / 2), s2 ~ Gamma(1, 1)
        squares = np.bincount(ratings.indices, user.w[users] * e**2, len(item.w))
        item.w[:] = rng.gamma((NU_ITEM + np.bincount(ratings.indices, minlength=len(item.w))) / 2)
        item.w[:] /= (NU_ITEM + squares) / 2
        squares = np.bincount(users, item.w[ratings.indices] * e**2, len(user.w))
        user.w[:] = rng.gamma((NU_USER + np.diff(ratings.indptr)) / 2) / ((NU_USER * s2 + squares) / 2)
        s2 = rng.gamma(1 + NU_USER / 2 * len(user.w)) / (1 + NU_USER / 2 * user.w.sum())
        s2 = max(s2, _LEAST_NOISE)
        yield user, item, s2


def _start(rng: np.random.Generator, n_factors: int, seen: sparse.csr_array, other_bias: int) -> Side:
    """Small random factors. The other side's bias stands at `other_bias`: there this side has the constant 1."""
    n, n_other = seen.shape
    v = rng.normal(scale=_START**-0.5, size=(n_factors, n))
    v[other_bias] = 1.0
    zeros, ones = np.zeros(n_factors), np.full(n_factors, _START)
    x = np.maximum(np.diff(seen.indptr), 1) ** -0.5
    return Side(v, np.zeros_like(v), np.zeros((n_factors, n_other)), x, np.ones(n), zeros, ones, ones.copy())


def _draw_priors(rng: np.random.Generator, side: Side, implicit: bool) -> None:
    """lam_f ~ Gamma(1, 1), mu_f ~ N(0, 1 / lam_f), lam_y ~ Gamma(1, 1), given what has been drawn from them."""
    n_factors, n = side.v.shape
    off = side.v - side.m + side.mu[:, None]  # v without the implicit part: n draws around mu_f
    mu = off.sum(axis=1) / (n + 1)
    spread = ((off - mu[:, None]) ** 2).sum(axis=1) + mu**2
    side.lam[:] = rng.gamma(1 + n / 2, size=n_factors) / (1 + spread / 2)
    mu += rng.normal(size=n_factors) / np.sqrt(side.lam * (n + 1))
    side.m[:] += (mu - side.mu)[:, None]
    side.mu[:] = mu
    if implicit:
        side.lam_y[:] = rng.gamma(1 + side.y.shape[1] / 2, size=n_factors) / (1 + (side.y**2).sum(axis=1) / 2)


def _unsigned(matrix: sparse.csr_array) -> np.ndarray:
    """indptr for the kernel: an unsigned index cannot be negative, which saves a test at each access (30 %)."""
    return matrix.indptr.astype(np.uint64)


class BayesianMF(Recommender):
    """Bayesian matrix factorization by Gibbs sampling: the most accurate single model here. The model is at the top.

    A score is the average over `samples` states of the chain, thinned, of mu + sd q_i . E[p_u | that state's items, the
    user's ratings]. Given the items, p_u is a ridge regression whose prior mean and strength were learned:

        p_u = V (lam m_u + sum_j w_u w_j q_j d_j)      V^-1 = diag(lam) + sum_j w_u w_j q_j q_j^T     over rated j

    with d_j = (r_uj - mu) / sd - b_j, and p_u without its constant. So known and new users are served alike, and 20
    samples say as much as 150 drawn p_u. The user's own noise w_u is fitted to the same ratings.

    Parameters
    ----------
    factors : f = 1 ... factors, at least 1; 8 to 32 are usual.
    sweeps : rounds of drawing everything, at least 1; more are better and cost in proportion.
    burn_in : the first rounds, which are forgotten, 0 to sweeps - 1.
    samples : how many of the later rounds are kept, evenly spread; memory grows with them.
    implicit : False leaves the y and z out: plain Bayesian matrix factorization, at a third of the time.
    seed : of the draws.

    Attributes
    ----------
    mean_, sd_ : mu and the ratings' standard deviation.
    users_ : (n_users, samples, F), F = factors + 2, float32; p_u = (1, b_u, p_u1, ...), the mean given that sample.
    items_ : (n_items, samples, F), float32; q_i = (b_i, 1, q_i1, ...).
    item_noise_ : (n_items, samples), float32; w_i. noise_ : (samples,), the variance of a typical user's noise.
    prior_mean_, prior_precision_ : (samples, F - 1) of p_u without its constant: mu_f and lam_f.
    implicit_ : (n_items, samples, F - 1), float32; y_j. None with implicit=False.

    Time O(sweeps F n_ratings + samples (F^2 n_ratings + F^3 n_users)), memory 4 F samples (n_users + 2 n_items) bytes.
    Cold start: the ratings of a new user are folded in by the same formula (`recommend_for`); unknown ids are
    predicted by the damped biases. A known item without ratings is described by its prior.
    Raises DataError for a parameter out of range or samples that would not fit into memory.
    Sources: Salakhutdinov and Mnih 2008 (Bayesian PMF); Rendle 2012 (libFM, one factor at a time, O(n_ratings));
    Rendle, Zhang and Koren 2019, arXiv 1905.01395 ("SVD++ flipped"). The noise per user and item, and drawing y with
    the p left open, are additions.

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
        samples: int = 20,
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
        checks.whole("factors", self.factors, 1, "users and items are described by that many numbers")
        checks.whole("sweeps", self.sweeps, 1, "each draws everything once")
        checks.whole("burn_in", self.burn_in, 0, "these sweeps are forgotten, and one must remain", self.sweeps - 1)
        checks.whole("samples", self.samples, 1, "they are chosen from the sweeps after burn_in", self.sweeps - self.burn_in)
        n_users, n_items, n_factors = train.n_users, train.n_items, self.factors + 2
        checks.fits_memory(
            f"BayesianMF: {self.samples:,} samples of {n_users:,} users and {n_items:,} items",
            4.0 * self.samples * n_factors * (n_users + 2 * n_items),
            f"Lower samples={self.samples} or factors={self.factors}.",
        )
        self.mean_, self.sd_ = train.mean, float(train.matrix.data.std()) or 1.0
        scaled = sparse.csr_array(
            ((train.matrix.data - self.mean_) / self.sd_, train.matrix.indices, train.matrix.indptr),
            shape=train.matrix.shape,
        )
        keep = np.linspace(self.sweeps - 1, self.burn_in, self.samples, endpoint=self.samples > 1).astype(int)[::-1]
        shape = (self.samples, n_factors)
        self.items_ = np.empty((n_items, *shape), np.float32)
        self.implicit_ = np.empty((n_items, self.samples, n_factors - 1), np.float32) if self.implicit else None
        self.item_noise_ = np.empty((n_items, self.samples), np.float32)
        self.noise_ = np.empty(self.samples)
        self.prior_mean_, self.prior_precision_ = np.empty((2, self.samples, n_factors - 1))
        states = chain(scaled, scaled, self.factors, self.implicit, np.random.default_rng(self.seed))
        for number, (user, item, s2) in zip(range(self.sweeps), states):
            for s in np.flatnonzero(keep == number):
                self.items_[:, s], self.item_noise_[:, s], self.noise_[s] = item.v.T, item.w, s2
                self.prior_mean_[s], self.prior_precision_[s] = user.mu[1:], user.lam[1:]
                if self.implicit_ is not None:
                    self.implicit_[:, s] = user.y[1:].T
        self.users_ = np.empty((n_users, *shape), np.float32)
        for u in range(n_users):
            mine = slice(train.matrix.indptr[u], train.matrix.indptr[u + 1])
            self.users_[u] = self._posterior(train.matrix.indices[mine], train.matrix.data[mine])[0]

    def _posterior(self, columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each sample says of a user with these ratings: p_u (samples, F), V and w_u (samples,).

        w_u and p_u need each other: from w_u = 1 / noise, each is set to what the other and the ratings suggest.
        """
        q, d, noise, m = self._history(columns, values)
        gram, to = (q * noise[:, :, None]).transpose(0, 2, 1) @ q, ((noise * d)[:, None] @ q)[:, 0]
        lam, w = self.prior_precision_, 1 / self.noise_
        for left in range(_ROUNDS, -1, -1):
            v = np.linalg.inv(w[:, None, None] * gram + lam[:, :, None] * np.eye(lam.shape[1]))
            p = (v @ (w[:, None] * to + lam * m)[:, :, None])[:, :, 0]
            if left:
                e = d - (q @ p[:, :, None])[:, :, 0]
                squares = (noise * e**2).sum(axis=1) + (v * gram).sum(axis=(1, 2))
                w = (NU_USER + len(values)) / (NU_USER * self.noise_ + squares)
        return np.column_stack([np.ones(self.samples), p]), v, w

    def _history(self, columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """For each sample: q_j (samples, n_rated, F - 1), d_j, w_j (samples, n_rated), and m_u (samples, F - 1)."""
        items = self.items_[columns].astype(float).transpose(1, 0, 2)
        d = (values - self.mean_) / self.sd_ - items[:, :, 0]
        m = self.prior_mean_
        if self.implicit_ is not None:
            m = m + self.implicit_[columns].sum(axis=0, dtype=float) / np.sqrt(len(columns))
        return np.ascontiguousarray(items[:, :, 1:]), d, self.item_noise_[columns].T.astype(float), m

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self._average(self.users_[rows])

    def _average(self, users: np.ndarray) -> np.ndarray:
        """mu + sd p . q averaged over samples: one product, for the sum over factors and samples is one sum."""
        p, q = users.reshape(len(users), -1).astype(float), self.items_.reshape(len(self.items_), -1).astype(float)
        return self.mean_ + self.sd_ / self.samples * (p @ q.T)

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        return self._average(self._posterior(columns, values)[0][None].astype(np.float32))[0]
