"""Two towers: one network makes a vector of the user's history, another one of the item; the score is their dot product.

    h_u = mean over j in H_u of e_j                     (H_u: what u chose; e_j: what choosing j says of a person)
    u_u = unit(h_u + relu(h_u W1 + b1) W2)              (the user's tower; unit divides a vector by its length)
    v_i = unit(q_i)                                     (the item's tower)
    s_ui = u_u . v_i / temperature

The towers meet in the dot product only. So the v_i can be computed beforehand and searched by an index of nearest neighbours,
and a user's vector is made when the user comes, from what they have chosen by then.

It learns to tell, for each choice (u, i), the item i from the other items of the same batch, which serve as its negatives:

    l_uj = s_uj - ln Q_j
    minimise  - mean over (u, i) in the batch of  ln( exp(l_ui) / sum over j in the batch of exp(l_uj) )

Q_j is how often item j is drawn, its share of all choices. Batches are full of popular items, so these would be pushed down
most; taking ln Q_j off their scores while training takes that pressure away (the logQ correction). What the loss estimates is
then the softmax over all items. Three details keep it honest: i is left out of H_u, which would give it away; an item of the
batch that u chose as well is no negative; and each time a random share `drop` of H_u is left out, so that no single item
carries a prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from recsys_lab import checks
from recsys_lab.base import Recommender
from recsys_lab.factors import cosines
from recsys_lab.production.neural.descent import Weights, descend, device_of, precision_of, pytorch
from recsys_lab.ratings import Ratings, is_chosen

_TINY = 1e-12  # a vector of zeros has no direction, and stays as it is


class _Batch(NamedTuple):
    """Choices (u, i): the items i, each one's history as one flat list with starts and lengths, and what is no negative."""

    i: Any  # (B,)
    history: Any  # (sum of lengths,)
    starts: Any  # (B,)
    lengths: Any  # (B,)
    chosen_too: Any  # (B, B): did the user of this row choose the item of this column, beside the row's own?


class TwoTower(Recommender):
    """Rank items by s_ui = u_u . v_i, with u_u made from the user's history; the model stands at the top of this file.

    It ranks and predicts no stars: `predict` gives the damped biases.

    Parameters
    ----------
    factors : length of the vectors, from 1; 32 to 256 is usual.
    hidden : width of the user's tower W1; 0 leaves it out, so that u_u = unit(h_u). On ml-100k the network adds nothing
        (see lesson 4.4), so 0 is the default.
    temperature : above 0, usually 0.05 to 0.3: vectors of length 1 give dot products up to 1, too small for a softmax.
    logq : whether ln Q_j is taken off while training. Without it, popular items are pushed down: try it once.
    drop : share of the history that is left out at random while training, 0 to below 1.
    epochs : passes over the choices, from 1. rate : of Adam's first steps, above 0. decay : see `descent`.
    batch : choices in a batch, from 2; each has the others for negatives, so more is better, and slower.
    threshold : the rating from which an item counts as chosen; None: every rating does.
    device : "auto" trains on a GPU where PyTorch finds one, else on the processor; "cpu" or "cuda" insist.
    seed : of the start, the batches and the draws. On one processor, the same seed gives the same bytes.

    Attributes
    ----------
    w_ : the weights by name, float64: e, q (n_items, factors); with a network W1, b1, W2.
    u_ : u_u, ndarray (n_users, factors); v_ : v_i, ndarray (n_items, factors).

    Time: an epoch O(n_choices (batch x factors + history)), a score O(factors). Memory O((n_users + n_items) factors +
    batch (batch + n_items)). Cold start: a new user's vector is made from their history as any other; whoever chose
    nothing has no scores; an item that nobody chose has its random start for a vector, so this form, which knows items by
    their ids alone, cannot place it. Raises DataError for a parameter out of range or a fit that diverges, and
    MissingExtraError from `fit` where PyTorch is not installed; a fitted model needs NumPy only.

    Sources: Covington, Adams and Sargin 2016 (RecSys): the user as the mean of what they watched. Yi et al. 2019 (RecSys): two
    towers, batch softmax, logQ, unit vectors and temperature.

    >>> from recsys_lab import datasets
    >>> model = TwoTower(factors=4, epochs=2).fit(datasets.toy().ratings)
    >>> model.u_.shape, model.v_.shape
    ((6, 4), (8, 4))
    """

    scores_are_ratings = False
    w_: Weights
    u_: np.ndarray
    v_: np.ndarray

    def __init__(
        self,
        factors: int = 64,
        *,
        hidden: int = 0,
        temperature: float = 0.15,
        logq: bool = True,
        drop: float = 0.5,
        epochs: int = 8,
        rate: float = 0.005,
        decay: float = 0.01,
        batch: int = 512,
        threshold: float | None = None,
        device: str = "auto",
        seed: int = 0,
    ):
        self.factors = factors
        self.hidden = hidden
        self.temperature = temperature
        self.logq = logq
        self.drop = drop
        self.epochs = epochs
        self.rate = rate
        self.decay = decay
        self.batch = batch
        self.threshold = threshold
        self.device = device
        self.seed = seed

    def _fit(self, train: Ratings) -> None:
        checks.whole("factors", self.factors, 1, "the length of the vectors")
        checks.whole("hidden", self.hidden, 0, "the width of the user's tower; 0 is none")
        checks.number("temperature", self.temperature, 0, "dot products are divided by it", above=True)
        checks.number("drop", self.drop, 0, "the share of the history that is left out", 0.99)
        checks.whole("batch", self.batch, 2, "each choice needs others for negatives")
        chosen, rng = train.positives(self.threshold), np.random.default_rng(self.seed)
        checks.fits_memory("TwoTower: a batch", self.batch * (18.0 * self.batch + 9.0 * train.n_items), "Lower batch.")
        n_j = np.bincount(chosen.indices, minlength=train.n_items)
        device, torch = device_of(self.device), pytorch()
        log_q = np.log(np.maximum(n_j, 1) / chosen.nnz)
        log_q = torch.tensor(log_q, dtype=precision_of(device), device=device)

        def batches() -> Iterator[_Batch]:
            for arrays in _batches(chosen, self.batch, self.drop, rng):
                yield _Batch(*(torch.as_tensor(a, device=device) for a in arrays))

        def loss(w: Mapping[str, Any], batch: _Batch) -> Any:
            s = towers(torch, w, batch) / self.temperature
            return in_batch_loss(torch, s, log_q[batch.i] if self.logq else None, batch.chosen_too)

        k = self.factors
        start = {name: rng.normal(0, 0.1, (train.n_items, k)) for name in ("e", "q")}
        if self.hidden:  # W2 = 0: the network begins by adding nothing
            start["W1"] = rng.normal(0, np.sqrt(2 / k), (k, self.hidden))
            start |= {"b1": np.zeros(self.hidden), "W2": np.zeros((self.hidden, k))}
        self.w_ = descend(
            "TwoTower", start, loss, batches, epochs=self.epochs, rate=self.rate, decay=self.decay, device=device
        )
        self.u_, self.v_ = self._users(chosen), _unit(self.w_["q"])

    def _users(self, chosen: sparse.csr_array) -> np.ndarray:
        """u_u of each row of who chose what; NaN for whoever chose nothing."""
        w, n = self.w_, np.diff(chosen.indptr)[:, None]
        h = (chosen @ w["e"]) / np.maximum(n, 1)
        if "W1" in w:
            h = h + np.maximum(h @ w["W1"] + w["b1"], 0) @ w["W2"]
        return np.where(n > 0, _unit(h), np.nan)

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self.u_[rows] @ self.v_.T / self.temperature

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        mine = columns[is_chosen(values, self.threshold)]
        chosen = sparse.csr_array((np.ones(len(mine)), mine, [0, len(mine)]), shape=(1, len(self.v_)))
        return self._users(chosen)[0] @ self.v_.T / self.temperature

    def _similar(self, column: int) -> np.ndarray:
        return cosines(self.v_, column)


