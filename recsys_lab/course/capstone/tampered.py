"""`python -m recsys_lab.course.capstone.tampered HIDDEN PACKAGE ...`: as `python -m PACKAGE ...`, with a wrong hidden part.

In this process `datasets.load` gives other ratings for the hidden pairs, and the log of `datasets.events` ends before the
first of them: training that reads them changes.
"""

from __future__ import annotations

import runpy
import sys

import pandas as pd

from recsys_lab import datasets
from recsys_lab.course.projects.worker import tamper


def shorten(moment: int) -> None:
    """From now on every log of `datasets.events` ends before this moment."""
    real = datasets.events

    def events(name: str = "shop") -> pd.DataFrame:
        log = real(name)
        return log[log["timestamp"] < moment]

    datasets.events = events  # type: ignore[assignment]


if __name__ == "__main__":
    hidden = pd.read_pickle(sys.argv[1])  # written by the scorer
    tamper(hidden[["user", "item"]])
    shorten(hidden["timestamp"].min())
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
