"""How fast the collector takes events; for its tests, whether it loses one when it is killed.

A real server process in a scratch home, the load from this process, fsync on.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from bench.report import Cell, Part, Table
from ingest.collector.keys import add_key
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home

BATCH = 500
UNLIMITED = ("--records-per-second", "1e9")
_START_SECONDS = 60.0


@dataclass
class Server:
    """A collector in a process of its own, on a free port of this machine."""

    home: Home
    options: tuple[str, ...] = UNLIMITED
    port: int = field(default=0, init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it and waits until it answers; raises RuntimeError when it does not."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = Path(sys.executable).with_name("storehouse")
        self.process = subprocess.Popen(
            [str(program), "collect", "--port", str(self.port), *self.options],
            cwd=PROJECT_DIR,
            env=os.environ | {HOME_VARIABLE: str(self.home.root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError("The collector does not start.")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except HTTPError:
            return True
        except (URLError, OSError):
            return False

    def end(self, number: signal.Signals) -> int:
        """Sends it a signal and waits for its end; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=_START_SECONDS)


@contextmanager
def running(home: Home, *options: str) -> Iterator[Server]:
    """A collector that is told to stop at the end."""
    server = Server(home, options or UNLIMITED)
    server.start()
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends a request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        """A connection to a port of this machine; raises OSError."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; raises ConnectionError when there is none."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self._received) < end + 4 + length:
            return
        body = bytes(self._received[end + 4 : end + 4 + length])
        del self._received[: end + 4 + length]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError())


def event(number: int) -> dict[str, Any]:
    """An event like those of the simulated shop, about 400 bytes of JSON."""
    return {
        "event_id": f"E{number:012d}",
        "event_type": "product_view",
        "occurred_at": f"2025-12-31T12:{number % 60:02d}:{number // 60 % 60:02d}Z",
        "client_utc_offset": "+01:00",
        "device_id": f"dev_{number % 9973:024x}",
        "customer_id": f"C{number % 997:08d}",
        "page": "/product",
        "product_id": f"P{number % 499:06d}",
        "order_id": None,
        "search_query": None,
        "channel_id": "organic_search",
        "campaign_id": None,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537",
    }


def request_of(key: str, events: list[dict[str, Any]]) -> bytes:
    """The bytes of a request with one event, or with several as an array."""
    body = json.dumps(events if len(events) > 1 else events[0], separators=(",", ":")).encode()
    head = (
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _load(port: int, requests: list[bytes], connections: int, seconds: float) -> list[float]:
    """Seconds each request took, sent over and over from many connections."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def send(first: int) -> None:
        connection = await Connection.open(port)
        number = first
        while (began := time.perf_counter()) < until:
            status, body = await connection.send(requests[number % len(requests)])
            if status != 202:
                raise RuntimeError(f"The collector answered {status}: {body[:200]!r}")
            took.append(time.perf_counter() - began)
            number += connections
        connection.close()

    await asyncio.gather(*(send(first) for first in range(connections)))
    return took


def measure(
    seconds: float = 5.0, batch_connections: int = 4, single_connections: int = 64
) -> dict[str, float]:
    """Events per second and milliseconds per request, in batches of 500 and one by one."""
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder:
        home = Home(Path(folder))
        key = add_key(home, "shop", "bench")
        with running(home) as server:
            for name, size, count, connections in (
                ("batch", BATCH, 60, batch_connections),
                ("single", 1, 5_000, single_connections),
            ):
                requests = [
                    request_of(key, [event(n * size + i) for i in range(size)])
                    for n in range(count)
                ]
                asyncio.run(_load(server.port, requests, connections, 1.0))
                began = time.perf_counter()
                took = asyncio.run(_load(server.port, requests, connections, seconds))
                elapsed = time.perf_counter() - began
                cuts = statistics.quantiles(took, n=100)
                results |= {
                    f"{name}_events_per_second": len(took) * size / elapsed,
                    f"{name}_p50_ms": cuts[49] * 1e3,
                    f"{name}_p99_ms": cuts[98] * 1e3,
                }
    return results


def kill_lossless(
    kills: int = 20, connections: int = 8, seed: int = 0, folder: Path | None = None
) -> tuple[set[str], list[str]]:
    """Kills a collector at random moments under load, starts it again and lets it seal.

    Returns the ids that were answered as accepted, and those in the segments, as often as they are
    there. Raises ValueError for a line that is no JSON.
    """
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-", dir=folder) as name:
        home = Home(Path(name))
        key = add_key(home, "shop", "bench")
        server = Server(home, (*UNLIMITED, "--seal-seconds", "0.2"))
        accepted: set[str] = set()
        rng = random.Random(seed)
        for number in range(kills):
            server.start()
            load = _load_until_killed(server, key, number, connections, rng, accepted)
            asyncio.run(load)
        server.start()
        server.end(signal.SIGTERM)
        lines = [
            line
            for file in sorted(home.segments.glob("shop/[!.]*.ndjson"))
            for line in file.read_bytes().splitlines()
        ]
        if left := list(home.segments.glob("shop/.*")):
            raise ValueError(f"Not sealed: {len(left)} segments.")
        return accepted, [json.loads(line)["event_id"] for line in lines]


async def _load_until_killed(
    server: Server,
    key: str,
    round_number: int,
    connections: int,
    rng: random.Random,
    accepted: set[str],
) -> None:
    async def send(sender: int) -> None:
        number = 0
        try:
            connection = await Connection.open(server.port)
            while True:
                size = (1, 7, 100)[number % 3]
                first = ((round_number * connections + sender) * 1_000_000) + number * 100
                events = [event(first + i) for i in range(size)]
                status, body = await connection.send(request_of(key, events))
                if status == 202:
                    told = json.loads(body)["records"]
                    accepted.update(r["event_id"] for r in told if r["status"] == "accepted")
                number += 1
        except OSError:
            return

    async def kill() -> None:
        await asyncio.sleep(rng.uniform(0.05, 0.8))
        await asyncio.to_thread(server.end, signal.SIGKILL)

    await asyncio.gather(kill(), *(send(sender) for sender in range(connections)))


def run() -> Part:
    """Events per second and milliseconds per request."""
    results = measure()
    rows: list[dict[str, Cell]] = [
        {
            "requests": name,
            "events/s": round(results[f"{prefix}_events_per_second"]),
            "p50 ms": results[f"{prefix}_p50_ms"],
            "p99 ms": results[f"{prefix}_p99_ms"],
        }
        for prefix, name in (("batch", f"of {BATCH} events"), ("single", "of one event"))
    ]
    return Part([Table("Collector, fsync on", rows, "4 and 64 connections.")], [])
