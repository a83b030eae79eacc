"""What a run leaves behind, read from the warehouse, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ingest.errors import StorehouseError
from ingest.home import Home
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.project import PUBLISHED_SCHEMAS
from orchestration.lib.publish import read_publish_record, versions_in
from orchestration.lib.versions import KeptVersion, rolled_back

if TYPE_CHECKING:
    from orchestration.lib.run import Refusal, RunOutcome

MOST_REASONS = 12
_STAGES = {
    "land": "land",
    "warehouse": "build",
    "insights": "insights",
    "published__storehouse": "publish",
}
_LOADS = """
    select
        source_system || '.' || entity as entity, load_count, rows_landed,
        coalesce(strftime(last_extracted_at, '%Y-%m-%d %H:%M'), 'undated') as extracted,
        strftime(last_received_at, '%Y-%m-%d %H:%M') as received
    from ops.freshness order by all
"""
_QUARANTINE = """
    select source_system || '.' || entity as entity, reasons, row_count
    from ops.quarantine_reasons order by row_count desc, entity, reasons
"""
_FINDINGS = """
    select source_system, finding, detail, row_count, net_amount, currency
    from ops.findings order by all
"""
_MODELS = """
    select model, served_by, coalesce('v' || version, ''), reason from ops.model_decisions
    qualify row_number() over (partition by model order by decided_at desc) = 1
    order by model
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
        select node_status from ops.node_results
        where resource_type = 'test' and invoked_at >= ?
        qualify row_number() over (partition by unique_id order by invoked_at desc) = 1
    ) group by all order by all
"""


def print_run(console: Console, home: Home, outcome: RunOutcome) -> None:
    """Loads, tables with rows, quarantine by reason, tests, durations and the file for BI.

    A run that failed shows what failed instead of the tables, which are half built.
    """
    if home.warehouse_file.exists():
        try:
            with plain_errors(home.warehouse_file), _reading(home.warehouse_file) as connection:
                _print_contents(
                    console, connection, with_tables=outcome.success, since=outcome.started_at
                )
        except StorehouseError as error:  # the run's own failure matters more and follows below
            if all(str(error) != failure.message for failure in outcome.failures):
                console.print(str(error), style="yellow", markup=False)
    if outcome.refusals:
        _print_refusals(console, home, outcome.refusals)
    console.print()
    console.print(_durations(outcome), style="dim", markup=False)
    for failure in outcome.failures:
        stage = _stage(failure.step)
        console.print(Text(f"{stage} failed: ", "bold red") + Text(failure.message))
    if outcome.success:
        _print_published(console, home)
    else:
        served = "the file served before stays as it is" if home.published_file.exists() else ""
        console.print(
            f"Nothing was published{'; ' if served else ''}{served}. The full log is "
            f"{home.logs / 'run.log'}.",
            style="bold red",
            markup=False,
        )


def print_status(console: Console, home: Home) -> None:
    """What is where: zones, loads, the working file and the published one.

    Raises StorehouseError when the published file cannot be read.
    """
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
        with plain_errors(home.published_file), _reading(home.published_file) as connection:
            _print_contents(console, connection)
        console.print()
    if record is not None and (done := rolled_back(home, record["publish_id"])):
        console.print(
            f"Rolled back at {done.rolled_back_at} instead of {done.instead_of}.",
            style="yellow",
            markup=False,
        )
    console.print(f"Versions kept: {len(versions_in(home))}", markup=False)
    for zone in (home.extracts, home.raw, home.lake, home.warehouse, home.scores, home.runs):
        console.print(f"  {zone.name:<10} {_size(zone):>10}  {zone}", markup=False)


def print_versions(console: Console, versions: Sequence[KeptVersion]) -> None:
    """The kept versions of the published file, the latest first."""
    heads = ("publish_id", "published", "tables", "rows", "size", "code", "is")
    lines: list[tuple[object, ...]] = []
    for version in versions:
        size = f"{version.bytes / 1_000_000:,.1f} MB"
        served = "served" if version.is_served else ""
        if version.record is None:
            lines.append((version.publish_id, "record damaged", "", "", size, "", served))
            continue
        published = version.record["published_at"].replace("T", " ")[:16]
        tables, code = len(version.record["tables"]), version.record["code_version"]
        lines.append((version.publish_id, published, tables, version.rows, size, code, served))
    _print_table(console, "Versions", heads, lines)


def _reading(file: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(file), read_only=True)


def _print_contents(
    console: Console,
    connection: duckdb.DuckDBPyConnection,
    *,
    with_tables: bool = True,
    since: datetime = datetime.min,
) -> None:
    """What the open file says about itself; parts that were not built yet are left out."""
    present = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = current_database() and table_type = 'BASE TABLE'"
        ).fetchall()
    }
    if "ops.freshness" in present:
        loads = connection.execute(_LOADS).fetchall()
        _print_table(console, "Loads", ("entity", "loads", "rows", "extracted", "received"), loads)
    if with_tables:
        shown = sorted(name for name in present if name.partition(".")[0] in PUBLISHED_SCHEMAS)
        counts = []
        for name in shown:
            schema, _, table = name.partition(".")
            if schema != "ops":
                rows = connection.execute(f'select count(*) from "{schema}"."{table}"').fetchall()
                counts.append((schema, table, int(rows[0][0])))
        _print_row_counts(console, counts)
    if "ops.quarantine_reasons" in present:
        quarantine = connection.execute(_QUARANTINE).fetchall()
        if quarantine:
            shown_reasons = quarantine[:MOST_REASONS]
            _print_table(console, "Quarantine", ("entity", "reasons", "rows"), shown_reasons)
            if more := sum(row[2] for row in quarantine[MOST_REASONS:]):
                console.print(
                    f"  and {more:,} rows for {len(quarantine) - MOST_REASONS:,} other reasons: "
                    "ops.quarantine_reasons",
                    style="dim",
                    markup=False,
                )
    if "ops.findings" in present and (found := connection.execute(_FINDINGS).fetchall()):
        heads = ("source", "finding", "detail", "rows", "net", "currency")
        _print_table(console, "Outside the totals", heads, found)
    if "ops.model_decisions" in present and (said := connection.execute(_MODELS).fetchall()):
        _print_table(
            console,
            "Models of the last run",
            ("model", "served by", "latest", "what the gate said"),
            said,
        )
    console.print()
    if "ops.conservation" in present:
        console.print(_where_rows_went(connection), markup=False)
    tests = (
        connection.execute(_LAST_TESTS, [since]).fetchall() if "ops.node_results" in present else []
    )
    listed = ", ".join(f"{count:,} {status}" for status, count in tests)
    is_green = bool(tests) and {status for status, _ in tests} <= {"pass", "warn"}
    style = "green" if is_green else "yellow"
    console.print(f"Data tests: {listed or 'none were run'}.", style=style, markup=False)


def _where_rows_went(connection: duckdb.DuckDBPyConnection) -> str:
    landed, staged, refused, repeated, unmodelled, rejected, lost = connection.execute(
        _CONSERVATION
    ).fetchall()[0]
    parts = [
        f"{count:,} {name}"
        for count, name in (
            (staged, "staged"),
            (refused, "in quarantine"),
            (repeated, "duplicate"),
            (unmodelled, "not modelled yet"),
            (lost, "unaccounted for"),
        )
        if count
    ]
    lines = f" {rejected:,} lines could not be read as rows." if rejected else ""
    return f"{landed:,} rows landed = {' + '.join(parts) or '0'}.{lines}"


def _print_refusals(console: Console, home: Home, refusals: Sequence[Refusal]) -> None:
    console.print()
    console.print("Refused files", style="bold yellow")
    for refusal in refusals:
        file = Path(refusal.file)
        name = file.relative_to(home.extracts) if file.is_relative_to(home.extracts) else file
        console.print(f"  {name}", style="yellow", markup=False)
        text = Text(f"{refusal.message} {refusal.remedy}")
        console.print(Padding(text, (0, 0, 0, 4), expand=False), soft_wrap=False)


def _print_published(console: Console, home: Home) -> None:
    record = read_publish_record(home)
    if record:
        rows = sum(table["rows"] for table in record["tables"])
        console.print(
            f"Published {len(record['tables'])} tables with {rows:,} rows as "
            f"{record['publish_id']}. For BI, read-only:",
            style="bold green",
            markup=False,
        )
    console.print(f"  {_from_here(home.published_file)}", style="bold", markup=False)


def _from_here(file: Path) -> Path:
    """The path as a person in this folder would type it."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def _print_table(
    console: Console, title: str, heads: tuple[str, ...], rows: Iterable[tuple[object, ...]]
) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        numeric = head in {"rows", "loads", "net", "tables", "size"}
        table.add_column(
            head,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=head == "publish_id",  # to be copied
        )
    for row in rows:
        table.add_row(
            *(f"{cell:,}" if isinstance(cell, int | Decimal) else str(cell) for cell in row)
        )
    _print_block(console, title, table)


