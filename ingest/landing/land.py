"""Lands delivered files: raw copy, lake Parquet, rejects and record, each load whole or not."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
from filelock import FileLock, Timeout

from ingest.contracts import Contract, Contracts, SourceContract
from ingest.errors import ConfigError, LockedError, RefusedFileError, StorehouseError
from ingest.home import Home
from ingest.landing.commit import Pending, recover
from ingest.landing.delivery import (
    SIDECAR_SUFFIX,
    UNDATED,
    declared_time,
    find_contract,
    load_id,
    split_name,
)
from ingest.landing.outcome import FileOutcome
from ingest.landing.read_csv import read_csv
from ingest.landing.read_json import read_json
from ingest.landing.read_ndjson import read_ndjson
from ingest.landing.read_parquet import read_parquet
from ingest.landing.records import (
    LoadPaths,
    full_loads,
    load_paths,
    read_record,
    write_record,
    write_stubs,
)
from ingest.landing.sink import Sink, fsync_path
from ingest.landing.stream import BLOCK_BYTES, PARQUET_MAGIC, Text, open_delivery

LOCK_SECONDS = 600.0
GUARD_SHARE = 0.5
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Delivery:
    """A file that belongs to an entity, with its declared extract time (naive UTC or None)."""

    path: Path
    contract: Contract
    extracted_at: datetime | None
    time_from: str


def land_paths(
    home: Home,
    contracts: Contracts,
    source: str | None = None,
    path: Path | None = None,
    *,
    extracted_at: datetime | None = None,
    encoding: str | None = None,
    force: bool = False,
    report: Callable[[FileOutcome], None] | None = None,
) -> list[FileOutcome]:
    """Lands a file, a folder, or without `path` everything in the extracts zone.

    `extracted_at` (naive UTC) and `encoding` override what the files and the contract declare;
    `force` switches the volume guard off. Outcomes come in landing order, also to `report` one by
    one; a refused file never stops the others.

    Raises ConfigError for an unknown source, a path that does not exist or a folder without
    files, LockedError when another landing holds the lock, StorehouseError when the home cannot
    be written.
    """
    if encoding is not None:
        _check_encoding(encoding)
    files = _find_files(home, contracts, source, path)
    landing = _Landing(home, encoding, force)
    outcomes: list[FileOutcome] = []

    def done(outcome: FileOutcome) -> None:
        outcomes.append(outcome)
        if report is not None:
            report(outcome)

    with _locked(home):
        try:
            recover(home)
            write_stubs(home, contracts)
        except OSError as error:
            raise _cannot_write(home, error) from error
        deliveries: list[Delivery] = []
        for name, file in files:
            try:
                deliveries.append(_delivery(contracts, name, file, extracted_at))
            except RefusedFileError as refusal:
                done(_refused(file, name, None, refusal))
        for delivery in sorted(deliveries, key=_landing_order):
            done(landing.land(delivery))
    return outcomes


def _landing_order(delivery: Delivery) -> tuple[str, str, datetime, str]:
    # By time within the entity, so that the volume guard compares with the load before.
    contract = delivery.contract
    moment = delivery.extracted_at or datetime.min
    return (contract.source, contract.entity, moment, str(delivery.path))


def _check_encoding(encoding: str) -> None:
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ConfigError(
            f"The encoding {encoding!r} is unknown.", "Use utf-8, latin-1, cp1252 or utf-16."
        ) from error


def _find_files(
    home: Home, contracts: Contracts, source: str | None, path: Path | None
) -> list[tuple[str, Path]]:
    """(source name, file) of everything to land, in name order."""
    if source is not None and source not in contracts:
        raise _unknown_source(contracts, source)
    if path is None:
        folders = [home.extracts / source] if source else _source_folders(home)
        loose = [] if source else _files_in(home.extracts, deep=False)
        return [("", file) for file in loose] + [
            (folder.name, file) for folder in folders for file in _files_in(folder)
        ]
    path = path.absolute()
    if not path.exists():
        raise ConfigError(f"{path} does not exist.", "Give a file or a folder of extracts.")
    name = source or _source_of(home, contracts, path)
    if path.is_file():
        return [(name, path)]
    files = _files_in(path)
    if not files:
        raise ConfigError(f"The folder {path} holds no files.", "Give a folder with extracts.")
    return [(name, file) for file in files]


def _source_of(home: Home, contracts: Contracts, path: Path) -> str:
    if path.is_relative_to(home.extracts) and path != home.extracts:
        name = path.relative_to(home.extracts).parts[0]
        if name in contracts:
            return name
    if len(contracts) == 1:
        return next(iter(contracts))
    raise ConfigError(
        f"It is not clear which source {path} belongs to.",
        f"Give --source, one of: {', '.join(contracts)}.",
    )


def _unknown_source(contracts: Contracts, name: str) -> ConfigError:
    return ConfigError(
        f"There is no source {name!r}.", f"The sources are: {', '.join(contracts) or 'none'}."
    )


def _source_folders(home: Home) -> list[Path]:
    if not home.extracts.is_dir():
        return []
    return sorted(
        path for path in home.extracts.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _files_in(folder: Path, *, deep: bool = True) -> list[Path]:
    """The files of a folder but for sidecars and hidden ones, in name order."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in (folder.rglob("*") if deep else folder.iterdir())
        if path.is_file()
        and not path.name.endswith(SIDECAR_SUFFIX)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _delivery(
    contracts: Contracts, name: str, path: Path, extracted_at: datetime | None
) -> Delivery:
    source: SourceContract | None = contracts.get(name)
    if source is None:
        where = f"There is no source {name!r}" if name else "The file lies outside any source"
        raise RefusedFileError(
            f"{where}.", f"Put it into extracts/<source>/, one of: {', '.join(contracts)}."
        )
    contract = find_contract(source, path)
    moment, time_from = declared_time(contract, path, extracted_at)
    return Delivery(path, contract, moment, time_from)


