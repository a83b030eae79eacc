"""How good the demand forecast is: on four data sets, against baselines and two libraries.

`make bench-ml_demand`, or `python -m bench.ml_demand [--sets shop retail] [--sample 500]`. Needs
`uv pip install --editable '.[bench]'` and the files in STOREHOUSE_TEST_DATA, or ../shared/data.
Prints a table with the mean (and the standard deviation) over the test origins of each set, and a
line `goal NAME VALUE TARGET met|missed` per goal; writes bench/results/ml_demand.json.

All methods are judged on the same series: those with LEAST_HISTORY periods before the earliest
origin, or a seeded sample of them, because the libraries fit series one by one. WAPE per period is
the literal goal; where most periods have no sale it is least for a forecast of 0, so the WAPE of
each series' sum over the horizon (`sums`) stands beside it and has goals of its own.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import polars as pl

from bench.demand_data import DATA_SETS, DataSet
from bench.demand_peers import PeerForecast, mlforecast, statsforecast, statsforecast_models
from bench.harness import DATA, write_results
from ml.demand.baselines import Baseline
from ml.demand.fitting import fit
from ml.demand.methods import METHODS
from ml.demand.metrics import accuracy, judged, quantile_quality, scales, value_added
from ml.demand.panel import Panel

OURS = "served"
LEAST_HISTORY = 8
RATIO, POINTS = 1.01, 5.0
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
    """One method on one set from one origin; quantile figures by p10, p50 and p90, if it has any.

    `sums` is the WAPE of each series' sum over the horizon; `miss` is in points; `seconds` are for
    fitting and forecasting, of the whole set for ours, of the judged series for statsforecast.
    """

    data: str
    origin: str
    method: str
    series: int
    wape: float
    sums: float
    bias: float
    mase: float
    rmsse: float
    value_added: float
    seconds: float
    pinball: Mapping[str, float]
    below: Mapping[str, float]
    at_most: Mapping[str, float]
    served_by: str = ""


def measure(data: DataSet, sample: int) -> list[Row]:
    """All methods on one set, from each of its origins."""
    judged_series = _judged_series(data, sample)
    rows = []
    for origin in data.origins:
        forecasts = _ours(data, origin) | _theirs(data, origin, judged_series)
        history = Panel(data.panel.frame.filter(pl.col("period") < origin))
        scale = scales(history, data.frequency.scale_lag)
        naive = judged(_of(forecasts["seasonal_naive"].frame, judged_series), data.panel)
        reference = accuracy(naive, scale)
        for method, forecast in forecasts.items():
            found = judged(_of(forecast.frame, judged_series), data.panel)
            errors = accuracy(found, scale)
            has_quantiles = "p10" in forecast.frame.columns
            quality = quantile_quality(found) if has_quantiles else {}
            row = Row(
                data=data.name,
                origin=origin.isoformat(),
                method=method,
                series=found["series_id"].n_unique(),
                wape=errors.wape,
                sums=_wape_of_sums(found),
                bias=errors.bias,
                mase=errors.mase,
                rmsse=errors.rmsse,
                value_added=value_added(errors, reference),
                seconds=forecast.seconds,
                pinball={name: own.pinball for name, own in quality.items()},
                below={name: own.below for name, own in quality.items()},
                at_most={name: own.at_most for name, own in quality.items()},
                served_by=_mix(forecast.frame),
            )
            rows.append(row)
    return rows


def _ours(data: DataSet, origin: date) -> dict[str, PeerForecast]:
    known = data.panel.as_of(origin)

    def timed(forecast: Callable[[], pl.DataFrame]) -> PeerForecast:
        began = time.perf_counter()
        found = forecast()
        return PeerForecast(found, time.perf_counter() - began)

    found = {OURS: timed(lambda: fit(known, origin, data.frequency).forecast(known, origin))}
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


def _wape_of_sums(rows: pl.DataFrame) -> float:
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


def means(rows: Sequence[Row], data: str, column: str) -> dict[str, float]:
    """The mean over origins of one column by method, of methods that have it at every origin."""
    chosen = [row for row in rows if row.data == data]
    methods = dict.fromkeys(row.method for row in chosen)
    return {
        method: statistics.fmean(getattr(row, column) for row in chosen if row.method == method)
        for method in methods
    }


def ratio(rows: Sequence[Row], data: str, column: str) -> float:
    """Our mean error on a set by the best peer's."""
    by_method = means(rows, data, column)
    others = [value for name, value in by_method.items() if _is_peer(name)]
    return by_method[OURS] / min(others)


