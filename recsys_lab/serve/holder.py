"""The model in use: loaded and tried beside the event loop, watched, and exchanged in one step.

A new artefact is noticed by its file's inode, size and time, read and tried in a thread of its own, and takes the old
one's place by the assignment of one reference: requests that have begun end with the snapshot they took, later ones
take the new one, and no request waits. Whatever is wrong with the artefact, it is refused and logged, and the model in
use stays; the same file is not tried again until it changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsys_lab import reasons, storage
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, MissingDataError, RecsysLabError, UnsupportedError, few
from recsys_lab.serve.catalogue import Catalogue
from recsys_lab.serve.metrics import Metrics
from recsys_lab.serve.settings import Settings
from recsys_lab.serve.snapshot import Snapshot

_Stamp = tuple[int, int, int]


class Outcome(NamedTuple):
    """What a look at the artefact led to: "loaded", "unchanged" or "refused", and a message."""

    result: str
    message: str


class Holder:
    """Holds the snapshot in use of one artefact; `which` is its name in the log, the metrics and requests.

    Attributes
    ----------
    current : the Snapshot, None before a sound artefact was seen. Read it once a request.
    refused : why the artefact that lies there now is not in use; None where it is.
    """

    def __init__(self, which: str, path: Path, settings: Settings, catalogue: Catalogue, metrics: Metrics, log: Any):
        self.current: Snapshot | None = None
        self.refused: str | None = None
        self._which, self._path, self._settings = which, path, settings
        self._catalogue, self._metrics, self._log = catalogue, metrics, log.bind(which=which)
        self._stamp: _Stamp | str | None = "never looked"
        self._lock = threading.Lock()  # the watcher and an administrator may look at the same time
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Load the artefact, if there is a sound one, and begin to watch."""
        self.look()
        self._watcher.start()

    @property
    def version(self) -> str | None:
        """Of the model in use."""
        snapshot = self.current
        return None if snapshot is None else snapshot.version

    def stop(self) -> None:
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._settings.reload_seconds):
            self.look()

    def look(self, *, again: bool = False) -> Outcome:
        """Load the artefact if it changed since the last look; with `again`, even if not."""
        with self._lock:
            path = self._path
            stamp = _stamp(path)
            if stamp == self._stamp and not again:
                return Outcome("unchanged", self.refused or "the artefact is in use")
            self._stamp = stamp
            started = time.perf_counter()
            try:
                version = _version(path)
                if version == self.version:
                    self.refused = None
                    return Outcome("unchanged", "the artefact is in use")
                model = storage.load(path)
                _try(model, self._catalogue)
                snapshot = Snapshot(model, version, self._settings.cache_mb * 2**20)
                snapshot.prepare()
                if _stamp(path) != stamp:
                    self._stamp = "changed"  # the next look reads it anew
                    raise DataError(f"{path} changed while it was read.")
            except Exception as error:  # whatever a file may do to its reader: the model in use stays
                return self._refuse(error)
            self._take(snapshot)
            ms = round((time.perf_counter() - started) * 1000)
            self._log.info("model loaded", version=version, model=repr(model), ms=ms)
            return Outcome("loaded", f"version {version} is in use")

    def _take(self, snapshot: Snapshot) -> None:
        old, self.current, self.refused = self.current, snapshot, None  # here it changes, for all later requests
        if old is not None:
            self._metrics.model.remove(self._which, old.version)
        self._metrics.model.labels(self._which, snapshot.version).set_to_current_time()
        self._metrics.reloads.labels("loaded").inc()

    def _refuse(self, error: Exception) -> Outcome:
        known = isinstance(error, (RecsysLabError, OSError))
        message = str(error) if known else f"the model fails when it is tried ({type(error).__name__}: {error})"
        self.refused = message.replace(str(self._path), self._path.name)  # no folder leaves
        self._metrics.reloads.labels("missing" if isinstance(error, MissingDataError) else "refused").inc()
        self._log.warning("model refused", why=message, in_use=self.version, exc_info=not known)
        return Outcome("refused", self.refused)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _version(path: Path) -> str:
    if not path.is_file():
        raise MissingDataError(f"no model at {path}: `recsys-lab save` writes one.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _try(model: Recommender, catalogue: Catalogue) -> None:
    """Ask the model what requests will ask it, before they do. It also compiles what the first would wait for."""
    train = model.train_
    known = set(catalogue.ids)
    strange = [id for id in train.items.ids.tolist() if id not in known]
    if strange:
        raise DataError(
            f"the model knows {len(strange):,} items that the data set does not have, such as {few(strange)}: it was "
            "fitted on another data set; start the service with that one (--data)."
        )
    columns, ratings = train.of(0)
    lists = [model._score(np.array([0]))[0]]
    for ask in (lambda: model._fold_in(columns, ratings), lambda: model._similar(0)):
        with contextlib.suppress(UnsupportedError):
            lists.append(ask())
    reasons.best(model, 0, 0)
    for scores in lists:
        if np.shape(scores) != (train.n_items,):
            raise DataError(f"the model gives {np.shape(scores)} scores for {train.n_items:,} items: it is damaged.")
