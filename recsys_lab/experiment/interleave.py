"""Two rankings in one list: whose films are clicked more?

An A/B test compares different people, and most of its noise is that people differ. Interleaving shows both rankings
to the same person at the same place, and needs fewer sessions by an order of magnitude or more to say which is better
(Chapelle et al. 2012). How much better, in clicks per user, it does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from recsys_lab import checks
from recsys_lab.errors import DataError


class Interleaved(NamedTuple):
    """The list to show, and for each place whose pick it is: "a" or "b"."""

    items: list[Any]
    team: list[str]


def team_draft(a: Sequence[Any], b: Sequence[Any], k: int, rng: np.random.Generator) -> Interleaved:
    """Pick as in the playground: in each round a coin says which team picks first, then the other picks.

    Each pick is the team's best item that is not in the list yet. So both teams have as many places (one more where
    k is odd), on average equally high up, and a click that looks at the rank only favours neither.

    Parameters
    ----------
    a, b : two rankings, the best first, each without repetitions. They may share items, and need not.
    k : places, from 1; the list is shorter where one team has nothing left to pick before.
    rng : of the service, so that each visit draws anew; a seed of its own per request would toss the same coin always.

    O(k (len(a) + len(b))): pass the k best of each. Source: Radlinski, Kurup and Joachims 2008, CIKM.

    >>> team_draft(["alien", "brazil", "clue"], ["brazil", "dune", "alien"], 3, np.random.default_rng(0))
    Interleaved(items=['brazil', 'alien', 'dune'], team=['b', 'a', 'b'])
    """
    checks.whole("k", k, 1, "places of the list")
    for name, ranking in (("a", a), ("b", b)):
        if len(set(ranking)) < len(ranking):
            raise DataError(f"{name}={list(ranking)[:5]!r}...: an item occurs twice in a ranking.")
    items: list[Any] = []
    team: list[str] = []
    left = {"a": list(a), "b": list(b)}
    while len(items) < k and left["a"] and left["b"]:
        if len(team) % 2:  # the first of this round has picked, and the other is due
            turn = "a" if team[-1] == "b" else "b"
        else:
            turn = ("a", "b")[rng.integers(2)]
        pick = left[turn][0]
        items.append(pick)
        team.append(turn)
        left = {name: [item for item in ranking if item != pick] for name, ranking in left.items()}
    return Interleaved(items, team)


def credit(team: Sequence[str], clicked: Sequence[bool]) -> int:
    """1 where more of a's picks were clicked in a session, -1 where more of b's, 0 for a tie.

    >>> credit(["b", "a", "b"], [True, False, True])
    -1
    """
    if len(team) != len(clicked) or not set(team) <= {"a", "b"}:
        raise DataError(f"team {list(team)!r}, {len(clicked)} clicks: one 'a' or 'b' and one yes or no for each place.")
    balance = sum((1 if t == "a" else -1) for t, c in zip(team, clicked) if c)
    return int(np.sign(balance))


class Preference(NamedTuple):
    """delta: from -0.5 (b always) to 0.5 (a always); [low, high] its 95 % interval."""

    delta: float
    low: float
    high: float
    p_value: float
    wins_a: int
    wins_b: int
    ties: int


def preference(credits: Any) -> Preference:
    """Which ranking do people prefer? The sign test over sessions.

        delta   = (wins_a + ties / 2) / (wins_a + wins_b + ties) - 1/2 = (wins_a - wins_b) / (2 n)
        p_value = P(as uneven or more | each untied session is a coin toss)
                = min(1, 2 P(Bin(wins_a + wins_b, 1/2) <= the smaller of the two))
        low, high = delta -+ 1.96 standard errors of the mean of credits / 2

    The clicks of one session are no independent votes, so a session has one vote. Sessions of one person are not
    independent either: where people come often, sum the clicks of a user and give each user one credit.
    Source: Chapelle, Joachims, Radlinski and Yue 2012, ACM TOIS 30(1), for delta.

    Parameters
    ----------
    credits : (n,) of 1, -1 and 0, as `credit` returns.

    >>> preference([1] * 60 + [-1] * 40 + [0] * 100).delta
    0.05
    """
    votes = np.asarray(credits)
    if votes.ndim != 1 or len(votes) < 2 or not np.isin(votes, (-1, 0, 1)).all():
        raise DataError(f"credits {votes.shape}: give 1, -1 or 0 for each of two sessions or more.")
    wins_a, wins_b = int((votes == 1).sum()), int((votes == -1).sum())
    p_value = min(1.0, 2 * float(special.bdtr(min(wins_a, wins_b), wins_a + wins_b, 0.5))) if wins_a + wins_b else 1.0
    delta = (wins_a - wins_b) / (2 * len(votes))
    reach = float(special.ndtri(0.975) * (votes / 2).std(ddof=1) / np.sqrt(len(votes)))
    return Preference(delta, delta - reach, delta + reach, p_value, wins_a, wins_b, len(votes) - wins_a - wins_b)
