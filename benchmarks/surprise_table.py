"""The table of ml-100k in Surprise's README, measured again on the folds of this repository -> results/surprise-table.json

Accuracy only, so it may run beside anything. Twice: on `k_fold(folds=5, seed=0)`, Surprise and this library; and Surprise
once more on the folds of its README. Those come from its examples/benchmark.py: KFold(random_state=0) over the lines of
u.data as they stand in the file, which the tables of this library do not keep; so the file is fetched again. Lesson 4.1
prints the same table, and a test compares the two.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import store
from benchmarks.accuracy import peer_job, rating_quality
from benchmarks.contestants import surprise_knn
from benchmarks.peers import Peer
from benchmarks.protocol import rating_folds
from recsys_lab import BiasBaseline, FunkSVD, Random, SVDpp, UserKNN, datasets, fetch, formats
from recsys_lab.base import Recommender

PART = "surprise-table"


class Row(NamedTuple):
    """A row of the README of Surprise 1.1.5; its class and options, and its name in peers/surprise.py; and our twin."""

    name: str
    rmse: float
    mae: float
    algorithm: str
    options: dict[str, Any]
    theirs: str
    ours: Callable[[], Recommender] | None = None  # None: not in this library
    fallback: Any = True


def ours(variant: str) -> Callable[[], Recommender]:
    return lambda: surprise_knn(UserKNN, variant, "msd")


SEED, QUIET = {"random_state": 0}, {"verbose": False}
ROWS = (  # in the README's order
    Row("SVD", 0.934, 0.737, "SVD", SEED, "SVD", FunkSVD.surprise),
    Row("SVD++", 0.919, 0.721, "SVDpp", SEED, "SVD++", SVDpp.surprise),
    Row("NMF", 0.963, 0.758, "NMF", SEED, "NMF"),
    Row("Slope One", 0.946, 0.743, "SlopeOne", {}, "SlopeOne"),
    Row("k-NN", 0.98, 0.774, "KNNBasic", QUIET, "user basic, msd", ours("basic"), "mean"),
    Row("Centered k-NN", 0.951, 0.749, "KNNWithMeans", QUIET, "user means, msd", ours("means"), "mean"),
    Row("k-NN Baseline", 0.931, 0.733, "KNNBaseline", QUIET, "user baseline, msd", ours("baseline")),
    Row("Co-Clustering", 0.963, 0.753, "CoClustering", SEED, "CoClustering"),
    Row("Baseline", 0.944, 0.748, "BaselineOnly", QUIET, "BaselineOnly", BiasBaseline),
    Row("Random", 1.518, 1.219, "NormalPredictor", {}, "NormalPredictor", Random),
)


def main() -> None:
    movielens = datasets.load("ml-100k")
    found: dict[str, dict[str, list]] = {row.name: {"theirs": [], "ours": []} for row in ROWS}
    with Peer("surprise") as peer:
        for train, test in rating_folds(movielens.ratings, movielens.scale):
            job = peer_job("ratings", train, test)
            for row in ROWS:
                said, _, _ = peer.ask(row.theirs, "ratings", job)
                found[row.name]["theirs"].append(rating_quality(said, train, test))
                if row.ours is not None:
                    said = row.ours().fit(train).predict(test, fallback=row.fallback)
                    found[row.name]["ours"].append(rating_quality(said, train, test))
            print(PART, {name: folds["theirs"][-1]["rmse"] for name, folds in found.items()}, flush=True)
        version = peer.version
    store.keep(PART, {"rows": found, "readme": as_published(), "version": version})


def as_published() -> dict[str, dict[str, float]]:
    """Every row of the README by the README's protocol: mean RMSE and MAE over its five folds."""
    import surprise
    from surprise.model_selection import KFold, cross_validate

    source = next(source for source in fetch.entry("ml-100k").sources if source.reader == "recbole")
    with tempfile.TemporaryDirectory() as folder:
        archive = fetch.pip_download(source.pip, source.file, Path(folder))
        with formats.open_archive(archive) as opened:  # formats.read would sort the lines
            lines = formats.read_recbole(lambda name: formats.open_member(opened, name, 100_000_000))["ratings"]
    reader = surprise.Reader(rating_scale=(1, 5))
    data = surprise.Dataset.load_from_df(lines[["user", "item", "rating"]], reader)
    np.random.seed(0)  # noqa: NPY002  the global state is what NormalPredictor draws from
    found = {}
    for row in ROWS:
        folds = cross_validate(
            getattr(surprise, row.algorithm)(**row.options), data, ["rmse", "mae"], KFold(random_state=0)
        )
        found[row.name] = {"rmse": float(folds["test_rmse"].mean()), "mae": float(folds["test_mae"].mean())}
        print(PART, "as published", row.name, found[row.name], flush=True)
    return found


def table() -> str:
    """For the page: the published figures, those measured again by the same protocol, and those on our folds."""
    head = [
        "row",
        "published: RMSE",
        "MAE",
        "again, its folds",
        "MAE",
        "Surprise, our folds",
        "MAE",
        "here, our folds",
        "MAE",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    found = store.kept(PART)
    kept, again = found["rows"], found["readme"]
    for row in ROWS:
        cells = [row.name, f"{row.rmse:.3f}", f"{row.mae:.3f}"]
        cells += [f"{again[row.name][metric]:.4f}" for metric in ("rmse", "mae")]
        for who in ("theirs", "ours"):
            folds = kept[row.name][who]
            cells += [
                f"{statistics.mean(fold[metric] for fold in folds):.4f}" if folds else "" for metric in ("rmse", "mae")
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
