"""The recipe: which model, with which parameters. This is the file to change.

Choose on a validation part cut out of the training part (`data.split` once more), never on the part that `report` judges
on. `recsys-lab models` shows what there is.
"""

from __future__ import annotations

from recsys_lab import registry
from recsys_lab.base import Recommender

MODEL = "ease"
PARAMS: dict[str, object] = {}


def make() -> Recommender:
    """The model, not fitted yet."""
    return registry.make(MODEL, **PARAMS)
