"""How good are the exercises' checks? Each solution gets one small mistake at a time; a good check rejects them all.

    python -m benchmarks.mutation             # every lesson of a phase: the score of each exercise, and the survivors
    python -m benchmarks.mutation 1.5 2.2     # these lessons anew; what was measured of the others stays
    python -m benchmarks page                 # then: benchmarks/RESULTS.md has the score of each lesson

A mutant that the check takes for correct has survived. Some are no mistakes at all (`a - 0.0`, a name that nobody
reads): those are argued one by one in benchmarks/equivalents.toml, under the hash that is printed with each survivor,
and leave the count. The score is killed / (mutants - argued equivalents). What came out is kept in
benchmarks/results/mutation.json.

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
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from benchmarks import store
from benchmarks.course import EQUIVALENTS, TARGET, rate, reasons, survivors
from benchmarks.mutants import mutants
from recsys_lab.course import exercises_of, lessons, solutions
from recsys_lab.course.exercise import CourseBug, Exercise, judge
from recsys_lab.course.lessons import Cell, Lesson

SECONDS = 60  # a mutant that loops for ever counts as killed: the learner would see that it does


class Survivor(NamedTuple):
    exercise: str
    operator: str
    hash: str
    diff: str


class Score(NamedTuple):
    """What became of one exercise's mutants. `slow`: how many of the killed ones were ended after `SECONDS`."""

    exercise: str
    killed: int
    slow: int
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
    for place, run in (("here", _verdict), ("in a forked process", _forked)):
        state = run(original, check.source, dict(known))
        if state != "correct":
            raise CourseBug(f"the solution of {cell.exercise} does not pass its own check {place}: {state}")
    killed, slow, survivors = 0, 0, []
    for operator, text in mutants(cell.source):
        state = _forked(text, check.source, known)
        if state != "correct":
            killed += 1
            slow += state == "too slow"
            continue
        diff = "\n".join(
            line
            for line in difflib.unified_diff(original.split("\n"), text.split("\n"), lineterm="", n=0)
            if not re.match(r"---|\+\+\+|@@", line)
        )
        mark = hashlib.sha256(f"{cell.exercise}\n{diff}".encode()).hexdigest()[:12]
        survivors.append(Survivor(cell.exercise, operator, mark, diff))
    return Score(cell.exercise, killed, slow, survivors)


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
        exec(compile(source, file, "exec", dont_inherit=True), names)  # as a notebook does: no future of this file


def main(ids: Iterable[str] = ()) -> int:
    written, found = lessons.all_lessons(), store.kept("mutation").get("lessons", {})
    chosen = [written[id] for id in ids] or [x for x in written.values() if x.phase]
    print(f"{'exercise':<10}{'mutants':>8}{'killed':>8}{'too slow':>10}{'argued':>8}{'s':>6}")
    for lesson in chosen:
        start, scores = time.perf_counter(), []
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # lessons write where they run
            for score in measure(lesson):
                scores.append({**score._asdict(), "survivors": [s._asdict() for s in score.survivors]})
                of, seconds = rate(scores[-1:]), time.perf_counter() - start
                print(
                    f"{score.exercise:<10}{of.mutants:>8}{of.killed:>8}{score.slow:>10}{of.argued:>8}{seconds:>6.0f}",
                    flush=True,
                )
                start = time.perf_counter()
        found[lesson.id] = scores
        store.keep("mutation", {"lessons": dict(sorted(found.items()))})
    measured = [score for lesson in chosen for score in found[lesson.id]]
    for survivor in survivors(measured):
        if survivor["hash"] not in reasons():
            print("\n{exercise}  {operator}  hash {hash}\n{diff}".format(**survivor))
    of = rate(measured)
    print(f"\n{of.killed} of {of.mutants - of.argued} mutants killed: {of.score:.1%}", end=" ")
    print(f"({of.argued} more are argued to be equivalent in {EQUIVALENTS.name}; the target is {TARGET:.0%})")
    return 0 if of.score >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
