"""The calendar of a forecast: days, weeks or months, as whole numbers one period apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.arrays import Floats, Ints

_MONDAY = -3  # days since 1970-01-01, a Thursday
_DAYS_OF_YEAR = 365.25


@dataclass(frozen=True)
class Frequency:
    """How time is cut, how far a forecast reaches, and which lengths of time features look at.

    All lengths are in periods. `season` is the period of the seasonal naive forecast, `scale_lag`
    that of the differences MASE is scaled by (M4 takes 1 for weekly data), `year` the periods of a
    year. `windows` are the lengths of rolling means, shortest first; `averages` those a moving
    average may have, a quarter of the horizon at least; `half_lives` those of decaying means (0:
    no decay); `step` lies between two origins of training rows, `depth` is how many there are.
    """

    name: Literal["day", "week", "month"]
    horizon: int
    season: int
    scale_lag: int
    year: int
    windows: tuple[int, ...]
    averages: tuple[int, ...]
    half_lives: tuple[int, ...]
    step: int
    depth: int

    def index(self, dates: npt.NDArray[np.datetime64]) -> Ints:
        """The number of each period, from dates (datetime64[D]) within it."""
        days = dates.astype("datetime64[D]").astype(np.int64)
        if self.name == "day":
            return days
        if self.name == "week":
            return (days - _MONDAY) // 7
        months: Ints = dates.astype("datetime64[M]").astype(np.int64)
        return months

    def starts(self, index: Ints) -> npt.NDArray[np.datetime64]:
        """The first day (datetime64[D]) of each period."""
        if self.name == "day":
            return index.astype("datetime64[D]")
        if self.name == "week":
            return (index * 7 + _MONDAY).astype("datetime64[D]")
        return index.astype("datetime64[M]").astype("datetime64[D]")

    def number(self, day: date) -> int:
        """The number of the period that holds a day."""
        return int(self.index(np.array([day], dtype="datetime64[D]"))[0])

    def calendar(self, index: Ints) -> dict[str, Floats]:
        """Calendar features by name, each of the shape of `index`: only what varies with time."""
        first = self.starts(index)
        days = first.astype(np.int64)
        months = first.astype("datetime64[M]")
        year_start = first.astype("datetime64[Y]").astype("datetime64[D]")
        position = (first - year_start).astype(np.int64) / _DAYS_OF_YEAR
        found: dict[str, Floats] = {
            "month": (months.astype(np.int64) % 12 + 1).astype(np.float64),
            "year_position": position,
        }
        if self.name == "day":
            found["weekday"] = ((days - _MONDAY) % 7).astype(np.float64)
        if self.name != "month":
            found["day_of_month"] = (first - months.astype("datetime64[D]")).astype(np.float64) + 1
        return found


DAY = Frequency(
    name="day",
    horizon=28,
    season=7,
    scale_lag=7,
    year=364,
    windows=(7, 14, 28, 56, 112, 364),
    averages=(7, 14, 28, 56, 112, 364),
    half_lives=(14, 28, 56, 112, 0),
    step=7,
    depth=52,
)
WEEK = Frequency(
    name="week",
    horizon=13,
    season=52,
    scale_lag=1,
    year=52,
    windows=(2, 4, 8, 13, 26, 52),
    averages=(4, 8, 13, 26, 52),
    half_lives=(3, 6, 13, 26, 0),
    step=1,
    depth=52,
)
MONTH = Frequency(
    name="month",
    horizon=12,
    season=12,
    scale_lag=12,
    year=12,
    windows=(2, 3, 6, 12, 24),
    averages=(3, 6, 12, 24),
    half_lives=(3, 6, 12, 24, 0),
    step=1,
    depth=36,
)
