"""Who takes part. Rivals stand next to each other, since they are measured in this order, one right after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from recsys_lab import (
    BPR,
    EASE,
    SLIM,
    BayesianMF,
    BiasBaseline,
    BiasedALS,
    FunkSVD,
    GlobalMean,
    ImplicitALS,
    ItemItem,
    ItemKNN,
    ListBlend,
    Popularity,
    Random,
    RatingBlend,
    RP3beta,
    SVDpp,
    TfidfContent,
    TruncatedSVD,
    UserKNN,
)
from recsys_lab.base import Recommender


class Contestant(NamedTuple):
    """A row of a table. `by` is "here" or a peer's module; `model` makes ours, or names theirs."""

    name: str
    by: str
    model: Callable[[], Recommender] | str
    sets: tuple[str, ...] = ("ml-100k", "ml-small-2016")


BIG = ("ml-100k",)  # not measured again on the second set: slow, or without a rival there


def here(model: Callable[[], Recommender], name: str = "", sets: tuple[str, ...] = ("ml-100k", "ml-small-2016")):  # type: ignore[no-untyped-def]
    return Contestant(name or model.__name__, "here", model, sets)


def surprise_knn(model: type[Recommender], variant: str, measure: str) -> Recommender:
    """The model that gives Surprise's predictions."""
    shrinkage = 100.0 if measure == "pearson-baseline" else 0.0
    return model(measure=measure, variant=variant, shrinkage=shrinkage, damping=0)  # type: ignore[call-arg]


RATINGS = [
    here(Random, sets=BIG),
    Contestant("NormalPredictor", "surprise", "NormalPredictor", BIG),
    here(GlobalMean),
    here(BiasBaseline),
    Contestant("BaselineOnly", "surprise", "BaselineOnly"),
    Contestant("Bias", "lenskit", "Bias"),
    here(UserKNN),
    Contestant("UserKNN-40", "lenskit", "UserKNN-40"),
    here(ItemKNN),
    Contestant("ItemKNN-20", "lenskit", "ItemKNN-20"),
    Contestant("KNNBaseline item, Pearson-baseline", "surprise", "item baseline, pearson-baseline"),
    Contestant("SlopeOne", "surprise", "SlopeOne", BIG),
    Contestant("NMF", "surprise", "NMF", BIG),
    Contestant("CoClustering", "surprise", "CoClustering", BIG),
    here(FunkSVD),
    here(FunkSVD.surprise, "FunkSVD.surprise()"),
    Contestant("SVD", "surprise", "SVD"),
    Contestant("MF-100, the same settings", "cornac", "MF-100", BIG),
    Contestant("MF-10", "cornac", "MF-10"),
    here(BiasedALS),
    Contestant("BiasedMF ALS-50", "lenskit", "BiasedMF ALS-50"),
    here(SVDpp),
    here(SVDpp.surprise, "SVDpp.surprise()", BIG),
    Contestant("SVD++", "surprise", "SVD++", BIG),
    here(lambda: BayesianMF(implicit=False), "BayesianMF(implicit=False)"),
    Contestant("Bayesian MF", "myfm", "Bayesian MF", BIG),
    here(BayesianMF),
    Contestant("Bayesian MF, flipped", "myfm", "Bayesian MF, flipped"),
    here(RatingBlend),
]

LISTS = [
    here(Random),
    here(Popularity),
    here(TfidfContent),
    here(UserKNN),
    here(ItemKNN),
    Contestant("UserKNN-30, implicit", "lenskit", "UserKNN-30"),
    here(lambda: ItemItem(weighting="cosine"), "ItemItem(weighting='cosine')"),
    Contestant("cosine", "implicit", "cosine"),
    here(lambda: ItemItem(weighting="tfidf"), "ItemItem(weighting='tfidf')"),
    Contestant("TF-IDF", "implicit", "TF-IDF"),
    here(lambda: ItemItem(weighting="bm25"), "ItemItem(weighting='bm25')"),
    Contestant("BM25", "implicit", "BM25"),
    here(RP3beta),
    Contestant("RP3beta", "irspack", "RP3beta"),
    here(TruncatedSVD),
    here(BPR),
    Contestant("BPR", "cornac", "BPR"),
    Contestant("BPR", "implicit", "BPR"),
    here(ImplicitALS),
    Contestant("iALS, tuned", "irspack", "iALS"),
    Contestant("iALS, its default", "irspack", "iALS, its default"),
    Contestant("ALS, tuned", "implicit", "ALS"),
    Contestant("ALS, its default", "implicit", "ALS, its default"),
    Contestant("implicit ALS, its default", "lenskit", "implicit ALS, its default"),
    here(SLIM),
    Contestant("SLIM", "irspack", "SLIM"),
    here(EASE),
    here(lambda: EASE(neighbours=200), "EASE(neighbours=200)"),
    Contestant("EASE, reg 300", "irspack", "EASE"),
    Contestant("EASE, its default", "irspack", "EASE, its default"),
    Contestant("EASE, reg 150", "cornac", "EASE"),
    Contestant("EASE, reg 150", "lenskit", "EASE"),
    here(ListBlend),
]
