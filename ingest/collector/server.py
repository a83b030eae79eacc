"""Runs the collector under uvicorn until it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 20  # for requests that are under way when the collector is told to stop


class _Server(uvicorn.Server):
    """A server that says when it takes requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def serve(app: ASGIApp, host: str, port: int, announce: Callable[[], None]) -> bool:
    """Serves until SIGTERM or SIGINT, then finishes requests and seals; whether it ever started.

    `announce` is called when the first request can come. Paths, addresses and keys of requests are
    not logged.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    server = _Server(
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
        ),
        announce,
    )

    def stop(*_: object) -> None:
        server.should_exit = True

    # For a signal before the server listens to them; it raises those it heard again at its end, and
    # the process shall end with status 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run()
    return server.started
