"""Indexes of vectors: exact equals NumPy, the others find more with more effort, and count what they compute."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from recsys_lab.errors import DataError, MissingExtraError, NotFittedError
from recsys_lab.production.ann import KINDS, VectorIndex, grow, recall

pytest.importorskip("faiss")


@pytest.fixture(scope="module")
def vectors():
    return grow(np.random.default_rng(1).normal(size=(500, 16)) * np.linspace(2, 0.3, 16), 3000, seed=2)


@pytest.fixture(scope="module")
def queries():
    return np.random.default_rng(3).normal(size=(40, 16)).astype(np.float32)


def _best(vectors, queries, k):
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


def test_exact_is_the_product_with_every_vector(vectors, queries):
    found = VectorIndex(kind="exact").build(vectors).search(queries, 7)
    best = _best(vectors, queries, 7)
    assert (found.rows == best).all()
    np.testing.assert_allclose(found.scores, np.take_along_axis(queries @ vectors.T, best, axis=1), rtol=1e-5)
    assert found.work == 40 * 3000


@pytest.mark.parametrize(
    ("kind", "little", "much", "reaches"), [("hnsw", 10, 400, 0.97), ("ivf", 1, 10_000, 1.0), ("pq", 1, 10_000, 0.6)]
)
def test_more_effort_finds_more_and_computes_more(vectors, queries, kind, little, much, reaches):
    index, best = (
        VectorIndex(kind=kind, links=16, care=40, code=16, cells=50).build(vectors),
        _best(vectors, queries, 10),
    )
    few, many = index.search(queries, 10, little), index.search(queries, 10, much)
    assert recall(few.rows, best).mean() < recall(many.rows, best).mean()
    assert recall(many.rows, best).mean() >= reaches
    assert few.work < many.work
    if kind != "pq":  # true products of the rows that were found
        rows = np.maximum(many.rows, 0)
        np.testing.assert_allclose(many.scores, np.einsum("md,mkd->mk", queries, vectors[rows]), atol=1e-3)


def test_all_cells_count_every_vector_once_and_every_centre(vectors, queries):
    index = VectorIndex(kind="ivf", cells=50).build(vectors)
    assert index.search(queries, 10, 50).work == 40 * (3000 + 50)
    assert index.search(queries, 10, 10_000).work == 40 * (3000 + 50)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_give_the_same_index(vectors, queries, kind):
    a, b = (VectorIndex(kind=kind, links=8, care=20, cells=20, code=4).build(vectors).search(queries) for _ in range(2))
    assert (a.rows == b.rows).all()
    assert a.work == b.work


def test_bytes_per_vector(vectors):
    sizes = {kind: VectorIndex(kind=kind, links=16, cells=20, code=4).build(vectors).bytes_per_vector for kind in KINDS}
    assert sizes["exact"] == pytest.approx(4 * 16, abs=1)
    assert sizes["hnsw"] == pytest.approx(4 * 17 + 2 * 16 * 4 + 20, abs=12)
    assert sizes["ivf"] == pytest.approx(4 * 16 + 8, abs=2)
    assert sizes["pq"] < 4 + 8 + 8  # code, id, and a share of the tables


def test_grow_keeps_the_shape_of_the_cloud():
    real = np.random.default_rng(0).normal(size=(400, 4)) * [3, 1, 1, 0.1] + [5, 0, 0, 0]
    grown = grow(real, 150_000, seed=0, spread=0.5)
    np.testing.assert_allclose(grown.mean(axis=0), real.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(grown.T), 1.25 * np.cov(real.T), atol=0.1)
    assert (grow(real, 10, seed=3, spread=0)[:, None] == real.astype(np.float32)).all(axis=2).any(axis=1).all()
    assert (grow(real, 10, seed=3) == grow(real, 10, seed=3)).all()


def test_recall_counts_what_is_missing():
    assert recall(np.array([[1, 2], [-1, -1]]), np.array([[2, 9], [5, 6]])).tolist() == [0.5, 0.0]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"kind": "tree"}, "choose one of exact, hnsw, ivf, pq"),
        ({"kind": "pq", "code": 5}, "must divide the 16 numbers of a vector, such as 16"),
        ({"links": 1}, "links=1"),
        ({"kind": "ivf", "cells": 5000}, "from 1 to 3,000"),
        ({"care": 0}, "care=0"),
    ],
)
def test_refusals_of_build(vectors, params, says):
    with pytest.raises(DataError, match=says):
        VectorIndex(**params).build(vectors)


def test_refusals_of_search(vectors, queries):
    with pytest.raises(NotFittedError):
        VectorIndex().search(queries)
    index = VectorIndex(kind="exact").build(vectors)
    for bad, says in (
        (queries[:, :3], "3 numbers each, the vectors 16"),
        (queries[0], "shape"),
        (queries * np.nan, "NaN"),
    ):
        with pytest.raises(DataError, match=says):
            index.search(bad)
    with pytest.raises(DataError, match="k=4000"):
        index.search(queries, 4000)
    with pytest.raises(DataError, match="effort=0"):
        VectorIndex(kind="ivf", cells=5).build(vectors).search(queries, 3, 0)


def test_without_faiss_it_names_the_command(monkeypatch, vectors):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "faiss":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"recsys-lab\[ann\]"):
        VectorIndex().build(vectors)
