"""Lands delivered files: raw copy, lake Parquet, rejects and record, each load whole or not."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
from filelock import FileLock, Timeout

from ingest.contracts import Contract, Contracts, SourceContract
from ingest.errors import ConfigError, LockedError, RefusedFileError, StorehouseError
from ingest.home import Home
from ingest.landing.commit import Pending, commit, recover
from ingest.landing.day_files import take_out
from ingest.landing.delivery import (
    UNDATED,
    Torn,
    declared_time,
    find_contract,
    load_id,
    looks_dated,
    refuse_odd_file,
    split_name,
    torn_extract,
)
from ingest.landing.find_files import find_files
from ingest.landing.outcome import FileOutcome, Status
from ingest.landing.raw import MANIFEST, raw_load
from ingest.landing.read_csv import read_csv
from ingest.landing.read_json import read_json
from ingest.landing.read_ndjson import read_ndjson
from ingest.landing.read_parquet import read_parquet
from ingest.landing.readings import note_replaced
from ingest.landing.records import (
    LoadPaths,
    find_lake,
    find_record,
    load_paths,
    write_record,
    write_stubs,
)
from ingest.landing.sink import Sink, fsync_path
from ingest.landing.stream import BLOCK_BYTES, PARQUET_MAGIC, Text, open_delivery, printable
from ingest.landing.volume_guard import VolumeGuard

LOCK_SECONDS = 600.0
REFUSED = ".refused"  # of the segments zone: hidden from landing


@dataclass(frozen=True)
class Delivery:
    """A file that belongs to an entity, with its declared extract time (naive UTC or None).

    `received_at` is when it arrived, naive UTC; None for now. A file that `may_be_unreadable` is
    landed even if no line of it can be read as a row.
    """

    path: Path
    contract: Contract
    extracted_at: datetime | None
    time_from: str
    received_at: datetime | None = None
    may_be_unreadable: bool = False


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
    """Lands a file, a folder, or without `path` everything in the zones of extracts and segments.

    `extracted_at` (naive UTC) and `encoding` override what the files and the contract declare;
    `force` switches the volume guard off. Outcomes come in landing order, also to `report` one by
    one; a refused file never stops the others.

    Raises ConfigError for an unknown source, a path that does not exist or a folder without
    files, LockedError when another landing holds the lock, StorehouseError when the home cannot
    be written.
    """
    if encoding is not None:
        _check_encoding(encoding)
    files = find_files(home, contracts, source, path)
    landing = Landing(home, encoding, force)
    outcomes: list[FileOutcome] = []

    def done(outcome: FileOutcome) -> None:
        if outcome.path.is_relative_to(home.segments):
            outcome = _let_go(home, outcome)
        outcomes.append(outcome)
        if report is not None:
            report(outcome)

    with landing_lock(home):
        try:
            recover(home)
            write_stubs(home, contracts)
        except OSError as error:
            raise cannot_write(home, error) from error
        deliveries: list[Delivery] = []
        torn: list[Torn] = []
        for name, file in files:
            try:
                is_segment = file.is_relative_to(home.segments)
                deliveries.append(_delivery(contracts, name, file, extracted_at, is_segment))
            except RefusedFileError as refusal:
                done(_refused(file, name, None, refusal))
                if name in contracts and (part := torn_extract(contracts[name], file)):
                    torn.append(part)
        for delivery in deliveries.copy():
            if part := next((part for part in torn if _is_part_of(delivery, part)), None):
                deliveries.remove(delivery)
                contract = delivery.contract
                held = _refused_beside(part.name)
                landed = landing.landed_before(delivery)
                done(landed or _refused(delivery.path, contract.source, contract.entity, held))
        in_order = sorted(deliveries, key=_landing_order)
        for _, extract in groupby(enumerate(in_order), key=_extract_of):
            for outcome in landing.land([delivery for _, delivery in extract]):
                done(outcome)
    return outcomes


def _let_go(home: Home, outcome: FileOutcome) -> FileOutcome:
    """Takes a segment out of its zone: the raw zone has it, or a person must look at it."""
    if outcome.status != "refused":
        outcome.path.unlink(missing_ok=True)
        return outcome
    refused = home.segments / REFUSED / outcome.path.relative_to(home.segments)
    refused.parent.mkdir(parents=True, exist_ok=True)
    outcome.path.replace(refused)
    remedy = f"It lies in {refused}: mend it and `storehouse land` it. {outcome.remedy}"
    return replace(outcome, path=refused, remedy=remedy)


def _landing_order(delivery: Delivery) -> tuple[str, str, datetime, str]:
    # By time within the entity, so that the volume guard compares with the load before.
    contract = delivery.contract
    moment = delivery.extracted_at or datetime.min
    return (contract.source, contract.entity, moment, str(delivery.path))


def _extract_of(numbered: tuple[int, Delivery]) -> tuple[Any, ...]:
    """What the files of one full extract share; any other file is an extract of its own."""
    number, delivery = numbered
    contract = delivery.contract
    if contract.load_kind == "full":
        return (contract.source, contract.entity, delivery.extracted_at)
    return (number,)


def _check_encoding(encoding: str) -> None:
    try:
        "a".encode(encoding)  # refuses hex and other codecs that make no text, too
    except (LookupError, UnicodeError) as error:
        raise ConfigError(
            f"The encoding {encoding!r} is unknown.", "Use utf-8, latin-1, cp1252 or utf-16."
        ) from error


def _delivery(
    contracts: Contracts, name: str, path: Path, extracted_at: datetime | None, is_segment: bool
) -> Delivery:
    source: SourceContract | None = contracts.get(name)
    if source is None:
        where = f"There is no source {name!r}" if name else "The file lies outside any source"
        raise RefusedFileError(
            f"{where}.", f"Put it into extracts/<source>/, one of: {', '.join(contracts)}."
        )
    refuse_odd_file(path)
    contract = find_contract(source, path)
    moment, time_from = declared_time(contract, path, extracted_at)
    return Delivery(path, contract, moment, time_from, may_be_unreadable=is_segment)


def _refused(path: Path, source: str, entity: str | None, refusal: StorehouseError) -> FileOutcome:
    return FileOutcome(
        path=Path(printable(str(path))),
        source=source,
        entity=entity,
        status="refused",
        message=refusal.message,
        remedy=refusal.remedy,
    )


def _refused_beside(name: str) -> RefusedFileError:
    return RefusedFileError(
        f"Another file of this extract was refused: {printable(name)}.",
        "Mend that one; a full extract is landed whole.",
    )


def _is_part_of(delivery: Delivery, torn: Torn) -> bool:
    return delivery.contract is torn.contract and torn.extracted_at in (
        None,
        delivery.extracted_at,
    )


def cannot_write(home: Home, error: OSError) -> StorehouseError:
    """The error for a home that does not take what is written."""
    return StorehouseError(
        f"Landing cannot write to {home.root} ({error}).",
        "Check free space and permissions; nothing is half landed. Then land again.",
    )


@contextmanager
def landing_lock(home: Home) -> Iterator[None]:
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
        raise cannot_write(home, error) from error
    try:
        yield
    finally:
        lock.release()


class Landing:
    """Lands extracts one after the other; keeps what they share."""

    def __init__(self, home: Home, encoding: str | None, force: bool) -> None:
        self._home = home
        self._encoding = encoding
        self._force = force
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._volume_guard: VolumeGuard | None = None

    def land(self, extract: Sequence[Delivery]) -> list[FileOutcome]:
        """Lands the files of one extract together, or none of them.

        A file at fault gives outcomes, a home at fault raises.
        """
        written: list[Pending] = []
        outcomes: list[FileOutcome] = []
        try:
            try:
                for delivery in extract:
                    outcomes.append(self._land_file(delivery, written))
                self._guard(extract[0], written)
                commit(written)
            finally:
                for pending in written:
                    pending.roll_back()
        except StorehouseError as refusal:
            return [
                outcomes[number]
                if number < len(outcomes) and outcomes[number].status == "already landed"
                else self._refused_with(extract, len(outcomes), number, refusal)
                for number in range(len(extract))
            ]
        except OSError as error:
            raise cannot_write(self._home, error) from error
        return outcomes

    @staticmethod
    def _refused_with(
        extract: Sequence[Delivery], reached: int, number: int, refusal: StorehouseError
    ) -> FileOutcome:
        """The outcome of one file of an extract that was refused at file number `reached`."""
        delivery = extract[number]
        if number != reached < len(extract):
            refusal = _refused_beside(extract[reached].path.name)
        return _refused(delivery.path, delivery.contract.source, delivery.contract.entity, refusal)

    def landed_before(self, delivery: Delivery) -> FileOutcome | None:
        """The outcome for a file that was landed before; None for a new or an unreadable one."""
        try:
            digest, _ = digest_of(delivery.path)
        except OSError:
            return None
        identity = load_id(delivery.contract, delivery.extracted_at, digest)
        record = self._record(delivery.contract, identity)
        return None if record is None else _already(delivery, identity, record)

    def _record(self, contract: Contract, identity: str) -> dict[str, Any] | None:
        """The record of a load whose rows are in the lake; None where it has to be landed."""
        record = find_record(self._home, contract.source, contract.entity, identity)
        if record is None or find_lake(self._home, record).exists():
            return record
        if load_paths(self._home, contract.source, contract.entity, identity).record.exists():
            return None
        raise RefusedFileError(
            "The file was landed, and the lake file of its day is gone.",
            "`storehouse admin rebuild-history` makes it anew from the raw zone.",
        )

    def _land_file(self, delivery: Delivery, written: list[Pending]) -> FileOutcome:
        """Writes one file to temporary names, or finds that it was landed before."""
        try:
            digest, size = digest_of(delivery.path)
        except OSError as error:
            raise _unreadable(error) from error
        contract = delivery.contract
        identity = load_id(contract, delivery.extracted_at, digest)
        if any(pending.load_id == identity for pending in written):
            return _outcome(delivery, identity, "already landed")  # a copy of the file beside it
        raw = raw_load(self._home, contract.source, contract.entity, identity)
        if record := self._record(contract, identity):
            if not self._is_reread(record["encoding"]):
                return _already(delivery, identity, record)
            note_replaced(raw, record)
            take_out(self._home, record)
        paths = load_paths(self._home, contract.source, contract.entity, identity)
        pending = Pending(self._home, identity, paths, keeps_raw=bool(raw.names()))
        written.append(pending)
        pending.begin()
        return self._write(delivery, identity, paths, pending, digest, size)

    def _guard(self, delivery: Delivery, written: Sequence[Pending]) -> None:
        contract, moment = delivery.contract, delivery.extracted_at
        if contract.load_kind != "full" or moment is None or not written:
            return
        if self._volume_guard is None:
            self._volume_guard = VolumeGuard(self._home, self._connection())
        if contract.key and not self._force:
            lake_files = [pending.parts.lake for pending in written]
            self._volume_guard.judge(contract, moment, lake_files)
        self._volume_guard.landed(contract, moment)

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
        received_at = delivery.received_at or datetime.now(UTC).replace(tzinfo=None)
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
        if sink.rejected and not sink.rows and not delivery.may_be_unreadable:
            raise RefusedFileError(
                f"No line of the file can be read as a row ({sink.first_reject}).",
                "Mend the file, or name its --encoding, and land it again.",
            )
        if not contract.is_modelled:
            sink.note("landed and counted, not modelled")
        if delivery.extracted_at is None and looks_dated(delivery.path):
            sink.note("the name does not end in an extract time, such as _20250131T060000Z")
        elif delivery.extracted_at is None and contract.load_kind == "increment":
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
        return _outcome(
            delivery,
            identity,
            "landed",
            rows=sink.rows,
            rejected=sink.rejected,
            first_reject=sink.first_reject,
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

    def _is_reread(self, encoding: str | None) -> bool:
        """Whether another encoding is asked for than the one a load was read in."""
        if self._encoding is None or encoding is None:
            return False
        return codecs.lookup(self._encoding).name != codecs.lookup(encoding).name

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._engine is None:
            self._engine = duckdb.connect()
        return self._engine


def _outcome(delivery: Delivery, identity: str, status: Status, **facts: Any) -> FileOutcome:
    return FileOutcome(
        path=delivery.path,
        source=delivery.contract.source,
        entity=delivery.contract.entity,
        status=status,
        load_id=identity,
        extracted_at=delivery.extracted_at,
        **facts,
    )


def _already(delivery: Delivery, identity: str, record: dict[str, Any]) -> FileOutcome:
    return _outcome(
        delivery,
        identity,
        "already landed",
        rows=record["rows_landed"],
        rejected=record["rows_rejected"],
        notes=tuple(json.loads(record["notes"])),
    )


def _unreadable(error: OSError) -> RefusedFileError:
    return RefusedFileError(
        f"The file cannot be read ({error.strerror or error}).",
        "Check that it is still there and readable, then land it again.",
    )


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file; raises OSError."""
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
