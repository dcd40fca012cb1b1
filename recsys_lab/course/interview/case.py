"""What a case of a design interview holds, as classes; each is a table of its TOML file (`reading.py`).

A case holds what an interviewer has in front of them (prompt, questions with answers, numbers, a reference design, deep
dives, trade-offs, a flawed design with its flaws, post-mortems), and criteria with five levels, so that an answer can be scored.
"""

from __future__ import annotations

from dataclasses import dataclass

from recsys_lab.course.interview.arithmetic import work_out

LEVELS = 5  # 0 to 4


@dataclass(frozen=True)
class Clarifying:
    """A question worth asking, the interviewer's answer, and what hangs on it."""

    ask: str
    answer: str
    turns: str


@dataclass(frozen=True)
class Given:
    """An assumption. The unit stands in the name."""

    name: str
    value: float
    says: str


@dataclass(frozen=True)
class Number:
    """What follows from the assumptions: an expression over names above it, and its value to three digits."""

    name: str
    expression: str
    value: float
    says: str


@dataclass(frozen=True)
class Part:
    """A component of a design."""

    id: str
    label: str
    does: str


@dataclass(frozen=True)
class Flow:
    """What goes from one component to another."""

    source: str
    target: str
    carries: str


@dataclass(frozen=True)
class Design:
    idea: str
    part: tuple[Part, ...]
    flow: tuple[Flow, ...]

    def label(self, id: str) -> str:
        return next(part.label for part in self.part if part.id == id)


@dataclass(frozen=True)
class Flaw:
    """What is wrong with the component `place`, why it does harm, and what mends it."""

    place: str
    name: str
    why: str
    remedy: str


@dataclass(frozen=True)
class Flawed(Design):
    flaw: tuple[Flaw, ...]


@dataclass(frozen=True)
class Dive:
    """A question that an interviewer digs into, and what a good answer holds."""

    ask: str
    answer: str
    lessons: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """A trade-off: two ways, when each is right, and the question that decides."""

    title: str
    a: str
    b: str
    a_when: str
    b_when: str
    decides: str


@dataclass(frozen=True)
class Postmortem:
    """What happened, why no test saw it, what would have. `source`: where it is published, or "composite"."""

    title: str
    source: str
    happened: str
    unseen: str
    would: str


@dataclass(frozen=True)
class Criterion:
    """What is judged: a weight, what an answer says at each level from 0 to 4, and the lessons that teach it."""

    id: str
    title: str
    weight: float
    levels: tuple[str, ...]
    lessons: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    prompt: str
    decides: str  # the one thing that makes this case differ from the others
    source: tuple[str, ...]  # what has been published on such systems
    functional: tuple[str, ...]
    quality: tuple[str, ...]
    clarifying: tuple[Clarifying, ...]
    given: tuple[Given, ...]
    number: tuple[Number, ...]
    design: Design
    dive: tuple[Dive, ...]
    card: tuple[Card, ...]
    flawed: Flawed
    criterion: tuple[Criterion, ...]
    postmortem: tuple[Postmortem, ...]

    def numbers(self) -> dict[str, float]:
        """Every number by name: the given ones, and the others as their expressions give them."""
        known = {one.name: one.value for one in self.given}
        for one in self.number:
            known[one.name] = work_out(one.expression, known)
        return known
