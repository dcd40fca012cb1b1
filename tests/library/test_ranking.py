"""top_k against a full sort written from its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recsys_lab.errors import DataError
from recsys_lab.ranking import top_k

# Few distinct values, so that ties, also at the boundary, are the rule and not the exception; rows long enough to be
# dealt out into groups, with and without a rest, and others too short.
scores = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 30) | st.integers(60, 200)),
    elements=st.sampled_from([-1.0, -0.0, 0.0, 0.5, 2.0, np.inf, -np.inf, np.nan, -np.finfo(float).max]),
)


def by_sorting(row: np.ndarray, k: int) -> list[int]:
    choosable = [c for c in range(len(row)) if not np.isnan(row[c]) and row[c] != -np.inf]
    best = sorted(choosable, key=lambda c: (-row[c], c))[:k]
    return best + [-1] * (k - len(best))


@given(scores, st.data())
def test_equals_a_full_sort(table, data):
    k = data.draw(st.integers(1, table.shape[1]) | st.integers(1, min(3, table.shape[1])))
    assert top_k(table, k).tolist() == [by_sorting(row, k) for row in table]


@pytest.mark.parametrize("masked", [0.0, 0.1, 0.999, 1.0])
def test_equals_a_full_sort_of_long_rows(masked):
    rng = np.random.default_rng(0)
    table = np.vstack([rng.normal(size=(4, 1_682)), rng.integers(0, 40, size=(4, 1_682)), np.ones((1, 1_682))])
    table[rng.random(table.shape) < masked] = np.nan
    for k in (1, 10, 500, 1_682):
        assert top_k(table, k).tolist() == [by_sorting(row, k) for row in table]


@given(scores)
def test_does_not_change_its_input(table):
    before = table.copy()
    top_k(table, 1)
    np.testing.assert_array_equal(table, before)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, bool])
def test_takes_any_number_type(dtype):
    assert top_k(np.array([[0, 1, 1, 0]], dtype=dtype), 3).tolist() == [[1, 2, 0]]


def test_no_rows():
    assert top_k(np.empty((0, 4)), 2).shape == (0, 2)
    assert top_k(np.empty((0, 400)), 2).shape == (0, 2)


@pytest.mark.parametrize("k", [0, -1, 5])
def test_refuses_k_beyond_the_candidates(k):
    with pytest.raises(DataError, match=f"k={k}: a list takes 1 to 4"):
        top_k(np.zeros((2, 4)), k)


def test_refuses_one_dimension():
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        top_k(np.zeros(3), 1)
