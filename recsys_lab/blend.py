"""Blend models: a weighted sum, its weights learned on ratings that the models did not see.

No single model won the Netflix Prize: more than a hundred were added up. What one model misses, another catches, so even a
weaker model can help, if its errors are of another kind. The weights must not come from the data that the models were
fitted on (the model that overfits most would get the largest weight), nor from the test data. So

    1. a part of the training ratings is held out, and every model is fitted on the rest;
    2. the weights are chosen on the part held out;
    3. every model is fitted again, on all training ratings, and the weights are kept.

Source: Wolpert 1992, "Stacked generalization", Neural Networks 5(2); Breiman 1996, "Stacked regressions", Machine
Learning 24, for the weights that must not be negative.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from recsys_lab import checks, registry
from recsys_lab.base import Reason, Recommender
from recsys_lab.biases import DAMPING_USER
from recsys_lab.errors import DataError, UnsupportedError
from recsys_lab.metrics import ndcg
from recsys_lab.ranking import top_k
from recsys_lab.ratings import Ratings
from recsys_lab.split import per_user_split, random_split

_TRIES = 100  # mixtures that ListBlend draws
_BLOCK = 2**25  # numbers in the table of scores on which it judges them: users are dropped beyond it


class _Blend(Recommender):
    """What both blends share; they differ in how scores become comparable and how weights are chosen."""

    models_: list[Recommender]
    weights_: np.ndarray

    def __init__(self, *, models: dict[str, Any] | None = None, validation: float = 0.1, seed: int = 0):
        self.models = models
        self.validation = validation
        self.seed = seed

    _default: ClassVar[dict[str, dict[str, Any]]]

    def _fit(self, train: Ratings) -> None:
        checks.number(
            "validation", self.validation, 0, "the share of the ratings that chooses the weights", 0.5, above=True
        )
        recipes = {name: self._recipe(name, params) for name, params in (self.models or self._default).items()}
        if len(recipes) < 2:
            raise DataError(f"models={self.models!r}: a blend needs at least two models.")
        self.weights_ = self._weights(list(recipes.values()), train)
        self.models_ = [self._recipe(name, r.params()).fit(train) for name, r in recipes.items()]

    def _weights(self, models: list[Recommender], train: Ratings) -> np.ndarray:
        """What the held-out part says; equal weights where too little is known to hold anything out."""
        equal = np.full(len(models), 1 / len(models))
        if train.n_ratings < 2 or min(train.matrix.shape) < 2:
            return equal
        inner, held_out = self._split(train)
        part = Ratings.from_frame(inner, scale=train.scale)
        known = (part.users.rows(held_out["user"]) >= 0) & (part.items.rows(held_out["item"]) >= 0)
        return self._weigh([m.fit(part) for m in models], part, held_out[known]) if known.any() else equal

    def _recipe(self, name: str, params: dict[str, Any]) -> Recommender:
        model = registry.make(name, **params)
        if model.needs_items:
            raise DataError(f"{name} needs a table of the items, which a blend does not have: leave it out.")
        return model

    @abstractmethod
    def _split(self, train: Ratings) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(what the models are fitted on, what the weights are chosen on)"""

    @abstractmethod
    def _weigh(self, models: list[Recommender], part: Ratings, held_out: pd.DataFrame) -> np.ndarray:
        """Weights >= 0, one a model."""

    @abstractmethod
    def _comparable(self, scores: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """A model's scores (n, n_items) on the blend's own scale, without gaps; `expected` are the biases' ratings."""

    def _mix(self, tables: Iterator[np.ndarray], expected: np.ndarray) -> np.ndarray:
        return sum(w * self._comparable(table, expected) for w, table in zip(self.weights_, tables))  # type: ignore[return-value]

    def _score(self, rows: np.ndarray) -> np.ndarray:
        expected = self.fallback_.at(rows[:, None], np.arange(self.train_.n_items)[None, :])
        return self._offset + self._mix((m._score(rows) for m in self.models_), expected)

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        mean, _, item = self.fallback_
        expected = (mean + self.fallback_.new_user(columns, values, DAMPING_USER) + item)[None, :]
        return (self._offset + self._mix((m._fold_in(columns, values)[None, :] for m in self.models_), expected))[0]

    @property
    def _offset(self) -> float:
        return 0.0

    def _explain(self, row: int, column: int) -> list[Reason]:
        """The reasons of the models that give any, each by its model's weight; the same reason of two models once."""
        found: dict[tuple[str, Any], Reason] = {}
        for weight, model in zip(self.weights_, self.models_):
            try:
                reasons = model._explain(row, column) if weight else []
            except UnsupportedError:
                continue
            for kind, id, rating, share in reasons:
                before = found[kind, id].weight if (kind, id) in found else 0.0
                found[kind, id] = Reason(kind, id, rating, before + weight * share)
        return list(found.values())


class RatingBlend(_Blend):
    """r_ui = mu + sum_m w_m (r_ui^(m) - mu),  w >= 0: predictions added up, the weights by non-negative least squares.

    Parameters
    ----------
    models : {name in the registry: parameters}, at least two that predict ratings. By default a Bayesian
        factorization, SVD++ and item k-NN: the first is the most accurate, the last errs in another way.
    validation : the share of the training ratings that chooses the weights, above 0, up to 0.5; 0.1 is usual.
    seed : decides which.

    Attributes
    ----------
    models_ : the fitted models; weights_ : ndarray (n_models,), in their order. They need not sum to 1. Where nothing
        can be held out (one user, one item), all are 1 / n_models.

    Time: twice that of its models. Cold start: what its models do; a new user is served where all of them can.
    Raises DataError for a model that ranks without predicting ratings, and for parameters out of range.
    Source: Breiman 1996; see the top of this file.

    >>> from recsys_lab import datasets
    >>> model = RatingBlend(models={"bias": {}, "item-knn": {"k": 3}}, validation=0.3).fit(datasets.toy().ratings)
    >>> bool((model.weights_ >= 0).all()), len(model.weights_)
    (True, 2)
    """

    _default = {"bayes": {}, "svdpp": {}, "item-knn": {}}

    @property
    def _offset(self) -> float:
        return self.fallback_.mean

    def _recipe(self, name: str, params: dict[str, Any]) -> Recommender:
        model = super()._recipe(name, params)
        if not model.scores_are_ratings:
            raise DataError(f"{name} ranks items and does not predict ratings: use ListBlend, or leave it out.")
        return model

    def _split(self, train: Ratings) -> tuple[pd.DataFrame, pd.DataFrame]:
        return random_split(train.to_frame(), self.validation, self.seed)

    def _weigh(self, models: list[Recommender], part: Ratings, held_out: pd.DataFrame) -> np.ndarray:
        predictions = np.column_stack([m.predict(held_out) for m in models])
        return nnls(predictions - part.mean, held_out["rating"].to_numpy() - part.mean)[0]

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        mean, out = self.fallback_.mean, np.full(len(rows), self.fallback_.mean)
        for weight, model in zip(self.weights_, self.models_):
            rating = model._predict(rows, columns)
            out += weight * (np.where(np.isnan(rating), self.fallback_.at(rows, columns), rating) - mean)
        return out

    def _comparable(self, scores: np.ndarray, expected: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(scores), expected, scores) - self.fallback_.mean


class ListBlend(_Blend):
    """score_ui = sum_m w_m z_ui^(m),  z = (s - mean of s) / (standard deviation of s) over the items, for each user.

    Scores of different models have no common scale, so each user's are standardized first; what a model cannot score
    gets its lowest. The weights are those with the best mean nDCG@10 on a held-out part, among 100 mixtures drawn at
    random and each model alone.

    Parameters
    ----------
    models : {name in the registry: parameters}, at least two. By default EASE, implicit ALS and user k-NN.
    validation : the share of each user's ratings that chooses the weights, above 0, up to 0.5.
    seed : decides which, and the mixtures.
    threshold : held-out items count as relevant from this rating on; None: every one.

    Attributes
    ----------
    models_ : the fitted models; weights_ : ndarray (n_models,), in their order, sum 1.

    It ranks and does not predict stars: `predict` gives the damped biases. Time: twice that of its models. Cold start:
    what its models do. Raises DataError for parameters out of range.

    >>> from recsys_lab import datasets
    >>> model = ListBlend(models={"popularity": {}, "item-knn": {"k": 3}}, validation=0.3).fit(datasets.toy().ratings)
    >>> bool(np.isclose(model.weights_.sum(), 1))
    True
    """

    _default = {"ease": {}, "implicit-als": {}, "user-knn": {}}
    scores_are_ratings = False

    def __init__(
        self,
        *,
        models: dict[str, Any] | None = None,
        validation: float = 0.1,
        seed: int = 0,
        threshold: float | None = None,
    ):
        super().__init__(models=models, validation=validation, seed=seed)
        self.threshold = threshold

    def _split(self, train: Ratings) -> tuple[pd.DataFrame, pd.DataFrame]:
        frame = train.to_frame()
        if not np.rint(self.validation * np.diff(train.matrix.indptr)).any():
            return frame, frame.iloc[:0]  # nobody has ratings enough to spare one
        return per_user_split(frame, self.validation, self.seed)

    def _weigh(self, models: list[Recommender], part: Ratings, held_out: pd.DataFrame) -> np.ndarray:
        if self.threshold is not None:
            held_out = held_out[held_out["rating"] >= self.threshold]
            if held_out.empty:
                raise DataError(f"threshold={self.threshold}: no held-out rating is that high.")
        rows, columns = part.users.rows(held_out["user"]), part.items.rows(held_out["item"])
        users = np.unique(rows)
        most = max(50, _BLOCK // (part.n_items * len(models)))
        if len(users) > most:
            users = np.sort(np.random.default_rng(self.seed).choice(users, most, replace=False))
        wanted = np.zeros((len(users), part.n_items), dtype=bool)
        here = np.isin(rows, users)
        wanted[np.searchsorted(users, rows[here]), columns[here]] = True
        seen = part.matrix[users].tocoo()
        expected = np.zeros((1, 1))  # not asked for here
        tables = np.array([self._comparable(m._score(users), expected) for m in models])
        tables[:, seen.coords[0], seen.coords[1]] = -np.inf

        def quality(weights: np.ndarray) -> float:
            scores = np.einsum("m,mui->ui", weights, np.where(np.isinf(tables), -1e9, tables))
            best = top_k(scores, min(10, part.n_items))
            return float(ndcg(np.take_along_axis(wanted, best, axis=1), wanted.sum(axis=1)).mean())

        rng = np.random.default_rng(self.seed)
        mixtures = [*np.eye(len(models)), *rng.dirichlet(np.ones(len(models)), _TRIES)]
        return max(mixtures, key=quality)

    def _comparable(self, scores: np.ndarray, expected: np.ndarray) -> np.ndarray:
        known = ~np.isnan(scores)
        n = np.maximum(known.sum(axis=1, keepdims=True), 1)
        mean = np.where(known, scores, 0.0).sum(axis=1, keepdims=True) / n
        sd = np.sqrt((np.where(known, scores - mean, 0.0) ** 2).sum(axis=1, keepdims=True) / n)
        z = np.where(known, (scores - mean) / np.where(sd > 0, sd, 1.0), np.inf)
        lowest = np.where(np.isinf(z).all(axis=1), 0.0, z.min(axis=1))[:, None]
        return np.where(known, z, lowest)
