"""Exercises and quiz of lesson 5.1, Design Netflix recommendations."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.experiment.power import plan_proportions
from recsys_lab.production import capacity, latency
from recsys_lab.production.latency import Stage
from recsys_lab.production.units import quantity

MEMBERS, SHARE, PAGES, PEAK = 301.63e6, 0.5, 4, 2  # the lesson's table; a test holds the two together
PAGE_KB, EVENTS, EVENT_BYTES, KEEP_DAYS = 60, 300, 300, 400
SECONDS = 86_400


# ------------------------------------------------------------------ 5.1.1 find the wrong unit
_USERS = MEMBERS * SHARE
_PER_SECOND = _USERS * PAGES * PEAK / SECONDS
NOTES = {  # letter: what is claimed, the claimed number, the true one
    "a": ("people who come on a day, in millions", _USERS / 1e6, _USERS / 1e6),
    "b": ("pages a second at the peak", _PER_SECOND, _PER_SECOND),
    "c": ("pages in work at the same time, 60 ms each", _PER_SECOND * 0.060, _PER_SECOND * 0.060),
    "d": (f"network, {PAGE_KB} kB a page, in Gbit/s", _PER_SECOND * PAGE_KB / 1e6, _PER_SECOND * PAGE_KB * 8 / 1e6),
    "e": (
        f"events a second on average, {EVENTS} a person and day",
        _USERS * EVENTS / SECONDS,
        _USERS * EVENTS / SECONDS,
    ),
    "f": (
        f"log of {KEEP_DAYS} days, {EVENT_BYTES} bytes an event, in PB",
        PEAK * _USERS * EVENTS * EVENT_BYTES * KEEP_DAYS / 1e15,
        _USERS * EVENTS * EVENT_BYTES * KEEP_DAYS / 1e15,
    ),
    "g": ("table of 18,000 titles, 128 numbers of 4 bytes, in MB", 18_000 * 128 * 4 / 1e6, 18_000 * 128 * 4 / 1e6),
}


def _factors() -> dict[str, float]:
    return {letter: true / claimed for letter, (_, claimed, true) in NOTES.items() if not math.isclose(true, claimed)}


def _check_factors(answer: Mapping[str, float]) -> None:
    if not isinstance(answer, Mapping):
        raise Incorrect("give a dict from the letters of the wrong lines to factors, such as {'a': 10}.")
    given = {
        str(letter).strip().lower(): number(value, f"the factor of line {letter}") for letter, value in answer.items()
    }
    true = _factors()
    unknown = sorted(given.keys() - NOTES.keys())
    if unknown:
        raise Incorrect(f"there is no line {unknown[0]!r}: the lines are a to g.")
    given = {letter: value for letter, value in given.items() if not math.isclose(value, 1)}
    innocent = sorted(given.keys() - true.keys())
    if innocent:
        raise Incorrect(f"line {innocent[0]} is right: compute it from the numbers that it names, unit by unit.")
    for letter, value in given.items():
        if math.isclose(value * true[letter], 1, rel_tol=1e-3):
            raise Incorrect(
                f"line {letter} is wrong, and your factor is upside down: by what must the *note* be multiplied?"
            )
        if not math.isclose(value, true[letter], rel_tol=1e-3):
            raise Incorrect(f"line {letter} is wrong, but not by that factor. Compute what it should say, and divide.")
    if "d" not in given:
        raise Incorrect(
            "one more line is wrong, and a units library would have refused it: look at what each result is measured in."
        )
    if "f" not in given:
        raise Incorrect(
            "one more line is wrong, and its units are in order. Which number of people, and which moment of the day, does each line mean?"
        )


WRONG_UNIT = Exercise(
    id="5.1.1",
    title="Two wrong lines, one wrong unit",
    kind="figure it out",
    prompt=f"""
    A colleague's notes, for the table above ({MEMBERS / 1e6:g} million members, of whom {SHARE:.0%} come on a day, {PAGES} pages each, a peak of {PEAK}):

    | line | what | result |
    |---|---|---|
    """
    + "\n    ".join(
        f"| {letter} | {what} | {float(f'{claimed:.4g}'):,.6g} |" for letter, (what, claimed, _) in NOTES.items()
    )
    + """

    **Two lines are wrong.** One mixes up units, and a units library would have refused it. The other has the right unit, and is wrong all the same. Answer with
    a dict: for each wrong line its letter, and the factor that its result must be multiplied by. Rounding is not meant.
    """,
    reference=_factors,
    check=_check_factors,
    hints=(
        "Let the library compute each line, with `quantity`, from the numbers that the line names. For the second one ask what the result is *used* for.",
        "A line of networks sells bits, a page is measured in bytes. And a log fills up all day long, also at night.",
    ),
    wrong=(
        WrongAnswer("only the bits", lambda: {"d": 8}, "its units are in order"),
        WrongAnswer("only the peak", lambda: {"f": 0.5}, "would have refused it"),
        WrongAnswer("the inverse", lambda: {"d": 1 / 8, "f": 0.5}, "line d is wrong, and your factor is upside down"),
        WrongAnswer("twice as much", lambda: {"d": 8, "f": 2}, "line f is wrong, and your factor is upside down"),
        WrongAnswer("powers of 1024", lambda: {"d": 8 * 1000 / 1024, "f": 0.5}, "not by that factor"),
        WrongAnswer("60 ms were not converted", lambda: {"c": 1000, "d": 8}, "line c is right"),
        WrongAnswer("the letters only", lambda: ["d", "f"], "give a dict"),
    ),
    points=2,
    explanation="Line d gives gigabytes a second and calls them gigabits: the network must be eight times as wide. Line f multiplies the log by the peak. Its unit, bytes, is right; but "
    "a log of 400 days is filled by the *mean* of these days, so half is enough. Units find the first kind of mistake. For the second, say with each number which moment it belongs to: "
    "machines and networks are bought for the peak, storage and bills are made by the mean.",
)


# ------------------------------------------------------------------ 5.1.2 servers
def _servers(rate: float, seconds: float, at_once: int, busy: float, zones: int) -> int:
    m = math.ceil(rate * seconds / (at_once * busy))
    return m if zones == 1 else zones * math.ceil(m / (zones - 1))


def _servers_wrongly(how: str) -> Callable[..., int]:
    def servers(rate: float, seconds: float, at_once: int, busy: float, zones: int) -> int:
        load = rate * seconds
        exact = {
            "no busy": load / at_once,
            "busy above": load * busy / at_once,
            "the free share": load / (at_once * max(1 - busy, 1e-9)),
            "one at a time": load / busy,
            "milliseconds": rate * seconds / 1000 / (at_once * busy),
            "no time": rate / (at_once * busy),
        }.get(how, load / (at_once * busy))
        m = (
            int(exact)
            if how == "floor"
            else round(exact)
            if how == "round"
            else int(exact) + 1
            if how == "plus one"
            else math.ceil(exact)
        )
        if zones == 1 and how != "one zone doubled":
            return m
        left = max(zones - 1, 1)
        return {
            "zones forgotten": m,
            "all zones left": zones * math.ceil(m / zones),
            "a zone more": m + math.ceil(m / zones),
            "uneven": math.ceil(m * zones / left),
            "each zone all": zones * m,
            "one zone doubled": 2 * m if zones == 1 else zones * math.ceil(m / left),
        }.get(how, zones * math.ceil(m / left))

    return servers


def _attempt(servers: Callable[..., int], case: tuple) -> float | None:
    try:
        return number(servers(*case), "the servers")
    except ArithmeticError:
        return None


def _check_servers(servers: Callable[..., int]) -> None:
    messages = {
        "the free share": "you divided by `1 - busy`, the share that is kept free. What carries the load is the share in use.",
        "no busy": "the servers are planned full. At a share `busy` each bears less, so divide by it.",
        "busy above": "`busy` belongs below the line: servers that are kept half empty are *more* servers.",
        "one at a time": "a server works on `at_once` requests at the same time.",
        "milliseconds": "`seconds` is in seconds already.",
        "no time": "the time of a request is missing: Little's law multiplies the rate by it.",
        "floor": "rounded down, a part of the load has no server. Round up.",
        "round": "rounded to the nearest, a part of the load may have no server. Round up.",
        "plus one": "where the load fits exactly, no further server is needed.",
        "zones forgotten": "when a zone fails, too few are left: plan for the loss of one.",
        "all zones left": "you divided the load over all zones. After a failure there is one zone less to carry it.",
        "a zone more": "you added one zone's share of the load as it is with all zones. When one of three fails, each of the other two carries a half, not a third.",
        "uneven": "that number cannot be dealt evenly to the zones, and the largest of them may be the one that fails. Round up *within* a zone, then multiply.",
        "each zone all": "each zone could bear everything alone. Only one may fail: the others share the load.",
        "one zone doubled": "with one zone there is nothing to share, and `zones - 1` is 0: return what the load needs.",
    }
    cases = [(15, 0.125, 2, 0.5, 1), (14_000, 0.0625, 16, 0.5, 3), (1000, 0.5, 8, 0.5, 1), (1000, 0.5, 8, 0.5, 2), (900, 0.25, 4, 0.75, 4), (130, 1.5, 2, 0.25, 3),
             (7, 0.125, 16, 0.5, 1), (7, 0.125, 16, 0.5, 2), (2050, 0.25, 16, 0.5, 5), (100, 2, 25, 1.0, 3), (513, 0.5, 8, 0.5, 1), (3, 1, 1, 1, 2)]  # fmt: skip
    for case in cases:
        what = "servers_for(" + ", ".join(map(str, case)) + ")"
        try:
            got = number(servers(*case), what)
        except ZeroDivisionError:
            if case[-1] == 1:
                raise Incorrect(f"{what}: {messages['one zone doubled']}") from None
            raise
        want = _servers(*case)
        if got != want:
            theirs = [_attempt(servers, each) for each in cases]
            for how, message in messages.items():
                if theirs == [_servers_wrongly(how)(*each) for each in cases]:
                    raise Incorrect(f"{what}: {message}")
            for how, message in messages.items():
                if got == _servers_wrongly(how)(*case):
                    raise Incorrect(f"{what}: {message}")
            if got != int(got):
                raise Incorrect(f"{what} gave {got:g}: there are no parts of servers. Round up.")
        same(got, float(want), what=what)


LITTLE = Exercise(
    id="5.1.2",
    title="How many servers?",
    kind="build",
    prompt="""
    Write the two formulas as `servers_for(rate, seconds, at_once, busy, zones)`: plain numbers, requests a second, seconds, requests, a share, zones. Return a whole number. With
    `zones` of 2 or more, any one zone may fail, and all zones have the same number of servers; with 1, return $m$.
    """,
    reference=lambda: _servers,
    check=_check_servers,
    hints=(
        "First `m`: requests at the same time, divided by what a server carries, rounded up. Then, if there are zones, how many must stand in *each* so that the others suffice?",
        "`m = math.ceil(rate * seconds / (at_once * busy))`; one zone holds `math.ceil(m / (zones - 1))`, and there are `zones` of them. The case `zones == 1` needs a line of its own.",
    ),
    wrong=tuple(
        WrongAnswer(name, functools.partial(_servers_wrongly, how), says)
        for name, how, says in (
            ("planned full", "no busy", "planned full"),
            ("busy above the line", "busy above", "below the line"),
            ("the share that is free", "the free share", "kept free"),
            ("one request a server", "one at a time", "at the same time"),
            ("milliseconds", "milliseconds", "in seconds already"),
            ("no time", "no time", "is missing"),
            ("rounded down", "floor", "rounded down"),
            ("rounded to the nearest", "round", "to the nearest"),
            ("always one more", "plus one", "fits exactly"),
            ("zones forgotten", "zones forgotten", "too few are left"),
            ("all zones carry", "all zones left", "one zone less"),
            ("one zone's share added", "a zone more", "not a third"),
            ("not evenly dealt", "uneven", "dealt evenly"),
            ("each zone bears all", "each zone all", "bear everything alone"),
            ("one zone is doubled", "one zone doubled", "nothing to share"),
        )
    ),
    points=2,
    explanation="Little's law gives the requests that are in work, whatever their distribution. The division turns them into servers, and two roundings upwards make whole ones: once for the load, "
    "once within a zone. The price of a failing zone is the factor `zones / (zones - 1)`: 2 for two zones, 1.5 for three, and that is why three are popular.",
    expected=example("servers_for(1000, 0.5, 8, 0.5, 2)", lambda: float(_servers(1000, 0.5, 8, 0.5, 2))),
)


# ------------------------------------------------------------------ 5.1.3 which stage?
LIMIT = "200 ms"
SLOW_PAGE = (
    Stage("gateway", "20 ms", "60 ms"),
    Stage("history", "4 ms", "25 ms"),
    Stage("candidates", "8 ms", "24 ms", calls=6),
    Stage("features", "4 ms", "45 ms", calls=40),
    Stage("ranking", "55 ms", "80 ms"),
    Stage("page", "8 ms", "20 ms"),
)


@functools.cache
def _after_repair(name: str) -> float:
    """The 99th percentile of the whole, in ms, when one stage's calls take half of their time."""
    repaired = [
        stage._replace(median=quantity(stage.median) / 2, p99=quantity(stage.p99) / 2) if stage.name == name else stage
        for stage in SLOW_PAGE
    ]
    return latency.budget(repaired, LIMIT).p99


