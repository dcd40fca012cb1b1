"""The figures in the answers: expressions of the TOML files, and what is too long for one line.

An expression may use what `NAMES` lists, and nothing else. The files come with the package; what a stranger wrote is not
to be given to `value`.
"""

from __future__ import annotations

import math
from statistics import NormalDist, mean, pstdev, stdev
from typing import Any

import numpy as np

from recsys_lab.errors import DataError

_normal = NormalDist()


def users_per_arm(share: float, relative: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Users in each arm, for a share to change by this relative amount: the normal approximation, both arms' variances."""
    other = share * (1 + relative)
    spread = share * (1 - share) + other * (1 - other)
    quantiles = _normal.inv_cdf(1 - alpha / 2) + _normal.inv_cdf(power)
    return quantiles**2 * spread / (other - share) ** 2


def ndcg(gains: list[float]) -> float:
    """nDCG of a list as it stands, against the same gains in the best order."""

    def dcg(values: list[float]) -> float:
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(values, 1))

    return dcg(gains) / dcg(sorted(gains, reverse=True))


def average_precision(hits: list[int], relevant: int) -> float:
    """The mean of the precisions at the ranks of the hits, over the number of relevant items."""
    return sum(hit * sum(hits[:rank]) / rank for rank, hit in enumerate(hits, 1)) / relevant


def auc(positives: list[float], negatives: list[float]) -> float:
    """The share of pairs in which the positive has the higher score; a tie is half."""
    return mean([(p > n) + 0.5 * (p == n) for p in positives for n in negatives])


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def psi(before: list[float], now: list[float]) -> float:
    """Population stability index of two lists of shares."""
    return sum((q - p) * math.log(q / p) for p, q in zip(before, now))


def entropy(shares: list[float]) -> float:
    """In bits."""
    return -sum(p * math.log2(p) for p in shares if p > 0)


def binomial_tail(n: int, p: float, least: int) -> float:
    """The chance of at least so many successes in n trials."""
    return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1))


def expected_maximum(n: int) -> float:
    """The mean of the largest of n standard normal values, by the midpoint rule over the largest one's quantiles."""
    return mean(_normal.inv_cdf(((i + 0.5) / 20_000) ** (1 / n)) for i in range(20_000))


def peeking(looks: int, runs: int = 20_000, alpha: float = 0.05) -> float:
    """The share of experiments without an effect that are significant at one of the equally spaced looks at least."""
    steps = np.random.default_rng(0).standard_normal((runs, looks)).cumsum(axis=1)
    z = steps / np.sqrt(np.arange(1, looks + 1))
    return float((np.abs(z) > _normal.inv_cdf(1 - alpha / 2)).any(axis=1).mean())


NAMES: dict[str, Any] = {
    function.__name__: function
    for function in (
        users_per_arm,
        ndcg,
        average_precision,
        auc,
        cosine,
        psi,
        entropy,
        binomial_tail,
        expected_maximum,
        peeking,
        mean,
        stdev,
        pstdev,
        math.sqrt,
        math.log,
        math.log2,
        math.exp,
        math.comb,
        math.ceil,
        abs,
        max,
        min,
        round,
        sum,
    )
} | {"cdf": _normal.cdf, "quantile": _normal.inv_cdf, "pi": math.pi}


def value(expression: str) -> float:
    """What an expression of the bank gives.

    >>> round(value("1 - 0.95 ** 20"), 3)
    0.642
    """
    try:
        result = eval(expression, {"__builtins__": {}}, NAMES)
    except Exception as error:  # whatever the author mistyped
        raise DataError(f"{expression!r} cannot be computed: {type(error).__name__}: {error}") from error
    if not isinstance(result, (int, float)) or not math.isfinite(result):
        raise DataError(f"{expression!r} gives {result!r}, which is no finite number.")
    return result
