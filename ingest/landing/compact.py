"""Compaction: the many small loads of a day become files of the day.

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

# Loads of a day that stay in files of their own: when it is over, such as late ones; and of the
# latest day, whose files are written anew with those that come.
MOST_LOADS = 8
MOST_OF_LATEST = 500


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

    The latest day of an entity, of which more is to come, waits for many loads, unless
    `with_latest`. Where nothing is to do a few folders are listed. Raises LockedError when a
    landing holds the home, StorehouseError when a file cannot be read or written; what was not
    compacted stays as it was.
    """
    with _landing(home):
        recover(home)
    for source in contracts.values():
        for contract in source.entities.values():
            days = _days(home, contract)
            for day in days:
                most = MOST_LOADS if with_latest or day != days[-1] else MOST_OF_LATEST
                if done := _compact_day(home, contract.source, contract.entity, day, most):
                    yield done


def _days(home: Home, contract: Contract) -> list[date]:
    """The days that may have to be compacted, from the earliest on."""
    if contract.load_kind != "append":
        return []
    folder = lake_folder(home, contract.source, contract.entity, UNDATED).parent
    return sorted(set(map(_day, folder.glob(f"{DATE_PREFIX}*"))) - {UNDATED, STUB_DATE})


def _day(folder: Path) -> date:
    return date.fromisoformat(folder.name.removeprefix(DATE_PREFIX))


def _compact_day(home: Home, source: str, entity: str, day: date, most: int) -> Compacted | None:
    if len(own_loads(home, source, entity, day)) <= most:
        return None
    with _landing(home):
        recover(home)
        load_ids = own_loads(home, source, entity, day)
        if len(load_ids) <= most:
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
