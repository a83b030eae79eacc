"""Demand that stock-outs hide: what is estimated with such days masked, or taken as days of 0.

Real demand is the units that were ordered, as reported on the day, and those that the simulator
says were asked for at an empty shelf.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from bench.ml.demand_data import shop_origins, shop_rows
from bench.report import Cell, Goal, Part, Table
from ingest.home import Home
from ml.demand.fitting import fit
from ml.demand.frequency import DAY
from ml.demand.model import panel_of
from ml.demand.panel import Panel
from ml.demand.settings import Settings

RECENT_DAYS = 56
MASKED, UNMASKED = "masked", "taken as 0"


def run(home: Home) -> Part:
    """Bias of the level and of the forecast, both ways; the goal is on the level."""
    rows = shop_rows(home)
    lost = pl.read_parquet(home.truth / "lost_demand.parquet")
    demand = real_demand(rows, lost)
    hidden = panel_of(rows)
    shown = Panel(hidden.frame.with_columns(is_masked=False), hidden.planned)
    panels = {MASKED: hidden, UNMASKED: shown}
    levels = {name: level_bias(panel, demand) for name, panel in panels.items()}
    forecasts = {name: _forecast_bias(panel, rows, demand) for name, panel in panels.items()}
    stocked_out = demand.filter("is_masked")
    found: list[Mapping[str, Cell]] = [
        {
            "stock-out days": name,
            "bias of the level": levels[name],
            "bias of the forecast": forecasts[name],
        }
        for name in panels
    ]
    share = stocked_out.height / demand.height
    note = (
        f"Products with a stock-out; {share:.1%} of the days of all have one. Forecasts: products "
        f"with one in the {RECENT_DAYS} days before an origin, of three origins."
    )
    ratio = abs(levels[MASKED]) / abs(levels[UNMASKED])
    return Part(
        [Table("Stock-outs: estimated by real demand, less 1", found, note)],
        [
            Goal("censoring", ratio, 1.0),
            Goal("censoring_forecast", abs(forecasts[MASKED]) / abs(forecasts[UNMASKED]), 1.0),
        ],
    )


def real_demand(rows: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """series_id, period, is_masked and demand: reported units, and those lost at empty shelves."""
    return (
        rows.filter(~pl.col("is_future"))
        .join(
            lost.rename({"date": "business_date"}), on=["product_id", "business_date"], how="left"
        )
        .select(
            pl.col("product_id").alias("series_id"),
            pl.col("business_date").alias("period"),
            pl.col("is_stock_out").alias("is_masked"),
            (pl.col("reported_units") + pl.col("lost_quantity").fill_null(0)).alias("demand"),
        )
    )


def level_bias(panel: Panel, demand: pl.DataFrame) -> float:
    """How far mean units of days that are not masked are off mean demand of all days, as a share.

    Over products with a stock-out; each counts by its days.
    """
    known = panel.frame.filter(pl.col("units").is_not_null() & ~pl.col("is_masked"))
    levels = known.group_by("series_id").agg(pl.col("units").mean().alias("level"))
    found = (
        demand.filter(pl.col("is_masked").any().over("series_id"))
        .group_by("series_id")
        .agg(pl.len().alias("days"), pl.col("demand").sum())
        .join(levels, on="series_id", how="left")
        .select((pl.col("level").fill_null(0) * pl.col("days")).sum(), pl.col("demand").sum())
    )
    estimated, real = found.row(0)
    return float(estimated / real - 1)


def _forecast_bias(panel: Panel, rows: pl.DataFrame, demand: pl.DataFrame) -> float:
    """The same of forecasts over a horizon, of products with a stock-out shortly before."""
    forecast_units, real = 0.0, 0.0
    for origin in shop_origins(rows):
        known = panel.as_of(origin)
        forecast = fit(known, origin, DAY, Settings(threads=1)).forecast(known, origin)
        recent = pl.col("period").is_between(
            origin - timedelta(days=RECENT_DAYS), origin, closed="left"
        )
        products = demand.filter(recent & pl.col("is_masked")).select("series_id").unique()
        found = forecast.join(products, on="series_id", how="semi").join(
            demand, on=["series_id", "period"]
        )
        forecast_units += float(found["forecast_units"].sum())
        real += float(found["demand"].sum())
    return forecast_units / real - 1
