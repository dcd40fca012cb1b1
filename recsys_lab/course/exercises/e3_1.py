"""Exercises and quiz of lesson 3.1, A recommender behind a REST API."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
import re
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsys_lab import EASE, datasets
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, same
from recsys_lab.course.quiz import Question

# ------------------------------------------------------------------ 3.1.1 a model with a time limit
Answer = tuple[Any, str | None]
Within = Callable[[ThreadPoolExecutor, float, Callable[[], Any], Callable[[], Any]], Answer]
_LATE = 2.0  # seconds after which a blocked score lets go, so that a wrong answer does not hang


def _answer_within(
    pool: ThreadPoolExecutor, seconds: float, score: Callable[[], Any], instead: Callable[[], Any]
) -> Answer:
    job = pool.submit(score)
    try:
        return job.result(timeout=seconds), None
    except TimeoutError:
        job.cancel()
        return instead(), "model-slow"
    except Exception:
        return instead(), "model-error"


def _within_wrongly(how: str) -> Within:
    def answer(
        pool: ThreadPoolExecutor, seconds: float, score: Callable[[], Any], instead: Callable[[], Any]
    ) -> Answer:
        if how == "in this thread":
            begun = time.monotonic()
            try:
                found = score()
            except Exception:
                return instead(), "model-error"
            return (found, None) if time.monotonic() - begun <= seconds else (instead(), "model-slow")
        if how == "a pool of its own":
            with ThreadPoolExecutor(1) as own:
                return _answer_within(own, seconds, score, instead)
        if how == "a thread each":
            own = ThreadPoolExecutor(1)
            try:
                return _answer_within(own, seconds, score, instead)
            finally:
                own.shutdown(wait=False)
        job = pool.submit(score)
        other = instead() if how == "asks both" else None
        limit = {"no limit": None, "milliseconds": seconds / 1000}.get(how, seconds)
        try:
            return job.result(timeout=limit), None
        except TimeoutError:
            if how == "queues for what is popular":
                job.cancel()
                return pool.submit(instead).result(), "model-slow"
            if how != "left in the queue":
                job.cancel()
            return (other if how == "asks both" else instead()), "model-slow"
        except Exception:
            if how == "passes the error on":
                raise
            if how == "one reason for all":
                return instead(), "model-slow"
            return instead(), "model-error"

    return answer


class _Blocked:
    """A model that does not answer before it is let go."""

    def __init__(self) -> None:
        self.go, self.begun, self.thread = threading.Event(), 0, ""
        self._lock = threading.Lock()

    def __call__(self) -> list[int]:
        with self._lock:
            self.begun += 1
            self.thread = threading.current_thread().name
        self.go.wait(_LATE)
        return [50]


def _check_within(answer: Within) -> None:
    asked: list[int] = []

    def popular() -> list[int]:
        asked.append(1)
        return [100]

    def unhurried() -> list[int]:
        time.sleep(0.1)
        return [1, 2, 3]

    def broken() -> list[int]:
        raise ZeroDivisionError("a bug of the model")

    with ThreadPoolExecutor(2, thread_name_prefix="shared") as pool:
        same(
            _pair(answer(pool, 30.0, lambda: [1, 2, 3], popular)),
            ([1, 2, 3], None),
            what="a model that answers at once",
        )
        got = _pair(answer(pool, 30.0, unhurried, popular))
        if got[1] is not None:
            raise Incorrect(
                "a model that takes a tenth of a second was not waited for, though the limit was 30: `seconds` are seconds, "
                "for `job.result(timeout=...)`, too."
            )
        same(got, ([1, 2, 3], None), what="a model that takes a tenth of a second")
        if asked:
            raise Incorrect("`instead` was called though the model answered: work for nothing, on every request.")
        same(
            _pair(answer(pool, 30.0, list, popular)), ([], None), what="a model whose list is empty, which is an answer"
        )
        try:
            got = _pair(answer(pool, 30.0, broken, popular))
        except ZeroDivisionError:
            raise Incorrect(
                'the model\'s exception got through: a bug of the model would be a 500. Answer `instead()` with "model-error".'
            ) from None
        same(got, ([100], "model-error"), what="a model that raises an exception")

        slow, begun = _Blocked(), time.monotonic()
        got = _pair(answer(pool, 0.05, slow, popular))
        waited = time.monotonic() - begun
        slow.go.set()
        if waited > _LATE * 0.8:
            here = slow.thread == threading.current_thread().name
            raise Incorrect(
                "the answer came only when the model had ended, however long that took. "
                + (
                    "You called `score()` in your own thread, and nothing can leave a call that is under way there. Submit it to `pool`."
                    if here
                    else "`job.result()` without a `timeout` waits for as long as it takes."
                    if slow.thread.startswith("shared")
                    else "You made a pool of your own, and the end of its `with` block waits for its threads. Use the `pool` that is passed."
                )
            )
        same(got, ([100], "model-slow"), what="a model that is too slow")

    many, begun = _Blocked(), time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(6):
            got = _pair(answer(pool, 0.01, many, popular))
            if time.monotonic() - begun > _LATE * 0.8:
                many.go.set()
                raise Incorrect(
                    "when both threads of `pool` hang, your function hangs with them. What gives the answer then must not wait "
                    "for a free thread: call `instead()` yourself, and do not submit it to `pool`."
                )
            same(got, ([100], "model-slow"), what="a model that hangs for every request")
        if many.begun > 2:
            many.go.set()
            raise Incorrect(
                f"six requests met a model that hangs, and {many.begun} threads now hang with it, though `pool` has two. "
                "Each further request would cost one more: use the `pool` that is passed."
            )
        many.go.set()
    if many.begun > 2:
        raise Incorrect(
            f"the model woke up, and computed {many.begun - 2} lists that nobody waited for any more. What has not begun "
            "when its time is over can be taken out of the queue: `job.cancel()`."
        )


def _pair(got: Any) -> tuple[Any, Any]:
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Incorrect(f"return two things, the answer and the reason why it is not the model's; got {got!r}.")
    return tuple(got)


# ------------------------------------------------------------------ 3.1.2 a cache that does not lie
class Model(NamedTuple):
    """What the exercise calls a snapshot."""

    version: str
    recommend: Callable[[int, int], list[int]]


Kept = Callable[[dict[Any, Any], Any, list[int], int, int, str], dict[str, Any]]


def _kept(
    cache: dict[Any, Any], snapshot: Any, popular: list[int], user: int, n: int, request_id: str
) -> dict[str, Any]:
    key = (snapshot.version, user, n)
    fallback = False
    if key in cache:
        items = cache[key]
    else:
        try:
            items = cache[key] = snapshot.recommend(user, n)
        except Exception:
            items, fallback = popular[:n], True
    return {"request_id": request_id, "model": snapshot.version, "fallback": fallback, "items": items}


def _kept_by_a_colleague(
    cache: dict[Any, Any], snapshot: Any, popular: list[int], user: int, n: int, request_id: str
) -> dict[str, Any]:
    if user not in cache:
        try:
            items, fallback = snapshot.recommend(user, n), False
        except Exception:
            items, fallback = popular[:n], True
        cache[user] = {"request_id": request_id, "model": snapshot.version, "fallback": fallback, "items": items}
    return cache[user]


def _kept_wrongly(how: str) -> Kept:
    everywhere: dict[Any, Any] = {}

    def kept(
        cache: dict[Any, Any], snapshot: Any, popular: list[int], user: int, n: int, request_id: str
    ) -> dict[str, Any]:
        key: Any = {
            "without n": (snapshot.version, user),
            "without version": (user, n),
            "glued": f"{snapshot.version}{user}{n}",
        }.get(how, (snapshot.version, user, n))
        store = everywhere if how == "a global" else cache
        found: Any = store.get(key)
        if how == "never" or found is None:
            try:
                found = {"fallback": False, "items": snapshot.recommend(user, n)}
            except Exception:
                if how == "raises":
                    raise
                found = {"fallback": True, "items": popular[:n]}
            if how == "empty is nothing" and not found["items"]:
                return {"request_id": request_id, "model": snapshot.version, **found}
            if not found["fallback"] or how == "fallback kept":
                store[key] = found
        if how == "one answer for all":
            found.setdefault("request_id", request_id)
            return found | {"model": snapshot.version}
        if how == "writes into the kept one":
            found |= {"request_id": request_id, "model": snapshot.version}
            return found
        return {"request_id": request_id, "model": snapshot.version, **found}

    return kept


class _Counting:
    """A model of the check: its lists differ by version, user and length, and it counts how often it is asked."""

    def __init__(self, version: str, first: int):
        self.version, self.first, self.calls, self.broken, self.empty = version, first, 0, False, False

    def recommend(self, user: int, n: int) -> list[int]:
        self.calls += 1
        if self.broken:
            raise ZeroDivisionError("a bug of the model")
        return [] if self.empty else [self.first + 1_000 * user + place for place in range(n)]


def _check_kept(kept: Kept) -> None:
    popular = list(range(100, 160))

    def ask(cache: dict[Any, Any], model: _Counting, user: int, n: int, request_id: str) -> dict[str, Any]:
        snapshot = Model(model.version, model.recommend)
        got = kept(cache, snapshot, popular.copy(), user, n, request_id)
        if not isinstance(got, dict) or set(got) != {"request_id", "model", "fallback", "items"}:
            raise Incorrect(f"an answer is a dict of request_id, model, fallback and items; got {got!r}.")
        return got

    cache: dict[Any, Any] = {}
    old, new = _Counting("a1", 10_000), _Counting("b2", 500_000)
    first = ask(cache, old, 1, 3, "r1")
    right = {"request_id": "r1", "model": "a1", "fallback": False, "items": [11_000, 11_001, 11_002]}
    same(first, right, what="the first answer")
    again = ask(cache, old, 1, 3, "r2")
    if old.calls != 1:
        raise Incorrect("the same question was asked twice, and so was the model. Keep its list in `cache`.")
    if again is first and again["request_id"] == "r1":
        raise Incorrect(
            "you hand out the kept dict itself, so the second answer *is* the first one, with its request_id. Keep the "
            "model's list only, and make a new dict for each answer."
        )
    if again["request_id"] == "r1":
        raise Incorrect(
            "the second answer carries the first one's request_id: whoever looks for it in the log finds somebody else's "
            "request. What belongs to a request is not kept."
        )
    same(again, right | {"request_id": "r2"}, what="the same question again")
    if first["request_id"] != "r1":
        raise Incorrect(
            "the first answer has changed after it was given: both are one dict, kept in the cache. Make a new dict for each answer."
        )
    five = ask(cache, old, 1, 5, "r3")
    if len(five["items"]) != 5:
        raise Incorrect(
            f"5 items were asked for, and {len(five['items'])} came, from the list for n = 3. n belongs to the key."
        )
    same(five["items"], [11_000 + place for place in range(5)], what="user 1, n = 5")
    same(ask(cache, old, 2, 3, "r4")["items"], [12_000, 12_001, 12_002], what="user 2, n = 3")
    ask(cache, old, 1, 12, "r5")
    if len(ask(cache, old, 11, 2, "r6")["items"]) != 2:
        raise Incorrect(
            "user 11 with n = 2 got the list of user 1 with n = 12: glued together, both keys read 112. Use a tuple as key."
        )

    newer = ask(cache, new, 1, 3, "r7")
    if newer["items"] == right["items"]:
        raise Incorrect(
            "a new model (b2) is in use, and the answer shows the list of the old one (a1) under the new name. The version "
            "belongs to the key."
        )
    same(newer, {**right, "request_id": "r7", "model": "b2", "items": [501_000, 501_001, 501_002]}, what="a new model")
    same(ask(cache, old, 1, 3, "r8"), {**right, "request_id": "r8"}, what="a request that still holds the old model")

    for user, n in ((7, 3), (8, 60)):
        new.broken = True
        try:
            got = ask(cache, new, user, n, "r9")
        except ZeroDivisionError:
            raise Incorrect(
                "the model's exception got through. Answer popular[:n], and say so in `fallback`."
            ) from None
        want = {"request_id": "r9", "model": "b2", "fallback": True, "items": popular[:n]}
        same(got, want, what=f"a model that fails, n = {n}")
        new.broken = False
        healed = ask(cache, new, user, n, "r10")
        if healed["fallback"] or healed["items"][0] == popular[0]:
            raise Incorrect(
                "the model failed once, and this user still gets what is popular now that it works again: a fallback was "
                "kept. Keep only what the model said."
            )
        same(healed["items"], [500_000 + 1_000 * user + place for place in range(n)], what="the model works again")

    new.empty, before = True, new.calls
    for request in ("r11", "r12"):
        same(ask(cache, new, 9, 3, request)["items"], [], what="a user who has seen everything")
    if new.calls != before + 1:
        raise Incorrect(
            "an empty list was computed again, though it was kept: `if not items`, or a look at its length, takes it for "
            "nothing. Ask whether the *key* is there."
        )
    new.empty, before = False, new.calls
    ask({}, new, 1, 3, "r13")
    if new.calls == before:
        raise Incorrect(
            "an empty cache was passed, and the model was not asked: keep the lists in the `cache` argument."
        )


# ------------------------------------------------------------------ 3.1.3 which orders mix two models
ORDERS = ("R1 R2 W1 W2", "R1 W1 R2 W2", "R1 W1 W2 R2", "W1 R1 R2 W2", "W1 R1 W2 R2", "W1 W2 R1 R2")


def _is_mixed(order: str) -> bool:
    model = version = "old"
    read = {}
    for step in order.split():
        if step == "W1":
            model = "new"
        elif step == "W2":
            version = "new"
        else:
            read[step] = model if step == "R1" else version
    return read["R1"] != read["R2"]


def _mixed() -> list[str]:
    return [order for order in ORDERS if _is_mixed(order)]


def _check_mixed(mixed: Any) -> None:
    if isinstance(mixed, str):
        mixed = [mixed]
    try:
        named = {" ".join(re.findall(r"[RW]\d|\S+", str(order).upper().replace(",", " "))) for order in mixed}
    except TypeError:
        raise Incorrect(f"give a list of orders, such as {ORDERS[0]!r}; got {mixed!r}.") from None
    if strange := named - set(ORDERS):
        raise Incorrect(f"{min(strange)!r} is none of the six orders: copy them from the cell above.")
    right = set(_mixed())
    if named == {"R1 W1 R2 W2", "R1 W1 W2 R2", "W1 R1 R2 W2", "W1 R1 W2 R2"}:
        raise Incorrect(
            "these are all orders in which the two overlap. Overlapping is not enough: write down for each what R1 reads, "
            "and what R2 reads."
        )
    for order in ORDERS:
        if order in named and order not in right:
            seen = "old" if order.index("R1") < order.index("W1") else "new"
            raise Incorrect(f"{order}: R1 reads the {seen} model, and R2 reads its version. Nothing is mixed.")
    if missing := [order for order in ORDERS if order in right - named]:
        raise Incorrect(
            f"one more order mixes ({len(right)} do, and you have {len(named)}). Go through the six: is the version that R2 "
            "reads that of the model that R1 read?"
            if len(missing) == 1
            else "some orders mix: the two writes are two steps, and a request may read between them, or around them."
        )


# ------------------------------------------------------------------ 3.1.4 what users wait
Latencies = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _latencies(a: np.ndarray, t: np.ndarray) -> np.ndarray:
    L, free = np.empty(len(a)), -np.inf
    for k in range(len(a)):
        free = max(a[k], free) + t[k]
        L[k] = free - a[k]
    return L


def _latencies_wrongly(how: str) -> Latencies:
    def latencies(a: np.ndarray, t: np.ndarray) -> np.ndarray:
        if how == "work only":
            return np.array(t, dtype=float)
        if how == "never idle":
            return (a[0] if len(a) else 0.0) + np.cumsum(t) - a
        if how == "ends":
            return _latencies(a, t) + a
        if how == "waiting only":
            return _latencies(a, t) - t
        if how == "the plan's gap":
            ends = a + t
            starts = np.concatenate((a[:1], np.maximum(a[1:], ends[:-1])))
            return starts + t - a
        raise KeyError(how)

    return latencies


def _check_latencies(latencies: Latencies) -> None:
    a, t = np.array([0.0, 1.0, 2.0, 10.0, 10.5]), np.array([3.0, 1.0, 1.0, 2.0, 1.0])
    try:
        got = np.asarray(latencies(a.copy(), t.copy()), dtype=float)
    except (TypeError, ValueError) as error:
        if "must be real number, not NoneType" in str(error) or "NoneType" in str(error):
            raise Incorrect("got None where an array is expected: is a `return` missing?") from error
        raise
    if got.ndim == 0 and np.isnan(got):
        raise Incorrect("got None where an array is expected: is a `return` missing?")
    messages = {
        "work only": "these are the times that the server works on each request, which is what a client that waits would measure. "
        "A user's time begins when the request is due, and includes the wait for the server.",
        "never idle": "the server is never idle here: after its third request it has nothing to do until second 10. A request "
        "begins at its own time, or when the server is free: whichever is *later*.",
        "ends": "these are the times at which the requests end. The latency counts from when each was due: take `a` off.",
        "waiting only": "this is how long each request waits for the server. The user also waits for the work itself.",
        "the plan's gap": "you let a request wait for its predecessor as if that one had begun on time. It may have waited "
        "itself, and what it waited is handed on: keep the time at which the server is *really* free.",
    }
    for how, message in messages.items():
        if got.shape == a.shape and np.allclose(got, _latencies_wrongly(how)(a, t)):
            raise Incorrect(message)
    same(got, _latencies(a, t), what="a = [0, 1, 2, 10, 10.5], t = [3, 1, 1, 2, 1]: the latencies")
    same(latencies(np.array([]), np.array([])), np.array([]), what="no requests")
    rng = np.random.default_rng(0)
    for n, load in ((1, 0.5), (200, 0.5), (200, 0.95), (200, 3.0)):
        a, t = np.cumsum(rng.exponential(1.0, n)), rng.exponential(load, n)
        given_a, given_t = a.copy(), t.copy()
        same(latencies(given_a, given_t), _latencies(a, t), what=f"{n} requests at {load:g} of what the server can do")
        if not (np.array_equal(given_a, a) and np.array_equal(given_t, t)):
            raise Incorrect("your function changed the arrays that it was given. Work on a copy.")


# ------------------------------------------------------------------ 3.1.5 what the fuzz found
Taste = Callable[[list[dict[str, Any]]], dict[str, Any]]


def _taste_by_a_colleague(history: list[dict[str, Any]]) -> dict[str, Any]:
    ratings = np.array([row["rating"] for row in history], dtype=float)
    favourite = history[ratings.argmax()]["item"]
    with np.errstate(all="ignore"):
        z = (ratings - ratings.mean()) / ratings.std()
    return {"mean": ratings.mean(), "favourite": favourite, "z": z.tolist()}


def _taste(history: list[dict[str, Any]]) -> dict[str, Any]:
    if not history:
        return {"mean": None, "favourite": None, "z": []}
    ratings = np.array([row["rating"] for row in history], dtype=float)
    z = np.zeros(len(ratings))
    if ratings.max() > ratings.min():
        z = (ratings - ratings.mean()) / ratings.std()
    return {"mean": float(ratings.mean()), "favourite": history[int(ratings.argmax())]["item"], "z": z.tolist()}


def _taste_wrongly(how: str) -> Taste:
    def taste(history: list[dict[str, Any]]) -> dict[str, Any]:
        if how == "empty only":
            return _taste_by_a_colleague(history) if history else _taste(history)
        if how == "equal only":
            return _taste(history) if history else _taste_by_a_colleague(history)
        if how == "means 0" and not history:
            return {"mean": 0.0, "favourite": None, "z": []}
        if how == "NaN left in":
            return _taste(history) | ({} if history else {"mean": float("nan")})
        if how == "spread == 0" and history:
            ratings = np.array([row["rating"] for row in history], dtype=float)
            if ratings.std() != 0:
                return _taste_by_a_colleague(history)
        if how == "nearly equal" and history:
            ratings = np.array([row["rating"] for row in history], dtype=float)
            return _taste(history) | ({"z": [0.0] * len(ratings)} if np.allclose(ratings, ratings[0]) else {})
        if how == "one more below":
            ratings = np.array([row["rating"] for row in history], dtype=float)
            return _taste(history) | {
                "z": ((ratings - ratings.mean()) / (ratings.std() + 0.1)).tolist() if history else []
            }
        if how == "last favourite" and history:
            best = max(row["rating"] for row in history)
            return _taste(history) | {"favourite": [row["item"] for row in history if row["rating"] == best][-1]}
        return _taste(history)

    return taste


def _check_taste(taste: Taste) -> None:
    def rated(*ratings: float) -> list[dict[str, Any]]:
        return [{"item": 50 + place, "rating": rating} for place, rating in enumerate(ratings)]

    def ask(*ratings: float) -> dict[str, Any]:
        shown = list(ratings)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                got = taste(rated(*ratings))
        except (ValueError, ZeroDivisionError, IndexError) as error:
            if ratings:
                raise
            other = (
                ""
                if _is_finite(taste, rated(4.0))
                else " And the other failure is still there: a single rating gives NaN."
            )
            raise Incorrect(
                f"without a single rating it fails ({type(error).__name__}): that is the 500 in the report. The shape `Taste` says "
                f"what to answer then: None, None and an empty list.{other}"
            ) from None
        if not isinstance(got, dict) or set(got) != {"mean", "favourite", "z"}:
            raise Incorrect(f"ratings {shown}: the answer is a dict of mean, favourite and z; got {got!r}.")
        z = np.asarray(got["z"], dtype=float)
        if z.size and not np.isfinite(z).all():
            raise Incorrect(
                f"ratings {shown}: z has {z[~np.isfinite(z)][0]} in it, which JSON does not know. Where all ratings are the "
                "same, their spread is 0, and 0 / 0 is NaN. `Taste` promises 0 for each then."
            )
        if ratings and (got["mean"] is None or got["favourite"] is None):
            raise Incorrect(f"ratings {shown}: mean or favourite is None, which is kept for those who rated nothing.")
        if not ratings and got["mean"] is not None:
            raise Incorrect(
                f"without ratings the mean is {got['mean']}: a number that nobody gave, or none that JSON knows. `Taste` says None."
            )
        try:
            json.dumps(got, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise Incorrect(
                f"ratings {shown}: this cannot be written as JSON ({error}). Give plain numbers and lists: an array has `.tolist()`, "
                "one of NumPy's numbers has `.item()`."
            ) from None
        return got

    same(ask(5, 3, 1), _taste(rated(5, 3, 1)), what="ratings [5, 3, 1], which worked before")
    same(
        _plain(ask(2, 5, 5, 1)),
        _taste(rated(2, 5, 5, 1)),
        what="ratings [2, 5, 5, 1] (the first of the best is the favourite)",
    )
    same(_plain(ask()), {"mean": None, "favourite": None, "z": []}, what="no ratings")
    for equal in ((4.0,), (1.0,), (3.0, 3.0, 3.0), (5.0,) * 50):
        same(_plain(ask(*equal)), _taste(rated(*equal)), what=f"{len(equal)} ratings of {equal[0]:g}")
    for value in (4.1, 3.3, 1.7, 2.9):
        for n in (3, 6, 7, 10):
            if np.abs(np.asarray(ask(*[value] * n)["z"], dtype=float)).max() > 1e-6:
                raise Incorrect(
                    f"{n} ratings of {value} are all the same, and yet z is not 0: their mean is not exactly {value} in floating "
                    "point, so the spread is about 1e-16 and not 0. Compare the ratings themselves: are the lowest and the "
                    "highest the same? (The fuzz did not find this one.)"
                )
    near = np.asarray(ask(3.0, 3.00001)["z"], dtype=float)
    if near.shape == (2,) and not near.any():
        raise Incorrect(
            "ratings [3, 3.00001] differ, if only by a little, and worked before: z is [-1, 1]. `allclose` takes them for the "
            "same. Compare exactly: is the highest above the lowest?"
        )
    same(near, [-1.0, 1.0], what="ratings [3, 3.00001], which worked before", rtol=1e-4)
    rng = np.random.default_rng(0)
    for n in (2, 10, 300):
        ratings = rng.integers(1, 6, n).astype(float).tolist()
        same(_plain(ask(*ratings)), _taste(rated(*ratings)), what=f"{n} ratings at random")


def _is_finite(taste: Taste, history: list[dict[str, Any]]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(np.isfinite(np.asarray(taste(history)["z"], dtype=float)).all())


def _plain(got: dict[str, Any]) -> dict[str, Any]:
    return got | {"z": list(np.asarray(got["z"], dtype=float))}


EXERCISES = [
    Exercise(
        id="3.1.1",
        title="A time limit for the model",
        kind="build",
        prompt="""
            Ask the model, but not for longer than so many seconds. `score()` gives its list, or raises an exception, or takes
            for ever; `instead()` gives what is popular, at once. `pool` is a `ThreadPoolExecutor` that all requests share.

            Return two things: the list, and why it is not the model's: `None` (it is), `"model-slow"` or `"model-error"`. Your
            function must return in time even while `score` is still at work. And think of the morning when the model
            hangs for *every* request: what piles up?
        """,
        reference=lambda: _answer_within,
        check=_check_within,
        hints=(
            "`job = pool.submit(score)` starts it elsewhere, and `job.result(timeout=seconds)` waits for it: it returns the list, "
            "raises what `score` raised, or raises `TimeoutError`.",
            "Three ways out: `return job.result(timeout=seconds), None`; `except TimeoutError:` first `job.cancel()`, then "
            '`return instead(), "model-slow"`; `except Exception:` `return instead(), "model-error"`.',
        ),
        wrong=(
            WrongAnswer("looks at the clock afterwards", lambda: _within_wrongly("in this thread"), "your own thread"),
            WrongAnswer("no limit", lambda: _within_wrongly("no limit"), "without a `timeout`"),
            WrongAnswer(
                "a pool in a with block", lambda: _within_wrongly("a pool of its own"), "end of its `with` block"
            ),
            WrongAnswer("a new thread each time", lambda: _within_wrongly("a thread each"), "use the `pool`"),
            WrongAnswer("what waits is not taken back", lambda: _within_wrongly("left in the queue"), "job.cancel()"),
            WrongAnswer("exceptions pass", lambda: _within_wrongly("passes the error on"), "would be a 500"),
            WrongAnswer(
                "slow and broken are one", lambda: _within_wrongly("one reason for all"), "raises an exception"
            ),
            WrongAnswer("takes seconds for milliseconds", lambda: _within_wrongly("milliseconds"), "are seconds"),
            WrongAnswer(
                "queues for what is popular",
                lambda: _within_wrongly("queues for what is popular"),
                "call `instead()` yourself",
            ),
            WrongAnswer("asks for both lists", lambda: _within_wrongly("asks both"), "work for nothing"),
        ),
        points=3,
        explanation="A thread cannot be ended from outside, so a model that hangs keeps its thread; all that you can do is not "
        "to wait, and to have few of them. With a shared pool of two, two threads are lost and no more; what still "
        "queues is cancelled, so that the model is not busy with yesterday's requests when it wakes up. The service does "
        "the same (`serve/pool.py`), refuses at once when too many wait, and keeps a list that came too late for whoever "
        "asks next. (A model that itself raises `TimeoutError` counts as slow here; `job.done()` would tell the two apart.)",
        expected=example(
            "answer_within(pool, 0.2, score=lambda: [50, 181], instead=lambda: [100])",
            lambda: "([50, 181], None), or ([100], 'model-slow') if score takes a second",
        ),
    ),
    Exercise(
        id="3.1.2",
        title="The cache that lies",
        kind="figure it out",
        prompt="""
            Above is a colleague's cache. It is fast, the tests are green, and it has **four** faults: four ways in which somebody
            gets an answer that is not true. Find them by reading, then write `kept` without them.

            `snapshot` has a `version` and a function `recommend(user, n)`, which may fail. `cache` is a dict that lives as long
            as the process. The same question to the same model must not be computed twice.
        """,
        reference=lambda: _kept,
        check=_check_kept,
        hints=(
            "Go through the arguments and ask of each: may the answer depend on it? What it depends on belongs to the key; "
            "what belongs to this one request is not kept at all. And which answers should nobody get a second time?",
            "Keep only the model's list: `key = (snapshot.version, user, n)`. Not the dict with the request id, and not "
            "what is popular. Make a new dict for each answer.",
        ),
        wrong=(
            WrongAnswer("the colleague's", lambda: _kept_by_a_colleague, "the kept dict itself"),
            WrongAnswer("n is not in the key", lambda: _kept_wrongly("without n"), "n belongs to the key"),
            WrongAnswer(
                "the version is not in the key", lambda: _kept_wrongly("without version"), "version belongs to the key"
            ),
            WrongAnswer("fallbacks are kept", lambda: _kept_wrongly("fallback kept"), "Keep only what the model said"),
            WrongAnswer("the request id is kept", lambda: _kept_wrongly("one answer for all"), "somebody else's"),
            WrongAnswer("one dict for all answers", lambda: _kept_wrongly("writes into the kept one"), "new dict"),
            WrongAnswer("a glued key", lambda: _kept_wrongly("glued"), "tuple"),
            WrongAnswer("nothing is kept", lambda: _kept_wrongly("never"), "asked twice"),
            WrongAnswer("an empty list is taken for nothing", lambda: _kept_wrongly("empty is nothing"), "empty list"),
            WrongAnswer("a cache of its own", lambda: _kept_wrongly("a global"), "`cache` argument"),
            WrongAnswer("the error passes", lambda: _kept_wrongly("raises"), "exception got through"),
        ),
        points=3,
        explanation="The four: `n` is not in the key (ask for 3, then for 10, and get 3); the version is not in the key (the old "
        "model lives on under the new one's name, which no monitor can see); a fallback is kept (one bad second makes a "
        "user's day unpersonal); the request id is kept (the log lies). One more thing is not a lie but a leak: lists of "
        "old versions stay for ever. The service solves that by giving each model a cache of its own, which goes with it, "
        "and a limit in bytes. (The kept list itself is handed out: keep a tuple or the finished text, as the service does, "
        "where a caller might change it.)",
        expected=lambda: (
            "asked twice with the same model, user and n: the same items, two request ids, and one call of recommend"
        ),
    ),
    Exercise(
        id="3.1.3",
        title="Which model said that?",
        kind="figure it out",
        prompt="""
            A request reads twice (R1, then R2), a publication writes twice (W1, then W2), and threads may be interrupted
            anywhere. That leaves the six orders above. **Predict**: in which of them does the answer show the items
            of one model under the version of the other? Give them as a list.
        """,
        reference=_mixed,
        check=_check_mixed,
        hints=(
            "Make a table of six lines with two columns: what does R1 read (old or new model), and what does R2 read (old or new "
            "version)? R1 depends only on where W1 is, and R2 only on where W2 is.",
            "R1 reads new if W1 stands before it; R2 reads new if W2 stands before it. You look for lines in which "
            "exactly one of the two is true. There are two.",
        ),
        wrong=(
            WrongAnswer("every overlap", lambda: list(ORDERS[1:5]), "Overlapping is not enough"),
            WrongAnswer("the obvious one only", lambda: ["R1 W1 W2 R2"], "one more order"),
            WrongAnswer("none", list, "some orders mix"),
            WrongAnswer("new model, new version", lambda: ["R1 W1 W2 R2", "W1 R1 W2 R2"], "Nothing is mixed"),
            WrongAnswer("old model, old version", lambda: ["R1 W1 R2 W2", "W1 R1 R2 W2"], "Nothing is mixed"),
        ),
        points=1,
        explanation="`R1 W1 W2 R2` shows the old model's items as the new one's, `W1 R1 R2 W2` the new one's items as the old one's. "
        "Writing in the other order does not help: then two other orders mix. Nor does a lock in `publish` alone. What helps "
        "is one object that holds both, replaced by one assignment, and read *once* a request.",
        expected=lambda: "a list with some of the six orders, such as ['R1 R2 W1 W2'] (which is not one of them)",
    ),
    Exercise(
        id="3.1.4",
        title="What users wait",
        kind="build",
        prompt="""
            Write the three formulas as a function: request k is due at `a[k]`, the server works on it for `t[k]`, one request at
            a time and in order. How long does each user wait, from when the request was *due* to its answer?
        """,
        reference=lambda: _latencies,
        check=_check_latencies,
        hints=(
            "Go through the requests in order, and carry one number along: when the server is free again. Before the first request "
            "it is free: that is `-np.inf`.",
            "In the loop: `e = max(a[k], e) + t[k]`, then `L[k] = e - a[k]`.",
        ),
        wrong=(
            WrongAnswer("the work only", lambda: _latencies_wrongly("work only"), "a client that waits"),
            WrongAnswer(
                "a server that is never idle", lambda: _latencies_wrongly("never idle"), "whichever is *later*"
            ),
            WrongAnswer("the ends", lambda: _latencies_wrongly("ends"), "take `a` off"),
            WrongAnswer("the waiting only", lambda: _latencies_wrongly("waiting only"), "work itself"),
            WrongAnswer("delays are not handed on", lambda: _latencies_wrongly("the plan's gap"), "handed on"),
        ),
        points=2,
        explanation="A request starts at the later of two moments: when it is due, and when the one before has ended. So one slow answer "
        "is paid for by everybody behind it, until the server has caught up. A client that waits for its answer before it "
        "sends the next request never forms a queue, and sees only `t`.",
        expected=example(
            "latencies(a=[0, 1, 2], t=[5, 1, 1])", lambda: _latencies(np.array([0.0, 1, 2]), np.array([5.0, 1, 1]))
        ),
    ),
    Exercise(
        id="3.1.5",
        title="Mend what the fuzz found",
        kind="figure it out",
        prompt="""
            Print `report` and read it like a log: which two kinds of *valid* requests break the promise of `Taste`? (Each failure
            ends with a `curl` line that reproduces it.) Then write `taste` so that it keeps the promise. What worked
            before must give the same answers as before.
        """,
        reference=lambda: _taste,
        check=_check_taste,
        hints=(
            "Look at the bodies after `-d`: one history has no ratings at all, and the other has a single one (or several that are the "
            "same). Which line of the function fails on the first, and what is the spread of the second?",
            'Begin with `if not history: return {"mean": None, "favourite": None, "z": []}`. Then divide by the spread only if '
            "`ratings.max() > ratings.min()`; otherwise `z` is `[0.0] * len(history)`.",
        ),
        wrong=(
            WrongAnswer("the colleague's", lambda: _taste_by_a_colleague, "other failure is still there"),
            WrongAnswer("only the empty history", lambda: _taste_wrongly("empty only"), "0 / 0 is NaN"),
            WrongAnswer("only the equal ratings", lambda: _taste_wrongly("equal only"), "the 500 in the report"),
            WrongAnswer("a mean of 0 for nobody", lambda: _taste_wrongly("means 0"), "nobody gave"),
            WrongAnswer("NaN for nobody", lambda: _taste_wrongly("NaN left in"), "JSON knows"),
            WrongAnswer("asks whether the spread is 0", lambda: _taste_wrongly("spread == 0"), "floating point"),
            WrongAnswer("nearly the same is the same", lambda: _taste_wrongly("nearly equal"), "`allclose`"),
            WrongAnswer("adds a little below", lambda: _taste_wrongly("one more below"), "which worked before"),
            WrongAnswer("the last of the best", lambda: _taste_wrongly("last favourite"), "first of the best"),
        ),
        points=2,
        explanation="Both are everyday requests: a visitor who has rated nothing, and one who has rated one film. The first is a 500; the "
        "second is worse, a 200 with `null` where the schema says number, on which a client in another language "
        "fails. Neither is in a happy-path test, since whoever writes a test history gives it several different stars.",
        expected=lambda: json.dumps(_taste([{"item": 50, "rating": 5.0}, {"item": 100, "rating": 3.0}])),
    ),
]


# ------------------------------------------------------------------ the quiz: keys are computed
def _key_pickle() -> str:
    """Which of the three ways runs code of the file's author?"""
    fired: list[str] = []

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "flag"
        bomb = _Bomb(str(path))
        (Path(name) / "a").write_bytes(pickle.dumps(bomb))
        np.save(Path(name) / "b.npy", np.array([bomb], dtype=object), allow_pickle=True)
        (Path(name) / "c").write_text(json.dumps({"__reduce__": ["open", str(path)]}))
        ways = {
            "a": lambda: pickle.loads((Path(name) / "a").read_bytes()),
            "b": lambda: np.load(Path(name) / "b.npy"),
            "c": lambda: json.loads((Path(name) / "c").read_text()),
        }
        for letter, way in ways.items():
            with contextlib.suppress(ValueError):
                way()
            if path.exists():
                fired.append(letter)
                path.unlink()
    return fired[0] if len(fired) == 1 else "none"


