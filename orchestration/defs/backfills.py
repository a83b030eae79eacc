"""Single days of dated tables, built again: daily partitions that can be back-filled.

A run builds dated tables whole and scores what is new, for it has no partition and all that reads
these tables needs all of their days. These assets write into the same tables, for the days
of their partitions alone; what is built on the tables is older then, and the next run renews it.
Days of scores stay, however old, until `storehouse models forget-days`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    DailyPartitionsDefinition,
    MaterializeResult,
    asset,
    multi_asset,
)

from ml.frame.days import Days
from ml.frame.model import Model
from ml.models import MODELS
from orchestration.defs.extracts import RETRY
from orchestration.defs.models import model_step
from orchestration.defs.warehouse import DbtResource, run_dbt
from orchestration.lib.alerts import alert
from orchestration.lib.model_runs import score_model
from orchestration.lib.project import read_manifest, use_home

GROUP = "backfill"
DAYS = DailyPartitionsDefinition(start_date="2010-01-01", timezone="UTC")


def backfill_assets() -> list[AssetsDefinition]:
    """The dated tables in one step, and the scores of each model that is dated."""
    tables = dated_tables(read_manifest())
    return [_tables(tables), *(_scores(model, tables) for model in MODELS if model.is_dated)]


def dated_tables(manifest: Mapping[str, Any]) -> list[str]:
    """`schema.table` of the public tables that can be built for some of their days."""
    return sorted(
        f"{node['schema']}.{node['name']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["access"] == "public"
        and node["config"]["materialized"] == "incremental"
    )


def _tables(names: Sequence[str]) -> AssetsDefinition:
    @multi_asset(
        name="backfill_tables",
        specs=[
            AssetSpec(
                _key(name),
                deps=[AssetKey(name.split("."))],
                group_name=GROUP,
                kinds={"dbt", "duckdb"},
                description=f"Days of {name}, built again.",
            )
            for name in names
        ],
        partitions_def=DAYS,
        backfill_policy=BackfillPolicy.single_run(),
        can_subset=True,
        pool="warehouse",
    )
    def tables(
        context: AssetExecutionContext, dbt: DbtResource
    ) -> Iterator[MaterializeResult[None]]:
        days = _days(context)
        keys = sorted(context.selected_asset_keys)
        settings = {"feature_days": {"first": f"{days.first}", "before": f"{days.before}"}}
        names = " ".join(key.path[-1] for key in keys)
        arguments = ["--select", names, "--vars", json.dumps(settings)]
        for _ in run_dbt(context, dbt, "backfill", len(keys), arguments):
            pass
        for key in keys:
            yield MaterializeResult(asset_key=key)

    return tables


def _scores(model: Model[Any], tables: Sequence[str]) -> AssetsDefinition:

    @asset(
        key=_key(f"scores.{model.name}"),
        deps=[
            AssetKey(["scores", model.name]),
            *(_key(table.name) for table in model.reads if table.name in tables),
        ],
        group_name=GROUP,
        kinds={"polars", "parquet"},
        partitions_def=DAYS,
        backfill_policy=BackfillPolicy.single_run(),
        pool="warehouse",
        retry_policy=RETRY,
        description=f"Days of scores/{model.name}, predicted again by the version that serves.",
    )
    def scores(context: AssetExecutionContext) -> MaterializeResult[None]:
        with model_step(context, "score", model.name):
            report = score_model(use_home(), model, _days(context))
        for warning in report.warnings:
            context.log.warning(warning)
            alert(f"storehouse back-fills {model.name} by its baseline", warning)
        return MaterializeResult(metadata={"served_by": report.served})

    return scores


def _days(context: AssetExecutionContext) -> Days:
    window = context.partition_time_window
    return Days(window.start.date(), window.end.date())


def _key(name: str) -> AssetKey:
    return AssetKey([GROUP, *name.split(".")])
