"""What Prometheus reads at /metrics. Each app has a registry of its own, so that two in one process do not meet."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("recsys_requests", "Requests answered.", ["route", "status"], registry=registry)
        self._seconds = Histogram(
            "recsys_request_seconds", "Time to the answer.", ["route"], buckets=_SECONDS, registry=registry
        )
        self.answers = Counter(
            "recsys_answers", "Lists by their source: kept, model, or why not.", ["source"], registry=registry
        )
        self.reloads = Counter(
            "recsys_reloads", "Artefacts that were loaded or refused.", ["result"], registry=registry
        )
        self.model = Gauge(
            "recsys_model_loaded_seconds", "When the model was loaded.", ["which", "version"], registry=registry
        )
        self.events = Counter("recsys_events", "Events by what became of them.", ["result"], registry=registry)
        self._bound: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self.kept = self.answers.labels("kept")

    def count(self, route: str, status: int, seconds: float) -> None:
        # Finding a label's child takes longer than counting: it is done once for each pair.
        bound = self._bound.get((route, status))
        if bound is None:
            bound = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._bound[route, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
