"""Mock interviews: sound cases, computed numbers, refusals for people, honest scores, and nothing that was typed is lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_lab import cli
from recsys_lab.course import lessons
from recsys_lab.course.interview import CaseError, load, markdown, mermaid, names, plain, read, score
from recsys_lab.course.interview import session as kept
from recsys_lab.course.interview.reading import CASES
from recsys_lab.course.interview.report import report
from recsys_lab.course.interview.rubric import parse
from recsys_lab.course.interview.session import STAGES, Session
from recsys_lab.course.interview.talk import run as talk
from recsys_lab.course.interview.watch import InTitle, Watch
from recsys_lab.errors import DataError, UnknownIdError


def run(*arguments: object, typed: str = ""):
    environment = {"COLUMNS": "80", "TERM": "dumb"}
    return CliRunner(env=environment).invoke(cli.app, ["interview", *map(str, arguments)], input=typed)


# ---------------------------------------------------------------------- the cases
def test_there_are_the_six_cases_of_the_course():
    assert set(names()) == {"ecommerce", "feed", "music", "notifications", "search", "video"}


@pytest.mark.parametrize("name", names())
def test_each_number_follows_from_the_assumptions(name):
    """Worked out anew by Python itself, and stated to three digits."""
    case = load(name)
    known = {given.name: given.value for given in case.given}
    for number in case.number:
        known[number.name] = eval(number.expression, {"__builtins__": {}}, known)
        assert float(f"{known[number.name]:.3g}") == pytest.approx(number.value, rel=1e-9), number.name
    assert case.numbers() == pytest.approx(known)
    text = (CASES / f"{name}.toml").read_text()
    for given in case.given:
        assert len(re.findall(rf"\b{given.name}\b", text)) > 1, f"{given.name} is used nowhere"


@pytest.mark.parametrize("name", names())
def test_each_case_is_whole(name):
    case = load(name)
    shown = markdown(case)
    assert not re.search(r"\{\w+\}", shown), "a number is not filled in"
    assert len(case.criterion) >= 6
    for flaw in case.flawed.flaw:
        assert flaw.why in shown
        assert flaw.remedy in shown
    count = len(case.flawed.flaw)
    assert {2: "Two", 3: "Three", 4: "Four", 5: "Five"}[count] in case.flawed.idea
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    assert words[len(case.flawed.part) - 1] in case.flawed.idea
    for one in case.postmortem:
        assert one.source == "composite" or re.search(r"\b(19|20)\d\d\b", one.source), one.title
    assert all(re.search(r"\b(19|20)\d\d\b", text) for text in case.source)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("which", ["design", "flawed"])
def test_both_forms_of_a_diagram_say_the_same(name, which):
    design = getattr(load(name), which)
    drawn, told = mermaid(design), plain(design)
    assert len(re.findall(r"-->\|", drawn)) == told.count("-->") == len(design.flow)
    for part in design.part:
        assert f'{part.id}["{part.label}"]' in drawn
        assert f"[{part.label}]" in told
    assert max(map(len, told.split("\n"))) <= 79
    # Each component can be reached along the flows, either way: no islands.
    reached, todo = set(), [design.part[0].id]
    while todo:
        one = todo.pop()
        if one not in reached:
            reached.add(one)
            todo += [flow.target for flow in design.flow if flow.source == one]
            todo += [flow.source for flow in design.flow if flow.target == one]
    assert reached == {part.id for part in design.part}


SPOILED = [
    # (what is replaced, by what, words of the message)
    ('name = "feed"', 'name = "fed"', "call it as the file, 'feed'"),
    ('title = "The feed of a photo app"', 'titel = "The feed"', "unknown field 'titel': did you mean 'title'?"),
    ('title = "The feed of a photo app"', "", "title is missing: add it"),
    ('title = "The feed of a photo app"', "title = 3", "title: a text that is not empty is wanted, not 3"),
    ('title = "The feed of a photo app"', 'title = " "', "title: a text that is not empty is wanted"),
    ("value = 50e6", 'value = "50e6"', "given 1: value: a number is wanted, not '50e6'"),
    ("value = 13900", "value = 13000", "gives 1.39e+04, not 13000"),
    ('expression = "daily_people * feeds', 'expression = "people * feeds', "'people' is not known here"),
    ('expression = "feeds_per_second_at_peak *', 'expression = "abs(1) *', "'abs(1)' is more than arithmetic"),
    ('expression = "feeds_per_second_at_peak *', 'expression = "2 *', "gives 400, not"),
    ('expression = "feeds_per_second_at_peak *', 'expression = "* ', "is no expression"),
    ('expression = "feeds_per_second_at_peak *', 'expression = "1 / 0 *', "cannot be worked out"),
    ("{seconds_to_push_the_largest} seconds, against", "{seconds} seconds, against", "a text names {seconds}"),
    ('target = "strangers"', 'target = "stranger"', "a flow names 'stranger', which is no part"),
    ('id = "posts"', 'id = "end"', "none of Mermaid's own"),
    ('label = "Post stream"', 'label = "Post [stream]"', "a sign that a diagram cannot show"),
    ('place = "offline"', 'place = "online"', "a flaw names 'online', which is no part"),
    ('place = "offline"', 'place = "log"', "two flaws in one part"),
    ('  "Ends at the model.",\n', "", "5 different levels are wanted"),
    ('"Ends at the model."', '"A service behind a cache."', "5 different levels are wanted"),
    ("weight = 3", "weight = 0", "weight 0 should be above 0"),
    ('lessons = ["4.5", "4.4"]', 'lessons = ["4.5", "9.9"]', "lesson '9.9' is not in the map"),
    ('lessons = ["4.5", "4.4"]', "lessons = []", "name at least one lesson"),
    ('lessons = ["4.5", "4.4"]', 'lessons = "4.5"', "a list is wanted, not '4.5'"),
    ('id = "data"', 'id = "clarify"', "criterion: two have one id"),
    ('prompt = """', "prompt = ", "not TOML"),
    ("[design]\nidea", "[[design]]\nidea", "a table is wanted"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), SPOILED, ids=[s[2][:40] for s in SPOILED])
