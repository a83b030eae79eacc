"""How good the demand forecast is: on four data sets, against baselines and two libraries.

All methods are judged on the same series: those with LEAST_HISTORY periods before the earliest
origin, or a seeded sample of them, because the libraries fit series one by one. WAPE per period is
the literal goal; where most periods have no sale it is least for a forecast of 0, so the WAPE of
each series' sum over the horizon (`sums`) stands beside it and has goals of its own.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from bench.ml.demand_data import DATA_SETS, DataSet
from bench.ml.demand_peers import (
    THREADS,
    PeerForecast,
    mlforecast,
    statsforecast,
    statsforecast_models,
)
from bench.ml.homes import Homes
from bench.report import Cell, Goal, Part, Table
from ml.demand.baselines import Baseline
from ml.demand.fitting import fit
from ml.demand.methods import METHODS
from ml.demand.metrics import (
    QUANTILES,
    accuracy,
    judged,
    quantile_quality,
    scales,
    value_added,
)
from ml.demand.panel import Panel
from ml.demand.settings import Settings

OURS = "served"
LEAST_HISTORY = 8
RATIO, POINTS = 1.01, 5.0
ERRORS = ("wape", "sums", "bias", "mase", "rmsse", "value_added", "seconds")
_SEED = 1
_PEERS = ("seasonal_naive", "moving_average", "croston", "sba")
"""Our own methods that count as peers; tsb and pooled_mean are shown too."""
_GOALS: dict[str, tuple[tuple[str, ...], str]] = {
    "demand_simulator": (("shop",), "wape"),
    "demand_olist": (("olist by category", "olist by product"), "wape"),
    "demand_retail": (("retail",), "wape"),
    "demand_carparts": (("carparts",), "rmsse"),
    "demand_simulator_sums": (("shop",), "sums"),
    "demand_olist_sums": (("olist by category", "olist by product"), "sums"),
    "demand_retail_sums": (("retail",), "sums"),
}


@dataclass(frozen=True)
class Row:
    """One method on one set from one origin.

    `figures` has ERRORS, and for p10, p50 and p90 `pinball`, `below` (P(y < Q)) and `at_most`
    (P(y <= Q)) with the name of the quantile after a blank, if it has any. `sums` is the WAPE of
    each series' sum over the horizon; `seconds` are for fitting and forecasting, of the whole set
    for ours, of the judged series for statsforecast.
    """

    data: str
    origin: str
    method: str
    series: int
    figures: Mapping[str, float]
    served_by: str = ""


def run(homes: Homes, sample: int, sets: Sequence[str] = tuple(DATA_SETS)) -> Part:
    """Two tables for each set, errors and quantiles, and the goals of these sets."""
    rows: list[Row] = []
    tables: list[Table] = []
    for name in sets:
        own = measure(DATA_SETS[name](homes), sample)
        rows += own
        tables += [_errors(own), _quantiles(own)]
    return Part(tables, goals(rows))


def measure(data: DataSet, sample: int) -> list[Row]:
    """All methods on one set, from each of its origins."""
    series = _judged_series(data, sample)
    rows = []
    for origin in data.origins:
        sys.stderr.write(f"{data.name} from {origin} ...\n")
        forecasts = _ours(data, origin) | _theirs(data, origin, series)
        history = Panel(data.panel.frame.filter(pl.col("period") < origin))
        scale = scales(history, data.frequency.scale_lag)
        naive = judged(_of(forecasts["seasonal_naive"].frame, series), data.panel)
        reference = accuracy(naive, scale)
        for method, forecast in forecasts.items():
            found = judged(_of(forecast.frame, series), data.panel)
            errors = accuracy(found, scale)
            figures = {name: getattr(errors, name) for name in ("wape", "bias", "mase", "rmsse")}
            figures |= {
                "sums": wape_of_sums(found),
                "value_added": value_added(errors, reference),
                "seconds": forecast.seconds,
            }
            if "p10" in forecast.frame.columns:
                for name, own in quantile_quality(found).items():
                    figures |= {
                        f"pinball {name}": own.pinball,
                        f"below {name}": own.below,
                        f"at_most {name}": own.at_most,
                    }
            count = found["series_id"].n_unique()
            mix = _mix(forecast.frame)
            rows.append(Row(data.name, origin.isoformat(), method, count, figures, mix))
    return rows


def _ours(data: DataSet, origin: date) -> dict[str, PeerForecast]:
    known = data.panel.as_of(origin)
    settings = Settings(threads=THREADS)

    def timed(forecast: Callable[[], pl.DataFrame]) -> PeerForecast:
        began = time.perf_counter()
        found = forecast()
        return PeerForecast(found, time.perf_counter() - began)

    found = {
        OURS: timed(lambda: fit(known, origin, data.frequency, settings).forecast(known, origin))
    }
    for name in METHODS:
        baseline = Baseline(name, data.frequency)
        found[name] = timed(lambda baseline=baseline: baseline.forecast(known, origin))  # type: ignore[misc]
    return found


def _theirs(data: DataSet, origin: date, series: pl.DataFrame) -> dict[str, PeerForecast]:
    horizon = data.frequency.horizon
    few = Panel(_of(data.panel.frame, series), data.panel.planned)
    found = {
        name: statsforecast(name, few, origin, data.frequency, horizon)
        for name in statsforecast_models(data.frequency)
    }
    found["mlforecast LightGBM"] = mlforecast(data.panel, origin, data.frequency, horizon)
    return found


def _judged_series(data: DataSet, sample: int) -> pl.DataFrame:
    counts = (
        data.panel.frame.filter(pl.col("period") < min(data.origins))
        .group_by("series_id")
        .agg(pl.len().alias("periods"))
        .filter(pl.col("periods") >= LEAST_HISTORY)
    )
    names = sorted(counts["series_id"].to_list())
    if len(names) > sample:
        names = sorted(random.Random(_SEED).sample(names, sample))
    return pl.DataFrame({"series_id": names})


def _of(frame: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    return frame.join(series, on="series_id", how="semi")


def wape_of_sums(rows: pl.DataFrame) -> float:
    """Absolute errors of each series' sum over the horizon, by the units of all."""
    sums = rows.group_by("series_id").agg(
        pl.col("forecast_units").sum(), pl.col("actual_units").sum()
    )
    error = sums["forecast_units"].to_numpy() - sums["actual_units"].to_numpy()
    return float(abs(error).sum() / sums["actual_units"].to_numpy().sum())


