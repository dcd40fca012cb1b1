"""What is measured of the course's lessons: how many mutants their checks reject, how much prose and how many figures.

`benchmarks.mutation` and `benchmarks.prose` measure it; here it is counted and written down for the page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import store

EQUIVALENTS = Path(__file__).with_name("equivalents.toml")
TARGET = 0.95


class Rate(NamedTuple):
    mutants: int
    killed: int
    argued: int

    @property
    def score(self) -> float:
        return self.killed / max(1, self.mutants - self.argued)


def reasons() -> dict[str, str]:
    """{hash of a mutant: why it is no mistake}, of equivalents.toml."""
    entries = tomllib.loads(EQUIVALENTS.read_text(encoding="utf-8"))["equivalent"]
    return {entry["hash"]: entry["reason"] for entry in entries}


def survivors(exercises: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    return [survivor for exercise in exercises for survivor in exercise["survivors"]]


def rate(exercises: Iterable[dict[str, Any]]) -> Rate:
    """Of these exercises together, as benchmarks/results/mutation.json has them."""
    exercises, argued = list(exercises), reasons()
    killed, alive = sum(exercise["killed"] for exercise in exercises), survivors(exercises)
    return Rate(killed + len(alive), killed, sum(survivor["hash"] in argued for survivor in alive))


# ---------------------------------------------------------------------- for the page
def section() -> list[str]:
    found = store.kept("mutation")["lessons"]
    every = [exercise for exercises in found.values() for exercise in exercises]
    why, alive = reasons(), survivors(every)
    told = [f"- {s['exercise']}: {_change(s['diff'])}. {why.get(s['hash'], '**Not argued.**')}" for s in alive]
    return [
        "## The course's lessons",
        "How good are the exercises' checks? Each solution got one small mistake at a time (another operator, a term or a "
        "keyword left out, off by one, the wrong axis, ...), and the check had to reject it. Survivors that do what the "
        "solution does were argued one by one (benchmarks/equivalents.toml) and left the count: the score is "
        f"killed / (mutants - argued), and the target {TARGET:.0%}; `of all` is killed / mutants. Words are those of the learner's notebook without "
        "formulas and code, lines those of its code without comments; `of thought` are the exercises that ask to predict, "
        "to find a bug or a leak, or to explain.",
        _lessons(found, every),
        f"<details><summary>The {len(alive)} survivors, and why each is no mistake</summary>\n\n"
        + "\n".join(told)
        + "\n\n</details>",
    ]


def _lessons(found: dict[str, list[dict[str, Any]]], every: list[dict[str, Any]]) -> str:
    head = (
        "mutants | killed | of all | argued | score | words | lines | words a line | figures | exercises | of thought"
    )
    counts = store.kept("lessons")["lessons"]
    total = {name: sum(count[name] for count in counts.values()) for name in next(iter(counts.values()))}
    lines = [f"| lesson | {head} |", "|---" * (head.count("|") + 2) + "|"]
    for title, exercises, count in [
        *((id, found[id], counts[id]) for id in found),
        ("**together**", every, total),
    ]:
        of, per_line = rate(exercises), count["words"] / count["lines"]
        rest = f"{per_line:.1f} | {count['figures']} | {count['exercises']} | {count['thought']}"
        lines.append(
            f"| {title} | {of.mutants:,} | {of.killed:,} | {of.killed / of.mutants:.1%} | {of.argued} | {of.score:.1%} | {count['words']:,} | {count['lines']:,} | {rest} |"
        )
    return "\n".join(lines)


def _change(diff: str) -> str:
    """The lines that a mutant lost and those that it got, in one line."""
    was, now = (" ".join(line[1:].strip() for line in diff.split("\n") if line.startswith(sign)) for sign in ("-", "+"))
    return f"`{was}` became `{now}`"
