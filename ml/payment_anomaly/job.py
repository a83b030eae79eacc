"""Reads features and rules from the warehouse, read-only, and writes the scores as Parquet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from ml.payment_anomaly.rules import Rule, apply_rules
from ml.payment_anomaly.zscore import add_z_scores

SCHEMA = {
    "source_system": pl.String,
    "payment_id": pl.String,
    "z_score": pl.Float64,
    "z_baseline": pl.String,
    "z_baseline_size": pl.Int32,
    "z_reason": pl.String,
    "fired_rules": pl.String,
    "points": pl.Int32,
    "risk_level": pl.String,
}
FILE_NAME = "scores.parquet"
READS = ("features.payment_features", "seeds.payment_rules", "seeds.payment_risk_levels")
_READ_AT, _WRITTEN_AT = b"storehouse.read_at", b"storehouse.written_at"


@dataclass(frozen=True)
class ScoreReport:
    """How many payments were scored, and how many fell into each risk level."""

    rows: int
    rows_by_level: dict[str, int]


def score(warehouse_file: Path, out_dir: Path) -> ScoreReport:
    """Scores every payment of `features.payment_features` and replaces the scores in `out_dir`.

    The file has one row per payment with the columns of SCHEMA; it is replaced by rename, so a
    reader sees the old scores or the new ones. Raises UnknownRuleError, and duckdb.Error when the
    warehouse cannot be read.
    """
    read_at = _now()
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        payments = connection.sql("select * from features.payment_features").pl()
        rules = connection.sql("select * exclude (description) from seeds.payment_rules").pl()
        levels = connection.execute(
            "select risk_level, minimum_points from seeds.payment_risk_levels"
        ).fetchall()
    scored = apply_rules(
        add_z_scores(payments), [Rule(**row) for row in rules.to_dicts()], dict(levels)
    )
    _write(scored.select(SCHEMA.keys()).sort("source_system", "payment_id"), out_dir, read_at)
    by_level = scored.group_by("risk_level").len().sort("risk_level")
    return ScoreReport(scored.height, dict(by_level.iter_rows()))


def write_stub(out_dir: Path) -> bool:
    """Writes a file without rows where there are no scores yet; True when it did."""
    if (out_dir / FILE_NAME).exists():
        return False
    _write(pl.DataFrame(schema=SCHEMA), out_dir)
    return True


def score_times(out_dir: Path) -> tuple[datetime | None, datetime | None]:
    """When the features of the scores were read and when the scores were written, in UTC.

    None for both where there is no file, or a stub.
    """
    if not (out_dir / FILE_NAME).exists():
        return None, None
    found = pq.read_metadata(out_dir / FILE_NAME).metadata or {}
    if _READ_AT not in found:
        return None, None
    return (
        datetime.fromisoformat(found[_READ_AT].decode()),
        datetime.fromisoformat(found[_WRITTEN_AT].decode()),
    )


def _write(scores: pl.DataFrame, out_dir: Path, read_at: datetime | None = None) -> None:
    """Replaces the file by rename; the times of a scoring go into its metadata."""
    table = scores.cast(SCHEMA).to_arrow()  # type: ignore[arg-type]
    if read_at is not None:
        times = {_READ_AT: read_at.isoformat(), _WRITTEN_AT: _now().isoformat()}
        table = table.replace_schema_metadata(times)
    out_dir.mkdir(parents=True, exist_ok=True)
    temporary = out_dir / f".{FILE_NAME}.{os.getpid()}"
    try:
        pq.write_table(table, temporary, compression="zstd")
        _fsync(temporary)
        temporary.replace(out_dir / FILE_NAME)
        _fsync(out_dir)
    finally:
        temporary.unlink(missing_ok=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
