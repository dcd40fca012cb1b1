r"""Each formula of lesson 4.4, as printed, against the code that claims to compute it."""

from __future__ import annotations

import numpy as np
import pytest
from formula_checks import close, formula, functions_of

from recsys_lab import datasets
from recsys_lab.production.neural import NeuMF, TwoTower

pytest.importorskip("torch", reason="pip install 'recsys-lab[neural]'")


@formula(
    "4.4",
    r"x_{ui} = \sum_{f=1}^{k} h_f\, p_{uf}\, q_{if} + \text{net}(z_{ui}) + b_i",
    r"\text{net}(z) = h' \cdot \text{relu}(W_2^\top \text{relu}(W_1^\top z + b_1) + b_2)",
)
def test_a_network_beside_the_product(sides):
    _, score, _, net = sides
    model = NeuMF(factors=3, hidden=4, epochs=3).fit(datasets.toy().ratings)
    w, scores = model.w_, model._score(np.arange(6))
    layers = {name: w[name.replace("_", "")] for name in ("W_1", "W_2", "b_1", "b_2")}
    for u, i in ((1, 1), (6, 8), (3, 5)):
        z = np.concatenate([w["p'"][u - 1], w["q'"][i - 1]])
        behind = net(z=z, h_prime=w["h"][3:], relu=lambda x: np.maximum(x, 0), **layers)
        given = {"h": w["h"][:3], "p": w["p"], "q": w["q"], "b": w["b"], "z": {(u, i): behind}, "net": float}
        close(score(k=3, u=u, i=i, **given), scores[u - 1, i - 1])


@formula(
    "4.4",
    r"h_u = \frac{1}{|H_u|} \sum_{j \in H_u} e_j \qquad\qquad s_{ui} = \frac{\text{unit}(h_u) \cdot \text{unit}(q_i)}{\tau}",
)
def test_two_towers(sides):
    _, mean, _, score = sides
    model = TwoTower(factors=3, epochs=3, temperature=0.2).fit(datasets.toy().ratings)
    scores = model._score(np.arange(6))
    for u, i in ((1, 1), (6, 8), (3, 5)):
        h = mean(H={u: set(model.train_.of(u - 1)[0] + 1)}, e=model.w_["e"], u=u)
        unit = {"unit": lambda x: x / np.sqrt(x @ x)}
        close(score(h={u: h}, q=model.w_["q"], tau=0.2, u=u, i=i, **unit), scores[u - 1, i - 1])


@formula(
    "4.4",
    r"L = -\frac{1}{B} \sum_{b=1}^{B} \ln \frac{e^{l_{bb}}}{\sum_{j=1}^{B} e^{l_{bj}}}",
    r"l_{bj} = s_{bj} - \ln Q_j",
)
def test_the_loss_of_a_batch(sides):
    _, loss, _, corrected = sides
    rng = np.random.default_rng(0)
    s, q = rng.normal(size=(4, 4)), rng.uniform(0.01, 0.3, 4)
    l = np.array([[corrected(s=s, Q=q, b=b, j=j) for j in range(1, 5)] for b in range(1, 5)])  # noqa: E741
    got = functions_of("4.4", "batch_loss")(s, q, np.zeros((4, 4), dtype=bool))
    close(loss(B=4, l=l, e=np.e), got)


@formula(
    "4.4",
    r"a_{tr} = \frac{e^{q_t \cdot k_r / \sqrt{d}}}{\sum_{m=1}^{t} e^{q_t \cdot k_m / \sqrt{d}}} "
    r"\qquad\qquad z_t = \sum_{r=1}^{t} a_{tr} v_r",
)
def test_attention(sides):
    _, weight, _, mean = sides
    q, k, v = (np.random.default_rng(seed).normal(size=(5, 3)) for seed in range(3))
    a = np.array([[weight(q=q, k=k, d=3, e=np.e, t=t, r=r) if r <= t else 0 for r in range(1, 6)] for t in range(1, 6)])
    attend = functions_of("4.4", "attend")
    close(attend(q, k, np.eye(5)), a)
    close(attend(q, k, v), [mean(a=a, v=v, t=t) for t in range(1, 6)])


@formula("4.4", r"w = 2^{-a / h}")
def test_fading(sides):
    _, weight = sides
    close(functions_of("4.4", "fade")(np.array([1, 1, 1, 2]), 1.5), [weight(a=a, h=1.5) for a in (2, 1, 0, 0)])
