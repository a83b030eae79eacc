"""The event files of a folder of extracts, and the events in them, in their order."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from ingest.errors import ConfigError

_ENDINGS = (".ndjson", ".ndjson.gz")


def event_files(folder: Path, entity: str = "events") -> list[Path]:
    """The NDJSON files of an entity in name order, which is that of their extract times.

    Raises ConfigError when there are none.
    """
    found = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.startswith(f"{entity}_") and path.name.endswith(_ENDINGS)
    )
    if not found:
        raise ConfigError(
            f"The folder {folder} holds no {entity}_*.ndjson.",
            "Write some with storehouse simulate, or give --from.",
        )
    return found


def events_in(files: Iterable[Path], limit: int | None = None) -> Iterator[bytes]:
    """The lines of these files without their ends, at most `limit` of them; blank ones left out."""
    return islice(_lines(files), limit)


def _lines(files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                if line := line.rstrip(b"\r\n"):
                    yield line
