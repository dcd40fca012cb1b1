"""Run every check in turn, with its seconds; the first that fails ends it. `make test` calls this after the set-up.

With arguments, only pytest with these: `.venv/bin/python .ci/test.py tests/library -k knn`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Commands of .venv, the folder of the running Python.
CHECKS = {
    "style": ["ruff", "check", "--quiet", "."],
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "types": ["mypy", "--no-error-summary"],
    "notebooks are what their sources make": ["recsys-lab", "lesson", "build", "--check", "--stored"],
}
# The check before it compares cells only: here their outputs are compared with those of a fresh run.
# One run for tests, doctests and notebooks, so that both cores stay busy to the end. nbval compares every stored
# output with a fresh one; a notebook's cells share a kernel, so a file must stay with one worker.
PYTEST = ["-q", "-n", "2", "--dist", "loadfile"]
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/sanitize.cfg"]
EVERYTHING = ["tests", "recsys_lab", "notebooks", *NBVAL]


class Total:
    """Prints the time of all checks above pytest's own closing line."""

    def __init__(self, began: float):
        self.began = began

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"all checks together: {time.monotonic() - self.began:.0f} s")


def main(arguments: list[str]) -> int:
    began = time.monotonic()
    os.chdir(ROOT)
    # Threads of two workers fight for two cores; a fixed hash seed makes the order of sets the same in every run.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of the many kernels compiles its imports anew
    for name, (tool, *options) in ({} if arguments else CHECKS).items():
        start = time.monotonic()
        print(f"{name} ...", flush=True)
        code = subprocess.run([Path(sys.executable).with_name(tool), *options]).returncode
        print(f"{name}: {'ok' if code == 0 else 'FAILED'} ({time.monotonic() - start:.1f} s)", flush=True)
        if code != 0:
            return 1
    print("tests, doctests, and every cell of every notebook ...", flush=True)
    return pytest.main([*PYTEST, *(arguments or EVERYTHING)], plugins=[Total(began)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
