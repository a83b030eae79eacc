"""Drift of the Python models, and how well they did on what matured since."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from ml.errors import ModelError
from ml.frame.drift import ALARMED
from ml.frame.model import Model
from ml.frame.monitoring import DRIFT_FOLDER, PERFORMANCE_FOLDER, Measurement
from ml.models import MODELS
from orchestration.defs.models import model_step
from orchestration.lib.alerts import alert
from orchestration.lib.model_runs import watch_model
from orchestration.lib.project import use_home

GROUP = "monitoring"
DRIFT_KEY = AssetKey(["models", DRIFT_FOLDER])
PERFORMANCE_KEY = AssetKey(["models", PERFORMANCE_FOLDER])


def monitoring_assets() -> AssetsDefinition:
    """What dbt reads into `ops`, with a check for each model that fails when it should retrain."""
    described = {
        DRIFT_KEY: "Population stability of features, labels and scores by window.",
        PERFORMANCE_KEY: "Metrics of the champions on the latest rows that have matured.",
    }
    made_of = [AssetKey([kind, model.name]) for kind in ("models", "scores") for model in MODELS]

    @multi_asset(
        name="watch",
        specs=[
            AssetSpec(
                key,
                deps=made_of,
                group_name=GROUP,
                kinds={"polars", "parquet"},
                description=description,
            )
            for key, description in described.items()
        ],
        check_specs=[
            AssetCheckSpec(
                _check_name(model),
                asset=DRIFT_KEY,
                description=f"Whether {model.name} may go on without a new training.",
            )
            for model in MODELS
        ],
        pool="warehouse",
    )
    def watch(context: AssetExecutionContext) -> Iterator[Any]:
        found = {}
        for model in MODELS:
            with model_step(context, "watch", model.name):
                found[model.name] = _watch(context, model)
        drift = pl.concat([one.drift for one in found.values()])
        performance = pl.concat([one.performance for one in found.values()])
        alarms = drift.filter(pl.col("state") == ALARMED).height
        yield MaterializeResult(
            asset_key=DRIFT_KEY,
            metadata={"dagster/row_count": drift.height, "alarms": alarms},
        )
        yield MaterializeResult(
            asset_key=PERFORMANCE_KEY, metadata={"dagster/row_count": performance.height}
        )
        for model in MODELS:
            reason = found[model.name].reason_to_retrain
            yield AssetCheckResult(
                passed=reason is None,
                asset_key=DRIFT_KEY,
                check_name=_check_name(model),
                severity=AssetCheckSeverity.WARN,
                metadata={"reason": reason or "nothing drifted"},
            )

    return watch


def _watch(context: AssetExecutionContext, model: Model[Any]) -> Measurement:
    """A model that cannot be measured is told about and holds up nothing."""
    try:
        return watch_model(use_home(), model) or Measurement.empty()
    except ModelError as error:
        alert(f"storehouse could not watch {model.name}", str(error))
        context.log.error(str(error))
        return Measurement.empty()


def _check_name(model: Model[Any]) -> str:
    return f"steady_{model.name}"
