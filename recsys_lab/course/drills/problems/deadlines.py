"""A drill on a cache: what is too old goes."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Clock, Cost, Drill, Mistake, against, play


# ------------------------------------------------------------------ ttl-cache
class TTLCache:
    """A cache whose entries are alive for `ttl` seconds after they were stored."""

    def __init__(self, ttl: float, clock: Callable[[], float]):
        """ttl: seconds, above 0. clock: clock() gives the time now; it never goes back."""
        self._ttl, self._clock = ttl, clock
        self._items: dict[Hashable, tuple[float, Any]] = {}
        self._ends: deque[tuple[float, Hashable]] = deque()

    def put(self, key: Hashable, value: Any) -> None:
        """Store a value, or replace it; its time begins anew."""
        end = self._clock() + self._ttl
        self._items[key] = (end, value)
        self._ends.append((end, key))
        self._forget()

    def get(self, key: Hashable) -> Any:
        """The value of a key, or None where there is none alive. Asking does not prolong it."""
        self._forget()
        return self._items[key][1] if key in self._items else None

    def size(self) -> int:
        """How many entries are alive."""
        self._forget()
        return len(self._items)

    def _forget(self) -> None:
        while self._ends and self._ends[0][0] <= self._clock():
            end, key = self._ends.popleft()
            if key in self._items and self._items[key][0] == end:  # else it was stored again since
                del self._items[key]


class _TTLSwept:
    def __init__(self, ttl: float, clock: Callable[[], float]):
        self._ttl, self._clock = ttl, clock
        self._items: dict[Hashable, tuple[float, Any]] = {}

    def put(self, key: Hashable, value: Any) -> None:
        self._sweep()
        self._items[key] = (self._clock() + self._ttl, value)

    def get(self, key: Hashable) -> Any:
        self._sweep()
        return self._items[key][1] if key in self._items else None

    def size(self) -> int:
        self._sweep()
        return len(self._items)

    def _alive(self, end: float) -> bool:
        return self._clock() < end

    def _sweep(self) -> None:
        for key in list(self._items):
            if not self._alive(self._items[key][0]):
                del self._items[key]


class _TTLProlonged(_TTLSwept):
    def get(self, key: Hashable) -> Any:
        value = super().get(key)
        if key in self._items:
            self.put(key, value)
        return value


class _TTLLonger(_TTLSwept):
    def _alive(self, end: float) -> bool:
        return self._clock() <= end


class _TTLCounted(TTLCache):
    def size(self) -> int:
        return len(self._items)

    def _forget(self) -> None:
        for key in [key for key, (end, _) in self._items.items() if end <= self._clock()]:
            self._items[key] = (self._items[key][0], None)


class _TTLOldEnd(TTLCache):
    def _forget(self) -> None:
        while self._ends and self._ends[0][0] <= self._clock():
            self._items.pop(self._ends.popleft()[1], None)


class _TTLNotRenewed(_TTLSwept):
    def put(self, key: Hashable, value: Any) -> None:
        self._sweep()
        end = self._items[key][0] if key in self._items else self._clock() + self._ttl
        self._items[key] = (end, value)


class _TTLKept(TTLCache):
    def __init__(self, ttl: float, clock: Callable[[], float]):
        super().__init__(ttl, clock)
        self._log: list[tuple[float, Hashable]] = []
        self._over = 0

    def put(self, key: Hashable, value: Any) -> None:
        self._items[key] = (self._clock() + self._ttl, value)
        self._log.append((self._clock() + self._ttl, key))
        self._forget()

    def _forget(self) -> None:
        while self._over < len(self._log) and self._log[self._over][0] <= self._clock():
            end, key = self._log[self._over]
            self._over += 1
            if key in self._items and self._items[key][0] == end:
                del self._items[key]


def _ttl_inputs() -> Iterator[tuple[Any, ...]]:
    yield (
        (10.0, Clock),
        [
            ("size",),
            ("get", "a"),
            ("put", "a", 0),
            ("get", "a"),
            ("at", 9.5),
            ("get", "a"),
            ("at", 10.0),
            ("get", "a"),
            ("size",),
        ],
    )
    yield (
        (4.0, Clock),
        [
            ("put", "a", 1),
            ("at", 3.0),
            ("put", "a", 2),
            ("at", 5.0),
            ("get", "a"),
            ("size",),
            ("at", 7.0),
            ("get", "a"),
            ("size",),
        ],
    )
    rng = random.Random(8)
    for ttl in (1.0, 3.0, 8.0):
        now, calls = 0.0, []
        for _ in range(50):
            key = rng.choice("abcd")
            now += rng.choice((0.0, 0.0, 0.5, 1.0))
            calls += [("at", now), rng.choice([("get", key), ("put", key, rng.randrange(3)), ("size",)])]
        yield (ttl, Clock), calls


def _ttl_large(n: int) -> tuple[Any, ...]:
    calls: list[tuple[Any, ...]] = []
    for i in range(n):
        calls += [("at", float(i)), ("put", f"key {i}", i), ("get", f"key {i // 2}"), ("size",)]
    return (n / 8, Clock), calls


TTL_CACHE = Drill(
    name="ttl-cache",
    title="A cache whose entries grow old",
    topic="a queue of deadlines",
    lesson="3.3",
    complexity="O(1) time for each call on average, memory for what is alive",
    statement="""
        Write the class `TTLCache(ttl, clock)` with `put(key, value)`, `get(key)` and `size()`. What was stored at time t is alive while the clock shows **less than** t + ttl. `put` on a key begins its
        time anew, `get` does not. `size()` counts what is alive.

        Constraints: the time comes from `clock()` only, so that tests need not wait; it never goes back. n calls together take O(n) steps. What is dead must not stay in memory.
    """,
    reference=TTLCache,
    visible=(
        Case(((10.0, Clock), [("put", "a", 1), ("at", 9.0), ("get", "a"), ("at", 10.0), ("get", "a"), ("size",)]), [None, None, 1, None, None, 0]),
        Case(((4.0, Clock), [("put", "a", 1), ("at", 3.0), ("put", "a", 2), ("at", 6.0), ("get", "a"), ("size",)]), [None, None, None, None, 2, 1]),
    ),
    hidden=lambda: against(_TTLSwept, _ttl_inputs(), play),
    cost=Cost("n for n calls", lambda n: n, _ttl_large, n=128, held=lambda n: 4 * (n / 8) + 16),
    hints=(
        "All entries live equally long. In which order do they die?",
        "In the order in which they were stored: a queue of (end, key). Before every call, take from its front what is over.",
        "A key that was stored again stands in the queue twice. Its first end must not kill it: compare with the end that the entry itself carries.",
    ),
    mistakes=(
        Mistake("get prolongs", _TTLProlonged, "`get` begins the time anew in your cache: then a key that is read often is never refreshed from its source."),
        Mistake("one moment too long", _TTLLonger, "At exactly t + ttl the entry is still alive in your cache: alive is *less than*."),
        Mistake("counts the dead", _TTLCounted, "`size()` counts entries that are dead already."),
        Mistake("killed by an old end", _TTLOldEnd, "A key that was stored again dies by its first end: the queue holds it twice, and only the latest end counts."),
        Mistake("put does not renew", _TTLNotRenewed, "A second `put` keeps the time of the first in your cache."),
        Mistake("sweeps at every call", _TTLSwept, "You look through all entries at every call; those that are over stand at the front of a queue.", "slow"),
        Mistake("keeps the dead", _TTLKept, "What is dead is no longer found, but it stays in memory: a log that is only read further, a dictionary that is not emptied. It grows without end.", "hoards"),
    ),
    explanation="With one ttl for all, entries die in the order in which they came, so a queue replaces the sweep: each entry joins and leaves it once. The clock is a parameter, so the test moves time.",
    run=play,
)  # fmt: skip

DRILLS = (TTL_CACHE,)
