"""Visits at the edges of the rules of a session, planted every day on devices of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulator.arrays import HOUR, MINUTE, Ints

HALF_AN_HOUR = 30 * MINUTE


@dataclass(frozen=True)
class Edge:
    """A visit of looks around: when it starts, in seconds of the business day or, if negative,
    before its end, the seconds between its events, and its channel.

    `follows` visits are on the device of the edge before them.
    """

    name: str
    start: int
    gaps: tuple[int, ...]
    channel: str = "direct"
    follows: bool = False

    @property
    def size(self) -> int:
        """Number of events."""
        return 1 + len(self.gaps)

    def starts(self, day_start: int, day_end: int) -> int:
        """The instant it starts on a business day."""
        return self.start + (day_start if self.start >= 0 else day_end)

    def elapsed(self) -> Ints:
        """Seconds of each event since the first one."""
        return np.cumsum([0, *self.gaps])


EDGES = (
    Edge("gap_of_30_00", 10 * HOUR, (40, HALF_AN_HOUR, 25)),
    Edge("gap_of_30_01", 11 * HOUR, (40, HALF_AN_HOUR + 1, 25)),
    Edge("midnight", -61, (60, 1, 30)),  # a second before midnight, and at midnight
    Edge("twelve_hours", 8 * HOUR, (24 * MINUTE,) * 30 + (1, 5 * MINUTE)),
    Edge("same_instant", 15 * HOUR, (0, 45, 0)),
    Edge("campaign_change", 16 * HOUR, (30, 45), "paid_social"),
    Edge("campaign_change", 16 * HOUR + 3 * MINUTE, (20, 35), "email", follows=True),
    Edge("days_late", 18 * HOUR, (35, 50)),
)
DAYS_LATE = EDGES[-1]
"""Not of every day: delivered days later, before the first day of events in a short calendar."""
