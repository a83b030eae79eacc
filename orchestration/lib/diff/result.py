"""What a comparison of two warehouse files found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Side:
    """A warehouse file to compare; `publish_id` is None for a file that was not published.

    `is_whole` is false for a development file: what it does not hold was not built there.
    """

    name: str
    file: Path
    is_whole: bool
    publish_id: str | None = None
    code_version: str | None = None


@dataclass(frozen=True)
class Total:
    """What a measure adds up to on each side, as text; None where that side has no such row.

    Money is never added over currencies: `currency` names those of its rows, None for others.
    """

    currency: str | None
    before: str | None
    after: str | None

    @property
    def change(self) -> str:
        """After less before, with its sign; a side without rows counts as 0."""
        try:
            return f"{Decimal(self.after or 0) - Decimal(self.before or 0):+,f}"
        except InvalidOperation:  # an infinite float
            return "unknown"


@dataclass(frozen=True)
class ColumnDiff:
    """A column of both sides: the paired rows in which it differs, and its totals if a measure.

    `rows_changed` is None where rows cannot be paired.
    """

    name: str
    data_type: str
    rows_changed: int | None
    totals: tuple[Total, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether any paired row differs in it, or a total does."""
        return bool(self.rows_changed) or any(t.before != t.after for t in self.totals)


@dataclass(frozen=True)
class Example:
    """A row that differs: `kind` added, removed or changed, with its key and changed values."""

    kind: str
    key: Mapping[str, str | None]
    changes: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class TableDiff:
    """A table on both sides; `status` is equal, changed, added, removed or not built.

    Without a `key` rows are a bag: a changed one counts as removed and added.
    """

    name: str
    status: str
    rows_before: int | None
    rows_after: int | None
    key: tuple[str, ...] = ()
    note: str = ""
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    types_changed: tuple[tuple[str, str, str], ...] = ()
    columns: tuple[ColumnDiff, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def shape(self) -> list[str]:
        """What happened to its columns, a phrase each."""
        return [
            *(f"+{column}" for column in self.columns_added),
            *(f"-{column}" for column in self.columns_removed),
            *(f"{column}: {before} to {after}" for column, before, after in self.types_changed),
        ]

    @property
    def changed_columns(self) -> list[ColumnDiff]:
        """The columns of both sides that differ in a row or a total."""
        return [column for column in self.columns if column.is_changed]


@dataclass(frozen=True)
class Diff:
    """The comparison of two sides, table by table in the order of their names."""

    before: Side
    after: Side
    tolerance: float
    tables: tuple[TableDiff, ...]

    @property
    def differing(self) -> list[TableDiff]:
        """The tables that are not equal, of those that both sides should have."""
        return [t for t in self.tables if t.status in {"changed", "added", "removed"}]

    def names(self, status: str) -> list[str]:
        """The tables of a status."""
        return [table.name for table in self.tables if table.status == status]

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON values; totals and examples are text, so no digit is lost."""
        found = asdict(self)
        for side in ("before", "after"):
            found[side]["file"] = str(found[side]["file"])
        return {"is_equal": not self.differing, **found}
