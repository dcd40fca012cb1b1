"""A drill with a heap: many sorted feeds made one."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from recsys_lab.course.drills.counting import Stream
from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


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

DRILLS = (MERGE_FEEDS,)
