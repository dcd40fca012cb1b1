"""Other libraries, each in a process of its own, asked for the same work as this one.

`Peer("cornac")` starts `python -m benchmarks.peers.cornac` and keeps it warm. Surprise is in the course's environment; the
others get one of their own, `.venv-bench`, made when first needed from peers.txt. A library that cannot be
installed or started is missing from the tables, and named there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-bench"
WANTED = ROOT / "benchmarks" / "peers.txt"
NAMES = ("surprise", "cornac", "lenskit", "myfm", "irspack", "implicit")


class PeerError(Exception):
    """A library that is not there, or a model of it that failed."""


class Peer:
    """A library in its process. `ask` gives its answer and the CPU seconds of fitting and of answering."""

    def __init__(self, name: str):
        self.name = name
        self._room = tempfile.TemporaryDirectory()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [_python(name), "-m", f"benchmarks.peers.{name}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.version = self._read()["version"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=60)
        self._room.cleanup()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, model: str, kind: str, job: dict[str, Any]) -> tuple[np.ndarray, float, float]:
        """(answer, CPU seconds of fitting, of answering); kind "ratings" or "lists", a job as in serve.py."""
        assert self._process.stdin
        path, out = Path(self._room.name, "job.npz"), Path(self._room.name, "answer.npy")
        np.savez(path, **job)
        asked = {"model": model, "kind": kind, "job": str(path), "out": str(out)}
        with suppress(BrokenPipeError):  # it has ended: `_read` says so, and why
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        told = self._read()
        if "error" in told:
            raise PeerError(f"{self.name} {model}: {told['error']}")
        return np.load(out), told["fit"], told["answer"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise PeerError(f"{self.name} ended: {(self._errors.read().strip().splitlines() or ['silently'])[-1]}")
        return json.loads(line)


def _python(name: str) -> str:
    return sys.executable if name == "surprise" else str(_environment())


def _environment() -> Path:
    """The Python of .venv-bench; installs what peers.txt wants if that has changed since."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done, wanted = VENV / "installed.txt", WANTED.read_text(encoding="utf-8")
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return python
    print("installing the other libraries into .venv-bench ...", flush=True)
    venv.create(VENV, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    if subprocess.run([*pip, "-r", str(WANTED)]).returncode:  # then as many of them as there are
        for line in wanted.splitlines():
            if line and not line.startswith("#") and subprocess.run([*pip, line]).returncode:
                print(f"{line} cannot be installed: it will be missing", flush=True)
    done.write_text(wanted, encoding="utf-8")
    return python
