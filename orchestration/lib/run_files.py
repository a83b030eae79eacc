"""The files of the run history: one Parquet file of steps and one of ticks for each day.

A file is replaced whole by rename and its name never goes away, so a build that reads the folder
sees each day as it was before or after. Rows are found again by their key: nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl
from filelock import FileLock

from ingest.errors import StorehouseError
from ingest.home import Home
from ingest.landing.sink import fsync_path

STUB = "_stub.parquet"
FINAL = ("success", "failure", "canceled")  # such a run never changes; a killed one may be found

_TIME = pl.Datetime("us")
STEPS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "run_id": pl.String,
    "job": pl.String,
    "run_status": pl.String,
    "trigger_type": pl.String,
    "trigger_name": pl.String,
    "run_started_at": _TIME,
    "run_ended_at": _TIME,
    "step": pl.String,
    "step_status": pl.String,
    "attempts": pl.Int32,
    "started_at": _TIME,
    "ended_at": _TIME,
    "seconds": pl.Float64,
    "message": pl.String,
}
TICKS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "trigger_name": pl.String,
    "trigger_type": pl.String,
    "tick_id": pl.Int64,
    "ticked_at": _TIME,
    "ended_at": _TIME,
    "seconds": pl.Float64,
    "tick_status": pl.String,
    "run_ids": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class StepRow:
    """A step of a run; times are UTC, `message` is what a failure said."""

    run_id: str
    job: str
    run_status: str
    trigger_type: str
    trigger_name: str | None
    run_started_at: datetime
    run_ended_at: datetime | None
    step: str
    step_status: str
    attempts: int
    started_at: datetime | None = None
    ended_at: datetime | None = None
    message: str | None = None


@dataclass(frozen=True)
class TickRow:
    """A tick of a schedule or sensor; `run_ids` are those it started, separated by commas."""

    trigger_name: str
    trigger_type: str
    tick_id: int
    ticked_at: datetime
    ended_at: datetime | None
    tick_status: str
    run_ids: str
    reason: str | None


def write_stubs(home: Home) -> None:
    """Writes the files without rows, so that a home in which nothing ran can be built."""
    for folder, schema in ((home.runs / "steps", STEPS), (home.runs / "ticks", TICKS)):
        if not (folder / STUB).exists():
            _write(pl.DataFrame(schema=schema), folder / STUB)


def write_steps(home: Home, rows: Sequence[StepRow]) -> None:
    """Puts the rows of each run in place of those it had, in the file of the day it started.

    A run that was written with its end stays as it is: an instance that was pruned in the meantime
    knows less. Raises StorehouseError when a file cannot be read.
    """
    with _writing(home):
        for day, of_day in _by_day(pl.DataFrame(_dicts(rows), STEPS), "run_started_at"):
            file = home.runs / "steps" / f"{day}.parquet"
            before = _read(file, STEPS)
            ended = before.filter(pl.col("run_status").is_in(FINAL))["run_id"].implode()
            news = of_day.filter(~pl.col("run_id").is_in(ended))
            kept = before.filter(~pl.col("run_id").is_in(news["run_id"].implode()))
            after = pl.concat([kept, news]).sort("run_started_at", "run_id", "started_at", "step")
            if not after.equals(before):
                _write(after, file)


def write_ticks(home: Home, rows: Sequence[TickRow]) -> None:
    """Adds the ticks to the files of their days, each in place of what was known of it.

    Raises StorehouseError when a file cannot be read.
    """
    key = ["trigger_name", "ticked_at", "tick_id"]
    with _writing(home):
        for day, of_day in _by_day(pl.DataFrame(_dicts(rows), TICKS), "ticked_at"):
            file = home.runs / "ticks" / f"{day}.parquet"
            before = _read(file, TICKS)
            after = pl.concat([before, of_day]).unique(key, keep="last").sort(key)
            if not after.equals(before):
                _write(after, file)


def settle_commands(home: Home) -> None:
    """Marks the runs of `storehouse run` that never came to their end as killed.

    Call it while holding the warehouse lock, which such a run holds from start to end: whoever has
    it knows that no other is alive. Raises StorehouseError when a file cannot be read.
    """
    with _writing(home):
        is_open = (pl.col("run_status") == "running") & (pl.col("trigger_type") == "command")
        for file in _files_with(is_open, home.runs / "steps"):
            before = _read(file, STEPS)
            after = before.with_columns(
                pl.when(is_open & (pl.col("step_status") == "running"))
                .then(pl.lit("killed"))
                .otherwise("step_status")
                .alias("step_status"),
                pl.when(is_open).then(pl.lit("killed")).otherwise("run_status").alias("run_status"),
            )
            _write(after, file)


def _files_with(condition: pl.Expr, folder: Path) -> list[Path]:
    """The files of `folder` that have such a row, in one scan of thousands."""
    if not any(folder.glob("*.parquet")):
        return []
    try:
        scan = pl.scan_parquet(folder / "*.parquet", include_file_paths="file")
        found = scan.filter(condition).select("file").unique().collect()
    except pl.exceptions.PolarsError as error:
        raise _unreadable(folder, error) from error
    return sorted(Path(name) for name in found["file"])


def _dicts(rows: Sequence[StepRow] | Sequence[TickRow]) -> list[dict[str, object]]:
    return [asdict(row) | {"seconds": _seconds(row)} for row in rows]


def _seconds(row: StepRow | TickRow) -> float | None:
    started = row.started_at if isinstance(row, StepRow) else row.ticked_at
    return (row.ended_at - started).total_seconds() if started and row.ended_at else None


def _by_day(rows: pl.DataFrame, column: str) -> Iterator[tuple[date, pl.DataFrame]]:
    days = rows[column].dt.date()
    for day in days.unique().sort():
        yield day, rows.filter(days == day)


@contextmanager
def _writing(home: Home) -> Iterator[None]:
    """One writer at a time: reading a day and writing it anew is one act."""
    home.locks.mkdir(parents=True, exist_ok=True)
    with FileLock(home.locks / "runs.lock"):
        yield


def _read(file: Path, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    if not file.exists():
        return pl.DataFrame(schema=schema)
    try:
        return pl.read_parquet(file).select(
            pl.col(name).cast(kind) for name, kind in schema.items()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(place: Path, error: Exception) -> StorehouseError:
    return StorehouseError(
        f"The run history {place} cannot be read ({str(error).partition(chr(10))[0]}).",
        "Move the damaged file away; what it tells is then missing from ops.run_steps or "
        "ops.triggers.",
    )


def _write(rows: pl.DataFrame, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.tmp")  # under the lock, so nobody else has it
    try:
        rows.write_parquet(temporary)
        fsync_path(temporary)
        temporary.replace(file)
        fsync_path(file.parent)
    finally:
        temporary.unlink(missing_ok=True)
