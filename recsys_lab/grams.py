"""Products of the columns of a sparse matrix, for many small sets of columns: the inner loop of EASE with neighbours.

The full table of products, (n_items, n_items), is what that form must do without.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def grams_of(sets, n_users, indptr, indices, data):  # type: ignore[no-untyped-def]
    """x_S^T x_S (k, k) for each row S of `sets` (b, k), where x_S holds the columns S of x.

    indptr, indices, data: x by items, a run of users for each. For one S the runs of its items are dealt out to their
    users, so that each user's choices within S lie side by side; then every pair of them is added.
    """
    b, k = sets.shape
    out = np.zeros((b, k, k), dtype=data.dtype)
    place, value = np.empty(len(indices), np.int32), np.empty_like(data)
    end = np.empty(n_users + 1, np.int64)
    for p in range(b):
        g = out[p]
        end[:] = 0
        for i in sets[p]:
            for q in range(indptr[i], indptr[i + 1]):
                end[indices[q] + 1] += 1
        for u in range(n_users):
            end[u + 1] += end[u]  # where the choices of u begin; each one dealt out moves it on
        for a in range(k):
            for q in range(indptr[sets[p, a]], indptr[sets[p, a] + 1]):
                u = indices[q]
                place[end[u]], value[end[u]] = a, data[q]
                end[u] += 1
        begin = 0
        for u in range(n_users):
            for c in range(begin, end[u]):
                row = g[place[c]]
                for d in range(begin, c + 1):
                    row[np.uint64(place[d])] += value[c] * value[d]  # unsigned: no check for a negative index
            begin = end[u]
        for a in range(k):
            for c in range(a):
                g[c, a] = g[a, c]
    return out
