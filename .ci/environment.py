"""The work behind install.py: what a set-up depends on, its steps, its stamp, its lock.

The stamp in .venv holds a hash of pyproject.toml and constraints.txt, the interpreter's version and the extras, so
any change to these installs again, and a second run ends at once. A set-up that has begun keeps its stamp under
another name: empty while packages are installed, filled afterwards. An empty one left behind means an interruption, and
.venv is made anew: a half-installed package would fail much later, without a hint of why. A filled one means that only
the later steps are missing.
Only the standard library is used here, because nothing else is there yet.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Importing rfc3987-syntax builds a large grammar: about four seconds for every Jupyter tool. jsonschema uses it only
# to check one string format, and does without when it is absent.
UNWANTED = "rfc3987-syntax"
# Parts that are environments of their own, .venv-NAME, by .ci/NAME.txt.
BESIDE = {"airflow": "Airflow (one to two minutes)", "deploy": "the tools that check what is shipped (half a minute)"}

# What a first lesson would otherwise wait for: Numba's compiled kernels, Python's compiled modules, matplotlib's list
# of fonts. pip could compile all modules, but that takes three times as long, and most are never imported.
WARM = """
import contextlib, importlib
from recsys_lab import datasets, registry
movielens = datasets.load("ml-100k")
ratings = movielens.ratings.head(5000)
for name in registry.MODELS:
    model = registry.make(name).fit(ratings, movielens.items)
    model.predict(ratings), model.recommend(1)
for name in "jupyterlab.labapp", "ipykernel.kernelapp", "matplotlib.pyplot", "sklearn", "surprise", "duckdb":
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(name)
"""


class SetupError(Exception):
    """A step failed. The message says which, shows the end of its log, and says what to do."""


def stamp(root: Path, extras: set[str]) -> dict[str, object]:
    """What the installation depends on. Equal stamps mean that there is nothing to install."""
    sources = b"\0".join(
        (root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt", ".ci/environment.py")
    )
    return {
        "sources": hashlib.sha256(sources).hexdigest(),
        "python": ".".join(map(str, sys.version_info[:2])),
        "root": str(root),  # an editable install points here: a moved checkout must install again
        "extras": sorted(extras),
    }


def read_stamp(path: Path) -> dict[str, object]:
    """The stamp of the last completed set-up; empty where there is none or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def wanted(root: Path, asked: set[str], found: dict[str, object]) -> dict[str, object] | None:
    """The stamp to reach, or None if `found` already covers it. Extras installed before are kept."""
    before = found.get("extras")
    extras = asked | set(before if isinstance(before, list) else [])
    want = stamp(root, extras)
    return None if want == found else want


def bin_dir(venv: Path) -> Path:
    return venv / ("Scripts" if os.name == "nt" else "bin")


def executable(venv: Path, name: str) -> Path:
    return bin_dir(venv) / (f"{name}.exe" if os.name == "nt" else name)


