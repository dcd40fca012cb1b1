"""How many servers, how much storage, how wide a network, how much money: the arithmetic of a design, with units.

Each function is one formula. Its arguments are quantities of units.py, or texts such as "2 kB/event"; a value of another
dimension (a rate where a size is wanted) is refused, in words. The answer is a quantity: `.to("GB")` converts it,
`.m_as("GB")` is the number alone, and units.text rounds it for people. It needs Pint (the extra `phase5`).

What no unit can see: whether a number is *true*, and whether a mean was given where a peak was meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.production.units import Amount, quantity, take

if TYPE_CHECKING:
    from pint import Quantity

BOOKS = 256  # pieces a book of product quantisation, which a byte can number


# ---------------------------------------------------------------------- requests and servers
def request_rate(*, users: Amount, each: Amount, peak: Amount = 1) -> Quantity:
    """Requests a second: rate = users each peak, in request/s.

    users [user] who come on a day. each [request/user/day]. peak: the busiest moment over the day's mean, from 1.

    >>> round(request_rate(users="10e6 user", each="6 request/user/day", peak=2).m_as("request/s"), 1)
    1388.9
    """
    u = take("users", users, "user", "how many come on a day")
    r = take("each", each, "request/user/day", "how many requests one of them makes in a day")
    p = take("peak", peak, "", "the busiest moment over the day's mean", 1)
    return (u * r * p).to("request/s")


def in_flight(*, rate: Amount, time: Amount) -> Quantity:
    """Requests that are there at the same time, on average, by Little's law (1961): n = rate time, in request.

    rate [request/s]: how many arrive. time [s]: how long one stays, on average.
    It holds for any distribution and any order of service, as long as what arrives also leaves.

    >>> in_flight(rate="2000 request/s", time="50 ms").m_as("request")
    100.0
    """
    arrive = take("rate", rate, "request/s", "how many requests arrive")
    stay = take("time", time, "s", "how long a request stays")
    return (arrive * stay).to("request")


def servers(*, rate: Amount, time: Amount, at_once: Amount, busy: Amount = 0.6, zones: int = 1) -> Quantity:
    """Servers for a rate, in server: m = ceil(rate time / (at_once busy)); with zones, any of which may fail,
    n = zones ceil(m / (zones - 1)).

    rate [request/s], at the peak. time [s]: a server's work on one request, without waiting. at_once [request/server]:
    how many it works on at the same time, such as its cores. busy: the share of that which is planned to be in use,
    above 0 up to 1; the rest is for waiting times to stay short.

    >>> servers(rate="2000 request/s", time="50 ms", at_once="8 request/server", busy=0.5).m_as("server")
    25.0
    >>> servers(rate="2000 request/s", time="50 ms", at_once="8 request/server", busy=0.5, zones=3).m_as("server")
    39.0
    """
    there = in_flight(rate=rate, time=time)
    c = take("at_once", at_once, "request/server", "what a server works on at the same time", above=True)
    rho = take("busy", busy, "", "the share of a server that is planned to be in use", 0, 1, above=True)
    checks.whole("zones", zones, 1, "servers stand in that many zones")
    m = _up((there / (c * rho)).m_as("server"))
    return quantity(f"{m if zones == 1 else zones * math.ceil(m / (zones - 1))} server")


def _up(x: float) -> int:
    """Rounded up; 25.000000000000004, which is rounding noise, is 25."""
    return math.ceil(x * (1 - 1e-12))


# ---------------------------------------------------------------------- storage and network
def event_storage(*, rate: Amount, size: Amount, keep: Amount, copies: Amount = 1) -> Quantity:
    """A log of events: storage = rate size keep copies, in byte.

    rate [event/s]: the mean, not the peak. size [byte/event]. keep [s]: how long one is kept. copies: of each.

    >>> round(event_storage(rate="1000 event/s", size="200 byte/event", keep="90 day", copies=3).m_as("TB"), 2)
    4.67
    """
    r = take("rate", rate, "event/s", "how many events come, on average")
    s = take("size", size, "byte/event", "how much one event takes")
    k = take("keep", keep, "s", "how long an event is kept")
    c = take("copies", copies, "", "how often each is stored", 1)
    return (r * s * k * c).to("byte")


def vectors(*, count: Amount, d: int, each: Amount = "4 byte", copies: Amount = 1) -> Quantity:
    """A table of embeddings: storage = count d each copies, in byte.

    count [item] or [user]: how many vectors. d: numbers in one. each [byte]: 4 for float32, 2 for float16, 1 for int8.

    >>> vectors(count="10e6 item", d=64).m_as("GB")
    2.56
    """
    n = _counted(count)
    checks.whole("d", d, 1, "a vector is made of that many numbers")
    b = take("each", each, "byte", "how much one number takes", above=True)
    c = take("copies", copies, "", "how often each is stored", 1)
    return (n * d * b * c).to("byte")


def index(*, kind: str, count: Amount, d: int, links: int = 32, code: int = 16) -> Quantity:
    """An index of vectors in memory (ann.VectorIndex), in byte; float32, and 8 bytes for an id.

    exact: count 4 d. hnsw: count (4 d + 8 links). ivf: count (4 d + 8). pq: count (code + 8) + 4 d 256, the codes and
    the books. The centres of ivf and pq, some thousands of vectors, are left out.

    >>> [round(index(kind=k, count="10e6 item", d=64).m_as("GB"), 2) for k in ("exact", "hnsw", "ivf", "pq")]
    [2.56, 5.12, 2.64, 0.24]
    """
    checks.choice("kind", kind, ("exact", "hnsw", "ivf", "pq"))
    n = _counted(count)
    checks.whole("d", d, 1, "a vector is made of that many numbers")
    checks.whole("links", links, 2, "each vector of the graph is linked to so many")
    checks.whole("code", code, 1, "a vector is coded in that many bytes", d if kind == "pq" else None)
    one = {"exact": 4 * d, "hnsw": 4 * d + 8 * links, "ivf": 4 * d + 8, "pq": code + 8}[kind]
    books = 4 * d * BOOKS if kind == "pq" else 0
    return quantity(f"{n * one + books!r} byte")


def _counted(count: Amount) -> float:
    """How many vectors: of items or users."""
    unit = "user" if quantity(count).check("user") else "item"
    return float(take("count", count, unit, "how many vectors there are").m_as(unit))


def bandwidth(*, rate: Amount, size: Amount) -> Quantity:
    """What flows through the network: flow = rate size, in byte/s.

    rate [request/s], at the peak. size [byte/request]: of an answer.

    >>> bandwidth(rate="2000 request/s", size="50 kB/request").m_as("Gbit/s")
    0.8
    """
    r = take("rate", rate, "request/s", "how many answers leave")
    s = take("size", size, "byte/request", "how much one answer takes")
    return (r * s).to("byte/s")


# ---------------------------------------------------------------------- money
def server_cost(*, count: Amount, price: Amount) -> Quantity:
    """cost = count price, in usd/month. count [server], price [usd/server/hour]; a month has 730 hours.

    >>> round(server_cost(count="39 server", price="0.4 usd/server/hour").m_as("usd/month"))
    11388
    """
    n = take("count", count, "server", "how many servers run")
    p = take("price", price, "usd/server/hour", "what one costs")
    return (n * p).to("usd/month")


def storage_cost(*, size: Amount, price: Amount) -> Quantity:
    """cost = size price, in usd/month. size [byte], price [usd/byte/month].

    >>> storage_cost(size="5 TB", price="0.02 usd/GB/month").m_as("usd/month")
    100.0
    """
    s = take("size", size, "byte", "how much is stored")
    p = take("price", price, "usd/GB/month", "what a gigabyte costs in a month")
    return (s * p).to("usd/month")


def traffic_cost(*, flow: Amount, price: Amount) -> Quantity:
    """cost = flow price, in usd/month. flow [byte/s], the mean. price [usd/byte] of what leaves.

    >>> round(traffic_cost(flow="10 MB/s", price="0.05 usd/GB").m_as("usd/month"))
    1314
    """
    f = take("flow", flow, "byte/s", "what leaves, on average")
    p = take("price", price, "usd/GB", "what a gigabyte costs that leaves")
    return (f * p).to("usd/month")


def per_thousand(*, cost: Amount, rate: Amount) -> Quantity:
    """What one request costs: cost / rate, in usd/request; a thousand cost `.m_as("usd/krequest")`.

    cost [usd/month]. rate [request/s]: the *mean*, since the bill is for a month.

    >>> round(per_thousand(cost="12000 usd/month", rate="500 request/s").m_as("usd/krequest"), 4)
    0.0091
    """
    c = take("cost", cost, "usd/month", "what all costs in a month")
    r = take("rate", rate, "request/s", "how many requests are answered, on average", above=True)
    return (c / r).to("usd/request")


# ---------------------------------------------------------------------- what an answer hangs on
def hit_rate(counts: Sequence[float] | np.ndarray, size: int) -> float:
    """The share of requests that a cache of the `size` most wanted entries answers: sum of the largest counts / sum.

    counts: how often each entry is asked for. It is the best that any fixed choice of entries can do on *these* requests;
    entries chosen on earlier ones do worse.

    >>> hit_rate([1, 6, 3], size=1)
    0.6
    """
    n = np.asarray(counts, dtype=float)
    if n.ndim != 1 or not np.isfinite(n).all() or (n < 0).any() or not n.sum() > 0:
        raise DataError("counts: give how often each entry is asked for, numbers from 0, of which one is above.")
    checks.whole("size", size, 0, "the cache keeps that many entries")
    return float(np.sort(n)[::-1][:size].sum() / n.sum())


def sensitivity(
    answer: Callable[..., Quantity], base: Mapping[str, Amount], ranges: Mapping[str, tuple[Amount, Amount]], unit: str
) -> pd.DataFrame:
    """Which input moves the answer most? One at a time: each goes to both ends of its range, the others stay.

    answer: a function of the inputs. base: their values. ranges: for each input that is uncertain, its lowest and
    highest value. unit: of the answer. Returns a frame indexed by `input`, with `low` and `high` (the ends), `at_low` and
    `at_high` (the answers there), `base` (the answer of all base values) and `swing` = |at_high - at_low|, largest first.

    One at a time is a picture of an answer that is a product of its inputs; where two act only together, it sees neither.

    >>> table = sensitivity(in_flight, {"rate": "10 request/s", "time": "1 s"},
    ...                     {"rate": ("9 request/s", "12 request/s"), "time": ("0.5 s", "2 s")}, "request")
    >>> table["swing"].to_dict()
    {'time': 15.0, 'rate': 3.0}
    """
    unknown = [name for name in ranges if name not in base]
    if unknown or not ranges:
        raise DataError(
            f"ranges: {unknown[0]!r} is no input of base." if unknown else "ranges: give one input at least."
        )
    middle = answer(**base).m_as(unit)
    rows = []
    for name, ends in ranges.items():
        low, high = map(quantity, ends)
        if not quantity(base[name]).is_compatible_with(low) or not low.is_compatible_with(high) or low > high:
            raise DataError(
                f"ranges[{name!r}]={ends}: give the lowest and the highest value, in the units of its base."
            )
        at = [answer(**{**base, name: end}).m_as(unit) for end in ends]
        rows.append((name, str(ends[0]), str(ends[1]), *at, middle, abs(at[1] - at[0])))
    columns = ["input", "low", "high", "at_low", "at_high", "base", "swing"]
    return pd.DataFrame(rows, columns=columns).set_index("input").sort_values("swing", ascending=False, kind="stable")
