"""Where reading goes on behind segments that were written and whose offsets were not committed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from zipfile import BadZipFile

import pyarrow as pa
import pyarrow.dataset as ds

from ingest.home import Home
from ingest.kafka.segments import Segment, SegmentFolder
from ingest.landing.raw import delivered_file
from ingest.landing.records import LOAD_SCHEMA, record_files

log = logging.getLogger("storehouse.kafka")
_RECORDS_AT_ONCE = 500


def segments_behind(
    home: Home, folder: SegmentFolder, source: str, positions: Mapping[int, int]
) -> dict[int, list[Segment]]:
    """The segments of each partition that end at or behind its position, the newest first.

    Looks among those that wait for landing, then at the records of those that were landed, newest
    first, until every partition has shown one that ends before its position.
    """
    found: dict[int, list[Segment]] = {partition: [] for partition in positions}
    open_partitions = set(positions)

    def see(segments: Iterable[Segment]) -> None:
        for segment in segments:
            if segment.partition not in found:
                continue
            if segment.last >= positions[segment.partition]:
                found[segment.partition].append(segment)
            else:
                open_partitions.discard(segment.partition)

    # Landing removes a segment after it has written its record: looked for in this order, none
    # can be missed.
    see(folder.waiting())
    for segments in _landed(home, folder, source):
        see(segments)
        if not open_partitions:
            break
    for segments in found.values():
        segments.sort(key=lambda segment: segment.path.name[-23:], reverse=True)
    return found


def _landed(home: Home, folder: SegmentFolder, source: str) -> Iterator[list[Segment]]:
    """The landed segments, some at a time, the newest first."""
    paths = record_files(home)
    for start in range(0, len(paths), _RECORDS_AT_ONCE):
        some = [str(path) for path in paths[start : start + _RECORDS_AT_ONCE]]
        try:
            records = ds.dataset(some, schema=LOAD_SCHEMA, format="parquet").to_table(
                columns=["file_name", "raw_path"], filter=ds.field("source_system") == source
            )
        except (OSError, pa.ArrowInvalid) as error:
            log.warning("Load records cannot be read (%s): messages may be read twice.", error)
            return
        found = (
            folder.parse(row["file_name"], home.root / Path(row["raw_path"]) / row["file_name"])
            for row in records.to_pylist()
        )
        yield [segment for segment in found if segment]


def holds(home: Home, segment: Segment, lines: Iterable[bytes]) -> bool:
    """Whether a segment holds all of these lines; False for none, and where it is gone."""
    wanted = set(lines)
    if not wanted:
        return False
    try:
        with delivered_file(home, segment.path) as path, path.open("rb") as file:
            for line in file:
                wanted.discard(line.rstrip(b"\n"))
    except (OSError, BadZipFile):
        return False
    return not wanted
