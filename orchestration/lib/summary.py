"""What a run leaves behind, read from the warehouse, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from ingest.home import Home
from orchestration.lib.publish import read_publish_record
from orchestration.lib.run import RunOutcome

_QUARANTINE = """
    select source_system || '.' || entity as entity, reasons, row_count
    from ops.quarantine_reasons order by row_count desc, entity, reasons limit 12
"""
_LOADS = """
    select
        source_system || '.' || entity as entity, load_count, rows_landed,
        coalesce(strftime(last_extracted_at, '%Y-%m-%d %H:%M'), 'undated') as extracted,
        strftime(last_received_at, '%Y-%m-%d %H:%M') as received
    from ops.freshness order by all
"""
_CONSERVATION = """
    select
        coalesce(sum(rows_landed), 0), coalesce(sum(rows_staged), 0),
        coalesce(sum(rows_quarantined), 0), coalesce(sum(rows_duplicate), 0),
        coalesce(sum(rows_not_modelled), 0), coalesce(sum(rows_rejected), 0),
        coalesce(sum(rows_unaccounted), 0)
    from ops.conservation
"""
_LAST_TESTS = """
    select node_status, count(*) from (
        select node_status from ops.node_results where resource_type = 'test'
        qualify row_number() over (partition by unique_id order by invoked_at desc) = 1
    ) group by all order by all
"""


def print_run(console: Console, home: Home, outcome: RunOutcome) -> None:
    """Loads, tables with rows, tests, quarantine by reason, durations and the file for BI."""
    if home.warehouse_file.exists():
        with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
            if _has_schema(connection, "ops"):
                _print_contents(console, connection)
    console.print(_durations(outcome), style="dim", markup=False)
    if outcome.success:
        console.print(f"Published for BI: {home.published_file}", style="bold green", markup=False)
    for failure in outcome.failures:
        console.print(f"{failure.step} failed: {failure.message}", style="bold red", markup=False)


def print_status(console: Console, home: Home) -> None:
    """What is where: zones, loads, the working file and the published one."""
    console.print(f"Home: {home.root}", style="bold", markup=False)
    record = read_publish_record(home)
    if record is None:
        console.print("Published: nothing yet. Run `storehouse run`.", markup=False)
    else:
        rows = sum(table["rows"] for table in record["tables"])
        console.print(
            f"Published: {home.published_file}\n"
            f"  {record['publish_id']} at {record['published_at']}, code {record['code_version']}, "
            f"{len(record['tables'])} tables, {rows:,} rows from {record['load_count']} loads",
            markup=False,
        )
        with duckdb.connect(str(home.published_file), read_only=True) as connection:
            _print_contents(console, connection)
    versions = sorted((home.published / "versions").glob("*.duckdb"))
    console.print(f"Versions kept: {len(versions)}", markup=False)
    for zone in (home.extracts, home.raw, home.lake, home.warehouse, home.scores):
        console.print(f"  {zone.name:<10} {_size(zone):>10}  {zone}", markup=False)


def _print_contents(console: Console, connection: duckdb.DuckDBPyConnection) -> None:
    loads = connection.execute(_LOADS).fetchall()
    heads = ("entity", "loads", "rows", "extracted", "received")
    console.print(_table("Loads", heads, loads))
    tables = connection.execute(
        """
        select table_schema || '.' || table_name from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema in (
            'core', 'customers', 'marketing', 'inventory', 'finance', 'features', 'insights'
        ) and table_catalog = current_database() order by all
        """
    ).fetchall()
    counts = []
    for (name,) in tables:
        counts.append((name, *connection.execute(f"select count(*) from {name}").fetchall()[0]))
    console.print(_table("Tables", ("table", "rows"), counts))
    quarantine = connection.execute(_QUARANTINE).fetchall()
    if quarantine:
        console.print(_table("Quarantine", ("entity", "reasons", "rows"), quarantine))
    landed, staged, refused, repeated, unmodelled, rejected, lost = connection.execute(
        _CONSERVATION
    ).fetchall()[0]
    console.print(
        f"{landed:,} rows landed = {staged:,} staged + {refused:,} quarantined + {repeated:,} "
        f"duplicate + {unmodelled:,} not modelled yet; {lost:,} unaccounted for. "
        f"{rejected:,} lines rejected.",
        markup=False,
    )
    tests = connection.execute(_LAST_TESTS).fetchall()
    listed = ", ".join(f"{count:,} {status}" for status, count in tests)
    console.print(f"Data tests: {listed or 'none'}", markup=False)


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in heads:
        numeric = head in {"rows", "loads"}
        table.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return table


def _durations(outcome: RunOutcome) -> str:
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in outcome.step_seconds.items())
    return f"{outcome.seconds:.1f} s in all: {steps}"


def _has_schema(connection: duckdb.DuckDBPyConnection, schema: str) -> bool:
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? "
        "and table_name = 'conservation'",
        [schema],
    ).fetchall()
    return bool(found[0][0])


def _size(zone: Path) -> str:
    total = sum(path.stat().st_size for path in zone.rglob("*") if path.is_file())
    return f"{total / 1_000_000:,.1f} MB"
