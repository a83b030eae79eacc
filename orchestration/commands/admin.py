"""Rarely needed commands on a home."""

from __future__ import annotations

import typer

from ingest.contracts import load_contracts
from ingest.home import Home
from orchestration.commands.run import run
from orchestration.commands.shared import prepare_home, print_wait
from orchestration.console import FAILED, console, friendly_errors
from orchestration.lib.lock import warehouse_lock


def prepare() -> None:
    """Write what dbt and Dagster need before any extract is landed: stubs, packages, manifest."""
    with friendly_errors():
        prepare_home(Home.from_env())


def is_empty() -> None:
    """Exit status 0 when nothing was ever landed and extracts/ is empty, else 1."""
    with friendly_errors():
        home = Home.from_env()
        landed = any((home.lake / "landing" / "loads").glob("[!_]*.parquet"))
        delivered = any(path.is_file() for path in home.extracts.rglob("*"))
    raise typer.Exit(FAILED if landed or delivered else 0)


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
