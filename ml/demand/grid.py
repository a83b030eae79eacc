"""A panel as matrices of series x periods, and the running sums that every feature is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from ml.arrays import Floats, Ints
from ml.demand.errors import PanelError
from ml.demand.frequency import Frequency
from ml.demand.panel import Panel, require_no_actuals

Singles = npt.NDArray[np.float32]
_NO_PLAN = {"discount_share": 0.0, "is_holiday": 0.0}
"""What a planned covariate is where the plan says nothing; a price stays as it was."""


@dataclass(frozen=True)
class Grid:
    """The panel up to an origin, and its plan for the horizon after it.

    Rows of matrices are series in the order of `series`, columns periods from `first` (a number of
    the frequency) on; `now` is the column of the origin, the first that is not known. `units` is
    NaN where units are unknown or masked, before the launch and from `now` on. `launch` is the
    column of each series' first row, `category` its position in `categories`. `covariates` holds
    float32 matrices, known from `now` on only where planned.
    """

    frequency: Frequency
    series: list[str]
    categories: list[str]
    first: int
    now: int
    units: Floats
    launch: Ints
    category: Ints
    covariates: dict[str, Singles]
    planned: frozenset[str]

    @classmethod
    def of(cls, panel: Panel, frequency: Frequency, origin: date) -> Grid:
        """The matrices of a panel that knows nothing at or after `origin`.

        Raises PanelError for an empty panel, gaps, periods that are no start of a period and
        series with two categories; FutureLeakError.
        """
        require_no_actuals(panel, origin)
        frame = panel.frame
        if frame.height == 0:
            raise PanelError("The panel has no rows.", "Give at least one series.")
        dates = frame["period"].to_numpy().astype("datetime64[D]")
        index = frequency.index(dates)
        wrong = np.flatnonzero(frequency.starts(index) != dates)
        if wrong.size:
            raise PanelError(
                f"{dates[wrong[0]]} is not the first day of a {frequency.name}.",
                "Truncate the periods, or pass the frequency of the panel.",
            )
        row = frame["series_id"].rle_id().to_numpy().astype(np.int64)
        starts = np.flatnonzero(np.diff(row, prepend=-1))
        ends = np.append(starts[1:], row.size) - 1
        _require_spine(frame, index, starts, ends)
        now_index = frequency.number(origin)
        first = min(int(index.min()), now_index)
        length = now_index - first + frequency.horizon
        keep = index - first < length
        row, column = row[keep], index[keep] - first

        def matrix(name: str) -> Floats:
            values = np.full((starts.size, length), np.nan)
            values[row, column] = frame[name].to_numpy().astype(np.float64)[keep]
            return values

        units = matrix("units")
        units[matrix("is_masked") == 1] = np.nan
        categories = sorted(frame["category"].unique())
        code = {name: position for position, name in enumerate(categories)}
        now = now_index - first
        return cls(
            frequency=frequency,
            series=frame["series_id"].gather(starts).to_list(),
            categories=categories,
            first=first,
            now=now,
            units=units,
            launch=index[starts] - first,
            category=np.array([code[name] for name in frame["category"].gather(starts)]),
            covariates={
                name: _filled(name, matrix(name), now, name in panel.planned)
                for name in panel.covariates
            },
            planned=panel.planned,
        )

    @property
    def size(self) -> int:
        """The number of series."""
        return len(self.series)

    @cached_property
    def sums(self) -> Sums:
        """The running sums of the units."""
        return Sums.of(self.units[:, : self.now])

    def period_starts(self, columns: Ints) -> pl.Series:
        """The first days of the periods at columns."""
        return pl.Series(self.frequency.starts(columns + self.first)).cast(pl.Date)


@dataclass(frozen=True)
class Sums:
    """Running sums before each column, series x (periods + 1): differences are window sums.

    `observed` counts known periods, `sold` those with units, `units` and `squares` add up units
    and their squares; `last_sale` is the last column with units before (-1: none).
    """

    observed: Floats
    sold: Floats
    units: Floats
    squares: Floats
    last_sale: Ints

    @classmethod
    def of(cls, units: Floats) -> Sums:
        """The sums of a matrix with NaN where nothing is known."""
        known = np.isfinite(units)
        filled = np.where(known, units, 0.0)
        columns = np.arange(units.shape[1])
        last = np.maximum.accumulate(np.where(filled > 0, columns, -1), axis=1)
        return cls(
            observed=running(known.astype(np.float64)),
            sold=running((filled > 0).astype(np.float64)),
            units=running(filled),
            squares=running(filled**2),
            last_sale=np.concatenate([np.full((len(units), 1), -1), last], axis=1),
        )

    def window(self, name: str, end: int, length: int) -> Floats:
        """Sums of `length` columns before column `end`, by series."""
        values: Floats = getattr(self, name)
        found: Floats = values[:, end] - values[:, max(0, end - length)]
        return found

    def mean(self, end: int, length: int) -> Floats:
        """Mean of the known units of `length` columns before `end`; NaN where none is known."""
        count = self.window("observed", end, length)
        with np.errstate(invalid="ignore"):
            found: Floats = np.where(count > 0, self.window("units", end, length) / count, np.nan)
        return found


def by_category(grid: Grid, values: Floats) -> Floats:
    """Sums of the rows of a matrix by category (categories + 1 x columns), NaN as 0.

    The last row holds the total.
    """
    filled = np.nan_to_num(values, nan=0.0)
    sums = np.zeros((len(grid.categories) + 1, values.shape[1]))
    np.add.at(sums, grid.category, filled)
    sums[-1] = sums[:-1].sum(axis=0)
    return sums


def running(values: Floats) -> Floats:
    """Sums of the columns before each column, and of all: one column more than `values`."""
    found = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=found[:, 1:])
    return found


def _filled(name: str, values: Floats, now: int, is_planned: bool) -> Singles:
    """Prices stay until they change; a plan that says nothing means none."""
    if name == "price":
        columns = np.arange(values.shape[1])
        last = np.maximum.accumulate(np.where(np.isfinite(values), columns, 0), axis=1)
        filled = np.take_along_axis(values, last, axis=1)
        if not is_planned:
            filled[:, now:] = np.nan
        return filled.astype(np.float32)
    if is_planned:
        values = np.where(np.isfinite(values), values, _NO_PLAN[name])
    return values.astype(np.float32)


def _require_spine(frame: pl.DataFrame, index: Ints, starts: Ints, ends: Ints) -> None:
    gaps = np.flatnonzero(index[ends] - index[starts] != ends - starts)
    if gaps.size:
        name = frame["series_id"][int(starts[gaps[0]])]
        raise PanelError(
            f"Series {name} has periods without a row between its first and its last.",
            "Give every period since the launch, with 0 units where nothing was sold.",
        )
    labels = frame["category"]
    mixed = frame.filter(labels != labels.gather(np.repeat(starts, ends - starts + 1)))
    if mixed.height:
        raise PanelError(
            f"Series {mixed['series_id'][0]} has more than one category.",
            "Give each series the category it has at the origin.",
        )
