"""The model of demand in the frame: panels, slices, scores and what they may know."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml.demand.model import BASELINE, DEMAND, DemandForecast, Forecasters, panel_of
from ml.frame.days import Days
from ml.frame.model import Data, Slice, TooLittleDataError
from ml.frame.scores import SERVED_BY

MODEL = DemandForecast()
FIRST = date(2025, 1, 6)  # a Monday
KNOWN, PLANNED = 210, 40


def rows(
    source: str = "shop", products: int = 12, mean: float = 2.0, days: int = KNOWN
) -> pl.DataFrame:
    """Products with a week's rhythm; every twentieth reported unit is cancelled later."""
    rng = np.random.default_rng(4)
    parts = []
    for i in range(products):
        dates = [FIRST + timedelta(days=d) for d in range(days + PLANNED)]
        is_future = np.arange(len(dates)) >= days
        rhythm = np.array([1.6 if day.weekday() >= 5 else 0.76 for day in dates])
        reported = rng.poisson(mean * (0.5 + i / products) * rhythm)
        parts.append(
            pl.DataFrame(
                {
                    "source_system": source,
                    "product_id": f"p{i:02d}",
                    "business_date": dates,
                    "period_days": 1,
                    "is_future": is_future,
                    "category": f"c{i % 2}",
                    "age_days": range(len(dates)),
                    "is_holiday": False,
                    "planned_discount_share": 0.0,
                    "unit_price": 9.99,
                    "is_stock_out": False,
                    "reported_units": pl.Series(reported),
                    "ordered_units": pl.Series(rng.binomial(reported, 0.95)),
                }
            )
        )
    frame = pl.concat(parts)
    hidden = ("reported_units", "ordered_units")
    return frame.with_columns(
        *(pl.when(~pl.col("is_future")).then(pl.col(name)).alias(name) for name in hidden)
    )


def data(*frames: pl.DataFrame) -> Data:
    frame = pl.concat(frames).sort("source_system", "product_id", "business_date")
    return Data({DEMAND: frame}, "hash", datetime(2026, 1, 1))


@pytest.fixture(scope="module")
def shop() -> Data:
    return data(rows())


@pytest.fixture(scope="module")
def judged(shop: Data) -> Slice:
    return MODEL.slice(shop)


@pytest.fixture(scope="module")
def fitted(shop: Data, judged: Slice) -> Forecasters:
    return MODEL.fit(shop, judged, {})


def test_the_slice_is_the_last_settled_horizon_from_three_origins(judged: Slice) -> None:
    last = FIRST + timedelta(days=KNOWN - 1)
    assert judged.as_of == last
    assert judged.judged_before["shop"] == last - timedelta(days=6)
    assert judged.judged_from["shop"] == last - timedelta(days=48)
    assert judged.train_before == judged.judged_from


def test_too_short_a_history_leaves_the_baseline() -> None:
    with pytest.raises(TooLittleDataError):
        MODEL.slice(data(rows(days=100)))
    short = data(rows(days=100), rows("other"))
    assert set(MODEL.slice(short).judged_from) == {"other"}


def test_forecasts_are_of_ordered_units_from_the_day_after_the_data(
    shop: Data, fitted: Forecasters
) -> None:
    scores = MODEL.score(fitted, shop)
    origin = FIRST + timedelta(days=KNOWN)
    assert scores["forecast_origin_date"].unique().to_list() == [origin]
    assert scores["period_start_date"].min() == origin
    assert scores.height == 12 * 28
    assert dict(scores.drop(SERVED_BY).schema) == MODEL.scores
    assert scores[SERVED_BY].null_count() == scores.height
    assert fitted.settled_shares["shop"] == pytest.approx(0.95, abs=0.01)
    known = shop[DEMAND].filter(~pl.col("is_future"))
    usual = known.filter(pl.col("business_date") >= origin - timedelta(days=28))[
        "ordered_units"
    ].sum()
    assert scores["forecast_units"].sum() == pytest.approx(usual, rel=0.1)


def test_a_source_too_short_to_learn_from_says_that_the_baseline_serves_it(
    fitted: Forecasters,
) -> None:
    scores = MODEL.score(fitted, data(rows(), rows("new", days=60)))
    served = scores.group_by("source_system").agg(pl.col(SERVED_BY).unique()).sort("source_system")
    assert served.rows() == [("new", [BASELINE]), ("shop", [None])]


