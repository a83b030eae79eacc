"""`storehouse stream`: what collector and consumer took in, published within seconds."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.contracts import load_contracts
from ingest.errors import LockedError, StorehouseError
from ingest.home import Home
from orchestration.commands.shared import prepare_home
from orchestration.console import console, error_console, friendly_errors

if TYPE_CHECKING:
    from orchestration.lib.stream import Stream  # takes a second to import

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0


def stream(
    every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks for new segments.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Build what waits, then end.")] = False,
) -> None:
    """Land new segments, build the event models and publish, again and again.

    In between the many small loads of a day are put into files of the day, a day at a time.
    Ends after the batch it is at on SIGTERM and Ctrl-C. A batch that fails is told, and tried again
    after a pause: what came in is landed and stays.
    """
    from orchestration.lib.alerts import alert
    from orchestration.lib.stream import Stream, observe

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with friendly_errors():
        home = Home.from_env()
        prepare_home(home)
        batches = Stream(home, load_contracts())
        console.print(f"Streaming into {home.published_file}; Ctrl-C ends it.", markup=False)
        pause, is_waiting = 0.0, False
        while not stop.is_set():
            began = time.monotonic()
            try:
                batch = batches.batch()
            except LockedError as error:
                if not is_waiting:
                    error_console.print(f"Waiting: {error.message}", markup=False)
                is_waiting = True
                continue
            except StorehouseError as error:
                if once:
                    raise
                if not pause:
                    alert(f"storehouse stream failed in {home.root}", str(error))
                error_console.print(str(error), markup=False)
                pause = min(2 * pause or FIRST_PAUSE, LONGEST_PAUSE)
                stop.wait(pause)
                continue
            pause, is_waiting = 0.0, False
            if batch is not None:
                console.print(str(batch), markup=False)
                for refusal in batch.refusals:
                    error_console.print(
                        f"{refusal.path.name}: {refusal.message} {refusal.remedy}", markup=False
                    )
                observe(batch)
            _compact(batches, home)
            if once:
                break
            stop.wait(began + every - time.monotonic())  # a long batch waits no more
    console.print("Stopped.", markup=False)


def _compact(batches: Stream, home: Home) -> None:
    """Compacts a day where one needs it; an error is told, and holds up no batch."""
    from orchestration.lib.alerts import alert

    try:
        done = batches.compact()
    except LockedError:
        return  # after a later batch
    except StorehouseError as error:
        alert(f"storehouse stream could not compact {home.root}", str(error))
        error_console.print(str(error), markup=False)
        return
    if done is not None:
        console.print(f"Compacted {done}.", markup=False)
