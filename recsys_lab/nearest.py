"""The k nearest of those who have something to say: the inner loop of the neighbourhood models.

For each pair (x, y) it looks at everybody who has a rating with y, keeps the k of them most similar to x, and averages
what they say. The rule is "the k nearest among those who rated", not "those of the k nearest who rated": cutting the
similarity table to a top k first would leave many pairs without any neighbour.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def weighted_means(table, x, y, indptr, indices, deviations, k, min_k, damping):  # type: ignore[no-untyped-def]
    """For each pair p: sum s d / (damping + sum s) over the k most similar (s > 0) of those listed under y[p]; NaN if fewer than min_k.

    `table[x[p]]` holds the similarities. Nothing is sorted: a bar is found that k of them pass.
    """
    near, out = np.empty(table.shape[1]), np.empty(len(y))
    for p in range(len(y)):
        similar, begin, n = table[x[p]], indptr[y[p]], indptr[y[p] + 1] - indptr[y[p]]
        positive = 0
        for q in range(n):
            near[q] = similar[np.uint64(indices[begin + q])]
            positive += near[q] > 0.0
        bar, ties = bar_and_ties(near, n, k) if positive > k else (0.0, 0)
        weights, total = damping, 0.0
        for q in range(n):
            s = near[q] if near[q] > bar else 0.0  # a selection, not a branch: nothing for the processor to guess wrong
            weights += s
            total += s * deviations[begin + q]
        q = 0
        while ties > 0:  # those level with the bar, in the order of their rows
            if near[q] == bar:
                ties -= 1
                weights += bar
                total += bar * deviations[begin + q]
            q += 1
        out[p] = total / weights if positive >= min_k else np.nan
    return out


@njit(cache=True)
def bar_and_ties(values, n, k):  # type: ignore[no-untyped-def]
    """(bar, ties): k - ties of values[:n] lie above the bar, and `ties` of those equal to it make up the k.

    By bisection. Counting runs at the speed of vector instructions, so ten counts cost less than one heap or
    quickselect, whose every comparison is a coin toss for the branch predictor (four times slower, measured).
    """
    low, high = 0.0, 0.0
    for i in range(n):
        high = max(high, values[i])
    while True:  # always: more than k values above low, fewer than k above high
        middle = (low + high) / 2
        above = 0
        for i in range(n):
            above += values[i] > middle
        if above == k:
            return middle, 0
        if middle <= low or middle >= high:  # no number lies between: the k-th value, and its equals, are `high`
            break
        if above > k:
            low = middle
        else:
            high = middle
    above = 0
    for i in range(n):
        above += values[i] > high
    return high, k - above
