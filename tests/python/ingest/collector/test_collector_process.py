"""Real collectors in processes of their own: killed, stopped, and two on one home."""

from __future__ import annotations

import asyncio
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.events.collector import Connection, Server, event, kill_lossless, request_of
from ingest.collector.keys import add_key
from ingest.home import Home


def test_no_accepted_event_is_lost_by_a_kill(tmp_path: Path) -> None:
    accepted, found = kill_lossless(kills=3, folder=tmp_path)
    assert accepted
    assert accepted <= set(found)


def test_two_collectors_share_a_home_and_sigterm_seals(tmp_path: Path) -> None:
    home = Home(tmp_path)
    key = add_key(home, "shop", "test")
    servers = [Server(home, ("--seal-seconds", "60")) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, servers))

    async def send(server: Server, first: int) -> set[str]:
        connection = await Connection.open(server.port)
        for number in range(first, first + 20):
            status, body = await connection.send(request_of(key, [event(number)]))
            assert status == 202
            assert json.loads(body)["accepted"] == 1
        connection.close()
        return {event(number)["event_id"] for number in range(first, first + 20)}

    async def load() -> set[str]:
        one, other = await asyncio.gather(send(servers[0], 0), send(servers[1], 1_000))
        return one | other

    try:
        sent = asyncio.run(load())
        folder = home.segments / "shop"
        assert len(list(folder.glob(".*.part"))) == 2
        assert servers[0].end(signal.SIGKILL) == -signal.SIGKILL
        servers[0].start()  # seals what it left, and leaves alone what the other one writes
        assert (len(list(folder.glob(".*.part"))), len(list(folder.glob("events_*")))) == (1, 1)
    finally:
        ends = [server.end(signal.SIGTERM) for server in servers]
    assert ends == [0, 0]
    assert not list(folder.glob(".*"))
    lines = [line for file in folder.iterdir() for line in file.read_bytes().splitlines()]
    assert {json.loads(line)["event_id"] for line in lines} == sent
    assert len(lines) == len(sent)
