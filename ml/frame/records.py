"""Small Parquet files beside the models that are added, or replaced whole, for dbt to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ml.errors import ModelError

STUB = "_stub.parquet"


def write_rows(folder: Path, name: str, rows: pl.DataFrame, schema: Mapping[str, Any]) -> None:
    """Writes `rows` as `name`.parquet: a reader sees all of it, or what was there before."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.tmp"  # not .parquet: dbt would read what a killed run left
    rows.cast(pl.Schema(schema)).select(schema.keys()).write_parquet(temporary)
    temporary.replace(folder / f"{name}.parquet")


def write_stub(folder: Path, schema: Mapping[str, Any]) -> None:
    """Writes a file without rows, which shows the columns, where there is none of this schema."""
    file = folder / STUB
    try:
        is_there = list(pl.read_parquet_schema(file)) == list(schema)
    except (FileNotFoundError, pl.exceptions.PolarsError):
        is_there = False
    if not is_there:
        write_rows(folder, file.stem, pl.DataFrame(schema=schema), schema)


def read_rows(file: Path, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of a file that `write_rows` wrote; raises ModelError where it is damaged."""
    with readable(file, "What it told is lost; all else goes on."):
        return pl.read_parquet(file).cast(pl.Schema(schema))


@contextmanager
def readable(file: Path, loss: str) -> Iterator[None]:
    """Turns what is raised for a damaged file into what to do, and what is lost by it."""
    try:
        yield
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise ModelError(
            f"{file} cannot be read: {str(error).splitlines()[0]}",
            f"Move it away, then `storehouse run`. {loss}",
        ) from error
