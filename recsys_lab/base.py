"""The interface of every model: fit, predict, recommend.

This is the only file that turns ids into rows, hides what a user has seen, ranks, and falls back when a model has
nothing to say. So an algorithm's file holds the algorithm and little else: it writes `_fit` and `_score`.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import pandas as pd

from recsys_lab.biases import Biases, damped_biases
from recsys_lab.errors import DataError, NotFittedError, UnsupportedError, few
from recsys_lab.ranking import top_k
from recsys_lab.ratings import IdIndex, Ratings, require_columns
from recsys_lab.split import times

# Scores are computed for blocks of users whose table stays below this many numbers (64 MB), however many users ask.
_BLOCK = 2**23


class Reason(NamedTuple):
    """One part of an explanation: `weight` is what it added to the score (its sign says in which direction)."""

    kind: str  # "user", "item" or "term"
    id: object
    rating: float
    weight: float


class Recommender(ABC):
    """A model that learns from ratings, predicts ratings and recommends items.

    A subclass's `__init__` stores keyword parameters and nothing else; what is learned gets a name that ends in `_`.

    Attributes
    ----------
    train_ : the Ratings it was fitted on.
    fallback_ : Biases, mu + b_u + b_i, used where the model itself has no answer.

    Cold start: `predict` answers for unknown users and items by the fallback; `recommend` does what `unknown` says;
    `recommend_for` serves a new user from a few ratings without refitting, where the model can.
    """

    train_: Ratings
    fallback_: Biases
    needs_items: ClassVar[bool] = False  # True: `fit` needs a table of the items, and `_fit(train, table)` gets it
    needs_times: ClassVar[bool] = False  # True: `fit` needs a frame with timestamps, and `_fit(train, when)` gets them
    scores_are_ratings: ClassVar[bool] = True  # False: `_score` only ranks, and `predict` gives the damped biases

    # ------------------------------------------------------------------ what an algorithm writes, in row space
    @abstractmethod
    def _fit(self, train: Ratings) -> None:
        """Learn from train; set attributes that end in `_`."""

    @abstractmethod
    def _score(self, rows: np.ndarray) -> np.ndarray:
        """Scores (len(rows), n_items) for these users; NaN where the model cannot tell."""

    def _predict(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Scores of aligned pairs of known rows and columns. Override it where a pair is cheaper than a row."""
        out = np.full(len(rows), np.nan)
        if not self.scores_are_ratings:
            return out
        users, inverse = np.unique(rows, return_inverse=True)
        for block in self._blocks(len(users)):
            scores = self._score(users[block])
            here = (inverse >= block.start) & (inverse < block.stop)
            out[here] = scores[inverse[here] - block.start, columns[here]]
        return out

    def _fold_in(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Scores (n_items,) for a new user who rated these items so: aligned arrays, as `_checked_history` orders them."""
        raise UnsupportedError(f"{type(self).__name__} cannot serve a new user without refitting.")

    def _similar(self, column: int) -> np.ndarray:
        """How similar each item is to this one, (n_items,); NaN where the model cannot tell."""
        raise UnsupportedError(f"{type(self).__name__} does not compare items with each other.")

    def _explain(self, row: int, column: int) -> list[Reason]:
        raise UnsupportedError(f"{type(self).__name__} does not explain its recommendations.")

    def _item_reasons(self, columns: np.ndarray, ratings: np.ndarray, weights: np.ndarray) -> list[Reason]:
        """One reason for each of the user's items, from aligned arrays."""
        ids = self.train_.items.ids[columns]
        return [Reason("item", i, float(r), float(w)) for i, r, w in zip(ids, ratings, weights)]

    # ------------------------------------------------------------------ what everybody calls, in ids
    def fit(self, ratings: Ratings | pd.DataFrame, items: pd.DataFrame | None = None) -> Self:
        """Learn from ratings: a `Ratings`, or a frame with columns user, item, rating. May be called again.

        `items`, a frame with one row an item (column item, and what is known of it), is for models that learn from
        descriptions, such as TfidfContent; they can then recommend items that nobody has rated. Others ignore it.
        A model that learns from the order of choices, such as SASRec, needs a frame with a column timestamp.
        """
        train = ratings if isinstance(ratings, Ratings) else Ratings.from_frame(ratings)
        more: tuple[Any, ...] = ()
        if self.needs_items:
            train, table = _described(train, items, type(self).__name__)
            more = (table,)
        if self.needs_times:
            more = (_moments(train, ratings, type(self).__name__),)
        self.fallback_ = damped_biases(train.matrix)
        self._fit(train, *more)
        self.train_ = train  # last, so that a fit that failed does not pass for a fitted model
        return self

    def predict(self, pairs: pd.DataFrame, *, fallback: bool | Literal["mean"] = True) -> np.ndarray:
        """Predicted ratings for the rows of `pairs` (columns user, item), in their order, clipped to the scale.

        Where the model has no answer (an unknown user or item, no neighbour), it is the damped biases
        mu + b_u + b_i; NaN with fallback=False; mu alone with fallback="mean". The last is Surprise's rule for a
        prediction that it calls impossible, an oddity, since it often knows the user or the item well.
        """
        train = self._fitted()
        require_columns(pairs, user="user", item="item")
        rows, columns = train.users.rows(pairs["user"]), train.items.rows(pairs["item"])
        known = (rows >= 0) & (columns >= 0)
        out = np.full(len(pairs), np.nan)
        out[known] = self._predict(rows[known], columns[known])
        if fallback not in (True, False, "mean"):
            raise DataError(f"fallback={fallback!r}: choose True, False or 'mean'.")
        if fallback:
            gap = np.isnan(out)
            out[gap] = train.mean if fallback == "mean" else self.fallback_.at(rows[gap], columns[gap])
        return np.clip(out, *train.scale)

    def recommend(
        self,
        users: Any,
        n: int = 10,
        *,
        exclude_seen: bool = True,
        items: Iterable[Any] | None = None,
        unknown: Literal["raise", "skip", "popular"] = "raise",
    ) -> pd.DataFrame:
        """The n best items for each user, as a frame with columns user, item, score, rank (1 is best).

        Parameters
        ----------
        users : one id, or several.
        n : length of each list, at least 1; shorter where the model can score fewer items.
        exclude_seen : leave out what the user rated in training.
        items : the candidates; by default every item.
        unknown : an unknown user raises UnknownIdError, is skipped, or gets the most rated items
            (the score is then the number of ratings).
        """
        train = self._fitted()
        if unknown not in ("raise", "skip", "popular"):
            raise DataError(f"unknown={unknown!r}: choose 'raise', 'skip' or 'popular'.")
        wanted = [users] if np.isscalar(users) else list(users)
        rows = train.users.known(wanted) if unknown == "raise" else train.users.rows(wanted)
        candidates = None if items is None else np.unique(train.items.known(list(items)))

        known, distinct = rows >= 0, np.unique(rows[rows >= 0])
        blocks = [*self._ranked(distinct, n, exclude_seen, candidates)]
        if not blocks or not known.all():
            counts = np.bincount(train.matrix.indices, minlength=train.n_items).astype(float)
            blocks.append(_rank(counts[None, :], n, candidates))
        columns, scores = (np.concatenate(parts) for parts in zip(*blocks))
        place = np.where(known, np.searchsorted(distinct, rows), -1)  # the last list is for those who are unknown
        if unknown == "skip":
            wanted, place = [user for user, k in zip(wanted, known) if k], place[known]
        return _long(wanted, columns[place], scores[place], train.items)

    def recommend_for(self, history: pd.DataFrame | Mapping[Any, float], n: int = 10) -> pd.DataFrame:
        """The n best items for a new user with these ratings: columns item, score, rank. Nothing is refitted.

        Parameters
        ----------
        history : a frame with columns item and rating, or a mapping {item: rating}; at least one known item.
        """
        train = self._fitted()
        if isinstance(history, Mapping):
            history = pd.DataFrame({"item": list(history), "rating": list(history.values())})
        columns, values = self._checked_history(history)
        scores = self._fold_in(columns, values)[None, :].copy()
        scores[0, columns] = np.nan
        return _long([None], *_rank(scores, n, None), train.items).drop(columns="user")

    def similar(self, item: Any, n: int = 10) -> pd.DataFrame:
        """The n items most similar to this one: columns item, score, rank. Shorter where fewer are similar (score > 0)."""
        train = self._fitted()
        column = int(train.items.known([item])[0])
        scores = np.array(self._similar(column), dtype=float)[None, :]
        scores[0, column] = np.nan
        return _long([None], *_rank(np.where(scores > 0, scores, np.nan), n, None), train.items).drop(columns="user")

    def explain(self, user: Any, item: Any, n: int = 3) -> pd.DataFrame:
        """The n reasons that moved this score most: columns kind, id, rating, weight, the heaviest first."""
        train = self._fitted()
        reasons = self._explain(int(train.users.known([user])[0]), int(train.items.known([item])[0]))
        reasons = sorted(reasons, key=lambda r: -abs(r.weight))[:n]
        return pd.DataFrame(reasons, columns=list(Reason._fields))

    # ------------------------------------------------------------------ shared machinery
    def params(self) -> dict[str, Any]:
        """The constructor's parameters and their present values."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.params().items())})"

    def _fitted(self) -> Ratings:
        if not hasattr(self, "train_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted: call fit(ratings) first.")
        return self.train_

    def _blocks(self, n: int) -> Iterator[slice]:
        train = getattr(self, "train_", None)
        size = max(1, _BLOCK // max(1, train.n_items if train is not None else 1))
        for start in range(0, n, size):
            yield slice(start, min(start + size, n))

    def _checked_history(self, history: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """(columns, ratings) of a new user's history, checked, in the order of the columns."""
        train = self._fitted()
        checked = Ratings.from_frame(history.assign(user=0), scale=train.scale)
        columns = train.items.known(checked.items.ids)
        order = np.argsort(columns)
        return columns[order], checked.matrix.data[order]

    def _ranked(
        self, rows: np.ndarray, n: int, exclude_seen: bool, candidates: np.ndarray | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Block by block, the best columns of these rows and their scores, as `_rank` gives them."""
        for block in self._blocks(len(rows)):
            scores = np.array(self._score(rows[block]), dtype=float)  # a copy: masking must not reach into the model
            if exclude_seen:
                seen = self.train_.matrix[rows[block]].tocoo()
                scores[seen.coords[0], seen.coords[1]] = np.nan
            yield _rank(scores, n, candidates)


def _described(train: Ratings, items: pd.DataFrame | None, model: str) -> tuple[Ratings, pd.DataFrame]:
    """The ratings over all items of the table, and the table in the order of their columns."""
    if items is None:
        raise DataError(
            f"{model} learns from descriptions: call fit(ratings, items) with a frame that has a column item and text "
            "columns such as title and genres (datasets.load(name).items)."
        )
    require_columns(items, item="item")
    if items["item"].isna().any() or items["item"].duplicated().any():
        raise DataError("the table of items names an item twice, or has a row without one: keep one row an item.")
    missing = IdIndex(items["item"], noun="item").rows(train.items.ids) < 0
    if missing.any():
        raise DataError(
            f"the table of items lacks {int(missing.sum()):,} of the {train.n_items:,} rated items, such as "
            f"{few(train.items.ids[missing])}: add their rows, or drop their ratings."
        )
    train = train.widen(items["item"])
    return train, items.iloc[np.argsort(train.items.rows(items["item"]))].reset_index(drop=True)


def _moments(train: Ratings, ratings: Ratings | pd.DataFrame, model: str) -> np.ndarray:
    """The time of each stored rating, aligned with train.matrix.data."""
    if isinstance(ratings, Ratings):
        raise DataError(
            f"{model} learns from the order in which users chose, and a Ratings holds no times: call fit with a frame "
            "that has the columns user, item, rating and timestamp."
        )
    require_columns(ratings, timestamp="timestamp")
    pair = train.users.rows(ratings["user"]) * np.int64(train.n_items) + train.items.rows(ratings["item"])
    return times(ratings)[np.argsort(pair)]


def _rank(scores: np.ndarray, n: int, candidates: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The n best columns of each row and their scores, (rows, n), best first; a row that has fewer ends in -1."""
    if n < 1:
        raise DataError(f"n={n}: ask for at least one recommendation.")
    if candidates is not None:
        scores = scores[:, candidates]
    best = top_k(scores, min(n, scores.shape[1]))
    columns = best if candidates is None else np.where(best < 0, -1, candidates[best])
    return columns, np.take_along_axis(scores, np.maximum(best, 0), axis=1)


def _long(users: list[Any], columns: np.ndarray, scores: np.ndarray, items: IdIndex) -> pd.DataFrame:
    """One frame from a list a user (a row of columns and of scores). Built as a whole: a frame a user is 50 times slower."""
    listed = columns >= 0
    user = pd.Series(users).repeat(listed.sum(axis=1))
    frame = {"item": items.ids[columns[listed]], "score": scores[listed], "rank": np.nonzero(listed)[1] + 1}
    return pd.DataFrame({"user": user.reset_index(drop=True), **frame})
