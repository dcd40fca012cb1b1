"""Targets of the models that make lists."""

from __future__ import annotations

import statistics

from benchmarks import store
from benchmarks.everybody import MODELS as EVERYBODY
from benchmarks.targets.numbers import Target, far, least, level, mean, ratios, seconds, size_of, times


def ease() -> Target:
    ours, theirs = "here: EASE", "irspack: EASE, reg 300"
    fast, ndcg, items = ratios("lists", theirs, ours), mean("lists", ours, "ndcg"), size_of("split")[2]
    return Target(
        "EASE, fit and all lists",
        f"irspack, nDCG@10 {mean('lists', theirs, 'ndcg'):.4f} in {seconds('lists', theirs):.2f} s",
        ">= .3226, >= 2x",
        "",
        f"nDCG@10 {ndcg:.4f}, {seconds('lists', ours):.2f} s",
        times(fast),
        level((ndcg, 0.3226, None), (statistics.median(fast), 2, None)),
        far(
            seconds("lists", ours),
            least(gflop32=items**3 / 1e9),
            "n^3 operations, a third of them in a Cholesky factor",
        ),
    )


def lists_aim() -> Target:
    rows = {key: mean("lists", key, "ndcg") for key in store.kept("lists")["rows"]}
    ours = {k: v for k, v in rows.items() if k.startswith("here")}
    single = max((k for k in ours if "Blend" not in k), key=lambda k: ours[k])
    peer = max((k for k in rows if k not in ours), key=lambda k: rows[k])
    blend = ours["here: ListBlend"]
    return Target(
        "best lists",
        f"best peer {peer.replace(': ', ' ', 1)} {rows[peer]:.4f}",
        "",
        "nDCG@10 .325 single, .330 blend",
        f"{single.split(': ')[1]} {ours[single]:.4f}, ListBlend {blend:.4f}",
        "",
        level((ours[single], None, 0.325), (blend, None, 0.330)),
        "",
    )


def implicit_als() -> Target:
    ours, theirs = "here: ImplicitALS", "irspack: iALS, tuned"
    ndcg, (n, users, items) = mean("lists", ours, "ndcg"), size_of("split")
    grams = 10 * (users + items) * 64**2 * 2 * 5 / 1e9
    work = least(
        gflop32=10 * 2 * n * 64 * 16 / 1e9 + grams, gflop64=(n * 64**2 + users * 64**3 / 3 + users * items * 128) / 1e9
    )
    return Target(
        "ImplicitALS",
        f"irspack iALS {mean('lists', theirs, 'ndcg'):.4f} in {seconds('lists', theirs):.2f} s; "
        f"implicit {mean('lists', 'implicit: ALS, tuned', 'ndcg'):.4f}",
        "nDCG@10 >= .305",
        ".310",
        f"nDCG@10 {ndcg:.4f}, {seconds('lists', ours):.2f} s",
        times(ratios("lists", theirs, ours)),
        level((ndcg, 0.305, 0.310)),
        far(seconds("lists", ours), work, "as BiasedALS; and every list is ranked"),
    )


def untuned() -> Target:
    ours = {key: mean("lists", f"here: {key}", "ndcg") for key in ("EASE", "ImplicitALS")}
    theirs = ("irspack: EASE, its default", "irspack: iALS, its default", "implicit: ALS, its default")
    return Target(
        "untuned defaults, lists",
        "; ".join(f"{k.replace(': ', ' ')} {mean('lists', k, 'ndcg'):.3f}" for k in theirs),
        "nDCG@10 >= .30, both",
        ".315",
        ", ".join(f"{k} {v:.4f}" for k, v in ours.items()),
        "",
        level((min(ours.values()), 0.30, 0.315)),
        "",
    )


# Their time goes into the scores, not into masking and ranking, which this row is about.
SLOW = ("rp3beta", "user-knn", "item-knn")


def everybody() -> Target:
    found = store.kept("everybody")["seconds"]
    ms = {name: 1000 * found[name] for name in EVERYBODY}
    table = {name: value for name, value in ms.items() if name not in SLOW}
    worst = max(table, key=lambda k: table[k])
    gflop = 943 * 1682 * 128 * 2 / 1e9
    return Target(
        "ten items for all 943 users, seen ones masked; models that score by a product",
        "",
        "<= 60 ms",
        "20 ms",
        f"{min(table.values()):.0f} ms ({min(table, key=lambda k: table[k])}), svd {ms['svd']:.0f}, ease {ms['ease']:.0f}, "
        f"to {table[worst]:.0f} ({worst}). Beyond the row: " + ", ".join(f"{name} {ms[name]:.0f}" for name in SLOW),
        "",
        level(*((-ms[name], -60.0, -20.0) for name in EVERYBODY if name not in SLOW)),
        "svd: "
        + far(
            found["svd"],
            least(gflop64=gflop, gb=943 * 1682 * 8 * 3 / 1e9),
            "the product of p and q, and three passes over the scores; "
            "rp3beta and ease add up rows of weights for each item of a history; k-NN chooses the 40 nearest anew for "
            "every user and item, 1.6 million times",
        ),
    )
