"""Finds the end of a CSV record that is too long to hold, in constant memory."""

from __future__ import annotations

import re
from enum import Enum, auto


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
    `broken` is set when a closing quote is followed by something other than a delimiter.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()[0]
        self._stop = re.compile(b"[" + re.escape(delimiter.encode()) + b"\n]")
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
            match = self._stop.search(piece, at)
            end = match.start() if match else len(piece)
            if self.state is State.AFTER_QUOTE and piece[at:end].strip(b"\r"):
                self.broken = True
            else:
                self._grow(end - at)
            if match is None:
                if self.state is State.START and end > at:
                    self.state = State.PLAIN
                return None
            self._end_field()
            at = end + 1
            if piece[end] == 0x0A:
                self.line_ends += 1
                return at
        return None

    def _quoted(self, piece: bytes, at: int) -> int:
        end = piece.find(b'"', at)
        stop = len(piece) if end < 0 else end
        self._grow(stop - at)
        self.line_ends += piece.count(b"\n", at, stop)
        if end < 0:
            return stop
        self.state = State.AFTER_QUOTE
        return end + 1

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > self.longest[1]:
            self.longest = (self.fields, self._size)

    def _end_field(self) -> None:
        self.fields += 1
        self._size = 0
        self.state = State.START
