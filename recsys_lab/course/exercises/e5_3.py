"""Exercises and quiz of lesson 5.3, Coding interview drills. The checks of problems are those of the drills."""

from __future__ import annotations

import bisect
import functools
import heapq
import itertools
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, Literal

from recsys_lab.course import drills
from recsys_lab.course.drills.counting import Tally, watch
from recsys_lab.course.drills.drill import Drill
from recsys_lab.course.drills.judging import LINES, Raised, output
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, number, same
from recsys_lab.course.quiz import Question


def _from_drill(
    name: str, id: str, title: str, kind: Literal["build", "figure it out"], points: int, before: str = ""
) -> Exercise:
    """A drill as an exercise of the lesson: tests, mistakes, hints and explanation are the drill's own."""
    drill = drills.get(name)

    def check(answer: Callable[..., Any]) -> None:
        verdict = drills.judge(drill, answer)
        if not verdict.passed:
            raise Incorrect(verdict.message)

    return Exercise(
        id=id,
        title=title,
        kind=kind,
        prompt=f"{before}{drills.statement(drill).partition(chr(10))[2].strip()}",
        reference=lambda: drill.reference,
        check=check,
        hints=(drill.hints[0], drill.hints[2]),
        wrong=tuple(WrongAnswer(m.name, functools.partial(_answer, m.answer), m.says) for m in drill.mistakes),
        points=points,
        explanation=drill.explanation,
        expected=lambda: "\n".join(f"{drill.shown(c.given)}\n  gives {_told(c.want)}" for c in drill.visible),
    )


def _answer(answer: Any) -> Any:
    return answer


def _told(want: Any) -> str:
    return want.__doc__.strip() if callable(want) else repr(want)


# ------------------------------------------------------------------ 5.3.1 how does it grow?
def _a(items: list[float]) -> list[float]:
    return sorted(items)[:10]


def _b(items: list[float]) -> int:
    seen: list[float] = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return len(seen)


def _c(items: list[float]) -> list[float]:
    heap: list[float] = []
    for item in items:
        if len(heap) < 10:
            heapq.heappush(heap, item)
        elif item > heap[0]:
            heapq.heapreplace(heap, item)
    return heap


def _d(items: list[float]) -> int:
    return bisect.bisect_left(items, 0.5)


def _e(items: list[float]) -> int:
    most = end = 0
    for start in range(len(items)):
        while end < len(items) and items[end] - items[start] <= 0.1:
            end += 1
        most = max(most, end - start)
    return most


BOUNDS: dict[str, Callable[[float], float]] = {
    "log n": math.log,
    "n": float,
    "n log n": lambda n: n * math.log(n),
    "n^2": lambda n: n * n,
}


@functools.cache
def _growths() -> dict[str, str]:
    """Count each snippet for two sizes; the bound whose growth is nearest is its own."""
    found = {}
    for letter, snippet in {"A": _a, "B": _b, "C": _c, "D": _d, "E": _e}.items():
        counts = []
        for n in (512, 2048):
            rng = random.Random(n)
            items = [rng.random() for _ in range(n)]
            tally = Tally()
            given = tally.wrap(sorted(items) if letter in "DE" else items)
            tally.reads = tally.comparisons = 0
            watch(tally, snippet, functools.partial(snippet, given), LINES)
            counts.append(tally.operations)
        factor = counts[1] / counts[0]
        found[letter] = min(BOUNDS, key=lambda name: abs(math.log(factor * BOUNDS[name](512) / BOUNDS[name](2048))))
    return found


_GROWTH_WHY = {
    "A": "sorting compares every item about log n times, however few of them you cut off afterwards.",
    "B": "`in` on a list walks along it, and the list grows with n: a step for every pair.",
    "C": "the heap never holds more than ten. Its steps cost log 10, which does not grow.",
    "D": "each comparison halves what is left.",
    "E": "look at `end`: it never goes back. How often can `end += 1` run altogether?",
}


