"""`recsys-lab monitor`: the checks of a service's log, for a scheduler and for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys_lab.errors import DataError, MissingDataError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Run it")
    def monitor(
        events: Annotated[str, typer.Option(metavar="URL", help="The log, such as sqlite:///events.db.")],
        reference: Annotated[
            str, typer.Option(metavar="FROM..TO", help="Days as they should be: 2026-10-05..2026-11-01 (UTC).")
        ],
        current: Annotated[str, typer.Option(metavar="FROM..TO", help="Days to be judged; both are included.")],
        model: Annotated[Path, typer.Option("--model", "-m", help="The model that the service uses.")],
        out: Annotated[Path, typer.Option("--out", "-o", help="The folder for report.json and report.html.")],
        data: Annotated[str | None, typer.Option(help="The data set that names the genres, such as ml-100k.")] = None,
        features: Annotated[
            Path | None, typer.Option(help="A file that is written with the features; its age is checked.")
        ] = None,
        false_alarms: Annotated[float, typer.Option(help="The chance of a false alarm in a week.")] = 0.05,
        runs_a_week: Annotated[int, typer.Option(min=1, help="How often this is run: 7 for daily.")] = 1,
    ) -> None:
        """Compare the events of some days with a reference; exit code 1 if there is an alarm.

        The silence since the last event and the ages are taken at the end of the last current day.
        """
        from recsys_lab import datasets, storage
        from recsys_lab.production.monitor import monitor as judge

        before, now = _span("--reference", reference), _span("--current", current)
        for path in (model, features):
            if path is not None and not path.is_file():
                raise MissingDataError(f"{path}: there is no such file.")
        from recsys_lab.serve import EventLog

        with EventLog(events) as log:
            frame = log.frame(min(before[0], now[0]), max(before[1], now[1]))
        report = judge(
            frame,
            storage.load(model).train_,
            reference=before,
            current=now,
            items=None if data is None else datasets.load(data).items,
            model_at=model.stat().st_mtime,
            features_at=None if features is None else features.stat().st_mtime,
            false_alarms=false_alarms,
            runs_a_week=runs_a_week,
        )
        paths = report.save(out)
        for check in report.alerts:
            print(f"ALARM {check.name}: {check.why} {check.remedy}")
        unknown = [check.name for check in report.checks if check.verdict == "unknown"]
        print(f"{len(report.checks)} checks, {len(report.alerts)} alarms", end="")
        print(f", not to be judged: {', '.join(unknown)}." if unknown else ".")
        print(*paths, sep="\n")
        if report.alerts:
            raise typer.Exit(1)


def _span(option: str, text: str) -> tuple[float, float]:
    """
    >>> _span("--current", "1970-01-02..1970-01-03")
    (86400.0, 259200.0)
    """
    import pandas as pd

    try:
        first, last = (pd.to_datetime(day, format="%Y-%m-%d", utc=True) for day in text.split(".."))
    except ValueError:
        raise DataError(f"{option} {text!r}: write it as FROM..TO, such as 2026-11-02..2026-11-08.") from None
    if last < first:
        raise DataError(f"{option} {text!r}: the last day is before the first.")
    return first.timestamp(), (last + pd.Timedelta(days=1)).timestamp()
