"""Segment files: lines are appended and flushed under a hidden name, then sealed by a rename.

While a process writes a segment it holds its lock (flock), which the operating system frees when
the process dies; so whoever gets the lock of a hidden segment may seal what is left in it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingest.landing.sink import fsync_path, make_durable

logger = logging.getLogger(__name__)

# Whoever else writes segments has hidden names of another form, and takes care of them.
_HIDDEN_ENDING = ".collector.part"
_HIDDEN = re.compile(rf"\.(.+_0[0-9a-f]{{16}}){re.escape(_HIDDEN_ENDING)}")
_TAIL_BYTES = 64 * 1024


@dataclass
class Segment:
    """An open segment; `size` is how many bytes of it are known to be on disk.

    After an OSError of `append` nothing may be appended any more: cut it and seal what is left.
    """

    path: Path
    descriptor: int
    opened_at: float = field(default_factory=time.monotonic)
    size: int = 0

    @classmethod
    def create(cls, folder: Path, stem: str) -> Segment:
        """A new, locked segment in `folder` for files that start with `stem`; raises OSError.

        Who recovers segments may take a file before it is locked and remove it: then another one
        is made.
        """
        make_durable(folder)
        while True:
            path = folder / f".{stem}_0{secrets.token_hex(8)}{_HIDDEN_ENDING}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
            if _lock(descriptor) and _is_at(path, descriptor):
                try:
                    fsync_path(folder)
                except OSError:
                    path.unlink(missing_ok=True)
                    os.close(descriptor)
                    raise
                return cls(path, descriptor)
            os.close(descriptor)

    @classmethod
    def take_over(cls, path: Path) -> Segment | None:
        """The segment of a process that died, cut to its whole lines; None if it is in use.

        Raises OSError when it cannot be read or cut.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            if not _lock(descriptor) or not _is_at(path, descriptor):
                os.close(descriptor)
                return None
            segment = cls(path, descriptor, size=_whole_lines(descriptor))
            segment.cut()
        except OSError:
            os.close(descriptor)
            raise
        return segment

    def append(self, data: bytes) -> None:
        """Writes whole lines and waits until they are on disk; raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        os.fsync(self.descriptor)
        self.size += len(data)

    def cut(self) -> None:
        """Removes what is not known to be on disk; raises OSError."""
        os.ftruncate(self.descriptor, self.size)

    def seal(self) -> Path | None:
        """Gives the segment its visible name, of this second, and closes it; raises OSError.

        A segment without lines is removed: None. After an error it may be sealed again.
        """
        if self.size == 0:
            self.path.unlink(missing_ok=True)
            sealed = None
        else:
            os.fsync(self.descriptor)
            sealed = self.path.with_name(sealed_name(self.path.name))
            if sealed != self.path:  # it is where only the folder could not be flushed
                self.path.rename(sealed)
                self.path = sealed
            fsync_path(sealed.parent)
        os.close(self.descriptor)
        return sealed


def sealed_name(hidden: str) -> str:
    """The name of a sealed segment from its hidden one; a sealed name stays as it is."""
    found = _HIDDEN.fullmatch(hidden)
    if found is None:
        return hidden
    return f"{found[1]}_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.ndjson"


def hidden_segments(zone: Path) -> Iterator[Path]:
    """The segments of collectors, of all sources, that are being written or were left behind."""
    for path in sorted(zone.glob(f"*/.*{_HIDDEN_ENDING}")):
        if _HIDDEN.fullmatch(path.name):
            yield path


def recover(zone: Path) -> list[Path]:
    """Seals the segments that dead processes left; returns the sealed files.

    What the disk does not allow is logged and left for the next time.
    """
    sealed = []
    for path in hidden_segments(zone):
        try:
            segment = Segment.take_over(path)
            if segment is None:
                continue
            try:
                file = segment.seal()
            except OSError:
                os.close(segment.descriptor)
                raise
        except OSError as error:
            logger.error("A segment left behind cannot be sealed: %s.", error.strerror)
            continue
        if file:
            sealed.append(file)
    return sealed


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the path still names the open file."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _whole_lines(descriptor: int) -> int:
    """How many bytes of a file are lines with their end."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        tail = os.pread(descriptor, end - start, start)
        if (found := tail.rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0
