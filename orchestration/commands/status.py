"""`storehouse status`: what is where."""

from __future__ import annotations

from ingest.home import Home
from orchestration.console import console, friendly_errors


def status() -> None:
    """Say what is where: loads, tables, quarantine, the published file and its versions."""
    from orchestration.lib.summary import print_status

    with friendly_errors():
        print_status(console, Home.from_env())
