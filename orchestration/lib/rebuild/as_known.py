"""The loads of a home as they were known, or had arrived, at a time: a scratch home of them.

An extract is known from the time it declares. A backfill that declares none is known row by row:
from the business time of the row plus the source's lag, or from that of the row it belongs to
(`known_through` of the contract). Where neither is found a row is known from when it arrived;
what the contract calls a reference, such as a list of places, always is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from ingest.contracts import Contract, Contracts
from ingest.errors import ConfigError, StorehouseError
from ingest.home import Home
from ingest.landing import land_paths
from ingest.landing.raw import record_raw
from ingest.landing.readings import Reading, current_reading, reading_at
from ingest.landing.records import find_record
from ingest.landing.transfer import keep_rows, link_loads
from orchestration.lib.rebuild.scratch import build_tables, new_home, read_home


@dataclass(frozen=True)
class Chosen:
    """A load that was there, by its record of today, in the reading that counted then."""

    record: Mapping[str, Any]
    reading: Reading

    @property
    def is_replaced(self) -> bool:
        """Whether the rows of then were replaced since, by a reading in another encoding."""
        return bool(self.reading.encoding != self.record["encoding"])


def rebuild_lake(
    home: Home,
    contracts: Contracts,
    target: Home,
    *,
    known_at: datetime | None,
    received_by: datetime | None,
    on_wait: Callable[[str], None] | None = None,
) -> int:
    """Fills a new home at `target` with what was known and had arrived; returns its loads.

    Times are naive UTC and inclusive, None sets no limit. `home` is only read. Raises ConfigError
    when nothing was there yet, StorehouseError when a load cannot be had as it was.
    """
    with read_home(home, "storehouse run, of an earlier time", on_wait) as records:
        chosen = choose_loads(home, records, known_at, received_by)
        new_home(target.root, home)
        link_loads(home, target, [load.record for load in chosen if not load.is_replaced])
        for load in chosen:
            if load.is_replaced:
                _read_again(home, contracts, target, load)
    if known_at is None:
        return len(chosen)
    undated = [load for load in chosen if load.record["extracted_at"] is None]
    found = _drop_unknown_rows(target, contracts, undated, known_at)
    if not found and len(undated) == len(chosen):
        raise ConfigError(
            f"Nothing was known at {_text(known_at)}: no extract declares a time, and no row is "
            "that old.",
            "Name a later time.",
        )
    return len(chosen)


def choose_loads(
    home: Home,
    records: Sequence[Mapping[str, Any]],
    known_at: datetime | None,
    received_by: datetime | None,
) -> list[Chosen]:
    """The loads of a home that were known and had arrived; undated ones wait for their rows.

    Raises ConfigError with the time of the first load when there is none.
    """
    if not records:
        raise ConfigError(
            f"Nothing was landed in {home.root}, so nothing was known.", "Land extracts first."
        )
    arrived = [
        Chosen(record, reading)
        for record in records
        if (reading := _reading(home, record, received_by)) is not None
    ]
    if not arrived:
        first = min(record["received_at"] for record in records)
        raise ConfigError(
            f"Nothing had arrived by {_text(received_by)}: the first load came at {_text(first)}.",
            "Name a later time.",
        )
    known = [
        load
        for load in arrived
        if known_at is None
        or load.record["extracted_at"] is None
        or load.record["extracted_at"] <= known_at
    ]
    if not known:
        first = min(load.record["extracted_at"] for load in arrived)
        raise ConfigError(
            f"Nothing was known at {_text(known_at)}: the first extract declares {_text(first)}.",
            "Name a later time.",
        )
    return known


def _reading(home: Home, record: Mapping[str, Any], received_by: datetime | None) -> Reading | None:
    return current_reading(record) if received_by is None else reading_at(home, record, received_by)


def _read_again(home: Home, contracts: Contracts, target: Home, load: Chosen) -> None:
    """Reads the raw bytes of a load in the encoding of then; the result must be that of then."""
    record, reading = load.record, load.reading
    raw = record_raw(home, record)
    if record["file_name"] not in raw.names():
        raise StorehouseError(
            f"{record['file_name']} was read anew in another encoding at "
            f"{_text(record['received_at'])}, and the raw zone no longer has its bytes.",
            f"Put {raw.place(record['file_name'])} back, or leave out --received-by.",
        )
    with raw.file(record["file_name"]) as file:
        (outcome,) = land_paths(
            target,
            contracts,
            record["source_system"],
            file,
            extracted_at=record["extracted_at"],
            encoding=reading.encoding,
            force=True,
        )
    result = (outcome.load_id, outcome.rows, outcome.rejected)
    if result != (record["load_id"], reading.rows_landed, reading.rows_rejected):
        raise StorehouseError(
            f"{record['file_name']} read as {reading.encoding} no longer gives the "
            f"{reading.rows_landed:,} rows of {_text(reading.received_at)}.",
            "The contract has changed since; take the checkout of that time.",
        )


def _drop_unknown_rows(
    target: Home, contracts: Contracts, undated: Sequence[Chosen], known_at: datetime
) -> int:
    """Drops the rows of undated loads that were not known yet; returns how many stay.

    When a row was known is what staging says of it, so staging is built first. Reference data
    stays and is not counted.
    """
    timed: list[tuple[Chosen, Contract]] = []
    kept = 0
    for load in undated:
        contract = contracts[load.record["source_system"]].entities[load.record["entity"]]
        if contract.is_reference:
            continue
        if contract.is_modelled and (contract.business_time or contract.known_through):
            timed.append((load, contract))
        elif load.reading.received_at <= known_at:
            kept += load.reading.rows_landed
        else:
            keep_rows(target, load.record, pa.array([], pa.int64()))
    if not timed:
        return kept
    needed = {model for _, contract in timed for model in _base_models(contract, contracts)}
    build_tables(target, sorted(needed))
    with duckdb.connect(str(target.warehouse_file), read_only=True) as connection:
        for load, contract in timed:
            rows = connection.execute(
                f"select _row_number from ({_known_times(contract, contracts)}) "
                "where _load_id = ? and coalesce(_row_known_at, ?) <= ?",
                [load.record["load_id"], load.reading.received_at, known_at],
            ).fetchall()
            here = find_record(target, contract.source, contract.entity, load.record["load_id"])
            keep_rows(target, here or load.record, pa.array([row[0] for row in rows], pa.int64()))
            kept += len(rows)
    target.warehouse_file.unlink()  # it has tables of rows that were not known
    return kept


def _base_models(contract: Contract, contracts: Contracts) -> list[str]:
    """The models that judge the rows of an entity and of those it is known through."""
    name = f"base_{contract.source}__{contract.entity}"
    if contract.known_through is None:
        return [name]
    parent = contracts[contract.source].entities[contract.known_through.entity]
    return [name, *_base_models(parent, contracts)]


def _known_times(contract: Contract, contracts: Contracts) -> str:
    """A query of the judged rows of an entity with `_row_known_at`, null where nothing tells."""
    table = f"staging.base_{contract.source}__{contract.entity}"
    through = contract.known_through
    if through is None:
        return f"select *, _known_at as _row_known_at from {table}"
    parent = contracts[contract.source].entities[through.entity]
    return f"""
        select rows.*, coalesce(rows._known_at, parents.known_at) as _row_known_at
        from {table} as rows
        left join (
            select {through.column}, min(_row_known_at) as known_at
            from ({_known_times(parent, contracts)}) group by all
        ) as parents using ({through.column})
    """


def _text(moment: datetime | None) -> str:
    return f"{moment.isoformat()}Z" if moment else "any time"
