"""The Python models: features of the warehouse in, versions and predictions out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from ml.errors import ModelError
from ml.frame.model import Model
from ml.frame.training import Trained
from ml.imputation.report import REPORT
from ml.imputation.run import impute_attributes
from ml.imputation.tables import TABLES
from ml.models import MODELS
from orchestration.defs.extracts import RETRY
from orchestration.defs.failures import as_failures
from orchestration.lib.alerts import alert
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.model_runs import score_model, train_model
from orchestration.lib.progress import reporter
from orchestration.lib.project import use_home

TRAIN_JOB = "train_models"


def model_assets() -> list[AssetsDefinition]:
    """Of each model the asset of its versions, with the gate as a check, and that of its scores.

    Beside them what is chosen anew at each run and has no versions: the imputation.
    """
    of_models = [asset for model in MODELS for asset in (_versions_of(model), _scores_of(model))]
    return [*of_models, _imputation()]


@contextmanager
def model_step(context: AssetExecutionContext, stage: str, name: str) -> Iterator[None]:
    """A stage of a model under the lock of the warehouse, with errors that people can act on."""
    home = use_home()
    reporter().stage(stage)
    with (
        as_failures(),
        warehouse_lock(home, f"{stage} {name}", on_wait=context.log.info),
        plain_errors(home.warehouse_file),
    ):
        yield
    reporter().step(name)


def _versions_of(model: Model[Any]) -> AssetsDefinition:
    key = AssetKey(["models", model.name])
    check = AssetCheckSpec(
        "gate", asset=key, description="Whether the latest candidate may serve; else who does."
    )

    @multi_asset(
        name=f"train_{model.name}",
        specs=[
            AssetSpec(
                key,
                deps=[AssetKey(table.name.split(".")) for table in model.reads],
                group_name="models",
                kinds={"lightgbm", "mlflow"},
                description=f"Versions of {model.name}; trained when due, promoted by the gate.",
            )
        ],
        check_specs=[check],
        pool="warehouse",
    )
    def train(context: AssetExecutionContext) -> Iterator[Any]:
        with model_step(context, "train", model.name):
            trained = _train(context, model)
        yield MaterializeResult(asset_key=key, metadata=_metadata(trained))
        yield AssetCheckResult(
            passed=trained.is_promoted or trained.version is None,
            asset_key=key,
            check_name="gate",
            severity=AssetCheckSeverity.WARN,
            metadata={
                "reason": trained.reason,
                **{name: f"{passed}: {detail}" for name, passed, detail in trained.checks},
            },
        )

    return train


def _train(context: AssetExecutionContext, model: Model[Any]) -> Trained:
    """A model that cannot be trained is told about and keeps its champion or its baseline."""
    try:
        return train_model(use_home(), model, force=context.run.job_name == TRAIN_JOB)
    except ModelError as error:
        alert(f"storehouse could not train {model.name}", str(error))
        context.log.error(str(error))
        return Trained(model.name, None, False, str(error))


def _metadata(trained: Trained) -> dict[str, Any]:
    found: dict[str, Any] = {"reason": trained.reason, "promoted": trained.is_promoted}
    if trained.version is not None:
        found["version"] = trained.version
    if trained.card is not None:
        found["card"] = MetadataValue.path(str(trained.card))
    return found | {name: float(value) for name, value in trained.metrics.items()}


def _scores_of(model: Model[Any]) -> AssetsDefinition:
    @asset(
        key=AssetKey(["scores", model.name]),
        deps=[
            AssetKey(["models", model.name]),
            *(AssetKey(table.name.split(".")) for table in model.reads),
        ],
        group_name="scores",
        kinds={"polars", "parquet"},
        pool="warehouse",
        retry_policy=RETRY,
        description=model.description,
    )
    def scores(context: AssetExecutionContext) -> MaterializeResult[None]:
        with model_step(context, "score", model.name):
            report = score_model(use_home(), model)
        for warning in report.warnings:
            context.log.warning(warning)
            alert(f"storehouse serves {model.name} by its baseline", warning)
        return MaterializeResult(
            metadata={"dagster/row_count": report.rows, "served_by": report.served}
        )

    return scores


def _imputation() -> AssetsDefinition:
    imputed, tried = (AssetKey(["scores", table.name]) for table in TABLES)
    features = sorted({name for table in TABLES for name in table.reads})

    @multi_asset(
        name="scores__attribute_imputation",
        specs=[
            AssetSpec(
                key,
                deps=[AssetKey(name.split(".")) for name in features],
                group_name="scores",
                kinds={"scikitlearn", "parquet"},
                description=description,
            )
            for key, description in (
                (imputed, "Missing values of analytic attributes, completed."),
                (tried, "Methods tried on each column by hiding known cells, and the one chosen."),
            )
        ],
        pool="warehouse",
        retry_policy=RETRY,
    )
    def impute(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
        home = use_home()
        with model_step(context, "score", imputed.path[-1]):
            report = impute_attributes(home.warehouse_file, home.scores)
        yield MaterializeResult(
            asset_key=imputed, metadata={"dagster/row_count": report.rows, **report.methods}
        )
        page = home.scores / tried.path[-1] / REPORT
        yield MaterializeResult(asset_key=tried, metadata={"report": MetadataValue.path(str(page))})

    return impute
