"""What the monitor found: checks with their verdicts, as values, as JSON for machines, and as a page for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from recsys_lab.production.measures import Span
from recsys_lab.records import plain, write

SCHEMA = "recsys-lab/monitor/1"
OK, ALERT, UNKNOWN = "ok", "alert", "unknown"


class Check(NamedTuple):
    """One question and its answer.

    value, threshold : in the check's own unit; beyond the threshold it alarms. p_value : None for plain limits.
    verdict : "ok", "alert", or "unknown" where data are missing. remedy : what to do about an alarm.
    """

    name: str
    group: str
    value: float | None
    threshold: float | None
    p_value: float | None
    verdict: str
    why: str
    remedy: str


class Report(NamedTuple):
    """The checks, and the counts behind them.

    level : the p-value at or below which a check alarms. tables : counts by day, rank, variant, and of each mix.
    """

    reference: Span
    current: Span
    false_alarms: float
    runs_a_week: int
    level: float
    counts: dict[str, dict[str, Any]]
    checks: list[Check]
    tables: dict[str, list[dict[str, Any]]]

    @property
    def alerts(self) -> list[Check]:
        return [check for check in self.checks if check.verdict == ALERT]

    def to_json(self) -> str:
        """The report as JSON text: NaN is null, and `schema` changes when a key does."""
        head = {"schema": SCHEMA, "verdict": ALERT if self.alerts else OK}
        body = {**self._asdict(), "checks": [check._asdict() for check in self.checks]}
        return json.dumps(plain(head | body), indent=1, allow_nan=False)

    def save(self, folder: str | Path) -> tuple[Path, Path]:
        """Write report.json and report.html (one file, with its figures) and return their paths."""
        from recsys_lab.production.monitor_page import page

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / "report.json", folder / "report.html"
        for path, text in zip(paths, (self.to_json(), page(self))):
            write(path, text)
        return paths
