"""What was measured of the service, as a table: what was asked, what was reached."""

from __future__ import annotations

from typing import Any


def report(found: dict[str, Any]) -> str:
    """The section of the page; "" before anything was measured."""
    rows = [row for part, tell in _PARTS.items() if part in found for row in tell(found[part])]
    if not rows:
        return ""
    head = ["| what | asked | reached |", "|---|---|---|"]
    return "\n".join([_INTRODUCTION, "", *head, *(f"| {' | '.join(row)} |" for row in rows), "", *_notes(found)])


_INTRODUCTION = (
    "One process of `recsys-lab serve` on loopback with ml-100k and its log on, asked by a load generator in a process of "
    "its own over 50 connections (benchmarks/serving). An empty FastAPI endpoint under the same server takes turns with "
    "it, two seconds each; the median of the paired ratios counts."
)
Rows = list[tuple[str, str, str]]


def _throughput(found: dict[str, Any]) -> Rows:
    ratio = found["ratio"]
    return [
        ("top 10 over HTTP: requests a second, against the empty endpoint", ">= 0.9", f"{ratio['per_second']:.2f}"),
        ("its p99, against the empty endpoint's", "<= 1.5", f"{ratio['p99_ms']:.2f}"),
    ]


def _reloads(found: dict[str, Any]) -> Rows:
    grown = found["memory_end_mb"] / found["memory_start_mb"] - 1
    what = f"{found['requests']:,} requests, the model replaced {found['replaced']} times"
    return [
        (f"{what}: failed", "0", str(found["failed"])),
        ("answers that mix two models", "0", str(found["mixed"])),
        ("resident memory, last quarter against first", "within 5 %", f"{grown:+.1%}"),
    ]


def _kills(found: dict[str, Any]) -> Rows:
    what = f"kill -9 in a flood of events, {found['kills']} times, {found['acknowledged']:,} acknowledged"
    return [
        (f"{what}: lost", "0", str(found["lost"])),
        (f"stored twice, though {found['posted_again']:,} were posted again", "0", str(found["twice"])),
        ("the database after it", "sound", found["integrity"]),
    ]


def _fuzz(found: dict[str, Any]) -> Rows:
    return [("Schemathesis: failures", "0 of 10,000", f"{len(found['failures'])} of {found['cases']:,}")]


_PARTS = {"throughput": _throughput, "reloads": _reloads, "kills": _kills, "fuzz": _fuzz}


def _notes(found: dict[str, Any]) -> list[str]:
    """What the table alone would hide."""
    notes = []
    if part := found.get("throughput"):
        first, computed = part["first_answers"], part.get("computed")
        notes.append(
            f"- A list that a model has given is kept, as bytes, until the model is replaced: that is what the first rows measure. "
            f"A user's first list (made ahead with the model, rendered when asked for): {first['per_second']:,.0f} a second, p99 "
            f"{first['p99_ms']:.0f} ms."
        )
        if computed:
            notes.append(
                f"- A list of 30, which is not made ahead ({part['model']}): {computed['per_second']:,.0f} a second, p99 "
                f"{computed['p99_ms']:.0f} ms; {computed['failed']:,} of {computed['requests']:,} took longer than the 250 ms that a "
                "model has, and were answered with what is popular."
            )
    if part := found.get("reloads"):
        notes.append(
            f"- While models are replaced: {part['per_second']:,.0f} requests a second, p50 {part['p50_ms']:.0f} ms, p99 "
            f"{part['p99_ms']:.0f} ms; {part['fallback']:,} answers were flagged as popularity, since the model took too long."
        )
    if part := found.get("kills"):
        notes.append(
            f"- Events acknowledged: {part['events_per_second']:,.0f} a second, in batches of five by eight clients."
        )
    loads = [part["load_before"] for part in found.values() if part.get("load_before") is not None]
    if loads:
        notes.append(
            f"- Load average of the machine when the parts began: {min(loads):.1f} to {max(loads):.1f} (from outside; two "
            "processes are the measurement's own). The ratios travel better than the rates and the milliseconds."
        )
    return notes
