"""Publishing: a checked copy of the working file takes the place of the served one at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from ingest.errors import StorehouseError
from ingest.home import PROJECT_DIR, Home
from ingest.landing.delivery import PUBLISH_FORMAT
from ingest.landing.records import loads_dir
from ingest.landing.sink import fsync_path
from orchestration.lib.build_state import (
    NodeResult,
    read_build_state,
    reasons_not_to_publish,
)
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.project import PUBLISHED_SCHEMAS, keep_state, published_models

VERSIONS_KEPT = 3
MOST_REASONS = 20
_BOOKKEEPING = {("ops", "node_results")}  # what the macros write, not a model


_PUBLISH_COMMENTS = """
    comment on table ops.publish is 'One row: which publish this file is, and of what.';
    comment on column ops.publish.publish_id is 'Id of the publish: its time to the microsecond.';
    comment on column ops.publish.published_at is 'When it was made, UTC.';
    comment on column ops.publish.code_version is 'Commit of the project it was built with.';
    comment on column ops.publish.load_count is 'Loads it was built from. Non-additive.';
    comment on column ops.publish.manifest is
        'JSON: loads of each entity with the hash of their ids, each table with rows and hash.';
"""


class PublishRefusedError(StorehouseError):
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

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}"  # the message ends with a list


@dataclass(frozen=True)
class TableRecord:
    """A published table: rows, and a hash of its rows that does not depend on their order."""

    schema: str
    table: str
    rows: int
    content_hash: str


@dataclass(frozen=True)
class LoadsRecord:
    """The loads of an entity: how many, and the MD5 of their ids, one a line, in order.

    The ids themselves are in `ops.loads`; in a day of streaming there are tens of thousands.
    """

    source: str
    entity: str
    loads: int
    ids_hash: str


@dataclass(frozen=True)
class PublishRecord:
    """What was published when, from what."""

    publish_id: str
    published_at: str
    code_version: str
    duckdb_version: str
    load_count: int
    loads: list[LoadsRecord]
    tables: list[TableRecord]
    file: str
    is_streamed: bool = False


def publish(
    home: Home, manifest: Mapping[str, Any], *, check: bool = True, streamed: bool = False
) -> PublishRecord:
    """Publishes the working file and returns the record of it.

    With `streamed` only what streams must be new, the tables that do not stream are taken to be
    those of the file served now, and no version of it is kept but the one that is served.

    Raises PublishRefusedError when a public table is missing, stale or failed its tests,
    StorehouseError when a file cannot be read or written; then the served file is as it was. Call
    it while holding the warehouse lock.
    """
    if not home.warehouse_file.exists():
        raise PublishRefusedError([f"There is no working file {home.warehouse_file}."])
    models = published_models(manifest)
    unchanged: Mapping[tuple[str, str], TableRecord] = {}
    with plain_errors(home.warehouse_file), duckdb.connect(str(home.warehouse_file)) as connection:
        if check:
            state = read_build_state(home, connection)
            if reasons := reasons_not_to_publish(manifest, state, models, streamed=streamed):
                raise PublishRefusedError(reasons)
            if streamed:
                unchanged = _unchanged(home, models, state.results)
        connection.execute("checkpoint")
        checked = _identity(home.warehouse_file)
    tables = {(node["schema"], node["alias"]) for node in models} | _BOOKKEEPING
    try:
        if not streamed:
            keep_state(home, manifest)
        return _replace_served(home, checked, tables, unchanged, streamed)
    except OSError as error:
        raise StorehouseError(
            f"Publishing cannot write to {home.published} ({error.strerror or error}); the file "
            "served before stays as it is.",
            f"Make room for a copy of the working file ({home.warehouse_file.stat().st_size:,} "
            "bytes) and check permissions, then `storehouse publish`.",
        ) from error


def _unchanged(
    home: Home, models: Sequence[Mapping[str, Any]], results: Mapping[str, NodeResult]
) -> dict[tuple[str, str], TableRecord]:
    """The records of the served tables that were not built since, by schema and name."""
    served = read_publish_record(home)
    if served is None:
        return {}
    published_at = time_of_publish(served)
    records = {(t["schema"], t["table"]): TableRecord(**t) for t in served["tables"]}
    built = {(m["schema"], m["alias"]): results.get(m["unique_id"]) for m in models}
    return {
        table: records[table]
        for table, result in built.items()
        if table in records
        and result
        and result.completed_at
        and result.completed_at < published_at
    }


def _replace_served(
    home: Home,
    checked: tuple[int, int, int],
    tables: set[tuple[str, str]],
    unchanged: Mapping[tuple[str, str], TableRecord],
    streamed: bool,
) -> PublishRecord:
    """Copies, strips and renames; whatever goes wrong, only the served file is left behind."""
    versions = home.versions
    versions.mkdir(parents=True, exist_ok=True)
    for leftover in home.published.glob(".publishing-*"):  # of a publish that was killed
        leftover.unlink()
    temporary = home.published / f".publishing-{os.getpid()}.duckdb"
    publish_id = datetime.now(UTC).strftime(PUBLISH_FORMAT)
    before = served_id(home)
    served = False
    try:
        shutil.copyfile(home.warehouse_file, temporary)
        if _identity(home.warehouse_file) != checked:
            raise PublishRefusedError(["The working file was changed while it was copied."])
        with plain_errors(temporary):
            record = _strip_and_stamp(temporary, home, publish_id, tables, unchanged, streamed)
        temporary.chmod(0o444)  # for readers: what they write would be in no other version
        fsync_path(temporary)
        _keep_version(temporary, versions, record)
        put_in_place(home, temporary)
        served = True
        fsync_path(home.published)
    finally:
        temporary.unlink(missing_ok=True)
        _wal(temporary).unlink(missing_ok=True)
        if not served:
            _forget_version(versions, publish_id)
    _drop_old_versions(versions, publish_id, before)
    return record


def put_in_place(home: Home, file: Path) -> None:
    """Makes `file`, which lies beside the served one, the served one: readers see either."""
    # Left by somebody who wrote to the served file; beside the new one it breaks opening.
    _wal(home.published_file).unlink(missing_ok=True)
    file.replace(home.published_file)


def versions_in(home: Home) -> list[Path]:
    """The files of the kept versions, named after their publish_id."""
    return list(home.versions.glob("*.duckdb"))


def table_records(
    connection: duckdb.DuckDBPyConnection,
    known: Mapping[tuple[str, str], TableRecord] = MappingProxyType({}),
) -> list[TableRecord]:
    """Rows and hash of every table in the published schemas of an open file, but the `known`."""
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
        if (schema, table) in known:
            records.append(known[schema, table])
            continue
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
    """The record of the file served now; None when nothing was published yet.

    Raises StorehouseError when the file cannot be read.
    """
    file = home.published_file
    if not file.exists():
        return None
    with plain_errors(file), duckdb.connect(str(file), read_only=True) as connection:
        row = connection.execute("select manifest from ops.publish").fetchall()[0]
    record: dict[str, Any] = json.loads(row[0])
    return record


def time_of_publish(record: Mapping[str, Any]) -> datetime:
    """When a publish was made, of which this is the record, naive UTC."""
    return datetime.strptime(record["publish_id"], PUBLISH_FORMAT)


def served_id(home: Home) -> str | None:
    """The publish_id of the file served now; None when it is missing or damaged."""
    try:
        record = read_publish_record(home)
    except StorehouseError:
        return None
    return str(record["publish_id"]) if record else None


def _strip_and_stamp(
    file: Path,
    home: Home,
    publish_id: str,
    tables: set[tuple[str, str]],
    unchanged: Mapping[tuple[str, str], TableRecord],
    streamed: bool,
) -> PublishRecord:
    """Drops all but `tables` (schema, name) and writes the table ops.publish."""
    now = datetime.now(UTC)
    with duckdb.connect(str(file)) as connection:
        for schema in _schemas(connection):
            if schema not in PUBLISHED_SCHEMAS:
                connection.execute(f'drop schema "{schema}" cascade')
        for schema, name, kind in _relations(connection):
            if (schema, name) not in tables:  # of a model that is gone, or of a build that crashed
                what = "view" if kind == "VIEW" else "table"
                connection.execute(f'drop {what} "{schema}"."{name}"')
        loads = _load_records(home, connection)
        record = PublishRecord(
            publish_id=publish_id,
            published_at=now.isoformat(timespec="seconds"),
            code_version=code_version(),
            duckdb_version=duckdb.__version__,
            load_count=sum(of_entity.loads for of_entity in loads),
            loads=loads,
            tables=table_records(connection, unchanged),
            file=str(home.published_file),
            is_streamed=streamed,
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
        connection.execute(_PUBLISH_COMMENTS)
        connection.execute("checkpoint")
    return record


def _load_records(home: Home, connection: duckdb.DuckDBPyConnection) -> list[LoadsRecord]:
    rows = connection.execute(
        """
        select source_system, entity, count(*), md5(string_agg(load_id, chr(10) order by load_id))
        from read_parquet(?) group by all order by all
        """,
        [str(loads_dir(home) / "*.parquet")],
    ).fetchall()
    return [LoadsRecord(*row) for row in rows]


def _schemas(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        """
        select schema_name from information_schema.schemata
        where catalog_name = current_database()
            and schema_name not in ('main', 'information_schema', 'pg_catalog')
        """
    ).fetchall()
    return [row[0] for row in rows]


def _relations(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Schema, name and type of every table and view."""
    return connection.execute(
        """
        select table_schema, table_name, table_type from information_schema.tables
        where table_catalog = current_database() order by all
        """
    ).fetchall()


