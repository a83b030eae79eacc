"""The optimum against a search over whole markets, and the shares that are told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from bench.ml.policy_value import Market, optimum, share_of_optimum
from bench.ml.prices import category_errors, demand_of, product_error
from ml.pricing.elasticity import Elasticities

POPULARITY = np.array([5.0, 3.0, 2.0])
MARKET = Market(
    price=np.array([10.0, 20.0, 30.0]),
    cost=np.array([6.0, 18.0, 31.0]),
    units=100 * POPULARITY / POPULARITY.sum(),
    elasticity=np.array([-1.5, -20.0, -2.0]),
    share=POPULARITY / POPULARITY.sum(),
    may_change=np.array([True, True, True]),
)


def margin(product: int, change: float) -> float:
    """What a product earns of 100 units a day that are shared out by weight; the rest stays."""
    changes = np.zeros(3)
    changes[product] = change
    weight = POPULARITY * (1 + changes) ** MARKET.elasticity
    sold = 100 * weight[product] / weight.sum()
    return float(sold * (MARKET.price[product] * (1 + change) - MARKET.cost[product]))


def test_the_gain_is_what_sharing_out_the_demand_gives() -> None:
    for product in range(3):
        gain = MARKET.daily_gain(np.full(3, 0.1))[product]
        assert gain == pytest.approx(margin(product, 0.1) - margin(product, 0.0))


def test_the_optimum_is_that_of_a_search_within_the_guardrails() -> None:
    grid = np.arange(-0.15, 0.1501, 0.0005)
    for product, found in enumerate(optimum(MARKET, 0.1, 0.15)):
        floor = min(MARKET.cost[product] * 1.1, MARKET.price[product] * 1.15)
        allowed = [c for c in grid if MARKET.price[product] * (1 + c) >= floor - 1e-9]
        best = max(allowed, key=lambda change: margin(product, change))
        assert margin(product, found) == pytest.approx(margin(product, best), rel=1e-4)


def test_a_product_that_changed_lately_stays() -> None:
    fixed = replace(MARKET, may_change=np.array([True, False, True]))
    assert optimum(fixed, 0.1, 0.15)[1] == 0
    assert optimum(MARKET, 0.1, 0.15)[1] != 0


def test_hold_earns_nothing_and_the_optimum_all() -> None:
    best = optimum(MARKET, 0.1, 0.15)
    assert share_of_optimum(MARKET, np.zeros(3), best) == 0
    assert share_of_optimum(MARKET, best, best) == 1
    assert share_of_optimum(MARKET, -best, best) < 0
    assert np.isnan(share_of_optimum(MARKET, best, np.zeros(3)))


def test_the_share_follows_from_that_at_the_first_price() -> None:
    truth = pl.DataFrame({"product_id": ["a"], "elasticity": [-2.0], "reference_share": [0.2]})
    demand = pl.DataFrame(
        {
            "product_id": ["a", "a"],
            "valid_from": ["2", "1"],
            "expected_units_per_day": [8.0, 4.0],
        }
    )
    found: dict[str, Any] = demand_of(truth, demand).row(0, named=True)
    assert found == {"product_id": "a", "elasticity": -2.0, "units": 8.0, "share": 0.4}


def test_errors_are_parts_of_what_was_planted() -> None:
    truth = pl.DataFrame(
        {
            "product_id": ["a", "b", "c"],
            "category": ["Toys", "Toys", "Toys"],
            "category_elasticity": [-2.0, -2.0, -2.0],
            "elasticity": [-1.0, -2.0, -4.0],
        }
    )
    own = {("shop", "a"): (-1.5, 0.1), ("shop", "b"): (-2.0, 0.1), ("shop", "c"): (-3.0, 0.1)}
    found = Elasticities({("shop", "toys"): (-1.8, 0.1)}, own, 0.3)
    assert category_errors(found, truth)[0]["error, %"] == pytest.approx(10)
    assert product_error(found, truth) == pytest.approx(25)
