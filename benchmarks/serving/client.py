"""A load generator: many connections in one thread, each sends its next request when it has the answer to its last.

It speaks just enough HTTP/1.1 to be cheaper than what it measures, and runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

with contextlib.suppress(ImportError):
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


class Answer(NamedTuple):
    """What one request got: its path, the status (0: the connection broke) and the body."""

    path: str
    status: int
    body: bytes


class Load(NamedTuple):
    """The outcome of a run: seconds it took, and each answer's latency in seconds."""

    seconds: float
    latencies: list[float]


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = b""
        self.waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found or self.waiting is None:
            return
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start : start + 20].split(b"\r\n")[0])
        if len(rest) >= length:
            self.buffer = rest[length:]
            self.waiting.set_result((int(head[9:12]), rest[:length]))
            self.waiting = None

    def connection_lost(self, _: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result((0, b""))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self.waiting = asyncio.get_running_loop().create_future()
        if self.transport.is_closing():
            self.waiting.set_result((0, b""))
        else:
            self.transport.write(request)
        return self.waiting


async def drive(
    port: int,
    paths: Iterator[str],
    *,
    connections: int = 50,
    seconds: float = float("inf"),
    check: Callable[[Answer], None] | None = None,
) -> Load:
    """Ask for these paths until they or the seconds end. `check` gets each answer."""
    loop, latencies = asyncio.get_running_loop(), []
    started = time.perf_counter()

    async def work() -> None:
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        for path in paths:
            request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
            begun = time.perf_counter()
            status, body = await connection.ask(request)
            ended = time.perf_counter()
            latencies.append(ended - begun)
            if check is not None:
                check(Answer(path, status, body))
            if status == 0:
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
            if ended - started > seconds:
                break
        connection.transport.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return Load(time.perf_counter() - started, latencies)
