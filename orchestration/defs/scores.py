"""The Python models: features of the warehouse in, predictions as Parquet out."""

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, asset

from ml import payment_anomaly
from orchestration.defs.extracts import RETRY
from orchestration.defs.failures import as_failures
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.progress import reporter
from orchestration.lib.project import use_home


@asset(
    key=AssetKey(["scores", "payment_anomaly"]),
    deps=[AssetKey(table.split(".")) for table in payment_anomaly.READS],
    group_name="scores",
    kinds={"polars", "parquet"},
    pool="warehouse",
    retry_policy=RETRY,
)
def payment_anomaly_scores(context: AssetExecutionContext) -> MaterializeResult[None]:
    """One row per payment: robust z-score of its amount, fired rules, points and risk level."""
    home = use_home()
    reporter().stage("score")
    with (
        as_failures(),
        warehouse_lock(home, "payment scores", on_wait=context.log.info),
        plain_errors(home.warehouse_file),
    ):
        report = payment_anomaly.score(home.warehouse_file, home.scores / "payment_anomaly")
    reporter().step("payment_anomaly")
    return MaterializeResult(metadata={"dagster/row_count": report.rows, **report.rows_by_level})
