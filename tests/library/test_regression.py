"""The from-scratch models of phase 1: equal to scikit-learn, exact where a hand can compute, and picky about input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model, neighbors
from sklearn.preprocessing import StandardScaler

from recsys_lab.errors import DataError, NotFittedError, UnsupportedError
from recsys_lab.regression import (
    GradientDescent,
    KNNClassifier,
    KNNRegressor,
    LinearRegression,
    Ridge,
    Standardizer,
    largest_rate,
)


def table(n=200, d=6, seed=0):
    """Features of very different sizes and levels, two of them alike, and a noisy target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * 10.0 ** (np.arange(d) / 2 - 1) + rng.normal(size=d) * 5
    X[:, 1] = X[:, 0] + rng.normal(scale=0.01, size=n)
    return X, X @ rng.normal(size=d) + rng.normal(size=n) + 3


def assert_equal_models(ours, theirs, X):
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8, atol=1e-8)


# ------------------------------------------------------------------ parity with scikit-learn
@pytest.mark.parametrize("seed", range(5))
def test_least_squares_equals_scikit_learn(seed):
    X, y = table(seed=seed)
    assert_equal_models(LinearRegression().fit(X, y), linear_model.LinearRegression().fit(X, y), X)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 12), (40, 3)])
def test_least_squares_equals_scikit_learn_where_many_solutions_exist(n, d):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(n, d)), rng.normal(size=n)
    X = np.column_stack([X, X[:, 0], np.ones(n)])  # a twin and a constant: X' X has no inverse
    assert_equal_models(LinearRegression().fit(X, y), linear_model.LinearRegression().fit(X, y), X)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 20.0, 1e5])
@pytest.mark.parametrize("n", [4, 200])
def test_ridge_equals_scikit_learn(alpha, n):
    X, y = table(n=n)
    assert_equal_models(Ridge(alpha=alpha).fit(X, y), linear_model.Ridge(alpha=alpha, solver="svd").fit(X, y), X)


def test_ridge_without_penalty_is_least_squares_and_with_a_huge_one_the_mean():
    X, y = table()
    np.testing.assert_allclose(Ridge(alpha=0).fit(X, y).coef_, LinearRegression().fit(X, y).coef_, rtol=1e-8)
    np.testing.assert_allclose(Ridge(alpha=1e18).fit(X, y).predict(X), y.mean(), atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_standardizer_equals_scikit_learn(seed):
    X = np.column_stack([table(seed=seed)[0], np.full(200, 0.1)])
    theirs = StandardScaler().fit(X)
    ours = Standardizer().fit(X)
    np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=1e-12)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-8)


# ------------------------------------------------------------------ gradient descent
@pytest.mark.parametrize("batch_size", [None, 50])
@pytest.mark.parametrize("alpha", [0.0, 30.0])
def test_gradient_descent_arrives_at_the_exact_minimum(batch_size, alpha):
    raw, y = table()
    raw = np.delete(raw, 1, axis=1)  # with the twin, the bowl is so long that thousands of steps are not enough
    X = Standardizer().fit(raw).transform(raw)
    exact = Ridge(alpha=alpha).fit(X, y)
    model = GradientDescent(
        learning_rate=0.3, epochs=3000, batch_size=batch_size, decay=0.0 if batch_size is None else 0.1, alpha=alpha
    )
    model.fit(X, y)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-9 if batch_size is None else 0.02)
    np.testing.assert_allclose(model.intercept_, exact.intercept_, atol=1e-9 if batch_size is None else 0.02)


def test_one_batch_step_by_hand():
    # Errors from 0 are -2 and -4; the mean of e x is (-2 * 1 - 4 * 3) / 2 = -7, the mean of e is -3.
    model = GradientDescent(learning_rate=0.1, epochs=1).fit([[1], [3]], [2, 4])
    assert model.coef_ == pytest.approx([0.7])
    assert model.intercept_ == pytest.approx(0.3)
    assert model.loss_[0] == pytest.approx((4 + 16) / 4)
    np.testing.assert_allclose(model.path_, [[0, 0], [0.7, 0.3]])


def test_a_batch_as_large_as_the_data_is_batch_descent():
    X, y = Standardizer().fit(table()[0]).transform(table()[0]), table()[1]
    one, other = (GradientDescent(epochs=20, batch_size=size).fit(X, y) for size in (None, len(y)))
    np.testing.assert_array_equal(one.path_, other.path_)


