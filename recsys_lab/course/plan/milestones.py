"""The roadmap's first steps, and the lessons that do the same for free. curriculum/README.md shows the same table."""

from __future__ import annotations

from typing import NamedTuple


class Milestone(NamedTuple):
    """What the roadmap asks for within so many days, what does the same here, and the tasks that it is."""

    span: str
    days: int
    asked: str
    here: str
    tasks: tuple[str, ...]


WEEK, MONTH, QUARTER = ("This week", 7), ("This month", 30), ("The next 90 days", 90)

MILESTONES = (
    Milestone(*WEEK, "enrol in a machine-learning course", "`recsys-lab diagnostic`, then lesson 1.1", ("diagnostic",)),
    Milestone(*WEEK, "install Python and Jupyter", "`make lab` and lesson 00", ("00",)),
    Milestone(
        *WEEK, "read about the Netflix Prize", "the story at the start of lesson 2.1; it can be read at once", ()
    ),
    Milestone(*MONTH, "two weeks of the course, with scikit-learn", "lessons 1.2 and 1.3", ("1.2", "1.3")),
    Milestone(*MONTH, "explore MovieLens in pandas", "lesson 1.1", ("1.1",)),
    Milestone(
        *MONTH,
        "join the community, follow the blogs of the industry",
        "the calendar and reading list of lesson 5.5; it can be read at once",
        (),
    ),
    Milestone(
        *QUARTER,
        "finish the course, start the specialization on recommenders",
        "phase 1 with its project, then lesson 2.1",
        ("1.4", "1.5", "project-1", "2.1"),
    ),
    Milestone(
        *QUARTER,
        "build a collaborative filter on a small data set, and evaluate it",
        "lessons 2.2 and 2.3",
        ("2.2", "2.3"),
    ),
    Milestone(
        *QUARTER,
        "deploy a simple recommendation API",
        "`recsys-lab serve` today; lessons 3.1 and 3.8 make it yours",
        ("3.1", "3.8"),
    ),
)
