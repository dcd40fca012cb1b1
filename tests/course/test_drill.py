"""`recsys-lab drill`: when questions come back, what is kept, a session in a real terminal, the deck and the page."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sqlite3
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_lab import cli
from recsys_lab.course.bank import anki, entries, record, schedule
from recsys_lab.course.bank.page import page
from recsys_lab.course.bank.schedule import Review
from recsys_lab.errors import DataError

pytest.importorskip("fsrs", reason="pip install 'recsys-lab[phase5]'")
pytest.importorskip("genanki", reason="pip install 'recsys-lab[phase5]'")

BANK = entries.load()
DAY0 = datetime(2026, 12, 1, 18, tzinfo=UTC)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "drill.json"


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, ["drill", *map(str, arguments)])


def on(day: float) -> datetime:
    return DAY0 + timedelta(days=day)


# ---------------------------------------------------------------------- when a question comes back
def test_good_answers_move_it_further_and_further_away():
    plan, card, spans = schedule.scheduler(), None, []
    at = DAY0
    for _ in range(6):
        card = schedule.answered(plan, card, Review("ml-l1-l2", 3, at))
        spans.append((card.due - at).days)
        at = card.due
    assert spans == sorted(spans)
    assert spans[0] == 2
    assert spans[-1] > 100


def test_what_was_not_known_stays_in_the_session():
    plan = schedule.scheduler()
    for rating, stays in ((1, True), (2, True), (3, False), (4, False)):
        card = schedule.answered(plan, None, Review("ml-l1-l2", rating, DAY0))
        assert schedule.learned(card) is not stays
    lapsed = schedule.answered(plan, card, Review("ml-l1-l2", 1, on(8)))
    assert not schedule.learned(lapsed)
    assert lapsed.due - on(8) == schedule.STEP


def test_replaying_gives_the_same_dates_in_any_order_of_the_record():
    reviews = [Review(id, 1 + n % 4, on(n / 3)) for n, id in enumerate([*BANK][:9] * 3)]
    first, second = schedule.cards(reviews), schedule.cards(reversed(reviews))
    assert {id: card.to_dict() for id, card in first.items()} == {id: card.to_dict() for id, card in second.items()}


def test_card_ids_differ():
    assert len({schedule.card_id(id) for id in BANK}) == len(BANK)


def test_what_is_due_comes_first_and_the_longest_overdue_before_all():
    known = schedule.cards([Review("sql-median", 3, on(1)), Review("ml-l1-l2", 3, on(0)), Review("ml-adam", 4, on(0))])
    asked = schedule.queue(BANK, known, on(5), new=2)
    assert [entry.id for entry in asked[:2]] == ["ml-l1-l2", "sql-median"]  # due on days 2 and 3; ml-adam on day 8
    assert len(asked) == 4
    assert not {entry.id for entry in asked[2:]} & known.keys()
    assert [entry.id for entry in schedule.queue(BANK, known, on(5), new=2, limit=1)] == ["ml-l1-l2"]


def test_a_last_look_asks_what_becomes_due_too():
    known = schedule.cards([Review("sql-median", 3, on(1)), Review("ml-l1-l2", 3, on(0)), Review("ml-adam", 4, on(0))])
    asked = {n: schedule.queue(BANK, known, on(2), new=0, ahead=timedelta(days=n)) for n in (0, 1, 5, 6)}
    assert {n: len(found) for n, found in asked.items()} == {0: 1, 1: 2, 5: 2, 6: 3}  # due on days 2, 3 and 8
    assert [entry.id for entry in asked[6]] == ["ml-l1-l2", "sql-median", "ml-adam"]


def test_new_questions_begin_easy_and_the_subjects_take_turns():
    asked = schedule.queue(BANK, {}, DAY0, new=12)
    assert {entry.level for entry in asked} == {1}
    assert [entry.subject for entry in asked] == [*entries.SUBJECTS] * 2
    assert len(schedule.queue(BANK, {}, DAY0, new=10_000)) == len(BANK)


def test_standings_and_remembered():
    reviews = [Review("ml-l1-l2", 3, on(0)), Review("ml-adam", 1, on(0)), Review("ml-l1-l2", 1, on(2))]
    ml, *rest = schedule.standings(BANK, reviews, on(3))
    assert (ml.subject, ml.seen, ml.due, ml.learned, ml.answers) == ("ml", 2, 2, 0, 3)
    assert all(row.seen == row.answers == 0 for row in rest)
    right, total, expected = schedule.remembered(reviews)
    assert (right, total) == (0, 1)
    assert expected == pytest.approx(0.9, abs=0.02)  # it came when its chance was about 0.9


# ---------------------------------------------------------------------- what is kept
def test_what_is_added_is_read_again(kept):
    reviews = [Review("ml-l1-l2", 3, on(0)), Review("gone-from-the-bank", 1, on(0.5))]
    for review in reviews:
        record.add(kept, review)
    assert record.read(kept) == reviews
    assert json.loads(kept.read_text())["version"] == record.VERSION
    assert [path.name for path in kept.parent.iterdir()] == ["drill.json"]
    assert {row.answers for row in schedule.standings(BANK, reviews, on(1))} == {0, 1}, (
        "what the bank lacks is left out"
    )


SOUND = '{"version": 1, "reviews": [{"question": "ml-l1-l2", "rating": 3, "at": "2026-12-01T18:00:00+00:00"}]}'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (SOUND, "", "is damaged"),
        (SOUND, "[]", "is damaged"),
        (SOUND, SOUND[:60], "is damaged"),
        (SOUND, "\x00" * 50, "is damaged"),
        ('"version": 1', '"version": 0', "is damaged"),
        ('"version": 1', '"version": "1"', "is damaged"),
        ('"version": 1', '"version": true', "is damaged"),
        ('"version": 1', '"version": 2', "newer version of the course"),
        ('"version": 1,', "", "is damaged"),
        ('"reviews"', '"review"', "is damaged"),
        ('"rating": 3', '"rating": 5', "no question and rating"),
        ('"rating": 3', '"rating": "3"', "no question and rating"),
        ('"rating": 3', '"rating": true', "no question and rating"),
        ('"ml-l1-l2"', "7", "no question and rating"),
        ('"rating": 3,', "", "a review is question, rating and at"),
        ('"rating": 3', '"rating": 3, "more": 1', "a review is question, rating and at"),
        ("+00:00", "", "is no moment of UTC"),
        ("+00:00", "+02:00", "is no moment of UTC"),
        ("2026-12-01T18", "yesterday", "Invalid isoformat"),
        ("2026-12-01T18:00:00+00:00", '1"}, {"', "is damaged"),
    ],
)
def test_a_broken_record_is_refused_whole_and_left_as_it_is(kept, old, new, told):
    broken = SOUND.replace(old, new)
    kept.write_text(broken)
    for attempt in (lambda: record.read(kept), lambda: record.add(kept, Review("ml-adam", 3, DAY0))):
        with pytest.raises(DataError) as refused:
            attempt()
        assert told in str(refused.value)
        assert str(kept) in str(refused.value)
    assert kept.read_text() == broken
    result = run("--stats")
    assert result.exit_code == cli.BAD_INPUT
    assert "left as it is" in result.stderr or "was left as it was" in result.stderr
    assert kept.read_text() == broken


def test_nothing_half_written_stays(kept, monkeypatch):
    record.add(kept, Review("ml-l1-l2", 3, DAY0))
    before = kept.read_bytes()

    def full(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        record.add(kept, Review("ml-adam", 3, DAY0))
    assert kept.read_bytes() == before
    assert [path.name for path in kept.parent.iterdir()] == ["drill.json"]


def test_moments():
    assert record.moment("2026-12-01") == datetime(2026, 12, 1, tzinfo=UTC)
    assert record.moment("2026-12-01T19:00+01:00") == DAY0
    assert abs(record.moment(None) - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(DataError, match="give a date, such as"):
        record.moment("tomorrow")


# ---------------------------------------------------------------------- the command
def test_stats_as_table_and_as_json(kept):
    record.add(kept, Review("ml-l1-l2", 3, on(0)))
    record.add(kept, Review("ml-l1-l2", 3, on(2)))
    result = run("--stats", "--now", "2026-12-04T18:00")
    assert result.exit_code == 0
    assert re.search(r"Machine learning +31 +1 +0 +1 +9\d% +2", result.stdout)
    assert "Of 1 answers to learned questions 1 were known; FSRS had expected 0.9." in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    told = json.loads(run("--stats", "--json", "--now", "2026-12-04T18:00").stdout)
    assert told["subjects"][0]["learned"] == 1
    assert told["subjects"][1]["chance"] is None
    earlier = json.loads(run("--stats", "--json", "--now", "2026-12-02").stdout)
    assert earlier["subjects"][0]["answers"] == 1, "what came later is not known then"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--subject", "cooking"), "choose one of ml, statistics"),
        (("--now", "soon", "--stats"), "give a date"),
        (("--json",), "--json goes with --stats"),
        ((), "run this in a terminal"),
        (("--anki", "nowhere/deck.apkg"), "there is no folder"),
    ],
)
def test_refusals(kept, options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*options)
    assert result.exit_code == cli.BAD_INPUT
    assert told in result.stderr
    assert not kept.exists()


def test_nothing_due_needs_no_terminal(kept):
    record.add(kept, Review("ml-l1-l2", 3, on(0)))
    result = run("--new", 0, "--now", "2026-12-02T18:00")
    assert (result.exit_code, result.stdout) == (0, "Nothing is due; the next question is in 1 d. New ones: --new 5.\n")


# ---------------------------------------------------------------------- a real terminal
pty = pytest.importorskip("pty", reason="pseudo-terminals are not for Windows")


class Terminal:
    """The command on a pseudo-terminal of its own: type, and wait for what it says."""

    def __init__(self, *arguments: str, progress: Path | str):
        code = "from recsys_lab.cli import main; main()"
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"RECSYS_LAB_PROGRESS": str(progress), "TERM": "dumb", "COLUMNS": "80"}
            os.execv(sys.executable, [sys.executable, "-c", code, "drill", *arguments])
        self.said = ""

    def wait(self, for_what: str) -> str:
        """What it says up to and with this."""
        until = time.monotonic() + 60
        while for_what not in self.said:
            ready, _, _ = select.select([self.fd], [], [], 1)
            try:
                self.said += os.read(self.fd, 65_536).decode() if ready else ""
            except OSError:  # the other side is closed
                break
            assert time.monotonic() < until, f"{for_what!r} did not come; it said:\n{self.said}"
        assert for_what in self.said, self.said
        here = self.said.index(for_what) + len(for_what)
        said, self.said = self.said[:here], self.said[here:]
        return said.replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        self.pid = 0
        return code


@pytest.fixture
def drill():
    """Starts the command on a terminal; whatever a failed test left running is ended."""
    started = []

    def start(*arguments: str, progress: Path | str) -> Terminal:
        started.append(Terminal(*arguments, progress=progress))
        return started[-1]

    yield start
    for terminal in started:
        if terminal.pid:
            os.kill(terminal.pid, signal.SIGKILL)
            terminal.end()


def test_a_session_in_a_terminal(kept, drill):
    terminal = drill("--subject", "sql", "--new", "2", "--now", "2026-12-01T18:00", progress=kept.with_name("p.json"))
    terminal.wait("2 questions. Answer aloud")
    asked = terminal.wait("q = stop: ")
    first, second = (
        entry for entry in schedule.queue({i: e for i, e in BANK.items() if e.subject == "sql"}, {}, DAY0, 2)
    )
    assert " ".join(first.question.split()[:5]) in asked
    assert first.answer[:30] not in asked, "the answer waits for Enter"
    assert not kept.exists()

    terminal.type("what?\n")
    terminal.wait("'what?' is none of these.")
    terminal.type("\n")
    answered = terminal.wait("1 = again (10 min), 2 = hard (15 min), 3 = good (2 d), 4 = easy (8 d): ")
    assert first.answer[:30] in answered
    assert first.sql.query.splitlines()[0] in answered
    assert first.source.split(";")[0] in answered
    terminal.type("again\n")
    terminal.wait("1 question after this")
    assert record.read(kept) == [Review(first.id, 1, DAY0)], "kept before the next question is asked"

    terminal.type("\n")
    terminal.wait("(8 d): ")
    terminal.type("g\n")
    assert "once more" in terminal.wait("0 questions after this"), "what was not known comes again"
    terminal.type("\n")
    terminal.wait("easy")
    terminal.type("3\n")
    terminal.wait("3 answers kept.")
    assert terminal.end() == 0
    assert [(r.question, r.rating) for r in record.read(kept)] == [(first.id, 1), (second.id, 3), (first.id, 3)]


@pytest.mark.parametrize("stop", ["q\n", "\x04"])
def test_stopping_keeps_what_was_answered(kept, stop, drill):
    terminal = drill("--limit", "3", progress=kept.with_name("p.json"))
    terminal.wait("q = stop: ")
    terminal.type("\n")
    terminal.wait("easy")
    terminal.type("4\n")
    terminal.wait("q = stop: ")
    terminal.type(stop)
    terminal.wait("1 answer kept. 2 questions left.")
    assert terminal.end() == 0
    assert len(record.read(kept)) == 1


def test_ctrl_c_and_a_kill_keep_what_was_answered(kept, drill):
    for number, stop in enumerate((signal.SIGINT, signal.SIGKILL), 1):
        terminal = drill("--limit", "5", progress=kept.with_name("p.json"))
        terminal.wait("q = stop: ")
        terminal.type("\n")
        terminal.wait("easy")
        terminal.type("3\n")
        terminal.wait("q = stop: ")
        os.kill(terminal.pid, stop)
        assert terminal.end() == (130 if stop == signal.SIGINT else -9)
        assert len(record.read(kept)) == number


def test_the_command_looks_ahead(kept, drill):
    record.add(kept, Review("sql-median", 4, DAY0))  # comes back on day 8
    for days, told in (("7", "Nothing is due; the next question is in 8 d"), ("9", "1 question. Answer aloud")):
        terminal = drill("--new", "0", "--ahead", days, "--now", "2026-12-01T18:00", progress=kept.with_name("p.json"))
        terminal.wait(told)
        if days == "9":
            terminal.wait("q = stop: ")
            terminal.type("q\n")
        assert terminal.end() == 0


def test_a_terminal_without_record_says_so(drill):
    terminal = drill("--limit", "1", progress="off")
    terminal.wait("q = stop: ")
    terminal.type("\n")
    terminal.wait("easy")
    terminal.type("4\n")
    terminal.wait("1 answer given, but not kept")
    assert terminal.end() == 0


# ---------------------------------------------------------------------- the deck
def notes_of(content: bytes, folder: Path) -> dict[str, dict]:
    """The notes of a package by guid, read as Anki reads them."""
    file = folder / "deck.apkg"
    file.write_bytes(content)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("media")) == {}
        archive.extract("collection.anki2", folder)
    with sqlite3.connect(folder / "collection.anki2") as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        decks = {
            int(id): deck["name"]
            for id, deck in json.loads(base.execute("SELECT decks FROM col").fetchone()[0]).items()
        }
        (model,) = json.loads(base.execute("SELECT models FROM col").fetchone()[0]).values()
        names = [one["name"] for one in model["flds"]]
        rows = base.execute(
            "SELECT n.guid, n.mod, n.tags, n.flds, c.did FROM notes n JOIN cards c ON c.nid = n.id"
        ).fetchall()
    return {
        guid: dict(zip(names, fields.split("\x1f"))) | {"mod": mod, "tags": tags.split(), "deck": decks[did]}
        for guid, mod, tags, fields, did in rows
    }


def test_every_question_is_a_note_of_the_deck(tmp_path):
    notes = notes_of(anki.package(BANK.values()), tmp_path)
    assert len(notes) == len(BANK)
    by_id = {note["Id"]: note for note in notes.values()}
    assert by_id.keys() == BANK.keys()
    for id, entry in BANK.items():
        note = by_id[id]
        plain = re.sub(r"<[^>]+>", "", note["Answer"])
        for code, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
            plain = plain.replace(code, sign)
        assert plain.startswith(entry.answer.replace("`", ""))
        assert note["deck"] == f"RecSys Lab::{entries.SUBJECTS[entry.subject]}"
        assert note["Source"]
        assert note["Lessons"] == ", ".join(entry.lessons)
        assert note["tags"] == [entry.subject, *entry.tags]
        if entry.sql:
            assert note["Answer"].count("<pre>") == 2


def test_the_same_bank_gives_the_same_bytes_and_a_changed_one_the_same_guids(tmp_path):
    from dataclasses import replace

    assert anki.package(BANK.values()) == anki.package(BANK.values())
    changed = {id: replace(entry, answer="Changed. " + entry.answer) for id, entry in BANK.items()}
    changed.pop("ml-l1-l2")
    before, after = (notes_of(anki.package(bank.values()), tmp_path) for bank in (BANK, changed))
    assert before.keys() - after.keys() == {anki._guid(BANK["ml-l1-l2"])}
    assert all(before[guid]["Id"] == after[guid]["Id"] for guid in after)


def test_a_changed_bank_bears_a_newer_day():
    assert anki.digest(BANK.values()) == anki.DIGEST, (
        f"a question has changed: set anki.REVISED to today, or Anki keeps the old text; and DIGEST to {anki.digest(BANK.values())!r}"
    )


# ---------------------------------------------------------------------- the page
class Page(HTMLParser):
    """Ids, links and what would be fetched."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.fetched, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.links += [attributes["href"]] if "href" in attributes else []
        self.fetched += [attributes["src"]] if "src" in attributes else []
        if tag in ("script", "link", "iframe", "object"):
            self.fetched.append(tag)
        if tag not in ("meta", "input", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass


def test_the_page_holds_everything_and_asks_for_nothing():
    text = page(BANK.values())
    read = Page(text)
    assert set(BANK) <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))
    assert not read.fetched
    assert {link.removeprefix("#") for link in read.links} == set(entries.SUBJECTS)
    assert "url(" not in text
    assert "@import" not in text
    assert text.count('class="answer"') == len(BANK)
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text


def test_both_files_by_the_command(tmp_path):
    deck, leaf = tmp_path / "bank.apkg", tmp_path / "bank.html"
    result = run("--anki", deck, "--page", leaf, "--subject", "statistics")
    assert result.exit_code == 0, result.stderr
    assert "28 cards" in result.stdout
    assert leaf.read_text(encoding="utf-8").count('class="question"') == 28
    assert {note["deck"] for note in notes_of(deck.read_bytes(), tmp_path).values()} == {"RecSys Lab::Statistics"}
