"""How good is a prediction, how good is a list? Each metric one formula, one value per user; the mean comes last.

Ranking metrics take

    hits        (n_users, k) bool: is the item at this rank of this user's list relevant? Column 0 is rank 1.
                A list that is shorter than k is filled up with False.
    n_relevant  (n_users,) whole numbers: how many relevant items there were to find.

and return (n_users,) floats in [0, 1]. "nDCG" is not one number but a family, so here are the conventions:

* precision divides by k, even where fewer items were recommended or were there to be found;
* nDCG discounts by log2(rank + 1) and compares with the best list possible: min(k, n_relevant) hits at the top;
* average precision divides by that same min(k, n_relevant);
* a user with nothing to find gets NaN: no list could be right or wrong. The mean leaves them out and counts them;
* a user with something to find and no recommendations gets 0 and stays in the mean.

scikit-learn agrees with nDCG (`ndcg_score`, without ties), average precision on whole rankings
(`average_precision_score`) and AUC (`roc_auc_score`), but gives 0 or an error where we give NaN.
Source: Järvelin and Kekäläinen 2002, ACM TOIS 20(4) for nDCG; Manning, Raghavan, Schütze 2008, chapter 8 for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from recsys_lab.errors import DataError

# Resamples are drawn in blocks of at most this many numbers (32 MB), however many users there are.
_BLOCK = 2**22


# ---------------------------------------------------------------------- ratings
def rmse(true: np.ndarray, predicted: np.ndarray) -> float:
    """sqrt(mean of (true - predicted)^2), in stars; one error of 2 weighs as much as four of 1.

    >>> rmse([5, 3, 4], [4, 3, 2])
    1.2909944487358056
    """
    return float(np.sqrt(np.mean(_errors(true, predicted) ** 2)))


def mae(true: np.ndarray, predicted: np.ndarray) -> float:
    """mean of |true - predicted|, in stars.

    >>> mae([5, 3, 4], [4, 3, 2])
    1.0
    """
    return float(np.mean(np.abs(_errors(true, predicted))))


# ---------------------------------------------------------------------- rankings
def precision(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """hits / k: which share of the list was right?

    >>> precision([[True, False, True, False]], [3])
    array([0.5])
    """
    hits, n_relevant = _checked(hits, n_relevant)
    return _or_nan(hits.mean(axis=1), n_relevant)


def recall(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """hits / n_relevant: which share of what there was to find was found? At most k / n_relevant.

    >>> recall([[True, False, True, False]], [3]).round(3)
    array([0.667])
    """
    hits, n_relevant = _checked(hits, n_relevant)
    return _or_nan(hits.sum(axis=1) / np.maximum(n_relevant, 1), n_relevant)


def hit_rate(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """1 where the list has any hit, else 0.

    >>> hit_rate([[False, True], [False, False]], [1, 1])
    array([1., 0.])
    """
    hits, n_relevant = _checked(hits, n_relevant)
    return _or_nan(hits.any(axis=1).astype(float), n_relevant)


def reciprocal_rank(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """1 / rank of the first hit, 0 without one. Its mean over users is the MRR.

    >>> reciprocal_rank([[False, True, True], [False, False, False]], [2, 1])
    array([0.5, 0. ])
    """
    hits, n_relevant = _checked(hits, n_relevant)
    return _or_nan((hits / _ranks(hits)).max(axis=1), n_relevant)


def average_precision(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """sum over ranks r with a hit of precision@r, divided by min(k, n_relevant). Its mean over users is the MAP.

    >>> average_precision([[True, False, True]], [2]).round(4)  # (1/1 + 2/3) / 2
    array([0.8333])
    """
    hits, n_relevant = _checked(hits, n_relevant)
    precision_at = np.cumsum(hits, axis=1) / _ranks(hits)
    return _or_nan((precision_at * hits).sum(axis=1) / _findable(hits, n_relevant), n_relevant)


def ndcg(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """DCG / ideal DCG:  DCG = sum over ranks r with a hit of 1 / log2(r + 1); the ideal has min(k, n_relevant) hits first.

    >>> ndcg([[True, False, True]], [2]).round(4)  # (1 + 1/2) / (1 + 1/log2(3))
    array([0.9197])
    """
    hits, n_relevant = _checked(hits, n_relevant)
    gain = 1 / np.log2(_ranks(hits) + 1)
    return _or_nan((hits * gain).sum(axis=1) / np.cumsum(gain)[_findable(hits, n_relevant) - 1], n_relevant)


RANKING: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ndcg": ndcg,
    "precision": precision,
    "recall": recall,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
}


def auc(scores: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """The chance that a random relevant item is scored above a random other one; ties count one half.

    AUC = (R - p (p + 1) / 2) / (p q), R the sum of the ranks of the p relevant items among all p + q (Mann and Whitney).

    Parameters
    ----------
    scores : (n_users, n_items); NaN marks what is not a candidate, such as items seen in training. Give a candidate
        that the model cannot score -inf, so that it counts as ranked last.
    relevant : (n_users, n_items) bool.

    Returns (n_users,) values; NaN for a user without candidates of both kinds. 0.5 is what random scores get.
    It looks at the whole ranking, so a model may lead by AUC and trail in the top 10. O(n_items log n_items) a user.

    >>> auc([[0.9, 0.2, 0.5, np.nan]], [[True, False, True, False]])
    array([1.])
    """
    from scipy.stats import rankdata  # here: it takes as long to import as all the rest

    scores, relevant = np.asarray(scores, dtype=float), np.asarray(relevant, dtype=bool)
    if scores.ndim != 2 or scores.shape != relevant.shape:
        raise DataError(f"scores {scores.shape} and relevant {relevant.shape}: both must be (n_users, n_items).")
    if np.isposinf(scores).any():
        raise DataError("a score is +inf: give finite scores, or -inf for items ranked last.")
    candidate = ~np.isnan(scores)
    relevant = relevant & candidate
    # Non-candidates rank above everything, so the ranks of the candidates are those among themselves.
    ranks = rankdata(np.where(candidate, scores, np.inf), axis=1, method="average")
    p = relevant.sum(axis=1)
    q = candidate.sum(axis=1) - p
    above = np.where(relevant, ranks, 0.0).sum(axis=1) - p * (p + 1) / 2
    return np.where((p > 0) & (q > 0), above / np.maximum(p * q, 1), np.nan)


# ---------------------------------------------------------------------- means and their intervals
class Estimate(NamedTuple):
    """A mean over users with its 95 % interval; NaN bounds where one user or none leaves nothing to compare.

    >>> print(f"{Estimate(0.3226, 0.3101, 0.3349, users=900, excluded=43)}")
    0.3226 [0.3101, 0.3349]
    """

    mean: float
    low: float
    high: float
    users: int
    excluded: int  # users whose value is NaN

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def resampled_means(values: np.ndarray, seed: int | np.random.Generator = 0, n: int = 2000) -> np.ndarray:
    """Means of n bootstrap resamples: draw as many users as there are, with replacement, and average; n times.

    Parameters
    ----------
    values : (n_users,) or (n_users, d). The d columns of a user are drawn together, so that columns stay comparable.
    seed : an int, or a Generator, which is advanced.
    n : the number of resamples.

    Returns (n,) or (n, d). O(n x n_users x d) time. Instead of gathering values n times, it counts how often each
    user was drawn and multiplies: means = counts @ values / n_users, in blocks of bounded memory.
    Source: Efron 1979, Annals of Statistics 7(1).
    """
    values = np.asarray(values, dtype=float)
    users = len(values)
    if users == 0 or n < 1:
        raise DataError(f"{users} users, {n} resamples: a bootstrap needs at least one of each.")
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // users)
    parts = []
    for start in range(0, n, block):
        size = min(block, n - start)
        drawn = rng.integers(users, size=(size, users)) + np.arange(size)[:, None] * users
        counts = np.bincount(drawn.ravel(), minlength=size * users).reshape(size, users)
        parts.append(counts @ values / users)
    return np.concatenate(parts)


def bootstrap_mean(values: np.ndarray, seed: int | np.random.Generator = 0, n: int = 2000) -> Estimate:
    """The mean of one value per user with its 95 % percentile bootstrap interval. NaN values are excluded and counted.

    Why not mean +- 1.96 standard errors? With hundreds of users both agree to a few per cent; but the bootstrap stays
    inside [0, 1], follows skewed values, and works alike for a mean, an RMSE and a difference.

    >>> bootstrap_mean([0.0, 0.5, 1.0, np.nan])[0]
    0.5
    """
    values = np.asarray(values, dtype=float)
    kept = values[~np.isnan(values)]
    return interval(
        kept.mean() if len(kept) else np.nan,
        resampled_means(kept, seed, n) if len(kept) > 1 else np.empty(0),
        users=len(kept),
        excluded=len(values) - len(kept),
    )


def interval(mean: float, resamples: np.ndarray, users: int, excluded: int) -> Estimate:
    """The Estimate whose bounds are the 2.5 % and 97.5 % points of the resamples."""
    low, high = np.quantile(resamples, [0.025, 0.975]) if len(resamples) else (np.nan, np.nan)
    return Estimate(float(mean), float(low), float(high), users, excluded)


# ---------------------------------------------------------------------- shared machinery
def _errors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    true, predicted = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float)
    if true.shape != predicted.shape or true.size == 0:
        raise DataError(
            f"true {true.shape} and predicted {predicted.shape}: they must have one shape and not be empty."
        )
    if np.isnan(true).any() or np.isnan(predicted).any():
        raise DataError("NaN among the ratings: an error can only be measured where both numbers are known.")
    return true - predicted


def _checked(hits: np.ndarray, n_relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hits, n_relevant = np.asarray(hits), np.asarray(n_relevant)
    if hits.ndim != 2 or hits.dtype != bool or hits.shape[1] == 0:
        raise DataError(f"hits is {hits.dtype} {hits.shape}: it must be a bool array (n_users, k) with k >= 1.")
    if n_relevant.shape != hits.shape[:1] or not np.issubdtype(n_relevant.dtype, np.integer):
        raise DataError(
            f"n_relevant is {n_relevant.dtype} {n_relevant.shape}: it must be one whole number for each of the "
            f"{len(hits):,} users."
        )
    too_many = np.flatnonzero(hits.sum(axis=1) > n_relevant)
    if len(too_many):
        row = too_many[0]
        raise DataError(
            f"row {row} has {hits[row].sum()} hits but n_relevant {n_relevant[row]}: is it of another user?"
        )
    return hits, n_relevant


def _ranks(hits: np.ndarray) -> np.ndarray:
    return np.arange(1, hits.shape[1] + 1)


def _findable(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """min(k, n_relevant), and 1 instead of 0, where the value becomes NaN anyway."""
    return np.clip(n_relevant, 1, hits.shape[1])


def _or_nan(values: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    return np.where(n_relevant > 0, values, np.nan)
