"""Publish: the tested copy that BI tools open."""

from datetime import timedelta

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    asset,
)

from orchestration.defs.failures import as_failures
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.progress import reporter
from orchestration.lib.project import dbt_project, published_models, read_manifest, use_home
from orchestration.lib.publish import publish
from orchestration.lib.translator import StorehouseTranslator

PUBLISHED = AssetKey(["published", "storehouse"])


def publish_asset() -> AssetsDefinition:
    """The asset of the published file, downstream of every public table."""
    dbt_project()
    translator = StorehouseTranslator()
    tables = [translator.get_asset_key(node) for node in published_models(read_manifest())]

    @asset(
        key=PUBLISHED,
        deps=tables,
        group_name="published",
        kinds={"duckdb"},
        pool="warehouse",
        freshness_policy=FreshnessPolicy.time_window(fail_window=timedelta(hours=36)),
    )
    def published_file(context: AssetExecutionContext) -> MaterializeResult[None]:
        """Copies the working file beside the served one and renames it, if all tests passed."""
        home = use_home()
        reporter().stage("publish")
        with as_failures(), warehouse_lock(home, "publish", on_wait=context.log.info):
            record = publish(home, read_manifest())
        reporter().step(record.publish_id)
        return MaterializeResult(
            metadata={
                "publish_id": record.publish_id,
                "tables": len(record.tables),
                "rows": sum(table.rows for table in record.tables),
                "path": MetadataValue.path(str(home.published_file)),
            }
        )

    return published_file
