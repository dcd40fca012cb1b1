"""Project 3: a service that survives. It is started, asked, given good and bad artefacts, killed, and started again.

kill -9 ends a process, not the machine: what the system had taken for the disk survives it. So the row on events finds
what was acknowledged before it was handed over, and not a missing sync.
"""

from __future__ import annotations

import functools
import hashlib
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsys_lab import datasets, registry, storage
from recsys_lab.base import Recommender
from recsys_lab.course.projects import nasty, report
from recsys_lab.course.projects.asking import Answer, Client, latencies, put, started, together
from recsys_lab.course.projects.host import SECRET
from recsys_lab.course.projects.rubric import Grade, Row
from recsys_lab.errors import DataError

FILE = "my_service.py"
N = 10
STRANGER = 10_000_000  # a user id that no data set has
POPULAR = 200  # a fallback's films are among so many most rated ones
IN_TIME = 2.0  # seconds that a list may take while the model takes four
TAKEN_UP = 8.0  # seconds after which a new artefact must be in use; the template says five
RATIO = 8.0  # the slowest hundredth of lists against that of an empty endpoint
ENDED = 10.0  # seconds that a process has after SIGTERM
ACKNOWLEDGED = 200  # events, before the process is killed

RUBRIC = {
    "known": ("it starts, and known users get the model's list", 2),
    "stranger": ("an unknown user gets what is popular, flagged", 1),
    "newcomer": ("a newcomer's list is the model's, by fold-in", 1),
    "refuses": ("bad requests are refused with 4xx, never 5xx", 2),
    "problems": ("what is refused is a problem+json", 1),
    "without": ("without a sound artefact it starts, and serves what is popular, flagged", 2),
    "exchange": ("a new artefact is taken up without a failed or mixed answer, a bad one is not", 2),
    "events": ("acknowledged events survive kill -9, none is stored twice", 2),
    "slow": ("a slow or failing model is replaced in time", 2),
    "quiet": ("no stack trace and no path is in an answer", 1),
    "fast": (f"the slowest hundredth of lists takes at most {RATIO:g} times that of an empty endpoint", 1),
    "ends": ("SIGTERM ends it, after what was asked before", 1),
}


class Artefact(NamedTuple):
    """A model and the bytes of its file."""

    model: Recommender
    content: bytes

    @property
    def version(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:12]

    def list(self, user: int, n: int = N) -> list[int]:
        return self.model.recommend([user], n)["item"].tolist()


class Bench(NamedTuple):
    """What a grading works with: two artefacts, the users that are asked for, the most rated films, a folder."""

    one: Artefact
    two: Artefact
    users: list[int]
    popular: set[int]
    place: Path
    heard: list[str]


def grade(folder: Path, seed: int) -> Grade:
    """Start the learner's service five times; `seed` chooses the models' ratings, and the users who are asked for."""
    found: dict[str, str] = {}
    errors: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="recsys-lab-secret-") as place:
        bench = _bench(seed, Path(place))
        file = folder / FILE
        acknowledged: list[str] = []
        try:
            found |= _with_a_model(file, bench, acknowledged)
            if not all(found[name] for name in ("known", "stranger", "events")):  # else there is nothing yet
                events, found["ends"] = _started_again(file, bench, acknowledged)
                found["events"] = found["events"] or events
                found["without"] = _without(file, bench)
        except DataError as error:
            errors["create_app"] = str(error)
        found["quiet"] = found.get("quiet") or _quiet(bench)
    said = "the service did not start." if errors else "nothing to judge: it was not reached."
    rows = []
    for name, (what, of) in RUBRIC.items():
        why = found.get(name, said)
        if name in _ONLY_IF_IT_RECOMMENDS and found.get("known", said):
            why = "nothing to judge before known users get the model's list."
        rows.append(Row(what, of if not why else 0, of, why or _FINE[name]))
    return Grade(3, seed, (*rows, report.row(folder)), errors)


_ONLY_IF_IT_RECOMMENDS = {"problems", "quiet", "fast", "ends"}  # a service that refuses everything is quiet and fast
_FINE = {
    "known": "lists and versions are right",
    "stranger": f"{N} of the most rated films",
    "newcomer": "as `recommend_for` has it",
    "refuses": "each was refused or answered",
    "problems": "title and status in each",
    "without": "missing, cut short, no artefact at all: popular films",
    "exchange": "all answers were one model's",
    "events": f"{ACKNOWLEDGED} events or more were there after the kill, and known when they came again",
    "slow": f"all lists within {IN_TIME:g} s",
    "quiet": "none found",
    "fast": "it does",
    "ends": "it did",
}


