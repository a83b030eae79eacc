"""Forecasts of the libraries that the demand model is compared with: statsforecast, mlforecast.

They know no masks: a masked day has the mean of the series' other days before the origin, which
is better than the zero that a plain query gives.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from ml.demand.frequency import Frequency
from ml.demand.panel import Panel

THREADS = 1
"""For all alike, ours too: on a busy machine two threads of LightGBM wait for each other."""
WITH_BANDS = ("AutoETS", "AutoTheta", "DynamicOptimizedTheta")
"""Models that give a band of 80 % themselves."""
_OFFSETS = {"day": "1d", "week": "1w", "month": "1mo"}
_SEASONS = {"day": 7, "week": 1, "month": 12}
"""Weekly data has no season here: two years are too short to fit one of 52 weeks."""
_LAGS = {
    "day": [1, 2, 3, 4, 5, 6, 7, 14, 21, 28],
    "week": [1, 2, 3, 4, 8, 13],
    "month": [1, 2, 3, 6, 12],
}


@dataclass(frozen=True)
class PeerForecast:
    """series_id, period, forecast_units, maybe p10, p50 and p90 of one peer; and its seconds."""

    frame: pl.DataFrame
    seconds: float


def statsforecast_models(frequency: Frequency) -> dict[str, Callable[[], Any]]:
    """The models of statsforecast that are compared, by name."""
    from statsforecast import models

    season = _SEASONS[frequency.name]
    return {
        "AutoETS": lambda: models.AutoETS(season_length=season),
        "AutoTheta": lambda: models.AutoTheta(season_length=season),
        "DynamicOptimizedTheta": lambda: models.DynamicOptimizedTheta(season_length=season),
        "statsforecast SBA": lambda: models.CrostonSBA(),
        "statsforecast TSB": lambda: models.TSB(alpha_d=0.1, alpha_p=0.1),
    }


def statsforecast(
    name: str, panel: Panel, origin: date, frequency: Frequency, horizon: int
) -> PeerForecast:
    """The forecast of one model of statsforecast for `horizon` periods from `origin` on."""
    from statsforecast import StatsForecast, models

    history = history_of(panel, origin)
    model = statsforecast_models(frequency)[name]()
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = StatsForecast(
            models=[model],
            freq=_OFFSETS[frequency.name],
            n_jobs=THREADS,
            fallback_model=models.HistoricAverage(),
        )
        level = [80] if name in WITH_BANDS else None
        found = fitted.forecast(df=history, h=horizon, level=level)
    seconds = time.perf_counter() - began
    columns = [name for name in found.columns if name not in ("unique_id", "ds")]
    mean, *bounds = sorted(columns, key=len)
    named = {mean: "forecast_units"}
    if bounds:
        low, high = sorted(bounds, key=lambda column: "-hi-" in column)
        named = {mean: "forecast_units", low: "p10", high: "p90"}
    return PeerForecast(_tidy(found, named), seconds)


def mlforecast(panel: Panel, origin: date, frequency: Frequency, horizon: int) -> PeerForecast:
    """LightGBM with its own defaults on plain lags and rolling means, by mlforecast, recursive."""
    import lightgbm as lgb
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    history = history_of(panel, origin)
    lags = _LAGS[frequency.name]
    window = lags[-1]
    dates = {"day": ["weekday", "month"], "week": ["month"], "month": ["month"]}
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLForecast(
            models={"lgb": lgb.LGBMRegressor(verbosity=-1, n_jobs=THREADS, random_state=1)},
            freq=_OFFSETS[frequency.name],
            lags=lags,
            lag_transforms={1: [RollingMean(window_size=window, min_samples=1)]},
            date_features=dates[frequency.name],
        )
        model.fit(history, static_features=[], dropna=False)
        found = model.predict(horizon)
    return PeerForecast(_tidy(found, {"lgb": "forecast_units"}), time.perf_counter() - began)


def history_of(panel: Panel, origin: date) -> pl.DataFrame:
    """unique_id, ds and y before the origin, masked and unknown periods filled by the mean."""
    known = pl.when(~pl.col("is_masked")).then(pl.col("units"))
    return (
        panel.frame.filter(pl.col("period") < origin)
        .with_columns(known.alias("y"))
        .with_columns(pl.col("y").fill_null(pl.col("y").mean().over("series_id")).fill_null(0.0))
        .select(pl.col("series_id").alias("unique_id"), pl.col("period").alias("ds"), "y")
        .sort("unique_id", "ds")
    )


def _tidy(found: pl.DataFrame, named: Mapping[str, str]) -> pl.DataFrame:
    """A forecast below 0 is 0, for peers as for us; the median of a band is its mean."""
    units = [
        pl.col(column).cast(pl.Float64).clip(lower_bound=0).alias(name)
        for column, name in named.items()
    ]
    tidy = found.select(
        pl.col("unique_id").alias("series_id"), pl.col("ds").cast(pl.Date).alias("period"), *units
    )
    has_band = "p10" in tidy.columns
    return tidy.with_columns(pl.col("forecast_units").alias("p50")) if has_band else tidy