def test_a_spoiled_case_is_refused_with_its_place(tmp_path, old, new, says):
    text = (CASES / "feed.toml").read_text()
    assert old in text
    file = tmp_path / "feed.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(CaseError) as refused:
        read(file)
    assert says in str(refused.value)
    assert all(line.startswith("feed.toml: ") for line in str(refused.value).split("\n"))


def test_all_problems_of_a_case_are_named_at_once(tmp_path):
    file = tmp_path / "feed.toml"
    text = (CASES / "feed.toml").read_text().replace("value = 13900", "value = 1")
    file.write_text(text.replace('place = "offline"', 'place = "online"'))
    with pytest.raises(CaseError, match=r"(?s)not 1\..*'online'"):
        read(file)


def test_a_case_that_there_is_not():
    with pytest.raises(UnknownIdError, match="no case 'cars'; there are ecommerce, feed"):
        load("cars")
    assert run("--case", "cars").exit_code == 2


# ---------------------------------------------------------------------- the score
CASE = load("feed")
ALL = {criterion.id: 4 for criterion in CASE.criterion}


def test_a_score_is_weighted():
    assert score(CASE, ALL)[:4] == (56.0, 56.0, 1.0, "strong")
    assert score(CASE, ALL | {"model": 2}).points == 50  # weight 3
    assert score(CASE, ALL | {"talk": 2}).points == 54  # weight 1
    assert score(CASE, dict.fromkeys(ALL, 0))[:4] == (0.0, 56.0, 0.0, "start again")


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        (dict.fromkeys(ALL, 3), "sound"),
        (dict.fromkeys(ALL, 2), "not yet"),
        (dict.fromkeys(ALL, 1), "start again"),
        (ALL | {"talk": 1}, "sound"),  # 53 of 56, but one criterion at 1
        (ALL | {"talk": 0}, "not yet"),
        (ALL | {"model": 2, "talk": 2}, "strong"),  # 48 of 56
        (dict.fromkeys(ALL, 2) | {"model": 3, "numbers": 4, "clarify": 4}, "sound"),  # 28 + 3 + 4 + 4 = 39 of 56
    ],
)
def test_the_verdict_and_what_holds_it_down(levels, verdict):
    assert score(CASE, levels).verdict == verdict


