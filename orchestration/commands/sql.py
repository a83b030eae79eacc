"""`storehouse sql`: queries of the lake and the published file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ingest.errors import ConfigError
from ingest.home import Home
from orchestration.console import Format, console, error_console, friendly_errors


def sql(
    query: Annotated[
        str | None, typer.Argument(help="Statements; a prompt, or what is piped in, if left out.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file with statements.", exists=True, dir_okay=False)
    ] = None,
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
    from orchestration.lib.query.prompt import prompt, run_text
    from orchestration.lib.query.session import SqlSession

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