@functools.cache
def _culprit() -> tuple[str, float]:
    limit = quantity(LIMIT).m_as("ms")
    (stage,) = [stage for stage in SLOW_PAGE if _after_repair(stage.name) <= limit]
    return stage.name, latency.slow_share(0.01, stage.calls)


def _check_culprit(answer: tuple[str, float]) -> None:
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Incorrect("give two things: the stage's name, and a share between 0 and 1, such as ('page', 0.5).")
    name, share = str(answer[0]).strip().lower(), number(answer[1], "the share")
    want, right = _culprit()
    if name not in [stage.name for stage in SLOW_PAGE]:
        raise Incorrect(f"there is no stage {name!r}: the stages are {', '.join(stage.name for stage in SLOW_PAGE)}.")
    if name != want:
        reason = {
            "ranking": "it has the largest median, and it is the steadiest of all: its tail is short",
            "gateway": "the 99th percentile of one of its calls is the second largest, but each answer makes only one",
        }.get(name, "it is too small a part of the tail")
        raise Incorrect(
            f"with {name} twice as fast, the whole still takes {_after_repair(name):.0f} ms at the 99th percentile: {reason}."
        )
    if math.isclose(share, 100 * right, rel_tol=0.02):
        raise Incorrect("the stage is right. The share should be between 0 and 1, not in percent.")
    if math.isclose(share, 0.01):
        raise Incorrect(
            "the stage is right. 1 % is the share of slow *calls*; an answer waits for the slowest of forty."
        )
    if math.isclose(share, 0.4):
        raise Incorrect(
            "the stage is right. 40 times 1 % counts answers with two slow calls twice: use the chance that *none* is slow."
        )
    if math.isclose(share, 1 - right, rel_tol=0.02):
        raise Incorrect("the stage is right. That is the share of answers *without* a slow call.")
    if not math.isclose(share, right, rel_tol=0.01):
        raise Incorrect(
            f"the stage is right, the share of answers with a slow call is not {share:.4g}: `slow_share(0.01, ...)`, for as many calls as this stage makes."
        )


