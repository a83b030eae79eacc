"""A field of 200 MB costs its row and no memory."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from ingest.errors import RefusedFileError
from ingest.landing.read_csv import read_csv
from ingest.landing.read_json import read_json
from ingest.landing.read_ndjson import read_ndjson
from ingest.landing.sink import Sink
from ingest.landing.stream import Text

MEGABYTE = 1_000_000
LONG = 200
# Blocks of 4 MiB are held a few times over (bytes, text, lines); the field never is.
MOST_MEGABYTES = 50
KEYED = b"sale_id,amount,remark\n"


class Endless(io.RawIOBase):
    """A stream of pieces that exist only while they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, None)):
            self._rest += piece
        block, self._rest = self._rest[:size], self._rest[size:]
        return block


def around(head: bytes, piece: bytes, tail: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield head
        for _ in range(LONG * MEGABYTE // len(piece)):
            yield piece
        yield tail

    return pieces


def lines(text: Text, sink: Sink) -> None:
    with duckdb.connect() as connection:
        read_ndjson(text, sink, connection)


X = b"x" * MEGABYTE
CASES: dict[str, tuple[Any, str, Callable[[], Iterator[bytes]]]] = {
    "csv": (read_csv, "sales", around(KEYED + b"1,2,a\n2,3,", X, b"\n3,4,c\n")),
    "csv quoted": (
        read_csv,
        "sales",
        around(KEYED + b'1,2,a\n2,3,"', b'""\n,' * 250_000, b'"\n3,4,c\n'),
    ),
    "csv fields": (read_csv, "sales", around(KEYED + b"1,2,a\n2", b",3" * 500_000, b"\n3,4,c\n")),
    "ndjson": (
        lines,
        "sales",
        around(b'{"sale_id": "1"}\n{"sale_id": "', X, b'"}\n{"sale_id": "3"}\n'),
    ),
    "json": (
        read_json,
        "sales",
        around(b'[{"sale_id": "1"}, {"sale_id": "', b'\\"]' + X, b'"}, {"sale_id": "3"}]'),
    ),
}


@pytest.fixture
def peak(toy: Any) -> Iterator[Callable[[Any, str, Callable[[], Iterator[bytes]]], Any]]:
    """Reads pieces and gives rows, rejects and the most megabytes held by Python."""

    def read(reader: Any, entity: str, pieces: Callable[[], Iterator[bytes]]) -> Any:
        tracemalloc.start()
        rows, rejects = toy.read(entity, Endless(pieces()), reader)
        return rows, rejects, tracemalloc.get_traced_memory()[1] / MEGABYTE

    yield read
    tracemalloc.stop()


@pytest.mark.parametrize(("reader", "entity", "pieces"), list(CASES.values()), ids=list(CASES))
def test_long_field_costs_its_row_only(peak: Any, reader: Any, entity: str, pieces: Any) -> None:
    rows, rejects, megabytes = peak(reader, entity, pieces)
    assert [row["sale_id"] for row in rows] == ["1", "3"]
    (reject,) = rejects
    assert len(reject["raw_line"]) == 10_000
    assert megabytes < MOST_MEGABYTES


def test_quote_that_swallows_the_file_costs_no_memory(peak: Any) -> None:
    pieces = around(KEYED + b'1,2,"a\n', b"2,3,b\n" * 200_000, b"")
    with pytest.raises(RefusedFileError, match="record on line 2 does not close"):
        peak(read_csv, "sales", pieces)
    assert tracemalloc.get_traced_memory()[1] / MEGABYTE < MOST_MEGABYTES
