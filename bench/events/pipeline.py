"""From a posted event to the published file: how long it takes, and what kills do to it.

Real processes in a scratch home: a collector, a stream, and this one, which posts and reads.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from bench.events.collector import UNLIMITED, Connection, Server, event, request_of
from bench.events.history import PER_DAY, write_history
from bench.harness import measure
from bench.report import Cell, Goal, Part, Table
from ingest.collector.keys import add_key
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home

HISTORY = 1_000_000
KILLS = 20
LATENCY_SECONDS = 120.0
LOAD_PER_SECOND = 200  # events beside those whose way is watched


def shop_home(root: Path, history: int = 0) -> Home:
    """A home after `storehouse run` of the demo, with so many events of the past."""
    home = Home(root)
    if not home.published_file.exists():
        measure(root, "storehouse", "simulate", "--scale", "demo")
        measure(root, "storehouse", "land")
        if history:
            write_history(home, history // PER_DAY, history // PER_DAY)
        measure(root, "storehouse", "run")
    return home


@dataclass
class StreamProcess:
    """`storehouse stream` in a process of its own."""

    home: Home
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it; it parses the project before its first batch."""
        program = Path(sys.executable).with_name("storehouse")
        self.process = subprocess.Popen(
            [str(program), "stream"],
            cwd=PROJECT_DIR,
            env=os.environ | {HOME_VARIABLE: str(self.home.root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self, number: signal.Signals) -> None:
        """Sends it a signal and waits for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(timeout=120)


@contextmanager
def streaming(home: Home) -> Iterator[None]:
    """A stream that is told to stop at the end."""
    stream = StreamProcess(home)
    stream.start()
    try:
        yield
    finally:
        stream.end(signal.SIGTERM)


def current_event(name: str, number: int) -> dict[str, Any]:
    """An event of this moment with an id of its own."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event(number) | {"event_id": f"{name}-{number}", "occurred_at": now}


class Served:
    """What of the watched events the published file holds, publish by publish."""

    def __init__(self, home: Home) -> None:
        self._file = home.published_file
        self._inode = 0

    def found(self, waiting: set[str]) -> set[str]:
        """Those of `waiting` that a new publish holds; none where there is no new one."""
        inode = self._file.stat().st_ino
        if inode == self._inode or not waiting:
            return set()
        self._inode = inode
        with duckdb.connect(str(self._file), read_only=True) as connection:
            rows = connection.execute(
                "select event_id from core.fact_events where list_contains(?, event_id)",
                [sorted(waiting)],
            ).fetchall()
        return {row[0] for row in rows}


def latency(folder: Path) -> Part:
    """Seconds from the answer to a post to its event in the published file."""
    home = shop_home(folder / "latency", HISTORY)
    key = add_key(home, "shop", f"bench-{time.time_ns()}")
    server = Server(home, UNLIMITED)
    server.start()
    try:
        with streaming(home):
            taken = asyncio.run(_watch(home, server.port, key))
    finally:
        server.end(signal.SIGTERM)
    cuts = statistics.quantiles(taken, n=20)
    row: dict[str, Cell] = {
        "history": HISTORY,
        "watched": len(taken),
        "p50": statistics.median(taken),
        "p95": cuts[18],
        "longest": max(taken),
    }
    title = f"Seconds from post to publish, {LOAD_PER_SECOND} events a second beside it"
    return Part([Table(title, [row])], [Goal("event_p95", cuts[18], 10.0)])


async def _watch(home: Home, port: int, key: str) -> list[float]:
    posted: dict[str, float] = {}
    taken: list[float] = []
    served = Served(home)
    run, number = f"{time.time_ns()}", 0

    async def post(name: str, count: int) -> None:
        nonlocal number
        events = [current_event(f"{name}-{run}", number + i) for i in range(count)]
        number += count
        connection = await Connection.open(port)  # one that is kept ends after some idle seconds
        status, body = await connection.send(request_of(key, events))
        connection.close()
        if status != 202:
            raise RuntimeError(f"The collector answered {status}: {body[:200]!r}")
        if count == 1:
            posted[events[0]["event_id"]] = time.monotonic()

    async def settle(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for event_id in await asyncio.to_thread(served.found, set(posted)):
                taken.append(time.monotonic() - posted.pop(event_id))
            await asyncio.sleep(0.05)

    await post("warm", 1)  # the stream has parsed and built when this one is served
    while posted:
        await settle(0.5)
    taken.clear()
    until = time.monotonic() + LATENCY_SECONDS
    while time.monotonic() < until:
        await post("load", LOAD_PER_SECOND)
        await post("watched", 1)
        await settle(1.0)
    while posted:
        await settle(0.5)
    return taken


def kills(folder: Path) -> Part:
    """Collector and stream killed at random under load: what was accepted must be there, once."""
    home = shop_home(folder / "kills")
    key = add_key(home, "shop", f"bench-{time.time_ns()}")
    server, stream = Server(home, (*UNLIMITED, "--seal-seconds", "0.5")), StreamProcess(home)
    accepted: set[str] = set()
    server.start()
    stream.start()
    asyncio.run(_kill(server, stream, key, accepted))
    server.end(signal.SIGTERM)
    stream.end(signal.SIGTERM)
    measure(home.root, "storehouse", "stream", "--once")
    with duckdb.connect(str(home.published_file), read_only=True) as connection:
        ids = [r[0] for r in connection.execute("select event_id from core.fact_events").fetchall()]
    lost, repeated = len(accepted - set(ids)), len(ids) - len(set(ids))
    row: dict[str, Cell] = {
        "kills": KILLS,
        "accepted": len(accepted),
        "lost": lost,
        "twice in fact_events": repeated,
    }
    unbalanced, balance = conservation(home)
    goals = [Goal("kill_lossless", lost + repeated, 0), Goal("conservation", unbalanced, 0)]
    return Part([Table("Kills under load", [row]), Table("Every event", [balance])], goals)


async def _kill(
    server: Server, stream: StreamProcess, key: str, accepted: set[str], connections: int = 4
) -> None:
    rng, run = random.Random(0), f"kill-{time.time_ns()}"
    is_over = False

    async def send(sender: int) -> None:
        number, connection = 0, None
        while not is_over:
            try:
                connection = connection or await Connection.open(server.port)
                size = (1, 7, 100)[number % 3]
                first = sender * 10_000_000 + number * 100
                events = [current_event(run, first + i) for i in range(size)]
                status, body = await connection.send(request_of(key, events))
                if status == 202:
                    told = json.loads(body)["records"]
                    accepted.update(r["event_id"] for r in told if r["status"] == "accepted")
                number += 1
                await asyncio.sleep(0.01)
            except OSError:
                connection = None
                number += 1
                await asyncio.sleep(0.1)

    async def kill() -> None:
        nonlocal is_over
        for number in range(KILLS):
            victim: Server | StreamProcess = server if number % 2 else stream
            # A stream parses for some seconds before its first batch.
            await asyncio.sleep(rng.uniform(0.1, 2.0) if number % 2 else rng.uniform(8.0, 30.0))
            await asyncio.to_thread(victim.end, signal.SIGKILL)
            await asyncio.to_thread(victim.start)
        await asyncio.sleep(2)
        is_over = True

    await asyncio.gather(kill(), *(send(sender) for sender in range(connections)))


def conservation(home: Home) -> tuple[int, dict[str, Cell]]:
    """How many events do not add up, and the numbers: in = facts + duplicates + quarantine."""
    records = str(home.lake / "landing" / "loads" / "*.parquet")
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        (landed,) = connection.execute(
            "select sum(rows_landed) from read_parquet(?) where entity = 'events'", [records]
        ).fetchall()[0]
        statuses: dict[str, int] = dict(
            connection.execute(
                "select _status, count(*) from staging.base_shop__events group by all"
            ).fetchall()
        )
        facts, sessionless = connection.execute(
            "select count(*), count(*) filter (session_key = '-2') from core.fact_events"
        ).fetchall()[0]
        sessions, in_sessions = connection.execute(
            "select count(*), coalesce(sum(event_count), 0) from core.fact_sessions"
        ).fetchall()[0]
    duplicates, refused = statuses.get("duplicate", 0), statuses.get("quarantined", 0)
    unbalanced = abs(landed - facts - duplicates - refused) + abs(facts - sessionless - in_sessions)
    row: dict[str, Cell] = {
        "landed": int(landed),
        "fact_events": facts,
        "duplicates": duplicates,
        "quarantine": refused,
        "sessions": sessions,
        "in sessions": int(in_sessions),
        "sessionless": sessionless,
    }
    return int(unbalanced), row
