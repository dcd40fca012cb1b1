"""Drills on chance: a fair sample of a stream, and draws by weight."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from recsys_lab.course.drills.counting import Stream, Tally
from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against


class Runs(int):
    """How often a sample is drawn, to see whether it is fair; all with one generator, which a reader sees as `rng`."""

    anew = False  # whether each run gets a generator of its own, all in the same state

    def __repr__(self) -> str:
        return "rng"


class Alike(Runs):
    """Runs that must all draw the same, as long as the generator is the only source of chance."""

    anew = True


ONE, MANY, ALIKE = Runs(1), Runs(4000), Alike(10)


# ------------------------------------------------------------------ reservoir
def reservoir(stream: Iterable[str], k: int, rng: random.Random) -> list[str]:
    """k items of a stream, each set of k equally likely; all of them where there are fewer.

    stream: items, one by one; its length is not known. rng: the only source of chance, such as rng.randrange(10).
    """
    kept: list[str] = []
    for seen, item in enumerate(stream, 1):
        if len(kept) < k:
            kept.append(item)
        else:
            place = rng.randrange(seen)
            if place < k:
                kept[place] = item
    return kept


def _reservoir_early(stream: Any, k: int, rng: random.Random) -> list[str]:
    kept: list[str] = []
    for seen, item in enumerate(stream):
        if len(kept) < k:
            kept.append(item)
        elif (place := rng.randrange(seen)) < k:
            kept[place] = item
    return kept


def _reservoir_half(stream: Any, k: int, rng: random.Random) -> list[str]:
    kept: list[str] = []
    for item in stream:
        if len(kept) < k:
            kept.append(item)
        elif k and rng.random() < 0.5:
            kept[rng.randrange(k)] = item
    return kept


def _reservoir_first(stream: Any, k: int, rng: random.Random) -> list[str]:
    return list(itertools.islice(stream, k))


def _reservoir_one_slot(stream: Any, k: int, rng: random.Random) -> list[str]:
    kept: list[str] = []
    for seen, item in enumerate(stream, 1):
        if len(kept) < k:
            kept.append(item)
        elif rng.random() < k / seen:
            kept[0] = item
    return kept


def _reservoir_block(stream: Any, k: int, rng: random.Random) -> list[str]:
    items = list(stream)
    at = rng.randrange(len(items)) if items else 0
    return [items[(at + step) % len(items)] for step in range(min(k, len(items)))]


def _reservoir_all(stream: Any, k: int, rng: random.Random) -> list[str]:
    items = list(stream)
    return rng.sample(items, min(k, len(items)))


def _reservoir_keys(stream: Any, k: int, rng: random.Random) -> list[str]:
    kept: list[Any] = []
    for item in stream:
        kept.append((rng.random(), item))
        if len(kept) > k:
            worst = 0
            for at, entry in enumerate(kept):
                if entry[0] < kept[worst][0]:
                    worst = at
            del kept[worst]
    return [item for _, item in kept]


def repeat(answer: Callable[..., Any], tally: Tally, items: Stream, k: int, runs: Runs) -> list[list[str]]:
    """`runs` samples of the same stream, from one generator of random numbers, or from as many that are alike."""
    rngs = [random.Random(5) for _ in range(runs)] if runs.anew else [random.Random(5)] * runs
    return [[*map(str, answer(tally.wrap(items), k, rng))] for rng in rngs]


def _all_of_them(samples: list[list[str]]) -> str:
    """a, b and c, in any order: there are no more"""
    return "" if sorted(samples[0]) == ["a", "b", "c"] else f"should be a, b and c in any order, but is {samples[0]}."


def _two_of_them(samples: list[list[str]]) -> str:
    """two of the four, each pair equally likely"""
    fine = len(set(samples[0])) == len(samples[0]) == 2 and set(samples[0]) <= set("abcd")
    return "" if fine else f"should be two of a, b, c and d, but is {samples[0]}."


def _drawn_from_rng(samples: list[list[str]]) -> str:
    """the same sample whenever `rng` is in the same state"""
    different = {tuple(sorted(sample)) for sample in samples}
    if len(different) == 1:
        return ""
    return (
        f"{len(samples)} runs, each with an `rng` in the same state, should draw the same sample, but drew {len(different)} "
        "different ones. Draw from `rng` only: chance from elsewhere cannot be repeated, so nobody can test it."
    )


def _fair(items: str, k: int) -> Callable[[list[list[str]]], str]:
    def fair(samples: list[list[str]]) -> str:
        size = min(k, len(items))
        for sample in samples:
            if sorted(set(sample) & set(items)) != sorted(sample) or len(sample) != size:
                return f"a sample of {k} out of {items!r} should be {size} of its items, each once, but is {sample}."
        for together in (1, 2):
            if size >= together:
                share = math.comb(len(items) - together, size - together) / math.comb(len(items), size)
                error = math.sqrt(len(samples) * share * (1 - share))
                for group in itertools.combinations(items, together):
                    times = sum(set(group) <= set(sample) for sample in samples)
                    if abs(times - len(samples) * share) > 5 * error + 1e-9:
                        return (
                            f"not fair: in {len(samples):,} samples {' and '.join(group)} should be kept about "
                            f"{len(samples) * share:,.0f} times, but {'are' if together > 1 else 'is'} kept {times:,} times."
                        )
        return ""

    return fair


RESERVOIR = Drill(
    name="reservoir",
    title="A fair sample of a stream",
    topic="reservoir sampling",
    lesson="3.7",
    complexity="O(n) time, O(k) memory",
    statement="""
        You log requests, and want `k` of them for a closer look, every set of `k` requests **equally likely**. How many will come is not known, and they do not
        fit into memory. At whatever moment the stream ends, the sample must be fair.

        Constraints: keep `k` items at a time, read the stream once, and draw chance from `rng` only. `k` may be 0. The order of the sample does not matter.
    """,
    reference=reservoir,
    visible=(
        Case((Stream("abc"), 5, ONE), _all_of_them),
        Case((Stream("abcd"), 2, ONE), _two_of_them),
    ),
    hidden=lambda: [
        Case((Stream(items), k, runs), _fair(items, k))
        for items, k, runs in (("", 2, ONE), ("ab", 0, ONE), ("abc", 1, MANY), ("abcde", 2, MANY), ("abcdefghij", 3, MANY))
    ]
    + [Case((Stream("abcdefghij"), 3, ALIKE), _drawn_from_rng)],
    cost=Cost("n", lambda n: n, lambda n: (Stream(f"{i}" for i in range(n)), n // 8, ONE), n=512, held=lambda n: n / 8 + 8),
    hints=(
        "With what chance must the seventh item be in the sample, if the stream ends just there?",
        "With k / 7. So let the item number `seen` enter with chance k / seen, in the place of one that is chosen by chance.",
        "One draw does both: `place = rng.randrange(seen)`; if it is below k, the newcomer takes that place. `seen` counts the newcomer.",
    ),
    mistakes=(
        Mistake("off by one", _reservoir_early, "You draw among the items *before* this one: the draw must count the newcomer, too, or late items are preferred."),
        Mistake("one in two", _reservoir_half, "Every newcomer enters with the same chance, so that the last ones crowd out the first. The chance must fall as k / seen."),
        Mistake("the first k", _reservoir_first, "You keep the first k, whatever follows."),
        Mistake("always the same place", _reservoir_one_slot, "The newcomer always takes the same place: the items in the others can never leave."),
        Mistake("a block", _reservoir_block, "You keep neighbours: each item is as likely as any, but not each *set* of them."),
        Mistake("the k highest draws, scanned", _reservoir_keys, "A random number for each item and the k highest of them is a fair idea, but you scan the kept ones for the lowest at every item: k steps instead of one.", "slow"),
        Mistake("keeps everything", _reservoir_all, "You keep the whole stream, and sample afterwards.", "hoards"),
    ),
    explanation="By induction: before item `seen`, each is kept with chance k / (seen - 1). It stays with chance 1 - 1 / seen (the draw hits its place with 1 / seen), "
    "which makes k / seen, the newcomer's own chance. Say the induction aloud; it is what the question is about.",
    run=repeat,
)  # fmt: skip


# ------------------------------------------------------------------ weighted-sample
def weighted_sample(weights: list[float], numbers: Iterable[float]) -> list[int]:
    """One index for each number u: the first whose cumulated weight is above u times the total.

    weights: not negative, at least one above 0. numbers: each from 0 up to, not including, 1.
    """
    cumulated = list(itertools.accumulate(weights))
    return [bisect.bisect_right(cumulated, u * cumulated[-1]) for u in numbers]


def _weighted_scan(weights: Any, numbers: Any) -> list[int]:
    drawn = []
    for u in numbers:
        left = u * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                drawn.append(index)
                break
    return drawn


def _weighted_left(weights: Any, numbers: Any) -> list[int]:
    cumulated = list(itertools.accumulate(weights))
    return [bisect.bisect_left(cumulated, u * cumulated[-1]) for u in numbers]


def _weighted_unscaled(weights: Any, numbers: Any) -> list[int]:
    cumulated = list(itertools.accumulate(weights))
    return [bisect.bisect_right(cumulated, u) for u in numbers]


def _weighted_uniform(weights: Any, numbers: Any) -> list[int]:
    return [int(u * len(weights)) for u in numbers]


def _weighted_shifted(weights: Any, numbers: Any) -> list[int]:
    cumulated = [0.0, *itertools.accumulate(weights)]
    return [bisect.bisect_right(cumulated, u * cumulated[-1]) for u in numbers]


def _weighted_inputs() -> Iterator[tuple[Any, ...]]:
    eighths = [n / 8 for n in range(8)]
    yield [1.0], Stream([0.0, 0.5, 0.875])
    yield [0.0, 1.0, 0.0, 0.0, 3.0, 0.0], Stream([*eighths, 0.25, 0.0])
    yield [2.0, 2.0, 4.0], Stream([])
    rng = random.Random(3)
    for size in (2, 3, 5, 8):
        weights = [float(rng.choice((0, 1, 2, 5))) for _ in range(size)] + [1.0]
        yield weights, Stream(rng.randrange(64) / 64 for _ in range(12))


def _weighted_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    return [rng.randrange(1, 9) * 1.0 for _ in range(n // 2)], Stream(rng.randrange(2**20) / 2**20 for _ in range(n))


WEIGHTED_SAMPLE = Drill(
    name="weighted-sample",
    title="Draw by weight",
    topic="prefix sums and bisection",
    lesson="2.6",
    complexity="O(m + n log m) time, O(m) memory",
    statement="""
        Training on implicit feedback draws negatives by popularity: item `i` with chance `weights[i]` over the total. You get numbers `u`, drawn evenly from 0 up to 1
        (1 not included). For each give **the first index whose cumulated weight is above u times the total**.

        Constraints: `m` weights and `n` numbers. A weight may be 0, and its index is then never drawn. Weights do not sum to 1.
    """,
    reference=weighted_sample,
    visible=(
        Case(([1.0, 3.0], Stream([0.0, 0.2, 0.25, 0.9])), [0, 0, 1, 1]),
        Case(([0.0, 2.0, 2.0], Stream([0.25, 0.75])), [1, 2]),
    ),
    hidden=lambda: against(_weighted_scan, _weighted_inputs()),
    cost=Cost("m + n log m", lambda n: n * math.log2(n), _weighted_large),
    hints=(
        "Draw the weights as stretches, one behind the other, on a line as long as their total. Where does u times the total fall?",
        "The ends of the stretches are the cumulated weights, made once. They are sorted, so a number is found by halving.",
        "`bisect.bisect_right(cumulated, u * cumulated[-1])`. Left or right? Try u = 0 where the first weight is 0.",
    ),
    mistakes=(
        Mistake("bisect_left", _weighted_left, "On the border between two items you take the left one, so an item of weight 0 can be drawn: above means `bisect_right`."),
        Mistake("not scaled", _weighted_unscaled, "You look up u itself; the cumulated weights end at their total, not at 1."),
        Mistake("weights ignored", _weighted_uniform, "All items are equally likely in your answer."),
        Mistake("shifted by one", _weighted_shifted, "A 0 in front of the cumulated weights moves every index up by one."),
        Mistake("scans for each number", _weighted_scan, "You walk along the weights for every number: m steps where halving takes log m.", "slow"),
    ),
    explanation="The cumulated weights are a sorted list, made once in m steps; each draw is one bisection. Many draws from weights that never change: the alias method takes one step a draw.",
)  # fmt: skip

DRILLS = (RESERVOIR, WEIGHTED_SAMPLE)
