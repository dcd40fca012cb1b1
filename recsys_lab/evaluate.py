"""Judge models: by the ratings they predict, by the lists they recommend, and against each other.

    result = evaluate_ranking(model, test, k=10)     # one fitted model, one test part
    result = cross_validate(ItemKNN(), ratings)      # ratings and ranking, five folds
    compare({"item-knn": result, "popular": other})  # is the difference more than luck?

Every mean comes with its 95 % interval. The unit is the user: ratings of one person are alike, so treating 20,000
ratings of 900 people as 20,000 independent facts would make the intervals too narrow. Intervals say how much a
number would move with other *users*; they do not cover another training run or another split.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, few
from recsys_lab.metrics import RANKING, Estimate, interval, resampled_means
from recsys_lab.ratings import IdIndex, Ratings, require_columns
from recsys_lab.split import k_fold

_SEED = 0  # of the bootstrap: the same values always get the same interval
_FLIPS = 10_000  # of the paired test: p-values down to 0.0001
_LOWER_IS_BETTER = ("rmse", "mae")


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What was measured on one model.

    Attributes
    ----------
    model : the model in words.
    metrics : {"rmse": Estimate, "ndcg@10": Estimate, ...}; `result["rmse"].mean` is short for one of them.
    users : one row a user: n_ratings, squared_error and absolute_error (sums over the user's test ratings),
        n_relevant, and each ranking metric (NaN where the user is excluded). Models are compared on these.
    counts : how many test ratings, how many were predicted by the fallback, who was left out and why; summed over
        folds.
    seconds : {"fit": ..., "predict": ..., "recommend": ...}, wall time, of what was run.
    folds : one row a fold with its own metrics, from `cross_validate`; else None.
    test_id : a fingerprint of the test data, so that only results on the same data are compared.
    """

    model: str
    metrics: dict[str, Estimate]
    users: pd.DataFrame
    counts: dict[str, int]
    seconds: dict[str, float]
    folds: pd.DataFrame | None = None
    test_id: int = 0

    def __getitem__(self, metric: str) -> Estimate:
        if metric not in self.metrics:
            raise DataError(f"no metric {metric!r} was measured; there are {', '.join(self.metrics)}.")
        return self.metrics[metric]

    def frame(self) -> pd.DataFrame:
        """One row a metric: mean, low, high (the 95 % interval), users, excluded."""
        return pd.DataFrame(
            self.metrics.values(), index=pd.Index(self.metrics, name="metric"), columns=Estimate._fields
        )

    def __repr__(self) -> str:
        # Without the seconds: they differ from run to run, and notebooks store what they print.
        counts = ", ".join(f"{n:,} {what}" for what, n in self.counts.items())
        return f"{self.model}\n{self.frame().round(4).to_string()}\n{counts}"


def evaluate_ratings(model: Recommender, test: pd.DataFrame) -> Evaluation:
    """RMSE and MAE of a fitted model on test ratings (columns user, item, rating).

    RMSE = sqrt(sum of all squared errors / number of test ratings): each rating counts once, so busy users count more.
    Its interval comes from resampling users with all their ratings. Unknown users and items are predicted by the
    model's fallback and counted ("by fallback"), as is every pair for which the model itself has no answer.

    >>> from recsys_lab import BiasBaseline, datasets
    >>> ratings = datasets.toy().ratings
    >>> evaluate_ratings(BiasBaseline().fit(ratings), ratings)["rmse"].users
    6
    """
    Ratings.from_frame(test)  # refuses what is not a rating
    return _sum_up(repr(model), [_rate(model, test)])


def evaluate_ranking(model: Recommender, test: pd.DataFrame, k: int = 10, relevant: float = 4.0) -> Evaluation:
    """nDCG, precision, recall, MAP, MRR and hit rate at k of a fitted model; conventions in `recsys_lab.metrics`.

    For each user, all items that the user has not rated in training are ranked: no sampled candidates, which
    would change the order of models (Krichene and Rendle 2020).

    Parameters
    ----------
    test : columns user, item, rating; no pair may be in the training data, where a recommender would not repeat it.
    k : length of the lists.
    relevant : a test item counts as relevant from this rating on. What the user did not rate counts as not relevant,
        though they might have liked it: the numbers are too low, for every model.

    Who is left out is counted: users unknown to the model (nobody could rank for them), and users with no relevant
    test item. Relevant items that the model has never seen stay in: not to find them is a miss.

    >>> from recsys_lab import Popularity, datasets, split
    >>> train, test = split.per_user_split(datasets.toy().ratings, test=0.4)
    >>> result = evaluate_ranking(Popularity().fit(train), test, k=3)
    >>> list(result.metrics)
    ['ndcg@3', 'precision@3', 'recall@3', 'map@3', 'mrr@3', 'hit_rate@3']
    """
    Ratings.from_frame(test)
    return _sum_up(repr(model), [_recommend(model, test, k, relevant)])


