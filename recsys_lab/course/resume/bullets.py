"""Bullets that measured.json of a portfolio proves: who did what, by how much, against what, on which data, and where it says so.

Nothing is rounded up and nothing is added: a result without a baseline or an interval is left out with the reason, one whose
interval holds zero becomes a bullet that says so, and what was not measured is listed with the command that measures it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import recsys_lab
from recsys_lab.course.portfolio.draw import places

FILE = "measured.json"
SPLIT = "a held-out fifth of MovieLens 100K"  # what leaderboard.split() hides
NAMES = {"rmse": "RMSE", "ndcg@10": "nDCG@10"}
_DIFFERENCE = re.compile(r"^\| ([^|]+?) \| ([+-]\d+\.\d+) \| ([+-]\d+\.\d+) to ([+-]\d+\.\d+) \|$", re.MULTILINE)
_COMMANDS = {  # how a line of measured["missing"] begins: what would produce it
    "Exercises": "`recsys-lab lab` opens the lessons",
    "Quiz": "`recsys-lab quiz {}`",
    "Project": "`recsys-lab project start {0}`, then `recsys-lab project grade {0}`",
    "Leader-board": "`leaderboard.keep(label, model)` in a notebook, then `recsys-lab portfolio build --out DIR`",
    "Capstone": "`recsys-lab capstone new CAPSTONE`, then `recsys-lab portfolio build --out DIR --capstone CAPSTONE`",
    "Results": "`python -m PACKAGE report` in the capstone, then `recsys-lab portfolio build`",
    "Model card": "your own words in MODEL_CARD.md, then `recsys-lab portfolio build`",
}


class Bullet(NamedTuple):
    """A line for a résumé, and the place in the portfolio that proves it."""

    text: str
    proof: str


class Resume(NamedTuple):
    """bullets: gains first. left_out: results that prove nothing yet, with the reason. missing: what was not
    done, with the command that would produce it."""

    bullets: list[Bullet]
    left_out: list[str]
    missing: list[str]


class Difference(NamedTuple):
    """A paired difference to a baseline, `places` as many as the source has."""

    value: float
    low: float
    high: float
    places: int = 9


def resume(measured: Mapping[str, Any]) -> Resume:
    """All that `measured`, the content of a portfolio's measured.json, proves."""
    left_out: list[str] = []
    bullets = [*_capstone(measured["capstone"], left_out), *_board(measured["leaderboard"], left_out)]
    bullets.sort(key=lambda bullet: bullet.text.startswith("Compared"))
    bullets += _learning(measured["learning"]["phases"])
    missing = [f"{line} To have it: {_command(line)}." for line in measured["missing"]]
    return Resume(bullets, left_out, missing)


def stated(mean: float, low: float, high: float, most: int = 9) -> tuple[str, str, str]:
    """The three numbers with as many places as half the interval's width needs for two significant digits (lesson 4.7).

    >>> stated(0.358914, 0.341877, 0.375951), stated(9013, 7711, 10411), stated(0.12, 0.119, 0.121, most=3)
    (('0.359', '0.342', '0.376'), ('9013', '7711', '10411'), ('0.120', '0.119', '0.121'))
    """
    digits = places(low, high, most)
    return f"{mean:.{digits}f}", f"{low:.{digits}f}", f"{high:.{digits}f}"


# ---------------------------------------------------------------------- the leader-board
def _board(board: Mapping[str, Any] | None, left_out: list[str]) -> Iterator[Bullet]:
    for row in (board or {"rows": []})["rows"]:
        if not row["mine"]:
            continue
        if "gains" not in row:
            left_out.append(
                f"{row['model']!r}: kept without a difference to a baseline, so nothing says what its numbers are worth; "
                "`leaderboard.keep` it again, and build."
            )
            continue
        for metric, gain in row["gains"].items():
            name = row["what"].partition("(")[0]
            what = f"{_made(name)} {name}" + (f" ({row['model']})" if row["model"] != name else "")
            difference = Difference(*gain["value"])
            text = _result(row["model"], what, NAMES[metric], f"the {gain['over']}", difference, SPLIT, left_out)
            if text:
                yield Bullet(text, f"{FILE}, leaderboard, {row['model']!r}, gains, {metric}")


