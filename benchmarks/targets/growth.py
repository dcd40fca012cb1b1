"""Targets of first calls, and of 1 and 10 million ratings."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks import store
from benchmarks.targets.numbers import Target, far, least, level


def first_calls() -> Target:
    rows = {row["model"]: row["cached"] for row in store.kept("start")["first_calls"]}
    worst = max(rows, key=lambda k: rows[k])
    return Target(
        f"first call in a new process, {len(rows)} models",
        "",
        "<= .5 s over warm",
        ".1 s",
        f"{statistics.median(rows.values()):.2f} s median, at most {rows[worst]:.2f} s ({worst})",
        "",
        level((-rows[worst], -0.5, -0.1)),
        f"Numba reads machine code from the disk and links it; those without a loop of their own need {min(rows.values()):.3f} s",
    )


def _grown(model: str, factor: float) -> dict[str, Any]:
    return next(row for row in store.kept("growth")["rows"] if row["model"] == model and row["factor"] == factor)


def _grown_row(model: str, work: str, peer: str, must: str, limit: str, **most: float) -> Target:
    one, ten = _grown(model, 10), _grown(model, 100)
    took = [row["fit_s"] + row["predict_s"] for row in (one, ten)]
    linear = took[1] / took[0] / (ten["ratings"] / one["ratings"])
    conditions = [(-took[1], -most.get("s", 1e9), None), (-ten["peak_mb"], -most["mb"], None)]
    if "linear" in most:
        conditions.append((-linear, -most["linear"], None))
    return Target(
        work,
        peer,
        must,
        "",
        f"{took[0]:.1f} s, {one['peak_mb']:,.0f} MB at 1M; {took[1]:.1f} s, {ten['peak_mb']:,.0f} MB at 10M; "
        f"{linear:.2f} times linear",
        "",
        level(*conditions),
        limit,
    )


def grown_svd() -> Target:
    ten = _grown("svd", 100)
    return _grown_row(
        "svd",
        "FunkSVD.surprise() at 1M and 10M ratings",
        "Surprise 303 s, 3.2 GB at 10M (measured earlier, on an older processor)",
        "<= 25 s, <= 700 MB; linear within 30 %",
        far(
            ten["fit_s"],
            least(gflop64=20 * ten["ratings"] * 1000 / 1e9),
            "as FunkSVD above, with a q of 7 MB",
        ),
        s=25,
        mb=700,
        linear=1.3,
    )


def grown_items() -> Target:
    ten = _grown("item-knn", 100)
    best = least(gflop64=ten["pairs_of_items"] * 10 / 1e9)
    return _grown_row(
        "item-knn",
        "item k-NN at 1M and 10M ratings",
        "Surprise 514 s, 6.9 GB at 10M (measured earlier, on an older processor)",
        "<= 25 s, <= 1.2 GB",
        far(ten["fit_s"], best, "work grows with the pairs of items that share a user, not with the ratings"),
        s=25,
        mb=1200,
    )


def grown_users() -> Target:
    ten = _grown("user-knn", 100)
    return _grown_row(
        "user-knn",
        f"user k-NN at 1M and 10M ratings ({ten['users']:,} users)",
        "impossible elsewhere (77 GB)",
        "<= 2 GB by blocks",
        "similarities are made anew for the users asked, block by block",
        mb=2000,
    )
