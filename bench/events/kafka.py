"""How fast events go to a Kafka topic and from it into segments, with commits and fsync.

The commands run as processes of their own against mock brokers in another one, which share the
processors with them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.report import Part, Table
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from ingest.replay import event_files, events_in
from ingest.simulator import simulate

TOPIC = "shop-events"
PARTITIONS = 12  # a mock partition keeps the last 5 MB, compressed
STALL_SECONDS = 60.0
_ID = re.compile(rb'"event_id":"[^"]*"')
_STAMP = "%Y-%m-%d %H:%M:%S,%f"


@dataclass(frozen=True)
class Figures:
    """Events per second into the topic, and from it to committed segments."""

    produced_per_second: float
    consumed_per_second: float
    segments: int


def measure(events: int) -> Figures:
    """Sends `events` simulated events to a topic, then reads them into segments.

    Raises RuntimeError when an event is missing from the segments.
    """
    with tempfile.TemporaryDirectory(prefix="storehouse-bench-") as folder, _brokers() as address:
        home = Home(Path(folder) / "home")
        _write_events(Path(folder), home.extracts / "shop", events)
        produced = _run_storehouse(
            home,
            *("produce", "--to", f"kafka://{address}/{TOPIC}", "--config", "compression.type=lz4"),
        )
        rate = re.search(r"([\d,]+) events/s", produced)
        if rate is None:
            raise RuntimeError(f"storehouse produce said: {produced}")
        consumed = _consume(home, address, events)
        files = list((home.segments / "shop").iterdir())
        found = sum(path.read_bytes().count(b"\n") for path in files)
        if found != events:
            raise RuntimeError(f"{found} of {events} events are in the segments.")
        return Figures(float(rate.group(1).replace(",", "")), consumed, len(files))


def _write_events(folder: Path, extracts: Path, count: int) -> None:
    """The events of the demo again and again, each with an id of its own."""
    simulate("demo", seed=1, days=None, loads=1, out=folder / "demo")
    made = list(events_in(event_files(folder / "demo")))
    extracts.mkdir(parents=True)
    with (extracts / "events_20260101T000000Z.ndjson").open("wb") as file:
        for number in range(count):
            event = made[number % len(made)]
            file.write(_ID.sub(b'"event_id":"E%d"' % number, event) + b"\n")


@contextmanager
def _brokers() -> Iterator[str]:
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bench.mock_kafka",
            f"--topic={TOPIC}",
            f"--partitions={PARTITIONS}",
        ],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def _command(home: Home, *args: str) -> tuple[list[str], dict[str, str]]:
    program = Path(sys.executable).with_name("storehouse")
    return [os.fspath(program), *args], os.environ | {HOME_VARIABLE: str(home.root)}


def _run_storehouse(home: Home, *args: str) -> str:
    command, environment = _command(home, *args)
    return subprocess.run(
        command, cwd=PROJECT_DIR, env=environment, check=True, capture_output=True, text=True
    ).stdout


def _consume(home: Home, address: str, events: int) -> float:
    """Events per second from the assignment of the partitions to the commit of the last ones."""
    command, environment = _command(
        home,
        *("consume", "--brokers", address, "--topic", TOPIC, "--every", "0.5"),
        *("--records", "50000"),
    )
    log = home.root / "consume.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stderr=file)
    written, changed = 0, time.monotonic()
    while written < events and time.monotonic() - changed < STALL_SECONDS:
        time.sleep(0.05)
        told = re.findall(r"INFO (\d+) records in", log.read_text())
        if (now := sum(map(int, told))) != written:
            written, changed = now, time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait()
    lines = log.read_text().splitlines()
    began = next(line for line in lines if "Partitions taken" in line)
    ended = [line for line in lines if " segments, " in line and "Stopped" not in line][-1]
    return events / (_moment(ended) - _moment(began)).total_seconds()


def _moment(line: str) -> datetime:
    return datetime.strptime(line[:23], _STAMP)


def run(events: int = 300_000) -> Part:
    """Events per second, produced and consumed."""
    figures = measure(events)
    row = {
        "events": events,
        "produced/s": round(figures.produced_per_second),
        "consumed/s": round(figures.consumed_per_second),
        "segments": figures.segments,
    }
    return Part([Table("Kafka, with commits and fsync", [row], f"{PARTITIONS} partitions.")], [])
