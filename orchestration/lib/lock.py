"""One lock around the warehouse file: the second who wants it waits and is told who holds it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ingest.errors import LockedError, StorehouseError
from ingest.home import Home


@contextmanager
def warehouse_lock(
    home: Home,
    holder: str,
    *,
    timeout_seconds: float = -1,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Holds the warehouse for `holder`; re-entrant within a thread.

    Waits for `timeout_seconds` (negative: for ever) after telling `on_wait` who holds it; raises
    LockedError when the time is up. The operating system frees the lock of a process that dies.
    """
    note = home.locks / "warehouse.holder.json"
    lock = FileLock(home.locks / "warehouse.lock", is_singleton=True)
    try:
        home.locks.mkdir(parents=True, exist_ok=True)
        _acquire(lock, note, timeout_seconds, on_wait)
    except OSError as error:
        raise StorehouseError(
            f"The lock of the warehouse cannot be taken ({error}).",
            f"Check free space and the permissions of {home.locks}.",
        ) from error
    try:
        if lock.lock_counter == 1:
            _write_note(note, holder)
        yield
    finally:
        if lock.lock_counter == 1:
            note.unlink(missing_ok=True)
        lock.release()


def _acquire(
    lock: FileLock, note: Path, timeout_seconds: float, on_wait: Callable[[str], None] | None
) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        held_by = _describe(note)
        if on_wait:
            on_wait(held_by)
        try:
            lock.acquire(timeout=timeout_seconds)
        except Timeout as error:
            raise LockedError(
                f"The warehouse is in use by {held_by}.", "Wait for it to end, or end it."
            ) from error


def _write_note(note: Path, holder: str) -> None:
    """By rename: who waits reads a whole note or none."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    temporary = note.with_suffix(f".{os.getpid()}")
    temporary.write_text(
        json.dumps({"holder": holder, "pid": os.getpid(), "since": now}), encoding="utf-8"
    )
    temporary.replace(note)


def _describe(note: Path) -> str:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
        return f"{holder['holder']} (process {holder['pid']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
