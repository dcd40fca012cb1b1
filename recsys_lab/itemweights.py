"""What models share that score an item by a sum over the user's history: how they rank, serve new users, and explain.

    score_ui = sum over items j that u chose of x_uj W_ji

Such a model learns W, and keeps the x_u (1 for each choice, unless it says otherwise) as the rows of a sparse matrix; a
user's scores are then one row of x W.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recsys_lab.base import Reason, Recommender
from recsys_lab.ratings import is_chosen


class ItemWeights(Recommender):
    """A subclass's `_fit` sets weights_, W (n_items, n_items), an ndarray or CSR, and chosen_, x, CSR (n_users, n_items).

    Both have one dtype; float32 will do, since a row of a sparse product is summed alone: it does not depend on the other
    rows, not even in its last bit. A user who chose nothing has no scores.
    """

    scores_are_ratings = False
    threshold: float | None
    weights_: np.ndarray | sparse.csr_array
    chosen_: sparse.csr_array

    def _profiles(self, chosen: sparse.csr_array) -> sparse.csr_array:
        """x (n, n_items) from who chose what, ones."""
        return chosen

    def _sum(self, x: sparse.csr_array) -> np.ndarray:
        product = x @ self.weights_
        scores = (product.toarray() if sparse.issparse(product) else product).astype(float)
        scores[np.diff(x.indptr) == 0] = np.nan
        return scores

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self._sum(self.chosen_[rows])

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        mine = columns[is_chosen(values, self.threshold)]
        ones = np.ones(len(mine), dtype=self.chosen_.dtype)
        x = sparse.csr_array((ones, mine, [0, len(mine)]), shape=(1, self.train_.n_items))
        return self._sum(self._profiles(x))[0]

    def _similar(self, column: int) -> np.ndarray:
        """W_ji for each i: what somebody who chose this item alone would be shown."""
        return self._fold_in(np.array([column]), np.array([np.inf]))

    def _explain(self, row: int, column: int) -> list[Reason]:
        x = self.chosen_[[row]]
        mine = x.indices
        ratings = self.train_.matrix[[row]].toarray()[0, mine]
        weights = self.weights_[mine][:, [column]]
        weights = x.data * (weights.toarray() if sparse.issparse(weights) else weights)[:, 0]
        speaks = weights != 0
        return self._item_reasons(mine[speaks], ratings[speaks], weights[speaks])
