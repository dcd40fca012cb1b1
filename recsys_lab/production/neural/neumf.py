"""NeuMF: a factor model with a network beside the dot product.

User u has two vectors p_u and p'_u, item i has two vectors q_i and q'_i. One pair is multiplied factor by factor, as in matrix
factorization. The other stands side by side and goes through two layers. A last row of weights h joins what comes out:

    g_ui = p_u * q_i                                          (factor by factor)
    m_ui = relu(relu([p'_u, q'_i] W1 + b1) W2 + b2)           ([a, b]: a and b side by side)
    x_ui = [g_ui, m_ui] h + b_i

sigma(x_ui) = 1 / (1 + exp(-x_ui)) is read as the chance that u chose i. It learns by logistic regression, from every choice and
from `negatives` times as many random pairs (u, j) that are none, drawn anew in each epoch:

    minimise  - mean over (u, i) of ln sigma(x_ui)  and over (u, j) of ln(1 - sigma(x_uj)), all pairs alike

Without the network it is matrix factorization with weighted factors; with it, the function that joins user and item is learned
as well. The price: to score an item for a user, both have to go through the network together, so no index can find the best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from recsys_lab import checks
from recsys_lab.base import Recommender
from recsys_lab.production.neural.descent import Weights, descend, device_of, pytorch
from recsys_lab.ratings import Ratings


class NeuMF(Recommender):
    """Rank items by x_ui, the output of a small network over the user's and the item's vectors; see the top of this file.

    It ranks and predicts no stars: `predict` gives the damped biases.

    Parameters
    ----------
    factors : length of each of the four kinds of vectors, from 1; 8 to 64 is usual.
    hidden : width of the first layer, from 2; the second is half as wide.
    negatives : random pairs for each choice, from 1; 4 is usual.
    epochs : passes over the choices, from 1. rate : of Adam's first steps, above 0.
    decay : see `descent`; the one thing here that keeps some 340,000 numbers (on ml-100k) from learning 55,000 choices by heart.
    batch : pairs in a batch, from 1.
    threshold : the rating from which an item counts as chosen; None: every rating does.
    device : "auto" trains on a GPU where PyTorch finds one, else on the processor; "cpu" or "cuda" insist.
    seed : of the start, the batches and the draws. On one processor, the same seed gives the same bytes.

    Attributes
    ----------
    w_ : the weights by name, float64: p, p' (n_users, factors), q, q' (n_items, factors), b (n_items,), W1, b1, W2, b2, h.

    Time: an epoch O(n_choices (1 + negatives) (factors + hidden) hidden), a user's scores O(n_items (factors + hidden) hidden):
    the network runs for each item. Memory O((n_users + n_items) factors). Cold start: a user is a row of p, learned in
    training; a new one has none, so `recommend_for` raises UnsupportedError. Raises DataError for a parameter out of range
    or a fit that diverges, and MissingExtraError from `fit` where PyTorch is not installed; a fitted model needs NumPy only.

    Differs from the paper: p and p' start at random instead of from two models trained before, and there is a b_i. Source: He,
    Liao, Zhang, Nie, Hu and Chua 2017 (WWW). That a dot product alone does better when tuned: Rendle, Krichene, Zhang and
    Anderson 2020 (RecSys).

    >>> from recsys_lab import datasets
    >>> model = NeuMF(factors=4, epochs=2).fit(datasets.toy().ratings)
    >>> model.w_["p"].shape, model.w_["W1"].shape
    ((6, 4), (8, 32))
    """

    scores_are_ratings = False
    w_: Weights

    def __init__(
        self,
        factors: int = 64,
        *,
        hidden: int = 32,
        negatives: int = 4,
        epochs: int = 12,
        rate: float = 0.005,
        decay: float = 1.0,
        batch: int = 2048,
        threshold: float | None = None,
        device: str = "auto",
        seed: int = 0,
    ):
        self.factors = factors
        self.hidden = hidden
        self.negatives = negatives
        self.epochs = epochs
        self.rate = rate
        self.decay = decay
        self.batch = batch
        self.threshold = threshold
        self.device = device
        self.seed = seed

    def _fit(self, train: Ratings) -> None:
        checks.whole("factors", self.factors, 1, "the length of the vectors")
        checks.whole("hidden", self.hidden, 2, "the width of the first layer, and twice that of the second")
        checks.whole("negatives", self.negatives, 1, "from choices alone it learns to say yes to everything")
        checks.whole("batch", self.batch, 1, "pairs that are learned from at once")
        chosen, rng = train.positives(self.threshold), np.random.default_rng(self.seed)
        users = np.repeat(np.arange(train.n_users), np.diff(chosen.indptr))
        items = chosen.indices.astype(np.int64)
        choices = users * train.n_items + items  # one number a pair, sorted
        device, torch = device_of(self.device), pytorch()

        def batches() -> Iterator[tuple[Any, ...]]:
            u = np.tile(users, 1 + self.negatives)
            i = np.concatenate([items, rng.integers(0, train.n_items, self.negatives * len(items))])
            y = (np.arange(len(u)) < len(users)).astype(np.float32)
            keep = np.flatnonzero((y == 1) | ~_among(u * train.n_items + i, choices))
            rng.shuffle(keep)
            for start in range(0, len(keep), self.batch):
                place = keep[start : start + self.batch]
                yield tuple(torch.as_tensor(a[place], device=device) for a in (u, i, y))

        def loss(w: Mapping[str, Any], batch: tuple[Any, ...]) -> Any:
            u, i, y = batch
            return torch.nn.functional.binary_cross_entropy_with_logits(network(torch, w, u, i), y.to(w["b"].dtype))

        start = self._start(rng, train.n_users, train.n_items)
        self.w_ = descend(
            "NeuMF", start, loss, batches, epochs=self.epochs, rate=self.rate, decay=self.decay, device=device
        )

    def _start(self, rng: np.random.Generator, n_users: int, n_items: int) -> Weights:
        k, wide, half = self.factors, self.hidden, self.hidden // 2
        return {
            **{name: rng.normal(0, 0.1, (n_users, k)) for name in ("p", "p'")},
            **{name: rng.normal(0, 0.1, (n_items, k)) for name in ("q", "q'")},
            "b": np.zeros(n_items),
            "W1": rng.normal(0, np.sqrt(1 / k), (2 * k, wide)),  # 2 / inputs: relu keeps half of them
            "b1": np.zeros(wide),
            "W2": rng.normal(0, np.sqrt(2 / wide), (wide, half)),
            "b2": np.zeros(half),
            "h": rng.normal(0, np.sqrt(1 / (k + half)), k + half),
        }

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return np.array([self._scores_of(row) for row in rows]).reshape(len(rows), -1)

    def _scores_of(self, row: int) -> np.ndarray:
        """x_ui of one user for all items. [p'_u, q'_i] W1 is a sum of two halves, and the user's half is made once."""
        w, k = self.w_, self.factors
        first = np.maximum(w["p'"][row] @ w["W1"][:k] + w["q'"] @ w["W1"][k:] + w["b1"], 0)
        m = np.maximum(first @ w["W2"] + w["b2"], 0)
        return w["q"] @ (w["p"][row] * w["h"][:k]) + m @ w["h"][k:] + w["b"]


def _among(pairs: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which pairs are among the known ones, which are sorted."""
    return known[np.minimum(np.searchsorted(known, pairs), len(known) - 1)] == pairs


def network(torch: Any, w: Mapping[str, Any], u: Any, i: Any) -> Any:
    """x_ui of aligned users and items, in PyTorch."""
    g = w["p"][u] * w["q"][i]
    first = torch.relu(torch.cat([w["p'"][u], w["q'"][i]], dim=1) @ w["W1"] + w["b1"])
    m = torch.relu(first @ w["W2"] + w["b2"])
    return torch.cat([g, m], dim=1) @ w["h"] + w["b"][i]
