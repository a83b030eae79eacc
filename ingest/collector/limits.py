"""What the collector takes at most: sizes of requests, rates of keys, what waits for the disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from ingest.errors import ConfigError, RequestRefusedError

KIB, MIB = 1024, 1024 * 1024
FULL_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Limits:
    """Limits of one collector, each for the reason its comment says.

    Raises ConfigError when one is not positive.
    """

    body_bytes: int = 5 * MIB  # unzipped; what one request may keep in memory
    records: int = 5_000  # per request; about 50 ms of checks, in which nobody else is served
    record_bytes: int = 64 * KIB
    records_per_second: float = 50_000.0  # per key, on average; one second's may come at once
    waiting_bytes: int = 64 * MIB  # read from clients and not yet on disk
    waiting_records: int = 200_000
    read_seconds: float = 30.0  # for a client to send its body
    window_seconds: float = 0.002  # in which requests gather for one fsync
    seal_seconds: float = 2.0
    seal_bytes: int = 64 * MIB
    least_free_bytes: int = 100 * MIB  # below, /health says 503

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f"The limit {name} is {value}.", "Give a positive number.")


@dataclass
class TokenBucket:
    """A rate in records per second; a full bucket holds one second's.

    A request larger than the bucket passes when it is full, and the debt is waited for after it.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.rate, self.clock()

    def take(self, records: int) -> None:
        """Takes the tokens of a request; raises RequestRefusedError (429) when they are missing."""
        now = self.clock()
        self._tokens = min(self.rate, self._tokens + (now - self._at) * self.rate)
        self._at = now
        missing = min(records, self.rate) - self._tokens
        if missing > 0:
            raise RequestRefusedError(
                429,
                "The key sends more records per second than it may.",
                "Wait as long as Retry-After says, then send the same request again.",
                retry_seconds=missing / self.rate,
            )
        self._tokens -= records


class Waiting:
    """Counts what all requests hold until they are answered, so that memory stays bounded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.bytes = 0
        self.records = 0

    def enter(self) -> Held:
        """What one request holds, given back when it leaves the context."""
        return Held(self, self._limits)


@dataclass
class Held:
    """The share of one request; use as a context manager."""

    total: Waiting
    limits: Limits
    bytes: int = 0
    records: int = 0

    def add_bytes(self, count: int) -> None:
        """Raises RequestRefusedError (429) when too many bytes would wait."""
        if self.total.bytes + count > max(self.limits.waiting_bytes, self.limits.body_bytes):
            raise _overload()
        self.total.bytes += count
        self.bytes += count

    def add_records(self, count: int) -> None:
        """Raises RequestRefusedError (429) when too many records would wait."""
        if self.total.records + count > max(self.limits.waiting_records, self.limits.records):
            raise _overload()
        self.total.records += count
        self.records += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.total.bytes -= self.bytes
        self.total.records -= self.records


def retry_after(seconds: float) -> str:
    """The wait as the header tells it: whole seconds, at least 1."""
    return str(max(1, math.ceil(seconds)))


def _overload() -> RequestRefusedError:
    return RequestRefusedError(
        429,
        "More is waiting for the disk than the collector may keep.",
        "Wait as long as Retry-After says, then send the same request again.",
        retry_seconds=FULL_RETRY_SECONDS,
    )
