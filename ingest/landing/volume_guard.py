"""Stops a full extract that lost much of the one before: what is absent would count as deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from ingest.contracts import Contract
from ingest.errors import RefusedFileError
from ingest.home import Home
from ingest.landing.records import full_extract_times

GUARD_SHARE = 0.5


class VolumeGuard:
    """Compares a full extract with its neighbours in time, by distinct keys."""

    def __init__(self, home: Home, engine: duckdb.DuckDBPyConnection) -> None:
        self._home = home
        self._engine = engine
        self._times = full_extract_times(home)

    def judge(self, contract: Contract, moment: datetime, lake_files: Sequence[Path]) -> None:
        """Judges the new files of one full extract, together with those of it landed before.

        `lake_files` are not yet in their place. Raises RefusedFileError when the extract has under
        half of the keys of the one before it, or holds under half of them, or when the one after
        it, landed already, has under half of its keys.
        """
        times = self._times.get((contract.source, contract.entity), set())
        found = self._keys(contract, moment, lake_files)
        count = _count(found)
        if before := max((time for time in times if time < moment), default=None):
            earlier = self._keys(contract, before)
            known, kept = _count(earlier), _count(earlier.intersect(found))
            if count < GUARD_SHARE * known:
                raise RefusedFileError(
                    f"This full extract of {contract.entity} has {count} keys, under half of the "
                    f"{known} of {before.isoformat()}Z: what is absent would count as deleted.",
                    "Deliver the complete extract, or land it with --force if it is right.",
                )
            if kept < GUARD_SHARE * known:
                raise RefusedFileError(
                    f"This full extract of {contract.entity} has {kept} of the {known} keys of "
                    f"{before.isoformat()}Z: what is absent would count as deleted.",
                    f"Check {', '.join(contract.key)} in the file; --force lands it all the same.",
                )
        if after := min((time for time in times if time > moment), default=None):
            later = _count(self._keys(contract, after))
            if later < GUARD_SHARE * count:
                raise RefusedFileError(
                    f"The full extract of {contract.entity} of {after.isoformat()}Z, which is "
                    f"landed, has {later} keys, under half of the {count} of this earlier one: "
                    "what it lacks would count as deleted.",
                    "If the later extract is right, land this one with --force.",
                )

    def landed(self, contract: Contract, moment: datetime) -> None:
        """Takes note of an extract that is in its place now."""
        self._times.setdefault((contract.source, contract.entity), set()).add(moment)

    def _keys(
        self, contract: Contract, moment: datetime, new: Sequence[Path] = ()
    ) -> duckdb.DuckDBPyRelation:
        """The distinct keys of an extract: what is landed of it, and the new files."""
        folder = self._home.lake / contract.source / contract.entity / f"load_date={moment.date()}"
        files = [str(path) for path in [*new, *folder.glob("*.parquet")]]
        key = ", ".join(f"trim({name}) as {name}" for name in contract.key)
        filled = " and ".join(f"trim({name}) <> ''" for name in contract.key)
        return (
            self._engine.read_parquet(files, hive_partitioning=False)
            .filter(f"_extracted_at = timestamp '{moment}' and {filled}")
            .project(key)
            .distinct()
        )


def _count(keys: duckdb.DuckDBPyRelation) -> int:
    return int(keys.aggregate("count(*)").fetchall()[0][0])
