r"""The formulas of lesson 5.5, as printed, against the lesson's cell, the library's planner, and coins that are thrown."""

from __future__ import annotations

import math

import numpy as np
from formula_checks import close, formula, functions_of
from scipy import special
from test_formulas_phase3_ab import NormalPoints

from recsys_lab.experiment import plan_means


@formula("5.5", r"P = 1 - (1 - \alpha)^m")
def test_the_chance_of_at_least_one(sides):
    _, chance = sides
    rng = np.random.default_rng(0)
    for alpha, m in ((0.05, 20), (0.01, 7), (0.3, 2)):
        thrown = (rng.random((200_000, m)) < alpha).any(axis=1).mean()
        close(chance(alpha=alpha, m=m), thrown, atol=0.005)


@formula("5.5", r"n = \left( (z_{1 - \alpha/2} + z_{1 - \beta}) \cdot \frac{s}{d} \right)^2")
def test_users_for_a_paired_claim(sides):
    _, n = sides
    by_lesson = functions_of("5.5", "users_needed", special=special)
    for d, s, alpha, power in ((0.016, 0.16, 0.05, 0.8), (0.3, 0.9, 0.01, 0.9)):
        users = n(z=NormalPoints(), alpha=alpha, beta=1 - power, s=s, d=d)
        assert math.ceil(users) == by_lesson(d, s, alpha, power)
        close(users, plan_means(d, s**2, alpha=alpha, power=power).n / 4, atol=0.5)
