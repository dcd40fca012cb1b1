"""Alternating least squares against its definition: dense matrices, one NumPy solve a row, the objective itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recsys_lab import Ratings, checks, metrics, split
from recsys_lab.als import START, BiasedALS, ImplicitALS
from recsys_lab.errors import DataError
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.halfstep import cholesky, conjugate_gradients


def literal_solve(y, c, reg, q):
    """Each row's ridge regression on q, with confidences c: the definition."""
    eye = np.eye(q.shape[1])
    return np.array(
        [np.linalg.solve(q.T @ (c_u[:, None] * q) + l_u * eye, q.T @ (c_u * y_u)) for y_u, c_u, l_u in zip(y, c, reg)]
    )


def literal_als(model, y, c, chosen):
    reg_u, reg_i = (model.reg * np.maximum(chosen.sum(axis), 1) ** model.power for axis in (1, 0))
    q = np.random.default_rng(model.seed).normal(0, START, (y.shape[1], model.factors))
    for _ in range(model.epochs):
        p = literal_solve(y, c, reg_u, q)
        q = literal_solve(y.T, c.T, reg_i, p)
    return literal_solve(y, c, reg_u, q), q


def objective(y, c, reg_u, reg_i, p, q):
    return (c * (y - p @ q.T) ** 2).sum() + (reg_u * (p**2).sum(1)).sum() + (reg_i * (q**2).sum(1)).sum()


def dense(model, train):
    """y, c and who chose what, as the table at the top of als.py has them."""
    known = sparse.csr_array((np.ones(train.n_ratings), train.matrix.indices, train.matrix.indptr), train.matrix.shape)
    if isinstance(model, BiasedALS):
        chosen = known.toarray() > 0
        mean, user, item = model.biases_
        return np.where(chosen, train.matrix.toarray() - (mean + user[:, None] + item), 0.0), chosen * 1.0, chosen
    chosen = train.positives(model.threshold).toarray() > 0
    return chosen * 1.0, 1 + model.alpha * chosen, chosen


@pytest.fixture(params=["toy", "ml-100k"])
def train(request, toy, ml100k):
    """Ratings with an item that nobody rated, which must not disturb the others."""
    frame = ml100k.ratings
    part = toy.ratings if request.param == "toy" else frame[(frame["user"] <= 80) & (frame["item"] <= 200)]
    return Ratings.from_frame(part).widen([part["item"].max() + 1])


MODELS = [
    BiasedALS(factors=5, epochs=3),
    BiasedALS(factors=5, epochs=3, power=1.0, reg=0.1, damping=0),
    ImplicitALS(factors=5, epochs=3, threshold=4),
    ImplicitALS(factors=5, epochs=3, power=0.0, alpha=0.5, reg=2),
]


# ---------------------------------------------------------------------- equal to the definition
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_the_exact_solver_is_the_definition(model, train):
    model = type(model)(**model.params() | {"solver": "exact"}).fit(train)
    p, q = literal_als(model, *dense(model, train))
    np.testing.assert_allclose(model.item_factors_, q, atol=2e-4 * abs(q).max())
    np.testing.assert_allclose(model.user_factors_, p, atol=2e-4 * abs(p).max())
    assert not model.item_factors_[-1].any(), "nothing is known of the item that nobody rated"


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_each_user_ends_with_the_exact_answer_to_the_items(model, train):
    model = type(model)(**model.params()).fit(train)
    y, c, chosen = dense(model, train)
    reg_u = model.reg * np.maximum(chosen.sum(1), 1) ** model.power
    np.testing.assert_allclose(model.user_factors_, literal_solve(y, c, reg_u, model.item_factors_), atol=1e-10)


