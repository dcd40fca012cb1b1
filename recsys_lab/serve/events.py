"""Impressions and clicks, stored so that what was acknowledged is never lost, and nothing is stored twice.

Whoever gets no answer posts again: so every event has an id of its client's making, and one that is known already is
counted as a duplicate and not stored. `append` returns after the database has committed. One thread writes: it takes
all that waits in one transaction (a group commit), so that a hundred posts share one sync of the disk.

SQLite by default, in WAL mode with synchronous=FULL: a commit is on the disk before it returns.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

import pandas as pd
import sqlalchemy as sa

from recsys_lab import checks
from recsys_lab.errors import DataError
from recsys_lab.serve.database import COLUMNS, EVENTS, engine, without_password

KINDS = ("impression", "click")
_GROUP = 5_000  # events that one transaction stores at most
_ASKED = 500  # ids that one query asks for: SQLite limits the parameters of a statement
_TRIES = 3
_WAITING = 50_000  # events that may wait to be written: beyond, a post is refused


class Event(NamedTuple):
    """What a user was shown, or chose.

    id : of the client's making (a UUID); the same id again is the same event.
    rank : place in the list, 1 is best. request_id, model : of the answer that showed it. at : seconds since 1970, UTC.
    """

    kind: str
    user: int | str
    item: int | str
    id: str = ""
    rank: int | None = None
    request_id: str | None = None
    model: str | None = None
    experiment: str | None = None
    variant: str | None = None
    at: float | None = None


class Appended(NamedTuple):
    """How many events of a post are new, and how many had been stored before."""

    stored: int
    duplicates: int


class Overloaded(Exception):
    """More events wait than may: try again later."""


_Post = tuple[list[dict[str, Any]], "Future[Appended]"]


class EventLog:
    """The log in a database.

    Parameters
    ----------
    url : a SQLAlchemy URL; "sqlite:///events.db" is a file in the folder where the process was started.

    Raises DataError where the database cannot be opened. One log a process; several processes may share a database.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, EventLog(f"sqlite:///{folder}/events.db") as log:
    ...     log.append([Event("click", "ann", 5, id="a", at=1.0), Event("click", "ann", 5, id="a", at=1.0)])
    ...     log.frame()[["user", "item", "at"]].to_numpy().tolist()
    Appended(stored=1, duplicates=1)
    [['ann', 5, 1.0]]
    """

    def __init__(self, url: str = "sqlite:///events.db"):
        try:
            self._engine = engine(url)
            EVENTS.metadata.create_all(self._engine)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            shown = without_password(url)
            raise DataError(f"events={shown!r} cannot be opened: {str(error).splitlines()[0]}") from error
        self._queue: queue.SimpleQueue[_Post | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ in
    def append(self, events: Iterable[Event | Mapping[str, Any]] | pd.DataFrame) -> Appended:
        """Store events (Event, mappings or a frame with these columns); returns when they are durable.

        Without an id an event gets one, and cannot be recognised when it comes again; without a time, it is of now.
        """
        return self.submit(events).result()

    def submit(self, events: Iterable[Event | Mapping[str, Any]] | pd.DataFrame) -> Future[Appended]:
        """The same without waiting: the future is done when they are durable. Raises Overloaded, DataError."""
        rows = [_row(event) for event in _mappings(events)]
        done: Future[Appended] = Future()
        done.set_running_or_notify_cancel()  # from here on it cannot be cancelled: the writer must be able to set it
        with self._lock:
            if self._closed:
                raise DataError("this EventLog is closed: make a new one.")
            if self._waiting and self._waiting + len(rows) > _WAITING:
                raise Overloaded(f"{self._waiting:,} events wait to be written.")
            self._waiting += len(rows)
            self._queue.put((rows, done))
        return done

    def _write(self) -> None:
        while group := self._next_group():
            try:
                answers = self._store([rows for rows, _ in group])
            except Exception as error:
                for _, done in group:
                    done.set_exception(error)
            else:
                for (_, done), answer in zip(group, answers):
                    done.set_result(answer)
            with self._lock:
                self._waiting -= sum(len(rows) for rows, _ in group)

    def _next_group(self) -> list[_Post]:
        """All posts that wait, up to the size of a transaction; [] when the log is closed and nothing is left."""
        group: list[_Post] = []
        size = 0
        while size < _GROUP:
            try:
                post = self._queue.get(block=not group)
            except queue.Empty:
                break
            if post is None:
                self._queue.put(None)  # so that the next round ends, too
                break
            group.append(post)
            size += len(post[0])
        return group

    def _store(self, posts: list[list[dict[str, Any]]]) -> list[Appended]:
        for _ in range(_TRIES):
            with contextlib.suppress(
                sa.exc.IntegrityError
            ):  # another process stored one of them in between: look again
                return self._transaction(posts)
        return self._transaction(posts)

    def _transaction(self, posts: list[list[dict[str, Any]]]) -> list[Appended]:
        ids = [row["id"] for rows in posts for row in rows]
        with self._engine.begin() as connection:
            known: set[str] = set()
            for start in range(0, len(ids), _ASKED):
                asked = sa.select(EVENTS.c.id).where(EVENTS.c.id.in_(ids[start : start + _ASKED]))
                known.update(connection.scalars(asked))
            answers: list[Appended] = []
            new: list[dict[str, Any]] = []
            for rows in posts:
                before = len(new)
                for row in rows:
                    if row["id"] not in known:
                        known.add(row["id"])
                        new.append(row)
                answers.append(Appended(len(new) - before, len(rows) - (len(new) - before)))
            if new:
                connection.execute(EVENTS.insert(), new)
        return answers

    # ------------------------------------------------------------------ out
    def frame(self, since: float | None = None, until: float | None = None) -> pd.DataFrame:
        """The events with since <= at < until, sorted by (at, id): columns id, kind, user, item, rank, request_id, model,
        experiment, variant, at."""
        asked = sa.select(EVENTS).order_by(EVENTS.c.at, EVENTS.c.id)
        if since is not None:
            asked = asked.where(EVENTS.c.at >= since)
        if until is not None:
            asked = asked.where(EVENTS.c.at < until)
        with self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        frame = pd.DataFrame([tuple(row) for row in rows], columns=COLUMNS, dtype=object)
        return frame.astype({"rank": "Int64", "at": float}).assign(
            user=frame["user"].infer_objects(), item=frame["item"].infer_objects()
        )

    def close(self) -> None:
        """Store what waits, and let the database go. May be called again."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._engine.dispose()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _mappings(events: Iterable[Event | Mapping[str, Any]] | pd.DataFrame) -> Iterable[Mapping[str, Any]]:
    if isinstance(events, pd.DataFrame):
        values = events.astype(object).where(events.notna(), None)
        return values.to_dict("records")  # type: ignore[return-value]
    return [event._asdict() if isinstance(event, Event) else event for event in events]


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    """A whole row from what is given. Raises DataError, and names what is wrong."""
    row = {name: event.get(name) for name in COLUMNS}
    checks.choice("kind", row["kind"], KINDS)
    for name in ("user", "item"):
        if row[name] is None or isinstance(row[name], (bool, float)):
            raise DataError(f"{name}={row[name]!r}: an event has a {name} whose id is a whole number or text.")
    row["id"] = str(row["id"] or uuid.uuid4())
    row["at"] = time.time() if row["at"] is None else float(row["at"])
    row["rank"] = None if row["rank"] is None else int(row["rank"])
    return row
