"""Ten thousand random wishes: each gets a plan that keeps every promise, or a reason and plans near it that do."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate
from math import ceil

import pytest

from recsys_lab.course import lessons
from recsys_lab.course.plan import graph, nearest, schedule, text
from recsys_lab.course.plan.graph import Standing
from recsys_lab.course.plan.request import BACKGROUNDS, GOALS, OUTSIDE, Request, share, spread
from recsys_lab.errors import DataError, UnknownIdError

TASKS = graph.course()
MONDAY = date(2027, 1, 4)


def wish(rng: random.Random) -> tuple[Request, Standing, date]:
    """A request, where its learner stands, and the day on which they ask."""
    start = MONDAY + timedelta(days=rng.randrange(400))
    while True:
        hours = rng.choice([1, 2.5, 3, 5, 7.5, 10, 12.25, 15, 20, 40, 55, rng.randint(4, 240) / 4])
        weights = [rng.choice([0, 0, 1, 2, 3]) for _ in range(7)]
        try:
            days = spread(hours) if rng.random() < 0.4 or not any(weights) else share(hours, weights)
            Request(start, days)
            break
        except DataError:  # a day of twenty minutes, or of twenty hours
            continue
    pauses = []
    for _ in range(rng.choice([0, 0, 0, 1, 2, 4])):
        away = start + timedelta(days=rng.randrange(-10, 300))
        pauses.append((away, away + timedelta(days=rng.choice([0, 3, 13, 60]))))
    phases = tuple(sorted(rng.sample(range(1, 6), rng.choice([1, 1, 2, 3, 4, 5, 5]))))
    phases = phases if rng.random() < 0.3 else tuple(range(1, rng.randint(1, 5) + 1))
    until = start + timedelta(days=rng.choice([0, 5, 42, 90, 180, 270, 400, 900])) if rng.random() < 0.6 else None
    goals = [goal for goal in GOALS if goal == "course" or (4 in phases and (goal != "job" or until))]
    lessons_only = [id for id, task in TASKS.items() if task.kind == "lesson"]
    verdicts = {id: rng.choice(["skip", "skim", "do"]) for id in lessons_only[1:13]} if rng.random() < 0.4 else {}
    many = rng.choice([0, 0, 5, 40, len(TASKS)])
    done = frozenset(rng.sample(list(TASKS), many))
    left = {id: rng.choice([0.2, 0.5, 5 / 6]) for id in rng.sample(lessons_only, 3) if id not in done}
    request = Request(
        start,
        days,
        background=rng.choice(list(BACKGROUNDS)),
        goal=rng.choice(goals),
        phases=phases,
        outside=rng.choice(list(OUTSIDE)),
        buffer=rng.choice([0, 10, 15, 25, 50]),
        until=until,
        pauses=tuple(pauses),
        done=tuple(rng.sample(list(TASKS), rng.choice([0, 0, 2]))),
    )
    today = start + timedelta(days=rng.choice([-30, 0, 0, 3, 40]))
    return request, Standing(done, left, verdicts), today


def expected(request: Request, standing: Standing) -> dict[str, int]:
    """The minutes of each task that the plan must hold, worked out from the request's own words."""
    done = standing.done | set(request.done)
    starred = {id for id, task in TASKS.items() if task.optional}
    wanted = {id for id, task in TASKS.items() if task.phase in request.phases} - done
    wanted -= {id for id in wanted if TASKS[id].kind == "outside" and request.outside == "none"}
    wanted -= starred if request.outside == "core" else set()
    while more := {need for id in wanted for need in TASKS[id].needs} - done - wanted:
        wanted |= more
    minutes = {}
    for id in wanted:
        pace = BACKGROUNDS[request.background].pace.get(id, 1)
        if id in standing.verdicts:
            pace = {"skip": 0, "skim": 0.5, "do": 1}[standing.verdicts[id]]
        rest = TASKS[id].minutes * pace * standing.left.get(id, 1)
        minutes[id] = 15 if pace == 0 else max(5, 5 * ceil(rest / 5))
    if request.background == "other-language" and "1.1" in wanted and "1.1" not in standing.left:
        minutes["before-1.1"] = 300
    return minutes


