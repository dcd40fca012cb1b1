r"""Each formula of lesson 4.2, as printed, against the lesson's own code and the library's."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checks import close, formula, functions_of, run

from recsys_lab import BayesianMF, BiasedALS, Ratings, SVDpp, datasets


@pytest.fixture(scope="module")
def ratings():
    return Ratings.from_frame(datasets.toy().ratings)


@pytest.fixture
def user():
    """The vectors of a user's films, the rest, and lambda."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 3)), rng.normal(size=5), 1.7


@formula(
    "4.2",
    r"\hat r_{ui} = b_{ui} + p_u \cdot q_i",
    r"b_{ui} = \mu + b_u + b_i",
    r"d_{ui} = r_{ui} - b_{ui}",
)
def test_the_model(sides, ratings):
    _, predicted, _, usual, _, rest = sides
    model = BiasedALS(factors=2).fit(ratings)
    mean, b_user, b_item = model.biases_
    u, i = 1, 3
    b = usual(mu=mean, b_u=b_user[u], b_i=b_item[i])
    close(b, model.biases_.at(np.array([u]), np.array([i]))[0])
    close(predicted(b_ui=b, p_u=model.user_factors_[u], q_i=model.item_factors_[i]), model._score(np.array([u]))[0, i])
    users, films = np.repeat(np.arange(ratings.n_users), np.diff(ratings.matrix.indptr)), ratings.matrix.indices
    line = "rest = train.matrix.data - biases.at(users, films)"
    by_lesson = run("4.2", line, train=ratings, biases=model.biases_, users=users, films=films)["rest"]
    at = np.flatnonzero(users == u)[0]
    b = usual(mu=mean, b_u=b_user[u], b_i=b_item[films[at]])
    close(rest(r_ui=ratings.matrix.data[at], b_ui=b), by_lesson[at])


@formula(
    "4.2",
    r"J(p_u) = \sum_{i \in I_u} (d_{ui} - p_u \cdot q_i)^2 + \lambda_u |p_u|^2",
    r"p_u = (Q_u^\top Q_u + \lambda_u I)^{-1} Q_u^\top d_u",
    r"\lambda_u = \lambda n_u^\kappa",
)
def test_one_user(sides, user):
    _, height, _, bottom, _, price = sides
    Q, d, _ = user
    reg, power = 0.8, 0.5
    lambda_u = price(lambda_=reg, n_u=len(d), kappa=power)
    p = bottom(Q_u=Q, lambda_u=lambda_u, I=np.eye(3), d_u=d)
    rows = np.zeros(len(d), int)
    close(p, functions_of("4.2", "half_step")(rows, np.arange(len(d)), d, Q, 1, reg, power)[0])
    entries = {(1, i + 1): d[i] for i in range(5)}

    def at(p):
        return height(d=entries, q=Q, u=1, p_u=p, I_u=range(1, 6), lambda_u=lambda_u)

    close(at(p), functions_of("4.2", "height", d_u=d, Q_u=Q, PRICE=lambda_u)(p))
    rises = np.array([at(p + step) - at(p) for step in (np.array([1e-3, 0, 0]), np.array([-1e-3, 0, 0]))])
    assert rises.min() > 0
    np.testing.assert_allclose(*rises, rtol=1e-4)


@formula(
    "4.2",
    r"\sum_{u, i} (d_{ui} - p_u \cdot q_i)^2 + \sum_u \lambda_u |p_u|^2 + \sum_i \lambda_i |q_i|^2",
)
def test_objective(sides):
    (total,) = sides
    rng = np.random.default_rng(0)
    users, films, rest = np.array([0, 0, 1, 2, 2]), np.array([0, 2, 1, 0, 1]), rng.normal(size=5)
    P, Q, n_u, n_i = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), np.array([2, 1, 2]), np.array([2, 2, 1])
    pairs = [(u + 1, i + 1) for u, i in zip(users, films)]
    prices = {
        name: {at + 1: 0.7 * n**0.5 for at, n in enumerate(counts)}
        for name, counts in (("lambda_u", n_u), ("lambda_i", n_i))
    }
    by_formula = total(all_u_i=pairs, all_u=(1, 2, 3), all_i=(1, 2, 3), d=dict(zip(pairs, rest)), p=P, q=Q, **prices)
    world = {"rest": rest, "users": users, "films": films, "n_u": n_u, "n_i": n_i, "REG": 0.7, "POWER": 0.5}
    close(by_formula, functions_of("4.2", "objective", **world)(P, Q))


