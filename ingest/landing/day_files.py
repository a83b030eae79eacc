"""The files of a day: one each for the lake rows, rejects, records and raw bytes of many loads.

Rows stay as they are and in the order of their loads, so that the statistics of a Parquet file tell
where a load lies; the delivered bytes are files of a ZIP archive, in a folder per load.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from shutil import copyfile
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.exchange import Step, exchange
from ingest.landing.records import (
    DAY_PREFIX,
    LoadPaths,
    day_paths,
    lake_folder,
    load_paths,
    record_paths,
)
from ingest.landing.sink import ROW_GROUP_ROWS, temporary


def loads_of(day: LoadPaths) -> set[str]:
    """The ids of the loads in the files of a day."""
    return set(pq.read_table(day.record, columns=["load_id"], partitioning=None)[0].to_pylist())


def own_loads(home: Home, source: str, entity: str, day: date) -> list[str]:
    """The ids of the loads of a day that lie in files of their own, in order."""
    with os.scandir(lake_folder(home, source, entity, day)) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(".parquet")]
    ids = [name.removesuffix(".parquet") for name in names if not name.startswith((".", "_"))]
    return sorted(
        load_id
        for load_id in ids
        if not load_id.startswith(DAY_PREFIX)
        and load_paths(home, source, entity, load_id).record.exists()
    )


def gather(home: Home, source: str, entity: str, day: date, load_ids: Sequence[str]) -> int:
    """Moves loads of a day from files of their own into those of the day; returns their rows.

    All of them are moved or none, whatever is killed when. Raises StorehouseError when the lake
    does not hold the rows that the records tell of, OSError when a file cannot be written.
    """
    ours = day_paths(home, source, entity, day)
    own = [load_paths(home, source, entity, load_id) for load_id in load_ids]
    raw = [paths.raw for paths in own if paths.raw.is_dir()]
    lake = [paths.lake for paths in own]
    rejects = [paths.rejects for paths in own if paths.rejects.exists()]
    records = [paths.record for paths in own]
    moved = 0

    def write() -> None:
        nonlocal moved
        if raw:
            _archive(ours.raw, raw)
        moved = _told(records)
        told = moved + (_told([ours.record]) if ours.record.exists() else 0)
        held = _write(_with(ours.lake, lake), ours.lake, "_load_id", "_row_number")
        if held != told:
            raise StorehouseError(
                f"The lake files of {source}.{entity} of {day} hold {held:,} rows, and their "
                f"records tell of {told:,}.",
                "`storehouse admin rebuild-history` makes them anew from the raw zone.",
            )
        if rejects:
            _write(_with(ours.rejects, rejects), ours.rejects, "load_id", "line_number")
        found = _with(ours.record, records)
        _write(found, ours.record, "load_id")
        _keep_time(found, temporary(ours.record))

    # Rows before records: in between they do not add up, which blocks a build.
    pairs = [(ours.raw, raw), (ours.lake, lake), (ours.rejects, rejects), (ours.record, records)]
    exchange(home, ours.record.stem, [Step(new, old) for new, old in pairs if old], write)
    return moved


def take_out(home: Home, record: Mapping[str, Any]) -> None:
    """Gives a load that lies in the files of its day files of its own, but for its raw bytes.

    A load that has them stays as it is. Raises OSError when a file cannot be written.
    """
    own = record_paths(home, record)
    if own.record.exists():
        return
    load_id = record["load_id"]
    day = day_paths(home, record["source_system"], record["entity"], record["load_date"])
    rest = loads_of(day) - {load_id}
    parts: list[tuple[Path, Path, tuple[str, ...]]] = [
        (own.lake, day.lake, ("_load_id", "_row_number"))
    ]
    if day.rejects.exists():
        parts.append((own.rejects, day.rejects, ("load_id", "line_number")))
    parts.append((own.record, day.record, ("load_id",)))

    def write() -> None:
        for new, old, order in parts:
            _write([old], new, *order, only={load_id})
            if rest:
                _write([old], old, *order, only=rest)
        for path in (own.record, day.record) if rest else (own.record,):
            _keep_time([day.record], temporary(path))

    steps: list[Step] = []
    for new, old, _ in parts:
        steps += [Step(old, ()), Step(new, ())] if rest else [Step(new, (old,))]
    exchange(home, load_id, steps, write)


def copy_loads(theirs: LoadPaths, ours: LoadPaths, load_ids: Collection[str]) -> None:
    """Writes files of a day with some of the loads of another's."""
    parts: list[tuple[Path, Path, tuple[str, ...]]] = [
        (theirs.lake, ours.lake, ("_load_id", "_row_number"))
    ]
    if theirs.rejects.exists():
        parts.append((theirs.rejects, ours.rejects, ("load_id", "line_number")))
    parts.append((theirs.record, ours.record, ("load_id",)))
    for old, new, order in parts:
        new.parent.mkdir(parents=True, exist_ok=True)
        _write([old], new, *order, only=load_ids)
        temporary(new).replace(new)


def _with(day: Path, own: Sequence[Path]) -> list[Path]:
    return [day, *own] if day.exists() else list(own)


def _write(
    files: Sequence[Path], final: Path, *order: str, only: Collection[str] | None = None
) -> int:
    """Writes the rows of Parquet files in the order of these columns, of which one is their load.

    Into the temporary file of `final`; returns how many there are. With `only` the rows of these
    loads. Rows may be more than memory holds.
    """
    wanted = "" if only is None else f"where {order[0]} in (select unnest($loads))"
    parameters: dict[str, Any] = {"files": [os.fspath(path) for path in files]}
    if only is not None:
        parameters["loads"] = list(only)
    target = os.fspath(temporary(final)).replace("'", "''")
    spill = os.fspath(final.parent / ".spill")
    with closing(duckdb.connect(config={"temp_directory": spill})) as connection:
        written = connection.execute(
            "copy (select * from read_parquet($files, union_by_name = true, "
            f"hive_partitioning = false) {wanted} order by {', '.join(order)}) to '{target}' "
            "(format parquet, compression zstd, compression_level 1, "
            f"row_group_size {ROW_GROUP_ROWS})",
            parameters,
        ).fetchall()
    return int(written[0][0])


def _told(records: Sequence[Path]) -> int:
    """The rows that the records in these files tell of."""
    with closing(duckdb.connect()) as connection:
        found = connection.execute(
            "select coalesce(sum(rows_landed), 0) from read_parquet(?)",
            [[os.fspath(path) for path in records]],
        ).fetchall()
    return int(found[0][0])


def _keep_time(files: Sequence[Path], new: Path) -> None:
    """Gives a file the time of the latest of others: nothing was landed by writing it."""
    latest = max(path.stat().st_mtime_ns for path in files)
    os.utime(new, ns=(latest, latest))


def _archive(archive: Path, folders: Sequence[Path]) -> None:
    """Writes what an archive holds, and folders with their files, into its temporary file."""
    new = temporary(archive)
    new.unlink(missing_ok=True)
    if archive.exists():
        copyfile(archive, new)
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    names = [f"{path.parent.name}/{path.name}" for path in paths]
    with zipfile.ZipFile(
        new, "a", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
    ) as file:
        for path, name in zip(paths, names, strict=True):
            file.write(path, name)
    with zipfile.ZipFile(new) as file:  # the folders are about to go
        for path, name in zip(paths, names, strict=True):
            if file.read(name) != path.read_bytes():
                raise OSError(f"{name} is not in the archive as it was in {path}")
