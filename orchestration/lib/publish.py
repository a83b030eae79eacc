"""Publishing: a checked copy of the working file takes the place of the served one at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import StorehouseError
from ingest.home import Home
from orchestration.lib.build_state import latest_loads, read_results, reasons_not_to_publish
from orchestration.lib.project import PROJECT_DIR, PUBLISHED_SCHEMAS, published_models

VERSIONS_KEPT = 3
MOST_REASONS = 20


class NotPublished(StorehouseError):
    """The working file is not fit to be published; `reasons` says why."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        shown = reasons[:MOST_REASONS]
        more = len(reasons) - len(shown)
        listed = "\n".join(f"  - {reason}" for reason in shown)
        tail = f"\n  - and {more} more" if more else ""
        super().__init__(
            f"Nothing was published; the file served before stays as it is:\n{listed}{tail}",
            "Mend the cause, then `storehouse run`.",
        )


@dataclass(frozen=True)
class TableRecord:
    """A published table: rows, and a hash of its rows that does not depend on their order."""

    schema: str
    table: str
    rows: int
    content_hash: str


@dataclass(frozen=True)
class PublishRecord:
    """What was published when, from what."""

    publish_id: str
    published_at: str
    code_version: str
    duckdb_version: str
    load_count: int
    loads: list[str]
    tables: list[TableRecord]
    file: str


def publish(home: Home, manifest: Mapping[str, Any], *, check: bool = True) -> PublishRecord:
    """Publishes the working file and returns the record of it.

    Raises NotPublished when a public table is missing, stale or failed its tests; then nothing in
    `published/` has changed. Call it while holding the warehouse lock.
    """
    if not home.warehouse_file.exists():
        raise NotPublished([f"There is no working file {home.warehouse_file}."])
    models = published_models(manifest)
    with duckdb.connect(str(home.warehouse_file)) as connection:
        if check:
            results = read_results(connection)
            reasons = reasons_not_to_publish(manifest, results, latest_loads(home), models)
            if reasons:
                raise NotPublished(reasons)
        connection.execute("checkpoint")
    home.published.mkdir(parents=True, exist_ok=True)
    for leftover in home.published.glob(".publishing-*"):
        leftover.unlink()
    temporary = home.published / f".publishing-{os.getpid()}.duckdb"
    try:
        shutil.copyfile(home.warehouse_file, temporary)
        record = _strip_and_stamp(temporary, home)
        _fsync(temporary)
        _keep_version(home, temporary, record)
        temporary.replace(home.published_file)
        _fsync(home.published)
    finally:
        for leftover in home.published.glob(f"{temporary.name}*"):
            leftover.unlink(missing_ok=True)
    _drop_old_versions(home)
    return record


def table_records(connection: duckdb.DuckDBPyConnection) -> list[TableRecord]:
    """Rows and hash of every table in the published schemas of an open file."""
    tables = connection.execute(
        """
        select table_schema, table_name from information_schema.tables
        where table_type = 'BASE TABLE' and list_contains(?, table_schema)
            and table_catalog = current_database()
        order by all
        """,
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    records = []
    for schema, table in tables:
        rows, digest = connection.execute(
            f'select count(*), coalesce(sum(hash(t)::hugeint), 0) from "{schema}"."{table}" as t'
        ).fetchall()[0]
        records.append(TableRecord(schema, table, rows, f"{digest:x}"))
    return records


def code_version() -> str:
    """The commit of the checkout, with `+changes` when it has uncommitted ones."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--abbrev=12"],
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def read_publish_record(home: Home) -> dict[str, Any] | None:
    """The record of the file served now; None when nothing was published yet."""
    if not home.published_file.exists():
        return None
    with duckdb.connect(str(home.published_file), read_only=True) as connection:
        row = connection.execute("select manifest from ops.publish").fetchall()[0]
    record: dict[str, Any] = json.loads(row[0])
    return record


def _strip_and_stamp(file: Path, home: Home) -> PublishRecord:
    now = datetime.now(UTC)
    loads = sorted(path.stem for path in (home.lake / "landing" / "loads").glob("[!_]*.parquet"))
    with duckdb.connect(str(file)) as connection:
        schemas = connection.execute(
            """
            select schema_name from information_schema.schemata
            where catalog_name = current_database()
                and schema_name not in ('main', 'information_schema', 'pg_catalog')
            """
        ).fetchall()
        for (schema,) in schemas:
            if schema not in PUBLISHED_SCHEMAS:
                connection.execute(f'drop schema "{schema}" cascade')
        tables = table_records(connection)
        record = PublishRecord(
            publish_id=now.strftime("%Y%m%dT%H%M%S%fZ"),
            published_at=now.isoformat(timespec="seconds"),
            code_version=code_version(),
            duckdb_version=duckdb.__version__,
            load_count=len(loads),
            loads=loads,
            tables=tables,
            file=str(home.published_file),
        )
        connection.execute(
            """
            create or replace table ops.publish as
            select
                ? as publish_id, cast(? as timestamp) as published_at, ? as code_version,
                cast(? as integer) as load_count, ? as manifest
            """,
            [
                record.publish_id,
                now.replace(tzinfo=None),
                record.code_version,
                record.load_count,
                json.dumps(asdict(record)),
            ],
        )
        connection.execute(
            "comment on table ops.publish is 'One row: which publish this file is, and of what.'"
        )
        connection.execute("checkpoint")
    return record


def _keep_version(home: Home, file: Path, record: PublishRecord) -> None:
    versions = home.published / "versions"
    versions.mkdir(exist_ok=True)
    os.link(file, versions / f"{record.publish_id}.duckdb")
    manifest = versions / f"{record.publish_id}.json"
    manifest.write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")


def _drop_old_versions(home: Home) -> None:
    versions = sorted((home.published / "versions").glob("*.duckdb"))
    for old in versions[:-VERSIONS_KEPT]:
        old.unlink()
        old.with_suffix(".json").unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
