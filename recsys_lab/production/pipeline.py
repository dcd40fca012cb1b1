"""A model that is trained anew as ratings come in, and put in use only if it deserves it: seven steps, a function each.

    ingest    the ratings of a data set, and the clicks of the service's log, before the run's moment
    validate  are they fit to learn from? If not, the run ends here, and the model in use stays
    train     a registered model on what happened before the holdout, the last days before the run's moment
    evaluate  the candidate, the champion (the model in use) and popularity on the holdout, the same users for all
    decide    publish the candidate, or keep the champion
    publish   the candidate becomes the champion (shelf.py)
    announce  say so, and tell the service

Each step takes the settings and the run's moment, reads what the step before it wrote into the run's folder (runs.py),
and writes its own outcome there, whole or not at all. Called again it gives the same bytes and publishes nothing twice:
whatever is killed, wherever, is simply started again. pipeline_dag.py hands these functions to Airflow; `run` calls
them one after the other.

What is published is the very file that was judged. It has not seen the holdout; nor has the champion, whose own
holdout began earlier. Users who came since are for the service to fold in.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from recsys_lab import datasets, registry, storage
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.production import gate, intake, validation
from recsys_lab.production.runs import Outcome, RefusedError, Run, Settings, UnannouncedError, runs
from recsys_lab.production.shelf import Publication, alone, sha256_of
from recsys_lab.ratings import Ratings


# ---------------------------------------------------------------------- the steps
def ingest(settings: Settings, until: datetime) -> Outcome:
    """Write what was known at that moment to ratings.csv, the clicks with it."""
    run = Run(settings, until)
    rows, counts = intake.known(settings.data, settings.events, run.until)
    with run.at_work():
        with storage.atomic(run.folder / "ratings.csv") as file:
            rows.to_csv(file, index=False)
        return run.note("ingest", {"data": settings.data, **counts, "sha256": sha256_of(run.folder / "ratings.csv")})


def validate(settings: Settings, until: datetime) -> Outcome:
    """Check what came in. Raises RefusedError, which names each check that failed; validate.json has all of them."""
    run, dataset = Run(settings, until), datasets.load(settings.data)
    with run.at_work():
        rows, sha256 = _taken_in(run)
        report = validation.check(
            rows,
            until=run.until,
            cut=run.cut,
            scale=dataset.scale,
            items=dataset.items["item"],
            liked=intake.LIKED,
            before=_last_accepted(run),
        )
        failed = [one for one in report if not one.passed]
        outcome = {"passed": not failed, "rows": len(rows), "until": run.until, "sha256": sha256}
        outcome = run.note("validate", {**outcome, "checks": [one._asdict() for one in report]})
    if failed:
        reasons = "; ".join(f"{one.name}: {one.found}" for one in failed)
        raise RefusedError(f"run {run.name} is refused, and nothing changes: {reasons}.")
    return outcome


def train(settings: Settings, until: datetime) -> Outcome:
    """Fit the candidate on what happened before the holdout, and write it to candidate.npz."""
    run = Run(settings, until)
    with run.at_work():
        rows, sha256 = _taken_in(run)
        validated = run.read("validate")
        if not validated["passed"] or validated["sha256"] != sha256:
            raise DataError(f"run {run.name}: what came in did not pass validation. Run `validate` first.")
        model = _fit(registry.make(settings.model, **settings.params), run, rows)
        storage.save(model, run.folder / "candidate.npz")
        of = model.train_
        sizes = {"ratings": of.n_ratings, "users": of.n_users, "items": of.n_items, "cut": run.cut}
        sha256 = sha256_of(run.folder / "candidate.npz")
        return run.note("train", {"model": settings.model, "params": model.params(), **sizes, "sha256": sha256})


def evaluate(settings: Settings, until: datetime) -> Outcome:
    """Judge the candidate against popularity and the champion, on the holdout and paired by user."""
    run = Run(settings, until)
    with run.at_work() as shelf:
        made = _candidate(run)
        if shelf.published(run.name, made["sha256"]):
            return run.read("evaluate")  # by now it is the champion, or was: it cannot be judged against itself
        rows, _ = _taken_in(run)
        models = {"candidate": storage.load(run.folder / "candidate.npz")}
        models["popularity"] = _fit(registry.make("popularity"), run, rows)
        champion = shelf.champion()
        if champion is not None and champion.cut <= run.cut:
            models["champion"] = storage.load(shelf.path(champion))
        test = gate.holdout(rows, run.cut, models)
        if "champion" in models and gate.n_known(models["champion"], test) < validation.JUDGES:
            del models["champion"]
        results = {name: evaluate_ranking(model, test, relevant=intake.LIKED) for name, model in models.items()}
        outcome = {
            "candidate": made["sha256"],
            "champion": None if champion is None else champion._asdict(),
            "metrics": {name: {m: e._asdict() for m, e in r.metrics.items()} for name, r in results.items()},
            "candidate minus": {name: gate.difference(results, name) for name in models if name != "candidate"},
        }
        return run.note("evaluate", outcome)


def decide(settings: Settings, until: datetime) -> Outcome:
    """The gate (gate.py): publish the candidate if it passes each check, else keep the champion."""
    run = Run(settings, until)
    with run.at_work() as shelf:
        judged = run.read("evaluate")
        if judged["candidate"] != _candidate(run)["sha256"]:
            raise DataError(f"run {run.name}: another candidate was evaluated. Run `evaluate` again.")
        if shelf.published(run.name, judged["candidate"]):
            return run.read("decide")
        report = gate.checks(judged, run.cut, settings.margin)
        publish = all(one.passed for one in report)
        outcome = {"candidate": judged["candidate"], "publish": publish, "checks": [one._asdict() for one in report]}
        return run.note("decide", outcome)


def publish(settings: Settings, until: datetime) -> Outcome:
    """Put the candidate in use; once, however often it is called."""
    run = Run(settings, until)
    with run.at_work() as shelf:
        made, decided = _candidate(run), run.read("decide")
        if not decided["publish"] or decided["candidate"] != made["sha256"]:
            raise DataError(f"run {run.name}: the gate did not say to publish this candidate.")
        publication = Publication(run.name, made["model"], made["cut"], made["sha256"])
        shelf.publish(run.folder / "candidate.npz", publication)
        return run.note("publish", {**publication._asdict(), "artefact": shelf.artefact.name})


def announce(settings: Settings, until: datetime) -> Outcome:
    """Say what became of the run; where a new model is in use, have the service load it.

    Raises UnannouncedError where the service cannot be told. What was published stays published.
    """
    run = Run(settings, until)
    with run.at_work() as shelf:
        decided, champion = run.read("decide"), shelf.champion()
        news = decided["publish"] and champion is not None and champion.run == run.name
        outcome: Outcome = {
            "run": run.name,
            "published": decided["publish"],
            "because": [one["found"] for one in decided["checks"] if one["passed"] == decided["publish"]],
            "in use": None if champion is None else {**champion._asdict(), "version": champion.version},
            "told": _tell(settings.announce) if news and settings.announce else None,
        }
        run.note("announce", outcome)
    if outcome["told"] and "error" in outcome["told"]:
        raise UnannouncedError(
            f"{champion.version} is in use, but {settings.announce} was not told: {outcome['told']['error']}."  # type: ignore[union-attr]
        )
    return outcome


# ---------------------------------------------------------------------- all of them
def run(settings: Settings, until: datetime) -> Iterator[tuple[str, Outcome]]:
    """All steps in turn, without Airflow: each one's name and outcome, as it is done."""
    for step in (ingest, validate, train, evaluate, decide):
        outcome = step(settings, until)
        yield step.__name__, outcome
    if outcome["publish"]:
        yield "publish", publish(settings, until)
    yield "announce", announce(settings, until)


