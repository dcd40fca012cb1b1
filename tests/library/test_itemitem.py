"""Tables of items against items: the formulas written out, scikit-learn, and what the cut to k must keep."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity

from recsys_lab import datasets
from recsys_lab.errors import DataError
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.itemitem import WEIGHTINGS, ItemItem, RP3beta, _k_largest
from recsys_lab.ratings import Ratings
from recsys_lab.split import per_user_split

MODELS = [*(ItemItem(5, weighting=w) for w in WEIGHTINGS), ItemItem(5, weighting="bm25", k1=0.5, b=1.0), RP3beta(5)]

KINDS = [(ItemItem, {}), (ItemItem, {"weighting": "bm25"}), (RP3beta, {})]


@pytest.fixture(scope="module")
def part(ml100k) -> Ratings:
    frame = ml100k.ratings
    return Ratings.from_frame(frame[(frame["user"] <= 80) & (frame["item"] <= 120)], scale=(1, 5))


def similarities(x: np.ndarray, model: ItemItem) -> np.ndarray:
    """s_ij as ItemItem's docstring states it, from the 0/1 table x of who chose what."""
    n_users, n_items = x.shape
    n_u, n_i = x.sum(axis=1), x.sum(axis=0)
    w = np.zeros((n_items, n_users))
    for u, i in zip(*x.nonzero()):
        idf = 1.0 if model.weighting == "cosine" else math.log(n_items / (1 + n_u[u]))
        slow = model.k1 * (1 - model.b + model.b * n_i[i] / n_i.mean())
        w[i, u] = idf * (model.k1 + 1) / (1 + slow) if model.weighting == "bm25" else idf
    if model.weighting != "bm25":
        w = [row / math.sqrt(sum(row**2)) if any(row) else row for row in w]
    return np.array([[0.0 if i == j else sum(w[i] * w[j]) for i in range(n_items)] for j in range(n_items)])


def walks(x: np.ndarray, model: RP3beta) -> np.ndarray:
    """W_ji as RP3beta's docstring states it."""
    n_u, n_i = x.sum(axis=1), x.sum(axis=0)
    w = np.zeros((x.shape[1], x.shape[1]))
    for v in range(len(x)):
        for j, i in ((j, i) for j in np.flatnonzero(x[v]) for i in np.flatnonzero(x[v]) if i != j):
            w[j, i] += (1 / n_i[j]) ** model.alpha * (1 / n_u[v]) ** model.alpha / n_i[i] ** model.beta
    return w


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_equals_the_formula(part, model):
    model.fit(part)
    x = (part.positives().toarray() > 0).astype(int)
    full = (walks if isinstance(model, RP3beta) else similarities)(x, model)
    kept = model.weights_.toarray()
    np.testing.assert_allclose(kept[kept > 0], full[kept > 0], rtol=1e-10)
    want = np.sort(full, axis=0)[::-1][: model.k]  # the k largest of each column, whichever of equals they are
    np.testing.assert_allclose(np.sort(kept, axis=0)[::-1][: model.k], want, rtol=1e-10)
    assert (np.count_nonzero(kept, axis=0) <= model.k).all()
    profile = x / x.sum(axis=1, keepdims=True) ** (model.alpha if isinstance(model, RP3beta) else 0)
    np.testing.assert_allclose(model._score(np.arange(part.n_users)), profile @ kept, rtol=1e-10)


@pytest.mark.parametrize("weighting", ["cosine", "tfidf"])
def test_equals_scikit_learn(part, weighting):
    x = part.positives().toarray()
    idf = 1.0 if weighting == "cosine" else np.log(part.n_items / (1 + x.sum(axis=1, keepdims=True)))
    want = cosine_similarity((x * idf).T)
    np.fill_diagonal(want, 0.0)
    got = ItemItem(part.n_items, weighting=weighting).fit(part).weights_.toarray()
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_a_walk_is_a_product_of_three_steps_and_ends_somewhere(part):
    """alpha = 1, beta = 0, nothing cut: the chance of each end, those of coming back to the middle item left out."""
    model = RP3beta(part.n_items, alpha=1.0, beta=0.0).fit(part)
    x = part.positives().toarray()
    from_user, from_item = x / x.sum(axis=1, keepdims=True), (x / x.sum(axis=0)).T
    two = from_item @ from_user
    got = model._score(np.arange(part.n_users))
    np.testing.assert_allclose(got, from_user @ (two - np.diag(np.diag(two))), atol=1e-14)
    np.testing.assert_allclose(got.sum(axis=1) + from_user @ np.diag(two), 1.0)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_the_cut_keeps_the_k_largest_and_of_equals_the_first(n, m, k, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-1, 3, size=(n, m)), rng.integers(0, 3, size=(m, n))  # whole numbers: ties, and exact sums
    product = (a @ b) * (1 - np.eye(n, dtype=int))
    want = np.zeros((n, n))
    for i, row in enumerate(product):
        best = [j for j in sorted(range(n), key=lambda j: (-row[j], j)) if row[j] > 0][:k]
        want[i, best] = row[best]
    got = _k_largest(sparse.csr_array(a.astype(float)), sparse.csr_array(b.astype(float)), k)
    np.testing.assert_array_equal(got.toarray(), want)
    assert got.has_sorted_indices


