"""Drills on sketches, which answer in little memory and are wrong in a known way: Bloom filter, count-min."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from recsys_lab.course.drills.counting import Stream
from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against, play


def _hash(salt: int) -> Callable[[str], int]:
    def salted(text: str) -> int:
        return int(hashlib.sha256(f"{salt}{text}".encode()).hexdigest()[:8], 16)

    salted.__name__ = f"hash_{salt}"
    return salted


HASHES = [_hash(salt) for salt in range(4)]


# ------------------------------------------------------------------ bloom
def bloom(stream: Iterable[str], hashes: list[Callable[[str], int]], bits: int) -> list[bool]:
    """For each item of a stream: does the Bloom filter take it for one that it has seen?

    hashes: functions from item to whole number; modulo bits it is a place in the filter.
    An item is taken for seen if the bits at all of its places are set; then, or else, they are set.
    """
    filter = bytearray(bits)
    answers = []
    for item in stream:
        places = [hash(item) % bits for hash in hashes]
        answers.append(all(filter[place] for place in places))
        for place in places:
            filter[place] = 1
    return answers


def _bloom_wrongly(how: str) -> Callable[..., list[bool]]:
    def bloom(stream: Any, hashes: Any, bits: int) -> list[bool]:
        on: set[Any] = set()
        answers, beside = [], []
        for item in stream:
            used = hashes[:1] if how == "one hash" else hashes
            places: list[Any] = [hash(item) % (bits - 1 if how == "bits - 1" and bits > 1 else bits) for hash in used]
            if how == "filters apart":
                places = list(enumerate(places))
            seen = any(p in on for p in places) if how == "any" else all(p in on for p in places)
            answers.append(not seen if how == "inverted" else seen)
            if how == "set first":
                answers[-1] = True
            on.update(places)
            if how == "hoards" and not seen:
                beside.append((item, places))
        return answers

    return bloom


def _bloom_exact(stream: Any, hashes: Any, bits: int) -> list[bool]:
    seen: set[str] = set()
    answers = []
    for item in stream:
        answers.append(item in seen)
        seen.add(item)
    return answers


def _bloom_listed(stream: Any, hashes: Any, bits: int) -> list[bool]:
    on: list[int] = []
    answers = []
    for item in stream:
        found = []
        for hash in hashes:
            place, known = hash(item) % bits, False
            for other in on:
                if other == place:
                    known = True
                    break
            found.append((place, known))
        answers.append(all(known for _, known in found))
        on.extend(place for place, known in found if not known)
    return answers


def _bloom_inputs() -> Iterator[tuple[Any, ...]]:
    yield Stream([]), HASHES[:2], 8
    yield Stream(["a", "a"]), HASHES[:1], 1
    rng = random.Random(11)
    for size in (3, 6, 20, 60):
        for hashes, bits in ((1, 16), (2, 16), (3, 64), (4, 200)):
            yield Stream(f"event {rng.randrange(size)}" for _ in range(size)), HASHES[:hashes], bits


BLOOM = Drill(
    name="bloom",
    title="Seen before, probably",
    topic="a Bloom filter",
    lesson="3.4",
    complexity="O(n h) time for h hashes, O(bits) memory, no item kept",
    statement="""
        A queue delivers some events twice. Keep a filter of `bits` bits, all 0. The places of an item are `hash(item) % bits` for each of the `hashes`. It is **taken for seen if the bits at all
        of its places are set**; afterwards they are set. Return that verdict for each item of the stream.

        Constraints: keep no item. A new item may be taken for seen, a seen one never for new. Each hash is called once for each item.
    """,
    reference=bloom,
    visible=(
        Case((Stream(["a", "b", "a"]), HASHES[:2], 64), [False, False, True]),
        Case((Stream(["a", "b"]), HASHES[:1], 1), [False, True]),
    ),
    hidden=lambda: against(_bloom_wrongly("right"), _bloom_inputs()),
    cost=Cost("n", lambda n: n, lambda n: (Stream(f"event {i}" for i in range(n)), HASHES[:3], 16 * n), held=lambda n: 24),
    hints=(
        "What can you say for sure if one of an item's bits is 0? And if all of them are 1?",
        "A list or `bytearray` of `bits` zeros. For each item work out its places once, look, then set.",
        "`all(filter[p] for p in places)`, and look *before* you set, or each item recognises itself.",
    ),
    mistakes=(
        Mistake("any instead of all", _bloom_wrongly("any"), "One set bit is enough for your filter: it must be all of them, or it fills up with false alarms."),
        Mistake("an exact set", _bloom_exact, "That is an exact set. It keeps every item, and a filter's errors are part of what is asked for."),
        Mistake("one hash only", _bloom_wrongly("one hash"), "You use only the first hash."),
        Mistake("one filter for each hash", _bloom_wrongly("filters apart"), "Each hash has bits of its own in your answer: here all of them share one filter."),
        Mistake("modulo bits - 1", _bloom_wrongly("bits - 1"), "You take the place modulo bits - 1, so that the last bit is never used."),
        Mistake("the verdict inverted", _bloom_wrongly("inverted"), "True means seen; your answer says new."),
        Mistake("sets before it looks", _bloom_wrongly("set first"), "You set the bits before you look at them, so that every item recognises itself."),
        Mistake("a list of the bits that are set", _bloom_listed, "You search a list of the set bits: as many steps as there are; a bit is found by its place in one.", "slow"),
        Mistake("keeps the items beside", _bloom_wrongly("hoards"), "The filter is right, but you keep the items beside it.", "hoards"),
    ),
    explanation="An item that was seen has set its bits, and bits are never cleared: no false negative. A new one finds all h bits set by others with chance about (1 - exp(-h n / bits))^h, which is below 1 % at 10 bits an item.",
)  # fmt: skip


# ------------------------------------------------------------------ count-min
class CountMin:
    """Counts of items in a table of len(hashes) rows and `width` columns; never too low, sometimes too high."""

    def __init__(self, width: int, hashes: list[Callable[[str], int]]):
        """hashes: one for each row; modulo width it is the item's column there."""
        self._rows = [[0] * width for _ in hashes]
        self._width, self._hashes = width, hashes

    def add(self, item: str, count: int) -> None:
        """Add `count` to the item's counter in each row."""
        for row, hash in zip(self._rows, self._hashes):
            row[hash(item) % self._width] += count

    def estimate(self, item: str) -> int:
        """The smallest of the item's counters."""
        return min(row[hash(item) % self._width] for row, hash in zip(self._rows, self._hashes))


