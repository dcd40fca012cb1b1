"""Search good parameters for a model, on validation folds cut from the training ratings only.

    found = tune("svd", train, {"factors": Span(8, 128, log=True), "reg": Span(0.01, 0.3, log=True)})
    model = found.model().fit(train)                # then, once: evaluate on the test part

The test part is not an argument, so it cannot leak into the choice. Two ways to choose what is tried next:

* "random" draws every trial from the space: hard to beat while few parameters matter (Bergstra and Bengio 2012, JMLR 13);
* "optuna" proposes what earlier results make promising (tree-structured Parzen estimators, Bergstra et al. 2011; the
  library Optuna, an extra).

Both start with the model's defaults, and both stop early, twice over: a trial ends after a fold at which it is worse than
the median of the earlier trials there (Golovin et al. 2017, the median rule), and the search ends after `patience` trials
without a better one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from recsys_lab import checks, registry
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.evaluate import evaluate_ranking, evaluate_ratings
from recsys_lab.ratings import Ratings
from recsys_lab.split import k_fold

_STARTERS = 4  # trials that always run to their end, before the median means anything


class Span(NamedTuple):
    """The values from low to high, both included; log: equal chances for equal ratios; whole: integers only.

    >>> Span(8, 128, log=True).at(0.5)
    32
    """

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """The value at a share from 0 to 1 of the way; whole where both ends are."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        return round(value) if self.whole else value

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


Space = Mapping[str, Span | tuple[Any, ...]]

