"""What a fit may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.demand.frequency import Frequency


@dataclass(frozen=True)
class Settings:
    """`parameters` of LightGBM replace the defaults; lengths are in periods, None: by frequency.

    `origins` validation origins lie `step` apart, the last a horizon before the origin. `most_rows`
    bounds the rows the trees learn from. A series with fewer known periods than `cold` is served
    the pooled mean. `threads` of LightGBM: the same number gives the same trees.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    origins: int = 3
    step: int | None = None
    most_rows: int = 200_000
    cold: int | None = None
    threads: int = 2

    def step_of(self, frequency: Frequency) -> int:
        """Periods between validation origins: half a horizon."""
        return self.step if self.step is not None else max(1, frequency.horizon // 2)

    def cold_of(self, frequency: Frequency) -> int:
        """Known periods from which on a series is judged by its own."""
        return self.cold if self.cold is not None else frequency.windows[1]
