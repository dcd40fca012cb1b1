"""What the rest of the project asks of a model. Tests, pipeline, service and report call these and nothing below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from recsys_lab import storage
from recsys_lab.base import Recommender

from myrec import data, recipe


def train(rows: pd.DataFrame) -> Recommender:
    """Fit the recipe on these rows, and on nothing else."""
    return recipe.make().fit(data.ratings(rows), data.items())


def recommend(model: Recommender, users: Iterable[int], n: int = 10) -> pd.DataFrame:
    """Columns user, item, score, rank. Nothing that a user has already; whom the model does not know gets what is popular."""
    return model.recommend(list(users), n, unknown="popular")


def recommend_new(model: Recommender, history: Mapping[int, float], n: int = 10) -> pd.DataFrame:
    """The list of somebody with this history (item -> rating), without training anew."""
    return model.recommend_for(dict(history), n)


def save(model: Recommender, path: Path) -> Path:
    """Write the artefact: arrays and words, no pickle. The same model gives the same bytes."""
    return storage.save(model, path)


def load(path: Path) -> Recommender:
    """What `save` wrote; refused where it is damaged."""
    return storage.load(path)
