"""A learner's own bullets, read as somebody would who wants to catch them out.

It finds what a program can find: numbers that no file holds, comparisons without a second side, words that nothing could refute.
Small counts (below 100, without a decimal point) pass unproven, as in the portfolio's check; whether a sentence is true and worth
reading, a person must say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from recsys_lab.course.portfolio.check import LEVEL, numbers, proven, values

_BULLET = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s+")
_SKIP = re.compile(r"^\s*(?:#|\||<!--|```)")
_METRIC = re.compile(
    r"(?i)\b(?:n?dcg|rmse|mae|map|mrr|precision|recall|hit[- ]rate|accuracy|auc|latency|throughput|coverage)\b(?:@\d+)?"
)
_GAIN = re.compile(
    r"(?i)\b(?:improv|rais|reduc|lower|increas|decreas|boost|optimi[sz]|accelerat|enhanc|cut\b|grew\b|speed(?:ed)? up)\w*"
)
_BASELINE = re.compile(
    r"(?i)\b(?:over (?!\d|all\b|the users\b|users\b)|than\b|against\b|versus\b|vs\b|compared\b[^.;]*? (?:with|to)\b|baselines?\b|minus\b"
    r"|from \S*\d\S* to \S*\d)"
)
_INTERVAL = re.compile(r"(?i)[-+\u2212]?\d[\d.,]* ?(?:to|\u2013|\.\.) ?[-+\u2212]?\d|±|\+/-|standard error")
_FACTOR = re.compile(
    r"(?i)\b\d+(?:\.\d+)? ?(?:x\b|×|-?fold\b|times (?:as|more|faster|better|the)\b)|\b(?:doubl|tripl|halv)(?:ed|ing)\b"
    r"|\b(?:thousands|millions?|billions?)\b"
)
_PRAISE = re.compile(
    r"(?i)\b(?:best|state[- ]of[- ]the[- ]art|world[- ]class|cutting[- ]edge|bleeding[- ]edge|revolutionary|innovative|amazing"
    r"|outstanding|excellent|perfect(?:ly)?|seamless(?:ly)?|highly|massive(?:ly)?|huge(?:ly)?|dramatic(?:ally)?|significant(?:ly)?"
    r"|superior|robust|unique|blazing(?:ly)?|next[- ]gen(?:eration)?|users love)\b"
)
_WE = re.compile(r"\b(?:[Ww]e|[Oo]ur|[Uu]s|[Tt]he team|[Tt]eam's)\b")
_FOREIGN = re.compile(
    r"(?i)\b(?:collected|created|published|compiled|gathered|released|built)\b[^.;]{0,60}?\b(?:data ?sets?|MovieLens)\b"
)
_DEED = re.compile(
    r"(?i)(?!(?:experienc|skill|motivat|season|dedicat|interest|talent|vers)ed$|need$|red$)(?:\w*ed|built|rebuilt|(?:re)?wrote|found|led"
    r"|(?:re)?ran|made|cut|set|kept|taught|chose|drew|gave|held|brought|caught|drove|won|began|put|sent|took|showed|shrank|sped|spoke"
    r"|grew|left|learnt|broke)"
)


def check(text: str, measured: Mapping[str, Any]) -> list[str]:
    """What is wrong with each bullet, one line a problem; [] if a program finds nothing.

    Parameters
    ----------
    text : bullets as Markdown, or one line each. measured : the content of a portfolio's measured.json.

    >>> measured = {"leaderboard": {"rows": []}, "capstone": {"gain": [0.214, 0.199, 0.228]}}
    >>> check("- Raised nDCG@10 by 0.214 (0.199 to 0.228) over the most rated films.", measured)
    []
    >>> for problem in check("- We improved recall by 31 %.", measured):
    ...     print(problem)
    "We improved recall by 31 %.": 31 % stands in no measured value; measure it, or leave it out.
    "We improved recall by 31 %.": against what? Name the baseline that it is compared with.
    "We improved recall by 31 %.": how far may it be off? Give the interval.
    "We improved recall by 31 %.": who is 'We'? Say what you did, and what the others did.
    "We improved recall by 31 %.": begins with 'We': begin with what you did, such as Built, Measured or Compared.
    """
    board = measured.get("leaderboard") or {"rows": []}
    theirs = [row for row in board["rows"] if not row["mine"]]
    own = {**measured, "leaderboard": [row for row in board["rows"] if row["mine"]]}
    known = [*values(own), LEVEL]
    found = []
    for bullet in _bullets(text):
        name = f'"{bullet if len(bullet) <= 60 else bullet[:57].rstrip() + "..."}"'
        problems = [*_numbers(bullet, known, theirs), *_claims(bullet), *_whose(bullet), *_verb(bullet)]
        found += [f"{name}: {problem}" for problem in problems]
    return found


def _bullets(text: str) -> list[str]:
    """Each bullet as one line; lines that go on one are joined to it. Headings, tables and comments are none.

    >>> _bullets("# Me\\n- Built a\\n  thing.\\n\\n* Wrote it.")
    ['Built a thing.', 'Wrote it.']
    >>> _bullets("Built it.\\nWrote it.")
    ['Built it.', 'Wrote it.']
    """
    lines = [line for line in text.splitlines() if not _SKIP.match(line)]
    marked = any(_BULLET.match(line) for line in lines)
    bullets: list[str] = []
    for line in lines:
        if _BULLET.match(line) or (not marked and line.strip()):
            bullets.append(_BULLET.sub("", line).strip())
        elif line.strip() and bullets:
            bullets[-1] += f" {line.strip()}"
    return bullets


def _numbers(bullet: str, known: list[float], theirs: list[Mapping[str, Any]]) -> Iterator[str]:
    for number in numbers(bullet):
        if proven(number, known):
            continue
        rows = [row["model"] for row in theirs if proven(number, list(values(row)))]
        if not rows:
            yield f"{number} stands in no measured value; measure it, or leave it out."
        elif not (_BASELINE.search(bullet) and any(name.casefold() in bullet.casefold() for name in rows)):
            yield f"{number} is the course's, of {rows[0]!r}, and not yours: name it as what you compare with, or leave it out."
    if found := _FACTOR.search(bullet):
        yield f"{found[0]!r} stands in no file: give the two numbers that it comes from."


def _claims(bullet: str) -> Iterator[str]:
    measured, gain = bool(_METRIC.search(bullet) and numbers(bullet)), _GAIN.search(bullet)
    if gain and not re.search(r"\d", _METRIC.sub("", bullet)):
        yield f"{gain[0]!r}: by how much? Without a number, nothing here could turn out to be false."
    if measured or gain:
        if not _BASELINE.search(bullet):
            yield "against what? Name the baseline that it is compared with."
        if measured and not _INTERVAL.search(bullet):
            yield "how far may it be off? Give the interval."
    if found := _PRAISE.search(bullet):
        yield f"{found[0]!r} is praise, which nothing could refute: leave it out, or say what was measured."


def _whose(bullet: str) -> Iterator[str]:
    if found := _WE.search(bullet):
        yield f"who is {found[0]!r}? Say what you did, and what the others did."
    if found := _FOREIGN.search(bullet):
        yield f"{found[0]!r}: is the data set yours? MovieLens is GroupLens'; say what you did with it."


def _verb(bullet: str) -> Iterator[str]:
    first = re.match(r"[\W_]*([A-Za-z'-]+)", bullet)
    word = first[1] if first else bullet[:20]
    if not _DEED.fullmatch(word):
        yield f"begins with {word!r}: begin with what you did, such as Built, Measured or Compared."