CULPRIT = Exercise(
    id="5.1.3",
    title="Which stage breaks the budget?",
    kind="figure it out",
    prompt=f"""
    The table shows `SLOW_PAGE`, another team's version. The whole must take at most {LIMIT} at the 99th percentile, and does not. The team can make **one** stage twice as fast: the median and the
    99th percentile of its calls are both halved. After which repair is the whole within the limit? And for that stage, as it is now: which share of the answers waits for at least one call that is
    slower than the call's own 99th percentile? Answer with a pair: `("name", share)`.
    """,
    reference=_culprit,
    check=_check_culprit,
    hints=(
        "Do not look at medians, nor at single calls: look at what a *whole stage* takes at its 99th percentile. Try the repairs: `stage._replace(median=quantity(stage.median) / 2, p99=quantity(stage.p99) / 2)` is a stage of twice the speed.",
        "40 calls at once. An answer has no slow call only if all forty are fast, and each is with probability 0.99.",
    ),
    wrong=(
        WrongAnswer("the largest median", lambda: ("ranking", 0.01), "steadiest of all"),
        WrongAnswer("the largest single tail", lambda: ("gateway", 0.01), "only one"),
        WrongAnswer("the other fan-out", lambda: ("candidates", 0.0585), "too small a part"),
        WrongAnswer("one call", lambda: ("features", 0.01), "slow *calls*"),
        WrongAnswer("added up", lambda: ("features", 0.4), "counts answers with two"),
        WrongAnswer("the fast ones", lambda: ("features", 0.99**40), "*without*"),
        WrongAnswer("in percent", lambda: ("features", 33.1), "not in percent"),
        WrongAnswer("twenty calls", lambda: ("features", 0.182), "as many calls as"),
        WrongAnswer("no share", lambda: "features", "two things"),
    ),
    points=2,
    explanation="The features have the smallest median of all calls, 4 ms, and nobody would suspect them. But forty are made at once: a third of the answers, `1 - 0.99 ** 40`, meet a call beyond its own 99th "
    "percentile. Usual repairs: fewer and larger calls, a second call to another replica when the first is late (a *hedged request*), or a deadline after which the ranker does without.",
)


