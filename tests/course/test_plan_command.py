"""`recsys-lab plan` as a learner meets it: options, questions in a terminal, plans made again, files that are broken."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_lab import cli
from recsys_lab.course import diagnostic, lessons
from recsys_lab.course.plan import graph, kept, milestones, options, schedule, standing, text
from recsys_lab.course.plan.graph import Standing
from recsys_lab.course.plan.request import BACKGROUNDS, Request, share, spread
from recsys_lab.errors import DataError

MONDAY = date(2027, 1, 4)
BASIC = ("--hours", "10", "--start", "2027-01-04", "--today", "2026-12-30")
TASKS = graph.course()


@pytest.fixture
def progress(tmp_path, monkeypatch):
    """The file that progress is kept in."""
    file = tmp_path / "progress.json"
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(file))
    return file


def run(folder: Path, *arguments: str):
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, ["plan", *arguments, "--out", str(folder)])


def parts(folder: Path) -> dict[str, list[str]]:
    """For each task the days that plan.md gives it."""
    found: dict[str, list[str]] = {}
    for day, what in re.findall(r"^\| \w{3} (\S+) \| \d+ \| (.*) \|$", (folder / "plan.md").read_text(), re.MULTILINE):
        id = re.match(r"(\d\.\d|00) ", what) or re.search(r"\(([a-z]+(?:-[\d.]+)?)\)", what)
        found.setdefault(id[1], []).append(day)
    return found


# ---------------------------------------------------------------------- by options
def test_options_make_three_files(tmp_path, progress):
    result = run(tmp_path / "new", *BASIC)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"plan.md", "plan.ics", "plan.json"}
    plan = schedule.make(Request(MONDAY, spread(10)), TASKS)
    assert f"from 2027-01-04 to {plan.until}" in result.output
    assert list(parts(tmp_path / "new")) == list(dict.fromkeys(part.task for part in plan.parts))
    assert (tmp_path / "new" / "plan.ics").read_bytes().count(b"BEGIN:VEVENT") == len(plan.parts)


def test_the_page_says_how_to_make_it_again(tmp_path, progress):
    given = (
        "--days",
        "mon:2,sat:3.25",
        "--outside",
        "core",
        "--pause",
        "2027-02-01",
        "--pause",
        "2027-03-01:2027-03-08",
    )
    assert run(tmp_path, "--start", "2027-01-04", "--today", "2027-01-01", *given, "--at", "7:15").exit_code == 0
    page = (tmp_path / "plan.md").read_text()
    again = re.search(r"`recsys-lab plan (--start.*)`", page)[1].split()
    assert run(tmp_path / "b", *again, "--today", "2027-01-01").exit_code == 0
    assert (tmp_path / "b" / "plan.md").read_text() == page


def test_a_wish_that_cannot_be_writes_nothing(tmp_path, progress):
    result = run(
        tmp_path / "no", "--hours", "3", "--start", "2027-01-04", "--until", "2027-02-21", "--today", "2027-01-01"
    )
    assert result.exit_code == 2
    assert "this plan cannot be" in result.stderr
    offers = re.findall(r"^  [a-z ]+: (--.*)$", result.stderr, re.MULTILINE)
    assert len(offers) == 3
    for number, offer in enumerate(offers):  # what is offered can be typed, over what was
        words = offer.split()
        wanted = {"--hours": "3", "--start": "2027-01-04", "--until": "2027-02-21"} | dict(zip(words[::2], words[1::2]))
        typed = [word for pair in wanted.items() for word in pair]
        assert run(tmp_path / f"offer{number}", *typed, "--today", "2027-01-01").exit_code == 0, offer
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--hours", "0.5"), "hours: 0.5: give 1 to 60"),
        (("--hours", "ten"), "'ten' is not a number"),
        (("--hours", "7.1"), "in quarter hours"),
        (("--hours", "100"), "give 1 to 60"),
        (("--days", "mon"), "give hours for each day"),
        (("--days", "mon:1,mon:2"), "write each day once"),
        (("--days", "moonday:2"), "write each day once"),
        (("--days", "mon:13"), "13 hours on one day"),
        (("--days", "mon:0.25,tue:2"), "0.25 hours on one day"),
        (("--days", "mon:2", "--hours", "3"), "do not add up"),
        (("--hours", "1", "--days", "mon,tue,wed,thu"), "0.25 hours on one day"),
        (("--hours", "10", "--start", "tomorrow"), "'tomorrow' is not a date"),
        (("--hours", "10", "--start", "2027-02-30"), "'2027-02-30' is not a date"),
        (("--hours", "10", "--until", "2020-01-01"), "until: '2020-01-01'|before the start"),
        (("--hours", "10", "--goal", "fame"), "none of course, portfolio, job"),
        (("--hours", "10", "--goal", "job"), "add --until DATE"),
        (("--hours", "10", "--goal", "portfolio", "--phases", "1-2"), "needs phase 4"),
        (("--hours", "10", "--phases", "6"), "there are five"),
        (("--hours", "10", "--phases", "3-1"), "there are five"),
        (("--hours", "10", "--background", "chef"), "none of backend"),
        (("--hours", "10", "--outside", "some"), "none of all, core, none"),
        (("--hours", "10", "--buffer", "60"), "from 0 to 50"),
        (("--hours", "10", "--at", "25:00"), "not a time of day"),
        (("--hours", "10", "--alarm", "-5"), "not a number"),
        (("--hours", "10", "--pause", "2027-03-08:2027-03-01"), "ends before it begins"),
        (("--hours", "10", "--pause", "2027-03-08:2027-03-01:x"), "write FIRST:LAST"),
        (("--hours", "10", "--done", "1,1"), "is no task of the course"),
        (("--again",), "there is no plan"),
        ((), "nobody is there to ask"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, progress, given, says):
    result = run(tmp_path / "x", *given, "--today", "2027-01-01")
    assert result.exit_code == 2, result.output
    assert re.search(says, result.stderr)
    assert not (tmp_path / "x").exists()


# ---------------------------------------------------------------------- by questions, in a terminal
def ask(folder: Path, answers: list[str], *arguments: str) -> tuple[str, int]:
    """What the command shows in a terminal of its own, each answer typed when it is asked for; and its exit code."""
    pty = pytest.importorskip("pty", reason="a terminal of this kind is not on Windows")
    ours, theirs = pty.openpty()
    command = "from recsys_lab.cli import main; main()"
    program = subprocess.Popen(
        [sys.executable, "-c", command, "plan", "--today", "2026-12-30", "--out", str(folder), *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
    )  # fmt: skip
    os.close(theirs)
    shown, seen, left, until = "", 0, list(answers), time.monotonic() + 60
    try:
        while time.monotonic() < until:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    shown += os.read(ours, 4096).decode()
                except OSError:  # the other end is closed
                    break
            elif program.poll() is not None:
                break
            if left and re.search(r"\]: $", shown[seen:]):
                seen = len(shown)
                os.write(ours, left.pop(0).encode() + (b"" if answers[-1] == "\x04" and not left else b"\n"))
        return shown.replace("\r\n", "\n"), program.wait(10)
    finally:
        program.kill()
        os.close(ours)


def test_the_questions_make_a_plan(tmp_path, progress):
    answers = ["data", "ten", "6", "tue,sat", "2027-01-04", "", "1-2", "none", "core", "2027-02-01:2027-02-14"]
    shown, code = ask(tmp_path, answers)
    assert code == 0, shown
    assert "'ten' is not a number" in shown  # and was asked for again
    memory = kept.read(tmp_path / "plan.json")
    assert memory.request == Request(
        MONDAY,
        share(6, [0, 1, 0, 0, 0, 1, 0]),
        background="data",
        phases=(1, 2),
        outside="core",
        pauses=((date(2027, 2, 1), date(2027, 2, 14)),),
    )
    for name in BACKGROUNDS:  # what each of them changes is said before it is chosen
        assert name in shown


def test_enter_takes_what_is_usual(tmp_path, progress):
    shown, code = ask(tmp_path, [""] * 9)
    assert code == 0, shown
    assert kept.read(tmp_path / "plan.json").request == Request(date(2026, 12, 30), spread(10))


def test_what_an_option_says_is_not_asked(tmp_path, progress):
    shown, code = ask(tmp_path, ["5", "mon:1,sun:3", "2027-01-04", "2028-12-01", "", "none"],
                      "--background", "student", "--goal", "job", "--phases", "1-5")  # fmt: skip
    assert code == 0, shown
    request = kept.read(tmp_path / "plan.json").request
    assert (request.background, request.goal, request.hours, request.until) == ("student", "job", 4, date(2028, 12, 1))
    assert "Where do you come from" not in shown


@pytest.mark.parametrize("stop", ["q", "\x04"])
def test_stopping_writes_nothing(tmp_path, progress, stop):
    shown, code = ask(tmp_path / "x", ["", stop])
    assert code == 0, shown
    assert "Stopped; nothing is written." in shown
    assert not (tmp_path / "x").exists()


# ---------------------------------------------------------------------- again
def solved(*ids: str) -> dict:
    written = lessons.all_lessons()
    right = [exercise for id in ids for exercise in written[id].exercises]
    return {"version": 1, "exercises": {id: {"state": "correct", "tries": 1} for id in right}, "quizzes": {}}


def test_again_keeps_what_is_done_and_moves_the_rest(tmp_path, progress):
    assert run(tmp_path, *BASIC).exit_code == 0
    before = parts(tmp_path)
    progress.write_text(json.dumps(solved("00", "1.1")))
    result = run(tmp_path, "--again", "--today", "2027-02-01", "--done", "diagnostic")
    assert result.exit_code == 0, result.output
    after = parts(tmp_path)
    assert set(before) - set(after) == {"00", "1.1", "diagnostic"}
    assert min(days[0] for days in after.values()) == "2027-02-01"
    calendar = (tmp_path / "plan.ics").read_text()
    assert "UID:1.2.part-1." in calendar
    assert "UID:1.1.part-1." not in calendar  # it is over, and stays where it was
    memory = kept.read(tmp_path / "plan.json")
    assert (memory.revision, memory.request.done) == (2, ("diagnostic",))
    assert [str(day) for day in memory.given["1.1"]] == before["1.1"]
    slower = run(tmp_path, "--again", "--today", "2027-02-01", "--hours", "5", "--done", "1.2")
    assert slower.exit_code == 0, slower.output
    memory = kept.read(tmp_path / "plan.json")
    assert (memory.request.hours, memory.request.done) == (5, ("1.2", "diagnostic"))


def test_behind_a_deadline_again_is_honest(tmp_path, progress):
    assert run(tmp_path, *BASIC, "--until", "2027-09-30", "--outside", "core", "--phases", "1-3").exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    late = run(tmp_path, "--again", "--today", "2027-09-01")
    assert late.exit_code == 2
    assert "find no place from 2027-09-01 until 2027-09-30" in late.stderr
    over = run(tmp_path, "--again", "--today", "2027-10-01")
    assert "the last day, 2027-09-30, is over." in over.stderr
    assert "later: --until 202" in over.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def spoil(**changes):
    return lambda content: json.dumps(content | changes)


@pytest.mark.parametrize(
    "broken",
    [
        lambda content: "",
        lambda content: json.dumps(content)[:-20],
        lambda content: json.dumps([content]),
        lambda content: json.dumps({key: value for key, value in content.items() if key != "given"}),
        spoil(version=2),
        spoil(more=1),
        spoil(id="mine"),
        spoil(id=7),
        spoil(revision=0),
        spoil(revision="3"),
        spoil(revision=True),
        spoil(given=[]),
        spoil(given={"1.1": ["soon"]}),
        spoil(given={"1.1": []}),
        spoil(given={"../x": ["2027-01-04"]}),
        lambda content: spoil(request={**content["request"], "days": "mon:40"})(content),
        lambda content: spoil(request={**content["request"], "goal": 3})(content),
        lambda content: spoil(request={k: v for k, v in content["request"].items() if k != "at"})(content),
        lambda content: spoil(request={**content["request"], "colour": "red"})(content),
    ],
)
def test_a_broken_memory_is_refused_whole(tmp_path, progress, broken):
    request = Request(MONDAY, spread(10))
    memory = kept.first(request).next(schedule.make(request, TASKS))
    file = tmp_path / "plan.json"
    file.write_text(kept.dumps(memory))
    assert kept.read(file) == memory
    file.write_text(broken(json.loads(kept.dumps(memory))))
    with pytest.raises(DataError, match=r"is damaged .*move it away"):
        kept.read(file)
    for given in (("--again",), BASIC):
        assert run(tmp_path, *given).exit_code == 2
        assert {path.name for path in tmp_path.iterdir()} == {"plan.json"}


# ---------------------------------------------------------------------- what the record says
def test_done_is_what_was_solved():
    record = solved("00", "1.1")
    half = lessons.find("1.2").exercises[:2]
    record["exercises"] |= {id: {"state": "correct", "tries": 1} for id in half}
    record["exercises"]["1.3.1"] = {"state": "incorrect", "tries": 2}
    record["projects"] = {"1": {"points": 14, "of": 20}, "2": {"points": 13, "of": 20}, "4": {"points": 17, "of": 20}}
    record["quizzes"] = {"phase 1": {"right": 9, "of": 12}, "1.4": {"right": 4, "of": 4}}
    now = standing.of(record, TASKS)
    readings = {f"reading-1.{n}" for n in (15, 16, 17, 18)}  # those after 1.5, for the phase's quiz is done
    assert now.done == {"00", "1.1", "project-1", "quiz-1", *readings}
    assert now.left == {"1.2": pytest.approx(1 - 2 / len(lessons.find("1.2").exercises))}
    assert now.verdicts == {}


def test_outside_hours_before_a_finished_lesson_count_as_done():
    now = standing.of(solved("1.2", "1.3"), TASKS)
    order = list(TASKS)
    between = {id for id in order[order.index("1.2") : order.index("1.3")] if TASKS[id].kind == "outside"}
    assert between <= now.done
    assert not {id for id in order[order.index("1.3") :] if id.startswith("reading")} & now.done


def test_the_diagnostic_speaks_when_it_is_answered_to_its_end():
    keys = {str(n): question.key() for n, question in enumerate(diagnostic.QUESTIONS, 1)}
    now = standing.of({"diagnostic": keys}, TASKS)
    assert set(now.verdicts.values()) == {"skip"}
    assert "diagnostic" in now.done
    del keys["24"]
    assert standing.of({"diagnostic": keys}, TASKS) == Standing()
    plan = schedule.make(Request(MONDAY, spread(10)), TASKS, now)
    assert {task.minutes for task in plan.tasks if task.id in now.verdicts} == {graph.SKIP_MINUTES}
    known = standing.of({"diagnostic": keys | {"24": "-"}, "quizzes": {"1.1": {"right": 4, "of": 4}}}, TASKS)
    assert known.verdicts["1.1"] == "skip"
    assert "1.1" in known.done  # its quiz is the proof


def test_a_background_changes_what_it_says():
    for name, background in BACKGROUNDS.items():
        plan = schedule.make(Request(MONDAY, spread(10), background=name), TASKS)
        minutes = {task.id: task.minutes for task in plan.tasks}
        changed = {id for id, there in minutes.items() if id in TASKS and there != TASKS[id].minutes}
        assert changed == set(background.pace)
        assert set(re.findall(r"\b\d\.\d\b", background.about)) >= changed
        assert (graph.BEFORE in minutes) == bool(background.first) == ("300 minutes" in background.about)


# ---------------------------------------------------------------------- the page
def test_the_first_steps_are_on_the_page():
    request = Request(MONDAY, spread(10))
    plan = schedule.make(request, TASKS)
    page = text.markdown(plan, Standing(), MONDAY)
    ends = plan.ends()
    for stone in milestones.MILESTONES:
        assert set(stone.tasks) <= set(TASKS), stone
        row = next(line for line in page.split("\n") if line.startswith(f"| {stone.span} | {stone.asked} |"))
        if stone.tasks:
            assert f"by {max(ends[id] for id in stone.tasks)}" in row
    slow = schedule.make(Request(MONDAY, spread(2)), TASKS)
    assert "weeks later than that" in text.markdown(slow, Standing(), MONDAY)


def test_nothing_left_is_said():
    everything = Standing(frozenset(TASKS))
    plan = schedule.make(Request(MONDAY, spread(10)), TASKS, everything)
    page = text.markdown(plan, everything, MONDAY)
    assert "Nothing is left to do" in page
    assert page.count("| done |") == sum(bool(stone.tasks) for stone in milestones.MILESTONES)


def test_texts_and_requests_are_two_forms_of_one_thing():
    request = Request(
        MONDAY,
        spread(7.5),
        goal="job",
        until=date(2028, 1, 1),
        pauses=((MONDAY, MONDAY),),
        alarm=5,
        done=("1.1", "quiz-1"),
    )
    assert options.from_texts(options.to_texts(request)) == request
    assert options.choose({"pauses": "none", "alarm": "none"}, request).pauses == ()
    assert options.choose({"hours": "15"}, request).days == spread(15)
    uneven = options.choose({"days": "mon:1,sun:3"}, request)
    assert options.choose({"hours": "8"}, uneven).days == (120, 0, 0, 0, 0, 0, 360)
    assert options.choose({"days": "tue,wed"}, uneven).days == (0, 120, 120, 0, 0, 0, 0)
