r"""The formulas of lesson 5.1, as printed, against the lesson's cells, the library with units, and played calls."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from formula_checks import close, formula, functions_of

from recsys_lab.production import capacity, latency


@formula("5.1", r"\lambda = \frac{U \, r \, p}{86400}")
def test_the_rate(sides):
    _, rate = sides
    for U, r, p in ((150.8e6, 4, 2), (10, 86400, 1)):
        library = capacity.request_rate(users=f"{U} user", each=f"{r} request/user/day", peak=p)
        close(rate(U=U, r=r, p=p), library.m_as("request/s"))


@formula("5.1", r"L = \lambda W")
def test_littles_law(sides):
    _, there = sides
    close(there(lambda_=13_000, W=0.06), capacity.in_flight(rate="13000 request/s", time="60 ms").m_as("request"))


@formula(
    "5.1",
    r"m = \text{ceil}\left(\frac{\lambda W}{c \, \rho}\right) \qquad\qquad n = z \, \text{ceil}\left(\frac{m}{z - 1}\right)",
)
def test_the_servers(sides):
    _, needed, _, in_all = sides
    mine = functions_of("5.1", "servers_for", math=math)
    for rate, W, c, rho in ((14_000, 0.06, 16, 0.5), (130, 1.5, 2, 0.25), (7, 0.125, 16, 0.5)):
        m = needed(ceil=math.ceil, lambda_=rate, W=W, c=c, rho=rho)
        asked = {"rate": f"{rate} request/s", "time": f"{W} s", "at_once": f"{c} request/server", "busy": rho}
        close([mine(rate, W, c, rho, 1), capacity.servers(**asked).m_as("server")], [m, m])
        for z in (2, 3, 5):
            n = in_all(ceil=math.ceil, z=z, m=m)
            close([mine(rate, W, c, rho, z), capacity.servers(**asked, zones=z).m_as("server")], [n, n])


@formula("5.1", r"S = e \, s \, k \, C")
def test_the_log(sides):
    _, size = sides
    library = capacity.event_storage(rate="523 event/s", size="300 byte/event", keep="400 day", copies=3)
    close(size(e=523, s=300, k=400 * 86_400, C=3), library.m_as("byte"))


@formula("5.1", r"P = 1 - (1 - p)^n")
def test_one_of_many_is_slow(sides):
    _, share = sides
    close(share(p=0.01, n=20), latency.slow_share(0.01, 20))
    played = (np.random.default_rng(0).random((200_000, 20)) < 0.01).any(axis=1).mean()
    assert share(p=0.01, n=20) == pytest.approx(played, rel=0.02)


@formula("5.1", r"q_1 = q^{1/n}")
def test_what_one_of_many_must_hold(sides):
    _, one = sides
    close(one(q=0.99, n=20), latency.quantile_of_one(0.99, 20))
    close(one(q=0.99, n=20) ** 20, 0.99)


@formula("5.1", r"H = \frac{\sum_{i \in K} f_i}{\sum_{i} f_i}")
def test_the_hit_rate(sides):
    _, share = sides
    past, future = [1, 1, 1, 2, 2, 3], [1, 2, 2, 4, 4, 4, 5]
    f = Counter(future)
    mine = functions_of("5.1", "cache_hits", Counter=Counter)
    close(share(f=f, K=[1, 2], all_i=list(f)), mine(past, future, 2))
    close(share(f=f, K=[4, 2], all_i=list(f)), capacity.hit_rate(list(f.values()), 2))


@formula("5.1", r"x = \frac{M}{2628000 \, \lambda}")
def test_the_price_of_a_request(sides):
    _, price = sides
    library = capacity.per_thousand(cost="269433 usd/month", rate="6982 request/s")
    close(price(M=269_433, lambda_=6982), library.m_as("usd/request"))
    close(1000 * price(M=269_433, lambda_=6982), library.m_as("usd/krequest"))