@pytest.mark.parametrize("threshold", [None, 4.0])
@pytest.mark.parametrize(("cls", "options"), KINDS)
def test_reasons_add_up_to_the_score(part, cls, options, threshold):
    model = cls(20, threshold=threshold, **options).fit(part)
    lists = model.recommend(list(part.users.ids[:8]), n=3)
    rated = part.to_frame().set_index(["user", "item"])["rating"]
    for user, item, score in lists[["user", "item", "score"]].itertuples(index=False):
        reasons = model.explain(user, item, n=part.n_items)
        assert reasons["weight"].sum() == pytest.approx(score)
        assert (reasons["weight"] > 0).all()
        assert reasons["rating"].tolist() == [rated[user, j] for j in reasons["id"]]
        assert threshold is None or (reasons["rating"] >= threshold).all()


@pytest.mark.parametrize(("cls", "options"), KINDS)
def test_nothing_known_nothing_added(toy, cls, options):
    """An item that nobody rated scores 0; a user without a choice, known or new, has no scores and an empty list."""
    wide = Ratings.from_frame(toy.ratings, scale=toy.scale).widen(["Nobody saw this"])
    model = cls(threshold=4.0, **options).fit(wide)
    column = int(wide.items.known(["Nobody saw this"])[0])
    chose = np.diff(wide.positives(4.0).indptr) > 0
    assert (model._score(np.flatnonzero(chose))[:, column] == 0).all()
    assert np.isnan(model._score(np.flatnonzero(~chose))).all()
    assert np.isnan(model._fold_in(np.array([0, 1]), np.array([1.0, 3.5]))).all()
    frame = pd.concat(
        [toy.ratings, pd.DataFrame({"user": ["sour"], "item": toy.ratings["item"].iloc[:1], "rating": 1.0})]
    )
    model.fit(frame)
    assert model.recommend("sour").empty


def test_users_who_chose_all_items_but_one_tell_nothing_in_tfidf():
    """Their idf_u is 0: no length to divide by, and no NaN."""
    frame = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 3], "rating": 1.0})
    assert not ItemItem().fit(frame).weights_.toarray().any()


def test_thirty_thousand_items():
    """A full table would take 7 GB."""
    rng = np.random.default_rng(0)
    n_items = 30_000
    frame = pd.DataFrame(
        {"user": rng.integers(2_000, size=90_000), "item": rng.integers(n_items, size=90_000), "rating": 1}
    )
    model = RP3beta(10).fit(frame.drop_duplicates())
    assert model.weights_.shape[0] > 20_000
    assert model.weights_.count_nonzero(axis=0).max() == 10
    with pytest.raises(DataError, match=r"k=28,\d+: the neighbours of 28,\d+ items would take .* GB.*Keep fewer"):
        ItemItem(n_items).fit(frame.drop_duplicates())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ItemItem(0), "k=0: it counts the neighbours"),
        (RP3beta(2.5), "k=2.5: it counts"),
        (ItemItem(weighting="idf"), "weighting='idf': choose one of tfidf, bm25, cosine"),
        (ItemItem(k1=-1), "k1=-1: .*from 0"),
        (ItemItem(b=1.2), "b=1.2: .*from 0 to 1"),
        (RP3beta(alpha=-0.1), "alpha=-0.1: the exponent"),
        (RP3beta(beta=np.nan), "beta=nan: the exponent"),
        (RP3beta(threshold=9), "threshold=9: no rating is that high"),
    ],
)
def test_refuses(toy, model, message):
    with pytest.raises(DataError, match=message):
        model.fit(toy.ratings)
    assert not hasattr(model, "weights_")


@pytest.mark.parametrize(
    ("model", "floor"),
    [(ItemItem(), 0.28), (ItemItem(weighting="bm25"), 0.275), (ItemItem(weighting="cosine"), 0.27), (RP3beta(), 0.285)],
    ids=repr,
)
def test_ranks_well_untuned(model, floor):
    """The top-n protocol of the benchmarks, one split: nDCG@10 with the defaults."""
    liked = datasets.load("ml-100k").ratings.query("rating >= 4")
    liked = liked[liked.groupby("user")["item"].transform("size") >= 5]
    train, test = per_user_split(liked, test=0.2, seed=1)
    assert evaluate_ranking(model.fit(train), test)["ndcg@10"].mean > floor
