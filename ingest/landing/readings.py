"""The readings of a load: the same bytes read again in another encoding replace its rows.

The manifest in the raw zone tells of the first reading, the load record of the one that counts;
one that was replaced in between is noted beside the manifest before it goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zipfile import BadZipFile

from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.raw import MANIFEST, RawLoad, record_raw

_REPLACED = "replaced_"


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


def note_replaced(raw: RawLoad, record: Mapping[str, Any]) -> None:
    """Writes the reading of a record that is about to be replaced beside the load's raw bytes."""
    if not raw.names():
        return
    reading = current_reading(record)
    name = f"{_REPLACED}{reading.received_at:%Y%m%dT%H%M%S%fZ}.json"
    noted = {
        "received_at": reading.received_at.isoformat() + "Z",
        "encoding": reading.encoding,
        "rows_landed": reading.rows_landed,
        "rows_rejected": reading.rows_rejected,
    }
    raw.add(name, json.dumps(noted, indent=2) + "\n")


def reading_at(home: Home, record: Mapping[str, Any], moment: datetime) -> Reading | None:
    """The reading of a load that counted at `moment` (naive UTC); None before the first.

    Raises StorehouseError when the load was read after `moment` and the raw zone no longer says
    whether for the first time.
    """
    current = current_reading(record)
    if current.received_at <= moment:
        return current
    raw = record_raw(home, record)
    try:
        replaced = [name for name in raw.names() if name.startswith(_REPLACED)]
        earlier = [_noted(raw.read(name)) for name in (MANIFEST, *replaced)]
    except (OSError, BadZipFile, ValueError, KeyError) as error:
        raise StorehouseError(
            f"Whether {record['file_name']} (load {record['load_id']}) was there by "
            f"{moment.isoformat()}Z cannot be told: its notes in {raw.place('')} cannot be read.",
            "Put them back, from a backup of the raw zone.",
        ) from error
    passed = [reading for reading in earlier if reading.received_at <= moment]
    return max(passed, key=lambda reading: reading.received_at, default=None)


def _noted(content: bytes) -> Reading:
    noted = json.loads(content)
    return Reading(
        noted_time(noted["received_at"]),
        noted["encoding"],
        noted["rows_landed"],
        noted["rows_rejected"],
    )
