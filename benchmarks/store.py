"""What was measured, as JSON in benchmarks/results/: the page is made of it, and an interrupted run goes on from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"


def kept(name: str) -> dict[str, Any]:
    """What there is of this part; {} before it was measured."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def keep(name: str, found: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(_short(found), indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def forget(name: str) -> None:
    (FOLDER / f"{name}.json").unlink(missing_ok=True)


def _short(value: Any) -> Any:
    """Six digits are more than a noisy machine can say."""
    if isinstance(value, dict):
        return {str(k): _short(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_short(v) for v in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
