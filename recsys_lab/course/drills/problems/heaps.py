"""A drill with a heap: the best k of a stream."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable, Iterator
from typing import Any

from recsys_lab.course.drills.counting import Stream
from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


# ------------------------------------------------------------------ top-k
def top_k(stream: Iterable[tuple[str, float]], k: int) -> list[str]:
    """The items with the k highest scores, the best first; of equal scores the one that came first.

    stream: pairs (item, score), one by one; it can be read once. k: 0 or more.
    Returns at most k items.
    """
    heap: list[tuple[float, int, str]] = []  # its top is the worst that is kept
    for place, (item, score) in enumerate(stream):
        entry = (score, -place, item)
        if len(heap) < k:
            heapq.heappush(heap, entry)
        elif heap and entry > heap[0]:
            heapq.heapreplace(heap, entry)
    return [item for _, _, item in sorted(heap, reverse=True)]


def _top_sorted(stream: Any, k: int) -> list[str]:
    return [item for item, _ in sorted(stream, key=lambda pair: -pair[1])[:k]]


def _top_scanned(stream: Any, k: int) -> list[str]:
    kept: list[Any] = []
    for place, (item, score) in enumerate(stream):
        kept.append((-score, place, item))
        if len(kept) > k:
            worst = 0
            for at in range(1, len(kept)):
                if kept[at] > kept[worst]:
                    worst = at
            del kept[worst]
    return [item for _, _, item in sorted(kept)]


def _top_by_name(stream: Any, k: int) -> list[str]:
    heap: list[Any] = []
    for item, score in stream:
        heapq.heappush(heap, (score, item))
        if len(heap) > k:
            heapq.heappop(heap)
    return [item for _, item in sorted(heap, reverse=True)]


def _top_ascending(stream: Any, k: int) -> list[str]:
    return top_k(stream, k)[::-1]


def _top_lowest(stream: Any, k: int) -> list[str]:
    heap: list[Any] = []
    for place, (item, score) in enumerate(stream):
        heapq.heappush(heap, (-score, place, item))
        if len(heap) > k:
            heapq.heappop(heap)
    return [item for _, _, item in sorted(heap)]


def _top_late(stream: Any, k: int) -> list[str]:
    heap: list[Any] = []
    for place, (item, score) in enumerate(stream):
        heapq.heappush(heap, (score, place, item))
        if len(heap) > k:
            heapq.heappop(heap)
    return [item for _, _, item in sorted(heap, reverse=True)]


def _top_inputs() -> Iterator[tuple[Any, ...]]:
    yield Stream([]), 3
    yield Stream([("a", 1.0)]), 0
    yield Stream([("z", 2.0), ("a", 2.0), ("m", 2.0)]), 2
    rng = random.Random(1)
    for n in (1, 2, 3, 5, 8, 13, 30):
        for k in (1, 2, n, n + 2):
            pairs = [(f"film {rng.randrange(n)}", float(rng.choice((-1, 0, 2, 2.5)))) for _ in range(n)]
            yield Stream(pairs), k


def _top_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    return Stream((f"film {i}", rng.random() + i / n) for i in range(n)), n // 8  # rises: much is replaced


TOP_K = Drill(
    name="top-k",
    title="The best k of a stream",
    topic="a heap of size k",
    lesson="2.5",
    complexity="O(n log k) time, O(k) memory",
    statement="""
        A model scores items one by one, far more than fit into memory. Return the `k` best, **the best first**. Of two items with
        the same score the one that came first is better. An item may come more than once; each time counts as its own.

        Constraints: `k` may be 0, or more than there are items. Keep about `k` pairs at a time, and take O(n log k) steps.
    """,
    reference=top_k,
    visible=(
        Case((Stream([("a", 3.0), ("b", 5.0), ("c", 4.0)]), 2), ["b", "c"]),
        Case((Stream([("x", 1.0), ("b", 2.0), ("a", 2.0)]), 2), ["b", "a"]),
        Case((Stream([("a", 1.0)]), 5), ["a"]),
    ),
    hidden=lambda: against(_top_sorted, _top_inputs()),
    cost=Cost("n log k", lambda n: n * math.log(n / 8), _top_large, n=512, held=lambda n: 4 * (n / 8) + 16),
    hints=(
        "Which of the kept items does a newcomer have to beat? Keep them so that this one is at hand.",
        "`heapq` keeps the smallest on top: with `k` pairs in it, that is the worst of the kept. `heapreplace` puts a better one in its "
        "place, in log k steps.",
        "Entries `(score, -place, item)`: of equal scores the later one is the smaller entry, so it goes first. Sort the heap once, at the end.",
    ),
    mistakes=(
        Mistake(
            "ties by name",
            _top_by_name,
            "Equal scores are ordered by the item's name in your answer: `(score, item)` compares the item where scores tie. Put the place between them.",
        ),
        Mistake(
            "worst first",
            _top_ascending,
            "You return the k best with the worst first: a heap's own order, or a sort that is the wrong way round.",
        ),
        Mistake(
            "the lowest k",
            _top_lowest,
            "You keep the k *lowest*: with negative scores the heap's top is the best of the kept, and that is what you throw away.",
        ),
        Mistake(
            "the later of equals",
            _top_late,
            "Of equal scores you prefer the one that came later: the earlier place must be the *larger* entry, so negate it.",
        ),
        Mistake(
            "scans for the worst",
            _top_scanned,
            "You look through all k kept items for the worst one, at every item of the stream: k steps where a heap takes log k.",
            "slow",
        ),
        Mistake(
            "sorts everything",
            _top_sorted,
            "You keep the whole stream and sort it. It is right while it fits; a stream does not.",
            "hoards",
        ),
    ),
    explanation="The heap holds the k best so far with the worst of them on top, so one comparison decides on most items, and only a better one costs "
    "log k. The place in the entry settles ties and keeps the items from being compared. `heapq.nlargest` does the same.",
)

DRILLS = (TOP_K,)