@pytest.mark.parametrize("solver", ["cg", "exact"])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_every_epoch_lowers_the_objective(model, solver, train):
    values = []
    for epochs in (1, 2, 4, 8, 16):
        fitted = type(model)(**model.params() | {"epochs": epochs, "solver": solver}).fit(train)
        y, c, chosen = dense(fitted, train)
        reg_u, reg_i = (model.reg * np.maximum(chosen.sum(axis), 1) ** model.power for axis in (1, 0))
        values.append(objective(y, c, reg_u, reg_i, fitted.user_factors_, fitted.item_factors_))
    assert (np.diff(values) <= 1e-6 * values[0]).all()


def test_conjugate_gradients_step_as_the_textbook_does_and_reach_the_solution_in_k_steps():
    rng = np.random.default_rng(0)
    t = sparse.csr_array(rng.binomial(3, 0.4, size=(9, 12)).astype(np.float32))
    q, start = rng.normal(size=(12, 4)).astype(np.float32), rng.normal(size=(9, 4)).astype(np.float32)
    reg = rng.uniform(0.5, 2, size=9).astype(np.float32)
    for gram in (np.empty((0, 4), np.float32), q.T @ q):
        known = (t.indptr, t.indices, t.data, np.float32(1.7), gram, reg, q)
        exact, most = np.empty((9, 4), np.float32), int(np.diff(t.indptr).max())
        cholesky(*known, exact, most)
        for steps in (1, 2, 4, 50):  # from the solution on, it stays
            p = start.copy()
            conjugate_gradients(*known, p, most, steps)
            if steps <= 4:
                want = [literal_cg(t[[u]], 1.7, gram, reg[u], q, start[u], steps) for u in range(9)]
                np.testing.assert_allclose(p, want, atol=1e-4)
        np.testing.assert_allclose(p, exact, atol=1e-4)


def literal_cg(t_u, w, gram, reg, q, p, steps):
    mine = q[t_u.indices]
    a = w * mine.T @ mine + reg * np.eye(q.shape[1]) + (gram if len(gram) else 0)
    r = t_u.data @ mine - a @ p
    s = r
    for _ in range(steps):
        size = r @ r / (s @ a @ s)
        p, after = p + size * s, r - size * a @ s
        r, s = after, after + after @ after / (r @ r) * s
    return p


# ---------------------------------------------------------------------- what the models promise
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_reasons_add_up_to_the_score(model, train):
    model = type(model)(**model.params()).fit(train)
    user, item = train.users.ids[0], train.items.ids[2]
    reasons = model.explain(user, item, n=train.n_items)
    score = model._score(np.array([0]))[0, 2]
    if isinstance(model, BiasedALS):
        score -= model.biases_.at(np.array([0]), np.array([2]))[0]
    assert reasons["weight"].sum() == pytest.approx(score, abs=1e-10)
    assert (reasons["kind"] == "item").all()
    assert (reasons["rating"] >= (getattr(model, "threshold", None) or 0)).all()


def test_the_implicit_model_ranks_and_leaves_stars_to_the_biases(toy):
    model = ImplicitALS(factors=2).fit(toy.ratings)
    pairs = toy.ratings.iloc[:5]
    rows, columns = model.train_.users.rows(pairs["user"]), model.train_.items.rows(pairs["item"])
    np.testing.assert_allclose(model.predict(pairs), model.fallback_.at(rows, columns).clip(1, 5))
    assert np.isnan(model.predict(pairs, fallback=False)).all()


def test_only_choices_count_for_the_implicit_model(toy):
    """Ratings below the threshold are blanks, whatever their value, for known and for new users."""
    model = ImplicitALS(factors=2, threshold=4).fit(toy.ratings)
    other = toy.ratings.assign(rating=toy.ratings["rating"].where(toy.ratings["rating"] >= 4, 1.0))
    np.testing.assert_array_equal(ImplicitALS(factors=2, threshold=4).fit(other).item_factors_, model.item_factors_)
    liked = toy.ratings["item"].iloc[0]
    alone = model.recommend_for({liked: 5.0})
    both = model.recommend_for({liked: 5.0, toy.ratings["item"].iloc[1]: 2.0})
    assert alone.set_index("item").loc[both["item"], "score"].to_numpy() == pytest.approx(both["score"].to_numpy())
    assert (model.recommend_for({liked: 1.0})["score"] == 0).all(), "who chose nothing"