# ------------------------------------------------------------------ 5.1.4 a cache
def _cache_hits(past: Sequence[Any], future: Sequence[Any], size: int) -> float:
    kept = {item for item, _ in Counter(past).most_common(size)}
    return sum(item in kept for item in future) / len(future)


def _cache_hits_wrongly(how: str) -> Callable[..., float]:
    def hits(past: Sequence[Any], future: Sequence[Any], size: int) -> float:
        past, future = list(past), list(future)
        counts = Counter(future if how == "from the future" else past)
        kept = {item for item, _ in counts.most_common(size)}
        if how == "least wanted":
            kept = {item for item, _ in counts.most_common()[::-1][:size]}
        if how == "latest":
            kept = set(list(dict.fromkeys(past[::-1]))[:size])
        if how == "one more":
            kept = {item for item, _ in counts.most_common(size + 1)}
        if how == "titles":
            return len(kept & set(future)) / len(set(future))
        if how == "share of the cache":
            return len(kept & set(future)) / size
        if how == "uniform":
            return size / len(set(past))
        if how == "hits of the past":
            return sum(item in kept for item in past) / len(past)
        found = sum(item in kept for item in future)
        if how == "known only":
            return found / sum(item in counts for item in future)
        if how == "count":
            return found
        if how == "percent":
            return 100 * found / len(future)
        return 1 - found / len(future) if how == "misses" else found / len(future)

    return hits


