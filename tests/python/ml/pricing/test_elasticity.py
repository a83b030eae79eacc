"""Elasticities against planted ones, and against what there is to know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml.pricing.elasticity import PRIOR_DEVIATION, PRIOR_MEAN, Elasticities, fit_elasticities

SPREAD = 0.35
CATEGORIES = 4


def planted(
    products: int = 800, months: int = 24, units: float = 60.0
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Poisson units of products whose prices walk, and the elasticity of each."""
    rng = np.random.default_rng(5)
    truth, rows = {}, []
    for i in range(products):
        category = i % CATEGORIES
        truth[f"p{i}"] = float(-1.4 - 0.5 * category + rng.normal(0, SPREAD))
        base = rng.lognormal(np.log(units / months), 0.8)
        first, level = rng.lognormal(3.5, 0.5), 1.0
        for month in range(months):
            if rng.random() < 0.4:
                level = float(np.clip(level * (1 + rng.uniform(-0.15, 0.15)), 0.75, 1.25))
            season = float(1 + 0.5 * np.sin(month / 4 + category))
            mean = base * season * level ** truth[f"p{i}"]
            rows.append(
                (
                    "shop",
                    f"c{category}",
                    f"p{i}",
                    round(first * level, 2),
                    rng.poisson(mean),
                    season,
                )
            )
    frame = pl.DataFrame(
        rows,
        schema=["source_system", "category", "product_id", "price", "units", "season"],
        orient="row",
    )
    return frame.with_columns(
        (pl.col("season") * 5_000).cast(pl.Int64).alias("category_units")
    ), truth


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
    assert fit_elasticities(still) == Elasticities({}, {}, 0.0)
    assert fit_elasticities(rows.clear()) == Elasticities({}, {}, 0.0)


def test_a_few_sales_hardly_move_the_prior() -> None:
    rows = pl.DataFrame(
        {
            "source_system": "shop",
            "category": "c",
            "product_id": "p",
            "price": [10.0, 11.0],
            "units": [2, 2],
            "category_units": [100, 100],
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
