"""Finds the end of a CSV record that is too long to hold, in constant memory."""

from __future__ import annotations

import re
from enum import Enum, auto

# Text and doubled quotes; possessive, so that nothing is remembered for a way back.
_QUOTED_TEXT = re.compile(rb'[^"]*+(?:""[^"]*+)*+')


class State(Enum):
    """Where the scanner stands within a field."""

    START = auto()
    PLAIN = auto()
    QUOTED = auto()
    AFTER_QUOTE = auto()


class RecordScanner:
    """Follows one record through pieces of bytes and measures its fields.

    After `feed` returns an index the record ended there; `longest` holds (field number from 0,
    bytes) of its longest field, `fields` their number, `line_ends` the physical lines it took.
    `broken` is set when a closing quote is followed by something other than a delimiter. Behind
    `most_fields` fields are no longer counted or measured.
    """

    def __init__(self, delimiter: str, most_fields: int) -> None:
        mark = re.escape(delimiter.encode())
        self._most_fields = most_fields
        self._field_end = re.compile(b"[" + mark + b"\n]")
        # The last delimiter before a line end or the quote that opens a field.
        self._fields_end = re.compile(b"\n|" + mark + b'(?=")|' + mark + b"$")
        self.state = State.START
        self.fields = 0
        self.longest = (0, 0)
        self.line_ends = 0
        self.broken = False
        self._size = 0

    def feed(self, piece: bytes) -> int | None:
        """The index just behind the record's line end, or None when it goes on behind `piece`."""
        at = 0
        while at < len(piece):
            if self.state is State.QUOTED:
                at = self._quoted(piece, at)
                continue
            if self.state is State.START and piece[at] == 0x22:
                self.state = State.QUOTED
                at += 1
                continue
            if self.state is State.AFTER_QUOTE and piece[at] == 0x22:
                self._grow(1)
                self.state = State.QUOTED
                at += 1
                continue
            ends = self._field_end if self.fields <= self._most_fields else self._fields_end
            match = ends.search(piece, at)
            end = match.start() if match else len(piece)
            if self.state is State.AFTER_QUOTE and self._text_follows(piece, at, end):
                self.broken = True
            self._grow(end - at)
            if match is None:
                # Uncounted delimiters leave the quote behind, too.
                if self.state is State.START or self._field_end.search(piece, at, end):
                    self.state = State.PLAIN
                return None
            self._end_field()
            at = end + 1
            if piece[end] == 0x0A:
                self.line_ends += 1
                return at
        return None

    def _text_follows(self, piece: bytes, at: int, end: int) -> bool:
        field = self._field_end.search(piece, at, end)
        return bool(piece[at : field.start() if field else end].strip(b"\r"))

    def _quoted(self, piece: bytes, at: int) -> int:
        match = _QUOTED_TEXT.match(piece, at)
        stop = match.end() if match else at
        self._grow(stop - at - piece.count(b'""', at, stop))
        self.line_ends += piece.count(b"\n", at, stop)
        if stop == len(piece):
            return stop
        # Closed, or the first half of a doubled quote that the end of the piece cut.
        self.state = State.AFTER_QUOTE
        return stop + 1

    def _grow(self, count: int) -> None:
        if self.fields > self._most_fields:
            return
        self._size += count
        if self._size > self.longest[1]:
            self.longest = (self.fields, self._size)

    def _end_field(self) -> None:
        self.fields += 1
        self._size = 0
        self.state = State.START
