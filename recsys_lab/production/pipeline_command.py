"""`recsys-lab pipeline`: the steps of pipeline.py with or without Airflow, and a look at what they left."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys_lab.errors import DataError

if TYPE_CHECKING:
    from recsys_lab.production.runs import Settings

CHECK_FAILED = 1  # the exit code of cli.py

app = typer.Typer(
    no_args_is_help=True, help="Retrain, judge, publish or keep: run it, make up for past dates, go back."
)

Folder = Annotated[Path, typer.Option("--folder", "-f", help="Where the runs and the champion lie.")]
Until = Annotated[
    str | None, typer.Option(metavar="DATE", help="Look back from here; by default after the newest row.")
]
Data = Annotated[str, typer.Option("--data", help="A data set with timestamps.")]
Events = Annotated[Path | None, typer.Option(metavar="FILE", help="The service's events.db: its clicks count, too.")]
Model = Annotated[str, typer.Option("--model", "-m", help="What is trained; `recsys-lab models` shows all.")]
Params = Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="Such as damping=300.")]
Holdout = Annotated[int, typer.Option(min=1, metavar="DAYS", help="The last days, which models are judged on.")]
Margin = Annotated[float, typer.Option(help="Of nDCG@10: the candidate may be worse than the champion by so much.")]
Announce = Annotated[
    str | None, typer.Option(metavar="URL", help="The service to tell, such as http://127.0.0.1:8000.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_FOLDER = Path(".recsys_lab/pipeline")


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="pipeline", rich_help_panel="Run it")


@app.command("run")
def run(
    until: Until = None,
    folder: Folder = _FOLDER,
    model: Model = "ease",
    param: Params = None,
    data: Data = "ml-100k",
    events: Events = None,
    holdout: Holdout = 28,
    margin: Margin = 0.02,
    announce: Announce = None,
    airflow: Annotated[bool, typer.Option("--airflow", help="Let Airflow run it, from .venv-airflow.")] = False,
) -> None:
    """One run: ingest, validate, train, evaluate, decide, publish or keep, announce. Run again, it changes nothing."""
    from recsys_lab.production import by_airflow, intake
    from recsys_lab.production.runs import Run, moment

    settings = _settings(folder, model, param, data, events, holdout, margin, announce)
    when = moment(until) if until else intake.latest(data, events)
    one = Run(settings, when)
    if airflow:
        home = folder.parent / "airflow"
        print(f"Airflow runs {by_airflow.DAG_ID} for {one.name}; its log: {home / 'airflow.log'}", flush=True)
        tasks = by_airflow.run(settings, when, home)
        for task in tasks:
            print(f"  {task.name}: {task.state}" + (f" at try {task.tries}" if task.tries > 1 else ""))
        failed = not all(task.passed for task in tasks)
    else:
        failed = not _by_hand(settings, when)
    print(f"{_verdict(one.noted())}\nthe run's folder: {one.folder}\nin use: {_in_use(settings)}")
    if failed:
        raise typer.Exit(CHECK_FAILED)


@app.command("backfill")
def backfill(
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="The first run.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The last one, included.")],
    every: Annotated[str, typer.Option(metavar="7d", help="Between two runs: days (7d) or hours (12h).")] = "7d",
    folder: Folder = _FOLDER,
    model: Model = "ease",
    param: Params = None,
    data: Data = "ml-100k",
    events: Events = None,
    holdout: Holdout = 28,
    margin: Margin = 0.02,
    announce: Announce = None,
) -> None:
    """Runs for past dates, oldest first, each with what was known then. A refused one does not stop the next."""
    from recsys_lab.production import pipeline
    from recsys_lab.production.runs import moment

    settings = _settings(folder, model, param, data, events, holdout, margin, announce)
    refused = False
    for when, done in pipeline.backfill(settings, moment(start), moment(end), _every(every)):
        refused |= isinstance(done, DataError)
        print(f"{when:%Y-%m-%dT%H}  {done if isinstance(done, DataError) else _verdict(done)}", flush=True)
    if refused:
        raise typer.Exit(CHECK_FAILED)


@app.command("status")
def status(folder: Folder = _FOLDER, as_json: AsJson = False) -> None:
    """Each run and what became of it, the model in use, and those that can be gone back to."""
    from recsys_lab.production.runs import Settings, runs
    from recsys_lab.production.shelf import sha256_of

    if not folder.is_dir():
        raise DataError(f"{folder}: no pipeline has run here. `recsys-lab pipeline run` starts one.")
    settings = Settings(folder=folder)
    shelf, noted = settings.shelf(), {run.name: run.noted() for run in runs(settings)}
    champion = shelf.champion()
    whole = champion is not None and shelf.artefact.is_file() and sha256_of(shelf.artefact) == champion.sha256
    earlier = [one for one in shelf.in_effect()[:-1] if shelf.path(one).is_file()]
    verdicts = {name: _verdict(outcomes) for name, outcomes in noted.items()}
    if as_json:
        in_use = None if champion is None else champion._asdict()
        rest = {"in use": in_use, "whole": whole, "earlier": [one._asdict() for one in earlier]}
        print(json.dumps({"runs": verdicts, **rest}, indent=2))
        return
    for name, verdict in verdicts.items():
        print(f"{name}  {verdict}")
    mended = "" if whole or champion is None else " (NOT what it should be: the next run mends it)"
    print(f"\nin use: {_in_use(settings)}{mended}")
    print("earlier: " + (", ".join(f"{one.version} of run {one.run}" for one in earlier) or "none"))


@app.command("rollback")
def rollback(folder: Folder = _FOLDER) -> None:
    """Put the model in use that was in use before."""
    from recsys_lab.production import pipeline
    from recsys_lab.production.runs import Settings

    now = pipeline.rollback(Settings(folder=folder))
    print(f"in use again: {now.model} {now.version} of run {now.run}, {folder / 'champion.npz'}")


def _settings(
    folder: Path,
    model: str,
    param: list[str] | None,
    data: str,
    events: Path | None,
    holdout: int,
    margin: float,
    announce: str | None,
) -> Settings:
    from recsys_lab import registry
    from recsys_lab.production.runs import Settings

    params = dict(registry.param(text) for text in param or [])
    return Settings(folder, data, events, model, params, holdout, margin, announce=announce)


def _every(text: str) -> timedelta:
    """
    >>> _every("7d"), _every("12h")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=43200))
    """
    found = re.fullmatch(r"([1-9]\d{0,4})([dh])", text)
    if not found:
        raise DataError(f"--every {text!r}: write days or hours, such as 7d or 12h.")
    return timedelta(**{{"d": "days", "h": "hours"}[found[2]]: int(found[1])})


def _by_hand(settings: Settings, when: datetime) -> bool:
    """The steps in turn, told as they end. False where the data were refused, or the service was not told."""
    from recsys_lab.production import pipeline
    from recsys_lab.production.runs import RefusedError, UnannouncedError

    try:
        for step, outcome in pipeline.run(settings, when):
            print(f"  {step}: {_in_words(step, outcome)}", flush=True)
    except (RefusedError, UnannouncedError) as error:
        print(f"recsys-lab: {error}", file=sys.stderr)
        return False
    return True


def _in_use(settings: Settings) -> str:
    """The artefact in use, in words."""
    shelf = settings.shelf()
    champion = shelf.champion()
    return (
        f"{champion.model} {champion.version} of run {champion.run}, {shelf.artefact}" if champion else "no model yet"
    )


def _in_words(step: str, outcome: Mapping[str, Any]) -> str:
    match step:
        case "ingest":
            return f"{outcome['ratings']:,} ratings, {outcome['clicks']:,} clicks"
        case "validate":
            return f"{len(outcome['checks'])} checks passed"
        case "train":
            return f"{outcome['model']} on {outcome['ratings']:,} ratings of {outcome['users']:,} users"
        case "evaluate":
            scores = {name: metrics["ndcg@10"] for name, metrics in outcome["metrics"].items()}
            return "nDCG@10 " + ", ".join(f"{name} {one['mean']:.4f}" for name, one in scores.items())
        case "decide":
            return "publish" if outcome["publish"] else "keep the champion"
        case "publish":
            return outcome["sha256"][:12]
        case _:
            return "done" if outcome["told"] is None else f"{outcome['told']['url']} was told"


def _verdict(outcomes: Mapping[str, Any]) -> str:
    """What became of a run, from the outcomes of its steps.

    >>> _verdict({"ingest": {}, "validate": {"passed": True}})
    'unfinished: ingest, validate'
    """
    if not outcomes.get("validate", {"passed": True})["passed"]:
        return "refused: " + "; ".join(
            f"{c['name']}: {c['found']}" for c in outcomes["validate"]["checks"] if not c["passed"]
        )
    if "decide" not in outcomes:
        return "unfinished: " + (", ".join(outcomes) or "nothing was done")
    decided = outcomes["decide"]
    because = "; ".join(c["found"] for c in decided["checks"] if c["passed"] == decided["publish"])
    return (
        f"published {decided['candidate'][:12]}: {because}" if decided["publish"] else f"kept the champion: {because}"
    )
