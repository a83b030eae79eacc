"""`storehouse run`: today's warehouse, or one as it was known at a time."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import HOME_VARIABLE, Home
from ingest.landing.delivery import parse_moment
from orchestration.commands.shared import prepare_home, print_wait
from orchestration.console import (
    FAILED,
    PUBLISHED_WITHOUT_REFUSED,
    console,
    friendly_errors,
)
from orchestration.lib.lock import warehouse_lock

if TYPE_CHECKING:
    from orchestration.lib.run import RunOutcome


def run(
    known_at: Annotated[
        str | None,
        typer.Option(help="Rebuild elsewhere, from the extracts that declare this time or before."),
    ] = None,
    received_by: Annotated[
        str | None,
        typer.Option(help="Rebuild elsewhere, from what had arrived by then; takes a publish id."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder that keeps the whole home of such a rebuild.")
    ] = None,
) -> None:
    """Land what is new, build, test, train, score, watch for drift, build insights and publish.

    Status 1: nothing was published. Status 2: published, without the files that were refused.

    With --known-at or --received-by (UTC, as 2024-01-31T06:00:00Z) nothing is landed and your
    warehouse stays as it is: another is built in a home of its own, with the code and the seeds
    of today.
    """
    with friendly_errors():
        home = Home.from_env()
        known = None if known_at is None else parse_moment(known_at, "time of --known-at")
        received = (
            None if received_by is None else parse_moment(received_by, "time of --received-by")
        )
        if out is not None and known is None and received is None:
            raise ConfigError(
                "--out says where a rebuild goes.", "Give --known-at or --received-by too."
            )
    if known is not None or received is not None:
        _rebuild(home, known, received, out)
        return
    from orchestration.lib.run import alert_failure  # Dagster takes a second to import

    outcome = _run(home, partial(alert_failure, home))
    if not outcome.success:
        alert_failure(home, "\n".join(f"{f.step}: {f.message}" for f in outcome.failures))
        raise typer.Exit(FAILED)
    if outcome.refusals:
        raise typer.Exit(PUBLISHED_WITHOUT_REFUSED)


def _run(home: Home, tell: partial[bool] | None = None) -> RunOutcome:
    from orchestration.lib.progress import ConsoleReporter
    from orchestration.lib.run import execute_graph, terminable
    from orchestration.lib.summary import print_run

    with (
        friendly_errors(tell=tell),
        terminable(),
        warehouse_lock(home, "storehouse run", on_wait=print_wait),
    ):
        prepare_home(home)
        with ConsoleReporter(console) as reporter:
            outcome = execute_graph(reporter)
        print_run(console, home, outcome)
    return outcome


def _rebuild(
    home: Home, known_at: datetime | None, received_by: datetime | None, out: Path | None
) -> None:
    """Builds and publishes in another home; without `out` only its published file is kept."""
    from orchestration.lib.rebuild.as_known import rebuild_lake
    from orchestration.lib.rebuild.scratch import kept_folder

    with friendly_errors():
        folder = kept_folder(out, home) if out else Path(tempfile.mkdtemp(prefix="storehouse-"))
        target = Home(folder)
        try:
            loads = rebuild_lake(
                home,
                load_contracts(),
                target,
                known_at=known_at,
                received_by=received_by,
                on_wait=print_wait,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        console.print(f"{loads:,} loads, in {target.root}", markup=False)
    os.environ[HOME_VARIABLE] = str(target.root)
    try:
        outcome = _run(target)
    finally:
        if out is None:
            _keep_published(target)
    if not outcome.success:
        raise typer.Exit(FAILED)


def _keep_published(home: Home) -> None:
    """Removes what a temporary home holds beside the published file and the logs, the key too."""
    for path in home.root.iterdir():
        if path not in (home.published, home.logs):
            shutil.rmtree(path)
