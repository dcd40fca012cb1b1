"""Damped user and item effects: the part of a rating that needs no similarity and no factors.

    b_ui = mu + b_u + b_i

mu is the mean of all ratings, b_u says how much kinder than others user u rates, b_i how much better than others
item i is rated. Several models build on it (the baselines, k-NN, factorization) and every model falls back to it,
which is why it lives in a file of its own, below them all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

DAMPING_USER, DAMPING_ITEM = 15.0, 10.0  # lambda of the paper; the values are Surprise's


class Biases(NamedTuple):
    """mean: float; user: ndarray (n_users,); item: ndarray (n_items,). Unrated rows and columns have 0."""

    mean: float
    user: np.ndarray
    item: np.ndarray

    def at(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """b_ui for aligned rows; -1 stands for an unknown user or item and contributes nothing."""
        # Row -1 is the last one: the 0 that is put there.
        return self.mean + np.append(self.user, 0.0)[users] + np.append(self.item, 0.0)[items]

    def new_user(self, items: np.ndarray, ratings: np.ndarray, damping_user: float) -> float:
        """b_u of somebody who was not in training, from their ratings: the last half-step of the fit, for one row."""
        return float((ratings - self.mean - self.item[items]).sum() / max(damping_user + len(items), 1e-12))


def damped_biases(
    matrix: sparse.csr_array, epochs: int = 10, damping_user: float = DAMPING_USER, damping_item: float = DAMPING_ITEM
) -> Biases:
    """Alternating least squares for the biases (Koren 2010, section 2.1).

    Minimises  sum over known (u, i) of (r_ui - mu - b_u - b_i)^2 + damping_user |b_u|^2 + damping_item |b_i|^2
    by solving for all b_i with b_u fixed, then for all b_u with b_i fixed:

        b_i = sum_u (r_ui - mu - b_u) / (damping_item + |U_i|)
        b_u = sum_i (r_ui - mu - b_i) / (damping_user + |I_u|)

    Damping pulls those with few ratings towards 0, as if each had that many ratings at the mean. O(epochs x n_ratings).
    """
    mean = float(matrix.data.mean())
    known = sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
    known_by_item = known.T.tocsr()
    # sum (r - mu - b_u) = sum (r - mu) - sum b_u: the first sum never changes, the second is a product with `known`.
    total_user, total_item = (
        matrix.sum(axis=1) - mean * known.sum(axis=1),
        matrix.sum(axis=0) - mean * known.sum(axis=0),
    )
    # An unrated row would be 0/0 without damping; its bias is 0 either way.
    weight_user = np.maximum(damping_user + known.sum(axis=1), 1e-12)
    weight_item = np.maximum(damping_item + known.sum(axis=0), 1e-12)
    user, item = np.zeros(matrix.shape[0]), np.zeros(matrix.shape[1])
    for _ in range(epochs):
        item = (total_item - known_by_item @ user) / weight_item
        user = (total_user - known @ item) / weight_user
    return Biases(mean, user, item)
