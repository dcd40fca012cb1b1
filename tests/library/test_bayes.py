"""The sampler draws what the formulas say; features are of the training part only; the spread is honest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats

from recsys_lab import bayes, gibbs, split
from recsys_lab.baselines import BiasBaseline
from recsys_lab.bayes import BayesianMF
from recsys_lab.errors import DataError
from recsys_lab.gibbs import Side
from recsys_lab.metrics import rmse
from recsys_lab.ratings import Ratings

LEARNED = ("users_", "items_", "item_noise_", "noise_", "prior_mean_", "prior_precision_", "implicit_")
SHORT = {"factors": 8, "sweeps": 60, "burn_in": 20, "samples": 20}


@pytest.fixture(scope="module")
def fold(ml100k):
    """train and test frames."""
    return split.random_split(ml100k.ratings, test=0.2, seed=3)


@pytest.fixture(scope="module")
def fitted(fold):
    return BayesianMF(**SHORT).fit(Ratings.from_frame(fold[0], scale=(1, 5)))


def small(rng, n=6, n_other=8, n_factors=2, known=0.6):
    """A Side with random numbers in it, and who knows what."""
    seen = rng.random((n, n_other)) < known
    seen[np.arange(n), np.arange(n) % n_other] = True
    v, y = rng.normal(size=(n_factors, n)), rng.normal(size=(n_factors, n_other))
    mu, lam, lam_y = rng.normal(size=n_factors), rng.gamma(3, size=n_factors), rng.gamma(3, size=n_factors)
    x = seen.sum(axis=1) ** -0.5
    m = mu[:, None] + x * (y @ seen.T)
    return Side(v, m, y, x, rng.gamma(3, size=n), mu, lam, lam_y), seen


def lists(pattern):
    return gibbs._unsigned(sparse.csr_array(pattern.astype(float)))


def scaled(train):
    data = (train.matrix.data - train.mean) / train.matrix.data.std()
    return sparse.csr_array((data, train.matrix.indices, train.matrix.indptr), shape=train.matrix.shape)


def average(train, seen, users, items):
    """Predictions of these pairs: the mean of p . q as drawn, over SHORT's sweeps after the burn-in."""
    states = gibbs.chain(scaled(train), seen, SHORT["factors"], True, np.random.default_rng(0))
    kept = list(range(SHORT["burn_in"], SHORT["sweeps"]))
    total = sum(
        np.einsum("fn,fn->n", user.v[:, users], item.v[:, items]) * (number in kept)
        for number, (user, item, _) in zip(range(SHORT["sweeps"]), states)
    )
    return train.mean + train.matrix.data.std() * total / len(kept)


# ---------------------------------------------------------------------- the sampler
def literal_draw(rng, f, side, h, g, seen):
    v, y, lam = side.v[f], side.y[f], side.lam[f]
    for j in range(len(y)):
        y[j] = 0.0
        precision, total = side.lam_y[f], 0.0
        for u in np.flatnonzero(seen[:, j]):  # y_j as v_u = g / h sees it, through the variances of both
            m = side.mu[f] + side.x[u] * (seen[u] @ y)
            variance = 1 / h[u] + 1 / lam
            precision += side.x[u] ** 2 / variance
            total += side.x[u] * (g[u] / h[u] - m) / variance
        y[j] = total / precision + rng.standard_normal() / np.sqrt(precision)
    for u in range(len(v)):
        m = side.mu[f] + side.x[u] * (seen[u] @ y)
        v[u] = (g[u] + lam * m) / (h[u] + lam) + rng.standard_normal() / np.sqrt(h[u] + lam)


def test_one_factor_is_drawn_as_the_literal_twin_draws_it():
    rng = np.random.default_rng(0)
    side, seen = small(rng)
    twin = Side(*(array.copy() for array in side))
    h, g = rng.gamma(2, size=6), rng.normal(size=6)
    before = side.v[1].copy()
    moved = gibbs.draw(np.random.default_rng(5), 1, side, h, g, *lists(seen.T), True)
    literal_draw(np.random.default_rng(5), 1, twin, h, g, seen)
    np.testing.assert_allclose(side.v, twin.v, atol=1e-12)
    np.testing.assert_allclose(side.y, twin.y, atol=1e-12)
    np.testing.assert_allclose(side.m[1], side.mu[1] + side.x * (seen @ side.y[1]), atol=1e-12)
    np.testing.assert_allclose(before + moved, side.v[1], atol=1e-12)
    y, v = side.y.copy(), side.v.copy()
    gibbs.draw(np.random.default_rng(6), 1, side, h, g, *lists(seen.T), False)
    np.testing.assert_array_equal(side.y, y, "implicit=False leaves y alone")
    assert (side.v[1] != v[1]).all()


