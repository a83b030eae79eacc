"""Cuts landed loads into random batches: shuffled, some rows delayed, some delivered twice.

What the warehouse promises is that its tables follow from the rows that were delivered and the
extract times they declare. So a batch may hold any of the rows, in any order; only a full extract
is one thing, because what is absent from it counts as deleted.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

REPEATED_SHARE = 0.1
ROWS_PER_PIECE = 20  # a load of few rows is not spread over many files: each costs its fsyncs

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Load:
    """A landed load; `extracted_at` is naive UTC, None where it declares no time."""

    load_id: str
    source: str
    entity: str
    load_kind: str
    extracted_at: datetime | None
    rows: int

    @property
    def extract(self) -> tuple[str, str, datetime | None]:
        """What the files of one extract share."""
        return (self.source, self.entity, self.extracted_at)


@dataclass(frozen=True)
class Piece:
    """Rows of a load that one batch delivers: positions from 0, or None for the whole file."""

    load: Load
    rows: Rows | None = field(compare=False)


Batch = list[Piece]


def cut(loads: Sequence[Load], batches: int, seed: int) -> list[Batch]:
    """Deals the rows of the loads out to `batches` batches; the same seed, the same batches.

    Every row of an increment or append is in one batch, a tenth of them in a second delivery; the
    files of one full extract are in one batch, whole. A dated load is spread over a random number
    of batches, so that some travel whole and others with every batch; an undated one over all.
    """
    dealt: list[Batch] = [[] for _ in range(batches)]
    for load in loads:
        if load.load_kind == "full":
            number = int(_random(seed, *map(str, load.extract)).integers(batches))
            dealt[number].append(Piece(load, None))
            continue
        for number, rows in _spread(load, batches, _random(seed, load.load_id, load.entity)):
            dealt[number].append(Piece(load, rows))
    return dealt


def late_rows(batches: Sequence[Batch]) -> int:
    """How many rows come in a later batch than rows of a newer extract of their entity."""
    first_batch: dict[tuple[str, str], dict[datetime, int]] = defaultdict(dict)
    for number, batch in enumerate(batches):
        for piece in batch:
            if piece.load.extracted_at is not None:
                times = first_batch[piece.load.source, piece.load.entity]
                times.setdefault(piece.load.extracted_at, number)
    return sum(
        piece.load.rows if piece.rows is None else len(piece.rows)
        for number, batch in enumerate(batches)
        for piece in batch
        if any(
            piece.load.extracted_at is not None
            and time > piece.load.extracted_at
            and first < number
            for time, first in first_batch[piece.load.source, piece.load.entity].items()
        )
    )


def delivered_rows(batches: Sequence[Batch]) -> int:
    """How many rows the batches deliver, each as often as it comes."""
    return sum(
        piece.load.rows if piece.rows is None else len(piece.rows)
        for batch in batches
        for piece in batch
    )


def _spread(load: Load, batches: int, random: np.random.Generator) -> list[tuple[int, Rows]]:
    """(batch, rows) of one load, the rows of each batch in random order."""
    most = min(batches, max(2, load.rows // ROWS_PER_PIECE))
    count = batches if load.extracted_at is None else int(random.integers(1, most + 1))
    chosen = random.permutation(batches)[:count]
    rows = np.arange(load.rows, dtype=np.int64)
    repeated = rows[random.random(load.rows) < REPEATED_SHARE]
    batch_of_row = random.choice(chosen, size=load.rows)
    batch_of_repeat = random.integers(batches, size=len(repeated))
    pieces = []
    for number in range(batches):
        found = np.concatenate([rows[batch_of_row == number], repeated[batch_of_repeat == number]])
        if len(found) or (load.rows == 0 and number == chosen[0]):
            pieces.append((number, random.permutation(found)))
    return pieces


def _random(seed: int, *names: str) -> np.random.Generator:
    """A generator of its own for each load, so that one more load moves no other."""
    return np.random.default_rng([seed, zlib.crc32("\n".join(names).encode())])
