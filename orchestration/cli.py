"""The command line: `storehouse VERB`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import Home
from ingest.landing import FileOutcome, land_paths, write_stubs
from ingest.landing.delivery import parse_time
from orchestration.commands.change import diff, trace
from orchestration.commands.prove import prove_incremental
from orchestration.commands.run import run
from orchestration.commands.shared import prepare_home, print_wait
from orchestration.console import FAILED, Format, console, error_console, friendly_errors
from orchestration.lib.lock import warehouse_lock

app = typer.Typer(
    help="storehouse: an e-commerce warehouse from raw extracts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
admin = typer.Typer(help="Rarely needed commands.", no_args_is_help=True)
app.add_typer(admin, name="admin")

_STYLES = {"landed": "green", "already landed": "dim", "refused": "bold red"}


@app.command()
def land(
    path: Annotated[
        Path | None, typer.Argument(help="A file or folder; everything in extracts/ if left out.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Source the files come from, such as shop.")
    ] = None,
    extracted_at: Annotated[
        str | None, typer.Option(help="When the files were extracted, as 2024-01-31T06:00:00Z.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the text, instead of the contract's.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Land a full extract that lost over half its rows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON.")] = False,
) -> None:
    """Bring delivered files into the lake; status 1 when a file was refused.

    CSV, JSON, NDJSON or Parquet, gzipped or not, of a source in models/staging; which entity a file
    holds, and when it was extracted, is in its name: orders_20250131T060000Z.csv.
    """
    with friendly_errors():
        home = Home.from_env()
        # A build reads the lake for a while and must see one state of it.
        with warehouse_lock(home, "storehouse land", on_wait=print_wait):
            outcomes = land_paths(
                home,
                load_contracts(),
                source,
                path,
                extracted_at=None if extracted_at is None else parse_time(extracted_at),
                encoding=encoding,
                force=force,
                report=None if as_json else _print_outcome,
            )
    if as_json:
        typer.echo(json.dumps([outcome.as_json() for outcome in outcomes], indent=2))
    elif outcomes:
        _print_summary(outcomes)
    else:
        console.print(f"Nothing to land in {home.extracts}.", markup=False)
    if any(outcome.status == "refused" for outcome in outcomes):
        raise typer.Exit(FAILED)


@app.command()
def simulate(
    scale: Annotated[str, typer.Option(help="demo, or a number: 1 is 730 days.")] = "demo",
    seed: Annotated[int, typer.Option(help="Same seed, same files.")] = 42,
    days: Annotated[int | None, typer.Option(help="Days to simulate, if not the scale's.")] = None,
    loads: Annotated[int, typer.Option(help="Deliveries the days are split into.")] = 3,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; extracts/shop if left out.")
    ] = None,
) -> None:
    """Write the extracts of a simulated shop."""
    from ingest.simulator import simulate as run_simulation  # slow to import, rarely needed

    with friendly_errors():
        folder = out or Home.from_env().extracts / "shop"
        summary = run_simulation(scale=scale, seed=seed, days=days, loads=loads, out=folder)
    rows = sum(summary.rows.values())
    console.print(
        f"{summary.files:,} files, {rows:,} rows in {summary.seconds:.1f} s: {folder}",
        markup=False,
    )


app.command()(run)


@app.command()
def publish() -> None:
    """Publish the working file, if all its tables are fresh and their tests passed."""
    from orchestration.lib.project import read_manifest
    from orchestration.lib.publish import publish as publish_file

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse publish", on_wait=print_wait):
            record = publish_file(home, read_manifest())
    rows = sum(table.rows for table in record.tables)
    console.print(
        f"{record.publish_id}: {len(record.tables)} tables, {rows:,} rows in {record.file}",
        markup=False,
    )


@app.command()
def status() -> None:
    """Say what is where: loads, tables, quarantine, the published file and its versions."""
    from orchestration.lib.summary import print_status

    with friendly_errors():
        print_status(console, Home.from_env())


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="Statements; a prompt, or what is piped in, if left out.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file with statements.")] = None,
    output: Annotated[
        Format, typer.Option("--format", help="How rows are printed.")
    ] = Format.TABLE,
    allow: Annotated[
        Path | None, typer.Option(help="A folder whose files queries may read and write.")
    ] = None,
) -> None:
    """Query the lake and the published file, read-only; status 1 when a statement fails.

    The lake's entities are views such as shop.orders, without personal data; the tables of the
    published file are core.fact_sales and so on.
    """
    from orchestration.lib.sql_session import SqlSession
    from orchestration.sql_prompt import prompt, run_text

    with friendly_errors():
        if query is not None and file is not None:
            raise ConfigError("Both a query and a file were given.", "Leave one of them out.")
        home = Home.from_env()
        text = file.read_text(encoding="utf-8") if file else query
        if text is None and not sys.stdin.isatty():
            text = sys.stdin.read()
        session = SqlSession(home, allow)
        try:
            if text is None:
                prompt(session, home, output, console)
                return
            if session.published is None:
                error_console.print(f"Published: {session.not_published}", markup=False)
            run_text(session, text, output, console)
        finally:
            session.close()


@admin.command()
def versions() -> None:
    """List the versions of the published file that are kept, and which one is served."""
    from orchestration.lib.summary import print_versions
    from orchestration.lib.versions import kept_versions

    with friendly_errors():
        kept = kept_versions(Home.from_env())
    if kept:
        print_versions(console, kept)
    else:
        console.print("No version is kept: nothing was published yet.", markup=False)


@admin.command()
def rollback(
    publish_id: Annotated[
        str | None, typer.Argument(help="A kept version; the one before the served if left out.")
    ] = None,
) -> None:
    """Put an older kept version in place of the served file; the next publish is as usual."""
    from orchestration.lib.versions import rollback as roll_back

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse admin rollback", on_wait=print_wait):
            version = roll_back(home, publish_id)
    console.print(
        f"Served now: {version.publish_id}, {version.rows:,} rows, in {home.published_file}.",
        markup=False,
    )


app.command()(prove_incremental)
app.command()(diff)
app.command()(trace)


@admin.command()
def prepare() -> None:
    """Write what dbt and Dagster need before any extract is landed: stubs, packages, manifest."""
    with friendly_errors():
        prepare_home(Home.from_env())


@admin.command()
def rebuild_history() -> None:
    """Read the raw zone anew into the lake, under today's contracts, then build and publish.

    Versions of customers and products follow from the loads alone, and facts get the keys of the
    versions. Exit statuses are those of `run`.
    """
    from ingest.landing.reread import reread_raw

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse admin rebuild-history", on_wait=print_wait):
            done = reread_raw(home, load_contracts())
    console.print(
        f"{done.loads_reread:,} loads with {done.rows:,} rows read anew from {home.raw}, "
        f"{done.loads_kept:,} kept whose raw files are gone.",
        markup=False,
    )
    run()


@admin.command()
def is_empty() -> None:
    """Exit status 0 when nothing was ever landed and extracts/ is empty, else 1."""
    with friendly_errors():
        home = Home.from_env()
        landed = any((home.lake / "landing" / "loads").glob("[!_]*.parquet"))
        delivered = any(path.is_file() for path in home.extracts.rglob("*"))
    raise typer.Exit(FAILED if landed or delivered else 0)


@admin.command()
def stubs() -> None:
    """Write the empty lake file of every entity, so that models can read what never came."""
    with friendly_errors():
        home = Home.from_env()
        written = write_stubs(home, load_contracts())
    console.print(f"{len(written)} stubs written in {home.lake}.", markup=False)


def _print_outcome(outcome: FileOutcome) -> None:
    place = f"{outcome.source}.{outcome.entity}" if outcome.entity else outcome.source
    line = f"{outcome.status:<14}  {place}  {outcome.path.name}"
    if outcome.status == "already landed":
        return  # a folder that is landed again would fill the screen; the summary counts them
    if outcome.status == "refused":
        line += f": {outcome.message} {outcome.remedy}"
    else:
        line += f": {outcome.rows:,} rows"
        if outcome.rejected:
            line += f", {outcome.rejected:,} rejected ({outcome.first_reject})"
        if outcome.status == "landed" and outcome.notes:
            line += f" ({'; '.join(outcome.notes)})"
    console.print(line, style=_STYLES[outcome.status], markup=False)


def _print_summary(outcomes: list[FileOutcome]) -> None:
    landed = [outcome for outcome in outcomes if outcome.status == "landed"]
    counts = {status: sum(o.status == status for o in outcomes) for status in _STYLES}
    rows = sum(outcome.rows for outcome in landed)
    rejected = sum(outcome.rejected for outcome in landed)
    files = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    console.print(
        f"{len(outcomes):,} files: {files}; {rows:,} rows landed, {rejected:,} rejected.",
        style="bold",
        markup=False,
    )


def main() -> None:
    """The entry point of the `storehouse` command."""
    app()
