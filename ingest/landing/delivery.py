"""What the name and the surroundings of a delivered file say: entity, format, extract time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ingest.contracts import Contract, SourceContract
from ingest.errors import ConfigError, RefusedFileError

SIDECAR_SUFFIX = ".meta.json"
FORMATS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
UNDATED = date(1970, 1, 1)
FIRST_YEAR, LAST_YEAR = 1990, 2199  # of declared times: what history and calendar can hold
_UNFINISHED = ("~", ".part", ".filepart", ".partial", ".tmp", ".crdownload")
_NAME_TIME = re.compile(
    r"[_.\- ](\d{8}T\d{6}Z|\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}Z)?|(?:19|20|21)\d{6})$"
)
_LIKE_A_TIME = re.compile(r"(19|20|21)\d{2}-?[01]\d")
_NAME_FORMATS = ("%Y%m%dT%H%M%SZ", "%Y-%m-%d", "%Y%m%d")
PUBLISH_FORMAT = "%Y%m%dT%H%M%S%fZ"  # of the ids of publishes: their time to the microsecond


def split_name(path: Path) -> tuple[str, str]:
    """The name without its extensions, and the format the extension names ('' when unknown)."""
    name = path.name
    if name.lower().endswith((".gz", ".gzip")):
        name = name[: name.rindex(".")]
    stem, dot, extension = name.rpartition(".")
    kind = FORMATS.get(f".{extension.lower()}", "") if dot else ""
    return (stem, kind) if kind else (name, "")


def refuse_odd_file(path: Path) -> None:
    """Raises RefusedFileError for what is no file, not complete, or named in no known letters."""
    if not path.is_file():
        raise RefusedFileError(
            "It is a link to a folder, a broken link or another thing that is no file.",
            "Put the file itself there, or land the folder by its own path.",
        )
    if path.name.lower().endswith(_UNFINISHED):
        raise RefusedFileError(
            "The name says that the file is not complete.", "Rename it when it is."
        )
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        raise RefusedFileError(
            "The name of the file is not UTF-8.", "Rename it and land it again."
        ) from error


def find_contract(source: SourceContract, path: Path) -> Contract:
    """The entity whose stem the file's name starts with, the longest stem winning.

    Raises RefusedFileError with the list of stems when there is none.
    """
    name = path.name.lower()
    best: tuple[int, Contract] | None = None
    for contract in source.entities.values():
        for stem in contract.file_stems:
            ends = name[len(stem) : len(stem) + 1]
            if name.startswith(stem) and not ends.isalpha() and (not best or len(stem) > best[0]):
                best = (len(stem), contract)
    if best is None:
        stems = sorted(stem for c in source.entities.values() for stem in c.file_stems)
        raise RefusedFileError(
            f"The name {path.name} belongs to no entity of the source {source.name}.",
            f"Name the file after one of: {', '.join(stems)}.",
        )
    return best[1]


def parse_time(text: str) -> datetime:
    """A declared extract time as naive UTC to the second.

    Takes ISO-8601 with or without an offset (none means UTC), a date, or YYYYMMDDTHHMMSSZ.
    Raises ConfigError.
    """
    return parse_moment(text, "extract time").replace(microsecond=0)


def parse_moment(text: str, what: str) -> datetime:
    """A time as naive UTC to the microsecond; `what` it is goes into the error.

    Takes what `parse_time` takes and the id of a publish. Raises ConfigError.
    """
    moment = _parsed_moment(text.strip())
    if moment is None:
        raise ConfigError(
            f"The {what} {text!r} is not a time.",
            "Write it as 2024-01-31, 2024-01-31T06:00:00Z or 20240131T060000Z.",
        )
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ConfigError(
            f"The {what} {text!r} is not between {FIRST_YEAR} and {LAST_YEAR}.",
            "Write a time at which an extract can have been made.",
        )
    return moment


def _parsed_moment(text: str) -> datetime | None:
    for pattern in (*_NAME_FORMATS, PUBLISH_FORMAT):
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return datetime.min


@dataclass(frozen=True)
class Torn:
    """A full extract of which one file was refused; without a time it may be any of the entity."""

    contract: Contract
    extracted_at: datetime | None
    name: str


def torn_extract(source: SourceContract, path: Path) -> Torn | None:
    """The full extract that a refused file seems to be a part of, if it is one."""
    try:
        contract = find_contract(source, path)
    except RefusedFileError:
        return None
    if contract.load_kind != "full":
        return None
    name = path.name
    for ending in _UNFINISHED:
        name = name.removesuffix(ending)
    try:
        return Torn(contract, name_time(path.with_name(name)), path.name)
    except RefusedFileError:
        return Torn(contract, None, path.name)


def declared_time(
    contract: Contract, path: Path, given: datetime | None
) -> tuple[datetime | None, str]:
    """The declared extract time and where it came from: option, sidecar, file name or none.

    Raises RefusedFileError for an unreadable sidecar, and for a full extract without a time.
    """
    if given is not None:
        return given, "option"
    sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
    if _is_there(sidecar):
        return _sidecar_time(sidecar), "sidecar"
    if (moment := name_time(path)) is not None:
        return moment, "file name"
    if contract.load_kind == "full":
        raise RefusedFileError(
            f"{path.name} is a full extract of {contract.entity} and declares no extract time.",
            f"Name it {contract.file_stems[0]}_YYYYMMDDTHHMMSSZ, give --extracted-at, or put "
            f'{{"extracted_at": "..."}} into {sidecar.name}.',
        )
    return None, "none"


def looks_dated(path: Path) -> bool:
    """Whether the file's name holds what a person would read as a date."""
    return bool(_LIKE_A_TIME.search(path.name))


def name_time(path: Path) -> datetime | None:
    """The time at the end of the file's name, if there is one; RefusedFileError if it is none."""
    match = _NAME_TIME.search(split_name(path)[0])
    if match is None:
        return None
    try:
        return parse_time(match.group(1))
    except ConfigError as error:
        raise RefusedFileError(error.message, "Name the file after a time that exists.") from error


def _is_there(sidecar: Path) -> bool:
    try:
        return sidecar.is_file()
    except OSError:  # a name that leaves no room for the suffix has no sidecar
        return False


def _sidecar_time(sidecar: Path) -> datetime:
    try:
        declared = json.loads(sidecar.read_text(encoding="utf-8-sig"))
        return parse_time(str(declared["extracted_at"]))
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise RefusedFileError(
            f"The sidecar {sidecar.name} declares no readable extract time.",
            'Write {"extracted_at": "2024-01-31T06:00:00Z"} into it, or remove it.',
        ) from error


def load_id(contract: Contract, extracted_at: datetime | None, content_sha256: str) -> str:
    """The id of a load: a function of source, entity, declared time and content only."""
    stamp = extracted_at.strftime("%Y%m%dT%H%M%SZ") if extracted_at else "undated"
    identity = f"{contract.source}\n{contract.entity}\n{stamp}\n{content_sha256}"
    return f"{stamp}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def load_date(load_id: str) -> date:
    """The date of the declared time that the id of a load begins with; UNDATED without one."""
    try:
        return datetime.strptime(load_id[:8], "%Y%m%d").date()
    except ValueError:
        return UNDATED
