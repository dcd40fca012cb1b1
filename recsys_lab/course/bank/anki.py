"""The bank as a deck for Anki: a package file that updates what an earlier one brought, and keeps Anki's own progress.

Anki recognises a note by its guid, made of the question's id, and takes its text over if the note is newer than the one it
has. So all notes bear the day on which the bank was last changed, and the same bank gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from recsys_lab.course.bank.entries import SUBJECTS, Entry
from recsys_lab.course.bank.page import prose, worked
from recsys_lab.errors import MissingExtraError

# Whoever changes a question sets both; a test compares the digest, and says what it is.
REVISED = datetime(2026, 11, 24, 18, tzinfo=UTC)
DIGEST = "01492556dd38e0ee"

# Never changed: by these numbers Anki recognises the note type and the decks.
_MODEL, _DECK = 1_735_420_001, 1_735_420_100
_FIELDS = ("Id", "Question", "Answer", "Source", "Lessons")
_CSS = """
.card { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; text-align: left; }
.source { font-size: .8rem; opacity: .7; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid; font-size: .9rem; text-align: left; }
table { border-collapse: collapse; } td { padding: .1rem .6rem; border: 1px solid; }
"""


def package(entries: Iterable[Entry]) -> bytes:
    """The content of an .apkg file with these questions, one deck a subject."""
    try:
        import genanki
    except ImportError as error:
        raise MissingExtraError("Anki's package needs genanki: pip install 'recsys-lab[phase5]'.") from error
    model = genanki.Model(
        _MODEL,
        "RecSys Lab question",
        fields=[{"name": name} for name in _FIELDS],
        templates=[
            {
                "name": "Question",
                "qfmt": "{{Question}}",
                "afmt": '{{FrontSide}}<hr id="answer">{{Answer}}<p class="source">{{Source}} · in the course: {{Lessons}}</p>',
            }
        ],
        css=_CSS,
        sort_field_index=0,
    )
    decks = {
        subject: genanki.Deck(_DECK + number, f"RecSys Lab::{title}")
        for number, (subject, title) in enumerate(SUBJECTS.items())
    }
    for place, entry in enumerate(entries):
        note = genanki.Note(
            model, fields=_fields(entry), tags=[entry.subject, *entry.tags], guid=_guid(entry), due=place
        )
        decks[entry.subject].add_note(note)
    made = io.BytesIO()
    genanki.Package([deck for deck in decks.values() if deck.notes]).write_to_file(made, timestamp=REVISED.timestamp())
    return _without_dates(made)


def digest(entries: Iterable[Entry]) -> str:
    """A fingerprint of all that stands on the cards."""
    return hashlib.sha256("\n".join("\t".join(_fields(entry)) for entry in entries).encode()).hexdigest()[:16]


def _guid(entry: Entry) -> str:
    from genanki import guid_for

    return guid_for("recsys-lab", entry.id)


def _fields(entry: Entry) -> list[str]:
    answer = prose(entry.answer)
    if entry.sql:
        answer += worked(entry.sql)
    return [entry.id, prose(entry.question), answer, escape(entry.source), ", ".join(entry.lessons)]


def _without_dates(made: io.BytesIO) -> bytes:
    """The same archive, but its members do not bear the moment of writing."""
    out = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
