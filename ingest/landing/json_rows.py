"""Turns JSON objects into lake rows under the contract, one at a time and exactly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from ingest.contracts import column_name
from ingest.landing.columns import lookup, name_notes, refuse_missing, shown_name
from ingest.landing.shapes import (
    ShapeError,
    decode_json,
    longest_leaf,
    nested_array,
    to_leaves,
    unknown_fields,
)
from ingest.landing.sink import Sink
from ingest.types import Scalar, leaf_count

FLUSH_ROWS = 50_000
FLUSH_CHARACTERS = 32 * 1024 * 1024


class JsonRows:
    """Collects the rows of one JSON load and hands them to the sink in pieces.

    `seen` counts objects whose keys are clear, landed or not; `limit` is the longest field in
    bytes, `most_bytes` the longest record that can hold only such fields.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.limit = sink.contract.max_field_bytes
        leaves = sum(leaf_count(column.type) for column in sink.contract.columns)
        self.most_bytes = self.limit * (leaves + 1)
        self.seen = 0
        self.mapping: dict[str, str] = {}
        self._keys: dict[str, None] = {}
        self._extra_fields: dict[str, None] = {}
        self._names = lookup(sink.contract)
        self._maps: dict[tuple[str, ...], dict[str, str]] = {}
        self._numbers: list[int] = []
        self._values: list[list[Any]] = [[] for _ in sink.contract.columns]
        self._characters = 0

    def too_long(self, size: int) -> str:
        """The reason for a record of `size` bytes that was not read."""
        return (
            f"the record has {size} bytes, more than fields of at most {self.limit} bytes can fill"
        )

    def source_of(self, keys: Iterable[str]) -> dict[str, str]:
        """Contract column -> key, for the keys of one object.

        Raises ShapeError when two keys stand for one column.
        """
        names = tuple(keys)
        if names not in self._maps:
            sources: dict[str, str] = {}
            for name in names:
                column = self._names.get(column_name(name))
                if column is None:
                    continue
                if column in sources:
                    raise ShapeError(
                        f"the keys {sources[column]!r} and {name!r} both stand for {column}"
                    )
                sources[column] = name
            self._maps[names] = sources
            self.mapping.update({name: column for column, name in sources.items()})
            self._keys.update(dict.fromkeys(names))
        return self._maps[names]

    def see_fields(self, paths: Iterable[str]) -> None:
        """Takes note of struct fields that the contract does not have."""
        self._extra_fields.update(dict.fromkeys(paths))

    def add_text(self, number: int, text: str) -> None:
        """Lands or rejects the record written in `text`."""
        if len(text) > self.most_bytes:
            self.sink.reject(number, self.too_long(len(text.encode())), text)
            return
        try:
            value = decode_json(text)
        except ShapeError as error:
            self.sink.reject(number, str(error), text)
            return
        self.add(number, value, text)

    def add(self, number: int, value: Any, text: str) -> None:
        """Lands or rejects one parsed record; `text` is what it was parsed from."""
        if len(text) > self.most_bytes:
            self.sink.reject(number, self.too_long(len(text.encode())), text)
            return
        if not isinstance(value, dict):
            self.sink.reject(number, "not a JSON object", text)
            return
        row: list[Any] = []
        try:
            sources = self.source_of(value)
            self.seen += 1
            for column in self.sink.contract.columns:
                key = sources.get(column.name)
                leaves = to_leaves(value[key], column.type, column.name) if key else None
                if len(text) * 4 > self.limit and longest_leaf(leaves) > self.limit:
                    raise ShapeError(f"the field {column.name} is longer than {self.limit} bytes")
                if not isinstance(column.type, Scalar):
                    self.see_fields(unknown_fields(leaves and value[key], column.type, column.name))
                row.append(leaves)
        except ShapeError as error:
            self.sink.reject(number, str(error), text)
            return
        except RecursionError:
            self.sink.reject(number, "JSON nested too deeply", text)
            return
        self._numbers.append(number)
        for values, leaves in zip(self._values, row, strict=True):
            values.append(leaves)
        self._characters += len(text)
        if len(self._numbers) >= FLUSH_ROWS or self._characters >= FLUSH_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Hands the collected rows to the sink."""
        arrays = [
            nested_array(values, column.type)
            for values, column in zip(self._values, self.sink.contract.columns, strict=True)
        ]
        self.sink.add(arrays, pa.array(self._numbers, pa.int64()))
        self._numbers, self._characters = [], 0
        self._values = [[] for _ in self.sink.contract.columns]

    def finish(self) -> None:
        """Lands what is left and notes what the keys of all objects have shown.

        Raises RefusedFileError when a required column is in no object.
        """
        self.flush()
        if self.seen == 0:
            if self.sink.rejected == 0:
                self.sink.note("no records: a load of 0 rows")
            return
        contract = self.sink.contract
        refuse_missing(contract, set(self.mapping.values()), list(self._keys))
        self.sink.mapping.update(self.mapping)
        for note in name_notes(contract, self.mapping, list(self._keys)):
            self.sink.note(note)
        if self._extra_fields:
            shown = ", ".join(dict.fromkeys(map(shown_name, list(self._extra_fields)[:20])))
            self.sink.note(f"extra fields, kept in the raw zone only: {shown}")
