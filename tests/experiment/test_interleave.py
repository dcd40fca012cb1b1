"""Team-draft interleaving: fair between the rankings, and able to tell the better one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab.errors import DataError
from recsys_lab.experiment import credit, preference, team_draft

rankings = st.permutations(list(range(8))).flatmap(lambda p: st.integers(1, 8).map(lambda n: p[:n]))


def plain_draft(a, b, k, rng):
    """Algorithm 2 of the paper, literally."""
    shown, team_a, team_b = [], [], []
    while len(shown) < k and set(a) - set(shown) and set(b) - set(shown):
        a_first = len(team_a) == len(team_b) and rng.integers(2) == 0
        if len(team_a) < len(team_b) or a_first:
            item = next(x for x in a if x not in shown)
            team_a.append(item)
        else:
            item = next(x for x in b if x not in shown)
            team_b.append(item)
        shown.append(item)
    return shown, ["a" if item in team_a else "b" for item in shown]


@given(rankings, rankings, st.integers(1, 8), st.integers(0, 50))
def test_equal_to_the_paper(a, b, k, seed):
    assert team_draft(a, b, k, np.random.default_rng(seed)) == plain_draft(a, b, k, np.random.default_rng(seed))


@given(rankings, rankings, st.integers(1, 8), st.integers(0, 50))
def test_each_team_keeps_its_order_and_neither_gets_ahead(a, b, k, seed):
    items, team = team_draft(a, b, k, np.random.default_rng(seed))
    assert len(set(items)) == len(items) <= k
    for name, ranking in (("a", a), ("b", b)):
        places = [ranking.index(item) for item, t in zip(items, team) if t == name]
        assert places == sorted(places)
    balance = np.cumsum([1 if t == "a" else -1 for t in team])
    assert (np.abs(balance) <= 1).all()
    assert all(balance[1::2] == 0)


def test_one_ranking_against_itself_is_shown_as_it_is():
    assert team_draft("abcd", "abcd", 3, np.random.default_rng(1)).items == ["a", "b", "c"]


def sessions(rng, a, b, quality, n):
    """Credits of n sessions: people look down the list, less and less, and click by the film's quality."""
    credits = []
    for _ in range(n):
        items, team = team_draft(a, b, 6, rng)
        look = 0.8 ** np.arange(len(items))
        credits.append(credit(team, rng.random(len(items)) < look * np.array([quality[i] for i in items])))
    return credits


def test_position_bias_favours_nobody(as_promised):
    """Two rankings of equally good films; whoever clicks looks mostly at the top. The coin is fair to both."""
    rng, quality = np.random.default_rng(2), dict.fromkeys(range(20), 0.3)
    a, b = list(range(10)), list(range(10, 20))
    got = preference(sessions(rng, a, b, quality, 4000))
    assert got.low < 0 < got.high
    as_promised(np.repeat([True, False], [got.wins_a, got.wins_b]), 0.5)


def test_the_better_ranking_is_preferred():
    rng, quality = np.random.default_rng(3), {i: 0.4 / (1 + i) for i in range(20)}
    best, other = list(range(10)), [3, 1, 4, 0, 9, 2, 6, 5, 8, 7]
    got = preference(sessions(rng, best, other, quality, 1500))
    assert got.p_value < 0.01
    assert got.delta > 0.02
    back = preference(sessions(np.random.default_rng(3), other, best, quality, 1500))
    assert back.delta < -0.02


def test_the_sign_test_against_scipy(as_promised):
    for wins_a, wins_b, ties in [(60, 40, 100), (3, 9, 0), (5, 5, 2), (0, 0, 4), (1, 0, 1)]:
        got = preference([1] * wins_a + [-1] * wins_b + [0] * ties)
        expected = scipy.stats.binomtest(wins_a, wins_a + wins_b).pvalue if wins_a + wins_b else 1.0
        assert got.p_value == pytest.approx(expected, rel=1e-10)
        assert got[-3:] == (wins_a, wins_b, ties)
        assert got.delta == pytest.approx((wins_a + ties / 2) / (wins_a + wins_b + ties) - 0.5)
    # Over A/A tests: the sign test is discrete, so it rejects a little less often than it may; the interval covers.
    rng = np.random.default_rng(4)
    results = [preference(c) for c in rng.choice([-1, 0, 1], p=[0.3, 0.4, 0.3], size=(2000, 500))]
    assert 0.03 < np.mean([r.p_value < 0.05 for r in results]) <= 0.056
    as_promised(np.array([r.low <= 0 <= r.high for r in results]), 0.95)


def test_credit():
    assert credit(["a", "b", "a"], [True, True, True]) == 1
    assert credit(["a", "b"], [False, False]) == credit(["a", "b"], [True, True]) == 0
    assert credit(["a", "b", "b"], np.array([1, 1, 1])) == -1


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: team_draft([1], [2], 0, np.random.default_rng(0)), "k=0: places of the list"),
        (lambda: team_draft([1, 2, 1], [2], 3, np.random.default_rng(0)), r"a=\[1, 2, 1\].*: an item occurs twice"),
        (lambda: credit(["a"], [True, False]), r"team \['a'\], 2 clicks"),
        (lambda: credit(["a", "c"], [True, False]), "one 'a' or 'b'"),
        (lambda: preference([1]), r"credits \(1,\)"),
        (lambda: preference([1, 2]), "give 1, -1 or 0"),
    ],
)
def test_refusals(ask, message):
    with pytest.raises(DataError, match=message):
        ask()
