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
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

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


def run(settings: Settings, until: datetime, home: Path) -> Mapping[str, str]:
    """One run by Airflow, whose files are in `home` (airflow.log has what it said): task -> its last state.

    Raises MissingExtraError without Airflow, DataError where the run could not be started.
    """
    airflow, home = command(), home.resolve()
    here = replace(settings, folder=settings.folder.resolve(), events=settings.events and settings.events.resolve())
    told = environment(home, here)
    with alone(home), (home / "airflow.log").open("w", encoding="utf-8") as log:

        def say(*words: str) -> int:
            done = subprocess.run([airflow, *words], env=told, cwd=home, stdout=log, stderr=subprocess.STDOUT)
            return done.returncode

        if say("db", "migrate"):
            raise DataError(f"Airflow's database could not be made: {log.name} says why.")
        say(
            "dags", "test", DAG_ID, until.isoformat(), "--dagfile-path", str(DAG)
        )  # its exit code says less than the states of the tasks
        states = _states(home / "airflow.db", until)
    if not states:
        raise DataError(f"Airflow did not run {DAG_ID}: {log.name} says why.")
    return states


def _states(database: Path, until: datetime) -> dict[str, str]:
    """The tasks of the run of this moment, as they ended, with the number of tries where it took more than one."""
    asked = """
        SELECT task_id, coalesce(task.state, 'not run'), try_number
        FROM task_instance AS task JOIN dag_run USING (dag_id, run_id)
        WHERE dag_id = ? AND datetime(logical_date) = datetime(?) ORDER BY coalesce(task.end_date, '9'), task_id
    """
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(asked, [DAG_ID, until.isoformat()]).fetchall()
    return {task: f"{state}, try {tries}" if tries > 1 else state for task, state, tries in rows}
