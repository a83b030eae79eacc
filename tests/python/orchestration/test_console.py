"""Errors at the rim: two sentences, exit status 1, and somebody told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import typer

from ingest.errors import LockedError, StorehouseError
from ingest.home import Home
from orchestration.console import friendly_errors
from orchestration.lib.duckdb_errors import explained, plain_errors

Storehouse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StorehouseError("It is red.", "Make it green."), "It is red. Make it green."),
        (StorehouseError("It is red."), "It is red."),
        (
            OSError(28, "No space left on device", "/a/b"),
            "The system refused: No space left on device (/a/b). "
            "Check free space and permissions, then try again.",
        ),
        (
            PermissionError(13, "Permission denied"),
            "The system refused: Permission denied. "
            "Check free space and permissions, then try again.",
        ),
    ],
)
def test_an_error_is_told_and_ends_with_status_1(error: Exception, told: str) -> None:
    heard: list[str] = []
    with pytest.raises(typer.Exit) as end, friendly_errors(tell=heard.append):
        raise error
    assert end.value.exit_code == 1
    assert heard == [told]


def test_what_is_no_error_of_a_person_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), friendly_errors():
        _ = 1 / 0


def test_a_lock_names_the_process_and_other_errors_their_first_line() -> None:
    file = Path("/a.duckdb")
    locked = explained("IO Error: Could not set lock on file: held in x (PID 12). See", file)
    assert isinstance(locked, LockedError)
    assert locked.message == "/a.duckdb is open in another program (process 12)."
    nameless = explained("IO Error: Could not set lock on file", file)
    assert nameless.message == "/a.duckdb is open in another program."
    other = explained("IO Error: disk on fire\nand more\nof it", file)
    assert other.message == "DuckDB cannot work with /a.duckdb (IO Error: disk on fire)."


def test_only_errors_of_duckdb_are_turned() -> None:
    with pytest.raises(StorehouseError, match="Catalog Error"), plain_errors(Path("/a")):
        duckdb.connect().execute("from nowhere")
    with pytest.raises(KeyError), plain_errors(Path("/a")):
        raise KeyError


@pytest.mark.parametrize("command", ["run", "land", "publish", "status"])
def test_a_home_that_is_a_file_is_said_so(
    storehouse: Storehouse, tmp_path: Path, command: str
) -> None:
    (tmp_path / "home").write_text("no folder")
    done = storehouse(Home(tmp_path / "home"), command)
    assert done.returncode == 1
    assert "which is not a folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_publishing_from_an_empty_home_says_what_to_do(
    storehouse: Storehouse, tmp_path: Path
) -> None:
    done = storehouse(Home(tmp_path / "home"), "publish")
    assert done.returncode == 1
    assert "There is no working file" in done.stderr
    assert "storehouse run" in done.stderr
    assert "Traceback" not in done.stderr
