"""Elasticities against planted ones, and against what there is to know."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml.pricing.elasticity import PRIOR_DEVIATION, PRIOR_MEAN, Elasticities, fit_elasticities

SPREAD = 0.35
CATEGORIES = 4


def planted(products: int = 800, months: int = 24) -> tuple[pl.DataFrame, dict[str, float]]:
    """Products whose prices walk share the units of their category by price^elasticity."""
    rng = np.random.default_rng(5)
    category = np.arange(products) % CATEGORIES
    elasticity = -1.4 - 0.5 * category + rng.normal(0, SPREAD, products)
    popularity, first = rng.lognormal(0, 1, products), rng.lognormal(3.5, 0.5, products)
    level, parts = np.ones(products), []
    for month in range(months):
        moves = rng.random(products) < 0.4
        level = np.clip(level * (1 + moves * rng.uniform(-0.15, 0.15, products)), 0.75, 1.25)
        weight = popularity * level**elasticity
        units, total = np.zeros(products, dtype=np.int64), np.zeros(products, dtype=np.int64)
        for c in range(CATEGORIES):
            of_category = np.flatnonzero(category == c)
            demand = int(2_000 * (1 + 0.5 * np.sin(month / 4 + c)))
            share = weight[of_category] / weight[of_category].sum()
            units[of_category], total[of_category] = rng.multinomial(demand, share), demand
        parts.append(
            pl.DataFrame(
                {
                    "source_system": "shop",
                    "category": [f"c{c}" for c in category],
                    "product_id": [f"p{i}" for i in range(products)],
                    "month_start": date(2024 + month // 12, month % 12 + 1, 1),
                    "price": (first * level).round(2),
                    "currency": "EUR",
                    "in_stock_days": 30,
                    "line_count": units,
                    "category_line_count": total * 30,
                }
            )
        )
    return pl.concat(parts), {f"p{i}": float(e) for i, e in enumerate(elasticity)}


@pytest.fixture(scope="module")
def fitted() -> tuple[Elasticities, dict[str, float]]:
    rows, truth = planted()
    return fit_elasticities(rows), truth


def test_the_elasticity_of_each_category_is_found(
    fitted: tuple[Elasticities, dict[str, float]],
) -> None:
    found, truth = fitted
    for category in range(CATEGORIES):
        true = float(np.mean([e for name, e in truth.items() if int(name[1:]) % 4 == category]))
        mean, deviation = found.categories[("shop", f"c{category}")]
        assert abs(mean - true) < 0.1 * abs(true)
        assert abs(mean - true) < 3 * deviation
    assert found.spread == pytest.approx(SPREAD, abs=0.15)


def test_intervals_of_products_cover_as_often_as_they_say(
    fitted: tuple[Elasticities, dict[str, float]],
) -> None:
    found, truth = fitted
    inside = [
        abs(mean - truth[name]) < 1.645 * deviation
        for (_, name), (mean, deviation) in found.products.items()
    ]
    assert len(inside) > 700
    assert 0.86 <= np.mean(inside) <= 0.94


def test_products_of_their_own_are_better_than_their_category(
    fitted: tuple[Elasticities, dict[str, float]],
) -> None:
    found, truth = fitted
    own = [abs(found.products[("shop", name)][0] - e) for name, e in truth.items()]
    pooled = [
        abs(found.categories[("shop", f"c{int(name[1:]) % CATEGORIES}")][0] - e)
        for name, e in truth.items()
    ]
    assert np.mean(own) < 0.97 * np.mean(pooled)


def test_one_price_says_nothing() -> None:
    rows, _ = planted(products=20)
    still = rows.with_columns(pl.lit(9.99).alias("price"))
    found = fit_elasticities(still).categories.values()
    assert all(known == (PRIOR_MEAN, PRIOR_DEVIATION) for known in found)
    assert fit_elasticities(rows.clear()) == Elasticities({}, {}, 0.0)


def test_a_price_in_another_currency_is_no_change_of_the_price() -> None:
    rows, _ = planted(products=40, months=12)
    later = rows.filter(pl.col("month_start") >= date(2024, 7, 1))
    # Until July half of the products have a list price in PLN, of 4.3 times the figure.
    is_abroad = pl.col("product_id").str.tail(1).cast(pl.Int64) % 2 == 0
    abroad = rows.filter(pl.col("month_start") < date(2024, 7, 1)).with_columns(
        pl.when(is_abroad).then(pl.col("price") * 4.3).otherwise("price").alias("price"),
        pl.when(is_abroad).then(pl.lit("PLN")).otherwise("currency").alias("currency"),
    )
    without = abroad.filter(pl.col("currency") == "EUR")
    assert fit_elasticities(pl.concat([abroad, later])) == fit_elasticities(
        pl.concat([without, later])
    )


def test_a_few_sales_hardly_move_the_prior() -> None:
    rows = pl.DataFrame(
        {
            "source_system": "shop",
            "category": "c",
            "product_id": "p",
            "month_start": [date(2025, 1, 1), date(2025, 2, 1)],
            "price": [10.0, 11.0],
            "currency": "EUR",
            "in_stock_days": 30,
            "line_count": [2, 2],
            "category_line_count": [100, 100],
        }
    )
    mean, deviation = fit_elasticities(rows).categories[("shop", "c")]
    assert abs(mean - PRIOR_MEAN) < 0.2
    assert 0.9 * PRIOR_DEVIATION < deviation <= PRIOR_DEVIATION


def test_who_is_not_known_has_the_category_and_then_the_prior() -> None:
    known = Elasticities({("shop", "a"): (-1.5, 0.3)}, {("shop", "p"): (-2.5, 0.2)}, 0.4)
    rows = pl.DataFrame(
        {
            "source_system": ["shop", "shop", "shop", "olist"],
            "category": ["a", "a", "b", "a"],
            "product_id": ["p", "q", "r", "p"],
        }
    )
    found = known.of(rows)
    assert found["elasticity"].to_list() == [-2.5, -1.5, PRIOR_MEAN, PRIOR_MEAN]
    assert found["elasticity_deviation"].to_list() == pytest.approx(
        [0.2, 0.5, np.hypot(PRIOR_DEVIATION, 0.4), np.hypot(PRIOR_DEVIATION, 0.4)]
    )


def test_what_is_saved_comes_back(
    fitted: tuple[Elasticities, dict[str, float]], tmp_path: Path
) -> None:
    fitted[0].save(tmp_path / "elasticities.json")
    assert Elasticities.load(tmp_path / "elasticities.json") == fitted[0]
