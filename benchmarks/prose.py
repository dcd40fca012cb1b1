"""How much prose, how many figures and exercises each lesson of a phase has -> results/lessons.json

Counted in the learner's notebook, as it is committed. Words: of the Markdown cells, without formulas, code and the
targets of links. Lines of code: of the code cells, without empty lines and comments; of an exercise, the stub.
tests/lessons/test_every_lesson.py says how much there must be.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from benchmarks import store
from recsys_lab.course import exercises_of, lessons
from recsys_lab.course.lessons import Lesson

NO_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]*`|\]\([^)\n]*\)", re.DOTALL)


class Counts(NamedTuple):
    words: int
    lines: int
    figures: int
    exercises: int
    thought: int  # exercises of the kind "figure it out": predict, find the bug or the leak, explain


def words(text: str) -> int:
    return len(re.findall(r"[^\W\d_][\w'’-]*", NO_PROSE.sub(" ", text)))


def lines(code: str) -> int:
    return sum(1 for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#"))


def count(lesson: Lesson) -> Counts:
    cells = json.loads((lessons.home() / lesson.notebook).read_text(encoding="utf-8"))["cells"]
    text = {kind: ["".join(c["source"]) for c in cells if c["cell_type"] == kind] for kind in ("markdown", "code")}
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    exercises = exercises_of(lesson.id)
    return Counts(
        words=sum(map(words, text["markdown"])),
        lines=sum(map(lines, text["code"])),
        figures=sum("image/png" in output.get("data", {}) for output in outputs),
        exercises=len(exercises),
        thought=sum(exercise.kind == "figure it out" for exercise in exercises),
    )


def chosen() -> list[Lesson]:
    """All lessons but the first steps, which are of no phase."""
    return [lesson for lesson in lessons.all_lessons().values() if lesson.phase]


def main() -> None:
    store.keep("lessons", {"lessons": {lesson.id: count(lesson)._asdict() for lesson in chosen()}})


if __name__ == "__main__":
    main()
