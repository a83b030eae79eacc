"""What Prometheus reads of a collector."""

from __future__ import annotations

import time
from collections import Counter as Count

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ingest.collector.limits import Waiting
from ingest.collector.writer import DiskState

_PREFIX = "storehouse_collector"
_FSYNC_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The numbers of one collector, in a registry of its own."""

    def __init__(self, waiting: Waiting) -> None:
        self._registry = CollectorRegistry()
        self._records = self._counter(
            "records", "Records by what became of them", ("source", "entity", "status")
        )
        self._requests = self._counter("requests", "Answered requests with records", ("code",))
        self._of_labels: dict[tuple[str, str, str], Counter] = {}
        self._of_code: dict[int, Counter] = {}
        self._bytes = self._counter("written_bytes", "Bytes written to segments and flushed")
        self._failures = self._counter("disk_failures", "Writes and flushes the disk refused")
        self._sealed = self._counter("sealed_segments", "Segments sealed")
        self._fsync = Histogram(
            f"{_PREFIX}_fsync_seconds",
            "Seconds to write and flush one group of requests",
            buckets=_FSYNC_SECONDS,
            registry=self._registry,
        )
        for name, text, read in (
            ("waiting_bytes", "Bytes of requests not answered yet", lambda: waiting.bytes),
            ("waiting_records", "Records of requests not answered yet", lambda: waiting.records),
        ):
            gauge = Gauge(f"{_PREFIX}_{name}", text, registry=self._registry)
            gauge.set_function(read)

    def watch(self, state: DiskState) -> None:
        """Shows open segments and the time since one was sealed, as `state` tells them."""
        open_segments = Gauge(
            f"{_PREFIX}_open_segments", "Segments not sealed yet", registry=self._registry
        )
        open_segments.set_function(lambda: state.open_segments)
        since_seal = Gauge(
            f"{_PREFIX}_seconds_since_seal",
            "Seconds since a segment was sealed, or since the start",
            registry=self._registry,
        )
        since_seal.set_function(lambda: time.monotonic() - state.sealed_at)

    def answered(self, code: int, source: str, entity: str, statuses: Count[str]) -> None:
        """Counts an answer and the records it tells of."""
        self._count_request(code)
        for status, count in statuses.items():
            labels = (source, entity, status)
            if labels not in self._of_labels:
                self._of_labels[labels] = self._records.labels(*labels)
            self._of_labels[labels].inc(count)

    def refused(self, code: int) -> None:
        """Counts a request of which nothing was read."""
        self._count_request(code)

    def synced(self, seconds: float, size: int) -> None:
        """Counts one group of `size` bytes that is on disk."""
        self._fsync.observe(seconds)
        self._bytes.inc(size)

    def failed(self) -> None:
        """Counts one refusal of the disk."""
        self._failures.inc()

    def sealed(self, count: int) -> None:
        """Counts sealed segments."""
        self._sealed.inc(count)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count_request(self, code: int) -> None:
        if code not in self._of_code:
            self._of_code[code] = self._requests.labels(str(code))
        self._of_code[code].inc()

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self._registry)
