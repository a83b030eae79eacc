"""The load records, one row per load, and where the parts of a load are.

A record is written last, so that a load exists when its record does. A load lies in files of its
own, or with the others of its day in those of the day (`compact`); where the raw bytes are is a
matter of `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ingest.contracts import Contracts
from ingest.home import Home
from ingest.landing.delivery import load_date
from ingest.landing.sink import REJECT_SCHEMA, fsync_path, parquet_writer, temporary

LOAD_SCHEMA = pa.schema(
    [
        pa.field("load_id", pa.string()),
        pa.field("source_system", pa.string()),
        pa.field("entity", pa.string()),
        pa.field("load_kind", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("format", pa.string()),
        pa.field("encoding", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("content_sha256", pa.string()),
        pa.field("rows_landed", pa.int64()),
        pa.field("rows_rejected", pa.int64()),
        pa.field("extracted_at", pa.timestamp("us")),
        pa.field("received_at", pa.timestamp("us")),
        pa.field("load_date", pa.date32()),
        pa.field("contract_hash", pa.string()),
        pa.field("column_mapping", pa.string()),
        pa.field("notes", pa.string()),
        pa.field("is_modelled", pa.bool_()),
        pa.field("raw_path", pa.string()),
    ]
)
DATE_PREFIX = "load_date="
DAY_PREFIX = "day_"
STUB_DATE = date(1900, 1, 1)
STUB_NAME = "_stub.parquet"


@dataclass(frozen=True)
class LoadPaths:
    """Where the parts of one load live, or those of a day: then `raw` is an archive."""

    raw: Path
    lake: Path
    rejects: Path
    record: Path


def load_paths(home: Home, source: str, entity: str, load_id: str) -> LoadPaths:
    """The paths of a load that lies in files of its own."""
    return _paths(home, source, entity, load_date(load_id), load_id, load_id)


def record_paths(home: Home, record: Mapping[str, Any]) -> LoadPaths:
    """The paths of the load of a record in files of its own, here or in another home."""
    return load_paths(home, record["source_system"], record["entity"], record["load_id"])


def day_paths(home: Home, source: str, entity: str, day: date) -> LoadPaths:
    """The paths of what was compacted of the loads of an entity that declare a day."""
    name = f"{DAY_PREFIX}{source}.{entity}_{day:%Y%m%d}"
    return _paths(home, source, entity, day, name, f"{name}.zip")


def _paths(home: Home, source: str, entity: str, day: date, name: str, raw: str) -> LoadPaths:
    return LoadPaths(
        raw=home.raw / source / entity / raw,
        lake=lake_folder(home, source, entity, day) / f"{name}.parquet",
        rejects=rejects_dir(home) / f"{name}.parquet",
        record=loads_dir(home) / f"{name}.parquet",
    )


def lake_folder(home: Home, source: str, entity: str, day: date) -> Path:
    """The folder of the lake files of the loads of an entity that declare a day."""
    return home.lake / source / entity / f"{DATE_PREFIX}{day.isoformat()}"


def book_schemas() -> dict[str, pa.Schema]:
    """The Arrow schemas of the tables that landing writes about itself."""
    return {"loads": LOAD_SCHEMA, "rejects": REJECT_SCHEMA}


def loads_dir(home: Home) -> Path:
    """The folder of load records."""
    return home.lake / "landing" / "loads"


def rejects_dir(home: Home) -> Path:
    """The folder of rejected rows."""
    return home.lake / "landing" / "rejects"


def find_record(home: Home, source: str, entity: str, load_id: str) -> dict[str, Any] | None:
    """The record of a load as a mapping of column to value; None where there is none."""
    own = load_paths(home, source, entity, load_id).record
    if own.exists():
        return _first(_record_table(own))
    day = day_paths(home, source, entity, load_date(load_id)).record
    if not day.exists():
        return None
    facts = day.stat()
    table, places = _day_records(day, (facts.st_ino, facts.st_mtime_ns, facts.st_size))
    place = places.get(load_id)
    return None if place is None else _first(table.slice(place, 1))


@lru_cache(maxsize=2)  # files are landed, and traced, day by day
def _day_records(path: Path, stamp: tuple[int, ...]) -> tuple[pa.Table, dict[str, int]]:
    table = _record_table(path)
    return table, {load_id: row for row, load_id in enumerate(table["load_id"].to_pylist())}


def _record_table(path: Path) -> pa.Table:
    return pq.read_table(path, schema=LOAD_SCHEMA, partitioning=None)


def _first(table: pa.Table) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pylist()[0]
    return row


def find_lake(home: Home, record: Mapping[str, Any]) -> Path:
    """The lake file that holds the rows of a load: that of its day if its record is there."""
    own = record_paths(home, record)
    if own.record.exists():
        return own.lake
    source, entity = record["source_system"], record["entity"]
    return day_paths(home, source, entity, load_date(record["load_id"])).lake


def read_rows(
    home: Home,
    record: Mapping[str, Any],
    *,
    columns: Sequence[str] | None = None,
    row_numbers: Sequence[int] | None = None,
) -> pa.Table:
    """The lake rows of a load: all, or those of these numbers; `columns` it lacks are left out.

    Raises OSError when its file is gone, pyarrow's errors when it cannot be read.
    """
    path = find_lake(home, record)
    wanted: list[tuple[str, str, Any]] = [("_load_id", "=", record["load_id"])]
    if row_numbers is not None:
        wanted.append(("_row_number", "in", list(row_numbers)))
    if columns is not None:
        present = set(pq.read_schema(path).names)
        columns = [column for column in columns if column in present]
    return pq.read_table(path, columns=columns, filters=wanted, partitioning=None)


def record_files(home: Home) -> list[Path]:
    """The files with load records, those of the latest declared day first, undated ones last."""

    def age(path: Path) -> tuple[str, bool, str]:
        is_day = path.name.startswith(DAY_PREFIX)
        day = path.stem[-8:] if is_day else path.stem[:8]
        return (day if day.isdigit() else "", not is_day, path.name)

    return sorted(loads_dir(home).glob("[!_.]*.parquet"), key=age, reverse=True)


def read_records(home: Home) -> list[dict[str, Any]]:
    """The records of all loads as mappings of column to value, by load id."""
    if not loads_dir(home).is_dir():
        return []
    dataset = ds.dataset(loads_dir(home), schema=LOAD_SCHEMA, format="parquet")
    rows: list[dict[str, Any]] = dataset.to_table().sort_by("load_id").to_pylist()
    return rows


def full_extract_times(home: Home) -> dict[tuple[str, str], set[datetime]]:
    """The declared times of the full extracts that were landed, by (source, entity)."""
    times: dict[tuple[str, str], set[datetime]] = {}
    if not loads_dir(home).is_dir():
        return times
    dataset = ds.dataset(loads_dir(home), schema=LOAD_SCHEMA, format="parquet")
    wanted = ["source_system", "entity", "extracted_at"]
    full = (ds.field("load_kind") == "full") & ds.field("extracted_at").is_valid()
    for row in dataset.to_table(columns=wanted, filter=full).to_pylist():
        times.setdefault((row["source_system"], row["entity"]), set()).add(row["extracted_at"])
    return times


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Writes one load record to `path` and flushes it."""
    with parquet_writer(path, LOAD_SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist([dict(record)], schema=LOAD_SCHEMA))
    fsync_path(path)


def write_stubs(home: Home, contracts: Contracts) -> list[Path]:
    """Writes the empty Parquet file of every entity and of landing's own tables.

    A stub has every column and no row, so a model reads an entity that was never landed like any
    other. Returns the files that were missing or out of date; a second call returns none.
    """
    stubs = {loads_dir(home) / STUB_NAME: LOAD_SCHEMA, rejects_dir(home) / STUB_NAME: REJECT_SCHEMA}
    for source in contracts.values():
        for contract in source.entities.values():
            folder = lake_folder(home, contract.source, contract.entity, STUB_DATE)
            stubs[folder / STUB_NAME] = contract.lake_schema
    return [path for path, schema in stubs.items() if _write_stub(path, schema)]


def _write_stub(path: Path, schema: pa.Schema) -> bool:
    try:
        if pq.read_schema(path).equals(schema):
            return False
    except (OSError, pa.ArrowInvalid):
        path.parent.mkdir(parents=True, exist_ok=True)
    new = temporary(path)
    parquet_writer(new, schema).close()
    fsync_path(new)
    new.replace(path)
    return True
