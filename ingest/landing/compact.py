"""Compaction: the many small loads of a day that is over become files of the day.

A stream lands a load every few seconds, and whoever reads the lake opens a file for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingest.contracts import Contract, Contracts
from ingest.home import Home
from ingest.landing.commit import recover
from ingest.landing.day_files import gather, own_loads
from ingest.landing.delivery import UNDATED
from ingest.landing.land import cannot_write, landing_lock
from ingest.landing.records import DATE_PREFIX, STUB_DATE, lake_folder

MOST_LOADS = 8  # of a day in files of their own; fewer, such as late ones, stay


@dataclass(frozen=True)
class Compacted:
    """The loads of an entity that declare a day and were put into its files, and their rows."""

    source: str
    entity: str
    day: date
    loads: int
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.source}.{self.entity} of {self.day}: {self.loads:,} loads, {self.rows:,} rows"
        )


def compact(home: Home, contracts: Contracts, *, with_latest: bool = False) -> Iterator[Compacted]:
    """Compacts the dated loads of what is appended, one entity and day with each step.

    The latest day of an entity is left alone, unless `with_latest`: more of it is to come. Where
    nothing is to do a few folders are listed. Raises LockedError when a landing holds the home,
    StorehouseError when a file cannot be read or written; what was not compacted stays as it was.
    """
    with _landing(home):
        recover(home)
    for source in contracts.values():
        for contract in source.entities.values():
            for day in _days(home, contract, with_latest):
                if done := _compact_day(home, contract.source, contract.entity, day):
                    yield done


def _days(home: Home, contract: Contract, with_latest: bool) -> list[date]:
    """The days that may have to be compacted, from the earliest on."""
    if contract.load_kind != "append":
        return []
    folder = lake_folder(home, contract.source, contract.entity, UNDATED).parent
    days = sorted(set(map(_day, folder.glob(f"{DATE_PREFIX}*"))) - {UNDATED, STUB_DATE})
    return days if with_latest else days[:-1]


def _day(folder: Path) -> date:
    return date.fromisoformat(folder.name.removeprefix(DATE_PREFIX))


def _compact_day(home: Home, source: str, entity: str, day: date) -> Compacted | None:
    if len(own_loads(home, source, entity, day)) <= MOST_LOADS:
        return None
    with _landing(home):
        recover(home)
        load_ids = own_loads(home, source, entity, day)
        if len(load_ids) <= MOST_LOADS:
            return None
        rows = gather(home, source, entity, day, load_ids)
    return Compacted(source, entity, day, len(load_ids), rows)


@contextmanager
def _landing(home: Home) -> Iterator[None]:
    with landing_lock(home):
        try:
            yield
        except OSError as error:
            raise cannot_write(home, error) from error
