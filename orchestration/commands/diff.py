"""`storehouse diff`: what differs between two states of the warehouse."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ingest.home import Home
from orchestration.console import DIFFERENT, TROUBLE, console, friendly_errors


class DiffFormat(StrEnum):
    """How `storehouse diff` shows what it found."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


def diff(
    before: Annotated[
        str, typer.Argument(help="published, working, dev, a publish id or a .duckdb file.")
    ],
    after: Annotated[str, typer.Argument(help="The same, for the other side.")],
    select: Annotated[
        list[str] | None,
        typer.Option(help="Only these tables, such as core.fact_sales or core.*; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows of each kind to show by key.")] = 5,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Floats this close, as a share of the larger, are equal.")
    ] = 0.0,
    format: Annotated[DiffFormat, typer.Option(help="How to show it.")] = DiffFormat.TEXT,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead.")] = None,
) -> None:
    """Compare two states of the warehouse: tables, columns, rows by key, totals.

    Status 0: equal. Status 1: different. Status 2: they could not be compared. Rows are paired by
    the grain in the manifest. A .duckdb file that was never published holds what somebody built:
    what it lacks is not taken for removed.
    """
    from orchestration.lib.diff import compare, find_side
    from orchestration.lib.diff.report import write_report
    from orchestration.lib.grain import table_keys
    from orchestration.lib.project import read_manifest

    with friendly_errors(status=TROUBLE):
        home = Home.from_env()
        found = compare(
            find_side(home, before),
            find_side(home, after),
            table_keys(read_manifest()),
            select=select or (),
            tolerance=tolerance,
            limit=limit,
        )
        write_report(console, found, format.value, out)
    if found.differing:
        raise typer.Exit(DIFFERENT)
