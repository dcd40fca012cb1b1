"""What a scoring works with: a copy of the project in a clean environment, installed, trained, asked for lists.

The environment is a new one (`python -m venv`), in which the course's packages can be imported because a .pth file names
their folder, and the course's library because PYTHONPATH does; nothing is downloaded. HOME is empty, the working folder
too, and of the caller's variables none is passed on but PATH and what Windows needs. What is made once is kept: each check
asks for what it needs, and the first one that does so pays.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from recsys_lab.course.capstone.subjects import Subject, subject
from recsys_lab.course.lessons import home
from recsys_lab.course.projects.lists import N
from recsys_lab.course.projects.running import environment
from recsys_lab.errors import DataError, MissingDataError
from recsys_lab.fetch import data_home

T = TypeVar("T")
LIMIT = 180.0  # seconds that a command may take, then it is ended
# What is made by commands, and what is no part of the project: a clean environment does not have it.
MADE = ("*.npz", "*.pkl", "*.pickle", "*.joblib", "*.db", "*.pyc", "*.egg-info", "*cache*", "shelf", "build", "dist")
FOREIGN = (".git", ".venv", "venv", "env", "node_modules")
# What commands are told of the grader's own environment: threads, seeds, and what Windows needs.
_PASSED = (
    *("PYTHONHASHSEED", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MPLBACKEND"),
    *("RECSYS_LAB_PROGRESS", "SYSTEMROOT", "COMSPEC", "PATHEXT", "NUMBA_CACHE_DIR"),
)


class Lost(Exception):
    """A check has found what costs points; the message is what the learner reads. `points` are those that remain."""

    def __init__(self, why: str, points: int = 0):
        super().__init__(why)
        self.points = points


class Ran(NamedTuple):
    """What a command came to: its exit code (None: it was ended), and what it said on both streams."""

    code: int | None
    said: str

    def demand(self, what: str) -> Ran:
        """Itself, where it ended with 0. Raises Lost, with the last words, where not."""
        if self.code == 0:
            return self
        how = f"was still running after {LIMIT:.0f} s" if self.code is None else f"ended with code {self.code}"
        last = next((line.strip() for line in reversed(self.said.splitlines()) if line.strip()), "it said nothing")
        raise Lost(f"{what} {how}: {last[:300]}")


def once(make: Callable[..., T]) -> Callable[..., T]:
    """Of a function whose first argument is a Bench: called once a bench; what it raises as Lost is raised again."""

    @functools.wraps(make)
    def kept(bench: Bench, *arguments: Any, **named: Any) -> T:
        key = (make, arguments, tuple(named.items()))
        if key not in bench.kept:
            try:
                bench.kept[key] = make(bench, *arguments, **named)
            except Lost as lost:
                bench.kept[key] = lost
        if isinstance(bench.kept[key], Lost):
            raise bench.kept[key]
        return bench.kept[key]

    return kept


class Bench:
    """One scoring of one project, in a folder that is thrown away.

    Parameters
    ----------
    folder : the learner's; it is read, never written to. place : an empty folder. seed : of the cut.

    Attributes
    ----------
    work : the copy; source : the folder in it that holds the package. project, package : names, by pyproject.toml.
    train, hidden : the cut. kept : what was made once (see `once`).

    Raises MissingDataError or DataError where the folder holds no project of the kind that `capstone new` writes.
    """

    def __init__(self, folder: Path, place: Path, seed: int):
        self.original, self.place, self.seed = folder, place, seed
        self.kept: dict[Any, Any] = {}
        self.declared = pyproject(folder)
        self.project = self.declared["project"]["name"]
        settings = self.declared.get("tool", {}).get("recsys-lab", {}).get("capstone", {})
        self.subject: Subject = subject(settings.get("data", "movies"))
        self.work = self.copy("work")
        self.package, self.source = package_in(self.work, self.project, shown=folder)
        self.elsewhere = place / "elsewhere"  # where commands run: what they need must be installed, not lie around
        for new in (self.elsewhere, place / "home", place / "made"):
            new.mkdir()

    def copy(self, name: str) -> Path:
        """A copy of the project as a clone would have it: without what its commands make."""
        target = self.place / name
        shutil.copytree(self.original, target, ignore=shutil.ignore_patterns(*MADE, *FOREIGN))
        return target

    # ------------------------------------------------------------------ commands
    def variables(self, hash_seed: int = 0, path: Sequence[Path] = ()) -> dict[str, str]:
        """The environment of every command. path : folders in which modules are looked for first."""
        ours, own = environment(hash_seed), str(self.place / "home")
        return {name: ours[name] for name in _PASSED if name in ours} | {
            "PATH": os.pathsep.join([str(Path(self.python).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(map(str, [*path, Path(__file__).resolve().parents[3]])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # but those that the project declares: checks/declared.py
            **dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMP", "TEMP", "TMPDIR"), own),
            "LANG": "C.UTF-8",
            "RECSYS_LAB_HOME": str(home()),
            "RECSYS_LAB_DATA": str(data_home().resolve()),
            "RECSYS_LAB_SERVE_TIMEOUT_MS": "30000",  # on a busy machine a sound model is late, too
            "RECSYS_LAB_PROJECT_PATIENCE": "90",
        }

    def run(self, *command: object, hash_seed: int = 0, where: Path | None = None, path: Sequence[Path] = ()) -> Ran:
        """Run the clean environment's Python with these arguments."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(
                [self.python, *map(str, command)],
                cwd=where or self.elsewhere,
                env=self.variables(hash_seed, path),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
            output.seek(0)
            return Ran(code, output.read())

    def project_command(self, name: str, *arguments: object, **options: Any) -> Ran:
        """`python -m PACKAGE name ...` of the installed project. Raises Lost where it fails."""
        self.installed  # noqa: B018  made here, if no check has asked for it yet
        return self.run("-m", self.package, name, *arguments, **options).demand(f"`python -m {self.package} {name}`")

    # ------------------------------------------------------------------ what is made once
    @property
    @once
    def python(self) -> str:
        """The interpreter of a new environment that sees the course's packages."""
        clean = self.place / "clean"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clean)], check=True, capture_output=True)
        python = str(clean / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        asked = [python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        own = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        # A path in a .pth file is added as it is: .pth files that lie there are not read, so that what somebody has
        # installed in editable form is not found.
        course = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        (Path(own) / "course.pth").write_text("".join(f"{path}\n" for path in course), encoding="utf-8")
        return python

    @property
    @once
    def installed(self) -> bool:
        """True. Raises Lost where pip cannot install the copy."""
        options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
        self.run("-m", "pip", "install", *options, self.work).demand("`pip install`")
        return True

    @property
    @once
    def _cut(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return self.subject.cut(self.seed)

    @property
    def train(self) -> pd.DataFrame:
        return self._cut[0]

    @property
    def hidden(self) -> pd.DataFrame:
        return self._cut[1]

    @property
    @once
    def rows(self) -> Path:
        """The training part as a CSV."""
        path = self.place / "train.csv"
        self.train.to_csv(path, index=False)
        return path

    @property
    @once
    def artefact(self) -> Path:
        """The file that `train` wrote from the training part. Raises Lost where there is none."""
        path = self.place / "made" / "model.npz"
        self.project_command("train", "--data", self.rows, "--out", path)
        if not path.is_file():
            raise Lost(f"`python -m {self.package} train` ended well, but wrote no file where --out says.")
        return path

    @property
    @once
    def lists(self) -> pd.DataFrame:
        """What `recommend` says to every user of the hidden part: columns user, item, rank."""
        users, out = self.place / "users.csv", self.place / "lists.csv"
        self.hidden[["user"]].drop_duplicates().sort_values("user").to_csv(users, index=False)
        self.project_command("recommend", "--model", self.artefact, "--users", users, "--n", N, "--out", out)
        try:
            found = pd.read_csv(out)
        except (OSError, ValueError) as error:
            raise Lost(f"`recommend` wrote no CSV where --out says: {error}") from error
        if missing := {"user", "item", "rank"} - set(found):
            raise Lost(f"what `recommend` wrote has no column {min(missing)}: it needs user, item and rank.")
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, and what it started and left behind."""
    if os.name != "nt":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def package_in(folder: Path, project: str, shown: Path | None = None) -> tuple[str, Path]:
    """(the package's name, the folder that holds it) of a project in this folder.

    Raises DataError where there is none; shown : what the message calls the folder, if it is a copy.
    """
    package = re.sub(r"[-.]+", "_", project)
    for source in (folder / "src", folder):
        if (source / package).is_dir():
            return package, source
    raise DataError(f"{shown or folder}: there is no package {package}, neither in src/ nor beside pyproject.toml.")


def pyproject(folder: Path) -> dict[str, Any]:
    """The project's declaration. Raises MissingDataError or DataError where the folder holds none."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        raise MissingDataError(
            f"there is no pyproject.toml in {folder}: `recsys-lab capstone new DIR` writes a project."
        )
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(found.get("project", {}).get("name"), str):
        raise DataError(f"{path}: the table [project] has no name.")
    return found