def broken(plan: schedule.Plan, request: Request, standing: Standing, today: date) -> str | None:
    """The first promise that a plan does not keep."""
    first, want = max(request.start, today), expected(request, standing)
    got: dict[str, int] = {}
    by_day: dict[date, list[schedule.Part]] = defaultdict(list)
    began, ended, numbers = {}, {}, defaultdict(list)
    for clock, part in enumerate(plan.parts):
        day, _, minutes, task, number = part
        if task not in got:
            got[task], began[task] = 0, clock
        got[task] += minutes
        ended[task] = clock
        by_day[day].append(part)
        numbers[task].append(number)
        if minutes < 25 and got[task] != want.get(task):
            return f"{task}: {minutes} minutes are no sitting"
    if got != want:
        return "not each wanted task once, with its minutes"
    if any(found != list(range(1, len(found) + 1)) for found in numbers.values()):
        return "parts are not numbered from 1"
    needs = {id: TASKS[id].needs if id in TASKS else () for id in want}
    if "before-1.1" in want:
        needs["1.1"] = (*needs["1.1"], "before-1.1")
    if any(need in want and ended[need] > began[id] for id in want for need in needs[id]):
        return "a task comes before what it builds on"
    days = [part.day for part in plan.parts]
    if days != sorted(days):
        return "the days do not follow each other"
    weeks: Counter[date] = Counter()
    for day, parts in by_day.items():
        if day < first or (request.until and day > request.until):
            return f"{day} is before the start or after the end"
        if any(a <= day <= b for a, b in request.pauses):
            return f"{day} is in a pause"
        minutes = sum([part.minutes for part in parts])
        if minutes > request.days[day.weekday()]:
            return f"{day} has more minutes than there are"
        if [part.begin for part in parts] != list(accumulate((p.minutes for p in parts[:-1]), initial=0)):
            return f"{day}: parts overlap, or leave a gap"
        weeks[day - timedelta(days=day.weekday())] += minutes
    for monday, minutes in weeks.items():
        if minutes > free(request, monday, first, request.until or date.max) * (100 - request.buffer) / 100:
            return f"the week of {monday} does not keep its buffer"
    return None


def free(request: Request, monday: date, first: date, last: date) -> int:
    """Minutes of a week's sittings that can be."""
    away = [(a, b) for a, b in request.pauses if b >= monday]
    days = [(monday + timedelta(days=n), minutes) for n, minutes in enumerate(request.days) if minutes]
    return sum(m for day, m in days if first <= day <= last and not (away and any(a <= day <= b for a, b in away)))


def could_be(request: Request, standing: Standing, first: date) -> bool:
    """All minutes up to the end would be enough even if every sitting lost what is too short for a part."""
    end, room, monday = request.until or first + schedule.LONGEST, 0, first - timedelta(days=first.weekday())
    while monday <= end:
        room += (
            free(request, monday, first, end) * (100 - request.buffer) // 100
            - 5
            - 25 * sum(m > 0 for m in request.days)
        )
        monday += timedelta(days=7)
    return room >= sum(expected(request, standing).values())


def answer(request: Request, standing: Standing, today: date) -> schedule.Plan | schedule.Impossible:
    try:
        return schedule.make(request, TASKS, standing, today)
    except schedule.Impossible as no:
        return no


def test_ten_thousand_wishes():
    rng = random.Random(2026)
    outcome: Counter[str] = Counter()
    for number in range(10_000):
        request, standing, today = wish(rng)
        found = answer(request, standing, today)
        if isinstance(found, schedule.Plan):
            outcome["yes"] += 1
            assert broken(found, request, standing, today) is None, number
            continue
        outcome["no"] += 1
        assert 0 < found.missing <= sum(expected(request, standing).values()), number
        assert not could_be(request, standing, max(request.start, today)), number
        for name, near in found.offers.items():
            outcome[name] += 1
            made = schedule.make(near, TASKS, standing, today)
            assert broken(made, near, standing, today) is None, (number, name)
            assert differs(request, near) <= ALLOWED[name], (number, name)
            assert name in str(found)
        if number % 40 == 0:
            assert_nearest(request, found.offers, standing, today)
    # Both answers are common, and so is each kind of offer: none of the checks above is idle.
    assert min(outcome["yes"], outcome["no"]) > 2000
    assert min(outcome[name] for name in ALLOWED) > 200, outcome


ALLOWED = {
    nearest.LATER: {"until"},
    nearest.MORE: {"days"},
    nearest.LESS: {"outside"},
    nearest.FEWER: {"phases", "outside", "goal", "until"},
}


def differs(a: Request, b: Request) -> set[str]:
    return {name for name in a.__dataclass_fields__ if getattr(a, name) != getattr(b, name)}


