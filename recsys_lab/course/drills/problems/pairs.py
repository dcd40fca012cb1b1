"""Drills that avoid looking at all pairs: bands of a signature, and a list that is relevant and diverse."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


# ------------------------------------------------------------------ lsh
def lsh_pairs(signatures: list[list[int]], bands: int) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, sorted, of signatures that are equal in all places of at least one band.

    signatures: lists of one length, which is a multiple of bands. Band b: the b-th stretch of length / bands places.
    """
    rows = len(signatures[0]) // bands if signatures else 0
    pairs: set[tuple[int, int]] = set()
    for band in range(bands):
        buckets: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for j, signature in enumerate(signatures):
            bucket = buckets[tuple(signature[band * rows : (band + 1) * rows])]
            pairs.update((i, j) for i in bucket)
            bucket.append(j)
    return sorted(pairs)


def _lsh_all_pairs(signatures: Any, bands: int) -> list[tuple[int, int]]:
    rows = len(signatures[0]) // bands if signatures else 0
    pairs = []
    for j in range(len(signatures)):
        for i in range(j):
            for band in range(bands):
                places = range(band * rows, (band + 1) * rows)
                if all(signatures[i][place] == signatures[j][place] for place in places):
                    pairs.append((i, j))
                    break
    return sorted(pairs)


def _lsh_wrongly(how: str) -> Callable[..., list[tuple[int, int]]]:
    def lsh_pairs(signatures: Any, bands: int) -> list[tuple[int, int]]:
        if how == "any place" and signatures:
            bands = len(signatures[0])
        rows = len(signatures[0]) // bands if signatures else 0
        buckets: defaultdict[Any, list[int]] = defaultdict(list)
        found: list[tuple[int, int]] = []
        for j, signature in enumerate(signatures):
            for band in range(bands - 1 if how == "last band" else bands):
                part = tuple(signature[band::bands] if how == "strided" else signature[band * rows : (band + 1) * rows])
                bucket = buckets[part if how == "bands mixed" else (band, part)]
                found += [(i, j) for i in (bucket[-1:] if how == "neighbours" else bucket) if i != j]
                bucket.append(j)
        return sorted(found) if how == "twice" else sorted(set(found))

    return lsh_pairs


def _lsh_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], 2
    yield [[1, 2]], 1
    yield [[1, 1], [1, 1], [1, 1]], 2
    yield [[1, 2], [2, 1]], 2
    rng = random.Random(15)
    for size in (2, 3, 5, 10, 20):
        for bands, rows in ((1, 2), (2, 2), (3, 2), (4, 1)):
            yield [[rng.randrange(3) for _ in range(bands * rows)] for _ in range(size)], bands


def _lsh_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    return [[rng.randrange(10**6) for _ in range(4)] for _ in range(n)], 2


LSH = Drill(
    name="lsh",
    title="Similar pairs without all pairs",
    topic="banding of signatures",
    lesson="4.5",
    complexity="O(n x length) time, and a step for each pair found",
    statement="""
        Each film has a MinHash signature; the more places agree, the more similar are two films. Cut the signatures into `bands` stretches of equal length. Return all pairs (i, j), i < j, that **agree in every place of
        at least one band**, sorted, each pair once.

        Constraints: n signatures; n squared comparisons are too many.
    """,
    reference=lsh_pairs,
    visible=(
        Case(([[1, 2, 3, 4], [1, 2, 9, 9], [8, 8, 3, 4]], 2), [(0, 1), (0, 2)]),
        Case(([[1, 5], [5, 1]], 2), []),
    ),
    hidden=lambda: against(_lsh_all_pairs, _lsh_inputs()),
    cost=Cost("n", lambda n: n, _lsh_large, n=128),
    hints=(
        "Take one band only. How do you find all who agree in it, without comparing any two?",
        "As in a GROUP BY: put each film into a bucket, whose key is its part of the signature. Who shares a bucket is a pair.",
        "New buckets for each band, or the band's number in the key. A set keeps pairs once that meet in several bands.",
    ),
    mistakes=(
        Mistake("one place is enough", _lsh_wrongly("any place"), "One equal place makes a pair in your answer; all places of a band must agree."),
        Mistake("bands in one bucket", _lsh_wrongly("bands mixed"), "The first band of one film meets the second band of another in your buckets: the key must hold the band's number."),
        Mistake("pairs twice", _lsh_wrongly("twice"), "Pairs that agree in several bands come several times."),
        Mistake("neighbours only", _lsh_wrongly("neighbours"), "You pair a film with the last one in its bucket only; all who share a bucket are pairs."),
        Mistake("the last band is missing", _lsh_wrongly("last band"), "You leave out the last band."),
        Mistake("every b-th place", _lsh_wrongly("strided"), "Your bands take every b-th place; a band is a stretch of neighbouring places."),
        Mistake("all pairs", _lsh_all_pairs, "You compare all n (n - 1) / 2 pairs: that is what the bands are to avoid.", "slow"),
    ),
    explanation="Two films whose sets have Jaccard similarity s agree in a place with chance s, in a band of r places with s^r, and in at least one of b bands with 1 - (1 - s^r)^b: a curve with a steep step, which b and r move.",
)  # fmt: skip


