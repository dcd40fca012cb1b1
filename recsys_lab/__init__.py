"""RecSys Lab: a recommender library small enough to read in an afternoon.

Names are imported when first used, so `import recsys_lab` costs next to nothing:

>>> import recsys_lab as rl
>>> ratings = rl.Ratings.from_frame(rl.datasets.toy().ratings)
>>> rl.Popularity().fit(ratings).recommend("ann", n=2)["rank"].tolist()
[1, 2]
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Ratings": "ratings",
    "IdIndex": "ratings",
    "Recommender": "base",
    "GlobalMean": "baselines",
    "BiasBaseline": "baselines",
    "Popularity": "baselines",
    "Random": "baselines",
    "UserKNN": "knn",
    "ItemKNN": "knn",
    "TfidfContent": "content",
    "ItemItem": "itemitem",
    "RP3beta": "itemitem",
    "BPR": "bpr",
    "FunkSVD": "svd",
    "SVDpp": "svdpp",
    "TruncatedSVD": "svd",
    "BiasedALS": "als",
    "ImplicitALS": "als",
    "EASE": "ease",
    "SLIM": "slim",
    "BayesianMF": "bayes",
    "cross_validate": "evaluate",
    "evaluate_ratings": "evaluate",
    "evaluate_ranking": "evaluate",
    "evaluate_both": "evaluate",
    "compare": "evaluate",
    "RatingBlend": "blend",
    "ListBlend": "blend",
    "save": "storage",
    "load": "storage",
}
_MODULES = (
    "beyond",
    "datasets",
    "errors",
    "evaluate",
    "experiment",
    "metrics",
    "plots",
    "ranking",
    "registry",
    "regression",
    "rerank",
    "similarity",
    "split",
    "storage",
    "tune",
)

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"recsys_lab.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"recsys_lab.{name}")
    raise AttributeError(f"module 'recsys_lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
