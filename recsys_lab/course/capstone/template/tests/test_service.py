"""The service is started, and asked over HTTP."""

from __future__ import annotations

import json
import urllib.request

import pytest
from recsys_lab.serve.running import hosted

from myrec import model
from myrec.service import create_app


@pytest.fixture
def ask(fitted, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_SERVE_TIMEOUT_MS", "30000")  # a busy machine is slow, and that is not asked here
    path = model.save(fitted, tmp_path / "model.npz")
    with hosted(create_app(str(path), f"sqlite:///{tmp_path / 'events.db'}")) as address:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        yield lambda question: json.loads(direct.open(address + question, timeout=60).read())


def test_known_users_get_the_models_list_and_strangers_are_told_so(ask, fitted):
    known = ask("/v1/users/1/recommendations?n=5")
    assert [row["item"] for row in known["items"]] == model.recommend(fitted, [1], 5)["item"].tolist()
    assert known["fallback"] is False
    assert ask("/v1/users/10000000/recommendations")["fallback"] is True
