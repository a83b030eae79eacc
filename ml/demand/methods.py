"""The statistical forecasts: of each series the mean per period, from its history alone.

A method has variants (windows, smoothing constants); which one serves a class of series is chosen
on validation origins. All give series x horizon, and the mean of the category where a series has
no known period.
"""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats
from ml.demand.frequency import Frequency
from ml.demand.grid import Grid
from ml.demand.pooling import PRIORS, pooled_mean
from ml.demand.smoothing import ALPHAS, CHANCE_ALPHAS, Smoothed

METHODS = ("seasonal_naive", "moving_average", "croston", "sba", "tsb", "pooled_mean")
"""Simplest first."""
_SEASONS_BACK = 4


def variants(method: str, frequency: Frequency) -> list[tuple[float, ...]]:
    """The parameters that a method may have: its window, its constants or its half-life.

    Longest memory first: of forecasts alike, the steadier one is taken.
    """
    if method == "seasonal_naive":
        return [()]
    if method == "moving_average":
        return [(float(length),) for length in reversed(frequency.averages)]
    if method in ("croston", "sba"):
        return [(alpha,) for alpha in ALPHAS]
    if method == "tsb":
        return [(alpha, chance) for alpha in ALPHAS[1:3] for chance in CHANCE_ALPHAS]
    lives = reversed(frequency.half_lives)
    return [(float(life), prior) for life in lives for prior in reversed(PRIORS)]


def default_variant(method: str, frequency: Frequency) -> tuple[float, ...]:
    """What a method uses where there is no validation origin to choose by."""
    found = {
        "seasonal_naive": (),
        "moving_average": (float(frequency.averages[1]),),
        "croston": (0.1,),
        "sba": (0.1,),
        "tsb": (0.1, 0.1),
        "pooled_mean": (float(frequency.half_lives[2]), 1.0),
    }
    return found[method]


def mean_forecast(
    grid: Grid,
    smoothed: Smoothed,
    method: str,
    variant: tuple[float, ...],
    column: int,
) -> Floats:
    """The forecast (series x horizon) of one method from the origin at `column`."""
    at = smoothed.columns.index(column)
    new = pooled_mean(grid, smoothed, grid.frequency.half_lives[2], 1.0, column)
    horizon = grid.frequency.horizon
    if method == "seasonal_naive":
        return _seasonal_naive(grid, column, new)
    if method == "moving_average":
        level = grid.sums.mean(column, int(variant[0]))
        level = np.where(np.isnan(level), grid.sums.mean(column, column), level)
    elif method == "croston":
        level = smoothed.croston(variant[0])[at]
    elif method == "sba":
        level = smoothed.sba(variant[0])[at]
    elif method == "tsb":
        level = smoothed.tsb(variant[0], variant[1])[at]
    else:
        level = pooled_mean(grid, smoothed, int(variant[0]), variant[1], column)
    is_new = grid.sums.observed[:, column] == 0
    level = np.where(is_new, new, level)
    return np.repeat(level[:, None], horizon, axis=1)


def _seasonal_naive(grid: Grid, column: int, otherwise: Floats) -> Floats:
    """The last known units one or more seasons before; else the last known units at all."""
    season, horizon = grid.frequency.season, grid.frequency.horizon
    past = grid.units[:, :column]
    last = np.maximum.accumulate(np.where(np.isfinite(past), np.arange(column), -1), axis=1)
    latest = last[:, -1] if column else np.full(grid.size, -1)
    rows = np.arange(grid.size)
    naive = np.where(latest >= 0, past[rows, latest] if column else 0.0, otherwise)
    found = np.full((grid.size, horizon), np.nan)
    for step in range(horizon):
        nearest = column + step - season * (step // season + 1)
        for back in range(_SEASONS_BACK):
            at = nearest - season * back
            if at >= 0:
                found[:, step] = np.where(np.isnan(found[:, step]), past[:, at], found[:, step])
    return np.where(np.isnan(found), naive[:, None], found)
