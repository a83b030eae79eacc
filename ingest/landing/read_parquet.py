"""Reads Parquet: typed columns written as the text a person would have delivered."""

from __future__ import annotations

import tempfile
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.errors import RefusedFileError
from ingest.landing.columns import match_columns
from ingest.landing.shapes import ShapeError, from_json_text, nested_array
from ingest.landing.sink import Sink
from ingest.landing.stream import BLOCK_BYTES
from ingest.types import DataType, ListOf, Scalar, Struct, lake_arrow

BATCH_ROWS = 50_000


def read_parquet(stream: BinaryIO, sink: Sink, is_gzipped: bool) -> None:
    """Lands every row of a Parquet file by its ordinal from 1.

    Raises RefusedFileError for a damaged file or a column that contradicts its declared type.
    """
    if not is_gzipped:
        _read(stream, sink)
        return
    with tempfile.TemporaryFile() as unzipped:  # Parquet is read from its end
        while block := stream.read(BLOCK_BYTES):
            unzipped.write(block)
        unzipped.seek(0)
        _read(unzipped, sink)


def _read(stream: BinaryIO, sink: Sink) -> None:
    try:
        file = pq.ParquetFile(stream)
        headers = file.schema_arrow.names
        columns = match_columns(sink.contract, headers)
        sink.mapping.update(columns.mapping)
        for note in columns.notes:
            sink.note(note)
        wanted = [headers[position] for position in columns.positions if position is not None]
        first = 1
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
            arrays = []
            for column, position in zip(sink.contract.columns, columns.positions, strict=True):
                kind = lake_arrow(column.type)
                if position is None:
                    arrays.append(pa.nulls(batch.num_rows, kind))
                else:
                    delivered = batch.column(batch.schema.get_field_index(headers[position]))
                    arrays.append(as_leaves(delivered, column.type, column.name))
            numbers = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64))
            _land(sink, arrays, numbers)
            first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise RefusedFileError(
            f"The Parquet file cannot be read ({error}).", "Write it again and deliver it."
        ) from error
    if first == 1:
        sink.note("header only: a load of 0 rows")


def _land(sink: Sink, arrays: list[pa.Array], numbers: pa.Array) -> None:
    limit = sink.contract.max_field_bytes
    keep = np.ones(len(numbers), dtype=bool)
    for column, array in zip(sink.contract.columns, arrays, strict=True):
        if array.nbytes <= limit or not pa.types.is_string(array.type):
            continue
        long = pc.greater(pc.binary_length(array), limit)
        for index in np.flatnonzero(pc.fill_null(long, False).to_numpy(zero_copy_only=False)):
            if keep[index]:
                sink.reject(
                    numbers[index].as_py(),
                    f"the field {column.name} is longer than {limit} bytes",
                    array[index].as_py()[:10_000],
                )
            keep[index] = False
    mask = pa.array(keep)
    sink.add([array.filter(mask) for array in arrays], numbers.filter(mask))


def as_leaves(array: pa.Array, kind: DataType, path: str) -> pa.Array:
    """An array in the lake's shape of the declared type, every leaf as canonical text.

    Timestamps become ISO-8601 (with Z when the column has a zone), booleans true and false,
    decimals keep their scale. Raises RefusedFileError when the shapes contradict each other.
    """
    delivered = array.type
    if pa.types.is_dictionary(delivered):
        return as_leaves(array.dictionary_decode(), kind, path)
    if pa.types.is_null(delivered):
        return pa.nulls(len(array), lake_arrow(kind))
    if isinstance(kind, Scalar):
        return _text(array, path)
    if _is_text(delivered):
        return _parsed(array, kind, path)
    if isinstance(kind, ListOf):
        if not (pa.types.is_list(delivered) or pa.types.is_large_list(delivered)):
            raise _contradiction(path, delivered, kind)
        array = array.cast(pa.list_(delivered.value_type))
        values = as_leaves(array.values, kind.element, path)
        return pa.ListArray.from_arrays(array.offsets, values, mask=array.is_null())
    return _struct(array, kind, path)


def _struct(array: pa.Array, kind: Struct, path: str) -> pa.Array:
    if not pa.types.is_struct(array.type):
        raise _contradiction(path, array.type, kind)
    names = {field.name.lower(): field.name for field in array.type}
    children = []
    for name, field in kind.fields:
        if name in names:
            children.append(as_leaves(array.field(names[name]), field, f"{path}.{name}"))
        else:
            children.append(pa.nulls(len(array), lake_arrow(field)))
    return pa.StructArray.from_arrays(children, fields=list(lake_arrow(kind)), mask=array.is_null())


def _text(array: pa.Array, path: str) -> pa.Array:
    delivered = array.type
    if pa.types.is_nested(delivered):
        raise _contradiction(path, delivered, Scalar("a plain value"))
    if pa.types.is_timestamp(delivered):
        if delivered.tz is not None:
            array = array.cast(pa.timestamp(delivered.unit, "UTC"))
        text = pc.strftime(array, format="%Y-%m-%dT%H:%M:%S" + ("Z" if delivered.tz else ""))
        return pc.replace_substring_regex(text, r"\.0+(Z?)$", r"\1")
    try:
        return array.cast(pa.string())
    except pa.ArrowException as error:
        raise RefusedFileError(
            f"The column {path} of type {delivered} cannot be written as text ({error}).",
            "Deliver it as text, a number, a boolean, a date or a timestamp.",
        ) from error


def _parsed(array: pa.Array, kind: DataType, path: str) -> pa.Array:
    try:
        values = [
            None if text is None else from_json_text(text, kind, path) for text in array.to_pylist()
        ]
    except ShapeError as error:
        raise RefusedFileError(
            f"The column {path} is text that is not JSON of {kind.sql} ({error}).",
            "Deliver it as a nested column, or as JSON text of that shape.",
        ) from error
    return nested_array(values, kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _contradiction(path: str, delivered: pa.DataType, kind: DataType) -> RefusedFileError:
    return RefusedFileError(
        f"The column {path} is {delivered} where the contract has {kind.sql}.",
        "Deliver the declared shape, or change the contract.",
    )