def _refused(path: Path, source: str, entity: str | None, refusal: StorehouseError) -> FileOutcome:
    return FileOutcome(
        path=path,
        source=source,
        entity=entity,
        status="refused",
        message=refusal.message,
        remedy=refusal.remedy,
    )


def _cannot_write(home: Home, error: OSError) -> StorehouseError:
    return StorehouseError(
        f"Landing cannot write to {home.root} ({error}).",
        "Check free space and permissions; nothing is half landed. Then land again.",
    )


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """Holds the lock that keeps landings of one home apart."""
    try:
        home.locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home.locks / "landing.lock", timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise LockedError(
            f"Another landing holds {home.locks / 'landing.lock'}.", "Wait for it, then land again."
        ) from error
    except OSError as error:
        raise _cannot_write(home, error) from error
    try:
        yield
    finally:
        lock.release()


class _Landing:
    """Lands deliveries one after the other; keeps what they share."""

    def __init__(self, home: Home, encoding: str | None, force: bool) -> None:
        self._home = home
        self._encoding = encoding
        self._force = force
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._full: dict[tuple[str, str], dict[datetime, int]] | None = None

    def land(self, delivery: Delivery) -> FileOutcome:
        """Lands one file; a file at fault gives an outcome, a home at fault raises."""
        contract = delivery.contract
        try:
            try:
                digest, size = _digest(delivery.path)
            except OSError as error:
                raise _unreadable(error) from error
            identity = load_id(
                contract, delivery.extracted_at, digest, self._other_encoding(contract)
            )
            load_date = delivery.extracted_at.date() if delivery.extracted_at else UNDATED
            paths = load_paths(self._home, contract, identity, load_date)
            if paths.record.exists() and paths.lake.exists():
                return _already(delivery, identity, read_record(paths.record))
            pending = Pending(self._home, identity, paths)
            try:
                pending.begin()
                outcome = self._write(delivery, identity, paths, pending, digest, size)
                pending.commit()
            finally:
                pending.roll_back()
        except StorehouseError as refusal:
            return _refused(delivery.path, contract.source, contract.entity, refusal)
        except OSError as error:
            raise _cannot_write(self._home, error) from error
        if contract.load_kind == "full" and delivery.extracted_at is not None:
            times = self._full_loads().setdefault((contract.source, contract.entity), {})
            times[delivery.extracted_at] = max(times.get(delivery.extracted_at, 0), outcome.rows)
        return outcome

    def _write(
        self,
        delivery: Delivery,
        identity: str,
        paths: LoadPaths,
        pending: Pending,
        digest: str,
        size: int,
    ) -> FileOutcome:
        """Writes and flushes every part under its temporary name."""
        contract = delivery.contract
        received_at = datetime.now(UTC).replace(tzinfo=None)
        content = delivery.path
        if not pending.keeps_raw:
            content = pending.parts.raw / delivery.path.name
            _copy(delivery.path, content, digest)
        with Sink(
            contract=contract,
            load_id=identity,
            file_name=delivery.path.name,
            extracted_at=delivery.extracted_at,
            loaded_at=received_at,
            lake_path=pending.parts.lake,
            rejects_path=pending.parts.rejects,
        ) as sink:
            kind, encoding = self._read(content, contract, sink)
        if sink.rejected and not sink.rows:
            raise RefusedFileError(
                f"No line of the file can be read as a row ({sink.first_reject}).",
                "Mend the file, or name its --encoding, and land it again.",
            )
        self._guard(delivery, sink.rows, pending.parts.lake, paths.lake.parent.parent)
        if not contract.is_modelled:
            sink.note("landed and counted, not modelled")
        if delivery.extracted_at is None and contract.load_kind == "increment":
            sink.note("no extract time in the name: its rows count as known when they changed")
        elif delivery.extracted_at is not None and delivery.extracted_at > received_at:
            sink.note(f"the extract time {delivery.extracted_at.isoformat()}Z is still to come")
        record: dict[str, Any] = {
            "load_id": identity,
            "source_system": contract.source,
            "entity": contract.entity,
            "load_kind": contract.load_kind,
            "file_name": delivery.path.name,
            "format": kind,
            "encoding": encoding,
            "bytes": size,
            "content_sha256": digest,
            "rows_landed": sink.rows,
            "rows_rejected": sink.rejected,
            "extracted_at": delivery.extracted_at,
            "received_at": received_at,
            "load_date": delivery.extracted_at.date() if delivery.extracted_at else UNDATED,
            "contract_hash": contract.hash,
            "column_mapping": json.dumps(sink.mapping, ensure_ascii=False),
            "notes": json.dumps(sink.notes, ensure_ascii=False),
            "is_modelled": contract.is_modelled,
            "raw_path": str(paths.raw.relative_to(self._home.root)),
        }
        if not pending.keeps_raw:
            _write_manifest(pending.parts.raw, record, sink, delivery)
        fsync_path(pending.parts.lake)
        if sink.rejected:
            fsync_path(pending.parts.rejects)
        write_record(pending.parts.record, record)
        return FileOutcome(
            path=delivery.path,
            source=contract.source,
            entity=contract.entity,
            status="landed",
            load_id=identity,
            rows=sink.rows,
            rejected=sink.rejected,
            first_reject=sink.first_reject,
            extracted_at=delivery.extracted_at,
            notes=tuple(sink.notes),
        )

    def _read(self, path: Path, contract: Contract, sink: Sink) -> tuple[str, str | None]:
        """Reads the file into the sink; returns its format and encoding."""
        named = split_name(path)[1]
        encoding = self._encoding or contract.encoding
        _check_encoding(encoding)
        with open_delivery(path) as (stream, is_gzipped):
            if _starts_with(stream, PARQUET_MAGIC):
                if named != "parquet":
                    sink.note("the content is Parquet, whatever the name says")
                read_parquet(stream, sink, is_gzipped)
                return "parquet", None
            if named == "parquet":
                raise RefusedFileError(
                    "The file is named Parquet and is not.", "Deliver Parquet, or name it rightly."
                )
            text = Text(stream, encoding, sink.notes)
            kind = _text_format(text, named)
            if kind == "csv":
                read_csv(text, sink)
            elif kind == "ndjson":
                read_ndjson(text, sink, self._connection())
            else:
                read_json(text, sink)
            if named and kind != named:
                sink.note(f"the content is {kind}, whatever the name says")
            return kind, text.encoding

    def _guard(self, delivery: Delivery, rows: int, lake: Path, entity: Path) -> None:
        """Raises RefusedFileError for a full extract that lost half of the one before it.

        Rows alone do not tell: keys that came empty, repeated or spelt otherwise are lost as well.
        """
        contract, moment = delivery.contract, delivery.extracted_at
        if self._force or contract.load_kind != "full" or moment is None:
            return
        loads = self._full_loads().get((contract.source, contract.entity), {})
        earlier = [time for time in loads if time < moment]
        if not earlier:
            return
        before = max(earlier)
        if rows < GUARD_SHARE * loads[before]:
            raise RefusedFileError(
                f"This full extract of {contract.entity} has {rows} rows, under half of the "
                f"{loads[before]} of {before.isoformat()}Z: what is absent would count as deleted.",
                "Deliver the complete extract, or land it with --force if it is right.",
            )
        known, kept = self._keys_kept(contract, lake, entity, before)
        if kept < GUARD_SHARE * known:
            raise RefusedFileError(
                f"This full extract of {contract.entity} has {kept} of the {known} keys of "
                f"{before.isoformat()}Z: what is absent would count as deleted.",
                f"Check {', '.join(contract.key)} in the file; --force lands it all the same.",
            )

    def _keys_kept(
        self, contract: Contract, lake: Path, entity: Path, before: datetime
    ) -> tuple[int, int]:
        """How many keys the extract of `before` had, and how many of them the new lake file has."""
        if not contract.key:
            return 0, 0
        columns = ", ".join(f"trim({name})" for name in contract.key)
        filled = " and ".join(f"trim({name}) <> ''" for name in contract.key)
        folder = entity / f"load_date={before.date()}" / "*.parquet"
        return (
            self._connection()
            .execute(
                f"""
            with known as (
                select distinct {columns} from read_parquet(?, hive_partitioning = false)
                where _extracted_at = ? and {filled}
            ),
            kept as (
                select * from known
                intersect
                select {columns} from read_parquet(?, hive_partitioning = false)
            )
            select (select count(*) from known), (select count(*) from kept)
            """,
                [str(folder), before, str(lake)],
            )
            .fetchall()[0]
        )

    def _other_encoding(self, contract: Contract) -> str:
        """The encoding asked for where it is not the contract's: it makes other rows."""
        if self._encoding is None:
            return ""
        named = codecs.lookup(self._encoding).name
        return "" if named == codecs.lookup(contract.encoding).name else named

    def _full_loads(self) -> dict[tuple[str, str], dict[datetime, int]]:
        if self._full is None:
            self._full = full_loads(self._home)
        return self._full

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._engine is None:
            self._engine = duckdb.connect()
        return self._engine


