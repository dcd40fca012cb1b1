"""SparkALS keeps every promise of tests/library/test_contract.py, with one Spark session for all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason="pip install 'recsys-lab[spark]'")
sys.path.append(str(Path(__file__).parents[1] / "library"))

import test_contract
from test_contract import *  # noqa: F403

from recsys_lab.production.spark import session

test_contract.RMSE_BANDS["spark-als"] = (0.91, 0.93)
test_contract.SMALL_OF["spark-als"] = {"factors": 2, "epochs": 1, "blocks": 1}


@pytest.fixture(scope="module", params=["spark-als"])
def name(request):
    return request.param


@pytest.fixture(scope="module", autouse=True)
def spark():
    with session() as started:
        yield started
