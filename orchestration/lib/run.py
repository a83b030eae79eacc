"""`storehouse run`: the whole graph in this process, with a progress display and a summary."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from dagster import AssetKey, DagsterEvent, DagsterEventType, DagsterInstance

from ingest.errors import StorehouseError
from ingest.home import Home
from orchestration.lib.alerts import alert
from orchestration.lib.progress import Reporter, reporting_to
from orchestration.lib.project import use_home
from orchestration.lib.run_files import settle_commands
from orchestration.lib.run_history import COMMAND_TAG, plain_message, record_instance, record_run

JOB = "storehouse_run"
LOADS = AssetKey(["landing", "loads"])


@dataclass(frozen=True)
class StepFailure:
    """A step of the graph that failed, and what it said."""

    step: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """A delivered file that was not landed."""

    file: str
    message: str
    remedy: str


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended; `started_at` is UTC, `step_seconds` are in the order the steps ran."""

    success: bool
    run_id: str
    started_at: datetime
    seconds: float
    step_seconds: dict[str, float]
    failures: list[StepFailure]
    refusals: list[Refusal] = field(default_factory=list)
    new_loads: int = 0


def execute_graph(chosen: Reporter) -> RunOutcome:
    """Materialises every asset and runs every check, in process.

    What dbt and Dagster print goes to `logs/run.log` of the home; `chosen` hears of the stages.
    Call it while holding the warehouse lock.
    """
    from orchestration.definitions import defs  # reads the manifest, so only when it is there

    home = use_home()
    home.logs.mkdir(parents=True, exist_ok=True)
    started, started_at = time.perf_counter(), datetime.now(UTC).replace(tzinfo=None)
    with (
        reporting_to(chosen),
        DagsterInstance.ephemeral() as instance,
        (home.logs / "run.log").open("w", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        settle_commands(home)
        try:
            job = defs.resolve_job_def(JOB)
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                tags={COMMAND_TAG: "storehouse run"},
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        except BaseException:
            with _told_in_the_log():
                record_instance(home, instance, None)
            raise
        failures = _failures(result.all_events, log)
        if result.success:
            expected = set(job.asset_layer.selected_asset_keys)
            failures += _left_out(expected, result.all_events)
        left_out = failures[-1].message if result.success and failures else None
        with _told_in_the_log():
            record_run(home, instance, result.run_id, failure=left_out)
    loads = _metadata(result.all_events, LOADS)
    return RunOutcome(
        success=result.success and not failures,
        run_id=result.run_id,
        started_at=started_at,
        seconds=time.perf_counter() - started,
        step_seconds={
            event.step_key: event.step_success_data.duration_ms / 1000
            for event in result.all_events
            if event.event_type is DagsterEventType.STEP_SUCCESS and event.step_key
        },
        failures=failures,
        refusals=[Refusal(**refusal) for refusal in loads.get("refusals", [])],
        new_loads=loads.get("new_loads", 0),
    )


def alert_failure(home: Home, text: str) -> bool:
    """Sends the alert of a failed run, its log lines to run.log; True when it was delivered."""
    title = f"storehouse run failed in {home.root}"
    try:
        home.logs.mkdir(parents=True, exist_ok=True)
        log = (home.logs / "run.log").open("a", encoding="utf-8")
    except OSError:  # a home that cannot be written is what the alert is about
        return alert(title, text)
    with log, redirect_stderr(log):
        return alert(title, text)


@contextmanager
def terminable() -> Iterator[None]:
    """Ends on SIGTERM as on Ctrl-C: dbt is stopped too, and locks and copies are cleared away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _failures(events: Sequence[DagsterEvent], log: TextIO) -> list[StepFailure]:
    """The failed steps with what they said; the stack traces go to the log."""
    failures = []
    for event in events:
        if event.event_type is DagsterEventType.STEP_FAILURE and event.step_key:
            error = event.step_failure_data.error
            failures.append(StepFailure(event.step_key, plain_message(event)))
            log.write(f"{event.step_key}: {error.to_string() if error else ''}\n")
    return failures


@contextmanager
def _told_in_the_log() -> Iterator[None]:
    """A history that cannot be written does not change how the run ended."""
    try:
        yield
    except (StorehouseError, OSError) as error:
        logging.getLogger("storehouse.runs").error("The run was not recorded: %s", error)


def _left_out(expected: set[AssetKey], events: Sequence[DagsterEvent]) -> list[StepFailure]:
    """A step that was skipped leaves the run green: what should be there decides."""
    made = {event.asset_key for event in events if event.is_step_materialization}
    names = sorted(key.to_user_string() for key in expected - made)
    if not names:
        return []
    return [StepFailure("run", f"{len(names):,} tables were left out: {', '.join(names[:10])}.")]


def _metadata(events: Sequence[DagsterEvent], key: AssetKey) -> Mapping[str, Any]:
    for event in events:
        if event.is_step_materialization and event.asset_key == key:
            found = event.step_materialization_data.materialization.metadata
            return {name: value.value for name, value in found.items()}
    return {}
