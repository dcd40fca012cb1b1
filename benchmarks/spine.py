"""Figures of the library's heart, measured on this machine: `make bench`.

Speed is a ratio within one run (this library and Surprise in turns, one thread, CPU seconds, the median of the paired
ratios), because the same laptop is twice as fast on Monday as on Tuesday. The table goes to benchmarks/RESULTS.md and
into README.md, between two comment lines.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import surprise

from recsys_lab import ItemKNN, Ratings, UserKNN, datasets
from recsys_lab.split import k_fold

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- measured: begin -->", "<!-- measured: end -->"
THEIRS = {
    "basic": surprise.KNNBasic,
    "means": surprise.KNNWithMeans,
    "zscore": surprise.KNNWithZScore,
    "baseline": surprise.KNNBaseline,
}
CASES = [
    (UserKNN, "basic", "msd"),
    (UserKNN, "basic", "cosine"),
    (UserKNN, "means", "pearson"),
    (UserKNN, "baseline", "pearson-baseline"),
    (ItemKNN, "basic", "msd"),
    (ItemKNN, "basic", "cosine"),
    (ItemKNN, "means", "pearson"),
    (ItemKNN, "baseline", "pearson-baseline"),
]


def cpu(call):
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def folds_of_ml100k():
    ratings = datasets.load("ml-100k").ratings
    reader = surprise.Reader(rating_scale=(1, 5))
    for train, test in k_fold(ratings, folds=5, seed=0):
        train = train.sort_values(["user", "item"])
        theirs = surprise.Dataset.load_from_df(train[["user", "item", "rating"]], reader).build_full_trainset()
        yield (
            Ratings.from_frame(train, scale=(1, 5)),
            theirs,
            test,
            list(zip(test["user"], test["item"], test["rating"])),
        )


def knn_against_surprise(folds, repeats: int = 5) -> list[dict]:
    rows = []
    for model, variant, measure in CASES:
        shrinkage = 100.0 if measure == "pearson-baseline" else 0.0
        ratios, mine_s, theirs_s, difference, squared = [], [], [], 0.0, []
        for train, trainset, test, triples in folds:
            mine = model(40, measure=measure, variant=variant, shrinkage=shrinkage, damping=0)
            options = {"name": measure.replace("-", "_"), "user_based": model is UserKNN}
            algorithm = THEIRS[variant](k=40, sim_options=options, verbose=False)
            mine.fit(train).predict(test)  # warm
            answers, seconds = cpu(lambda: algorithm.fit(trainset).test(triples))  # noqa: B023
            own = [cpu(lambda: mine.fit(train).predict(test))[1] for _ in range(repeats)]  # noqa: B023
            ratios.append(seconds / statistics.median(own))
            mine_s.append(statistics.median(own))
            theirs_s.append(seconds)
            predicted = mine.predict(test, fallback=False)
            possible = np.array([not a.details["was_impossible"] for a in answers]) & ~np.isnan(predicted)
            estimates = np.array([a.est for a in answers])
            difference = max(difference, float(np.abs(predicted - estimates)[possible].max()))
            squared.append((mine.predict(test) - test["rating"].to_numpy()) ** 2)
        rmse = float(np.mean([np.sqrt(s.mean()) for s in squared]))
        rows.append(
            {
                "model": f"{model.__name__} {variant}, {measure}",
                "surprise_s": sum(theirs_s),
                "ours_s": sum(mine_s),
                "ratio": statistics.median(ratios),
                "difference": difference,
                "rmse": rmse,
            }
        )
        print(rows[-1], flush=True)
    return rows


def in_new_process(code: str, **environment: str) -> dict:
    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(out.stdout.splitlines()[-1])


def first_call() -> dict:
    """Seconds that the very first fit and predict of k-NN add to a warm one: compiling, then from the disk cache."""
    code = """
import json, time
from recsys_lab import UserKNN, datasets
toy = datasets.toy().ratings
def once():
    start = time.process_time(); UserKNN(k=2).fit(toy).predict(toy); return time.process_time() - start
import recsys_lab.knn
first = once(); print(json.dumps({"extra": first - once()}))
"""
    with tempfile.TemporaryDirectory() as empty:
        compiled = in_new_process(code, NUMBA_CACHE_DIR=empty)["extra"]
        cached = in_new_process(code, NUMBA_CACHE_DIR=empty)["extra"]
    return {"compiled": compiled, "cached": cached}


def import_cost(repeats: int = 9) -> float:
    """Median seconds that `import recsys_lab` adds to importing NumPy, pandas and SciPy."""
    code = """
import json, time
import numpy, pandas, scipy.sparse
start = time.perf_counter(); import recsys_lab; print(json.dumps({"s": time.perf_counter() - start}))
"""
    return statistics.median(in_new_process(code)["s"] for _ in range(repeats))


def memory_of_item_knn() -> dict:
    """Peak memory that ItemKNN.fit adds on about a million ratings (fractal), against the table that it keeps."""
    code = """
import json, resource, psutil
from recsys_lab import ItemKNN, Ratings, datasets
grown = datasets.fractal(datasets.load("ml-100k").ratings, factor=10, seed=0)
toy = datasets.toy().ratings
ItemKNN(k=2).fit(toy).predict(toy)
train = Ratings.from_frame(grown); n = len(grown); del grown
peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = psutil.Process().memory_info().rss
model = ItemKNN().fit(train)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"ratings": n, "items": train.n_items, "table": model.similarities_.nbytes, "peak": peak - before,
                  "masked": peak == peak_before}))
"""
    return in_new_process(code)


def main() -> None:
    folds = list(folds_of_ml100k())
    knn = knn_against_surprise(folds)
    first, added, memory = first_call(), import_cost(), memory_of_item_knn()
    table = [
        "| five folds of ml-100k, fit and predict | Surprise 1.1.5, CPU s | here, CPU s | times as fast | largest difference | RMSE |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r['model']} | {r['surprise_s']:.1f} | {r['ours_s']:.2f} | **{r['ratio']:.0f}** | {r['difference']:.0e} | {r['rmse']:.4f} |"
            for r in knn
        ),
        "",
        f"- The first k-NN call in a process: {first['compiled']:.1f} CPU s more than a warm one when it compiles, "
        f"{first['cached']:.2f} s from the disk cache that the set-up fills.",
        f"- `import recsys_lab` adds {added * 1000:.0f} ms to importing NumPy, pandas and SciPy.",
        f"- Item k-NN on {memory['ratings']:,} ratings of {memory['items']:,} items (fractal expansion): fitting adds "
        f"{memory['peak'] / 1e6:,.0f} MB at its peak, {memory['peak'] / memory['table']:.2f} times the similarity table it keeps.",
    ]
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"
    note = f"Measured by `make bench` (benchmarks/spine.py) on {where}; one thread, medians of paired runs."
    write("\n".join([*table, "", note]))


def write(text: str) -> None:
    (ROOT / "benchmarks" / "RESULTS.md").write_text(f"# Measured\n\n{text}\n", encoding="utf-8")
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
