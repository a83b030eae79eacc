"""Which forecast serves which series: candidates, their scores on validation origins, the choice.

Candidates compete from simple to complex; a more complex one must be better by more than the
standard error of the difference over the validation origins (in the spirit of Breiman and others,
Classification and Regression Trees, 1984). Combinations are plain means, which are hard to beat
(Bates and Granger, The combination of forecasts, Operational Research Quarterly 20, 1969).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.demand.classes import CLASSES
from ml.demand.grid import Grid
from ml.demand.methods import METHODS, mean_forecast
from ml.demand.smoothing import Smoothed

TREES = "lightgbm"
COMBINATIONS: dict[str, tuple[str, ...]] = {
    "smoothers": ("moving_average", "sba", "tsb", "pooled_mean"),
    "lightgbm_and_moving_average": (TREES, "moving_average"),
    "lightgbm_and_tsb": (TREES, "tsb"),
    "lightgbm_and_pooled_mean": (TREES, "pooled_mean"),
    "lightgbm_and_smoothers": (TREES, "moving_average", "tsb", "pooled_mean"),
}
CANDIDATES = (
    "seasonal_naive",
    "smoothers",
    *(method for method in METHODS if method != "seasonal_naive"),
    TREES,
    *(name for name in COMBINATIONS if name != "smoothers"),
)
"""Simplest first; the mean of four smoothers is simpler than to choose one of them."""
OF_FEW = ("smoothers", "seasonal_naive")
"""Candidates of a panel too small for trees: which of many wins there is told by common shocks.