def test_errors_that_cannot_be_computed_of_one_source_are_not_those_of_the_others() -> None:
    nothing = pl.when(~pl.col("is_future")).then(pl.lit(0, pl.Int64)).alias("ordered_units")
    both = data(rows(), rows("idle").with_columns(nothing))
    judged = MODEL.slice(both)
    metrics = MODEL.judge(MODEL.baseline(), both, judged).metrics
    assert np.isfinite(metrics["shop_bias"]) and np.isnan(metrics["idle_bias"])
    assert np.isnan(metrics["largest_bias"])


def weekly() -> pl.DataFrame:
    """Every seventh day as a week."""
    frame = rows("olist", products=40, mean=0.2)
    is_monday = pl.col("business_date").dt.weekday() == 1
    return frame.filter(is_monday).with_columns(pl.lit(7).alias("period_days"))


def test_a_source_of_weeks_is_forecast_by_weeks() -> None:
    scores = MODEL.score(MODEL.baseline(), data(weekly(), rows()))
    olist = scores.filter(pl.col("source_system") == "olist")
    assert olist["period_days"].unique().to_list() == [7]
    assert {day.weekday() for day in olist["period_start_date"]} == {0}
    assert olist["forecast_origin_date"][0] == FIRST + timedelta(days=KNOWN)
    assert olist["horizon"].max() == 13
    assert scores.filter(pl.col("source_system") == "shop")["period_days"].unique().to_list() == [1]


def test_the_panel_knows_nothing_of_the_future_but_plans() -> None:
    frame = panel_of(rows(products=1)).frame.filter(
        pl.col("period") >= FIRST + timedelta(days=KNOWN)
    )
    assert frame["units"].null_count() == frame["price"].null_count() == frame.height == PLANNED
    assert frame["discount_share"].null_count() == 0


def test_a_period_without_stock_is_masked_until_now() -> None:
    empty = [FIRST + timedelta(days=day) for day in (3, KNOWN - 1, KNOWN)]
    frame = panel_of(
        rows(products=2).with_columns(
            (pl.col("business_date").is_in(empty) & (pl.col("product_id") == "p01")).alias(
                "is_stock_out"
            )
        )
    ).frame
    masked = frame.filter("is_masked").select("series_id", "period").rows()
    assert masked == [("p01", empty[0]), ("p01", empty[1])]


def test_a_day_of_the_past_is_forecast_by_what_was_known_before_it(
    shop: Data, fitted: Forecasters
) -> None:
    first = FIRST + timedelta(days=150)
    days = Days(first, first + timedelta(days=2))
    found = MODEL.score(fitted, shop, days)
    assert found["forecast_origin_date"].unique().sort().to_list() == list(days)
    later = pl.col("business_date") >= first
    changed = data(
        shop[DEMAND].with_columns(
            pl.when(later & ~pl.col("is_future"))
            .then(99)
            .otherwise("reported_units")
            .alias("reported_units"),
            pl.when(later).then(1.0).otherwise("unit_price").alias("unit_price"),
        )
    )
    one = found.filter(pl.col("forecast_origin_date") == first)
    other = MODEL.score(fitted, changed, days).filter(pl.col("forecast_origin_date") == first)
    assert one.equals(other)


def test_what_is_learned_comes_from_before_the_slice(
    shop: Data, judged: Slice, fitted: Forecasters, tmp_path: Path
) -> None:
    later = pl.col("business_date") >= judged.train_before["shop"]
    changed = data(
        shop[DEMAND].with_columns(
            pl.when(later & ~pl.col("is_future")).then(50).otherwise(pl.col(name)).alias(name)
            for name in ("reported_units", "ordered_units")
        )
    )
    for name, fit in (("one", fitted), ("two", MODEL.fit(changed, judged, {}))):
        (tmp_path / name).mkdir()
        MODEL.save(fit, tmp_path / name)
    for file in (tmp_path / "one").rglob("*"):
        if file.is_file():
            other = tmp_path / "two" / file.relative_to(tmp_path / "one")
            assert file.read_bytes() == other.read_bytes()
    assert MODEL.score(MODEL.load(tmp_path / "one"), shop).equals(MODEL.score(fitted, shop))


def test_a_fit_beats_the_baseline_where_there_is_a_level(
    shop: Data, judged: Slice, fitted: Forecasters
) -> None:
    learned = MODEL.judge(fitted, shop, judged)
    naive = MODEL.judge(MODEL.baseline(), shop, judged)
    assert learned.metrics["shop_wape"] < 0.9 * naive.metrics["shop_wape"]
    assert learned.metrics["calibration_miss"] <= 5
    assert learned.losses["unit"].to_list() == naive.losses["unit"].to_list()
    assert learned.losses["loss"].sum() < naive.losses["loss"].sum()
    assert MODEL.score(MODEL.baseline(), shop)["method"].unique().to_list() == [BASELINE]