def test_stochastic_descent_follows_its_seed():
    X, y = Standardizer().fit(table()[0]).transform(table()[0]), table()[1]
    runs = [GradientDescent(learning_rate=0.01, epochs=3, batch_size=1, seed=s).fit(X, y).path_ for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.allclose(runs[0], runs[2])


def test_the_largest_rate_is_where_convergence_ends():
    X, y = Standardizer().fit(table()[0]).transform(table()[0]), table()[1]
    limit = largest_rate(X)
    below = GradientDescent(learning_rate=0.99 * limit, epochs=400).fit(X, y)
    assert (np.diff(below.loss_) <= 1e-12).all()
    with pytest.raises(DataError, match=r"diverged.*Standardize"):
        GradientDescent(learning_rate=1.01 * limit, epochs=400).fit(X, y)


def test_a_diverging_fit_leaves_the_model_as_it_was():
    model = GradientDescent(learning_rate=0.3, epochs=5).fit([[1], [2], [3]], [3, 5, 7])
    before = model.coef_.copy()
    model.learning_rate = 1e6
    with pytest.raises(DataError, match="diverged"):
        model.fit([[1], [2], [3]], [3, 5, 7])
    np.testing.assert_array_equal(model.coef_, before)


# ------------------------------------------------------------------ k-nearest neighbours
def by_hand(Q, X, k):
    """The literal twin of `neighbours`: one query at a time, every distance, sorted by (distance, row)."""
    found = []
    for q in Q:
        distances = [float(np.sqrt(sum((a - b) ** 2 for a, b in zip(q, x)))) for x in X]
        found.append(sorted(zip(distances, range(len(X))))[:k])
    return np.array(found).transpose(2, 0, 1)


@pytest.mark.parametrize("k", [1, 7, 200])
@pytest.mark.parametrize("d", [1, 6])
def test_neighbours_equal_scikit_learn(k, d):
    X, y = table(d=max(d, 2))
    X, Q = X[:, :d], table(n=40, d=max(d, 2), seed=9)[0][:, :d]
    ours, theirs = KNNRegressor(k=k).fit(X, y), neighbors.KNeighborsRegressor(k, algorithm="kd_tree").fit(X, y)
    np.testing.assert_allclose(ours.neighbours(Q)[0], theirs.kneighbors(Q)[0], rtol=1e-10)
    np.testing.assert_array_equal(ours.neighbours(Q)[1], theirs.kneighbors(Q)[1])
    np.testing.assert_allclose(ours.predict(Q), theirs.predict(Q), rtol=1e-10)
    likes = np.where(y > np.median(y), "like", "no")
    ours, theirs = (
        KNNClassifier(k=k).fit(X, likes),
        neighbors.KNeighborsClassifier(k, algorithm="kd_tree").fit(X, likes),
    )
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))


@pytest.mark.parametrize("k", [1, 3, 30])
def test_of_rows_equally_near_the_earlier_comes_first(k):
    rng = np.random.default_rng(2)
    X, Q = rng.integers(0, 2, size=(30, 3)), rng.integers(0, 2, size=(9, 3))  # 8 points for 30 rows
    distances, rows = KNNRegressor(k=k).fit(X, X[:, 0]).neighbours(Q)
    np.testing.assert_array_equal((distances, rows), by_hand(Q, X, k))
    np.testing.assert_array_equal(distances, neighbors.NearestNeighbors(n_neighbors=k).fit(X).kneighbors(Q)[0])


def test_an_answer_does_not_depend_on_the_block_it_is_computed_in(monkeypatch):
    X, y = table()
    whole = KNNRegressor(k=3).fit(X, y).predict(X)
    monkeypatch.setattr("recsys_lab.regression._BLOCK", 700)  # blocks of three queries
    np.testing.assert_array_equal(KNNRegressor(k=3).fit(X, y).predict(X), whole)
    np.testing.assert_array_equal([KNNRegressor(k=3).fit(X, y).predict(row[None])[0] for row in X], whole)


def test_large_numbers_with_small_differences_are_told_apart():
    seconds = 880_000_000.0 + np.arange(50)[:, None]  # |q|^2 + |x|^2 - 2 q x is off by hundreds here
    np.testing.assert_array_equal(KNNRegressor(k=1).fit(seconds, np.arange(50)).predict(seconds), np.arange(50))


def test_one_neighbour_repeats_and_all_neighbours_average():
    X, y = table()
    np.testing.assert_array_equal(KNNRegressor(k=1).fit(X, y).predict(X), y)
    np.testing.assert_allclose(KNNRegressor(k=len(y)).fit(X, y).predict(X), y.mean())


def test_classes_of_any_type_and_a_tied_vote():
    X, y = [[0.0], [1.0], [5.0], [6.0]], [True, False, False, True]
    model = KNNClassifier(k=2).fit(X, y)
    assert model.classes_.tolist() == [False, True]
    assert model.predict([[0.4]]).tolist() == [False]  # one vote each: the first class
    assert KNNClassifier(k=4).fit(X, [7, 7, 9, 7]).predict_proba([[2.0]]).tolist() == [[0.75, 0.25]]


