"""What the commands that work on the warehouse share."""

from __future__ import annotations

from ingest.home import Home
from orchestration.console import error_console


def prepare_home(home: Home) -> None:
    """Writes what dbt and Dagster need before any extract is landed: stubs, packages, manifest."""
    from orchestration.lib.empty_inputs import write_empty_inputs
    from orchestration.lib.project import prepare_dbt, use_home

    use_home()
    write_empty_inputs(home)
    prepare_dbt()


def print_wait(held_by: str) -> None:
    """Tells who holds the warehouse while a command waits for it."""
    error_console.print(f"Waiting: the warehouse is in use by {held_by}.", markup=False)
