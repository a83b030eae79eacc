"""Predictions as Parquet: of a contract, replaced by rename, with the time of their features."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from ml.errors import ModelError
from ml.frame.days import utc_now
from ml.frame.records import readable

SourceDay = tuple[str, date]
"""A source system and one of its business dates."""
FILE_NAME = "scores.parquet"
SERVED_BY = "served_by"
_READ_AT, _WRITTEN_AT = b"storehouse.read_at", b"storehouse.written_at"
_BACK_FILLED = b"storehouse.back_filled"
_LOSS = "Scores are made anew; what was predicted on earlier days is lost."


def write_scores(
    folder: Path,
    scores: pl.DataFrame,
    contract: Mapping[str, Any],
    key: Sequence[str],
    read_at: datetime | None,
    back_filled: Collection[SourceDay] = (),
) -> None:
    """Replaces the scores in `folder`: a reader sees the old ones or the new ones.

    `read_at` is None for a file without rows that only shows its columns; `back_filled` are the
    sources and business dates that were asked for by name, which later scorings keep. Raises
    ModelError when the rows are not of the contract.
    """
    ordered = conforming(scores, contract, folder.name).sort(key)
    if ordered.select(key).is_duplicated().any() or ordered.select(key).null_count().row(0) != (
        0,
    ) * len(key):
        raise ModelError(
            f"Scores for {folder.name} repeat or lack their key ({', '.join(key)}).",
            "Let `score` of the model give one row per key.",
        )
    table = ordered.to_arrow()
    if read_at is not None:
        facts = {
            _READ_AT: read_at.isoformat(),
            _WRITTEN_AT: utc_now().isoformat(),
            _BACK_FILLED: json.dumps(sorted((source, str(day)) for source, day in back_filled)),
        }
        table = table.replace_schema_metadata(facts)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{FILE_NAME}.{os.getpid()}"
    try:
        pq.write_table(table, temporary, compression="zstd")
        _fsync(temporary)
        temporary.replace(folder / FILE_NAME)
        _fsync(folder)
    finally:
        temporary.unlink(missing_ok=True)


def conforming(scores: pl.DataFrame, contract: Mapping[str, Any], name: str) -> pl.DataFrame:
    """The columns of the contract and served_by, with their types; raises ModelError."""
    schema = score_schema(contract)
    if missing := sorted(set(schema) - set(scores.columns)):
        raise ModelError(
            f"Scores for {name} lack the column {missing[0]}.",
            "Let `score` of the model give every column of its contract.",
        )
    return scores.select(schema.keys()).cast(schema)


def score_schema(contract: Mapping[str, Any]) -> pl.Schema:
    """The columns of a file of scores: those of its contract and who served."""
    return pl.Schema({**contract, SERVED_BY: pl.String})


def write_stub(folder: Path, contract: Mapping[str, Any], key: Sequence[str]) -> None:
    """Writes a file without rows where there are no scores of this contract."""
    schema = score_schema(contract)
    file = folder / FILE_NAME
    with readable(file, _LOSS):
        is_there = file.exists() and pq.read_schema(file).names == list(schema)
    if not is_there:
        write_scores(folder, pl.DataFrame(schema=schema), contract, key, None)


def read_scores(folder: Path, contract: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """The scores as they are now; raises ModelError where there are none, or of another contract.

    None takes any.
    """
    file = folder / FILE_NAME
    if not file.exists():
        raise ModelError(f"There are no scores in {folder}.", "`storehouse run` writes them.")
    with readable(file, _LOSS):
        found = pl.read_parquet(file)
    if contract is not None and found.schema != score_schema(contract):
        raise ModelError(
            f"{file} has other columns than the code of today.", "`storehouse run` writes it anew."
        )
    return found


def score_times(folder: Path) -> tuple[datetime | None, datetime | None]:
    """When the features of the scores were read and when the scores were written, in UTC.

    None for both where there is no file, or a stub.
    """
    found = _facts(folder)
    if _READ_AT not in found:
        return None, None
    return (
        datetime.fromisoformat(found[_READ_AT].decode()),
        datetime.fromisoformat(found[_WRITTEN_AT].decode()),
    )


def back_filled_days(folder: Path) -> frozenset[SourceDay]:
    """Sources and business dates that were back-filled; none in a file that tells of none."""
    listed = json.loads(_facts(folder).get(_BACK_FILLED, b"[]"))
    return frozenset((source, date.fromisoformat(day)) for source, day in listed)


def _facts(folder: Path) -> Mapping[bytes, bytes]:
    """What the file says of itself beside its rows."""
    if not (folder / FILE_NAME).exists():
        return {}
    with readable(folder / FILE_NAME, _LOSS):
        return pq.read_metadata(folder / FILE_NAME).metadata or {}


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
