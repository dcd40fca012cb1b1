"""Every model by name: what the command line, the demo, the saved files and the contract test go through.

Adding a model is one line in MODELS, or in BY_ENGINES. A model's file is imported when the model is first used.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from collections.abc import Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

from recsys_lab.errors import DataError

if TYPE_CHECKING:
    from recsys_lab.base import Recommender


class Entry(NamedTuple):
    """Where a model lives (a module of recsys_lab and a class in it), its family, and what it does in one line."""

    module: str
    name: str
    family: str
    about: str

    def load(self) -> type[Recommender]:
        """The class itself; imports its module."""
        return getattr(importlib.import_module(f"recsys_lab.{self.module}"), self.name)


MODELS: dict[str, Entry] = {
    "global-mean": Entry("baselines", "GlobalMean", "baseline", "the mean of all ratings, for everyone"),
    "bias": Entry("baselines", "BiasBaseline", "baseline", "how kind the user is plus how good the item is"),
    "popularity": Entry("baselines", "Popularity", "baseline", "the most rated items first"),
    "random": Entry("baselines", "Random", "baseline", "draws from the distribution of the ratings: the floor"),
    "user-knn": Entry("knn", "UserKNN", "neighbours", "what the users most like you said of the item"),
    "item-knn": Entry("knn", "ItemKNN", "neighbours", "what you said of the items most like this one"),
    "content": Entry(
        "content", "TfidfContent", "content", "what resembles the things you liked, by title, genre, credits"
    ),
    "item-item": Entry("itemitem", "ItemItem", "implicit", "the items most like those you chose"),
    "rp3beta": Entry("itemitem", "RP3beta", "implicit", "where a random walk from you ends, rare items preferred"),
    "bpr": Entry("bpr", "BPR", "implicit", "factors that put what you chose before what you did not"),
    "svd": Entry("svd", "FunkSVD", "factors", "hidden factors of users and items, learned rating by rating"),
    "svdpp": Entry("svdpp", "SVDpp", "factors", "svd, and what your choice of items says of you"),
    "pure-svd": Entry("svd", "TruncatedSVD", "factors", "the largest singular vectors, unknown as 0: for lists"),
    "als": Entry("als", "BiasedALS", "factors", "taste and film as vectors, each side solved for in turn"),
    "implicit-als": Entry("als", "ImplicitALS", "implicit", "vectors from what users chose and what they left alone"),
    "ease": Entry("ease", "EASE", "implicit", "each item of your history adds its weight, found in closed form"),
    "slim": Entry("slim", "SLIM", "implicit", "a few items of your history add weights that are never negative"),
    "bayes": Entry("bayes", "BayesianMF", "factors", "many plausible sets of factors, averaged: the most accurate"),
    "blend": Entry("blend", "RatingBlend", "blends", "a weighted sum of several models' ratings"),
    "list-blend": Entry("blend", "ListBlend", "blends", "a weighted sum of several models' scores, for lists"),
}
# Models that are fitted by an engine of its own, which an extra of pyproject.toml brings. Once fitted they are arrays like
# all others: loading, serving and explaining them needs no engine. `demo` and the contest leave them out.
BY_ENGINES: dict[str, Entry] = {
    "spark-als": Entry("production.spark", "SparkALS", "factors", "als, its turns computed by Spark"),
    "neumf": Entry("production.neural", "NeuMF", "neural", "factors and a small network, joined"),
    "two-tower": Entry("production.neural", "TwoTower", "neural", "a vector of your history times one of the item"),
    "sasrec": Entry("production.neural", "SASRec", "neural", "what comes next, from your last choices in order"),
}


def entries() -> dict[str, Entry]:
    """All models by name, those with an engine of its own too."""
    return MODELS | BY_ENGINES


def model_class(name: str) -> type[Recommender]:
    """The class behind a name. Raises DataError for an unknown name, with the nearest known one.

    >>> model_class("bias").__name__
    'BiasBaseline'
    >>> model_class("item-knm")
    Traceback (most recent call last):
    recsys_lab.errors.DataError: no model 'item-knm'; did you mean 'item-knn'? There are: global-mean, bias, ...
    """
    known = entries()
    if name not in known:
        raise DataError(unknown("model", name, known))
    return known[name].load()


def make(name: str, **params: Any) -> Recommender:
    """A model that is not fitted yet, by name.

    Raises DataError for an unknown name or parameter (with the nearest known one) and for a value of the wrong type.
    Whether a value is in range is for `fit` to say, which knows the data.

    >>> make("item-knn", k=20, shrinkage=10).params()["k"]
    20
    """
    cls = model_class(name)
    known = parameters(cls)
    for key, value in params.items():
        if key not in known:
            raise DataError(unknown(f"parameter of {name}", key, known))
        # Annotations are text here ("int"); a union such as "int | None" is left to the model.
        wanted: tuple[type, str] | None = {
            "int": (Integral, "a whole number"),
            "float": (Real, "a number"),
            "str": (str, "text"),
        }.get(str(known[key].annotation))
        if wanted and (not isinstance(value, wanted[0]) or isinstance(value, bool)):
            raise DataError(f"{key}={value!r}: {name} takes {wanted[1]} here, such as {known[key].default!r}.")
    return cls(**params)


def parameters(cls: type[Recommender]) -> dict[str, inspect.Parameter]:
    """The constructor's parameters; their defaults are part of what `recsys-lab models` shows."""
    return dict(inspect.signature(cls).parameters)


def param(text: str) -> tuple[str, Any]:
    """A parameter as it is written on the command line.

    >>> param("k=20"), param("measure=cosine"), param("shrinkage=1e2")
    (('k', 20), ('measure', 'cosine'), ('shrinkage', 100.0))
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise DataError(f"--param {text!r}: write it as NAME=VALUE, such as k=20.")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):  # a bare word
        return name, value


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known: the nearest one first, then all.

    >>> unknown("model", "bais", ["bias", "random"])
    "no model 'bais'; did you mean 'bias'? There are: bias, random."
    >>> unknown("parameter of global-mean", "k", [])
    "no parameter of global-mean 'k'; there are none."
    """
    names = list(known)
    if not names:
        return f"no {what} {name!r}; there are none."
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}? There are: " if near else "; there are: "
    return f"no {what} {name!r}{hint}{', '.join(names)}."
