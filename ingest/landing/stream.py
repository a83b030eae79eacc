"""Bytes of a delivered file: compression by magic number, byte order mark, encoding, lines."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ingest.errors import RefusedFileError

BLOCK_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 64 * 1024  # what encoding, line ends and format are told from
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ASCII_BASED = re.compile(r"utf-8|ascii|iso8859-\d+|cp125\d|cp437|cp85\d|koi8-[ru]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@contextmanager
def open_delivery(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """The decompressed bytes of a file, and whether it was gzipped.

    Raises RefusedFileError for an empty file, another archive and unreadable gzip.
    """
    with path.open("rb") as raw:
        magic = raw.read(8)
        raw.seek(0)
        if not magic:
            raise empty_file()
        for mark, name in _ARCHIVES.items():
            if magic.startswith(mark):
                if b"xl/" in raw.read(HEAD_BYTES) or path.suffix.lower() == ".xlsx":
                    raise RefusedFileError(
                        "The file is an Excel workbook.", "Save the sheet as CSV UTF-8."
                    )
                raise RefusedFileError(f"The file is {name}.", "Deliver it plain or gzipped.")
        if not magic.startswith(GZIP_MAGIC):
            yield raw, False
            return
        try:
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield io.BufferedReader(unzipped, BLOCK_BYTES), True
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RefusedFileError(
                f"The gzip stream is cut short or damaged ({error}).", "Deliver the file again."
            ) from error


def empty_file() -> RefusedFileError:
    """The refusal of a file without a single byte."""
    return RefusedFileError(
        "The file has 0 bytes.",
        "Deliver it again; an extract without rows still has its header, or [] for JSON.",
    )


class Text:
    """The decoded content of a byte stream, by block or by line, with bounded memory.

    Bytes that the encoding does not know become lone surrogates (U+DC80 to U+DCFF), so that only
    their rows need to be rejected; `has_damage` tells whether the last block had any.
    """

    def __init__(self, stream: BinaryIO, encoding: str, notes: list[str]) -> None:
        self._stream = stream
        first = stream.read(HEAD_BYTES)
        if not first:
            raise empty_file()
        for mark, name in _BYTE_ORDER_MARKS:
            if first.startswith(mark):
                first, encoding = first[len(mark) :], name
                notes.append("byte order mark removed")
                break
        self.encoding = codecs.lookup(encoding).name
        # Lines are cut before decoding, so anything that is not built on ASCII is rewritten first.
        self._decoder = (
            None
            if _ASCII_BASED.fullmatch(self.encoding)
            else codecs.getincrementaldecoder(self.encoding)()
        )
        self.codec = "utf-8" if self._decoder else self.encoding
        self._cr_only = False
        self._next = self._rewritten(first)
        if b"\n" not in self._next and b"\r" in self._next[:-1]:
            self._cr_only = True
            notes.append("line ends are carriage returns")
        elif b"\r\n" in self._next:
            notes.append("line ends are CRLF")
        self.has_damage = False
        self.carry = b""

    def peek(self) -> str:
        """The first text, before any of it is read; a cut character is left out."""
        return self._next.decode(self.codec, "ignore")

    def blocks(self) -> Iterator[bytes]:
        """The rest of the stream as byte blocks in the codec of `decode`."""
        while (block := self._block()) is not None:
            yield block

    def _rewritten(self, block: bytes) -> bytes:
        if self._decoder is None:
            return block
        try:
            return self._decoder.decode(block, final=not block).encode("utf-8")
        except UnicodeError as error:
            raise RefusedFileError(
                f"The file is not {self.encoding} ({error}).",
                "Name its encoding with --encoding or in the contract.",
            ) from error

    def _block(self) -> bytes | None:
        block, self._next = self._next[:BLOCK_BYTES], self._next[BLOCK_BYTES:]
        while not block:
            raw = self._stream.read(BLOCK_BYTES)
            block = self._rewritten(raw)
            if not raw:
                break
        if not block:
            return None
        return block.replace(b"\r", b"\n") if self._cr_only else block

    def decode(self, block: bytes) -> str:
        """The text of a block; notes in `has_damage` whether bytes could not be decoded."""
        try:
            self.has_damage = False
            return block.decode(self.codec)
        except UnicodeDecodeError:
            self.has_damage = True
            return block.decode(self.codec, "surrogateescape")

    def encode(self, text: str) -> bytes:
        """The bytes that `decode` made this text from."""
        return text.encode(self.codec, "surrogateescape")

    def lines(self) -> list[str] | None:
        """The next complete lines with their line ends, possibly none; None after the last.

        An incomplete last line waits in `carry` until its end or the end of the file arrives.
        """
        block = self._block()
        if block is None:
            if not self.carry:
                return None
            last, self.carry = self.carry, b""
            return [self.decode(last)]
        whole, found, rest = block.rpartition(b"\n")
        if not found:
            self.carry += rest
            return []
        lines = self.split_lines(self.carry + whole + b"\n")
        self.carry = rest
        return lines

    def split_lines(self, block: bytes) -> list[str]:
        """The decoded lines of a block, with their line ends."""
        return io.StringIO(self.decode(block), newline="\n").readlines()

    def push_back(self, block: bytes) -> None:
        """Puts bytes back in front of what is still to be read."""
        self._next = block + self._next

    def skip_line(self) -> int:
        """Drops the line that began in `carry`; returns its length in bytes."""
        size = len(self.carry)
        self.carry = b""
        while (block := self._block()) is not None:
            head, found, rest = block.partition(b"\n")
            size += len(head)
            if found:
                self.push_back(rest)
                break
        return size


def damaged(text: str) -> bool:
    """Whether the text holds a byte that could not be decoded."""
    return _SURROGATE.search(text) is not None


def printable(text: str) -> str:
    """The text with undecodable bytes written as escapes."""
    if not damaged(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
