"""How time and memory grow with the ratings, and what the first call in a process costs: `python -m benchmarks.growth`.

    python -m benchmarks.growth                 svd, item-knn and user-knn at 1 and 10 million ratings, then all first calls
    python -m benchmarks.growth als 10          one model at one size

Sizes are ml-100k grown by fractal.py. Each measurement has a process of its own, so that no peak hides another, and a
warm one: the model has been fitted on the toy set before.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.protocol import cpu
from recsys_lab import FunkSVD, Ratings, datasets, registry
from recsys_lab.base import Recommender

MODELS, FACTORS, PAIRS = ("svd", "item-knn", "user-knn"), (10, 100), 100_000
MAKE = {"svd": FunkSVD.surprise}  # with Surprise's settings; the others as they are by default


def growth(models: Iterable[str] = MODELS, factors: Iterable[float] = FACTORS, pairs: int = PAIRS) -> list[dict]:
    """A row for each model and size: CPU seconds of fitting and of predicting `pairs` held-out ratings, peak memory."""
    return [_show(_apart(_grown, name, factor, pairs)) for name in models for factor in factors]


def first_calls(models: Iterable[str] = tuple(registry.MODELS), repeats: int = 3) -> list[dict]:
    """A row for each model: CPU seconds that the first fit, predict and recommend of a process add to later ones.

    `compiled` counts what Numba compiles where its cache on disk is empty; it is 0 where an earlier run filled it.
    """
    rows = []
    for name in models:
        once, *later = (_apart(_first, name) for _ in range(1 + repeats))
        rows.append(_show({"model": name, "compiled": max(0.0, once - max(later)), "cached": statistics.median(later)}))
    return rows


def _grown(name: str, factor: float, pairs: int) -> dict[str, Any]:
    make = MAKE.get(name, partial(registry.make, name))
    _toy_run(name, make)
    with tempfile.TemporaryDirectory() as folder:
        _apart(_write, factor, pairs, folder)
        train, reading = cpu(lambda: Ratings.from_frame(_read(folder, "kept"), scale=(1, 5)))
        test = _read(folder, "test")
    read_mb = _peak()
    model, fitting = cpu(lambda: make().fit(train))
    fit_mb = _peak()
    _, predicting = cpu(lambda: model.predict(test))
    counts = [np.diff(train.matrix.indptr), np.bincount(train.matrix.indices)]
    sizes = {"ratings": train.n_ratings, "users": train.n_users, "items": train.n_items}
    sizes |= {
        f"pairs_of_{what}": float((n.astype(float) ** 2).sum() / 2) for what, n in zip(("items", "users"), counts)
    }
    seconds = {"read_s": reading, "fit_s": fitting, "predict_s": predicting}
    return {"model": name, **sizes, **seconds, "read_mb": read_mb, "fit_mb": fit_mb, "peak_mb": _peak()}


def _write(factor: float, pairs: int, folder: str) -> None:
    """The grown ratings, `pairs` of them held out: made in yet another process, whose memory is not the model's."""
    grown = datasets.fractal(datasets.load("ml-100k").ratings, factor, seed=0)
    held_out = np.zeros(len(grown), bool)
    held_out[np.random.default_rng(0).choice(len(grown), pairs, replace=False)] = True
    for part, rows in (("kept", ~held_out), ("test", held_out)):
        np.savez(Path(folder, f"{part}.npz"), **{c: grown[c].to_numpy()[rows] for c in grown})


def _read(folder: str, part: str) -> pd.DataFrame:
    with np.load(Path(folder, f"{part}.npz")) as columns:
        return pd.DataFrame(dict(columns))


def _first(name: str) -> float:
    registry.model_class(name)  # importing its module, and Numba where it needs it, does not count
    first, *warm = (cpu(lambda: _toy_run(name, partial(registry.make, name)))[1] for _ in range(4))
    return first - min(warm)


def _toy_run(name: str, make: Callable[..., Recommender]) -> Recommender:
    toy = datasets.toy()
    model = make(**_fit_for_toy(name)).fit(toy.ratings, toy.items)
    model.predict(toy.ratings)
    model.recommend(toy.ratings["user"].unique(), n=3)
    return model


def _fit_for_toy(name: str) -> dict[str, Any]:
    """Parameters with which a model's defaults fit six users and eight items, in a blend too."""
    cls = registry.model_class(name)
    blended = getattr(cls, "_default", {})
    small = {"k": 2} if "k" in registry.parameters(cls) else {}
    return small | ({"models": {part: _fit_for_toy(part) for part in blended}} if blended else {})


def _peak() -> float:
    """The most memory this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _show(row: dict[str, Any]) -> dict[str, Any]:
    print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    return row


if __name__ == "__main__":
    names = [a for a in sys.argv[1:] if a in registry.MODELS]
    growth(names or MODELS, [float(a) for a in sys.argv[1:] if a not in registry.MODELS] or FACTORS)
    if not names:
        first_calls()
