"""When things run by themselves, and who hears of failures."""

import hashlib

from dagster import (
    AssetSelection,
    RunFailureSensorContext,
    RunRequest,
    ScheduleDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    run_failure_sensor,
    sensor,
)

from orchestration.lib.alerts import alert
from orchestration.lib.project import use_home

run_job = define_asset_job(
    "storehouse_run",
    selection=AssetSelection.all(),
    description="Land what is new, build and test, score, build insights, test, publish.",
)

nightly = ScheduleDefinition(
    name="nightly",
    job=run_job,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
)


@sensor(job=run_job, minimum_interval_seconds=60)
def new_extracts(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Asks for a run when the files in extracts/ are others than at the last look."""
    extracts = use_home().extracts
    listing = hashlib.sha256()
    count = 0
    for path in sorted(extracts.rglob("*")):
        if path.is_file():
            facts = path.stat()
            name = path.relative_to(extracts)
            listing.update(f"{name}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
            count += 1
    digest = listing.hexdigest()
    if count == 0 or digest == context.cursor:
        return SkipReason(f"Nothing new among {count:,} files in {extracts}.")
    return SensorResult(run_requests=[RunRequest(run_key=digest)], cursor=digest)


@run_failure_sensor
def failure_alert(context: RunFailureSensorContext) -> None:
    """Tells the log and the webhook which run failed and why."""
    alert(
        f"storehouse run {context.dagster_run.run_id} failed", context.failure_event.message or ""
    )