def test_constant_ratings_and_users_without_choices():
    flat = pd.DataFrame({"user": [1, 1, 2, 3], "item": [1, 2, 1, 2], "rating": [3.0, 3.0, 3.0, 3.0]})
    assert BiasedALS(factors=2).fit(Ratings.from_frame(flat, scale=(1, 5))).predict(flat) == pytest.approx(3.0)
    some = flat.assign(rating=[5.0, 5.0, 1.0, 5.0])
    model = ImplicitALS(factors=2, threshold=4).fit(some)
    assert not model.user_factors_[1].any()
    assert model.recommend(2)["score"].tolist() == [0.0]


def test_defaults_are_good_untuned(ml100k):
    ratings = ml100k.ratings
    liked = ratings[ratings["rating"] >= 4]
    train, test = split.per_user_split(liked[liked.groupby("user")["user"].transform("size") >= 5], test=0.2, seed=0)
    assert evaluate_ranking(ImplicitALS().fit(train), test)["ndcg@10"].mean > 0.31
    train, test = split.random_split(ratings, test=0.2, seed=3)
    errors = [metrics.rmse(test["rating"], BiasedALS(solver=s).fit(train).predict(test)) for s in ("cg", "exact")]
    assert max(errors) < 0.92
    assert errors[0] == pytest.approx(errors[1], abs=5e-4)


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (BiasedALS(factors=0), r"factors=0: .*from 1\."),
        (BiasedALS(epochs=1.5), r"epochs=1\.5: "),
        (BiasedALS(reg=0), r"reg=0: it pulls .* above 0, up to 1e\+12\."),
        (BiasedALS(power=1.1), r"power=1\.1: .*from 0 to 1\."),
        (BiasedALS(damping=-1), r"damping=-1: "),
        (BiasedALS(solver="lu"), r"solver='lu': choose one of cg, exact\."),
        (BiasedALS(seed=-1), r"seed=-1: "),
        (ImplicitALS(alpha=-0.5), r"alpha=-0\.5: confidence is 1 \+ alpha, and never negative; .*from 0 to 1e\+06\."),
        (ImplicitALS(reg=np.nan), r"reg=nan: "),
        (ImplicitALS(threshold=9), r"threshold=9: no rating is that high"),
    ],
    ids=repr,
)
def test_bad_parameters_are_refused(model, message, toy):
    with pytest.raises(DataError, match=message):
        model.fit(toy.ratings)


def test_too_many_factors_are_refused_before_memory_is_taken(toy):
    with pytest.raises(DataError, match=r"BiasedALS: its vectors would take .*Lower factors\."):
        BiasedALS(factors=10**7).fit(toy.ratings)
    assert checks.MEMORY_LIMIT < 2**33


@pytest.mark.parametrize("model", [BiasedALS, ImplicitALS])
@pytest.mark.parametrize("solver", ["cg", "exact"])
def test_a_strong_pull_works_and_one_too_weak_is_refused(model, solver, toy):
    assert np.isfinite(model(reg=1e12, factors=20, solver=solver).fit(toy.ratings)._score(np.arange(6))).all()
    with pytest.raises(DataError, match=r"ridge regression has no clear solution\. Raise reg=1e-300"):
        model(reg=1e-300, factors=20, solver=solver).fit(toy.ratings)


@pytest.mark.parametrize("solver", ["cg", "exact"])
def test_numbers_beyond_all_bounds_are_refused(solver, toy):
    huge = toy.ratings.assign(rating=toy.ratings["rating"] * 1e36)
    with pytest.raises(DataError, match=r"BiasedALS.*Raise reg=1\.3, or bring the ratings to a smaller scale"):
        BiasedALS(solver=solver).fit(huge)
