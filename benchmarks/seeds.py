"""FunkSVD.surprise() and Surprise's SVD from eight random starts each -> results/seeds.json

From the same start they do the same to 1e-10 (tests/library/test_svd.py). From different starts the RMSE of a fold moves by
about .0015, so that only the means of many can be compared. Ours runs in float32, which loses nothing here (Surprise has
float64 only), and once more in float64.
"""

from __future__ import annotations

from benchmarks import store
from benchmarks.accuracy import peer_job, rating_quality
from benchmarks.peers import Peer
from benchmarks.protocol import cpu, rating_folds
from recsys_lab import FunkSVD, datasets

PRECISIONS = ("float32", "float64")
SEEDS = range(8)  # benchmarks/peers/surprise.py has a model for each


def main() -> None:
    movielens = datasets.load("ml-100k")
    pairs: list[dict[str, float]] = []
    with Peer("surprise") as peer:
        for train, test in rating_folds(movielens.ratings, movielens.scale):
            job = peer_job("ratings", train, test)
            for precision in PRECISIONS:
                FunkSVD.surprise(precision=precision).fit(train).predict(test)  # warm
            for seed in SEEDS:
                theirs, fit_s, answer_s = peer.ask(f"SVD, seed {seed}", "ratings", job)
                ours, ours_s, ours64, ours64_s = (
                    part
                    for precision in PRECISIONS
                    for part in cpu(lambda: FunkSVD.surprise(seed=seed, precision=precision).fit(train).predict(test))  # noqa: B023
                )
                answers = {"ours": ours, "ours64": ours64, "theirs": theirs}
                rmse = {who: rating_quality(p, train, test)["rmse"] for who, p in answers.items()}
                pairs.append({"ours_s": ours_s, "ours64_s": ours64_s, "theirs_s": fit_s + answer_s, **rmse})
            print("seeds", pairs[-1], flush=True)
    store.keep("seeds", {"pairs": pairs})


if __name__ == "__main__":
    main()
