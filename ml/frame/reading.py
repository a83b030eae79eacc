"""Reads the tables of a model out of the warehouse, read-only, in a fixed order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from ml.errors import ModelError
from ml.frame.days import utc_now
from ml.frame.model import Data, Table


def read_data(warehouse_file: Path, tables: Sequence[Table]) -> Data:
    """All rows of `tables`, as of one moment.

    Raises ModelError when a table or a column is missing, duckdb.Error when the file cannot be
    opened.
    """
    read_at = utc_now()
    digest = hashlib.sha256()
    frames = {}
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        for table in tables:
            frame = _read(connection, table)
            digest.update(f"{table.name}:{frame.schema}\n".encode())
            digest.update(_content(frame))
            frames[table.name] = frame
    return Data(frames, digest.hexdigest(), read_at)


def read_as_of(warehouse_file: Path, query: str) -> date | None:
    """The date that a query gives, None where there is nothing yet."""
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        found: date | None = connection.execute(query).fetchall()[0][0]
    return found


def _read(connection: duckdb.DuckDBPyConnection, table: Table) -> pl.DataFrame:
    columns = ", ".join(f'"{name}"' for name in table.columns)
    order = ", ".join(f'"{name}"' for name in table.key)
    try:
        query = f"select {columns} from {table.name} order by {order}"
        frame: pl.DataFrame = connection.sql(query).pl()
        return frame
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise ModelError(
            f"{table.name} is not as the model needs it: {str(error).splitlines()[0]}",
            "Build it with `storehouse run`, or `dbt build --select +features`.",
        ) from error


def _content(frame: pl.DataFrame) -> bytes:
    """A hash of every row in its order; it compares within one version of polars."""
    return frame.hash_rows(seed=0).to_numpy().tobytes()
