"""When runs start by themselves, and who hears of failures."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    RunRequest,
    SensorResult,
    SkipReason,
    build_run_status_sensor_context,
    build_schedule_context,
    build_sensor_context,
    job,
    op,
)

from ingest.home import HOME_VARIABLE
from orchestration.defs import automation
from orchestration.defs.automation import failure_alert, new_extracts, nightly


@pytest.fixture
def extracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    folder = tmp_path / "extracts" / "shop"
    folder.mkdir(parents=True)
    return folder


def deliver(path: Path, content: str, seconds_ago: float = 3600) -> None:
    path.write_text(content)
    moment = time.time() - seconds_ago
    os.utime(path, (moment, moment))


def look(cursor: str | None) -> SensorResult | SkipReason:
    found = new_extracts(build_sensor_context(cursor=cursor))
    assert isinstance(found, SensorResult | SkipReason)
    return found


def request(found: SensorResult | SkipReason) -> RunRequest:
    assert isinstance(found, SensorResult), found
    (request,) = found.run_requests or []
    assert request.run_key == found.cursor
    return request


def cursor_after(found: SensorResult | SkipReason) -> str:
    assert isinstance(found, SensorResult)
    assert found.cursor
    return found.cursor


def test_nothing_delivered_asks_for_nothing(extracts: Path) -> None:
    assert isinstance(look(None), SkipReason)


def test_new_files_ask_once(extracts: Path) -> None:
    deliver(extracts / "orders.csv", "a")
    first = look(None)
    request(first)
    assert isinstance(look(cursor_after(first)), SkipReason)


@pytest.mark.parametrize("change", ["another", "content", "time", "gone", "moved"])
def test_other_files_ask_again_under_another_key(extracts: Path, change: str) -> None:
    orders = extracts / "orders.csv"
    deliver(orders, "a")
    deliver(extracts / "customers.csv", "a")
    first = look(None)
    match change:
        case "another":
            deliver(extracts / "products.csv", "a")
        case "content":
            deliver(orders, "ab")
        case "time":
            deliver(orders, "a", seconds_ago=1800)
        case "gone":
            orders.unlink()
        case "moved":
            orders.rename(extracts / "orders_2.csv")
    assert request(look(cursor_after(first))).run_key != request(first).run_key


def test_a_file_that_is_still_written_is_left_for_the_next_look(
    extracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(extracts / "customers.csv", "a")
    deliver(extracts / "orders.csv", "half", seconds_ago=2)
    found = look(None)
    assert isinstance(found, SkipReason)
    assert "orders.csv may still be on its way" in (found.skip_message or "")
    monkeypatch.setattr(automation, "SETTLE_SECONDS", 1)
    request(look(None))


def test_a_clock_ahead_of_ours_does_not_hold_a_file_back_for_ever(extracts: Path) -> None:
    deliver(extracts / "orders.csv", "a", seconds_ago=-86400)
    request(look(None))


def test_hidden_files_and_empty_folders_are_nothing(extracts: Path) -> None:
    deliver(extracts / ".orders.csv.part", "a")
    (extracts / ".trash").mkdir()
    deliver(extracts / ".trash" / "orders.csv", "a")
    (extracts / "empty").mkdir()
    assert isinstance(look(None), SkipReason)


def test_every_night_all_is_run(manifest: Mapping[str, Any]) -> None:
    from orchestration.definitions import defs

    assert (nightly.cron_schedule, nightly.execution_timezone) == ("0 3 * * *", "UTC")
    assert nightly.job_name == "storehouse_run"
    tick = nightly.evaluate_tick(
        build_schedule_context(
            scheduled_execution_time=datetime.fromisoformat("2024-05-01T03:00:00+00:00"),
            repository_def=defs.get_repository_def(),
        )
    )
    assert tick.run_requests is not None
    assert len(tick.run_requests) == 1
    assert tick.run_requests[0].asset_selection is None  # all of the job


@op
def breaks() -> None:
    raise RuntimeError("out of paper")


@job
def broken() -> None:
    breaks()


def test_a_failed_run_is_told_with_step_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(automation, "alert", lambda title, text: told.append((title, text)))
    with DagsterInstance.ephemeral() as instance:
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        failure_alert(
            build_run_status_sensor_context(
                sensor_name="failure_alert",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=next(
                    event
                    for event in result.all_events
                    if event.event_type_value == "PIPELINE_FAILURE"
                ),
            ).for_run_failure()
        )
    ((title, text),) = told
    assert title == f"storehouse run {result.run_id} failed"
    assert "breaks: RuntimeError: out of paper" in text
