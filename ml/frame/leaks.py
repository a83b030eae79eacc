"""Do features know the future? They are built again from what was known at a snapshot.

Of what was delivered, the rows that became known after the snapshot are taken away; intermediate
relations and the feature table are built of what is left. Of an intermediate row, what it says
became known later is forgotten too. Every row that the feature table says was known by then must
come out the same, byte for byte, and it must have every row of the rebuild: a table of what
survived knows what did not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

KNOWN = ("available_at", "_available_at", "known_at")
_SUFFIX = "_available_at"
_FEATURES, _INTERMEDIATE = "features.", "intermediate."


@dataclass(frozen=True)
class Relation:
    """A relation of the warehouse: its quoted name, the SQL it is made by, and its parents.

    `sql` is None where rows are given, as in a seed.
    """

    name: str
    sql: str | None
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Leak:
    """A column that a rebuild contradicts, or of the key of rows too many or too few; how many."""

    table: str
    column: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def find_leaks(
    warehouse_file: Path,
    table: str,
    relations: Mapping[str, Relation],
    key: Sequence[str],
    labels: Sequence[str],
    snapshots: Sequence[datetime],
    *,
    may_vanish: str = "false",
) -> list[Leak]:
    """The columns of a feature table (`schema.name`) that know more than they could have known.

    `relations` holds the table and its ancestors by `schema.name`; `labels` are columns that may
    know the future; a snapshot is UTC. A row that only the table or only the rebuild has is a leak
    of every column of the key; `may_vanish` is SQL that is true of rows which the table need not
    have any more. Raises duckdb.Error when the file cannot be read.
    """
    found: dict[str, int] = {}
    for snapshot in snapshots:
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(
                f"attach '{warehouse_file}' as {_catalog(relations[table])} (read_only)"
            )
            connection.execute("attach ':memory:' as audit")
            columns = _columns(connection, relations[table].name)
            rebuilt = _rebuild(connection, table, relations, snapshot, set())
            kept = [name for name in columns if name not in labels]
            actual = relations[table].name
            counts = _differences(connection, actual, rebuilt, kept, key, snapshot)
            vanished = _vanished(connection, actual, rebuilt, key, snapshot, may_vanish)
            if vanished:
                counts |= {name: max(vanished, counts.get(name, 0)) for name in key}
        for name, rows in counts.items():
            found[name] = max(found.get(name, 0), rows)
    return [Leak(table, name, rows) for name, rows in sorted(found.items())]


def snapshots_of(warehouse_file: Path, table: str) -> list[datetime]:
    """Two instants of each source, with enough known before them and enough learned after."""
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        found = connection.execute(
            f"select quantile_disc(available_at, [0.3, 0.6]) from {table} group by source_system"
        ).fetchall()
    return sorted({instant for (instants,) in found for instant in instants or ()})


def _rebuild(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    relations: Mapping[str, Relation],
    snapshot: datetime,
    built: set[str],
) -> str:
    """Builds a relation as it would have been; returns its name in the scratch catalog."""
    relation = relations[table]
    sql = relation.sql or ""
    for parent in relation.parents:
        if parent not in built:
            _build_parent(connection, parent, relations, snapshot, built)
        sql = sql.replace(relations[parent].name, _scratch(parent))
    columns = _columns(connection, relation.name)
    known = _known(columns)
    if known is not None and not table.startswith(_FEATURES):  # features are put to the test
        sql = _as_known(f"({sql})", columns, known, snapshot)
    return _create(connection, table, sql)


def _build_parent(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    relations: Mapping[str, Relation],
    snapshot: datetime,
    built: set[str],
) -> None:
    relation = relations[table]
    columns = _columns(connection, relation.name)
    known = _known(columns)
    is_derived = table.startswith((_FEATURES, _INTERMEDIATE))
    if relation.sql is not None and (is_derived or known is None):
        _rebuild(connection, table, relations, snapshot, built)
    elif known is None:
        _create(connection, table, f"select * from {relation.name}")
    else:
        _create(connection, table, _as_known(relation.name, columns, known, snapshot))
    built.add(table)


def _known(columns: Sequence[str]) -> str | None:
    """The column that says when a row became known."""
    return next((name for name in KNOWN if name in columns), None)


def _as_known(name: str, columns: Sequence[str], known: str, snapshot: datetime) -> str:
    """Rows known by the snapshot; of what became known of them later, nothing."""
    later = {column.removesuffix(_SUFFIX) for column in columns if column.endswith(_SUFFIX)}
    expressions = []
    for column in columns:
        stem = column.removesuffix(_SUFFIX).removesuffix("_at")
        if stem in later:
            guard = f"\"{stem}{_SUFFIX}\" <= timestamp '{snapshot}'"
            expressions.append(f'case when {guard} then "{column}" end as "{column}"')
        else:
            expressions.append(f'"{column}"')
    return (
        f"select {', '.join(expressions)} from {name} as known "
        f'where "{known}" <= timestamp \'{snapshot}\' or "{known}" is null'
    )


def _differences(
    connection: duckdb.DuckDBPyConnection,
    actual: str,
    rebuilt: str,
    columns: Sequence[str],
    key: Sequence[str],
    snapshot: datetime,
) -> dict[str, int]:
    """Rows known by the snapshot that the rebuild lacks or gives otherwise, by column."""
    counts = ", ".join(
        f'count(*) filter (where actual."{name}" is distinct from rebuilt."{name}")'
        for name in columns
    )
    row = connection.execute(
        f"select {counts} from {actual} as actual left join {rebuilt} as rebuilt on {_same(key)} "
        "where actual.available_at <= ?",
        [snapshot],
    ).fetchall()[0]
    return {name: count for name, count in zip(columns, row, strict=True) if count}


def _vanished(
    connection: duckdb.DuckDBPyConnection,
    actual: str,
    rebuilt: str,
    key: Sequence[str],
    snapshot: datetime,
    may_vanish: str,
) -> int:
    """Rows that were there at the snapshot and are not in the table, but should be."""
    rows = connection.execute(
        f"select count(*) from {rebuilt} as rebuilt anti join {actual} as actual on {_same(key)} "
        f"where rebuilt.available_at <= ? and ({may_vanish}) is not true",
        [snapshot],
    ).fetchall()
    return int(rows[0][0])


def _same(key: Sequence[str]) -> str:
    return " and ".join(f'actual."{name}" = rebuilt."{name}"' for name in key)


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [row[0] for row in connection.execute(f"describe {name}").fetchall()]


def _create(connection: duckdb.DuckDBPyConnection, table: str, sql: str) -> str:
    name = _scratch(table)
    connection.execute(f'create schema if not exists audit."{table.partition(".")[0]}"')
    connection.execute(f"create or replace table {name} as {sql}")
    return name


def _scratch(table: str) -> str:
    schema, _, name = table.partition(".")
    return f'audit."{schema}"."{name}"'


def _catalog(relation: Relation) -> str:
    return relation.name.partition(".")[0]
