"""DuckDB's errors about a file, in words a person can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingest.errors import LockedError, StorehouseError

_LOCKED = re.compile(r"Could not set lock on file", re.IGNORECASE)
_DAMAGED = re.compile(r"not a valid DuckDB database file", re.IGNORECASE)
_HOLDER = re.compile(r"\(PID (\d+)\)")


def is_about_the_file(message: str) -> bool:
    """Whether DuckDB complains of the database file itself, not of what was asked of it."""
    return bool(_LOCKED.search(message) or _DAMAGED.search(message))


def explained(message: str, file: Path) -> StorehouseError:
    """What DuckDB said about `file`: that another program has it open, or its first line."""
    if _LOCKED.search(message):
        holder = _HOLDER.search(message)
        who = f" (process {holder[1]})" if holder else ""
        return LockedError(
            f"{file} is open in another program{who}.",
            "Close it there, such as a duckdb shell or a running dbt, then try again.",
        )
    if _DAMAGED.search(message):
        return StorehouseError(
            f"{file} is not a valid DuckDB database file.",
            "Move it away; `storehouse run` builds it anew from the lake.",
        )
    first_line = message.strip().partition("\n")[0]
    return StorehouseError(
        f"DuckDB cannot work with {file} ({first_line}).",
        "Check free space and permissions; if the file is damaged, move it away and run "
        "`storehouse run`.",
    )


@contextmanager
def plain_errors(file: Path) -> Iterator[None]:
    """Turns what DuckDB raises inside into a StorehouseError about `file`."""
    try:
        yield
    except duckdb.Error as error:
        raise explained(str(error), file) from error
