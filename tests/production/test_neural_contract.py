"""What every model promises (tests/library/test_contract.py), promised by the neural ones too."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from recsys_lab.ratings import Ratings

pytest.importorskip("torch", reason="pip install 'recsys-lab[neural]'")

_SPEC = importlib.util.spec_from_file_location(
    "neural_contract", Path(__file__).parents[1] / "library" / "test_contract.py"
)
contract = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(contract)
# All but the RMSE, which is that of the averages they fall back to, and takes a fit on the whole of ml-100k.
globals().update({k: v for k, v in vars(contract).items() if k.startswith("test_") and "rmse" not in k})
fitted, ml = contract.fitted, contract.ml

contract.SMALL_OF |= {
    "neumf": {"hidden": 4, "epochs": 2},
    "two-tower": {"hidden": 4, "epochs": 2},
    "sasrec": {"length": 6, "epochs": 2},
}
contract.CANNOT_FOLD_IN |= {"neumf"}
contract.CANNOT_EXPLAIN |= {"neumf", "two-tower", "sasrec"}
_new = contract.new


def _with_times(name, **small):
    """A SASRec that takes a Ratings too, as if everybody had rated in the order of the items."""
    model = _new(name, **small)
    if model.needs_times:
        model.fit = lambda ratings: type(model).fit(
            model,
            ratings.to_frame().assign(timestamp=range(ratings.n_ratings)) if isinstance(ratings, Ratings) else ratings,
        )
    return model


contract.new = _with_times


@pytest.fixture(scope="module", params=["neumf", "two-tower", "sasrec"])
def name(request):
    return request.param


@pytest.fixture(scope="module", params=["toy", "ml-100k"])
def ratings(request):
    """As there, each user's ratings in the order of time: a history that is copied without its times stays in order."""
    if request.param == "toy":
        frame = contract.datasets.toy().ratings
    else:
        ml = request.getfixturevalue("ml")
        frame = ml[(ml["user"] <= 60) & (ml["item"] <= 300)]
    return frame.sort_values(["user", "timestamp", "item"], ignore_index=True)
