"""Structured logs: one JSON object a line on the standard error stream."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from pydantic_core import to_json


def logger(level: str) -> Any:
    """A logger of its own: nothing global is configured, as the service may be a guest in another program."""
    stream = sys.stderr if hasattr(sys.stderr, "buffer") else sys.__stderr__  # a notebook's own takes text only
    return structlog.wrap_logger(
        structlog.BytesLogger(stream.buffer if stream else None),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: to_json(event, fallback=str)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    ).bind()


class Forwarded(logging.Handler):
    """Lines of the standard library's logging (uvicorn's) as structured ones."""

    def __init__(self, log: Any):
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)
