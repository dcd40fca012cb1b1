"""A filled rubric: levels for the criteria of a case, weighted, with a verdict and what to read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from recsys_lab.course.interview.case import LEVELS, Case, Criterion
from recsys_lab.errors import DataError

TOP = LEVELS - 1
GOOD = 3  # from this level on, nothing is to be read again
# From this share of the points on; a level 0 or 1 anywhere holds the verdict down, as it does in real rounds.
VERDICTS = ((0.8, "strong"), (0.6, "sound"), (0.4, "not yet"), (0.0, "start again"))


class Score(NamedTuple):
    """points of `of`, weighted; `share` of them; the verdict; and the lessons to read again, the dearest first."""

    points: float
    of: float
    share: float
    verdict: str
    again: tuple[str, ...]


def parse(text: str, criteria: Sequence[Criterion]) -> dict[str, int]:
    """Levels written in one line, "3,2,4,...", as {criterion: level}."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(criteria):
        names = ", ".join(criterion.id for criterion in criteria)
        raise DataError(f"--scores has {len(parts)} levels, but there are {len(criteria)} criteria: {names}.")
    return {criterion.id: _level(part, f"--scores, {criterion.id}") for part, criterion in zip(parts, criteria)}


def _level(said: object, where: str) -> int:
    if str(said) not in {str(level) for level in range(LEVELS)}:
        raise DataError(f"{where}: {said!r} is no level; levels go from 0 to {TOP}.")
    return int(str(said))


def score(case: Case, levels: Mapping[str, int]) -> Score:
    """Weigh a filled rubric. `levels`: a level from 0 to 4 for every criterion of the case, by id."""
    known = {criterion.id: criterion for criterion in case.criterion}
    for id in levels:
        if id not in known:
            raise DataError(f"{id!r} is no criterion of the case {case.name}; they are {', '.join(known)}.")
    if missing := [id for id in known if id not in levels]:
        raise DataError(f"no level for {', '.join(missing)}: give each a level from 0 to {TOP}.")
    judged = {id: _level(level, id) for id, level in levels.items()}
    points = sum(known[id].weight * level for id, level in judged.items())
    of = sum(criterion.weight * TOP for criterion in case.criterion)
    share = points / of
    return Score(points, of, share, _verdict(share, min(judged.values())), _again(case, judged))


def _verdict(share: float, lowest: int) -> str:
    verdict = next(name for least, name in VERDICTS if share >= least - 1e-9)
    if lowest == 0 and verdict in ("strong", "sound"):
        return "not yet"
    return "sound" if lowest == 1 and verdict == "strong" else verdict


def _again(case: Case, levels: Mapping[str, int]) -> tuple[str, ...]:
    """The lessons of weak criteria, those first that cost the most points; each once."""
    lost = {c.id: c.weight * (TOP - levels[c.id]) for c in case.criterion if levels[c.id] < GOOD}
    worst = sorted((c for c in case.criterion if c.id in lost), key=lambda c: -lost[c.id])
    return tuple(dict.fromkeys(lesson for criterion in worst for lesson in criterion.lessons))
