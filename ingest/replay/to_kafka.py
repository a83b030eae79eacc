"""Sends events to a Kafka topic, each acknowledged by all replicas."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ingest.errors import DeliveryError
from ingest.kafka.failures import BrokerWatch, refusal
from ingest.kafka.settings import new_client
from ingest.replay.pace import Pace
from ingest.replay.sent import Sent

_library_log = logging.getLogger("storehouse.kafka.librdkafka")
_STEP = 500
_PROBLEMS = 3


def send_to_topic(
    events: Iterable[bytes], topic: str, settings: Mapping[str, str], pace: Pace
) -> Sent:
    """Sends all events, keyed by device so that those of a device stay in order.

    Returns when each is acknowledged or given up (after delivery.timeout.ms, five minutes unless
    set); those given up count as rejected. Raises DeliveryError for a refused user or topic, and
    ConfigError for settings that the client does not take.
    """
    brokers = settings["bootstrap.servers"]
    watch = BrokerWatch(brokers)
    total = Sent()

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            total.rejected += 1
            if len(total.problems) < _PROBLEMS:
                total.problems.append(error.str())

    if "debug" not in settings:
        _library_log.setLevel(logging.CRITICAL)
    own: dict[str, object] = {
        **settings,
        "error_cb": watch.heard,
        "on_delivery": delivered,
        "delivery.report.only.error": True,
    }
    producer = new_client(lambda: Producer(own, logger=_library_log), settings)
    _check_topic(producer, brokers, topic)
    step = pace.batch(_STEP)
    for number, event in enumerate(events):
        if number % step == 0:
            pace.wait(step)
            producer.poll(0)
            _raise_denied(watch, brokers, topic)
        _send(producer, topic, event)
        total.sent += 1
    while producer.flush(1.0):
        _raise_denied(watch, brokers, topic)
    total.accepted = total.sent - total.rejected
    return total


def _send(producer: Producer, topic: str, event: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value=event, key=_device(event))
            return
        except BufferError:  # the queue is full: the brokers are slower than the files
            producer.poll(0.1)


def _device(event: bytes) -> str | None:
    try:
        record = orjson.loads(event)
    except orjson.JSONDecodeError:
        return None
    device = record.get("device_id") if isinstance(record, dict) else None
    return device if isinstance(device, str) else None


def _check_topic(producer: Producer, brokers: str, topic: str) -> None:
    """Raises DeliveryError when no broker answers, or the topic is refused."""
    try:
        error = producer.list_topics(topic, timeout=10.0).topics[topic].error
    except KafkaException as failure:
        error = failure.args[0]
        if refusal(error, brokers, topic) is None:
            raise DeliveryError(
                f"The brokers {brokers} do not answer: {error.str()}.",
                "Check the address, and that a broker runs there.",
            ) from failure
    if error is not None and (found := refusal(error, brokers, topic)) is not None:
        raise found


def _raise_denied(watch: BrokerWatch, brokers: str, topic: str) -> None:
    if watch.denied is not None and (found := refusal(watch.denied, brokers, topic)):
        raise found
