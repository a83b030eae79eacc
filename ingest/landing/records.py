"""The load records: one row per load, written last, so that a load exists when its record does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ingest.contracts import Contract, Contracts
from ingest.home import Home
from ingest.landing.sink import REJECT_SCHEMA, fsync_path, parquet_writer

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
STUB_DATE = date(1900, 1, 1)
STUB_NAME = "_stub.parquet"


@dataclass(frozen=True)
class LoadPaths:
    """Where the parts of one load live."""

    raw: Path
    lake: Path
    rejects: Path
    record: Path


def load_paths(home: Home, contract: Contract, load_id: str, load_date: date) -> LoadPaths:
    """The final paths of a load."""
    return _paths(home, contract.source, contract.entity, load_id, load_date)


def record_paths(home: Home, record: Mapping[str, Any]) -> LoadPaths:
    """The final paths of the load of a record, here or in another home."""
    return _paths(
        home,
        record["source_system"],
        record["entity"],
        record["load_id"],
        record["load_date"],
    )


def _paths(home: Home, source: str, entity: str, load_id: str, load_date: date) -> LoadPaths:
    lake = home.lake / source / entity / f"load_date={load_date.isoformat()}"
    return LoadPaths(
        raw=home.raw / source / entity / load_id,
        lake=lake / f"{load_id}.parquet",
        rejects=rejects_dir(home) / f"{load_id}.parquet",
        record=loads_dir(home) / f"{load_id}.parquet",
    )


def book_schemas() -> dict[str, pa.Schema]:
    """The Arrow schemas of the tables that landing writes about itself."""
    return {"loads": LOAD_SCHEMA, "rejects": REJECT_SCHEMA}


def loads_dir(home: Home) -> Path:
    """The folder of load records."""
    return home.lake / "landing" / "loads"


def rejects_dir(home: Home) -> Path:
    """The folder of rejected rows."""
    return home.lake / "landing" / "rejects"


def read_record(path: Path) -> dict[str, Any]:
    """One load record as a mapping of column to value."""
    rows: list[dict[str, Any]] = pq.read_table(
        path, schema=LOAD_SCHEMA, partitioning=None
    ).to_pylist()
    return rows[0]


def read_records(home: Home) -> list[dict[str, Any]]:
    """The records of all loads as mappings of column to value, by load id."""
    files = sorted(loads_dir(home).glob("[!_.]*.parquet"))
    return [read_record(path) for path in files]


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
            path = load_paths(home, contract, "", STUB_DATE).lake.with_name(STUB_NAME)
            stubs[path] = contract.lake_schema
    return [path for path, schema in stubs.items() if _write_stub(path, schema)]


def _write_stub(path: Path, schema: pa.Schema) -> bool:
    try:
        if pq.read_schema(path).equals(schema):
            return False
    except (OSError, pa.ArrowInvalid):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    parquet_writer(temporary, schema).close()
    fsync_path(temporary)
    temporary.replace(path)
    return True