@pytest.mark.parametrize("implicit", [True, False])
def test_the_averages_over_sweeps_are_the_exact_posterior(implicit):
    """With biases only (F = 2) and the priors held fast all is Gaussian, and the posterior is one linear solve."""
    rng = np.random.default_rng(1)
    user, seen = small(rng, 6, 8)
    item, _ = small(rng, 8, 6)
    user.v[0], item.v[1] = 1.0, 1.0
    if not implicit:
        user.y[:], item.y[:] = 0.0, 0.0
    item.x[:] = np.maximum(seen.sum(axis=0), 1) ** -0.5
    user.m[:], item.m[:] = (s.mu[:, None] + s.x * (s.y @ k.T) for s, k in ((user, seen), (item, seen.T)))
    at, of = np.nonzero(seen)
    ratings = rng.normal(size=len(at))

    # Unknowns: b_u, y_j, b_i, z_v. Rows of one weighted regression: the ratings, then each prior.
    one = {n: np.eye(n) for n in (6, 8)}
    nil = np.zeros
    shrink_y, shrink_z = (s.lam_y[f] if implicit else 1e12 for s, f in ((user, 1), (item, 0)))
    rows = [
        (np.hstack([one[6][at], nil((len(at), 8)), one[8][of], nil((len(at), 6))]), ratings, user.w[at] * item.w[of]),
        (np.hstack([one[6], -user.x[:, None] * seen, nil((6, 14))]), np.full(6, user.mu[1]), np.full(6, user.lam[1])),
        (np.hstack([nil((8, 6)), one[8], nil((8, 14))]), nil(8), np.full(8, shrink_y)),
        (np.hstack([nil((8, 14)), one[8], -item.x[:, None] * seen.T]), np.full(8, item.mu[0]), np.full(8, item.lam[0])),
        (np.hstack([nil((6, 22)), one[6]]), nil(6), np.full(6, shrink_z)),
    ]
    design, target, weight = (np.concatenate(part) for part in zip(*rows))
    covariance = np.linalg.inv(design.T @ (design * weight[:, None]))
    mean = covariance @ (design.T @ (weight * target))

    e = ratings - user.v[1][at] - item.v[0][of]
    shape, pattern, drawn = lists(seen), lists(seen.T), []
    for _ in range(20_000):
        gibbs.sweep(rng, e, *shape, *shape, *pattern, user, item, implicit)
        drawn.append(np.concatenate([user.v[1], user.y[1], item.v[0], item.y[0]]))
    drawn = np.array(drawn[100:])
    np.testing.assert_allclose(e, ratings - user.v[1][at] - item.v[0][of], atol=1e-9)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(drawn.mean(axis=0) - mean) < 0.12 * sd + 1e-5).all()
    np.testing.assert_allclose(drawn.std(axis=0)[sd > 1e-3], sd[sd > 1e-3], rtol=0.08)


def test_drawing_the_priors_leaves_their_distribution_as_it_was():
    """Unknowns from the prior, data from the unknowns, unknowns given the data: again the prior (Geweke 2004)."""
    rng, n = np.random.default_rng(2), 4000  # one factor each
    side, seen = small(rng, n_factors=n)
    side.lam[:], side.lam_y[:] = rng.gamma(1.0, size=(2, n))
    side.mu[:] = rng.normal(size=n) / np.sqrt(side.lam)
    side.y[:] = rng.normal(size=side.y.shape) / np.sqrt(side.lam_y)[:, None]
    side.m[:] = side.mu[:, None] + side.x * (side.y @ seen.T)
    side.v[:] = side.m + rng.normal(size=side.v.shape) / np.sqrt(side.lam)[:, None]
    before = side.lam.copy()
    gibbs.draw_priors(rng, side, True)
    assert np.abs(side.lam - before).min() > 0
    np.testing.assert_allclose(side.m, side.mu[:, None] + side.x * (side.y @ seen.T), atol=1e-7)
    assert stats.kstest(side.lam, stats.gamma(1).cdf).pvalue > 0.01
    assert stats.kstest(side.lam_y, stats.gamma(1).cdf).pvalue > 0.01
    assert stats.kstest(side.mu * np.sqrt(side.lam), stats.norm.cdf).pvalue > 0.01