def evaluate_both(model: Recommender, test: pd.DataFrame, k: int = 10, relevant: float = 4.0) -> Evaluation:
    """`evaluate_ratings` and `evaluate_ranking` of one fitted model, in one result; parameters as there.

    A model that predicts no rating of its own is judged by its lists alone: its RMSE would be that of the averages that
    it falls back to.

    >>> from recsys_lab import BiasBaseline, datasets, split
    >>> train, test = split.per_user_split(datasets.toy().ratings, test=0.4)
    >>> list(evaluate_both(BiasBaseline().fit(train), test, k=3).metrics)[:3]
    ['rmse', 'mae', 'ndcg@3']
    """
    Ratings.from_frame(test)
    parts = [_recommend(model, test, k, relevant)]
    if not np.isnan(model.predict(test, fallback=False)).all():
        parts.insert(0, _rate(model, test))
    return _sum_up(repr(model), parts)


def cross_validate(
    model: Recommender,
    ratings: pd.DataFrame | Ratings,
    folds: int = 5,
    seed: int | np.random.Generator = 0,
    k: int = 10,
    relevant: float = 4.0,
    progress: bool = False,
    items: pd.DataFrame | None = None,
) -> Evaluation:
    """Fit and judge a model on each of several random folds, by ratings and by ranking.

    The model given is a recipe: each fold fits a new one with the same parameters, and this one is left as it is.
    RMSE and MAE pool the predictions of all folds, so each rating is tested once. A ranking metric is averaged over a
    user's folds first: a user's folds are not independent, a user is one fact. `result.folds` has each fold's own
    numbers, as other libraries report them.

    Parameters
    ----------
    ratings : columns user, item, rating, or a Ratings.
    folds, seed : as in `split.k_fold`; with the same seed, all models see the same folds.
    k, relevant : as in `evaluate_ranking`.
    progress : show a bar, one step a fold.
    items : a table of the items, for models that learn from descriptions.

    >>> from recsys_lab import GlobalMean, datasets
    >>> result = cross_validate(GlobalMean(), datasets.toy().ratings, folds=3, k=2)
    >>> len(result.folds), result.counts["test ratings"] == len(datasets.toy().ratings)
    (3, True)
    """
    whole = ratings if isinstance(ratings, Ratings) else Ratings.from_frame(ratings)
    frame = ratings.to_frame() if isinstance(ratings, Ratings) else ratings
    parts, means, fit = [], [], 0.0
    for train, test in tqdm(
        k_fold(frame, folds, seed), total=folds, disable=not progress, leave=False, desc=type(model).__name__
    ):
        fresh = type(model)(**model.params())
        start = time.perf_counter()
        fresh.fit(Ratings.from_frame(train, scale=whole.scale), items)  # a fold may lack the ends of the scale
        fit += time.perf_counter() - start
        fold = [_rate(fresh, test), _recommend(fresh, test, k, relevant)]
        means.append(_means(_per_user(fold)))
        parts += fold
    result = _sum_up(repr(model), parts)
    return replace(result, seconds={"fit": fit, **result.seconds}, folds=pd.DataFrame(means).rename_axis("fold"))


