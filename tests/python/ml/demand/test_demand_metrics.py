"""The metrics against plain Python on a few series."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from panels import frame, period

from ml.demand.frequency import WEEK
from ml.demand.metrics import accuracy, judged, quantile_quality, scales, value_added
from ml.demand.panel import Panel

HISTORY = [[0, 0, 2, 4, 0, 4], [5, 5, 5, 5, 5, 5], [0, 1, 0, 3, 0, 0]]
ACTUAL = [[1, 3], [5, 6], [0, 2]]
FORECAST = [[2.0, 2.0], [5.0, 5.0], [0.5, 0.5]]


def rows() -> pl.DataFrame:
    panel = Panel(frame([h + a for h, a in zip(HISTORY, ACTUAL, strict=True)]))
    forecast = pl.DataFrame(
        [
            {
                "series_id": f"s{number:03d}",
                "period": period(WEEK, 6 + step),
                "forecast_units": value,
                "p10": 0.0,
                "p50": 2.0,
                "p90": 5.0,
            }
            for number, values in enumerate(FORECAST)
            for step, value in enumerate(values)
        ]
    )
    return judged(forecast, panel)


def steps(series: list[int], lag: int) -> list[int]:
    first = next(i for i, value in enumerate(series) if value > 0)
    used = series[first:]
    return [b - a for a, b in zip(used, used[lag:], strict=False)]


@pytest.mark.parametrize("lag", [1, 3])
def test_mase_and_rmsse_by_plain_python(lag: int) -> None:
    found = accuracy(rows(), scales(Panel(frame(HISTORY)), lag))
    mase, rmsse = [], []
    for history, actual, forecast in zip(HISTORY, ACTUAL, FORECAST, strict=True):
        errors = [f - y for f, y in zip(forecast, actual, strict=True)]
        seasonal = [abs(step) for step in steps(history, lag)]
        naive = [step**2 for step in steps(history, 1)]
        if sum(seasonal) > 0:
            scale = sum(seasonal) / len(seasonal)
            mase.append(sum(map(abs, errors)) / len(errors) / scale)
        if sum(naive) > 0:
            mean_square = sum(error**2 for error in errors) / len(errors)
            rmsse.append(math.sqrt(mean_square / (sum(naive) / len(naive))))
    assert found.mase == pytest.approx(sum(mase) / len(mase))
    assert found.rmsse == pytest.approx(sum(rmsse) / len(rmsse))
    assert len(rmsse) == 2  # the constant series has no scale


def test_a_series_too_short_for_the_season_is_scaled_by_the_naive_forecast() -> None:
    found = scales(Panel(frame([[1, 3, 3]])), 52)
    assert found["mae_scale"].to_list() == [1.0]


def test_wape_and_bias() -> None:
    found = accuracy(rows(), scales(Panel(frame(HISTORY)), 1))
    assert found.wape == pytest.approx((1 + 1 + 0 + 1 + 0.5 + 1.5) / 17)
    assert found.bias == pytest.approx((15 - 17) / 17)


def test_pinball_and_both_probabilities() -> None:
    found = quantile_quality(rows())["p50"]
    # Actuals 1 3 5 6 0 2 around 2: losses 0.5 0.5 1.5 2 1 0; two below, three at most.
    assert found.pinball == pytest.approx(5.5 / 6)
    assert found.below == pytest.approx(2 / 6)
    assert found.at_most == pytest.approx(3 / 6)
    assert found.miss == 0


def test_a_quantile_that_is_off_tells_by_how_many_points() -> None:
    found = quantile_quality(rows())
    assert found["p10"].miss == 0  # P(y < 0) = 0 <= 0.1 <= P(y <= 0) = 1/6
    assert found["p90"].miss == pytest.approx(100 * (0.9 - 5 / 6))
    assert quantile_quality(rows(), {"p90": 0.5})["p90"].miss == pytest.approx(100 * (4 / 6 - 0.5))


def test_masked_and_unknown_periods_are_not_judged() -> None:
    actual = frame([[1, 100, 100]]).with_columns(
        is_masked=pl.Series([False, True, False]), units=pl.Series([1.0, 100.0, None])
    )
    forecast = actual.select("series_id", "period", forecast_units=pl.lit(2.0))
    found = judged(forecast, Panel(actual))
    assert found.height == 1
    assert accuracy(found, scales(Panel(actual), 1)).wape == 1


def test_value_added_is_the_share_of_the_naive_error_that_is_gone() -> None:
    class Stub:
        def __init__(self, wape: float) -> None:
            self.wape = wape

    served: Any = Stub(0.6)
    naive: Any = Stub(0.8)
    assert value_added(served, naive) == pytest.approx(0.25)
