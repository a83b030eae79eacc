"""The record of every decision about who serves: one Parquet file each, never changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from ml.frame.days import utc_now
from ml.frame.records import write_rows

FOLDER = "decisions"
TRAINED, PROMOTED, ROLLED_BACK = "trained", "promoted", "rolled_back"
SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "action": pl.String,
    "version": pl.Int32,
    "passed": pl.Boolean,
    "reason": pl.String,
    "served_by": pl.String,
    "as_of": pl.Date,
    "data_hash": pl.String,
    "code_version": pl.String,
    "decided_at": pl.Datetime("us"),
}


@dataclass(frozen=True)
class Record:
    """A decision: `version` was trained, promoted or rolled back, and `served_by` serves since.

    `version` is None where training ended without one; `passed` is the word of the gate.
    """

    model: str
    action: str
    version: int | None
    passed: bool | None
    reason: str
    served_by: str
    as_of: str | None = None
    data_hash: str | None = None
    code_version: str | None = None
    decided_at: datetime = field(default_factory=utc_now)


def write_record(models: Path, record: Record) -> None:
    """Adds a record to those of the models' folder."""
    row = pl.DataFrame([asdict(record)]).with_columns(pl.col("as_of").cast(pl.String).str.to_date())
    write_rows(models / FOLDER, f"{record.decided_at:%Y%m%dT%H%M%S%f}-{record.model}", row, SCHEMA)
