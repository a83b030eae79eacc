"""What the parts of the benchmark give: tables, goals, and how both are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Cell = str | int | float | None


@dataclass(frozen=True)
class Goal:
    """A measured value and its target: a ceiling, or a floor where more is better."""

    name: str
    value: float
    target: float
    is_floor: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the value reaches the target; NaN, what could not be measured, does not."""
        return self.value >= self.target if self.is_floor else self.value <= self.target

    @property
    def line(self) -> str:
        """`goal NAME VALUE TARGET met|missed`."""
        verdict = "met" if self.is_met else "missed"
        return f"goal {self.name} {self.value:.3f} {self.target:.2f} {verdict}"


@dataclass(frozen=True)
class Table:
    """Rows of one part; the first column names what a row is about."""

    title: str
    rows: Sequence[Mapping[str, Cell]]
    note: str = ""


@dataclass(frozen=True)
class Part:
    """All that one part of the benchmark measured."""

    tables: Sequence[Table]
    goals: Sequence[Goal]


def rendered(table: Table) -> str:
    """A table as text: a title, the names of the columns, a line for each row, and the note."""
    heads = list(dict.fromkeys(name for row in table.rows for name in row))
    lines = [heads, *([_text(row.get(head)) for head in heads] for row in table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    written = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    notes = [table.note] if table.note else []
    return "\n".join([f"== {table.title}", *written, *notes, ""])


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1_000 else f"{cell:.3f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
