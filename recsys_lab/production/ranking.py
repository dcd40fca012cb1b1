"""Two stages: several cheap models propose candidates, boosted trees rank them by features of this moment.

    candidates  the `each` best unseen items of every source, with the source's score and rank
    features    what Feast's views know of the user and of each candidate, at that second
    ranking     the chance that the user will like it: Trees
    re-ranking  rerank.py: variety, the user's own mix, freshness

The ranker is trained on what became of earlier requests (rehearsal.py). Everything that goes into its rows was known
before the request's second: the sources were fitted on earlier ratings, the user's history ends there, features are
joined as of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from recsys_lab import checks
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, UnknownIdError
from recsys_lab.production.feature_store import FEATURES, VIEWS, FeatureRepository
from recsys_lab.production.features import as_of, item_features, user_features
from recsys_lab.production.trees import Trees
from recsys_lab.ranking import top_k
from recsys_lab.ratings import IdIndex, require_columns

KNOWN = tuple(f"{view}__{feature}" for view in VIEWS for feature in FEATURES)  # the columns that the views bring
Lookup = Callable[[pd.DataFrame], pd.DataFrame]


def known_then(ratings: pd.DataFrame, facts: pd.DataFrame | None = None) -> Lookup:
    """A look-up of the views' features as of each row's timestamp, without a store: features.as_of, the views' names.

    facts : what does not change with time, a frame indexed by item, such as the year of a film; its columns come last.
    """
    tables = [user_features(ratings), item_features(ratings)]

    def look_up(rows: pd.DataFrame) -> pd.DataFrame:
        for view, key, table in zip(VIEWS, ("user", "item"), tables):
            named = table.rename(columns={feature: f"{view}__{feature}" for feature in FEATURES})
            rows = as_of(rows, named, key).drop(columns="known_at")
        return _with_facts(rows, facts)

    return look_up


def known_now(store: FeatureRepository, facts: pd.DataFrame | None = None) -> Lookup:
    """A look-up of the latest values in Feast's online store: what a request finds. facts as in `known_then`."""

    def look_up(rows: pd.DataFrame) -> pd.DataFrame:
        for view, key in zip(VIEWS, ("user", "item")):
            ids = pd.unique(rows[key])
            named = store.online(key, ids).rename(columns={feature: f"{view}__{feature}" for feature in FEATURES})
            rows = rows.merge(named.astype({key: rows[key].dtype}), on=key, how="left")
        return _with_facts(rows, facts)

    return look_up


def _with_facts(rows: pd.DataFrame, facts: pd.DataFrame | None) -> pd.DataFrame:
    return rows if facts is None else rows.join(facts, on="item")


class Trending:
    """How often each item was rated in the week that ends with its last rating, as of a second: the view's ratings_7d.

    The same number as `as_of(rows, item_features(ratings), "item")["ratings_7d"]`, for all items at once.

    >>> from recsys_lab import datasets
    >>> Trending(datasets.toy().ratings).at(1_700_100_000, [1, 2]).tolist()
    [4.0, 3.0]
    """

    def __init__(self, ratings: pd.DataFrame):
        rows = item_features(ratings)  # by item, then by moment
        self._items, self._count = IdIndex(rows["item"], noun="item"), rows["ratings_7d"].to_numpy(dtype=float)
        place = self._items.rows(rows["item"])
        self._first = np.searchsorted(place, np.arange(len(self._items)))
        # One number that orders all rows by item, then by moment, so that one binary search serves all items.
        self._zero = int(rows["known_at"].min()) - 1
        self._span = int(rows["known_at"].max()) - self._zero + 1
        self._key = place * self._span + (rows["known_at"].to_numpy() - self._zero)

    def at(self, second: float, items: np.ndarray) -> np.ndarray:
        """(len(items),) float; 0 where nothing was known yet."""
        place = self._items.rows(items)
        moment = min(max(int(second) - self._zero, 0), self._span - 1)
        row = np.searchsorted(self._key, place * self._span + moment, side="right") - 1
        known = (place >= 0) & (row >= self._first[place])
        return np.where(known, self._count[row], 0.0)


