"""Publishing: refused, done whole or not at all, and never in the way of a reader."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_project import SmallProject, minute, write_loads

from ingest.errors import LockedError, StorehouseError
from ingest.home import Home
from orchestration.lib import publish as publishing
from orchestration.lib.publish import PublishRefusedError, publish, read_publish_record


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_publishes_the_public_tables_as_they_are(working: SmallProject) -> None:
    record = publish(working.home, working.manifest)
    served = working.home.published_file
    found = query(
        served,
        "select table_schema, table_name, table_type from information_schema.tables "
        "where table_catalog = current_database() order by all",
    )
    assert [(schema, name) for schema, name, _ in found] == [
        ("core", "fact_orders"),
        ("insights", "flags"),
        ("ops", "loads"),
        ("ops", "node_results"),
        ("ops", "publish"),
    ]
    assert {kind for _, _, kind in found} == {"BASE TABLE"}
    schemas = query(served, "select schema_name from duckdb_schemas() where not internal")
    assert {name for (name,) in schemas} <= {"core", "insights", "ops", "main"}
    assert query(served, "from core.fact_orders order by all") == query(
        working.home.warehouse_file, "from core.fact_orders order by all"
    )
    assert {table.table: table.rows for table in record.tables}["fact_orders"] == 1000


def test_comments_survive_and_older_clients_can_open_the_file(working: SmallProject) -> None:
    publish(working.home, working.manifest)
    served = working.home.published_file
    assert query(
        served, "select comment from duckdb_tables() where table_name = 'fact_orders'"
    ) == [("One row per order.",)]
    assert query(
        served,
        "select comment from duckdb_columns() where table_name = 'fact_orders' "
        "and column_name = 'amount'",
    ) == [("In euros.",)]
    ((tags,),) = query(served, "select tags from duckdb_databases() where not internal")
    assert tags["storage_version"].startswith("v1.2")


def test_the_record_is_one_row_that_describes_the_file(working: SmallProject) -> None:
    record = publish(working.home, working.manifest)
    rows = query(working.home.published_file, "select publish_id, load_count from ops.publish")
    assert rows == [(record.publish_id, 1)]
    described = read_publish_record(working.home)
    assert described is not None
    assert described["publish_id"] == record.publish_id
    ids_hash = hashlib.md5(b"load").hexdigest()
    loads = {"source": "shop", "entity": "orders", "loads": 1, "ids_hash": ids_hash}
    assert described["loads"] == [loads]
    version = working.home.published / "versions" / f"{record.publish_id}.json"
    assert json.loads(version.read_text()) == described


def test_equal_tables_have_equal_hashes_whatever_the_order_of_rows(working: SmallProject) -> None:
    first = publish(working.home, working.manifest)
    with duckdb.connect(str(working.home.warehouse_file)) as connection:
        connection.execute(
            "create table core.other as from core.fact_orders order by order_id desc; "
            "delete from core.fact_orders; insert into core.fact_orders from core.other; "
        )
    second = publish(working.home, working.manifest)
    hashes = [
        {table.table: table.content_hash for table in record.tables if table.schema == "core"}
        for record in (first, second)
    ]
    assert hashes[0] == hashes[1]
    with duckdb.connect(str(working.home.warehouse_file)) as connection:
        connection.execute("update core.fact_orders set amount = amount + 1 where order_id = 5")
    third = publish(working.home, working.manifest)
    assert {t.table: t.content_hash for t in third.tables}["fact_orders"] != hashes[0][
        "fact_orders"
    ]


def test_stale_tables_are_refused_and_nothing_changes(working: SmallProject) -> None:
    publish(working.home, working.manifest)
    before = everything_in(working.home.published)
    write_loads(working.home, received_at=minute(60))
    with pytest.raises(PublishRefusedError) as refusal:
        publish(working.home, working.manifest)
    assert "stg_orders is older than the latest load of shop.orders." in refusal.value.reasons
    assert "  - stg_orders is older than the latest load of shop.orders." in str(refusal.value)
    assert everything_in(working.home.published) == before


def test_a_home_without_working_file_is_refused(small: SmallProject) -> None:
    with pytest.raises(PublishRefusedError, match="no working file"):
        publish(small.home, small.manifest)
    assert not small.home.published.exists()


def test_a_long_list_of_reasons_is_cut(working: SmallProject) -> None:
    refusal = PublishRefusedError([f"{number} is stale." for number in range(25)])
    assert "  - and 5 more" in str(refusal)
    assert len(str(refusal).splitlines()) == 23


def test_the_last_three_versions_are_kept(working: SmallProject) -> None:
    ids = [publish(working.home, working.manifest).publish_id for _ in range(5)]
    kept = sorted(path.name for path in (working.home.published / "versions").iterdir())
    assert kept == sorted(f"{name}.{kind}" for name in ids[-3:] for kind in ("duckdb", "json"))
    oldest = working.home.published / "versions" / f"{ids[-3]}.duckdb"
    assert query(oldest, "select publish_id from ops.publish") == [(ids[-3],)]


def test_a_file_system_without_hard_links_keeps_copies(
    working: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    record = publish(working.home, working.manifest)
    version = working.home.published / "versions" / f"{record.publish_id}.duckdb"
    assert version.read_bytes() == working.home.published_file.read_bytes()


def fail(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


STEPS: Mapping[str, Callable[[pytest.MonkeyPatch], None]] = {
    "copy": lambda patch: patch.setattr(shutil, "copyfile", fail),
    "strip": lambda patch: patch.setattr(publishing, "_strip_and_stamp", fail),
    "hash": lambda patch: patch.setattr(publishing, "table_records", fail),
    "flush": lambda patch: patch.setattr(publishing, "fsync_path", fail),
    "keep the version": lambda patch: patch.setattr(publishing, "_keep_version", fail),
    "write the version's record": lambda patch: patch.setattr(Path, "write_text", fail),
    "rename": lambda patch: patch.setattr(Path, "replace", fail),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_at_any_step_changes_nothing(
    working: SmallProject, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish(working.home, working.manifest)
    before = everything_in(working.home.published)
    with monkeypatch.context() as patch:
        STEPS[step](patch)
        with pytest.raises(StorehouseError, match="No space left on device") as failure:
            publish(working.home, working.manifest)
    assert "Make room" in failure.value.remedy
    assert everything_in(working.home.published) == before
    assert publish(working.home, working.manifest).publish_id


KILLED_AT = ["_strip_and_stamp", "fsync_path", "_keep_version", "_drop_old_versions"]


@pytest.mark.parametrize("step", KILLED_AT)
def test_killed_at_any_step_readers_and_the_next_publish_do_not_notice(
    working: SmallProject, python_process: Callable[[str], list[str]], step: str
) -> None:
    first = publish(working.home, working.manifest)
    manifest = working.home.root / "manifest.json"
    manifest.write_text(json.dumps(working.manifest))
    code = f"""
