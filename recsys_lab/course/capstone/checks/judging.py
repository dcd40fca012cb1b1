"""Are the project's lists better than what everybody gets, and than the neighbours of what a user chose?"""

from __future__ import annotations

from functools import cache

import pandas as pd

from recsys_lab.baselines import Popularity
from recsys_lab.course.capstone.bench import Bench, Lost, once
from recsys_lab.course.capstone.checks.building import leaks
from recsys_lab.course.capstone.subjects import Subject
from recsys_lab.course.projects import lists, rubric
from recsys_lab.evaluate import Evaluation, evaluate_ranking
from recsys_lab.itemitem import ItemItem
from recsys_lab.ratings import Ratings

POPULAR, NEIGHBOURS = "popularity", "item k-NN"


def beats_popularity(bench: Bench) -> str:
    return _beats(bench, POPULAR)


def beats_neighbours(bench: Bench) -> str:
    return _beats(bench, NEIGHBOURS)


def _beats(bench: Bench, other: str) -> str:
    if leaks(bench):
        raise Lost(
            "the model changed with the hidden part: learn from what `train` is given, not from what `datasets` has."
        )
    row = rubric.beats("", 1, _results(bench), other, f"ndcg@{lists.N}")
    if not row.points:
        raise Lost(row.why)
    return row.why


@once
def _results(bench: Bench) -> dict[str, Evaluation]:
    """nDCG@10 of the project's lists and of the baselines, for the same users."""
    found, about = bench.lists, bench.subject
    if why := lists.wrong(found.to_dict("list"), about.items()):
        raise Lost(why)
    if known := len(found.merge(about.rated(bench.train), on=["user", "item"])):
        raise Lost(f"{known:,} of {len(found):,} items listed were in that user's history already.")
    given = lists.Given(found, _rated(about, bench.train))
    yours = evaluate_ranking(given, bench.hidden, k=lists.N, relevant=about.relevant)
    return {"yours": yours, **_baselines(about, bench.seed)}


@cache
def _baselines(about: Subject, seed: int) -> dict[str, Evaluation]:
    train, hidden = about.cut(seed)
    ratings = _rated(about, train)
    models = {POPULAR: Popularity().fit(ratings), NEIGHBOURS: ItemItem().fit(ratings)}
    return {name: evaluate_ranking(model, hidden, k=lists.N, relevant=about.relevant) for name, model in models.items()}


def _rated(about: Subject, rows: pd.DataFrame) -> Ratings:
    return Ratings.from_frame(about.rated(rows), scale=about.scale)
