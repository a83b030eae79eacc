"""Reads the raw zone anew into the lake, under the contracts of today."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.contracts import Contract, Contracts
from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.commit import recover, replaced_lake
from ingest.landing.land import Delivery, Landing, cannot_write, digest_of, landing_lock
from ingest.landing.readings import MANIFEST, noted_time
from ingest.landing.records import read_records, write_stubs
from ingest.landing.transfer import link_load

_SCRATCH = "rebuild"


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
            landings: dict[str | None, Landing] = {}
            rows = reread = 0
            for manifest in _manifests(home):
                delivery, encoding = _delivery(home, contracts, manifest, records)
                landing = landings.setdefault(encoding, Landing(scratch, encoding, force=True))
                outcome = landing.land([delivery])[0]
                if outcome.status == "refused":
                    raise StorehouseError(
                        f"{manifest['raw_path']}/{manifest['file_name']}: {outcome.message}",
                        f"{outcome.remedy} The lake is as it was.",
                    )
                reread += 1
                rows += outcome.rows
            write_stubs(scratch, contracts)
            _put_in_place(home, scratch)
        except OSError as error:
            raise cannot_write(home, error) from error
        finally:
            scratch.raw.unlink(missing_ok=True)
            shutil.rmtree(scratch.root, ignore_errors=True)
    return Reread(loads_reread=reread, loads_kept=kept, rows=rows)


def _put_in_place(home: Home, scratch: Home) -> None:
    replaced = replaced_lake(home)
    if home.lake.exists():
        home.lake.rename(replaced)
    scratch.lake.rename(home.lake)
    shutil.rmtree(replaced, ignore_errors=True)


def _manifests(home: Home) -> Iterator[dict[str, Any]]:
    for path in sorted(home.raw.glob(f"*/*/[!.]*/{MANIFEST}")):
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StorehouseError(
                f"{path} cannot be read ({error}).", "Restore it from a backup of the raw zone."
            ) from error


def _keep_without_raw(home: Home, scratch: Home, records: Mapping[str, Mapping[str, Any]]) -> int:
    """Links the lake files of the loads whose raw bytes are gone; returns how many there are."""
    kept = 0
    for record in records.values():
        if (home.root / record["raw_path"] / record["file_name"]).exists():
            continue
        link_load(home, scratch, record)
        kept += 1
    return kept


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
    home: Home,
    contracts: Contracts,
    manifest: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
) -> tuple[Delivery, str | None]:
    """The raw file as it was delivered, and the encoding it was last read in if it was named."""
    contract = _contract(contracts, manifest)
    path = home.root / manifest["raw_path"] / manifest["file_name"]
    try:
        digest, _ = digest_of(path)
    except OSError as error:
        raise StorehouseError(
            f"{path} cannot be read ({error.strerror}).", "Restore it from a backup of raw."
        ) from error
    if digest != manifest["content_sha256"]:
        raise StorehouseError(
            f"{path} is not what its manifest says.", "Restore it from a backup of the raw zone."
        )
    told = records.get(manifest["load_id"], manifest)
    encoding = told["encoding"]
    declared = manifest["extracted_at"]
    delivery = Delivery(
        path=path,
        contract=contract,
        extracted_at=noted_time(declared) if declared else None,
        time_from=manifest["extracted_at_from"],
        received_at=noted_time(manifest["received_at"]),
    )
    return delivery, encoding if encoding != contract.encoding else None
