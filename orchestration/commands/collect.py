"""`storehouse collect`: the HTTP collector."""

from __future__ import annotations

from typing import Annotated

import typer

from ingest.collector.keys import read_keys
from ingest.collector.limits import KIB, MIB, Limits
from ingest.contracts import load_contracts
from ingest.home import Home
from orchestration.console import FAILED, console, error_console, friendly_errors

_DEFAULT = Limits()


def collect(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
    max_body_mb: Annotated[
        float, typer.Option(help="MiB of a request, unzipped.")
    ] = _DEFAULT.body_bytes / MIB,
    max_records: Annotated[int, typer.Option(help="Records of a request.")] = _DEFAULT.records,
    max_record_kb: Annotated[float, typer.Option(help="KiB of a record.")] = _DEFAULT.record_bytes
    / KIB,
    records_per_second: Annotated[
        float, typer.Option(help="Records per second that a key may send.")
    ] = _DEFAULT.records_per_second,
    waiting_mb: Annotated[
        float, typer.Option(help="MiB in memory that are not on disk yet.")
    ] = _DEFAULT.waiting_bytes / MIB,
    waiting_records: Annotated[
        int, typer.Option(help="Records in memory that are not on disk yet.")
    ] = _DEFAULT.waiting_records,
    seal_seconds: Annotated[
        float, typer.Option(help="Seconds after which a segment is sealed.")
    ] = _DEFAULT.seal_seconds,
    seal_mb: Annotated[
        float, typer.Option(help="MiB after which a segment is sealed.")
    ] = _DEFAULT.seal_bytes / MIB,
    least_free_mb: Annotated[
        float, typer.Option(help="MiB of free disk below which /health fails.")
    ] = _DEFAULT.least_free_bytes / MIB,
) -> None:
    """Take events and changed records by HTTP until Ctrl-C or SIGTERM; 2xx means on disk.

    What comes is in segments/ within seconds, from where it is landed. /docs describes requests
    and answers, /health and /metrics are for whoever watches.
    """
    from ingest.collector.app import create_app
    from ingest.collector.server import serve

    with friendly_errors():
        home = Home.from_env()
        limits = Limits(
            body_bytes=int(max_body_mb * MIB),
            records=max_records,
            record_bytes=int(max_record_kb * KIB),
            records_per_second=records_per_second,
            waiting_bytes=int(waiting_mb * MIB),
            waiting_records=waiting_records,
            seal_seconds=seal_seconds,
            seal_bytes=int(seal_mb * MIB),
            least_free_bytes=int(least_free_mb * MIB),
        )
        if not read_keys(home):
            error_console.print(
                "There is no key yet, so every request is refused: "
                "storehouse admin keys add NAME --source shop",
                markup=False,
            )
        home.segments.mkdir(parents=True, exist_ok=True)
        app = create_app(home, load_contracts(), limits)
        told = (
            f"Collecting on http://{host}:{port} into {home.segments}; "
            f"http://{host}:{port}/docs tells how to send."
        )
        started = serve(app, host, port, lambda: console.print(told, markup=False))
    if not started:
        raise typer.Exit(FAILED)
