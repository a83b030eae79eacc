"""Stops a full extract that lost much of the one before: what is absent would count as deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from ingest.contracts import Contract
from ingest.errors import RefusedFileError
from ingest.home import Home
from ingest.landing.records import full_loads

GUARD_SHARE = 0.5


class VolumeGuard:
    """Compares full extracts with their neighbours in time, by rows and by keys."""

    def __init__(self, home: Home, engine: duckdb.DuckDBPyConnection) -> None:
        self._home = home
        self._engine = engine
        self._loads = full_loads(home)

    def judge(
        self, contract: Contract, moment: datetime, rows: int, lake_files: Sequence[Path]
    ) -> None:
        """Judges the new files of one full extract, together with those of it landed before.

        `rows` are in `lake_files`, which are not yet in their place. Raises RefusedFileError when
        the extract has under half of the rows or keys of the one before it, or when the one after
        it, landed already, has under half of its rows.
        """
        loads = self._loads.get((contract.source, contract.entity), {})
        rows += loads.get(moment, 0)
        if before := max((time for time in loads if time < moment), default=None):
            if rows < GUARD_SHARE * loads[before]:
                raise RefusedFileError(
                    f"This full extract of {contract.entity} has {rows} rows, under half of the "
                    f"{loads[before]} of {before.isoformat()}Z: what is absent would count as "
                    "deleted.",
                    "Deliver the complete extract, or land it with --force if it is right.",
                )
            known, kept = self._keys_kept(contract, moment, before, lake_files)
            if kept < GUARD_SHARE * known:
                raise RefusedFileError(
                    f"This full extract of {contract.entity} has {kept} of the {known} keys of "
                    f"{before.isoformat()}Z: what is absent would count as deleted.",
                    f"Check {', '.join(contract.key)} in the file; --force lands it all the same.",
                )
        after = min((time for time in loads if time > moment), default=None)
        if after and loads[after] < GUARD_SHARE * rows:
            raise RefusedFileError(
                f"The full extract of {contract.entity} of {after.isoformat()}Z, which is landed, "
                f"has {loads[after]} rows, under half of the {rows} of this earlier one: what it "
                "lacks would count as deleted.",
                "If the later extract is right, land this one with --force.",
            )

    def landed(self, contract: Contract, moment: datetime, rows: int) -> None:
        """Takes note of files that are in their place now."""
        times = self._loads.setdefault((contract.source, contract.entity), {})
        times[moment] = times.get(moment, 0) + rows

    def _keys_kept(
        self, contract: Contract, moment: datetime, before: datetime, lake_files: Sequence[Path]
    ) -> tuple[int, int]:
        """How many keys the extract of `before` had, and how many of them this one has."""
        if not contract.key:
            return 0, 0
        columns = ", ".join(f"trim({name})" for name in contract.key)
        filled = " and ".join(f"trim({name}) <> ''" for name in contract.key)
        known, kept = self._engine.execute(
            f"""
            with known as (
                select distinct {columns} from read_parquet($known, hive_partitioning = false)
                where _extracted_at = $before and {filled}
            ),
            kept as (
                select * from known
                intersect
                select {columns} from read_parquet($kept, hive_partitioning = false)
                where _extracted_at = $moment
            )
            select (select count(*) from known), (select count(*) from kept)
            """,
            {
                "known": self._of_day(contract, before),
                "before": before,
                "kept": [*map(str, lake_files), *self._of_day(contract, moment)],
                "moment": moment,
            },
        ).fetchall()[0]
        return known, kept

    def _of_day(self, contract: Contract, moment: datetime) -> list[str]:
        folder = self._home.lake / contract.source / contract.entity / f"load_date={moment.date()}"
        return [str(path) for path in folder.glob("*.parquet")]