# ------------------------------------------------------------------ mmr
def mmr(relevance: list[float], similarity: Callable[[int, int], float], k: int, balance: float) -> list[int]:
    """k items by maximal marginal relevance, in the order in which they are chosen.

    Each time the item with the largest balance * relevance[i] - (1 - balance) * (its largest similarity to an item
    that was chosen; 0 while there is none); of equals the one with the smaller number.
    similarity: similarity(i, j), may be negative. k: at most len(relevance) items can be chosen.
    """
    nearest = [0.0] * len(relevance)  # to what was chosen
    chosen: list[int] = []
    left = list(range(len(relevance)))
    while left and len(chosen) < k:
        best = max(left, key=lambda i: balance * relevance[i] - (1 - balance) * nearest[i])
        chosen.append(best)
        left.remove(best)
        for i in left:
            near = similarity(i, best)
            nearest[i] = near if len(chosen) == 1 else max(nearest[i], near)
    return chosen


def _mmr_wrongly(how: str) -> Callable[..., list[int]]:
    def mmr(relevance: Any, similarity: Any, k: int, balance: float) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < min(k, len(relevance)):
            best, best_value = -1, -math.inf
            for i in range(len(relevance)):
                if i in chosen:
                    continue
                near = [similarity(i, j) for j in (chosen[-1:] if how == "last only" else chosen)]
                nearest = max(near) if near else 0.0
                if how == "mean" and near:
                    nearest = sum(near) / len(near)
                if how == "floor":
                    nearest = max(0.0, nearest)
                weight = 1 - balance if how == "swapped" else balance
                value = weight * relevance[i] - (1 - weight) * nearest
                if how == "bonus":
                    value = weight * relevance[i] + (1 - weight) * nearest
                if value > best_value or (how == "late" and value == best_value):
                    best, best_value = i, value
            chosen.append(best)
        return chosen

    return mmr


def _grid(seed: int, low: int) -> Callable[[int, int], float]:
    """A made-up similarity, symmetric, in quarters."""

    def similar(i: int, j: int) -> float:
        return random.Random(f"{seed} {min(i, j)} {max(i, j)}").randrange(low, 5) / 4

    return similar


def _mmr_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], _grid(0, 0), 3, 0.5
    yield [1.0], _grid(0, 0), 0, 0.5
    yield [1.0, 1.0, 1.0], _grid(0, 4), 2, 1.0
    yield [0.5, 0.75], _grid(1, 0), 5, 0.25
    rng = random.Random(16)
    for size in (2, 3, 5, 8, 12):
        for balance in (0.25, 0.5, 0.75):
            yield [rng.randrange(5) / 4 for _ in range(size)], _grid(size, -4), size - size // 3, balance


def closeness(i: int, j: int) -> float:
    return 1 / (1 + abs(i - j))


def _mmr_large(n: int) -> tuple[Any, ...]:
    return [((i * 37) % 101) / 101 for i in range(n)], closeness, n // 8, 0.5


MMR = Drill(
    name="mmr",
    title="Relevant, and not ten times the same",
    topic="keep the maximum instead of finding it anew",
    lesson="4.5",
    complexity="O(n k) calls of similarity",
    statement="""
        Choose `k` of n items, one after the other: each time the one with the largest `balance * relevance - (1 - balance) * nearest`, where `nearest` is its **largest** similarity to an item that was chosen already
        (0 while there is none). Of equals take the smaller number.

        Constraints: similarities may be negative. `k` may be larger than n. `similarity(i, j)` is expensive: at most about n k calls.

        In the examples `closeness(i, j)` is 1 / (1 + |i - j|).
    """,
    reference=mmr,
    visible=(
        Case(([1.0, 0.75, 0.5], closeness, 2, 1.0), [0, 1]),
        Case(([1.0, 0.75, 0.5], closeness, 2, 0.25), [0, 2]),
        Case(([0.5, 0.5], closeness, 5, 0.5), [0, 1]),
    ),
    hidden=lambda: against(_mmr_wrongly("right"), _mmr_inputs()),
    cost=Cost("n k", lambda n: n * n / 8, _mmr_large, n=64),
    hints=(
        "After the third item was chosen: for each candidate, which of its similarities are new?",
        "Only that to the third. So keep each candidate's largest similarity so far, and compare it with the new one.",
        "`nearest[i] = max(nearest[i], similarity(i, best))`, but the first time the similarity itself: it may be negative.",
    ),
    mistakes=(
        Mistake("the mean similarity", _mmr_wrongly("mean"), "You take the mean similarity to what was chosen; one near twin is enough to make an item redundant, so it is the largest."),
        Mistake("only the last one", _mmr_wrongly("last only"), "You compare with the item chosen last only: the second list item's twin comes back two ranks later."),
        Mistake("never below 0", _mmr_wrongly("floor"), "Your largest similarity never falls below 0: it was started with 0, and similarities may be negative."),
        Mistake("the two weights swapped", _mmr_wrongly("swapped"), "The weights are swapped: `balance` belongs to the relevance."),
        Mistake("a bonus", _mmr_wrongly("bonus"), "You add the similarity, which rewards twins; subtract it."),
        Mistake("the larger of equals", _mmr_wrongly("late"), "Of equals you take the larger number."),
        Mistake("asks again", _mmr_wrongly("right"), "You ask for all similarities to the chosen ones again, in each round: n k^2 calls.", "slow"),
    ),
    explanation="A maximum over a set that only grows is kept, not computed anew: one new similarity for each candidate and round. The same thought makes k-means++ and farthest-point sampling fast.",
)  # fmt: skip

DRILLS = (LSH, MMR)
