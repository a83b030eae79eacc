"""Compares two published files: every table by rows and hash, and what they tell of the loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.lib.publish import TableRecord, table_records
from orchestration.lib.sql_text import quoted_table

# Of ops, which else tells of loads and clocks: what follows from the rows alone.
_OPS = {
    "ops.findings": "select * from ops.findings",
    "ops.conservation": (
        "select source_system, entity, sum(rows_staged), sum(rows_unaccounted) "
        "from ops.conservation group by all having sum(rows_staged + rows_unaccounted) > 0"
    ),
}


@dataclass(frozen=True)
class Comparison:
    """A table in both files: its rows in each (None where it is missing), and whether it is equal.

    `only_in_first` and `only_in_second` count rows that the other file does not have.
    """

    table: str
    first_rows: int | None
    second_rows: int | None
    is_equal: bool
    only_in_first: int = 0
    only_in_second: int = 0


def compare_files(first: Path, second: Path) -> list[Comparison]:
    """Compares the business tables of two published files, by name, then what ops says of rows."""
    with duckdb.connect() as connection:
        for name, file in (("first", first), ("second", second)):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        records = {name: _records(connection, name) for name in ("first", "second")}
        tables = sorted(records["first"].keys() | records["second"].keys())
        compared = [
            _comparison(
                connection, table, records["first"].get(table), records["second"].get(table)
            )
            for table in tables
        ]
        return compared + [_queries(connection, name, query) for name, query in _OPS.items()]


def _records(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, TableRecord]:
    connection.execute(f"use {name}")
    return {
        f"{record.schema}.{record.table}": record
        for record in table_records(connection)
        if record.schema != "ops"
    }


def _comparison(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    first: TableRecord | None,
    second: TableRecord | None,
) -> Comparison:
    if first is None or second is None:
        rows = [None if record is None else record.rows for record in (first, second)]
        return Comparison(table, rows[0], rows[1], False)
    if first == second:
        return Comparison(table, first.rows, second.rows, True)
    query = f"select * from {quoted_table(table)}"
    return _differing(connection, table, query, first.rows, second.rows)


def _queries(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> Comparison:
    rows = []
    for file in ("first", "second"):
        connection.execute(f"use {file}")
        found = connection.execute(f"select count(*) from ({query})").fetchall()
        rows.append(int(found[0][0]))
    return _differing(connection, name, query, *rows)


def _differing(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, first_rows: int, second_rows: int
) -> Comparison:
    for file in ("first", "second"):
        connection.execute(f"use {file}")
        connection.execute(f"create or replace temp table rows_of_{file} as {query}")
    only = []
    for here, there in (("first", "second"), ("second", "first")):
        try:
            found = connection.execute(
                f"select count(*) from (from rows_of_{here} except all from rows_of_{there})"
            ).fetchall()
        except duckdb.BinderException:  # other columns
            return Comparison(name, first_rows, second_rows, False, first_rows, second_rows)
        only.append(int(found[0][0]))
    return Comparison(name, first_rows, second_rows, not any(only), *only)
