"""Drills on windows of time: a moving median, and a join that does not look ahead."""

from __future__ import annotations

import bisect
import math
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from recsys_lab.course.drills.counting import Stream
from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


# ------------------------------------------------------------------ moving-median
def moving_median(stream: Iterable[float], width: int) -> list[float]:
    """After each value, the median of the last `width` values (of all, while there are fewer).

    The median of an even number of values is the mean of the two in the middle.
    """
    window: deque[float] = deque()
    ordered: list[float] = []
    medians = []
    for value in stream:
        window.append(value)
        bisect.insort(ordered, value)
        if len(window) > width:
            del ordered[bisect.bisect_left(ordered, window.popleft())]
        half = len(ordered) // 2
        medians.append((ordered[half] + ordered[-half - 1]) / 2)
    return medians


def _median_wrongly(how: str) -> Callable[..., list[float]]:
    def moving_median(stream: Any, width: int) -> list[float]:
        window: list[float] = []
        medians: list[float] = []
        for value in stream:
            window.append(value)
            if how != "all so far":
                window = window[-(width + 1 if how == "wider" else width) :]
            ordered = window if how == "not sorted" else sorted(window)
            low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
            middle = {"lower": low, "upper": high, "mean": sum(ordered) / len(ordered)}.get(how, (low + high) / 2)
            if len(window) == width or how != "full only":
                medians.append(middle)
        return medians

    return moving_median


def _median_hoarding(stream: Any, width: int) -> list[float]:
    values = list(stream)
    return moving_median(values, width)


def _median_inputs() -> Iterator[tuple[Any, ...]]:
    yield Stream([]), 3
    yield Stream([2.0, 1.0]), 1
    yield Stream([4.0, 4.0, 1.0, 4.0, 9.0, 4.0]), 3
    rng = random.Random(17)
    for size in (3, 5, 8, 20):
        for width in (1, 2, 3, 4, 7):
            yield Stream(float(rng.choice((-3, 0, 1, 2, 8))) for _ in range(size)), width


def _median_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    return Stream(rng.random() for _ in range(n)), n // 4


MOVING_MEDIAN = Drill(
    name="moving-median",
    title="A moving median",
    topic="a window that stays sorted",
    lesson="3.7",
    complexity="O(n log w) comparisons, O(w) memory",
    statement="""
        A monitor shows the median latency of the last `width` requests, after each of them. Give all medians; while there are fewer values, that of those there are. With an even number of values it is the mean of the
        two in the middle.

        Constraints: values may repeat. n values and a window of w: at most O(n log w) comparisons; keep the window and not more.
    """,
    reference=moving_median,
    visible=(
        Case((Stream([5.0, 1.0, 3.0, 9.0]), 3), [5.0, 3.0, 3.0, 3.0]),
        Case((Stream([1.0, 2.0, 9.0]), 2), [1.0, 1.5, 5.5]),
    ),
    hidden=lambda: against(_median_wrongly("right"), _median_inputs()),
    cost=Cost("n log w", lambda n: n * math.log2(n / 4), _median_large, held=lambda n: n / 2 + 16),
    hints=(
        "From one window to the next, how many values come, and how many go?",
        "One each. Keep the window twice: in order of arrival, to know who goes, and sorted, to see the middle.",
        "`bisect.insort` puts the new one in; `del ordered[bisect.bisect_left(ordered, old)]` takes the old one out. A `deque` knows which is the oldest.",
    ),
    mistakes=(
        Mistake("the lower of the two", _median_wrongly("lower"), "With an even number of values you take the lower of the two in the middle; it is their mean."),
        Mistake("the upper of the two", _median_wrongly("upper"), "With an even number of values you take the upper of the two in the middle; it is their mean."),
        Mistake("a window too wide", _median_wrongly("wider"), "Your window holds one value too many."),
        Mistake("not sorted", _median_wrongly("not sorted"), "You take the middle in order of arrival; the median is the middle of the *sorted* values."),
        Mistake("the mean", _median_wrongly("mean"), "That is the mean: one slow request moves it, which is why the monitor asks for the median."),
        Mistake("only full windows", _median_wrongly("full only"), "There is a median after every value, also while the window is not full."),
        Mistake("no window", _median_wrongly("all so far"), "You never let a value go: that is the median of all values so far."),
        Mistake("sorts every window", _median_wrongly("right"), "You go through the whole window at every value, to sort it or to find the one that leaves, though only one came and one went.", "slow"),
        Mistake("keeps the whole stream", _median_hoarding, "You keep values that have left the window, or all of them; the window is enough.", "hoards"),
    ),
    explanation="Two bisections a value. Inserting into a list moves its tail, in C and fast, but w steps: say so before the interviewer does. A balanced tree needs log w for that, too. So do two heaps with late deletion, but they hold values that have left until these come to the top: clear them out when they are too many.",
)  # fmt: skip