class _Bomb:
    """Pickled, it touches a file when it is loaded."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _touch, (self.path,)


def _touch(path: str) -> None:
    Path(path).touch()


def _key_pages() -> str:
    share = 1 - 0.99**10
    return min({"a": 0.01, "b": 0.1, "c": 0.63}.items(), key=lambda choice: abs(choice[1] - share))[0]


def _key_stall() -> str:
    """A client that waits, 1 ms an answer, ten seconds with a stall of one: how many answers show it?"""
    now, slow = 0.0, 0
    while now < 10:
        latency = 1.001 if now <= 5 < now + 0.001 else 0.001
        slow += latency > 0.5
        now += latency
    return {0: "c", 1: "a"}.get(slow, "b")


def _key_busy() -> str:
    mean = 5 / (1 - 0.9)
    return min({"a": 9.0, "b": 18.0, "c": 50.0}.items(), key=lambda choice: abs(choice[1] - mean))[0]


@functools.cache
def _key_stale() -> str:
    """Does the model itself give another list when the cache is emptied, or only when it is told of the new ratings?"""
    ratings = datasets.toy().ratings
    model = EASE(reg=1.0).fit(ratings)
    user = ratings["user"].iloc[0]
    before, emptied = model.recommend(user, 3), model.recommend(user, 3)
    rated = dict(ratings.loc[ratings["user"] == user, ["item", "rating"]].itertuples(index=False))
    new = next(item for item in ratings["item"].unique() if item not in rated)
    told = model.recommend_for(rated | {new: 5.0}, n=3)
    if not before.equals(emptied):
        return "a"
    return "b" if before["item"].tolist() != told["item"].tolist() else "c"


QUIZ = [
    Question(
        text="A stranger sends you a model file. Which of these ways to read it can run the stranger's code?",
        choices={
            "a": "`pickle.load`, after the checksum was found right",
            "b": "`np.load` of an .npy file, as it is by default",
            "c": "`json.load`",
        },
        key=_key_pickle,
        why={
            "a": "The checksum says that the file is what the stranger wrote. That is the problem, not the cure.",
            "b": "By default, `np.load` refuses an array of Python objects, the only kind that would need pickle.",
            "c": "JSON knows numbers, text, lists and dicts. None of them does anything when it is read.",
        },
    ),
    Question(
        text="A page asks ten services, each with a p99 of 100 ms, one independent of the other. It shows when all have answered. "
        "Which share of pages takes longer than 100 ms?",
        choices={"a": "about 1 %", "b": "about 10 %", "c": "about 63 %"},
        key=_key_pages,
        why={
            "a": "That is the share of slow *answers*. A page needs ten, and is as slow as the slowest.",
            "b": "1 - 0.99^10 = 9.6 %. The p99 of a part is the p90 of the whole.",
            "c": "That is a page of a hundred parts: 1 - 0.99^100.",
        },
    ),
    Question(
        text="A load test has one client, which waits for each answer (1 ms) before it asks again. The server stalls once, for one of the "
        "ten seconds. How many of the nine thousand measured answers show the stall?",
        choices={"a": "one", "b": "about a thousand", "c": "none"},
        key=_key_stall,
        why={
            "a": "The one that was under way. While it waited, the client asked nothing: the stall is one sample in nine thousand, and "
            "the p99 does not see it.",
            "b": "So many users *would* have met it, at a thousand requests a second. The test did not send those requests.",
            "c": "One request was under way when it began, and waited a second.",
        },
    ),
    Question(
        text="A server needs 5 ms for a request, on average. At half load, a user waits 10 ms in all. At 90 % load (same formula)?",
        choices={"a": "9 ms", "b": "18 ms", "c": "50 ms"},
        key=_key_busy,
        why={
            "a": "Latency is not proportional to load: 5 / (1 - 0.9).",
            "b": "That would be a straight line through the point at half load. The curve bends up.",
            "c": "5 / (1 - 0.9) = 50. From half load to 90 % is not twice the wait, but five times.",
        },
    ),
    Question(
        text="At 9:00 a user gets a list. At 9:05 they rate three films. At 9:06 the service gives them the same list, from its "
        "cache. Somebody proposes to empty the cache. What would that change?",
        choices={
            "a": "The user gets a list that knows the three ratings",
            "b": "Nothing: the model would give the same list. It has to be told of the ratings",
            "c": "Nothing, and telling the model of the ratings would not change the list either",
        },
        key=_key_stale,
        why={
            "a": "The cache holds what the model says, and the model was fitted last night. Asked again, it says it again.",
            "b": "A list is as old as its *model*. Post the history (POST /v1/recommendations), which folds the new ratings in, or fit again.",
            "c": "Told of them, the model answers for the longer history: the fold-in of lesson 2.7.",
        },
    ),
]
