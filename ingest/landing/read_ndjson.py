"""Reads newline-delimited JSON.

DuckDB turns lines into columns where that is exact: objects of the declared shape without
fractional numbers (its parser would round them) and without lists. Every other line goes through
Python's json module, which keeps numbers as they were written and says what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from ingest.contracts import column_name
from ingest.errors import RefusedFileError
from ingest.landing.json_rows import JsonRows
from ingest.landing.shapes import ShapeError
from ingest.landing.sink import RAW_LINE_CHARACTERS, Sink
from ingest.landing.stream import Text, damaged
from ingest.types import DataType, Scalar, Struct, lake_arrow

# The kinds of json_structure whose text DuckDB gives back digit by digit.
_EXACT = frozenset({"VARCHAR", "UBIGINT", "BIGINT", "BOOLEAN", "NULL"})
# What DuckDB reads although it is not JSON, or writes back in another way: a comma before a
# closing bracket, comments, NaN and infinity, negative zero.
_DIFFERENT = r"(?i),\s*[}\]]|/[*/]|[:\[,]\s*[+-]?(?:nan|inf)|-0\b"
# Below this many lines a statement costs more than it saves.
_FEWEST_LINES = 500

Shape = Mapping[str, Any]


def read_ndjson(text: Text, sink: Sink, engine: duckdb.DuckDBPyConnection) -> None:
    """Lands every line of an NDJSON text.

    Raises RefusedFileError when no line holds a record or a required column is in none of them.
    """
    rows = JsonRows(sink)
    fast = _FastPath(rows, engine)
    number = 1
    blank = 0
    while (lines := text.lines()) is not None:
        good: list[tuple[int, str]] = []
        for line in lines:
            if not line.strip():
                blank += 1
            elif text.has_damage and damaged(line):
                sink.reject(number, f"bytes that are not {text.encoding}", line.rstrip("\r\n"))
            else:
                good.append((number, line))
            number += 1
        for line_number, line in fast.take(good):
            rows.add_text(line_number, line.rstrip("\r\n"))
        if len(text.carry) > rows.most_bytes:
            head = text.carry[: RAW_LINE_CHARACTERS * 4]
            size = text.skip_line()
            sink.reject(number, rows.too_long(size), text.decode(head))
            number += 1
    if blank:
        sink.note(f"blank lines skipped: {blank}")
    if rows.seen + sink.rejected == 0:
        raise RefusedFileError("The file holds no record.", "Deliver it again, or [] for no rows.")
    rows.finish()


@dataclass(frozen=True)
class _Plan:
    """How lines of one shape are read: column -> key, and the number of keys at all depths."""

    sources: Mapping[str, str]
    keys: int
    extra_fields: tuple[str, ...]


class _FastPath:
    """Lands lines through DuckDB, chunk by chunk, and hands back those it must not touch."""

    def __init__(self, rows: JsonRows, engine: duckdb.DuckDBPyConnection) -> None:
        self._rows = rows
        self._columns = rows.sink.contract.columns
        self._engine = engine
        self._plans: dict[str | None, _Plan | None] = {}

    def take(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Lands what it can of (line number, line); returns the rest."""
        if len(lines) < _FEWEST_LINES:
            return lines
        numbers, texts = zip(*lines, strict=True)
        chunk = pa.table({"number": pa.array(numbers, pa.int64()), "line": pa.array(texts)})
        self._engine.register("chunk", chunk)
        self._engine.execute(
            """
            create or replace temp table shaped as
            select
                number,
                line,
                case
                    when strlen(line) <= $limit and json_valid(line)
                        and not regexp_matches(line, $different)
                    then json_structure(line)::varchar
                end as shape,
                -- as many as there are keys, unless a key is repeated or a text looks like one
                (length(line) - length(replace(line, '":', ''))) // 2 as colons,
            from chunk
            """,
            {"limit": self._rows.limit, "different": _DIFFERENT},
        )
        self._engine.unregister("chunk")
        counts = self._engine.execute(
            "select shape, colons, count(*) from shaped group by all order by all"
        ).fetchall()
        sources: dict[str, str] = {}
        accepted: list[tuple[str, int]] = []
        for shape, colons, _ in counts:
            plan = self._plan(shape)
            if plan is None or plan.keys != colons:
                continue
            if any(sources.get(column, key) != key for column, key in plan.sources.items()):
                continue
            sources |= plan.sources
            accepted.append((shape, colons))
            self._rows.see_fields(plan.extra_fields)
        if not accepted:
            return lines
        self._land(sources, accepted)
        return self._engine.execute(
            """
            select number, line
            from shaped anti join accepted using (shape, colons)
            order by number
            """
        ).fetchall()

    def _land(self, sources: Mapping[str, str], accepted: list[tuple[str, int]]) -> None:
        self._engine.execute("create or replace temp table accepted (shape varchar, colons bigint)")
        self._engine.executemany("insert into accepted values (?, ?)", accepted)
        wanted = {
            sources[column.name]: _structure(column.type)
            for column in self._columns
            if column.name in sources
        }
        table = self._engine.sql(
            """
            select number, from_json(line, $structure) as record
            from shaped semi join accepted using (shape, colons)
            """,
            params={"structure": json.dumps(wanted)},
        ).to_arrow_table()
        record = table.column("record").combine_chunks()
        arrays = []
        for column in self._columns:
            kind = lake_arrow(column.type)
            key = sources.get(column.name)
            arrays.append(
                pa.nulls(len(record), kind) if key is None else record.field(key).cast(kind)
            )
        self._rows.sink.add(arrays, table.column("number").combine_chunks())
        self._rows.seen += len(record)

    def _plan(self, shape: str | None) -> _Plan | None:
        if shape not in self._plans:
            value = json.loads(shape) if shape else None
            self._plans[shape] = self._planned(value) if isinstance(value, dict) else None
        return self._plans[shape]

    def _planned(self, shape: Shape) -> _Plan | None:
        try:
            sources = self._rows.source_of(shape)
        except ShapeError:
            return None
        if not sources:
            return None
        keys_by_fold = {key.casefold() for key in sources.values()}
        if len(keys_by_fold) != len(sources):
            return None
        extra: list[str] = []
        for column in self._columns:
            key = sources.get(column.name)
            if key and not _fits(shape[key], column.type, column.name, extra):
                return None
        keys = _count_keys(shape)
        return None if keys is None else _Plan(sources, keys, tuple(extra))


