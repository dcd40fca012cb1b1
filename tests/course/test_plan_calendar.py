"""The calendar file: read by a strict parser, held to the standard's rules once more by hand, imported twice."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar

from recsys_lab.course.plan import ics, kept, schedule
from recsys_lab.course.plan.graph import Standing, Task
from recsys_lab.course.plan.request import Request, spread
from tests.course.test_planner import TASKS, wish

MONDAY = date(2027, 1, 4)
ID = "6f1c1f0a-5f0e-4c39-9d3e-0d0f7c1e2a3b"


def first(request: Request) -> kept.Kept:
    return kept.Kept(ID, 0, request)


def made(request: Request, **more) -> bytes:
    plan = schedule.make(request, TASKS, **more)
    before = first(request)
    return ics.calendar(plan, before.next(plan), before, request.start)


# ---------------------------------------------------------------------- RFC 5545, by its own words
def unfolded(content: bytes) -> list[str]:
    """Section 3.1: lines end in CRLF and have at most 75 octets; CRLF and a space go on with the line before."""
    assert content.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content), "a line ends otherwise than in CRLF"
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", content), "a control character"
    assert max(map(len, content.split(b"\r\n"))) <= 75
    return re.sub(rb"\r\n[ \t]", b"", content).decode("utf-8").split("\r\n")[:-1]


def properties(lines: list[str]) -> list[tuple[str, ...]]:
    """(the components around it, name, parameters, value) of each line; BEGIN and END must match."""
    inside: list[str] = []
    found = []
    for line in lines:
        parsed = re.fullmatch(r'([A-Z][A-Z0-9-]*)((?:;[A-Z-]+=(?:[^";:,]+|"[^"]*"))*):(.*)', line)
        assert parsed, f"no content line: {line}"
        name, parameters, value = parsed.groups()
        if name == "BEGIN":
            inside.append(value)
        if name == "END":
            assert inside.pop() == value
        elif name != "BEGIN" or value == "VEVENT":
            found.append(("/".join(inside), name, parameters, value))
    assert not inside
    return found


def rules(content: bytes) -> list[dict[str, str]]:
    """Sections 3.4, 3.6.1, 3.6.6 and 3.8: what each component must have once, and what its values may be."""
    lines = unfolded(content)
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-1] == "END:VCALENDAR"
    whole, events = [], []
    for where, name, parameters, value in properties(lines):
        if name == "BEGIN":
            events.append({})
        elif where == "VCALENDAR":
            whole.append((name, value))
        elif where in ("VCALENDAR/VEVENT", "VCALENDAR/VEVENT/VALARM"):
            key = name if where.endswith("VEVENT") else f"ALARM {name}"
            assert key not in events[-1], f"{key} twice"
            assert not parameters, f"{key} needs no parameters: {parameters}"
            events[-1][key] = value
        else:
            pytest.fail(f"unexpected component {where}")
    assert [name for name, _ in whole].count("PRODID") == 1
    assert ("VERSION", "2.0") in whole
    assert "METHOD" not in dict(whole)  # an import, not an invitation: UID, DTSTAMP and DTSTART are then required
    for event in events:
        assert {"UID", "DTSTAMP", "DTSTART", "SEQUENCE", "SUMMARY", "STATUS"} <= set(event)
        assert re.fullmatch(r"\d{8}T\d{6}Z", event["DTSTAMP"])
        assert re.fullmatch(r"\d{8}T\d{6}", event["DTSTART"])  # floating: no zone, no Z
        datetime.strptime(event["DTSTART"], "%Y%m%dT%H%M%S")
        assert event["STATUS"] in ("CONFIRMED", "CANCELLED", "TENTATIVE")
        assert re.fullmatch(r"\d+", event["SEQUENCE"])
        if event["STATUS"] == "CONFIRMED":
            assert event["DTEND"] > event["DTSTART"]
            assert len(event["DTEND"]) == len(event["DTSTART"])
        for text in ("SUMMARY", "DESCRIPTION"):  # 3.3.11: commas, semicolons and backslashes are escaped
            assert re.fullmatch(r"(?:[^\\,;]|\\[\\,;nN])*", event.get(text, ""))
        alarm = {name: value for name, value in event.items() if name.startswith("ALARM")}
        if alarm:
            assert set(alarm) == {"ALARM ACTION", "ALARM TRIGGER", "ALARM DESCRIPTION"}
            assert alarm["ALARM ACTION"] == "DISPLAY"
            assert re.fullmatch(r"-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?", alarm["ALARM TRIGGER"])
    assert len({event["UID"] for event in events}) == len(events)
    return events


def strict(content: bytes) -> Calendar:
    calendar = Calendar.from_ical(content)
    for component in calendar.walk():
        assert component.errors == [], component
    assert calendar.to_ical() == content
    return calendar


@pytest.mark.parametrize("alarm", [None, 0, 15, 1440])
def test_the_file_keeps_the_standard(alarm):
    request = Request(MONDAY, spread(10), alarm=alarm)
    content = made(request)
    events = rules(content)
    parts = schedule.make(request, TASKS).parts
    assert len(events) == len(strict(content).walk("VEVENT")) == len(parts)
    sittings = {part.day for part in parts}
    assert sum("ALARM ACTION" in event for event in events) == (0 if alarm is None else len(sittings))


def test_events_are_the_parts_at_the_hour_that_was_asked_for():
    request = Request(MONDAY, (0, 0, 0, 0, 0, 600, 0), at=20 * 60 + 30, buffer=0, phases=(1,))
    plan = schedule.make(request, TASKS)
    events = strict(made(request)).walk("VEVENT")
    for part, event in zip(plan.parts, events, strict=True):
        assert event.start.date() == event.end.date() == part.day or event.end.time() == datetime.min.time()
        assert event.end - event.start == timedelta(minutes=part.minutes)
        assert event.start.tzinfo is None
    saturday = [event for event in events if event.start.date() == plan.parts[0].day]
    assert saturday[0].start.hour == 14  # ten hours from half past eight in the evening would end on Sunday
    assert saturday[-1].end == datetime(2027, 1, 10)
    assert [a.end for a in saturday[:-1]] == [b.start for b in saturday[1:]]
    assert (
        events[0].stamp if hasattr(events[0], "stamp") else events[0]["dtstamp"].dt == datetime(2027, 1, 4, tzinfo=UTC)
    )


def test_the_same_plan_is_the_same_bytes():
    request = Request(MONDAY, spread(5), alarm=10)
    assert made(request) == made(request)


def test_long_and_foreign_titles_are_folded_between_letters():
    title = "Ünïcödé, ; \\ résumé " * 12
    tasks = {"5.5": Task("5.5", "lesson", 5, title, 90, note="línea\nlínea")}
    request = Request(MONDAY, spread(10), phases=(5,))
    plan = schedule.make(request, tasks)
    content = ics.calendar(plan, first(request).next(plan), first(request), MONDAY)
    rules(content)
    assert strict(content).walk("VEVENT")[0]["SUMMARY"] == f"RecSys Lab: 5.5 {title}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.replace(b"\r\n", b"\n"),
        lambda c: c.replace(b"\r\n ", b""),
        lambda c: c.replace(b"DTSTAMP", b"X-STAMP", 1),
        lambda c: c.replace(b".part-2.", b".part-1."),
        lambda c: c.replace(b"END:VEVENT\r\n", b"", 1),
        lambda c: c.replace(b"\\,", b",", 1),
        lambda c: c.replace(b"PRODID", b"X-PRODID"),
        lambda c: c.replace(b"DTSTART:", b"DTSTART;TZID=Nowhere:", 1),
    ],
)
def test_the_rules_bite(spoil):
    content = made(Request(MONDAY, spread(10)))
    with pytest.raises(AssertionError):
        rules(spoil(content))


# ---------------------------------------------------------------------- import, and import again
def imported(calendar: dict[str, dict[str, str]], content: bytes) -> dict[str, dict[str, str]]:
    """What a calendar holds after a file: by UID the latest revision, and no cancelled event."""
    now = dict(calendar)
    for event in rules(content):
        assert event["UID"] not in calendar or int(event["SEQUENCE"]) > int(calendar[event["UID"]]["SEQUENCE"])
        now[event["UID"]] = event
    return {uid: event for uid, event in now.items() if event["STATUS"] != "CANCELLED"}


def times(plan: schedule.Plan) -> list[tuple[str, int]]:
    return sorted((part.day.strftime("%Y%m%d"), part.minutes) for part in plan.parts)


def held(calendar: dict[str, dict[str, str]], today: date) -> list[tuple[str, int]]:
    """Day and minutes of the events from today on."""
    form = "%Y%m%dT%H%M%S"
    both = [(datetime.strptime(e["DTSTART"], form), datetime.strptime(e["DTEND"], form)) for e in calendar.values()]
    return sorted((a.strftime("%Y%m%d"), (b - a).seconds // 60) for a, b in both if a.date() >= today)


def test_whatever_happens_a_calendar_holds_the_newest_plan():
    """Forty learners make four plans each, of other hours and more progress; every one is imported over the last."""
    rng = random.Random(5)
    plans = 0
    for _ in range(40):
        request, standing, _ = wish(rng)
        memory, calendar, today = first(request), {}, request.start
        for _ in range(4):
            request = replace(
                request, until=None, goal="course", alarm=rng.choice([None, 5]), days=spread(rng.choice([2, 6, 11]))
            )
            try:
                plan = schedule.make(request, TASKS, standing, today, memory.numbers(standing, today))
            except schedule.Impossible:
                break
            after = memory.next(plan)
            content = ics.calendar(plan, after, memory, today)
            assert after.revision == memory.revision + 1
            memory, calendar = after, imported(calendar, content)
            assert held(calendar, today) == times(plan)
            plans += 1
            today += timedelta(days=rng.choice([1, 9, 40]))
            ends = plan.ends()
            was = [id for id, end in ends.items() if end < today and rng.random() < 0.8]
            going = {
                id: 0.5
                for id in ends
                if id not in was and id in TASKS and TASKS[id].kind == "lesson" and rng.random() < 0.1
            }
            standing = Standing(standing.done | set(was), going, standing.verdicts)
    assert plans > 100


def test_a_begun_lesson_keeps_the_part_of_today():
    """Planned again on the evening of its second part, it goes on with the second: two events at one time would be wrong."""
    given = {"1.1": tuple(MONDAY + timedelta(days=n) for n in range(3))}
    memory = replace(first(Request(MONDAY, spread(10))), given=given)
    begun = Standing(left={"1.1": 0.5})
    assert memory.numbers(begun, MONDAY) == {"1.1": 0}
    assert memory.numbers(begun, MONDAY + timedelta(days=1)) == {"1.1": 1}
    assert memory.numbers(Standing(), MONDAY + timedelta(days=9)) == {}


def test_what_was_done_stays_where_it_was():
    request = Request(MONDAY, spread(10), phases=(1,))
    plan = schedule.make(request, TASKS)
    memory = first(request).next(plan)
    calendar = imported({}, ics.calendar(plan, memory, first(request), MONDAY))
    today = MONDAY + timedelta(days=14)
    past = {uid: event for uid, event in calendar.items() if event["DTSTART"] < today.strftime("%Y%m%d")}
    done = frozenset(id for id, end in plan.ends().items() if end < today)
    again = schedule.make(request, TASKS, Standing(done), today, {})
    calendar = imported(calendar, ics.calendar(again, memory.next(again), memory, today))
    assert all(calendar[uid] == event for uid, event in past.items() if uid.split(".part")[0] in done)
    assert again.until > plan.until - timedelta(days=7)
    assert not done & {part.task for part in again.parts}
