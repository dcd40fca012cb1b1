"""The service: a saved model behind a REST API, with its demo page. Needs the extra `serve`.

    from recsys_lab.serve import EventLog, Settings, create_app, run

`recsys-lab serve --model model.npz` runs it. The parts, in the order in which a request meets them:

    gate.py       every request: its id, the API key, the largest body, the log line, the count; answers kept ready
    routes.py     what is asked and what is answered (schemas.py: the shapes; openapi.py: their description)
    holder.py     the model in use: loaded, tried, watched, exchanged in one step (snapshot.py: what it can say)
    pool.py       scoring beside the event loop, with a time limit
    catalogue.py  titles, search, and what is recommended without a model
    events.py     impressions and clicks, stored before they are acknowledged

`running.py` starts the service for as long as a block lasts: for lessons and tests.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recsys_lab.errors import MissingExtraError

if TYPE_CHECKING:
    from recsys_lab.serve.app import create_app
    from recsys_lab.serve.command import run
    from recsys_lab.serve.events import Appended, Event, EventLog
    from recsys_lab.serve.settings import Settings

__all__ = ["Appended", "Event", "EventLog", "Settings", "create_app", "run"]

_HOME = {"create_app": "app", "run": "command", "Settings": "settings"}
_HOME |= {"Appended": "events", "Event": "events", "EventLog": "events"}


def __getattr__(name: str) -> Any:
    """Loaded when asked for: the event log needs SQLAlchemy alone, and the command line's help needs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"recsys_lab.serve.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("recsys_lab"):
            raise
        raise MissingExtraError(f"the service needs {error.name}: pip install 'recsys-lab[serve]'.") from error
