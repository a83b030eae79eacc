"""The asset graph that `dagster dev` opens and `storehouse run` executes."""

from __future__ import annotations

import os
import warnings

from dagster import BetaWarning, Definitions

from ingest.home import PROJECT_DIR
from orchestration.defs.automation import (
    daily_drift,
    drift_job,
    failure_alert,
    new_extracts,
    nightly,
    retrain,
    run_job,
    run_records,
    train_job,
    weekly_training,
)
from orchestration.defs.backfills import backfill_assets
from orchestration.defs.extracts import landing_assets
from orchestration.defs.models import model_assets
from orchestration.defs.monitoring import monitoring_assets
from orchestration.defs.publishing import publish_asset
from orchestration.defs.warehouse import DbtResource, dbt_asset_groups, recorded_sources
from orchestration.lib.project import DBT, use_home


def build_definitions() -> Definitions:
    """All assets, checks, jobs, schedules and sensors; needs the manifest of `dbt parse`."""
    use_home()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # of backfill policies
        backfills = backfill_assets()
    assets = [
        landing_assets(),
        *dbt_asset_groups(),
        *model_assets(),
        monitoring_assets(),
        publish_asset(),
        *backfills,
    ]
    return Definitions(
        assets=[*assets, *recorded_sources(assets)],
        jobs=[run_job, train_job, drift_job],
        schedules=[nightly, weekly_training, daily_drift],
        sensors=[new_extracts, retrain, failure_alert, run_records],
        resources={
            "dbt": DbtResource(
                project_dir=os.fspath(PROJECT_DIR),
                profiles_dir=os.fspath(PROJECT_DIR),
                dbt_executable=os.fspath(DBT),
            )
        },
    )


defs = build_definitions()
