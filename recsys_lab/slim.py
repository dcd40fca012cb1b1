"""SLIM: item weights as in EASE, but few, and never negative.

    Column i of W minimises  1/2 |x_i - X w|^2  +  l2/2 |w|^2  +  l1 |w|_1     with w >= 0, w_i = 0
    score_ui = sum over items j that u chose of W_ji

X has x_uj = 1 where user u chose item j, else 0; x_j is its column j, and n_j the number of ones in it. This elastic net is
solved by coordinate descent: each weight in turn takes the value that is best while the others stay,

    w_j = max(0, (x_j . e + n_j w_j - l1) / (n_j + l2))     e = x_i - X w

A round visits all weights. The rounds after it visit only those above 0, which move the most; when none of them moves by
more than `tolerance`, all are visited again, and the descent ends with a full round that moves none by more.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse

from recsys_lab import checks
from recsys_lab.itemweights import ItemWeights
from recsys_lab.ratings import Ratings

# Columns of W are found in blocks whose products with all items are at most so many numbers (130 MB).
_BLOCK = 2**23


class SLIM(ItemWeights):
    """Rank items by a few others of the user's history that speak for them; the model stands at the top of this file.

    It ranks and predicts no stars: `predict` gives the damped biases. Against EASE: few, positive weights make short
    explanations and a small model, and no table of all items against all is needed; but no weight can say "who likes
    this does not want that".

    Parameters
    ----------
    l1 : >= 0, in choices: the price of a weight. Item j gets one where more people than this chose it with i, beyond what
        the other weights explain. 0.5 to 5 is usual; the higher, the fewer weights.
    l2 : >= 0, in choices: shrinks the weights, as `reg` does in EASE; 50 to 500 is usual.
    tolerance : > 0, in units of a weight (the largest are about 0.3).
    rounds : at most so many rounds for a column, from 1.
    threshold : the rating from which an item counts as chosen; None: every rating does.

    l1 = 1 and l2 = 100 were chosen on one split of ml-100k.

    Attributes
    ----------
    weights_ : W, CSR float64 (n_items, n_items), zero diagonal.
    chosen_ : X, CSR float64 (n_users, n_items).

    Time O(sum over users of n_u^2 + what a column takes: rounds x choices of the items that may have a weight). Memory
    O(n_ratings + weights above 0), and a block. Cold start: a new user's scores are x W, exactly as for a known one; an
    item that nobody chose scores 0; a user who chose nothing has no scores. Raises DataError for a parameter out of range.

    Column by column equal to scikit-learn's ElasticNet(positive=True, fit_intercept=False) with
    alpha = (l1 + l2) / n_users and l1_ratio = l1 / (l1 + l2). Source: Ning and Karypis 2011, "SLIM" (ICDM).

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
        checks.number("l1", self.l1, 0, "it is the price of a weight")
        checks.number("l2", self.l2, 0, "it shrinks the weights")
        checks.number("tolerance", self.tolerance, 0, "the descent ends when no weight moves by more", above=True)
        checks.whole("rounds", self.rounds, 1, "each weight must be visited")
        self.chosen_ = train.positives(self.threshold)
        by_item, n, columns = self.chosen_.T.tocsr(), train.n_items, []
        for start in range(0, n, max(1, _BLOCK // n)):
            together = (by_item[start : start + max(1, _BLOCK // n)] @ self.chosen_).tocoo()
            # No w is negative, so x_j . e never exceeds x_j . x_i: where even that is not above l1, w_j stays 0.
            may = (together.data > self.l1) & (together.row + start != together.col)
            w = sparse.csr_array((together.data[may], (together.row[may], together.col[may])), shape=together.shape)
            w.data = elastic_nets(
                by_item.indptr, by_item.indices, train.n_users, start, w.indptr, w.indices,
                float(self.l1), float(self.l2), float(self.tolerance), self.rounds,
            )  # fmt: skip
            w.eliminate_zeros()
            columns.append(w)
        self.weights_ = sparse.vstack(columns).T.tocsr()


@njit(cache=True)
def elastic_nets(indptr, users, n_users, start, ends, may, l1, l2, tolerance, rounds):  # type: ignore[no-untyped-def]
    """Columns start, start + 1, ... of W: the weight of each item that `may` have one, listed by column (up to `ends`).

    indptr, users: X by items, a run of users for each.
    """
    w, e = np.zeros(len(may)), np.empty(n_users)
    for column in range(len(ends) - 1):
        e[:] = 0.0
        for p in range(indptr[start + column], indptr[start + column + 1]):
            e[users[p]] = 1.0
        full = True
        for _ in range(rounds):
            largest = 0.0
            for q in range(ends[column], ends[column + 1]):
                if full or w[q] > 0.0:
                    begin, end = indptr[may[q]], indptr[may[q] + 1]
                    x_e = 0.0
                    for p in range(begin, end):
                        x_e += e[np.uint64(users[p])]  # unsigned: no check for a negative index
                    n_j = end - begin
                    step = max(0.0, (x_e + n_j * w[q] - l1) / (n_j + l2)) - w[q]
                    if step != 0.0:
                        for p in range(begin, end):
                            e[np.uint64(users[p])] -= step
                        w[q] += step
                        largest = max(largest, abs(step))
            if full and largest <= tolerance:
                break
            full = largest <= tolerance
    return w
