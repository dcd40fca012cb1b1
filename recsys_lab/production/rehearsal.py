"""Rehearse a recommender on the past: requests that were made, what came of them, and lists judged by that.

A request is a user and a second. Everything that goes into its list was known before that second; only the outcome comes
later. `until` ends the time in which it may come, so that a training window that ends where another begins shares nothing
with it. In MovieLens most people came once, for an hour: asking them in the middle of their first visit, as soon as they
have rated a few films, is what makes enough requests for a comparison.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.evaluate import Evaluation, hit_table
from recsys_lab.metrics import bootstrap_mean, ndcg, recall
from recsys_lab.production.features import WEEK, as_of, user_features
from recsys_lab.ratings import require_columns


def requests(ratings: pd.DataFrame, start: int, end: int, *, least: int = 20, period: int = WEEK) -> pd.DataFrame:
    """The moments to judge: a frame with columns request, user, timestamp, until.

    Of each user and period (from `start` on, in seconds), the first second of a rating at which at least `least` ratings
    of the user were known. So a newcomer is asked once the profile is large enough, and a regular on every return. `until`
    is the end of the period, at most `end`.

    >>> from recsys_lab import datasets
    >>> requests(datasets.toy().ratings, 1_700_000_000, 1_700_500_000, least=4).head(2)
       request user   timestamp       until
    0        0  ann  1700025200  1700500000
    1        1  ben  1700054000  1700500000
    """
    require_columns(ratings, user="user", timestamp="timestamp")
    checks.whole("least", least, 1, "a request needs a history")
    known = as_of(ratings[["user", "timestamp"]], user_features(ratings)[["user", "known_at", "ratings"]], "user")
    known = known[(known["ratings"] >= least) & known["timestamp"].between(start, end - 1)]
    if known.empty:
        raise DataError(f"nobody with {least} known ratings gave another one from second {start} to {end}.")
    part = (known["timestamp"] - start) // period
    first = known.groupby([part.rename("part"), "user"])["timestamp"].min().reset_index()
    first["until"] = np.minimum(start + (first["part"] + 1) * period, end)
    return first.rename_axis("request").reset_index()[["request", "user", "timestamp", "until"]]


def outcomes(asked: pd.DataFrame, ratings: pd.DataFrame, relevant: float = 4.0) -> pd.DataFrame:
    """What the users of `asked` (of `requests`) rated `relevant` or better from the request on, before `until`.

    A frame with columns request, item. The ratings of the request's own second belong to it: the list came before them.
    """
    require_columns(asked, request="request", user="user", timestamp="timestamp", until="until")
    good = ratings.loc[ratings["rating"] >= relevant, ["user", "item", "timestamp"]].rename(columns={"timestamp": "at"})
    both = asked.merge(good, on="user")
    return both.loc[(both["at"] >= both["timestamp"]) & (both["at"] < both["until"]), ["request", "item"]]


def liked(table: pd.DataFrame, good: pd.DataFrame) -> np.ndarray:
    """Which rows of a table of candidates (columns request, item) are outcomes: (len(table),) bool, what a ranker learns."""
    pairs = [pd.MultiIndex.from_frame(frame[["request", "item"]]) for frame in (table, good)]
    return pairs[0].isin(pairs[1])


def lists(table: pd.DataFrame, score: np.ndarray, n: int = 10) -> pd.DataFrame:
    """The n best rows of each request by `score`: columns user (the request's number), item, score, rank.

    Equal scores stand in the order of the items.
    """
    out = table[["request", "item"]].assign(score=np.asarray(score, dtype=float))
    out = out.sort_values(["request", "score", "item"], ascending=[True, False, True], ignore_index=True)
    out["rank"] = out.groupby("request").cumcount() + 1
    return out[out["rank"] <= n].rename(columns={"request": "user"}).reset_index(drop=True)


def judge(name: str, found: pd.DataFrame, asked: pd.DataFrame, good: pd.DataFrame, k: int = 10) -> Evaluation:
    """nDCG and recall at k of lists (of `lists`) for requests, with intervals, ready for evaluate.compare.

    good : of `outcomes`. A user's requests are averaged first: the unit is the user. Requests without an outcome are left
    out and counted; a request without a list scores 0.
    """
    hits, n_good = hit_table(found, good.rename(columns={"request": "user"}), asked["request"], k)
    values = pd.DataFrame({f"ndcg@{k}": ndcg(hits, n_good), f"recall@{k}": recall(hits, n_good)})
    users = values.groupby(asked["user"].to_numpy()).mean()
    users["n_relevant"] = pd.Series(n_good).groupby(asked["user"].to_numpy()).sum()
    metrics = {metric: bootstrap_mean(users[metric].to_numpy()) for metric in values}
    counts = {"requests": len(asked), "requests without an outcome": int((n_good == 0).sum())}
    what = int(pd.util.hash_pandas_object(asked[["user", "timestamp", "until"]], index=False).sum())
    return Evaluation(name, metrics, users.rename_axis("user"), counts, {}, test_id=hash((what, len(good), k)))
