"""The delivered rows of an entity that hold given keys, from the judged table back to the file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.contracts import Contract, load_contracts
from ingest.home import Home
from ingest.landing.raw import record_raw
from ingest.landing.records import find_record, read_rows
from ingest.pii import KEY_FILE, KEY_VARIABLE, pii_key
from orchestration.lib.sql_text import quoted, quoted_table
from orchestration.lib.trace.lineage import Staged
from orchestration.lib.trace.masked_row import masked_row
from orchestration.lib.trace.result import LandedEntity, LandedRow, Row

_LINES = {"csv", "ndjson"}  # formats in which the row number is the line of the file


class LandedRows:
    """Finds delivered rows by key in an open working file and in the lake beside it."""

    def __init__(self, home: Home, connection: duckdb.DuckDBPyConnection, limit: int) -> None:
        self.home = home
        self.connection = connection
        self.limit = limit
        self._contracts = load_contracts()
        self._load = cache(self._read_load)

    def columns(self, table: str) -> list[str]:
        """The columns of `schema.table` in the working file; none when it is not there."""
        schema, _, name = table.partition(".")
        rows = self.connection.execute(
            "select column_name from information_schema.columns where table_schema = ? "
            "and table_name = ? and table_catalog = current_database() order by ordinal_position",
            [schema, name],
        ).fetchall()
        return [row[0] for row in rows]

    def find(self, staged: Staged, by: Row) -> LandedEntity | None:
        """The rows of an entity with these values under the names of its staging view.

        Where they are accepted, the rows of the same key that were superseded, refused or
        duplicates are found too; where none is accepted, those of the key itself. None when
        there is no such row.
        """
        judged = quoted_table(staged.table)
        wanted = " and ".join(f"cast({quoted(column)} as varchar) = ?" for column in by)
        accepted = f"select _load_id, _row_number from {quoted_table(staged.view)} where {wanted}"
        values = list(by.values())
        if not staged.key:
            chosen, parameters = f"(_load_id, _row_number) in ({accepted})", values
        else:
            key = ", ".join(map(quoted, staged.key))
            chosen = (
                f"({key}) in (select ({key}) from {judged} "
                f"where (_load_id, _row_number) in ({accepted}))"
            )
            parameters = values
            if set(staged.view_key) == set(by):
                named = dict(zip(staged.view_key, staged.key, strict=True))
                direct = " and ".join(f"cast({quoted(named[name])} as varchar) = ?" for name in by)
                chosen, parameters = f"({chosen} or ({direct}))", [*values, *values]
        rows = self.connection.execute(
            f"""
            with chosen as (select * from {judged} where {chosen}),
            ranked as (
                select
                    *,
                    count(*) over () as all_rows,
                    row_number() over latest as recency,
                    lag(_load_id || ' ' || _row_number) over latest as superseded_by
                from chosen
                window latest as (
                    partition by {", ".join([*map(quoted, staged.key), "_status"])}
                    order by {_latest_first(staged, self.columns(staged.table))}
                )
            )
            select
                all_rows, _load_id, _row_number, _status, _reasons, recency, superseded_by,
                cast(_extracted_at as varchar)
            from ranked
            order by _status, recency, {", ".join([*map(quoted, staged.key), "_row_number"])}
            limit {max(self.limit, 1)}
            """,
            parameters,
        ).fetchall()
        if not rows:
            return None
        contract = self._contracts[staged.source].entities[staged.entity]
        contents = self._contents(contract, [(row[1], row[2]) for row in rows])
        landed = tuple(
            self._landed(
                row,
                self._load(contract.source, contract.entity, row[1]),
                contents.get((row[1], row[2])),
                has_key=bool(staged.key),
            )
            for row in rows
        )
        return LandedEntity(f"{staged.source}.{staged.entity}", dict(by), rows[0][0], landed)

    def agreed(self, staged: Staged, by: Row, names: Sequence[str]) -> dict[str, str]:
        """The values of columns of the staging view on which all accepted rows of a key agree."""
        present = [name for name in names if name in self.columns(staged.view)]
        if not present:
            return {}
        wanted = " and ".join(f"cast({quoted(column)} as varchar) = ?" for column in by)
        rows = self.connection.execute(
            "select "
            + ", ".join(f"min({quoted(n)}::varchar), max({quoted(n)}::varchar)" for n in present)
            + f" from {quoted_table(staged.view)} where {wanted}",
            list(by.values()),
        ).fetchall()
        bounds = rows[0]
        return {
            name: bounds[2 * number]
            for number, name in enumerate(present)
            if bounds[2 * number] is not None and bounds[2 * number] == bounds[2 * number + 1]
        }

    def _landed(
        self,
        row: tuple[Any, ...],
        record: Mapping[str, Any],
        content: Mapping[str, Any] | None,
        *,
        has_key: bool,
    ) -> LandedRow:
        _, load_id, row_number, status, reasons, recency, superseded_by, extracted_at = row
        state = status
        if status == "accepted":
            state = "latest" if recency == 1 or not has_key else "superseded"
        file, is_file_kept = self._file(record)
        return LandedRow(
            load_id=load_id,
            row_number=row_number,
            unit="line" if record.get("format") in _LINES else "record",
            state=state,
            reasons=reasons,
            superseded_by=superseded_by if state == "superseded" else None,
            file=str(file),
            is_file_kept=is_file_kept,
            extracted_at=extracted_at,
            received_at=str(record["received_at"]) if record else None,
            content=content,
        )

    def _file(self, record: Mapping[str, Any]) -> tuple[Path, bool]:
        """Where the delivered file of a load is, from the home on, and whether it is there."""
        if not record:
            return Path(), False
        raw, name = record_raw(self.home, record), record["file_name"]
        return raw.place(name).relative_to(self.home.root), name in raw.names()

    def _read_load(self, source: str, entity: str, load_id: str) -> dict[str, Any]:
        return find_record(self.home, source, entity, load_id) or {}

    def _contents(
        self, contract: Contract, wanted: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], dict[str, Any]]:
        """The masked content of rows of the lake, by load and row number."""
        key = self._key()
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for load_id in {load_id for load_id, _ in wanted}:
            record = self._load(contract.source, contract.entity, load_id)
            if not record or key is None:
                continue
            numbers = [number for load, number in wanted if load == load_id]
            try:
                table = read_rows(self.home, record, row_numbers=numbers)
            except (OSError, pa.ArrowException):  # a lake that was pruned
                continue
            for row in table.to_pylist():
                found[load_id, row["_row_number"]] = masked_row(row, contract, key)
        return found

    def _key(self) -> bytes | None:
        """The key of the tokens; without one no content is shown, and none is made by reading."""
        if KEY_VARIABLE not in os.environ and not (self.home.secrets / KEY_FILE).exists():
            return None
        return pii_key(self.home)


def _latest_first(staged: Staged, columns: Sequence[str]) -> str:
    """The order of the macro latest_rows, with the place of the row for what ties in it."""
    if staged.load_kind == "increment":
        order = "updated_at desc, case op when 'I' then 0 when 'U' then 1 else 2 end desc"
    else:
        order = "_extracted_at desc nulls last"
    if "_content_hash" in columns:  # of events one row is accepted, whatever it says
        order += ", _content_hash desc"
    return f"{order}, _load_id, _row_number"
