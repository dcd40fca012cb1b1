"""How good are the exercises' checks? Each solution gets one small mistake at a time; a good check rejects them all.

    python -m benchmarks.mutation             # phases 1 and 2: the score of each exercise, and the survivors
    python -m benchmarks.mutation 1.5 2.2     # these lessons

A mutant that the check takes for correct has survived. Some are no mistakes at all (`a - 0.0`, a name that nobody
reads): those are argued one by one in benchmarks/equivalents.toml, under the hash that is printed with each survivor,
and leave the count. The score is killed / (mutants - argued equivalents).

A lesson runs once, solutions and all; at each exercise every mutant is run and checked in a forked process of its own,
which sees the lesson's variables as they are at that place, can spoil nothing, and is ended after `SECONDS`.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ |= {"RECSYS_LAB_PROGRESS": "off", "RECSYS_LAB_RATINGS": "off", "MPLBACKEND": "Agg"}

import ast
import contextlib
import difflib
import hashlib
import io
import linecache
import multiprocessing
import re
import sys
import tempfile
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.mutants import mutants
from recsys_lab.course import exercises_of, lessons, solutions
from recsys_lab.course.exercise import CourseBug, Exercise, judge
from recsys_lab.course.lessons import Cell, Lesson

SECONDS = 60  # a mutant that loops for ever counts as killed: the learner would see that it does
TARGET = 0.95
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")


class Survivor(NamedTuple):
    exercise: str
    operator: str
    hash: str
    diff: str


class Score(NamedTuple):
    """What became of one exercise's mutants."""

    exercise: str
    killed: int
    survivors: list[Survivor]


class Judged(Exception):
    """Carries the verdict out of a check cell; what stands below the check is not run."""


class _Desk:
    """Stands for `ex` in a lesson: judges, says nothing, and gives the reference."""

    def __init__(self, exercises: list[Exercise], stop: bool = False):
        self.exercises, self.stop = {e.id: e for e in exercises}, stop

    def __call__(self, id: str) -> Any:
        self.id = id
        return self

    def check(self, answer: Any) -> Any:
        state, message = judge(self.exercises[self.id], answer)
        if self.stop:
            raise Judged(state)
        if state != "correct":
            raise CourseBug(f"the solution of {self.id} is {state}: {message}")
        return answer


def measure(lesson: Lesson) -> Iterator[Score]:
    """Run a lesson from top to bottom; at each exercise, all of its mutants."""
    exercises = exercises_of(lesson.id)
    names: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}
    checks = {cell.check: cell for cell in lesson.cells if cell.check}
    for cell in lesson.cells:
        if cell.kind != "code" or "raises-exception" in cell.tags:
            continue
        if cell.exercise:
            yield _exercise(cell, checks[cell.exercise], names, exercises)
        _run(solutions.solved(cell.source), names, f"<lesson {lesson.id}, line {cell.line}>")
        names["ex"] = _Desk(exercises)


def _exercise(cell: Cell, check: Cell, names: dict[str, Any], exercises: list[Exercise]) -> Score:
    assert cell.exercise is not None
    original = ast.unparse(ast.parse(solutions.solved(cell.source)))
    # The reference is made before the fork, once for all mutants.
    known = {**names, "ex": _Desk(exercises, stop=True)}
    if _verdict(original, check.source, dict(known)) != "correct":
        raise CourseBug(f"the solution of {cell.exercise} does not pass its own check.")
    killed, survivors = 0, []
    for operator, text in mutants(cell.source):
        if _forked(text, check.source, known) != "correct":
            killed += 1
            continue
        diff = "\n".join(
            line
            for line in difflib.unified_diff(original.split("\n"), text.split("\n"), lineterm="", n=0)
            if not re.match(r"---|\+\+\+|@@", line)
        )
        mark = hashlib.sha256(f"{cell.exercise}\n{diff}".encode()).hexdigest()[:12]
        survivors.append(Survivor(cell.exercise, operator, mark, diff))
    return Score(cell.exercise, killed, survivors)


def _forked(text: str, check: str, names: dict[str, Any]) -> str:
    """The state that a mutant's check ends in: "correct" only if it survives."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)

    def child() -> None:
        send.send(_verdict(text, check, dict(names)))

    process = context.Process(target=child)
    process.start()
    send.close()
    try:
        return receive.recv() if receive.poll(SECONDS) else "too slow"
    except EOFError:
        return "crashed"
    finally:
        process.kill()
        process.join()


def _verdict(text: str, check: str, names: dict[str, Any]) -> str:
    try:
        _run(text, names, f"<mutant {hash(text)}>")
        _run(check, names, "<check>")
    except Judged as verdict:
        return str(verdict)
    except CourseBug:
        return "the check failed by itself"
    except Exception as error:
        return type(error).__name__
    return "not checked"


def _run(source: str, names: dict[str, Any], file: str) -> None:
    """As a notebook would, but silent; the checks read functions' sources, so they must be found."""
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        exec(compile(source, file, "exec"), names)


def main(ids: list[str]) -> int:
    argued = tomllib.loads(EQUIVALENTS.read_text(encoding="utf-8")).get("equivalent", [])
    reasons = {entry["hash"]: entry["reason"] for entry in argued}
    written = lessons.all_lessons()
    chosen = [written[id] for id in ids] if ids else [x for x in written.values() if x.phase in (1, 2)]
    total: Counter[str] = Counter()
    open_survivors: list[Survivor] = []
    os.chdir(tempfile.mkdtemp())  # lessons write where they run
    print(f"{'exercise':<10}{'mutants':>8}{'killed':>8}{'equivalent':>12}{'survived':>10}{'s':>7}")
    for lesson in chosen:
        start = time.perf_counter()
        for score in measure(lesson):
            survived = [s for s in score.survivors if s.hash not in reasons]
            equivalent = len(score.survivors) - len(survived)
            seconds, start = time.perf_counter() - start, time.perf_counter()
            mutants_made = score.killed + len(score.survivors)
            print(
                f"{score.exercise:<10}{mutants_made:>8}{score.killed:>8}{equivalent:>12}{len(survived):>10}{seconds:>7.0f}",
                flush=True,
            )
            total.update(mutants=mutants_made, killed=score.killed, equivalent=equivalent)
            open_survivors += survived
    for s in open_survivors:
        print(f"\n{s.exercise}  {s.operator}  hash {s.hash}\n{s.diff}")
    rate = total["killed"] / max(1, total["mutants"] - total["equivalent"])
    print(
        f"\n{total['killed']} of {total['mutants'] - total['equivalent']} mutants killed: {rate:.1%} "
        f"({total['equivalent']} more are argued to be equivalent in {EQUIVALENTS.name}; the target is {TARGET:.0%})"
    )
    return 0 if rate >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