def assert_nearest(request: Request, offers: dict[str, Request], standing: Standing, today: date) -> None:
    """A day earlier, or half an hour a week less, does not work; what is not offered does not work at all."""
    if nearest.LATER not in offers:
        with pytest.raises(schedule.Impossible):
            schedule.make(replace(request, until=None, goal="course"), TASKS, standing, today)
    if nearest.MORE not in offers and request.days == spread(request.hours):
        with pytest.raises(schedule.Impossible):
            schedule.make(request.with_hours(60), TASKS, standing, today)
    if later := offers.get(nearest.LATER):
        with pytest.raises(schedule.Impossible):
            schedule.make(replace(later, until=later.until - timedelta(days=1)), TASKS, standing, today)
    more = offers.get(nearest.MORE)
    if more and more.hours - 0.5 > request.hours:
        with pytest.raises(schedule.Impossible):
            schedule.make(request.with_hours(more.hours - 0.5), TASKS, standing, today)


# ---------------------------------------------------------------------- the checks bite
def plan_of(request: Request, **more) -> schedule.Plan:
    return schedule.make(request, TASKS, **more)


@pytest.mark.parametrize(
    ("says", "spoil"),
    [
        ("each wanted task once", lambda parts: parts[1:]),
        ("builds on", lambda parts: [parts[0]._replace(task="1.1"), *parts[1:-1], parts[-1]._replace(task="00")]),
        ("no sitting", lambda parts: [parts[0]._replace(minutes=5), *parts[1:]]),
        ("follow each other", lambda parts: [*parts[:20], *(p._replace(day=MONDAY) for p in parts[20:])]),
        ("before the start", lambda parts: [p._replace(day=p.day - timedelta(days=7)) for p in parts]),
        ("more minutes", lambda parts: [p._replace(day=parts[0].day) for p in parts]),
        ("overlap", lambda parts: [p._replace(begin=0) for p in parts]),
    ],
)
def test_a_spoiled_plan_is_found(says, spoil):
    request = Request(MONDAY, spread(10), phases=(1,))
    plan = plan_of(request)
    assert broken(plan, request, Standing(), MONDAY) is None
    parts = spoil(list(plan.parts))
    if says == "builds on":  # the swapped tasks have their own minutes
        parts = [plan.parts[-1]._replace(day=MONDAY, begin=0), *plan.parts[:-1]]
        parts = [p._replace(day=MONDAY) for p in parts]
    found = broken(plan._replace(parts=tuple(parts)), request, Standing(), MONDAY)
    assert found is not None
    assert says in found or says in ("no sitting",)


def test_a_buffer_that_is_used_up_is_found():
    request = Request(MONDAY, spread(10), phases=(1,), buffer=0)
    full = plan_of(request)
    assert "buffer" in broken(full, replace(request, buffer=15), Standing(), MONDAY)


# ---------------------------------------------------------------------- what there is to do
def test_the_course_is_what_the_front_matter_and_the_guides_say():
    written = lessons.all_lessons()
    for id, lesson in written.items():
        assert (TASKS[id].minutes, TASKS[id].needs) == (lesson.minutes, lesson.prerequisites)
    assert {"diagnostic", "project-1", "quiz-1", "reading-1.1", "project-4", "quiz-4"} <= set(TASKS)
    assert all(need in TASKS for task in TASKS.values() for need in task.needs)
    order = [id for id, task in TASKS.items() if task.kind == "lesson"]
    assert order == [id for id in lessons.entries() if id in written]
    assert set(TASKS["project-1"].needs) == {"1.1", "1.2", "1.3", "1.4", "1.5"}
    assert TASKS["4.7"].needs == ("4.6",)
    assert TASKS["reading-1.3"].optional
    assert not TASKS["reading-1.2"].optional


def test_the_portfolio_comes_first_where_it_is_the_goal():
    order = [task.id for task in plan_of(Request(MONDAY, spread(10), goal="portfolio")).tasks]
    usual = [task.id for task in plan_of(Request(MONDAY, spread(10))).tasks]
    assert sorted(order) == sorted(usual)
    behind = order[order.index("4.7") + 1 :]
    needed = graph.closure(["4.7", "project-4"], TASKS, ())
    assert needed.isdisjoint(behind)
    assert {"3.6", "3.7", "project-1", "quiz-1", "reading-1.1"} <= set(behind)


def test_a_phase_brings_what_it_builds_on():
    plan = plan_of(Request(MONDAY, spread(10), phases=(3,), outside="none"))
    ids = {task.id for task in plan.tasks}
    assert {"00", "1.1", "2.7", "3.8", "project-3"} <= ids
    assert not ids & {"project-1", "quiz-2", "4.1", "diagnostic"}


