"""Rarely needed commands on a home."""

from __future__ import annotations

from typing import Annotated

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


def compact(
    with_latest: Annotated[
        bool, typer.Option("--with-latest", help="The latest day of each entity too.")
    ] = False,
) -> None:
    """Put the many small loads of each day into files of the day; of the latest once it is over.

    Rows, records and delivered bytes stay as they are; the bytes lie in a ZIP archive of the day.
    `storehouse run` and `storehouse stream` do it by themselves.
    """
    from ingest.landing.compact import compact as compact_days

    days = 0
    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse admin compact", on_wait=print_wait):
            for done in compact_days(home, load_contracts(), with_latest=with_latest):
                console.print(str(done), markup=False)
                days += 1
    if not days:
        console.print(f"Nothing to compact in {home.lake}.", markup=False)


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
