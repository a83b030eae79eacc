"""`storehouse consume` in processes: each message is in one segment, whatever dies when."""

from __future__ import annotations

import random
import re
import signal
import subprocess

import pytest
from confluent_kafka import KafkaError
from typer.testing import CliRunner

from ingest.contracts import load_contracts
from ingest.home import HOME_VARIABLE
from ingest.landing import land_paths
from ingest.landing.records import read_records
from orchestration.cli import app
from tests.python.ingest.kafka.kafka_shop import TOPIC, Sender, Shop, wait_for

FAST = ("--every", "0.1")

# A consumer that dies when it has renamed a segment and is about to commit its offsets.
DIES_BEFORE_COMMIT = """
import os
import ingest.kafka.intake as intake
class Dying(intake.Consumer):
    def commit(self, *, offsets, asynchronous):
        if any(place.offset > 0 for place in offsets):
            os._exit(9)
        return super().commit(offsets=offsets, asynchronous=asynchronous)
intake.Consumer = Dying
"""

# A consumer whose commits are never answered.
NEVER_COMMITS = """
import threading
import ingest.kafka.intake as intake
intake._ANSWER_SECONDS = 0.5
class Stuck(intake.Consumer):
    def commit(self, **kwargs):
        threading.Event().wait()
intake.Consumer = Stuck
"""


def test_every_kind_of_message_becomes_lines_that_landing_judges(
    shop: Shop, sender: Sender
) -> None:
    shop.cluster.create_topic(TOPIC, 1)
    sender.send_values(
        [
            b'{"event_id":"E1","price":12345678901234567890.10,"page":"/caf\xc3\xa9"}',
            b'{\n  "event_type": "search",\r\n  "search_query": "a\\nb"\n}',
            b"not json\nat all",
            None,
            b"",
            b'[{"event_id":"E2"},\n {"page": "/"}, 7]',
            b'{"event_id":"E3"}\n{"page":"/cart"}\n{broken',
            b'{"EventID":"E4"}',
            b"{}",
        ]
    )
    consumer = shop.start(*FAST, STOREHOUSE_KAFKA_CLIENT_ID="of-the-environment")
    wait_for(shop.lines, "a segment")
    shop.stop(consumer)

    assert shop.lines() == [
        '{"event_id":"E1","price":12345678901234567890.10,"page":"/caf\u00e9"}',
        '{"event_id":"shop-events-0-1",   "event_type": "search",    "search_query": "a\\nb" }',
        '{"event_id":"E2"}',
        '{"event_id":"shop-events-0-5-2","page": "/"}',
        '{"event_id":"E3"}',
        '{"event_id":"shop-events-0-6-2","page":"/cart"}',
        '{"EventID":"E4"}',
        '{"event_id":"shop-events-0-8"}',
        "not json at all",
        "7",
        "{broken",
    ]
    shop.assert_every_offset_once([0])
    shop.assert_all_committed([0])
    said = shop.said(consumer)
    assert "11 records in 1 segments, 3 of them not JSON objects, 2 messages" in said

    land_paths(shop.home, load_contracts(), "shop", shop.folder)
    (record,) = read_records(shop.home)
    assert (record["rows_landed"], record["rows_rejected"]) == (8, 3)


def test_a_killed_consumer_loses_nothing_and_reads_nothing_twice(
    shop: Shop, sender: Sender
) -> None:
    chance = random.Random(7)
    shop.cluster.create_topic(TOPIC, 3)
    for _ in range(3):
        consumer = shop.start("--every", "0.1", "--records", "40")
        before = len(shop.lines())
        sender.send(300)
        wait_for(lambda: len(shop.lines()) > before, "a segment")  # noqa: B023
        for _ in range(chance.randrange(8)):
            sender.send(chance.randrange(1, 60))
        consumer.kill()
        consumer.wait()
    last = shop.start(*FAST)
    wait_for(lambda: "Partitions taken" in shop.said(last), "its partitions")
    wait_for(lambda: len(shop.event_ids()) == len(sender.ids), "all events")
    shop.stop(last)
    assert shop.event_ids() == dict.fromkeys(sender.ids, 1)
    shop.assert_every_offset_once(range(3))
    assert not list(shop.folder.glob(".*"))


@pytest.mark.parametrize("is_landed", [False, True])
def test_death_between_rename_and_commit_is_seen_by_the_next_consumer(
    shop: Shop, sender: Sender, is_landed: bool
) -> None:
    shop.cluster.create_topic(TOPIC, 2)
    sender.send(200)
    dying = shop.start("--every", "1", program=DIES_BEFORE_COMMIT)
    assert dying.wait(60) == 9, shop.said(dying)
    assert sum(shop.event_ids().values()) == 200
    assert shop.committed(range(2)) == {0: 0, 1: 0}
    first = shop.event_ids()
    segments = sorted(shop.folder.iterdir())
    if is_landed:
        land_paths(shop.home, load_contracts(), "shop", shop.folder)
        assert not any(segment.exists() for segment in segments)

    sender.send(100)
    consumer = shop.start(*FAST)
    wait_for(lambda: len(shop.event_ids() | first) == 300, "the rest")
    shop.stop(consumer)
    assert shop.event_ids() == dict.fromkeys(sender.ids[200:] if is_landed else sender.ids, 1)
    for segment in segments if is_landed else ():
        segment.touch()
    shop.assert_every_offset_once(range(2))
    shop.assert_all_committed(range(2))
    assert "behind its segments" in shop.said(consumer)


