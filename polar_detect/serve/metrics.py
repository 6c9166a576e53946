"""Counters of a service for Prometheus; none of them holds a text."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from polar_detect.serve.batching import Batcher, BatchRecord
from polar_detect.serve.stream import Stream

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # resident memory, processor time, open files
        self._requests = Counter(
            "polar_requests", "Requests by path and status.", ("path", "status"), registry=registry
        )
        self._seconds = Histogram(
            "polar_request_seconds",
            "Time from request to answer.",
            ("path",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._texts = Counter(
            "polar_texts", "Texts answered, by path.", ("path",), registry=registry
        )
        self._flagged = Counter("polar_flagged_texts", "Texts flagged.", registry=registry)
        self._batch_texts = Histogram(
            "polar_batch_texts", "Distinct texts per batch.", buckets=_TEXTS, registry=registry
        )
        self._batch_seconds = Histogram(
            "polar_batch_seconds", "Time per batch.", buckets=_SECONDS, registry=registry
        )
        self._waiting = Gauge(
            "polar_waiting_texts", "Texts that wait for the model.", registry=registry
        )

    def watch(self, batcher: Batcher) -> None:
        """Count the texts that wait in `batcher`, whenever the metrics are asked for."""
        self._waiting.set_function(lambda: batcher.n_waiting)

    def follow(self, stream: Stream) -> None:
        """Say whether texts have changed, whenever the metrics are asked for."""
        for name, what, asked in (
            ("polar_drift_p_value", "Chance of ever seeing as much without a change.", "p_value"),
            ("polar_drift_changed", "1 where texts have changed since the start.", "is_changed"),
        ):
            gauge = Gauge(name, what, registry=self.registry)
            gauge.set_function(lambda asked=asked: float(getattr(stream.change, asked)))  # type: ignore[misc]

    def record_batch(self, record: BatchRecord) -> None:
        """Count one call of the model."""
        self._batch_texts.observe(record.n_texts)
        self._batch_seconds.observe(record.seconds)

    def record_request(self, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def record_texts(self, path: str, n_texts: int, n_flagged: int) -> None:
        """Count answered texts."""
        self._texts.labels(path).inc(n_texts)
        self._flagged.inc(n_flagged)

    def render(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self.registry)
