"""The dbt models: all of them but those on top of scores, then those."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.lib.dbt_args import build_args
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.progress import reporter
from orchestration.lib.project import dbt_project, use_home
from orchestration.lib.translator import StorehouseTranslator

ON_SCORES = "source:scores+"


def dbt_asset_groups() -> list[AssetsDefinition]:
    """Two steps with the scores between them: `warehouse` up to features, `insights` after."""
    project = dbt_project()

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="warehouse",
        exclude=ON_SCORES,
        dagster_dbt_translator=StorehouseTranslator(),
        pool="warehouse",
    )
    def warehouse(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        yield from _build(context, dbt, "build")

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="insights",
        select=ON_SCORES,
        dagster_dbt_translator=StorehouseTranslator(),
        pool="warehouse",
    )
    def insights(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        yield from _build(context, dbt, "insights")

    return [warehouse, insights]


def _build(context: AssetExecutionContext, dbt: DbtCliResource, stage: str) -> Iterator[Any]:
    home = use_home()
    steps = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
    reporter().stage(stage, steps)
    with warehouse_lock(home, f"dbt {stage}", on_wait=context.log.info):
        invocation = dbt.cli(build_args(is_subset=context.is_subset), context=context)
        for event in invocation.stream():
            reporter().step("")
            yield event