def _is_peer(method: str) -> bool:
    return method not in (*METHODS, OURS) or method in _PEERS


def largest_miss(rows: Sequence[Row], data: str) -> float:
    """How far the worst of our quantiles on a set is off over all its origins, in points."""
    chosen = [row for row in rows if row.data == data and row.method == OURS]
    found = 0.0
    for name, level in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
        below = statistics.fmean(row.below[name] for row in chosen)
        at_most = statistics.fmean(row.at_most[name] for row in chosen)
        found = max(found, 100 * (below - level), 100 * (level - at_most))
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=sorted(DATA_SETS), default=list(DATA_SETS))
    parser.add_argument("--sample", type=int, default=500)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"There is no {DATA}: set STOREHOUSE_TEST_DATA to the folder of the data sets.")
    rows: list[Row] = []
    for name in options.sets:
        found = measure(DATA_SETS[name](), options.sample)
        _print(found)
        rows += found
    goals = _goals(rows, options.sets)
    for goal, value, target in goals:
        verdict = "met" if value <= target else "missed"
        sys.stdout.write(f"goal {goal} {value:.3f} {target:.2f} {verdict}\n")
    write_results(
        "ml_demand",
        {
            "rows": [asdict(row) for row in rows],
            "goals": {goal: value for goal, value, _ in goals},
        },
    )


def _goals(rows: Sequence[Row], sets: Sequence[str]) -> list[tuple[str, float, float]]:
    """Names, values and targets; of several sets the worst one counts."""
    found = [
        (goal, max(ratio(rows, name, column) for name in names), RATIO)
        for goal, (names, column) in _GOALS.items()
        if set(names) <= set(sets)
    ]
    worst = max(largest_miss(rows, name) for name in sets)
    return [*found, ("demand_calibration", worst, POINTS)]


def _print(rows: Sequence[Row]) -> None:
    write = sys.stdout.write
    data = rows[0].data
    origins = len({row.origin for row in rows})
    write(f"\n{data}: {rows[0].series} series judged, {origins} origins\n")
    heads = ("wape", "sums", "bias", "mase", "rmsse", "added", "seconds")
    write(f"{'method':<22}" + "".join(f"{head:>15}" for head in heads) + "\n")
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        cells = []
        for column in ("wape", "sums", "bias", "mase", "rmsse", "value_added", "seconds"):
            values = [getattr(row, column) for row in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.fmean(values):>7.3f} ({spread:.3f})")
        write(f"{method:<22}" + "".join(f"{cell:>15}" for cell in cells) + "\n")
    write(f"{'quantiles':<22}{'P(y<Q)':>15}{'P(y<=Q)':>15}{'pinball':>15}\n")
    for method in (OURS, *METHODS):
        own = [row for row in rows if row.method == method]
        for name in ("p10", "p50", "p90"):
            figures = [
                statistics.fmean(getattr(row, column)[name] for row in own)
                for column in ("below", "at_most", "pinball")
            ]
            cells = [f"{figure:>15.3f}" for figure in figures]
            write(f"{method + ' ' + name:<22}" + "".join(cells) + "\n")
    for row in rows:
        if row.method == OURS:
            write(f"served from {row.origin}: {row.served_by}\n")
    write("\n")


if __name__ == "__main__":
    main()