def test_what_to_read_again_begins_with_what_cost_most():
    again = score(CASE, ALL | {"model": 2, "data": 2, "talk": 0}).again
    assert again == ("4.5", "4.4", "5.2", "3.6", "3.2")  # model lost 6; talk and data 4 each, in the rubric's order
    assert score(CASE, ALL | {"talk": 3}).again == ()


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ({**ALL, "model": 5}, "5 is no level"),
        ({**ALL, "model": 2.5}, "2.5 is no level"),
        ({**ALL, "model": True}, "True is no level"),
        ({**ALL, "style": 3}, "'style' is no criterion"),
        ({"model": 3}, "no level for clarify, numbers"),
    ],
)
def test_a_rubric_that_is_not_filled_in_is_refused(levels, says):
    with pytest.raises(DataError, match=re.escape(says)):
        score(CASE, levels)


def test_levels_in_one_line():
    assert parse("4, 4,4,4,4,4,4", CASE.criterion) == ALL
    with pytest.raises(DataError, match="2 levels, but there are 7 criteria: clarify, numbers"):
        parse("1,2", CASE.criterion)
    with pytest.raises(DataError, match="--scores, talk: 'x' is no level"):
        parse("1,2,3,x,1,1,1", CASE.criterion)


# ---------------------------------------------------------------------- the talk, with a clock turned by hand
class Somebody:
    """Types the lines given, each after a minute. Then the input ends, or Ctrl-C is pressed."""

    def __init__(self, lines, end: type[BaseException] = EOFError):
        self.lines, self.end, self.now, self.prompts, self.said = list(lines), end, 0.0, [], []

    def ask(self, prompt: str) -> str:
        self.prompts.append(prompt)
        self.now += 60
        if not self.lines:
            raise self.end
        return self.lines.pop(0)

    def goes_on(self, session: Session) -> bool:
        return talk(session, load(session.case), clock=lambda: self.now, ask=self.ask, say=self.said.append)


TYPED = [
    "who is it for?",
    "",
    "how many?",
    ".",
    "13,900 a second",
    ".",
    "inboxes",
    ".",
    ".",
    "by person",
    ".",
    "x",
    ".",
]
LEVELS = ["3", "2", "four", "4", "1", "9", "2", "3", "3"]  # two of them are none


def new(folder: Path) -> Session:
    return kept.start(folder, "feed", 45, 7)


def test_an_interview_from_end_to_end(tmp_path):
    person, session = Somebody(TYPED + LEVELS), new(tmp_path)
    assert person.goes_on(session)
    assert session.notes == [
        ["who is it for?", "how many?"],
        ["13,900 a second"],
        ["inboxes"],
        [],
        ["by person"],
        ["x"],
    ]
    assert session.seconds == [240, 120, 120, 60, 120, 120]
    assert list(session.levels.values()) == [3, 2, 4, 1, 2, 3, 3]
    assert person.prompts[:5] == [f"[{m}:00] > " for m in (5, 4, 3, 2)] + ["[6:00] > "]
    said = "\n".join(person.said)
    assert CASE.clarifying[0].answer in " ".join(said.split())
    assert "'four' is no level." in said
    assert "'9' is no level." in said
    assert said.index("Interviewer: Go into this") > said.index("3 of 6. Design")
    assert said.index(plain(CASE.design)) < said.index(CASE.criterion[0].title)


def test_whenever_it_stops_nothing_is_lost(tmp_path):
    """After each line the input ends, and the interview is opened anew: the end is the same."""
    whole = new(tmp_path / "whole")
    Somebody(TYPED + LEVELS).goes_on(whole)
    for cut in range(len(TYPED + LEVELS)):
        for end in (EOFError, KeyboardInterrupt):
            folder = tmp_path / f"{cut}{end.__name__}"
            first = Somebody((TYPED + LEVELS)[:cut], end)
            if end is EOFError:
                assert not first.goes_on(new(folder))
            else:
                with pytest.raises(KeyboardInterrupt):
                    first.goes_on(new(folder))
            session = kept.open_(folder)
            assert Somebody((TYPED + LEVELS)[cut:]).goes_on(session)
            assert (session.notes, session.levels) == (whole.notes, whole.levels)
            extra = [a - b for a, b in zip(session.seconds, whole.seconds)]
            assert sorted(extra)[-1] in (0, 60), "the minute before it was stopped counts, and time away does not"
            assert sum(extra) in (0, 60)


