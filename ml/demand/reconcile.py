"""Totals that add up: product, category and all.

Bottom-up: forecasts of series are summed. It is coherent by construction, and the trees see the
level and the season of category and total, which is what a top-down correction would bring
(Hyndman, Ahmed, Athanasopoulos and Shang, Optimal combination forecasts for hierarchical time
series, Computational Statistics & Data Analysis 55, 2011).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

LEVELS = ("product", "category", "all")


def reconcile(forecast: pl.DataFrame, categories: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    """The mean forecast by level: period, forecast_units and, below `all`, the key of the level.

    `forecast` has series_id, period and forecast_units; `categories` names the category of every
    series (a series without one is its own error: KeyError). Means add up, quantiles do not: the
    upper levels have none.
    """
    names = forecast["series_id"].unique().to_list()
    labels = pl.DataFrame(
        {"series_id": names, "category": [categories[name] for name in names]},
        schema={"series_id": pl.String, "category": pl.String},
    )
    products = forecast.join(labels, on="series_id", how="left").select(
        "series_id", "category", "period", "forecast_units"
    )
    by_category = _sum(products, ["category", "period"])
    return {
        "product": products.sort("series_id", "period"),
        "category": by_category,
        "all": _sum(by_category, ["period"]),
    }


def _sum(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return frame.group_by(keys).agg(pl.col("forecast_units").sum()).sort(keys)
