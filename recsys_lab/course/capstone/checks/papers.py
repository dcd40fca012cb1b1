"""README and model card: are their numbers what `report` measures now, and has a person answered?"""

from __future__ import annotations

import re

from recsys_lab.course.capstone.bench import Bench, Lost, once
from recsys_lab.course.projects.report import WAITING, WORDS

SECTIONS = (
    "Model details",
    "Intended use",
    "Training data",
    "Evaluation",
    "Who is served badly",
    "Ethical considerations",
    "Caveats and maintenance",
)
ANSWERED = ("Intended use", "Who is served badly", "Ethical considerations", "Caveats and maintenance")
OFF = 0.0025  # by which a number may differ: two processors round differently in the third digit, seldom by two
_BLOCK = re.compile(r"<!-- report:(\w+) -->\n(.*?)<!-- /report:\1 -->", re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")


def readme(bench: Bench) -> str:
    return _measured(bench, "README.md")


def card(bench: Bench) -> str:
    """One point for sections and numbers, one for a person's answers."""
    complaints = [why for why in (_numbers(bench), _answers(bench)) if why]
    if complaints:
        raise Lost(" And ".join(complaints), 2 - len(complaints))
    return "all sections are there, the numbers are measured, and a person has answered (nobody has read it)"


def _numbers(bench: Bench) -> str:
    try:
        sections = _sections(_text(bench, "MODEL_CARD.md"))
        if missing := [name for name in SECTIONS if name not in sections]:
            return f"MODEL_CARD.md has no section {missing[0]!r}."
        _measured(bench, "MODEL_CARD.md")
    except Lost as error:
        return str(error)
    return ""


def _answers(bench: Bench) -> str:
    try:
        short = unanswered(_text(bench, "MODEL_CARD.md"))
    except Lost as error:
        return str(error)
    if not short:
        return ""
    return f"MODEL_CARD.md: {', '.join(map(repr, short))} waits for a person's answer of {WORDS} words or more."


def unanswered(card: str) -> list[str]:
    """The sections of a model card's text that wait for a person."""
    sections = _sections(card)
    return [name for name in ANSWERED if _words(sections.get(name, "")) < WORDS or WAITING in sections.get(name, "")]


def _sections(card: str) -> dict[str, str]:
    """Heading of the second level -> the text below it."""
    parts = re.split(r"^## +(.+?) *$", card, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _words(section: str) -> int:
    """A person's words: without the questions, which are quoted, and without what was measured."""
    own = _BLOCK.sub("", section).replace(WAITING, "")
    return sum(len(line.split()) for line in own.splitlines() if not line.startswith(">"))


def _measured(bench: Bench, name: str) -> str:
    """Are the blocks of this file what `report` writes into emptied ones?"""
    stated, anew = dict(_BLOCK.findall(_text(bench, name))), dict(_BLOCK.findall(_anew(bench)[name]))
    if not any("." in number for block in anew.values() for number in _NUMBER.findall(block)):
        raise Lost(f"`report` writes no measured number into {name}: keep the template's markers, and fill them.")
    for block, text in anew.items():
        if why := _differ(stated[block], text):
            raise Lost(f"{name}, block {block!r}: {why}; `python -m {bench.package} report` fills it in.")
    return f"{len(anew)} measured block{'s' if len(anew) > 1 else ''}, measured again: equal"


def _differ(stated: str, anew: str) -> str:
    """How two blocks differ beyond rounding; "" where they do not.

    >>> _differ("nDCG 0.359", "nDCG 0.360"), _differ("nDCG 0.459", "nDCG 0.360")
    ('', 'it says 0.459, and 0.360 was measured')
    """
    if "".join(_NUMBER.sub("#", stated).split()) != "".join(_NUMBER.sub("#", anew).split()):
        return "its words are not those that `report` writes"
    for old, new in zip(_NUMBER.findall(stated), _NUMBER.findall(anew), strict=True):
        if abs(float(old.replace(",", "")) - float(new.replace(",", ""))) > OFF:
            return f"it says {old}, and {new} was measured"
    return ""


@once
def _anew(bench: Bench) -> dict[str, str]:
    """The two files after `report` has run in a copy whose blocks were empty."""
    copy = bench.copy("reported")
    for name in ("README.md", "MODEL_CARD.md"):
        text = _BLOCK.sub(r"<!-- report:\1 -->\n<!-- /report:\1 -->", _text(bench, name))
        (copy / name).write_text(text, encoding="utf-8")
    bench.project_command("report", where=copy)
    return {name: (copy / name).read_text(encoding="utf-8") for name in ("README.md", "MODEL_CARD.md")}


def _text(bench: Bench, name: str) -> str:
    path = bench.work / name
    if not path.is_file():
        raise Lost(f"there is no {name}.")
    return path.read_text(encoding="utf-8", errors="replace")
