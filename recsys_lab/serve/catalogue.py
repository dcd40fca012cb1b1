"""What the service knows of the items without any model: titles, a search, what is popular, what shares genres."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from recsys_lab.datasets import Dataset, titles
from recsys_lab.ranking import top_k


class Catalogue:
    """The items of a data set, the most rated first.

    Attributes
    ----------
    ids : list of the items' ids; titles : id -> title with the year; counts : ndarray, ratings of each, falling.
    scale : (lowest, highest) rating.
    """

    def __init__(self, data: Dataset):
        counts = data.ratings["item"].value_counts().reindex(data.items["item"], fill_value=0).to_numpy()
        order = np.argsort(-counts, kind="stable")
        items = data.items.iloc[order].reset_index(drop=True)
        self.scale = data.scale
        self.titles = titles(items)
        self.counts = counts[order].astype(float)
        self.ids: list[Any] = items["item"].tolist()
        self._place = {str(id): place for place, id in enumerate(self.ids)}
        self._entries = [_entry(*row) for row in zip(self.ids, self.titles.values(), items["genres"], counts[order])]
        self._folded = [folded(title) for title in self.titles.values()]
        self._genres = items["genres"].str.get_dummies("|").to_numpy(float)

    def place(self, text: str) -> int:
        """Where the item with this id stands, as an address writes it; -1 where there is none."""
        return self._place.get(text, -1)

    def search(self, query: str, n: int) -> list[dict[str, Any]]:
        """The n most rated items whose titles hold all words of the query, or their beginnings and ends. O(items)."""
        words = folded(query).split()
        found = []
        for entry, text in zip(self._entries, self._folded):
            if all(word in text for word in words):
                found.append(entry)
                if len(found) == n:
                    break
        return found

    def popular(self, n: int, without: set[Any]) -> tuple[list[Any], list[float]]:
        """The n most rated items and their ratings' numbers, without some."""
        kept = [place for place, id in enumerate(self.ids[: n + len(without)]) if id not in without][:n]
        return [self.ids[place] for place in kept], self.counts[kept].tolist()

    def alike(self, place: int, n: int) -> tuple[list[Any], list[float]]:
        """The n items that share most genres with this one (Jaccard: shared / of either), the most rated first."""
        shared = self._genres @ self._genres[place]
        sizes = self._genres.sum(axis=1)
        either = sizes + sizes[place] - shared
        scores = np.divide(shared, either, out=np.zeros(len(shared)), where=either > 0)
        scores = np.where(scores > 0, scores, np.nan)
        scores[place] = np.nan
        best = top_k(scores[None, :], min(n, len(scores)))[0]
        best = best[best >= 0]
        return [self.ids[i] for i in best], scores[best].tolist()


def folded(text: str) -> str:
    """As people type it: without case and accents.

    >>> folded("Les Misérables (1995)")
    'les miserables (1995)'
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _entry(id: Any, title: str, genres: str, count: float) -> dict[str, Any]:
    known = genres.split("|") if isinstance(genres, str) and genres else []
    return {"item": id, "title": title, "genres": known, "ratings": int(count)}
