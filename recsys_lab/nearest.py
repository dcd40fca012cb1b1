"""The k nearest of those who have something to say: the inner loop of the neighbourhood models.

For each pair (x, y) it looks at everybody who has a rating with y, keeps the k of them most similar to x, and averages
what they say. The rule is "the k nearest among those who rated", not "those of the k nearest who rated": cutting the
similarity table to a top k first would leave many pairs without any neighbour.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LARGEST = np.int64(2**63 - 1)


@njit(cache=True, fastmath={"reassoc"})  # the two sums may be added in any order, so eight at a time
def weighted_means(table, x, y, indptr, indices, deviations, k, min_k, damping):  # type: ignore[no-untyped-def]
    """For each pair p: sum s d / (damping + sum s) over the k most similar (s > 0) of those listed under y[p]; NaN if fewer than min_k.

    `table[x[p]]` holds the similarities. Nothing is sorted: a bar is found that k of them pass.
    """
    near, out = np.empty(table.shape[1]), np.empty(len(y))
    for p in range(len(y)):
        similar, begin, end = table[x[p]], indptr[y[p]], indptr[y[p] + 1]
        listed, said = indices[begin:end], deviations[begin:end]
        n, positive = len(listed), 0
        for q in range(n):
            near[q] = similar[np.uint64(listed[q])]
            positive += near[q] > 0.0
        bar, ties = bar_and_ties(near, n, k) if positive > k else (0.0, 0)
        weights, total = damping, 0.0
        for q in range(n):
            s = near[q] if near[q] > bar else 0.0  # a selection, not a branch: nothing for the processor to guess wrong
            weights += s
            total += s * said[q]
        q = 0
        while ties > 0:  # those level with the bar, in the order of their rows
            if near[q] == bar:
                ties -= 1
                weights += bar
                total += bar * said[q]
            q += 1
        out[p] = total / weights if positive >= min_k else np.nan
    return out


@njit(cache=True)
def bar_and_ties(values, n, k):  # type: ignore[no-untyped-def]
    """(bar, ties): k - ties of values[:n] lie above the bar, and `ties` of those equal to it make up the k > 0.

    More than k of the values must be positive. The k-th largest is caught between `low` and `high`, both among the
    values; each round counts how many lie above a guess, and moves one of the two to the value nearest to it. The guess
    supposes that those between are evenly spread, which takes five rounds where halving takes ten, or fifty if many
    tie. Counting runs at the speed of vector instructions: a heap or a quickselect, whose every comparison is a coin
    toss for the branch predictor, takes several times as long. Positive floating-point numbers are in the order of the
    whole numbers that their bits spell, and only of those does the processor find the largest eight at a time.
    """
    bits = values.view(np.int64)
    low, high, above_low, above_high = _LARGEST, np.int64(0), 0, 0
    for i in range(n):
        positive = bits[i] > 0
        above_low += positive  # counts those at low too: a guess supposes no more than that low is the least
        low = min(low, bits[i] if positive else _LARGEST)
        high = max(high, bits[i])
    while low < high:
        share = (above_low - k) / (above_low - above_high)
        guess = low + np.int64((high - low) * min(max(share, 0.1), 0.9))
        above, under, over = 0, low, high
        for i in range(n):
            passes = bits[i] > guess
            above += passes
            under = max(under, low if passes else bits[i])
            over = min(over, bits[i] if passes else high)
        if above == k:
            return np.int64(guess).view(np.float64), 0
        if above > k:
            low, above_low = over, above
        else:
            high, above_high = under, above
    return np.int64(high).view(np.float64), k - above_high