def _print_row_counts(console: Console, counts: Sequence[tuple[str, str, int]]) -> None:
    """One block for each schema, as many tables in a line as there is room for."""
    if not counts:
        return
    schema_width = max(len(schema) for schema, _, _ in counts)
    name_width = max(len(name) for _, name, _ in counts)
    rows_width = max(len(f"{rows:,}") for _, _, rows in counts)
    room = console.width - schema_width - 4
    pairs = max(1, min(4, room // (name_width + rows_width + 4)))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", width=schema_width)
    for _ in range(pairs):
        table.add_column(overflow="fold", width=name_width)
        table.add_column(justify="right", width=rows_width)
    for schema, group in groupby(counts, key=lambda count: count[0]):
        cells = [cell for _, name, rows in group for cell in (name, f"{rows:,}")]
        for start in range(0, len(cells), 2 * pairs):
            table.add_row(schema if start == 0 else "", *cells[start : start + 2 * pairs])
    _print_block(console, "Tables and their rows", table)


def _print_block(console: Console, title: str, table: Table) -> None:
    console.print()
    console.print(title, style="bold", markup=False)
    console.print(Padding(table, (0, 0, 0, 2), expand=False), soft_wrap=False)


def _durations(outcome: RunOutcome) -> str:
    by_stage: dict[str, float] = {}
    for step, seconds in outcome.step_seconds.items():
        by_stage[_stage(step)] = by_stage.get(_stage(step), 0.0) + seconds
    steps = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in by_stage.items())
    loads = f"{outcome.new_loads:,} new load{'' if outcome.new_loads == 1 else 's'}"
    return f"{loads}; {outcome.seconds:.1f} s in all{f': {steps}' if steps else ''}."


def _stage(step: str) -> str:
    """The stage that people know a step of the graph by; all models train, and score, in one."""
    if step.startswith("train_"):
        return "train"
    return "score" if step.startswith("scores__") else _STAGES.get(step, step)


def _size(zone: Path) -> str:
    total = sum(path.stat().st_size for path in zone.rglob("*") if path.is_file())
    return f"{total / 1_000_000:,.1f} MB"
