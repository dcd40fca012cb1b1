r"""The formulas of lesson 5.4, as printed, against the lesson's cells and the library fsrs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from formula_checks import close, formula, functions_of

W = 0.1542
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def plan():
    fsrs = pytest.importorskip("fsrs")
    return fsrs.Scheduler(learning_steps=[], relearning_steps=[], enable_fuzzing=False)


def card_of(stability, difficulty=5.0):
    from fsrs import Card, State

    return Card(1, State.Review, stability=stability, difficulty=difficulty, due=FIRST, last_review=FIRST)


@formula("5.4", r"R = \left( 1 + F \frac{t}{S} \right)^{-w}", r"F = 0.9^{-1/w} - 1")
def test_the_curve(sides, plan):
    _, chance, _, factor = sides
    for w in (W, 0.5):
        F = factor(w=w)
        close(chance(F=F, t=7.0, S=7.0, w=w), 0.9)
        close(chance(F=F, t=30.0, S=4.0, w=w), functions_of("5.4", "recall")(30.0, 4.0, w))
    at = FIRST + timedelta(days=30)
    close(chance(F=factor(w=W), t=30.0, S=4.0, w=W), plan.get_card_retrievability(card_of(4.0), at))


@formula("5.4", r"t = \frac{S}{F} \left( r^{-1/w} - 1 \right)")
def test_the_interval(sides, plan):
    _, days = sides
    F = 0.9 ** (-1 / W) - 1
    for S, r in ((30.0, 0.8), (12.0, 0.95)):
        t = days(S=S, F=F, r=r, w=W)
        close((1 + F * t / S) ** -W, r)
        assert functions_of("5.4", "interval")(S, r) == round(t)


@formula("5.4", r"S' = S \left( 1 + g\, (11 - D)\, S^{-a} (e^{b (1 - R)} - 1) \right)")
def test_a_success(sides, plan):
    from fsrs import Rating

    _, after = sides
    g, a, b = math.exp(plan.parameters[8]), plan.parameters[9], plan.parameters[10]
    for S, D, t in ((12.0, 5.0, 24), (3.0, 8.0, 3)):
        at = FIRST + timedelta(days=t)
        R = plan.get_card_retrievability(card_of(S, D), at)
        by_formula = after(S=S, D=D, R=R, a=a, b=b, g=g, e=math.e)
        close(plan.review_card(card_of(S, D), Rating.Good, at)[0].stability, by_formula)
        close(functions_of("5.4", "grown", g=g, a=a, b=b)(S, D, R), by_formula)
