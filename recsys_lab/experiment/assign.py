"""Who sees which variant: a hash instead of a table of assignments.

    bucket(unit, salt) = the first 53 bits of SHA-256("salt:unit") / 2^53,   a number in [0, 1)

It looks random and is none: any process, on any day, gives the same user the same bucket, so nothing has to be stored
and a new user changes nobody else's variant. Another salt gives buckets that are independent of the first, which is how
two experiments run on the same users without disturbing each other. 53 bits are what a float holds exactly.
Source: Tang, Agarwal, O'Brien and Meyer 2010, KDD (layers); Kohavi, Tang and Xu 2020, chapter 14 (hashing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral

import numpy as np
import pandas as pd

from recsys_lab import checks
from recsys_lab.errors import DataError, few


def bucket(unit: str | int, salt: str) -> float:
    """Where in [0, 1) the hash puts a unit; see the top of this file.

    Parameters
    ----------
    unit : who is assigned, usually a user id. 1 and "1" are one unit: an id that is a number in the ratings and text in
        a cookie must not change its variant on the way. A float is refused: pandas makes 1.0 of 1 as soon as a column
        has a gap, and "1.0" would be hashed to another variant.
    salt : which of the many independent numberings; without a colon, which ends it.

    >>> round(bucket("ann", "homepage"), 4), bucket(7, "homepage") == bucket("7", "homepage")
    (0.8495, True)
    """
    if not isinstance(unit, str) and (not isinstance(unit, Integral) or isinstance(unit, bool)):
        raise DataError(f"unit {unit!r} is a {type(unit).__name__}: give text or a whole number, as it is everywhere.")
    if not isinstance(salt, str) or not salt or ":" in salt:
        raise DataError(f"salt={salt!r}: choose a word without a colon.")
    digest = hashlib.sha256(f"{salt}:{unit}".encode()).digest()
    return (int.from_bytes(digest[:7], "big") >> 3) / 2**53


@dataclass(frozen=True)
class Experiment:
    """One experiment: its variants, how the traffic is split, and which part of which layer it takes.

    Two hashes decide. The bucket of the layer says whether a unit takes part: traffic[0] <= bucket < traffic[1].
    The bucket of the experiment's own name says in which variant: the first whose cumulated weight lies above it.

    Parameters
    ----------
    name : unique; it is the salt of the variants. A follow-up needs a new name, or it inherits the old groups.
    variants : at least two; the first is the control.
    weights : share of each variant, above 0, with sum 1; None: equal. Changing them midway moves units from one variant
        to another: end the experiment and start a new one.
    layer : experiments of one layer share its buckets, so those with disjoint traffic have no user in common.
        Experiments of different layers are independent of each other. None: a layer of its own.
    traffic : (start, end) in [0, 1]. Raising `end` lets units in and keeps everybody's variant.

    O(1) a unit. Raises DataError for anything else than the above.

    >>> test = Experiment("als-vs-knn", variants=("knn", "als"), weights=(0.9, 0.1))
    >>> test.variant("ann"), test.assign(["ann", "bob", "cleo"]).tolist()
    ('knn', ['knn', 'als', 'knn'])
    """

    name: str
    variants: tuple[str, ...] = ("control", "treatment")
    weights: tuple[float, ...] | None = None
    layer: str | None = None
    traffic: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for what, word in (("name", self.name), ("layer", self.layer)):
            if word is not None and (not isinstance(word, str) or not word or ":" in word):
                raise DataError(f"{what}={word!r}: choose a word without a colon; it becomes the salt.")
        if isinstance(self.variants, str) or len(self.variants) < 2 or len(set(self.variants)) < len(self.variants):
            raise DataError(f"variants={self.variants!r}: an experiment compares two or more, each named once.")
        if self.weights is not None:
            for weight in self.weights:
                checks.number("weights", weight, 0, "a variant's share of the traffic", 1, above=True)
            if len(self.weights) != len(self.variants) or abs(sum(self.weights) - 1) > 1e-9:
                raise DataError(f"weights={self.weights!r}: give one for each of {self.variants!r}, with sum 1.")
        start, end = self.traffic
        checks.number("traffic[0]", start, 0, "the share of the layer where the experiment begins", 1)
        checks.number("traffic[1]", end, start, "the share of the layer where the experiment ends", 1, above=True)

    @property
    def shares(self) -> dict[str, float]:
        """{variant: its share of the experiment's units}; what a test for sample-ratio mismatch expects."""
        weights = self.weights or (1 / len(self.variants),) * len(self.variants)
        return dict(zip(self.variants, weights))

    def variant(self, unit: str | int) -> str | None:
        """The variant of one unit; None where it takes no part."""
        return self.assign([unit])[0]

    def assign(self, units: Iterable[str | int]) -> np.ndarray:
        """The variant of each unit (n,), as objects; None where it takes no part.

        users["variant"] = experiment.assign(users["user"])
        """
        if isinstance(units, str):
            raise DataError(f"units={units!r}: give a list of units, or ask variant({units!r}).")
        units = units.tolist() if isinstance(units, np.ndarray | pd.Series | pd.Index) else list(units)
        layer = self.layer if self.layer is not None else self.name
        place = np.array([bucket(unit, f"layer {layer}") for unit in units])
        inner = np.array([bucket(unit, f"variant {self.name}") for unit in units])
        # The last edge, 1, is left out: cumulated weights may end just below it.
        edges = np.cumsum(list(self.shares.values()))[:-1]
        chosen = np.array(self.variants, dtype=object)[np.searchsorted(edges, inner, side="right")]
        chosen[(place < self.traffic[0]) | (place >= self.traffic[1])] = None
        return chosen


def assign_all(units: Sequence[str | int], experiments: Iterable[Experiment]) -> pd.DataFrame:
    """One row a unit, one column an experiment. Refuses two experiments whose traffic overlaps in one layer.

    >>> old = Experiment("shorter-lists", layer="ranking", traffic=(0, 0.5))
    >>> new = Experiment("diverse-lists", layer="ranking", traffic=(0.5, 1))
    >>> assign_all(["ann", "bob"], [old, new])
         shorter-lists diverse-lists
    unit
    ann      treatment          None
    bob        control          None
    """
    experiments = list(experiments)
    for a, b in combinations(experiments, 2):
        if a.name == b.name:
            raise DataError(f"two experiments are called {a.name!r}: their variants would be the same users.")
        if (
            a.layer is not None
            and a.layer == b.layer
            and max(a.traffic[0], b.traffic[0]) < min(a.traffic[1], b.traffic[1])
        ):
            raise DataError(
                f"{few([a.name, b.name])} overlap in layer {a.layer!r} ({a.traffic} and {b.traffic}): "
                "give them disjoint traffic, or different layers."
            )
    columns = {experiment.name: experiment.assign(units) for experiment in experiments}
    return pd.DataFrame(columns, index=pd.Index(units, name="unit"))