def _made(name: str) -> str:
    """A class of the library was trained by the learner, not written.

    >>> _made("EASE"), _made("MyModel")
    ("Trained the library recsys_lab's", 'Built')
    """
    return "Trained the library recsys_lab's" if name in dir(recsys_lab) else "Built"


def _result(
    name: str, action: str, metric: str, over: str, difference: Difference, data: str, left_out: list[str]
) -> str:
    """The bullet of a paired difference; "" if there is none to be had."""
    value, low, high, most = difference
    if not high > low:
        left_out.append(
            f"{name!r}, {metric}: its difference to {over} has an interval without width: are they the same?"
        )
        return ""
    mean, first, last = stated(value, low, high, most)
    if low <= 0 <= high:
        return (
            f"Compared {name} with {over} on {data}: {metric} differs by {mean} ({first} to {last}), an interval that holds "
            "zero, so no difference is shown."
        )
    if (value < 0) != (metric == NAMES["rmse"]):
        return f"Compared {name} with {over} on {data}, and found it worse: {metric} differs by {mean} ({first} to {last})."
    verb = "lowered" if metric == NAMES["rmse"] else "raised"
    mean, ends = mean.lstrip("-"), sorted((first.lstrip("-"), last.lstrip("-")), key=float)
    return (
        f"{action}, which {verb} {metric} by {mean} (95 % interval {ends[0]} to {ends[1]}) over {over}, paired by user, "
        f"on {data}."
    )


# ---------------------------------------------------------------------- the capstone
def _capstone(capstone: Mapping[str, Any] | None, left_out: list[str]) -> Iterator[Bullet]:
    if capstone is None:
        return
    project, score, results = capstone["project"], capstone["score"], capstone["results"]
    if results:
        data = results["text"].partition(";")[0].strip()
        found = _DIFFERENCE.findall(results["text"])
        for over, value, low, high in found:
            difference = Difference(float(value), float(low), float(high), len(value.partition(".")[2]))
            text = _result(project, f"Built {project}", results["metric"], over, difference, data, left_out)
            if text:
                yield Bullet(text, "project/README.md, the block report:results")
        if not found:
            left_out.append(
                f"{project}: its results name no paired difference to a baseline, so they are numbers, not a gain."
            )
    if score["points"]:
        yield Bullet(
            f"Delivered {project} to a rubric that a command checks in a clean environment: {score['points']} of "
            f"{score['of']} points.",
            f"{FILE}, capstone, score",
        )
    kept = [row for row in score["rows"] if row["points"] == row["of"]]
    if kept:
        yield Bullet(
            f"Proved of {project} by that command: {'; '.join(row['what'] for row in kept)}.",
            f"{FILE}, capstone, score, rows",
        )
    for row in score["rows"]:
        if row["points"] < row["of"]:
            why = " ".join(row["why"].split())
            left_out.append(f"{project}, {row['what']!r}: {row['points']} of {row['of']} points: {why}")


# ---------------------------------------------------------------------- the course
def _learning(phases: list[Mapping[str, Any]]) -> Iterator[Bullet]:
    for phase in phases:
        solved = sum(lesson["correct"] for lesson in phase["lessons"])
        of = sum(lesson["exercises"] for lesson in phase["lessons"])
        parts = [f"{solved} of {of} exercises solved against checks by code"] if of else []
        if phase["project"]:
            parts.append(f"project {phase['project']['points']} of {phase['project']['of']} points")
        if phase["quiz"]:
            parts.append(f"quiz {phase['quiz']['right']} of {phase['quiz']['of']} right")
        yield Bullet(
            f"Worked through phase {phase['phase']} of RecSys Lab, {phase['title']}: {', '.join(parts)}.",
            f"{FILE}, learning, phase {phase['phase']}",
        )


def _command(line: str) -> str:
    """What would produce something missing.

    >>> _command("Quiz of phase 2: not taken.")
    '`recsys-lab quiz 2`'
    """
    command = next(command for start, command in _COMMANDS.items() if line.startswith(start))
    number = re.search(r"\d", line)
    return command.format(number[0] if number else "")
