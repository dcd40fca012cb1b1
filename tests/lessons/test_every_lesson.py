"""Every lesson there is, proven: its exercises, its quiz, its solutions, and the notebook that learners get.

That the stored outputs of the notebooks are what their cells print is nbval's part, in the same run of `make test`.
"""

from __future__ import annotations

import nbformat
import pytest

from benchmarks import prose
from recsys_lab.course import lessons, notebooks, proofs, running

EVERY = lessons.all_lessons()


@pytest.fixture(params=EVERY)
def lesson(request):
    return EVERY[request.param]


def test_the_course_has_lessons_and_its_weeks_add_up():
    assert "00" in EVERY
    phases = lessons.course_map()
    assert sum(phase.weeks for phase in phases) == 36
    for phase in phases:
        assert sum(entry.weeks for entry in phase.lessons) == phase.weeks


def test_exercises_and_quiz_are_proven(lesson):
    assert proofs.problems(lesson) == []


def committed(lesson):
    file = lessons.home() / lesson.notebook
    assert file.exists(), f"build it: recsys-lab lesson build {lesson.id}"
    return nbformat.read(file, as_version=4)


def test_the_notebook_is_what_its_source_makes(lesson):
    stored, (fresh, _) = committed(lesson), notebooks.layout(lesson, "learner", EVERY)
    assert stored.metadata == fresh.metadata
    for old, new in zip(stored.cells, fresh.cells, strict=True):
        assert (old.cell_type, old.source, old.metadata) == (new.cell_type, new.source, new.metadata), (
            f"{lesson.notebook} was edited, or its source changed: run `recsys-lab lesson build {lesson.id}`"
        )
        assert old.id == new.id


def test_the_notebook_is_executed_and_fit_for_everybody(lesson):
    stored = committed(lesson)
    _, origins = notebooks.layout(lesson, "learner", EVERY)
    running.inspect(stored, lesson, origins, "learner")
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_solutions_pass_and_what_follows_prints_the_same(lesson):
    """Runs the instructor's edition. Cells that are not exercises must show there what learners see unsolved."""
    solved = notebooks.render(lesson, "instructor", EVERY)  # raises unless every check says correct
    _, origins = notebooks.layout(lesson, "instructor", EVERY)
    learner, (_, behind) = committed(lesson), notebooks.layout(lesson, "learner", EVERY)
    stored = {id(origin): cell for cell, origin in zip(learner.cells, behind, strict=True) if origin}
    for cell, origin in zip(solved.cells, origins, strict=True):
        if cell.cell_type == "code" and origin and not origin.exercise and not origin.check:
            if lessons.IGNORE_OUTPUT in origin.tags:
                continue
            assert running.essence(cell.outputs) == running.essence(stored[id(origin)].outputs), (
                f"{lesson.source}:{origin.line}: shows one thing with the solutions, another without"
            )


@pytest.mark.parametrize("lesson", prose.chosen(), ids=lambda lesson: lesson.id)
def test_a_lesson_tells_more_than_it_codes_and_has_figures_and_exercises(lesson):
    found = prose.count(lesson)
    assert found.words / found.lines >= 6, f"{found.words} words for {found.lines} lines of code"
    assert found.figures >= 3
    assert found.exercises >= 5


@pytest.mark.parametrize(("phases", "least"), [((1, 2), 55), ((3,), 30), ((4,), 30), ((5,), 25)])
def test_phases_have_exercises_enough_and_a_third_ask_for_thought(phases, least):
    found = [prose.count(lesson) for lesson in prose.chosen() if lesson.phase in phases]
    exercises, thought = (sum(counts) for counts in zip(*((f.exercises, f.thought) for f in found)))
    assert exercises >= least
    assert thought / exercises >= 1 / 3


def test_words_are_words_and_lines_are_code():
    assert (
        prose.words("The mean $\\mu$ of `ratings`, see [lesson 1.1](../x.ipynb), is 3.5: *three and a half* stars.")
        == 11
    )
    assert prose.words("Before $$a = b$$ and ```text\nall this\n``` after, it's user-based") == 5
    assert prose.lines("# the mean\n\nmu = 3.5  # stars\nshow(mu)") == 2


def test_no_notebook_is_left_without_source():
    assert notebooks._orphans(EVERY) == []
