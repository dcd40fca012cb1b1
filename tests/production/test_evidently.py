"""Evidently, where it has the same method: equal numbers. And what its verdicts are worth beside ours."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from histories import BEFORE, World
from scipy.stats import ks_2samp

from recsys_lab.errors import MissingExtraError
from recsys_lab.production import drift
from recsys_lab.production.evidently_page import columns, evidently_report
from recsys_lab.simulate import DAY, START

SPANS = (START, START + BEFORE * DAY), (START + BEFORE * DAY, START + (BEFORE + 7) * DAY)


@pytest.fixture(scope="module")
def world():
    return World()


def test_psi_and_jensen_shannon_equal_evidently():
    psi = pytest.importorskip("evidently.legacy.calculations.stattests.psi")
    js = pytest.importorskip("evidently.legacy.calculations.stattests.jensenshannon")
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(1)
    laws = ((500, [0.2] * 5), (300, [0.4, 0.3, 0.1, 0.1, 0.1]))
    a, b = (pd.Series(rng.choice(list("abcde"), n, p=p)) for n, p in laws)
    counts = [s.value_counts().reindex(list("abcde")).to_numpy() for s in (a, b)]
    assert drift.psi(*counts, smoothing=0) == pytest.approx(psi._psi(a, b, ColumnType.Categorical, 0.1)[0], rel=1e-12)
    theirs = js._jensenshannon(a, b, ColumnType.Categorical, 0.1, base=2)[0]
    assert drift.jensen_shannon(*counts) == pytest.approx(theirs, rel=1e-12)


def drifted(snapshot):
    """The columns that Evidently calls drifted: a p-value below its limit, or a distance from its limit on."""
    found = {}
    for metric in snapshot.dict()["metrics"]:
        if (config := metric["config"])["type"].endswith("ValueDrift"):
            below = "p_value" in config["method"] or config["method"] == "ks"
            limit, value = config["threshold"], float(metric["value"])
            found[config["column"]] = value < limit if below else value >= limit
    return {name for name, yes in found.items() if yes}


def test_fixed_limits_are_silent_where_we_find_the_change(world, tmp_path):
    """One list in ten is a fallback that nobody reports. Evidently by its own choice of methods says nothing."""
    pytest.importorskip("evidently")
    events = world.history(7, change="silent", share=0.1)
    snapshot = evidently_report(events, world.train, *SPANS)
    assert drifted(snapshot) == set()
    assert {"popularity shown"} <= {check.name for check in world.report(events).alerts}
    snapshot.save_html(str(tmp_path / "evidently.html"))
    assert (tmp_path / "evidently.html").stat().st_size > 10**6


def test_tests_of_rows_cry_wolf(world):
    """The KS test that Evidently runs on smaller tables, on rows as if each were a person: nothing changes, and it
    alarms far oftener than at its 5 %."""
    wolf = 0
    for i in range(60):
        before, now = columns(world.history(30_000 + i), world.train, *SPANS)
        rows = [part.loc[part["kind"] == "impression", "training ratings"] for part in (before, now)]
        wolf += ks_2samp(*rows, method="asymp").pvalue < 0.05
    assert wolf >= 6, wolf


def test_evidently_is_asked_for_when_it_is_missing(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recsys-lab\[phase3\]'"):
        evidently_report(world.history(1), world.train, *SPANS)
