"""Drills on events in time: who asks too often, and where a visit ends."""

from __future__ import annotations

import bisect
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

from recsys_lab.course.drills.drill import Case, Cost, Drill, Mistake, against, play


# ------------------------------------------------------------------ rate-limiter
class Limiter:
    """Lets each user through at most `limit` times in any stretch of `window` seconds."""

    def __init__(self, limit: int, window: float):
        """limit: 1 or more. window: seconds."""
        self._limit, self._window = limit, window
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def allow(self, user: str, time: float) -> bool:
        """May this request pass? Only those that passed after time - window count. Times never go back."""
        passed = self._times[user]
        while passed and passed[0] <= time - self._window:
            passed.popleft()
        if len(passed) >= self._limit:
            return False
        passed.append(time)
        return True


class _LimiterCounting(Limiter):
    """Counts all that passed so far by walking along them; `_counts` says which count."""

    def __init__(self, limit: int, window: float):
        super().__init__(limit, window)
        self._all: defaultdict[str, list[float]] = defaultdict(list)

    def _counts(self, before: float, now: float) -> bool:
        return before > now - self._window

    def allow(self, user: str, time: float) -> bool:
        count = 0
        for before in self._all[user]:
            count += self._counts(before, time)
        passes = count < self._limit
        if passes:
            self._all[user].append(time)
        return passes


class _LimiterFixed(_LimiterCounting):
    def _counts(self, before: float, now: float) -> bool:
        return before // self._window == now // self._window


class _LimiterClosed(_LimiterCounting):
    def _counts(self, before: float, now: float) -> bool:
        return before >= now - self._window


class _LimiterOneMore(Limiter):
    def __init__(self, limit: int, window: float):
        super().__init__(limit + 1, window)


class _LimiterForAll(Limiter):
    def allow(self, user: str, time: float) -> bool:
        return super().allow("everybody", time)


class _LimiterPunishing(Limiter):
    def allow(self, user: str, time: float) -> bool:
        passes = super().allow(user, time)
        if not passes:
            self._times[user].append(time)
        return passes


class _LimiterKeeping(Limiter):
    def __init__(self, limit: int, window: float):
        super().__init__(limit, window)
        self._all: defaultdict[str, list[float]] = defaultdict(list)

    def allow(self, user: str, time: float) -> bool:
        passed = self._all[user]
        passes = len(passed) - bisect.bisect_right(passed, time - self._window) < self._limit
        if passes:
            passed.append(time)
        return passes


def _limiter_inputs() -> Iterator[tuple[Any, ...]]:
    yield (1, 10.0), [("allow", "a", t) for t in (9.0, 11.0, 18.0, 19.0, 19.0, 29.0)]
    yield (2, 4.0), [("allow", "a", t) for t in (0.0, 1.0, 2.0, 3.5, 4.0, 4.5, 5.0, 8.0)]
    yield (2, 4.0), [("allow", "ab"[i % 2], i / 2) for i in range(12)]
    rng = random.Random(13)
    for limit in (1, 2, 4):
        for window in (1.0, 5.0):
            time, calls = 0.0, []
            for _ in range(60):
                time += rng.choice((0.0, 0.5, 0.5, 1.0))
                calls.append(("allow", rng.choice("abc"), time))
            yield (limit, window), calls


