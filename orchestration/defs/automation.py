"""When things run by themselves, and who hears of failures."""

import hashlib
import time

from dagster import (
    AssetKey,
    AssetSelection,
    DefaultSensorStatus,
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

from ml.frame.reading import read_as_of
from ml.frame.registry import Registry
from ml.models import MODELS
from orchestration.defs import backfills
from orchestration.defs.failures import as_failures
from orchestration.defs.models import TRAIN_JOB
from orchestration.defs.monitoring import GROUP
from orchestration.lib.alerts import alert, failure_message
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.model_runs import reason_to_train
from orchestration.lib.project import use_home
from orchestration.lib.run_history import record_instance

SETTLE_SECONDS = 30

run_job = define_asset_job(
    "storehouse_run",
    selection=AssetSelection.all() - AssetSelection.groups(backfills.GROUP),
    description="Land what is new, build, test, train, score, watch, build insights, publish.",
)

train_job = define_asset_job(
    TRAIN_JOB,
    selection=AssetSelection.groups("models"),
    description="Train a candidate of every model, due or not, and let the gate judge it.",
)

weekly_training = ScheduleDefinition(
    name="weekly_training",
    job=train_job,
    cron_schedule="0 5 * * 1",
    execution_timezone="UTC",
)

drift_job = define_asset_job(
    "measure_drift",
    selection=AssetSelection.groups(GROUP),
    description="Measure drift of the models that serve, and how they did on what matured.",
)

daily_drift = ScheduleDefinition(
    name="daily_drift",
    job=drift_job,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
)

nightly = ScheduleDefinition(
    name="nightly",
    job=run_job,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
)


@sensor(job=run_job, minimum_interval_seconds=60)
def new_extracts(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Asks for a run when the files in extracts/ are others than at the last look.

    A file that changed within the last seconds may still be on its way: the next look decides.
    """
    extracts = use_home().extracts
    listing = hashlib.sha256()
    count = 0
    now = time.time()
    for path in sorted(extracts.rglob("*")):
        name = path.relative_to(extracts)
        if any(part.startswith(".") for part in name.parts):
            continue
        try:
            facts = path.stat()
        except FileNotFoundError:
            return SkipReason(f"{name} vanished while it was looked at.")
        if not path.is_file():
            continue
        if 0 <= now - facts.st_mtime < SETTLE_SECONDS:
            return SkipReason(f"{name} may still be on its way.")
        listing.update(f"{name}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
        count += 1
    digest = listing.hexdigest()
    if count == 0 or digest == context.cursor:
        return SkipReason(f"Nothing new among {count:,} files in {extracts}.")
    return SensorResult(run_requests=[RunRequest(run_key=digest)], cursor=digest)


@sensor(job=train_job, minimum_interval_seconds=600)
def retrain(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Asks for a training of models that are missing, too old, or drifted; the gate decides then.

    Once for each business date: what is found again after the cool-down is asked for again.
    """
    home = use_home()
    if not home.warehouse_file.exists():
        return SkipReason(f"There is no working file {home.warehouse_file} yet.")
    registry = Registry(home.models)
    requests = []
    with as_failures(), plain_errors(home.warehouse_file):
        for model in MODELS:
            as_of = read_as_of(home.warehouse_file, model.as_of_sql)
            reason = reason_to_train(registry, model, as_of)
            if reason is not None:
                requests.append(
                    RunRequest(
                        run_key=f"{model.name} {as_of}",
                        asset_selection=[AssetKey(["models", model.name])],
                        tags={"storehouse/reason": reason},
                    )
                )
    if not requests:
        return SkipReason("No model is missing, too old or drifted.")
    return SensorResult(run_requests=requests)


@sensor(minimum_interval_seconds=60, default_status=DefaultSensorStatus.RUNNING)
def run_records(context: SensorEvaluationContext) -> SkipReason:
    """Writes what runs, schedules and sensors did since the last look; asks for nothing."""
    looked_at = time.time()
    since = float(context.cursor) if context.cursor else None
    with as_failures():
        count = record_instance(use_home(), context.instance, since)
    context.update_cursor(str(looked_at))
    return SkipReason(f"Looked at {count:,} runs.")


@run_failure_sensor(default_status=DefaultSensorStatus.RUNNING)
def failure_alert(context: RunFailureSensorContext) -> None:
    """Tells the log and the webhook which run failed, at which steps and why."""
    lines = [context.failure_event.message or ""]
    for event in context.get_step_failure_events():
        lines.append(f"{event.step_key}: {failure_message(event)}")
    alert(f"storehouse run {context.dagster_run.run_id} failed", "\n".join(lines))
