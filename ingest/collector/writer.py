"""Writes what requests bring to segments, one fsync for all that wait, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.collector.limits import Limits
from ingest.collector.segments import Segment, recover
from ingest.errors import RequestRefusedError

logger = logging.getLogger(__name__)

RECOVER_SECONDS = 30.0  # how often segments of collectors that died meanwhile are looked for
RETRY_SECONDS = 1.0
Stream = tuple[str, str]  # source, stem of its files


class Observer(Protocol):
    """Who is told what the disk did."""

    def synced(self, seconds: float, size: int) -> None: ...

    def failed(self) -> None: ...

    def sealed(self, count: int) -> None: ...


@dataclass
class _Pending:
    stream: Stream
    data: bytes
    done: asyncio.Future[None]


@dataclass
class DiskState:
    """What is known of the disk; times are those of time.monotonic."""

    synced_at: float
    sealed_at: float
    failed_at: float | None = None
    open_segments: int = 0
    waiting_since: float | None = None


class GroupWriter:
    """Appends lines to the open segment of each stream and seals it when it is due.

    `append` is called on an event loop; everything else happens in the thread.
    """

    def __init__(self, zone: Path, limits: Limits, observer: Observer) -> None:
        self._zone = zone
        self._limits = limits
        self._observer = observer
        self._changed = threading.Condition()
        self._waiting: list[_Pending] = []
        self._is_closing = False
        self._open: dict[Stream, Segment] = {}
        self._leaving: list[Segment] = []  # cut and sealed as soon as the disk takes it
        self._recover_at = 0.0
        now = time.monotonic()
        self.state = DiskState(synced_at=now, sealed_at=now)
        self._thread = threading.Thread(target=self._run, name="segments", daemon=True)

    def start(self) -> None:
        """Seals what dead processes left, then takes records; raises OSError."""
        self._zone.mkdir(parents=True, exist_ok=True)
        self._recover()
        self._thread.start()

    async def append(self, stream: Stream, data: bytes) -> None:
        """Returns when the lines are on disk; raises RequestRefusedError (503) if they are not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._is_closing or not self._thread.is_alive():
                raise _refused_by_disk()
            if not self._waiting:
                self.state.waiting_since = time.monotonic()
            self._waiting.append(_Pending(stream, data, done))
            if len(self._waiting) == 1:
                self._changed.notify()
        await done

    def close(self) -> None:
        """Writes and seals everything; what the disk does not take waits for the next start."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        batch: list[_Pending] = []
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._waiting or self._is_closing, self._seconds_to_next_task()
                    )
                if self._waiting and not self._is_closing:
                    time.sleep(self._limits.window_seconds)
                with self._changed:
                    batch, self._waiting = self._waiting, []
                    is_last = self._is_closing
                self._write(batch)
                self._seal_due(everything=is_last)
                if is_last:
                    return
        finally:  # also of a fault: nobody waits for a thread that is gone
            with self._changed:
                batch += self._waiting
                self._waiting, self._is_closing = [], True
            _settle(batch, failed=True)

    def _seconds_to_next_task(self) -> float:
        now = time.monotonic()
        due = [segment.opened_at + self._limits.seal_seconds for segment in self._open.values()]
        if self._leaving:
            due.append(now + RETRY_SECONDS)
        return max(0.0, min([self._recover_at, *due]) - now)

    def _write(self, batch: list[_Pending]) -> None:
        by_stream: dict[Stream, list[_Pending]] = {}
        for pending in batch:
            by_stream.setdefault(pending.stream, []).append(pending)
        for stream, group in by_stream.items():
            _settle(group, failed=not self._append(stream, [pending.data for pending in group]))
        with self._changed:
            self.state.waiting_since = time.monotonic() if self._waiting else None

    def _append(self, stream: Stream, lines: list[bytes]) -> bool:
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        began = time.monotonic()
        try:
            if stream not in self._open:
                source, stem = stream
                self._open[stream] = Segment.create(self._zone / source, stem)
            self._open[stream].append(data)
        except OSError as error:
            logger.error("Records cannot be written: %s.", error.strerror)
            self.state.failed_at = time.monotonic()
            self._observer.failed()
            if segment := self._open.pop(stream, None):
                self._leave(segment)
            return False
        now = time.monotonic()
        self.state.synced_at = now
        self._observer.synced(now - began, len(data))
        return True

    def _seal_due(self, *, everything: bool) -> None:
        now = time.monotonic()
        for stream, segment in list(self._open.items()):
            is_old = now - segment.opened_at >= self._limits.seal_seconds
            if everything or is_old or segment.size >= self._limits.seal_bytes:
                del self._open[stream]
                self._leave(segment)
        retried, self._leaving = self._leaving, []
        for segment in retried:
            self._leave(segment)
        self.state.open_segments = len(self._open) + len(self._leaving)
        if now >= self._recover_at:
            self._recover()

    def _leave(self, segment: Segment) -> None:
        """Seals a segment without what was not acknowledged, now or when the disk allows it."""
        try:
            segment.cut()
            segment.seal()
        except OSError as error:
            logger.error("A segment cannot be sealed yet: %s.", error.strerror)
            self.state.failed_at = time.monotonic()
            self._leaving.append(segment)
            return
        self.state.sealed_at = time.monotonic()
        self._observer.sealed(1)

    def _recover(self) -> None:
        self._recover_at = time.monotonic() + RECOVER_SECONDS
        if count := len(recover(self._zone)):
            logger.warning("Sealed %d segments that another collector left.", count)
            self._observer.sealed(count)


def _settle(batch: Iterable[_Pending], *, failed: bool) -> None:
    """Wakes the requests, those of one event loop by one call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for pending in batch:
        by_loop.setdefault(pending.done.get_loop(), []).append(pending.done)
    for loop, futures in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_finish, futures, failed)


def _finish(futures: list[asyncio.Future[None]], failed: bool) -> None:
    for done in futures:
        if done.done():  # the request was given up
            continue
        if failed:
            done.set_exception(_refused_by_disk())
        else:
            done.set_result(None)


def _refused_by_disk() -> RequestRefusedError:
    return RequestRefusedError(
        503,
        "The records could not be written to disk; none was taken.",
        "Send the same request again later.",
        retry_seconds=RETRY_SECONDS,
    )
