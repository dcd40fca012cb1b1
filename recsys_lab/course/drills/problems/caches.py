"""A drill on a cache: the least recently used goes."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against, play


# ------------------------------------------------------------------ lru
class LRU:
    """A cache of at most `capacity` entries; where one too many comes, the one not used for longest goes."""

    def __init__(self, capacity: int):
        """capacity: 1 or more."""
        self._items: OrderedDict[Hashable, Any] = OrderedDict()
        self._capacity = capacity

    def get(self, key: Hashable) -> Any:
        """The value of a key, or None. Asking for a key uses it."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]

    def put(self, key: Hashable, value: Any) -> None:
        """Store a value, or replace it; both use the key."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)


class _LRUFifo(LRU):
    def get(self, key: Hashable) -> Any:
        return self._items.get(key)


class _LRUPutKeepsPlace(LRU):
    def put(self, key: Hashable, value: Any) -> None:
        if key in self._items:
            self._items[key] = value
        else:
            super().put(key, value)


class _LRUMakesRoom(LRU):
    def put(self, key: Hashable, value: Any) -> None:
        if len(self._items) >= self._capacity:
            self._items.popitem(last=False)
        super().put(key, value)


class _LRUNewestGoes(LRU):
    def put(self, key: Hashable, value: Any) -> None:
        if key not in self._items and len(self._items) >= self._capacity:
            self._items.popitem(last=True)
        super().put(key, value)


class _LRUFalsy(LRU):
    def get(self, key: Hashable) -> Any:
        value = self._items.get(key)
        if not value:
            return None
        self._items.move_to_end(key)
        return value


class _LRUOneMore(LRU):
    def __init__(self, capacity: int):
        super().__init__(capacity + 1)


class _LRUList:
    def __init__(self, capacity: int):
        self._values: dict[Hashable, Any] = {}
        self._order: list[Hashable] = []  # the least recently used comes first
        self._capacity = capacity

    def get(self, key: Hashable) -> Any:
        if key not in self._values:
            return None
        self._order.remove(key)
        self._order.append(key)
        return self._values[key]

    def put(self, key: Hashable, value: Any) -> None:
        if key in self._values:
            self._order.remove(key)
        elif len(self._order) == self._capacity:
            del self._values[self._order.pop(0)]
        self._values[key] = value
        self._order.append(key)


def _lru_steps(rng: random.Random, keys: int, steps: int) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    for _ in range(steps):
        key = f"user {rng.randrange(keys)}"
        calls.append(("get", key) if rng.random() < 0.5 else ("put", key, rng.choice((0, 1, 2, 3))))
    return calls


def _lru_inputs() -> Iterator[tuple[Any, ...]]:
    yield (1,), [("get", "a"), ("put", "a", 1), ("get", "a"), ("put", "b", 2), ("get", "a"), ("get", "b")]
    yield (2,), [("put", "a", 1), ("put", "b", 2), ("put", "b", 3), ("get", "a"), ("get", "b")]
    yield (2,), [("put", "a", 0), ("put", "b", 2), ("get", "a"), ("put", "c", 3), ("get", "a"), ("get", "b")]
    rng = random.Random(7)
    for capacity in (1, 2, 3, 5):
        for steps in (10, 40):
            yield (capacity,), _lru_steps(rng, 2 * capacity, steps)


LRU_CACHE = Drill(
    name="lru",
    title="A cache that forgets the least recently used",
    topic="a dictionary with an order",
    lesson="3.1",
    complexity="O(1) time for each call, O(capacity) memory",
    statement="""
        Write the class `LRU(capacity)` with `get(key)` and `put(key, value)`. When a new key makes it too full, the key goes that has not been used for longest. Both calls use their
        key, `put` also where it replaces a value.

        Constraints: any value may be stored, 0 and "" too; a `get` of what is not there gives None and changes nothing. Each call takes O(1), whatever the capacity.
    """,
    reference=LRU,
    visible=(
        Case(((2,), [("put", "a", 1), ("put", "b", 2), ("get", "a"), ("put", "c", 3), ("get", "b"), ("get", "a")]), [None, None, 1, None, None, 1]),
        Case(((2,), [("put", "a", 1), ("put", "b", 2), ("put", "a", 9), ("put", "c", 3), ("get", "a"), ("get", "b")]), [None] * 4 + [9, None]),
    ),
    hidden=lambda: against(_LRUList, _lru_inputs(), play),
    cost=Cost("n for n calls", lambda n: n, lambda n: ((n // 4,), _lru_steps(random.Random(n), n // 3, n)), n=512),
    hints=(
        "Two questions must be answered in one step: what is the value of this key, and which key has waited longest?",
        "A dictionary answers the first, a linked list the second. Python has both in one: `collections.OrderedDict`.",
        "`move_to_end(key)` when a key is used, `popitem(last=False)` when there is one too many. Without it: a dictionary from key to node, and a list linked both ways.",
    ),
    mistakes=(
        Mistake("first in, first out", _LRUFifo, "`get` does not use the key in your cache: it throws away the oldest, not the least recently used."),
        Mistake("put keeps the place", _LRUPutKeepsPlace, "A `put` that replaces a value must use the key as well: it stays as old as it was in yours."),
        Mistake("makes room for what is there", _LRUMakesRoom, "You make room before you look whether the key is there already: replacing a value in a full cache throws another out."),
        Mistake("the newest goes", _LRUNewestGoes, "You throw away the key that was used *last*."),
        Mistake("0 is nothing", _LRUFalsy, "A stored 0 counts as not there in your answer: ask `key in ...`, or compare with a mark of your own."),
        Mistake("one too many", _LRUOneMore, "Your cache holds one entry more than its capacity."),
        Mistake("a list for the order", _LRUList, "You look for the key in a list at every use: as many steps as there are entries, where a linked list takes one.", "slow"),
    ),
    explanation="The dictionary finds the entry, the order says who goes, and both are changed in one step. `functools.lru_cache` is this, in C. Be ready to write the doubly linked list by hand: "
    "the question is often asked for its sake.",
    run=play,
)  # fmt: skip

DRILLS = (LRU_CACHE,)
