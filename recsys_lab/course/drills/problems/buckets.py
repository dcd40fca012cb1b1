"""Drills on hashing: a ring of servers, and the variants of an experiment."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against, play


def sha(text: str) -> int:
    """A whole number below 2^64, the same in every process."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)


def small(text: str) -> int:
    """A hash that people can compute: the digits of a text as one number."""
    return int("0" + "".join(filter(str.isdigit, text)))


# ------------------------------------------------------------------ consistent-hash
class Ring:
    """Keys are spread over nodes; when a node joins or leaves, only its share of the keys moves."""

    def __init__(self, hash: Callable[[str], int], replicas: int):
        """hash: text to whole number. replicas: points of a node on the ring, 1 or more."""
        self._hash, self._replicas = hash, replicas
        self._points: list[tuple[int, str]] = []  # sorted

    def add(self, node: str) -> None:
        """A node that is not there joins: its points are hash("node#0"), hash("node#1"), ..."""
        for replica in range(self._replicas):
            bisect.insort(self._points, (self._hash(f"{node}#{replica}"), node))

    def remove(self, node: str) -> None:
        """A node that is there leaves, with all of its points."""
        self._points = [point for point in self._points if point[1] != node]

    def owner(self, key: str) -> str | None:
        """The node of the first point at hash(key) or above it; behind the last point comes the first. None: no node."""
        if not self._points:
            return None
        at = bisect.bisect_left(self._points, (self._hash(key), ""))
        return self._points[at % len(self._points)][1]


class _RingScan(Ring):
    def owner(self, key: str) -> str | None:
        place = self._hash(key)
        for point, node in self._points:
            if point >= place:
                return node
        return self._points[0][1] if self._points else None


class _RingAbove(Ring):
    def owner(self, key: str) -> str | None:
        at = bisect.bisect_right(self._points, (self._hash(key), chr(0x10FFFF)))
        return self._points[at % len(self._points)][1] if self._points else None


class _RingOpen(Ring):
    def owner(self, key: str) -> str | None:
        at = bisect.bisect_left(self._points, (self._hash(key), ""))
        return self._points[min(at, len(self._points) - 1)][1] if self._points else None


class _RingBefore(Ring):
    def owner(self, key: str) -> str | None:
        at = bisect.bisect_left(self._points, (self._hash(key), ""))
        return self._points[at - 1][1] if self._points else None


class _RingModulo(Ring):
    def owner(self, key: str) -> str | None:
        nodes = sorted({node for _, node in self._points})
        return nodes[self._hash(key) % len(nodes)] if nodes else None


class _RingOnePoint(Ring):
    def __init__(self, hash: Callable[[str], int], replicas: int):
        super().__init__(hash, 1)


class _RingLeavesPoints(Ring):
    def remove(self, node: str) -> None:
        self._points.remove((self._hash(f"{node}#0"), node))


def _ring_inputs() -> Iterator[tuple[Any, ...]]:
    yield (
        (small, 1),
        [
            ("owner", "k5"),
            ("add", "a1"),
            ("owner", "k5"),
            ("owner", "k10"),
            ("owner", "k11"),
            ("remove", "a1"),
            ("owner", "k5"),
        ],
    )
    yield (
        (small, 2),
        [
            ("add", "b3"),
            ("add", "a3"),
            ("add", "c5"),
            *(("owner", f"k{p}") for p in (29, 30, 31, 32, 49, 50, 51, 52, 0)),
        ],
    )
    steps: list[tuple[Any, ...]] = []
    for number in range(6):
        steps += [("add", f"server {number}"), *(("owner", f"user {u}") for u in range(0, 60, 7))]
        if number in (2, 4):
            steps += [("remove", f"server {number - 1}"), *(("owner", f"user {u}") for u in range(0, 60, 7))]
    for replicas in (1, 3, 16):
        yield (sha, replicas), steps


