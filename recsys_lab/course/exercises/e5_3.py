"""Exercises and quiz of lesson 5.3, Coding interview drills. The checks of problems are those of the drills."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, Literal

from recsys_lab.course import drills
from recsys_lab.course.drills.counting import Tally, watch
from recsys_lab.course.drills.drill import Drill
from recsys_lab.course.drills.judging import LINES, Raised, judge, output
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer
from recsys_lab.course.quiz import Question


def _from_drill(
    name: str, id: str, title: str, kind: Literal["build", "figure it out"], points: int, before: str = ""
) -> Exercise:
    """A drill as an exercise of the lesson: tests, mistakes, hints and explanation are the drill's own."""
    drill = drills.get(name)

    def check(answer: Callable[..., Any]) -> None:
        verdict = judge(drill, answer)
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


# ------------------------------------------------------------------ 5.3.4 break it
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
    id="5.3.4",
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
    _from_drill("top-k", "5.3.1", "The best k of a stream", "build", 2),
    _from_drill("reservoir", "5.3.2", "The unfair sample", "figure it out", 2, _dedented(RESERVOIR_BUG)),
    _from_drill("auc", "5.3.3", "AUC without all pairs", "build", 3),
    BREAK_IT,
    _from_drill("lru", "5.3.5", "A cache with two bugs", "figure it out", 2, _dedented(LRU_BUG)),
    _from_drill("asof-join", "5.3.6", "What was known then?", "build", 3),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _window(items: list[float]) -> int:
    most = end = 0
    for start in range(len(items)):
        while end < len(items) and items[end] - items[start] <= 0.1:
            end += 1
        most = max(most, end - start)
    return most


@functools.cache
def _key_growth() -> str:
    counts = []
    for n in (512, 2048):
        tally, rng = Tally(), random.Random(n)
        items = tally.wrap(sorted(rng.random() for _ in range(n)))
        watch(tally, _window, functools.partial(_window, items), LINES)
        counts.append(tally.operations)
    bounds = {"a": 4.0, "b": 4 * math.log(2048) / math.log(512), "c": 16.0}
    return min(bounds, key=lambda letter: abs(math.log(counts[1] / counts[0] / bounds[letter])))


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
        text="`items` is sorted. `for start in range(n):`, and in it `while end < n and items[end] - items[start] <= 0.1: end += 1`. How do the operations grow?",
        choices={"a": "as n", "b": "as n log n", "c": "as n squared"},
        key=_key_growth,
        why={
            "a": "`end` never goes back, so its line runs at most n times altogether. The merge, the sliding window and the as-of join rest on this.",
            "b": "Nothing is sorted or halved here.",
            "c": "A loop in a loop, but the inner one goes on where it stopped. Count how often a line runs in the whole run.",
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
