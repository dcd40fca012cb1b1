"""The protocols that every figure is measured by; nothing is tuned on what it is reported on.

* Ratings: five random folds of a set, fit on four, RMSE on the fifth, mean of the five. Parameters were chosen on an
  inner split of the first fold's training part, or on another set.
* Lists: ratings of four stars or more are positives, users with at least five of them take part, a random fifth of
  each user's is held out, and all items that the user has not chosen in training are ranked. Parameters were chosen on
  the split with seed 0; the figure is the mean over seeds 1 to 4.
* Time: CPU seconds of one thread, warm; two libraries take turns in one run, and the median of the paired ratios counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from recsys_lab import Ratings
from recsys_lab.split import k_fold, per_user_split

SEEDS = (1, 2, 3, 4)  # of the splits that lists are reported on; 0 is for tuning


def cpu(call: Callable[[], Any]) -> tuple[Any, float]:
    """What the call returns, and its CPU seconds."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def rating_folds(ratings: pd.DataFrame, scale: tuple[float, float]) -> Iterator[tuple[Ratings, pd.DataFrame]]:
    """(train, test) of the five folds; the frames' rows are sorted, since some peers depend on their order."""
    for train, test in k_fold(ratings, folds=5, seed=0):
        yield Ratings.from_frame(train.sort_values(["user", "item"]), scale=scale), test


def list_split(ratings: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test) of the positives, for one seed."""
    good = ratings[ratings["rating"] >= 4]
    good = good[good.groupby("user")["user"].transform("size") >= 5]
    return per_user_split(good, test=0.2, seed=seed)