def test_a_colon_q_stops_as_well(tmp_path):
    session = new(tmp_path)
    assert not Somebody(["one", ":q"]).goes_on(session)
    assert kept.open_(tmp_path).notes[0] == ["one"]
    assert not Somebody([*TYPED[3:], "3", ":q"]).goes_on(session)
    assert kept.open_(tmp_path).levels == {"clarify": 3}
    again = Somebody([":Q"])
    assert not again.goes_on(session)
    said = "\n".join(again.said)
    assert "  Clarify: one" in said, "who judges later still sees what was said"
    assert "  Deep dive: nothing" in said


def test_a_command_that_there_is_not_is_no_note(tmp_path):
    session, person = new(tmp_path), Somebody([":help", "one", ":Q"])
    assert not person.goes_on(session)
    assert kept.open_(tmp_path).notes[0] == ["one"]
    assert any("':help' is no command, and was not noted. '.' alone ends a stage" in said for said in person.said)


def test_the_time_runs_on_below_zero(tmp_path):
    person, session = Somebody(["."] * 6), kept.start(tmp_path, "feed", 9, 0)
    person.goes_on(session)
    assert person.prompts[0] == "[1:00] > "  # 5 of 45 minutes, of 9
    slow = Somebody(["a", "b", "c"])
    slow.goes_on(kept.start(tmp_path / "slow", "feed", 9, 0))
    assert slow.prompts == ["[1:00] > ", "[0:00] > ", "[-1:00] > ", "[-2:00] > "]
    assert sum(session.plan(n) for n in range(len(STAGES))) == pytest.approx(9 * 60)


def test_signs_that_cannot_be_printed_are_left_out(tmp_path):
    session = new(tmp_path)
    Somebody(["\x1b[Aup\x00 \udcff é 日本", "\t"]).goes_on(session)
    assert session.notes[0] == ["[Aup  é 日本"]
    assert kept.open_(tmp_path) == session


def test_a_watch_counts_what_was_spent_before():
    now = [100.0]
    watch = Watch(300, 60, lambda: now[0])
    now[0] = 130
    assert (watch.spent(), watch.left()) == (90, 210)


def test_the_report(tmp_path):
    session = new(tmp_path)
    Somebody(TYPED + LEVELS).goes_on(session)
    text = report(session, CASE)
    result = score(CASE, session.levels)
    assert f"{result.points:g} of 56 points" in text
    assert "| Clarify | 5:00 | 4:00 | -1:00 |" in text
    assert "| all | 45:00 | 13:00 | -32:00 |" in text
    assert "- who is it for?\n- how many?" in text
    assert "*(nothing noted)*" in text
    for criterion in CASE.criterion:
        assert criterion.levels[session.levels[criterion.id]] in text
    for id in result.again:
        assert f"{id} {lessons.entries()[id].title}" in text
    assert str(tmp_path) not in text


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_title_counts_down_and_rings_once(monkeypatch):
    screen, now, looked = Screen(), [0.0], threading.Event()

    def clock() -> float:
        now[0] += 1
        looked.set() if now[0] > 12 else None
        return now[0]

    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr("recsys_lab.course.interview.watch.TICK", 0.001)
    monkeypatch.setenv("TERM", "xterm")
    with InTitle(Watch(4, 0, clock), "Numbers"):
        assert looked.wait(30)
    titles = re.findall(r"\x1b\]0;(-?0:\d\d) left: Numbers\x07", screen.getvalue())
    assert titles[0] > "0:00"
    assert titles[-1].startswith("-")
    assert screen.getvalue().count("\x07\x07") == 1
    assert not [thread for thread in threading.enumerate() if "_tick" in thread.name]


