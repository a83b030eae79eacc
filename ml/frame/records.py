"""Small Parquet files beside the models that are added, or replaced whole, for dbt to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

STUB = "_stub.parquet"


def write_rows(folder: Path, name: str, rows: pl.DataFrame, schema: Mapping[str, Any]) -> None:
    """Writes `rows` as `name`.parquet: a reader sees all of it, or what was there before."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.parquet"
    rows.cast(pl.Schema(schema)).select(schema.keys()).write_parquet(temporary)
    temporary.replace(folder / f"{name}.parquet")


def write_stub(folder: Path, schema: Mapping[str, Any]) -> None:
    """Writes a file without rows, which shows the columns, where there is none of this schema."""
    file = folder / STUB
    if not file.exists() or list(pl.read_parquet_schema(file)) != list(schema):
        folder.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(schema=schema).write_parquet(file)
