"""Exercises and quiz of lesson 3.7, Monitoring and drift."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, ks_2samp

from recsys_lab import datasets, registry
from recsys_lab.course.comparing import is_same
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.production import drift
from recsys_lab.simulate import LIKED, Audience

# ------------------------------------------------------------------ 3.7.1 PSI by hand
Distance = Callable[[np.ndarray, np.ndarray], float]


def _psi(before: np.ndarray, now: np.ndarray, s: float = 0.5) -> float:
    p = (before + s) / (before.sum() + s * len(before))
    q = (now + s) / (now.sum() + s * len(now))
    return float(np.sum((q - p) * np.log(q / p)))


def _psi_wrongly(how: str) -> Distance:
    """The misconceptions, each one step away from the right formula."""

    def psi(before: np.ndarray, now: np.ndarray) -> float:
        s, B = 0.5, len(before)
        with np.errstate(divide="ignore", invalid="ignore"):
            if how == "no smoothing":
                p, q = before / before.sum(), now / now.sum()
            elif how == "smoothed shares":
                p, q = before / before.sum() + s, now / now.sum() + s
            elif how == "s once":
                p, q = (before + s) / (before.sum() + s), (now + s) / (now.sum() + s)
            elif how == "ten":
                p, q = (before + s) / (before.sum() + 10 * s), (now + s) / (now.sum() + 10 * s)
            elif how == "counts":
                p, q = before + s, now + s
            elif how == "clipped":
                p, q = np.maximum(before / before.sum(), 1e-4), np.maximum(now / now.sum(), 1e-4)
            elif how == "tiny":
                p, q = before / before.sum() + 1e-6, now / now.sum() + 1e-6
            else:
                p, q = (before + s) / (before.sum() + s * B), (now + s) / (now.sum() + s * B)
            if how == "one direction":
                return float(np.sum(q * np.log(q / p)))
            if how == "log2":
                return float(np.sum((q - p) * np.log2(q / p)))
            if how == "absolute":
                return float(np.sum(np.abs(q - p)))
            sign = -1 if how == "sign" else 1
            return float(sign * np.sum((q - p) * np.log(q / p)))

    return psi


BEFORE, NOW = np.array([50.0, 30.0, 20.0, 0.0]), np.array([20.0, 12.0, 12.0, 6.0])


def _check_psi(psi: Distance) -> None:
    got = number(psi(BEFORE.copy(), NOW.copy()), "psi([50, 30, 20, 0], [20, 12, 12, 6])")
    messages = {
        "no smoothing": "a bin that was empty before makes it infinite. Add s = 0.5 to every count, before you divide.",
        "tiny": "you added a tiny constant where a bin is empty. The result then depends on how tiny: with 1e-9 it would be "
        "larger still. Add s = 0.5 to every *count*.",
        "smoothed shares": "s is added to the *counts*. Added to the shares, half of everything is made up.",
        "s once": "the shares no longer add up to 1: s goes into B bins, so the total grows by s times B.",
        "ten": "the total grew by ten times s, but B is the number of bins that you are given, and not always ten.",
        "counts": "you compared counts. A week with half the traffic is not a change of the mix: divide by the totals.",
        "one direction": "the sum runs over q ln(q / p): that is half of it, the Kullback-Leibler divergence. "
        "PSI has the factor (q - p), and is the same both ways round.",
        "log2": "this is in bits. PSI has the natural logarithm: the folklore limits are meant for that.",
        "absolute": "this is the sum of the absolute differences: the logarithm is missing.",
        "sign": "it is negative. Where q is larger than p, both (q - p) and ln(q / p) are positive.",
    }
    for how, message in messages.items():
        if is_same(got, _psi_wrongly(how)(BEFORE, NOW)):
            raise Incorrect(message)
    for s in (1.0, 0.1, 0.05, 0.01):
        if is_same(got, _psi(BEFORE, NOW, s)):
            raise Incorrect(f"you smoothed with s = {s:g}; here it is 0.5.")
    if got > 1.5 * _psi(BEFORE, NOW):
        raise Incorrect(
            "far too large: your empty bin has become a tiny share, whose logarithm rules the sum, and how tiny it is was "
            "your choice. Add s = 0.5 to every *count*."
        )
    same(got, _psi(BEFORE, NOW), what="before = [50, 30, 20, 0], now = [20, 12, 12, 6]: PSI")
    same(psi(np.array([8.0, 2.0]), np.array([8.0, 2.0])), 0.0, what="two equal windows")
    whole = psi(np.array([5, 0, 7]), np.array([1, 9, 0]))
    same(whole, _psi(np.array([5, 0, 7]), np.array([1, 9, 0])), what="whole numbers as counts, [5, 0, 7] and [1, 9, 0]")
    rng = np.random.default_rng(0)
    for bins in (2, 5, 40):
        a, b = rng.poisson(30, bins).astype(float), rng.poisson(3, bins).astype(float)
        same(psi(a.copy(), b.copy()), _psi(a, b), what=f"{bins} bins, of which some are empty")


# ------------------------------------------------------------------ 3.7.2 how large is nothing?
CLICKS, BINS, LARGE, QUANTILE = 150, 10, 100_000, 16.92
KEYS = ("expected", "clicks", "limit")


def _nothing() -> dict[str, float]:
    return {
        "expected": (BINS - 1) * (1 / CLICKS + 1 / CLICKS),
        "clicks": 2 * QUANTILE / 0.1,
        "limit": QUANTILE * (1 / LARGE + 1 / LARGE),
    }


def _check_nothing(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(KEYS):
        raise Incorrect(f"give a dict with the keys {', '.join(KEYS)}.")
    right = _nothing()
    expected, clicks, limit = (number(answer[key], key) for key in KEYS)
    if is_same(expected, BINS * 2 / CLICKS, rtol=1e-3):
        raise Incorrect("expected: B - 1 counts, not B. Shares add up to 1, so the last bin follows from the others.")
    if is_same(expected, (BINS - 1) / CLICKS, rtol=1e-3):
        raise Incorrect("expected: both windows are uncertain, so both count: 1 / n_p + 1 / n_q.")
    if expected == 0:
        raise Incorrect("expected: not 0, even though nothing changed. Two samples of one thing are never equal.")
    if not np.isclose(expected, right["expected"], rtol=0.005):
        raise Incorrect(
            f"expected: (B - 1) (1 / n_p + 1 / n_q) with B = 10 and 150 clicks twice; {expected:g} is not it."
        )
    if np.isclose(clicks, (BINS - 1) * 2 / 0.1, rtol=0.02):
        raise Incorrect(
            "clicks: with so many, PSI is 0.1 *on average*, so nearly half of all quiet days exceed it. You want the "
            "limit that one in twenty exceeds: take 16.92 instead of the mean, 9."
        )
    if np.isclose(clicks, QUANTILE / 0.1, rtol=0.02):
        raise Incorrect("clicks: both windows count, 1 / n_p + 1 / n_q = 2 / n.")
    if not np.isclose(clicks, right["clicks"], rtol=0.02):
        raise Incorrect(
            f"clicks: at {clicks:g}, a PSI of 0.1 is not what one in twenty exceeds. Solve 16.92 (2 / n) = 0.1."
        )
    if np.isclose(limit, (BINS - 1) * 2 / LARGE, rtol=0.02):
        raise Incorrect(
            "limit: that is what to expect without change. One in twenty exceeds 16.92 (1 / n_p + 1 / n_q)."
        )
    if np.isclose(limit, QUANTILE / LARGE, rtol=0.02):
        raise Incorrect("limit: both windows count, 1 / n_p + 1 / n_q.")
    if limit in (0.1, 0.25):
        raise Incorrect("limit: that is the folklore again. It does not know how many clicks there are.")
    if not np.isclose(limit, right["limit"], rtol=0.02):
        raise Incorrect(f"limit: 16.92 (1 / n_p + 1 / n_q) at 100,000 clicks in each window; {limit:g} is not it.")


def _nothing_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    x = np.linspace(0, 30, 300)
    fig, ax = plt.subplots()
    ax.plot(x, chi2.pdf(x, BINS - 1))
    ax.axvline(BINS - 1, color="#009E73", linestyle=":", label="mean: 9")
    ax.axvline(QUANTILE, color="#D55E00", linestyle="--", label="one in twenty lies beyond 16.92")
    ax.set(xlabel="PSI / (1 / n_p + 1 / n_q)", ylabel="density", title="PSI without change, in its own unit (ten bins)")
    ax.legend()
    figure_alt(fig, "A density with its mean at 9 and a tail to the right; a dashed line at 16.92.")
    return fig


# ------------------------------------------------------------------ 3.7.3 deal people, not rows
Null = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], np.ndarray]


def _dealt(before: np.ndarray, now: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    swap = rng.random((draws, len(before))) < 0.5
    moved = swap @ (now - before)
    return drift.psi(before.sum(axis=0) + moved, now.sum(axis=0) - moved)


def _dealt_wrongly(how: str) -> Null:
    def null(before: np.ndarray, now: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
        users, bins = before.shape
        out = []
        for _ in range(draws):
            if how == "rows":
                pooled = (before + now).sum(axis=0).astype(int)
                dealt = rng.multivariate_hypergeometric(pooled, int(now.sum()))
                out.append(drift.psi(pooled - dealt, dealt))
                continue
            if how == "one coin":
                swap = np.full((users, 1), rng.random() < 0.5)
            elif how == "bins":
                swap = rng.random((users, bins)) < 0.5
            elif how == "bootstrap":
                who = rng.integers(0, users, users)
                out.append(drift.psi(before[who].sum(axis=0), now[who].sum(axis=0)))
                continue
            elif how == "counted twice":
                swap = rng.random((users, 1)) < 0.5
                out.append(drift.psi(np.where(swap, now, before).sum(axis=0), now.sum(axis=0)))
                continue
            elif how == "shuffled":
                weeks = rng.permutation(np.concatenate([before, now]))
                out.append(drift.psi(weeks[:users].sum(axis=0), weeks[users:].sum(axis=0)))
                continue
            elif how == "half":
                some = rng.permutation(users) < users // 2
                both = before + now
                out.append(drift.psi(both[some].sum(axis=0), both[~some].sum(axis=0)))
                continue
            else:
                swap = rng.random((users, 1)) < (0.1 if how == "seldom" else 0.5)
            a, b = np.where(swap, now, before), np.where(swap, before, now)
            out.append(drift.psi(a.sum(axis=0), b.sum(axis=0)))
        if how == "largest":
            return np.sort(np.array(out))[::-1][:1]
        return np.array(out)

    return null


def _people(seed: int, users: int = 60, bins: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Two weeks of users who each see ten films of one or two kinds, again and again."""
    rng = np.random.default_rng(seed)
    own = np.stack([rng.multinomial(10, rng.dirichlet(np.full(bins, 0.3))) for _ in range(users)])
    return rng.poisson(0.7, (users, 1)) * own, rng.poisson(0.7, (users, 1)) * own


