"""What can be set, by argument or by environment variable."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from recsys_lab import checks, registry
from recsys_lab.errors import DataError

_PREFIX = "RECSYS_LAB_SERVE_"
# Kubernetes adds such variables to every container, for each service of the namespace: they are not ours.
_FOREIGN = re.compile(r"(SERVICE|PORT)(_|$)")


@dataclass(frozen=True)
class Settings:
    """Of one service. Each is also the environment variable RECSYS_LAB_SERVE_ and its name in capitals.

    Attributes
    ----------
    model : the artefact that `recsys-lab save` wrote; it may appear, change or vanish while the service runs.
    challenger : another artefact, None: there is none. Whoever asks with which=challenger gets its answers, to compare.
    features : the folder of a Feast repository (production/feature_store.py), None: users have no profile.
    min_ratings : users of whom that repository counts fewer ratings get what is popular, at least 0.
    data : the data set that gives titles, and what is popular when there is no model.
    events : the SQLAlchemy URL of the database of impressions and clicks.
    api_key : asked for under /v1/ where it is set (header X-API-Key); /v1/admin/ is closed where it is not.
    reload_seconds : how often the artefact is looked at, above 0.
    timeout_ms : how long a model may take for an answer before what is popular is answered, above 0.
    threads : how many answers are computed at once, 1 to 64. Scoring is arithmetic: more threads than cores gain nothing.
    waiting : how many more may wait for a thread, at least 0; beyond, what is popular is answered at once.
    cache_mb : memory for answers kept ready, at least 0 (0: none are kept).
    log_level : "debug" (requests, with the user), "info" (requests), "warning" (refusals only).

    >>> Settings.from_environment({"RECSYS_LAB_SERVE_TIMEOUT_MS": "80"}).timeout_ms
    80.0
    """

    model: Path = Path("model.npz")
    challenger: Path | None = None
    features: Path | None = None
    min_ratings: int = 0
    data: str = "ml-100k"
    events: str = "sqlite:///events.db"
    api_key: str = field(default="", repr=False)
    reload_seconds: float = 1.0
    timeout_ms: float = 250.0
    threads: int = 2
    waiting: int = 64
    cache_mb: float = 32.0
    log_level: str = "info"

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", Path(self.model))
        object.__setattr__(self, "challenger", Path(self.challenger) if self.challenger else None)
        object.__setattr__(self, "features", Path(self.features) if self.features else None)
        checks.whole("min_ratings", self.min_ratings, 0, "users with fewer ratings get what is popular", 10_000)
        if self.min_ratings and not self.features:
            raise DataError(f"min_ratings={self.min_ratings}: ratings are counted by the feature store; give features.")
        checks.number("reload_seconds", self.reload_seconds, 0, "how often the artefact is looked at", above=True)
        checks.number("timeout_ms", self.timeout_ms, 0, "how long a model may take for an answer", above=True)
        checks.whole("threads", self.threads, 1, "each computes one answer at a time", 64)
        checks.whole("waiting", self.waiting, 0, "how many answers may wait for a thread", 10_000)
        checks.number("cache_mb", self.cache_mb, 0, "memory for answers kept ready")
        checks.choice("log_level", self.log_level, ("debug", "info", "warning"))
        if self.api_key and not re.fullmatch(r"[\x21-\x7e]{8,200}", self.api_key):
            raise DataError("api_key: choose 8 to 200 letters, digits and signs without spaces.")  # it is not shown

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: Any) -> Self:
        """What the environment says, where it is not `given` (None: not given)."""
        kinds = {f.name: type(f.default) for f in fields(cls)}
        found: dict[str, Any] = {}
        for variable, text in environment.items():
            name = variable.removeprefix(_PREFIX).lower()
            if not variable.startswith(_PREFIX) or _FOREIGN.match(variable.removeprefix(_PREFIX)):
                continue
            if name not in kinds:
                raise DataError(f"{variable}: {registry.unknown('setting', name, kinds)}")
            found[name] = _read(variable, text, kinds[name])
        return cls(**found | {name: value for name, value in given.items() if value is not None})


def _read(variable: str, text: str, kind: type) -> Any:
    if kind not in (int, float):
        return text
    try:
        return kind(text)
    except ValueError:
        raise DataError(f"{variable}={text!r}: give a {'whole ' if kind is int else ''}number.") from None