def _bench(seed: int, place: Path) -> Bench:
    one, two = _artefacts(seed)
    users = np.random.default_rng(seed).permutation(one.model.train_.users.ids).tolist()
    popular = set(datasets.load("ml-100k").ratings["item"].value_counts().index[:POPULAR].tolist())
    return Bench(one, two, users, popular, place, [])


@functools.cache
def _artefacts(seed: int) -> tuple[Artefact, ...]:
    """Two models whose lists differ, of the same users and films."""
    ratings = datasets.load("ml-100k").ratings.sample(frac=0.8, random_state=seed)
    made = []
    with tempfile.TemporaryDirectory() as place:
        for name in ("ease", "pure-svd"):
            model = registry.make(name).fit(ratings)
            made.append(Artefact(model, storage.save(model, Path(place) / name).read_bytes()))
    return tuple(made)


# ------------------------------------------------------------------ with a sound model, until it is killed
def _with_a_model(file: Path, bench: Bench, acknowledged: list[str]) -> dict[str, str]:
    """Complaint by row, "" where there is none; fills `acknowledged`."""
    path, mood = bench.place / "model.npz", bench.place / "mood"
    put(bench.one.content, path)
    found: dict[str, str] = {}
    with started(file, path, bench.place / "events.db", bench.heard, mood) as (client, process):
        alive = _alive(client)
        found["known"] = alive or next(filter(None, (_known(client, bench, *asked) for asked in _asked(bench))), "")
        found["stranger"] = is_popular(client.user(STRANGER), bench.popular)
        found["newcomer"] = _newcomer(client, bench)
        found["refuses"], found["problems"] = refuses(client)
        if not found["known"]:
            found["fast"] = fast(client, bench.users[100:160])
            found["exchange"] = _exchange(client, bench, path)
            found["slow"] = _slow(client, bench, mood)
        found["events"] = alive or _flood(client, process, acknowledged)
    return found


def _alive(client: Client) -> str:
    answer = client.ask("GET", "/health")
    return "" if answer.status == 200 else f"/health: {answer}"


def _asked(bench: Bench) -> list[tuple[int, int]]:
    return [(user, n) for user, n in zip(bench.users, [N] * 8 + [1, 5, 100])]