def _values(null: Null, before: np.ndarray, now: np.ndarray, draws: int, seed: int, what: str) -> np.ndarray:
    a, b = before.copy(), now.copy()
    try:
        got = np.asarray(null(a, b, draws, np.random.default_rng(seed)), dtype=float)
    except (TypeError, ValueError) as error:
        if "float()" in str(error) or "NoneType" in str(error):
            raise Incorrect("the function should return `draws` distances; is a `return` missing?") from None
        raise
    if not (np.array_equal(a, before) and np.array_equal(b, now)):
        raise Incorrect("before or now were changed: work on copies, or the next draw starts from dealt windows.")
    if got.shape != (draws,):
        raise Incorrect(f"{what}: the shape should be ({draws},), but is {got.shape}: one distance for each draw.")
    return got


def _check_dealt(null: Null) -> None:
    # Ann saw films of bin 0 only, all of them in the first week; Bob those of bin 1, in the second.
    before, now = np.array([[20, 0], [0, 0]]), np.array([[0, 0], [0, 20]])
    apart = float(drift.psi(np.array([20, 0]), np.array([0, 20])))
    together = float(drift.psi(np.array([20, 20]), np.array([0, 0])))
    got = _values(null, before, now, 400, 1, "two users")
    unlike = ~(np.isclose(got, apart) | np.isclose(got, together))
    if unlike.any():
        some = f"of a draw was {got[unlike][0]:.3g}"
        raise Incorrect(
            f"two users, Ann with 20 rows in the first week and Bob with 20 in the second. The distance {some}: somebody's "
            "rows were torn apart, or were left out, or counted twice. A user's week moves as a whole, all bins together, "
            "and every row is in one window: two distances are possible here."
        )
    alike = np.array([[20, 0], [0, 20]])
    still = np.isclose(_values(null, alike, alike, 60, 1, "two users"), 0)
    if not still.all():
        raise Incorrect(
            "two users who did the same in both weeks: whoever's weeks change places, the distance stays 0. Yours does "
            + (
                "so in some draws only: in the others both weeks of a user came into one window, as if everybody's weeks were "
                "shuffled together. A user exchanges their *own* two."
                if still.any()
                else "not: you put a user's *two* weeks together into one window. One of them belongs into each."
            )
        )
    share = np.isclose(got, together).mean()
    who = "two users, Ann with 20 rows in the first week and Bob with 20 in the second:"
    if share == 0:
        raise Incorrect(
            f"{who} in no draw were they in the same window, but chance alone puts them there half of the time. "
            "Every user needs a coin of their own, anew in every draw."
        )
    if not 0.38 < share < 0.62:
        raise Incorrect(
            f"{who} in {share:.0%} of the draws they were in the same window. With a fair coin for each it is half of them."
        )
    # One user: whichever way round, PSI is the same.
    before, now = np.array([[3, 7]]), np.array([[16, 4]])
    got = _values(null, before, now, 20, 2, "one user")
    if not np.allclose(got, drift.psi(before[0], now[0])):
        raise Incorrect(
            "a single user: PSI is the same whichever of the two weeks comes first, so all draws are equal."
        )
    for seed in (0, 1, 2):
        before, now = _people(seed)
        got = _values(null, before, now, 4000, seed, "60 users")
        want = _dealt(before, now, 20_000, np.random.default_rng(seed))
        if abs(np.corrcoef(got[1:], got[:-1])[0, 1]) > 0.2 or np.unique(got.round(9)).size < 2000:
            raise Incorrect("the draws depend on one another: deal anew in every draw, from the windows as they were.")
        for level in (0.25, 0.5, 0.9):
            g, w = np.quantile(got, level), np.quantile(want, level)
            if not np.isclose(g, w, rtol=0.15):  # six standard errors: a right answer is never refused
                raise Incorrect(
                    f"60 users, 4,000 draws: in {level:.0%} of them the distance should stay below {w:.4f}, but yours "
                    f"{'stay' if g > w else 'do so'} below {g:.4f}. Every user's two weeks change places, or not, with "
                    "chance one half."
                )
    again = [_values(null, before, now, 5, seed, "five draws") for seed in (3, 3, 4)]
    if not np.array_equal(again[0], again[1]):
        raise Incorrect("the same rng gave other draws: take all chance from the `rng` that you are given.")
    if np.array_equal(again[0], again[2]):
        raise Incorrect("two different rngs gave the same draws: take all chance from the `rng` that you are given.")


