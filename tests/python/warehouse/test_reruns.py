"""The tables are a function of what was landed: not of when, how often or in which order."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from ingest.home import Home
from tests.python.conftest import run_storehouse
from tests.python.warehouse.dbt_runs import business_tables, dbt_build, land


def loads_of(home: Home) -> list[list[Path]]:
    """The files of the demo by extract time, oldest first; events with the load after them."""
    by_time: dict[str, list[Path]] = {}
    events: list[tuple[str, Path]] = []
    for file in sorted((home.extracts / "shop").iterdir()):
        stamp = file.stem.rsplit("_", 1)[-1]
        if file.suffix not in {".csv", ".json", ".ndjson"} or not stamp.endswith("Z"):
            continue
        if file.name.startswith("events"):
            events.append((stamp, file))
        else:
            by_time.setdefault(stamp, []).append(file)
    for stamp, file in events:
        by_time[min(time for time in by_time if time >= stamp)].append(file)
    return [by_time[stamp] for stamp in sorted(by_time)]


def with_key_of(demo: Home, root: Path) -> Home:
    """An empty home with the demo's key, so that tokens compare."""
    home = Home(root)
    shutil.copytree(demo.secrets, home.secrets)
    return home


def test_a_second_run_changes_no_table(demo_copy: Home) -> None:
    before = business_tables(demo_copy.warehouse_file)
    done = run_storehouse(demo_copy, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert business_tables(demo_copy.warehouse_file) == before
    assert sum(record.rows for record in before.values()) > 10_000


def test_history_is_rebuilt_from_the_raw_zone(demo_copy: Home) -> None:
    """Half of the lake is lost and the snapshots are damaged; raw is all that is needed."""
    before = business_tables(demo_copy.warehouse_file)
    for entity in ("customers", "products", "payments"):
        shutil.rmtree(demo_copy.lake / "shop" / entity)
    with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
        connection.execute("delete from snapshots.snap_customers where dbt_is_deleted = 'False'")
        connection.execute("update snapshots.snap_products set category = 'lost'")
    done = run_storehouse(demo_copy, "admin", "rebuild-history")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 loads with 24,814 rows read anew" in " ".join(done.stdout.split())
    assert business_tables(demo_copy.warehouse_file) == before


def test_bare_dbt_build_after_three_loads_equals_the_run(demo_home: Home, tmp_path: Path) -> None:
    home = with_key_of(demo_home, tmp_path / "home")
    loads = loads_of(demo_home)
    assert len(loads) == 3
    land(home, [file for load in loads for file in load])
    dbt_build(home)
    assert business_tables(home.warehouse_file) == business_tables(demo_home.warehouse_file)


def test_loads_out_of_order_with_a_build_between_equal_the_run(
    demo_home: Home, tmp_path: Path
) -> None:
    """The last load first, snapshots taken, then the two before it, the newer one first."""
    home = with_key_of(demo_home, tmp_path / "home")
    first, second, third = loads_of(demo_home)
    land(home, third)
    dbt_build(home)
    land(home, second)
    land(home, first)
    dbt_build(home)
    assert business_tables(home.warehouse_file) == business_tables(demo_home.warehouse_file)
