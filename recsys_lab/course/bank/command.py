"""`recsys-lab drill`: questions in a terminal, as a deck for Anki, as a page to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys_lab.errors import DataError

if TYPE_CHECKING:
    from datetime import datetime

    from recsys_lab.course.bank.entries import Entry


def register(
    root: typer.Typer, table: Callable[[Sequence[str], Iterable[Sequence[str]], Iterable[int]], None], as_json: Callable
) -> None:
    """Add the command. table : prints heads and rows; as_json : prints a value."""

    @root.command(rich_help_panel="Learn")
    def drill(
        subject: Annotated[
            str | None, typer.Option(help="Only ml, statistics, recommenders, experimentation, serving or sql.")
        ] = None,
        new: Annotated[int, typer.Option(min=0, help="At most so many questions that you have never seen.")] = 10,
        limit: Annotated[int | None, typer.Option(min=1, help="At most so many questions in all.")] = None,
        ahead: Annotated[
            int, typer.Option(min=0, max=3650, help="Also what becomes due within so many days: before an interview.")
        ] = 0,
        stats: Annotated[bool, typer.Option("--stats", help="Where you stand; asks nothing.")] = False,
        anki: Annotated[Path | None, typer.Option(metavar="FILE.apkg", help="Write a deck for Anki.")] = None,
        page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page to read or print.")] = None,
        now: Annotated[
            str | None, typer.Option(metavar="TIME", help="As if it were then (UTC), such as 2026-12-01T18:00.")
        ] = None,
        json: Annotated[bool, typer.Option("--json", help="With --stats: print JSON.")] = False,
    ) -> None:
        """Interview questions, brought back when you are about to forget them (FSRS).

        You answer aloud, look, and say how it went: again, hard, good, easy. What was not known comes again in the
        same session. Each answer is kept at once, on this machine.
        """
        from datetime import timedelta

        from recsys_lab.course.bank import record, session

        if json and not stats:
            raise DataError("--json goes with --stats: a drill asks, and files are written by --anki and --page.")
        entries = _chosen(subject)
        if anki or page:
            _write(entries, anki, page)
        elif stats:
            _stats(entries, record.moment(now), table, as_json if json else None)
        else:
            session.run(entries, record.path(), lambda: record.moment(now), new, limit, timedelta(days=ahead))


def _chosen(subject: str | None) -> dict[str, Entry]:
    from recsys_lab.course.bank.entries import SUBJECTS, load

    if subject is not None and subject not in SUBJECTS:
        raise DataError(f"--subject {subject!r}: choose one of {', '.join(SUBJECTS)}.")
    return {id: entry for id, entry in load().items() if subject in (None, entry.subject)}


def _write(entries: Mapping[str, Entry], anki: Path | None, page: Path | None) -> None:
    from recsys_lab import records

    if anki:
        from recsys_lab.course.bank.anki import package

        records.write(anki, package(entries.values()))
        print(
            f"{anki}: {len(entries)} cards. Import it in Anki; a later file updates them and keeps your progress there."
        )
    if page:
        from recsys_lab.course.bank.page import page as text

        records.write(page, text(entries.values()))
        print(f"{page}: {len(entries)} questions with their answers.")


def _stats(entries: Mapping[str, Entry], now: datetime, table: Callable, as_json: Callable[[Any], None] | None) -> None:
    from dataclasses import asdict

    from recsys_lab.course.bank import record, schedule
    from recsys_lab.course.bank.entries import SUBJECTS

    reviews = [review for review in record.read(record.path()) if review.at <= now]
    rows = schedule.standings(entries, reviews, now)
    right, total, expected = schedule.remembered(review for review in reviews if review.question in entries)
    if as_json:
        as_json({"subjects": [asdict(row) for row in rows], "known": right, "of": total, "expected": expected})
        return
    table(
        ["subject", "questions", "seen", "due", "learned", "known now", "answers"],
        [
            [
                SUBJECTS[row.subject],
                *map(str, (row.questions, row.seen, row.due, row.learned)),
                f"{row.chance:.0%}" if row.learned else "-",
                str(row.answers),
            ]
            for row in rows
        ],
        range(1, 7),
    )
    if total:
        print(f"\nOf {total} answers to learned questions {right} were known; FSRS had expected {expected:.1f}.")
