"""The model of demand in the frame: a panel and a forecast for each source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from ml.demand.panel import Panel
from ml.frame.days import SETTLEMENT_DAYS, Days
from ml.frame.gate import GateRules, Judgement
from ml.frame.model import (
    DAY,
    ORIGINS,
    Data,
    Model,
    Params,
    Slice,
    Table,
    TooLittleDataError,
)
from ml.frame.scores import SERVED_BY, score_schema

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ml.demand.fitted import Fitted
    from ml.demand.frequency import Frequency

DEMAND = "features.product_demand_daily"
BASELINE = "seasonal_naive"
MOST_MISSED_POINTS = 10.0
"""How far a quantile may be off on origins so close; over a year it should be 5."""
MOST_BIAS = 0.5
"""Share of the units by which a forecast may be too high or too low in all."""
LEAST_HORIZONS = 4
"""Horizons of history before the first judged origin: to learn and to validate."""
LEARNED = (
    "category",
    "age_days",
    "is_holiday",
    "planned_discount_share",
    "unit_price",
    "is_stock_out",
    "reported_units",
)
_PLANNED = ("discount_share", "is_holiday")


@dataclass(frozen=True)
class Forecasters:
    """A fit for each source, and the share of reported units that cancellations leave.

    Empty for the baseline.
    """

    fits: Mapping[str, Fitted] = field(default_factory=dict)
    settled_shares: Mapping[str, float] = field(default_factory=dict)


class DemandForecast(Model[Forecasters]):
    """How many units of each product will be ordered."""

    name = "demand_forecast"
    description = "Mean and quantiles of the units of each product and day, or week in slow shops."
    trained_as = "demand"
    baseline_name = BASELINE
    key = ("source_system", "product_id", "forecast_origin_date", "period_start_date")
    dated_by = "forecast_origin_date"
    label = "ordered_units"
    watched_scores = ("forecast_units",)
    trials = 0  # a search takes ten times as long as the fit, and found no better trees
    kept_dates = 35  # a horizon and a week, so that every forecast can be judged
    as_of_sql = (
        "select cast(max(business_date + period_days - 1) as date) "
        f"from {DEMAND} where not is_future"
    )
    reads = (
        Table(
            DEMAND,
            (
                "source_system",
                "product_id",
                "business_date",
                "period_days",
                "is_future",
                *LEARNED,
                "ordered_units",
            ),
            ("source_system", "product_id", "business_date"),
            LEARNED,
        ),
    )
    scores: ClassVar[Mapping[str, Any]] = {
        "source_system": pl.String,
        "product_id": pl.String,
        "forecast_origin_date": pl.Date,
        "period_start_date": pl.Date,
        "period_days": pl.Int32,
        "horizon": pl.Int32,
        "forecast_units": pl.Float64,
        "p10_units": pl.Float64,
        "p50_units": pl.Float64,
        "p90_units": pl.Float64,
        "series_class": pl.String,
        "method": pl.String,
    }
    rules = GateRules(
        ceilings={"calibration_miss": MOST_MISSED_POINTS, "largest_bias": MOST_BIAS},
        tolerance=0.01,
        most_seconds=600,
        guarded_units=50,
    )

    def baseline(self) -> Forecasters:
        """The seasonal naive forecast, with quantiles of its own past errors."""
        return Forecasters()

    def slice(self, data: Data) -> Slice:
        """The last horizons of each source whose cancellations are settled, from three origins.

        Raises TooLittleDataError where no source has a history before them.
        """
        train, judged, before = {}, {}, {}
        for source, rows in _sources(data):
            frequency, first, as_of = _shape(rows)
            end = _period_start(frequency, as_of - timedelta(days=SETTLEMENT_DAYS - 1))
            judged_periods = frequency.horizon + (ORIGINS - 1) * _step(frequency)
            start = _shifted(frequency, end, -judged_periods)
            if (start - first).days < _days(frequency) * frequency.horizon * LEAST_HORIZONS:
                continue
            train[source], judged[source], before[source] = start, start, end
        if not judged:
            raise TooLittleDataError(
                f"No source has {LEAST_HORIZONS} horizons of demand before those that are judged.",
                f"{BASELINE} serves.",
            )
        last = max(_shape(rows)[2] for _, rows in _sources(data))
        return Slice(train, judged, before, last)

    def tune(self, data: Data, judged: Slice, trials: int) -> Params:
        """For each source (`source.parameter`) what did best on origins before the slice."""
        from ml.demand.fitting import tune

        return {
            f"{source}.{name}": value
            for source, panel, origin, frequency in _histories(data, judged)
            for name, value in tune(panel, origin, frequency, trials, seed=self.seed).items()
        }

    def fit(self, data: Data, judged: Slice, params: Params) -> Forecasters:
        """For each source of the slice a fit on the periods before it."""
        from ml.demand.fitting import fit
        from ml.demand.settings import Settings

        fits = {}
        for source, panel, origin, frequency in _histories(data, judged):
            own = {
                name.removeprefix(f"{source}."): value
                for name, value in params.items()
                if name.startswith(f"{source}.")
            }
            fits[source] = fit(panel, origin, frequency, Settings(parameters=own), self.seed)
        shares = {
            source: _settled_share(rows, judged.train_before[source])
            for source, rows in _sources(data)
            if source in fits
        }
        return Forecasters(fits, shares)

    def judge(self, fitted: Forecasters, data: Data, judged: Slice) -> Judgement:
        """Errors of the forecasts from each origin whose horizon is judged.

        The loss of a product and origin is the absolute error of its periods and that of their
        sum: where most days have no sale, the first alone would be least for a forecast of 0.
        """
        import numpy as np

        from ml.demand.metrics import accuracy, quantile_quality, scales, value_added

        metrics: dict[str, float] = {}
        losses = []
        misses, biases = [0.0], [0.0]
        for source, rows in _sources(data):
            if source not in judged.judged_from:
                continue
            found = _judged_rows(fitted, data, source, rows, judged)
            naive = _judged_rows(self.baseline(), data, source, rows, judged)
            actuals = _panel(data, source, rows, "ordered_units")
            is_past = pl.col("period") < judged.judged_from[source]
            scale = scales(
                Panel(actuals.frame.filter(is_past), actuals.planned), _shape(rows)[0].scale_lag
            )
            errors = accuracy(found, scale)
            for name in ("wape", "bias", "mase", "rmsse"):
                metrics[f"{source}_{name}"] = float(getattr(errors, name))
            metrics[f"{source}_value_added"] = value_added(errors, accuracy(naive, scale))
            biases.append(abs(errors.bias))
            for name, quality in quantile_quality(found).items():
                metrics[f"{source}_{name}_pinball"] = float(quality.pinball)
                metrics[f"{source}_{name}_miss"] = float(quality.miss)
                misses.append(float(quality.miss))
            losses.append(_losses(source, found))
        # Not Python's max: what cannot be computed of one source must not look like nothing.
        metrics["calibration_miss"] = float(np.max(misses))
        metrics["largest_bias"] = float(np.max(biases))
        return Judgement(metrics, pl.concat(losses))

    def origins(self, data: Data, judged: Slice) -> list[Slice]:
        """A horizon from each origin."""
        frequencies = {source: _shape(rows)[0] for source, rows in _sources(data)}

        def later(days: Mapping[str, date], steps: int) -> dict[str, date]:
            return {
                source: _shifted(frequencies[source], day, steps * _step(frequencies[source]))
                for source, day in days.items()
            }

        return [
            replace(
                judged,
                judged_from=later(judged.judged_from, number),
                judged_before=later(judged.judged_before, number + 1 - ORIGINS),
            )
            for number in range(ORIGINS)
        ]

    def score(self, fitted: Forecasters, data: Data, days: Days | None = None) -> pl.DataFrame:
        """Forecasts of each source from the day (or Monday) after its data, or from `days`."""
        parts = [pl.DataFrame(schema=score_schema(self.scores))]
        for source, rows in _sources(data):
            left_to = None if source in fitted.fits else self.baseline_name
            for origin in _origins(rows, days):
                forecast = _forecast(fitted, data, source, rows, origin)
                columns = [
                    pl.lit(source).alias("source_system"),
                    pl.col("series_id").alias("product_id"),
                    pl.lit(origin).alias("forecast_origin_date"),
                    pl.col("period").alias("period_start_date"),
                    pl.lit(_days(_shape(rows)[0]), pl.Int32).alias("period_days"),
                    "horizon",
                    "forecast_units",
                    *(pl.col(name).alias(f"{name}_units") for name in ("p10", "p50", "p90")),
                    "series_class",
                    pl.col("served_by").alias("method"),
                    pl.lit(left_to, pl.String).alias(SERVED_BY),
                ]
                parts.append(forecast.select(columns))
        return pl.concat(parts)

    def watched(self, data: Data) -> pl.DataFrame:
        """Periods that are over; units are final when cancellations have had their days.

        Without the age of products: it grows, and is no drift.
        """
        known = data[DEMAND].filter(~pl.col("is_future"))
        last = pl.col("business_date").max().over("source_system")
        is_final = pl.col("business_date") <= last - pl.duration(days=SETTLEMENT_DAYS)
        return known.select(
            "source_system",
            pl.col("business_date").alias(DAY),
            *(name for name in LEARNED if name != "age_days"),
            pl.when(is_final).then(self.label).alias(self.label),
        )

    def important(self, fitted: Forecasters) -> tuple[str, ...]:
        """What units, price and promotions say; the calendar does not drift."""
        return ("reported_units", "unit_price", "planned_discount_share")

    def save(self, fitted: Forecasters, folder: Path) -> None:
        """A folder for each source, and the settled shares."""
        for source, fit in fitted.fits.items():
            fit.save(folder / source)
        text = json.dumps(dict(fitted.settled_shares))
        (folder / "settled_shares.json").write_text(text, encoding="utf-8")

    def load(self, folder: Path) -> Forecasters:
        """Reads what `save` wrote."""
        from ml.demand.fitted import Fitted

        shares = json.loads((folder / "settled_shares.json").read_text(encoding="utf-8"))
        return Forecasters({source: Fitted.load(folder / source) for source in shares}, shares)

    def plots(self, fitted: Forecasters, data: Data, judged: Slice) -> Mapping[str, Figure]:
        """What was ordered in all, and what was forecast for the judged periods."""
        found = {}
        for source, rows in _sources(data):
            if source in judged.judged_from:
                origin = judged.judged_from[source]
                forecast = _forecast(fitted, data, source, rows, origin)
                found[f"Units of {source}"] = _plot(
                    _panel(data, source, rows, "ordered_units"), forecast, origin
                )
        return found


def panel_of(rows: pl.DataFrame, units: str = "reported_units") -> Panel:
    """The panel of one source; `units` are the reported or the ordered ones."""
    is_known = ~pl.col("is_future")
    return Panel(
        rows.select(
            pl.col("product_id").alias("series_id"),
            pl.col("business_date").alias("period"),
            pl.when(is_known).then(pl.col(units)).cast(pl.Float64).alias("units"),
            (pl.col("is_stock_out") & is_known).alias("is_masked"),
            "category",
            pl.when(is_known).then(pl.col("unit_price")).cast(pl.Float64).alias("price"),
            pl.col("planned_discount_share").cast(pl.Float64).alias("discount_share"),
            "is_holiday",
        ),
        _PLANNED,
    )


def _histories(data: Data, judged: Slice) -> Iterator[tuple[str, Panel, date, Frequency]]:
    """For each source of the slice: what may be learned from, its origin and its periods."""
    for source, rows in _sources(data):
        if source in judged.train_before:
            origin = judged.train_before[source]
            yield source, _panel(data, source, rows).as_of(origin), origin, _shape(rows)[0]


def _panel(data: Data, source: str, rows: pl.DataFrame, units: str = "reported_units") -> Panel:
    """The panel of a source, made once for all who ask."""
    return data.once(f"{source} {units}", lambda: panel_of(rows, units))


def _judged_rows(
    fitted: Forecasters, data: Data, source: str, rows: pl.DataFrame, judged: Slice
) -> pl.DataFrame:
    """Forecasts of a source from every judged origin, with the units then ordered."""
    from ml.demand.metrics import judged as judged_rows

    frequency = _shape(rows)[0]
    actuals = _panel(data, source, rows, "ordered_units")
    origin, parts = judged.judged_from[source], []
    while _shifted(frequency, origin, frequency.horizon) <= judged.judged_before[source]:
        forecast = _forecast(fitted, data, source, rows, origin)
        parts.append(judged_rows(forecast, actuals).with_columns(pl.lit(origin).alias("origin")))
        origin = _shifted(frequency, origin, _step(frequency))
    return pl.concat(parts)


def _losses(source: str, found: pl.DataFrame) -> pl.DataFrame:
    """The loss of each product and origin, by class of demand."""
    error = pl.col("forecast_units") - pl.col("actual_units")
    return (
        found.group_by("series_id", "origin")
        .agg(
            (error.abs().sum() + error.sum().abs()).alias("loss"),
            pl.col("series_class").first(),
        )
        .select(
            pl.format("{}|{}|{}", pl.lit(source), "series_id", "origin").alias("unit"),
            pl.format("{} {}", pl.lit(source), "series_class").alias("segment"),
            "loss",
        )
        .sort("unit")
    )


def _forecast(
    fitted: Forecasters, data: Data, source: str, rows: pl.DataFrame, origin: date
) -> pl.DataFrame:
    """Forecast in ordered units: what is reported is partly cancelled later."""
    from ml.demand.baselines import Baseline

    def forecast(method: Fitted | Baseline) -> pl.DataFrame:
        return method.forecast(_panel(data, source, rows).as_of(origin), origin)

    fit = fitted.fits.get(source)
    if fit is None:
        naive = Baseline(BASELINE, _shape(rows)[0])
        share = _settled_share(rows, origin)
        found = data.once(f"{BASELINE} {source} {origin}", lambda: forecast(naive))
    else:
        share = fitted.settled_shares[source]
        found = forecast(fit)
    return found.with_columns(
        pl.col("forecast_units") * share,
        *((pl.col(name) * share).round() for name in ("p10", "p50", "p90")),
    )


def _sources(data: Data) -> Iterator[tuple[str, pl.DataFrame]]:
    for (source,), rows in data[DEMAND].group_by("source_system", maintain_order=True):
        yield str(source), rows


def _shape(rows: pl.DataFrame) -> tuple[Frequency, date, date]:
    """The periods of a source, and its first and last business date that are known."""
    from ml.demand import frequency

    known = rows.filter(~pl.col("is_future"))["business_date"]
    days = int(rows["period_days"][0])
    first, last = known.min(), known.max()
    if not isinstance(first, date) or not isinstance(last, date):
        raise TooLittleDataError("A source has no period that is over.", "Wait for one.")
    return (frequency.WEEK if days == 7 else frequency.DAY), first, last + timedelta(days=days - 1)


def _origins(rows: pl.DataFrame, days: Days | None) -> list[date]:
    """The day or Monday after the known days, or those of `days` that have enough before them."""
    frequency, first, last = _shape(rows)
    latest = _period_start(frequency, last + timedelta(days=1))
    if days is None:
        return [latest]
    return [day for day in days if first < day <= latest and day == _period_start(frequency, day)]


def _period_start(frequency: Frequency, day: date) -> date:
    """The first day of the period that holds a day."""
    return day - timedelta(days=day.weekday()) if frequency.name == "week" else day


def _days(frequency: Frequency) -> int:
    return 7 if frequency.name == "week" else 1


def _shifted(frequency: Frequency, day: date, periods: int) -> date:
    return day + timedelta(days=periods * _days(frequency))


def _step(frequency: Frequency) -> int:
    """Periods between two judged origins: a quarter of the horizon."""
    return frequency.horizon // 4


def _settled_share(rows: pl.DataFrame, origin: date) -> float:
    """Ordered over reported units of days that were settled before the origin."""
    settled = pl.col("business_date") < origin - timedelta(days=SETTLEMENT_DAYS)
    sums = rows.filter(settled).select("ordered_units", "reported_units").sum().row(0)
    return float(sums[0] / sums[1]) if sums[1] else 1.0


def _plot(actuals: Panel, forecast: pl.DataFrame, origin: date) -> Figure:
    from matplotlib.figure import Figure

    units = (
        actuals.frame.filter(pl.col("units").is_not_null())
        .group_by("period")
        .agg(pl.col("units").sum())
        .sort("period")
    )
    total = forecast.group_by("period").agg(pl.col("forecast_units").sum()).sort("period")
    shown = units.filter(pl.col("period") >= origin - (total["period"].max() - origin) * 4)  # type: ignore[operator]
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(shown["period"], shown["units"], color="0.5", label="ordered")
    axes.plot(total["period"], total["forecast_units"], label="forecast")
    axes.set(ylabel="units", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
