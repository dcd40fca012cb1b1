"""`python -m recsys_lab.course.capstone.tampered HIDDEN PACKAGE ...`: as `python -m PACKAGE ...`, with wrong hidden stars.

What `datasets.load` gives in this process has other stars for the hidden pairs: training that reads them changes.
"""

from __future__ import annotations

import runpy
import sys

import pandas as pd

from recsys_lab.course.projects.worker import tamper

if __name__ == "__main__":
    tamper(pd.read_pickle(sys.argv[1]))  # written by the scorer
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