Here a season must win against the mean: one year of few series shows none but by luck."""
COLD = "pooled_mean"
"""What serves series that are too young to be judged by their own history."""
_LEAST_SERIES = 30
"""Series of a class from which on it may have parameters and a forecast of its own."""
_WORST_RATIO = 10.0
_ONE_ORIGIN_SPREAD = 0.02
Variant = tuple[float, ...]


@dataclass(frozen=True)
class Choice:
    """By class: the parameters of each method, and the candidate that serves the class."""

    variants: dict[str, dict[str, Variant]]
    serving: dict[str, str]

    def needs_trees(self) -> bool:
        """Whether a class is served by the trees, alone or with others."""
        return any(TREES in members_of(name) for name in self.serving.values())


@dataclass(frozen=True)
class Target:
    """What a forecast from a validation origin is judged by.

    `units` (series x horizon) is NaN where unknown; `scale` the mean squared naive error of each
    series before the origin, NaN where there is none; `naive` the seasonal naive forecast that
    errors are relative to; `classes` positions in CLASSES; `is_cold` marks series too young to
    choose by.
    """

    column: int
    units: Floats
    naive: Floats
    scale: Floats
    classes: Ints
    is_cold: Bools


def members_of(candidate: str) -> tuple[str, ...]:
    """The methods that a candidate is the mean of."""
    return COMBINATIONS.get(candidate, (candidate,))


def methods_forecast(
    grid: Grid,
    smoothed: Smoothed,
    variants: Mapping[str, Mapping[str, Variant]],
    classes: Ints,
    column: int,
) -> dict[str, Floats]:
    """The forecasts (series x horizon) of the methods of `variants`, each class by its own."""
    found = {}
    for method, by_class in variants.items():
        result = np.zeros((grid.size, grid.frequency.horizon))
        for variant in dict.fromkeys(by_class.values()):
            used = [CLASSES.index(name) for name, own in by_class.items() if own == variant]
            rows = np.isin(classes, used)
            values = mean_forecast(grid, smoothed, method, variant, column)
            result[rows] = values[rows]
        found[method] = result
    return found


def combine(forecasts: Mapping[str, Floats], candidate: str) -> Floats:
    """The mean of the methods of a candidate, of the shape of their forecasts."""
    members = [forecasts[name] for name in members_of(candidate)]
    found: Floats = np.mean(members, axis=0) if len(members) > 1 else members[0]
    return found


def served(
    forecasts: Mapping[str, Floats], choice: Choice, classes: Ints, is_cold: Bools
) -> Floats:
    """The forecast (series x horizon) that is served: of each class, or the pooled mean while cold.

    `classes` and `is_cold` are by series.
    """
    found = np.array(forecasts[COLD])
    for position, name in enumerate(CLASSES):
        rows = (classes == position) & ~is_cold
        if rows.any():
            found[rows] = combine(forecasts, choice.serving[name])[rows]
    return found


def score(forecast: Floats, target: Target, rows: Bools) -> float:
    """Mean of three errors of some series, each relative to the seasonal naive forecast's.

    The WAPE of periods, the WAPE of each series' sum over the horizon, and the RMSSE. The first
    alone would be least for a forecast of 0 where most periods have no sale (Kolassa, Why the
    "best" point forecast depends on the error or accuracy measure, International Journal of
    Forecasting 36, 2020); the second sees bias and level, the third weighs series alike.
    """
    ours, reference = _errors(forecast, target, rows), _errors(target.naive, target, rows)
    ratios = [
        (own / other if other > 0 else (_WORST_RATIO if own > 0 else 1.0))
        for own, other in zip(ours, reference, strict=True)
    ]
    return float(np.mean(np.minimum(ratios, _WORST_RATIO)))


def simplest_of_the_best(scores: Floats) -> int:
    """The row of scores (candidates x origins) that stays when each in turn challenges the last.

    A later one must win by more than the spread, so that of candidates alike the first is taken.
    """
    incumbent = 0
    for row in range(1, scores.shape[0]):
        if is_better(scores[row], scores[incumbent]):
            incumbent = row
    return incumbent


def choose_variants(
    method: str, options: Sequence[Variant], scores: Floats, counts: Ints
) -> dict[str, Variant]:
    """The parameters by class, from scores (options x origins x (classes and all))."""
    overall = simplest_of_the_best(scores[:, :, -1])
    found = {}
    for position, name in enumerate(CLASSES):
        is_large = counts[position] >= _LEAST_SERIES
        best = simplest_of_the_best(scores[:, :, position]) if is_large else overall
        found[name] = options[best]
    return found


def choose_serving(
    candidates: Sequence[str],
    scores: Floats,
    counts: Ints,
) -> tuple[dict[str, str], str]:
    """The candidate of each class if classes should differ, and the one for all.

    `scores` is candidates x origins x (classes and all).
    """
    overall = candidates[simplest_of_the_best(scores[:, :, -1])]
    by_class = {}
    for position, name in enumerate(CLASSES):
        is_large = counts[position] >= _LEAST_SERIES
        own = candidates[simplest_of_the_best(scores[:, :, position])]
        by_class[name] = own if is_large else overall
    return by_class, overall


def is_better(challenger: Floats, incumbent: Floats) -> bool:
    """Whether scores by origin are lower by more than their spread."""
    difference = incumbent - challenger
    return bool(difference.mean() > _spread(difference, incumbent))


def _spread(difference: Floats, reference: Floats) -> float:
    """The standard error of the mean difference; of one origin, a share of the score.

    Horizons of neighbouring origins overlap by half, so n origins tell as much as (n + 1) / 2.
    """
    if difference.size < 2:
        return _ONE_ORIGIN_SPREAD * float(reference.mean())
    return float(difference.std(ddof=1) / np.sqrt((difference.size + 1) / 2))


def _errors(forecast: Floats, target: Target, rows: Bools) -> tuple[float, float, float]:
    """Absolute errors of periods and of sums, and the mean root of the scaled squared error."""
    units = target.units[rows]
    is_known = np.isfinite(units)
    error = np.where(is_known, forecast[rows] - np.nan_to_num(units), 0.0)
    absolute, of_sums = float(np.abs(error).sum()), float(np.abs(error.sum(axis=1)).sum())
    count = is_known.sum(axis=1)
    usable = (count > 0) & np.isfinite(target.scale[rows])
    if not usable.any():
        return absolute, of_sums, 0.0
    squared = (error[usable] ** 2).sum(axis=1) / count[usable]
    rooted = np.sqrt(squared / target.scale[rows][usable])
    return absolute, of_sums, float(rooted.mean())
