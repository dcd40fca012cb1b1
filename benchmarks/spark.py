"""ALS in one process against Spark on the same machine, as the ratings grow: `python -m benchmarks.spark`.

    python -m benchmarks.spark            ml-100k grown to 1 and 10 million ratings, and the five folds of ml-100k
    python -m benchmarks.spark 1 10       these sizes only, printed and not kept

Both solve the same problem (power 1, exact half-steps) with the same few turns. Each measurement has a process of its own;
Spark's has a JVM of its own too, with two threads, the full compiler and enough memory, and has fitted ml-100k before.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import store
from benchmarks.growth import _apart, _show
from recsys_lab import BiasedALS, Ratings, datasets, metrics, split
from recsys_lab.course.style import set_up
from recsys_lab.production.spark import SparkALS, session

SETTINGS = {"factors": 20, "epochs": 3, "reg": 0.1}
FACTORS, CORES, MEMORY, JVM = (1, 10, 100), 2, "8g", "-Xss8m"
WAYS = ("exact", "cg", "spark")


def growth(factors: tuple[float, ...] = FACTORS) -> list[dict[str, Any]]:
    """A row for each size and way: seconds of the wall and of all cores, and peak memory in MB above the data's."""
    return [_show(_apart(_grown, way, factor)) for factor in factors for way in WAYS]


def folds() -> dict[str, list[float]]:
    """RMSE on the five folds of ml-100k at equal settings."""
    return _apart(_folds)


def _ratings(factor: float) -> Ratings:
    ml = datasets.load("ml-100k").ratings
    return Ratings.from_frame(datasets.fractal(ml, factor, seed=0) if factor > 1 else ml, scale=(1, 5))


def _grown(way: str, factor: float) -> dict[str, Any]:
    ratings = _ratings(factor)
    row = {"way": way, "ratings": ratings.n_ratings, "users": ratings.n_users, "items": ratings.n_items}
    if way != "spark":
        fit = partial(BiasedALS(power=1, solver=way, **SETTINGS).fit, ratings)
        BiasedALS(power=1, solver=way, **SETTINGS).fit(
            datasets.toy().ratings
        )  # compiled; on so few, nothing stays reserved
        return row | _cost(fit, os.getpid())
    began = time.perf_counter()
    with session(CORES, MEMORY, jvm=JVM) as spark:
        start = time.perf_counter() - began
        began = time.perf_counter()
        SparkALS(**SETTINGS).fit(_ratings(1))
        starts = {"start_s": start, "first_fit_s": time.perf_counter() - began}
        pid = spark.sparkContext._gateway.proc.pid
        return row | _cost(partial(SparkALS(**SETTINGS).fit, ratings), os.getpid(), pid) | starts


def _cost(fit: Callable[[], Any], *pids: int) -> dict[str, float]:
    """Of one fit: seconds of the wall, CPU seconds of these processes, and MB at their peaks above what Python held.

    A JVM counts in full: it holds what it holds for Spark's sake.
    """
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    held, cpu, began = _memory(pids[0], "VmRSS"), sum(map(_cpu_of, pids)), time.perf_counter()
    fit()
    wall, cpu = time.perf_counter() - began, sum(map(_cpu_of, pids)) - cpu
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": sum(_memory(pid, "VmHWM") for pid in pids) - held}


def _folds() -> dict[str, list[float]]:
    out: dict[str, list[float]] = {"here": [], "spark": []}
    with session(CORES):
        for train, test in split.k_fold(datasets.load("ml-100k").ratings, folds=5, seed=0):
            known, stars = Ratings.from_frame(train, scale=(1, 5)), test["rating"].to_numpy()
            out["here"].append(
                metrics.rmse(stars, BiasedALS(power=1, solver="exact", reg=0.1).fit(known).predict(test))
            )
            out["spark"].append(metrics.rmse(stars, SparkALS().fit(known).predict(test)))
    return out


