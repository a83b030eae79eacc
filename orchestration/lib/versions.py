"""The kept versions of the published file, and putting an older one back in its place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.sink import fsync_path
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.publish import put_in_place, served_id, table_records, versions_in

_CHOOSE = "See `storehouse admin versions` for the others."


@dataclass(frozen=True)
class KeptVersion:
    """A version of the published file; `record` is None where what was written of it is damaged."""

    publish_id: str
    file: Path
    bytes: int
    is_served: bool
    record: Mapping[str, Any] | None

    @property
    def rows(self) -> int:
        """Rows of all its tables; 0 without a record."""
        return sum(table["rows"] for table in self.record["tables"]) if self.record else 0


@dataclass(frozen=True)
class Rollback:
    """That an older version was put in place: when (UTC, ISO 8601), of what, instead of what."""

    rolled_back_at: str
    publish_id: str
    instead_of: str


def kept_versions(home: Home) -> list[KeptVersion]:
    """The versions from the latest to the oldest, damaged ones too."""
    served = served_id(home)
    return [
        KeptVersion(
            publish_id=file.stem,
            file=file,
            bytes=file.stat().st_size,
            is_served=file.stem == served,
            record=_read_record(file),
        )
        for file in sorted(versions_in(home), reverse=True)
    ]


def rollback(home: Home, publish_id: str | None = None) -> KeptVersion:
    """Puts a kept version in place of the served file by rename; returns it.

    Without an id: the latest version older than the one served. Every table is counted and hashed
    first. Raises StorehouseError when there is no such version, it is served already or is not what
    its record says; then the served file is as it was. Call it while holding the warehouse lock.
    """
    served = served_id(home)
    chosen = _chosen(kept_versions(home), publish_id, served)
    _verify(chosen)
    temporary = home.published / f".publishing-{os.getpid()}.duckdb"
    temporary.unlink(missing_ok=True)
    try:
        # A copy, not a link: what befalls the served file must not befall the version kept.
        shutil.copyfile(chosen.file, temporary)
        temporary.chmod(0o444)
        fsync_path(temporary)
        put_in_place(home, temporary)
        fsync_path(home.published)
    finally:
        temporary.unlink(missing_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _remember(home, Rollback(now, chosen.publish_id, served or "a damaged file"))
    return chosen


def rollbacks(home: Home) -> list[Rollback]:
    """The rollbacks so far, oldest first; raises StorehouseError when the list is damaged."""
    file = _rollbacks_file(home)
    if not file.exists():
        return []
    try:
        return [Rollback(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise StorehouseError(
            f"{file} cannot be read ({error}).", "Move it away; it only tells of past rollbacks."
        ) from error


def rolled_back(home: Home, served: str) -> Rollback | None:
    """The rollback that put the served file in place; None when it was published as usual."""
    done = rollbacks(home)
    if not done or done[-1].publish_id != served:
        return None
    return done[-1] if served < max(file.stem for file in versions_in(home)) else None


def _chosen(versions: list[KeptVersion], publish_id: str | None, served: str | None) -> KeptVersion:
    if not versions:
        raise StorehouseError("No version is kept: nothing was published yet.", "`storehouse run`.")
    listed = ", ".join(version.publish_id for version in versions)
    if publish_id is None:
        older = [v for v in versions if not v.is_served and (not served or v.publish_id < served)]
        if not older:
            raise StorehouseError(
                f"No kept version is older than the one served (kept: {listed}).",
                "Name one of them, or mend the cause and `storehouse run`.",
            )
        return older[0]
    for version in versions:
        if version.publish_id == publish_id and version.is_served:
            raise StorehouseError(f"{publish_id} is served already.", _CHOOSE)
        if version.publish_id == publish_id:
            return version
    raise StorehouseError(f"There is no version {publish_id} (kept: {listed}).", _CHOOSE)


def _verify(version: KeptVersion) -> None:
    """Raises StorehouseError unless the file holds what was published under its id.

    Hashes are those of one DuckDB version: under another one only the rows are counted.
    """
    if version.record is None:
        raise _damaged(version, "its record cannot be read")
    try:
        with (
            plain_errors(version.file),
            duckdb.connect(str(version.file), read_only=True) as connection,
        ):
            inside = connection.execute("select publish_id from ops.publish").fetchall()
            found = {(t.schema, t.table): t for t in table_records(connection)}
    except StorehouseError as error:
        raise _damaged(version, error.message.rstrip(".")) from error
    if inside != [(version.publish_id,)]:
        raise _damaged(version, "it says it is another one")
    found.pop(("ops", "publish"), None)  # the record itself, written after the others were counted
    for told in version.record["tables"]:
        table = found.pop((told["schema"], told["table"]), None)
        name = f"{told['schema']}.{told['table']}"
        if table is None:
            raise _damaged(version, f"{name} is missing")
        is_same = version.record["duckdb_version"] != duckdb.__version__ or (
            told["content_hash"] == table.content_hash
        )
        if told["rows"] != table.rows or not is_same:
            raise _damaged(version, f"{name} is not as it was published")
    if found:
        raise _damaged(version, f"{'.'.join(min(found))} was not published with it")


def _damaged(version: KeptVersion, reason: str) -> StorehouseError:
    return StorehouseError(
        f"The version {version.publish_id} is damaged: {reason}. The served file stays as it is.",
        f"Delete {version.file}. {_CHOOSE}",
    )


def _read_record(file: Path) -> Mapping[str, Any] | None:
    try:
        record = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"publish_id", "published_at", "code_version", "duckdb_version", "tables"}
    return record if isinstance(record, dict) and wanted <= record.keys() else None


def _rollbacks_file(home: Home) -> Path:
    return home.versions / "rollbacks.json"


def _remember(home: Home, done: Rollback) -> None:
    file = _rollbacks_file(home)
    try:
        before = rollbacks(home)
    except StorehouseError:  # the rollback was made: a damaged list must not hide that
        before = []
    temporary = file.with_suffix(".tmp")
    temporary.write_text(
        json.dumps([asdict(entry) for entry in [*before, done]], indent=2), encoding="utf-8"
    )
    fsync_path(temporary)
    temporary.replace(file)
    fsync_path(file.parent)
