"""Boosted trees as arrays: what scikit-learn fitted, kept without pickle and answered without scikit-learn.

A boosted model adds up trees: raw(x) = start + sum over t of leaf_t(x), and the chance of a yes is 1 / (1 + exp(-raw)).
To answer, one walks down each tree. That is a loop over a few arrays, so a fitted model needs no more than them: they are
stored as numbers, where scikit-learn's own object would need a pickle, and the service needs no scikit-learn.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numba import njit

from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.storage import atomic


class Trees(NamedTuple):
    """All nodes of all trees, one after the other. `columns` names the features, in order.

    first : (n_trees,) the root of each tree. feature : (n_nodes,) the column that a node asks, -1 for a leaf.
    threshold : go left where the value is at most this. missing_left : where NaN goes. left, right : nodes.
    value : what a leaf adds. start : what every sum starts with.
    """

    columns: tuple[str, ...]
    start: float
    first: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    @classmethod
    def fit(cls, table: pd.DataFrame, yes: np.ndarray, columns: Sequence[str], **params: Any) -> Self:
        """Boosted trees that tell the rows with a yes from the others: scikit-learn's HistGradientBoostingClassifier.

        table : holds `columns`, numbers; NaN is a value of its own. params : of scikit-learn; its early stopping is off,
        since rows of one request would stand on both sides of its random split.
        """
        try:
            from sklearn.ensemble import HistGradientBoostingClassifier
        except ImportError as error:
            raise MissingExtraError("boosted trees need scikit-learn: pip install 'recsys-lab[course]'.") from error
        yes = np.asarray(yes, dtype=bool)
        if len(yes) != len(table) or yes.all() or not yes.any():
            raise DataError(f"{len(table):,} rows and {yes.sum():,} yes of {len(yes):,}: one a row, and both kinds.")
        model = HistGradientBoostingClassifier(**{"early_stopping": False, "random_state": 0} | params)
        return cls.of(model.fit(_numbers(table, columns), yes), columns)

    @classmethod
    def of(cls, model: Any, columns: Sequence[str]) -> Self:
        """The trees of a fitted HistGradientBoostingClassifier of two classes with numeric features."""
        trees = [step[0].nodes for step in model._predictors]
        first = np.cumsum([0, *(len(tree) for tree in trees[:-1])])
        nodes = np.concatenate(trees)
        if nodes["is_categorical"].any():
            raise DataError("a tree splits on categories: give numbers.")
        shift, leaf = np.repeat(first, [len(tree) for tree in trees]), nodes["is_leaf"] == 1
        return cls(
            tuple(columns),
            float(model._baseline_prediction.item()),
            first,
            np.where(leaf, -1, nodes["feature_idx"]),
            nodes["num_threshold"].copy(),
            nodes["missing_go_to_left"] == 1,
            nodes["left"] + shift,
            nodes["right"] + shift,
            nodes["value"].copy(),
        )

    def score(self, table: pd.DataFrame) -> np.ndarray:
        """The chance of a yes for each row, (n,). O(n trees depth)."""
        return self.score_rows(_numbers(table, self.columns))

    def score_rows(self, x: np.ndarray) -> np.ndarray:
        """The same for an array (n, columns) of float64 in the order of `columns`."""
        return 1 / (1 + np.exp(-_walk(np.ascontiguousarray(x, dtype=np.float64), self.start, *self[2:])))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Numbers and names only, as .npz."""
        with atomic(Path(path)) as file:
            np.savez(file, **self._asdict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        with np.load(Path(path), allow_pickle=False) as kept:
            found = {name: kept[name] for name in cls._fields}
        return cls(**found | {"columns": tuple(found["columns"].tolist()), "start": float(found["start"])})


@njit(cache=True)
def _walk(
    x: np.ndarray,
    start: float,
    first: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    missing_left: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    value: np.ndarray,
) -> np.ndarray:
    out = np.full(len(x), start)
    for n in range(len(x)):
        for node in first:
            while feature[node] >= 0:
                asked = x[n, feature[node]]
                down = missing_left[node] if np.isnan(asked) else asked <= threshold[node]
                node = left[node] if down else right[node]
            out[n] += value[node]
    return out


def _numbers(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    if missing := [name for name in columns if name not in table]:
        raise DataError(f"the table lacks the features {', '.join(missing)}.")
    # One column at a time: nullable integers, as DuckDB returns them, become NaN where nothing is known.
    return np.column_stack([table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in columns])