def test_no_title_where_there_is_no_terminal(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    with InTitle(Watch(4, 0, time.monotonic), "Numbers"):
        pass
    assert screen.getvalue() == ""


# ---------------------------------------------------------------------- what is kept
def test_the_seed_draws():
    drawn = [kept.drawn(seed) for seed in range(200)]
    assert drawn == [kept.drawn(seed) for seed in range(200)]
    assert all(15 <= drawn.count(name) <= 55 for name in names())
    asked = {kept.start(Path("x"), "feed", 45, seed).dive(CASE).ask for seed in range(60)}
    assert asked == {dive.ask for dive in CASE.dive}


@pytest.mark.parametrize("spoil", ["{", "[]", '{"version": 2}', "WITHOUT notes", "STAGE 9", "CASE cars", "MORE"])
def test_a_damaged_file_is_named(tmp_path, spoil):
    session = new(tmp_path)
    session.save()
    file = tmp_path / kept.FILE
    state = json.loads(file.read_text())
    if spoil.startswith("WITHOUT"):
        del state["notes"]
    elif spoil.startswith("STAGE"):
        state["stage"] = 9
    elif spoil.startswith("CASE"):
        state["case"] = "cars"
    elif spoil == "MORE":
        state["more"] = 1
    file.write_text(json.dumps(state) if spoil[0].isupper() else spoil)
    with pytest.raises(DataError, match="is damaged: move it away"):
        kept.open_(tmp_path)
    assert run("--out", tmp_path).exit_code == 2


def test_two_terminals_do_not_overwrite_each_other(tmp_path):
    session = new(tmp_path)
    session.save()
    other = kept.open_(tmp_path)
    other.save()
    with pytest.raises(DataError, match="in one terminal only"):
        session.save()


def test_a_file_is_whole_or_old(tmp_path, monkeypatch):
    session = new(tmp_path)
    session.notes[0].append("kept")
    session.save()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    session.notes[0].append("lost")
    with pytest.raises(OSError, match="disk"):
        session.save()
    assert kept.open_(tmp_path).notes[0] == ["kept"]


# ---------------------------------------------------------------------- the command
ENDS = ".\n" * len(STAGES)


def test_the_command_from_a_pipe(tmp_path):
    done = run("--case", "music", "--seed", 3, "--out", tmp_path, "--scores", "4,4,4,4,4,4,4", typed=f"hello\n{ENDS}")
    assert done.exit_code == 0, done.output
    assert "56 of 56 points (100 %): strong" in done.output
    text = (tmp_path / kept.REPORT).read_text()
    assert "- hello" in text
    assert "Nothing: no criterion is below level 3." in text
    again = run("--out", tmp_path)
    assert again.exit_code == 2
    assert "is finished" in again.stderr


def test_the_command_goes_on_and_refuses_other_wishes(tmp_path):
    first = run("--seed", 5, "--minutes", 30, "--out", tmp_path, typed="a\n.\nb\n")
    assert first.exit_code == 0
    assert "Stopped. Everything is saved" in first.output
    state = json.loads((tmp_path / kept.FILE).read_text())
    assert (state["case"], state["minutes"], state["stage"]) == (kept.drawn(5), 30, 1)
    for option, value in (("--seed", 6), ("--minutes", 45), ("--case", next(n for n in names() if n != state["case"]))):
        refused = run(option, value, "--out", tmp_path)
        assert refused.exit_code == 2
        assert f"leave {option} away" in " ".join(refused.stderr.split())
    last = run("--out", tmp_path, typed="c\n" + ".\n" * 5 + "3\n" * 7)
    assert "(noted) b" in last.output
    assert "42 of 56 points (75 %): sound" in last.output


def test_a_report_that_was_not_written_yet_is_written(tmp_path):
    """The machine goes down between the last level and the report."""
    run("--case", "feed", "--out", tmp_path, "--scores", "3,3,3,3,3,3,3", typed=ENDS)
    (tmp_path / kept.REPORT).unlink()
    assert run("--out", tmp_path).exit_code == 0
    assert (tmp_path / kept.REPORT).exists()


def test_without_a_folder_it_finds_its_own(tmp_path, monkeypatch):
    """my_work/interviews/1, 2, ...: an unfinished one goes on, unless another case is wished for."""
    shutil.copytree(lessons.home() / "curriculum", tmp_path / "curriculum")
    monkeypatch.setenv("RECSYS_LAB_HOME", str(tmp_path))
    folders = tmp_path / "my_work" / "interviews"
    run("--case", "feed", typed="a\n")
    run("--case", "music", typed="b\n")
    run("--case", "feed", typed="c\n")
    assert sorted(path.name for path in folders.iterdir()) == ["1", "2"]
    assert kept.open_(folders / "1").notes[0] == ["a", "c"]
    run("--scores", "3,3,3,3,3,3,3", typed=ENDS)  # the newest unfinished one
    assert (folders / "2" / kept.REPORT).exists()
    run("--scores", "3,3,3,3,3,3,3", typed=ENDS)
    assert (folders / "1" / kept.REPORT).exists()
    run(typed="new\n")
    assert kept.open_(folders / "3").notes[0] == ["new"]


def test_bad_wishes_are_refused_before_anything_is_written(tmp_path):
    for wish in (("--minutes", 0), ("--minutes", "nan"), ("--minutes", 1000), ("--case", "cars")):
        assert run("--out", tmp_path / "x", *wish).exit_code == 2, wish
    assert run("--out", tmp_path / "x", "--case", "feed", "--scores", "1").exit_code == 2
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/below"):
        refused = run("--out", tmp_path / folder, "--case", "feed", typed="a note\n")
        assert refused.exit_code == 2
        assert "is a file: choose another folder" in " ".join(refused.stderr.split())


def test_cases_are_listed_and_shown():
    assert all(load(name).title in run("--cases").output for name in names())
    assert run("--show", "search").output == markdown(load("search"))


# ---------------------------------------------------------------------- a real terminal
pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))