class _CountMax(CountMin):
    def estimate(self, item: str) -> int:
        return max(row[hash(item) % self._width] for row, hash in zip(self._rows, self._hashes))


class _CountMean(CountMin):
    def estimate(self, item: str) -> Any:
        return sum(row[hash(item) % self._width] for row, hash in zip(self._rows, self._hashes)) / len(self._rows)


class _CountOneRow(CountMin):
    def __init__(self, width: int, hashes: Any):
        super().__init__(width, hashes)
        self._rows = [self._rows[0]] * len(hashes)


class _CountOnes(CountMin):
    def add(self, item: str, count: int) -> None:
        super().add(item, 1)


class _CountExact(CountMin):
    def __init__(self, width: int, hashes: Any):
        self._counts: dict[str, int] = {}

    def add(self, item: str, count: int) -> None:
        self._counts[item] = self._counts.get(item, 0) + count

    def estimate(self, item: str) -> int:
        return self._counts.get(item, 0)


class _CountBeside(CountMin):
    def __init__(self, width: int, hashes: Any):
        super().__init__(width, hashes)
        self._log: list[Any] = []

    def add(self, item: str, count: int) -> None:
        super().add(item, count)
        self._log.append((item, count))


class _CountLog(_CountBeside):
    def estimate(self, item: str) -> int:
        totals = [0] * len(self._hashes)
        for row, hash in enumerate(self._hashes):
            column = hash(item) % self._width
            for other, count in self._log:
                if hash(other) % self._width == column:
                    totals[row] += count
        return min(totals)


def _count_steps(rng: random.Random, items: int, steps: int) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    for _ in range(steps):
        item = f"film {min(rng.randrange(items), rng.randrange(items))}"
        calls.append(("add", item, rng.choice((1, 1, 5))) if rng.random() < 0.6 else ("estimate", item))
    return calls


def _count_inputs() -> Iterator[tuple[Any, ...]]:
    yield (4, HASHES[:2]), [("estimate", "a"), ("add", "a", 2), ("estimate", "a"), ("estimate", "b")]
    yield (1, HASHES[:1]), [("add", "a", 2), ("add", "b", 3), ("estimate", "a")]
    rng = random.Random(12)
    for width, rows in ((2, 1), (4, 2), (8, 3), (32, 4)):
        yield (width, HASHES[:rows]), _count_steps(rng, 12, 60)


COUNT_MIN = Drill(
    name="count-min",
    title="Counts in a small table",
    topic="a count-min sketch",
    lesson="2.1",
    complexity="O(rows) time for each call, O(rows x width) memory, no item kept",
    statement="""
        What is watched how often, in a stream of more items than fit into memory? Keep a table of counters, a row for each hash, `width` columns. In each row an item's counter is at `hash(item) % width`.
        `add(item, count)` adds to its counter **in each row**, `estimate(item)` gives **the smallest** of them.

        Constraints: counts are 1 or more. Other items may share a counter, so an estimate is never too low. Keep no item.
    """,
    reference=CountMin,
    visible=(
        Case(((64, HASHES[:2]), [("add", "a", 2), ("add", "a", 1), ("estimate", "a"), ("estimate", "b")]), [None, None, 3, 0]),
        Case(((1, HASHES[:2]), [("add", "a", 2), ("estimate", "b")]), [None, 2]),
    ),
    hidden=lambda: against(_CountLog, _count_inputs(), play),
    cost=Cost("n for n calls", lambda n: n, lambda n: ((64, HASHES[:3]), _count_steps(random.Random(n), n, n)), held=lambda n: 64),
    hints=(
        "Every counter of an item holds its own count and that of all who share the place. Which of its counters is nearest to the truth?",
        "The smallest: none is too low. The rows need hashes of their own, so that other items share each time.",
        "`[[0] * width for _ in hashes]`, not `[[0] * width] * rows`, which is one row under several names.",
    ),
    mistakes=(
        Mistake("the largest", _CountMax, "You give the largest counter; all of them are too high or right, so the smallest is nearest."),
        Mistake("the mean", _CountMean, "You average the counters: sharing makes them too high, and the mean with them."),
        Mistake("one row under several names", _CountOneRow, "All of your rows are the same list: `[[0] * width] * rows` makes one row, and every count is added several times."),
        Mistake("count ignored", _CountOnes, "You add 1, whatever `count` says."),
        Mistake("exact counts", _CountExact, "You count exactly, in a dictionary that keeps every item; the errors of the table are part of what is asked for."),
        Mistake("counts anew", _CountLog, "You go through all that was ever added at every estimate.", "slow"),
        Mistake("keeps the items beside", _CountBeside, "The table is right, but you keep the items beside it.", "hoards"),
    ),
    explanation="In one row, the others put about total / width on top of each counter. The smallest of several rows is wrong by much only if every row is. Frequent items are counted well, rare ones badly: mind that before you rank by it.",
    run=play,
)  # fmt: skip

DRILLS = (BLOOM, COUNT_MIN)
