"""Order candidates anew: trade some score for variety (MMR), for the user's own mix of genres (calibration), for freshness.

All take more candidates than they return (`model.recommend(users, n=100)`) and build the new list greedily, one item at a
time. Scores are first brought to 0..1 within each user's candidates, so that a trade-off means the same for every model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from recsys_lab import checks
from recsys_lab.beyond import aligned, divergence, unit_rows
from recsys_lab.errors import DataError
from recsys_lab.ratings import Ratings, require_columns


def mmr(candidates: pd.DataFrame, vectors: pd.DataFrame, n: int = 10, trade_off: float = 0.3) -> pd.DataFrame:
    """Maximal marginal relevance: the next item is the one with the highest

        (1 - trade_off) score_i - trade_off max over j in the list so far of cos(x_i, x_j)

    Parameters
    ----------
    candidates : columns user, item, score, rank, as `recommend` returns them.
    vectors : a frame indexed by item, one row a vector x, such as `beyond.tags(items)`.
    n : length of the new lists, at least 1; shorter where there are fewer candidates.
    trade_off : 0 (the order of the scores) to 1 (variety only).

    Returns a frame like the candidates, with the model's own score and the new rank. O(n candidates d) a user.
    Source: Carbonell and Goldstein 1998, SIGIR.

    >>> candidates = pd.DataFrame({"user": 1, "item": [1, 2, 3], "score": [0.9, 0.8, 0.5], "rank": [1, 2, 3]})
    >>> vectors = pd.DataFrame({"Comedy": [1.0, 1.0, 0.0], "Drama": [0.0, 0.0, 1.0]}, index=[1, 2, 3])
    >>> mmr(candidates, vectors, n=2, trade_off=0.6)["item"].tolist()
    [1, 3]
    """
    table = unit_rows(aligned(vectors, pd.unique(candidates["item"])))
    place = pd.Index(pd.unique(candidates["item"])).get_indexer(candidates["item"])

    def choose(rows: np.ndarray, score: np.ndarray) -> list[int]:
        chosen: list[int] = []
        x, nearest = table[place[rows]], np.full(len(rows), -np.inf)
        for _ in range(min(n, len(rows))):
            gain = (1 - trade_off) * score - trade_off * (nearest if chosen else 0.0)
            gain[chosen] = -np.inf
            chosen.append(int(np.argmax(gain)))
            nearest = np.maximum(nearest, x @ x[chosen[-1]])
        return chosen

    return _rerank(candidates, n, trade_off, choose)


def calibrated(
    candidates: pd.DataFrame, train: Ratings, shares: pd.DataFrame, n: int = 10, trade_off: float = 0.5
) -> pd.DataFrame:
    """Lists whose mix of genres follows the user's own: the next item is the one with the highest

        (1 - trade_off) sum of the scores - trade_off KL(p || q~)

    of the list that it makes; p, q~ as in `beyond.miscalibration`. Someone with 70 romances and 30 westerns gets about
    three westerns in ten, where a model that only maximizes scores would often show ten romances.

    Parameters
    ----------
    candidates, n, trade_off : as in `mmr`.
    train : the model's training ratings (`model.train_`); p(g) is weighted by the ratings.
    shares : a frame indexed by item whose rows are distributions, `beyond.tags(items)`.

    O(n candidates d) a user. Source: Steck 2018, "Calibrated Recommendations", RecSys, equations 2 to 7.
    """
    items = pd.Index(pd.unique(candidates["item"]))
    table, place = aligned(shares, items.to_numpy()), items.get_indexer(candidates["item"])
    history = train.matrix @ aligned(shares, train.items.ids)
    users = train.users.known(candidates["user"])

    def choose(rows: np.ndarray, score: np.ndarray) -> list[int]:
        p, x = history[users[rows[0]]], table[place[rows]]
        p = p / max(p.sum(), 1e-300)
        chosen: list[int] = []
        total = np.zeros(x.shape[1])
        for _ in range(min(n, len(rows))):
            mix = total + x
            q = mix / np.maximum(mix.sum(axis=1, keepdims=True), 1e-300)
            gain = (1 - trade_off) * score - trade_off * np.nan_to_num(divergence(p[None], q))
            gain[chosen] = -np.inf
            chosen.append(int(np.argmax(gain)))
            total = mix[chosen[-1]]
        return chosen

    return _rerank(candidates, n, trade_off, choose)


def fresh(
    candidates: pd.DataFrame, age: pd.Series, half_life: float, n: int = 10, trade_off: float = 0.2
) -> pd.DataFrame:
    """What is new gets a lift that halves with every `half_life` of age: the n items with the highest

        (1 - trade_off) score_i + trade_off 2^(-age_i / half_life)

    Parameters
    ----------
    candidates, n, trade_off : as in `mmr`.
    age : how old each item is, >= 0, indexed by item, in the unit of half_life; NaN (unknown) gets no lift.
    half_life : above 0. A model that learned from the past has seen little of what is new, and undervalues it: this is a
        rule against that, not a measured preference. How much it may cost is for an experiment to say.

    O(candidates log candidates) a user.

    >>> candidates = pd.DataFrame({"user": 1, "item": [1, 2, 3], "score": [0.9, 0.8, 0.5], "rank": [1, 2, 3]})
    >>> fresh(candidates, pd.Series({1: 10.0, 2: 0.0, 3: 0.0}), half_life=1, n=2, trade_off=0.3)["item"].tolist()
    [2, 1]
    """
    checks.number("half_life", half_life, 0, "the age at which half of the lift is left", above=True)
    old = age.reindex(candidates["item"]).to_numpy(dtype=float)
    if (old < 0).any():
        raise DataError(f"age {old[old < 0][0]:g}: an item cannot be younger than new; give ages of 0 or more.")
    lift = np.nan_to_num(2.0 ** (-old / half_life))

    def choose(rows: np.ndarray, score: np.ndarray) -> list[int]:
        total = (1 - trade_off) * score + trade_off * lift[rows]
        return np.argsort(-total, kind="stable")[:n].tolist()

    return _rerank(candidates, n, trade_off, choose)


def _rerank(
    candidates: pd.DataFrame, n: int, trade_off: float, choose: Callable[[np.ndarray, np.ndarray], list[int]]
) -> pd.DataFrame:
    """Apply `choose(rows of the frame, scores from 0 to 1)` to each user's candidates, best first."""
    require_columns(candidates, user="user", item="item", score="score", rank="rank")
    checks.whole("n", n, 1, "a list has at least one item")
    checks.number("trade_off", trade_off, 0, "the weight of the second aim", 1)
    if candidates.empty:
        raise DataError("there are no candidates to choose from.")
    ordered = candidates.reset_index(drop=True)
    kept = []
    for _, group in ordered.groupby("user", sort=False):
        rows = group.sort_values("rank").index.to_numpy()
        score = ordered["score"].to_numpy(dtype=float)[rows]
        spread = np.ptp(score)
        chosen = choose(rows, (score - score.min()) / spread if spread > 0 else np.ones(len(rows)))
        kept.append(ordered.loc[rows[chosen]].assign(rank=np.arange(1, len(chosen) + 1)))
    return pd.concat(kept, ignore_index=True)
