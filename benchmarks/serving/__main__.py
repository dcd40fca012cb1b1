"""python -m benchmarks.serving [PART ...]: what the service bears -> results/serving.json; about eight minutes.

The server and the load generator are two processes of one machine, and both take part in the measurement: on two cores,
nothing else may run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from benchmarks import store
from benchmarks.serving import fuzz, kills, reloads, throughput

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "throughput": throughput.main,
    "reloads": reloads.main,
    "kills": kills.main,
    "fuzz": fuzz.main,
}


def measure(parts: list[str] | None = None) -> None:
    for name in parts or PARTS:
        print(f"serving: {name} ...", flush=True)
        before = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        found = PARTS[name]() | {"load_before": before}
        print(found, flush=True)
        store.keep("serving", store.kept("serving") | {name: found})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description="Measure the service.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}")
    measure(parser.parse_args().parts)
