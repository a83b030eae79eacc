"""Events of the simulator: whether sessions are those planted, and what a full build takes."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from bench.events.history import MODELS
from bench.harness import measure
from bench.report import Cell, Goal, Part, Table
from ingest.home import Home

_NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")

_AGREEMENT = """
    with planted as (
        select
            sessions.event_id,
            visits.device_id || '/' || sessions.session_number as planted_session
        from read_parquet('{truth}/event_sessions.parquet') as sessions
        inner join read_parquet('{truth}/visits.parquet') as visits using (visit_id)
    ),

    paired as (
        select
            coalesce(facts.event_id, planted.event_id) as event_id,
            facts.session_key,
            planted.planted_session
        from core.fact_events as facts
        full outer join planted using (event_id)
    ),

    parts as (select distinct session_key, planted_session from paired),

    whole_keys as (select session_key from parts group by all having count(*) = 1),

    whole_sessions as (select planted_session from parts group by all having count(*) = 1)

    select
        count(*),
        count(*) filter (
            session_key in (select session_key from whole_keys)
            and planted_session in (select planted_session from whole_sessions)
        )
    from paired
"""


def simulated_home(root: Path, scale: str) -> Home:
    """A home with the simulated shop of a scale landed and all that events rest on built."""
    home = Home(root)
    if not home.warehouse_file.exists():
        measure(root, "storehouse", "admin", "prepare")
        for command in (("simulate", "--scale", scale), ("land",)):
            seconds, megabytes = measure(root, "storehouse", *command)
            sys.stdout.write(f"{command[0]}: {seconds:.0f} s, {megabytes:,.0f} MB\n")
        target = ("--target-path", str(root / "dbt"))
        chosen = [f"+{model}" for model in MODELS]
        measure(root, "dbt", "build", "--select", *chosen, *_NO_TESTS, *target)
    return home


def truth(folder: Path, scale: str = "1") -> Part:
    """The share of events in just the session that was planted."""
    home = simulated_home(folder / f"scale-{scale}", scale)
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        events, same = connection.execute(_AGREEMENT.format(truth=home.truth)).fetchall()[0]
    row: dict[str, Cell] = {"scale": scale, "events": events, "in the planted session": same}
    goal = Goal("sessions_truth", 100 * same / events, 99.0, is_floor=True)
    return Part([Table("Sessions against those planted", [row])], [goal])


def full_build(folder: Path, scale: str = "10") -> Part:
    """Seconds and peak memory of a full build of events, sessions and features."""
    home = simulated_home(folder / f"scale-{scale}", scale)
    rows: list[dict[str, Cell]] = []
    for model in MODELS:
        seconds, megabytes = measure(
            home.root,
            *("dbt", "run", "--full-refresh", "--select", model),
            *("--target-path", str(home.root / "dbt")),
        )
        rows.append({"model": model, "seconds, with dbt's start": seconds, "peak MB": megabytes})
    rows.append(
        {
            "model": "all",
            "seconds, with dbt's start": sum(
                float(row["seconds, with dbt's start"] or 0) for row in rows
            ),
            "peak MB": max(float(row["peak MB"] or 0) for row in rows),
        }
    )
    return Part([Table(f"Full build at scale {scale}", rows)], [])
