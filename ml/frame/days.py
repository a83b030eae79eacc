"""Business days, and the clock of the frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

SETTLEMENT_DAYS = 7
"""After so many days what was ordered on a business day is told net of its cancellations."""


@dataclass(frozen=True)
class Days:
    """Business days `[first, before)`."""

    first: date
    before: date

    def holds(self, column: str) -> pl.Expr:
        """Whether a date column lies within."""
        return (pl.col(column) >= self.first) & (pl.col(column) < self.before)

    def __iter__(self) -> Iterator[date]:
        day = self.first
        while day < self.before:
            yield day
            day += timedelta(days=1)


def utc_now() -> datetime:
    """Now, in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
