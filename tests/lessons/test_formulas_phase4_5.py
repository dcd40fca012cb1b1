r"""Each formula of lesson 4.5, as printed, against the lesson's own code."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checks import close, formula, functions_of


@formula("4.5", r"w = C + p \, \frac{n}{C}")
@pytest.mark.parametrize(("n", "cells", "p"), [(8000, 64, 8), (1_000_000, 4000, 16), (60, 60, 1)])
def test_work_of_an_inverted_file(sides, n, cells, p):
    _, work = sides
    close(functions_of("4.5", "expected_work")(n, cells, p), work(C=cells, n=n, p=p))


@formula("4.5", r"T_{jc} = q_j \cdot b_{jc}", r"s = \sum_{j=1}^{m} T_{j c_j}")
def test_a_sum_of_look_ups(sides):
    _, entry, _, look_ups = sides
    rng = np.random.default_rng(0)
    m, pieces, part = 3, 5, 2
    q, b, codes = rng.normal(size=(m, part)), rng.normal(size=(m, pieces, part)), rng.integers(0, pieces, (6, m))
    table = {
        (j, c): entry(q=q, b={(j, c): b[j - 1, c - 1]}, j=j, c=c) for j in range(1, m + 1) for c in range(1, pieces + 1)
    }
    scores = functions_of("4.5", "table_scores")(q.ravel(), b, codes)
    for score, code in zip(scores, codes):
        close(score, look_ups(m=m, T=table, c=code + 1))
        decoded = np.concatenate([b[j, code[j]] for j in range(m)])
        close(score, q.ravel() @ decoded)


@formula("4.5", r"p = s / (s + (1 - s) / r)")
@pytest.mark.parametrize("kept", [0.1, 0.5, 1.0])
def test_the_true_chance(sides, kept):
    _, chance = sides
    for s in (0.0, 0.1, 0.5, 0.99, 1.0):
        close(functions_of("4.5", "chance")(np.array([s]), kept)[0], chance(s=s, r=kept))
