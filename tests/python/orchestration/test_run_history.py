"""The history of runs and ticks: whole, once, and without personal data."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    Failure,
    In,
    Nothing,
    RetryPolicy,
    build_sensor_context,
    job,
    op,
)
from dagster._core.scheduler.instigation import InstigatorTick, InstigatorType, TickData, TickStatus

from ingest.errors import StorehouseError
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from orchestration.defs.automation import run_records
from orchestration.lib import run_history
from orchestration.lib.run_files import (
    StepRow,
    TickRow,
    settle_commands,
    write_steps,
    write_stubs,
    write_ticks,
)
from orchestration.lib.run_history import record_instance, record_run, tick_row, without_values

NOON = datetime(2024, 5, 1, 12)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def step(**changes: Any) -> StepRow:
    row: dict[str, Any] = {
        "run_id": "a",
        "job": "storehouse_run",
        "run_status": "running",
        "trigger_type": "command",
        "trigger_name": "storehouse run",
        "run_started_at": NOON,
        "run_ended_at": None,
        "step": "land",
        "step_status": "success",
        "attempts": 1,
        "started_at": NOON,
        "ended_at": NOON.replace(second=2),
    }
    return StepRow(**row | changes)


def steps(home: Home, columns: str = "run_id, step, run_status, step_status") -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(
            f"select {columns} from read_parquet('{home.runs}/steps/*.parquet') "
            "order by run_started_at, started_at, step"
        ).fetchall()


TRIED: list[int] = []


@op(retry_policy=RetryPolicy(max_retries=1))
def flaky() -> None:
    TRIED.append(1)
    if len(TRIED) == 1:
        raise RuntimeError("once")


@op(ins={"before": In(Nothing)})
def breaks() -> None:
    raise Failure(f"Could not convert string 'Anna Bell' in {PROJECT_DIR}/x, ask a@b.de")


@op(ins={"before": In(Nothing)})
def never() -> None:
    """Is skipped."""


@job
def fine() -> None:
    flaky()


@job
def three_steps() -> None:
    never(breaks(flaky()))


def test_a_run_is_recorded_step_by_step_and_once(home: Home) -> None:
    TRIED.clear()
    with DagsterInstance.ephemeral() as instance:
        run = three_steps.execute_in_process(
            instance=instance, raise_on_error=False, tags={"dagster/schedule_name": "nightly"}
        )
        for _ in range(2):
            record_run(home, instance, run.run_id)
            assert record_instance(home, instance, None) == 1
    found = steps(home, "step, step_status, attempts, run_status, trigger_type, trigger_name")
    assert [row[:3] for row in found] == [
        ("flaky", "success", 2),
        ("breaks", "failure", 1),
        ("never", "skipped", 1),
    ]
    assert {row[3:] for row in found} == {("failure", "schedule", "nightly")}
    ((message,),) = set(steps(home, "message")) - {(None,)}
    assert message == "Could not convert string '***' in <project>/x, ask ***@***"
    assert steps(home, "started_at, ended_at, seconds")[2] == (None, None, None)
    for started, ended, seconds in steps(home, "started_at, ended_at, seconds")[:2]:
        assert seconds == pytest.approx((ended - started).total_seconds())


def test_what_failed_outside_the_steps_is_a_step_of_its_own(home: Home) -> None:
    with DagsterInstance.ephemeral() as instance:
        TRIED[:] = [1, 1]
        done = fine.execute_in_process(instance=instance)
        record_run(home, instance, done.run_id, failure="2 tables were left out: a, b.")
    found = steps(home, "step, step_status, run_status, message")
    assert sorted(found) == [
        ("flaky", "success", "failure", None),
        ("run", "failure", "failure", "2 tables were left out: a, b."),
    ]


@pytest.mark.parametrize(("is_alive", "told"), [(True, "running"), (False, "killed")])
def test_a_run_whose_process_is_gone_was_killed(home: Home, is_alive: bool, told: str) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with DagsterInstance.ephemeral() as instance:
        TRIED[:] = [1, 1]
        run = three_steps.execute_in_process(instance=instance, raise_on_error=False)
        record = instance.get_run_record_by_id(run.run_id)
        assert record is not None
        (row, *_) = run_history._rows_of(home, instance, [record])
        events = [
            run_history.TimedEvent(1.0, event._replace(pid=os.getpid() if is_alive else gone.pid))
            for event in run.all_events
            if event.event_type_value in ("PIPELINE_START", "STEP_START")
        ][:2]
        record = record._replace(
            dagster_run=record.dagster_run.with_status(DagsterRunStatus.STARTED), end_time=None
        )
        rows = run_history.step_rows(record, events, home, is_alive=run_history._is_alive(events))
    assert row.run_status == "failure"
    assert [(row.run_status, row.step_status) for row in rows] == [(told, told)]


def test_what_was_recorded_with_its_end_stays(home: Home) -> None:
    """An instance that was pruned since knows less than the file."""
    ended = step(run_status="success", run_ended_at=NOON)
    write_steps(home, [ended, step(run_status="success", step="publish")])
    write_steps(home, [step(run_status="running")])
    assert len(steps(home)) == 2
    assert {row[2] for row in steps(home)} == {"success"}


def test_runs_of_the_command_that_never_ended_were_killed(home: Home) -> None:
    open_step = step(step="warehouse", step_status="running", ended_at=None)
    write_steps(home, [step(), open_step])
    write_steps(home, [step(run_id="b", run_status="success", run_started_at=NOON.replace(day=2))])
    daemon = {"trigger_type": "manual", "trigger_name": None, "step_status": "running"}
    write_steps(home, [step(run_id="c", run_started_at=NOON.replace(day=3), **daemon)])
    settle_commands(home)
    assert steps(home) == [
        ("a", "land", "killed", "success"),
        ("a", "warehouse", "killed", "killed"),
        ("b", "land", "success", "success"),
        ("c", "land", "running", "running"),
    ]
    # one that was thought dead and was not
    write_steps(home, [step(run_status="success", run_ended_at=NOON)])
    assert steps(home)[0] == ("a", "land", "success", "success")


def tick(**changes: Any) -> TickRow:
    row: dict[str, Any] = {
        "trigger_name": "nightly",
        "trigger_type": "schedule",
        "tick_id": 1,
        "ticked_at": NOON,
    }
    rest = {"ended_at": None, "tick_status": "started", "run_ids": "", "reason": None}
    return TickRow(**row | rest | changes)


def test_ticks_are_kept_by_day_and_replaced_by_their_end(home: Home) -> None:
    write_ticks(home, [tick(), tick(tick_id=2, ticked_at=NOON.replace(day=2))])
    write_ticks(home, [tick(tick_status="success", run_ids="a,b", ended_at=NOON.replace(second=3))])
    files = sorted((home.runs / "ticks").glob("*.parquet"))
    assert [file.stem for file in files] == ["2024-05-01", "2024-05-02"]
    assert pl.read_parquet(files[0]).select("tick_status", "run_ids", "seconds").rows() == [
        ("success", "a,b", 3.0)
    ]


def test_a_tick_says_why_it_started_nothing(home: Home) -> None:
    data = TickData(
        instigator_origin_id="o",
        instigator_name="new_extracts",
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.SKIPPED,
        timestamp=1714564800.0,
        skip_reason=f"Nothing new among 3 files in {home.root}/extracts.",
        end_timestamp=1714564801.5,
        selector_id="s",
    )
    row = tick_row(InstigatorTick(7, data), home)
    assert (row.ticked_at, row.tick_status, row.trigger_type) == (NOON, "skipped", "sensor")
    assert row.reason == "Nothing new among 3 files in <home>/extracts."


def test_messages_hold_no_values(home: Home) -> None:
    assert without_values("dbt's log: 'O'Brien'\n  +49 30 123456 don't", home) == (
        "dbt's log: '***' +*** don't"
    )
    assert len(without_values("x" * 5000, home)) < 410


def test_a_damaged_day_is_said(home: Home) -> None:
    write_steps(home, [step()])
    (file,) = (home.runs / "steps").glob("2024*.parquet")
    file.write_bytes(b"no parquet")
    with pytest.raises(StorehouseError, match=r"run history .* cannot be read"):
        write_steps(home, [step()])
    with pytest.raises(StorehouseError, match=r"run history .* cannot be read"):
        settle_commands(home)


def test_stubs_have_the_columns_and_no_rows(home: Home) -> None:
    write_stubs(home)
    assert steps(home, "*") == []
    write_steps(home, [step()])
    assert len(steps(home)) == 1


def test_the_sensor_looks_and_remembers_when(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    TRIED[:] = [1, 1]
    with DagsterInstance.ephemeral() as instance:
        three_steps.execute_in_process(instance=instance, raise_on_error=False)
        context = build_sensor_context(instance=instance)
        found = run_records(context)
    assert "1 runs" in str(found)
    assert float(context.cursor or 0) > 1_700_000_000
    assert len(steps(home)) == 3


def test_the_published_file_holds_the_run_that_made_it(demo_home: Home) -> None:
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        inside = connection.execute(
            "select step, step_status, trigger_name from ops.run_steps order by started_at"
        ).fetchall()
    names = ["demand_forecast", "payment_anomaly", "price_recommendation"]
    of_models = {f"train_{name}" for name in names} | {f"scores__{name}" for name in names}
    done = [step for step, _, _ in inside]
    assert done[:2] == ["land", "warehouse"] and done[-1] == "insights"
    assert set(done[2:-1]) == of_models | {"scores__attribute_imputation", "watch"}
    assert len(done) == len(set(done))
    for name in names:
        assert done.index(f"train_{name}") < done.index(f"scores__{name}")
    assert {row[1:] for row in inside[:-1]} == {("success", "storehouse run")}
    assert inside[-1][1:] == ("running", "storehouse run")
    assert [row[1:] for row in steps(demo_home)] == [
        (name, "success", "success") for name in (*done, "published__storehouse")
    ]
