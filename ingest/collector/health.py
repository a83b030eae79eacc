"""Whether a collector can take records now."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from ingest.collector.limits import Limits
from ingest.collector.writer import DiskState

STALLED_SECONDS = 5.0  # records wait that long for one fsync


def health(zone: Path, limits: Limits, state: DiskState) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and the report: problems, seconds and free bytes."""
    problems: list[str] = []
    now = time.monotonic()
    if not _is_writable(zone):
        problems.append("the folder of the segments cannot be written to")
    free = _free_bytes(zone)
    if free < limits.least_free_bytes:
        problems.append("the disk is nearly full")
    if state.failed_at is not None and state.failed_at > state.synced_at:
        problems.append("the disk refused the last write")
    waiting_since = state.waiting_since
    if waiting_since is not None and now - waiting_since > STALLED_SECONDS:
        problems.append("records wait for the disk")
    return not problems, {
        "status": "failing" if problems else "ok",
        "problems": problems,
        "seconds_since_fsync": round(now - state.synced_at, 3),
        "free_bytes": free,
    }


def _is_writable(zone: Path) -> bool:
    probe = zone / f".health.{os.getpid()}"
    try:
        probe.write_bytes(b"ok")
        probe.unlink()
    except OSError:
        return False
    return True


def _free_bytes(zone: Path) -> int:
    try:
        return shutil.disk_usage(zone).free
    except OSError:
        return 0
