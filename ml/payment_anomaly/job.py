"""Reads features and rules from the warehouse, read-only, and writes the scores as Parquet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

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


@dataclass(frozen=True)
class ScoreReport:
    """How many payments were scored, and how many fell into each risk level."""

    rows: int
    rows_by_level: dict[str, int]


def score(warehouse_file: Path, out_dir: Path) -> ScoreReport:
    """Scores every payment of `features.payment_features` and replaces the scores in `out_dir`.

    The file has one row per payment with the columns of SCHEMA; it is replaced by rename, so a
    reader sees the old scores or the new ones.
    """
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        payments = connection.sql("select * from features.payment_features").pl()
        rules = connection.sql("select * exclude (description) from seeds.payment_rules").pl()
        levels = connection.execute(
            "select risk_level, minimum_points from seeds.payment_risk_levels"
        ).fetchall()
    scored = apply_rules(
        add_z_scores(payments), [Rule(**row) for row in rules.to_dicts()], dict(levels)
    )
    _write(scored.select(SCHEMA.keys()).sort("source_system", "payment_id"), out_dir)
    by_level = scored.group_by("risk_level").len().sort("risk_level")
    return ScoreReport(scored.height, dict(by_level.iter_rows()))


def write_stub(out_dir: Path) -> bool:
    """Writes a file without rows where there are no scores yet; True when it did."""
    if (out_dir / FILE_NAME).exists():
        return False
    _write(pl.DataFrame(schema=SCHEMA), out_dir)
    return True


def _write(scores: pl.DataFrame, out_dir: Path) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    temporary = out_dir / f".{FILE_NAME}.{os.getpid()}"
    scores.cast(SCHEMA).write_parquet(temporary)  # type: ignore[arg-type]
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(out_dir / FILE_NAME)