# ------------------------------------------------------------------ 3.7.4 read the log
POD, FIRST, CAUSE = "c", 30, "shuffled"
CAUSES = {
    "popular": "the pod answers with the popularity list",
    "shuffled": "the pod gives people the lists of other people",
    "reversed": "the right films, in the wrong order",
    "lost": "a part of the pod's clicks never reaches the log",
}


@functools.cache
def pod_log() -> pd.DataFrame:
    """Five weeks of three pods' events (3.7.4). Columns of the simulator's log, and day and pod."""
    data = datasets.load("ml-100k")
    audience = Audience(visits=0.1, seed=7).fit(data.ratings)
    model = registry.make("ease").fit(data.ratings[data.ratings["rating"] >= LIKED])
    own = model.recommend(audience.users, n=10, unknown="popular")
    rng = np.random.default_rng(7)
    parts = []
    for day in range(35):
        came = audience.users[audience.arrivals() > 0]
        pods = rng.choice(list("abc"), len(came))
        for pod in "abc":
            lists = own
            if pod == POD and day >= FIRST:
                other = pd.Series(rng.permutation(audience.users), index=audience.users)
                lists = own.assign(user=own["user"].map(other))
            events = audience.visit(lists[lists["user"].isin(came[pods == pod])], day=day, model="ease-1")
            parts.append(events.assign(day=day, pod=pod))
    log = pd.concat(parts, ignore_index=True)
    return log.sort_values(["at", "rank"], kind="stable", ignore_index=True)


