"""A home, a mock cluster, and consumers as processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.mock_kafka import MockCluster
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home

TOPIC = "shop-events"
GROUP = "storehouse"
PATIENCE = 60.0
_NAME = re.compile(rf"events_{TOPIC}-(\d+)-(\d+)-(\d+)_\d{{8}}T\d{{6}}Z\.ndjson")
# Short, so that the partitions of a killed consumer are free soon.
_SESSION = ("--config", "session.timeout.ms=1000", "--config", "heartbeat.interval.ms=200")


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition holds; fails the test after a minute."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        time.sleep(0.02)


@dataclass
class Shop:
    """A cluster with a topic, a home, and the consumers that were started."""

    cluster: MockCluster
    home: Home
    logs: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.home.segments / "shop"

    def start(self, *args: str, program: str = "", **environment: str) -> subprocess.Popen[str]:
        """Starts a consumer: the command itself, or a Python program that ends in it."""
        command = [sys.executable, "-c", f"{program}\nfrom orchestration.cli import main\nmain()"]
        if not program:
            command = [os.fspath(Path(sys.executable).with_name("storehouse"))]
        command += ["consume", "--brokers", self.cluster.address, "--topic", TOPIC, *_SESSION]
        with (self.logs / f"{len(self.processes)}.txt").open("w") as log:
            process = subprocess.Popen(
                [*command, *args],
                cwd=PROJECT_DIR,
                env=os.environ | {HOME_VARIABLE: str(self.home.root)} | environment,
                stderr=log,
                text=True,
            )
        self.processes.append(process)
        return process

    def said(self, process: subprocess.Popen[str]) -> str:
        return (self.logs / f"{self.processes.index(process)}.txt").read_text()

    def stop(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, self.said(process)

    def ranges(self) -> dict[int, list[tuple[int, int]]]:
        """(first, last) offsets of the visible segments, in order, by partition."""
        found: dict[int, list[tuple[int, int]]] = {}
        for path in self.folder.glob("[!.]*") if self.folder.is_dir() else ():
            match = _NAME.fullmatch(path.name)
            assert match, path.name
            partition, first, last = map(int, match.groups())
            found.setdefault(partition, []).append((first, last))
        return {partition: sorted(ranges) for partition, ranges in found.items()}

    def lines(self) -> list[str]:
        """Every line of the visible segments; those being removed meanwhile are left out."""
        paths = sorted(self.folder.glob("[!.]*")) if self.folder.is_dir() else []
        return [line for path in paths for line in path.read_text().splitlines()]

    def event_ids(self) -> Counter[str]:
        return Counter(json.loads(line)["event_id"] for line in self.lines())

    def end_offsets(self, partitions: Iterable[int]) -> dict[int, int]:
        """The number of messages in each partition, as the brokers tell it."""
        client = Consumer(
            {"bootstrap.servers": self.cluster.address, "group.id": "other", "log_level": "0"}
        )
        try:
            return {
                p: client.get_watermark_offsets(TopicPartition(TOPIC, p), timeout=10)[1]
                for p in partitions
            }
        finally:
            client.close()

    def committed(self, partitions: Iterable[int]) -> dict[int, int]:
        client = Consumer(
            {"bootstrap.servers": self.cluster.address, "group.id": GROUP, "log_level": "0"}
        )
        try:
            places = [TopicPartition(TOPIC, p) for p in partitions]
            return {p.partition: p.offset for p in client.committed(places, timeout=10)}
        finally:
            client.close()

    def assert_every_offset_once(self, partitions: Iterable[int]) -> None:
        """By their names the segments hold each message of the topic exactly once."""
        ends = self.end_offsets(partitions)
        ranges = self.ranges()
        for partition, end in ends.items():
            at = 0
            for first, last in ranges.get(partition, []):
                assert first == at, f"partition {partition}: {ranges[partition]}"
                at = last + 1
            assert at == end, f"partition {partition} ends at {end}: {ranges.get(partition)}"

    def assert_all_committed(self, partitions: Iterable[int]) -> None:
        """The group has committed the end of each partition."""
        assert self.committed(partitions) == self.end_offsets(partitions)


class Sender:
    """Sends events with ids E0, E1, ... to the topic and remembers them."""

    def __init__(self, cluster: MockCluster) -> None:
        self._producer = Producer(
            {"bootstrap.servers": cluster.address, "linger.ms": "1", "log_level": "0"}
        )
        self.ids: list[str] = []

    def send(self, count: int) -> None:
        """Returns when all are acknowledged."""
        for _ in range(count):
            event_id = f"E{len(self.ids)}"
            self.ids.append(event_id)
            value = json.dumps({"event_id": event_id, "event_type": "page_view"})
            self._producer.produce(TOPIC, value=value, key=event_id)
        assert self._producer.flush(PATIENCE) == 0

    def send_values(self, values: Iterable[bytes | None], partition: int = 0) -> None:
        for value in values:
            self._producer.produce(TOPIC, value=value, partition=partition)
        assert self._producer.flush(PATIENCE) == 0