def _draws(seed: int, n: int, m: int, new: int) -> tuple[list[int], list[int]]:
    """Requests of two periods over items with falling popularity, no two equally wanted; the later has `new` unknown ones."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.arange(100, 100 + n))
    past = np.repeat(names, np.arange(2 * n, 0, -2) + 1)
    later = rng.choice(names, size=m, p=np.arange(n, 0, -1) / (n * (n + 1) / 2))
    return rng.permutation(past).tolist(), [*later.tolist(), *range(900, 900 + new)]


def _check_cache_hits(hits: Callable[..., float]) -> None:
    messages = {
        "from the future": "the cache was filled by looking at the very requests that it then answers. Fill it from `past`.",
        "least wanted": "these are the items that were wanted least.",
        "latest": "you kept the items that came last. That is an LRU cache; here the most *wanted* stay.",
        "one more": "the cache holds one item too many.",
        "titles": "you counted titles. A title that is asked for a hundred times gives a hundred hits: count requests.",
        "share of the cache": "that is how much of the cache is used, not how many requests it answers.",
        "uniform": "that is how much of the catalogue fits. Requests are not spread evenly.",
        "hits of the past": "these are the hits among the requests it was filled from. What counts is `future`.",
        "known only": "items that `past` has never seen are missing from your count: they are requests, and misses.",
        "count": "that is the number of hits; a share is wanted.",
        "misses": "that is the share of misses.",
        "percent": "a share is between 0 and 1, and yours is in percent.",
    }
    for seed, n, m, new, size in (
        (1, 20, 200, 15, 5),
        (2, 8, 50, 0, 3),
        (3, 30, 400, 40, 10),
        (4, 5, 20, 3, 1),
        (5, 6, 30, 5, 6),
        (6, 6, 30, 5, 9),
        (7, 4, 10, 10, 2),
    ):
        past, future = _draws(seed, n, m, new)
        for kind in (list, np.array):
            got = number(hits(kind(past), kind(future), size), "the share of hits")
            want = _cache_hits(past, future, size)
            if not is_same(got, want):
                for how, message in messages.items():
                    if is_same(got, _cache_hits_wrongly(how)(past, future, size)):
                        raise Incorrect(message)
            same(got, want, what=f"{len(past)} earlier requests for {n} items, {len(future)} later ones, size {size}")


CACHE = Exercise(
    id="5.1.4",
    title="What does the cache answer?",
    kind="build",
    prompt="""
    `past` and `future` are the items that were asked for in two periods, one entry for each request. Write `cache_hits(past, future, size)`: the cache is filled with the `size` items most wanted in the
    past, and then left alone. Return the share of the future's requests that it answers.
    """,
    reference=lambda: _cache_hits,
    check=_check_cache_hits,
    hints=(
        "Count the past, keep the most frequent, then go through the future *request by request*.",
        "`collections.Counter(past).most_common(size)` gives pairs of item and count. The share is over all of `future`, also over items that the past did not know.",
    ),
    wrong=tuple(
        WrongAnswer(name, functools.partial(_cache_hits_wrongly, how), says)
        for name, how, says in (
            ("filled from the future", "from the future", "the very requests"),
            ("the least wanted", "least wanted", "wanted least"),
            ("the latest", "latest", "LRU cache"),
            ("one too many", "one more", "one item too many"),
            ("titles, not requests", "titles", "counted titles"),
            ("share of the cache", "share of the cache", "is used"),
            ("evenly spread", "uniform", "spread evenly"),
            ("the past's hits", "hits of the past", "it was filled from"),
            ("known items only", "known only", "requests, and misses"),
            ("a number of hits", "count", "a share is wanted"),
            ("misses", "misses", "share of misses"),
            ("in percent", "percent", "in percent"),
        )
    ),
    points=2,
    explanation="A cache is a model: it is fitted on the past, and judged on the future. Judged on the requests that filled it, it looks better than it is, like every model in this course.",
    expected=example(
        "cache_hits([1, 1, 1, 2, 2, 3], [1, 2, 3, 4], size=2)", lambda: _cache_hits([1, 1, 1, 2, 2, 3], [1, 2, 3, 4], 2)
    ),
)


# ------------------------------------------------------------------ 5.1.5 which assumption?
BASE: dict[str, str] = {
    "members": f"{MEMBERS} user",
    "share": str(SHARE),
    "pages": f"{PAGES} request/user/day",
    "peak": str(PEAK),
    "work": "60 ms",
    "busy": "0.5",
    "server": "0.7 usd/server/hour",
    "page": f"{PAGE_KB} kB/request",
    "traffic": "0.02 usd/GB",
    "events": f"{EVENTS} event/user/day",
    "size": f"{EVENT_BYTES} byte/event",
    "keep": f"{KEEP_DAYS} day",
    "log": "0.02 usd/GB/month",
    "profile": "4 kB/user",
    "memory": "3 usd/GB/month",
    "trainers": "16 server",
    "trainer": "4 usd/server/hour",
}
RANGES: dict[str, tuple[str, str]] = {
    "share": ("0.35", "0.65"),
    "pages": ("2 request/user/day", "8 request/user/day"),
    "peak": ("1.4", "3"),
    "work": ("30 ms", "150 ms"),
    "busy": ("0.4", "0.7"),
    "server": ("0.5 usd/server/hour", "1 usd/server/hour"),
    "events": ("100 event/user/day", "1000 event/user/day"),
    "keep": ("200 day", "600 day"),
    "profile": ("1 kB/user", "20 kB/user"),
    "trainers": ("8 server", "32 server"),
}


def bill(**given: Any) -> dict[str, Any]:
    """The lesson's bill: each line in usd/month."""
    v = {**BASE, **given}
    users = quantity(v["members"]) * quantity(v["share"])
    mean = capacity.request_rate(users=users, each=v["pages"])
    busiest = capacity.request_rate(users=users, each=v["pages"], peak=v["peak"])
    machines = capacity.servers(rate=busiest, time=v["work"], at_once="16 request/server", busy=v["busy"], zones=3)
    kept = capacity.event_storage(rate=users * quantity(v["events"]), size=v["size"], keep=v["keep"])
    return {
        "serving": capacity.server_cost(count=machines, price=v["server"]),
        "traffic": capacity.traffic_cost(flow=capacity.bandwidth(rate=mean, size=v["page"]), price=v["traffic"]),
        "log": capacity.storage_cost(size=kept, price=v["log"]),
        "profiles": capacity.storage_cost(size=quantity(v["members"]) * quantity(v["profile"]) * 3, price=v["memory"]),
        "training": capacity.server_cost(count=v["trainers"], price=v["trainer"]),
    }