import json, os
from pathlib import Path
from ingest.home import Home
from orchestration.lib import publish
publish.{step} = lambda *_: os._exit(9)
home = Home(Path({str(working.home.root)!r}))
publish.publish(home, json.loads((home.root / "manifest.json").read_text()))
"""
    assert subprocess.run(python_process(code), timeout=60).returncode == 9
    served = query(working.home.published_file, "select publish_id from ops.publish")
    assert (served == [(first.publish_id,)]) == (step != "_drop_old_versions")
    last = publish(working.home, working.manifest)
    assert query(working.home.published_file, "select publish_id from ops.publish") == [
        (last.publish_id,)
    ]
    assert [path.name for path in working.home.published.iterdir() if path.is_file()] == [
        "storehouse.duckdb"
    ]


def test_what_somebody_wrote_into_the_served_file_does_not_break_the_next(
    working: SmallProject, python_process: Callable[[str], list[str]]
) -> None:
    publish(working.home, working.manifest)
    code = f"""
import duckdb, os
connection = duckdb.connect({str(working.home.published_file)!r})
connection.execute("create table mine as select 1 as a")
os._exit(0)
"""
    subprocess.run(python_process(code), check=True, timeout=60)
    wal = working.home.published / "storehouse.duckdb.wal"
    assert wal.exists()
    record = publish(working.home, working.manifest)
    assert not wal.exists()
    found = query(working.home.published_file, "select publish_id from ops.publish")
    assert found == [(record.publish_id,)]


def test_a_file_written_to_while_it_is_copied_is_not_published(
    working: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(working.home, working.manifest)
    before = everything_in(working.home.published)
    copy = shutil.copyfile

    def copy_and_write(source: Path, target: Path) -> None:
        copy(source, target)
        with duckdb.connect(str(source)) as connection:
            connection.execute("update core.fact_orders set amount = 0")

    monkeypatch.setattr(shutil, "copyfile", copy_and_write)
    with pytest.raises(PublishRefusedError, match="changed while it was copied"):
        publish(working.home, working.manifest)
    assert everything_in(working.home.published) == before


def hold_open(command: list[str]) -> subprocess.Popen[str]:
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    return holder


def test_a_working_file_that_is_open_elsewhere_is_said_in_two_sentences(
    working: SmallProject, python_process: Callable[[str], list[str]]
) -> None:
    code = f"""
