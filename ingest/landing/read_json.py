"""Reads a JSON file: one array of objects, or objects one after the other, element by element."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from ingest.errors import RefusedFileError
from ingest.landing.json_rows import JsonRows
from ingest.landing.shapes import DECODER, DuplicateKeyError, ShapeError, refuse_surrogates
from ingest.landing.sink import RAW_LINE_CHARACTERS, Sink
from ingest.landing.stream import Text, damaged

_SPACE = re.compile(r"[ \t\r\n]*")
_OUTSIDE = re.compile(r'["\[\]{},]')
_INSIDE = re.compile(r'["\\]')
# How far before the end of the text an error may stand and still be due to the cut.
_CUT_CHARACTERS = 16


def read_json(text: Text, sink: Sink) -> None:
    """Lands every element of a JSON array (or every object of a sequence) by its ordinal from 1.

    Raises RefusedFileError, with line and character, where the JSON itself is broken.
    """
    rows = JsonRows(sink)
    _Elements(text, rows).land()
    rows.finish()


class _Elements:
    """Walks the elements with a window of text that holds one element at a time."""

    def __init__(self, text: Text, rows: JsonRows) -> None:
        self._text = text
        self._rows = rows
        self._blocks = text.blocks()
        self._decoder = codecs.getincrementaldecoder(text.codec)("surrogateescape")
        self._window = ""
        self._at = 0
        self._dropped = 0  # characters before the window
        self._dropped_lines = 0
        self._dropped_column = 0  # characters of the last line before the window
        self._ended = False

    def land(self) -> None:
        """Hands every element to the rows."""
        opening = self._peek()
        if opening == "[":
            self._at += 1
            self._array()
        elif opening == "{":
            number = 0
            while self._peek():
                number += 1
                self._element(number)
        elif not opening:
            raise RefusedFileError(
                "The file holds no record.", "Deliver it again, or [] for no rows."
            )
        else:
            raise self._broken("a JSON file starts with [ or {", self._at)

    def _array(self) -> None:
        number = 0
        if self._peek() == "]":
            self._at += 1
        else:
            while True:
                number += 1
                self._element(number)
                mark = self._peek()
                if mark not in (",", "]"):
                    raise self._broken("a comma or ] is expected", self._at)
                self._at += 1
                if mark == "]":
                    break
                if self._peek() == "]":
                    raise self._broken("a value is expected", self._at)
        if self._peek():
            raise self._broken("nothing may follow the closing ]", self._at)

    def _element(self, number: int) -> None:
        """Lands or rejects the element at the current position and moves behind it."""
        self._forget()
        while True:
            fault = ""
            value: Any = None
            try:
                value, end = DECODER.raw_decode(self._window, self._at)
                # A number at the end of the window may go on behind it.
                if end < len(self._window) or self._ended:
                    break
            except json.JSONDecodeError as error:
                cut = (
                    error.msg.startswith("Unterminated string")
                    or error.pos >= len(self._window) - _CUT_CHARACTERS
                )
                if self._ended or not cut:
                    raise self._broken(error.msg, error.pos) from error
            except RecursionError:
                fault = "JSON nested too deeply"
            except (DuplicateKeyError, ShapeError) as error:
                fault = str(error)
            if fault or len(self._window) - self._at > self._rows.most_bytes:
                self._skip(number, fault)
                return
            self._more()
        raw = self._window[self._at : end]
        self._at = end
        if damaged(raw):
            self._rows.sink.reject(number, f"bytes that are not {self._text.encoding}", raw)
            return
        try:
            refuse_surrogates(raw, value)
        except ShapeError as error:
            self._rows.sink.reject(number, str(error), raw)
            return
        self._rows.add(number, value, raw)

    def _skip(self, number: int, fault: str) -> None:
        """Rejects an element that cannot be held or read, and finds its end."""
        head = self._window[self._at : self._at + RAW_LINE_CHARACTERS]
        start = self._dropped + self._at
        depth = 0
        in_string = False
        while True:
            match = (_INSIDE if in_string else _OUTSIDE).search(self._window, self._at)
            if match is None:
                self._at = len(self._window)
                if self._ended:
                    raise self._broken("the element does not end", self._at)
                self._forget()
                self._more()
                continue
            token = match.group()
            self._at = match.end()
            if token == "\\":
                while self._at >= len(self._window) and not self._ended:
                    self._more()
                self._at += 1
            elif token == '"':
                in_string = not in_string
            elif token in "[{":
                depth += 1
            elif depth == 0:
                self._at -= 1  # the comma or bracket behind a plain value
                break
            elif token in "]}":
                depth -= 1
            if depth == 0 and not in_string and token in '"]}':
                break
        size = self._dropped + self._at - start
        self._rows.sink.reject(number, fault or self._rows.too_long(size), head)

    def _peek(self) -> str:
        """The next character that is not white space, '' at the end."""
        while True:
            match = _SPACE.match(self._window, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._window):
                return self._window[self._at]
            if self._ended:
                return ""
            self._more()

    def _more(self) -> None:
        block = next(self._blocks, None)
        self._ended = block is None
        self._window += self._decoder.decode(block or b"", final=block is None)

    def _forget(self) -> None:
        """Drops the text before the current position, keeping count of where it stood."""
        if self._at < 1_000_000 and self._at < len(self._window):
            return
        gone = self._window[: self._at]
        lines = gone.count("\n")
        self._dropped += len(gone)
        self._dropped_lines += lines
        tail = len(gone) - gone.rfind("\n") - 1
        self._dropped_column = tail if lines else self._dropped_column + tail
        self._window = self._window[self._at :]
        self._at = 0

    def _broken(self, what: str, at: int) -> RefusedFileError:
        before = self._window[:at]
        line = self._dropped_lines + before.count("\n") + 1
        column = at - before.rfind("\n")
        if "\n" not in before:
            column += self._dropped_column
        return RefusedFileError(
            f"The JSON breaks off or is malformed at line {line}, character {column}: "
            f"{what[0].lower()}{what[1:]}.",
            "Correct it there, or deliver the file again if it was cut short.",
        )
