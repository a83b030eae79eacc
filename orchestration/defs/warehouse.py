"""The dbt models: all of them but those on top of scores, then those."""

import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, AssetSpec, Failure
from dagster_dbt import DbtCliResource, dbt_assets
from packaging.version import Version, parse

from orchestration.defs.failures import as_failures
from orchestration.lib.dbt_args import build_args
from orchestration.lib.dbt_failure import describe_failure, error_output, run_results
from orchestration.lib.empty_inputs import write_empty_inputs
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.progress import reporter
from orchestration.lib.project import dbt_project, read_manifest, share_parse, use_home
from orchestration.lib.run_history import record_run
from orchestration.lib.translator import StorehouseTranslator

STOP_SECONDS = 30


class DbtResource(DbtCliResource):
    """The dbt beside this Python; its version is known, asking it for that takes two seconds."""

    @cached_property
    def _cli_version(self) -> Version:
        return parse(version("dbt-core"))


def dbt_asset_groups() -> list[AssetsDefinition]:
    """Two steps with the scores between them: `warehouse` up to features, `insights` after."""
    project = dbt_project()

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="warehouse",
        selector="warehouse",
        dagster_dbt_translator=StorehouseTranslator(),
        pool="warehouse",
    )
    def warehouse(context: AssetExecutionContext, dbt: DbtResource) -> Iterator[Any]:
        yield from _build(context, dbt, "build")

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="insights",
        selector="insights",
        dagster_dbt_translator=StorehouseTranslator(),
        pool="warehouse",
    )
    def insights(context: AssetExecutionContext, dbt: DbtResource) -> Iterator[Any]:
        yield from _build(context, dbt, "insights")

    return [warehouse, insights]


def recorded_sources(assets: Iterable[AssetsDefinition]) -> list[AssetSpec]:
    """Specs of the dbt sources that none of `assets` makes, such as records of runs."""
    translator = StorehouseTranslator()
    made = {key for one in assets for key in one.keys}
    return [
        AssetSpec(key, description=source["description"], group_name="ops")
        for source in read_manifest()["sources"].values()
        if (key := translator.get_asset_key(source)) not in made
    ]


def _build(context: AssetExecutionContext, dbt: DbtResource, stage: str) -> Iterator[Any]:
    """What dbt says of the assets and checks that are selected, as it builds them."""
    steps = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
    yield from run_dbt(context, dbt, stage, steps)


def run_dbt(
    context: AssetExecutionContext,
    dbt: DbtResource,
    stage: str,
    steps: int,
    chosen: Sequence[str] | None = None,
) -> Iterator[Any]:
    """Runs `dbt build` under the lock and yields its events; raises Failure with what went wrong.

    It builds what is selected in `context`, or what the arguments `chosen` name.
    """
    home = use_home()
    target = home.logs / "dbt" / stage
    reporter().stage(stage, steps)
    with as_failures(), warehouse_lock(home, f"dbt {stage}", on_wait=context.log.info):
        write_empty_inputs(home)
        record_run(home, context.instance, context.run.run_id)
        share_parse(target)
        results = target / "run_results.json"
        results.unlink(missing_ok=True)
        invocation = dbt.cli(
            [*build_args(is_subset=chosen is not None or context.is_subset), *(chosen or [])],
            context=context if chosen is None else None,
            manifest=dbt_project().manifest_path,
            target_path=target,
            raise_on_error=False,
        )
        with _stopped_at_the_end(invocation.process):
            for event in invocation.stream():
                reporter().step("")
                yield event
    if error := invocation.get_error():
        nodes = invocation.manifest["nodes"]
        raise Failure(
            describe_failure(run_results(results), nodes, error_output(str(error)), home),
            allow_retries=False,
        )


@contextmanager
def _stopped_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Sees to it that dbt does not go on writing when the run that asked for it is gone."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