def _known(client: Client, bench: Bench, user: int, n: int) -> str:
    return _is_list(patiently(lambda: client.user(user, n)), bench.one, user, n)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The first of three answers that is no fallback: on a busy machine a sound model is late, too."""
    return next((answer for answer in (ask() for _ in range(2)) if answer.get("fallback") is not True), None) or ask()


def _is_list(answer: Answer, artefact: Artefact, user: int, n: int = N) -> str:
    if answer.status != 200:
        return f"user {user}: {answer}"
    if answer.get("fallback") is not False:
        return f"user {user}: `fallback` is {answer.get('fallback')!r}, and the model knows them."
    if answer.get("model") != artefact.version:
        return f"user {user}: `model` is {answer.get('model')!r}, its file's SHA-256 begins with {artefact.version}."
    if answer.items != artefact.list(user, n):
        return f"user {user}, n={n}: the items are not those of `recommend`, in that order."
    return ""


def is_popular(answer: Answer, popular: set[int]) -> str:
    if answer.status != 200:
        return str(answer)
    if answer.get("fallback") is not True:
        return f"`fallback` is {answer.get('fallback')!r}: say that this is no list of the model's."
    try:
        films = set(answer.items)
    except TypeError:
        return "an item is no id."
    if len(films) != N or len(answer.items) != N:
        return f"{len(films)} different films instead of {N}."
    if rare := films - popular:
        return f"item {min(rare, key=str)!r} is not among the {POPULAR} most rated films."
    return ""


def _newcomer(client: Client, bench: Bench) -> str:
    liked = dict(zip(sorted(bench.popular)[:5], (5.0, 4.0, 1.0, 3.0, 5.0)))
    expected = bench.one.model.recommend_for(liked, N)["item"].tolist()
    for about, history in (("five ratings", liked), ("five ratings and an unknown film", liked | {999_999: 5.0})):
        answer = patiently(lambda history=history: client.history(history))  # type: ignore[misc]
        if answer.status != 200 or answer.get("fallback") is not False:
            return f"{about}: {answer}"
        if answer.items != expected:
            return f"{about}: the items are not those of `recommend_for`."
    return ""


def refuses(client: Client, limits: bool = True) -> tuple[str, str]:
    """What was not refused, and which refusal is no problem+json; limits : see nasty.requests."""
    failed, shape = [], []
    for request in nasty.requests(limits):
        answer = client.ask(request.method, request.path, **request.options)
        refused = 400 <= answer.status < 500
        if not refused and (request.refuse or not answer.status or answer.status >= 500):
            failed.append(f"{request.about}: {answer}")
        sound = answer.kind.startswith("application/problem+json") and answer.get("title") and answer.get("status")
        if refused and not sound:
            shape.append(f"{request.about}: {answer.kind}, {answer}")
    return _some(failed, "bad requests were not refused"), _some(shape, "refusals are no problem+json")


def _some(complaints: list[str], what: str) -> str:
    return f"{len(complaints)} {what}, such as {'; '.join(complaints[:2])}" if complaints else ""


def fast(client: Client, users: Sequence[int]) -> str:
    """Against the empty endpoint in the same moment, and the better of two rounds: the machine may be busy."""
    for half in (users[: len(users) // 2], users[len(users) // 2 :]):
        empty = latencies(client, ["/empty"] * len(half))
        lists = latencies(client, [f"/v1/users/{user}/recommendations?n={N}" for user in half])
        times = np.percentile(lists, 99) / np.percentile(empty, 99)
        if times <= RATIO:
            return ""
    return f"{times:.0f} times: what is done anew for each request?"


def _exchange(client: Client, bench: Bench, path: Path) -> str:
    """Three clients ask while a bad artefact comes, a sound one, and the first again."""
    users, artefacts = bench.users[:40], {a.version: a for a in (bench.one, bench.two)}
    lists = {version: {user: a.list(user) for user in users} for version, a in artefacts.items()}
    ended, seen, complaints = threading.Event(), [bench.one.version], list[str]()

    def ask(mine: Client, number: int) -> None:
        while not ended.is_set() and not complaints:
            for user in users:
                answer = mine.user(user)
                version = answer.get("model")
                if answer.status != 200 or answer.get("fallback") is None:
                    complaints.append(f"user {user}: {answer}")
                elif answer.get("fallback"):  # late on a busy machine, and said so
                    continue
                elif version not in lists:
                    complaints.append(f"`model` is {version!r}, which is neither of the two.")
                elif answer.items != lists[version][user]:
                    complaints.append(f"user {user}: the list is not that of the model {version} which is named.")
                else:
                    seen.append(version)
                if complaints or ended.is_set():
                    return

    def change() -> None:
        put(bench.two.content[: len(bench.two.content) // 2], path)
        time.sleep(1.5)
        for artefact in (bench.two, bench.one):
            put(artefact.content, path)
            until = time.monotonic() + TAKEN_UP
            while seen[-1] != artefact.version and not complaints:
                if time.monotonic() > until:
                    complaints.append(f"a new artefact was not in use after {TAKEN_UP:g} s.")
                time.sleep(0.02)
        ended.set()

    changes = threading.Thread(target=change)
    changes.start()
    together(client, 3, ask)
    changes.join()
    put(bench.one.content, path)
    return complaints[0] if complaints else ""


def _slow(client: Client, bench: Bench, mood: Path) -> str:
    """Four users at once while each list takes four seconds, then while each fails, then as before."""
    users = bench.users[500:512]

    def late(mine: Client, number: int, start: int) -> str:
        user = users[start + number]
        answer = mine.ask("GET", "/health") if number == 3 else mine.user(user)
        if answer.seconds > IN_TIME:
            return f"{'/health' if number == 3 else 'a list'} took {answer.seconds:.1f} s while the model was slow."
        if number == 3 or not _is_list(answer, bench.one, user):  # made before the model was slow: as good
            return ""
        why = is_popular(answer, bench.popular)
        return f"while the model is slow or fails: {why}" if why else ""

    try:
        for start, state in ((0, "slow"), (4, "fails")):
            mood.write_text(state, encoding="utf-8")
            if why := next(filter(None, together(client, 4, functools.partial(late, start=start))), ""):
                return why
    finally:
        mood.unlink()
    until = time.monotonic() + IN_TIME + 4
    while why := _is_list(client.user(users[8]), bench.one, users[8]):
        if time.monotonic() > until:
            return f"the model is as fast as before, but {why}"
        time.sleep(0.1)
    return ""


def _flood(client: Client, process: subprocess.Popen[str], acknowledged: list[str]) -> str:
    """Posts by two clients until the process is killed under them; what was acknowledged is noted."""
    complaints: list[str] = []
    enough = threading.Event()

    def post(mine: Client, number: int) -> None:
        for batch in range(10_000):
            ids = [f"{number}-{batch}-{i}" for i in range(5)]
            answer = mine.events(ids)
            if not answer.status and enough.is_set():
                return
            if answer.status != 200 or answer.get("stored") != 5 or answer.get("duplicates") != 0:
                complaints.append(f"five new events: {answer}")
                enough.set()
                return
            acknowledged.extend(ids)
            if len(acknowledged) >= ACKNOWLEDGED:
                enough.set()

    def kill() -> None:
        enough.wait()
        process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    together(client, 2, post)
    killer.join()
    return complaints[0] if complaints else ""


# ------------------------------------------------------------------ after the kill, and without a model
def _without(file: Path, bench: Bench) -> str:
    """Complaints on starts without a sound artefact; the three at once, as most of a start is waiting for imports."""
    half = bench.one.content[: len(bench.one.content) // 2]

    def start(about: str, content: bytes | None) -> str:
        path = bench.place / f"{about}.npz"
        if content is not None:
            path.write_bytes(content)
        try:
            with started(file, path, bench.place / f"{about}.db", bench.heard) as (client, _):
                why = _alive(client) or is_popular(client.user(bench.users[0]), bench.popular)
                why = why or is_popular(client.history({50: 5.0}), bench.popular)
        except DataError as error:
            why = f"it did not start: {str(error).splitlines()[-1][:200]}"
        return f"{about}: {why}" if why else ""

    with ThreadPoolExecutor(3) as threads:
        complaints = threads.map(start, ("missing", "no artefact", "cut short"), (None, b"no model\n" * 100, half))
        return "; ".join(filter(None, complaints))


def _started_again(file: Path, bench: Bench, acknowledged: list[str]) -> tuple[str, str]:
    """After the kill, with the same events: complaints on what is known of them, and on the end."""
    with started(file, bench.place / "model.npz", bench.place / "events.db", bench.heard) as (client, process):
        return _again(client, acknowledged), _ends(client, process)


def _again(client: Client, acknowledged: list[str]) -> str:
    """Every acknowledged event is known, and a new one is stored once."""
    for start in range(0, len(acknowledged), 100):
        ids = acknowledged[start : start + 100]
        answer = client.events(ids)
        if answer.get("stored") != 0 or answer.get("duplicates") != len(ids):
            return f"{len(ids)} events that had been acknowledged before the kill came again: {answer}"
    answer = client.events(["new", "new"])
    fine = answer.get("stored") == 1 and answer.get("duplicates") == 1
    return "" if fine else f"a new event, twice in one batch: {answer}"


def _ends(client: Client, process: subprocess.Popen[str]) -> str:
    """A post of events is under way when SIGTERM comes."""
    answers: list[Answer] = []
    asked = threading.Event()

    def body() -> Any:  # the head is sent, then the signal comes, then the rest
        yield b'{"events": [{"id": "last", "kind": "click", '
        asked.set()
        time.sleep(0.5)
        yield b'"user": 1, "item": 50}]}'

    def post() -> None:
        with client.another() as mine:
            headers = {"content-type": "application/json"}
            answers.append(mine.ask("POST", "/v1/events", content=body(), headers=headers))

    posting = threading.Thread(target=post)
    posting.start()
    asked.wait(5)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    posting.join()
    try:
        process.wait(ENDED)
    except subprocess.TimeoutExpired:
        return f"it was still running {ENDED:g} s after SIGTERM."
    return "" if answers[0].status == 200 else f"events that were under way at SIGTERM: {answers[0]}"


def _quiet(bench: Bench) -> str:
    """No answer of the whole grading holds a trace, a path or the model's own words."""
    for text in bench.heard:
        for sign in ("Traceback (most", 'File "', "site-packages", str(bench.place), SECRET, str(Path.home()) + "/"):
            if sign in text:
                return f"an answer holds {sign!r}: {text[max(text.find(sign) - 40, 0) :][:120]!r}"
    return ""
