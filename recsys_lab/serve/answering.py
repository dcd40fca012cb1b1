"""From a question to a rendered answer: the model's list where there is one in time, else what is popular, and said so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic_core import to_json

from recsys_lab.errors import UnsupportedError
from recsys_lab.reasons import Reason
from recsys_lab.serve.catalogue import Catalogue
from recsys_lab.serve.metrics import Metrics
from recsys_lab.serve.pool import Pool, TooSlow
from recsys_lab.serve.settings import Settings
from recsys_lab.serve.snapshot import Listed, Snapshot, told

Instead = tuple[list[Any], list[float]]
Key = tuple[str, bytes]


class Question(NamedTuple):
    """What is asked of a snapshot, and what is answered without it.

    score : the list. instead : items and scores without the model. why : the list's reasons; None: they are not asked for.
    ready : the list, where it is known already. more : what else the answer says. key : under which it is kept; None: it
    is not.
    """

    score: Callable[[Snapshot], Listed]
    instead: Callable[[], Instead]
    why: Callable[[Snapshot, Listed], list[list[Reason]]] | None = None
    ready: Listed | None = None
    more: dict[str, Any] = {}
    key: Key | None = None


class Answering:
    """Asks the model within its time. One a service."""

    def __init__(self, settings: Settings, catalogue: Catalogue, metrics: Metrics, log: Any):
        self.pool = Pool(settings.threads, settings.waiting)
        self._seconds = settings.timeout_ms / 1000
        self._catalogue, self._metrics, self._log = catalogue, metrics, log

    async def answer(
        self, snapshot: Snapshot | None, question: Question, why_not: str | None, log_line: dict[str, Any]
    ) -> bytes:
        """The answer without its request id. `why_not` says why the model need not be asked; None: it is."""
        until = asyncio.get_running_loop().time() + self._seconds
        listed, found = question.ready, None
        if snapshot is None:
            why_not = "no-model"
        elif why_not is None and listed is None:
            listed, why_not = await self._listed(snapshot, question, until)
        if snapshot is not None and listed is not None and question.why is not None:
            why = question.why
            found = await self._reasons(lambda: why(snapshot, listed), until)
        body = self._render(snapshot, question, listed, found, why_not)
        complete = listed is not None and (question.why is None or found is not None)
        if complete and snapshot is not None and question.key is not None:
            snapshot.answers.put(question.key, body)
        source = why_not or "model"
        self._metrics.answers.labels(source).inc()
        log_line |= {"source": source, "model": snapshot and snapshot.version}
        return body

    async def _listed(self, snapshot: Snapshot, question: Question, until: float) -> tuple[Listed | None, str | None]:
        def late(listed: Listed) -> None:
            if question.key is not None and question.why is None:
                snapshot.answers.put(question.key, self._render(snapshot, question, listed, None, None))

        try:
            return await self.pool.run(lambda: question.score(snapshot), until, late), None
        except TooSlow:
            return None, "model-slow"
        except UnsupportedError:
            return None, "unsupported"
        except Exception:
            self._log.error("the model failed", model=snapshot.version, exc_info=True)
            return None, "model-error"

    async def _reasons(self, why: Callable[[], list[list[Reason]]], until: float) -> list[list[Reason]] | None:
        """The reasons, None where they are not found in time: the list is worth more than they are."""
        try:
            return await self.pool.run(why, until)
        except TooSlow:
            return None
        except Exception:
            self._log.error("the model failed to explain", exc_info=True)
            return None

    def _render(
        self,
        snapshot: Snapshot | None,
        question: Question,
        listed: Listed | None,
        found: list[list[Reason]] | None,
        why_not: str | None,
    ) -> bytes:
        items, scores = question.instead() if listed is None else (listed.items, listed.scores)
        titles = self._catalogue.titles
        rows = [
            {
                "item": item,
                "title": titles.get(item, str(item)),
                "score": score,
                "rank": rank,
                "reasons": None if found is None else told(found[rank - 1], titles),
            }
            for rank, (item, score) in enumerate(zip(items, scores), 1)
        ]
        head = {"model": snapshot and snapshot.version, "fallback": why_not is not None, "fallback_reason": why_not}
        return to_json({**head, **question.more, "items": rows}, inf_nan_mode="null")