def _mix(frame: pl.DataFrame) -> str:
    if "served_by" not in frame.columns:
        return ""
    counts = frame.group_by("served_by").len().sort("len", "served_by", descending=True)
    return ", ".join(f"{name} {n / frame.height:.0%}" for name, n in counts.iter_rows())


def means(rows: Sequence[Row], data: str, figure: str) -> dict[str, float]:
    """The mean over origins of one figure by method."""
    chosen = [row for row in rows if row.data == data]
    methods = dict.fromkeys(row.method for row in chosen)
    return {
        method: statistics.fmean(row.figures[figure] for row in chosen if row.method == method)
        for method in methods
    }


def ratio(rows: Sequence[Row], data: str, figure: str) -> float:
    """Our mean error on a set by the best peer's."""
    by_method = means(rows, data, figure)
    others = [value for name, value in by_method.items() if _is_peer(name)]
    return by_method[OURS] / min(others)


def _is_peer(method: str) -> bool:
    return method not in (*METHODS, OURS) or method in _PEERS


def largest_miss(rows: Sequence[Row], data: str) -> float:
    """How far the worst of our quantiles on a set is off over all its origins, in points."""
    chosen = [row for row in rows if row.data == data and row.method == OURS]
    found = 0.0
    for name, level in QUANTILES.items():
        below = statistics.fmean(row.figures[f"below {name}"] for row in chosen)
        at_most = statistics.fmean(row.figures[f"at_most {name}"] for row in chosen)
        found = max(found, 100 * (below - level), 100 * (level - at_most))
    return found


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Of goals over several sets the worst set counts; sets that were not measured have none."""
    sets = list(dict.fromkeys(row.data for row in rows))
    found = [
        Goal(goal, max(ratio(rows, name, figure) for name in names), RATIO)
        for goal, (names, figure) in _GOALS.items()
        if set(names) <= set(sets)
    ]
    worst = max(largest_miss(rows, name) for name in sets)
    return [*found, Goal("demand_calibration", worst, POINTS)]


def _errors(rows: Sequence[Row]) -> Table:
    origins = len({row.origin for row in rows})
    found: list[Mapping[str, Cell]] = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        spread = statistics.stdev(row.figures["wape"] for row in own) if len(own) > 1 else 0.0
        cells = {name: statistics.fmean(row.figures[name] for row in own) for name in ERRORS}
        found.append({"method": method, **cells, "wape +-": spread})
    served = "; ".join(f"{row.origin}: {row.served_by}" for row in rows if row.method == OURS)
    title = f"Demand, {rows[0].data}: means of {origins} origins, {rows[0].series} series judged"
    return Table(title, found, f"Served from {served}.")


def _quantiles(rows: Sequence[Row]) -> Table:
    found: list[Mapping[str, Cell]] = []
    with_quantiles = [row for row in rows if "below p10" in row.figures]
    for method in dict.fromkeys(row.method for row in with_quantiles):
        own = [row for row in with_quantiles if row.method == method]
        for name in QUANTILES:
            found.append(
                {
                    "method": f"{method} {name}",
                    "P(y<Q)": statistics.fmean(row.figures[f"below {name}"] for row in own),
                    "P(y<=Q)": statistics.fmean(row.figures[f"at_most {name}"] for row in own),
                    "pinball": statistics.fmean(row.figures[f"pinball {name}"] for row in own),
                }
            )
    return Table(f"Demand, {rows[0].data}: quantiles", found)
