"""Factor models by stochastic gradient descent: what FunkSVD and SVDpp share.

    r_ui = mu + b_u + b_i + q_i . x_u          x_u = p_u (FunkSVD), p_u + z_u (SVDpp; see `svdpp_epoch`)

For one rating after the other, with e the error of the prediction and all right-hand sides from before the step:

    b_u += rate (e - reg b_u)                  x_u += rate (pull e q_i - reg x_u)     pull = 1 (FunkSVD), 2 (SVDpp)
    b_i += rate (e - reg b_i)                  q_i += rate (e x_u - reg q_i)

At the end b_u and p_u are solved for, given the items: a ridge regression on the user's own ratings, with the weight
reg n_u that the steps above amount to. It is how a new user gets theirs too, so that somebody who copies a history
gets the same list. Measured, it changes the RMSE by -.001 to +.001 on ml-100k and by -.004 to -.011 on ml-small-2016.

Speed. Each step needs the x of the step before, so the time is that of a chain: a dot product, its sum over the lanes
of a vector register, e, and the update. One pass over the factors therefore does two jobs: the update for this rating
and the dot product for the next. `fastmath` may reorder sums (reassoc) and fuse a product with a sum (contract),
without which a dot product does not vectorise; NaN and infinity keep their meaning.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numba import njit

from recsys_lab import checks
from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import Biases
from recsys_lab.factors import cosines, ridge, shares
from recsys_lab.ratings import Ratings

_ROUND = 256  # bytes of a row that one round of the unrolled kernel takes: four AVX-512 registers
_PAIRS = 512  # predicted at a time: their factors stay in the cache (4,096 took eight times as long)


class SGDFactors(Recommender):
    """A subclass documents the parameters, and says how to start (`_start`) and what one epoch does (`_epoch`)."""

    factors: int
    epochs: int
    rate: float
    reg: float
    sd: float
    closing: bool
    precision: str
    seed: int
    biases_: Biases
    x_: np.ndarray
    q_: np.ndarray

    @abstractmethod
    def _epoch(self, train: tuple, biases: tuple, tables: list[np.ndarray], pace: tuple) -> None:
        """One pass over the ratings: (indptr, items, ratings), (mu, b_user, b_item), [p, q, ...], (rate, reg)."""

    def _implied(self, columns: np.ndarray) -> np.ndarray:
        """z_u (k,): what the choice of these items says of a user, whatever the ratings."""
        return np.zeros(self.factors)

    def _start(self, train: Ratings) -> list[np.ndarray]:
        """p (n_users, k) and q (n_items, k): normal, mean 0, standard deviation sd."""
        rng = np.random.default_rng(self.seed)
        return [self._draw(rng, train.n_users), self._draw(rng, train.n_items)]

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.standard_normal((n, self.factors), dtype=np.float32) * self.sd

    def _fit(self, train: Ratings) -> None:
        checks.whole("factors", self.factors, 1, "a user and an item are described by that many numbers")
        checks.whole("epochs", self.epochs, 1, "passes over the ratings")
        checks.number("rate", self.rate, 0, "the length of a step", 1, above=True)
        checks.number("reg", self.reg, 0, "the pull towards 0 at each step", 1, above=True)
        checks.number("sd", self.sd, 0, "the spread of the factors at the start; with 0 they never move", above=True)
        checks.choice("precision", self.precision, ("float32", "float64"))
        n = train.n_users + 2 * train.n_items
        checks.fits_memory(f"{self.factors:,} factors", 16.0 * n * self.factors, f"Lower factors={self.factors}.")

        number = np.dtype(self.precision).type
        matrix, mu = train.matrix, train.mean
        data = (matrix.indptr, matrix.indices, matrix.data.astype(number))
        biases = (number(mu), np.zeros(train.n_users, number), np.zeros(train.n_items, number))
        tables = [padded(table, number) for table in self._start(train)]
        for epoch in range(1, self.epochs + 1):
            self._epoch(data, biases, tables, (number(self.rate), number(self.reg)))
            # A factor that left the finite numbers takes the biases along; all tables are looked at once, at the end.
            looked_at = biases[1:] if epoch < self.epochs else (*biases[1:], *tables)
            checks.converged(type(self).__name__, epoch, f"Lower rate={self.rate:g}.", *looked_at)
        self._learned(train, Biases(mu, *(b.astype(float) for b in biases[1:])), tables)
        if self.closing:
            for u in range(train.n_users):
                self.biases_.user[u], self.x_[u] = self._solve(*train.of(u))

    def _learned(self, train: Ratings, biases: Biases, tables: list[np.ndarray]) -> None:
        """Keep what was learned, as float64. An item without ratings knows nothing: its start values go."""
        unrated = np.bincount(train.matrix.indices, minlength=train.n_items) == 0
        self.biases_ = biases
        self.x_, self.q_ = (table[:, : self.factors].astype(float) for table in tables[:2])
        self.q_[unrated] = 0.0

    def _solve(self, columns: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
        """b_u and x_u (k,) of somebody who rated these items so: the ridge with b_u as one more factor, q = 1."""
        z = self._implied(columns)
        q, d = self._against(columns, values, z)
        solution = ridge(q, d, self.reg * len(columns))
        return float(solution[-1]), solution[:-1] + z

    def _against(self, columns: np.ndarray, values: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(q_j, 1) of the rated items, and d_uj = r_uj - mu - b_j - q_j . z_u, which b_u and p_u are to explain."""
        q = self.q_[columns]
        d = values - self.biases_.mean - self.biases_.item[columns] - q @ z
        return np.column_stack([q, np.ones(len(q))]), d

    def _score(self, rows: np.ndarray) -> np.ndarray:
        mu, b_user, b_item = self.biases_
        return mu + b_user[rows, None] + b_item + self.x_[rows] @ self.q_.T

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        out = self.biases_.at(rows, columns)
        for start in range(0, len(rows), _PAIRS):
            pairs = slice(start, start + _PAIRS)
            out[pairs] += np.einsum("nf,nf->n", self.x_[rows[pairs]], self.q_[columns[pairs]])
        return out

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        b_u, x = self._solve(columns, values)
        return self.biases_.mean + b_u + self.biases_.item + self.q_ @ x

    def _similar(self, column: int) -> np.ndarray:
        return cosines(self.q_, column)

    def _explain(self, row: int, column: int) -> list[Reason]:
        columns, values = self.train_.of(row)
        q, d = self._against(columns, values, self._implied(columns))
        weights = shares(np.append(self.q_[column], 0.0), q, d, self.reg * len(columns))
        weights += self._implied_shares(columns, column)
        user, items = self.train_.users.ids[row], self.train_.items.ids
        return [
            Reason("user bias", user, np.nan, float(self.biases_.user[row])),
            Reason("item bias", items[column], np.nan, float(self.biases_.item[column])),
            *self._item_reasons(columns, values, weights),
        ]

    def _implied_shares(self, columns: np.ndarray, column: int) -> np.ndarray | float:
        """What each of the user's items adds to q_i . z_u."""
        return 0.0


