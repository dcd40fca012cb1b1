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


class Biases(NamedTuple):
    """mean: float; user: ndarray (n_users,); item: ndarray (n_items,). Unrated rows and columns have 0."""

    mean: float
    user: np.ndarray
    item: np.ndarray

    def at(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """b_ui for aligned rows; -1 stands for an unknown user or item and contributes nothing."""
        return self.mean + np.where(users < 0, 0.0, self.user[users]) + np.where(items < 0, 0.0, self.item[items])

    def new_user(self, items: np.ndarray, ratings: np.ndarray, damping_user: float) -> float:
        """b_u of somebody who was not in training, from their ratings: the last half-step of the fit, for one row."""
        return float((ratings - self.mean - self.item[items]).sum() / max(damping_user + len(items), 1e-12))


def damped_biases(
    matrix: sparse.csr_array, epochs: int = 10, damping_user: float = 15.0, damping_item: float = 10.0
) -> Biases:
    """Alternating least squares for the biases (Koren 2010, section 2.1).

    Minimises  sum over known (u, i) of (r_ui - mu - b_u - b_i)^2 + damping_user |b_u|^2 + damping_item |b_i|^2
    by solving for all b_i with b_u fixed, then for all b_u with b_i fixed:

        b_i = sum_u (r_ui - mu - b_u) / (damping_item + |U_i|)
        b_u = sum_i (r_ui - mu - b_i) / (damping_user + |I_u|)

    Damping pulls those with few ratings towards 0, as if each had that many ratings at the mean. O(epochs x n_ratings).
    """
    n_users, n_items = matrix.shape
    counts = np.diff(matrix.indptr)
    rows, columns = np.repeat(np.arange(n_users), counts), matrix.indices
    per_item = np.bincount(columns, minlength=n_items)
    mean = float(matrix.data.mean())
    residual = matrix.data - mean
    user, item = np.zeros(n_users), np.zeros(n_items)
    for _ in range(epochs):
        # An unrated row would be 0/0 without damping; its bias is 0 either way.
        item = np.bincount(columns, residual - user[rows], n_items) / np.maximum(damping_item + per_item, 1e-12)
        user = np.bincount(rows, residual - item[columns], n_users) / np.maximum(damping_user + counts, 1e-12)
    return Biases(mean, user, item)
