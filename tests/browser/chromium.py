"""The browser that these tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Without a sandbox because containers run as root; no call home of any kind; a fresh profile is Playwright's habit.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


def chromium() -> str:
    """The system's Chromium; without one the test is skipped, and says how to get it."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium here. Debian and Ubuntu: sudo apt-get install chromium; then run this again")


def look(page, name: str) -> None:
    """Keep a picture, where someone asked for pictures: RECSYS_LAB_SCREENSHOTS=folder."""
    if folder := os.environ.get("RECSYS_LAB_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
