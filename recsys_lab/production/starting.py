"""Start what is shipped as it will run, ask it, stop it: by its Procfile, or in its container (image.py).

Nothing but this machine can reach it, and it is gone afterwards. serve/running.py starts the service itself; here another
program does, whose children must end with it, and whose output says why nothing came of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from recsys_lab.errors import DataError
from recsys_lab.production.shelf import VERSION, sha256_of

_SECONDS = 120  # a cold start compiles, and the machine may be busy


@contextlib.contextmanager
def serving(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a command in a folder until the block ends; gives the address that the service says it listens at.

    Raises DataError, with the command's last lines, where it ends or says none.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield _address(process, output)
        finally:
            # To all of them: a container's process is not told by the one that started it.
            for sign, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
                    break


def _address(process: subprocess.Popen[bytes], output: Any) -> str:
    said, ended, until = "", False, time.monotonic() + _SECONDS
    while not ended and time.monotonic() < until:
        ended = process.poll() is not None  # asked before its output is read: the last line may be the one
        output.seek(0)
        said = output.read()
        if found := re.search(r"http://127\.0\.0\.1:\d+", said):
            return found[0]
        time.sleep(0.1)
    how = f"ended with exit code {process.returncode}" if ended else f"said no address in {_SECONDS} s"
    raise DataError(f"the service {how}:\n" + "\n".join(said.splitlines()[-15:]))


def ask(address: str, model: Path) -> str:
    """Is this model in use, and does it recommend? Gives its version; raises DataError where not.

    A service without a model is ready, too, and answers what is popular: so it is asked which model it has.
    """
    wanted = sha256_of(model)[:VERSION]
    ready = get(f"{address}/ready")
    if ready["model"] != wanted:
        raise DataError(f"the service has model {ready['model']} in use, and not {wanted}: {ready['refused']}")
    if not get(f"{address}/v1/users/1/recommendations?n=3")["items"]:
        raise DataError("the service recommends nothing.")
    return wanted


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@contextlib.contextmanager
def by_procfile(folder: Path, honcho: str) -> Iterator[str]:
    """The process `web` of the folder's Procfile, started by honcho; gives its address."""
    with tempfile.TemporaryDirectory() as scratch:
        ours = {name: text for name, text in os.environ.items() if not name.startswith("RECSYS_LAB_SERVE_")}
        environment = ours | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "BIND": "127.0.0.1",
            "PORT": "0",  # any that is free
            "PYTHONUNBUFFERED": "1",
            "RECSYS_LAB_SERVE_EVENTS": f"sqlite:///{scratch}/events.db",
        }
        with serving([honcho, "--no-colour", "start", "web"], folder, environment) as address:
            yield address