def _limiter_large(n: int) -> tuple[Any, ...]:
    return (n // 8, n / 4), [("allow", "a", float(i)) for i in range(n)]


RATE_LIMITER = Drill(
    name="rate-limiter",
    title="Too many requests",
    topic="a sliding window",
    lesson="3.1",
    complexity="O(1) time for each request on average, O(limit) memory for each user",
    statement="""
        Write the class `Limiter(limit, window)` with `allow(user, time)`: True, if fewer than `limit` requests of this user **passed** in the stretch from `time - window` (not included) up to now. Requests that
        were refused do not count.

        Constraints: the time is an argument and never goes back; several requests may have the same. n requests take O(n) steps together. Keep at most `limit` times for each user.
    """,
    reference=Limiter,
    visible=(
        Case(((2, 10.0), [("allow", "a", 0.0), ("allow", "a", 1.0), ("allow", "a", 2.0), ("allow", "b", 2.0), ("allow", "a", 10.0)]), [True, True, False, True, True]),
        Case(((1, 5.0), [("allow", "a", 4.0), ("allow", "a", 6.0), ("allow", "a", 9.0)]), [True, False, True]),
    ),
    hidden=lambda: against(_LimiterCounting, _limiter_inputs(), play),
    cost=Cost("n for n requests", lambda n: n, _limiter_large, n=256, held=lambda n: 2 * (n / 8) + 16),
    hints=(
        "Which of the times that you keep can still matter at the next request?",
        "Those in the window. They come in order, so those that have left it stand in front: a queue for each user.",
        "Drop from the front while `times[0] <= time - window`, then compare the length with the limit. Append only what passes.",
    ),
    mistakes=(
        Mistake("fixed windows", _LimiterFixed, "You count in fixed windows: just before and just after a border twice the limit gets through."),
        Mistake("a window closed on the left", _LimiterClosed, "A request exactly one window ago still counts in your answer; the left end is not included."),
        Mistake("one too many", _LimiterOneMore, "You let one more than the limit through."),
        Mistake("one window for all", _LimiterForAll, "All users share one window in your answer."),
        Mistake("the refused count", _LimiterPunishing, "Requests that were refused count in your answer, so that an impatient user never gets in again."),
        Mistake("counts anew", _LimiterCounting, "You go through the user's times at every request, also through those that are long over.", "slow"),
        Mistake("keeps all times", _LimiterKeeping, "You keep all the times that ever passed: memory grows with every request, though only the window counts.", "hoards"),
    ),
    explanation="Each time joins the queue once and leaves it once, so the loop is O(1) on average, though a single call may drop many. In a fleet the queue is a sorted set in Redis, and two calls of a pipeline.",
    run=play,
)  # fmt: skip


# ------------------------------------------------------------------ sessions
def sessions(events: list[tuple[str, int]], gap: int) -> list[tuple[str, int, int, int]]:
    """The visits (user, first time, last time, number of events), by user and then by time.

    events: pairs (user, time) in any order. A visit ends where the next event of its user comes more than `gap` later.
    """
    visits: list[tuple[str, int, int, int]] = []
    for user, time in sorted(events):
        if visits and visits[-1][0] == user and time - visits[-1][2] <= gap:
            _, start, _, count = visits.pop()
            visits.append((user, start, time, count + 1))
        else:
            visits.append((user, time, time, 1))
    return visits


def _sessions_by_user(events: Any, gap: int) -> list[Any]:
    users: list[str] = []
    for user, _ in events:
        if user not in users:
            users.append(user)
    found: list[Any] = []
    for user in sorted(users):
        times = sorted(time for one, time in events if one == user)
        start = previous = times[0]
        count = 0
        for time in times:
            if time - previous > gap:
                found.append((user, start, previous, count))
                start, count = time, 0
            previous, count = time, count + 1
        found.append((user, start, previous, count))
    return found


def _sessions_wrongly(how: str) -> Callable[..., list[Any]]:
    def sessions(events: Any, gap: int) -> list[Any]:
        visits: list[list[Any]] = []
        ordered = sorted(events, key=lambda e: e[0]) if how == "unsorted" else sorted(events)
        ordered = sorted(events, key=lambda e: e[1]) if how == "users mixed" else ordered
        for user, time in ordered:
            last = visits[-1] if visits else None
            since = None if last is None else time - (last[1] if how == "from the start" else last[2])
            near = since is not None and (since < gap if how == "at the gap" else since <= gap)
            if last is not None and near and (last[0] == user or how == "any user"):
                last[2], last[3] = time, last[3] + 1
            else:
                visits.append([user, time, time, 1])
        visits = visits[:-1] if how == "last one lost" else visits
        return sorted(tuple(visit) for visit in visits)

    return sessions


def _sessions_inputs() -> Iterator[tuple[Any, ...]]:
    yield [], 5
    yield [("a", 3)], 0
    yield [("a", 3), ("a", 3), ("a", 4)], 0
    yield [("b", 9), ("a", 1), ("b", 4), ("a", 6)], 5
    rng = random.Random(14)
    for size in (2, 3, 5, 8, 20, 40):
        for gap in (1, 3, 6):
            yield [(rng.choice("abc"), rng.randrange(2 * size)) for _ in range(size)], gap


def _sessions_large(n: int) -> tuple[Any, ...]:
    rng = random.Random(n)
    return [(f"user {rng.randrange(n // 4)}", rng.randrange(10_000)) for _ in range(n)], 500


SESSIONS = Drill(
    name="sessions",
    title="Where does a visit end?",
    topic="sort, then one walk",
    lesson="3.2",
    complexity="O(n log n) time, O(n) memory",
    statement="""
        A log has `(user, time)` of clicks, in any order. Split it into visits: a visit goes on as long as the user's next click comes **at most** `gap` after the one before. Return
        `(user, first time, last time, clicks)` of each visit, by user and then by time.

        Constraints: n clicks, some of them at the same time. At most O(n log n) steps, however many users there are.
    """,
    reference=sessions,
    visible=(
        Case(([("a", 1), ("a", 3), ("a", 20)], 5), [("a", 1, 3, 2), ("a", 20, 20, 1)]),
        Case(([("b", 7), ("a", 6), ("a", 1)], 5), [("a", 1, 6, 2), ("b", 7, 7, 1)]),
    ),
    hidden=lambda: against(_sessions_by_user, _sessions_inputs()),
    cost=Cost("n log n", lambda n: n * n.bit_length(), _sessions_large),
    hints=(
        "In which order would you have to read the clicks, to know of each at once whether it belongs to the visit before?",
        "By user, then by time: `sorted(events)` does both. Then one walk, with the last visit at hand.",
        "A click continues the last visit if it is of the same user *and* at most `gap` after that visit's last click. Else it opens one.",
    ),
    mistakes=(
        Mistake("ends at the gap", _sessions_wrongly("at the gap"), "A click exactly `gap` later still belongs to the visit: more than gap ends it."),
        Mistake("from the beginning", _sessions_wrongly("from the start"), "You measure from the visit's first click; the gap counts from its last one."),
        Mistake("the last visit is lost", _sessions_wrongly("last one lost"), "The last visit is missing: it is closed by no later click, only by the end of the log."),
        Mistake("not sorted by time", _sessions_wrongly("unsorted"), "You sort by user only, and the times of a user come in any order."),
        Mistake("users mixed", _sessions_wrongly("users mixed"), "You walk by time over all users: somebody else's click in between cuts a visit in two."),
        Mistake("users not told apart", _sessions_wrongly("any user"), "A click of the next user continues the last user's visit in your answer."),
        Mistake("filters for each user", _sessions_by_user, "You go through the whole log for each user: users times n steps.", "slow"),
    ),
    explanation="The sort brings together what belongs together, so the walk needs no dictionary. In SQL it is `lag(time) OVER (PARTITION BY user ORDER BY time)`, and a running sum of the breaks.",
)  # fmt: skip

DRILLS = (RATE_LIMITER, SESSIONS)
