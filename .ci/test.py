"""Run every check in turn, with its seconds; the first that fails ends it. `make test` calls this after the set-up."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "style": ["-m", "ruff", "check", "--quiet", "."],
    "format": ["-m", "ruff", "format", "--check", "--quiet", "."],
    "types": ["-m", "mypy", "--no-error-summary"],
}
# One run for tests, doctests and notebooks, so that both cores stay busy to the end. nbval compares every stored
# output with a fresh one; a notebook's cells share a kernel, so a file must stay with one worker.
PYTEST = ["-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"]
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/sanitize.cfg", "notebooks"]


def main(arguments: list[str]) -> int:
    start = time.monotonic()
    # Threads of two workers fight for two cores; a fixed hash seed makes the order of sets the same in every run.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    for name, command in ({} if arguments else CHECKS).items():
        began = time.monotonic()
        code = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment).returncode
        print(f"{name}: {'ok' if code == 0 else 'FAILED'} ({time.monotonic() - began:.1f} s)", flush=True)
        if code != 0:
            return 1
    pytest = [sys.executable, *PYTEST, *(arguments or ["tests", "recsys_lab", *NBVAL])]
    environment["RECSYS_LAB_TEST_BEGAN"] = str(time.time() - (time.monotonic() - start))
    return subprocess.run(pytest, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