def test_drawing_the_noise_leaves_its_distribution_as_it_was():
    rng = np.random.default_rng(3)
    user, seen = small(rng, 6, 8)
    item, _ = small(rng, 8, 6)
    users, items = np.nonzero(seen)
    drawn = []
    for _ in range(3000):
        s2 = rng.gamma(1.0)
        user.w[:] = rng.gamma(gibbs.NU_USER / 2, size=6) / (s2 * gibbs.NU_USER / 2)
        item.w[:] = rng.gamma(gibbs.NU_ITEM / 2, size=8) / (gibbs.NU_ITEM / 2)
        e = rng.normal(size=len(users)) / np.sqrt(user.w[users] * item.w[items])
        s2 = gibbs.draw_noise(rng, e, users, items, user, item, s2)
        drawn.append((s2, user.w[0] * s2 * gibbs.NU_USER / 2, item.w[0] * gibbs.NU_ITEM / 2))
    for values, shape in zip(np.transpose(drawn), (1, gibbs.NU_USER / 2, gibbs.NU_ITEM / 2)):
        assert stats.kstest(values, stats.gamma(shape).cdf).pvalue > 0.01


def test_the_seed_makes_the_draws(toy):
    one, again, other = (BayesianMF(**SHORT, seed=seed).fit(toy.ratings) for seed in (1, 1, 2))
    assert all(getattr(one, a).tobytes() == getattr(again, a).tobytes() for a in LEARNED)
    assert not np.array_equal(one.items_, other.items_)


# ---------------------------------------------------------------------- features of the training part only
def test_what_the_test_part_holds_cannot_matter(fold, monkeypatch):
    train, test = fold
    given = []
    chain = bayes.chain
    monkeypatch.setattr(bayes, "chain", lambda ratings, seen, *rest: given.append(seen) or chain(ratings, seen, *rest))
    small_train, small_test = train[train["user"] <= 100], test[test["user"] <= 100]
    tampered = small_test.assign(rating=6 - small_test["rating"]).iloc[::3]
    models = []
    for held_out in (small_test, tampered):
        model = BayesianMF(factors=4, sweeps=10, burn_in=5, samples=5).fit(
            Ratings.from_frame(small_train, scale=(1, 5))
        )
        model.predict(held_out)
        models.append(model)
    assert all(getattr(models[0], a).tobytes() == getattr(models[1], a).tobytes() for a in LEARNED)
    asked = small_test.drop(columns="rating")
    assert models[0].predict(asked).tobytes() == models[1].predict(asked).tobytes()
    matrix = models[0].train_.matrix
    for seen in given:  # N(u) and N(i) are those of the training ratings, entry by entry
        assert np.array_equal(seen.indices, matrix.indices)
        assert np.array_equal(seen.indptr, matrix.indptr)


def test_features_with_the_test_part_in_them_would_show(ml100k):
    """The mistake that the test above guards against, made on purpose. With 4 of 5 ratings held out it flatters RMSE by
    .026; with 1 of 5, by .002, which is why nobody would notice it in a usual evaluation."""
    frame, test = split.random_split(ml100k.ratings, test=0.8, seed=3)
    train = Ratings.from_frame(frame)
    users, items = train.users.rows(test["user"]), train.items.rows(test["item"])
    both = (users >= 0) & (items >= 0)
    users, items, truth = users[both], items[both], test["rating"].to_numpy()[both]
    ratings = scaled(train)
    hidden = sparse.csr_array((np.ones(len(users)), (users, items)), shape=ratings.shape)
    leaky = sparse.csr_array(train.matrix + hidden)
    assert leaky.nnz == train.n_ratings + len(users)
    clean, flattered = (rmse(truth, average(train, seen, users, items)) for seen in (ratings, leaky))
    assert flattered < clean - 0.015


