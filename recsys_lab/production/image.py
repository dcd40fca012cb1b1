"""The folder's image, really built, and its container, really asked; without Docker, a registry or rights over others.

buildah follows the Dockerfile with chroot as its isolation: it needs to be root, and neither a daemon nor cgroups. Where
no registry can be reached, a minimal Debian with Python, from Debian's packages, stands in for the base image. So this
proves the steps, the rights and the answers; it proves nothing of the real base, of limits, or of a network of its own.

It takes minutes, gigabytes while it runs, and leaves nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from recsys_lab import datasets
from recsys_lab.errors import DataError, MissingDataError, MissingExtraError
from recsys_lab.production import starting

NEEDED = ("buildah", "debootstrap")
_STAND_IN, _IMAGE, _CONTAINER = "localhost/stand-in", "localhost/recsys-lab", "recsys-lab"
# What may change below the root: /tmp; the rest is made or mounted by buildah. /data and /events are volumes.
_WRITABLE = ("tmp/", "run/", "proc/", "sys/", "dev/", "etc/hosts", "etc/resolv.conf")


class Built(NamedTuple):
    """What was found. base : what stood for the base image. version : of the model that answered. uid : as which the
    service runs. healthy : the image's own health check passed. strange : files that it wrote where it should not."""

    base: str
    version: str
    uid: int
    healthy: bool
    strange: list[str]
    seconds: float


def missing() -> str | None:
    """Why no image can be built here, and what brings what is missing; None where one can."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"{' and '.join(absent)} not found: sudo apt-get install {' '.join(NEEDED)}"
    return None if os.geteuid() == 0 else "building by chroot needs root: run it with sudo, or in a container"


def verify(folder: Path, base: str | None = None) -> Built:
    """Build the image with its model in it, start its container on loopback, ask it, look what it wrote.

    Parameters
    ----------
    folder : as `recsys-lab ship new` wrote it, with a model.
    base : the base image, such as that of the Dockerfile; None: the stand-in.

    Raises MissingExtraError where buildah is not here, MissingDataError where the folder has no model, DataError with the
    last lines of the step that failed.
    """
    if why := missing():
        raise MissingExtraError(f"{why}.")
    artefact = folder / "models" / "champion.npz"
    if not artefact.is_file():
        raise MissingDataError(f"{folder} has no model to build an image with: recsys-lab ship new --model FILE.")
    started = time.monotonic()
    with _storage() as (place, buildah):
        if base is None:
            _stand_in(place, buildah)
        _build(folder, place, buildah, base or _STAND_IN)
        _run([*buildah, "from", "--name", _CONTAINER, _IMAGE])
        root = Path(_run([*buildah, "mount", _CONTAINER]).strip())
        before = time.time()
        container = [*buildah, "run", "--isolation", "chroot", *_volumes(place), _CONTAINER, "--"]
        server = [*container, *_command(buildah)]
        with starting.serving(server, folder, os.environ) as address:
            version = starting.ask(address, artefact)
            uid = int(_run([*container, "id", "-u"]))
            healthy = _healthy(buildah, container, address)
        strange = [str(path.relative_to(root)) for path in _written(root, before)]
    return Built(base or f"stand-in, {_SUITE}", version, uid, healthy, strange, time.monotonic() - started)


# ---------------------------------------------------------------------- the steps
_SUITE = "bookworm"  # its Python is 3.11, as the Dockerfile's base


@contextmanager
def _storage() -> Iterator[tuple[Path, list[str]]]:
    """A place for images of its own, and the command that uses it."""
    place = Path(tempfile.mkdtemp(prefix="recsys-lab-image-", dir="/var/tmp"))  # /tmp may be memory
    place.chmod(0o755)
    command = ["buildah", "--root", str(place / "images"), "--runroot", str(place / "run"), "--storage-driver", "vfs"]
    try:
        yield place, command
    finally:
        with suppress(DataError):
            _run([*command, "rm", "--all"])  # what it mounted is in the way of what follows
        _remove(place)


def _stand_in(place: Path, buildah: list[str]) -> None:
    packages = "python3,python3-venv,ca-certificates"
    _run(["debootstrap", "--variant=minbase", f"--include={packages}", _SUITE, str(place / "debian")])
    scratch = _run([*buildah, "from", "scratch"]).strip()
    _run([*buildah, "add", "--quiet", scratch, str(place / "debian"), "/"])
    _run([*buildah, "commit", "--quiet", scratch, _STAND_IN])
    _run([*buildah, "rm", scratch])
    _remove(place / "debian")


def _remove(folder: Path) -> None:
    # Interrupted, debootstrap and buildah may leave mounts of this machine's /dev, /proc and /sys: never go into them.
    _run(["rm", "--recursive", "--force", "--one-file-system", str(folder)])


def _build(folder: Path, place: Path, buildah: list[str], base: str) -> None:
    # A mirror or a certificate of this machine reaches pip by a file that is only there while the image is built: a
    # build argument or a variable would stay in the image.
    config = place / "pip.conf"
    told = {name: os.environ.get(f"PIP_{name.upper().replace('-', '_')}") for name in ("index-url", "cert")}
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in told.items() if value))
    certificates = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"] if Path("/etc/ssl/certs").is_dir() else []
    options = ["--isolation", "chroot", "--format", "docker", "--target", "with-model", "--build-arg", f"BASE={base}"]
    options += ["--volume", f"{config}:/etc/pip.conf:ro", *certificates, "--tag", _IMAGE]
    _run([*buildah, "bud", *options, str(folder)])


def _volumes(place: Path) -> list[str]:
    """The data set, and an empty folder for the events that belongs to the service's user."""
    events, data = place / "events", place / "data"
    events.mkdir()
    os.chown(events, 10001, 10001)
    tables = datasets.path("ml-100k")
    (data / tables.parent.name).mkdir(parents=True)
    shutil.copy(tables, data / tables.parent.name)
    return ["--volume", f"{events}:/events", "--volume", f"{data}:/data:ro"]


def _command(buildah: list[str]) -> list[str]:
    """What the image starts, kept to loopback: chroot shares this machine's network."""
    config = _config(buildah)
    command = [*config["Entrypoint"], *config["Cmd"]]
    for option, value in (("--host", "127.0.0.1"), ("--port", "0")):
        command[command.index(option) + 1] = value
    return command


def _healthy(buildah: list[str], container: Sequence[str], address: str) -> bool:
    kind, *command = _config(buildah)["Healthcheck"]["Test"]
    if kind != "CMD":
        raise DataError(f"the health check is of kind {kind}: write it as a list, so that it needs no shell.")
    here = [part.replace("http://127.0.0.1:8000", address) for part in command]
    return subprocess.run([*container, *here], capture_output=True, timeout=60).returncode == 0


def _config(buildah: list[str]) -> dict[str, Any]:
    return json.loads(_run([*buildah, "inspect", "--type", "image", _IMAGE]))["Docker"]["config"]


def _written(root: Path, since: float) -> Iterator[Path]:
    """The files below root that were made or changed since then, where a read-only root would have refused it."""
    for path in root.rglob("*"):
        below = path.relative_to(root).as_posix()
        if not below.startswith(_WRITABLE) and not path.is_dir() and path.lstat().st_ctime > since:
            yield path


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise DataError(f"{' '.join(command[:1])} failed:\n{said}")
    return done.stdout
