"""Cross-validate many models on the same folds, two at a time: what `recsys-lab demo` shows.

Models do not wait for each other, so they are judged in processes of their own, as many as there are cores (two at most:
each holds the data). The folds and the results are those of `cross_validate`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any

import pandas as pd
from tqdm import tqdm

from recsys_lab import registry
from recsys_lab.errors import DataError
from recsys_lab.evaluate import Evaluation, cross_validate
from recsys_lab.ratings import Ratings

_WORTH_IT = 50_000  # ratings: below, the processes would take longer to start than the models to run

Judged = tuple[str, Evaluation | DataError]


def judge_all(
    models: Mapping[str, dict[str, Any]], ratings: Ratings, items: pd.DataFrame, **options: Any
) -> Generator[Judged, None, None]:
    """(name, its Evaluation, or why it was refused) for each {name in the registry: parameters}, as they are done.

    Parameters
    ----------
    ratings, items : what all are judged on. options : passed to `cross_validate`.
    """
    # The last of the registry build on others and take longest: whoever starts them last waits for them alone.
    recipes = list(models.items())[::-1]
    workers = min(2, os.cpu_count() or 1, len(recipes))
    if workers < 2 or ratings.n_ratings < _WORTH_IT:
        yield from (_judge(recipe, ratings, items, options) for recipe in recipes)
        return
    with _workers(workers) as connections:
        for connection in connections:
            connection.send((ratings, items, options))
            connection.send(recipes.pop(0))
        busy = len(connections)
        while busy:
            for connection in [c for c in connections if c in wait(connections)]:
                yield connection.recv()
                if recipes:
                    connection.send(recipes.pop(0))
                else:
                    busy -= 1


@contextlib.contextmanager
def _workers(n: int) -> Iterator[list[Connection]]:
    """Fresh interpreters (a fork would inherit locks and threads of this one), gone when the block ends, however it does."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(n)]
    processes = [context.Process(target=_work, args=(theirs,), daemon=True) for _, theirs in pipes]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # workers inherit it: Ctrl-C is for us, and we end them
    try:
        for process in processes:
            process.start()
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield [ours for ours, _ in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(connection: Connection) -> None:
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which outlives a process that is killed
    with contextlib.suppress(EOFError, OSError):  # the other end is gone: there is nobody to answer to
        ratings, items, options = connection.recv()
        while True:
            connection.send(_judge(connection.recv(), ratings, items, options))


def _judge(
    recipe: tuple[str, dict[str, Any]], ratings: Ratings, items: pd.DataFrame, options: dict[str, Any]
) -> Judged:
    name, params = recipe
    try:
        return name, cross_validate(registry.make(name, **params), ratings, items=items, **options)
    except DataError as refusal:
        return name, refusal
