"""Judging an answer: visible tests, hidden tests, then its operations."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from recsys_lab.course.comparing import Incorrect, is_same, same
from recsys_lab.course.drills.counting import Endless, Tally, watch
from recsys_lab.course.drills.drill import GROWTH, SLACK, Case, Drill, Mistake, play

LINES = 3_000_000  # of an answer's code in one test; a right one needs far fewer


class Raised(NamedTuple):
    """Stands for an output where there is none. `Endless` is a kind of it."""

    kind: str
    text: str


class Measure(NamedTuple):
    """What was counted for inputs of size n."""

    n: int
    operations: int
    held: int


class Verdict(NamedTuple):
    """passed : all of it.   message : the first thing that is wrong.   tests : name, passed, of.   measured : n and 4 n."""

    passed: bool
    message: str
    tests: list[tuple[str, int, int]]
    measured: list[Measure]


def judge(drill: Drill, answer: Callable[..., Any]) -> Verdict:
    """Run an answer over all tests; stop at the first that it fails. Prints nothing, and changes nothing."""
    tests: list[tuple[str, int, int]] = []
    for name, cases in (("visible", drill.visible), ("hidden", hidden(drill))):
        for number, case in enumerate(cases):
            got = output(drill, answer, case.given)
            why = complaint(drill, case, got)
            if why:
                tests.append((name, number, len(cases)))
                endless = (
                    isinstance(got, Raised) and got.kind == "Endless"
                )  # so it would be on many a test: do not wait
                told = "" if endless else _recognised(drill, answer)
                return Verdict(False, f"{name} test {number + 1} of {len(cases)}: {why}{told}", tests, [])
        tests.append((name, len(cases), len(cases)))
    try:
        measured = [measure(drill, answer, n) for n in (drill.cost.n, GROWTH * drill.cost.n)]
    except Exception as error:
        why = f"every small output is right, but on an input of {drill.cost.n:,} and more it raised {type(error).__name__}"
        return Verdict(False, f"{why}: {error}", tests, [])
    message = _too_slow(drill, *measured) or _too_much(drill, measured[1])
    return Verdict(not message, message, tests, measured)


@functools.cache
def hidden(drill: Drill) -> list[Case]:
    return drill.hidden()


def output(drill: Drill, answer: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """What an answer gives, or Raised."""
    tally = Tally()
    try:
        return watch(tally, answer, lambda: drill.run(answer, tally, *given), LINES)
    except Endless:
        return Raised("Endless", "")
    except Exception as error:
        return Raised(type(error).__name__, str(error))


def complaint(drill: Drill, case: Case, got: Any) -> str:
    """What is wrong with an output, in words; "" if it is right."""
    if isinstance(got, Raised):
        what = f"raised {got.kind}: {got.text}" if got.kind != "Endless" else f"was still going after {LINES:,} lines"
        return f"{drill.shown(case.given)} {what}."
    if callable(case.want):
        found = case.want(got)
        return f"{drill.shown(case.given)}: {found}" if found else ""
    if drill.run is play:
        for number, (one, right) in enumerate(zip(got, case.want), 1):
            if not is_same(one, right):
                return f"{drill.shown(case.given, number)} should give {right!r}, but gives {one!r}."
        return ""
    try:
        same(got, case.want)
    except Incorrect as difference:
        where = "" if str(difference).startswith("should be") else f" ({str(difference).rstrip('.')})"
        return f"{drill.shown(case.given)} should be {case.want!r}, but is {got!r}{where}."
    return ""


def _recognised(drill: Drill, answer: Callable[..., Any]) -> str:
    """The sentence of the mistake that fails every test in the very same way, if there is one."""
    cases = [*drill.visible, *hidden(drill)]
    mine = [output(drill, answer, case.given) for case in cases]
    for mistake in drill.mistakes:
        if mistake.kind == "wrong" and all(
            _alike(one, output(drill, mistake.answer, case.given)) for one, case in zip(mine, cases)
        ):
            return f" {mistake.says}"
    return ""


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, Raised) or isinstance(other, Raised):
        return isinstance(one, Raised) and isinstance(other, Raised) and one.kind == other.kind
    return is_same(one, other)


# ------------------------------------------------------------------ the cost
def measure(drill: Drill, answer: Callable[..., Any], n: int) -> Measure:
    """Count the operations of an answer on the drill's input of size n, until it ends or has taken far too many."""
    tally, given = Tally(), drill.cost.case(n)
    with contextlib.suppress(Endless):
        watch(tally, answer, lambda: drill.run(answer, tally, *given), LINES)
    return Measure(n, tally.operations, tally.held)


def _too_slow(drill: Drill, small: Measure, large: Measure) -> str:
    bound = drill.cost.grows(large.n) / drill.cost.grows(small.n)
    factor = large.operations / max(small.operations, 1)
    if factor <= SLACK * bound and large.operations < LINES:
        return ""
    nearest = min(
        (m for m in drill.mistakes if m.kind == "slow"),
        key=lambda m: abs(math.log(max(measure(drill, m.answer, small.n).operations, 1) / small.operations)),
    )
    return (
        f"every output is right, but it takes too many operations: {small.operations:,} for n = {small.n:,} and "
        f"{large.operations:,} for n = {large.n:,}. That is {factor:.1f} times as many, where {drill.cost.bound} grows by "
        f"{bound:.1f}. {nearest.says}"
    )


def _too_much(drill: Drill, large: Measure) -> str:
    if drill.cost.held is None or large.held <= drill.cost.held(large.n):
        return ""
    hoarder = _hoarder(drill)
    return (
        f"every output is right and fast enough, but for n = {large.n:,} it kept {large.held:,} values of the input at the "
        f"same time, where {drill.cost.held(large.n):,.0f} are enough. {hoarder.says}"
    )


def _hoarder(drill: Drill) -> Mistake:
    return next(m for m in drill.mistakes if m.kind == "hoards")
