"""The time of a stage: how much of it is left, on a clock that a test can turn by hand, and shown while somebody types."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Clock = Callable[[], float]
TICK = 1.0  # seconds between two looks at the clock


def minutes(seconds: float) -> str:
    """Minutes and seconds, with a sign once the time is over.

    >>> minutes(754.2), minutes(-0.2), minutes(-61)
    ('12:34', '0:00', '-1:01')
    """
    whole = round(seconds)
    return f"{'-' if whole < 0 else ''}{abs(whole) // 60}:{abs(whole) % 60:02d}"


class Watch:
    """Counts the seconds of one stage. `spent`: what an earlier sitting has used of its `plan`, both in seconds."""

    def __init__(self, plan: float, spent: float, clock: Clock):
        self._plan, self._clock = plan, clock
        self._start = clock() - spent

    def spent(self) -> float:
        return self._clock() - self._start

    def left(self) -> float:
        return self._plan - self.spent()


class InTitle:
    """Shows the time that is left in the terminal's title while the body runs, and rings once when it is over.

    The title, because nothing that is being typed is disturbed there. Does nothing where the output is no terminal.
    """

    def __init__(self, watch: Watch, name: str):
        self._watch, self._name = watch, name
        self._stop = threading.Event()
        shown = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._thread = threading.Thread(target=self._tick, daemon=True) if shown else None

    def _tick(self) -> None:
        rung = self._watch.left() <= 0
        while not self._stop.is_set():
            over = self._watch.left() <= 0
            bell = "\a" if over and not rung else ""
            rung = rung or over
            sys.stdout.write(f"\x1b]0;{minutes(self._watch.left())} left: {self._name}\x07{bell}")
            sys.stdout.flush()
            self._stop.wait(TICK)

    def __enter__(self) -> Self:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
