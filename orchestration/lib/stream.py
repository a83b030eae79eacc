"""The micro-batch loop: new segments are landed, built into the event models and published.

A batch is what lies in the segments zone when it begins. What a crash leaves half done the next one
does: a segment goes only when it is landed, a landed load is judged once, and a visitor's day is
built from all of its events.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from ingest.contracts import Contracts
from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing import FileOutcome, land_paths
from ingest.landing.compact import MOST_OF_LATEST, Compacted, compact
from ingest.landing.records import loads_dir
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.event_build import EventBuild
from orchestration.lib.lock import warehouse_lock
from orchestration.lib.publish import publish, read_publish_record, time_of_publish

HOLDER = "storehouse stream"
ENTITY = "events"


@dataclass(frozen=True)
class Batch:
    """What one batch brought: loads, rows, refused files, seconds by step, and its publish."""

    loads: int
    rows: int
    refusals: Sequence[FileOutcome]
    seconds: Mapping[str, float]
    publish_id: str | None

    def __str__(self) -> str:
        steps = ", ".join(f"{step} {taken:.1f}" for step, taken in self.seconds.items())
        served = f"; published {self.publish_id}" if self.publish_id else ""
        return f"{self.rows:,} rows in {self.loads:,} segments: {steps} s{served}"


class Stream:
    """The loop over one home.

    Making one parses the project, which takes a while; raises StorehouseError where nothing was
    built and published yet, or where the project does not parse.
    """

    def __init__(self, home: Home, contracts: Contracts) -> None:
        served = read_publish_record(home)
        if served is None or not home.warehouse_file.exists():
            raise StorehouseError(
                f"{home.root} holds no warehouse yet that events could be added to.",
                "`storehouse run` first.",
            )
        self._home = home
        self._contracts = contracts
        self._landed_day = date.min
        self._landed_loads = 0  # since it was last looked for a day to compact
        self._may_compact = True
        self._may_have_landed = True  # what is not published, such as before a crash
        self._events = EventBuild(home)

    def batch(self) -> Batch | None:
        """Lands, builds and publishes what is new; None when nothing is.

        Raises LockedError when somebody else holds the warehouse for more than a second,
        StorehouseError when the lake cannot be written, or a build, a test or the publish fails:
        then the served file is as it was, and the next batch builds what was landed.
        """
        is_waiting = any(has_segments(self._home, source) for source in self._contracts)
        if not self._may_have_landed and not is_waiting:
            return None
        seconds: dict[str, float] = {}
        publish_id = None
        with warehouse_lock(self._home, HOLDER, timeout_seconds=1):
            self._may_have_landed = True
            with _timed(seconds, "land"):
                outcomes = land_segments(self._home, self._contracts)
                extracted = _extracted_since_publish(self._home)
            landed = [outcome for outcome in outcomes if outcome.status == "landed"]
            self._count(landed)
            if extracted:
                with _timed(seconds, "build"):
                    self._events.build(extracted)
                with _timed(seconds, "publish"):
                    publish_id = publish(
                        self._home, self._events.manifest, streamed=True
                    ).publish_id
            self._may_have_landed = False
        if not outcomes and publish_id is None:
            return None
        return Batch(
            loads=len(landed),
            rows=sum(outcome.rows for outcome in landed),
            refusals=[outcome for outcome in outcomes if outcome.status == "refused"],
            seconds=seconds,
            publish_id=publish_id,
        )

    def compact(self) -> Compacted | None:
        """Compacts one entity's loads of one day; None when that can wait.

        Looks for one at the start, whenever a later day than any before was landed, and after so
        many loads that the latest day may need it; after an error too it waits for those. Raises
        LockedError and StorehouseError like `batch`.
        """
        if not self._may_compact:
            return None
        with warehouse_lock(self._home, HOLDER, timeout_seconds=1):
            self._may_compact, self._landed_loads = False, 0
            done = next(compact(self._home, self._contracts), None)
            self._may_compact = done is not None
        return done

    def _count(self, landed: Sequence[FileOutcome]) -> None:
        days = [outcome.extracted_at.date() for outcome in landed if outcome.extracted_at]
        latest = max(days, default=date.min)
        self._landed_loads += len(landed)
        self._may_compact |= latest > self._landed_day or self._landed_loads > MOST_OF_LATEST
        self._landed_day = max(latest, self._landed_day)


def observe(batch: Batch) -> None:
    """Reports a batch to Dagster as observations of its facts, where Dagster has a home."""
    if not os.environ.get("DAGSTER_HOME"):
        return
    from dagster import AssetKey, AssetObservation, DagsterInstance  # takes a second to import

    metadata: dict[str, int | float | str] = {
        "rows": batch.rows,
        "loads": batch.loads,
        "publish_id": batch.publish_id or "none",
        **{f"{step}_seconds": taken for step, taken in batch.seconds.items()},
    }
    with DagsterInstance.get() as instance:
        for table in ("fact_events", "fact_sessions"):
            instance.report_runless_asset_event(
                AssetObservation(AssetKey(["core", table]), metadata=metadata)
            )


def has_segments(home: Home, source: str) -> bool:
    """Whether anything of a source waits in the segments zone."""
    return any(not path.name.startswith(".") for path in (home.segments / source).glob("*"))


def land_segments(home: Home, contracts: Contracts) -> list[FileOutcome]:
    """Lands what waits in the segments zone, source by source."""
    return [
        outcome
        for source in contracts
        if has_segments(home, source)
        for outcome in land_paths(home, contracts, source, home.segments / source)
    ]


def _extracted_since_publish(home: Home) -> list[datetime]:
    """First and last time that the events were extracted which are not published, naive UTC.

    Whoever landed them: this loop, one that was killed, or a run that failed. A file that does not
    say when it was extracted may be of any time.
    """
    served = read_publish_record(home)
    assert served is not None  # or the loop would not have begun
    files = os.fspath(loads_dir(home) / "*.parquet")
    with plain_errors(loads_dir(home)), duckdb.connect() as connection:
        [(first, last)] = connection.execute(
            "select min(coalesce(extracted_at, timestamp '1900-01-01')), "
            "max(coalesce(extracted_at, received_at)) "
            "from read_parquet(?) where entity = ? and received_at > ?",
            [files, ENTITY, time_of_publish(served)],
        ).fetchall()
    return [] if first is None else [first, last]


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[step] = time.perf_counter() - began
