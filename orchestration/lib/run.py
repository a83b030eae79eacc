"""`storehouse run`: the whole graph in this process, with a progress display and a summary."""

from __future__ import annotations

import re
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from dagster import DagsterEventType, DagsterInstance

from orchestration.lib.lock import warehouse_lock
from orchestration.lib.progress import Reporter, reporter, reporting_to
from orchestration.lib.project import use_home


@dataclass(frozen=True)
class StepFailure:
    """A step of the graph that failed, and what it said."""

    step: str
    message: str


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended; `seconds` by step, in the order they ran."""

    success: bool
    run_id: str
    seconds: float
    step_seconds: dict[str, float]
    failures: list[StepFailure]


def execute_graph(chosen: Reporter) -> RunOutcome:
    """Materialises every asset and runs every check, in process, holding the warehouse lock.

    What dbt and Dagster print goes to `logs/run.log` of the home; `chosen` hears of the stages.
    """
    from orchestration.definitions import defs  # reads the manifest, so only when it is there

    home = use_home()
    home.logs.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with (
        reporting_to(chosen),
        warehouse_lock(
            home, "storehouse run", on_wait=lambda held: reporter().stage(f"waiting for {held}")
        ),
        DagsterInstance.ephemeral() as instance,
        (home.logs / "run.log").open("w", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        result = defs.get_job_def("storehouse_run").execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    step_seconds = {}
    failures = []
    for event in result.all_events:
        if event.event_type is DagsterEventType.STEP_SUCCESS and event.step_key:
            step_seconds[event.step_key] = event.step_success_data.duration_ms / 1000
        elif event.event_type is DagsterEventType.STEP_FAILURE and event.step_key:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            message = cause.message.strip() if cause else "no reason given"
            failures.append(StepFailure(event.step_key, _without_class(message)))
    return RunOutcome(
        success=result.success,
        run_id=result.run_id,
        seconds=time.perf_counter() - started,
        step_seconds=step_seconds,
        failures=failures,
    )


def _without_class(message: str) -> str:
    """The text of an exception without the dotted name of its class in front."""
    return re.sub(r"^[A-Za-z_][\w.]*(Error|Failure|Exception): ", "", message)
