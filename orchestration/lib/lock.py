"""One lock around the warehouse file: the second who wants it waits and is told who holds it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from ingest.errors import LockedError
from ingest.home import Home


@contextmanager
def warehouse_lock(
    home: Home,
    holder: str,
    *,
    timeout_seconds: float = -1,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Holds the warehouse for `holder`; re-entrant within a process.

    Waits for `timeout_seconds` (negative: for ever) after telling `on_wait` who holds it; raises
    LockedError when the time is up. The operating system frees the lock of a process that dies.
    """
    home.locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.locks / "warehouse.lock", is_singleton=True)
    note = home.locks / "warehouse.holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        held_by = _describe(note.read_text(encoding="utf-8") if note.exists() else "")
        if on_wait:
            on_wait(held_by)
        try:
            lock.acquire(timeout=timeout_seconds)
        except Timeout as error:
            raise LockedError(
                f"The warehouse is in use by {held_by}.", "Wait for it to end, or end it."
            ) from error
    try:
        if lock.lock_counter == 1:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            note.write_text(
                json.dumps({"holder": holder, "pid": os.getpid(), "since": now}), encoding="utf-8"
            )
        yield
    finally:
        lock.release()


def _describe(note: str) -> str:
    try:
        holder = json.loads(note)
        return f"{holder['holder']} (process {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError):
        return "another process"
