"""Where readers put rows and rejects: Parquet files written in bounded pieces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.contracts import Contract
from ingest.landing.stream import printable

ROW_GROUP_ROWS = 120_000
ROW_GROUP_BYTES = 64 * 1024 * 1024
REJECTS_PER_GROUP = 5_000
RAW_LINE_CHARACTERS = 10_000

REJECT_SCHEMA = pa.schema(
    [
        pa.field("load_id", pa.string()),
        pa.field("source_system", pa.string()),
        pa.field("entity", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("line_number", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("raw_line", pa.string()),
    ]
)


def temporary(path: Path) -> Path:
    """The temporary name of a file or folder: hidden, beside its own, matched by no reader."""
    return path.with_name(f".{path.name}.tmp")


def fsync_path(path: Path) -> None:
    """Flushes a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durable(folder: Path) -> None:
    """Makes a folder whose entry, too, is on the disk before any file in it is told of."""
    missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        fsync_path(path.parent)


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer with the settings of every lake file."""
    return pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)


@dataclass
class Sink:
    """Takes rows, rejects and notes of one load and writes the lake and reject files.

    Use as a context manager: leaving it closes both files. `rejects_path` exists only if a row
    was rejected.
    """

    contract: Contract
    load_id: str
    file_name: str
    extracted_at: datetime | None
    loaded_at: datetime
    lake_path: Path
    rejects_path: Path
    rows: int = 0
    rejected: int = 0
    first_reject: str = ""
    notes: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._schema = self.contract.lake_schema
        self._lake = parquet_writer(self.lake_path, self._schema)
        self._rejects: pq.ParquetWriter | None = None
        self._tables: list[pa.Table] = []
        self._table_rows = 0
        self._table_bytes = 0
        self._reject_rows: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush_rows()
                self._flush_rejects()
        finally:
            self._lake.close()
            if self._rejects is not None:
                self._rejects.close()

    def note(self, text: str) -> None:
        """Records something accepted that a reader of the manifest should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, columns: Sequence[pa.Array], row_numbers: pa.Array) -> None:
        """Appends rows: one array per contract column, in contract order, of equal length."""
        count = len(row_numbers)
        if count == 0:
            return
        stamps = self._schema.types[-2:]
        table = pa.Table.from_arrays(
            [
                *columns,
                pa.repeat(pa.scalar(self.load_id, pa.string()), count),
                row_numbers,
                pa.repeat(pa.scalar(self.extracted_at, stamps[0]), count),
                pa.repeat(pa.scalar(self.loaded_at, stamps[1]), count),
            ],
            schema=self._schema,
        )
        self.rows += count
        self._tables.append(table)
        self._table_rows += count
        self._table_bytes += table.nbytes
        if self._table_rows >= ROW_GROUP_ROWS or self._table_bytes >= ROW_GROUP_BYTES:
            self._flush_rows()

    def reject(self, line_number: int, reason: str, raw_line: str) -> None:
        """Records one unreadable row with its line (or ordinal) and the reason."""
        self.rejected += 1
        self.first_reject = self.first_reject or f"line {line_number}: {reason}"
        self._reject_rows.append(
            {
                "load_id": self.load_id,
                "source_system": self.contract.source,
                "entity": self.contract.entity,
                "file_name": self.file_name,
                "line_number": line_number,
                "reason": reason,
                "raw_line": printable(raw_line[:RAW_LINE_CHARACTERS])[:RAW_LINE_CHARACTERS],
            }
        )
        if len(self._reject_rows) >= REJECTS_PER_GROUP:
            self._flush_rejects()

    def _flush_rows(self) -> None:
        if self._tables:
            self._lake.write_table(
                pa.concat_tables(self._tables), row_group_size=ROW_GROUP_ROWS * 2
            )
        self._tables, self._table_rows, self._table_bytes = [], 0, 0

    def _flush_rejects(self) -> None:
        if not self._reject_rows:
            return
        if self._rejects is None:
            self._rejects = parquet_writer(self.rejects_path, REJECT_SCHEMA)
        self._rejects.write_table(pa.Table.from_pylist(self._reject_rows, schema=REJECT_SCHEMA))
        self._reject_rows = []
