"""The rubric: its lines, and the check that fills in each. A project starts in a copy; the learner's folder stays as it is.

It runs the learner's commands as the caller's user, with a time limit each: that stops mistakes, not malice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from recsys_lab.course.capstone.bench import Bench, Lost
from recsys_lab.course.capstone.checks import building, judging, papers, safety, serving, testing
from recsys_lab.course.projects.rubric import Grade, Row
from recsys_lab.course.projects.service import RATIO

NUMBER = 4  # of the phase that it closes
SEED = 2026
TENTHS = 9  # of the points pass: the template as it is written has more than eight, and nobody's own work in it


class Line(NamedTuple):
    """A line of the rubric. check : gives what was found, for all points; raises Lost."""

    what: str
    of: int
    check: Callable[[Bench], str]


RUBRIC = {
    "trains": Line("it installs and trains in a clean environment", 1, building.trains),
    "declares": Line("every package that it imports is declared", 1, building.declares),
    "repeats": Line("training twice gives the same bytes", 1, building.repeats),
    "publishes": Line("the pipeline publishes a model, and none that is worse", 1, building.publishes),
    "popularity": Line("its lists beat what is most popular", 2, judging.beats_popularity),
    "neighbours": Line("its lists beat item k-NN", 2, judging.beats_neighbours),
    "page": Line("the service starts by its command, with a page", 1, serving.page),
    "stranger": Line("an unknown user gets what is popular, flagged", 1, serving.stranger),
    "newcomer": Line("a newcomer's history is folded in", 1, serving.newcomer),
    "fast": Line(
        f"the slowest hundredth of lists takes at most {RATIO:g} times that of an empty endpoint", 1, serving.fast
    ),
    "refuses": Line("bad requests are refused with 4xx, never 5xx", 1, serving.refuses),
    "pickle": Line("artefacts without pickle", 1, safety.no_pickle),
    "tests": Line("tests pass, and planted mistakes make them fail", 3, testing.bite),
    "readme": Line("the README's numbers are measured", 1, papers.readme),
    "card": Line("the model card has its numbers, and a person's answers", 2, papers.card),
}


def grade(folder: Path, seed: int = SEED, only: Collection[str] | None = None) -> Grade:
    """Start the project in a copy, and fill in the rubric.

    Parameters
    ----------
    seed : of the cut, and of whom the service is asked for. only : names of RUBRIC; by default all of them.

    Raises DataError where the folder holds no project.
    """
    with tempfile.TemporaryDirectory(prefix="recsys-lab-capstone-") as place:
        bench = Bench(folder.resolve(), Path(place).resolve(), seed)
        rows = [_row(line, bench) for name, line in RUBRIC.items() if only is None or name in only]
    return Grade(NUMBER, seed, tuple(rows), {}, TENTHS)


def _row(line: Line, bench: Bench) -> Row:
    try:
        return Row(line.what, line.of, line.of, line.check(bench))
    except Lost as lost:
        return Row(line.what, lost.points, line.of, str(lost))
