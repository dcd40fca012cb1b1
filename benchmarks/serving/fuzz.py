"""Schemathesis over the whole description of the API, seed after seed, until there were 10,000 cases."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.serving import servers
from recsys_lab import datasets, registry, storage
from recsys_lab.ratings import Ratings

CASES, KEY = 10_000, "correct-horse"
EXAMPLES = 100  # of each operation and seed: with more, Schemathesis grows slower than the number of cases


def main(cases: int = CASES) -> dict[str, Any]:
    data = datasets.load("ml-100k")
    model = registry.make("als").fit(Ratings.from_frame(data.ratings, scale=data.scale))
    done, failures, seeds = 0, [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = storage.save(model, folder / "model.npz")
        with servers.service(path, folder, api_key=KEY) as server:
            while done < cases:
                seeds += 1
                url = f"http://127.0.0.1:{server.port}/openapi.json"
                command = [sys.executable, "-m", "schemathesis.cli", "run", url, "-H", f"X-API-Key: {KEY}"]
                options = ["-n", str(EXAMPLES), "--seed", str(seeds), "--no-color", "--warnings", "off"]
                run = subprocess.run([*command, *options], capture_output=True, text=True, cwd=folder)
                generated = re.search(r"([\d,]+) generated", run.stdout)
                if generated is None:
                    raise RuntimeError(f"Schemathesis did not run: {run.stdout[-2000:]}{run.stderr[-2000:]}")
                done += int(generated[1].replace(",", ""))
                if run.returncode:
                    failures.append(run.stdout[-3000:])
        log = [json.loads(line) for line in (folder / "log").read_text(encoding="utf-8").splitlines()]
    statuses = Counter(str(line["status"]) for line in log if line["event"] == "request")
    return {"cases": done, "seeds": seeds, "failures": failures, "statuses": dict(sorted(statuses.items()))}