def test_k_may_be_changed_after_the_fit_and_the_data_may_not():
    frame = pd.DataFrame({"a": [1.0, 2.0, 9.0]})
    y = np.array([3.0, 5.0, 7.0])
    model = KNNRegressor(k=1).fit(frame, y)
    y[:] = 0
    frame.loc[:, "a"] = 0.0
    assert model.predict(pd.DataFrame({"a": [8.0]})).tolist() == [7.0]
    model.k = 3
    assert model.predict(pd.DataFrame({"a": [8.0]})).tolist() == [5.0]
    model.k = 4
    with pytest.raises(DataError, match="only 3 training rows"):
        model.predict(frame)


def test_missing_classes_are_refused():
    with pytest.raises(DataError, match="missing classes"):
        KNNClassifier(k=1).fit([[1], [2]], ["a", None])
    with pytest.raises(DataError, match="X has 2 rows and y 3"):
        KNNClassifier(k=1).fit([[1], [2]], ["a", "b", "b"])


# ------------------------------------------------------------------ bad input
MODELS = [LinearRegression(), Ridge(), GradientDescent(learning_rate=0.01), KNNRegressor(k=1)]


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ([1, 2, 3], [1, 2, 3], "x\\[:, None\\]"),
        ([[1], [2]], [1, 2, 3], "X has 2 rows and y 3"),
        ([[1], [2]], [[1], [2]], "y has the shape \\(2, 1\\)"),
        ([[1], [np.nan]], [1, 2], "nan in 'column 0', row 1"),
        ([[1], [2]], [1, np.inf], "inf in 'y', row 1"),
        (pd.DataFrame({"age": [1, None]}, dtype="Int64"), [1, 2], "nan in 'age', row 1"),
        (pd.DataFrame({"age": [1, 2], "job": ["x", "y"]}), [1, 2], "not numbers: 'job'"),
        ([["1"], ["2"]], [1, 2], "not a number"),
        ([[1j], [2j]], [1, 2], "not a number"),
        (np.empty((0, 2)), [], "nothing to learn"),
        (np.empty((2, 0)), [1, 2], "0 features"),
    ],
)
def test_bad_input_is_refused(model, X, y, says):
    with pytest.raises(DataError, match=says):
        model.fit(X, y)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_prediction_asks_for_the_features_of_the_fit(model):
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [0.0, 1, 0]})
    model.fit(frame, [1, 2, 3])
    assert model.predict(frame).shape == (3,)
    with pytest.raises(DataError, match="feature 0 is 'b', but it was 'a'"):
        model.predict(frame[["b", "a"]])
    with pytest.raises(DataError, match="1 features; the fit saw 2"):
        model.predict(frame[["a"]])


def test_sparse_tables_are_named_as_such():
    from scipy import sparse

    with pytest.raises(UnsupportedError, match="toarray"):
        LinearRegression().fit(sparse.eye_array(3), [1, 2, 3])


@pytest.mark.parametrize(
    "unfitted", [LinearRegression(), Ridge(), GradientDescent(), KNNRegressor(), KNNClassifier()], ids=repr
)
def test_not_fitted(unfitted):
    with pytest.raises(NotFittedError, match="call fit"):
        unfitted.predict([[1]])
    with pytest.raises(NotFittedError, match="training part"):
        Standardizer().transform([[1]])


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Ridge(alpha=-1), "alpha=-1"),
        (Ridge(alpha=np.nan), "alpha=nan"),
        (GradientDescent(learning_rate=0), "learning_rate=0"),
        (GradientDescent(epochs=0), "epochs=0"),
        (GradientDescent(epochs=1.5), "whole number"),
        (GradientDescent(batch_size=0), "batch_size=0"),
        (GradientDescent(decay=-0.1), "decay=-0.1"),
        (GradientDescent(alpha=-2), "alpha=-2"),
        (KNNRegressor(k=0), "k=0"),
        (KNNRegressor(k=1.5), "whole number"),
        (KNNClassifier(k=3), "only 2 training rows"),
    ],
)
def test_bad_parameters_are_refused(model, says):
    with pytest.raises(DataError, match=says):
        model.fit([[1], [2]], [1, 2])


def test_the_input_is_not_changed():
    X, y = table()
    X.flags.writeable = y.flags.writeable = False
    for model in (
        LinearRegression(),
        Ridge(),
        GradientDescent(learning_rate=1e-9, epochs=2, batch_size=7),
        KNNRegressor(),
    ):
        model.fit(X, y).predict(X)
    frame = pd.DataFrame({"a": [1, 2, 4]}, index=list("xyz"))
    z = Standardizer().fit(frame).transform(frame)
    assert list(z.index) == list("xyz")
    assert frame["a"].tolist() == [1, 2, 4]
