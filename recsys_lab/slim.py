"""SLIM: the item weights of EASE, but sparse and never negative.

    Column i of W minimises  1/2 |x_i - X w|^2  +  l2/2 |w|^2  +  l1 |w|_1     with w >= 0, w_i = 0
    score_ui = sum over items j that u chose of W_ji

X has x_uj = 1 where user u chose item j, else 0, and x_i is its column i. The elastic net is solved by coordinate descent:
each weight in turn takes the value that is best while the others stay,

    w_j = max(0, (r_j + G_jj w_j - l1) / (G_jj + l2))     G = X^T X     r = G_i - G w

until no weight of a round moves by more than `tolerance`. r is kept up to date, so X itself is never read again.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse

from recsys_lab import checks
from recsys_lab.itemweights import ItemWeights
from recsys_lab.ratings import Ratings

# Columns of W that are dense at one time: a 16 MB table of 2^21 numbers.
_BLOCK = 2**21


class SLIM(ItemWeights):
    """Rank items by a few others of the user's history that speak for them; the model stands at the top of this file.

    It ranks and predicts no stars: `predict` gives the damped biases. Against EASE: its weights are few and positive, which
    makes for short explanations and little memory after the fit; it cannot say "who likes this does not want that".

    Parameters
    ----------
    l1 : >= 0, in choices: an item must be chosen together with i by more people than this, after what the other weights
        already explain, to get a weight. The higher, the fewer weights.
    l2 : >= 0, in choices: shrinks the weights, as `reg` does in EASE.
    tolerance : > 0, in units of a weight: a round that moves none by more is the last.
    rounds : at most so many rounds, from 1.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    Attributes
    ----------
    weights_ : W, CSR float64 (n_items, n_items), zero diagonal.
    chosen_ : X, CSR float64 (n_users, n_items).

    Time O(rounds x n_items^2 x weights of a column), memory O(n_items^2) for G while it fits. Cold start as in EASE: a new
    user's scores are x W. Raises DataError for a parameter out of range, and for a G beyond the memory limit.

    Equal to scikit-learn's ElasticNet(positive=True, fit_intercept=False) with alpha = (l1 + l2) / n_users and
    l1_ratio = l1 / (l1 + l2), column by column. Source: Ning and Karypis 2011, "SLIM" (ICDM).

    >>> from recsys_lab import datasets
    >>> model = SLIM(l1=0.1, l2=1).fit(datasets.toy().ratings)
    >>> model.weights_.shape, bool((model.weights_.data > 0).all())
    ((8, 8), True)
    """

    def __init__(
        self,
        *,
        l1: float = 1.0,
        l2: float = 100.0,
        tolerance: float = 1e-3,
        rounds: int = 100,
        threshold: float | None = None,
    ):
        self.l1 = l1
        self.l2 = l2
        self.tolerance = tolerance
        self.rounds = rounds
        self.threshold = threshold

    def _fit(self, train: Ratings) -> None:
        checks.number("l1", self.l1, 0, "the price of a weight")
        checks.number("l2", self.l2, 0, "it shrinks the weights")
        checks.number("tolerance", self.tolerance, 0, "the descent ends when no weight moves by more", above=True)
        checks.whole("rounds", self.rounds, 1, "every weight must be visited")
        n = train.n_items
        checks.fits_memory(f"SLIM: the {n:,} x {n:,} table G", 20.0 * n**2, "EASE(neighbours=200) needs no such table.")
        x = self.chosen_ = train.positives(self.threshold)
        g = (x.T @ x).toarray()
        size = max(1, _BLOCK // n)
        columns = [
            sparse.csr_array(elastic_nets(g, i, min(i + size, n), self.l1, self.l2, self.tolerance, self.rounds))
            for i in range(0, n, size)
        ]
        self.weights_ = sparse.vstack(columns).T.tocsr()


@njit(cache=True)
def elastic_nets(g, start, stop, l1, l2, tolerance, rounds):  # type: ignore[no-untyped-def]
    """Columns start to stop of W, as rows (stop - start, n)."""
    out = np.zeros((stop - start, len(g)))
    for i in range(start, stop):
        # Neither weights nor G are ever negative, so r only falls from G_i: where that is not above l1, w stays 0. The
        # others, and what is needed of their part of G, lie side by side: nine times faster than long rows with gaps.
        might = np.array([j for j in np.flatnonzero(g[i] > l1) if j != i], dtype=np.uint64)
        m = len(might)
        near, met = np.empty((m, m)), np.zeros(m, np.bool_)
        r, diagonal, w = np.empty(m), np.empty(m), np.zeros(m)
        for j in range(m):
            r[j], diagonal[j] = g[i, might[j]], g[might[j], might[j]]
        for _ in range(rounds):
            largest = 0.0
            for j in range(m):
                new = max(0.0, (r[j] + diagonal[j] * w[j] - l1) / (diagonal[j] + l2))
                step = new - w[j]
                if step != 0.0:
                    if not met[j]:
                        met[j], row = True, g[might[j]]
                        for c in range(m):
                            near[j, c] = row[might[c]]
                    for c in range(m):
                        r[c] -= step * near[j, c]
                    w[j] = new
                    largest = max(largest, abs(step))
            if largest <= tolerance:
                break
        for j in range(m):
            out[i - start, might[j]] = w[j]
    return out