@functools.cache
def _swings() -> dict[str, float]:
    table = capacity.sensitivity(lambda **given: sum(bill(**given).values()), BASE, RANGES, "usd/month")
    return {str(name): float(swing) for name, swing in table["swing"].items()}


def _dominant() -> tuple[str, str, float]:
    first, second = list(_swings())[:2]
    return first, second, _swings()[first]


def _check_dominant(answer: tuple[str, str, float]) -> None:
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise Incorrect(
            "give three things: the first input, the second, and the first one's difference in usd a month."
        )
    apart = answer[2].m_as("usd/month") if hasattr(answer[2], "m_as") else answer[2]
    names, swing = [str(name).strip().lower() for name in answer[:2]], number(apart, "the difference in usd a month")
    swings = _swings()
    first, second, want = _dominant()
    for name in names:
        if name not in RANGES:
            raise Incorrect(f"{name!r} is none of the inputs with a range: {', '.join(RANGES)}.")
    if names[0] == "profile":
        raise Incorrect(
            "`profile` has the widest range, a factor of twenty. But it is a small line of the bill, and twenty times little is not much."
        )
    if names == [second, first]:
        raise Incorrect("these two are right, but in the other order: the first one moves the bill most.")
    for place, (name, right) in enumerate(zip(names, (first, second))):
        if name != right:
            what = "most" if place == 0 else "second most"
            raise Incorrect(
                f"`{name}` is not what moves the bill {what}: from one end to the other it makes a difference of {swings[name]:,.0f} usd a month. "
                "Compute the bill at both ends of each range."
            )
    if math.isclose(abs(swing), want / 2, rel_tol=0.2) or any(
        math.isclose(abs(swing), abs(_end(first, e)), rel_tol=0.02) for e in (0, 1)
    ):
        raise Incorrect(
            "the inputs are right. The difference is between the two *ends* of the range, not from the base to one end."
        )
    if math.isclose(swing, -want, rel_tol=0.02):
        raise Incorrect("the inputs are right. Give the size of the difference, without its sign.")
    if not math.isclose(swing, want, rel_tol=0.02):
        raise Incorrect(
            f"the inputs are right, the difference in usd a month is not {swing:,.0f}: the bill at the highest value minus the bill at the lowest."
        )


@functools.cache
def _end(name: str, place: int) -> float:
    """From the base to one end of a range, in usd/month."""
    at = sum(bill(**{name: RANGES[name][place]}).values())
    return float((at - sum(bill().values())).m_as("usd/month"))


DOMINANT = Exercise(
    id="5.1.5",
    title="Which assumption decides?",
    kind="figure it out",
    prompt="""
    `RANGES` gives for each uncertain input the lowest and the highest value that we would believe; all others stay as in `BASE` while one is moved. **First guess**: which one moves the monthly bill most? Then
    compute it, with `total` of the cell above, such as `total(busy="0.7")`. Answer with a triple: the input that moves the bill most, the one that comes second, and for the first, how far
    the bills at its two ends are apart, in usd a month: `("busy", "peak", 12345)`.
    """,
    reference=_dominant,
    check=_check_dominant,
    hints=(
        "An input matters if its range is wide *and* the lines that it enters are large. Which line of the bill is the largest?",
        "A loop: `for name, (low, high) in RANGES.items(): print(name, total(**{name: high}) - total(**{name: low}))`, and `busy` works the other way round.",
    ),
    wrong=(
        WrongAnswer("the widest range", lambda: ("profile", "events", 51_600), "factor of twenty"),
        WrongAnswer(
            "what people haggle about", lambda: ("server", "events", 58_000), "`server` is not what moves the bill most"
        ),
        WrongAnswer("the other order", lambda: (_dominant()[1], _dominant()[0], _dominant()[2]), "other order"),
        WrongAnswer("the wrong second", lambda: ("events", "keep", _dominant()[2]), "second most"),
        WrongAnswer("from the base", lambda: (*_dominant()[:2], _end("events", 1)), "two *ends*"),
        WrongAnswer("with a sign", lambda: (*_dominant()[:2], -_dominant()[2]), "without its sign"),
        WrongAnswer("dollars a year", lambda: (*_dominant()[:2], 12 * _dominant()[2]), "the difference in usd a month"),
        WrongAnswer("names only", lambda: ("events", "work"), "three things"),
    ),
    points=2,
    explanation="`events`: nobody knows how much the page will log, the range is tenfold, and the log is the largest line. `work` comes second: what the model costs a page. The price of a server, about which people "
    "argue longest, is far behind. So the first week's work is to count the events of a prototype and to measure the CPU time of a page, and not to compare price lists.",
)


