"""Which price to propose: the margin over a bounded grid, under guardrails, with a lower bound."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from ml.arrays import Floats
from ml.errors import ModelError

GUARDRAILS_FILE = "seeds/price_guardrails.csv"
RAISE, HOLD, LOWER, SKIP = "raise", "hold", "lower", "skip"
GRID_STEP = 0.01
LEAST_CHANGE = 0.02
CONFIDENCE = 0.70
"""Of each bound by itself: a gain is at least its lower bound with this probability. The two ends
of the elasticity that are looked at are one-sided bounds, a central interval of 40 %."""
_QUANTILE = NormalDist().inv_cdf(CONFIDENCE)


@dataclass(frozen=True)
class Guardrails:
    """What no proposal goes beyond.

    `min_margin_share`: the floor is cost x (1 + it); `max_change_share`: either way; `min_days`:
    between two changes of a product.
    """

    min_margin_share: float
    max_change_share: float
    min_days: int

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Guardrails | None:
        """The bounds of the rows of seeds.price_guardrails, None where there is no row.

        Raises ModelError where there are several rows, or a bound is missing or makes no sense.
        """
        if rows.is_empty():
            return None
        if rows.height > 1 or None in rows.row(0):
            found = "several rows" if rows.height > 1 else "a bound without a value"
            raise ModelError(
                f"{GUARDRAILS_FILE} has {found}; it needs one row with all bounds.",
                f"Mend {GUARDRAILS_FILE}, then `storehouse run`.",
            )
        bounds = {name: float(value) for name, value in rows.row(0, named=True).items()}
        for name, value in bounds.items():
            if value < 0 or (name == "max_change_share" and value >= 1):
                raise ModelError(
                    f"{name} in {GUARDRAILS_FILE} is {value:g}; it must be 0 or more"
                    f"{', and below 1' if name == 'max_change_share' else ''}.",
                    f"Mend {GUARDRAILS_FILE}, then `storehouse run`.",
                )
        return cls(
            bounds["min_margin_share"],
            bounds["max_change_share"],
            int(bounds["min_days_between_changes"]),
        )


_STILL = Guardrails(min_margin_share=0.0, max_change_share=0.0, min_days=0)


def propose(products: pl.DataFrame, guardrails: Guardrails | None) -> pl.DataFrame:
    """A price for each product, with the gain it should bring and why it is not another.

    Without guardrails every price stays: nobody has said how far one may move.

    Columns: price, cost_amount (Decimal, null where unknown), elasticity, elasticity_deviation,
    days_since_change, units_before and in_stock_days_before. Adds action, reason, proposed_price,
    change_share, and expected_daily_margin, expected_daily_gain and lower_daily_gain in currency
    per in-stock day; null where there is no cost. All are those of the price in whole
    cents; what was not sold lately gains 0, and has its direction by the gain of a unit.
    """
    if guardrails is None:
        return all_held(propose(products, _STILL), "no_guardrails")
    price = products["price"].cast(pl.Float64).to_numpy()
    cost = products["cost_amount"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    mean = products["elasticity"].to_numpy()
    deviation = products["elasticity_deviation"].to_numpy()
    optimum = best_change(price, cost, mean, guardrails)
    wanted = best_change(price, cost, mean, guardrails, _QUANTILE * deviation)
    in_cents = _in_cents(price, cost, wanted, guardrails)
    change = np.where(price > 0, in_cents / np.where(price > 0, price, 1.0) - 1, 0.0)
    days = pl.col("in_stock_days_before")
    daily = pl.when(days > 0).then(pl.col("units_before") / days).fill_null(0)
    sold = products.select(daily).to_series().to_numpy()
    gain = gain_per_unit(price, cost, mean, change)
    lower = lower_gain_per_unit(price, cost, mean, _QUANTILE * deviation, change)
    proposed = products.with_columns(
        pl.Series("_optimum", optimum),
        pl.Series("_wanted", wanted),
        pl.Series("_change", change),
        pl.Series("_price", in_cents),
        pl.Series("_lower", lower),
        pl.Series("expected_daily_margin", sold * (price - cost)).fill_nan(None),
        pl.Series("expected_daily_gain", sold * gain).fill_nan(None),
        pl.Series("lower_daily_gain", sold * lower).fill_nan(None),
    )
    reason = (
        pl.when(pl.col("cost_amount").is_null())
        .then(pl.lit("no_cost"))
        .when(pl.col("days_since_change") < guardrails.min_days)
        .then(pl.lit("changed_recently"))
        .when(pl.col("_optimum").abs() <= LEAST_CHANGE)
        .then(pl.lit("near_the_optimum"))
        .when(pl.col("_wanted").abs() <= LEAST_CHANGE)
        .then(pl.lit("gain_not_certain"))
        .when(pl.col("_change").abs() <= LEAST_CHANGE)
        .then(pl.lit("near_the_optimum"))
        .when(pl.col("_lower") <= 0)  # in whole cents
        .then(pl.lit("gain_not_certain"))
    )
    result = proposed.with_columns(reason.alias("reason"))
    moves = pl.col("reason").is_null()
    result = result.with_columns(
        pl.when(pl.col("reason") == "no_cost")
        .then(pl.lit(SKIP))
        .when(~moves)
        .then(pl.lit(HOLD))
        .when(pl.col("_change") > 0)
        .then(pl.lit(RAISE))
        .otherwise(pl.lit(LOWER))
        .alias("action"),
        pl.when(moves).then("_change").otherwise(0.0).alias("change_share"),
        pl.col("_price").alias("proposed_price"),
    )
    return _priced(result).drop("_change", "_lower", "_optimum", "_price", "_wanted")


def held(proposed: pl.DataFrame, condition: pl.Expr | pl.Series, reason: str) -> pl.DataFrame:
    """Turns proposals that meet a condition into hold; prices and gains follow the action."""
    is_change = pl.col("action").is_in([RAISE, LOWER])
    result = proposed.with_columns(
        pl.when(is_change & condition).then(pl.lit(HOLD)).otherwise("action").alias("action"),
        pl.when(is_change & condition).then(pl.lit(reason)).otherwise("reason").alias("reason"),
        pl.when(is_change & condition).then(0.0).otherwise("change_share").alias("change_share"),
    )
    return _priced(result)


def all_held(
    proposed: pl.DataFrame, reason: str, rows: pl.Expr | pl.Series | None = None
) -> pl.DataFrame:
    """Turns every proposal, or that of `rows`, into hold for the same reason; skipped ones stay."""
    chosen = pl.lit(True) if rows is None else rows
    stays = pl.when(chosen & (pl.col("action") != SKIP)).then(pl.lit(reason)).otherwise("reason")
    return held(proposed, chosen, reason).with_columns(stays.alias("reason"))


def _priced(decided: pl.DataFrame) -> pl.DataFrame:
    """Price, gains and the reason of a change, as the action has it."""
    stays = ~pl.col("action").is_in([RAISE, LOWER])
    price = pl.when(stays).then(pl.col("price").cast(pl.Float64)).otherwise("proposed_price")
    return decided.with_columns(
        pl.when(pl.col("action") != SKIP).then(price).alias("proposed_price"),
        *(
            pl.when(stays & pl.col(name).is_not_null()).then(0.0).otherwise(name).alias(name)
            for name in ("expected_daily_gain", "lower_daily_gain")
        ),
        pl.when(stays).then("reason").otherwise(pl.lit("margin_is_higher")).alias("reason"),
    )


def _in_cents(price: Floats, cost: Floats, change: Floats, guardrails: Guardrails) -> Floats:
    """Changed prices in whole cents; rounding takes none beyond a bound that its change keeps."""
    most = guardrails.max_change_share
    highest = np.floor(price * (1 + most) * 100 + 1e-6) / 100
    floor = np.minimum(cost * (1 + guardrails.min_margin_share), price * (1 + most))
    lowest = np.ceil(np.maximum(floor, price * (1 - most)) * 100 - 1e-6) / 100
    nearest = np.floor(price * (1 + change) * 100 + 0.5) / 100
    found: Floats = np.minimum(np.maximum(nearest, lowest), highest)
    return found


def best_change(
    price: Floats,
    cost: Floats,
    elasticity: Floats,
    guardrails: Guardrails,
    deviation: Floats | None = None,
) -> Floats:
    """The change on the grid with the highest margin, by product; 0 where none is allowed.

    All are of shape (products,), price and cost in one currency (NaN where a cost is unknown), the
    change a share of the price. A product that is sold under its floor may only be raised, as far
    as the bounds let it. With a `deviation` of the elasticity only changes are looked at that gain
    at either end of it: where the optimum is not certain to, a smaller step towards it often is.
    """
    steps = int(guardrails.max_change_share / GRID_STEP + 1e-9)
    grid: Floats = np.arange(-steps, steps + 1, dtype=np.float64) * GRID_STEP
    own, paid, response = price[:, None], cost[:, None], elasticity[:, None]
    floor = paid * (1 + guardrails.min_margin_share)
    allowed = own * (1 + grid) >= np.minimum(floor, own * (1 + grid[-1])) - 1e-9
    if deviation is not None:
        allowed &= lower_gain_per_unit(own, paid, response, deviation[:, None], grid) > 0
    margin = gain_per_unit(own, paid, response, grid[None, :])
    margin = np.where(allowed & np.isfinite(margin), margin, -np.inf)
    margin[:, steps] = np.maximum(margin[:, steps], 0.0 if deviation is not None else -1e300)
    found: Floats = grid[margin.argmax(axis=1)]
    return np.where(np.isfinite(cost), found, 0.0)


def lower_gain_per_unit(
    price: Floats, cost: Floats, elasticity: Floats, deviation: Floats, change: Floats
) -> Floats:
    """The gain per unit sold today at the worse end of elasticity +- deviation, all (products,)."""
    return np.minimum(
        gain_per_unit(price, cost, elasticity - deviation, change),
        gain_per_unit(price, cost, elasticity + deviation, change),
    )


def gain_per_unit(price: Floats, cost: Floats, elasticity: Floats, change: Floats) -> Floats:
    """Margin at the changed price less that of today, in currency per unit that is sold today.

    Arrays of shapes that broadcast; `change` is a share of the price.
    """
    found: Floats = (price * (1 + change) - cost) * (1 + change) ** elasticity - (price - cost)
    return found