def _batches(chosen: sparse.csr_array, size: int, drop: float, rng: np.random.Generator) -> Iterator[tuple]:
    """Every choice once, in random order, as the fields of `_Batch`; choices whose history is empty are left out."""
    users = np.repeat(np.arange(chosen.shape[0]), np.diff(chosen.indptr))
    chosen = chosen.astype(bool)  # an eighth of the memory to move
    order = rng.permutation(len(users))
    for start in range(0, len(order), size):
        place = order[start : start + size]
        u, i = users[place], chosen.indices[place].astype(np.int64)
        x = chosen[u]
        row = np.repeat(np.arange(len(u)), np.diff(x.indptr))
        keep = (x.indices != i[row]) & (rng.random(x.nnz) >= drop)
        lengths = np.bincount(row[keep], minlength=len(u))
        some = lengths > 0
        if not some.any():
            continue
        history, lengths, i = x.indices[keep].astype(np.int64), lengths[some], i[some]
        chosen_too = x.toarray()[some][:, i]
        np.fill_diagonal(chosen_too, False)
        yield i, history, np.cumsum(lengths) - lengths, lengths, chosen_too


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.sqrt((x * x).sum(axis=1, keepdims=True)), _TINY)


def towers(torch: Any, w: Mapping[str, Any], batch: _Batch) -> Any:
    """u_u . v_i of all users and items of a batch, (B, B), in PyTorch."""
    unit = torch.nn.functional.normalize
    h = torch.nn.functional.embedding_bag(batch.history, w["e"], batch.starts, mode="sum") / batch.lengths[:, None]
    if "W1" in w:
        h = h + torch.relu(h @ w["W1"] + w["b1"]) @ w["W2"]
    return unit(h, eps=_TINY) @ unit(w["q"][batch.i], eps=_TINY).T


def in_batch_loss(torch: Any, s: Any, log_q: Any, chosen_too: Any) -> Any:
    """The loss at the top of this file, from s (B, B), ln Q_j (B,) or None, and what is no negative (B, B)."""
    l_uj = s if log_q is None else s - log_q
    l_uj = l_uj.masked_fill(chosen_too, -torch.inf)
    return torch.nn.functional.cross_entropy(l_uj, torch.arange(len(s), device=s.device))
