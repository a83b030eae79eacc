"""Which reading of a load counted when, after the same bytes were read in another encoding."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.errors import ConfigError, StorehouseError
from ingest.home import Home
from ingest.landing.delivery import parse_moment
from ingest.landing.readings import Reading, current_reading, reading_at
from ingest.landing.records import read_records, record_paths
from ingest.landing.transfer import keep_rows, link_loads, receive_load
from orchestration.lib.rebuild.as_known import choose_loads, rebuild_lake

CONTENT = "sale_id,remark\n1,café\n2,tea\n".encode("latin-1")
MICROSECOND = timedelta(microseconds=1)


def land_three_times(toy: Any) -> tuple[list[Reading], dict[str, Any]]:
    """One file read as UTF-8, Latin-1 and CP437; the readings in that order, and its record."""
    readings = []
    for encoding in (None, "latin-1", "cp437"):
        toy.land("sales_20240105.csv", CONTENT, encoding=encoding)
        (record,) = read_records(toy.home)
        readings.append(current_reading(record))
    return readings, record


def test_each_reading_counts_until_the_next(toy: Any) -> None:
    readings, record = land_three_times(toy)
    assert [reading.rows_landed for reading in readings] == [1, 2, 2]
    for reading in readings:
        assert reading_at(toy.home, record, reading.received_at) == reading
    first, second, _ = readings
    assert reading_at(toy.home, record, second.received_at - MICROSECOND) == first
    assert reading_at(toy.home, record, first.received_at - MICROSECOND) is None


def test_without_the_raw_zone_it_cannot_be_told(toy: Any) -> None:
    readings, record = land_three_times(toy)
    shutil.rmtree(record_paths(toy.home, record).raw)
    assert reading_at(toy.home, record, readings[2].received_at) == readings[2]
    with pytest.raises(StorehouseError, match="cannot be told"):
        reading_at(toy.home, record, readings[1].received_at)


def remarks(home: Home) -> list[str]:
    (record,) = read_records(home)
    table = pq.read_table(record_paths(home, record).lake, partitioning=None)
    return sorted(table.column("remark").to_pylist())


def test_a_rebuild_reads_a_replaced_load_as_it_was(toy: Any, tmp_path: Any) -> None:
    readings, _ = land_three_times(toy)
    expected = [["tea"], ["café", "tea"], ["cafΘ", "tea"]]
    for number, (reading, words) in enumerate(zip(readings, expected, strict=True)):
        target = Home(tmp_path / str(number))
        rebuild_lake(
            toy.home, toy.contracts, target, known_at=None, received_by=reading.received_at
        )
        assert remarks(target) == words
    assert remarks(toy.home) == expected[2]


def test_a_replaced_load_whose_bytes_are_gone_is_an_error(toy: Any, tmp_path: Any) -> None:
    readings, record = land_three_times(toy)
    (record_paths(toy.home, record).raw / "sales_20240105.csv").unlink()
    with pytest.raises(StorehouseError, match="no longer has its bytes"):
        rebuild_lake(
            toy.home,
            toy.contracts,
            Home(tmp_path / "target"),
            known_at=None,
            received_by=readings[0].received_at,
        )


def test_loads_are_chosen_by_declared_time_and_by_arrival(toy: Any) -> None:
    for day in (5, 3, 4):  # arrives in this order
        toy.land(f"sales_2024010{day}.csv", f"sale_id\n{day}\n")
    records = read_records(toy.home)
    arrived = sorted(record["received_at"] for record in records)

    def days(known_at: datetime | None, received_by: datetime | None) -> list[int]:
        chosen = choose_loads(toy.home, records, known_at, received_by)
        return [load.record["extracted_at"].day for load in chosen]

    assert days(datetime(2024, 1, 4), None) == [3, 4]
    assert days(None, arrived[1]) == [3, 5]
    assert days(datetime(2024, 1, 4), arrived[1]) == [3]
    assert days(None, None) == [3, 4, 5]
    with pytest.raises(ConfigError, match="the first extract declares 2024-01-03T00:00:00Z"):
        days(datetime(2024, 1, 2), None)
    with pytest.raises(ConfigError, match="the first load came at"):
        days(None, arrived[0] - MICROSECOND)
    with pytest.raises(ConfigError, match="Nothing was landed"):
        choose_loads(toy.home, [], datetime(2024, 1, 4), None)


def test_changing_a_linked_load_leaves_the_original(toy: Any, tmp_path: Any) -> None:
    toy.land("sales_20240105.csv", "sale_id,remark\n1,a\n2,b\n3,c\n")
    (record,) = read_records(toy.home)
    target = Home(tmp_path / "target")
    link_loads(toy.home, target, [record])
    keep_rows(target, record, pa.array([2, 4]))  # lines of the file
    assert remarks(target) == ["a", "c"]
    assert [found["rows_landed"] for found in read_records(target)] == [2]
    keep_rows(target, record, pa.array([], pa.int64()))
    assert read_records(target) == []
    assert (remarks(toy.home), read_records(toy.home)) == (["a", "b", "c"], [record])


def test_a_load_received_elsewhere_has_its_own_arrival(toy: Any, tmp_path: Any) -> None:
    toy.land("sales_20240105.csv", "sale_id,remark\n1,a\n")
    (record,) = read_records(toy.home)
    target, later = Home(tmp_path / "target"), datetime(2030, 1, 1)
    receive_load(toy.home, target, record, later)
    assert read_records(target) == [{**record, "received_at": later}]
    lake = pq.read_table(record_paths(target, record).lake, partitioning=None)
    assert lake.column("_loaded_at").to_pylist() == [later]
    assert lake.column("_extracted_at").to_pylist() == [datetime(2024, 1, 5)]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", datetime(2024, 1, 31)),
        ("2024-01-31T06:00:00.25+01:00", datetime(2024, 1, 31, 5, 0, 0, 250_000)),
        ("20240131T060000000250Z", datetime(2024, 1, 31, 6, 0, 0, 250)),  # id of a publish
    ],
)
def test_a_moment_is_read_to_the_microsecond(text: str, moment: datetime) -> None:
    assert parse_moment(text, "time") == moment


def test_a_moment_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="The time of --known-at 'soon' is not a time"):
        parse_moment("soon", "time of --known-at")
