"""A mock cluster on TCP and a home for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mock_kafka import MockCluster, mock_cluster
from ingest.home import Home
from tests.python.ingest.kafka.kafka_shop import Sender, Shop


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with mock_cluster() as made:
        yield made


@pytest.fixture
def shop(cluster: MockCluster, tmp_path: Path) -> Iterator[Shop]:
    """A home, and a cluster whose topic each test makes."""
    logs = tmp_path / "logs"
    logs.mkdir()
    made = Shop(cluster, Home(tmp_path / "home"), logs)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def sender(cluster: MockCluster) -> Sender:
    return Sender(cluster)
