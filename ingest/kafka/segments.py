"""Segment files of one topic: their names, and how they appear whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ingest.contracts import SourceContract
from ingest.errors import ConfigError, RefusedFileError
from ingest.landing.delivery import find_contract
from ingest.landing.sink import fsync_path, make_durable

HIDDEN = ".consume-"  # what only this package writes, and so may remove
_UNFINISHED = ".part"
_LONGEST_TOPIC = 120


@dataclass
class Batch:
    """Lines of the offsets `first` to `last` of one partition; `others` are no JSON objects."""

    first: int
    last: int
    objects: list[bytes] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True)
class Segment:
    """A written segment, in the folder or in the raw zone: it holds `first` to `last`."""

    partition: int
    first: int
    last: int
    path: Path


class SegmentFolder:
    """The segments of one topic in the folder of its source."""

    def __init__(self, folder: Path, source: SourceContract, entity: str, topic: str) -> None:
        """Raises ConfigError if the names of its segments would belong to another entity."""
        self.folder = folder
        self._stem = f"{entity}_{_file_name(topic)}"
        self._pattern = re.compile(
            re.escape(self._stem) + r"-(\d+)-(\d{19})-(\d{19})_\d{8}T\d{6}Z\.ndjson"
        )
        try:
            found = find_contract(source, Path(self._stem)).entity
        except RefusedFileError as error:
            raise ConfigError(error.message, error.remedy) from error
        if found != entity:
            raise ConfigError(
                f"Files named {self._stem}... would be taken for {found}.",
                "Rename the topic, or give another --entity.",
            )

    def parse(self, name: str, path: Path) -> Segment | None:
        """The segment of this topic that a file name tells of, if it does."""
        match = self._pattern.fullmatch(name)
        if match is None:
            return None
        partition, first, last = map(int, match.groups())
        return Segment(partition, first, last, path)

    def waiting(self) -> list[Segment]:
        """The segments that were not landed yet, in name order."""
        if not self.folder.is_dir():
            return []
        found = (self.parse(path.name, path) for path in sorted(self.folder.iterdir()))
        return [segment for segment in found if segment]

    def clear_dead(self) -> int:
        """Removes what killed consumers left unfinished (nothing of it is committed); how many.

        What a living consumer writes is locked, and stays.
        """
        removed = 0
        for path in self.folder.glob(f"{HIDDEN}*{_UNFINISHED}"):
            with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                removed += 1
        return removed

    def write(self, batches: Mapping[int, Batch], now: datetime) -> list[Path]:
        """Writes a segment for each partition's batch that has lines; returns their paths.

        When it returns they are on the disk under their final names; `now` (UTC) is their extract
        time. Raises OSError, with the unfinished files removed.
        """
        make_durable(self.folder)
        written: list[tuple[Path, Path]] = []
        with ExitStack() as stack:
            for partition, batch in sorted(batches.items()):
                if not batch.objects and not batch.others:
                    continue
                name = f"{self._stem}-{partition}-{batch.first:019d}-{batch.last:019d}"
                temporary = self.folder / f"{HIDDEN}{name}-{os.getpid()}{_UNFINISHED}"
                stack.callback(temporary.unlink, missing_ok=True)
                file = stack.enter_context(_open_locked(temporary))
                # Objects come first: by its first line landing tells what a file is.
                for line in (*batch.objects, *batch.others):
                    file.write(line)
                    file.write(b"\n")
                file.flush()
                os.fsync(file.fileno())
                written.append((temporary, self._free(name, now)))
            for temporary, final in written:
                temporary.rename(final)
            if written:
                fsync_path(self.folder)
        return [final for _, final in written]

    def _free(self, name: str, now: datetime) -> Path:
        """A name that no segment has: two clusters may have a topic of one name."""
        while (path := self.folder / f"{name}_{now:%Y%m%dT%H%M%SZ}.ndjson").exists():
            now += timedelta(seconds=1)
        return path


def _open_locked(path: Path) -> BinaryIO:
    """A new file, locked until it is closed; made again if it was removed before it was locked."""
    while True:
        file = path.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def _file_name(topic: str) -> str:
    """The topic as a part of a file name: letters, digits, dots, dashes, of bounded length."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", topic)
    if name == topic and len(name) <= _LONGEST_TOPIC:
        return name
    digest = hashlib.sha256(topic.encode()).hexdigest()[:12]
    return f"{name[: _LONGEST_TOPIC - 13]}.{digest}"
