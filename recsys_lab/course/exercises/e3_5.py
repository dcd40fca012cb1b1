"""Exercises and quiz of lesson 3.5, A/B testing. `gateway` is a part of the lesson's story: do not read it before 3.5.5."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.experiment import PairStats, cuped, plan_means, srm, welch


# ------------------------------------------------------------------ 3.5.1 a place for each user
def _place(user: Any, salt: str) -> float:
    return int(hashlib.sha256(f"{salt}:{user}".encode()).hexdigest()[:8], 16) / 16**8


def _place_of(text: Callable[[Any, str], str], digits: int = 8, last: bool = False) -> Callable[[Any, str], float]:
    """The misconceptions: another text is hashed, or another part of the hash is read."""

    def place(user: Any, salt: str) -> float:
        digest = hashlib.sha256(text(user, salt).encode()).hexdigest()
        return int(digest[-digits:] if last else digest[:digits], 16) / 16**digits

    return place


_SALTLESS = _place_of(lambda user, salt: f"{user}")
_SWAPPED = _place_of(lambda user, salt: f"{user}:{salt}")
_GLUED = _place_of(lambda user, salt: f"{salt}{user}")
_LAST = _place_of(lambda user, salt: f"{salt}:{user}", last=True)


def _place_up_to_one(user: Any, salt: str) -> float:
    return int(hashlib.sha256(f"{salt}:{user}".encode()).hexdigest()[:8], 16) / (16**8 - 1)


def _place_by_hash(user: Any, salt: str) -> float:
    return hash(f"{salt}:{user}") % 100 / 100


def _place_in_percent(user: Any, salt: str) -> float:
    return int(hashlib.sha256(f"{salt}:{user}".encode()).hexdigest()[:8], 16) % 100 / 100


def _check_place(place: Callable[[Any, str], float]) -> None:
    got = [number(place(user, "spring"), f'place({user!r}, "spring")') for user in (1, 2, 77, "ann")]
    if not all(0 <= value < 1 for value in got):
        raise Incorrect(f"a place lies from 0 up to, not including, 1; got {got[0]:g}. Divide by 16**8.")
    users = range(40)
    springs = [number(place(user, "spring"), "the place") for user in users]
    if springs == [number(place(user, "autumn"), "the place") for user in users]:
        raise Incorrect(
            "another salt gives the same places: your next experiment would have the same people in its treatment. "
            "Hash the salt together with the user."
        )
    for wrong, message in (
        (_SWAPPED, "you hashed user:salt. Any order would do, but everybody must use one: write salt:user."),
        (_GLUED, "the colon between salt and user is missing; without it, salt a1 with user 2 is salt a with user 12."),
        (_LAST, "you took the last eight digits; take the first."),
    ):
        if is_same(springs, [wrong(user, "spring") for user in users]):
            raise Incorrect(message)
    if springs == [_place_up_to_one(user, "spring") for user in users]:
        raise Incorrect("you divided by 16**8 - 1: the largest hash would stand at 1, in no variant. Divide by 16**8.")
    if is_same(springs, [_place_by_hash(user, "spring") for user in users]):
        raise Incorrect(
            "this is Python's hash() again: after the next restart everybody has another place. Use hashlib.sha256."
        )
    if all(abs(100 * value - round(100 * value)) < 1e-9 for value in springs):
        raise Incorrect(
            "your places are whole percents, so a rollout to half a percent is impossible. Divide by 16**8 instead of "
            "taking the remainder."
        )
    same(springs, [_place(user, "spring") for user in users], what='the places of users 0 to 39 with salt "spring"')
    for user, salt in (("ann", "spring"), ("ann:bob", "x"), ("Zoë", "été"), (10**12, "a b")):
        same(place(user, salt), _place(user, salt), what=f"place({user!r}, {salt!r})")
    if place(7, "spring") != place("7", "spring"):
        raise Incorrect('user 7 and user "7" are one person: the database has a number, the cookie has text.')


# ------------------------------------------------------------------ 3.5.2 users in each arm
def _users(effect: float, variance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    z = special.ndtri(1 - alpha / 2) + special.ndtri(power)
    return math.ceil(2 * z**2 * variance / effect**2)


def _users_wrongly(how: str) -> Callable[..., float]:
    def users_per_arm(effect: float, variance: float, alpha: float = 0.05, power: float = 0.8) -> float:
        z = special.ndtri(1 - (alpha if how == "one-sided" else alpha / 2)) + special.ndtri(power)
        if how == "no power":
            z = special.ndtri(1 - alpha / 2)
        if how == "beta":
            z = special.ndtri(1 - alpha / 2) + special.ndtri(1 - power)
        if how == "thumb":
            return math.ceil(16 * variance / effect**2)
        n = {"both": 4, "one": 1}.get(how, 2) * z**2 * variance / effect**2
        if how == "deviation":
            n = 2 * z**2 * math.sqrt(variance) / effect**2
        if how == "variance squared":
            n = 2 * z**2 * variance**2 / effect**2
        if how == "linear":
            n = 2 * z**2 * variance / abs(effect)
        if how == "z not squared":
            n = 2 * z * variance / effect**2
        return n if how == "fraction" else math.floor(n) if how == "floor" else math.ceil(n)

    return users_per_arm


def _check_users(users_per_arm: Callable[..., float]) -> None:
    case = (0.6, 208.9)
    got = number(users_per_arm(*case), "users_per_arm(0.6, 208.9)")
    messages = {
        "one-sided": "alpha must be shared by both sides: z is taken at 1 - alpha / 2, not at 1 - alpha.",
        "no power": "the power is missing. With z of alpha alone, half of all real effects of that size are overlooked.",
        "beta": "the power itself belongs into ndtri: z at 1 - power is negative, and would reward you for missing effects.",
        "thumb": "16 is the rule of thumb for alpha 0.05 and power 0.8. Compute it from alpha and power.",
        "both": "these are the users of both arms together. The question is about one arm.",
        "one": "a factor of 2 is missing: the effect is a difference of two means, and both are uncertain.",
        "deviation": "you used the standard deviation. The formula holds the variance; do not take its root.",
        "variance squared": "you squared the variance. The sigma^2 of the formula is the variance itself.",
        "linear": "the effect is not squared: half the effect would need only twice the users. It needs four times as many.",
        "z not squared": "the sum of the two z is not squared.",
        "fraction": "there is no 0.6 of a user. Round up with math.ceil.",
        "floor": "you rounded down, or to the nearest, and the power may fall below what was asked for. Round up with math.ceil.",
    }
    for how, message in messages.items():
        if got == _users_wrongly(how)(*case):
            raise Incorrect(message)
    if got == 2 * _users(*case):
        raise Incorrect("you doubled the result at the end, for both arms. The question is about one arm.")
    for effect, variance, more in (
        (0.5, 208.9, {}),
        (-0.5, 208.9, {}),
        (0.1, 1.0, {"alpha": 0.01}),
        (0.02, 0.16, {"power": 0.9}),
        (3.0, 5.0, {"alpha": 0.1, "power": 0.95}),
    ):
        named = ", ".join([f"{effect}", f"{variance}", *(f"{k}={v}" for k, v in more.items())])
        value = number(users_per_arm(effect, variance, **more), f"users_per_arm({named})")
        if value < 0:
            raise Incorrect(f"users_per_arm({named}) is negative; a loss takes as many users as a gain of that size.")
        same(value, float(_users(effect, variance, **more)), rtol=1e-12, what=f"users_per_arm({named})")


# ------------------------------------------------------------------ 3.5.3 the delta method
Ratio = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[float, float]]


def _ratio(clicks_c: Any, shown_c: Any, clicks_t: Any, shown_t: Any, *, ddof: int = 1) -> tuple[float, float]:
    rates, squares = [], 0.0
    for clicks, shown in ((clicks_c, shown_c), (clicks_t, shown_t)):
        rate = np.sum(clicks) / np.sum(shown)
        residual = (np.asarray(clicks) - rate * np.asarray(shown)) / np.mean(shown)
        squares += np.var(residual, ddof=ddof) / len(residual)
        rates.append(float(rate))
    return rates[1] - rates[0], math.sqrt(squares)


def _ratio_wrongly(how: str) -> Ratio:
    def ratio_effect(
        clicks_c: np.ndarray, shown_c: np.ndarray, clicks_t: np.ndarray, shown_t: np.ndarray
    ) -> tuple[float, float]:
        rates, squares = [], 0.0
        for y, x in ((clicks_c, shown_c), (clicks_t, shown_t)):
            rate, n = y.sum() / x.sum(), len(y)
            (v_y, s_xy), (_, v_x) = np.cov(y, x)
            variance = (v_y - 2 * rate * s_xy + rate**2 * v_x) / x.mean() ** 2
            if how == "mean of rates":
                per_user = y[x > 0] / x[x > 0]
                rate, variance, n = per_user.mean(), per_user.var(ddof=1), len(per_user)
            elif how == "impressions":
                variance, n = rate * (1 - rate), x.sum()
            elif how == "no covariance":
                variance = (v_y + rate**2 * v_x) / x.mean() ** 2
            elif how == "mixed":
                variance = (y.var() - 2 * rate * s_xy + rate**2 * x.var()) / x.mean() ** 2
            elif how == "plus":
                variance = (v_y + 2 * rate * s_xy + rate**2 * v_x) / x.mean() ** 2
            elif how == "clicks only":
                variance = v_y / x.mean() ** 2
            elif how == "not scaled":
                variance *= x.mean() ** 2
            elif how == "not divided by n":
                n = 1
            rates.append(rate)
            squares += variance / n
        effect = rates[0] - rates[1] if how == "turned" else rates[1] - rates[0]
        return float(effect), float(squares if how == "squared" else math.sqrt(squares))

    return ratio_effect


def _two(value: Any, what: str) -> tuple[float, float]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise Incorrect(f"{what} should give two numbers, the effect and its standard error; got {value!r}.")
    return number(value[0], "the effect"), number(value[1], "the standard error")


@functools.cache
def _some_users(seed: int, n_c: int, n_t: int) -> tuple[np.ndarray, ...]:
    """(clicks_c, shown_c, clicks_t, shown_t) of people who come rarely or often and like much or little."""
    rng = np.random.default_rng(seed)
    arms = []
    for n, lift in ((n_c, 1.0), (n_t, 1.2)):
        shown = 10 * (1 + rng.poisson(rng.gamma(1.0, 6.0, n)))
        arms += [rng.binomial(shown, np.clip(rng.beta(2.0, 18.0, n) * lift, 0, 1)).astype(float), shown.astype(float)]
    return tuple(arms)


def _check_ratio(ratio_effect: Ratio) -> None:
    arms = _some_users(1, 60, 40)
    effect, error = _two(ratio_effect(*(a.copy() for a in arms)), "ratio_effect")
    right = _ratio(*arms)
    for how, message in (
        ("mean of rates", "you averaged each user's own rate. That is another metric: someone with ten impressions counts as "
         "much as someone with a thousand. Divide the sum of the clicks by the sum of the impressions."),
        ("turned", "the effect has the wrong sign: it is treatment - control, everywhere in this course."),
    ):  # fmt: skip
        if np.isclose(effect, _ratio_wrongly(how)(*arms)[0]):
            raise Incorrect(message)
    same(effect, right[0], what="60 users against 40: the effect")
    for how, message in {
        "impressions": "this is the error of independent impressions. The units are users: take variances over users.",
        "no covariance": "the covariance is missing. Who sees more, clicks more, and that part is no noise of the ratio.",
        "plus": "the covariance has the wrong sign: it makes a ratio steadier, so it is subtracted.",
        "mixed": "np.cov divides by n - 1, .var() by n: take one of the two for all three terms (ddof=1).",
        "clicks only": "you treated the impressions as known. They are as random as the clicks: put in all three terms.",
        "not scaled": "divide the variance by the squared mean of the impressions.",
        "not divided by n": "that is the spread of one user; divide each arm's variance by its number of users.",
        "squared": "that is the squared standard error; take the root of the sum at the end.",
    }.items():
        if np.isclose(error, _ratio_wrongly(how)(*arms)[1]):
            raise Incorrect(message)
    # Variances divided by n - 1 or by n: both are right answers, as long as it is the same in all three terms.
    ddof = 0 if np.isclose(error, _ratio(*arms, ddof=0)[1], rtol=1e-9) else 1
    same(error, _ratio(*arms, ddof=ddof)[1], what="60 users against 40: the standard error")
    for seed, n_c, n_t in ((2, 30, 300), (3, 500, 500), (4, 7, 5)):
        arms = _some_users(seed, n_c, n_t)
        got = _two(ratio_effect(*(a.copy() for a in arms)), "ratio_effect")
        same(got, _ratio(*arms, ddof=ddof), what=f"{n_c} users against {n_t}: (effect, standard error)")


# ------------------------------------------------------------------ 3.5.4 CUPED
Cuped = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[float, float]]


def _cuped(y_c: Any, x_c: Any, y_t: Any, x_t: Any, *, ddof: int = 1) -> tuple[float, float]:
    x, y = np.concatenate([x_c, x_t]), np.concatenate([y_c, y_t])
    theta = np.cov(y, x)[0, 1] / np.var(x, ddof=1)
    a_c, a_t = y_c - theta * (x_c - x.mean()), y_t - theta * (x_t - x.mean())
    error = math.sqrt(np.var(a_c, ddof=ddof) / len(a_c) + np.var(a_t, ddof=ddof) / len(a_t))
    return float(a_t.mean() - a_c.mean()), error


def _cuped_wrongly(how: str) -> Cuped:
    def cuped_effect(y_c: np.ndarray, x_c: np.ndarray, y_t: np.ndarray, x_t: np.ndarray) -> tuple[float, float]:
        x, y = np.concatenate([x_c, x_t]), np.concatenate([y_c, y_t])

        def slope(y: np.ndarray, x: np.ndarray) -> float:
            return np.cov(y, x)[0, 1] / np.var(y if how == "upside down" else x, ddof=0 if how == "mixed" else 1)

        theta = 1.0 if how == "difference" else slope(y_c, x_c) if how == "control only" else slope(y, x)
        arms = []
        for y_arm, x_arm in ((y_c, x_c), (y_t, x_t)):
            middle = x_arm.mean() if how == "own mean" else x.mean()
            of_arm = slope(y_arm, x_arm) if how == "own theta" else theta
            arms.append(y_arm + of_arm * (x_arm - middle) * (1 if how == "added" else -1))
        if how == "old error":
            error = math.sqrt(sum(np.var(a, ddof=1) / len(a) for a in (y_c, y_t)))
        else:
            error = math.sqrt(sum(np.var(a, ddof=1) / len(a) for a in arms))
        return float(arms[1].mean() - arms[0].mean()), error

    return cuped_effect


@functools.cache
def _pairs(seed: int, n_c: int, n_t: int, effect: float = 0.5) -> tuple[np.ndarray, ...]:
    """(y_c, x_c, y_t, x_t): clicks now and before, of people who click rarely or often."""
    rng = np.random.default_rng(seed)
    arms = []
    for n, more in ((n_c, 0.0), (n_t, effect)):
        pace = rng.gamma(0.8, 10.0, n)
        arms += [rng.poisson(pace + more).astype(float), rng.poisson(1.3 * pace).astype(float)]
    return tuple(arms)


def _check_cuped(cuped_effect: Cuped) -> None:
    arms = _pairs(1, 60, 40)
    effect, error = _two(cuped_effect(*(a.copy() for a in arms)), "cuped_effect")
    right = _cuped(*arms)
    if np.isclose(effect, arms[2].mean() - arms[0].mean()):
        raise Incorrect(
            "the effect is that of the plain means: nothing was adjusted, or the adjustment cancelled out. If each arm's x is "
            "centred on the arm's own mean, its adjustments add up to 0. Centre on one mean, over the users of both arms."
        )
    for how, message in {
        "added": "the foretold part was added. Take it off: y - theta (x - mean).",
        "upside down": "theta is upside down: divide the covariance by the variance of x.",
        "difference": "theta is 1: you subtracted x as it is. How much of x is found again in y must be measured.",
        "mixed": "theta mixes n and n - 1: np.cov divides by n - 1, x.var() by n. Take x.var(ddof=1).",
        "control only": "theta comes from the control alone. Use the users of both arms together.",
        "own theta": "each arm has a theta of its own. One theta for both, or their difference becomes part of the effect.",
    }.items():
        if np.isclose(effect, _cuped_wrongly(how)(*arms)[0]):
            raise Incorrect(message)
    same(effect, right[0], what="60 users against 40: the effect")
    if np.isclose(error, _cuped_wrongly("old error")(*arms)[1]):
        raise Incorrect("the error is that of the plain y. Take the variances of the adjusted values.")
    ddof = 0 if np.isclose(error, _cuped(*arms, ddof=0)[1], rtol=1e-9) else 1
    same(error, _cuped(*arms, ddof=ddof)[1], what="60 users against 40: the standard error")
    for seed, n_c, n_t in ((2, 30, 300), (3, 500, 500), (4, 7, 5)):
        arms = _pairs(seed, n_c, n_t)
        got = _two(cuped_effect(*(a.copy() for a in arms)), "cuped_effect")
        same(got, _cuped(*arms, ddof=ddof), what=f"{n_c} users against {n_t}: (effect, standard error)")


# ------------------------------------------------------------------ 3.5.5 who went missing
def gateway(people: pd.DataFrame) -> pd.DataFrame:
    """The rows that reach the log. people: columns variant and ratings (how many the user gave), and any others.

    The old lists lie ready in a table. The new ones are computed on the request, in a time that grows with the user's
    history; after 60 ms the gateway gives up and sends the list for everybody. That answer is not the experiment's, so
    nobody thought of logging it.
    """
    rng = np.random.default_rng(5)
    milliseconds = 0.2 * people["ratings"].to_numpy() * rng.lognormal(0, 0.4, len(people))
    in_time = (people["variant"] != "treatment").to_numpy() | (milliseconds < 60)
    return people[in_time]


Shares = dict[str, float]
Culprit = Callable[[pd.DataFrame, Sequence[str], Shares], tuple[str, Any]]


def _scores(users: pd.DataFrame, columns: Sequence[str], shares: Shares, how: str = "") -> dict[tuple[str, Any], float]:
    found = {}
    if how == "equal":
        shares = {name: 1 / len(shares) for name in shares}
    if how == "observed":
        seen = users["variant"].value_counts(normalize=True)
        shares = {name: float(seen[name]) for name in shares}
    for column in columns:
        for value, part in users.groupby(column, observed=True):
            counts = part["variant"].value_counts()
            n = {name: int(counts.get(name, 0)) for name in shares}
            total = sum(n.values())
            expected = {name: share * total for name, share in shares.items()}
            if how == "present" and not all(n.values()):
                continue
            if how == "percent":
                score = max(abs(n[name] / total - share) for name, share in shares.items())
            elif how == "size":
                score = float(total)
            elif how == "absolute":
                score = max(abs(n[name] - e) for name, e in expected.items())
            else:
                score = sum((n[name] - e) ** 2 / e for name, e in expected.items())
            found[column, value] = score
    return found


def _culprit(users: pd.DataFrame, columns: Sequence[str], shares: Shares, how: str = "") -> tuple[str, Any]:
    scores = _scores(users, columns, shares, how)
    return min(scores, key=scores.__getitem__) if how == "turned" else max(scores, key=scores.__getitem__)


def _culprit_wrongly(how: str) -> Culprit:
    return lambda users, columns, shares: _culprit(users, columns, shares, how)


def _culprit_by_clicks(users: pd.DataFrame, columns: Sequence[str], shares: Shares) -> tuple[str, Any]:
    means = {
        (column, value): np.ptp(part.groupby("variant")["clicks"].mean())
        for column in columns
        for value, part in users.groupby(column)
    }
    return max(means, key=means.__getitem__)


def _culprit_first_column(users: pd.DataFrame, columns: Sequence[str], shares: Shares) -> tuple[str, Any]:
    return _culprit(users, columns[:1], shares)


@functools.cache
def _broken_log(seed: int, column: str, value: Any, lost: float, share: float = 0.5) -> pd.DataFrame:
    """20,000 users; of the treated ones with this value in this column, a share `lost` did not reach the log.

    Two values of `city` are so rare that chance alone tilts them.
    """
    rng = np.random.default_rng(seed)
    n = 20_000
    users = pd.DataFrame(
        {
            "app": rng.choice(["ios", "android", "web"], n, p=[0.3, 0.45, 0.25]),
            "level": rng.choice([1, 2, 3, 4], n, p=[0.5, 0.3, 0.15, 0.05]),
            "city": rng.choice(["a", "b", "c", "d", "rare", "rarer"], n, p=[0.4, 0.3, 0.2, 0.0987, 0.001, 0.0003]),
            "variant": np.where(rng.random(n) < share, "treatment", "control"),
        }
    )
    # Clicks say nothing here, but for one small city that is keen on the new list.
    pace = 5.0 + 4.0 * ((users["city"] == "d") & (users["variant"] == "treatment"))
    users["clicks"] = rng.poisson(pace)
    gone = (users[column] == value) & (users["variant"] == "treatment") & (rng.random(n) < lost)
    return users[~gone].reset_index(drop=True)


# seed, column, value, share lost, the treatment's share. The last one loses all.
_LOGS: list[tuple[int, str, Any, float, float]] = [
    (1, "level", 4, 0.4, 0.5),
    (2, "app", "web", 0.15, 0.5),
    (3, "level", 3, 0.3, 0.1),
    (4, "city", "d", 0.3, 0.5),
    (5, "app", "ios", 0.1, 0.8),
    (8, "level", 4, 0.25, 0.5),
    (6, "level", 4, 1.0, 0.5),
]


# Small logs by hand: {segment: users of each variant}, the planned shares, the segment that is most off.
_SMALL: list[tuple[dict[str, dict[str, int]], Shares, str]] = [
    ({"a": {"control": 20}, "b": {"control": 46, "treatment": 12}}, {"control": 0.5, "treatment": 0.5}, "a"),
    ({"a": {"control": 19}, "b": {"control": 46, "treatment": 12}}, {"control": 0.5, "treatment": 0.5}, "b"),
    (
        {"a": {"control": 500, "treatment": 500}, "b": {"control": 51, "treatment": 49}},
        {"control": 0.5, "treatment": 0.5},
        "b",
    ),
    (
        {"a": {"control": 840, "new": 80, "newer": 80}, "b": {"control": 790, "new": 70, "newer": 140}},
        {"control": 0.8, "new": 0.1, "newer": 0.1},
        "b",
    ),
    (
        {"a": {"control": 860, "new": 70, "newer": 70}, "b": {"control": 800, "new": 55, "newer": 145}},
        {"control": 0.8, "new": 0.1, "newer": 0.1},
        "b",
    ),
]


def _logs() -> Iterator[tuple[pd.DataFrame, list[str], Shares, tuple[str, Any]]]:
    """(users, columns, planned shares, the right answer)"""
    for seed, column, value, lost, share in _LOGS:
        shares = {"control": 1 - share, "treatment": share}
        yield _broken_log(seed, column, value, lost, share), ["app", "level", "city"], shares, (column, value)
    for segments, shares, value in _SMALL:
        rows = [(s, v) for s, counts in segments.items() for v, n in counts.items() for _ in range(n)]
        yield pd.DataFrame(rows, columns=["app", "variant"]).assign(clicks=1), ["app"], shares, ("app", value)


def _check_culprit(culprit: Culprit) -> None:
    for users, columns, shares, (column, value) in _logs():
        given = users.copy()
        got = culprit(given, list(columns), dict(shares))
        if not given.equals(users):
            raise Incorrect("your function changed the frame it was given. Work on a copy or on groups.")
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Incorrect(f'return a pair of column and value, such as ("app", "web"); got {got!r}.')
        if got[0] not in columns:
            raise Incorrect(f"{got[0]!r} is not one of the columns {columns}. Return (column, value) in this order.")
        answer = (got[0], got[1])
        if answer == (column, value):
            continue
        hit = f"users with {column}={value!r} went missing, and you found {got[0]}={got[1]!r}"
        for how, message in (
            ("observed", "You expected the split of the whole log, which is itself broken; take what was planned from `shares`."),
            ("present", "One variant has no row at all there, so `value_counts` does not name it. Its count is 0, not nothing."),
            ("percent", "A segment of a few people is tilted by chance. Weigh the tilt with the size: use chi-square."),
            ("equal", "You expected equal arms; take what was planned from `shares`."),
            ("absolute", "You took the largest count of missing users; 100 missing of 9,000 can be chance, of 1,000 not. Use chi-square."),
            ("size", "That is the largest segment, not the most uneven one."),
            ("turned", "That is the segment whose split is soundest; take the largest statistic, or the smallest p-value."),
        ):  # fmt: skip
            if answer == _culprit(users, columns, shares, how):
                raise Incorrect(f"{hit}. {message}")
        if answer == _culprit_by_clicks(users, columns, shares):
            raise Incorrect(
                f"{hit}. That is where the clicks differ. Count users: whether they click is not the question."
            )
        raise Incorrect(
            f"{hit}. Look at every value of every column, and compare the counts with the shares by chi-square."
        )


# ------------------------------------------------------------------ 3.5.6 p-values that are always valid
Always = Callable[[Any, Any, float], np.ndarray]


def _always_valid(effect: Any, error: Any, tau: float) -> np.ndarray:
    d, v = np.asarray(effect, float), np.asarray(error, float) ** 2
    ratio = np.sqrt(v / (v + tau**2)) * np.exp(d**2 * tau**2 / (2 * v * (v + tau**2)))
    return np.minimum.accumulate(np.minimum(1, 1 / ratio), axis=-1)


def _always_wrongly(how: str) -> Always:
    def always_valid(effect: Any, error: Any, tau: float) -> np.ndarray:
        d, v = np.asarray(effect, float), np.asarray(error, float)
        v = v if how == "error not squared" else v**2
        t = tau if how == "tau not squared" else tau**2
        ratio = np.exp(d**2 * t / (2 * v * (v + t)))
        if how != "no root":
            ratio = ratio * np.sqrt(v / (v + t))
        if how == "classical":
            return 2 * special.ndtr(-np.abs(d) / np.sqrt(v))
        p = np.minimum(1, 1 / ratio)
        if how == "above 1":
            return np.minimum.accumulate(1 / ratio, axis=-1)
        if how == "ratio":
            return ratio
        if how == "last look":
            return p
        if how == "all looks":
            return np.broadcast_to(p.min(axis=-1, keepdims=True), p.shape)
        return np.minimum.accumulate(p, axis=0 if how == "wrong axis" else -1)

    return always_valid


_LOOKS = (np.array([0.02, 0.6, 0.4, 0.1, 0.45]), np.array([0.4, 0.25, 0.2, 0.15, 0.1]))


def _check_always(always_valid: Always) -> None:
    d, error = _LOOKS
    got = always_valid(d.copy(), error.copy(), 0.3)
    right = _always_valid(d, error, 0.3)
    if not isinstance(got, (np.ndarray, list, tuple)) or np.shape(got) != right.shape:
        shape = np.shape(got) if got is not None else None
        raise Incorrect(f"five looks should give five p-values, shape (5,), but the result has shape {shape}.")
    for how, message in {
        "classical": "this is the usual p-value of each look, which holds for one look only.",
        "ratio": "this is the ratio itself. It grows with the evidence; the p-value is 1 over it.",
        "above 1": "a p-value is never above 1: cut it with np.minimum(1, ...).",
        "last look": "the p-value rises again at look 4. Evidence that was once there stays: take the minimum of the looks so far.",
        "all looks": "the first look knows the smallest p-value of all looks, the future too. Take the minimum *so far*.",
        "tau not squared": "tau is a standard deviation; it enters squared everywhere.",
        "error not squared": "V is the *squared* standard error.",
        "no root": "the root in front of the exponential is missing. It is the price of looking; without it the ratio is never below 1.",
    }.items():
        if is_same(got, _always_wrongly(how)(d, error, 0.3)):
            raise Incorrect(message)
    same(got, right, what="five looks: the p-values")
    many = np.stack([d, d[::-1], -d]), np.stack([error, error, error])
    table = always_valid(many[0].copy(), many[1].copy(), 0.3)
    if is_same(table, _always_wrongly("wrong axis")(*many, 0.3)):
        raise Incorrect(
            "with several experiments, the minimum ran over the experiments. The looks are the last axis: axis=-1."
        )
    same(table, _always_valid(*many, 0.3), what="three experiments of five looks, shape (3, 5)")
    for tau in (0.05, 1.0):
        same(
            always_valid(d.copy(), error.copy(), tau), _always_valid(d, error, tau), what=f"the same looks, tau = {tau}"
        )


EXERCISES = [
    Exercise(
        id="3.5.1",
        title="The flag that forgot everybody",
        kind="figure it out",
        prompt="""
            This line has been in production for a year. It runs, its split is 50 to 50, and it has three bugs:

            ```python
            variant = "treatment" if hash(user) % 100 < 50 else "control"   # user is text, such as "user-7"
            ```

            The cell above shows one of them. Find the other two: what happens in the *next* experiment, and how would you
            give the treatment to half a percent of the users? Then write `place`, which has none of them: the SHA-256 of
            the text `salt:user`, its first eight hex digits read as a whole number, divided by `16**8`.
        """,
        reference=lambda: _place,
        check=_check_place,
        hints=(
            "`hash` of text differs from process to process; `user` alone gives everybody the same place in each "
            "experiment; `% 100` knows whole percents only.",
            '`hashlib.sha256(f"{salt}:{user}".encode()).hexdigest()` is text of 64 hex digits, and `int(text, 16)` reads '
            "hex digits as a number.",
        ),
        wrong=(
            WrongAnswer("no salt", lambda: _SALTLESS, "another salt"),
            WrongAnswer("user first", lambda: _SWAPPED, "salt:user"),
            WrongAnswer("no colon", lambda: _GLUED, "colon"),
            WrongAnswer("whole percents", lambda: _place_in_percent, "whole percents"),
            WrongAnswer("Python's hash", lambda: _place_by_hash, "Python's hash()"),
            WrongAnswer("the last digits", lambda: _LAST, "take the first"),
            WrongAnswer("one is reached", lambda: _place_up_to_one, "stand at 1"),
            WrongAnswer("not divided", lambda: lambda user, salt: _place(user, salt) * 16**8, "16**8"),
        ),
        points=2,
        explanation="A hash with a salt is a table of assignments that nobody has to store: any server, on any day, gives the "
        "same user the same place. The salt makes each experiment a new shuffle, and a place between 0 and 1 can be cut "
        "anywhere. Numbers hash no better than text: `hash(7)` is 7, so `% 100` would sort people by the order in which they "
        "signed up.",
        expected=example('place(7, "spring")', lambda: _place(7, "spring")),
    ),
    Exercise(
        id="3.5.2",
        title="How many users?",
        kind="build",
        prompt="""
            Write the formula as a function. It returns the users of *one* arm, rounded up to a whole number. `ndtri(q)`,
            imported above, is $z_q$. Guess before you run it: how many users per arm does an effect of half a click take,
            when the variance is 209?
        """,
        reference=lambda: _users,
        check=_check_users,
        hints=(
            "Two points of the normal distribution are added *before* squaring: one for alpha, on both sides, and one for "
            "the power.",
            "`z = ndtri(1 - alpha / 2) + ndtri(power)`, then `math.ceil(2 * z**2 * variance / effect**2)`.",
        ),
        wrong=(
            WrongAnswer("one-sided", lambda: _users_wrongly("one-sided"), "alpha / 2"),
            WrongAnswer("no power", lambda: _users_wrongly("no power"), "power is missing"),
            WrongAnswer("z at 1 - power", lambda: _users_wrongly("beta"), "the power itself"),
            WrongAnswer("rule of thumb", lambda: _users_wrongly("thumb"), "rule of thumb"),
            WrongAnswer("both arms", lambda: _users_wrongly("both"), "both arms together"),
            WrongAnswer("factor of one", lambda: _users_wrongly("one"), "difference of two means"),
            WrongAnswer("standard deviation", lambda: _users_wrongly("deviation"), "variance"),
            WrongAnswer("variance squared", lambda: _users_wrongly("variance squared"), "variance itself"),
            WrongAnswer("two arms, each rounded", lambda: lambda *a, **k: 2 * _users(*a, **k), "doubled the result"),
            WrongAnswer("effect not squared", lambda: _users_wrongly("linear"), "four times"),
            WrongAnswer("z not squared", lambda: _users_wrongly("z not squared"), "not squared"),
            WrongAnswer("not rounded", lambda: _users_wrongly("fraction"), "Round up"),
            WrongAnswer("rounded down", lambda: _users_wrongly("floor"), "rounded down"),
        ),
        points=2,
        explanation="The noise of a difference of two means is sqrt(2 variance / n). For the effect to stand 1.96 + 0.84 = 2.8 "
        "of those above zero, n must be 2 * 2.8^2 * variance / effect^2, about 16 variance / effect^2: the rule of thumb to "
        "remember. The square makes small effects expensive.",
        expected=example("users_per_arm(0.5, 209)", lambda: _users(0.5, 209)),
    ),
    Exercise(
        id="3.5.3",
        title="The error of a ratio",
        kind="build",
        prompt="""
            Write `ratio_effect`: the difference of the two arms' clicks per impression, treatment - control, and its
            standard error by the delta method. The standard error of a difference is the root of the sum of the two
            arms' variances, each divided by its users, as in Welch's test.
        """,
        reference=lambda: _ratio,
        check=_check_ratio,
        hints=(
            "Per arm: the ratio of the sums, then one variance from three terms. `np.cov(clicks, shown)` is a table of 2 by 2 "
            "with the variances on its diagonal and the covariance beside it.",
            "For each arm `(v_y, s_xy), (_, v_x) = np.cov(y, x)`, `r = y.sum() / x.sum()`, and "
            "`variance = (v_y - 2 * r * s_xy + r**2 * v_x) / x.mean()**2`. Add up `variance / len(y)`, take the root.",
        ),
        wrong=(
            WrongAnswer("mean of rates", lambda: _ratio_wrongly("mean of rates"), "another metric"),
            WrongAnswer("independent impressions", lambda: _ratio_wrongly("impressions"), "units are users"),
            WrongAnswer("no covariance", lambda: _ratio_wrongly("no covariance"), "covariance is missing"),
            WrongAnswer("covariance added", lambda: _ratio_wrongly("plus"), "wrong sign"),
            WrongAnswer("impressions known", lambda: _ratio_wrongly("clicks only"), "as random"),
            WrongAnswer("n and n - 1 mixed", lambda: _ratio_wrongly("mixed"), "one of the two"),
            WrongAnswer("not scaled", lambda: _ratio_wrongly("not scaled"), "squared mean"),
            WrongAnswer("no n", lambda: _ratio_wrongly("not divided by n"), "number of users"),
            WrongAnswer("no root", lambda: _ratio_wrongly("squared"), "take the root"),
            WrongAnswer("control - treatment", lambda: _ratio_wrongly("turned"), "wrong sign"),
        ),
        points=3,
        explanation="The three terms are the variance of y - R x over users, divided by the squared mean of x. So there is a "
        "short way: give each user the one number (clicks - R * shown) / mean of shown, and take its variance as if it were "
        "any metric per user. It is large for people who click much more, or much less, than their impressions foretell.",
        expected=example(
            "ratio_effect(clicks_c=[1, 0, 3], shown_c=[10, 20, 10], clicks_t=[2, 2], shown_t=[10, 30])",
            lambda: _ratio(np.array([1, 0, 3]), np.array([10, 20, 10]), np.array([2, 2]), np.array([10, 30])),
        ),
    ),
    Exercise(
        id="3.5.4",
        title="The narrow interval that lies",
        kind="figure it out",
        prompt="""
            A colleague's CUPED, which calls almost half of all A/A tests an effect:

            ```python
            def adjusted(y, x, theta):
                return y - theta * (x - x.mean())

            a_c, a_t = adjusted(y_c, x_c, theta), adjusted(y_t, x_t, theta)
            effect = a_t.mean() - a_c.mean()
            error = np.sqrt(a_c.var(ddof=1) / len(a_c) + a_t.var(ddof=1) / len(a_t))
            ```

            Its `theta` is right, one number from the users of both arms together. Find out what `effect` comes to, and
            write `cuped_effect` as it should be.
        """,
        reference=lambda: _cuped,
        check=_check_cuped,
        hints=(
            "Work out `a_t.mean()` on paper: what is the mean of `x - x.mean()`? The intervals became narrow. Did the "
            "estimate become steadier, too?",
            "`x = np.concatenate([x_c, x_t])` and the same for `y`; `theta = np.cov(y, x)[0, 1] / x.var(ddof=1)`; and both arms "
            "are adjusted with `x.mean()` of everybody.",
        ),
        wrong=(
            WrongAnswer("each arm's own mean", lambda: _cuped_wrongly("own mean"), "cancelled out"),
            WrongAnswer("theta upside down", lambda: _cuped_wrongly("upside down"), "upside down"),
            WrongAnswer("n and n - 1 mixed", lambda: _cuped_wrongly("mixed"), "mixes n and n - 1"),
            WrongAnswer("theta is one", lambda: _cuped_wrongly("difference"), "theta is 1"),
            WrongAnswer("added", lambda: _cuped_wrongly("added"), "Take it off"),
            WrongAnswer("theta of the control", lambda: _cuped_wrongly("control only"), "both arms together"),
            WrongAnswer("theta of each arm", lambda: _cuped_wrongly("own theta"), "theta of its own"),
            WrongAnswer("error of the plain means", lambda: _cuped_wrongly("old error"), "adjusted values"),
        ),
        points=3,
        explanation="`x - x.mean()` has the mean 0 in each arm, so both adjusted means are the plain means: the noise is all "
        "still there, and the error bar no longer knows of it. Centred on everybody's mean, an arm that happened to get keener "
        "people is marked down by just what that luck was worth. Looking only at the width of the interval, one would have "
        "praised the bug. A/A tests find it at once.",
        expected=example(
            "cuped_effect(y_c=[1, 4, 2], x_c=[2, 5, 2], y_t=[3, 9], x_t=[2, 8])",
            lambda: _cuped(np.array([1, 4, 2]), np.array([2, 5, 2]), np.array([3, 9]), np.array([2, 8])),
        ),
    ),
    Exercise(
        id="3.5.5",
        title="Who is missing?",
        kind="figure it out",
        prompt="""
            Find the users who did not reach the log. Write `culprit(users, columns, shares)`: cut the users by each value
            of each of these columns, compare the variants' counts in each such segment with the planned `shares` by the
            chi-square statistic, and return `(column, value)` of the segment whose split is most off. A variant may have no
            user at all in a segment.
        """,
        reference=lambda: _culprit,
        check=_check_culprit,
        hints=(
            "Two loops: over the columns, and over `users.groupby(column)`. In each group count the users of each variant, and "
            "keep the segment with the largest statistic so far.",
            '`n = part["variant"].value_counts()`, then `n.get(name, 0)` for each `name, share` in `shares.items()`. '
            "Expected are `share * len(part)`; add up `(n - expected)**2 / expected`.",
        ),
        wrong=(
            WrongAnswer("largest difference in percent", lambda: _culprit_wrongly("percent"), "chance"),
            WrongAnswer("equal arms", lambda: _culprit_wrongly("equal"), "planned"),
            WrongAnswer("the log's own split", lambda: _culprit_wrongly("observed"), "whole log"),
            WrongAnswer("most users missing", lambda: _culprit_wrongly("absolute"), "chi-square"),
            WrongAnswer("largest segment", lambda: _culprit_wrongly("size"), "largest segment"),
            WrongAnswer("smallest statistic", lambda: _culprit_wrongly("turned"), "soundest"),
            WrongAnswer("where clicks differ", lambda: _culprit_by_clicks, "Count users"),
            WrongAnswer("first column only", lambda: _culprit_first_column, "every column"),
            WrongAnswer("a variant that is absent", lambda: _culprit_wrongly("present"), "0, not nothing"),
        ),
        points=3,
        explanation="Chi-square weighs the tilt with the number of people behind it: ten users split 8 to 2 are nothing, a "
        "thousand split 550 to 450 are a bug. Count *users*, the unit that was assigned; clicks and impressions may differ, "
        "they are what is tested. With many segments, look at the largest statistic and ask what the code does there.",
        expected=lambda: '("level", 4) where 40 % of the treated users with level 4 went missing',
    ),
    Exercise(
        id="3.5.6",
        title="A p-value for every morning",
        kind="build",
        prompt="""
            Write the p-value that may be looked at every day. `effect` and `error` hold one entry a look, on all users so
            far; with several experiments, one row each, and the looks along the last axis.
        """,
        reference=lambda: _always_valid,
        check=_check_always,
        hints=(
            "Three steps: the ratio of each look, 1 over it but at most 1, and the smallest value so far.",
            "`v = error**2`, then `ratio = np.sqrt(v / (v + tau**2)) * np.exp(effect**2 * tau**2 / (2 * v * (v + tau**2)))`; "
            "`np.minimum.accumulate(..., axis=-1)` keeps the smallest so far.",
        ),
        wrong=(
            WrongAnswer("the usual p-value", lambda: _always_wrongly("classical"), "one look only"),
            WrongAnswer("the ratio", lambda: _always_wrongly("ratio"), "1 over it"),
            WrongAnswer("above one", lambda: _always_wrongly("above 1"), "never above 1"),
            WrongAnswer("forgets", lambda: _always_wrongly("last look"), "looks so far"),
            WrongAnswer("knows the future", lambda: _always_wrongly("all looks"), "future"),
            WrongAnswer("tau not squared", lambda: _always_wrongly("tau not squared"), "squared everywhere"),
            WrongAnswer("error not squared", lambda: _always_wrongly("error not squared"), "*squared* standard error"),
            WrongAnswer("no root", lambda: _always_wrongly("no root"), "price of looking"),
            WrongAnswer("wrong axis", lambda: _always_wrongly("wrong axis"), "axis=-1"),
        ),
        points=3,
        explanation="The ratio compares two stories about all data so far: some effect of size about tau, or none. If there is "
        "none, the ratio is a fair game: its mean stays 1 whatever happens, and a player who starts with 1 reaches 20 with a "
        "chance of at most 1 in 20, however long they play. That is why p may be read at any time and never has to be taken back.",
        expected=example(
            "always_valid(effect=[0.02, 0.6, 0.4], error=[0.4, 0.25, 0.2], tau=0.3)",
            lambda: _always_valid([0.02, 0.6, 0.4], [0.4, 0.25, 0.2], 0.3),
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_half_effect() -> str:
    times = plan_means(0.5, 100).n_control / plan_means(1.0, 100).n_control
    return {1: "a", 2: "b", 4: "c"}[round(times)]


def _key_twenty_metrics() -> str:
    chance = 1 - 0.95**20
    return "a" if chance < 0.1 else "b" if chance < 0.5 else "c"


def _key_luck_among_wins() -> str:
    luck, real = 0.9 * 0.05, 0.1 * 0.8
    share = luck / (luck + real)
    return "a" if share < 0.1 else "b" if share < 0.5 else "c"


def _key_srm() -> str:
    found = srm({"control": 505_000, "treatment": 495_000}, {"control": 0.5, "treatment": 0.5})
    return "b" if found.p_value < 0.001 else "a"


@functools.cache
def _key_covariate() -> str:
    """The treatment brings people back more often; the covariate counts the visits of the experiment itself."""
    rng = np.random.default_rng(0)
    n, arms = 20_000, []
    for more in (1.0, 1.2):
        visits = rng.poisson(5 * more, n)
        arms.append(PairStats.of(rng.binomial(visits, 0.5), visits))
    plain, adjusted = welch(arms[0].y, arms[1].y).effect, cuped(arms[0], arms[1]).effect
    return "b" if abs(adjusted) < 0.2 * plain else "a" if adjusted < 1.5 * plain else "c"


QUIZ = [
    Question(
        text="You want to see half the effect, with the same alpha and power. How many users does it take?",
        choices={"a": "as many", "b": "twice as many", "c": "four times as many"},
        key=_key_half_effect,
        why={
            "a": "The noise stays and the signal halves; with as many users you would mostly overlook it.",
            "b": "Twice the users make the noise smaller by a factor of 1.4 only. The effect stands squared in the formula.",
            "c": "Noise falls with the root of the users, so half the effect needs 2 squared as many.",
        },
    ),
    Question(
        text="Twenty independent metrics, and a change that changes nothing. How likely is at least one p below 0.05?",
        choices={"a": "about 5 %", "b": "about 40 %", "c": "about 64 %"},
        key=_key_twenty_metrics,
        why={
            "a": "That is the chance for each one of them. They add up.",
            "b": "1 - 0.95^10 is about 40 %: that is for ten metrics.",
            "c": "1 - 0.95^20 = 0.64. So name one metric beforehand, or correct for their number (Holm).",
        },
    ),
    Question(
        text="One idea in ten of a team really works. They test each with alpha 0.05 and power 0.8. Which share of their "
        "significant results is luck?",
        choices={"a": "5 %", "b": "about a third", "c": "more than half"},
        key=_key_luck_among_wins,
        why={
            "a": "5 % is the share of luck among ideas that do *not* work, not among those that were significant.",
            "b": "Of 100 ideas, 90 useless ones give 4.5 significant results, 10 good ones give 8. Luck is 4.5 of 12.5.",
            "c": "4.5 lucky results against 8 real ones: less than half. (With a power of 0.2 it would be 4.5 against 2.)",
        },
    ),
    Question(
        text="Planned 50 to 50; in the log are 505,000 users of the control and 495,000 of the treatment. You",
        choices={"a": "go on: one percent is nothing", "b": "stop, and look for the bug"},
        key=_key_srm,
        why={
            "a": "With a million users, chance tilts a split by about 0.1 percentage points. This is five times as much; p is below 1e-20.",
            "b": "Chi-square is 100. Some users went missing, probably not at random, and no test repairs that.",
        },
    ),
    Question(
        text="A treatment makes people come back more often, and so click more. You use CUPED with the number of visits *during* "
        "the experiment as covariate. The effect",
        choices={"a": "stays, with a narrower interval", "b": "all but disappears", "c": "is doubled"},
        key=_key_covariate,
        why={
            "a": "That holds for what was measured before. This covariate was changed by the treatment itself.",
            "b": "The clicks are explained by the visits, and the visits are the effect: CUPED takes it off as if it were luck.",
            "c": "CUPED takes something off; here it takes off the effect.",
        },
    ),
]
