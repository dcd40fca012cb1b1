"""The answers so far: `drill.json` beside the progress file, on the learner's own machine. Nothing leaves it.

    {"version": 1, "reviews": [{"question": "ml-leakage", "rating": 3, "at": "2026-11-24T18:00:00+00:00"}, ...]}

It is written whole after each answer. A file that is not exactly of this form is refused and left as it is.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsys_lab import records
from recsys_lab.course import progress
from recsys_lab.course.bank.schedule import RATINGS, Review
from recsys_lab.errors import DataError

VERSION = 1


def path() -> Path | None:
    """The file, or None where nothing is to be recorded (RECSYS_LAB_PROGRESS=off)."""
    beside = progress.path(command=True)
    return None if beside is None else beside.with_name("drill.json")


def read(file: Path | None) -> list[Review]:
    """The answers in the order given; [] where there is no file. Raises DataError where it is not sound."""
    if file is None or not file.exists():
        return []
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        version = kept["version"]
        if type(version) is not int or version < VERSION:
            raise ValueError(f"version {version!r}")
        if version > VERSION:
            raise DataError(
                f"{file} was written by a newer version of the course (format {version}, here {VERSION}): "
                "update the course. The file was left as it is."
            )
        if kept.keys() != {"version", "reviews"} or not isinstance(kept["reviews"], list):
            raise ValueError("no list of reviews")
        return [_review(row) for row in kept["reviews"]]
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} is damaged ({type(error).__name__}: {error}) and was left as it is. Mend it, put a copy of it back, or "
            "move it away: then the drill starts anew."
        ) from error


def add(file: Path | None, review: Review) -> None:
    """Append one answer; the file is replaced whole. Two drills at the same time lose nothing."""
    if file is None:
        return
    with progress.locked(file):
        reviews = [*read(file), review]
        rows = [{"question": r.question, "rating": r.rating, "at": r.at.isoformat()} for r in reviews]
        records.write(file, json.dumps({"version": VERSION, "reviews": rows}, indent=1) + "\n")


def moment(text: str | None) -> datetime:
    """A moment of UTC from its ISO form; None is now. Without a time it is midnight, without a zone it is UTC."""
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"--now {text!r}: give a date, such as 2026-12-01 or 2026-12-01T18:00.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _review(row: Any) -> Review:
    if not isinstance(row, dict) or row.keys() != {"question", "rating", "at"}:
        raise ValueError(f"a review is question, rating and at, not {row!r}")
    question, rating, at = row["question"], row["rating"], datetime.fromisoformat(row["at"])
    if not isinstance(question, str) or type(rating) is not int or rating not in RATINGS:
        raise ValueError(f"no question and rating: {row!r}")
    if at.utcoffset() != timedelta(0):
        raise ValueError(f"{row['at']!r} is no moment of UTC")
    return Review(question, rating, at.astimezone(UTC))
