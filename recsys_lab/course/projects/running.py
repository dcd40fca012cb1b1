"""The grader's side of a run: what the learner's process gets, how long it may take, what came back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

LIMIT = 180.0  # seconds a run, then it is ended


@dataclass(frozen=True)
class Run:
    """What came of one run of a learner's file. `done` maps a step to {"answer", "seconds"} or {"error"}."""

    done: dict[str, dict[str, Any]]
    seconds: float
    ended: str  # why the process ended early, or ""

    def answer(self, step: str) -> Any:
        """A step's answer, or None where it failed or was not reached."""
        return self.done.get(step, {}).get("answer")

    def trouble(self, step: str) -> str:
        """Why a step has no answer, in one line; "" where it has one."""
        if "error" in self.done.get(step, {}):
            return f"`{step}` failed: {self.done[step]['error'].splitlines()[-1]}"
        if step in self.done:
            return ""
        for earlier, outcome in self.done.items():
            if "error" in outcome:
                return f"`{step}` was not reached, because `{earlier}` failed."
        return f"`{step}` was not reached: {self.ended or 'the process ended early'}."

    @property
    def errors(self) -> dict[str, str]:
        """Step -> short traceback."""
        return {step: outcome["error"] for step, outcome in self.done.items() if "error" in outcome}


def run(
    file: Path,
    project: int | str,
    frames: Mapping[str, pd.DataFrame],
    hidden: pd.DataFrame | None = None,
    hash_seed: int = 0,
    limit: float = LIMIT,
    **job: Any,
) -> Run:
    """Run a learner's file in a new process and collect its answers.

    Parameters
    ----------
    project : its number, or "drill"; says what the file is asked.
    frames : what the learner's functions get.
    hidden : pairs (user, item) whose stars `datasets.load` shall give wrongly in that process; None: as they are.
    hash_seed : the order of Python's sets and of texts in them depends on it.
    limit : seconds; then the process is ended.
    job : what else the worker needs for this project.

    This is a time limit and a process, not a prison: the file can read and write what its user can.
    """
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name, frame in frames.items():
            frame.to_pickle(here / f"{name}.pkl")
        if hidden is not None:
            hidden.to_pickle(here / "hidden.pkl")
        written = {"file": str(file.resolve()), "project": project, "frames": list(frames)}
        text = json.dumps({**written, "tamper": hidden is not None, **job})
        (here / "job.json").write_text(text, encoding="utf-8")
        start = time.perf_counter()
        with (here / "said.txt").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "recsys_lab.course.projects.worker", folder],
                cwd=folder,
                env=environment(hash_seed),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            try:
                code = process.wait(limit)
                ended = f"the process ended with code {code}" if code else ""
            except subprocess.TimeoutExpired:
                ended = f"it was still running after {limit:.0f} s and was ended"
            finally:
                process.kill()
                process.wait()
        seconds = time.perf_counter() - start
        file_done = here / "done.json"
        done = json.loads(file_done.read_text(encoding="utf-8")) if file_done.exists() else {}
        return Run(done, seconds, ended)


def environment(hash_seed: int) -> dict[str, str]:
    """Of a process that runs a learner's code."""
    from recsys_lab.course.lessons import home

    package = Path(__file__).resolve().parents[3]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": str(hash_seed),
        "RECSYS_LAB_HOME": str(home()),
        "RECSYS_LAB_PROGRESS": "off",
        "MPLBACKEND": "Agg",
    }
