"""Drills on sorted lists: the cosine of two sparse vectors, and an intersection that jumps."""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


# ------------------------------------------------------------------ sparse-cosine
def sparse_cosine(x: list[tuple[int, float]], y: list[tuple[int, float]]) -> float:
    """The cosine of two sparse vectors.

    x, y: pairs (id, value), sorted by id, each id once; what is not listed is 0. Returns 0.0 where one has no length.
    """
    dot, i, j = 0.0, 0, 0
    while i < len(x) and j < len(y):
        (mine, a), (theirs, b) = x[i], y[j]
        if mine == theirs:
            dot += a * b
        if mine <= theirs:
            i += 1
        if theirs <= mine:
            j += 1
    norms = math.sqrt(sum(a * a for _, a in x) * sum(b * b for _, b in y))
    return dot / norms if norms else 0.0


def _cosine_nested(x: Any, y: Any) -> float:
    dot = 0.0
    for mine, a in x:
        for theirs, b in y:
            if mine == theirs:
                dot += a * b
    norms = math.sqrt(sum(a * a for _, a in x) * sum(b * b for _, b in y))
    return dot / norms if norms else 0.0


def _cosine_wrongly(how: str) -> Callable[..., float]:
    def sparse_cosine(x: Any, y: Any) -> float:
        a, b = dict(x), dict(y)
        if how == "in step":
            common = [mine for (mine, _), (theirs, _) in zip(x, y) if mine == theirs]
        else:
            common = [id for id in a if id in b]
        dot = sum(a[id] * b[id] for id in common)
        if how == "common norms":
            a, b = {id: a[id] for id in common}, {id: b[id] for id in common}
        squares = sum(v * v for v in a.values()) * sum(v * v for v in b.values())
        norms = squares if how == "no root" else math.sqrt(squares)
        if how == "dot":
            return dot
        return dot / norms if norms or how == "unguarded" else 0.0

    return sparse_cosine


def _vector(rng: random.Random, size: int, ids: int) -> list[tuple[int, float]]:
    return [(id, float(rng.choice((-2, -1, 1, 3, 5)))) for id in sorted(rng.sample(range(ids), size))]


def _cosine_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], []
    yield [(1, 2.0)], []
    yield [(1, 0.0)], [(1, 3.0)]
    yield [(1, 2.0)], [(2, 2.0)]
    yield [(7, 2.0)], [(1, 1.0), (2, 1.0), (7, 2.0)]
    rng = random.Random(9)
    for size in (1, 2, 3, 5, 8):
        for other in (1, 3, 8):
            yield _vector(rng, size, 10), _vector(rng, other, 10)


SPARSE_COSINE = Drill(
    name="sparse-cosine",
    title="Cosine of two sparse vectors",
    topic="two pointers on sorted lists",
    lesson="1.2",
    complexity="O(m + n) time, O(1) memory",
    statement="""
        Two users as lists of `(film, value)`, sorted by film; a film that is not listed counts 0. Return their cosine: the dot product over the product of the two lengths, each over **all**
        films of its user.

        Constraints: m and n films. Values may be negative or 0. A vector without length: 0.0.
    """,
    reference=sparse_cosine,
    visible=(
        Case(([(1, 3.0), (4, 4.0)], [(1, 3.0), (4, 4.0)]), 1.0),
        Case(([(1, 3.0), (2, 4.0)], [(2, 1.0), (9, 1.0)]), 4 / (5 * math.sqrt(2))),
        Case(([(1, 1.0)], []), 0.0),
    ),
    hidden=lambda: against(_cosine_nested, _cosine_inputs()),
    cost=Cost("m + n", lambda n: n, lambda n: (_vector(random.Random(n), n, 3 * n), _vector(random.Random(n + 1), n, 3 * n))),
    hints=(
        "Both lists are sorted. Lay a finger on the first of each: which finger may move?",
        "The one on the smaller id. On equal ids add the product, and move both.",
        "The two lengths need no partner: sum the squares of each list by itself. If their product is 0, return 0.0.",
    ),
    mistakes=(
        Mistake("lengths over common films", _cosine_wrongly("common norms"), "Your lengths know only the films that both have, so that one common film makes two users the same (lesson 2.2)."),
        Mistake("in step", _cosine_wrongly("in step"), "Both fingers move at every step, so equal films are only found at equal places."),
        Mistake("no root", _cosine_wrongly("no root"), "The lengths are roots of the sums of squares: a root is missing."),
        Mistake("only the dot product", _cosine_wrongly("dot"), "That is the dot product; the lengths are missing."),
        Mistake("0 / 0", _cosine_wrongly("unguarded"), "A vector without length makes you divide by 0."),
        Mistake("every pair", _cosine_nested, "You compare each film of the one with each of the other: m n steps, though both lists are sorted.", "slow"),
    ),
    explanation="The merge step of merge sort: each comparison moves at least one finger. A dictionary of the shorter list takes as many steps, and memory besides; sorted lists are how sparse matrices are stored.",
)  # fmt: skip


