"""Proposals against the closed form, and against every guardrail."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import ModelError
from ml.pricing.judging import KEEPS_NONE, best_threshold, judge_episodes
from ml.pricing.policy import (
    CONFIDENCE,
    Guardrails,
    best_change,
    gain_per_unit,
    held,
    lower_gain_per_unit,
    propose,
)

WIDE = Guardrails(min_margin_share=0.1, max_change_share=0.5, min_days=28)
TIGHT = Guardrails(min_margin_share=0.1, max_change_share=0.15, min_days=28)


def product(**changes: Any) -> dict[str, Any]:
    """Sold at 10, bought at 6, one a day; sure of its elasticity."""
    usual: dict[str, Any] = {"price": 10.0, "cost_amount": 6.0, "elasticity": -2.0}
    usual |= {"elasticity_deviation": 0.05, "days_since_change": 90}
    return usual | {"units_before": 14, "in_stock_days_before": 14} | changes


def proposal(guardrails: Guardrails = TIGHT, **changes: Any) -> dict[str, Any]:
    return propose(pl.DataFrame([product(**changes)]), guardrails).row(0, named=True)


@settings(max_examples=100, deadline=None)
@given(price=st.floats(1, 500), share=st.floats(0.2, 0.8), elasticity=st.floats(-5, -1.2))
def test_the_change_is_the_best_that_the_bounds_allow(
    price: float, share: float, elasticity: float
) -> None:
    cost = price * share
    found = best_change(np.array([price]), np.array([cost]), np.array([elasticity]), WIDE)[0]
    best = cost * elasticity / (1 + elasticity)  # where marginal margin is 0
    bounded = min(max(best, price * 0.5, cost * 1.1), price * 1.5)
    assert found == pytest.approx(bounded / price - 1, abs=0.0101)
    assert price * (1 + found) >= cost * 1.1 - 1e-6


def test_a_price_below_the_optimum_is_raised_and_one_above_lowered() -> None:
    up = proposal()  # optimum 12, bound 11.50
    assert (up["action"], up["proposed_price"], up["reason"]) == ("raise", 11.5, "margin_is_higher")
    assert up["expected_daily_margin"] == pytest.approx(4.0)
    assert up["expected_daily_gain"] == pytest.approx(5.5 * 1.15**-2 - 4)
    assert 0 < up["lower_daily_gain"] < up["expected_daily_gain"]
    down = proposal(elasticity=-4.0)  # optimum 8, bound 8.50
    assert (down["action"], down["proposed_price"]) == ("lower", 8.5)


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"cost_amount": None}, "skip", "no_cost"),
        ({"days_since_change": 27}, "hold", "changed_recently"),
        ({"elasticity": -2.5}, "hold", "near_the_optimum"),
        ({"elasticity_deviation": 1.2}, "hold", "gain_not_certain"),
        ({"days_since_change": None}, "raise", "margin_is_higher"),
        ({"price": 6.0, "elasticity": -5.0}, "raise", "margin_is_higher"),  # under its floor
    ],
)
def test_each_guardrail_has_its_reason(changes: dict[str, Any], action: str, reason: str) -> None:
    found = proposal(**changes)
    assert (found["action"], found["reason"]) == (action, reason)
    if action in ("hold", "skip"):
        assert found["change_share"] == 0
    if action == "hold":
        assert found["proposed_price"] == found["price"]
        assert found["expected_daily_gain"] == found["lower_daily_gain"] == 0
    if action == "skip":
        assert found["proposed_price"] is None and found["expected_daily_gain"] is None


def test_what_does_not_sell_gains_nothing_but_keeps_its_direction() -> None:
    found = proposal(units_before=0)
    assert (found["action"], found["expected_daily_gain"]) == ("raise", 0)
    assert proposal(in_stock_days_before=0)["expected_daily_margin"] == 0


def test_a_change_that_is_held_keeps_its_price() -> None:
    rows = propose(pl.DataFrame([product(), product(elasticity=-4.0)]), TIGHT)
    found = held(rows, pl.col("action") == "raise", "success_not_likely")
    assert found["action"].to_list() == ["hold", "lower"]
    assert found["reason"].to_list() == ["success_not_likely", "margin_is_higher"]
    assert found["proposed_price"].to_list() == [10.0, 8.5]
    assert found["expected_daily_gain"].to_list()[0] == 0


def test_the_gain_of_no_change_is_nothing() -> None:
    zero = gain_per_unit(np.array([10.0]), np.array([6.0]), np.array([-2.0]), np.array([0.0]))
    assert zero[0] == 0


@pytest.mark.parametrize("elasticity", [-2.0, -4.0])
def test_the_gain_is_at_least_its_bound_as_often_as_is_said(elasticity: float) -> None:
    found = proposal(elasticity=elasticity, elasticity_deviation=0.4)
    change = found["change_share"]
    assert abs(change) > 0.05
    true = np.array(NormalDist(elasticity, 0.4).samples(20_000, seed=3))
    gains = gain_per_unit(np.array(10.0), np.array(6.0), true, np.array(change))
    assert np.mean(gains >= found["lower_daily_gain"]) == pytest.approx(CONFIDENCE, abs=0.01)


def test_rounding_to_cents_breaks_no_guardrail() -> None:
    assert proposal(price=0.33, cost_amount=0.2)["proposed_price"] == 0.37  # 0.38 is 15.2 % more
    floored = proposal(price=1.21, cost_amount=1.01, elasticity=-12.0)  # 8 % less is 1.1132
    assert floored["proposed_price"] == 1.12  # its floor is 1.111
    # No price in cents is within the bounds but the one there is.
    still = proposal(price=0.05, cost_amount=0.02)
    assert (still["action"], still["reason"]) == ("hold", "near_the_optimum")
    assert (still["proposed_price"], still["expected_daily_gain"]) == (0.05, 0)


def test_a_bound_between_two_steps_of_the_grid_is_not_crossed() -> None:
    for most, step in ((0.155, 0.15), (0.29, 0.29), (0.07, 0.07)):
        limits = Guardrails(min_margin_share=0.1, max_change_share=most, min_days=28)
        assert proposal(limits, elasticity=-1.1)["change_share"] == pytest.approx(step)
        under = proposal(limits, price=6.0, elasticity=-5.0, cost_amount=7.0)
        assert step - 1e-9 <= under["change_share"] <= most + 1e-9


@pytest.mark.parametrize(("price", "cost"), [(0.33, 0.15), (0.07, 0.03), (1.49, 1.0), (9.99, 5.0)])
def test_change_and_gains_are_those_of_the_price_in_cents(price: float, cost: float) -> None:
    found = proposal(price=price, cost_amount=cost, elasticity=-1.4)
    assert found["action"] == "raise"
    share = found["proposed_price"] / price - 1
    assert found["change_share"] == pytest.approx(share)
    own = (found["proposed_price"] - cost) * (1 + share) ** -1.4 - (price - cost)
    assert found["expected_daily_gain"] == pytest.approx(own * found_units(found))


def found_units(found: dict[str, Any]) -> float:
    return float(found["units_before"] / found["in_stock_days_before"])


@pytest.mark.parametrize(
    ("column", "value"),
    [("min_margin_share", -0.1), ("max_change_share", -0.15), ("max_change_share", 1.0)],
)
def test_bounds_that_make_no_sense_are_named(column: str, value: float) -> None:
    bounds = {"min_margin_share": 0.1, "max_change_share": 0.15, "min_days_between_changes": 28}
    with pytest.raises(ModelError, match=f"{column} in seeds/price_guardrails.csv is {value:g}"):
        Guardrails.of(pl.DataFrame([bounds | {column: value}]))


@pytest.mark.parametrize(
    ("probability", "lift", "threshold"),
    [
        ([0.2, 0.4, 0.6, 0.8], [-1, -1, 2, 2], 0.5),
        ([0.2, 0.4, 0.6, 0.8], [1, 1, 2, 2], 0.0),
        ([0.2, 0.4, 0.6, 0.8], [-1, -1, -2, -2], KEEPS_NONE),
        ([0.8, 0.2, 0.6, 0.4], [2, -3, -1, 2], 0.3),
        ([0.5, 0.5, 0.9], [-3, 2, 0.1], 0.7),  # equal ones stay or go together
        ([0.5, 0.5, 1.0], [-3, 2, -1], KEEPS_NONE),
        ([], [], 0.0),
    ],
)
def test_the_threshold_holds_back_what_surely_lost_most(
    probability: list[float], lift: list[float], threshold: float
) -> None:
    given, lifts = np.repeat(probability, 100).astype(float), np.repeat(lift, 100).astype(float)
    found = best_threshold(given, lifts)
    assert found == pytest.approx(threshold)
    worth = [lifts[given >= line].sum() for line in (*given, KEEPS_NONE)]
    assert lifts[given >= found].sum() == pytest.approx(max(worth))


def test_no_change_is_held_back_for_what_may_be_chance() -> None:
    rng = np.random.default_rng(4)
    probability, noise = rng.uniform(0.4, 0.6, 400), rng.normal(0, 1, 400)
    thresholds = [best_threshold(probability, rng.permutation(noise)) for _ in range(200)]
    # Of many thresholds one may seem certain; the one with the best sum is hardly ever 0.
    assert np.mean([found > 0 for found in thresholds]) < 0.1
    losing = np.where(probability < 0.45, noise - 1, noise)
    assert 0.44 < best_threshold(probability, losing) < 0.5


def test_a_threshold_that_keeps_none_keeps_no_certain_success() -> None:
    episodes = pl.DataFrame(
        {
            "source_system": "shop",
            "category": "toys",
            "product_id": ["p", "q"],
            "is_new_product": False,
            "change_date": "2025-01-01",
            "probability": [1.0, 0.5],
            "is_success": [True, False],
            "lift": [1.0, -1.0],
        }
    )
    none, one = (judge_episodes(episodes, line, 0.5).metrics for line in (KEEPS_NONE, 1.0))
    assert (none["class_1_recall"], none["policy_value"]) == (0, 0)
    assert (one["class_1_recall"], one["policy_value"]) == (1, 0.5)


def test_the_report_is_counted_by_hand() -> None:
    episodes = pl.DataFrame(
        {
            "source_system": ["shop"] * 7 + ["olist"],
            "category": ["toys", "books"] * 4,
            "product_id": [f"p{i}" for i in range(8)],
            "is_new_product": [True, False, True, False, True, False, False, True],
            "change_date": "2025-01-01",
            "probability": [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1],
            "is_success": [True, True, False, True, True, False, False, True],
            "lift": [1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0],
        }
    )
    found = judge_episodes(episodes, 0.5, 0.4)  # most changes of training were none
    expected = {
        "class_1_precision": 3 / 4,
        "class_1_recall": 3 / 5,
        "class_1_f1": 2 / 3,
        "class_1_support": 5,
        "class_0_precision": 2 / 4,
        "class_0_recall": 2 / 3,
        "class_0_support": 3,
        "accuracy": 5 / 8,
        "macro_precision": (3 / 4 + 2 / 4) / 2,
        "weighted_recall": 5 / 8,
        "majority_accuracy": 3 / 8,
        "majority_class_0_recall": 1,
        "always_1_class_1_f1": 10 / 13,
        "always_1_class_0_f1": 0,
        "roc_auc": 10 / 15,
        "mean_lift": 2 / 8,
        "mean_lift_kept": 2 / 4,
        "policy_value": 2 / 8,
        "new_product_episodes": 4,
        "new_product_accuracy": 1 / 4,
        "new_product_roc_auc": 1 / 3,
        "new_product_brier": (0.1**2 + 0.7**2 + 0.6**2 + 0.9**2) / 4,
    }
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected)
    assert found.losses["loss"][0] == pytest.approx(-np.log(0.9))
    assert found.losses["loss"][7] == pytest.approx(-np.log(0.1))
    assert set(found.losses["segment"]) == {"shop toys", "shop books", "olist books"}


def test_a_smaller_step_is_taken_where_the_optimum_is_not_certain_to_gain() -> None:
    price, cost, elasticity = (np.array([value]) for value in (10.0, 6.0, -1.6))
    limits = Guardrails(min_margin_share=0.05, max_change_share=0.3, min_days=28)
    optimum = best_change(price, cost, elasticity, limits)
    certain = best_change(price, cost, elasticity, limits, np.array([0.7]))
    assert 0 < certain[0] < optimum[0] == pytest.approx(0.3)
    assert lower_gain_per_unit(price, cost, elasticity, np.array([0.7]), certain)[0] > 0
    assert lower_gain_per_unit(price, cost, elasticity, np.array([0.7]), certain + 0.01)[0] <= 0
    assert best_change(price, cost, elasticity, limits, np.array([2.0]))[0] == 0
