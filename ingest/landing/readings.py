"""The readings of a load: the same bytes read again in another encoding replace its rows.

The manifest in the raw zone tells of the first reading, the load record of the one that counts;
one that was replaced in between is noted beside the manifest before it goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.records import record_paths
from ingest.landing.sink import fsync_path

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Reading:
    """When a load was read (naive UTC), in which encoding (None for Parquet), with what result."""

    received_at: datetime
    encoding: str | None
    rows_landed: int
    rows_rejected: int


def noted_time(text: str) -> datetime:
    """A time of a manifest, as 2024-01-31T06:00:00Z, as naive UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def current_reading(record: Mapping[str, Any]) -> Reading:
    """The reading that a load record tells of."""
    return Reading(
        record["received_at"], record["encoding"], record["rows_landed"], record["rows_rejected"]
    )


def note_replaced(raw: Path, record: Mapping[str, Any]) -> None:
    """Writes the reading of a record that is about to be replaced into the load's raw folder."""
    if not raw.is_dir():
        return
    reading = current_reading(record)
    path = raw / f"replaced_{reading.received_at:%Y%m%dT%H%M%S%fZ}.json"
    noted = {
        "received_at": reading.received_at.isoformat() + "Z",
        "encoding": reading.encoding,
        "rows_landed": reading.rows_landed,
        "rows_rejected": reading.rows_rejected,
    }
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")
    fsync_path(temporary)
    temporary.replace(path)
    fsync_path(raw)


def reading_at(home: Home, record: Mapping[str, Any], moment: datetime) -> Reading | None:
    """The reading of a load that counted at `moment` (naive UTC); None before the first.

    Raises StorehouseError when the load was read after `moment` and the raw zone no longer says
    whether for the first time.
    """
    current = current_reading(record)
    if current.received_at <= moment:
        return current
    raw = record_paths(home, record).raw
    try:
        notes = [raw / MANIFEST, *raw.glob("replaced_*.json")]
        earlier = [_noted(path) for path in notes]
    except (OSError, ValueError, KeyError) as error:
        raise StorehouseError(
            f"Whether {record['file_name']} (load {record['load_id']}) was there by "
            f"{moment.isoformat()}Z cannot be told: its notes in {raw} cannot be read.",
            "Put the raw folder of the load back, from a backup of the raw zone.",
        ) from error
    passed = [reading for reading in earlier if reading.received_at <= moment]
    return max(passed, key=lambda reading: reading.received_at, default=None)


def _noted(path: Path) -> Reading:
    noted = json.loads(path.read_text(encoding="utf-8"))
    return Reading(
        noted_time(noted["received_at"]),
        noted["encoding"],
        noted["rows_landed"],
        noted["rows_rejected"],
    )
