"""Runs the collector under uvicorn until it is told to stop."""

from __future__ import annotations

import logging
import signal

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 20  # for requests that are under way when the collector is told to stop


def serve(app: ASGIApp, host: str, port: int) -> bool:
    """Serves until SIGTERM or SIGINT, then finishes requests and seals; whether it ever started.

    Paths, addresses and keys of requests are not logged.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    # The server raises the signal again once it has stopped: the process shall end with status 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            proxy_headers=False,  # nobody asks for the address of a client
            ws="none",
            log_config=None,
            log_level=logging.WARNING,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    server.run()
    return server.started
