"""Work beside the event loop, with a limit on its time, on how much runs, and on how much waits.

A thread cannot be ended from outside. So what takes too long is abandoned: its request is answered otherwise, and the
work goes on to its end, holding one of the threads; what it finds late is still kept for the next who asks. What had
not begun is taken back. However slow a model is, there are never more than `threads` abandoned pieces of work, and
requests beyond `waiting` do not queue behind them: they are refused at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class TooSlow(Exception):
    """The work was not done in time, or too much waits."""


class Pool:
    """`threads` workers, and room for `waiting` pieces of work more."""

    def __init__(self, threads: int, waiting: int):
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="score")
        self._room = threading.BoundedSemaphore(threads + waiting)

    async def run(self, work: Callable[[], T], until: float, late: Callable[[T], None] | None = None) -> T:
        """What the work returns, or TooSlow at the loop's time `until`; then `late` gets it in the loop, when it is done."""
        loop = asyncio.get_running_loop()
        if loop.time() >= until or not self._room.acquire(blocking=False):
            raise TooSlow
        job = self._workers.submit(work)
        job.add_done_callback(lambda _: self._room.release())
        future = asyncio.wrap_future(job)
        done, _ = await asyncio.wait({future}, timeout=until - loop.time())
        if done:
            return future.result()
        if not job.cancel() and late is not None:
            future.add_done_callback(lambda f: _hand_over(f, late))
        else:
            future.cancel()
        raise TooSlow

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)


def _hand_over(future: asyncio.Future[Any], late: Callable[[Any], None]) -> None:
    if not future.cancelled() and future.exception() is None:
        late(future.result())
