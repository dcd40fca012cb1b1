"""A good candidate is published once, a bad one never."""

from __future__ import annotations

from recsys_lab.baselines import Random
from recsys_lab.production.shelf import Shelf

from myrec import data, model, pipeline


def test_the_gate(tmp_path, monkeypatch):
    published, checks = pipeline.run(tmp_path)
    assert published, checks
    assert pipeline.run(tmp_path)[0] is False

    monkeypatch.setattr(model, "train", lambda rows: Random().fit(data.ratings(rows)))
    published, checks = pipeline.run(tmp_path)
    assert not published, checks
    assert len(Shelf(tmp_path).history()) == 1
