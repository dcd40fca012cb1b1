"""When each question comes back: FSRS, replayed from the answers.

The kept record holds answers only. What FSRS knows of a question (its stability and difficulty) is computed from them, so
the record stays true when the bank, the library or its parameters change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from recsys_lab.course.bank.entries import Entry
from recsys_lab.errors import MissingExtraError

if TYPE_CHECKING:
    from fsrs import Card, Scheduler

RATINGS = {1: "again", 2: "hard", 3: "good", 4: "easy"}
RETENTION = 0.9  # a question comes back when it is remembered with this chance
STEP = timedelta(minutes=10)  # what was not known comes back in the same session


@dataclass(frozen=True)
class Review:
    """One answer: which question, how it went (1 to 4, `RATINGS`), and when (UTC)."""

    question: str
    rating: int
    at: datetime


def scheduler() -> Scheduler:
    """FSRS with its published default parameters. Without fuzz: the same answers give the same dates, always."""
    try:
        from fsrs import Scheduler
    except ImportError as error:
        raise MissingExtraError("the drill needs the package fsrs: pip install 'recsys-lab[phase5]'.") from error
    return Scheduler(desired_retention=RETENTION, learning_steps=[STEP], relearning_steps=[STEP], enable_fuzzing=False)


def card_id(question: str) -> int:
    """A number for FSRS that belongs to the question for good.

    >>> card_id("ml-leakage") == card_id("ml-leakage") != card_id("ml-recall")
    True
    """
    return int.from_bytes(hashlib.sha256(question.encode()).digest()[:6], "big")


def cards(reviews: Iterable[Review]) -> dict[str, Card]:
    """What FSRS knows of each answered question."""
    plan = scheduler()
    known: dict[str, Card] = {}
    for review in sorted(reviews, key=lambda review: review.at):
        known[review.question] = answered(plan, known.get(review.question), review)
    return known


def answered(plan: Scheduler, card: Card | None, review: Review) -> Card:
    """The card after this answer; None is a question that was never answered."""
    from fsrs import Card, Rating

    card = card or Card(card_id=card_id(review.question), due=review.at)
    return plan.review_card(card, Rating(review.rating), review.at)[0]


def learned(card: Card) -> bool:
    """It comes back on another day; until then it stays in the session."""
    from fsrs import State

    return card.state == State.Review


def queue(
    entries: Mapping[str, Entry],
    known: Mapping[str, Card],
    now: datetime,
    new: int,
    limit: int | None = None,
    ahead: timedelta = timedelta(),
) -> list[Entry]:
    """What to ask now: first what is due, the longest overdue first; then at most so many new ones.

    What becomes due within `ahead` counts as due: a last look before an interview. New questions come easy ones first, and the subjects take turns. At most `limit` in all.
    """
    due = sorted(
        (id for id in entries if id in known and known[id].due <= now + ahead), key=lambda id: (known[id].due, id)
    )
    turns: dict[str, int] = {}
    fresh: list[tuple[int, int, Entry]] = []
    for entry in sorted((e for e in entries.values() if e.id not in known), key=lambda e: e.level):
        turn = turns[entry.subject] = turns.get(entry.subject, 0) + 1
        fresh.append((turn, len(fresh), entry))
    asked = [entries[id] for id in due] + [entry for _, _, entry in sorted(fresh, key=lambda f: f[:2])[:new]]
    return asked[:limit]


def previews(plan: Scheduler, card: Card | None, question: str, now: datetime) -> dict[int, timedelta]:
    """For each rating the time until the question would come back."""
    return {rating: answered(plan, card, Review(question, rating, now)).due - now for rating in RATINGS}


def span(time: timedelta) -> str:
    """A time in one short word.

    >>> span(timedelta(minutes=15)), span(timedelta(days=8)), span(timedelta(days=400))
    ('15 min', '8 d', '1.1 y')
    """
    if time < timedelta(days=1):
        return f"{max(round(time.total_seconds() / 60), 0)} min"
    return f"{time.days} d" if time.days < 365 else f"{time.days / 365:.1f} y"


@dataclass(frozen=True)
class Standing:
    """How a subject stands: counts of questions, and the mean chance to know those that were learned."""

    subject: str
    questions: int
    seen: int
    due: int
    learned: int
    chance: float  # NaN where nothing is learned
    answers: int


def standings(entries: Mapping[str, Entry], reviews: Sequence[Review], now: datetime) -> list[Standing]:
    """By subject, in the bank's order."""
    plan, known, rows = scheduler(), cards(reviews), []
    for subject in dict.fromkeys(entry.subject for entry in entries.values()):
        ids = {id for id, entry in entries.items() if entry.subject == subject}
        seen = {id: known[id] for id in ids if id in known}
        kept = [card for card in seen.values() if learned(card)]
        chances = [plan.get_card_retrievability(card, now) for card in kept]
        rows.append(
            Standing(
                subject,
                questions=len(ids),
                seen=len(seen),
                due=sum(card.due <= now for card in seen.values()),
                learned=len(kept),
                chance=sum(chances) / len(chances) if chances else float("nan"),
                answers=sum(review.question in ids for review in reviews),
            )
        )
    return rows


def remembered(reviews: Iterable[Review]) -> tuple[int, int, float]:
    """Of the answers to questions that had been learned: how many were known, of how many, and what FSRS had expected."""
    plan = scheduler()
    known: dict[str, Card] = {}
    right = total = 0
    expected = 0.0
    for review in sorted(reviews, key=lambda review: review.at):
        card = known.get(review.question)
        if card is not None and learned(card):
            right += review.rating > 1
            total += 1
            expected += plan.get_card_retrievability(card, review.at)
        known[review.question] = answered(plan, card, review)
    return right, total, expected
