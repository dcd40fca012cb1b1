"""How good, and how long: every contestant on the same folds, by this library's metrics.

Each fold is given to all contestants in turn, before the next fold: so two that stand side by side see the machine in
the same mood, and the ratio of their seconds in one fold says more than the seconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import store
from benchmarks.contestants import LISTS, RATINGS, Contestant
from benchmarks.peers import Peer, PeerError
from benchmarks.protocol import SEEDS, cpu, list_split, rating_folds
from recsys_lab import Ratings, datasets, metrics
from recsys_lab.biases import damped_biases
from recsys_lab.evaluate import hit_table

SETS = ("ml-100k", "ml-small-2016")
BRIEF, REPEATS = 1.0, 3  # what takes less CPU seconds than this is repeated so often, and the median counts

Timed = tuple[np.ndarray, float, float]  # answer, seconds of fitting, seconds of answering


def ratings(name: str) -> None:
    """Five folds of a set -> results/ratings-NAME.json."""
    movielens = datasets.load(name)
    folds = {str(n): fold for n, fold in enumerate(rating_folds(movielens.ratings, movielens.scale))}
    run = [c for c in RATINGS if name in c.sets]
    measure(f"ratings-{name}", "ratings", folds, run, rating_quality, movielens.items)


def lists() -> None:
    """Four splits of ml-100k's positives -> results/lists.json."""
    movielens = datasets.load("ml-100k")
    parts = ((str(seed), list_split(movielens.ratings, seed)) for seed in SEEDS)
    splits = {seed: (Ratings.from_frame(train), test) for seed, (train, test) in parts}
    measure("lists", "lists", splits, LISTS, list_quality_of, movielens.items)


def measure(
    part: str,
    kind: str,
    folds: dict[str, tuple[Ratings, pd.DataFrame]],
    run: list[Contestant],
    quality: Callable[[np.ndarray, Ratings, pd.DataFrame], dict[str, float]],
    items: pd.DataFrame,
) -> None:
    """Fill in what results/PART.json does not have yet: found["rows"][contestant][fold]."""
    found = {"rows": {}, "versions": {}, "missing": {}} | store.kept(part)
    with ExitStack() as stack:
        peers: dict[str, Peer] = {}
        warm: set[str] = set()
        for fold, (train, test) in folds.items():
            for contestant in run:
                key = f"{contestant.by}: {contestant.name}"
                row = found["rows"].setdefault(key, {})
                if fold in row:
                    continue
                try:
                    if contestant.by != "here" and contestant.by not in peers:
                        peers[contestant.by] = stack.enter_context(Peer(contestant.by))
                        found["versions"][contestant.by] = peers[contestant.by].version
                    once = _runner(contestant, kind, peers, items)
                    if key not in warm:
                        once(*_small(train, test))
                        warm.add(key)
                    answer, fit_s, answer_s = _repeated(lambda: once(train, test))  # noqa: B023
                except PeerError as error:
                    found["missing"][key] = str(error)
                    if contestant.by in peers and not peers[contestant.by].alive:
                        del peers[contestant.by]  # the next contestant starts it anew
                    print(f"{part}: {error}", flush=True)
                    continue
                row[fold] = {**quality(answer, train, test), "fit": fit_s, "answer": answer_s}
                found["missing"].pop(key, None)
                store.keep(part, found)
                print(part, fold, key, {k: round(v, 4) for k, v in row[fold].items()}, flush=True)
    found["rows"] = {key: found["rows"][key] for c in run if (found["rows"].get(key := f"{c.by}: {c.name}"))}
    store.keep(part, found)


# ---------------------------------------------------------------------- one contestant, one fold
def _runner(
    contestant: Contestant, kind: str, peers: dict[str, Peer], items: pd.DataFrame
) -> Callable[[Ratings, pd.DataFrame], Timed]:
    if contestant.by == "here":
        return lambda train, test: _ours(contestant.model(), kind, train, test, items)  # type: ignore[operator]
    return lambda train, test: peers[contestant.by].ask(str(contestant.model), kind, peer_job(kind, train, test))


def _ours(model: Any, kind: str, train: Ratings, test: pd.DataFrame, items: pd.DataFrame) -> Timed:
    _, fit_s = cpu(lambda: model.fit(train, items))
    if kind == "ratings":
        predicted, answer_s = cpu(lambda: model.predict(test))
        return predicted, fit_s, answer_s
    table, answer_s = cpu(lambda: model.recommend(train.users.ids, 10))
    out = np.full((train.n_users, 10), -1)
    out[train.users.rows(table["user"]), table["rank"] - 1] = train.items.rows(table["item"])
    return out, fit_s, answer_s


def peer_job(kind: str, train: Ratings, test: pd.DataFrame) -> dict[str, Any]:
    known = train.matrix.tocoo()
    values = known.data if kind == "ratings" else np.ones(known.nnz)  # some libraries would weigh a 5 more than a 4
    return {
        "user": known.coords[0],
        "item": known.coords[1],
        "rating": values,
        "test_user": train.users.rows(test["user"]),
        "test_item": train.items.rows(test["item"]),
        "low": train.scale[0],
        "high": train.scale[1],
    }


def _repeated(once: Callable[[], Timed]) -> Timed:
    runs = [once()]
    while len(runs) < REPEATS and runs[0][1] + runs[0][2] < BRIEF:
        runs.append(once())
    return runs[0][0], statistics.median(r[1] for r in runs), statistics.median(r[2] for r in runs)


def _small(train: Ratings, test: pd.DataFrame) -> tuple[Ratings, pd.DataFrame]:
    """The first users: enough to compile and load everything."""
    frame, users = train.to_frame(), train.users.ids[:80]
    return Ratings.from_frame(frame[frame["user"].isin(users)], scale=train.scale), test[test["user"].isin(users)]


# ---------------------------------------------------------------------- judged alike
def rating_quality(predicted: np.ndarray, train: Ratings, test: pd.DataFrame) -> dict[str, float]:
    """Clipped to the scale; where a library has no answer, it gets the damped biases, as ours do."""
    gap = np.isnan(predicted)
    rows, columns = train.users.rows(test["user"]), train.items.rows(test["item"])
    predicted = np.where(gap, damped_biases(train.matrix).at(rows, columns), predicted).clip(*train.scale)
    true = test["rating"].to_numpy()
    return {"rmse": metrics.rmse(true, predicted), "mae": metrics.mae(true, predicted)}


def list_quality_of(best: np.ndarray, train: Ratings, test: pd.DataFrame) -> dict[str, float]:
    """`best`: (n_users, 10) columns of the training matrix, -1 where there is none."""
    rows, rank = np.nonzero(best >= 0)
    table = {"user": train.users.ids[rows], "item": train.items.ids[best[rows, rank]], "rank": rank + 1}
    assert not _seen(train, rows, best[rows, rank]).any(), "a list holds what the user has chosen in training"
    hits, n = hit_table(pd.DataFrame(table), test, train.users.ids, 10)
    judged = {"ndcg": metrics.ndcg, "precision": metrics.precision, "recall": metrics.recall}
    return {name: float(np.nanmean(metric(hits, n))) for name, metric in judged.items()}


def _seen(train: Ratings, rows: np.ndarray, columns: np.ndarray) -> Iterator[bool] | np.ndarray:
    return np.asarray(train.matrix[rows, columns]).ravel() != 0


def main() -> None:
    lists()
    for name in SETS:
        ratings(name)


if __name__ == "__main__":
    main()
