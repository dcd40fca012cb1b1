"""What all factor models share: the vector of a new user, which ratings a score came from, similar items.

A factor model says  r_ui - b_ui = p_u . q_i  and has learned q_i for each item. Somebody who was not in training gets
the p_u that explains their ratings best while staying short, a ridge regression with the q fixed:

    p_u = A^-1 Q_u^T C d_u        A = Q_u^T C Q_u + lambda I

with Q_u the rows q_j of the items j that u rated, d_uj = r_uj - b_uj, and C the diagonal of confidences (1 for ratings).
The score is then a sum over the user's own ratings (Hu, Koren and Volinsky 2008, section 5):

    q_i . p_u = sum_j w_ij d_uj   w_ij = q_i . A^-1 q_j c_j

Implicit feedback counts the items that u left alone too, with d = 0 and confidence 1. Then, with gram = Q^T Q over all
items, A = gram + Q_u^T (C - I) Q_u + lambda I, and the rest stays as it is.
"""

from __future__ import annotations

import numpy as np


def ridge(
    q: np.ndarray,
    d: np.ndarray,
    reg: float,
    confidence: np.ndarray | None = None,
    gram: np.ndarray | None = None,
) -> np.ndarray:
    """p_u (k,) from q (n, k), d (n,), lambda = reg > 0, the confidences (n,) and the gram (k, k). O(n k^2 + k^3).

    >>> ridge(np.array([[1.0], [2.0]]), np.array([1.0, 2.0]), reg=0.0)
    array([1.])
    """
    weighted = q if confidence is None else q * confidence[:, None]
    return np.linalg.solve(_a(q, weighted, reg, gram), weighted.T @ d)


def shares(
    item: np.ndarray,
    q: np.ndarray,
    d: np.ndarray,
    reg: float,
    confidence: np.ndarray | None = None,
    gram: np.ndarray | None = None,
) -> np.ndarray:
    """w_ij d_uj (n,) for one item q_i (k,): what each of the user's ratings adds to the score. They sum to q_i . p_u.

    >>> q, d = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([2.0, -1.0])
    >>> bool(np.isclose(shares(q[0], q, d, 0.5).sum(), q[0] @ ridge(q, d, 0.5)))
    True
    """
    weighted = q if confidence is None else q * confidence[:, None]
    return (weighted @ np.linalg.solve(_a(q, weighted, reg, gram), item)) * d


def _a(q: np.ndarray, weighted: np.ndarray, reg: float, gram: np.ndarray | None) -> np.ndarray:
    seen = weighted.T @ q if gram is None else gram + (weighted - q).T @ q
    return seen + reg * np.eye(q.shape[1])


def cosines(q: np.ndarray, item: int) -> np.ndarray:
    """cos(q_i, q_item) for each row i of q (n, k): which items lie in the same direction. NaN for a vector of zeros.

    >>> cosines(np.array([[1.0, 0.0], [3.0, 3.0], [0.0, 0.0]]), 0).round(2).tolist()
    [1.0, 0.71, nan]
    """
    length = np.sqrt((q * q).sum(axis=1))
    below = length * length[item]
    return np.divide(q @ q[item], below, out=np.full(len(q), np.nan), where=below > 0)
