"""What the parity test cannot see: the selection, blocks of similarities, explanations, refusals."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_lab import knn
from recsys_lab.errors import DataError
from recsys_lab.knn import VARIANTS, ItemKNN, UserKNN
from recsys_lab.nearest import bar_and_ties
from recsys_lab.ratings import Ratings
from recsys_lab.split import random_split

MODELS = [UserKNN, ItemKNN]


@given(
    st.lists(
        st.sampled_from([0.1, 0.25, 0.25 + 2**-54, 0.5, 0.5, 0.75, 1.0]) | st.floats(1e-6, 1.0), min_size=2, max_size=60
    ),
    st.data(),
)
def test_bar_lets_exactly_k_pass(values, data):
    k = data.draw(st.integers(1, len(values) - 1))
    values = np.array(values)
    bar, ties = bar_and_ties(values, len(values), k)
    assert (values > bar).sum() + ties == k
    assert ties <= (values == bar).sum()
    assert sorted(values[values > bar].tolist() + [bar] * ties) == sorted(values)[-k:]


def test_bar_counts_only_what_is_positive():
    """The bar is sought among the bits of the numbers, where a negative one must not pass for a large one."""
    values = np.array([-0.5, 0.25, -0.0, 0.5, 0.0, 0.25, 1e-300, 0.25, -1.0])
    for k, want in [(1, [0.5]), (2, [0.5, 0.25]), (3, [0.5, 0.25, 0.25]), (4, [0.5, 0.25, 0.25, 0.25])]:
        bar, ties = bar_and_ties(values, len(values), k)
        assert sorted(values[values > bar].tolist() + [bar] * ties, reverse=True) == want


def test_each_loop_is_compiled_for_one_set_of_types():
    """Each further set costs a new process its compilation once more: here, every way into the two loops."""
    code = """
from recsys_lab import ItemKNN, UserKNN, datasets, knn, nearest, similarity
toy = datasets.toy().ratings
for model in (UserKNN, ItemKNN):
    for measure in similarity.MEASURES:
        for knn._KEEP_BYTES in (0, 2**30):
            fitted = model(2, measure=measure, shrinkage=1, min_support=1).fit(toy)
            fitted.predict(toy), fitted.recommend("ann"), fitted.recommend_for({1: 5, 2: 3}), fitted.explain("fay", 3)
print(len(similarity._compare.signatures), len(nearest.weighted_means.signatures))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["1", "1"]


def literal(train: Ratings, model, user, item) -> float:
    """The model as its file's head states it, one pair at a time, in ordinary Python."""
    dense = np.full(train.matrix.shape, np.nan)
    rows = np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr))
    dense[rows, train.matrix.indices] = train.matrix.data
    u, i = int(train.users.known([user])[0]), int(train.items.known([item])[0])
    mu, b_user, b_item = model.fallback_
    baseline = mu + b_user[:, None] + b_item[None, :]
    x, y = (u, i) if isinstance(model, UserKNN) else (i, u)
    r, b = (dense, baseline) if isinstance(model, UserKNN) else (dense.T, baseline.T)
    near = [n for n in range(len(r)) if not np.isnan(r[n, y]) and model.similarities_[x, n] > 0]
    near = sorted(near, key=lambda n: (-model.similarities_[x, n], n))[: model.k]
    s = model.similarities_[x, near]
    mean, sd = np.nanmean(r, axis=1), np.nanstd(r, axis=1)
    sd[sd == 0] = np.nanstd(r)
    if model.variant == "basic":
        return (s @ r[near, y]) / s.sum() if near else np.nan  # damping does not apply
    if model.variant == "baseline":
        deviation, offset, scale = r[near, y] - b[near, y], b[x, y], 1
    elif model.variant == "means":
        deviation, offset, scale = r[near, y] - mean[near], mean[x], 1
    else:
        deviation, offset, scale = (r[near, y] - mean[near]) / sd[near], mean[x], sd[x]
    return offset + scale * (s @ deviation) / (model.damping + s.sum()) if near else offset


