"""What the trace of a public row found, from the number back to the line of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class LandedRow:
    """A row of a delivered file, and what staging made of it.

    `state` is latest, superseded, duplicate or quarantined; `row_number` counts lines in CSV and
    NDJSON, else records (`unit`). Times are UTC, as text. `content` has personal data as tokens;
    it is None when the lake does not hold the row any more.
    """

    load_id: str
    row_number: int
    unit: str
    state: str
    reasons: str | None
    superseded_by: str | None
    file: str
    is_file_kept: bool
    extracted_at: str | None
    received_at: str | None
    content: Mapping[str, Any] | None


@dataclass(frozen=True)
class LandedEntity:
    """The rows of an entity that hold the same values in `by`; `row_count` counts all of them."""

    entity: str
    by: Row
    row_count: int
    rows: tuple[LandedRow, ...]


@dataclass(frozen=True)
class SeedRow:
    """A line of a seed file."""

    file: str
    line: int
    by: Row


@dataclass(frozen=True)
class FactRow:
    """A fact row behind an aggregate, with the landed rows of its own keys."""

    key: Row
    measures: Row
    landed: tuple[LandedEntity, ...]


@dataclass(frozen=True)
class FactRows:
    """The rows of a fact behind an aggregate; `row_count` counts those not shown too."""

    table: str
    row_count: int
    rows: tuple[FactRow, ...]


@dataclass(frozen=True)
class Measure:
    """A measure of an aggregate, and what the fact rows behind it add up to."""

    name: str
    shown: str | None
    summed: str | None
    agrees: bool


@dataclass(frozen=True)
class Rules:
    """A model on the way, its SQL file, and what its tests and unit tests promise."""

    model: str
    file: str
    description: str
    tests: tuple[str, ...]
    unit_tests: tuple[str, ...]


@dataclass(frozen=True)
class Trace:
    """A public row, what it came from, and the rules on the way; `notes` say what is missing."""

    table: str
    key: Row
    row: Row
    notes: tuple[str, ...]
    measures: tuple[Measure, ...]
    facts: tuple[FactRows, ...]
    landed: tuple[LandedEntity, ...]
    seeds: tuple[SeedRow, ...]
    rules: tuple[Rules, ...]

    def as_json(self) -> dict[str, Any]:
        """The trace as JSON values."""
        return asdict(self)
