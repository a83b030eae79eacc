"""Replay: which events go out, when, to a topic or a collector, and that each is acknowledged."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from typer.testing import CliRunner

from bench.mock_kafka import mock_cluster
from ingest.errors import DeliveryError
from ingest.replay import Pace, Shift, days_to_today, event_files, events_in, send_to_collector
from orchestration.cli import app

EVENTS = [
    b'{"event_id":"E%d","occurred_at":"2026-01-%02dT08:00:00Z","device_id":"d%d"}'
    % (number, 1 + number // 100, number % 7)
    for number in range(1200)
]


@pytest.fixture
def extracts(tmp_path: Path) -> Path:
    """Three files of events among others, one of them gzipped."""
    (tmp_path / "events_20260101T010000Z.ndjson").write_bytes(b"\n".join(EVENTS[:500]) + b"\n")
    with gzip.open(tmp_path / "events_20260101T020000Z.ndjson.gz", "wb") as file:
        file.write(b"\r\n".join(EVENTS[500:700]))
    (tmp_path / "events_20260101T030000Z.ndjson").write_bytes(b"\n\n".join(EVENTS[700:]))
    for name in ("orders_20260101T010000Z.csv", ".events_20260101T040000Z.ndjson.part"):
        (tmp_path / name).write_text("x")
    return tmp_path


@dataclass
class Collector:
    """A stand-in that accepts ids, after it has been overloaded, away or has cut a connection.

    `troubles` are answered first, one for each request: a status, or 0 for a dropped connection.
    A dropped request may have been accepted: `accepted` counts what was, each time.
    """

    address: str = ""
    troubles: list[int] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    refuse: str = ""
    most: int = 500

    def judge(self, lines: list[bytes]) -> tuple[int, dict[str, object]]:
        ids = [json.loads(line)["event_id"] for line in lines]
        good = [event_id for event_id in ids if event_id != self.refuse]
        self.accepted += good
        self.sizes.append(len(ids))
        results = [
            {"index": i, "status": "rejected", "errors": [{"field": "page", "problem": "odd"}]}
            for i, event_id in enumerate(ids)
            if event_id == self.refuse
        ]
        body = {"accepted": len(good), "rejected": len(ids) - len(good), "records": results}
        return (202 if not results else 207 if good else 422), body


@contextmanager
def running(collector: Collector) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert (self.path, self.headers["Content-Type"]) == ("/events", "application/x-ndjson")
            collector.keys.add(self.headers["X-API-Key"])
            lines = body.splitlines()
            trouble = collector.troubles.pop(0) if collector.troubles else None
            if trouble == 0:
                collector.judge(lines)
                self.close_connection = True
                return
            if trouble is None and len(lines) > collector.most:
                trouble = 413
            status, answer = (trouble, {}) if trouble else collector.judge(lines)
            told = json.dumps(answer).encode()
            self.send_response(status)
            if trouble == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    collector.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_events_come_in_the_order_of_their_files(extracts: Path) -> None:
    files = event_files(extracts)
    assert list(events_in(files)) == EVENTS
    assert list(events_in(files, 600)) == EVENTS[:600]


def test_times_move_by_days_and_nothing_else_changes() -> None:
    event = (
        b'{"a":"2026-02-27T23:59:59.123+01:00", "b" : "2026-02-01 00:00", "day":"2026-02-27",'
        b'"c":"on 2026-02-27T23:59:59Z, say","d":["2026-02-28T00:00Z"],"e":"2026-02-30T00:00Z"}'
    )
    days = days_to_today([event.replace(b"2026-02-30", b"2026-02-03")], date(2026, 3, 2))
    assert days == 2
    moved = (
        event.replace(b'"2026-02-27T', b'"2026-03-01T')
        .replace(b"2026-02-01", b"2026-02-03")
        .replace(b"2026-02-28", b"2026-03-02")
    )
    assert Shift(days)(event) == moved
    assert Shift(0)(event) is event
    assert days_to_today([b"{}"], date(2026, 3, 2)) == 0


def test_pace_keeps_the_rate_and_catches_up() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(50, clock=lambda: now[0], sleep=sleep)
    assert pace.batch(500) == 5
    for _ in range(100):
        pace.wait(5)
        now[0] += 0.01
    assert sum(slept) == pytest.approx(99 * 0.1 - 99 * 0.01)
    assert Pace(0).batch(500) == 500


def test_a_collector_in_trouble_gets_every_event(extracts: Path) -> None:
    waits: list[float] = []
    trouble = Collector(troubles=[429, 503, 429, 0, 503])
    with running(trouble) as collector:
        events = events_in(event_files(extracts))
        total = send_to_collector(events, collector.address, "k", Pace(0), sleep=waits.append)
    assert (total.sent, total.accepted, total.rejected) == (1200, 1200, 0)
    assert set(collector.accepted) == {f"E{number}" for number in range(1200)}
    assert waits[0] == waits[2] == 7
    assert total.retries == len(waits) == 5
    assert max(collector.sizes) == 500
    assert collector.keys == {"k"}


def test_batches_that_are_too_large_are_halved_and_rejections_are_told() -> None:
    with running(Collector(refuse="E3", most=100)) as collector:
        total = send_to_collector(EVENTS, collector.address, "k", Pace(0))
    assert (total.sent, total.accepted, total.rejected) == (1200, 1199, 1)
    assert total.problems == ["page: odd"]
    assert len(collector.accepted) == len(set(collector.accepted)) == 1199
    assert max(collector.sizes) <= 100


@pytest.mark.parametrize(("status", "remedy"), [(401, "Give a key"), (404, "storehouse collect")])
def test_a_refusal_is_no_reason_to_try_again(status: int, remedy: str) -> None:
    with (
        running(Collector(troubles=[status])) as collector,
        pytest.raises(DeliveryError, match=remedy),
    ):
        send_to_collector(EVENTS, collector.address, "k", Pace(0))
    assert collector.accepted == []


def test_a_collector_that_stays_away_is_given_up() -> None:
    with running(Collector()) as collector:
        pass
    with pytest.raises(DeliveryError, match="does not answer"):
        send_to_collector(
            EVENTS, collector.address, "k", Pace(0), patience=0.05, sleep=lambda _: None
        )


def test_the_command_sends_to_a_collector_with_the_key_of_the_environment(extracts: Path) -> None:
    command = ["produce", "--from", str(extracts), "--shift-to-now", "--limit", "601", "--to"]
    with running(Collector(refuse="E600")) as collector:
        without = CliRunner().invoke(app, [*command, collector.address])
        done = CliRunner().invoke(
            app, [*command, collector.address], env={"STOREHOUSE_API_KEY": "k9"}
        )
    assert (without.exit_code, done.exit_code) == (1, 2)
    assert collector.keys == {"k9"}
    assert len(collector.accepted) == 600


def test_the_command_sends_to_a_topic_by_device(extracts: Path) -> None:
    with mock_cluster() as cluster:
        cluster.create_topic("t", 3)
        to = f"kafka://{cluster.address}/t"
        done = CliRunner().invoke(
            app, ["produce", "--from", str(extracts), "--shift-to-now", "--to", to]
        )
        assert done.exit_code == 0, done.output
        reader = Consumer({"bootstrap.servers": cluster.address, "group.id": "g"})
        reader.assign([TopicPartition("t", p, OFFSET_BEGINNING) for p in range(3)])
        found: dict[bytes, list[tuple[int | None, bytes]]] = {}
        while sum(map(len, found.values())) < len(EVENTS):
            for message in reader.consume(500, 1.0):
                key, value = message.key(), message.value()
                assert isinstance(key, bytes) and isinstance(value, bytes)
                found.setdefault(key, []).append((message.partition(), value))
        reader.close()
        cluster.refuse_topic("t", KafkaError.TOPIC_AUTHORIZATION_FAILED)
        refused = CliRunner().invoke(app, ["produce", "--from", str(extracts), "--to", to])
    today = datetime.now(UTC).date()
    for device in range(7):
        events = found[b"d%d" % device]
        assert len({partition for partition, _ in events}) == 1
        ids = [int(json.loads(value)["event_id"][1:]) for _, value in events]
        assert ids == list(range(device, 1200, 7))
    last = max(re.findall(rb"\d{4}-\d\d-\d\d", b"".join(v for e in found.values() for _, v in e)))
    assert last.decode() == today.isoformat()
    assert refused.exit_code == 1
    assert "refuse access to the topic t" in refused.output