class Terminal:
    """The command on a pseudo-terminal: what it shows, and what somebody types."""

    def __init__(self, *arguments: object):
        self.master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", "from recsys_lab.cli import main; main()", "interview", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, preexec_fn=self._take
        )
        os.close(slave)
        self.seen = self.all = ""

    @staticmethod
    def _take() -> None:
        """Make the terminal the child's own, so that Ctrl-C reaches it as a signal, which a shell's background job ignores."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def until(self, text: str, seconds: float = 60) -> str:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"{text!r} was not shown:\n{self.seen}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    read = os.read(self.master, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    read = ""
                assert read, f"it ended without {text!r}:\n{self.all}"
                self.seen, self.all = self.seen + read, self.all + read
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, *lines: str) -> None:
        for line in lines:
            os.write(self.master, f"{line}\n".encode())
            self.until("] > ")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments: object) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_on_a_real_terminal_a_killed_interview_goes_on(tmp_path, terminal):
    first = terminal("--case", "video", "--seed", 1, "--out", tmp_path)
    first.until("] > ")
    first.type("who pays?", "how many titles?", ".", "1,390 pages a second")
    assert re.search(r"\x1b\]0;\d:\d\d left: Clarify\x07", first.all)
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    assert kept.open_(tmp_path).notes[:2] == [["who pays?", "how many titles?"], ["1,390 pages a second"]]

    second = terminal("--out", tmp_path)
    assert "(noted) 1,390 pages a second" in second.until("] > ")
    second.type("a sum", "\x1b[Anot an arrow")
    for _ in range(6):  # between prompt and reading, Python may miss the first one
        os.write(second.master, b"\x03")
        with contextlib.suppress(subprocess.TimeoutExpired):
            second.process.wait(5)  # a second Ctrl-C while it closes down would end it by the signal
            break
    assert second.process.returncode == 130
    assert "Stopped. Everything is saved" in second.until("goes on from here.")
    assert kept.open_(tmp_path).notes[1] == ["1,390 pages a second", "a sum", "[Anot an arrow"]

    third = terminal("--out", tmp_path)
    third.until("] > ")
    third.type(".", ".", ".", ".")
    os.write(third.master, b".\n")
    for level in "3210432":
        third.until(":q stops: ")
        os.write(third.master, f"{level}\n".encode())
    third.until("points (")
    third.process.wait(30)
    assert third.process.returncode == 0
    assert list(kept.open_(tmp_path).levels.values()) == [3, 2, 1, 0, 4, 3, 2]
    assert "- a sum" in (tmp_path / kept.REPORT).read_text()
