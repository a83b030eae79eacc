"""`storehouse stream`, killed and stopped, gives the tables of a day's file in extracts/."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.home import HOME_VARIABLE, Home
from orchestration.lib.publish import read_publish_record
from orchestration.lib.stream import has_segments
from tests.python.conftest import PROJECT, STOREHOUSE, run_storehouse
from tests.python.warehouse.dbt_runs import business_tables

FACTS = "select event_id from core.fact_events"
IDLE = """
    select customer_id from core.dim_customer
    where
        source_system = 'shop' and is_current and not is_inferred and customer_id > '0'
        and customer_id not in (select customer_id from features.customer_features_daily)
"""
LATE = "select event_id from staging.base_shop__events where _reasons = 'late_event'"


def next_day(home: Home, runaway: str) -> tuple[str, list[str]]:
    """When the events of a day after the demo's last one are extracted, and their lines.

    They are those of the last day, a day later and with ids of their own: doubled, broken and late
    ones among them. The customer `runaway` does so much that it takes all of it to tell.
    """
    files = sorted((home.extracts / "shop").glob("events_*.ndjson"))[-24:]
    stamp = files[-1].stem.removeprefix("events_")

    def later(day: re.Match[str]) -> str:
        return f"{date.fromisoformat(day[0]) + timedelta(days=1)}"

    lines = [
        re.sub(r'(?<="occurred_at":")\d{4}-\d\d-\d\d', later, line).replace('_id":"E', '_id":"N')
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines(keepends=True)
    ]
    morning = datetime.fromisoformat(stamp[:8]) + timedelta(days=1, hours=8)
    for number in range(320):
        event = {
            "event_id": f"N{number}",
            "event_type": "page_view",
            "occurred_at": f"{morning + timedelta(seconds=10 * number)}",
            "device_id": "dev_runaway",
            "customer_id": runaway,
        }
        lines.append(f"{json.dumps(event)}\n")
    return f"{date.fromisoformat(stamp[:8]) + timedelta(days=1):%Y%m%d}{stamp[8:]}", lines


def start_stream(home: Home, dagster_home: Path) -> subprocess.Popen[bytes]:
    homes = {HOME_VARIABLE: os.fspath(home.root), "DAGSTER_HOME": os.fspath(dagster_home)}
    return subprocess.Popen(
        [os.fspath(STOREHOUSE), "stream", "--every", "0.2"],
        cwd=PROJECT,
        env=os.environ | homes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_until(
    is_there: Callable[[str], bool], before: str, stream: subprocess.Popen[bytes]
) -> None:
    until = time.monotonic() + 300
    while not is_there(before):
        if stream.poll() is not None or time.monotonic() > until:
            stream.kill()
            pytest.fail(f"the stream said: {stream.communicate()[0].decode()}")
        time.sleep(0.02)


def served(home: Home) -> str:
    record = read_publish_record(home)
    assert record is not None
    return str(record["publish_id"])


def observation_counts(dagster_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often Dagster heard of each streamed fact."""
    from dagster import AssetKey, DagsterInstance

    monkeypatch.setenv("DAGSTER_HOME", os.fspath(dagster_home))
    keys = [AssetKey(["core", table]) for table in ("fact_events", "fact_sessions")]
    with DagsterInstance.get() as instance:
        return [len(instance.fetch_observations(key, limit=10).records) for key in keys]


def has_features(home: Home, customer_id: str) -> bool:
    with duckdb.connect(os.fspath(home.published_file), read_only=True) as connection:
        query = "select 1 from features.customer_features_daily where customer_id = ?"
        return bool(connection.execute(query, [customer_id]).fetchall())


def run(home: Home) -> None:
    done = run_storehouse(home, "run")
    assert done.returncode == 0, done.stdout + done.stderr


def ids(home: Home, query: str) -> set[str]:
    with duckdb.connect(os.fspath(home.warehouse_file), read_only=True) as connection:
        return {row[0] for row in connection.execute(query).fetchall()}


def assert_only_they_miss(waiting: set[str], streamed: Home, filed: Home) -> None:
    """Sessions and features differ for nobody but visitors of the `waiting` events."""
    with duckdb.connect() as connection:
        for name, home in (("streamed", streamed), ("filed", filed)):
            connection.execute(f"attach '{home.published_file}' as {name} (read_only)").fetchall()
        for table, column in (
            ("core.fact_sessions", "visitor_key"),
            ("features.customer_features_daily", "customer_id"),
        ):
            differing = connection.execute(
                f"select distinct {column} from ("
                f"(from streamed.{table} except from filed.{table}) union all "
                f"(from filed.{table} except from streamed.{table}))"
            ).fetchall()
            expected = connection.execute(
                f"select distinct {column} from filed.core.fact_events where visitor_key in "
                "(select visitor_key from filed.core.fact_events where event_id in "
                "(select unnest(?)))",
                [sorted(waiting)],
            ).fetchall()
            assert set(differing) <= set(expected)


def test_a_killed_stream_gives_the_tables_of_a_file(
    demo_home: Home, demo_copy: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runaway = min(ids(demo_home, IDLE))
    stamp, lines = next_day(demo_home, runaway)
    streamed, dagster_home = demo_copy, tmp_path / "dagster"
    segments, log = streamed.segments / "shop", streamed.logs / "dbt" / "stream" / "dbt.log"
    segments.mkdir(parents=True)
    dagster_home.mkdir()
    first = served(streamed)
    moments: list[Callable[[str], bool]] = [
        lambda _: not has_segments(streamed, "shop"),  # landed, not built
        lambda _: log.exists() and "Finished running" in log.read_text(),  # not published
        lambda before: served(streamed) != before,
        lambda before: served(streamed) != before,
    ]
    for number, is_there in enumerate(moments):
        before = served(streamed)
        log.unlink(missing_ok=True)
        part = "".join(lines[number :: len(moments)])
        (segments / f"events_{number}_{stamp}.ndjson").write_text(part, encoding="utf-8")
        stream = start_stream(streamed, dagster_home)
        wait_until(is_there, before, stream)
        is_last = number == len(moments) - 1
        stream.send_signal(signal.SIGTERM if is_last else signal.SIGKILL)
        output, _ = stream.communicate(timeout=120)
        assert (served(streamed) == first) == (number < 2)
        assert has_features(streamed, runaway) == (number == 2)
    assert stream.returncode == 0, output.decode()
    assert output.decode().endswith("Stopped.\n")
    assert all(observation_counts(dagster_home, monkeypatch))

    filed = Home(shutil.copytree(demo_home.root, tmp_path / "filed"))
    file = filed.extracts / "shop" / f"events_{stamp}.ndjson"
    file.write_text("".join(lines), encoding="utf-8")
    run(filed)
    waiting = ids(filed, FACTS) - ids(streamed, FACTS)
    assert waiting and waiting <= ids(streamed, LATE)
    assert_only_they_miss(waiting, streamed, filed)
    run(streamed)
    tables = business_tables(filed.published_file)
    assert business_tables(streamed.published_file) == tables
    assert tables["core.fact_events"].rows > len(ids(demo_home, FACTS)) + 0.9 * len(lines)
