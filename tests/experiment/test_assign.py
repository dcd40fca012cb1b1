"""Assignment: even, independent between layers, exclusive within, and the same for ever."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from recsys_lab.errors import DataError
from recsys_lab.experiment import Experiment, assign_all, bucket, srm

USERS = range(1, 20_001)


def test_the_hash_as_the_docstring_says():
    for unit, salt in [("ann", "homepage"), (7, "x"), ("Zoë:1", "layer ranking")]:
        digest = hashlib.sha256(f"{salt}:{unit}".encode()).hexdigest()
        assert bucket(unit, salt) == int(bin(int(digest, 16))[2:].zfill(256)[:53], 2) / 2**53


def test_buckets_never_change():
    """These numbers are a promise: another hash would move running experiments' users between variants."""
    assert bucket("ann", "homepage") == 0.8494538735870863
    assert bucket(1, "homepage") == 0.8695886570844275


@pytest.mark.parametrize("units", [USERS, [f"user-{u:06}" for u in USERS]], ids=["numbers", "text"])
def test_buckets_are_uniform(units):
    buckets = np.array([bucket(unit, "homepage") for unit in units])
    assert scipy.stats.kstest(buckets, "uniform").pvalue > 0.01
    # Neighbouring ids are no more alike than others.
    assert abs(np.corrcoef(buckets[1:], buckets[:-1])[0, 1]) < 3 / np.sqrt(len(buckets))
    counts = np.bincount((buckets * 100).astype(int), minlength=100)
    assert scipy.stats.chisquare(counts).pvalue > 0.01


def test_variants_get_their_shares():
    test = Experiment("model", variants=("a", "b", "c"), weights=(0.7, 0.2, 0.1))
    counts = pd.Series(test.assign(USERS)).value_counts()
    assert srm(counts.to_dict(), test.shares).p_value > 0.01
    assert test.shares == {"a": 0.7, "b": 0.2, "c": 0.1}
    assert Experiment("halves").shares == {"control": 0.5, "treatment": 0.5}


def test_equal_to_a_plain_loop():
    test = Experiment("model", ("a", "b", "c"), (0.5, 0.3, 0.2), layer="ranking", traffic=(0.1, 0.6))
    plain = []
    for unit in range(500):
        if not 0.1 <= bucket(unit, "layer ranking") < 0.6:
            plain.append(None)
        else:
            place = bucket(unit, "variant model")
            plain.append("a" if place < 0.5 else "b" if place < 0.8 else "c")
    assert test.assign(range(500)).tolist() == plain == [test.variant(unit) for unit in range(500)]


def test_layers_are_independent():
    one, two = Experiment("one", layer="ranking"), Experiment("two", layer="page")
    same_layer = Experiment("three", layer="ranking")
    for other in (two, same_layer):
        table = pd.crosstab(one.assign(USERS), other.assign(USERS))
        assert scipy.stats.chi2_contingency(table).pvalue > 0.01
    # Who takes part says nothing about the variant either.
    part = Experiment("one", layer="ranking", traffic=(0, 0.5)).assign(USERS)
    assert scipy.stats.binomtest(int((part == "control").sum()), int((part != None).sum())).pvalue > 0.01  # noqa: E711


def test_within_a_layer_nobody_is_in_two():
    parts = [Experiment(f"e{i}", layer="ranking", traffic=(i / 4, (i + 1) / 4)) for i in range(4)]
    table = assign_all(list(USERS), parts)
    assert (table.notna().sum(axis=1) == 1).all()
    assert srm(table.notna().sum().to_dict(), {f"e{i}": 0.25 for i in range(4)}).p_value > 0.01


def test_more_users_and_more_traffic_change_nobody():
    small, large = (Experiment("x", traffic=(0, end)) for end in (0.1, 0.5))
    before, after = small.assign(USERS), large.assign(USERS)
    was_in = np.array([v is not None for v in before])
    assert (before[was_in] == after[was_in]).all()
    assert was_in.sum() < sum(v is not None for v in after)
    assert small.assign([*USERS, "newcomer"])[:-1].tolist() == before.tolist()


def test_one_variant_in_every_process():
    code = (
        "from recsys_lab.experiment import Experiment\n"
        "print(*Experiment('x', weights=(.3, .7)).assign([*range(200), *'abc', 'Zoë']))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-X", "utf8", "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = " ".join(Experiment("x", weights=(0.3, 0.7)).assign([*range(200), *"abc", "Zoë"]))
    assert outputs == {(here + "\n").encode()}


@pytest.mark.parametrize(
    "units",
    [
        [1, 2, 3],
        ["1", "2", "3"],
        np.array([1, 2, 3]),
        pd.Series([1, 2, 3]),
        pd.Series(["1", "2", "3"]),
        iter([1, 2, 3]),
    ],
    ids=["list", "text", "array", "series", "text series", "iterator"],
)
def test_a_number_and_its_text_are_one_unit(units):
    assert Experiment("x").assign(units).tolist() == Experiment("x").assign([1, 2, 3]).tolist()
    assert bucket(np.int64(7), "x") == bucket("7", "x")


def test_a_float_is_refused_because_pandas_makes_them():
    with pytest.raises(DataError, match=r"unit 1\.0 is a float"):
        Experiment("x").assign(pd.Series([1, None]))
    with pytest.raises(DataError, match="unit True is a bool"):
        bucket(True, "x")
    with pytest.raises(DataError, match=r"units='ann': give a list of units, or ask variant\('ann'\)"):
        Experiment("x").assign("ann")
    assert Experiment("x").assign([]).tolist() == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"name": "a:b"}, "name='a:b': choose a word without a colon"),
        ({"name": ""}, "name='': choose a word"),
        ({"layer": 3}, "layer=3: choose a word"),
        ({"variants": ("a",)}, "variants=\\('a',\\): an experiment compares two or more"),
        ({"variants": ("a", "a")}, "each named once"),
        ({"variants": "ab"}, "variants='ab'"),
        ({"weights": (0.5, 0.6)}, "weights=\\(0.5, 0.6\\): give one for each of .* with sum 1"),
        ({"weights": (1.0,)}, "give one for each"),
        ({"weights": (1.2, -0.2)}, "weights=1.2: a variant's share"),
        ({"traffic": (0.5, 0.5)}, "traffic\\[1\\]=0.5"),
        ({"traffic": (-0.1, 1)}, "traffic\\[0\\]=-0.1"),
    ],
)
def test_refusals(bad, message):
    with pytest.raises(DataError, match=message):
        Experiment(**({"name": "x"} | bad))


def test_refused_together():
    a, b = Experiment("a", layer="l", traffic=(0, 0.6)), Experiment("b", layer="l", traffic=(0.5, 1))
    with pytest.raises(DataError, match=r"'a', 'b' overlap in layer 'l' \(\(0, 0\.6\) and \(0\.5, 1\)\)"):
        assign_all([1], [a, b])
    with pytest.raises(DataError, match="two experiments are called 'a'"):
        assign_all([1], [a, Experiment("a", layer="other")])
    with pytest.raises(DataError, match="salt='a:b'"):
        bucket(1, "a:b")
