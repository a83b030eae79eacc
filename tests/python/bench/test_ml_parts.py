"""Ratios, biases and shares that goals rest on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from bench.ml import demand
from bench.ml.censoring import level_bias, real_demand
from bench.ml.demand import OURS, Row
from bench.ml.overhead import shares
from ml.demand.metrics import QUANTILES
from ml.demand.panel import Panel

DAY = date(2025, 1, 1)


def row(
    method: str,
    wape: float,
    origin: str = "1",
    data: str = "retail",
    quantiles: Mapping[str, float] | None = None,
) -> Row:
    figures = {f"below {name}": level for name, level in QUANTILES.items()}
    figures |= {f"at_most {name}": level for name, level in QUANTILES.items()}
    return Row(data, origin, method, 1, {"wape": wape, "sums": 1.0, **figures, **(quantiles or {})})


def test_the_ratio_is_of_means_over_origins_and_to_the_best_peer() -> None:
    rows = [row(OURS, 0.5), row(OURS, 0.7, "2"), row("croston", 0.4), row("croston", 0.6, "2")]
    rows += [row("AutoETS", 0.9), row("AutoETS", 0.9, "2"), row("tsb", 0.1), row("tsb", 0.1, "2")]
    assert demand.ratio(rows, "retail", "wape") == pytest.approx(1.2)  # tsb is no peer


def test_of_two_sets_the_worse_counts_and_one_alone_has_no_goal() -> None:
    first = [row(OURS, 1.0, data="olist by category"), row("sba", 1.0, data="olist by category")]
    second = [row(OURS, 1.2, data="olist by product"), row("sba", 1.0, data="olist by product")]
    found = {goal.name: goal.value for goal in demand.goals([*first, *second])}
    assert found["demand_olist"] == pytest.approx(1.2)
    assert "demand_olist" not in {goal.name for goal in demand.goals(first)}


def test_a_quantile_misses_on_the_side_where_it_lies() -> None:
    high = row(OURS, 1.0, quantiles={"below p90": 0.97, "at_most p90": 0.99})
    low = row(OURS, 1.0, quantiles={"below p10": 0.01, "at_most p10": 0.02})
    around = row(OURS, 1.0, quantiles={"below p50": 0.2, "at_most p50": 0.8})
    assert demand.largest_miss([high], "retail") == pytest.approx(7)
    assert demand.largest_miss([low], "retail") == pytest.approx(8)
    assert demand.largest_miss([around], "retail") == 0


def test_sums_let_errors_of_a_series_cancel_out() -> None:
    rows = pl.DataFrame(
        {
            "series_id": ["a", "a", "b"],
            "forecast_units": [1.0, 1.0, 3.0],
            "actual_units": [0.0, 2.0, 2.0],
        }
    )
    assert demand.wape_of_sums(rows) == pytest.approx(0.25)


def test_masked_days_leave_the_level_as_it_is_and_zeros_lower_it() -> None:
    days = [DAY + timedelta(days=i) for i in range(4)]
    rows = pl.DataFrame(
        {
            "product_id": ["a"] * 4,
            "business_date": days,
            "is_future": [False] * 4,
            "is_stock_out": [False, True, False, True],
            "reported_units": [2, 0, 2, 0],
        }
    )
    lost = pl.DataFrame({"product_id": ["a"], "date": [days[1]], "lost_quantity": [4]})
    real = real_demand(rows, lost)
    assert real["demand"].to_list() == [2, 4, 2, 0]
    panel = Panel(
        pl.DataFrame(
            {
                "series_id": ["a"] * 4,
                "period": days,
                "units": [2.0, 0, 2, 0],
                "is_masked": rows["is_stock_out"],
                "category": ["c"] * 4,
            }
        )
    )
    shown = Panel(panel.frame.with_columns(is_masked=False))
    assert level_bias(panel, real) == pytest.approx(0)
    assert level_bias(shown, real) == pytest.approx(-0.5)


def test_the_share_of_ml_is_of_the_latest_run() -> None:
    before, now = datetime(2025, 1, 1), datetime(2025, 1, 2)
    steps = pl.DataFrame(
        {
            "step": ["train_x", "warehouse", "train_x", "scores__x", "watch"],
            "run_started_at": [before, now, now, now, now],
            "seconds": [100.0, 5.0, 3.0, 1.0, 1.0],
        }
    )
    found = shares(steps)
    assert found == {"run s": 10, "train s": 3, "score s": 1, "watch s": 1, "share of ml": 0.5}
