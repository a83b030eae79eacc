"""Has a column changed since training? Population stability with a floor for noise.

The population stability index is the symmetrised Kullback-Leibler divergence of two histograms
(Siddiqi, Credit Risk Scorecards, 2006). Of two samples of n and m rows of one distribution it is
about (1/n + 1/m) x chi-squared with one degree of freedom less than bins (Yurdakul and Naranjo,
Statistical properties of the population stability index, 2020), so a fixed line of 0.1 is crossed
by most samples of 100 rows: what counts is the line or that quantile, whichever is higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from ml.arrays import Floats, Ints

BINS = 10
WARN, ALARM = 0.10, 0.25
CONFIDENCE = 0.99
LEAST_EXPECTED = 5
STEADY, WARNED, ALARMED = "steady", "warning", "alarm"


@dataclass(frozen=True)
class FrozenBins:
    """The histogram of a column as training saw it.

    `edges` are the inner bounds of numeric bins (each bin holds its upper bound), `levels` the
    levels of a categorical column; the other is empty. `counts` has one number for each bin, in
    their order, then one for levels that training did not see and one for nulls.
    """

    column: str
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows that training saw."""
        return sum(self.counts)

    def to_json(self) -> dict[str, Any]:
        """The bins as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FrozenBins:
        """Reads what `to_json` gave."""
        return cls(
            content["column"],
            tuple(content["edges"]),
            tuple(content["levels"]),
            tuple(content["counts"]),
        )


@dataclass(frozen=True)
class Drift:
    """How far a column moved: the index, the lines it is held against, and what that means."""

    column: str
    psi: float
    warn_at: float
    alarm_at: float
    state: str
    rows: int


def freeze(values: pl.Series) -> FrozenBins:
    """Bins of a column: tenths of the numbers, or the levels of anything else, and nulls.

    A number that a tenth of the rows or more have is alone in its bin: what becomes of them shows.
    """
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        numbers = _numbers(values)
        known = numbers[np.isfinite(numbers)]
        tenths = np.arange(1, BINS) / BINS
        cuts: Floats = np.quantile(known, tenths, method="inverted_cdf") if known.size else known
        distinct, rows = np.unique(known, return_counts=True)
        frequent = distinct[rows * BINS >= known.size]
        own = np.append(frequent, np.nextafter(frequent, -np.inf))
        edges = tuple(float(edge) for edge in np.union1d(cuts, own))
        bins = FrozenBins(values.name, edges, (), ())
    else:
        levels = tuple(values.drop_nulls().cast(pl.String).unique().sort().to_list())
        bins = FrozenBins(values.name, (), levels, ())
    counts = tuple(int(count) for count in _counts(bins, values))
    return FrozenBins(bins.column, bins.edges, bins.levels, counts)


def measure(bins: FrozenBins, values: pl.Series) -> Drift:
    """The drift of `values` from the frozen bins; an empty sample is steady."""
    expected = np.array(bins.counts, dtype=np.int64)
    actual = _counts(bins, values)
    expected, actual = _pooled(expected, actual)
    n, m = int(expected.sum()), int(actual.sum())
    if not n or not m or expected.size < 2:
        return Drift(bins.column, 0.0, WARN, ALARM, STEADY, m)
    index = psi(expected, actual)
    noise = noise_floor(n, m, expected.size)
    warn, alarm = max(WARN, noise), max(ALARM, noise)
    state = ALARMED if index > alarm else WARNED if index > warn else STEADY
    return Drift(bins.column, index, warn, alarm, state, m)


def psi(expected: Ints, actual: Ints) -> float:
    """The index of two histograms over the same bins, shape (bins,), half a row added to each."""
    p = (expected + 0.5) / (expected.sum() + 0.5 * expected.size)
    q = (actual + 0.5) / (actual.sum() + 0.5 * actual.size)
    return float(((q - p) * np.log(q / p)).sum())


def noise_floor(n: int, m: int, bins: int) -> float:
    """What the index of samples of n and m rows without drift exceeds in 1 of 100 cases."""
    from scipy.stats import chi2  # takes a second

    return float((1 / n + 1 / m) * chi2.ppf(CONFIDENCE, bins - 1))


def _counts(bins: FrozenBins, values: pl.Series) -> Ints:
    """Rows by bin, then of unseen levels and of nulls."""
    if bins.levels or not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        places = {level: i for i, level in enumerate(bins.levels)}
        size = len(bins.levels)
        text = values.cast(pl.String)
        found = [places.get(level, size) for level in text.drop_nulls().to_list()]
        counts = np.bincount(np.array(found, dtype=np.int64), minlength=size + 1)
        return np.append(counts, text.null_count())
    numbers = _numbers(values)
    known = numbers[np.isfinite(numbers)]
    size = len(bins.edges) + 1
    position = np.searchsorted(np.array(bins.edges), known, side="left")
    counts = np.bincount(position, minlength=size)
    return np.concatenate([counts, [0, numbers.size - known.size]])


def _pooled(expected: Ints, actual: Ints) -> tuple[Ints, Ints]:
    """Bins in use; those of which fewer than LEAST_EXPECTED rows are expected are put together."""
    in_use = (expected + actual) > 0
    expected, actual = expected[in_use], actual[in_use]
    share = expected / max(1, expected.sum())
    is_rare = np.minimum(share * actual.sum(), expected) < LEAST_EXPECTED
    if is_rare.sum() < 2:
        return expected, actual
    pooled = [np.append(counts[~is_rare], counts[is_rare].sum()) for counts in (expected, actual)]
    return pooled[0], pooled[1]


def _numbers(values: pl.Series) -> Floats:
    numbers: Floats = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return numbers
