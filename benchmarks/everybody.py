"""Ten recommendations for each of ml-100k's 943 users, without what they have seen -> results/everybody.json"""

from __future__ import annotations

import statistics

from benchmarks import store
from benchmarks.protocol import cpu
from recsys_lab import Ratings, datasets, registry

MODELS = ("popularity", "bias", "pure-svd", "als", "implicit-als", "svd", "ease", "rp3beta", "item-knn", "user-knn")
REPEATS = 9


def main() -> None:
    ratings = Ratings.from_frame(datasets.load("ml-100k").ratings)
    found: dict[str, float] = {}
    for name in MODELS:
        model = registry.make(name).fit(ratings)
        model.recommend(ratings.users.ids, 10)
        found[name] = statistics.median(cpu(lambda: model.recommend(ratings.users.ids, 10))[1] for _ in range(REPEATS))  # noqa: B023
        print(name, f"{found[name] * 1000:.1f} ms", flush=True)
    store.keep("everybody", {"seconds": found})


if __name__ == "__main__":
    main()
