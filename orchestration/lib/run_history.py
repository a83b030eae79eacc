"""What Dagster did, step by step and tick by tick, as rows: `ops.run_steps` and `ops.triggers`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from ingest.home import PROJECT_DIR, Home
from orchestration.lib.alerts import failure_message
from orchestration.lib.run_files import FINAL, StepRow, TickRow, write_steps, write_ticks

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, RunRecord
    from dagster._core.scheduler.instigation import InstigatorTick

COMMAND_TAG = "storehouse/command"  # of runs that no Dagster instance remembers
RUN_STEP = "run"  # what went wrong with a run outside its steps
MOST_CHARACTERS = 400
RUNS_MARGIN_SECONDS = 3_600
TICKS_MARGIN_SECONDS = 86_400

_RUN_STATUS = {
    DagsterRunStatus.SUCCESS: "success",
    DagsterRunStatus.FAILURE: "failure",
    DagsterRunStatus.CANCELED: "canceled",
    DagsterRunStatus.STARTED: "running",
    DagsterRunStatus.CANCELING: "running",
}
_EVENTS = {
    DagsterEventType.RUN_START,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.RUN_CANCELED,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SKIPPED,
}
_STEP_END = {
    DagsterEventType.STEP_SUCCESS: "success",
    DagsterEventType.STEP_FAILURE: "failure",
    DagsterEventType.STEP_SKIPPED: "skipped",
}
_TRIGGER_TAGS = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor"}
_ADDRESS = re.compile(r"[^\s\"'@\\]+@[^\s\"'@\\]+")
_TELEPHONE = re.compile(r"\+\d[\d ()/-]{6,}\d")
_QUOTED = re.compile(r"(?<!\w)'.*?'(?!\w)")


@dataclass(frozen=True)
class TimedEvent:
    """An event of a run and its moment, seconds since 1970."""

    at: float
    event: DagsterEvent


def plain_message(event: DagsterEvent) -> str:
    """What a failed step said, without the class of the exception in front."""
    message = failure_message(event)
    if "DagsterExecutionInterruptedError" in message:
        return "It was interrupted."
    return re.sub(r"^[a-z_]\w*(\.\w+)+: ", "", message)


def without_values(message: str, home: Home) -> str:
    """A message on one line, cut, without what may be personal data.

    Blotted out: values in single quotes, as DuckDB writes those it cannot cast, e-mail addresses,
    telephone numbers, and the folders above the home and the project.
    """
    text = " ".join(message.split())
    for folder, name in ((home.root, "<home>"), (PROJECT_DIR, "<project>")):
        text = text.replace(str(folder), name)
    text = _QUOTED.sub("'***'", text)
    text = _TELEPHONE.sub("+***", _ADDRESS.sub("***@***", text))
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ..."


def step_rows(
    record: RunRecord,
    events: Sequence[TimedEvent],
    home: Home,
    *,
    is_alive: bool,
    planned: Sequence[str] = (),
) -> list[StepRow]:
    """The steps of a run as far as its events tell, in the order they started.

    A run without an end whose process is gone was killed, and so were its open steps. Steps that
    were `planned` and that an ended run never came to were skipped. What failed outside every step
    is a step of its own, `run`.
    """
    run_status = _RUN_STATUS.get(record.dagster_run.status, "running")
    if run_status == "running" and not is_alive:
        run_status = "killed"
    of_run = StepRow(
        run_id=record.dagster_run.run_id,
        job=record.dagster_run.job_name,
        run_status=run_status,
        trigger_type="manual",
        trigger_name=None,
        run_started_at=_moment(record.start_time) or _utc(record.create_timestamp),
        run_ended_at=_moment(record.end_time),
        step=RUN_STEP,
        step_status=run_status,
        attempts=1,
    )
    tags = record.dagster_run.tags
    if COMMAND_TAG in tags:
        of_run = replace(of_run, trigger_type="command", trigger_name=tags[COMMAND_TAG])
    for tag, kind in _TRIGGER_TAGS.items():
        if tag in tags:
            of_run = replace(of_run, trigger_type=kind, trigger_name=tags[tag])
    steps: dict[str, StepRow] = {}
    message = None
    for timed in events:
        key = timed.event.step_key
        if key:
            steps[key] = _after(steps.get(key) or replace(of_run, step=key), timed, home)
        elif timed.event.event_type in (
            DagsterEventType.RUN_FAILURE,
            DagsterEventType.RUN_CANCELED,
        ):
            message = timed.event.message
    closed = "killed" if run_status in FINAL else run_status
    rows = [
        replace(step, step_status=closed) if step.step_status == "running" else step
        for step in steps.values()
    ]
    if run_status != "running":
        rows += [
            replace(of_run, step=key, step_status="skipped") for key in planned if key not in steps
        ]
    told = {row.step_status for row in rows}
    if run_status in ("failure", "canceled", "killed") and not told & {"failure", "killed"}:
        rows.append(
            replace(
                of_run,
                started_at=of_run.run_started_at,
                ended_at=of_run.run_ended_at,
                message=without_values(message, home) if message else None,
            )
        )
    return rows


def _after(step: StepRow, timed: TimedEvent, home: Home) -> StepRow:
    """The step as it stands after one more event."""
    kind, at = timed.event.event_type, _moment(timed.at)
    if kind is DagsterEventType.STEP_START:
        return replace(step, step_status="running", started_at=at)
    if kind is DagsterEventType.STEP_RESTARTED:
        return replace(step, step_status="running", attempts=step.attempts + 1)
    if kind is DagsterEventType.STEP_UP_FOR_RETRY:
        return replace(step, step_status="running")
    message = None
    if kind is DagsterEventType.STEP_FAILURE:
        message = without_values(plain_message(timed.event), home)
    return replace(step, step_status=_STEP_END[kind], ended_at=at, message=message)


def tick_row(tick: InstigatorTick, home: Home) -> TickRow:
    """One tick of a schedule or sensor."""
    error = tick.error.message if tick.error else None
    reason = error or tick.skip_reason
    return TickRow(
        trigger_name=tick.instigator_name,
        trigger_type=tick.instigator_type.value.lower(),
        tick_id=int(tick.tick_id),
        ticked_at=_utc(datetime.fromtimestamp(tick.timestamp, UTC)),
        ended_at=_moment(tick.end_timestamp),
        tick_status=tick.status.value.lower(),
        run_ids=",".join(sorted(tick.run_ids)),
        reason=without_values(reason, home) if reason else None,
    )


def record_run(
    home: Home, instance: DagsterInstance, run_id: str, *, failure: str | None = None
) -> None:
    """Writes the steps of one run as they stand; a run that has not started has none.

    `failure` is why a run failed that Dagster takes for a success. Raises StorehouseError when the
    file of its day cannot be read, OSError when it cannot be written.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is not None:
        rows = _rows_of(home, instance, [record])
        if failure and rows:
            last = replace(rows[-1], step=RUN_STEP, step_status="failure", attempts=1)
            rows = [replace(row, run_status="failure") for row in [*rows, last]]
            rows[-1] = replace(rows[-1], message=without_values(failure, home))
        write_steps(home, rows)


