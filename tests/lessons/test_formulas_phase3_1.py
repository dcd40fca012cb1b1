r"""The formulas of lesson 3.1, as printed, against the code beside them."""

from __future__ import annotations

import numpy as np
from formula_checks import close, formula, functions_of, run


@formula("3.1", r"P_q = x_{(r)}")
def test_a_percentile_is_one_of_the_latencies(sides):
    _, ordered = sides
    percentile = functions_of("3.1", "percentile")
    x = np.random.default_rng(0).lognormal(size=200)
    for q, r in ((0.5, 100), (0.501, 101), (0.57, 114), (0.99, 198), (0.999, 200), (1.0, 200)):
        close(percentile(x, q), ordered(x=np.sort(x), r=r))
        close(percentile(x, q), np.percentile(x, 100 * q, method="inverted_cdf"))
        assert np.mean(x <= percentile(x, q)) >= q > np.mean(x < percentile(x, q))
    close(percentile(x, 0.55), ordered(x=np.sort(x), r=110))  # 0.55 * 200 is a little more than 110, as a float


@formula("3.1", r"s = 1 - (1 - p)^k")
def test_a_page_is_slow_when_one_part_is(sides):
    _, slow = sides
    for p, k in ((0.01, 1), (0.01, 100), (0.2, 3)):
        close(run("3.1", "s = 1 - (1 - p) ** k", p=p, k=k)["s"], slow(p=p, k=k))
    drawn = np.random.default_rng(0).random((200_000, 3)) < 0.2
    close(drawn.any(axis=1).mean(), slow(p=0.2, k=3), atol=0.005)


@formula("3.1", r"s_k = \max(a_k, e_{k-1}) \qquad e_k = s_k + t_k \qquad L_k = e_k - a_k")
def test_what_users_wait(sides):
    _, start, _, end, _, wait = sides
    rng = np.random.default_rng(0)
    n = 30
    a, t = np.cumsum(rng.exponential(1.0, n)), rng.exponential(0.9, n)
    L = functions_of("3.1", "latencies")(a, t)
    e, s = {0: -np.inf}, {}
    for k in range(1, n + 1):
        s[k] = start(a=a, e=e, k=k)
        e[k] = end(s=s, t=t, k=k)
        close(L[k - 1], wait(e=e, a=a, k=k))


@formula("3.1", r"\rho = \lambda S", r"T = \frac{S}{1 - \rho}")
def test_the_knee(sides):
    _, busy, _, mean = sides
    latencies = functions_of("3.1", "latencies")
    S, n = 2.0, 200_000
    for rho in (0.3, 0.6):
        lambda_ = run("3.1", "lambda_ = rho / S", rho=rho, S=S)["lambda_"]
        close(busy(lambda_=lambda_, S=S), rho)
        close(run("3.1", "T = S / (1 - loads)", S=S, loads=rho)["T"], mean(S=S, rho=rho))
        rng = np.random.default_rng(0)
        gaps, work = rng.exponential(size=(2, n))
        a, t = np.cumsum(gaps) / lambda_, S * work
        close(latencies(a, t).mean() / mean(S=S, rho=rho), 1, atol=0.03)
        close(t.sum() / a[-1], busy(lambda_=lambda_, S=S), atol=0.01)
