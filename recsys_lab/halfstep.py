"""Half a step of alternating least squares: the vectors of one side, with those of the other fixed.

With the q_i fixed, each user's p_u minimises a squared error of its own, a ridge regression whose solution is

    A p_u = b     A = gram + w sum_i q_i q_i^T + lambda_u I     b = sum_i t_ui q_i     (i over what u has rated)

For ratings w is 1, t_ui is what the biases leave of the rating, and there is no gram. For implicit feedback, gram is
the sum of q_i q_i^T over *all* items, so that what u left alone counts without being visited. For the half-step of the
items, the two sides change places. Who has rated nothing gets the zero vector.

`cholesky` solves exactly, O(n_u k^2 + k^3) for a user with n_u ratings and k factors. `conjugate_gradients` improves
the present p_u by a few steps of O(n_u k) each, with a gram O(n_u k + k^2). Three are plenty, since the next half-step
moves the target anyway (Takacs, Pilaszy and Tikk 2011); with 50 factors that is four times faster (measured).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse

SOLVERS = ("cg", "exact")
STEPS = 3  # of conjugate gradients


def half_step(
    matrix: sparse.csr_array, w: float, all_pairs: bool, reg: np.ndarray, q: np.ndarray, p: np.ndarray, solver: str
) -> None:
    """The rows' vectors p (n, k), in place, from the columns' vectors q (m, k), in the precision of q.

    matrix (n, m) stores the t_ui, reg (n,) holds the lambda_u; all_pairs says whether there is a gram.
    """
    gram = q.T @ q if all_pairs else np.empty((0, q.shape[1]), q.dtype)
    most = int(np.diff(matrix.indptr).max())
    known = (matrix.indptr, matrix.indices, matrix.data, q.dtype.type(w), gram, reg.astype(q.dtype), q, p, most)
    if solver == "cg":
        conjugate_gradients(*known, STEPS)
    else:
        cholesky(*known)


@njit(cache=True)
def cholesky(indptr, indices, t, w, gram, reg, q, p, most):  # type: ignore[no-untyped-def]
    """Set each p[u] to the solution. gram is (k, k), or (0, k) for none; reg[u] is lambda_u; most the largest n_u."""
    k = q.shape[1]
    x = np.empty((most, k), q.dtype)  # the q_i of one user side by side, for BLAS
    for u in range(len(p)):
        begin, n, b = indptr[u], indptr[u + 1] - indptr[u], p[u]
        b[:] = 0
        if n == 0:
            continue
        for j in range(n):
            q_i = q[indices[begin + j]]
            for f in range(k):
                x[j, f] = q_i[f]
                b[f] += t[begin + j] * q_i[f]
        a = np.dot(x[:n].T, x[:n])
        for f in range(k):
            for g in range(k):
                a[f, g] *= w
            a[f, f] += reg[u]
        for f in range(len(gram)):
            for g in range(k):
                a[f, g] += gram[f, g]
        lower = np.linalg.cholesky(a)  # a = lower lower^T
        for f in range(k):  # lower y = b; y takes the place of b
            for g in range(f):
                b[f] -= lower[f, g] * b[g]
            b[f] /= lower[f, f]
        for f in range(k - 1, -1, -1):  # lower^T p_u = y
            b[f] /= lower[f, f]
            for g in range(f):
                b[g] -= lower[f, g] * b[f]


# fastmath: sums may run in vector instructions, in another order. numpy: x / 0 is infinite, which `converged` refuses.
@njit(cache=True, fastmath=True, error_model="numpy")
def conjugate_gradients(indptr, indices, t, w, gram, reg, q, p, most, steps):  # type: ignore[no-untyped-def]
    """Move each p[u] towards the solution by `steps` conjugate gradient steps from where it is."""
    k = q.shape[1]
    x = np.empty((most, k), q.dtype)
    residual, step, a_step = np.empty(k, q.dtype), np.empty(k, q.dtype), np.empty(k, q.dtype)
    for u in range(len(p)):
        begin, n, p_u = indptr[u], indptr[u + 1] - indptr[u], p[u]
        if n == 0:
            p_u[:] = 0
            continue
        for j in range(n):
            q_i = q[indices[begin + j]]
            for f in range(k):
                x[j, f] = q_i[f]
        _times_a(x, n, w, gram, reg[u], p_u, a_step)
        for f in range(k):
            residual[f] = -a_step[f]
        for j in range(n):
            for f in range(k):
                residual[f] += t[begin + j] * x[j, f]
        length = q.dtype.type(0)
        for f in range(k):
            step[f] = residual[f]
            length += residual[f] ** 2
        for _ in range(steps):
            if length < 1e-30:  # there already; 0 / 0 next
                break
            _times_a(x, n, w, gram, reg[u], step, a_step)
            curvature = q.dtype.type(0)
            for f in range(k):
                curvature += step[f] * a_step[f]
            size, before, length = length / curvature, length, q.dtype.type(0)
            for f in range(k):
                p_u[f] += size * step[f]
                residual[f] -= size * a_step[f]
                length += residual[f] ** 2
            for f in range(k):
                step[f] = residual[f] + length / before * step[f]


@njit(cache=True, fastmath=True)
def _times_a(x, n, w, gram, reg, v, out):  # type: ignore[no-untyped-def]
    """out = A v without forming A."""
    k = len(v)
    for f in range(k):
        out[f] = reg * v[f]
    for g in range(len(gram)):
        for f in range(k):
            out[f] += v[g] * gram[g, f]
    for j in range(n):
        along = x.dtype.type(0)
        for f in range(k):
            along += x[j, f] * v[f]
        along *= w
        for f in range(k):
            out[f] += along * x[j, f]
