"""Reads CSV: Python's csv module in strict mode, block by block, with exact physical lines.

A record whose quotes are broken costs its first physical line only: reading goes on with the next
line, so a stray quote cannot swallow what follows. Where that is impossible, because more than
the declared field limit was swallowed, the file is refused.
"""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import RefusedFileError
from ingest.landing.columns import ColumnMap, count_known, match_columns
from ingest.landing.field_scan import RecordScanner, State
from ingest.landing.shapes import ShapeError, from_json_text, nested_array
from ingest.landing.sink import RAW_LINE_CHARACTERS, Sink
from ingest.landing.stream import Text, damaged
from ingest.types import Scalar

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MOST_EXTRA_FIELDS = 1_000


class Record(NamedTuple):
    """A parsed record and the half-open range of the lines it stands on."""

    start: int
    end: int
    fields: list[str]


def _from(lines: list[str], start: int) -> Iterator[str]:
    """The lines from `start` on, without walking over those before it."""
    rest = iter(lines)
    rest.__setstate__(start)  # type: ignore[attr-defined]
    return rest


@contextmanager
def _unlimited_fields() -> Iterator[None]:
    # The module's limit is global and cannot name the row; ours is checked per row.
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def read_csv(text: Text, sink: Sink) -> None:
    """Lands every record of a CSV text.

    Raises RefusedFileError for a header that does not fit the contract or quotes that never end.
    """
    with _unlimited_fields():
        _CsvLoad(text, sink).run()


