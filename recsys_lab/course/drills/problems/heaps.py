"""Drills with heaps: the best k of a stream, and many sorted feeds made one."""

from __future__ import annotations

import heapq
import itertools
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


# ------------------------------------------------------------------ merge-feeds
def merge_feeds(feeds: list[Iterator[tuple[int, str]]], n: int) -> list[str]:
    """The n newest posts of several feeds, the newest first.

    feeds: iterators of pairs (time, post), each sorted from new to old. n: 0 or more.
    Posts of the same time: first the one whose feed comes first in the list.
    """
    heads: list[tuple[int, int, str]] = []
    for number, feed in enumerate(feeds):
        first = next(feed, None)
        if first is not None:
            heads.append((-first[0], number, first[1]))
    heapq.heapify(heads)
    newest: list[str] = []
    while heads and len(newest) < n:
        _, number, post = heads[0]
        newest.append(post)
        following = next(feeds[number], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (-following[0], number, following[1]))
    return newest


def _merge_everything(feeds: Any, n: int) -> list[str]:
    posts = [
        (-time, number, place, post) for number, feed in enumerate(feeds) for place, (time, post) in enumerate(feed)
    ]
    return [post for *_, post in sorted(posts)[:n]]


def _merge_scanning(feeds: Any, n: int) -> list[str]:
    heads = [next(feed, None) for feed in feeds]
    newest: list[str] = []
    while len(newest) < n:
        best = None
        for number, head in enumerate(heads):
            if head is not None and (best is None or head[0] > heads[best][0]):  # type: ignore[index]
                best = number
        if best is None:
            break
        newest.append(heads[best][1])  # type: ignore[index]
        heads[best] = next(feeds[best], None)
    return newest


def _merge_by_text(feeds: Any, n: int) -> list[str]:
    posts = [(-time, post) for feed in feeds for time, post in feed]
    return [post for _, post in sorted(posts)[:n]]


def _merge_oldest(feeds: Any, n: int) -> list[str]:
    posts = [
        (time, number, place, post) for number, feed in enumerate(feeds) for place, (time, post) in enumerate(feed)
    ]
    return [post for *_, post in sorted(posts)[:n]]


def _merge_in_turns(feeds: Any, n: int) -> list[str]:
    rounds = itertools.zip_longest(*feeds)
    return [head[1] for heads in rounds for head in heads if head is not None][:n]


def _merge_until_empty(feeds: Any, n: int) -> list[str]:
    heap = [(-head[0], number, head[1]) for number, feed in enumerate(feeds) if (head := next(feed, None))]
    heapq.heapify(heap)
    newest: list[str] = []
    while heap and len(newest) < n:
        _, number, post = heapq.heappop(heap)
        newest.append(post)
        following = next(feeds[number], None)
        if following is None:
            break
        heapq.heappush(heap, (-following[0], number, following[1]))
    return newest


def _feeds(rng: random.Random, count: int, posts: int, span: int) -> list[Stream]:
    feeds = []
    for number in range(count):
        times = sorted((rng.randrange(span) for _ in range(rng.randrange(posts + 1))), reverse=True)
        feeds.append(Stream((time, f"{'zyx'[number % 3]}{number}.{place}") for place, time in enumerate(times)))
    return feeds


def _merge_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], 3
    yield [Stream([])], 1
    yield [Stream([(5, "b")]), Stream([(5, "a")])], 2
    yield [Stream([(5, "a")])], 0
    rng = random.Random(2)
    for count in (1, 2, 3, 5, 8):
        for n in (1, 3, 10, 100):
            yield _feeds(rng, count, 6, 12), n


def _merge_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    feeds = [Stream((10**6 - 97 * p - rng.randrange(90), f"{f}.{p}") for p in range(64)) for f in range(n // 4)]
    return feeds, n


MERGE_FEEDS = Drill(
    name="merge-feeds",
    title="Many feeds into one",
    topic="a k-way merge",
    lesson="4.5",
    complexity="O((k + n) log k) time, O(k) memory",
    statement="""
        A home feed is made of the feeds of `k` people. Each feed is an **iterator** of `(time, post)`, sorted from new to old. Return the texts of the
        `n` newest posts, the newest first. Where two posts have the same time, the feed that stands earlier in the list comes first.

        Constraints: feeds may be empty or end early, and there may be fewer than `n` posts. Do not read more of a feed than you need.
    """,
    reference=merge_feeds,
    visible=(
        Case(([Stream([(9, "a"), (3, "b")]), Stream([(7, "c"), (1, "d")])], 3), ["a", "c", "b"]),
        Case(([Stream([(5, "z")]), Stream([(5, "a"), (4, "b")])], 2), ["z", "a"]),
        Case(([Stream([]), Stream([(1, "a")])], 9), ["a"]),
    ),
    hidden=lambda: against(_merge_everything, _merge_inputs()),
    cost=Cost(
        "(k + n) log k", lambda n: n * math.log(n / 4), _merge_large, n=128, held=lambda n: 6 * (n / 4) + n + 16
    ),
    hints=(
        "The newest post of all is the head of some feed. After you took it, which heads are left?",
        "A heap of the heads: k entries. Take the top, and put the next post of *that* feed in its place.",
        "`(-time, number, post)`: the minus turns Python's min-heap round, and the feed's number settles equal times and says whose turn it is.",
    ),
    mistakes=(
        Mistake("ties by text", _merge_by_text, "Posts of one time are ordered by their text: put the feed's number between time and post."),
        Mistake("oldest first", _merge_oldest, "You take the *oldest* post each time: Python's heap has the smallest on top, so negate the time."),
        Mistake("in turns", _merge_in_turns, "You take one post of each feed in turn, whatever its time."),
        Mistake("stops at the first empty feed", _merge_until_empty, "You stop when one feed ends; the others may have more."),
        Mistake("scans all heads", _merge_scanning, "You look at all k heads for each post: n k steps, where a heap of the heads takes n log k.", "slow"),
        Mistake("reads everything", _merge_everything, "You read every feed to its end, and sort it all for the sake of n posts.", "hoards"),
    ),
    explanation="Only k posts can be the next one. Each post taken costs one exchange in a heap of size k, and nothing is read ahead but one post a feed. "
    "`heapq.merge` is this loop.",
)  # fmt: skip

DRILLS = (TOP_K, MERGE_FEEDS)
