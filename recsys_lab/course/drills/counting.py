"""Counting what an answer does, instead of timing it: the same number on every machine.

An answer gets values that count when they are compared or hashed, lists that count when they are read, functions that
count their calls; and the lines of its own code are counted as they run. All of these are operations, one as dear as
another. What NumPy does inside, or `list.insert` when it moves its tail, is not seen.

>>> tally = Tally()
>>> max(tally.wrap([3.0, 1.0, 2.0])), tally.comparisons, tally.reads
(3.0, 2, 3)
"""

from __future__ import annotations

import copy
import functools
import inspect
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from types import FrameType
from typing import Any


class Endless(BaseException):
    """More lines ran than any right answer needs. No `Exception`, so that no answer swallows it."""


class Tally:
    """What was counted.

    Attributes
    ----------
    comparisons, hashes, reads, calls : of the values, lists and functions that `wrap` has given out.
    lines : of the answer's own code, each time that one ran; only inside of `watch`.
    held : the most values that were alive at the same time.
    """

    def __init__(self) -> None:
        self.comparisons = self.hashes = self.reads = self.calls = self.lines = 0
        self.alive = self.held = 0

    @property
    def operations(self) -> int:
        return self.comparisons + self.hashes + self.reads + self.calls + self.lines

    def wrap(self, value: Any) -> Any:
        """The same value, counting. A generator of random numbers is copied, so that every run draws alike."""
        if isinstance(value, Stream):
            return _Once(value.values, self)
        if isinstance(value, random.Random):
            return copy.deepcopy(value)
        if isinstance(value, tuple):
            return tuple(self.wrap(part) for part in value)
        if isinstance(value, list):
            return CountedList((self.wrap(part) for part in value), self)
        if isinstance(value, dict):
            return {self.wrap(key): self.wrap(part) for key, part in value.items()}
        if type(value) in _COUNTED:
            return _COUNTED[type(value)](value, self)
        if inspect.isfunction(value):
            return self._counted_function(value)
        return value

    def _counted_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def counted(*given: Any) -> Any:
            self.calls += 1
            return self.wrap(function(*given))

        return counted


class Stream:
    """Stands in a test for values that come one by one: no length, no second pass."""

    def __init__(self, values: Iterable[Any]):
        self.values = list(values)

    def __repr__(self) -> str:
        return f"iter({self.values!r})"


class _Once(Iterator[Any]):
    """Makes each value when it is asked for, so that only what the answer keeps stays alive."""

    def __init__(self, values: list[Any], tally: Tally):
        self._left, self._tally = iter(values), tally

    def __next__(self) -> Any:
        value = next(self._left)
        self._tally.reads += 1
        return self._tally.wrap(value)


# ------------------------------------------------------------------ values that count
def _counting(kind: Any) -> Any:
    """A subclass of int, float or str whose comparisons and hashes are counted."""

    class Counted(kind):
        def __new__(cls, value: Any, tally: Tally) -> Any:
            made = kind.__new__(cls, value)
            made.tally = tally
            tally.alive += 1
            tally.held = max(tally.held, tally.alive)
            return made

        def __del__(self) -> None:
            self.tally.alive -= 1

        def __hash__(self) -> int:
            self.tally.hashes += 1
            return kind.__hash__(self)

        def __neg__(self) -> Any:  # heaps of Python are kept upside down by a minus sign
            return type(self)(kind.__neg__(self), self.tally)

    def compared(name: str) -> Any:
        compare = getattr(kind, name)

        def method(self: Any, other: Any) -> Any:
            self.tally.comparisons += 1
            return compare(self, other)

        return method

    for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
        setattr(Counted, name, compared(name))
    Counted.__name__ = Counted.__qualname__ = f"Counted{kind.__name__.capitalize()}"
    return Counted


_COUNTED = {kind: _counting(kind) for kind in (int, float, str)}


class CountedList(list[Any]):
    """A list whose reads are counted, also those that a loop, `in`, a slice or `sorted` makes."""

    def __init__(self, values: Iterable[Any], tally: Tally):
        super().__init__(values)
        self.tally = tally

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        self.tally.reads += len(found) if isinstance(at, slice) else 1
        return found

    def __iter__(self) -> Iterator[Any]:
        for value in super().__iter__():
            self.tally.reads += 1
            yield value

    def __contains__(self, value: Any) -> bool:
        return any(value == one for one in self)

    def __add__(self, other: Any) -> list[Any]:
        return [*self, *other]

    def index(self, value: Any, *bounds: Any) -> int:
        at = super().index(value, *bounds)
        self.tally.reads += at + 1
        return at


# ------------------------------------------------------------------ lines of the answer's own code
def watch(tally: Tally, answer: Any, call: Callable[[], Any], most: int) -> Any:
    """`call()`, while the lines are counted that run in files of the answer's folder; Endless after `most` of them."""
    folder, ours = _folder(answer), {}

    def each_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            tally.lines += 1
            if tally.lines > most:
                raise Endless
        return each_line

    def each_call(frame: FrameType, _: str, __: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in ours:
            ours[file] = str(PurePath(file).parent) == folder
        return each_line if ours[file] else None

    before = sys.gettrace()
    sys.settrace(each_call)
    try:
        return call()
    finally:
        sys.settrace(before)


def _folder(answer: Any) -> str | None:
    """Where the answer's code lies: a notebook's cells share a folder, too."""
    answer = inspect.unwrap(answer)
    if isinstance(answer, type):
        answer = next((f for f in vars(answer).values() if inspect.isfunction(f)), answer)
    code = getattr(answer, "__code__", None)
    return None if code is None else str(PurePath(code.co_filename).parent)
