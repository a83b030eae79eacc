"""Features of a few rows against plain Python, and against the future."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from panels import counts, frame, period

from ml.arrays import Floats
from ml.demand.features import FeatureMaker, FeaturePlan, Rows
from ml.demand.frequency import DAY, WEEK, Frequency
from ml.demand.grid import Grid
from ml.demand.panel import Panel
from ml.demand.smoothing import smooth


def maker(panel: Panel, frequency: Frequency, now: int, columns: list[int]) -> FeatureMaker:
    grid = Grid.of(panel, frequency, period(frequency, now))
    smoothed = smooth(grid.units[:, :now], columns, frequency.half_lives)
    return FeatureMaker(grid, smoothed, FeaturePlan.of(grid, 0, 1.0))


def features(made: FeatureMaker, column: int, series: int, horizon: int) -> dict[str, float]:
    rows = Rows(column, np.array([series]), np.array([horizon]))
    matrix, _ = made.make(rows)
    return dict(zip(made.names, matrix[0].tolist(), strict=True))


def test_features_of_one_row_by_hand() -> None:
    series = [3.0, 0.0, 2.0, 5.0, 0.0, 1.0, 0.0, 0.0, 4.0, 6.0, 0.0, 2.0, 0.0, 8.0, 1.0, 0.0]
    rows = frame([series], DAY, ["a"]).with_columns(
        is_masked=pl.Series([number == 13 for number in range(16)]),
        price=pl.Series([10.0] * 8 + [8.0] * 8),
        discount_share=pl.Series([0.0] * 15 + [0.25]),
    )
    panel = Panel(rows, planned=["discount_share"]).as_of(period(DAY, 14))
    made = maker(panel, DAY, 14, [14])
    found = features(made, 14, 0, 2)
    known = series[:13]  # the fourteenth is masked
    overall = sum(known) / 13
    base = (sum(known) + overall) / 14
    assert found["log_base"] == pytest.approx(np.log(base), rel=1e-5)
    assert found["mean_7"] == pytest.approx(sum(series[7:13]) / 6 / base, rel=1e-5)
    assert found["mean_14"] == pytest.approx(overall / base, rel=1e-5)
    assert found["zero_share_14"] == pytest.approx(6 / 13, rel=1e-5)
    assert np.isnan(found["lag_1"])
    assert found["lag_2"] == pytest.approx(0.0)
    assert found["lag_3"] == pytest.approx(series[11] / base, rel=1e-5)
    assert found["since_sale"] == 14 - 11
    assert found["age"] == 14
    assert found["adi"] == pytest.approx(13 / 7)
    assert found["relative_price"] == pytest.approx(8 / ((8 * 10 + 6 * 8) / 14), rel=1e-5)
    assert found["planned_discount_share"] == 0.25
    assert found["horizon"] == 2
    # Period 15 is a Tuesday; the Tuesdays before are 8 and 1.
    assert found["weekday"] == 1
    assert found["season_mean"] == pytest.approx((series[8] + series[1]) / 2 / base, rel=1e-5)


@pytest.mark.parametrize("frequency", [DAY, WEEK], ids=lambda own: str(own.name))
def test_features_of_an_origin_see_nothing_at_or_after_it(frequency: Frequency) -> None:
    """The same rows from the whole history and from a history that ends at the origin."""
    units = counts(12, 160)
    column, now = 110, 150

    def rows(values: Floats, until: int) -> Floats:
        panel = Panel(frame(values, frequency)).as_of(period(frequency, until))
        made = maker(panel, frequency, until, [column])
        plan = FeaturePlan.of(made.grid, 0, 1.0)
        assert plan.has_year == (frequency is WEEK)
        horizon = frequency.horizon
        found, base = made.make(
            Rows(column, np.repeat(np.arange(12), horizon), np.tile(np.arange(1, horizon + 1), 12))
        )
        return np.column_stack([found, base])

    whole = rows(units, now)
    changed = units.copy()
    changed[:, column:] = 1_000
    assert np.array_equal(whole, rows(changed, now), equal_nan=True)
    before = units.copy()
    before[:, column - 1] += 50
    assert not np.array_equal(whole, rows(before, now), equal_nan=True)


def test_the_same_time_last_year_is_a_feature_of_a_long_history() -> None:
    units = np.ones((1, 110))
    units[0, 50:53] = 7.0  # target 102 is a year after 50
    panel = Panel(frame(units, WEEK, ["a"])).as_of(period(WEEK, 100))
    made = maker(panel, WEEK, 100, [100])
    base = float(np.exp(features(made, 100, 0, 3)["log_base"]))
    assert features(made, 100, 0, 4)["year_mean"] == pytest.approx(7 / base, rel=1e-5)
    assert features(made, 100, 0, 4)["total_year"] == pytest.approx(7.0, rel=1e-5)
    assert features(made, 100, 0, 10)["year_mean"] == pytest.approx(1 / base, rel=1e-5)


def test_categories_are_a_feature_only_of_groups_of_series() -> None:
    few = Grid.of(Panel(frame(counts(6, 30))).as_of(period(WEEK, 20)), WEEK, period(WEEK, 20))
    many = Grid.of(Panel(frame(counts(20, 30))).as_of(period(WEEK, 20)), WEEK, period(WEEK, 20))
    assert FeaturePlan.of(few, 0, 1.0).categories == ()
    assert FeaturePlan.of(many, 0, 1.0).categories == ("a", "b")
