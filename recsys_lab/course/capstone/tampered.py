"""`python -m recsys_lab.course.capstone.tampered [--still] [--hidden FILE] PACKAGE ...`: as `python -m PACKAGE ...`, but

- with --hidden, `datasets.load` gives other ratings for the hidden pairs, and the log of `datasets.events` ends before the
  first of them: training that reads them changes;
- with --still, chance that has no seed is the same in each process: what changes then is not changed by chance.
"""

from __future__ import annotations

import random
import runpy
import sys

import numpy as np
import pandas as pd
from numpy.random import bit_generator

from recsys_lab import datasets
from recsys_lab.course.projects.worker import tamper


def shorten(moment: int) -> None:
    """From now on every log of `datasets.events` ends before this moment."""
    real = datasets.events

    def events(name: str = "shop") -> pd.DataFrame:
        log = real(name)
        return log[log["timestamp"] < moment]

    datasets.events = events  # type: ignore[assignment]


def hold_still() -> None:
    """From now on Python's and NumPy's generators begin, without a seed, as in every process that calls this."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  the old generator is one of those that a project may use
    # What NumPy asks for entropy; its stubs do not name it.
    bit_generator.randbits = random.Random(0).getrandbits  # type: ignore[attr-defined]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--still":
        hold_still()
        del arguments[0]
    if arguments[0] == "--hidden":
        hidden = pd.read_pickle(arguments[1])  # written by the scorer
        tamper(hidden[["user", "item"]])
        shorten(hidden["timestamp"].min())
        del arguments[:2]
    sys.argv = arguments
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