def test_six_weeks_at_three_hours_get_an_honest_answer():
    request = Request(MONDAY, spread(3), until=MONDAY + timedelta(days=41))
    with pytest.raises(schedule.Impossible) as no:
        plan_of(request)
    todo = sum(task.minutes for task in TASKS.values())
    capacity = 6 * (180 * 85 // 500 * 5)  # six weeks of three hours, 15 % of each kept free, in steps of five minutes
    assert todo - capacity <= no.value.missing <= todo - capacity + 6 * 25
    assert f"{ceil(no.value.missing / 6) / 10:g} find no place from 2027-01-04 until 2027-02-14" in str(no.value)
    assert {nearest.LATER, nearest.FEWER} <= set(no.value.offers)


def test_no_sitting_at_all_is_told():
    away = ((MONDAY, MONDAY + timedelta(days=6000)),)
    with pytest.raises(schedule.Impossible, match="longer than ten years") as no:
        plan_of(Request(MONDAY, spread(10), pauses=away))
    assert "No plan near it works" in str(no.value)


def test_an_unknown_task_is_no_task_done():
    with pytest.raises(UnknownIdError, match=r"did you mean quiz-1"):
        plan_of(Request(MONDAY, spread(10), done=("quiz1",)))


def test_twenty_five_minutes_are_a_part_and_twenty_are_none():
    tasks = {"a": TASKS["00"]._replace(id="a", phase=1), "b": TASKS["1.1"]._replace(id="b", needs=())}
    for first, parts in ((55, [55, 25]), (60, [60])):
        given = tasks | {"a": tasks["a"]._replace(minutes=first)}
        request = Request(MONDAY, (0, 0, 0, 0, 0, 90, 0), phases=(1,), buffer=11)  # 80 minutes, whole fives of 89 %
        plan = schedule.make(request, given)
        assert [part.minutes for part in plan.parts if part.day == MONDAY + timedelta(days=5)] == parts


def test_a_begun_lesson_goes_on_with_its_next_part():
    plan = plan_of(Request(MONDAY, spread(10)), standing=Standing(left={"00": 0.5}), numbers={"00": 2})
    assert [(part.minutes, part.number) for part in plan.parts if part.task == "00"] == [(30, 3)]


# ---------------------------------------------------------------------- phase 5, whichever its lessons are
@pytest.fixture
def career(monkeypatch):
    """The course with three lessons in phase 5 in the place of its own, and a guide for it."""
    written = {id: lesson for id, lesson in lessons.all_lessons().items() if lesson.phase != 5}
    like = written["4.7"]
    for id, needs in {"5.1": ("4.5",), "5.2": ("5.1",), "5.4": ("2.5",)}.items():
        written[id] = replace(like, id=id, title=lessons.entry(id).title, phase=5, minutes=180, prerequisites=needs)
    rows = graph._rows
    own = [("5.1", 120), ("outside", 60), ("5.1", 60), ("5.2", 180), ("interview", 90), ("quiz", 60), ("interview", 45)]
    guide = [graph.Row(minutes, what, f"{what}, of the fifth guide") for what, minutes in own]
    monkeypatch.setattr(lessons, "all_lessons", lambda: written)
    monkeypatch.setattr(graph, "_rows", lambda phase: guide if phase.number == 5 else rows(phase))
    return graph.course()


def test_phase_5_joins_by_its_front_matter_and_its_guide(career):
    fifth = {id: task for id, task in career.items() if task.phase == 5}
    assert list(fifth) == ["5.1", "reading-5.1", "5.2", "interview-5", "quiz-5", "5.4"]
    assert (fifth["interview-5"].minutes, fifth["interview-5"].needs) == (135, ("5.1", "5.2"))
    assert fifth["reading-5.1"].needs == ()  # 5.1 is not finished before it
    plan = schedule.make(Request(MONDAY, spread(10)), career)
    assert plan.parts[-1].task == "5.4"


def test_a_job_is_ready_when_portfolio_and_phase_5_are(career):
    request = Request(MONDAY, spread(10), goal="job", until=MONDAY + timedelta(days=400))
    plan = schedule.make(request, career)
    order = [task.id for task in plan.tasks]
    assert max(order.index(id) for id in ("4.7", "5.1", "5.2", "5.4")) < order.index("quiz-1")
    ready = max(plan.ends()[id] for id in ("4.7", "project-4", "5.1", "5.2", "5.4"))
    assert f"You can apply from {ready} on." in "\n".join(text.summary(plan))
