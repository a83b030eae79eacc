"""What the boosted trees see: the history before an origin, and what is planned for a period.

A row is a series, an origin and a horizon. Features of the history are those of the origin, with
the horizon as one more feature, so that one model serves all horizons; seasonal means are those of
the forecast period, from periods before the origin only. Units are relative to `base`, the pooled
mean of the series, so that trees learn one shape for small and large series (Montero-Manso and
Hyndman, Principles and algorithms for forecasting groups of time series, International Journal of
Forecasting 37, 2021, on global models).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats, Ints
from ml.demand.classes import classify, demand_shape
from ml.demand.grid import Grid, Singles, by_category, running
from ml.demand.pooling import pooled_mean
from ml.demand.smoothing import Smoothed

LAGS = 3
SEASONS = 8
"""How many seasons back a seasonal mean looks."""
CATEGORICAL = ("category",)
OF_YEAR = ("month", "year_position", "day_of_month")
_AROUND = {"day": 3, "week": 1, "month": 0}
"""Periods on either side that last year's mean takes in."""
_LEAST_BASE = 1e-3
_LEAST_GROUP = 5
"""Series per category, on average, from which on the category is a feature."""
_LEAST_YEARS = 1.5
_FARTHEST = 99.0
"""Where a ratio or an ADI is cut off."""


@dataclass(frozen=True)
class Rows:
    """Series, horizons (from 1) and origin of feature rows; arrays of one length."""

    column: int
    series: Ints
    horizon: Ints

    @property
    def target(self) -> Ints:
        """The columns of the forecast periods."""
        return self.column + self.horizon - 1


@dataclass(frozen=True)
class FeaturePlan:
    """What the features of a model are made with, settled when it is fitted.

    `half_life` and `prior` are those of the pooled mean that units are relative to. `categories`
    are those the trees know, none where they would rather name single series; `planned` the
    covariates known in advance; `covariates` all; `has_year` whether history is long enough to tell
    a season of the year from a trend.
    """

    half_life: int
    prior: float
    categories: tuple[str, ...]
    covariates: tuple[str, ...]
    planned: tuple[str, ...]
    has_year: bool

    @classmethod
    def of(cls, grid: Grid, half_life: int, prior: float) -> FeaturePlan:
        """The plan for models of a grid."""
        is_group = grid.size >= _LEAST_GROUP * len(grid.categories)
        return cls(
            half_life=half_life,
            prior=prior,
            categories=tuple(grid.categories) if is_group else (),
            covariates=tuple(grid.covariates),
            planned=tuple(sorted(grid.planned)),
            has_year=grid.now >= _LEAST_YEARS * grid.frequency.year,
        )


