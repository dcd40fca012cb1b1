r"""The formulas of lesson 5.2, as printed, against the simulator, the lesson's cells and each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from formula_checks import close, formula, functions_of

from recsys_lab import datasets
from recsys_lab.course.interview import load
from recsys_lab.simulate import Audience


@formula("5.2", r"P(\text{click}) = e_k\, a_{ui}")
def test_a_click_needs_both(sides):
    _, product = sides
    audience = Audience(click_rate=0.2, factors=2).fit(datasets.toy().ratings)
    lists = pd.DataFrame({"user": audience.users[:3], "item": audience.train_.items.ids[:3], "rank": [1, 3, 2]})
    e, a = audience.looks(lists["rank"]), audience.appeal(lists)
    for row, truth in enumerate(audience.probabilities(lists)):
        close(product(e_k=e[row], a_ui=a[row]), truth)


@formula("5.2", r"e_k = \frac{c_k / n_k}{c_1 / n_1}")
def test_how_often_a_rank_is_looked_at(sides):
    _, ratio = sides
    rows = [(1, True, 10, 4), (2, True, 20, 4), (3, True, 40, 4), (1, False, 50, 30)]
    log = pd.concat(
        pd.DataFrame({"rank": rank, "by_chance": chance, "click": np.arange(shown) < clicks})
        for rank, chance, shown, clicks in rows
    )
    looked_at = functions_of("5.2", "looked_at")
    answer = looked_at(log)
    n, c = {k: shown for k, chance, shown, _ in rows if chance}, {k: got for k, chance, _, got in rows if chance}
    for k in (2, 3):
        close(ratio(c_k=c[k], n_k=n[k], c_1=c[1], n_1=n[1]), answer[k])


@formula("5.2", r"V = \sum_{t=0}^{T-1} n\, p\, (1 - q)^{n t}")
def test_the_opens_of_many_weeks(sides):
    _, total = sides
    opens = functions_of("5.2", "opens")
    for T, n, p, q in ((1, 3, 0.05, 0.002), (52, 7, 0.035, 0.002), (5, 2, 0.5, 0.3)):
        close(total(T=T, n=n, p=p, q=q), opens(T, n, p, q))
    numbers = load("notifications").numbers()
    week_52 = total(T=53, n=3, p=0.05, q=0.002) - total(T=52, n=3, p=0.05, q=0.002)
    assert week_52 == pytest.approx(numbers["opens_per_week_after_a_year"])