@pytest.mark.parametrize("damping", [0.0, 0.7])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", MODELS)
def test_equals_the_formula(toy, model, variant, damping):
    train = Ratings.from_frame(toy.ratings, scale=toy.scale)
    fitted = model(2, measure="msd", variant=variant, shrinkage=1, damping=damping).fit(train)
    pairs = pd.MultiIndex.from_product([train.users.ids, train.items.ids], names=["user", "item"]).to_frame(index=False)
    want = np.array([literal(train, fitted, u, i) for u, i in pairs.itertuples(index=False)])
    np.testing.assert_allclose(fitted.predict(pairs, fallback=False), np.clip(want, *toy.scale), atol=1e-10)


@pytest.mark.parametrize("model", MODELS)
def test_blocks_of_similarities_change_nothing(ml100k, monkeypatch, model):
    train, test = random_split(ml100k.ratings, test=0.2, seed=3)
    history = dict(train.loc[train["user"] == 7, ["item", "rating"]].itertuples(index=False))
    kept = model().fit(train)
    monkeypatch.setattr(knn, "_KEEP_BYTES", 0)
    monkeypatch.setattr(knn, "_BLOCK_BYTES", 2**20)
    blocks = model().fit(train)
    assert blocks.similarities_ is None
    np.testing.assert_array_equal(blocks.predict(test), kept.predict(test))
    pd.testing.assert_frame_equal(blocks.recommend_for(history), kept.recommend_for(history))
    pair = test.iloc[0]
    pd.testing.assert_frame_equal(blocks.explain(pair["user"], pair["item"]), kept.explain(pair["user"], pair["item"]))
    if model is ItemKNN:
        pd.testing.assert_frame_equal(blocks.similar(50), kept.similar(50))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", MODELS)
def test_reasons_add_up_to_the_prediction(ml100k, model, variant):
    train, test = random_split(ml100k.ratings, test=0.2, seed=4)
    fitted = model(20, variant=variant).fit(train)
    x_of = fitted.train_.users if model is UserKNN else fitted.train_.items
    for user, item in test[["user", "item"]].head(20).itertuples(index=False):
        row, column = fitted.train_.users.known([user]), fitted.train_.items.known([item])
        x = x_of.known([user if model is UserKNN else item])
        offset = np.asarray(fitted._offset(x, row, column, fitted.fallback_)).sum()
        reasons = fitted.explain(user, item, n=20)
        want = np.clip(offset + reasons["weight"].sum(), 1, 5)
        assert fitted.predict(pd.DataFrame({"user": [user], "item": [item]}))[0] == pytest.approx(want)
        assert reasons["rating"].between(1, 5).all()


def test_star_wars_resembles_its_sequels(ml100k):
    """Nobody told the model what the films are: those who liked one more than expected liked the others too."""
    title = ml100k.items.set_index("item").title
    near = ItemKNN().fit(ml100k.ratings).similar(50, n=3)
    assert title[50] == "Star Wars"
    assert title[near["item"]].tolist() == ["Empire Strikes Back, The", "Return of the Jedi", "Raiders of the Lost Ark"]


def test_nobody_is_their_own_neighbour(ml100k):
    """Asked about a pair it was trained on, the model must not look the answer up."""
    train = Ratings.from_frame(ml100k.ratings)
    fitted = UserKNN(1, variant="basic", measure="msd", shrinkage=0).fit(train)
    known = ml100k.ratings.head(2_000)
    assert np.abs(fitted.predict(known) - known["rating"]).mean() > 0.3


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k=0: there are"),
        ({"k": 10_000}, "choose k from 1 to"),
        ({"k": 2, "min_k": 3}, "min_k=3: choose it from 1 to k=2"),
        ({"k": 2, "variant": "mean"}, "variant='mean': choose one of basic, means"),
        ({"k": 2, "measure": "euclid"}, "measure='euclid'"),
        ({"k": 2, "shrinkage": -5}, "shrinkage=-5"),
        ({"k": 2, "damping": -0.1}, "damping=-0.1"),
    ],
)
def test_refuses(toy, model, options, message):
    with pytest.raises(DataError, match=message):
        model(**options).fit(toy.ratings)
