"""Where a plan cannot be: how many hours are missing, and the nearest plans that work. Each has been made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from math import ceil

from recsys_lab.course.plan import schedule
from recsys_lab.course.plan.graph import Standing, Task, todo
from recsys_lab.course.plan.options import command
from recsys_lab.course.plan.request import MOST_A_DAY, OUTSIDE, Request
from recsys_lab.errors import DataError

LATER, MORE, LESS, FEWER = "later", "more hours", "less outside", "fewer phases"


def refusal(
    request: Request, tasks: Mapping[str, Task], standing: Standing, first: date, missing: int
) -> schedule.Impossible:
    """The error to raise for a request that lacks minutes when it is planned from `first` on."""
    horizon = first + schedule.LONGEST
    limit = min(request.until or horizon, horizon)

    @functools.cache
    def work(phases: tuple[int, ...], outside: str, goal: str) -> list[Task]:
        return todo(tasks, replace(request, phases=phases, outside=outside, goal=goal), standing)

    @functools.cache
    def room(days: tuple[int, ...], last: date) -> int:
        return sum(week.usable for week in schedule.weeks(replace(request, days=days), first, last))

    def missed(wish: Request) -> bool:
        todo_, last = work(wish.phases, wish.outside, wish.goal), min(wish.until or horizon, horizon)
        if sum(task.minutes for task in todo_) > room(wish.days, last):
            return True  # and need not be laid out
        return schedule.fill(todo_, wish, first, last, {})[1] > 0

    def later(wish: Request) -> Request | None:
        """The first day on which all is done; at the latest the Sunday of its week, which keeps its buffer."""
        if wish.until is None:
            return None
        parts, missing = schedule.fill(work(wish.phases, wish.outside, wish.goal), wish, first, horizon, {})
        ends = [replace(wish, until=parts[-1].day + timedelta(days=more)) for more in range(7)] if not missing else []
        return next((end for end in ends if not missed(end)), None)

    def fits(wishes: Iterable[Request]) -> Request | None:
        return next((wish for wish in wishes if not missed(wish)), None)

    fewer = list(_fewer(request))
    found = {
        LATER: later(request),
        MORE: _more(request, missed),
        LESS: fits(_less(request)),
        FEWER: fits(fewer) or (later(fewer[-1]) if fewer else None),
    }
    offers = {name: wish for name, wish in found.items() if wish is not None}
    needed = sum(task.minutes for task in work(request.phases, request.outside, request.goal))
    if limit < first:
        why = f"{_hours(needed)} hours are to be done, and the last day, {limit}, is over."
    else:
        why = (
            f"{_hours(needed)} hours are to be done. With {request.hours:g} a week, {request.buffer} % of them kept free, "
            f"{_hours(missing)} find no place from {first} until {limit}"
        )
        why += "." if limit == request.until else ", and longer than ten years no plan is made for."
    told = [f"this plan cannot be. {why}"]
    told += ["The nearest plans that work:"] if offers else ["No plan near it works: choose more hours a week."]
    told += [f"  {_change(name, request, wish)}" for name, wish in offers.items()]
    return schedule.Impossible("\n".join(told), missing, offers)


def _more(request: Request, missed: Callable[[Request], bool]) -> Request | None:
    """Hours a week, in half hours, that work where half an hour less does not; by halving what lies between."""

    def wish(halves: int) -> Request | None:
        try:
            return request.with_hours(halves / 2)
        except DataError:  # a day of more than twelve hours
            return None

    low = int(request.hours * 2)  # does not work
    longest = 120 if request.usual else int(min(120, 2 * request.hours * MOST_A_DAY / max(request.days)))
    high = next((halves for halves in range(longest, low, -1) if wish(halves)), low)
    most = wish(high)
    if high == low or most is None or missed(most):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        between = wish(middle)
        if between is None or missed(between):
            low = middle
        else:
            high = middle
    return wish(high)


def _less(request: Request) -> Iterator[Request]:
    """The same phases with fewer outside hours."""
    names = list(OUTSIDE)
    for name in names[names.index(request.outside) + 1 :]:
        yield replace(request, outside=name)


def _fewer(request: Request) -> Iterator[Request]:
    """Without the last phases: as few of them as possible, and first with the outside hours as they are."""
    for count in range(len(request.phases) - 1, 0, -1):
        phases = request.phases[:count]
        wish = replace(request, phases=phases, goal=request.goal if 4 in phases else "course")
        yield wish
        yield from _less(wish)


def _hours(minutes: int) -> str:
    return f"{ceil(minutes / 6) / 10:g}"


def _change(name: str, request: Request, wish: Request) -> str:
    """An offer in one line: what changes, as options of the command."""
    before, after = command(request), command(wish)
    return f"{name}: " + " ".join(f"--{key} {value}" for key, value in after.items() if before.get(key) != value)