@formula("4.2", r"s = \frac{n_u v}{n_u v + \lambda n_u^\kappa}")
def test_share_kept(sides):
    _, share = sides
    rng = np.random.default_rng(0)
    q, d, reg = rng.normal(size=(7, 1)), rng.normal(size=7), 1.3
    for power in (0.0, 0.5, 1.0):
        s = share(n_u=7, v=(q**2).mean(), lambda_=reg, kappa=power)
        free = float(q[:, 0] @ d / (q[:, 0] @ q[:, 0]))  # least squares, without a price
        rows = np.zeros(7, int)
        close(s * free, functions_of("4.2", "half_step")(rows, np.arange(7), d, q, 1, reg, power)[0, 0])


@formula(
    "4.2",
    r"\hat r_{ui} = \mu + b_u + b_i + q_i \cdot (p_u + z_u) \qquad\qquad "
    r"z_u = |N(u)|^{-1/2} \sum_{j \in N(u)} y_j",
)
def test_svdpp(sides, ratings):
    _, predicted, _, chosen = sides
    model = SVDpp(factors=2, epochs=5).fit(ratings)
    u, i = 2, 4
    columns = ratings.of(u)[0]
    z = chosen(N=lambda u: frozenset(int(c) + 1 for c in columns), u=u, y=model.y_)
    close(z, model._implied(columns))
    lesson = run(
        "4.2",
        'z = {u: plus.y_[others.items.rows(its)].sum(axis=0) / np.sqrt(len(its)) for u, its in sets.groupby("user")["item"]}',
        plus=model,
        others=ratings,
        sets=ratings.to_frame(),
    )["z"]
    close(z, lesson[ratings.users.ids[u]])
    mean, b_user, b_item = model.biases_
    known = {"mu": mean, "b_u": b_user[u], "b_i": b_item[i], "q_i": model.q_[i], "p_u": model.x_[u] - z, "z_u": z}
    close(predicted(**known), model._score(np.array([u]))[0, i])


@formula(
    "4.2",
    r"A = Q_u^\top Q_u + \lambda_u I",
    r"m = A^{-1} Q_u^\top d_u \qquad\qquad S = \sigma^2 A^{-1}",
    r"A = L L^\top \qquad\qquad p_u = m + \sigma (L^\top)^{-1} \epsilon",
)
def test_a_draw(sides, user):
    _, table, _, centre, _, spread, _, factored, _, drawn = sides
    Q, d, lambda_u = user
    noise = 0.6
    A = table(Q_u=Q, lambda_u=lambda_u, I=np.eye(3))
    m, L = centre(A=A, Q_u=Q, d_u=d), np.linalg.cholesky(A)
    close(factored(L=L), A)
    epsilon = np.random.default_rng(4).standard_normal(3)
    p = drawn(m=m, sigma=np.sqrt(noise), L=L, epsilon=epsilon)
    draw = functions_of("4.2", "draw")
    close(p, draw(Q, d, lambda_u, noise, np.random.default_rng(4)))
    rng = np.random.default_rng(0)
    many = np.array([draw(Q, d, lambda_u, noise, rng) for _ in range(4000)])
    np.testing.assert_allclose(np.cov(many.T), spread(sigma=np.sqrt(noise), A=A), atol=0.03)


@formula("4.2", r"\hat r_{ui} = \frac{1}{T} \sum_{t=1}^{T} \hat r^{(t)}_{ui}")
def test_mean_of_models(sides, ratings):
    _, mean = sides
    model = BayesianMF(factors=2, sweeps=20, burn_in=5, samples=4).fit(ratings)
    u, i = 1, 3
    products = (model.users_[u].astype(float) * model.items_[i]).sum(axis=1)
    each = {(t + 1, u, i): model.mean_ + model.sd_ * products[t] for t in range(4)}
    close(mean(T=4, r_hat=each, u=u, i=i), model._score(np.array([u]))[0, i])


@formula("4.2", r"\hat r = \mu + \sum_{m=1}^{M} \sum_{f=1}^{F} w_{mf}\, g_f\, (\hat r^{(m)} - \mu)")
def test_stacking(sides):
    _, stacked = sides
    rng = np.random.default_rng(0)
    final, g, mu = rng.normal(3.5, 1, (40, 3)), np.column_stack([np.ones(40), rng.normal(size=40)]), 3.4
    w = functions_of("4.2", "stack")(final - mu, g, final[:, 0] - mu + rng.normal(size=40), 2.0)
    by_formula = [
        stacked(mu=mu, M=3, F=2, w=w, g=g[row], r_hat={m + 1: final[row, m] for m in range(3)}) for row in range(40)
    ]
    code = 'mu + np.einsum("nm,nf,mf->n", final - mu, g_test, weights["stack with features"])'
    by_lesson = run("4.2", code, mu=mu, final=final, g_test=g, weights={"stack with features": w})
    close(by_formula, eval(code, by_lesson))
