"""The client of project 3: it asks a learner's service, remembers what was said, and never fails itself."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from recsys_lab.errors import MissingExtraError

T = TypeVar("T")
TIMEOUT = 10.0  # seconds that an answer may take, then there is none


class Answer(NamedTuple):
    """What a request led to. status is 0 where no answer came; `body` is its JSON, None where it is none."""

    status: int
    kind: str
    text: str
    body: Any
    seconds: float

    def get(self, name: str) -> Any:
        return self.body.get(name) if isinstance(self.body, dict) else None

    @property
    def items(self) -> list[Any]:
        """The items of a list; [] where the answer has no such list."""
        rows = self.get("items")
        sound = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        return [row.get("item") for row in rows] if sound else []

    def __str__(self) -> str:
        return f"{self.status} {self.text[:100]!r}" if self.status else f"no answer ({self.text})"


class Client:
    """Asks one service; `heard` collects the text of every answer, of all clients that share it."""

    def __init__(self, url: str, heard: list[str]):
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingExtraError("this project needs httpx: pip install 'recsys-lab[phase3]'.") from error
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False)
        self._errors = (httpx.HTTPError, httpx.InvalidURL)
        self.url, self.heard = url, heard

    def ask(self, method: str, path: str, **request: Any) -> Answer:
        start = time.perf_counter()
        try:
            got = self._http.request(method, path, **request)
        except self._errors as error:
            return Answer(0, "", type(error).__name__, None, time.perf_counter() - start)
        body = None
        with contextlib.suppress(ValueError):
            body = got.json()
        self.heard.append(got.text)
        return Answer(got.status_code, got.headers.get("content-type", ""), got.text, body, time.perf_counter() - start)

    def user(self, user: object, n: int = 10) -> Answer:
        return self.ask("GET", f"/v1/users/{user}/recommendations", params={"n": n})

    def history(self, history: Mapping[Any, float], n: int = 10) -> Answer:
        rated = [{"item": item, "rating": rating} for item, rating in history.items()]
        return self.ask("POST", "/v1/recommendations", json={"history": rated, "n": n})

    def events(self, ids: Iterable[str]) -> Answer:
        events = [{"id": id, "kind": "click", "user": 1, "item": 50} for id in ids]
        return self.ask("POST", "/v1/events", json={"events": events})

    def another(self) -> Client:
        """A client with a connection of its own."""
        return Client(self.url, self.heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


@contextlib.contextmanager
def started(
    file: Path,
    model: Path,
    events: Path,
    heard: list[str] | None = None,
    mood: Path | None = None,
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
) -> Iterator[tuple[Client, Any]]:
    """A learner's service in a process of its own: (client, process). Killed in the end, if it still runs.

    python, variables : another interpreter, and its whole environment; by default this one's.

    Raises DataError with the end of its log where it does not get ready.
    """
    from recsys_lab.course.projects.running import environment
    from recsys_lab.serve.running import process

    mood = mood or events.with_suffix(".mood")
    arguments = [str(file), str(model), f"sqlite:///{events}", str(mood)]
    command = [python, "-m", "recsys_lab.course.projects.host", *arguments]
    with process(command, events.with_suffix(".log"), variables or environment(0), inherit=not variables) as server:
        try:
            with Client(server.url, [] if heard is None else heard) as client:
                yield client, server.process
        finally:
            server.process.kill()


def together(client: Client, n: int, work: Callable[[Client, int], T]) -> list[T]:
    """What `work(client, number)` gives, for n clients at the same time, each with a connection of its own."""

    def one(number: int) -> T:
        with client.another() as mine:
            return work(mine, number)

    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(one, range(n)))


def latencies(client: Client, paths: Iterable[str], clients: int = 4) -> np.ndarray:
    """Seconds that each address took, asked by so many clients at once; infinite where the answer was not 200."""
    waiting, lock = iter(paths), threading.Lock()

    def ask(mine: Client, _: int) -> list[float]:
        taken: list[float] = []
        while True:
            with lock:
                path = next(waiting, None)
            if path is None:
                return taken
            answer = mine.ask("GET", path)
            taken.append(answer.seconds if answer.status == 200 else np.inf)

    return np.concatenate(together(client, clients, ask))


def put(content: bytes, target: Path) -> None:
    """Replace an artefact in one step."""
    draft = target.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(target)