class Sources:
    """Several fitted models, and what is trending, as one source of candidates.

    Parameters
    ----------
    models : {name: fitted Recommender that can fold in}, all fitted on the same ratings.
    each : how many candidates every source proposes, at least 1.

    Raises DataError for models fitted on different catalogues, or a source called "trending" or "user".
    """

    def __init__(self, models: Mapping[str, Recommender], *, each: int = 100):
        checks.whole("each", each, 1, "so many candidates are taken from every source")
        catalogues = [model._fitted().items for model in models.values()]
        if not catalogues or any(catalogue != catalogues[0] for catalogue in catalogues):
            raise DataError("give at least one source, and fit all on the same ratings: they share a catalogue.")
        self.models, self.each, self.items = dict(models), each, catalogues[0]
        self.names = (*models, "trending")
        self.columns = tuple(column for name in self.names for column in (name, f"{name}_rank"))
        if len({*self.columns, *KNOWN, "request", "user", "item", "timestamp"}) < 2 * len(self.names) + len(KNOWN) + 4:
            raise DataError(f"sources {', '.join(self.names)}: a name occurs twice, or is one of the table's columns.")

    def candidates(self, history: pd.DataFrame, trending: np.ndarray) -> pd.DataFrame:
        """The best `each` unseen items of every source: columns item, and for every source its score and rank.

        history : columns item, rating: what the user rated so far. trending : (n_items,) counts in the order of `items`.
        """
        columns = self.items.rows(history["item"])
        order = np.argsort(columns)[(columns < 0).sum() :]  # items that are newer than the models say nothing to them
        columns, values = columns[order], history["rating"].to_numpy(dtype=float)[order]
        if len(columns) == 0:
            raise UnknownIdError("none of the history's items is known to the models: answer with what is popular.")
        scores = np.vstack([*(model._fold_in(columns, values) for model in self.models.values()), trending])
        scores[:, columns] = np.nan
        # A full ranking, since a candidate of one source has a rank in all others, too.
        order = np.argsort(-scores, axis=1, kind="stable")  # NaN last: a source may have nothing to say to this history
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(1, scores.shape[1] + 1)[None], axis=1)
        chosen = np.flatnonzero(((rank <= self.each) & ~np.isnan(scores)).any(axis=0))
        table = {"item": self.items.ids[chosen]}
        for name, score, place in zip(self.names, scores, rank):
            table |= {name: score[chosen], f"{name}_rank": place[chosen]}
        return pd.DataFrame(table)

    def table(self, asked: pd.DataFrame, ratings: pd.DataFrame, trends: Trending | None = None) -> pd.DataFrame:
        """The candidates of all requests (of `requests`), below each other, with columns request, user, timestamp.

        ratings : all of them; of each user only those before the request's second are read. trends : Trending(ratings),
        if it is there already.
        """
        require_columns(asked, request="request", user="user", timestamp="timestamp")
        trends = Trending(ratings) if trends is None else trends
        of = dict(tuple(ratings[ratings["user"].isin(asked["user"])].groupby("user")))
        parts = []
        for request, user, second in asked[["request", "user", "timestamp"]].itertuples(index=False):
            past = of[user][of[user]["timestamp"] < second]
            part = self.candidates(past, trends.at(second, self.items.ids))
            parts.append(part.assign(request=request, user=user, timestamp=second))
        return pd.concat(parts, ignore_index=True)


def fit_ranker(table: pd.DataFrame, yes: np.ndarray, sources: Sources, more: tuple[str, ...] = ()) -> Trees:
    """Trees over the sources' scores and ranks, the views' features, and the columns `more`.

    A better score or rank of a source never lowers the answer (monotonic constraints). On ml-100k that is neither better
    nor worse where the rows are sound, and it keeps most of the damage off where the sources have seen the outcomes
    (lesson 4.5). The sizes below were chosen on weeks before those that the lesson and the benchmark report.
    """
    signs = dict.fromkeys(sources.names, 1) | {f"{name}_rank": -1 for name in sources.names}
    columns = (*sources.columns, *KNOWN, *more)
    return Trees.fit(
        table,
        yes,
        columns,
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=31,
        min_samples_leaf=50,
        monotonic_cst=[signs.get(name, 0) for name in columns],
    )


class TwoStage:
    """The system that answers a request: sources, features, ranker, in this order, each a step of its own.

    sources : Sources. look_up : known_now(store) in service; known_then(ratings) in a rehearsal. ranker : Trees.
    trending : (n_items,) counts, kept in memory and renewed (`trending = ...`) when the online store is filled.
    """

    def __init__(self, sources: Sources, look_up: Lookup, ranker: Trees, trending: np.ndarray):
        self.sources, self.look_up, self.ranker, self.trending = sources, look_up, ranker, trending

    def candidates(self, user: object, history: pd.DataFrame, second: int) -> pd.DataFrame:
        return self.sources.candidates(history, self.trending).assign(user=user, timestamp=second)

    def ranked(self, table: pd.DataFrame, n: int = 10) -> pd.DataFrame:
        """The n best of candidates with features: columns user, item, score, rank."""
        scores = self.ranker.score(table)
        best = top_k(scores[None], min(n, len(table)))[0]
        out = table.iloc[best][["user", "item"]].assign(score=scores[best], rank=np.arange(1, len(best) + 1))
        return out.reset_index(drop=True)

    def recommend(self, user: object, history: pd.DataFrame, second: int, n: int = 10) -> pd.DataFrame:
        """All steps but the re-ranking; history as in `Sources.candidates`."""
        return self.ranked(self.look_up(self.candidates(user, history, second)), n)


def true_chance(score: np.ndarray, kept: float) -> np.ndarray:
    """Chances of a ranker that saw only the share `kept` of the negatives, brought back to all of them.

        p = s / (s + (1 - s) / kept)

    The odds of a yes were too high by 1 / kept. The order stays; a threshold, a sum with other terms, and a comparison with
    another model need the true chance. Source: He et al. 2014, "Practical Lessons from
    Predicting Clicks on Ads at Facebook", section 6.

    >>> true_chance(np.array([0.5]), kept=0.1).round(4)
    array([0.0909])
    """
    checks.number("kept", kept, 0, "the share of negatives that was kept", 1, above=True)
    s = np.asarray(score, dtype=float)
    return s / (s + (1 - s) / kept)
