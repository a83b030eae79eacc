"""How changes reach the extracts: load by load, some late, repeated or out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import Ints, draw
from ingest.simulator.plan import Plan
from ingest.simulator.text import words

OPS = ("I", "U", "D")
INSERT, UPDATE, DELETE = range(3)
_KINDS = ("late", "duplicate", "out_of_order")


@dataclass(frozen=True)
class Changes:
    """Changes of one entity: the row it concerns, its state after it, the op and the instant."""

    row: Ints
    state: Ints
    op: Ints
    at: Ints

    @classmethod
    def gather(cls, plan: Plan, parts: Sequence[tuple[Ints, int, int, Ints]]) -> Changes:
        """Changes within the calendar, from parts (rows, state, op, instants of all rows)."""
        happen = [rows[at[rows] < plan.end] for rows, _, _, at in parts]
        sizes = [rows.size for rows in happen]
        row = np.concatenate(happen)
        state = np.repeat(np.array([part[1] for part in parts]), sizes)
        op = np.repeat(np.array([part[2] for part in parts]), sizes)
        when = np.concatenate([part[3][rows] for part, rows in zip(parts, happen, strict=True)])
        order = np.lexsort((state, row, when))
        return cls(row[order], state[order], op[order], when[order])

    def take(self, positions: Ints) -> Changes:
        """The changes at positions, in that order."""
        return Changes(
            self.row[positions], self.state[positions], self.op[positions], self.at[positions]
        )

    @property
    def size(self) -> int:
        """Number of changes."""
        return self.row.size


@dataclass(frozen=True)
class Delivery:
    """The changes of each load in the order of the file, and what was planted on the way."""

    loads: list[Changes]
    planted: pl.DataFrame

    @property
    def rows(self) -> int:
        """Rows over all loads."""
        return sum(load.size for load in self.loads)


def deliver(plan: Plan, entity: str, changes: Changes) -> Delivery:
    """Distributes changes to loads; about 0.3 % late, 0.3 % repeated, 1 % out of order."""
    rng = plan.rng(f"delivery of {entity}")
    due = plan.load_of(changes.at)
    load = due.copy()
    late = _few_of_each(rng, due, plan.loads - 1)
    load[late] += 1
    again = _few_of_each(rng, load, plan.loads)
    again_load = np.minimum(load[again] + (rng.random(again.size) < 0.3), plan.loads - 1)
    moved = draw(rng, np.arange(changes.size), max(3, changes.size // 100))

    # Files are in the order of change; a moved row stands where a row of up to 1,000 rows away is.
    place = np.arange(changes.size, dtype=np.float64)
    place[moved] += rng.uniform(-1_000, 1_000, moved.size)
    places = np.concatenate([place, place[again] + rng.uniform(0.1, 50, again.size)])
    position = np.concatenate([np.arange(changes.size), again])
    in_load = np.concatenate([load, again_load])
    loads = []
    for number in range(plan.loads):
        members = np.flatnonzero(in_load == number)
        members = members[np.argsort(places[members], kind="stable")]
        loads.append(changes.take(position[members]))
    return Delivery(loads, _planted(entity, changes, due, (late, again, moved), (load, again_load)))


def _few_of_each(rng: np.random.Generator, load: Ints, loads: int) -> Ints:
    """0.3 % of the changes of each load below `loads`, at least two."""
    members = [np.flatnonzero(load == number) for number in range(loads)]
    few = [draw(rng, rows, max(2, rows.size * 3 // 1_000)) for rows in members]
    return np.concatenate([np.zeros(0, dtype=np.int64), *few])


def _planted(
    entity: str,
    changes: Changes,
    due: Ints,
    groups: tuple[Ints, Ints, Ints],
    delivered: tuple[Ints, Ints],
) -> pl.DataFrame:
    load, again_load = delivered
    late, again, moved = groups
    position = np.concatenate([late, again, moved])
    kind = np.repeat(np.arange(len(_KINDS)), [late.size, again.size, moved.size])
    return pl.DataFrame(
        {
            "entity": words([entity], np.zeros_like(position)),
            "row": changes.row[position] + 1,
            "updated_at": pl.Series(changes.at[position] * 1000).cast(pl.Datetime("ms")),
            "kind": words(_KINDS, kind),
            "due_load": due[position] + 1,
            "delivered_load": np.concatenate([load[late], again_load, load[moved]]) + 1,
        }
    )
