"""The pipeline's settings, and the folders in which its runs leave what they found.

A run is named by its logical date, the moment that it looks back from, and not by the time of day when it happens to
run. So it can be repeated, and past dates can be made up for with what would have been known then.
"""

from __future__ import annotations

import contextlib
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from recsys_lab import checks, registry
from recsys_lab.errors import DataError, MissingDataError, RecsysLabError
from recsys_lab.production.shelf import Shelf, alone
from recsys_lab.records import plain, write

DAY = 86_400
Outcome = dict[str, Any]
_HERE = ("127.0.0.1", "localhost", "::1")


class RefusedError(DataError):
    """The data were not fit to learn from: nothing was trained, and the model in use stays."""


class UnannouncedError(RecsysLabError):
    """The service could not be told. The model is in use all the same."""


@dataclass(frozen=True)
class Settings:
    """Of one pipeline.

    Attributes
    ----------
    folder : where the runs, the shelf and the champion lie.
    data : a data set with timestamps; it gives ratings and the catalogue. events : the SQLite file of the service's log.
    model, params : what is trained, by its name in the registry.
    holdout : days before a run's moment that candidate and champion are judged on, from 1.
    margin : of nDCG@10, at least 0: the candidate may be worse than the champion by so much, and not by more at 95 %
        confidence. Weekly runs of EASE on MovieLens 100K are sure of it to 0.007 to 0.04 (25 to 90 users).
    keep : how many artefacts before the one in use are kept, from 1.
    announce : the service's address on this machine, such as http://127.0.0.1:8000; its key is read from
        RECSYS_LAB_SERVE_API_KEY. None: nobody is told (the service looks at the file every second anyway).

    >>> Settings.from_json(Settings(margin=0.05).to_json()).margin
    0.05
    """

    folder: Path = Path(".recsys_lab/pipeline")
    data: str = "ml-100k"
    events: Path | None = None
    model: str = "ease"
    params: Mapping[str, Any] = field(default_factory=dict)
    holdout: int = 28
    margin: float = 0.02
    keep: int = 3
    announce: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "events", None if self.events is None else Path(self.events))
        registry.make(self.model, **self.params)
        checks.whole("holdout", self.holdout, 1, "the days that models are judged on")
        checks.number("margin", self.margin, 0, "by how much a candidate may be worse", 1)
        checks.whole("keep", self.keep, 1, "how many earlier artefacts are kept")
        if self.announce is not None and urllib.parse.urlsplit(self.announce).hostname not in _HERE:
            raise DataError(f"announce={self.announce!r}: only a service on this machine is told, at 127.0.0.1.")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote; what is left out has its default."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    def shelf(self) -> Shelf:
        return Shelf(self.folder, self.keep)


def moment(text: str) -> datetime:
    """A logical date: a day or an hour, in UTC where no zone is named.

    >>> moment("1998-04-22T06:00+02:00")
    datetime.datetime(1998, 4, 22, 4, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{text!r} is not a date: write it as 1998-04-22, or 1998-04-22T06.") from None
    found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    if found.timestamp() % 3600:
        raise DataError(f"{text!r}: a run belongs to a full hour, such as {found:%Y-%m-%dT%H}.")
    return found


class Run:
    """One run: a pipeline's settings, a moment, and the folder that belongs to both, `runs/1998-04-22T00`.

    Attributes
    ----------
    name : of the run and of its folder. until : the moment, cut : where its holdout begins, in seconds since 1970.
    """

    def __init__(self, settings: Settings, until: datetime):
        self.settings = settings
        self.name = f"{until.astimezone(UTC):%Y-%m-%dT%H}"
        self.until = int(until.timestamp())
        self.cut = self.until - settings.holdout * DAY
        self.folder = settings.folder / "runs" / self.name

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Shelf]:
        """Alone in the pipeline's folder, after what a killed process began there has been finished."""
        with alone(self.settings.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            shelf = self.settings.shelf()
            shelf.settle()
            yield shelf

    def note(self, step: str, outcome: Outcome) -> Outcome:
        """Write a step's outcome, whole or not at all; the same outcome gives the same bytes."""
        write(self.folder / f"{step}.json", json.dumps(plain(outcome), indent=2) + "\n")
        return outcome

    def read(self, step: str) -> Outcome:
        """What a step noted. Raises MissingDataError where it was not done."""
        path = self.folder / f"{step}.json"
        if not path.is_file():
            raise MissingDataError(f"run {self.name}: the step {step!r} was not done. Run it first.")
        return json.loads(path.read_text(encoding="utf-8"))

    def noted(self) -> dict[str, Outcome]:
        """The outcomes of all steps that were done."""
        return {path.stem: self.read(path.stem) for path in sorted(self.folder.glob("*.json"))}


def runs(settings: Settings) -> list[Run]:
    """All runs that left a folder, by their moments."""
    return [Run(settings, moment(path.name)) for path in sorted((settings.folder / "runs").glob("*T*"))]