def _check_found(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != {"pod", "day", "cause"}:
        raise Incorrect("give a dict with the keys pod, day and cause.")
    if answer["pod"] != POD:
        if answer["pod"] not in ("a", "b"):
            raise Incorrect(f"there is no pod {answer['pod']!r}; they are called a, b and c.")
        raise Incorrect(
            f"pod {answer['pod']} has the click rate that it always had. Compare clicks per impression of the current "
            "week with those of the four weeks before, for each pod."
        )
    day = number(answer["day"], "day")
    if day == 28:
        raise Incorrect(
            "day 28 is where the current window begins. The fault began later: look at single days of the pod."
        )
    if answer["cause"] not in CAUSES:
        raise Incorrect(f"cause: one of {', '.join(CAUSES)}.")
    if answer["cause"] == "popular":
        raise Incorrect(
            "the popularity list has ten films, or a few more since films that one knows are left out. Count the different "
            "films that this pod showed in its last days: far more, as before."
        )
    if answer["cause"] == "reversed":
        raise Incorrect(
            "take somebody who came before and after: if only the order had changed, the ten films would still be the same ten."
        )
    if answer["cause"] == "lost":
        raise Incorrect(
            "lost clicks would leave the *lists* as they were. Take somebody who came before and after, and compare the films."
        )
    if day != FIRST:
        raise Incorrect(
            f"the pod and the cause are right, the day is not: on day {FIRST if day > FIRST else FIRST - 1} this pod "
            f"{'already gave people films that they were never shown before' if day > FIRST else 'still gave everybody their own list'}."
        )


def _overlap_figure() -> Any:
    import matplotlib.pyplot as plt

    from recsys_lab.course.figures import figure_alt

    log = pod_log()
    rates = log.assign(now=log["day"] >= 28).groupby(["now", "kind"]).size().unstack()
    rates = rates["click"] / rates["impression"]
    fig, ax = plt.subplots()
    ax.bar(["four weeks before", "current week"], rates, color=["#0072B2", "#D55E00"])
    ax.set(ylabel="clicks an impression", title="All pods together: fewer clicks")
    figure_alt(
        fig, "Clicks an impression of all pods together: lower in the current week than in the four weeks before."
    )
    return fig


# ------------------------------------------------------------------ 3.7.5 what a policy costs
Cost = Callable[[np.ndarray, int, float, float], float]


def _cost(loss: np.ndarray, d: int, visits: float, training: float) -> float:
    return float((training + visits * np.sum(loss[:d])) / d)


def _cost_wrongly(how: str) -> Cost:
    def cost(loss: np.ndarray, d: int, visits: float, training: float) -> float:
        lost = loss[:d].sum()
        return float(
            {
                "last day": training / d + visits * loss[d - 1],
                "training each day": training + visits * lost / d,
                "per cycle": training + visits * lost,
                "a day more": (training + visits * loss[: d + 1].sum()) / d,
                "from the second": (training + visits * loss[1:d].sum()) / d,
                "shifted": (training + visits * loss[1 : d + 1].sum()) / d,
                "no visits": (training + lost) / d,
                "all": (training + visits * loss.sum()) / d,
                "mean of all": training / d + visits * loss.mean(),
                "averaged twice": (training + visits * lost / d) / d,
            }[how]
        )

    return cost


def _check_cost(cost: Cost) -> None:
    loss = np.array([0.01, 0.03, 0.08, 0.2, 0.4])
    got = number(
        cost(loss.copy(), 3, 100.0, 50.0), "cost_per_day([0.01, 0.03, 0.08, 0.2, 0.4], d=3, visits=100, training=50)"
    )
    messages = {
        "last day": "every day of the cycle is charged as if the model were as old as on its last. Add up the loss of *each* day.",
        "training each day": "training is paid once a cycle, so a day bears training / d of it.",
        "per cycle": "that is what a whole cycle of d days costs. Cycles of different length are compared by their cost a *day*.",
        "a day more": "a cycle of d days has d losses, loss[0] to loss[d - 1]: you added one more.",
        "from the second": "the model's first day is loss[0]: you left it out.",
        "shifted": "loss[0] is l_1, the model's first day: yours are the days 2 to d + 1.",
        "no visits": "loss is in clicks a visit: times the visits of a day, it is clicks.",
        "all": "you added up all of `loss`. After d days the model is replaced: only the first d days count.",
        "mean of all": "you averaged all of `loss`. After d days the model is replaced: average the first d days only.",
        "averaged twice": "you divided the losses by d twice. The whole cycle, training and losses, is divided by d once.",
    }
    for how, message in messages.items():
        if is_same(got, _cost_wrongly(how)(loss, 3, 100.0, 50.0)):
            raise Incorrect(message)
    same(got, _cost(loss, 3, 100.0, 50.0), what="loss = [0.01, 0.03, 0.08, 0.2, 0.4], d = 3, 100 visits, training 50")
    same(cost(loss.copy(), 1, 100.0, 30.0), 31.0, what="d = 1: a new model every day")
    same(cost(loss.copy(), 4, 100.0, 0.0), 8.0, what="d = 4, training for nothing")
    rng = np.random.default_rng(0)
    for days in (5, 30):
        grown = np.sort(rng.random(days)) / 10
        for d in (1, days // 2, days):
            want = _cost(grown, d, 5000.0, 700.0)
            same(cost(grown.copy(), d, 5000.0, 700.0), want, what=f"{days} losses, d = {d}")


EXERCISES = [
    Exercise(
        id="3.7.1",
        title="PSI by hand",
        kind="build",
        prompt="""
            Write the formula above as a function of two rows of counts. Smooth with $s = 0.5$: a bin may be empty in one of
            the windows, and that is exactly when people look at the number.
        """,
        reference=lambda: _psi,
        check=_check_psi,
        hints=(
            "First the shares: add 0.5 to each count, and divide by a total that makes them add up to 1. How much larger is "
            "that total than the sum of the counts?",
            "`p = (before + 0.5) / (before.sum() + 0.5 * len(before))`, `q` likewise from `now`; then "
            "`np.sum((q - p) * np.log(q / p))`.",
        ),
        wrong=(
            WrongAnswer("no smoothing", lambda: _psi_wrongly("no smoothing"), "makes it infinite"),
            WrongAnswer("a tiny constant", lambda: _psi_wrongly("tiny"), "how tiny"),
            WrongAnswer("another s", lambda: functools.partial(_psi, s=1.0), "smoothed with s = 1"),
            WrongAnswer("empty shares clipped", lambda: _psi_wrongly("clipped"), "far too large"),
            WrongAnswer("smoothed shares", lambda: _psi_wrongly("smoothed shares"), "to the *counts*"),
            WrongAnswer("total grows by s only", lambda: _psi_wrongly("s once"), "s times B"),
            WrongAnswer("ten bins, always", lambda: _psi_wrongly("ten"), "not always ten"),
            WrongAnswer("counts, not shares", lambda: _psi_wrongly("counts"), "divide by the totals"),
            WrongAnswer("Kullback-Leibler", lambda: _psi_wrongly("one direction"), "half of it"),
            WrongAnswer("in bits", lambda: _psi_wrongly("log2"), "natural logarithm"),
            WrongAnswer("absolute differences", lambda: _psi_wrongly("absolute"), "logarithm is missing"),
            WrongAnswer("sign turned", lambda: _psi_wrongly("sign"), "negative"),
        ),
        points=2,
        explanation="Every term is positive: where a share has grown, both factors are, where it has shrunk, neither. So nothing "
        "cancels. It does not matter which window comes first, which the Kullback-Leibler divergence cannot say of itself: "
        "PSI is the sum of its two directions. The half that is added to each count is worth half an event, whatever the traffic, "
        "so it fades as counts grow. A constant added to the *share* does not fade.",
        expected=example("psi([50, 30, 20, 0], [20, 12, 12, 6])", lambda: _psi(BEFORE, NOW)),
    ),
    Exercise(
        id="3.7.2",
        title="How large is nothing?",
        kind="figure it out",
        prompt="""
            A small shop compares yesterday's clicks with today's, 150 on each day, in ten bins, and alarms at PSI > 0.1.
            Nothing ever changes there. Guess first: how often does its alarm ring? Then work out three numbers, on paper or in code.

            - `expected`: the PSI that the shop should expect on a day on which nothing has changed.
            - `clicks`: how many clicks *each* window must have so that only one unchanged pair of windows in twenty exceeds 0.1.
            - `limit`: a large shop has 100,000 clicks in each window. Which PSI does one unchanged pair in twenty exceed there?

            What you need: PSI without change, divided by $1 / n_p + 1 / n_q$, has a known distribution (chi-square with $B - 1$
            degrees of freedom; here 9). Its mean is 9, and one draw in twenty exceeds **16.92**.
        """,
        reference=_nothing,
        check=_check_nothing,
        hints=(
            "`expected` is the formula above with $n_p = n_q = 150$. For the other two, put 16.92 in place of the mean, 9.",
            "`clicks` solves 16.92 (1 / n + 1 / n) = 0.1. `limit` is 16.92 (1 / 100,000 + 1 / 100,000).",
        ),
        wrong=(
            WrongAnswer("B instead of B - 1", lambda: _nothing() | {"expected": 20 / 150}, "B - 1 counts"),
            WrongAnswer("one window is certain", lambda: _nothing() | {"expected": 9 / 150}, "both windows"),
            WrongAnswer("nothing is zero", lambda: _nothing() | {"expected": 0.0}, "never equal"),
            WrongAnswer("the mean as the limit", lambda: _nothing() | {"clicks": 180}, "on average"),
            WrongAnswer("one window in clicks", lambda: _nothing() | {"clicks": 169.2}, "both windows count"),
            WrongAnswer("the mean at 100,000", lambda: _nothing() | {"limit": 0.00018}, "what to expect"),
            WrongAnswer("the folklore", lambda: _nothing() | {"limit": 0.1}, "folklore again"),
        ),
        points=2,
        explanation="The small shop should expect 0.12, so its alarm at 0.1 rings on more than half of all days. It needs about 340 clicks in each "
        "window before 0.1 means anything. The large shop should wake up at 0.0003, and with a limit of 0.1 it sleeps through "
        "changes three hundred times as large. A limit is not a property of PSI. It belongs to a number of bins, to the traffic, and "
        "to how often you can bear a false alarm.",
        expected=_nothing_figure,
    ),
    Exercise(
        id="3.7.3",
        title="Deal people, not rows",
        kind="figure it out",
        prompt="""
            A colleague has heard that limits should come from the data: pool the rows of both weeks, deal them anew at random,
            and see how large PSI gets by chance alone.

            ```python
            def null(before, now, draws, rng):  # counts by user and bin, (n_users, n_bins), of two weeks
                pooled = (before + now).sum(axis=0)
                dealt = rng.multivariate_hypergeometric(pooled, now.sum(), size=draws)  # rows, drawn like lottery balls
                return drift.psi(pooled - dealt, dealt)
            ```

            The idea is right, and the alarm still rings five to six times as often as it should. Find out what is dealt here, and what *may*
            be dealt if nothing has changed. Both weeks are equally long. So for any one user, this week and last week might as
            well have come in the other order.
        """,
        reference=lambda: _dealt,
        check=_check_dealt,
        hints=(
            "Ten rows of one visit are one decision of one person to come. If she had come last week instead, all ten rows would "
            "have moved. So toss one coin for each user, and exchange her two rows of counts, `before[u]` and `now[u]`, or do not.",
            "`swap = rng.random((draws, n_users)) < 0.5`; a swapped user adds `now - before` to the first window and takes it "
            "from the second: `moved = swap @ (now - before)`, then `drift.psi(before.sum(axis=0) + moved, now.sum(axis=0) - moved)`.",
        ),
        wrong=(
            WrongAnswer("rows are dealt", lambda: _dealt_wrongly("rows"), "torn apart"),
            WrongAnswer("bins are dealt", lambda: _dealt_wrongly("bins"), "PSI is the same whichever"),
            WrongAnswer("one coin for all", lambda: _dealt_wrongly("one coin"), "coin of their own"),
            WrongAnswer("users drawn with repetition", lambda: _dealt_wrongly("bootstrap"), "left out"),
            WrongAnswer("one window dealt, the other kept", lambda: _dealt_wrongly("counted twice"), "counted twice"),
            WrongAnswer(
                "half of the users into each window", lambda: _dealt_wrongly("half"), "weeks together into one window"
            ),
            WrongAnswer(
                "everybody's weeks shuffled together",
                lambda: _dealt_wrongly("shuffled"),
                "shuffled together",
            ),
            WrongAnswer("an unfair coin", lambda: _dealt_wrongly("seldom"), "fair coin"),
            WrongAnswer("the largest alone", lambda: _dealt_wrongly("largest"), "the shape should be"),
        ),
        points=3,
        explanation="What may be dealt is what chance deals: people's weeks. A permutation test is only as good as the claim that "
        "the dealt data could have come about as well. Rows of one list do not move on their own, so dealing rows makes a chance that "
        "is much too tame. It is the mistake of the unit of analysis that lesson 3.5 warned of: there, too, users were "
        "assigned and users had to be counted. `alarms.deal` of the library does the same for windows of unequal length, day by day.",
        expected=lambda: (
            "null([[20, 0], [0, 0]], [[0, 0], [0, 20]], draws, rng): two users, so two distances are possible,\n"
            f"  {float(drift.psi(np.array([20, 0]), np.array([0, 20]))):.4f} in about half of the draws, "
            f"{float(drift.psi(np.array([20, 20]), np.array([0, 0]))):.4f} in the others"
        ),
    ),
    Exercise(
        id="3.7.4",
        title="Read the log",
        kind="figure it out",
        prompt="""
            `incident` is the log behind that report: days 0 to 34, of which 28 to 34 are the current week. Each visit was answered by
            one of three pods, `a`, `b`, `c`, at random. Find out which pod is broken, the first day on which it was, and what it does. One of:

            - `"popular"`: the pod answers with the popularity list
            - `"shuffled"`: the pod gives people the lists of other people
            - `"reversed"`: the right films, in the wrong order
            - `"lost"`: a part of the pod's clicks never reaches the log

            Answer with a dict, `{"pod": ..., "day": ..., "cause": ...}`. You know the tool: `GROUP BY`. And you know one thing about the healthy
            service: the model did not change in these five weeks, so neither did anybody's ten films.
        """,
        reference=lambda: {"pod": POD, "day": FIRST, "cause": CAUSE},
        check=_check_found,
        hints=(
            "Clicks per impression, by pod, in the current week and before, shows the pod. For the cause, look at single people: "
            "somebody who came before day 28, and was answered by this pod in its last days. Compare the two lists.",
            "Take the pairs (user, item) of all impressions before day 28. For each impression of the broken pod from day 28 on, ask "
            "whether its pair is among them (only for users who were here before). By day, the share falls from 1 to almost 0. "
            "Which of the four causes changes *who* gets a film, and not which films are shown?",
        ),
        wrong=(
            WrongAnswer(
                "another pod",
                lambda: {"pod": "a", "day": FIRST, "cause": CAUSE},
                "has the click rate that it always had",
            ),
            WrongAnswer(
                "the window's first day", lambda: {"pod": POD, "day": 28, "cause": CAUSE}, "current window begins"
            ),
            WrongAnswer(
                "a day early", lambda: {"pod": POD, "day": FIRST - 1, "cause": CAUSE}, "still gave everybody their own"
            ),
            WrongAnswer(
                "a day late", lambda: {"pod": POD, "day": FIRST + 1, "cause": CAUSE}, "already gave people films"
            ),
            WrongAnswer(
                "the popularity list", lambda: {"pod": POD, "day": FIRST, "cause": "popular"}, "far more, as before"
            ),
            WrongAnswer("the order", lambda: {"pod": POD, "day": FIRST, "cause": "reversed"}, "same ten"),
            WrongAnswer(
                "lost clicks", lambda: {"pod": POD, "day": FIRST, "cause": "lost"}, "leave the *lists* as they were"
            ),
        ),
        points=3,
        explanation="""
            Pod c, from day 30 on, gives people the lists of other people: a cache whose key lost the user, say.

            ```python
            shown = incident[incident["kind"] == "impression"]
            rate = incident.groupby(["pod", incident["day"] >= 28, "kind"]).size().unstack()
            rate["click"] / rate["impression"]                               # pod c: far fewer than before

            seen = set(zip(*shown.loc[shown["day"] < 28, ["user", "item"]].to_numpy().T))
            known = shown["user"].isin({user for user, _ in seen})
            c = shown[known & (shown["pod"] == "c") & (shown["day"] >= 28)]
            own = pd.Series([pair in seen for pair in zip(c["user"], c["item"])], index=c["day"])
            own.groupby("day").mean()                                        # 1, 1, then almost 0
            ```

            In total the service showed the same films as ever, as often as ever. Distances between *totals* cannot see that the right films
            go to the wrong people. What sees it is the outcome, and a check that knows the person: the overlap of somebody's list with their list of
            yesterday. It is also the worst of the four: what one person watched has been shown to another.
        """,
        expected=_overlap_figure,
    ),
    Exercise(
        id="3.7.5",
        title="What a policy costs",
        kind="build",
        prompt="""
            Write $C(d)$ as a function: the cost a day, in clicks, of a new model every `d` days. `loss` is an array, `loss[0]` is $l_1$, what the
            model loses on its first day, in clicks a visit.
        """,
        reference=lambda: _cost,
        check=_check_cost,
        hints=(
            "What does one whole cycle of d days cost? One training, and on each of its days the visits times that day's loss. Then spread "
            "it over the d days.",
            "`loss[:d].sum()` are the losses of the d days; `(training + visits * loss[:d].sum()) / d`.",
        ),
        wrong=(
            WrongAnswer("the last day's loss throughout", lambda: _cost_wrongly("last day"), "as on its last"),
            WrongAnswer("training paid daily", lambda: _cost_wrongly("training each day"), "once a cycle"),
            WrongAnswer("cost of a cycle", lambda: _cost_wrongly("per cycle"), "cost a *day*"),
            WrongAnswer("one day too many", lambda: _cost_wrongly("a day more"), "one more"),
            WrongAnswer("the first day forgotten", lambda: _cost_wrongly("from the second"), "left it out"),
            WrongAnswer("all a day late", lambda: _cost_wrongly("shifted"), "days 2 to d + 1"),
            WrongAnswer("visits forgotten", lambda: _cost_wrongly("no visits"), "clicks a visit"),
            WrongAnswer("d ignored", lambda: _cost_wrongly("all"), "only the first d days"),
            WrongAnswer("mean of all losses", lambda: _cost_wrongly("mean of all"), "average the first d days"),
            WrongAnswer("divided twice", lambda: _cost_wrongly("averaged twice"), "twice"),
        ),
        points=2,
        explanation="Training alone would say: as seldom as possible. Staleness alone: as often as possible. The sum has a minimum between them, and "
        "it is flat: a few days to either side cost little. So the policy need not be exact, only not absurd.",
        expected=example(
            "cost_per_day([0.01, 0.03, 0.08, 0.2, 0.4], d=3, visits=100, training=50)",
            lambda: _cost(np.array([0.01, 0.03, 0.08, 0.2, 0.4]), 3, 100.0, 50.0),
        ),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_grows() -> str:
    small, large = ((BINS - 1) * 2 / n for n in (1_000, 100_000))
    return {1: "a", 10: "b", 100: "c"}[round(small / large)]


def _key_weekly() -> str:
    chance = 1 - (1 - 0.01) ** (20 * 7)
    return {1: "a", 20: "b", 76: "c"}[round(100 * chance)]


def _key_twice() -> str:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 400), rng.normal(0.08, 1, 400)
    once, twice = ks_2samp(a, b).pvalue, ks_2samp(np.repeat(a, 2), np.repeat(b, 2)).pvalue
    return "c" if twice < once - 1e-6 else "b" if twice > once + 1e-6 else "a"


@functools.cache
def _key_better() -> str:
    """A better model on the same audience: is it worth more, and is what it shows far from what was shown?"""
    data = datasets.load("ml-100k")
    liked = data.ratings[data.ratings["rating"] >= LIKED]
    audience = Audience(seed=0).fit(data.ratings)
    models = [registry.make(name).fit(liked) for name in ("ease", "implicit-als")]
    lists = [model.recommend(audience.users, n=10, unknown="popular") for model in models]
    values = [audience.value(one) for one in lists]
    from recsys_lab.production.measures import popularity_bins

    counts = [np.bincount(popularity_bins(models[0].train_, one["item"])[0], minlength=11) for one in lists]
    shown = float(drift.psi(counts[0], counts[1])) > QUANTILE * 2 / counts[0].sum()
    return ("b" if values[1] > values[0] else "a") if shown else "c"


def _key_cheaper() -> str:
    loss = 1e-4 * np.arange(1, 400) ** 2
    best = [min(range(1, 400), key=lambda d: _cost(loss, d, 1000.0, c)) for c in (64_000.0, 8_000.0)]
    ratio = best[0] / best[1]
    return "b" if 1.7 < ratio < 2.3 else "c" if ratio > 5 else "a"


QUIZ = [
    Question(
        text="Nothing has changed. Both windows grow from 1,000 events to 100,000, ten bins. What happens to the PSI to be expected?",
        choices={"a": "it stays as it is", "b": "it falls to a tenth", "c": "it falls to a hundredth"},
        key=_key_grows,
        why={
            "a": "A distance that did not depend on the number of events could have one limit for all. This one does depend on it.",
            "b": "A *mean* would settle like one over the square root. PSI is made of squares of such differences.",
            "c": "(B - 1) (1 / n_p + 1 / n_q): a hundred times the events, a hundredth of the distance. One limit cannot fit both.",
        },
    ),
    Question(
        text="Twenty independent checks run once a day, each with a false-alarm rate of 1 %. How many quiet weeks have at least one alarm?",
        choices={"a": "1 %", "b": "20 %", "c": "76 %"},
        key=_key_weekly,
        why={
            "a": "That is one check on one day. A week has 140 of them.",
            "b": "That is, nearly, one day with its twenty checks. A week has seven.",
            "c": "1 - 0.99^140. Three weeks of four cry wolf, although each check keeps its promise.",
        },
    ),
    Question(
        text="By mistake, every event is logged twice from the first day on, in both windows. What does that do to the p-value of a KS test on the rows?",
        choices={"a": "nothing: the shares are the same", "b": "it rises", "c": "it falls"},
        key=_key_twice,
        why={
            "a": "The distance stays the same. But the test believes that it has twice the evidence for it.",
            "b": "More rows never make the same distance less surprising to it.",
            "c": "The same distance from twice the rows looks more surprising, although nothing was learned. Ten films of one visit do the same.",
        },
    ),
    Question(
        text="You publish a better model (say, ImplicitALS in place of EASE, for this lesson's audience). What will the next weeks show?",
        choices={
            "a": "what is shown has drifted, and clicks fall",
            "b": "what is shown has drifted, and clicks rise, perhaps too little to be told from luck",
            "c": "nothing: a better model is no drift",
        },
        key=_key_better,
        why={
            "a": "Drift of what is shown is no fault in itself, and does not mean fewer clicks.",
            "b": "Another model shows other films: an alarm with a known cause. That it is better, an experiment shows.",
            "c": "The distances do not know good from bad. A model that shows the same as before could not have been better.",
        },
    ),
    Question(
        text="The loss grows with the square of the model's age. Training becomes eight times cheaper. How does the best period between trainings change?",
        choices={"a": "it stays", "b": "about half", "c": "about an eighth"},
        key=_key_cheaper,
        why={
            "a": "Then you would pay for staleness what you no longer need to pay.",
            "b": "The cost a day is c / d plus something like d squared, with its minimum at the cube root of c. The cube root of an eighth is a half.",
            "c": "Eight times as many trainings would spend all that was saved; young models lose almost nothing, so it buys little.",
        },
    ),
]