# ---------------------------------------------------------------------- the average over samples
def literal_posterior(model, columns, values):
    vectors = []
    for s in range(model.samples):
        q, lam, x = model.items_[columns, s, 1:].astype(float), model.prior_precision_[s], len(columns) ** -0.5
        m = model.prior_mean_[s] + x * model.implicit_[columns, s].astype(float).sum(axis=0)
        d = (values - model.mean_) / model.sd_ - model.items_[columns, s, 0]
        w, w_items = 1 / model.noise_[s], model.item_noise_[columns, s].astype(float)
        for _ in range(2):
            v = np.linalg.inv(np.diag(lam) + w * sum(wj * np.outer(qj, qj) for wj, qj in zip(w_items, q)))
            p = v @ (lam * m + w * sum(wj * qj * dj for wj, qj, dj in zip(w_items, q, d)))
            squares = sum(wj * ((dj - qj @ p) ** 2 + qj @ v @ qj) for wj, qj, dj in zip(w_items, q, d))
            w = (gibbs.NU_USER + len(d)) / (gibbs.NU_USER * model.noise_[s] + squares)
        vectors.append([1.0, *p])
    return np.array(vectors)


def test_a_user_is_the_ridge_regression_of_each_sample(fitted):
    for row in (0, 5, 700):
        want = literal_posterior(fitted, *fitted.train_.of(row))
        np.testing.assert_allclose(fitted.users_[row], want, rtol=1e-5, atol=1e-6)
    scores = np.einsum("sf,isf->i", fitted.users_[5].astype(float), fitted.items_.astype(float)) / fitted.samples
    np.testing.assert_allclose(fitted._score(np.array([5]))[0], fitted.mean_ + fitted.sd_ * scores, rtol=1e-12)


def test_expected_users_predict_what_drawn_users_predict_on_average(fold, fitted):
    train, test = fitted.train_, fold[1]
    users, items = train.users.rows(test["user"]), train.items.rows(test["item"])
    known = (users >= 0) & (items >= 0)
    drawn = np.clip(average(train, train.matrix, users[known], items[known]), 1, 5)
    ours, truth = fitted.predict(test[known]), test["rating"].to_numpy()[known]
    assert np.abs(ours - drawn).mean() < 0.06
    assert rmse(truth, ours) < rmse(truth, drawn) + 0.002


def test_implicit_features_are_worth_their_time(fold, fitted):
    train, test = Ratings.from_frame(fold[0], scale=(1, 5)), fold[1]
    truth = test["rating"].to_numpy()
    plain = BayesianMF(**SHORT, implicit=False).fit(train)
    assert plain.implicit_ is None
    full, without, bias = (rmse(truth, model.predict(test)) for model in (fitted, plain, BiasBaseline().fit(train)))
    assert full < without - 0.005 < bias - 0.025


def test_the_unit_of_the_ratings_does_not_matter(toy):
    one = BayesianMF(**SHORT).fit(toy.ratings)
    twenty = BayesianMF(**SHORT).fit(toy.ratings.assign(rating=toy.ratings["rating"] * 20))
    pairs = toy.ratings[["user", "item"]]
    np.testing.assert_allclose(twenty.predict(pairs), 20 * one.predict(pairs), rtol=1e-5)
    np.testing.assert_allclose(twenty.predict_sd(pairs), 20 * one.predict_sd(pairs), rtol=1e-4)


def test_ratings_that_are_all_the_same(toy):
    model = BayesianMF(factors=2, sweeps=300, burn_in=10, samples=5).fit(
        Ratings.from_frame(toy.ratings.assign(rating=4.0), scale=(1, 5))
    )
    np.testing.assert_allclose(model.predict(toy.ratings), 4.0, atol=0.1)


def test_an_item_that_nobody_rated_has_its_prior(toy):
    train = Ratings.from_frame(toy.ratings, scale=(1, 5)).widen(["unheard of"])
    model = BayesianMF(**SHORT).fit(train)
    pair = toy.ratings.head(1).assign(item="unheard of")
    assert 1 < model.predict(pair, fallback=False)[0] < 5
    assert model.predict_sd(pair, noise=False) > model.predict_sd(toy.ratings.head(1), noise=False)


