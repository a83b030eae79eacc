"""Days of dated tables are built and predicted again, and no other day is touched."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import polars as pl
import pytest
from dagster import AssetKey, DagsterInstance
from typer.testing import CliRunner

from ingest.home import HOME_VARIABLE, Home
from ml.demand.model import DemandForecast
from ml.frame.registry import Registry
from ml.frame.scores import FILE_NAME, read_scores
from orchestration.cli import app
from orchestration.defs import backfills
from orchestration.defs.backfills import GROUP
from orchestration.lib.model_runs import score_model

FIRST, LAST = "2025-11-03", "2025-11-05"
DAYS = [date(2025, 11, 3), date(2025, 11, 4), date(2025, 11, 5)]
TABLES = {
    "features.payment_features": ("payment_date", "installments"),
    "features.product_demand_daily": ("business_date", "age_days"),
}


def backfill(*names: str, first: str = FIRST, last: str = LAST) -> Any:
    """One run over these partitions, as `dagster dev` launches it for a policy of single runs."""
    from orchestration.definitions import defs

    keys = [AssetKey([GROUP, *name.split(".")]) for name in names]
    job = defs.get_repository_def().get_implicit_job_def_for_assets(keys)
    assert job is not None
    with DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=keys,
            tags={
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last,
            },
        )
        assert result.success
        return {key: instance.get_materialized_partitions(key) for key in keys}


def rows(home: Home, table: str) -> list[Any]:
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        return connection.execute(f"select * from {table} order by all").fetchall()


def test_days_of_features_and_scores_come_back_as_they_were(
    demo_copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(demo_copy.root))
    before = {table: rows(demo_copy, table) for table in TABLES}
    scored = read_scores(demo_copy.scores / "payment_anomaly")
    with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
        for table, (day, column) in TABLES.items():
            changed = f"{day} between date '{FIRST}' and date '{LAST}'"
            connection.execute(f"update {table} set {column} = {column} + 1 where {changed}")
            connection.execute(f"update {table} set {column} = 7 where {day} = '2025-10-01'")
    of_days = pl.col("payment_date").is_in(DAYS)
    spoilt = scored.filter(~of_days).with_columns(review_score=pl.lit(0.0))
    spoilt.write_parquet(demo_copy.scores / "payment_anomaly" / FILE_NAME)

    made = backfill(*TABLES, "scores.payment_anomaly", "scores.demand_forecast")

    assert set(map(frozenset, made.values())) == {frozenset(f"{day}" for day in DAYS)}
    for table, (day, column) in TABLES.items():
        with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
            (count,) = connection.execute(
                f"select count(*) from {table} where {day} = '2025-10-01' and {column} = 7"
            ).fetchall()[0]
            assert count, f"{table}: another day was built too"
        after, old = rows(demo_copy, table), before[table]
        differing = {row for row in after if row not in set(old)}
        assert len(after) == len(old) and len(differing) == count
    found = read_scores(demo_copy.scores / "payment_anomaly")
    assert found.filter(of_days).equals(scored.filter(of_days).sort("source_system", "payment_id"))
    assert found.filter(~of_days)["review_score"].unique().to_list() == [0.0]
    forecasts = read_scores(demo_copy.scores / "demand_forecast")
    origins = forecasts["forecast_origin_date"].unique().sort().to_list()
    assert origins == [*DAYS, date(2026, 1, 1)]
    monkeypatch.setattr(DemandForecast, "kept_dates", 1)
    score_model(demo_copy, DemandForecast())
    assert read_scores(demo_copy.scores / "demand_forecast").equals(forecasts)
    forgotten = CliRunner().invoke(app, ["models", "forget-days", "demand_forecast"])
    assert forgotten.exit_code == 0, forgotten.exception
    kept = read_scores(demo_copy.scores / "demand_forecast")["forecast_origin_date"].unique()
    assert kept.to_list() == [date(2026, 1, 1)]


def test_a_day_of_events_comes_back_as_it_was(
    demo_copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(demo_copy.root))
    tables = {
        "core.fact_events": ("event_date", "page"),
        "core.fact_sessions": ("session_date", "landing_page"),
    }
    day, other = "2025-12-30", "2025-12-31"
    before = {table: rows(demo_copy, table) for table in tables}
    with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
        for table, (date_column, column) in tables.items():
            connection.execute(
                f"update {table} set {column} = 'spoilt' where {date_column} in (?, ?)",
                [day, other],
            )
    backfill(*tables, first=day, last=day)
    for table, old in before.items():
        left = [row for row in rows(demo_copy, table) if "spoilt" in row]
        assert left and all(date(2025, 12, 31) in row for row in left), table
        kept = [row for row in old if date(2025, 12, 31) not in row]
        assert [row for row in rows(demo_copy, table) if date(2025, 12, 31) not in row] == kept


def test_a_back_fill_by_the_baseline_is_told(
    demo_copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(backfills, "alert", lambda title, text: told.append(title))
    monkeypatch.setenv(HOME_VARIABLE, str(demo_copy.root))
    registry = Registry(demo_copy.models)
    registry.folder("demand_forecast", 1).rename(demo_copy.root / "gone")
    backfill("scores.demand_forecast")
    assert told == ["storehouse back-fills demand_forecast by its baseline"]
