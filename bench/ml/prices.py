"""Prices on the simulator: elasticities against the planted ones, the policy against the optimum.

Policy and optimum are judged by the planted demand response, at the prices and costs the warehouse
knows, under the same guardrails. That changes of 2 % or less are not made, that a gain must be
certain, and the classifier belong to the policy: the optimum has none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from bench.ml.policy_value import Market, optimum, share_of_optimum
from bench.report import Cell, Goal, Part, Table
from ingest.home import Home
from ml.arrays import Floats
from ml.frame.model import Data
from ml.frame.reading import read_data
from ml.frame.registry import Registry
from ml.frame.scores import read_scores
from ml.pricing import PriceRecommendation
from ml.pricing.elasticity import Elasticities
from ml.pricing.model import CANDIDATES, GUARDRAILS
from ml.pricing.policy import GUARDRAILS_FILE, Guardrails, propose

SHOP = "shop"
MOST_ERROR, LEAST_SHARE = 10.0, 0.90
_REPORT = ("accuracy", "macro_f1", "weighted_f1")
_CLASSES = ("precision", "recall", "f1", "support")


def run(home: Home) -> Part:
    """Elasticities by category, what the policy earns, and the report of the classifier."""
    model, registry = PriceRecommendation(), Registry(home.models)
    latest = registry.versions(model.name)[-1]
    fitted = model.load(registry.artefacts(model.name, latest.number))
    if fitted.elasticities is None:
        raise ValueError("A trained version has elasticities.")
    data = read_data(home.warehouse_file, model.reads)
    truth = pl.read_parquet(home.truth / "product_elasticities.parquet")
    by_category = category_errors(fitted.elasticities, truth)
    worst = max(float(row["error, %"] or 0) for row in by_category)
    policy, earned = _policy(home, data, fitted.elasticities, truth)
    gate = "serves" if latest.is_champion else "was refused by the gate"
    return Part(
        [
            Table(
                "Elasticities by category, pooled",
                by_category,
                f"By product: median error {product_error(fitted.elasticities, truth):.1f} %.",
            ),
            Table(f"Price policy; v{latest.number} {gate}", policy),
            Table("Success of price changes: the report", _report(latest.metrics)),
        ],
        [
            Goal("elasticity", worst, MOST_ERROR),
            Goal("price_policy", earned, LEAST_SHARE, is_floor=True),
        ],
    )


def category_errors(found: Elasticities, truth: pl.DataFrame) -> list[Mapping[str, Cell]]:
    """By category of the shop: found and planted elasticity, and the error in per cent of it."""
    planted = truth.group_by(pl.col("category").str.to_lowercase()).agg(
        pl.col("category_elasticity").first(), pl.col("elasticity").mean(), pl.len()
    )
    rows: list[Mapping[str, Cell]] = []
    for category, own, mean, count in planted.sort("category").iter_rows():
        pooled, deviation = found.categories[(SHOP, category)]
        rows.append(
            {
                "category": category,
                "products": count,
                "found": pooled,
                "deviation": deviation,
                "planted": own,
                "mean of products": mean,
                "error, %": 100 * abs(pooled - own) / abs(own),
            }
        )
    return rows


def product_error(found: Elasticities, truth: pl.DataFrame) -> float:
    """The median error over products, in per cent of each planted elasticity."""
    rows = found.of(
        truth.select(
            pl.lit(SHOP).alias("source_system"),
            pl.col("category").str.to_lowercase(),
            "product_id",
            pl.col("elasticity").alias("planted"),
        )
    )
    error = (rows["elasticity"] - rows["planted"]).abs() / rows["planted"].abs()
    return 100 * float(np.median(error.to_numpy()))


def _policy(
    home: Home, data: Data, elasticities: Elasticities, truth: pl.DataFrame
) -> tuple[list[Mapping[str, Cell]], float]:
    """What was served, and what it would be without its parts; the share that was served."""
    guardrails = Guardrails.of(data[GUARDRAILS])
    if guardrails is None:
        raise ValueError(f"{GUARDRAILS_FILE} has no bounds to measure under.")
    served = read_scores(home.scores / PriceRecommendation.name)
    products = (
        data[CANDIDATES]
        .filter((pl.col("source_system") == SHOP) & pl.col("cost_amount").is_not_null())
        .join(
            demand_of(truth, pl.read_parquet(home.truth / "product_demand.parquet")),
            on="product_id",
        )
        .sort("product_id")
    )
    market = market_of(products, guardrails.min_days)
    best = optimum(market, guardrails.min_margin_share, guardrails.max_change_share)
    certain = propose(elasticities.of(products), guardrails)
    told = products.select("product_id").with_columns(
        pl.Series("elasticity", market.elasticity), pl.lit(0.0).alias("elasticity_deviation")
    )
    known = propose(products.drop("elasticity").join(told, on="product_id"), guardrails)
    policies = {
        "served": served,
        "without the classifier": certain,
        "without the classifier and the certain gain": propose(
            elasticities.of(products).with_columns(pl.lit(0.0).alias("elasticity_deviation")),
            guardrails,
        ),
        "planted elasticities, own rules": known,
    }
    rows: list[Mapping[str, Cell]] = []
    for name, policy in policies.items():
        change = _changes(products, policy)
        rows.append(_row(name, market, change, best))
    rows.append(_row("planted optimum", market, best, best))
    return rows, float(rows[0]["share of the optimum"] or 0.0)


def _row(name: str, market: Market, change: Floats, best: Floats) -> Mapping[str, Cell]:
    return {
        "policy": name,
        "raised": int((change > 0).sum()),
        "lowered": int((change < 0).sum()),
        "held": int((change == 0).sum()),
        "gain a day": float(market.daily_gain(change).sum()),
        "share of the optimum": share_of_optimum(market, change, best),
    }


def demand_of(truth: pl.DataFrame, demand: pl.DataFrame) -> pl.DataFrame:
    """product_id, planted elasticity, units a day at the last price, and share of the category.

    The demand for the category follows from the first price, at which the share is known.
    """
    by_time = demand.sort("product_id", "valid_from").group_by("product_id", maintain_order=True)
    units = by_time.agg(
        pl.col("expected_units_per_day").first().alias("first"),
        pl.col("expected_units_per_day").last().alias("units"),
    )
    joined = truth.join(units, on="product_id")
    category = pl.col("first") / pl.col("reference_share")
    return joined.select(
        "product_id", "elasticity", "units", (pl.col("units") / category).alias("share")
    )


def market_of(products: pl.DataFrame, min_days: int) -> Market:
    """The market of candidates with their planted demand."""

    def values(name: str) -> Floats:
        found: Floats = products[name].cast(pl.Float64).to_numpy()
        return found

    since = products["days_since_change"].fill_null(min_days).to_numpy()
    return Market(
        price=values("price"),
        cost=values("cost_amount"),
        units=values("units"),
        elasticity=values("elasticity"),
        share=values("share"),
        may_change=since >= min_days,
    )


def _changes(products: pl.DataFrame, policy: pl.DataFrame) -> Floats:
    changes = products.select("product_id").join(
        policy.filter(pl.col("source_system") == SHOP).select("product_id", "change_share"),
        on="product_id",
        how="left",
        maintain_order="left",
    )
    found: Floats = changes["change_share"].fill_null(0.0).to_numpy()
    return found


def _report(metrics: Mapping[str, float]) -> list[Mapping[str, Cell]]:
    """The classification report of the version's training, by predictor."""
    rows: list[Mapping[str, Cell]] = []
    for name, prefix in (("classifier", ""), ("majority", "majority_"), ("always 1", "always_1_")):
        row: dict[str, Cell] = {"predictor": name}
        row |= {measure: metrics[f"{prefix}{measure}"] for measure in _REPORT}
        for label in ("0", "1"):
            row |= {f"{m} {label}": metrics[f"{prefix}class_{label}_{m}"] for m in _CLASSES}
        if not prefix:
            row |= {"AUC": metrics.get("roc_auc"), "calibration": metrics["calibration_error"]}
        rows.append(row)
    return rows