def test_segments_of_another_cluster_hide_no_message(shop: Shop, sender: Sender) -> None:
    shop.cluster.create_topic(TOPIC, 1)
    sender.send(50)
    name = f"events_{TOPIC}-0-{0:019d}-{49:019d}_20260101T000000Z.ndjson"
    shop.folder.mkdir(parents=True)
    (shop.folder / name).write_text('{"event_id":"of the other"}\n' * 50)
    consumer = shop.start(*FAST)
    wait_for(lambda: len(shop.lines()) == 100, "the topic of this cluster")
    shop.stop(consumer)
    assert set(shop.event_ids()) == {*sender.ids, "of the other"}


def test_consumers_come_and_go_while_events_arrive(shop: Shop, sender: Sender) -> None:
    shop.cluster.create_topic(TOPIC, 4)
    first = shop.start(*FAST)
    sender.send(400)
    wait_for(lambda: len(shop.lines()) == 400, "the first consumer")
    second, third = shop.start(*FAST), shop.start(*FAST)
    for consumer in (second, third):

        def has_partitions(consumer: subprocess.Popen[str] = consumer) -> bool:
            sender.send(20)
            return bool(re.search(r"taken: \d", shop.said(consumer)))

        wait_for(has_partitions, "its partitions")
    sender.send(400)
    shop.stop(first)
    sender.send(400)
    third.kill()
    third.wait()
    sender.send(400)
    wait_for(lambda: len(shop.event_ids()) == len(sender.ids), "all events")
    shop.stop(second)
    assert shop.event_ids() == dict.fromkeys(sender.ids, 1)
    shop.assert_every_offset_once(range(4))
    assert "Partitions given back" in shop.said(first)


def test_a_consumer_that_was_suspended_writes_nothing_that_another_has_taken(
    shop: Shop, sender: Sender
) -> None:
    shop.cluster.create_topic(TOPIC, 2)
    suspended, other = shop.start("--every", "1"), shop.start("--every", "1")

    def has_read_from(consumer: subprocess.Popen[str]) -> bool:
        sender.send(20)
        return " records in " in shop.said(consumer)

    wait_for(lambda: has_read_from(suspended) and has_read_from(other), "both to read")
    sender.send(20)
    suspended.send_signal(signal.SIGSTOP)
    wait_for(lambda: len(shop.event_ids()) == len(sender.ids), "the other to read all")
    suspended.send_signal(signal.SIGCONT)
    wait_for(lambda: "Partitions lost" in shop.said(suspended), "it to learn of that")
    sender.send(20)
    wait_for(lambda: len(shop.event_ids()) == len(sender.ids), "all events")
    shop.stop(suspended)
    shop.stop(other)
    shop.assert_every_offset_once(range(2))


def test_brokers_that_are_away_are_waited_for(shop: Shop, sender: Sender) -> None:
    shop.cluster.create_topic(TOPIC, 1)
    shop.cluster.go_down()
    consumer = shop.start(*FAST)
    wait_for(lambda: "do not answer; waiting" in shop.said(consumer), "the first outage")
    shop.cluster.come_back()
    sender.send(20)
    wait_for(lambda: len(shop.lines()) == 20, "the events after it")
    shop.cluster.go_down()
    wait_for(lambda: shop.said(consumer).count("do not answer; waiting") == 2, "the second outage")
    shop.cluster.come_back()
    sender.send(20)
    wait_for(lambda: len(shop.event_ids()) == 40, "the events after the second")
    shop.stop(consumer)
    shop.assert_every_offset_once([0])
    shop.assert_all_committed([0])
    assert shop.said(consumer).count("answer again") >= 2


def refused(shop: Shop, *args: str, **environment: str) -> str:
    """What the command says when it ends by itself with status 1."""
    command = ["consume", "--brokers", shop.cluster.address, "--topic", TOPIC, *FAST, *args]
    variables = {HOME_VARIABLE: str(shop.home.root)} | environment
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)  # it would stay in this process
        done = CliRunner().invoke(app, command, env=variables)
    assert done.exit_code == 1, done.output
    return done.output


def test_a_commit_that_is_never_answered_keeps_no_consumer_from_ending(
    shop: Shop, sender: Sender
) -> None:
    shop.cluster.create_topic(TOPIC, 1)
    sender.send(20)
    stuck = shop.start(*FAST, program=NEVER_COMMITS)
    wait_for(lambda: len(shop.lines()) == 20, "the events")
    sender.send(20)
    wait_for(lambda: len(shop.lines()) == 40, "the events after them")
    shop.stop(stuck)
    assert "do not answer; waiting" in shop.said(stuck)
    assert "Left without a farewell" in shop.said(stuck)
    again = shop.start(*FAST)
    wait_for(lambda: "behind its segments" in shop.said(again), "the next consumer")
    shop.stop(again)
    shop.assert_every_offset_once([0])
    shop.assert_all_committed([0])


def test_a_topic_that_is_missing_or_refused_is_told(shop: Shop) -> None:
    assert "The topic nowhere does not exist on" in refused(shop, "--topic", "nowhere")
    shop.cluster.create_topic(TOPIC, 1)
    shop.cluster.refuse_topic(TOPIC, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    said = refused(
        shop, "--config", "sasl.username=someone", STOREHOUSE_KAFKA_SASL_PASSWORD="hush!"
    )
    assert "refuse access to the topic shop-events" in said
    assert "STOREHOUSE_KAFKA_SASL_PASSWORD" in said
    assert "hush!" not in said


def test_a_disk_that_refuses_leaves_offsets_uncommitted(shop: Shop, sender: Sender) -> None:
    shop.cluster.create_topic(TOPIC, 1)
    sender.send(10)
    shop.folder.parent.mkdir(parents=True)
    shop.folder.write_text("in the way")
    assert "The system refused" in refused(shop)
    assert shop.committed([0]) == {0: 0}