def compare(
    results: Mapping[str, Evaluation] | Iterable[Evaluation],
    metric: str | None = None,
    *,
    against: str | None = None,
    seed: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """Are the differences between models more than luck? Paired by user, corrected for the number of comparisons.

    Two models are compared user by user, because users differ far more from each other than models do on one user.

    * difference: metric of `model` minus metric of `other`; low, high: its 95 % interval, resampling users.
    * p: how often a difference at least as large arises if, for each user, a coin decides which model produced which
      value (sign-flip test, 10,000 flips, two-sided). It assumes no distribution, unlike the t-test, and suits
      RMSE, MAE and ranking metrics alike.
    * p_holm: p after Holm's correction for the number of rows (Holm 1979): compare this with 0.05.
    * better: the name of the better model where p_holm < 0.05, else "".

    Parameters
    ----------
    results : {name: Evaluation}, at least two, of the same test data.
    metric : by default the first one that all have.
    against : compare every model with this one only; by default all pairs. Fewer questions, sharper answers.
    seed : of the bootstrap and of the coins.

    Returns a frame with columns model, other, metric, difference, low, high, p, p_holm, better, users.

    >>> from recsys_lab import GlobalMean, Random, datasets
    >>> ratings = datasets.toy().ratings
    >>> results = {m.__name__: evaluate_ratings(m().fit(ratings), ratings) for m in (GlobalMean, Random)}
    >>> compare(results)[["model", "other", "metric", "users"]].to_dict("records")
    [{'model': 'GlobalMean', 'other': 'Random', 'metric': 'rmse', 'users': 6}]
    """
    named = dict(results) if isinstance(results, Mapping) else _by_model(results)
    if len(named) < 2:
        raise DataError(f"{len(named)} result(s): a comparison needs at least two.")
    first_name, first = next(iter(named.items()))
    shared = [m for m in first.metrics if all(m in r.metrics for r in named.values())]
    metric = metric or (shared[0] if shared else "")
    if metric not in shared:
        raise DataError(f"metric={metric!r}: choose one that all results have: {', '.join(shared) or 'there is none'}.")
    for name, result in named.items():
        if result.test_id != first.test_id:
            raise DataError(
                f"{name!r} and {first_name!r} were not judged on the same test data in the same way: "
                "use one split, one k and one threshold for all."
            )
    if against is not None and against not in named:
        raise DataError(f"against={against!r}: choose one of {few(named)}.")
    pairs = list(itertools.combinations(named, 2)) if against is None else [(n, against) for n in named if n != against]
    rng = np.random.default_rng(seed)
    rows = [(a, b, metric, *_difference(named[a].users, named[b].users, metric, rng)) for a, b in pairs]
    table = pd.DataFrame(rows, columns=["model", "other", "metric", "difference", "low", "high", "users", "p"])
    table["p_holm"] = holm(table["p"].to_numpy())
    model_wins = (table["difference"] < 0) == (metric in _LOWER_IS_BETTER)
    table["better"] = table["model"].where(model_wins, table["other"]).where(table["p_holm"] < 0.05, "")
    return table[["model", "other", "metric", "difference", "low", "high", "p", "p_holm", "better", "users"]]


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction: the smallest of m p-values is multiplied by m, the next by m - 1, and so on.

    A corrected value is never smaller than one before it, nor larger than 1. Whoever calls those below 0.05
    differences is wrong about any of them in at most 5 % of cases. Source: Holm 1979, Scand. J. Statistics 6(2).

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return corrected


def sign_flip_p(differences: np.ndarray, seed: int | np.random.Generator = 0, flips: int = _FLIPS) -> float:
    """Two-sided p of paired differences (n_users,) under "the sign of each is a coin's".

    p = (1 + number of flips whose |sum| reaches that of the data) / (1 + flips). It cannot be 0. O(flips x n_users).
    """
    d = np.asarray(differences, dtype=float)
    d = d[d != 0]  # a tie has no sign
    rng, seen, reached = np.random.default_rng(seed), abs(d.sum()), 1
    block = max(1, 2**22 // max(1, len(d)))
    for start in range(0, flips, block):
        signs = rng.integers(2, size=(min(block, flips - start), len(d)), dtype=np.int8) * 2.0 - 1.0
        # Sums of the same numbers in another order differ in the last digits; those count as reached.
        reached += int((np.abs(signs @ d) >= seen - 1e-9 * np.abs(d).sum()).sum())
    return reached / (1 + flips)


def hit_table(recommended: pd.DataFrame, relevant: pd.DataFrame, users: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists and relevant pairs as the two inputs of the ranking metrics: hits (n_users, k) and n_relevant (n_users,).

    Parameters
    ----------
    recommended : columns user, item, rank, as `recommend` returns; ranks beyond k and other users are ignored.
    relevant : columns user, item: the pairs to be found.
    users : the users, in the order wanted.

    >>> lists = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 1], "rank": [1, 2, 1]})
    >>> good = pd.DataFrame({"user": ["a", "c"], "item": [2, 9]})
    >>> hits, n_relevant = hit_table(lists, good, ["a", "b"], k=2)
    >>> hits.tolist(), n_relevant.tolist()
    ([[False, True], [False, False]], [1, 0])
    """
    if k < 1:
        raise DataError(f"k={k}: a list has at least one place.")
    require_columns(recommended, user="user", item="item", rank="rank")
    require_columns(relevant, user="user", item="item")
    user_index, items = IdIndex(users, noun="user"), IdIndex(relevant["item"], noun="item")
    place = user_index.rows(users)
    if len(np.unique(place)) != len(place):
        raise DataError("users: an id occurs twice, but each has one row of hits.")
    wanted_rows, wanted_columns = user_index.rows(relevant["user"]), items.rows(relevant["item"])
    n_relevant = np.bincount(wanted_rows[wanted_rows >= 0], minlength=len(user_index))
    rows, columns, rank = user_index.rows(recommended["user"]), items.rows(recommended["item"]), recommended["rank"]
    is_hit = np.isin(rows * len(items) + columns, wanted_rows * len(items) + wanted_columns)
    is_hit &= (rows >= 0) & (columns >= 0) & (rank <= k).to_numpy()
    hits = np.zeros((len(user_index), k), dtype=bool)
    hits[rows[is_hit], rank.to_numpy()[is_hit] - 1] = True
    return hits[place], n_relevant[place]


# ---------------------------------------------------------------------- one fold, one kind of judgement
@dataclass(frozen=True)
class _Part:
    counts: dict[str, int]
    users: pd.DataFrame
    seconds: dict[str, float]
    test_id: int


def _rate(model: Recommender, test: pd.DataFrame) -> _Part:
    start = time.perf_counter()
    predicted = model.predict(test, fallback=False)
    gap = np.isnan(predicted)
    if gap.any():
        predicted[gap] = model.predict(test[gap])
    seconds = time.perf_counter() - start
    error = test["rating"].to_numpy(dtype=float) - predicted
    per_rating = pd.DataFrame({"n_ratings": 1, "squared_error": error**2, "absolute_error": np.abs(error)})
    return _Part(
        {"test ratings": len(test), "by fallback": int(gap.sum())},
        per_rating.set_axis(pd.Index(test["user"].to_numpy(), tupleize_cols=False)),
        {"predict": seconds},
        _fingerprint(test, 0),
    )


def _recommend(model: Recommender, test: pd.DataFrame, k: int, relevant: float) -> _Part:
    train = model._fitted()
    rows, columns = train.users.rows(test["user"]), train.items.rows(test["item"])
    known = (rows >= 0) & (columns >= 0)
    leaked = known.copy()
    leaked[known] = _contains(train, rows[known], columns[known])
    if leaked.any():
        user, item = (few(test[column].to_numpy()[leaked][:1]) for column in ("user", "item"))
        raise DataError(
            f"{int(leaked.sum()):,} test pair(s) are in the training data, such as user {user}, item {item}: "
            "what a user has rated is not recommended again. Split the ratings first."
        )
    good = test["rating"].to_numpy(dtype=float) >= relevant
    if not good.any():
        raise DataError(
            f"relevant={relevant:g}: no test rating is that high (the highest is {test['rating'].max():g})."
        )
    users = IdIndex(test["user"][rows >= 0], noun="user").ids
    if len(users) == 0:
        raise DataError("no user of the test part is in the training data: there is nobody to rank for.")
    start = time.perf_counter()
    lists = model.recommend(users, n=k)
    seconds = time.perf_counter() - start

    hits, n_relevant = hit_table(lists, test[good & (rows >= 0)], users, k)
    values = {f"{name}@{k}": metric(hits, n_relevant) for name, metric in RANKING.items()}
    unknown = len(IdIndex(test["user"][rows < 0]))
    return _Part(
        {"users unknown": unknown, "relevant items unknown": int((good & (rows >= 0) & (columns < 0)).sum())},
        pd.DataFrame({"n_relevant": n_relevant, **values}, index=pd.Index(users, tupleize_cols=False)),
        {"recommend": seconds},
        _fingerprint(test, hash((k, float(relevant)))),
    )


def _contains(train: Ratings, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Which of these pairs were rated in training? Stored pairs are sorted, so each look-up is a binary search."""
    matrix = train.matrix
    stored = np.repeat(np.arange(train.n_users), np.diff(matrix.indptr)) * train.n_items + matrix.indices
    pairs = rows * train.n_items + columns
    place = np.minimum(np.searchsorted(stored, pairs), len(stored) - 1)
    return stored[place] == pairs


