"""SASRec: what comes next, read from the last choices in their order, by self-attention.

The user's last choices s_1 ... s_T, at most `length` of them, become one vector a place, which one or more blocks refine:

    x_t = sqrt(k) e[s_t] + P_t                                  (which item; how far from the end)
    x_t <- x_t + sum over r <= t of a_tr (z_r Wv)               z = norm(x), each row made of mean 0 and spread 1
           a_tr = softmax over r <= t of (z_t Wq) . (z_r Wk) / sqrt(k)
    x_t <- x_t + relu(z_t W1 + b1) W2 + b2                      z = norm(x) anew
    score of item i after place t = norm(x_t) . e[i] + b[i]

a_tr is how much place t attends to place r. It sees what came before and itself, nothing later; so one pass asks at each place
what came next, and every answer is in the data:

    minimise  - mean over users and places t of  ln( softmax over all items of the scores after place t )[s_(t+1)]

What is served is the score after the last place. Each norm has a gain and a shift of its own, and while training a random
share `dropout` of the numbers is set to 0 after each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import checks
from recsys_lab.base import Recommender
from recsys_lab.factors import cosines
from recsys_lab.production.neural.descent import Weights, descend, device_of, pytorch
from recsys_lab.ratings import Ratings, is_chosen
from recsys_lab.split import times

_EPS = 1e-5  # PyTorch's: added to the variance in each norm


class SASRec(Recommender):
    """Rank items by what a user's last choices, in their order, say of the next one; the model stands at the top of this file.

    `fit` needs a frame with a column timestamp; choices at the same time count in the order of their items' ids. It ranks and
    predicts no stars: `predict` gives the damped biases.

    Parameters
    ----------
    factors : k, length of the vectors, from 1; 32 to 128 is usual.
    length : how many of the last choices are read, from 1; 20 to 200 is usual.
    blocks : how often the middle three lines are repeated, from 1; 1 or 2 is usual.
    dropout : 0 to below 1; 0.2 on large data, 0.5 on small ones is usual.
    epochs : passes over the histories, from 1. rate : of Adam's first steps, above 0. decay : see `descent`.
    batch : histories, or pieces of `length` of them, in a batch, from 1.
    threshold : the rating from which an item counts as chosen; None: every rating does.
    device : "auto" trains on a GPU where PyTorch finds one, else on the processor; "cpu" or "cuda" insist.
    seed : of the start, the batches and the dropout. On one processor, the same seed gives the same bytes.

    Attributes
    ----------
    w_ : the weights by name, float64: e (n_items, k), b (n_items,), P (length, k), and those of each block and norm.
    recent_ : ndarray (n_users, length), the columns of the last choices, the latest at the end; filled with n_items in front.

    Time: an epoch O(n_choices k (n_items + length + k)), a user's scores O(length k (length + k) + n_items k). Memory
    O(n_items k + n_users length). Cold start: `recommend_for` reads a new user's history like any other, in the order of its
    timestamps, or of its rows where it has none; whoever chose nothing has no scores; of an item that nobody chose it learned
    only that others come next. Raises DataError for a parameter out of range, for ratings without times and a fit that
    diverges, and MissingExtraError from `fit` where PyTorch is not installed; a fitted model needs NumPy only.

    Differs from the paper: the loss is the softmax over all items instead of one random negative, which does better
    (Klenitskiy and Vasilev 2023, RecSys). Source: Kang and McAuley 2018 (ICDM).

    >>> from recsys_lab import datasets
    >>> model = SASRec(factors=4, length=5, epochs=2).fit(datasets.toy().ratings)
    >>> model.recent_.shape
    (6, 5)
    """

    scores_are_ratings = False
    needs_times = True
    w_: Weights
    recent_: np.ndarray

    def __init__(
        self,
        factors: int = 64,
        *,
        length: int = 30,
        blocks: int = 1,
        dropout: float = 0.5,
        epochs: int = 12,
        rate: float = 0.005,
        decay: float = 0.01,
        batch: int = 64,
        threshold: float | None = None,
        device: str = "auto",
        seed: int = 0,
    ):
        self.factors = factors
        self.length = length
        self.blocks = blocks
        self.dropout = dropout
        self.epochs = epochs
        self.rate = rate
        self.decay = decay
        self.batch = batch
        self.threshold = threshold
        self.device = device
        self.seed = seed

    def _fit(self, train: Ratings, when: np.ndarray) -> None:  # type: ignore[override]
        for name, why in (("factors", "the length of the vectors"), ("length", "the choices that are read")):
            checks.whole(name, getattr(self, name), 1, why)
        checks.whole("blocks", self.blocks, 1, "without one, nothing looks back")
        checks.number("dropout", self.dropout, 0, "the share of numbers set to 0", 0.99)
        checks.whole("batch", self.batch, 1, "histories that are learned from at once")
        histories = self._histories(train, when)
        n_items, rng = train.n_items, np.random.default_rng(self.seed)
        windows = _windows(histories, self.length, n_items)
        checks.fits_memory("SASRec: a batch", 24.0 * self.batch * self.length * n_items, "Lower batch or length.")
        device, torch = device_of(self.device), pytorch()
        dice = torch.Generator(device=device).manual_seed(self.seed)

        def drop(x: Any) -> Any:
            kept = torch.rand(x.shape, generator=dice, device=device) >= self.dropout
            return x * kept / (1 - self.dropout)

        def batches() -> Iterator[Any]:
            order = rng.permutation(len(windows))
            for start in range(0, len(order), self.batch):
                yield torch.as_tensor(windows[order[start : start + self.batch]], device=device)

        def loss(w: Mapping[str, Any], batch: Any) -> Any:
            s, following = batch[:, :-1], batch[:, 1:]
            there = s < n_items
            x = attend(torch, w, s, self.blocks, drop)[there]
            return torch.nn.functional.cross_entropy(x @ w["e"].T + w["b"], following[there])

        start = self._start(rng, n_items)
        self.w_ = descend(
            "SASRec", start, loss, batches, epochs=self.epochs, rate=self.rate, decay=self.decay, device=device
        )
        self.recent_ = np.array([_filled(history[-self.length :], self.length, n_items) for history in histories])

    def _histories(self, train: Ratings, when: np.ndarray) -> list[np.ndarray]:
        """Each user's choices, the earliest first."""
        chosen = is_chosen(train.matrix.data, self.threshold)
        train.positives(self.threshold)  # refuses a threshold that nothing reaches
        users = np.repeat(np.arange(train.n_users), np.diff(train.matrix.indptr))[chosen]
        columns = train.matrix.indices[chosen].astype(np.int64)
        in_time = columns[np.lexsort((columns, when[chosen], users))]
        return np.split(in_time, np.cumsum(np.bincount(users, minlength=train.n_users))[:-1])

    def _start(self, rng: np.random.Generator, n_items: int) -> Weights:
        k = self.factors
        start = {name: rng.normal(0, 0.1, shape) for name, shape in (("e", (n_items, k)), ("P", (self.length, k)))}
        start |= {"b": np.zeros(n_items), "gain": np.ones(k), "shift": np.zeros(k)}
        for block in range(self.blocks):
            start |= {
                f"{block}.{name}": rng.normal(0, np.sqrt(1 / k), (k, k)) for name in ("Wq", "Wk", "Wv", "W1", "W2")
            }
            start |= {f"{block}.{name}": np.zeros(k) for name in ("b1", "b2", "shift1", "shift2")}
            start |= {f"{block}.{name}": np.ones(k) for name in ("gain1", "gain2")}
        return start

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self._next(self.recent_[rows])

    def _next(self, s: np.ndarray) -> np.ndarray:
        """Scores (m, n_items) after the last place of each row of s (m, length); NaN for a row without choices."""
        w, k, there = self.w_, self.factors, s < len(self.w_["e"])
        x = (np.sqrt(k) * w["e"][np.where(there, s, 0)] + w["P"]) * there[:, :, None]
        sees = _sees(there)
        for b in range(self.blocks):
            z = _norm(x, w[f"{b}.gain1"], w[f"{b}.shift1"])
            a = (z @ w[f"{b}.Wq"]) @ (z @ w[f"{b}.Wk"]).transpose(0, 2, 1) / np.sqrt(k)
            a = np.exp(np.where(sees, a - a.max(axis=2, where=sees, initial=-np.inf, keepdims=True), -np.inf))
            x = x + (a / a.sum(axis=2, keepdims=True)) @ (z @ w[f"{b}.Wv"])
            z = _norm(x, w[f"{b}.gain2"], w[f"{b}.shift2"])
            x = x + np.maximum(z @ w[f"{b}.W1"] + w[f"{b}.b1"], 0) @ w[f"{b}.W2"] + w[f"{b}.b2"]
        scores = _norm(x[:, -1], w["gain"], w["shift"]) @ w["e"].T + w["b"]
        return np.where(there.any(axis=1, keepdims=True), scores, np.nan)

    def _checked_history(self, history: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """As in every model, but in the order of time: by the column timestamp, or as the rows stand."""
        columns, values = super()._checked_history(history)
        when = times(history) if "timestamp" in history else np.arange(len(history))
        item = self._fitted().items.rows(history["item"])
        in_time = item[np.lexsort((item, when))]
        return in_time, values[np.searchsorted(columns, in_time)]

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        mine = columns[is_chosen(values, self.threshold)][-self.length :]
        return self._next(_filled(mine, self.length, len(self.w_["e"]))[None, :])[0]

    def _similar(self, column: int) -> np.ndarray:
        return cosines(self.w_["e"], column)


def _windows(histories: list[np.ndarray], length: int, fill: int) -> np.ndarray:
    """Pieces of length + 1, from the end: in each, every choice but the first is asked for. (n, length + 1), filled in front."""
    pieces = [x[max(0, z - length - 1) : z] for x in histories for z in range(len(x), 1, -length)]
    return np.array([_filled(x, length + 1, fill) for x in pieces], dtype=np.int64).reshape(-1, length + 1)


def _filled(x: np.ndarray, length: int, fill: int) -> np.ndarray:
    return np.concatenate([np.full(length - len(x), fill, dtype=np.int64), x])


def _sees(there: np.ndarray) -> np.ndarray:
    """Which places r each place t attends to, (m, T, T): the filled ones up to itself. An empty place sees itself alone."""
    n = there.shape[1]
    return (np.tri(n, dtype=bool) & there[:, None, :]) | np.eye(n, dtype=bool)


def _norm(x: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPS) * gain + shift


def attend(torch: Any, w: Mapping[str, Any], s: Any, blocks: int, drop: Callable[[Any], Any]) -> Any:
    """norm(x_t) at every place of s (m, T), in PyTorch: (m, T, k)."""
    n_items, k = w["e"].shape
    norm, there = torch.nn.functional.layer_norm, s < n_items
    e = torch.nn.functional.embedding(torch.where(there, s, 0), w["e"])
    x = drop((np.sqrt(k) * e + w["P"]) * there[:, :, None])
    sees = torch.as_tensor(_sees(there.cpu().numpy()), device=s.device)
    for b in range(blocks):
        z = norm(x, (k,), w[f"{b}.gain1"], w[f"{b}.shift1"], eps=_EPS)
        a = (z @ w[f"{b}.Wq"]) @ (z @ w[f"{b}.Wk"]).transpose(1, 2) / np.sqrt(k)
        a = torch.softmax(a.masked_fill(~sees, -torch.inf), dim=2)
        x = x + drop(drop(a) @ (z @ w[f"{b}.Wv"]))
        z = norm(x, (k,), w[f"{b}.gain2"], w[f"{b}.shift2"], eps=_EPS)
        x = x + drop(drop(torch.relu(z @ w[f"{b}.W1"] + w[f"{b}.b1"])) @ w[f"{b}.W2"] + w[f"{b}.b2"])
    return norm(x, (k,), w["gain"], w["shift"], eps=_EPS)
