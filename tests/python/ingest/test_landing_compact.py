"""The many small loads of a day put into files of the day: nothing lost, nothing twice."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.errors import LockedError, StorehouseError
from ingest.home import Home
from ingest.landing import compact as compaction
from ingest.landing import day_files, land, write_stubs
from ingest.landing.compact import Compacted, compact
from ingest.landing.delivery import load_date
from ingest.landing.raw import record_raw
from ingest.landing.readings import current_reading, reading_at
from ingest.landing.records import day_paths, find_record, read_records, read_rows
from ingest.landing.reread import reread_raw
from ingest.landing.transfer import link_loads
from orchestration.lib.build_state import latest_loads
from orchestration.lib.query.lake_views import lake_views
from orchestration.lib.rebuild.as_known import rebuild_lake

DAY = date(2024, 1, 5)
LOADS = 12


def line(number: int) -> str:
    return f'{{"plan_id": "p{number}", "happened_at": "2024-01-05 06:00:00", "colour": "é"}}\n'


def deliver(toy: Any, number: int, day: int = 5, hour: int = 6) -> str:
    """A delivered file with two rows and a line that is none; its name."""
    content = line(number) + "{broken\n" + line(number + 1000)
    name = f"sales_plan_{number}_202401{day:02}T{hour:02}{number % 60:02}00Z.ndjson"
    toy.deliver(name, content)
    return name


@pytest.fixture
def landed(toy: Any) -> Any:
    """Twelve loads of one day and one of the next, landed."""
    for number in range(LOADS):
        deliver(toy, number)
    deliver(toy, 50, day=6)
    toy.land_all()
    return toy


def run(toy: Any, *, with_latest: bool = False) -> list[Compacted]:
    return list(compact(toy.home, toy.contracts, with_latest=with_latest))


def state(home: Home) -> tuple[Any, ...]:
    """Every row of the lake, reject and record as a build reads them, sorted."""
    found: list[Any] = []
    with duckdb.connect() as connection:
        for pattern in ("toy/sales_plan/**", "landing/rejects", "landing/loads"):
            rows = connection.execute(
                f"select * from read_parquet('{home.lake}/{pattern}/*.parquet', "
                "union_by_name = true, hive_partitioning = false) order by all"
            )
            found.append([name for name, *_ in rows.description or ()])
            found.append(rows.fetchall())
    return tuple(found)


def raw_bytes(home: Home) -> dict[str, str]:
    """The hash of every file of the raw zone, by load and name, with plain tools."""
    found: dict[str, str] = {}
    for path in list(home.raw.rglob("*")):
        if path.is_dir():
            continue
        with TemporaryDirectory() as name:
            folder = path.parent.parent
            if path.suffix == ".zip":
                folder = Path(name)
                shutil.unpack_archive(path, folder)
            files = folder.rglob("*") if path.suffix == ".zip" else [path]
            for file in files:
                if file.is_file():
                    place = str(file.relative_to(folder))
                    assert place not in found
                    found[place] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def test_rows_records_rejects_and_raw_bytes_stay_as_they_were(landed: Any) -> None:
    before, raw = state(landed.home), raw_bytes(landed.home)
    assert run(landed) == [Compacted("toy", "sales_plan", DAY, LOADS, 2 * LOADS)]
    assert (state(landed.home), raw_bytes(landed.home)) == (before, raw)
    assert run(landed) == []
    day = day_paths(landed.home, "toy", "sales_plan", DAY)
    assert [path.name for path in day.lake.parent.iterdir()] == [day.lake.name]
    next_day = day.lake.parent.with_name("load_date=2024-01-06")
    others = {*(path.name for path in next_day.iterdir()), "_stub.parquet"}
    for folder in (day.record, day.rejects):
        assert {path.name for path in folder.parent.iterdir()} == others | {folder.name}
    assert [path.name for path in day.raw.parent.iterdir() if path.is_file()] == [day.raw.name]
    assert len(list(day.raw.parent.iterdir())) == 2


def test_the_latest_day_and_days_of_few_loads_are_left_alone(landed: Any) -> None:
    for number in range(60, 60 + compaction.MOST_LOADS):
        deliver(landed, number, day=4)
    for number in range(70, 80):
        deliver(landed, number, day=6)
    for number in range(80, 92):
        landed.deliver(f"sales_{number}_20240103.csv", f"sale_id\n{number}\n")
        landed.deliver(f"sales_plan_{number}.ndjson", line(number))
    landed.deliver("sales_20240109.csv", "sale_id\n1\n")
    landed.land_all()
    assert [done.day for done in run(landed)] == [DAY]
    (latest,) = run(landed, with_latest=True)
    assert (latest.day, latest.loads) == (date(2024, 1, 6), 11)


def test_the_latest_day_is_compacted_when_it_has_many_loads(
    landed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST_OF_LATEST", 10)
    for number in range(70, 80):
        deliver(landed, number, day=6)
    landed.land_all()
    before = state(landed.home)
    assert [(done.day.day, done.loads) for done in run(landed)] == [(5, LOADS), (6, 11)]
    landed.land(deliver(landed, 81, day=6))
    assert run(landed) == []
    assert len(state(landed.home)[1]) == len(before[1]) + 2


def test_rows_lie_in_the_order_of_their_loads(landed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_files, "ROW_GROUP_ROWS", 2048)
    run(landed)
    for number in range(20, 29):
        landed.land(deliver(landed, number, hour=5))
    big = "".join(map(line, range(10_000, 14_000)))
    landed.land("sales_plan_big_20240105T055900Z.ndjson", big)
    run(landed)
    with pq.ParquetFile(day_paths(landed.home, "toy", "sales_plan", DAY).lake) as file:
        rows = file.read(columns=["_load_id", "_row_number"]).to_pylist()
        places = [(row["_load_id"], row["_row_number"]) for row in rows]
        assert places == sorted(places)
        column = file.schema_arrow.names.index("_load_id")
        groups = [
            file.metadata.row_group(number).column(column).statistics
            for number in range(file.metadata.num_row_groups)
        ]
    assert len(groups) > 1
    assert (groups[0].min, groups[-1].max) == (places[0][0], places[-1][0])


def test_a_second_compaction_merges_with_the_day_and_a_late_load_waits(landed: Any) -> None:
    run(landed)
    late = [deliver(landed, number, hour=5) for number in range(20, 29)]
    outcome = landed.land(late[0])
    assert run(landed) == []
    lake = day_paths(landed.home, "toy", "sales_plan", DAY).lake
    lake.with_name(f"{outcome.load_id}.parquet").unlink()
    assert landed.land(late[0]).status == "landed"
    landed.land_all()
    before, raw = state(landed.home), raw_bytes(landed.home)
    assert [done.loads for done in run(landed)] == [9]
    assert (state(landed.home), raw_bytes(landed.home)) == (before, raw)
    assert len(landed.records()) == LOADS + 1 + 9


def test_a_compacted_load_is_known(landed: Any) -> None:
    records = read_records(landed.home)
    run(landed)
    outcomes = landed.land_all()
    assert {outcome.status for outcome in outcomes} == {"already landed"}
    assert {(outcome.rows, outcome.rejected) for outcome in outcomes} == {(2, 1)}
    assert read_records(landed.home) == records
    for record in records:
        assert load_date(record["load_id"]) == record["load_date"]
        assert find_record(landed.home, "toy", "sales_plan", record["load_id"]) == record
        rows = read_rows(landed.home, record).to_pylist()
        assert [row["_row_number"] for row in rows] == [1, 3]
        (row,) = read_rows(landed.home, record, row_numbers=[3]).to_pylist()
        assert row == rows[1]
    assert find_record(landed.home, "toy", "sales_plan", "20240105T000000Z-0") is None


def test_compaction_makes_nothing_look_newer(landed: Any) -> None:
    before = latest_loads(landed.home)
    run(landed, with_latest=True)
    assert latest_loads(landed.home) == before
    record = day_paths(landed.home, "toy", "sales_plan", DAY).record
    assert datetime.fromtimestamp(record.stat().st_mtime) <= datetime.now()
    received = max(record["received_at"] for record in landed.records())
    assert before[0].landed_at - received < timedelta(seconds=60)


def test_queries_see_the_same_rows(landed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "orchestration.lib.query.lake_views.load_contracts", lambda: landed.contracts
    )

    def seen() -> list[list[dict[str, Any]]]:
        views = [view for view in lake_views(landed.home) if view.name != "landing.rejects"]
        return [sorted(view.data.to_table().to_pylist(), key=repr) for view in views]

    before = seen()
    run(landed)
    assert seen() == before
    assert any(before)


def test_history_is_rebuilt_from_archives(landed: Any) -> None:
    deliver(landed, 30)
    shutil.copy(landed.inbox / deliver(landed, 31), landed.inbox / "sales_plan_31.ndjson")
    run(landed)
    landed.land_all()
    before, raw = state(landed.home), raw_bytes(landed.home)
    shutil.rmtree(landed.home.lake / "toy" / "sales_plan")
    refused = landed.land("sales_plan_0_20240105T060000Z.ndjson")
    assert "the lake file of its day is gone" in refused.message
    done = reread_raw(landed.home, landed.contracts)
    assert (done.loads_reread, done.loads_kept) == (LOADS + 4, 0)
    assert (state(landed.home), raw_bytes(landed.home)) == (before, raw)
    assert day_paths(landed.home, "toy", "sales_plan", DAY).lake.exists()
    assert {outcome.status for outcome in landed.land_all()} == {"already landed"}


def test_a_segment_without_a_row_is_rebuilt_too(landed: Any) -> None:
    segment = landed.home.segments / "toy" / "sales_plan_x_20240105T070000Z.ndjson"
    segment.parent.mkdir(parents=True)
    segment.write_text("{broken\n")
    land.land_paths(landed.home, landed.contracts, "toy")
    run(landed)
    before = state(landed.home)
    reread_raw(landed.home, landed.contracts)
    assert state(landed.home) == before


def test_a_damaged_archive_leaves_the_lake_alone(landed: Any) -> None:
    run(landed)
    before = state(landed.home)
    archive = day_paths(landed.home, "toy", "sales_plan", DAY).raw
    content = archive.read_bytes()
    archive.write_bytes(content[:100])
    with pytest.raises(StorehouseError, match=r"archive in .* cannot be read"):
        reread_raw(landed.home, landed.contracts)
    place = content.index(b".ndjson") + 20
    archive.write_bytes(content[:place] + b"\xff\xff" + content[place + 2 :])
    with pytest.raises(StorehouseError, match="cannot be read"):
        reread_raw(landed.home, landed.contracts)
    assert state(landed.home) == before


def test_loads_whose_raw_bytes_are_gone_keep_their_rows(landed: Any) -> None:
    run(landed)
    before = state(landed.home)
    day_paths(landed.home, "toy", "sales_plan", DAY).raw.unlink()
    done = reread_raw(landed.home, landed.contracts)
    assert (done.loads_reread, done.loads_kept) == (1, LOADS)
    assert state(landed.home) == before


def test_another_encoding_takes_a_load_out_of_its_day(landed: Any, tmp_path: Path) -> None:
    name = "sales_plan_cafe_20240105T080000Z.ndjson"
    landed.land(name, '{"plan_id": "caf\xe9"}\n{"plan_id": "tea"}\n'.encode("latin-1"))
    run(landed)
    old = find_record(landed.home, "toy", "sales_plan", load_of(landed, name))
    assert old is not None
    outcome = landed.land(name, encoding="latin-1")
    assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", 2, 0)
    assert len(landed.rows("sales_plan")) == 2 * LOADS + 2 + 2
    assert len(landed.records()) == LOADS + 2
    assert len(landed.rejects()) == LOADS + 1
    (record,) = [r for r in landed.records() if r["file_name"] == name]
    first = current_reading(old)
    assert reading_at(landed.home, record, first.received_at) == first
    assert {o.status for o in landed.land_all() if o.path.name != name} == {"already landed"}
    target = Home(tmp_path / "then")
    rebuild_lake(
        landed.home, landed.contracts, target, known_at=None, received_by=first.received_at
    )
    assert len(state(target)[1]) == 2 * LOADS + 2 + 1
    plans = [row["plan_id"] for row in landed.rows("sales_plan")]
    reread_raw(landed.home, landed.contracts)
    assert [row["plan_id"] for row in landed.rows("sales_plan")] == plans


def load_of(toy: Any, name: str) -> str:
    (load_id,) = [record["load_id"] for record in toy.records() if record["file_name"] == name]
    return str(load_id)


def test_some_or_all_loads_of_a_day_are_given_to_another_home(landed: Any, tmp_path: Path) -> None:
    run(landed)
    records = read_records(landed.home)
    whole, part = Home(tmp_path / "whole"), Home(tmp_path / "part")
    write_stubs(whole, landed.contracts)
    write_stubs(part, landed.contracts)
    link_loads(landed.home, whole, records)
    assert state(whole) == state(landed.home)
    lake = day_paths(landed.home, "toy", "sales_plan", DAY).lake
    assert day_paths(whole, "toy", "sales_plan", DAY).lake.samefile(lake)
    link_loads(landed.home, part, records[3:5])
    assert read_records(part) == records[3:5]
    wanted = {record["load_id"] for record in records[3:5]}
    assert {row[-4] for row in state(part)[1]} == wanted
    assert len(state(part)[1]) == 4


def test_the_raw_bytes_of_a_load_are_found_in_the_archive(landed: Any) -> None:
    record = read_records(landed.home)[0]
    before = record_raw(landed.home, record)
    name, names = record["file_name"], before.names()
    content = before.read(name)
    run(landed)
    raw = record_raw(landed.home, record)
    assert (raw.names(), raw.read(name)) == (names, content)
    assert raw.place(name).relative_to(landed.home.raw).parts[2:] == (
        "day_toy.sales_plan_20240105.zip",
        record["load_id"],
        name,
    )
    with raw.file(name) as path:
        assert (path.name, path.read_bytes()) == (name, content)
    assert not path.exists()


def test_a_lake_file_that_is_not_what_its_record_says_stops_it(landed: Any) -> None:
    path = next((landed.home.lake / "toy" / "sales_plan" / "load_date=2024-01-05").iterdir())
    pq.write_table(pq.read_table(path, partitioning=None).slice(1), path)
    files = landed.files()
    with pytest.raises(StorehouseError, match="hold 23 rows, and their records tell of 24"):
        run(landed)
    assert landed.files() == files


def test_a_landing_elsewhere_is_waited_for(landed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(land, "LOCK_SECONDS", 0.1)
    with land.landing_lock(landed.home), pytest.raises(LockedError):
        run(landed)


class Killed(BaseException):
    """The process is gone."""


def kill_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """From the call number `step` on nothing reaches the disk any more."""
    calls = count()

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if next(calls) >= step:
                raise Killed
            return function(*args, **options)

        return call

    for name in ("replace", "rename", "unlink", "rmdir", "fsync"):
        patch.setattr(os, name, dying(getattr(os, name)))


@pytest.mark.parametrize("doing", ["first", "second", "take out"])
def test_a_kill_at_any_step_loses_nothing(
    toy: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    doing: str,
) -> None:
    monkeypatch.setattr(compaction, "MOST_LOADS", 1)
    for number in range(2):
        toy.land(deliver(toy, number))
    toy.land(deliver(toy, 50, day=6))
    if doing != "first":
        run(toy)
        for number in range(2, 4):
            toy.land(deliver(toy, number))
    before, raw = state(toy.home), raw_bytes(toy.home)
    victim = read_records(toy.home)[0]
    kept = shutil.copytree(toy.home.root, tmp_path / "kept")
    for step in count():
        shutil.rmtree(toy.home.root)
        shutil.copytree(kept, toy.home.root)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(step, patch)
            try:
                if doing == "take out":
                    day_files.take_out(toy.home, victim)
                else:
                    run(toy)
                killed = False
            except Killed:
                killed = True
        if step % 2:  # the next landing recovers as the next compaction does
            assert toy.land(deliver(toy, 50, day=6)).status == "already landed"
        else:
            run(toy)
        assert (state(toy.home), raw_bytes(toy.home)) == (before, raw)
        assert not [name for name in toy.files() if "/." in name]
        if not killed:
            break
    assert step > 10