@njit(cache=True, fastmath={"reassoc", "contract"})
def visit(items, ratings, mu, b_u, b_item, x, q, rate, reg, pull):  # type: ignore[no-untyped-def]
    """One step for each rating of one user, in order, as above. Changes b_item, x and q; returns b_u."""
    shrink = rate * reg
    q_i = q[np.uint64(items[0])]
    dot = mu - mu  # a zero of the factors' type: a plain 0.0 would turn float32 into float64
    for f in range(len(x)):
        dot += q_i[f] * x[f]
    for n in range(len(items)):
        i, q_next = np.uint64(items[n]), q[np.uint64(items[min(n + 1, len(items) - 1)])]
        step = rate * (ratings[n] - mu - b_u - b_item[i] - dot)  # rate e
        b_u += step - shrink * b_u
        b_item[i] += step - shrink * b_item[i]
        dot = mu - mu
        for f in range(len(x)):
            x_f, q_f = x[f], q_i[f]
            x_new = x_f + (pull * step * q_f - shrink * x_f)
            x[f] = x_new
            q_i[f] = q_f + (step * x_f - shrink * q_f)
            dot += q_next[f] * x_new
        q_i = q_next
    return b_u


@njit(cache=True)
def svd_epoch(indptr, items, ratings, mu, b_user, b_item, p, q, rate, reg, pull):  # type: ignore[no-untyped-def]
    """One pass over all ratings, with x = p_u and pull = 1. Changes the biases and factors. O(n_ratings k)."""
    for u in range(len(p)):
        mine = slice(indptr[u], indptr[u + 1])
        b_user[u] = visit(items[mine], ratings[mine], mu, b_user[u], b_item, p[u], q, rate, reg, pull)


@njit(cache=True)
def svdpp_epoch(indptr, items, ratings, mu, b_user, b_item, p, q, rate, reg, pull, y, norm, keep, keep_y, x):  # type: ignore[no-untyped-def]
    """One pass over all ratings, with x = p_u + z_u, z_u = norm_u sum_j y_j and pull = 2. O(n_ratings k).

    Each rating moves p_u by rate (e q_i - reg p_u), and each y_j of the user by rate (norm_u e q_i - reg y_j). Taken
    literally, that is n_u vectors a rating, n_u^2 a user. But during the visit to one user, the y_j are read through
    their sum z_u only, and with norm_u = n_u^-1/2 the sum moves as p_u does. So x moves by rate (2 e q_i - reg x).
    With w the sum of the steps rate e q_i, each shrunk by those after it, a visit does

        p_u -> keep_u p_u + w    z_u -> keep_u z_u + w    x -> keep_u x + 2 w       keep_u = (1 - rate reg)^n_u

    which gives w from x before and after; and each y_j moves once: y_j -> keep_y_u y_j + norm_u w.

    norm, keep, keep_y : (n_users,). x : (2, k), room for x before and after. Changes what `svd_epoch` does, and y.
    """
    before, after = x[0], x[1]
    for u in range(len(p)):
        mine, p_u = slice(indptr[u], indptr[u + 1]), p[u]
        norm_u, keep_u, keep_y_u = norm[u], keep[u], keep_y[u]
        before[:] = p_u
        for j in items[mine]:
            y_j = y[np.uint64(j)]
            for f in range(len(y_j)):
                before[f] += norm_u * y_j[f]
        after[:] = before
        b_user[u] = visit(items[mine], ratings[mine], mu, b_user[u], b_item, after, q, rate, reg, pull)
        w = (after - keep_u * before) / pull
        p_u[:] = keep_u * p_u + w
        for j in items[mine]:
            y_j = y[np.uint64(j)]
            for f in range(len(y_j)):
                y_j[f] = keep_y_u * y_j[f] + norm_u * w[f]


def padded(table: np.ndarray, number: type) -> np.ndarray:
    """A copy (n, k) -> (n, k and zeros): rows of whole rounds of the kernel, from a boundary of 64 bytes on.

    Factors that start at 0 stay there. Rows across two cache lines cost 40 %, an uneven 100 columns as much (measured).
    """
    n, k = table.shape
    size = np.dtype(number).itemsize
    width = -(-k * size // _ROUND) * _ROUND // size
    memory = np.zeros(n * width + 64 // size, number)
    start = -memory.ctypes.data % 64 // size
    rows = memory[start : start + n * width].reshape(n, width)
    rows[:, :k] = table
    return rows