def _ring_large(n: int) -> tuple[Any, ...]:
    return (sha, 4), [*(("add", f"server {s}") for s in range(n // 8)), *(("owner", f"user {u}") for u in range(n))]


CONSISTENT_HASH = Drill(
    name="consistent-hash",
    title="A ring of servers",
    topic="consistent hashing",
    lesson="3.8",
    complexity="O(log(nodes x replicas)) time for each key",
    statement="""
        Sessions are kept on a few servers. `hash(key) % servers` moves nearly all of them when a server joins. Write the class `Ring(hash, replicas)`: each node has `replicas` points on a circle, at
        `hash(f"{node}#{i}")`. A key belongs to the node of the **first point at `hash(key)` or above it**; above the last point the circle begins anew. Of two nodes on one point the one whose name comes first counts.

        Constraints: `add` of a new node, `remove` of one that is there. `owner` without any node gives None, and takes O(log) steps; `add` may take more.

        In the examples `small` reads the digits of a text as one number: the one point of "b5" is small("b5#0") = 50.
    """,
    reference=Ring,
    visible=(
        Case(((small, 1), [("add", "a1"), ("add", "b5"), ("owner", "k10"), ("owner", "k11"), ("owner", "k51")]), [None, None, "a1", "b5", "a1"]),
        Case(((small, 1), [("owner", "k1")]), [None]),
    ),
    hidden=lambda: against(_RingScan, _ring_inputs(), play),
    cost=Cost("n log n for n keys", lambda n: n * math.log2(n), _ring_large),
    hints=(
        "Put all points into one sorted list, each with its node. What is the question about a key then?",
        "The first point that is not below it: a bisection. What if all points are below?",
        'Pairs (point, node), `bisect.bisect_left(points, (hash(key), ""))`, and `at % len(points)`. `bisect.insort` adds a point.',
    ),
    mistakes=(
        Mistake("only above", _RingAbove, "A key exactly on a point belongs to it: at or above, not only above."),
        Mistake("no circle", _RingOpen, "Above the last point the circle begins anew, with the *first* point; you stay at the last."),
        Mistake("the point below", _RingBefore, "You take the point below the key, not the one above."),
        Mistake("modulo", _RingModulo, "That is `hash % nodes` again: when a node joins, nearly all keys move."),
        Mistake("one point a node", _RingOnePoint, "You ignore `replicas`: with one point a node the shares are very uneven."),
        Mistake("points left behind", _RingLeavesPoints, "`remove` takes one point of the node and leaves the others: keys go to a server that is no longer there."),
        Mistake("scans the ring", _RingScan, "You walk along the points for every key; they are sorted, so halve.", "slow"),
    ),
    explanation="With one more among n nodes, the new one's points cut about 1 / (n + 1) of the circle from the others, and only these keys move. More points a node make the shares more even: their spread falls as 1 / sqrt(replicas).",
    run=play,
)  # fmt: skip


# ------------------------------------------------------------------ ab-buckets
def ab_buckets(
    users: list[str], experiment: str, shares: list[tuple[str, float]], place: Callable[[str], float]
) -> list[str | None]:
    """The variant of each user.

    shares: pairs (variant, share), which sum to 1 at most. place: place(text) is a number from 0 up to, not including, 1.
    A user's place is that of the text experiment:user. The first variant has the places from 0 up to, not including,
    its share, the next one those from there on, and so forth; who is behind the last gets None.
    """
    ends = list(itertools.accumulate(share for _, share in shares))
    variants = [*(variant for variant, _ in shares), None]
    return [variants[bisect.bisect_right(ends, place(f"{experiment}:{user}"))] for user in users]


def _buckets_wrongly(how: str) -> Callable[..., list[str | None]]:
    def ab_buckets(users: Any, experiment: str, shares: Any, place: Any) -> list[str | None]:
        given: list[str | None] = []
        for number, user in enumerate(users):
            at = place(user if how == "no salt" else f"{experiment}:{user}")
            if how == "in turn":
                at = number % 8 / 8
            end, found = 0.0, None
            for variant, share in shares:
                end = share if how == "not cumulated" else end + share
                if at < end or (how == "closed" and at == end):
                    found = variant
                    break
            else:
                found = shares[-1][0] if how == "everybody" and shares else None
            given.append(found)
        return given

    return ab_buckets


def _buckets_remembered(users: Any, experiment: str, shares: Any, place: Any) -> list[str | None]:
    table: list[tuple[str, str | None]] = []
    for user in users:
        if not any(user == known for known, _ in table):
            table.append((user, _buckets_wrongly("right")([user], experiment, shares, place)[0]))
    return [next(variant for known, variant in table if known == user) for user in users]


def sixteenths(text: str) -> float:
    return sha(text) % 16 / 16


def _buckets_inputs() -> Iterator[tuple[Any, ...]]:
    users = [f"user {n}" for n in range(40)]
    yield [], "a", [("control", 1.0)], sixteenths
    yield users[:3], "a", [], sixteenths
    for experiment in ("spring", "summer"):
        for shares in ((0.5, 0.5), (0.25, 0.25), (0.125, 0.0, 0.5, 0.25), (1.0,)):
            yield users, experiment, [(f"variant {n}", share) for n, share in enumerate(shares)], sixteenths


AB_BUCKETS = Drill(
    name="ab-buckets",
    title="Who gets which variant?",
    topic="stateless assignment",
    lesson="3.5",
    complexity="O(n log v) time, one hash for each user, nothing stored",
    statement="""
        Give each user a variant of an experiment, the same one at every call and on every server, without a table. `place(text)` turns a text into an evenly spread number from 0 up to 1 (not included). The
        variants share the line from 0 in their order, **each from its beginning up to, not including, its end**; behind the last of them nobody takes part (None).

        Constraints: n users, v variants; a share may be 0; users may come twice. Salt the hash with the experiment's name: `place(f"{experiment}:{user}")`.

        In the examples `sixteenths` is a hash that gives 0, 1/16, 2/16 ... 15/16.
    """,
    reference=ab_buckets,
    visible=(
        Case((["u1", "u2"], "e", [("control", 1.0)], sixteenths), ["control", "control"]),
        Case((["u1", "u2"], "e", [("control", 0.0)], sixteenths), [None, None]),
    ),
    hidden=lambda: against(_buckets_wrongly("right"), _buckets_inputs()),
    cost=Cost("n", lambda n: n, lambda n: ([f"user {u}" for u in range(n)], "e", [("a", 0.5), ("b", 0.25)], sixteenths), n=128),
    hints=(
        "Everything about a user follows from one number. Which variant owns the place 0.6, if the shares are 0.5, 0.25 and 0.25?",
        "Cumulate the shares: 0.5, 0.75, 1. The variant is the first whose end is above the place.",
        "`bisect.bisect_right(ends, place)` is its index; the index behind the last variant means None.",
    ),
    mistakes=(
        Mistake("the end belongs to it", _buckets_wrongly("closed"), "A user exactly on a border goes to the left in your answer: an end is not included, so that a share of 0 has nobody."),
        Mistake("shares not cumulated", _buckets_wrongly("not cumulated"), "You compare the place with the share itself: from the second variant on, the ends are sums."),
        Mistake("no salt", _buckets_wrongly("no salt"), "You hash the user alone: then every experiment has the same people in its first variant (lesson 3.5)."),
        Mistake("everybody takes part", _buckets_wrongly("everybody"), "Who is behind the last variant takes no part: None. You put them into the last variant."),
        Mistake("in turn", _buckets_wrongly("in turn"), "Your users get a place by their number in the list, so that a user changes sides with the list."),
        Mistake("a table of users", _buckets_remembered, "You search a table of the users so far: that is a step for each of them, and it is not needed, since the hash remembers for you.", "slow"),
    ),
    explanation="The hash is the table: the same text gives the same place on every server, for ever. Half-open stretches leave no gap and no overlap. Growing the last variant into unused room moves nobody else.",
)  # fmt: skip

DRILLS = (CONSISTENT_HASH, AB_BUCKETS)
