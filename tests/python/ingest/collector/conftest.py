"""Two sources of their own, a collector in this process, and what is in its segments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from ingest.collector.app import create_app
from ingest.collector.collector import Collector
from ingest.collector.keys import add_key
from ingest.collector.limits import Limits
from ingest.contracts import Contracts, load_contracts
from ingest.home import Home

CONTRACT = """
version: 2
sources:
  - name: web
    config: {meta: {timestamps_in: UTC}}
    tables:
      - name: events
        config: {meta: {load_kind: append, key: [event_id], modelled: false}}
        columns:
          - {name: event_id, data_type: varchar, config: {meta: {synonyms: [eventid]}}}
          - {name: event_type, data_type: varchar}
          - {name: occurred_at, data_type: timestamp}
          - {name: device_id, data_type: varchar, config: {meta: {pii: true}}}
          - {name: value, data_type: "decimal(18,2)"}
      - name: orders
        config: {meta: {load_kind: increment, key: [order_id, line], known_lag: 1 day}}
        columns:
          - {name: order_id, data_type: varchar}
          - {name: line, data_type: integer}
          - {name: amount, data_type: "decimal(18,2)", config: {meta: {required: true}}}
          - {name: is_paid, data_type: boolean}
          - name: buyer
            data_type: "struct(name varchar, born date, score double)"
            config: {meta: {pii: [name, born]}}
          - {name: parts, data_type: "struct(sku varchar, units integer)[]"}
          - {name: op, data_type: varchar, config: {meta: {required: true}}}
          - {name: updated_at, data_type: timestamp, config: {meta: {required: true}}}
      - name: products
        config: {meta: {load_kind: full, key: [product_id]}}
        columns:
          - {name: product_id, data_type: varchar}
  - name: till
    config: {meta: {timestamps_in: America/Sao_Paulo}}
    tables:
      - name: events
        config:
          meta:
            load_kind: append
            key: [event_id]
            business_time: occurred_at
            file_stems: [till_events]
        columns:
          - {name: event_id, data_type: varchar}
          - {name: occurred_at, data_type: timestamp}
      - name: archive
        config: {meta: {load_kind: append, key: [], encoding: latin-1}}
        columns:
          - {name: text, data_type: varchar}
"""


@dataclass
class Running:
    """A collector in this process, a client with the key of a source, and the home."""

    home: Home
    contracts: Contracts
    client: TestClient
    collector: Collector
    stack: ExitStack
    keys: dict[str, str]

    def post(
        self, body: Any, path: str = "/events", source: str = "web", **headers: str
    ) -> httpx2.Response:
        """Sends bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            path, content=content, headers={"X-API-Key": self.keys[source]} | sent
        )

    def stop(self) -> None:
        """Stops the collector as SIGTERM does."""
        self.stack.close()

    def lines(self, source: str = "web", stem: str = "events") -> list[bytes]:
        """The lines of the sealed segments."""
        files = sorted((self.home.segments / source).glob(f"{stem}_*.ndjson"))
        return [line for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture(scope="session")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    project = tmp_path_factory.mktemp("project")
    folder = project / "models" / "staging" / "web"
    folder.mkdir(parents=True)
    (folder / "_web__sources.yml").write_text(CONTRACT)
    return load_contracts(project)


@pytest.fixture
def start(tmp_path: Path, contracts: Contracts) -> Iterator[Callable[..., Running]]:
    """`start(records=5)`: a collector with these limits; several share the home."""
    home = Home(tmp_path / "home")
    keys: dict[str, str] = {}
    with ExitStack() as stack:

        def started(**limits: Any) -> Running:
            if not keys:
                keys.update({source: add_key(home, source, "test") for source in contracts})
            app = create_app(home, contracts, Limits(**limits))
            own = stack.enter_context(ExitStack())
            client = own.enter_context(TestClient(app))
            return Running(home, contracts, client, app.collector, own, keys)

        yield started


@pytest.fixture
def web(start: Callable[..., Running]) -> Running:
    """A collector with the limits it has by default."""
    return start()
