"""Capacity, cost and latency: the formulas against simulations and real files, and the refusals of wrong units."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from recsys_lab import plots
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.production.capacity import (
    bandwidth,
    event_storage,
    hit_rate,
    in_flight,
    index,
    per_thousand,
    request_rate,
    sensitivity,
    server_cost,
    servers,
    storage_cost,
    traffic_cost,
    vectors,
)
from recsys_lab.production.latency import Stage, budget, quantile_of_one, slow_share, slowest
from recsys_lab.production.units import quantity, registry, take, text

# Each function with one call of right units, the unit of its answer and the answer, by hand.
CALLS = [
    (request_rate, {"users": "864e3 user", "each": "5 request/user/day", "peak": 3}, "request/s", 150),
    (in_flight, {"rate": "120 request/min", "time": "250 ms"}, "request", 0.5),
    (servers, {"rate": "1000 request/s", "time": "60 ms", "at_once": "4 request/server", "busy": 0.5}, "server", 30),
    (event_storage, {"rate": "10 event/s", "size": "1 kB/event", "keep": "2 day", "copies": 3}, "GB", 5.184),
    (vectors, {"count": "1000 item", "d": 8, "each": "2 byte", "copies": 2}, "kB", 32),
    (index, {"kind": "hnsw", "count": "1000 item", "d": 8, "links": 4}, "kB", 64),
    (bandwidth, {"rate": "100 request/s", "size": "10 kB/request"}, "Mbit/s", 8),
    (server_cost, {"count": "10 server", "price": "0.5 usd/server/hour"}, "usd/month", 3650),
    (storage_cost, {"size": "2 TB", "price": "0.02 usd/GB/month"}, "usd/month", 40),
    (traffic_cost, {"flow": "1 MB/s", "price": "0.05 usd/GB"}, "usd/month", 131.4),
    (per_thousand, {"cost": "2628 usd/month", "rate": "10 request/s"}, "usd/krequest", 0.1),
]  # fmt: skip
MEASURED = [
    (f, given, name) for f, given, *_ in CALLS for name, v in given.items() if isinstance(v, str) and name != "kind"
]
PLAIN = [(f, given, name) for f, given, *_ in CALLS for name in given if name in ("peak", "busy", "copies")]


@pytest.mark.parametrize(("function", "given", "unit", "answer"), CALLS, ids=[f.__name__ for f, *_ in CALLS])
def test_the_formula(function, given, unit, answer):
    assert function(**given).m_as(unit) == pytest.approx(answer)
    made = {name: quantity(v) if isinstance(v, str) and name != "kind" else v for name, v in given.items()}
    assert function(**made) == function(**given), "a text and a quantity are the same"


@pytest.mark.parametrize(("function", "given", "name"), MEASURED, ids=[f"{f.__name__}-{n}" for f, _, n in MEASURED])
def test_other_dimensions_are_refused_by_name(function, given, name):
    right = quantity(given[name])
    for wrong in (
        right * quantity("1 s"),
        right / quantity("1 s"),
        right * quantity("1 byte"),
        right.magnitude,
        f"{right.magnitude}",
    ):
        with pytest.raises(DataError, match=rf"{name}=.* wanted is .*, and this is .*Give it in"):
            function(**{**given, name: wrong})
    with pytest.raises(DataError, match=f"{name}=-.*choose a number"):
        function(**{**given, name: -right})


@pytest.mark.parametrize(("function", "given", "name"), PLAIN, ids=[f"{f.__name__}-{n}" for f, _, n in PLAIN])
def test_plain_numbers_have_no_unit(function, given, name):
    with pytest.raises(
        DataError, match=f"{name}='3 s'.*wanted is a plain number, and this is time. Leave the unit out"
    ):
        function(**{**given, name: "3 s"})
    with pytest.raises(DataError, match=f"{name}=-1"):
        function(**{**given, name: -1})


# ------------------------------------------------------------------ units
def test_a_rate_where_a_size_is_wanted_is_told_so():
    with pytest.raises(
        DataError,
        match=r"size='2 kB/s': how much one event takes; wanted is information / event, and this is information / time",
    ):
        event_storage(rate="1 event/s", size="2 kB/s", keep="1 day")


def test_the_vocabulary_agrees_with_pints_own():
    import pint

    theirs = pint.UnitRegistry()
    for ours, usual, base in (("3 GiB", "3 GiB", "bit"), ("5 Mbit/s", "5 Mbit/s", "byte/day"), ("7 TB", "7 TB", "MiB"),
                              ("90 min", "90 min", "hour"), ("2 ms", "2 ms", "us"), ("4 percent", "4 percent", "")):  # fmt: skip
        assert quantity(ours).m_as(base) == pytest.approx(theirs(usual).m_as(base))
    assert quantity("1 month").m_as("hour") == 730
    assert quantity("1 year").m_as("day") == 365


@pytest.mark.parametrize(
    "bad", ["", "ms", "user/day", "5 parsec", "5 (", "5 $/hour", "five ms", "__import__('os')", "5 __class__", "5 s; 3"]
)
def test_what_is_no_amount_is_refused(bad):
    with pytest.raises(DataError, match=r"cannot be read|is not a number and its unit|is no unit here"):
        quantity(bad)


@pytest.mark.parametrize("bad", [True, None, float("nan"), float("inf"), [1]])
def test_other_things_are_refused(bad):
    with pytest.raises(DataError, match="choose a number"):
        take("peak", bad, "", "a factor")


def test_infinite_amounts_are_refused():
    with pytest.raises(DataError, match="time=inf"):
        in_flight(rate="1 request/s", time="1e400 s")


def test_quantities_of_another_registry_are_refused():
    import pint

    with pytest.raises(DataError, match="made of other units"):
        in_flight(rate="1 request/s", time=pint.UnitRegistry().Quantity("1 s"))


def test_people_requests_and_bytes_do_not_add_up():
    import pint

    for one, other in (("1 user", "1 request"), ("1 byte", "1 item"), ("1 usd", "1 percent"), ("1 byte", "1 byte/s")):
        with pytest.raises(pint.DimensionalityError):
            quantity(one) + quantity(other)


def test_text_rounds():
    assert text(quantity("1234567 request/day"), "request/s") == "14.3 request/s"
    assert text(quantity("1234567 usd"), "usd", digits=4) == "1,235,000 usd"


def test_without_pint_the_command_is_named(monkeypatch):
    registry.cache_clear()
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recsys-lab\[phase5\]'"):
        in_flight(rate="1 request/s", time="1 s")
    monkeypatch.undo()
    registry.cache_clear()
    assert in_flight(rate="1 request/s", time="1 s").m_as("request") == 1


# ------------------------------------------------------------------ servers
def test_littles_law_in_a_played_queue():
    """One server, first come first served, gaps and times of different kinds: the mean number there is rate x time."""
    rng = np.random.default_rng(3)
    came = np.cumsum(rng.uniform(0, 2, 20_000))
    work, free, left = rng.exponential(0.7, 20_000), 0.0, np.empty(20_000)
    for n, at in enumerate(came):
        free = left[n] = max(at, free) + work[n]
    moments = np.linspace(0, came[-1], 50_001)[:-1]
    there = (
        np.searchsorted(came, moments, side="right") - np.searchsorted(np.sort(left), moments, side="right")
    ).mean()
    rate, time = quantity(f"{len(came) / came[-1]} request/s"), quantity(f"{(left - came).mean()} s")
    assert in_flight(rate=rate, time=time).m_as("request") == pytest.approx(there, rel=0.01)


def test_a_zone_may_fail():
    asked = {"rate": "1000 request/s", "time": "100 ms", "at_once": "10 request/server", "busy": 0.8}
    needed = servers(**asked).m_as("server")
    assert needed == 13
    for zones in (2, 3, 4, 14, 20):
        n = servers(**asked, zones=zones).m_as("server")
        assert n % zones == 0
        assert n - n / zones >= needed > n - zones - (n - zones) / zones  # and no smaller number would do


def test_rounding_noise_buys_no_server():
    for n in range(1, 200):
        asked = {"time": "10 ms", "at_once": "1 request/server", "busy": 0.7}
        assert servers(rate=f"{n * 70} request/s", **asked).m_as("server") == n
        assert servers(rate=f"{n * 70 + 0.001} request/s", **asked).m_as("server") == n + 1


@pytest.mark.parametrize(("bad", "names"), [({"busy": 0}, "busy"), ({"busy": 1.1}, "busy"), ({"zones": 0}, "zones"),
                                            ({"zones": 1.5}, "zones"), ({"at_once": "0 request/server"}, "at_once")])  # fmt: skip
def test_impossible_servers_are_refused(bad, names):
    with pytest.raises(DataError, match=f"{names}="):
        servers(**{"rate": "1 request/s", "time": "1 s", "at_once": "1 request/server", **bad})


# ------------------------------------------------------------------ storage
def test_a_table_of_vectors_is_as_large_as_numpy_makes_it():
    for dtype, each in (("float32", "4 byte"), ("float16", "2 byte"), ("int8", "1 byte")):
        assert vectors(count="321 user", d=7, each=each).m_as("byte") == np.zeros((321, 7), dtype).nbytes


def test_an_index_is_as_large_as_faiss_writes_it():
    faiss = pytest.importorskip("faiss")
    from recsys_lab.production.ann import VectorIndex

    n, d = 20_000, 64
    x = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)
    for kind in ("exact", "hnsw", "ivf", "pq"):
        made = VectorIndex(kind=kind, cells=64, care=10).build(x)
        assert made.index_ is not None
        real = faiss.serialize_index(made.index_).nbytes
        assert index(kind=kind, count=f"{n} item", d=made.index_.d).m_as("byte") == pytest.approx(real, rel=0.05), kind


def test_an_unknown_index_and_too_long_a_code_are_refused():
    with pytest.raises(DataError, match="kind='tree'"):
        index(kind="tree", count="1 item", d=4)
    with pytest.raises(DataError, match="code=16"):
        index(kind="pq", count="1 item", d=8)
    with pytest.raises(DataError, match=r"count='1 request'.*Give it in item"):
        vectors(count="1 request", d=8)


# ------------------------------------------------------------------ caches
def test_hit_rate():
    counts = [5, 1, 0, 4]
    assert [hit_rate(counts, size) for size in (0, 1, 2, 9)] == pytest.approx([0, 0.5, 0.9, 1])
    for bad in ([], [0, 0], [1, -1], [np.nan], [[1]]):
        with pytest.raises(DataError, match="counts"):
            hit_rate(bad, 1)
    with pytest.raises(DataError, match="size=-1"):
        hit_rate(counts, -1)


# ------------------------------------------------------------------ latency
def test_the_slowest_of_many_as_played():
    rng = np.random.default_rng(1)
    stage = Stage("store", "5 ms", "20 ms", calls=12)
    sigma = np.log(4) / 2.3263478740408408
    times = 5 * np.exp(sigma * rng.normal(size=(40_000, 12))).max(axis=1)
    for q in (0.1, 0.5, 0.9, 0.99):
        assert slowest(stage, [q])[0] == pytest.approx(np.quantile(times, q), rel=0.03)
    assert (times > 20).mean() == pytest.approx(slow_share(0.01, 12), abs=0.004)
    assert slowest(stage, [0.99])[0] == pytest.approx(slowest(stage._replace(calls=1), [quantile_of_one(0.99, 12)])[0])


def test_a_budget_as_played():
    stages = [
        Stage("a", "5 ms", "20 ms", calls=4),
        Stage("b", "0.02 s", "0.05 s"),
        Stage("c", "3 ms", "30 ms", 2, "10 ms"),
    ]
    made = budget(stages, "50 ms")
    rng = np.random.default_rng(7)
    whole = 0
    for stage, median, p99, cap in zip(stages, (5, 20, 3), (20, 50, 30), (np.inf, np.inf, 10)):
        drawn = median * np.exp(
            np.log(p99 / median) / 2.3263478740408408 * rng.normal(size=(400_000, stage.calls))
        ).max(axis=1)
        whole = whole + np.minimum(drawn, cap)
        if stage.name == "c":
            assert made.stages.loc["c", "cut"] == pytest.approx((drawn > cap).mean(), abs=0.003)
    assert made.median == pytest.approx(np.median(whole), rel=0.01)
    assert made.p99 == pytest.approx(np.quantile(whole, 0.99), rel=0.02)
    assert made.late == pytest.approx((whole > 50).mean(), rel=0.05)
    assert made.p99 < made.stages["p99"].sum()
    assert made.stages.loc["c", "p99"] == 10
    assert made.stages["end"].tolist() == pytest.approx(made.stages["median"].cumsum().tolist())
    assert budget(stages, "50 ms")[1:] == made[1:], "the same again"


def test_one_stage_by_itself_is_exact():
    made = budget([Stage("a", "5 ms", "20 ms")], "20 ms")
    assert (made.median, made.p99, made.late) == pytest.approx((5, 20, 0.01), rel=0.01)
    assert budget([Stage("a", "5 ms", "5 ms")], "4 ms")[1:] == (5, 5, 1)


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (Stage("a", "5 ms", "4 ms"), "a: p99=4"),
        (Stage("a", "5 MB", "8 ms"), "a: median='5 MB'"),
        (Stage("a", "5 ms", "8 ms", 0), "a: calls=0"),
        (Stage("a", "5 ms", "8 ms", 1, "0 ms"), "a: deadline=0"),
    ],
)
def test_impossible_stages_are_refused(stage, says):
    with pytest.raises(DataError, match=says):
        budget([stage], "50 ms")


def test_stages_and_shares_are_refused():
    for stages in ([], [Stage("a", "1 ms", "2 ms")] * 2):
        with pytest.raises(DataError, match="stages"):
            budget(stages, "5 ms")
    with pytest.raises(DataError, match="limit='5 request'"):
        budget([Stage("a", "1 ms", "2 ms")], "5 request")
    for function in (slow_share, quantile_of_one):
        with pytest.raises(DataError, match=r"=1\.5"):
            function(1.5, 3)
        with pytest.raises(DataError, match="n=0"):
            function(0.5, 0)
    assert slow_share(1, 3) == 1


# ------------------------------------------------------------------ sensitivity
BASE = {"rate": "100 request/s", "time": "50 ms"}


def test_sensitivity_goes_one_at_a_time():
    table = sensitivity(
        in_flight, BASE, {"rate": ("50 request/s", "200 request/s"), "time": ("10 ms", "400 ms")}, "request"
    )
    assert list(table.index) == ["time", "rate"]
    assert table.loc["rate", ["at_low", "base", "at_high", "swing"]].tolist() == pytest.approx([2.5, 5, 10, 7.5])
    assert table.loc["time", ["low", "high"]].tolist() == ["10 ms", "400 ms"]


@pytest.mark.parametrize(
    "ranges",
    [{}, {"size": ("1 s", "2 s")}, {"time": ("2 s", "1 s")}, {"time": ("1 s", "2 MB")}, {"time": ("1 MB", "2 MB")}],
)
def test_ranges_that_make_no_sense_are_refused(ranges):
    with pytest.raises(DataError, match="ranges"):
        sensitivity(in_flight, BASE, ranges, "request")


def test_the_figures_show_what_is_in_the_frames():
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    table = sensitivity(
        in_flight, BASE, {"rate": ("50 request/s", "200 request/s"), "time": ("10 ms", "400 ms")}, "request"
    )
    (ax,) = plots.tornado(table, "requests").axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["time", "rate"]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert np.ravel(bars) == pytest.approx([5, 1, 5, 2.5, 5, 40, 5, 10])
    made = budget([Stage("a", "5 ms", "20 ms"), Stage("b", "10 ms", "30 ms")], "50 ms")
    (ax,) = plots.waterfall(made.stages, 50).axes
    assert np.ravel([(bar.get_x(), bar.get_width()) for bar in ax.patches]) == pytest.approx([0, 5, 5, 10])
    plt.close("all")
    for draw in (plots.tornado, plots.waterfall):
        with pytest.raises(DataError, match="expected"):
            draw(table.drop(columns="base"), 5)
