r"""The formulas of lesson 4.1, as printed, against the lesson's cells, the library, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checks import close, formula, functions_of

from recsys_lab import FunkSVD, Ratings, datasets
from recsys_lab.sgd import padded, svd_epoch

K = 3


@pytest.fixture(scope="module")
def toy():
    return Ratings.from_frame(datasets.toy().ratings)


@pytest.fixture(scope="module")
def factors(toy):
    rng = np.random.default_rng(0)
    return rng.normal(size=(toy.n_users, K)), rng.normal(size=(toy.n_items, K))


def pairs_of(ratings):
    """{(user, film): stars}, both counted from 1."""
    rows, columns = ratings.matrix.nonzero()
    return {(int(u) + 1, int(i) + 1): float(ratings.matrix[u, i]) for u, i in zip(rows, columns)}


@formula(
    "4.1",
    r"L_{\text{all}} = \sum_{(u,i)} (r_{ui} - p_u \cdot q_i)^2 \qquad\qquad"
    r"L_{\text{known}} = \sum_{(u,i) \text{ known}} (r_{ui} - p_u \cdot q_i)^2",
)
def test_two_losses(sides, toy, factors):
    _, over_all, _, over_known = sides
    (P, Q), known = factors, pairs_of(toy)
    p, q = ({(n + 1): row for n, row in enumerate(table)} for table in (P, Q))
    cells = [(u, i) for u in p for i in q]
    table = toy.matrix.toarray()
    rest = (table - P @ Q.T) ** 2
    close(over_all(r={cell: known.get(cell, 0.0) for cell in cells}, p=p, q=q, all_u_i=cells), rest.sum())
    close(over_known(r=known, p=p, q=q, all_u_i_known=list(known)), rest[table > 0].sum())


@formula(
    "4.1",
    r"\hat r_{ui} = \mu + b_u + b_i + p_u \cdot q_i",
    r"L = \sum_{(u,i) \text{ known}} \big( (r_{ui} - \hat r_{ui})^2 + \lambda\, (b_u^2 + b_i^2 + |p_u|^2 + |q_i|^2) \big)",
    r"e = r_{ui} - \hat r_{ui}",
    r"b_u \leftarrow b_u + \eta\, (e - \lambda b_u) \qquad b_i \leftarrow b_i + \eta\, (e - \lambda b_i)",
    r"p_u \leftarrow p_u + \eta\, (e\, q_i - \lambda p_u) \qquad q_i \leftarrow q_i + \eta\, (e\, p_u - \lambda q_i)",
)
def test_a_step_is_the_slope(sides, toy, factors):
    _, predicted, _, loss, _, error, _, step_u, _, step_i, _, step_p, _, step_q = sides
    (P, Q), known = factors, pairs_of(toy)
    model = FunkSVD(factors=K, epochs=2, precision="float64").fit(toy)
    (mu, b_user, b_item), x, q = model.biases_, model.x_, model.q_
    close(predicted(mu=mu, b_u=b_user[1], b_i=b_item[2], p_u=x[1], q_i=q[2]), model._score(np.array([1]))[0, 2])

    # One rating: the step goes down half of the slope of its part of L.
    r, eta, lam, tiny = 5.0, 0.1, 0.3, 1e-6
    state = {"b_u": 0.2, "b_i": -0.1, "p_u": P[0], "q_i": Q[0]}

    def L(**state):
        r_hat = predicted(mu=mu, **state)
        return loss(r={(1, 1): r}, r_hat={(1, 1): r_hat}, lambda_=lam, all_u_i_known=[(1, 1)], **state)

    e = error(r_ui=r, r_hat_ui=predicted(mu=mu, **state))
    steps = {"b_u": step_u, "b_i": step_i, "p_u": step_p, "q_i": step_q}
    after = {name: one(e=e, eta=eta, lambda_=lam, **state) for name, one in steps.items()}
    for name, value in state.items():
        axes = np.eye(K) if np.ndim(value) else [1.0]
        slopes = [
            (L(**state | {name: value + tiny * a}) - L(**state | {name: value - tiny * a})) / (2 * tiny) for a in axes
        ]
        slope = np.array(slopes) if np.ndim(value) else slopes[0]
        np.testing.assert_allclose(after[name], value - eta * slope / 2, atol=1e-7)

    by_lesson = functions_of("4.1", "step")(r, mu, *state.values(), eta, lam)
    for got, want in zip(by_lesson, after.values()):
        close(got, want)

    # All ratings: the loop of the lesson and the library's kernel.
    step = functions_of("4.1", "step")
    by_hand = functions_of("4.1", "epoch_by_hand", step_checked=step)
    mine = [np.zeros(toy.n_users), np.zeros(toy.n_items), P.copy(), Q.copy()]
    by_hand(toy, *mine, rate=eta, reg=lam)
    theirs = [np.zeros(toy.n_users), np.zeros(toy.n_items), padded(P, np.float64), padded(Q, np.float64)]
    m = toy.matrix
    svd_epoch(m.indptr, m.indices, m.data.astype(float), toy.mean, *theirs, eta, lam, 1.0)
    for got, want in zip(mine, theirs):
        close(got, want[..., : got.shape[-1]])
    assert len(known) == m.nnz


@formula("4.1", r"e' = e\, \big(1 - \eta\, (2 + |p_u|^2 + |q_i|^2) - \eta^2 e\; p_u \cdot q_i\big)")
def test_the_error_after_a_step(sides, factors):
    _, after = sides
    P, Q = factors
    step = functions_of("4.1", "step")
    for r, eta in ((5.0, 0.05), (1.0, 0.3)):
        b_u, b_i, p, q = 0.2, -0.1, P[0], Q[1]
        e = r - (3.5 + b_u + b_i + p @ q)
        new_u, new_i, new_p, new_q = step(r, 3.5, b_u, b_i, p, q, eta, 0.0)
        close(r - (3.5 + new_u + new_i + new_p @ new_q), after(e=e, eta=eta, p_u=p, q_i=q))


@formula("4.1", r"(P A)\, (Q\, (A^{-1})^\top)^\top = P Q^\top")
def test_a_turn_leaves_the_predictions(sides, factors):
    turned, plain = sides
    P, Q = factors
    A = np.random.default_rng(1).normal(size=(K, K))
    close(plain(P=P, Q=Q), P @ Q.T)
    close(turned(P=P, Q=Q, A=A), P @ Q.T)
