"""Small panels for the tests of the demand forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from ml.demand.frequency import WEEK, Frequency
from ml.demand.panel import Panel
from ml.demand.settings import Settings

START = date(2024, 1, 1)  # a Monday, and the first of a month
QUICK = Settings(
    parameters={"num_trees": 15, "num_leaves": 7, "min_data_in_leaf": 20},
    most_rows=4_000,
    threads=1,
)


def period(frequency: Frequency, number: int) -> date:
    """The first day of a period, counted from START."""
    if frequency.name == "month":
        return date(START.year + number // 12, number % 12 + 1, 1)
    return START + timedelta(days=number * (7 if frequency.name == "week" else 1))


def frame(
    units: npt.NDArray[np.float64] | Sequence[Sequence[float | None]],
    frequency: Frequency = WEEK,
    categories: Sequence[str] = ("a", "b"),
) -> pl.DataFrame:
    """Rows of a panel from a matrix of series x periods; nothing is masked."""
    rows = [
        {
            "series_id": f"s{number:03d}",
            "period": period(frequency, column),
            "units": None if value is None or np.isnan(value) else float(value),
            "is_masked": False,
            "category": categories[number % len(categories)],
        }
        for number, series in enumerate(units)
        for column, value in enumerate(series)
    ]
    return pl.DataFrame(rows, schema_overrides={"units": pl.Float64})


def counts(series: int = 60, periods: int = 60, seed: int = 1) -> npt.NDArray[np.float64]:
    """Poisson counts whose rates differ by series; half of them sell rarely."""
    rng = np.random.default_rng(seed)
    rate = np.where(np.arange(series) % 2, rng.gamma(2, 3, series), rng.gamma(1, 0.4, series))
    return rng.poisson(rate[:, None], (series, periods)).astype(np.float64)


def counted(series: int = 60, periods: int = 60, seed: int = 1) -> Panel:
    """A weekly panel of `counts`."""
    return Panel(frame(counts(series, periods, seed)))
