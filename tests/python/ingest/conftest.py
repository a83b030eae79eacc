"""A small source of its own, a home in a temporary folder and helpers to land into it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.contracts import Contracts, load_contracts
from ingest.home import Home
from ingest.landing import FileOutcome, land_paths
from ingest.landing.sink import Sink
from ingest.landing.stream import Text

CONTRACT = """
version: 2
sources:
  - name: toy
    description: A source for tests.
    config:
      meta:
        time_zone: Europe/Berlin
        timestamps_in: UTC
        max_field_bytes: 1000
    tables:
      - name: sales
        description: One row per sale.
        config: {meta: {load_kind: increment, key: [sale_id], known_lag: 1 day}}
        columns:
          - {name: sale_id, data_type: varchar, config: {meta: {synonyms: [sale number]}}}
          - {name: amount, data_type: "decimal(18,2)"}
          - {name: remark, data_type: varchar, config: {meta: {synonyms: [note]}}}
      - name: sales_plan
        description: One row per planned sale.
        config: {meta: {load_kind: append, key: [plan_id], modelled: false}}
        columns:
          - {name: plan_id, data_type: varchar}
          - {name: happened_at, data_type: timestamp}
      - name: people
        description: One row per person.
        config: {meta: {load_kind: full, key: [person_id], file_stems: [people, persons]}}
        columns:
          - {name: person_id, data_type: varchar}
          - name: name
            data_type: "struct(first varchar, last varchar)"
            config: {meta: {pii: true}}
          - {name: homes, data_type: "struct(city varchar, since date)[]"}
          - {name: is_vip, data_type: boolean}
          - {name: score, data_type: double}
"""


@dataclass
class Toy:
    """A home with the toy source; `land` lands the delivered files, or one of them."""

    home: Home
    contracts: Contracts
    inbox: Path

    def deliver(self, name: str, content: bytes | str) -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(
        self,
        name: str = "",
        content: bytes | str | None = None,
        *,
        extracted_at: datetime | None = None,
        encoding: str | None = None,
        force: bool = False,
    ) -> FileOutcome:
        """Delivers and lands one file."""
        path = self.inbox / name if content is None else self.deliver(name, content)
        (outcome,) = land_paths(
            self.home,
            self.contracts,
            "toy",
            path,
            extracted_at=extracted_at,
            encoding=encoding,
            force=force,
        )
        return outcome

    def land_all(self) -> list[FileOutcome]:
        """Lands everything that was delivered."""
        return land_paths(self.home, self.contracts, "toy", self.inbox)

    def read(
        self, entity: str, content: bytes | BinaryIO, reader: Callable[[Text, Sink], None]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows and rejects that a reader alone makes of a content, without a landing around."""
        lake, rejects = self.inbox / "lake.parquet", self.inbox / "rejects.parquet"
        rejects.unlink(missing_ok=True)
        contract = self.contracts["toy"].entities[entity]
        moment = datetime(2024, 1, 5)
        with Sink(contract, "load", "file", moment, moment, lake, rejects) as sink:
            stream = io.BytesIO(content) if isinstance(content, bytes) else content
            reader(Text(stream, contract.encoding, sink.notes), sink)
        rows = pq.read_table(lake).to_pylist()
        rejected = pq.read_table(rejects).to_pylist() if rejects.exists() else []
        assert (sink.rows, sink.rejected) == (len(rows), len(rejected))
        return sorted(rows, key=lambda row: int(row["_row_number"])), rejected

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """The lake rows of an entity without landing's stamps, by row number."""
        return self._query(f"{entity}/**/*.parquet", "order by _load_id, _row_number")

    def rejects(self) -> list[tuple[int, str]]:
        found = self._query("../landing/rejects/*.parquet", "order by load_id, line_number")
        return [(row["line_number"], row["reason"]) for row in found]

    def records(self) -> list[dict[str, Any]]:
        return self._query("../landing/loads/*.parquet", "order by load_id")

    def files(self) -> list[str]:
        """Every file below the zones that landing writes, but for stubs and the lock."""
        return sorted(
            str(path.relative_to(self.home.root))
            for zone in (self.home.raw, self.home.lake)
            for path in zone.rglob("*")
            if path.is_file() and path.name != "_stub.parquet"
        )

    def _query(self, pattern: str, order: str) -> list[dict[str, Any]]:
        sql = (
            f"select * from read_parquet('{self.home.lake}/toy/{pattern}', union_by_name=true, "
            f"hive_partitioning=false) {order}"
        )
        with duckdb.connect() as connection:
            rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
            return rows


def write_contract(project: Path, text: str, source: str = "toy") -> None:
    folder = project / "models" / "staging" / source
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"_{source}__sources.yml").write_text(text)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    write_contract(tmp_path / "project", CONTRACT)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return Toy(Home(tmp_path / "home"), load_contracts(tmp_path / "project"), inbox)
