"""The published file: its next version, those that are kept, and the way back to one."""

from __future__ import annotations

from typing import Annotated

import typer

from ingest.home import Home
from orchestration.commands.shared import print_wait
from orchestration.console import console, friendly_errors
from orchestration.lib.lock import warehouse_lock


def publish() -> None:
    """Publish the working file, if all its tables are fresh and their tests passed."""
    from orchestration.lib.project import read_manifest
    from orchestration.lib.publish import publish as publish_file

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse publish", on_wait=print_wait):
            record = publish_file(home, read_manifest())
    rows = sum(table.rows for table in record.tables)
    console.print(
        f"{record.publish_id}: {len(record.tables)} tables, {rows:,} rows in {record.file}",
        markup=False,
    )


def versions() -> None:
    """List the versions of the published file that are kept, and which one is served."""
    from orchestration.lib.summary import print_versions
    from orchestration.lib.versions import kept_versions

    with friendly_errors():
        kept = kept_versions(Home.from_env())
    if kept:
        print_versions(console, kept)
    else:
        console.print("No version is kept: nothing was published yet.", markup=False)


def rollback(
    publish_id: Annotated[
        str | None, typer.Argument(help="A kept version; the one before the served if left out.")
    ] = None,
) -> None:
    """Put an older kept version in place of the served file; the next publish is as usual."""
    from orchestration.lib.versions import rollback as roll_back

    with friendly_errors():
        home = Home.from_env()
        with warehouse_lock(home, "storehouse admin rollback", on_wait=print_wait):
            version = roll_back(home, publish_id)
    console.print(
        f"Served now: {version.publish_id}, {version.rows:,} rows, in {home.published_file}.",
        markup=False,
    )
