"""One model at one moment, and what it can say: scores for known and new users, similar items, reasons.

A request takes the snapshot that is in use when it arrives, and asks nothing else: so an answer never mixes two models.
The answers kept ready belong to the snapshot, and go with it when the next one takes its place. So that a new model does
not meet all its users at once, their lists are made before it is taken into use, as many as fit into a second of
computing: in blocks, which is five times as fast as one by one.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from recsys_lab import reasons
from recsys_lab.base import Recommender, _rank

_AHEAD, _LENGTH, _BLOCK = 1.0, 10, 16  # seconds, items of a list, users at once: a block must not hold up requests


class Listed(NamedTuple):
    """A ranked list: the model's columns, the items' ids, their scores."""

    columns: list[int]
    items: list[Any]
    scores: list[float]


class Answers:
    """Rendered answers by (path, query), the least recently used forgotten beyond `limit` bytes. For one thread.

    >>> kept = Answers(limit=500)
    >>> kept.put("a", b"x" * 100); kept.put("b", b"x" * 100); kept.get("b"), kept.get("a") is None
    (b'xxx...', True)
    """

    _BESIDE = 200  # bytes that an entry takes beside its text, about

    def __init__(self, limit: float):
        self.limit, self.size = limit, 0
        self._bodies: OrderedDict[Any, bytes] = OrderedDict()

    def get(self, key: Any) -> bytes | None:
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    def put(self, key: Any, body: bytes) -> None:
        self.size += len(body) + self._BESIDE - self._forget(key)
        self._bodies[key] = body
        while self.size > self.limit:
            self.size -= self._forget(next(iter(self._bodies)))

    def _forget(self, key: Any) -> int:
        body = self._bodies.pop(key, None)
        return 0 if body is None else len(body) + self._BESIDE


class Snapshot:
    """A loaded model and its version, the first twelve digits of its file's SHA-256."""

    def __init__(self, model: Recommender, version: str, cache_bytes: float):
        self.model, self.version = model, version
        self.answers = Answers(cache_bytes)
        self._ahead: list[tuple[np.ndarray, np.ndarray]] = []

    def prepare(self, seconds: float = _AHEAD) -> None:
        """Make lists of ten for the users, row by row, until so much computing is done (a busy machine does not count)."""
        until, n_users = time.thread_time() + seconds, self.model.train_.n_users
        for start in range(0, n_users, _BLOCK):
            if time.thread_time() > until:
                break
            rows = np.arange(start, min(start + _BLOCK, n_users))
            self._ahead.extend(zip(*next(self.model._ranked(rows, _LENGTH, True, None))))

    def ready(self, row: int, n: int) -> Listed | None:
        """The list of this user, if it was made ahead."""
        if n > _LENGTH or not 0 <= row < len(self._ahead):
            return None
        columns, scores = self._ahead[row]
        return self._listed(columns[:n], scores[:n])

    # ------------------------------------------------------------------ ids
    def user(self, text: str) -> int:
        """The row of a user as an address writes the id; -1 where the model does not know them."""
        users = self.model.train_.users
        if users.ids.dtype.kind in "iu":
            return int(users.rows([int(text)])[0]) if re.fullmatch(r"-?[0-9]{1,18}", text) else -1
        return int(users.rows([text])[0])

    def columns(self, items: Iterable[Any]) -> np.ndarray:
        """The columns of items, -1 where the model does not know them."""
        index, asked = self.model.train_.items, list(items)
        numbers = index.ids.dtype.kind in "iu"  # an id of another type is unknown: a client may send anything
        out = np.full(len(asked), -1)
        usable = [place for place, item in enumerate(asked) if isinstance(item, int) == numbers]
        out[usable] = index.rows([asked[place] for place in usable])
        return out

    def seen(self, row: int) -> set[Any]:
        """What the user with this row rated."""
        return set(self.model.train_.items.ids[self.model.train_.of(row)[0]].tolist())

    # ------------------------------------------------------------------ lists
    def for_user(self, row: int, n: int) -> Listed:
        columns, scores = next(self.model._ranked(np.array([row]), n, True, None))
        return self._listed(columns[0], scores[0])

    def for_history(self, columns: np.ndarray, values: np.ndarray, without: np.ndarray, n: int) -> Listed:
        scores = np.array(self.model._fold_in(columns, values), dtype=float)
        scores[columns] = scores[without] = np.nan
        best, scores = _rank(scores[None, :], n, None)
        return self._listed(best[0], scores[0])

    def similar(self, column: int, n: int) -> Listed:
        scores = np.array(self.model._similar(column), dtype=float)
        scores[column] = np.nan
        best, scores = _rank(np.where(scores > 0, scores, np.nan)[None, :], n, None)
        return self._listed(best[0], scores[0])

    def _listed(self, columns: np.ndarray, scores: np.ndarray) -> Listed:
        listed = columns >= 0
        items = self.model.train_.items.ids[columns[listed]]
        return Listed(columns[listed].tolist(), items.tolist(), scores[listed].tolist())

    # ------------------------------------------------------------------ reasons, in the order of a list
    def why_user(self, row: int, listed: Listed) -> list[list[reasons.Reason]]:
        return [reasons.best(self.model, row, column) for column in listed.columns]

    def why_history(self, columns: np.ndarray, values: np.ndarray, listed: Listed) -> list[list[reasons.Reason]]:
        return reasons.of_history(self.model, columns, values, listed.columns)


def told(found: Iterable[reasons.Reason], titles: Mapping[Any, str]) -> list[dict[str, Any]]:
    """Reasons as an answer shows them."""
    return [{**reason._asdict(), "id": _plain(reason.id), "text": reasons.in_words(reason, titles)} for reason in found]


def _plain(id: Any) -> Any:
    return id.item() if hasattr(id, "item") else id
