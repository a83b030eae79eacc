"""What the Kafka client reports: what a person must mend, and what passes by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from ingest.errors import DeliveryError
from ingest.kafka.settings import VARIABLE_PREFIX

log = logging.getLogger("storehouse.kafka")
REPEAT_SECONDS = 30.0
_DENIED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_UNKNOWN_TOPIC = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.TOPIC_EXCEPTION,
    }
)
_OUT_OF_REACH = frozenset(
    {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE}
)

_REBALANCING = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError._WAIT_COORD,
    }
)


def log_level(error: KafkaError) -> int:
    """How loud to log a failed commit: quietly while consumers share the partitions anew."""
    return logging.DEBUG if error.code() in _REBALANCING else logging.WARNING


def refusal(error: KafkaError, brokers: str, topic: str) -> DeliveryError | None:
    """The error for a person, if one must act; None for what passes, such as a lost broker."""
    if error.code() in _DENIED:
        return DeliveryError(
            f"The brokers {brokers} refuse access to the topic {topic}: {error.str()}.",
            "Check security.protocol, sasl.mechanisms, the user and its rights on topic and group; "
            f"a password goes into {VARIABLE_PREFIX}SASL_PASSWORD.",
        )
    if error.code() in _UNKNOWN_TOPIC:
        return DeliveryError(
            f"The topic {topic} does not exist on {brokers}.",
            "Create it, or name another one.",
        )
    if error.fatal():
        return DeliveryError(
            f"The Kafka client cannot go on: {error.str()}.", "Start the command again."
        )
    return None


class BrokerWatch:
    """Hears what the client library reports about brokers and logs it, not again and again.

    `denied` is the last refusal of a user, certificate or password that it heard of.
    """

    def __init__(self, brokers: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.denied: KafkaError | None = None
        self._brokers = brokers
        self._clock = clock
        self._is_out = False
        self._told_at = -REPEAT_SECONDS

    def heard(self, error: KafkaError) -> None:
        """Takes an error that the client reports beside its messages."""
        if error.code() in _DENIED:
            self.denied = error
            self._tell(f"refuse the client ({error.str()})")
        elif error.code() in _OUT_OF_REACH:
            self.is_away()
        else:
            log.warning("The Kafka client reports: %s", error.str())

    def is_away(self) -> None:
        """Takes note that no broker answers."""
        self._is_out = True
        self._tell("do not answer; waiting for them, nothing is lost")

    def is_back(self) -> None:
        """Takes note that a broker answered."""
        self.denied = None
        if self._is_out:
            self._is_out, self._told_at = False, -REPEAT_SECONDS
            log.info("The brokers %s answer again.", self._brokers)

    def _tell(self, what: str) -> None:
        if self._clock() - self._told_at >= REPEAT_SECONDS:
            self._told_at = self._clock()
            log.warning("The brokers %s %s.", self._brokers, what)