def record_instance(home: Home, instance: DagsterInstance, since: float | None) -> int:
    """Writes the runs that changed and the ticks that were since a moment (None: all there is).

    Returns the number of runs. What was written before is found again and not doubled, so the
    margins below cost nothing but time.
    """
    after = None if since is None else datetime.fromtimestamp(since - RUNS_MARGIN_SECONDS, UTC)
    records = instance.get_run_records(RunsFilter(updated_after=after))
    running = RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
    found = {r.dagster_run.run_id: r for r in [*records, *instance.get_run_records(running)]}
    write_steps(home, _rows_of(home, instance, found.values()))
    has_ticks = instance.schedule_storage is not None  # an instance in memory has none
    ticks = [
        tick_row(tick, home)
        for state in (instance.all_instigator_state() if has_ticks else ())
        for tick in instance.get_ticks(
            origin_id=state.instigator_origin_id,
            selector_id=state.selector_id,
            after=None if since is None else since - TICKS_MARGIN_SECONDS,
        )
    ]
    write_ticks(home, ticks)
    return len(found)


def _rows_of(home: Home, instance: DagsterInstance, records: Iterable[RunRecord]) -> list[StepRow]:
    rows = []
    for record in records:
        logged = instance.all_logs(record.dagster_run.run_id, of_type=_EVENTS)
        events = [
            TimedEvent(entry.timestamp, entry.dagster_event)
            for entry in logged
            if entry.dagster_event
        ]
        plan = record.dagster_run.execution_plan_snapshot_id
        planned = instance.get_execution_plan_snapshot(plan).step_keys_to_execute if plan else ()
        rows += step_rows(record, events, home, is_alive=_is_alive(events), planned=planned)
    return rows


def _is_alive(events: Sequence[TimedEvent]) -> bool:
    """Whether the process that works on the run is there; True where it is not known yet."""
    started = [
        timed.event.pid
        for timed in events
        if timed.event.event_type is DagsterEventType.RUN_START and timed.event.pid
    ]
    if not started:
        return True
    try:
        os.kill(started[-1], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there and somebody else's
        return True
    return True


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else _utc(datetime.fromtimestamp(seconds, UTC))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