import duckdb, time
connection = duckdb.connect({str(working.home.warehouse_file)!r})
print("open", flush=True)
time.sleep(60)
"""
    holder = hold_open(python_process(code))
    try:
        with pytest.raises(LockedError) as refusal:
            publish(working.home, working.manifest)
    finally:
        holder.kill()
        holder.wait()
    assert refusal.value.message == (
        f"{working.home.warehouse_file} is open in another program (process {holder.pid})."
    )
    assert "\n" not in str(refusal.value)


def test_a_damaged_file_is_said_in_two_sentences(working: SmallProject) -> None:
    working.home.published.mkdir()
    working.home.published_file.write_bytes(b"no database" * 1000)
    with pytest.raises(StorehouseError, match="not a valid DuckDB database file"):
        read_publish_record(working.home)
    working.home.warehouse_file.write_bytes(b"no database" * 1000)
    with pytest.raises(StorehouseError, match="not a valid DuckDB database file"):
        publish(working.home, working.manifest)


READER = """
import duckdb, sys
from pathlib import Path
file, stop = sys.argv[1:]
reads = errors = mixed = 0
seen = set()
while not Path(stop).exists():
    try:
        with duckdb.connect(file, read_only=True) as connection:
            ids = connection.execute("select publish_id from ops.publish").fetchall()
            rows = connection.execute("select count(*) from core.fact_orders").fetchall()
        reads += 1
        mixed += len(ids) != 1 or rows != [(1000,)]
        seen.update(ids)
    except Exception as error:
        errors += 1
        print(error, file=sys.stderr)
print(reads, errors, mixed, len(seen))
"""


def test_a_reader_sees_whole_files_only_while_others_are_published(
    working: SmallProject, tmp_path: Path, python_process: Callable[[str], list[str]]
) -> None:
    publish(working.home, working.manifest)
    stop = tmp_path / "stop"
    reader = subprocess.Popen(
        [*python_process(READER), str(working.home.published_file), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.5)
    for _ in range(12):
        publish(working.home, working.manifest)
    stop.touch()
    output, complaints = reader.communicate(timeout=60)
    reads, errors, mixed, seen = map(int, output.split())
    assert (errors, mixed) == (0, 0), complaints
    assert reads > 20
    assert seen > 3


def test_personal_text_of_dropped_schemas_is_not_in_the_published_tables(
    working: SmallProject,
) -> None:
    publish(working.home, working.manifest)
    with pytest.raises(duckdb.CatalogException):
        query(working.home.published_file, "from staging.secrets")


def test_the_demo_publishes_every_public_model_and_nothing_else(
    demo_home: Home, manifest: Mapping[str, Any]
) -> None:
    from orchestration.lib.project import published_models

    record = read_publish_record(demo_home)
    assert record is not None
    published = {(table["schema"], table["table"]) for table in record["tables"]}
    models = {(node["schema"], node["alias"]) for node in published_models(manifest)}
    assert published == models | {("ops", "node_results")}
    assert record["load_count"] > 0
    empty = {
        table["table"]
        for table in record["tables"]
        if not table["rows"] and table["schema"] != "ops"
    }
    assert empty == {"fact_reviews"}  # the shop asks for none
