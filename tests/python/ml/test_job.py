"""The scoring of a warehouse: the file it writes, and how well it finds what was planted."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from ingest.home import Home
from ml import payment_anomaly
from ml.payment_anomaly import job
from ml.payment_anomaly.job import FILE_NAME, SCHEMA


def test_scores_are_one_row_for_each_payment(demo_home: Home, tmp_path: Path) -> None:
    report = payment_anomaly.score(demo_home.warehouse_file, tmp_path / "scores")
    written = pl.read_parquet(tmp_path / "scores" / FILE_NAME)
    assert dict(written.schema) == SCHEMA
    assert written.height == report.rows == sum(report.rows_by_level.values())
    with duckdb.connect(str(demo_home.warehouse_file), read_only=True) as connection:
        keys = connection.execute(
            "select source_system, payment_id from features.payment_features order by all"
        ).fetchall()
    assert written.select("source_system", "payment_id").rows() == keys
    assert written["risk_level"].null_count() == 0


def test_scoring_twice_gives_the_same_rows_as_the_run_did(demo_home: Home, tmp_path: Path) -> None:
    payment_anomaly.score(demo_home.warehouse_file, tmp_path)
    again = pl.read_parquet(tmp_path / FILE_NAME)
    assert again.equals(pl.read_parquet(demo_home.scores / "payment_anomaly" / FILE_NAME))


def test_the_planted_fraud_of_the_demo_is_found(demo_home: Home) -> None:
    planted = pl.read_parquet(demo_home.truth / "fraud.parquet")
    scores = pl.read_parquet(demo_home.scores / "payment_anomaly" / FILE_NAME)
    flagged = scores.filter(pl.col("risk_level").is_in(["HIGH", "CRITICAL"]))
    found = planted.join(flagged, on="payment_id", how="semi")
    assert planted.height >= 20
    assert found.height / planted.height >= 0.85  # recall
    assert found.height / flagged.height >= 0.8  # precision
    assert 0.005 <= flagged.height / scores.height <= 0.05  # alert rate; planted are 2 %


def test_the_file_says_when_it_was_made(demo_home: Home, tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    payment_anomaly.score(demo_home.warehouse_file, tmp_path)
    read_at, written_at = payment_anomaly.score_times(tmp_path)
    assert read_at is not None and written_at is not None
    assert before <= read_at <= written_at <= before + timedelta(minutes=1)


def test_a_stub_has_the_columns_and_no_times(tmp_path: Path) -> None:
    assert payment_anomaly.write_stub(tmp_path / "new") is True
    assert payment_anomaly.write_stub(tmp_path / "new") is False
    assert dict(pl.read_parquet_schema(tmp_path / "new" / FILE_NAME)) == SCHEMA
    assert payment_anomaly.score_times(tmp_path / "new") == (None, None)
    assert payment_anomaly.score_times(tmp_path / "nowhere") == (None, None)


def test_a_stub_does_not_replace_scores(demo_home: Home, tmp_path: Path) -> None:
    payment_anomaly.score(demo_home.warehouse_file, tmp_path)
    assert payment_anomaly.write_stub(tmp_path) is False
    assert pl.read_parquet(tmp_path / FILE_NAME).height > 0


@pytest.mark.parametrize("step", ["write_table", "fsync", "replace"])
def test_what_goes_wrong_while_writing_leaves_the_old_scores(
    demo_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    payment_anomaly.score(demo_home.warehouse_file, tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr({"write_table": pq, "fsync": os, "replace": Path}[step], step, fail)
        with pytest.raises(OSError, match="No space"):
            payment_anomaly.score(demo_home.warehouse_file, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_reader_never_sees_a_temporary_file(
    demo_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    flush = job._fsync

    def look(path: Path) -> None:
        seen.append(sorted(found.name for found in tmp_path.glob("*.parquet")))
        flush(path)

    monkeypatch.setattr(job, "_fsync", look)
    payment_anomaly.score(demo_home.warehouse_file, tmp_path)
    assert seen == [[], [FILE_NAME]]


def test_what_it_says_it_reads_is_what_it_reads(demo_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "only_these.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"attach '{demo_home.warehouse_file}' as demo (read_only)")
        for table in payment_anomaly.READS:
            connection.execute(f"create schema if not exists {table.partition('.')[0]}")
            connection.execute(f"create table {table} as from demo.{table}")
    assert payment_anomaly.score(file, tmp_path).rows > 0
    for table in payment_anomaly.READS:
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"alter table {table} rename to hidden")
        with pytest.raises(duckdb.CatalogException):
            payment_anomaly.score(file, tmp_path)
        with duckdb.connect(str(file)) as connection:
            schema, _, name = table.partition(".")
            connection.execute(f"alter table {schema}.hidden rename to {name}")
