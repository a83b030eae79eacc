"""Quantiles around a mean: negative binomial, calibrated on validation origins.

For each group of series (class and size of the forecast) the dispersion comes from moments; then
the level at which the distribution is read is moved until the probability integral transform of
what was seen says q. The transform is the non-randomised one for counts: Czado, Gneiting and Held,
Predictive model assessment for count data, Biometrics 65 (2009). Reading levels off held-out data
is split conformal prediction: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World
(2005).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc
from scipy.stats import nbinom

from ml.arrays import Floats, Ints
from ml.demand.classes import CLASSES
from ml.demand.metrics import QUANTILES

_LEAST_ROWS = 300
_LARGEST_GROUPS = 5
_LEAST_DISPERSION = 1e-3
_LEAST_MEAN = 1e-6
_OUTWARD = 0.125
"""Share of the tail by which p10 and p90 are read further out: rows of few overlapping origins say
less about the next one than their number, and demand drifts."""
_DIGITS = 3
"""Means are rounded to as many digits before a quantile is read: equal ones are read once."""


@dataclass(frozen=True)
class Group:
    """The distribution around means of at most `upper`: dispersion, floor of the mean, levels.

    The variance is mean + dispersion x mean^2; `levels` are where p10, p50 and p90 are read.
    """

    upper: float
    dispersion: float
    floor: float
    levels: tuple[float, ...]


NO_BOUND = sys.float_info.max  # finite, so that a model is valid JSON
DEFAULT = Group(NO_BOUND, 1.0, 0.0, tuple(QUANTILES.values()))
"""Where nothing could be validated."""


@dataclass(frozen=True)
class Calibration:
    """The groups of each class, by rising upper bound of the mean; the last has none."""

    groups: dict[str, tuple[Group, ...]]

    def quantiles(self, mean: Floats, classes: Ints) -> Floats:
        """Quantiles (QUANTILES x rows, whole numbers, not falling) of means by class of the row."""
        found = np.zeros((len(QUANTILES), mean.size))
        for position, name in enumerate(CLASSES):
            lower = -np.inf
            for group in self.groups.get(name, (DEFAULT,)):
                rows = (classes == position) & (mean > lower) & (mean <= group.upper)
                found[:, rows] = _read(mean[rows], group)
                lower = group.upper
        return np.maximum.accumulate(found, axis=0)


def calibrate(mean: Floats, units: Floats, classes: Ints) -> Calibration:
    """Learns the groups from forecast means, the units then seen and classes, all (rows,).

    A class with fewer than _LEAST_ROWS rows takes the groups of all.
    """
    overall = _groups(mean, units)
    found = {}
    for position, name in enumerate(CLASSES):
        rows = classes == position
        is_large = np.count_nonzero(rows) >= _LEAST_ROWS
        found[name] = _groups(mean[rows], units[rows]) if is_large else overall
    return Calibration(found)


def cumulative(units: Floats, mean: Floats, dispersion: float) -> Floats:
    """P(Y <= units) of the negative binomial; 0 below 0."""
    size = 1 / dispersion
    chance = size / (size + mean)
    inside = betainc(size, np.maximum(np.floor(units), 0) + 1, chance)
    found: Floats = np.where(units < 0, 0.0, inside)
    return found


def _groups(mean: Floats, units: Floats) -> tuple[Group, ...]:
    if mean.size < 2:
        return (DEFAULT,)
    count = int(np.clip(mean.size // _LEAST_ROWS, 1, _LARGEST_GROUPS))
    inner = np.unique(np.quantile(mean, np.arange(1, count) / count)).tolist()
    bounds = [*inner, NO_BOUND]
    found, lower = [], -np.inf
    for upper in bounds:
        rows = (mean > lower) & (mean <= upper)
        if rows.any():
            found.append(_group(mean[rows], units[rows], upper))
            lower = upper
    return tuple(found)


def _group(mean: Floats, units: Floats, upper: float) -> Group:
    low = mean <= np.quantile(mean, 0.1)
    floor = float(min(units[low].mean(), mean.mean()))
    shifted = np.maximum(mean, max(floor, _LEAST_MEAN))
    excess = float(((units - shifted) ** 2 - units).sum() / (shifted**2).sum())
    dispersion = max(excess, _LEAST_DISPERSION)
    below = cumulative(np.ceil(units) - 1, shifted, dispersion)
    mass = np.maximum(cumulative(np.floor(units), shifted, dispersion) - below, 1e-12)
    levels = [_level(below, mass, _outward(q)) for q in QUANTILES.values()]
    return Group(upper, dispersion, floor, tuple(levels))


def _outward(level: float) -> float:
    """A level moved away from the median by its share of the tail; the median stays."""
    if level < 0.5:
        return level * (1 - _OUTWARD)
    return level + (1 - level) * _OUTWARD if level > 0.5 else level


def _level(below: Floats, mass: Floats, wanted: float) -> float:
    """Where the mean transform, which rises from 0 to 1, reaches `wanted`: by bisection."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if np.clip((middle - below) / mass, 0.0, 1.0).mean() < wanted:
            low = middle
        else:
            high = middle
    return min(max((low + high) / 2, 1e-6), 1 - 1e-6)


def _read(mean: Floats, group: Group) -> Floats:
    if mean.size == 0:
        return np.zeros((len(group.levels), 0))
    shifted = np.maximum(mean, max(group.floor, _LEAST_MEAN))
    magnitude = 10.0 ** (np.floor(np.log10(shifted)) - _DIGITS + 1)
    rounded = np.round(shifted / magnitude) * magnitude
    distinct, back = np.unique(rounded, return_inverse=True)
    size = 1 / group.dispersion
    read: Sequence[Floats] = [
        nbinom.ppf(level, size, size / (size + distinct)) for level in group.levels
    ]
    return np.stack(read)[:, back]
