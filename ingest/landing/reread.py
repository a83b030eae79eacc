"""Reads the raw zone anew into the lake, under the contracts of today."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from ingest.contracts import Contract, Contracts
from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.commit import recover, replaced_lake
from ingest.landing.day_files import gather, own_loads
from ingest.landing.delivery import load_date
from ingest.landing.land import Delivery, Landing, cannot_write, digest_of, landing_lock
from ingest.landing.raw import (
    MANIFEST,
    RawLoad,
    archived_loads,
    loads_in_folders,
    record_raw,
)
from ingest.landing.readings import noted_time
from ingest.landing.records import read_records, write_stubs
from ingest.landing.transfer import link_loads

_SCRATCH = "rebuild"
_RESTORE = "Restore it from a backup of the raw zone."


@dataclass(frozen=True)
class Reread:
    """What became of the loads: read anew, and kept as they were since their raw bytes are gone."""

    loads_reread: int
    loads_kept: int
    rows: int


def reread_raw(home: Home, contracts: Contracts) -> Reread:
    """Builds the lake anew from the raw zone and puts it in place of the old one by rename.

    Every load keeps its identity, declared time, arrival and encoding; columns that the contract
    has learnt since, names and types are those of today. A load whose raw bytes were removed keeps
    its lake file. Raises StorehouseError, and leaves the lake as it was, when a raw file is not
    what its manifest says or can no longer be read under its contract.
    """
    scratch = Home(home.root / _SCRATCH)
    with landing_lock(home):
        try:
            recover(home)
            shutil.rmtree(scratch.root, ignore_errors=True)
            scratch.root.mkdir(parents=True)
            home.raw.mkdir(exist_ok=True)
            scratch.raw.symlink_to(home.raw)  # kept raw folders are read where they lie
            records = {record["load_id"]: record for record in read_records(home)}
            kept = _keep_without_raw(home, scratch, records)
            rereading = _Rereading(scratch, contracts, records)
            for loads in archived_loads(home):
                rereading.read(loads)
                _gather_again(scratch, loads[0])
            rereading.read(loads_in_folders(home))
            write_stubs(scratch, contracts)
            _put_in_place(home, scratch)
        except BadZipFile as error:
            raise StorehouseError(
                f"An archive in {home.raw} cannot be read ({error}).", _RESTORE
            ) from error
        except OSError as error:
            raise cannot_write(home, error) from error
        finally:
            scratch.raw.unlink(missing_ok=True)
            shutil.rmtree(scratch.root, ignore_errors=True)
    return Reread(loads_reread=rereading.loads, loads_kept=kept, rows=rereading.rows)


def _put_in_place(home: Home, scratch: Home) -> None:
    replaced = replaced_lake(home)
    if home.lake.exists():
        home.lake.rename(replaced)
    scratch.lake.rename(home.lake)
    shutil.rmtree(replaced, ignore_errors=True)


def _gather_again(scratch: Home, raw: RawLoad) -> None:
    """Puts the loads of the day of an archived one into the files of the day, as they were."""
    folder = raw.folder.parent
    source, entity, day = folder.parent.name, folder.name, load_date(raw.folder.name)
    if load_ids := own_loads(scratch, source, entity, day):
        gather(scratch, source, entity, day, load_ids)


class _Rereading:
    """Lands what the raw zone has into a scratch home; counts the loads and rows."""

    def __init__(
        self, scratch: Home, contracts: Contracts, records: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.loads = self.rows = 0
        self._scratch = scratch
        self._contracts = contracts
        self._records = records
        self._landings: dict[str | None, Landing] = {}

    def read(self, loads: Iterable[RawLoad]) -> None:
        """Reads loads anew, one after the other; raises StorehouseError, OSError, BadZipFile."""
        for raw in loads:
            manifest = _manifest(raw)
            with raw.file(manifest["file_name"]) as path:
                self._read(raw, manifest, path)

    def _read(self, raw: RawLoad, manifest: Mapping[str, Any], path: Path) -> None:
        told = self._records.get(manifest["load_id"], manifest)
        place = raw.place(manifest["file_name"])
        delivery = _delivery(self._contracts, manifest, path, place)
        named = told["encoding"] if told["encoding"] != delivery.contract.encoding else None
        landing = self._landings.setdefault(named, Landing(self._scratch, named, force=True))
        (outcome,) = landing.land([delivery])
        if outcome.status == "refused":
            raise StorehouseError(
                f"{place}: {outcome.message}", f"{outcome.remedy} The lake is as it was."
            )
        self.loads += 1
        self.rows += outcome.rows


def _manifest(raw: RawLoad) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(raw.read(MANIFEST))
    except ValueError as error:
        raise StorehouseError(
            f"{raw.place(MANIFEST)} cannot be read ({error}).", _RESTORE
        ) from error
    return manifest


def _keep_without_raw(home: Home, scratch: Home, records: Mapping[str, Mapping[str, Any]]) -> int:
    """Links the lake files of the loads whose raw bytes are gone; returns how many there are."""
    kept = [
        record
        for record in records.values()
        if record["file_name"] not in record_raw(home, record).names()
    ]
    link_loads(home, scratch, kept)
    return len(kept)


def _contract(contracts: Contracts, told: Mapping[str, Any]) -> Contract:
    source = contracts.get(told["source_system"])
    contract = source.entities.get(told["entity"]) if source else None
    if contract is None:
        raise StorehouseError(
            f"The load {told['load_id']} is of {told['source_system']}.{told['entity']}, which no "
            "contract describes.",
            "Restore the contract, or remove the load's folder from raw and its files from lake.",
        )
    return contract


def _delivery(
    contracts: Contracts, manifest: Mapping[str, Any], path: Path, place: Path
) -> Delivery:
    """The raw file as it was delivered; `place` is what to call it."""
    contract = _contract(contracts, manifest)
    try:
        digest, _ = digest_of(path)
    except OSError as error:
        raise StorehouseError(f"{place} cannot be read ({error.strerror}).", _RESTORE) from error
    if digest != manifest["content_sha256"]:
        raise StorehouseError(f"{place} is not what its manifest says.", _RESTORE)
    declared = manifest["extracted_at"]
    return Delivery(
        path=path,
        contract=contract,
        extracted_at=noted_time(declared) if declared else None,
        time_from=manifest["extracted_at_from"],
        received_at=noted_time(manifest["received_at"]),
        may_be_unreadable=manifest["rows_landed"] == 0,
    )
