"""The Gibbs sampler of `BayesianMF`: draw each unknown in turn from its distribution given all others and the ratings.

With r scaled to mean 0 and variance 1, N(u) the items that u rated, and N(i) the users who rated i:

    r_ui = p_u . q_i + noise                                 noise ~ N(0, 1 / (w_u w_i))
    p_uf ~ N(m_uf, 1 / lam_f)      m_uf = mu_f + x_u sum over j in N(u) of y_jf          x_u = |N(u)|^-1/2
    y_jf ~ N(0, 1 / lam_yf)        mu_f ~ N(0, 1 / lam_f)    lam_f, lam_yf ~ Gamma(1, 1)
    w_u ~ Gamma(NU_USER / 2, s2 NU_USER / 2)                 s2 ~ Gamma(1, 1)

and the same for the items (q, and z in the place of y), but that w_i ~ Gamma(NU_ITEM / 2, NU_ITEM / 2). The biases are
factors whose other half is the constant 1: p_u = (1, b_u, p_u2, ...) and q_i = (b_i, 1, q_i2, ...).

Why one number at a time: its distribution is a Gaussian that needs two sums over ratings, so drawing all F factors
takes O(F n_ratings) (Rendle 2012). Drawing p_u as a whole would take F times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy import sparse

NU_USER, NU_ITEM = 10.0, 30.0  # before any rating is seen, w counts as known from so many
START = (
    30.0  # lam at first: small factors, so that the chain comes from the side of too little detail, which is quicker
)
LEAST_NOISE = 1e-4  # of the ratings' variance: without it, ratings that are all the same would make the noise vanish


class Side(NamedTuple):
    """All that is unknown about the users; or about the items, with the names of the other side."""

    v: np.ndarray  # (F, n) p
    m: np.ndarray  # (F, n) the prior mean of v
    y: np.ndarray  # (F, n of the other side)
    x: np.ndarray  # (n,)
    w: np.ndarray  # (n,)
    mu: np.ndarray  # (F,)
    lam: np.ndarray  # (F,)
    lam_y: np.ndarray  # (F,)


@njit(cache=True)
def draw(rng, f, side, h, g, starts, members, implicit):  # type: ignore[no-untyped-def]
    """Draw y_.f, then v_.f, given the rest; returns by how much each v_uf changed.

    The ratings of u alone would say v_uf = g_u / h_u, with precision h_u (see `sweep`). `members` from starts[j] on: who
    rated j. y is drawn while v_.f is left open: seen through it, m_uf is g_u / h_u with precision h_u s_u, where
    s_u = lam / (h_u + lam). Drawn with v_.f held fast, y could only creep, since v_uf would already say it all.
    """
    v, m, y, x, lam = side.v[f], side.m[f], side.y[f], side.x, side.lam[f]
    if implicit:
        seen = np.empty((len(v), 2))  # what u says of its y: x s (g - h m), which changes as y does, and x^2 s h
        for u in range(len(v)):
            s = lam / (h[u] + lam)
            seen[u, 0] = x[u] * s * (g[u] - h[u] * m[u])
            seen[u, 1] = x[u] ** 2 * s * h[u]
        for j in range(len(y)):
            total, precision = 0.0, 0.0
            for t in range(starts[j], starts[j + 1]):
                total += seen[members[t], 0]
                precision += seen[members[t], 1]
            total += precision * y[j]
            precision += side.lam_y[f]
            step = total / precision + rng.standard_normal() / np.sqrt(precision) - y[j]
            y[j] += step
            for t in range(starts[j], starts[j + 1]):
                u = members[t]
                seen[u, 0] -= step * seen[u, 1]
                m[u] += step * x[u]
    moved = np.empty(len(v))
    for u in range(len(v)):
        precision = h[u] + lam
        moved[u] = (g[u] + lam * m[u]) / precision + rng.standard_normal() / np.sqrt(precision) - v[u]
        v[u] += moved[u]
    return moved


@njit(cache=True)
def sweep(rng, e, starts, items, seen_starts, seen_items, by_starts, by_users, user, item, implicit):  # type: ignore[no-untyped-def]
    """Draw every factor of users and items once. e (n_ratings,) is kept at r - p . q.

    For factor f, e_ui + p_uf q_if is p_uf q_if and noise: a regression through the origin. Its two sums are

        h_u = w_u sum_i w_i q_if^2       g_u = w_u sum_i w_i q_if (e_ui + p_uf q_if)       and likewise for the items.
    """
    n_users, n_items = len(user.x), len(item.x)
    for f in range(len(user.lam)):
        p, q = user.v[f], item.v[f]
        moved = np.zeros(n_users)
        if f != 0:  # p_u0 is the constant 1
            h, g = np.empty(n_users), np.empty(n_users)
            for u in range(n_users):
                squares, products = 0.0, 0.0
                for t in range(starts[u], starts[u + 1]):
                    wq = item.w[items[t]] * q[items[t]]
                    squares += wq * q[items[t]]
                    products += wq * e[t]
                h[u], g[u] = user.w[u] * squares, user.w[u] * (products + squares * p[u])
            moved = draw(rng, f, user, h, g, by_starts, by_users, implicit)
        h, g = np.zeros(n_items), np.zeros(n_items)
        for u in range(n_users):
            wp = user.w[u] * p[u]
            for t in range(starts[u], starts[u + 1]):
                e[t] -= moved[u] * q[items[t]]
                h[items[t]] += wp * p[u]
                g[items[t]] += wp * e[t]
        if f != 1:  # q_i1 is the constant 1
            h, g = item.w * h, item.w * (g + h * q)
            moved = draw(rng, f, item, h, g, seen_starts, seen_items, implicit)
            for u in range(n_users):
                for t in range(starts[u], starts[u + 1]):
                    e[t] -= moved[items[t]] * p[u]


def chain(
    ratings: sparse.csr_array, seen: sparse.csr_array, factors: int, implicit: bool, rng: np.random.Generator
) -> Iterator[tuple[Side, Side, float]]:
    """Endless states (users, items, s2), one a sweep; each overwrites the arrays of the one before.

    Parameters
    ----------
    ratings : what is to be explained, scaled.
    seen : whose stored entries say who rated what, for N(u) and N(i): those in training, and no others.
    """
    users, items = np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr)), ratings.indices
    by = seen.T.tocsr()
    user, item = _start(rng, factors + 2, seen, constant=0), _start(rng, factors + 2, by, constant=1)
    e = ratings.data - sum(p[users] * q[items] for p, q in zip(user.v, item.v))
    lists = [*_unsigned(ratings), *_unsigned(seen), *_unsigned(by)]
    s2 = 1.0
    while True:
        sweep(rng, e, *lists, user, item, implicit)  # type: ignore[call-arg]
        draw_priors(rng, user, implicit)
        draw_priors(rng, item, implicit)
        s2 = draw_noise(rng, e, users, items, user, item, s2)
        yield user, item, s2


def draw_priors(rng: np.random.Generator, side: Side, implicit: bool) -> None:
    """Draw lam and mu together, then lam_y, given the v and y that came from them."""
    n_factors, n = side.v.shape
    own = side.v - side.m + side.mu[:, None]  # v without what y adds: n draws around mu
    mu = own.sum(axis=1) / (n + 1)
    squares = ((own - mu[:, None]) ** 2).sum(axis=1) + mu**2
    side.lam[:] = rng.gamma(1 + n / 2, size=n_factors) / (1 + squares / 2)
    mu += rng.normal(size=n_factors) / np.sqrt(side.lam * (n + 1))
    side.m[:] += (mu - side.mu)[:, None]
    side.mu[:] = mu
    if implicit:
        side.lam_y[:] = rng.gamma(1 + side.y.shape[1] / 2, size=n_factors) / (1 + (side.y**2).sum(axis=1) / 2)


def draw_noise(
    rng: np.random.Generator, e: np.ndarray, users: np.ndarray, items: np.ndarray, user: Side, item: Side, s2: float
) -> float:
    """Draw w_i, then w_u, then s2, given the errors e of the ratings (users, items); returns s2."""
    n_users, n_items = len(user.w), len(item.w)
    squares = np.bincount(items, user.w[users] * e**2, n_items)
    item.w[:] = rng.gamma((NU_ITEM + np.bincount(items, minlength=n_items)) / 2) / ((NU_ITEM + squares) / 2)
    squares = np.bincount(users, item.w[items] * e**2, n_users)
    user.w[:] = rng.gamma((NU_USER + np.bincount(users, minlength=n_users)) / 2) / ((s2 * NU_USER + squares) / 2)
    return max(LEAST_NOISE, rng.gamma(1 + n_users * NU_USER / 2) / (1 + user.w.sum() * NU_USER / 2))


def _start(rng: np.random.Generator, n_factors: int, seen: sparse.csr_array, constant: int) -> Side:
    n, n_other = seen.shape
    v = rng.normal(size=(n_factors, n)) / np.sqrt(START)
    v[constant] = 1.0
    m, y, x = np.zeros((n_factors, n)), np.zeros((n_factors, n_other)), np.maximum(np.diff(seen.indptr), 1) ** -0.5
    return Side(v, m, y, x, np.ones(n), np.zeros(n_factors), np.full(n_factors, START), np.full(n_factors, START))


def _unsigned(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """indptr and indices for `sweep`. What cannot be negative needs no test for it at each access: 30 % less time."""
    return matrix.indptr.astype(np.uint64), matrix.indices.astype(np.uint32)
