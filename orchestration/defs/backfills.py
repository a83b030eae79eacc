"""Single days of dated tables, built again: daily partitions that can be back-filled.

A run builds feature tables whole and scores what is new, for it has no partition and all that
reads these tables needs all of their days. These assets write into the same tables, for the days
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
    """The dated feature tables in one step, and the scores of each model that is dated."""
    features = dated_features(read_manifest())
    return [_features(features), *(_scores(model, features) for model in MODELS if model.is_dated)]


def dated_features(manifest: Mapping[str, Any]) -> list[str]:
    """Names of the feature tables that can be built for some of their days."""
    return sorted(
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] == "features"
        and node["config"]["materialized"] == "incremental"
    )


def _features(names: Sequence[str]) -> AssetsDefinition:
    @multi_asset(
        name="backfill_features",
        specs=[
            AssetSpec(
                _key("features", name),
                deps=[AssetKey(["features", name])],
                group_name=GROUP,
                kinds={"dbt", "duckdb"},
                description=f"Days of features.{name}, built again.",
            )
            for name in names
        ],
        partitions_def=DAYS,
        backfill_policy=BackfillPolicy.single_run(),
        can_subset=True,
        pool="warehouse",
    )
    def features(
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

    return features


def _scores(model: Model[Any], features: Sequence[str]) -> AssetsDefinition:
    tables = [table.name.partition(".")[2] for table in model.reads]

    @asset(
        key=_key("scores", model.name),
        deps=[
            AssetKey(["scores", model.name]),
            *(_key("features", name) for name in tables if name in features),
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


def _key(schema: str, name: str) -> AssetKey:
    return AssetKey([GROUP, schema, name])
