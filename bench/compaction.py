"""What a build pays for opening many small loads, before and after they are compacted.

`make bench-compaction`, or `python -m bench.compaction [--loads 5000] [--rows 20]`: segments of one
day and one of the next are landed in a scratch home, then the day is compacted. Prints a table and
`goal NAME VALUE TARGET met|missed`; writes bench/results/compaction.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from bench.harness import write_results
from bench.report import Goal
from ingest.contracts import Contracts, load_contracts
from ingest.home import Home
from ingest.landing import land_paths
from ingest.landing.compact import compact
from ingest.landing.records import loads_dir
from orchestration.lib.build_state import latest_loads

SPEED_UP = 10.0
_REPETITIONS = 5
_LIKE_A_BUILD = "union_by_name = true, hive_partitioning = false"
_DAY = datetime(2026, 3, 1)


def main() -> None:
    """Lands, reads, compacts, reads again; ends with status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=20, help="Events of each load.")
    options = parser.parse_args()
    contracts = load_contracts()
    with tempfile.TemporaryDirectory(prefix="storehouse-") as folder:
        home = Home(Path(folder))
        landing = _land(home, contracts, options.loads, options.rows)
        before = _reads(home) | _size(home)
        began = time.perf_counter()
        (done,) = compact(home, contracts)
        seconds = time.perf_counter() - began
        after = _reads(home) | _size(home)
    _say(
        f"{done.loads:,} loads, {done.rows:,} rows: landed in {landing:.1f} s, "
        f"compacted in {seconds:.1f} s"
    )
    for name in before:
        _say(f"  {name:<28}{before[name]:>12,.3f}{after[name]:>12,.3f}")
    ratio = min(before[name] / after[name] for name in ("new rows, s", "records, s"))
    goal = Goal("compaction_speed_up", ratio, SPEED_UP, is_floor=True)
    _say(goal.line)
    write_results(
        "compaction",
        {
            "loads": done.loads,
            "rows": done.rows,
            "landing_seconds": landing,
            "compaction_seconds": seconds,
            "before": before,
            "after": after,
        },
    )
    sys.exit(not goal.is_met)


def _land(home: Home, contracts: Contracts, loads: int, rows: int) -> float:
    folder = home.segments / "shop"
    folder.mkdir(parents=True)
    for load in range(loads + 1):
        # One second after the other; the last one declares the day after.
        moment = _DAY + (timedelta(seconds=load) if load < loads else timedelta(days=1))
        lines = (json.dumps(_event(load * rows + row, moment)) for row in range(rows))
        name = f"events_{load}_{moment:%Y%m%dT%H%M%SZ}.ndjson"
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    began = time.perf_counter()
    land_paths(home, contracts, "shop")
    return time.perf_counter() - began


def _event(number: int, moment: datetime) -> dict[str, Any]:
    return {
        "event_id": f"E{number:012}",
        "event_type": "product_view",
        "occurred_at": moment.isoformat() + "Z",
        "device_id": f"D{number % 997}",
        "product_id": f"P{number % 61}",
        "channel": "direct",
    }


def _reads(home: Home) -> dict[str, float]:
    """The median seconds of what a build and a publish read."""
    lake = f"read_parquet('{home.lake}/shop/events/**/*.parquet', {_LIKE_A_BUILD})"
    records = f"read_parquet('{loads_dir(home)}/*.parquet', {_LIKE_A_BUILD})"
    with duckdb.connect() as connection:
        connection.execute(
            f"create table new_loads as select max(load_id) as load_id from {records}"
        )

        def new_rows() -> None:
            connection.execute(
                "create or replace table landed as "
                f"select * from {lake} where _load_id in (select load_id from new_loads)"
            )

        def all_records() -> None:
            connection.execute(f"create or replace table loads as select * from {records}")

        return {
            "new rows, s": _seconds(new_rows),
            "records, s": _seconds(all_records),
            "state for publishing, s": _seconds(lambda: latest_loads(home)),
        }


def _size(home: Home) -> dict[str, float]:
    files = [path for zone in (home.raw, home.lake) for path in zone.rglob("*") if path.is_file()]
    return {
        "files": float(len(files)),
        "MB": sum(path.stat().st_size for path in files) / 1e6,
        "MB on disk": sum(path.stat().st_blocks * 512 for path in files) / 1e6,
    }


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_REPETITIONS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
