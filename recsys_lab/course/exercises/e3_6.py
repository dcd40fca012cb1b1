"""Exercises and quiz of lesson 3.6, Interleaving, bandits and off-policy evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.experiment import UCB1, Log, credit, ips

# ------------------------------------------------------------------ 3.6.1 team-draft interleaving
Draft = Callable[[Sequence[Any], Sequence[Any], int, Sequence[bool]], tuple[list[Any], list[str]]]


def _draft(a: Sequence[Any], b: Sequence[Any], k: int, coins: Sequence[bool]) -> tuple[list[Any], list[str]]:
    return _draft_wrongly("")(a, b, k, coins)


def _draft_wrongly(how: str) -> Draft:
    """The misconceptions, each one step away from the right draft."""

    def draft(a: Sequence[Any], b: Sequence[Any], k: int, coins: Sequence[bool]) -> tuple[list[Any], list[str]]:
        items: list[Any] = []
        team: list[str] = []
        place = 0
        while len(items) < k:
            heads = coins[(len(items) if how == "coin a pick" else len(items) // 2) % len(coins)]
            if how == "b first":
                heads = not heads
            if how == "a first":
                heads = True
            first, second = ("a", "b") if heads else ("b", "a")
            turn = first if len(items) % 2 == 0 or how == "coin a pick" else second
            ranking = a if turn == "a" else b
            if how == "doubles":
                pick = ranking[team.count(turn)]
            elif how == "skips":
                pick = ranking[place // 2]
                place += 1
                if pick in items:
                    items, team = [*items, None], [*team, turn]
                    continue
            else:
                pick = next(film for film in ranking if film not in items)
            items.append(pick)
            shared = how == "shared" and pick in a[:k] and pick in b[:k]
            team.append("both" if shared else turn)
        if how == "skips":
            kept = [(film, t) for film, t in zip(items, team) if film is not None]
            items, team = [film for film, _ in kept], [t for _, t in kept]
        return items, team

    return draft


def _as_draft(got: Any, k: int) -> tuple[list[Any], list[str]]:
    if got is None:
        raise Incorrect("got None where two lists are expected: is a `return` missing?")
    try:
        items, team = got
        items, team = list(items), list(team)
    except (TypeError, ValueError):
        raise Incorrect(
            f"return two lists, the films and the teams: `return items, team`; got a {type(got).__name__}."
        ) from None
    if len(items) != len(team):
        raise Incorrect(f"{len(items)} films and {len(team)} teams: each film needs the team that picked it.")
    if any(t not in ("a", "b") for t in team):
        odd = next(t for t in team if t not in ("a", "b"))
        raise Incorrect(
            f"team holds {odd!r}. Each film belongs to the one team that picked it, 'a' or 'b', even where both rank it high."
        )
    if len(set(items)) < len(items):
        raise Incorrect(
            "a film stands in the list twice: each pick is the best film of its team that is *not in the list yet*."
        )
    if len(items) != k:
        raise Incorrect(
            f"the list has {len(items)} places, not {k}. A team whose favourite is taken does not lose its turn: it takes "
            "its next best."
        )
    return items, team


def _check_draft(draft: Draft) -> None:
    a, b = ["alien", "brazil", "clue", "dune", "emma"], ["brazil", "alien", "heat", "clue", "jaws"]
    coins = [True, True, False]
    before = (list(a), list(b))
    got = _as_draft(draft(a, b, 5, coins), 5)
    if (a, b) != before:
        raise Incorrect("your function changed the rankings that it was given. Work on copies: `list(a)`.")
    want = _draft(a, b, 5, coins)
    messages = {
        "a first": "team a picks first in every round, whatever the coin says. Then a's films stand higher, and people look "
        "at what stands high: a wins with any ranking.",
        "b first": "the coin is read the wrong way round: coins[r] True means that a picks first in round r.",
        "coin a pick": "you tossed a coin for each pick. A round has one coin: it says who picks first, and then the *other* "
        "team picks. Otherwise one team can get four places of five.",
    }
    for how, message in messages.items():
        if got == _draft_wrongly(how)(a, b, 5, coins) and got != want:
            raise Incorrect(message)
    if got != want:
        raise Incorrect(
            f"coins True, True, False should give {want[0]} picked by {want[1]}, but gives {got[0]}, {got[1]}."
        )
    for k in (1, 2, 4):
        short = _as_draft(draft(list(a), list(b), k, coins), k)
        if short != _draft(a, b, k, coins):
            raise Incorrect(f"with k = {k} the list should be {_draft(a, b, k, coins)}, but is {short}.")
    rng = np.random.default_rng(0)
    for _ in range(60):
        k = int(rng.integers(1, 11))
        x, y = (rng.permutation(16)[:12].tolist() for _ in range(2))
        toss = [bool(c) for c in rng.integers(2, size=6)]
        got, want = _as_draft(draft(list(x), list(y), k, list(toss)), k), _draft(x, y, k, toss)
        if got != want:
            raise Incorrect(f"a = {x}, b = {y}, k = {k}, coins = {toss}: should be {want}, but is {got}.")


# ------------------------------------------------------------------ 3.6.2 what epsilon-greedy pays for ever
Late = Callable[[np.ndarray, float], float]


def _late(means: np.ndarray, epsilon: float) -> float:
    return float(epsilon * (np.max(means) - np.mean(means)))


def _late_wrongly(how: str) -> Late:
    def late(means: np.ndarray, epsilon: float) -> float:
        means = np.sort(np.asarray(means, dtype=float))
        best = means[-1]
        return float(
            {
                "others only": epsilon * (best - means[:-1].mean()),
                "second": epsilon * (best - means[-2]),
                "earns": epsilon * means.mean(),
                "no epsilon": best - means.mean(),
                "greedy share": (1 - epsilon) * (best - means.mean()),
                "sum": epsilon * (best - means).sum(),
                "one arm": epsilon / len(means) * (best - means.mean()),
                "worst": epsilon * (best - means[0]),
                "zero": 0.0,
                "thousand": 1000 * epsilon * (best - means.mean()),
            }[how]
        )

    return late


def _check_late(late: Late) -> None:
    means, epsilon = np.array([0.22, 0.4, 0.1, 0.06]), 0.3
    given = means.copy()
    got = number(late(given, epsilon), "the regret of one visit")
    if not np.array_equal(given, means):
        raise Incorrect("your function changed means. Work on a copy.")
    messages = {
        "others only": "a random pick may hit the best arm, too: it is one of the arms. Average over all of them.",
        "second": "a random pick is not always the runner-up: it is any arm, good or bad. Take the mean over the arms.",
        "earns": "this is what exploring earns. Regret is what it earns *less* than the best arm.",
        "no epsilon": "only the share epsilon of the visits explores; the others show the best arm and cost nothing.",
        "greedy share": "the wrong share: the visits that show the best arm, 1 - epsilon of them, cost nothing.",
        "sum": "you added the gaps of all arms. One visit shows one arm: take their mean.",
        "one arm": "the mean already says that each arm has its share 1 / n; you divided by n twice.",
        "worst": "a random pick is not always the worst arm: take the mean over the arms.",
        "zero": "it never becomes 0: epsilon-greedy goes on exploring after it knows the best arm.",
        "thousand": "this is the regret of 1,000 visits: the function should give that of one.",
    }
    for how, message in messages.items():
        if np.isclose(got, _late_wrongly(how)(means, epsilon)):
            raise Incorrect(message)
    if np.isclose(got, -_late(means, epsilon)):
        raise Incorrect("the sign is the wrong way round: regret is the best mean less what is earned, at least 0.")
    same(got, _late(means, epsilon), what="means 0.22, 0.4, 0.1, 0.06, epsilon 0.3: the regret of a visit")
    for case, e in (([0.5, 0.5], 0.3), ([0.0, 1.0], 1.0), ([0.3, 0.2, 0.3], 0.1), ([0.9, 0.1], 0.0)):
        same(late(np.array(case), e), _late(np.array(case), e), what=f"means {case}, epsilon {e}")
    rng = np.random.default_rng(1)
    for n in (2, 6, 40):
        means, epsilon = rng.random(n), float(rng.random())
        same(late(means.copy(), epsilon), _late(means, epsilon), what=f"{n} arms, epsilon {epsilon:.3f}")


# ------------------------------------------------------------------ 3.6.3 in step
LogVisits = Callable[[np.ndarray, int, int], pd.DataFrame]


def _log_visits(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    policy, visitors = np.random.default_rng(seed).spawn(2)
    return _drawn(clicks, policy.random(n), visitors.random(n))


def _drawn(clicks: np.ndarray, who: np.ndarray, luck: np.ndarray) -> pd.DataFrame:
    """The log, from the numbers that the policy and the visitors drew."""
    arm = (who * len(clicks)).astype(int)
    reward = (luck < np.asarray(clicks)[arm]).astype(int)
    return pd.DataFrame({"arm": arm, "reward": reward, "propensity": 1 / len(clicks)})


def _in_step(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    u = np.random.default_rng(seed).random(n)
    return _drawn(clicks, u, u)


def _in_step_late(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    u = np.random.default_rng(seed).random(n + 1)
    return _drawn(clicks, u[1:], u[:-1])


def _mirrored(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    u = np.random.default_rng(seed).random(n)
    return _drawn(clicks, u, 1 - u)


def _unseeded(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    return _log_visits(clicks, n, int(np.random.default_rng().integers(2**32)))


def _always_the_same(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    return _log_visits(clicks, n, 0)


def _fixed_visitors(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    return _drawn(clicks, np.random.default_rng(seed).random(n), np.random.default_rng(0).random(n))


def _visitors_of_999(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    return _drawn(clicks, np.random.default_rng(seed).random(n), np.random.default_rng(999).random(n))


def _in_turn(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    who = (np.arange(n) % len(clicks) + 0.5) / len(clicks)
    return _drawn(clicks, who, np.random.default_rng(seed).random(n))


def _click_as_propensity(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    log = _log_visits(clicks, n, seed)
    return log.assign(propensity=np.asarray(clicks)[log["arm"]])


def _propensity_made_up(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    """The bug stays, and the propensities are set to how often each arm was shown."""
    log = _log_visits(clicks, n, seed)
    return log.assign(propensity=log["arm"].map(log["arm"].value_counts(normalize=True)))


def _no_visitors(clicks: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    log = _log_visits(clicks, n, seed)
    rate = float(np.mean(clicks))
    return log.assign(reward=(np.random.default_rng([seed, 5]).random(n) < rate).astype(int))


def _as_log(got: Any, n_arms: int, n: int) -> pd.DataFrame:
    if not isinstance(got, pd.DataFrame):
        raise Incorrect(f"return the frame with columns arm, reward, propensity; got a {type(got).__name__}.")
    for name in ("arm", "reward", "propensity"):
        if name not in got.columns:
            raise Incorrect(f"the column {name!r} is missing; there are: {', '.join(map(str, got.columns))}.")
    if len(got) != n:
        raise Incorrect(f"{n} visits should give {n} rows, not {len(got)}.")
    if not got["arm"].isin(range(n_arms)).all() or not got["reward"].isin([0, 1]).all():
        raise Incorrect(f"arm must be 0 to {n_arms - 1}, reward 0 or 1.")
    return got[["arm", "reward", "propensity"]].reset_index(drop=True)


def _check_propensity(got: np.ndarray, n_arms: int, click: Any) -> None:
    if np.allclose(got, 1 / n_arms, atol=1e-12):
        return
    if np.allclose(got, click):
        raise Incorrect(
            "the propensity is the chance that the *policy* shows the poster, not the chance of a click. Here it is the same "
            "for all: 1 / number of posters, and was right from the start."
        )
    raise Incorrect(
        "the propensity is the chance with which the policy shows the poster, known before: 1 / number of posters at each visit. A "
        "share counted afterwards is something else. Here it was right from the start."
    )


def _check_log_visits(log_visits: LogVisits) -> None:
    n = 4000
    for seed in (7, 0, 12345):
        log = _as_log(log_visits(np.array([0.5, 0.5]), n, seed), 2, n)
        rates = log.groupby("arm")["reward"].mean()
        if len(rates) < 2 or abs(log["arm"].mean() - 0.5) > 0.05:
            raise Incorrect(
                "both posters should be shown equally often: the policy chooses at random. Leave that part alone."
            )
        if abs(rates[0] - rates[1]) > 0.9:
            raise Incorrect(
                f"still in step (seed {seed}): with two posters that are both clicked by every second visitor, "
                f"poster {int(rates.argmax())} is clicked by everybody and the other by nobody. The number that chose the poster "
                "also decided the click."
            )
        if (abs(rates - 0.5) > 0.06).any():
            raise Incorrect(
                f"two posters with a chance of 0.5 are clicked {rates[0]:.2f} and {rates[1]:.2f} of the time."
            )
        _check_propensity(log["propensity"].to_numpy(dtype=float), 2, 0.5)
        arms, rewards = log["arm"].to_numpy() - 0.5, log["reward"].to_numpy() - 0.5
        for lag in (1, 2, 3):
            for early, late in ((arms, rewards), (rewards, arms)):
                if abs(4 * np.mean(early[:-lag] * late[lag:])) > 0.1:
                    raise Incorrect(
                        f"the two are only shifted: what happens in one visit still decides what happens {lag} visit"
                        f"{'s' if lag > 1 else ''} later. Give the visitors a stream of their own."
                    )
    clicks = np.array([0.9, 0.1, 0.4, 0.25])
    first, again, other = (_as_log(log_visits(clicks.copy(), n, seed), 4, n) for seed in (3, 3, 4))
    if not first.equals(again):
        raise Incorrect("the same seed gives another log each time: both streams must follow from the seed.")
    if first["reward"].equals(other["reward"]):
        raise Incorrect("another seed gives the same log: the seed is not used.")
    if first["arm"].equals(other["arm"]):
        raise Incorrect(
            "another seed shows the same posters in the same order: the policy must draw them, from the seed."
        )
    one, two = (_as_log(log_visits(np.array([0.5]), 200, seed), 1, 200)["reward"] for seed in (3, 4))
    if one.equals(two):
        raise Incorrect(
            "the visitors' luck is the same whatever the seed: all runs meet the same people, and some seed brings the bug back. "
            "Both streams must follow from the seed."
        )
    rates = first.groupby("arm")["reward"].mean().reindex(range(4)).to_numpy()
    if not (abs(rates - clicks) < 0.08).all():
        raise Incorrect(f"posters with chances {clicks.tolist()} are clicked {rates.round(2).tolist()} of the time.")
    _check_propensity(first["propensity"].to_numpy(dtype=float), 4, clicks[first["arm"]])
    _as_log(log_visits(clicks.copy(), 1, 3), 4, 1)


# ------------------------------------------------------------------ 3.6.4 doubly robust
Robust = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], float]


def _robust(a: np.ndarray, r: np.ndarray, p: np.ndarray, target: np.ndarray, q: np.ndarray) -> float:
    row = np.arange(len(a))
    return float(((target * q).sum(axis=1) + target[row, a] / p * (r - q[row, a])).mean())


def _robust_wrongly(how: str) -> Robust:
    def robust(a: np.ndarray, r: np.ndarray, p: np.ndarray, target: np.ndarray, q: np.ndarray) -> float:
        row = np.arange(len(a))
        w, left = target[row, a] / p, r - q[row, a]
        model = (target * q).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(
                {
                    "direct": model,
                    "ips": w * r,
                    "snips": np.full(len(a), (w * r).sum() / w.sum()),
                    "sign": model - w * left,
                    "unweighted": model + left,
                    "1 / p": model + left / p,
                    "shown": q[row, a] + w * left,
                    "plain mean": q.mean(axis=1) + w * left,
                    "best": q.max(axis=1) + w * left,
                    "added": model + w * r,
                    "upside down": model + p / target[row, a] * left,
                    "normalised": model + w * left / w.mean(),
                    "sum": (model + w * left) * len(a),
                    "clipped": model + np.minimum(w, 10) * left,
                }[how].mean()
            )

    return robust


def _case(n: int, m: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.ones(m), n)
    return rng.integers(m, size=n), rng.integers(2, size=n), rng.uniform(0.1, 0.9, n), target, rng.random((n, m))


def _check_robust(robust: Robust) -> None:
    case = (
        np.array([0, 1, 1, 2]),
        np.array([1, 0, 1, 0]),
        np.array([0.5, 0.2, 0.2, 0.3]),
        np.array([[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]]),
        np.array([[0.4, 0.2, 0.1], [0.3, 0.1, 0.5], [0.2, 0.6, 0.3], [0.1, 0.2, 0.4]]),
    )
    given = tuple(part.copy() for part in case)
    answer = robust(*given)
    if any(not np.array_equal(x, y) for x, y in zip(given, case)):
        raise Incorrect("your function changed the arrays that it was given. Work on copies.")
    if np.ndim(answer) == 1:
        raise Incorrect("this is one number a visit; the value is their mean.")
    got = number(answer, "the value")
    messages = {
        "direct": "this is the reward model alone. The correction w (r - q) is missing, and with it all that the log knows better.",
        "ips": "this is plain IPS: the reward model does not take part.",
        "snips": "this is SNIPS: the reward model does not take part.",
        "sign": "the correction has the wrong sign: where people clicked more than predicted (r > q), the value must go up.",
        "unweighted": "the correction is not weighted: a visit that the new policy would see more often stands for more visits.",
        "1 / p": "the weight is target / p, not 1 / p: what the new policy would not show says nothing about it.",
        "shown": "the first term is the prediction for the action that was *shown*. Average the predictions over what the new "
        "policy would show: sum over a of target[a] q[a].",
        "plain mean": "the first term averages the predictions over all actions alike. Weigh them by target.",
        "best": "the first term takes the best prediction. The new policy shows action a with chance target[a]: weigh by it.",
        "added": "r was added in full. Only what the model did not expect, r - q of the shown action, is to be added.",
        "upside down": "the weight is upside down: target / p.",
        "normalised": "you divided the weights by their mean, as SNIPS does. Here they stay as they are.",
        "sum": "this is the sum over the visits; the value is the mean.",
    }
    for how, message in messages.items():
        if np.isclose(got, _robust_wrongly(how)(*case)):
            raise Incorrect(message)
    same(got, _robust(*case), what="four visits, three actions: the value")
    for n, m, seed in ((1, 2, 0), (50, 6, 1), (400, 3, 2)):
        case = _case(n, m, seed)
        same(robust(*(part.copy() for part in case)), _robust(*case), what=f"{n} visits, {m} actions: the value")
    case = _case(50, 3, 5)
    case[2][::7] = 0.004
    if is_same(robust(*(part.copy() for part in case)), _robust_wrongly("clipped")(*case)):
        raise Incorrect(
            "weights above 10 were cut. With the true propensities that makes a right estimate wrong: keep them."
        )
    same(robust(*(part.copy() for part in case)), _robust(*case), what="propensities down to 0.004: the value")
    a, r, p, _, q = _case(200, 4, 3)
    fixed = np.eye(4)[np.random.default_rng(4).integers(4, size=200)]
    same(robust(a, r, p, fixed, q), _robust(a, r, p, fixed, q), what="a target that always shows one action: the value")


# ------------------------------------------------------------------ 3.6.5 how far down do they look?
Looks = Callable[[pd.DataFrame], pd.Series]


def _looks(log: pd.DataFrame) -> pd.Series:
    here = log[log["rank"] == log["k"]].groupby("k")["clicked"].mean()
    top = log[log["rank"] == 1].groupby("k")["clicked"].mean()
    ratio = here / top
    ratio.loc[1] = 1.0
    return ratio.sort_index()


def _looks_by_rank(log: pd.DataFrame) -> pd.Series:
    rates = log.groupby("rank")["clicked"].mean()
    return rates / rates.loc[1]


def _looks_all_tops(log: pd.DataFrame) -> pd.Series:
    here = log[log["rank"] == log["k"]].groupby("k")["clicked"].mean()
    ratio = here / log.loc[log["rank"] == 1, "clicked"].mean()
    ratio.loc[1] = 1.0
    return ratio.sort_index()


def _looks_all_rows(log: pd.DataFrame) -> pd.Series:
    """Rank k of every visit, rank 1 of the visits that took part with k."""
    here = log.groupby("rank")["clicked"].mean()
    top = log[log["rank"] == 1].groupby("k")["clicked"].mean()
    ratio = here / top
    ratio.loc[1] = 1.0
    return ratio.sort_index()


def _looks_of(swapped: bool) -> Looks:
    return lambda log: _looks(log[log["swapped"] == swapped])


def _looks_inverted(log: pd.DataFrame) -> pd.Series:
    return 1 / _looks(log)


def _looks_by_film(log: pd.DataFrame) -> pd.Series:
    """Each film at rank k against itself at rank 1, over all visits: who saw it there is forgotten."""
    rates = log.groupby(["rank", "item"])["clicked"].mean().unstack()
    return rates.div(rates.loc[1]).mean(axis=1)


def _looks_rates(log: pd.DataFrame) -> pd.Series:
    return log[log["rank"] == log["k"]].groupby("k")["clicked"].mean()


def swap_log(looks: np.ndarray, appeal: np.ndarray, n: int, seed: int | Sequence[int]) -> pd.DataFrame:
    """n visits to one list, in each of which rank 1 and a random other rank k are exchanged or not."""
    rng, size = np.random.default_rng(seed), len(looks)
    k = rng.integers(2, size + 1, n)
    swapped = rng.random(n) < 0.5
    film = np.tile(np.arange(size), (n, 1))
    row = np.arange(n)
    film[row, 0] = np.where(swapped, k - 1, 0)
    film[row, k - 1] = np.where(swapped, 0, k - 1)
    clicked = rng.random((n, size)) < looks * appeal[film]
    return pd.DataFrame(
        {
            "visit": np.repeat(row, size),
            "k": np.repeat(k, size),
            "swapped": np.repeat(swapped, size),
            "rank": np.tile(np.arange(1, size + 1), n),
            "item": film.ravel(),
            "clicked": clicked.ravel(),
        }
    )


def two_audiences(looks: np.ndarray, appeal: np.ndarray, n: int, seed: int) -> pd.DataFrame:
    """Two kinds of users with the same films, which one of them likes best that the other likes least."""
    one, other = (swap_log(looks, appeal, n // 2, [seed, kind]) for kind in (0, 1))
    other = other.assign(item=len(looks) - 1 - other["item"], visit=other["visit"] + n // 2)
    return pd.concat([one, other], ignore_index=True)


def _as_looks(got: Any, ranks: int) -> pd.Series:
    if got is None:
        raise Incorrect("got None where a Series is expected: is a `return` missing?")
    if isinstance(got, dict):
        got = pd.Series(got)
    if not isinstance(got, pd.Series):
        raise Incorrect(f"return a Series with the ranks as its index; got a {type(got).__name__}.")
    if 1 not in got.index:
        raise Incorrect("rank 1 is missing: its entry is 1.0, because all others are compared with it.")
    if sorted(got.index) != list(range(1, ranks + 1)):
        raise Incorrect(f"the index should hold the ranks 1 to {ranks}, but holds {sorted(got.index)}.")
    return got.sort_index().astype(float)


def _check_looks(looks: Looks) -> None:
    truth, appeal = np.array([1, 0.6, 0.5, 0.4]), np.array([0.9, 0.7, 0.2, 0.1])
    log = swap_log(truth, appeal, 60_000, 0)
    before = log.copy()
    answer = looks(log)
    if not log.equals(before):
        raise Incorrect("your function changed the log. Work on a copy.")
    if isinstance(answer, pd.Series) and is_same(answer.to_numpy(), _looks_rates(before).to_numpy()):
        raise Incorrect("these are click rates at rank k. Divide by the click rate at rank 1 in the same visits.")
    got = _as_looks(answer, 4)
    messages: list[tuple[Looks, str]] = [
        (
            _looks_by_rank,
            "you compared ranks over all rows, and most of those were never exchanged: the better films still stand at the top, "
            "so this measures the films as well. For rank k, use the visits that took part with this k.",
        ),
        (
            _looks_of(True),
            "you used only the visits that were exchanged. There the film of rank k stands on top and the top film at k: two "
            "different films again. Take the visits of this k with *and* without exchange, so that both films are in both places.",
        ),
        (
            _looks_of(False),
            "you used only the visits that were not exchanged: that is production as it always was. The experiment is in the "
            "others; take both kinds together.",
        ),
        (
            _looks_all_tops,
            "rank 1 was averaged over all visits, whatever their k. Under an exchange with a poor film, rank 1 gets poorer: compare "
            "with rank 1 in the visits of the *same* k.",
        ),
        (
            _looks_all_rows,
            "rank k was averaged over all visits, also those whose k was another. Take the rows where rank equals k.",
        ),
        (_looks_inverted, "upside down: rank k divided by rank 1. Lower ranks are looked at less."),
    ]
    for wrong, message in messages:
        if is_same(got.to_numpy(), wrong(before).sort_index().to_numpy()):
            raise Incorrect(message)
    # More than one comparison is fair (both films together, or one of them up and down), so the truth is the judge.
    _near(got, truth, "with 60,000 visits")
    if not is_same(_as_looks(looks(before.sample(frac=1, random_state=1)), 4).to_numpy(), got.to_numpy()):
        raise Incorrect(
            "the result depends on the order of the rows. A log comes in any order: group by what stands in the columns."
        )
    for ranks in (2, 6):
        truth = np.arange(1, ranks + 1) ** -0.5
        log = swap_log(truth, np.linspace(0.9, 0.4, ranks), 40_000, ranks)
        _near(_as_looks(looks(log), ranks), truth, f"with {ranks} ranks")
    log = two_audiences(truth, np.linspace(0.9, 0.3, 6), 40_000, 3)
    got = _as_looks(looks(log), 6)
    if is_same(got.to_numpy(), _looks_by_film(log).to_numpy()):
        raise Incorrect(
            "you followed each film over all visits. Two audiences see the same films in another order: who saw it at rank k likes "
            "it less than who saw it at rank 1. Compare within the visits of one k, where the coin chose the place."
        )
    _near(got, truth, "with two audiences that like opposite films")


def _near(got: pd.Series, truth: np.ndarray, where: str) -> None:
    """Within the noise of the log: the fair estimates are, and comparing different films is not."""
    for rank, said, true in zip(got.index, got, truth):
        if not abs(said - true) < 0.06:
            raise Incorrect(
                f"{where}, rank {rank} is looked at {true:.2f} times as often as rank 1, and you get {said:.3g}."
            )


# ------------------------------------------------------------------ the exercises
EXERCISES = [
    Exercise(
        id="3.6.1",
        title="Pick teams",
        kind="build",
        prompt="""
        Write the draft. Two rankings `a` and `b` fill a list of `k` places. In round `r` (from 0), `coins[r]` says who picks
        first: a if it is True, else b; then the other team picks. Each pick is the team's best film that is not in the list yet.
        Stop when the list is full, in the middle of a round if need be. Both rankings hold enough films.
        """,
        reference=lambda: _draft,
        check=_check_draft,
        hints=(
            "`len(items)` knows where you are: `len(items) // 2` is the round, and an even number means that the first of the round "
            "is due.",
            "`next(film for film in ranking if film not in items)` is the team's best film that is left. Whose ranking: the first "
            "team's on even places, the other's on odd ones.",
        ),
        wrong=(
            WrongAnswer("a always first", lambda: _draft_wrongly("a first"), "whatever the coin says"),
            WrongAnswer("coin read backwards", lambda: _draft_wrongly("b first"), "wrong way round"),
            WrongAnswer("a coin for each pick", lambda: _draft_wrongly("coin a pick"), "one coin"),
            WrongAnswer("films twice", lambda: _draft_wrongly("doubles"), "twice"),
            WrongAnswer("a taken favourite loses the turn", lambda: _draft_wrongly("skips"), "lose its turn"),
            WrongAnswer("shared films belong to both", lambda: _draft_wrongly("shared"), "'a' or 'b'"),
        ),
        points=2,
        explanation="""
        After every full round both teams have the same number of places, and over many coins each has the same share of every
        rank. So whatever people do because of the *rank* favours neither. A film that both like goes to whoever picks it first,
        which again the coin decides.
        """,
        expected=example(
            'draft(["alien", "brazil", "clue"], ["brazil", "dune", "alien"], 3, [False, False])',
            lambda: (["brazil", "alien", "dune"], ["b", "a", "b"]),
        ),
    ),
    Exercise(
        id="3.6.2",
        title="The price of never stopping",
        kind="figure it out",
        prompt="""
        Before any curve is drawn: suppose that epsilon-greedy has found the best poster long ago, and its means are right. What
        does each further visit add to its regret, on average? Write it as a function of the true `means` and `epsilon`.
        """,
        reference=lambda: _late,
        check=_check_late,
        hints=(
            "Two kinds of visits. In the share 1 - epsilon it shows the best poster. What does such a visit lose?",
            "In the share epsilon it shows any poster, all alike, the best one among them. Such a visit earns the mean of the means.",
        ),
        wrong=(
            WrongAnswer("the other arms only", lambda: _late_wrongly("others only"), "hit the best arm, too"),
            WrongAnswer("the runner-up", lambda: _late_wrongly("second"), "runner-up"),
            WrongAnswer("what exploring earns", lambda: _late_wrongly("earns"), "earns *less*"),
            WrongAnswer("every visit explores", lambda: _late_wrongly("no epsilon"), "cost nothing"),
            WrongAnswer("the greedy share", lambda: _late_wrongly("greedy share"), "wrong share"),
            WrongAnswer("sum of the gaps", lambda: _late_wrongly("sum"), "added the gaps"),
            WrongAnswer("divided twice", lambda: _late_wrongly("one arm"), "twice"),
            WrongAnswer("always the worst arm", lambda: _late_wrongly("worst"), "always the worst"),
            WrongAnswer("nothing", lambda: _late_wrongly("zero"), "never becomes 0"),
            WrongAnswer("of 1,000 visits", lambda: _late_wrongly("thousand"), "1,000 visits"),
        ),
        points=2,
        explanation="""
        A greedy visit loses nothing, a random one the best mean less the mean of all: `epsilon * (means.max() - means.mean())`. It
        does not depend on time, so the curve ends as a straight line that never bends. UCB1 and Thompson sampling explore
        less and less; their curves bend.
        """,
        expected=example("late_regret(np.array([0.1, 0.3]), 0.2)", lambda: 0.02),
    ),
    Exercise(
        id="3.6.3",
        title="The estimate that is exactly zero",
        kind="figure it out",
        prompt="""
        Nothing is wrong with `ips`, and nothing with the propensities. The bug is in `log_visits`, a cell above. Find it, and write
        the function without it. A run must still be repeatable: the same seed, the same log.
        """,
        reference=lambda: _log_visits,
        check=_check_log_visits,
        hints=(
            "Print the first ten numbers that `policy` draws, and the first ten that `visitors` draws.",
            "Two generators with the same seed draw the same numbers. `np.random.default_rng(seed).spawn(2)` gives two that have "
            "nothing to do with each other, and both follow from the seed.",
        ),
        wrong=(
            WrongAnswer("unchanged", lambda: _in_step, "still in step"),
            WrongAnswer("1 - u", lambda: _mirrored, "still in step"),
            WrongAnswer("one number thrown away", lambda: _in_step_late, "only shifted"),
            WrongAnswer("visitors always from seed 0", lambda: _fixed_visitors, "still in step"),
            WrongAnswer("visitors always from one odd seed", lambda: _visitors_of_999, "luck is the same"),
            WrongAnswer("posters in turn", lambda: _in_turn, "the same posters"),
            WrongAnswer("no seed", lambda: _unseeded, "another log each time"),
            WrongAnswer("one seed for all", lambda: _always_the_same, "the seed is not used"),
            WrongAnswer("click chance as propensity", lambda: _click_as_propensity, "not the chance of a click"),
            WrongAnswer("propensities counted afterwards", lambda: _propensity_made_up, "counted afterwards"),
            WrongAnswer("everybody clicks alike", lambda: _no_visitors, "are clicked"),
        ),
        points=2,
        explanation="""
        `policy` and `visitors` start from one seed, so they draw the same numbers. The policy shows poster 2 if its number lies between
        2/6 and 3/6, and the visitor clicks if the *same* number lies below 0.17: never. Poster 0 is shown for numbers below
        1/6, and clicked for those below 0.22: always. Streams come from `spawn` (or one generator for both); `seed` and
        `seed + 1` are enough for one run, but then run 8's policy is in step with run 7's visitors.
        In production, the same bug has another name: two layers of experiments that hash the user with the same salt (lesson 3.5).
        """,
    ),
    Exercise(
        id="3.6.4",
        title="Doubly robust",
        kind="build",
        prompt="""
        Write the doubly robust estimate: for each visit, what the reward model expects of the new policy, plus the weighted
        surprise of what was logged. The value is the mean over the visits.
        """,
        reference=lambda: _robust,
        check=_check_robust,
        hints=(
            "`row = np.arange(len(action))`, and `target[row, action]` is the chance of each logged action under the new policy.",
            "The first term is `(target * predicted).sum(axis=1)`, the weight `target[row, action] / propensity`, the surprise "
            "`reward - predicted[row, action]`.",
        ),
        wrong=(
            WrongAnswer("model alone", lambda: _robust_wrongly("direct"), "model alone"),
            WrongAnswer("plain IPS", lambda: _robust_wrongly("ips"), "plain IPS"),
            WrongAnswer("SNIPS", lambda: _robust_wrongly("snips"), "SNIPS"),
            WrongAnswer("minus the surprise", lambda: _robust_wrongly("sign"), "wrong sign"),
            WrongAnswer("no weight", lambda: _robust_wrongly("unweighted"), "not weighted"),
            WrongAnswer("1 / p as weight", lambda: _robust_wrongly("1 / p"), "not 1 / p"),
            WrongAnswer("prediction of the shown action", lambda: _robust_wrongly("shown"), "that was *shown*"),
            WrongAnswer("all actions alike", lambda: _robust_wrongly("plain mean"), "all actions alike"),
            WrongAnswer("the best action", lambda: _robust_wrongly("best"), "best prediction"),
            WrongAnswer("reward in full", lambda: _robust_wrongly("added"), "in full"),
            WrongAnswer("weight upside down", lambda: _robust_wrongly("upside down"), "upside down"),
            WrongAnswer("weights normalised", lambda: _robust_wrongly("normalised"), "as SNIPS does"),
            WrongAnswer("sum", lambda: _robust_wrongly("sum"), "sum over the visits"),
            WrongAnswer("weights cut at 10", lambda: _robust_wrongly("clipped"), "were cut"),
        ),
        points=2,
        explanation="""
        If the predictions are right, the surprises average to 0 whatever the weights are. If the propensities are right, the weighted
        surprises average to exactly what the predictions got wrong. One of the two is enough, hence the name.
        """,
        expected=example("doubly_robust_value(*map(np.array, ([0], [1], [0.5], [[1, 0]], [[0.4, 0.2]])))", lambda: 1.6),
    ),
    Exercise(
        id="3.6.5",
        title="Read the log: how far down do they look?",
        kind="figure it out",
        prompt="""
        `log` has a row for each film shown: `visit`, `k`, `swapped`, `rank`, `item`, `clicked`. In each visit a rank `k` was drawn
        (2 or lower down), and a coin decided whether the films of rank 1 and rank `k` changed places (`swapped`). All other films stayed.
        How often is rank k looked at, compared with rank 1? Decide which rows may be compared. Return a Series: the
        index holds the ranks 1, 2, 3, ..., and the entry of rank 1 is 1.
        """,
        reference=lambda: _looks,
        check=_check_looks,
        hints=(
            "Over all visits with `k` equal to 5, swapped or not: which two films stood at rank 5, and how often each? And at rank 1?",
            "`log[log['rank'] == log['k']].groupby('k')['clicked'].mean()` is the numerator for every k at once. The denominator has "
            "`rank == 1`, and the same groups.",
        ),
        wrong=(
            WrongAnswer("click rate by rank", lambda: _looks_by_rank, "over all rows"),
            WrongAnswer("swapped visits only", lambda: _looks_of(True), "two different films"),
            WrongAnswer("visits as they always were", lambda: _looks_of(False), "production as it always was"),
            WrongAnswer("rank 1 of all visits", lambda: _looks_all_tops, "whatever their k"),
            WrongAnswer("rank k of all visits", lambda: _looks_all_rows, "whose k was another"),
            WrongAnswer("upside down", lambda: _looks_inverted, "upside down"),
            WrongAnswer("each film over all visits", lambda: _looks_by_film, "followed each film"),
            WrongAnswer("rates, not ratios", lambda: _looks_rates, "these are click rates"),
        ),
        points=2,
        explanation="""
        Over the visits of one k, the two films spend the same time in both places, because a coin decides. So the *films* at rank 1
        and at rank k are alike on average, and what is left of the difference is the place. In the swapped visits alone, or in the
        others alone, one film is always up and the other always down. (Following a single film, up in one half and down in
        the other, is right as well, and uses half of the clicks.)
        """,
    ),
]


# ------------------------------------------------------------------ the quiz
def _key_credit() -> str:
    made = credit(["b", "a", "b", "a"], [True, False, True, True])
    return {1: "a", -1: "b", 0: "c"}[made]


def _key_delayed() -> str:
    """UCB1 without new rewards chooses the same arm for every visit."""
    policy = UCB1(3)
    for arm, reward in ((0, 1), (1, 0), (2, 0)):
        policy.update(arm, reward)
    return "b" if len({policy.choose() for _ in range(100)}) == 1 else "a"


def _key_support() -> str:
    """A log without the action that the target shows half of the time: IPS loses that half."""
    n = 1000
    log = Log.of(np.zeros(n, dtype=int), np.ones(n), np.ones(n), target=[0.5, 0.5])
    return "c" if math.isclose(ips(log).value, 0.5) else "a"


def _key_clip() -> str:
    rng = np.random.default_rng(0)
    action = (rng.random(4000) < 0.02).astype(int)
    log = Log.of(action, np.ones(4000), np.where(action == 1, 0.02, 0.98), target=[0.0, 1.0])
    full, clipped = ips(log), ips(log, clip=10)
    lower, steadier = clipped.value < full.value, clipped.standard_error < full.standard_error
    return "a" if lower and steadier else "b"


def _key_loop() -> str:
    """What is never shown is never clicked, so counting clicks cannot bring it back."""
    clicks = np.array([3, 2, 0, 0])
    for _ in range(50):
        shown = np.argsort(-clicks, kind="stable")[:2]
        clicks[shown] += 1
    return "b" if (clicks[2:] == 0).all() else "a"


QUIZ = [
    Question(
        text="An interleaved list was picked by the teams b, a, b, a. The user clicks the places 1, 3 and 4. How does this session vote?",
        choices={"a": "for a", "b": "for b", "c": "a tie"},
        key=_key_credit,
        why={
            "a": "places 1 and 3 are b's picks, place 4 is a's: two clicks against one.",
            "b": "two of b's picks were clicked and one of a's. The session has one vote, and it goes to b.",
            "c": "it would be a tie with as many clicks for each team; here it is two against one.",
        },
    ),
    Question(
        text="Clicks reach your bandit once an hour, in a batch. Which policy shows the *same* arm to everybody during that hour?",
        choices={"a": "Thompson sampling", "b": "UCB1", "c": "epsilon-greedy"},
        key=_key_delayed,
        why={
            "a": "Thompson draws anew for each visit, so the arms stay mixed as long as it is in doubt.",
            "b": "UCB1 has no randomness: without new rewards its bounds do not move, and one arm gets the whole hour.",
            "c": "epsilon-greedy still explores with its share epsilon.",
        },
    ),
    Question(
        text="The old policy never showed poster 4 to anybody. The new one shows it in half of its visits, and everybody who sees "
        "any poster clicks. What does IPS say of the new policy?",
        choices={"a": "1.0, the truth", "b": "it raises an error", "c": "0.5"},
        key=_key_support,
        why={
            "a": "the half that the new policy spends on poster 4 has no row in the log, and no weight can make up for rows that are not there.",
            "b": "it would be nice, but the log does not know what it has not seen. Look at the mean of the weights: it is 0.5, and should be 1.",
            "c": "only the other half is in the log. The estimate is silently too low; the mean of the weights, 0.5 instead of 1, gives it away.",
        },
    ),
    Question(
        text="You clip the weights at 10. What happens to an IPS estimate of clicks?",
        choices={
            "a": "it gets steadier, and too low",
            "b": "it gets steadier, and stays right on average",
            "c": "it gets wilder, and stays right on average",
        },
        key=_key_clip,
        why={
            "a": "cutting weights takes clicks away and never adds any. The interval knows nothing of that: look at `clipped`.",
            "b": "then the cut clicks would have to come from somewhere. Clipping trades noise for a bias towards 0.",
            "c": "the large weights are what made it wild.",
        },
    ),
    Question(
        text="Every night your service counts clicks and shows the most clicked films the next day. How do you notice that a better "
        "film, which was never shown, is missing?",
        choices={
            "a": "its click rate rises in time",
            "b": "from this log you do not; some share of the visits must show something else",
            "c": "the offline metrics on the click log drop",
        },
        key=_key_loop,
        why={
            "a": "it has no click rate: 0 clicks of 0 views.",
            "b": "what is not shown is not clicked, and what is not clicked is not shown. Only exploration breaks that circle.",
            "c": "they rise: the log agrees better and better with the model that wrote it.",
        },
    ),
]