def _fits(shape: Any, kind: DataType, path: str, extra: list[str]) -> bool:
    """Whether a shape can be read exactly as the declared type; collects unknown fields."""
    if shape == "NULL":
        return True
    if isinstance(kind, Scalar):
        return isinstance(shape, str) and shape in _EXACT
    if not isinstance(kind, Struct) or not isinstance(shape, dict):
        return False
    declared = dict(kind.fields)
    for name, field in shape.items():
        if name in declared:
            if not _fits(field, declared[name], f"{path}.{name}", extra):
                return False
        elif column_name(name) in declared:
            return False
        else:
            extra.append(f"{path}.{name}")
    return True


def _count_keys(shape: Any) -> int | None:
    """The keys of an object at all depths; None where a list may repeat them."""
    if isinstance(shape, list):
        return 0 if all(isinstance(item, str) for item in shape) else None
    if not isinstance(shape, dict):
        return 0 if shape != "JSON" else None
    counts = [_count_keys(field) for field in shape.values()]
    return None if None in counts else len(shape) + sum(filter(None, counts))


def _structure(kind: DataType) -> Any:
    """The declared type as DuckDB's from_json takes it, every leaf as text."""
    if isinstance(kind, Scalar):
        return "VARCHAR"
    if isinstance(kind, Struct):
        return {name: _structure(field) for name, field in kind.fields}
    return [_structure(kind.element)]
