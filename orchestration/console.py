"""What every command shares: the console, and errors as two sentences instead of a stack trace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from ingest.errors import StorehouseError

# Bound to the streams of the start: a run sends what dbt and Dagster print to its log.
console = Console(soft_wrap=True, highlight=False, file=sys.stdout)
error_console = Console(soft_wrap=True, highlight=False, stderr=True)

FAILED = 1


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Turns a StorehouseError into its message and remedy on stderr and exit status 1."""
    try:
        yield
    except StorehouseError as error:
        error_console.print(error.message, style="bold red", markup=False)
        if error.remedy:
            error_console.print(error.remedy, markup=False)
        raise typer.Exit(FAILED) from error
