"""Takes a body apart: the text of each record as it was sent, on one line, and its value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from ingest.errors import RequestRefusedError
from ingest.landing.shapes import on_one_line

_NDJSON_TYPES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
_BLANKS = b" \t\n\r"
_BETWEEN = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*\{")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)


class Record(NamedTuple):
    """One record: its line of JSON and the value; `fault` says why a line is no JSON."""

    line: bytes
    value: Any
    fault: str | None = None


def is_ndjson(content_type: str) -> bool:
    """Whether a Content-Type says that each line is a record."""
    return content_type.partition(";")[0].strip().lower() in _NDJSON_TYPES


def split_body(body: bytes, *, by_line: bool) -> list[Record]:
    """The records of a body: lines of NDJSON, the elements of an array, or one value.

    Raises RequestRefusedError (400) with line and column where nothing can be read.
    """
    if not body.strip(_BLANKS):
        raise RequestRefusedError(
            400, "The body is empty.", "Send an event, an array of events or NDJSON."
        )
    return _of_lines(body) if by_line else _of_json(body)


def _of_lines(body: bytes) -> list[Record]:
    records: list[Record] = []
    first_fault: RequestRefusedError | None = None
    for number, raw in enumerate(body.split(b"\n"), 1):
        text = raw.strip(_BLANKS)
        if not text:
            continue
        try:
            records.append(Record(on_one_line(text), orjson.loads(text)))
        except orjson.JSONDecodeError as error:
            first_fault = first_fault or _unreadable(error, first_line=number)
            what = f"not valid JSON at line {number}, column {error.colno}"
            records.append(Record(text, None, what))
    if first_fault and all(record.fault for record in records):
        raise first_fault
    return records


def _of_json(body: bytes) -> list[Record]:
    text = body.strip(_BLANKS)
    if text.startswith(b"[") and text.endswith(b"]"):
        try:
            return [Record(on_one_line(part), orjson.loads(part)) for part in _guessed(text)]
        except orjson.JSONDecodeError:
            pass  # no array of flat objects, or no JSON: slower, but told from each other
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(error) from error
    if not isinstance(value, list):
        return [Record(on_one_line(text), value)]
    parts = _elements(text)
    return [Record(on_one_line(part), one) for part, one in zip(parts, value, strict=True)]


def _guessed(text: bytes) -> Iterator[bytes]:
    """Cuts an array between `}` and `{`.

    If each part is JSON, they are the elements, for an array can be read in one way only; if a cut
    is inside of a text or a list, the part before it is no JSON.
    """
    start = 1
    for cut in _BETWEEN.finditer(text):
        yield text[start : cut.start() + 1].strip(_BLANKS)
        start = cut.end() - 1
    yield text[start:-1].strip(_BLANKS)


def _elements(text: bytes) -> Iterator[bytes]:
    """The elements of an array that is known to be valid JSON."""
    depth, start = 0, 1
    for token in _TOKEN.finditer(text):
        match token[0]:
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
                if depth == 0 and (last := text[start : token.start()].strip(_BLANKS)):
                    yield last
            case b"," if depth == 1:
                yield text[start : token.start()].strip(_BLANKS)
                start = token.end()
            case _:
                pass


def _unreadable(error: orjson.JSONDecodeError, first_line: int = 1) -> RequestRefusedError:
    line, column = error.lineno + first_line - 1, error.colno
    return RequestRefusedError(
        400,
        f"The body is not valid JSON at line {line}, column {column}.",
        "Send an event, an array of events, or one event per line as application/x-ndjson.",
        place=(line, column),
    )
