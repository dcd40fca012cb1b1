"""One session in a terminal: a question, your answer aloud, the answer of the bank, and how it went."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from recsys_lab.course import questionnaire
from recsys_lab.course.bank import record, schedule
from recsys_lab.course.bank.entries import LEVELS, SUBJECTS, Entry
from recsys_lab.course.bank.schedule import RATINGS, Review
from recsys_lab.errors import DataError

STOP = questionnaire.STOP
_WORDS = {**{str(r): r for r in RATINGS}, **{word: r for r, word in RATINGS.items()}}
_WORDS |= {word[0]: rating for rating, word in RATINGS.items()}


def run(
    entries: Mapping[str, Entry],
    file: Path | None,
    now: Callable[[], datetime],
    new: int,
    limit: int | None = None,
    ahead: timedelta = timedelta(),
) -> int:
    """Ask what is due (or will be within `ahead`) and some new questions; returns the number of answers. Each answer is on the disk before the next question.

    A question that was not known comes again at the end of the session, until it is.
    """
    plan, known = schedule.scheduler(), schedule.cards(record.read(file))
    waiting = schedule.queue(entries, known, now(), new, limit, ahead)
    if not waiting:
        print(_nothing(entries, known, now()))
        return 0
    if not sys.stdin.isatty():
        raise DataError("nobody is there to ask: run this in a terminal. --stats, --anki and --page ask nothing.")
    print(f"{_count(len(waiting), 'question')}. Answer aloud before you look. {STOP} stops; every answer is kept.")
    answers = 0
    while waiting:
        entry = waiting[0]
        card = known.get(entry.id)
        again = "" if card is None else " · once more"
        print(
            f"\n{SUBJECTS[entry.subject]} · {LEVELS[entry.level]}{again} · {_count(len(waiting) - 1, 'question')} after this"
        )
        print(questionnaire.wrapped(entry.question, ""))
        if questionnaire.choose(f"   Enter = the answer, {STOP} = stop: ", {"", STOP}) == STOP:
            break
        print(shown(entry))
        spans = schedule.previews(plan, card, entry.id, now())
        offer = ", ".join(f"{r} = {word} ({schedule.span(spans[r])})" for r, word in RATINGS.items())
        word = questionnaire.choose(f"   {offer}: ", {*_WORDS, STOP})
        if word == STOP:
            break
        review = Review(entry.id, _WORDS[word], now())
        record.add(file, review)
        answers += 1
        known[entry.id] = schedule.answered(plan, card, review)
        waiting.pop(0)
        if not schedule.learned(known[entry.id]):
            waiting.append(entry)
    rest = f" {_count(len(waiting), 'question')} left." if waiting else ""
    kept = "kept" if file else "given, but not kept: RECSYS_LAB_PROGRESS is off"
    print(f"\n{_count(answers, 'answer')} {kept}.{rest}")
    return answers


def shown(entry: Entry) -> str:
    """The answer as a terminal shows it: explanation, query and rows, source, lessons."""
    parts = [questionnaire.wrapped(entry.answer, "   ")]
    if entry.sql:
        rows = "\n".join("  ".join(str(value) for value in row) for row in entry.sql.rows)
        parts += ["", *(_indented(text) + "\n" for text in (entry.sql.setup, entry.sql.query, rows))]
    parts.append(questionnaire.wrapped(f"{entry.source} · in the course: {', '.join(entry.lessons)}", "   → "))
    return "\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _nothing(entries: Mapping[str, Entry], known: Mapping[str, schedule.Card], now: datetime) -> str:
    coming = [known[id].due for id in entries if id in known]
    if not coming:
        return "Nothing is due. Ask for new questions with --new 5."
    return f"Nothing is due; the next question is in {schedule.span(min(coming) - now)}. New ones: --new 5."
