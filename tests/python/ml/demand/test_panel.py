"""What a panel may hold, and what it may not tell of the future."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from panels import START, counts, frame, period

from ml.demand.baselines import Baseline
from ml.demand.errors import FutureLeakError, PanelError
from ml.demand.frequency import DAY, MONTH, WEEK, Frequency
from ml.demand.grid import Grid
from ml.demand.panel import Panel

ORIGIN = period(WEEK, 40)
Change = Callable[[pl.DataFrame], pl.DataFrame]


def planned(values: list[float | None] | None = None) -> Panel:
    """A panel of one series with prices, known to period 4, and a plan for 5 and 6."""
    rows = frame([[1, 2, 3, 4, None, None]]).with_columns(
        price=pl.Series(values or [9.0, 9.0, 8.0, 8.0, None, None]),
        discount_share=pl.Series([0.0, 0.0, 0.1, 0.0, 0.2, None]),
    )
    return Panel(rows, planned=["discount_share"])


def test_actuals_after_the_origin_are_refused() -> None:
    panel = Panel(frame(counts()))
    with pytest.raises(FutureLeakError, match="units at or after the origin 2024-10-07"):
        Grid.of(panel, WEEK, ORIGIN)
    with pytest.raises(FutureLeakError, match="uses actuals"):
        Baseline("tsb", WEEK).forecast(panel, ORIGIN)
    Baseline("tsb", WEEK).forecast(panel.as_of(ORIGIN), ORIGIN)


def test_covariates_of_the_future_that_are_not_planned_are_refused() -> None:
    origin = period(WEEK, 4)
    assert Grid.of(planned(), WEEK, origin).now == 4
    with pytest.raises(FutureLeakError, match="price at or after"):
        Grid.of(planned([9.0, 9.0, 8.0, 8.0, 7.0, None]), WEEK, origin)


def test_a_stock_out_of_the_future_is_refused() -> None:
    rows = frame([[1, 2, None]]).with_columns(is_masked=pl.Series([False, False, True]))
    with pytest.raises(FutureLeakError, match="is_masked"):
        Grid.of(Panel(rows), WEEK, period(WEEK, 2))


def test_as_of_hides_what_was_not_known_and_keeps_plans() -> None:
    found = planned([1.0] * 6).as_of(period(WEEK, 3)).frame
    assert found["units"].to_list() == [1, 2, 3, None, None, None]
    assert found["price"].to_list() == [1, 1, 1, None, None, None]
    assert found["discount_share"].to_list() == [0.0, 0.0, 0.1, 0.0, 0.2, None]
    masked = Panel(frame([[1, 2, 3]]).with_columns(is_masked=pl.lit(True)))
    assert masked.as_of(period(WEEK, 2)).frame["is_masked"].to_list() == [True, True, False]


def test_what_a_plan_leaves_out_is_no_discount_and_the_price_as_it_was() -> None:
    grid = Grid.of(planned(), WEEK, period(WEEK, 4))
    assert grid.covariates["discount_share"][0, 4:6].tolist() == pytest.approx([0.2, 0.0])
    rows = frame([[1, 2, None]]).with_columns(price=pl.Series([9.0, 8.0, None]))
    grid = Grid.of(Panel(rows, planned=["price"]), WEEK, period(WEEK, 2))
    assert grid.covariates["price"][0].tolist()[:4] == [9.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop("is_masked"), "has no is_masked"),
        (lambda rows: rows.with_columns(units=pl.lit(-1.0)), "-1.0 units on 2024-01-01"),
        (lambda rows: pl.concat([rows, rows.head(1)]), "two rows for a period"),
        (lambda rows: rows.with_columns(category=pl.lit(None, pl.String)), "without category"),
    ],
)
def test_malformed_panels_are_refused(change: Change, message: str) -> None:
    with pytest.raises(PanelError, match=message):
        Panel(change(frame([[1, 2], [3, 4]])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.filter(pl.col("period") != period(WEEK, 1)), "s000 has periods without"),
        (
            lambda rows: rows.with_columns(period=pl.col("period") + timedelta(days=1)),
            "not the first day of a week",
        ),
        (
            lambda rows: rows.with_columns(
                category=pl.when(pl.col("units") == 3).then(pl.lit("b")).otherwise("category")
            ),
            "more than one category",
        ),
        (lambda rows: rows.clear(), "no rows"),
    ],
)
def test_panels_that_are_no_grid_are_refused(change: Change, message: str) -> None:
    panel = Panel(change(frame([[1, 2, 3]], categories=["a"])))
    with pytest.raises(PanelError, match=message):
        Grid.of(panel, WEEK, period(WEEK, 3))


def test_an_unknown_plan_is_refused() -> None:
    with pytest.raises(PanelError, match="price cannot be planned"):
        Panel(frame([[1]]), planned=["price"])


def test_units_lie_at_their_period_and_masked_ones_are_unknown() -> None:
    rows = pl.concat(
        [
            frame([[4, 5, 6]]),
            frame([[7]]).with_columns(series_id=pl.lit("new"), period=pl.lit(period(WEEK, 2))),
        ]
    ).with_columns(is_masked=pl.col("units") == 5)
    grid = Grid.of(Panel(rows), WEEK, period(WEEK, 3))
    assert grid.series == ["new", "s000"]
    assert grid.launch.tolist() == [2, 0]
    assert str(grid.units[:, :4].tolist()) == "[[nan, nan, 7.0, nan], [4.0, nan, 6.0, nan]]"


@pytest.mark.parametrize("frequency", [DAY, WEEK, MONTH], ids=lambda own: str(own.name))
def test_periods_and_their_numbers_are_inverse(frequency: Frequency) -> None:
    first = frequency.number(START)
    for number in range(30):
        start = period(frequency, number)
        assert frequency.number(start) == first + number
        assert frequency.starts(np.array([first + number]))[0] == np.datetime64(start)
    last = period(frequency, 1) - timedelta(days=1)
    assert frequency.number(last) == first


def test_dates_before_1970_belong_to_their_week() -> None:
    assert WEEK.number(date(1969, 12, 29)) == WEEK.number(date(1970, 1, 4)) == 0
