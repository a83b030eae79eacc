"""Where the extracts and the truth are written, and the guard against mixing simulations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow.parquet as pq

from ingest.errors import ConfigError
from ingest.home import Home
from ingest.simulator.plan import Plan
from ingest.simulator.text import stamp

_MARKER = "simulation.json"


def truth_folder(out: Path) -> Path:
    """The truth of the home whose extracts `out` is in, else the folder `truth` beside `out`."""
    for parent in out.parents:
        home = Home(parent)
        if home.extracts in (out, *out.parents):
            return home.truth
    return out.parent / "truth"


class Files:
    """Writes the files of one simulation, each under its final name only when it is complete.

    `rows` counts the rows written by entity, `written` the files.
    """

    def __init__(self, plan: Plan, out: Path, truth: Path) -> None:
        self._plan = plan
        self._out = out
        self._truth = truth
        self._arguments = {
            "scale": plan.scale,
            "seed": plan.seed,
            "days": plan.days,
            "loads": plan.loads,
        }
        self.rows: Counter[str] = Counter()
        self.written = 0

    def begin(self) -> None:
        """Makes the folders; raises ConfigError when they hold anything but the same simulation."""
        for folder in (self._out, self._truth):
            if folder.exists() and not folder.is_dir():
                raise ConfigError(f"{folder} is not a folder.", "Give the path of a folder.")
        marker = self._truth / _MARKER
        known = _read(marker)
        if known is not None and known != self._arguments:
            raise ConfigError(
                f"{self._truth} holds the truth of another simulation ({_spell(known)}).",
                "Take another home (STOREHOUSE_HOME), or delete that truth and its extracts.",
            )
        if known is None and self._out.is_dir() and any(self._out.iterdir()):
            raise ConfigError(
                f"{self._out} is not empty, and {marker} does not say what simulation it holds.",
                "Give an empty folder.",
            )
        self._out.mkdir(parents=True, exist_ok=True)
        self._truth.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps(self._arguments) + "\n", encoding="utf-8")

    def increment(
        self, entity: str, suffix: str, at: int, size: int, frames: Iterable[pl.DataFrame]
    ) -> None:
        """Writes the increment (csv or ndjson) extracted at an instant, frame by frame."""
        with self._open(f"{entity}_{stamp(at)}.{suffix}") as file:
            for number, frame in enumerate(frames):
                if suffix == "csv":
                    frame.write_csv(file, include_header=number == 0)
                else:
                    frame.write_ndjson(file)
        self.rows[entity] += size

    def full(self, entity: str, at: int, frame: pl.DataFrame) -> None:
        """Writes a full extract as one JSON array."""
        with self._open(f"{entity}_{stamp(at)}.json") as file:
            file.write(frame.write_json().encode())
        self.rows[entity] += frame.height

    def truth(self, tables: dict[str, pl.DataFrame]) -> None:
        """Writes tables of the truth as Parquet."""
        for name, frame in tables.items():
            _replace(self._truth / f"{name}.parquet", frame.write_parquet)

    @contextmanager
    def truth_stream(self, name: str) -> Iterator[Callable[[pl.DataFrame], None]]:
        """Gives what appends a frame to one table of the truth; complete when it ends well.

        All frames have the same columns; there is no table without a frame.
        """
        path = self._truth / f"{name}.parquet"
        part = path.with_name(f".{path.name}.part")
        with ExitStack() as stack:
            writer: pq.ParquetWriter | None = None

            def append(frame: pl.DataFrame) -> None:
                nonlocal writer
                table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
                if writer is None:
                    writer = stack.enter_context(
                        pq.ParquetWriter(part, table.schema, compression="zstd")
                    )
                writer.write_table(table)

            yield append
        if part.exists():
            part.replace(path)

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        path = self._out / name
        part = path.with_name(f".{name}.part")
        with part.open("wb") as file:
            yield file
        part.replace(path)
        self.written += 1


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    part = path.with_name(f".{path.name}.part")
    write(part)
    part.replace(path)


def _read(marker: Path) -> dict[str, object] | None:
    if not marker.is_file():
        return None
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{marker} cannot be read: {error}.", "Delete it.") from error
    return content if isinstance(content, dict) else {}


def _spell(arguments: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items())
