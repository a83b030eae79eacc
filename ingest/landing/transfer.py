"""Brings landed loads from one home into another, whole, in part or received at another time."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.home import Home
from ingest.landing.day_files import copy_loads, loads_of
from ingest.landing.records import LOAD_SCHEMA, LoadPaths, day_paths, record_paths, write_record
from ingest.landing.sink import parquet_writer, temporary

_LOADED_AT = "_loaded_at"


def link_loads(home: Home, target: Home, records: Iterable[Mapping[str, Any]]) -> None:
    """Gives `target` the lake files, rejects and records of loads, as they are in `home`.

    Linked where the file system allows it: files of loads are replaced, never changed. Of a day
    that was compacted, and of which not every load is wanted, files with those alone are written.
    """
    by_day: dict[tuple[str, str, date], set[str]] = defaultdict(set)
    for record in records:
        theirs = record_paths(home, record)
        if theirs.record.exists():
            _link_files(theirs, record_paths(target, record))
        else:
            day = (record["source_system"], record["entity"], record["load_date"])
            by_day[day].add(record["load_id"])
    for day, load_ids in by_day.items():
        theirs, ours = day_paths(home, *day), day_paths(target, *day)
        if load_ids == loads_of(theirs):
            _link_files(theirs, ours)
        else:
            copy_loads(theirs, ours, load_ids)


def _link_files(theirs: LoadPaths, ours: LoadPaths) -> None:
    _link(theirs.lake, ours.lake)
    if theirs.rejects.exists():
        _link(theirs.rejects, ours.rejects)
    _link(theirs.record, ours.record)


def receive_load(
    home: Home, target: Home, record: Mapping[str, Any], received_at: datetime
) -> None:
    """Gives `target` a load as if it had been landed there at `received_at` (naive UTC)."""
    theirs, ours = record_paths(home, record), record_paths(target, record)

    def restamped(rows: pa.RecordBatch) -> pa.RecordBatch:
        field = rows.schema.get_field_index(_LOADED_AT)
        kind = rows.schema.field(field)
        stamps = pa.repeat(pa.scalar(received_at, kind.type), rows.num_rows)
        return rows.set_column(field, kind, stamps)

    _rewrite(theirs.lake, ours.lake, restamped)
    if theirs.rejects.exists():
        _link(theirs.rejects, ours.rejects)
    _write(ours, {**record, "received_at": received_at})


def keep_rows(home: Home, record: Mapping[str, Any], row_numbers: pa.Array) -> None:
    """Reduces a load to the rows of these numbers; without any of them it is removed."""
    paths = record_paths(home, record)
    kept = 0

    def reduced(rows: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal kept
        rows = rows.filter(pc.is_in(rows.column("_row_number"), value_set=row_numbers))
        kept += rows.num_rows
        return rows

    _rewrite(paths.lake, paths.lake, reduced)
    if kept:
        _write(paths, {**record, "rows_landed": kept})
        return
    for path in (paths.record, paths.rejects, paths.lake):
        path.unlink(missing_ok=True)


def _rewrite(
    source: Path, target: Path, change: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> None:
    """Writes what `change` makes of each batch of `source`; `target` may be the same file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = temporary(target)
    with pq.ParquetFile(source) as file, parquet_writer(new, file.schema_arrow) as writer:
        for rows in file.iter_batches():
            writer.write_batch(change(rows))
    new.replace(target)


def _write(paths: LoadPaths, record: Mapping[str, Any]) -> None:
    """By rename: where the record is a link, the one it links to stays as it is."""
    paths.record.parent.mkdir(parents=True, exist_ok=True)
    new = temporary(paths.record)
    write_record(new, {name: record[name] for name in LOAD_SCHEMA.names})
    new.replace(paths.record)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
