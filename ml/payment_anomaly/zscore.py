"""Robust z-scores of payment amounts against earlier payments.

Method: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): 0.6745 (x - median) / MAD,
and (x - median) / (1.2533 x mean absolute deviation) where the MAD is 0; here on the logarithm of
the amount, which is closer to symmetric than the amount.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.arrays import Floats

BASELINE_DAYS = 180
LEAST_BASELINE = 30
MAD_FACTOR = 0.6745
MEAN_DEVIATION_FACTOR = 1.2533
NO_SPREAD = 1e-12  # of logarithms: amounts that are equal but for rounding


_OUTPUT = {
    "z_score": pl.Float64,
    "z_baseline": pl.String,
    "z_baseline_size": pl.Int32,
    "z_reason": pl.String,
}


@dataclass(frozen=True)
class Baseline:
    """Location and scale of log amounts; scale is None where every amount is the same."""

    size: int
    median: float
    scale: float | None


def add_z_scores(payments: pl.DataFrame) -> pl.DataFrame:
    """Adds z_score, z_baseline, z_baseline_size and z_reason to `payments`.

    Input, one row per payment: source_system, payment_method_id, currency, payment_date (Date),
    available_at (Datetime), amount (Decimal or float, in currency). The baseline of a payment is
    the payments of the last BASELINE_DAYS days before its date, never of the date itself, that were
    known when the first payment of the date and source was: of its source, method and currency, or
    of all methods where those are fewer than LEAST_BASELINE (`z_baseline` says which).

    `z_score` is null with a `z_reason` where none can be given: no_date, not_positive,
    thin_baseline (fewer than LEAST_BASELINE payments over all methods) or constant_baseline (all
    earlier amounts are equal, and this one is not).
    """
    rows = payments.with_row_index("_row").with_columns(
        pl.col("amount").cast(pl.Float64).alias("_amount")
    )
    usable = rows.filter(pl.col("payment_date").is_not_null() & (pl.col("_amount") > 0))
    usable = usable.select(
        "_row",
        "source_system",
        "payment_method_id",
        "currency",
        pl.col("payment_date").cast(pl.Int32).alias("_day"),
        pl.col("_amount").log().alias("_log_amount"),
        "available_at",
        pl.col("available_at").min().over("source_system", "payment_date").alias("_known_by"),
    )
    pooled = _baselines(usable, ["source_system", "currency"])
    by_method = _baselines(usable, ["source_system", "payment_method_id", "currency"])
    joined = usable.join(
        by_method, on=["source_system", "payment_method_id", "currency", "_day"], how="left"
    ).join(pooled, on=["source_system", "currency", "_day"], how="left", suffix="_pooled")
    has_method = pl.col("_size") >= LEAST_BASELINE
    has_pooled = pl.col("_size_pooled") >= LEAST_BASELINE

    def chosen(name: str) -> pl.Expr:
        return pl.when(has_method).then(name).when(has_pooled).then(f"{name}_pooled")

    deviation = pl.col("_log_amount") - chosen("_median")
    is_same = deviation.abs() < NO_SPREAD
    scale = chosen("_scale")
    scored = joined.select(
        "_row",
        pl.when(scale > 0)
        .then(deviation / scale)
        .when((scale == 0) & is_same)
        .then(0.0)
        .alias("z_score"),
        pl.when(has_method)
        .then(pl.lit("method_and_currency"))
        .when(has_pooled)
        .then(pl.lit("currency"))
        .alias("z_baseline"),
        chosen("_size").cast(pl.Int32).alias("z_baseline_size"),
        pl.when((scale == 0) & ~is_same)
        .then(pl.lit("constant_baseline"))
        .when(scale.is_null())
        .then(pl.lit("thin_baseline"))
        .alias("z_reason"),
    )
    missing = (
        pl.when(pl.col("payment_date").is_null())
        .then(pl.lit("no_date"))
        .when(pl.col("_amount").is_null() | (pl.col("_amount") <= 0))
        .then(pl.lit("not_positive"))
    )
    return (
        rows.join(scored, on="_row", how="left")
        .with_columns(pl.coalesce(missing, "z_reason").alias("z_reason"))
        .sort("_row")
        .drop("_row", "_amount")
        .cast(_OUTPUT)  # type: ignore[arg-type]
    )


def _baselines(usable: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """Median and scale of the BASELINE_DAYS before each day on which the group has a payment."""
    schema = {"_day": pl.Int32, "_size": pl.Int32, "_median": pl.Float64, "_scale": pl.Float64}
    parts = [pl.DataFrame(schema=schema | {name: usable.schema[name] for name in group})]
    # By amount within the day, so that sums round alike in whatever order the rows come.
    in_order = usable.sort(*group, "_day", "_log_amount")
    for key, rows in in_order.group_by(group, maintain_order=True):
        days = rows["_day"].to_numpy()
        values, available = rows["_log_amount"].to_numpy(), rows["available_at"].to_numpy()
        judged_days, first_rows = np.unique(days, return_index=True)
        known_by = rows["_known_by"].to_numpy()[first_rows]
        starts = np.searchsorted(days, judged_days - BASELINE_DAYS, side="left")
        ends = np.searchsorted(days, judged_days, side="left")
        found = [
            _baseline(values[start:end][available[start:end] <= moment])
            for start, end, moment in zip(starts, ends, known_by, strict=True)
        ]
        part = pl.DataFrame(
            {
                "_day": judged_days,
                "_size": [baseline.size for baseline in found],
                "_median": [baseline.median for baseline in found],
                "_scale": [baseline.scale for baseline in found],
            },
            schema=schema,
        )
        labels = [
            pl.lit(value, dtype=usable.schema[name]).alias(name)
            for name, value in zip(group, key, strict=True)
        ]
        parts.append(part.with_columns(labels))
    return pl.concat(parts)


def _baseline(values: Floats) -> Baseline:
    if len(values) == 0:
        return Baseline(0, 0.0, None)
    median = float(np.median(values))
    deviations = np.abs(values - median)
    mad = float(np.median(deviations))
    if mad > NO_SPREAD:
        return Baseline(len(values), median, mad / MAD_FACTOR)
    mean_deviation = float(deviations.mean())
    scale = MEAN_DEVIATION_FACTOR * mean_deviation if mean_deviation > NO_SPREAD else 0.0
    return Baseline(len(values), median, scale)
