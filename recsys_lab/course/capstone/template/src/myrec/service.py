"""The service and its demo page: the library's own, set up for this project. Put an app of your own here if you like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_lab.serve import Settings
from recsys_lab.serve import create_app as library_app

from myrec import data

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(model_path: str, events_url: str) -> FastAPI:
    """An app with the artefact at this path, which may come later, change or vanish; clicks go to this SQLAlchemy URL."""
    return library_app(Settings.from_environment(model=model_path, events=events_url, data=data.NAME))