def _identity(file: Path) -> tuple[int, int, int]:
    """Changes whenever somebody writes to the file."""
    facts = file.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _wal(file: Path) -> Path:
    """Where DuckDB keeps what is not yet in `file`."""
    return file.with_name(f"{file.name}.wal")


def _keep_version(file: Path, versions: Path, record: PublishRecord) -> None:
    kept = versions / f"{record.publish_id}.duckdb"
    try:
        os.link(file, kept)
    except OSError:  # not every file system has hard links
        shutil.copyfile(file, kept)
    text = json.dumps(asdict(record), indent=2)
    kept.with_suffix(".json").write_text(text, encoding="utf-8")


def _forget_version(versions: Path, publish_id: str) -> None:
    for suffix in (".duckdb", ".json"):
        (versions / publish_id).with_suffix(suffix).unlink(missing_ok=True)


def _was_streamed(record: Path) -> bool:
    try:
        return bool(json.loads(record.read_text(encoding="utf-8")).get("is_streamed"))
    except (OSError, ValueError):
        return False


def _drop_old_versions(versions: Path, served: str, before: str | None) -> None:
    """Keeps the latest ones, and `before`, served until now: after a rollback it is an old one.

    Of those that a stream published, one every few seconds, only the one that is served.
    """
    others = {path.stem for path in versions.glob("*.duckdb")} - {served}
    for publish_id in [other for other in others if _was_streamed(versions / f"{other}.json")]:
        _forget_version(versions, publish_id)
        others.discard(publish_id)
    by_use = sorted(others, key=lambda publish_id: (publish_id == before, publish_id))
    for publish_id in by_use[: 1 - VERSIONS_KEPT]:
        _forget_version(versions, publish_id)