def _cpu_of(pid: int) -> float:
    """CPU seconds that a process and its threads have used, from Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _memory(pid: int, what: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


# ---------------------------------------------------------------------- the page
def section() -> list[str]:
    found = store.kept("spark")
    if not found:
        return []
    here, there = found["folds"]["here"], found["folds"]["spark"]
    gap = max(abs(a - b) for a, b in zip(here, there))
    lines = [
        "## ALS past one machine: Spark",
        f"ml-100k grown by fractal expansion, {SETTINGS['factors']} factors, {SETTINGS['epochs']} turns, the same problem for all "
        '(`power=1`). `exact`: `BiasedALS(solver="exact")`, one thread. `cg`: its default solver. Spark: `SparkALS`, a JVM '
        f"with {CORES} threads, the full compiler, {MEMORY} of memory, warm; its start is counted apart. Peak: memory above "
        "that of the data in Python; for Spark, the JVM's.",
        "![Time and memory as the ratings grow, one process and Spark](figures/spark.png)",
        "| ratings | way | wall, s | CPU of all threads, s | peak, MB | wall, times `exact` | CPU, times `exact` |\n"
        + "|---" * 7
        + "|",
    ]
    exact = {row["ratings"]: row for row in found["rows"] if row["way"] == "exact"}
    for row in found["rows"]:
        base = exact[row["ratings"]]
        times = " | ".join(f"{row[what] / base[what]:.1f}" for what in ("wall_s", "cpu_s"))
        lines[-1] += (
            f"\n| {row['ratings']:,} | {row['way']} | {row['wall_s']:.2f} | {row['cpu_s']:.2f} | {row['peak_mb']:,.0f} | {times} |"
        )
    starts = [row[what] for row in found["rows"] if row["way"] == "spark" for what in ("start_s", "first_fit_s")]
    lines.append(
        f"Before its first fit is done, Spark needs {statistics.mean(starts[::2]):.0f} s for the JVM and "
        f"{statistics.mean(starts[1::2]):.0f} s for a first fit of 100,000 ratings (load average of the machine {found['load']}: all "
        "seconds of the wall were taken beside other work, CPU seconds say more)."
    )
    lines.append(
        f"RMSE on the five folds of ml-100k, 50 factors, 10 turns, reg 0.1: here {statistics.mean(here):.4f}, Spark "
        f"{statistics.mean(there):.4f}; the largest difference on a fold is {gap:.4f}."
    )
    lines.append(crossing(found["rows"]))
    return lines


def line_of(rows: list[dict[str, Any]], way: str, what: str) -> tuple[float, float]:
    """(per million ratings, fixed): the straight line through the two largest sizes."""
    (x0, y0), (x1, y1) = sorted((row["ratings"] / 1e6, row[what]) for row in rows if row["way"] == way)[-2:]
    slope = (y1 - y0) / (x1 - x0)
    return slope, y0 - slope * x0


def crossing(rows: list[dict[str, Any]]) -> str:
    """Where the two lines meet, or that they do not, and where memory ends either."""
    slopes = {way: line_of(rows, way, "cpu_s")[0] for way in WAYS}
    wall = {way: line_of(rows, way, "wall_s")[0] for way in WAYS}
    memory = line_of(rows, "exact", "peak_mb")[0]
    cores = slopes["spark"] / slopes["exact"]
    meets = "the lines meet nowhere" if wall["spark"] >= wall["exact"] else "beyond some size Spark's two threads win"
    return (
        f"From the two largest sizes: a million ratings more cost {slopes['exact']:.2f} CPU s in one process (`cg`: "
        f"{slopes['cg']:.2f}) and {slopes['spark']:.2f} with Spark; on the wall {wall['exact']:.2f} and {wall['spark']:.2f}, so "
        f"on this machine {meets}. Spark needs {cores:.1f} cores to draw level with one thread of `exact`, "
        f"{slopes['spark'] / slopes['cg']:.1f} with `cg`. The fit of one process takes {memory:.0f} MB more a million ratings."
    )


def figure() -> None:
    import matplotlib.pyplot as plt

    if not (rows := store.kept("spark").get("rows")):
        return
    set_up()
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    names = {"exact": "one process, exact", "cg": "one process, cg", "spark": "Spark, 2 threads"}
    for way, marker in zip(WAYS, "osD"):
        mine = sorted((row["ratings"], row["cpu_s"], row["peak_mb"]) for row in rows if row["way"] == way)
        sizes, seconds, peaks = map(np.array, zip(*mine))
        left.plot(sizes, seconds, marker=marker, label=names[way])
        right.plot(sizes, peaks, marker=marker, label=names[way])
    for ax, what in ((left, "CPU seconds of a fit, all threads"), (right, "peak memory of a fit, MB")):
        ax.set(xscale="log", yscale="log", xlabel="ratings", ylabel=what)
    left.set_title("Time: the gap narrows, and stays")
    right.set_title("Memory: a JVM holds more, and has a floor")
    left.legend()
    fig.savefig(Path(__file__).parent / "figures" / "spark.png")
    plt.close(fig)


def main(sizes: tuple[float, ...] = ()) -> None:
    if sizes:
        growth(sizes)
        return
    load = Path("/proc/loadavg").read_text().split()[0]
    store.keep("spark", {"load": load, "settings": SETTINGS, "rows": growth(), "folds": folds()})


if __name__ == "__main__":
    main(tuple(map(float, sys.argv[1:])))