# ------------------------------------------------------------------ 5.1.6 find the flaws
DESIGN = {
    "a": "Serving runs in two zones. At the peak the servers of both are 60 % busy. When a zone fails, the other one takes everything.",
    "b": "The whole page is computed for every member at night and stored. It is ready in 5 ms when it is asked for.",
    "c": "The page asks 20 shards of the feature store at once. 1 % of a shard's answers take longer than 180 ms. The other stages take 60 ms.",
    "d": "Candidates come from an exact search over all 18,000 titles, vectors of 128 float32 numbers, in the memory of each process: no approximate index.",
    "e": "When the ranker does not answer in time, the page shows what is popular in the country, from a list that each server loads in advance and keeps in its own memory.",
    "f": "The ranker is trained every night on the impressions of the last 90 days. To save storage, impressions are deleted after 60 days.",
    "g": "A new ranker is tested on 1 % of the members in each arm, all of them from the same day on, for a month. The test is to find out whether the share that stays, 97 %, rises by 0.05 points.",
    "h": "Monitoring: an alarm when the *mean* time of an answer is above 200 ms over five minutes.",
}


@functools.cache
def _flaws() -> frozenset[str]:
    """Each statement held against the requirements, by computing."""
    members = MEMBERS * 0.01
    skewed = latency.budget([Stage("answer", "60 ms", "400 ms")], "200 ms")
    mean = float(latency.slowest(Stage("answer", "60 ms", "400 ms"), (np.arange(1000) + 0.5) / 1000).mean())
    flawed = {
        "a": 2 * 0.60 > 1,
        "b": quantity("1 day") > quantity("1 min"),
        "c": latency.slow_share(0.01, 20) > 0.01,
        "d": capacity.vectors(count="18000 item", d=128) > quantity("1 GB"),
        "e": False,  # nothing that has failed is asked again
        "f": quantity("90 day") > quantity("60 day"),
        "g": plan_proportions(0.97, 0.0005).n_control > members,
        "h": skewed.p99 > 200 and not mean > 200,
    }
    return frozenset(letter for letter, wrong in flawed.items() if wrong)


def _check_flaws(answer: Collection[str]) -> None:
    if isinstance(answer, (Mapping, bytes)) or not isinstance(answer, (str, Collection)):
        raise Incorrect("give the letters of the flawed statements, such as {'a', 'b'}.")
    given = {str(letter).strip().lower() for letter in answer} - {",", ""}
    unknown = sorted(given - DESIGN.keys())
    if unknown:
        raise Incorrect(f"there is no statement {unknown[0]!r}: they are a to h.")
    accused = {
        "d": "d is sound: multiply 18,000 by 128 and by 4 bytes. That fits into every process, and an exact search of it is cheap. An index is for catalogues that are a thousand times as large.",
        "e": "e is sound: the fallback needs nothing that may have failed with the ranker. It is loaded before it is needed.",
        "g": "g is sound: ask `plan_proportions(0.97, 0.0005)` for the members that each arm needs, and compare with 1 % of all.",
    }
    missed = {
        "a": "one statement does not survive the failure that it speaks of: add the load of both zones.",
        "b": "one statement cannot meet a requirement about time, however fast it answers. How old may a page be?",
        "c": "one statement forgets that an answer waits for the slowest of many: use `slow_share`.",
        "f": "one statement asks for data that another part of the same sentence has thrown away.",
        "h": "one statement does not watch what was promised. Which number is in the requirement, and which in the alarm?",
    }
    for letter in sorted(given - _flaws()):
        raise Incorrect(accused[letter])
    for letter in sorted(_flaws() - given):
        raise Incorrect(
            f"{len(_flaws() - given)} more: {missed[letter]}"
            if len(_flaws() - given) > 1
            else f"still missing: {missed[letter]}"
        )


FLAWS = Exercise(
    id="5.1.6",
    title="Find the flaws",
    kind="figure it out",
    prompt="""
    A candidate's design for the home page. The requirements were: 99 % of the answers within 200 ms; any one zone may fail at the peak; what a member has finished watching leaves the page within a minute.

    """
    + "\n    ".join(f"- **{letter}.** {statement}" for letter, statement in DESIGN.items())
    + """

    Some statements break a requirement, or contradict themselves. Others only sound wrong. Hold each against the numbers (the library has a function for most of them), and answer with the set of
    letters of the flawed ones, such as `{"a", "b"}`.
    """,
    reference=lambda: set(_flaws()),
    check=_check_flaws,
    hints=(
        "Three are sound. For each statement, find the number that would decide, and compute it: a load, an age, a share of slow answers, some megabytes, a sample size.",
        "`slow_share(0.01, 20)`, `vectors(count='18000 item', d=128)` and `plan_proportions(0.97, 0.0005)` decide three of them. And a mean says nothing about 99 % of the answers.",
    ),
    wrong=(
        WrongAnswer("an index is always needed", lambda: {"a", "b", "c", "d", "f", "h"}, "d is sound"),
        WrongAnswer("popularity is no fallback", lambda: {"a", "b", "c", "e", "f", "h"}, "e is sound"),
        WrongAnswer("1 % is too few", lambda: {"a", "b", "c", "f", "g", "h"}, "g is sound"),
        WrongAnswer("60 % is half empty", lambda: {"b", "c", "f", "h"}, "does not survive"),
        WrongAnswer("5 ms is fast", lambda: {"a", "c", "f", "h"}, "How old may"),
        WrongAnswer("1 % of the calls is 1 % of the answers", lambda: {"a", "b", "f", "h"}, "slowest of many"),
        WrongAnswer("kept for 60 days", lambda: {"a", "b", "c", "h"}, "thrown away"),
        WrongAnswer("the mean is watched", lambda: {"a", "b", "c", "f"}, "was promised"),
        WrongAnswer("one only", lambda: {"a"}, "4 more"),
    ),
    points=3,
    explanation="a: 60 % of two zones are 120 % of one. b: the page is up to a day old. c: `1 - 0.99 ** 20` is 18 % of the answers. f: a third of the training days is gone. h: the mean can be far below 200 ms while the 99th "
    "percentile is far above. Sound are d (9 MB), e (it depends on nothing that fails), and g (1 % of the members are three million, and 1.8 million are enough): a good reviewer can also say why something that looks odd is right.",
)

