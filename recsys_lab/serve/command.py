"""`recsys-lab serve`: one process that answers until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys_lab.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from recsys_lab.serve.profiles import Lookup

_GRACE = 10  # seconds that requests under way have to end when the service is told to stop
# Seconds that a thread may keep others waiting for the interpreter. With Python's 5 ms, each answer would wait so long
# while a new model is loaded: a third fewer requests a second, and twice the p99 (benchmarks/serving).
_SWITCH = 0.0005


def register(app: typer.Typer, lookup_in: Callable[[Path], Lookup]) -> None:
    """Add the command. `lookup_in` opens a folder of features: the service itself knows no feature store."""

    @app.command(rich_help_panel="Run it")
    def serve(
        model: Annotated[
            Path | None, typer.Option("--model", "-m", help="A model that `recsys-lab save` wrote.")
        ] = None,
        train: Annotated[
            str | None,
            typer.Option(metavar="NAME", help="Where there is no such file: fit this model and save it there."),
        ] = None,
        challenger: Annotated[
            Path | None, typer.Option(help="Another such file, to compare: which=challenger.")
        ] = None,
        features: Annotated[
            Path | None, typer.Option(metavar="DIR", help="A Feast repository of this course: what is known of users.")
        ] = None,
        min_ratings: Annotated[
            int | None, typer.Option(min=0, help="Users with fewer ratings, by --features, get what is popular.")
        ] = None,
        data: Annotated[str | None, typer.Option(help="The data set with the titles, such as ml-100k.")] = None,
        events: Annotated[str | None, typer.Option(metavar="URL", help="Where clicks go, as a SQLAlchemy URL.")] = None,
        host: Annotated[str, typer.Option(help="127.0.0.1: this machine only.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    ) -> None:
        """Serve a model: REST API and demo page. It starts without one, too, and takes each new one up by itself.

        What is not given is read from RECSYS_LAB_SERVE_MODEL, _DATA, _EVENTS, _API_KEY, _TIMEOUT_MS and so on. One
        process: for more, run several. Ctrl-C or SIGTERM: requests under way end first.
        """
        from recsys_lab.serve import Settings, create_app

        settings = Settings.from_environment(
            model=model, challenger=challenger, data=data, events=events, features=features, min_ratings=min_ratings
        )
        lookup = lookup_in(settings.features) if settings.features else None
        if train is not None and not settings.model.exists():
            _fit(train, settings.data, settings.model)
        with contextlib.closing(_listening(host, port)) as listening:
            _run(create_app(settings, lookup), listening)


def run(app: Any, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve an app of your own as the command does: it prints its address when it is ready, and ends when told to.

    port : 0 for any that is free. Raises DataError where it is taken.
    """
    with contextlib.closing(_listening(host, port)) as listening:
        _run(app, listening)


def _fit(name: str, data: str, path: Path) -> None:
    from recsys_lab import datasets, registry, storage
    from recsys_lab.ratings import Ratings

    model = registry.make(name)
    dataset = datasets.load(data)
    storage.save(model.fit(Ratings.from_frame(dataset.ratings, scale=dataset.scale), dataset.items), path)
    print(f"{path}: {model!r}, fitted on {data}.", flush=True)


def _listening(host: str, port: int) -> socket.socket:
    """A socket of this address. Raises DataError where it cannot be had, before anything is loaded."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise DataError(
            f"cannot listen at {host}:{port} ({error.strerror or error}): choose another --port."
        ) from error
    return listening


def _run(app: Any, listening: socket.socket) -> None:
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise MissingExtraError("the service needs uvicorn: pip install 'recsys-lab[serve]'.") from error

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            host, port = listening.getsockname()[:2]
            print(f"http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)

    from recsys_lab.serve.logs import Forwarded, logger

    sys.setswitchinterval(_SWITCH)
    logging.getLogger("uvicorn").addHandler(Forwarded(logger("info")))
    config = uvicorn.Config(
        app, access_log=False, log_config=None, server_header=False, timeout_graceful_shutdown=_GRACE
    )
    Server(config).run(sockets=[listening])
