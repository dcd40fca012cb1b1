"""The pipeline as Airflow runs it: the functions of pipeline.py, each a task with its retries.

    ingest -> validate -> train -> evaluate -> decide -> publish or keep -> announce

Airflow's packages and the course's do not go together, so this file is read by a Python of Airflow's own, and nothing of
recsys_lab is imported here: the body of each task runs in a process of the course's Python, RECSYS_LAB_PYTHON. Only text
passes between the two. Results go from task to task in the run's folder, as they do without Airflow.

The run's parameters are the fields of recsys_lab.production.runs.Settings; RECSYS_LAB_PIPELINE has their defaults.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

PYTHON = os.environ.get("RECSYS_LAB_PYTHON", "python3")
SETTINGS = json.loads(os.environ.get("RECSYS_LAB_PIPELINE", "{}"))


@task.external_python(python=PYTHON, expect_airflow=False)
def step(name, settings, until):
    from recsys_lab.production.by_airflow import do

    do(name, settings, until)


@task.branch_external_python(python=PYTHON, expect_airflow=False)
def decide(settings, until):
    from recsys_lab.production.by_airflow import do

    return "publish" if do("decide", settings, until)["publish"] else "keep"


@task.external_python(python=PYTHON, expect_airflow=False)
def keep(settings, until):
    from recsys_lab.production.by_airflow import why

    print(why(settings, until))


@dag(
    dag_id="recsys_lab_pipeline",
    schedule="0 0 * * 3",  # Wednesdays: the day on which MovieLens 100K ends
    start_date=datetime(1997, 9, 24, tzinfo=UTC),
    catchup=False,  # from 1997 to now would be 1,500 runs; `airflow backfill create` makes up for those of a time
    # In turn: a candidate is held against the champion of the run before. A backfill has a limit of its own, which is 10
    # unless it is told `--max-active-runs 1`.
    max_active_runs=1,
    params=SETTINGS,
    # For what passes by itself, such as a service that is being restarted.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": 2.0},
    doc_md=__doc__,
)
def pipeline():
    asked = {"settings": "{{ params | tojson }}", "until": "{{ logical_date.isoformat() }}"}
    ingest = step.override(task_id="ingest")("ingest", **asked)
    validate = step.override(task_id="validate", retries=0)("validate", **asked)  # bad data do not mend by waiting
    train = step.override(task_id="train")("train", **asked)
    evaluate = step.override(task_id="evaluate")("evaluate", **asked)
    publish = step.override(task_id="publish")("publish", **asked)
    announce = step.override(task_id="announce", trigger_rule="none_failed_min_one_success")("announce", **asked)
    ingest >> validate >> train >> evaluate >> decide(**asked) >> [publish, keep(**asked)] >> announce


pipeline()