# ---------------------------------------------------------------------- spread and reasons
def test_the_spread_is_that_of_the_errors(fold, fitted):
    test = fold[1]
    sd, mean_sd = fitted.predict_sd(test), fitted.predict_sd(test, noise=False)
    known = np.isfinite(sd)
    assert known.mean() > 0.99
    errors = (test["rating"].to_numpy() - fitted.predict(test))[known]
    assert 0.93 < (np.abs(errors) < 2 * sd[known]).mean() < 0.98
    assert 0.9 < (errors**2 / sd[known] ** 2).mean() < 1.15
    assert (mean_sd[known] < sd[known]).all()
    low, high = np.quantile(sd[known], [0.2, 0.8])  # who is said to be hard to predict is
    assert np.square(errors[sd[known] > high]).mean() > 1.8 * np.square(errors[sd[known] < low]).mean()
    # The more somebody has rated, the surer is the mean.
    n_rated = np.diff(fitted.train_.matrix.indptr)[fitted.train_.users.rows(test["user"])]
    few, many = n_rated < 30, n_rated > 200
    assert np.nanmean(mean_sd[few]) > 1.2 * np.nanmean(mean_sd[many])


def test_the_spread_has_three_parts(fitted):
    """The law of total variance, against draws of p_u from each sample."""
    rng, column = np.random.default_rng(0), 50
    p, v, w = fitted._posterior(*fitted.train_.of(3))
    item = fitted.items_[column].astype(float)
    draws = [rng.multivariate_normal(p[s, 1:], v[s], size=20_000) @ item[s, 1:] + item[s, 0] for s in range(len(p))]
    pair = (
        fitted.train_.to_frame().head(1).assign(user=fitted.train_.users.ids[3], item=fitted.train_.items.ids[column])
    )
    assert fitted.predict_sd(pair, noise=False)[0] == pytest.approx(fitted.sd_ * np.std(draws), rel=0.01)
    errors = rng.normal(size=(len(p), 20_000)) / np.sqrt(w * fitted.item_noise_[column])[:, None]
    assert fitted.predict_sd(pair)[0] == pytest.approx(fitted.sd_ * np.std(draws + errors), rel=0.01)


def test_the_spread_of_unknown_pairs_is_unknown(fitted):
    frame = fitted.train_.to_frame().iloc[[0, 0, 0, 9000]].reset_index(drop=True)
    frame.loc[1, "user"], frame.loc[2, "item"] = -5, -5
    sd = fitted.predict_sd(frame)
    assert np.isnan(sd).tolist() == [False, True, True, False]
    assert fitted.predict_sd(frame.iloc[[3]])[0] == pytest.approx(sd[3])
    assert fitted.predict_sd(frame.iloc[:0]).shape == (0,)


@pytest.mark.parametrize("implicit", [True, False])
def test_the_reasons_add_up_to_the_score(toy, implicit):
    model = BayesianMF(**SHORT, implicit=implicit).fit(toy.ratings)
    for row in range(3):
        _, v, _ = model._posterior(*model.train_.of(row))
        at_rest = (v @ (model.prior_precision_ * model.prior_mean_)[:, :, None])[:, :, 0]  # p_u but for the ratings
        score = model._score(np.array([row]))[0]
        for column in range(model.train_.n_items):
            item = model.items_[column].astype(float)
            rest = model.mean_ + model.sd_ * (item[:, 0] + (item[:, 1:] * at_rest).sum(axis=1)).mean()
            reasons = model._explain(row, column)
            assert sum(reason.weight for reason in reasons) + rest == pytest.approx(score[column], abs=1e-5)
            assert [reason.rating for reason in reasons] == model.train_.of(row)[1].tolist()
            assert {reason.kind for reason in reasons} == {"item"}


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"factors": 0}, r"factors=0: .*whole number from 1"),
        ({"sweeps": 0}, r"sweeps=0: "),
        ({"sweeps": 10, "burn_in": 10}, r"burn_in=10: .*from 0 to 9"),
        ({"sweeps": 10, "burn_in": 4, "samples": 7}, r"samples=7: .*from 1 to 6"),
        (
            {"factors": 10**5, "sweeps": 10, "burn_in": 4, "samples": 2},
            r"would take .* GB.*Lower samples=2 or factors=",
        ),
    ],
)
def test_refusals(toy, params, message):
    with pytest.raises(DataError, match=message):
        BayesianMF(**params).fit(toy.ratings)