# What is worth searching, and between which bounds, for models whose defaults depend on the data most.
SPACES: dict[str, Space] = {
    "user-knn": {"k": Span(10, 100), "shrinkage": Span(1.0, 300.0, log=True), "damping": Span(0.0, 3.0)},
    "item-knn": {"k": Span(10, 100), "shrinkage": Span(1.0, 300.0, log=True), "damping": Span(0.0, 3.0)},
    "bias": {"damping_user": Span(0.5, 50.0, log=True), "damping_item": Span(0.5, 50.0, log=True)},
    "content": {"damping": Span(0.5, 50.0, log=True), "sublinear": (False, True), "min_df": Span(1, 5)},
    "svd": {"factors": Span(16, 128, log=True), "rate": Span(0.002, 0.02, log=True), "reg": Span(0.02, 0.2, log=True)},
    "svdpp": {
        "factors": Span(16, 128, log=True),
        "rate": Span(0.002, 0.02, log=True),
        "reg": Span(0.02, 0.2, log=True),
    },
    "als": {"factors": Span(8, 100, log=True), "reg": Span(0.3, 5.0, log=True), "damping": Span(1.0, 20.0, log=True)},
    "bayes": {"factors": Span(4, 32, log=True), "sweeps": (100, 200, 400)},
    "implicit-als": {
        "factors": Span(16, 256, log=True),
        "alpha": Span(0.5, 40.0, log=True),
        "reg": Span(0.5, 30.0, log=True),
    },
    "pure-svd": {"factors": Span(4, 64, log=True)},
    "ease": {"reg": Span(30.0, 3000.0, log=True), "damping": Span(0.0, 0.5)},
    "slim": {"l1": Span(0.1, 10.0, log=True), "l2": Span(1.0, 300.0, log=True)},
    "bpr": {"factors": Span(16, 128, log=True), "rate": Span(0.02, 0.2, log=True), "reg": Span(0.003, 0.1, log=True)},
    "item-item": {"k": Span(20, 500, log=True), "weighting": ("tfidf", "bm25", "cosine")},
    "rp3beta": {"k": Span(20, 500, log=True), "alpha": Span(0.3, 1.5), "beta": Span(0.0, 1.0)},
}


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Attributes
    ----------
    name : the model's name in the registry; best : its parameters; value : their mean over the validation folds.
    metric : what was judged.
    trials : one row a trial: trial, the parameters, folds (how many it ran), value (their mean), state ("done", "stopped"
        early, or "refused"), note (why it was refused), best (the best value so far).
    """

    name: str
    metric: str
    best: dict[str, Any]
    value: float
    trials: pd.DataFrame

    def model(self) -> Recommender:
        """The model with the best parameters, not fitted yet."""
        return registry.make(self.name, **self.best)


def tune(
    name: str,
    ratings: Ratings | pd.DataFrame,
    space: Space | None = None,
    *,
    trials: int = 20,
    method: Literal["random", "optuna"] = "random",
    metric: str = "rmse",
    folds: int = 3,
    patience: int | None = None,
    seed: int = 0,
    k: int = 10,
    relevant: float = 4.0,
    items: pd.DataFrame | None = None,
    progress: bool = False,
) -> Tuning:
    """Try parameters on folds of the training ratings, and return the best with all that was tried.

    Parameters
    ----------
    name : a model of the registry.
    ratings : the training ratings, and nothing else: each fold is cut from them.
    space : {parameter: Span(low, high) or a tuple of choices}; by default SPACES[name].
    trials : how many, the model's defaults included (trial 0).
    method : "random" or "optuna".
    metric : "rmse", "mae" (lower is better), or a ranking metric such as "ndcg@10".
    folds : validation folds, at least 2. patience : end after so many trials without a better one.
    seed : decides the folds and what is tried. k, relevant, items : as in `cross_validate`.

    Parameters that a model refuses, or with which it diverges, are recorded and passed over.

    >>> from recsys_lab import datasets
    >>> found = tune("bias", datasets.toy().ratings, trials=3, folds=2)
    >>> found.trials["state"].tolist()[0], sorted(found.best)
    ('done', ['damping_item', 'damping_user'])
    """
    space = SPACES.get(name, {}) if space is None else space
    known = registry.parameters(registry.model_class(name))
    if strange := [p for p in space if p not in known]:
        raise DataError(registry.unknown(f"parameter of {name}", strange[0], known))
    if not space:
        raise DataError(f"no space is known for {name}: pass one, such as {{'factors': Span(8, 128, log=True)}}.")
    checks.whole("trials", trials, 1, "the defaults are tried first")
    checks.choice("method", method, ("random", "optuna"))
    if patience is not None:
        checks.whole("patience", patience, 1, "trials without a better one")
    whole = ratings if isinstance(ratings, Ratings) else Ratings.from_frame(ratings)
    parts = [(Ratings.from_frame(a, scale=whole.scale), b) for a, b in k_fold(whole.to_frame(), folds, seed)]
    sign = 1 if metric in ("rmse", "mae") else -1  # losses: the lower, the better
    sampler: _Sampler = _Random(space, seed) if method == "random" else _Optuna(space, seed)
    defaults = {p: known[p].default for p in space}

    rows: list[dict[str, Any]] = []
    curves: list[list[float]] = []  # the running mean of each trial after each fold
    best, best_loss, since = defaults, math.inf, 0
    for trial in tqdm(range(trials), disable=not progress, leave=False, desc=name):
        params = defaults if trial == 0 else sampler.ask()
        curve: list[float] = []
        state, note = "done", ""
        try:
            for train, test in parts:
                model = registry.make(name, **params).fit(train, items)
                judged = evaluate_ratings(model, test) if sign > 0 else evaluate_ranking(model, test, k, relevant)
                loss = sign * judged[metric].mean
                curve.append(loss if not curve else curve[-1] + (loss - curve[-1]) / (len(curve) + 1))
                earlier = [c[len(curve) - 1] for c in curves if len(c) >= len(curve)]
                if len(curves) >= _STARTERS and len(curve) < folds and curve[-1] > statistics.median(earlier):
                    state = "stopped"
                    break
        except DataError as refusal:
            if trial == 0:
                raise  # the defaults, or the metric, do not suit these ratings: nothing to search
            state, note = "refused", str(refusal)
        if state != "refused":
            curves.append(curve)
        if trial > 0:
            sampler.tell(curve if state != "refused" else [], finished=state == "done")
        since += 1
        if state == "done" and curve[-1] < best_loss:
            best, best_loss, since = params, curve[-1], 0
        value = sign * curve[-1] if curve and state != "refused" else math.nan
        rows.append(
            {
                "trial": trial,
                **params,
                "folds": len(curve),
                "value": value,
                "state": state,
                "note": note,
                "best": sign * best_loss,
            }
        )
        if patience is not None and since >= patience:
            break
    return Tuning(name, metric, best, sign * best_loss, pd.DataFrame(rows))


# ---------------------------------------------------------------------- what to try next
class _Sampler(Protocol):
    def ask(self) -> dict[str, Any]: ...

    def tell(self, curve: list[float], finished: bool) -> None:
        """How what was asked last went: its mean loss after each fold; nothing if it was refused."""


class _Random:
    """Every trial is drawn from the space, whatever came before."""

    def __init__(self, space: Space, seed: int):
        self.space, self.rng = space, np.random.default_rng(seed)

    def ask(self) -> dict[str, Any]:
        draw = {p: self.rng.random() for p in self.space}
        return {p: s.at(draw[p]) if isinstance(s, Span) else s[int(draw[p] * len(s))] for p, s in self.space.items()}

    def tell(self, curve: list[float], finished: bool) -> None:
        pass


class _Optuna:
    """Optuna's tree-structured Parzen estimators."""

    def __init__(self, space: Space, seed: int):
        try:
            import optuna
        except ImportError as error:
            raise MissingExtraError("method='optuna' needs Optuna: pip install 'recsys-lab[tune]'.") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.optuna = space, optuna
        self.study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask()
        return {p: self._one(p, s) for p, s in self.space.items()}

    def _one(self, name: str, span: Span | tuple[Any, ...]) -> Any:
        if not isinstance(span, Span):
            return self.trial.suggest_categorical(name, span)
        suggest: Any = self.trial.suggest_int if span.whole else self.trial.suggest_float
        return suggest(name, span.low, span.high, log=span.log)

    def tell(self, curve: list[float], finished: bool) -> None:
        states = self.optuna.trial.TrialState
        for fold, loss in enumerate(curve):
            self.trial.report(loss, fold)
        if finished:
            self.study.tell(self.trial, curve[-1])
        else:
            self.study.tell(self.trial, state=states.PRUNED if curve else states.FAIL)
