r"""The formulas of lesson 3.8, as printed, against the lesson's cells, a played rollout, a simulated queue, and the library."""

from __future__ import annotations

import functools
import heapq
import math

import numpy as np
import pytest
from formula_checks import close, formula, functions_of

from recsys_lab.production import shipping


def played(n: int, s: int, u: int) -> int:
    """How many rounds of starts Kubernetes' rules make: never fewer than n - u ready, never more than n + s in all."""
    old, new, rounds = n, 0, 0
    while new < n:
        old = min(old, max(0, n - u - new))  # stopped, as far as enough are ready
        starting = min(n - new, n + s - old - new)
        new, rounds = new + starting, rounds + 1
    return rounds


@formula("3.8", r"w = \text{ceil}\left(\frac{n}{s + u}\right)")
def test_rounds_of_a_rollout(sides):
    _, rounds = sides
    rollout = functions_of("3.8", "rollout", math=math)
    for n, s, u in ((10, 1, 0), (10, 3, 2), (7, 0, 3), (4, 4, 0), (1, 0, 1)):
        w = rounds(ceil=math.ceil, n=n, s=s, u=u)
        assert w == played(n, s, u)
        close(rollout(n, s, u, 60), (n - u, n + s, w * 60))


@functools.cache
def served(n: int, rho: float, requests: int = 200_000) -> float:
    gaps, work = np.random.default_rng(1).exponential(size=(2, requests))
    free, spent = [0.0] * n, 0.0
    for came, time in zip(np.cumsum(gaps) / (n * rho), work, strict=True):
        ends = max(came, heapq.heappop(free)) + time
        heapq.heappush(free, ends)
        spent += ends - came
    return spent / requests


@formula(
    "3.8",
    r"a = n \rho",
    r"B_k = \frac{a B_{k-1}}{k + a B_{k-1}} \qquad\qquad W = \frac{B_n}{1 - \rho (1 - B_n)} \qquad\qquad "
    r"T = S \left( 1 + \frac{W}{n (1 - \rho)} \right)",
)
def test_many_servers(sides):
    _, offered, _, loss, _, wait, _, time = sides
    for n, rho in ((1, 0.6), (2, 0.7), (5, 0.8)):
        a = offered(n=n, rho=rho)
        B = {0: 1.0}
        for k in range(1, n + 1):
            B[k] = loss(a=a, B=B, k=k)
        mean = time(S=2.0, W=wait(B=B, n=n, rho=rho), n=n, rho=rho)
        close(functions_of("3.8", "mean_time")(n, rho, 2.0), mean)
        assert mean == pytest.approx(2 * served(n, rho), rel=0.03)


@formula("3.8", r"n' = \text{ceil}\left(n\,\frac{u}{g}\right)")
def test_what_the_autoscaler_wants(sides):
    _, wanted = sides
    desired = functions_of("3.8", "desired", math=math)
    for n, u in ((5, 1.0), (8, 0.9), (10, 0.2)):
        close(desired(n, u, 0.7), wanted(ceil=math.ceil, n=n, u=u, g=0.7))
    assert desired(50, 0.9, 0.75, most=99) == 60  # the example of Kubernetes' own announcement of its tolerance
    assert desired(10, 0.76, 0.7) == 10


@formula(
    "3.8",
    r"n_p = \max\left(m, \text{ceil}\left(\frac{L_p}{\rho\,c}\right)\right) \qquad\qquad "
    r"\text{month} = 730\,h\,\frac{1}{P} \sum_{p=1}^{P} n_p",
    r"\text{million} = \text{month} \,/\, \left( \frac{730 \times 3600}{1000000}\,\frac{1}{P} \sum_{p=1}^{P} L_p \right)",
)
def test_the_bill(sides):
    _, instances, _, a_month, _, a_million = sides
    L = [40.0, 400.0, 130.0]
    n = [instances(ceil=math.ceil, L=L, p=p, m=2, rho=0.7, c=200) for p in (1, 2, 3)]
    month = a_month(h=0.05, P=3, n=n)
    million = a_million(month=month, P=3, L=L)
    mine = functions_of("3.8", "bill", math=math)(L, 200, 0.05, 0.7, 2, 10)
    close([*mine[0], *mine[1:]], [*n, month, million])
    library = shipping.cost(L, one_bears=200, usd_an_hour=0.05)
    close([*library.instances, *library[1:]], [*n, month, million])
