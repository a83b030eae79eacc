"""Whether a batch of events takes longer the more events there are already.

Histories of 1M, 10M and 50M events, 100,000 a day, are written into scratch lakes as landing leaves
them after compaction, and built; what goes beyond 100 days as a stream would. Then batches of
100,000 events come to each in turn, and what dbt says of the models that stream is added up.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.harness import measure
from bench.report import Goal, Part, Table
from ingest.contracts import Contract, load_contracts
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from ingest.landing.records import LOAD_SCHEMA, load_paths, loads_dir
from orchestration.lib.event_build import EventBuild, stream_variables

SIZES = (1_000_000, 10_000_000, 50_000_000)
BATCH = 100_000
PER_DAY = 100_000
DEVICES = 500_000  # a tenth of them are of customers who log in
LAST = date(2025, 12, 30)  # the batches are of the day after
EVENTS_PER_VISIT = 7
CHUNK_DAYS = 100  # that are built at once
ROUNDS = 3
MODELS = (
    "base_shop__events",
    "fact_events",
    "fact_sessions",
    "agg_funnel_daily",
    "int_customer_activity_reported",
    "customer_features_daily",
)
VIEWS = ("stg_shop__events", "int_events_unioned", "int_snapshots_spanned")

# One visit in a row: the same seconds apart, by devices that come back every few weeks.
_EVENTS = """
    with numbered as (
        select
            i,
            i // {per_visit} as visit,
            i % {per_visit} as step,
            cast(hash(i // {per_visit}, '{salt}') // 2 as bigint) as random
        from range({first}, {first} + {count}) as t (i)
    )
    select
        '{salt}' || i as event_id,
        ['page_view', 'product_view', 'search', 'product_view', 'add_to_cart', 'checkout',
            'purchase'][cast(step as bigint) + 1] as event_type,
        strftime(
            timestamp '{start}' + to_microseconds(
                cast(
                    (visit - {first} // {per_visit}) * {seconds} * 1e6 * {per_visit} / {count}
                    as bigint
                )
                + cast(step * 45e6 as bigint)
                - case when random % 100 = 0 then cast(random % 30 * 3600e6 as bigint) else 0 end
                    * {has_late}
            ), '%Y-%m-%dT%H:%M:%S.%fZ'
        ) as occurred_at,
        '+01:00' as client_utc_offset,
        'dev_' || random % {devices} as device_id,
        case when random % 10 = 0 then 'C' || random % {devices} // 10 end as customer_id,
        '/product' as page,
        case when step in (1, 3, 4) then 'P' || lpad(cast(random % 499 as varchar), 6, '0') end
            as product_id,
        case when step = 6 then 'O' || i end as order_id,
        cast(null as varchar) as search_query,
        ['direct', 'email', 'paid_search', 'organic_search'][cast(random % 4 as bigint) + 1]
            as channel_id,
        cast(null as varchar) as campaign_id,
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537' as user_agent,
        '{load_id}' as _load_id,
        i - {first} + 1 as _row_number,
        timestamp '{extracted_at}' as _extracted_at,
        timestamp '{extracted_at}' as _loaded_at
    from numbered
"""


@dataclass(frozen=True)
class History:
    """A scratch home with so many events, and what building them took."""

    home: Home
    events: int
    seconds: float
    peak_mb: float


def run(folder: Path, sizes: Sequence[int] = SIZES) -> Part:
    """Seconds of the models of a batch at each size, medians over rounds that take turns."""
    empty = _empty_home(folder / "empty")
    histories = [_history(folder / f"{size}", empty, size) for size in sizes]
    builds = [_on(history.home, EventBuild) for history in histories]
    taken: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for number in range(ROUNDS + 1):
        for history, build in zip(histories, builds, strict=True):
            extracted = _write_batch(history, number)
            results = _on(history.home, lambda _, b=build, e=extracted: b.build([e]))
            if number:  # the first warms up
                taken[history.events].append(_model_seconds(results))
    rows = []
    for history in histories:
        rounds = taken[history.events]
        row: dict[str, Any] = {"history": history.events}
        row |= {m: statistics.median(r[m] for r in rounds) for m in MODELS}
        row["models, seconds"] = statistics.median(sum(r.values()) for r in rounds)
        row |= {"built in": history.seconds, "peak MB": history.peak_mb}
        rows.append(row)
    totals = [row["models, seconds"] for row in rows]
    goal = Goal("history_flat", max(totals) / min(totals), 1.5)
    return Part([Table(f"A batch of {BATCH:,} events", rows)], [goal])


def _on(home: Home, work: Any) -> Any:
    os.environ[HOME_VARIABLE] = str(home.root)
    return work(home)


def _model_seconds(results: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {
        name: result["execution_time"]
        for result in results
        for name in [str(result["unique_id"]).rsplit(".", 1)[-1]]
        if str(result["unique_id"]).startswith("model.")
    }


def _empty_home(root: Path) -> Home:
    """A home in which every model was built with nothing landed."""
    home = Home(root)
    measure(root, "storehouse", "admin", "prepare")
    kinds = [f"--exclude-resource-type={kind}" for kind in ("test", "unit_test")]
    measure(root, "dbt", "build", *kinds, "--target-path", str(root / "dbt"))
    return home


def _history(root: Path, empty: Home, events: int) -> History:
    shutil.copytree(empty.root, root)  # refuses one that has taken batches
    home, seconds, peak = Home(root), 0.0, 0.0
    days = events // PER_DAY
    for behind in range(days, 0, -CHUNK_DAYS):
        count = min(CHUNK_DAYS, behind)
        first = write_history(home, behind, count)
        scope = ("--full-refresh",) if behind == days else ("--vars", _stream_of(first, count))
        taken, megabytes = measure(
            root,
            *("dbt", "run", "--select", *MODELS, *VIEWS, "--target-path", str(root / "dbt")),
            *scope,
        )
        seconds, peak = seconds + taken, max(peak, megabytes)
        told = f"{events:,} events, {count} days: {taken:.0f} s, {megabytes:,.0f} MB\n"
        sys.stdout.write(told)
        sys.stdout.flush()
    return History(home, events, seconds, peak)


def _stream_of(first: date, days: int) -> str:
    """The vars by which a stream builds so many days: a whole build compares all history."""
    start = datetime.combine(first, datetime.min.time())
    since, until = start + timedelta(days=1), start + timedelta(days=days)
    return json.dumps(stream_variables(since, until, timedelta(0)))


def write_history(home: Home, behind: int, count: int) -> date:
    """Lands `count` days, the first of them `behind` days before the batches; returns that one."""
    first = LAST - timedelta(days=behind - 1)
    records = [_write_load(home, first + timedelta(days=day)) for day in range(count)]
    _write_records(home, records, f"day_{first}")
    return first


def _write_load(home: Home, day: date, *, batch: int | None = None) -> dict[str, Any]:
    """Writes the events of a day, or of a batch of it, as one load; returns its record."""
    contract, count = _contract(), BATCH if batch is not None else PER_DAY
    start = datetime.combine(day, datetime.min.time()) + timedelta(hours=batch or 0)
    extracted = start + (timedelta(hours=1) if batch is not None else timedelta(days=1))
    name = f"{day}/{batch}"
    load_id = f"{extracted:%Y%m%dT%H%M%SZ}-{hash_of(name)}"
    lake = load_paths(home, contract.source, contract.entity, load_id).lake
    lake.parent.mkdir(parents=True, exist_ok=True)
    sql = _EVENTS.format(
        per_visit=EVENTS_PER_VISIT,
        first=day.toordinal() * PER_DAY,
        count=count,
        start=start,
        seconds=3_000 if batch is not None else 86_000,
        devices=DEVICES,
        salt="H" if batch is None else f"B{batch}_",
        has_late=int(batch is not None),
        load_id=load_id,
        extracted_at=extracted,
    )
    with duckdb.connect() as connection:
        connection.execute(f"copy ({sql}) to '{lake}' (format parquet, compression zstd)")
    return {
        "load_id": load_id,
        "source_system": contract.source,
        "entity": contract.entity,
        "load_kind": contract.load_kind,
        "file_name": lake.name,
        "format": "ndjson",
        "rows_landed": count,
        "rows_rejected": 0,
        "extracted_at": extracted,
        "received_at": datetime.now(UTC).replace(tzinfo=None),
        "load_date": extracted.date(),
        "column_mapping": "{}",
        "notes": "[]",
        "is_modelled": True,
    }


def _write_batch(history: History, number: int) -> datetime:
    """Lands a batch of the day after the history; returns when it was extracted."""
    record = _write_load(history.home, LAST + timedelta(days=1), batch=number)
    _write_records(history.home, [record], record["load_id"])
    extracted: datetime = record["extracted_at"]
    return extracted


def _write_records(home: Home, records: Sequence[dict[str, Any]], name: str) -> None:
    table = pa.Table.from_pylist(list(records), schema=LOAD_SCHEMA)
    pq.write_table(table, loads_dir(home) / f"{name}.parquet")


def hash_of(text: str) -> str:
    """12 hex digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _contract() -> Contract:
    return load_contracts(PROJECT_DIR)["shop"].entities["events"]