def _fingerprint(test: pd.DataFrame, settings: int) -> int:
    """The same for the same rows in any order."""
    rows = test[["user", "item", "rating"]].astype({"rating": float})
    for column in ("user", "item"):
        if not pd.api.types.is_numeric_dtype(rows[column]):
            rows[column] = rows[column].map(repr)  # ids of any type; pandas hashes text, but not every object
    return hash((int(pd.util.hash_pandas_object(rows, index=False).sum()), settings))


# ---------------------------------------------------------------------- from parts to a result
def _per_user(parts: list[_Part]) -> pd.DataFrame:
    """One row a user over all parts: sums of errors and counts, means of ranking metrics."""
    stacked = pd.concat([p.users for p in parts])
    # Grouped by row numbers: ids may be of any type, also tuples, which pandas would take for several levels.
    ids = IdIndex(stacked.index)
    grouped = stacked.groupby(ids.rows(stacked.index))
    sums = [c for c in ("n_ratings", "squared_error", "absolute_error", "n_relevant") if c in stacked]
    means = [c for c in stacked if "@" in c]
    out = pd.concat([grouped[sums].sum(), grouped[means].mean()], axis=1)
    out.index = pd.Index(ids.ids, name="user", tupleize_cols=False)
    return out.astype({c: int for c in ("n_ratings", "n_relevant") if c in out})