class _CsvLoad:
    def __init__(self, text: Text, sink: Sink) -> None:
        self.text = text
        self.sink = sink
        self.limit = sink.contract.max_field_bytes
        self.delimiter = ","
        self.width = 0
        self.headers: list[str] = []
        self.columns = ColumnMap((), {}, ())
        self.lines: list[str] = []  # read, not yet landed
        self.line_number = 1  # of lines[0]
        self.has_damage = False
        self.at_end = False
        self.blank_lines = 0
        self.broken_at = 0  # the line whose quotes broke the record, and where that record ended
        self.broken_until = 0

    def run(self) -> None:
        self._read_header()
        while True:
            self._drop(self._land_lines())
            if self.at_end:
                break
            held = len(self.text.carry) + sum(map(len, self.lines))
            if held > self.limit:
                self._long_record()
            self._more()
        if self.blank_lines:
            self.sink.note(f"blank lines skipped: {self.blank_lines}")
        if self.sink.rows + self.sink.rejected == 0:
            self.sink.note("header only: a load of 0 rows")

    def _more(self) -> None:
        lines = self.text.lines()
        if lines is None:
            self.at_end = True
            return
        self.has_damage = self.text.has_damage or (self.has_damage and bool(self.lines))
        self.lines += lines

    def _drop(self, count: int) -> None:
        self.lines = self.lines[count:]
        self.line_number += count

    # -- header

    def _read_header(self) -> None:
        while True:
            blank = sum(1 for _ in itertools.takewhile(lambda line: not line.strip(), self.lines))
            self.blank_lines += blank
            self._drop(blank)
            if self.lines and self._try_header():
                return
            if self.at_end:
                raise RefusedFileError(
                    "The file has no header line."
                    if not self.lines
                    else f"The quotes of the header on line {self.line_number} never close.",
                    "Deliver it with its column names on the first line.",
                )
            if len(self.text.carry) + sum(map(len, self.lines)) > self.limit:
                raise RefusedFileError(
                    f"The header is longer than {self.limit} bytes.",
                    "Deliver it with its column names on the first line.",
                )
            self._more()

    def _try_header(self) -> bool:
        candidates: list[tuple[int, str, list[str], int]] = []
        faults: list[str] = []
        for delimiter in DELIMITERS:
            reader = csv.reader(self.lines, delimiter=delimiter, strict=True)
            try:
                headers = next(reader)
            except csv.Error as error:
                faults.append(str(error))
                continue
            known = count_known(self.sink.contract, headers)
            candidates.append((known, delimiter, headers, reader.line_num))
        if not candidates:
            if all(fault == "unexpected end of data" for fault in faults):
                return False
            raise RefusedFileError(
                f"The header on line {self.line_number} cannot be read: {faults[0]}.",
                "Correct its quotes and deliver the file again.",
            )
        known, self.delimiter, self.headers, taken = max(candidates, key=lambda c: c[0])
        if any(damaged(header) for header in self.headers):
            raise RefusedFileError(
                f"The header holds bytes that are not {self.text.encoding}.",
                "Name the encoding with --encoding or in the contract.",
            )
        self.width = len(self.headers)
        self.columns = match_columns(self.sink.contract, self.headers)
        self.sink.mapping.update(self.columns.mapping)
        if self.delimiter != ",":
            self.sink.note(f"delimiter is a {DELIMITERS[self.delimiter]}")
        for note in self.columns.notes:
            self.sink.note(note)
        self._drop(taken)
        return True

    # -- rows

    def _land_lines(self) -> int:
        """Lands the complete records of the lines at hand; returns how many lines they took."""
        fast = self._whole_lines()
        if fast is not None:
            return fast
        records: list[list[str]] = []
        numbers: list[int] = []
        done = 0
        for record in self._records():
            done = record.end
            if not record.fields:
                self.blank_lines += 1
                continue
            if record.end - record.start > 1:
                self.sink.note("line breaks inside fields")
            reason = self._fault(record)
            if reason is None:
                records.append(record.fields)
                numbers.append(self.line_number + record.start)
            else:
                self._reject(record.start, record.end, reason)
        self._add(records, pa.array(numbers, pa.int64()))
        return max(done, self._handled)

    def _whole_lines(self) -> int | None:
        """The common case: every line is a row of the right width, nothing to look at."""
        if self.has_damage or self.broken_until > self.line_number:
            return None
        try:
            rows = list(csv.reader(self.lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        count = len(self.lines)
        if len(rows) != count or set(map(len, rows)) != {self.width}:
            return None
        # A character takes at most 4 bytes, so shorter lines hold no field over the limit.
        if max(map(len, self.lines)) * 4 > self.limit:
            return None
        first = self.line_number
        self._add(rows, pa.array(np.arange(first, first + count, dtype=np.int64)))
        return count

    def _records(self) -> Iterator[Record]:
        """Records in order; broken ones are rejected on the way, an incomplete tail is left."""
        start = 0
        self._handled = 0
        while start < len(self.lines):
            reader = csv.reader(_from(self.lines, start), delimiter=self.delimiter, strict=True)
            first = at = start
            try:
                for fields in reader:
                    yield Record(at, first + reader.line_num, fields)
                    at = first + reader.line_num
                return
            except csv.Error as error:
                end = first + reader.line_num
                if str(error) == "unexpected end of data" and not self.at_end:
                    return
                if str(error).startswith("new-line character"):
                    self._reject(at, end, "a carriage return outside quotes")
                    start = self._handled = end
                else:
                    self._broken(at, end, str(error))
                    start = self._handled = at + 1

    def _broken(self, start: int, end: int, fault: str) -> None:
        line = self.line_number + start
        if end - start > 1:
            self._refuse_if_long(start, end)
            self.broken_at, self.broken_until = line, self.line_number + end
            self.sink.note(f"lines after {line} read again: its quotes do not close")
        if fault == "unexpected end of data":
            reason = "a quote is opened and never closed"
        else:
            reason = "a quote inside a quoted field is not doubled, or never closed"
        self._reject(start, start + 1, reason)

    def _refuse_if_long(self, start: int, end: int) -> None:
        if sum(len(self.text.encode(line)) for line in self.lines[start:end]) > self.limit:
            raise self._endless(self.line_number + start)

    def _endless(self, line: int) -> RefusedFileError:
        return RefusedFileError(
            f"A quote opened in the record on line {line} does not close properly within "
            f"{self.limit} bytes.",
            "Correct the quotes of that line and deliver the file again.",
        )

    def _fault(self, record: Record) -> str | None:
        count = len(record.fields)
        line = self.line_number + record.start
        if line < self.broken_until and self._odd_quotes(record):
            return f"left over from the broken quotes of line {self.broken_at}"
        if count != self.width:
            reason = f"{count} field{'s' * (count != 1)} where the header has {self.width}"
            if record.end - record.start > 1:
                reason += f"; the row spans lines {line} to {self.line_number + record.end - 1}"
            return reason
        if self.has_damage:
            for name, field in zip(self.headers, record.fields, strict=True):
                if damaged(field):
                    return f"bytes that are not {self.text.encoding} in {name}"
        for name, field in zip(self.headers, record.fields, strict=True):
            if len(field) * 4 > self.limit and len(self.text.encode(field)) > self.limit:
                return f"the field {name} is longer than {self.limit} bytes"
        return None

    def _odd_quotes(self, record: Record) -> bool:
        return sum(line.count('"') for line in self.lines[record.start : record.end]) % 2 == 1

    def _reject(self, start: int, end: int, reason: str) -> None:
        raw = ""
        for line in self.lines[start:end]:
            raw += line
            if len(raw) > RAW_LINE_CHARACTERS:
                break
        self.sink.reject(self.line_number + start, reason, raw.rstrip("\r\n"))

    def _add(self, rows: list[list[str]], numbers: pa.Array) -> None:
        if not rows:
            return
        columns = list(zip(*rows, strict=True))
        empty = pa.scalar(None, pa.string())
        arrays: list[pa.Array] = []
        nested: list[int] = []
        for column, position in zip(
            self.sink.contract.columns, self.columns.positions, strict=True
        ):
            kind = column.type
            if position is None:
                text = pa.nulls(len(rows), pa.string())
            else:
                text = pa.array(columns[position], pa.string())
                if pc.any(pc.match_substring(text, '"')).as_py():
                    self.sink.note("quotes inside fields")
                text = pc.if_else(pc.equal(text, ""), empty, text)
            if not isinstance(kind, Scalar):
                nested.append(len(arrays))
            arrays.append(text)
        if nested:
            arrays, numbers = self._nested(arrays, nested, numbers)
        self.sink.add(arrays, numbers)

    def _nested(
        self, arrays: list[pa.Array], nested: list[int], numbers: pa.Array
    ) -> tuple[list[pa.Array], pa.Array]:
        """Reads JSON in the cells of struct and list columns; rejects rows where it is none."""
        keep = [True] * len(numbers)
        values: dict[int, list[object]] = {}
        for index in nested:
            column = self.sink.contract.columns[index]
            values[index] = []
            for row, cell in enumerate(arrays[index].to_pylist()):
                try:
                    values[index].append(
                        None if cell is None else from_json_text(cell, column.type, column.name)
                    )
                except ShapeError as error:
                    values[index].append(None)
                    if keep[row]:
                        self.sink.reject(numbers[row].as_py(), str(error), cell)
                    keep[row] = False
        mask = pa.array(keep)
        for index in nested:
            kind = self.sink.contract.columns[index].type
            arrays[index] = nested_array(values[index], kind)
        return [array.filter(mask) for array in arrays], numbers.filter(mask)

    # -- records too long to hold

    def _long_record(self) -> None:
        """Follows the record at hand to its end without holding a field over the limit."""
        scanner = RecordScanner(self.delimiter, self.width + MOST_EXTRA_FIELDS)
        start = self.line_number
        kept: list[bytes] = []
        pieces = itertools.chain(
            [self.text.encode("".join(self.lines)) + self.text.carry], self.text.blocks()
        )
        self.lines, self.text.carry = [], b""
        head = b""
        for piece in pieces:
            end = scanner.feed(piece)
            head = head or piece[: RAW_LINE_CHARACTERS * 4]
            if scanner.broken:
                raise self._endless(start)
            if self._too_long(scanner):
                kept.clear()
            else:
                kept.append(piece[:end])
            if end is not None:
                self.text.push_back(piece[end:])
                break
        else:
            if scanner.state is State.QUOTED:
                raise self._endless(start)
        if self._too_long(scanner):
            number, size = scanner.longest
            if size > self.limit:
                name = self.headers[number] if number < self.width else f"number {number + 1}"
                reason = f"the field {name} is longer than {self.limit} bytes"
            else:
                most = self.width + MOST_EXTRA_FIELDS
                reason = f"more than {most} fields where the header has {self.width}"
            self.sink.reject(start, reason, self.text.decode(head))
            self.line_number += max(scanner.line_ends, 1)
        else:
            self.lines = self.text.split_lines(b"".join(kept))
            self.has_damage = self.text.has_damage
            at_end, self.at_end = self.at_end, True
            self._drop(self._land_lines())
            self.at_end = at_end

    def _too_long(self, scanner: RecordScanner) -> bool:
        return scanner.longest[1] > self.limit or scanner.fields > self.width + MOST_EXTRA_FIELDS
