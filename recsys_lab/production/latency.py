"""A latency budget: stages one after the other, each perhaps a call to many servers of which the slowest counts.

A stage's time is described by two numbers that a dashboard shows, its median and its 99th percentile, as a log-normal
distribution with these two. Medians and percentiles of stages do not add up to those of the whole, so `budget` draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.production.units import Amount, take

_Z99 = float(stats.norm.ppf(0.99))


class Stage(NamedTuple):
    """A step of an answer. median, p99 [s] of one call; calls are made at once, and the slowest is waited for, though
    not longer than the deadline [s], after which the answer goes on without it."""

    name: str
    median: Amount
    p99: Amount
    calls: int = 1
    deadline: Amount | None = None


class Budget(NamedTuple):
    """What a whole takes, in milliseconds.

    stages : a row for each, with `median` and `p99` of the whole stage (its slowest call, cut at the deadline), `start`
        and `end` where each takes its median, and `cut`, the share of answers that the deadline has cut.
    median, p99 : of the whole. late : the share of answers later than the limit.
    """

    stages: pd.DataFrame
    median: float
    p99: float
    late: float


def slow_share(p: float, n: int) -> float:
    """How many answers meet at least one slow call: 1 - (1 - p)^n, where a call is slow with probability p, n times.

    >>> round(slow_share(0.01, 100), 2)
    0.63
    """
    checks.number("p", p, 0, "the share of calls that are slow", 1)
    checks.whole("n", n, 1, "an answer waits for that many calls")
    return float(-np.expm1(n * np.log1p(-p))) if p < 1 else 1.0


def quantile_of_one(q: float, n: int) -> float:
    """Which quantile of one call is the q-quantile of the slowest of n: q^(1/n), as P(all are below t) = P(one is)^n.

    >>> round(quantile_of_one(0.99, 100), 5)
    0.9999
    """
    checks.number("q", q, 0, "the quantile of the slowest", 1)
    checks.whole("n", n, 1, "an answer waits for that many calls")
    return float(q ** (1 / n))


def slowest(stage: Stage, q: Sequence[float] | np.ndarray) -> np.ndarray:
    """The q-quantile of a stage in milliseconds: t(q) = median exp(sigma z(q^(1/calls))), at most the deadline.

    z is the quantile of the standard normal distribution, and sigma = ln(p99 / median) / z(0.99).

    >>> slowest(Stage("store", "5 ms", "20 ms"), [0.5, 0.99])
    array([ 5., 20.])
    >>> slowest(Stage("store", "5 ms", "20 ms", calls=100), [0.5, 0.99]).round(1)
    array([21.7, 45.8])
    """
    median, sigma = _shape(stage)
    t = median * np.exp(sigma * stats.norm.ppf(np.asarray(q, dtype=float) ** (1 / stage.calls)))
    if stage.deadline is not None:
        deadline = take(f"{stage.name}: deadline", stage.deadline, "ms", "how long is waited at most", above=True)
        t = np.minimum(t, deadline.m_as("ms"))
    return np.asarray(t)


def budget(stages: Sequence[Stage], limit: Amount, *, draws: int = 40_000, seed: int = 0) -> Budget:
    """Add stages up, drawing each independently of the others. limit [s]: what the whole may take.

    Real stages are slow together (a busy machine slows all of its own), so the true tail is not shorter than this one.

    >>> made = budget([Stage("store", "5 ms", "20 ms"), Stage("model", "10 ms", "30 ms")], "40 ms")
    >>> round(made.p99, 1), round(float(made.stages["p99"].sum()), 1)
    (39.0, 50.0)
    """
    if not stages or len({stage.name for stage in stages}) < len(stages):
        raise DataError("stages: give at least one, and each a name of its own.")
    most = take("limit", limit, "ms", "what the whole may take", above=True).m_as("ms")
    checks.whole("draws", draws, 100, "the tail is read off that many draws")
    rng = np.random.default_rng(seed)
    # One value out of each of `draws` equal slices, in random order: every stage by itself is drawn nearly exactly.
    evenly = (np.arange(draws) + 0.5) / draws
    whole, rows, start = np.zeros(draws), [], 0.0
    for stage in stages:
        drawn = slowest(stage, rng.permutation(evenly))
        whole += drawn
        median, p99 = slowest(stage, [0.5, 0.99])
        cut = (
            0.0
            if stage.deadline is None
            else float((slowest(stage._replace(deadline=None), evenly) > drawn.max()).mean())
        )
        rows.append((stage.name, median, p99, start, start + median, cut))
        start += median
    table = pd.DataFrame(rows, columns=["stage", "median", "p99", "start", "end", "cut"]).set_index("stage")
    return Budget(table, float(np.median(whole)), float(np.quantile(whole, 0.99)), float((whole > most).mean()))


def _shape(stage: Stage) -> tuple[float, float]:
    """The median in milliseconds, and sigma, of one call."""
    checks.whole(f"{stage.name}: calls", stage.calls, 1, "that many are made at once")
    median = take(f"{stage.name}: median", stage.median, "ms", "half of the calls are faster", above=True).m_as("ms")
    p99 = take(f"{stage.name}: p99", stage.p99, "ms", "the 99th percentile, not below the median", median).m_as("ms")
    return median, float(np.log(p99 / median) / _Z99)