# ------------------------------------------------------------------ gallop
def gallop(small: list[int], large: list[int]) -> list[int]:
    """The numbers that are in both lists, in order.

    Both are strictly increasing; `small` may be far shorter than `large`.
    """
    both, low = [], 0
    for number in small:
        step = 1
        while low + step < len(large) and large[low + step] < number:
            low, step = low + step, 2 * step
        low = bisect.bisect_left(large, number, low, min(low + step + 1, len(large)))
        if low < len(large) and large[low] == number:
            both.append(number)
    return both


def _both(small: Any, large: Any) -> list[int]:
    common, at = [], 0
    for number in small:
        while at < len(large) and large[at] < number:
            at += 1
        if at < len(large) and large[at] == number:
            common.append(number)
    return common


def _gallop_wrongly(how: str) -> Callable[..., list[int]]:
    def gallop(small: Any, large: Any) -> list[int]:
        both, low = [], 0
        for number in small:
            step = 1
            while low + step < len(large) and large[low + step] < number:
                low, step = low + step, 2 * step
            end = min(low + step + 1, len(large))
            at = bisect.bisect_left(large, number, low, max(low, end - 2) if how == "end too early" else end)
            if how == "unguarded" or at < len(large):
                if large[at] == number:
                    both.append(number)
                elif how == "stops":
                    break
            low = at + 1 if how == "skips" else at
        return both

    return gallop


def _gallop_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], [1, 2]
    yield [1, 2], []
    yield [5], [1, 2, 3]
    yield [3], [1, 2, 3]
    yield [1], [1, 2, 3]
    yield [1, 9, 10], [2, 9]
    rng = random.Random(10)
    for small in (1, 2, 3, 5):
        for large in (1, 3, 8, 30):
            yield sorted(rng.sample(range(40), small)), sorted(rng.sample(range(40), large))


def _gallop_large(n: int) -> tuple[Any, ...]:
    return [n * i + i for i in range(8)], list(range(0, 16 * n, 2))


GALLOP = Drill(
    name="gallop",
    title="A short list in a long one",
    topic="galloping search",
    lesson="2.4",
    complexity="O(m log(n / m)) time, O(1) memory besides the answer",
    statement="""
        An inverted index has for each word the sorted numbers of its documents. For two words return the documents that have **both**, in order. One word is rare (m documents), the other is
        common (n of them).

        Constraints: both lists are strictly increasing. Do not read the long one from end to end: O(m log n) steps at most.
    """,
    reference=gallop,
    visible=(
        Case(([3, 8], [1, 3, 5, 8, 9]), [3, 8]),
        Case(([2, 4], [1, 3, 5]), []),
    ),
    hidden=lambda: against(_both, _gallop_inputs()),
    cost=Cost("m log n", lambda n: math.log2(n), _gallop_large),
    hints=(
        "You look for the same eight numbers in a list of a thousand and in one of a million. What should the difference be?",
        "Halving finds each number in log n steps. Better: from the last place go 1, 2, 4, 8 ... steps until you are past it, then halve in between.",
        "`bisect.bisect_left(large, number, low, high)` halves in a part of the list. Check that the place it gives is inside of the list before you look.",
    ),
    mistakes=(
        Mistake("misses the end of the stretch", _gallop_wrongly("end too early"), "Your halving ends too early: bisect does not look at the place `high` itself, so give it one more than the last place that may be right."),
        Mistake("no guard", _gallop_wrongly("unguarded"), "A number above all others is looked for behind the end of the list."),
        Mistake("stops at the first miss", _gallop_wrongly("stops"), "You stop at the first number that is not in the other list; later ones may be."),
        Mistake("skips one", _gallop_wrongly("skips"), "After a miss you begin one place too far on: the number at that place is above the last one, and may be the next."),
        Mistake("two fingers", _both, "You read the long list from end to end, with two fingers or into a set: m + n steps, though only m numbers are asked for.", "slow"),
    ),
    explanation="From where the last number was, steps of 1, 2, 4, ... pass a gap of g in log g steps, and halving inside takes log g again. Short gaps are cheap, so it is never much worse than two fingers. Search "
    "engines skip this way.",
)  # fmt: skip

DRILLS = (SPARSE_COSINE, GALLOP)