class FeatureMaker:
    """Makes feature rows of a grid; `smoothed` must hold the origins that rows are asked for."""

    def __init__(self, grid: Grid, smoothed: Smoothed, plan: FeaturePlan) -> None:
        self.grid = grid
        self._smoothed = smoothed
        self._plan = plan
        code = {name: float(position) for position, name in enumerate(plan.categories)}
        known = np.array([code.get(name, np.nan) for name in grid.categories])
        self._category = known[grid.category]
        past = grid.units[:, : grid.now]
        self._category_units = running(by_category(grid, past))
        self._category_known = running(by_category(grid, np.isfinite(past).astype(np.float64)))

    def base(self, column: int) -> Floats:
        """The pooled mean before an origin, above 0, of shape (series,)."""
        plan = self._plan
        mean = pooled_mean(self.grid, self._smoothed, plan.half_life, plan.prior, column)
        return np.maximum(mean, _LEAST_BASE * max(float(mean.mean()), _LEAST_BASE))

    def make(self, rows: Rows) -> tuple[Floats, Floats]:
        """The features (rows x names, float32) and the base of each row."""
        base = self.base(rows.column)
        history = self._history(rows.column, base)
        target = self._target(rows, base)
        columns = [values[rows.series] for values in history.values()] + list(target.values())
        matrix = np.empty((rows.series.size, len(columns)), dtype=np.float32)
        for position, values in enumerate(columns):
            matrix[:, position] = values
        return matrix, base[rows.series]  # type: ignore[return-value]

    @property
    def names(self) -> list[str]:
        """The names of the features, in the order of the columns."""
        no_rows = Rows(self._smoothed.columns[-1], np.zeros(0, np.int64), np.ones(0, np.int64))
        base = self.base(no_rows.column)
        return [*self._history(no_rows.column, base), *self._target(no_rows, base)]

    def _history(self, column: int, base: Floats) -> dict[str, Floats]:
        """Features by series, from columns before `column`."""
        grid, sums, frequency = self.grid, self.grid.sums, self.grid.frequency
        found: dict[str, Floats] = {"category": self._category, "log_base": np.log(base)}
        for length in frequency.windows:
            found[f"mean_{length}"] = _ratio(sums.mean(column, length), base)
        for length in frequency.windows[1:4:2]:
            known = sums.window("observed", column, length)
            found[f"zero_share_{length}"] = 1 - _ratio(sums.window("sold", column, length), known)
        for lag in range(1, LAGS + 1):
            missing = np.full(grid.size, np.nan)
            value = grid.units[:, column - lag] if column >= lag else missing
            found[f"lag_{lag}"] = _ratio(value, base)
        last = sums.last_sale[:, column]
        found["since_sale"] = np.where(last >= 0, column - last, np.nan).astype(np.float64)
        # Older than that tells the date more than the product.
        found["age"] = np.minimum(column - grid.launch, frequency.windows[3]).astype(np.float64)
        adi, cv2 = demand_shape(sums, column)
        found["adi"] = np.minimum(adi, _FARTHEST)
        found["cv2"] = cv2
        found["class"] = classify(sums, column).astype(np.float64)
        short, long = frequency.windows[1], frequency.windows[3]
        recent = _ratio(self._pool(column, short), self._pool(column, long))
        found["category_trend"] = recent[grid.category]
        if self._plan.has_year:  # one number per origin: of few origins, trees learn the date
            found["total_trend"] = np.full(grid.size, float(recent[-1]))
        found |= self._prices(column, long)
        if "discount_share" in self._plan.covariates:
            found["discount_before"] = _mean(grid.covariates["discount_share"], column, short)
        return found

    def _prices(self, column: int, length: int) -> dict[str, Floats]:
        if "price" not in self._plan.covariates or column == 0:
            return {}
        price = self.grid.covariates["price"]
        now = price[:, column - 1].astype(np.float64)
        return {
            "log_price": np.log(np.maximum(now, _LEAST_BASE)),
            "relative_price": _ratio(now, _mean(price, column, length)),
        }

    def _target(self, rows: Rows, base: Floats) -> dict[str, Floats]:
        """Features by row, of the forecast period."""
        grid, frequency = self.grid, self.grid.frequency
        target = rows.target
        found: dict[str, Floats] = {"horizon": rows.horizon.astype(np.float64)}
        calendar = frequency.calendar(target + grid.first)
        found |= {n: v for n, v in calendar.items() if self._plan.has_year or n not in OF_YEAR}
        own = base[rows.series]
        found["season_mean"] = _ratio(self._season_mean(rows), own)
        if self._plan.has_year:
            found |= self._last_year(rows, own)
        return found | self._planned(rows)

    def _last_year(self, rows: Rows, own: Floats) -> dict[str, Floats]:
        """The same time a year before: of the series, its category and all, against then."""
        grid, frequency = self.grid, self.grid.frequency
        around = _AROUND[frequency.name]
        target = rows.target
        middle = target - frequency.year
        found = {"year_mean": _ratio(self._own_window(rows.series, middle, around), own)}
        then = self._pool(max(0, rows.column - frequency.year), frequency.windows[2])
        for name, row in (
            ("category_year", grid.category[rows.series]),
            ("total_year", np.full(target.size, len(grid.categories))),
        ):
            at_target = self._pool_around(row, middle, around)
            found[name] = _ratio(at_target, then[row])
        return found

    def _planned(self, rows: Rows) -> dict[str, Floats]:
        grid, frequency, target = self.grid, self.grid.frequency, rows.target
        found: dict[str, Floats] = {}
        for name in self._plan.planned:
            if name != "price":
                values = grid.covariates[name][rows.series, target]
                found[f"planned_{name}"] = values.astype(np.float64)
        if "price" in self._plan.planned:
            usual = _mean(grid.covariates["price"], rows.column, frequency.windows[3])[rows.series]
            planned = grid.covariates["price"][rows.series, target]
            found["planned_price"] = _ratio(planned.astype(np.float64), usual)
        return found

    def _season_mean(self, rows: Rows) -> Floats:
        """Mean of the known units one, two ... seasons before the period, before the origin."""
        season = self.grid.frequency.season
        total, count = np.zeros(rows.series.size), np.zeros(rows.series.size)
        nearest = -(-rows.horizon // season)
        for back in range(SEASONS):
            column = rows.target - season * (nearest + back)
            value = self.grid.units[rows.series, np.maximum(column, 0)]
            is_known = np.isfinite(value) & (column >= 0)
            total += np.where(is_known, value, 0.0)
            count += is_known
        return _ratio(total, count)

    def _own_window(self, series: Ints, middle: Ints, around: int) -> Floats:
        sums = self.grid.sums
        low, high = np.maximum(middle - around, 0), np.maximum(middle + around + 1, 0)
        units = sums.units[series, high] - sums.units[series, low]
        return _ratio(units, sums.observed[series, high] - sums.observed[series, low])

    def _pool(self, column: int, length: int) -> Floats:
        """Units per series and period by category, the total last; NaN where nothing is known."""
        start = max(0, column - length)
        return _ratio(
            self._category_units[:, column] - self._category_units[:, start],
            self._category_known[:, column] - self._category_known[:, start],
        )

    def _pool_around(self, row: Ints, middle: Ints, around: int) -> Floats:
        low, high = np.maximum(middle - around, 0), np.maximum(middle + around + 1, 0)
        units = self._category_units[row, high] - self._category_units[row, low]
        return _ratio(units, self._category_known[row, high] - self._category_known[row, low])


def _ratio(values: Floats, by: Floats) -> Floats:
    found: Floats = np.full(np.broadcast(values, by).shape, np.nan)
    np.divide(values, by, out=found, where=by > 0)
    found = np.minimum(found, _FARTHEST)
    return found


def _mean(values: Singles, column: int, length: int) -> Floats:
    """Mean of the known values of some columns before `column`, by row."""
    part = values[:, max(0, column - length) : column].astype(np.float64)
    known = np.isfinite(part)
    return _ratio(np.where(known, part, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64))