def backfill(
    settings: Settings, start: datetime, end: datetime, every: timedelta
) -> Iterator[tuple[datetime, dict[str, Outcome] | RefusedError]]:
    """Runs from `start` to `end`, both included, oldest first: (moment, outcomes by step, or why it was refused)."""
    if every < timedelta(hours=1):
        raise DataError(f"every={every}: runs are an hour apart at least.")
    while start <= end:
        try:
            yield start, dict(run(settings, start))
        except RefusedError as error:
            yield start, error
        start += every


def rollback(settings: Settings) -> Publication:
    """Go back to the artefact before the one in use. Run again, the run that made the latter does not republish it."""
    with alone(settings.folder):
        shelf = settings.shelf()
        shelf.settle()
        return shelf.rollback()


# ---------------------------------------------------------------------- what the steps share
def _taken_in(run: Run) -> tuple[pd.DataFrame, str]:
    """The rows that were taken in, and the checksum of their file; refused if it is another one now."""
    wanted, path = run.read("ingest")["sha256"], run.folder / "ratings.csv"
    if sha256_of(path) != wanted:
        raise DataError(f"{path} is not what was taken in. Run `ingest` again.")
    return pd.read_csv(path), wanted


def _last_accepted(run: Run) -> Outcome | None:
    """What was validated for the last run before this one that passed."""
    earlier = [one.noted().get("validate") for one in runs(run.settings) if one.until < run.until]
    return next((one for one in reversed(earlier) if one and one["passed"]), None)


def _fit(model: Recommender, run: Run, rows: pd.DataFrame) -> Recommender:
    """Fit on what happened before the holdout. Where a pair was rated and clicked, the rating counts."""
    dataset = datasets.load(run.settings.data)
    known = rows[rows["timestamp"] < run.cut].sort_values("source", ascending=False, kind="stable")
    known = known.drop_duplicates(["user", "item"])
    return model.fit(Ratings.from_frame(known, scale=dataset.scale), dataset.items)


def _candidate(run: Run) -> Outcome:
    """What `train` noted; refused if the file is another one now."""
    made = run.read("train")
    if sha256_of(run.folder / "candidate.npz") != made["sha256"]:
        raise DataError(f"run {run.name}: candidate.npz is not what was trained. Run `train` again.")
    return made


def _tell(address: str) -> dict[str, Any]:
    """Ask the service to look at the artefact now: its answer, or what went wrong."""
    url = f"{address.rstrip('/')}/v1/admin/reload"
    key = os.environ.get("RECSYS_LAB_SERVE_API_KEY", "")
    request = urllib.request.Request(url, data=b"", method="POST", headers={"X-API-Key": key})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is not behind a proxy
    try:
        with direct.open(request, timeout=60) as response:
            answer = json.loads(response.read())
        if answer["result"] == "refused":
            return {"url": url, "error": answer["message"]}
        return {"url": url, "answer": answer}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {"url": url, "error": f"{type(error).__name__}: {error}"}