EXERCISES = [WRONG_UNIT, LITTLE, CULPRIT, CACHE, DOMINANT, FLAWS]


# ------------------------------------------------------------------ quiz: keys are computed
def _key_peak() -> str:
    """How the servers and the bill's log move with the peak factor."""
    low, high = (bill(peak=p) for p in ("2", "4"))
    moved = {name for name in low if not math.isclose(low[name].m_as("usd/month"), high[name].m_as("usd/month"))}
    return "a" if moved == {"serving"} else "b" if "log" in moved else "c"


def _key_percentiles() -> str:
    made = latency.budget([Stage(name, "20 ms", "50 ms") for name in "abcd"], "1 s")
    return "b" if made.p99 < 0.99 * 4 * 50 else "a" if made.p99 < 1.01 * 4 * 50 else "c"


def _key_wider() -> str:
    """A wider range of a small line against a narrower one of a large line."""
    small, large = 10 * (20 - 1), 300 * (1.5 - 1)
    return "a" if small > large else "b"


def _key_dimension() -> str:
    """Which mistakes do units see?"""
    from recsys_lab.errors import DataError

    caught = []
    for given in ({"rate": "14000 request/s", "time": "60 kB"}, {"rate": "14000 request/min", "time": "60 ms"}):
        try:
            capacity.in_flight(**given)
            caught.append(False)
        except DataError:
            caught.append(True)
    return {(True, False): "c", (True, True): "a", (False, False): "b"}[tuple(caught)]  # type: ignore[index]


def _key_precompute() -> str:
    """CPU time a day: every member once, against every page as it is asked for."""
    nightly, on_request = 300e6 * 0.06, 300e6 * 0.2 * 3 * 0.06
    return "a" if nightly < on_request else "b"


QUIZ = [
    Question(
        "The peak turns out to be four times the mean, not twice. Which lines of the bill grow?",
        {"a": "Only the servers.", "b": "Servers, traffic and the log.", "c": "None: the bill follows the mean."},
        _key_peak,
        {
            "a": "Yes. Machines must be there for the busiest moment; bytes are paid for as they come.",
            "b": "Traffic and log count all bytes of the month. When within a day they come does not matter to them.",
            "c": "That is true of what is paid by use. Servers that stand ready are paid all day.",
        },
    ),
    Question(
        "Four stages, one after the other and independent, each 50 ms at its 99th percentile and 20 ms in the median. The whole at its 99th percentile takes",
        {"a": "200 ms.", "b": "less than 200 ms.", "c": "more than 200 ms."},
        _key_percentiles,
        {
            "a": "That would need all four to be slow in the same answer.",
            "b": "Yes: an answer is rarely slow in all stages. If they were slow *together*, on one overloaded machine, 200 ms would come near.",
            "c": "It would for calls that are made at once, where the slowest of many counts. Here the times add up.",
        },
    ),
    Question(
        "One input may be off by a factor of 20, and enters a line of 10 dollars (its range is 10 to 200). Another may be off by half, in a line of 300 dollars (300 to 450). Which do you measure first?",
        {"a": "The first.", "b": "The second.", "c": "The one that is easier to look up."},
        _key_wider,
        {
            "a": "Yes, this time: 190 dollars against 150. It is the swing that counts, and not the line, and not the factor.",
            "b": "It is the larger line, but it moves the bill by 150 dollars only.",
            "c": "That is how price lists get compared, and nobody counts events.",
        },
    ),
    Question(
        "Which of these does a units library notice: (1) 60 kB are given for a time; (2) requests a *minute* are called requests a minute, but the real number was a second's?",
        {"a": "Both.", "b": "Neither.", "c": "Only the first."},
        _key_dimension,
        {
            "a": "The second has the right dimension. It is converted, correctly, from a wrong statement.",
            "b": "The first is refused: information is no time.",
            "c": "Yes. Units check that numbers fit together, not that they are true.",
        },
    ),
    Question(
        "300 million members, of whom 20 % come on a day and see 3 pages each. A page costs 60 ms of CPU time, whenever it is computed. What takes less CPU time?",
        {"a": "Every member's page once a night.", "b": "Each page when it is asked for.", "c": "The same."},
        _key_precompute,
        {
            "a": "Four of five nightly pages are never looked at. It is once for 100 % against three times for 20 %.",
            "b": "Yes: 0.2 x 3 = 0.6 pages a member and day, against 1. And they are fresh. With a share of 50 % it turns round.",
            "c": "It would be with 0.2 x 5 pages.",
        },
    ),
]
