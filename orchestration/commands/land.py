"""Extracts: simulated ones, and files that are brought into the lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ingest.contracts import load_contracts
from ingest.home import Home
from ingest.landing import FileOutcome, land_paths
from ingest.landing.delivery import parse_time
from orchestration.commands.shared import print_wait
from orchestration.console import FAILED, console, friendly_errors
from orchestration.lib.lock import warehouse_lock

_STYLES = {"landed": "green", "already landed": "dim", "refused": "bold red"}


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