def _check_growth(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(_GROWTH_WHY):
        raise Incorrect("a dict with the keys A to E is wanted.")
    for letter, said in answer.items():
        if said not in BOUNDS:
            raise Incorrect(f"{letter}: {said!r} is none of {', '.join(BOUNDS)}.")
        if said != _growths()[letter]:
            raise Incorrect(f"{letter} does not grow as {said}: {_GROWTH_WHY[letter]}")


GROWTH = Exercise(
    id="5.3.1",
    title="How does it grow?",
    kind="figure it out",
    prompt="""
        `items` has n different numbers; in D and E they are sorted. How do the operations of each snippet grow with n?

        ```python
        # A                                # B
        sorted(items)[:10]                 seen = []
                                           for item in items:
                                               if item not in seen:
                                                   seen.append(item)

        # C                                # D
        heap = []                          bisect.bisect_left(items, 0.5)
        for item in items:
            if len(heap) < 10:             # E
                heapq.heappush(heap, item) most = end = 0
            elif item > heap[0]:           for start in range(len(items)):
                heapq.heapreplace(             while end < len(items) and items[end] - items[start] <= 0.1:
                    heap, item)                    end += 1
                                               most = max(most, end - start)
        ```

        Answer with a dict from "A" to "E" to one of `"log n"`, `"n"`, `"n log n"` and `"n^2"`.
    """,
    reference=lambda: dict(_growths()),
    check=_check_growth,
    hints=(
        "Do not count loops. Ask of each line how often it runs over the whole of the run, and what one run of it costs: `in` and `sorted` are no single steps.",
        "Two of the five grow as n. One has a loop in a loop whose inner counter only goes up; the other a heap whose size does not depend on n.",
    ),
    wrong=(
        WrongAnswer("two loops are n squared", lambda: {**_growths(), "E": "n^2"}, "never goes back"),
        WrongAnswer("a heap means a log", lambda: {**_growths(), "C": "n log n"}, "does not grow"),
        WrongAnswer("one loop is n", lambda: {**_growths(), "B": "n"}, "walks along it"),
        WrongAnswer("ten of a sort", lambda: {**_growths(), "A": "n"}, "however few"),
        WrongAnswer("a list is read", lambda: {**_growths(), "D": "n"}, "halves what is left"),
        WrongAnswer("one is missing", lambda: {"A": "n log n"}, "keys A to E"),
    ),
    points=2,
    explanation="Count how often a line runs in the whole run. E is the one that interviewers like: two nested loops, and yet `end` rises at most n times, so it is n in all. The same argument "
    "carries the sliding window, the merge, and the as-of join.",
)

# ------------------------------------------------------------------ 5.3.4 how often does the heap change?
N, K = 100_000, 10


@functools.cache
def _changes() -> dict[str, float]:
    return {"rising": float(N - K), "falling": 0.0, "random": sum(K / seen for seen in range(K + 1, N + 1))}


def _check_changes(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(_changes()):
        raise Incorrect("a dict with the keys rising, falling and random is wanted.")
    got = {order: number(value, order) for order, value in answer.items()}
    if got["rising"] == N:
        raise Incorrect(f"rising: the first {K} items fill the heap; they replace nothing.")
    if got["rising"] == 0:
        raise Incorrect("rising: every newcomer is better than all before it. What happens to the worst of the kept?")
    if got["falling"] != 0:
        raise Incorrect("falling: can a newcomer be better than what is kept, if each is worse than all before it?")
    right = _changes()
    same(got["rising"], right["rising"], what="rising")
    if math.isclose(got["random"], (N - K) / 2, rel_tol=1e-3):
        raise Incorrect(
            "random: not every other one. How likely is it that item number 50,000 is among the best ten so far?"
        )
    if math.isclose(got["random"], K * math.log(N), rel_tol=0.02):
        raise Incorrect(
            f"random: nearly. The sum begins at item {K + 1}, not at the first: those before it fill the heap."
        )
    if abs(got["random"] - right["random"]) > 0.06:
        raise Incorrect(
            f"random: item number i is among the best {K} of the first i with chance {K} / i. Sum these chances over the items after the first {K}."
        )


CHANGES = Exercise(
    id="5.3.4",
    title="How often does the heap change?",
    kind="figure it out",
    prompt=f"""
        A heap keeps the {K} best of a stream of {N:,} different scores. Each newcomer costs one comparison with the worst of the kept; only if it is better, it *replaces* that one. How many
        **replacements** are there, if the scores come `"rising"`, if they come `"falling"`, and, on average, in `"random"` order?

        Guess the third before you compute it. Answer with a dict of three numbers, to one decimal place.
    """,
    reference=lambda: dict(_changes()),
    check=_check_changes,
    hints=(
        f"Rising: everybody replaces, but the first {K} find room. Random: when is item number i better than the worst of the {K} best before it?",
        f"When it is among the best {K} of the first i: chance {K} / i, in random order. Sum over i from {K + 1} to {N:,}.",
    ),
    wrong=(
        WrongAnswer("half of them", lambda: {**_changes(), "random": (N - K) / 2}, "not every other one"),
        WrongAnswer("the sum begins too early", lambda: {**_changes(), "random": K * math.log(N)}, "fill the heap"),
        WrongAnswer("the first ten replace", lambda: {**_changes(), "rising": N}, "replace nothing"),
        WrongAnswer("directions swapped", lambda: {**_changes(), "rising": 0, "falling": N - K}, "every newcomer"),
        WrongAnswer("falling replaces, too", lambda: {**_changes(), "falling": N - K}, "worse than all before"),
        WrongAnswer("log n replacements", lambda: {**_changes(), "random": math.log2(N)}, "Sum these chances"),
    ),
    points=2,
    explanation=f"{sum(K / i for i in range(K + 1, N + 1)):.0f} of {N:,}. So the usual case costs one comparison an item, and hardly anything else; n log k is the worst case, a stream that rises. An interviewer who "
    "asks 'and on average?' wants to hear this sum, which is about k ln(n / k).",
)

# ------------------------------------------------------------------ 5.3.6 break it
_COLLEAGUES = {
    "sparse-cosine": "takes each user's length over the films that **both** have",
    "sessions": "ends a visit where the next click comes `gap` later **or more**",
    "lsh": "puts all bands into the **same** buckets: the key is the part of the signature, without the band's number",
}
_COLLEAGUES_MISTAKE = {
    "sparse-cosine": "lengths over common films",
    "sessions": "ends at the gap",
    "lsh": "bands in one bucket",
}
_BROKEN = {
    "sparse-cosine": ([(1, 3.0), (2, 4.0)], [(1, 1.0)]),
    "sessions": ([("a", 0), ("a", 5)], 5),
    "lsh": ([[1, 2], [2, 3]], 2),
}
_USELESS = {
    "sparse-cosine": "as long as both have the same films, or none in common, the lengths are the same.",
    "sessions": "the two differ in a single case: how long is the pause there?",
    "lsh": "they differ where a part of one film's signature stands in *another* band of the other film.",
}
_SHAPES: dict[str, Callable[[Any], bool]] = {
    "sparse-cosine": lambda given: all(_ascending([id for id, _ in vector]) for vector in given) and len(given) == 2,
    "sessions": lambda given: all(isinstance(user, str) for user, _ in given[0]) and given[1] >= 0,
    "lsh": lambda given: len({len(s) for s in given[0]}) == 1 and given[1] > 0 and len(given[0][0]) % given[1] == 0,
}
_ASKED = {
    "sparse-cosine": "two lists of (film, value), each sorted by film, each film once",
    "sessions": "a list of (user, time), the user a text, and a gap of 0 or more",
    "lsh": "a list of signatures of one length, and a number of bands that divides it",
}


def _ascending(ids: list[Any]) -> bool:
    return all(a < b for a, b in itertools.pairwise(ids))


def _colleague(drill: Drill) -> Callable[..., Any]:
    return next(m.answer for m in drill.mistakes if m.name == _COLLEAGUES_MISTAKE[drill.name])


def _check_broken(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(_BROKEN):
        raise Incorrect(f"a dict with the keys {', '.join(_BROKEN)} is wanted.")
    for name, given in answer.items():
        drill = drills.get(name)
        try:
            fine = isinstance(given, (tuple, list)) and len(given) == 2 and _SHAPES[name](given)
        except (TypeError, ValueError, IndexError):
            fine = False
        right = output(drill, drill.reference, tuple(given)) if fine else Raised("", "")
        if isinstance(right, Raised):
            raise Incorrect(f"{name}: {given!r} is no input of this drill: {_ASKED[name]} are wanted, as a tuple.")
        wrong = output(drill, _colleague(drill), tuple(given))
        if repr(right) == repr(wrong) or (isinstance(right, float) and math.isclose(right, wrong, abs_tol=1e-9)):
            raise Incorrect(f"{name}: both give {right!r} for {given!r}. Think again: {_USELESS[name]}")


BREAK_IT = Exercise(
    id="5.3.6",
    title="Break it",
    kind="figure it out",
    prompt="\n".join(
        [
            "Three answers of colleagues pass the tests that they thought of. Each has one flaw:",
            "",
            *(f"- `{name}`: {flaw}." for name, flaw in _COLLEAGUES.items()),
            "",
            'Give for each an input on which it is **wrong**, as small as you can: a dict from name to a tuple of the two arguments. (`drills.show("lsh")` prints what a problem asks for.)',
        ]
    ),
    reference=lambda: dict(_BROKEN),
    check=_check_broken,
    hints=(
        "A flaw is seen where it is the only thing that happens: two users with one film in common and one that is not; two clicks; two signatures.",
        "Cosine: `([(1, 3.0), (2, 4.0)], [(1, ...)])`. Sessions: a pause that is not longer and not shorter than the gap. LSH: the first half of one signature is the second half of the other.",
    ),
    wrong=(
        WrongAnswer("the same films", lambda: {**_BROKEN, "sparse-cosine": ([(1, 2.0)], [(1, 5.0)])}, "the same films"),
        WrongAnswer("nothing in common", lambda: {**_BROKEN, "sparse-cosine": ([(1, 2.0)], [(2, 5.0)])}, "both give"),
        WrongAnswer("a longer pause", lambda: {**_BROKEN, "sessions": ([("a", 0), ("a", 6)], 5)}, "single case"),
        WrongAnswer("equal films", lambda: {**_BROKEN, "lsh": ([[1, 2], [1, 2]], 2)}, "another* band"),
        WrongAnswer("not sorted", lambda: {**_BROKEN, "sparse-cosine": ([(2, 3.0), (1, 4.0)], [(1, 1.0)])}, "no input"),
        WrongAnswer("bands that do not fit", lambda: {**_BROKEN, "lsh": ([[1, 2, 3], [2, 3, 1]], 2)}, "no input"),
    ),
    points=3,
    explanation="A test that both pass tells you nothing. Ask of an answer: where would it differ from the right one, if it were wrong in the way that I fear? The borders of each `<` and `>`, an input of one, ties, and "
    "what is missing on one side find most of it, and an interviewer watches whether you look there unasked.",
)

# ------------------------------------------------------------------ the lesson's order
RESERVOIR_BUG = """
        A colleague's sampler, whose shares you have just seen:

        ```python
        def reservoir(stream, k, rng):
            kept = []
            for seen, item in enumerate(stream):
                if len(kept) < k:
                    kept.append(item)
                else:
                    place = rng.randrange(seen)
                    if place < k:
                        kept[place] = item
            return kept
        ```

        Find the bug, and write it rightly. The whole task, as the drill has it:

"""
LRU_BUG = """
        A colleague's cache has **two** bugs. Both survive a day in production, and both make it worse than it should be:

        ```python
        class LRU:
            def __init__(self, capacity):
                self._items, self._capacity = {}, capacity

            def get(self, key):
                return self._items.get(key)

            def put(self, key, value):
                if len(self._items) >= self._capacity:
                    del self._items[next(iter(self._items))]
                self._items[key] = value
        ```

        Find them, and write the class rightly. The whole task:

"""


def _dedented(text: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in text.split("\n")).lstrip("\n")


EXERCISES = [
    GROWTH,
    _from_drill("top-k", "5.3.2", "The best k of a stream", "build", 2),
    _from_drill("reservoir", "5.3.3", "The unfair sample", "figure it out", 2, _dedented(RESERVOIR_BUG)),
    CHANGES,
    _from_drill("auc", "5.3.5", "AUC without all pairs", "build", 3),
    BREAK_IT,
    _from_drill("lru", "5.3.7", "A cache with two bugs", "figure it out", 2, _dedented(LRU_BUG)),
    _from_drill("count-min", "5.3.8", "Counts in a small table", "build", 2),
    _from_drill("asof-join", "5.3.9", "What was known then?", "build", 3),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _comparisons(n: int) -> int:
    """Of a sort of n random numbers."""
    tally, rng = Tally(), random.Random(n)
    sorted(tally.wrap([rng.random() for _ in range(n)]))
    return tally.comparisons


def _key_growth() -> str:
    factor = _comparisons(1024) / _comparisons(256)
    bounds = {"a": 4.0, "b": 4 * math.log(1024) / math.log(256), "c": 16.0}
    return min(bounds, key=lambda letter: abs(math.log(factor / bounds[letter])))


def _key_replacements() -> str:
    expected = sum(10 / seen for seen in range(11, 10**6 + 1))
    return min("abc", key=lambda x: abs(math.log(expected / {"a": 115, "b": 10_000, "c": 500_000}[x])))


def _key_count_min() -> str:
    """Over and under the truth, in a table so small that items share counters."""
    sketch, truth = drills.get("count-min").reference(8, _salted(3)), dict.fromkeys(map(str, range(40)), 0)
    rng = random.Random(0)
    for _ in range(500):
        item = str(min(rng.randrange(40), rng.randrange(40)))
        sketch.add(item, 1)
        truth[item] += 1
    errors = [sketch.estimate(item) - count for item, count in truth.items()]
    return "a" if min(errors) >= 0 and max(errors) > 0 else "b" if max(errors) <= 0 else "c"


def _salted(rows: int) -> list[Callable[[str], int]]:
    from recsys_lab.course.drills.problems.sketches import HASHES

    return HASHES[:rows]


def _key_bloom() -> str:
    share = (1 - math.exp(-7 / 10)) ** 7
    return min("abc", key=lambda x: abs(math.log(share / {"a": 0.1, "b": 0.01, "c": 0.0001}[x])))


QUIZ = [
    Question(
        text="You double n twice, from 256 to 1,024, and an answer takes 5.2 times as many comparisons. It most likely grows as",
        choices={"a": "n", "b": "n log n", "c": "n squared"},
        key=_key_growth,
        why={
            "a": "Then it would be 4 times as many. The excess is small, but it is there: what makes it?",
            "b": "Four times the items, and each is compared log(4n) / log(n) times as often: from 256 to 1,024 a factor of 10 / 8.",
            "c": "Then it would be 16 times as many.",
        },
    ),
    Question(
        text="A heap keeps the best ten of a million scores in random order. How often does it change after it is full?",
        choices={"a": "about 115 times", "b": "about 10,000 times", "c": "about 500,000 times"},
        key=_key_replacements,
        why={
            "a": "The sum of 10 / i from 11 to a million. The longer the stream, the rarer a newcomer that is good enough.",
            "b": "That would be one in a hundred; at the end of the stream it is ten in a million.",
            "c": "Half of all newcomers would have to be among the best ten so far.",
        },
    ),
    Question(
        text="A count-min sketch says that a film was watched 37 times. Then the true number is",
        choices={"a": "37 or lower", "b": "37 or higher", "c": "near 37, on either side"},
        key=_key_count_min,
        why={
            "a": "Others share its counters and only ever add. The smallest counter is the nearest, and still not too low.",
            "b": "Nothing is ever taken off a counter, so none of them is too low.",
            "c": "A sample errs on both sides. A counter that others add to errs on one.",
        },
    ),
    Question(
        text="A Bloom filter has 10 bits for each item and 7 hashes. How many new items does it take for seen, once it is full?",
        choices={"a": "about 10 %", "b": "about 1 %", "c": "about 0.01 %"},
        key=_key_bloom,
        why={
            "a": "With 10 bits an item about half of the bits are set; seven of them by chance are rarer than that.",
            "b": "(1 - exp(-7 / 10))^7 is 0.008: a bit is set with chance one half, and seven must be.",
            "c": "That takes about twice as many bits for each item.",
        },
    ),
]
