"""Two states of the warehouse compared: tables, columns, rows by key, and what measures add up to.

All comparisons run in DuckDB on both files, attached read-only. NULL equals NULL, money is exact,
floats are exact unless a tolerance is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.lib.diff.result import Diff, Side, TableDiff
from orchestration.lib.diff.rows import Columns, Comparison
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.meant import meant
from orchestration.lib.project import PUBLISHED_SCHEMAS
from orchestration.lib.publish import versions_in
from orchestration.lib.sql_text import literal

EXAMPLES = 5
# What ops tells of loads and runs: it differs in every build.
_OF_THE_RUNS = {
    *("ops.conservation", "ops.freshness", "ops.loads", "ops.publish", "ops.quarantine_reasons"),
    *("ops.invocations", "ops.model_decisions", "ops.node_results", "ops.run_steps", "ops.runs"),
    "ops.triggers",
}


def find_side(home: Home, name: str) -> Side:
    """The file that a word of the command line means.

    `published`, `working`, `dev`, the id of a kept publish, or the path of a .duckdb file. Raises
    ConfigError when there is no such file.
    """
    named = {
        "published": home.published_file,
        "working": home.warehouse_file,
        "dev": home.dev_file,
    }
    file = named.get(name) or (
        Path(name).expanduser() if name.endswith(".duckdb") else home.versions / f"{name}.duckdb"
    )
    if not file.is_file():
        kept = sorted(path.stem for path in versions_in(home))
        raise ConfigError(
            f"{name} is no warehouse to compare: there is no file {file}.",
            f"{meant(name, [*named, *kept])}Name published, working, dev, the path of a .duckdb "
            f"file or a publish: {', '.join(kept) or 'none'}.",
        )
    publish_id = code_version = None
    with plain_errors(file), duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = 'ops' "
            "and table_name = 'publish' and database_name = current_database()"
        ).fetchall()
        if found[0][0]:
            publish_id, code_version = connection.execute(
                "select publish_id, code_version from ops.publish"
            ).fetchall()[0]
    is_whole = publish_id is not None or _is_same_file(file, home.warehouse_file)
    return Side(name, file.resolve(), is_whole, publish_id, code_version)


def compare(
    before: Side,
    after: Side,
    keys: Mapping[str, Sequence[str]],
    *,
    select: Sequence[str] = (),
    tolerance: float = 0.0,
    limit: int = EXAMPLES,
) -> Diff:
    """Compares every public table, or those that a pattern of `select` names.

    `keys` gives the key columns of `schema.table`; `select` takes `core.fact_sales` or `core.*`,
    also of schemas that are not published. Without it, tables of ops that tell of loads and
    runs are left out. A float is equal within `tolerance`, as a share of the larger value or, below
    1, as such. `limit` is how many rows of each kind are shown by key. Raises ConfigError for a
    pattern that fits no table and where no table is on both sides, StorehouseError for a file that
    cannot be read.
    """
    with _attached(before, after) as (connection, catalogs):
        columns = [_columns(connection, catalog) for catalog in catalogs]
        names = _chosen(columns[0], columns[1], select)
        comparison = Comparison(connection, catalogs, tolerance, limit)
        tables = []
        for name in names:
            first, second = columns[0].get(name), columns[1].get(name)
            if first is None or second is None:
                tables.append(_one_sided(comparison, before, after, name, first is None))
            else:
                tables.append(comparison.table(name, first, second, tuple(keys.get(name, ()))))
    found = Diff(before, after, tolerance, tuple(tables))
    if len(found.names("not built")) == len(tables):
        raise ConfigError(
            f"Nothing was compared, no table is on both sides: {', '.join(names) or 'none'}.",
            "Build what is to be compared, or name other tables or sides.",
        )
    return found


@contextmanager
def _attached(
    before: Side, after: Side
) -> Iterator[tuple[duckdb.DuckDBPyConnection, tuple[str, str]]]:
    """A connection with both files read-only, and their names in it; one file is attached once."""
    is_one = before.file == after.file
    with (
        TemporaryDirectory() as spill,
        duckdb.connect(config={"temp_directory": spill}) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        for catalog, side in (("before", before), ("after", after))[: 1 if is_one else 2]:
            with plain_errors(side.file):
                connection.execute(f"attach {literal(str(side.file))} as {catalog} (read_only)")
        with plain_errors(after.file):
            yield connection, ("before", "before" if is_one else "after")


def _is_same_file(first: Path, second: Path) -> bool:
    return second.exists() and first.samefile(second)


def _columns(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, dict[str, str]]:
    """`schema.table` of every table of a file -> its columns with their types, in order."""
    found: dict[str, dict[str, str]] = {}
    for schema, table, column, data_type in connection.execute(
        """
        select schema_name, table_name, column_name, data_type
        from duckdb_columns() join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = ? order by schema_name, table_name, column_index
        """,
        [catalog],
    ).fetchall():
        found.setdefault(f"{schema}.{table}", {})[column] = data_type
    return found


def _chosen(
    before: Mapping[str, Columns], after: Mapping[str, Columns], select: Sequence[str]
) -> list[str]:
    every = sorted({*before, *after})
    for pattern in select:
        if not any(fnmatchcase(name, pattern) for name in every):
            raise ConfigError(
                f"{pattern} fits no table of either side.",
                "Name a table with its schema, such as core.fact_sales, or core.*; views are not "
                "compared.",
            )
    if select:
        return [name for name in every if any(fnmatchcase(name, pattern) for pattern in select)]
    return [
        name
        for name in every
        if name.partition(".")[0] in PUBLISHED_SCHEMAS and name not in _OF_THE_RUNS
    ]


def _one_sided(
    comparison: Comparison, before: Side, after: Side, name: str, is_added: bool
) -> TableDiff:
    rows = comparison.row_count(1 if is_added else 0, name)
    absent = before if is_added else after
    status = "not built" if not absent.is_whole else "added" if is_added else "removed"
    return TableDiff(name, status, None if is_added else rows, rows if is_added else None)
