"""What every command shares: the console, and errors as two sentences instead of a stack trace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

import typer
from rich.console import Console

from ingest.errors import StorehouseError
from ml.errors import ModelError

_PIPED_WIDTH = 160  # rich takes 80 for a file or pipe, which cuts the names in a table
_width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _PIPED_WIDTH

# Bound to the stream of the start: a run sends what dbt and Dagster print to its log.
console = Console(soft_wrap=True, highlight=False, file=sys.stdout, width=_width)
error_console = Console(soft_wrap=True, highlight=False, stderr=True)

FAILED = 1
PUBLISHED_WITHOUT_REFUSED = 2
DIFFERENT = 1  # as of diff(1), whose trouble is 2
TROUBLE = 2


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@contextmanager
def friendly_errors(
    tell: Callable[[str], object] | None = None, status: int = FAILED
) -> Iterator[None]:
    """Turns an error for people into its message and remedy on stderr and exit status `status`.

    So too what the system says about a file, such as a full disk. `tell` hears the text as well.
    """
    try:
        yield
    except (StorehouseError, ModelError) as error:
        _print_error(error, tell)
        raise typer.Exit(status) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        _print_error(
            StorehouseError(
                f"The system refused: {error.strerror or error}{place}.",
                "Check free space and permissions, then try again.",
            ),
            tell,
        )
        raise typer.Exit(status) from error


def _print_error(error: StorehouseError | ModelError, tell: Callable[[str], object] | None) -> None:
    error_console.print(error.message, style="bold red", markup=False)
    if error.remedy:
        error_console.print(error.remedy, markup=False)
    if tell:
        tell(str(error))
