"""`storehouse trace`: where a number comes from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ingest.home import Home
from orchestration.console import console, friendly_errors


def trace(
    table: Annotated[str, typer.Argument(help="A public table, such as core.fact_sales.")],
    key: Annotated[
        list[str],
        typer.Argument(help="column=value pairs, or values by commas in the order of the grain."),
    ],
    limit: Annotated[int, typer.Option(min=1, help="Rows to show of everything.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trace as JSON.")] = False,
) -> None:
    """Follow a public row back to loads, files and lines, with the rules on the way.

    Shows the row, for an aggregate the fact rows it adds up, the delivered rows of its keys and
    what staging made of each (latest, superseded, duplicate, quarantined and why), the original
    content with personal data as tokens, and the models with their tests.
    """
    from orchestration.lib.project import read_manifest
    from orchestration.lib.trace import trace as trace_row
    from orchestration.lib.trace.report import print_trace

    with friendly_errors():
        found = trace_row(Home.from_env(), read_manifest(), table, key, limit=limit)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        print_trace(console, found)
