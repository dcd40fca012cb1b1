"""Does the candidate deserve to be the champion? How both are judged, and the checks that decide."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from recsys_lab.base import Recommender
from recsys_lab.evaluate import Evaluation, compare
from recsys_lab.production.intake import LIKED
from recsys_lab.production.runs import Outcome
from recsys_lab.production.validation import Check

METRIC = "ndcg@10"


def holdout(rows: pd.DataFrame, cut: int, models: Mapping[str, Recommender]) -> pd.DataFrame:
    """What happened from the cut on, without pairs that a model has learned from (clicked before, rated now)."""
    test = rows[rows["timestamp"] >= cut].sort_values("source", ascending=False, kind="stable")
    test = test.drop_duplicates(["user", "item"])
    for model in models.values():
        pairs = model.train_.to_frame()[["user", "item"]]
        new = test.merge(pairs, on=["user", "item"], how="left", indicator=True)["_merge"] == "left_only"
        test = test[new.to_numpy()]
    return test


def n_known(model: Recommender, test: pd.DataFrame) -> int:
    """How many users the model knows who like something in the test part."""
    likers = test.loc[test["rating"] >= LIKED, "user"].unique()
    return int((model.train_.users.rows(likers) >= 0).sum())


def difference(results: Mapping[str, Evaluation], other: str) -> Outcome:
    row = compare({"candidate": results["candidate"], other: results[other]}, METRIC).iloc[0]
    return {"metric": METRIC, **{key: float(row[key]) for key in ("difference", "low", "high", "p")}} | {
        "users": int(row["users"])
    }


def checks(judged: Outcome, cut: int, margin: float) -> list[Check]:
    """What the gate asks of the outcome of `evaluate`; the candidate learned from what happened before the cut.

    - popularity: the candidate's mean is higher. (On few users that is a low bar, and MovieLens needs one: over short
      windows the most rated films are hard to beat.)
    - order: the champion has not learned from later data, as when a past date is run again, and is not this very file.
    - champion: at 95 % confidence the candidate is not worse by more than the margin. A champion that knows too few of
      the holdout's users has no say: it is out of date.

    The last two are asked where there is a champion.
    """
    rest = [] if judged["champion"] is None else [_in_order(judged, cut), _not_worse(judged, margin)]
    return [_better_than_popularity(judged), *rest]


def _in_order(judged: Outcome, cut: int) -> Check:
    champion = judged["champion"]
    good = champion["cut"] <= cut and champion["sha256"] != judged["candidate"]
    found = f"the champion is of run {champion['run']}" + ("" if good else ": not older than the candidate")
    return Check("order", good, found)


def _not_worse(judged: Outcome, margin: float) -> Check:
    found = judged["candidate minus"].get("champion")
    if found is None:
        return Check("champion", True, "the champion knows too few of these users")
    good = found["low"] is not None and found["low"] >= -margin
    return Check("champion", good, f"{_in_words(found)} against the champion; margin {margin:g}")


def _better_than_popularity(judged: Outcome) -> Check:
    found = judged["candidate minus"]["popularity"]
    return Check("popularity", found["difference"] > 0, f"{_in_words(found)} against popularity")


def _in_words(found: Outcome) -> str:
    low, high = (float("nan") if found[end] is None else found[end] for end in ("low", "high"))
    return f"{found['metric']} {found['difference']:+.4f} ({low:+.4f} to {high:+.4f}, {found['users']} users)"