def run(title: str, command: Sequence[str | Path], log: Path, remedy: str) -> None:
    """Run one step, quietly: its output goes to `log`, and its seconds to the screen."""
    start = time.monotonic()
    alive = sys.stdout.isatty()
    print(f"  {title} ...", end="" if alive else "\n", flush=True)
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # set in many containers; here compiled files are the purpose
    with log.open("w", encoding="utf-8") as out:
        step = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = step.wait(timeout=1)
                    break
                if alive:
                    print(f"\r  {title} ... {time.monotonic() - start:.0f} s", end="", flush=True)
        except BaseException:
            step.terminate()
            step.wait()
            raise
    seconds = time.monotonic() - start
    if code != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise SetupError(f"\n\n{tail}\n\nThis step failed after {seconds:.0f} s: {title}\n{remedy}")
    report = f"  {title}: {seconds:.1f} s"
    print("\r" + report.ljust(len(title) + 20) if alive else report, flush=True)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock while installing: two set-ups in one .venv (make lab and make test) would spoil each other."""
    with path.open("w", encoding="utf-8") as lock:
        try:
            import fcntl
        except ImportError:  # Windows: no flock, and few run two there
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("  waiting for another set-up of this folder to end ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file releases the lock, also when the process dies


def check_extras(root: Path, asked: set[str]) -> None:
    """Refuse a name that pyproject.toml does not know: pip would only warn of it."""
    known = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    if unknown := asked - set(known):
        raise SetupError(f"{', '.join(sorted(unknown))}: no such part. The parts are {', '.join(known)}.")


def install(root: Path, asked: set[str]) -> None:
    check_extras(root, asked)
    venv = root / ".venv"
    done, begun = venv / "recsys_lab.json", venv / "recsys_lab.begun"
    if wanted(root, asked, read_stamp(done)) is None:
        return
    state = root / ".recsys_lab"
    state.mkdir(exist_ok=True)
    with alone(state / "setup.lock"):
        want = wanted(root, asked, read_stamp(done))  # again: another set-up may have just ended
        if want is None:
            return
        _install(root, venv, done, begun, want, state / "setup.log")


def _install(root: Path, venv: Path, done: Path, begun: Path, want: dict[str, object], log: Path) -> None:
    start = time.monotonic()
    extras = want["extras"]
    assert isinstance(extras, list)
    print(f"Setting up RecSys Lab in {venv.name} ({', '.join(extras)}). This happens once.", flush=True)
    made_by = (read_stamp(done) or read_stamp(begun)).get("python", want["python"])
    half_made = begun.exists() and not read_stamp(begun)
    if half_made or made_by != want["python"]:
        print("  .venv was left half made, or was made by another Python: starting it anew", flush=True)
        shutil.rmtree(venv)
    python = executable(venv, "python")
    if not python.exists():
        venv.mkdir(exist_ok=True)
        begun.write_text("")
        run(
            "making .venv",
            [sys.executable, "-m", "venv", venv],
            log,
            "Is Python's venv part installed? On Debian and Ubuntu: sudo apt-get install python3-venv",
        )
    done.unlink(missing_ok=True)
    if read_stamp(begun) != want:
        begun.write_text("")
        _packages(root, python, want, log)
        begun.write_text(json.dumps(want, indent=2) + "\n", encoding="utf-8")
    run(
        "fetching MovieLens 100K",
        [executable(venv, "recsys-lab"), "data", "fetch", "ml-100k"],
        log,
        "datasets/README.md says how to place the file by hand. Then run the same command again.",
    )
    run(
        "compiling what lessons use",
        [python, "-c", WARM],
        log,
        "This is an error of the library: please report it, with the lines above.",
    )
    begun.replace(done)
    print(f"Set up in {time.monotonic() - start:.0f} s.", flush=True)


def _packages(root: Path, python: Path, want: dict[str, object], log: Path) -> None:
    extras = want["extras"]
    assert isinstance(extras, list)
    pip = [python, "-m", "pip", "--quiet"]
    run(
        "installing packages (one to three minutes)",
        [
            *pip,
            "install",
            "--no-compile",
            "--constraint",
            root / "constraints.txt",
            "--editable",
            f"{root}[{','.join(extras)}]",
        ],
        log,
        "Check the network and the disk's free space, then run the same command again.",
    )
    run("removing a package that slows Jupyter down", [*pip, "uninstall", "--yes", UNWANTED], log, "Run it again.")


def install_beside(root: Path, name: str) -> None:
    """An environment of its own, .venv-NAME, for what does not go together with the course's packages.

    .ci/NAME.txt lists all that is in it, as pip froze it. So pip is not to resolve anything: docker-compose 1.29, for
    one, asks for a PyYAML that cannot be built any more, and works with today's.
    """
    if os.name == "nt":
        raise SetupError(f"{name} does not run on Windows itself. In WSL it does.")
    venv, listed = root / f".venv-{name}", root / ".ci" / f"{name}.txt"
    done = venv / "recsys_lab.json"
    sources = hashlib.sha256(listed.read_bytes()).hexdigest()
    want = {"sources": sources, "python": ".".join(map(str, sys.version_info[:2])), "root": str(root)}
    if read_stamp(done) == want:
        return
    state = root / ".recsys_lab"
    state.mkdir(exist_ok=True)
    with alone(state / f"{name}.lock"):
        if read_stamp(done) == want:  # another set-up may have just ended
            return
        print(f"Setting up {venv.name}. This happens once.", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        log, python = state / f"{name}-setup.log", executable(venv, "python")
        run(f"making {venv.name}", [sys.executable, "-m", "venv", venv], log, "Is Python's venv part installed?")
        pip = [python, "-m", "pip", "--quiet", "install", "--no-compile", "--no-deps", "--requirement", listed]
        run(f"installing {BESIDE[name]}", pip, log, "Check the network, then run the same command again.")
        done.write_text(json.dumps(want, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    asked = set(arguments) or {"course"}
    try:
        if extras := asked - BESIDE.keys():
            install(ROOT, extras)
        for name in sorted(asked & BESIDE.keys()):
            install_beside(ROOT, name)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again: it starts over where it must.", file=sys.stderr)
        return 130
    return 0
