"""The wrap-up projects that close the phases: start one, practise, have it graded.

    recsys-lab project start 1     # my_work/project_1: a file to fill in, a report to write
    recsys-lab project grade 1     # the rubric, with points

`practice` gives the ratings to work with. What is left of the data set is the hidden part, which the grader judges on.
With another `--seed` the grader cuts anew and fits your code anew: it grades code, not one lucky set of numbers.
Project 3 is a service: nothing is hidden there, and the grader brings models of its own. Project 4 is the capstone
(capstone/), a whole project instead of a file: `recsys-lab capstone` starts and scores it under any name.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pandas as pd

from recsys_lab.course.capstone import new, score
from recsys_lab.course.lessons import course_map, home
from recsys_lab.course.projects import lists, ratings, report, service
from recsys_lab.course.projects.rubric import Grade
from recsys_lab.errors import DataError, MissingDataError

SEED = 2026  # of the cut that the practice ratings leave hidden

_PROJECTS: dict[int, ModuleType] = {1: ratings, 2: lists, 3: service, score.NUMBER: score}


class Practice(NamedTuple):
    """What a learner works with: ratings (user, item, rating, timestamp), users and items."""

    train: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame


def practice(number: int) -> Practice:
    """The ratings of a project that are not hidden, and the tables of users and films."""
    from recsys_lab import datasets

    project = _project(number)
    if not hasattr(project, "cut"):
        raise DataError(f"project {number} hides no ratings: load them with `datasets.load`.")
    data = datasets.load("ml-100k")
    train, _ = project.cut(SEED)
    return Practice(train.reset_index(drop=True), data.users, data.items)


def start(number: int, out: Path | None = None) -> tuple[list[Path], list[Path]]:
    """Write a project's folder; (files written, files that were there and stay as they are)."""
    project = _project(number)
    folder = out or folder_of(number)
    if project is score:
        return new.new(folder), []
    templates = _templates(number)
    texts = {
        folder / project.FILE: (templates / project.FILE).read_text(encoding="utf-8"),
        folder / report.NAME: report.build(templates / "report.py"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    kept = [file for file in texts if file.exists()]
    written = [file for file in texts if file not in kept]
    for file in written:
        file.write_text(texts[file], encoding="utf-8")
    return written, kept


def grade(number: int, folder: Path | None = None, seed: int = SEED) -> Grade:
    """Run what is in a project's folder on a part that it never sees, and fill in the rubric. Notes the points."""
    from recsys_lab.course import progress

    project = _project(number)
    folder = folder or folder_of(number)
    if project is not score and not (folder / project.FILE).is_file():
        raise MissingDataError(
            f"there is no {project.FILE} in {folder}: `recsys-lab project start {number}` writes one, "
            "and --dir names the folder where yours is."
        )
    graded: Grade = project.grade(folder.resolve(), seed)
    progress.record_project(number, graded.points, graded.of)
    return graded


def folder_of(number: int) -> Path:
    """Where a learner's project is, if they did not choose another place."""
    return home() / "my_work" / f"project_{number}"


def _project(number: int) -> ModuleType:
    if number not in _PROJECTS:
        raise DataError(f"project {number}: choose one of {', '.join(map(str, _PROJECTS))}.")
    return _PROJECTS[number]


def _templates(number: int) -> Path:
    phase = next(phase for phase in course_map() if phase.number == number)
    return home() / "curriculum" / phase.folder / "project"
