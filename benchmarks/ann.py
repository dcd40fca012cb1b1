"""Indexes of a million vectors, and what each stage of a recommendation costs: python -m benchmarks.ann

Latencies are CPU times of one thread, one query at a time, since the machine is shared; the rounds of all indexes
alternate, and what travels is the ratio to the exact search of the same run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import store
from recsys_lab import EASE, ImplicitALS, ItemItem, Ratings, beyond, datasets, rerank
from recsys_lab.course.style import PALETTE, set_up
from recsys_lab.production.ann import VectorIndex, grow, recall
from recsys_lab.production.feature_store import FeatureRepository
from recsys_lab.production.features import WEEK
from recsys_lab.production.ranking import Sources, Trending, fit_ranker, known_now, known_then
from recsys_lab.production.rehearsal import liked, outcomes, requests

FIGURES = Path(__file__).resolve().parent / "figures"
N, SPREAD, QUERIES, ROUNDS = 1_000_000, 0.5, 150, 3
BEAMS, PROBES = (16, 32, 64, 128, 256, 512), (1, 4, 16, 64, 256)
INDEXES: dict[str, tuple[dict[str, Any], tuple[int | None, ...]]] = {
    "exact": ({"kind": "exact"}, (None,)),
    "HNSW, 16 links": ({"kind": "hnsw", "links": 16, "care": 100}, BEAMS),
    "IVF, 1,024 cells": ({"kind": "ivf", "cells": 1024}, PROBES),
    "IVF + PQ, 16 bytes": ({"kind": "pq", "cells": 1024, "code": 16}, PROBES),
    "IVF + PQ, 32 bytes": ({"kind": "pq", "cells": 1024, "code": 32}, PROBES),
}


def measure() -> None:
    ratings = datasets.load("ml-100k").ratings
    store.keep("ann", {**store.kept("ann"), "curves": curves(ratings)})
    store.keep("ann", {**store.kept("ann"), "stages": stages(ratings)})


# ---------------------------------------------------------------------- a million vectors
def curves(ratings: pd.DataFrame) -> dict[str, Any]:
    model = ImplicitALS(threshold=4).fit(ratings)
    vectors = grow(model.item_factors_, N, seed=0, spread=SPREAD)
    who = np.random.default_rng(0).permutation(len(model.user_factors_))[:QUERIES]
    queries = model.user_factors_[who].astype(np.float32)
    built, rows = {}, []
    for name, (params, _) in INDEXES.items():
        start = time.process_time()
        built[name] = VectorIndex(**params).build(vectors)
        rows.append({"index": name, "build_s": time.process_time() - start, "bytes": built[name].bytes_per_vector})
        print(name, rows[-1], flush=True)
    truth = built["exact"].search(queries, 10).rows
    points: dict[tuple[str, int | None], dict[str, Any]] = {}
    for _ in range(ROUNDS):
        for name, (_, efforts) in INDEXES.items():
            for effort in efforts:
                point = points.setdefault((name, effort), {"index": name, "effort": effort, "took": []})
                found, index = [], built[name]
                work = 0
                for query in queries[: 50 if name == "exact" else QUERIES]:
                    start = time.thread_time()
                    answer = index.search(query[None], 10, effort)
                    point["took"].append(time.thread_time() - start)
                    found.append(answer.rows[0])
                    work += answer.work
                point["recall"] = float(recall(np.array(found), truth[: len(found)]).mean())
                point["work"] = work / len(found) / N
    exact = float(np.median(points["exact", None]["took"]))
    for point in points.values():
        took = np.array(point.pop("took"))
        point |= {"p50_ms": float(np.median(took)) * 1e3, "p99_ms": float(np.quantile(took, 0.99)) * 1e3}
        point["times_faster"] = exact / float(np.median(took))
    return {"n": N, "d": vectors.shape[1], "spread": SPREAD, "indexes": rows, "points": list(points.values())}


# ---------------------------------------------------------------------- stage by stage
def stages(ratings: pd.DataFrame, n: int = 200) -> dict[str, Any]:
    """CPU times of each stage of n real requests, at the catalogue of ml-100k."""
    items = datasets.load("ml-100k").items
    facts, shares = items.set_index("item")[["year"]], beyond.tags(items)
    end = int(ratings["timestamp"].max()) + 1
    cut = end - 10 * WEEK
    train = Ratings.from_frame(ratings[ratings["timestamp"] < cut], scale=(1, 5))
    models = {"ease": EASE(threshold=4), "als": ImplicitALS(threshold=4), "item-item": ItemItem(threshold=4)}
    sources = Sources({name: model.fit(train) for name, model in models.items()})
    asked = requests(ratings, cut, end)
    table = known_then(ratings, facts)(sources.table(asked, ratings))
    yes = liked(table, outcomes(asked, ratings))
    ranker = fit_ranker(table, yes, sources, ("year",))  # as large as a real one; its quality is not the question here

    from sklearn.ensemble import HistGradientBoostingClassifier

    same = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False)
    same.fit(table[list(ranker.columns)].to_numpy(dtype=float, na_value=np.nan), yes)
    took: dict[str, list[float]] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        answer = work()
        took.setdefault(stage, []).append(time.process_time() - start)
        return answer

    with tempfile.TemporaryDirectory() as folder:
        repository = FeatureRepository.create(folder, ratings)
        repository.materialize(end)
        look_up, trending = known_now(repository, facts), Trending(ratings).at(end, sources.items.ids)
        of = dict(tuple(ratings.groupby("user")))
        for user, second in [*asked[["user", "timestamp"]].itertuples(index=False)][: n + 5]:
            past = of[user][of[user]["timestamp"] < second]
            found = timed("candidates", lambda past=past: sources.candidates(past, trending))
            found = found.assign(user=user, timestamp=end)
            rows = timed("features", lambda found=found: look_up(found))
            score = timed("ranking", lambda rows=rows: ranker.score(rows))
            x = rows[list(ranker.columns)].to_numpy(dtype=float, na_value=np.nan)
            timed("ranking by scikit-learn", lambda x=x: same.predict_proba(x))
            best = rows[["user", "item"]].assign(score=score).nlargest(50, "score")
            best["rank"] = np.arange(1, len(best) + 1)
            timed("re-ranking", lambda best=best: rerank.mmr(best, shares, n=10))
    out = {}
    for stage, seconds in took.items():
        warm = np.array(seconds[5:]) * 1e3
        out[stage] = {"p50_ms": float(np.median(warm)), "p99_ms": float(np.quantile(warm, 0.99))}
    whole = sum(out[stage]["p50_ms"] for stage in out if stage != "ranking by scikit-learn")
    for stage in out:
        out[stage]["share"] = out[stage]["p50_ms"] / whole
    return {"requests": n, "candidates": len(table) / len(asked), "stages": out}


# ---------------------------------------------------------------------- for the page
def draw() -> None:
    if not store.kept("ann"):
        return
    import matplotlib.pyplot as plt

    set_up()
    points = pd.DataFrame(store.kept("ann")["curves"]["points"])
    fig, ax = plt.subplots(figsize=(10, 6))
    for (name, line), colour, mark in zip(points.groupby("index", sort=False), PALETTE, "so^Dv"):
        ax.plot(1 / line["times_faster"], line["recall"], marker=mark, color=colour, label=name)
    ax.set_xscale("log")
    ax.set(xlabel="CPU time of a query, as a share of the exact search (logarithmic)", ylabel="recall@10")
    ax.set_title("A million vectors: recall against latency (best is at the upper left)")
    ax.legend(loc="lower right")
    FIGURES.mkdir(exist_ok=True)
    fig.savefig(FIGURES / "ann.png")
    plt.close(fig)


def section() -> list[str]:
    found = store.kept("ann")
    if not found:
        return []
    curves, budget = found["curves"], found["stages"]
    lines = ["| index | effort | recall@10 | p50, ms | p99, ms | times as fast as exact | vectors compared |"]
    lines += ["|---" * 7 + "|"]
    for p in curves["points"]:
        times = f"{p['p50_ms']:.2f} | {p['p99_ms']:.2f} | **{p['times_faster']:.3g}**"
        lines.append(f"| {p['index']} | {p['effort'] or ''} | {p['recall']:.3f} | {times} | {p['work']:.2%} |")
    sizes = "; ".join(f"{i['index']} {i['bytes']:.0f} ({i['build_s']:.0f} s)" for i in curves["indexes"])
    stage_lines = ["| stage | p50, ms | p99, ms | share of the whole |", "|---" * 4 + "|"]
    for name, s in budget["stages"].items():
        share = f"({s['share']:.0%})" if name == "ranking by scikit-learn" else f"{s['share']:.0%}"
        stage_lines.append(f"| {name} | {s['p50_ms']:.2f} | {s['p99_ms']:.2f} | {share} |")
    return [
        "## Retrieval and ranking",
        f"Nearest of {curves['n']:,} vectors of {curves['d']} numbers by inner product, one query at a time, CPU time of one "
        "thread; queries are users' vectors. The catalogue was grown from the item factors of implicit ALS on ml-100k: a real "
        f"film's vector plus normal noise of {curves['spread']:g} standard deviations of all films. So it has clusters, "
        "which flatters indexes of cells. Effort is efSearch (HNSW) or nprobe (IVF).",
        "![Recall against latency](figures/ann.png)",
        "\n".join(lines),
        f"Bytes a vector (CPU seconds to build): {sizes}.",
        f"A recommendation stage by stage: CPU times of {budget['requests']} real requests to a two-stage recommender on "
        f"ml-100k's catalogue, {budget['candidates']:.0f} candidates each from four sources, features from Feast's online store "
        "(SQLite), 100 trees. Scikit-learn's own prediction of as many trees stands in brackets: it is not part of the whole.",
        "\n".join(stage_lines),
    ]


if __name__ == "__main__":
    measure()
    draw()
