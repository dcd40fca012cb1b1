"""The pipeline run by Airflow: how to start it, and what its tasks call.

Airflow has an environment of its own, `.venv-airflow` (`python3 .ci/install.py airflow`). `run` starts `airflow dags
test`: one run of the DAG from begin to end, with a real metadata database and real retries, but without a scheduler,
a web server or any other process that stays or listens.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.production import pipeline
from recsys_lab.production.runs import Outcome, Run, Settings, moment
from recsys_lab.production.shelf import alone

ROOT = Path(__file__).resolve().parents[2]
DAG, DAG_ID = Path(__file__).with_name("pipeline_dag.py"), "recsys_lab_pipeline"


# ---------------------------------------------------------------------- called by the tasks
def do(step: str, settings: str, until: str) -> Outcome:
    """One step of the pipeline; what it prints is in Airflow's log of the task."""
    outcome = getattr(pipeline, step)(Settings.from_json(settings), moment(until))
    print(outcome)
    return outcome


def why(settings: str, until: str) -> str:
    """Why the champion was kept."""
    decided = Run(Settings.from_json(settings), moment(until)).read("decide")
    return "The champion stays: " + "; ".join(one["found"] for one in decided["checks"] if not one["passed"])


# ---------------------------------------------------------------------- called by the command
class Task(NamedTuple):
    """A task of a run, its last state, and how often it was tried."""

    name: str
    state: str
    tries: int

    @property
    def passed(self) -> bool:
        return self.state in ("success", "skipped")


def command() -> Path:
    """Airflow's program. Raises MissingExtraError where it is not installed."""
    program = ROOT / ".venv-airflow" / "bin" / "airflow"
    if not program.is_file():
        raise MissingExtraError(
            "Airflow has an environment of its own, and it is missing: python3 .ci/install.py airflow."
        )
    return program


def environment(home: Path, settings: Settings) -> dict[str, str]:
    """What Airflow is told: where its files are, where the course's Python is, and to keep to itself."""
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAG.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "RECSYS_LAB_PYTHON": sys.executable,
        "RECSYS_LAB_PIPELINE": settings.to_json(),
    }


def run(settings: Settings, until: datetime, home: Path) -> list[Task]:
    """One run by Airflow, whose files are in `home` (airflow.log has what it said): its tasks, as they ended.

    Raises MissingExtraError without Airflow, DataError where the run could not be started.
    """
    airflow, home = command(), home.resolve()
    here = replace(settings, folder=settings.folder.resolve(), events=settings.events and settings.events.resolve())
    told = environment(home, here)
    with alone(home), (home / "airflow.log").open("w", encoding="utf-8") as log:

        def say(*words: str) -> bool:
            done = subprocess.run([airflow, *words], env=told, cwd=home, stdout=log, stderr=subprocess.STDOUT)
            return done.returncode == 0

        good = say("db", "migrate") and say("dags", "test", DAG_ID, until.isoformat(), "--dagfile-path", str(DAG))
        tasks = _tasks(home / "airflow.db", until)
    # Where it failed, a task failed; if none did, then they are those of an earlier run of this moment.
    if not tasks or (not good and all(task.passed for task in tasks)):
        raise DataError(f"Airflow did not run {DAG_ID}: {log.name} says why.")
    return tasks


def _tasks(database: Path, until: datetime) -> list[Task]:
    asked = """
        SELECT task_id, coalesce(task.state, 'not run'), try_number
        FROM task_instance AS task JOIN dag_run USING (dag_id, run_id)
        WHERE dag_id = ? AND datetime(logical_date) = datetime(?) ORDER BY coalesce(task.end_date, '9'), task_id
    """
    if not database.is_file():
        return []
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return [Task(*row) for row in connection.execute(asked, [DAG_ID, until.isoformat()])]
