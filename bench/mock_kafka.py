"""A Kafka cluster for tests and benchmarks: librdkafka's mock brokers, on TCP, without disks.

It is inside the library that confluent-kafka brings. Its settings can start one too; the C
functions can do more: topics of any number of partitions, brokers that go down and come back.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import cimpl

_PRODUCER = 0
_REBALANCE_DELAY_MS = 50  # the three seconds of real brokers would be most of a test
_library = ctypes.CDLL(cimpl.__file__)


def _declare(name: str, result: type | None, *arguments: type) -> None:
    function = getattr(_library, name)
    function.restype, function.argtypes = result, list(arguments)


_declare("rd_kafka_conf_new", ctypes.c_void_p)
_declare(
    "rd_kafka_conf_set",
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
)
_declare(
    "rd_kafka_new",
    ctypes.c_void_p,
    *(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
)
_declare("rd_kafka_destroy", None, ctypes.c_void_p)
_declare("rd_kafka_mock_cluster_new", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_declare("rd_kafka_mock_cluster_destroy", None, ctypes.c_void_p)
_declare("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, ctypes.c_void_p)
_declare(
    "rd_kafka_mock_topic_create",
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int),
)
_declare("rd_kafka_mock_topic_set_error", None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_declare("rd_kafka_mock_group_initial_rebalance_delay_ms", None, ctypes.c_void_p, ctypes.c_int32)
_declare("rd_kafka_mock_broker_set_down", ctypes.c_int, ctypes.c_void_p, ctypes.c_int32)
_declare("rd_kafka_mock_broker_set_up", ctypes.c_int, ctypes.c_void_p, ctypes.c_int32)


class MockCluster:
    """One broker at `address` (HOST:PORT); what it holds is lost when it closes."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        told = _library.rd_kafka_mock_cluster_bootstraps(handle)
        self.address: str = told.decode()

    def create_topic(self, topic: str, partitions: int) -> None:
        """Makes an empty topic; ValueError when there is one already."""
        if _library.rd_kafka_mock_topic_create(self._handle, topic.encode(), partitions, 1):
            raise ValueError(f"The topic {topic} cannot be made.")

    def refuse_topic(self, topic: str, error: int) -> None:
        """Answers an error code of the protocol whenever a client asks about the topic."""
        _library.rd_kafka_mock_topic_set_error(self._handle, topic.encode(), error)

    def go_down(self) -> None:
        """Closes every connection and takes no new one."""
        _library.rd_kafka_mock_broker_set_down(self._handle, 1)

    def come_back(self) -> None:
        """Takes connections again, with all that it held."""
        _library.rd_kafka_mock_broker_set_up(self._handle, 1)


@contextmanager
def mock_cluster() -> Iterator[MockCluster]:
    """A cluster on a free port, for as long as the block runs."""
    told = ctypes.create_string_buffer(512)
    settings = _library.rd_kafka_conf_new()
    for name, value in ((b"log_level", b"0"), (b"client.id", b"mock")):
        _library.rd_kafka_conf_set(settings, name, value, told, len(told))
    client = _library.rd_kafka_new(_PRODUCER, settings, told, len(told))
    cluster = _library.rd_kafka_mock_cluster_new(client, 1)
    _library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, _REBALANCE_DELAY_MS)
    try:
        yield MockCluster(cluster)
    finally:
        _library.rd_kafka_mock_cluster_destroy(cluster)
        _library.rd_kafka_destroy(client)


def main() -> None:
    """Runs a cluster with one topic until stdin ends; prints its address."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--topic", default="shop-events")
    parser.add_argument("--partitions", type=int, default=4)
    options = parser.parse_args()
    with mock_cluster() as cluster:
        cluster.create_topic(options.topic, options.partitions)
        sys.stdout.write(cluster.address + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
