"""Project 2: a recommender that beats the most rated films and item k-NN on a part that it never sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.base import Recommender
from recsys_lab.baselines import Popularity
from recsys_lab.course.projects import rubric
from recsys_lab.course.projects.rubric import Grade, Row
from recsys_lab.course.projects.running import LIMIT, Run, run
from recsys_lab.evaluate import Evaluation, evaluate_ranking
from recsys_lab.knn import ItemKNN
from recsys_lab.ratings import Ratings
from recsys_lab.split import Split, per_user_split

FILE = "my_recommender.py"
N = 10
RELEVANT = 4.0
STRANGER = 10_000_000  # a user id that no data set has
NEWCOMER = {50: 5.0, 172: 5.0, 181: 4.0, 1: 4.0, 294: 1.0}  # likes science fiction and Toy Story, not Liar Liar


def cut(seed: int) -> Split:
    """(train, hidden): a random fifth of each user's ratings is hidden, so everybody is known."""
    return per_user_split(datasets.load("ml-100k").ratings, test=0.2, seed=seed)


def grade(folder: Path, seed: int, limit: float = LIMIT, soft: float = rubric.SOFT_LIMIT) -> Grade:
    """Run the learner's file on a cut, and again with the hidden ratings changed in what `datasets.load` gives."""
    from recsys_lab.course.projects import report

    train, hidden = cut(seed)
    users = sorted(set(hidden["user"].tolist()))
    items = datasets.load("ml-100k").items
    frames = {"train": train.reset_index(drop=True), "items": items}
    known = {int(item): stars for item, stars in NEWCOMER.items() if item in set(train["item"])}
    job: dict[str, Any] = {"users": users, "n": N, "stranger": STRANGER, "newcomer": known}
    file = folder / FILE
    plain = run(file, 2, frames, limit=limit, everything=True, **job)
    again, tampered = rubric.repeat(
        plain,
        "recommend",
        lambda hidden: run(file, 2, frames, hidden=hidden, hash_seed=1, limit=limit, everything=False, **job),
        hidden[["user", "item"]],
    )

    films = set(items["item"])
    sound = _sound(plain, users, films)
    rows = [sound]
    if sound.points:
        lists = pd.DataFrame(plain.answer("recommend"))
        results = judge(lists, train, hidden)
        rows += [
            rubric.beats("beats the most rated films", 3, results, "popularity", f"ndcg@{N}"),
            rubric.beats("beats item k-NN", 4, results, "item k-NN", f"ndcg@{N}"),
            unseen(lists, train),
        ]
    else:
        whats = (("beats the most rated films", 3), ("beats item k-NN", 4), ("leaves out what the user has rated", 2))
        rows += [Row(what, 0, of, sound.why) for what, of in whats]
    rows += [
        _served("serves a user whom nobody knows", 1, plain, "stranger", films, set()),
        _served("serves a newcomer from five ratings", 2, plain, "newcomer", films, set(known)),
        rubric.no_leak(2, plain, again, tampered, "recommend", rubric.share_changed),
        rubric.deterministic(1, plain, again, "recommend", rubric.share_changed),
        rubric.within_limits(1, plain, soft),
        report.row(folder),
    ]
    return Grade(2, seed, tuple(rows), plain.errors)


def judge(lists: pd.DataFrame, train: pd.DataFrame, hidden: pd.DataFrame) -> dict[str, Evaluation]:
    """nDCG@10 of the learner's lists and of the two baselines, for the same users."""
    ratings = Ratings.from_frame(train, scale=(1, 5))
    models = {
        "yours": Given(lists, ratings),
        "popularity": Popularity().fit(ratings),
        "item k-NN": ItemKNN().fit(ratings),
    }
    return {name: evaluate_ranking(model, hidden, k=N, relevant=RELEVANT) for name, model in models.items()}


class Given(Recommender):
    """Stands for a model where its lists are there already."""

    def __init__(self, lists: pd.DataFrame, train: Ratings):
        self.lists, self.train_ = lists, train

    def recommend(self, users: Any, n: int = N, **options: Any) -> pd.DataFrame:  # type: ignore[override]
        return self.lists

    def _fit(self, train: Ratings) -> None: ...

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return np.full((len(rows), self.train_.n_items), np.nan)  # it has lists, no scores

    def __repr__(self) -> str:
        return "yours"


def _sound(plain: Run, users: list[Any], films: set[Any]) -> Row:
    what = f"up to {N} different films for each user"
    if trouble := plain.trouble("recommend"):
        return Row(what, 0, 2, trouble)
    lists = plain.answer("recommend")
    if "user" not in lists:
        return Row(what, 0, 2, "the answer has no column 'user': one row a user and film.")
    if why := wrong(lists, films):
        return Row(what, 0, 2, why)
    if missing := sorted(set(users) - set(lists["user"])):
        return Row(what, 1, 2, f"{len(missing):,} of the {len(users):,} users get nothing, such as {missing[0]}.")
    return Row(what, 2, 2, f"{len(users):,} users")


def wrong(lists: dict[str, list[Any]], films: set[Any]) -> str:
    """What is wrong with lists of columns user, item, rank; "" where nothing is."""
    frame = pd.DataFrame(lists)
    if strange := set(frame["item"]) - films:
        return f"item {min(strange, key=str)!r} is no film of the table."
    if frame.duplicated(["user", "item"]).any():
        return f"user {frame['user'][frame.duplicated(['user', 'item'])].iloc[0]!r} gets a film twice."
    bad = frame.duplicated(["user", "rank"]) | ~frame["rank"].isin(range(1, N + 1))
    if bad.any():
        return f"user {frame['user'][bad].iloc[0]!r}: ranks are 1 to {N}, each once; 1 is the best."
    return ""


def unseen(lists: pd.DataFrame, train: pd.DataFrame) -> Row:
    what = "leaves out what the user has rated"
    seen = lists.merge(train[["user", "item"]], on=["user", "item"])
    if len(seen):
        return Row(what, 0, 2, f"{len(seen):,} of {len(lists):,} films listed were rated by that user already.")
    return Row(what, 2, 2, "no list repeats what its user has rated")


def _served(what: str, of: int, plain: Run, step: str, films: set[Any], rated: set[Any]) -> Row:
    """A full list of different films, none of them rated."""
    if trouble := plain.trouble(step):
        return Row(what, 0, of, trouble)
    answer = plain.answer(step)
    if why := wrong({**answer, "user": [STRANGER] * len(answer["item"])}, films):
        return Row(what, 0, of, why)
    if len(answer["item"]) < N:
        return Row(what, 0, of, f"{len(answer['item'])} films instead of {N}: fall back to the most rated ones.")
    if repeated := set(answer["item"]) & rated:
        return Row(what, 0, of, f"film {min(repeated)} is among the ratings that were given.")
    return Row(what, of, of, f"{N} films")
