"""Drills on measuring a ranking: nDCG and AUC."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


# ------------------------------------------------------------------ ndcg
def ndcg(ranked: list[str], gains: list[tuple[str, float]], k: int) -> float:
    """The nDCG of the first k of a ranking.

    ranked: items, the best first, each once. gains: pairs (item, gain above 0), in any order, also of items that were
    not ranked; all other items have gain 0. Returns 0.0 where nothing has a gain.
    """
    gain_of = dict(gains)
    dcg = sum(gain_of.get(item, 0.0) / math.log2(rank + 1) for rank, item in enumerate(ranked[:k], 1))
    best = sorted(gain_of.values(), reverse=True)[:k]
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, 1))
    return dcg / ideal if ideal else 0.0


def _ndcg_wrongly(how: str) -> Callable[..., float]:
    def ndcg(ranked: Any, gains: Any, k: int) -> float:
        gain_of = dict(gains)
        shift = 2 if how == "shift" else 1
        power = (lambda gain: 2.0**gain - 1) if how == "power" else float
        found = [power(gain_of.get(item, 0.0)) for item in ranked[:k]]
        every = (
            [gain_of[item] for item in ranked if item in gain_of] if how == "ranked only" else list(gain_of.values())
        )
        best = [power(gain) for gain in sorted(every, reverse=True)]
        best = best if how == "ideal uncut" else best[:k]
        discount = (lambda rank: 1.0) if how == "no discount" else (lambda rank: math.log2(rank + shift))
        dcg = sum(gain / discount(rank) for rank, gain in enumerate(found, 1))
        ideal = sum(gain / discount(rank) for rank, gain in enumerate(best, 1))
        return dcg / ideal if ideal or how == "unguarded" else 0.0

    return ndcg


def _ndcg_searching(ranked: Any, gains: Any, k: int) -> float:
    def gain_of(item: str) -> float:
        for name, gain in gains:
            if name == item:
                return gain
        return 0.0

    dcg = sum(gain_of(item) / math.log2(rank + 1) for rank, item in enumerate(ranked[:k], 1))
    best = sorted((gain for _, gain in gains), reverse=True)[:k]
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, 1))
    return dcg / ideal if ideal else 0.0


def _ndcg_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], [("a", 1.0)], 3
    yield ["a", "b"], [], 2
    yield ["a", "b"], [("z", 1.0)], 2
    yield ["a"], [("a", 1.0)], 10
    rng = random.Random(4)
    for size in (2, 3, 5, 8, 12):
        for k in (1, 3, size):
            items = [f"film {i}" for i in range(size + 3)]
            gains = [(item, float(rng.choice((1, 2, 3)))) for item in rng.sample(items, size // 2 + 1)]
            yield rng.sample(items, size), gains, k


def _ndcg_large(n: int) -> tuple[Any, ...]:
    items = [f"film {i}" for i in range(n)]
    return random.Random(n).sample(items, n), [(item, 1.0 + i % 5) for i, item in enumerate(items) if i % 2], n // 2


NDCG = Drill(
    name="ndcg",
    title="nDCG at k",
    topic="a dictionary instead of a search",
    lesson="2.5",
    complexity="O(k + m log m) time, O(m) memory",
    statement="""
        The gain at rank r (from 1) counts `gain / log2(r + 1)`; the sum over the first `k` ranks is the DCG. nDCG is the DCG over that of the best possible ranking, which may use **all**
        items that have a gain, and is cut at `k` as well.

        Constraints: `m` pairs of gains. The list may be shorter than `k`. Nothing with a gain: 0.0.
    """,
    reference=ndcg,
    visible=(
        Case((["a", "b"], [("a", 1.0)], 2), 1.0),
        Case((["b", "a"], [("a", 1.0)], 2), 1 / math.log2(3)),
        Case((["x"], [], 1), 0.0),
    ),
    hidden=lambda: against(_ndcg_searching, _ndcg_inputs()),
    cost=Cost("k + m log m", lambda n: n * math.log2(n), _ndcg_large),
    hints=(
        "Two sums of the same form: over the ranking, and over the best ranking there could be.",
        "How do you find an item's gain without looking through the pairs? And which gains does the best ranking begin with?",
        "`gain_of = dict(gains)`; the ideal is `sorted(gain_of.values(), reverse=True)[:k]`; `enumerate(..., 1)` gives ranks from 1.",
    ),
    mistakes=(
        Mistake("log2(r + 2)", _ndcg_wrongly("shift"), "Rank 1 is divided by log2(3) in your answer: ranks from 1 take `log2(r + 1)`, places from 0 take `log2(place + 2)`."),
        Mistake("the ideal of what was ranked", _ndcg_wrongly("ranked only"), "Your ideal knows only items that the model has ranked, so a model that misses the best ones is not punished."),
        Mistake("ideal not cut", _ndcg_wrongly("ideal uncut"), "Your ideal is longer than k, so that even a perfect list of k stays below 1."),
        Mistake("2^gain - 1", _ndcg_wrongly("power"), "You use 2^gain - 1, another convention; the statement counts the gain as it is."),
        Mistake("no discount", _ndcg_wrongly("no discount"), "All ranks count the same in your answer: the discount is missing."),
        Mistake("0 / 0", _ndcg_wrongly("unguarded"), "Where nothing has a gain, the ideal is 0, and you divide by it."),
        Mistake("searches each gain", _ndcg_searching, "You look through the pairs for each item: k m steps. A dictionary made once needs m, and one step an item.", "slow"),
    ),
    explanation="One dictionary, one sort, two sums. Say which convention you take (gain or 2^gain - 1, cut ideal or not): an interviewer who asks for nDCG wants to hear that there is a choice.",
)  # fmt: skip


# ------------------------------------------------------------------ auc
def auc(scores: list[float], labels: list[int]) -> float:
    """The chance that a positive scores higher than a negative; a tie counts a half.

    labels: 1 or 0, one for each score. Returns 0.5 where one of the two kinds is missing.
    """
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    positives = sum(labels)
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    won, below, at = 0.0, 0, 0  # below: negatives with a lower score
    while at < len(order):
        end, tied = at, [0, 0]
        while end < len(order) and scores[order[end]] == scores[order[at]]:
            tied[labels[order[end]]] += 1
            end += 1
        won += tied[1] * (below + tied[0] / 2)
        below, at = below + tied[0], end
    return won / (positives * negatives)


def _auc_pairs(scores: Any, labels: Any) -> float:
    won, pairs = 0.0, 0
    for one, label in zip(scores, labels):
        for other, second in zip(scores, labels):
            if label == 1 and second == 0:
                pairs += 1
                won += 1.0 if one > other else 0.5 if one == other else 0.0
    return won / pairs if pairs else 0.5


def _auc_wrongly(how: str) -> Callable[..., float]:
    def auc(scores: Any, labels: Any) -> float:
        pos = [s for s, label in zip(scores, labels) if label == 1]
        neg = [s for s, label in zip(scores, labels) if label == 0]
        if how != "unguarded" and not (pos and neg):
            return 0.5
        if how == "places":  # as they come in a stable sort
            order = sorted(range(len(scores)), key=lambda i: scores[i])
            ranks = sum(rank for rank, i in enumerate(order, 1) if labels[i] == 1)
            return (ranks - len(pos) * (len(pos) + 1) / 2) / (len(pos) * len(neg))
        tie = {"ties lose": 0.0, "ties win": 1.0}.get(how, 0.5)
        won = sum(1.0 if p > n else tie if p == n else 0.0 for p in pos for n in neg)
        value = won / (len(pos) * len(neg))
        return 1 - value if how == "upside down" else value

    return auc


def _auc_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], []
    yield [0.3], [1]
    yield [0.3, 0.4], [0, 0]
    yield [1.0, 1.0], [0, 1]
    yield [1.0, 1.0], [1, 0]
    rng = random.Random(6)
    for size in (2, 3, 5, 8, 13, 30):
        for values in (2, 5, 1000):
            yield [rng.randrange(values) / 4 for _ in range(size)], [rng.randrange(2) for _ in range(size)]


def _auc_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    return [rng.random() for _ in range(n)], [rng.randrange(2) for _ in range(n)]


AUC = Drill(
    name="auc",
    title="AUC without all pairs",
    topic="sort, then count",
    lesson="2.5",
    complexity="O(n log n) time, O(n) memory",
    statement="""
        AUC is the share of pairs of a positive and a negative in which the positive scores higher; a pair with equal scores counts a half. With half a million of each kind, the pairs
        cannot be counted one by one.

        Constraints: scores in any order, with ties. Return 0.5 where there is no pair. At most O(n log n) steps.
    """,
    reference=auc,
    visible=(
        Case(([0.9, 0.1], [1, 0]), 1.0),
        Case(([0.2, 0.5, 0.5, 0.7], [0, 1, 0, 1]), 0.875),
        Case(([0.4], [1]), 0.5),
    ),
    hidden=lambda: against(_auc_pairs, _auc_inputs()),
    cost=Cost("n log n", lambda n: n * math.log2(n), _auc_large),
    hints=(
        "Sort by score and go upwards. When you meet a positive, how many negatives has it beaten?",
        "As many as you have passed. Equal scores must be handled together: the negatives among them count a half.",
        "Walk in groups of equal scores: `won += pos_in_group * (negatives_below + neg_in_group / 2)`, then add the group's negatives.",
    ),
    mistakes=(
        Mistake("ties lose", _auc_wrongly("ties lose"), "A tie counts nothing in your answer: a model that gives everybody the same score would have AUC 0, not 0.5."),
        Mistake("ties win", _auc_wrongly("ties win"), "A tie counts as won in your answer: a model that gives everybody the same score would be perfect."),
        Mistake("ties as the sort leaves them", _auc_wrongly("places"), "Equal scores get different ranks in your answer, by the order in which they came: shuffle the input, and the AUC changes."),
        Mistake("upside down", _auc_wrongly("upside down"), "You count the pairs in which the *negative* is higher."),
        Mistake("0 / 0", _auc_wrongly("unguarded"), "Without a positive, or without a negative, there is no pair, and you divide by 0."),
        Mistake("all pairs", _auc_pairs, "You look at every pair: n^2 / 4 of them. After sorting, one walk counts them all.", "slow"),
    ),
    explanation="After sorting, each positive has beaten all negatives below it, so one walk with a counter replaces the pairs. It is the Mann-Whitney statistic; with average ranks for ties you get the same number.",
)  # fmt: skip

DRILLS = (NDCG, AUC)