def _means(users: pd.DataFrame) -> dict[str, float]:
    out = {}
    if "n_ratings" in users:
        n, squared, absolute = (users[c].sum() for c in ("n_ratings", "squared_error", "absolute_error"))
        out = {"rmse": float(np.sqrt(squared / n)), "mae": float(absolute / n)}
    return out | {c: float(users[c].mean()) for c in users if "@" in c}


def _estimates(users: pd.DataFrame) -> dict[str, Estimate]:
    """The means with their intervals."""
    means, out = _means(users), {}
    if "n_ratings" in users:
        sums = users.loc[users["n_ratings"] > 0, ["n_ratings", "squared_error", "absolute_error"]].to_numpy(float)
        # With one user every resample is the same, and an interval of width 0 would be a lie.
        drawn = resampled_means(sums, _SEED) if len(sums) > 1 else np.empty((0, 3))
        out["rmse"] = interval(means["rmse"], np.sqrt(drawn[:, 1] / drawn[:, 0]), users=len(sums), excluded=0)
        out["mae"] = interval(means["mae"], drawn[:, 2] / drawn[:, 0], users=len(sums), excluded=0)
    if ranking := [c for c in users if "@" in c]:
        kept = users[ranking].dropna()  # a user with nothing to find has NaN in every ranking metric
        drawn = resampled_means(kept.to_numpy(), _SEED) if len(kept) > 1 else np.empty((0, len(ranking)))
        for j, name in enumerate(ranking):
            out[name] = interval(means[name], drawn[:, j], users=len(kept), excluded=len(users) - len(kept))
    return out


def _sum_up(model: str, parts: list[_Part]) -> Evaluation:
    users = _per_user(parts)
    counts: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for part in parts:
        for what, n in part.counts.items():
            counts[what] = counts.get(what, 0) + n
        for what, s in part.seconds.items():
            seconds[what] = seconds.get(what, 0.0) + s
    if "n_relevant" in users:
        counts["users with nothing relevant"] = int((users["n_relevant"] == 0).sum())
    return Evaluation(model, _estimates(users), users, counts, seconds, test_id=hash(tuple(p.test_id for p in parts)))


def _by_model(results: Iterable[Evaluation]) -> dict[str, Evaluation]:
    results = list(results)
    named = {r.model: r for r in results}
    if len(named) < len(results):
        raise DataError("two results have the same model: pass a dict {name: result} to tell them apart.")
    return named


def _difference(
    a: pd.DataFrame, b: pd.DataFrame, metric: str, rng: np.random.Generator
) -> tuple[float, float, float, int, float]:
    """(difference, low, high, users, p) of two models' per-user values."""
    if metric in _LOWER_IS_BETTER:
        value, n = {"rmse": "squared_error", "mae": "absolute_error"}[metric], a["n_ratings"]
    else:
        value, n = metric, 1.0
    sums = pd.DataFrame({"a": a[value], "b": b[value], "n": n}, dtype=float).dropna().to_numpy()
    finish = np.sqrt if metric == "rmse" else np.asarray

    def difference(means: np.ndarray) -> np.ndarray:
        return finish(means[:, 0] / means[:, 2]) - finish(means[:, 1] / means[:, 2])

    resamples = difference(resampled_means(sums, rng)) if len(sums) > 1 else np.empty(0)
    e = interval(float(difference(sums.mean(axis=0)[None])[0]), resamples, users=len(sums), excluded=0)
    # Both models have the same n, so flipping whose errors are whose flips the sign of the difference of sums.
    return e.mean, e.low, e.high, len(sums), sign_flip_p(sums[:, 0] - sums[:, 1], rng)
