"""The raw zone: the delivered bytes of a load and the notes beside them.

They lie in a folder of the load's own, or, once its day was compacted, in a folder within the
archive of the day, byte for byte.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from ingest.home import Home
from ingest.landing.delivery import load_date
from ingest.landing.records import DAY_PREFIX, day_paths, load_paths
from ingest.landing.sink import fsync_path, temporary

MANIFEST = "manifest.json"
NO_NAMES: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawLoad:
    """What the raw zone has of one load: in `folder`, else in the `archive` of its day.

    Reading raises OSError or zipfile.BadZipFile when the zone does not have it or cannot be read.
    """

    folder: Path
    archive: Path

    def names(self) -> list[str]:
        """The names of the delivered file and the notes; none where there is nothing."""
        if self.folder.is_dir():
            return sorted(path.name for path in self.folder.iterdir())
        return list(self._in_archive())

    def place(self, name: str) -> Path:
        """Where a file is for a person to look: within an archive too."""
        is_archived = name in self._in_archive() and not self.folder.is_dir()
        return (self.archive / self.folder.name if is_archived else self.folder) / name

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        if self.folder.is_dir() or name not in self._in_archive():
            return (self.folder / name).read_bytes()
        return _open(self.archive).file.read(f"{self.folder.name}/{name}")

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A path of a file while it is read: its own, or that of a copy out of the archive."""
        if self.folder.is_dir() or name not in self._in_archive():
            yield self.folder / name
            return
        with TemporaryDirectory(prefix="storehouse-") as folder:
            copy = Path(folder) / name
            copy.write_bytes(self.read(name))
            yield copy

    def add(self, name: str, content: str) -> None:
        """Adds a note, whole or not at all."""
        if self.folder.is_dir():
            note = temporary(self.folder / name)
            note.write_text(content, encoding="utf-8")
            fsync_path(note)
            note.replace(self.folder / name)
            fsync_path(self.folder)
            return
        new = temporary(self.archive)
        copyfile(self.archive, new)
        with zipfile.ZipFile(new, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{self.folder.name}/{name}", content)
        fsync_path(new)
        new.replace(self.archive)
        fsync_path(self.archive.parent)

    def _in_archive(self) -> tuple[str, ...]:
        if not self.archive.exists():
            return NO_NAMES
        return _open(self.archive).names.get(self.folder.name, NO_NAMES)


def raw_load(home: Home, source: str, entity: str, load_id: str) -> RawLoad:
    """What the raw zone of a home has of a load."""
    own = load_paths(home, source, entity, load_id)
    return RawLoad(own.raw, day_paths(home, source, entity, load_date(load_id)).raw)


@contextmanager
def delivered_file(home: Home, path: Path) -> Iterator[Path]:
    """A path at which a delivered file can be read, that may lie in the raw zone as `path`."""
    if path.exists() or not path.is_relative_to(home.raw):
        yield path
        return
    source, entity, load_id, name = path.relative_to(home.raw).parts
    with raw_load(home, source, entity, load_id).file(name) as found:
        yield found


def record_raw(home: Home, record: Mapping[str, Any]) -> RawLoad:
    """What the raw zone of a home has of the load of a record."""
    return raw_load(home, record["source_system"], record["entity"], record["load_id"])


def archived_loads(home: Home) -> Iterator[list[RawLoad]]:
    """What lies in archives of the raw zone, archive by archive; raises zipfile.BadZipFile."""
    for archive in sorted(home.raw.glob(f"*/*/{DAY_PREFIX}*.zip")):
        loads = sorted(_open(archive).names)
        yield [RawLoad(archive.with_name(load_id), archive) for load_id in loads]


def loads_in_folders(home: Home) -> Iterator[RawLoad]:
    """What lies in folders of the raw zone, each with its manifest."""
    for path in sorted(home.raw.glob(f"*/*/[!.]*/{MANIFEST}")):
        load_id, folder = path.parent.name, path.parent.parent
        yield raw_load(home, folder.parent.name, folder.name, load_id)


@dataclass(frozen=True)
class _Archive:
    file: zipfile.ZipFile
    names: Mapping[str, tuple[str, ...]]  # by load id


def _open(path: Path) -> _Archive:
    facts = path.stat()
    return _opened(path, (facts.st_ino, facts.st_mtime_ns, facts.st_size))


@lru_cache(maxsize=2)  # to list one of 40,000 loads takes longer than to read a file in it
def _opened(path: Path, stamp: tuple[int, ...]) -> _Archive:
    file = zipfile.ZipFile(path)
    names: dict[str, list[str]] = defaultdict(list)
    for member in file.namelist():
        load_id, _, name = member.partition("/")
        names[load_id].append(name)
    return _Archive(file, {load_id: tuple(sorted(found)) for load_id, found in names.items()})
