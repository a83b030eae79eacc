"""Proof that building step by step equals building at once, on random cuts of what was landed.

Two scratch homes get the same rows: one the landed loads as they are, built once; the other the
same rows in random batches, landed and built one after the other. Then every public table must be
equal, and so must the landed rows themselves.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.contracts import Contract, Contracts
from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing import FileOutcome, land_paths
from ingest.landing.records import read_rows
from ingest.landing.transfer import link_loads, receive_load
from orchestration.lib.diff import Diff, compare, find_side
from orchestration.lib.rebuild.batches import Batch, Load, Piece, cut, delivered_rows, late_rows
from orchestration.lib.rebuild.scratch import build_tables, new_home, read_home, run_all

_HOLDER = "storehouse prove-incremental"


class Builder(Protocol):
    """What builds a scratch home: after a batch, and at the end."""

    def step(self, home: Home) -> None:
        """Builds the tables of a state on the way."""

    def publish(self, home: Home) -> None:
        """Builds, tests and publishes everything."""


class DbtBuilder:
    """Bare dbt on the way; `storehouse run`, with tests and scores, at the end."""

    def step(self, home: Home) -> None:
        """Builds the tables of a state on the way."""
        build_tables(home)

    def publish(self, home: Home) -> None:
        """Builds, tests and publishes everything."""
        run_all(home)


@dataclass(frozen=True)
class LandedRows:
    """The rows of an entity in both homes, and the distinct rows that one has and the other not."""

    entity: str
    at_once: int
    in_steps: int
    lost: int
    added: int


@dataclass(frozen=True)
class Proof:
    """What was delivered, and how the warehouse built in steps compares with that built at once.

    In `tables` the steps are the side before.
    """

    landed: list[LandedRows]
    tables: Diff
    delivered_rows: int
    late_rows: int

    @property
    def is_vacuous(self) -> bool:
        """Whether no row was landed, or none was in a table; what ops says is no such row."""
        return self.rows == 0 or sum(entity.at_once for entity in self.landed) == 0

    @property
    def rows(self) -> int:
        """The rows of all business tables, as built in steps."""
        tables = [table for table in self.tables.tables if not table.name.startswith("ops.")]
        return sum(table.rows_before or 0 for table in tables)

    @property
    def lost_or_added(self) -> list[str]:
        """The entities whose landed rows are not the same, one sentence each."""
        return [
            f"{rows.entity}: {rows.lost:,} landed rows were lost, {rows.added:,} were added."
            for rows in self.landed
            if rows.lost or rows.added
        ]

    @property
    def is_equal(self) -> bool:
        """Whether the landed rows are the same, and so is every table."""
        return not self.lost_or_added and not self.tables.differing


def prove_incremental(
    home: Home,
    contracts: Contracts,
    keys: Mapping[str, Sequence[str]],
    folder: Path,
    *,
    batches: int,
    seed: int,
    build_every: int = 1,
    source: str | None = None,
    builder: Builder | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Proof:
    """Builds what `home` has landed in `batches` steps and at once, in `folder`, and compares.

    Only entities that are modelled and, if given, of `source` are taken; where nothing was landed
    the demo is. `home` is only read; `keys` names the key columns of `schema.table`. A build
    follows every `build_every` batches and the last one. Raises StorehouseError when there is
    nothing to cut, or when a build fails.
    """
    builder = builder or DbtBuilder()
    once = new_home(folder / "at_once", home)
    with read_home(home, _HOLDER, lambda who: tell(f"Waiting for {who}.")) as records:
        link_loads(home, once, _chosen(records, contracts, source))
    if not records:
        tell("Nothing was landed: the demo it is.")
        _land_demo(once, contracts, folder)
    with read_home(once, _HOLDER) as records:
        chosen = _chosen(records, contracts, source)
    if not chosen:
        raise StorehouseError(
            f"Nothing of {source or 'a modelled entity'} was landed, so there is nothing to cut.",
            "Land its extracts first.",
        )
    steps = new_home(folder / "in_steps", once)
    dealt = cut([_load(record) for record in chosen], batches, seed)
    by_id = {record["load_id"]: record for record in chosen}
    for number, batch in enumerate(dealt, start=1):
        tell(f"batch {number} of {batches}: {delivered_rows([batch]):,} rows")
        _land_batch(once, steps, contracts, batch, by_id)
        if number == batches:
            builder.publish(steps)
        elif number % build_every == 0:
            builder.step(steps)
    tell("all at once")
    builder.publish(once)
    return Proof(
        landed=_compare_landed(once, steps, _contracts_of(chosen, contracts)),
        tables=compare(find_side(steps, "published"), find_side(once, "published"), keys),
        delivered_rows=delivered_rows(dealt),
        late_rows=late_rows(dealt),
    )


def _chosen(
    records: Sequence[Mapping[str, Any]], contracts: Contracts, source: str | None
) -> list[Mapping[str, Any]]:
    """The records of modelled entities, of one source where it is named."""
    return [
        record
        for record in records
        if source in (None, record["source_system"])
        and (contract := _contract(record, contracts)) is not None
        and contract.is_modelled
    ]


def _contract(record: Mapping[str, Any], contracts: Contracts) -> Contract | None:
    declared = contracts.get(record["source_system"])
    return declared.entities.get(record["entity"]) if declared else None


def _contracts_of(records: Sequence[Mapping[str, Any]], contracts: Contracts) -> list[Contract]:
    found = {(record["source_system"], record["entity"]) for record in records}
    return [contracts[source].entities[entity] for source, entity in sorted(found)]


def _land_demo(home: Home, contracts: Contracts, folder: Path) -> None:
    from ingest.simulator import simulate  # slow to import, rarely needed

    simulate(scale="demo", seed=42, days=None, loads=3, out=folder / "demo")
    _check(land_paths(home, contracts, "shop", folder / "demo"))


def _load(record: Mapping[str, Any]) -> Load:
    return Load(
        load_id=record["load_id"],
        source=record["source_system"],
        entity=record["entity"],
        load_kind=record["load_kind"],
        extracted_at=record["extracted_at"],
        rows=record["rows_landed"],
    )


def _land_batch(
    home: Home,
    steps: Home,
    contracts: Contracts,
    batch: Batch,
    records: Mapping[str, Mapping[str, Any]],
) -> None:
    """Lands the pieces of a batch: slices as delivered files, full extracts as they were landed.

    Slices are Parquet files of the landed rows; lines that could never be read are not cut.
    """
    inbox = steps.root / "inbox"
    sources: set[str] = set()
    for number, piece in enumerate(batch):
        record = records[piece.load.load_id]
        if piece.rows is None:
            receive_load(home, steps, record, datetime.now(UTC).replace(tzinfo=None))
            continue
        contract = contracts[piece.load.source].entities[piece.load.entity]
        file = inbox / piece.load.source / _file_name(contract, piece, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        columns = [column.name for column in contract.columns]
        rows = read_rows(home, record, columns=columns)
        pq.write_table(rows.take(pa.array(piece.rows)), file)
        sources.add(piece.load.source)
    for source in sorted(sources):
        # The full extracts passed the volume guard when they were landed, in another order.
        _check(land_paths(steps, contracts, source, inbox / source, force=True))
    shutil.rmtree(inbox, ignore_errors=True)


def _file_name(contract: Contract, piece: Piece, number: int) -> str:
    moment = piece.load.extracted_at
    ending = moment.strftime("_%Y%m%dT%H%M%SZ") if moment else ""
    return f"{contract.file_stems[0]}_piece{number}{ending}.parquet"


def _check(outcomes: Sequence[FileOutcome]) -> None:
    for outcome in outcomes:
        if outcome.status == "refused" or outcome.rejected:
            raise StorehouseError(
                f"{outcome.path.name} was not landed whole: "
                f"{outcome.message or outcome.first_reject}",
                outcome.remedy,
            )


def _compare_landed(once: Home, steps: Home, contracts: Sequence[Contract]) -> list[LandedRows]:
    """Compares the landed rows of the lakes, each with its declared time, entity by entity."""
    compared = []
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        for contract in contracts:
            for name, home in (("once", once), ("steps", steps)):
                files = home.lake / contract.source / contract.entity / "**" / "*.parquet"
                columns = ", ".join(f'"{column.name}"' for column in contract.columns)
                connection.execute(
                    f"create or replace temp table {name} as "
                    f"select {columns}, _extracted_at, count(*) as copies from read_parquet("
                    f"'{files}', union_by_name = true, hive_partitioning = false) group by all"
                )
            compared.append(
                LandedRows(
                    f"{contract.source}.{contract.entity}",
                    _number(connection, "select coalesce(sum(copies), 0) from once"),
                    _number(connection, "select coalesce(sum(copies), 0) from steps"),
                    _number(connection, _missing("once", "steps")),
                    _number(connection, _missing("steps", "once")),
                )
            )
    return compared


def _missing(here: str, there: str) -> str:
    """Counts the distinct rows of `here` that `there` does not have."""
    return (
        f"select count(*) from (select * exclude (copies) from {here} "
        f"except select * exclude (copies) from {there})"
    )


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