# ------------------------------------------------------------------ asof-join
def asof_join(left: list[tuple[int, str]], right: list[tuple[int, str, float]]) -> list[float | None]:
    """For each (time, key) on the left the value that was known then: the last on the right with the same key at that
    time or before; None where there is none yet.

    left, right: sorted by time. Of several values of a key at the same time the one that stands last counts.
    """
    known: dict[str, float] = {}
    values, at = [], 0
    for time, key in left:
        while at < len(right) and right[at][0] <= time:
            known[right[at][1]] = right[at][2]
            at += 1
        values.append(known.get(key))
    return values


def _asof_wrongly(how: str) -> Callable[..., list[float | None]]:
    def asof_join(left: Any, right: Any) -> list[float | None]:
        values: list[float | None] = []
        for time, key in left:
            found, best = None, math.inf
            for other, name, value in right:
                if name != key and how != "any key":
                    continue
                before = other < time if how == "strictly before" else other <= time
                if how == "nearest":
                    if abs(other - time) <= best:
                        found, best = value, abs(other - time)
                elif how == "latest of all" or before:
                    found = value if found is None or how != "first" else found
            values.append(0.0 if found is None and how == "zero" else found)
        return values

    return asof_join


def _asof_bisect(left: Any, right: Any) -> list[float | None]:
    lists: defaultdict[str, list[Any]] = defaultdict(list)
    for time, key, value in right:
        lists[key].append((time, value))
    return [
        lists[key][at - 1][1] if (at := bisect.bisect_right(lists[key], (time, math.inf))) else None
        for time, key in left
    ]


def _asof_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], [(1, "a", 0.5)]
    yield [(1, "a")], []
    yield [(1, "a"), (2, "a")], [(2, "a", 0.0)]
    yield [(5, "a"), (5, "b")], [(4, "b", 1.0), (5, "a", 2.0), (5, "a", 3.0), (6, "a", 4.0)]
    rng = random.Random(18)
    for rows in (1, 3, 8, 20):
        for others in (1, 4, 15):
            for keys in ("a", "abc"):
                left = sorted((rng.randrange(12), rng.choice(keys)) for _ in range(rows))
                times = sorted(rng.randrange(12) for _ in range(others))
                yield left, [(time, rng.choice(keys), float(rng.randrange(4))) for time in times]


def _asof_large(n: int) -> tuple[Any, ...]:
    left = [(2 * i, f"user {i * 7 % 16}") for i in range(n)]
    return left, [(2 * i + 1, f"user {i * 5 % 16}", float(i)) for i in range(n)]


ASOF_JOIN = Drill(
    name="asof-join",
    title="What was known then?",
    topic="a join by time",
    lesson="3.2",
    complexity="O(m + n) time, memory for one value a key",
    statement="""
        A training set needs, for each impression, the user's feature **as it was then**. `left` has m impressions `(time, user)`, `right` has n changes `(time, user, value)`, both sorted by time. For each impression give the value of
        the user's last change **at that time or before**, or None.

        Constraints: of several changes at one time the one that stands last counts. A value from after the impression is a leak. At most O((m + n) log n) steps.
    """,
    reference=asof_join,
    visible=(
        Case(([(1, "a"), (5, "a"), (9, "b")], [(2, "a", 0.5), (5, "a", 0.75), (7, "a", 1.0)]), [None, 0.75, None]),
        Case(([(3, "b")], [(1, "a", 1.0), (1, "b", 2.0), (4, "b", 3.0)]), [2.0]),
    ),
    hidden=lambda: against(_asof_wrongly("right"), _asof_inputs()),
    cost=Cost("m + n", lambda n: n, _asof_large, n=128),
    hints=(
        "Both logs are sorted. Read them as one story: which changes have happened before this impression?",
        "A pointer into `right` that only goes forward, and a dictionary with each user's latest value.",
        "`while at < len(right) and right[at][0] <= time:` take the change in; then `known.get(user)`.",
    ),
    mistakes=(
        Mistake("strictly before", _asof_wrongly("strictly before"), "A change at the very time of the impression counts: at that time *or* before."),
        Mistake("the nearest in time", _asof_wrongly("nearest"), "You take the nearest change, even if it comes later: that is the future, and a leak (lesson 3.2)."),
        Mistake("the latest of all", _asof_wrongly("latest of all"), "You give each user's latest value, whenever the impression was: the ordinary join, and a leak (lesson 3.2)."),
        Mistake("the first value", _asof_wrongly("first"), "You give the first value that was known, not the last."),
        Mistake("any user's value", _asof_wrongly("any key"), "You do not compare the users: the last change of anybody counts."),
        Mistake("0 for unknown", _asof_wrongly("zero"), "Nothing known is None in the statement: 0 would be a value."),
        Mistake("searches each time", _asof_wrongly("right"), "You go through all changes for each impression: m n steps, though both logs are sorted.", "slow"),
    ),
    explanation="The merge of two sorted logs, with a dictionary as memory. `pandas.merge_asof(by=...)` and DuckDB's `ASOF JOIN` do it. With `right` grouped by user, a bisection in each group takes O(log n) an impression, and needs no order on the left.",
)  # fmt: skip

DRILLS = (MOVING_MEDIAN, ASOF_JOIN)
