"""What the feature store knows of a user now, asked beside the event loop.

The service is given a function, not a store: it does not care whether Feast, Redis or a table answers. A profile helps to
decide and to look; no list depends on it alone. So where the store fails or is late, the answer is what it would have
been without a store, and the log says so.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

Lookup = Callable[[int], Mapping[str, Any]]


class Profiles:
    """Asks `lookup` for a user's features, one at a time: an online store's connection is used by one thread at once."""

    def __init__(self, lookup: Lookup, seconds: float, log: Any):
        self._lookup, self._seconds, self._log = lookup, seconds, log
        self._lock = threading.Lock()

    async def of(self, user: str) -> dict[str, float | None] | None:
        """Feature -> value, None where a value is not known; None altogether where the store does not answer."""
        if not user.isascii() or not user.isdigit() or len(user) > 18:
            return {}  # the store's users are whole numbers
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._ask, int(user)), self._seconds)
        except Exception:  # a store that is late or broken must not fail a request
            self._log.warning("the feature store did not answer", exc_info=True)
            return None

    def _ask(self, user: int) -> dict[str, float | None]:
        with self._lock:
            found = self._lookup(user)
        return {name: None if value is None or value != value else float(value) for name, value in found.items()}
