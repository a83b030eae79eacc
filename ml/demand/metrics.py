"""How good a forecast is: errors of the mean, losses and calibration of quantiles.

WAPE and bias are shares of the units sold. MASE: Hyndman and Koehler, Another look at measures of
forecast accuracy, International Journal of Forecasting 22 (2006). RMSSE: Makridakis, Spiliotis and
Assimakopoulos, The M5 competition, International Journal of Forecasting 38 (2022). Pinball loss:
Koenker and Bassett, Regression quantiles, Econometrica 46 (1978). No MAPE: most periods have no
sale. Periods whose units are unknown or masked count nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.arrays import Floats
from ml.demand.panel import Panel

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}


@dataclass(frozen=True)
class Accuracy:
    """Errors of one forecast; NaN where nothing can be judged.

    `wape` = sum |y - f| / sum y; `bias` = sum (f - y) / sum y; `mase` and `rmsse` are means over
    series that have a scale; `rows` are the periods judged.
    """

    wape: float
    bias: float
    mase: float
    rmsse: float
    rows: int


@dataclass(frozen=True)
class QuantileQuality:
    """A quantile q: its pinball loss per period, P(y < Q) and P(y <= Q), and the miss.

    `miss` is how far q lies outside [below, at_most], in points (hundredths), 0 where inside: on
    counts no integer quantile can do more.
    """

    pinball: float
    below: float
    at_most: float
    miss: float


def judged(forecast: pl.DataFrame, actuals: Panel) -> pl.DataFrame:
    """The rows of a forecast whose units are known and not masked, with those as `actual_units`."""
    known = actuals.frame.filter(pl.col("units").is_not_null() & ~pl.col("is_masked")).select(
        "series_id", "period", pl.col("units").alias("actual_units")
    )
    return forecast.join(known, on=["series_id", "period"], how="inner").sort("series_id", "period")


def scales(history: Panel, lag: int) -> pl.DataFrame:
    """Per series the mean absolute (`mae_scale`) and mean squared (`mse_scale`) in-sample error.

    The first is of the seasonal naive forecast `lag` periods apart, or of the naive one for a
    series too short for it; the second of the naive one, as in the M5. Both from the first sale
    on, over pairs of known periods; null where there is none, or all are equal.
    """
    known = history.frame.with_columns(
        pl.when(~pl.col("is_masked")).then(pl.col("units")).alias("units")
    ).filter((pl.col("units").fill_null(0) > 0).cum_max().over("series_id"))
    steps = known.select(
        "series_id",
        (pl.col("units") - pl.col("units").shift(lag).over("series_id")).abs().alias("seasonal"),
        (pl.col("units") - pl.col("units").shift(1).over("series_id")).alias("naive"),
    )
    means = steps.group_by("series_id").agg(
        pl.coalesce(pl.col("seasonal").mean(), pl.col("naive").abs().mean()).alias("mae_scale"),
        (pl.col("naive") ** 2).mean().alias("mse_scale"),
    )
    positive = [
        pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name)
        for name in ("mae_scale", "mse_scale")
    ]
    return means.with_columns(positive).sort("series_id")


def accuracy(rows: pl.DataFrame, scale: pl.DataFrame) -> Accuracy:
    """Errors of the mean in rows of `judged`; `scale` as of `scales` of the history."""
    error = pl.col("forecast_units") - pl.col("actual_units")
    sums = rows.select(
        error.abs().sum().alias("absolute"),
        error.sum().alias("signed"),
        pl.col("actual_units").sum().alias("units"),
    ).row(0, named=True)
    by_series = (
        rows.group_by("series_id")
        .agg(error.abs().mean().alias("mae"), (error**2).mean().alias("mse"))
        .join(scale, on="series_id", how="left")
        .sort("series_id")  # a mean depends on the order of its rows in its last digits
        .select(
            (pl.col("mae") / pl.col("mae_scale")).alias("mase"),
            (pl.col("mse") / pl.col("mse_scale")).sqrt().alias("rmsse"),
        )
    )
    return Accuracy(
        wape=_share(sums["absolute"], sums["units"]),
        bias=_share(sums["signed"], sums["units"]),
        mase=_mean(by_series["mase"]),
        rmsse=_mean(by_series["rmsse"]),
        rows=rows.height,
    )


def quantile_quality(
    rows: pl.DataFrame, quantiles: Mapping[str, float] = QUANTILES
) -> dict[str, QuantileQuality]:
    """The quality of each quantile column in rows of `judged`."""
    actual = rows["actual_units"].to_numpy()
    return {
        name: _quantile_quality(actual, rows[name].to_numpy(), level)
        for name, level in quantiles.items()
    }


def value_added(served: Accuracy, naive: Accuracy) -> float:
    """Forecast value added: the share of the seasonal naive forecast's WAPE that is gone."""
    return 1 - served.wape / naive.wape if naive.wape > 0 else float("nan")


def _quantile_quality(actual: Floats, quantile: Floats, level: float) -> QuantileQuality:
    if actual.size == 0:
        return QuantileQuality(float("nan"), float("nan"), float("nan"), float("nan"))
    over = actual - quantile
    below, at_most = float(np.mean(over < 0)), float(np.mean(over <= 0))
    return QuantileQuality(
        pinball=float(np.mean(np.maximum(level * over, (level - 1) * over))),
        below=below,
        at_most=at_most,
        miss=100 * max(below - level, level - at_most, 0.0),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _mean(values: pl.Series) -> float:
    found = values.drop_nulls().drop_nans()
    return float(found.to_numpy().mean()) if found.len() else float("nan")
