"""The lines that a message becomes: one for an object, one for each of a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from ingest.contracts import Contract, column_name
from ingest.landing.columns import lookup
from ingest.landing.shapes import on_one_line

ID_COLUMN = "event_id"

# Numbers stay text: only their end is of interest, and Python refuses to convert very long ones.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = " \t\r\n"


class MessageReader:
    """Cuts message values into lines under the contract of their entity.

    A line is the object as it was sent, but for raw line breaks, which are spaces, and an id in
    front where it has none. What is no JSON object is a line too: landing rejects it by number.
    """

    def __init__(self, contract: Contract) -> None:
        names = lookup(contract)
        self._id_names = {name for name, column in names.items() if column == ID_COLUMN}

    def read(self, value: bytes, identity: str) -> tuple[list[bytes], list[bytes]]:
        """(objects, what is none) of a value, each one line without its end.

        An object without an id gets `identity`; of a batch `identity`-1, -2 and so on.
        """
        try:
            document = orjson.loads(value)
        except orjson.JSONDecodeError:
            return self._read_odd(value, identity)
        if type(document) is dict:
            return [self._line(value, document, identity)], []
        return self._read_parsed(value.decode(), document, identity)

    def _read_odd(self, value: bytes, identity: str) -> tuple[list[bytes], list[bytes]]:
        """Reads what the strict parser refused: NaN, lone surrogates, NDJSON, or no JSON at all."""
        document = _parsed(value)
        if document is not None:
            return self._read_parsed(value.decode(), document, identity)
        pieces = [piece for piece in value.split(b"\n") if piece.strip()]
        if len(pieces) < 2 or type(_parsed(pieces[0])) is not dict:
            return [], [on_one_line(value)]
        objects: list[bytes] = []
        others: list[bytes] = []
        for number, piece in enumerate(pieces, 1):
            record = _parsed(piece)
            if isinstance(record, dict):
                objects.append(self._line(piece, record, f"{identity}-{number}"))
            else:
                others.append(on_one_line(piece))
        return objects, others

    def _read_parsed(
        self, text: str, document: Any, identity: str
    ) -> tuple[list[bytes], list[bytes]]:
        if isinstance(document, dict):
            return [self._line(text.encode(), document, identity)], []
        if not isinstance(document, list):
            return [], [on_one_line(text.encode())]
        objects: list[bytes] = []
        others: list[bytes] = []
        at = _after_space(text, _after_space(text, 0) + 1)
        for number in range(1, len(document) + 1):
            record, end = _DECODER.raw_decode(text, at)
            piece = text[at:end].encode()
            if isinstance(record, dict):
                objects.append(self._line(piece, record, f"{identity}-{number}"))
            else:
                others.append(on_one_line(piece))
            at = _after_space(text, _after_space(text, end) + 1)
        return objects, others

    def _line(self, value: bytes, record: Mapping[str, Any], identity: str) -> bytes:
        line = on_one_line(value)
        if ID_COLUMN in record or not self._id_names or self._has_id(record):
            return line
        start = line.index(b"{") + 1
        field = f'"{ID_COLUMN}":{json.dumps(identity)}{"," if record else ""}'
        return line[:start] + field.encode() + line[start:]

    def _has_id(self, record: Mapping[str, Any]) -> bool:
        return any(column_name(key) in self._id_names for key in record)


def _parsed(value: bytes) -> Any:
    """The JSON value of UTF-8 bytes as Python's lenient parser reads it; None for no JSON."""
    try:
        return _DECODER.decode(value.decode())
    except (ValueError, RecursionError):
        return None


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
