"""The parts of curriculum/README.md that are the course's own facts: phases, lessons, first steps, links.

python -m recsys_lab.course.plan.roadmap      # writes them anew between their markers
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from recsys_lab import records
from recsys_lab.course import lessons
from recsys_lab.course.lessons import Entry
from recsys_lab.course.plan.milestones import MILESTONES
from recsys_lab.course.plan.overview import HOURS_A_WEEK


def blocks() -> dict[str, str]:
    """The text of each block by its marker's name."""
    made = {"phases": _phases(), "lessons": _lessons(), "first steps": _first_steps(), "links": _links()}
    return {name: "\n".join(lines) for name, lines in made.items()}


def renewed(page: str) -> str:
    """The page with its blocks made anew."""
    for name, text in blocks().items():
        begin, end = f"<!-- roadmap: {name} -->\n", "<!-- end -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{text}\n\n{end}{rest.split(end, 1)[1]}"
    return page


def _phases() -> Iterator[str]:
    phases = [phase for phase in lessons.course_map() if phase.weeks]
    yield from ["| phase | weeks | lessons | week by week |", "|---|---|---|---|"]
    for phase in phases:
        guide = f"{phase.folder}/README.md"
        link = f"[guide]({guide})" if (lessons.home() / "curriculum" / guide).exists() else "to come"
        ids = " ".join(f"[{entry.id}]" for entry in phase.lessons)
        yield f"| {phase.number} {phase.title} | {phase.weeks:g} | {ids} | {link} |"
    weeks = sum(phase.weeks for phase in phases)
    yield f"| together | {weeks:g} | {sum(len(p.lessons) for p in phases)} | {weeks * HOURS_A_WEEK:g} hours at most |"


def _lessons() -> Iterator[str]:
    written = lessons.all_lessons()
    yield from ["| lesson | minutes | builds on |", "|---|---|---|"]
    for entry in lessons.entries().values():
        lesson = written.get(entry.id)
        needs = " ".join(f"[{id}]" for id in lesson.prerequisites) if lesson else ""
        yield f"| [{entry.id}] {entry.title} | {lesson.minutes if lesson else 'to come'} | {needs} |"


def _first_steps() -> Iterator[str]:
    yield from ["| when | the roadmap says | the same here, for free |", "|---|---|---|"]
    for stone in MILESTONES:
        here = re.sub(r"\b(\d\.\d|00)\b", r"[\1]", stone.here)
        yield f"| {stone.span} | {stone.asked} | {here} |"


def _links() -> Iterator[str]:
    return (f"[{entry.id}]: ../{notebook(entry)}" for entry in lessons.entries().values())


def notebook(entry: Entry) -> str:
    """A lesson's notebook, from the repository's folder; it may not be built yet."""
    return f"notebooks/{Path(entry.file).with_suffix('.ipynb').as_posix()}"


if __name__ == "__main__":
    file = lessons.home() / "curriculum" / "README.md"
    records.write(file, renewed(file.read_text(encoding="utf-8")))