def _already(delivery: Delivery, identity: str, record: dict[str, Any]) -> FileOutcome:
    return FileOutcome(
        path=delivery.path,
        source=delivery.contract.source,
        entity=delivery.contract.entity,
        status="already landed",
        load_id=identity,
        rows=record["rows_landed"],
        rejected=record["rows_rejected"],
        extracted_at=delivery.extracted_at,
        notes=tuple(json.loads(record["notes"])),
    )


def _unreadable(error: OSError) -> RefusedFileError:
    return RefusedFileError(
        f"The file cannot be read ({error.strerror or error}).",
        "Check that it is still there and readable, then land it again.",
    )


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _copy(path: Path, target: Path, digest: str) -> None:
    """Copies and flushes a file; raises RefusedFileError if it is not what was hashed."""
    copied = hashlib.sha256()
    try:
        source = path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error
    with source, target.open("wb") as copy:
        while True:
            try:
                block = source.read(BLOCK_BYTES)
            except OSError as error:
                raise _unreadable(error) from error
            if not block:
                break
            copied.update(block)
            copy.write(block)
    fsync_path(target)
    if copied.hexdigest() != digest:
        raise RefusedFileError(
            "The file changed while it was read.", "Land it again when it is complete."
        )


def _write_manifest(folder: Path, record: dict[str, Any], sink: Sink, delivery: Delivery) -> None:
    contract = delivery.contract
    manifest = record | {
        "column_mapping": sink.mapping,
        "notes": sink.notes,
        "extracted_at_from": delivery.time_from,
        "contract": {column.name: column.declared for column in contract.columns},
    }
    path = folder / MANIFEST
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=_iso)
    path.write_text(text + "\n", encoding="utf-8")
    fsync_path(path)
    fsync_path(folder)


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return str(value)


def _starts_with(stream: BinaryIO, magic: bytes) -> bool:
    start = stream.read(len(magic))
    stream.seek(0)
    return start == magic


def _text_format(text: Text, named: str) -> str:
    """csv, json (an array, or objects over several lines) or ndjson, by name and content."""
    start = text.peek().lstrip()
    if named == "csv" or (not named and not start.startswith(("[", "{"))):
        return "csv"
    line = start.partition("\n")[0]
    if start.startswith("["):
        return (
            "ndjson" if named == "ndjson" and _is_json(line) and "\n" in start.strip() else "json"
        )
    if named == "ndjson" or _is_json(line):
        return "json" if named == "ndjson" and line.strip() == "{" else "ndjson"
    return "json"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
