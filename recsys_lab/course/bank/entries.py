"""What a question is, and the reading of all of them: every problem of a file is named, with file and id, before it is refused.

    [[question]]
    id = "statistics-base-rate"          # the subject, and a few words; never changed: learners' progress hangs on it
    level = 2                            # 1 everybody asks it, 2 for this job, 3 for seniors
    question = "..."
    answer = "... {posterior:.0%} ..."   # two to six sentences
    source = "Wasserman (2004), All of Statistics, section 1.7"      # or "lesson 1.5"
    lessons = ["1.5"]
    tags = ["bayes"]
    values = { posterior = "0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.05)" }  # computed when the answer is shown
    given = ["0.05"]                     # decimals in the answer that are a convention, or the source's

A question of SQL also has a [question.sql] with `setup` (tables, in SQL), `query`, and the `rows` that it gives.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsys_lab.course import lessons
from recsys_lab.course.bank import computed
from recsys_lab.errors import DataError

FOLDER = Path(__file__).parent / "questions"
SUBJECTS = {
    "ml": "Machine learning",
    "statistics": "Statistics",
    "recommenders": "Recommenders",
    "experimentation": "Experimentation",
    "serving": "Serving and systems",
    "sql": "SQL",
}
LEVELS = {1: "everybody asks it", 2: "asked for this job", 3: "asked of seniors"}
QUESTION_LENGTH, ANSWER_LENGTH, SENTENCES = (25, 600), (120, 900), (2, 6)

_TYPES = {"id": str, "level": int, "question": str, "answer": str, "source": str, "lessons": list, "tags": list}
_MAY = {"values": dict, "given": list, "sql": dict}
_HOLE = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_YEAR = re.compile(r"\((?:1[89]|20)\d\d\)")
_LESSON = re.compile(r"lesson (\d\.\d)")
_DECIMAL = re.compile(r"(?<![\w.])\d+(?:,\d{3})*\.\d+|(?<![\w.])\d+(?= ?%)")


@dataclass(frozen=True)
class Sql:
    """The tables as SQL, the query that answers, and its rows, in order; NULL is the text "NULL"."""

    setup: str
    query: str
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Entry:
    """One question. `answer` is the text as it is shown, computed figures put in; `values` are those figures."""

    id: str
    subject: str
    level: int
    question: str
    answer: str
    source: str
    lessons: tuple[str, ...]
    tags: tuple[str, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    sql: Sql | None = None


@functools.cache
def load() -> dict[str, Entry]:
    """All questions by id, in the order of the files. Raises DataError that names every problem."""
    return read({subject: (FOLDER / f"{subject}.toml").read_text(encoding="utf-8") for subject in SUBJECTS})


def read(texts: Mapping[str, str]) -> dict[str, Entry]:
    """The questions of files given as text, by subject. Raises DataError with one line a problem."""
    found: list[Entry] = []
    problems: list[str] = []
    for subject, text in texts.items():
        try:
            rows = tomllib.loads(text)["question"]
        except (tomllib.TOMLDecodeError, KeyError) as error:
            problems.append(f"{subject}.toml: cannot be read as TOML with [[question]] entries: {error}")
            continue
        for number, row in enumerate(rows, 1):
            wrong = list(_problems(row, subject))
            problems += [f"{subject}.toml, {row.get('id', f'question {number}')}: {one}" for one in wrong]
            if not wrong:
                found.append(_entry(row, subject))
    problems += _twice(found)
    if problems:
        raise DataError("the question bank was refused:\n" + "\n".join(problems))
    return {entry.id: entry for entry in found}


def filled(text: str, values: Mapping[str, float]) -> str:
    """The text with its figures put in: "{share:.0%}" by the value's name, formatted as Python does.

    >>> filled("{share:.0%} of {n}", {"share": 0.25, "n": 8})
    '25% of 8'
    """
    return _HOLE.sub(lambda hole: format(values[hole[1]], hole[2] or ""), text)


def _entry(row: Mapping[str, Any], subject: str) -> Entry:
    values = {name: computed.value(expression) for name, expression in row.get("values", {}).items()}
    sql = row.get("sql")
    answer = " ".join(row["answer"].split())
    return Entry(
        id=row["id"],
        subject=subject,
        level=row["level"],
        question=" ".join(row["question"].split()),
        answer=filled(answer, values) if values else answer,
        source=row["source"],
        lessons=tuple(row["lessons"]),
        tags=tuple(row["tags"]),
        values=values,
        sql=Sql(sql["setup"].strip(), sql["query"].strip(), tuple(tuple(r) for r in sql["rows"])) if sql else None,
    )


def _problems(row: Mapping[str, Any], subject: str) -> Iterable[str]:
    """What is wrong with one entry, in words."""
    for name, kind in _TYPES.items():
        if name not in row:
            yield f"no {name}: add it"
        elif type(row[name]) is not kind:
            yield f"{name} should be {kind.__name__}, but is {row[name]!r}"
    for name in row.keys() - _TYPES.keys():
        if name not in _MAY or type(row[name]) is not _MAY[name]:
            yield f"{name} is unknown, or no {_MAY.get(name, str).__name__}; an entry has {', '.join([*_TYPES, *_MAY])}"
    if any(type(row.get(name)) is not kind for name, kind in _TYPES.items()):
        return
    if not re.fullmatch(rf"{subject}-[a-z0-9]+(?:-[a-z0-9]+)*", row["id"]):
        yield f"an id here is {subject}- and a few words in lower case, joined by hyphens"
    if row["level"] not in LEVELS:
        yield f"level {row['level']} is none of {', '.join(map(str, LEVELS))}"
    yield from _wrong_lengths(row)
    yield from _wrong_source(row)
    yield from _wrong_figures(row)
    if (subject == "sql") and "sql" not in row:
        yield "a question of SQL needs a [question.sql] that can be run"
    if "sql" in row and row["sql"].keys() != {"setup", "query", "rows"}:
        yield "[question.sql] holds setup, query and rows, and nothing else"
    elif "sql" in row and "order by" not in row["sql"]["query"].lower():
        yield "the query has no ORDER BY: then its rows have no order, and cannot be compared"


def _wrong_lengths(row: Mapping[str, Any]) -> Iterable[str]:
    for name, (least, most) in (("question", QUESTION_LENGTH), ("answer", ANSWER_LENGTH)):
        length = len(" ".join(row[name].split()))
        if not least <= length <= most:
            yield f"the {name} has {length} characters; {least} to {most} are allowed"
    sentences = len(re.findall(r"[.?!](?=\s|$)", " ".join(row["answer"].split())))
    if not SENTENCES[0] <= sentences <= SENTENCES[1]:
        yield f"the answer has {sentences} sentences; {SENTENCES[0]} to {SENTENCES[1]} explain without lecturing"


def _wrong_source(row: Mapping[str, Any]) -> Iterable[str]:
    known = lessons.entries()
    named = _LESSON.findall(row["source"])
    if not named and not _YEAR.search(row["source"]):
        yield f"the source {row['source']!r} is neither a work with its (year) nor a 'lesson N.M'"
    for id in (*named, *row["lessons"]):
        if id not in known:
            yield f"there is no lesson {id!r}; curriculum/course.toml lists them"
    if not row["lessons"]:
        yield "no lessons: name at least one that teaches it"
    if not row["tags"] or not all(isinstance(tag, str) and re.fullmatch(r"[a-z0-9-]+", tag) for tag in row["tags"]):
        yield "tags are one or more words in lower case, with hyphens"


def _wrong_figures(row: Mapping[str, Any]) -> Iterable[str]:
    """A figure is computed, or stands in the question, or is named as given."""
    values, given = row.get("values", {}), row.get("given", [])
    holes = {hole[1] for hole in _HOLE.finditer(row["answer"])} if values else set()
    for name in values.keys() ^ holes:
        yield f"{{{name}}} must stand both in values and in the answer"
    for name in values.keys() & holes:
        try:
            filled(row["answer"], {**dict.fromkeys(holes, 1.0), name: computed.value(values[name])})
        except (DataError, ValueError) as error:
            yield f"{{{name}}}: {error}"
    plain = re.sub(r"`[^`]*`", " ", _HOLE.sub(" ", row["answer"]))
    for number in _DECIMAL.findall(plain):
        if number not in given and number not in row["question"]:
            yield f"{number} is neither computed nor in the question: compute it in values, or name it in given"


def _twice(entries: Iterable[Entry]) -> list[str]:
    """Ids and questions that are there twice; punctuation and case make no other question."""
    seen: dict[str, str] = {}
    problems = []
    for entry in entries:
        words = " ".join(re.findall(r"\w+", entry.question.lower()))
        for key in (entry.id, words):
            if key in seen:
                problems.append(f"{entry.subject}.toml, {entry.id}: the same as {seen[key]} once more")
                break
        else:
            seen |= {entry.id: entry.id, words: entry.id}
    return problems
